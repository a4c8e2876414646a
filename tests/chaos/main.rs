//! Nothing lost, nothing twice, whatever breaks: two sites on one database, an image server, fifty people who talk, edit,
//! remove and send again what had no answer, and readers whose sockets break; and every few seconds a process is killed,
//! stopped or started again, or all connections to a site are cut. At the end the log, every acknowledgement and every
//! reader's page must agree.
//!
//! `bin/faults [minutes [seed]]`. As a test it runs for a minute with a seed of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../site/helpers/mod.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod helpers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use sarangbang::process::Engine;
use tokio::process::Child;
use tokio::time::sleep;

use helpers::images::{encoded, free_port, quarters};
use helpers::page::Page;
use helpers::person::{Answer, Person};
use helpers::process::{command, engines, kill, unlimit};
use helpers::proxy::Proxy;
use helpers::random::Random;
use helpers::site::{database_on, folder};
use helpers::until;

const PEOPLE: usize = 50;
const READERS: usize = 12;
/// Of a run that was given none.
const SEED: u64 = 20_261_124;

fn main() {
    let mut words = std::env::args().skip(1);
    let minutes = match words.next().map(|word| word.parse::<f64>()) {
        None => 1.0,
        Some(Ok(minutes)) => minutes,
        // Names of other tests were asked for.
        Some(Err(_)) => return,
    };
    let seed = words.next().and_then(|word| word.parse().ok()).unwrap_or(SEED);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(Duration::from_secs_f64(minutes * 60.0), seed));
}

/// What is known of one chat by who said it.
#[derive(Default)]
struct Known {
    seq: i64,
    /// All texts that were sent for it, in order, and the place of the last acknowledged one.
    texts: Vec<String>,
    acknowledged: usize,
    /// Whether its removal was asked for, and whether that was acknowledged.
    removing: bool,
    removed: bool,
}

/// What everybody shares.
struct World {
    /// Where people reach the two sites.
    sites: [String; 2],
    room: String,
    over: AtomicBool,
    /// The chats that were acknowledged, by nonce.
    known: Mutex<HashMap<String, Known>>,
    /// The nonces that were sent.
    sent: Mutex<HashSet<String>>,
    counts: Mutex<BTreeMap<String, usize>>,
    reconnects: AtomicUsize,
}

