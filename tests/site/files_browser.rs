//! Files in a browser: chosen, pasted, dropped, sent and looked at.

use std::path::Path;

use image::ImageFormat;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::helpers::browser::Browser;
use crate::helpers::devtools::{Device, ENTER, ESCAPE, LEFT, RIGHT, TAB, Wishes};
use crate::helpers::eventually;
use crate::helpers::images::{encoded, four_colour_image, free_port, site_with_images};
use crate::helpers::process::{command, kill};
use crate::helpers::site::{Site, folder};

/// What stands in a new folder for the file input: pictures, a text and a picture that breaks off.
struct Files {
    folder: std::path::PathBuf,
}

impl Files {
    fn make(name: &str) -> Self {
        let folder = folder(name);
        for n in 1..=20_u32 {
            let picture = encoded(&four_colour_image(400 + 10 * n, 300 + 20 * n), ImageFormat::Jpeg);
            std::fs::write(folder.join(format!("사진 {n}.jpg")), picture).unwrap();
        }
        let photo = encoded(&four_colour_image(800, 600), ImageFormat::Jpeg);
        std::fs::write(folder.join("broken.jpg"), &photo[..photo.len() / 2]).unwrap();
        std::fs::write(folder.join("회의록.txt"), "안건 없음").unwrap();
        Self { folder }
    }

    /// The paths, as a file input takes them from a driver.
    fn paths(&self, names: &[&str]) -> String {
        let paths = names.iter().map(|name| self.folder.join(name).to_str().unwrap().to_owned());
        paths.collect::<Vec<_>>().join("\n")
    }
}

impl Browser {
    async fn choose(&self, files: &Files, names: &[&str]) {
        let before = self.count("#chosen-files li").await;
        self.find("#attach-button").await;
        self.client
            .find(fantoccini::Locator::Css("#attach [name=file]"))
            .await
            .unwrap()
            .send_keys(&files.paths(names))
            .await
            .unwrap();
        let what = format!("{names:?} to be chosen");
        eventually(&what, || async { (self.count("#chosen-files li").await == before + names.len()).then_some(()) })
            .await;
    }

    async fn send(&self) {
        self.click("#composer .send").await;
    }

    /// What the rows of a list of files say: names, and what is wrong.
    async fn rows(&self, list: &str) -> Value {
        let script = "return [...document.querySelectorAll(`${arguments[0]} .file-row`)].map((row) =>
             [row.querySelector('.file-name').textContent, row.querySelector('.file-state')?.textContent ?? '']);";
        self.run(script, json!([list])).await
    }

    async fn evaluates(&self, what: &str, script: &str) {
        let script = format!("return {script};");
        eventually(what, || async { (self.run(&script, json!([])).await == true).then_some(()) }).await;
    }
}

/// Starts a file server in a process of its own.
fn file_server(var: &Path, site: &str, port: u16) -> Child {
    let mut server = command(var);
    server.arg("images").env("ROCKET_IMAGES", format!("{{port={port}, secret=\"the secret of the tests\"}}"));
    server.env("ROCKET_SITE", format!("{{url=\"{site}\", internal_url=\"{site}\"}}"));
    server.spawn().unwrap()
}

const SHIFTS: &str = "window.shifts = 0;
     new PerformanceObserver((list) => {
       for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts += value;
     }).observe({ type: 'layout-shift', buffered: true });";

const IN_VIEW: &str = "[...document.images].every((image) => image.complete || !image.checkVisibility()
     || image.getBoundingClientRect().bottom <= log.getBoundingClientRect().top)";

