//! What people have not read, and that reading on one device is reading on all.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Database};
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

/// The queries that a page costs and the documents that they return, without what the site does besides.
async fn costs(site: &Site, person: &Person, path: &str, status: u16) -> (f64, f64) {
    let count = async || {
        let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = metrics.get(format!("{}/metrics", site.address)).bearer_auth(TOKEN);
        let text = metrics.send().await.unwrap().text().await.unwrap();
        ["sarangbang_database_seconds_count ", "sarangbang_documents_read_total "]
            .map(|name| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<f64>().unwrap())
    };
    let (mut queries, mut documents) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let before = count().await;
        assert_eq!(person.get(path).await.status, status);
        let after = count().await;
        (queries, documents) = (queries.min(after[0] - before[0]), documents.min(after[1] - before[1]));
    }
    (queries, documents)
}

async fn queries(site: &Site, person: &Person, path: &str) -> f64 {
    costs(site, person, path, 200).await.0
}

async fn id_of(person: &Person) -> ObjectId {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().parse().unwrap()
}

async fn stored(site: &Site) -> Database {
    Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap()
}

fn membership(room: ObjectId, user: ObjectId) -> Document {
    doc! {
        "_id": format!("{room}-{user}"), "room": room, "user": user, "read": 0_i64, "rev": 0_i64,
        "joined": DateTime::now(), "by": user,
    }
}

/// Stores rooms of a user, each with one unread chat of another one.
async fn store_rooms(database: &Database, (user, other): (ObjectId, ObjectId), kind: &str, count: i64) {
    let rooms = database.collection::<Document>("room");
    let first = rooms.count_documents(doc! {}).await.unwrap() as i64 + 1;
    let (mut documents, mut memberships, mut chats) = (Vec::new(), Vec::new(), Vec::new());
    for no in first..first + count {
        let (room, at) = (ObjectId::new(), DateTime::now());
        let mut document = doc! {
            "_id": room, "no": no, "rev": 0_i64, "name": format!("stored {no}"), "open": true, "topic": "", "owner": other,
            "at": at, "last": { "seq": 1_i64, "no": 1_i64, "at": at },
        };
        match kind {
            "open" => {}
            "direct" => document.extend(doc! { "kind": kind, "people": [user, other] }),
            _ => document.extend(doc! { "kind": kind }),
        }
        documents.push(document);
        memberships.push(membership(room, user));
        chats.push(
            doc! { "room": room, "seq": 1_i64, "no": 1_i64, "kind": "said", "author": other, "text": "hi", "at": at },
        );
    }
    rooms.insert_many(documents).await.unwrap();
    database.collection("membership").insert_many(memberships).await.unwrap();
    database.collection("chat").insert_many(chats).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rooms_of_one_user_cost_a_page_hardly_more_than_ten() {
    let site = Site::alone(("metrics.token", TOKEN)).await;
    let (person, other) = (site.person("person").await, site.person("other").await);
    let (database, users) = (stored(&site).await, (id_of(&person).await, id_of(&other).await));
    for kind in ["closed", "direct"] {
        store_rooms(&database, users, kind, 5).await;
    }
    let (few, _) = costs(&site, &person, "/room", 200).await;
    store_rooms(&database, users, "open", 300).await;
    for kind in ["closed", "direct"] {
        store_rooms(&database, users, kind, 345).await;
    }
    let (many, documents) = costs(&site, &person, "/room", 200).await;
    assert!(many <= few + 1.0, "{few} queries with ten rooms, {many} with a thousand");
    // The memberships themselves, but not their rooms.
    assert!(documents < 1_100.0, "{documents} documents");
    let page = person.get("/room").await.body;
    assert!(page.contains("stored 655<"), "the latest closed room: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_members_cost_a_room_hardly_more_than_one() {
    let site = Site::alone(("metrics.token", TOKEN)).await;
    let person = site.person("person").await;
    let made = person.post("/room", &[("name", "club"), ("topic", ""), ("kind", "closed")]).await;
    let room = made.location.unwrap();
    person.say(&room, "hello").await;
    let pages = [room.clone(), format!("{room}/member"), "/room".to_owned()];
    let mut few = Vec::new();
    for page in &pages {
        few.push(queries(&site, &person, page).await);
    }
    let (database, id) = (stored(&site).await, room.strip_prefix("/room/").unwrap().parse().unwrap());
    let ids: Vec<ObjectId> = (1..1_000).map(|_| ObjectId::new()).collect();
    let user = |(n, id): (usize, &ObjectId)| {
        doc! {
            "_id": id, "login": format!("member {n}"), "nickname": format!("member {n}"),
            "nicknameKey": format!("member {n}"), "password": "", "at": DateTime::now(),
        }
    };
    database.collection::<Document>("user").insert_many(ids.iter().enumerate().map(user)).await.unwrap();
    let rows = ids.iter().map(|user| membership(id, *user));
    database.collection::<Document>("membership").insert_many(rows).await.unwrap();
    for (page, few) in pages.iter().zip(few) {
        let many = queries(&site, &person, page).await;
        assert!(many <= few + 2.0, "{page}: {few} queries with one member, {many} with a thousand");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_others_costs_as_many_queries_as_none() {
    let site = Site::alone(("metrics.token", TOKEN)).await;
    let (owner, stranger) = (site.person("owner").await, site.person("stranger").await);
    let made = owner.post("/room", &[("name", "club"), ("topic", ""), ("kind", "closed")]).await;
    let closed = made.location.unwrap();
    let direct = owner.post("/direct", &[]).await.location.unwrap();
    for room in [&closed, &direct] {
        owner.say(room, "only for us").await;
        for path in ["", "?at=1", "/chat?since=0", "/chat/1", "/member"] {
            let none = costs(&site, &stranger, &format!("/room/0123456789abcdef01234567{path}"), 404).await;
            let hidden = costs(&site, &stranger, &format!("{room}{path}"), 404).await;
            assert_eq!(hidden.0, none.0, "queries of {path}");
        }
    }
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
