//! Limits on what one person or one address may do, and what a flood leaves to everybody else.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::images::{encoded, four_colour_image, site_with_images_and};
use crate::helpers::page::{Page, attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::{Site, unlimited};

/// A site behind a proxy on this machine, so that a request can name the address it comes from.
async fn behind_a_proxy(settings: Figment) -> Site {
    Site::configured(settings.merge(Serialized::default("proxies", ["127.0.0.1"]))).await
}

/// Limits a minute.
fn rates(limits: &[(&str, u32)]) -> Figment {
    Figment::from(Serialized::default("rates", limits.iter().copied().collect::<HashMap<_, _>>()))
}

/// Sends a form from an address.
async fn send(who: &Person, from: &str, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    Answer::read(who.request(method, path).header("X-Forwarded-For", from).form(form)).await
}

async fn sign_in(who: &Person, from: &str, name: &str, password: &str) -> Answer {
    send(who, from, "POST", "/session", &[("userId", name), ("userPassword", password)]).await
}

/// Has strangers at an address guess a password ten times.
async fn guess(site: &Site, from: &str, name: &str) {
    let guesses = (0..10).map(|_| async { sign_in(&site.visitor(), from, name, "wrong password").await.status });
    assert!(join_all(guesses).await.iter().all(|status| *status == 422));
}

/// The seconds of `Retry-After` of a 429.
fn wait_of(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.body);
    answer.retry_after.as_ref().expect("it says when to try again").parse().unwrap()
}

