//! The rows of the table: each starts its server anew, on an empty database.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::guest::Guests;
use crate::http::Http;
use crate::server::{Engine, Server, Stack};
use crate::socket::{Reader, Tally, Waits};

/// The slowest hundredth of what people wait for, at most, in milliseconds.
const BEARABLE: f64 = 50.0;
/// How long a server has to give back what it does not need any more.
const SETTLED: Duration = Duration::from_secs(12);
/// Connections that pages are asked for over, at once.
const VISITORS: usize = 8;

/// One figure: what it is, and its value.
pub struct Figure {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
}

fn figure(what: impl Into<String>, value: f64, unit: &'static str) -> Figure {
    Figure { what: what.into(), value, unit }
}

/// A server with people in a room.
struct Scene {
    server: Server,
    guests: Guests,
    tally: Rc<Tally>,
}

impl Scene {
    async fn set(stack: Stack, engine: &Engine) -> Self {
        let server = Server::start(stack, engine).await;
        let guests = Guests::arrive(&server).await;
        Self { server, guests, tally: Rc::default() }
    }

    async fn readers(&self, sockets: usize) -> Rc<Vec<Reader>> {
        Rc::new(self.guests.follow(&self.guests.room, sockets, 0, &self.tally).await)
    }
}

/// Has chats said at an even rate, whatever the answers take; answers how long these took.
async fn at_rate(scene: &Rc<Scene>, rooms: &[String], readers: &Rc<Vec<Reader>>, rate: u32, time: Duration) -> Waits {
    scene.guests.warm(20).await;
    let waits = Rc::new(RefCell::new(Waits::default()));
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut said = Vec::new();
    for n in 0..rate as usize * time.as_secs() as usize {
        ticks.tick().await;
        let (scene, readers, waits) = (Rc::clone(scene), Rc::clone(readers), Rc::clone(&waits));
        let room = rooms[n % rooms.len()].clone();
        said.push(tokio::task::spawn_local(async move {
            let begun = Instant::now();
            scene.guests.say(&room, n, &readers, &scene.tally).await;
            waits.borrow_mut().add(begun.elapsed());
        }));
    }
    for said in said {
        said.await.unwrap();
    }
    Rc::into_inner(waits).map(RefCell::into_inner).unwrap()
}

/// 500 sockets, 100 chats a second: deliveries a second of the server's processor.
pub async fn fan_out(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let scene = Rc::new(Scene::set(stack, engine).await);
    let readers = scene.readers(500).await;
    let rooms = [scene.guests.room.clone()];
    at_rate(&scene, &rooms, &readers, 100, Duration::from_secs(2)).await;
    scene.tally.all_told(&readers).await;
    scene.tally.forget_waits();
    let (cpu, before) = (scene.server.cpu(), scene.tally.deliveries.get());
    let waits = at_rate(&scene, &rooms, &readers, 100, Duration::from_secs(20)).await;
    scene.tally.all_told(&readers).await;
    let cpu = scene.server.cpu() - cpu;
    let deliveries = (scene.tally.deliveries.get() - before) as f64;
    let told = scene.tally.waits.borrow();
    vec![
        figure("500 sockets × 100 chats/s: deliveries a processor second", deliveries / cpu, ""),
        figure("— a chat acknowledged, p99", waits.at(0.99), "ms"),
        figure("— a chat delivered, p50", told.at(0.5), "ms"),
        figure("— a chat delivered, p99", told.at(0.99), "ms"),
    ]
}

/// 200 sockets: how many chats a second are said while both acknowledgement and delivery are bearable.
pub async fn throughput(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let scene = Rc::new(Scene::set(stack, engine).await);
    let readers = scene.readers(200).await;
    let (mut best, mut at, mut worst) = (0.0, 0, f64::NAN);
    for sayers in [1, 2, 4, 8, 16, 32, 64, 96, 128, 192] {
        scene.guests.warm(sayers).await;
        let (acknowledged, end) = (Rc::new(RefCell::new(Waits::default())), Instant::now() + Duration::from_secs(4));
        scene.tally.forget_waits();
        let (begun, cpu, said) = (Instant::now(), scene.server.cpu(), Rc::new(Cell::new(0)));
        let say = |n: usize| {
            let (scene, readers, acknowledged, said) =
                (Rc::clone(&scene), Rc::clone(&readers), Rc::clone(&acknowledged), Rc::clone(&said));
            tokio::task::spawn_local(async move {
                while Instant::now() < end {
                    let asked = Instant::now();
                    scene.guests.say(&scene.guests.room, n, &readers, &scene.tally).await;
                    acknowledged.borrow_mut().add(asked.elapsed());
                    said.set(said.get() + 1);
                }
            })
        };
        join_all((0..sayers).map(say)).await;
        scene.tally.all_told(&readers).await;
        let rate = f64::from(said.get()) / begun.elapsed().as_secs_f64();
        let p99 = acknowledged.borrow().at(0.99).max(scene.tally.waits.borrow().at(0.99));
        let cpu = (scene.server.cpu() - cpu) / begun.elapsed().as_secs_f64();
        eprintln!("    {sayers} sayers: {rate:.0} chats/s, p99 {p99:.1} ms, {:.0} % of the server's core", cpu * 100.0);
        if p99 > BEARABLE * 2.0 {
            break;
        }
        if p99 <= BEARABLE && rate > best {
            (best, at, worst) = (rate, sayers, p99);
        }
    }
    vec![
        figure("200 sockets: chats stored a second, p99 ≤ 50 ms", best, "/s"),
        figure(format!("— p99 there, with {at} who speak"), worst, "ms"),
    ]
}

