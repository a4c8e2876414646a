//! Two languages, from the first string.

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_readers_language() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (header, tag, rooms) in [("ko-KR,ko;q=0.9", "ko", "채팅방"), ("en", "en", "Rooms"), ("xx", "en", "Rooms")] {
        let page = Answer::read(person.request("GET", "/room").header("Accept-Language", header)).await.body;
        assert_eq!(attribute_of(&page, "html", "lang").as_deref(), Some(tag));
        assert_eq!(text_of(&page, "h1").as_deref(), Some(rooms));
    }
    let missing = Answer::read(person.request("GET", "/nowhere").header("Accept-Language", "ko")).await.body;
    assert_eq!(text_of(&missing, "h1").as_deref(), Some("찾을 수 없어요."));
    let form = [("name", ""), ("topic", "")];
    let refused = Answer::read(person.request("POST", "/room").header("Accept-Language", "ko").form(&form)).await;
    assert_eq!(refused.fault("name").as_deref(), Some("내용을 입력해 주세요."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_fits_the_name_in_it() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (name, korean) in
        [("사랑방", "‘사랑방’을 "), ("제주도", "‘제주도’를 "), ("b 7", "‘b 7’을 "), ("♥", "‘♥’을(를) ")]
    {
        let room = person.make_room(name).await;
        for (language, begins) in [("ko", korean.to_owned()), ("en", format!("“{name}” "))] {
            let page = Answer::read(person.request("GET", &room).header("Accept-Language", language)).await.body;
            let hint = text_of(&page, "#delete-room p").unwrap().replace(['\u{2068}', '\u{2069}'], "");
            assert!(hint.starts_with(&begins), "{hint}");
        }
    }
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
        let offline = Answer::read(person.request("GET", "/offline").header("Accept-Language", language)).await.body;
        assert!(!offline.contains("Unknown localization"), "the offline page in {language}");
        let door = Answer::read(site.visitor().request("GET", "/user").header("Accept-Language", language)).await.body;
        assert!(!door.contains("Unknown localization"), "the door in {language}");
    }
}

/// The links of the footer: where each goes, and its language.
fn choices(page: &str) -> Vec<(String, String)> {
    let document = scraper::Html::parse_document(page);
    let links = scraper::Selector::parse("footer.site a[hreflang]").unwrap();
    let attribute = |link: &scraper::ElementRef<'_>, name| link.value().attr(name).unwrap().to_owned();
    let choice = |link: scraper::ElementRef<'_>| {
        assert_eq!(attribute(&link, "lang"), attribute(&link, "hreflang"));
        (attribute(&link, "href"), attribute(&link, "lang"))
    };
    document.select(&links).map(choice).collect()
}

