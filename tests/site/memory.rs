//! What one member can make the site keep in memory.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{sleep, timeout};

use crate::helpers::TEST_TIMEOUT;
use crate::helpers::person::Person;
use crate::helpers::process::{Process, command, unlimit};
use crate::helpers::site::folder;

/// Rooms, and chats in each: with what is rendered of them some 100 MiB.
const ROOMS: usize = 60;
const CHATS: usize = 30;
/// How much the process may grow with caches of 16 MiB, in KiB: requests and readers take memory too.
const GROWTH: u64 = 64 << 10;
/// How much of it may be left when nobody has read or written for a while.
const LEFT: u64 = 16 << 10;

/// The resident memory of a process, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_full_of_long_chats_take_no_more_than_the_caches_may_hold() {
    let var = folder("memory");
    let mut command = command(&var);
    unlimit(&mut command).env("ROCKET_CACHE", "\"16MiB\"").env("ROCKET_ACCESS_LOG", "off");
    let site = Process::run(command).await;
    let process = site.child.id().unwrap();
    let person = &Person::new(&site.address);
    person.sign_up("gildong").await;
    let mut readers = Vec::new();
    for n in 0..ROOMS {
        let room = person.make_room(&format!("room {n}")).await;
        let mut live = person.follow(&room, 0).await;
        live.element("presence", |_| true).await;
        readers.push((room, live));
    }

    let before = resident(process);
    let rooms: Vec<&str> = readers.iter().map(|(room, _)| room.as_str()).collect();
    let text = &"😀".repeat(4_000);
    let writes = (0..CHATS).flat_map(|_| rooms.iter().copied()).map(|room| async move {
        person.say(room, text).await;
    });
    stream::iter(writes).buffer_unordered(8).collect::<()>().await;
    let growth = resident(process).saturating_sub(before);
    assert!(growth < GROWTH, "it grew by {growth} KiB");

    // What was evicted is read from the log.
    for (room, live) in &mut readers {
        while !live.fragment().await.contains(&format!("data-no=\"{CHATS}\"")) {}
        assert_eq!(person.reload_all(room).await.chats.len(), CHATS);
    }
    let given_back = async {
        while resident(process) >= before + LEFT {
            sleep(Duration::from_millis(500)).await;
        }
    };
    let waited = timeout(TEST_TIMEOUT * 3, given_back).await;
    assert!(waited.is_ok(), "{} KiB are left of {growth}", resident(process).saturating_sub(before));
}
