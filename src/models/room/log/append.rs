//! Appending: compare-and-set, group commit, exactly once for each nonce.
//!
//! Drafts wait in the log's queue. One writer takes all waiting drafts and inserts them as one ordered batch after
//! the head it knows. An error does not tell reliably which key clashed or what was written. After any error the
//! writer therefore reads from that head, acknowledges the drafts it finds and renumbers the rest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use parking_lot::MutexGuard;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::entry::EventPlace;
use super::{Entry, EntryKind, MAX_HEAD_AGE, RoomLog, WINDOW_SIZE};
use crate::attachment::Attachment;
use crate::error::{Error, Result};
use crate::models::room::{Head, Room};
use crate::models::values::{ChatText, Nonce};
use crate::models::{Mention, RoomId, UserId};
use crate::store::{HARD_TIMEOUT, QUERY_TIMEOUT, with_timeout};

/// At most 512 × 48 KB: half of the largest message that MongoDB takes.
const MAX_BATCH: usize = 512;
/// Beyond these bounds the database is not keeping up, and clients get 503.
const MAX_PENDING: usize = 8_192;
const MAX_PENDING_BYTES: usize = 16 << 20;
/// A removal wipes the text of each edit, so their number is bounded.
const MAX_EDITS: i64 = 1_000;
const MAX_POLL_DELAY: Duration = Duration::from_secs(2);
const CONCURRENT_LOOKUPS: usize = 16;
/// How long the stored head hint may lag. With many quiet rooms a shorter interval would cost a write for nearly
/// every chat.
const HEAD_HINT_INTERVAL: Duration = Duration::from_secs(30);

pub(crate) struct Draft {
    id: ObjectId,
    kind: EntryKind,
    /// On *edited* and *removed*: the `seq` of the chat.
    of: Option<i64>,
    author: UserId,
    /// On *joined* and *left*: whom the entry is about.
    user: Option<UserId>,
    /// Whether the entry shows as a line.
    is_event: bool,
    nonce: Option<Nonce>,
    text: Option<ChatText>,
    mentions: Vec<Mention>,
    files: Vec<Attachment>,
    /// On *edited*: the last entry about the chat that the author has seen. A later edit makes the draft stale.
    seen: Option<i64>,
    /// On *edited*: its number among the chat's edits, set by the writer.
    edit_number: Option<i64>,
    at: DateTime,
}

pub(crate) enum Appended {
    New(Arc<Entry>),
    /// This entry has the draft's nonce, or has removed the chat before.
    Duplicate(Arc<Entry>),
    ChatRemoved,
    /// The chat was edited since the draft was made.
    Stale,
    TooManyEdits,
    Closed,
}

#[derive(Default)]
pub(crate) struct AppendQueue {
    pending: Vec<PendingDraft>,
    bytes: usize,
    writer_running: bool,
}

struct PendingDraft {
    draft: Draft,
    answer: oneshot::Sender<Result<Appended>>,
}

impl Draft {
    pub(crate) fn said(author: UserId, text: ChatText, nonce: Nonce) -> Self {
        Self { nonce: Some(nonce), text: Some(text), ..Self::new(EntryKind::Said, author) }
    }

    pub(crate) fn edited(of: i64, author: UserId, text: ChatText) -> Self {
        Self { of: Some(of), text: Some(text), ..Self::new(EntryKind::Edited, author) }
    }

    /// Adds the mentions of the text.
    pub(crate) fn mentioning(self, mentions: Vec<Mention>) -> Self {
        Self { mentions, ..self }
    }

    /// Adds the files of the chat.
    pub(crate) fn with_files(self, files: &[Attachment]) -> Self {
        Self { files: files.to_vec(), ..self }
    }

    /// Rejects the edit if an edit follows entry `rev`: it would bring back the files that the other takes away.
    pub(crate) fn unless_edited_since(self, rev: i64) -> Self {
        Self { seen: Some(rev), ..self }
    }

