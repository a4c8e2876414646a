//! Chats: *said* entries folded with the last entries about them.

mod delivery;
mod file_sweep;
mod mentions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::try_join;
use mongodb::bson::{DateTime, Document, doc};

use super::file::{Reservation, StoredFile, names};
use super::room::Head;
use super::room::cleanup::Cleanup;
use super::room::log::{Appended, Draft, Entry, EntryKind, EventPlace, RoomLog, WINDOW_SIZE};
use super::values::{ChatText, Nonce};
use super::{Event, Mention, RoomId, User, UserId};
use crate::attachment::{Attachment, FileName};
use crate::error::{Error, FieldError, Result};
use crate::store::{Job, Work};
pub(crate) use delivery::Delivery;
pub(crate) use file_sweep::sweep_files;
pub use mentions::ChatInput;

pub(crate) const CHATS_PER_PAGE: i64 = 50;
/// Chats on each side of the one that a page is around.
const CHATS_AROUND: i64 = 25;
/// Entries in the first window that is searched for the last chat. It nearly always holds one.
const LAST_CHAT_WINDOW: i64 = 8;
/// Edits of one chat at the same moment.
const MAX_ATTEMPTS: usize = 16;
/// Maximum text of one batch of updates, in bytes.
const MAX_BATCH_BYTES: usize = 48 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub room: RoomId,
    /// The number of its *said* entry, which identifies it.
    pub seq: i64,
    pub no: i64,
    /// The number of the last entry about it.
    pub rev: i64,
    pub(crate) author: UserId,
    /// Empty once the chat is removed.
    pub text: String,
    /// In order of their places in the text. Empty once the chat is removed.
    pub mentions: Vec<Mention>,
    /// Empty once the chat is removed.
    pub files: Vec<Attachment>,
    pub(crate) at: DateTime,
    pub removed: bool,
}

/// The place of a page in a log, by numbers of chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PageAnchor {
    #[default]
    Latest,
    Before(i64),
    Around(i64),
}

pub struct ChatWindow {
    pub chats: Vec<Chat>,
    /// The events behind each of the chats. Those before the first chat of the room belong to it too.
    pub events: Vec<Event>,
    /// The cursor of a feed that continues after this window.
    pub upto: i64,
    /// The `before` of the previous window. `None` on the first one.
    pub before: Option<i64>,
    /// The number of the last chat. `None` if the window reaches to the head.
    pub after: Option<i64>,
}

/// The chats that a window of entries is about.
pub struct ChatUpdates {
    pub chats: Vec<Chat>,
    pub events: Vec<Event>,
    /// Whose memberships ended.
    pub(crate) left: Vec<UserId>,
    pub upto: i64,
    pub closed: bool,
}

pub(crate) struct LastChat {
    /// `None` also if the last [`WINDOW_SIZE`] entries hold no visible chat.
    pub chat: Option<Chat>,
    pub upto: i64,
}

pub struct PostedChat {
    pub chat: Chat,
    /// Whether an earlier request with this nonce created it.
    pub is_duplicate: bool,
}

