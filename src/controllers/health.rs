//! Whether the site can do its work.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{Route, State, get, routes};
use serde_json::json;

use super::answer::Answer;
use crate::error::Result;
use crate::models::Database;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// One entry a dependency, `ok` or `away`; 503 without the database.
#[get("/health")]
async fn show(db: &State<Arc<Database>>) -> Result<Answer> {
    match db.ping().await {
        Ok(()) => Answer::json(&json!({ "database": "ok" })),
        Err(error) => {
            log::warn!("health: {error}");
            Ok(Answer::json(&json!({ "database": "away" }))?.with_status(Status::ServiceUnavailable))
        }
    }
}
