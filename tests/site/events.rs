//! Lines between chats: who came and went.

use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::devtools::ESCAPE;
use crate::helpers::eventually;
use crate::helpers::page::Page;
use crate::helpers::person::Person;
use crate::helpers::site::{Site, unlimited};

/// A closed room of its owner.
async fn closed_room(owner: &Person, name: &str) -> String {
    let answer = owner.post("/room", &[("name", name), ("kind", "closed")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location.unwrap()
}

async fn add(owner: &Person, room: &str, user: &str) {
    let answer = owner.post(&format!("{room}/member"), &[("user", user)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

async fn remove(by: &Person, room: &str, user: &str) {
    let answer = by.post(&format!("{room}/member/{user}"), &[("_method", "delete")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

async fn id_of(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

/// The fragments of the socket until the page has seen entry `upto`.
async fn live_until(person: &Person, room: &str, page: &mut Page, upto: i64) {
    person.follow(room, page.upto).await.read_until(page, upto).await;
}

fn without_isolates(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_stands_between_the_chats_wherever_one_reads_them() {
    let site = Site::configured(unlimited()).await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let user = id_of(&guest).await;
    let room = closed_room(&owner, "coming and going").await;
    add(&owner, &room, &user).await;
    owner.say(&room, "one").await;
    remove(&guest, &room, &user).await;
    add(&owner, &room, &user).await;
    remove(&owner, &room, &user).await;
    let open = owner.open(&room).await;
    let mut live = owner.follow(&room, open.upto).await;
    let texts: Vec<_> = open.events.values().map(|text| without_isolates(text)).collect();
    assert_eq!(texts, ["owner added guest", "guest left", "owner added guest", "owner removed guest"]);
    assert_eq!(open.events.keys().copied().collect::<Vec<_>>(), [1, 3, 4, 5]);

    // More than a page of chats, and more events between two of them than are shown.
    for n in 2..=60 {
        owner.say(&room, &format!("chat {n}")).await;
    }
    for _ in 0..12 {
        add(&owner, &room, &user).await;
        remove(&owner, &room, &user).await;
    }
    let upto = owner.get_json(&room).await.json()["upto"].as_i64().unwrap();
    let shown: Vec<i64> = [1, 3, 4, 5].into_iter().chain(upto - 23..=upto - 3).collect();
    let all = owner.reload_all(&room).await;
    assert_eq!(all.events.keys().copied().collect::<Vec<_>>(), shown, "each once on its page");
    assert_eq!(all.events[&(upto - 3)], "And others joined or left");
    assert!(owner.open(&room).await.events.keys().all(|seq| *seq > 5), "an older page has those between its chats");
    let around = owner.open(&format!("{room}?at=1")).await;
    assert_eq!(around.events.keys().copied().collect::<Vec<_>>(), [1, 3, 4, 5]);

    let mut page = open.clone();
    live.read_until(&mut page, upto).await;
    assert_eq!((&page.events, &page.chats), (&all.events, &all.chats), "live");
    let mut page = Page::default();
    while page.upto < upto {
        page.place(&owner.ask_since(&room, page.upto).await.body);
    }
    assert_eq!(page.events, all.events, "by asking, from the start");
    let only = owner.ask_since(&room, upto - 24).await.body;
    assert!(!only.contains("<article") && only.contains("id=\"entry-"), "without any chat: {only}");
    let fresh = Site::on(&site.database).await;
    let mut page = Page::default();
    let there = Person::with_cookie(&fresh.address, owner.cookie().unwrap());
    live_until(&there, &room, &mut page, upto).await;
    assert_eq!(page.events, all.events, "of a log that is read anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_who_came_and_went() {
    let site = Site::start().await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let (by, user) = (id_of(&owner).await, id_of(&guest).await);
    let room = closed_room(&owner, "for programs").await;
    add(&owner, &room, &user).await;
    owner.say(&room, "one").await;
    remove(&guest, &room, &user).await;
    for path in [room.clone(), format!("{room}/chat"), format!("{room}/chat?since=0"), format!("{room}/chat?before=9")]
    {
        let mut events = owner.get_json(&path).await.json()["events"].clone();
        for event in events.as_array_mut().unwrap() {
            let at: Value = event.as_object_mut().unwrap().remove("at").unwrap();
            assert!(at.as_str().unwrap().ends_with('Z'));
        }
        let expected = json!([
            { "seq": 1, "kind": "joined", "user": user, "author": by },
            { "seq": 3, "kind": "left", "user": user, "author": user },
        ]);
        assert_eq!(events, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_page_streams_who_came_and_went() {
    let site = Site::start().await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let user = id_of(&guest).await;
    let room = closed_room(&owner, "stream").await;
    let mut stream = owner.request("GET", &format!("{room}/chat?stream")).send().await.unwrap();
    let mut page = String::new();
    for kind in ["joined", "left"] {
        match kind {
            "joined" => add(&owner, &room, &user).await,
            _ => remove(&owner, &room, &user).await,
        }
        while page.matches("class=\"event\"").count() < if kind == "joined" { 1 } else { 2 } {
            page.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
    }
    assert!(page.contains("owner") && page.contains("removed"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_a_row_are_folded_and_are_no_messages() {
    let site = Site::configured(unlimited()).await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let user = id_of(&guest).await;
    let room = closed_room(&owner, "folds").await;
    owner.say(&room, "one").await;
    owner.say(&room, "two").await;
    let browser = Browser::open(true).await;
    browser.be(&site.address, owner.cookie().as_ref()).await;
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    let shown = "return [...document.querySelectorAll('#feed > .event')].filter((event) => event.checkVisibility()).map((event) => event.innerText);";
    let shows = async |count: usize, last: &str| {
        eventually(&format!("{count} lines and {last}"), || async {
            let lines = browser.run(shown, json!([])).await;
            let lines = lines.as_array().unwrap();
            (lines.len() == count && lines.last()?.as_str()?.contains(last)).then_some(())
        })
        .await;
    };
    add(&owner, &room, &user).await;
    remove(&owner, &room, &user).await;
    let between = owner.say(&room, "between").await["seq"].as_i64().unwrap();
    browser.find(&format!("#chat-{between}:not(.grouped)")).await;
    add(&owner, &room, &user).await;
    remove(&owner, &room, &user).await;
    shows(4, "removed").await;
    // A removed message between them does not count.
    assert_eq!(owner.post(&format!("{room}/chat/{between}"), &[("_method", "delete")]).await.status, 303);
    shows(4, "Show more").await;
    add(&owner, &room, &user).await;
    browser.find("#entry-9").await;
    shows(4, "Show more").await;
    browser.hover("#chat-2").await;
    browser.find(".chat-toolbar:not([hidden])").await;
    browser.click("#feed .event[data-position='3'] .more").await;
    shows(5, "added").await;
    let focused =
        browser.run("return document.activeElement.matches('#feed .event[data-position=\"3\"]');", json!([])).await;
    assert_eq!(focused, true, "the focus stays where the link was");
    assert!(!browser.client.current_url().await.unwrap().as_str().contains('#'));
    remove(&owner, &room, &user).await;
    shows(6, "removed").await;

    // The latest message stays the last one for all that counts messages.
    let last = "return localStorage.getItem(Object.keys(localStorage).find((key) => key.startsWith('read ')));";
    let read = browser.run(last, json!([])).await;
    assert!(read.as_str().unwrap().starts_with("10 "), "{read}");
    let no = read.as_str().unwrap().split(' ').nth(1).unwrap();
    assert_eq!(no, "3");

    // A reload folds again, before script runs as behind it; the link works by itself.
    browser.goto(&format!("{}{room}", site.address)).await;
    shows(4, "Show more").await;
    assert_eq!(browser.axe().await, [""; 0]);
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    shows(6, "removed").await;
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
    shows(4, "Show more").await;
    browser.goto(&format!("{}{room}#entry-7", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    shows(6, "removed").await;

    // The menu of a member closes as other menus do.
    add(&owner, &room, &user).await;
    browser.goto(&format!("{}{room}/member", site.address)).await;
    browser.click(".member-actions summary").await;
    browser.press(ESCAPE).await;
    assert_eq!(browser.count(".member-actions[open]").await, 0);
    assert_eq!(browser.run("return document.activeElement.matches('.member-actions summary');", json!([])).await, true);
    browser.click(".member-actions summary").await;
    browser.click("h1").await;
    assert_eq!(browser.count(".member-actions[open]").await, 0);
    browser.close().await;
}
