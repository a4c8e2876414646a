//! Following a room.

use futures_util::future::join_all;
use tokio::io::AsyncReadExt;

use crate::helpers::page::{Page, text_of};
use crate::helpers::site::Site;
use crate::helpers::{eventually, within_timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_away_for_500_chats_returns_to_all_of_them_in_order() {
    let site = Site::start().await;
    let (writer, reader) = (site.person("writer").await, site.person("reader").await);
    let room = writer.make_room("long absence").await;
    writer.say(&room, "before").await;
    let mut page = reader.open(&room).await;
    let mut live = reader.follow(&room, page.upto).await;
    live.element("presence", |_| true).await;
    drop(live);

    for n in 1..=500 {
        writer.say(&room, &format!("missed {n}")).await;
    }
    let mut live = reader.follow(&room, page.upto).await;
    let mut seen = Vec::new();
    while page.upto < 501 {
        let fragment = live.fragment().await;
        let mut alone = Page::default();
        alone.place(&fragment);
        seen.extend(alone.chats.keys().copied());
        page.place(&fragment);
    }
    assert_eq!(seen, (2..=501).collect::<Vec<i64>>(), "in order, none twice");
    assert_eq!(page.chats, reader.reload_all(&room).await.chats);
    writer.say(&room, "after").await;
    assert!(live.fragment().await.contains("after"), "and it goes on live");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_come_while_chats_are_said_miss_nothing() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("arrivals").await;
    let write = async {
        for n in 1..=200 {
            person.say(&room, &format!("chat {n}")).await;
        }
    };
    let read = join_all((0..20).map(|n| {
        let (person, room) = (&person, &room);
        async move {
            // Each comes at another moment of the writing.
            eventually("some chats", || async { (person.open(room).await.upto >= n * 8).then_some(()) }).await;
            let mut page = person.reload_all(room).await;
            let mut live = person.follow(room, page.upto).await;
            live.read_until(&mut page, 200).await;
            page.assert_whole(200);
        }
    }));
    tokio::join!(write, read);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_waits_for_the_next_chat_and_says_when_there_is_none() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("poll").await;
    person.say(&room, "one").await;
    assert!(person.ask_since(&room, 0).await.body.contains("one"));
    assert_eq!(person.ask_since(&room, 1).await.body, "<chat-feed data-upto=\"1\"></chat-feed>");
    assert_eq!(person.get(&format!("{room}/chat?since=1&wait=0")).await.status, 204);
    let path = format!("{room}/chat?since=1&wait=30");
    let poll = person.get(&path);
    let (polled, _) = tokio::join!(poll, person.say(&room, "two"));
    assert_eq!(polled.status, 200);
    assert!(polled.body.contains("two") && !polled.body.contains("one"), "{}", polled.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_beyond_the_log_is_409_and_4409() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("beyond").await;
    person.say(&room, "one").await;
    assert_eq!(person.ask_since(&room, 2).await.status, 409);
    assert_eq!(person.follow(&room, 2).await.close_code().await, Some(4409));
    assert!(person.ask_since(&room, 1).await.body.starts_with("<chat-feed data-upto=\"1\">"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_closes_this_sessions_sockets_and_no_others() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("sessions").await;
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", crate::helpers::person::PASSWORD).await;
    let (mut here, mut there) = (person.follow(&room, 0).await, elsewhere.follow(&room, 0).await);

    let out = person.post("/session", &[("_method", "delete")]).await;
    assert_eq!((out.status, out.location.as_deref()), (303, Some("/user")));
    assert!(out.cookie.is_some_and(|cookie| cookie.starts_with("sarangbang-") && cookie.contains("=; ")));
    assert_eq!(here.close_code().await, Some(4401));
    elsewhere.say(&room, "still here").await;
    assert!(there.fragment().await.contains("still here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_room_tells_its_readers_and_ends_it() {
    let site = Site::start().await;
    let (owner, guest) = (site.person("owner").await, site.person("guest").await);
    let room = owner.make_room("short-lived").await;
    owner.say(&room, "hello").await;
    let mut live = guest.follow(&room, 1).await;
    let path = format!("{room}/chat?since=1&wait=30");
    let poll = guest.get(&path);
    let delete = owner.post(&room, &[("_method", "delete")]);
    let (polled, deleted) = tokio::join!(poll, delete);
    let list = room.replace("/room/", "/room?deleted=");
    assert_eq!((deleted.status, deleted.location), (303, Some(list)));
    assert_eq!(polled.status, 404);
    assert_eq!(live.close_code().await, Some(4404));
    for path in [room.clone(), format!("{room}/chat?since=0"), format!("{room}/chat/1")] {
        assert_eq!(guest.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(guest.try_say(&room, "too late", "nonce").await.status, 404);
    assert_eq!(guest.try_follow(&room, "?since=0", None).await.err(), Some(404));
    assert!(!guest.get("/room").await.body.contains("short-lived"));
    guest.make_room("short-lived").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_site_says_1012_and_the_reader_goes_on_at_the_next() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("restart").await;
    person.say(&room, "before").await;
    let mut page = person.open(&room).await;
    let mut live = person.follow(&room, page.upto).await;
    let database = site.database.clone();
    let (code, ()) = tokio::join!(live.close_code(), site.stop());
    assert_eq!(code, Some(1012));

    let again = Site::on(&database).await;
    let person = person.at(&again.address);
    person.say(&room, "after").await;
    person.follow(&room, page.upto).await.read_until(&mut page, 2).await;
    assert_eq!(page.texts(), ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_here_and_who_types_shows() {
    let site = Site::start().await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    let room = gildong.make_room("presence").await;
    let mut his = gildong.follow(&room, 0).await;
    his.element("presence", |here| here.contains("gildong")).await;
    let mut hers = chunhyang.follow(&room, 0).await;
    his.element("presence", |here| here.contains("gildong") && here.contains("chunhyang")).await;
    assert!(gildong.get(&room).await.body.contains("chunhyang"), "on the page, too");

    hers.send("typing").await;
    his.element("typing", |typing| typing.contains("chunhyang")).await;
    chunhyang.say(&room, "done").await;
    his.element("typing", |typing| !typing.contains("chunhyang")).await;
    let second = chunhyang.follow(&room, 0).await;
    hers.socket.close(None).await.unwrap();
    drop(second);
    his.element("presence", |here| !here.contains("chunhyang")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_more_than_4_kib_ends_its_socket_and_nothing_else() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("frames").await;
    let (mut bad, mut good) = (person.follow(&room, 0).await, person.follow(&room, 0).await);
    bad.send(&"x".repeat(4_096)).await;
    bad.send("typing").await;
    bad.element("typing", |typing| typing.contains("gildong")).await;
    bad.send(&"x".repeat(4_097)).await;
    assert_eq!(bad.close_code().await, Some(1009));
    person.say(&room, "still talking").await;
    assert!(good.fragment().await.contains("still talking"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_here_no_more() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("empty").await;
    for _ in 0..3 {
        let mut live = person.follow(&room, 0).await;
        live.element("presence", |here| here.contains("1 online")).await;
        drop(live);
        eventually("the room to be empty", || async {
            let here = text_of(&person.get(&room).await.body, "#presence .count");
            (here? == "0 online").then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_asked_whether_it_lives_and_dropped_when_it_does_not_say() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("heartbeat").await;
    let mut lively = person.follow(&room, 0).await;
    let mut silent = person.handshake(&room, "").await;
    // The one reads, and so answers pings; the other reads bytes and answers nothing.
    let pinged = async {
        let mut bytes = Vec::new();
        while !bytes.windows(2).any(|frame| frame == [0x89, 0]) {
            assert!(silent.read_buf(&mut bytes).await.unwrap() > 0, "it is asked before it is dropped");
        }
        while silent.read_buf(&mut bytes).await.unwrap_or(0) > 0 {}
    };
    let listen = async {
        tokio::select! {
            code = lively.close_code() => panic!("closed with {code:?}"),
            () = within_timeout("the silent one to be dropped", pinged) => {}
        }
    };
    listen.await;
    person.say(&room, "still here").await;
    assert!(lively.fragment().await.contains("still here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_comes_and_goes_costs_nobody_else_an_answer() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("crowded").await;
    for _ in 0..20 {
        join_all((0..100).map(|n| {
            let (person, room) = (&person, &room);
            async move { drop(person.say(room, &format!("chat {n}")).await) }
        }))
        .await;
    }
    for _ in 0..4 {
        // Each asks for everything, and is gone before it has come.
        let crowd = join_all((0..150).map(|_| person.handshake(&room, "?since=0"))).await;
        drop(crowd);
        assert_eq!(person.get("/room").await.status, 200);
    }
    let mut page = Page::default();
    person.follow(&room, 0).await.read_until(&mut page, 2_000).await;
    page.assert_whole(2_000);
}
