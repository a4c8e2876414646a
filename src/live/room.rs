//! A room with readers: one task reads its log once, for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::access::RoomAccess;
use super::chat_loader::ChatLoader;
use super::presence::Presence;
use super::recent_chats::{RecentChats, take_batch};
use super::weak_map::WeakMap;
use crate::cache::{Evict, IDLE};
use crate::error::{Error, Result};
use crate::models::room::{Head, RoomList};
use crate::models::{Room, RoomId, RoomLog};
use crate::store::with_timeout;
use crate::views::chat::{FeedItem, Fragment};
use crate::views::room::room_title;

/// How long a lost hint may go unnoticed.
const RESYNC_INTERVAL: Duration = Duration::from_secs(15);
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Batching (as Nagle's algorithm does): each reader adds to the minimum and maximum delay between two fragments,
/// because each fragment costs one system call a reader. Chats in a quiet room go out at once; a busy room uses a
/// bounded part of a core.
const BATCH_DELAY_PER_READER: [Duration; 2] = [Duration::from_micros(80), Duration::from_micros(400)];
const MAX_BATCH_DELAY: Duration = Duration::from_millis(250);
/// Entries that are sent without further delay.
const BATCH_SIZE: i64 = 16;

/// A log read that readers at one cursor share. It runs while one of them holds it.
pub(super) type SharedLogRead = Shared<LogRead>;
type LogRead = BoxFuture<'static, Result<Arc<Fragment>, Arc<Error>>>;

type CatchUps = HashMap<i64, WeakShared<LogRead>>;

pub(super) type LiveRooms = WeakMap<RoomId, LiveRoom>;

/// A live room. It is dropped with its last reader.
pub(crate) struct LiveRoom {
    loader: Arc<ChatLoader>,
    /// The registry from which this room removes itself.
    rooms: Arc<LiveRooms>,
    pub id: RoomId,
    pub(super) log: Arc<RoomLog>,
    recent: Mutex<RecentChats>,
    catch_ups: Mutex<CatchUps>,
    /// The number of the last entry that readers can get from memory.
    upto: watch::Sender<i64>,
    /// Changes with every update for sockets, so that a socket waits on one thing only.
    changed: watch::Sender<()>,
    pub(crate) presence: Presence,
    pub(super) access: RoomAccess,
    /// The element with a changed name and topic, for sockets. `None` as long as nothing has changed.
    title: watch::Sender<Option<Arc<str>>>,
    follower: Mutex<Option<AbortHandle>>,
}

impl LiveRoom {
    pub(super) fn open(loader: &Arc<ChatLoader>, rooms: &Arc<LiveRooms>, log: Arc<RoomLog>, head: Head) -> Arc<Self> {
        let (id, head_receiver, changed) = (log.room, log.head_receiver(), watch::Sender::default());
        let room = Arc::new(Self {
            presence: Presence::new(&loader.db, &loader.names, id, changed.clone()),
            changed,
            recent: Mutex::new(RecentChats::new(head.seq, head.closed, Arc::clone(loader.budget()))),
            upto: watch::Sender::new(head.seq),
            catch_ups: Mutex::default(),
            access: RoomAccess::default(),
            title: watch::Sender::default(),
            follower: Mutex::default(),
            loader: Arc::clone(loader),
            rooms: Arc::clone(rooms),
            id,
            log,
        });
        room.loader.db.metrics().rooms.inc();
        let weak: Weak<dyn Evict> = Arc::downgrade(&(Arc::clone(&room) as Arc<dyn Evict>));
        room.loader.budget().register(weak);
        let follower = tokio::spawn(follow_log(Arc::downgrade(&room), head_receiver)).abort_handle();
        *room.follower.lock() = Some(follower);
        room
    }

    pub(super) fn upto(&self) -> watch::Receiver<i64> {
        self.upto.subscribe()
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Wakes the sockets.
    pub(super) fn notify(&self) {
        self.changed.send_replace(());
    }

    /// Waits until this room hands out an entry, up to the query timeout.
    pub(crate) async fn wait_until(&self, seq: i64) {
        let mut upto = self.upto();
        if with_timeout(upto.wait_for(|upto| *upto >= seq)).await.is_err() {
            log::warn!("live room behind: room={} seq={seq}", self.id);
        }
    }

    /// Tells the readers of a new name or topic, and checks whether they may still read the room.
    pub(super) async fn room_changed(&self) {
        if let Some(title) = self.check_kind().await.as_ref().and_then(room_title) {
            self.title.send_replace(Some(title));
            self.notify();
        }
    }

    /// Returns the room. Makes its readers check whether they may still read it, unless it is open.
    async fn check_kind(&self) -> Option<Room> {
        let room = Room::by_id(&self.loader.db, self.id).await.ok().flatten();
        if !room.as_ref().is_some_and(|room| room.kind.is_open()) {
            self.revoke_all();
        }
        room
    }

    pub(super) fn title(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.title.subscribe()
    }

    /// Makes all readers check whether they may still read the room.
    pub(super) fn revoke_all(&self) {
        self.access.revoke_all();
        self.upto.send_modify(|_| {});
        self.notify();
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, RecentChats> {
        self.recent.lock()
    }

    /// Reads the log up to its head.
    async fn advance(&self) -> Result<()> {
        loop {
            let since = self.recent().upto();
            let updates = self.log.updates(since).await?;
            if updates.upto == since {
                return Ok(());
            }
            self.access.revoke(&updates.left);
            for chat in &updates.chats {
                self.presence.stop_typing(chat.author);
            }
            // Running reads hold old forms of changed chats.
            if updates.chats.iter().any(|chat| chat.rev > chat.seq) {
                self.catch_ups().clear();
            }
            loop {
                let version = self.loader.names_version();
                let items = self.loader.items(updates.chats.clone(), updates.events.clone()).await?;
                // Rendered before the lock is taken.
                items.iter().for_each(FeedItem::prepare);
                let mut recent = self.recent();
                // If a name changed meanwhile, read again. A later change clears what is pushed.
                if self.loader.names_version() == version {
                    recent.push(items, updates.upto, updates.closed);
                    break;
                }
            }
            self.upto.send_replace(updates.upto);
            self.notify();
        }
    }

    /// Returns the entries after a cursor that is too old for memory.
    pub(super) fn read_log(self: &Arc<Self>, since: i64) -> SharedLogRead {
        let mut catch_ups = self.catch_ups();
        catch_ups.retain(|_, read| read.upgrade().is_some());
        let running = catch_ups.get(&since).and_then(WeakShared::upgrade);
        // A slow reader may still hold a read that finished long ago.
        running.filter(|read| read.peek().is_none()).unwrap_or_else(|| {
            let read = Arc::clone(self).read(since).boxed().shared();
            catch_ups.extend(read.downgrade().map(|weak| (since, weak)));
            read
        })
    }

    /// Reads in a task of its own: a reader that is busy sending must not delay the others.
    async fn read(self: Arc<Self>, since: i64) -> Result<Arc<Fragment>, Arc<Error>> {
        let read = async move {
            // The semaphore is never closed.
            let _turn = self.loader.catch_ups.acquire().await;
            self.loader.db.metrics().catch_ups.inc();
            let updates = self.log.updates(since).await?;
            self.access.revoke(&updates.left);
            let mut items = self.loader.items(updates.chats, updates.events).await?;
            items.sort_unstable_by_key(FeedItem::rev);
            let feed = take_batch(items.into_iter(), updates.upto, updates.closed);
            Ok(Arc::new(Fragment::new(feed).charged_to(self.loader.budget())))
        };
        let read = AbortOnDropHandle::new(tokio::spawn(read)).await;
        read.unwrap_or_else(|panic| Err(Error::Internal(panic.to_string()))).map_err(Arc::new)
    }

    pub(super) fn clear(&self) {
        self.catch_ups().clear();
        self.recent().clear();
    }

    fn catch_ups(&self) -> MutexGuard<'_, CatchUps> {
        self.catch_ups.lock()
    }
}

impl Evict for LiveRoom {
    fn last_used(&self) -> Option<Instant> {
        self.recent.try_lock()?.last_used()
    }

    /// Readers that are behind read the log.
    fn evict(&self) {
        if let Some(mut recent) = self.recent.try_lock() {
            recent.clear();
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut recent) = self.recent.try_lock()
            && recent.last_used().is_some_and(|used| now.saturating_duration_since(used) > IDLE)
        {
            recent.clear();
        }
    }
}

impl Drop for LiveRoom {
    fn drop(&mut self) {
        self.loader.db.metrics().rooms.dec();
        // The last reader has left, and no task will publish that later.
        self.presence.publish();
        if let Some(follower) = self.follower.lock().take() {
            follower.abort();
        }
        self.rooms.remove_dropped(&self.id);
        // Nobody is online here any more.
        self.loader.db.state::<RoomList>().changed().add(self.id);
    }
}

/// Returns the minimum and maximum delay before the next fragment.
fn batch_delay(readers: usize) -> [Duration; 2] {
    BATCH_DELAY_PER_READER
        .map(|each| each.saturating_mul(u32::try_from(readers).unwrap_or(u32::MAX)).min(MAX_BATCH_DELAY))
}

/// Follows the log while the room is live. Subscribes before it reads.
async fn follow_log(room: Weak<LiveRoom>, mut head: watch::Receiver<Head>) {
    loop {
        head.borrow_and_update();
        let Some(live) = room.upgrade() else { return };
        if let Err(error) = live.advance().await {
            log::debug!("room {}: the log cannot be followed: {error}", live.id);
            drop(live);
            sleep(RETRY_DELAY).await;
            continue;
        }
        let ([least, most], enough) = (batch_delay(live.upto.receiver_count()), live.recent().upto() + BATCH_SIZE);
        drop(live);
        let handed_out = Instant::now();
        match timeout(RESYNC_INTERVAL, head.changed()).await {
            Ok(Ok(())) => {
                sleep_until(handed_out + least).await;
                // The sender is gone with the last writer. Then the next round ends.
                let _ = timeout_at(handed_out + most, head.wait_for(|head| head.seq >= enough)).await;
            }
            Ok(Err(_)) => return,
            Err(_) => {
                let Some(live) = room.upgrade() else { return };
                // Advances the head if a hint was lost.
                let _ = live.log.fetch_head().await;
                live.check_kind().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_delay_grows_with_readers_up_to_a_maximum() {
        assert_eq!(batch_delay(0), [Duration::ZERO; 2]);
        assert_eq!(batch_delay(500), [40, 200].map(Duration::from_millis));
        assert_eq!(batch_delay(usize::MAX), [MAX_BATCH_DELAY; 2]);
    }
}
