//! Chats as people see them: what was said, and the last entry about it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mongodb::bson::{DateTime, Document, doc};

use super::room::Head;
use super::room::cleanup::Cleanup;
use super::room::log::{Appended, Draft, Entry, EntryKind, PAGE_SIZE, RoomLog};
use super::values::{ChatText, Nonce};
use super::{RoomId, User, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::Job;

/// Chats on one page.
pub(crate) const CHATS_PER_PAGE: i64 = 50;
/// Entries that the last chat is looked for in first: nearly always enough, and little text.
const LAST_CHAT_WINDOW: i64 = 8;
/// Text that a feed brings at once, in bytes: several screens of it.
const MAX_BATCH_BYTES: usize = 48 * 1024;

/// One chat in the form that its last entry gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Where.
    pub room: RoomId,
    /// The number of the entry that said it: what it is known by.
    pub seq: i64,
    /// Its number among the chats.
    pub no: i64,
    /// The number of the last entry about it.
    pub rev: i64,
    /// Who said it.
    pub(crate) author: UserId,
    /// What was said; empty once removed.
    pub text: String,
    /// When it was said.
    pub(crate) at: DateTime,
    /// Whether it was removed.
    pub removed: bool,
}

/// A page of a room: a window of chat numbers.
pub(crate) struct ChatWindow {
    /// In order.
    pub chats: Vec<Chat>,
    /// The cursor of a feed that goes on where this page ends.
    pub upto: i64,
    /// What to ask `before` for the page before this one; `None` on the first.
    pub before: Option<i64>,
}

/// What a feed brings at once: the chats that a window of entries is about.
pub(crate) struct ChatUpdates {
    /// In order, each once, in its latest form.
    pub chats: Vec<Chat>,
    /// The last entry's number: the next cursor.
    pub upto: i64,
    /// Whether the last entry is *closed*.
    pub closed: bool,
}

/// The end of a log, as a list of rooms shows it.
pub(crate) struct LastChat {
    /// The last chat that is not removed; `None` also when the last [`PAGE_SIZE`] entries say nothing of one.
    pub chat: Option<Chat>,
    /// The last entry's number.
    pub upto: i64,
}

/// A chat that was asked to be said.
pub(crate) struct PostedChat {
    /// The chat.
    pub chat: Chat,
    /// Whether it stood already, said with this nonce before.
    pub is_duplicate: bool,
}

impl RoomLog {
    /// Says something. Answers when it is durable.
    ///
    /// # Errors
    /// `nonce: NonceUsed` when it was used for another text, `NotFound` when the room is closed,
    /// `Unavailable` when the database is away: said again with the same nonce, it is said once.
    pub async fn post(self: &Arc<Self>, author: &User, text: ChatText, nonce: Nonce) -> Result<PostedChat> {
        match self.append(Draft::said(author.id, text.clone(), nonce)).await? {
            Appended::New(entry) => {
                Chat::from_entry(&entry).map(|chat| PostedChat { chat, is_duplicate: false }).ok_or(Error::NotFound)
            }
            Appended::Duplicate(entry) => {
                let chat = self.chat(entry.seq).await?;
                let same = entry.text.as_ref().is_none_or(|said| *said == text);
                if same {
                    Ok(PostedChat { chat, is_duplicate: true })
                } else {
                    Err(Error::field("nonce", FieldError::NonceUsed))
                }
            }
            Appended::ChatRemoved | Appended::TooManyEdits | Appended::Closed => Err(Error::NotFound),
        }
    }

    /// Gives one's own chat another text. Answers it in its new form when that is durable.
    ///
    /// # Errors
    /// `Forbidden` to all but its author, `NotFound` when it is missing or was removed, `text: EditedOften`, or the
    /// database's.
    pub async fn edit(self: &Arc<Self>, by: &User, seq: i64, text: ChatText) -> Result<Chat> {
        let mut chat = self.editable(by, seq).await?;
        if chat.text == text.as_str() {
            // It may be this same edit, whose answer was lost.
            self.db().ensure_durable().await?;
            return Ok(chat);
        }
        match self.append(Draft::edited(seq, by.id, text)).await? {
            Appended::New(entry) | Appended::Duplicate(entry) => {
                chat.apply(&entry);
                Ok(chat)
            }
            Appended::ChatRemoved | Appended::Closed => Err(Error::NotFound),
            Appended::TooManyEdits => Err(Error::field("text", FieldError::EditedOften)),
        }
    }

    /// Returns a chat that this person may edit.
    ///
    /// # Errors
    /// `Forbidden` to all but its author, `NotFound` when it is missing or was removed, or the database's.
    pub(crate) async fn editable(self: &Arc<Self>, by: &User, seq: i64) -> Result<Chat> {
        let chat = self.chat(seq).await?;
        match chat.can_edit(by) {
            false => Err(Error::Forbidden),
            true if chat.removed => Err(Error::NotFound),
            true => Ok(chat),
        }
    }

