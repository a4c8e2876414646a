//! Appending: compare-and-set, group commit, exactly once a nonce.
//!
//! Drafts wait in the log's queue. One writer a log takes all that wait and inserts them as one ordered
//! batch behind the top it knows; what comes meanwhile is the next batch. After any error it reads on
//! from that top, answers its own drafts that it finds, and numbers the rest anew: errors do not say
//! reliably which key clashed or what was written.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::{Entry, FENCE, Kind, Log, Top, WINDOW};
use crate::error::{Error, Result};
use crate::metrics::METRICS;
use crate::models::checked::{ChatText, Nonce};
use crate::models::patience::{PATIENCE, patiently};
use crate::models::table::ABANDONED;
use crate::models::{RoomId, UserId};

/// Drafts in one batch: at most 512 × 16 KB, half of what one message to the database holds.
const BATCH: usize = 512;
/// Drafts that may wait, and the most bytes of their texts. Beyond that the database is not keeping up, and the client
/// is told so.
const QUEUE: usize = 8_192;
const QUEUE_BYTES: usize = 16 << 20;
/// How often a chat may be edited: removing it wipes the text of each edit.
const EDITS: i64 = 1_000;
/// The longest pause between two looks at what became of a batch that was given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Questions about nonces at once.
const AT_ONCE: usize = 16;
/// How far the written hint at the top may be behind, in time. In many rooms where little is said each writing of it is
/// another question for nearly every chat; a start that finds an old one asks some more.
const NOTE: Duration = Duration::from_secs(30);

/// What is to be appended.
pub(in crate::models) struct Draft {
    id: ObjectId,
    kind: Kind,
    /// On *edited* and *removed*: the `seq` of the chat.
    of: Option<i64>,
    author: UserId,
    nonce: Option<Nonce>,
    text: Option<ChatText>,
    /// On *edited*: its number among the edits of the chat, once the writer knows it.
    edits: Option<i64>,
    at: DateTime,
}

/// What became of a draft.
pub(in crate::models) enum Appended {
    /// It stands.
    New(Arc<Entry>),
    /// Its nonce stood already, as this entry; or what it removes was removed, by this entry.
    Again(Arc<Entry>),
    /// Nothing: what it edits was removed.
    Gone,
    /// Nothing: what it edits was edited [`EDITS`] times.
    Enough,
    /// Nothing: the log ends with *closed*.
    Closed,
}

/// The drafts that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    /// The bytes of their texts.
    bytes: usize,
    /// Whether a writer is at work, which will see to them.
    written: bool,
}

struct Waiting {
    draft: Draft,
    answer: oneshot::Sender<Result<Appended>>,
}

impl Draft {
    pub(in crate::models) fn said(author: UserId, text: ChatText, nonce: Nonce) -> Self {
        Self { nonce: Some(nonce), text: Some(text), ..Self::new(Kind::Said, author) }
    }

    pub(in crate::models) fn edited(of: i64, author: UserId, text: ChatText) -> Self {
        Self { of: Some(of), text: Some(text), ..Self::new(Kind::Edited, author) }
    }

    pub(in crate::models) fn removed(of: i64, author: UserId) -> Self {
        Self { of: Some(of), ..Self::new(Kind::Removed, author) }
    }

    pub(in crate::models) fn closed(author: UserId) -> Self {
        Self::new(Kind::Closed, author)
    }

    fn new(kind: Kind, author: UserId) -> Self {
        Self { id: ObjectId::new(), kind, of: None, author, nonce: None, text: None, edits: None, at: DateTime::now() }
    }

    fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.as_str().len())
    }

    /// The entry that it becomes behind `top`.
    fn entry(&self, room: RoomId, top: Top) -> Entry {
        let said = self.kind == Kind::Said;
        Entry {
            id: self.id,
            room,
            seq: top.seq + 1,
            kind: self.kind,
            no: said.then_some(top.no + 1),
            chats: (!said).then_some(top.no),
            of: self.of,
            was: None,
            edits: self.edits,
            author: self.author,
            nonce: self.nonce.clone(),
            text: self.text.clone(),
            at: self.at,
        }
    }
}

