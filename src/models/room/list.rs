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
mod recent_rooms;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use mongodb::bson::{DateTime, Document, doc};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use tokio::time::timeout;

pub(crate) use changed_rooms::{ChangedRooms, PendingRooms};
use own_rooms::KnownRooms;
use recent_rooms::{ListedDocument, RECENT_ROOMS, RecentRooms};

use super::name::NameReservation;
use super::{Head, Room, RoomKind};
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
/// Clocks of instances differ by less. The whole set is read again at this interval.
const OVERLAP: Duration = Duration::from_secs(60);
/// Room numbers in the first window of a page. Windows grow where many rooms are closed.
const WINDOW: i64 = 128;
const MAX_WINDOW: i64 = 512;
const FILL_WINDOW: i64 = 1_024;
/// Windows that one page reads at most. A page that needs more is short.
const MAX_WINDOWS: usize = 24;
/// How long a start waits for the recent set.
const LOAD_TIMEOUT: Duration = Duration::from_secs(20);
const CONCURRENT_WINDOWS: usize = 16;
/// About 400 KiB.
const MAX_UNLISTED: usize = 8_192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListCursor {
    /// A page of the recent set, from 1.
    Page(usize),
    Below(i64),
    /// Rooms with larger numbers, nearest first.
    Above(i64),
}

#[derive(Debug)]
pub(crate) struct RoomListPage {
    pub(crate) rooms: Vec<Arc<Room>>,
    pub page: Option<usize>,
    pub(crate) previous: Option<ListCursor>,
    pub(crate) next: Option<ListCursor>,
}

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

#[derive(Deserialize)]
struct RoomOutline {
    #[serde(rename = "_id")]
    id: RoomId,
    no: i64,
    open: bool,
    #[serde(default)]
    kind: RoomKind,
    at: DateTime,
    #[serde(default)]
    last: Head,
    #[serde(default)]
    active: Option<DateTime>,
}

impl RoomOutline {
    fn fields() -> Document {
        doc! { "no": 1, "open": 1, "kind": 1, "at": 1, "last": 1, "active": 1 }
    }

    fn activity(&self) -> i64 {
        self.active.max(self.last.at).max(Some(self.at)).unwrap_or(self.at).timestamp_millis()
    }
}

impl ModelState for RoomList {
    fn new(db: &Database) -> Self {
        Self { known: KnownRooms::new(db.budget()), ..Self::default() }
    }
}

impl RoomList {
    /// Reads the recent set. Data of version 0.1 has none: then it is built, for at most [`LOAD_TIMEOUT`].
    pub(crate) async fn load(&self, db: &Database) -> Result<()> {
        self.read_active(db, 0).await?;
        let is_short = {
            let mut recent = self.recent();
            recent.read_whole = Some(Instant::now());
            recent.order.len() < RECENT_ROOMS / 2
        };
        if is_short {
            match timeout(LOAD_TIMEOUT, self.fill(db)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log::warn!("room list not filled: error={error}. It is tried again."),
                Err(_) => log::warn!("room list not filled within {LOAD_TIMEOUT:?}. This continues in the background."),
            }
        }
        Ok(())
    }

    /// Refills a set that has shrunk and unsets `active` on rooms that left it.
    pub(crate) async fn maintain(&self, db: &Database) -> Result<()> {
        self.store_trim(db);
        let is_short = {
            let recent = self.recent();
            let least = if recent.is_filled { RECENT_ROOMS / 2 } else { RECENT_ROOMS };
            recent.complete_to.is_none() && recent.order.len() < least
        };
        if is_short { self.fill(db).await } else { Ok(()) }
    }

    pub async fn page(&self, db: &Database, place: ListCursor, size: usize) -> Result<RoomListPage> {
        self.refresh(db, LIST_AGE).await?;
        match place {
            ListCursor::Page(page) => self.recent_page(db, page, size).await,
            ListCursor::Below(no) => self.page_below(db, no, size).await,
            ListCursor::Above(no) => self.page_above(db, no, size).await,
        }
    }

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

    async fn recent_page(&self, db: &Database, page: usize, size: usize) -> Result<RoomListPage> {
        let pages = || self.recent().order.len().div_ceil(size).max(1);
        let mut page = page.clamp(1, pages());
        let mut rooms = self.slice(db, (page - 1) * size, size, LIST_AGE).await?;
        if rooms.is_empty() && page > pages() {
            // Other instances closed the rooms of this page.
            page = pages();
            rooms = self.slice(db, (page - 1) * size, size, LIST_AGE).await?;
        }
        if rooms.is_empty() && self.has_tail(db).await? {
            return self.page_below(db, i64::MAX, size).await;
        }
        let next = match page < pages() {
            true => Some(ListCursor::Page(page + 1)),
            false if self.has_tail(db).await? => Some(ListCursor::Below(Room::highest_number(db).await? + 1)),
            false => None,
        };
        Ok(RoomListPage { rooms, page: Some(page), previous: (page > 1).then(|| ListCursor::Page(page - 1)), next })
    }

