//! Forms: whose page they stand on, and what is kept of them when they are refused.

use reqwest::multipart::Form;
use rocket::Route;
use rocket::http::Method;
use sarangbang::controllers;
use scraper::{ElementRef, Html, Selector};

use crate::helpers::browser::Browser;
use crate::helpers::images::site_with_images;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::Site;
use crate::helpers::{eventually, within_timeout};

/// The id of a person.
async fn id(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

/// The forms of a page that are sent to the site: their actions and the fields that no person types.
fn forms(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let document = Html::parse_document(page);
    let select = |css: &str| Selector::parse(css).unwrap();
    let attribute = |element: &ElementRef<'_>, name| element.value().attr(name).unwrap_or_default().to_owned();
    let fields = select("input[type=hidden]");
    let hidden = |form: &ElementRef<'_>| {
        let fields = form.select(&fields).map(|field| {
            assert_eq!(field.value().attr("autocomplete").is_some(), attribute(&field, "name") != "_method");
            (attribute(&field, "name"), attribute(&field, "value"))
        });
        fields.collect()
    };
    let all = select("form[method=post]");
    let ours = document.select(&all).filter(|form| attribute(form, "action").starts_with('/'));
    ours.map(|form| (attribute(&form, "action"), hidden(&form))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_signed_in_page_names_its_reader() {
    let (site, _images, _) = site_with_images("authors").await;
    let person = site.person("gildong").await;
    let me = id(&person).await;
    let room = person.make_room("authors").await;
    person.say(&room, "hello").await;
    site.visitor().sign_in("gildong", PASSWORD).await;
    person
        .send_picture(crate::helpers::images::encoded(
            &crate::helpers::images::four_colour_image(64, 64),
            image::ImageFormat::Png,
        ))
        .await;
    let mut actions = Vec::new();
    let in_room = ["", "?before=2", "/chat/1", "/member"].map(|path| format!("{room}{path}"));
    for path in ["/room", "/people", "/inbox", "/user/me"].map(str::to_owned).into_iter().chain(in_room) {
        for (action, hidden) in forms(&person.get(&path).await.body) {
            let author = hidden.iter().find(|(name, _)| name == "author");
            assert_eq!(author.map(|(_, value)| value), Some(&me), "{action} on {path}: {hidden:?}");
            let method = hidden.iter().position(|(name, _)| name == "_method");
            assert!(method.is_none_or(|place| place == 0), "{action} on {path}: {hidden:?}");
            actions.push(action);
        }
    }
    actions.sort_unstable();
    actions.dedup();
    let session = actions.iter().find(|action| action.starts_with("/user/me/session/")).unwrap().clone();
    let all = [
        "/direct",
        "/room",
        &room,
        &format!("{room}/chat"),
        &format!("{room}/chat/1"),
        &format!("{room}/membership"),
        &format!("{room}/reading"),
        "/session",
        "/user/me",
        "/user/me/picture",
        "/user/me/session",
        &session,
    ];
    assert_eq!(actions, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_a_form_from_the_page_of_another_user() {
    let site = Site::start().await;
    let (person, guest) = (site.person("gildong").await, site.person("guest").await);
    let (me, other) = (id(&person).await, id(&guest).await);
    let room = person.make_room("mine").await;
    person.say(&room, "hello").await;
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", PASSWORD).await;
    let account = person.get("/user/me").await.body;
    let session = attribute_of(&account, "#sessions form", "action").unwrap();
    let form = [("text", "words"), ("nonce", "n"), ("name", "theirs"), ("topic", ""), ("userNickname", "theirs")];
    let form: Vec<_> = form.into_iter().chain([("userPassword", PASSWORD), ("author", &other)]).collect();
    let mut seen = 0;
    // These take no form, but JSON with a ticket of the file server.
    let is_form = |route: &&Route| {
        !matches!((route.method, route.uri.path()), (Method::Put, "/room/<id>/chat") | (Method::Post, "/file/unused"))
    };
    for route in controllers::routes().iter().filter(|route| route.method != Method::Get).filter(is_form) {
        let path = route.uri.path().replace("/room/<id>", &room).replace("<seq>", "1");
        let path = path.replace("<id>", &me).replace("<user>", &me);
        let path = path.replace("/user/me/session/<session>", &session);
        let request = || person.request(route.method.as_str(), &path).form(&form);
        let json = Answer::read(request().header("Accept", "application/json")).await;
        assert_eq!((json.status, json.json()["error"]["code"].clone()), (409, "wrong-author".into()), "{route}");
        let page = Answer::read(request()).await;
        assert_eq!(page.status, 409, "{route}");
        let said = text_of(&page.body, "h1").unwrap().replace(['\u{2068}', '\u{2069}'], "");
        assert_eq!(said, "This form belongs to guest.");
        seen += 1;
    }
    assert!(seen >= 13, "{seen} routes");
    // Nothing was done.
    let stored = person.get_json("/user/me").await.json();
    assert_eq!((stored["nickname"].as_str(), elsewhere.get("/room").await.status), (Some("gildong"), 200));
    let page = person.get_json(&room).await.json();
    assert_eq!((&page["room"]["name"], &page["chats"][0]["text"]), (&"mine".into(), &"hello".into()));
    assert_eq!((page["chats"].as_array().unwrap().len(), page["upto"].as_i64()), (1, Some(1)));
    // One's own id passes, and so does none.
    for author in [&[][..], &[("author", &*me)]] {
        let own: Vec<_> = [("_method", "put"), ("topic", "ours")].iter().chain(author).collect();
        assert_eq!(person.post(&room, &own.into_iter().copied().collect::<Vec<_>>()).await.status, 303);
    }
    for odd in ["", "nobody", "0123456789abcdef01234567"] {
        assert_eq!(person.post(&room, &[("_method", "put"), ("author", odd)]).await.status, 409, "{odd:?}");
    }
    let both = [("_method", "put"), ("author", &*me), ("author", &*other)];
    assert_eq!(person.post(&room, &both).await.status, 409);
    let parts = reqwest::multipart::Form::new().text("author", other.clone()).text("name", "theirs");
    assert_eq!(Answer::read(person.request("PUT", &room).multipart(parts)).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_refused_for_its_author_is_kept_and_sent_knowingly() {
    let site = Site::start().await;
    let (person, guest) = (site.person("gildong").await, site.person("guest").await);
    let (me, other) = (id(&person).await, id(&guest).await);
    let room = person.make_room("kept").await;
    let chat = format!("{room}/chat");
    let form = [("text", "guest’s <words>"), ("nonce", "n1"), ("author", &*other)];
    let refused = person.post(&chat, &form).await;
    assert_eq!(text_of(&refused.body, "#resubmit textarea").as_deref(), Some("guest’s <words>"));
    assert_eq!(attribute_of(&refused.body, "#resubmit", "action").as_deref(), Some(&*chat));
    assert_eq!(attribute_of(&refused.body, "#resubmit [name=nonce]", "value").as_deref(), Some("n1"));
    assert_eq!(attribute_of(&refused.body, "#resubmit input[name=author]", "value"), None, "a button says as whom");
    for (author, name) in [(&me, "gildong"), (&other, "guest")] {
        let button = text_of(&refused.body, &format!("#resubmit button[name=author][value={author:?}]")).unwrap();
        assert!(button.contains(name), "{button}");
    }
    assert_eq!(attribute_of(&refused.body, "#switch-user [name=author]", "value").as_deref(), Some(&*me));
    // As whom one is signed in, since a button says so.
    assert_eq!(person.post(&chat, &[("text", "mine"), ("nonce", "n1"), ("author", &me)]).await.status, 303);
    // As the author, after signing in as them.
    assert_eq!(person.post("/session", &[("_method", "delete"), ("author", &me)]).await.status, 303);
    let signed_out = person.post(&chat, &form).await;
    assert_eq!(signed_out.status, 401);
    assert_eq!(attribute_of(&signed_out.body, "#resubmit [name=author]", "value").as_deref(), Some(&*other));
    person.sign_in("guest", PASSWORD).await;
    assert_eq!(person.post(&chat, &form).await.status, 303);
    let said = person.open(&room).await;
    let said: Vec<_> = said.chats.values().map(|chat| (chat.nickname.as_str(), chat.text.as_str())).collect();
    assert_eq!(said, [("gildong", "mine"), ("guest", "guest’s <words>")]);
    // What was typed by somebody who has left is kept too.
    let password = [("_method", "delete"), ("userPassword", PASSWORD)];
    assert_eq!(guest.post("/user/me", &password).await.status, 303);
    person.sign_in("gildong", PASSWORD).await;
    let refused = person.post(&chat, &form).await;
    assert_eq!((refused.status, refused.body.contains("deleted user")), (409, true));
    assert!(!refused.body.contains("switch-user") && refused.body.contains("guest’s &lt;words&gt;</textarea>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_keeps_what_was_typed() {
    let site = Site::start().await;
    let (person, guest) = (site.person("gildong").await, site.person("guest").await);
    let room = person.make_room("kept").await;
    person.say(&room, "mine").await;
    let (chat, typed) = (format!("{room}/chat"), |page: &Answer| text_of(&page.body, "#resubmit textarea"));
    let words = [("_method", "put"), ("text", "my words")];

    // To be copied: sending it again is no use.
    let gone = room.replace(|c: char| c.is_ascii_hexdigit(), "0").replace("/r00m/", "/room/");
    let foreign = person.request("POST", &chat).header("Origin", "null").form(&words[1..]);
    for (page, status) in [
        (guest.post(&format!("{chat}/1"), &words).await, 403),
        (Answer::read(foreign).await, 403),
        (guest.post(&format!("{chat}/9"), &words).await, 404),
        (person.post(&format!("{gone}/chat"), &words[1..]).await, 404),
    ] {
        assert_eq!((page.status, typed(&page).as_deref()), (status, Some("my words")), "{gone}");
        assert!(!page.body.contains("id=\"resubmit\" class=\"card\" action") && page.body.contains("readonly"));
    }
    // To be made shorter, or sent again later.
    let long = "가".repeat(20_000);
    let page = person.post(&chat, &[("text", &long), ("nonce", "n")]).await;
    assert_eq!((page.status, typed(&page)), (413, Some(long)));
    assert_eq!(attribute_of(&page.body, "#resubmit [name=nonce]", "value").as_deref(), Some("n"));
    assert!(page.body.contains("<button>Send again</button>"));
    let page = person.post(&chat, &[("text", &"x".repeat(300 * 1024))]).await;
    assert_eq!((page.status, typed(&page)), (413, None), "there is an end to it");
    let mut page = None;
    for _ in 0..11 {
        page = Some(site.visitor().sign_in("nobody-here", "wrong password").await);
    }
    let page = page.unwrap();
    assert_eq!((page.status, typed(&page).as_deref()), (429, Some("nobody-here")));
    assert!(!page.body.contains("wrong password") && page.body.contains("name=\"userPassword\""));
    // There is nothing to keep of a form that nobody typed into, and no password is kept.
    let page = site.visitor().post(&format!("{chat}/1"), &[("_method", "delete")]).await;
    assert_eq!((page.status, typed(&page)), (401, None));
    let passwords = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", "another one")];
    let page = site.visitor().post("/user/me", &passwords).await;
    assert!(page.status == 401 && !page.body.contains("another one") && !page.body.contains("id=\"resubmit\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_body_is_an_empty_form_and_a_put_changes_what_it_names() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let made = person.post("/room", &[("name", "as it was"), ("topic", "about it")]).await;
    let room = made.location.unwrap();
    person.say(&room, "hello").await;
    let send = |method: &'static str, path: String| {
        let request = person.request(method, &path).header("Accept", "application/json");
        async move { Answer::read(request).await }
    };
    let chat = format!("{room}/chat/1");
    for (method, path, status) in [
        ("POST", "/user".into(), 422),
        ("POST", "/session".into(), 422),
        ("POST", "/room".into(), 422),
        ("POST", format!("{room}/chat"), 422),
        ("PUT", "/user/me".into(), 200),
        ("PUT", room.clone(), 200),
        ("PUT", chat.clone(), 200),
        ("DELETE", "/user/me".into(), 422),
        ("DELETE", "/user/me/picture".into(), 204),
        ("DELETE", "/user/me/session".into(), 204),
        ("DELETE", chat.clone(), 204),
        ("PUT", chat.clone(), 404),
    ] {
        let answer = send(method, path.clone()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
    let room_is = async |name: &str, topic: &str| {
        let stored = person.get_json(&room).await.json()["room"].clone();
        assert_eq!((stored["name"].as_str(), stored["topic"].as_str()), (Some(name), Some(topic)));
    };
    room_is("as it was", "about it").await;
    assert_eq!(person.post(&room, &[("_method", "put"), ("topic", "")]).await.status, 303);
    room_is("as it was", "").await;
    assert_eq!(person.post(&room, &[("_method", "put"), ("name", "another")]).await.status, 303);
    room_is("another", "").await;
    // A form that is refused shows what was not typed as it is stored.
    let refused = person.post(&room, &[("_method", "put"), ("topic", &"x".repeat(300))]).await;
    assert_eq!(refused.status, 422);
    assert_eq!(attribute_of(&refused.body, "#edit-room [name=name]", "value").as_deref(), Some("another"));
    let guest = site.person("guest").await;
    person.say(&room, "mine").await;
    let path = format!("{room}/chat/3");
    assert_eq!(Answer::read(guest.request("PUT", &path)).await.status, 403, "also where nothing would change");
    let empty = person.request("DELETE", &path).header("Content-Type", "application/json");
    assert_eq!(Answer::read(empty).await.status, 303);
    let text = person.request("PUT", &room).header("Content-Type", "text/plain").body("text=a");
    assert_eq!(Answer::read(text).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_too_many_fields_is_refused_and_not_cut() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (count, status) in [(128, 303), (129, 400)] {
        let others = (1..count).map(|n| (format!("other{n}"), String::new()));
        let fields: Vec<_> = others.chain([("name".into(), format!("room {count}"))]).collect();
        assert_eq!(Answer::read(person.request("POST", "/room").form(&fields)).await.status, status);
        let name = ("name".into(), format!("parts {count}"));
        let fields = fields[..count - 1].iter().cloned().chain([name]);
        let form = fields.fold(Form::new(), |form, (name, value)| form.text(name, value));
        assert_eq!(Answer::read(person.request("POST", "/room").multipart(form)).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_one_person_does_nothing_in_the_name_of_another() {
    let site = Site::start().await;
    let guest = site.person("guest").await;
    for script in [false, true] {
        let browser = Browser::open(script).await;
        let name = format!("gildong-{script}");
        browser.sign_up(&site.address, &name).await;
        let room = browser.make_room(&name).await;
        let path = url::Url::parse(&room).unwrap().path().to_owned();
        if script {
            browser.find("#connection[data-state=connected]").await;
            browser.say("said").await;
            browser.sees(&["said"]).await;
        }
        browser.type_into("#composer textarea", "my words").await;
        // Another tab signs in as somebody else.
        browser.be(&site.address, guest.cookie().as_ref()).await;
        browser.click("#composer button").await;
        if script {
            let why = browser.find("#composer [data-error-for=text], #outbox .refused .state").await;
            eventually("it to say why", || async { why.text().await.ok()?.contains(&name).then_some(()) }).await;
            let kept = browser.find("#composer textarea").await.prop("value").await.unwrap();
            assert_eq!(kept.as_deref(), Some("my words"));
            // An edit as well.
            browser.client.execute("document.querySelector('#composer textarea').value = ''", vec![]).await.unwrap();
            browser.find("#composer textarea").await.send_keys("\u{e013}").await.unwrap();
            browser.type_into(".chat-editor textarea", "!").await;
            browser.click(".chat-editor button").await;
            eventually("it to say why", || async {
                let why = browser.find(".chat-editor [data-error-for=text]").await;
                why.text().await.ok()?.contains(&name).then_some(())
            })
            .await;
        } else {
            browser.find("#resubmit").await;
            let kept = browser.find("#resubmit textarea").await.prop("value").await.unwrap();
            assert_eq!(kept.as_deref(), Some("my words"));
        }
        let said = guest.open(&path).await;
        assert_eq!(said.texts(), if script { vec!["said"] } else { vec![] });
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_a_meaning_for_rocket_are_no_fields_and_end() {
    let site = Site::start().await;
    site.person("gildong").await;
    for name in ["=", "=x", "[x]=", "a[b]=c", "a.=", "a[", "]", ".", "userId[x]=", ""] {
        let fields = [(name, "x"), ("userId", "gildong"), ("userPassword", PASSWORD)];
        let answer = within_timeout(name, site.visitor().post("/session", &fields)).await;
        assert_eq!(answer.status, 303, "{name:?}");
    }
}
