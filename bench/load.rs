//! Load for a running site, and what it costs: `cargo run --release --example load -- WORK SITE`.
//!
//! `sockets=N` opens N idle sockets and says what each adds to the resident memory of the site's process
//! (`pid=P`). `acks=R` has chats said at R a second for `seconds=S`, and says how long each waits for its
//! acknowledgement. Both check what they were told. Made for one machine: the site is on loopback.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on is none")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT, COOKIE, HeaderValue};
use reqwest::redirect::Policy;
use rocket::futures::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, interval, sleep};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// What is asked for, as `key=value`.
struct Work(HashMap<String, String>);

impl Work {
    fn read() -> Self {
        Self(
            std::env::args()
                .skip(1)
                .filter_map(|word| word.split_once('=').map(|(k, v)| (k.into(), v.into())))
                .collect(),
        )
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.0.get(key).map(|value| value.parse().unwrap_or_else(|_| panic!("{key} takes a number")))
    }
}

/// Somebody signed in, in a room of their own making.
struct Guest {
    site: String,
    client: Client,
    cookie: HeaderValue,
    room: String,
}

impl Guest {
    async fn arrive(site: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client =
            Client::builder().cookie_provider(Arc::clone(&jar)).redirect(Policy::none()).no_proxy().build().unwrap();
        let name = format!("load-{}", std::process::id());
        let form = [("userId", name.as_str()), ("userPassword", "password"), ("userNickname", name.as_str())];
        let answer = client.post(format!("{site}/user")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "signed up");
        let form = [("name", name.as_str()), ("topic", "load")];
        let answer = client.post(format!("{site}/room")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "made a room");
        let room = answer.headers()["location"].to_str().unwrap().to_owned();
        let cookie = jar.cookies(&site.parse().unwrap()).unwrap();
        Self { site: site.to_owned(), client, cookie, room }
    }

    async fn say(&self, n: usize) -> Value {
        let form = [("text", format!("chat {n}")), ("nonce", format!("load-{n}"))];
        let request = self.client.post(format!("{}{}/chat", self.site, self.room));
        let answer = request.header(ACCEPT, "application/json").form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    fn live(&self) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        let address = format!("{}{}/live?since=0", self.site.replacen("http", "ws", 1), self.room);
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert(COOKIE, self.cookie.clone());
        request
    }
}

#[tokio::main]
async fn main() {
    let work = Work::read();
    let site = work.0.get("site").cloned().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let guest = Arc::new(Guest::arrive(&site).await);
    if let Some(sockets) = work.number("sockets") {
        idle(&guest, sockets, work.number("pid").expect("pid=… of the site")).await;
    }
    if let Some(rate) = work.number("acks") {
        acknowledgements(&guest, rate, work.number("seconds").unwrap_or(30)).await;
    }
}

/// Opens sockets, lets them settle, and compares the process before and after.
async fn idle(guest: &Guest, sockets: usize, pid: usize) {
    let before = resident(pid);
    let mut open = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        let (socket, _) = connect_async(guest.live()).await.unwrap();
        open.push(tokio::spawn(socket.for_each(|message| async { drop(message.unwrap()) })));
    }
    sleep(Duration::from_secs(5)).await;
    assert!(open.iter().all(|socket| !socket.is_finished()), "all of them stay open");
    let after = resident(pid);
    println!(
        "{sockets} idle sockets: {before} KiB before, {after} KiB with them, {:.1} KiB each",
        (after - before) as f64 / sockets as f64
    );
}

fn resident(pid: usize) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Has chats said at an even rate, whatever the answers take, and sorts how long they took.
async fn acknowledgements(guest: &Arc<Guest>, rate: usize, seconds: usize) {
    let mut ticks = interval(Duration::from_secs(1) / rate as u32);
    let mut said = Vec::new();
    for n in 0..rate * seconds {
        ticks.tick().await;
        let guest = Arc::clone(guest);
        said.push(tokio::spawn(async move {
            let asked = Instant::now();
            let chat = guest.say(n).await;
            (asked.elapsed(), chat["seq"].as_i64().unwrap())
        }));
    }
    let (mut waits, mut seqs) = (Vec::new(), Vec::new());
    for chat in said {
        let (wait, seq) = chat.await.unwrap();
        waits.push(wait);
        seqs.push(seq);
    }
    seqs.sort_unstable();
    assert!(seqs.iter().zip(1..).all(|(seq, n)| *seq == n), "each once, without a gap");
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!("{} chats at {rate}/s: p50 {:.1?}, p99 {:.1?}, most {:.1?}", waits.len(), at(0.5), at(0.99), at(1.0));
}
