//! `docs/openapi.yaml` and the site say the same: Schemathesis sends what the description allows, and what it does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rocket::http::Method;
use sarangbang::controllers;
use tokio::process::Command;

use crate::helpers::images::site_with_images_and;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::site::{folder, unlimited};

const DESCRIPTION: &str = include_str!("../../docs/openapi.yaml");

/// What is for browsers or for who watches over the site, and described in words.
const PAGES: [&str; 10] = [
    "get /",
    "get /attachments",
    "get /manifest.webmanifest",
    "get /metrics",
    "get /offline",
    "get /public/{version}/{name..}",
    "get /room/{id}/chat?stream",
    "get /room/{id}/live",
    "get /user/me/live",
    "get /worker.js",
];

/// What the image server answers, not the site.
const IMAGES: [&str; 4] = ["get /file/{name}", "get /image/health", "post /file", "post /image"];

#[test]
fn every_route_is_described_and_what_is_described_is_a_route() {
    let routed = controllers::routes().into_iter().map(|route| {
        let path = route.uri.path().replace('<', "{").replace('>', "}");
        let stream = if route.uri.query() == Some("stream") { "?stream" } else { "" };
        format!("{} {path}{stream}", route.method.as_str().to_lowercase())
    });
    let routed: BTreeSet<String> = routed.chain(IMAGES.map(str::to_owned)).collect();
    let described: BTreeSet<String> = described().chain(PAGES.map(str::to_owned)).collect();
    assert_eq!(routed, described);
}

/// Each method and path: by their places in the lines of the file.
fn described() -> impl Iterator<Item = String> {
    let mut path = "";
    DESCRIPTION.lines().filter_map(move |line| {
        if let Some(key) = line.strip_prefix("  /") {
            path = key.trim_end_matches(':');
        }
        let method = line.strip_prefix("    ").and_then(|key| key.strip_suffix(':'))?;
        let is_method = method.to_uppercase().parse::<Method>().is_ok();
        is_method.then(|| format!("{method} /{path}"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_and_the_image_server_answer_as_described() {
    // Schemathesis sends more than anybody may in a minute.
    let (site, images, _) = site_with_images_and("described", unlimited()).await;
    let gildong = site.person("gildong").await;
    let room = gildong.make_room("described").await;
    let said = gildong.say(&room, "described").await;
    let (leaving, ending) = (site.person("leaving").await, site.person("ending").await);

    // The same description, whose examples are of this site.
    let folder = folder("openapi");
    let examples = [
        ("6923f0c1e4b0a1b2c3d4e5f6", said["author"].as_str().unwrap()),
        ("6923f0d5e4b0a1b2c3d4e5f7", room.strip_prefix("/room/").unwrap()),
        ("example: 14", &format!("example: {}", said["seq"])),
        ("a long password", PASSWORD),
    ];
    let description = examples.iter().fold(DESCRIPTION.to_owned(), |text, (from, to)| text.replace(from, to));
    let file = folder.join("openapi.yaml");
    std::fs::write(&file, description).unwrap();

    let run = async |address: &str, choice: &[&str]| {
        let mut command = Command::new(schemathesis());
        command.arg("--config-file").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/site/schemathesis.toml"));
        command.arg("run").arg(&file).args(["--no-color", "--url", address]).args(choice).current_dir(&folder);
        for (variable, person) in
            [("SESSION", &gildong), ("SESSION_THAT_LEAVES", &leaving), ("SESSION_THAT_ENDS", &ending)]
        {
            command.env(variable, token(person));
        }
        let output = command.kill_on_drop(true).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    let of_images = r"^/image(/health)?$|^/file(/\{name\})?$";
    run(&site.address, &["--exclude-path-regex", of_images]).await;
    // Nothing there leads on to anything else.
    run(&images.address, &["--include-path-regex", of_images, "--phases", "examples,coverage,fuzzing"]).await;
    assert_eq!(gildong.get_json("/user/me").await.status, 200, "the session of the run has outlived it");
    let rooms = gildong.get_json("/room").await.json();
    assert!(rooms["rooms"].as_array().unwrap().len() > 1, "the run was signed in: {rooms}");
    for gone in [leaving, ending] {
        assert_eq!(gone.get_json("/user/me").await.status, 401, "and the others have not");
    }
}

/// The value of the session's cookie.
fn token(person: &Person) -> String {
    let cookies = person.cookie().unwrap().to_str().unwrap().to_owned();
    let token = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("sarangbang-")?.split_once('='));
    token.unwrap().1.to_owned()
}

/// The tool, where `SCHEMATHESIS` or bin/test has put it.
fn schemathesis() -> PathBuf {
    let cache = || match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
    };
    let version = include_str!("../../bin/schemathesis.version").trim();
    let program = std::env::var_os("SCHEMATHESIS").map(PathBuf::from);
    let program =
        program.unwrap_or_else(|| cache().join(format!("sarangbang/schemathesis-{version}/bin/schemathesis")));
    assert!(
        program.is_file(),
        "{} is not there: bin/test sets it up, or name yours in SCHEMATHESIS",
        program.display()
    );
    program
}
