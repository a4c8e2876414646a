//! Days and times follow the calendar of the reader, also at midnight, and the order of entries.

use serde_json::{Value, json};

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::site::Site;

/// A clock of the page that can be set by `setClock`.
const CLOCK: &str = "{
    const Real = Date;
    window.shift ??= 0;
    window.setClock = (at) => (window.shift = at - Real.now());
    window.Date = class extends Real {
      constructor(...parts) {
        if (parts.length) super(...parts);
        else super(Real.now() + window.shift);
      }
      static now() { return Real.now() + window.shift; }
    };
}";

/// Groups the chats of the page by these times; answers which have a line and which follow.
const GROUP: &str = "const { group } = await import(document.querySelector('script[src*=\"/js/static_page.js\"]').src.replace('static_page.js', 'groups.js'));
    const chats = [...document.querySelectorAll('#feed .chat')];
    chats.forEach((chat, n) => (chat.querySelector('time').dateTime = times[n]));
    group(chats);
    return chats.map((chat) => [chat.dataset.day !== undefined, chat.classList.contains('grouped')]);";

/// A browser in a room in which a guest has said so much.
async fn in_a_room(site: &Site, zone: &str, chats: usize) -> (Browser, String) {
    let browser = Browser::open(true).await;
    browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("calendar").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person("guest").await;
    for n in 1..=chats {
        guest.say(&path, &format!("chat {n}")).await;
    }
    browser.find(&format!("#chat-{chats}")).await;
    (browser, path)
}

async fn grouped(browser: &Browser, times: &[&str]) -> Vec<(bool, bool)> {
    let answer = browser.run_async(&format!("const times = {}; {GROUP}", json!(times))).await;
    let pair = |chat: &Value| (chat[0].as_bool().unwrap(), chat[1].as_bool().unwrap());
    answer.as_array().unwrap().iter().map(pair).collect()
}

/// A time zone in which it is about noon.
fn zone_at_noon() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ahead = 12 - i64::try_from(seconds / 3_600 % 24).unwrap();
    // Etc/GMT-5 is five hours ahead.
    format!("Etc/GMT{}{}", if ahead < 0 { "+" } else { "-" }, ahead.abs())
}

