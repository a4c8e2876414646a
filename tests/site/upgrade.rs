//! Data that earlier versions wrote is read as before. `data/var-0.1.0.tar.gz` is a data folder that version 0.1.0 left
//! behind when it was killed: two users, one with a picture, a room with an edited and a removed chat, a closed room. Its
//! engine is the bundled one, which a machine with `mongod` may lack.

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use reqwest::header::HeaderValue;
use sarangbang::process::Engine;

use crate::helpers::page::attribute_of;
use crate::helpers::person::Person;
use crate::helpers::process::Process;
use crate::helpers::site::{Site, folder, new_database};

const ROOM: &str = "/room/6b097f6e51322797d5d06be1";
const CLOSED: &str = "/room/6b097f6f51322797d5d06bed";
const COOKIE: &str = "sarangbang-30090265=-gXXgDwJ_db9r2mz4-0z9p0KCHndon4iEfKxJQ_P3sooLljBxzNUH3mSNd48X0xNwi7HzBB1Hm5jjiJ_lBbMRkQL8bixFUoTIs8ZPxBgYS5rw";

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_version_0_1_0_is_read_as_before() {
    let folder = folder("upgrade");
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/data/var-0.1.0.tar.gz");
    let unpacked = std::process::Command::new("tar").args(["-xzf", archive, "-C"]).arg(&folder).status().unwrap();
    assert!(unpacked.success());
    if let Err(missing) = Engine::program(&folder.join("var")) {
        let installed = Engine::program(&folder).map(|program| program.ends_with("mongod"));
        assert!(installed.is_ok_and(|is_mongod| is_mongod), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    let site = Process::start(&folder).await;

    let returning = Person::with_cookie(&site.address, HeaderValue::from_static(COOKIE));
    let room = returning.get_json(ROOM).await.json();
    assert_eq!((room["room"]["name"].as_str(), room["room"]["topic"].as_str()), (Some("사랑방"), Some("옛 방")));
    let texts: Vec<_> = room["chats"].as_array().unwrap().iter().map(|chat| chat["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["chat 1", "edited twice", "", "chat 4", "chat 5"]);
    assert_eq!(room["chats"][2]["removed"], true);
    assert_eq!(returning.get_json(CLOSED).await.status, 404);
    let again = returning.try_say(ROOM, "chat 5", "n5").await;
    assert_eq!((again.status, again.json()["seq"].as_i64()), (200, Some(5)), "the nonce is known");
    assert_eq!(returning.say(ROOM, "after the upgrade").await["no"], 6);
    let own = returning.get_json("/user/me").await.json();
    assert_eq!((own["admin"].as_bool(), &own["id"]), (Some(true), &room["room"]["owner"]));
    assert_eq!(room["room"]["kind"], "open");

    let friend = Person::new(&site.address);
    assert_eq!(friend.sign_in("younghee", "correct horse").await.status, 303);
    let unread = async || {
        let list = friend.get("/room").await.body;
        assert!(list.contains(&format!("href=\"{ROOM}\"")), "{list}");
        attribute_of(&list, &format!("#unread-{}", ROOM.strip_prefix("/room/").unwrap()), "data-count")
    };
    assert!(unread().await.is_none_or(|count| count == "0"), "nobody has unread chats");
    friend.open(ROOM).await;
    assert_eq!(unread().await.as_deref(), Some("0"));
    let direct = friend.post("/direct", &[("with", own["id"].as_str().unwrap())]).await.location.unwrap();
    friend.say(&direct, "hello").await;
    assert_eq!(returning.open(&direct).await.texts(), ["hello"]);
    assert!(friend.get(ROOM).await.body.contains("홍길동"));
    let freed = friend.make_room("closed").await;
    assert_ne!(freed, CLOSED, "the name of the closed room is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_a_folded_name_get_one_at_the_next_start() {
    let database = new_database();
    let users = Client::with_uri_str(&database).await.unwrap().default_database().unwrap().collection("user");
    let old = (0..1_100).map(|n| doc! { "login": format!("old{n}"), "nickname": format!("Ｏｌｄ {n}") });
    users.insert_many(old).await.unwrap();
    // An earlier start was interrupted.
    let done = doc! { "$set": { "nicknameKey": "old 7" } };
    users.update_one(doc! { "login": "old7" }, done).await.unwrap();
    for _ in 0..2 {
        Site::on(&database).await.stop().await;
        let found: Vec<Document> = users.find(doc! {}).await.unwrap().try_collect().await.unwrap();
        assert_eq!(found.len(), 1_100);
        for user in found {
            let name = user.get_str("login").unwrap().replace("old", "old ");
            assert_eq!(user.get_str("nicknameKey").ok(), Some(name.as_str()));
        }
    }
}
