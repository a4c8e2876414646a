//! A room on paper: all chats that the page has loaded, and nothing that is pressed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::site::Site;

/// What a printed room shows.
const SHOWN: &str = "const shows = (element) => element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })
       && element.getBoundingClientRect().height > 0;
     const chats = [...document.querySelectorAll('#feed .chat')].filter(shows);
     const end = Math.max(0, ...chats.map((chat) => chat.getBoundingClientRect().bottom + scrollY));
     const log = document.getElementById('log');
     return {
       chats: chats.length,
       whole: log.scrollHeight <= log.clientHeight && document.documentElement.scrollHeight >= end,
       times: chats.filter((chat) => shows(chat.querySelector('time'))).length,
       names: chats.filter((chat) => shows(chat.querySelector('.nickname')) || chat.matches('.grouped')).length,
       room: shows(document.getElementById('room-name')),
       others: [...document.querySelectorAll(
         'button, input, textarea, form, iframe, .sidebar, .people, #presence, #typing, #connection, #load-older, #load-newer, #to-latest, #unread-bar, header.site, .skip-link')]
         .filter((element) => element.type !== 'hidden' && shows(element)).map((element) => element.outerHTML.slice(0, 80)),
       ground: getComputedStyle(document.body).backgroundColor,
     };";

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_room_has_all_chats_and_no_controls() {
    let site = Site::start().await;
    let owner = site.person("owner").await;
    assert_eq!(owner.post("/user/me", &[("_method", "put"), ("theme", "dark")]).await.status, 303);
    let room = owner.make_room("paper").await;
    let guest = site.person("guest").await;
    for n in 1..=60 {
        let person = if n / 3 % 2 == 0 { &owner } else { &guest };
        person.say(&room, &format!("chat {n}, a line that is said in a room and read on paper")).await;
    }
    for script in [true, false] {
        let browser = Browser::open(script).await;
        browser.be(&site.address, owner.cookie().as_ref()).await;
        browser.goto(&format!("{}{room}", site.address)).await;
        let mut expected = 50;
        if script {
            browser.find("#connection[data-state=connected]").await;
            browser.run("document.getElementById('log').scrollTop = 0;", json!([])).await;
            browser.find("#chat-1").await;
            expected = 60;
        } else {
            eventually("the frame", || async { (browser.texts_in_frame().await.len() == 50).then_some(()) }).await;
        }
        let pdf = browser.devtools("Page.printToPDF", json!({ "paperWidth": 8.27, "paperHeight": 11.69 })).await;
        let pdf = STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
        let pdf = String::from_utf8_lossy(&pdf);
        // The links of the chats' times are where the chats are.
        let printed = (1..=60).filter(|n| pdf.contains(&format!("{room}/chat/{n})"))).count();
        assert_eq!(printed, expected, "with script: {script}");
        let pages = pdf.matches("/Type /Page\n").count();
        assert!((2..=8).contains(&pages), "{pages} pages");

        browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
        let shown = browser.run(SHOWN, json!([])).await;
        let all = json!({
            "chats": expected, "whole": true, "times": expected, "names": expected, "room": true, "others": [],
            "ground": "rgb(251, 248, 241)",
        });
        assert_eq!(shown, all, "with script: {script}");
        assert!(browser.count("#feed [data-day]").await > 0 || !script);
        browser.close().await;
    }
}
