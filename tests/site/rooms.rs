//! Making, changing and deleting rooms.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use sarangbang::models::User;
use sarangbang::models::room::RoomUpdate;
use sarangbang::models::values::{Login, Nickname, Password, RoomName, Topic};
use sarangbang::process::Engine;

use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::pausing_proxy::PausingProxy;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database};

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_there_for_everybody_at_once() {
    let site = Site::start().await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    assert!(text_of(&chunhyang.get("/room").await.body, ".empty").is_some(), "an empty list says what to do");
    let room = gildong.make_room("사랑방").await;
    let list = chunhyang.get("/room").await.body;
    let id = room.strip_prefix("/room/").unwrap();
    assert_eq!(text_of(&list, &format!("#rooms #room-{id} .name")).as_deref(), Some("사랑방"));
    assert_eq!(site.visitor().get("/").await.location.as_deref(), Some("/room"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_that_read_alike_are_one() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    person.make_room("Straße 42").await;
    let refused = person.post("/room", &[("name", " ＳＴＲＡＳＳＥ   42 "), ("topic", "my <topic>")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.fault("name").is_some());
    assert_eq!(attribute_of(&refused.body, "#new-room [name=topic]", "value").as_deref(), Some("my <topic>"));
    assert_eq!(person.get_json("/room").await.json()["rooms"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_topic_that_cannot_be_is_refused_and_kept() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let (long, topic) = ("방".repeat(61), "t".repeat(201));
    for (name, topic, field) in [
        ("", "", "name"),
        (" \u{3164} ", "", "name"),
        (&long, "", "name"),
        ("a\nb", "", "name"),
        ("ok", &topic, "topic"),
    ] {
        let refused = person.post("/room", &[("name", name), ("topic", topic)]).await;
        assert_eq!((refused.status, refused.fault(field).is_some()), (422, true), "{name:?}");
    }
    assert!(person.post("/room", &[("name", &long), ("topic", "")]).await.body.contains(&long));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_and_an_admin_change_and_delete_a_room() {
    let site = Site::start().await;
    let (admin, owner, guest) = (site.person("admin").await, site.person("owner").await, site.person("guest").await);
    let room = owner.make_room("mine").await;
    let change = [("_method", "put"), ("name", "renamed"), ("topic", "new")];
    for (method, form) in [("put", &change[..]), ("delete", &[("_method", "delete")])] {
        let refused = guest.post(&room, form).await;
        assert_eq!(refused.status, 403, "{method}");
        assert!(text_of(&refused.body, "h1").is_some());
    }
    assert!(!guest.get(&room).await.body.contains("delete-room"), "no form that cannot work");
    assert!(owner.get(&room).await.body.contains("id=\"delete-room\""));

    assert_eq!(owner.post(&room, &change).await.location, Some(room.clone()));
    let page = guest.get(&room).await.body;
    assert_eq!(text_of(&page, "h1").as_deref(), Some("renamed"));
    guest.make_room("mine").await;
    let taken = owner.post(&room, &[("_method", "put"), ("name", "MINE"), ("topic", "kept")]).await;
    assert_eq!((taken.status, taken.fault("name").is_some()), (422, true));
    assert_eq!(admin.post(&room, &[("_method", "delete")]).await.status, 303);
    assert_eq!(owner.get(&room).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_pages_and_the_room_with_the_latest_chat_first() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let mut rooms = Vec::new();
    for n in 0..110 {
        rooms.push(person.make_room(&format!("room {n}")).await);
    }
    person.say(&rooms[0], "hello").await;
    let first = person.get("/room").await.body;
    assert!(first.find("room 0<").unwrap() < first.find("room 109<").unwrap());
    assert!(attribute_of(&first, "a[rel=next]", "href").is_some_and(|next| next == "/room?page=2"));
    let mut names = Vec::new();
    for page in 1..=3 {
        let json = person.get_json(&format!("/room?page={page}")).await.json();
        let link = |page: i32| (1..=3).contains(&page).then(|| page.to_string());
        assert_eq!((json["page"].as_i64(), json["previous"].as_str()), (Some(page.into()), link(page - 1).as_deref()));
        assert_eq!(json["next"].as_str(), link(page + 1).as_deref());
        names.extend(json["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names.len(), 110);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 110);
    assert_eq!(person.get("/room?page=99").await.status, 200, "the last page");
    for page in ["0", "-1", "x", "b", "b0", "a-1", "a1x", "c1", "01", "%2B1", "b99999999999999999999", ""] {
        assert_eq!(person.get(&format!("/room?page={page}")).await.status, 422, "{page}");
    }
    for page in ["b1", "a0", "a9223372036854775807", "b9223372036854775807", "9223372036854775807"] {
        assert_eq!(person.get(&format!("/room?page={page}")).await.status, 200, "{page}");
    }
}

/// A room in the form in which earlier versions stored it. Every tenth one is closed.
fn stored_room(no: i64, last: Option<DateTime>) -> Document {
    let mut end = doc! { "seq": i64::from(last.is_some()), "no": i64::from(last.is_some()) };
    end.extend(last.map(|at| ("at".to_owned(), at.into())));
    doc! {
        "no": no,
        "rev": 0_i64,
        "name": format!("stored {no}"),
        "open": no % 10 != 0,
        "topic": "",
        "owner": ObjectId::from_bytes([1; 12]),
        "at": DateTime::from_millis(1_700_000_000_000 + no),
        "last": end,
    }
}

/// Stores rooms, without a site.
async fn store_rooms(database: &str, numbers: RangeInclusive<i64>) {
    let client = Client::with_uri_str(database).await.unwrap();
    // A program's own engine has the database of this name.
    let database = client.default_database().unwrap_or_else(|| client.database("sarangbang"));
    let rooms = database.collection::<Document>("room");
    let (mut no, end) = (*numbers.start(), *numbers.end());
    while no <= end {
        let last = (no + 4_999).min(end);
        rooms.insert_many((no..=last).map(|no| stored_room(no, None))).await.unwrap();
        no = last + 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_an_earlier_version_are_listed_by_activity_and_then_by_number() {
    let database = new_database();
    store_rooms(&database, 1..=2_500).await;
    let client = Client::with_uri_str(&database).await.unwrap();
    let rooms = client.default_database().unwrap().collection::<Document>("room");
    // The one where something happened last is an old one.
    let last = doc! { "$set": { "last": { "seq": 1_i64, "no": 1_i64, "at": DateTime::now() } } };
    rooms.update_one(doc! { "no": 3 }, last).await.unwrap();
    let site = Site::on(&database).await;
    let person = site.person("gildong").await;

    let walk = async |mut place: Option<String>, link: &str| {
        let (mut names, mut pages) = (Vec::new(), Vec::new());
        while let Some(page) = place {
            let json = person.get_json(&format!("/room?page={page}")).await.json();
            let listed = json["rooms"].as_array().unwrap();
            assert!(!listed.is_empty() && listed.len() <= 50, "{page}");
            names.extend(listed.iter().map(|room| room["name"].as_str().unwrap().to_owned()));
            place = json[link].as_str().map(str::to_owned);
            pages.push(page);
        }
        (names, pages)
    };
    let (names, pages) = walk(Some("1".into()), "next").await;
    let open = (1..=2_500).rev().filter(|no| no % 10 != 0 && *no != 3).map(|no| format!("stored {no}"));
    let expected: Vec<String> = std::iter::once("stored 3".to_owned()).chain(open).collect();
    assert_eq!(names, expected);
    assert_eq!(pages.len(), 45);

    // And back.
    let (_, back) = walk(pages.last().cloned(), "previous").await;
    assert!(back.len() >= 45 && back.last().is_some_and(|page| page == "1"), "{back:?}");
    let page = person.get(&format!("/room?page={}", pages[30])).await.body;
    assert!(attribute_of(&page, "a[rel=next]", "href").is_some_and(|next| next.ends_with(&pages[31])));
    assert!(attribute_of(&page, "a[rel=prev]", "href").is_some());

    // A room moves up from wherever it was.
    let id = rooms.find_one(doc! { "no": 7 }).await.unwrap().unwrap().get_object_id("_id").unwrap().to_hex();
    person.say(&format!("/room/{id}"), "hello").await;
    assert!(person.get("/room").await.body.find("stored 7<") < person.get("/room").await.body.find("stored 3<"));
    let (after, _) = walk(Some("1".into()), "next").await;
    assert_eq!((after.len(), &after[..2]), (names.len(), &["stored 7".to_owned(), "stored 3".to_owned()][..]));
    assert_eq!(person.make_room("new").await, format!("/room/{}", room_id(&rooms, 2_501).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_behind_many_closed_ones_are_listed() {
    let database = new_database();
    store_rooms(&database, 1..=6_000).await;
    let client = Client::with_uri_str(&database).await.unwrap();
    let rooms = client.default_database().unwrap().collection::<Document>("room");
    let spam = doc! { "no": { "$gt": 15, "$lte": 6_000 } };
    rooms.update_many(spam, doc! { "$set": { "open": false } }).await.unwrap();
    let site = Site::on(&database).await;
    let person = site.person("gildong").await;
    let json = person.get_json("/room").await.json();
    assert_eq!((json["rooms"].as_array().unwrap().len(), json["next"].is_null()), (14, true));
    // A page by number skips them with few queries.
    for (page, count) in [("b6001", 0), ("a0", 0)] {
        let listed = person.get_json(&format!("/room?page={page}")).await.json();
        assert_eq!(listed["rooms"].as_array().unwrap().len(), count, "all are in the recent set");
    }
}

async fn room_id(rooms: &mongodb::Collection<Document>, no: i64) -> String {
    rooms.find_one(doc! { "no": no }).await.unwrap().unwrap().get_object_id("_id").unwrap().to_hex()
}

/// How many rooms the test below stores.
const MANY: i64 = 50_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_costs_the_same_with_few_and_with_many_rooms() {
    let var = folder("many-rooms");
    let many: i64 = std::env::var("ROOMS").map_or(MANY, |rooms| rooms.parse().unwrap());
    // 60 open rooms, then many.
    let few = list_costs(&var, 1..=67).await;
    let lots = list_costs(&var, 71..=many).await;
    println!("documents and queries: {few:?} of 67 rooms, {lots:?} of {many} rooms");
    for (what, few, lots) in [("documents", few.0, lots.0), ("queries", few.1, lots.1)] {
        assert!(lots <= few * 1.2, "{lots} {what} with {many} rooms, {few} with 67");
    }
}

/// Stores rooms in the data of a program and starts it. Answers how many documents and queries the list takes then, and
/// the rooms beside one: right after the start, again, and after rooms were created and renamed.
async fn list_costs(var: &Path, numbers: RangeInclusive<i64>) -> (f64, f64) {
    const TOKEN: &str = "a token of some length";
    {
        let begun = Instant::now();
        let engine = Engine::start(&var.join("var")).await.unwrap();
        store_rooms(engine.url(), numbers.clone()).await;
        engine.stop().await;
        println!("{numbers:?} stored in {:?}", begun.elapsed());
    }
    let mut command = command(var);
    command.env("ROCKET_METRICS", format!("{{token=\"{TOKEN}\"}}"));
    let begun = Instant::now();
    let program = Process::run(command).await;
    println!("started in {:?}", begun.elapsed());
    let person = Person::new(&program.address);
    person.sign_up(&format!("person{}", numbers.start())).await;
    let count = async || {
        let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = metrics.get(format!("{}/metrics", program.address)).bearer_auth(TOKEN);
        let text = metrics.send().await.unwrap().text().await.unwrap();
        let sample = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap().parse::<f64>().unwrap()
        };
        (sample("sarangbang_documents_read_total"), sample("sarangbang_database_seconds_count"))
    };
    let before = count().await;
    let mut room = String::new();
    for round in 0..3 {
        let begun = Instant::now();
        let list = person.get("/room").await;
        println!("list in {:?}", begun.elapsed());
        assert_eq!((list.status, list.body.matches("<li id=\"room-").count()), (200, 50));
        room = person.make_room(&format!("{} {round}", numbers.start())).await;
        assert!(person.get("/room").await.body.contains(&format!("{} {round}<", numbers.start())));
        let begun = Instant::now();
        let page = person.get(&room).await.body;
        println!("room in {:?}", begun.elapsed());
        assert_eq!(page.matches("<li id=\"room-").count(), 30);
        person.post(&room, &[("_method", "put"), ("name", &format!("{} again {round}", numbers.start()))]).await;
        assert!(person.get(&room).await.body.contains(&format!("again {round}</span>")));
    }
    let after = count().await;
    for _ in 0..5 {
        for path in ["/room", &room, "/room?page=2"] {
            let begun = Instant::now();
            assert_eq!(person.get(path).await.status, 200);
            println!("{path} in {:?}", begun.elapsed());
        }
    }
    program.signal("TERM");
    program.ended().await;
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_room_that_is_sent_again_creates_one_room() {
    let site = Site::start().await;
    let (person, guest) = (site.person("gildong").await, site.person("guest").await);
    let form = [("name", "once"), ("topic", ""), ("nonce", "the-same")];
    let sent = join_all((0..6).map(|_| person.post("/room", &form))).await;
    let first = sent[0].location.clone().unwrap();
    assert!(sent.iter().all(|answer| (answer.status, answer.location.as_ref()) == (303, Some(&first))));
    assert_eq!(person.get_json("/room").await.json()["rooms"].as_array().unwrap().len(), 1);
    let again = person.post_for_json("/room", &form).await;
    assert_eq!((again.status, format!("/room/{}", again.json()["id"].as_str().unwrap())), (200, first.clone()));

    assert_eq!(guest.post("/room", &form).await.status, 422, "another person's nonce");
    assert_eq!(person.post("/room", &[("name", "once"), ("nonce", "another")]).await.status, 422, "another request");
    let other = person.post("/room", &[("name", "other"), ("nonce", "the-same")]).await;
    assert_eq!(other.status, 303);
    assert_ne!(other.location.as_ref(), Some(&first), "another name");
    let refused = person.post("/room", &[("name", "third"), ("nonce", "not/a/nonce")]).await;
    assert_eq!((refused.status, refused.fault("nonce").is_some()), (422, true));

    let topic = [("name", "once"), ("topic", "another topic"), ("nonce", "the-same")];
    let refused = person.post("/room", &topic).await;
    assert_eq!((refused.status, refused.fault("name").is_some()), (422, true), "another topic");
    assert_eq!(attribute_of(&refused.body, "#new-room [name=topic]", "value").as_deref(), Some("another topic"));
    person.post(&first, &[("_method", "put"), ("name", "renamed")]).await;
    let free = person.post("/room", &topic).await;
    assert_eq!(free.status, 303, "the name is free again");
    let free = free.location.unwrap();
    assert_ne!(free, first, "the room has another name now");
    let stored = person.get_json(&free).await.json()["room"].clone();
    assert_eq!((&stored["name"], &stored["topic"]), (&"once".into(), &"another topic".into()));
    person.post(&free, &[("_method", "delete")]).await;

    person.post(&first, &[("_method", "delete")]).await;
    let next = person.post("/room", &form).await;
    assert_eq!(next.status, 303);
    assert_ne!(next.location, Some(first), "the room is closed, so there is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_creation_answered_503_is_found_by_the_same_form() {
    let database = new_database();
    let pausing_proxy = PausingProxy::in_front_of_answer_to(&database, ["insert", "an answer is lost"]).await;
    let site = Site::on(&pausing_proxy.database).await;
    let person = site.person("gildong").await;
    let list = person.get("/room").await.body;
    let nonce = attribute_of(&list, "#new-room [name=nonce]", "value").unwrap();
    let form = [("name", "lost"), ("topic", "an answer is lost"), ("nonce", &nonce)];
    let lost = person.post("/room", &form).await;
    pausing_proxy.wait_until_paused().await;
    assert_eq!(lost.status, 503);
    assert_eq!(attribute_of(&lost.body, "[name=nonce]", "value").as_ref(), Some(&nonce), "the page sends it again");
    let again = person.post("/room", &form).await;
    assert_eq!(again.status, 303);
    assert_eq!(text_of(&person.get(&again.location.unwrap()).await.body, "h1").as_deref(), Some("lost"));
    pausing_proxy.resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_made_on_two_sites_at_once_all_stand() {
    let database = new_database();
    let (here, there) = (Site::on(&database).await, Site::on(&database).await);
    let (one, other) = (here.person("gildong").await, there.person("chunhyang").await);
    for n in 0..20 {
        let (mine, hers) = (format!("mine {n}"), format!("hers {n}"));
        tokio::join!(one.make_room(&mine), other.make_room(&hers));
    }
    let listed = crate::helpers::eventually("both lists to be whole", || async {
        let rooms = one.get_json("/room").await.json()["rooms"].as_array().unwrap().len();
        (rooms == 40).then_some(rooms)
    });
    assert_eq!(listed.await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_another_site_changes_or_closes_is_listed_as_it_is() {
    let database = new_database();
    let (here, there) = (Site::on(&database).await, Site::on(&database).await);
    let (one, other) = (here.person("gildong").await, there.person("chunhyang").await);
    let (first, second) = (one.make_room("first").await, one.make_room("second").await);
    let names = async || {
        let json = other.get_json("/room").await.json();
        assert!(json["next"].is_null(), "nothing is left for another page");
        json["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = async |expected: &[&str]| {
        let is_listed = || async {
            let names: Vec<String> = names().await;
            (names == expected).then_some(())
        };
        eventually(&format!("{expected:?} to be listed"), is_listed).await;
    };
    listed(&["second", "first"]).await;
    assert_eq!(one.post(&first, &[("_method", "put"), ("name", "renamed")]).await.status, 303);
    listed(&["second", "renamed"]).await;
    assert_eq!(one.post(&second, &[("_method", "delete")]).await.status, 303);
    listed(&["renamed"]).await;
}

fn renamed(to: &str) -> RoomUpdate {
    RoomUpdate { name: Some(RoomName::parse(to).unwrap()), ..RoomUpdate::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_renamed_and_edited_at_once_has_one_name_and_holds_it() {
    let database = new_database();
    let (here, there) =
        (sarangbang::models::open(&database).await.unwrap(), sarangbang::models::open(&database).await.unwrap());
    let owner = User::sign_up(
        &here,
        Login::parse("owner").unwrap(),
        Password::parse("password").unwrap(),
        Nickname::parse("owner").unwrap(),
    );
    let owner = owner.await.unwrap();
    let name = |text: &str| RoomName::parse(text).unwrap();
    for round in 0..60 {
        let (old, new) = (format!("old {round}"), format!("new {round}"));
        let made = owner.create_room(&here, name(&old), Topic::default()).await.unwrap();
        // All of them have the room as it was made.
        let changes = [(&here, &new), (&there, &old), (&here, &old), (&there, &new)];
        let changes = changes.map(|(db, to)| made.update(db, renamed(to)));
        join_all(changes).await.into_iter().for_each(|changed| changed.unwrap());

        let now = owner.room(&here, made.id).await.unwrap().name.as_str().to_owned();
        let free = if now == old { &new } else { &old };
        assert!(owner.create_room(&there, name(&now), Topic::default()).await.is_err(), "{now} is held");
        owner.create_room(&there, name(free), Topic::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_name_keeps_a_topic_that_was_changed_meanwhile() {
    let database = new_database();
    let (here, there) =
        (sarangbang::models::open(&database).await.unwrap(), sarangbang::models::open(&database).await.unwrap());
    let owner = User::sign_up(
        &here,
        Login::parse("owner").unwrap(),
        Password::parse("password").unwrap(),
        Nickname::parse("owner").unwrap(),
    );
    let owner = owner.await.unwrap();
    let (name, topic) = (|text| RoomName::parse(text).unwrap(), |text| Topic::parse(text).unwrap());
    // Both changes begin with the room as it was created.
    let made = owner.create_room(&here, name("old"), topic("old")).await.unwrap();
    made.update(&there, RoomUpdate { topic: Some(topic("new")), ..RoomUpdate::default() }).await.unwrap();
    made.update(&here, renamed("new")).await.unwrap();
    made.update(&there, RoomUpdate::default()).await.unwrap();
    let room = owner.room(&here, made.id).await.unwrap();
    assert_eq!((room.name.as_str(), room.topic.as_str()), ("new", "new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_has_ended_ends_its_room_whoever_was_interrupted() {
    let site = Site::start().await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let path = owner.make_room("interrupted").await;
    owner.say(&path, "hello").await;
    let mut live = guest.follow(&path, 1).await;
    // The last entry stands, and that is all that was done.
    let client = Client::with_uri_str(&site.database).await.unwrap();
    let entries = client.default_database().unwrap().collection::<Document>("chat");
    let said = entries.find_one(doc! { "seq": 1 }).await.unwrap().unwrap();
    let closed = doc! { "room": said.get("room"), "seq": 2_i64, "kind": "closed", "author": said.get("author"), "chats": 1_i64, "at": DateTime::now() };
    entries.insert_one(closed).await.unwrap();

    assert_eq!(owner.try_say(&path, "too late", "nonce").await.status, 404);
    assert_eq!(live.close_code().await, Some(4404));
    assert_eq!(guest.get(&path).await.status, 404);
    assert!(!guest.get("/room").await.body.contains("interrupted"));
    guest.make_room("interrupted").await;
}

/// What the list says of a room's last chat: who said what.
async fn last(person: &Person, room: &str) -> Option<(String, String)> {
    let (list, place) = (person.get("/room").await.body, room.replace("/room/", "#room-"));
    let part = |css: &str| text_of(&list, &format!("#rooms {place} .last-chat {css}"));
    Some((part("bdi.nickname")?, part(".excerpt[dir=auto]")?))
}

fn said(who: &str, what: &str) -> Option<(String, String)> {
    Some((who.into(), what.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_says_what_was_said_last_and_by_whom() {
    let site = Site::start().await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    let (room, silent) = (gildong.make_room("사랑방").await, gildong.make_room("silent").await);
    let list = gildong.get("/room").await.body;
    for place in [&room, &silent].map(|room| room.replace("/room/", "#room-")) {
        assert_eq!(text_of(&list, &format!("{place} .last-chat")).as_deref(), Some("No messages yet"));
    }

    let chat = gildong.say(&room, "안녕하세요").await;
    assert_eq!(last(&chunhyang, &room).await, said("gildong", "안녕하세요"));
    assert_eq!(last(&chunhyang, &silent).await, None);
    let list = chunhyang.get("/room").await.body;
    let at = attribute_of(&list, &format!("{} time", room.replace("/room/", "#room-")), "datetime");
    assert_eq!(at.as_deref(), chat["at"].as_str());
    let json = chunhyang.get_json("/room").await.json();
    let listed = json["rooms"].as_array().unwrap().iter().find(|listed| listed["name"] == "사랑방").unwrap();
    assert_eq!((&listed["said"]["excerpt"], &listed["said"]["at"]), (&"안녕하세요".into(), &chat["at"]));
    assert_eq!((&listed["last"], &listed["here"]), (&chat["at"], &0.into()));

    chunhyang.say(&room, &format!("<b>\n  `둘`  {}", "가".repeat(100))).await;
    let cut = format!("<b> 둘 {}…", "가".repeat(73));
    assert_eq!(last(&gildong, &room).await, said("chunhyang", &cut));
    let list = gildong.get("/room").await.body;
    assert!(list.contains("&lt;b&gt; 둘 가") && !list.contains("<b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_follows_edits_removals_and_names() {
    let site = Site::start().await;
    let (admin, guest) = (site.person("admin").await, site.person("guest").await);
    let room = admin.make_room("changes").await;
    let change = async |seq: i64, form: &[(&str, &str)]| {
        assert_eq!(admin.post(&format!("{room}/chat/{seq}"), form).await.status, 303);
    };
    for n in 1..=12 {
        admin.say(&room, &format!("chat {n}")).await;
    }
    change(12, &[("_method", "put"), ("text", "edited")]).await;
    assert_eq!(last(&guest, &room).await, said("admin", "edited"));
    change(3, &[("_method", "put"), ("text", "third")]).await;
    assert_eq!(last(&guest, &room).await, said("admin", "edited"));
    // Of these the last entries say nothing but that others are gone.
    for seq in (4..=12).rev() {
        change(seq, &[("_method", "delete")]).await;
    }
    assert_eq!(last(&guest, &room).await, said("admin", "third"));
    for seq in 1..=3 {
        change(seq, &[("_method", "delete")]).await;
    }
    assert_eq!(last(&guest, &room).await, None);

    guest.say(&room, "hello").await;
    assert_eq!(last(&admin, &room).await, said("guest", "hello"));
    guest.post("/user/me", &[("_method", "put"), ("userNickname", "새 이름")]).await;
    assert_eq!(last(&admin, &room).await, said("새 이름", "hello"));
    guest.post("/user/me", &[("_method", "delete"), ("userPassword", PASSWORD)]).await;
    assert_eq!(last(&admin, &room).await, said("deleted user", "hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_has_not_grown_is_not_read_again() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("memory").await;
    person.say(&room, "as it was read").await;
    assert_eq!(last(&person, &room).await, said("gildong", "as it was read"));
    // What nobody may do shows where an answer comes from.
    let client = Client::with_uri_str(&site.database).await.unwrap();
    let entries = client.default_database().unwrap().collection::<Document>("chat");
    entries.update_one(doc! { "seq": 1 }, doc! { "$set": { "text": "as it is stored" } }).await.unwrap();
    assert_eq!(last(&person, &room).await, said("gildong", "as it was read"));
    let database = site.database.clone();
    site.stop().await;

    let next = Site::on(&database).await;
    let person = next.visitor();
    person.sign_in("gildong", PASSWORD).await;
    assert_eq!(last(&person, &room).await, said("gildong", "as it is stored"), "the next start reads it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_comes_without_what_the_database_is_slow_to_tell() {
    let database = new_database();
    let pausing_proxy = PausingProxy::in_front_of(&database, ["firstBatch", "held back"]).await;
    let (here, there) = (Site::on(&database).await, Site::on(&pausing_proxy.database).await);
    let person = here.person("gildong").await;
    let (room, other) = (person.make_room("slow").await, person.make_room("quick").await);
    person.say(&room, "held back").await;
    person.say(&other, "told").await;
    let reader = Person::with_cookie(&there.address, person.cookie().unwrap());
    let page = reader.get("/room").await;
    pausing_proxy.wait_until_paused().await;
    assert_eq!((page.status, page.body.contains("slow<"), page.body.contains("held back")), (200, true, false));
    assert!(page.body.contains("told"), "the others are not held up");
    pausing_proxy.resume();
    assert_eq!(last(&reader, &room).await, said("gildong", "held back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_removed_is_not_listed() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let person = here.person("gildong").await;
    let twin = Person::with_cookie(&there.address, person.cookie().unwrap());
    let room = person.make_room("everywhere").await;
    person.say(&room, "stays").await;
    person.say(&room, "goes").await;
    eventually("both to cross", || async { (last(&twin, &room).await == said("gildong", "goes")).then_some(()) }).await;
    person.post(&format!("{room}/chat/2"), &[("_method", "delete")]).await;
    assert_eq!(last(&person, &room).await, said("gildong", "stays"));
    eventually("its end to cross", || async { (last(&twin, &room).await == said("gildong", "stays")).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_the_rooms_beside_one_say_how_many_are_there() {
    let site = Site::start().await;
    let (gildong, guest) = (site.person("gildong").await, site.person("guest").await);
    let (busy, quiet) = (gildong.make_room("busy").await, gildong.make_room("quiet").await);
    let here = async |room: &str| {
        let place = room.replace("/room/", "#room-");
        text_of(&gildong.get("/room").await.body, &format!("{place} .online .visually-hidden"))
    };
    let beside = async |room: &str| {
        let place = room.replace("/room/", "#room-");
        text_of(&gildong.get(&quiet).await.body, &format!("{place} .online .visually-hidden"))
    };
    assert_eq!((here(&busy).await, beside(&busy).await), (None, None));
    let (one, other) = (guest.follow(&busy, 0).await, gildong.follow(&busy, 0).await);
    eventually("both to be there", || async { (here(&busy).await? == "2 online").then_some(()) }).await;
    assert_eq!((here(&quiet).await, beside(&busy).await), (None, Some("2 online".into())));
    drop((one, other));
    eventually("both to leave", || async { here(&busy).await.is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_stands_among_the_others_in_the_order_of_the_list() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let mut rooms = Vec::new();
    for n in 0..32 {
        rooms.push(person.make_room(&format!("room {n}")).await);
    }
    person.say(&rooms[5], "hello").await;
    let hrefs = |html: &str, css: &str| {
        let selector = scraper::Selector::parse(css).unwrap();
        let document = scraper::Html::parse_document(html);
        let links = document.select(&selector).map(|link| link.attr("href").unwrap().to_owned());
        links.collect::<Vec<_>>()
    };
    let list = hrefs(&person.get("/room").await.body, "#rooms > li > a");
    let page = person.get(&rooms[31]).await.body;
    let beside = hrefs(&page, "#sidebar #rooms > li > a");
    assert_eq!((beside.len(), &beside[0], &beside[..]), (30, &rooms[5], &list[..30]));
    assert_eq!(hrefs(&page, "#rooms a[aria-current=page]"), [rooms[31].clone()]);
    assert_eq!(text_of(&page, "#rooms li:first-child .name").as_deref(), Some("room 5"));
    // A room beyond the first ones stands behind them.
    let page_of_last = person.get(&rooms[0]).await.body;
    assert_eq!(hrefs(&page_of_last, "#rooms [aria-current]"), [rooms[0].clone()]);
    assert_eq!(hrefs(&page_of_last, "#rooms > li > a").len(), 31);

    let change = [("_method", "put"), ("name", "<renamed>"), ("topic", "")];
    person.post(&rooms[5], &change).await;
    let page = person.get(&rooms[31]).await.body;
    assert_eq!(text_of(&page, "#rooms li:first-child .name").as_deref(), Some("<renamed>"));
}
