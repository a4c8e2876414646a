//! What is live on this instance: rooms, sessions, and the sockets' tasks.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chat_loader::ChatLoader;
use super::feed::Feed;
use super::pages::{PageCache, RenderedPage};
use super::room::{LiveRoom, LiveRooms};
use super::room_list::LiveRoomList;
use super::sessions::LiveSessions;
use super::unread::UnreadRooms;
use crate::error::Result;
use crate::models::chat::PageAnchor;
use crate::models::cluster::{self, ClusterEvent, ClusterNotice};
use crate::models::inbox::Inboxes;
use crate::models::room::RoomList;
use crate::models::room::membership::Membership;
use crate::models::user::Directory;
use crate::models::values::Nickname;
use crate::models::{self, Room, RoomId, Session, User, UserId};
use crate::store::Database;
use crate::views::Views;
use crate::views::chat::Article;
use crate::views::room::RoomSummary;

/// How often presence is published to the other instances even if nothing changes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(2);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Hub {
    pub(crate) db: Arc<Database>,
    pub(super) views: Views,
    rooms: Arc<LiveRooms>,
    pub(super) loader: Arc<ChatLoader>,
    pub(super) list: LiveRoomList,
    pub(super) unread: Arc<UnreadRooms>,
    pages: Arc<PageCache>,
    pub(crate) sessions: LiveSessions,
    pub(super) database_up: watch::Sender<bool>,
    sockets: TaskTracker,
    shutdown: CancellationToken,
}

impl Hub {
    pub(crate) fn new(db: Arc<Database>, views: Views) -> Arc<Self> {
        let (loader, rooms) = (Arc::new(ChatLoader::new(&db)), Arc::default());
        Arc::new(Self {
            list: LiveRoomList::new(&loader, &rooms),
            unread: Arc::new(UnreadRooms::new(&loader)),
            pages: PageCache::new(db.budget()),
            loader,
            db,
            views,
            rooms,
            sessions: LiveSessions::default(),
            database_up: watch::Sender::new(true),
            sockets: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        })
    }

    /// Opens a feed of a room after `since`, or at the head.
    /// Fails with `NotFound` if the reader may not see the room, `CursorAhead` if the log does not reach to `since`.
    pub(crate) async fn feed(self: &Arc<Self>, room: &Room, reader: UserId, since: Option<i64>) -> Result<Feed> {
        Feed::open(self.open(room).await?, &self.db, reader, since).await
    }

    /// Returns the live room, and starts it if necessary.
    pub async fn open(self: &Arc<Self>, room: &Room) -> Result<Arc<LiveRoom>> {
        if let Some(live) = self.get(room.id) {
            return Ok(live);
        }
        let log = room.log(&self.db);
        let head = log.fetch_head().await?;
        Ok(self.rooms.get_or_insert(room.id, || LiveRoom::open(&self.loader, &self.rooms, log, head)))
    }

    pub(crate) fn get(&self, room: RoomId) -> Option<Arc<LiveRoom>> {
        self.rooms.get(&room)
    }

    /// Returns the page of a room at `anchor`.
    /// Fails with `NotFound` if the room has been closed.
    pub async fn page(&self, room: &Room, anchor: PageAnchor) -> Result<Arc<RenderedPage>> {
        self.pages.page(&self.loader, room, anchor).await
    }

    pub(crate) async fn summaries(&self, rooms: &[Arc<Room>]) -> Vec<RoomSummary> {
        self.list.summaries(rooms).await
    }

    /// Returns the cursor of the live list, for a page that reads its rooms afterwards.
    pub(crate) fn list_cursor(&self) -> String {
        self.list.cursor()
    }

    /// Reads the cursor of a page's list. Without one a socket begins with the next change.
    pub(crate) fn list_position(&self, cursor: Option<&str>) -> u64 {
        self.list.position(cursor)
    }

    /// Tells all instances that a room was created, or has another name, topic or kind.
    pub(crate) fn room_changed(&self, room: RoomId) {
        self.unread.forget_room(room);
        self.tell_readers(room);
        cluster::publish(&self.db, &ClusterEvent::RoomChanged { room });
    }

    /// Tells a user's sockets on all instances what the user has read, or wants to be told.
    pub(crate) fn membership_changed(&self, membership: &Membership) {
        self.unread.record(membership);
        cluster::publish(&self.db, &ClusterEvent::MembershipChanged { user: membership.user });
    }

    /// Forgets that a chat of the user's own has moved the position, because the user has moved it back.
    pub(crate) fn forget_said(&self, room: RoomId, user: UserId) {
        self.unread.forget_said(room, user);
    }

    /// Tells users on all instances that their inboxes have changed. Never returns.
    async fn follow_inboxes(&self) {
        loop {
            for user in self.db.state::<Inboxes>().changed().await {
                self.unread.touch_inbox(user);
                cluster::publish(&self.db, &ClusterEvent::MembershipChanged { user });
            }
        }
    }

    /// Marks a room as read up to a chat that the user has said.
    pub(crate) fn has_said(&self, room: &Room, user: &User, no: i64) {
        self.unread.has_said(room.id, user.id, no);
    }

    /// Tells the sockets of users on all instances that they have become members of a room, or are none any more.
    pub(crate) async fn memberships_changed(&self, users: &[UserId]) {
        for user in users {
            self.unread.refresh(*user).await;
            cluster::publish(&self.db, &ClusterEvent::MembershipChanged { user: *user });
        }
    }

    /// Tells the readers of a room, and who lists it, that it has changed.
    fn tell_readers(&self, room: RoomId) {
        let (live, unread) = (self.get(room), Arc::clone(&self.unread));
        tokio::spawn(async move {
            if let Some(live) = live {
                live.room_changed().await;
            }
            unread.room_changed(room).await;
        });
    }