    pub fn removed(of: i64, author: UserId) -> Self {
        Self { of: Some(of), ..Self::new(EntryKind::Removed, author) }
    }

    /// A membership that begins. `nonce` makes a repeated draft one entry.
    pub(crate) fn joined(user: UserId, by: UserId, nonce: Nonce) -> Self {
        let draft = Self::new(EntryKind::Joined, by);
        Self { user: Some(user), is_event: true, nonce: Some(nonce), ..draft }
    }

    /// A membership that ends. A quiet one shows no line.
    pub(crate) fn left(user: UserId, by: UserId, is_quiet: bool, nonce: Nonce) -> Self {
        let draft = Self::new(EntryKind::Left, by);
        Self { user: Some(user), is_event: !is_quiet, nonce: Some(nonce), ..draft }
    }

    pub fn closed(author: UserId) -> Self {
        Self::new(EntryKind::Closed, author)
    }

    fn new(kind: EntryKind, author: UserId) -> Self {
        Self {
            id: ObjectId::new(),
            kind,
            of: None,
            author,
            user: None,
            is_event: false,
            nonce: None,
            text: None,
            mentions: Vec::new(),
            files: Vec::new(),
            seen: None,
            edit_number: None,
            at: DateTime::now(),
        }
    }

    fn bytes(&self) -> usize {
        let files: usize = self.files.iter().map(Attachment::approximate_size).sum();
        self.text.as_ref().map_or(0, |text| text.as_str().len()) + self.mentions.len() * size_of::<Mention>() + files
    }

    fn entry(&self, room: RoomId, head: Head) -> Entry {
        let said = self.kind == EntryKind::Said;
        let events = if said { 0 } else { head.events + i64::from(self.is_event) };
        Entry {
            id: self.id,
            room,
            seq: head.seq + 1,
            kind: self.kind,
            no: said.then_some(head.no + 1),
            chats_before: (!said).then_some(head.no),
            events: (events > 0).then_some(events),
            place: if self.is_event { EventPlace::new(head.no, events) } else { None },
            of: self.of,
            was: None,
            edit_number: self.edit_number,
            author: self.author,
            user: self.user,
            nonce: self.nonce.clone(),
            text: self.text.clone(),
            mentions: Some(self.mentions.clone()).filter(|mentions| !mentions.is_empty()),
            files: Some(self.files.clone()).filter(|files| !files.is_empty()),
            at: self.at,
        }
    }
}

impl RoomLog {
    /// Appends a draft. Returns once it is durable or rejected.
    /// After `Unavailable` the entry may exist. The same nonce finds it.
    pub(crate) async fn append(self: &Arc<Self>, draft: Draft) -> Result<Appended> {
        let (answer, answered) = oneshot::channel();
        if self.enqueue(PendingDraft { draft, answer })? {
            tokio::spawn(run_writer(Arc::clone(self)));
        }
        with_timeout(answered).await?.unwrap_or_else(|_| Err(unavailable("the writer ended")))
    }

    /// Appends *closed*, after which the log takes no entry. Idempotent.
    pub async fn close(self: &Arc<Self>, by: UserId) -> Result<()> {
        self.append(Draft::closed(by)).await.map(drop)
    }

    /// Queues a draft. Returns whether the caller must start a writer.
    fn enqueue(&self, draft: PendingDraft) -> Result<bool> {
        let mut queue = self.queue();
        let bytes = draft.draft.bytes();
        if queue.pending.len() >= MAX_PENDING || queue.bytes + bytes > MAX_PENDING_BYTES {
            return Err(unavailable("too much is pending to be written"));
        }
        queue.pending.push(draft);
        queue.bytes += bytes;
        self.new_work.notify_waiters();
        Ok(!std::mem::replace(&mut queue.writer_running, true))
    }

