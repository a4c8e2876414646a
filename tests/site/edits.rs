//! Editing and removing what was said.

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, Collection, IndexModel};
use sarangbang::error::Error;
use sarangbang::models::values::{ChatText, Nonce};

use crate::helpers::eventually;
use crate::helpers::page::{Page, attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

async fn edit(person: &Person, room: &str, seq: i64, text: &str) -> Answer {
    person.post(&format!("{room}/chat/{seq}"), &[("_method", "put"), ("text", text)]).await
}

async fn remove(person: &Person, room: &str, seq: i64) -> Answer {
    person.post(&format!("{room}/chat/{seq}"), &[("_method", "delete")]).await
}

async fn entries(database: &str) -> Collection<Document> {
    Client::with_uri_str(database).await.unwrap().default_database().unwrap().collection("chat")
}

/// How many entries of a database hold these words.
/// The index on revisions of an earlier version.
fn old_index() -> IndexModel {
    let of = doc! { "of": { "$exists": true } };
    let options = IndexOptions::builder().unique(true).partial_filter_expression(of).build();
    IndexModel::builder().keys(doc! { "room": 1, "of": 1, "seq": 1 }).options(options).build()
}

async fn holding(database: &str, words: &str) -> u64 {
    entries(database).await.count_documents(doc! { "text": { "$regex": words } }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_removals_reach_everybody_in_one_order() {
    let site = Site::start().await;
    let (author, reader) = (site.person("author").await, site.person("reader").await);
    let room = author.make_room("changes").await;
    for n in 1..=4 {
        author.say(&room, &format!("said {n}")).await;
    }
    let before = reader.open(&room).await;
    let (mut live, mut away) = (reader.follow(&room, 4).await, before.clone());

    let edited = edit(&author, &room, 2, "better\r\nwords ").await;
    assert_eq!((edited.status, edited.location), (303, Some(format!("{room}#chat-2"))));
    let removed = remove(&author, &room, 3).await;
    assert_eq!((removed.status, removed.location.as_ref()), (303, Some(&room)), "nothing is left to be looked at");
    edit(&author, &room, 1, "once").await;
    edit(&author, &room, 1, "twice").await;
    let json = Answer::read(
        author.request("PUT", &format!("{room}/chat/4")).header("Accept", "application/json").form(&[("text", "bot")]),
    );
    let json = json.await;
    assert_eq!((json.status, &json.json()["text"], &json.json()["rev"]), (200, &"bot".into(), &9.into()));
    author.say(&room, "said 5").await;

    let reload = reader.open(&room).await;
    assert_eq!(reload.texts(), ["twice", "better\nwords", "", "bot", "said 5"]);
    assert_eq!(reload.chats.values().map(|chat| chat.rev).collect::<Vec<_>>(), [8, 5, 6, 9, 10]);
    let mut page = before;
    live.read_until(&mut page, 10).await;
    assert_eq!(page.chats, reload.chats, "live");
    reader.follow(&room, away.upto).await.read_until(&mut away, 10).await;
    assert_eq!(away.chats, reload.chats, "after a break");
    let mut polled = Page::default();
    polled.place(&reader.ask_since(&room, 0).await.body);
    assert_eq!(polled.chats, reload.chats, "by asking");
    let html = reader.get(&room).await.body;
    assert!(text_of(&html, "#chat-2 .edited").is_some() && text_of(&html, "#chat-5 .edited").is_none());

    assert_eq!(edit(&author, &room, 2, "better\nwords").await.status, 303);
    assert_eq!(reader.open(&room).await.upto, 10, "the same words again are no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_edits_a_chat_and_only_admins_remove_it_besides() {
    let site = Site::start().await;
    let (admin, owner) = (site.person("admin").await, site.person("owner").await);
    let (author, guest) = (site.person("author").await, site.person("guest").await);
    let room = owner.make_room("rights").await;
    author.say(&room, "mine").await;
    let may = |html: &str| (html.contains("id=\"edit-chat\""), html.contains("id=\"remove-chat\""));
    let path = format!("{room}/chat/1");
    for (who, editable, removable) in
        [(&guest, false, false), (&owner, false, false), (&admin, false, true), (&author, true, true)]
    {
        assert_eq!(may(&who.get(&path).await.body), (editable, removable), "no form that cannot work");
        if !editable {
            assert_eq!(edit(who, &room, 1, "not mine").await.status, 403);
        }
        if !removable {
            assert_eq!(remove(who, &room, 1).await.status, 403);
        }
    }
    let refused = edit(&author, &room, 1, " \u{200b} ").await;
    assert_eq!((refused.status, refused.fault("text").is_some()), (422, true));
    let long = "가".repeat(4_001);
    assert!(edit(&author, &room, 1, &long).await.body.contains(&long), "what was typed is there again");
    let lost = site.visitor();
    let signed_out = edit(&lost, &room, 1, "my <b>words</b>").await;
    assert_eq!(signed_out.status, 401);
    assert_eq!(attribute_of(&signed_out.body, "#resubmit [name=_method]", "value").as_deref(), Some("put"));
    assert_eq!(text_of(&signed_out.body, "#resubmit textarea").as_deref(), Some("my <b>words</b>"));
    assert_eq!(author.open(&room).await.texts(), ["mine"]);

    assert_eq!(remove(&admin, &room, 1).await.status, 303);
    assert_eq!(remove(&author, &room, 1).await.status, 303, "removing it again is no error");
    assert_eq!(edit(&author, &room, 1, "back again").await.status, 404);
    for missing in [2, 99] {
        assert_eq!(edit(&author, &room, missing, "text").await.status, 404);
        assert_eq!(remove(&author, &room, missing).await.status, 404);
    }
    assert_eq!(may(&author.get(&path).await.body), (false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_is_nowhere_any_more() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("quiet").await;
    let mut early = person.follow(&room, 0).await;
    person.try_say(&room, "first secret", "mine").await;
    person.say(&room, "plain").await;
    edit(&person, &room, 1, "second secret").await;
    assert!(early.fragment().await.contains("secret"));
    remove(&person, &room, 1).await;

    let (mut late, mut page) = (person.follow(&room, 0).await, Page::default());
    while page.upto < 4 {
        let fragment = late.fragment().await;
        assert!(!fragment.contains("secret"), "{fragment}");
        page.place(&fragment);
    }
    assert!(page.chats[&1].removed);
    let paths = ["", "/chat", "/chat?since=0", "/chat/1"].map(|path| format!("{room}{path}"));
    for path in paths.into_iter().chain(["/room".to_owned()]) {
        for answer in [person.get(&path).await, person.get_json(&path).await] {
            assert!(answer.status == 200 && !answer.body.contains("secret"), "{path}: {}", answer.body);
        }
    }
    let again = person.try_say(&room, "first secret", "mine").await;
    assert_eq!((again.status, &again.json()["removed"], &again.json()["text"]), (200, &true.into(), &"".into()));
    let database = &site.database;
    eventually("the texts to be wiped", || async move { (holding(database, "secret").await == 0).then_some(()) }).await;
    assert_eq!(entries(database).await.count_documents(doc! {}).await.unwrap(), 4, "entries stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_killed_before_it_wiped_shows_nothing_and_the_next_start_wipes() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("killed").await;
    person.say(&room, "a secret").await;
    // As it is found when the entry stands and the wiping was not begun.
    let all = entries(&site.database).await;
    let said = all.find_one(doc! { "seq": 1 }).await.unwrap().unwrap();
    let chores = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let chores = chores.collection::<Document>("chore");
    let long_ago = mongodb::bson::oid::ObjectId::parse_str("600000000000000000000000").unwrap();
    chores.insert_one(doc! { "_id": long_ago, "room": said.get("room"), "of": 1_i64 }).await.unwrap();
    let entry = doc! {
        "room": said.get("room"), "seq": 2_i64, "kind": "removed", "of": 1_i64, "author": said.get("author"),
        "chats": 1_i64, "at": DateTime::now(),
    };
    all.insert_one(entry).await.unwrap();
    assert!(!person.get(&format!("{room}/chat")).await.body.contains("a secret"));
    assert_eq!(holding(&site.database, "a secret").await, 1);

    let _next = Site::on(&site.database).await;
    let database = &site.database;
    eventually("the next start to wipe", || async move { (holding(database, "secret").await == 0).then_some(()) })
        .await;
    eventually("the old job to be moved and done", || async {
        (chores.count_documents(doc! {}).await.unwrap() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_and_removed_at_once_on_two_sites_leaves_nothing_behind_the_removal() {
    let database = new_database();
    let (here, there) = (Site::on(&database).await, Site::on(&database).await);
    let person = here.person("gildong").await;
    let room = person.make_room("races").await;
    let twin = there.visitor();
    twin.sign_in("gildong", PASSWORD).await;
    for round in 1..=20 {
        let seq = person.say(&room, "secret").await["seq"].as_i64().unwrap();
        let all = join_all((0..6).map(|n| {
            let (person, twin, room) = (&person, &twin, &room);
            async move {
                let who = if n % 2 == 0 { person } else { twin };
                match n {
                    3 => remove(who, room, seq).await.status,
                    _ => edit(who, room, seq, &format!("secret {round} {n}")).await.status,
                }
            }
        }))
        .await;
        assert!(all.iter().all(|status| matches!(status, 303 | 404)), "{all:?}");
        let about = entries(&database).await;
        let said = about.find_one(doc! { "seq": seq }).await.unwrap().unwrap();
        let removal = doc! { "room": said.get("room"), "of": seq, "kind": "removed" };
        let removal = about.find_one(removal).await.unwrap().unwrap_or_else(|| panic!("{all:?}"));
        let later = doc! { "room": said.get("room"), "of": seq, "seq": { "$gt": removal.get_i64("seq").unwrap() } };
        assert_eq!(about.count_documents(later).await.unwrap(), 0);
    }
    let database = &database;
    eventually("all to be wiped", || async move { (holding(database, "secret").await == 0).then_some(()) }).await;
    let (one, other) = (person.reload_all(&room).await, twin.reload_all(&room).await);
    assert_eq!(one, Page { nonce: one.nonce.clone(), ..other });
    assert!(one.chats.values().all(|chat| chat.removed));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_entries_behind_arrive_in_bounded_fragments() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let path = person.make_room("far behind").await;
    let db = sarangbang::models::open(&site.database).await.unwrap();
    let author = sarangbang::models::User::sign_in(
        &db,
        sarangbang::models::values::Login::parse("gildong").ok(),
        sarangbang::models::values::Password::parse(PASSWORD).ok(),
        std::net::IpAddr::from([127, 0, 0, 1]),
    );
    let author = author.await.unwrap();
    let room = author.room(&db, path.strip_prefix("/room/").unwrap().parse().unwrap()).await.unwrap();
    let log = room.log(&db);
    for round in 0..10_i64 {
        let say = join_all((0..700).map(|n| {
            let long = if n % 70 == 0 { "가".repeat(4_000) } else { format!("chat {round} {n}") };
            log.post(&author, ChatText::parse(&long).unwrap(), Nonce::parse(&format!("{round}-{n}")).unwrap())
        }));
        assert!(say.await.iter().all(Result::is_ok));
        let top = log.fetch_head().await.unwrap().seq;
        let change = join_all((0..300).map(|n| {
            let (log, author) = (&log, &author);
            async move {
                let seq = 1 + (n * 7_919 + round * 31) % top;
                let changed = match n % 4 {
                    0 => log.remove(author, seq).await.map(drop),
                    _ => log.edit(author, seq, ChatText::parse(&format!("edit {round} {n}")).unwrap()).await.map(drop),
                };
                // Not every number is a chat's, and some are gone.
                assert!(matches!(changed, Ok(()) | Err(Error::NotFound)), "{changed:?}");
            }
        }));
        change.await;
    }
    let top = log.fetch_head().await.unwrap();
    assert!(top.seq > 8_000, "{top:?}");
    let (mut live, mut page) = (person.follow(&path, 0).await, Page::default());
    while page.upto < top.seq {
        let fragment = live.fragment().await;
        assert!(fragment.len() < 128 * 1024, "{} bytes at once", fragment.len());
        page.place(&fragment);
    }
    assert_eq!(page.chats, person.reload_all(&path).await.chats);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_edits_cost_a_page_nothing_and_forty_readers_at_once_are_all_answered() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("edited").await;
    for n in 1..=50 {
        person.say(&room, &format!("chat {n}")).await;
    }
    let all = entries(&site.database).await;
    // As an earlier version left it: with a unique index, and edits without numbers.
    all.create_index(old_index()).await.unwrap();
    let said = all.find_one(doc! { "seq": 1 }).await.unwrap().unwrap();
    let mut seq = 50;
    let mut edits = Vec::new();
    for round in 1..=100 {
        for of in 1..=50_i64 {
            seq += 1;
            edits.push(doc! {
                "room": said.get("room"), "seq": seq, "kind": "edited", "of": of, "author": said.get("author"),
                "chats": 50_i64, "text": format!("edit {round} of {of}"), "at": DateTime::now(),
            });
        }
    }
    all.insert_many(edits).await.unwrap();
    let site = Site::on(&site.database).await;
    let person = person.at(&site.address);
    let names = all.list_index_names().await.unwrap();
    assert!(!names.contains(&"room_1_of_1_seq_1".to_owned()), "{names:?}");

    let answers = join_all((0..40).map(|_| person.get(&room))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = Page::read(&answer.body);
        let expected: Vec<String> = (1..=50).map(|of| format!("edit 100 of {of}")).collect();
        assert_eq!(page.texts(), expected);
    }
    // The index that pages read holds the last edit of each chat only.
    let (all, room_id) = (&all, said.get_object_id("room").unwrap());
    eventually("the superseded edits to leave the index", || async move {
        let index = doc! { "room": room_id, "of": { "$gte": 1_i64, "$lte": 50_i64 } };
        let left = all.count_documents(index).await;
        (left.unwrap() == 50).then_some(())
    })
    .await;
    // Edits count on, and removing a chat wipes all of them.
    assert_eq!(edit(&person, &room, 1, "edit 101 of 1").await.status, 303);
    assert_eq!(person.open(&room).await.texts()[0], "edit 101 of 1");
    let last = all.find_one(doc! { "text": "edit 101 of 1" }).await.unwrap().unwrap();
    assert_eq!(last.get_i64("edits").unwrap(), 101);
    assert_eq!(remove(&person, &room, 1).await.status, 303);
    let database = &site.database;
    eventually("the edits to be wiped", || async move { (holding(database, "of 1$").await == 0).then_some(()) }).await;
}