#[tokio::test(flavor = "multi_thread")]
async fn today_becomes_yesterday_at_midnight_on_every_page() {
    let site = Site::start().await;
    let (browser, room) = in_a_room(&site, &zone_at_noon(), 3).await;
    browser.on_new_pages(CLOCK).await;
    let day = "return document.querySelector('#feed [data-day]').dataset.day;";
    let time = "return document.querySelector('main time').textContent;";
    for (path, shown, before, after) in [
        (room.clone(), day, "Today", "Yesterday"),
        (format!("{room}?before=4"), day, "Today", "Yesterday"),
        ("/room".into(), "return document.querySelector('#rooms time').textContent;", "M", "Yesterday"),
        (format!("{room}/chat/2"), time, "M", "Yesterday"),
    ] {
        browser.goto(&format!("{}{path}", site.address)).await;
        let text = || async { browser.run(shown, json!([])).await.as_str().unwrap().to_owned() };
        eventually(&format!("{path} to say {before}"), || async { text().await.contains(before).then_some(()) }).await;
        // Half a second before midnight. The page looks at the clock when somebody comes back to it.
        let set = "setClock(new Date().setHours(23, 59, 59, 500)); dispatchEvent(new Event('focus'));";
        browser.run(set, json!([])).await;
        eventually(&format!("{path} to say {after}"), || async { text().await.contains(after).then_some(()) }).await;
        // And back again, when the clock was wrong.
        browser.run("setClock(Date.now() - 86_400_000 / 2); dispatchEvent(new Event('focus'));", json!([])).await;
        eventually(&format!("{path} to say {before} again"), || async { text().await.contains(before).then_some(()) })
            .await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_follow_the_time_zone_of_the_machine() {
    let site = Site::start().await;
    let (browser, _) = in_a_room(&site, "Etc/GMT", 1).await;
    let hour = || async { browser.run("return document.querySelector('#chat-1 time').textContent;", json!([])).await };
    let before = hour().await;
    browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": "Asia/Seoul" })).await;
    browser.run("dispatchEvent(new Event('focus'));", json!([])).await;
    eventually("the hour of Seoul", || async { (hour().await != before).then_some(()) }).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_at_midnight_where_the_clock_is_changed() {
    let site = Site::start().await;
    let (browser, _) = in_a_room(&site, "Europe/Berlin", 5).await;
    let lines = |found: Vec<(bool, bool)>| found.into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    // The night in which 2:30 comes twice.
    let times = [
        "2026-10-24T21:59:00Z",
        "2026-10-24T22:01:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T23:01:00Z",
    ];
    assert_eq!(lines(grouped(&browser, &times).await), [true, true, false, false, true]);
    // The night in which 2:30 does not come.
    let times = [
        "2026-03-28T22:59:00Z",
        "2026-03-28T23:01:00Z",
        "2026-03-29T00:59:00Z",
        "2026-03-29T01:01:00Z",
        "2026-03-29T22:01:00Z",
    ];
    assert_eq!(lines(grouped(&browser, &times).await), [true, true, false, false, true]);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_groups_never_go_back_with_the_clock_of_the_site() {
    let site = Site::start().await;
    let (browser, _) = in_a_room(&site, "Etc/GMT", 6).await;
    // The clock was set back by two days, and set right again.
    let times = [
        "2026-11-26T23:59:00Z",
        "2026-11-27T10:00:00Z",
        "2026-11-25T10:00:30Z",
        "2026-11-25T10:01:00Z",
        "2026-11-27T10:02:00Z",
        "2026-11-28T00:00:00Z",
    ];
    let found = grouped(&browser, &times).await;
    let expected = [(true, false), (true, false), (false, false), (false, true), (false, false), (true, false)];
    assert_eq!(found, expected);
    // By an hour: the next chat joins no group that begins after it.
    let times = [
        "2026-11-27T10:00:00Z",
        "2026-11-27T10:01:00Z",
        "2026-11-27T09:02:00Z",
        "2026-11-27T09:03:00Z",
        "2026-11-27T09:02:00Z",
        // Clocks of several instances differ by less than is shown.
        "2026-11-27T09:02:00.900Z",
    ];
    let follows: Vec<bool> = grouped(&browser, &times).await.into_iter().map(|(_, follows)| follows).collect();
    assert_eq!(follows, [false, true, false, true, false, true]);
    // A removed head takes its day with it, however far that reaches.
    let hidden = "const { group } = await import(document.querySelector('script[src*=\"/js/static_page.js\"]').src.replace('static_page.js', 'groups.js'));
         const chats = [...document.querySelectorAll('#feed .chat')];
         ['2026-11-27', '2026-11-25', '2026-11-26', '2026-11-26', '2026-11-27', '2026-11-27']
           .forEach((day, n) => (chats[n].querySelector('time').dateTime = `${day}T10:00:00Z`));
         group(chats);
         chats[0].hidden = true;
         group([chats[0]]);
         return chats.map((chat) => chat.dataset.day !== undefined);";
    assert_eq!(browser.run_async(hidden).await, json!([true, true, true, false, true, false]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_the_browser_that_is_wrong_changes_no_order() {
    let site = Site::start().await;
    for hours in [5_i32, -48] {
        let browser = Browser::open(true).await;
        browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": "Etc/GMT" })).await;
        browser.on_new_pages(&format!("window.shift = {hours} * 3_600_000; {CLOCK}")).await;
        let name = format!("clock{}", hours.unsigned_abs());
        browser.sign_up(&site.address, &name).await;
        let room = browser.make_room(&name).await;
        let path = url::Url::parse(&room).unwrap().path().to_owned();
        let guest = site.person(&format!("guest{}", hours.unsigned_abs())).await;
        browser.find("#connection[data-state=connected]").await;
        browser.say("mine").await;
        browser.sees(&["mine"]).await;
        let said = guest.say(&path, "theirs").await;
        browser.sees(&["mine", "theirs"]).await;
        eventually("nothing to wait", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
        let at = browser.find("#chat-2 time").await.attr("datetime").await.unwrap().unwrap();
        assert_eq!(said["at"], json!(at));
        browser.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_the_browser_that_is_set_back_hides_no_typing() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    let count = "window.reports = 0;
         const send = WebSocket.prototype.send;
         WebSocket.prototype.send = function (text) { window.reports++; send.call(this, text); };";
    browser.on_new_pages(&format!("{CLOCK} {count}")).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.make_room("typing").await;
    browser.find("#connection[data-state=connected]").await;
    let reports = || async { browser.run("return window.reports;", json!([])).await.as_u64().unwrap() };
    browser.type_into("#composer textarea", "a").await;
    assert_eq!(reports().await, 1);
    browser.run("setClock(Date.now() - 3_600_000);", json!([])).await;
    eventually("another report", || async {
        browser.type_into("#composer textarea", "a").await;
        (reports().await > 1).then_some(())
    })
    .await;
    browser.close().await;
}
