//! The list of open rooms: recently active rooms from memory, all others by number. Closed and direct rooms are not in
//! it: the pages of their members add them.
//!
//! The cost of a page must not depend on the number of rooms. The bundled engine reads a whole window before it
//! applies `limit`, so windows over the time of activity have no bound. The list therefore has two parts:
//!
//! * The **recent set**: up to `MAX_RECENT_ROOMS` rooms by latest activity, in memory. Their documents have the
//!   indexed field `active`, so that a start reads the set with one bounded query.
//! * The **tail**: all other open rooms by number, newest first. Numbers have no gaps, so a window returns at most
//!   its width.

mod changed_rooms;
mod own_rooms;
mod pages;
mod recent_rooms;
mod refresh;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::timeout;

pub(crate) use changed_rooms::{ChangedRooms, PendingRooms};
use own_rooms::KnownRooms;
pub(crate) use pages::{ListCursor, RoomListPage};
use recent_rooms::{ListedDocument, RecentRooms};

use super::name::NameReservation;
use super::{Head, Room};
use crate::error::Result;
use crate::models::RoomId;
use crate::models::values::RoomName;
use crate::store::{Database, ModelState, with_timeout};

/// Maximum age of a listed document. Changes by this instance show at once.
const LIST_AGE: Duration = Duration::from_secs(1);
/// Maximum age of a document that is searched. A search reads the whole recent set.
const SEARCH_AGE: Duration = Duration::from_secs(60);
const SIDEBAR_AGE: Duration = Duration::from_secs(10);
const SIDEBAR_TIMEOUT: Duration = Duration::from_millis(500);
/// About 400 KiB.
const MAX_UNLISTED: usize = 8_192;

#[derive(Default)]
pub(crate) struct RoomList {
    recent: Mutex<RecentRooms>,
    /// Held by the one request that reads documents.
    reading: tokio::sync::Mutex<()>,
    changed: ChangedRooms,
    /// Rooms of every kind in whose logs something was appended.
    active: ChangedRooms,
    /// Closed and direct rooms that this instance has met lately.
    unlisted: Mutex<HashSet<RoomId>>,
    known: KnownRooms,
}

impl ModelState for RoomList {
    fn new(db: &Database) -> Self {
        Self { known: KnownRooms::new(db.budget()), ..Self::default() }
    }
}

impl RoomList {
    /// Returns rooms of the recent set whose names contain `query`, and the room that has it as its name.
    pub(crate) async fn search(&self, db: &Database, query: &str, count: usize) -> Result<Vec<Arc<Room>>> {
        let key = RoomName::key_of(query);
        self.refresh(db, LIST_AGE).await?;
        let read = self.read_missing(db, SEARCH_AGE).await?;
        let mut found = self.recent().search(&key, count, SEARCH_AGE, &read);
        match NameReservation::room(db, &key).await? {
            Some(room) if found.iter().all(|known| known.id != room.id) => found.insert(0, Arc::new(room)),
            _ => {}
        }
        Ok(found)
    }

    /// Returns the first rooms. Returns fewer instead of failing.
    pub(crate) async fn first_known(&self, db: &Database, count: usize) -> Vec<Arc<Room>> {
        match timeout(SIDEBAR_TIMEOUT, self.first(db, count)).await {
            Ok(Ok(rooms)) => return rooms,
            Ok(Err(error)) => log::debug!("room list: documents not read: {error}"),
            Err(_) => log::debug!("room list: documents not read in time"),
        }
        self.recent().documents(0, count, Duration::MAX).into_iter().filter_map(|(_, room)| room).collect()
    }

    /// Returns the first rooms, each at most as old as the sidebar may be.
    pub(crate) async fn first(&self, db: &Database, count: usize) -> Result<Vec<Arc<Room>>> {
        self.refresh(db, SIDEBAR_AGE).await?;
        self.slice(db, 0, count, SIDEBAR_AGE).await
    }

    pub(crate) fn highest_number(&self) -> i64 {
        self.recent().highest_number
    }

    pub(crate) fn raise_highest_number(&self, no: i64) {
        let mut recent = self.recent();
        recent.highest_number = recent.highest_number.max(no);
    }

    pub(crate) fn add(&self, db: &Database, room: &Room) {
        let document = ListedDocument::new(room.clone());
        {
            let mut recent = self.recent();
            recent.highest_number = recent.highest_number.max(room.no);
            recent.insert(room.id, room.at.timestamp_millis());
            if let Some(known) = recent.rooms.get_mut(&room.id) {
                known.document = Some(document);
            }
        }
        self.changed.add(room.id);
        self.store_trim(db);
    }

    /// Records whether a room belongs in the list.
    pub(crate) fn set_listed(&self, room: RoomId, is_listed: bool) {
        let mut unlisted = self.unlisted.lock();
        if is_listed {
            unlisted.remove(&room);
        } else if !unlisted.contains(&room) {
            if unlisted.len() >= MAX_UNLISTED {
                unlisted.clear();
            }
            unlisted.insert(room);
        }
    }

