//! The scenarios: each starts a server on an empty database and returns rows of the table.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::client::Clients;
use crate::http::Http;
use crate::server::{Engine, Server, Stack};
use crate::socket::{Counts, Latencies, Reader};

/// The highest acceptable p99 of acknowledgement and delivery.
const MAX_ACCEPTABLE_MS: f64 = 50.0;
/// The time a server has to return unused memory.
const COOL_DOWN: Duration = Duration::from_secs(12);
/// Concurrent connections that request pages.
const VISITORS: usize = 8;

/// One row of the table.
pub struct Figure {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
}

fn figure(what: impl Into<String>, value: f64, unit: &'static str) -> Figure {
    Figure { what: what.into(), value, unit }
}

fn mib(kib: usize) -> f64 {
    kib as f64 / 1024.0
}

/// A running server with users in a room.
struct Fixture {
    server: Server,
    clients: Clients,
    counts: Rc<Counts>,
}

impl Fixture {
    async fn new(stack: Stack, engine: &Engine) -> Self {
        let server = Server::start(stack, engine).await;
        let clients = Clients::sign_up(&server).await;
        Self { server, clients, counts: Rc::default() }
    }

    async fn readers(&self, sockets: usize) -> Rc<Vec<Reader>> {
        Rc::new(self.clients.open_readers(&self.clients.room, sockets, 0, &self.counts).await)
    }
}

/// Posts chats at an even rate, however late the replies are, and returns their latencies.
async fn post_at_rate(
    fixture: &Rc<Fixture>,
    rooms: &[String],
    readers: &Rc<Vec<Reader>>,
    rate: u32,
    time: Duration,
) -> Latencies {
    fixture.clients.open_connections(20).await;
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = Vec::new();
    for n in 0..rate as usize * time.as_secs() as usize {
        ticks.tick().await;
        let (fixture, readers, latencies) = (Rc::clone(fixture), Rc::clone(readers), Rc::clone(&latencies));
        let room = rooms[n % rooms.len()].clone();
        posts.push(tokio::task::spawn_local(async move {
            let started = Instant::now();
            fixture.clients.post_chat(&room, n, &readers, &fixture.counts).await;
            latencies.borrow_mut().add(started.elapsed());
        }));
    }
    for post in posts {
        post.await.unwrap();
    }
    Rc::into_inner(latencies).map(RefCell::into_inner).unwrap()
}

/// Measures deliveries with 500 sockets and 100 chats a second.
pub async fn fan_out(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let fixture = Rc::new(Fixture::new(stack, engine).await);
    let readers = fixture.readers(500).await;
    let rooms = [fixture.clients.room.clone()];
    post_at_rate(&fixture, &rooms, &readers, 100, Duration::from_secs(2)).await;
    fixture.counts.wait_for_all(&readers).await;
    fixture.counts.reset_latencies();
    let (cpu, before) = (fixture.server.cpu_seconds(), fixture.counts.deliveries.get());
    let acknowledged = post_at_rate(&fixture, &rooms, &readers, 100, Duration::from_secs(20)).await;
    fixture.counts.wait_for_all(&readers).await;
    let cpu = fixture.server.cpu_seconds() - cpu;
    let deliveries = (fixture.counts.deliveries.get() - before) as f64;
    let delivered = fixture.counts.latencies.borrow();
    vec![
        figure("500 sockets × 100 chats/s: deliveries per CPU second", deliveries / cpu, ""),
        figure("— chat acknowledged, p99", acknowledged.quantile(0.99), "ms"),
        figure("— chat delivered, p50", delivered.quantile(0.5), "ms"),
        figure("— chat delivered, p99", delivered.quantile(0.99), "ms"),
    ]
}

/// Measures what a chat costs that 5,000 sockets elsewhere are told the count of.
pub async fn unread(engine: &Engine) -> Vec<Figure> {
    let mut fixture = Fixture::new(Stack::Site, engine).await;
    let busy = fixture.clients.create_room("분주한 방").await;
    fixture.clients.visit(&busy).await;
    let fixture = Rc::new(fixture);
    let readers = fixture.readers(5_000).await;
    let rooms = [busy];
    post_at_rate(&fixture, &rooms, &readers, 10, Duration::from_secs(3)).await;
    let (rate, time) = (10, Duration::from_secs(20));
    let cpu = fixture.server.cpu_seconds();
    let acknowledged = post_at_rate(&fixture, &rooms, &readers, rate, time).await;
    let cpu = fixture.server.cpu_seconds() - cpu;
    let chats = f64::from(rate) * time.as_secs_f64();
    vec![
        figure("10 chats/s, 5,000 sockets elsewhere are told the count: CPU per chat", cpu * 1_000.0 / chats, "ms"),
        figure("— chat acknowledged, p99", acknowledged.quantile(0.99), "ms"),
    ]
}