/// 10,000 sockets that nothing is sent to.
pub async fn idle(stack: Stack, engine: &Engine) -> Vec<Figure> {
    const SOCKETS: usize = 10_000;
    let scene = Scene::set(stack, engine).await;
    sleep(SETTLED).await;
    let before = scene.server.resident();
    let readers = scene.readers(SOCKETS).await;
    sleep(SETTLED).await;
    assert!(readers.iter().all(Reader::is_open));
    let each = (scene.server.resident() - before) as f64 / SOCKETS as f64;
    vec![
        figure("resident after start and twenty sign-ups", before as f64 / 1024.0, "MiB"),
        figure("10,000 idle sockets: resident each", each, "KiB"),
    ]
}

/// Pages a processor second.
async fn pages(server: &Server, guests: &Guests, path: &str, time: Duration) -> (f64, f64) {
    let (count, waits) = (Rc::new(Cell::new(0_u32)), Rc::new(RefCell::new(Waits::default())));
    let visitors = join_all((0..VISITORS).map(|_| guests.connection())).await;
    let (cpu, end) = (server.cpu(), Instant::now() + time);
    let visit = |mut http: Http| {
        let (path, count, waits) = (path.to_owned(), Rc::clone(&count), Rc::clone(&waits));
        tokio::task::spawn_local(async move {
            while Instant::now() < end {
                let begun = Instant::now();
                let page = http.get(&path).await;
                assert_eq!(page.status, 200);
                assert_eq!(
                    page.body.windows(9).filter(|bytes| bytes == b"id=\"chat-").count(),
                    50,
                    "chats on the page"
                );
                waits.borrow_mut().add(begun.elapsed());
                count.set(count.get() + 1);
            }
        })
    };
    join_all(visitors.into_iter().map(visit)).await;
    let waits = waits.borrow();
    (f64::from(count.get()) / (server.cpu() - cpu), waits.at(0.5))
}

/// The page of a room with 50 chats.
pub async fn page(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let scene = Scene::set(stack, engine).await;
    let readers = scene.readers(1).await;
    scene.guests.warm(1).await;
    for _ in 0..60 {
        scene.guests.say(&scene.guests.room, 0, &readers, &scene.tally).await;
    }
    drop(readers);
    let room = &scene.guests.room;
    pages(&scene.server, &scene.guests, room, Duration::from_secs(2)).await;
    let (rate, p50) = pages(&scene.server, &scene.guests, room, Duration::from_secs(8)).await;
    vec![
        figure("room page with 50 chats: pages a processor second", rate, ""),
        figure("— p50 with eight visitors", p50, "ms"),
    ]
}

