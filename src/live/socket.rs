//! A WebSocket: a feed's fragments out, `typing` in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::data::IoStream;
use rocket::futures::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::feed::Feed;
use super::hub::Hub;
use super::presence::Seat;
use crate::error::{Error, Result};
use crate::models::{Session, User};
use crate::views::{Locale, room};

/// Between pings, and how long one may go unanswered.
const PING: Duration = Duration::from_secs(25);
const PONG: Duration = Duration::from_secs(20);
/// How long a socket may take nothing.
const STALL: Duration = Duration::from_secs(30);
/// How long a close may take to be answered.
const CLOSE: Duration = Duration::from_secs(1);
/// The pause before the log is asked again when the database is away.
const AGAIN: Duration = Duration::from_millis(500);
/// The most that a page may send at once.
const MESSAGE: usize = 4 * 1024;

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

/// Why a socket ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The other side closed it.
    Left,
    /// The connection broke.
    Lost,
    /// It took nothing, or did not answer a ping.
    Stalled,
    SignedOut,
    RoomGone,
    Beyond,
    Restarting,
    TooBig,
    NotText,
    Protocol,
}

impl End {
    /// The code to close with, where there is anybody to tell.
    fn code(self) -> Option<u16> {
        match self {
            Self::Left | Self::Lost | Self::Stalled => None,
            Self::Protocol => Some(1002),
            Self::NotText => Some(1007),
            Self::TooBig => Some(1009),
            Self::Restarting => Some(1012),
            Self::SignedOut => Some(4401),
            Self::RoomGone => Some(4404),
            Self::Beyond => Some(4409),
        }
    }
}

/// Serves an upgraded connection until it ends. `feed` is an error when there is nothing to follow.
pub async fn serve(io: IoStream, hub: Arc<Hub>, visitor: Visitor, feed: Result<Feed>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(Some(64 * 1024))
        .max_frame_size(Some(64 * 1024));
    let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut socket = Socket { stream, hub, visitor, sent: 0 };
    let (end, room) = match feed {
        Ok(feed) => {
            let room = feed.room().id.to_string();
            log::info!("socket open: room {room}, user {}, from {}", socket.visitor.user.id, socket.visitor.address);
            (socket.live(feed).await, room)
        }
        Err(_) => (End::Beyond, "-".into()),
    };
    socket.close(end).await;
    log::info!(
        "socket closed: room {room}, user {}, from {}, {end:?}, {} messages sent",
        socket.visitor.user.id,
        socket.visitor.address,
        socket.sent
    );
}

struct Socket {
    stream: WebSocketStream<IoStream>,
    hub: Arc<Hub>,
    visitor: Visitor,
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

    async fn talk(&mut self, mut feed: Feed) -> End {
        let live = Arc::clone(feed.room());
        let seat = live.presence.join(&self.visitor.user);
        let (mut here, mut typing) = (live.presence.here(), live.presence.typing());
        // What is there is told to who comes; that nobody is would be news that is wrong in a moment.
        if here.borrow().view.count > 0 {
            here.mark_changed();
        }
        let (mut wake, mut is_pinged) = (Instant::now() + PING, false);
        loop {
            let told = tokio::select! {
                message = self.stream.next() => match self.hear(message, &seat) {
                    Ok(was_pong) => {
                        if was_pong && is_pinged {
                            (wake, is_pinged) = (Instant::now() + PING, false);
                        }
                        Ok(())
                    }
                    Err(end) => Err(end),
                },
                fragment = feed.next() => match fragment {
                    Ok(fragment) => {
                        let element = fragment.element(&self.hub.views, self.visitor.locale);
                        let told = self.tell(element).await;
                        if fragment.view.closed { told.and(Err(End::RoomGone)) } else { told }
                    }
                    Err(error) => bear(error).await,
                },
                _ = here.changed() => {
                    let people = here.borrow_and_update().clone();
                    self.tell(room::presence(&people, &self.hub.views, self.visitor.locale)).await
                }
                _ = typing.changed() => {
                    let people = typing.borrow_and_update().clone();
                    self.tell(room::typing(&people, &self.hub.views, self.visitor.locale)).await
                }
                () = sleep_until(wake) => {
                    if is_pinged {
                        return End::Stalled;
                    }
                    (wake, is_pinged) = (Instant::now() + PONG, true);
                    self.send(Message::Ping(Bytes::new())).await
                }
            };
            if let Err(end) = told {
                return end;
            }
        }
    }

    /// Takes what the page sent. Answers whether it was a pong.
    fn hear(&self, message: Option<Result<Message, WsError>>, seat: &Seat) -> Result<bool, End> {
        match message {
            None | Some(Ok(Message::Close(_)) | Err(WsError::ConnectionClosed)) => Err(End::Left),
            Some(Ok(message)) if message.len() > MESSAGE => Err(End::TooBig),
            Some(Ok(Message::Text(text))) => {
                if text == "typing" {
                    seat.types();
                }
                Ok(false)
            }
            Some(Ok(message)) => Ok(message.is_pong()),
            Some(Err(WsError::Capacity(CapacityError::MessageTooLong { .. }))) => Err(End::TooBig),
            Some(Err(WsError::Utf8(_))) => Err(End::NotText),
            Some(Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(End::Lost),
            Some(Err(WsError::Protocol(_))) => Err(End::Protocol),
            Some(Err(_)) => Err(End::Lost),
        }
    }

    async fn tell(&mut self, element: Result<Utf8Bytes>) -> Result<(), End> {
        match element {
            Ok(element) => self.send(Message::Text(element)).await,
            Err(error) => {
                log::error!("{error}");
                Ok(())
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(STALL, self.stream.send(message)).await {
            Ok(Ok(())) => {
                self.sent += 1;
                Ok(())
            }
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Stalled),
        }
    }

    /// Says why it ends, and waits a little for the answer.
    async fn close(&mut self, end: End) {
        let frame = end.code().map(|code| CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::default() });
        let goodbye = async {
            if self.stream.close(frame).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        let _ = timeout(CLOSE, goodbye).await;
    }
}

/// The database is away: the socket stays, and the log is asked again.
async fn bear(error: Error) -> Result<(), End> {
    log::debug!("a feed waits for the database: {error}");
    sleep(AGAIN).await;
    Ok(())
}
