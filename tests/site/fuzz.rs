//! Generated input: the log under writers who vanish, and requests and frames that nobody would send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::future::join_all;
use sarangbang::error::Error;
use sarangbang::models::chat::PageAnchor;
use sarangbang::models::values::{ChatText, Login, Nickname, Nonce, Password, RoomName, Topic};
use sarangbang::models::{Room, User};
use sarangbang::store::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::helpers::page::Page;
use crate::helpers::person::Person;
use crate::helpers::process::{Process, command, unlimit};
use crate::helpers::random::Random;
use crate::helpers::site::{folder, new_database};
use crate::helpers::within_timeout;

/// What one writer does, until it vanishes in the middle of it.
async fn write(db: Arc<Database>, room: Room, author: User, mut random: Random) {
    let log = room.log(&db);
    for n in 0..40 {
        let seq = 1 + random.below(1 + log.fetch_head().await.unwrap().seq as usize) as i64;
        let text = ChatText::parse(&format!("text {n}")).unwrap();
        let (kind, nonce, patience) = (random.below(10), random.below(150), random.below(20_000) as u64);
        let step = async {
            match kind {
                0..6 => {
                    // Few nonces: many are sent again, at this site or at another.
                    let nonce = Nonce::parse(&format!("nonce-{nonce}")).unwrap();
                    log.post(&author, text, nonce).await.map(drop)
                }
                6..9 => log.edit(&author, seq, text).await.map(drop),
                _ => log.remove(&author, seq).await.map(drop),
            }
        };
        let step = tokio::time::timeout(Duration::from_micros(patience), step).await;
        match step {
            Ok(Ok(()) | Err(Error::NotFound | Error::Invalid(_))) | Err(_) => {}
            Ok(Err(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_who_vanish_at_any_moment_leave_a_log_that_all_read_alike() {
    for seed in 1..=6 {
        let database = new_database();
        let sites = join_all((0..3).map(|_| sarangbang::models::open(&database))).await;
        let sites: Vec<Arc<Database>> = sites.into_iter().map(Result::unwrap).collect();
        let (login, password) = (Login::parse("author").unwrap(), Password::parse("password").unwrap());
        let author = User::sign_up(&sites[0], login, password, Nickname::parse("author").unwrap()).await.unwrap();
        let room = author.create_room(&sites[0], RoomName::parse("room").unwrap(), Topic::default()).await.unwrap();
        let writers = (0..9).map(|n| {
            let (db, random) = (Arc::clone(&sites[n % 3]), Random::new(seed * 100 + n as u64));
            tokio::spawn(write(db, room.clone(), author.clone(), random))
        });
        join_all(writers).await.into_iter().for_each(Result::unwrap);

        // Each site's writer comes to this one last.
        for (n, db) in sites.iter().enumerate() {
            let (text, nonce) = (ChatText::parse("the last").unwrap(), Nonce::parse(&format!("last-{n}")).unwrap());
            room.log(db).post(&author, text, nonce).await.unwrap();
        }
        // A site that has seen nothing of it, from every cursor, against its own pages.
        let fresh = sarangbang::models::open(&database).await.unwrap();
        let log = room.log(&fresh);
        let top = log.fetch_head().await.unwrap();
        let mut pages = Vec::new();
        let mut anchor = PageAnchor::Latest;
        loop {
            let page = log.page(log.current_head().await.unwrap(), anchor, true).await.unwrap();
            pages.splice(0..0, page.chats);
            match page.before {
                Some(before) => anchor = PageAnchor::Before(before),
                None => break,
            }
        }
        let numbers: Vec<i64> = pages.iter().map(|chat| chat.no).collect();
        assert_eq!(numbers, (1..=top.no).collect::<Vec<_>>(), "seed {seed}");
        assert!(pages.iter().all(|chat| chat.removed == chat.text.is_empty()), "seed {seed}");
        for db in sites.iter().chain([&fresh]) {
            let (log, mut seen, mut chats) = (room.log(db), 0, std::collections::BTreeMap::new());
            assert_eq!(log.fetch_head().await.unwrap().seq, top.seq);
            while seen < top.seq {
                let news = log.updates(seen).await.unwrap();
                assert!(news.upto > seen, "seed {seed}: a gap behind {seen}");
                for chat in news.chats {
                    match chats.get(&chat.seq) {
                        Some((rev, _)) if *rev >= chat.rev => {}
                        _ => drop(chats.insert(chat.seq, (chat.rev, chat))),
                    }
                }
                seen = news.upto;
            }
            let read: Vec<_> = chats.into_values().map(|(_, chat)| chat).collect();
            assert_eq!(read, pages, "seed {seed}");
        }
    }
}

/// Pieces of paths, of both kinds.
const PIECES: [&str; 24] = [
    "room",
    "user",
    "chat",
    "session",
    "live",
    "image",
    "public",
    "health",
    "me",
    "..",
    ".",
    "",
    "%00",
    "%2e%2e%2f",
    "0123456789abcdef01234567",
    "1",
    "0",
    "-1",
    "99999999999999999999",
    "가나다",
    "%ff%fe",
    "<script>",
    "*",
    "stream",
];
const QUERIES: [&str; 16] = [
    "",
    "?",
    "?before=1",
    "?before=x",
    "?at=9223372036854775807",
    "?at=1&before=1",
    "?since=0",
    "?since=-1",
    "?since=99999999",
    "?since=0&wait=0",
    "?page=0",
    "?page=18446744073709551616",
    "?next=//evil.example",
    "?%00",
    "?=&=&&",
    "?before=1&since=1",
];
const METHODS: [&str; 8] = ["GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
const KINDS: [&str; 5] =
    ["application/x-www-form-urlencoded", "application/json", "multipart/form-data", "text/plain", "x"];
const FIELDS: [&str; 9] =
    ["text", "nonce", "name", "topic", "userId", "userPassword", "userNickname", "_method", "oldPassword"];
const VALUES: [&str; 13] = [
    "",
    "a",
    "hello",
    "가나다",
    "put",
    "delete",
    "%00",
    "%e2%80%ae",
    "%ff",
    "%f0%9f%98%80",
    "nonce-1",
    "+++",
    "password",
];

/// A request that is HTTP, and little else that makes sense.
fn request(random: &mut Random, host: &str, room: &str, cookie: &str) -> Vec<u8> {
    let pick = |random: &mut Random, all: &[&'static str]| all[random.below(all.len())];
    let path = match random.below(3) {
        0 => (0..random.below(5)).map(|_| format!("/{}", pick(random, &PIECES))).collect::<String>(),
        1 => format!("{room}/{}", pick(random, &PIECES)),
        _ => format!("{room}/chat/{}", pick(random, &PIECES)),
    };
    let path: String = if path.is_empty() { "/".into() } else { path };
    let path: String = path.chars().filter(|c| c.is_ascii() && *c != '<' && *c != '>').collect();
    let form: String = (0..random.below(5))
        .map(|_| format!("{}={}&", pick(random, &FIELDS), pick(random, &VALUES).repeat(1 + random.below(3))))
        .collect();
    // The endless page has a test of its own.
    let query = pick(random, &QUERIES);
    let accept = pick(random, &["text/html", "application/json", "*/*", ",,;", "application/json;q=x"]);
    let body: Vec<u8> = match random.below(4) {
        0 => (0..random.below(200)).map(|_| random.below(256) as u8).collect(),
        _ => form.into_bytes(),
    };
    let more = match random.below(6) {
        0 => "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 12\r\n",
        1 => "Origin: null\r\n",
        2 => "X-Forwarded-For: ,,;\r\nForwarded: x\r\n",
        3 => "Accept-Language: ko;q=x,,*;q=9,\r\n",
        4 => "Range: bytes=9-1\r\nIf-None-Match: *\r\n",
        _ => "",
    };
    let (method, kind) = (pick(random, &METHODS), pick(random, &KINDS));
    let head = format!(
        "{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nAccept: {accept}\r\n{more}\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Reads one answer off a connection; answers its status, and whether the connection lives on.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(u16, bool)> {
    buffer.clear();
    let end = loop {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if header("transfer-encoding").is_some() {
        return Some((status, false));
    }
    let length: usize = header("content-length").map_or(0, |length| length.trim().parse().unwrap());
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some((status, header("connection") != Some("close")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_requests_and_frames_cost_no_more_than_an_answer_each() {
    const REQUESTS: usize = 90_000;
    const FRAMES: usize = 10_000;
    let (var, database) = (folder("generated"), new_database());
    let mut command = command(&var);
    command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
    let program = Process::run({
        unlimit(&mut command).env("RUST_LOG", "error");
        command
    })
    .await;
    let id = program.child.id().unwrap();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    };
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let room = person.make_room("generated").await;
    let (host, cookie) = (program.address.strip_prefix("http://").unwrap().to_owned(), person.cookie().unwrap());
    let (done, statuses) = (AtomicUsize::new(0), std::sync::Mutex::new(std::collections::BTreeMap::new()));
    let send = |worker: u64| {
        let (host, room, cookie) = (&host, &room, cookie.to_str().unwrap());
        let (done, statuses) = (&done, &statuses);
        async move {
            let mut random = Random::new(worker);
            let (mut connection, mut buffer) = (None, Vec::new());
            while done.fetch_add(1, Ordering::Relaxed) < REQUESTS {
                // The cookie of somebody who might sign out by chance is not sent to where that is done.
                let bytes = request(&mut random, host, room, cookie);
                let signs_out = bytes.windows(8).any(|word| word == b"/session")
                    || bytes.windows(8).any(|word| word == b"/user/me");
                if signs_out
                    || (bytes.starts_with(b"DELETE") || bytes.windows(14).any(|word| word == b"_method=delete"))
                {
                    continue;
                }
                let mut stream = match connection.take() {
                    Some(stream) => stream,
                    None => TcpStream::connect(host.as_str()).await.unwrap(),
                };
                stream.write_all(&bytes).await.unwrap_or_default();
                let answered = within_timeout("an answer", answer(&mut stream, &mut buffer)).await;
                if let Some((status, lives)) = answered {
                    assert!(status < 500 || status == 503, "{status}: {}", String::from_utf8_lossy(&bytes));
                    *statuses.lock().unwrap().entry(status).or_insert(0) += 1;
                    connection = lives.then_some(stream);
                }
            }
        }
    };
    // What is kept for good is there after the first thousands.
    let warm = resident();
    join_all((1..=8).map(send)).await;
    let statuses = statuses.into_inner().unwrap();
    for status in [200, 303, 401, 403, 404, 422] {
        assert!(statuses.contains_key(&status) || status == 401, "{status} is among {statuses:?}");
    }

    let frames = |worker: u64| {
        let (person, room) = (&person, &room);
        async move {
            let mut random = Random::new(worker);
            let mut sent = 0;
            while sent < FRAMES / 4 {
                let mut live = person.follow(room, 0).await;
                for _ in 0..50 {
                    let bytes: Vec<u8> = (0..random.below(300)).map(|_| random.below(256) as u8).collect();
                    let message = match random.below(5) {
                        0 => Message::binary(bytes),
                        1 => Message::Ping(bytes[..bytes.len().min(125)].to_vec().into()),
                        2 => Message::Pong(bytes[..bytes.len().min(125)].to_vec().into()),
                        3 => Message::text("typing"),
                        _ => Message::text(String::from_utf8_lossy(&bytes).into_owned()),
                    };
                    sent += 1;
                    if live.socket.send(message).await.is_err() {
                        break;
                    }
                }
            }
        }
    };
    join_all((1..=4).map(frames)).await;
    let grown = resident().saturating_sub(warm);
    assert!(grown < 64, "{grown} MiB over {warm}");
    let page: Page = person.open(&room).await;
    let said = page.chats.values().filter(|chat| !chat.removed).count();
    person.say(&room, "all well").await;
    assert_eq!(person.open(&room).await.chats.values().filter(|chat| !chat.removed).count(), (said + 1).min(50));
    program.signal("TERM");
    assert!(program.ended().await.success());
}
