//! Backups: what is saved, what comes back, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use image::ImageFormat;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::helpers::files::stored_files;
use crate::helpers::images::{Images, encoded, four_colour_image, free_port, site_with_images};
use crate::helpers::page::Page;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::pausing_proxy::PausingProxy;
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database};
use crate::helpers::{eventually, within_timeout};

/// What the program said, and whether it succeeded.
struct Outcome {
    is_right: bool,
    said: String,
    wrong: String,
}

async fn run(mut command: Command, words: [&str; 2]) -> Outcome {
    let output = within_timeout("the program to end", command.args(words).output()).await.unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is_right = match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("{other:?}: {}", said(&output.stderr)),
    };
    Outcome { is_right, said: said(&output.stdout), wrong: said(&output.stderr) }
}

impl Outcome {
    fn assert_right(&self) {
        assert!(self.is_right, "{}{}", self.said, self.wrong);
    }

    fn assert_wrong(&self, words: &str) {
        assert!(!self.is_right && self.wrong.contains(words), "not \"{words}\": {}{}", self.said, self.wrong);
    }
}

/// The program on a database, with the pictures in a folder.
fn on(database: &str, images: &Path) -> Command {
    let mut command = command(images);
    command.env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
    command.env("ROCKET_IMAGES", format!("{{port={},dir=\"{}\"}}", free_port(), images.display()));
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn edit(person: &Person, room: &str, seq: i64, text: &str) {
    let answer = person.post(&format!("{room}/chat/{seq}"), &[("_method", "put"), ("text", text)]).await;
    assert_eq!(answer.status, 303);
}

async fn remove(person: &Person, path: &str) {
    assert_eq!(person.post(path, &[("_method", "delete")]).await.status, 303, "{path}");
}

async fn leave(person: &Person) {
    let answer = person.post("/user/me", &[("_method", "delete"), ("userPassword", PASSWORD)]).await;
    assert_eq!(answer.status, 303);
}

/// All that is written in a backup, unpacked.
fn everything(backup: &Path) -> String {
    let unpack = |name: &str| {
        let file = fs::File::open(backup.join(name)).unwrap();
        std::io::read_to_string(flate2::read::MultiGzDecoder::new(file)).unwrap()
    };
    ["room.jsonl.gz", "chat.jsonl.gz", "user.jsonl.gz", "membership.jsonl.gz", "inbox.jsonl.gz"].map(unpack).concat()
}

/// What people see: rooms, chats of each room from the first on, one chat by itself, cards.
async fn seen(person: &Person, rooms: &[&String], people: &[String]) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for path in ["/room".to_owned()].iter().chain(rooms.iter().copied()) {
        seen.insert(path.clone(), person.get_json(path).await.body);
    }
    for room in rooms {
        seen.insert(format!("{room} all"), format!("{:?}", person.reload_all(room).await.chats));
        for path in [format!("{room}?before=30"), format!("{room}/chat?before=30"), format!("{room}/chat/2")] {
            seen.insert(path.clone(), person.get_json(&path).await.body);
        }
    }
    for id in people {
        let card = person.get(&format!("/user/{id}")).await.body;
        seen.insert(id.clone(), text_of(&card, "main").unwrap());
    }
    seen
}

