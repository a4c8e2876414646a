//! Bodies compressed by gzip for clients that accept it.

use std::io::Cursor;

use rocket::request::Request;
use rocket::response::Builder;

use crate::http::accepts_gzip;

/// Sets the body of a response, compressed if the client accepts it and `gzip` returns something.
pub(crate) fn compressed_body<'o, B>(
    response: &mut Builder<'o>,
    request: &Request<'_>,
    plain: B,
    gzip: impl FnOnce(&B) -> Option<B>,
) where
    B: AsRef<[u8]> + Send + Unpin + 'o,
{
    response.raw_header("Vary", "Accept-Encoding");
    let gzip = if accepts_gzip(request) { gzip(&plain) } else { None };
    if gzip.is_some() {
        response.raw_header("Content-Encoding", "gzip");
    }
    let body = gzip.unwrap_or(plain);
    response.sized_body(body.as_ref().len(), Cursor::new(body));
}

/// Sets the body of a response that is kept compressed. `plain` is for clients that do not accept that.
pub(crate) fn kept_compressed_body<'o>(
    response: &mut Builder<'o>,
    request: &Request<'_>,
    gzip: &'o [u8],
    plain: impl FnOnce() -> Vec<u8>,
) {
    response.raw_header("Vary", "Accept-Encoding");
    if accepts_gzip(request) {
        response.raw_header("Content-Encoding", "gzip").sized_body(gzip.len(), Cursor::new(gzip));
    } else {
        let plain = plain();
        response.sized_body(plain.len(), Cursor::new(plain));
    }
}
