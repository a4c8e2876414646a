//! Collection `signal`: short-lived messages between the instances on one database, read from its change stream.
//!
//! Signals are hints. The database is the truth.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::index::expiring_index;
use super::{Database, StoredDocument};
use crate::error::Result;

/// How long a signal is stored.
pub(crate) const SIGNAL_TTL: Duration = Duration::from_secs(60);
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long after its last signal another instance counts as running.
pub(crate) const MEMBER_TIMEOUT: Duration = Duration::from_secs(25);
/// Maximum age of this instance's own last heartbeat on the change stream for it to count as the only instance. A
/// stream that is silent for longer may also hide another instance.
const MAX_SILENCE: Duration = Duration::from_secs(3);
/// How long a starting instance waits if another one may be running: until that one no longer counts as the only one.
const START_DELAY: Duration = Duration::from_secs(4);
const MAX_SENT: usize = 64;

/// Identifies one instance for as long as it runs.
pub(crate) type InstanceId = ObjectId;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Signal {
    #[serde(rename = "_id")]
    pub(crate) id: ObjectId,
    #[serde(rename = "site")]
    pub(crate) instance: InstanceId,
    at: DateTime,
    /// The event's fields, with its `kind`.
    #[serde(flatten)]
    pub(crate) event: Document,
}

/// The instances on this database.
pub(crate) struct Members {
    own: InstanceId,
    /// Whether there may be others.
    is_shared: bool,
    state: Mutex<MembersState>,
}

#[derive(Default)]
struct MembersState {
    /// Since when the change stream is open.
    connected_since: Option<Instant>,
    /// When the newest own signal that came back was sent: a stream that lags is as bad as a silent one.
    own_signal: Option<Instant>,
    sent: VecDeque<(ObjectId, Instant)>,
    /// When the last signal of each other instance arrived.
    others: HashMap<InstanceId, Instant>,
}

impl StoredDocument for Signal {
    const COLLECTION: &'static str = "signal";

    fn indexes() -> Vec<IndexModel> {
        vec![expiring_index("at", SIGNAL_TTL)]
    }
}

impl Members {
    pub(super) fn new(is_shared: bool) -> Self {
        Self { own: ObjectId::new(), is_shared, state: Mutex::default() }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(crate) fn own(&self) -> InstanceId {
        self.own
    }

    /// Returns whether no other instance writes: there can be none, or its signals would have arrived.
    pub(crate) fn is_sole_instance(&self) -> bool {
        !self.is_shared || {
            let mut state = self.state.lock();
            state.remove_silent();
            let is_recent = state.own_signal.is_some_and(|sent| sent.elapsed() < MAX_SILENCE);
            let has_listened = state.connected_since.is_some_and(|since| since.elapsed() > MEMBER_TIMEOUT);
            is_recent && has_listened && state.others.is_empty()
        }
    }

    /// Returns whether another instance may be running. It takes [`MEMBER_TIMEOUT`] on the stream to tell.
    pub(super) fn may_be_running(&self, instance: InstanceId) -> bool {
        let mut state = self.state.lock();
        state.remove_silent();
        let has_listened = state.connected_since.is_some_and(|since| since.elapsed() >= MEMBER_TIMEOUT);
        state.others.contains_key(&instance) || (self.is_shared && !has_listened)
    }

    pub(crate) fn has_others(&self) -> bool {
        let mut state = self.state.lock();
        state.remove_silent();
        !state.others.is_empty()
    }

    /// Records that the change stream was opened or lost.
    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.state.lock().connected_since = is_connected.then(Instant::now);
    }

    /// Records a signal that arrived on the change stream. Returns whether another instance sent it.
    pub(crate) fn record(&self, signal: &Signal) -> bool {
        let mut state = self.state.lock();
        if signal.instance != self.own {
            state.others.insert(signal.instance, Instant::now());
            return true;
        }
        let sent = state.sent.iter().find(|(id, _)| *id == signal.id).map(|(_, sent)| *sent);
        state.own_signal = state.own_signal.max(sent);
        false
    }

    fn record_sent(&self, signal: ObjectId) {
        let mut state = self.state.lock();
        state.sent.truncate(MAX_SENT - 1);
        state.sent.push_front((signal, Instant::now()));
    }
}

impl MembersState {
    fn remove_silent(&mut self) {
        self.others.retain(|_, heard| heard.elapsed() < MEMBER_TIMEOUT);
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

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn signal(instance: InstanceId) -> Signal {
        Signal { id: ObjectId::new(), instance, at: DateTime::now(), event: Document::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_is_alone_while_it_receives_its_own_heartbeats_and_no_others() {
        assert!(Members::new(false).is_sole_instance(), "there can be no other");
        let members = Members::new(true);
        let beat = || {
            let own = signal(members.own());
            members.record_sent(own.id);
            assert!(!members.record(&own));
        };
        advance(MEMBER_TIMEOUT * 2).await;
        assert!(!members.is_sole_instance(), "the stream is not open");
        members.set_connected(true);
        beat();
        assert!(!members.is_sole_instance(), "another one may not have sent a signal yet");
        advance(MEMBER_TIMEOUT + HEARTBEAT_INTERVAL).await;
        assert!(!members.is_sole_instance(), "the stream is silent");
        beat();
        assert!(members.is_sole_instance() && !members.has_others());
        assert!(members.record(&signal(ObjectId::new())));
        assert!(!members.is_sole_instance() && members.has_others());
        advance(MEMBER_TIMEOUT + HEARTBEAT_INTERVAL).await;
        beat();
        assert!(members.is_sole_instance() && !members.has_others());
        advance(MAX_SILENCE).await;
        assert!(!members.is_sole_instance(), "the stream has fallen silent");
        beat();
        members.set_connected(false);
        assert!(!members.is_sole_instance(), "the stream is lost");
    }
}
