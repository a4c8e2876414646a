//! The site as an app on a device: its manifest, and what is shown where it cannot be reached.

use rocket::http::ContentType;
use rocket::{Route, get, routes};

use super::answer::Answer;
use super::asset::File;
use super::visitor::Visitor;
use crate::error::Result;
use crate::views::pwa::{Manifest, OfflinePage};

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![manifest, offline, worker]
}

/// What the app is called, how it looks, where it opens.
#[get("/manifest.webmanifest")]
async fn manifest(visitor: Visitor<'_>) -> Result<Answer> {
    let manifest = Manifest::new(visitor.settled_locale().await, "/room");
    Ok(Answer::json(&manifest)?.with_kind(ContentType::new("application", "manifest+json")))
}

/// The page that says that the site cannot be reached. Browsers keep it: it is the same for all who read a language.
#[get("/offline")]
async fn offline(visitor: Visitor<'_>) -> Result<Answer> {
    visitor.settled_locale().await;
    Answer::page(&visitor, "pwa/offline.html.tera", &OfflinePage {})
}

/// The script that keeps that page and shows it. At the root, since it answers for all pages.
#[get("/worker.js")]
fn worker() -> Result<File> {
    File::fresh("js/service_worker.js")
}