impl RoomLog {
    /// Posts a chat. Returns once it is durable.
    /// Fails with `nonce: NonceUsed` if the nonce belongs to another text or other files, `NotFound` if the room is closed,
    /// `QuotaExceeded`. After `Unavailable` the chat may exist; posting again with the same nonce creates no second one.
    pub async fn post(
        self: &Arc<Self>,
        author: &User,
        input: impl Into<ChatInput<'_>>,
        nonce: Nonce,
    ) -> Result<PostedChat> {
        let input = input.into();
        let mentions = input.mentions(self.db(), author, &[]).await?;
        let (text, files) = (&input.text, input.files());
        let mut reservation = None;
        if let Some(new) = &input.new_files {
            // A retry of a posted chat needs no space.
            let posted = doc! { "author": author.id, "nonce": nonce.as_str() };
            match StoredFile::reserve(self.db(), self.room, (author, &nonce), new).await {
                Ok(reserved) => reservation = reserved,
                Err(error) if self.find(posted).await?.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        let delivery = match mentions.is_empty() {
            true => None,
            false => Some(Job::create(self.db(), Delivery::of_new(self.room, author.id, nonce.clone())).await?),
        };
        let said =
            self.append(Draft::said(author.id, text.clone(), nonce).mentioning(mentions).with_files(files)).await;
        let appended = self.run_after(delivery, said)?;
        self.settle_files(files, reservation, &appended).await;
        match appended {
            Appended::New(entry) => {
                Chat::from_entry(&entry).map(|chat| PostedChat { chat, is_duplicate: false }).ok_or(Error::NotFound)
            }
            Appended::Duplicate(entry) => {
                let chat = self.chat(entry.seq).await?;
                let same_files = || entry.file_names().into_iter().eq(files.iter().map(|file| &file.path));
                // A wiped entry has no text.
                if entry.text.as_ref().is_none_or(|said| said == text && same_files()) {
                    Ok(PostedChat { chat, is_duplicate: true })
                } else {
                    Err(Error::field("nonce", FieldError::NonceUsed))
                }
            }
            Appended::ChatRemoved | Appended::Stale | Appended::TooManyEdits | Appended::Closed => Err(Error::NotFound),
        }
    }

    /// Gives the reserved files to the chat that has them, and discards the others. What fails is left to the sweep.
    async fn settle_files(&self, files: &[Attachment], reservation: Option<Reservation>, appended: &Appended) {
        if files.is_empty() {
            return;
        }
        let settled = async {
            let (seq, has): (i64, Vec<FileName>) = match appended {
                Appended::New(entry) => (entry.seq, entry.file_names().into_iter().cloned().collect()),
                // An edit may have taken files away since.
                Appended::Duplicate(entry) => (entry.seq, self.kept_files(entry.seq).await?),
                _ => (0, Vec::new()),
            };
            let (of_chat, others): (Vec<&str>, Vec<&str>) =
                names(files).into_iter().partition(|name| has.iter().any(|has| has.as_str() == *name));
            // Files that are discarded are counted by the sweep.
            let reservation = reservation.filter(|_| others.is_empty());
            if !others.is_empty() {
                StoredFile::discard(self.db(), doc! { "_id": { "$in": others }, "seq": null }).await?;
            }
            if of_chat.is_empty() {
                return Ok(());
            }
            StoredFile::assign(self.db(), &of_chat, seq).await?;
            match reservation {
                Some(reservation) => reservation.settle(self.db()).await,
                None => Ok(()),
            }
        };
        if let Err(error) = settled.await {
            log::debug!("files left to the sweep: room={} error={error}", self.room);
        }
    }

    /// Changes the user's own chat: its text, and which files it has. Returns once the edit is durable.
    /// Fails with `Forbidden` unless `by` is the author, `NotFound` if the chat is missing or removed, `text: EditedOften`,
    /// `text: Empty` if neither text nor files remain.
    pub async fn edit(self: &Arc<Self>, by: &User, seq: i64, input: impl Into<ChatInput<'_>>) -> Result<Chat> {
        let input = input.into();
        for _ in 0..MAX_ATTEMPTS {
            if let Some(chat) = self.try_edit(by, seq, &input).await? {
                return Ok(chat);
            }
        }
        Err(Error::Unavailable("the chat has too many editors".into()))
    }

    /// Returns `None` if another edit was faster.
    async fn try_edit(self: &Arc<Self>, by: &User, seq: i64, input: &ChatInput<'_>) -> Result<Option<Chat>> {
        let mut chat = self.editable(by, seq).await?;
        let (text, mentions) = match input.keeps_text {
            true => (ChatText::from_stored(&chat.text), chat.mentions.clone()),
            false => (input.text.clone(), input.mentions(self.db(), by, &chat.mentions).await?),
        };
        let files: Vec<Attachment> = chat.files.iter().filter(|file| !input.takes_away(file.n)).cloned().collect();
        if text.is_empty() && files.is_empty() {
            return Err(Error::field("text", FieldError::Empty));
        }
        if chat.text == text.as_str() && chat.mentions == mentions && chat.files == files {
            // This may be a retry of an edit whose answer was lost.
            self.db().ensure_durable().await?;
            return Ok(Some(chat));
        }
        let delivery = match mentions.is_empty() {
            true => None,
            false => Some(Job::create(self.db(), Delivery::of_edited(self.room, by.id, seq)).await?),
        };
        let cleanup = match chat.files == files {
            true => None,
            false => Some(Job::create(self.db(), Cleanup::of_chat(self.room, seq)).await?),
        };
        let mut draft = Draft::edited(seq, by.id, text).mentioning(mentions).with_files(&files);
        if !chat.files.is_empty() {
            draft = draft.unless_edited_since(chat.rev);
        }
        let appended = self.run_after(delivery, self.append(draft).await);
        match self.run_after(cleanup, appended)? {
            Appended::New(entry) | Appended::Duplicate(entry) => {
                chat.apply(&entry);
                Ok(Some(chat))
            }
            Appended::Stale => Ok(None),
            Appended::ChatRemoved | Appended::Closed => Err(Error::NotFound),
            Appended::TooManyEdits => Err(Error::field("text", FieldError::EditedOften)),
        }
    }

    /// Starts the job of an append. After an error it waits: the entry may exist.
    fn run_after<W: Work>(&self, job: Option<Job<W>>, appended: Result<Appended>) -> Result<Appended> {
        match (job, &appended) {
            (None, _) => {}
            (Some(job), Ok(_)) => job.spawn(self.db()),
            (Some(job), Err(_)) => job.spawn_delayed(self.db()),
        }
        appended
    }

    /// Returns a chat that the user may edit.
    /// Fails with `Forbidden` unless `by` is the author, `NotFound` if the chat is missing or removed.
    pub(crate) async fn editable(self: &Arc<Self>, by: &User, seq: i64) -> Result<Chat> {
        let chat = self.chat(seq).await?;
        match chat.can_edit(by) {
            false => Err(Error::Forbidden),
            true if chat.removed => Err(Error::NotFound),
            true => Ok(chat),
        }
    }

    /// Removes a chat permanently. Its text is wiped from the database shortly after. Idempotent.
    /// Fails with `Forbidden` unless `by` is the author or an admin, `NotFound` if the chat is missing.
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
            Ok(Appended::ChatRemoved | Appended::Stale | Appended::TooManyEdits | Appended::Closed) => {
                job.complete(self.db()).await?;
                Err(Error::NotFound)
            }
            Err(error) => {
                job.spawn_delayed(self.db());
                Err(error)
            }
        }
    }

