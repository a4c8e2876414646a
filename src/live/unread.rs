//! What each user has not read, and the sockets that are told.
//!
//! The latest chats of a room are outlined once for all its members. A user with a socket has the positions of all rooms
//! in memory, so a new chat costs no query a member.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::chat_loader::ChatLoader;
use super::weak_map::WeakMap;
use crate::cache::{Cache, Charge, Lookup};
use crate::error::Result;
use crate::models::room::log::{LogOutline, LogRegistry, UnreadCount};
use crate::models::room::membership::Membership;
use crate::models::room::{Level, PendingRooms, RoomKind, RoomList};
use crate::models::{Room, RoomId, User, UserId};
use crate::store::Database;
use crate::views::Locale;
use crate::views::room::{Unread, unread_element};

const OUTLINE_AGE: Duration = Duration::from_secs(30);
const OUTLINE_BYTES: usize = 4 << 20;
/// All members of a room share one reading of its document.
const ROOM_AGE: Duration = Duration::from_secs(2);
const ROOM_BYTES: usize = 1 << 20;
/// The time between two updates of the same count.
const INTERVAL: Duration = Duration::from_millis(800);
/// Positions that wait to be stored, some 200 KiB.
const MAX_SAID: usize = 4_096;
/// How long the position behind an own chat may lag.
const SAID_INTERVAL: Duration = Duration::from_secs(1);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
const CONCURRENT_WRITES: usize = 16;
const MAX_FIRST_CHANGES: usize = 64;
/// How long a page waits for a count.
const COUNT_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) type LiveUsers = WeakMap<UserId, LiveUser>;

pub(super) struct UnreadRooms {
    loader: Arc<ChatLoader>,
    outlines: Arc<Cache<RoomId, Arc<LogOutline>>>,
    rooms: Arc<Cache<RoomId, Arc<Room>>>,
    users: Arc<LiveUsers>,
    /// Positions behind own chats that are not stored yet.
    said: Mutex<HashMap<(RoomId, UserId), i64>>,
    said_added: Notify,
}

/// A user with sockets on this instance. It is dropped with the last one.
pub(crate) struct LiveUser {
    pub(super) id: UserId,
    users: Arc<LiveUsers>,
    state: Mutex<UserState>,
    /// Wakes the user's sockets.
    changed: watch::Sender<()>,
    /// The bytes of the positions.
    charge: Mutex<Option<Charge>>,
}

#[derive(Default)]
struct UserState {
    is_loaded: bool,
    positions: HashMap<RoomId, Position>,
    /// Counts changes. Sockets remember the last one that they have sent.
    last: u64,
    /// The last change of the inbox.
    inbox: u64,
    /// The last change by room. A removed room has one, but no position.
    changes: HashMap<RoomId, u64>,
}

/// How far a user has read in a room.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Position {
    read: i64,
    rev: i64,
    level: Option<&'static str>,
}

/// A room in which something has changed for a user.
pub(super) enum UserChange {
    Inbox,
    Unread(RoomId, Position),
    /// The user is no member any more.
    Left(RoomId),
}

impl From<&Membership> for Position {
    fn from(membership: &Membership) -> Self {
        let level = membership.chosen_level().map(|level| level.as_str());
        Self { read: membership.read, rev: membership.rev, level }
    }
}

impl Position {
    pub(super) fn read(self) -> i64 {
        self.read
    }

    pub(super) fn is_hidden(self) -> bool {
        self.level == Some(Level::Hidden.as_str())
    }
}

impl UnreadRooms {
    pub(super) fn new(loader: &Arc<ChatLoader>) -> Self {
        Self {
            outlines: Cache::new(loader.budget(), OUTLINE_AGE, OUTLINE_BYTES),
            rooms: Cache::new(loader.budget(), ROOM_AGE, ROOM_BYTES),
            users: Arc::default(),
            said: Mutex::default(),
            said_added: Notify::new(),
            loader: Arc::clone(loader),
        }
    }

