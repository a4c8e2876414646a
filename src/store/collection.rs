//! A MongoDB collection of one document type, with a cache and timeouts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use mongodb::bson::{
    Bson, Document, RawDocumentBuf, deserialize_from_slice, doc, serialize_to_raw_document_buf, serialize_to_vec,
};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use mongodb::options::FindOptions;
use mongodb::{Collection as MongoCollection, IndexModel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::members::Members;
use super::timeout::with_timeout;
use crate::cache::{Budget, Cache, Lookup, Version};
use crate::error::{Error, Result};
use crate::metrics::Metrics;

/// How long a query runs on after its caller has given up.
pub(crate) const HARD_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum age of a cached document. It bounds how late a change made by hand in the database is seen.
const MAX_AGE: Duration = Duration::from_secs(5);
const CACHED_BYTES: usize = 4 << 20;
const MAX_CONCURRENT_QUERIES: usize = 256;
const SCAN_TIMEOUT: Duration = Duration::from_secs(60);
/// Documents that a scan holds at once.
const SCAN_BATCH: u32 = 1_000;

pub(crate) trait StoredDocument: Serialize + DeserializeOwned + Clone + Unpin + Send + Sync + 'static {
    const COLLECTION: &'static str;

    fn indexes() -> Vec<IndexModel> {
        Vec::new()
    }
}

/// Runs queries, each in a task of its own.
///
/// Dropping a driver future in the middle of an operation closes its connection, so cancelled requests would drain the
/// connection pool.
#[derive(Clone)]
pub(super) struct QueryRunner {
    permits: Arc<Semaphore>,
    members: Arc<Members>,
    metrics: Arc<Metrics>,
}

pub(crate) struct Collection<T> {
    raw: RawCollection,
    cache: Arc<Cache<String, T>>,
}

/// The queries of all collections. They know no document type: each would get a copy of the driver's code.
#[derive(Clone)]
struct RawCollection {
    driver: MongoCollection<RawDocumentBuf>,
    runner: QueryRunner,
}

/// Cached copies are invalid while it exists.
type PendingChange = Box<dyn Send>;

impl QueryRunner {
    pub(super) fn new(members: &Arc<Members>, metrics: &Arc<Metrics>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_QUERIES)),
            members: Arc::clone(members),
            metrics: Arc::clone(metrics),
        }
    }

    /// Runs a query.
    /// Fails with `Unavailable` on a timeout. The query may still take effect.
    pub(super) async fn run<T: Send + 'static>(&self, query: BoxFuture<'static, Result<T, MongoError>>) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let spawned = async {
            let permit = permit.await;
            let task = tokio::spawn(async move {
                let _permit = permit;
                timeout(HARD_TIMEOUT, query).await
            });
            task.await
        };
        let begun = Instant::now();
        let result = match with_timeout(spawned).await {
            Err(error) => Err(error),
            Ok(Err(panic)) => Err(Error::Internal(panic.to_string())),
            Ok(Ok(Err(_))) => Err(Error::Unavailable("the database did not answer within 10 s".into())),
            Ok(Ok(Ok(result))) => result.map_err(Error::from),
        };
        match &result {
            Ok(_) => self.metrics.queries.observe(begun.elapsed().as_secs_f64()),
            Err(_) => self.metrics.database_errors.inc(),
        }
        result
    }
}

impl<T: StoredDocument> Collection<T> {
    pub(super) fn new(driver: MongoCollection<RawDocumentBuf>, runner: &QueryRunner, budget: &Arc<Budget>) -> Self {
        let raw = RawCollection { driver, runner: runner.clone() };
        Self { raw, cache: Cache::new(budget, MAX_AGE, CACHED_BYTES) }
    }

    /// Returns the driver's collection, for start-up, backup and restore, which have timeouts of their own.
    pub(crate) fn driver(&self) -> MongoCollection<T> {
        self.raw.driver.clone_with_type()
    }

    pub(crate) async fn ensure_indexes(&self) -> Result<(), MongoError> {
        for index in T::indexes() {
            self.raw.driver.create_index(index).await?;
        }
        Ok(())
    }

    /// Returns a document by its `_id`, from the cache while no other instance writes.
    pub(crate) async fn find_by_id_cached(&self, id: impl Into<Bson>) -> Result<Option<T>> {
        let id = id.into();
        if !self.raw.runner.members.is_sole_instance() {
            return self.find_one(doc! { "_id": id }).await;
        }
        let key = id.to_string();
        let version = match self.cache.get(&key) {
            Lookup::Hit(document) => return Ok(Some(document)),
            Lookup::Miss(version) => version,
        };
        let found = self.find_one(doc! { "_id": id }).await?;
        if let Some(document) = &found {
            self.keep(version, key, document);
        }
        Ok(found)
    }

