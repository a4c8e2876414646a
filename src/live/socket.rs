//! A WebSocket: a feed's fragments out, `typing` in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use rocket::data::IoStream;
use tokio::time::{Instant, sleep_until};

use super::feed::Feed;
use super::hub::Hub;
use super::wire::{End, Heard, Wire};
use crate::error::Result;
use crate::metrics::METRICS;
use crate::models::{Session, User};
use crate::views::{Locale, room};

/// Between pings, and how long one may go unanswered.
const PING: Duration = Duration::from_secs(25);
const PONG: Duration = Duration::from_secs(20);

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
}

/// Serves an upgraded connection until it ends. `feed` is an error when there is nothing to follow.
pub async fn serve(io: IoStream, hub: Arc<Hub>, visitor: Visitor, feed: Result<Feed>) {
    let (wire, wake) = (Wire::over(io).await, Instant::now() + PING);
    let mut socket = Socket { wire, hub, visitor, wake, is_asked: false, sent: 0 };
    let (end, room) = match feed {
        Ok(feed) => {
            let room = feed.room().id.to_string();
            log::info!("socket open: room {room}, user {}, from {}", socket.visitor.user.id, socket.visitor.address);
            METRICS.sockets.inc();
            let end = socket.live(feed).await;
            METRICS.sockets.dec();
            (end, room)
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

struct Socket {
    wire: Wire<IoStream>,
    hub: Arc<Hub>,
    visitor: Visitor,
    /// When it is asked whether anybody is there, or if it has been: when that must be answered.
    wake: Instant,
    is_asked: bool,
    sent: u64,
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
        let seat = live.presence.join(&self.visitor.user);
        let (mut here, mut typing) = (live.presence.here(), live.presence.typing());
        // What is there is told to who comes; that nobody is would be news that is wrong in a moment.
        if here.borrow().view.count > 0 {
            here.mark_changed();
        }
        let mut there = self.hub.is_there.subscribe();
        if !*there.borrow() {
            there.mark_changed();
        }
        let mut news = feed.news();
        loop {
            let heard = tokio::select! {
                heard = self.wire.hear() => heard,
                Some(fragment) = news.next() => {
                    let told = self.tell(fragment.element(&self.hub.views, self.visitor.locale)).await;
                    if fragment.view.closed { told.and(Err(End::RoomGone)) } else { told }
                }
                _ = here.changed() => {
                    let people = here.borrow_and_update().clone();
                    self.tell(room::presence(&people, &self.hub.views, self.visitor.locale)).await
                }
                _ = typing.changed() => {
                    let people = typing.borrow_and_update().clone();
                    self.tell(room::typing(&people, &self.hub.views, self.visitor.locale)).await
                }
                _ = there.changed() => {
                    let is_there = *there.borrow_and_update();
                    self.tell(room::connection(is_there, &self.hub.views, self.visitor.locale)).await
                }
                // The answer may have come while something was sent.
                () = sleep_until(self.wake), if self.is_asked => self.wire.hear().now_or_never().unwrap_or(Err(End::Stalled)),
                () = sleep_until(self.wake), if !self.is_asked => {
                    (self.wake, self.is_asked) = (Instant::now() + PONG, true);
                    self.wire.ping().await.map(|()| Heard::Nothing)
                }
            };
            match heard {
                Ok(Heard::Typing) => seat.types(),
                Ok(Heard::Pong) if self.is_asked => (self.wake, self.is_asked) = (Instant::now() + PING, false),
                Ok(Heard::Pong | Heard::Nothing) => {}
                Err(end) => return end,
            }
        }
    }

    async fn tell(&mut self, element: Result<Arc<str>>) -> Result<Heard, End> {
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
        Ok(Heard::Nothing)
    }
}
