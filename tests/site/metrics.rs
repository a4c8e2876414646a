//! What is counted for whoever watches over the site.

use std::collections::BTreeSet;

use reqwest::multipart::Form;
use reqwest::{Client, RequestBuilder};

use crate::helpers::eventually;
use crate::helpers::images::free_port;
use crate::helpers::person::{Answer, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder};

const TOKEN: &str = "a token of some length";

fn ask(server: &str, token: &str) -> RequestBuilder {
    Client::builder().no_proxy().build().unwrap().get(format!("{server}/metrics")).bearer_auth(token)
}

async fn scrape(server: &str, token: &str) -> Answer {
    Answer::read(ask(server, token)).await
}

/// The value of a sample, as `name{label="value"}`.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

async fn counted(server: &str, name: &str, value: f64) {
    eventually(&format!("{name} to be {value}"), || async {
        (sample(&scrape(server, TOKEN).await.body, name) == Some(value)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_and_names_nobody() {
    let (var, images) = (folder("metrics"), free_port());
    let mut command = command(&var);
    command.env("ROCKET_METRICS", format!("{{token=\"{TOKEN}\"}}")).env("ROCKET_IMAGES", format!("{{port={images}}}"));
    let program = Process::run(command).await;
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let room = person.make_room("counted").await;
    let live = person.follow(&room, 0).await;
    for n in 0..3 {
        person.say(&room, &format!("chat {n}")).await;
    }
    assert_eq!(person.get("/nowhere").await.status, 404);

    let site = &program.address;
    counted(site, "sarangbang_sockets", 1.0).await;
    counted(site, "sarangbang_rooms_followed", 1.0).await;
    counted(site, "sarangbang_log_batch_entries_sum", 3.0).await;
    let said = "http_request_duration_seconds_count{method=\"POST\",route=\"/room/<id>/chat\",status=\"201\"}";
    counted(site, said, 3.0).await;
    counted(site, "http_request_duration_seconds_count{method=\"GET\",route=\"none\",status=\"404\"}", 1.0).await;
    drop(live);
    counted(site, "sarangbang_sockets", 0.0).await;
    counted(site, "sarangbang_rooms_followed", 0.0).await;

    let answer = ask(site, TOKEN).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let counts = scrape(site, TOKEN).await;
    assert!(sample(&counts.body, "sarangbang_database_seconds_count").is_some_and(|count| count > 3.0));
    assert_eq!(sample(&counts.body, "sarangbang_database_errors_total"), Some(0.0));
    assert!(sample(&counts.body, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    let id = room.rsplit_once('/').unwrap().1;
    for told in ["gildong", "counted", id, TOKEN] {
        assert!(!counts.body.contains(told), "{told}");
    }

    let images = format!("http://127.0.0.1:{images}");
    let client = Client::builder().no_proxy().build().unwrap();
    let form = Form::new().text("ticket", "none").text("picture", "none");
    let refused = client.post(format!("{images}/image")).header("Accept", "application/json").multipart(form);
    assert_eq!(refused.send().await.unwrap().status(), 403);
    counted(&images, "sarangbang_image_job_seconds_count{result=\"ticket\"}", 1.0).await;

    // Whatever the dashboard asks for is told by one of the two.
    let told = [scrape(site, TOKEN).await.body, scrape(&images, TOKEN).await.body].concat();
    let asked = include_str!("../../docs/dashboard.json").split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let asked: BTreeSet<&str> =
        asked.filter(|word| ["http_", "sarangbang_", "process_"].iter().any(|kind| word.starts_with(kind))).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        let is_sample = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(told.lines().any(is_sample), "{name}");
    }
    program.signal("TERM");
    program.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_nothing_is_told() {
    let site = Site::alone(("metrics.token", TOKEN)).await;
    assert_eq!(scrape(&site.address, TOKEN).await.status, 200);
    for wrong in ["", "a token", "another token of that length"] {
        assert_eq!(scrape(&site.address, wrong).await.status, 403, "{wrong}");
    }
    assert_eq!(site.visitor().get("/metrics").await.status, 403);
    // Nobody has set one: nobody has it, not even who sends none.
    let bare = Site::start().await;
    for token in ["", TOKEN] {
        assert_eq!(scrape(&bare.address, token).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_in_one_process_count_for_themselves() {
    let (busy, quiet) = (Site::alone(("metrics.token", TOKEN)).await, Site::alone(("metrics.token", TOKEN)).await);
    let person = busy.person("gildong").await;
    let room = person.make_room("counted").await;
    let _live = person.follow(&room, 0).await;
    counted(&busy.address, "sarangbang_sockets", 1.0).await;
    for name in ["sarangbang_sockets", "sarangbang_rooms_followed", "sarangbang_log_batch_entries_count"] {
        counted(&quiet.address, name, 0.0).await;
    }
}
