//! Talking.

use futures_util::future::join_all;

use crate::helpers::page::{Page, attribute_of, text_of};
use crate::helpers::person::nonce;
use crate::helpers::site::{Site, new_database};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_and_a_third_outside_sees_nothing() {
    let site = Site::start().await;
    let (gildong, chunhyang, outside) =
        (site.person("홍길동").await, site.person("성춘향").await, site.person("outside").await);
    let room = gildong.make_room("사랑방").await;
    let elsewhere = outside.make_room("elsewhere").await;
    let (mut hers, mut his) = (chunhyang.follow(&room, 0).await, gildong.follow(&room, 0).await);
    let mut third = outside.follow(&elsewhere, 0).await;

    gildong.say(&room, "안녕하세요").await;
    let seen = hers.fragment().await;
    assert!(seen.contains("안녕하세요") && seen.contains("홍길동"), "{seen}");
    assert_eq!(his.fragment().await, seen, "rendered once");
    chunhyang.say(&room, "반갑습니다").await;
    assert!(his.fragment().await.contains("반갑습니다"));

    outside.say(&elsewhere, "anybody here?").await;
    let first = third.fragment().await;
    assert!(first.contains("anybody here?") && !first.contains("안녕하세요"), "{first}");
    assert_eq!(site.visitor().try_follow(&room, "", None).await.err(), Some(401));
    assert_eq!(site.visitor().ask_since(&room, 0).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_writers_and_every_reader_sees_one_gap_free_order() {
    let site = Site::start().await;
    let host = site.person("host").await;
    let room = host.make_room("busy").await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push((host.follow(&room, 0).await, host.open(&room).await));
    }
    let writers = join_all((0..10).map(|n| {
        let site = &site;
        async move { site.person(&format!("writer{n}")).await }
    }))
    .await;
    join_all(writers.iter().enumerate().map(|(w, writer)| {
        let room = &room;
        async move {
            for n in 0..100 {
                writer.say(room, &format!("{w}:{n}")).await;
            }
        }
    }))
    .await;

    let reload = host.reload_all(&room).await;
    reload.assert_whole(1_000);
    assert_eq!(reload.upto, 1_000);
    for (mut live, mut page) in readers {
        live.read_until(&mut page, 1_000).await;
        assert_eq!(page.chats, reload.chats);
    }
    let mut poller = Page::default();
    while poller.upto < 1_000 {
        poller.place(&host.ask_since(&room, poller.upto).await.body);
    }
    assert_eq!(poller.chats, reload.chats);
    for w in 0..10 {
        let own: Vec<String> = reload
            .texts()
            .iter()
            .filter(|text| text.starts_with(&format!("{w}:")))
            .map(|text| text.to_string())
            .collect();
        assert_eq!(
            own,
            (0..100).map(|n| format!("{w}:{n}")).collect::<Vec<_>>(),
            "in the order in which they were said"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_nonce_at_the_same_time_is_one_chat_and_both_are_told_the_same() {
    let (first, database) = (Site::start().await, new_database());
    drop(first);
    let (here, there) = (Site::on(&database).await, Site::on(&database).await);
    let person = here.person("gildong").await;
    let room = person.make_room("once").await;
    let twin = there.visitor();
    twin.sign_in("gildong", crate::helpers::person::PASSWORD).await;
    for round in 1..=20 {
        let (nonce, text) = (nonce(), format!("round {round}"));
        let tries = [&person, &person, &twin].map(|who| who.try_say(&room, &text, &nonce));
        let answers = join_all(tries).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201]);
        assert!(answers.iter().all(|answer| answer.json() == answers[0].json() && answer.json()["no"] == round));
    }
    person.reload_all(&room).await.assert_whole(20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_nonce_is_the_same_chat_for_ever_and_for_one_author_only() {
    let site = Site::start().await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    let room = gildong.make_room("nonces").await;
    let said = gildong.try_say(&room, "one", "same").await;
    for n in 0..60 {
        gildong.say(&room, &format!("between {n}")).await;
    }
    let database = site.database.clone();
    site.stop().await;
    let again = Site::on(&database).await;
    let (gildong, chunhyang) = (gildong.at(&again.address), chunhyang.at(&again.address));

    let repeated = gildong.try_say(&room, "one", "same").await;
    assert_eq!((repeated.status, repeated.json()), (200, said.json()));
    let form = gildong.post(&format!("{room}/chat"), &[("text", "one"), ("nonce", "same")]).await;
    assert_eq!((form.status, form.location), (303, Some(format!("{room}#chat-1"))));
    let other = gildong.try_say(&room, "other words", "same").await;
    assert_eq!((other.status, other.json()["error"]["fields"]["nonce"].is_string()), (422, true));
    assert_eq!(chunhyang.try_say(&room, "hers", "same").await.status, 201);
    assert_eq!(gildong.open(&room).await.chats.len(), 50);
    gildong.reload_all(&room).await.assert_whole(62);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_nonce_keeps_the_words_and_gets_a_fresh_nonce() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("nonces").await;
    person.try_say(&room, "one", "same").await;

    let refused = person.post(&format!("{room}/chat"), &[("text", "other <words>"), ("nonce", "same")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.fault("nonce").is_some());
    assert!(refused.body.contains("other &lt;words&gt;</textarea>"), "{}", refused.body);
    let nonce = Page::read(&refused.body).nonce;
    assert_ne!(nonce, "same");
    let taken = person.post(&format!("{room}/chat"), &[("text", "other <words>"), ("nonce", &nonce)]).await;
    assert_eq!(taken.status, 303);

    // Of what was removed nobody knows any more whether it was the same.
    assert_eq!(person.post(&format!("{room}/chat/2"), &[("_method", "delete")]).await.status, 303);
    let kept = person.post(&format!("{room}/chat"), &[("text", "new words"), ("nonce", &nonce)]).await;
    assert!(kept.status == 422 && kept.body.contains("new words</textarea>"), "{}", kept.status);
    let again = person.try_say(&room, "other <words>", &nonce).await;
    assert_eq!((again.status, &again.json()["removed"]), (200, &true.into()), "a page does not say it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_is_refused_and_kept() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("refusals").await;
    let long = "가".repeat(4_001);
    for text in ["", " \n ", "\u{200b}", &long, "a\u{202e}b", "a\u{0}b"] {
        let refused = person.post(&format!("{room}/chat"), &[("text", text), ("nonce", "keep-me")]).await;
        assert_eq!((refused.status, refused.fault("text").is_some()), (422, true), "{text:?}");
        assert_eq!(Page::read(&refused.body).nonce, "keep-me");
    }
    let refused = person.post(&format!("{room}/chat"), &[("text", &long), ("nonce", "keep-me")]).await;
    assert!(refused.body.contains(&long), "what was typed is there again");
    for nonce in ["", "a b", "ㄱ", &"n".repeat(65)] {
        assert_eq!(person.try_say(&room, "text", nonce).await.status, 422, "{nonce:?}");
    }
    assert_eq!(person.open(&room).await.chats.len(), 0, "nothing was stored");
    assert_eq!(person.try_say(&room, &"가".repeat(4_000), "keep-me").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_back_to_the_first_chat() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("long").await;
    for n in 1..=120 {
        person.say(&room, &format!("chat {n}")).await;
    }
    let latest = person.open(&room).await;
    assert_eq!((latest.upto, latest.texts()[0], latest.chats.len(), &latest.newer), (120, "chat 71", 50, &None));
    let older = person.open(latest.older.as_ref().unwrap()).await;
    assert_eq!((older.texts()[0], older.chats.len()), ("chat 21", 50));
    let first = person.open(older.older.as_ref().unwrap()).await;
    assert_eq!((first.texts()[0], first.chats.len(), &first.older), ("chat 1", 20, &None));

    let mut page = latest.clone();
    page.place(&person.get(&format!("{room}/chat?before=71")).await.body);
    page.place(&person.get(&format!("{room}/chat?before=21")).await.body);
    page.assert_whole(120);
    let far = person.get(&format!("{room}/chat?before=100000")).await;
    assert!(far.body.contains("chat 120"));
    // A page of the past is as live as the latest one. Its links leave no chat out.
    assert_eq!((older.upto, older.newer), (120, Some(format!("{room}?before=121#feed"))));
    for (at, first, count, newer) in [
        (60, 35, 51, Some(136)),
        (1, 1, 26, Some(77)),
        (95, 70, 51, None),
        (120, 95, 26, None),
        (i64::MAX, 95, 26, None),
    ] {
        let page = person.open(&format!("{room}?at={at}")).await;
        let (path, numbers): (_, Vec<i64>) = (|no| format!("{room}?before={no}"), page.chats.keys().copied().collect());
        assert_eq!(numbers, (first..first + count).collect::<Vec<_>>(), "at={at}");
        assert_eq!(page.upto, 120);
        assert_eq!(page.older, (first > 1).then(|| path(first)));
        assert_eq!(page.newer, newer.map(|no| path(no) + "#feed"));
        let json = person.get_json(&format!("{room}?at={at}")).await.json();
        let after = newer.map(|no| no - 51);
        assert_eq!(
            (&json["upto"], &json["before"], &json["after"]),
            (&120.into(), &(first > 1).then_some(first).into(), &after.into())
        );
    }
    for bad in ["at=0", "at=x", "at=", "at=9&before=9", "before=0"] {
        assert_eq!(person.get_json(&format!("{room}?{bad}")).await.status, 422, "{bad}");
    }
    // Who changes a chat of the past comes back to it.
    let (path, change) = (format!("{room}/chat/60"), [("_method", "put"), ("text", "changed")]);
    assert!(person.get(&path).await.body.contains(&format!("\"{room}?at=60#chat-60\"")));
    assert_eq!(person.post(&path, &change).await.location, Some(format!("{room}?at=60#chat-60")));
    assert_eq!(person.post(&path, &[("_method", "delete")]).await.location, Some(format!("{room}?at=60")));
    assert_eq!(person.open(&format!("{room}?at=60")).await.chats.len(), 51, "around a chat that was removed");
    let said = person.post(&format!("{room}/chat"), &[("text", "said"), ("nonce", "of-the-end")]).await;
    assert_eq!(said.location, Some(format!("{room}#chat-123")));
    for n in 1..=50 {
        person.say(&room, &format!("more {n}")).await;
    }
    let again = person.post(&format!("{room}/chat"), &[("text", "said"), ("nonce", "of-the-end")]).await;
    assert_eq!(again.location, Some(format!("{room}#chat-123")));
    for bad in ["before=0", "before=x", "since=-1", "since=1&before=3", "since=1&wait=x", "before=x&before=x"] {
        assert_eq!(person.get_json(&format!("{room}/chat?{bad}")).await.status, 422, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_has_a_page_of_its_own() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("links").await;
    let said = person.say(&room, "look at me").await;
    let page = person.get(&format!("{room}/chat/1")).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("look at me"));
    assert_eq!(person.get_json(&format!("{room}/chat/1")).await.json(), said);
    for missing in ["2", "0", "-1", "x", "99999999999999999999"] {
        assert_eq!(person.get(&format!("{room}/chat/{missing}")).await.status, 404, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_needs_nothing_but_json() {
    let site = Site::start().await;
    let bot = site.visitor();
    let form = [("userId", "bot"), ("userPassword", "password"), ("userNickname", "Bot")];
    let me = bot.post_for_json("/user", &form).await;
    assert_eq!((me.status, &me.json()["nickname"], &me.json()["admin"]), (201, &"Bot".into(), &true.into()));
    let made = bot.post_for_json("/room", &[("name", "bots"), ("topic", "beep")]).await;
    assert_eq!(made.status, 201);
    let room = format!("/room/{}", made.json()["id"].as_str().unwrap());

    let said = bot.say(&room, "beep").await;
    let keys: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["at", "author", "files", "mentions", "nickname", "no", "removed", "rev", "room", "seq", "text"]);
    let feed = bot.get_json(&format!("{room}/chat?since=0")).await.json();
    assert_eq!((&feed["upto"], &feed["chats"][0]), (&1.into(), &said));
    let latest = bot.get_json(&format!("{room}/chat")).await.json();
    assert_eq!(latest, feed);
    let show = bot.get_json(&room).await.json();
    assert_eq!((&show["room"]["name"], &show["upto"], &show["chats"][0]), (&"bots".into(), &1.into(), &said));
    assert_eq!(bot.get_json("/room").await.json()["rooms"][0]["name"], "bots");
    assert_eq!(bot.get_json("/room/nope").await.json()["error"]["code"], "not-found");
    let signed_out = site.visitor().get_json("/room").await;
    assert_eq!((signed_out.status, signed_out.json()["error"]["code"].clone()), (401, "signed-out".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_can_be_followed_code_is_code_and_all_else_is_text() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("text").await;
    let mut live = person.follow(&room, 0).await;
    let text =
        "see https://a.kr/b?c=1&d을, `<b>` and\n```rust\n  let https = \"https://b.kr\";\n```\n<i>**\"end\"**는</i>";
    let said = person.say(&room, text).await;
    assert_eq!(said["text"], text, "bots get what was typed");

    let fragment = live.fragment().await;
    let page = person.get(&room).await.body;
    let own = person.get(&format!("{room}/chat/1")).await.body;
    for html in [fragment, page, own] {
        let seen = |css: &str| text_of(&html, &format!(".chat div.text[dir=auto] {css}"));
        assert_eq!(seen("a").as_deref(), Some("https://a.kr/b?c=1&d"));
        let link = |name| attribute_of(&html, ".text a", name);
        assert_eq!(link("href").as_deref(), Some("https://a.kr/b?c=1&d"));
        assert_eq!(link("rel").as_deref(), Some("nofollow noopener noreferrer ugc"));
        assert_eq!(seen("a ~ a"), None, "no link in code");
        assert_eq!(seen("> code").as_deref(), Some("<b>"));
        assert!(
            html.contains(
                "<figure class=\"code\" data-language=\"rust\"><pre><code>  let https = &quot;https://b.kr&quot;;</code></pre></figure>\
                 &lt;i&gt;<strong>&quot;end&quot;</strong>는&lt;/i&gt;</div>"
            )
        );
        assert_eq!(seen("i").or(seen("b")), None);
    }
    let edited = [("_method", "put"), ("text", "`now`")];
    person.post(&format!("{room}/chat/1"), &edited).await;
    assert!(live.fragment().await.contains("<code>now</code></div>"));
    let form = person.get(&format!("{room}/chat/1")).await.body;
    assert_eq!(text_of(&form, "#edit-chat textarea").as_deref(), Some("`now`"), "what is edited is what was typed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_emoji_alone_are_told_apart_from_words() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("emoji").await;
    for text in ["👩‍👩‍👧 🇰🇷 1️⃣", "ㅋㅋ 😀", "1"] {
        person.say(&room, text).await;
    }
    let page = person.get(&room).await.body;
    let emoji = |seq| text_of(&page, &format!("#chat-{seq} .text.emoji[dir=auto]"));
    assert_eq!([1, 2, 3].map(emoji), [Some("👩‍👩‍👧 🇰🇷 1️⃣".into()), None, None]);
    person.post(&format!("{room}/chat/1"), &[("_method", "put"), ("text", "words")]).await;
    assert_eq!(text_of(&person.get(&room).await.body, ".emoji"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_the_direction_ends_with_its_chat() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("turns").await;
    for text in ["one \u{2067}unclosed", "https://a.kr/\u{2067}b `\u{2067}c`", "three"] {
        person.say(&room, text).await;
    }
    let page = person.get(&room).await.body;
    for seq in 1..=3 {
        for part in [".nickname[dir=auto]", "div.text[dir=auto]"] {
            assert!(text_of(&page, &format!("#chat-{seq} {part}")).is_some(), "{seq} {part}");
        }
    }
    assert_eq!(attribute_of(&page, "#chat-2 .text a", "href").as_deref(), Some("https://a.kr/"));
    let sheet = attribute_of(&page, "link[href$='/bundle-room.css']", "href").unwrap();
    let sheet = person.get(&sheet).await.body;
    for rule in [".chat .text {", ".chat .text code {"] {
        let (_, rest) = sheet.split_once(rule).unwrap();
        assert!(rest.split('}').next().unwrap().contains("unicode-bidi: "), "{rule}");
    }
}
