//! The id of a request and the time of its arrival.

use rocket::request::Request;
use rocket::tokio::time::Instant;

use super::client_address::via_trusted_proxy;
use crate::models::values::Nonce;

/// The header that a proxy sends a request's id in, and that the reply repeats it in.
pub(crate) const REQUEST_ID_HEADER: &str = "X-Request-Id";
const MAX_ID: usize = 64;

pub(crate) struct RequestInfo {
    pub(crate) id: String,
    pub(crate) arrived_at: Instant,
}

pub(crate) fn request_info<'r>(request: &'r Request<'_>) -> &'r RequestInfo {
    request.local_cache(|| {
        let given = request.headers().get_one(REQUEST_ID_HEADER).filter(|_| via_trusted_proxy(request));
        let id = given.filter(|id| is_plain(id)).map_or_else(random_id, str::to_owned);
        RequestInfo { id, arrived_at: Instant::now() }
    })
}

fn is_plain(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn random_id() -> String {
    Nonce::random().map_or_else(|_| "-".into(), |nonce| nonce.as_str().to_owned())
}
