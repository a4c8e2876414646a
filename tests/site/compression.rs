//! What goes out as gzip, and what must not.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::header::HeaderMap;

use crate::helpers::page::attribute_of;
use crate::helpers::person::Person;
use crate::helpers::site::Site;
use crate::helpers::soon;

/// An answer as it came over the wire.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Raw {
    async fn ask(person: &Person, method: &str, path: &str, encoding: Option<&str>) -> Self {
        let mut request = person.request(method, path);
        if let Some(encoding) = encoding {
            request = request.header("Accept-Encoding", encoding);
        }
        let answer = soon("an answer", request.send()).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, body: soon("a body", answer.bytes()).await.unwrap().to_vec() }
    }

    async fn get(person: &Person, path: &str, encoding: &str) -> Self {
        Self::ask(person, "GET", path, Some(encoding)).await
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn is_gzip(&self) -> bool {
        self.header("content-encoding") == Some("gzip")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
        text
    }

    fn length(&self) -> usize {
        self.header("content-length").unwrap().parse().unwrap()
    }
}

/// The address of a file, as the pages name it.
async fn address_of(person: &Person, name: &str) -> String {
    let sheet = attribute_of(&person.get("/user").await.body, "link[rel=stylesheet]", "href").unwrap();
    format!("{}/{name}", sheet.split("/css/").next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_out_as_gzip_to_those_who_take_it() {
    let site = Site::start().await;
    let person = site.visitor();
    for (name, kind) in
        [("css/layout.css", "text/css; charset=utf-8"), ("js/connection.js", "text/javascript; charset=utf-8")]
    {
        let path = address_of(&person, name).await;
        let plain = Raw::ask(&person, "GET", &path, None).await;
        assert!(!plain.is_gzip() && plain.length() == plain.body.len(), "{name}");
        assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
        let small = Raw::get(&person, &path, "gzip, deflate, br").await;
        assert!(small.is_gzip() && small.length() == small.body.len() && small.body.len() < plain.body.len());
        assert_eq!(small.text().as_bytes(), plain.body);
        assert_eq!(small.header("vary"), Some("Accept-Encoding"));
        for same in ["content-type", "cache-control"] {
            assert_eq!(small.header(same), plain.header(same));
        }
        assert_eq!(small.header("content-type"), Some(kind));
        assert_eq!(small.header("cache-control"), Some("public, max-age=31536000, immutable"));
        for refused in ["gzip;q=0", "br", "*;q=0", "identity"] {
            assert_eq!(Raw::get(&person, &path, refused).await.body, plain.body, "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_says_how_long_the_same_get_would_be() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for path in [address_of(&site.visitor(), "css/layout.css").await, "/room".into(), "/user/me".into()] {
        for encoding in [None, Some("gzip")] {
            let get = Raw::ask(&person, "GET", &path, encoding).await;
            let head = Raw::ask(&person, "HEAD", &path, encoding).await;
            assert_eq!((head.status, head.length(), head.body.len()), (200, get.body.len(), 0), "{path}");
            for name in ["content-encoding", "vary", "content-type"] {
                assert_eq!(head.header(name), get.header(name), "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_out_as_gzip_to_those_who_take_it() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("compressed").await;
    person.say(&room, &"words ".repeat(300)).await;
    for path in ["/room".to_owned(), format!("{room}/chat/1")] {
        let plain = Raw::ask(&person, "GET", &path, None).await;
        assert!(!plain.is_gzip() && plain.length() == plain.body.len(), "{path}");
        assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
        let small = Raw::get(&person, &path, "gzip").await;
        assert!(small.is_gzip() && small.length() == small.body.len(), "{path}");
        assert!(small.body.len() < plain.body.len());
        assert_eq!(small.text().as_bytes(), plain.body);
        assert_eq!(small.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(small.header("cache-control"), Some("no-store"));
        assert_eq!(Raw::get(&person, &path, "gzip;q=0").await.body, plain.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_ticket_or_is_no_page_stays_as_it_is() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("plain").await;
    for _ in 0..4 {
        person.say(&room, &"words ".repeat(300)).await;
    }
    for path in ["/user/me".to_owned(), format!("{room}/chat"), format!("{room}/chat?since=0"), "/nowhere".into()] {
        let answer = Raw::get(&person, &path, "gzip").await;
        assert!(answer.body.len() > 1024, "{path} would be worth it");
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None), "{path}");
    }
    let json = person.request("GET", &format!("{room}/chat")).header("Accept", "application/json");
    let json = soon("JSON", json.header("Accept-Encoding", "gzip").send()).await.unwrap();
    assert!(json.headers().get("content-encoding").is_none());
    assert_eq!(json.json::<serde_json::Value>().await.unwrap()["chats"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endless_page_comes_piece_by_piece_also_to_those_who_take_gzip() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("endless").await;
    let request = person.request("GET", &format!("{room}/chat?stream")).header("Accept-Encoding", "gzip");
    let mut answer = soon("the page", request.send()).await.unwrap();
    assert!(answer.headers().get("content-encoding").is_none() && answer.headers().get("content-length").is_none());
    person.say(&room, "said while the page is open").await;
    let mut read = String::new();
    while !read.contains("said while the page is open") {
        read.push_str(&String::from_utf8_lossy(&soon("a piece", answer.chunk()).await.unwrap().unwrap()));
    }
}