    /// Returns the documents of some `_id`s, in no order. Reads with one query those that are not cached.
    pub(crate) async fn find_by_ids_cached(&self, ids: Vec<Bson>, id: impl Fn(&T) -> Bson) -> Result<Vec<T>> {
        let (is_cached, version) = (self.raw.runner.members.is_sole_instance(), self.cache.version());
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match self.cache.get(&id.to_string()) {
                Lookup::Hit(document) if is_cached => found.push(document),
                _ => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let read = self.find_many(doc! { "_id": { "$in": missing } }).await?;
            for document in read.iter().filter(|_| is_cached) {
                self.keep(version, id(document).to_string(), document);
            }
            found.extend(read);
        }
        Ok(found)
    }

    fn keep(&self, version: Version, key: String, document: &T) {
        // A decoded document takes about twice its size on the wire.
        let bytes = 2 * serialize_to_vec(document).map_or(CACHED_BYTES, |bytes| bytes.len());
        self.cache.insert(version, key, document.clone(), bytes);
    }

    /// Returns the document with a unique key.
    pub(crate) async fn find_one(&self, key: Document) -> Result<Option<T>> {
        self.raw.find_one(key).await?.as_ref().map(decode).transpose()
    }

    pub(crate) async fn find_many(&self, filter: Document) -> Result<Vec<T>> {
        decode_all(&self.raw.find(filter, FindOptions::default()).await?)
    }

    /// Returns the named fields of all documents of a key or a bounded window, in no order.
    pub(crate) async fn find_projected<P: DeserializeOwned>(
        &self,
        filter: Document,
        fields: Document,
    ) -> Result<Vec<P>> {
        let mut options = FindOptions::default();
        options.projection = Some(fields);
        decode_all(&self.raw.find(filter, options).await?)
    }

    /// Returns the named fields of at most `count` documents of some keys, in no order.
    pub(crate) async fn find_some_projected<P>(&self, filter: Document, fields: Document, count: i64) -> Result<Vec<P>>
    where
        P: DeserializeOwned,
    {
        let mut options = FindOptions::default();
        options.projection = Some(fields);
        options.limit = Some(count);
        decode_all(&self.raw.find(filter, options).await?)
    }

    /// Returns a part of a bounded window in the order of an index.
    pub(crate) async fn find_slice(
        &self,
        window: Document,
        order: Document,
        (skip, limit): (u64, i64),
    ) -> Result<Vec<T>> {
        let mut options = FindOptions::default();
        options.sort = Some(order);
        options.skip = Some(skip);
        options.limit = Some(limit);
        decode_all(&self.raw.find(window, options).await?)
    }

    /// Passes the named fields of all documents to `each`, until it returns `false`. Runs for up to [`SCAN_TIMEOUT`] and
    /// must not be cancelled.
    pub(crate) async fn scan<P: DeserializeOwned>(
        &self,
        fields: Document,
        mut each: impl FnMut(P) -> bool,
    ) -> Result<()> {
        let scan = async {
            let all = self.raw.driver.find(doc! {}).projection(fields).batch_size(SCAN_BATCH);
            let mut documents = all.await?;
            while let Some(document) = documents.try_next().await? {
                self.raw.runner.metrics.documents_read.inc();
                if !each(decode(&document)?) {
                    break;
                }
            }
            Ok(())
        };
        let late = |_| Error::Unavailable("the database did not answer in time".into());
        timeout(SCAN_TIMEOUT, scan).await.map_err(late)?
    }

    /// Inserts a document. Returns `false` if one of its unique keys exists.
    pub(crate) async fn insert(&self, document: T) -> Result<bool> {
        self.raw.insert_one(encode(&document)?).await
    }

    pub(crate) async fn insert_in_order(&self, documents: Vec<Arc<T>>) -> Result<()> {
        let documents: Result<Vec<_>> = documents.iter().map(|document| encode(&**document)).collect();
        self.raw.insert_in_order(documents?).await
    }

    pub async fn update(&self, key: Document, update: Document) -> Result<bool> {
        let change = self.begin_change(&key);
        self.raw.update_one(key, update, change).await
    }

    pub(crate) async fn update_many(&self, filter: Document, update: Document) -> Result<()> {
        let change = self.begin_change(&filter);
        self.raw.update_many(filter, update, change).await
    }

    /// Updates the document of a unique key and returns it as it was before.
    pub(crate) async fn find_one_and_update(&self, key: Document, update: Document) -> Result<Option<T>> {
        let change = self.begin_change(&key);
        self.raw.find_one_and_update(key, update, change).await?.as_ref().map(decode).transpose()
    }

    /// Updates documents in a task of its own. A failure is only logged.
    pub(crate) fn spawn_update_many(&self, filter: Document, update: Document) {
        let (raw, change) = (self.raw.clone(), self.begin_change(&doc! {}));
        tokio::spawn(async move {
            if let Err(error) = raw.update_many(filter, update, change).await {
                log::warn!("documents not updated: error={error}");
            }
        });
    }

