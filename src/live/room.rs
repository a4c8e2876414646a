//! A room that somebody follows: its log is read once, by one task, for all of them.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::hub::Hub;
use super::presence::Presence;
use super::recent_chats::{RecentChats, take_batch};
use crate::cache::{Evict, IDLE};
use crate::error::{Error, Result};
use crate::metrics::METRICS;
use crate::models::room::Head;
use crate::models::{RoomId, RoomLog};
use crate::store::with_timeout;
use crate::views::chat::Fragment;

/// How long a lost hint stays unnoticed.
const RESYNC_INTERVAL: Duration = Duration::from_secs(15);
/// The pause before the log is asked again when the database is away.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// What each reader adds to the time between two fragments, each of which costs a system call a reader: at least, and at
/// most where few entries wait. So what is said in a quiet room is handed out at once, and a room that is never quiet
/// takes a part of a core only, however many follow it.
const BATCH_DELAY_PER_READER: [Duration; 2] = [Duration::from_micros(80), Duration::from_micros(400)];
/// The longest time between two fragments that this may come to.
const MAX_BATCH_DELAY: Duration = Duration::from_millis(250);
/// Entries that are worth a fragment.
const BATCH_SIZE: i64 = 16;

/// A reading of the log, shared by those who stand at one place. It goes on for as long as somebody has it.
pub(super) type CatchUp = Shared<LogRead>;
type LogRead = BoxFuture<'static, Result<Arc<Fragment>, Arc<Error>>>;

/// Readings under way, by their cursor.
type CatchUps = HashMap<i64, WeakShared<LogRead>>;

/// A live room. Dropped with its last reader.
pub struct LiveRoom {
    pub(super) hub: Arc<Hub>,
    /// Which room.
    pub id: RoomId,
    pub(super) log: Arc<RoomLog>,
    /// Filled by the follower, read by every reader; locked for lines.
    recent: Mutex<RecentChats>,
    /// What is being read for those who are behind the ring; locked for lines.
    catch_ups: Mutex<CatchUps>,
    /// How far the ring reaches: what feeds wait on.
    upto: watch::Sender<i64>,
    /// Changes with everything that sockets are told of: of the room, each waits for this alone.
    changed: watch::Sender<()>,
    /// Who is here and who types.
    pub presence: Presence,
    follower: Mutex<Option<AbortHandle>>,
}

impl LiveRoom {
    pub(super) fn open(hub: Arc<Hub>, id: RoomId, log: Arc<RoomLog>, top: Head) -> Arc<Self> {
        let (hint, stirs) = (log.head_receiver(), watch::Sender::default());
        let room = Arc::new(Self {
            presence: Presence::new(&hub, id, stirs.clone()),
            changed: stirs,
            recent: Mutex::new(RecentChats::new(top.seq, top.closed, Arc::clone(hub.db.budget()))),
            upto: watch::Sender::new(top.seq),
            catch_ups: Mutex::default(),
            follower: Mutex::default(),
            hub,
            id,
            log,
        });
        METRICS.rooms.inc();
        let weak: Weak<dyn Evict> = Arc::downgrade(&(Arc::clone(&room) as Arc<dyn Evict>));
        room.hub.db.budget().register(weak);
        let follower = tokio::spawn(follow_log(Arc::downgrade(&room), hint)).abort_handle();
        *room.follower.lock() = Some(follower);
        room
    }

    /// Hints at news: how far the ring reaches.
    pub(super) fn upto(&self) -> watch::Receiver<i64> {
        self.upto.subscribe()
    }

    /// Hints at anything that sockets are told of.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// There is something that sockets are told of.
    pub(super) fn notify(&self) {
        self.changed.send_replace(());
    }

