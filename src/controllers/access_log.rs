//! One log line for each request, with the request's id, and the metrics of requests.

use std::sync::Arc;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::time::OffsetDateTime;
use rocket::{Data, Request, Response};
use serde_json::json;

use super::guards::client_address::client_address;
use super::guards::current_user::resumed_user;
use super::guards::request_info::{REQUEST_ID_HEADER, RequestInfo, request_info};
use crate::config::AccessLog;
use crate::http::{MAX_FIELD_BYTES, clip, refusal};
use crate::metrics::Metrics;

/// The log target of these lines, which are printed without a prefix.
pub const LOG_TARGET: &str = "access";

/// The fairing that writes the lines.
pub struct AccessLogger(pub(crate) AccessLog);

#[rocket::async_trait]
impl Fairing for AccessLogger {
    fn info(&self) -> Info {
        Info { name: "Access log", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        // From now on its time counts.
        request_info(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let info = request_info(request);
        response.set_raw_header(REQUEST_ID_HEADER, info.id.clone());
        let route = request.route().map_or("none", |route| route.uri.path());
        if let Some(metrics) = request.rocket().state::<Arc<Metrics>>() {
            metrics.record_request(request.method().as_str(), route, response.status().code, info.arrived_at.elapsed());
        }
        let size = response.body().preset_size();
        match self.0 {
            AccessLog::Combined => log::info!(target: LOG_TARGET, "{}", combined(request, response, size)),
            AccessLog::Json => log::info!(target: LOG_TARGET, "{}", json(request, response, size)),
            AccessLog::Off => {}
        }
    }
}

/// Returns a line in the combined format of Apache and nginx, with the request's id and milliseconds at its end.
fn combined(request: &Request<'_>, response: &Response<'_>, size: Option<usize>) -> String {
    let (info, now) = (request_info(request), OffsetDateTime::now_utc());
    let header = |name| request.headers().get_one(name).map_or_else(|| "-".to_owned(), escape_quotes);
    format!(
        "{} - {} [{:02}/{:.3}/{}:{:02}:{:02}:{:02} +0000] \"{} {} HTTP/1.1\" {} {} \"{}\" \"{}\" {} {:.1}",
        client_address(request),
        user_id(request).unwrap_or_else(|| "-".into()),
        now.day(),
        now.month().to_string(),
        now.year(),
        now.hour(),
        now.minute(),
        now.second(),
        request.method(),
        escape_quotes(&path(request)),
        response.status().code,
        size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
        header("Referer"),
        header("User-Agent"),
        info.id,
        milliseconds(info),
    )
}

fn json(request: &Request<'_>, response: &Response<'_>, size: Option<usize>) -> String {
    let info = request_info(request);
    json!({
        "at": OffsetDateTime::now_utc().unix_timestamp(),
        "address": client_address(request),
        "user": user_id(request),
        "method": request.method().as_str(),
        "path": clip(&path(request)),
        "status": response.status().code,
        "bytes": size,
        "referer": request.headers().get_one("Referer").map(clip),
        "agent": request.headers().get_one("User-Agent").map(clip),
        "id": info.id,
        "ms": milliseconds(info),
    })
    .to_string()
}

fn user_id(request: &Request<'_>) -> Option<String> {
    resumed_user(request).map(|user| user.id.to_string())
}

fn path(request: &Request<'_>) -> String {
    refusal(request).map_or_else(|| request.uri().to_string(), |refusal| refusal.path.clone())
}

fn milliseconds(info: &RequestInfo) -> f64 {
    (info.arrived_at.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}

/// Escapes a client's text for a place between quotes on one line, and cuts it.
fn escape_quotes(sent: &str) -> String {
    let sent = clip(sent);
    let mut line = String::with_capacity(sent.len());
    for c in sent.chars() {
        let end = line.len();
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
        if line.len() > MAX_FIELD_BYTES {
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
        assert_eq!(escape_quotes("a \"b\" \\ c\r\nd \u{1b}[2J 가"), "a \\\"b\\\" \\\\ c\\r\\nd \\u{1b}[2J 가");
    }

    #[test]
    fn what_was_sent_is_cut_to_a_kibibyte() {
        for long in ["a".repeat(300_000), "가".repeat(300_000), "\"".repeat(300_000), "\u{1b}".repeat(300_000)] {
            let length = escape_quotes(&long).len();
            assert!((MAX_FIELD_BYTES - 6..=MAX_FIELD_BYTES).contains(&length), "{length}");
        }
        assert!(escape_quotes(&"\"".repeat(2_000)).ends_with("\\\""), "no escape is cut");
    }
}