/// The same and a page of the past in rooms of 100 and of 1,000,000 chats.
pub async fn history(engine: &Engine) -> Vec<Figure> {
    const PAGES: u32 = 2_000;
    let mut scene = Scene::set(Stack::Site, engine).await;
    let short = scene.guests.room.clone();
    let long = scene.guests.make_room("긴 방").await;
    fill(&scene.server.database, &short, 100).await;
    fill(&scene.server.database, &long, 1_000_000).await;
    let mut figures = Vec::new();
    for (what, query) in [("the latest page", ""), ("a page of the past", "?before=")] {
        let path = |room: &str, chats: u32| {
            if query.is_empty() { room.to_owned() } else { format!("{room}{query}{}", chats * 2 / 3) }
        };
        let mut rates = Vec::new();
        for (room, chats) in [(&short, 100), (&long, 1_000_000)] {
            pages(&scene.server, &scene.guests, &path(room, chats), Duration::from_secs(1)).await;
            rates.push(pages(&scene.server, &scene.guests, &path(room, chats), Duration::from_secs(8)).await.0);
        }
        figures.push(figure(format!("{what} of 1,000,000 chats costs, of 100 chats = 1"), rates[0] / rates[1], "×"));
    }
    // Each page once, so that nothing that is kept helps; which a room of 100 has too few for.
    let middling = scene.guests.make_room("중간 방").await;
    fill(&scene.server.database, &middling, 10_000).await;
    let mut waits = Vec::new();
    for (room, chats) in [(&middling, 10_000_u32), (&long, 1_000_000)] {
        let (mut http, mut times, cpu) = (scene.guests.connection().await, Waits::default(), scene.server.cpu());
        for n in 0..PAGES {
            let before = 51 + n.wrapping_mul(2_654_435_761) % (chats - 50);
            let begun = Instant::now();
            assert_eq!(http.get(&format!("{room}?before={before}")).await.status, 200);
            times.add(begun.elapsed());
        }
        waits.push((times.at(0.5), (scene.server.cpu() - cpu) / f64::from(PAGES) * 1e3));
    }
    for (what, (p50, cpu)) in ["10,000", "1,000,000"].into_iter().zip(waits) {
        figures.push(figure(format!("2,000 pages here and there, none kept, of {what} chats: p50"), p50, "ms"));
        figures.push(figure("— processor time each", cpu, "ms"));
    }
    figures
}

/// Writes a log by itself: saying a million chats would take longer than all the rest.
async fn fill(database: &str, room: &str, chats: i64) {
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
    let last = doc! { "$set": { "last": { "seq": chats, "no": chats, "at": at } } };
    database.collection::<Document>("room").update_one(doc! { "_id": room }, last).await.unwrap();
}

/// How long a chat waits for its acknowledgement, at 100 a second.
pub async fn acknowledgements(stack: Stack, engine: &Engine) -> Vec<Figure> {
    let scene = Rc::new(Scene::set(stack, engine).await);
    let readers = scene.readers(10).await;
    let waits = at_rate(&scene, std::slice::from_ref(&scene.guests.room), &readers, 100, Duration::from_secs(20)).await;
    scene.tally.all_told(&readers).await;
    vec![figure("100 chats/s: acknowledged, p50", waits.at(0.5), "ms"), figure("— p99", waits.at(0.99), "ms")]
}

/// The same with people who sign in beside it, twenty a second.
pub async fn sign_ins(engine: &Engine) -> Vec<Figure> {
    let scene = Rc::new(Scene::set(Stack::Site, engine).await);
    let readers = scene.readers(10).await;
    let rooms = [scene.guests.room.clone()];
    let time = Duration::from_secs(20);
    let alone = at_rate(&scene, &rooms, &readers, 100, time).await.at(0.99);
    let (port, signed_in) = (scene.server.port, Rc::new(RefCell::new(Waits::default())));
    let crowd = async {
        let mut ticks = interval(Duration::from_millis(50));
        let mut all = Vec::new();
        for n in 0..20 * time.as_secs() {
            ticks.tick().await;
            let signed_in = Rc::clone(&signed_in);
            all.push(tokio::task::spawn_local(async move {
                let begun = Instant::now();
                let mut http = Http::connect(port).await.unwrap();
                let form = [("userId", &*format!("guest-{}", n % 20)), ("userPassword", "password")];
                assert_eq!(http.post("/session", &form, "text/html").await.status, 303);
                signed_in.borrow_mut().add(begun.elapsed());
            }));
        }
        join_all(all).await;
    };
    let (beside, _) = tokio::join!(at_rate(&scene, &rooms, &readers, 100, time), crowd);
    let signed_in = signed_in.borrow();
    vec![
        figure("100 chats/s: acknowledged, p99, beside nothing", alone, "ms"),
        figure("— beside 20 sign-ins a second", beside.at(0.99), "ms"),
        figure("— that is", beside.at(0.99) / alone, "×"),
        figure("— a sign-in there, p99", signed_in.at(0.99), "ms"),
    ]
}

