//! A MongoDB collection of one document type, with a cache and timeouts.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc, serialize_to_vec};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
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

pub(crate) struct Collection<T: Send + Sync> {
    inner: MongoCollection<T>,
    runner: QueryRunner,
    cache: Arc<Cache<String, T>>,
}

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
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl Future<Output = Result<T, MongoError>> + Send + 'static,
    ) -> Result<T> {
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
    pub(super) fn new(inner: MongoCollection<T>, runner: &QueryRunner, budget: &Arc<Budget>) -> Self {
        Self { inner, runner: runner.clone(), cache: Cache::new(budget, MAX_AGE, CACHED_BYTES) }
    }

    /// Returns the driver's collection, for start-up, backup and restore, which have timeouts of their own.
    pub(crate) fn driver(&self) -> &MongoCollection<T> {
        &self.inner
    }

    pub(crate) async fn ensure_indexes(&self) -> Result<(), MongoError> {
        for index in T::indexes() {
            self.inner.create_index(index).await?;
        }
        Ok(())
    }

    /// Returns a document by its `_id`, from the cache while no other instance writes.
    pub(crate) async fn find_by_id_cached(&self, id: impl Into<Bson>) -> Result<Option<T>> {
        let id = id.into();
        if !self.runner.members.is_sole_instance() {
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
        let (is_cached, version) = (self.runner.members.is_sole_instance(), self.cache.version());
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
        let found = self.run(|collection| async move { collection.find_one(key).await }).await?;
        self.runner.metrics.documents_read.inc_by(u64::from(found.is_some()));
        Ok(found)
    }

    pub(crate) async fn find_many(&self, filter: Document) -> Result<Vec<T>> {
        let find = |collection: MongoCollection<T>| async move { collection.find(filter).await?.try_collect().await };
        let found: Vec<T> = self.run(find).await?;
        self.runner.metrics.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// Returns the named fields of all documents of a key or a bounded window, in no order.
    pub(crate) async fn find_projected<P>(&self, filter: Document, fields: Document) -> Result<Vec<P>>
    where
        P: DeserializeOwned + Send + Sync + 'static,
    {
        let find = |collection: MongoCollection<T>| async move {
            collection.clone_with_type::<P>().find(filter).projection(fields).await?.try_collect::<Vec<P>>().await
        };
        let found = self.run(find).await?;
        self.runner.metrics.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// Returns the named fields of at most `count` documents of some keys, in no order.
    pub(crate) async fn find_some_projected<P>(&self, filter: Document, fields: Document, count: i64) -> Result<Vec<P>>
    where
        P: DeserializeOwned + Send + Sync + 'static,
    {
        let find = move |collection: MongoCollection<T>| async move {
            let found = collection.clone_with_type::<P>().find(filter).projection(fields).limit(count).await?;
            found.try_collect::<Vec<P>>().await
        };
        let found = self.run(find).await?;
        self.runner.metrics.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// Returns a part of a bounded window in the order of an index.
    pub(crate) async fn find_slice(
        &self,
        window: Document,
        order: Document,
        (skip, limit): (u64, i64),
    ) -> Result<Vec<T>> {
        let find = |collection: MongoCollection<T>| async move {
            collection.find(window).sort(order).skip(skip).limit(limit).await?.try_collect::<Vec<T>>().await
        };
        let found = self.run(find).await?;
        self.runner.metrics.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// Passes the named fields of all documents to `each`, until it returns `false`. Runs for up to [`SCAN_TIMEOUT`] and
    /// must not be cancelled.
    pub(crate) async fn scan<P>(&self, fields: Document, mut each: impl FnMut(P) -> bool) -> Result<()>
    where
        P: DeserializeOwned + Send + Sync + 'static,
    {
        let collection = self.inner.clone_with_type::<P>();
        let scan = async {
            let mut documents = collection.find(doc! {}).projection(fields).batch_size(SCAN_BATCH).await?;
            while let Some(document) = documents.try_next().await? {
                self.runner.metrics.documents_read.inc();
                if !each(document) {
                    break;
                }
            }
            Ok::<_, MongoError>(())
        };
        let late = |_| Error::Unavailable("the database did not answer in time".into());
        timeout(SCAN_TIMEOUT, scan).await.map_err(late)?.map_err(Error::from)
    }

    /// Inserts a document. Returns `false` if one of its unique keys exists.
    pub(crate) async fn insert(&self, document: T) -> Result<bool> {
        let insert = |collection: MongoCollection<T>| async move {
            match collection.insert_one(document).await {
                Err(error) if is_duplicate_key(&error) => Ok(false),
                inserted => inserted.map(|_| true),
            }
        };
        self.run(insert).await
    }

    pub(crate) async fn insert_in_order(&self, documents: Vec<Arc<T>>) -> Result<()> {
        self.run(|collection| async move { collection.insert_many(documents).ordered(true).await.map(drop) }).await
    }

    pub async fn update(&self, key: Document, update: Document) -> Result<bool> {
        let write = |collection: MongoCollection<T>, key| async move {
            Ok(collection.update_one(key, update).await?.matched_count > 0)
        };
        self.write(key, write).await
    }

    pub(crate) async fn update_many(&self, filter: Document, update: Document) -> Result<()> {
        let write = |collection: MongoCollection<T>, filter| async move {
            collection.update_many(filter, update).await.map(drop)
        };
        self.write(filter, write).await
    }

    /// Updates the document of a unique key and returns it as it was before.
    pub(crate) async fn find_one_and_update(&self, key: Document, update: Document) -> Result<Option<T>> {
        let write =
            |collection: MongoCollection<T>, key| async move { collection.find_one_and_update(key, update).await };
        self.write(key, write).await
    }

    /// Updates documents in a task of its own. A failure is only logged.
    pub(crate) fn spawn_update_many(&self, filter: Document, update: Document) {
        let (collection, runner, change) = (self.inner.clone(), self.runner.clone(), self.cache.change(None));
        tokio::spawn(async move {
            let updated = runner.run(async move { collection.update_many(filter, update).await }).await;
            drop(change);
            if let Err(error) = updated {
                log::warn!("documents not updated: error={error}");
            }
        });
    }

    pub(crate) async fn delete(&self, key: Document) -> Result<()> {
        let write = |collection: MongoCollection<T>, key| async move { collection.delete_one(key).await.map(drop) };
        self.write(key, write).await
    }

    pub(crate) async fn delete_many(&self, filter: Document) -> Result<()> {
        let write =
            |collection: MongoCollection<T>, filter| async move { collection.delete_many(filter).await.map(drop) };
        self.write(filter, write).await
    }

    /// Runs a write. Cached copies are invalid from its start to its end, even if the caller stops waiting.
    async fn write<A, F>(&self, filter: Document, write: impl FnOnce(MongoCollection<T>, Document) -> F) -> Result<A>
    where
        A: Send + 'static,
        F: Future<Output = Result<A, MongoError>> + Send + 'static,
    {
        let change = self.cache.change(filter.get("_id").filter(|id| id.as_document().is_none()).map(Bson::to_string));
        let writing = write(self.inner.clone(), filter);
        let written = async move {
            let written = writing.await;
            drop(change);
            written
        };
        self.runner.run(written).await
    }

    async fn run<A, F>(&self, query: impl FnOnce(MongoCollection<T>) -> F) -> Result<A>
    where
        A: Send + 'static,
        F: IntoFuture<Output = Result<A, MongoError>>,
        F::IntoFuture: Send + 'static,
    {
        self.runner.run(query(self.inner.clone()).into_future()).await
    }
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