    pub(crate) fn is_unlisted(&self, room: RoomId) -> bool {
        self.unlisted.lock().contains(&room)
    }

    /// Moves a room up, or removes it after *closed*.
    pub(crate) fn record_activity(&self, room: RoomId, top: Head) {
        self.active.add(room);
        if self.is_unlisted(room) {
            return;
        }
        match top.at {
            _ if top.closed => self.recent().remove(room),
            Some(at) => _ = self.recent().insert(room, at.timestamp_millis()),
            None => {}
        }
        self.changed.add(room);
    }

    pub fn remove(&self, room: RoomId) {
        self.active.add(room);
        self.known.invalidate(room);
        self.recent().remove(room);
        self.changed.add(room);
    }

    pub(crate) fn invalidate(&self, room: RoomId) {
        self.active.add(room);
        self.known.invalidate(room);
        self.recent().invalidate(room);
        self.changed.add(room);
    }

    /// Returns the rooms whose items may have changed, to the one task that follows them.
    pub(crate) fn changed(&self) -> &ChangedRooms {
        &self.changed
    }

    /// Returns the rooms in which something was said or changed, to the one task that counts what is unread.
    pub(crate) fn active(&self) -> &ChangedRooms {
        &self.active
    }

    /// Returns the rooms of a list that are not among the recently active open rooms.
    fn not_recent(&self, rooms: impl Iterator<Item = RoomId>) -> Vec<RoomId> {
        let recent = self.recent();
        // A room whose document is not read yet may be a closed one.
        let is_listed = |room: &RoomId| recent.rooms.get(room).is_some_and(|listed| listed.document.is_some());
        rooms.filter(|room| !is_listed(room)).collect()
    }

    /// Returns those of some rooms that are open, each at most as old as the sidebar may be.
    pub(crate) async fn by_id(&self, db: &Database, rooms: &[RoomId]) -> Result<Vec<Arc<Room>>> {
        let (mut known, missing, version) = {
            let recent = self.recent();
            let documents = rooms.iter().map(|room| (*room, recent.document(*room, SIDEBAR_AGE)));
            let (known, missing): (Vec<_>, Vec<_>) = documents.partition(|(_, document)| document.is_some());
            let missing: Vec<RoomId> = missing.into_iter().map(|(room, _)| room).collect();
            (known.into_iter().filter_map(|(_, document)| document).collect::<Vec<_>>(), missing, recent.version)
        };
        if !missing.is_empty() {
            let found = open_rooms_by_id(db, &missing).await?;
            let mut recent = self.recent();
            found.values().for_each(|found| _ = recent.insert(found.room.id, found.room.activity(db)));
            recent.store_documents(&missing, &found, version);
            known.extend(found.into_values().map(|found| found.room));
        }
        Ok(known)
    }

    /// Returns rooms of the recent set, none older than `age`. Reads missing documents with one query.
    async fn slice(&self, db: &Database, skip: usize, count: usize, age: Duration) -> Result<Vec<Arc<Room>>> {
        let known = || {
            let recent = self.recent();
            let documents = recent.documents(skip, count, age);
            (documents.iter().all(|(_, room)| room.is_some()), documents, recent.version)
        };
        loop {
            if let (true, documents, _) = known() {
                return Ok(documents.into_iter().filter_map(|(_, room)| room).collect());
            }
            let _reading = with_timeout(self.reading.lock()).await?;
            let (is_whole, documents, version) = known();
            if is_whole {
                continue;
            }
            let missing: Vec<RoomId> =
                documents.iter().filter(|(_, room)| room.is_none()).map(|(room, _)| *room).collect();
            let found = open_rooms_by_id(db, &missing).await?;
            self.recent().store_documents(&missing, &found, version);
            if missing.len() == found.len() {
                let room = |(id, room): (RoomId, Option<Arc<Room>>)| {
                    room.or_else(|| found.get(&id).map(|found| Arc::clone(&found.room)))
                };
                return Ok(documents.into_iter().filter_map(room).collect());
            }
            // Another instance closed some of them; others take their places.
        }
    }

    /// Reads the documents of the recent set that are missing or older than `age`, with one query. Returns those read:
    /// they are not stored if something has changed meanwhile.
    async fn read_missing(&self, db: &Database, age: Duration) -> Result<HashMap<RoomId, ListedDocument>> {
        let missing = || {
            let recent = self.recent();
            (recent.missing(age), recent.version)
        };
        if missing().0.is_empty() {
            return Ok(HashMap::new());
        }
        let _reading = with_timeout(self.reading.lock()).await?;
        let (missing, version) = missing();
        let found = match missing.is_empty() {
            true => HashMap::new(),
            false => open_rooms_by_id(db, &missing).await?,
        };
        self.recent().store_documents(&missing, &found, version);
        Ok(found)
    }

    fn recent(&self) -> MutexGuard<'_, RecentRooms> {
        self.recent.lock()
    }
}