const PICTURE: &str = "document.activeElement.matches('[data-kind=picture] > a')";

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_chosen_sent_and_looked_at() {
    let (site, _images, _) = site_with_images("files-browser").await;
    let files = Files::make("files-chosen");
    let browser = Browser::open(true).await;
    browser.on_new_pages(SHIFTS).await;
    browser.on(Device::Desk).await;
    browser.sign_up(&site.address, "gildong").await;
    let room = browser.make_room("pictures").await;
    browser.find("#connection[data-state=connected]").await;

    browser.type_into("#text", "어제 찍은").await;
    browser.choose(&files, &["사진 1.jpg", "사진 2.jpg", "회의록.txt"]).await;
    browser.click("#chosen-files li:nth-child(2) .remove").await;
    assert_eq!(browser.rows("#chosen-files").await, json!([["사진 1.jpg", ""], ["회의록.txt", ""]]));
    browser.choose(&files, &["사진 3.jpg"]).await;
    browser.type_into("#chosen-files [name=alt]", "네 가지 색").await;
    let wrong = browser.axe().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.send().await;
    browser.find("#chat-1 .files li:nth-child(3)").await;
    let seen = browser
        .run(
            "const chat = document.getElementById('chat-1');
             return [chat.querySelector('.text').textContent, [...chat.querySelectorAll('.files > li')].map(({ dataset }) => dataset.kind),
               chat.querySelector('img[alt]:not(.picture)').alt, chat.querySelector('.file-name').textContent,
               document.querySelectorAll('#chosen-files li').length];",
            json!([]),
        )
        .await;
    assert_eq!(seen, json!(["어제 찍은", ["picture", "file", "picture"], "네 가지 색", "회의록.txt", 0]));
    eventually("the outbox to be empty", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    browser.say("글도 그대로").await;
    browser.find("#chat-2").await;

    // An edit takes one file away.
    browser
        .run("document.getElementById('chat-1').tabIndex = 0; document.getElementById('chat-1').focus();", json!([]))
        .await;
    browser.type_keys("e").await;
    browser.click(".chat-editor .take-away label:nth-of-type(3) input").await;
    browser.click(".chat-editor .save").await;
    browser
        .evaluates(
            "two files",
            "document.querySelectorAll('#chat-1 .files > li').length === 2 && !document.querySelector('.editing')",
        )
        .await;

    // Twenty pictures, without a text.
    for half in [1..=10, 11..=20] {
        let names: Vec<_> = half.map(|n| format!("사진 {n}.jpg")).collect();
        browser.choose(&files, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        browser.send().await;
    }
    browser.find("#chat-5 .files li:nth-child(10)").await;
    browser.clear_cache().await;
    browser.goto(&room).await;
    browser.evaluates("the pictures in view", IN_VIEW).await;
    browser
        .evaluates(
            "no shift, at the end",
            "window.shifts < 0.005 && log.scrollHeight - log.scrollTop - log.clientHeight < 2",
        )
        .await;
    let wrong = browser.axe().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The viewer, by keyboard.
    let top = browser.run("return log.scrollTop;", json!([])).await;
    browser.press(TAB).await;
    // The tools of chats open pictures.
    browser.find(".chat-toolbar").await;
    browser.run("document.querySelector('#chat-5 [data-n=\"9\"] a').focus({ preventScroll: true });", json!([])).await;
    browser.press(ENTER).await;
    let shows =
        |place: &str| format!("document.querySelector('#viewer[open] .viewer-count')?.textContent === '{place} / 21'");
    browser.evaluates("the viewer", &shows("20")).await;
    browser.evaluates("the large picture", "document.querySelector('.viewer-stage img').naturalHeight > 320").await;
    let wrong = browser.axe().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.press(RIGHT).await;
    browser.evaluates("the last", &shows("21")).await;
    browser.press(RIGHT).await;
    browser.press(LEFT).await;
    browser.evaluates("back", &shows("20")).await;
    browser.type_keys("+").await;
    browser.evaluates("a larger picture", "document.querySelector('.viewer-stage img').style.transform !== ''").await;
    browser.press(ESCAPE).await;
    browser.evaluates("the end of the viewer", &format!("!document.querySelector('#viewer[open]') && {PICTURE}")).await;
    assert_eq!(browser.run("return log.scrollTop;", json!([])).await, top, "the log has not moved");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_server_that_fails_is_named_and_nothing_is_lost() {
    let (port, var) = (free_port(), folder("files-fail"));
    let site = Site::alone(("images.port", port)).await;
    let server = file_server(&var, &site.address, port);
    let files = Files::make("files-fail-chosen");
    let (browser, room) = Browser::in_a_room(&site, Device::Desk, "fails").await;
    eventually("the file server", || async {
        reqwest::get(format!("http://127.0.0.1:{port}/health")).await.ok().filter(|answer| answer.status() == 200)
    })
    .await;

    // One file is broken: its row says so, the others wait, and so does no later message.
    browser.choose(&files, &["사진 1.jpg", "broken.jpg"]).await;
    browser.type_into("#text", "둘 중 하나").await;
    browser.send().await;
    browser.find("#outbox .file-row[data-state=failed]").await;
    browser.find("#outbox .file-row[data-state=stored]").await;
    let rows = browser.rows("#outbox").await;
    assert!(rows[0][1] == "" && rows[1][0] == "broken.jpg" && rows[1][1] != "", "{rows}");
    browser.say("말은 간다").await;
    browser.sees(&["말은 간다"]).await;
    browser.click("#outbox .file-row[data-state=failed] .remove").await;
    browser.sees(&["말은 간다", "둘 중 하나"]).await;
    assert_eq!(browser.count("#chat-2 .files li").await, 1);
    eventually("the answer", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;

    // The server hangs: the page says so soon, and chat goes on.
    kill("STOP", server.id().unwrap());
    browser.choose(&files, &["사진 2.jpg"]).await;
    browser.send().await;
    let start = std::time::Instant::now();
    browser.find("#outbox .file-row[data-state=paused]").await;
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    assert_ne!(browser.rows("#outbox").await[0][1], "");
    browser.say("다른 말").await;
    browser.find("#chat-3").await;
    // The browser keeps the file over a reload.
    let asks = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }));";
    assert_eq!(browser.run(asks, json!([])).await, true);
    browser.goto(&room).await;
    browser.find("#outbox .file-row").await;
    kill("CONT", server.id().unwrap());
    browser.find("#chat-4 .files li").await;
    eventually("the outbox to be empty", || async { (browser.count("#outbox li").await == 0).then_some(()) }).await;
    assert_eq!(browser.count("#feed .chat").await, 4, "each once");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_pasted_and_dropped_on_a_phone_and_text_wins() {
    let (site, _images, _) = site_with_images("files-phone").await;
    let (browser, _) = Browser::in_a_room(&site, Device::Phone, "phone").await;
    browser.wish(Wishes { dark: true, ..Wishes::default() }).await;
    let events = "const file = (name, type = 'image/png') => new File([Uint8Array.of(137, 80, 78, 71)], name, { type });
         const data = (files, texts = {}) => {
           const transfer = new DataTransfer();
           for (const one of files) transfer.items.add(one);
           for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
           return transfer;
         };
         const text = document.getElementById('text');
         const paste = (clipboardData) => text.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
         const drag = (type, dataTransfer) => log.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));";
    // `dispatchEvent` is false if the page has taken the event.
    let run = async |script: &str| browser.run_async(&format!("{events} {script}")).await;
    browser.click("#text").await;
    // The tools come with the first touch.
    eventually("a picture to be taken", || async {
        (run("return paste(data([file('a.png')]));").await == false).then_some(())
    })
    .await;
    browser.find("#chosen-files li").await;
    // A spreadsheet: the browser inserts its text.
    assert_eq!(
        run("text.focus();
             const wins = paste(data([file('b.png')], { 'text/plain': '1\\t2' }));
             text.setRangeText('1\\t2', 0, 0, 'end');
             return wins;")
        .await,
        true
    );
    browser.click("#paste-picture").await;
    browser.find("#chosen-files li:nth-child(2)").await;
    assert_eq!(run("return text.value;").await, "");
    // A zone shows where files may be dropped. Links have none.
    assert_eq!(run("return drag('dragover', data([], { 'text/uri-list': 'http://x/' }));").await, true);
    assert_eq!(run("return drag('dragover', data([file('c.png')]));").await, false);
    browser.find("#drop-zone:not([hidden])").await;
    assert_eq!(run("return drag('drop', data([file('c.png')]));").await, false);
    browser.find("#chosen-files li:nth-child(3)").await;
    assert_eq!(browser.count("#drop-zone:not([hidden])").await, 0);
    // Too many.
    run("drag('drop', data([...'12345678'].map((name) => file(name, ''))));").await;
    browser.evaluates("ten files", "document.querySelectorAll('#chosen-files li').length === 10").await;
    browser.evaluates("words", "document.querySelector('#attach-errors').textContent !== ''").await;
    let wrong = browser.axe().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let small = "[...document.querySelectorAll('#attach-button, #chosen-files .remove')].filter((button) => {
           const { width, height } = button.getBoundingClientRect();
           return Math.min(width, height) < 44;
         }).length";
    assert_eq!(browser.run(&format!("return {small};"), json!([])).await, 0);
    assert_eq!(browser.run("return document.scrollingElement.scrollWidth <= innerWidth;", json!([])).await, true);
    browser.close().await;
}
