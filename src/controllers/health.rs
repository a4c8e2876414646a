//! Health checks.

use rocket::http::Status;
use rocket::{Route, get, routes};
use serde_json::json;

use super::reply::Reply;
use super::request_context::RequestContext;
use crate::error::Result;

pub(super) fn routes() -> Vec<Route> {
    routes![show, alive]
}

/// Replies while the site runs, whatever its dependencies do.
#[get("/alive")]
fn alive() -> Result<Reply> {
    Reply::json(&json!({ "site": "ok" }))
}

/// Returns `ok` or `away` for each dependency, `low` for a full disk of files, and 503 only without the database.
#[get("/health")]
async fn show(ctx: RequestContext<'_>) -> Result<Reply> {
    let (database, space) = rocket::tokio::join!(ctx.db.ping(), ctx.images.space());
    let word = |is_healthy| if is_healthy { "ok" } else { "away" };
    let reply = Reply::json(&json!({
        "database": word(database.is_ok()),
        "images": word(space.is_some()),
        "space": space.map_or_else(|| json!("away"), |space| json!(space)),
    }))?;
    let Err(error) = database else { return Ok(reply) };
    log::warn!("health check failed: error={error}");
    Ok(reply.with_status(Status::ServiceUnavailable))
}
