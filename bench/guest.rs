//! People, a room of theirs, and how each stack has something said.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::http::Http;
use crate::server::{Server, Stack};
use crate::socket::{Reader, Tally};

/// Signing up costs a hash each: so many people have all the sockets.
const PEOPLE: usize = 20;
/// Sockets that are opened at once.
const AT_ONCE: usize = 50;
/// The pause after an answer that the site is too busy.
pub const AGAIN: Duration = Duration::from_millis(500);

/// People in a room.
pub struct Guests {
    stack: Stack,
    port: u16,
    /// Its path.
    pub room: String,
    people: Vec<Http>,
    /// Connections to say something over, one request at a time each.
    lines: RefCell<Vec<Rc<Mutex<Http>>>>,
}

impl Guests {
    /// Has people sign up, and one of them make a room.
    pub async fn arrive(server: &Server) -> Self {
        let mut people = Vec::new();
        if server.stack != Stack::Ws {
            for n in 0..PEOPLE {
                let (mut http, name) = (Http::connect(server.port).await.unwrap(), format!("guest-{n}"));
                let form = [("userId", &*name), ("userPassword", "password"), ("userNickname", &*name)];
                assert_eq!(http.post("/user", &form, "text/html").await.status, 303);
                people.push(http);
            }
        }
        let mut guests =
            Self { stack: server.stack, port: server.port, room: String::new(), people, lines: RefCell::default() };
        guests.room = guests.make_room("사랑방").await;
        guests
    }

    /// Makes a room; answers its path.
    pub async fn make_room(&mut self, name: &str) -> String {
        match self.people.first_mut() {
            Some(owner) => {
                let made = owner.post("/room", &[("name", name), ("topic", "무엇이든")], "text/html").await;
                assert_eq!(made.status, 303);
                made.location().to_owned()
            }
            None => "/".into(),
        }
    }

    /// One of them, on a connection of their own.
    pub async fn connection(&self) -> Http {
        self.people[0].again(self.port).await
    }

    /// The cookie of one of them.
    pub fn cookie(&self, n: usize) -> &str {
        self.people.get(n % PEOPLE).map_or("", |person| &person.cookie)
    }

    /// Opens sockets in a room that have seen all up to `since`.
    pub async fn follow(&self, room: &str, sockets: usize, since: i64, tally: &Rc<Tally>) -> Vec<Reader> {
        let open = |n| Reader::open(self.stack, self.port, room, self.cookie(n), since, tally);
        stream::iter(0..sockets).map(open).buffer_unordered(AT_ONCE).collect().await
    }

    /// Opens connections to say something over, where that is done by HTTP.
    pub async fn warm(&self, connections: usize) {
        if self.stack != Stack::Site {
            return;
        }
        let open = self.lines.borrow().len();
        for n in open..connections {
            let line = self.people[n % PEOPLE].again(self.port).await;
            self.lines.borrow_mut().push(Rc::new(Mutex::new(line)));
        }
    }

    /// Has the next chat said, on the line or socket `n`; answers when it is acknowledged.
    pub async fn say(&self, room: &str, n: usize, readers: &[Reader], tally: &Tally) {
        let (number, text) = tally.text();
        match self.stack {
            Stack::Site => {
                let line = {
                    let lines = self.lines.borrow();
                    Rc::clone(&lines[n % lines.len()])
                };
                let nonce = format!("bench-{number}");
                let form = [("text", &*text), ("nonce", &*nonce)];
                let mut line = line.lock().await;
                loop {
                    let said = line.post(&format!("{room}/chat"), &form, "application/json").await;
                    match said.status {
                        200 | 201 => break,
                        // As the page's outbox: sent again it is said once.
                        503 => sleep(AGAIN).await,
                        _ => panic!("{}: {}", said.status, String::from_utf8_lossy(&said.body)),
                    }
                }
            }
            stack => readers[n % readers.len()].say(stack, number, text).await,
        }
    }

    /// The number of the last entry.
    pub async fn upto(&self, room: &str) -> i64 {
        let mut http = self.connection().await;
        let feed: Value = serde_json::from_slice(&http.get_json(&format!("{room}/chat")).await.body).unwrap();
        feed["upto"].as_i64().unwrap()
    }
}
