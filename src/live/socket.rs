//! A WebSocket: a feed's fragments out, `typing` in.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rocket::data::IoStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::feed::{AGAIN, Feed};
use super::hub::Hub;
use super::presence::Told;
use super::ring::After;
use super::wire::{End, Heard, Wire};
use crate::error::Result;
use crate::limit::Place;
use crate::metrics::METRICS;
use crate::models::{Session, User};
use crate::views::chat::Fragment;
use crate::views::{Locale, room};

/// Between pings, and how long one may go unanswered.
const PING: Duration = Duration::from_secs(25);
const PONG: Duration = Duration::from_secs(20);
/// The frame that goes with each ping. Scripts cannot see pings, and need a sign that the connection works.
const BEAT: &str = r#"<i id="beat"></i>"#;

/// Who opens a socket.
pub struct Visitor {
    /// The person.
    pub user: User,
    /// Under which session.
    pub session: Session,
    /// From where.
    pub address: IpAddr,
    /// In which language.
    pub locale: Locale,
    /// The place among the sockets that may be open.
    pub place: Place,
}

/// Serves an upgraded connection until it ends. `feed` is an error when there is nothing to follow.
pub async fn serve(io: IoStream, hub: Arc<Hub>, visitor: Visitor, feed: Result<Feed>) {
    let (wire, wake) = (Wire::over(io).await, Instant::now() + PING);
    let mut socket = Socket { wire, hub, visitor, wake, is_asked: false, sent: 0 };
    let (end, room) = match feed {
        Ok(feed) => {
            let room = feed.room().id.to_string();
            log::info!("socket open: room {room}, user {}, from {}", socket.visitor.user.id, socket.visitor.address);
            let _open = Open::count();
            (socket.live(feed).await, room)
        }
        Err(_) => (End::Beyond, "-".into()),
    };
    let Socket { wire, visitor, sent, .. } = socket;
    METRICS.sockets_closed.with_label_values(&[end.as_str()]).inc();
    if end == End::Stalled {
        METRICS.readers_dropped.inc();
    }
    wire.close(end).await;
    let (user, address) = (visitor.user.id, visitor.address);
    log::info!("socket closed: room {room}, user {user}, from {address}, {}, {sent} messages sent", end.as_str());
}

/// Counts an open socket for as long as it is there.
struct Open;

impl Open {
    fn count() -> Self {
        METRICS.sockets.inc();
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        METRICS.sockets.dec();
    }
}

struct Socket {
    wire: Wire<IoStream>,
    hub: Arc<Hub>,
    visitor: Visitor,
    /// When it is asked whether anybody is there, or if it has been: when that must be answered.
    wake: Instant,
    is_asked: bool,
    sent: u64,
}

/// All that a socket is told of.
struct Sources {
    feed: Feed,
    here: Told,
    typing: Told,
    /// Whether the database answers.
    is_there: watch::Receiver<bool>,
}

/// What is left after something was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
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
enum Step {
    Heard(Heard),
    Told(Left),
}

impl Socket {
    /// Follows the feed until something ends it.
    async fn live(&mut self, feed: Feed) -> End {
        let hub = Arc::clone(&self.hub);
        let held = hub.sessions.hold(self.visitor.session.id.clone());
        // The session may have ended between the look at its cookie and the line above.
        if let Ok(false) = self.visitor.session.is_open(&hub.db).await {
            return End::SignedOut;
        }
        tokio::select! {
            end = self.talk(feed) => end,
            () = held.ended() => End::SignedOut,
            () = hub.stopping() => End::Restarting,
        }
    }

