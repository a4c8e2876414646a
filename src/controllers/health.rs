//! Whether the site can do its work.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{Route, State, get, routes};
use serde_json::json;

use super::answer::Answer;
use crate::error::Result;
use crate::internal_api::ImageClient;
use crate::store::Database;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show, alive]
}

/// That the site runs, whatever it depends on.
#[get("/alive")]
fn alive() -> Result<Answer> {
    Answer::json(&json!({ "site": "ok" }))
}

/// One entry a dependency, `ok` or `away`; 503 only without the database.
#[get("/health")]
async fn show(db: &State<Arc<Database>>, images: &State<ImageClient>) -> Result<Answer> {
    let (database, images) = rocket::tokio::join!(db.ping(), images.is_healthy());
    let word = |ok| if ok { "ok" } else { "away" };
    let answer = Answer::json(&json!({ "database": word(database.is_ok()), "images": word(images) }))?;
    match database {
        Ok(()) => Ok(answer),
        Err(error) => {
            log::warn!("health: {error}");
            Ok(answer.with_status(Status::ServiceUnavailable))
        }
    }
}
