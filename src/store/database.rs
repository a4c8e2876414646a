//! The connection to MongoDB. Reads and writes use majority and journaling: what was acknowledged is durable.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::error::{Error as MongoError, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection as MongoCollection, Database as MongoDatabase};
use parking_lot::Mutex;
use state::TypeMap;
use tokio::time::{Instant, timeout};

use super::collection::{Collection, HARD_TIMEOUT, QueryRunner, StoredDocument};
use super::members::Members;
use super::timeout::QUERY_TIMEOUT;
use crate::cache::Budget;
use crate::config::DatabaseConfig;
use crate::error::Result;
use crate::metrics::Metrics;

/// At start-up the server may still be starting too.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_NAME: &str = "sarangbang";
const COMMAND_NOT_FOUND: i32 = 59;

/// The data of one site: its collections, and what the models keep in memory beside them.
pub struct Database {
    handle: MongoDatabase,
    runner: QueryRunner,
    members: Arc<Members>,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
    /// When a write of this process, or of its predecessor, was last left without an answer.
    unanswered_write: Mutex<Option<Instant>>,
    site_id: OnceLock<String>,
    collections: TypeMap![Send + Sync],
    model_state: TypeMap![Send + Sync],
}

/// What a model keeps in memory: one value for each [`Database`].
pub(crate) trait ModelState: Send + Sync + 'static {
    fn new(db: &Database) -> Self;
}

impl Database {
    /// Connects to a server and waits until it answers. Fails with a sentence for the operator.
    pub(crate) async fn open(config: &DatabaseConfig) -> Result<Self, String> {
        let (handle, is_shared) = connect(config, STARTUP_TIMEOUT).await?;
        Ok(Self::new(handle, is_shared && !config.is_engine))
    }

    /// Connects with default settings.
    pub(crate) async fn connect(url: &str) -> Result<Self, String> {
        Self::open(&DatabaseConfig::from_url(url)).await
    }

    /// Connects to the site's own engine, which no other instance can reach.
    pub(crate) async fn connect_exclusive(url: &str) -> Result<Self, String> {
        Self::open(&DatabaseConfig::engine(url)).await
    }

    /// Sends one command to a server, without waiting for it to come up. Returns whether instances may share it.
    /// Fails with a sentence for the operator.
    pub async fn probe(url: &str) -> Result<bool, String> {
        Self::probe_configured(&DatabaseConfig::from_url(url)).await
    }

    pub(crate) async fn probe_configured(config: &DatabaseConfig) -> Result<bool, String> {
        connect(config, Duration::ZERO).await.map(|(_, is_shared)| is_shared)
    }

    fn new(handle: MongoDatabase, is_shared: bool) -> Self {
        let (members, metrics) = (Arc::new(Members::new(is_shared)), Arc::new(Metrics::new()));
        Self {
            handle,
            runner: QueryRunner::new(&members, &metrics),
            members,
            budget: Arc::default(),
            metrics,
            unanswered_write: Mutex::new(Some(Instant::now())),
            site_id: OnceLock::new(),
            collections: <TypeMap![Send + Sync]>::new(),
            model_state: <TypeMap![Send + Sync]>::new(),
        }
    }

    pub(super) fn set_site_id(&self, id: String) {
        let _ = self.site_id.set(id);
    }

    pub(crate) fn site_id(&self) -> &str {
        self.site_id.get().map_or("", String::as_str)
    }

    pub(crate) fn collection<T: StoredDocument>(&self) -> &Collection<T> {
        if self.collections.try_get::<Collection<T>>().is_none() {
            // If two threads create it, the first one wins.
            self.collections.set(Collection::<T>::new(self.driver(T::COLLECTION), &self.runner, &self.budget));
        }
        self.collections.get()
    }

    /// Returns the driver's collection, with majority and journaling.
    pub(super) fn driver<T: Send + Sync>(&self, name: &str) -> MongoCollection<T> {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
            .build();
        self.handle.collection_with_options(name, options)
    }

