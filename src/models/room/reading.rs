//! What a member has read, and what the member wants to be told.
//!
//! The position only grows, except that *mark unread* sets it back. That raises `rev`, so that a page that does not know
//! of it cannot undo it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{DateTime, doc};

use super::membership::{MAX_ROOMS, Membership};
use super::{Level, Room};
use crate::error::{Error, Result};
use crate::models::{RoomId, User, UserId};
use crate::store::Database;

const CONCURRENT_WRITES: usize = 16;

impl Room {
    /// Returns the membership of a user who visits the room. The first visit of an open room creates it: everything that
    /// was said before counts as read.
    pub(crate) async fn visit(&self, db: &Database, user: &User) -> Result<Membership> {
        if let Some(membership) = Membership::find(db, self.id, user.id).await? {
            membership.record_visit(db);
            return Ok(membership);
        }
        if !self.kind.is_open() {
            return Err(Error::NotFound);
        }
        self.make_place(db, user.id).await?;
        Membership::create(db, self, user.id, user.id, None).await?;
        // The room may have become closed meanwhile, for members only.
        if Self::by_id(db, self.id).await?.is_none_or(|room| !room.open || !room.kind.is_open()) {
            Membership::delete(db, self.id, user.id).await?;
            return Err(Error::NotFound);
        }
        Membership::find(db, self.id, user.id)
            .await?
            .ok_or_else(|| Error::Unavailable("the membership is missing".into()))
    }

    /// Forgets the open room that the user has not visited for the longest time, if there are too many.
    async fn make_place(&self, db: &Database, user: UserId) -> Result<()> {
        let mut rooms = Membership::of_user(db, user).await?;
        if rooms.len() < MAX_ROOMS {
            return Ok(());
        }
        rooms.sort_by_key(|membership| Reverse(membership.visited_at()));
        while let Some(oldest) = rooms.pop() {
            if Self::by_id(db, oldest.room).await?.is_none_or(|room| room.kind.is_open()) {
                return Membership::delete_many(db, &[oldest]).await;
            }
        }
        Ok(())
    }

    /// Marks the chats up to `no` as read. Without `rev` the request knows the current state; with an older one nothing
    /// changes. Returns the membership afterwards.
    pub(crate) async fn mark_read(
        &self,
        db: &Arc<Database>,
        user: &User,
        no: i64,
        rev: Option<i64>,
    ) -> Result<Membership> {
        let before = self.visit(db, user).await?;
        let no = no.clamp(0, self.log(db).current_head().await?.no);
        if rev.is_some_and(|rev| rev != before.rev) {
            return Ok(before);
        }
        Ok(Membership::read_up_to(db, self.id, user.id, no).await?.unwrap_or(before))
    }

    /// Marks chat `no` and all later ones as unread. Returns the membership afterwards.
    pub(crate) async fn mark_unread(&self, db: &Database, user: &User, no: i64) -> Result<Membership> {
        let before = self.visit(db, user).await?;
        let read = (no - 1).clamp(0, self.chat_count(db));
        let mut key = Membership::key(self.id, user.id);
        key.insert("rev", before.rev);
        let change = doc! { "$set": { "read": read }, "$inc": { "rev": 1_i64 } };
        db.collection::<Membership>().update(key, change).await?;
        self.visit(db, user).await
    }

    /// Sets what the user wants to be told of the room. Returns the membership afterwards.
    pub(crate) async fn set_level(&self, db: &Arc<Database>, user: &User, level: Level) -> Result<Membership> {
        self.visit(db, user).await?;
        let mut change = doc! { "$set": { "level": level.as_str() } };
        if level == Level::Hidden {
            // A hidden direct room comes back with the next chat, not with the last one.
            change.insert("$max", doc! { "read": self.log(db).current_head().await?.no });
        }
        db.collection::<Membership>().update(Membership::key(self.id, user.id), change).await?;
        self.visit(db, user).await
    }
}

impl User {
    /// Marks everything in all rooms as read.
    pub(crate) async fn mark_all_read(&self, db: &Database) -> Result<()> {
        let memberships = Membership::of_user(db, self.id).await?;
        let ids: Vec<RoomId> = memberships.iter().map(|membership| membership.room).collect();
        let rooms = db.collection::<Room>().find_many(doc! { "_id": { "$in": ids } }).await?;
        let counts: HashMap<RoomId, i64> = rooms.iter().map(|room| (room.id, room.chat_count(db))).collect();
        let unread = memberships.into_iter().filter_map(|membership| {
            let count = counts.get(&membership.room).copied().filter(|count| *count > membership.read)?;
            Some((membership.room, count))
        });
        let unread: Vec<(RoomId, i64)> = unread.collect();
        let marked = unread.into_iter().map(|(room, count)| Membership::read_up_to(db, room, self.id, count));
        stream::iter(marked).buffer_unordered(CONCURRENT_WRITES).try_collect::<Vec<_>>().await.map(drop)
    }
}

impl Membership {
    /// Moves the position of a user who has one. Returns the membership afterwards if it has changed.
    pub(crate) async fn read_up_to(db: &Database, room: RoomId, user: UserId, no: i64) -> Result<Option<Self>> {
        let Some(before) = Self::find(db, room, user).await?.filter(|before| before.read < no) else { return Ok(None) };
        let mut key = Self::key(room, user);
        key.insert("rev", before.rev);
        db.collection::<Self>().update(key, doc! { "$max": { "read": no } }).await?;
        Self::find(db, room, user).await
    }

    /// Stores the time of a visit, at most once a day.
    fn record_visit(&self, db: &Database) {
        const DAY: u64 = 24 * 60 * 60;
        let now = DateTime::now();
        if now.saturating_duration_since(self.visited_at()).as_secs() > DAY {
            let change = doc! { "$set": { "visited": now } };
            db.collection::<Self>().spawn_update_many(Self::key(self.room, self.user), change);
        }
    }

    pub(crate) fn level(&self, room: &Room) -> Level {
        self.level.unwrap_or(Level::default_of(room.kind))
    }
}
