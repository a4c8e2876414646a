//! Events between the instances, and the change stream that delivers them and the entries of other instances.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use mongodb::bson::{Document, deserialize_from_document, doc, serialize_to_document};
use mongodb::change_stream::event::ChangeStreamEvent;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::room::log::{Entry, LogRegistry};
use super::values::Nickname;
use super::{RoomId, SessionId, UserId};
use crate::store::cluster::{HEARTBEAT_INTERVAL, Signal};
use crate::store::{Database, InstanceId, StoredDocument};

/// How long the stream may be silent before it is reopened. On a sharded cluster an idle shard delays events by up
/// to 10 s.
const MAX_STREAM_SILENCE: Duration = Duration::from_secs(30);
const RETRY_DELAY: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum ClusterEvent {
    #[serde(rename = "ended")]
    SessionEnded { session: SessionId },
    /// A user has another name or picture, or was deleted.
    #[serde(rename = "changed")]
    UserChanged { user: UserId },
    #[serde(rename = "signed-up")]
    UserSignedUp { user: UserId },
    /// A user has read on, has become a member of a room, or is none any more.
    #[serde(rename = "member")]
    MembershipChanged { user: UserId },
    /// A room was created, or has another name, topic or kind.
    #[serde(rename = "room")]
    RoomChanged { room: RoomId },
    /// The people of a room who are connected to the sending instance.
    #[serde(rename = "here")]
    Presence {
        room: RoomId,
        /// At most some of them; `count` is their number.
        people: Vec<(UserId, Nickname)>,
        count: i64,
    },
    #[serde(rename = "typing")]
    Typing { room: RoomId, user: UserId, nickname: Nickname },
    /// Sent for its own sake, or by a later version.
    #[serde(other)]
    Other,
}

#[derive(Debug)]
pub(crate) enum ClusterNotice {
    /// The stream was opened. Anything may have been missed.
    Resync,
    Event(InstanceId, ClusterEvent),
}

/// Sends an event to the other instances in a task of its own. It is a hint and may be lost.
pub(crate) fn publish(db: &Arc<Database>, event: &ClusterEvent) {
    match serialize_to_document(event) {
        Ok(event) => db.publish_event(event),
        Err(error) => log::error!("cluster event not serialized: error={error}"),
    }
}

/// Follows the change stream and never returns. Entries advance the heads of their logs; `handle` gets the rest.
pub(crate) async fn follow<F: Future<Output = ()>>(db: &Arc<Database>, handle: impl Fn(ClusterNotice) -> F) {
    let members = db.members();
    loop {
        let collections = [Entry::COLLECTION, Signal::COLLECTION];
        let inserts = doc! { "operationType": "insert", "ns.coll": { "$in": &collections[..] } };
        match db.handle().watch().pipeline([doc! { "$match": inserts }]).await {
            Ok(mut events) => {
                members.set_connected(true);
                db.state::<LogRegistry>().resync().await;
                handle(ClusterNotice::Resync).await;
                let mut heartbeats = interval(HEARTBEAT_INTERVAL);
                heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let mut last_own = Instant::now();
                // A stream on which this instance's own heartbeats do not arrive is dead.
                while last_own.elapsed() < MAX_STREAM_SILENCE {
                    let event = tokio::select! {
                        event = events.next() => event,
                        _ = heartbeats.tick() => {
                            db.publish_event(doc! { "kind": "up" });
                            continue;
                        }
                    };
                    let Some(Ok(event)) = event else { break };
                    let Some(signal) = read(db, event) else { continue };
                    if !members.record(signal.instance, signal.id) {
                        last_own = Instant::now();
                    } else if let Some(event) = decode(signal.event) {
                        handle(ClusterNotice::Event(signal.instance, event)).await;
                    }
                }
            }
            Err(error) => log::debug!("change stream not opened: error={error}"),
        }
        members.set_connected(false);
        sleep(RETRY_DELAY).await;
    }
}

/// Records an entry, or returns a signal.
fn read(db: &Database, event: ChangeStreamEvent<Document>) -> Option<Signal> {
    let document = event.full_document?;
    match event.ns?.coll?.as_str() {
        Entry::COLLECTION => {
            LogRegistry::record(db, &decode::<Entry>(document)?);
            None
        }
        _ => decode(document),
    }
}

fn decode<T: serde::de::DeserializeOwned>(document: Document) -> Option<T> {
    let decoded = deserialize_from_document(document);
    decoded.inspect_err(|error| log::error!("change stream event not decoded: error={error}")).ok()
}
