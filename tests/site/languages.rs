//! Two languages, from the first string.

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::Answer;
use crate::helpers::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_readers_language() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (header, tag, rooms) in [("ko-KR,ko;q=0.9", "ko", "방"), ("en", "en", "Rooms"), ("xx", "en", "Rooms")] {
        let page = Answer::read(person.request("GET", "/room").header("Accept-Language", header)).await.body;
        assert_eq!(attribute_of(&page, "html", "lang").as_deref(), Some(tag));
        assert_eq!(text_of(&page, "h1").as_deref(), Some(rooms));
    }
    let missing = Answer::read(person.request("GET", "/nowhere").header("Accept-Language", "ko")).await.body;
    assert_eq!(text_of(&missing, "h1").as_deref(), Some("여기에는 아무것도 없습니다."));
    let form = [("name", ""), ("topic", "")];
    let refused = Answer::read(person.request("POST", "/room").header("Accept-Language", "ko").form(&form)).await;
    assert_eq!(refused.fault("name").as_deref(), Some("내용을 입력해 주세요."));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shows_a_key_without_a_text() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("texts").await;
    let card = format!("/user/{}", person.say(&room, "hello").await["author"].as_str().unwrap());
    let paths = [
        "/room".into(),
        room.clone(),
        format!("{room}/chat/1"),
        "/nowhere".into(),
        "/room?page=x".into(),
        "/user/me".into(),
        "/user/me?done=profile&picture=kind".into(),
        card,
    ];
    for language in ["en", "ko"] {
        for path in &paths {
            let page = Answer::read(person.request("GET", path).header("Accept-Language", language)).await.body;
            assert!(!page.contains("Unknown localization"), "{path} in {language}");
        }
        let door = Answer::read(site.visitor().request("GET", "/user").header("Accept-Language", language)).await.body;
        assert!(!door.contains("Unknown localization"), "the door in {language}");
    }
}