    async fn page_below(&self, db: &Database, below: i64, size: usize) -> Result<RoomListPage> {
        let top = Room::highest_number(db).await?;
        let (mut rooms, mut high, mut width) = (Vec::new(), below.min(top + 1) - 1, WINDOW);
        for _ in 0..MAX_WINDOWS {
            if high <= 0 || rooms.len() > size {
                break;
            }
            let low = (high - width).max(0);
            width = self.read_window(db, low, high, &mut rooms, width).await?;
            high = low;
        }
        let is_full = rooms.len() > size;
        rooms.truncate(size);
        let next = match rooms.last() {
            Some(last) if is_full => Some(ListCursor::Below(last.no)),
            // The page has read its maximum of windows.
            _ if high > 0 => Some(ListCursor::Below(high + 1)),
            _ => None,
        };
        let previous = if below > top { ListCursor::Page(usize::MAX) } else { ListCursor::Above(below - 1) };
        Ok(RoomListPage { rooms, page: None, previous: Some(self.resolved(previous, size)), next })
    }

    async fn page_above(&self, db: &Database, above: i64, size: usize) -> Result<RoomListPage> {
        let top = Room::highest_number(db).await?;
        let (mut rooms, mut low, mut width) = (Vec::new(), above.clamp(0, top), WINDOW);
        for _ in 0..MAX_WINDOWS {
            if low >= top || rooms.len() > size {
                break;
            }
            let high = (low + width).min(top);
            width = self.read_window(db, low, high, &mut rooms, width).await?;
            low = high;
        }
        rooms.sort_by_key(|room| room.no);
        let is_full = rooms.len() > size;
        rooms.truncate(size);
        let previous = match rooms.last() {
            Some(last) if is_full => ListCursor::Above(last.no),
            _ if low < top => ListCursor::Above(low),
            _ => ListCursor::Page(usize::MAX),
        };
        rooms.reverse();
        let next = Some(ListCursor::Below(rooms.last().map_or(above.saturating_add(1), |room| room.no)));
        Ok(RoomListPage { rooms, page: None, previous: Some(self.resolved(previous, size)), next })
    }

    /// Reads a window of the tail, newest room first. Returns the width of the next window.
    async fn read_window(
        &self,
        db: &Database,
        low: i64,
        high: i64,
        rooms: &mut Vec<Arc<Room>>,
        width: i64,
    ) -> Result<i64> {
        let mut found: Vec<Room> = db.collection::<Room>().find_many(window(low, high)).await?;
        found.retain(|room| room.open && room.kind.is_open());
        let width = next_width(width, found.is_empty());
        found.sort_by_key(|room| std::cmp::Reverse(room.no));
        let recent = self.recent();
        rooms.extend(found.into_iter().filter(|room| !recent.rooms.contains_key(&room.id)).map(Arc::new));
        Ok(width)
    }

    fn resolved(&self, place: ListCursor, size: usize) -> ListCursor {
        match place {
            ListCursor::Page(page) => ListCursor::Page(page.min(self.recent().order.len().div_ceil(size).max(1))),
            place => place,
        }
    }

