//! Appending: compare-and-set, group commit, exactly once a nonce.
//!
//! Drafts wait in the log's queue. One writer a log takes all that wait and inserts them as one ordered
//! batch behind the top it knows; what comes meanwhile is the next batch. After any error it reads on
//! from that top, answers its own drafts that it finds, and numbers the rest anew: errors do not say
//! reliably which key clashed or what was written.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::{Entry, Kind, Log, Top, WINDOW};
use crate::error::{Error, Result};
use crate::models::checked::{ChatText, Nonce};
use crate::models::table::PATIENCE;
use crate::models::{RoomId, UserId};

/// Drafts in one batch: at most 512 × 16 KB, half of what one message to the database holds.
const BATCH: usize = 512;
/// Drafts that may wait. Beyond that the database is not keeping up, and who comes is told so.
const QUEUE: usize = 8_192;
/// The hint at the top is written down when its number passes a multiple of this, and now and then besides.
const HINT: i64 = 64;
const NOW_AND_THEN: Duration = Duration::from_secs(30);

/// What is to be appended.
pub(in crate::models) struct Draft {
    id: ObjectId,
    kind: Kind,
    author: UserId,
    nonce: Option<Nonce>,
    text: Option<ChatText>,
    at: DateTime,
}

/// What became of a draft.
pub(in crate::models) enum Appended {
    /// It stands.
    New(Arc<Entry>),
    /// Its nonce stood already, as this entry.
    Again(Arc<Entry>),
    /// Nothing: the log ends with *closed*.
    Closed,
}

/// The drafts that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
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

    pub(in crate::models) fn closed(author: UserId) -> Self {
        Self::new(Kind::Closed, author)
    }

    fn new(kind: Kind, author: UserId) -> Self {
        Self { id: ObjectId::new(), kind, author, nonce: None, text: None, at: DateTime::now() }
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
            of: None,
            author: self.author,
            nonce: self.nonce.clone(),
            text: self.text.clone(),
            at: self.at,
        }
    }

    /// Whether an entry is this draft, or another with its nonce.
    fn is(&self, entry: &Entry) -> bool {
        self.id == entry.id || (self.author == entry.author && self.nonce.is_some() && self.nonce == entry.nonce)
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
        answered.await.unwrap_or_else(|_| Err(away("the writer ended")))
    }

    /// Queues a draft. Answers whether a writer is to be called.
    fn wait(&self, draft: Waiting) -> Result<bool> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= QUEUE {
            return Err(away("too much is waiting to be written"));
        }
        queue.waiting.push(draft);
        Ok(!std::mem::replace(&mut queue.written, true))
    }

    /// The next batch; `None` lets the writer go.
    fn next_batch(&self, most: usize) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let most = most.min(queue.waiting.len());
        queue.written = most > 0;
        queue.written.then(|| queue.waiting.drain(..most).collect())
    }

    /// Sees to it that each draft of the batch stands, or stood before, or meets a closed log; answers it.
    /// What is left in the batch when this ends or is given up may or may not stand.
    async fn commit(&self, batch: &mut Vec<Waiting>) -> Result<()> {
        let mut top = match self.db.top(self.room) {
            Some(top) => top,
            None => self.top().await?,
        };
        let mut failures = 0;
        loop {
            if top.closed {
                batch.drain(..).for_each(|waiting| waiting.tell(Appended::Closed));
            }
            if batch.is_empty() {
                return Ok(());
            }
            let entries = self.number(batch, top);
            match self.db.chats.insert_in_order(entries.clone()).await {
                Ok(()) => {
                    self.witness(&entries);
                    answer(batch, &entries);
                }
                Err(error) => {
                    log::debug!("room {}: append behind {}: {error}", self.room, top.seq);
                    failures += 1;
                    self.settle(batch, top, failures).await?;
                }
            }
            top = self.db.top(self.room).unwrap_or_default();
        }
    }

    /// The entries that a batch becomes behind `top`: up to a *closed*, and each nonce once.
    fn number(&self, batch: &[Waiting], mut top: Top) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = Vec::with_capacity(batch.len());
        for Waiting { draft, .. } in batch {
            if top.closed {
                break;
            }
            if draft.nonce.is_some() && entries.iter().any(|entry| draft.is(entry)) {
                continue;
            }
            let entry = draft.entry(self.room, top);
            top = Top::from(&entry);
            entries.push(Arc::new(entry));
        }
        entries
    }

    /// Reads what stands behind `top` and answers those of the batch that are found there. Where nothing
    /// stands, and now and then where something does, the first of the batch may have been said long ago:
    /// that is what an ordered insert stops at.
    async fn settle(&self, batch: &mut Vec<Waiting>, top: Top, failures: u32) -> Result<()> {
        let mut seq = top.seq;
        loop {
            let news = self.read_on(seq).await?;
            answer(batch, &news);
            seq += news.len() as i64;
            if (news.len() as i64) < WINDOW {
                break;
            }
        }
        let Some(first) = batch.first().filter(|_| seq == top.seq || failures.is_multiple_of(3)) else { return Ok(()) };
        match self.by_nonce(&first.draft).await? {
            Some(entry) => answer(batch, &[Arc::new(entry)]),
            // Nobody was before us: the database itself is in trouble.
            None if seq == top.seq => sleep(Duration::from_millis(50)).await,
            None => {}
        }
        Ok(())
    }

    /// Reads a window behind `seq` from the database and takes note of it.
    async fn read_on(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let news = self.read_after(seq).await?;
        self.witness(&news);
        Ok(news)
    }

    async fn by_nonce(&self, draft: &Draft) -> Result<Option<Entry>> {
        let Some(nonce) = &draft.nonce else { return Ok(None) };
        let key = doc! { "room": self.room, "author": draft.author, "nonce": nonce.as_str() };
        self.db.chats.one(key).await
    }

    /// Gives up a batch and all that waits behind it.
    fn give_up(&self, batch: Vec<Waiting>, error: &Error) {
        log::error!("room {}: nothing can be appended: {error}", self.room);
        let waiting = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut queue.waiting)
        };
        for waiting in batch.into_iter().chain(waiting) {
            let _ = waiting.answer.send(Err(away(&error.to_string())));
        }
    }

    /// Whether it is time to write the hint down, after a batch that began behind `before`.
    fn is_hint_due(&self, before: i64, now: Top) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.seq / HINT > before / HINT;
        let due = now.seq > before && (passed || noted.is_none_or(|noted| noted.elapsed() > NOW_AND_THEN));
        if due {
            *noted = Some(Instant::now());
        }
        due
    }

    /// Writes down the hint at the top, from where the next start gallops.
    async fn note_top(&self, top: Top) {
        let room = doc! { "_id": self.room };
        let last = doc! { "$max": { "last.seq": top.seq, "last.no": top.no, "last.at": top.at } };
        if let Err(error) = self.db.rooms.update(room, last).await {
            log::debug!("room {}: the hint at the top was not written: {error}", self.room);
        }
    }
}

