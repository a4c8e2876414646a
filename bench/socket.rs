//! Sockets that count received chats and check that each chat arrives once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use memchr::memmem;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::RETRY_DELAY;
use crate::server::Stack;

/// Precedes the number in a chat's text. It occurs in no page and no protocol.
const MARKER: &str = "№";
const LIST_CHANGES: &[u8] = b"<ul id=\"rooms-changes\"";

/// The chats that were posted and delivered in one measurement.
#[derive(Default)]
pub struct Counts {
    /// The time of each chat, by number.
    posted: RefCell<Vec<Instant>>,
    /// The deliveries of all readers.
    pub deliveries: Cell<u64>,
    pub latencies: RefCell<Latencies>,
}

/// A histogram of durations in tenths of a millisecond.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

/// One open socket.
pub struct Reader {
    /// The chats received.
    pub count: Rc<Cell<u64>>,
    received: Rc<Notify>,
    /// The sum of the received numbers: it shows a chat that came twice.
    sum: Rc<Cell<u64>>,
    pending: Rc<RefCell<HashMap<u64, oneshot::Sender<()>>>>,
    sink: RefCell<SplitSink<WebSocketStream<TcpStream>, Message>>,
    task: JoinHandle<()>,
}

impl Counts {
    /// Returns the number and text of the next chat, and records its time.
    pub fn next_chat(&self) -> (u64, String) {
        let mut posted = self.posted.borrow_mut();
        posted.push(Instant::now());
        let n = posted.len() as u64 - 1;
        (n, format!("안녕하세요, 오늘 모임은 일곱 시에 사랑방에서 시작합니다. {MARKER}{n}."))
    }

    /// Empties the histogram of deliveries.
    pub fn reset_latencies(&self) {
        *self.latencies.borrow_mut() = Latencies::default();
    }

    /// Waits until each reader has every chat, and asserts that each arrived once.
    pub async fn wait_for_all(&self, readers: &[Reader]) {
        let total = self.posted.borrow().len() as u64;
        self.wait_for(readers, total).await;
        for reader in readers {
            assert_eq!(
                (reader.count.get(), reader.sum.get()),
                (total, total * total.saturating_sub(1) / 2),
                "each once"
            );
        }
    }

    /// Waits until each reader has `total` chats.
    pub async fn wait_for(&self, readers: &[Reader], total: u64) {
        let received = async {
            for reader in readers {
                while reader.count.get() < total {
                    reader.received.notified().await;
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), received).await;
        assert!(in_time.is_ok(), "of {total} chats a reader has {:?}", readers.iter().map(|r| r.count.get()).min());
    }
}

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        let slot = (latency.as_micros() / 100) as usize;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, 0);
        }
        self.0[slot] += 1;
    }

    /// Returns a quantile in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let (rank, mut seen) = ((total as f64 * share) as u64, 0);
        for (slot, count) in self.0.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return (slot + 1) as f64 / 10.0;
            }
        }
        f64::NAN
    }
}

impl Reader {
    /// Opens a socket in a room. The site sends the chats after `since` first.
    pub async fn open(stack: Stack, port: u16, room: &str, cookie: &str, since: i64, counts: &Rc<Counts>) -> Self {
        let path = match stack {
            Stack::Site => format!("{room}/live?since={since}"),
            Stack::Express => {
                format!("/socket.io/?EIO=4&transport=websocket&room={}", room.rsplit_once('/').unwrap().1)
            }
            Stack::Ws => "/".to_owned(),
        };
        let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().unwrap();
        request.headers_mut().insert("Cookie", HeaderValue::from_str(cookie).unwrap());
        let mut socket = loop {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            match client_async(request.clone(), stream).await {
                Ok((socket, _)) => break socket,
                Err(WsError::Http(response)) if response.status() == 503 => sleep(RETRY_DELAY).await,
                Err(error) => panic!("{path}: {error}"),
            }
        };
        if stack == Stack::Express {
            // Engine.IO opens before Socket.IO connects.
            socket.next().await.unwrap().unwrap();
            socket.send(Message::text("40")).await.unwrap();
            let connected = socket.next().await.unwrap().unwrap();
            assert!(connected.to_text().unwrap().starts_with("40{"));
        }
        let (sink, source) = socket.split();
        let (count, received, sum, pending) = Default::default();
        let mut reader = Self {
            count,
            received,
            sum,
            pending,
            sink: RefCell::new(sink),
            // A placeholder: the task needs the fields of the reader.
            task: tokio::task::spawn_local(async {}),
        };
        reader.task = tokio::task::spawn_local(read(
            source,
            stack,
            (Rc::clone(&reader.count), Rc::clone(&reader.received)),
            Rc::clone(&reader.sum),
            Rc::clone(&reader.pending),
            Rc::clone(counts),
        ));
        reader
    }

    /// Returns whether the socket is open.
    pub fn is_open(&self) -> bool {
        !self.task.is_finished()
    }

    /// Posts a chat over the socket and waits for the acknowledgement. Bare sockets wait for the echo.
    #[expect(clippy::await_holding_refcell_ref, reason = "each writer has its own socket")]
    pub async fn post_chat(&self, stack: Stack, n: u64, text: String) {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.pending.borrow_mut().insert(n, acknowledge);
        let frame = match stack {
            Stack::Express => format!("42{n}{}", serde_json::json!(["chat", text])),
            Stack::Ws | Stack::Site => text,
        };
        self.sink.borrow_mut().send(Message::text(frame)).await.unwrap();
        acknowledged.await.unwrap();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(
    mut source: SplitStream<WebSocketStream<TcpStream>>,
    stack: Stack,
    (count, received): (Rc<Cell<u64>>, Rc<Notify>),
    sum: Rc<Cell<u64>>,
    pending: Rc<RefCell<HashMap<u64, oneshot::Sender<()>>>>,
    counts: Rc<Counts>,
) {
    let finder = memmem::Finder::new(MARKER);
    let number =
        |from: &[u8]| from.iter().take_while(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    while let Some(Ok(message)) = source.next().await {
        let Message::Text(text) = message else { continue };
        let bytes = text.as_bytes();
        // The list of rooms shows the last chat again.
        if bytes.starts_with(LIST_CHANGES) {
            continue;
        }
        if stack == Stack::Express && bytes.starts_with(b"43") {
            if let Some(writer) = pending.borrow_mut().remove(&number(&bytes[2..])) {
                let _ = writer.send(());
            }
            continue;
        }
        let now = Instant::now();
        let (posted, mut latencies) = (counts.posted.borrow(), counts.latencies.borrow_mut());
        let mut deliveries = 0;
        for at in finder.find_iter(bytes) {
            let n = number(&bytes[at + MARKER.len()..]);
            deliveries += 1;
            sum.set(sum.get() + n);
            latencies.add(now - posted[n as usize]);
            if stack == Stack::Ws
                && let Some(writer) = pending.borrow_mut().remove(&n)
            {
                let _ = writer.send(());
            }
        }
        if deliveries > 0 {
            count.set(count.get() + deliveries);
            counts.deliveries.set(counts.deliveries.get() + deliveries);
            received.notify_one();
        }
    }
}
