//! Load for a running site, and what it costs: `cargo run --release --example load -- WORK SITE`.
//!
//! Beside `bin/bench`, which compares: what only this site does. `acks=R` has chats said at R a second for `seconds=S`, and says how long each waits for its
//! acknowledgement. `uploads=N` sends three kinds of pictures, then N of 12 megapixels at once, and says what they cost
//! the image server (`images=P`, its process); with `acks` beside it, what they cost the chat. `missed=N clients=C` has
//! N chats said, then C readers at once come back to all of them. `purge=N` has N chats said and their room deleted, and
//! waits until the database (`database=URL`) has none of them. All check what they were told. Made for one machine: the
//! site is on loopback. Start the site with `ROCKET_RATES='{chats=0, uploads=0}'`, for all of this comes from one person.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on is none")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use reqwest::Client;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT, COOKIE, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
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
    /// Where the image server is.
    images: String,
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
        let images = site.rsplit_once(':').map(|(host, _)| format!("{host}:8001")).unwrap();
        Self { site: site.to_owned(), client, cookie, room, images }
    }

    /// Sends a picture by the account page's form; answers its path.
    async fn send_picture(&self, bytes: Vec<u8>) -> String {
        let page = self.client.get(format!("{}/user/me", self.site)).send().await.unwrap().text().await.unwrap();
        let after = |mark: &str| page.split(mark).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (address, ticket) = (after("<form id=\"picture\" action=\""), after("name=\"ticket\" value=\""));
        let form = Form::new().text("ticket", ticket).part("picture", Part::bytes(bytes).file_name("picture"));
        let answer = self.client.post(address).header(ACCEPT, "application/json").multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["path"].as_str().unwrap().to_owned()
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
    if let Some(missed) = work.number("missed") {
        let pid = work.number("pid").expect("pid=… of the site");
        catch_up(&guest, missed, work.number("clients").unwrap_or(1), pid).await;
    }
    if let Some(chats) = work.number("purge") {
        purge(&guest, chats, work.0.get("database").expect("database=… of the site")).await;
    }
    let seconds = work.number("seconds").unwrap_or(30);
    let acks = async {
        if let Some(rate) = work.number("acks") {
            acknowledgements(&guest, rate, seconds).await;
        }
    };
    let uploads = async {
        if let Some(uploads) = work.number("uploads") {
            pictures(&guest, uploads, work.number("images").expect("images=… of the image server")).await;
        }
    };
    tokio::join!(acks, uploads);
}

/// Has many chats said, a hundred at a time.
async fn fill(guest: &Guest, chats: usize) {
    let asked = Instant::now();
    stream::iter(0..chats).for_each_concurrent(100, |n| async move { drop(guest.say(n).await) }).await;
    println!("{chats} chats said in {:.1?}", asked.elapsed());
}

/// Has readers return to a room all at once, each to everything.
async fn catch_up(guest: &Arc<Guest>, missed: usize, clients: usize, pid: usize) {
    fill(guest, missed).await;
    let before = resident(pid);
    // Has the peak begin anew (proc(5)).
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let asked = Instant::now();
    let read = (0..clients).map(|_| {
        let guest = Arc::clone(guest);
        tokio::spawn(async move {
            let (mut socket, _) = connect_async(guest.live()).await.unwrap();
            let (mut seen, mut largest) = (0, 0);
            while seen < missed {
                let message = socket.next().await.unwrap().unwrap();
                let Ok(text) = message.to_text() else { continue };
                largest = largest.max(text.len());
                for chat in text.split("id=\"chat-").skip(1) {
                    seen += 1;
                    assert!(chat.starts_with(&format!("{seen}\"")), "in order, each once");
                }
            }
            (asked.elapsed(), largest)
        })
    });
    let mut read: Vec<_> = futures_util::future::try_join_all(read).await.unwrap();
    read.sort_unstable();
    println!(
        "{clients} readers, {missed} chats each: half of them whole after {:.1?}, all after {:.1?}, largest frame {} KiB; \
         resident {before} KiB before, at most {} KiB",
        read[clients / 2].0,
        read[clients - 1].0,
        read.iter().map(|(_, largest)| largest).max().unwrap() / 1024,
        memory(pid, "VmHWM:")
    );
}

/// Deletes a room of many chats.
async fn purge(guest: &Guest, chats: usize, database: &str) {
    fill(guest, chats).await;
    let database = mongodb::Client::with_uri_str(database).await.unwrap().default_database().unwrap();
    let log = database.collection::<mongodb::bson::Document>("chat");
    let asked = Instant::now();
    let deleted = guest.client.delete(format!("{}{}", guest.site, guest.room)).send().await.unwrap();
    println!("{}, after {:.1?}", deleted.status(), asked.elapsed());
    while log.estimated_document_count().await.unwrap() > 1 {
        sleep(Duration::from_millis(500)).await;
    }
    println!("purged after {:.1?}", asked.elapsed());
}

/// Sends pictures one by one, then many at once.
async fn pictures(guest: &Guest, uploads: usize, images: usize) {
    let photo = texture(4_000, 3_000);
    let kinds = [
        ("12 MP JPEG", encoded(&photo, ImageFormat::Jpeg)),
        ("4000×4000 PNG", encoded(&smooth(4_000, 4_000), ImageFormat::Png)),
        ("GIF, 100 frames of 640×480", animated(100)),
    ];
    for (kind, bytes) in &kinds {
        let asked = Instant::now();
        let path = guest.send_picture(bytes.clone()).await;
        let took = asked.elapsed();
        let url = format!("{}{path}", guest.images);
        let kept = guest.client.get(&url).send().await.unwrap().bytes().await.unwrap();
        let small = guest.client.get(url.replace(".jpg", "-small.jpg")).send().await.unwrap().bytes().await.unwrap();
        println!(
            "{kind}: {} KiB sent, {took:.1?}, kept as {:.1} and {:.1} KiB, peak {} MiB",
            bytes.len() / 1024,
            kept.len() as f64 / 1024.0,
            small.len() as f64 / 1024.0,
            memory(images, "VmHWM:") / 1024
        );
    }
    let asked = Instant::now();
    let sent = (0..uploads).map(|_| guest.send_picture(kinds[0].1.clone()));
    let sent = futures_util::future::join_all(sent).await;
    println!("{} at once: {:.1?}, peak {} MiB", sent.len(), asked.elapsed(), memory(images, "VmHWM:") / 1024);
}

/// Something like a photo: slopes with grain.
fn texture(width: u32, height: u32) -> RgbImage {
    let mut random = 42_u32;
    RgbImage::from_fn(width, height, |x, y| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (random >> 29) as u8;
        Rgb([(x / 20) as u8 ^ grain, (y / 16) as u8 ^ grain, ((x + y) / 40) as u8 ^ grain])
    })
}

fn smooth(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x / 16) as u8, (y / 16) as u8, 128]))
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn animated(frames: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut bytes, 30);
    for n in 0..frames {
        let frame = |x: u32, y: u32| Rgba([n.wrapping_mul(2), (x / 40 * 16) as u8, (y / 40 * 16) as u8, 255]);
        encoder.encode_frame(image::Frame::new(RgbaImage::from_fn(640, 480, frame))).unwrap();
    }
    drop(encoder);
    bytes
}

fn resident(pid: usize) -> usize {
    memory(pid, "VmRSS:")
}

/// A line of a process's status, in KiB.
fn memory(pid: usize, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
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
