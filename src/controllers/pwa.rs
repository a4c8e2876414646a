//! The site as an installed app: the manifest, the offline page and the service worker.

use rocket::http::ContentType;
use rocket::{Route, get, routes};

use super::asset::File;
use super::reply::Reply;
use super::request_context::RequestContext;
use crate::error::Result;
use crate::views::pwa::{OfflinePage, WebManifest};

pub(super) fn routes() -> Vec<Route> {
    routes![manifest, offline, worker]
}

/// Returns the manifest in the account's language.
#[get("/manifest.webmanifest")]
async fn manifest(ctx: RequestContext<'_>) -> Result<Reply> {
    let manifest = WebManifest::new(ctx.account_locale().await, "/room");
    Ok(Reply::json(&manifest)?.with_content_type(ContentType::new("application", "manifest+json")))
}

/// Returns the offline page, which browsers keep. It is the same for all users of a language.
#[get("/offline")]
async fn offline(ctx: RequestContext<'_>) -> Result<Reply> {
    ctx.account_locale().await;
    ctx.page("pwa/offline.html.tera", &OfflinePage {})
}

/// Returns the service worker, at the root because its scope is all pages.
#[get("/worker.js")]
fn worker() -> Result<File> {
    File::revalidated("js/service_worker.js")
}
