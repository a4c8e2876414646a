//! The metrics of a server, which `controllers/metrics.rs` serves to Prometheus.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Buckets in seconds, from a cached page to a query timeout.
const SECONDS: [f64; 13] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of entries, up to the largest batch.
const ENTRIES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What a server counts.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    pub(crate) sockets: IntGauge,
    pub(crate) sockets_closed: IntCounterVec,
    pub(crate) slow_clients_dropped: IntCounter,
    pub(crate) rooms: IntGauge,
    pub(crate) catch_ups: IntCounter,
    pub(crate) batch_entries: Histogram,
    pub(crate) append_seconds: Histogram,
    pub(crate) queries: Histogram,
    pub(crate) documents_read: IntCounter,
    pub(crate) database_errors: IntCounter,
    pub(crate) image_jobs: HistogramVec,
    pub(crate) file_uploads: IntCounterVec,
    pub(crate) stored_bytes: IntCounter,
    pub(crate) file_bytes: IntGauge,
    pub(crate) free_bytes: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let registrar = Registrar(&registry);
        registrar.register(ProcessCollector::for_self());
        let version = Opts::new("sarangbang_info", "The running version.").const_label("version", VERSION);
        registrar.created(IntGauge::with_opts(version)).set(1);
        Self {
            requests: registrar.histogram_by(
                "http_request_duration_seconds",
                "Time from the request to the head of the response.",
                &["method", "route", "status"],
            ),
            sockets: registrar.created(IntGauge::new("sarangbang_sockets", "Open WebSockets.")),
            sockets_closed: registrar.created(IntCounterVec::new(
                Opts::new("sarangbang_sockets_closed_total", "Closed WebSockets."),
                &["reason"],
            )),
            slow_clients_dropped: registrar.created(IntCounter::new(
                "sarangbang_readers_dropped_total",
                "Clients dropped because they read nothing for 30 s or left a ping unanswered.",
            )),
            rooms: registrar
                .created(IntGauge::new("sarangbang_rooms_followed", "Rooms with at least one live reader.")),
            catch_ups: registrar.created(IntCounter::new(
                "sarangbang_catch_ups_total",
                "Log reads for readers that are behind the chats in memory.",
            )),
            batch_entries: registrar.histogram("sarangbang_log_batch_entries", "Entries in one append.", &ENTRIES),
            append_seconds: registrar.histogram(
                "sarangbang_log_append_seconds",
                "Time until an append was durable.",
                &SECONDS,
            ),
            queries: registrar.histogram(
                "sarangbang_database_seconds",
                "Time until the database answered a query.",
                &SECONDS,
            ),
            documents_read: registrar
                .created(IntCounter::new("sarangbang_documents_read_total", "Documents returned by queries.")),
            database_errors: registrar
                .created(IntCounter::new("sarangbang_database_errors_total", "Queries that failed or timed out.")),
            image_jobs: registrar.histogram_by(
                "sarangbang_image_job_seconds",
                "Time from the first byte of a picture to its record at the site or its rejection.",
                &["result"],
            ),
            file_uploads: registrar.created(IntCounterVec::new(
                Opts::new("sarangbang_file_uploads_total", "Files for chats, by kind and outcome."),
                &["kind", "result"],
            )),
            stored_bytes: registrar
                .created(IntCounter::new("sarangbang_file_stored_bytes_total", "Bytes stored for files of chats.")),
            file_bytes: registrar.created(IntGauge::new(
                "sarangbang_file_bytes",
                "Bytes of all stored files and pictures, added up every hour.",
            )),
            free_bytes: registrar
                .created(IntGauge::new("sarangbang_file_free_bytes", "Free bytes on the disk of the files.")),
            registry,
        }
    }

    /// Records a response. `route` is a pattern, never a path, so that the number of labels is bounded.
    pub(crate) fn record_request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
    }

    /// Returns all metrics in Prometheus' text format.
    pub(crate) fn to_text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Registers collectors. It cannot fail: all names are constants above, valid and distinct.
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