    /// Fails with `NotFound` if the entry is missing or no *said* entry.
    pub async fn chat(self: &Arc<Self>, seq: i64) -> Result<Chat> {
        let said = self.entry(seq).await?.ok_or(Error::NotFound)?;
        let about = self.revisions_of(doc! { "of": seq }).await?;
        fold([said].iter(), about.iter()).into_iter().next().ok_or(Error::NotFound)
    }

    /// Returns whether the latest page lacks a chat, or may lack it.
    pub(crate) fn is_on_older_page(&self, chat: &Chat) -> bool {
        self.head().is_none_or(|head| head.no - chat.no >= CHATS_PER_PAGE)
    }

    /// Returns a head that no acknowledged entry is beyond.
    /// Fails with `NotFound` if the log is closed.
    pub async fn current_head(&self) -> Result<Head> {
        let head = match self.head() {
            // A sole instance has seen every entry.
            Some(head) if self.db().members().is_sole_instance() && head.seq >= self.start().seq => head,
            _ => self.fetch_head().await?,
        };
        if head.closed { Err(Error::NotFound) } else { Ok(head) }
    }

    /// Returns the chats of a page, up to a head, and the events between them if the log `has_events`.
    pub async fn page(self: &Arc<Self>, head: Head, anchor: PageAnchor, has_events: bool) -> Result<ChatWindow> {
        let (first, last) = anchor.window(head.no);
        let said = match last {
            0 => Vec::new(),
            _ => self.find(doc! { "no": { "$gte": first, "$lte": last } }).await?,
        };
        let events = async {
            match has_events {
                true => self.events(head, anchor).await,
                false => Ok(Vec::new()),
            }
        };
        let (about, events) = try_join(self.revisions_in_range(said.iter()), events).await?;
        let chats = fold(said.iter(), about.iter());
        // The cursor of an older window must not skip the chats between it and the head.
        let upto = match anchor {
            PageAnchor::Latest => head.seq,
            PageAnchor::Before(_) | PageAnchor::Around(_) => chats.last().map_or(0, |chat| chat.seq),
        };
        let (before, after) = ((first > 1).then_some(first), (last < head.no).then_some(last));
        Ok(ChatWindow { chats, events, upto, before, after })
    }

