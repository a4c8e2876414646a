//! Readers: sockets that count what they are told, and check that it is each chat once.

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

use crate::guest::AGAIN;
use crate::server::Stack;

/// What stands before a chat's number in its text: nothing of a page or of a protocol looks like it.
const MARK: &str = "№";

/// Everything that the readers of one measurement were told.
#[derive(Default)]
pub struct Tally {
    /// When each chat was said.
    said: RefCell<Vec<Instant>>,
    /// Deliveries, all readers together.
    pub deliveries: Cell<u64>,
    /// How long deliveries took.
    pub waits: RefCell<Waits>,
}

/// Durations, counted by tenths of a millisecond.
#[derive(Default)]
pub struct Waits(Vec<u32>);

/// One reader.
pub struct Reader {
    pub count: Rc<Cell<u64>>,
    told: Rc<Notify>,
    sum: Rc<Cell<u64>>,
    acknowledged: Rc<RefCell<HashMap<u64, oneshot::Sender<()>>>>,
    sink: RefCell<SplitSink<WebSocketStream<TcpStream>, Message>>,
    task: JoinHandle<()>,
}

impl Tally {
    /// The text of the next chat, which is said now, and its number.
    pub fn text(&self) -> (u64, String) {
        let mut said = self.said.borrow_mut();
        said.push(Instant::now());
        let n = said.len() as u64 - 1;
        (n, format!("안녕하세요, 오늘 모임은 일곱 시에 사랑방에서 시작합니다. {MARK}{n}."))
    }

    /// Forgets how long deliveries took so far.
    pub fn forget_waits(&self) {
        *self.waits.borrow_mut() = Waits::default();
    }

    /// Waits until each of the readers was told each chat, and sees that it was told each once.
    pub async fn all_told(&self, readers: &[Reader]) {
        let total = self.said.borrow().len() as u64;
        self.told(readers, total).await;
        for reader in readers {
            assert_eq!(
                (reader.count.get(), reader.sum.get()),
                (total, total * total.saturating_sub(1) / 2),
                "each once"
            );
        }
    }

    /// Waits until each of the readers was told so many chats.
    pub async fn told(&self, readers: &[Reader], total: u64) {
        let told = async {
            for reader in readers {
                while reader.count.get() < total {
                    reader.told.notified().await;
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), told).await;
        assert!(in_time.is_ok(), "of {total} chats a reader has {:?}", readers.iter().map(|r| r.count.get()).min());
    }
}

impl Waits {
    pub fn add(&mut self, wait: Duration) {
        let at = (wait.as_micros() / 100) as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] += 1;
    }

    /// The wait that this share of all did not exceed, in milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let (rank, mut seen) = ((total as f64 * share) as u64, 0);
        for (at, count) in self.0.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return (at + 1) as f64 / 10.0;
            }
        }
        f64::NAN
    }
}

impl Reader {
    /// Opens a socket of a room, on a server that may be asked for what came after `since`.
    pub async fn open(stack: Stack, port: u16, room: &str, cookie: &str, since: i64, tally: &Rc<Tally>) -> Self {
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
                Err(WsError::Http(answer)) if answer.status() == 503 => sleep(AGAIN).await,
                Err(error) => panic!("{path}: {error}"),
            }
        };
        if stack == Stack::Express {
            // Engine.IO opens, then Socket.IO connects.
            socket.next().await.unwrap().unwrap();
            socket.send(Message::text("40")).await.unwrap();
            let connected = socket.next().await.unwrap().unwrap();
            assert!(connected.to_text().unwrap().starts_with("40{"));
        }
        let (sink, source) = socket.split();
        let (count, told, sum, acknowledged) = Default::default();
        let mut reader = Self {
            count,
            told,
            sum,
            acknowledged,
            sink: RefCell::new(sink),
            // Replaced at once.
            task: tokio::task::spawn_local(async {}),
        };
        reader.task = tokio::task::spawn_local(read(
            source,
            stack,
            (Rc::clone(&reader.count), Rc::clone(&reader.told)),
            Rc::clone(&reader.sum),
            Rc::clone(&reader.acknowledged),
            Rc::clone(tally),
        ));
        reader
    }

    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        !self.task.is_finished()
    }

    /// Says something over the socket, where chats are said so. Answers when it is acknowledged, or for bare sockets when
    /// it comes back.
    #[expect(clippy::await_holding_refcell_ref, reason = "each sayer has a socket for itself")]
    pub async fn say(&self, stack: Stack, n: u64, text: String) {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.acknowledged.borrow_mut().insert(n, acknowledge);
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
    (count, told): (Rc<Cell<u64>>, Rc<Notify>),
    sum: Rc<Cell<u64>>,
    acknowledged: Rc<RefCell<HashMap<u64, oneshot::Sender<()>>>>,
    tally: Rc<Tally>,
) {
    let finder = memmem::Finder::new(MARK);
    let number =
        |from: &[u8]| from.iter().take_while(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
    while let Some(Ok(message)) = source.next().await {
        let Message::Text(text) = message else { continue };
        let bytes = text.as_bytes();
        if stack == Stack::Express && bytes.starts_with(b"43") {
            if let Some(sayer) = acknowledged.borrow_mut().remove(&number(&bytes[2..])) {
                let _ = sayer.send(());
            }
            continue;
        }
        let now = Instant::now();
        let (said, mut waits) = (tally.said.borrow(), tally.waits.borrow_mut());
        let mut deliveries = 0;
        for at in finder.find_iter(bytes) {
            let n = number(&bytes[at + MARK.len()..]);
            deliveries += 1;
            sum.set(sum.get() + n);
            waits.add(now - said[n as usize]);
            if stack == Stack::Ws
                && let Some(sayer) = acknowledged.borrow_mut().remove(&n)
            {
                let _ = sayer.send(());
            }
        }
        if deliveries > 0 {
            count.set(count.get() + deliveries);
            tally.deliveries.set(tally.deliveries.get() + deliveries);
            told.notify_one();
        }
    }
}
