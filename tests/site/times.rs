//! Times for those who read without script, and for programs.

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Collection};
use scraper::{ElementRef, Html, Selector};

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder};
use crate::helpers::{eventually, within_timeout};

/// When the chats of [`history`] were said, and what was said.
const SAID: [(&str, &str); 4] = [
    ("2025-11-23T14:59:00.1Z", "before midnight"),
    ("2025-11-23T15:00:00.12Z", "after midnight"),
    ("2025-11-24T03:00:00Z", "at noon"),
    ("2025-11-23T10:00:00Z", "the clock was set back"),
];

/// A database in which chats were said long ago, and their room.
async fn history() -> (String, String) {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("history").await;
    for (_, text) in SAID {
        person.say(&room, text).await;
    }
    let database = site.database.clone();
    site.stop().await;
    let chats: Collection<Document> =
        Client::with_uri_str(&database).await.unwrap().default_database().unwrap().collection("chat");
    for (at, text) in SAID {
        let at = DateTime::parse_rfc3339_str(at).unwrap();
        chats.update_one(doc! { "text": text }, doc! { "$set": { "at": at } }).await.unwrap();
    }
    (database, room)
}

async fn in_zone(database: &str, zone: &str) -> (Site, Person) {
    let site = Site::with(database, ("site.zone", zone)).await;
    let person = site.visitor();
    person.sign_in("gildong", PASSWORD).await;
    (site, person)
}

/// What the chats of a page or fragment show: the day where it begins, the time, and the time in full.
fn times(html: &str) -> Vec<(Option<String>, String, String)> {
    let (articles, time) = (Selector::parse("article.chat").unwrap(), Selector::parse("time").unwrap());
    let document = Html::parse_document(html);
    let seen = |article: ElementRef<'_>| {
        let time = article.select(&time).next().unwrap();
        let day = article.value().attr("data-day").map(str::to_owned);
        (day, time.text().collect(), time.value().attr("title").unwrap().to_owned())
    };
    document.select(&articles).map(seen).collect()
}

fn days(html: &str) -> Vec<Option<String>> {
    times(html).into_iter().map(|(day, ..)| day).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_hours_are_those_of_each_sites_zone() {
    let (database, room) = history().await;
    let ((_seoul, his), (_york, hers)) =
        (in_zone(&database, "Asia/Seoul").await, in_zone(&database, "America/New_York").await);
    let page = his.get(&room).await.body;
    let shown = times(&page);
    let hours: Vec<_> = shown.iter().map(|(_, hour, _)| hour.as_str()).collect();
    assert_eq!(hours, ["11:59 PM", "12:00 AM", "12:00 PM", "7:00 PM"]);
    let [sunday, monday] = ["Sunday, November 23, 2025", "Monday, November 24, 2025"].map(|day| Some(day.to_owned()));
    assert_eq!(days(&page), [sunday.clone(), monday.clone(), None, None], "no day begins twice");
    assert_eq!(shown[1].2, "Monday, November 24, 2025 at 12:00 AM (Asia/Seoul)");
    let other = times(&hers.get(&room).await.body);
    assert_eq!(
        other[0],
        (sunday.clone(), "9:59 AM".into(), "Sunday, November 23, 2025 at 9:59 AM (America/New_York)".into())
    );
    assert_eq!(other.iter().filter(|(day, ..)| day.is_some()).count(), 1);

    let korean = his.request("GET", &room).header("Accept-Language", "ko");
    let korean = times(&Answer::read(korean).await.body);
    assert_eq!(
        korean[1],
        (
            Some("2025년 11월 24일 월요일".into()),
            "오전 12:00".into(),
            "2025년 11월 24일 월요일 오전 12:00 (Asia/Seoul)".into()
        )
    );
    // Wherever a chat travels the first one of its day names it.
    let chat = format!("{room}/chat");
    for (path, expected) in [
        (format!("{room}?before=3"), vec![sunday.clone(), monday.clone()]),
        (format!("{chat}?before=2"), vec![sunday.clone()]),
        (format!("{chat}?since=2"), vec![monday.clone(), None]),
        (format!("{chat}/3"), vec![monday.clone()]),
    ] {
        assert_eq!(days(&his.get(&path).await.body), expected, "{path}");
    }
    let list = his.get("/room").await.body;
    let last = "#rooms time";
    assert_eq!(text_of(&list, last).as_deref(), Some("Nov 23"));
    assert_eq!(
        attribute_of(&list, last, "title").as_deref(),
        Some("Sunday, November 23, 2025 at 7:00 PM (Asia/Seoul)")
    );
    let sessions = his.get("/user/me").await.body;
    let seen = text_of(&sessions, "#sessions time").unwrap();
    assert!(seen.ends_with(" AM") || seen.ends_with(" PM"), "{seen}");
    assert!(attribute_of(&sessions, "#sessions time", "title").unwrap().ends_with(" (Asia/Seoul)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_on_the_endless_page_too() {
    let (database, room) = history().await;
    let (_site, person) = in_zone(&database, "Asia/Seoul").await;
    let mut page = person.request("GET", &format!("{room}/chat?stream")).send().await.unwrap();
    let mut all = String::new();
    for (n, text) in ["today", "still today"].into_iter().enumerate() {
        person.say(&room, text).await;
        while !all.contains(&format!("{text}</div>")) {
            all.push_str(&String::from_utf8_lossy(&within_timeout("a piece", page.chunk()).await.unwrap().unwrap()));
        }
        let days = days(&all);
        assert_eq!(days.len(), 5 + n);
        // The test may run through midnight.
        assert!(days[4].is_some() && (n == 0 || days[5].is_none() || days[5] != days[4]), "{days:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_for_programs_have_milliseconds() {
    let (database, room) = history().await;
    let (_site, person) = in_zone(&database, "Asia/Seoul").await;
    let expected = [
        "2025-11-23T14:59:00.100Z",
        "2025-11-23T15:00:00.120Z",
        "2025-11-24T03:00:00.000Z",
        "2025-11-23T10:00:00.000Z",
    ];
    let page = person.get_json(&room).await.json();
    let times: Vec<_> = page["chats"].as_array().unwrap().iter().map(|chat| chat["at"].as_str().unwrap()).collect();
    assert_eq!(times, expected);
    assert_eq!(page["room"]["last"].as_str().unwrap().len(), expected[0].len());
    let chat = format!("{room}/chat/2");
    assert_eq!(person.get_json(&chat).await.json()["at"], expected[1]);
    assert_eq!(attribute_of(&person.get(&chat).await.body, "article time", "datetime").as_deref(), Some(expected[1]));
    let list = person.get_json("/room").await.json();
    assert_eq!(list["rooms"][0]["said"]["at"], expected[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_the_zone_is_the_systems() {
    let mut program = command(&folder("system-zone"));
    program.env("TZ", "Asia/Tokyo");
    let program = Process::run(program).await;
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let page = eventually("the account", || async {
        let page = person.get("/user/me").await;
        (page.status == 200).then_some(page.body)
    })
    .await;
    assert!(attribute_of(&page, "#sessions time", "title").unwrap().ends_with(" (Asia/Tokyo)"));
}