    /// Returns the next batch, without drafts whose callers are gone. `None` ends the writer.
    fn next_batch(&self) -> Option<Vec<PendingDraft>> {
        let mut queue = self.queue();
        queue.pending.retain(|pending| !pending.answer.is_closed());
        let most = MAX_BATCH.min(queue.pending.len());
        queue.writer_running = most > 0;
        let batch = queue.writer_running.then(|| queue.pending.drain(..most).collect());
        queue.bytes = queue.pending.iter().map(|pending| pending.draft.bytes()).sum();
        batch
    }

    /// Commits or rejects each draft of a batch. After an error the rest of the batch may or may not be committed.
    async fn commit(self: &Arc<Self>, batch: &mut Vec<PendingDraft>) -> Result<()> {
        loop {
            let head = match self.head() {
                Some(head) if self.is_head_fresh() => head,
                _ => self.fetch_head().await?,
            };
            if head.closed {
                batch.drain(..).for_each(|pending| pending.respond(Appended::Closed));
            }
            self.reject_stale(batch).await?;
            if batch.is_empty() {
                return Ok(());
            }
            let (entries, begun) = (self.assign_numbers(batch, head), Instant::now());
            match self.db.collection::<Entry>().insert_in_order(entries.clone()).await {
                // The process was suspended. The room may have been closed and purged, so that nothing rejected the
                // write. It counts only after it was read again from an open room.
                Ok(()) if begun.elapsed() > MAX_HEAD_AGE => return Err(unavailable("the write took too long")),
                Ok(()) => {
                    self.db.metrics().batch_entries.observe(entries.len() as f64);
                    self.db.metrics().append_seconds.observe(begun.elapsed().as_secs_f64());
                    self.mark_checked(begun);
                    self.record_committed(&entries);
                    self.supersede(
                        entries.iter().filter(|entry| entry.kind == EntryKind::Edited).filter_map(|entry| entry.of),
                    );
                    respond_to_committed(batch, &entries);
                }
                Err(error) => {
                    self.db.record_unanswered_write();
                    log::debug!("room {}: append behind {}: {error}", self.room, head.seq);
                    self.reconcile(batch, head).await?;
                }
            }
        }
    }

    /// Rejects edits and removals of chats that are removed or edited too often. A concurrent change appends at the
    /// same head, so one of the two is rejected.
    async fn reject_stale(&self, batch: &mut Vec<PendingDraft>) -> Result<()> {
        let mut about: Vec<i64> = batch.iter().filter_map(|pending| pending.draft.of).collect();
        if about.is_empty() {
            return Ok(());
        }
        about.sort_unstable();
        about.dedup();
        let mut edits: HashMap<i64, i64> = HashMap::new();
        let mut last_edits: HashMap<i64, i64> = HashMap::new();
        let mut removals: HashMap<i64, Option<Arc<Entry>>> = HashMap::new();
        let mut unnumbered = Vec::new();
        for revision in self.revisions(doc! { "of": { "$in": about } }).await? {
            let Some(of) = revision.of else { continue };
            match revision.kind {
                EntryKind::Removed => {
                    // Reading it acknowledges it.
                    self.db.ensure_durable().await?;
                    removals.insert(of, self.entry(revision.seq).await?.map(Arc::new));
                }
                EntryKind::Edited => {
                    let last_edit = last_edits.entry(of).or_default();
                    *last_edit = revision.seq.max(*last_edit);
                    let count = edits.entry(of).or_default();
                    *count = revision.edit_number.unwrap_or_default().max(*count + 1);
                    if revision.edit_number.is_none() {
                        unnumbered.push(of);
                    }
                }
                _ => {}
            }
        }
        if !unnumbered.is_empty() {
            // Edits of version 0.1 have no number.
            for revision in self.revisions(doc! { "was": { "$in": unnumbered } }).await? {
                *edits.entry(revision.was.unwrap_or_default()).or_default() += 1;
            }
        }
        for mut pending in std::mem::take(batch) {
            let (kind, of) = (pending.draft.kind, pending.draft.of.unwrap_or_default());
            let count = edits.entry(of).or_default();
            let last_edit = last_edits.get(&of).copied().unwrap_or_default();
            match (kind, removals.get(&of)) {
                (EntryKind::Edited, Some(_)) => pending.respond(Appended::ChatRemoved),
                (EntryKind::Edited, None) if pending.draft.seen.is_some_and(|seen| last_edit > seen) => {
                    pending.respond(Appended::Stale);
                }
                (EntryKind::Edited, None) if *count >= MAX_EDITS => pending.respond(Appended::TooManyEdits),
                (EntryKind::Edited, None) => {
                    *count += 1;
                    last_edits.insert(of, i64::MAX);
                    pending.draft.edit_number = Some(*count);
                    batch.push(pending);
                }
                (EntryKind::Removed, Some(Some(entry))) => {
                    let entry = Arc::clone(entry);
                    pending.respond(Appended::Duplicate(entry));
                }
                // A second removal in the batch waits for the first one.
                (EntryKind::Removed, Some(None)) => self.queue().pending.push(pending),
                (EntryKind::Removed, None) => {
                    removals.insert(of, None);
                    batch.push(pending);
                }
                _ => batch.push(pending),
            }
        }
        Ok(())
    }

