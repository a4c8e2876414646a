//! One open WebSocket: sends changes of the room list, in a room also fragments of its feed and small elements.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use prometheus::IntGauge;
use rocket::data::IoStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::feed::{Feed, RETRY_DELAY};
use super::hub::Hub;
use super::presence::PeopleReceiver;
use super::recent_chats::NextFragment;
use super::unread::{LiveUser, UserChange};
use super::websocket::{ClientMessage, CloseReason, WebSocket};
use crate::error::{Error, Result};
use crate::limits::SocketPermit;
use crate::models::{Session, User};
use crate::views::chat::Fragment;
use crate::views::{Locale, room};

const PING_INTERVAL: Duration = Duration::from_secs(25);
const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// Sent with each ping: scripts cannot see pings and need a sign of life.
const HEARTBEAT_FRAME: &str = r#"<i id="beat"></i>"#;

pub(crate) struct SocketClient {
    pub(crate) user: User,
    pub(crate) session: Session,
    pub(crate) address: IpAddr,
    pub locale: Locale,
    /// The last change of the room list that the page has.
    pub(crate) list_position: u64,
    /// Counts the socket until it is dropped.
    pub(crate) _permit: SocketPermit,
}

/// What a socket follows beside the room list.
pub(crate) enum Subscription {
    Room(Feed),
    /// The page is outside rooms.
    ListOnly,
    /// The page's cursor is beyond the log. The socket is closed at once.
    CursorAhead,
}

/// Serves an upgraded connection until it ends.
pub(crate) async fn serve(io: IoStream, hub: Arc<Hub>, visitor: SocketClient, subscription: Subscription) {
    let (websocket, wake) = (WebSocket::new(io).await, Instant::now() + PING_INTERVAL);
    let mut socket = Socket {
        websocket,
        hub,
        client: visitor,
        user_rooms: None,
        user_position: 0,
        heartbeat_at: wake,
        ping_pending: false,
        sent: 0,
    };
    let room = match &subscription {
        Subscription::Room(feed) => feed.room().id.to_string(),
        Subscription::ListOnly | Subscription::CursorAhead => "-".into(),
    };
    let end = match subscription {
        Subscription::CursorAhead => CloseReason::CursorAhead,
        subscription => {
            log::info!("socket open: room {room}, user {}, from {}", socket.client.user.id, socket.client.address);
            let _open = OpenSocketCount::new(&socket.hub.db.metrics().sockets);
            socket.run_until_end(subscription).await
        }
    };
    let Socket { websocket, client: visitor, sent, hub, .. } = socket;
    let metrics = hub.db.metrics();
    metrics.sockets_closed.with_label_values(&[end.as_str()]).inc();
    if end == CloseReason::Stalled {
        metrics.slow_clients_dropped.inc();
    }
    websocket.close(end).await;
    let (user, address) = (visitor.user.id, visitor.address);
    log::info!("socket closed: room {room}, user {user}, from {address}, {}, {sent} messages sent", end.as_str());
}

/// Counts a socket as open until it is dropped.
struct OpenSocketCount(IntGauge);