/// Finds the highest rate of chats with 200 sockets and acceptable latencies.
pub async fn throughput(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let fixture = Rc::new(Fixture::new(stack, engine).await);
    let readers = fixture.readers(200).await;
    let (mut best_rate, mut best_writers, mut best_p99) = (0.0, 0, f64::NAN);
    for writers in [1, 2, 4, 8, 16, 32, 64, 96, 128, 192] {
        let (rate, p99) = post_in_a_loop(&fixture, &readers, writers, Duration::from_secs(4)).await;
        if p99 > MAX_ACCEPTABLE_MS * 2.0 {
            break;
        }
        if p99 <= MAX_ACCEPTABLE_MS && rate > best_rate {
            (best_rate, best_writers, best_p99) = (rate, writers, p99);
        }
    }
    vec![
        figure("200 sockets: chats stored per second, p99 ≤ 50 ms", best_rate, "/s"),
        figure(format!("— p99 with {best_writers} writers"), best_p99, "ms"),
    ]
}

/// Posts one chat after another from each writer. Returns the rate and the p99 in milliseconds.
async fn post_in_a_loop(
    fixture: &Rc<Fixture>,
    readers: &Rc<Vec<Reader>>,
    writers: usize,
    time: Duration,
) -> (f64, f64) {
    fixture.clients.open_connections(writers).await;
    fixture.counts.reset_latencies();
    let (acknowledged, posted) = (Rc::new(RefCell::new(Latencies::default())), Rc::new(Cell::new(0)));
    let (started, cpu) = (Instant::now(), fixture.server.cpu_seconds());
    let write = |n: usize| {
        let (fixture, readers) = (Rc::clone(fixture), Rc::clone(readers));
        let (acknowledged, posted) = (Rc::clone(&acknowledged), Rc::clone(&posted));
        tokio::task::spawn_local(async move {
            while started.elapsed() < time {
                let sent = Instant::now();
                fixture.clients.post_chat(&fixture.clients.room, n, &readers, &fixture.counts).await;
                acknowledged.borrow_mut().add(sent.elapsed());
                posted.set(posted.get() + 1);
            }
        })
    };
    join_all((0..writers).map(write)).await;
    fixture.counts.wait_for_all(readers).await;
    let seconds = started.elapsed().as_secs_f64();
    let rate = f64::from(posted.get()) / seconds;
    let p99 = acknowledged.borrow().quantile(0.99).max(fixture.counts.latencies.borrow().quantile(0.99));
    let load = (fixture.server.cpu_seconds() - cpu) / seconds * 100.0;
    eprintln!("    {writers} writers: {rate:.0} chats/s, p99 {p99:.1} ms, {load:.0} % of the server's core");
    (rate, p99)
}

/// Measures the memory of 10,000 idle sockets.
pub async fn idle(stack: Stack, engine: &Engine) -> Vec<Figure> {
    const SOCKETS: usize = 10_000;
    let fixture = Fixture::new(stack, engine).await;
    sleep(COOL_DOWN).await;
    let before = fixture.server.resident();
    let readers = fixture.readers(SOCKETS).await;
    sleep(COOL_DOWN).await;
    assert!(readers.iter().all(Reader::is_open));
    let each = (fixture.server.resident() - before) as f64 / SOCKETS as f64;
    vec![
        figure("resident memory after start and twenty sign-ups", mib(before), "MiB"),
        figure("10,000 idle sockets: resident memory each", each, "KiB"),
    ]
}

