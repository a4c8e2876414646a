//! Collection `file`: whose the files of chats are, and which chats have them. The file server stores the files.
//!
//! The rows of a chat are written before the chat is appended, without `seq`. A row without `seq`, or of a file that no
//! chat has any more, is due for the sweep in `chat/file_sweep.rs`.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::values::Nonce;
use super::{RoomId, User, UserId};
use crate::attachment::{Attachment, AttachmentKind, FileName};
use crate::error::{Error, FieldError, Result};
use crate::store::{Database, ModelState, StoredDocument, index, partial_index};

/// The age at which a row without `seq` is due: no append takes that long.
const APPEND_TIME: Duration = Duration::from_secs(10 * 60);
/// What a file occupies at least, in bytes. It bounds the number of rows of a person.
const MIN_BYTES: i64 = 4 * 1024;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    #[serde(rename = "_id")]
    pub(crate) name: FileName,
    pub(crate) room: RoomId,
    pub(crate) user: UserId,
    pub(crate) nonce: Nonce,
    /// The chat. `None` until it is appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<i64>,
    n: i32,
    bytes: i64,
    kind: AttachmentKind,
    #[serde(rename = "name")]
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    at: DateTime,
    /// Whether no chat has the file any more, so that it is about to be deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) gone: bool,
    /// When the sweep looks at the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<DateTime>,
}

impl StoredDocument for StoredFile {
    const COLLECTION: &'static str = "file";

    fn indexes() -> Vec<IndexModel> {
        vec![index(doc! { "room": 1, "seq": 1 }), index(doc! { "user": 1 }), partial_index(doc! { "due": 1 }, "due")]
    }
}

/// The files of a chat that is about to be posted.
#[derive(Clone, Debug)]
pub struct NewFiles<'r> {
    pub(crate) files: &'r [Attachment],
    /// What all files of the author may occupy, in bytes.
    pub(crate) quota: u64,
}

/// Bytes that a request has added to its author's. Unless it is settled, the sweep counts again.
#[must_use]
pub(crate) struct Reservation {
    user: UserId,
    /// `None` if the sweep is to count again anyway.
    id: Option<ObjectId>,
}

/// Wakes the sweep of this instance.
#[derive(Default)]
pub(crate) struct FilesDue(Notify);

impl ModelState for FilesDue {
    fn new(_: &Database) -> Self {
        Self::default()
    }
}

impl FilesDue {
    pub(crate) async fn notified(&self) {
        self.0.notified().await;
    }

    fn notify(&self) {
        self.0.notify_one();
    }
}

impl StoredFile {
    /// Returns the row of a chat's file that has its chat.
    pub(crate) fn of_chat((room, seq): (RoomId, i64), (user, nonce): (UserId, &Nonce), file: &Attachment) -> Self {
        Self { seq: Some(seq), due: None, ..Self::new(room, (user, nonce), file) }
    }

    fn new(room: RoomId, (user, nonce): (UserId, &Nonce), file: &Attachment) -> Self {
        let at = DateTime::now();
        Self {
            name: file.path.clone(),
            room,
            user,
            nonce: nonce.clone(),
            seq: None,
            n: file.n,
            bytes: charged_bytes(file),
            kind: file.kind,
            display_name: file.name.clone(),
            width: file.width,
            height: file.height,
            at,
            gone: false,
            due: Some(after(at, APPEND_TIME)),
        }
    }

