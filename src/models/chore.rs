//! `chore`: what is left to do behind an entry, which has the say: wiping what a removed chat said, purging what a
//! closed room holds. It is stored before the entry is appended, and deleted when it is done. A job of an instance that
//! was lost is taken over by any other one within a minute, or by the next start. Running one twice, or in two
//! instances at once, is harmless.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::log::{EntryKind, MAX_HEAD_AGE};
use super::signal::SiteId;
use super::table::ABANDONED;
use super::{Database, RoomId, RoomLog};
use crate::error::{Error, Result};

/// Entries that are purged at once: some milliseconds of the database's time.
const BATCH: i64 = 500;
/// The pause between two batches: the others want the database too.
const PAUSE: Duration = Duration::from_millis(20);
/// How long after a purge its room is looked at once more.
const LATE_WRITES: Duration = Duration::from_secs(60);
/// How old a chore of unknown hands is at least when it is begun: longer than a request takes.
const YOUNG: Duration = Duration::from_secs(15);
/// The pause before a chore is tried again when the database is away.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a job of this instance may be stored before it runs: longer than any request that stored it.
const IDLE: Duration = Duration::from_secs(60);
/// Jobs that one look takes over at most.
const TAKEN_OVER: usize = 256;

/// The jobs that run in this instance.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashSet<ObjectId>>>);

/// A job in the set of those that run, until this is dropped.
struct Run {
    running: Running,
    id: ObjectId,
}

impl Running {
    /// Returns `None` when the job runs already.
    fn start(&self, id: ObjectId) -> Option<Run> {
        self.jobs().insert(id).then(|| Run { running: self.clone(), id })
    }

    fn contains(&self, id: ObjectId) -> bool {
        self.jobs().contains(&id)
    }

    fn jobs(&self) -> MutexGuard<'_, HashSet<ObjectId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.running.jobs().remove(&self.id);
    }
}

/// Something to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Chore {
    #[serde(rename = "_id")]
    id: ObjectId,
    room: RoomId,
    /// The chat whose text is wiped; none: the room is purged.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<i64>,
    /// The instance that runs it. Earlier versions did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<SiteId>,
}

impl Chore {
    /// Writes a chore down.
    pub(super) async fn note(db: &Database, room: RoomId, of: Option<i64>) -> Result<Self> {
        let chore = Self { id: ObjectId::new(), room, of, site: Some(db.sites.own()) };
        db.chores.insert(chore.clone()).await?;
        Ok(chore)
    }

    /// Crosses it out.
    pub(super) async fn cross_out(&self, db: &Database) -> Result<()> {
        db.chores.delete(doc! { "_id": self.id }).await
    }

    /// Has it done, in a task of its own.
    pub(super) fn begin(self, log: Arc<RoomLog>) {
        self.begin_after(Duration::ZERO, log);
    }

    fn begin_after(self, pause: Duration, log: Arc<RoomLog>) {
        let Some(run) = log.db().running.start(self.id) else { return };
        tokio::spawn(async move {
            let _run = run;
            sleep(pause).await;
            while let Err(error) = self.run(&log).await {
                log::debug!("room {}: a chore waits: {error}", self.room);
                sleep(AGAIN).await;
            }
        });
    }

    async fn run(&self, log: &RoomLog) -> Result<()> {
        match self.of {
            Some(seq) => log.wipe(seq).await?,
            None => self.purge(log).await?,
        }
        self.cross_out(log.db()).await
    }
}

impl Chore {
    /// Begins it once whatever may have come of its entry has come: an error does not say.
    pub(super) fn begin_late(self, log: Arc<RoomLog>) {
        self.begin_after(YOUNG, log);
    }

    async fn purge(&self, log: &RoomLog) -> Result<()> {
        if !log.fetch_head().await?.closed {
            return Ok(());
        }
        if let Some(room) = super::Room::by_id(log.db(), self.room).await? {
            room.finish_closing(log.db()).await?;
        }
        log.purge().await
    }
}

