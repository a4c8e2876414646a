//! A collection, and the few questions that are asked of it.
//!
//! Each question runs in a task of its own, so that who asked may go away: a driver's operation that is dropped
//! half-way costs its connection, and a crowd that comes and goes would cost them all.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc, serialize_to_vec};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::signal::Sites;
use super::timeout::with_timeout;
use crate::cache::{Budget, Cache, Lookup};
use crate::error::{Error, Result};
use crate::metrics::METRICS;

/// How long one goes on that nobody waits for any more.
pub(super) const ABANDONED: Duration = Duration::from_secs(10);
/// How long a document is kept where no other instance writes: a change by hand is seen after that.
const MAX_AGE: Duration = Duration::from_secs(5);
/// The most bytes of documents that are kept of one collection.
const CACHED_BYTES: usize = 4 << 20;
/// Questions under way at once. More wait, for as long as they are patient.
const QUESTIONS: usize = 256;

/// Where questions are asked: one a site.
#[derive(Clone)]
pub(super) struct Desk {
    turns: Arc<Semaphore>,
    sites: Arc<Sites>,
}

/// A collection of documents `T`.
pub(super) struct Table<T: Send + Sync> {
    pub(super) collection: Collection<T>,
    desk: Desk,
    cache: Arc<Cache<String, T>>,
}

impl Desk {
    pub(super) fn open(sites: &Arc<Sites>) -> Self {
        Self { turns: Arc::new(Semaphore::new(QUESTIONS)), sites: Arc::clone(sites) }
    }

    /// The answer, or `Unavailable` when patience ends before it comes.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, MongoError>> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let asked = async {
            let turn = turn.await;
            let task = tokio::spawn(async move {
                let _turn = turn;
                timeout(ABANDONED, question).await
            });
            task.await
        };
        let begun = Instant::now();
        let answer = match with_timeout(asked).await {
            Ok(Ok(Ok(answer))) => answer.map_err(Error::from),
            Ok(Ok(Err(_))) => Err(Error::Unavailable("the database did not answer at all".into())),
            Ok(Err(panic)) => Err(Error::Internal(panic.to_string())),
            Err(error) => Err(error),
        };
        match &answer {
            Ok(_) => METRICS.queries.observe(begun.elapsed().as_secs_f64()),
            Err(_) => METRICS.database_errors.inc(),
        }
        answer
    }
}

