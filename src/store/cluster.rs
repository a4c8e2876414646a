//! Collection `signal`: short-lived messages between the instances on one database, read from its change stream.
//!
//! Signals are hints. The database is the truth.

use std::sync::Arc;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::index::expiring_index;
use super::members::{InstanceId, MEMBER_TIMEOUT};
use super::{Database, StoredDocument};
use crate::error::Result;

/// How long a signal is stored.
pub(crate) const SIGNAL_TTL: Duration = Duration::from_secs(60);
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a starting instance waits if another one may be running: until that one no longer counts as the only one.
const START_DELAY: Duration = Duration::from_secs(4);

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Signal {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    #[serde(rename = "site")]
    pub(crate) instance: InstanceId,
    at: DateTime,
    /// The event's fields, with its `kind`.
    #[serde(flatten)]
    pub(crate) event: Document,
}

impl StoredDocument for Signal {
    const COLLECTION: &'static str = "signal";

    fn indexes() -> Vec<IndexModel> {
        vec![expiring_index("at", SIGNAL_TTL)]
    }
}

/// Returns a filter on times around now, as wide as clocks may differ.
fn around_now(span: Duration) -> Document {
    let now = DateTime::now().timestamp_millis();
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let at = DateTime::from_millis;
    doc! { "$gte": at(now.saturating_sub(span)), "$lte": at(now.saturating_add(span)) }
}

impl Database {
    /// Announces this instance to the others. Must return before this instance serves requests.
    pub(crate) async fn join_cluster(&self) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let others = doc! { "at": around_now(SIGNAL_TTL), "site": { "$ne": self.members().own() } };
        let is_first = self.collection::<Signal>().find_one(others).await?.is_none();
        self.send_heartbeat().await?;
        if !is_first {
            sleep(START_DELAY).await;
        }
        Ok(())
    }

    /// Deletes this instance's signals, so that the next one starts without a delay.
    pub(crate) async fn leave_cluster(&self) {
        let own = doc! { "at": around_now(SIGNAL_TTL), "site": self.members().own() };
        if self.is_shared()
            && let Err(error) = self.collection::<Signal>().delete_many(own).await
        {
            log::debug!("own signals not deleted: error={error}");
        }
    }

    /// Returns whether an instance has sent a signal lately. On a standalone server no instance sends any.
    pub(crate) async fn has_running_instance(&self) -> Result<bool> {
        let recent = doc! { "at": around_now(MEMBER_TIMEOUT) };
        Ok(self.is_shared() && self.collection::<Signal>().find_one(recent).await?.is_some())
    }

    pub(crate) async fn send_heartbeat(&self) -> Result<()> {
        self.send(doc! { "kind": "up" }).await
    }

    pub(super) async fn write_barrier(&self) -> Result<()> {
        self.send(doc! { "kind": "barrier" }).await
    }

    /// Sends an event to the other instances in a task of its own.
    pub(crate) fn publish_event(self: &Arc<Self>, event: Document) {
        if !self.is_shared() {
            return;
        }
        let db = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = db.send(event).await {
                log::debug!("signal not sent: error={error}");
            }
        });
    }

    async fn send(&self, event: Document) -> Result<()> {
        let signal = Signal { id: ObjectId::new(), instance: self.members().own(), at: DateTime::now(), event };
        self.members().record_sent(signal.id);
        self.collection::<Signal>().insert(signal).await.map(drop)
    }
}
