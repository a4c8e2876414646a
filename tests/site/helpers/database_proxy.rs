//! A proxy between an instance and its database that can hold one request back, pause all traffic, or silence the
//! change streams.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

/// A running proxy.
pub struct DatabaseProxy {
    /// The database's address, by way of the proxy.
    pub database: String,
    state: Arc<State>,
    running: AbortHandle,
}

struct State {
    /// The first request with this word is held.
    word: Mutex<Option<&'static str>>,
    held: Semaphore,
    release: watch::Sender<bool>,
    paused: watch::Sender<bool>,
    is_silent: AtomicBool,
    /// Requests that ask for a session.
    session_queries: AtomicUsize,
}

impl DatabaseProxy {
    pub async fn in_front_of(database: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let server = database.strip_prefix("mongodb://").unwrap().split('/').next().unwrap().to_owned();
        let database = database.replacen(&server, &own, 1);
        let state = Arc::new(State {
            word: Mutex::default(),
            held: Semaphore::new(0),
            release: watch::Sender::new(false),
            paused: watch::Sender::new(false),
            is_silent: AtomicBool::new(false),
            session_queries: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                connections.spawn(async move { state.serve(client, &server).await });
            }
        });
        Self { database, state, running: running.abort_handle() }
    }

    /// Holds back the next request that contains a word.
    pub fn hold_request(&self, word: &'static str) {
        *self.state.word.lock().unwrap() = Some(word);
    }

    /// Waits until the request is held.
    pub async fn wait_until_held(&self) {
        super::within_timeout("the request to be held", self.state.held.acquire()).await.unwrap().forget();
    }

    /// Delivers the held request.
    pub fn release(&self) {
        self.state.release.send_replace(true);
    }

    /// Delivers nothing more, in either direction, until [`DatabaseProxy::resume`].
    pub fn pause(&self) {
        self.state.paused.send_replace(true);
    }

    pub fn resume(&self) {
        self.state.paused.send_replace(false);
    }

    /// Delivers nothing more on connections that follow a change stream. They stay open.
    pub fn silence_change_streams(&self) {
        self.state.is_silent.store(true, Ordering::Relaxed);
    }

    /// Returns how many requests for sessions have passed.
    pub fn session_queries(&self) -> usize {
        self.state.session_queries.load(Ordering::Relaxed)
    }
}

impl Drop for DatabaseProxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl State {
    async fn serve(&self, client: TcpStream, server: &str) {
        let (mut requests, mut replies) = client.into_split();
        let (mut server_replies, mut server_requests) = TcpStream::connect(server).await.unwrap().into_split();
        let follows = AtomicBool::new(false);
        let ask = async {
            // Requests of the tests are small: one read has the whole of one.
            let mut read = Vec::with_capacity(1 << 16);
            while requests.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&read).into_owned();
                follows.fetch_or(text.contains("changeStream"), Ordering::Relaxed);
                if text.contains("find\0") && text.contains("session\0") {
                    self.session_queries.fetch_add(1, Ordering::Relaxed);
                }
                self.hold(&text).await;
                self.wait_unpaused().await;
                if server_requests.write_all(&read).await.is_err() {
                    return;
                }
                read.clear();
            }
        };
        let answer = async {
            let mut read = Vec::with_capacity(1 << 16);
            while server_replies.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
                self.wait_unpaused().await;
                let is_silenced = follows.load(Ordering::Relaxed) && self.is_silent.load(Ordering::Relaxed);
                if !is_silenced && replies.write_all(&read).await.is_err() {
                    return;
                }
                read.clear();
            }
        };
        tokio::join!(ask, answer);
    }

    async fn hold(&self, text: &str) {
        let is_held = {
            let mut word = self.word.lock().unwrap();
            word.take_if(|word| text.contains(*word)).is_some()
        };
        if is_held {
            self.held.add_permits(1);
            let _ = self.release.subscribe().wait_for(|release| *release).await;
        }
    }

    async fn wait_unpaused(&self) {
        let _ = self.paused.subscribe().wait_for(|paused| !*paused).await;
    }
}
