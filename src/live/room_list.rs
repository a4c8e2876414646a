//! The list of rooms: its items are rendered once a language, for pages and for the sockets that follow it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::chat_loader::ChatLoader;
use super::remote_presence::RemotePresence;
use super::room::LiveRooms;
use super::room_changes::RecentChanges;
use super::room_summaries::{LastChatCache, LastChatState};
use crate::cache::{Cache, Lookup};
use crate::error::Result;
use crate::models::room::{PendingRooms, RoomList};
use crate::models::{Room, RoomId};
use crate::store::InstanceId;
use crate::views::room::{RoomChange, RoomItem, RoomItemView, RoomSummary, room_changes};
use crate::views::{Locale, Views};

/// Rooms beside each page, and after a reconnect that missed too much.
pub(crate) const LISTED_ROOMS: usize = 30;

const MAX_AGE: Duration = Duration::from_secs(10);
const MAX_BYTES: usize = 2 << 20;
/// How long changes are collected, so that those of one action arrive together.
const COLLECT_TIME: Duration = Duration::from_millis(50);
/// The time between two updates. Each socket adds to it, because each update costs one system call a socket.
const INTERVAL: Duration = Duration::from_secs(1);
const INTERVAL_PER_SOCKET: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// How long a lost hint may go unnoticed.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// A page connects within this time after it was rendered. Without pages and sockets nothing is published.
const PAGE_TIME: Duration = Duration::from_secs(60);

pub(crate) struct LiveRoomList {
    loader: Arc<ChatLoader>,
    rooms: Arc<LiveRooms>,
    last_chats: LastChatCache,
    remote: RemotePresence,
    items: Arc<Cache<RoomId, CachedItem>>,
    recent: Mutex<RecentChanges>,
    last_page: Mutex<Option<Instant>>,
    is_snapshot_needed: AtomicBool,
    is_check_due: AtomicBool,
    wake: Notify,
    /// Wakes the sockets outside rooms.
    changed: watch::Sender<()>,
    /// Wakes nobody.
    never: watch::Sender<()>,
}

/// What sockets were last told about each room.
type Published = HashMap<RoomId, Arc<RoomItem>>;

/// What an item was made of.
#[derive(Clone, Copy, PartialEq)]
struct ItemVersion {
    revision: i64,
    last_seq: i64,
    active: i64,
    online: usize,
    names: u64,
}

#[derive(Clone)]
struct CachedItem {
    version: ItemVersion,
    item: Arc<RoomItem>,
}

impl LiveRoomList {
    pub(super) fn new(loader: &Arc<ChatLoader>, rooms: &Arc<LiveRooms>) -> Self {
        let budget = loader.budget();
        let run = RandomState::new().build_hasher().finish() as u32;
        Self {
            last_chats: LastChatCache::new(budget),
            remote: RemotePresence::default(),
            items: Cache::new(budget, MAX_AGE, MAX_BYTES),
            recent: Mutex::new(RecentChanges::new(run, budget)),
            last_page: Mutex::default(),
            is_snapshot_needed: AtomicBool::new(false),
            is_check_due: AtomicBool::new(false),
            wake: Notify::new(),
            changed: watch::Sender::default(),
            never: watch::Sender::default(),
            loader: Arc::clone(loader),
            rooms: Arc::clone(rooms),
        }
    }

    /// Returns the cursor for a page that is rendered afterwards.
    pub(super) fn cursor(&self) -> String {
        *self.last_page.lock() = Some(Instant::now());
        let recent = self.recent();
        recent.cursor(recent.last())
    }

