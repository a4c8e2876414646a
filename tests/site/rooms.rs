//! Making, changing and deleting rooms.

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
