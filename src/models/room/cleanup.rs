//! Jobs after a removal, an edit or a closing: wipe the text and the files of the removed chat, delete the files that an
//! edit takes away, purge the log of the closed room.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Room;
use super::log::{Entry, EntryKind, MAX_HEAD_AGE, RoomLog};
use crate::attachment::FileName;
use crate::error::Result;
use crate::models::RoomId;
use crate::models::file::StoredFile;
use crate::store::{Database, HARD_TIMEOUT, Work};

/// Entries deleted at once: some milliseconds of the database's time.
const BATCH: i64 = 500;
/// The pause between two batches, for other queries.
const PAUSE: Duration = Duration::from_millis(20);
/// How long after a purge late writes are deleted.
const LATE_WRITES_DELAY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cleanup {
    room: RoomId,
    /// The chat that is wiped, or some of whose files are. `None`: the room is purged.
    #[serde(rename = "of", default, skip_serializing_if = "Option::is_none")]
    chat: Option<i64>,
}

impl Cleanup {
    pub(crate) fn of_chat(room: RoomId, seq: i64) -> Self {
        Self { room, chat: Some(seq) }
    }

    pub(crate) fn of_room(room: RoomId) -> Self {
        Self { room, chat: None }
    }
}

impl Work for Cleanup {
    const KIND: Option<&'static str> = None;

    async fn run(&self, db: &Arc<Database>) -> Result<()> {
        let Some(room) = Room::by_id(db, self.room).await? else { return Ok(()) };
        let log = room.log(db);
        match self.chat {
            Some(seq) => log.wipe(seq).await,
            None if log.fetch_head().await?.closed => {
                room.finish_closing(db).await?;
                log.purge().await
            }
            None => Ok(()),
        }
    }
}

impl RoomLog {
    /// Wipes the texts and the files of a chat and of its edits, if the chat was removed, else the files that edits took
    /// away.
    async fn wipe(&self, seq: i64) -> Result<()> {
        self.discard_files(seq).await?;
        let mut revisions = self.revisions(doc! { "of": seq }).await?;
        revisions.extend(self.revisions(doc! { "was": seq }).await?);
        if !revisions.iter().any(|revision| revision.kind == EntryKind::Removed) {
            return Ok(());
        }
        let wiped = doc! { "text": "", "mentions": "", "files": "" };
        let edits = revisions.iter().filter(|revision| revision.kind == EntryKind::Edited);
        for seq in edits.map(|edit| edit.seq).chain([seq]) {
            let key = doc! { "room": self.room, "seq": seq };
            self.db().collection::<Entry>().update(key, doc! { "$unset": wiped.clone() }).await?;
        }
        Ok(())
    }

    /// Discards the files that a chat had and has no more. Runs before the wipe, after which no entry names them.
    async fn discard_files(&self, seq: i64) -> Result<()> {
        let Some(said) = self.entry(seq).await?.filter(|said| said.files.is_some()) else { return Ok(()) };
        let kept = self.kept_files(seq).await?;
        let gone = said.file_names().into_iter().filter(|name| !kept.contains(name));
        let gone: Vec<&str> = gone.map(FileName::as_str).collect();
        if gone.is_empty() {
            return Ok(());
        }
        StoredFile::discard(self.db(), doc! { "_id": { "$in": gone } }).await
    }

    /// Returns the files that a chat has: none if it was removed.
    pub(crate) async fn kept_files(&self, seq: i64) -> Result<Vec<FileName>> {
        let revisions = self.revisions(doc! { "of": seq }).await?;
        if revisions.iter().any(|revision| revision.kind == EntryKind::Removed) {
            return Ok(Vec::new());
        }
        let edits = revisions.iter().filter(|revision| revision.kind == EntryKind::Edited);
        let last = edits.map(|edit| edit.seq).max().unwrap_or(seq);
        Ok(self.entry(last).await?.iter().flat_map(Entry::file_names).cloned().collect())
    }

    /// Deletes all entries before *closed*, once no writer can append to an entry before it any more.
    async fn purge(&self) -> Result<()> {
        let head = self.fetch_head().await?;
        if !head.closed {
            return Ok(());
        }
        // From here on only the hint leads to the last entry.
        self.save_head_hint().await?;
        sleep(MAX_HEAD_AGE + HARD_TIMEOUT * 2).await;
        // From here on any entry that is found before the last one was written too late.
        let purged = doc! { "$set": { "purged": true } };
        self.db().collection::<Room>().update(doc! { "_id": self.room }, purged).await?;
        let mut seq = 0;
        while seq < head.seq - 1 {
            let last = (seq + BATCH).min(head.seq - 1);
            let window = doc! { "room": self.room, "seq": { "$gt": seq, "$lte": last } };
            StoredFile::discard(self.db(), window.clone()).await?;
            self.db().collection::<Entry>().delete_many(window).await?;
            seq = last;
            sleep(PAUSE).await;
        }
        self.delete_late_writes(head.seq);
        Ok(())
    }

    /// Deletes delayed writes that found their number free after the purge. The instance that reads one that arrives
    /// even later deletes it.
    fn delete_late_writes(&self, end: i64) {
        let (db, room) = (Arc::clone(self.db()), self.room);
        tokio::spawn(async move {
            sleep(LATE_WRITES_DELAY).await;
            let late = doc! { "room": room, "seq": { "$gt": 0_i64, "$lt": end } };
            if let Err(error) = db.collection::<Entry>().delete_many(late).await {
                log::debug!("late writes not deleted: room={room} error={error}");
            }
        });
    }
}
