//! The frames of a WebSocket, without a buffer for texts: all readers of a room share the bytes of a text.
//!
//! tungstenite reads all frames and writes the small ones. It would copy each text into a buffer that stays with the
//! socket at the size of the largest text. Measured with idle sockets, after a burst of 200 chats of 1 KB, and at the peak:
//!
//! | `rocket_ws` with | idle | after the burst | peak, 10,000 sockets |
//! |---|---|---|---|
//! | `channel()` in a spawned task | 15.1 KiB | 50.5 KiB | 516 MiB |
//! | its guard, `accept_key()` and this file | 5.1 KiB | 5.3 KiB | 75 MiB |
//!
//! Not `fastwebsockets`: its `read_frame` is not cancel-safe (denoland/fastwebsockets #64, #113), and sockets read inside
//! `select!`.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use tokio_util::bytes::Buf;

const STALL_TIMEOUT: Duration = Duration::from_secs(30);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_PONG_BYTES: usize = 4 * 1024;
/// Larger than a message may be, so that an oversized one still gets its close code.
const MAX_FRAME: usize = 64 * 1024;

/// Maximum bytes read for one message, in all of its frames.
const READ_BUFFER: usize = 2 * MAX_FRAME;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    Left,
    Lost,
    /// It read nothing, or left a ping unanswered.
    Stalled,
    SignedOut,
    RoomGone,
    CursorAhead,
    Restarting,
    TooBig,
    NotText,
    Protocol,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientMessage {
    Typing,
    Pong,
    Other,
}

pub(super) struct WebSocket<S> {
    stream: WebSocketStream<ReadLimited<S>>,
    /// Whether the sent bytes end with a complete frame.
    frame_complete: bool,
    pong_pending: bool,
}

