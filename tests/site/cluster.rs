//! Several sites on one database.

use sarangbang::store::Lease;

use crate::helpers::database_proxy::DatabaseProxy;
use crate::helpers::images::{encoded, four_colour_image, free_port};
use crate::helpers::page::{Page, attribute_of};
use crate::helpers::pausing_proxy::PausingProxy;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database};
use crate::helpers::{eventually, within_timeout};

/// Two sites on one database that follow each other, and the same person at both.
async fn two(name: &str) -> ((Site, Site), (Person, Person)) {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let person = here.person(name).await;
    let twin = there.visitor();
    twin.sign_in(name, PASSWORD).await;
    ((here, there), (person, twin))
}

/// A site in a process of its own, on a database that it shares.
async fn start(name: &str, database: &str) -> Process {
    let mut command = command(&folder(name));
    command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
    Process::run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_every_site_see_the_same_order_at_once() {
    let ((_here, _there), (person, twin)) = two("gildong").await;
    let room = person.make_room("everywhere").await;
    let (mut live, mut other) = (person.follow(&room, 0).await, twin.follow(&room, 0).await);
    let (mut page, mut other_page) = (Page::default(), Page::default());
    for n in 1..=20 {
        let who = if n % 2 == 0 { &person } else { &twin };
        who.say(&room, &format!("chat {n}")).await;
        // Each waits for the other's: nothing is left to a probe that comes every 15 s.
        live.read_until(&mut page, n).await;
        other.read_until(&mut other_page, n).await;
    }
    page.assert_whole(20);
    assert_eq!(page.chats, other_page.chats);
    let (news, third) = (format!("{room}/chat?since=20&wait=30"), format!("{room}/chat/3"));
    let (polled, removed) = tokio::join!(twin.get(&news), person.post(&third, &[("_method", "delete")]));
    assert_eq!((polled.status, removed.status), (200, 303));
    assert!(polled.body.contains("id=\"chat-3\"") && !polled.body.contains("chat 3<"));
}

/// Somebody at a site who has said five things, and a reader at another one that is slow to read all of them.
struct Apart {
    pausing_proxy: PausingProxy,
    person: Person,
    reader: Person,
    room: String,
    _sites: (Site, Site),
}

async fn apart() -> Apart {
    let database = new_database();
    let pausing_proxy = PausingProxy::in_front_of(&database, ["firstBatch", "held back"]).await;
    let (here, there) = (Site::following(&pausing_proxy.database).await, Site::following(&database).await);
    let person = there.person("gildong").await;
    let reader = Person::with_cookie(&here.address, person.cookie().unwrap());
    let room = person.make_room("apart").await;
    // The second one comes only when all are read: the end is looked for at 1, 3, 7 and between.
    for text in ["one", "held back", "three", "four", "five"] {
        person.say(&room, text).await;
    }
    Apart { pausing_proxy, person, reader, room, _sites: (here, there) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_log_is_read_is_not_missed() {
    let Apart { pausing_proxy, person, reader, room, .. } = apart().await;
    let mut live = reader.follow(&room, 0).await;
    pausing_proxy.wait_until_paused().await;
    // What is read of the log by now does not have this one.
    person.say(&room, "in between").await;
    eventually("it to cross", || async { reader.ask_since(&room, 5).await.body.contains("in between").then_some(()) })
        .await;
    pausing_proxy.resume();
    let mut page = Page::default();
    live.read_until(&mut page, 6).await;
    assert_eq!(page.texts(), ["one", "held back", "three", "four", "five", "in between"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_log_to_be_read_is_heard_and_told_of_all_else() {
    let Apart { pausing_proxy, reader, room, .. } = apart().await;
    let mut at_its_end = reader.follow(&room, 5).await;
    let mut live = reader.follow(&room, 0).await;
    pausing_proxy.wait_until_paused().await;
    live.send("typing").await;
    at_its_end.element("typing", |typing| typing.contains("gildong")).await;
    live.element("typing", |typing| typing.contains("gildong")).await;
    pausing_proxy.resume();
    let mut page = Page::default();
    live.read_until(&mut page, 5).await;
    page.assert_whole(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_here_and_who_types_crosses_sites() {
    let ((_here, there), (person, _)) = two("gildong").await;
    let guest = there.person("guest").await;
    let room = person.make_room("presence").await;
    let (mut his, mut hers) = (person.follow(&room, 0).await, guest.follow(&room, 0).await);
    his.element("presence", |here| here.contains("guest") && here.contains("gildong")).await;
    hers.element("presence", |here| here.contains("guest") && here.contains("gildong")).await;
    hers.send("typing").await;
    his.element("typing", |typing| typing.contains("guest")).await;
    drop(hers);
    his.element("presence", |here| !here.contains("guest")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_and_a_deleted_room_close_the_sockets_of_every_site() {
    let ((here, there), (person, twin)) = two("gildong").await;
    let room = person.make_room("ends").await;
    // The session of the one, at the other.
    let roaming = Person::with_cookie(&there.address, person.cookie().unwrap());
    let mut roams = roaming.follow(&room, 0).await;
    let mut stays = twin.follow(&room, 0).await;
    person.post("/session", &[("_method", "delete")]).await;
    assert_eq!(roams.close_code().await, Some(4401));
    twin.say(&room, "still here").await;
    assert!(stays.fragment().await.contains("still here"));

    person.sign_in("gildong", PASSWORD).await;
    let changed = [("_method", "put"), ("userNickname", "새 이름")];
    twin.post("/user/me", &changed).await;
    eventually("the new name to cross", || async {
        let page = person.open(&room).await;
        (page.chats[&1].nickname == "새 이름").then_some(())
    })
    .await;
    assert_eq!(person.post(&room, &[("_method", "delete")]).await.status, 303);
    assert_eq!(stays.close_code().await, Some(4404));
    drop(here);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_at_a_site_that_died_then_is_not_listed_at_the_others() {
    let database = new_database();
    let (dies, lives) = (start("removes", &database).await, start("lists", &database).await);
    let person = Person::new(&dies.address);
    person.sign_up("gildong").await;
    let room = person.make_room("nobody is here").await;
    person.say(&room, "to be removed").await;
    let elsewhere = Person::with_cookie(&lives.address, person.cookie().unwrap());
    let lists = || async { elsewhere.get("/room").await.body.contains("to be removed") };
    eventually("it to be listed", || async { lists().await.then_some(()) }).await;
    assert_eq!(person.post(&format!("{room}/chat/1"), &[("_method", "delete")]).await.status, 303);
    dies.signal("KILL");
    dies.ended().await;
    eventually("it to be gone", || async { (!lists().await).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_site_costs_its_readers_a_reconnect_to_another_and_nothing_more() {
    let database = new_database();
    let (dies, lives) = (start("dies", &database).await, start("lives", &database).await);
    let person = Person::new(&dies.address);
    person.sign_up("gildong").await;
    let room = person.make_room("survivors").await;
    let elsewhere = Person::with_cookie(&lives.address, person.cookie().unwrap());
    let mut live = person.follow(&room, 0).await;
    let mut page = Page::default();
    let mut said = 0;
    for n in 1..=30 {
        person.say(&room, &format!("chat {n}")).await;
        said = n;
    }
    live.read_until(&mut page, 10).await;
    dies.signal("KILL");
    let half_written = person.request("POST", &format!("{room}/chat")).form(&[("text", "last"), ("nonce", "last")]);
    let _ = half_written.send().await;
    dies.ended().await;
    let mut live = elsewhere.follow(&room, page.upto).await;
    let last = elsewhere.try_say(&room, "last", "last").await;
    assert!(matches!(last.status, 200 | 201));
    live.read_until(&mut page, said + 1).await;
    page.assert_whole(said + 1);
    assert_eq!(page.chats, elsewhere.reload_all(&room).await.chats);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_purged_while_a_site_stood_still_ends_for_its_readers_too() {
    let database = new_database();
    let (sleeps, lives) = (start("sleeps", &database).await, start("wakes", &database).await);
    let person = Person::new(&sleeps.address);
    person.sign_up("gildong").await;
    let room = person.make_room("over").await;
    let elsewhere = Person::with_cookie(&lives.address, person.cookie().unwrap());
    let (mut live, mut page) = (person.follow(&room, 0).await, Page::default());
    for n in 1..=5 {
        elsewhere.say(&room, &format!("chat {n}")).await;
    }
    live.read_until(&mut page, 5).await;
    sleeps.signal("STOP");
    elsewhere.say(&room, "not heard there").await;
    assert_eq!(elsewhere.post(&room, &[("_method", "delete")]).await.status, 303);
    let client = mongodb::Client::with_uri_str(&database).await.unwrap();
    let chats = client.default_database().unwrap().collection::<mongodb::bson::Document>("chat");
    eventually("all to be purged", || async {
        (chats.count_documents(mongodb::bson::doc! {}).await.unwrap() == 1).then_some(())
    })
    .await;
    sleeps.signal("CONT");
    assert_eq!(live.close_code().await, Some(4404));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_instance_left_to_do_is_done_by_another_one_that_runs() {
    let database = new_database();
    let (lost, lives) = (start("lost", &database).await, start("lives", &database).await);
    let person = Person::new(&lost.address);
    person.sign_up("gildong").await;
    let room = person.make_room("left").await;
    for n in 1..=3 {
        person.say(&room, &format!("chat {n}")).await;
    }
    assert_eq!(person.post(&room, &[("_method", "delete")]).await.status, 303);
    // The room is purged half a minute later.
    lost.signal("KILL");
    lost.ended().await;
    let client = mongodb::Client::with_uri_str(&database).await.unwrap();
    let (chats, jobs) = {
        let database = client.default_database().unwrap();
        ["chat", "job"].map(|name| database.collection::<mongodb::bson::Document>(name)).into()
    };
    let of_whom = async || jobs.find_one(mongodb::bson::doc! {}).await.unwrap().unwrap().get_object_id("site").unwrap();
    let first = of_whom().await;
    eventually("the job to be taken over", || async { (of_whom().await != first).then_some(()) }).await;
    eventually("all to be purged", || async {
        let left = chats.count_documents(mongodb::bson::doc! {}).await.unwrap();
        let is_done = jobs.find_one(mongodb::bson::doc! {}).await.unwrap().is_none();
        (left == 1 && is_done).then_some(())
    })
    .await;
    drop(lives);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_standalone_server_the_second_site_waits_for_a_dead_one_and_gives_way_to_a_living_one() {
    let database = new_database();
    let (one, other) =
        (sarangbang::models::open(&database).await.unwrap(), sarangbang::models::open(&database).await.unwrap());
    let first = Lease::acquire(&one).await.unwrap().unwrap();
    let second = tokio::select! {
        () = first.renew() => panic!("nobody took it"),
        second = Lease::acquire(&other) => second.unwrap(),
    };
    assert!(second.is_none(), "another one has it");
    // It holds it no more, and has said nothing: it is dead.
    let second = Lease::acquire(&other).await.unwrap().unwrap();
    // And if it was not, it learns of it.
    first.renew().await;
    second.release().await;
    assert!(Lease::acquire(&one).await.unwrap().is_some());
}

/// nginx with our sample configuration, but for the ports and without TLS.
struct Nginx {
    address: String,
    _child: tokio::process::Child,
}

impl Nginx {
    async fn start(folder: &std::path::Path, port: u16, sites: [u16; 2], images: u16) -> Self {
        let sample = include_str!("../../docs/nginx.conf");
        let ports = [("8000", sites[0]), ("8010", sites[1]), ("8001", images)];
        let mut ours = sample.replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
        for (from, to) in ports {
            ours = ours.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"));
        }
        ours = ours.lines().filter(|line| !line.contains("ssl_")).collect::<Vec<_>>().join("\n");
        let here = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {here}/{what};\n"))
            .concat();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{ours}\n}}\n"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, whole).unwrap();
        let mut command = tokio::process::Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(path).arg("-e").arg(folder.join("error.log")).kill_on_drop(true);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let child = command.spawn().expect("nginx is installed by bin/test");
        let address = format!("http://127.0.0.1:{port}");
        eventually("nginx to answer", || async { reqwest::get(format!("{address}/health")).await.ok() }).await;
        Self { address, _child: child }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_as_in_the_sample_everything_works_and_a_site_may_die() {
    let (database, var) = (new_database(), folder("nginx"));
    let ports: [u16; 4] = std::array::from_fn(|_| free_port());
    let [front, one, other, images] = ports;
    let url = format!("http://127.0.0.1:{front}");
    let program = |word: &'static str, port: u16| {
        let mut command = command(&var);
        command.arg(word).env("ROCKET_PORT", port.to_string()).env("ROCKET_PROXIES", "[\"127.0.0.1\"]");
        command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
        command.env("ROCKET_SITE", format!("{{url=\"{url}\", internal_url=\"http://127.0.0.1:{one}\"}}"));
        command.env("ROCKET_IMAGES", format!("{{port={images}, url=\"{url}\"}}"));
        Process::run(command)
    };
    let (first, _second, _images) =
        (program("site", one).await, program("site", other).await, program("images", one).await);
    let nginx = Nginx::start(&var, front, [one, other], images).await;
    let (person, guest) = (Person::new(&nginx.address), Person::new(&nginx.address));
    person.sign_up("gildong").await;
    guest.sign_up("guest").await;
    let numbered = person.request("GET", "/user").header("X-Request-Id", "chosen").send().await.unwrap();
    let number = numbered.headers()["x-request-id"].to_str().unwrap();
    assert!(number.len() == 32 && number.bytes().all(|byte| byte.is_ascii_hexdigit()), "nginx numbers it: {number}");
    let room = person.make_room("behind").await;
    let (mut his, mut hers) = (person.follow(&room, 0).await, guest.follow(&room, 0).await);
    person.say(&room, "안녕하세요").await;
    assert!(his.fragment().await.contains("안녕하세요") && hers.fragment().await.contains("안녕하세요"));
    let photo = encoded(&four_colour_image(300, 300), image::ImageFormat::Jpeg);
    assert_eq!(person.send_picture(photo).await.location, Some(format!("{url}/user/me?picture=stored")));
    assert!(person.own_picture("").await.is_some());
    // The endless page is written through it, piece by piece.
    let mut page = person.request("GET", &format!("{room}/chat?stream")).send().await.unwrap();
    let mut read = async |words: &str| {
        let mut all = String::new();
        while !all.contains(words) {
            all.push_str(&String::from_utf8_lossy(&within_timeout("a piece", page.chunk()).await.unwrap().unwrap()));
        }
    };
    read("안녕하세요").await;
    guest.say(&room, "piece by piece").await;
    read("piece by piece").await;

    first.signal("KILL");
    first.ended().await;
    let mut pages = [Page::default(), Page::default()];
    guest.say(&room, "and on").await;
    for (who, page) in [&person, &guest].into_iter().zip(&mut pages) {
        who.follow(&room, 0).await.read_until(page, 3).await;
    }
    assert_eq!(pages[0].texts(), ["안녕하세요", "piece by piece", "and on"]);
    assert_eq!(pages[0].chats, pages[1].chats);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_removed_is_not_handed_out_of_memory() {
    let ((_here, _there), (person, twin)) = two("gildong").await;
    let room = person.make_room("memory").await;
    let mut live = person.follow(&room, 0).await;
    for n in 1..=10 {
        person.say(&room, &format!("word {n}.")).await;
    }
    assert_eq!(twin.post(&format!("{room}/chat/5"), &[("_method", "delete")]).await.status, 303);
    let mut page = Page::default();
    live.read_until(&mut page, 11).await;
    // What was rendered is forgotten, and the log is asked from where the chat stood.
    person.post("/user/me", &[("_method", "put"), ("userNickname", "새 이름")]).await;
    for since in 0..11 {
        let news = person.ask_since(&room, since).await.body;
        assert!(!news.contains("word 5."), "from {since}: {news}");
    }
}

/// A request through nginx from an address of this machine, which are many: 127.0.0.0/8.
fn client_at(address: [u8; 4]) -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    client.local_address(std::net::IpAddr::from(address)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_as_in_the_sample_stops_a_flood_and_passes_ordinary_use_and_addresses() {
    let (database, var) = (new_database(), folder("nginx-limits"));
    let ports: [u16; 4] = std::array::from_fn(|_| free_port());
    let [front, one, other, images] = ports;
    let url = format!("http://127.0.0.1:{front}");
    let mut command = command(&var);
    command.arg("site").env("ROCKET_PORT", one.to_string()).env("ROCKET_PROXIES", "[\"127.0.0.1\"]");
    command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
    command.env("ROCKET_SITE", format!("{{url=\"{url}\"}}"));
    let _site = Process::run(command).await;
    let nginx = Nginx::start(&var, front, [one, other], images).await;
    let person = Person::new(&nginx.address);
    person.sign_up("gildong").await;
    let room = person.make_room("ordinary").await;
    let mut live = person.follow(&room, 0).await;

    // A flood of sign-ups that need no hash, for their fields are wrong.
    let flood = client_at([127, 0, 0, 7]);
    let sign_ups = futures_util::future::join_all((0..200).map(|_| async {
        let answer = flood.post(format!("{}/user", nginx.address)).form(&[("userId", "?")]).send().await.unwrap();
        let waits = answer.headers().contains_key("retry-after");
        assert!(answer.status() != 429 || waits, "a refusal says when to try again");
        answer.status().as_u16()
    }));
    let sign_ups = sign_ups.await;
    let count = |status| sign_ups.iter().filter(|answer| **answer == status).count();
    assert!(count(422) >= 60 && count(429) >= 50, "{} passed, {} were stopped", count(422), count(429));
    assert_eq!(count(422) + count(429), 200);

    // Somebody else, and a busy room, are not held back.
    Person::new(&nginx.address).sign_up("guest").await;
    for round in 0..10 {
        futures_util::future::join_all((0..50).map(|n| {
            let (person, room) = (&person, &room);
            async move { drop(person.say(room, &format!("chat {round} {n}")).await) }
        }))
        .await;
    }
    let mut page = Page::default();
    live.read_until(&mut page, 500).await;
    page.assert_whole(500);

    // The site learns each client's own address.
    for n in 0..11 {
        let form = [("userId", "nobody"), ("userPassword", "wrong password")];
        let answer = client_at([127, 0, 0, 8]).post(format!("{}/session", nginx.address)).form(&form).send().await;
        assert_eq!(answer.unwrap().status(), if n < 10 { 422 } else { 429 }, "guess {n}");
    }
    let elsewhere = [("userId", "gildong"), ("userPassword", PASSWORD)];
    let answer = client_at([127, 0, 0, 9]).post(format!("{}/session", nginx.address)).form(&elsewhere).send().await;
    assert_eq!(answer.unwrap().status(), 303);

    // A head of 20 KB reaches no site.
    let long = client_at([127, 0, 0, 9]).get(format!("{}/alive", nginx.address)).header("X-Long", "x".repeat(20_000));
    assert_eq!(long.send().await.unwrap().status(), 400);
    let allowed = client_at([127, 0, 0, 9]).get(format!("{}/alive", nginx.address)).header("X-Long", "x".repeat(8_000));
    assert_eq!(allowed.send().await.unwrap().status(), 200);
}

/// Posts a form at a site that is killed while its database waits for one request.
async fn post_and_kill(site: Process, proxy: &DatabaseProxy, person: Person, path: &str, form: &[(&str, &str)]) {
    let person = person.at(&site.address);
    tokio::select! {
        answer = person.post(path, form) => panic!("{}: {}", answer.status, answer.body),
        () = proxy.wait_until_held() => {}
    }
    site.signal("KILL");
    site.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_and_its_entry_exist_both_or_not_at_all_after_a_crash() {
    let database = new_database();
    let proxy = DatabaseProxy::in_front_of(&database).await;
    let site = start("membership", &proxy.database).await;
    let people = ["owner", "kept", "removed", "added"].map(|name| (name, Person::new(&site.address)));
    for (name, person) in &people {
        person.sign_up(name).await;
    }
    let [owner, kept, removed, added] = people.map(|(_, person)| person);
    let mut ids = Vec::new();
    for person in [&kept, &removed, &added] {
        ids.push(person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned());
    }
    let made = owner.post("/room", &[("name", "club"), ("kind", "closed")]).await;
    let room = made.location.unwrap();
    let members = format!("{room}/member");
    let both = [("user", ids[0].as_str()), ("user", ids[1].as_str())];
    assert_eq!(owner.post(&members, &both).await.status, 303);
    let cookie = owner.cookie().unwrap();
    let owner_at = |site: &Process| Person::with_cookie(&site.address, cookie.clone());

    // The job of the first removal is not stored.
    proxy.hold_request("quiet");
    let removal = [("_method", "delete")];
    post_and_kill(site, &proxy, owner, &format!("{members}/{}", ids[0]), &removal).await;
    // The membership is deleted, and the entry is not stored.
    let site = start("membership", &proxy.database).await;
    let owner = owner_at(&site);
    proxy.hold_request("place");
    post_and_kill(site, &proxy, owner, &format!("{members}/{}", ids[1]), &removal).await;
    // The membership is stored, and the entry is not.
    let site = start("membership", &proxy.database).await;
    let owner = owner_at(&site);
    proxy.hold_request("place");
    post_and_kill(site, &proxy, owner, &members, &[("user", ids[2].as_str())]).await;

    let site = start("membership", &database).await;
    let owner = owner_at(&site);
    let [kept, removed, added] = [kept, removed, added].map(|person| person.at(&site.address));
    let log = eventually("both entries", || async {
        let log = owner.get_json(&format!("{room}/chat?since=2")).await;
        (log.status == 200).then(|| log.json()["events"].as_array().unwrap().clone()).filter(|log| log.len() == 2)
    })
    .await;
    let mut log: Vec<_> = log.iter().map(|event| (event["kind"].as_str(), event["user"].as_str())).collect();
    log.sort_unstable();
    assert_eq!(log, [(Some("joined"), Some(ids[2].as_str())), (Some("left"), Some(ids[1].as_str()))]);
    let statuses = [kept.get(&room).await.status, removed.get(&room).await.status, added.get(&room).await.status];
    assert_eq!(statuses, [200, 404, 200]);
}

/// Sends a form to a site and leaves once its database waits for one request with a word.
async fn post_until_held(
    proxy: &DatabaseProxy,
    word: &'static str,
    person: &Person,
    path: &str,
    form: &[(&str, &str)],
) {
    proxy.hold_request(word);
    tokio::select! {
        answer = person.post(path, form) => panic!("{}: {}", answer.status, answer.body),
        () = proxy.wait_until_held() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_adds_nobody_again_and_deletes_an_account_as_a_whole() {
    let database = new_database();
    let proxy = DatabaseProxy::in_front_of(&database).await;
    let (lost, lives) = (start("lost-members", &proxy.database).await, start("lives-members", &database).await);
    let people = ["owner", "removed", "leaver"].map(|name| (name, Person::new(&lost.address)));
    for (name, person) in &people {
        person.sign_up(name).await;
    }
    let [owner, removed, leaver] = people.map(|(_, person)| person);
    let mut ids = Vec::new();
    for person in [&removed, &leaver] {
        ids.push(person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned());
    }
    let room = owner.post("/room", &[("name", "club"), ("kind", "closed")]).await.location.unwrap();
    let members = format!("{room}/member");
    assert_eq!(owner.post(&members, &[("user", &ids[1])]).await.status, 303);
    // The membership is stored, and *joined* is not.
    post_until_held(&proxy, "place", &owner, &members, &[("user", &ids[0])]).await;
    // The user has left all rooms, and the account is there.
    let deletion = [("_method", "delete"), ("userPassword", PASSWORD)];
    post_until_held(&proxy, "delete\0\u{5}\0\0\0user\0", &leaver, "/user/me", &deletion).await;
    lost.signal("KILL");
    lost.ended().await;

    let [owner, removed] = [owner, removed].map(|person| person.at(&lives.address));
    assert_eq!(removed.get(&room).await.status, 200);
    assert_eq!(owner.post(&format!("{members}/{}", ids[0]), &[("_method", "delete")]).await.status, 303);
    assert_eq!(owner.get(&format!("/user/{}", ids[1])).await.status, 200);
    let client = mongodb::Client::with_uri_str(&database).await.unwrap().default_database().unwrap();
    let jobs = client.collection::<mongodb::bson::Document>("job");
    eventually("the jobs to be done", || async {
        jobs.find_one(mongodb::bson::doc! {}).await.unwrap().is_none().then_some(())
    })
    .await;
    assert_eq!(removed.get(&room).await.status, 404);
    assert_eq!(owner.get(&format!("/user/{}", ids[1])).await.status, 404);
    let listed = owner.get_json(&members).await.json();
    assert_eq!(listed["members"].as_array().unwrap().len(), 1);
    let log = owner.get_json(&format!("{room}/chat?since=0")).await.json();
    let log: Vec<_> = log["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(log, ["joined", "left", "left"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_survive_a_stop_whole_and_a_crash_but_for_two_seconds() {
    let database = new_database();
    let site = start("positions", &database).await;
    let (person, other) = (Person::new(&site.address), Person::new(&site.address));
    person.sign_up("person").await;
    other.sign_up("other").await;
    let room = other.make_room("plaza").await;
    let unread = format!("#unread-{}", room.strip_prefix("/room/").unwrap());
    let position = async |person: &Person| {
        let page = person.get("/room").await.body;
        attribute_of(&page, &unread, "data-read").unwrap_or_else(|| panic!("{page}")).parse::<i64>().unwrap()
    };
    person.open(&room).await;
    other.say(&room, "a question").await;
    person.say(&room, "an answer").await;
    site.signal("TERM");
    site.ended().await;

    let site = start("positions", &database).await;
    let (person, other) = (person.at(&site.address), other.at(&site.address));
    assert_eq!(position(&person).await, 2, "the own chat");
    for n in 3..=5 {
        other.say(&room, &format!("chat {n}")).await;
    }
    let reading = format!("{room}/reading");
    assert_eq!(person.post(&reading, &[("_method", "put"), ("no", "4")]).await.status, 303);
    site.signal("KILL");
    site.ended().await;

    let site = start("positions", &database).await;
    let person = person.at(&site.address);
    assert_eq!(position(&person).await, 4, "what was acknowledged is stored");
    person.say(&room, "another answer").await;
    let said = std::time::Instant::now();
    eventually("the own chat to be stored", || async { (position(&person).await == 6).then_some(()) }).await;
    assert!(said.elapsed() < std::time::Duration::from_secs(2), "{:?}", said.elapsed());
    person.say(&room, "the last answer").await;
    site.signal("KILL");
    site.ended().await;

    let site = start("positions", &database).await;
    let person = person.at(&site.address);
    assert!((6..=7).contains(&position(&person).await), "never ahead");
    drop(site);
}