impl<T: Serialize + DeserializeOwned + Clone + Unpin + Send + Sync + 'static> Table<T> {
    pub(super) fn new(collection: Collection<T>, desk: &Desk, budget: &Arc<Budget>) -> Self {
        Self { collection, desk: desk.clone(), cache: Cache::new(budget, MAX_AGE, CACHED_BYTES) }
    }

    /// The document of an `_id`, if there is one: from memory where no other site can have changed it.
    pub(super) async fn known(&self, id: impl Into<Bson>) -> Result<Option<T>> {
        let id = id.into();
        if !self.desk.sites.is_alone() {
            return self.one(doc! { "_id": id }).await;
        }
        let key = id.to_string();
        let version = match self.cache.get(&key) {
            Lookup::Hit(document) => return Ok(Some(document)),
            Lookup::Miss(version) => version,
        };
        let found = self.one(doc! { "_id": id }).await?;
        if let Some(document) = &found {
            // In memory it takes about as much again as on the wire.
            let bytes = 2 * serialize_to_vec(document).map_or(CACHED_BYTES, |bytes| bytes.len());
            self.cache.insert(version, key, document.clone(), bytes);
        }
        Ok(found)
    }

    /// The documents as they are stored, to be asked for by whoever has more patience than a question.
    pub(super) fn raw(&self) -> Collection<Document> {
        self.collection.clone_with_type()
    }

    /// The document of a key, if there is one.
    pub(super) async fn one(&self, key: Document) -> Result<Option<T>> {
        let found = self.ask(|all| async move { all.find_one(key).await }).await?;
        METRICS.documents_read.inc_by(u64::from(found.is_some()));
        Ok(found)
    }

    /// All documents of a key or a window, in no order.
    pub(super) async fn all(&self, window: Document) -> Result<Vec<T>> {
        let found: Vec<T> = self.ask(|all| async move { all.find(window).await?.try_collect().await }).await?;
        METRICS.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// The named fields of all documents of a key or a window, in no order.
    pub(super) async fn outlines<B>(&self, window: Document, fields: Document) -> Result<Vec<B>>
    where
        B: DeserializeOwned + Send + Sync + 'static,
    {
        let read = |all: Collection<T>| async move {
            all.clone_with_type::<B>().find(window).projection(fields).await?.try_collect::<Vec<B>>().await
        };
        let found = self.ask(read).await?;
        METRICS.documents_read.inc_by(found.len() as u64);
        Ok(found)
    }

    /// Adds a document. Answers `false` when one of its keys is there already.
    pub(super) async fn insert(&self, document: T) -> Result<bool> {
        let insert = |all: Collection<T>| async move {
            match all.insert_one(document).await {
                Err(error) if is_duplicate(&error) => Ok(false),
                inserted => inserted.map(|_| true),
            }
        };
        self.ask(insert).await
    }

    /// Adds documents one after the other, up to the first that cannot be added.
    pub(super) async fn insert_in_order(&self, documents: Vec<Arc<T>>) -> Result<()> {
        self.ask(|all| async move { all.insert_many(documents).ordered(true).await.map(drop) }).await
    }

    /// Changes the document of a key. Answers whether there is one.
    pub(super) async fn update(&self, key: Document, change: Document) -> Result<bool> {
        self.change(key, |all, key| async move { Ok(all.update_one(key, change).await?.matched_count > 0) }).await
    }

    /// Changes all documents of a window.
    pub(super) async fn update_all(&self, window: Document, change: Document) -> Result<()> {
        self.change(window, |all, window| async move { all.update_many(window, change).await.map(drop) }).await
    }

    /// The same, and answers the document as it was before.
    pub(super) async fn update_and_get(&self, key: Document, change: Document) -> Result<Option<T>> {
        self.change(key, |all, key| async move { all.find_one_and_update(key, change).await }).await
    }

    /// Changes all documents of a window, in a task of its own. A failure is logged only.
    pub(super) fn update_all_later(&self, window: Document, change: Document) {
        let (all, desk, under_way) = (self.collection.clone(), self.desk.clone(), self.cache.change(None));
        tokio::spawn(async move {
            let changed = desk.ask(async move { all.update_many(window, change).await }).await;
            drop(under_way);
            if let Err(error) = changed {
                log::warn!("documents not updated: {error}");
            }
        });
    }

    /// Removes all documents of a window.
    pub(super) async fn delete_all(&self, window: Document) -> Result<()> {
        self.change(window, |all, window| async move { all.delete_many(window).await.map(drop) }).await
    }

    /// Removes the document of a key, if there is one.
    pub(super) async fn delete(&self, key: Document) -> Result<()> {
        self.change(key, |all, key| async move { all.delete_one(key).await.map(drop) }).await
    }

    /// A question that changes the documents of a window. Their copies are invalid from its beginning to its end, whoever
    /// still waits for it.
    async fn change<A, F>(&self, window: Document, question: impl FnOnce(Collection<T>, Document) -> F) -> Result<A>
    where
        A: Send + 'static,
        F: Future<Output = Result<A, MongoError>> + Send + 'static,
    {
        let change = self.cache.change(window.get("_id").map(Bson::to_string));
        let asked = question(self.collection.clone(), window);
        let changed = async move {
            let changed = asked.await;
            drop(change);
            changed
        };
        self.desk.ask(changed).await
    }

    async fn ask<A, F>(&self, question: impl FnOnce(Collection<T>) -> F) -> Result<A>
    where
        A: Send + 'static,
        F: IntoFuture<Output = Result<A, MongoError>>,
        F::IntoFuture: Send + 'static,
    {
        self.desk.ask(question(self.collection.clone()).into_future()).await
    }
}

/// Whether a write was refused because its key exists.
pub(super) fn is_duplicate(error: &MongoError) -> bool {
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