    pub(crate) fn state<T: ModelState>(&self) -> &T {
        if self.model_state.try_get::<T>().is_none() {
            self.model_state.set(T::new(self));
        }
        self.model_state.get()
    }

    /// Returns whether several instances may use the database: it has change streams.
    pub(crate) fn is_shared(&self) -> bool {
        self.members.is_shared()
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    pub(crate) fn handle(&self) -> &MongoDatabase {
        &self.handle
    }

    /// Records that a write may still take effect although its caller got no answer.
    pub(crate) fn record_unanswered_write(&self) {
        *self.unanswered_write.lock() = Some(Instant::now());
    }

    /// Waits until everything that was read before this call is durable.
    ///
    /// A replica set returns only what a majority has journaled. A standalone server also returns what it has in memory
    /// only. Its journal is sequential, so one journaled write makes everything before it durable. That write is needed
    /// only while an unanswered write may have been read.
    pub(crate) async fn ensure_durable(&self) -> Result<()> {
        let unanswered = *self.unanswered_write.lock();
        let Some(since) = unanswered.filter(|_| !self.is_shared()) else { return Ok(()) };
        let begun = Instant::now();
        self.write_barrier().await?;
        if begun > since + HARD_TIMEOUT * 2 {
            self.unanswered_write.lock().take_if(|unanswered| *unanswered == since);
        }
        Ok(())
    }

    /// Fails with `Unavailable` if the database does not answer within [`QUERY_TIMEOUT`].
    pub(crate) async fn ping(&self) -> Result<()> {
        let handle = self.handle.clone();
        self.runner.run(Box::pin(async move { handle.run_command(doc! { "ping": 1 }).await })).await.map(drop)
    }
}

/// Connects and waits for the first answer. Returns whether the server is a replica set or a router.
async fn connect(config: &DatabaseConfig, max_wait: Duration) -> Result<(MongoDatabase, bool), String> {
    let options = ClientOptions::parse(&config.url).await;
    let mut options = options.map_err(|error| format!("Cannot parse databases.sarangbang.url: {error}."))?;
    options.app_name.get_or_insert_with(|| "sarangbang".into());
    options.min_pool_size = config.min_connections;
    options.max_pool_size = Some(config.max_connections);
    options.connect_timeout = Duration::try_from_secs_f64(config.connect_timeout).ok();
    options.max_idle_time = config.idle_timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    options.server_selection_timeout.get_or_insert(QUERY_TIMEOUT);
    // A secondary lags behind what a writer was told.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let client = Client::with_options(options).map_err(database_error)?;
    let handle = client.default_database().unwrap_or_else(|| client.database(DEFAULT_NAME));

    let end = Instant::now() + max_wait;
    // MongoDB 4.4.0 and 4.4.1 know `hello` only by its old name.
    let mut command = "hello";
    let hello = loop {
        match timeout(QUERY_TIMEOUT, handle.run_command(doc! { command: 1 })).await {
            Ok(Ok(hello)) => break hello,
            Ok(Err(error)) if command == "hello" && is_unknown_command(&error) => command = "isMaster",
            Ok(Err(error)) if matches!(*error.kind, ErrorKind::Authentication { .. }) => {
                return Err(database_error(error));
            }
            Ok(Err(error)) if Instant::now() > end => return Err(not_reached(error.kind)),
            Err(_) if Instant::now() > end => return Err(not_reached("no answer")),
            _ => log::warn!("waiting for the database"),
        }
    };
    let is_shared = hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|router| router == "isdbgrid");
    Ok((handle, is_shared))
}

fn not_reached(cause: impl Display) -> String {
    format!("Cannot reach the database: {cause}. Start it, or correct databases.sarangbang.url.")
}

fn is_unknown_command(error: &MongoError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == COMMAND_NOT_FOUND)
}

/// Returns the sentence that start-up, backup and restore report to the operator.
pub(crate) fn database_error(error: impl Display) -> String {
    format!("Cannot use the database: {error}")
}
