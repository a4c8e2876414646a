//! Collection `membership`: the members of closed and direct rooms, and the visitors of open rooms.
//!
//! In a closed or direct room a document gives access. In an open room it holds what a visitor has read; it is created
//! at the first visit, so that newcomers have nothing unread and rooms cost no document a user.

use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};

use super::{Level, Room};
use crate::error::{Error, FieldError, Result};
use crate::models::{RoomId, UserId};
use crate::store::{Database, StoredDocument, index, unique_index};

/// Members of a closed room.
pub(crate) const MAX_MEMBERS: usize = 1_000;
/// Rooms of a user.
pub(crate) const MAX_ROOMS: usize = 2_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// Room and user, so that one query by a unique key finds it.
    #[serde(rename = "_id")]
    id: String,
    pub(crate) room: RoomId,
    pub(crate) user: UserId,
    /// `None`: the default of the kind of room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<Level>,
    /// The number of the last chat that the user has read.
    #[serde(default)]
    pub(crate) read: i64,
    /// Grows when the user marks chats as unread, so that an older page cannot undo that.
    #[serde(default)]
    pub(crate) rev: i64,
    pub(crate) joined: DateTime,
    /// Who added the member.
    pub(crate) by: UserId,
    /// The change that has added the member, so that it completes after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<ObjectId>,
    /// The change that ends the membership. It gives no access any more, and goes once *left* is appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaving: Option<ObjectId>,
    /// The last visit, to the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visited: Option<DateTime>,
}

impl StoredDocument for Membership {
    const COLLECTION: &'static str = "membership";

    fn indexes() -> Vec<IndexModel> {
        vec![unique_index(doc! { "room": 1, "user": 1 }), index(doc! { "user": 1 })]
    }
}

impl Membership {
    /// Makes a user a member who has read everything so far. Returns whether the user was none before.
    pub(super) async fn create(
        db: &Database,
        room: &Room,
        user: UserId,
        by: UserId,
        change: Option<ObjectId>,
    ) -> Result<bool> {
        let now = DateTime::now();
        let membership = Self {
            id: id(room.id, user),
            room: room.id,
            user,
            level: None,
            read: room.chat_count(db),
            rev: 0,
            joined: now,
            by,
            change,
            leaving: None,
            visited: Some(now),
        };
        db.collection::<Self>().insert(membership).await
    }

    /// Returns whether a change has made a user a member of a room.
    pub(super) async fn is_of_change(db: &Database, room: RoomId, user: UserId, change: ObjectId) -> Result<bool> {
        Ok(Self::find(db, room, user).await?.is_some_and(|membership| membership.change == Some(change)))
    }

    /// Fails with `TooManyRooms` if one of the users has as many rooms as possible.
    pub(super) async fn ensure_place(db: &Database, users: &[UserId], field: &'static str) -> Result<()> {
        for user in users {
            if Self::of_user(db, *user).await?.len() >= MAX_ROOMS {
                return Err(Error::field(field, FieldError::TooManyRooms(MAX_ROOMS)));
            }
        }
        Ok(())
    }

    /// Returns the membership of a user in a room.
    pub(crate) async fn find(db: &Database, room: RoomId, user: UserId) -> Result<Option<Self>> {
        let found = db.collection::<Self>().find_by_id_cached(id(room, user)).await?;
        Ok(found.filter(|membership| membership.leaving.is_none()))
    }

    /// Returns the memberships of a user in some rooms, in no order.
    pub(super) async fn find_among(db: &Database, rooms: &[RoomId], user: UserId) -> Result<Vec<Self>> {
        let ids = rooms.iter().map(|room| id(*room, user).into()).collect();
        valid(db.collection::<Self>().find_by_ids_cached(ids, |membership| membership.id.as_str().into()).await?)
    }

    /// Ends a membership. Returns whether this change ends it, and not another one.
    pub(super) async fn end(db: &Database, room: RoomId, user: UserId, change: ObjectId) -> Result<bool> {
        let open = doc! { "_id": id(room, user), "leaving": null };
        if db.collection::<Self>().update(open, doc! { "$set": { "leaving": change } }).await? {
            return Ok(true);
        }
        let found = db.collection::<Self>().find_one(doc! { "_id": id(room, user) }).await?;
        Ok(found.is_some_and(|membership| membership.leaving == Some(change)))
    }

    /// Returns the members of a closed or direct room, or the visitors of an open one.
    pub(crate) async fn of_room(db: &Database, room: RoomId) -> Result<Vec<Self>> {
        valid(db.collection::<Self>().find_many(doc! { "room": room }).await?)
    }

    /// Returns the memberships of some users in a room.
    pub(super) async fn of_users(db: &Database, room: RoomId, users: &[UserId]) -> Result<Vec<Self>> {
        let ids: Vec<Bson> = users.iter().map(|user| id(room, *user).into()).collect();
        valid(db.collection::<Self>().find_many(doc! { "_id": { "$in": ids } }).await?)
    }

    /// Returns the memberships of a user, at most about [`MAX_ROOMS`].
    pub(crate) async fn of_user(db: &Database, user: UserId) -> Result<Vec<Self>> {
        valid(db.collection::<Self>().find_many(doc! { "user": user }).await?)
    }

    pub(super) async fn delete(db: &Database, room: RoomId, user: UserId) -> Result<()> {
        db.collection::<Self>().delete(doc! { "_id": id(room, user) }).await
    }

    /// Deletes a membership that a change has made.
    pub(super) async fn delete_of_change(db: &Database, room: RoomId, user: UserId, change: ObjectId) -> Result<()> {
        db.collection::<Self>().delete(doc! { "_id": id(room, user), "change": change }).await
    }

    pub(super) async fn delete_many(db: &Database, memberships: &[Self]) -> Result<()> {
        let ids: Vec<Bson> = memberships.iter().map(|membership| Bson::from(membership.id.as_str())).collect();
        db.collection::<Self>().delete_many(doc! { "_id": { "$in": ids } }).await
    }

    pub(super) async fn delete_all(db: &Database, room: RoomId) -> Result<()> {
        db.collection::<Self>().delete_many(doc! { "room": room }).await
    }

    pub(crate) fn chosen_level(&self) -> Option<Level> {
        self.level
    }

    pub(super) fn visited_at(&self) -> DateTime {
        self.visited.unwrap_or(self.joined)
    }

    /// Returns the filter of one membership.
    pub(crate) fn key(room: RoomId, user: UserId) -> Document {
        doc! { "_id": id(room, user) }
    }
}

fn valid(mut memberships: Vec<Membership>) -> Result<Vec<Membership>> {
    memberships.retain(|membership| membership.leaving.is_none());
    Ok(memberships)
}

fn id(room: RoomId, user: UserId) -> String {
    format!("{room}-{user}")
}
