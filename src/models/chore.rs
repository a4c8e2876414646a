//! `chore`: what is left to do behind an entry, which has the say: wiping what a removed chat said, purging what a
//! closed room holds. Written down before the entry is appended, and crossed out when it is done, so that what a crash
//! leaves is found by the next start. Doing one twice, or at two sites, is harmless.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::log::{FENCE, Kind};
use super::table::ABANDONED;
use super::{Database, Log, RoomId};
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

/// Something to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Chore {
    #[serde(rename = "_id")]
    id: ObjectId,
    room: RoomId,
    /// The chat whose text is wiped; none: the room is purged.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<i64>,
}

impl Chore {
    /// Writes a chore down.
    pub(super) async fn note(db: &Database, room: RoomId, of: Option<i64>) -> Result<Self> {
        let chore = Self { id: ObjectId::new(), room, of };
        db.chores.insert(chore.clone()).await?;
        Ok(chore)
    }

    /// Crosses it out.
    pub(super) async fn cross_out(&self, db: &Database) -> Result<()> {
        db.chores.delete(doc! { "_id": self.id }).await
    }

    /// Has it done, in a task of its own.
    pub(super) fn begin(self, log: Arc<Log>) {
        self.begin_after(Duration::ZERO, log);
    }

    fn begin_after(self, pause: Duration, log: Arc<Log>) {
        tokio::spawn(async move {
            sleep(pause).await;
            while let Err(error) = self.run(&log).await {
                log::debug!("room {}: a chore waits: {error}", self.room);
                sleep(AGAIN).await;
            }
        });
    }

    async fn run(&self, log: &Log) -> Result<()> {
        match self.of {
            Some(seq) => log.wipe(seq).await?,
            None => self.purge(log).await?,
        }
        self.cross_out(log.db()).await
    }
}

impl Chore {
    /// Begins it once whatever may have come of its entry has come: an error does not say.
    pub(super) fn begin_late(self, log: Arc<Log>) {
        self.begin_after(YOUNG, log);
    }

    async fn purge(&self, log: &Log) -> Result<()> {
        if !log.top().await?.closed {
            return Ok(());
        }
        if let Some(room) = super::Room::by_id(log.db(), self.room).await? {
            room.finish_closing(log.db()).await?;
        }
        log.purge().await
    }
}

impl Log {
    /// Wipes what a chat and its edits say, if it was removed.
    async fn wipe(&self, seq: i64) -> Result<()> {
        let mut marks = self.marks(doc! { "of": seq }).await?;
        marks.extend(self.marks(doc! { "was": seq }).await?);
        if !marks.iter().any(|mark| mark.kind == Kind::Removed) {
            return Ok(());
        }
        for seq in marks.iter().filter(|mark| mark.kind == Kind::Edited).map(|mark| mark.seq).chain([seq]) {
            let text = doc! { "$unset": { "text": "" } };
            self.db().chats.update(doc! { "room": self.room, "seq": seq }, text).await?;
        }
        Ok(())
    }

    /// Deletes all entries before *closed*, if the log has ended: in batches, and no sooner than nobody can be about
    /// to append behind an entry from before.
    async fn purge(&self) -> Result<()> {
        let top = self.top().await?;
        if !top.closed {
            return Ok(());
        }
        // From here on the hint is the only way to the end.
        self.note().await?;
        sleep(FENCE + ABANDONED * 2).await;
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
        // A write that was held up on its way finds its number free.
        sleep(LATE_WRITES).await;
        self.db().chats.delete_all(doc! { "room": self.room, "seq": { "$gt": 0_i64, "$lt": top.seq } }).await
    }
}

impl Database {
    /// Begins what others have left to do.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn resume_chores(self: &Arc<Self>) -> Result<()> {
        for chore in self.chores.all(doc! {}).await? {
            match self.room_of(&chore).await {
                // Another site may have noted it, and be about to append.
                Ok(log) => {
                    let age = DateTime::now().saturating_duration_since(chore.id.timestamp());
                    chore.begin_after(YOUNG.saturating_sub(age), log);
                }
                // Its room never stood.
                Err(Error::NotFound) => chore.cross_out(self).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn room_of(self: &Arc<Self>, chore: &Chore) -> Result<Arc<Log>> {
        let room = super::Room::by_id(self, chore.room).await?.ok_or(Error::NotFound)?;
        Ok(room.log(self))
    }
}