    /// Returns the events behind the chats of a page, up to a head.
    async fn events(&self, head: Head, anchor: PageAnchor) -> Result<Vec<Event>> {
        let (first, last) = anchor.window(head.no);
        // Before the first chat of the room stands number 0.
        let (first, last) = EventPlace::window(if first > 1 { first } else { 0 }, last);
        let entries = self.find(doc! { "place": { "$gte": first, "$lte": last } }).await?;
        Ok(entries.iter().filter(|entry| entry.seq <= head.seq).filter_map(Event::from_entry).collect())
    }

    /// Returns the last visible chat, found in at most two windows of the last entries.
    pub(crate) async fn last_chat(&self) -> Result<LastChat> {
        let mut entries = self.read((self.known_seq() - LAST_CHAT_WINDOW).max(0)).await?;
        if entries.len() as i64 == WINDOW_SIZE {
            // The known head was old, so these may not be the last entries.
            let head = self.fetch_head().await?;
            entries = self.read((head.seq - LAST_CHAT_WINDOW).max(0)).await?;
        }
        let Some(end) = entries.last().cloned() else { return Ok(LastChat { chat: None, upto: 0 }) };
        self.advance_head(Head::from(&*end));
        let mut chat = last_visible(&entries);
        if chat.is_none() && entries[0].seq > 1 && end.kind != EntryKind::Closed {
            chat = last_visible(&self.read((end.seq - WINDOW_SIZE).max(0)).await?);
        }
        Ok(LastChat { chat: chat.filter(|_| end.kind != EntryKind::Closed), upto: end.seq })
    }

    /// Returns the chats that the entries after `since` are about, and the events among them: at most [`WINDOW_SIZE`] entries and
    /// [`MAX_BATCH_BYTES`] of text.
    pub async fn updates(self: &Arc<Self>, since: i64) -> Result<ChatUpdates> {
        let read = self.read(since).await?;
        if read.is_empty()
            && let Some(end) = self.head().filter(|head| head.closed && head.seq > since)
        {
            // The log was purged. All that is left to report is its end.
            return Ok(ChatUpdates {
                chats: Vec::new(),
                events: Vec::new(),
                left: Vec::new(),
                upto: end.seq,
                closed: true,
            });
        }
        let entries = limit_bytes(&read);
        let upto = entries.last().map_or(since, |last| last.seq);
        let closed = entries.last().is_some_and(|last| last.kind == EntryKind::Closed);
        let events = entries.iter().filter_map(|entry| Event::from_entry(entry)).collect();

        // Older chats that these entries change are read too. If entries follow the window, they may change its
        // chats.
        let (older, mut later) = (earlier_targets(entries), Vec::new());
        let departures = entries.iter().filter(|entry| entry.kind == EntryKind::Left);
        let left = departures.filter_map(|entry| entry.user).collect();
        let is_behind = read.len() as i64 == WINDOW_SIZE || entries.len() < read.len();
        let entries = || entries.iter().map(|entry| &**entry);
        if is_behind {
            later = self.revisions_in_range(entries().filter(|entry| entry.kind == EntryKind::Said)).await?;
        }
        if older.is_empty() {
            return Ok(ChatUpdates { chats: fold(entries(), entries().chain(&later)), events, left, upto, closed });
        }
        later.extend(self.revisions_of(doc! { "of": { "$in": &older } }).await?);
        let older = self.find(doc! { "seq": { "$in": older } }).await?;
        Ok(ChatUpdates { chats: fold(entries().chain(&older), entries().chain(&later)), events, left, upto, closed })
    }

    /// Returns the last edit and the removal of each chat in a window of `of`.
    async fn revisions_of(self: &Arc<Self>, window: Document) -> Result<Vec<Entry>> {
        let mut last: HashMap<(i64, bool), i64> = HashMap::new();
        let mut edited_often = HashSet::new();
        for revision in self.revisions(window).await? {
            if let (EntryKind::Edited | EntryKind::Removed, Some(of)) = (revision.kind, revision.of) {
                let seq = last.entry((of, revision.kind == EntryKind::Removed)).or_default();
                if *seq > 0 {
                    edited_often.insert(of);
                }
                *seq = revision.seq.max(*seq);
            }
        }
        self.supersede(edited_often.into_iter());
        if last.is_empty() {
            return Ok(Vec::new());
        }
        self.find(doc! { "seq": { "$in": last.into_values().collect::<Vec<_>>() } }).await
    }