    /// Marks a room as read up to a chat that the user has said, at the latest in [`SAID_INTERVAL`].
    pub(super) fn has_said(&self, room: RoomId, user: UserId, no: i64) {
        let mut said = self.said.lock();
        // Own chats are never unread, so a position that the database is too slow to take may be left out.
        if said.len() >= MAX_SAID && !said.contains_key(&(room, user)) {
            return;
        }
        let position = said.entry((room, user)).or_default();
        *position = no.max(*position);
        drop(said);
        self.said_added.notify_one();
    }

    /// Forgets a position that a *mark unread* has replaced.
    pub(super) fn forget_said(&self, room: RoomId, user: UserId) {
        self.said.lock().remove(&(room, user));
    }

    /// Stores the positions behind own chats. Never returns. Each is stored with its `rev` unchanged.
    pub(super) async fn store_said(&self, changed: impl Fn(&Membership)) {
        loop {
            self.said_added.notified().await;
            sleep(SAID_INTERVAL).await;
            self.store_all_said(&changed).await;
        }
    }

    /// Stores the positions behind own chats now, for as long as a stopping site may wait.
    pub(super) async fn flush_said(&self) {
        if timeout(FLUSH_TIMEOUT, self.store_all_said(&|_| {})).await.is_err() {
            log::debug!("positions not stored in time: count={}", self.said.lock().len());
        }
    }

    async fn store_all_said(&self, changed: &impl Fn(&Membership)) {
        let keys: Vec<(RoomId, UserId)> = self.said.lock().keys().copied().collect();
        let stored = keys.into_iter().map(async |key| {
            // A *mark unread* may have replaced it meanwhile.
            let Some(no) = self.said.lock().get(&key).copied() else { return };
            match Membership::read_up_to(&self.loader.db, key.0, key.1, no).await {
                Ok(Some(membership)) => changed(&membership),
                Ok(None) => {}
                Err(error) => log::debug!("position not stored: room={} user={} error={error}", key.0, key.1),
            }
            let mut said = self.said.lock();
            if said.get(&key) == Some(&no) {
                said.remove(&key);
            }
        });
        stream::iter(stored).buffer_unordered(CONCURRENT_WRITES).collect::<()>().await;
    }

    /// Returns a user as long as one of the user's sockets is open, with all positions.
    pub(super) async fn connect(&self, user: UserId) -> Result<Arc<LiveUser>> {
        if let Some(live) = self.users.get(&user) {
            return Ok(live);
        }
        let live = self.users.get_or_insert(user, || {
            Arc::new(LiveUser {
                id: user,
                users: Arc::clone(&self.users),
                state: Mutex::default(),
                changed: watch::Sender::default(),
                charge: Mutex::default(),
            })
        });
        // Registered first, so that no change is missed.
        self.reload(&live).await?;
        Ok(live)
    }

    async fn reload(&self, live: &LiveUser) -> Result<()> {
        let memberships = Membership::of_user(&self.loader.db, live.id).await?;
        let bytes = memberships.len() * 2 * size_of::<(RoomId, Position)>();
        *live.charge.lock() = Some(self.loader.budget().charge(bytes));
        live.replace(memberships.iter().map(|membership| (membership.room, Position::from(membership))).collect());
        Ok(())
    }

    /// Takes note of a membership that has changed on this instance.
    pub(super) fn record(&self, membership: &Membership) {
        if let Some(live) = self.users.get(&membership.user) {
            live.set(membership.room, membership.into());
        }
    }

    /// Tells a user's sockets that the inbox has changed.
    pub(super) fn touch_inbox(&self, user: UserId) {
        if let Some(live) = self.users.get(&user) {
            live.touch_inbox();
        }
    }

    /// Reads the memberships of a user again if the user has sockets here.
    pub(super) async fn refresh(&self, user: UserId) {
        if let Some(live) = self.users.get(&user)
            && let Err(error) = self.reload(&live).await
        {
            log::debug!("memberships not read: user={user} error={error}");
        }
    }

    /// Tells users of new chats, at intervals. Never returns.
    pub(super) async fn follow(&self) {
        let active = self.loader.db.state::<RoomList>().active();
        loop {
            active.added().await;
            let PendingRooms { rooms, is_overflowed } = active.take();
            let users = self.users.all();
            if users.is_empty() {
                continue;
            }
            // Read once, before all members ask for it.
            let followed: Vec<RoomId> =
                rooms.iter().copied().filter(|room| users.iter().any(|user| user.has(room))).collect();
            let followed = self.rooms(&followed).await.unwrap_or_default();
            let read = followed.values().map(async |room| {
                if let Err(error) = self.outline(room).await {
                    log::debug!("unread chats not read: room={} error={error}", room.id);
                }
            });
            join_all(read).await;
            for user in users {
                user.touch(|room| is_overflowed || rooms.contains(room));
            }
            sleep(INTERVAL).await;
        }
    }

