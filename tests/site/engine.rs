//! The engine that the site starts for itself, and what happens without it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sarangbang::process::Engine;

use crate::helpers::eventually;
use crate::helpers::page::Page;
use crate::helpers::process::{engines, kill};
use crate::helpers::site::{Site, database_on, folder};

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_keeps_its_data_and_ends_when_it_is_told() {
    let var = folder("kept");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let room = site.person("gildong").await.make_room("kept").await;
    site.stop().await;
    engine.stop().await;
    assert!(engines(&var).is_empty());
    let log = std::fs::File::options().append(true).open(var.join("engine.log")).unwrap();
    log.try_lock().expect("whoever watched over the engine has let go of its folder, too");
    drop(log);

    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let person = site.visitor();
    person.sign_in("gildong", crate::helpers::person::PASSWORD).await;
    assert_eq!(person.get(&room).await.status, 200);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_on_the_same_data_says_so() {
    let var = folder("twice");
    let engine = Engine::start(&var).await.unwrap();
    let error = Engine::start(&var).await.err().unwrap().to_string();
    assert!(error.contains("in use"), "{error}");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_is_started_again_and_the_site_goes_on() {
    let var = folder("killed");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let person = site.person("gildong").await;
    let room = person.make_room("survivors").await;
    let mut page = person.open(&room).await;
    let mut live = person.follow(&room, 0).await;
    person.say(&room, "before").await;
    engines(&var).into_iter().for_each(|process| kill("KILL", process));

    eventually("the site to come back", || async {
        let answer = person.try_say(&room, "after", "same-nonce").await;
        assert!(matches!(answer.status, 200 | 201 | 503), "{}", answer.body);
        (answer.status != 503).then_some(())
    })
    .await;
    live.read_until(&mut page, 2).await;
    assert_eq!(page.texts(), ["before", "after"], "the socket stayed and nothing came twice");
    assert_eq!(person.open(&room).await.chats, page.chats);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_away_every_page_says_so_and_words_are_kept() {
    let var = folder("stopped");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let person = site.person("gildong").await;
    let room = person.make_room("patience").await;
    let mut live = person.follow(&room, 0).await;
    engines(&var).into_iter().for_each(|process| kill("STOP", process));

    live.element("connection", |connection| connection.contains("data-state=\"reconnecting\"")).await;
    // 1.5 s are promised to be waited for an answer that may yet come.
    for path in ["/room", "/user", &room, "/user/me", "/health"] {
        let away = Instant::now();
        let page = person.get(path).await;
        assert_eq!(page.status, 503, "{path}");
        assert!(path == "/health" || page.retry_after.is_some());
        assert!(away.elapsed() < Duration::from_secs(2), "{path}: {:?}", away.elapsed());
    }
    let making = person.post("/room", &[("name", "in between"), ("topic", "")]).await;
    assert_eq!(making.status, 503);
    assert!(making.body.contains("in between</textarea>"));
    let refused = person.post(&format!("{room}/chat"), &[("text", "my words"), ("nonce", "mine")]).await;
    assert_eq!(refused.status, 503);
    while let Some(message) = live.next_now() {
        assert!(!message.starts_with("<chat-feed"), "what is not known to be durable is not shown: {message}");
    }
    let kept = |css| crate::helpers::page::attribute_of(&refused.body, css, "value");
    assert_eq!(kept("#resubmit [name=nonce]").as_deref(), Some("mine"));
    assert!(refused.body.contains("my words</textarea>"));
    assert_eq!(
        person.post_for_json(&format!("{room}/chat"), &[("text", "a")]).await.json()["error"]["code"],
        "unavailable"
    );

    engines(&var).into_iter().for_each(|process| kill("CONT", process));
    eventually("the site to come back", || async {
        let answer = person.post(&format!("{room}/chat"), &[("text", "my words"), ("nonce", "mine")]).await;
        (answer.status == 303).then_some(())
    })
    .await;
    assert!(live.fragment().await.contains("my words"), "the socket stayed");
    person.say(&room, "and on").await;
    live.element("connection", |connection| connection.contains("data-state=\"connected\"")).await;
    eventually("the name to be free, or the room to be there", || async {
        let made = person.post("/room", &[("name", "in between"), ("topic", "")]).await;
        let rooms = person.get_json("/room").await.json()["rooms"].to_string();
        (made.status == 303 || rooms.contains("in between")).then_some(())
    })
    .await;
    assert_eq!(person.open(&room).await.texts(), ["my words", "and on"]);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_and_stopped_under_many_writers_loses_nothing_and_doubles_nothing() {
    let var = folder("crowded");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let person = site.person("gildong").await;
    let room = person.make_room("storm").await;
    let mut live = person.follow(&room, 0).await;
    let acknowledged = AtomicUsize::new(0);
    let write = join_all((0..8).map(|writer| {
        let (person, room, acknowledged) = (&person, &room, &acknowledged);
        async move {
            for n in 0..25 {
                let (text, nonce) = (format!("{writer}:{n}"), format!("nonce-{writer}-{n}"));
                eventually("an acknowledgement", || async {
                    let answer = person.try_say(room, &text, &nonce).await;
                    assert!(matches!(answer.status, 200 | 201 | 503), "{}", answer.body);
                    (answer.status != 503).then_some(())
                })
                .await;
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }));
    let have = async |enough| {
        eventually("some chats", || async { (acknowledged.load(Ordering::Relaxed) >= enough).then_some(()) }).await;
    };
    let blows = async {
        for enough in [20, 60, 100] {
            have(enough).await;
            engines(&var).into_iter().for_each(|process| kill("KILL", process));
        }
        have(150).await;
        engines(&var).into_iter().for_each(|process| kill("STOP", process));
        // As long as it is promised to be borne.
        tokio::time::sleep(Duration::from_secs(30)).await;
        engines(&var).into_iter().for_each(|process| kill("CONT", process));
    };
    tokio::join!(write, blows);

    let reload = person.reload_all(&room).await;
    reload.assert_whole(200);
    let mut texts: Vec<&str> = reload.texts();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 200, "each once");
    let mut page = Page::default();
    live.read_until(&mut page, 200).await;
    assert_eq!(page.chats, reload.chats);
    engine.stop().await;
}
