//! What is counted for whoever watches over a server: Prometheus' text, at `/metrics` of the site and of the image
//! server, for those who have `metrics.token`. One set of counts a process.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::{Route, State, get, routes};
use sha2::{Digest, Sha256};

use crate::config::Settings;
use crate::http;

/// Seconds, from a cached page to a patience that has ended.
const SECONDS: [f64; 13] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Entries, from one that was alone to the largest batch.
const ENTRIES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The counts of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    /// Seconds from a request to its answer, by `method`, `route` and `status`.
    requests: HistogramVec,
    /// WebSockets that are open.
    pub sockets: IntGauge,
    /// WebSockets that have ended, by `reason`.
    pub sockets_closed: IntCounterVec,
    /// Readers, with script or without, that took nothing for so long that they were dropped.
    pub slow_clients_dropped: IntCounter,
    /// Rooms that somebody follows.
    pub rooms: IntGauge,
    /// Readings of a log for readers who are behind what is in memory.
    pub catch_ups: IntCounter,
    /// Entries appended to logs together.
    pub batch_entries: Histogram,
    /// Seconds until such a batch was durable.
    pub append_seconds: Histogram,
    /// Seconds until a question to the database was answered.
    pub queries: Histogram,
    /// Documents that queries have returned.
    pub documents_read: IntCounter,
    /// Questions to the database that failed, or were not answered in time.
    pub database_errors: IntCounter,
    /// Pictures that were taken or refused, by `result`, in seconds.
    pub image_jobs: HistogramVec,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let kept = Registrar(&registry);
        kept.register(ProcessCollector::for_self());
        let version = Opts::new("sarangbang_info", "The version that runs.").const_label("version", VERSION);
        kept.created(IntGauge::with_opts(version)).set(1);
        Self {
            requests: kept.histogram_by(
                "http_request_duration_seconds",
                "From a request to the head of its answer.",
                &["method", "route", "status"],
            ),
            sockets: kept.created(IntGauge::new("sarangbang_sockets", "WebSockets that are open.")),
            sockets_closed: kept.created(IntCounterVec::new(
                Opts::new("sarangbang_sockets_closed_total", "WebSockets that have ended."),
                &["reason"],
            )),
            slow_clients_dropped: kept.created(IntCounter::new(
                "sarangbang_readers_dropped_total",
                "Readers that took nothing for 30 s, or did not answer a ping.",
            )),
            rooms: kept.created(IntGauge::new("sarangbang_rooms_followed", "Rooms that somebody follows.")),
            catch_ups: kept.created(IntCounter::new(
                "sarangbang_catch_ups_total",
                "Readings of a log for readers who are behind what is in memory.",
            )),
            batch_entries: kept.histogram(
                "sarangbang_log_batch_entries",
                "Entries appended to a log at once.",
                &ENTRIES,
            ),
            append_seconds: kept.histogram(
                "sarangbang_log_append_seconds",
                "Until such a batch was durable.",
                &SECONDS,
            ),
            queries: kept.histogram(
                "sarangbang_database_seconds",
                "Until the database had answered a question.",
                &SECONDS,
            ),
            documents_read: kept
                .created(IntCounter::new("sarangbang_documents_read_total", "Documents that queries have returned.")),
            database_errors: kept.created(IntCounter::new(
                "sarangbang_database_errors_total",
                "Questions to the database that failed, or were not answered in time.",
            )),
            image_jobs: kept.histogram_by(
                "sarangbang_image_job_seconds",
                "From a picture's first byte to the site knowing it, or to its refusal.",
                &["result"],
            ),
            registry,
        }
    }

    /// Takes note of an answer. `route` is a pattern, of which there are few, never a path.
    pub fn record_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The route of either server.
pub fn routes() -> Vec<Route> {
    routes![show]
}

/// The counts of this process. Without a configured token there is no such page.
#[get("/metrics")]
fn show(bearer: Bearer<'_>, settings: &State<Settings>) -> Result<(ContentType, Vec<u8>), Status> {
    let token = settings.metrics_token.as_deref().ok_or(Status::NotFound)?;
    if !bearer.admits(token) {
        return Err(Status::Forbidden);
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&METRICS.registry.gather(), &mut text).map_err(|_| Status::InternalServerError)?;
    Ok((ContentType::new("text", "plain").with_params([("version", "0.0.4"), ("charset", "utf-8")]), text))
}

/// The Bearer token of a request.
struct Bearer<'r>(Option<&'r str>);

impl Bearer<'_> {
    fn admits(&self, token: &str) -> bool {
        // Of digests it says nothing how much of them is alike.
        self.0.is_some_and(|given| Sha256::digest(given) == Sha256::digest(token))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Bearer<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self(http::bearer(request)))
    }
}

/// Registers what is made. Names are ours, legal, and each stands here once.
struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn register(&self, collector: impl Collector + 'static) {
        self.0.register(Box::new(collector)).unwrap_or_else(|error| unreachable!("{error}"));
    }

    fn created<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.unwrap_or_else(|error| unreachable!("{error}"));
        self.register(collector.clone());
        collector
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.created(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn histogram_by(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.created(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_admits() {
        let token = "a token of some length";
        assert!(Bearer(Some("a token of some length")).admits(token));
        for other in [None, Some(""), Some("a token"), Some("Bearer a token of some length")] {
            assert!(!Bearer(other).admits(token));
        }
    }
}
