//! The list of people, and finding them by name.

use std::time::Instant;

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

/// Signs up somebody with a nickname, who returns with an id.
async fn named(site: &Site, login: &str, nickname: &str) -> (Person, String) {
    let person = site.visitor();
    let form = [("userId", login), ("userPassword", PASSWORD), ("userNickname", nickname)];
    let answer = person.post_for_json("/user", &form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    (person, answer.json()["id"].as_str().unwrap().to_owned())
}

/// The nicknames that a search answers, in order.
async fn found(person: &Person, typed: &str) -> Vec<String> {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", typed).finish();
    let answer = person.get_json(&format!("/people?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    nicknames(&answer.json())
}

fn nicknames(list: &serde_json::Value) -> Vec<String> {
    let people = list["people"].as_array().unwrap().iter();
    people.map(|person| person["nickname"].as_str().unwrap().to_owned()).collect()
}

/// Stores users as an import would.
async fn store(database: &str, nicknames: impl Iterator<Item = String>) {
    let users = Client::with_uri_str(database).await.unwrap().default_database().unwrap();
    let user = |nickname: String| {
        doc! {
            "_id": ObjectId::new(), "login": format!("stored {nickname}"), "nicknameKey": nickname.to_lowercase(),
            "nickname": nickname, "password": "", "at": DateTime::now(),
        }
    };
    users.collection::<Document>("user").insert_many(nicknames.map(user)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_listed_by_name_with_a_form_to_write_to_them() {
    let site = Site::start().await;
    let (person, own) = named(&site, "gildong", "홍길동").await;
    let (_, other) = named(&site, "anna", "Anna & <b>").await;
    let list = person.get("/people").await;
    assert_eq!(list.status, 200);
    assert_eq!(text_of(&list.body, "#people > li .nickname").as_deref(), Some("Anna & <b>"), "Latin names come first");
    for (id, name) in [(&other, "Anna & <b>"), (&own, "홍길동")] {
        let item = format!("#people > #person-{id}");
        assert_eq!(attribute_of(&list.body, &format!("{item} a"), "href"), Some(format!("/user/{id}")));
        assert_eq!(text_of(&list.body, &format!("{item} a .nickname")).as_deref(), Some(name));
        let card = person.get(&format!("/user/{id}")).await.body;
        for (page, form) in [(&list.body, format!("{item} form")), (&card, "article.person form".into())] {
            let attributes = ["method", "action"].map(|name| attribute_of(page, &form, name).unwrap());
            assert_eq!(attributes, ["post", "/direct"]);
            let hidden = |name| attribute_of(page, &format!("{form} [type=hidden][name={name}]"), "value");
            assert_eq!((hidden("with").as_ref(), hidden("author").as_ref()), (Some(id), Some(&own)));
            assert!(text_of(page, &format!("{form} button")).is_some_and(|text| !text.is_empty()));
        }
    }
    assert_eq!(attribute_of(&list.body, ".sidebar a[href='/people']", "href").as_deref(), Some("/people"));
    assert_eq!(attribute_of(&list.body, "form[role=search][action='/people'] [name=q]", "value").as_deref(), Some(""));

    let opened = person.post("/direct", &[("with", &other), ("author", &own)]).await;
    assert_eq!(opened.status, 303);
    assert!(opened.location.is_some_and(|room| room.starts_with("/room/")));

    let korean = Answer::read(person.request("GET", "/people").header("Accept-Language", "ko")).await.body;
    let button = |id: &str, what: &str| format!("#person-{id} button{what}");
    assert_eq!(text_of(&korean, &button(&other, "")).as_deref(), Some("메시지 보내기"));
    assert_eq!(text_of(&korean, &button(&own, "")).as_deref(), Some("나에게 메시지 보내기"));
    let name = attribute_of(&korean, &button(&other, ""), "aria-label").unwrap();
    assert_eq!(name.replace(['\u{2068}', '\u{2069}'], ""), "Anna & <b>님에게 메시지 보내기");

    let typed = person.get("/people?q=%20%22nobody%22%20").await;
    assert_eq!(attribute_of(&typed.body, "#people-query", "value").as_deref(), Some("\"nobody\""), "it is kept");
    assert!(text_of(&typed.body, "#no-person-found").is_some());
    assert_eq!(text_of(&typed.body, "#people li"), None);
    assert_eq!(text_of(&list.body, "#no-person-found"), None);

    let json = person.get_json("/people").await.json();
    assert_eq!(json["people"][1], serde_json::json!({ "id": own, "nickname": "홍길동", "admin": true }));
    assert_eq!((&json["page"], &json["previous"], &json["next"]), (&1.into(), &().into(), &().into()));
    for invalid in ["0", "-1", "x", "99999999999999999999"] {
        assert_eq!(person.get_json(&format!("/people?page={invalid}")).await.status, 422, "{invalid}");
    }
    let outside = site.visitor().get("/people?q=x").await;
    assert_eq!((outside.status, outside.location.as_deref()), (303, Some("/user?next=%2Fpeople%3Fq%3Dx")));
    assert_eq!(site.visitor().get_json("/people").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_as_they_are_typed() {
    let site = Site::start().await;
    let names = ["홍길동", "길동", "김수한", "Alice", "까치", "미나"];
    let people = join_all(names.iter().enumerate().map(|(n, name)| {
        let site = &site;
        async move { named(site, &format!("person{n}"), name).await.0 }
    }))
    .await;
    let person = &people[0];
    for (typed, expected) in [
        ("길동", vec!["길동", "홍길동"]),
        ("ㅎㄱㄷ", vec!["홍길동"]),
        ("홍ㄱㄷ", vec!["홍길동"]),
        ("기", vec!["길동", "김수한", "홍길동"]),
        ("홍기", vec!["홍길동"]),
        ("ㄱ", vec!["길동", "김수한", "홍길동"]),
        ("ㄱㅅ", vec!["김수한"]),
        ("ㄳ", vec!["김수한"]),
        ("rlfehd", vec!["길동", "홍길동"]),
        ("al", vec!["Alice", "미나"]),
        ("미ㅑㅊㄷ", vec!["Alice"]),
        ("ＡＬＩ", vec!["Alice"]),
        ("ᄒ\u{1169}\u{11bc}길", vec!["홍길동"]),
        ("ㅎㅗㅇㄱㅣㄹ", vec!["홍길동"]),
        ("길홍", vec![]),
        ("\u{200b}", vec![]),
        (".*", vec![]),
    ] {
        assert_eq!(found(person, typed).await, expected, "{typed:?}");
    }
    assert_eq!(found(person, "  ").await.len(), names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_fifty_people_and_lead_to_each_other() {
    let database = new_database();
    store(&database, (0..120).map(|n| format!("P{n:03}"))).await;
    let site = Site::on(&database).await;
    let person = site.person("zoe").await;
    let mut path = "/people".to_owned();
    let mut seen = Vec::new();
    for (page, count) in [(1, 50), (2, 50), (3, 21)] {
        let json = person.get_json(&path).await.json();
        assert_eq!((json["page"].as_i64(), nicknames(&json).len()), (Some(page), count));
        seen.extend(nicknames(&json));
        let html = person.get(&path).await.body;
        assert_eq!(html.matches("<li id=\"person-").count(), count);
        assert_eq!(attribute_of(&html, "main [rel=prev]", "href").is_some(), page > 1);
        if let Some(next) = attribute_of(&html, "main [rel=next]", "href") {
            assert_eq!(json["next"], (page + 1).to_string());
            path = next;
        }
    }
    assert!(seen.is_sorted() && seen.len() == 121, "{seen:?}");
    assert_eq!(person.get_json("/people?page=999").await.json()["page"], 3, "the last one");
    let html = person.get("/people?q=P0%26%20").await.body;
    assert!(text_of(&html, "#no-person-found").is_some());
    let html = person.get("/people?q=%20p").await.body;
    let next = attribute_of(&html, "main [rel=next]", "href").unwrap();
    assert_eq!(next, "/people?q=p&page=2");
    assert_eq!(nicknames(&person.get_json(&next).await.json()).len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_a_renamed_and_a_deleted_account_show_at_once_on_every_instance() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let (gildong, _) = named(&here, "gildong", "길동").await;
    let elsewhere = Person::with_cookie(&there.address, gildong.cookie().unwrap());
    let shows = async |typed: &str, expected: &[&str]| {
        assert_eq!(found(&gildong, typed).await, expected);
        eventually("the other instance to show it", || async {
            (found(&elsewhere, typed).await == expected).then_some(())
        })
        .await;
    };
    shows("ㄱㄷ", &["길동"]).await;
    let (friend, _) = named(&here, "friend", "기대").await;
    shows("ㄱㄷ", &["기대", "길동"]).await;
    let renamed = friend.post("/user/me", &[("_method", "put"), ("userNickname", "영희")]).await;
    assert_eq!(renamed.status, 303);
    shows("ㄱㄷ", &["길동"]).await;
    shows("ㅇㅎ", &["영희"]).await;
    let deleted = friend.post("/user/me", &[("_method", "delete"), ("userPassword", PASSWORD)]).await;
    assert_eq!(deleted.status, 303);
    shows("ㅇㅎ", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_the_people_that_it_shows() {
    const TOKEN: &str = "a token of some length";
    let many: usize = std::env::var("PEOPLE").map_or(3_000, |people| people.parse().unwrap());
    let database = new_database();
    let begun = Instant::now();
    // The engine takes minutes to index very many users at once.
    let site = Site::with(&database, ("metrics.token", TOKEN)).await;
    store(&database, (0..many).map(|n| format!("P{n:04}"))).await;
    println!("stored in {:?}", begun.elapsed());
    let person = site.person("zoe").await;
    let count = async || {
        let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = metrics.get(format!("{}/metrics", site.address)).bearer_auth(TOKEN);
        let text = metrics.send().await.unwrap().text().await.unwrap();
        let sample = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.unwrap().parse::<f64>().unwrap()
        };
        [sample("sarangbang_documents_read_total"), sample("sarangbang_database_seconds_count")]
    };
    let cost = async |path: &str| {
        let (before, begun) = (count().await, Instant::now());
        assert_eq!(person.get(path).await.status, 200);
        println!("{path} in {:?}", begun.elapsed());
        let after = count().await;
        [after[0] - before[0], after[1] - before[1]]
    };
    let first = cost("/people").await;
    assert!(first[0] >= many as f64, "the first list reads all names");
    let base = cost("/user/me").await;
    for (path, shown) in [("/people", 50), ("/people?page=30", 50), ("/people?q=0123", 1), ("/people?q=nobody", 0)] {
        let [documents, queries] = cost(path).await;
        assert!(documents <= base[0] + f64::from(shown), "{path}: {documents} documents, {} without a list", base[0]);
        assert!(queries <= base[1] + 1.0, "{path}: {queries} queries, {} without a list", base[1]);
    }
    // Another user costs one more document, once.
    let (_, _) = named(&site, "newcomer", "newcomer").await;
    assert!(cost("/people?q=newcomer").await[0] <= base[0] + 3.0);
    assert!(cost("/people?q=newcomer").await[0] <= base[0] + 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_with_more_people_than_fit_into_its_caches_finds_the_beginnings_of_names() {
    let database = new_database();
    store(&database, (0..130).map(|n| format!("P{n:03}")).chain(["Quentin".into()])).await;
    let site = Site::with(&database, ("cache", "4KiB")).await;
    let person = site.person("zoe").await;
    let all = person.get("/people").await.body;
    assert_eq!(text_of(&all, "#no-person-found").as_deref(), Some("Too many people to list. Search by name."));
    assert_eq!(found(&person, "quen").await, ["Quentin"]);
    assert_eq!(found(&person, "uentin").await, Vec::<String>::new());
    let pages = ["1", "2", "3"].map(|page| format!("/people?q=P&page={page}"));
    let pages = join_all(pages.iter().map(|path| person.get_json(path))).await;
    let seen: Vec<String> = pages.iter().flat_map(|page| nicknames(&page.json())).collect();
    assert!(seen.is_sorted() && seen.len() == 130, "{seen:?}");
    assert_eq!((&pages[1].json()["next"], &pages[2].json()["next"]), (&"3".into(), &().into()));
    let (_, _) = named(&site, "newcomer", "Quill").await;
    assert_eq!(found(&person, "QU").await, ["Quentin", "Quill"]);
}