    /// Turns a batch into entries, up to a *closed*, each nonce once.
    fn assign_numbers(&self, batch: &[PendingDraft], mut head: Head) -> Vec<Arc<Entry>> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut nonces = HashSet::new();
        for PendingDraft { draft, .. } in batch {
            if head.closed {
                break;
            }
            if draft.nonce.as_ref().is_some_and(|nonce| !nonces.insert((draft.author, nonce))) {
                continue;
            }
            let entry = draft.entry(self.room, head);
            head = Head::from(&entry);
            entries.push(Arc::new(entry));
        }
        entries
    }

    /// Reads the entries after a head and acknowledges the drafts among them. If there are none, the insert stopped
    /// at a nonce that was used before.
    async fn reconcile(&self, batch: &mut Vec<PendingDraft>, head: Head) -> Result<()> {
        let mut seq = head.seq;
        loop {
            let new_entries = self.read_and_record(seq).await?;
            respond_to_committed(batch, &new_entries);
            seq += new_entries.len() as i64;
            if (new_entries.len() as i64) < WINDOW_SIZE {
                break;
            }
        }
        if seq > head.seq {
            return Ok(());
        }
        let pending = batch.len();
        let old = self.find_by_nonce(batch).await?;
        if !old.is_empty() {
            self.db.ensure_durable().await?;
        }
        respond_to_committed(batch, &old);
        if batch.len() == pending {
            // No other writer was faster, so the database itself is failing.
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn read_and_record(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let new_entries = self.read_from_database(seq).await?;
        self.record_committed(&new_entries);
        Ok(new_entries)
    }

    async fn find_by_nonce(&self, batch: &[PendingDraft]) -> Result<Vec<Arc<Entry>>> {
        let mut nonces: HashMap<UserId, Vec<String>> = HashMap::new();
        for PendingDraft { draft, .. } in batch {
            if let Some(nonce) = &draft.nonce {
                nonces.entry(draft.author).or_default().push(nonce.as_str().to_owned());
            }
        }
        let found =
            nonces.into_iter().map(|(author, nonces)| self.find(doc! { "author": author, "nonce": { "$in": nonces } }));
        let found: Vec<Vec<Entry>> = stream::iter(found).buffer_unordered(CONCURRENT_LOOKUPS).try_collect().await?;
        Ok(found.into_iter().flatten().map(Arc::new).collect())
    }

    fn fail(&self, batch: Vec<PendingDraft>, error: &Error) {
        log::error!("room {}: {} drafts cannot be appended: {error}", self.room, batch.len());
        for pending in batch {
            let _ = pending.answer.send(Err(unavailable(&error.to_string())));
        }
    }

    fn schedule_head_hint(self: &Arc<Self>) {
        if !self.save_scheduled.swap(true, Ordering::Relaxed) {
            let log = Arc::clone(self);
            tokio::spawn(async move {
                sleep(HEAD_HINT_INTERVAL).await;
                log.save_scheduled.store(false, Ordering::Relaxed);
                if let Err(error) = log.save_head_hint().await {
                    log::debug!("head hint not saved: room={} error={error}", log.room);
                }
            });
        }
    }

    pub(crate) async fn flush_head_hint(&self) {
        if self.save_scheduled.load(Ordering::Relaxed) {
            // It is a hint, and the site is stopping.
            let _ = self.save_head_hint().await;
        }
    }

    pub(crate) async fn save_head_hint(&self) -> Result<()> {
        let Some(head) = self.head() else { return Ok(()) };
        let last = doc! { "last.seq": head.seq, "last.no": head.no, "last.at": head.at };
        if let Some(at) = head.at.filter(|_| !head.closed) {
            // Closed and direct rooms have a kind.
            let (mut moved, listed) = (last.clone(), doc! { "_id": self.room, "open": true, "kind": null });
            moved.insert("active", at);
            // The room list is ordered by `active`. It omits deleted rooms.
            if self.db.collection::<Room>().update(listed, doc! { "$max": moved }).await? {
                return Ok(());
            }
        }
        self.db.collection::<Room>().update(doc! { "_id": self.room }, doc! { "$max": last }).await.map(drop)
    }

    fn queue(&self) -> MutexGuard<'_, AppendQueue> {
        self.queue.lock()
    }
}

