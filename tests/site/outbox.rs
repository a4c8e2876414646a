//! Words that have not reached the site: no tab, no clock and no missing feature of the browser loses them.

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_write_at_the_same_time_lose_nothing() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("tabs").await;
    browser.find("#connection[data-state=connected]").await;
    // Two outboxes share the storage as two tabs do. The other one writes between what the first one reads and writes.
    let kept = browser
        .run_async(
            "const { Outbox } = await import(document.querySelector('script[src*=\"/js/room.js\"]').src.replace('room.js', 'outbox.js'));
             const { dataset } = document.getElementById('composer');
             const key = `outbox ${document.body.dataset.currentUser} ${document.getElementById('feed').dataset.room}`;
             const tab = () => new Outbox({ key, author: document.body.dataset.currentUser, list: document.createElement('ol'), feed: document.getElementById('feed'),
               action: 'http://127.0.0.1:9/', texts: dataset, restore: () => false, onSent: () => {} });
             const [one, other] = [tab(), tab()];
             const write = Storage.prototype.setItem;
             let isFirst = true;
             Storage.prototype.setItem = function (name, value) {
               if (isFirst) {
                 isFirst = false;
                 other.add('said in the other tab');
               }
               write.call(this, name, value);
             };
             one.add('said in one tab');
             one.add('and on');
             return Object.values(localStorage).join();",
        )
        .await;
    for text in ["said in one tab", "and on", "said in the other tab"] {
        assert!(kept.as_str().unwrap().contains(text), "{kept}");
    }
    // The page itself sends all of them, each once.
    browser.goto(&room).await;
    browser.find("#chat-3").await;
    eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    let mut texts = browser.texts().await;
    texts.sort();
    assert_eq!(texts, ["and on", "said in one tab", "said in the other tab"]);
    assert_eq!(
        browser.run("return Object.keys(localStorage).filter((key) => key.startsWith('outbox'));", json!([])).await,
        json!([])
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_kept_is_sent() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("upgrade").await;
    browser.find("#connection[data-state=connected]").await;
    let keep =
        "const key = `outbox ${document.body.dataset.currentUser} ${document.getElementById('feed').dataset.room}`;
         const item = (nonce, text) => ({ nonce, text, at: Date.now(), refusals: 0, why: '' });
         localStorage.setItem(key, JSON.stringify([item('b', 'first'), item('a', 'second')]));";
    browser.run(keep, json!([])).await;
    browser.goto(&room).await;
    browser.sees(&["first", "second"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_deletes_no_unsent_words() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("jump").await;
    browser.find("#connection[data-state=connected]").await;
    browser.run("window.fetch = () => Promise.reject(new Error('away'));", json!([])).await;
    browser.say("unsent").await;
    browser.find("#outbox li").await;
    browser.on_new_pages("const now = Date.now; Date.now = () => now() + 31 * 86_400_000;").await;
    browser.goto(&room).await;
    browser.find("#connection[data-state=connected]").await;
    let state = browser.find("#outbox .state").await.text().await.unwrap();
    assert!(state.contains("30 days"), "{state}");
    assert_eq!(browser.count("#feed .chat").await, 0, "it is not sent without asking");
    browser.click("#outbox .retry").await;
    browser.sees(&["unsent"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_service_worker_works() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser
        .on_new_pages(
            "window.errors = [];
             addEventListener('error', ({ message }) => window.errors.push(message));
             addEventListener('unhandledrejection', ({ reason }) => window.errors.push(String(reason)));
             // As in a page that comes over plain HTTP from another machine.
             delete Navigator.prototype.serviceWorker;
             delete Navigator.prototype.locks;
             delete Crypto.prototype.subtle;
             delete Crypto.prototype.randomUUID;
             delete window.Notification;",
        )
        .await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("insecure").await;
    browser.find("#connection[data-state=connected]").await;
    browser.say("said over plain HTTP").await;
    browser.sees(&["said over plain HTTP"]).await;
    eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    assert_eq!(browser.run("return window.errors;", json!([])).await, json!([]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browsers_back_leads_to_the_place_and_the_draft() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("back").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    for n in 1..=130 {
        guest.say(&path, &format!("chat {n}")).await;
    }
    let top = "return Math.round(document.getElementById('chat-60').getBoundingClientRect().top);";
    // In the middle of the second page, and at the end.
    for far_up in [true, false] {
        browser.goto(&room).await;
        browser.find("#connection[data-state=connected]").await;
        browser.type_into("#composer textarea", "half ").await;
        let mut stood = json!(null);
        if far_up {
            browser.run("document.getElementById('log').scrollTop = 0;", json!([])).await;
            browser.find("#chat-60").await;
            eventually("the place to be held", || async {
                (browser.run("return document.getElementById('log').scrollTop;", json!([])).await.as_f64()? > 200.0)
                    .then_some(())
            })
            .await;
            browser.run("document.getElementById('chat-60').scrollIntoView(); document.getElementById('log').scrollTop -= 33;", json!([])).await;
            stood = browser.run(top, json!([])).await;
        }
        browser.click("a.brand").await;
        browser.find("#new-room").await;
        let news = guest.say(&path, "said meanwhile").await["seq"].as_i64().unwrap();
        browser.client.back().await.unwrap();
        browser.find("#connection[data-state=connected]").await;
        // Far up the page may hold chats around the place only, and lead to the newer ones.
        let newer = if far_up { ", #load-newer" } else { "" };
        browser.find(&format!("#chat-{news}{newer}")).await;
        if far_up {
            eventually("the place", || async {
                let now = self::number(&browser, top).await?;
                ((now - stood.as_f64().unwrap()).abs() < 2.0).then_some(())
            })
            .await;
        } else {
            let rest = "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight;";
            eventually("the end", || async { (self::number(&browser, rest).await? < 2.0).then_some(()) }).await;
        }
        let typed = browser.find("#composer textarea").await.prop("value").await.unwrap();
        assert_eq!(typed.as_deref(), Some("half "));
        let clear = "const text = document.querySelector('#composer textarea');
             text.value = '';
             text.dispatchEvent(new Event('input'));";
        browser.run(clear, json!([])).await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_browsers_back_brings_the_draft_again() {
    let site = Site::start().await;
    let browser = Browser::open(false).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("draft").await;
    browser.type_into("#composer textarea", "half a sentence").await;
    browser.click("a.brand").await;
    browser.find("#new-room").await;
    browser.client.back().await.unwrap();
    eventually("the draft", || async {
        let typed = browser.find("#composer textarea").await.prop("value").await.ok()?;
        (typed.as_deref() == Some("half a sentence")).then_some(())
    })
    .await;
    browser.close().await;
}

/// What a script on the page returns, once the page is there.
async fn number(browser: &Browser, script: &str) -> Option<f64> {
    browser.client.execute(script, vec![]).await.ok()?.as_f64()
}
