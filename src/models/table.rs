//! A collection, and the few questions that are asked of it.
//!
//! Each question runs in a task of its own, so that who asked may go away: a driver's operation that is dropped
//! half-way costs its connection, and a crowd that comes and goes would cost them all.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::Document;
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::patience::patiently;
use crate::error::{Error, Result};

/// How long one goes on that nobody waits for any more.
pub(super) const ABANDONED: Duration = Duration::from_secs(10);
/// Questions under way at once. More wait, for as long as they are patient.
const QUESTIONS: usize = 256;

/// Where questions are asked: one a site.
#[derive(Clone)]
pub(super) struct Desk(Arc<Semaphore>);

/// A collection of documents `T`.
pub(super) struct Table<T: Send + Sync> {
    pub(super) collection: Collection<T>,
    desk: Desk,
}

impl Desk {
    pub(super) fn open() -> Self {
        Self(Arc::new(Semaphore::new(QUESTIONS)))
    }

    /// The answer, or `Unavailable` when patience ends before it comes.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, MongoError>> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.0).acquire_owned();
        let asked = async {
            let turn = turn.await;
            let task = tokio::spawn(async move {
                let _turn = turn;
                timeout(ABANDONED, question).await
            });
            task.await
        };
        match patiently(asked).await? {
            Ok(Ok(answer)) => answer.map_err(Error::from),
            Ok(Err(_)) => Err(Error::Unavailable("the database did not answer at all".into())),
            Err(panic) => Err(Error::Internal(panic.to_string())),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Unpin + Send + Sync + 'static> Table<T> {
    pub(super) fn new(collection: Collection<T>, desk: &Desk) -> Self {
        Self { collection, desk: desk.clone() }
    }

    /// The document of a key, if there is one.
    pub(super) async fn one(&self, key: Document) -> Result<Option<T>> {
        self.ask(|all| async move { all.find_one(key).await }).await
    }

    /// All documents of a key or a window, in no order.
    pub(super) async fn all(&self, window: Document) -> Result<Vec<T>> {
        self.ask(|all| async move { all.find(window).await?.try_collect().await }).await
    }

    /// The named fields of all documents of a key or a window, in no order.
    pub(super) async fn outlines<B>(&self, window: Document, fields: Document) -> Result<Vec<B>>
    where
        B: DeserializeOwned + Send + Sync + 'static,
    {
        self.ask(
            |all| async move { all.clone_with_type::<B>().find(window).projection(fields).await?.try_collect().await },
        )
        .await
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
        self.ask(|all| async move { Ok(all.update_one(key, change).await?.matched_count > 0) }).await
    }

    /// The same, and answers the document as it was before.
    pub(super) async fn update_and_get(&self, key: Document, change: Document) -> Result<Option<T>> {
        self.ask(|all| async move { all.find_one_and_update(key, change).await }).await
    }

    /// Removes all documents of a window.
    pub(super) async fn delete_all(&self, window: Document) -> Result<()> {
        self.ask(|all| async move { all.delete_many(window).await.map(drop) }).await
    }

    /// Removes the document of a key, if there is one.
    pub(super) async fn delete(&self, key: Document) -> Result<()> {
        self.ask(|all| async move { all.delete_one(key).await.map(drop) }).await
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
fn is_duplicate(error: &MongoError) -> bool {
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
