//! The rooms that are live on this site, and the names of the people in them.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::feed::Feed;
use super::names::Names;
use super::pages::PageCache;
use super::room::LiveRoom;
use super::room_summaries::LastChatCache;
use super::sessions::LiveSessions;
use crate::error::Result;
use crate::models::cluster::{self, ClusterEvent, ClusterNotice};
use crate::models::{self, Room, RoomId, Session, UserId};
use crate::store::Database;
use crate::views::Views;
use crate::views::chat::{Article, Chat};

/// Readers who catch up from the log at once.
const MAX_CATCH_UPS: usize = 8;
/// How often the other sites are told who is here, also when nothing changes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);
/// How often the database is looked at.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// How long sockets have to say goodbye when the site stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// What is live on this site. One a site.
pub struct Hub {
    pub(crate) db: Arc<Database>,
    pub(super) views: Views,
    /// A live room takes its key out when it is dropped; locked for lines.
    pub(super) rooms: Mutex<HashMap<RoomId, Weak<LiveRoom>>>,
    /// The names of people, for what renders chats and presence.
    pub(super) names: Arc<Names>,
    /// What the main page says of rooms.
    pub(super) last_chats: LastChatCache,
    /// The pages of rooms that were asked for lately.
    pub(super) pages: PageCache,
    /// The sessions that have sockets open.
    pub sessions: LiveSessions,
    /// Taken by who reads a log page by page: a crowd that returns does not stand in everybody's way.
    pub(super) catch_ups: Semaphore,
    /// Whether the database answers, as far as sockets are concerned.
    pub(super) database_up: watch::Sender<bool>,
    sockets: TaskTracker,
    shutdown: CancellationToken,
}

impl Hub {
    /// Nothing is live yet.
    pub fn new(db: Arc<Database>, views: Views) -> Arc<Self> {
        Arc::new(Self {
            names: Arc::new(Names::new(&db)),
            last_chats: LastChatCache::new(db.budget()),
            pages: PageCache::new(db.budget()),
            db,
            views,
            rooms: Mutex::default(),
            sessions: LiveSessions::default(),
            catch_ups: Semaphore::new(MAX_CATCH_UPS),
            database_up: watch::Sender::new(true),
            sockets: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        })
    }

    /// A reader of a room who has seen all up to `since`, or begins now.
    ///
    /// # Errors
    /// `Beyond` when the log does not reach to `since`; the database's.
    pub async fn feed(self: &Arc<Self>, room: &Room, since: Option<i64>) -> Result<Feed> {
        Feed::open(self.open(room).await?, since).await
    }

    /// The room, live.
    ///
    /// # Errors
    /// The database's.
    pub async fn open(self: &Arc<Self>, room: &Room) -> Result<Arc<LiveRoom>> {
        if let Some(live) = self.get(room.id) {
            return Ok(live);
        }
        let log = room.log(&self.db);
        let top = log.fetch_head().await?;
        let mut rooms = self.rooms.lock();
        if let Some(live) = rooms.get(&room.id).and_then(Weak::upgrade) {
            return Ok(live);
        }
        let live = LiveRoom::open(Arc::clone(self), room.id, log, top);
        rooms.insert(room.id, Arc::downgrade(&live));
        Ok(live)
    }

    /// The room if it is live.
    pub fn get(&self, room: RoomId) -> Option<Arc<LiveRoom>> {
        self.rooms.lock().get(&room).and_then(Weak::upgrade)
    }

    /// Joins chats with their authors' names, ready to be rendered.
    ///
    /// # Errors
    /// The database's.
    pub async fn with_authors(&self, chats: Vec<models::Chat>) -> Result<Vec<Arc<Article>>> {
        let names = self.names.get(chats.iter().map(|chat| chat.author)).await?;
        let article = |chat: models::Chat| {
            let name = names.get(&chat.author).and_then(Option::as_ref);
            Arc::new(Article::new(Chat::new(chat, name)).charged_to(self.db.budget()))
        };
        Ok(chats.into_iter().map(article).collect())
    }

    /// A user has changed, which is told to the other sites too.
    pub fn user_changed(&self, user: UserId) {
        self.invalidate_name(Some(user));
        cluster::publish(&self.db, &ClusterEvent::UserChanged { user });
    }