impl CloseReason {
    /// Returns the label for log lines and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Stalled => "stalled",
            Self::SignedOut => "signed-out",
            Self::RoomGone => "room-gone",
            Self::CursorAhead => "beyond",
            Self::Restarting => "restarting",
            Self::TooBig => "too-big",
            Self::NotText => "not-text",
            Self::Protocol => "protocol",
        }
    }

    /// `None` if the peer cannot receive one.
    fn code(self) -> Option<u16> {
        match self {
            Self::Left | Self::Lost | Self::Stalled => None,
            Self::Protocol => Some(1002),
            Self::NotText => Some(1007),
            Self::TooBig => Some(1009),
            Self::Restarting => Some(1012),
            Self::SignedOut => Some(4401),
            Self::RoomGone => Some(4404),
            Self::CursorAhead => Some(4409),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(super) async fn new(io: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0)
            // The answer to the last of many pings is enough.
            .max_write_buffer_size(MAX_PONG_BYTES)
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let io = ReadLimited { io, read: 0 };
        Self {
            stream: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            frame_complete: true,
            pong_pending: false,
        }
    }

    /// Receives the next message. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<ClientMessage, CloseReason> {
        let heard = self.stream.next().await;
        let read = std::mem::take(&mut self.stream.get_mut().read);
        self.pong_pending |= matches!(heard, Some(Ok(Message::Ping(_))));
        match heard {
            Some(Err(WsError::Io(_))) if read > READ_BUFFER => Err(CloseReason::TooBig),
            None | Some(Ok(Message::Close(_)) | Err(WsError::ConnectionClosed)) => Err(CloseReason::Left),
            Some(Ok(message)) if message.len() > MAX_MESSAGE => Err(CloseReason::TooBig),
            Some(Ok(Message::Text(text))) if text == "typing" => Ok(ClientMessage::Typing),
            Some(Ok(Message::Pong(_))) => Ok(ClientMessage::Pong),
            Some(Ok(_)) => Ok(ClientMessage::Other),
            Some(Err(WsError::Capacity(CapacityError::MessageTooLong { .. }))) => Err(CloseReason::TooBig),
            Some(Err(WsError::Utf8(_))) => Err(CloseReason::NotText),
            Some(Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(CloseReason::Lost),
            Some(Err(WsError::Protocol(_))) => Err(CloseReason::Protocol),
            Some(Err(_)) => Err(CloseReason::Lost),
        }
    }

    /// Sends a text. A slow client may take any time, but must read something within [`STALL_TIMEOUT`].
    pub(super) async fn send_text(&mut self, text: &str) -> Result<(), CloseReason> {
        // Frames must not interleave.
        if self.pong_pending {
            with_stall_timeout(self.stream.flush()).await?;
            self.pong_pending = false;
        }
        let (head, length) = head(text.len());
        let mut frame = head[..length].chain(text.as_bytes());
        let io = self.stream.get_mut();
        self.frame_complete = false;
        while frame.has_remaining() {
            if with_stall_timeout(io.write_buf(&mut frame)).await? == 0 {
                return Err(CloseReason::Lost);
            }
        }
        with_stall_timeout(io.flush()).await?;
        self.frame_complete = true;
        Ok(())
    }

    pub(super) async fn ping(&mut self) -> Result<(), CloseReason> {
        with_stall_timeout(self.stream.send(Message::Ping(Bytes::new()))).await
    }

    /// Sends a close frame and waits briefly for the answer.
    pub(super) async fn close(mut self, end: CloseReason) {
        if !self.frame_complete {
            return;
        }
        let frame = end.code().map(|code| CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::default() });
        let goodbye = async {
            if self.stream.close(frame).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// A connection that reads at most [`READ_BUFFER`] for one message: a client could split one into endless frames.
struct ReadLimited<S> {
    io: S,
    read: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadLimited<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read > READ_BUFFER {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, into);
        self.read += into.filled().len() - before;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadLimited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Returns the header of a text frame and its length (RFC 6455, 5.2).
fn head(length: usize) -> ([u8; 10], usize) {
    let mut head = [0; 10];
    head[0] = 0x81;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => {
            head[1] = length;
            (head, 2)
        }
        (_, Ok(length)) => {
            head[1] = 126;
            head[2..4].copy_from_slice(&length.to_be_bytes());
            (head, 4)
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (head, 10)
        }
    }
}

async fn with_stall_timeout<T, E>(step: impl Future<Output = Result<T, E>>) -> Result<T, CloseReason> {
    let mut step = pin!(step);
    // Usually the write completes at once and needs no timer.
    if let Some(done) = step.as_mut().now_or_never() {
        return done.map_err(|_| CloseReason::Lost);
    }
    match timeout(STALL_TIMEOUT, step).await {
        Ok(done) => done.map_err(|_| CloseReason::Lost),
        Err(_) => Err(CloseReason::Stalled),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;

    async fn page(io: DuplexStream) -> WebSocketStream<DuplexStream> {
        WebSocketStream::from_raw_socket(io, Role::Client, None).await
    }

    #[tokio::test]
    async fn a_text_of_any_length_arrives_whole_among_other_frames() {
        let (here, there) = duplex(1_000);
        let (mut socket, mut page) = (WebSocket::new(here).await, page(there).await);
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000];
        let tell = async {
            for length in lengths {
                socket.send_text(&"가".repeat(length / 3)).await.unwrap();
                socket.send_text(&"x".repeat(length)).await.unwrap();
                socket.ping().await.unwrap();
            }
        };
        let hear = async {
            for length in lengths {
                assert_eq!(page.next().await.unwrap().unwrap(), Message::text("가".repeat(length / 3)));
                assert_eq!(page.next().await.unwrap().unwrap(), Message::text("x".repeat(length)));
                assert!(page.next().await.unwrap().unwrap().is_ping());
            }
        };
        tokio::join!(tell, hear);
    }

    #[tokio::test]
    async fn a_message_in_endless_frames_ends_the_socket() {
        let (here, mut there) = duplex(1_000);
        let mut socket = WebSocket::new(here).await;
        let send = async {
            there.write_all(&[0x01, 0x81, 0, 0, 0, 0, b'a']).await.unwrap();
            // Frames that go on with it, and have nothing in them.
            while there.write_all(&[0x00, 0x80, 0, 0, 0, 0]).await.is_ok() {}
        };
        let hear = async move {
            assert_eq!(socket.receive().await, Err(CloseReason::TooBig));
        };
        tokio::join!(send, hear);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_receives_the_whole_text() {
        let (here, mut there) = duplex(64);
        let mut socket = WebSocket::new(here).await;
        let text = "x".repeat(1_000);
        let begun = Instant::now();
        let take = async {
            let mut taken = Vec::new();
            while taken.len() < 4 + text.len() {
                sleep(STALL_TIMEOUT - Duration::from_secs(1)).await;
                there.read_buf(&mut taken).await.unwrap();
            }
        };
        let (sent, ()) = tokio::join!(socket.send_text(&text), take);
        sent.unwrap();
        assert!(begun.elapsed() > STALL_TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_client_is_dropped_without_a_close_frame() {
        let (here, mut there) = duplex(64);
        let mut socket = WebSocket::new(here).await;
        let begun = Instant::now();
        assert_eq!(socket.send_text(&"x".repeat(1_000)).await, Err(CloseReason::Stalled));
        assert_eq!(begun.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
        socket.close(CloseReason::SignedOut).await;
        let mut taken = Vec::new();
        there.read_to_end(&mut taken).await.unwrap();
        assert_eq!(taken.len(), 64);
    }

    #[tokio::test]
    async fn a_ping_is_answered_between_texts() {
        let (here, there) = duplex(10_000);
        let (mut socket, mut page) = (WebSocket::new(here).await, page(there).await);
        page.send(Message::Ping(Bytes::from_static(b"?"))).await.unwrap();
        assert_eq!(socket.receive().await, Ok(ClientMessage::Other));
        socket.send_text("text").await.unwrap();
        assert_eq!(page.next().await.unwrap().unwrap(), Message::Pong(Bytes::from_static(b"?")));
        assert_eq!(page.next().await.unwrap().unwrap(), Message::text("text"));
        page.send(Message::text("typing")).await.unwrap();
        assert_eq!(socket.receive().await, Ok(ClientMessage::Typing));
        page.send(Message::text("x".repeat(MAX_MESSAGE + 1))).await.unwrap();
        assert_eq!(socket.receive().await, Err(CloseReason::TooBig));
        let (_, close) = tokio::join!(socket.close(CloseReason::TooBig), page.next());
        assert!(matches!(close, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1009));
    }
}
