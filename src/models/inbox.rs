//! Collection `inbox`: what each user is told: who mentioned them, and into which rooms they were invited.
//!
//! The entries of a user are numbered 1, 2, 3 … without a gap, by compare-and-set as in a room's log. A nonce makes each
//! exactly once, however often its job runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{RoomId, User, UserId};
use crate::cache::{Cache, Lookup};
use crate::error::{Error, Result};
use crate::store::{Database, ModelState, StoredDocument, exponential_search, unique_index};

pub(crate) const INBOX_PAGE: i64 = 30;
const HEAD_AGE: Duration = Duration::from_secs(60);
const HEADS_BYTES: usize = 1 << 20;
/// Users who wait to be told of their inboxes, some 200 KiB.
const MAX_CHANGED: usize = 8_192;
/// Writers at the same inbox at the same moment.
const MAX_ATTEMPTS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InboxKind {
    Mentioned,
    Invited,
    /// Written by a later version.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InboxEntry {
    #[serde(rename = "_id")]
    id: ObjectId,
    pub(crate) user: UserId,
    pub(crate) no: i64,
    pub(crate) kind: InboxKind,
    nonce: String,
    pub(crate) room: RoomId,
    /// The chat, on *mentioned*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<i64>,
    pub(crate) by: UserId,
    pub(crate) at: DateTime,
}

/// What an entry tells.
#[derive(Clone, Debug)]
pub(crate) struct InboxNews {
    pub(crate) kind: InboxKind,
    pub(crate) nonce: String,
    pub(crate) room: RoomId,
    pub(crate) seq: Option<i64>,
    pub(crate) by: UserId,
}

/// The heads of inboxes, and the users whose inboxes have grown. One task takes them.
pub(crate) struct Inboxes {
    heads: Arc<Cache<UserId, i64>>,
    changed: Mutex<HashSet<UserId>>,
    added: Notify,
}

impl StoredDocument for InboxEntry {
    const COLLECTION: &'static str = "inbox";

    fn indexes() -> Vec<IndexModel> {
        vec![unique_index(doc! { "user": 1, "no": 1 }), unique_index(doc! { "user": 1, "nonce": 1 })]
    }
}

impl ModelState for Inboxes {
    fn new(db: &Database) -> Self {
        let heads = Cache::new(db.budget(), HEAD_AGE, HEADS_BYTES);
        Self { heads, changed: Mutex::default(), added: Notify::new() }
    }
}

impl Inboxes {
    /// Returns the users whose inboxes have grown, once there are some.
    pub(crate) async fn changed(&self) -> HashSet<UserId> {
        loop {
            let changed = std::mem::take(&mut *self.changed.lock());
            if !changed.is_empty() {
                return changed;
            }
            self.added.notified().await;
        }
    }

    fn record(&self, user: UserId, head: i64) {
        self.heads.insert_if(user, head, size_of::<i64>(), |known| *known < head);
        self.announce(user);
    }

    /// Makes the sockets of a user count again.
    fn announce(&self, user: UserId) {
        let mut changed = self.changed.lock();
        // A count that is not sent is right on the next page.
        if changed.len() < MAX_CHANGED {
            changed.insert(user);
        }
        drop(changed);
        self.added.notify_one();
    }

    fn known_head(&self, user: UserId) -> Option<i64> {
        match self.heads.get(&user) {
            Lookup::Hit(head) => Some(head),
            Lookup::Miss(_) => None,
        }
    }
}

impl InboxEntry {
    /// Appends an entry to a user's inbox, unless it has one with this nonce.
    pub(crate) async fn append(db: &Database, user: UserId, news: &InboxNews) -> Result<()> {
        let state = db.state::<Inboxes>();
        for _ in 0..MAX_ATTEMPTS {
            let InboxNews { kind, nonce, room, seq, by } = news.clone();
            let no = Self::head(db, user).await? + 1;
            let entry = Self { id: ObjectId::new(), user, no, kind, nonce, room, seq, by, at: DateTime::now() };
            if db.collection::<Self>().insert(entry).await? {
                state.record(user, no);
                return Ok(());
            }
            // Another entry has the number, or the nonce.
            if db.collection::<Self>().find_one(doc! { "user": user, "nonce": &news.nonce }).await?.is_some() {
                return Ok(());
            }
            // The known head is older than the entry.
            state.heads.invalidate(Some(&user));
        }
        Err(Error::Unavailable("the inbox has too many writers".into()))
    }

    /// Returns the number of a user's last entry.
    pub(crate) async fn head(db: &Database, user: UserId) -> Result<i64> {
        let state = db.state::<Inboxes>();
        let known = match state.known_head(user) {
            // All entries are appended by this instance, which records them.
            Some(head) if db.members().is_sole_instance() => return Ok(head),
            known => known.unwrap_or_default(),
        };
        let probe = |no| async move { db.collection::<Self>().find_one(doc! { "user": user, "no": no }).await };
        let head = exponential_search(known, probe).await?.map_or(known, |entry| entry.no);
        state.heads.insert_if(user, head, size_of::<i64>(), |known| *known < head);
        Ok(head)
    }
}

impl User {
    /// Returns a page of the inbox, the latest entries first, and the number of the last one.
    pub(crate) async fn inbox(&self, db: &Database, before: Option<i64>) -> Result<(Vec<InboxEntry>, i64)> {
        let head = InboxEntry::head(db, self.id).await?;
        let end = before.unwrap_or(i64::MAX).min(head + 1);
        let window = doc! { "user": self.id, "no": { "$gte": end - INBOX_PAGE, "$lt": end } };
        let mut entries = db.collection::<InboxEntry>().find_many(window).await?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.no));
        Ok((entries, head))
    }

    /// Returns how many entries of the inbox are unread.
    pub(crate) async fn unread_inbox(&self, db: &Database) -> Result<i64> {
        Ok((InboxEntry::head(db, self.id).await? - self.inbox_read).max(0))
    }

    /// Marks the inbox as read up to an entry.
    pub(crate) async fn mark_inbox_read(&self, db: &Database, no: i64) -> Result<()> {
        let no = no.clamp(0, InboxEntry::head(db, self.id).await?);
        db.collection::<Self>().update(doc! { "_id": self.id }, doc! { "$max": { "inboxRead": no } }).await?;
        db.state::<Inboxes>().announce(self.id);
        Ok(())
    }
}