/// Requests a page in a loop. Returns the pages per CPU second and the p50 in milliseconds.
async fn request_pages(fixture: &Fixture, path: &str, time: Duration) -> (f64, f64) {
    let (count, latencies) = (Rc::new(Cell::new(0_u32)), Rc::new(RefCell::new(Latencies::default())));
    let visitors = join_all((0..VISITORS).map(|_| fixture.clients.connect())).await;
    let (cpu, end) = (fixture.server.cpu_seconds(), Instant::now() + time);
    let visit = |mut http: Http| {
        let (path, count, latencies) = (path.to_owned(), Rc::clone(&count), Rc::clone(&latencies));
        tokio::task::spawn_local(async move {
            while Instant::now() < end {
                let started = Instant::now();
                let page = http.get(&path).await;
                assert_eq!(page.status, 200);
                let chats = page.body.windows(9).filter(|bytes| bytes == b"id=\"chat-").count();
                assert_eq!(chats, 50, "chats on the page");
                latencies.borrow_mut().add(started.elapsed());
                count.set(count.get() + 1);
            }
        })
    };
    join_all(visitors.into_iter().map(visit)).await;
    let latencies = latencies.borrow();
    (f64::from(count.get()) / (fixture.server.cpu_seconds() - cpu), latencies.quantile(0.5))
}

/// Measures the page of a room with 50 chats.
pub async fn page(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let fixture = Fixture::new(stack, engine).await;
    let readers = fixture.readers(1).await;
    fixture.clients.open_connections(1).await;
    for _ in 0..60 {
        fixture.clients.post_chat(&fixture.clients.room, 0, &readers, &fixture.counts).await;
    }
    drop(readers);
    let room = &fixture.clients.room;
    request_pages(&fixture, room, Duration::from_secs(2)).await;
    let (rate, p50) = request_pages(&fixture, room, Duration::from_secs(8)).await;
    vec![
        figure("room page with 50 chats: pages per CPU second", rate, ""),
        figure("— p50 with eight visitors", p50, "ms"),
    ]
}

/// Compares pages of a room of 100 chats with pages of a room of 1,000,000 chats.
pub async fn history(engine: &Engine) -> Vec<Figure> {
    let mut fixture = Fixture::new(Stack::Site, engine).await;
    let short = fixture.clients.room.clone();
    let long = fixture.clients.create_room("긴 방").await;
    insert_chats(&fixture.server.database, &short, 100).await;
    insert_chats(&fixture.server.database, &long, 1_000_000).await;
    let mut figures = Vec::new();
    for (what, query) in [("latest page", ""), ("older page", "?before=")] {
        let path = |room: &str, chats: u32| {
            if query.is_empty() { room.to_owned() } else { format!("{room}{query}{}", chats * 2 / 3) }
        };
        let mut rates = Vec::new();
        for (room, chats) in [(&short, 100), (&long, 1_000_000)] {
            request_pages(&fixture, &path(room, chats), Duration::from_secs(1)).await;
            rates.push(request_pages(&fixture, &path(room, chats), Duration::from_secs(8)).await.0);
        }
        figures.push(figure(
            format!("{what} of 1,000,000 chats: cost relative to 100 chats"),
            rates[0] / rates[1],
            "×",
        ));
    }
    // A room of 100 chats has too few pages for this comparison.
    let medium = fixture.clients.create_room("중간 방").await;
    insert_chats(&fixture.server.database, &medium, 10_000).await;
    for (what, room, chats) in [("10,000", &medium, 10_000), ("1,000,000", &long, 1_000_000)] {
        let (p50, cpu) = request_uncached_pages(&fixture, room, chats).await;
        figures.push(figure(format!("2,000 uncached pages of {what} chats: p50"), p50, "ms"));
        figures.push(figure("— CPU time per page", cpu, "ms"));
    }
    figures
}

/// Requests 2,000 different pages. Returns the p50 and the CPU time per page in milliseconds.
async fn request_uncached_pages(fixture: &Fixture, room: &str, chats: u32) -> (f64, f64) {
    const PAGES: u32 = 2_000;
    let (mut http, mut latencies) = (fixture.clients.connect().await, Latencies::default());
    let cpu = fixture.server.cpu_seconds();
    for n in 0..PAGES {
        let before = 51 + n.wrapping_mul(2_654_435_761) % (chats - 50);
        let started = Instant::now();
        assert_eq!(http.get(&format!("{room}?before={before}")).await.status, 200);
        latencies.add(started.elapsed());
    }
    (latencies.quantile(0.5), (fixture.server.cpu_seconds() - cpu) / f64::from(PAGES) * 1e3)
}

