//! Somebody with a browser, or a bot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{FutureExt, SinkExt, StreamExt};
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT, COOKIE, HeaderValue, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::page::Page;
use super::within_timeout;

/// Everybody's password.
pub const PASSWORD: &str = "password-비밀";

/// Somebody, with cookies of their own.
pub struct Person {
    site: String,
    client: Client,
    jar: Arc<Jar>,
}

/// A chat in JSON.
pub type Chat = Value;

/// An answer, read.
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub cookie: Option<String>,
    pub retry_after: Option<String>,
    pub body: String,
}

impl Person {
    pub fn new(site: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder().cookie_provider(Arc::clone(&jar)).redirect(Policy::none()).no_proxy().build();
        Self { site: site.to_owned(), client: client.unwrap(), jar }
    }

    /// Somebody at a site with another one's cookie.
    pub fn with_cookie(site: &str, cookie: HeaderValue) -> Self {
        let person = Self::new(site);
        person.jar.add_cookie_str(cookie.to_str().unwrap(), &site.parse().unwrap());
        person
    }

    /// Moves to another site, with all cookies.
    pub fn at(self, site: &str) -> Self {
        Self { site: site.to_owned(), ..self }
    }

    pub async fn sign_up(&self, name: &str) -> Answer {
        let answer = self.post("/user", &[("userId", name), ("userPassword", PASSWORD), ("userNickname", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer
    }

    pub async fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.post("/session", &[("userId", name), ("userPassword", password)]).await
    }

    /// Makes a room; answers its path.
    pub async fn make_room(&self, name: &str) -> String {
        let answer = self.post("/room", &[("name", name), ("topic", "")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.location.unwrap()
    }

    /// Says something, as a page with script does; answers the chat.
    pub async fn say(&self, room: &str, text: &str) -> Chat {
        let answer = self.try_say(room, text, &nonce()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    pub async fn try_say(&self, room: &str, text: &str, nonce: &str) -> Answer {
        self.post_for_json(&format!("{room}/chat"), &[("text", text), ("nonce", nonce)]).await
    }

    /// Opens a room's page.
    pub async fn open(&self, room: &str) -> Page {
        let answer = self.get(room).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Page::read(&answer.body)
    }

    /// Everything that a room's pages show, from the first chat on.
    pub async fn reload_all(&self, room: &str) -> Page {
        let mut page = self.open(room).await;
        while let Some(older) = page.older.take() {
            let more = self.open(&older).await;
            page.older = more.older.clone();
            page.chats.extend(more.chats);
            page.events.extend(more.events);
        }
        page
    }

    /// Asks once what came after `since`.
    pub async fn ask_since(&self, room: &str, since: i64) -> Answer {
        self.get(&format!("{room}/chat?since={since}")).await
    }

    /// Follows a room from a page's cursor, as its script does.
    pub async fn follow(&self, room: &str, since: i64) -> Live {
        self.try_follow(room, &format!("?since={since}"), None).await.unwrap()
    }

    /// Tries to; answers nothing where that fails, for whatever reason.
    pub async fn connect(&self, room: &str, query: &str) -> Option<Live> {
        let address = format!("{}{room}/live{query}", self.site.replace("http", "ws"));
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().extend(self.cookie().map(|cookie| (COOKIE, cookie)));
        connect_async(request).await.ok().map(|(socket, _)| Live { socket })
    }

    /// Tries to; answers the status of a refusal.
    pub async fn try_follow(&self, room: &str, query: &str, origin: Option<&str>) -> Result<Live, u16> {
        let address = format!("{}{room}/live{query}", self.site.replace("http", "ws"));
        let mut request = address.into_client_request().unwrap();
        if let Some(cookie) = self.cookie() {
            request.headers_mut().insert(COOKIE, cookie);
        }
        if let Some(origin) = origin {
            request.headers_mut().insert(ORIGIN, origin.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Live { socket }),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a socket and leaves the rest to the test: the bytes after the server's answer.
    pub async fn handshake(&self, room: &str, query: &str) -> TcpStream {
        self.handshake_from(room, query, "").await
    }

    /// The same with more lines in its head.
    pub async fn handshake_from(&self, room: &str, query: &str, head: &str) -> TcpStream {
        let host = self.site.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let cookie = self.cookie().unwrap();
        let request = format!(
            "GET {room}/live{query} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {}\r\n{head}\r\n",
            cookie.to_str().unwrap()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(within_timeout("the handshake", stream.read_u8()).await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
        stream
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::read(self.request("GET", path)).await
    }

    pub async fn get_json(&self, path: &str) -> Answer {
        Answer::read(self.request("GET", path).header(ACCEPT, "application/json")).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        Answer::read(self.request("POST", path).form(form)).await
    }

    pub async fn post_for_json(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        Answer::read(self.request("POST", path).header(ACCEPT, "application/json").form(form)).await
    }

    /// A request that the test goes on with by itself.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.site))
    }

    /// The session's cookie, as the site is sent it.
    pub fn cookie(&self) -> Option<HeaderValue> {
        self.jar.cookies(&self.site.parse().unwrap())
    }
}

impl Answer {
    pub async fn read(request: RequestBuilder) -> Self {
        let answer: Response = within_timeout("an answer", request.send()).await.unwrap();
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: answer.status().as_u16(),
            location: header(LOCATION),
            cookie: header(SET_COOKIE),
            retry_after: header(RETRY_AFTER),
            body: within_timeout("a body", answer.text()).await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What the page says about a field.
    pub fn fault(&self, field: &str) -> Option<String> {
        super::page::text_of(&self.body, &format!("[data-error-for={field:?}]"))
    }
}

/// A socket that follows a room.
pub struct Live {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Live {
    /// The next message: a fragment or a small element.
    pub async fn message(&mut self) -> String {
        match within_timeout("a message", self.next()).await {
            Ok(message) => message,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next fragment.
    pub async fn fragment(&mut self) -> String {
        loop {
            let message = self.message().await;
            if message.starts_with("<chat-feed") {
                return message;
            }
        }
    }

    /// The next message, or the code that it was closed with.
    pub async fn hear(&mut self) -> Result<String, Option<u16>> {
        self.next().await
    }

    /// What has come already, without waiting.
    pub fn next_now(&mut self) -> Option<String> {
        self.next().now_or_never()?.ok()
    }

    /// The next small element with this id that fits.
    pub async fn element(&mut self, id: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let message = self.message().await;
            if message.contains(&format!("id={id:?}")) && fits(&message) {
                return message;
            }
        }
    }

    /// Places fragments on a page until it has seen all up to `upto`.
    pub async fn read_until(&mut self, page: &mut Page, upto: i64) {
        while page.upto < upto {
            page.place(&self.fragment().await);
        }
    }

    /// The code that it is closed with, whatever comes before.
    pub async fn close_code(&mut self) -> Option<u16> {
        within_timeout("a close", async {
            loop {
                if let Err(code) = self.next().await {
                    return code;
                }
            }
        })
        .await
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Result<String, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// A nonce that was not used before.
pub fn nonce() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("nonce-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
