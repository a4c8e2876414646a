//! The screenshots of README.md.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::header::HeaderValue;
use serde_json::json;
use tokio::time::sleep;

use crate::helpers::browser::Browser;
use crate::helpers::devtools::Device;
use crate::helpers::eventually;
use crate::helpers::images::{encoded, site_with_images};
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::site::Site;

/// GitHub shows larger files slowly.
const MAX_BYTES: u64 = 300_000;

/// Three users, their rooms, and what they say in the first room.
struct Scene {
    language: &'static str,
    nicknames: [&'static str; 3],
    rooms: &'static [(&'static str, &'static str, &'static str)],
    /// The index of the author, and the text.
    chats: &'static [(usize, &'static str)],
    edit: (usize, &'static str),
}

const ENGLISH: Scene = Scene {
    language: "en",
    nicknames: ["Mina", "Daniel", "Sora"],
    rooms: &[
        ("Film club", "Saturdays at 7 pm, kitchen table", ""),
        ("Allotment", "Who waters when", "The tomatoes are in. Somebody bring string."),
        ("Neighbours", "", "The parcel for number 12 is with us."),
        ("Book swap", "Take one, leave one", "I am done with Pachinko. Who is next?"),
        ("Bike repair", "Tuesdays in the yard", "New tubes have arrived."),
        ("사랑방", "아무 이야기나", "오늘 저녁에 만두 빚어요!"),
    ],
    chats: &[
        (1, "Which film on Saturday? We still owe Sora a musical."),
        (2, "You remembered! I vote for The Umbrellas of Cherbourg."),
        (2, "The library has it: https://library.example/films/umbrellas"),
        (0, "Yes! I will bring the projector. Can somebody bring the long cable?"),
        (1, "I have one. It runs with:\n```\nmpv --fs --sub-file=umbrellas.en.srt umbrellas.mkv\n```"),
        (0, "👍"),
        (2, "Popcorn or 떡볶이?"),
        (1, "Both, obviously."),
        (0, "Then Saturday at 7. I am putting a note on the door."),
    ],
    edit: (3, "Yes! I will bring the projector. Can somebody bring the long HDMI cable?"),
};

const KOREAN: Scene = Scene {
    language: "ko",
    nicknames: ["민아", "도현", "소라"],
    rooms: &[
        ("영화 모임", "토요일 저녁 7시", ""),
        ("텃밭", "물 주는 순서", "토마토 모종 심었어요."),
        ("이웃", "", "12호 택배 저희가 맡아 두었어요."),
    ],
    chats: &[
        (1, "이번 주 토요일에 뭐 볼까요?"),
        (2, "저는 쉘부르의 우산이요! 도서관에 있더라고요."),
        (2, "https://library.example/films/umbrellas"),
        (0, "좋아요. 프로젝터는 제가 가져갈게요. 긴 케이블 있는 분?"),
        (1, "저 있어요. 챙겨 갈게요."),
        (0, "👍"),
        (2, "팝콘이랑 떡볶이 중에 뭐가 좋아요?"),
        (1, "당연히 둘 다죠 ㅋㅋ"),
        (0, "그럼 토요일 7시에 봬요!"),
    ],
    edit: (3, "좋아요. 프로젝터는 제가 가져갈게요. 긴 HDMI 케이블 있는 분?"),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes to docs/screenshots: run bin/screenshots"]
async fn readme_screenshots_are_taken() {
    for (scene, device, name) in [(ENGLISH, Device::Desk, "desktop-en"), (KOREAN, Device::Phone, "phone-ko")] {
        take(&scene, device, name).await;
    }
}

async fn take(scene: &Scene, device: Device, name: &str) {
    let (site, images, _) = site_with_images(&format!("screenshots-{name}")).await;
    let people = [
        sign_up(&site, "mina", scene.nicknames[0]).await,
        sign_up(&site, "daniel", scene.nicknames[1]).await,
        sign_up(&site, "sora", scene.nicknames[2]).await,
    ];
    assert!(people[2].send_picture(encoded(&sunset(), ImageFormat::Png)).await.status < 400);
    let room = talk(scene, &people).await;
    // The sidebar counts users before the page itself connects.
    let _online = [people[0].follow(&room, 0).await, people[1].follow(&room, 0).await];
    let mut socket = people[2].follow(&room, 0).await;
    let typing = tokio::spawn(async move {
        loop {
            socket.send("typing").await;
            sleep(Duration::from_secs(1)).await;
        }
    });

    let browser = Browser::open(true).await;
    browser.on(device).await;
    browser.speak(scene.language).await;
    browser.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
    let cookie: Option<HeaderValue> = people[0].cookie();
    browser.be(&site.address, cookie.as_ref()).await;
    browser.goto(&format!("{}{room}", site.address)).await;
    let is_ready = "const connection = document.getElementById('connection');
         return document.readyState === 'complete' && document.fonts.status === 'loaded'
           && connection.dataset.state === 'connected'
           && document.querySelectorAll('#presence [data-user]').length === 3
           && document.querySelector('#typing [data-user]') !== null
           && [...document.images].every((image) => {
             const { top, bottom } = image.getBoundingClientRect();
             return image.complete || !image.checkVisibility() || bottom < 0 || top > innerHeight;
           });";
    eventually("the room to be ready", || async { (browser.run(is_ready, json!([])).await == true).then_some(()) })
        .await;
    // A blinking caret would differ from run to run.
    browser.run("document.activeElement.blur();", json!([])).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/screenshots/{name}.png"));
    // Of the viewport only: a picture of the whole page would scroll the log.
    let picture = browser.devtools("Page.captureScreenshot", json!({ "format": "png" })).await;
    std::fs::write(&file, STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
    typing.abort();
    browser.close().await;
    images.stop().await;
    assert!(file.metadata().unwrap().len() < MAX_BYTES, "{name}.png is larger than {MAX_BYTES} bytes");
}

async fn sign_up(site: &Site, login: &str, nickname: &str) -> Person {
    let person = site.visitor();
    let form = [("userId", login), ("userPassword", PASSWORD), ("userNickname", nickname)];
    assert_eq!(person.post("/user", &form).await.status, 303);
    person
}

/// Returns the path of the scene's first room.
async fn talk(scene: &Scene, people: &[Person; 3]) -> String {
    let mut path = String::new();
    // The list begins with the room that was active last.
    for (index, (name, topic, text)) in scene.rooms.iter().enumerate().rev() {
        let owner = &people[index % 3];
        path = owner.post("/room", &[("name", name), ("topic", topic)]).await.location.unwrap();
        if !text.is_empty() {
            owner.say(&path, text).await;
        }
    }
    for (author, text) in scene.chats {
        people[*author].say(&path, text).await;
    }
    let (index, text) = scene.edit;
    let edited = format!("{path}/chat/{}", index + 1);
    let author = &people[scene.chats[index].0];
    assert_eq!(author.post(&edited, &[("_method", "put"), ("text", text)]).await.status, 303);
    path
}

fn sunset() -> RgbImage {
    RgbImage::from_fn(256, 256, |x, y| {
        let (dx, dy) = (f64::from(x) - 128.0, f64::from(y) - 150.0);
        let height = u8::try_from(y / 2).unwrap_or(u8::MAX);
        match (dx.hypot(dy) < 60.0, y > 176) {
            (_, true) => Rgb([40, 70 + height / 4, 96]),
            (true, false) => Rgb([250, 214, 120]),
            (false, false) => Rgb([244 - height / 2, 150, 120 + height / 3]),
        }
    })
}