    /// May be wrong after many rooms were closed.
    async fn has_tail(&self, db: &Database) -> Result<bool> {
        let complete_to = self.recent().complete_to;
        let Some(complete_to) = complete_to else { return Ok(true) };
        if db.members().is_sole_instance() {
            return Ok(false);
        }
        // Other instances may have created rooms.
        let (top, mut low, mut width) = (Room::highest_number(db).await?, complete_to, WINDOW);
        for _ in 0..MAX_WINDOWS {
            if low >= top {
                return Ok(false);
            }
            let high = (low + width).min(top);
            let found = open_rooms(db, low, high).await?;
            width = next_width(width, found.is_empty());
            let mut recent = self.recent();
            found.iter().for_each(|room| _ = recent.insert(room.id, room.activity()));
            if recent.complete_to.is_none() {
                return Ok(true);
            }
            recent.complete_to = Some(high);
            low = high;
        }
        // The page has read its maximum of windows.
        Ok(low < top)
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

    /// Reads what other instances created or wrote, at most once in `age`.
    async fn refresh(&self, db: &Database, age: Duration) -> Result<()> {
        // Another instance may have created rooms before this one became the only one.
        let age = if db.members().is_sole_instance() { OVERLAP } else { age };
        let is_due = || self.recent().looked.is_none_or(|looked| looked.elapsed() >= age);
        if !is_due() {
            return Ok(());
        }
        let _reading = with_timeout(self.reading.lock()).await?;
        if !is_due() {
            return Ok(());
        }
        let begun = Instant::now();
        let is_whole = self.recent().read_whole.is_none_or(|read| read.elapsed() >= OVERLAP);
        let since = DateTime::now().timestamp_millis() - OVERLAP.as_millis() as i64;
        self.read_active(db, if is_whole { 0 } else { since }).await?;
        let mut recent = self.recent();
        recent.looked = Some(begun);
        if is_whole {
            recent.read_whole = Some(begun);
        }
        Ok(())
    }

    async fn read_active(&self, db: &Database, since: i64) -> Result<()> {
        let window = doc! { "$gt": DateTime::from_millis(since), "$lte": DateTime::MAX };
        let found: Vec<RoomOutline> =
            db.collection::<Room>().find_projected(doc! { "active": window }, RoomOutline::fields()).await?;
        let closed: Vec<RoomId> = found.iter().filter(|room| !room.open).map(|room| room.id).collect();
        if !closed.is_empty() {
            db.collection::<Room>()
                .spawn_update_many(doc! { "_id": { "$in": closed } }, doc! { "$unset": { "active": "" } });
        }
        {
            let mut recent = self.recent();
            let is_first = recent.looked.is_none();
            for room in found.iter().filter(|room| room.open) {
                recent.highest_number = recent.highest_number.max(room.no);
                // The hint of another instance was lost, or this instance is not told of its changes.
                if recent.insert(room.id, room.activity()) && !is_first {
                    self.changed.add(room.id);
                }
            }
        }
        self.store_trim(db);
        Ok(())
    }

    /// Builds the recent set from all open rooms and stores it, the newest first: an interruption leaves the head of
    /// the list.
    async fn fill(&self, db: &Database) -> Result<()> {
        let (begun, top) = (Instant::now(), Room::highest_number(db).await?);
        let version = self.recent().version;
        let (mut best, mut count) = (BTreeSet::new(), 0);
        let mut high = top;
        while high > 0 {
            let low = (high - FILL_WINDOW).max(0);
            let found = open_rooms(db, low, high).await?;
            high = low;
            count += found.len();
            for room in found {
                best.insert((room.activity(), room.id, room.active.is_some()));
                if best.len() > RECENT_ROOMS {
                    best.pop_first();
                }
            }
        }
        {
            let mut recent = self.recent();
            best.iter().for_each(|(active, room, _)| _ = recent.insert(*room, *active));
            recent.is_filled = true;
            // Rooms that left the set meanwhile raise the version.
            if count <= RECENT_ROOMS && recent.version == version {
                recent.complete_to = Some(top);
            }
        }
        let missing = best.into_iter().rev().filter(|(.., is_stored)| !is_stored).map(|(active, room, _)| {
            let stored = doc! { "$max": { "active": DateTime::from_millis(active) } };
            db.collection::<Room>().update(doc! { "_id": room, "open": true, "kind": null }, stored)
        });
        let stored: Vec<Result<bool>> = stream::iter(missing).buffered(CONCURRENT_WINDOWS).collect().await;
        let written = stored.len();
        stored.into_iter().collect::<Result<Vec<_>>>()?;
        if written > 0 {
            log::info!("room list filled: rooms={count} stored={written} ms={}", begun.elapsed().as_millis());
        }
        Ok(())
    }

    fn store_trim(&self, db: &Database) {
        let trimmed = self.recent().trimmed.take();
        if let Some(active) = trimmed {
            let window = doc! { "$gt": DateTime::from_millis(0), "$lte": DateTime::from_millis(active) };
            db.collection::<Room>().spawn_update_many(doc! { "active": window }, doc! { "$unset": { "active": "" } });
        }
    }

    fn recent(&self) -> MutexGuard<'_, RecentRooms> {
        self.recent.lock()
    }
}

fn next_width(width: i64, is_empty: bool) -> i64 {
    if is_empty { (width * 2).min(MAX_WINDOW) } else { WINDOW }
}

async fn open_rooms(db: &Database, low: i64, high: i64) -> Result<Vec<RoomOutline>> {
    let mut found: Vec<RoomOutline> =
        db.collection::<Room>().find_projected(window(low, high), RoomOutline::fields()).await?;
    found.retain(|room| room.open && room.kind.is_open());
    Ok(found)
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

fn window(low: i64, high: i64) -> Document {
    doc! { "no": { "$gt": low, "$lte": high } }
}

#[cfg(test)]
mod tests {
    use super::recent_rooms::MAX_RECENT_ROOMS;
    use super::*;

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