impl Log {
    /// Appends a draft. Answers when it is durable, or will never be by this call.
    ///
    /// # Errors
    /// `Unavailable` when the database is away. The draft may stand all the same: the same nonce tells.
    pub(in crate::models) async fn append(self: &Arc<Self>, draft: Draft) -> Result<Appended> {
        let (answer, answered) = oneshot::channel();
        if self.wait(Waiting { draft, answer })? {
            tokio::spawn(write(Arc::clone(self)));
        }
        patiently(answered).await?.unwrap_or_else(|_| Err(away("the writer ended")))
    }

    /// Queues a draft. Answers whether a writer is to be called.
    fn wait(&self, draft: Waiting) -> Result<bool> {
        let mut queue = self.queue();
        let bytes = draft.draft.bytes();
        if queue.waiting.len() >= QUEUE || queue.bytes + bytes > QUEUE_BYTES {
            return Err(away("too much is waiting to be written"));
        }
        queue.waiting.push(draft);
        queue.bytes += bytes;
        self.waiting.notify_waiters();
        Ok(!std::mem::replace(&mut queue.written, true))
    }

    /// The next batch, without those that nobody waits for any more; `None` lets the writer go.
    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        queue.waiting.retain(|waiting| !waiting.answer.is_closed());
        let most = BATCH.min(queue.waiting.len());
        queue.written = most > 0;
        let batch = queue.written.then(|| queue.waiting.drain(..most).collect());
        queue.bytes = queue.waiting.iter().map(|waiting| waiting.draft.bytes()).sum();
        batch
    }

    /// Sees to it that each draft of the batch stands, or stood before, or meets a closed log; answers it.
    /// What is left in the batch when this ends or is given up may or may not stand.
    async fn commit(self: &Arc<Self>, batch: &mut Vec<Waiting>) -> Result<()> {
        loop {
            let top = match self.head() {
                Some(top) if self.is_confirmed() => top,
                _ => self.top().await?,
            };
            if top.closed {
                batch.drain(..).for_each(|waiting| waiting.tell(Appended::Closed));
            }
            self.answer_late(batch).await?;
            if batch.is_empty() {
                return Ok(());
            }
            let (entries, begun) = (self.number(batch, top), Instant::now());
            match self.db.chats.insert_in_order(entries.clone()).await {
                // This process was stopped for a while. The room may have been closed and purged, with nothing left to
                // reject the write: it counts once it was read again and the room was found open.
                Ok(()) if begun.elapsed() > FENCE => return Err(away("the write took too long")),
                Ok(()) => {
                    METRICS.batches.observe(entries.len() as f64);
                    METRICS.appends.observe(begun.elapsed().as_secs_f64());
                    self.confirm(begun);
                    self.witness(&entries);
                    self.supersede(
                        entries.iter().filter(|entry| entry.kind == Kind::Edited).filter_map(|entry| entry.of),
                    );
                    answer(batch, &entries);
                }
                Err(error) => {
                    self.db.doubt();
                    log::debug!("room {}: append behind {}: {error}", self.room, top.seq);
                    self.settle(batch, top).await?;
                }
            }
        }
    }

    /// Answers those of the batch that come too late: about a chat that was removed, or edited enough. Whoever changes
    /// that meanwhile appends behind the same top, and one of the two is refused there.
    async fn answer_late(&self, batch: &mut Vec<Waiting>) -> Result<()> {
        let mut about: Vec<i64> = batch.iter().filter_map(|waiting| waiting.draft.of).collect();
        if about.is_empty() {
            return Ok(());
        }
        about.sort_unstable();
        about.dedup();
        let mut edits: HashMap<i64, i64> = HashMap::new();
        let mut removals: HashMap<i64, Option<Arc<Entry>>> = HashMap::new();
        let mut unnumbered = Vec::new();
        for mark in self.marks(doc! { "of": { "$in": about } }).await? {
            let Some(of) = mark.of else { continue };
            match mark.kind {
                Kind::Removed => {
                    // Acknowledged by reading it.
                    self.db.ensure_durable().await?;
                    removals.insert(of, self.entry(mark.seq).await?.map(Arc::new));
                }
                Kind::Edited => {
                    let count = edits.entry(of).or_default();
                    *count = mark.edits.unwrap_or_default().max(*count + 1);
                    if mark.edits.is_none() {
                        unnumbered.push(of);
                    }
                }
                _ => {}
            }
        }
        if !unnumbered.is_empty() {
            // Edits of an earlier version have no number: they are counted.
            for mark in self.marks(doc! { "was": { "$in": unnumbered } }).await? {
                *edits.entry(mark.was.unwrap_or_default()).or_default() += 1;
            }
        }
        for mut waiting in std::mem::take(batch) {
            let (kind, of) = (waiting.draft.kind, waiting.draft.of.unwrap_or_default());
            let count = edits.entry(of).or_default();
            match (kind, removals.get(&of)) {
                (Kind::Edited, Some(_)) => waiting.tell(Appended::Gone),
                (Kind::Edited, None) if *count >= EDITS => waiting.tell(Appended::Enough),
                (Kind::Edited, None) => {
                    *count += 1;
                    waiting.draft.edits = Some(*count);
                    batch.push(waiting);
                }
                (Kind::Removed, Some(Some(entry))) => {
                    let entry = Arc::clone(entry);
                    waiting.tell(Appended::Again(entry));
                }
                // A second one of the same batch waits for the first: it is answered when that stands.
                (Kind::Removed, Some(None)) => self.queue().waiting.push(waiting),
                (Kind::Removed, None) => {
                    removals.insert(of, None);
                    batch.push(waiting);
                }
                _ => batch.push(waiting),
            }
        }
        Ok(())
    }

    /// The entries that a batch becomes behind `top`: up to a *closed*, and each nonce once.
    fn number(&self, batch: &[Waiting], mut top: Top) -> Vec<Arc<Entry>> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut nonces = HashSet::new();
        for Waiting { draft, .. } in batch {
            if top.closed {
                break;
            }
            if draft.nonce.as_ref().is_some_and(|nonce| !nonces.insert((draft.author, nonce))) {
                continue;
            }
            let entry = draft.entry(self.room, top);
            top = Top::from(&entry);
            entries.push(Arc::new(entry));
        }
        entries
    }

    /// Reads what stands behind `top` and answers those of the batch that are found there. Where nothing stands, some
    /// of the batch may have been said long ago: the first of those is what an ordered insert stops at.
    async fn settle(&self, batch: &mut Vec<Waiting>, top: Top) -> Result<()> {
        let mut seq = top.seq;
        loop {
            let news = self.read_on(seq).await?;
            answer(batch, &news);
            seq += news.len() as i64;
            if (news.len() as i64) < WINDOW {
                break;
            }
        }
        if seq > top.seq {
            return Ok(());
        }
        let waiting = batch.len();
        let old = self.said_before(batch).await?;
        if !old.is_empty() {
            self.db.ensure_durable().await?;
        }
        answer(batch, &old);
        if batch.len() == waiting {
            // Nobody was before us: the database itself is in trouble.
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Reads a window behind `seq` from the database and takes note of it.
    async fn read_on(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let news = self.read_after(seq).await?;
        self.witness(&news);
        Ok(news)
    }

    /// The entries that have the nonces of a batch.
    async fn said_before(&self, batch: &[Waiting]) -> Result<Vec<Arc<Entry>>> {
        let mut nonces: HashMap<UserId, Vec<String>> = HashMap::new();
        for Waiting { draft, .. } in batch {
            if let Some(nonce) = &draft.nonce {
                nonces.entry(draft.author).or_default().push(nonce.as_str().to_owned());
            }
        }
        let found =
            nonces.into_iter().map(|(author, nonces)| self.find(doc! { "author": author, "nonce": { "$in": nonces } }));
        let found: Vec<Vec<Entry>> = stream::iter(found).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().map(Arc::new).collect())
    }

    /// Gives up a batch. What waits behind it is tried anew.
    fn give_up(&self, batch: Vec<Waiting>, error: &Error) {
        log::error!("room {}: {} drafts cannot be appended: {error}", self.room, batch.len());
        for waiting in batch {
            let _ = waiting.answer.send(Err(away(&error.to_string())));
        }
    }

    /// Has the hint at the top written down soon, from where the next start gallops, and which the list of rooms shows.
    fn note_soon(self: &Arc<Self>) {
        if !self.noting.swap(true, Ordering::Relaxed) {
            let log = Arc::clone(self);
            tokio::spawn(async move {
                sleep(NOTE).await;
                log.noting.store(false, Ordering::Relaxed);
                if let Err(error) = log.note().await {
                    log::debug!("room {}: the hint at the top was not written: {error}", log.room);
                }
            });
        }
    }

    /// Writes down the hint at the top now, if that is due.
    pub(super) async fn note_now(&self) {
        if self.noting.load(Ordering::Relaxed) {
            // Only a hint, and the site stops.
            let _ = self.note().await;
        }
    }

    /// Writes down the hint at the top.
    pub(in crate::models) async fn note(&self) -> Result<()> {
        let Some(top) = self.head() else { return Ok(()) };
        let last = doc! { "last.seq": top.seq, "last.no": top.no, "last.at": top.at };
        if let Some(at) = top.at.filter(|_| !top.closed) {
            let (mut moved, open) = (last.clone(), doc! { "_id": self.room, "open": true });
            moved.insert("active", at);
            // The list of rooms is ordered by it. A closed room is not listed.
            if self.db.rooms.update(open, doc! { "$max": moved }).await? {
                return Ok(());
            }
        }
        self.db.rooms.update(doc! { "_id": self.room }, doc! { "$max": last }).await.map(drop)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn tell(self, appended: Appended) {
        // Who asked may be gone; what stands, stands.
        let _ = self.answer.send(Ok(appended));
    }
}

/// A writer at work. One that panics leaves the log to the next, and those who wait are told.
struct AtWork(Arc<Log>);

impl Drop for AtWork {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.queue();
            queue.written = false;
            queue.waiting.clear();
            queue.bytes = 0;
        }
    }
}