    async fn revisions_in_range(self: &Arc<Self>, said: impl Iterator<Item = &Entry> + Clone) -> Result<Vec<Entry>> {
        let first = said.clone().map(|entry| entry.seq).min();
        let last = said.map(|entry| entry.seq).max();
        match (first, last) {
            (Some(first), Some(last)) => self.revisions_of(doc! { "of": { "$gte": first, "$lte": last } }).await,
            _ => Ok(Vec::new()),
        }
    }
}

impl PageAnchor {
    /// Returns the anchor that shows the same chats in a log of `count` chats, so that each page has one key.
    pub(crate) fn clamped(self, count: i64) -> Self {
        match self {
            Self::Latest => Self::Latest,
            Self::Before(no) => Self::Before(no.min(count.saturating_add(1))),
            Self::Around(no) => Self::Around(no.min(count)),
        }
    }

    /// Returns the first and the last chat in a log of `count` chats. The last is 0 if there is none.
    fn window(self, count: i64) -> (i64, i64) {
        let (first, last) = match self.clamped(count) {
            Self::Latest => (count - CHATS_PER_PAGE + 1, count),
            Self::Before(no) => (no - CHATS_PER_PAGE, no - 1),
            Self::Around(no) => (no - CHATS_AROUND, no + CHATS_AROUND),
        };
        (first.max(1), last.clamp(0, count.max(0)))
    }
}

impl Chat {
    fn from_entry(entry: &Entry) -> Option<Self> {
        let (EntryKind::Said, Some(no)) = (entry.kind, entry.no) else { return None };
        Some(Self {
            room: entry.room(),
            seq: entry.seq,
            no,
            rev: entry.seq,
            author: entry.author,
            text: text(entry),
            mentions: entry.mentions.clone().unwrap_or_default(),
            files: entry.files.clone().unwrap_or_default(),
            at: entry.at,
            removed: false,
        })
    }

    pub(crate) fn can_edit(&self, user: &User) -> bool {
        user.id == self.author
    }

    pub(crate) fn can_remove(&self, user: &User) -> bool {
        user.id == self.author || user.admin
    }

    /// Applies an entry. A removal wins over edits in any order. Unknown kinds change nothing.
    fn apply(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::Removed => {
                self.removed = true;
                self.text.clear();
                self.mentions.clear();
                self.files.clear();
            }
            EntryKind::Edited if entry.seq > self.rev && !self.removed => {
                self.text = text(entry);
                self.mentions = entry.mentions.clone().unwrap_or_default();
                self.files = entry.files.clone().unwrap_or_default();
            }
            EntryKind::Edited => {}
            EntryKind::Said | EntryKind::Joined | EntryKind::Left | EntryKind::Closed | EntryKind::Unknown => return,
        }
        self.rev = self.rev.max(entry.seq);
    }
}

/// Returns the last visible chat of a window that reaches to the head, so that it holds all revisions.
fn last_visible(entries: &[Arc<Entry>]) -> Option<Chat> {
    let entries = || entries.iter().map(|entry| &**entry);
    fold(entries(), entries()).into_iter().rfind(|chat| !chat.removed)
}

fn text(entry: &Entry) -> String {
    entry.text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
}

/// Returns the first entries up to [`MAX_BATCH_BYTES`] of text, but at least one.
fn limit_bytes(entries: &[Arc<Entry>]) -> &[Arc<Entry>] {
    let mut bytes = 0;
    let fits = entries.iter().take_while(|entry| {
        bytes += entry.text.as_ref().map_or(0, |text| text.as_str().len()) + entry.file_bytes();
        bytes <= MAX_BATCH_BYTES
    });
    let count = fits.count();
    &entries[..count.max(1).min(entries.len())]
}

/// Returns the chats that entries refer to and that come before them.
fn earlier_targets(entries: &[Arc<Entry>]) -> Vec<i64> {
    let first = entries.first().map_or(0, |entry| entry.seq);
    let mut targets: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.kind != EntryKind::Unknown)
        .filter_map(|entry| entry.of)
        .filter(|of| *of < first)
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn fold<'a>(said: impl Iterator<Item = &'a Entry>, about: impl Iterator<Item = &'a Entry>) -> Vec<Chat> {
    let mut chats: BTreeMap<i64, Chat> = said.filter_map(Chat::from_entry).map(|chat| (chat.seq, chat)).collect();
    for entry in about {
        if let Some(chat) = entry.target().and_then(|of| chats.get_mut(&of)) {
            chat.apply(entry);
        }
    }
    chats.into_values().collect()
}
