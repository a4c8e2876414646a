//! The engine that the site starts for itself, and what happens without it.

use std::time::{Duration, Instant};

use sarangbang::engine::Engine;

use crate::helpers::process::{engines, kill};
use crate::helpers::site::{Site, database_on, folder};
use crate::helpers::until;

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_keeps_its_data_and_ends_when_it_is_told() {
    let var = folder("kept");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let room = site.person("gildong").await.make_room("kept").await;
    site.stop().await;
    engine.stop().await;
    assert!(engines(&var).is_empty());

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
    let error = Engine::start(&var).await.err().unwrap();
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

    until("the site to come back", || async {
        let answer = person.try_say(&room, "after", "same-nonce").await;
        assert!(matches!(answer.status, 200 | 201 | 503), "{}", answer.body);
        (answer.status != 503).then_some(())
    })
    .await;
    live.until(&mut page, 2).await;
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

    let away = Instant::now();
    for path in ["/room", "/user", &room, "/health"] {
        let page = person.get(path).await;
        assert_eq!(page.status, 503, "{path}");
        assert!(path == "/health" || page.retry_after.is_some());
    }
    assert!(away.elapsed() < 4 * Duration::from_secs(2), "each within 2 s: {:?}", away.elapsed());
    let refused = person.post(&format!("{room}/chat"), &[("text", "my words"), ("nonce", "mine")]).await;
    assert_eq!(refused.status, 503);
    let kept = |css| crate::helpers::page::attribute_of(&refused.body, css, "value");
    assert_eq!(kept("#kept [name=nonce]").as_deref(), Some("mine"));
    assert!(refused.body.contains("my words</textarea>"));
    assert_eq!(
        person.post_for_json(&format!("{room}/chat"), &[("text", "a")]).await.json()["error"]["code"],
        "unavailable"
    );

    engines(&var).into_iter().for_each(|process| kill("CONT", process));
    until("the site to come back", || async {
        let answer = person.post(&format!("{room}/chat"), &[("text", "my words"), ("nonce", "mine")]).await;
        (answer.status == 303).then_some(())
    })
    .await;
    assert!(live.fragment().await.contains("my words"), "the socket stayed");
    assert_eq!(person.open(&room).await.texts(), ["my words"]);
    engine.stop().await;
}
