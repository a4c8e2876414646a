//! The token of an `Authorization` header.

use rocket::request::Request;

/// Returns the Bearer token of a request.
pub fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    request.headers().get_one("Authorization")?.strip_prefix("Bearer ")
}