    /// Removes a chat for good: nobody is shown what it said, and in a moment it is stored nowhere. Removing it again
    /// is no error.
    ///
    /// # Errors
    /// `Forbidden` to all but its author and admins, `NotFound` when it is missing, or the database's.
    pub async fn remove(self: &Arc<Self>, by: &User, seq: i64) -> Result<Chat> {
        let mut chat = self.chat(seq).await?;
        if !chat.can_remove(by) {
            return Err(Error::Forbidden);
        }
        let job = Job::create(self.db(), Cleanup::of_chat(self.room, seq)).await?;
        match self.append(Draft::removed(seq, by.id)).await {
            Ok(Appended::New(entry) | Appended::Duplicate(entry)) => {
                job.spawn(self.db());
                chat.apply(&entry);
                Ok(chat)
            }
            Ok(Appended::ChatRemoved | Appended::TooManyEdits | Appended::Closed) => {
                job.complete(self.db()).await?;
                Err(Error::NotFound)
            }
            Err(error) => {
                job.spawn_delayed(self.db());
                Err(error)
            }
        }
    }

    /// The chat of this number.
    ///
    /// # Errors
    /// `NotFound` when the entry is missing or is no chat; the database's.
    pub async fn chat(self: &Arc<Self>, seq: i64) -> Result<Chat> {
        let said = self.entry(seq).await?.ok_or(Error::NotFound)?;
        let about = self.revisions_of(doc! { "of": seq }).await?;
        fold([said].iter(), about.iter()).into_iter().next().ok_or(Error::NotFound)
    }

    /// Whether a chat is older than the latest page, as far as this site has seen.
    pub(crate) fn is_on_older_page(&self, chat: &Chat) -> bool {
        self.head().is_some_and(|top| top.no - chat.no >= CHATS_PER_PAGE)
    }

    /// The end of the log as a page has to know it: all that anybody was told stands before it.
    ///
    /// # Errors
    /// `NotFound` when the log has ended; the database's.
    pub async fn current_head(&self) -> Result<Head> {
        let top = match self.head() {
            // What no other instance writes need not be asked for.
            Some(top) if self.db().members().is_sole_instance() && top.seq >= self.start().seq => top,
            _ => self.fetch_head().await?,
        };
        if top.closed { Err(Error::NotFound) } else { Ok(top) }
    }

    /// The page of a log that ends with `top`: its last [`PAGE`] chats, or those before chat number `before`. What comes
    /// after comes by the feed.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(self: &Arc<Self>, top: Head, before: Option<i64>) -> Result<ChatWindow> {
        let last = before.map_or(top.no, |before| before.saturating_sub(1).clamp(0, top.no));
        let first = (last - CHATS_PER_PAGE + 1).max(1);
        let said = match last {
            0 => Vec::new(),
            _ => self.find(doc! { "no": { "$gte": first, "$lte": last } }).await?,
        };
        let about = self.revisions_in_range(said.iter()).await?;
        let chats = fold(said.iter(), about.iter());
        // Whoever reads backwards must not take the end of the log for a cursor.
        let upto = match before {
            Some(_) => chats.last().map_or(0, |chat| chat.seq),
            None => top.seq,
        };
        Ok(ChatWindow { chats, upto, before: (first > 1).then_some(first) })
    }

    /// The last chat that is not removed, read in one window of the last entries, or in two.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn last_chat(&self) -> Result<LastChat> {
        let mut entries = self.read((self.known_seq() - LAST_CHAT_WINDOW).max(0)).await?;
        if entries.len() as i64 == PAGE_SIZE {
            // What was known of the end is old, and this may not be it.
            let top = self.fetch_head().await?;
            entries = self.read((top.seq - LAST_CHAT_WINDOW).max(0)).await?;
        }
        let Some(end) = entries.last().cloned() else { return Ok(LastChat { chat: None, upto: 0 }) };
        self.advance_head(Head::from(&*end));
        let mut chat = last_visible(&entries);
        if chat.is_none() && entries[0].seq > 1 && end.kind != EntryKind::Closed {
            chat = last_visible(&self.read((end.seq - PAGE_SIZE).max(0)).await?);
        }
        Ok(LastChat { chat: chat.filter(|_| end.kind != EntryKind::Closed), upto: end.seq })
    }

    /// What the window of entries after `since` is about: at most [`PAGE_SIZE`] of them, and [`BYTES`] of text.
    ///
    /// # Errors
    /// The database's.
    pub async fn updates(self: &Arc<Self>, since: i64) -> Result<ChatUpdates> {
        let read = self.read(since).await?;
        if read.is_empty()
            && let Some(end) = self.head().filter(|top| top.closed && top.seq > since)
        {
            // Purged meanwhile: nothing is left to be told but that it has ended.
            return Ok(ChatUpdates { chats: Vec::new(), upto: end.seq, closed: true });
        }
        let entries = limit_bytes(&read);
        let upto = entries.last().map_or(since, |last| last.seq);
        let closed = entries.last().is_some_and(|last| last.kind == EntryKind::Closed);

        // What older chats have become is news too, with all that became of them before; and behind the end more may
        // have become of the others.
        let (older, mut later) = (referenced_outside(entries), Vec::new());
        let is_behind = read.len() as i64 == PAGE_SIZE || entries.len() < read.len();
        let entries = || entries.iter().map(|entry| &**entry);
        if is_behind {
            later = self.revisions_in_range(entries().filter(|entry| entry.kind == EntryKind::Said)).await?;
        }
        if older.is_empty() {
            return Ok(ChatUpdates { chats: fold(entries(), entries().chain(&later)), upto, closed });
        }
        later.extend(self.revisions_of(doc! { "of": { "$in": &older } }).await?);
        let older = self.find(doc! { "seq": { "$in": older } }).await?;
        Ok(ChatUpdates { chats: fold(entries().chain(&older), entries().chain(&later)), upto, closed })
    }

    /// The entries about chats, in a window of `of`, that say what became of them: of each the last edit and the
    /// removal.
    async fn revisions_of(self: &Arc<Self>, window: Document) -> Result<Vec<Entry>> {
        let mut last: HashMap<(i64, bool), i64> = HashMap::new();
        let mut edited_often = HashSet::new();
        for mark in self.revisions(window).await? {
            if let (EntryKind::Edited | EntryKind::Removed, Some(of)) = (mark.kind, mark.of) {
                let seq = last.entry((of, mark.kind == EntryKind::Removed)).or_default();
                if *seq > 0 {
                    edited_often.insert(of);
                }
                *seq = mark.seq.max(*seq);
            }
        }
        self.supersede(edited_often.into_iter());
        if last.is_empty() {
            return Ok(Vec::new());
        }
        self.find(doc! { "seq": { "$in": last.into_values().collect::<Vec<_>>() } }).await
    }

    /// The same about a run of chats.
    async fn revisions_in_range(self: &Arc<Self>, said: impl Iterator<Item = &Entry> + Clone) -> Result<Vec<Entry>> {
        let first = said.clone().map(|entry| entry.seq).min();
        let last = said.map(|entry| entry.seq).max();
        match (first, last) {
            (Some(first), Some(last)) => self.revisions_of(doc! { "of": { "$gte": first, "$lte": last } }).await,
            _ => Ok(Vec::new()),
        }
    }
}

