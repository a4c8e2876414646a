//! Chaos test: no chat is lost and none is stored twice.
//!
//! Fifty users chat on two instances with one database and an image server. They post, edit, remove, and retry requests
//! without a reply. Readers reconnect whenever their socket breaks. Every few seconds the test kills, stops or restarts
//! a process, or cuts all connections to an instance. At the end the log, all acknowledgements and all pages must agree.
//!
//! `bin/chaos [minutes [seed]]`. As part of the test suite it runs for a minute with a fixed seed.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../site/helpers/mod.rs"]
#[allow(dead_code, reason = "the site tests use all helpers")]
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

const USERS: usize = 50;
const READERS: usize = 12;
/// The seed of a run without a seed argument.
const DEFAULT_SEED: u64 = 20_261_124;

fn main() {
    let mut args = std::env::args().skip(1);
    let minutes = match args.next().map(|arg| arg.parse::<f64>()) {
        None => 1.0,
        Some(Ok(minutes)) => minutes,
        // A test filter of `cargo test` that names other tests.
        Some(Err(_)) => return,
    };
    let seed = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(DEFAULT_SEED);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(Duration::from_secs_f64(minutes * 60.0), seed));
}

/// The author's record of one chat.
#[derive(Default)]
struct ExpectedChat {
    seq: i64,
    /// All texts that the author sent, in order.
    texts: Vec<String>,
    /// The index of the last acknowledged text.
    acknowledged: usize,
    removal_sent: bool,
    removal_acknowledged: bool,
}

/// The state that all tasks share.
struct World {
    /// The URLs of the two instances, through their proxies.
    instances: [String; 2],
    room: String,
    finished: AtomicBool,
    /// The acknowledged chats, by nonce.
    expected: Mutex<HashMap<String, ExpectedChat>>,
    sent_nonces: Mutex<HashSet<String>>,
    counts: Mutex<BTreeMap<String, usize>>,
    reconnects: AtomicUsize,
}

impl World {
    fn count(&self, what: impl Into<String>) {
        *self.counts.lock().unwrap().entry(what.into()).or_default() += 1;
    }

    fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }
}

/// A user who posts, edits and removes chats on whichever instance answers.
struct Writer {
    world: Arc<World>,
    /// The user's client for each instance.
    clients: [Person; 2],
    name: String,
    random: Random,
    /// The index of the current instance.
    instance: usize,
}