    /// Returns nicknames, `None` for deleted accounts.
    pub(crate) async fn nicknames(&self, users: &[UserId]) -> Result<HashMap<UserId, Option<Nickname>>> {
        self.loader.names.get(users.iter().copied()).await
    }

    pub(crate) async fn with_authors(&self, chats: Vec<models::Chat>) -> Result<Vec<Arc<Article>>> {
        self.loader.with_authors(chats).await
    }

    /// Invalidates a user's name on all instances.
    pub(crate) fn user_changed(&self, user: UserId) {
        self.invalidate_name(Some(user));
        cluster::publish(&self.db, &ClusterEvent::UserChanged { user });
    }

    /// Tells all instances that there is another user.
    pub(crate) fn user_signed_up(&self, user: UserId) {
        cluster::publish(&self.db, &ClusterEvent::UserSignedUp { user });
    }

    /// Checks while sockets are open whether the database answers and whether their sessions still exist: another
    /// instance may have ended them.
    pub(crate) async fn monitor(self: Arc<Self>) {
        let check = async {
            let mut ticks = interval(HEALTH_CHECK_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // Long polls register sessions but no sockets.
                if self.sockets.is_empty() && self.sessions.open().is_empty() {
                    continue;
                }
                let is_up = self.db.ping().await.is_ok();
                if self.database_up.send_if_modified(|before| std::mem::replace(before, is_up) != is_up) {
                    self.rooms.all().iter().for_each(|room| room.notify());
                }
                if is_up {
                    self.close_expired_sessions().await;
                }
            }
        };
        tokio::select! {
            () = check => {}
            () = self.loader.names.refresh(|user| self.invalidate_name(Some(user))) => {}
            () = Arc::clone(self.db.budget()).sweep() => {}
            () = self.list.follow(|| self.sockets.len()) => {}
            () = self.unread.follow() => {}
            () = self.follow_inboxes() => {}
            () = self.unread.store_said(|membership| self.membership_changed(membership)) => {}
            () = self.shutdown() => {}
        }
    }

    /// Exchanges events with the other instances until shutdown.
    pub(crate) async fn run_cluster(self: Arc<Self>) {
        let handle = |notice| self.handle_event(notice);
        let publish = async {
            let mut ticks = interval(REFRESH_INTERVAL);
            loop {
                ticks.tick().await;
                self.rooms.all().iter().for_each(|room| room.presence.refresh());
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
            self.db.state::<Directory>().clear();
            self.invalidate_name(None);
            self.list.clear();
            self.rooms.all().iter().for_each(|room| room.revoke_all());
            let unread = Arc::clone(&self.unread);
            tokio::spawn(async move { unread.resync().await });
            return;
        };
        match event {
            ClusterEvent::SessionEnded { session } => self.sessions.end(&session),
            ClusterEvent::RoomChanged { room } => {
                self.db.state::<RoomList>().invalidate(room);
                self.unread.forget_room(room);
                self.tell_readers(room);
            }
            ClusterEvent::UserChanged { user } => {
                self.db.state::<Directory>().invalidate(user);
                self.invalidate_name(Some(user));
            }
            ClusterEvent::UserSignedUp { user } => self.db.state::<Directory>().invalidate(user),
            ClusterEvent::MembershipChanged { user } => {
                let unread = Arc::clone(&self.unread);
                // Entries and revocations must not wait for it.
                tokio::spawn(async move {
                    unread.refresh(user).await;
                    unread.touch_inbox(user);
                });
            }
            ClusterEvent::Presence { room, people, count } => {
                self.list.set_remote(room, instance, usize::try_from(count).unwrap_or_default());
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

    /// Drops a user's name and everything rendered with it. `None`: all names.
    fn invalidate_name(&self, user: Option<UserId>) {
        self.loader.names.invalidate(user);
        for room in self.rooms.all() {
            room.clear();
            room.presence.name_changed(user);
        }
        self.list.check();
        if let Some(user) = user {
            let unread = Arc::clone(&self.unread);
            tokio::spawn(async move { unread.name_changed(user).await });
        }
    }

    /// Ends sessions and closes their sockets on all instances, even after an error.
    pub(crate) async fn end_sessions(&self, db: &Database, sessions: &[Session]) -> Result<()> {
        let ended = Session::end_all(db, sessions).await;
        for session in sessions {
            self.sessions.end(&session.id);
            cluster::publish(&self.db, &ClusterEvent::SessionEnded { session: session.id.clone() });
        }
        ended
    }

    /// Closes the sockets of a user's revoked sessions on all instances. The revocation itself is already stored.
    pub(crate) async fn sessions_revoked(&self, user: UserId) {
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

    async fn close_expired_sessions(&self) {
        for some in self.sessions.open().chunks(500) {
            match Session::find_ended(&self.db, some).await {
                Ok(ended) => ended.iter().for_each(|session| self.sessions.end(session)),
                Err(error) => log::debug!("sessions not checked: error={error}"),
            }
        }
    }

    /// Spawns a socket's task. Shutdown waits for it.
    pub(crate) fn spawn(&self, socket: impl Future<Output = ()> + Send + 'static) {
        self.sockets.spawn(socket);
    }

    /// Returns once the site is stopping.
    pub(crate) async fn shutdown(&self) {
        self.shutdown.cancelled().await;
    }

    /// Closes all sockets, and stores what users have read by saying something.
    pub(crate) async fn stop(&self) {
        self.shutdown.cancel();
        self.sockets.close();
        let closed = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.sockets.wait());
        let (closed, ()) = tokio::join!(closed, self.unread.flush_said());
        if closed.is_err() {
            log::warn!("sockets not closed in time: count={}", self.sockets.len());
        }
    }
}
