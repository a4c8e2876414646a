//! The endless page behind proxies.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use crate::helpers::browser::Browser;
use crate::helpers::nginx::Nginx;
use crate::helpers::site::{Site, folder};
use crate::helpers::{soon, until};

/// As Debian delivers it, with the protocol of old proxies, and with buffers that hold a whole page.
const NGINX: [(&str, &str); 4] = [
    ("gzip", "proxy_http_version 1.1; gzip on;"),
    ("old", "proxy_http_version 1.0;"),
    ("old-gzip", "proxy_http_version 1.0; gzip on;"),
    ("buffers", "proxy_http_version 1.1; proxy_buffering on; proxy_buffers 8 256k; gzip on;"),
];

#[tokio::test(flavor = "multi_thread")]
async fn chats_come_through_nginx_as_they_are_said() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (name, lines) in NGINX {
        let nginx = Nginx::before(&site.address, lines, &folder(&format!("nginx-{name}"))).await;
        let room = person.make_room(name).await;
        person.say(&room, "first").await;
        let reader = crate::helpers::person::Person::with_cookie(&nginx.address, person.cookie().unwrap());
        let request = reader.request("GET", &format!("{room}/chat?stream")).header("Accept-Encoding", "gzip");
        let mut page = soon(name, request.send()).await.unwrap();
        let is_gzip = page.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let (mut plain, mut unpacked) = (Vec::new(), MultiGzDecoder::new(Vec::new()));
        for text in ["first", "second", "third"] {
            if text != "first" {
                person.say(&room, text).await;
            }
            let what = format!("{text} by way of {name}");
            soon(&what, async {
                loop {
                    let read = if is_gzip { unpacked.get_ref() } else { &plain };
                    if String::from_utf8_lossy(read).contains(&format!("{text}</div>")) {
                        return;
                    }
                    let piece = page.chunk().await.unwrap().unwrap_or_else(|| panic!("{what}: the page has ended"));
                    match is_gzip {
                        true => {
                            unpacked.write_all(&piece).unwrap();
                            unpacked.flush().unwrap();
                        }
                        false => plain.extend(piece),
                    }
                }
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_asks_proxies_not_to_hold_it_back() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("headers").await;
    person.say(&room, "hello").await;
    for (path, status) in [("?stream", 200), ("?since=0&wait=1", 200), ("?since=1&wait=1", 204)] {
        let answer = soon(path, person.request("GET", &format!("{room}/chat{path}")).send()).await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(
            (answer.status().as_u16(), header("x-accel-buffering"), header("cache-control")),
            (status, "no", "no-store, no-transform"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_endless_page_is_held_back_the_page_shows_its_chats_says_so_and_offers_to_load_again() {
    let site = Site::start().await;
    let lines = "proxy_http_version 1.1; proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_min_length 0;";
    let nginx = Nginx::before(&site.address, lines, &folder("nginx-holds")).await;
    let guest = site.person("guest").await;
    let browser = Browser::open(false).await;
    browser.sign_up(&nginx.address, "gildong").await;
    let room = browser.make_room("held back").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    guest.say(&path, "one").await;
    let shows = async |expected: &[&str]| {
        until(&format!("the page to show {expected:?}"), || async {
            (browser.texts().await == expected).then_some(())
        })
        .await;
    };
    let said = || async {
        let said = browser.find(".stream-unavailable").await.css_value("visibility").await.ok()?;
        (said == "visible").then_some(())
    };
    browser.click("#reload").await;
    shows(&["one"]).await;
    until("it to be said", said).await;
    assert_eq!(browser.texts_in_frame().await, [""; 0]);
    guest.say(&path, "two").await;
    browser.click("#reload").await;
    shows(&["one", "two"]).await;
    until("it to be said again", said).await;

    // Where nothing holds it back the frame covers both.
    browser.be(&site.address, guest.cookie().as_ref()).await;
    browser.goto(&format!("{}{path}", site.address)).await;
    browser.sees_in_frame(&["one", "two"]).await;
    let frame = browser.find(".stream-frame").await.rectangle().await.unwrap();
    let log = browser.find("#log").await.rectangle().await.unwrap();
    assert_eq!((frame.1.round(), frame.3.round()), (log.1.round(), log.3.round()));
    browser.client.enter_frame(0).await.unwrap();
    let ground = browser.find("body.stream").await.css_value("background-color").await.unwrap();
    assert!(ground.starts_with("rgb(") || ground.ends_with(", 1)"), "it is opaque: {ground}");
    browser.close().await;
}
