//! Answers as gzip, for those who take it.

use std::io::Cursor;

use rocket::request::Request;
use rocket::response::Builder;

/// Puts a body into an answer: as gzip where the request takes that and there is one, else as it is.
pub(super) fn put_either<'o, B>(
    response: &mut Builder<'o>,
    request: &Request<'_>,
    plain: B,
    gzip: impl FnOnce(&B) -> Option<B>,
) where
    B: AsRef<[u8]> + Send + Unpin + 'o,
{
    response.raw_header("Vary", "Accept-Encoding");
    let gzip = if takes_gzip(request) { gzip(&plain) } else { None };
    if gzip.is_some() {
        response.raw_header("Content-Encoding", "gzip");
    }
    let body = gzip.unwrap_or(plain);
    response.sized_body(body.as_ref().len(), Cursor::new(body));
}

/// Whether the request's `Accept-Encoding` takes gzip.
fn takes_gzip(request: &Request<'_>) -> bool {
    let lines: Vec<&str> = request.headers().get("Accept-Encoding").collect();
    names_gzip(&lines.join(","))
}

/// What is said of gzip itself counts before what is said of all others.
fn names_gzip(header: &str) -> bool {
    let weight = |names: &[&str]| {
        let mut items = header.split(',').map(|item| item.split_once(';').unwrap_or((item, "q=1")));
        items.find_map(|(name, weight)| {
            names.iter().any(|other| name.trim().eq_ignore_ascii_case(other)).then(|| parse_weight(weight))
        })
    };
    weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).is_some_and(|weight| weight > 0.0)
}

/// A weight that cannot be read is none: what is sent as it is can be read by everybody.
fn parse_weight(text: &str) -> f32 {
    let value = text.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim().strip_prefix('='));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::names_gzip;

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight() {
        for taken in
            ["gzip", "br, GZIP", "x-gzip", "gzip;q=0.1", "*", "deflate, * ; q=0.5", "gzip; q = 1.0", "*;q=0,gzip"]
        {
            assert!(names_gzip(taken), "{taken}");
        }
        for refused in
            ["", "br", "gzip;q=0", "gzip; q=0.000", "gzip;q=0, *", "*;q=0", "gzipped", "gzip;q=x", "gzip;q=NaN"]
        {
            assert!(!names_gzip(refused), "{refused}");
        }
    }
}
