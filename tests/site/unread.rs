//! What people have not read, and that reading on one device is reading on all.

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Live, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

/// The count of a room in the list of somebody's main page.
async fn unread(person: &Person, room: &str) -> i64 {
    attribute(person, room, "data-count").await
}

async fn attribute(person: &Person, room: &str, name: &str) -> i64 {
    let id = room.strip_prefix("/room/").unwrap();
    let page = person.get("/room").await.body;
    attribute_of(&page, &format!("#unread-{id}"), name).unwrap_or_else(|| panic!("no count: {page}")).parse().unwrap()
}

async fn read(person: &Person, room: &str, fields: &[(&str, &str)]) -> u16 {
    let form: Vec<_> = [("_method", "put")].into_iter().chain(fields.iter().copied()).collect();
    person.post(&format!("{room}/reading"), &form).await.status
}

/// A socket of a page outside rooms.
async fn list(person: &Person) -> Live {
    person.connect("/user/me", "").await.unwrap()
}

/// Waits until a socket is told a count.
async fn told(live: &mut Live, room: &str, count: i64) {
    let id = format!("unread-{}", room.strip_prefix("/room/").unwrap());
    live.element(&id, |element| element.contains(&format!("data-count=\"{count}\""))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_of_others_are_unread_until_they_are_read_on_any_device() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let (person, other) = (here.person("person").await, here.person("other").await);
    let twin = there.visitor();
    twin.sign_in("person", PASSWORD).await;
    let room = other.make_room("plaza").await;
    other.say(&room, "before the first visit").await;
    // Who has never been there has no backlog, and neither have those who come for the first time.
    let id = room.strip_prefix("/room/").unwrap().to_owned();
    assert_eq!(attribute_of(&person.get("/room").await.body, &format!("#unread-{id}"), "data-count"), None);
    person.open(&room).await;
    assert_eq!(unread(&person, &room).await, 0);
    let (mut phone, mut laptop) = (list(&person).await, list(&twin).await);
    let mut seqs = Vec::new();
    for n in 1..=5 {
        seqs.push(other.say(&room, &format!("chat {n}")).await["seq"].as_i64().unwrap());
    }
    told(&mut phone, &room, 5).await;
    told(&mut laptop, &room, 5).await;
    let page = person.get("/room").await.body;
    assert!(text_of(&page, &format!("#unread-{id}")).unwrap().contains("5 unread messages"));
    // Opening the page moves nothing.
    person.open(&room).await;
    assert_eq!(unread(&person, &room).await, 5);
    // What was removed is not unread, also the last one.
    for (removed, left) in [(&seqs[1..4], 2), (&seqs[4..], 1), (&seqs[..1], 0)] {
        for seq in removed {
            other.post(&format!("{room}/chat/{seq}"), &[("_method", "delete")]).await;
        }
        assert_eq!(unread(&person, &room).await, left);
        told(&mut laptop, &room, left).await;
    }
    // Read on one device.
    other.say(&room, "news").await;
    told(&mut laptop, &room, 1).await;
    assert_eq!(read(&person, &room, &[("no", "7")]).await, 303);
    told(&mut laptop, &room, 0).await;
    assert_eq!(unread(&twin, &room).await, 0);
    // An answer from the phone reads what came before it.
    other.say(&room, "a question").await;
    told(&mut laptop, &room, 1).await;
    person.say(&room, "an answer").await;
    told(&mut laptop, &room, 0).await;
    eventually("the position to be stored", || async {
        (attribute(&twin, &room, "data-read").await == 9).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_as_unread_stays_so_for_older_pages() {
    let site = Site::start().await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let room = other.make_room("plaza").await;
    person.open(&room).await;
    for n in 1..=6 {
        other.say(&room, &format!("chat {n}")).await;
    }
    assert_eq!(read(&person, &room, &[("no", "6"), ("rev", "0")]).await, 303);
    assert_eq!(unread(&person, &room).await, 0);
    assert_eq!(read(&person, &room, &[("unread", "4")]).await, 303);
    assert_eq!(unread(&person, &room).await, 3);
    // An older page changes nothing and is answered as if it did.
    assert_eq!(read(&person, &room, &[("no", "6"), ("rev", "0")]).await, 303);
    assert_eq!(unread(&person, &room).await, 3);
    // The page that shows the first unread chat has a line before it.
    let page = person.get(&format!("{room}?at=unread")).await.body;
    let line = page.find("id=\"unread-line\"").expect("a line");
    let (before, after) = (page.find("id=\"chat-3\"").unwrap(), page.find("id=\"chat-4\"").unwrap());
    assert!(before < line && line < after);
    assert_eq!(attribute_of(&page, "#mark-read [name=rev]", "value").as_deref(), Some("1"));
    // Nobody reads what is not there.
    assert_eq!(read(&person, &room, &[("no", "999999"), ("rev", "1")]).await, 303);
    assert_eq!(attribute(&person, &room, "data-read").await, 6);
    other.say(&room, "news").await;
    assert_eq!(unread(&person, &room).await, 1);
    for bad in [&[("no", "-1")][..], &[("no", "x")][..], &[][..]] {
        assert_eq!(read(&person, &room, bad).await, 422, "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_kept_and_a_hidden_room_leaves_the_list() {
    let site = Site::start().await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let room = other.make_room("plaza").await;
    let id = room.strip_prefix("/room/").unwrap();
    let level =
        async |level: &str| person.post(&format!("{room}/membership"), &[("_method", "put"), ("level", level)]).await;
    assert_eq!(level("loud").await.status, 422);
    for (chosen, is_listed) in [("all", true), ("none", true), ("hidden", false), ("mentions", true)] {
        assert_eq!(level(chosen).await.status, 303);
        let page = person.get(&format!("{room}/member")).await.body;
        assert_eq!(attribute_of(&page, "#level [name=level][checked]", "value").as_deref(), Some(chosen));
        let list = person.get("/room").await.body;
        assert_eq!(attribute_of(&list, &format!("#rooms #room-{id}"), "id").is_some(), is_listed, "{chosen}");
    }
    // A chat brings a hidden direct room back.
    let user = person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
    let direct = other.post("/direct", &[("with", &user)]).await.location.unwrap();
    let id = direct.strip_prefix("/room/").unwrap();
    let listed =
        async || attribute_of(&person.get("/room").await.body, &format!("#directs #room-{id}"), "id").is_some();
    assert!(listed().await);
    person.post(&format!("{direct}/membership"), &[("_method", "put"), ("level", "hidden")]).await;
    assert!(!listed().await);
    other.say(&direct, "are you there?").await;
    assert!(listed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_and_closed_rooms_appear_in_open_lists_and_leave_them() {
    let site = Site::start().await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let user = person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
    let mut live = list(&person).await;
    let direct = other.post("/direct", &[("with", &user)]).await.location.unwrap();
    let item = live.element("directs-changes", |element| element.contains(direct.as_str())).await;
    assert_eq!(text_of(&item, ".name").as_deref(), Some("other"));
    other.say(&direct, "hello").await;
    live.element("directs-changes", |element| element.contains("hello")).await;
    told(&mut live, &direct, 1).await;

    let made = other.post("/room", &[("name", "club"), ("topic", ""), ("kind", "closed")]).await;
    let closed = made.location.unwrap();
    other.post(&format!("{closed}/member"), &[("user", &user)]).await;
    live.element("rooms-changes", |element| element.contains(&format!("href=\"{closed}\""))).await;
    // New names reach the lists.
    other.post("/user/me", &[("_method", "put"), ("userNickname", "다른 사람")]).await;
    live.element("directs-changes", |element| element.contains("다른 사람")).await;
    other.post(&closed, &[("_method", "put"), ("name", "book club")]).await;
    live.element("rooms-changes", |element| element.contains("book club")).await;
    let id = closed.strip_prefix("/room/").unwrap();
    assert!(attribute_of(&person.get("/room").await.body, &format!("#rooms #room-{id}"), "id").is_some());
    other.post(&format!("{closed}/member/{user}"), &[("_method", "delete")]).await;
    live.element("rooms-changes", |element| element.contains(&format!("room-{id}\" hidden"))).await;
    assert!(attribute_of(&person.get("/room").await.body, &format!("#rooms #room-{id}"), "id").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_missed_chats_cost_a_page_no_more_than_few() {
    let site = Site::start().await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let room = other.make_room("plaza").await;
    person.open(&room).await;
    for n in 0..130 {
        other.say(&room, &format!("chat {n}")).await;
    }
    assert_eq!(unread(&person, &room).await, 100);
    let id = room.strip_prefix("/room/").unwrap();
    assert!(text_of(&person.get("/room").await.body, &format!("#unread-{id}")).unwrap().contains("99+"));
    let page = person.get(&format!("{room}?at=unread")).await.body;
    assert!(person.get("/room").await.body.contains("id=\"mark-all-read\""));
    assert!(page.contains("id=\"chat-1\"") && !page.contains("id=\"chat-100\""));
    assert_eq!(person.post("/user/me/reading", &[("_method", "put")]).await.status, 303);
    assert_eq!(unread(&person, &room).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mentions_are_counted_apart() {
    let site = Site::start().await;
    let (person, other) = (site.person("gildong").await, site.person("other").await);
    let room = other.make_room("plaza").await;
    person.open(&room).await;
    other.say(&room, "hello").await;
    let chat = other.say(&room, "@gildong look").await["seq"].as_i64().unwrap();
    let counts = async || (unread(&person, &room).await, attribute(&person, &room, "data-mentions").await);
    assert_eq!(counts().await, (2, 1));
    other.post(&format!("{room}/chat/{chat}"), &[("_method", "put"), ("text", "nobody")]).await;
    assert_eq!(counts().await, (2, 0));
    other.post(&format!("{room}/chat/{chat}"), &[("_method", "put"), ("text", "@gildong again")]).await;
    assert_eq!(counts().await, (2, 1));
    other.post(&format!("{room}/chat/{chat}"), &[("_method", "delete")]).await;
    assert_eq!(counts().await, (1, 0));
}

const TOKEN: &str = "a token of some length";

/// The queries that a page costs, without what the site does besides.
async fn queries(site: &Site, person: &Person, path: &str) -> f64 {
    let count = async || {
        let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = metrics.get(format!("{}/metrics", site.address)).bearer_auth(TOKEN);
        let text = metrics.send().await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("sarangbang_database_seconds_count "));
        value.unwrap().parse::<f64>().unwrap()
    };
    let mut least = f64::MAX;
    for _ in 0..5 {
        let before = count().await;
        assert_eq!(person.get(path).await.status, 200);
        least = least.min(count().await - before);
    }
    least
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rooms_and_many_members_cost_a_page_hardly_more_queries() {
    let site = Site::alone(("metrics.token", TOKEN)).await;
    let person = site.person("person").await;
    let closed = async |name: &str| {
        let made = person.post("/room", &[("name", name), ("topic", ""), ("kind", "closed")]).await;
        made.location.unwrap()
    };
    let room = closed("club").await;
    person.say(&room, "hello").await;
    let (few_rooms, few_members) = (queries(&site, &person, "/room").await, queries(&site, &person, &room).await);
    let list = queries(&site, &person, &format!("{room}/member")).await;
    for n in 0..60 {
        closed(&format!("room {n}")).await;
        let member = site.person(&format!("member{n}")).await;
        let id = member.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(person.post(&format!("{room}/member"), &[("user", &id)]).await.status, 303);
    }
    let (many_rooms, many_members) = (queries(&site, &person, "/room").await, queries(&site, &person, &room).await);
    assert!(many_rooms <= few_rooms + 1.0, "{few_rooms} queries with one room, {many_rooms} with many");
    assert!(many_members <= few_members + 2.0, "{few_members} queries with one member, {many_members} with many");
    let many = queries(&site, &person, &format!("{room}/member")).await;
    assert!(many <= list + 2.0, "{list} queries for one member, {many} for many");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_unread_message_is_found_also_after_all_were_read() {
    let site = Site::start().await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let room = other.make_room("plaza").await;
    person.get(&room).await;
    for n in 0..60 {
        other.say(&room, &format!("{n}: a line of text")).await;
    }
    let browser = Browser::open(true).await;
    browser.be(&site.address, person.cookie().as_ref()).await;
    let is_in_view = async || {
        let view = "const { top } = document.getElementById('unread-line')?.getBoundingClientRect() ?? { top: -1 };
             return top >= 0 && top < innerHeight && document.querySelector('#unread-line + .chat').dataset.no === '1';";
        eventually("the line in view", || async { (browser.run(view, json!([])).await == true).then_some(()) }).await;
    };
    browser.goto(&format!("{}{room}?at=unread", site.address)).await;
    is_in_view().await;
    // The latest page marks all as read at once. Its menu still knows where the unread ones began.
    browser.goto(&format!("{}{room}", site.address)).await;
    eventually("all to be read", || async { (unread(&person, &room).await == 0).then_some(()) }).await;
    browser.click("#open-room-menu").await;
    browser.click("#room-menu .to-unread").await;
    is_in_view().await;
    browser.close().await;
}
