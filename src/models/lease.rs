//! `lease`: on a standalone server, which has no change streams, there is one site at a time. It holds the lease by
//! raising a number every now and then; whoever sees the number stand still for long takes it over. No clock is compared
//! with another.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::Database;
use super::database::failed;
use crate::error::Result;

/// How often the number is raised, and how long it may stand still.
const BEAT: Duration = Duration::from_millis(1_500);
const EXPIRES: Duration = Duration::from_secs(5);
/// How often a site that waits looks at it.
const LOOK: Duration = Duration::from_millis(250);
/// The only one.
const ID: &str = "site";

/// The lease as it is stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(rename = "_id")]
    id: String,
    holder: ObjectId,
    beat: i64,
}

/// The right to be the one site on a database.
pub struct Lease {
    db: Arc<Database>,
    holder: ObjectId,
}

impl Lease {
    /// Takes the lease; waits for that of a site that has died. Answers `None` when another one is running.
    ///
    /// # Errors
    /// A sentence for the person at the terminal: the database is away.
    pub async fn take(db: &Arc<Database>) -> Result<Option<Self>, String> {
        let holder = ObjectId::new();
        let first = Stored { id: ID.into(), holder, beat: 1 };
        let taken = || Self { db: Arc::clone(db), holder };
        while !db.leases.insert(first.clone()).await.map_err(failed)? {
            let Some(seen) = Self::look(db).await.map_err(failed)? else { continue };
            let expires = Instant::now() + EXPIRES;
            while Instant::now() < expires {
                sleep(LOOK).await;
                match Self::look(db).await.map_err(failed)? {
                    Some(now) if now == seen => {}
                    Some(_) => return Ok(None),
                    None => break,
                }
            }
            let expired = doc! { "_id": ID, "holder": seen.holder, "beat": seen.beat };
            let ours = doc! { "$set": { "holder": holder }, "$inc": { "beat": 1 } };
            if db.leases.update(expired, ours).await.map_err(failed)? {
                return Ok(Some(taken()));
            }
        }
        Ok(Some(taken()))
    }

    /// Holds the lease; returns when another site has it. While the database is away nobody has it.
    pub async fn hold(&self) {
        let ours = || doc! { "_id": ID, "holder": self.holder };
        while self.db.leases.update(ours(), doc! { "$inc": { "beat": 1 } }).await.unwrap_or(true) {
            sleep(BEAT).await;
        }
    }

    /// Lets go of it, for whoever comes next.
    pub async fn release(&self) {
        if let Err(error) = self.db.leases.delete(doc! { "_id": ID, "holder": self.holder }).await {
            log::debug!("the lease was not released: {error}");
        }
    }

    async fn look(db: &Database) -> Result<Option<Stored>> {
        db.leases.one(doc! { "_id": ID }).await
    }
}
