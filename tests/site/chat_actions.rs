//! What one does with a chat where it stands: by mouse, by keyboard, by touch.

use serde_json::json;

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{DELETE, Device, ENTER, ESCAPE, UP};
use crate::helpers::eventually;
use crate::helpers::person::Person;
use crate::helpers::site::Site;

const FIELD: &str = ".chat-editor textarea";
const UNDO: &str = "#toast button";
const COUNT_DELETIONS: &str = "
    const send = window.fetch;
    window.deletions = 0;
    window.fetch = (address, options) => {
        if (options?.method === 'DELETE') window.deletions += 1;
        return send(address, options);
    };
";
/// What the menu offers.
const OFFERED: &str = "return [...document.querySelectorAll('.chat-menu li:not([hidden]) [data-action]')].map((one) => one.dataset.action);";

/// A browser in a room in which its person has said three things in a row, and a guest one.
async fn in_a_room(site: &Site, device: Device) -> (Browser, Person, String) {
    let browser = Browser::open(true).await;
    browser.on(device).await;
    browser.sign_up(&site.address, device.name()).await;
    let room = browser.make_room(device.name()).await;
    browser.find("#connection[data-state=connected]").await;
    for (n, text) in ["one", "two", "three"].into_iter().enumerate() {
        browser.say(text).await;
        browser.find(&format!("#chat-{}", n + 1)).await;
    }
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let guest = site.person(&format!("guest-of-{}", device.name())).await;
    guest.say(&path, "of another").await;
    browser.find("#chat-4").await;
    (browser, guest, path)
}

impl Browser {
    /// Waits until the page shows these chats.
    async fn shows(&self, expected: &[&str]) {
        let shown =
            "return [...document.querySelectorAll('#feed .chat:not([hidden]) .text')].map((text) => text.innerText);";
        eventually(&format!("the page to show {expected:?}"), || async {
            (self.run(shown, json!([])).await == json!(expected)).then_some(())
        })
        .await;
    }

    async fn opens_menu(&self, css: &str) {
        self.hover(css).await;
        self.find(&format!("{css}.has-tools")).await;
        self.click(".chat-toolbar [data-action=more]").await;
        self.find(".chat-menu[open]").await;
    }

    /// Focuses the button of the notice, which stays as long as it has the focus.
    async fn hold_notice(&self) {
        self.find(UNDO).await;
        self.run("document.querySelector(arguments[0]).focus();", json!([UNDO])).await;
    }

    async fn click_notice(&self) {
        self.hold_notice().await;
        self.click(UNDO).await;
    }

    /// How many deletions the page has sent since `COUNT_DELETIONS`.
    async fn deletions(&self) -> serde_json::Value {
        self.run("return window.deletions;", json!([])).await
    }

    async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap_or_default()
    }
}

