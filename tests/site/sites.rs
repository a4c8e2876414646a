//! Several sites on one database.

use sarangbang::models::{Database, Lease};

use crate::helpers::page::Page;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database};
use crate::helpers::until;

/// Two sites on one database that follow each other, and the same person at both.
async fn two(name: &str) -> ((Site, Site), (Person, Person)) {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let person = here.person(name).await;
    let twin = there.visitor();
    twin.sign_in(name, PASSWORD).await;
    ((here, there), (person, twin))
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_every_site_see_the_same_order_at_once() {
    let ((_here, _there), (person, twin)) = two("gildong").await;
    let room = person.make_room("everywhere").await;
    let (mut live, mut other) = (person.follow(&room, 0).await, twin.follow(&room, 0).await);
    let (mut page, mut other_page) = (Page::default(), Page::default());
    for n in 1..=20 {
        let who = if n % 2 == 0 { &person } else { &twin };
        who.say(&room, &format!("chat {n}")).await;
        // Each waits for the other's: nothing is left to a probe that comes every 15 s.
        live.until(&mut page, n).await;
        other.until(&mut other_page, n).await;
    }
    page.assert_whole(20);
    assert_eq!(page.chats, other_page.chats);
    let (news, third) = (format!("{room}/chat?since=20&wait=30"), format!("{room}/chat/3"));
    let (polled, removed) = tokio::join!(twin.get(&news), person.post(&third, &[("_method", "delete")]));
    assert_eq!((polled.status, removed.status), (200, 303));
    assert!(polled.body.contains("id=\"chat-3\"") && !polled.body.contains("chat 3<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_here_and_who_types_crosses_sites() {
    let ((_here, there), (person, _)) = two("gildong").await;
    let guest = there.person("guest").await;
    let room = person.make_room("presence").await;
    let (mut his, mut hers) = (person.follow(&room, 0).await, guest.follow(&room, 0).await);
    his.element("presence", |here| here.contains("guest") && here.contains("gildong")).await;
    hers.element("presence", |here| here.contains("guest") && here.contains("gildong")).await;
    hers.send("typing").await;
    his.element("typing", |typing| typing.contains("guest")).await;
    drop(hers);
    his.element("presence", |here| !here.contains("guest")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_and_a_deleted_room_close_the_sockets_of_every_site() {
    let ((here, there), (person, twin)) = two("gildong").await;
    let room = person.make_room("ends").await;
    // The session of the one, at the other.
    let roaming = Person::with_cookie(&there.address, person.cookie().unwrap());
    let mut roams = roaming.follow(&room, 0).await;
    let mut stays = twin.follow(&room, 0).await;
    person.post("/session", &[("_method", "delete")]).await;
    assert_eq!(roams.close_code().await, Some(4401));
    twin.say(&room, "still here").await;
    assert!(stays.fragment().await.contains("still here"));

    person.sign_in("gildong", PASSWORD).await;
    let changed = [("_method", "put"), ("userNickname", "새 이름")];
    twin.post("/user/me", &changed).await;
    until("the new name to cross", || async {
        let page = person.open(&room).await;
        (page.chats[&1].nickname == "새 이름").then_some(())
    })
    .await;
    assert_eq!(person.post(&room, &[("_method", "delete")]).await.status, 303);
    assert_eq!(stays.close_code().await, Some(4404));
    drop(here);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_site_costs_its_readers_a_reconnect_to_another_and_nothing_more() {
    let database = new_database();
    let start = |name: &str| {
        let mut command = command(&folder(name));
        command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
        Process::run(command)
    };
    let (dies, lives) = (start("dies").await, start("lives").await);
    let person = Person::new(&dies.address);
    person.sign_up("gildong").await;
    let room = person.make_room("survivors").await;
    let elsewhere = Person::with_cookie(&lives.address, person.cookie().unwrap());
    let mut live = person.follow(&room, 0).await;
    let mut page = Page::default();
    let mut said = 0;
    for n in 1..=30 {
        person.say(&room, &format!("chat {n}")).await;
        said = n;
    }
    live.until(&mut page, 10).await;
    dies.signal("KILL");
    let half_written = person.request("POST", &format!("{room}/chat")).form(&[("text", "last"), ("nonce", "last")]);
    let _ = half_written.send().await;
    dies.ended().await;
    let mut live = elsewhere.follow(&room, page.upto).await;
    let last = elsewhere.try_say(&room, "last", "last").await;
    assert!(matches!(last.status, 200 | 201));
    live.until(&mut page, said + 1).await;
    page.assert_whole(said + 1);
    assert_eq!(page.chats, elsewhere.reload_all(&room).await.chats);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_standalone_server_the_second_site_waits_for_a_dead_one_and_gives_way_to_a_living_one() {
    let database = new_database();
    let (one, other) = (Database::open(&database).await.unwrap(), Database::open(&database).await.unwrap());
    let first = Lease::take(&one).await.unwrap();
    let error = tokio::select! {
        () = first.hold() => panic!("nobody took it"),
        second = Lease::take(&other) => second.err().unwrap(),
    };
    assert!(error.contains("Another site"), "{error}");
    // It holds it no more, and has said nothing: it is dead.
    let second = Lease::take(&other).await.unwrap();
    // And if it was not, it learns of it.
    first.hold().await;
    second.release().await;
    Lease::take(&one).await.unwrap();
}
