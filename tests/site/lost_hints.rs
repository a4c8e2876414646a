//! What one instance must know although no hint reaches it.

use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};

use crate::helpers::database_proxy::DatabaseProxy;
use crate::helpers::page::Page;
use crate::helpers::person::PASSWORD;
use crate::helpers::site::{Site, new_database};
use crate::helpers::{TEST_TIMEOUT, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_change_stream_is_silent_serves_nothing_that_another_one_removed() {
    let database = new_database();
    let proxy = DatabaseProxy::in_front_of(&database).await;
    let here = Site::following(&proxy.database).await;
    let person = here.person("gildong").await;
    let room = person.make_room("half dead").await;
    person.say(&room, "SECRET").await;
    // It listens for 25 s first, and on a slow machine its heartbeats are late at times.
    let is_alone = async {
        loop {
            let before = proxy.session_queries();
            let answer = person.get(&room).await;
            if answer.status == 200 && proxy.session_queries() == before {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let waited = tokio::time::timeout(TEST_TIMEOUT * 4, is_alone).await;
    assert!(waited.is_ok(), "the instance does not know that it is the only one");
    // A slow machine answers 503 at times.
    let open = || async {
        let answer = eventually("the page to be answered", || async {
            let answer = person.get(&room).await;
            (answer.status == 200).then_some(answer)
        });
        Page::read(&answer.await.body)
    };
    assert_eq!(open().await.texts(), ["SECRET"]);

    proxy.silence_change_streams();
    let there = Site::following(&database).await;
    let twin = there.visitor();
    twin.sign_in("gildong", PASSWORD).await;
    assert_eq!(twin.post(&format!("{room}/chat/1"), &[("_method", "delete")]).await.status, 303);
    twin.say(&room, "said elsewhere").await;
    let page = open().await;
    assert!(page.chats[&1].removed);
    assert_eq!(page.texts(), ["", "said elsewhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_changed_behind_an_instances_back_is_shown_within_a_minute() {
    let site = Site::start().await;
    let (person, reader) = (site.person("gildong").await, site.person("reader").await);
    let room = person.make_room("names").await;
    let author = person.say(&room, "hello").await["author"].as_str().unwrap().to_owned();
    let mut live = reader.follow(&room, 0).await;
    live.element("presence", |here| here.contains("reader")).await;
    let _here = person.follow(&room, 0).await;
    live.element("presence", |here| here.contains("gildong")).await;
    assert_eq!(reader.open(&room).await.chats[&1].nickname, "gildong");

    let users = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let users = users.collection::<Document>("user");
    let key = doc! { "_id": ObjectId::parse_str(&author).unwrap() };
    let changed = users.update_one(key, doc! { "$set": { "nickname": "renamed" } }).await.unwrap();
    assert_eq!(changed.modified_count, 1);
    eventually("the page to show the new name", || async {
        (reader.open(&room).await.chats[&1].nickname == "renamed").then_some(())
    })
    .await;
    live.element("presence", |here| here.contains("renamed") && !here.contains("gildong")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_and_typing_show_a_new_name_while_a_socket_stays_open() {
    let site = Site::start().await;
    let (person, reader) = (site.person("oldname").await, site.person("reader").await);
    let room = person.make_room("renamed").await;
    let (mut live, mut own) = (reader.follow(&room, 0).await, person.follow(&room, 0).await);
    live.element("presence", |here| here.contains("oldname")).await;
    person.post("/user/me", &[("_method", "put"), ("userNickname", "newname")]).await;
    live.element("presence", |here| here.contains("newname") && !here.contains("oldname")).await;
    own.send("typing").await;
    live.element("typing", |typing| typing.contains("newname") && !typing.contains("oldname")).await;
    let mut later = reader.follow(&room, 0).await;
    later.element("presence", |here| here.contains("newname") && !here.contains("oldname")).await;
    assert!(!reader.get(&room).await.body.contains("oldname"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_arrives_after_the_purge_is_not_shown_and_ends_its_room() {
    let database = new_database();
    let proxy = DatabaseProxy::in_front_of(&database).await;
    let here = Site::following(&proxy.database).await;
    let there = Site::following(&database).await;
    let owner = here.person("gildong").await;
    let twin = there.visitor();
    twin.sign_in("gildong", PASSWORD).await;
    let room = owner.make_room("purged").await;
    owner.say(&room, "first").await;
    let mut live = owner.follow(&room, 0).await;
    live.read_until(&mut Page::default(), 1).await;

    proxy.hold_request("LATE CHAT");
    let late = owner.try_say(&room, "LATE CHAT", "late");
    let meanwhile = async {
        proxy.wait_until_held().await;
        proxy.pause();
    };
    let (late, ()) = tokio::join!(late, meanwhile);
    assert_eq!(late.status, 503);
    twin.say(&room, "second").await;
    twin.say(&room, "third").await;
    assert_eq!(twin.post(&room, &[("_method", "delete")]).await.status, 303);
    let data = Client::with_uri_str(&database).await.unwrap().default_database().unwrap();
    let chats = data.collection::<Document>("chat");
    eventually("the room to be purged", || async {
        (chats.count_documents(doc! { "kind": "said" }).await.unwrap() == 0).then_some(())
    })
    .await;

    proxy.release();
    proxy.resume();
    let code = loop {
        match live.hear().await {
            Ok(message) => assert!(!message.contains("LATE CHAT"), "{message}"),
            Err(code) => break code,
        }
    };
    assert_eq!(code, Some(4404));
    eventually("the late entry to be deleted", || async {
        (chats.count_documents(doc! { "kind": "said" }).await.unwrap() == 0).then_some(())
    })
    .await;
}
