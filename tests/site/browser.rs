//! In a real browser, with script and without.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::{ImageFormat, Rgb, RgbImage};
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use sarangbang::process::Engine;
use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::images::{Images, encoded, four_colour_image, free_port, site_with_images};
use crate::helpers::person::PASSWORD;
use crate::helpers::process::{Process, engines, kill};
use crate::helpers::proxy::Proxy;
use crate::helpers::site::{Site, database_on, folder};
use crate::helpers::{eventually, within_timeout};

/// What shows itself in a page without script when nothing follows it.
const LAST_SIGN: &str = ".disconnected:not(:has(~ .disconnected))";

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_talk_without_a_reload() {
    let site = Site::start().await;
    let (his, hers) = (Browser::open(true).await, Browser::open(true).await);
    his.sign_up(&site.address, "gildong").await;
    let room = his.make_room("사랑방").await;
    hers.sign_up(&site.address, "chunhyang").await;
    hers.goto(&room).await;
    hers.find("#connection[data-state=connected]").await;

    his.say("안녕하세요").await;
    hers.sees(&["안녕하세요"]).await;
    hers.type_into("#composer textarea", "반갑습니다").await;
    his.find("#typing [data-user]").await;
    hers.type_into("#composer textarea", "\u{e007}").await;
    his.sees(&["안녕하세요", "반갑습니다"]).await;
    hers.find(".chat.own .text").await;
    eventually("her to type no more", || async { (his.count("#typing [data-user]").await == 0).then_some(()) }).await;
    hers.type_into("#composer textarea", "또").await;
    his.find("#typing [data-user]").await;
    eventually("both to be here", || async {
        let here = his.run("return document.getElementById('presence').textContent;", serde_json::json!([])).await;
        let here = here.as_str().unwrap_or_default();
        (here.contains("gildong") && here.contains("chunhyang")).then_some(())
    })
    .await;
    his.client.refresh().await.unwrap();
    his.sees(&["안녕하세요", "반갑습니다"]).await;
    his.close().await;
    hers.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reconnects_by_itself_and_catches_up() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("restart").await;
    browser.find("#connection[data-state=connected]").await;
    let database = site.database.clone();
    let port: u16 = site.address.rsplit(':').next().unwrap().parse().unwrap();
    site.stop().await;
    browser.find("#connection[data-state=reconnecting]").await;

    // Meanwhile something is said on another site.
    let other = Site::on(&database).await;
    let person = other.person("chunhyang").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let mut expected = Vec::new();
    for n in 0..120 {
        expected.push(format!("missed {n}"));
        person.say(&path, &expected[n]).await;
    }
    let back = within_timeout("the port to be free", Site::with(&database, ("port", port))).await;
    browser.find("#connection[data-state=connected]").await;
    browser.sees(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    browser.say("and on").await;
    browser.find("#chat-121").await;
    browser.close().await;
    drop(back);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_without_script() {
    let site = Site::start().await;
    let browser = Browser::open(false).await;
    browser.goto(&format!("{}/room", site.address)).await;
    browser.type_into("#sign-up [name=userId]", "gildong").await;
    browser.type_into("#sign-up [name=userNickname]", "길동 <b>").await;
    browser.type_into("#sign-up [name=userPassword]", "password").await;
    browser.click("#sign-up button").await;
    let room = browser.make_room("no script").await;
    for text in ["one", "two <b>"] {
        browser.say(text).await;
        eventually("what was said", || async { (browser.texts_in_frame().await.last()? == text).then_some(()) }).await;
    }
    browser.sees_in_frame(&["one", "two <b>"]).await;
    assert!(browser.count("[data-state]:not([data-state=''])").await == 0, "script is really off");

    let guest = site.person("guest").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    for n in 0..60 {
        guest.say(&path, &format!("more {n}")).await;
    }
    browser.client.refresh().await.unwrap();
    eventually("the frame to have 50 chats", || async { (browser.texts_in_frame().await.len() == 50).then_some(()) })
        .await;
    browser.click("noscript a").await;
    eventually("the first page", || async { (browser.texts().await.first()? == "one").then_some(()) }).await;

    browser.goto(&room).await;
    browser.click("#open-room-menu").await;
    browser.click("#open-room-settings").await;
    browser.find("#edit-room [name=topic]").await.send_keys("a topic").await.unwrap();
    browser.click("#edit-room button").await;
    eventually("the topic", || async {
        let topic = browser.find(".room-header").await.text().await.unwrap_or_default();
        topic.contains("a topic").then_some(())
    })
    .await;
    browser.click("#open-room-menu").await;
    browser.click("#open-room-settings").await;
    browser.click("#room-settings summary").await;
    browser.click("#delete-room button").await;
    browser.find("#room-deleted").await;
    browser.click("#open-account-menu").await;
    browser.click("#sign-out button").await;
    browser.type_into("#sign-in [name=userId]", "gildong").await;
    browser.type_into("#sign-in [name=userPassword]", "wrong password").await;
    browser.click("#sign-in button").await;
    browser.find("#sign-in [data-error-for=userId]").await;
    browser.type_into("#sign-in [name=userPassword]", "password").await;
    browser.click("#sign-in button").await;
    browser.find("#new-room").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_chats_appear_as_they_are_said_and_so_do_edits_and_removals() {
    let site = Site::start().await;
    let browser = Browser::open(false).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("live").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    guest.say(&path, "안녕하세요").await;
    browser.sees_in_frame(&["안녕하세요"]).await;
    browser.type_into("#composer textarea", "half a sentence").await;
    for text in ["one", "two"] {
        guest.say(&path, text).await;
    }
    browser.sees_in_frame(&["안녕하세요", "one", "two"]).await;
    guest.post(&format!("{path}/chat/2"), &[("_method", "put"), ("text", "better")]).await;
    browser.sees_in_frame(&["안녕하세요", "better", "two"]).await;
    guest.post(&format!("{path}/chat/1"), &[("_method", "delete")]).await;
    browser.sees_in_frame(&["better", "two"]).await;
    let composer = browser.find("#composer textarea").await;
    assert_eq!(
        composer.prop("value").await.unwrap().as_deref(),
        Some("half a sentence"),
        "the composer keeps its text"
    );

    // Its own chat is changed by the forms of its page.
    browser.type_into("#composer textarea", "!").await;
    browser.click("#composer button").await;
    browser.sees_in_frame(&["better", "two", "half a sentence!"]).await;
    browser.goto(&format!("{room}/chat/6")).await;
    browser.find("#edit-chat textarea").await.clear().await.unwrap();
    browser.type_into("#edit-chat textarea", "a whole one").await;
    browser.click("#edit-chat button").await;
    browser.sees_in_frame(&["better", "two", "a whole one"]).await;
    browser.goto(&format!("{room}/chat/6")).await;
    browser.click("#remove-chat button").await;
    browser.sees_in_frame(&["better", "two"]).await;

    // And it finds its way back after a restart.
    let (database, port) = (site.database.clone(), site.address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
    site.stop().await;
    let back = within_timeout("the port to be free", Site::with(&database, ("port", port))).await;
    guest.at(&back.address).say(&path, "welcome back").await;
    browser.sees_in_frame(&["better", "two", "welcome back"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_page_whose_site_died_says_so_and_offers_to_load_again() {
    let var = folder("died");
    let program = Process::start(&var).await;
    let browser = Browser::open(false).await;
    browser.sign_up(&program.address, "gildong").await;
    let room = browser.make_room("mortal").await;
    browser.say("one").await;
    browser.sees_in_frame(&["one"]).await;
    // The page came with one, and so did the chat: the next one comes though nothing is said.
    eventually("a sign of life", || async {
        browser.text_in_frame(".disconnected ~ .disconnected ~ .disconnected").await
    })
    .await;
    assert_eq!(browser.text_in_frame(LAST_SIGN).await.as_deref(), Some(""), "it shows nothing yet");
    program.signal("KILL");
    program.ended().await;
    eventually("the page to say so", || async {
        let said = browser.text_in_frame(LAST_SIGN).await?;
        said.contains("Connection lost").then_some(())
    })
    .await;
    browser.client.enter_frame(0).await.unwrap();
    let again = browser.find(&format!("{LAST_SIGN} a")).await.prop("href").await.unwrap();
    assert_eq!(again.as_deref(), Some(&*room));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_site_is_away_goes_out_once_and_in_order_when_it_is_back() {
    let mut site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("outbox").await;
    let (database, port) = (site.database.clone(), site.address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
    let mut expected = Vec::new();
    for reloads in [false, true] {
        browser.find("#connection[data-state=connected]").await;
        site.stop().await;
        for n in 1..=3 {
            expected.push(format!("away {reloads} {n}"));
            browser.say(expected.last().unwrap()).await;
        }
        browser.type_into("#composer textarea", "half a sentence").await;
        eventually("all to wait", || async { (browser.count("#outbox li").await == 3).then_some(()) }).await;
        site = within_timeout("the port to be free", Site::with(&database, ("port", port))).await;
        if reloads {
            browser.goto(&room).await;
        }
        browser.sees(&expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
        eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
        let typed = browser.find("#composer textarea").await;
        assert_eq!(typed.prop("value").await.unwrap().as_deref(), Some("half a sentence"));
        typed.clear().await.unwrap();
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_under_a_session_that_has_ended_is_there_after_signing_in_again() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("expired").await;
    browser.find("#connection[data-state=connected]").await;
    browser.type_into("#composer textarea", "half a sentence").await;
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", PASSWORD).await;
    elsewhere.post("/user/me/session", &[("_method", "delete")]).await;

    browser.type_into("#sign-in [name=userId]", "gildong").await;
    browser.type_into("#sign-in [name=userPassword]", PASSWORD).await;
    browser.click("#sign-in button").await;
    let typed = browser.find("#composer textarea").await;
    eventually("the words to be there", || async {
        (typed.prop("value").await.ok()?.as_deref() == Some("half a sentence")).then_some(())
    })
    .await;
    browser.click("#composer button").await;
    browser.sees(&["half a sentence"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_is_not_lost() {
    let var = folder("refusals");
    let engine = Engine::start(&var).await.unwrap();
    let site = Site::on(&database_on(engine.url(), 0)).await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("refusals").await;
    browser.find("#connection[data-state=connected]").await;
    // At once, and for good: the words are in the composer again.
    let long = "arguments[0].value = 'x'.repeat(4001);";
    let composer = browser.find("#composer textarea").await;
    let element = serde_json::to_value(&composer).unwrap();
    browser.client.execute(long, vec![element]).await.unwrap();
    browser.click("#composer button").await;
    browser.find("#composer [data-error-for=text]").await;
    assert_eq!(composer.prop("value").await.unwrap().map(|value| value.len()), Some(4_001));
    composer.clear().await.unwrap();

    // Again and again: it says why, and goes out when its person says so, or is thrown away.
    engines(&var).into_iter().for_each(|process| kill("STOP", process));
    browser.say("try me again").await;
    browser.say("forget me").await;
    browser.find("#outbox li.refused").await;
    eventually("the choice to show", || async {
        browser.find("#outbox .retry").await.is_displayed().await.ok().filter(|is| *is)
    })
    .await;
    // While nothing can be sent: what is sent takes the choice away.
    browser.click("#outbox .retry").await;
    engines(&var).into_iter().for_each(|process| kill("CONT", process));
    browser.sees(&["try me again", "forget me"]).await;
    browser.close().await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_sockets_are_blocked_the_page_asks_instead_until_they_are_not() {
    let site = Site::start().await;
    let strips = Arc::new(AtomicBool::new(true));
    let blocked = Arc::clone(&strips);
    let proxy = Proxy::before(&site.address, move || blocked.load(Ordering::Relaxed)).await;
    let browser = Browser::open(true).await;
    browser.sign_up(&proxy.address, "gildong").await;
    let room = browser.make_room("blocked").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    browser.find("#connection[data-state=connected]").await;
    let guest = site.person("guest").await;
    let mut live = guest.follow(&path, 0).await;
    for n in 1..=3 {
        guest.say(&path, &format!("chat {n}")).await;
    }
    browser.sees(&["chat 1", "chat 2", "chat 3"]).await;
    browser.say("mine").await;
    browser.sees(&["chat 1", "chat 2", "chat 3", "mine"]).await;
    assert!(!live.element("presence", |_| true).await.contains("gildong"), "it has no socket");

    strips.store(false, Ordering::Relaxed);
    live.element("presence", |here| here.contains("gildong")).await;
    guest.say(&path, "by socket").await;
    browser.sees(&["chat 1", "chat 2", "chat 3", "mine", "by socket"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_chats_come_by_scrolling_and_the_view_stays() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("long").await;
    let guest = site.person("guest").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    for n in 1..=160 {
        guest.say(&path, &format!("chat {n}")).await;
    }
    browser.client.refresh().await.unwrap();
    browser.find("#chat-160").await;
    let script =
        "const log = document.getElementById('log'); log.scrollTop = 0; log.dispatchEvent(new Event('scroll'));";
    eventually("all chats", || async {
        browser.client.execute(script, vec![]).await.unwrap();
        (browser.texts().await.len() == 160).then_some(())
    })
    .await;
    let order = "return [...document.querySelectorAll('#feed > article')].map((chat) => Number(chat.dataset.no));";
    let numbers = browser.client.execute(order, vec![]).await.unwrap();
    assert_eq!(numbers, serde_json::json!((1..=160).collect::<Vec<i64>>()));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_chats_are_not_asked_for_again_and_again_while_the_site_is_away() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("away").await;
    let guest = site.person("guest").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    for n in 1..=60 {
        guest.say(&path, &format!("chat {n}")).await;
    }
    browser.client.refresh().await.unwrap();
    browser.find("#connection[data-state=connected]").await;
    let (database, port) = (site.database.clone(), site.address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
    site.stop().await;
    // The link is looked at while nobody answers; a hundred frames later it was asked for once.
    let script = r#"
        const done = arguments[0];
        document.getElementById("log").scrollTop = 0;
        const asked = () => performance.getEntriesByType("resource").filter(({ name }) => name.includes("before=")).length;
        let frames = 0;
        const frame = () => ((asked() > 0 && ++frames > 100) ? done(asked()) : requestAnimationFrame(frame));
        frame();
    "#;
    assert_eq!(browser.client.execute_async(script, vec![]).await.unwrap(), 1);
    let back = within_timeout("the port to be free", Site::with(&database, ("port", port))).await;
    browser.click("#load-older").await;
    eventually("all chats", || async { (browser.texts().await.len() == 60).then_some(()) }).await;
    browser.close().await;
    drop(back);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_repetition_make_the_same_page() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("placing").await;
    let module = browser.find("script[src*='/js/room.js']").await.attr("src").await.unwrap().unwrap();
    let script = r#"
        const [source, done] = arguments;
        import(source.replace("room.js", "merge.js")).then(({ parse, merge }) => {
            const chat = (seq, rev) => `<article class="chat" id="chat-${seq}" data-seq="${seq}" data-rev="${rev}">${rev}</article>`;
            const all = [];
            for (let seq = 1; seq <= 12; seq++) for (let rev = seq; rev <= 36; rev += 12) all.push(chat(seq, rev));
            for (const seq of [0, 13, 14]) all.push(`<p class="event" id="entry-${seq}" data-seq="${seq}"></p>`);
            const pages = new Set();
            let random = 42;
            const next = (n) => (random = (random * 1103515245 + 12345) % 2147483648) % n;
            for (let round = 0; round < 500; round++) {
                const feed = document.createElement("chat-feed");
                const bag = [...all, ...all, ...all];
                while (bag.length) {
                    const some = bag.splice(next(bag.length), 1 + next(4)).join("");
                    merge(feed, parse(`<chat-feed data-upto="36">${some}</chat-feed>`));
                }
                pages.add(feed.innerHTML);
            }
            done([...pages]);
        }).catch((error) => done([String(error), "failed"]));
    "#;
    let pages = browser.client.execute_async(script, vec![module.into()]).await.unwrap();
    let pages = pages.as_array().unwrap();
    assert_eq!(pages.len(), 1, "{pages:?}");
    let last = |seq: i64| format!("data-seq=\"{seq}\" data-rev=\"{}\"", seq + 24);
    let page = pages[0].as_str().unwrap();
    assert!((1..=12).all(|seq| page.contains(&last(seq))), "{pages:?}");
    let places: Vec<_> = page.split("data-seq=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(places, (0..=14).map(|seq| seq.to_string()).collect::<Vec<_>>());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_on_its_way_is_shown_and_so_is_how_far_it_is() {
    let (site, _images, folder) = site_with_images("pictures-progress").await;
    let photo = folder.with_extension("png");
    // Grain does not become small.
    let mut grain = 1_u32;
    let noise = RgbImage::from_fn(700, 700, |_, _| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(grain >> 8) as u8, (grain >> 16) as u8, (grain >> 24) as u8])
    });
    std::fs::write(&photo, encoded(&noise, ImageFormat::Png)).unwrap();
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.goto(&format!("{}/user/me", site.address)).await;
    browser.type_into("#picture-file", photo.to_str().unwrap()).await;
    browser.find(".avatar-row .picture[src^='blob:']").await;
    // The page is left when all is done; what it showed until then is written down.
    let watch = "const bar = document.getElementById('picture-progress');
         const state = document.getElementById('picture-state');
         const shown = () => `${sessionStorage.getItem('shown') ?? ''}${bar.hidden} ${bar.value} ${state.textContent};`;
         const note = () => sessionStorage.setItem('shown', shown());
         new MutationObserver(note).observe(bar.form ?? bar.parentElement, { attributes: true, subtree: true, childList: true });";
    browser.run(watch, json!([])).await;
    browser.click("#picture button").await;
    browser.find(".notice").await;
    let shown = browser.run("return sessionStorage.getItem('shown');", json!([])).await;
    let shown = shown.as_str().unwrap();
    let says = |line: &str| line.starts_with("false ") && line.ends_with(" Uploading…");
    assert!(shown.split_terminator(';').any(|line| says(line) && !line.contains(" 0 ")), "{shown}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_says_why_on_the_page() {
    let (port, images_port, folder) = (free_port(), free_port(), folder("pictures-refused"));
    // The proxy of this site does not send /image to the image server, so the site itself answers uploads.
    let images = HashMap::from([("url", format!("http://127.0.0.1:{port}"))]);
    let settings = Figment::from(Serialized::default("port", port)).merge(Serialized::default("images", images));
    let site = Site::configured(settings.merge(Serialized::default("images.port", images_port))).await;
    let _images = Images::start(&site.address, images_port, &folder).await;
    let photo = folder.with_extension("jpg");
    std::fs::write(&photo, encoded(&four_colour_image(64, 64), ImageFormat::Jpeg)).unwrap();
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.goto(&format!("{}/user/me", site.address)).await;
    browser.type_into("#picture-file", photo.to_str().unwrap()).await;
    browser.click("#picture button").await;
    eventually("the page to say why", || async {
        let state = browser.find("#picture-state").await.text().await.unwrap();
        state.contains("Nothing found here. It may have been deleted").then_some(())
    })
    .await;
    browser.find("#picture button:enabled").await;
    assert_eq!(browser.count("#picture-progress:not([hidden])").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_sent_with_script_and_without() {
    let (site, _images, folder) = site_with_images("pictures-browser").await;
    let photo = folder.with_extension("jpg");
    std::fs::write(&photo, encoded(&four_colour_image(1_200, 900), ImageFormat::Jpeg)).unwrap();
    for script in [true, false] {
        let browser = Browser::open(script).await;
        browser.sign_up(&site.address, if script { "scripted" } else { "plain" }).await;
        browser.goto(&format!("{}/user/me", site.address)).await;
        browser.type_into("#picture-file", photo.to_str().unwrap()).await;
        browser.click("#picture button").await;
        browser.find(".notice").await;
        assert!(browser.client.current_url().await.unwrap().as_str().ends_with("/user/me?picture=stored"));
        browser.find("#remove-picture").await;
        if script {
            let width = "return document.querySelector('.avatar-row .picture').naturalWidth;";
            eventually("the stored picture to show", || async {
                (browser.client.execute(width, vec![]).await.unwrap() == 256).then_some(())
            })
            .await;
        }
        browser.close().await;
    }
}