/// Inserts log entries directly: posting a million chats takes too long.
async fn insert_chats(database: &str, room: &str, chats: i64) {
    let client = mongodb::Client::with_uri_str(database).await.unwrap();
    let database = client.default_database().unwrap();
    let room = ObjectId::parse_str(room.rsplit_once('/').unwrap().1).unwrap();
    let author = database.collection::<Document>("user").find_one(doc! {}).await.unwrap().unwrap();
    let (author, at) = (author.get_object_id("_id").unwrap(), DateTime::now());
    let log = database.collection::<Document>("chat");
    for first in (1..=chats).step_by(1_000) {
        let entry = |seq: i64| {
            doc! {
                "room": room, "seq": seq, "kind": "said", "no": seq, "author": author, "nonce": format!("fill-{seq}"),
                "text": format!("{seq}번째 이야기: 오늘 모임은 일곱 시에 사랑방에서 시작합니다."), "at": at,
            }
        };
        log.insert_many((first..first + 1_000.min(chats)).map(entry)).await.unwrap();
    }
    let head = doc! { "$set": { "last": { "seq": chats, "no": chats, "at": at } } };
    database.collection::<Document>("room").update_one(doc! { "_id": room }, head).await.unwrap();
}

/// Measures the latency of acknowledgements at 100 chats a second.
pub async fn acknowledgements(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let fixture = Rc::new(Fixture::new(stack, engine).await);
    let readers = fixture.readers(10).await;
    let rooms = [fixture.clients.room.clone()];
    let latencies = post_at_rate(&fixture, &rooms, &readers, 100, Duration::from_secs(20)).await;
    fixture.counts.wait_for_all(&readers).await;
    vec![
        figure("100 chats/s: acknowledged, p50", latencies.quantile(0.5), "ms"),
        figure("— p99", latencies.quantile(0.99), "ms"),
    ]
}

/// Measures how much 20 sign-ins a second delay acknowledgements.
pub async fn sign_ins(engine: &Engine) -> Vec<Figure> {
    let fixture = Rc::new(Fixture::new(Stack::Site, engine).await);
    let readers = fixture.readers(10).await;
    let rooms = [fixture.clients.room.clone()];
    let time = Duration::from_secs(20);
    let alone = post_at_rate(&fixture, &rooms, &readers, 100, time).await.quantile(0.99);
    let (port, signed_in) = (fixture.server.port, Rc::new(RefCell::new(Latencies::default())));
    let sign_ins = async {
        let mut ticks = interval(Duration::from_millis(50));
        let mut all = Vec::new();
        for n in 0..20 * time.as_secs() {
            ticks.tick().await;
            let signed_in = Rc::clone(&signed_in);
            all.push(tokio::task::spawn_local(async move {
                let started = Instant::now();
                let mut http = Http::connect(port).await.unwrap();
                let form = [("userId", &*format!("user-{}", n % 20)), ("userPassword", "password")];
                assert_eq!(http.post("/session", &form, "text/html").await.status, 303);
                signed_in.borrow_mut().add(started.elapsed());
            }));
        }
        join_all(all).await;
    };
    let (chats, _) = tokio::join!(post_at_rate(&fixture, &rooms, &readers, 100, time), sign_ins);
    let with_sign_ins = chats.quantile(0.99);
    vec![
        figure("100 chats/s alone: acknowledged, p99", alone, "ms"),
        figure("— with 20 sign-ins/s", with_sign_ins, "ms"),
        figure("— ratio", with_sign_ins / alone, "×"),
        figure("— sign-in, p99", signed_in.borrow().quantile(0.99), "ms"),
    ]
}

/// Cuts 5,000 sockets at once. All reconnect at once, after 100 missed chats.
pub async fn reconnect(engine: &Engine) -> Vec<Figure> {
    const SOCKETS: usize = 5_000;
    let fixture = Fixture::new(Stack::Site, engine).await;
    let (room, readers) = (&fixture.clients.room, fixture.readers(SOCKETS).await);
    fixture.clients.open_connections(20).await;
    let post = async |chats: usize, readers: &[Reader]| {
        join_all((0..chats).map(|n| fixture.clients.post_chat(room, n, readers, &fixture.counts))).await;
    };
    post(10, &readers).await;
    fixture.counts.wait_for_all(&readers).await;
    let since = fixture.clients.head(room).await;
    drop(readers);
    post(100, &[]).await;
    fixture.server.reset_peak();
    let (before, started) = (fixture.server.resident(), Instant::now());
    let caught_up = Rc::new(RefCell::new(Latencies::default()));
    let readers = join_all((0..SOCKETS).map(|n| {
        let (clients, caught_up) = (&fixture.clients, Rc::clone(&caught_up));
        let counts = Rc::clone(&fixture.counts);
        async move {
            let cookie = clients.cookie(n);
            let reader = Reader::open(Stack::Site, fixture.server.port, room, cookie, since, &counts).await;
            counts.wait_for(std::slice::from_ref(&reader), 100).await;
            caught_up.borrow_mut().add(started.elapsed());
            reader
        }
    }));
    assert!(readers.await.iter().all(|reader| reader.count.get() == 100), "each chat once");
    let caught_up = caught_up.borrow();
    vec![
        figure("5,000 sockets reconnect after 100 missed chats: half caught up", caught_up.quantile(0.5) / 1e3, "s"),
        figure("— all caught up", caught_up.quantile(1.0) / 1e3, "s"),
        figure("— additional resident memory, peak", mib(fixture.server.peak() - before), "MiB"),
    ]
}

