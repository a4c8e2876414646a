//! A gallery of every page that the site has, each in the states in which it looks another way.

use reqwest::header::HeaderValue;
use serde_json::json;

use super::browser::Browser;
use super::eventually;
use super::images::{Images, encoded, four_colour_image, site_with_images};
use super::person::{PASSWORD, Person};
use super::site::Site;

/// Two sites, one that much has happened on and one without a room, and all of their pages.
pub struct Gallery {
    pub stops: Vec<PageState>,
    _site: Site,
    _images: Images,
    _new: Site,
}

/// One page in one state.
pub struct PageState {
    pub name: &'static str,
    site: String,
    path: String,
    visitor: Option<HeaderValue>,
    /// The page is what a form of that page answers, sent there with these fields.
    form: Option<(String, Vec<(&'static str, String)>)>,
    /// All that can be opened on it is open.
    opened: bool,
    /// The id of a popover that is open.
    popover: Option<&'static str>,
}

/// The longest name of a room, in Hangul and without a space.
const LONG_NAME: &str = "동해물과백두산이마르고닳도록하느님이보우하사우리나라만세무궁화삼천리화려강산대한사람대한으로길이보전하세남산위에저소나무";

impl Gallery {
    /// Makes both sites; `name` names the folder of the pictures.
    pub async fn plan(name: &str) -> Self {
        let (site, images, _) = site_with_images(name).await;
        let new = Site::start().await;
        let (owner, author, guest) = (site.person("owner").await, site.person("author").await, site.visitor());
        let nickname = "남산위에저소나무철갑을두른듯바람서리불변함은우리기상일세무궁화삼천리화려강산";
        let form = [("userId", "guest"), ("userPassword", PASSWORD), ("userNickname", nickname)];
        assert_eq!(guest.post("/user", &form).await.status, 303);
        assert!(author.send_picture(encoded(&four_colour_image(300, 300), image::ImageFormat::Png)).await.status < 400);
        let empty = author.make_room("빈 방").await;
        let unbroken = "unbroken".repeat(7);
        let topic = "A topic as long as a topic may be, about everything and nothing. ".repeat(3);
        for (name, topic) in [(LONG_NAME, "짧은 주제"), (&unbroken, topic.trim()), ("غرفة الضيوف", "أهلا وسهلا")]
        {
            let answer = owner.post("/room", &[("name", name), ("topic", topic)]).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
        }
        let answer = author.post("/room", &[("name", "사랑방 Sarangbang"), ("topic", topic.trim())]).await;
        let room = answer.location.unwrap();
        let chats = talk(&room, [&author, &guest]).await;

        let files = author.make_room("사진과 파일").await;
        share(&files, [&author, &guest]).await;

        let card = format!("/user/{}", guest.get_json("/user/me").await.json()["id"].as_str().unwrap());
        let many = "가나다라마".repeat(13);
        let at = |name, path: &str, person: Option<&Person>| PageState {
            name,
            site: site.address.clone(),
            path: path.to_owned(),
            visitor: person.and_then(Person::cookie),
            form: None,
            opened: false,
            popover: None,
        };
        let host = new.person("host").await;
        let (author, guest) = (Some(&author), Some(&guest));
        let stops = vec![
            at("door", "/user", None),
            at("door-with-faults", "/user", None)
                .sends("/user", &[("userId", "a b"), ("userNickname", ""), ("userPassword", "short")]),
            at("sign-in-with-faults", "/user", None)
                .sends("/session", &[("userId", "nobody"), ("userPassword", PASSWORD)]),
            PageState { site: new.address.clone(), ..at("rooms-empty", "/room", Some(&host)) },
            at("rooms", "/room", author),
            at("rooms-with-faults", "/room", author).sends("/room", &[("name", &many), ("topic", &many.repeat(4))]),
            at("room-empty", &empty, author),
            at("room", &room, guest),
            at("room-at-a-chat", &format!("{room}#chat-{}", chats[0] - 10), author),
            at("room-opened", &room, author).opened(),
            at("room-with-files", &files, author),
            at("room-after-upload", &format!("{files}?upload=broken"), guest),
            at("room-sidebar", &room, author).shows("sidebar"),
            at("room-menu", &room, author).shows("room-menu"),
            at("room-settings", &room, author).shows("room-settings"),
            at("room-people", &room, author).shows("people"),
            at("account-menu", "/room#new-room", author).shows("account-menu"),
            at("rooms-found", "/room?q=nothing", author),
            at("room-before", &format!("{room}?before=30"), guest),
            at("room-with-faults", &room, guest)
                .sends(&format!("{room}/chat"), &[("text", " "), ("nonce", "a-nonce-of-the-gallery")]),
            at("chat-as-author", &format!("{room}/chat/{}", chats[0]), author),
            at("chat-as-reader", &format!("{room}/chat/{}", chats[0]), guest),
            at("chat-removed", &format!("{room}/chat/{}", chats[1]), guest),
            at("account", "/user/me", author),
            at("account-opened", "/user/me?done=profile&picture=kind", guest).opened(),
            at("account-with-faults", "/user/me", author)
                .sends("/user/me", &[("_method", "put"), ("userNickname", ""), ("locale", "xx")]),
            at("password-with-faults", "/user/me", author).sends(
                "/user/me",
                &[("_method", "put"), ("oldPassword", "not mine at all"), ("userPassword", "short")],
            ),
            at("card", &card, author),
            at("people", "/people", author),
            at("people-not-found", "/people?q=nothing", author),
            at("not-found", "/nowhere", author),
            at("forbidden", &room, guest).sends(&room, &[("_method", "put"), ("name", "mine now"), ("topic", "")]),
        ];
        Self { stops, _site: site, _images: images, _new: new }
    }
}

impl PageState {
    fn sends(self, action: &str, fields: &[(&'static str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { form: Some((action.to_owned(), fields)), ..self }
    }

    fn shows(self, popover: &'static str) -> Self {
        Self { popover: Some(popover), ..self }
    }

    fn opened(self) -> Self {
        Self { opened: true, ..self }
    }
}

impl Browser {
    /// Goes to a stop as its visitor, and waits until the page is as it stays.
    pub async fn visit(&self, stop: &PageState) {
        self.be(&stop.site, stop.visitor.as_ref()).await;
        self.goto(&format!("{}{}", stop.site, stop.path)).await;
        if let Some((action, fields)) = &stop.form {
            self.run(
                "const [action, fields] = arguments;
                 window.isOld = true;
                 const form = document.createElement('form');
                 Object.assign(form, { method: 'post', action });
                 for (const [name, value] of fields) {
                   form.append(Object.assign(document.createElement('textarea'), { name, value }));
                 }
                 document.body.append(form);
                 form.submit();",
                json!([action, fields]),
            )
            .await;
        }
        if stop.opened {
            self.run("document.querySelectorAll('details').forEach((details) => (details.open = true));", json!([]))
                .await;
        }
        if let Some(popover) = stop.popover {
            self.run("document.getElementById(arguments[0]).showPopover();", json!([popover])).await;
        }
        let is_ready = "if (window.isOld || document.readyState !== 'complete') return false;
             if (document.fonts.status !== 'loaded') return false;
             const connection = document.getElementById('connection');
             if (connection && connection.dataset.state !== 'connected') return false;
             if (connection && !document.querySelector('#presence [data-user]')) return false;
             return [...document.images].every((image) => {
               const { top, bottom } = image.getBoundingClientRect();
               return image.complete || !image.checkVisibility() || bottom < 0 || top > innerHeight;
             });";
        eventually(&format!("{} to be ready", stop.name), || async {
            let answer = self.client.execute(is_ready, vec![]).await;
            answer.is_ok_and(|is_ready| is_ready == true).then_some(())
        })
        .await;
    }
}

/// Sends all kinds of files to a room: pictures of several shapes, alone and together, a sound, a video and a document.
async fn share(room: &str, people: [&Person; 2]) {
    let picture = |width, height| encoded(&four_colour_image(width, height), image::ImageFormat::Png);
    let pictures = [picture(640, 480), picture(300, 900), picture(2_000, 200), picture(90, 90), picture(500, 500)];
    let names = ["바다.png", "tall.png", "wide.png", "작은 사진.png", "square.png"];
    let named: Vec<(&str, &[u8])> = names.into_iter().zip(pictures.iter().map(Vec::as_slice)).collect();
    for (n, count) in [1, 2, 3, 4, 5].into_iter().enumerate() {
        people[n % 2].say_with_files(room, ["", "둘 다 어제"][n % 2], &named[..count]).await;
    }
    let long = format!("{}.hwp", "회의록최종진짜최종".repeat(4));
    let others: [(&str, &[u8]); 3] = [
        ("녹음.mp3", b"ID3\x04\0\0\0\0\0\0"),
        ("clip.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
        (&long, &[0; 30_000]),
    ];
    people[0].say_with_files(room, "들어 보세요", &others).await;
}

/// Says all kinds of things in a room, some of which are edited or removed; answers the numbers of the first one, which
/// stays, and of one that is removed.
async fn talk(room: &str, people: [&Person; 2]) -> [i64; 2] {
    let kinds = [
        "짧은 말".to_owned(),
        "Did you see https://example.com/a/path/that/is/rather/long?with=a&query=that%20goes%20on#and-on today?".into(),
        "x".repeat(300),
        "가".repeat(300),
        "مرحبا بكم في غرفة الضيوف، كيف حالكم اليوم؟".into(),
        "```rust\nfn main() {\n    println!(\"안녕하세요, a line of code that is longer than any phone is wide, by far\");\n}\n```".into(),
        "`code` in *a* sentence, <b>and</b> & \"signs\"\n> **인용**한 말\n- 하나\n- ~~둘~~\n1. 셋".into(),
        "👩‍👩‍👧‍👦👍🏽🇰🇷 ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ".into(),
        "🎉".into(),
        "one\n\n\nfour lines down\n\ttabbed".into(),
        "동해 물과 백두산이 마르고 닳도록 하느님이 보우하사 우리나라 만세. 무궁화 삼천리 화려 강산 대한 사람, 대한으로 길이 보전하세.".into(),
        "A sentence, and then another one. ".repeat(8),
    ];
    let mut numbers = Vec::new();
    for n in 0..58 {
        let text = kinds[n % kinds.len()].as_str();
        // Each speaks a few times in a row.
        let person = people[n / 3 % 2];
        numbers.push(person.say(room, text).await["seq"].as_i64().unwrap());
        if n == 20 {
            person.say(room, &"아주 긴 말입니다. ".chars().cycle().take(4_000).collect::<String>()).await;
        }
    }
    let answer = people[0]
        .post(&format!("{room}/chat/{}", numbers[54]), &[("_method", "put"), ("text", "edited: 고친 말")])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = people[0].post(&format!("{room}/chat/{}", numbers[55]), &[("_method", "delete")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    people[0].say(room, "그리고 마지막 말").await;
    [numbers[48], numbers[55]]
}
