//! The users of a measured server: sign-up, rooms, and how each stack posts a chat.

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
use crate::socket::{Counts, Reader};

/// Few users share all sockets: each sign-up costs a password hash.
const USERS: usize = 20;
/// Sockets opened at once.
const CONCURRENT_OPENS: usize = 50;
/// The pause after a 503.
pub const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The users and their room.
pub struct Clients {
    stack: Stack,
    port: u16,
    /// The path of the room.
    pub room: String,
    users: Vec<Http>,
    /// Connections that post chats, one request at a time each.
    connections: RefCell<Vec<Rc<Mutex<Http>>>>,
}

impl Clients {
    /// Signs users up and creates a room.
    pub async fn sign_up(server: &Server) -> Self {
        let mut users = Vec::new();
        if server.stack != Stack::Ws {
            for n in 0..USERS {
                let (mut http, name) = (Http::connect(server.port).await.unwrap(), format!("user-{n}"));
                let form = [("userId", &*name), ("userPassword", "password"), ("userNickname", &*name)];
                assert_eq!(http.post("/user", &form, "text/html").await.status, 303);
                users.push(http);
            }
        }
        let (stack, port, connections) = (server.stack, server.port, RefCell::default());
        let mut clients = Self { stack, port, room: String::new(), users, connections };
        clients.room = clients.create_room("사랑방").await;
        clients
    }

    /// Creates a room and returns its path.
    pub async fn create_room(&mut self, name: &str) -> String {
        match self.users.first_mut() {
            Some(owner) => {
                let reply = owner.post("/room", &[("name", name), ("topic", "무엇이든")], "text/html").await;
                assert_eq!(reply.status, 303);
                reply.location().to_owned()
            }
            None => "/".into(),
        }
    }

    /// Shows a room to all users.
    pub async fn visit(&mut self, room: &str) {
        for user in &mut self.users {
            assert_eq!(user.get(room).await.status, 200);
        }
    }

    /// Opens a connection of the first user.
    pub async fn connect(&self) -> Http {
        self.users[0].reconnect(self.port).await
    }

    /// Returns the cookie of user `n`, counted round.
    pub fn cookie(&self, n: usize) -> &str {
        self.users.get(n % USERS).map_or("", |user| &user.cookie)
    }

    /// Opens sockets in a room that receive all chats after `since`.
    pub async fn open_readers(&self, room: &str, sockets: usize, since: i64, counts: &Rc<Counts>) -> Vec<Reader> {
        let open = |n| Reader::open(self.stack, self.port, room, self.cookie(n), since, counts);
        stream::iter(0..sockets).map(open).buffer_unordered(CONCURRENT_OPENS).collect().await
    }

    /// Opens connections that post chats, if the stack posts them by HTTP.
    pub async fn open_connections(&self, total: usize) {
        if self.stack != Stack::Site {
            return;
        }
        let open = self.connections.borrow().len();
        for n in open..total {
            let connection = self.users[n % USERS].reconnect(self.port).await;
            self.connections.borrow_mut().push(Rc::new(Mutex::new(connection)));
        }
    }

    /// Posts the next chat over connection or socket `n` and waits for the acknowledgement.
    pub async fn post_chat(&self, room: &str, n: usize, readers: &[Reader], counts: &Counts) {
        let (number, text) = counts.next_chat();
        match self.stack {
            Stack::Site => self.post_form(room, n, number, &text).await,
            stack => readers[n % readers.len()].post_chat(stack, number, text).await,
        }
    }

    async fn post_form(&self, room: &str, n: usize, number: u64, text: &str) {
        let connection = {
            let connections = self.connections.borrow();
            Rc::clone(&connections[n % connections.len()])
        };
        let nonce = format!("bench-{number}");
        let form = [("text", text), ("nonce", &*nonce)];
        let mut connection = connection.lock().await;
        loop {
            let reply = connection.post(&format!("{room}/chat"), &form, "application/json").await;
            match reply.status {
                200 | 201 => return,
                // The nonce makes the retry safe.
                503 => sleep(RETRY_DELAY).await,
                _ => panic!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
            }
        }
    }

    /// Returns the head of a room's log.
    pub async fn head(&self, room: &str) -> i64 {
        let mut http = self.connect().await;
        let feed: Value = serde_json::from_slice(&http.get_json(&format!("{room}/chat")).await.body).unwrap();
        feed["upto"].as_i64().unwrap()
    }
}
