//! The composer on a desk and on a phone: keys, keyboards on the screen, fillers of forms.

use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{CONTROL_ENTER, Device, ENTER};
use crate::helpers::eventually;
use crate::helpers::page::attribute_of;
use crate::helpers::person::Answer;
use crate::helpers::site::Site;

async fn typed(browser: &Browser) -> String {
    browser.find("#composer textarea").await.prop("value").await.unwrap().unwrap()
}

async fn focus(browser: &Browser) -> Value {
    browser.run("return document.activeElement.id;", json!([])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_begins_a_line_on_a_touch_screen_and_sends_on_a_desk() {
    let site = Site::start().await;
    for (device, hint) in [(Device::Phone, "enter"), (Device::Desk, "send")] {
        let (browser, _) = Browser::in_a_room(&site, device, device.name()).await;
        assert_eq!(browser.find("#text").await.prop("enterKeyHint").await.unwrap().as_deref(), Some(hint));
        browser.click("#composer textarea").await;
        browser.type_keys("one").await;
        browser.press(ENTER).await;
        if device == Device::Phone {
            browser.type_keys("two").await;
            assert_eq!(typed(&browser).await, "one\ntwo");
            assert_eq!(browser.count("#outbox li, #feed .chat").await, 0, "nothing is sent");
            browser.click("#composer button").await;
            browser.sees(&["one\ntwo"]).await;
        } else {
            browser.sees(&["one"]).await;
        }
        // A keyboard that is plugged in.
        browser.type_keys("three").await;
        browser.press(CONTROL_ENTER).await;
        browser.find("#chat-2").await;
        assert_eq!(typed(&browser).await, "");
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_composer_has_the_focus_in_a_room_on_a_desk() {
    let site = Site::start().await;
    let (browser, room) = Browser::in_a_room(&site, Device::Desk, "desk").await;
    eventually("the focus", || async { (focus(&browser).await == json!("text")).then_some(()) }).await;
    browser.type_keys("hello").await;
    browser.press(ENTER).await;
    browser.find("#chat-1").await;
    // Someone who comes to a certain chat, or to the past, reads.
    for address in [format!("{room}#chat-1"), format!("{room}?before=2"), format!("{room}/chat/1")] {
        browser.goto(&format!("{}/room", site.address)).await;
        browser.goto(&address).await;
        browser.find("#chat-1").await;
        eventually("the page", || async {
            (browser.run("return document.readyState;", json!([])).await == json!("complete")).then_some(())
        })
        .await;
        assert_ne!(focus(&browser).await, json!("text"), "{address}");
    }
    browser.close().await;

    let (browser, _) = Browser::in_a_room(&site, Device::Phone, "phone").await;
    assert_ne!(focus(&browser).await, json!("text"), "no keyboard covers the room of somebody who comes to read");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_fits_above_a_keyboard_that_covers_the_page() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    // As in WebKit: the page keeps its size, only the visual viewport shrinks.
    browser
        .on_new_pages(
            "if (location.pathname.startsWith('/room/')) {
               const view = Object.assign(new EventTarget(), { offsetTop: 0, offsetLeft: 0, scale: 1, keyboard: 0 });
               Object.defineProperty(view, 'height', { get: () => innerHeight - view.keyboard });
               Object.defineProperty(window, 'visualViewport', { value: view });
               window.cover = (keyboard, offsetTop = 0, scale = 1) => {
                 Object.assign(view, { keyboard, offsetTop, scale });
                 view.dispatchEvent(new Event('resize'));
               };
             }",
        )
        .await;
    browser.on(Device::Phone).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("keyboard").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    for n in 1..=40 {
        guest.say(&path, &format!("chat {n}")).await;
    }
    browser.find("#chat-40").await;
    // Of what is left: where the name begins, how far the composer is from its end, whether the page scrolls, and how far
    // the log is from its end.
    let places = "const log = document.getElementById('log');
         const rect = (css) => document.querySelector(css).getBoundingClientRect();
         const { offsetTop, height } = visualViewport;
         document.scrollingElement.scrollTop = 99;
         const scrolled = document.scrollingElement.scrollTop;
         document.scrollingElement.scrollTop = 0;
         return [rect('#room-name').top >= offsetTop, rect('#composer').bottom <= offsetTop + height + 0.5,
           offsetTop + height - Math.max(rect('#composer').bottom, rect('.status-line').bottom) < 20, scrolled, log.scrollHeight - log.scrollTop - log.clientHeight < 2];";
    let fits = json!([true, true, true, 0, true]);
    for (width, height, keyboard, top) in [
        (360, 740, 0, 0),
        (360, 740, 320, 0),
        (360, 740, 320, 120),
        (360, 740, 0, 0),
        (740, 360, 170, 0),
        (740, 360, 100, 60),
    ] {
        browser.sized(Device::Phone, width, height).await;
        for text in ["", "one\ntwo\nthree\nfour\nfive"] {
            let fill = "const [text, keyboard, top] = arguments;
                 const field = document.querySelector('#composer textarea');
                 field.value = text;
                 field.dispatchEvent(new Event('input'));
                 cover(keyboard, top);";
            browser.run(fill, json!([text, keyboard, top])).await;
            let what = format!("{width} × {height} below a keyboard of {keyboard}, panned by {top}, with {text:?}");
            eventually(&what, || async { (browser.run(places, json!([])).await == fits).then_some(()) }).await;
        }
    }
    // Someone who zooms in sees a part of a page that stays as it is.
    let height = "return document.body.getBoundingClientRect().height;";
    browser.run("cover(0);", json!([])).await;
    let whole = browser.run(height, json!([])).await;
    browser.run("cover(200, 50, 2);", json!([])).await;
    assert_eq!(browser.run(height, json!([])).await, whole);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_fits_into_a_low_window() {
    let site = Site::start().await;
    let (browser, _) = Browser::in_a_room(&site, Device::Phone, "low").await;
    let out = "const out = ['#room-name', '#composer textarea', '#composer button'].filter((css) => {
           const { top, bottom } = document.querySelector(css).getBoundingClientRect();
           return top < 0 || bottom > innerHeight + 0.5;
         });
         document.scrollingElement.scrollTop = 99;
         if (document.scrollingElement.scrollTop) out.push(`scrolls by ${document.scrollingElement.scrollTop}`);
         return out;";
    for (width, height) in [(740, 190), (360, 260), (740, 260), (360, 330), (320, 200)] {
        browser.sized(Device::Phone, width, height).await;
        for text in ["", "one\ntwo\nthree\nfour\nfive"] {
            let fill = "const field = document.querySelector('#composer textarea');
                 field.value = arguments[0];
                 field.dispatchEvent(new Event('input'));";
            browser.run(fill, json!([text])).await;
            let last = std::sync::Mutex::new(json!(null));
            let what = format!("all to be in sight of {width} × {height} with {text:?}");
            eventually(&what, || async {
                let found = browser.run(out, json!([])).await;
                let fits = found == json!([]);
                if *last.lock().unwrap() != found {
                    eprintln!("{width} × {height}: {found}");
                    *last.lock().unwrap() = found;
                }
                fits.then_some(())
            })
            .await;
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_composer_grows_with_its_text_where_style_sheets_cannot() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser
        .on_new_pages(
            "const supports = CSS.supports.bind(CSS);
             CSS.supports = (name, ...value) => name !== 'field-sizing' && supports(name, ...value);
             addEventListener('DOMContentLoaded', () => {
               document.querySelector('#composer textarea')?.style.setProperty('field-sizing', 'fixed');
             });",
        )
        .await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("grows").await;
    browser.find("#connection[data-state=connected]").await;
    let height = "const text = document.querySelector('#composer textarea');
         text.value = 'line\\n'.repeat(arguments[0] - 1) + 'line';
         text.dispatchEvent(new Event('input'));
         return [text.offsetHeight, text.scrollHeight <= text.clientHeight, text.offsetHeight <= 0.4 * innerHeight + 1];";
    let lines = |count: u32| browser.run(height, json!([count]));
    let (one, five, many) = (lines(1).await, lines(5).await, lines(60).await);
    assert_eq!((one[1] == true, five[1] == true), (true, true), "{one} {five}");
    assert!(five[0].as_f64() > one[0].as_f64().map(|one| one + 60.0), "{one} {five}");
    assert_eq!(many[2], true, "{many}");
    assert_eq!(lines(1).await[0], one[0]);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_cut_between_characters_as_people_see_them() {
    let site = Site::start().await;
    let (browser, _) = Browser::in_a_room(&site, Device::Desk, "cut").await;
    let cut = browser
        .run_async(
            "const { truncate } = await import(document.querySelector('script[src*=\"/js/room.js\"]').src.replace('room.js', 'notifications.js'));
             const whole = ['😀', '👩‍👩‍👧‍👦', '🇰🇷', '👍🏽', 'e\u{301}', '각'];
             const faults = [];
             for (const grapheme of whole) {
               for (let before = 0; before <= 12; before++) {
                 const text = 'x'.repeat(before) + grapheme.repeat(4);
                 const found = truncate(text, 12);
                 const rest = found.replace(/…$/, '').slice(Math.min(before, 12)).replaceAll(grapheme, '');
                 if (rest.replace(/^x+$/, '') || found.length > 12) faults.push([text, found]);
               }
             }
             return [faults, truncate('short', 12), truncate('x'.repeat(13), 12)];",
        )
        .await;
    assert_eq!(cut, json!([[], "short", format!("{}…", "x".repeat(11))]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fillers_of_forms_can_tell_the_forms_apart() {
    let site = Site::start().await;
    let door = site.visitor().get("/user").await.body;
    let fills = |css: &str| attribute_of(&door, css, "autocomplete").unwrap();
    for (css, token) in [
        ("#sign-in [name=userId]", "section-sign-in username"),
        ("#sign-in [name=userPassword]", "section-sign-in current-password"),
        ("#sign-up [name=userId]", "section-sign-up username"),
        ("#sign-up [name=userPassword]", "section-sign-up new-password"),
    ] {
        assert_eq!(fills(css), token);
    }
    // The field before a password is taken for its name.
    for form in ["#sign-in", "#sign-up"] {
        let names = fields(&door, form);
        let password = names.iter().position(|name| name == "userPassword").unwrap();
        assert_eq!(names[password - 1], "userId", "{form}: {names:?}");
    }
    let person = site.person("gildong").await;
    let account = person.get("/user/me").await.body;
    for form in ["#password", "#delete-account"] {
        let name = format!("{form} input[autocomplete=username]");
        assert_eq!(attribute_of(&account, &name, "value").as_deref(), Some("gildong"));
        assert_eq!(
            attribute_of(&account, &format!("{name}[hidden][readonly]:not([name])"), "type").as_deref(),
            Some("text")
        );
    }
    let room = person.make_room("fillers").await;
    person.say(&room, "words").await;
    for (path, form) in [(room.clone(), "#composer"), (format!("{room}/chat/1"), "#edit-chat")] {
        let page = person.get(&path).await.body;
        for mark in ["data-1p-ignore", "data-lpignore=true", "data-bwignore=true", "data-form-type=other"] {
            let css = format!("{form} textarea[{mark}]");
            assert!(attribute_of(&page, &css, "name").is_some(), "{css}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_character_is_named() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("characters").await;
    let said = async |language: &'static str, path: &str, form: &[(&str, &str)], field: &str| {
        let request = person.request("POST", path).header("Accept-Language", language).form(form);
        Answer::read(request).await.fault(field).unwrap()
    };
    let nonce = ("nonce", "a-nonce-of-this-test");
    let chat = format!("{room}/chat");
    for language in ["en", "ko"] {
        assert!(said(language, &chat, &[("text", "a\u{202e}b"), nonce], "text").await.contains("U+202E"));
        assert!(said(language, "/room", &[("name", "a\u{2066}b")], "name").await.contains("U+2066"));
        let named = "\u{2068}!\u{2069}";
        let form = [("userId", "abc!"), ("userPassword", "password"), ("userNickname", "a\u{7}")];
        assert!(said(language, "/user", &form, "userId").await.contains(named));
        assert!(said(language, "/user", &form, "userNickname").await.contains("U+0007"));
    }
    let answer = person.try_say(&room, "a\u{0}", "another-nonce").await;
    assert!(answer.json()["error"]["fields"]["text"].as_str().unwrap().contains("U+0000"), "{}", answer.body);
}

/// The names of a form's fields that are seen, in order.
fn fields(page: &str, form: &str) -> Vec<String> {
    let document = scraper::Html::parse_document(page);
    let inputs = scraper::Selector::parse(&format!("{form} input:not([type=hidden])")).unwrap();
    document.select(&inputs).map(|input| input.value().attr("name").unwrap_or_default().to_owned()).collect()
}
