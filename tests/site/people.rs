//! Signing up, in and out.

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc};

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::pausing_proxy::PausingProxy;
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_many_at_once_is_admin_and_nobody_else() {
    let site = Site::start().await;
    let people = join_all((0..8).map(|n| {
        let site = &site;
        async move {
            let form =
                [("userId", format!("person{n}")), ("userPassword", PASSWORD.into()), ("userNickname", "P".into())];
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            site.visitor().post_for_json("/user", &form).await
        }
    }))
    .await;
    assert!(people.iter().all(|answer| answer.status == 201));
    assert_eq!(people.iter().filter(|answer| answer.json()["admin"] == true).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_taken_however_it_is_spelled() {
    let site = Site::start().await;
    site.person("Gildong").await;
    for same in ["gildong", "GILDONG", "ｇｉｌｄｏｎｇ"] {
        let form = [("userId", same), ("userPassword", PASSWORD), ("userNickname", "별명")];
        let refused = site.visitor().post("/user", &form).await;
        assert_eq!((refused.status, refused.cookie.is_none()), (422, true));
        assert!(refused.fault("userId").is_some());
    }
    assert_eq!(site.visitor().sign_in("gilDONG", PASSWORD).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_says_all_that_is_wrong_and_keeps_all_but_the_password() {
    let site = Site::start().await;
    let form = [("userId", "a b"), ("userPassword", "s3cret"), ("userNickname", "\u{202e}"), ("next", "/room?page=2")];
    let refused = site.visitor().post("/user", &form).await;
    assert_eq!(refused.status, 422);
    for field in ["userId", "userPassword", "userNickname"] {
        assert!(refused.fault(field).is_some_and(|fault| !fault.is_empty()), "{field}");
    }
    assert_eq!(attribute_of(&refused.body, "#sign-up [name=userId]", "value").as_deref(), Some("a b"));
    assert_eq!(attribute_of(&refused.body, "#sign-up [name=next]", "value").as_deref(), Some("/room?page=2"));
    assert!(!refused.body.contains("s3cret"));
    assert_eq!(text_of(&refused.body, "#sign-up .hint"), None, "a fault replaces the hint");
    let long = [("userId", "gildong"), ("userPassword", PASSWORD), ("userNickname", &"가".repeat(44))];
    let fault = site.visitor().post("/user", &long).await.fault("userNickname");
    assert_eq!(fault.as_deref(), Some("4 characters too many. Use at most 40."));
    assert_eq!(site.visitor().sign_in("a b", "s3cret").await.status, 422, "nothing was stored");
    let json = site.visitor().post_for_json("/user", &form).await.json();
    assert_eq!(json["error"]["fields"].as_object().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_a_wrong_password_get_the_same_answer() {
    let site = Site::start().await;
    site.person("gildong").await;
    let wrong = site.visitor().sign_in("gildong", "wrong password").await;
    let unknown = site.visitor().sign_in("nobody", "wrong password").await;
    let impossible = site.visitor().sign_in("?", "short").await;
    assert_eq!((wrong.status, unknown.status, impossible.status), (422, 422, 422));
    assert_eq!(wrong.body.replace("gildong", "nobody"), unknown.body);
    assert_eq!(wrong.fault("userId"), impossible.fault("userId"));
    assert!(wrong.fault("userId").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_close_the_door_and_say_for_how_long() {
    let site = Site::start().await;
    site.person("gildong").await;
    let failures = join_all((0..10).map(|_| async { site.visitor().sign_in("gildong", "wrong password").await })).await;
    assert!(failures.iter().all(|answer| answer.status == 422));
    let refused = site.visitor().sign_in("gildong", PASSWORD).await;
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((1..=180).contains(&seconds));
    assert_eq!(text_of(&refused.body, "h1").as_deref(), Some("Too many sign-in attempts."));
    assert!(text_of(&refused.body, "h1 + p").unwrap().starts_with("Try again in "));
    assert_eq!(text_of(&refused.body, "#resubmit [name=userId]").as_deref(), Some("gildong"));
    assert_eq!(text_of(&refused.body, "#resubmit button").as_deref(), Some("Sign in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_have_signed_up_with_counts_as_a_failure_too() {
    // By the network: there is no account to count it for.
    let site = Site::start().await;
    for n in 0..10 {
        let (id, password) = if n % 2 == 0 { ("?", PASSWORD) } else { ("gildong", "short") };
        assert_eq!(site.visitor().sign_in(id, password).await.status, 422);
    }
    assert_eq!(site.visitor().sign_in("?", "short").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_was_not_used_for_long_and_lasts_while_it_is() {
    let site = Site::start().await;
    let (lazy, lively) = (site.person("lazy").await, site.person("lively").await);
    let client = Client::with_uri_str(&site.database).await.unwrap();
    let sessions = client.default_database().unwrap().collection::<Document>("session");
    let users = client.default_database().unwrap().collection::<Document>("user");
    let set = async |login: &str, set: Document| {
        let user = users.find_one(doc! { "login": login }).await.unwrap().unwrap();
        sessions.update_one(doc! { "user": user.get("_id") }, doc! { "$set": set }).await.unwrap();
        sessions.find_one(doc! { "user": user.get("_id") }).await.unwrap()
    };
    let (past, soon) = (DateTime::from_millis(0), DateTime::from_millis(DateTime::now().timestamp_millis() + 60_000));
    set("lazy", doc! { "expires": past }).await;
    assert_eq!(lazy.get_json("/room").await.status, 401);
    set("lively", doc! { "expires": soon, "seen": past }).await;
    assert_eq!(lively.get("/room").await.status, 200);
    let session = set("lively", doc! { "browser": "seen" }).await.unwrap();
    assert!(session.get_datetime("expires").unwrap() > &soon, "being used makes it last");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_again_leaves_no_session_behind() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("again").await;
    let mut live = person.follow(&room, 0).await;
    let old = person.cookie().unwrap();
    assert_eq!(person.sign_in("gildong", PASSWORD).await.status, 303);
    assert_eq!(live.close_code().await, Some(4401));
    let reused = site.visitor().request("GET", "/user/me").header("Cookie", old).send().await.unwrap();
    assert_eq!(reused.status().as_u16(), 303);
    assert_eq!(person.get("/user/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_word_counts_only_when_it_is_configured() {
    let from = |address: &'static str, site: &Site, name: String| {
        let form = [("userId", name), ("userPassword", "wrong password".to_owned())];
        let request = site.visitor().request("POST", "/session").header("X-Forwarded-For", address).form(&form);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let (behind, bare) = (Site::alone(("proxies", ["127.0.0.1"])).await, Site::start().await);
    for n in 0..10 {
        assert_eq!(from("203.0.113.1", &behind, format!("user{n}")).await, 422);
        assert_eq!(from(if n < 5 { "203.0.113.1" } else { "203.0.113.2" }, &bare, format!("user{n}")).await, 422);
    }
    assert_eq!(from("203.0.113.1", &behind, "another".into()).await, 429);
    assert_eq!(
        from("198.51.100.9, 203.0.113.1", &behind, "another".into()).await,
        429,
        "the proxy's own entry is last"
    );
    assert_eq!(from("203.0.113.1, 203.0.113.2", &behind, "another".into()).await, 422);
    assert_eq!(from("203.0.113.3", &bare, "another".into()).await, 429, "nobody is believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_opaque_new_each_time_and_guarded() {
    let site = Site::start().await;
    let person = site.visitor();
    let up = person.sign_up("gildong").await.cookie.unwrap();
    let again = site.visitor().sign_in("gildong", PASSWORD).await.cookie.unwrap();
    assert_ne!(up, again);
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(up.contains(part), "{up}");
    }
    assert!(!up.contains("Secure") && !up.contains("gildong"));
    let tls = Site::alone(("site.url", "https://chat.example")).await;
    let secure = tls.visitor().sign_up("gildong").await.cookie.unwrap();
    assert!(secure.starts_with("__Host-") && secure.contains("Secure"), "{secure}");

    let old = person.cookie().unwrap();
    person.post("/session", &[("_method", "delete")]).await;
    let reused = site.visitor().request("GET", "/room").header("Cookie", old).send().await.unwrap();
    assert_eq!(reused.status().as_u16(), 303, "an ended session's cookie opens nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_is_sent_to_sign_in_and_back() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("here").await;
    let visitor = site.visitor();
    let sent = visitor.get(&format!("{room}?before=3")).await;
    let door = sent.location.unwrap();
    assert_eq!((sent.status, door.starts_with("/user?next=")), (303, true), "{door}");
    let form = visitor.get(&door).await;
    let next = attribute_of(&form.body, "#sign-in [name=next]", "value").unwrap();
    let form = [("userId", "gildong"), ("userPassword", PASSWORD), ("next", next.as_str())];
    assert_eq!(visitor.post("/session", &form).await.location, Some(format!("{room}?before=3")));
    assert_eq!(visitor.get("/user").await.location.as_deref(), Some("/room"), "no door for who is in");

    for (method, path) in [("GET", format!("{room}/chat")), ("POST", "/room".into()), ("DELETE", room.clone())] {
        let request = site.visitor().request(method, &path).form(&[("name", "x")]);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401, "{method} {path}");
    }
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "room", "/\t/evil.example"] {
        let form = [("userId", "gildong"), ("userPassword", PASSWORD), ("next", elsewhere)];
        assert_eq!(site.visitor().post("/session", &form).await.location.as_deref(), Some("/room"), "{elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_is_for_newcomers_unless_one_has_been_here_and_says_what_happened() {
    let site = Site::start().await;
    let door = async |person: &Person, path: &str| person.get(path).await.body;
    let first = |page: &str| attribute_of(page, ".auth-form.first", "id").unwrap();
    let notice = |page: &str| text_of(page, ".notice");
    let person = site.visitor();
    let page = door(&person, "/user?next=/room/0123456789abcdef01234567").await;
    assert_eq!((first(&page).as_str(), notice(&page)), ("sign-up", None));
    assert_eq!(text_of(&page, ".destination").as_deref(), Some("Sign up to open the room you were invited to."));
    assert_eq!(text_of(&page, "h1").unwrap().matches("Sarangbang").count(), 1);
    assert_eq!(attribute_of(&page, "header .brand", "href"), None, "the word stands once");
    let refused = person.sign_in("nobody", "wrong password").await.body;
    assert_eq!(first(&refused), "sign-in", "the form with the fault comes first");

    person.sign_up("gildong").await;
    let twin = Person::with_cookie(&site.address, person.cookie().unwrap());
    person.post("/session", &[("_method", "delete")]).await;
    let page = door(&person, "/user").await;
    assert_eq!((first(&page).as_str(), notice(&page).as_deref()), ("sign-in", Some("Signed out.")));
    assert_eq!(text_of(&page, ".destination"), None);
    assert_eq!(notice(&door(&person, "/user").await), None, "it is said once");
    let page = door(&twin, "/user?next=/room").await;
    assert_eq!(
        (first(&page).as_str(), notice(&page).as_deref()),
        ("sign-in", Some("You were signed out on this device."))
    );
    let gone = site.person("other").await.get("/room/0123456789abcdef01234567").await;
    assert_eq!(text_of(&gone.body, "h1").as_deref(), Some("This room was deleted or never existed."));
    assert_eq!(attribute_of(&gone.body, ".actions a", "href").as_deref(), Some("/room"));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_sent_when_signed_out_are_kept_with_their_nonce() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("kept").await;
    let refused = site.visitor().post(&format!("{room}/chat"), &[("text", "a <long> story"), ("nonce", "mine")]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(text_of(&refused.body, "#resubmit textarea").as_deref(), Some("a <long> story"));
    assert_eq!(attribute_of(&refused.body, "#resubmit [name=nonce]", "value").as_deref(), Some("mine"));
    assert_eq!(attribute_of(&refused.body, "#resubmit", "action"), Some(format!("{room}/chat")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_a_card_and_a_picture() {
    let site = Site::start().await;
    let person = site.person("홍길동").await;
    let room = person.make_room("faces").await;
    let author = person.say(&room, "hello").await["author"].as_str().unwrap().to_owned();
    let from = async |page: &str| {
        let request =
            person.request("GET", &format!("/user/{author}")).header("Referer", format!("{}{page}", site.address));
        Answer::read(request).await.body
    };
    let card = from(&format!("{room}?before=2")).await;
    assert_eq!(text_of(&card, ".person h1").as_deref(), Some("홍길동"));
    assert_eq!(text_of(&card, ".person .role").as_deref(), Some("Admin"));
    assert!(text_of(&card, ".person time[data-format=date]").is_some_and(|since| since.contains("20")));
    assert_eq!(attribute_of(&card, "main .actions a", "href").as_ref(), Some(&room), "it leads back");
    assert_eq!(attribute_of(&from("/room/x").await, "main .actions a", "href").as_deref(), Some("/room"));
    let picture = person.request("GET", &format!("/user/{author}/image")).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
    assert!(picture.text().await.unwrap().contains(">홍</text>"));
    assert_eq!(person.get("/user/0123456789abcdef01234567").await.status, 404);
    assert_eq!(person.get("/user/0123456789abcdef01234567/image").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_that_answered_503_is_finished_by_the_same_form() {
    let database = new_database();
    let pausing_proxy = PausingProxy::in_front_of_answer_to(&database, ["insert", "an answer is lost"]).await;
    let site = Site::on(&pausing_proxy.database).await;
    let person = site.visitor();
    let door = person.get("/user").await.body;
    let nonce = attribute_of(&door, "#sign-up [name=nonce]", "value").unwrap();
    let form = |password| {
        [("userId", "gildong"), ("userPassword", password), ("userNickname", "an answer is lost"), ("nonce", &nonce)]
    };
    let lost = person.post("/user", &form(PASSWORD)).await;
    pausing_proxy.wait_until_paused().await;
    assert_eq!(lost.status, 503);
    assert_eq!(attribute_of(&lost.body, "[name=nonce]", "value").as_ref(), Some(&nonce), "the page sends it again");

    let stranger = site.visitor();
    let refused = stranger.post("/user", &form("another password")).await;
    assert_eq!((refused.status, refused.fault("userId").is_some()), (422, true), "who knows the nonce only");
    let mut other = form(PASSWORD);
    other[3].1 = "another-nonce";
    assert_eq!(stranger.post("/user", &other).await.status, 422, "who knows the password only");
    assert_eq!(stranger.post("/user", &other[..3]).await.status, 422);

    let again = person.post("/user", &form(PASSWORD)).await;
    assert_eq!((again.status, again.cookie.is_some()), (303, true));
    assert_eq!(person.get_json("/user/me").await.json()["nickname"], "an answer is lost");
    pausing_proxy.resume();

    // It is no way around the limit of attempts.
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(stranger.post("/user", &form("another password")).await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");

    // Later it is a sign-up with an id that is taken.
    let users = Client::with_uri_str(&database).await.unwrap().default_database().unwrap();
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 11 * 60 * 1_000);
    users.collection::<Document>("user").update_many(doc! {}, doc! { "$set": { "at": long_ago } }).await.unwrap();
    assert_eq!(site.visitor().post("/user", &form(PASSWORD)).await.status, 422);
}