impl Writer {
    /// Sends a form until a reply other than 503 arrives. Without `required` it gives up when the run is finished.
    async fn send(&mut self, method: &str, path: &str, form: &[(&str, &str)], required: bool) -> Option<(u16, Answer)> {
        loop {
            let request =
                self.clients[self.instance].request(method, path).header("Accept", "application/json").form(form);
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
                self.world.count("replies 503 or cut");
            } else {
                self.world.count("requests without reply");
            }
            if self.world.is_finished() && !required {
                return None;
            }
            self.instance = 1 - self.instance;
            sleep(Duration::from_millis(50 + self.random.below(300) as u64)).await;
        }
    }

    async fn post(&mut self, n: usize) -> String {
        let (nonce, text) = (format!("{}-{n}", self.name), format!("{} says {n}", self.name));
        self.world.sent_nonces.lock().unwrap().insert(nonce.clone());
        let path = format!("{}/chat", self.world.room);
        let form = [("text", text.as_str()), ("nonce", nonce.as_str())];
        let (status, answer) = self.send("POST", &path, &form, true).await.unwrap();
        assert!(matches!(status, 200 | 201), "{status} {}", answer.body);
        self.world.count(if status == 201 { "posted" } else { "posted, confirmed by a retry" });
        let seq = answer.json()["seq"].as_i64().unwrap();
        let expected = ExpectedChat { seq, texts: vec![text.clone()], ..ExpectedChat::default() };
        self.world.expected.lock().unwrap().insert(nonce.clone(), expected);
        // A client that missed the reply sends the same form again.
        if self.random.below(5) == 0 {
            let (status, second) = self.send("POST", &path, &form, true).await.unwrap();
            assert_eq!((status, &second.json()["seq"]), (200, &answer.json()["seq"]));
            self.world.count("sent twice");
        }
        nonce
    }

    async fn edit(&mut self, nonce: &str, n: usize) {
        let text = format!("{} edits {n}", self.name);
        let path = {
            let mut expected = self.world.expected.lock().unwrap();
            let chat = expected.get_mut(nonce).unwrap();
            chat.texts.push(text.clone());
            format!("{}/chat/{}", self.world.room, chat.seq)
        };
        if let Some((status, _)) = self.send("PUT", &path, &[("text", &text)], false).await {
            let mut expected = self.world.expected.lock().unwrap();
            let chat = expected.get_mut(nonce).unwrap();
            assert!(status == 200 || chat.removal_sent, "edited: {status}");
            chat.acknowledged = chat.texts.len() - 1;
            drop(expected);
            self.world.count("edited");
        }
    }

    async fn remove(&mut self, nonce: &str) {
        let path = {
            let mut expected = self.world.expected.lock().unwrap();
            let chat = expected.get_mut(nonce).unwrap();
            chat.removal_sent = true;
            format!("{}/chat/{}", self.world.room, chat.seq)
        };
        if let Some((status, _)) = self.send("DELETE", &path, &[], false).await {
            assert_eq!(status, 204, "removed");
            self.world.expected.lock().unwrap().get_mut(nonce).unwrap().removal_acknowledged = true;
            self.world.count("removed");
        }
    }

    async fn reload(&mut self) {
        let request = self.clients[self.instance].request("GET", &self.world.room).timeout(Duration::from_secs(8));
        if let Ok(answer) = request.send().await
            && answer.status().is_success()
            && let Ok(html) = answer.text().await
        {
            Page::read(&html);
            self.world.count("reloaded");
        }
    }

    async fn upload_picture(&mut self) {
        let request = self.clients[self.instance].request("GET", "/user/me").timeout(Duration::from_secs(8));
        let Ok(answer) = request.send().await else { return };
        let Ok(page) = answer.text().await else { return };
        let attribute = |css, name| helpers::page::attribute_of(&page, css, name);
        let (Some(ticket), Some(url)) = (attribute("#picture [name=ticket]", "value"), attribute("#picture", "action"))
        else {
            return self.world.count("account page without upload form");
        };
        let side = 64 + self.random.below(64) as u32;
        let photo = encoded(&quarters(side, side), image::ImageFormat::Png);
        let form = reqwest::multipart::Form::new().text("ticket", ticket);
        let form = form.part("picture", reqwest::multipart::Part::bytes(photo).file_name("a.png"));
        let sent = reqwest::Client::new().post(url).header("Accept", "application/json").multipart(form);
        match sent.timeout(Duration::from_secs(8)).send().await {
            Ok(answer) if answer.status() == 201 => self.world.count("pictures uploaded"),
            _ => self.world.count("picture uploads failed"),
        }
    }

    async fn run(mut self) {
        let mut own = Vec::new();
        for n in 0.. {
            if self.world.is_finished() {
                return;
            }
            match self.random.below(100) {
                0..70 => {
                    let nonce = self.post(n).await;
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
                89..91 => self.upload_picture().await,
                _ => self.reload().await,
            }
            sleep(Duration::from_millis(100 + self.random.below(900) as u64)).await;
        }
    }
}