/// Waits until the room has these chats.
async fn has(guest: &Person, room: &str, expected: &[&str]) {
    eventually(&format!("the room to have {expected:?}"), || async {
        (guest.open(room).await.texts() == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_chats_are_edited_and_deleted_by_mouse_and_keyboard_and_both_can_be_undone() {
    let site = Site::start().await;
    // The first person of a site is an admin.
    site.person("admin").await;
    let (browser, guest, room) = in_a_room(&site, Device::Desk).await;
    browser.find("#chat-2.grouped.own").await;
    browser.type_into("#composer textarea", "a draft").await;

    // By mouse, in the middle of a group.
    browser.hover("#chat-2").await;
    browser.find("#chat-2.has-tools").await;
    browser.click(".chat-toolbar [data-action=edit]").await;
    browser.find(&format!("#chat-2 {FIELD}:focus")).await;
    browser.type_keys(", changed").await;
    browser.press(ENTER).await;
    browser.shows(&["one", "two, changed", "three", "of another"]).await;
    browser.click_notice().await;
    browser.shows(&["one", "two", "three", "of another"]).await;
    assert_eq!(browser.value("#composer textarea").await, "a draft");

    // What is deleted is gone from the page at once, and comes back.
    browser.run(COUNT_DELETIONS, json!([])).await;
    browser.opens_menu("#chat-1").await;
    browser.click(".chat-menu [data-action=delete]").await;
    browser.shows(&["two", "three", "of another"]).await;
    browser.find("#chat-2:not(.grouped)[data-day]").await;
    browser.click_notice().await;
    browser.shows(&["one", "two", "three", "of another"]).await;
    browser.find("#chat-2.grouped").await;
    assert_eq!(browser.deletions().await, json!(0));

    // Others' chats are not offered to be changed, and no chat is below the toolbar for longer than it is used.
    browser.opens_menu("#chat-4").await;
    assert_eq!(browser.run(OFFERED, json!([])).await, json!(["link", "copy", "unread", "details"]));
    browser.press(ESCAPE).await;
    browser.hover("#composer textarea").await;
    browser.find(".chat-toolbar[hidden]").await;

    // By keyboard: the arrows go through the chats.
    browser.run("document.getElementById('log').focus();", json!([])).await;
    for chat in ["#chat-4", "#chat-3", "#chat-2"] {
        browser.press(UP).await;
        browser.find(&format!("{chat}:focus")).await;
    }
    browser.type_keys("e").await;
    browser.find(&format!("#chat-2 {FIELD}:focus")).await;
    browser.type_keys("!").await;
    browser.press(ENTER).await;
    browser.shows(&["one", "two!", "three", "of another"]).await;
    browser.find("#chat-2:focus").await;
    browser.press(DELETE).await;
    browser.find(".chat-menu [data-action=delete]:focus").await;
    browser.press(ENTER).await;
    browser.shows(&["one", "three", "of another"]).await;
    browser.find("#chat-3:focus").await;

    // Another deletion sends the one before, and leaving the page sends the last.
    browser.hold_notice().await;
    assert_eq!(browser.deletions().await, json!(0));
    browser.run("document.getElementById('chat-3').focus();", json!([])).await;
    browser.press(DELETE).await;
    browser.find(".chat-menu [data-action=delete]:focus").await;
    browser.press(ENTER).await;
    browser.shows(&["one", "of another"]).await;
    browser.hold_notice().await;
    assert_eq!(browser.deletions().await, json!(1));
    has(&guest, &room, &["one", "", "three", "of another"]).await;
    browser.goto(&format!("{}/room", site.address)).await;
    has(&guest, &room, &["one", "", "", "of another"]).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_or_a_deletion_that_fails_loses_no_words() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site, Device::Desk).await;
    browser.type_into("#composer textarea", "\u{e013}").await;
    browser.find(&format!("#chat-3 {FIELD}:focus")).await;
    browser.press(ESCAPE).await;
    browser.find("#text:focus").await;
    assert_eq!(browser.count(".chat-editor, .editing").await, 0);

    // What is refused stays beside its reason.
    browser.type_into("#composer textarea", "\u{e013}").await;
    browser.find(&format!("#chat-3 {FIELD}:focus")).await;
    let fill = "const text = document.querySelector(arguments[0]); text.value = arguments[1]; text.dispatchEvent(new Event('input'));";
    browser.run(fill, json!([FIELD, "\u{202e}three"])).await;
    browser.press(ENTER).await;
    browser.find("#chat-3 .chat-editor [data-error-for=text]").await;
    assert_eq!(browser.value(FIELD).await, "\u{202e}three");
    // A text that is being edited survives another revision of its chat.
    let change = "return fetch(arguments[0], { method: 'PUT', body: new URLSearchParams({ text: 'elsewhere' }) }).then(() => 1);";
    browser.run(change, json!([format!("{room}/chat/3")])).await;
    browser.find("#chat-3.editing .text.edited").await;
    eventually("a warning", || async {
        let warning = browser.find("#chat-3 .chat-editor [data-error-for=text]").await.text().await.ok()?;
        warning.contains("edited elsewhere").then_some(())
    })
    .await;
    browser.find(&format!("#chat-3 {FIELD}:focus")).await;
    browser.type_keys("!").await;
    assert_eq!(browser.value(FIELD).await, "\u{202e}three!");
    // An empty text offers to delete.
    browser.run(fill, json!([FIELD, " "])).await;
    browser.press(ENTER).await;
    browser.find(".chat-editor .button-danger:focus").await;
    browser.press(ESCAPE).await;
    browser.shows(&["one", "two", "elsewhere", "of another"]).await;

    // An admin deletes what others have said, but does not change it.
    browser.opens_menu("#chat-4").await;
    assert_eq!(browser.run(OFFERED, json!([])).await, json!(["link", "copy", "unread", "details", "delete"]));
    browser.press(ESCAPE).await;

    // A deletion that cannot be sent is no deletion.
    browser.opens_menu("#chat-2").await;
    browser.run("window.send = window.fetch; window.fetch = () => Promise.reject(new Error('away'));", json!([])).await;
    browser.click(".chat-menu [data-action=delete]").await;
    browser.shows(&["one", "elsewhere", "of another"]).await;
    browser.find(UNDO).await.send_keys("\u{e00c}").await.unwrap();
    browser.find("#toast.error").await;
    browser.shows(&["one", "two", "elsewhere", "of another"]).await;
    browser.run("window.fetch = window.send;", json!([])).await;
    browser.click_notice().await;
    browser.shows(&["one", "elsewhere", "of another"]).await;
    // It is sent when the notice ends.
    has(&guest, &room, &["one", "", "elsewhere", "of another"]).await;

    // Several chats are copied as names and words.
    let copied = "getSelection().selectAllChildren(document.getElementById('feed')); return getSelection().toString();";
    let copied = browser.run(copied, json!([])).await;
    let copied = copied.as_str().unwrap();
    for part in ["desk", "one", "elsewhere", "guest-of-desk", "of another"] {
        assert!(copied.contains(part), "{copied:?}");
    }
    assert_eq!((copied.matches("one").count(), copied.matches("desk").count()), (1, 2), "{copied:?}");

    // A page with an edit stays when its reader is signed out.
    browser.type_into("#composer textarea", "\u{e013}").await;
    browser.find(&format!("#chat-3 {FIELD}:focus")).await;
    browser.type_keys(", unsaved").await;
    let sign_out = "return fetch('/session', { method: 'DELETE', body: new URLSearchParams() }).then(() => 1);";
    browser.run(sign_out, json!([])).await;
    browser.find("#connection[data-state=signedOut]").await;
    assert_eq!(browser.value(FIELD).await, "elsewhere, unsaved");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_touch_screen_a_tap_opens_what_can_be_done() {
    let site = Site::start().await;
    let (browser, guest, room) = in_a_room(&site, Device::Phone).await;
    browser.run("document.activeElement.blur();", json!([])).await;
    browser.tap("#chat-2 .text").await;
    browser.find(".chat-menu.sheet[open]").await;
    let rows = "return [...document.querySelectorAll('.chat-menu li:not([hidden]) > *')].map((row) => row.offsetHeight >= 44);";
    assert_eq!(browser.run(rows, json!([])).await, json!([true, true, true, true, true, true]));
    browser.tap(".chat-menu [data-action=edit]").await;
    browser.find(&format!("#chat-2 {FIELD}:focus")).await;
    browser.press(ENTER).await;
    browser.type_keys("more").await;
    browser.tap(".chat-editor .save").await;
    browser.shows(&["one", "two\nmore", "three", "of another"]).await;
    browser.run("document.activeElement.blur();", json!([])).await;
    browser.tap("#chat-2 .text").await;
    browser.find(".chat-menu.sheet[open]").await;
    browser.tap(".chat-menu [data-action=delete]").await;
    browser.shows(&["one", "three", "of another"]).await;
    browser.hold_notice().await;
    browser.tap(UNDO).await;
    browser.shows(&["one", "two\nmore", "three", "of another"]).await;
    has(&guest, &room, &["one", "two\nmore", "three", "of another"]).await;
    browser.close().await;
}