    /// Reads the cursor of a page. Without one the socket begins with the next change.
    pub(super) fn position(&self, cursor: Option<&str>) -> u64 {
        let recent = self.recent();
        cursor.map_or(recent.last(), |cursor| recent.number(cursor))
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns a receiver that is never told of a change.
    pub(super) fn never(&self) -> watch::Receiver<()> {
        self.never.subscribe()
    }

    /// Returns the elements for a socket, and moves its position behind them.
    pub(super) fn advance(&self, position: &mut u64, views: &Views, locale: Locale) -> Vec<Result<Arc<str>>> {
        let frames = self.recent().advance(position);
        let frames = frames.unwrap_or_else(|| {
            self.request(false, true);
            Vec::new()
        });
        frames.iter().map(|frame| room_changes(frame, views, locale)).collect()
    }

    pub(super) async fn summaries(&self, rooms: &[Arc<Room>]) -> Vec<RoomSummary> {
        let chats = self.last_chats.last_chats(&self.loader, rooms).await;
        let summary = |(room, last_chat): (&Arc<Room>, LastChatState)| RoomSummary {
            last_chat: last_chat.shown(),
            online: self.online_count(room.id),
        };
        rooms.iter().zip(chats).map(summary).collect()
    }

    /// Returns the items of rooms. One whose last chat the database does not answer in time shows none.
    pub(super) async fn items(&self, rooms: &[Arc<Room>]) -> Vec<Arc<RoomItem>> {
        self.read(rooms).await.into_iter().map(|(item, _)| item).collect()
    }

    /// Compares the list with what sockets were told, soon: a name has changed, or hints may be lost.
    pub(super) fn check(&self) {
        self.request(true, false);
    }

    /// Makes the publisher compare the list, or store a snapshot.
    fn request(&self, is_check: bool, is_snapshot: bool) {
        self.is_check_due.fetch_or(is_check, Ordering::AcqRel);
        self.is_snapshot_needed.fetch_or(is_snapshot, Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Forgets all that was read.
    pub(super) fn clear(&self) {
        self.last_chats.clear();
        self.items.invalidate(None);
        self.check();
    }

    /// Publishes changes to the sockets, whose number is `sockets`. Never returns.
    pub(super) async fn follow(&self, sockets: impl Fn() -> usize) {
        let changed = self.loader.db.state::<RoomList>().changed();
        let (mut published, mut next_check) = (Published::new(), Instant::now());
        loop {
            tokio::select! {
                () = changed.added() => {}
                () = self.wake.notified() => {}
                () = sleep_until(next_check) => {}
            }
            sleep(COLLECT_TIME).await;
            let begun = Instant::now();
            let is_due = begun >= next_check;
            if is_due {
                next_check = begun + CHECK_INTERVAL;
            }
            if sockets() > 0 || self.last_page.lock().is_some_and(|shown| shown.elapsed() < PAGE_TIME) {
                let is_due = self.is_check_due.swap(false, Ordering::AcqRel) || is_due;
                self.publish(changed.take(), is_due, &mut published).await;
            } else if !changed.take().rooms.is_empty() {
                published.clear();
                self.recent().clear();
            }
            sleep_until(begun + interval(sockets())).await;
        }
    }

    /// Publishes what has changed of some rooms, and of the first rooms of the list if a check is due.
    async fn publish(&self, changed: PendingRooms, is_check: bool, published: &mut Published) {
        let (db, list) = (&self.loader.db, self.loader.db.state::<RoomList>());
        if changed.is_overflowed {
            // Every socket needs a snapshot then.
            self.recent().clear();
        }
        let number = self.recent().last();
        let is_snapshot = self.is_snapshot_needed.swap(false, Ordering::AcqRel) || changed.is_overflowed;
        let is_snapshot = is_snapshot && !self.recent().has_snapshot();
        let hinted: Vec<RoomId> = changed.rooms.into_iter().collect();
        let mut rooms = match list.by_id(db, &hinted).await {
            Ok(rooms) => rooms,
            Err(error) => {
                log::debug!("room list: changed rooms not read: error={error}");
                hinted.iter().for_each(|room| list.changed().add(*room));
                return self.request(is_check, is_snapshot);
            }
        };
        let open: HashSet<RoomId> = rooms.iter().map(|room| room.id).collect();
        let closed: Vec<RoomId> = hinted.into_iter().filter(|room| !open.contains(room)).collect();
        let first = match is_check || is_snapshot {
            true => self.first(is_check, is_snapshot).await,
            false => None,
        };
        rooms.extend(first.iter().flatten().filter(|room| !open.contains(&room.id)).cloned());
        let items = self.read(&rooms).await;
        let snapshot = first.as_ref().filter(|_| is_snapshot).map(|first| snapshot(first, &items));
        let changes = self.differences(items, closed, &open, published);
        let is_changed = !changes.is_empty();
        changes.into_iter().for_each(|change| self.recent().push(change));
        let is_stored = snapshot.is_some_and(|snapshot| self.store_snapshot(number, snapshot));
        if let Some(first) = first.filter(|_| is_check) {
            self.forget_published(&first, published);
        }
        if is_changed || is_stored {
            self.rooms.all().iter().for_each(|room| room.notify());
            self.changed.send_replace(());
        }
    }

    /// Stores a snapshot, or requests another if it is incomplete.
    fn store_snapshot(&self, number: u64, snapshot: Option<Vec<RoomChange>>) -> bool {
        match snapshot {
            Some(rooms) => self.recent().set_snapshot(number, rooms),
            None => {
                self.request(true, true);
                return false;
            }
        }
        true
    }

    /// Reads the first rooms for a check or a snapshot, and repeats the request for it if that fails.
    async fn first(&self, is_check: bool, is_snapshot: bool) -> Option<Vec<Arc<Room>>> {
        match self.loader.db.state::<RoomList>().first(&self.loader.db, LISTED_ROOMS).await {
            Ok(first) => Some(first),
            Err(error) => {
                log::debug!("room list: first rooms not read: error={error}");
                self.request(is_check, is_snapshot);
                None
            }
        }
    }

    /// Returns the items that differ from what sockets were told. Those not hinted at are new only after a first check.
    fn differences(
        &self,
        items: Vec<(Arc<RoomItem>, bool)>,
        closed: Vec<RoomId>,
        hinted: &HashSet<RoomId>,
        published: &mut Published,
    ) -> Vec<RoomChange> {
        let is_first = published.is_empty();
        let mut changes = Vec::new();
        for (item, is_complete) in items {
            if !is_complete {
                self.loader.db.state::<RoomList>().changed().add(item.room);
                continue;
            }
            let is_new = match published.get(&item.room) {
                Some(before) => ***before != **item,
                None => !is_first || hinted.contains(&item.room),
            };
            if is_new {
                changes.push(RoomChange::Shown(Arc::clone(&item)));
            }
            published.insert(item.room, item);
        }
        for room in closed {
            // Of closed and direct rooms nobody is told, except that an open one has become one.
            let is_known = published.remove(&room).is_some();
            let is_hidden = !is_known && self.loader.db.state::<RoomList>().is_unlisted(room);
            if !is_hidden && !self.recent().is_closed(room) {
                changes.push(RoomChange::Closed(room));
            }
        }
        changes
    }

    /// Bounds what is remembered: the first rooms of the list, and those with recent changes.
    fn forget_published(&self, first: &[Arc<Room>], published: &mut Published) {
        let recent = self.recent();
        published.retain(|room, _| recent.is_recent(*room) || first.iter().any(|known| known.id == *room));
    }

    /// Returns the items of rooms, and whether each shows the last chat.
    async fn read(&self, rooms: &[Arc<Room>]) -> Vec<(Arc<RoomItem>, bool)> {
        let (names, cache_version) = (self.loader.names_version(), self.items.version());
        let versions: Vec<ItemVersion> = rooms.iter().map(|room| self.version(room, names)).collect();
        let known: Vec<_> = rooms.iter().zip(&versions).map(|(room, version)| self.cached(room.id, version)).collect();
        let missing: Vec<Arc<Room>> =
            rooms.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(room, _)| Arc::clone(room)).collect();
        let mut chats = Vec::new();
        if !missing.is_empty() {
            chats = self.last_chats.last_chats(&self.loader, &missing).await;
        }
        let mut chats = chats.into_iter();
        let item = |((room, version), known): ((&Arc<Room>, ItemVersion), Option<Arc<RoomItem>>)| {
            let Some(item) = known else {
                let last_chat = chats.next().unwrap_or(LastChatState::Unknown);
                let is_complete = last_chat.is_known();
                let summary = RoomSummary { last_chat: last_chat.shown(), online: version.online };
                let item = RoomItem::new(RoomItemView::new(room, version.active, summary));
                let item = Arc::new(item.charged_to(self.loader.budget()));
                if is_complete {
                    let cached = CachedItem { version, item: Arc::clone(&item) };
                    self.items.insert(cache_version, room.id, cached, item.approximate_size());
                }
                return (item, is_complete);
            };
            (item, true)
        };
        rooms.iter().zip(versions).zip(known).map(item).collect()
    }

    fn cached(&self, room: RoomId, version: &ItemVersion) -> Option<Arc<RoomItem>> {
        match self.items.get(&room) {
            Lookup::Hit(cached) if cached.version == *version => Some(cached.item),
            _ => None,
        }
    }

    fn version(&self, room: &Room, names: u64) -> ItemVersion {
        let db = &self.loader.db;
        ItemVersion {
            revision: room.revision(),
            last_seq: room.last_seq(db),
            active: room.activity(db),
            online: self.online_count(room.id),
            names,
        }
    }

    /// Records how many people another instance has in a room.
    pub(super) fn set_remote(&self, room: RoomId, instance: InstanceId, count: usize) {
        if self.remote.set(room, instance, count) {
            self.loader.db.state::<RoomList>().changed().add(room);
        }
    }

    /// Returns how many people are in a room. Without a reader here, counts a person once for each instance.
    fn online_count(&self, room: RoomId) -> usize {
        match self.rooms.get(&room) {
            Some(live) => live.presence.online().borrow().count,
            None => self.remote.count(room),
        }
    }

    fn recent(&self) -> MutexGuard<'_, RecentChanges> {
        self.recent.lock()
    }
}

/// Returns the first rooms as a snapshot, or `None` if an item is incomplete: pages take a missing room for closed.
fn snapshot(first: &[Arc<Room>], items: &[(Arc<RoomItem>, bool)]) -> Option<Vec<RoomChange>> {
    let complete: HashMap<RoomId, &Arc<RoomItem>> =
        items.iter().filter(|(_, is_complete)| *is_complete).map(|(item, _)| (item.room, item)).collect();
    first.iter().map(|room| complete.get(&room.id).map(|item| RoomChange::Shown(Arc::clone(item)))).collect()
}

/// Returns the time between two updates.
fn interval(sockets: usize) -> Duration {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    INTERVAL.saturating_add(INTERVAL_PER_SOCKET.saturating_mul(sockets)).min(MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, deserialize_from_document, doc};

    use super::*;

    fn room(number: u32) -> Arc<Room> {
        let id = format!("{number:024x}");
        let room = doc! {
            "_id": &id,
            "no": 1_i64,
            "rev": 0_i64,
            "name": "name",
            "open": true,
            "topic": "",
            "owner": &id,
            "at": DateTime::from_millis(1),
            "last": { "seq": 0_i64, "no": 0_i64 },
        };
        Arc::new(deserialize_from_document(room).unwrap())
    }

    fn item(room: &Room) -> Arc<RoomItem> {
        let summary = RoomSummary { last_chat: None, online: 0 };
        Arc::new(RoomItem::new(RoomItemView::new(room, 1, summary)))
    }

    #[test]
    fn a_snapshot_has_the_first_rooms_in_order_and_each_of_them_complete() {
        let (one, other) = (room(1), room(2));
        let first = [Arc::clone(&other), Arc::clone(&one)];
        let rooms = |items: &[_]| snapshot(&first, items).map(|rooms| rooms.iter().map(RoomChange::room).collect());
        assert_eq!(rooms(&[(item(&one), true), (item(&other), true)]), Some(vec![other.id, one.id]));
        assert_eq!(rooms(&[(item(&one), true), (item(&other), false)]), None);
        assert_eq!(rooms(&[(item(&one), true)]), None);
    }

    #[test]
    fn the_interval_grows_with_sockets_up_to_a_maximum() {
        assert_eq!(interval(0), Duration::from_secs(1));
        assert_eq!(interval(200), Duration::from_secs(3));
        assert_eq!(interval(usize::MAX), MAX_INTERVAL);
    }
}