    /// Waits until what this room hands out has come to an entry, but not for long.
    pub async fn wait_until(&self, seq: i64) {
        let mut upto = self.upto();
        if with_timeout(upto.wait_for(|upto| *upto >= seq)).await.is_err() {
            log::warn!("room {}: it does not come to entry {seq}", self.id);
        }
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, RecentChats> {
        self.recent.lock()
    }

    /// Reads the log on to its end.
    async fn advance(&self) -> Result<()> {
        loop {
            let since = self.recent().upto();
            let news = self.log.updates(since).await?;
            if news.upto == since {
                return Ok(());
            }
            for chat in &news.chats {
                self.presence.stop_typing(chat.author);
            }
            // What was said before and has changed is not handed out any more as it was.
            if news.chats.iter().any(|chat| chat.rev > chat.seq) {
                self.catch_ups().clear();
            }
            loop {
                let version = self.hub.names_version();
                let articles = self.hub.with_authors(news.chats.clone()).await?;
                // Rendered here, not under the lock.
                articles.iter().for_each(|article| article.prepare());
                let mut ring = self.recent();
                // A name that has changed meanwhile is read again; one that changes now forgets what is pushed.
                if self.hub.names_version() == version {
                    ring.push(articles, news.upto, news.closed);
                    break;
                }
            }
            self.upto.send_replace(news.upto);
            self.notify();
        }
    }

    /// What the log has after a cursor that the ring does not reach back to.
    pub(super) fn read_log(self: &Arc<Self>, since: i64) -> CatchUp {
        let mut behind = self.catch_ups();
        behind.retain(|_, reading| reading.upgrade().is_some());
        let reading = behind.get(&since).and_then(WeakShared::upgrade);
        // Somebody who is busy may have one still that has come to its end long ago.
        reading.filter(|reading| reading.peek().is_none()).unwrap_or_else(|| {
            let reading = Arc::clone(self).read(since).boxed().shared();
            behind.extend(reading.downgrade().map(|reading_of| (since, reading_of)));
            reading
        })
    }

    /// One reading, in a task of its own: a reader who is busy sending must not hold up the others.
    async fn read(self: Arc<Self>, since: i64) -> Result<Arc<Fragment>, Arc<Error>> {
        let read = async move {
            // Never closed: without a turn there is a log all the same.
            let _turn = self.hub.catch_ups.acquire().await;
            METRICS.catch_ups.inc();
            let news = self.log.updates(since).await?;
            let mut articles = self.hub.with_authors(news.chats).await?;
            articles.sort_unstable_by_key(|article| article.view.rev);
            let feed = take_batch(articles.into_iter(), news.upto, news.closed);
            Ok(Arc::new(Fragment::new(feed).charged_to(self.hub.db.budget())))
        };
        let read = AbortOnDropHandle::new(tokio::spawn(read)).await;
        read.unwrap_or_else(|panic| Err(Error::Internal(panic.to_string()))).map_err(Arc::new)
    }

    /// Forgets what was rendered.
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

    /// Readers who are behind read the log.
    fn evict(&self) {
        if let Some(mut ring) = self.recent.try_lock() {
            ring.clear();
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut ring) = self.recent.try_lock()
            && ring.last_used().is_some_and(|used| now.saturating_duration_since(used) > IDLE)
        {
            ring.clear();
        }
    }
}

impl Drop for LiveRoom {
    fn drop(&mut self) {
        METRICS.rooms.dec();
        // Whoever was here has left, and nobody is there any more to tell it later.
        self.presence.publish();
        if let Some(follower) = self.follower.lock().take() {
            follower.abort();
        }
        let mut rooms = self.hub.rooms.lock();
        // A new one may stand there already.
        if rooms.get(&self.id).is_some_and(|room| room.strong_count() == 0) {
            rooms.remove(&self.id);
        }
    }
}

/// How long what comes next is gathered for so many readers, so that many chats go out as one: at least, and at most.
fn batch_delay(readers: usize) -> [Duration; 2] {
    BATCH_DELAY_PER_READER
        .map(|each| each.saturating_mul(u32::try_from(readers).unwrap_or(u32::MAX)).min(MAX_BATCH_DELAY))
}

/// Follows the log for as long as the room is live. The hint is subscribed to before the log is read.
async fn follow_log(room: Weak<LiveRoom>, mut hint: watch::Receiver<Head>) {
    loop {
        hint.borrow_and_update();
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
        match timeout(RESYNC_INTERVAL, hint.changed()).await {
            Ok(Ok(())) => {
                sleep_until(handed_out + least).await;
                // Gone with its last writer: then the next turn ends.
                let _ = timeout_at(handed_out + most, hint.wait_for(|end| end.seq >= enough)).await;
            }
            Ok(Err(_)) => return,
            Err(_) => {
                let Some(live) = room.upgrade() else { return };
                // Raises the hint where something was missed.
                let _ = live.log.fetch_head().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_read_the_longer_is_gathered_but_never_long() {
        assert_eq!(batch_delay(0), [Duration::ZERO; 2]);
        assert_eq!(batch_delay(500), [40, 200].map(Duration::from_millis));
        assert_eq!(batch_delay(usize::MAX), [MAX_BATCH_DELAY; 2]);
    }
}
