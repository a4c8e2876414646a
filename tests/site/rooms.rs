//! Making, changing and deleting rooms.

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc};
use sarangbang::models::checked::{Login, Nickname, Password, RoomName, Topic};
use sarangbang::models::{Database, User};

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::site::{Site, new_database};

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
        assert_eq!(json["pages"], 3);
        names.extend(json["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names.len(), 110);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 110);
    assert_eq!(person.get("/room?page=99").await.status, 200, "the last page");
    assert_eq!(person.get("/room?page=0").await.status, 422);
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
    let listed = crate::helpers::until("both lists to be whole", || async {
        let rooms = one.get_json("/room").await.json()["rooms"].as_array().unwrap().len();
        (rooms == 40).then_some(rooms)
    });
    assert_eq!(listed.await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_renamed_and_edited_at_once_has_one_name_and_holds_it() {
    let database = new_database();
    let (here, there) = (Database::open(&database).await.unwrap(), Database::open(&database).await.unwrap());
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
        let made = owner.make_room(&here, name(&old), Topic::default()).await.unwrap();
        // All of them have the room as it was made.
        let changes = [(&here, &new), (&there, &old), (&here, &old), (&there, &new)];
        let changes = changes.map(|(db, to)| made.change(db, name(to), Topic::default()));
        join_all(changes).await.into_iter().for_each(|changed| changed.unwrap());

        let now = owner.room(&here, made.id).await.unwrap().name.as_str().to_owned();
        let free = if now == old { &new } else { &old };
        assert!(owner.make_room(&there, name(&now), Topic::default()).await.is_err(), "{now} is held");
        owner.make_room(&there, name(free), Topic::default()).await.unwrap();
    }
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
