//! Direct rooms: a set of people has one room, whose id follows from the set.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::membership::Membership;
use super::{Created, NameReservation, NewRoom, Room, RoomKind};
use crate::error::{Error, FieldError, Result};
use crate::models::values::{RoomName, Topic};
use crate::models::{RoomId, User, UserId};
use crate::store::Database;

/// People of a direct room.
pub(crate) const MAX_PEOPLE: usize = 10;

impl User {
    /// Returns the direct room of the user and others; without others, the room of the user's notes. Creates it if
    /// necessary.
    /// Fails with `with: People` if somebody is unknown or there are more than [`MAX_PEOPLE`].
    pub(crate) async fn direct_room(&self, db: &Arc<Database>, with: &[UserId]) -> Result<Room> {
        let mut people: Vec<UserId> = with.iter().copied().chain([self.id]).collect();
        people.sort_unstable();
        people.dedup();
        let refused = || Error::field("with", FieldError::People);
        if people.len() > MAX_PEOPLE {
            return Err(refused());
        }
        let key = key(&people);
        let id = RoomId::of_key(&key);
        let found = User::find_all(db, &people).await?;
        if found.len() != people.len() {
            return Err(refused());
        }
        if let Some(room) = Room::by_id(db, id).await?.filter(|room| room.open)
            && room.is_readable(db, self.id).await?
        {
            return Ok(room);
        }
        Membership::ensure_place(db, &people, "with").await?;
        NameReservation::acquire(db, key, id).await?.ok_or_else(refused)?;
        let name = RoomName::of_direct_room();
        let new = NewRoom { name, topic: Topic::default(), kind: RoomKind::Direct };
        let room = Room { people: people.clone(), ..Room::new(id, self.id, new) };
        // Before the room, which nobody could see otherwise.
        for user in people {
            Membership::create(db, &room, user, self.id, None).await?;
        }
        match room.insert(db).await? {
            Created::New(room) | Created::Existing(room) => Ok(room),
        }
    }
}

impl Room {
    /// Returns the other people of a direct room, or the reader in a room of notes.
    pub(crate) fn others(&self, reader: UserId) -> Vec<UserId> {
        match self.people.as_slice() {
            [single] => vec![*single],
            people => people.iter().copied().filter(|user| *user != reader).collect(),
        }
    }
}

/// Returns the key of a set of people, in order, in collection `name`.
pub(super) fn key(people: &[UserId]) -> String {
    let mut hash = Sha256::new();
    people.iter().for_each(|user| hash.update(user.to_string()));
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("direct:{digest}")
}