impl PendingDraft {
    fn respond(self, appended: Appended) {
        let _ = self.answer.send(Ok(appended));
    }
}

/// Releases the log to another writer if this one panics.
struct WriterGuard(Arc<RoomLog>);

impl Drop for WriterGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.queue();
            queue.writer_running = false;
            queue.pending.clear();
            queue.bytes = 0;
        }
    }
}

/// Runs the writer until no draft is pending.
async fn run_writer(log: Arc<RoomLog>) {
    let at_work = WriterGuard(log);
    let log = &at_work.0;
    while let Some(mut batch) = log.next_batch() {
        let committed = timeout(QUERY_TIMEOUT, log.commit(&mut batch)).await;
        if let Err(error) = committed.unwrap_or_else(|_| Err(unavailable("the database did not answer in time"))) {
            log.db.record_unanswered_write();
            log.fail(batch, &error);
            poll_abandoned(log).await;
        }
        log.schedule_head_hint();
    }
}

/// Reads on while the entries of a failed batch may still be written, so that readers get them. Ends early when new
/// drafts arrive, whose writer reads them.
async fn poll_abandoned(log: &RoomLog) {
    let (end, mut pause) = (Instant::now() + HARD_TIMEOUT * 2, Duration::from_millis(100));
    while Instant::now() < end {
        let called = log.new_work.notified();
        let seq = log.head().unwrap_or(log.start).seq;
        if log.read_and_record(seq).await.is_ok_and(|new_entries| new_entries.len() as i64 == WINDOW_SIZE) {
            continue;
        }
        if !log.queue().pending.is_empty() || timeout(pause, called).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(MAX_POLL_DELAY);
    }
}

fn respond_to_committed(batch: &mut Vec<PendingDraft>, entries: &[Arc<Entry>]) {
    let ids: HashMap<ObjectId, &Arc<Entry>> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let nonces: HashMap<_, _> =
        entries.iter().filter_map(|entry| Some(((entry.author, entry.nonce.as_ref()?), entry))).collect();
    for pending in std::mem::take(batch) {
        let PendingDraft { draft, .. } = &pending;
        if let Some(entry) = ids.get(&draft.id) {
            pending.respond(Appended::New(Arc::clone(entry)));
        } else if let Some(entry) = draft.nonce.as_ref().and_then(|nonce| nonces.get(&(draft.author, nonce))) {
            let again = Appended::Duplicate(Arc::clone(entry));
            pending.respond(again);
        } else {
            batch.push(pending);
        }
    }
}

fn unavailable(cause: &str) -> Error {
    Error::Unavailable(cause.to_owned())
}
