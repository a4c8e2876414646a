//! A room that somebody follows: its log is read once, by one task, for all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::hub::Hub;
use super::presence::Presence;
use super::ring::Ring;
use crate::error::Result;
use crate::models::{Log, RoomId};

/// How long a lost hint stays unnoticed.
const PROBE: Duration = Duration::from_secs(15);
/// The pause before the log is asked again when the database is away.
const AGAIN: Duration = Duration::from_millis(250);

/// A live room. Dropped with its last reader.
pub struct LiveRoom {
    pub(super) hub: Arc<Hub>,
    /// Which room.
    pub id: RoomId,
    pub(super) log: Arc<Log>,
    /// Filled by the follower, read by every reader; locked for lines, or for one rendering of a fragment.
    ring: Mutex<Ring>,
    /// How far the ring reaches: what readers wait on.
    upto: watch::Sender<i64>,
    /// Who is here and who types.
    pub presence: Presence,
    follower: Mutex<Option<AbortHandle>>,
}

impl LiveRoom {
    pub(super) fn open(hub: Arc<Hub>, id: RoomId, log: Arc<Log>, top: i64) -> Arc<Self> {
        let hint = log.hint();
        let room = Arc::new(Self {
            presence: Presence::default(),
            ring: Mutex::new(Ring::new(top)),
            upto: watch::Sender::new(top),
            follower: Mutex::default(),
            hub,
            id,
            log,
        });
        let follower = tokio::spawn(follow(Arc::downgrade(&room), hint)).abort_handle();
        *room.follower.lock().unwrap_or_else(PoisonError::into_inner) = Some(follower);
        room
    }

    /// Hints at news: how far the ring reaches.
    pub(super) fn upto(&self) -> watch::Receiver<i64> {
        self.upto.subscribe()
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the log on to its end.
    async fn advance(&self) -> Result<()> {
        loop {
            let since = self.ring().upto();
            let news = self.log.news(since).await?;
            if news.upto == since {
                return Ok(());
            }
            for chat in &news.chats {
                self.presence.said(chat.author);
            }
            let articles = self.hub.articles(news.chats).await?;
            self.ring().push(articles, news.upto, news.closed);
            self.upto.send_replace(news.upto);
        }
    }
}

impl Drop for LiveRoom {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take() {
            follower.abort();
        }
        let mut rooms = self.hub.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        // A new one may stand there already.
        if rooms.get(&self.id).is_some_and(|room| room.strong_count() == 0) {
            rooms.remove(&self.id);
        }
    }
}

/// Follows the log for as long as the room is live. The hint is subscribed to before the log is read.
async fn follow(room: Weak<LiveRoom>, mut hint: watch::Receiver<i64>) {
    loop {
        hint.borrow_and_update();
        let Some(live) = room.upgrade() else { return };
        if let Err(error) = live.advance().await {
            log::debug!("room {}: the log cannot be followed: {error}", live.id);
            drop(live);
            sleep(AGAIN).await;
            continue;
        }
        drop(live);
        match timeout(PROBE, hint.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                let Some(live) = room.upgrade() else { return };
                // Raises the hint where something was missed.
                let _ = live.log.top().await;
            }
        }
    }
}
