//! A WebSocket: a feed's fragments out, `typing` in.

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
use super::recent_chats::Catchup;
use super::websocket::{ClientMessage, CloseReason, WebSocket};
use crate::error::Result;
use crate::limits::SocketPermit;
use crate::models::{Session, User};
use crate::views::chat::Fragment;
use crate::views::{Locale, room};

/// Between pings, and how long one may go unanswered.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// The frame that goes with each ping. Scripts cannot see pings, and need a sign that the connection works.
const HEARTBEAT_FRAME: &str = r#"<i id="beat"></i>"#;

/// Who opens a socket.
pub(crate) struct SocketClient {
    /// The person.
    pub(crate) user: User,
    /// Under which session.
    pub(crate) session: Session,
    /// From where.
    pub(crate) address: IpAddr,
    /// In which language.
    pub locale: Locale,
    /// The place among the sockets that may be open.
    pub(crate) place: SocketPermit,
}

/// Serves an upgraded connection until it ends. `feed` is an error when there is nothing to follow.
pub(crate) async fn serve(io: IoStream, hub: Arc<Hub>, visitor: SocketClient, feed: Result<Feed>) {
    let (wire, wake) = (WebSocket::new(io).await, Instant::now() + PING_INTERVAL);
    let mut socket = Socket { websocket: wire, hub, client: visitor, heartbeat_at: wake, ping_pending: false, sent: 0 };
    let (end, room) = match feed {
        Ok(feed) => {
            let room = feed.room().id.to_string();
            log::info!("socket open: room {room}, user {}, from {}", socket.client.user.id, socket.client.address);
            let _open = OpenSocketCount::new(&socket.hub.db.metrics().sockets);
            (socket.run_until_end(feed).await, room)
        }
        Err(_) => (CloseReason::CursorAhead, "-".into()),
    };
    let Socket { websocket: wire, client: visitor, sent, hub, .. } = socket;
    let metrics = hub.db.metrics();
    metrics.sockets_closed.with_label_values(&[end.as_str()]).inc();
    if end == CloseReason::Stalled {
        metrics.slow_clients_dropped.inc();
    }
    wire.close(end).await;
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
    /// When it is asked whether anybody is there, or if it has been: when that must be answered.
    heartbeat_at: Instant,
    ping_pending: bool,
    sent: u64,
}

/// All that a socket is told of.
struct Receivers {
    feed: Feed,
    online: PeopleReceiver,
    typing: PeopleReceiver,
    /// Whether the database answers.
    database_up: watch::Receiver<bool>,
}

/// What is left after something was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// Nothing, as far as this site knows.
    Nothing,
    /// More, or nobody has looked yet.
    More,
    /// What the log has to be asked for.
    Unread,
    /// The same, from then on: it could not be asked.
    Later(Instant),
}

/// What a socket has just done.
enum SocketEvent {
    Heard(ClientMessage),
    Told(Pending),
}

impl Socket {
    /// Follows the feed until something ends it.
    async fn run_until_end(&mut self, feed: Feed) -> CloseReason {
        let hub = Arc::clone(&self.hub);
        let held = hub.sessions.register(self.client.session.id.clone());
        // The session may have ended between the look at its cookie and the line above.
        if let Ok(false) = self.client.session.is_open(&hub.db).await {
            return CloseReason::SignedOut;
        }
        tokio::select! {
            end = self.run(feed) => end,
            () = held.ended() => CloseReason::SignedOut,
            () = hub.shutdown() => CloseReason::Restarting,
        }
    }