/// The writer of a log: takes batch after batch until none waits.
async fn write(log: Arc<Log>) {
    let at_work = AtWork(log);
    let log = &at_work.0;
    while let Some(mut batch) = log.next_batch() {
        let committed = timeout(PATIENCE, log.commit(&mut batch)).await;
        if let Err(error) = committed.unwrap_or_else(|_| Err(away("the database did not answer in time"))) {
            log.db.doubt();
            log.give_up(batch, &error);
            find_out(log).await;
        }
        log.note_soon();
    }
}

/// What was given up may stand after all, and nobody was told: reads on for as long as it may yet be written. Ends
/// early when there is more to write, which finds out too.
async fn find_out(log: &Log) {
    let (end, mut pause) = (Instant::now() + ABANDONED * 2, Duration::from_millis(100));
    while Instant::now() < end {
        let called = log.waiting.notified();
        let seq = log.head().unwrap_or(log.start).seq;
        if log.read_on(seq).await.is_ok_and(|news| news.len() as i64 == WINDOW) {
            continue;
        }
        if !log.queue().waiting.is_empty() || timeout(pause, called).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Answers the drafts of a batch that are among the entries.
fn answer(batch: &mut Vec<Waiting>, entries: &[Arc<Entry>]) {
    let ids: HashMap<ObjectId, &Arc<Entry>> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let nonces: HashMap<_, _> =
        entries.iter().filter_map(|entry| Some(((entry.author, entry.nonce.as_ref()?), entry))).collect();
    for waiting in std::mem::take(batch) {
        let Waiting { draft, .. } = &waiting;
        if let Some(entry) = ids.get(&draft.id) {
            waiting.tell(Appended::New(Arc::clone(entry)));
        } else if let Some(entry) = draft.nonce.as_ref().and_then(|nonce| nonces.get(&(draft.author, nonce))) {
            let again = Appended::Again(Arc::clone(entry));
            waiting.tell(again);
        } else {
            batch.push(waiting);
        }
    }
}

fn away(cause: &str) -> Error {
    Error::Unavailable(cause.to_owned())
}
