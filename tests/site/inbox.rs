//! What people are told: each mention and invitation once.

use serde_json::Value;

use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::Person;
use crate::helpers::site::{Site, new_database};

async fn entries(person: &Person) -> Vec<Value> {
    person.get_json("/inbox").await.json()["entries"].as_array().unwrap().clone()
}

async fn count(person: &Person) -> i64 {
    attribute_of(&person.get("/room").await.body, "#inbox-count", "data-count").unwrap().parse().unwrap()
}

/// Waits for a number of entries, the latest first.
async fn told(person: &Person, number: usize) -> Vec<Value> {
    eventually("the inbox", || async { Some(entries(person).await).filter(|entries| entries.len() == number) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_is_told_once_and_reads_it_in_its_context() {
    let site = Site::start().await;
    let (person, other, third) = (site.person("gildong").await, site.person("other").await, site.person("third").await);
    let room = other.make_room("plaza").await;
    assert!(text_of(&person.get("/inbox").await.body, "main .empty").is_some());
    let mut live = person.connect("/user/me", "").await.unwrap();
    let chat = other.say(&room, "@gildong, <look> at this").await["seq"].as_i64().unwrap();
    live.element("inbox-count", |element| element.contains("data-count=\"1\"")).await;
    let entry = told(&person, 1).await.remove(0);
    assert_eq!((&entry["kind"], &entry["by"], &entry["unread"]), (&"mentioned".into(), &"other".into(), &true.into()));
    assert_eq!(entry["room"]["path"], format!("{room}?at=1#chat-{chat}"));
    assert!(entry["excerpt"].as_str().unwrap().contains("<look>"));
    // An edit tells only who is new; oneself and those outside are not told.
    let path = format!("{room}/chat/{chat}");
    let edit = [("_method", "put"), ("text", "@gildong @third @other look again")];
    assert_eq!(other.post(&path, &edit).await.status, 303);
    told(&third, 1).await;
    assert_eq!((entries(&person).await.len(), entries(&other).await.len()), (1, 0));
    // A hidden room still tells.
    person.post(&format!("{room}/membership"), &[("_method", "put"), ("level", "hidden")]).await;
    other.say(&room, "@gildong are you there?").await;
    told(&person, 2).await;
    assert_eq!(count(&person).await, 2);
    assert_eq!(person.post("/inbox/reading", &[("_method", "put"), ("no", "2")]).await.status, 303);
    assert_eq!(count(&person).await, 0);
    live.element("inbox-count", |element| element.contains("data-count=\"0\"")).await;
    // What was removed says so, and a position never goes back.
    other.post(&path, &[("_method", "delete")]).await;
    let removed = entries(&person).await.remove(1);
    assert_eq!((&removed["removed"], &removed["excerpt"]), (&true.into(), &Value::Null));
    person.post("/inbox/reading", &[("_method", "put"), ("no", "1")]).await;
    assert_eq!(count(&person).await, 0);
    for bad in ["-1", "x"] {
        assert_eq!(person.post("/inbox/reading", &[("_method", "put"), ("no", bad)]).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_are_told_and_closed_rooms_leave_the_inbox_with_the_member() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let (owner, person) = (here.person("owner").await, there.person("gildong").await);
    let id = person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
    let made = owner.post("/room", &[("name", "secret club"), ("topic", ""), ("kind", "closed")]).await;
    let room = made.location.unwrap();
    // Somebody outside is not told.
    owner.say(&room, "@gildong should join").await;
    owner.post(&format!("{room}/member"), &[("user", &id)]).await;
    let entry = told(&person, 1).await.remove(0);
    assert_eq!((&entry["kind"], &entry["room"]["name"]), (&"invited".into(), &"secret club".into()));
    let all: Vec<_> = (0..10).map(|n| format!("@gildong number {n}")).collect();
    let said = all.iter().map(|text| owner.say(&room, text));
    futures_util::future::join_all(said).await;
    let entries = told(&person, 11).await;
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["no"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=11).rev().collect::<Vec<_>>(), "without a gap");
    owner.post(&format!("{room}/member/{id}"), &[("_method", "delete")]).await;
    let page = person.get("/inbox").await.body;
    assert!(!page.contains("secret club") && !page.contains("number 3"), "{page}");
}
