//! The list of rooms, live on every page.

use fantoccini::actions::{InputSource, MouseActions, PointerAction};
use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Live, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

const OUTSIDE: &str = "/user/me";

/// Waits until a socket hears of a room, and answers what it hears.
async fn hears(live: &mut Live, room: &str, fits: impl Fn(&str) -> bool) -> String {
    let id = room.replace("/room/", "room-");
    live.element("rooms-changes", |changes| {
        changes.split("<li ").any(|item| item.starts_with(&format!("id={id:?}")) && fits(item))
    })
    .await
}

/// The cursor of a page's list.
fn cursor(page: &str) -> String {
    attribute_of(page, "#rooms", "data-upto").unwrap()
}

async fn outside(person: &Person, cursor: &str) -> Live {
    person.try_follow(OUTSIDE, &format!("?list={cursor}"), None).await.unwrap()
}

async fn change(person: &Person, path: &str, form: &[(&str, &str)]) {
    assert_eq!(person.post(path, form).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_hears_of_what_a_list_shows() {
    let site = Site::start().await;
    let (gildong, guest) = (site.person("gildong").await, site.person("guest").await);
    let other = guest.make_room("other").await;
    let mut live = outside(&guest, &cursor(&guest.get(OUTSIDE).await.body)).await;
    let mut inside = guest.follow(&other, 0).await;
    let room = gildong.make_room("<new>").await;
    let item = hears(&mut live, &room, |item| item.contains("&lt;new&gt;</span>")).await;
    assert!(!item.contains("aria-current"), "{item}");
    hears(&mut inside, &room, |item| item.contains("&lt;new&gt;</span>")).await;
    change(&gildong, &room, &[("_method", "put"), ("name", "named"), ("topic", "about tea")]).await;
    hears(&mut live, &room, |item| item.contains("named</span>") && item.contains("about tea")).await;
    gildong.say(&room, "said").await;
    gildong.say(&room, "said last").await;
    hears(&mut live, &room, |item| item.contains("gildong</bdi>") && item.contains("said last</span>")).await;
    change(&gildong, &format!("{room}/chat/2"), &[("_method", "put"), ("text", "edited")]).await;
    hears(&mut live, &room, |item| item.contains("edited</span>")).await;
    change(&gildong, &format!("{room}/chat/2"), &[("_method", "delete")]).await;
    hears(&mut live, &room, |item| item.contains("said</span>")).await;
    let there = gildong.follow(&room, 0).await;
    hears(&mut live, &room, |item| item.contains("1 online")).await;
    drop(there);
    hears(&mut live, &room, |item| !item.contains("online")).await;
    change(&gildong, OUTSIDE, &[("_method", "put"), ("userNickname", "길동")]).await;
    hears(&mut live, &room, |item| item.contains("길동</bdi>")).await;
    change(&gildong, &room, &[("_method", "delete")]).await;
    hears(&mut live, &room, |item| item.contains(" hidden>")).await;
    hears(&mut inside, &room, |item| item.contains(" hidden>")).await;
    assert_eq!(guest.post("/session", &[("_method", "delete")]).await.status, 303);
    assert_eq!((live.close_code().await, inside.close_code().await), (Some(4401), Some(4401)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_what_it_has_missed_and_a_foreign_cursor_a_snapshot() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let (first, second) = (person.make_room("first").await, person.make_room("second").await);
    let page = person.get(OUTSIDE).await.body;
    person.say(&first, "missed").await;
    let missed = hears(&mut outside(&person, &cursor(&page)).await, &first, |item| item.contains("missed")).await;
    let upto = attribute_of(&missed, "#rooms-changes", "data-upto").unwrap();
    for foreign in ["", "0-1", "nonsense", &format!("{upto}0")] {
        let snapshot = hears(&mut outside(&person, foreign).await, &second, |_| true).await;
        assert!(snapshot.starts_with("<ul id=\"rooms-changes\"") && snapshot.contains(" data-snapshot>"), "{snapshot}");
        let order = [&first, &second].map(|room| snapshot.find(&room.replace("/room/", "room-")));
        assert!(order[0].is_some() && order[0] < order[1], "the room with the last activity comes first: {snapshot}");
    }
    assert_eq!(site.visitor().try_follow(OUTSIDE, "", None).await.err(), Some(401));
    assert_eq!(person.try_follow(OUTSIDE, "", Some("https://elsewhere.example")).await.err(), Some(403));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_of_other_sites_move_too() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let person = here.person("gildong").await;
    let twin = there.visitor();
    twin.sign_in("gildong", PASSWORD).await;
    let mut live = outside(&twin, &cursor(&twin.get(OUTSIDE).await.body)).await;
    let room = person.make_room("new").await;
    hears(&mut live, &room, |item| item.contains("new</span>")).await;
    change(&person, &room, &[("_method", "put"), ("name", "renamed")]).await;
    hears(&mut live, &room, |item| item.contains("renamed</span>")).await;
    person.say(&room, "said").await;
    hears(&mut live, &room, |item| item.contains("said</span>")).await;
    change(&person, &format!("{room}/chat/1"), &[("_method", "delete")]).await;
    hears(&mut live, &room, |item| !item.contains("said</span>")).await;
    change(&person, &room, &[("_method", "delete")]).await;
    hears(&mut live, &room, |item| item.contains(" hidden>")).await;
}

/// The names of the rooms on a page, in order, with their last chats.
async fn rooms(browser: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('#rooms > li')].map((item) =>
        `${item.querySelector('.name').textContent}: ${item.querySelector('.excerpt')?.textContent ?? ''}`);";
    browser.run(script, json!([])).await
}

async fn shows(browser: &Browser, expected: &[&str]) {
    eventually(&format!("{expected:?}"), || async { (rooms(browser).await == json!(expected)).then_some(()) }).await;
}

/// Moves the pointer to the middle of an element.
async fn point_at(browser: &Browser, css: &str) {
    let element = browser.find(css).await;
    let (x, y, width, height) = element.rectangle().await.unwrap();
    let (x, y) = (x + width / 2.0, y + height / 2.0);
    let to = PointerAction::MoveTo { duration: None, x, y };
    browser.client.perform_actions(MouseActions::new("mouse".into()).then(to)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_moves_without_a_reload_and_never_under_the_pointer_or_the_focus() {
    let site = Site::start().await;
    let guest = site.person("guest").await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let one = guest.make_room("one").await;
    let two = guest.make_room("two").await;
    shows(&browser, &["two: ", "one: "]).await;
    guest.say(&one, "hello").await;
    shows(&browser, &["one: hello", "two: "]).await;

    point_at(&browser, "#rooms li:last-child").await;
    guest.say(&two, "under the pointer").await;
    let three = guest.make_room("three").await;
    // What is said later arrives later.
    guest.say(&one, "later").await;
    shows(&browser, &["one: later", "two: under the pointer"]).await;
    point_at(&browser, "main").await;
    shows(&browser, &["one: later", "three: ", "two: under the pointer"]).await;

    browser.run("document.querySelector('#rooms li:last-child a').focus({ focusVisible: true });", json!([])).await;
    guest.say(&two, "with the focus").await;
    shows(&browser, &["one: later", "three: ", "two: with the focus"]).await;
    let focused = browser.run("return document.activeElement.getAttribute('href');", json!([])).await;
    assert_eq!(focused, json!(two));
    browser.run("document.activeElement.blur();", json!([])).await;
    shows(&browser, &["two: with the focus", "one: later", "three: "]).await;

    // In a room its own socket carries the list; the mark of the room stays.
    browser.goto(&format!("{}{two}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    guest.say(&three, "elsewhere").await;
    shows(&browser, &["three: elsewhere", "two: with the focus", "one: later"]).await;
    browser.say("here").await;
    shows(&browser, &["two: here", "three: elsewhere", "one: later"]).await;
    assert_eq!(browser.count("#rooms li:first-child > [aria-current=page] .online").await, 1);
    assert_eq!(browser.count("#rooms [aria-current]").await, 1);
    change(&guest, &three, &[("_method", "delete")]).await;
    shows(&browser, &["two: here", "one: later"]).await;
    browser.type_into("#room-query", "on").await;
    guest.say(&two, "hidden by the filter").await;
    shows(&browser, &["two: hidden by the filter", "one: later"]).await;
    assert_eq!(browser.count("#rooms li:not([hidden])").await, 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_offline_gets_what_it_has_missed() {
    let site = Site::start().await;
    let proxy = crate::helpers::proxy::Proxy::before(&site.address, || false).await;
    let (browser, guest) = (Browser::open(true).await, site.person("guest").await);
    browser.sign_up(&proxy.address, "gildong").await;
    let room = guest.make_room("room").await;
    shows(&browser, &["room: "]).await;
    proxy.freeze();
    guest.say(&room, "missed").await;
    browser.run("dispatchEvent(new Event('online'));", json!([])).await;
    shows(&browser, &["room: missed"]).await;
    assert_eq!(text_of(&guest.get("/room").await.body, "#rooms .excerpt").as_deref(), Some("missed"));
    browser.close().await;
}
