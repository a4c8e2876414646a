//! The rooms that a page lists because its user is a member, kept for a while: most of them are on the next page too.

use std::sync::Arc;
use std::time::Duration;

use super::RoomList;
use crate::cache::{Budget, Cache, Lookup};
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::store::Database;

/// Changes by this instance, and those that it is told of, show at once.
const MAX_AGE: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 4 << 20;

/// Closed and direct rooms, and `None` for open ones. The head hints may be old.
pub(super) struct KnownRooms(Arc<Cache<RoomId, Option<Arc<Room>>>>);

impl Default for KnownRooms {
    fn default() -> Self {
        Self::new(&Arc::default())
    }
}

impl KnownRooms {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self(Cache::new(budget, MAX_AGE, MAX_BYTES))
    }

    pub(super) fn invalidate(&self, room: RoomId) {
        self.0.invalidate(Some(&room));
    }
}

impl RoomList {
    /// Returns the closed and the direct rooms among some rooms, in no order.
    pub(crate) async fn own(&self, db: &Database, rooms: impl Iterator<Item = RoomId>) -> Result<Vec<Arc<Room>>> {
        let (known, version) = (&self.known.0, self.known.0.version());
        let (mut own, mut missing) = (Vec::new(), Vec::new());
        for room in self.not_recent(rooms) {
            match known.get(&room) {
                Lookup::Hit(room) => own.extend(room),
                Lookup::Miss(_) => missing.push(room),
            }
        }
        if !missing.is_empty() {
            let read = Room::by_ids(db, &missing).await?;
            for room in read.into_iter().filter(|room| room.open) {
                let (id, bytes) = (room.id, size_of::<Room>() + room.name.as_str().len() + room.topic.as_str().len());
                let room = (!room.kind.is_open()).then(|| Arc::new(room));
                known.insert(version, id, room.clone(), room.as_ref().map_or(0, |_| bytes));
                own.extend(room);
            }
        }
        own.retain(|room| !room.has_ended(db));
        Ok(own)
    }
}
