//! `name`: which room has which name. A document a name, whose `_id` is the name's key, inserted to take it
//! and deleted to free it, never changed: the engine keeps a unique key that an update has changed.
//!
//! A room that is made or renamed takes its name first. What a crash leaves behind is a name whose room
//! does not stand for it: after [`GRACE`] the next who wants it has it.

use std::time::Duration;

use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::Room;
use crate::error::Result;
use crate::models::checked::RoomName;
use crate::models::{Database, RoomId};

/// How long the making of a room may take at most.
const GRACE: Duration = Duration::from_secs(10);

/// A room's hold on a name.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::models) struct Name {
    #[serde(rename = "_id")]
    key: String,
    room: RoomId,
    at: DateTime,
}

impl Name {
    /// Takes a name for a room. Answers `false` when another room has it.
    pub(super) async fn take(db: &Database, name: &RoomName, room: RoomId) -> Result<bool> {
        let wanted = Self { key: name.key(), room, at: DateTime::now() };
        loop {
            if db.names.insert(wanted.clone()).await? {
                return Ok(true);
            }
            match db.names.one(doc! { "_id": &wanted.key }).await? {
                Some(there) if there.room == room => return Ok(true),
                Some(there) if there.stands(db).await? => return Ok(false),
                Some(there) => there.free(db).await?,
                None => {}
            }
        }
    }

    /// Frees the name of a room, if the room still has it.
    pub(super) async fn free_of(db: &Database, key: String, room: RoomId) -> Result<()> {
        Self { key, room, at: DateTime::now() }.free(db).await
    }

    async fn free(&self, db: &Database) -> Result<()> {
        db.names.delete(doc! { "_id": &self.key, "room": self.room }).await
    }

    /// Whether its room goes by it, or may be about to.
    async fn stands(&self, db: &Database) -> Result<bool> {
        if DateTime::now().saturating_duration_since(self.at) < GRACE {
            return Ok(true);
        }
        let room = Room::by_id(db, self.room).await?;
        Ok(room.is_some_and(|room| room.open && room.name.key() == self.key))
    }
}