    /// Reads all memberships again: hints may have been lost.
    pub(super) async fn resync(&self) {
        for live in self.users.all() {
            self.refresh(live.id).await;
        }
    }

    pub(super) async fn count(&self, room: &Room, user: UserId, position: Position) -> Result<UnreadCount> {
        if room.chat_count(&self.loader.db) <= position.read {
            return Ok(UnreadCount::default());
        }
        Ok(self.outline(room).await?.unread(position.read, user))
    }

    /// Returns the elements of those of some rooms that the user has a membership of. A count that the database does not
    /// tell in time is left out.
    pub(super) async fn elements(
        &self,
        rooms: &[Arc<Room>],
        user: UserId,
        positions: &HashMap<RoomId, Position>,
        locale: Locale,
    ) -> HashMap<RoomId, Unread> {
        let counted =
            rooms.iter().filter_map(|room| Some((room, *positions.get(&room.id)?))).map(async |(room, position)| {
                let count = timeout(COUNT_TIMEOUT, self.count(room, user, position)).await.ok()?.ok()?;
                Some((room.id, Unread { count, element: self.element(room.id, count, position, locale) }))
            });
        join_all(counted).await.into_iter().flatten().collect()
    }

    pub(super) fn element(&self, room: RoomId, count: UnreadCount, position: Position, locale: Locale) -> String {
        let Position { read, rev, level } = position;
        unread_element(room, count, (read, rev), level, locale)
    }

    /// Returns those of some rooms that are not deleted. Reads with one query those that are not cached.
    pub(super) async fn rooms(&self, ids: &[RoomId]) -> Result<HashMap<RoomId, Arc<Room>>> {
        let version = self.rooms.version();
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for id in ids {
            match self.rooms.get(id) {
                Lookup::Hit(room) => _ = found.insert(*id, room),
                Lookup::Miss(_) => missing.push(*id),
            }
        }
        if !missing.is_empty() {
            for room in Room::by_ids(&self.loader.db, &missing).await?.into_iter().filter(|room| room.open) {
                let bytes = size_of::<Room>() + room.topic.as_str().len();
                let room = Arc::new(room);
                self.rooms.insert(version, room.id, Arc::clone(&room), bytes);
                found.insert(room.id, room);
            }
        }
        found.retain(|_, room| !room.has_ended(&self.loader.db));
        Ok(found)
    }

    pub(super) fn forget_room(&self, id: RoomId) {
        self.rooms.invalidate(Some(&id));
    }

    /// Tells the members of a room that is not open of its name. Open rooms are listed for everybody.
    pub(super) async fn room_changed(&self, id: RoomId) {
        let users: Vec<_> = self.users.all().into_iter().filter(|user| user.has(&id)).collect();
        if !users.is_empty()
            && matches!(self.rooms(&[id]).await, Ok(rooms) if rooms.values().any(|room| !room.kind.is_open()))
        {
            users.iter().for_each(|user| user.touch(|room| *room == id));
        }
    }

    /// Tells the partners of a user, whose direct rooms have the user's name.
    pub(super) async fn name_changed(&self, user: UserId) {
        if self.users.all().is_empty() {
            return;
        }
        match self.direct_rooms(user).await {
            Ok(directs) => self.users.all().iter().for_each(|live| live.touch(|room| directs.contains(room))),
            Err(error) => log::debug!("direct rooms not read: user={user} error={error}"),
        }
    }

    async fn direct_rooms(&self, user: UserId) -> Result<HashSet<RoomId>> {
        let db = &self.loader.db;
        let user = User::find(db, user).await?;
        let rooms = user.own_rooms(db, &Membership::of_user(db, user.id).await?).await?;
        Ok(rooms.iter().filter(|room| room.kind == RoomKind::Direct).map(|room| room.id).collect())
    }