fn language_of(page: &str) -> String {
    attribute_of(page, "html", "lang").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_chooses_a_language_and_keeps_the_way_back() {
    let site = Site::start().await;
    let visitor = site.visitor();
    let way = visitor.get("/room?page=2&x=a%20b").await.location.unwrap();
    let door = visitor.get(&way).await.body;
    let next = attribute_of(&door, "#sign-in [name=next]", "value").unwrap();
    assert_eq!((language_of(&door).as_str(), next.as_str()), ("en", "/room?page=2&x=a%20b"));
    assert_eq!(text_of(&door, "footer.site [aria-current]").as_deref(), Some("English"));
    assert_eq!(attribute_of(&door, "link[rel=alternate][hreflang=ko]", "href").as_deref(), Some("/user?lang=ko"));
    let choices = choices(&door);
    assert_eq!(choices.iter().map(|(_, tag)| tag.as_str()).collect::<Vec<_>>(), ["en", "ko"]);

    let chosen = visitor.get(&choices[1].0).await;
    assert_eq!(chosen.status, 303);
    let cookie = chosen.cookie.unwrap();
    for part in ["locale=ko;", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let location = chosen.location.unwrap();
    assert!(!location.contains("lang"), "{location}");
    let door = visitor.get(&location).await.body;
    assert_eq!(language_of(&door), "ko");
    assert_eq!(attribute_of(&door, "#sign-in [name=next]", "value"), Some(next));
    assert_eq!(text_of(&door, "footer.site [aria-current]").as_deref(), Some("한국어"));
    assert_eq!(visitor.get("/user?lang=ko").await.location.as_deref(), Some("/user"));

    let unknown = visitor.get("/user?lang=xx").await;
    assert_eq!((unknown.status, unknown.cookie), (200, None));
    let elsewhere = visitor.get("/user?lang=ko&next=//evil.example").await.location.unwrap();
    assert!(elsewhere.starts_with("/user?next="), "{elsewhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_comes_before_the_cookie_and_the_cookie_before_the_browser() {
    let site = Site::start().await;
    let person = site.visitor();
    let browser_likes = |language: &'static str, path: &'static str| {
        let request = person.request("GET", path).header("Accept-Language", language);
        async move { Answer::read(request).await.body }
    };
    assert_eq!(language_of(&browser_likes("ko", "/user").await), "ko");
    person.get("/user?lang=en").await;
    assert_eq!(language_of(&browser_likes("ko", "/user").await), "en");
    let refused = person.request("GET", "/room/x/chat").header("Accept-Language", "ko");
    let refused = Answer::read(refused.header("Accept", "application/json")).await.json();
    assert_eq!(refused["error"]["message"], "Nothing found here.");

    person.sign_up("gildong").await;
    assert_eq!(language_of(&browser_likes("ko", "/room").await), "en", "the account has no choice yet");
    person.post("/user/me", &[("_method", "put"), ("locale", "ko")]).await;
    for path in ["/room", "/nowhere"] {
        assert_eq!(language_of(&browser_likes("en", path).await), "ko", "{path}");
    }
    person.get("/user?lang=en").await;
    assert_eq!(language_of(&browser_likes("en", "/room").await), "ko", "the account's choice stands");
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", PASSWORD).await;
    assert_eq!(language_of(&elsewhere.get("/nowhere").await.body), "ko", "a browser learns it when one signs in");
    person.post("/user/me", &[("_method", "put"), ("locale", "")]).await;
    for (language, path) in [("en", "/room"), ("ko", "/room"), ("ko", "/nowhere")] {
        assert_eq!(language_of(&browser_likes(language, path).await), language, "the browser's, by choice: {path}");
    }
    let room = browser_likes("ko", "/room").await;
    assert!(choices(&room).is_empty(), "who is signed in chooses in the account");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_offers_the_languages_to_who_is_signed_out_alone() {
    let site = Site::start().await;
    let (visitor, person) = (site.visitor(), site.person("gildong").await);
    let offered = [("/user?lang=en".to_owned(), "en".to_owned()), ("/user?lang=ko".to_owned(), "ko".to_owned())];
    assert_eq!(choices(&visitor.get("/nowhere").await.body), offered);
    let form = [("text", "hi"), ("nonce", "n")];
    let refused = visitor.post("/room/0123456789abcdef01234567/chat", &form).await;
    assert_eq!((refused.status, choices(&refused.body)), (401, offered.to_vec()));
    for path in ["/nowhere", "/room?page=x", "/room/0123456789abcdef01234567"] {
        let page = person.get(path).await.body;
        assert!(page.contains("class=\"error\"") && choices(&page).is_empty(), "{path}");
    }
    visitor.get("/user?lang=ko").await;
    let page = visitor.get("/nowhere").await.body;
    assert_eq!((language_of(&page).as_str(), text_of(&page, "h1").as_deref()), ("ko", Some("찾을 수 없어요.")));
    // A session that has ended is nobody's.
    let twin = Person::with_cookie(&site.address, person.cookie().unwrap());
    person.post("/session", &[("_method", "delete")]).await;
    assert_eq!(choices(&twin.post("/room/0123456789abcdef01234567/chat", &form).await.body), offered);
}