async fn open_rooms_by_id(db: &Database, rooms: &[RoomId]) -> Result<HashMap<RoomId, ListedDocument>> {
    let read = db.collection::<Room>().find_many(doc! { "_id": { "$in": rooms.to_vec() } }).await?;
    // The instance that closes a room stores that after the entry.
    for room in &read {
        db.state::<RoomList>().set_listed(room.id, room.kind.is_open());
    }
    let open = read.into_iter().filter(|room| room.open && room.kind.is_open() && !room.has_ended(db));
    Ok(open.map(|room| (room.id, ListedDocument::new(room))).collect())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::recent_rooms::MAX_RECENT_ROOMS;
    use super::*;
    use crate::models::room::RoomKind;

    fn room(number: usize) -> RoomId {
        format!("{number:024x}").parse().unwrap()
    }

    fn top(at: i64, closed: bool) -> Head {
        Head { seq: 1, no: 1, at: Some(DateTime::from_millis(at)), events: 0, closed }
    }

    fn document(number: usize, name: &str) -> ListedDocument {
        ListedDocument::new(Room {
            id: room(number),
            no: number as i64,
            rev: 0,
            name: RoomName::parse(name).unwrap(),
            kind: RoomKind::Open,
            people: Vec::new(),
            open: true,
            topic: Default::default(),
            owner: "0123456789abcdef01234567".parse().unwrap(),
            at: DateTime::from_millis(1),
            head_hint: Head::default(),
            purged: false,
            active: None,
        })
    }

    fn order(list: &RoomList) -> Vec<RoomId> {
        list.recent().documents(0, MAX_RECENT_ROOMS, Duration::MAX).into_iter().map(|(room, _)| room).collect()
    }

    #[test]
    fn a_room_moves_up_with_its_activity_and_never_down() {
        let list = RoomList::default();
        for (number, at) in [(1, 10), (2, 20), (3, 30)] {
            list.record_activity(room(number), top(at, false));
        }
        assert_eq!(order(&list), [room(3), room(2), room(1)]);
        list.record_activity(room(1), top(40, false));
        list.record_activity(room(3), top(5, false));
        assert_eq!(order(&list), [room(1), room(3), room(2)]);
        list.record_activity(room(3), top(50, true));
        assert_eq!(order(&list), [room(1), room(2)]);
    }

    #[test]
    fn the_set_is_bounded_and_loses_the_oldest_activity() {
        let list = RoomList::default();
        list.recent().complete_to = Some(0);
        for number in 1..=MAX_RECENT_ROOMS * 3 {
            list.record_activity(room(number), top(number as i64, false));
            let recent = list.recent();
            assert!(recent.order.len() <= MAX_RECENT_ROOMS && recent.order.len() == recent.rooms.len());
        }
        assert_eq!(order(&list)[..2], [room(MAX_RECENT_ROOMS * 3), room(MAX_RECENT_ROOMS * 3 - 1)]);
        let recent = list.recent();
        assert!(recent.complete_to.is_none() && recent.trimmed.is_some_and(|at| at < recent.order.first().unwrap().0));
    }

    #[test]
    fn a_document_that_was_read_before_a_change_is_not_kept() {
        let list = RoomList::default();
        list.record_activity(room(1), top(1, false));
        let found = HashMap::from([(room(1), document(1, "name"))]);
        let is_known = |age| list.recent().documents(0, 1, age)[0].1.is_some();
        let version = list.recent().version;
        list.invalidate(room(1));
        list.recent().store_documents(&[room(1)], &found, version);
        assert!(!is_known(Duration::MAX));
        let version = list.recent().version;
        list.recent().store_documents(&[room(1)], &found, version);
        assert!(is_known(LIST_AGE) && !is_known(Duration::ZERO));
        list.recent().store_documents(&[room(1)], &HashMap::new(), version);
        assert_eq!(order(&list), []);
    }

    #[test]
    fn a_search_finds_folded_names_in_order_also_in_documents_that_were_not_stored() {
        let list = RoomList::default();
        for number in 1..=4 {
            list.record_activity(room(number), top(number as i64, false));
        }
        let mut read: HashMap<_, _> = ["Straße 1", "other", "STRASSE 3", "strasse 4"]
            .iter()
            .zip(1..)
            .map(|(name, number)| (room(number), document(number, name)))
            .collect();
        let last = read.remove(&room(4)).unwrap();
        let version = list.recent().version;
        list.recent().store_documents(&[room(4)], &HashMap::from([(room(4), last)]), version);
        let mut missing = list.recent().missing(SEARCH_AGE);
        missing.sort();
        assert_eq!(missing, [room(1), room(2), room(3)]);
        let search = |count, read: &HashMap<_, _>| -> Vec<i64> {
            let found = list.recent().search(&RoomName::key_of("ＳＴＲＡＳＳＥ"), count, SEARCH_AGE, read);
            found.iter().map(|room| room.no).collect()
        };
        assert_eq!((search(9, &read), search(2, &read)), (vec![4, 3, 1], vec![4, 3]));
        assert_eq!(search(9, &HashMap::new()), [4]);
    }
}