impl Chat {
    /// A chat as it was first said; `None` when the entry says nothing.
    fn from_entry(entry: &Entry) -> Option<Self> {
        let (EntryKind::Said, Some(no)) = (entry.kind, entry.no) else { return None };
        Some(Self {
            room: entry.room(),
            seq: entry.seq,
            no,
            rev: entry.seq,
            author: entry.author,
            text: text(entry),
            at: entry.at,
            removed: false,
        })
    }

    /// Whether this person may edit it: its author.
    pub(crate) fn can_edit(&self, user: &User) -> bool {
        user.id == self.author
    }

    /// Whether this person may remove it: its author, or an admin.
    pub(crate) fn can_remove(&self, user: &User) -> bool {
        user.id == self.author || user.admin
    }

    /// What an entry about it makes of it. Removed is removed, whatever comes in which order; what a later version
    /// writes about it says nothing.
    fn apply(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::Removed => {
                self.removed = true;
                self.text.clear();
            }
            EntryKind::Edited if entry.seq > self.rev && !self.removed => self.text = text(entry),
            EntryKind::Edited => {}
            EntryKind::Said | EntryKind::Closed | EntryKind::Unknown => return,
        }
        self.rev = self.rev.max(entry.seq);
    }
}

/// The last chat in a window up to the end of a log that is not removed: what became of it is in the window too.
fn last_visible(entries: &[Arc<Entry>]) -> Option<Chat> {
    let entries = || entries.iter().map(|entry| &**entry);
    fold(entries(), entries()).into_iter().rfind(|chat| !chat.removed)
}

fn text(entry: &Entry) -> String {
    entry.text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
}

/// The first of the entries, as far as their texts are [`BYTES`] together; but one always.
fn limit_bytes(entries: &[Arc<Entry>]) -> &[Arc<Entry>] {
    let mut bytes = 0;
    let fits = entries.iter().take_while(|entry| {
        bytes += entry.text.as_ref().map_or(0, |text| text.as_str().len());
        bytes <= MAX_BATCH_BYTES
    });
    let count = fits.count();
    &entries[..count.max(1).min(entries.len())]
}

/// The chats that entries are about but do not say.
fn referenced_outside(entries: &[Arc<Entry>]) -> Vec<i64> {
    let first = entries.first().map_or(0, |entry| entry.seq);
    let mut strangers: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.kind != EntryKind::Unknown)
        .filter_map(|entry| entry.of)
        .filter(|of| *of < first)
        .collect();
    strangers.sort_unstable();
    strangers.dedup();
    strangers
}

/// Lays the entries about chats on what was said.
fn fold<'a>(said: impl Iterator<Item = &'a Entry>, about: impl Iterator<Item = &'a Entry>) -> Vec<Chat> {
    let mut chats: BTreeMap<i64, Chat> = said.filter_map(Chat::from_entry).map(|chat| (chat.seq, chat)).collect();
    for entry in about {
        if let Some(chat) = entry.target().and_then(|of| chats.get_mut(&of)) {
            chat.apply(entry);
        }
    }
    chats.into_values().collect()
}
