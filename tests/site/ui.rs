//! How the site looks and feels: on a phone and on a desk, in light and in dark, by keyboard and by input method.

use image::GenericImageView;
use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{DELETE, Device, ENTER, ESCAPE, Key, SELECT_ALL, SHIFT_TAB, SPACE, TAB, UP, Wishes};
use crate::helpers::eventually;
use crate::helpers::page_gallery::Gallery;
use crate::helpers::person::PASSWORD;
use crate::helpers::site::{Site, folder};

const LANGUAGES: [&str; 2] = ["en", "ko"];

#[tokio::test(flavor = "multi_thread")]
async fn no_page_scrolls_sideways_on_a_phone_or_a_desk() {
    let gallery = Gallery::plan("face-sideways").await;
    let browser = Browser::open(true).await;
    let sticks_out = "const [width, size] = arguments;
         document.documentElement.style.fontSize = size;
         // The widest time of a day, whatever the time of the test.
         for (const time of document.querySelectorAll('.timestamp time')) time.textContent = '12:58\u{202f}PM';
         if (document.scrollingElement.scrollWidth <= width) return [];
         const out = [...document.body.querySelectorAll('*')].filter((element) => {
           const { left, right } = element.getBoundingClientRect();
           return left < right && right > width;
         });
         const names = out.slice(0, 5).map((element) => element.cloneNode().outerHTML.slice(0, 120));
         return [document.scrollingElement.scrollWidth, ...names];";
    // It does see what sticks out.
    browser.on(Device::Phone).await;
    browser.visit(&gallery.stops[0]).await;
    browser.run("document.querySelector('main').style.width = '370px';", json!([])).await;
    assert_ne!(browser.run(sticks_out, json!([360, "100%"])).await, json!([]));
    let mut faults = Vec::new();
    // The narrowest is a desk's window at 400 %.
    for (device, width) in [(Device::Phone, 320), (Device::Phone, 360), (Device::Desk, 1280)] {
        browser.sized(device, width, device.height()).await;
        for stop in &gallery.stops {
            browser.visit(stop).await;
            for size in ["100%", "200%"] {
                let out = browser.run(sticks_out, json!([width, size])).await;
                if out != json!([]) {
                    faults.push(format!("{} at {width} pixels, text of {size}: {out}", stop.name));
                }
            }
        }
    }
    browser.close().await;
    assert_none(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_no_accessibility_fault() {
    let gallery = Gallery::plan("face-axe").await;
    let browser = Browser::open(true).await;
    let mut faults = Vec::new();
    // It does see what is wrong.
    browser.visit(&gallery.stops[0]).await;
    let faint = "const faint = document.querySelector('main').appendChild(document.createElement('p'));
         faint.textContent = 'hardly to be read';
         faint.style.cssText = 'color: #999; background: #ccc';";
    browser.run(faint, json!([])).await;
    assert!(browser.axe().await.iter().any(|line| line.contains("[color-contrast]")));
    // Each language on one device, each page in both schemes.
    for (language, device) in LANGUAGES.into_iter().zip(Device::ALL) {
        browser.on(device).await;
        browser.speak(language).await;
        for stop in &gallery.stops {
            browser.visit(stop).await;
            for dark in [false, true] {
                browser.wish(Wishes { dark, no_motion: true, ..Wishes::default() }).await;
                let scheme = if dark { "dark" } else { "light" };
                let found = browser.axe().await;
                faults.extend(found.iter().map(|line| format!("{} ({language}, {scheme}) {line}", stop.name)));
            }
        }
    }
    browser.close().await;
    assert_none(&faults);
}

/// For people to look at: `target/tmp/screenshots`.
#[tokio::test(flavor = "multi_thread")]
async fn screenshots_of_every_page_are_taken() {
    let gallery = Gallery::plan("face-pictures").await;
    let browser = Browser::open(true).await;
    let folder = folder("screenshots");
    for language in LANGUAGES {
        browser.speak(language).await;
        for device in Device::ALL {
            browser.on(device).await;
            for stop in &gallery.stops {
                browser.visit(stop).await;
                for (dark, scheme) in [(false, "light"), (true, "dark")] {
                    browser.wish(Wishes { dark, no_motion: true, ..Wishes::default() }).await;
                    let file = folder.join(format!("{}-{}-{scheme}-{language}.png", stop.name, device.name()));
                    browser.picture(device, &file).await;
                    let picture = image::open(&file).unwrap();
                    assert_eq!(picture.width(), device.width() * device.density(), "{}", file.display());
                    assert!(picture.height() >= device.height() * device.density(), "{}", file.display());
                    let first = picture.get_pixel(0, 0);
                    assert!(picture.pixels().any(|(_, _, pixel)| pixel != first), "{} is empty", file.display());
                }
            }
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_at_least_24_pixels() {
    let gallery = Gallery::plan("face-targets").await;
    let browser = Browser::open(true).await;
    browser.on(Device::Phone).await;
    let mut faults = Vec::new();
    for stop in &gallery.stops {
        browser.visit(stop).await;
        // What is hit on 24 pixels each way is large enough, also by a pseudo-element or a label that is larger.
        let small = "const isInSentence = (element) => getComputedStyle(element).display === 'inline'
               && element.matches('a') && element.parentElement.textContent.trim() !== element.textContent.trim();
             const hits = (element, x, y) => {
               const hit = document.elementFromPoint(x, y);
               return hit && (element.contains(hit) || [...(element.labels ?? [])].some((label) => label.contains(hit)));
             };
             // Pixels are whole ones where the pointer is: a line of half pixels says how many.
             const line = Array.from({ length: 64 }, (_, n) => (n - 32) / 2);
             const isSmall = (element) => {
               element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
               const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
               if (width >= 24 && height >= 24) return false;
               // Shown to nobody who points, or above the page until it has the focus.
               if (width <= 1 || height <= 1 || bottom + scrollY <= 0) return false;
               const [x, y] = [(left + right) / 2, (top + bottom) / 2];
               return line.filter((step) => hits(element, x + step, y)).length < 48
                 || line.filter((step) => hits(element, x, y + step)).length < 48;
             };
             const all = document.querySelectorAll('a[href], button, input, summary, select, textarea');
             return [...all].filter((element) => element.checkVisibility({ checkVisibilityCSS: true })
                 && element.type !== 'hidden' && !isInSentence(element) && isSmall(element))
               .map((element) => {
                 const { width, height } = element.getBoundingClientRect();
                 return `${width.toFixed(1)} × ${height.toFixed(1)}: ${element.outerHTML.slice(0, 120)}`;
               });";
        let found = browser.run(small, json!([])).await;
        let found = lines(&found);
        let shown = found.iter().take(5).map(|line| format!("\n    {line}"));
        if !found.is_empty() {
            faults.push(format!("{}: {} targets, as{}", stop.name, found.len(), shown.collect::<String>()));
        }
    }
    browser.close().await;
    assert_none(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_read_at_its_end_whatever_makes_it_smaller() {
    let gallery = Gallery::plan("face-end").await;
    let browser = Browser::open(true).await;
    let room = gallery.stops.iter().find(|stop| stop.name == "room").unwrap();
    for device in Device::ALL {
        browser.on(device).await;
        browser.visit(room).await;
        browser.sees_the_end("when the room is open").await;
        // As a phone's keyboard does.
        browser.sized(device, device.width(), device.height() - 300).await;
        browser.sees_the_end("in a lower window").await;
        browser.type_into("#composer textarea", "one\u{e008}\u{e007}\u{e007}\u{e007}\u{e008}four lines down").await;
        browser.sees_the_end("above a higher composer").await;
        browser.find("#composer textarea").await.clear().await.unwrap();
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_where_motion_is_unwelcome() {
    let gallery = Gallery::plan("face-motion").await;
    let browser = Browser::open(true).await;
    browser.wish(Wishes { no_motion: true, ..Wishes::default() }).await;
    let mut faults = Vec::new();
    for stop in &gallery.stops {
        browser.visit(stop).await;
        let moves = "const lasts = (times) => times.split(',').some((time) => parseFloat(time) > 0.01);
             return [...document.querySelectorAll('*')].filter((element) => {
               const style = getComputedStyle(element);
               return lasts(style.transitionDuration) || style.scrollBehavior === 'smooth'
                 || (style.animationName !== 'none' && lasts(style.animationDuration));
             }).map((element) => element.cloneNode().outerHTML.slice(0, 120));";
        let found = browser.run(moves, json!([])).await;
        faults.extend(lines(&found).into_iter().map(|line| format!("{}: {line}", stop.name)));
    }
    browser.close().await;
    assert_none(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_have_an_edge_in_forced_colours() {
    let gallery = Gallery::plan("face-forced").await;
    let browser = Browser::open(true).await;
    browser.wish(Wishes { forced_colours: true, ..Wishes::default() }).await;
    let mut faults = Vec::new();
    for stop in &gallery.stops {
        browser.visit(stop).await;
        // Backgrounds are gone there: what has no border of its own, or around it, is a word like any other.
        let bare = "const hasEdge = (element) => {
               const style = element && getComputedStyle(element);
               return style && style.borderBottomStyle !== 'none' && parseFloat(style.borderBottomWidth) > 0;
             };
             return [...document.querySelectorAll('button, input, select, textarea')]
               .filter((element) => element.checkVisibility({ checkVisibilityCSS: true }) && element.type !== 'hidden')
               .filter((element) => !hasEdge(element) && !hasEdge(element.closest('form, label, .composer-field')))
               .map((element) => element.outerHTML.slice(0, 120));";
        let found = browser.run(bare, json!([])).await;
        faults.extend(lines(&found).into_iter().map(|line| format!("{}: {line}", stop.name)));
    }
    browser.close().await;
    assert_none(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_site_by_keyboard_alone() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.goto(&format!("{}/user", site.address)).await;
    eventually("the first field to have the focus", || async {
        browser.has_focus("#sign-up [name=userId]").await.then_some(())
    })
    .await;
    browser.type_keys("gildong").await;
    browser.tab_to("#sign-up [name=userPassword]").await;
    browser.type_keys(PASSWORD).await;
    browser.tab_to("#sign-up [name=userNickname]").await;
    browser.type_keys("길동").await;
    browser.tab_to("#sign-up button:not([type=button])").await;
    browser.press(ENTER).await;

    // The first stop of a page leads past all that is the same on every page.
    browser.find("#new-room").await;
    browser.press(TAB).await;
    assert!(browser.has_focus("a[href^='#']").await, "the first stop skips to the content");
    browser.shows_focus().await;
    browser.press(ENTER).await;
    browser.press(TAB).await;
    assert!(browser.has_focus("main *").await, "and the next one is in it");
    browser.tab_to("#new-room [name=name]").await;
    browser.type_keys("keys").await;
    browser.press(ENTER).await;

    browser.find("#connection[data-state=connected]").await;
    let room = browser.client.current_url().await.unwrap().path().to_owned();
    browser.tab_to("#composer textarea").await;
    browser.type_keys("helo").await;
    browser.press(ENTER).await;
    browser.sees(&["helo"]).await;
    // All chats together are one stop; the arrows lead through them, and the links of one can be reached.
    browser.go_to(SHIFT_TAB, "#log").await;
    browser.press(UP).await;
    assert!(browser.has_focus("#chat-1").await);
    browser.shows_focus().await;
    browser.tab_to(&format!("#chat-1 a[href='{room}/chat/1']")).await;
    browser.go_to(SHIFT_TAB, "#chat-1").await;
    browser.type_keys("e").await;
    browser.find(".chat-editor textarea:focus").await;
    browser.press(SELECT_ALL).await;
    browser.type_keys("hello").await;
    browser.tab_to(".chat-editor .save").await;
    browser.press(SPACE).await;
    browser.find("#chat-1:focus .edited").await;
    browser.sees(&["hello"]).await;
    browser.press(DELETE).await;
    browser.find(".chat-menu [data-action=delete]:focus").await;
    browser.press(ENTER).await;
    browser.find("#chat-1[hidden]").await;
    browser.tab_to("#toast button").await;
    browser.press(ESCAPE).await;
    browser.find("#chat-1.removed").await;

    browser.go_to(SHIFT_TAB, "#open-account-menu").await;
    browser.press(SPACE).await;
    browser.tab_to("#account-menu a[href='/user/me']").await;
    browser.press(ENTER).await;
    browser.find("#profile").await;
    browser.tab_to("#profile [name=userNickname]").await;
    browser.press(SELECT_ALL).await;
    browser.type_keys("춘향").await;
    browser.press(ENTER).await;
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", PASSWORD).await;
    eventually("the new nickname", || async {
        (elsewhere.get_json("/user/me").await.json()["nickname"] == "춘향").then_some(())
    })
    .await;
    browser.tab_to("#open-account-menu").await;
    browser.press(SPACE).await;
    browser.tab_to("#sign-out button").await;
    browser.press(SPACE).await;
    browser.find("#sign-in").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_korean_syllable_is_composed_and_one_enter_sends_it_once() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("한글").await;
    browser.find("#connection[data-state=connected]").await;
    let keys = "const text = document.querySelector('#composer textarea');
         text.focus();
         window.keys = [];
         text.addEventListener('keydown', ({ key, isComposing, keyCode }) => {
           window.keys.push([key, isComposing, keyCode]);
         }, true);";
    browser.run(keys, json!([])).await;
    for syllable in [["ㅇ", "아", "안"], ["ㄴ", "녀", "녕"]] {
        for state in syllable {
            browser.compose(state).await;
        }
        browser.commit(syllable[2]).await;
    }
    // The Enter that ends a syllable: before its end in most browsers, behind it in Safari.
    browser.compose("ㅎ").await;
    browser.compose("하").await;
    browser.press_enter_for_the_input_method().await;
    assert_eq!(browser.typed().await, "안녕하");
    browser.commit("하").await;
    browser.press_enter_for_the_input_method().await;
    assert_eq!(
        browser.run("return window.keys;", json!([])).await,
        json!([["Enter", true, 229], ["Enter", false, 229]])
    );
    assert_eq!(browser.typed().await, "안녕하");
    assert_eq!((browser.texts().await.len(), browser.count("#outbox li").await), (0, 0), "nothing is sent");

    browser.press(ENTER).await;
    browser.sees(&["안녕하"]).await;
    assert_eq!(browser.typed().await, "");
    browser.compose("ㄴ").await;
    browser.compose("네").await;
    browser.commit("네").await;
    browser.press(ENTER).await;
    browser.sees(&["안녕하", "네"]).await;
    assert_eq!(browser.typed().await, "");
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let reader = site.person("reader").await;
    assert_eq!(reader.open(&path).await.texts(), ["안녕하", "네"]);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_weighs_little() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("weight").await;
    for n in 0..50 {
        person.say(&room, &format!("{n}: 오늘은 무슨 이야기를 나눌까요? Whatever comes to mind.")).await;
    }
    // Nothing of the site is in this browser's cache.
    let browser = Browser::open(true).await;
    browser.be(&site.address, person.cookie().as_ref()).await;
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    // What is asked for once more comes from the browser's memory.
    let entries = "const first = new Map();
         for (const { entryType, name, transferSize, encodedBodySize } of performance.getEntries()) {
           if (/navigation|resource/.test(entryType) && !first.has(name)) first.set(name, [name, transferSize, encodedBodySize]);
         }
         return [...first.values()];";
    let entries = browser.run(entries, json!([])).await;
    let mut weights: Vec<(&str, u64, u64)> = Vec::new();
    for entry in entries.as_array().unwrap() {
        weights.push((entry[0].as_str().unwrap(), entry[1].as_u64().unwrap(), entry[2].as_u64().unwrap()));
    }
    browser.close().await;
    let foreign: Vec<_> = weights.iter().filter(|(name, ..)| !name.starts_with(&site.address)).collect();
    assert!(foreign.is_empty(), "from elsewhere: {foreign:?}");
    weights.retain(|(name, ..)| !name.contains("/image"));
    assert!(weights.iter().all(|(_, weight, _)| *weight > 0), "all of it has come over the wire: {weights:?}");
    let all: u64 = weights.iter().map(|(_, weight, _)| weight).sum();
    assert!(all <= 45 * 1024, "{all} bytes in all, with their heads: {weights:?}");
    let scripts: u64 = weights.iter().filter(|(name, ..)| name.contains("/js/")).map(|(_, _, body)| body).sum();
    assert!(scripts > 0 && scripts <= 20 * 1024, "{scripts} bytes of script: {weights:?}");
}

impl Browser {
    async fn tab_to(&self, css: &str) {
        self.go_to(TAB, css).await;
    }

    /// Goes there by a key, and can see where the focus is all the way.
    async fn go_to(&self, key: Key, css: &str) {
        const MOST: usize = 300;
        for _ in 0..MOST {
            self.press(key).await;
            self.shows_focus().await;
            if self.has_focus(css).await {
                return;
            }
        }
        panic!("{css} is not reached by {MOST} times {key:?}");
    }

    async fn has_focus(&self, css: &str) -> bool {
        self.run("return document.activeElement?.matches(arguments[0]) ?? false;", json!([css])).await == true
    }

    /// Waits until what has the focus is in sight and has an outline.
    async fn shows_focus(&self) {
        let fault = "const focus = document.activeElement;
             if (!focus || focus === document.body || focus === document.documentElement) return null;
             const name = focus.outerHTML.slice(0, 120);
             const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(focus.closest('.composer-field') ?? focus);
             if (outlineStyle === 'none' || parseFloat(outlineWidth) === 0 || outlineColor === 'rgba(0, 0, 0, 0)') {
               return `no outline: ${name}`;
             }
             const { left, right, top, bottom } = focus.getClientRects()[0];
             const [x, y] = [(left + right) / 2, (top + bottom) / 2];
             const there = document.elementFromPoint(x, y);
             if (!there) return `out of sight: ${name}`;
             return focus.contains(there) || there.contains(focus) ? null : `below ${there.outerHTML.slice(0, 120)}: ${name}`;";
        let found = || async {
            self.client.execute(fault, vec![]).await.unwrap_or_else(|error| Value::String(error.to_string()))
        };
        let last = found().await;
        eventually(&format!("the focus to be seen, at first {last}"), || async {
            found().await.is_null().then_some(())
        })
        .await;
    }

    /// Waits until the end of a room's last chat is in sight.
    async fn sees_the_end(&self, when: &str) {
        let is_seen = "const last = [...document.querySelectorAll('#feed .chat:not(.removed)')].at(-1);
             const { left, bottom } = last.getBoundingClientRect();
             const log = document.getElementById('log').getBoundingClientRect();
             return bottom <= log.bottom + 1 && last.contains(document.elementFromPoint(left + 12, bottom - 2));";
        eventually(&format!("the end of the last chat to be in sight {when}"), || async {
            (self.run(is_seen, json!([])).await == true).then_some(())
        })
        .await;
    }

    /// What is in the room's composer.
    async fn typed(&self) -> String {
        self.find("#composer textarea").await.prop("value").await.unwrap().unwrap_or_default()
    }
}

fn lines(found: &Value) -> Vec<&str> {
    found.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
