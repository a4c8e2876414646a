//! Closed and direct rooms: who is in them, and that nobody else learns anything of them.

use futures_util::future::join_all;

use crate::helpers::browser::Browser;
use crate::helpers::eventually;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::site::{Site, new_database};
use crate::helpers::within_timeout;

/// The id of a room that nobody has made.
const NO_ROOM: &str = "0123456789abcdef01234567";

async fn id_of(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

async fn make_closed_room(person: &Person, name: &str) -> String {
    let made = person.post("/room", &[("name", name), ("topic", ""), ("kind", "closed")]).await;
    assert_eq!(made.status, 303, "{}", made.body);
    made.location.unwrap()
}

async fn add(owner: &Person, room: &str, user: &str) -> Answer {
    post(owner, &format!("{room}/member"), &[("user", user)]).await
}

async fn remove(person: &Person, room: &str, user: &str) -> Answer {
    post(person, &format!("{room}/member/{user}"), &[("_method", "delete")]).await
}

/// Sends a form until the database has answered in time.
async fn post(person: &Person, path: &str, form: &[(&str, &str)]) -> Answer {
    eventually("an answer", || async { Some(person.post(path, form).await).filter(|answer| answer.status != 503) })
        .await
}

/// Whether the page that an answer leads to has a sentence.
async fn says(person: &Person, answer: &Answer, css: &str) -> bool {
    assert_eq!(answer.status, 303, "{}", answer.body);
    text_of(&person.get(answer.location.as_deref().unwrap()).await.body, css).is_some_and(|text| !text.is_empty())
}

async fn members(person: &Person, room: &str) -> Vec<String> {
    let members = person.get_json(&format!("{room}/member")).await.json();
    members["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

/// The answers of all routes about a room to a person, as far as they may differ by room.
async fn answers(person: &Person, room: &str, member: &str) -> Vec<(u16, String)> {
    let id = room.strip_prefix("/room/").unwrap().to_owned();
    let paths = ["", "?before=3", "?at=1", "/chat", "/chat?since=0", "/chat?since=0&wait=1", "/chat?stream", "/chat/1"];
    let mut answers = Vec::new();
    for path in paths.into_iter().chain(["/member"]) {
        let path = format!("{room}{path}");
        answers.push(person.get(&path).await);
        answers.push(person.get_json(&path).await);
    }
    for (path, form) in [
        ("/chat", &[("text", "x"), ("nonce", "n")][..]),
        ("/chat/1", &[("_method", "put"), ("text", "y")][..]),
        ("/chat/1", &[("_method", "delete")][..]),
        ("", &[("_method", "put"), ("name", "z")][..]),
        ("", &[("_method", "delete")][..]),
        ("/member", &[("user", member)][..]),
    ] {
        answers.push(person.post(&format!("{room}{path}"), form).await);
        answers.push(person.post_for_json(&format!("{room}{path}"), form).await);
    }
    answers.push(remove(person, room, member).await);
    let answers = answers.into_iter().map(|answer| (answer.status, without_request_id(&answer).replace(&id, "ID")));
    let mut answers: Vec<_> = answers.collect();
    let refused = person.try_follow(room, "?since=0", None).await.err();
    answers.push((refused.unwrap_or_default(), String::new()));
    answers
}

/// The body without the one part that differs by request.
fn without_request_id(answer: &Answer) -> String {
    let request_id = text_of(&answer.body, ".request-id code");
    request_id.map_or_else(|| answer.body.clone(), |request_id| answer.body.replace(&request_id, "-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn for_others_a_closed_or_direct_room_does_not_exist() {
    let site = Site::start().await;
    let (owner, other, stranger) =
        (site.person("owner").await, site.person("other").await, site.person("stranger").await);
    let (owner_id, other_id) = (id_of(&owner).await, id_of(&other).await);
    let closed = make_closed_room(&owner, "비밀 이야기").await;
    let direct = owner.post("/direct", &[("with", &other_id)]).await.location.unwrap();
    for room in [&closed, &direct] {
        owner.say(room, "only for us").await;
        let nothing = answers(&stranger, &format!("/room/{NO_ROOM}"), &owner_id).await;
        for (answer, expected) in answers(&stranger, room, &owner_id).await.into_iter().zip(&nothing) {
            assert_eq!(answer, *expected);
        }
        assert!(nothing.iter().all(|(status, _)| *status == 404), "{nothing:?}");
    }
    // Neither do lists, searches and the page after a deletion name it.
    let id = closed.strip_prefix("/room/").unwrap();
    for path in ["/room", "/room?q=비밀", &format!("/room?deleted={id}"), "/user/me"] {
        let page = stranger.get(path).await.body;
        assert!(!page.contains("비밀 이야기") && !page.contains(id) && !page.contains("only for us"), "{path}");
    }
    // An admin who is no member is a stranger too, and so is everybody once the room is deleted.
    assert_eq!(owner.post(&closed, &[("_method", "delete")]).await.status, 303);
    let page = stranger.get(&format!("/room?deleted={id}")).await.body;
    assert!(!page.contains("비밀 이야기"));
    // Its name is nobody's.
    make_closed_room(&owner, "one name").await;
    make_closed_room(&other, "one name").await;
    other.make_room("one name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_leave_and_hand_the_room_over() {
    let site = Site::start().await;
    let _admin = site.person("admin").await;
    let (owner, friend, guest) = (site.person("owner").await, site.person("friend").await, site.person("guest").await);
    let [owner_id, friend_id, guest_id] = [id_of(&owner).await, id_of(&friend).await, id_of(&guest).await];
    let room = make_closed_room(&owner, "book club").await;
    assert_eq!(members(&owner, &room).await, [owner_id.as_str()]);
    let unknown = add(&owner, &room, NO_ROOM).await;
    assert_eq!((unknown.status, unknown.fault("user").is_some()), (422, true));
    let both = [("user", friend_id.as_str()), ("user", guest_id.as_str()), ("user", friend_id.as_str())];
    let added = owner.post(&format!("{room}/member"), &both).await;
    assert_eq!((added.status, added.location.as_deref()), (303, Some(format!("{room}/member?done=added").as_str())));
    assert!(says(&owner, &added, "#members-notice").await);
    assert_eq!(members(&friend, &room).await.len(), 3);
    friend.say(&room, "thank you").await;

    // Members may leave; only the owner manages.
    assert_eq!(add(&friend, &room, &guest_id).await.status, 403);
    assert_eq!(remove(&friend, &room, &guest_id).await.status, 403);
    assert_eq!(friend.post(&room, &[("_method", "put"), ("name", "mine")]).await.status, 403);
    let left = remove(&guest, &room, &guest_id).await;
    assert_eq!((left.status, left.location.as_deref()), (303, Some("/room?done=left")));
    assert!(says(&guest, &left, "#list-notice").await);
    assert!(text_of(&guest.get("/room?done=nothing").await.body, "#list-notice").is_none());
    assert_eq!(guest.get(&room).await.status, 404);
    let to_nobody = owner.post(&room, &[("_method", "put"), ("owner", &guest_id)]).await;
    assert_eq!(to_nobody.status, 422);
    let handed = owner.post(&room, &[("_method", "put"), ("owner", &friend_id), ("back", "member")]).await;
    assert!(says(&owner, &handed, "#members-notice").await);
    assert_eq!(add(&owner, &room, &guest_id).await.status, 403);
    assert_eq!(add(&friend, &room, &guest_id).await.status, 303);

    // The owner who leaves without doing so is followed by the oldest member, the last one by nobody.
    assert_eq!(remove(&friend, &room, &friend_id).await.status, 303);
    let view = owner.get_json(&room).await.json();
    assert_eq!(view["room"]["owner"].as_str(), Some(owner_id.as_str()));
    assert_eq!(view["room"]["kind"], "closed");
    let removed = remove(&owner, &room, &guest_id).await;
    assert!(says(&owner, &removed, "#members-notice").await);
    assert_eq!(remove(&owner, &room, &owner_id).await.status, 303);
    assert_eq!(owner.get(&room).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_disconnected_everywhere_and_reads_nothing_more() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let (owner, member) = (here.person("owner").await, here.person("member").await);
    let twin = there.visitor();
    twin.sign_in("member", PASSWORD).await;
    let member_id = id_of(&member).await;
    let room = make_closed_room(&owner, "club").await;
    add(&owner, &room, &member_id).await;
    owner.say(&room, "before").await;
    let (mut live, mut other) = (member.follow(&room, 0).await, twin.follow(&room, 0).await);
    live.fragment().await;
    other.fragment().await;
    let news = format!("{room}/chat?since=2&wait=30");
    let path = format!("{room}/chat?stream");
    let removal = async {
        assert_eq!(remove(&owner, &room, &member_id).await.status, 303);
        let removed = std::time::Instant::now();
        owner.say(&room, "after").await;
        removed
    };
    let (polled, polled_there, (streamed, ended_at), removed) = within_timeout("the end of all", async {
        let streamed = async { (twin.get(&path).await, std::time::Instant::now()) };
        tokio::join!(member.get(&news), twin.get(&news), streamed, removal)
    })
    .await;
    for ended in [&polled, &polled_there] {
        assert_eq!(ended.status, 404, "{}", ended.body);
    }
    assert!(!streamed.body.contains("after"));
    // Long before the next sign of life of the stream.
    assert!(ended_at.saturating_duration_since(removed) < std::time::Duration::from_secs(15));
    for socket in [&mut live, &mut other] {
        loop {
            match socket.hear().await {
                Ok(message) => assert!(!message.contains("after"), "{message}"),
                Err(code) => break assert_eq!(code, Some(4404)),
            }
        }
    }
    for person in [&member, &twin] {
        assert_eq!(person.get(&format!("{room}/chat?since=0")).await.status, 404);
    }
    // Who comes back reads on from any cursor.
    add(&owner, &room, &member_id).await;
    let mut live = member.follow(&room, 0).await;
    loop {
        if live.fragment().await.contains("after") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_set_of_people_has_one_direct_room() {
    let database = new_database();
    let (here, there) = (Site::following(&database).await, Site::following(&database).await);
    let (one, other) = (here.person("one").await, there.person("other").await);
    let (one_id, other_id) = (id_of(&one).await, id_of(&other).await);
    let tries = (0..100).map(|n| {
        let (who, with) = if n % 2 == 0 { (&one, &other_id) } else { (&other, &one_id) };
        async move { post(who, "/direct", &[("with", with)]).await }
    });
    let rooms: Vec<_> = join_all(tries).await.into_iter().map(|answer| (answer.status, answer.location)).collect();
    assert!(rooms.iter().all(|room| *room == rooms[0] && room.0 == 303), "{rooms:?}");
    let room = rooms[0].1.clone().unwrap();
    // Naming oneself or somebody twice changes nothing.
    let again = other.post("/direct", &[("with", &one_id), ("with", &other_id), ("with", &one_id)]).await;
    assert_eq!(again.location.as_deref(), Some(room.as_str()));
    let seq = one.say(&room, "hello").await["seq"].as_i64().unwrap();
    let page = other.open(&room).await;
    assert_eq!(page.texts(), ["hello"], "{seq}");
    assert_eq!(text_of(&other.get(&room).await.body, "#room-name").as_deref(), Some("one"));
    // A direct room stays as it is.
    for answer in [
        one.post(&room, &[("_method", "put"), ("name", "x")]).await,
        one.post(&room, &[("_method", "put"), ("kind", "closed")]).await,
        one.post(&room, &[("_method", "delete")]).await,
        add(&one, &room, &other_id).await,
        remove(&one, &room, &one_id).await,
    ] {
        assert_eq!(answer.status, 403);
    }
    // Notes to oneself.
    let notes = one.post("/direct", &[]).await.location.unwrap();
    assert_eq!(one.post("/direct", &[("with", &one_id)]).await.location.as_deref(), Some(notes.as_str()));
    assert_ne!(notes, room);
    assert_eq!(one.post("/direct", &[("with", NO_ROOM)]).await.status, 422);
    // A deleted account leaves; the other one reads on.
    let deleted = other.post("/user/me", &[("_method", "delete"), ("userPassword", PASSWORD)]).await;
    assert_eq!(deleted.status, 303, "{}", deleted.body);
    assert_eq!(one.open(&room).await.texts(), ["hello"]);
    assert_eq!(one.post("/direct", &[("with", &other_id)]).await.status, 422);
    let id = room.strip_prefix("/room/").unwrap();
    eventually("the room to be listed under another name", || async {
        let name = text_of(&one.get("/room").await.body, &format!("#directs #room-{id} .name"));
        (name.expect("a listed room") == "deleted user").then_some(())
    })
    .await;
    assert_eq!(text_of(&one.get(&room).await.body, "#room-name").as_deref(), Some("deleted user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_closed_to_others_and_opened_again() {
    let site = Site::start().await;
    let (owner, other) = (site.person("owner").await, site.person("other").await);
    let room = owner.make_room("plaza").await;
    let mut live = other.follow(&room, 0).await;
    let closed = owner.post(&room, &[("_method", "put"), ("kind", "closed")]).await;
    assert_eq!(closed.status, 303);
    while live.hear().await.is_ok() {}
    assert_eq!(other.get(&room).await.status, 404);
    assert!(!other.get("/room").await.body.contains("plaza"));
    // Its name is free, so it may not become open again.
    let taker = other.make_room("plaza").await;
    let taken = owner.post(&room, &[("_method", "put"), ("kind", "open")]).await;
    assert_eq!((taken.status, taken.fault("name").is_some()), (422, true));
    assert_eq!(other.post(&taker, &[("_method", "delete")]).await.status, 303);
    assert_eq!(owner.post(&room, &[("_method", "put"), ("kind", "open")]).await.status, 303);
    assert_eq!(other.open(&room).await.texts(), Vec::<&str>::new());
    assert!(other.get("/room").await.body.contains("plaza"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_leaves_all_its_rooms() {
    let site = Site::start().await;
    let _admin = site.person("admin").await;
    let (leaver, heir, member) = (site.person("leaver").await, site.person("heir").await, site.person("member").await);
    let [leaver_id, heir_id, member_id] = [id_of(&leaver).await, id_of(&heir).await, id_of(&member).await];
    let (own, alone) = (make_closed_room(&leaver, "own").await, make_closed_room(&leaver, "alone").await);
    let foreign = make_closed_room(&heir, "foreign").await;
    for (owner, room, user) in [(&leaver, &own, &heir_id), (&leaver, &own, &member_id), (&heir, &foreign, &leaver_id)] {
        assert_eq!(add(owner, room, user).await.status, 303);
    }
    let plaza = heir.make_room("plaza").await;
    leaver.open(&plaza).await;
    let deleted = leaver.post("/user/me", &[("_method", "delete"), ("userPassword", PASSWORD)]).await;
    assert_eq!(deleted.status, 303, "{}", deleted.body);

    let own_room = heir.get_json(&own).await.json();
    assert_eq!(own_room["room"]["owner"], heir_id, "the oldest member");
    assert_eq!(add(&heir, &own, &leaver_id).await.status, 422);
    let mut remaining = members(&heir, &own).await;
    remaining.sort_unstable();
    let mut expected = [heir_id.as_str(), &member_id];
    expected.sort_unstable();
    assert_eq!(remaining, expected);
    assert_eq!(members(&heir, &foreign).await, [heir_id.as_str()]);
    for room in [&own, &foreign] {
        let log = heir.get_json(&format!("{room}/chat?since=0")).await.json();
        let last = log["events"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((last["kind"].as_str(), last["user"].as_str()), (Some("left"), Some(leaver_id.as_str())));
    }
    let client = mongodb::Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let user: mongodb::bson::oid::ObjectId = leaver_id.parse().unwrap();
    let rows = client.collection::<mongodb::bson::Document>("membership");
    assert_eq!(rows.count_documents(mongodb::bson::doc! { "user": user }).await.unwrap(), 0);
    let alone: mongodb::bson::oid::ObjectId = alone.strip_prefix("/room/").unwrap().parse().unwrap();
    let rooms = client.collection::<mongodb::bson::Document>("room");
    let closed = rooms.find_one(mongodb::bson::doc! { "_id": alone }).await.unwrap().unwrap();
    assert!(!closed.get_bool("open").unwrap(), "nobody is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_found_by_its_members_and_a_direct_room_grows_into_a_closed_one() {
    let site = Site::start().await;
    let (person, friend, third) =
        (site.person("gildong").await, site.person("friend").await, site.person("third").await);
    let [friend_id, third_id] = [id_of(&friend).await, id_of(&third).await];
    let direct = person.post("/direct", &[("with", &friend_id)]).await.location.unwrap();
    // Further people make a new room.
    let page = person.get(&format!("{direct}/member?find=thi")).await.body;
    assert!(attribute_of(&page, &format!("#invite [name=user][type=hidden][value=\"{friend_id}\"]"), "name").is_some());
    assert!(
        attribute_of(&page, &format!("#invite [name=user][type=checkbox][value=\"{third_id}\"]"), "name").is_some()
    );
    let form = [("name", "three of us"), ("kind", "closed"), ("user", friend_id.as_str()), ("user", third_id.as_str())];
    let room = person.post("/room", &form).await.location.unwrap();
    assert_eq!(members(&third, &room).await.len(), 3);
    let open = [("name", "open"), ("user", friend_id.as_str())];
    assert_eq!(person.post("/room", &open).await.status, 422);
    let unknown = [("name", "unknown"), ("kind", "closed"), ("user", NO_ROOM)];
    assert_eq!(person.post("/room", &unknown).await.status, 422);
    // A search finds it, also once it is hidden, and the direct room by the name of the other.
    person.post(&format!("{room}/membership"), &[("_method", "put"), ("level", "hidden")]).await;
    let id = room.strip_prefix("/room/").unwrap();
    let found = person.get("/room?q=Three").await.body;
    assert!(attribute_of(&found, &format!("#rooms #room-{id}"), "id").is_some(), "{found}");
    let id = direct.strip_prefix("/room/").unwrap();
    assert!(attribute_of(&person.get("/room?q=frie").await.body, &format!("#directs #room-{id}"), "id").is_some());
    assert!(!site.person("stranger").await.get("/room?q=three").await.body.contains("three of us"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_room_has_a_beginning_of_its_own() {
    let site = Site::start().await;
    let person = site.person("person").await;
    let mut others = Vec::new();
    for name in ["one", "two", "three", "four", "five"] {
        others.push(id_of(&site.person(name).await).await);
    }
    let empty = async |room: &str| text_of(&person.get(room).await.body, "#room-empty").unwrap();
    let open = person.make_room("open").await;
    let closed = make_closed_room(&person, "closed").await;
    let direct = person.post("/direct", &[("with", &others[0])]).await.location.unwrap();
    let notes = person.post("/direct", &[]).await.location.unwrap();
    let mut texts = Vec::new();
    for room in [&open, &closed, &direct, &notes] {
        texts.push(empty(room).await);
    }
    assert!(texts[0].contains("link") && texts[1..].iter().all(|text| !text.contains("link")), "{texts:?}");
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 4, "{texts:?}");

    // A room of several shows two of them and how many there are. The list goes on behind its first page.
    for set in 1..32 {
        let with: Vec<_> = (0..5).filter(|at| set >> at & 1 == 1).map(|at| ("with", others[at].as_str())).collect();
        assert_eq!(person.post("/direct", &with).await.status, 303);
    }
    let first = person.get("/room").await.body;
    assert_eq!(first.matches("<span class=\"pictures\">").count(), 30);
    assert_eq!(text_of(&first, "#directs li:first-child .size").as_deref(), Some("6"));
    let more = attribute_of(&first, "#more-directs", "href").unwrap();
    let second = person.get(more.split('#').next().unwrap()).await.body;
    assert_eq!(second.matches("<span class=\"pictures\">").count(), 2);
    assert!(attribute_of(&second, "#more-directs", "href").is_none());
    assert_eq!(person.get("/room?directs=0").await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_shows_new_names_and_topics_and_that_its_reader_was_removed() {
    let site = Site::start().await;
    let (owner, member) = (site.person("owner").await, site.person("member").await);
    let (owner_id, member_id) = (id_of(&owner).await, id_of(&member).await);
    let browser = Browser::open(true).await;
    browser.be(&site.address, member.cookie().as_ref()).await;
    let shows = async |css: &str, text: &str| {
        let text = Some(text.to_owned());
        let what = format!("{css} to show {text:?}");
        eventually(&what, || async { (browser.find(css).await.text().await.ok() == text).then_some(()) }).await;
    };
    let direct = member.post("/direct", &[("with", &owner_id)]).await.location.unwrap();
    browser.goto(&format!("{}{direct}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    owner.post("/user/me", &[("_method", "put"), ("userNickname", "주인")]).await;
    shows("#room-name", "주인").await;
    shows("#directs .name", "주인").await;
    assert!(browser.client.title().await.unwrap().starts_with("주인"));

    let room = make_closed_room(&owner, "club").await;
    add(&owner, &room, &member_id).await;
    browser.goto(&format!("{}{room}", site.address)).await;
    browser.find("#connection[data-state=connected]").await;
    let change = [("_method", "put"), ("name", "book club"), ("topic", "<b> and more")];
    assert_eq!(owner.post(&room, &change).await.status, 303);
    shows("#room-name", "book club").await;
    shows(".room-title .topic", "<b> and more").await;
    shows("#rooms .name", "book club").await;

    browser.type_into("#text", "half a sentence").await;
    remove(&owner, &room, &member_id).await;
    browser.find("#connection[data-state=deleted]").await;
    browser.find("#back-to-rooms:not([hidden])").await;
    assert_eq!(browser.count("#people, #presence, #open-people, #room-menu").await, 0);
    // Without a draft the tab goes to the list, which says why.
    browser.goto(&format!("{}/room?deleted={}", site.address, room.strip_prefix("/room/").unwrap())).await;
    browser.find("#list-notice").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_works_without_script() {
    let site = Site::start().await;
    let friend = site.person("friend").await;
    let friend_id = id_of(&friend).await;
    let browser = Browser::open(false).await;
    browser.sign_up(&site.address, "gildong").await;
    browser.click("#new-room [value=closed]").await;
    let room = browser.make_room("club").await;
    let path = url::Url::parse(&room).unwrap().path().to_owned();
    let id = path.strip_prefix("/room/").unwrap();

    browser.goto(&format!("{room}/member")).await;
    browser.type_into(".person-search [name=find]", "friend").await;
    browser.click(".person-search button").await;
    browser.click("#add-members [name=user]").await;
    browser.click("#add-members button").await;
    browser.find(&format!("#member-{friend_id}")).await;
    browser.find("#members-notice").await;
    browser.click("#level [value=all]").await;
    browser.click("#level button").await;
    browser.find("#level [value=all][checked]").await;
    browser.goto(&format!("{}/people", site.address)).await;
    browser.click(&format!("#person-{friend_id} .write-to button")).await;
    browser.find("#room-empty .title").await;

    let seq = friend.say(&path, "@gildong hello").await["seq"].as_i64().unwrap();
    let gildong = site.visitor();
    assert_eq!(gildong.sign_in("gildong", PASSWORD).await.status, 303);
    let is_told = async || gildong.get_json("/inbox").await.json()["head"] == 1;
    eventually("the mention", || async { is_told().await.then_some(()) }).await;
    browser.goto(&format!("{}/inbox", site.address)).await;
    browser.find("#inbox .new").await;
    browser.click("#inbox-reading button").await;
    browser.find("#inbox li:not(.new)").await;
    browser.goto(&format!("{room}?at=unread#unread-line")).await;
    browser.find("#unread-line").await;
    browser.click("#open-room-menu").await;
    browser.click(&format!("#mark-read[action='{path}/reading'] button")).await;
    browser.find(&format!("#rooms #unread-{id}[data-count='0']")).await;
    browser.goto(&format!("{room}/chat/{seq}")).await;
    browser.click("#mark-unread button").await;
    browser.find(&format!(".rooms-page #unread-{id}[data-count='1']")).await;
    browser.click(".mark-all summary").await;
    browser.click("#mark-all-read button").await;
    browser.find("#list-notice").await;
    browser.find(&format!(".rooms-page #unread-{id}[data-count='0']")).await;
    browser.goto(&format!("{room}/member")).await;
    browser.click("details:has(#leave-room) summary").await;
    browser.click("#leave-room button").await;
    browser.find(".rooms-page #list-notice").await;
    assert_eq!(browser.count(&format!("#room-{id}")).await, 0);
    browser.close().await;
}