    async fn run(&mut self, feed: Feed) -> CloseReason {
        let live = Arc::clone(feed.room());
        let (seat, mut stirs) = (live.presence.join(&self.client.user), live.changes());
        let mut sources = Receivers {
            online: live.presence.online(),
            typing: live.presence.typing(),
            database_up: self.hub.database_up.subscribe(),
            feed,
        };
        // What is there is told to who comes; that nobody is would be news that is wrong in a moment.
        if sources.online.borrow().view.count > 0 {
            sources.online.mark_changed();
        }
        if !*sources.database_up.borrow() {
            sources.database_up.mark_changed();
        }
        let (mut left, mut alarm) = (Pending::More, pin!(sleep_until(self.heartbeat_at)));
        loop {
            if left == Pending::More {
                stirs.mark_changed();
            }
            let later = if let Pending::Later(at) = left { Some(at) } else { None };
            let step = tokio::select! {
                heard = self.websocket.receive() => heard.map(SocketEvent::Heard),
                // The sender is in the room that we hold.
                _ = stirs.changed() => self.send_pending(&mut sources).await.map(SocketEvent::Told),
                read = sources.feed.poll(), if left == Pending::Unread => {
                    self.send_fragment(read, &sources.feed).await.map(SocketEvent::Told)
                }
                () = sleep_until(later.unwrap_or(self.heartbeat_at)), if later.is_some() => Ok(SocketEvent::Told(Pending::More)),
                () = &mut alarm => {
                    let heard = self.heartbeat().await;
                    alarm.as_mut().reset(self.heartbeat_at);
                    heard.map(SocketEvent::Heard)
                }
            };
            match step {
                // The log could not be asked a moment ago.
                Ok(SocketEvent::Told(Pending::Unread)) if later.is_some() => {}
                Ok(SocketEvent::Told(next)) => left = next,
                Ok(SocketEvent::Heard(ClientMessage::Typing)) => seat.set_typing(),
                Ok(SocketEvent::Heard(ClientMessage::Pong)) if self.ping_pending => {
                    (self.heartbeat_at, self.ping_pending) = (Instant::now() + PING_INTERVAL, false);
                }
                Ok(SocketEvent::Heard(ClientMessage::Pong | ClientMessage::Other)) => {}
                Err(end) => return end,
            }
        }
    }

    /// Sees to it, when it is time, that somebody is there.
    async fn heartbeat(&mut self) -> Result<ClientMessage, CloseReason> {
        if Instant::now() < self.heartbeat_at {
            return Ok(ClientMessage::Other);
        }
        if self.ping_pending {
            // The answer may have come while something was sent.
            return self.websocket.receive().now_or_never().unwrap_or(Err(CloseReason::Stalled));
        }
        self.websocket.send_text(HEARTBEAT_FRAME).await?;
        (self.heartbeat_at, self.ping_pending) = (Instant::now() + PONG_TIMEOUT, true);
        self.websocket.ping().await.map(|()| ClientMessage::Other)
    }

    /// Tells what is new and at hand, of the chats one fragment.
    async fn send_pending(&mut self, sources: &mut Receivers) -> Result<Pending, CloseReason> {
        let (hub, locale) = (Arc::clone(&self.hub), self.client.locale);
        let left = match sources.feed.poll_memory() {
            Catchup::None => Pending::Nothing,
            Catchup::Fragment(fragment) => self.send_fragment(Ok(Some(fragment)), &sources.feed).await?,
            Catchup::TooOld => Pending::Unread,
        };
        if has_changed(&sources.database_up) {
            let is_there = *sources.database_up.borrow_and_update();
            self.send(room::connection(is_there, &hub.views, locale)).await?;
        }
        if has_changed(&sources.online) {
            let people = sources.online.borrow_and_update().clone();
            self.send(room::presence(&people, &hub.views, locale)).await?;
        }
        if has_changed(&sources.typing) {
            let people = sources.typing.borrow_and_update().clone();
            self.send(room::typing(&people, &hub.views, locale)).await?;
        }
        Ok(left)
    }

    /// Tells what a feed has brought.
    async fn send_fragment(
        &mut self,
        read: Result<Option<Arc<Fragment>>>,
        feed: &Feed,
    ) -> Result<Pending, CloseReason> {
        match read {
            Ok(Some(fragment)) => {
                let (element, closed) = (fragment.element(&self.hub.views, self.client.locale), fragment.view.closed);
                // A slow socket holds what it sends, not what that was rendered of.
                drop(fragment);
                self.send(element).await?;
                if closed {
                    return Err(CloseReason::RoomGone);
                }
            }
            // The database may be behind what was heard of, where another site wrote.
            Ok(None) => return Ok(Pending::Nothing),
            Err(error) => {
                log::debug!("a feed waits for the database: {error}");
                return Ok(Pending::Later(Instant::now() + RETRY_DELAY));
            }
        }
        Ok(if feed.has_more() { Pending::More } else { Pending::Nothing })
    }

    async fn send(&mut self, element: Result<Arc<str>>) -> Result<(), CloseReason> {
        match element {
            Ok(element) => {
                let begun = Instant::now();
                self.websocket.send_text(&element).await?;
                // A ping waits behind what is sent.
                self.heartbeat_at += begun.elapsed();
                self.sent += 1;
            }
            Err(error) => log::error!("{error}"),
        }
        Ok(())
    }
}

/// Whether there is something that was not looked at. Who sends it is in the room, or the hub, that a socket holds.
fn has_changed<T>(told: &watch::Receiver<T>) -> bool {
    told.has_changed().unwrap_or(false)
}
