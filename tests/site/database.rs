//! How the program connects to its database, and what it says if it cannot.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sarangbang::store::Database;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::helpers::images::free_port;
use crate::helpers::process::{Process, command};
use crate::helpers::rewriting_proxy::{standalone, unchanged, without_hello};
use crate::helpers::site::{folder, new_database};
use crate::helpers::soon;

/// The site alone, on a database.
fn site_on(database: &str, name: &str) -> Command {
    let mut command = command(&folder(name));
    command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{database}\"}}}}"));
    command
}

/// Runs a site that cannot start; returns what it says.
async fn failure(mut command: Command) -> String {
    let output = soon("the program to end", command.output()).await.unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_knows_hello_by_its_old_name_only_is_used() {
    let database = new_database();
    let address = without_hello(&database).await;
    let is_shared = soon("the database to answer", Database::probe(&address)).await;
    assert_eq!(is_shared, Database::probe(&database).await);
    assert!(is_shared.is_ok(), "{is_shared:?}");
    let client = mongodb::Client::with_uri_str(&address).await.unwrap();
    let refused = client.database("test").run_command(mongodb::bson::doc! { "hello": 1 }).await;
    assert!(refused.is_err(), "the proxy does what it says");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_up_late_is_waited_for() {
    let (database, port) = (new_database(), free_port());
    let late = database.replacen(database.split('/').nth(2).unwrap(), &format!("127.0.0.1:{port}"), 1);
    let come_up = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        assert_eq!(unchanged(listener, &database).await, late);
    };
    let mut command = site_on(&late, "late");
    command.stderr(Stdio::piped());
    let started = Instant::now();
    let (mut site, ()) = tokio::join!(Process::run(command), come_up);
    assert!(started.elapsed() > Duration::from_secs(4));
    site.signal("TERM");
    let mut said = String::new();
    let mut stderr = site.child.stderr.take().unwrap();
    soon("the log", tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut said)).await.unwrap();
    assert!(said.contains("waiting for the database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_come_up_is_reported_without_its_password() {
    let url = format!("mongodb://me:hidden@127.0.0.1:{}/x", free_port());
    let error = failure(site_on(&url, "never")).await;
    assert!(error.contains("Cannot reach the database: "), "{error}");
    assert!(error.contains("correct databases.sarangbang.url.") && !error.contains("hidden"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_standalone_server_one_site_runs_and_the_next_one_follows() {
    // A lease that was not released is waited for for 5 s.
    const AT_ONCE: Duration = Duration::from_secs(4);
    let database = standalone(&new_database()).await;
    let first = Process::run(site_on(&database, "first")).await;
    let error = failure(site_on(&database, "second")).await;
    assert!(error.contains("Cannot use this database: another site uses it"), "{error}");

    first.signal("TERM");
    assert!(first.ended().await.success());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut blocked = site_on(&database, "blocked");
    blocked.env("ROCKET_PORT", taken.local_addr().unwrap().port().to_string());
    let started = Instant::now();
    let error = failure(blocked).await;
    assert!(error.contains("Cannot listen on 127.0.0.1:"), "{error}");
    let third = Process::run(site_on(&database, "third")).await;
    assert!(started.elapsed() < AT_ONCE * 2, "the lease was released twice: {:?}", started.elapsed());

    third.signal("STOP");
    let fourth = Process::run(site_on(&database, "fourth")).await;
    third.signal("CONT");
    assert!(third.ended().await.success(), "a site that has lost its lease stops");
    fourth.signal("KILL");
    fourth.ended().await;
    Process::run(site_on(&database, "fifth")).await;
}
