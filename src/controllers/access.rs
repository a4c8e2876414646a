//! A line a request: who asked for what, and what became of it. Each has a number, which error pages show too. And a
//! count.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::time::OffsetDateTime;
use rocket::tokio::time::Instant;
use rocket::{Data, Request, Response};
use serde_json::json;

use super::visitor::Visitor;
use crate::config::AccessLog;
use crate::http::{FIELD, clip};
use crate::metrics::METRICS;
use crate::models::values::Nonce;

/// The name under which lines are logged: they stand there as they are.
pub const TARGET: &str = "access";

/// Where a request's number comes from behind a proxy, and where it is told.
const HEADER: &str = "X-Request-Id";

/// Writes the lines.
pub struct Access(pub(crate) AccessLog);

/// What is known of a request from its beginning.
struct Begun {
    id: String,
    at: Instant,
}

#[rocket::async_trait]
impl Fairing for Access {
    fn info(&self) -> Info {
        Info { name: "Access log", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        begun(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        response.set_raw_header(HEADER, begun(request).id.clone());
        let route = request.route().map_or("none", |route| route.uri.path());
        METRICS.record_request(request.method().as_str(), route, response.status().code, begun(request).at.elapsed());
        let size = response.body().preset_size();
        match self.0 {
            AccessLog::Combined => log::info!(target: TARGET, "{}", combined(request, response, size)),
            AccessLog::Json => log::info!(target: TARGET, "{}", json(request, response, size)),
            AccessLog::Off => {}
        }
    }
}

/// The number of a request: the one that a believed proxy gave it, else a random one.
pub(super) fn id<'r>(request: &'r Request<'_>) -> &'r str {
    &begun(request).id
}

fn begun<'r>(request: &'r Request<'_>) -> &'r Begun {
    request.local_cache(|| {
        let given = request.headers().get_one(HEADER).filter(|_| Visitor::of(request).is_by_proxy());
        let is_plain = |id: &&str| {
            (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        Begun { id: given.filter(is_plain).map_or_else(random, str::to_owned), at: Instant::now() }
    })
}

/// Without random bits it has none of its own, and is answered all the same.
fn random() -> String {
    Nonce::random().map_or_else(|_| "-".into(), |nonce| nonce.as_str().to_owned())
}

/// The combined format of Apache and nginx, then the request's number and its milliseconds.
fn combined(request: &Request<'_>, response: &Response<'_>, size: Option<usize>) -> String {
    let (visitor, begun, now) = (Visitor::of(request), begun(request), OffsetDateTime::now_utc());
    let header = |name| request.headers().get_one(name).map_or_else(|| "-".to_owned(), quoted);
    format!(
        "{} - {} [{:02}/{:.3}/{}:{:02}:{:02}:{:02} +0000] \"{} {} HTTP/1.1\" {} {} \"{}\" \"{}\" {} {:.1}",
        visitor.address(),
        visitor.user_id().unwrap_or_else(|| "-".into()),
        now.day(),
        now.month().to_string(),
        now.year(),
        now.hour(),
        now.minute(),
        now.second(),
        request.method(),
        quoted(&visitor.path()),
        response.status().code,
        size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
        header("Referer"),
        header("User-Agent"),
        begun.id,
        milliseconds(begun),
    )
}

/// The same as JSON, for who collects logs.
fn json(request: &Request<'_>, response: &Response<'_>, size: Option<usize>) -> String {
    let (visitor, begun) = (Visitor::of(request), begun(request));
    json!({
        "at": OffsetDateTime::now_utc().unix_timestamp(),
        "address": visitor.address(),
        "user": visitor.user_id(),
        "method": request.method().as_str(),
        "path": clip(&visitor.path()),
        "status": response.status().code,
        "bytes": size,
        "referer": request.headers().get_one("Referer").map(clip),
        "agent": request.headers().get_one("User-Agent").map(clip),
        "id": begun.id,
        "ms": milliseconds(begun),
    })
    .to_string()
}

fn milliseconds(begun: &Begun) -> f64 {
    (begun.at.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}

/// What was sent, as it may stand between quotes on one line, cut.
fn quoted(sent: &str) -> String {
    let sent = clip(sent);
    let mut line = String::with_capacity(sent.len());
    for c in sent.chars() {
        let end = line.len();
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
        if line.len() > FIELD {
            line.truncate(end);
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_stays_between_its_quotes_and_on_its_line() {
        assert_eq!(quoted("a \"b\" \\ c\r\nd \u{1b}[2J 가"), "a \\\"b\\\" \\\\ c\\r\\nd \\u{1b}[2J 가");
    }

    #[test]
    fn what_was_sent_is_cut_to_a_kibibyte() {
        for long in ["a".repeat(300_000), "가".repeat(300_000), "\"".repeat(300_000), "\u{1b}".repeat(300_000)] {
            let length = quoted(&long).len();
            assert!((FIELD - 6..=FIELD).contains(&length), "{length}");
        }
        assert!(quoted(&"\"".repeat(2_000)).ends_with("\\\""), "no escape is cut");
    }
}
