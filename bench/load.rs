//! Puts load on a running site and measures its cost: `cargo run --release --example load -- KEY=VALUE…`.
//!
//! `bin/bench` compares the site with other stacks. This program measures the site alone, and checks all replies.
//!
//! | keys | measurement |
//! |---|---|
//! | `acks=R seconds=S` | latency of acknowledgements at R chats a second |
//! | `uploads=N images=PID` | three kinds of pictures, then N pictures of 12 megapixels at once |
//! | `missed=N clients=C pid=PID` | C clients that reconnect at once after N missed chats |
//! | `purge=N database=URL` | the time until the N chats of a deleted room are gone from the database |
//!
//! `acks` and `uploads` may run together. `site=URL` names the site, by default `http://127.0.0.1:8000`.
//! All load comes from one user: start the site with `ROCKET_RATES='{chats=0, uploads=0}'`.

#![allow(clippy::unwrap_used, reason = "a failed measurement must stop")]

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

/// The arguments, each `key=value`.
struct Args(HashMap<String, String>);

impl Args {
    fn read() -> Self {
        Self(
            std::env::args().skip(1).filter_map(|arg| arg.split_once('=').map(|(k, v)| (k.into(), v.into()))).collect(),
        )
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.0.get(key).map(|value| value.parse().unwrap_or_else(|_| panic!("{key} takes a number")))
    }
}

/// A signed-in user with their own room.
struct User {
    site: String,
    client: Client,
    cookie: HeaderValue,
    room: String,
    /// The URL of the image server.
    images: String,
}

impl User {
    async fn sign_up(site: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client =
            Client::builder().cookie_provider(Arc::clone(&jar)).redirect(Policy::none()).no_proxy().build().unwrap();
        let name = format!("load-{}", std::process::id());
        let form = [("userId", name.as_str()), ("userPassword", "password"), ("userNickname", name.as_str())];
        let response = client.post(format!("{site}/user")).form(&form).send().await.unwrap();
        assert_eq!(response.status(), 303, "signed up");
        let form = [("name", name.as_str()), ("topic", "load")];
        let response = client.post(format!("{site}/room")).form(&form).send().await.unwrap();
        assert_eq!(response.status(), 303, "created a room");
        let room = response.headers()["location"].to_str().unwrap().to_owned();
        let cookie = jar.cookies(&site.parse().unwrap()).unwrap();
        let images = site.rsplit_once(':').map(|(host, _)| format!("{host}:8001")).unwrap();
        Self { site: site.to_owned(), client, cookie, room, images }
    }

    /// Uploads a picture with the form of the account page and returns its path.
    async fn upload_picture(&self, bytes: Vec<u8>) -> String {
        let page = self.client.get(format!("{}/user/me", self.site)).send().await.unwrap().text().await.unwrap();
        let after = |mark: &str| page.split(mark).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (address, ticket) = (after("<form id=\"picture\" action=\""), after("name=\"ticket\" value=\""));
        let form = Form::new().text("ticket", ticket).part("picture", Part::bytes(bytes).file_name("picture"));
        let response =
            self.client.post(address).header(ACCEPT, "application/json").multipart(form).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json::<Value>().await.unwrap()["path"].as_str().unwrap().to_owned()
    }

    async fn post_chat(&self, n: usize) -> Value {
        let form = [("text", format!("chat {n}")), ("nonce", format!("load-{n}"))];
        let request = self.client.post(format!("{}{}/chat", self.site, self.room));
        let response = request.header(ACCEPT, "application/json").form(&form).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    fn live_request(&self) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        let address = format!("{}{}/live?since=0", self.site.replacen("http", "ws", 1), self.room);
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert(COOKIE, self.cookie.clone());
        request
    }
}

#[tokio::main]
async fn main() {
    let args = Args::read();
    let site = args.0.get("site").cloned().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let user = Arc::new(User::sign_up(&site).await);
    if let Some(missed) = args.number("missed") {
        let pid = args.number("pid").expect("missed needs pid=…, the process of the site");
        catch_up(&user, missed, args.number("clients").unwrap_or(1), pid).await;
    }
    if let Some(chats) = args.number("purge") {
        purge(&user, chats, args.0.get("database").expect("purge needs database=…, the URL of the site's database"))
            .await;
    }
    let seconds = args.number("seconds").unwrap_or(30);
    let acks = async {
        if let Some(rate) = args.number("acks") {
            acknowledgements(&user, rate, seconds).await;
        }
    };
    let uploads = async {
        if let Some(uploads) = args.number("uploads") {
            pictures(
                &user,
                uploads,
                args.number("images").expect("uploads needs images=…, the process of the image server"),
            )
            .await;
        }
    };
    tokio::join!(acks, uploads);
}

/// Posts many chats, a hundred at a time.
async fn post_chats(user: &User, chats: usize) {
    let started = Instant::now();
    stream::iter(0..chats).for_each_concurrent(100, |n| async move { drop(user.post_chat(n).await) }).await;
    println!("{chats} chats posted in {:.1?}", started.elapsed());
}