/// Measures the time from exec to the first page.
pub async fn start(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let database = engine.new_database();
    // The first start creates the indexes.
    drop(Server::start_on(stack, database.clone()).await);
    let mut times = Latencies::default();
    for _ in 0..5 {
        times.add(Server::start_on(stack, database.clone()).await.start);
    }
    vec![figure("from exec to the first page, database running", times.quantile(0.5), "ms")]
}

/// Compares 200 chats a second in one room with the same rate over 1,000 rooms.
pub async fn rooms(engine: &Engine) -> Vec<Figure> {
    const ROOMS: usize = 1_000;
    let mut cpu_per_chat = Vec::new();
    for count in [1, ROOMS] {
        let mut fixture = Fixture::new(Stack::Site, engine).await;
        let mut rooms = Vec::new();
        let mut readers = Vec::new();
        for n in 0..count {
            let room = fixture.clients.create_room(&format!("방 {n}")).await;
            readers.extend(fixture.clients.open_readers(&room, 1, 0, &fixture.counts).await);
            rooms.push(room);
        }
        let (fixture, readers, time) = (Rc::new(fixture), Rc::new(readers), Duration::from_secs(20));
        // Warms up each room.
        post_at_rate(&fixture, &rooms, &readers, 200, Duration::from_secs(5)).await;
        let (cpu, before) = (fixture.server.cpu_seconds(), fixture.counts.deliveries.get());
        post_at_rate(&fixture, &rooms, &readers, 200, time).await;
        let chats = 200 * time.as_secs();
        while fixture.counts.deliveries.get() < before + chats {
            sleep(Duration::from_millis(10)).await;
        }
        cpu_per_chat.push((fixture.server.cpu_seconds() - cpu) / chats as f64 * 1e6);
    }
    vec![
        figure("200 chats/s in one room: CPU time per chat", cpu_per_chat[0], "µs"),
        figure("— over 1,000 rooms", cpu_per_chat[1], "µs"),
        figure("— ratio", cpu_per_chat[1] / cpu_per_chat[0], "×"),
    ]
}

/// Measures memory after a long run of chats, pages and readers who come and go.
pub async fn hour(engine: &Engine, seconds: u64) -> Vec<Figure> {
    let fixture = Rc::new(Fixture::new(Stack::Site, engine).await);
    sleep(COOL_DOWN).await;
    let before = fixture.server.resident();
    let (rooms, end) = ([fixture.clients.room.clone()], Instant::now() + Duration::from_secs(seconds));
    let visits = async {
        while Instant::now() < end {
            let mut http = fixture.clients.connect().await;
            for path in ["/room", &*rooms[0], "/user/me"] {
                // The machine may be busy with something else for a moment.
                assert!(matches!(http.get(path).await.status, 200 | 503));
            }
            let visitors = fixture.clients.open_readers(&rooms[0], 20, 0, &fixture.counts).await;
            sleep(Duration::from_millis(500)).await;
            drop(visitors);
        }
    };
    let chats = async {
        let readers = fixture.readers(200).await;
        while Instant::now() < end {
            post_at_rate(&fixture, &rooms, &readers, 50, Duration::from_secs(10)).await;
        }
        fixture.counts.wait_for_all(&readers).await;
    };
    tokio::join!(visits, chats);
    sleep(COOL_DOWN).await;
    vec![
        figure("resident memory before", mib(before), "MiB"),
        figure(format!("resident memory after {seconds} s of load"), mib(fixture.server.resident()), "MiB"),
        figure("— peak", mib(fixture.server.peak()), "MiB"),
    ]
}