impl World {
    fn count(&self, what: impl Into<String>) {
        *self.counts.lock().unwrap().entry(what.into()).or_default() += 1;
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// One person: says one thing after the other, wherever a site answers.
struct Talker {
    world: Arc<World>,
    at: [Person; 2],
    name: String,
    random: Random,
    site: usize,
}

impl Talker {
    /// Sends a form until it has an answer that is one; gives up when the world is over and `must` is not set.
    async fn send(&mut self, method: &str, path: &str, form: &[(&str, &str)], must: bool) -> Option<(u16, Answer)> {
        loop {
            let request = self.at[self.site].request(method, path).header("Accept", "application/json").form(form);
            let answer = request.timeout(Duration::from_secs(8)).send().await.ok();
            if let Some(answer) = answer {
                let status = answer.status();
                assert!(
                    status.is_success() || matches!(status.as_u16(), 404 | 422 | 503),
                    "{method} {path}: {status} {}",
                    answer.text().await.unwrap_or_default()
                );
                if status != StatusCode::SERVICE_UNAVAILABLE
                    && let Ok(body) = answer.text().await
                {
                    let answer =
                        Answer { status: status.as_u16(), location: None, cookie: None, retry_after: None, body };
                    return Some((answer.status, answer));
                }
                self.world.count("answered 503 or cut");
            } else {
                self.world.count("no answer");
            }
            if self.world.is_over() && !must {
                return None;
            }
            self.site = 1 - self.site;
            sleep(Duration::from_millis(50 + self.random.below(300) as u64)).await;
        }
    }

    async fn say(&mut self, n: usize) -> String {
        let (nonce, text) = (format!("{}-{n}", self.name), format!("{} says {n}", self.name));
        self.world.sent.lock().unwrap().insert(nonce.clone());
        let path = format!("{}/chat", self.world.room);
        let form = [("text", text.as_str()), ("nonce", nonce.as_str())];
        let (status, answer) = self.send("POST", &path, &form, true).await.unwrap();
        assert!(matches!(status, 200 | 201), "{status} {}", answer.body);
        self.world.count(if status == 201 { "said" } else { "said, and told again" });
        let known =
            Known { seq: answer.json()["seq"].as_i64().unwrap(), texts: vec![text.clone()], ..Known::default() };
        self.world.known.lock().unwrap().insert(nonce.clone(), known);
        // Now and then it is sent once more, as by somebody who did not see the answer.
        if self.random.below(5) == 0 {
            let (again, second) = self.send("POST", &path, &form, true).await.unwrap();
            assert_eq!((again, &second.json()["seq"]), (200, &answer.json()["seq"]));
            self.world.count("sent twice");
        }
        nonce
    }

    async fn edit(&mut self, nonce: &str, n: usize) {
        let text = format!("{} edits {n}", self.name);
        let path = {
            let mut known = self.world.known.lock().unwrap();
            let chat = known.get_mut(nonce).unwrap();
            chat.texts.push(text.clone());
            format!("{}/chat/{}", self.world.room, chat.seq)
        };
        if let Some((status, _)) = self.send("PUT", &path, &[("text", &text)], false).await {
            let mut known = self.world.known.lock().unwrap();
            let chat = known.get_mut(nonce).unwrap();
            assert!(status == 200 || chat.removing, "edited: {status}");
            chat.acknowledged = chat.texts.len() - 1;
            drop(known);
            self.world.count("edited");
        }
    }

    async fn remove(&mut self, nonce: &str) {
        let path = {
            let mut known = self.world.known.lock().unwrap();
            let chat = known.get_mut(nonce).unwrap();
            chat.removing = true;
            format!("{}/chat/{}", self.world.room, chat.seq)
        };
        if let Some((status, _)) = self.send("DELETE", &path, &[], false).await {
            assert_eq!(status, 204, "removed");
            self.world.known.lock().unwrap().get_mut(nonce).unwrap().removed = true;
            self.world.count("removed");
        }
    }

    async fn reload(&mut self) {
        let request = self.at[self.site].request("GET", &self.world.room).timeout(Duration::from_secs(8));
        if let Ok(answer) = request.send().await
            && answer.status().is_success()
            && let Ok(html) = answer.text().await
        {
            Page::read(&html);
            self.world.count("reloaded");
        }
    }

    async fn picture(&mut self) {
        let request = self.at[self.site].request("GET", "/user/me").timeout(Duration::from_secs(8));
        let Ok(answer) = request.send().await else { return };
        let Ok(page) = answer.text().await else { return };
        let attribute = |css, name| helpers::page::attribute_of(&page, css, name);
        let (Some(ticket), Some(to)) = (attribute("#picture [name=ticket]", "value"), attribute("#picture", "action"))
        else {
            return self.world.count("no pictures right now");
        };
        let side = 64 + self.random.below(64) as u32;
        let photo = encoded(&quarters(side, side), image::ImageFormat::Png);
        let form = reqwest::multipart::Form::new().text("ticket", ticket);
        let form = form.part("picture", reqwest::multipart::Part::bytes(photo).file_name("a.png"));
        let sent = reqwest::Client::new().post(to).header("Accept", "application/json").multipart(form);
        match sent.timeout(Duration::from_secs(8)).send().await {
            Ok(answer) if answer.status() == 201 => self.world.count("pictures sent"),
            _ => self.world.count("pictures not sent"),
        }
    }

    async fn live(mut self) {
        let mut own = Vec::new();
        for n in 0.. {
            if self.world.is_over() {
                return;
            }
            match self.random.below(100) {
                0..70 => {
                    let nonce = self.say(n).await;
                    own.push(nonce);
                }
                70..84 if !own.is_empty() => {
                    let nonce = own[self.random.below(own.len())].clone();
                    self.edit(&nonce, n).await;
                }
                84..89 if !own.is_empty() => {
                    let nonce = own.swap_remove(self.random.below(own.len()));
                    self.remove(&nonce).await;
                }
                89..91 => self.picture().await,
                _ => self.reload().await,
            }
            sleep(Duration::from_millis(100 + self.random.below(900) as u64)).await;
        }
    }
}

/// Follows the room wherever a site lets it, until it has seen all up to `last`.
async fn read(world: Arc<World>, at: [Person; 2], mut site: usize, last: Arc<Mutex<Option<i64>>>) -> Page {
    let mut page = Page::default();
    loop {
        let since = format!("?since={}", page.upto);
        let connected = tokio::time::timeout(Duration::from_secs(5), at[site].connect(&world.room, &since)).await;
        if let Ok(Some(mut live)) = connected {
            loop {
                if last.lock().unwrap().is_some_and(|last| page.upto >= last) {
                    return page;
                }
                match tokio::time::timeout(Duration::from_secs(1), live.hear()).await {
                    Ok(Ok(message)) if message.starts_with("<chat-feed") => page.place(&message),
                    Ok(Ok(_)) => {}
                    Ok(Err(code)) => {
                        assert!(!matches!(code, Some(4401 | 4404 | 4409)), "a reader was sent away: {code:?}");
                        break;
                    }
                    Err(_) => {}
                }
            }
        }
        world.reconnects.fetch_add(1, Ordering::Relaxed);
        site = 1 - site;
        sleep(Duration::from_millis(200)).await;
    }
}

/// A program that is started again, on its own port and folder.
struct Program {
    name: &'static str,
    start: Box<dyn Fn() -> Child + Send>,
    child: Child,
}

impl Program {
    fn new(name: &'static str, start: impl Fn() -> Child + Send + 'static) -> Self {
        let child = start();
        Self { name, start: Box::new(start), child }
    }

    fn signal(&self, signal: &str) {
        if let Some(id) = self.child.id() {
            kill(signal, id);
        }
    }
}

async fn break_things(
    world: Arc<World>,
    mut programs: Vec<Program>,
    proxies: Arc<Vec<Proxy>>,
    var: std::path::PathBuf,
    mut random: Random,
) -> Vec<Program> {
    while !world.is_over() {
        sleep(Duration::from_millis(1_500 + random.below(3_000) as u64)).await;
        let pause = Duration::from_millis(500 + random.below(3_500) as u64);
        match random.below(10) {
            kind @ 0..6 => {
                let which = random.below(programs.len());
                let program = &mut programs[which];
                let signal = ["KILL", "KILL", "STOP", "STOP", "TERM", "TERM"][kind];
                world.count(format!("{} {}", program.name, signal));
                program.signal(signal);
                if signal == "STOP" {
                    sleep(pause).await;
                    program.signal("CONT");
                } else {
                    let _ = program.child.wait().await;
                    sleep(pause / 4).await;
                    program.child = (program.start)();
                }
            }
            kind @ 6..8 => {
                let signal = if kind == 6 { "KILL" } else { "STOP" };
                world.count(format!("engine {signal}"));
                let processes = engines(&var);
                processes.iter().for_each(|process| kill(signal, *process));
                if signal == "STOP" {
                    sleep(pause).await;
                    processes.iter().for_each(|process| kill("CONT", *process));
                }
            }
            kind => {
                world.count("connections cut");
                proxies[kind % 2].cut();
            }
        }
    }
    programs
}

async fn run(time: Duration, seed: u64) {
    println!("faults: {} s, seed {seed}", time.as_secs());
    let var = folder("faults");
    let engine_var = var.join("engine");
    std::fs::create_dir_all(&engine_var).unwrap();
    let engine = Engine::start(&engine_var).await.unwrap();
    let database = database_on(engine.url(), 0);
    let images_port = free_port();
    let ports = [free_port(), free_port()];
    let site = |name: &'static str, port: u16| {
        let (var, database) = (var.clone(), database.clone());
        Program::new(name, move || {
            let mut command = command(&var);
            command.arg("site").env("ROCKET_PORT", port.to_string()).stdout(std::process::Stdio::null());
            command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
            command.env("ROCKET_IMAGES", format!("{{port={images_port}}}")).env("RUST_LOG", "error");
            unlimit(&mut command).spawn().unwrap()
        })
    };
    let mut programs = vec![site("site 1", ports[0]), site("site 2", ports[1])];
    let images = var.clone();
    programs.push(Program::new("images", move || {
        let mut command = command(&images);
        command.arg("images").env("ROCKET_IMAGES", format!("{{port={images_port}}}"));
        command.env("ROCKET_PORT", ports[0].to_string()).env("RUST_LOG", "error");
        unlimit(&mut command).stdout(std::process::Stdio::null()).spawn().unwrap()
    }));
    let mut proxies = Vec::new();
    for port in ports {
        let address = format!("http://127.0.0.1:{port}");
        until("the sites to answer", || async { reqwest::get(format!("{address}/health")).await.ok() }).await;
        proxies.push(Proxy::before(&address, || false).await);
    }
    let sites = [proxies[0].address.clone(), proxies[1].address.clone()];
    let proxies = Arc::new(proxies);

    let host = Person::new(&sites[0]);
    host.sign_up("host").await;
    let room = host.make_room("faults").await;
    let world = Arc::new(World {
        sites,
        room,
        over: AtomicBool::new(false),
        known: Mutex::default(),
        sent: Mutex::default(),
        counts: Mutex::default(),
        reconnects: AtomicUsize::new(0),
    });
    let mut random = Random::new(seed);
    let mut talkers = Vec::new();
    for n in 0..PEOPLE {
        let name = format!("person{n}");
        let one = Person::new(&world.sites[0]);
        one.sign_up(&name).await;
        let other = Person::with_cookie(&world.sites[1], one.cookie().unwrap());
        let random = Random::new(seed.wrapping_add(n as u64 * 7_919));
        talkers.push(Talker { world: Arc::clone(&world), at: [one, other], name, random, site: n % 2 });
    }
    let last = Arc::new(Mutex::new(None));
    let mut readers = Vec::new();
    for n in 0..READERS {
        let cookie = host.cookie().unwrap();
        let at = [0, 1].map(|site| Person::with_cookie(&world.sites[site], cookie.clone()));
        readers.push(tokio::spawn(read(Arc::clone(&world), at, n % 2, Arc::clone(&last))));
    }
    let breaking = tokio::spawn(break_things(
        Arc::clone(&world),
        programs,
        Arc::clone(&proxies),
        engine_var.clone(),
        Random::new(random.below(1 << 30) as u64),
    ));
    let talking: Vec<_> = talkers.into_iter().map(|talker| tokio::spawn(talker.live())).collect();

    let begun = Instant::now();
    sleep(time).await;
    world.over.store(true, Ordering::Relaxed);
    let programs = breaking.await.unwrap();
    for talker in talking {
        talker.await.unwrap();
    }
    println!("broken and talked for {} s; all that was sent has its answer", begun.elapsed().as_secs());

    let faults = check(&world, &database, readers, last, &host).await;
    for (what, count) in world.counts.lock().unwrap().iter() {
        println!("{count:>8}  {what}");
    }
    println!("{:>8}  reconnects of readers", world.reconnects.load(Ordering::Relaxed));
    for program in programs {
        program.signal("TERM");
        let mut child = program.child;
        let _ = child.wait().await;
    }
    engine.stop().await;
    assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
    println!("nothing lost, nothing twice");
}

/// What does not agree at the end.
async fn check(
    world: &World,
    database: &str,
    readers: Vec<tokio::task::JoinHandle<Page>>,
    last: Arc<Mutex<Option<i64>>>,
    host: &Person,
) -> Vec<String> {
    let mut faults = Vec::new();
    let client = Client::with_uri_str(database).await.unwrap();
    let chats = client.default_database().unwrap().collection::<Document>("chat");
    let mut entries: Vec<Document> = chats.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    entries.sort_by_key(|entry| entry.get_i64("seq").unwrap());
    for (seq, entry) in (1..).zip(&entries) {
        if entry.get_i64("seq").unwrap() != seq {
            faults.push(format!("the log has a gap, or an entry twice, at {seq}"));
            break;
        }
    }
    let mut nonces: HashMap<&str, i64> = HashMap::new();
    for entry in &entries {
        if let Ok(nonce) = entry.get_str("nonce")
            && nonces.insert(nonce, entry.get_i64("seq").unwrap()).is_some()
        {
            faults.push(format!("{nonce} was said twice"));
        }
    }
    let sent = world.sent.lock().unwrap().clone();
    faults.extend(nonces.keys().filter(|nonce| !sent.contains(**nonce)).map(|nonce| format!("nobody sent {nonce}")));

    let top = entries.last().map_or(0, |entry| entry.get_i64("seq").unwrap());
    *last.lock().unwrap() = Some(top);
    let mut pages = Vec::new();
    for site in &world.sites {
        pages.push(Person::with_cookie(site, host.cookie().unwrap()).reload_all(&world.room).await);
    }
    for reader in readers {
        pages.push(helpers::soon("a reader to have seen all", reader).await.unwrap());
    }
    for (n, page) in pages.iter().enumerate().skip(1) {
        if page.chats != pages[0].chats {
            faults.push(format!("reader {n} sees something else than a reload"));
        }
    }
    let known = world.known.lock().unwrap();
    for (nonce, chat) in known.iter() {
        if nonces.get(nonce.as_str()) != Some(&chat.seq) {
            faults.push(format!("{nonce} was acknowledged as {} and is {:?}", chat.seq, nonces.get(nonce.as_str())));
        }
        let Some(shown) = pages[0].chats.get(&chat.seq) else {
            faults.push(format!("{nonce} is not shown"));
            continue;
        };
        let may_be = &chat.texts[chat.acknowledged..];
        if chat.removed && !shown.removed || shown.removed && !chat.removing {
            faults.push(format!("{nonce} was removed: {} and is shown so: {}", chat.removed, shown.removed));
        } else if !shown.removed && !may_be.contains(&shown.text) {
            faults.push(format!("{nonce} says {:?}, of {may_be:?}", shown.text));
        }
    }
    println!("{top} entries, {} acknowledged chats, {} readers", known.len(), pages.len());
    faults
}
