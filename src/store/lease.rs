//! Collection `lease`: lets one instance at a time use a standalone server, which has no change streams.
//!
//! The holder increments a counter. Another instance takes the lease over once the counter has stood still for
//! [`EXPIRES`]. Clocks of different machines are never compared.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::database::database_error;
use super::{Database, StoredDocument};
use crate::error::Result;

const RENEW_INTERVAL: Duration = Duration::from_millis(1_500);
const EXPIRES: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The `_id` of the only lease.
const ID: &str = "site";

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LeaseDocument {
    #[serde(rename = "_id")]
    id: String,
    holder: ObjectId,
    #[serde(rename = "beat")]
    counter: i64,
}

impl StoredDocument for LeaseDocument {
    const COLLECTION: &'static str = "lease";
}

/// The right to be the only instance on a database.
pub struct Lease {
    db: Arc<Database>,
    holder: ObjectId,
}

impl Lease {
    /// Acquires the lease. Waits for that of an instance that has died. Returns `None` while another one is running.
    /// Fails with a sentence for the operator: the database is not available.
    pub async fn acquire(db: &Arc<Database>) -> Result<Option<Self>, String> {
        let leases = db.collection::<LeaseDocument>();
        let holder = ObjectId::new();
        let first = LeaseDocument { id: ID.into(), holder, counter: 1 };
        let lease = Self { db: Arc::clone(db), holder };
        while !leases.insert(first.clone()).await.map_err(database_error)? {
            let Some(seen) = Self::read(db).await.map_err(database_error)? else { continue };
            let expires = Instant::now() + EXPIRES;
            while Instant::now() < expires {
                sleep(POLL_INTERVAL).await;
                match Self::read(db).await.map_err(database_error)? {
                    Some(now) if now == seen => {}
                    Some(_) => return Ok(None),
                    None => break,
                }
            }
            let expired = doc! { "_id": ID, "holder": seen.holder, "beat": seen.counter };
            let take_over = doc! { "$set": { "holder": holder }, "$inc": { "beat": 1 } };
            if leases.update(expired, take_over).await.map_err(database_error)? {
                return Ok(Some(lease));
            }
        }
        Ok(Some(lease))
    }

    /// Renews the lease until another instance has taken it over. An unavailable database does not end it.
    pub async fn renew(&self) {
        let own = || doc! { "_id": ID, "holder": self.holder };
        let leases = self.db.collection::<LeaseDocument>();
        while leases.update(own(), doc! { "$inc": { "beat": 1 } }).await.unwrap_or(true) {
            sleep(RENEW_INTERVAL).await;
        }
    }

    /// Releases the lease, so that the next instance starts without waiting.
    pub async fn release(&self) {
        let own = doc! { "_id": ID, "holder": self.holder };
        if let Err(error) = self.db.collection::<LeaseDocument>().delete(own).await {
            log::debug!("lease not released: error={error}");
        }
    }

    async fn read(db: &Database) -> Result<Option<LeaseDocument>> {
        db.collection::<LeaseDocument>().find_one(doc! { "_id": ID }).await
    }
}