impl Waiting {
    fn tell(self, appended: Appended) {
        // Who asked may be gone; what stands, stands.
        let _ = self.answer.send(Ok(appended));
    }
}

/// The writer of a log: takes batch after batch until none waits.
async fn write(log: Arc<Log>) {
    while let Some(mut batch) = log.next_batch(BATCH) {
        let before = log.db.top(log.room).unwrap_or(log.start).seq;
        let committed = timeout(PATIENCE, log.commit(&mut batch)).await;
        if let Err(error) = committed.unwrap_or_else(|_| Err(away("the database did not answer in time"))) {
            log.give_up(batch, &error);
            find_out(&log).await;
        }
        if let Some(top) = log.db.top(log.room).filter(|top| log.is_hint_due(before, *top)) {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.note_top(top).await });
        }
    }
}

/// What was given up may stand after all, and nobody was told: reads on as soon as the database answers.
async fn find_out(log: &Log) {
    for pause in [100, 200, 400, 800, 1_600] {
        let seq = log.db.top(log.room).unwrap_or(log.start).seq;
        match log.read_on(seq).await {
            Ok(news) if (news.len() as i64) < WINDOW => return,
            Ok(_) => {}
            Err(_) => sleep(Duration::from_millis(pause)).await,
        }
        if !log.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty() {
            return;
        }
    }
}

/// Answers the drafts of a batch that are among the entries.
fn answer(batch: &mut Vec<Waiting>, entries: &[Arc<Entry>]) {
    for waiting in std::mem::take(batch) {
        match entries.iter().find(|entry| waiting.draft.is(entry)) {
            None => batch.push(waiting),
            Some(entry) if entry.id == waiting.draft.id => waiting.tell(Appended::New(Arc::clone(entry))),
            Some(entry) => waiting.tell(Appended::Again(Arc::clone(entry))),
        }
    }
}

fn away(cause: &str) -> Error {
    Error::Unavailable(cause.to_owned())
}
