//! What lies between a site and its database, and can hold one answer back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// A running pausing_proxy.
pub struct PausingProxy {
    /// The database's address, by way of here.
    pub database: String,
    held: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
    running: AbortHandle,
}

impl PausingProxy {
    /// A pausing_proxy before a database. The first answer that has all these words is held back; the others pass.
    pub async fn in_front_of(database: &str, words: [&'static str; 2]) -> Self {
        Self::holding(database, words, false, 1).await
    }

    /// The same, which holds back the second one.
    pub async fn in_front_of_second(database: &str, words: [&'static str; 2]) -> Self {
        Self::holding(database, words, false, 2).await
    }

    /// The same, which holds back the answer to the first request that has all these words.
    pub async fn in_front_of_answer_to(database: &str, words: [&'static str; 2]) -> Self {
        Self::holding(database, words, true, 1).await
    }

    async fn holding(database: &str, words: [&'static str; 2], asked: bool, turn: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let there = database.strip_prefix("mongodb://").unwrap().split('/').next().unwrap().to_owned();
        let (held, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (database, turn) = (database.replacen(&there, &here, 1), Arc::new(AtomicUsize::new(turn)));
        let gates = (Arc::clone(&held), Arc::clone(&let_go), turn);
        let running = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((site, _)) = listener.accept().await {
                let (there, (held, let_go, turn)) = (there.clone(), gates.clone());
                connections.spawn(async move {
                    let (mut asks, mut hears) = site.into_split();
                    let (mut answers, mut questions) = TcpStream::connect(there).await.unwrap().into_split();
                    let has_words = |read: &[u8]| {
                        let text = String::from_utf8_lossy(read);
                        words.iter().all(|word| text.contains(word))
                    };
                    let is_asked = AtomicBool::new(false);
                    // Requests and answers of the tests are small: one reading has the whole of one.
                    let request = async {
                        let mut read = Vec::with_capacity(1 << 16);
                        while asks.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
                            if asked && has_words(&read) {
                                is_asked.store(true, Ordering::Relaxed);
                            }
                            if questions.write_all(&read).await.is_err() {
                                return;
                            }
                            read.clear();
                        }
                    };
                    let answer = async {
                        let mut read = Vec::with_capacity(1 << 16);
                        while answers.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
                            let holds = if asked { is_asked.load(Ordering::Relaxed) } else { has_words(&read) };
                            if holds && turn.fetch_sub(1, Ordering::Relaxed) == 1 {
                                held.add_permits(1);
                                // Closed once it is let go.
                                let _ = let_go.acquire().await;
                            }
                            if hears.write_all(&read).await.is_err() {
                                return;
                            }
                            read.clear();
                        }
                    };
                    tokio::join!(answer, request);
                });
            }
        });
        Self { database, held, let_go, running: running.abort_handle() }
    }

    /// Waits until the answer is held.
    pub async fn wait_until_paused(&self) {
        super::within_timeout("the answer to be held", self.held.acquire()).await.unwrap().forget();
    }

    /// Lets it go.
    pub fn resume(&self) {
        self.let_go.close();
    }
}

impl Drop for PausingProxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}