    /// Writes the rows of a chat before it is appended. Idempotent. Returns what is settled once they have their chat.
    /// Fails with `QuotaExceeded`, `Unavailable` while one of the files is being deleted.
    pub(crate) async fn reserve(
        db: &Database,
        room: RoomId,
        (author, nonce): (&User, &Nonce),
        NewFiles { files, quota }: &NewFiles<'_>,
    ) -> Result<Option<Reservation>> {
        let known = db.collection::<Self>().find_many(doc! { "_id": { "$in": names(files) } }).await?;
        if known.iter().any(|row| row.gone) {
            return Err(Error::Unavailable("a file is being deleted".into()));
        }
        // The name covers the nonce, which only its author knows.
        if known.iter().any(|row| (row.room, row.user, &row.nonce) != (room, author.id, nonce)) {
            return Err(Error::field("nonce", FieldError::NonceUsed));
        }
        let known: HashSet<&FileName> = known.iter().map(|row| &row.name).collect();
        let new: Vec<&Attachment> = files.iter().filter(|file| !known.contains(&file.path)).collect();
        if !known.is_empty() {
            let waiting = doc! { "_id": { "$in": names(files) }, "seq": null, "gone": null };
            let due = doc! { "$set": { "due": after(DateTime::now(), APPEND_TIME) } };
            db.collection::<Self>().update_many(waiting, due).await?;
            // The sweep may have discarded some before that.
            let kept = doc! { "_id": { "$in": names(files) }, "gone": null };
            if db.collection::<Self>().find_many(kept).await?.len() < known.len() {
                return Err(Error::Unavailable("a file is being deleted".into()));
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        let bytes = new.iter().map(|file| charged_bytes(file)).sum();
        let reservation = User::reserve_bytes(db, author.id, bytes, *quota).await?;
        let insert = |file: &Attachment| {
            let row = Self::new(room, (author.id, nonce), file);
            async move { db.collection::<Self>().insert(row).await }
        };
        let inserted = try_join_all(new.into_iter().map(insert)).await?;
        if inserted.iter().all(|is_new| *is_new) {
            return Ok(Some(reservation));
        }
        // Another request has reserved the same.
        User::mark_for_recount(db, &[author.id]).await?;
        Ok(None)
    }

    /// Records the chat of its files. After an error the sweep does.
    pub(crate) async fn assign(db: &Database, names: &[&str], seq: i64) -> Result<()> {
        let change = doc! { "$set": { "seq": seq }, "$unset": { "due": "" } };
        db.collection::<Self>().update_many(doc! { "_id": { "$in": names }, "gone": null }, change).await
    }

    /// Deletes files and their rows soon. The filter is a key or a bounded window.
    pub(crate) async fn discard(db: &Database, mut filter: Document) -> Result<()> {
        filter.insert("gone", Bson::Null);
        let change = doc! { "$set": { "gone": true, "due": DateTime::now() } };
        db.collection::<Self>().update_many(filter, change).await?;
        db.state::<FilesDue>().notify();
        Ok(())
    }

    /// Returns those of some files that have no row.
    pub(crate) async fn unused(db: &Database, files: Vec<FileName>) -> Result<Vec<FileName>> {
        #[derive(Deserialize)]
        struct Used {
            #[serde(rename = "_id")]
            name: FileName,
        }
        let names: Vec<&str> = files.iter().map(FileName::as_str).collect();
        let filter = doc! { "_id": { "$in": names } };
        let rows: Vec<Used> = db.collection::<Self>().find_projected(filter, doc! { "_id": 1 }).await?;
        let used: HashSet<FileName> = rows.into_iter().map(|row| row.name).collect();
        Ok(files.into_iter().filter(|name| !used.contains(name)).collect())
    }
}

impl Reservation {
    /// Ends the wish to be counted again. If that is gone, a count may not have seen the rows: it is made again.
    pub(crate) async fn settle(self, db: &Database) -> Result<()> {
        let Some(id) = self.id else { return Ok(()) };
        let settled = doc! { "$unset": { "recount": "", "reservation": "" } };
        if db.collection::<User>().update(doc! { "_id": self.user, "reservation": id }, settled).await? {
            Ok(())
        } else {
            User::mark_for_recount(db, &[self.user]).await
        }
    }
}

impl User {
    /// Adds bytes unless all would exceed the quota.
    async fn reserve_bytes(db: &Database, id: UserId, bytes: i64, quota: u64) -> Result<Reservation> {
        let most = i64::try_from(quota).unwrap_or(i64::MAX).saturating_sub(bytes);
        if most < 0 {
            return Err(Error::QuotaExceeded);
        }
        // A user who never stored a file has no `bytes`.
        let has_room = doc! { "_id": id, "bytes": { "$not": { "$gt": most } } };
        let reservation = ObjectId::new();
        let pending = doc! { "recount": true, "reservation": reservation };
        let change = doc! { "$inc": { "bytes": bytes, "bytesRev": 1_i64 }, "$set": pending };
        match db.collection::<Self>().find_one_and_update(has_room, change).await? {
            Some(before) => Ok(Reservation { user: id, id: (!before.recount).then_some(reservation) }),
            None => Err(Error::QuotaExceeded),
        }
    }

    /// Makes the sweep count the bytes of users again, also after a crash.
    pub(crate) async fn mark_for_recount(db: &Database, users: &[UserId]) -> Result<()> {
        // What is reserved at the moment is counted too.
        let change =
            doc! { "$set": { "recount": true }, "$inc": { "bytesRev": 1_i64 }, "$unset": { "reservation": "" } };
        db.collection::<Self>().update_many(doc! { "_id": { "$in": users } }, change).await
    }

    /// Counts what a user's files occupy, unless a chat of theirs is just being posted.
    pub(crate) async fn recount_bytes(db: &Database, id: UserId) -> Result<()> {
        #[derive(Deserialize)]
        struct Counted {
            #[serde(default, rename = "bytesRev")]
            revision: Option<i64>,
        }
        #[derive(Deserialize)]
        struct Occupied {
            bytes: i64,
            seq: Option<i64>,
            #[serde(default)]
            gone: bool,
        }
        let fields = doc! { "_id": 0, "bytesRev": 1 };
        let user: Vec<Counted> = db.collection::<Self>().find_projected(doc! { "_id": id }, fields).await?;
        let Some(Counted { revision }) = user.into_iter().next() else { return Ok(()) };
        let fields = doc! { "_id": 0, "bytes": 1, "seq": 1, "gone": 1 };
        let mut rows: Vec<Occupied> = db.collection::<StoredFile>().find_projected(doc! { "user": id }, fields).await?;
        rows.retain(|row| !row.gone);
        if rows.iter().any(|row| row.seq.is_none()) {
            return Ok(());
        }
        let bytes: i64 = rows.iter().map(|row| row.bytes).sum();
        // What changed meanwhile has raised the revision.
        let as_seen = doc! { "_id": id, "bytesRev": revision };
        let change = doc! { "$set": { "bytes": bytes }, "$unset": { "recount": "", "reservation": "" } };
        db.collection::<Self>().update(as_seen, change).await.map(drop)
    }
}

/// Returns what a file takes of its author's quota.
pub(crate) fn charged_bytes(file: &Attachment) -> i64 {
    file.bytes.max(MIN_BYTES)
}

pub(crate) fn names(files: &[Attachment]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

fn after(at: DateTime, duration: Duration) -> DateTime {
    DateTime::from_millis(at.timestamp_millis().saturating_add(duration.as_millis() as i64))
}