    /// Looks whether the database answers, for as long as somebody has a socket open, and whether the sessions of sockets
    /// have ended at another site: whoever only reads would not learn of it otherwise.
    pub async fn monitor(self: Arc<Self>) {
        let look = async {
            let mut ticks = interval(HEALTH_CHECK_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // Long polls have sessions and no socket.
                if self.sockets.is_empty() && self.sessions.open().is_empty() {
                    continue;
                }
                let there = self.db.ping().await.is_ok();
                if self.database_up.send_if_modified(|before| std::mem::replace(before, there) != there) {
                    self.live_rooms().iter().for_each(|room| room.notify());
                }
                if there {
                    self.close_expired_sessions().await;
                }
            }
        };
        tokio::select! {
            () = look => {}
            () = self.names.refresh(|user| self.invalidate_name(Some(user))) => {}
            () = Arc::clone(self.db.budget()).sweep() => {}
            () = self.shutdown() => {}
        }
    }

    /// Follows the other sites on this database until this one stops.
    pub async fn run_cluster(self: Arc<Self>) {
        let handle = |notice| self.handle_event(notice);
        let publish = async {
            let mut ticks = interval(REFRESH_INTERVAL);
            loop {
                ticks.tick().await;
                self.live_rooms().iter().for_each(|room| room.presence.refresh());
            }
        };
        tokio::select! {
            () = cluster::follow(&self.db, handle) => {}
            () = publish => {}
            () = self.shutdown() => {}
        }
    }

    async fn handle_event(&self, notice: ClusterNotice) {
        let ClusterNotice::Event(instance, event) = notice else {
            self.invalidate_name(None);
            self.last_chats.clear();
            return;
        };
        match event {
            ClusterEvent::SessionEnded { session } => self.sessions.end(&session),
            ClusterEvent::UserChanged { user } => self.invalidate_name(Some(user)),
            ClusterEvent::Presence { room, people, count } => {
                if let Some(live) = self.get(room) {
                    live.presence.set_remote(instance, people.into_iter().map(|(user, _)| user).collect(), count);
                }
            }
            ClusterEvent::Typing { room, user, .. } => {
                if let Some(live) = self.get(room) {
                    live.presence.set_typing_remote(user);
                }
            }
            ClusterEvent::Other => {}
        }
    }

    /// Drops the name of a user, which has changed, and what was rendered with it; without one all names.
    fn invalidate_name(&self, user: Option<UserId>) {
        self.names.invalidate(user);
        for room in self.live_rooms() {
            room.clear();
            room.presence.name_changed(user);
        }
    }

    fn live_rooms(&self) -> Vec<Arc<LiveRoom>> {
        let rooms = self.rooms.lock();
        rooms.values().filter_map(Weak::upgrade).collect()
    }

    /// How often names have changed.
    pub(super) fn names_version(&self) -> u64 {
        self.names.version()
    }

    /// Ends sessions, and has their sockets close, here and at the other sites.
    ///
    /// # Errors
    /// The database's. Their sockets close all the same, for some may have ended.
    pub async fn end_sessions(&self, db: &Database, sessions: &[Session]) -> Result<()> {
        let ended = Session::end_all(db, sessions).await;
        for session in sessions {
            self.sessions.end(&session.id);
            cluster::publish(&self.db, &ClusterEvent::SessionEnded { session: session.id.clone() });
        }
        ended
    }

    /// Closes the sockets of a user's revoked sessions, on every instance.
    ///
    /// The revocation holds already. What cannot be cleaned up now is found by the check of open sockets.
    pub async fn sessions_revoked(&self, user: UserId) {
        match Session::delete_revoked(&self.db, user).await {
            Ok(ended) => {
                for session in ended {
                    self.sessions.end(&session);
                    cluster::publish(&self.db, &ClusterEvent::SessionEnded { session });
                }
            }
            Err(error) => log::warn!("revoked sessions were not cleaned up: {error}"),
        }
    }

    /// Closes the sockets of sessions that have ended without a word.
    async fn close_expired_sessions(&self) {
        for some in self.sessions.open().chunks(500) {
            match Session::find_ended(&self.db, some).await {
                Ok(ended) => ended.iter().for_each(|session| self.sessions.end(session)),
                Err(error) => log::debug!("sessions were not looked at: {error}"),
            }
        }
    }

    /// Runs a socket's task. The site waits for it, a little, when it stops.
    pub fn spawn(&self, socket: impl Future<Output = ()> + Send + 'static) {
        self.sockets.spawn(socket);
    }

    /// Done once the site is told to stop.
    pub async fn shutdown(&self) {
        self.shutdown.cancelled().await;
    }

    /// Has every socket say goodbye, and waits for them.
    pub async fn stop(&self) {
        self.shutdown.cancel();
        self.sockets.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.sockets.wait()).await.is_err() {
            log::warn!("{} sockets did not say goodbye", self.sockets.len());
        }
    }
}