/// Reads the room on whichever instance answers, until the page has reached the final head.
async fn read(world: Arc<World>, clients: [Person; 2], mut instance: usize, head: Arc<Mutex<Option<i64>>>) -> Page {
    let mut page = Page::default();
    loop {
        let since = format!("?since={}", page.upto);
        let connected =
            tokio::time::timeout(Duration::from_secs(5), clients[instance].connect(&world.room, &since)).await;
        if let Ok(Some(mut live)) = connected {
            loop {
                if head.lock().unwrap().is_some_and(|head| page.upto >= head) {
                    return page;
                }
                match tokio::time::timeout(Duration::from_secs(1), live.hear()).await {
                    Ok(Ok(message)) if message.starts_with("<chat-feed") => page.place(&message),
                    Ok(Ok(_)) => {}
                    Ok(Err(code)) => {
                        assert!(
                            !matches!(code, Some(4401 | 4404 | 4409)),
                            "a reader was disconnected for good: {code:?}"
                        );
                        break;
                    }
                    Err(_) => {}
                }
            }
        }
        world.reconnects.fetch_add(1, Ordering::Relaxed);
        instance = 1 - instance;
        sleep(Duration::from_millis(200)).await;
    }
}

/// A program that can be restarted with the same port and folder.
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

async fn inject_faults(
    world: Arc<World>,
    mut programs: Vec<Program>,
    proxies: Arc<Vec<Proxy>>,
    var: std::path::PathBuf,
    mut random: Random,
) -> Vec<Program> {
    while !world.is_finished() {
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
    println!("chaos: {} s, seed {seed}", time.as_secs());
    let var = folder("chaos");
    let engine_var = var.join("engine");
    std::fs::create_dir_all(&engine_var).unwrap();
    let engine = Engine::start(&engine_var).await.unwrap();
    let database = database_on(engine.url(), 0);
    let images_port = free_port();
    let ports = [free_port(), free_port()];
    let instance = |name: &'static str, port: u16| {
        let (var, database) = (var.clone(), database.clone());
        Program::new(name, move || {
            let mut command = command(&var);
            command.arg("site").env("ROCKET_PORT", port.to_string()).stdout(std::process::Stdio::null());
            command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
            command.env("ROCKET_IMAGES", format!("{{port={images_port}}}")).env("RUST_LOG", "error");
            unlimit(&mut command).spawn().unwrap()
        })
    };
    let mut programs = vec![instance("instance 1", ports[0]), instance("instance 2", ports[1])];
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
        until("the instances to answer", || async { reqwest::get(format!("{address}/health")).await.ok() }).await;
        proxies.push(Proxy::before(&address, || false).await);
    }
    let instances = [proxies[0].address.clone(), proxies[1].address.clone()];
    let proxies = Arc::new(proxies);

    let host = Person::new(&instances[0]);
    host.sign_up("host").await;
    let room = host.make_room("chaos").await;
    let world = Arc::new(World {
        instances,
        room,
        finished: AtomicBool::new(false),
        expected: Mutex::default(),
        sent_nonces: Mutex::default(),
        counts: Mutex::default(),
        reconnects: AtomicUsize::new(0),
    });
    let mut random = Random::new(seed);
    let mut writers = Vec::new();
    for n in 0..USERS {
        let name = format!("user{n}");
        let first = Person::new(&world.instances[0]);
        first.sign_up(&name).await;
        let second = Person::with_cookie(&world.instances[1], first.cookie().unwrap());
        let random = Random::new(seed.wrapping_add(n as u64 * 7_919));
        writers.push(Writer { world: Arc::clone(&world), clients: [first, second], name, random, instance: n % 2 });
    }
    let head = Arc::new(Mutex::new(None));
    let mut readers = Vec::new();
    for n in 0..READERS {
        let cookie = host.cookie().unwrap();
        let clients = [0, 1].map(|instance| Person::with_cookie(&world.instances[instance], cookie.clone()));
        readers.push(tokio::spawn(read(Arc::clone(&world), clients, n % 2, Arc::clone(&head))));
    }
    let injector = tokio::spawn(inject_faults(
        Arc::clone(&world),
        programs,
        Arc::clone(&proxies),
        engine_var.clone(),
        Random::new(random.below(1 << 30) as u64),
    ));
    let writers: Vec<_> = writers.into_iter().map(|writer| tokio::spawn(writer.run())).collect();

    let started = Instant::now();
    sleep(time).await;
    world.finished.store(true, Ordering::Relaxed);
    let programs = injector.await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    println!("ran for {} s; every required request has its reply", started.elapsed().as_secs());

    let errors = find_errors(&world, &database, readers, head, &host).await;
    for (what, count) in world.counts.lock().unwrap().iter() {
        println!("{count:>8}  {what}");
    }
    println!("{:>8}  reader reconnects", world.reconnects.load(Ordering::Relaxed));
    for program in programs {
        program.signal("TERM");
        let mut child = program.child;
        let _ = child.wait().await;
    }
    engine.stop().await;
    assert!(errors.is_empty(), "seed {seed}:\n{}", errors.join("\n"));
    println!("no chat lost, none stored twice");
}

