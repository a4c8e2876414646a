//! A room as one reads and writes it in a browser: groups and days, the place one reads at, words that are changed.

use std::ops::RangeInclusive;

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{Device, ENTER, ESCAPE};
use crate::helpers::eventually;
use crate::helpers::person::Person;
use crate::helpers::site::Site;

/// A browser in a room of its own, and a guest who is there by HTTP.
async fn in_a_room(site: &Site) -> (Browser, Person, String) {
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("reading").await;
    browser.find("#connection[data-state=connected]").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    (browser, site.person("guest").await, path)
}

/// Where the log is scrolled to, and how far it is to its end.
async fn place(browser: &Browser) -> (i64, i64) {
    let place = browser.run("const l = document.getElementById('log'); return [Math.round(l.scrollTop), Math.round(l.scrollHeight - l.scrollTop - l.clientHeight)];", json!([])).await;
    (place[0].as_i64().unwrap(), place[1].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_in_a_row_stands_together_and_a_day_begins_with_its_name() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    browser.say("one").await;
    browser.say("two").await;
    browser.find("#chat-2.grouped.own").await;
    guest.say(&room, "three").await;
    guest.say(&room, "four").await;
    browser.find("#chat-4.grouped:not(.own)").await;
    assert_eq!(browser.count("#chat-3.grouped, #chat-1.grouped").await, 0);
    assert_eq!(browser.count("#feed [data-day]").await, 1);
    let day = browser.find("#chat-1[data-day]").await.attr("data-day").await.unwrap().unwrap();
    assert_eq!(day, "Today");

    // Who stood first in a group is gone: the next one stands first.
    assert_eq!(guest.post(&format!("{room}/chat/3"), &[("_method", "delete")]).await.status, 303);
    browser.find("#chat-4:not(.grouped)").await;
    eventually("the whole time again, faded in", || async {
        let time = browser.find("#chat-4 time").await.text().await.ok()?;
        time.ends_with('M').then_some(())
    })
    .await;
    let date = "document.querySelector('#chat-1 time').dateTime = '2020-02-29T00:00:00Z';
                const chat = document.getElementById('chat-1');
                const { group } = await import(document.querySelector('script[src*=\"/js/room.js\"]').src.replace('room.js', 'groups.js'));
                group([chat]);";
    browser.run_async(date).await;
    assert!(browser.find("#chat-2:not(.grouped)").await.attr("data-day").await.unwrap().is_some(), "another day");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_further_up_stays_there_and_is_told_how_many_are_new() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    for n in 0..120 {
        guest.say(&room, &format!("chat {n}")).await;
    }
    browser.client.refresh().await.unwrap();
    browser.find("#connection[data-state=connected]").await;
    eventually("the end", || async { (place(&browser).await.1 < 2).then_some(()) }).await;

    // Older ones come above, and what is read stays.
    browser.run("document.getElementById('log').scrollTop = 0;", json!([])).await;
    browser.find("#chat-30").await;
    eventually("the place to be held", || async { (place(&browser).await.0 > 200).then_some(()) }).await;
    // Who speaks and on which day can be seen wherever one reads.
    assert!(browser.count("#feed .chat:not(.grouped)").await >= 9);
    browser.hover("#chat-80").await;
    browser.find("#current-day:not([hidden])").await;
    assert_eq!(browser.find("#current-day").await.text().await.unwrap(), "Today");
    let above = |css: &str| {
        let script = "const [css] = arguments; return Math.round(document.querySelector(css).getBoundingClientRect().top - document.getElementById('log').getBoundingClientRect().top);";
        let css = css.to_owned();
        let browser = &browser;
        async move { browser.run(script, json!([css])).await.as_i64().unwrap() }
    };
    let stood = above("#chat-80").await;
    guest.say(&room, "news").await;
    guest.say(&room, "more news").await;
    eventually("the button", || async {
        let button = browser.find("#to-latest").await.text().await.unwrap_or_default();
        button.starts_with("2 new").then_some(())
    })
    .await;
    assert_eq!(above("#chat-80").await, stood, "nothing moved");
    // What changes above does not move it either.
    assert_eq!(guest.post(&format!("{room}/chat/60"), &[("_method", "delete")]).await.status, 303);
    browser.find("#chat-60.removed").await;
    // A pixel may be cut.
    eventually("the place to be held", || async { (above("#chat-80").await.abs_diff(stood) < 2).then_some(()) }).await;

    browser.click("#to-latest").await;
    eventually("the end", || async { (place(&browser).await.1 < 2).then_some(()) }).await;
    assert_eq!(browser.count("#to-latest:not([hidden])").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_shrinks_while_it_scrolls_stays_at_its_end() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    for n in 0..60 {
        guest.say(&room, &format!("chat {n}")).await;
    }
    browser.find("#chat-60").await;
    eventually("the end", || async { (place(&browser).await.1 < 2).then_some(()) }).await;
    // The log is told that it was scrolled to its end only when something else has taken room already.
    browser
        .run_async(
            "const log = document.getElementById('log');
             const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
             log.scrollTop -= 20;
             await frame();
             // Outside of a frame: the next one begins with the event and ends with what has changed its size.
             await new Promise((resolve) => setTimeout(resolve, 5));
             log.scrollTop = log.scrollHeight;
             document.getElementById('composer').style.paddingBlockStart = '200px';
             await frame();",
        )
        .await;
    eventually("the end again", || async { (place(&browser).await.1 < 2).then_some(()) }).await;
    // Someone who scrolls up leaves the end.
    browser.run("document.getElementById('log').scrollTop -= 300;", json!([])).await;
    let _ = guest.say(&room, "news").await;
    browser.find("#to-latest:not([hidden])").await;
    assert!(place(&browser).await.1 >= 300);
    browser.close().await;
}

/// The distance of an element from the top of the log, once it is in view.
async fn top_in_view(browser: &Browser, css: &str) -> i64 {
    let script = "const [css] = arguments;
                  const chat = document.querySelector(css)?.getBoundingClientRect();
                  const log = document.getElementById('log').getBoundingClientRect();
                  const isIn = chat && chat.top >= log.top - 1 && chat.bottom <= log.bottom + 1;
                  return isIn ? Math.round(chat.top - log.top) : null;";
    eventually(&format!("{css} to be in view"), || async { browser.run(script, json!([css])).await.as_i64() }).await
}

/// The numbers of the chats on the page, which leave none out.
async fn loaded(browser: &Browser) -> RangeInclusive<i64> {
    let numbers = "return [...document.querySelectorAll('#feed > article')].map(({ dataset }) => Number(dataset.no));";
    let numbers: Vec<i64> = serde_json::from_value(browser.run(numbers, json!([])).await).unwrap();
    let range = numbers[0]..=numbers[numbers.len() - 1];
    assert_eq!(numbers, range.clone().collect::<Vec<_>>(), "without a gap");
    range
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_past_is_live_and_leads_to_the_latest_and_back() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    for n in 1..=200 {
        guest.say(&room, &format!("chat {n}")).await;
    }
    // A link to a chat that the latest page lacks.
    browser.goto(&format!("{}/room", site.address)).await;
    browser.goto(&format!("{}{room}#chat-100", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    top_in_view(&browser, "#chat-100:target").await;
    let address = || async { browser.client.current_url().await.unwrap().to_string() };
    assert_eq!(address().await, format!("{}{room}?at=100#chat-100", site.address));
    browser.client.refresh().await.unwrap();
    browser.find("#connection[data-state=connected]").await;
    browser.find("#presence [data-user]").await;
    let top = top_in_view(&browser, "#chat-100:target").await;
    browser.type_into("#composer textarea", "half").await;

    // What is said now belongs behind chats that are not loaded. What changes in view changes at once.
    guest.say(&room, "news").await;
    for seq in [5, 101] {
        let path = format!("{room}/chat/{seq}");
        assert_eq!(guest.post(&path, &[("_method", "put"), ("text", "better")]).await.status, 303);
    }
    browser.find("#chat-101 .edited").await;
    browser.find("#to-latest:not([hidden])").await;
    assert!(browser.find("#to-latest").await.text().await.unwrap().starts_with("1 new"));
    assert_eq!(browser.count("#chat-201, #chat-5").await, 0);
    assert!(loaded(&browser).await.contains(&125), "what is around it");
    assert_eq!(top_in_view(&browser, "#chat-100").await, top, "nothing moved");

    browser.click("#to-latest").await;
    top_in_view(&browser, "#chat-201").await;
    assert_eq!(loaded(&browser).await, 152..=201);
    assert_eq!(address().await, format!("{}{room}", site.address));
    browser.find("#to-latest[hidden]").await;
    browser.click("#jump-back").await;
    assert!(top_in_view(&browser, "#chat-100").await.abs_diff(top) < 2, "exactly where one was");

    // Downward, until nothing is missing and the page is live at its end.
    let down = "document.getElementById('log').scrollTop = 1e6;";
    eventually("all newer chats", || async {
        browser.run(down, json!([])).await;
        (*loaded(&browser).await.end() == 201 && browser.count("#load-newer").await == 0).then_some(())
    })
    .await;
    browser.run(down, json!([])).await;
    guest.say(&room, "more news").await;
    top_in_view(&browser, "#chat-204").await;
    assert_eq!(browser.count("#to-latest:not([hidden])").await, 0);

    // What one says on a page of the past stands at the end.
    browser.goto(&format!("{}{room}?before=50", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    assert_eq!(browser.find("#composer textarea").await.prop("value").await.unwrap().unwrap(), "half");
    browser.type_into("#composer textarea", " a sentence\u{e007}").await;
    browser.find("#chat-205.own").await;
    top_in_view(&browser, "#chat-205").await;
    eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    assert_eq!(*loaded(&browser).await.end(), 203);

    code_scrolls_and_is_copied(&browser, &guest, &room).await;

    // A page does not grow without end.
    let fill =
        "const source = document.querySelector('script[src*=\"/js/room.js\"]').src.replace('room.js', 'merge.js');
                const { merge } = await import(source);
                const feed = document.getElementById('feed');
                const many = document.createElement('div');
                for (let n = 0; n < 1_500; n++) {
                  const chat = feed.lastElementChild.cloneNode(true);
                  Object.assign(chat.dataset, { seq: 208 + n, no: 206 + n });
                  chat.id = `chat-${chat.dataset.seq}`;
                  many.append(chat);
                }
                merge(feed, many);";
    browser.run_async(fill).await;
    guest.say(&room, "one too many").await;
    eventually("the page to shrink", || async { (browser.count("#feed > article").await < 1_300).then_some(()) }).await;
    browser.find("#load-older").await;
    browser.close().await;
}

/// A long line of code scrolls by keyboard, and the page does not; a button copies the code without its language.
async fn code_scrolls_and_is_copied(browser: &Browser, guest: &Person, room: &str) {
    let code = format!("let a;\n{}end", "wide ".repeat(100));
    guest.say(room, "```\nshort\n```").await;
    let seq = guest.say(room, &format!("```rust\n{code}\n```")).await["seq"].as_i64().unwrap();
    let wide = format!("#chat-{seq} .code[data-language=rust]");
    browser.find(&format!("{wide} > button")).await;
    let _ = browser.find(&format!("{wide} pre[tabindex='0'][role=group][aria-label=Code]")).await;
    assert_eq!(browser.count("pre[tabindex]").await, 1, "only what scrolls is a stop");
    let scrolls = "const pre = document.querySelector(arguments[0]);
                   const { scrollingElement, body } = document;
                   return [pre.scrollWidth > pre.clientWidth, scrollingElement.scrollWidth <= innerWidth,
                     body.scrollWidth <= innerWidth, getComputedStyle(pre.parentElement, '::before').content];";
    let seen = browser.run(scrolls, json!([format!("{wide} pre")])).await;
    assert_eq!(seen, json!([true, true, true, "\"rust\""]));
    // As over plain HTTP, where pages have no clipboard.
    browser.run("delete Navigator.prototype.clipboard;", json!([])).await;
    browser
        .run("window.copied = []; addEventListener('copy', () => copied.push(String(getSelection())));", json!([]))
        .await;
    browser.run("document.querySelector(arguments[0]).focus();", json!([format!("{wide} > button")])).await;
    browser.press(ENTER).await;
    browser.find(&format!("{wide} > button.is-done")).await;
    assert_eq!(browser.run("return copied;", json!([])).await, json!([code]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_drawn_before_what_comes_while_one_reads() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    guest.say(&room, "read").await;
    browser.find("#chat-1").await;
    browser.client.refresh().await.unwrap();
    browser.find("#connection[data-state=connected]").await;
    guest.say(&room, "seen as it came").await;
    browser.find("#chat-2").await;
    assert_eq!(browser.count("[data-new]").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_marks_where_one_left_off_and_the_title_counts_what_nobody_saw() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    guest.say(&room, "read").await;
    browser.find("#chat-1").await;
    browser.goto(&format!("{}/room", site.address)).await;
    browser.find("#new-room").await;
    guest.say(&room, "not read").await;
    guest.say(&room, "not read either").await;
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#chat-2[data-new]").await;
    assert_eq!(browser.count("[data-new]").await, 1);
    assert_eq!(browser.count("#chat-2.grouped, #unread-bar:not([hidden])").await, 0, "the line begins a group");
    // It stays, whatever becomes of what it stands at.
    let second = format!("{room}/chat/2");
    assert_eq!(guest.post(&second, &[("_method", "put"), ("text", "changed")]).await.status, 303);
    browser.find("#chat-2[data-new] .edited").await;
    assert_eq!(guest.post(&second, &[("_method", "delete")]).await.status, 303);
    browser.find("#chat-3[data-new]").await;

    browser.find("#connection[data-state=connected]").await;
    browser.client.minimize_window().await.unwrap();
    eventually("the page to be hidden", || async {
        browser.run("return document.hidden;", json!([])).await.as_bool().unwrap().then_some(())
    })
    .await;
    guest.say(&room, "unseen").await;
    eventually("the title to count", || async {
        let title = browser.client.title().await.unwrap();
        title.starts_with("(1) ").then_some(())
    })
    .await;
    browser.client.set_window_rect(0, 0, 1000, 800).await.unwrap();
    eventually("the title to be as it was", || async {
        let title = browser.client.title().await.unwrap();
        title.starts_with("reading").then_some(())
    })
    .await;

    // What is unread begins before the page: it says so and leads there.
    browser.goto(&format!("{}/room", site.address)).await;
    browser.find("#new-room").await;
    for n in 1..=120 {
        guest.say(&room, &format!("missed {n}")).await;
    }
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#unread-bar:not([hidden])").await;
    let text = browser.find("#unread-bar span").await.text().await.unwrap();
    assert!(text.starts_with("120 new since "), "{text}");
    browser.click("#unread-bar a").await;
    browser.find("#chat-7[data-new]").await;
    top_in_view(&browser, "#chat-7").await;
    browser.find("#unread-bar[hidden]").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_composer_tells_how_much_is_left_and_which_enter_sends() {
    let site = Site::start().await;
    let (browser, _, _) = in_a_room(&site).await;
    let fill = "const [count] = arguments; const text = document.querySelector('#composer textarea');
                text.value = '😀'.repeat(count); text.dispatchEvent(new Event('input'));";
    browser.run(fill, json!([3_600])).await;
    assert_eq!(browser.count("#characters-left:not([hidden])").await, 0);
    browser.run(fill, json!([3_900])).await;
    assert_eq!(browser.find("#characters-left").await.text().await.unwrap(), "Characters left: 100");
    browser.run(fill, json!([4_001])).await;
    browser.find("#characters-left.over").await;

    // Safari ends a composition before the key that ended it comes.
    let sends = browser
        .run_async(
            "const { isSendKey } = await import(document.querySelector('script[src*=\"/js/room.js\"]').src.replace('room.js', 'message_field.js'));
             const key = { key: 'Enter', shiftKey: false, isComposing: false, keyCode: 13 };
             return [key, { ...key, isComposing: true }, { ...key, keyCode: 229 }, { ...key, shiftKey: true }].map(isSendKey);",
        )
        .await;
    assert_eq!(sends, json!([true, false, false, false]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_stays_where_it_was_when_something_is_replaced() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site).await;
    browser.say("words").await;
    browser.find("#chat-1.own").await;
    browser.run("document.querySelector('#chat-1 .timestamp').focus();", json!([])).await;
    let change = json!("fetch(arguments[0], { method: 'PUT', body: new URLSearchParams({ text: 'changed' }) });");
    browser.run(change.as_str().unwrap(), json!([format!("{room}/chat/1")])).await;
    browser.find("#chat-1 .edited").await;
    let focused = "return document.activeElement.className;";
    assert_eq!(browser.run(focused, json!([])).await, json!("timestamp"));
    browser.click("#open-people").await;
    browser.run("document.querySelector('#presence a').focus();", json!([])).await;
    let _here = guest.follow(&room, 1).await;
    eventually("the guest to be here", || async {
        let here = browser.find("#presence").await.text().await.unwrap_or_default();
        here.contains("guest").then_some(())
    })
    .await;
    let focused = "return document.activeElement.closest('[data-user]') !== null;";
    assert_eq!(browser.run(focused, json!([])).await, json!(true));
    // A card opens beside a name, and the focus comes back.
    browser.run("document.getElementById('people').hidePopover();", json!([])).await;
    browser.click("#chat-1 .nickname").await;
    browser.find("#person-card:popover-open .role").await;
    let focused = "return document.activeElement.id || document.activeElement.className;";
    assert_eq!(browser.run(focused, json!([])).await, json!("person-card"));
    browser.press(ESCAPE).await;
    assert_eq!(browser.run(focused, json!([])).await, json!("nickname"));
    assert_eq!(browser.count("#person-card:popover-open").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_still_shown_when_its_room_is_gone() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    let owner = site.person("owner").await;
    let room = owner.make_room("short-lived").await;
    browser.sign_up(&site.address, "gildong").await;
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    // Whatever is said now waits.
    browser.run("window.fetch = () => Promise.reject(new Error('away'));", json!([])).await;
    browser.say("too late").await;
    browser.find("#outbox li").await;
    assert_eq!(owner.post(&room, &[("_method", "delete")]).await.status, 303);
    browser.find("#connection[data-state=deleted]").await;
    assert_eq!(browser.find("#outbox .text").await.text().await.unwrap(), "too late");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_room_that_is_deleted_is_told_so_and_keeps_what_is_typed() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    let owner = site.person("owner").await;
    browser.sign_up(&site.address, "gildong").await;
    for typed in ["", "half a sentence"] {
        let room = owner.make_room("short-lived").await;
        browser.goto(&format!("{}{room}", site.address)).await;
        browser.find("#connection[data-state=connected]").await;
        browser.type_into("#composer textarea", typed).await;
        assert_eq!(owner.post(&room, &[("_method", "delete")]).await.status, 303);
        if typed.is_empty() {
            eventually("the word", || async {
                let word = browser.find("#room-deleted").await.text().await.unwrap_or_default();
                word.contains("deleted").then_some(())
            })
            .await;
        } else {
            browser.find("#connection[data-state=deleted]").await;
            assert_eq!(browser.find("#composer textarea").await.prop("value").await.unwrap().unwrap(), typed);
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_a_fault_is_where_one_is_after_sending() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.goto(&format!("{}/user", site.address)).await;
    browser.type_into("#sign-up [name=userId]", "gildong").await;
    browser.type_into("#sign-up [name=userPassword]", "password").await;
    browser.type_into("#sign-up [name=userNickname]", &"가".repeat(41)).await;
    browser.click("#sign-up button").await;
    browser.find("#sign-up [data-error-for=userNickname]").await;
    eventually("the focus", || async {
        let name = browser.run("return document.activeElement.name;", json!([])).await;
        (name == json!("userNickname")).then_some(())
    })
    .await;
    browser.type_into("#sign-in [name=userId]", "gildong").await;
    browser.type_into("#sign-in [name=userPassword]", "wrong password").await;
    browser.click("#sign-in button").await;
    browser.find("#sign-in [data-error-for=userId]").await;
    let state = "return [document.activeElement.name, document.querySelector('#sign-in [name=userId]').value];";
    assert_eq!(browser.run(state, json!([])).await, json!(["userPassword", "gildong"]));
    browser.click("#sign-in .show-password").await;
    let kind = "return document.querySelector('#sign-in [name=userPassword]').type;";
    assert_eq!(browser.run(kind, json!([])).await, json!("text"));
    // A phone shows one form, and a link to the other one.
    browser.on(Device::Phone).await;
    let shown = "return ['sign-in', 'sign-up'].filter((id) => document.getElementById(id).checkVisibility());";
    assert_eq!(browser.run(shown, json!([])).await, json!(["sign-in"]));
    browser.click("#sign-in .auth-switch a").await;
    assert_eq!(browser.run(shown, json!([])).await, json!(["sign-up"]));
    browser.click("#sign-up .auth-switch a").await;
    assert_eq!(browser.run(shown, json!([])).await, json!(["sign-in"]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_colours_that_one_chose_are_on_every_page() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("colours").await;
    let theme = || async {
        let mut themes = Vec::new();
        for path in ["/room", &room, "/user/me", "/user/me?done=profile"] {
            let page = person.get(path).await.body;
            themes.push(page.split("data-theme=\"").nth(1).and_then(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
        themes.dedup();
        themes
    };
    assert_eq!(theme().await, [None]);
    assert_eq!(person.post("/user/me", &[("_method", "put"), ("theme", "dark")]).await.status, 303);
    assert_eq!(theme().await, [Some("dark".to_owned())]);
    let refused = person.post("/user/me", &[("_method", "put"), ("theme", "mauve")]).await;
    assert_eq!((refused.status, refused.fault("theme").is_some()), (422, true));
    assert_eq!(person.post("/user/me", &[("_method", "put"), ("theme", "")]).await.status, 303);
    assert_eq!(theme().await, [None]);
}
