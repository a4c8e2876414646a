//! Sockets that do not keep to what was agreed, and readers who do not read.

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helpers::person::Person;
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database};
use crate::helpers::{eventually, within_timeout};

/// A frame as a page sends it: masked, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The code of the close frame that comes, if one does before the end.
async fn close_code(stream: &mut TcpStream) -> Option<u16> {
    within_timeout("the end of a socket", async {
        loop {
            let first = stream.read_u8().await.ok()?;
            let length = match stream.read_u8().await.ok()? & 0x7f {
                126 => u64::from(stream.read_u16().await.ok()?),
                127 => stream.read_u64().await.ok()?,
                length => u64::from(length),
            };
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).await.ok()?;
            if first == 0x88 {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_ends_its_socket_and_nothing_else() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("protocol").await;
    let mut good = person.follow(&room, 0).await;
    let endless: Vec<u8> = (0..40).flat_map(|n| frame(if n == 0 { 0x01 } else { 0x00 }, &[b'x'; 2_000])).collect();
    let oversize = [&[0x81, 0x80 | 127][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let negative = [&[0x81, 0x80 | 127][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    let cases = [
        ("text that is none", frame(0x81, b"\xff\xfe"), 1007),
        ("half a character at the end", frame(0x81, b"\xea\xb0"), 1007),
        ("a frame without a mask", vec![0x81, 0x02, b'h', b'i'], 1002),
        ("a reserved bit", frame(0xc1, b"hi"), 1002),
        ("an opcode that is none", frame(0x83, b"hi"), 1002),
        ("a ping in pieces", frame(0x09, b"hi"), 1002),
        ("a long ping", frame(0x89, &[0; 126]), 1002),
        ("a piece of nothing", frame(0x80, b"hi"), 1002),
        ("pieces without an end", endless, 1009),
        ("4,097 bytes", frame(0x81, &[b'x'; 4_097]), 1009),
        ("a terabyte", oversize, 1009),
        ("a length below zero", negative, 1009),
    ];
    for (what, bytes, code) in cases {
        let mut stream = person.handshake(&room, "?since=0").await;
        // The site may be gone before it has taken all of it.
        let _ = stream.write_all(&bytes).await;
        let told = close_code(&mut stream).await;
        // What is still on its way to a socket that was closed takes the code along.
        assert!(told == Some(code) || (told.is_none() && code != 1007), "{what}: {told:?}");
    }
    person.say(&room, "still talking").await;
    assert!(good.fragment().await.contains("still talking"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_is_dropped_and_delays_nobody() {
    let site = Site::start().await;
    let (writer, sleeper) = (site.person("writer").await, site.person("sleeper").await);
    let room = writer.make_room("sleepy").await;
    let asleep = sleeper.handshake(&room, "?since=0").await;
    let mut live = writer.follow(&room, 0).await;
    live.element("presence", |here| here.contains("sleeper")).await;
    // More than the buffers between the two hold.
    let long = "가".repeat(4_000);
    let mut page = writer.open(&room).await;
    for _ in 0..10 {
        let flood = join_all((0..100).map(|_| writer.say(&room, &long)));
        let read = async {
            let upto = page.upto + 100;
            live.read_until(&mut page, upto).await;
        };
        tokio::join!(flood, read);
    }
    page.assert_whole(1_000);
    live.element("presence", |here| !here.contains("sleeper")).await;
    drop(asleep);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_many_chats_is_deleted_at_once_and_purged_by_the_next_start_after_a_kill() {
    let (var, address) = (folder("purged"), new_database());
    let start = || {
        let mut command = command(&var);
        command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{address}\"}}}}"));
        Process::run(command)
    };
    let program = start().await;
    let (owner, guest) = (Person::new(&program.address), Person::new(&program.address));
    owner.sign_up("owner").await;
    guest.sign_up("guest").await;
    let room = owner.make_room("vast").await;
    for _ in 0..15 {
        join_all((0..100).map(|n| {
            let (owner, room) = (&owner, &room);
            async move { drop(owner.say(room, &format!("chat {n}")).await) }
        }))
        .await;
    }
    let database = mongodb::Client::with_uri_str(&address).await.unwrap().default_database().unwrap();
    let (chats, jobs) = (database.collection::<mongodb::bson::Document>("chat"), database.collection("job"));
    let (chats, jobs) = (&chats, &jobs as &mongodb::Collection<mongodb::bson::Document>);
    let count = || async { chats.count_documents(mongodb::bson::doc! {}).await.unwrap() };
    let mut live = guest.follow(&room, 1_500).await;
    assert_eq!(owner.post(&room, &[("_method", "delete")]).await.status, 303);
    assert_eq!(live.close_code().await, Some(4404));
    guest.make_room("vast").await;
    assert_eq!(count().await, 1_501, "it is told before anything is purged");
    program.signal("KILL");
    program.ended().await;
    let next = start().await;
    eventually("all to be purged", || async { (count().await == 1).then_some(()) }).await;
    eventually("the job to be deleted", || async {
        (jobs.count_documents(mongodb::bson::doc! {}).await.unwrap() == 0).then_some(())
    })
    .await;
    let last = chats.find_one(mongodb::bson::doc! {}).await.unwrap().unwrap();
    assert_eq!(last.get_str("kind").unwrap(), "closed");
    assert_eq!(guest.at(&next.address).try_say(&room, "too late", "late").await.status, 404);
}
