//! The frame of each page: the list of rooms beside it, the menus and the keys.

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{Device, ENTER};
use crate::helpers::eventually;
use crate::helpers::page::text_of;
use crate::helpers::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_found_by_a_part_of_their_names() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for name in ["독서 모임", "Film club", "Bike repair"] {
        person.make_room(name).await;
    }
    for (query, found) in [("%EB%AA%A8%EC%9E%84", "독서 모임"), ("FILM", "Film club"), ("bike%20repair", "Bike repair")]
    {
        let page = person.get(&format!("/room?q={query}")).await.body;
        assert_eq!(text_of(&page, "#rooms li:only-child .name").as_deref(), Some(found));
        let json = person.get_json(&format!("/room?q={query}")).await.json();
        assert_eq!((&json["rooms"][0]["name"], &json["next"]), (&found.into(), &json!(null)));
    }
    let nothing = person.get("/room?q=%3Cb%3E").await.body;
    assert!(nothing.contains("value=\"&lt;b&gt;\"") && text_of(&nothing, "#rooms li").is_none());
    assert!(text_of(&nothing, "#no-room-found:not([hidden])").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_user_has_the_list_of_rooms() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("lobby").await;
    person.say(&room, "hello").await;
    let me = person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
    for path in ["/room", &room, &format!("{room}/chat/1"), "/user/me", &format!("/user/{me}")] {
        let page = person.get(path).await.body;
        assert_eq!(text_of(&page, "#sidebar #rooms .name").as_deref(), Some("lobby"), "{path}");
        assert!(text_of(&page, "#sidebar #sign-out button").is_some(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_deleted_room_is_told_once_it_is_deleted() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("<short-lived>").await;
    let notice = async |path: String| text_of(&person.get(&path).await.body, "#room-deleted");
    let id = room.strip_prefix("/room/").unwrap();
    assert_eq!(notice(format!("/room?deleted={id}")).await, None);
    let answer = person.post(&room, &[("_method", "delete")]).await;
    let said = notice(answer.location.unwrap()).await.unwrap();
    assert!(said.contains("<short-lived>"), "{said}");
    assert_eq!(notice("/room?deleted=nothing".into()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_goes_from_room_to_room_by_keys_and_on_a_phone() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let film = browser.make_room("Film club").await;
    browser.goto(&format!("{}/room", site.address)).await;
    let books = browser.make_room("독서 모임").await;
    let is_at = async |room: &str| {
        eventually(room, || async { (browser.client.current_url().await.unwrap().as_str() == room).then_some(()) })
            .await;
        browser.find("#connection[data-state=connected]").await;
    };
    let key = async |options: serde_json::Value| {
        let press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...arguments[0] }));";
        browser.run(press, json!([options])).await;
    };
    is_at(&books).await;

    key(json!({ "key": "ArrowDown", "altKey": true })).await;
    is_at(&film).await;

    key(json!({ "key": "k", "ctrlKey": true })).await;
    browser.find(".switcher[open]").await;
    browser.type_into(".switcher input", "ㄷㅅ").await;
    eventually("one room", || async { (browser.count(".switcher [role=option]").await == 1).then_some(()) }).await;
    browser.press(ENTER).await;
    is_at(&books).await;

    browser.run("document.activeElement.blur();", json!([])).await;
    key(json!({ "key": "/" })).await;
    browser.find("#room-query:focus").await;
    browser.type_into("#room-query", "film").await;
    eventually("the other room to be hidden", || async {
        (browser.count("#rooms li:not([hidden])").await == 1).then_some(())
    })
    .await;
    browser.run("document.activeElement.blur();", json!([])).await;
    browser.type_keys("w").await;
    eventually("the letter to be in the composer", || async {
        (browser.find("#text").await.prop("value").await.unwrap()? == "w").then_some(())
    })
    .await;

    browser.on(Device::Phone).await;
    browser.goto(&film).await;
    browser.click(".room-header .open-sidebar").await;
    browser.click(&format!("#rooms a[href='{}']", url::Url::parse(&books).unwrap().path())).await;
    is_at(&books).await;
    browser.close().await;
}
