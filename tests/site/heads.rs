//! The heads of requests: what a long one costs the two servers, and how they refuse it.

use std::fmt::Write;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helpers::process::{Process, command};
use crate::helpers::site::{folder, new_database};
use crate::helpers::{soon, until};

/// The largest head that is read.
const HEAD: usize = 16 << 10;
/// The largest head that hyper takes is somewhat larger.
const LONGEST: usize = 380 << 10;
/// The most memory that one request may take.
const GROWTH: u64 = 8 << 20;

/// Headers and the item that costs most when the value repeats it.
const HEADERS: [(&str, &str); 26] = [
    ("Accept", "a/b,"),
    ("Accept", "a/b;q=0.1,"),
    ("Accept", "*"),
    ("Accept-Charset", "a,"),
    ("Accept-Encoding", "a,"),
    ("Accept-Language", "a,"),
    ("Accept-Language", "a-b-c-d"),
    ("Authorization", "a"),
    ("Connection", "a,"),
    ("Content-Type", "a/b;a=b;"),
    ("Cookie", "a;"),
    ("Cookie", "session=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;"),
    ("Host", "a"),
    ("If-Modified-Since", "a"),
    ("If-None-Match", "\"a\","),
    ("Origin", "a"),
    ("Range", "0-1,"),
    ("Referer", "a"),
    ("Sec-Fetch-Site", "a"),
    ("Sec-WebSocket-Key", "a"),
    ("Upgrade", "a,"),
    ("User-Agent", "\""),
    ("X-Forwarded-For", "::,"),
    ("X-Forwarded-Proto", "a"),
    ("X-Real-IP", "a"),
    ("X-Request-Id", "a"),
];

/// A head of exactly this size, which `filled` repeats in its middle.
fn sized(first: &str, last: &str, item: &str, size: usize) -> String {
    let fill = size - first.len() - last.len();
    format!("{first}{}{}{last}", item.repeat(fill / item.len()), &"aaaaaaaaaaaaaaaaaaaa".repeat(4)[..fill % item.len()])
}

/// What a server answers to a head: the status and the rest.
async fn ask(server: &Process, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap()).await.unwrap();
    // A server may answer and close before it has read all.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = soon("an answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer to {}…: {answer}", &head[..60])), answer)
}

/// A figure of a process's memory, in bytes.
fn memory(server: &Process, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id().unwrap())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// The processor time that a process has used.
fn processor(server: &Process) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id().unwrap())).unwrap();
    let mut fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11);
    let ticks: u64 = (0..2).map(|_| fields.next().unwrap().parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// What a request takes of a server: the status of its answer, the growth of the peak, the processor time.
async fn cost(server: &Process, head: &str) -> (u16, u64, Duration) {
    // The peak starts again from what is resident.
    std::fs::write(format!("/proc/{}/clear_refs", server.child.id().unwrap()), "5").unwrap();
    let (resident, used) = (memory(server, "VmHWM"), processor(server));
    let (status, _) = ask(server, head).await;
    (status, memory(server, "VmHWM").saturating_sub(resident), processor(server).saturating_sub(used))
}

/// Both servers, each in a process of its own, with the path of a form and of a page.
async fn servers(name: &str) -> [(Process, [&'static str; 3]); 2] {
    let (var, database) = (folder(name), format!("{{sarangbang={{url=\"{}\"}}}}", new_database()));
    let start = |word: &str| {
        let mut command = command(&var);
        command.arg(word).env("ROCKET_DATABASES", &database);
        Process::run(command)
    };
    let servers = [
        (start("site").await, ["GET /user", "POST /session", "GET /nowhere"]),
        (start("images").await, ["GET /image/health", "POST /image", "GET /nowhere"]),
    ];
    for (server, paths) in &servers {
        // Once for what is loaded at the first request.
        for path in paths {
            let head = format!("{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            until("an answer", || async { (ask(server, &head).await.0 < 500).then_some(()) }).await;
        }
    }
    servers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_head_costs_much() {
    for (server, paths) in &servers("heads").await {
        let mut wrong = String::new();
        for (path, (name, item)) in paths.iter().flat_map(|path| HEADERS.map(|header| (path, header))) {
            let host = if name == "Host" { "" } else { "Host: localhost\r\n" };
            let first = format!("{path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{host}{name}: ");
            for (size, most) in [(HEAD, GROWTH), (LONGEST, GROWTH * 8)] {
                let (status, growth, time) = cost(server, &sized(&first, "\r\n\r\n", item, size)).await;
                let is_right = (status == 431) == (size > HEAD) && status < 500 || status == 431;
                if !is_right || growth > most || time > Duration::from_millis(500) {
                    writeln!(wrong, "{path} {name}: {item} × {size}: {status}, {growth} bytes, {time:?}").unwrap();
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_in_many_lines_and_a_long_address_cost_no_more() {
    for (server, paths) in &servers("lines").await {
        for (name, item) in HEADERS {
            let rest = format!(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{name}: ");
            let first = format!("{}{rest}", paths[0]);
            let last = format!("\r\n{name}: a/b\r\n{name}: a/b\r\n\r\n");
            for size in [HEAD, LONGEST] {
                let most = if size == HEAD { GROWTH } else { GROWTH * 8 };
                let (status, growth, time) = cost(server, &sized(&first, &last, item, size)).await;
                let told = format!("{name}: {item} × {size} twice: {status}, {growth} bytes, {time:?}");
                assert!(status < 500 && growth < most && time < Duration::from_millis(500), "{told}");
            }
        }
        for item in ["/", "/a", "%ea%b0%80", "?a=b&a=b", "a"] {
            let last = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            for size in [HEAD, 60 << 10] {
                let (status, growth, time) = cost(server, &sized("GET /", last, item, size)).await;
                let told = format!("{item} × {size}: {status}, {growth} bytes, {time:?}");
                assert_eq!(status == 431, size > HEAD, "{told}");
                assert!(growth < GROWTH && time < Duration::from_millis(500), "{told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused_in_the_readers_words() {
    for (server, paths) in &servers("refused").await {
        for path in paths {
            let first = format!("{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n");
            for (wanted, words) in [
                ("Accept-Language: ko\r\nAccept: text/html\r\n", "브라우저가 보낸 정보가 너무 많아요."),
                ("Accept-Language: en\r\nAccept: text/html\r\n", "Your browser sent too much data."),
                ("Accept: application/json\r\n", "\"code\":\"head-too-large\""),
            ] {
                let head = sized(&format!("{first}{wanted}X-Long: "), "\r\n\r\n", "a", HEAD + 1);
                let (status, answer) = ask(server, &head).await;
                assert_eq!(status, 431, "{path}: {answer}");
                assert!(answer.contains(words), "{path}: {answer}");
            }
            let head = sized(&format!("{first}X-Long: "), "\r\n\r\n", "a", HEAD);
            assert_ne!(ask(server, &head).await.0, 431, "{path}");
        }
    }
}
