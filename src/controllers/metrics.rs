//! `/metrics` of both servers, for clients with `metrics.token`.

use std::sync::Arc;

use rocket::http::{ContentType, Status};
use rocket::{Route, State, get, routes};
use sha2::{Digest, Sha256};

use super::guards::bearer_token::BearerToken;
use crate::config::Settings;
use crate::metrics::Metrics;

pub(crate) fn routes() -> Vec<Route> {
    routes![show]
}

/// Returns the metrics of this server. Without a configured token there is no such page.
#[get("/metrics")]
fn show(
    bearer: BearerToken<'_>,
    settings: &State<Settings>,
    metrics: &State<Arc<Metrics>>,
) -> Result<(ContentType, Vec<u8>), Status> {
    let token = settings.metrics_token.as_deref().ok_or(Status::NotFound)?;
    if !is_same(bearer.0, token) {
        return Err(Status::Forbidden);
    }
    let text = metrics.to_text().map_err(|_| Status::InternalServerError)?;
    Ok((ContentType::new("text", "plain").with_params([("version", "0.0.4"), ("charset", "utf-8")]), text))
}

/// Compares digests, so that the time does not reveal how much of the token is right.
fn is_same(given: &str, token: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_admits() {
        let token = "a token of some length";
        assert!(is_same("a token of some length", token));
        for other in ["", "a token", "Bearer a token of some length"] {
            assert!(!is_same(other, token));
        }
    }
}
