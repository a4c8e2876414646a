//! The log by itself.

use std::sync::Arc;

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc};
use sarangbang::error::Error;
use sarangbang::models::values::{ChatText, Login, Nickname, Nonce, Password, RoomName, Topic};
use sarangbang::models::{Room, User};
use sarangbang::store::Database;

use crate::helpers::page::Page;
use crate::helpers::person::nonce;
use crate::helpers::site::{Site, new_database};

async fn person(db: &Database, name: &str) -> User {
    let password = Password::parse("password").unwrap();
    User::sign_up(db, Login::parse(name).unwrap(), password, Nickname::parse(name).unwrap()).await.unwrap()
}

async fn room(db: &Database, owner: &User) -> Room {
    owner.create_room(db, RoomName::parse("room").unwrap(), Topic::default()).await.unwrap()
}

async fn say(db: &Arc<Database>, room: &Room, author: &User, text: &str) -> Result<i64, Error> {
    let (text, nonce) = (ChatText::parse(text).unwrap(), Nonce::parse(&nonce()).unwrap());
    room.log(db).post(author, text, nonce).await.map(|said| said.chat.seq)
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_on_three_sites_make_one_log_without_a_gap() {
    let database = new_database();
    let sites = join_all((0..3).map(|_| sarangbang::models::open(&database))).await;
    let sites: Vec<Arc<Database>> = sites.into_iter().map(Result::unwrap).collect();
    let author = person(&sites[0], "author").await;
    let room = room(&sites[0], &author).await;
    let writers = (0..30).map(|n| {
        let (db, room, author) = (&sites[n % 3], &room, &author);
        async move {
            let mut said = Vec::new();
            for k in 0..10 {
                said.push(say(db, room, author, &format!("{n}:{k}")).await.unwrap());
            }
            assert!(said.is_sorted(), "one after the other");
            said
        }
    });
    let mut all: Vec<i64> = join_all(writers).await.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=300).collect::<Vec<_>>());
    for db in &sites {
        let log = room.log(db);
        let top = log.fetch_head().await.unwrap();
        assert_eq!((top.seq, top.no), (300, 300));
        let mut seen = 0;
        while seen < 300 {
            let news = log.updates(seen).await.unwrap();
            assert_eq!(news.chats[0].seq, seen + 1);
            assert!(news.chats.iter().all(|chat| chat.no == chat.seq && chat.rev == chat.seq));
            seen = news.upto;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_takes_nothing_more_on_any_site() {
    for _ in 0..5 {
        let database = new_database();
        let (here, there) =
            (sarangbang::models::open(&database).await.unwrap(), sarangbang::models::open(&database).await.unwrap());
        let author = person(&here, "author").await;
        let room = room(&here, &author).await;
        let mut said = join_all((0..20).map(|n| {
            let (db, room, author) = (if n % 2 == 0 { &here } else { &there }, &room, &author);
            async move {
                let mut said = Vec::new();
                loop {
                    match say(db, room, author, "more").await {
                        Ok(seq) => said.push(seq),
                        Err(Error::NotFound) => return said,
                        Err(error) => panic!("{error}"),
                    }
                    if n == 0 && said.len() == 3 {
                        room.close(db, author.id).await.unwrap();
                    }
                }
            }
        }))
        .await
        .concat();
        said.sort_unstable();
        let top = room.log(&there).fetch_head().await.unwrap();
        assert!(top.closed);
        assert_eq!(said, (1..top.seq).collect::<Vec<_>>(), "all that was acknowledged stands before the end");
        room.close(&there, author.id).await.unwrap();
        assert_eq!(room.log(&here).fetch_head().await.unwrap(), top, "closing again adds nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_old_nonces_in_it_keeps_all_the_others() {
    let database = new_database();
    let db = sarangbang::models::open(&database).await.unwrap();
    let author = person(&db, "author").await;
    let room = room(&db, &author).await;
    let say = |nonce: String| {
        let (log, author) = (room.log(&db), author.clone());
        async move {
            let said =
                log.post(&author, ChatText::parse("text").unwrap(), Nonce::parse(&nonce).unwrap()).await.unwrap();
            (said.chat.seq, said.is_duplicate)
        }
    };
    for n in 0..5 {
        assert_eq!(say(format!("old{n}")).await, (n + 1, false));
    }
    let mixed = (0..60).map(|n| say(if n % 3 == 0 { format!("old{}", n / 3 % 5) } else { format!("new{}", n % 30) }));
    let answers = join_all(mixed).await;
    for (n, (seq, again)) in answers.iter().enumerate() {
        if n % 3 == 0 {
            assert_eq!((*seq, *again), ((n / 3 % 5 + 1) as i64, true));
        } else {
            assert_eq!(*seq, answers[n % 30].0, "both are told the same");
        }
    }
    let fresh = answers.iter().filter(|(_, again)| !again).count() as i64;
    assert_eq!(fresh, 20);
    assert_eq!(room.log(&db).fetch_head().await.unwrap().seq, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_all_kinds_are_read_from_the_start() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let path = person.make_room("kinds").await;
    for n in 1..=4 {
        person.say(&path, &format!("said {n}")).await;
    }
    let mut live = person.follow(&path, 4).await;
    let before = person.open(&path).await;

    // As a later version writes them.
    let client = Client::with_uri_str(&site.database).await.unwrap();
    let entries = client.default_database().unwrap().collection::<Document>("chat");
    let said = entries.find_one(doc! { "seq": 1 }).await.unwrap().unwrap();
    let entry = |seq: i64, more: Document| {
        let mut entry = doc! { "room": said.get("room"), "seq": seq, "author": said.get("author"), "chats": 4_i64 };
        entry.extend(doc! { "at": DateTime::now() });
        entry.extend(more);
        entry
    };
    let later = [
        entry(5, doc! { "kind": "edited", "of": 1_i64, "text": "first edit" }),
        entry(6, doc! { "kind": "removed", "of": 2_i64 }),
        entry(7, doc! { "kind": "praised", "of": 3_i64, "stars": 5 }),
        entry(8, doc! { "kind": "edited", "of": 1_i64, "text": "second edit" }),
        entry(9, doc! { "kind": "edited", "of": 2_i64, "text": "raised from the dead" }),
        entry(10, doc! { "kind": "praised", "of": 1_i64, "stars": 5 }),
    ];
    entries.insert_many(later).await.unwrap();

    let said = person.say(&path, "said 5").await;
    assert_eq!((&said["seq"], &said["no"]), (&11.into(), &5.into()), "the log goes on behind what others wrote");
    let reload = person.open(&path).await;
    assert_eq!(reload.texts(), ["second edit", "", "said 3", "said 4", "said 5"]);
    assert_eq!(reload.chats.values().map(|chat| chat.rev).collect::<Vec<_>>(), [8, 9, 3, 4, 11]);
    assert!(reload.chats[&2].removed);
    let mut page = before.clone();
    live.read_until(&mut page, 11).await;
    assert_eq!(page.chats, reload.chats, "live");
    let mut page = before;
    page.place(&person.ask_since(&path, 4).await.body);
    assert_eq!((&page.chats, page.upto), (&reload.chats, 11), "by asking");
    // From every cursor, and also by a site that has nothing in memory yet: what comes is what a reload shows.
    let fresh = Site::on(&site.database).await;
    let there = person.at(&fresh.address);
    for since in 0..11 {
        let mut news = Page::default();
        while news.upto < 11 {
            news.place(&there.ask_since(&path, news.upto.max(since)).await.body);
        }
        assert!(news.chats.iter().all(|(seq, chat)| reload.chats[seq] == *chat), "from {since}: {news:?}");
        let expected: &[i64] = if since < 8 {
            &[1, 2, 11]
        } else if since == 8 {
            &[2, 11]
        } else {
            &[11]
        };
        assert!(expected.iter().all(|seq| news.chats.contains_key(seq)), "from {since}: {news:?}");
    }
    let person = there;
    assert!(!person.get(&path).await.body.contains("said 2"));
    assert_eq!(person.get_json(&format!("{path}/chat/2")).await.json()["removed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_a_batch_is_written_goes_into_the_next_one() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let path = person.make_room("crowd").await;
    let mut live = person.follow(&path, 0).await;
    join_all((0..200).map(|n| {
        let (person, path) = (&person, &path);
        async move { drop(person.say(path, &format!("chat {n}")).await) }
    }))
    .await;
    let (mut page, mut fragments) = (Page::default(), 0);
    while page.upto < 200 {
        page.place(&live.fragment().await);
        fragments += 1;
    }
    page.assert_whole(200);
    assert!(fragments < 100, "one write and one frame carry many chats: {fragments} frames for 200 chats");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_standalone_server_what_was_only_read_is_journaled_before_it_is_acknowledged() {
    let database = new_database();
    let db = sarangbang::models::open_exclusive(&database).await.unwrap();
    let author = person(&db, "author").await;
    let room = room(&db, &author).await;
    let said = || {
        let (text, nonce) = (ChatText::parse("text").unwrap(), Nonce::parse("nonce").unwrap());
        let (log, author) = (room.log(&db), author.clone());
        async move { log.post(&author, text, nonce).await.unwrap().is_duplicate }
    };
    let signals = Client::with_uri_str(&database).await.unwrap().default_database().unwrap();
    let signals = signals.collection::<Document>("signal");
    let barriers = || async { signals.count_documents(doc! { "kind": "barrier" }).await.unwrap() };
    assert!(!said().await);
    let before = barriers().await;
    assert!(said().await, "it is there already");
    assert!(barriers().await > before, "a journaled write follows what was read");
}
