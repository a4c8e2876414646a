use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::models::RoomId;
use crate::models::room::Room;

/// Rooms that a trim leaves in the recent set.
pub(super) const RECENT_ROOMS: usize = 1_000;
/// About 3 MiB if all documents are in memory.
pub(super) const MAX_RECENT_ROOMS: usize = 2 * RECENT_ROOMS;

/// The recently active rooms, ordered by their latest activity.
#[derive(Default)]
pub(super) struct RecentRooms {
    /// By activity in milliseconds; the id makes keys unique.
    pub(super) order: BTreeSet<(i64, RoomId)>,
    pub(super) rooms: HashMap<RoomId, ListedRoom>,
    pub(super) highest_number: i64,
    /// Every open room up to this number is in the set.
    pub(super) complete_to: Option<i64>,
    pub(super) is_filled: bool,
    /// Rooms with no later activity left the set; not yet stored.
    pub(super) trimmed: Option<i64>,
    /// When other instances' rooms were last read, and when the whole set was.
    pub(super) looked: Option<Instant>,
    pub(super) read_whole: Option<Instant>,
    /// Counts changes, so that a document read before a change is not kept.
    pub(super) version: u64,
}

pub(super) struct ListedRoom {
    pub(super) active: i64,
    pub(super) document: Option<ListedDocument>,
}

#[derive(Clone)]
pub(super) struct ListedDocument {
    pub(super) room: Arc<Room>,
    /// The key of the name, for searches.
    key: Arc<str>,
    read: Instant,
}

impl ListedDocument {
    pub(super) fn new(room: Room) -> Self {
        Self { key: room.name.key().into(), room: Arc::new(room), read: Instant::now() }
    }
}

impl ListedRoom {
    fn fresh(&self, age: Duration) -> Option<&ListedDocument> {
        self.document.as_ref().filter(|document| document.read.elapsed() < age)
    }
}

impl RecentRooms {
    /// Returns whether the room is new or has moved up.
    pub(super) fn insert(&mut self, room: RoomId, active: i64) -> bool {
        match self.rooms.get_mut(&room) {
            Some(known) if known.active >= active => return false,
            Some(known) => {
                self.order.remove(&(known.active, room));
                known.active = active;
            }
            None => drop(self.rooms.insert(room, ListedRoom { active, document: None })),
        }
        self.order.insert((active, room));
        if self.order.len() > MAX_RECENT_ROOMS {
            self.trim();
        }
        true
    }

    fn trim(&mut self) {
        while self.order.len() > RECENT_ROOMS {
            let Some((active, room)) = self.order.pop_first() else { return };
            self.rooms.remove(&room);
            self.trimmed = Some(active);
        }
        self.complete_to = None;
        self.version += 1;
    }

    pub(super) fn remove(&mut self, room: RoomId) {
        self.version += 1;
        if let Some(known) = self.rooms.remove(&room) {
            self.order.remove(&(known.active, room));
        }
    }

    pub(super) fn invalidate(&mut self, room: RoomId) {
        self.version += 1;
        if let Some(known) = self.rooms.get_mut(&room) {
            known.document = None;
        }
    }

    pub(super) fn document(&self, room: RoomId, age: Duration) -> Option<Arc<Room>> {
        self.listed(room, age).map(|document| Arc::clone(&document.room))
    }

    fn listed(&self, room: RoomId, age: Duration) -> Option<&ListedDocument> {
        self.rooms.get(&room)?.fresh(age)
    }

    pub(super) fn documents(&self, skip: usize, count: usize, age: Duration) -> Vec<(RoomId, Option<Arc<Room>>)> {
        let rooms = self.order.iter().rev().skip(skip).take(count);
        rooms.map(|(_, room)| (*room, self.document(*room, age))).collect()
    }

    /// Returns the rooms whose document is missing or older than `age`.
    pub(super) fn missing(&self, age: Duration) -> Vec<RoomId> {
        self.rooms.iter().filter(|(_, listed)| listed.fresh(age).is_none()).map(|(room, _)| *room).collect()
    }

    /// Returns the first rooms whose names contain `key`. Those without a document here are looked up in `read`.
    pub(super) fn search(
        &self,
        key: &str,
        count: usize,
        age: Duration,
        read: &HashMap<RoomId, ListedDocument>,
    ) -> Vec<Arc<Room>> {
        let documents =
            self.order.iter().rev().filter_map(|(_, room)| self.listed(*room, age).or_else(|| read.get(room)));
        let found = documents.filter(|document| document.key.contains(key));
        found.take(count).map(|document| Arc::clone(&document.room)).collect()
    }

    /// Stores documents unless something has changed since `version`. Rooms without an open document leave the set.
    pub(super) fn store_documents(
        &mut self,
        missing: &[RoomId],
        found: &HashMap<RoomId, ListedDocument>,
        version: u64,
    ) {
        let is_current = self.version == version;
        for room in missing {
            match (found.get(room), self.rooms.get_mut(room)) {
                (Some(document), Some(known)) if is_current => {
                    known.document = Some(document.clone());
                }
                (None, Some(_)) => self.remove(*room),
                _ => {}
            }
        }
    }
}