    async fn outline(&self, room: &Room) -> Result<Arc<LogOutline>> {
        let known = match self.outlines.get(&room.id) {
            Lookup::Hit(known) if known.upto >= room.last_seq(&self.loader.db) => return Ok(known),
            Lookup::Hit(known) => Some(known),
            Lookup::Miss(_) => None,
        };
        let outline = Arc::new(room.log(&self.loader.db).outline(known.as_deref()).await?);
        let bytes = outline.approximate_size();
        self.outlines.insert_if(room.id, Arc::clone(&outline), bytes, |before| before.upto <= outline.upto);
        Ok(outline)
    }
}

impl LiveUser {
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns the number of the last change.
    pub(super) fn last_change(&self) -> u64 {
        self.state().last
    }

    /// Returns the rooms in which more was said than the user has read, as far as this instance has seen. A socket begins
    /// with them: its page may be older than they are.
    pub(super) fn unread(&self, db: &Database) -> Vec<UserChange> {
        let registry = db.state::<LogRegistry>();
        let state = self.state();
        let is_unread =
            |room: &RoomId, position: &Position| registry.head(*room).is_some_and(|head| head.no > position.read);
        let unread = state.positions.iter().filter(|(room, position)| is_unread(room, position));
        unread.take(MAX_FIRST_CHANGES).map(|(room, position)| UserChange::Unread(*room, *position)).collect()
    }

    /// Returns the changes after a number, and moves it behind them.
    pub(super) fn advance(&self, position: &mut u64) -> Vec<UserChange> {
        let state = self.state();
        let changed = state.changes.iter().filter(|(_, number)| **number > *position);
        let change = |(room, _): (&RoomId, &u64)| match state.positions.get(room) {
            Some(position) => UserChange::Unread(*room, *position),
            None => UserChange::Left(*room),
        };
        let mut changes: Vec<UserChange> = changed.map(change).collect();
        if state.inbox > *position {
            changes.push(UserChange::Inbox);
        }
        *position = state.last;
        changes
    }

    fn set(&self, room: RoomId, position: Position) {
        {
            let mut state = self.state();
            if state.positions.insert(room, position) == Some(position) {
                return;
            }
            state.record(room);
        }
        self.changed.send_replace(());
    }

    fn replace(&self, mut positions: HashMap<RoomId, Position>) {
        {
            let mut state = self.state();
            // What was recorded while the rows were read is newer.
            for (room, position) in &mut positions {
                if let Some(known) = state.positions.get(room)
                    && (known.rev, known.read) > (position.rev, position.read)
                {
                    *position = Position { level: position.level, ..*known };
                }
            }
            let before = std::mem::replace(&mut state.positions, positions);
            let gone: Vec<RoomId> = before.keys().filter(|room| !state.positions.contains_key(room)).copied().collect();
            let known = &before;
            let new = state.positions.iter().filter(|(room, position)| known.get(room) != Some(position));
            let new: Vec<RoomId> = new.map(|(room, _)| *room).collect();
            // The first positions are those of the page.
            if !std::mem::replace(&mut state.is_loaded, true) {
                return;
            }
            gone.into_iter().chain(new).for_each(|room| state.record(room));
        }
        self.changed.send_replace(());
    }

    fn has(&self, room: &RoomId) -> bool {
        self.state().positions.contains_key(room)
    }

    fn touch_inbox(&self) {
        {
            let mut state = self.state();
            state.last += 1;
            state.inbox = state.last;
        }
        self.changed.send_replace(());
    }

    /// Marks the rooms in which something was said.
    fn touch(&self, is_active: impl Fn(&RoomId) -> bool) {
        {
            let mut state = self.state();
            let touched: Vec<RoomId> = state.positions.keys().filter(|room| is_active(room)).copied().collect();
            if touched.is_empty() {
                return;
            }
            touched.into_iter().for_each(|room| state.record(room));
        }
        self.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, UserState> {
        self.state.lock()
    }
}

impl UserState {
    fn record(&mut self, room: RoomId) {
        self.last += 1;
        self.changes.insert(room, self.last);
    }
}

impl Drop for LiveUser {
    fn drop(&mut self) {
        self.users.remove_dropped(&self.id);
    }
}