impl RoomLog {
    /// Wipes what a chat and its edits say, if it was removed.
    async fn wipe(&self, seq: i64) -> Result<()> {
        let mut marks = self.revisions(doc! { "of": seq }).await?;
        marks.extend(self.revisions(doc! { "was": seq }).await?);
        if !marks.iter().any(|mark| mark.kind == EntryKind::Removed) {
            return Ok(());
        }
        for seq in marks.iter().filter(|mark| mark.kind == EntryKind::Edited).map(|mark| mark.seq).chain([seq]) {
            let text = doc! { "$unset": { "text": "" } };
            self.db().chats.update(doc! { "room": self.room, "seq": seq }, text).await?;
        }
        Ok(())
    }

    /// Deletes all entries before *closed*, if the log has ended: in batches, and no sooner than nobody can be about
    /// to append behind an entry from before.
    async fn purge(&self) -> Result<()> {
        let top = self.fetch_head().await?;
        if !top.closed {
            return Ok(());
        }
        // From here on the hint is the only way to the end.
        self.save_head_hint().await?;
        sleep(MAX_HEAD_AGE + ABANDONED * 2).await;
        // From here on whatever is found before the end was written too late.
        self.db().rooms.update(doc! { "_id": self.room }, doc! { "$set": { "purged": true } }).await?;
        let mut seq = 0;
        while seq < top.seq - 1 {
            let last = (seq + BATCH).min(top.seq - 1);
            let window = doc! { "room": self.room, "seq": { "$gt": seq, "$lte": last } };
            self.db().chats.delete_all(window).await?;
            seq = last;
            sleep(PAUSE).await;
        }
        self.delete_late_writes(top.seq);
        Ok(())
    }

    /// Deletes what was held up on its way and finds its number free, in a while. What comes later still is deleted by
    /// the instance that reads it.
    fn delete_late_writes(&self, end: i64) {
        let (db, room) = (Arc::clone(self.db()), self.room);
        tokio::spawn(async move {
            sleep(LATE_WRITES).await;
            let late = doc! { "room": room, "seq": { "$gt": 0_i64, "$lt": end } };
            if let Err(error) = db.chats.delete_all(late).await {
                log::debug!("room {room}: late writes not deleted: error={error}");
            }
        });
    }
}

impl Database {
    /// Runs the jobs that nobody runs: those of instances that were lost.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn resume_chores(self: &Arc<Self>) -> Result<()> {
        let jobs = self.chores.all(doc! {}).await?;
        for chore in jobs.into_iter().filter(|chore| self.is_left(chore)).take(TAKEN_OVER) {
            match self.room_of(&chore).await {
                Ok(log) => {
                    if self.claim(&chore).await? {
                        // The instance that stored it may be about to append.
                        let age = DateTime::now().saturating_duration_since(chore.id.timestamp());
                        chore.begin_after(YOUNG.saturating_sub(age), log);
                    }
                }
                // Its room was never created.
                Err(Error::NotFound) => chore.cross_out(self).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns whether no instance runs a job, as far as this one knows.
    fn is_left(&self, chore: &Chore) -> bool {
        let age = DateTime::now().saturating_duration_since(chore.id.timestamp());
        match chore.site {
            _ if self.running.contains(chore.id) => false,
            Some(site) if site == self.sites.own() => age > IDLE,
            Some(site) => !self.sites.may_run(site),
            None => true,
        }
    }

    /// Makes this instance the one that runs a job, unless another one was faster.
    async fn claim(&self, chore: &Chore) -> Result<bool> {
        let as_seen = doc! { "_id": chore.id, "site": chore.site.map_or(Bson::Null, Bson::ObjectId) };
        self.chores.update(as_seen, doc! { "$set": { "site": self.sites.own() } }).await
    }

    async fn room_of(self: &Arc<Self>, chore: &Chore) -> Result<Arc<RoomLog>> {
        let room = super::Room::by_id(self, chore.room).await?.ok_or(Error::NotFound)?;
        Ok(room.log(self))
    }
}
