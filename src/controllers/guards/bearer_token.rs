//! The token of an `Authorization` header, as a guard.

use std::convert::Infallible;

use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest, Request};

use crate::http;

/// The Bearer token of a request; empty if it has none.
pub(crate) struct BearerToken<'r>(pub(crate) &'r str);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for BearerToken<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Infallible> {
        Outcome::Success(Self(http::bearer(request).unwrap_or_default()))
    }
}