/// Compares the log, the acknowledgements and the pages, and returns the differences.
async fn find_errors(
    world: &World,
    database: &str,
    readers: Vec<tokio::task::JoinHandle<Page>>,
    final_head: Arc<Mutex<Option<i64>>>,
    host: &Person,
) -> Vec<String> {
    let mut errors = Vec::new();
    let client = Client::with_uri_str(database).await.unwrap();
    let chats = client.default_database().unwrap().collection::<Document>("chat");
    let mut entries: Vec<Document> = chats.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    entries.sort_by_key(|entry| entry.get_i64("seq").unwrap());
    for (seq, entry) in (1..).zip(&entries) {
        if entry.get_i64("seq").unwrap() != seq {
            errors.push(format!("the log has a gap or a duplicate at {seq}"));
            break;
        }
    }
    let mut nonces: HashMap<&str, i64> = HashMap::new();
    for entry in &entries {
        if let Ok(nonce) = entry.get_str("nonce")
            && nonces.insert(nonce, entry.get_i64("seq").unwrap()).is_some()
        {
            errors.push(format!("{nonce} was stored twice"));
        }
    }
    let sent = world.sent_nonces.lock().unwrap().clone();
    errors.extend(nonces.keys().filter(|nonce| !sent.contains(**nonce)).map(|nonce| format!("no client sent {nonce}")));

    let head = entries.last().map_or(0, |entry| entry.get_i64("seq").unwrap());
    *final_head.lock().unwrap() = Some(head);
    let mut pages = Vec::new();
    for instance in &world.instances {
        pages.push(Person::with_cookie(instance, host.cookie().unwrap()).reload_all(&world.room).await);
    }
    for reader in readers {
        pages.push(helpers::soon("a reader to reach the head", reader).await.unwrap());
    }
    for (n, page) in pages.iter().enumerate().skip(1) {
        if page.chats != pages[0].chats {
            errors.push(format!("page {n} differs from a reload"));
        }
    }
    let expected = world.expected.lock().unwrap();
    for (nonce, chat) in expected.iter() {
        if nonces.get(nonce.as_str()) != Some(&chat.seq) {
            errors.push(format!(
                "{nonce} was acknowledged as {} and is stored as {:?}",
                chat.seq,
                nonces.get(nonce.as_str())
            ));
        }
        let Some(shown) = pages[0].chats.get(&chat.seq) else {
            errors.push(format!("{nonce} is not on the page"));
            continue;
        };
        let possible = &chat.texts[chat.acknowledged..];
        if chat.removal_acknowledged && !shown.removed || shown.removed && !chat.removal_sent {
            let acknowledged = chat.removal_acknowledged;
            errors.push(format!("{nonce}: removal acknowledged={acknowledged} shown={}", shown.removed));
        } else if !shown.removed && !possible.contains(&shown.text) {
            errors.push(format!("{nonce} shows {:?}, expected one of {possible:?}", shown.text));
        }
    }
    println!("{head} entries, {} acknowledged chats, {} pages", expected.len(), pages.len());
    errors
}
