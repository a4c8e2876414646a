//! Mentions: who is meant by `@` and a name, and what pages and JSON make of it.

use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{ENTER, ESCAPE, UP};
use crate::helpers::eventually;
use crate::helpers::page::{Page, attribute_of, text_of};
use crate::helpers::person::{Person, nonce};
use crate::helpers::site::Site;

/// The id of somebody.
async fn id(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

/// Gives somebody another nickname.
async fn rename(person: &Person, nickname: &str) {
    let answer = person.post("/user/me", &[("_method", "put"), ("userNickname", nickname)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

/// The mentions of a chat: the typed names with those who are meant.
fn mentioned(chat: &Value) -> Vec<(String, Value)> {
    let text = chat["text"].as_str().unwrap();
    let mentions = chat["mentions"].as_array().unwrap().iter();
    let place = |mention: &Value| {
        let number = |name: &str| mention[name].as_u64().unwrap() as usize;
        let (at, len) = (number("at"), number("len"));
        (text[at..at + len].to_owned(), mention["user"].clone())
    };
    mentions.map(place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_a_text_mentions_its_owner_until_the_text_is_edited_or_removed() {
    let site = Site::start().await;
    let [author, gildong, kim] = [site.person("author").await, site.person("gildong").await, site.person("kim").await];
    rename(&gildong, "길동").await;
    let (room, gildong_id, kim_id) = (author.make_room("mentions").await, id(&gildong).await, id(&kim).await);

    let chat = author.say(&room, "(@길동님) `@kim` a@길동.kr, **@KIM**!").await;
    let expected = [("@길동".to_owned(), json!(gildong_id)), ("@KIM".to_owned(), json!(kim_id))];
    assert_eq!(mentioned(&chat), expected);
    let page = author.get(&room).await.body;
    let link = format!("#chat-1 a.mention[data-user=\"{gildong_id}\"]");
    assert_eq!(text_of(&page, &link).as_deref(), Some("@길동"));
    assert_eq!(attribute_of(&page, &link, "href"), Some(format!("/user/{gildong_id}")));
    assert_eq!(text_of(&page, "#chat-1 strong a.mention").as_deref(), Some("@KIM"));
    assert_eq!(Page::read(&page).texts(), ["(@길동님) @kim a@길동.kr, @KIM!"]);

    // The same text again changes nothing. Another one has mentions of its own, also after a new name.
    let path = format!("{room}/chat/1");
    let edit = async |text: &str| {
        let answer = author.post_for_json(&path, &[("_method", "put"), ("text", text)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    assert_eq!(edit(chat["text"].as_str().unwrap()).await["rev"], 1);
    rename(&kim, "이순신").await;
    assert_eq!(mentioned(&edit("@kim @이순신아").await), [("@이순신".to_owned(), json!(kim_id))]);
    assert_eq!(mentioned(&author.get_json(&path).await.json()).len(), 1);
    let fragment = gildong.ask_since(&room, 1).await.body;
    assert_eq!(attribute_of(&fragment, "a.mention", "data-user"), Some(kim_id));

    assert_eq!(author.post(&path, &[("_method", "delete")]).await.status, 303);
    let removed = author.get_json(&path).await.json();
    assert_eq!((&removed["text"], &removed["mentions"]), (&json!(""), &json!([])));
    let client = Client::with_uri_str(&site.database).await.unwrap();
    let entries = client.default_database().unwrap().collection::<Document>("chat");
    eventually("the mentions to leave the database", || async {
        (entries.count_documents(doc! { "mentions": { "$exists": true } }).await.unwrap() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_says_who_is_meant_by_a_shared_name() {
    let site = Site::start().await;
    let author = site.person("author").await;
    let room = author.make_room("namesakes").await;
    let mut ids = Vec::new();
    for n in 0..6 {
        let person = site.person(&format!("person{n}")).await;
        rename(&person, "길동").await;
        ids.push(id(&person).await);
        let chat = author.say(&room, "@길동님").await;
        assert_eq!(mentioned(&chat).len(), if n < 5 { n + 1 } else { 0 }, "{n}");
    }
    let (unique, path) = (nonce(), format!("{room}/chat"));
    let form = [("text", "@길동님"), ("nonce", &unique), ("mention", &ids[5]), ("mention", &ids[1])];
    let said = author.post_for_json(&path, &form).await;
    assert_eq!(said.status, 201, "{}", said.body);
    let chat = said.json();
    let users: Vec<Value> = mentioned(&chat).into_iter().map(|(_, user)| user).collect();
    assert_eq!(users.len(), 2);
    assert!([1, 5].iter().all(|n| users.contains(&json!(ids[*n]))), "{users:?}");
    assert_eq!(author.post_for_json(&path, &form).await.status, 200, "sent twice, said once");

    // An edit keeps them unless it says otherwise.
    let path = format!("{path}/{}", chat["seq"]);
    let edit = async |more: &[(&str, &str)]| {
        let form = [&[("_method", "put"), ("text", "@길동님, 안녕")], more].concat();
        author.post_for_json(&path, &form).await.json()
    };
    assert_eq!(mentioned(&edit(&[]).await).len(), 2);
    assert_eq!(mentioned(&edit(&[("mention", &ids[3])]).await), [("@길동".to_owned(), json!(ids[3]))]);

    let many = vec![("mention", ids[0].as_str()); 51];
    for wrong in [&many[..], &[("mention", "nobody")]] {
        let form = [&[("text", "@길동"), ("nonce", "many")], wrong].concat();
        let refused = author.post_for_json(&format!("{room}/chat"), &form).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(refused.json()["error"]["fields"]["mention"].is_string(), "{}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_manage_a_room_mention_everybody() {
    let site = Site::start().await;
    let (_admin, owner, guest) = (site.person("admin").await, site.person("owner").await, site.person("guest").await);
    let room = owner.make_room("everybody").await;
    let chat = owner.say(&room, "@모두 @ALL, @allen").await;
    assert_eq!(mentioned(&chat), [("@모두".to_owned(), Value::Null), ("@ALL".to_owned(), Value::Null)]);
    assert_eq!(mentioned(&guest.say(&room, "@모두").await), []);
    let page = guest.get(&room).await.body;
    assert_eq!(text_of(&page, "#chat-1 .mention[data-user=all]").as_deref(), Some("@모두"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_read_a_room_is_neither_mentioned_nor_suggested_there() {
    let site = Site::start().await;
    let (_admin, owner) = (site.person("admin").await, site.person("owner").await);
    let (member, outsider) = (site.person("member").await, site.person("outsider").await);
    for person in [&member, &outsider] {
        rename(person, "길동").await;
    }
    let made = owner.post("/room", &[("name", "closed"), ("kind", "closed")]).await;
    let (room, ids) = (made.location.unwrap(), [id(&member).await, id(&outsider).await]);
    let added = owner.post(&format!("{room}/member"), &[("user", &ids[0])]).await;
    assert_eq!(added.status, 303, "{}", added.body);

    let form = [("text", "@길동 @outsider"), ("nonce", "closed"), ("mention", &ids[1])];
    let said = owner.post_for_json(&format!("{room}/chat"), &form).await;
    assert_eq!(mentioned(&said.json()), [("@길동".to_owned(), json!(ids[0]))]);
    let suggested = owner.get_json(&format!("{room}/member?q=ㄱㄷ")).await.json();
    assert_eq!(suggested["people"], json!([{ "id": ids[0], "nickname": "길동" }]));
    assert_eq!(mentioned(&member.say(&room, "@all").await), [("@all".to_owned(), Value::Null)], "a small room");
    assert_eq!(outsider.get(&format!("{room}/member?q=a")).await.status, 404);

    // Who left is not mentioned any more.
    assert_eq!(member.post(&format!("{room}/member/{}", ids[0]), &[("_method", "delete")]).await.status, 303);
    assert_eq!(mentioned(&owner.say(&room, "@길동").await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_suggested_by_their_names() {
    let site = Site::start().await;
    let (author, near) = (site.person("author").await, site.person("near").await);
    let room = author.make_room("suggestions").await;
    rename(&near, "하늘").await;
    near.say(&room, "안녕하세요").await;
    for n in 0..9 {
        rename(&site.person(&format!("person{n}")).await, &format!("가온{n}")).await;
    }
    let suggested = async |person: &Person, query: &str| -> Vec<String> {
        let answer = person.get(&format!("{room}/member?q={query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let options = answer.body.split("<li ").skip(1).filter(|option| option.contains("role=\"option\""));
        options
            .map(|option| option.split("data-name=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
            .collect()
    };
    for query in ["하", "하늘", "늘", "ㅎㄴ", "하느"] {
        assert_eq!(suggested(&author, query).await, ["하늘"], "{query}");
    }
    assert_eq!(suggested(&author, "가온").await.len(), 8);
    let all = suggested(&author, "").await;
    assert_eq!((all.len(), all[0].as_str(), all[7].as_str()), (8, "하늘", "all"), "{all:?}");
    assert_eq!(suggested(&author, "al").await, ["all"]);
    assert_eq!(suggested(&near, "al").await, [""; 0], "who may not mention everybody is not offered it");
    assert_eq!(suggested(&author, "nobody").await, [""; 0]);

    let json = author.get_json(&format!("{room}/member?q=하늘")).await.json();
    assert_eq!(json, json!({ "people": [{ "id": id(&near).await, "nickname": "하늘" }], "everybody": false }));
    assert_eq!(site.visitor().get(&format!("{room}/member?q=a")).await.status, 401);
    assert_eq!(author.get("/room/0123456789abcdef01234567/member?q=a").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picker_follows_a_syllable_and_enter_picks_without_sending() {
    let site = Site::start().await;
    let (one, other) = (site.person("one").await, site.person("other").await);
    for person in [&one, &other] {
        rename(person, "길동").await;
    }
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "minji").await;
    let room = browser.make_room("picker").await;
    browser.find("#connection[data-state=connected]").await;
    browser.click("#text").await;
    browser.type_keys("@").await;
    browser.find("#text[role=combobox][aria-expanded=true]").await;
    for state in ["ㄱ", "기", "길"] {
        browser.compose(state).await;
        let what = format!("{state} to suggest both");
        eventually(&what, || async { (browser.count(".mentions [role=option]").await == 2).then_some(()) }).await;
    }
    browser.commit("길").await;
    let active = "const text = document.getElementById('text');
         return document.getElementById(text.getAttribute('aria-activedescendant'))?.dataset.user;";
    let first = browser.run(active, json!([])).await;
    // HTML has no combobox of several lines, so axe wonders about its role.
    let faults: Vec<String> = browser.axe().await;
    assert!(
        faults.iter().all(|fault| fault.contains("aria-allowed-role") && fault.contains(": 1 times")),
        "{faults:?}"
    );
    browser.press(UP).await;
    let picked = browser.run(active, json!([])).await;
    assert!(picked.is_string() && picked != first, "{picked}");
    browser.press(ENTER).await;
    let typed = "return document.getElementById('text').value;";
    assert_eq!(browser.run(typed, json!([])).await, json!("@길동"), "a particle follows directly");
    assert_eq!(browser.count("#outbox li, #feed .chat").await, 0, "nothing is sent");
    assert_eq!(browser.count("#text[role], .mentions [role=option]").await, 0, "the list is closed");
    browser.type_keys("hello").await;
    browser.press(ENTER).await;
    browser.sees(&["@길동 hello"]).await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let chat = one.get_json(&format!("{path}/chat/1")).await.json();
    assert_eq!(mentioned(&chat), [("@길동".to_owned(), picked)], "the one who was picked, not both");

    // The Enter that ends a syllable picks too.
    browser.type_keys("@").await;
    browser.compose("길").await;
    eventually("both again", || async { (browser.count(".mentions [role=option]").await == 2).then_some(()) }).await;
    browser.press_enter_for_the_input_method().await;
    browser.commit("길").await;
    eventually("the pick", || async { (browser.run(typed, json!([])).await == json!("@길동")).then_some(()) }).await;
    browser.compose("이가").await;
    browser.commit("이가").await;
    browser.press(ENTER).await;
    browser.sees(&["@길동 hello", "@길동이가"]).await;

    // Escape closes, and typing goes on; a click picks.
    browser.type_keys("@").await;
    browser.find("#text[aria-expanded=true]").await;
    browser.press(ESCAPE).await;
    assert_eq!(browser.count("#text[role]").await, 0);
    browser.type_keys("on @").await;
    browser.find("#text[aria-expanded=true]").await;
    browser.click(".mentions [role=option]").await;
    let value = browser.run(typed, json!([])).await;
    assert!(value.as_str().unwrap().starts_with("@on @") && value.as_str().unwrap().len() > 5, "{value}");
    browser.close().await;
}