impl OpenSocketCount {
    fn new(open: &IntGauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for OpenSocketCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Socket {
    websocket: WebSocket<IoStream>,
    hub: Arc<Hub>,
    client: SocketClient,
    /// `None` if the database did not tell. Then the socket sends no counts.
    user_rooms: Option<Arc<LiveUser>>,
    /// The last change of the user's rooms that was sent.
    user_position: u64,
    /// When the next ping is due, or while one is pending, its answer.
    heartbeat_at: Instant,
    ping_pending: bool,
    sent: u64,
}

struct Receivers {
    feed: Feed,
    online: PeopleReceiver,
    typing: PeopleReceiver,
    title: watch::Receiver<Option<Arc<str>>>,
    database_up: watch::Receiver<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FeedState {
    UpToDate,
    InMemory,
    /// The feed has to read the log.
    NeedsRead,
    /// The log read failed; retry at this time.
    RetryAt(Instant),
}

enum SocketEvent {
    Received(ClientMessage),
    Sent(FeedState),
}

impl Socket {
    async fn run_until_end(&mut self, subscription: Subscription) -> CloseReason {
        let hub = Arc::clone(&self.hub);
        let session_guard = hub.sessions.register(self.client.session.id.clone());
        // The session may have ended before it was registered.
        if let Ok(false) = self.client.session.is_open(&hub.db).await {
            return CloseReason::SignedOut;
        }
        match Box::pin(hub.unread.connect(self.client.user.id)).await {
            Ok(user) => {
                self.user_position = user.last_change();
                self.user_rooms = Some(user);
            }
            Err(error) => log::debug!("memberships not read: user={} error={error}", self.client.user.id),
        }
        let run = async {
            if let Err(end) = self.send_unread_rooms().await {
                return end;
            }
            match subscription {
                Subscription::Room(feed) => self.follow_room(feed).await,
                Subscription::ListOnly | Subscription::CursorAhead => self.follow_list().await,
            }
        };
        tokio::select! {
            end = run => end,
            () = session_guard.ended() => CloseReason::SignedOut,
            () = hub.shutdown() => CloseReason::Restarting,
        }
    }

    async fn follow_list(&mut self) -> CloseReason {
        let (mut changes, mut ping_timer) = (self.hub.list.changes(), pin!(sleep_until(self.heartbeat_at)));
        changes.mark_changed();
        let mut user_changes = self.user_changes();
        loop {
            let step = tokio::select! {
                heard = self.websocket.receive() => heard,
                _ = user_changes.changed() => self.send_user_changes().await.map(|()| ClientMessage::Other),
                // The sender lives in the hub.
                _ = changes.changed() => self.send_list_changes().await.map(|()| ClientMessage::Other),
                () = &mut ping_timer => {
                    let heard = self.heartbeat().await;
                    ping_timer.as_mut().reset(self.heartbeat_at);
                    heard
                }
            };
            match step {
                Ok(message) => self.record_pong(&message),
                Err(end) => return end,
            }
        }
    }

    async fn follow_room(&mut self, feed: Feed) -> CloseReason {
        let live = Arc::clone(feed.room());
        let (presence_guard, mut changes) = (live.presence.join(&self.client.user), live.changes());
        let mut receivers = Receivers {
            online: live.presence.online(),
            typing: live.presence.typing(),
            title: live.title(),
            database_up: self.hub.database_up.subscribe(),
            feed,
        };
        // Send the current presence, unless the room is empty: the client itself is about to appear.
        if receivers.online.borrow().count > 0 {
            receivers.online.mark_changed();
        }
        // The page may be older than the title.
        if receivers.title.borrow().is_some() {
            receivers.title.mark_changed();
        }
        if !*receivers.database_up.borrow() {
            receivers.database_up.mark_changed();
        }
        let (mut feed_state, mut ping_timer) = (FeedState::InMemory, pin!(sleep_until(self.heartbeat_at)));
        let mut user_changes = self.user_changes();
        loop {
            if feed_state == FeedState::InMemory {
                changes.mark_changed();
            }
            let later = if let FeedState::RetryAt(at) = feed_state { Some(at) } else { None };
            let step = tokio::select! {
                heard = self.websocket.receive() => heard.map(SocketEvent::Received),
                // The sender lives in the room, which this feed holds.
                _ = changes.changed() => self.send_pending(&mut receivers).await.map(SocketEvent::Sent),
                _ = user_changes.changed() => {
                    self.send_user_changes().await.map(|()| SocketEvent::Received(ClientMessage::Other))
                }
                read = receivers.feed.poll(), if feed_state == FeedState::NeedsRead => {
                    self.send_fragment(read, &receivers.feed).await.map(SocketEvent::Sent)
                }
                () = sleep_until(later.unwrap_or(self.heartbeat_at)), if later.is_some() => Ok(SocketEvent::Sent(FeedState::InMemory)),
                () = &mut ping_timer => {
                    let heard = self.heartbeat().await;
                    ping_timer.as_mut().reset(self.heartbeat_at);
                    heard.map(SocketEvent::Received)
                }
            };
            match step {
                // The last log read failed.
                Ok(SocketEvent::Sent(FeedState::NeedsRead)) if later.is_some() => {}
                Ok(SocketEvent::Sent(next)) => feed_state = next,
                Ok(SocketEvent::Received(ClientMessage::Typing)) => presence_guard.set_typing(),
                Ok(SocketEvent::Received(message)) => self.record_pong(&message),
                Err(end) => return end,
            }
        }
    }

    /// Sends a ping when it is due and checks that the last one was answered.
    async fn heartbeat(&mut self) -> Result<ClientMessage, CloseReason> {
        if Instant::now() < self.heartbeat_at {
            return Ok(ClientMessage::Other);
        }
        if self.ping_pending {
            // The answer may have arrived during a send.
            return self.websocket.receive().now_or_never().unwrap_or(Err(CloseReason::Stalled));
        }
        self.websocket.send_text(HEARTBEAT_FRAME).await?;
        (self.heartbeat_at, self.ping_pending) = (Instant::now() + PONG_TIMEOUT, true);
        self.websocket.ping().await.map(|()| ClientMessage::Other)
    }

    fn record_pong(&mut self, message: &ClientMessage) {
        if *message == ClientMessage::Pong && self.ping_pending {
            (self.heartbeat_at, self.ping_pending) = (Instant::now() + PING_INTERVAL, false);
        }
    }

    /// Returns what wakes the socket for the user's rooms. Without them it never does.
    fn user_changes(&self) -> watch::Receiver<()> {
        match &self.user_rooms {
            Some(user) => user.changes(),
            None => self.hub.list.never(),
        }
    }

    /// Sends the counts of rooms that may be newer than the page.
    async fn send_unread_rooms(&mut self) -> Result<(), CloseReason> {
        let Some(user) = self.user_rooms.clone() else { return Ok(()) };
        let unread = user.unread(&self.hub.db);
        self.send_changes_of_rooms(unread).await
    }

    async fn send_user_changes(&mut self) -> Result<(), CloseReason> {
        let Some(user) = self.user_rooms.clone() else { return Ok(()) };
        let changes = user.advance(&mut self.user_position);
        self.send_changes_of_rooms(changes).await
    }

    async fn send_changes_of_rooms(&mut self, changes: Vec<UserChange>) -> Result<(), CloseReason> {
        let hub = Arc::clone(&self.hub);
        // On the heap, because an idle socket would keep the place for it.
        let elements = Box::pin(hub.user_elements(self.client.user.id, changes, self.client.locale)).await;
        for element in elements {
            self.send(element.map(Arc::from)).await?;
        }
        Ok(())
    }

    async fn send_list_changes(&mut self) -> Result<(), CloseReason> {
        let hub = Arc::clone(&self.hub);
        for element in hub.list.advance(&mut self.client.list_position, &hub.views, self.client.locale) {
            self.send(element).await?;
        }
        Ok(())
    }

    /// Sends what is new and in memory: at most one fragment of chats.
    async fn send_pending(&mut self, receivers: &mut Receivers) -> Result<FeedState, CloseReason> {
        let (hub, locale) = (Arc::clone(&self.hub), self.client.locale);
        let feed_state = match receivers.feed.poll_memory() {
            NextFragment::UpToDate => FeedState::UpToDate,
            NextFragment::Ready(fragment) => self.send_fragment(Ok(Some(fragment)), &receivers.feed).await?,
            NextFragment::TooOld => FeedState::NeedsRead,
        };
        if has_changed(&receivers.database_up) {
            let is_there = *receivers.database_up.borrow_and_update();
            self.send(room::connection(is_there, &hub.views, locale)).await?;
        }
        if has_changed(&receivers.online) {
            let people = receivers.online.borrow_and_update().clone();
            self.send(room::presence(&people, &hub.views, locale)).await?;
        }
        if has_changed(&receivers.typing) {
            let people = receivers.typing.borrow_and_update().clone();
            self.send(room::typing(&people, &hub.views, locale)).await?;
        }
        if has_changed(&receivers.title) {
            let title = receivers.title.borrow_and_update().clone();
            if let Some(title) = title {
                self.send(Ok(title)).await?;
            }
        }
        self.send_list_changes().await?;
        Ok(feed_state)
    }

    async fn send_fragment(
        &mut self,
        read: Result<Option<Arc<Fragment>>>,
        feed: &Feed,
    ) -> Result<FeedState, CloseReason> {
        match read {
            Ok(Some(fragment)) => {
                let (element, closed) = (fragment.element(&self.hub.views, self.client.locale), fragment.closed);
                // A slow socket must not hold the fragment in memory.
                drop(fragment);
                self.send(element).await?;
                if closed {
                    return Err(CloseReason::RoomGone);
                }
            }
            // The database may lag behind a hint of another instance.
            Ok(None) => return Ok(FeedState::UpToDate),
            Err(Error::NotFound) => return Err(CloseReason::RoomGone),
            Err(error) => {
                log::debug!("a feed waits for the database: {error}");
                return Ok(FeedState::RetryAt(Instant::now() + RETRY_DELAY));
            }
        }
        Ok(if feed.has_more() { FeedState::InMemory } else { FeedState::UpToDate })
    }

    async fn send(&mut self, element: Result<Arc<str>>) -> Result<(), CloseReason> {
        match element {
            Ok(element) => {
                let begun = Instant::now();
                self.websocket.send_text(&element).await?;
                // A ping queues behind the frame being sent.
                self.heartbeat_at += begun.elapsed();
                self.sent += 1;
            }
            Err(error) => log::error!("{error}"),
        }
        Ok(())
    }
}

/// The sender lives in the room or the hub, which a socket holds.
fn has_changed<T>(told: &watch::Receiver<T>) -> bool {
    told.has_changed().unwrap_or(false)
}