/// The cookies that a person would send, by name.
fn cookies(person: &Person) -> HashMap<String, String> {
    let cookies = person.cookie().map(|cookies| cookies.to_str().unwrap().to_owned()).unwrap_or_default();
    let named = cookies.split("; ").filter_map(|cookie| cookie.split_once('='));
    // A notice is shown once and means nothing here.
    named.filter(|(name, _)| !name.ends_with("-notice")).map(|(name, value)| (name.into(), value.into())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_lock_out_neither_a_known_browser_nor_a_session_nor_another_network() {
    let site = behind_a_proxy(Figment::new()).await;
    let (owner, left) = (site.person("gildong").await, site.visitor());
    left.sign_in("gildong", PASSWORD).await;
    left.post("/session", &[("_method", "delete")]).await;

    guess(&site, "203.0.113.1", "gildong").await;
    assert!(wait_of(&sign_in(&site.visitor(), "203.0.113.1", "gildong", PASSWORD).await) <= 180);
    assert_eq!(sign_in(&site.visitor(), "198.51.100.1", "gildong", PASSWORD).await.status, 303, "another network");
    // Many networks together use up what the account allows to unknown browsers.
    for network in 2..=10 {
        guess(&site, &format!("203.0.113.{network}"), "gildong").await;
    }
    let refused = sign_in(&site.visitor(), "198.51.100.2", "gildong", PASSWORD).await;
    assert!((180..=3_600).contains(&wait_of(&refused)), "{:?}", refused.retry_after);
    assert_eq!(sign_in(&site.visitor(), "198.51.100.2", "chunhyang", PASSWORD).await.status, 422, "another account");

    // All that follows comes from a network that is closed to strangers.
    let here = "203.0.113.1";
    for browser in [&owner, &left] {
        assert_eq!(sign_in(browser, here, "gildong", PASSWORD).await.status, 303, "it is known to the account");
    }
    let change = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", "a new password")];
    assert_eq!(send(&owner, here, "POST", "/user/me", &change).await.status, 303);
    assert_eq!(sign_in(&left, here, "gildong", "a new password").await.status, 303, "its session has ended");
    let leave = [("_method", "delete"), ("userPassword", "a new password")];
    assert_eq!(send(&left, here, "POST", "/user/me", &leave).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_browser_and_a_session_may_fail_ten_times_each_on_its_own() {
    let site = Site::start().await;
    let (owner, other) = (site.person("gildong").await, site.visitor());
    other.sign_in("gildong", PASSWORD).await;
    for _ in 0..10 {
        assert_eq!(owner.sign_in("gildong", "wrong password").await.status, 422);
    }
    assert!(wait_of(&owner.sign_in("gildong", PASSWORD).await) <= 180);
    assert_eq!(other.sign_in("gildong", PASSWORD).await.status, 303);
    assert_eq!(site.visitor().sign_in("gildong", PASSWORD).await.status, 303, "the network has no failures");

    let change = |old| [("_method", "put"), ("oldPassword", old), ("userPassword", "a new password")];
    for _ in 0..10 {
        assert_eq!(owner.post("/user/me", &change("wrong password")).await.status, 422);
    }
    assert!(wait_of(&owner.post("/user/me", &change(PASSWORD)).await) <= 180);
    assert_eq!(other.post("/user/me", &change(PASSWORD)).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_proves_by_one_cookie_at_a_time_that_it_is_known() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let session = cookies(&person);
    assert_eq!(session.len(), 1, "{session:?}");
    let out = person.post("/session", &[("_method", "delete")]).await;
    let name = session.keys().next().unwrap();
    assert!(out.cookie.unwrap().starts_with(&format!("{name}=;")), "the session's cookie comes first");
    let device = cookies(&person);
    let device_name = format!("{name}-device");
    assert_eq!(device.keys().collect::<Vec<_>>(), [&device_name]);
    assert!(session.values().next().unwrap().ends_with(&device[&device_name]));
    assert_eq!(person.get_json("/user/me").await.status, 401, "it opens nothing");
    let again = person.sign_in("gildong", PASSWORD).await;
    assert!(again.cookie.unwrap().starts_with(&format!("{name}=")), "and here too");
    assert!(cookies(&person).len() == 1 && !cookies(&person).contains_key(&device_name));

    // A cookie of a version that knew no browsers.
    let (name, value) = cookies(&person).into_iter().next().unwrap();
    let old = Person::with_cookie(&site.address, format!("{name}={}", &value[..43]).parse().unwrap());
    assert_eq!(old.get("/user/me").await.status, 200);
    assert_eq!(old.sign_in("gildong", PASSWORD).await.status, 303);
    // A browser of nobody, or of another account, is not known to this one.
    let stranger = site.person("chunhyang").await;
    for _ in 0..10 {
        stranger.sign_in("gildong", "wrong password").await;
    }
    wait_of(&site.visitor().sign_in("gildong", PASSWORD).await);
    assert_eq!(stranger.sign_in("chunhyang", PASSWORD).await.status, 303);
    assert_eq!(person.sign_in("gildong", PASSWORD).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_of_one_address_are_limited_and_what_was_typed_stays() {
    let site = behind_a_proxy(rates(&[("signups", 3)])).await;
    let sign_up = async |from: &str, name: &str| {
        let form = [("userId", name), ("userPassword", PASSWORD), ("userNickname", "별명")];
        send(&site.visitor(), from, "POST", "/user", &form).await
    };
    for n in 0..3 {
        assert_eq!(sign_up("2001:db8::1", &format!("person{n}")).await.status, 303);
    }
    let refused = sign_up("2001:db8::2", "person3").await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit [name=userId]").as_deref(), Some("person3"));
    assert_eq!(text_of(&refused.body, "#resubmit [name=userNickname]").as_deref(), Some("별명"));
    assert!(!refused.body.contains(PASSWORD));
    assert_eq!(sign_up("2001:db8:0:1::1", "person3").await.status, 303, "another network");
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_edits_and_rooms_of_a_person_and_of_an_address_are_limited_and_what_was_typed_stays() {
    let site = behind_a_proxy(rates(&[("chats", 4), ("edits", 3), ("rooms", 2)])).await;
    let (person, other) = (site.person("gildong").await, site.person("chunhyang").await);
    let (here, there) = ("203.0.113.1", "203.0.113.2");

    let make = async |who: &Person, from: &str, name: &str| {
        send(who, from, "POST", "/room", &[("name", name), ("topic", "무엇이든")]).await
    };
    let room = make(&person, here, "one").await.location.unwrap();
    assert_eq!(make(&person, there, "two").await.status, 303);
    let refused = make(&person, "203.0.113.9", "three").await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit [name=name]").as_deref(), Some("three"));
    assert_eq!(text_of(&refused.body, "#resubmit [name=topic]").as_deref(), Some("무엇이든"));
    assert_eq!(make(&other, here, "three").await.status, 303, "one room was made from here");
    wait_of(&make(&other, here, "four").await);

    let path = format!("{room}/chat");
    for n in 1..=4 {
        let form = [("text", "말"), ("nonce", &*format!("n{n}"))];
        assert_eq!(send(&person, here, "POST", &path, &form).await.status, 303);
    }
    let form = [("text", "a <long> story"), ("nonce", "n5")];
    let refused = send(&person, there, "POST", &path, &form).await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit textarea").as_deref(), Some("a <long> story"));
    assert_eq!(attribute_of(&refused.body, "#resubmit [name=nonce]", "value").as_deref(), Some("n5"));
    assert_eq!(send(&other, there, "POST", &path, &form).await.status, 303, "another person at another address");
    wait_of(&send(&other, here, "POST", &path, &form).await);
    let json = person.post_for_json(&path, &form).await;
    wait_of(&json);
    assert_eq!(json.json()["error"]["code"], "too-many");

    let edit = [("_method", "put"), ("text", "a <better> story")];
    for text in ["one", "two"] {
        let edit = [("_method", "put"), ("text", text)];
        assert_eq!(send(&person, here, "POST", &format!("{path}/1"), &edit).await.status, 303);
    }
    let remove = [("_method", "delete")];
    assert_eq!(send(&person, here, "POST", &format!("{path}/2"), &remove).await.status, 303);
    let refused = send(&person, here, "POST", &format!("{path}/1"), &edit).await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit textarea").as_deref(), Some("a <better> story"));
    wait_of(&send(&person, here, "POST", &format!("{path}/3"), &remove).await);
    assert_eq!(person.get_json(&format!("{path}/3")).await.json()["removed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_rooms_and_profiles_count_as_edits_and_passwords_do_not() {
    let site = behind_a_proxy(rates(&[("edits", 2)])).await;
    let (person, here) = (site.person("gildong").await, "203.0.113.1");
    let room = person.make_room("one").await;
    let [rename, profile] = [("name", "two"), ("userNickname", "new")].map(|field| [("_method", "put"), field]);
    assert_eq!(send(&person, here, "POST", &room, &rename).await.status, 303);
    assert_eq!(send(&person, here, "POST", "/user/me", &profile).await.status, 303);
    let refused = send(&person, here, "POST", "/user/me", &profile).await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit [name=userNickname]").as_deref(), Some("new"));
    let refused = send(&person, here, "POST", &room, &rename).await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(text_of(&refused.body, "#resubmit [name=name]").as_deref(), Some("two"));
    let password = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", "a new password")];
    assert_eq!(send(&person, here, "POST", "/user/me", &password).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_is_no_limit_and_the_defaults_leave_room() {
    let (limited, free) = (Site::start().await, Site::configured(unlimited()).await);
    for site in [&limited, &free] {
        let person = site.person("gildong").await;
        let room = person.make_room("talk").await;
        join_all((0..100).map(|n| {
            let (person, room) = (&person, &room);
            async move { drop(person.say(room, &format!("chat {n}")).await) }
        }))
        .await;
    }
    let person = free.visitor();
    person.sign_in("gildong", PASSWORD).await;
    // More than the default allows in a minute.
    for n in 0..125 {
        person.make_room(&format!("room {n}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sockets_of_a_person_and_of_an_address_are_limited_until_one_closes() {
    let limits = HashMap::from([("user", 2), ("address", 3)]);
    let site = Site::alone(("sockets", limits)).await;
    let (person, other) = (site.person("gildong").await, site.person("chunhyang").await);
    let room = person.make_room("sockets").await;
    let (mut live, second) = (person.follow(&room, 0).await, person.follow(&room, 0).await);
    assert_eq!(person.try_follow(&room, "", None).await.err(), Some(429));
    let request = person.request("GET", &format!("{room}/live")).header("Connection", "Upgrade");
    let request = request.header("Upgrade", "websocket").header("Sec-WebSocket-Version", "13");
    let refused = Answer::read(request.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    assert!(wait_of(&refused) > 0);
    let _third = other.follow(&room, 0).await;
    assert_eq!(other.try_follow(&room, "", None).await.err(), Some(429), "the address has three");
    drop(second);
    let again = eventually("a place", || async { person.try_follow(&room, "?since=0", None).await.ok() }).await;
    person.say(&room, "still live").await;
    assert!(live.fragment().await.contains("still live"));
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_may_open_no_socket_follows_all_the_same() {
    let site = Site::alone(("sockets", HashMap::from([("user", 0), ("address", 1)]))).await;
    let person = site.person("gildong").await;
    let room = person.make_room("no place").await;
    let mut live = person.follow(&room, 0).await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "chunhyang").await;
    browser.goto(&format!("{}{room}", site.address)).await;
    person.say(&room, "one").await;
    browser.sees(&["one"]).await;
    browser.say("two").await;
    let mut page = Page::default();
    live.read_until(&mut page, 2).await;
    assert_eq!(page.texts(), ["one", "two"]);
    person.say(&room, "three").await;
    browser.sees(&["one", "two", "three"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_a_person_and_of_an_address_are_limited_in_words() {
    let settings = rates(&[("uploads", 2)]);
    let (site, _images, _) = site_with_images_and("uploads-limited", settings).await;
    let (person, other) = (site.person("gildong").await, site.person("chunhyang").await);
    let photo = encoded(&four_colour_image(64, 64), image::ImageFormat::Jpeg);
    for _ in 0..2 {
        let sent = person.send_picture(photo.clone()).await;
        assert!(sent.location.unwrap().ends_with("picture=stored"));
    }
    let page = person.send_picture(photo.clone()).await.location.unwrap();
    assert!(page.ends_with("picture=too-many"), "{page}");
    let said = person.get(page.strip_prefix(&site.address).unwrap()).await;
    assert!(said.fault("picture").is_some_and(|text| text.contains("minute")), "{}", said.body);
    let (address, ticket) = other.picture_form().await.unwrap();
    let refused = other.send_picture_to(&address, &ticket, photo, "application/json").await;
    assert!(wait_of(&refused) <= 60);
    assert_eq!(refused.json()["error"]["code"], "too-many");
}

/// Sign-ups under way, and how many have been answered.
struct Flood {
    answered: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    running: Vec<tokio::task::JoinHandle<()>>,
}

impl Flood {
    /// Begins so many.
    fn of(site: &Site, sign_ups: usize) -> Self {
        let (answered, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let sign_up = |n: usize| {
            let (visitor, answered, refused) = (site.visitor(), Arc::clone(&answered), Arc::clone(&refused));
            tokio::spawn(async move {
                let name = format!("flood{n}");
                let form = [("userId", &*name), ("userPassword", PASSWORD), ("userNickname", "flood")];
                let answer = visitor.post("/user", &form).await;
                match answer.status {
                    303 => answered.fetch_add(1, Ordering::SeqCst),
                    status => {
                        assert!(status == 503 && answer.retry_after.is_some(), "{status} {}", answer.body);
                        refused.fetch_add(1, Ordering::SeqCst)
                    }
                };
            })
        };
        let running = (0..sign_ups).map(sign_up).collect();
        Self { answered, refused, running }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.running.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ups_delays_no_sign_in_and_no_change_of_a_password() {
    let site = Site::configured(unlimited()).await;
    let person = site.person("gildong").await;
    let (flood, sign_ups) = (Flood::of(&site, 320), 320);
    eventually("the queue to be full", || async { (flood.refused.load(Ordering::SeqCst) > 0).then_some(()) }).await;
    let stranger = site.visitor();
    assert_eq!(stranger.sign_in("gildong", PASSWORD).await.status, 303);
    assert_eq!(person.sign_in("gildong", PASSWORD).await.status, 303);
    let change = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", "a new password")];
    assert_eq!(person.post("/user/me", &change).await.status, 303);
    // Whoever waits in one queue with them is served after all of them.
    let served = flood.answered() + flood.refused.load(Ordering::SeqCst);
    assert!(served < sign_ups, "the whole flood was served first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_id_waits_for_no_hash() {
    let site = Site::configured(unlimited()).await;
    site.person("gildong").await;
    let flood = Flood::of(&site, 320);
    eventually("the queue to be full", || async { (flood.refused.load(Ordering::SeqCst) > 0).then_some(()) }).await;
    let form = [("userId", "gildong"), ("userPassword", PASSWORD), ("userNickname", "again")];
    let refused = site.visitor().post("/user", &form).await;
    assert_eq!((refused.status, refused.fault("userId").is_some()), (422, true));
    assert!(flood.answered() < 256, "the queue was served first");
}