async fn id(person: &Person) -> String {
    person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_while_people_write_comes_back_as_it_was() {
    let (from, to) = (folder("backup-from"), folder("backup-to"));
    let backup = from.join("backup");
    let (site_port, port) = (free_port(), free_port());
    let program = |var: &PathBuf| {
        let mut command = command(var);
        // Not 0: the image server has to find the site.
        command.env("ROCKET_PORT", site_port.to_string()).env("ROCKET_IMAGES", format!("{{port={port}}}"));
        command
    };
    let site = Process::run(program(&from)).await;
    let people = ["gildong", "chunhyang", "leaver"].map(|_| Person::new(&site.address));
    for (person, name) in people.iter().zip(["gildong", "춘향이", "leaver"]) {
        person.sign_up(name).await;
    }
    let [gildong, chunhyang, leaver] = people;
    eventually("the image server to answer", || async {
        reqwest::get(format!("http://127.0.0.1:{port}/health")).await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    let pictures =
        [four_colour_image(300, 300), four_colour_image(400, 200)].map(|picture| encoded(&picture, ImageFormat::Png));
    for (person, picture) in [&gildong, &chunhyang].into_iter().zip(pictures) {
        assert!(person.send_picture(picture).await.location.unwrap().ends_with("stored"));
    }
    let profile = [("_method", "put"), ("userNickname", "성춘향"), ("locale", "ko"), ("theme", "dark")];
    assert_eq!(chunhyang.post("/user/me", &profile).await.status, 303);
    let (quiet, busy) = (gildong.make_room("사랑방 마루").await, chunhyang.make_room("대청").await);
    let gone = gildong.make_room("행랑").await;
    gildong.say(&gone, "words of a room that goes").await;
    for n in 1..=60 {
        let person = [&gildong, &chunhyang, &leaver][n % 3];
        person.try_say(&quiet, &format!("말 {n}"), &format!("nonce-{n}")).await;
    }
    edit(&gildong, &quiet, 3, "고친 말").await;
    edit(&chunhyang, &quiet, 4, "words before they go").await;
    remove(&chunhyang, &format!("{quiet}/chat/4")).await;
    remove(&gildong, &gone).await;
    leave(&leaver).await;
    let ids = [id(&gildong).await, id(&chunhyang).await];

    let (said, is_over) = (AtomicI64::new(0), AtomicBool::new(false));
    let write = async {
        while !is_over.load(Ordering::Relaxed) {
            gildong.say(&busy, "and on").await;
            said.fetch_add(1, Ordering::Relaxed);
        }
    };
    let save = async {
        eventually("some chats", || async { (said.load(Ordering::Relaxed) > 5).then_some(()) }).await;
        let (before, saved) = (said.load(Ordering::Relaxed), run(program(&from), ["backup", text(&backup)]).await);
        is_over.store(true, Ordering::Relaxed);
        saved.assert_right();
        assert!(saved.said.contains("Users: 2; rooms: 3;") && saved.said.contains("pictures: 2."), "{}", saved.said);
        (before, said.load(Ordering::Relaxed))
    };
    let ((), (least, most)) = tokio::join!(write, save);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(backup.clone()), mode(backup.join("user.jsonl.gz"))], [0o700, 0o600]);
    for words in ["words before they go", "words of a room that goes", "leaver"] {
        assert!(!everything(&backup).contains(words), "{words}");
    }
    let before = seen(&gildong, &[&quiet], &ids).await;
    let busy_before = gildong.reload_all(&busy).await;
    let picture_before = (gildong.own_picture("").await, chunhyang.own_picture("?small").await);
    site.signal("TERM");
    site.ended().await;

    // What was there before, under other names, stays there.
    fs::create_dir_all(to.join("var/images")).unwrap();
    fs::write(to.join("var/images/other.jpg"), "not ours").unwrap();
    run(program(&to), ["restore", text(&backup)]).await.assert_right();
    assert_eq!(fs::read(to.join("var/images/other.jpg")).unwrap(), b"not ours");
    let site = Process::run(program(&to)).await;
    let (gildong, chunhyang) = (Person::new(&site.address), Person::new(&site.address));
    assert_eq!(gildong.get("/room").await.status, 303, "nobody is signed in");
    for (person, name) in [(&gildong, "gildong"), (&chunhyang, "춘향이")] {
        assert_eq!(person.sign_in(name, PASSWORD).await.status, 303);
    }
    let mut after = seen(&gildong, &[&quiet], &ids).await;
    // The list says how much was said in the busy room by then.
    let list = |seen: &mut BTreeMap<String, String>| {
        let list: serde_json::Value = serde_json::from_str(&seen.remove("/room").unwrap()).unwrap();
        let rooms = list["rooms"].as_array().unwrap();
        let mut named: Vec<String> = rooms.iter().map(|room| room["name"].to_string()).collect();
        named.sort_unstable();
        named
    };
    let mut before = before;
    assert_eq!(list(&mut before), list(&mut after));
    assert_eq!(before, after);
    eventually("the image server to answer", || async {
        reqwest::get(format!("http://127.0.0.1:{port}/health")).await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
    assert_eq!((gildong.own_picture("").await, chunhyang.own_picture("?small").await), picture_before);
    assert!(picture_before.0.is_some() && picture_before.1.is_some());
    let page = chunhyang.get("/user/me").await.body;
    assert!(page.contains("data-theme=\"dark\"") && page.contains("lang=\"ko\""));
    assert_eq!(gildong.get(&gone).await.status, 404);

    let restored = gildong.reload_all(&busy).await;
    let count = restored.chats.len() as i64;
    restored.assert_whole(count);
    assert!(least <= count && count <= most, "{least} ≤ {count} ≤ {most}");
    assert!(restored.chats.iter().all(|(seq, chat)| busy_before.chats[seq] == *chat), "up to a moment it is the same");
    assert_eq!(gildong.say(&busy, "next").await["seq"], count + 1);
    let again = gildong.try_say(&quiet, "말 3", "nonce-3").await;
    assert_eq!((again.status, &again.json()["seq"]), (200, &3.into()), "said with this nonce before");
    let taken = gildong.post("/room", &[("name", "사랑방 마루"), ("topic", "")]).await;
    assert_eq!(taken.status, 422);
    gildong.make_room("행랑").await;
    assert!(Person::new(&site.address).sign_up("newcomer").await.status == 303);
    remove(&gildong, &busy).await;
    site.signal("TERM");
    site.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_while_it_is_saved_does_not_come_back() {
    let (var, database) = (folder("backup-meanwhile"), new_database());
    let backup = var.join("backup");
    let site = Site::on(&database).await;
    let (gildong, leaver) = (site.person("gildong").await, site.person("leaver").await);
    let [kept, closed, old] = ["kept", "closed", "old"].map(|name| (name, gildong.make_room(name)));
    let (kept, closed, old) = (kept.1.await, closed.1.await, old.1.await);
    for room in [&kept, &closed, &old] {
        gildong.say(room, "stays").await;
        leaver.say(room, "words that go").await;
        gildong.say(room, "read by now").await;
    }
    edit(&leaver, &kept, 2, "other words that go").await;

    // The chats of the first room are read, and no more.
    let pausing_proxy = PausingProxy::in_front_of(&database, ["firstBatch", "read by now"]).await;
    let save = async {
        let saved = run(on(&pausing_proxy.database, &var), ["backup", text(&backup)]).await;
        saved.assert_right();
        saved
    };
    let meanwhile = async {
        pausing_proxy.wait_until_paused().await;
        remove(&leaver, &format!("{kept}/chat/2")).await;
        gildong.say(&kept, "in between").await;
        remove(&gildong, &closed).await;
        leave(&leaver).await;
        // A name that goes from one room to the other must not be there twice.
        for (room, name) in [(&old, "older"), (&kept, "old")] {
            let form = [("_method", "put"), ("name", name), ("topic", "")];
            assert_eq!(gildong.post(room, &form).await.status, 303);
        }
        let new = gildong.make_room("new").await;
        pausing_proxy.resume();
        new
    };
    let (saved, new) = tokio::join!(save, meanwhile);
    assert!(saved.said.contains("Users: 1; rooms: 3;"), "{}", saved.said);

    let there = new_database();
    run(on(&there, &var), ["restore", text(&backup)]).await.assert_right();
    let restored = Site::on(&there).await;
    let person = restored.visitor();
    person.sign_in("gildong", PASSWORD).await;
    let page = person.open(&kept).await;
    assert_eq!(page, Page { nonce: page.nonce.clone(), ..gildong.open(&kept).await }, "as it is now");
    assert_eq!(page.texts(), ["stays", "", "read by now", "in between"]);
    assert_eq!(person.open(&old).await.texts(), ["stays", "words that go", "read by now"]);
    assert_eq!([person.get(&closed).await.status, person.get(&new).await.status], [404, 404]);
    let client = mongodb::Client::with_uri_str(&there).await.unwrap().default_database().unwrap();
    let entries = client.collection::<mongodb::bson::Document>("chat");
    let wiped = mongodb::bson::doc! { "text": { "$regex": "words that go" } };
    assert_eq!(entries.count_documents(wiped).await.unwrap(), 1, "but for the one that stands");
    let id = closed.strip_prefix("/room/").unwrap().parse::<mongodb::bson::oid::ObjectId>().unwrap();
    assert_eq!(entries.count_documents(mongodb::bson::doc! { "room": id }).await.unwrap(), 1, "closed");
    // Its number and those of the others are kept, so that the next room has the next one.
    assert_eq!(person.get(&person.make_room("closed").await).await.status, 200);
    assert_eq!(restored.visitor().sign_in("leaver", PASSWORD).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_fetched_from_another_machine_and_one_that_was_replaced_is_not_missed() {
    let (site, images, kept) = site_with_images("backup-fetched").await;
    let var = folder("backup-fetching");
    let backup = var.join("backup");
    let person = site.person("gildong").await;
    let send = async |size| {
        let sent = person.send_picture(encoded(&four_colour_image(size, size), ImageFormat::Png)).await;
        assert!(sent.location.unwrap().ends_with("stored"));
    };
    send(200).await;
    let new: Vec<(String, Vec<u8>)> =
        files(&kept).into_iter().map(|name| (name.clone(), fs::read(kept.join(&name)).unwrap())).collect();
    send(100).await;
    let old: Vec<String> = files(&kept).into_iter().filter(|name| new.iter().all(|(new, _)| new != name)).collect();
    assert_eq!(old.len(), 2);
    let away = |database: &str, address: &str| {
        let mut command = on(database, &var);
        let dir = var.join("elsewhere");
        command.env("ROCKET_IMAGES", format!("{{internal_url=\"{address}\",dir=\"{}\"}}", dir.display()));
        command
    };
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let outcome = run(away(&site.database, &nobody), ["backup", text(&backup)]).await;
    outcome.assert_wrong("(images.internal_url) does not answer");
    assert!(
        outcome.wrong.contains("Cannot complete the backup") && outcome.wrong.contains(". Delete "),
        "{}",
        outcome.wrong
    );
    run(away(&new_database(), &nobody), ["restore", text(&backup)]).await.assert_wrong("Cannot read a backup");
    fs::remove_dir_all(&backup).unwrap();

    let pausing_proxy = PausingProxy::in_front_of(&site.database, ["firstBatch", "argon2id"]).await;
    let save = run(away(&pausing_proxy.database, &images.address), ["backup", text(&backup)]);
    let meanwhile = async {
        pausing_proxy.wait_until_paused().await;
        // As an upload leaves it. An upload itself may take longer than a query may.
        let large = new.iter().find(|(name, _)| !name.contains("small")).unwrap();
        let replaced = doc! { "$set": { "picture": format!("/image/{}", large.0) } };
        let data = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
        data.collection::<Document>("user").update_one(doc! {}, replaced).await.unwrap();
        new.iter().for_each(|(name, bytes)| fs::write(kept.join(name), bytes).unwrap());
        old.iter().for_each(|name| fs::remove_file(kept.join(name)).unwrap());
        pausing_proxy.resume();
    };
    let (saved, ()) = tokio::join!(save, meanwhile);
    saved.assert_right();
    assert_eq!(files(&backup.join("image")), files(&kept));

    // Nothing is left of it anywhere: the rest is saved all the same.
    files(&kept).iter().for_each(|name| fs::remove_file(kept.join(name)).unwrap());
    let second = var.join("second");
    let saved = run(away(&site.database, &images.address), ["backup", text(&second)]).await;
    saved.assert_right();
    assert!(saved.wrong.contains("picture file missing") && saved.said.contains("pictures: 0."));
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_would_do_harm_is_refused_in_words() {
    let var = folder("backup-refused");
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("room").await;
    person.open(&room).await;
    person.say(&room, "kept").await;
    let backup = var.join("backup");
    run(on(&site.database, &var), ["backup", text(&backup)]).await.assert_right();
    run(on(&site.database, &var), ["backup", text(&backup)]).await.assert_wrong("the folder is not empty");
    let file = var.join("file");
    fs::write(&file, "no folder").unwrap();
    run(on(&site.database, &var), ["backup", text(&file.join("backup"))])
        .await
        .assert_wrong("Cannot create the folder");
    run(command(&var), ["backup", text(&var.join("none"))]).await.assert_wrong("there is no data in");
    assert!(!var.join("none").exists());

    run(on(&site.database, &var), ["restore", text(&backup)])
        .await
        .assert_wrong("it is not empty. Use an empty database");
    assert_eq!(person.open(&room).await.texts(), ["kept"]);
    let there = new_database();
    let restore = async || run(on(&there, &var), ["restore", text(&backup)]).await;
    let change = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let was = fs::read(backup.join(name)).unwrap();
        let mut is = was.clone();
        change(&mut is);
        fs::write(backup.join(name), is).unwrap();
        was
    };
    for name in ["chat.jsonl.gz", "user.jsonl.gz", "membership.jsonl.gz", "SHA256SUMS"] {
        let was = change(name, &|bytes| bytes[20] ^= 1);
        restore().await.assert_wrong(&format!("{name}: its SHA-256 differs"));
        fs::write(backup.join(name), was).unwrap();
    }
    let was = change("manifest.json", &|bytes| {
        *bytes = String::from_utf8_lossy(bytes).replace("\"format\": 3", "\"format\": 4").into_bytes();
    });
    restore().await.assert_wrong("it has format 4");
    fs::write(backup.join("manifest.json"), "{}").unwrap();
    restore().await.assert_wrong("manifest.json: missing field");
    fs::remove_file(backup.join("manifest.json")).unwrap();
    restore().await.assert_wrong("there is no manifest.json");
    fs::write(backup.join("manifest.json"), was).unwrap();
    restore().await.assert_right();

    let running = Process::start(&var).await;
    let outcome = run(command(&var), ["restore", text(&backup)]).await;
    outcome.assert_wrong("is in use by another Sarangbang");
    assert_eq!(Answer::read(Person::new(&running.address).request("GET", "/health")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_killed_or_failed_leaves_no_site_and_is_done_anew() {
    let (site, _images, kept) = site_with_images("backup-half-pictures").await;
    let var = folder("backup-half");
    let person = site.person("gildong").await;
    let room = person.make_room("room").await;
    person.say(&room, "kept").await;
    person.send_picture(encoded(&four_colour_image(100, 100), ImageFormat::Png)).await;
    let backup = var.join("backup");
    run(on(&site.database, &kept), ["backup", text(&backup)]).await.assert_right();

    let there = new_database();
    let refuses = async || {
        let error = sarangbang::models::open(&there).await.err().unwrap();
        assert!(error.contains("partially restored"), "{error}");
        let output = within_timeout("the site to end", on(&there, &var).arg("site").output()).await.unwrap();
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("partially restored"));
        run(on(&there, &var), ["backup", text(&var.join("half"))]).await.assert_wrong("partially restored");
        let _ = fs::remove_dir_all(var.join("half"));
    };
    // Its first index is made, and it does not hear of that.
    let pausing_proxy = PausingProxy::in_front_of(&there, ["numIndexesAfter", "ok"]).await;
    let mut restore = on(&pausing_proxy.database, &var).args(["restore", text(&backup)]).spawn().unwrap();
    pausing_proxy.wait_until_paused().await;
    restore.start_kill().unwrap();
    within_timeout("it to be dead", restore.wait()).await.unwrap();
    drop(pausing_proxy);
    refuses().await;

    // All is written but the pictures.
    let mut failing = on(&there, &var);
    failing.env("ROCKET_IMAGES", format!("{{dir=\"{}\"}}", backup.join("manifest.json").display()));
    run(failing, ["restore", text(&backup)]).await.assert_wrong("Cannot write");
    refuses().await;

    let pictures = folder("backup-half-restored");
    run(on(&there, &pictures), ["restore", text(&backup)]).await.assert_right();
    assert_eq!(files(&pictures), files(&kept));
    let restored = Site::on(&there).await;
    let person = restored.visitor();
    assert_eq!(person.sign_in("gildong", PASSWORD).await.status, 303);
    assert_eq!(person.open(&room).await.texts(), ["kept"]);
}

async fn make_closed_room(owner: &Person, name: &str, members: &[&Person]) -> String {
    let room = owner.post("/room", &[("name", name), ("kind", "closed")]).await.location.unwrap();
    for member in members {
        add(owner, &room, member).await;
    }
    room
}

async fn add(owner: &Person, room: &str, member: &Person) {
    assert_eq!(owner.post(&format!("{room}/member"), &[("user", &id(member).await)]).await.status, 303);
}

async fn read(person: &Person, room: &str, field: (&str, &str)) {
    assert_eq!(person.post(&format!("{room}/reading"), &[("_method", "put"), field]).await.status, 303);
}

/// What a room keeps for a member: position and level, beside the log.
async fn kept(person: &Person, room: &str) -> String {
    let list = person.get("/room").await.body;
    let unread = format!("#unread-{}", room.strip_prefix("/room/").unwrap());
    let position = ["data-count", "data-read", "data-rev"].map(|name| attribute_of(&list, &unread, name).unwrap());
    let members = person.get(&format!("{room}/member")).await.body;
    let level = attribute_of(&members, "#level [name=level][checked]", "value").unwrap();
    let page = person.open(room).await;
    format!("{room} {position:?} {level} {:?} {:?}", page.chats, page.events)
}

/// Changes the manifest of a backup and corrects all checksums.
fn reseal(backup: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let sum = |bytes: &[u8]| -> String { Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() };
    let sums = fs::read_to_string(backup.join("SHA256SUMS")).unwrap();
    let names = sums.lines().map(|line| line.split_once("  ").unwrap().1);
    let files = names.filter_map(|name| Some((name, fs::read(backup.join(name)).ok()?)));
    let sums: String = files.map(|(name, bytes)| format!("{}  {name}\n", sum(&bytes))).collect();
    let mut manifest = serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    change(&mut manifest);
    manifest["sha256sums"] = sum(sums.as_bytes()).into();
    fs::write(backup.join("SHA256SUMS"), sums).unwrap();
    fs::write(backup.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Adds a membership to a backup.
fn add_to_backup(backup: &Path, room: &str, user: &str) {
    let room = room.strip_prefix("/room/").unwrap();
    let ids = [room, user].map(|id| id.parse::<mongodb::bson::oid::ObjectId>().unwrap());
    let id = format!("{room}-{user}");
    let joined = mongodb::bson::DateTime::now();
    let row = mongodb::bson::doc! { "_id": id, "room": ids[0], "user": ids[1], "joined": joined, "by": ids[1] };
    let line = format!("{}\n", mongodb::bson::Bson::Document(row).into_canonical_extjson());
    let file = fs::OpenOptions::new().append(true).open(backup.join("membership.jsonl.gz")).unwrap();
    let mut file = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    file.finish().unwrap();
    reseal(backup, |manifest| manifest["memberships"] = (manifest["memberships"].as_i64().unwrap() + 1).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_find_their_rooms_and_positions_again_and_nobody_else_does() {
    let (var, database) = (folder("backup-members"), new_database());
    let backup = var.join("backup");
    let site = Site::on(&database).await;
    let names = ["owner", "friend", "guest", "stranger", "leaver"];
    let [owner, friend, guest, stranger, leaver] = names.map(|_| site.visitor());
    for (person, name) in [&owner, &friend, &guest, &stranger, &leaver].into_iter().zip(names) {
        person.sign_up(name).await;
    }
    let club = make_closed_room(&owner, "club", &[&friend, &guest]).await;
    let den = make_closed_room(&owner, "den", &[&friend, &guest]).await;
    let garden = make_closed_room(&leaver, "garden", &[&friend, &guest]).await;
    let gone = make_closed_room(&owner, "gone", &[&friend]).await;
    let direct = owner.post("/direct", &[("with", &id(&friend).await)]).await.location.unwrap();
    let plaza = owner.make_room("plaza").await;
    friend.open(&plaza).await;
    for room in [&club, &den, &garden, &direct, &plaza] {
        let owner = if *room == garden { &leaver } else { &owner };
        for n in 1..=5 {
            owner.say(room, &format!("chat {n}")).await;
        }
    }
    read(&friend, &club, ("no", "3")).await;
    read(&friend, &den, ("no", "5")).await;
    read(&friend, &plaza, ("no", "5")).await;
    read(&friend, &plaza, ("unread", "2")).await;
    for (room, level) in [(&club, "all"), (&direct, "none")] {
        friend.post(&format!("{room}/membership"), &[("_method", "put"), ("level", level)]).await;
    }
    remove(&owner, &format!("{club}/member/{}", id(&guest).await)).await;
    remove(&owner, &gone).await;
    let rooms = [&club, &den, &garden, &direct, &plaza];
    let mut before = Vec::new();
    for room in rooms {
        before.push(kept(&friend, room).await);
    }

    let inbox = async |person: &Person| person.get_json("/inbox").await.json();
    assert_eq!(friend.post("/inbox/reading", &[("_method", "put"), ("no", "2")]).await.status, 303);
    let inbox_before = inbox(&friend).await;

    // All logs and inboxes are read by now, and no membership.
    let pausing_proxy = PausingProxy::in_front_of_second(&database, ["firstBatch", ".user"]).await;
    let save = run(on(&pausing_proxy.database, &var), ["backup", text(&backup)]);
    let meanwhile = async {
        pausing_proxy.wait_until_paused().await;
        assert_eq!(owner.post(&club, &[("_method", "put"), ("kind", "open")]).await.status, 303);
        stranger.open(&club).await;
        owner.say(&den, "later").await;
        read(&friend, &den, ("no", "6")).await;
        remove(&owner, &format!("{den}/member/{}", id(&guest).await)).await;
        add(&owner, &den, &stranger).await;
        make_closed_room(&owner, "too late", &[&guest]).await;
        assert_eq!(guest.post("/inbox/reading", &[("_method", "put"), ("no", "4")]).await.status, 303);
        leave(&leaver).await;
        pausing_proxy.resume();
    };
    let (saved, ()) = tokio::join!(save, meanwhile);
    saved.assert_right();
    // Two members of each closed and direct room, and one visitor.
    assert!(saved.said.contains("memberships: 9;"), "{}", saved.said);

    let there = new_database();
    run(on(&there, &var), ["restore", text(&backup)]).await.assert_right();
    let restored = Site::on(&there).await;
    let people = ["owner", "friend", "guest", "stranger"].map(|name| (name, restored.visitor()));
    for (name, person) in &people {
        assert_eq!(person.sign_in(name, PASSWORD).await.status, 303);
    }
    let [owner, friend, guest, stranger] = people.map(|(_, person)| person);
    for (room, before) in rooms.into_iter().zip(before) {
        let before =
            ["\\u{2068}leaver\\u{2069}", "leaver"].iter().fold(before, |text, name| text.replace(name, "deleted user"));
        assert_eq!(kept(&friend, room).await, before);
    }
    for (person, room) in [(&guest, &club), (&guest, &den), (&guest, &direct), (&owner, &garden), (&owner, &gone)] {
        assert_eq!(person.get(room).await.status, 404, "{room}");
    }
    for room in [&club, &den, &garden, &gone, &direct] {
        assert_eq!(stranger.get(room).await.status, 404, "{room}");
    }
    let mut inbox_before = inbox_before.to_string();
    inbox_before = inbox_before.replace("\"leaver\"", "null");
    assert_eq!(inbox(&friend).await.to_string(), inbox_before);
    // The inbox of the guest is shorter now than what was read of it, and what comes is unread.
    make_closed_room(&owner, "new", &[&guest]).await;
    let news = inbox(&guest).await;
    assert_eq!((news["head"].as_i64(), news["entries"][0]["unread"].as_bool()), (Some(4), Some(true)));
    // What comes after a restore is unread, although the position was further on.
    owner.say(&den, "after the restore").await;
    assert!(kept(&friend, &den).await.contains("[\"1\", \"5\", \"0\"]"));
    // The oldest member follows an owner who left meanwhile, and the set of people still has one room.
    assert_eq!(friend.get_json(&garden).await.json()["room"]["owner"], id(&friend).await);
    assert_eq!(friend.post("/direct", &[("with", &id(&owner).await)]).await.location, Some(direct.clone()));
    assert_eq!(friend.open(&direct).await.texts().len(), 5);

    // A backup may also have memberships of deleted rooms and accounts.
    let friend_id = id(&friend).await;
    add_to_backup(&backup, &gone, &friend_id);
    add_to_backup(&backup, &club, "0123456789abcdef01234567");
    let again = new_database();
    run(on(&again, &var), ["restore", text(&backup)]).await.assert_right();
    let client = mongodb::Client::with_uri_str(&again).await.unwrap().default_database().unwrap();
    let rows = client.collection::<mongodb::bson::Document>("membership");
    assert_eq!(rows.count_documents(mongodb::bson::doc! {}).await.unwrap(), 9);
    add_to_backup(&backup, &club, &friend_id);
    run(on(&new_database(), &var), ["restore", text(&backup)]).await.assert_wrong("occurs twice");

    // Format 1 has neither memberships nor inboxes.
    for (file, count) in [("membership.jsonl.gz", "memberships"), ("inbox.jsonl.gz", "news")] {
        fs::remove_file(backup.join(file)).unwrap();
        reseal(&backup, |manifest| drop(manifest.as_object_mut().unwrap().remove(count).unwrap()));
    }
    reseal(&backup, |manifest| {
        manifest["format"] = 1.into();
    });
    let old = new_database();
    run(on(&old, &var), ["restore", text(&backup)]).await.assert_right();
    let restored = Site::on(&old).await;
    let friend = restored.visitor();
    assert_eq!(friend.sign_in("friend", PASSWORD).await.status, 303);
    assert_eq!(friend.open(&plaza).await.texts().len(), 5);
    assert!(friend.get("/room").await.body.contains("data-count=\"0\""));
    assert_eq!(friend.get(&club).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_chats_come_back_and_occupy_nothing_twice() {
    let (site, images, kept) = site_with_images("backup-of-files").await;
    let person = site.person("gildong").await;
    let room = person.make_room("plaza").await;
    let seq = person.say_with_files(&room, "text", &[("한글.txt", b"one"), ("b.txt", b"two")]).await;
    let removed = person.say_with_files(&room, "", &[("c.txt", b"three")]).await;
    person.post(&format!("{room}/chat/{removed}"), &[("_method", "delete")]).await;
    person.post(&format!("{room}/chat/{seq}"), &[("_method", "put"), ("remove", "2")]).await;
    eventually("one file to remain", || async { (stored_files(&kept).len() == 1).then_some(()) }).await;
    let saved = folder("backup-of-files-saved");
    run(on(&site.database, &kept), ["backup", text(&saved)]).await.assert_right();
    let name = stored_files(&saved.join("file")).remove(0);
    assert_eq!(fs::metadata(saved.join("file").join(&name)).unwrap().nlink(), 2, "a hard link");
    assert_eq!(stored_files(&saved.join("file")).len(), 1);
    images.stop().await;
    site.stop().await;

    let (database, restored) = (new_database(), folder("backup-of-files-restored"));
    run(on(&database, &restored), ["restore", text(&saved)]).await.assert_right();
    let port = free_port();
    let site = Site::with(&database, ("images.port", port)).await;
    let images = Images::start(&site.address, port, &restored).await;
    let person = site.visitor();
    person.sign_in("gildong", PASSWORD).await;
    assert_eq!(person.download(&format!("{room}/file/{seq}/1")).await, (200, b"one".to_vec()));
    assert_eq!(person.download(&format!("{room}/file/{seq}/2")).await.0, 404);
    // The rows are there again: the file goes with its chat.
    assert_eq!(person.post(&format!("{room}/chat/{seq}"), &[("_method", "delete")]).await.status, 303);
    eventually("the file to be deleted", || async { stored_files(&restored).is_empty().then_some(()) }).await;
    images.stop().await;
}
