//! Collection `job`: work that has to follow a log entry, even if the instance dies in between.
//!
//! A job is stored before its entry is appended and deleted when the work is done. Another instance takes over the jobs
//! of a lost one within a minute. Work must be idempotent: it may run twice, and in two instances at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, doc};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::members::InstanceId;
use super::{Database, ModelState, StoredDocument};
use crate::error::Result;

/// How long a job whose entry got no answer waits: longer than a request runs.
const MIN_AGE: Duration = Duration::from_secs(15);
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// How long a job of this instance may be stored without running: longer than the request that stored it.
const MAX_IDLE: Duration = Duration::from_secs(60);
const MAX_TAKEN_OVER: usize = 256;

pub(crate) trait Work: Serialize + DeserializeOwned + Clone + Unpin + Send + Sync + 'static {
    /// The kind that jobs of this work are stored with. Jobs of version 0.1 have none.
    const KIND: Option<&'static str>;

    fn run(&self, db: &Arc<Database>) -> impl Future<Output = Result<()>> + Send;
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Job<W> {
    #[serde(rename = "_id")]
    id: ObjectId,
    /// The instance that runs it. Version 0.1 did not always store it.
    #[serde(default, rename = "site", skip_serializing_if = "Option::is_none")]
    instance: Option<InstanceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(flatten)]
    work: W,
}

#[derive(Default)]
struct RunningJobs(Arc<Mutex<HashSet<ObjectId>>>);

/// An entry in [`RunningJobs`] until it is dropped.
struct RunningGuard {
    jobs: Arc<Mutex<HashSet<ObjectId>>>,
    id: ObjectId,
}

impl<W: Work> StoredDocument for Job<W> {
    const COLLECTION: &'static str = "job";
}

impl ModelState for RunningJobs {
    fn new(_: &Database) -> Self {
        Self::default()
    }
}

impl RunningJobs {
    fn start(&self, id: ObjectId) -> Option<RunningGuard> {
        self.0.lock().insert(id).then(|| RunningGuard { jobs: Arc::clone(&self.0), id })
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.id);
    }
}

impl<W: Work> Job<W> {
    pub(crate) async fn create(db: &Database, work: W) -> Result<Self> {
        let job =
            Self { id: ObjectId::new(), instance: Some(db.members().own()), kind: W::KIND.map(str::to_owned), work };
        db.collection::<Self>().insert(job.clone()).await?;
        Ok(job)
    }

    pub(crate) async fn complete(&self, db: &Database) -> Result<()> {
        db.collection::<Self>().delete(doc! { "_id": self.id }).await
    }

    /// Runs the job in a task of its own until it succeeds.
    pub(crate) fn spawn(self, db: &Arc<Database>) {
        self.spawn_after(Duration::ZERO, db);
    }

    /// Runs the job once its entry is either committed or never will be: an error does not tell.
    pub(crate) fn spawn_delayed(self, db: &Arc<Database>) {
        self.spawn_after(MIN_AGE, db);
    }

    fn spawn_after(self, delay: Duration, db: &Arc<Database>) {
        let Some(guard) = db.state::<RunningJobs>().start(self.id) else { return };
        let db = Arc::clone(db);
        tokio::spawn(async move {
            let _guard = guard;
            sleep(delay).await;
            while let Err(error) = self.run(&db).await {
                log::debug!("job not finished: id={} error={error}", self.id);
                sleep(RETRY_DELAY).await;
            }
        });
    }

    async fn run(&self, db: &Arc<Database>) -> Result<()> {
        self.work.run(db).await?;
        self.complete(db).await
    }

    /// Runs the jobs that no instance runs.
    pub(crate) async fn resume_all(db: &Arc<Database>) -> Result<()> {
        let jobs = db.collection::<Self>().find_many(doc! { "kind": W::KIND }).await?;
        for job in jobs.into_iter().filter(|job| job.is_abandoned(db)).take(MAX_TAKEN_OVER) {
            if job.claim(db).await? {
                // The instance that stored it may be about to append the entry.
                let age = job.age();
                job.spawn_after(MIN_AGE.saturating_sub(age), db);
            }
        }
        Ok(())
    }

    fn age(&self) -> Duration {
        DateTime::now().saturating_duration_since(self.id.timestamp())
    }

    fn is_abandoned(&self, db: &Database) -> bool {
        match self.instance {
            _ if db.state::<RunningJobs>().0.lock().contains(&self.id) => false,
            Some(instance) if instance == db.members().own() => self.age() > MAX_IDLE,
            Some(instance) => !db.members().may_be_running(instance),
            None => true,
        }
    }

    /// Makes this instance the one that runs the job. Returns `false` if another one was faster.
    async fn claim(&self, db: &Database) -> Result<bool> {
        let as_seen = doc! { "_id": self.id, "site": self.instance.map_or(Bson::Null, Bson::ObjectId) };
        db.collection::<Self>().update(as_seen, doc! { "$set": { "site": db.members().own() } }).await
    }
}