    async fn talk(&mut self, feed: Feed) -> End {
        let live = Arc::clone(feed.room());
        let (seat, mut stirs) = (live.presence.join(&self.visitor.user), live.stirs());
        let mut sources = Sources {
            here: live.presence.here(),
            typing: live.presence.typing(),
            is_there: self.hub.is_there.subscribe(),
            feed,
        };
        // What is there is told to who comes; that nobody is would be news that is wrong in a moment.
        if sources.here.borrow().count > 0 {
            sources.here.mark_changed();
        }
        if !*sources.is_there.borrow() {
            sources.is_there.mark_changed();
        }
        let (mut left, mut alarm) = (Left::More, pin!(sleep_until(self.wake)));
        loop {
            if left == Left::More {
                stirs.mark_changed();
            }
            let later = if let Left::Later(at) = left { Some(at) } else { None };
            let step = tokio::select! {
                heard = self.wire.hear() => heard.map(Step::Heard),
                // The sender is in the room that we hold.
                _ = stirs.changed() => self.tell_next(&mut sources).await.map(Step::Told),
                read = sources.feed.now(), if left == Left::Unread => {
                    self.tell_read(read, &sources.feed).await.map(Step::Told)
                }
                () = sleep_until(later.unwrap_or(self.wake)), if later.is_some() => Ok(Step::Told(Left::More)),
                () = &mut alarm => {
                    let heard = self.look().await;
                    alarm.as_mut().reset(self.wake);
                    heard.map(Step::Heard)
                }
            };
            match step {
                // The log could not be asked a moment ago.
                Ok(Step::Told(Left::Unread)) if later.is_some() => {}
                Ok(Step::Told(next)) => left = next,
                Ok(Step::Heard(Heard::Typing)) => seat.types(),
                Ok(Step::Heard(Heard::Pong)) if self.is_asked => {
                    (self.wake, self.is_asked) = (Instant::now() + PING, false);
                }
                Ok(Step::Heard(Heard::Pong | Heard::Nothing)) => {}
                Err(end) => return end,
            }
        }
    }

    /// Sees to it, when it is time, that somebody is there.
    async fn look(&mut self) -> Result<Heard, End> {
        if Instant::now() < self.wake {
            return Ok(Heard::Nothing);
        }
        if self.is_asked {
            // The answer may have come while something was sent.
            return self.wire.hear().now_or_never().unwrap_or(Err(End::Stalled));
        }
        self.wire.tell(BEAT).await?;
        (self.wake, self.is_asked) = (Instant::now() + PONG, true);
        self.wire.ping().await.map(|()| Heard::Nothing)
    }

    /// Tells what is new and at hand, of the chats one fragment.
    async fn tell_next(&mut self, sources: &mut Sources) -> Result<Left, End> {
        let (hub, locale) = (Arc::clone(&self.hub), self.visitor.locale);
        let left = match sources.feed.at_hand() {
            After::Nothing => Left::Nothing,
            After::News(fragment) => self.tell_read(Ok(Some(fragment)), &sources.feed).await?,
            After::Behind => Left::Unread,
        };
        if has_changed(&sources.is_there) {
            let is_there = *sources.is_there.borrow_and_update();
            self.tell(room::connection(is_there, &hub.views, locale)).await?;
        }
        if has_changed(&sources.here) {
            let people = sources.here.borrow_and_update().clone();
            self.tell(room::presence(&people, &hub.views, locale)).await?;
        }
        if has_changed(&sources.typing) {
            let people = sources.typing.borrow_and_update().clone();
            self.tell(room::typing(&people, &hub.views, locale)).await?;
        }
        Ok(left)
    }

    /// Tells what a feed has brought.
    async fn tell_read(&mut self, read: Result<Option<Arc<Fragment>>>, feed: &Feed) -> Result<Left, End> {
        match read {
            Ok(Some(fragment)) => {
                let (element, closed) = (fragment.element(&self.hub.views, self.visitor.locale), fragment.closed);
                // A slow socket holds what it sends, not what that was rendered of.
                drop(fragment);
                self.tell(element).await?;
                if closed {
                    return Err(End::RoomGone);
                }
            }
            // The database may be behind what was heard of, where another site wrote.
            Ok(None) => return Ok(Left::Nothing),
            Err(error) => {
                log::debug!("a feed waits for the database: {error}");
                return Ok(Left::Later(Instant::now() + AGAIN));
            }
        }
        Ok(if feed.is_behind() { Left::More } else { Left::Nothing })
    }

    async fn tell(&mut self, element: Result<Arc<str>>) -> Result<(), End> {
        match element {
            Ok(element) => {
                let begun = Instant::now();
                self.wire.tell(&element).await?;
                // A ping waits behind what is sent.
                self.wake += begun.elapsed();
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
