//! A connection that is dead and looks open: no end arrives, and no script can see a ping.

use std::time::Duration;

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::proxy::Proxy;
use crate::helpers::site::Site;

/// The longest time until a silent connection is replaced and all chats have arrived, for a slow machine.
const REPLACED: Duration = Duration::from_secs(150);

/// Lists the sockets that a page opens.
const SOCKETS: &str = "window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(...address) { super(...address); window.sockets.push(this); }
    };";

/// How many sockets a page has opened, if the last one is open.
async fn open_socket(browser: &Browser) -> u64 {
    let script = "return window.sockets.at(-1)?.readyState === WebSocket.OPEN ? window.sockets.length : 0;";
    browser.run(script, json!([])).await.as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_gets_a_beat_with_each_ping() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("beats").await;
    let mut live = person.follow(&room, 0).await;
    assert_eq!(live.element("beat", |_| true).await, r#"<i id="beat"></i>"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_replaced_and_all_chats_arrive() {
    let site = Site::start().await;
    let proxy = Proxy::before(&site.address, || false).await;
    let browser = Browser::open(true).await;
    browser.sign_up(&proxy.address, "gildong").await;
    let room = browser.make_room("half open").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    browser.find("#connection[data-state=connected]").await;
    guest.say(&path, "before").await;
    browser.sees(&["before"]).await;
    proxy.freeze();
    for text in ["one", "two", "three"] {
        guest.say(&path, text).await;
    }
    let arrived = async {
        while browser.count("#chat-4").await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(REPLACED, arrived).await.expect("the chats arrive after a silence of a minute");
    browser.sees(&["before", "one", "two", "three"]).await;
    browser.find("#connection[data-state=connected]").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_chats_and_edits_are_shown_over_a_dead_connection() {
    let site = Site::start().await;
    let proxy = Proxy::before(&site.address, || false).await;
    let browser = Browser::open(true).await;
    // Nothing notices the silence.
    browser.on_new_pages(&format!("{SOCKETS} window.setInterval = () => 0;")).await;
    browser.sign_up(&proxy.address, "gildong").await;
    browser.make_room("half open").await;
    browser.find("#connection[data-state=connected]").await;
    browser.say("mine").await;
    browser.sees(&["mine"]).await;
    let opened = open_socket(&browser).await;
    proxy.freeze();
    browser.say("said to nobody").await;
    browser.sees(&["mine", "said to nobody"]).await;
    eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    // That has opened a new connection.
    eventually("the new connection", || async { (open_socket(&browser).await > opened).then_some(()) }).await;
    proxy.freeze();
    browser.type_into("#composer textarea", "\u{e013}").await;
    browser.type_into(".chat-editor textarea", ", changed\u{e007}").await;
    browser.sees(&["mine", "said to nobody, changed"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_has_slept_connects_again() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    let clock = "window.slept = 0; const now = Date.now; Date.now = () => now() + window.slept;";
    browser.on_new_pages(&format!("{SOCKETS} {clock}")).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("sleep").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    browser.find("#connection[data-state=connected]").await;
    site.person("guest").await.say(&path, "the socket works").await;
    browser.sees(&["the socket works"]).await;
    let opened = open_socket(&browser).await;
    assert!(opened > 0);
    // Longer than a gap between two checks, shorter than a silence.
    browser.run("window.slept = 32_000;", json!([])).await;
    eventually("a new socket", || async { (open_socket(&browser).await > opened).then_some(()) }).await;
    browser.find("#connection[data-state=connected]").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_chats_is_counted_in_one_sentence() {
    let site = Site::start().await;
    let proxy = Proxy::before(&site.address, || false).await;
    let browser = Browser::open(true).await;
    browser.sign_up(&proxy.address, "gildong").await;
    let room = browser.make_room("bulk").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    browser.find("#connection[data-state=connected]").await;
    // Notes whether the feed is busy in the frame that draws what was inserted, and all that the page announces.
    let note = "window.busy = [];
         window.said = [];
         const feed = document.getElementById('feed');
         new MutationObserver((records) => {
           if (!records.some(({ addedNodes }) => addedNodes.length)) return;
           requestAnimationFrame(() => window.busy.push(feed.ariaBusy));
         }).observe(feed, { childList: true });
         const announcement = document.getElementById('announcement');
         new MutationObserver(() => announcement.textContent && window.said.push(announcement.textContent))
           .observe(announcement, { childList: true });";
    browser.run(note, json!([])).await;
    guest.say(&path, "read out by itself").await;
    browser.sees(&["read out by itself"]).await;
    eventually("the frame", || async {
        (browser.run("return window.busy;", json!([])).await == json!([null])).then_some(())
    })
    .await;

    proxy.freeze();
    for n in 1..=100 {
        guest.say(&path, &format!("missed {n}")).await;
    }
    browser.run("window.busy = []; dispatchEvent(new Event('online'));", json!([])).await;
    browser.find("#chat-101").await;
    // One sentence, unless the fragments came far apart.
    let counted = "return window.said.every((said) => /^\\d+ new messages\\.$/.test(said))
         && window.said.reduce((sum, said) => sum + parseInt(said, 10), 0);";
    eventually("the sentence", || async { (browser.run(counted, json!([])).await == json!(100)).then_some(()) }).await;
    let busy = browser.run("return window.busy;", json!([])).await;
    assert!(!busy.as_array().unwrap().is_empty() && busy.as_array().unwrap().iter().all(|is| is == "true"), "{busy}");
    eventually("the feed to be quiet", || async { (browser.count("#feed[aria-busy]").await == 0).then_some(()) }).await;

    // Older ones too.
    browser.client.refresh().await.unwrap();
    browser.find("#connection[data-state=connected]").await;
    browser.run(note, json!([])).await;
    browser.run("document.getElementById('log').scrollTop = 0;", json!([])).await;
    browser.find("#chat-2").await;
    eventually("the sentence", || async {
        let said = browser.run("return window.said.join(' ');", json!([])).await;
        said.as_str().unwrap().contains("Older messages loaded").then_some(())
    })
    .await;
    let busy = browser.run("return window.busy;", json!([])).await;
    assert!(!busy.as_array().unwrap().is_empty() && busy.as_array().unwrap().iter().all(|is| is == "true"), "{busy}");

    // An edit leaves the chats beside it as they are.
    browser
        .run(
            "window.touched = 0;
         const time = document.querySelector('#chat-101 time');
         new MutationObserver((records) => (window.touched += records.length))
           .observe(document.getElementById('chat-101'), { childList: true, characterData: true, subtree: true });",
            json!([]),
        )
        .await;
    guest.post(&format!("{path}/chat/100"), &[("_method", "put"), ("text", "changed")]).await;
    browser.find("#chat-100 .edited").await;
    assert_eq!(browser.run("return window.touched;", json!([])).await, json!(0));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_regions_are_not_nested() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("regions").await;
    browser.find("#connection[data-state=connected]").await;
    let nested = "const live = '[aria-live], [role=log], [role=status], [role=alert]';
         const inner = [...document.querySelectorAll(live)].filter((region) => region.parentElement.closest(live));
         const outer = document.querySelectorAll('[role=log]');
         return [inner.length, outer.length, document.getElementById('feed').hasAttribute('tabindex')];";
    assert_eq!(browser.run(nested, json!([])).await, json!([0, 1, false]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_needs_all_of_its_headers_and_takes_lists() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("upgrades").await;
    let good = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "h2c, WebSocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let status = async |headers: &[(&str, &str)]| {
        let request = person.request("GET", &format!("{room}/live"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(&good).await, 101);
    for (name, _) in good {
        let without: Vec<_> = good.into_iter().filter(|(other, _)| *other != name).collect();
        assert_eq!(status(&without).await, 400, "without {name}");
    }
    let mut old = good;
    old[2].1 = "12";
    assert_eq!(status(&old).await, 400);
}