/// Connects clients to a room at once, each of which receives all chats.
async fn catch_up(user: &Arc<User>, missed: usize, clients: usize, pid: usize) {
    post_chats(user, missed).await;
    let before = resident(pid);
    // Resets the peak of the resident memory (proc(5)).
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let started = Instant::now();
    let reads = (0..clients).map(|_| {
        let user = Arc::clone(user);
        tokio::spawn(async move {
            let (mut socket, _) = connect_async(user.live_request()).await.unwrap();
            let (mut seen, mut largest) = (0, 0);
            while seen < missed {
                let message = socket.next().await.unwrap().unwrap();
                let Ok(text) = message.to_text() else { continue };
                largest = largest.max(text.len());
                for chat in text.split("id=\"chat-").skip(1) {
                    seen += 1;
                    assert!(chat.starts_with(&format!("{seen}\"")), "in order, each chat once");
                }
            }
            (started.elapsed(), largest)
        })
    });
    let mut results: Vec<_> = futures_util::future::try_join_all(reads).await.unwrap();
    results.sort_unstable();
    println!(
        "{clients} clients, {missed} chats each: half caught up after {:.1?}, all after {:.1?}, largest frame {} KiB; \
         resident memory {before} KiB before, peak {} KiB",
        results[clients / 2].0,
        results[clients - 1].0,
        results.iter().map(|(_, largest)| largest).max().unwrap() / 1024,
        memory(pid, "VmHWM:")
    );
}

/// Deletes a room of many chats and latencies until they are purged.
async fn purge(user: &User, chats: usize, database: &str) {
    post_chats(user, chats).await;
    let database = mongodb::Client::with_uri_str(database).await.unwrap().default_database().unwrap();
    let log = database.collection::<mongodb::bson::Document>("chat");
    let started = Instant::now();
    let deleted = user.client.delete(format!("{}{}", user.site, user.room)).send().await.unwrap();
    println!("{}, after {:.1?}", deleted.status(), started.elapsed());
    while log.estimated_document_count().await.unwrap() > 1 {
        sleep(Duration::from_millis(500)).await;
    }
    println!("purged after {:.1?}", started.elapsed());
}

/// Uploads pictures one by one, then many at once.
async fn pictures(user: &User, uploads: usize, images: usize) {
    let photo = texture(4_000, 3_000);
    let kinds = [
        ("12 MP JPEG", encoded(&photo, ImageFormat::Jpeg)),
        ("4000×4000 PNG", encoded(&smooth(4_000, 4_000), ImageFormat::Png)),
        ("GIF, 100 frames of 640×480", animated(100)),
    ];
    for (kind, bytes) in &kinds {
        let started = Instant::now();
        let path = user.upload_picture(bytes.clone()).await;
        let duration = started.elapsed();
        let url = format!("{}{path}", user.images);
        let large = user.client.get(&url).send().await.unwrap().bytes().await.unwrap();
        let small = user.client.get(url.replace(".jpg", "-small.jpg")).send().await.unwrap().bytes().await.unwrap();
        println!(
            "{kind}: {} KiB sent, {duration:.1?}, stored as {:.1} and {:.1} KiB, peak {} MiB",
            bytes.len() / 1024,
            large.len() as f64 / 1024.0,
            small.len() as f64 / 1024.0,
            memory(images, "VmHWM:") / 1024
        );
    }
    let started = Instant::now();
    let paths = (0..uploads).map(|_| user.upload_picture(kinds[0].1.clone()));
    let paths = futures_util::future::join_all(paths).await;
    println!("{} at once: {:.1?}, peak {} MiB", paths.len(), started.elapsed(), memory(images, "VmHWM:") / 1024);
}

/// Draws a picture that compresses like a photo: gradients with noise.
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

/// Reads a line of a process's status, in KiB.
fn memory(pid: usize, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Posts chats at an even rate, however late the replies are, and prints their latencies.
async fn acknowledgements(user: &Arc<User>, rate: usize, seconds: usize) {
    let mut ticks = interval(Duration::from_secs(1) / rate as u32);
    let mut posts = Vec::new();
    for n in 0..rate * seconds {
        ticks.tick().await;
        let user = Arc::clone(user);
        posts.push(tokio::spawn(async move {
            let started = Instant::now();
            let chat = user.post_chat(n).await;
            (started.elapsed(), chat["seq"].as_i64().unwrap())
        }));
    }
    let (mut latencies, mut seqs) = (Vec::new(), Vec::new());
    for post in posts {
        let (latency, seq) = post.await.unwrap();
        latencies.push(latency);
        seqs.push(seq);
    }
    seqs.sort_unstable();
    assert!(seqs.iter().zip(1..).all(|(seq, n)| *seq == n), "each chat once, without a gap");
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{} chats at {rate}/s: p50 {:.1?}, p99 {:.1?}, maximum {:.1?}",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