/// 5,000 sockets are cut at once and come back at once, each having missed 100 chats.
pub async fn cut(engine: &Engine) -> Vec<Figure> {
    const SOCKETS: usize = 5_000;
    let scene = Scene::set(Stack::Site, engine).await;
    let (room, readers) = (&scene.guests.room, scene.readers(SOCKETS).await);
    scene.guests.warm(20).await;
    let all = async |chats: usize, readers: &[Reader]| {
        join_all((0..chats).map(|n| scene.guests.say(room, n, readers, &scene.tally))).await;
    };
    all(10, &readers).await;
    scene.tally.all_told(&readers).await;
    let since = scene.guests.upto(room).await;
    drop(readers);
    all(100, &[]).await;
    scene.server.forget_peak();
    let (before, begun, whole) = (scene.server.resident(), Instant::now(), Rc::new(RefCell::new(Waits::default())));
    let back = join_all((0..SOCKETS).map(|n| {
        let (guests, whole) = (&scene.guests, Rc::clone(&whole));
        let tally = Rc::clone(&scene.tally);
        async move {
            let reader = Reader::open(Stack::Site, scene.server.port, room, guests.cookie(n), since, &tally).await;
            tally.told(std::slice::from_ref(&reader), 100).await;
            whole.borrow_mut().add(begun.elapsed());
            reader
        }
    }));
    let readers = back.await;
    assert!(readers.iter().all(|reader| reader.count.get() == 100), "each once");
    let whole = whole.borrow();
    vec![
        figure("5,000 sockets cut at once, 100 chats missed by each: half of them whole", whole.at(0.5) / 1e3, "s"),
        figure("— all whole", whole.at(1.0) / 1e3, "s"),
        figure("— resident more, at most", (scene.server.peak() - before) as f64 / 1024.0, "MiB"),
    ]
}

/// From the start of the program to its first page.
pub async fn start(stack: Stack, engine: &Engine) -> Vec<Figure> {
    // On a database that is set up already.
    let database = engine.new_database();
    drop(Server::start_on(stack, database.clone()).await);
    let mut times = Waits::default();
    for _ in 0..5 {
        times.add(Server::start_on(stack, database.clone()).await.start);
    }
    vec![figure("from exec to the first page, database up", times.at(0.5), "ms")]
}

/// 200 chats a second in one room, then spread over a thousand, one reader each.
pub async fn rooms(engine: &Engine) -> Vec<Figure> {
    const ROOMS: usize = 1_000;
    let mut each = Vec::new();
    for count in [1, ROOMS] {
        let mut scene = Scene::set(Stack::Site, engine).await;
        let mut rooms = Vec::new();
        let mut readers = Vec::new();
        for n in 0..count {
            let room = scene.guests.make_room(&format!("방 {n}")).await;
            readers.extend(scene.guests.follow(&room, 1, 0, &scene.tally).await);
            rooms.push(room);
        }
        let (scene, readers, time) = (Rc::new(scene), Rc::new(readers), Duration::from_secs(20));
        // Each room is spoken in once before.
        at_rate(&scene, &rooms, &readers, 200, Duration::from_secs(5)).await;
        let (cpu, before) = (scene.server.cpu(), scene.tally.deliveries.get());
        at_rate(&scene, &rooms, &readers, 200, time).await;
        let chats = 200 * time.as_secs();
        while scene.tally.deliveries.get() < before + chats {
            sleep(Duration::from_millis(10)).await;
        }
        each.push((scene.server.cpu() - cpu) / chats as f64 * 1e6);
    }
    vec![
        figure("200 chats/s in one room: processor time a chat", each[0], "µs"),
        figure("— over 1,000 rooms", each[1], "µs"),
        figure("— that is", each[1] / each[0], "×"),
    ]
}

/// An hour, or `seconds`, of talk, pages, people who come and go.
pub async fn hour(engine: &Engine, seconds: u64) -> Vec<Figure> {
    let scene = Rc::new(Scene::set(Stack::Site, engine).await);
    sleep(SETTLED).await;
    let before = scene.server.resident();
    let (rooms, end) = ([scene.guests.room.clone()], Instant::now() + Duration::from_secs(seconds));
    let visits = async {
        while Instant::now() < end {
            let mut http = scene.guests.connection().await;
            for path in ["/room", &*rooms[0], "/user/me"] {
                // An hour has moments in which the machine does something else.
                assert!(matches!(http.get(path).await.status, 200 | 503));
            }
            let passing = scene.guests.follow(&rooms[0], 20, 0, &scene.tally).await;
            sleep(Duration::from_millis(500)).await;
            drop(passing);
        }
    };
    let talk = async {
        let readers = scene.readers(200).await;
        while Instant::now() < end {
            at_rate(&scene, &rooms, &readers, 50, Duration::from_secs(10)).await;
        }
        scene.tally.all_told(&readers).await;
    };
    tokio::join!(visits, talk);
    sleep(SETTLED).await;
    vec![
        figure("resident before", before as f64 / 1024.0, "MiB"),
        figure(
            format!("resident after {seconds} s of load, nobody there"),
            scene.server.resident() as f64 / 1024.0,
            "MiB",
        ),
        figure("— at most", scene.server.peak() as f64 / 1024.0, "MiB"),
    ]
}
