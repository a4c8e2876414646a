//! Files in chats: posted once, seen by members only, gone with their chats.

use std::time::{SystemTime, UNIX_EPOCH};

use image::ImageFormat;
use mongodb::Client;
use mongodb::bson::{DateTime, Document, doc};
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL};
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use sarangbang::ticket::Purpose;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::helpers::eventually;
use crate::helpers::files::{NO_FILES, stored_files};
use crate::helpers::images::{encoded, four_colour_image, free_port, site_with_images, site_with_images_and};
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, Person, nonce};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, secret};

async fn id(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request as the file server signs it.
async fn signed(
    person: &Person,
    method: &str,
    path: &str,
    (purpose, subject): (Purpose, &str),
    body: &Value,
) -> Answer {
    let body = body.to_string();
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    let ticket = secret().ticket_with_claims(purpose, subject, &hex(body.as_bytes()), expiry).unwrap();
    let request = person.request(method, path).header(AUTHORIZATION, format!("Bearer {ticket}"));
    Answer::read(request.header("Accept", "application/json").body(body)).await
}

/// A stored file as the file server describes it: the name is made up.
fn file(kind: &str, name: &str, n: i32, nonce: &str) -> Value {
    let mut file = json!({
        "n": n, "path": hex(format!("{nonce} {n} {name}").as_bytes()), "kind": kind, "name": name,
        "type": if kind == "picture" { "image/jpeg" } else { "application/octet-stream" }, "bytes": 1_000,
    });
    if kind == "picture" {
        (file["width"], file["height"]) = (1_600.into(), 1_200.into());
    }
    file
}

fn chat(author: &str, text: &str, nonce: &str, files: &[Value]) -> Value {
    json!({ "user": author, "author": author, "text": text, "nonce": nonce, "files": files })
}

/// Posts a chat as the file server does.
async fn put(person: &Person, room: &str, chat: &Value) -> Answer {
    let subject = (Purpose::PostChat, room.strip_prefix("/room/").unwrap());
    signed(person, "PUT", &format!("{room}/chat"), subject, chat).await
}

async fn rows(site: &Site) -> Vec<Document> {
    use futures_util::TryStreamExt;
    let files = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap().collection("file");
    files.find(doc! {}).await.unwrap().try_collect().await.unwrap()
}

/// What the files of somebody occupy, as the site counts it.
async fn bytes(site: &Site, login: &str) -> i64 {
    let database = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let user: Document = database.collection("user").find_one(doc! { "login": login }).await.unwrap().unwrap();
    user.get_i64("bytes").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_with_files_is_posted_once_and_seen_by_members_only() {
    let site = Site::start().await;
    let [owner, member, outsider] =
        [site.person("owner").await, site.person("member").await, site.person("outsider").await];
    let made = owner.post("/room", &[("name", "closed"), ("kind", "closed"), ("user", &id(&member).await)]).await;
    let (room, me, nonce) = (made.location.unwrap(), id(&owner).await, nonce());
    let files = [file("picture", "산.jpg", 1, &nonce), file("file", "<b>한글.hwp", 2, &nonce)];
    let both = chat(&me, "", &nonce, &files);

    // All at once: one chat.
    let answers = futures_util::future::join_all((0..8).map(|_| put(&owner, &room, &both))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?} {}", answers[0].body);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 7, "{statuses:?}");
    let posted = answers[0].json();
    assert_eq!((&posted["text"], posted["files"].as_array().unwrap().len()), (&json!(""), 2));
    let url = format!("{room}/file/{}/1", posted["seq"]);
    assert_eq!(
        posted["files"][0],
        json!({
            "n": 1, "kind": "picture", "name": "산.jpg", "type": "image/jpeg", "bytes": 1_000, "width": 1_600, "height": 1_200,
            "animated": false, "alt": null, "url": url, "small": format!("{url}?small"),
        })
    );
    assert_eq!(rows(&site).await.iter().filter(|row| row.contains_key("seq") && !row.contains_key("due")).count(), 2);
    eventually("each file to count once", || async { (bytes(&site, "owner").await == 8_192).then_some(()) }).await;
    for other in [chat(&me, "text", &nonce, &files), chat(&me, "", &nonce, &files[..1]), chat(&me, "text", &nonce, &[])]
    {
        assert_eq!(put(&owner, &room, &other).await.json()["error"]["code"], "invalid");
    }

    // The article.
    let page = member.get(&room).await.body;
    let article = format!("#chat-{}", posted["seq"]);
    let picture = format!("{article} ul.files > li[data-kind=picture][data-n='1'] > a");
    assert_eq!(attribute_of(&page, &picture, "href"), Some(url.clone()));
    let image = format!("{picture} > img[width='320'][height='240'][loading=lazy][alt='산.jpg']");
    assert_eq!(attribute_of(&page, &image, "src"), Some(format!("{url}?small")));
    let download = format!("{article} li[data-kind=file] > a[download]");
    assert_eq!(text_of(&page, &download).as_deref(), Some("<b>한글.hwp 1.0 KB"));
    assert_eq!(text_of(&page, &format!("{article} .text")).as_deref(), Some(""));
    assert_eq!(text_of(&member.get("/room").await.body, ".last-chat .excerpt").as_deref(), Some("File: <b>한글.hwp"));

    // The files: a redirect that stays the same for a while, for members.
    let found = async |person: &Person, path: &str| {
        let answer = person.request("GET", path).send().await.unwrap();
        let caching = answer.headers().get(CACHE_CONTROL).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), caching.unwrap_or_default(), answer.headers().get("location").cloned())
    };
    for path in [&url, &format!("{url}?small"), &format!("{room}/file/{}/2", posted["seq"])] {
        let (status, caching, location) = found(&member, path).await;
        assert_eq!((status, caching.as_str()), (303, "private, no-cache"));
        assert_eq!(location, found(&owner, path).await.2);
        let location = location.unwrap().to_str().unwrap().to_owned();
        assert!(location.contains(":8001/file/") && location.contains("?ticket="), "{location}");
        assert_eq!(location.contains("-small?"), path.ends_with("small"));
    }
    let [shown, saved] = [found(&member, &url).await.2, found(&member, &format!("{url}?download")).await.2];
    assert!(shown.is_some() && shown != saved, "a browser saves it");
    for (person, path) in
        [(&outsider, url.as_str()), (&member, &url.replace("/1", "/3")), (&member, &format!("{url}x"))]
    {
        assert_eq!(found(person, path).await.0, 404, "{path}");
    }
    assert_eq!(found(&site.visitor(), &url).await.0, 401);

    // Nobody takes the files of somebody else.
    let taken = chat(&id(&member).await, "", &nonce, &files);
    assert_eq!(put(&member, &room, &taken).await.json()["error"]["code"], "invalid");

    // Nobody posts for somebody who may not write, or without a ticket.
    let theirs = chat(&id(&outsider).await, "", "other", &files);
    assert_eq!(put(&outsider, &room, &theirs).await.status, 404);
    let foreign = json!({ "user": me, "author": id(&member).await, "text": "", "nonce": "other", "files": files });
    assert_eq!(put(&owner, &room, &foreign).await.status, 409);
    for files in [vec![], vec![files[0].clone(), files[0].clone()]] {
        let answer = put(&owner, &room, &chat(&me, "", "other", &files)).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.body);
    }
    let elsewhere = (Purpose::PostChat, "0123456789abcdef01234567");
    let other_ticket = signed(&owner, "PUT", &format!("{room}/chat"), elsewhere, &both).await;
    assert_eq!(
        (other_ticket.status, owner.request("PUT", &format!("{room}/chat")).send().await.unwrap().status().as_u16()),
        (403, 403)
    );

    // Who leaves sees nothing more; what is removed is not there for anybody.
    owner.post(&format!("{room}/member/{}", id(&member).await), &[("_method", "delete")]).await;
    assert_eq!(found(&member, &url).await.0, 404);
    owner.post(&format!("{room}/chat/{}", posted["seq"]), &[("_method", "delete")]).await;
    assert_eq!(found(&owner, &url).await.0, 404);
    let gone = owner.get(&room).await.body;
    assert!(attribute_of(&gone, &format!("{article}.removed[hidden]"), "data-rev").is_some());
    assert!(!gone.contains("한글.hwp"), "neither the name nor a link");
    let page = owner.get(&format!("{room}/chat/{}", posted["seq"])).await;
    assert!(page.status == 200 && !page.body.contains("한글.hwp"), "nor its own page");
    assert_eq!(owner.get_json(&format!("{room}/chat/{}", posted["seq"])).await.json()["files"], json!([]));
    let mut form = both.clone();
    form["form"] = true.into();
    assert_eq!(put(&owner, &room, &form).await.status, 422, "a form is told that the chat is removed");
    let mut ended = chat(&me, "text", "ended", &[]);
    ended["session"] = "ended".into();
    assert_eq!(put(&owner, &room, &ended).await.status, 403);
    eventually("the space to be free", || async { (bytes(&site, "owner").await == 0).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_files_away_and_keeps_the_others() {
    let site = Site::start().await;
    let (author, nonce) = (site.person("author").await, nonce());
    let (room, me) = (author.make_room("plaza").await, id(&author).await);
    let files = [1, 2, 3].map(|n| file("picture", &format!("{n}.jpg"), n, &nonce));
    let first = chat(&me, "text", &nonce, &files);
    let posted = put(&author, &room, &first).await.json();
    let path = format!("{room}/chat/{}", posted["seq"]);
    let edit = async |fields: &[(&str, &str)]| {
        let fields = [&[("_method", "put")], fields].concat();
        author.post_for_json(&path, &fields).await
    };
    let numbers = |chat: &Value| -> Vec<i64> {
        chat["files"].as_array().unwrap().iter().map(|file| file["n"].as_i64().unwrap()).collect()
    };
    assert_eq!(
        text_of(&author.get(&path).await.body, "#edit-chat input[name=remove][value='2'] + bdi").as_deref(),
        Some("2.jpg")
    );

    // An edit of the text keeps the files; both at once lose nothing.
    let (text, files) = tokio::join!(edit(&[("text", "other")]), edit(&[("remove", "2")]));
    assert_eq!((text.status, files.status), (200, 200));
    let now = author.get_json(&path).await.json();
    assert_eq!((numbers(&now), &now["text"]), (vec![1, 3], &json!("other")));
    // A lost answer: the post is sent again, and brings nothing back.
    let again = put(&author, &room, &first).await;
    assert_eq!((again.status, numbers(&again.json())), (200, vec![1, 3]));
    let left = || async { rows(&site).await.iter().filter(|row| !row.contains_key("gone")).count() };
    eventually("no orphan", || async { (left().await == 2).then_some(()) }).await;
    // Again: nothing changes.
    let revision = now["rev"].clone();
    assert_eq!(edit(&[("remove", "2")]).await.json()["rev"], revision);
    let [empty, all] = [edit(&[("text", "")]).await, edit(&[("remove", "1"), ("remove", "3")]).await];
    assert_eq!((empty.status, numbers(&empty.json()), all.status), (200, vec![1, 3], 422), "something must remain");
    assert_eq!(edit(&[("text", "end"), ("remove", "1"), ("remove", "3")]).await.json()["files"], json!([]));
    let rows = async || rows(&site).await.iter().filter(|row| !row.contains_key("gone")).count();
    eventually("the rows to be gone", || async { (rows().await == 0).then_some(()) }).await;
    eventually("the space to be free", || async { (bytes(&site, "author").await == 0).then_some(()) }).await;
    for n in 1..=3 {
        assert_eq!(author.get(&format!("{room}/file/{}/{n}", posted["seq"])).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_may_store_is_limited() {
    let site = Site::configured(Serialized::default("files.user_bytes", "10KiB")).await;
    let (author, nonce) = (site.person("author").await, nonce());
    let (room, me) = (author.make_room("plaza").await, id(&author).await);
    let files = [1, 2].map(|n| file("picture", &format!("{n}.jpg"), n, &nonce));
    let first = chat(&me, "", &nonce, &files);
    assert_eq!(put(&author, &room, &first).await.status, 201);
    // Sent again it needs no more space.
    assert_eq!(put(&author, &room, &first).await.status, 200);
    let full = put(&author, &room, &chat(&me, "", "more", &[file("picture", "3.jpg", 1, "more")])).await;
    assert_eq!((full.status, &full.json()["error"]["code"]), (507, &json!("quota")));
    assert_eq!((rows(&site).await.len(), bytes(&site, "author").await), (2, 8_192));
    // All at once have no more space than one after the other.
    let other = site.person("other").await;
    let (bodies, them) = (["a", "b", "c", "d", "e", "f"], id(&other).await);
    let bodies = bodies.map(|nonce| chat(&them, "", nonce, &[file("picture", "1.jpg", 1, nonce)]));
    let sent = futures_util::future::join_all(bodies.iter().map(|body| put(&other, &room, body))).await;
    assert_eq!(sent.iter().filter(|answer| answer.status == 201).count(), 2, "10 KiB hold two of 4 KiB");
    assert!(sent.iter().all(|answer| [201, 507].contains(&answer.status)));
    author.post("/user/me", &[("_method", "put"), ("locale", "ko")]).await;
    let full = put(&author, &room, &chat(&me, "", "more", &[file("picture", "3.jpg", 1, "more")])).await;
    assert_eq!(full.json()["error"]["message"], "저장 공간이 가득 찼어요.");
    assert_eq!(put(&author, &room, &chat(&me, "text", "text", &[])).await.status, 201, "texts need no space");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_between_two_steps_is_repaired() {
    let site = Site::start().await;
    let author = site.person("author").await;
    let (room, me) = (author.make_room("plaza").await, id(&author).await);
    let posted = put(&author, &room, &chat(&me, "", "posted", &[file("picture", "1.jpg", 1, "posted")])).await.json();
    let database = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let (files, due) = (database.collection::<Document>("file"), doc! { "due": DateTime::from_millis(0) });
    // Before the number of the chat was stored, and before the chat was appended.
    files.update_one(doc! {}, doc! { "$set": &due, "$unset": { "seq": "" } }).await.unwrap();
    let mut orphan = files.find_one(doc! {}).await.unwrap().unwrap();
    orphan.extend(doc! { "_id": hex(b"orphan"), "nonce": "orphan" });
    files.insert_one(orphan).await.unwrap();
    database
        .collection::<Document>("user")
        .update_one(doc! { "login": "author" }, doc! { "$set": { "bytes": 99_i64 } })
        .await
        .unwrap();
    let repaired = || async {
        let rows = rows(&site).await;
        let (gone, kept): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.contains_key("gone"));
        let is_right = gone.len() <= 1 && kept.len() == 1 && kept[0].get_i64("seq").ok() == posted["seq"].as_i64();
        (is_right && bytes(&site, "author").await == 4_096).then_some(())
    };
    eventually("the rows to be right", repaired).await;
    // The file server asks for what no chat has.
    let names = [hex(b"orphan"), hex(b"other"), posted_name(&rows(&site).await)];
    let subject = (Purpose::QueryFiles, "");
    let unused = signed(&author, "POST", "/file/unused", subject, &json!({ "files": names })).await.json();
    assert!(unused["files"].as_array().unwrap().contains(&json!(hex(b"other"))));
    assert!(!unused["files"].as_array().unwrap().contains(&json!(names[2])));
    let none = signed(&author, "POST", "/file/unused", (Purpose::PostChat, ""), &json!({ "files": [] })).await;
    assert_eq!(none.status, 403);
}

fn posted_name(rows: &[Document]) -> String {
    let row = rows.iter().find(|row| row.contains_key("seq")).unwrap();
    row.get_str("_id").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_page_has_a_form_for_files_and_says_what_went_wrong() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("plaza").await;
    let page = person.get(&room).await.body;
    let form = "#attach[method=post][enctype='multipart/form-data']";
    let action = attribute_of(&page, form, "action").unwrap();
    assert!(action.ends_with(":8001/file"), "{action}");
    for field in ["input:first-child[name=ticket]", "[name=nonce]", "[name=author]", "[name=to]", "textarea[name=text]"]
    {
        assert!(attribute_of(&page, &format!("{form} {field}"), "name").is_some(), "{field}");
    }
    assert!(attribute_of(&page, &format!("{form} input[type=file][name=file][multiple]"), "id").is_some());
    for code in ["too-large", "quota", "unavailable", "gone"] {
        let page = person.get(&format!("{room}?upload={code}")).await.body;
        assert!(text_of(&page, "[role=alert][data-error-for=file]").is_some_and(|words| words.len() > 10), "{code}");
    }
    let other = person.get(&format!("{room}?upload=%3Cb%3E")).await;
    assert_eq!((other.status, text_of(&other.body, "[data-error-for=file]")), (200, None));
    let policy = person.request("GET", &room).send().await.unwrap();
    let policy = policy.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for directive in ["img-src", "media-src", "connect-src", "form-action"] {
        let origins = policy.split("; ").find(|part| part.starts_with(directive)).unwrap();
        assert!(origins.contains(":8001"), "{origins}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_files_and_a_text_become_one_chat_without_script_and_go_with_it() {
    let (site, images, folder) = site_with_images("files-form-sent").await;
    let person = site.person("gildong").await;
    let room = person.make_room("plaza").await;
    let picture = encoded(&four_colour_image(900, 600), ImageFormat::Jpeg);
    let files: [(&str, &[u8]); 3] = [("산.jpg", &picture), ("한글 파일.hwp", b"hwp"), ("a.txt", b"text")];
    let seq = person.say_with_files(&room, "세 파일", &files).await;
    let page = person.get(&room).await.body;
    let article = format!("#chat-{seq}");
    assert_eq!(text_of(&page, &format!("{article} .text")).as_deref(), Some("세 파일"));
    for (n, (name, bytes)) in (1..).zip(files) {
        let path = format!("{room}/file/{seq}/{n}");
        let kind = if n == 1 { "picture" } else { "file" };
        assert!(
            attribute_of(&page, &format!("{article} li[data-kind={kind}][data-n='{n}'] a"), "href")
                == Some(path.clone())
        );
        let (status, sent) = person.download(&path).await;
        assert_eq!((status, n == 1 || sent == bytes), (200, true), "{name}");
    }
    let small = image::load_from_memory(&person.download(&format!("{room}/file/{seq}/1?small")).await.1).unwrap();
    assert_eq!((small.width(), small.height()), (320, 213));
    assert_eq!(stored_files(&folder).len(), 4, "a picture has two");

    // One is taken away by an edit, the others go with the chat.
    let path = format!("{room}/chat/{seq}");
    assert_eq!(person.post(&path, &[("_method", "put"), ("text", "둘"), ("remove", "1")]).await.status, 303);
    let left = |count: usize| {
        let folder = folder.clone();
        move || {
            let count = (stored_files(&folder).len() == count).then_some(());
            async move { count }
        }
    };
    eventually("the picture to be deleted", left(2)).await;
    assert_eq!(person.download(&format!("{room}/file/{seq}/2")).await.1, b"hwp");
    assert_eq!(person.post(&path, &[("_method", "delete")]).await.status, 303);
    eventually("the files to be deleted", left(0)).await;
    eventually("the rows to be deleted", || async { rows(&site).await.is_empty().then_some(()) }).await;

    // A room takes its files with it, and nothing is lost where there are none.
    let form = person.attach_form(&room).await;
    let sent = form.send("text/html", &[("text", "only a text")], &[("", b"")]).await;
    assert!(sent.location.is_some_and(|location| location.contains("#chat-")));
    person.say_with_files(&room, "", &[("a.txt", b"text")]).await;
    person.post(&room, &[("_method", "delete")]).await;
    eventually("the files of the room to be deleted", left(0)).await;
    images.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_files_become_one_chat_however_often_they_are_sent() {
    let (site, images, folder) = site_with_images("files-staged-often").await;
    let person = site.person("gildong").await;
    let room = person.make_room("plaza").await;
    let form = person.attach_form(&room).await;
    let mut receipts = Vec::new();
    for n in ["1", "2"] {
        let fields = [("stage", "1"), ("n", n)];
        let answer = form.send("application/json", &fields, &[(&format!("{n}.txt"), n.as_bytes())]).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        receipts.push(answer.json()["receipt"].as_str().unwrap().to_owned());
    }
    let mut fields = vec![("text", "with two")];
    fields.extend(receipts.iter().map(|receipt| ("receipt", receipt.as_str())));
    let sent = futures_util::future::join_all((0..4).map(|_| form.send("application/json", &fields, NO_FILES))).await;
    let statuses: Vec<u16> = sent.iter().map(|answer| answer.status).collect();
    assert_eq!((statuses.iter().filter(|status| **status == 201).count(), statuses.len()), (1, 4), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
    let chat = sent[0].json();
    assert_eq!(person.open(&room).await.texts(), ["with two"]);
    assert_eq!((chat["files"][0]["name"].as_str(), chat["files"][1]["name"].as_str()), (Some("1.txt"), Some("2.txt")));
    // The same nonce with another file: neither a chat nor a file.
    let other = form.send("application/json", &fields, &[("3.txt", b"3")]).await;
    assert_eq!(other.status, 422, "{}", other.body);
    eventually("no orphan", || async { (stored_files(&folder).len() == 2).then_some(()) }).await;
    images.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_removed_chat_go_also_after_a_kill_and_without_a_file_server() {
    let var = folder("files-killed");
    // The file server must find the site.
    let program = || {
        let mut program = command(&var);
        program.env("ROCKET_PORT", free_port().to_string());
        program
    };
    let both = Process::run(program()).await;
    let person = Person::new(&both.address);
    person.sign_up("gildong").await;
    let room = person.make_room("plaza").await;
    let seq = person.say_with_files(&room, "", &[("a.txt", b"text")]).await;
    let files = var.join("var/images");
    assert_eq!(stored_files(&files).len(), 1);
    both.signal("KILL");
    both.ended().await;

    let mut alone = program();
    alone.arg("site");
    let site = Process::run(alone).await;
    let person = person.at(&site.address);
    assert_eq!(person.post(&format!("{room}/chat/{seq}"), &[("_method", "delete")]).await.status, 303);
    site.signal("KILL");
    site.ended().await;
    assert_eq!(stored_files(&files).len(), 1, "nobody could delete it");

    let _both = Process::run(program()).await;
    eventually("the file to be deleted", || async { stored_files(&files).is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_a_ticket_passes_at_any_host_name() {
    let settings = Figment::from(Serialized::default("files.min_free_percent", 100));
    let (site, images, _) = site_with_images_and("files-full-disk", settings).await;
    assert_eq!(site.visitor().get("/health").await.json()["space"], "low");
    let person = site.person("gildong").await;
    let room = person.make_room("plaza").await;
    let refused =
        person.attach_form(&room).await.send("application/json", &[("text", "")], &[("a.txt", b"text")]).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (507, &json!("disk")));
    images.stop().await;
    assert_eq!(site.visitor().get("/health").await.json()["space"], "away");

    // The file server reaches the site at an internal address. A name that the site does not know needs a ticket.
    let body = chat(&id(&person).await, "text", "nonce", &[]).to_string();
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    let (subject, path) = (room.strip_prefix("/room/").unwrap(), format!("{room}/chat"));
    let ticket = secret().ticket_with_claims(Purpose::PostChat, subject, &hex(body.as_bytes()), expiry).unwrap();
    for (ticket, status) in [(ticket.as_str(), 201), ("none", 421)] {
        let request =
            site.visitor().request("PUT", &path).header("Host", "site.internal").header("Accept", "application/json");
        let answer = Answer::read(request.header(AUTHORIZATION, format!("Bearer {ticket}")).body(body.clone())).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}