    pub(crate) async fn delete(&self, key: Document) -> Result<()> {
        let change = self.begin_change(&key);
        self.raw.delete_one(key, change).await
    }

    pub(crate) async fn delete_many(&self, filter: Document) -> Result<()> {
        let change = self.begin_change(&filter);
        self.raw.delete_many(filter, change).await
    }

    /// Cached copies are invalid from the start of a write to its end, even if the caller stops waiting.
    fn begin_change(&self, filter: &Document) -> PendingChange {
        let id = filter.get("_id").filter(|id| id.as_document().is_none());
        Box::new(self.cache.change(id.map(Bson::to_string)))
    }
}

impl RawCollection {
    async fn find_one(&self, key: Document) -> Result<Option<RawDocumentBuf>> {
        let driver = self.driver.clone();
        let found = self.runner.run(Box::pin(async move { driver.find_one(key).await })).await?;
        self.runner.metrics.documents_read.inc_by(u64::from(found.is_some()));
        Ok(found)
    }

    async fn find(&self, filter: Document, options: FindOptions) -> Result<Vec<RawDocumentBuf>> {
        let driver = self.driver.clone();
        let find = async move { driver.find(filter).with_options(options).await?.try_collect::<Vec<_>>().await };
        let found = self.runner.run(Box::pin(find)).await?;
        self.runner.metrics.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    async fn insert_one(&self, document: RawDocumentBuf) -> Result<bool> {
        let driver = self.driver.clone();
        let insert = async move {
            match driver.insert_one(document).await {
                Err(error) if is_duplicate_key(&error) => Ok(false),
                inserted => inserted.map(|_| true),
            }
        };
        self.runner.run(Box::pin(insert)).await
    }

    async fn insert_in_order(&self, documents: Vec<RawDocumentBuf>) -> Result<()> {
        let driver = self.driver.clone();
        let insert = async move { driver.insert_many(documents).ordered(true).await.map(drop) };
        self.runner.run(Box::pin(insert)).await
    }

    async fn update_one(&self, key: Document, update: Document, change: PendingChange) -> Result<bool> {
        let driver = self.driver.clone();
        let write = async move {
            let updated = driver.update_one(key, update).await;
            drop(change);
            Ok(updated?.matched_count > 0)
        };
        self.runner.run(Box::pin(write)).await
    }

    async fn update_many(&self, filter: Document, update: Document, change: PendingChange) -> Result<()> {
        let driver = self.driver.clone();
        let write = async move {
            let updated = driver.update_many(filter, update).await;
            drop(change);
            updated.map(drop)
        };
        self.runner.run(Box::pin(write)).await
    }

    async fn find_one_and_update(
        &self,
        key: Document,
        update: Document,
        change: PendingChange,
    ) -> Result<Option<RawDocumentBuf>> {
        let driver = self.driver.clone();
        let write = async move {
            let before = driver.find_one_and_update(key, update).await;
            drop(change);
            before
        };
        self.runner.run(Box::pin(write)).await
    }

    async fn delete_one(&self, key: Document, change: PendingChange) -> Result<()> {
        let driver = self.driver.clone();
        let write = async move {
            let deleted = driver.delete_one(key).await;
            drop(change);
            deleted.map(drop)
        };
        self.runner.run(Box::pin(write)).await
    }

    async fn delete_many(&self, filter: Document, change: PendingChange) -> Result<()> {
        let driver = self.driver.clone();
        let write = async move {
            let deleted = driver.delete_many(filter).await;
            drop(change);
            deleted.map(drop)
        };
        self.runner.run(Box::pin(write)).await
    }
}

fn encode(document: &impl Serialize) -> Result<RawDocumentBuf> {
    serialize_to_raw_document_buf(document).map_err(|error| Error::Internal(error.to_string()))
}

fn decode<T: DeserializeOwned>(document: &RawDocumentBuf) -> Result<T> {
    deserialize_from_slice(document.as_bytes()).map_err(|error| Error::Internal(error.to_string()))
}

fn decode_all<T: DeserializeOwned>(documents: &[RawDocumentBuf]) -> Result<Vec<T>> {
    documents.iter().map(decode).collect()
}

pub(super) fn is_duplicate_key(error: &MongoError) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11_000,
        ErrorKind::Command(error) => error.code == 11_000,
        _ => false,
    }
}

impl From<MongoError> for Error {
    fn from(error: MongoError) -> Self {
        match &*error.kind {
            ErrorKind::BsonDeserialization(_) | ErrorKind::BsonSerialization(_) | ErrorKind::InvalidArgument { .. } => {
                Self::Internal(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
