//! Keeps the recent set: reads it at a start and at intervals, and stores which rooms it has.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;
use tokio::time::timeout;

use super::RoomList;
use super::recent_rooms::RECENT_ROOMS;
use crate::error::Result;
use crate::models::room::{Head, RoomKind};
use crate::models::{Room, RoomId};
use crate::store::{Database, with_timeout};

/// Clocks of instances differ by less. The whole set is read again at this interval.
const OVERLAP: Duration = Duration::from_secs(60);
const FILL_WINDOW: i64 = 1_024;
/// How long a start waits for the recent set.
const LOAD_TIMEOUT: Duration = Duration::from_secs(20);
const CONCURRENT_WINDOWS: usize = 16;

#[derive(Deserialize)]
pub(super) struct RoomOutline {
    #[serde(rename = "_id")]
    pub(super) id: RoomId,
    no: i64,
    open: bool,
    #[serde(default)]
    kind: RoomKind,
    at: DateTime,
    #[serde(default)]
    last: Head,
    #[serde(default)]
    active: Option<DateTime>,
}

impl RoomOutline {
    fn fields() -> Document {
        doc! { "no": 1, "open": 1, "kind": 1, "at": 1, "last": 1, "active": 1 }
    }

    pub(super) fn activity(&self) -> i64 {
        self.active.max(self.last.at).max(Some(self.at)).unwrap_or(self.at).timestamp_millis()
    }
}

impl RoomList {
    /// Reads the recent set. Data of version 0.1 has none: then it is built, for at most [`LOAD_TIMEOUT`].
    pub(crate) async fn load(&self, db: &Database) -> Result<()> {
        self.read_active(db, 0).await?;
        let is_short = {
            let mut recent = self.recent();
            recent.read_whole = Some(Instant::now());
            recent.order.len() < RECENT_ROOMS / 2
        };
        if is_short {
            match timeout(LOAD_TIMEOUT, self.fill(db)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log::warn!("room list not filled: error={error}. It is tried again."),
                Err(_) => log::warn!("room list not filled within {LOAD_TIMEOUT:?}. This continues in the background."),
            }
        }
        Ok(())
    }

    /// Refills a set that has shrunk and unsets `active` on rooms that left it.
    pub(crate) async fn maintain(&self, db: &Database) -> Result<()> {
        self.store_trim(db);
        let is_short = {
            let recent = self.recent();
            let least = if recent.is_filled { RECENT_ROOMS / 2 } else { RECENT_ROOMS };
            recent.complete_to.is_none() && recent.order.len() < least
        };
        if is_short { self.fill(db).await } else { Ok(()) }
    }

    /// Reads what other instances created or wrote, at most once in `age`.
    pub(super) async fn refresh(&self, db: &Database, age: Duration) -> Result<()> {
        // Another instance may have created rooms before this one became the only one.
        let age = if db.members().is_sole_instance() { OVERLAP } else { age };
        let is_due = || self.recent().looked.is_none_or(|looked| looked.elapsed() >= age);
        if !is_due() {
            return Ok(());
        }
        let _reading = with_timeout(self.reading.lock()).await?;
        if !is_due() {
            return Ok(());
        }
        let begun = Instant::now();
        let is_whole = self.recent().read_whole.is_none_or(|read| read.elapsed() >= OVERLAP);
        let since = DateTime::now().timestamp_millis() - OVERLAP.as_millis() as i64;
        self.read_active(db, if is_whole { 0 } else { since }).await?;
        let mut recent = self.recent();
        recent.looked = Some(begun);
        if is_whole {
            recent.read_whole = Some(begun);
        }
        Ok(())
    }

    async fn read_active(&self, db: &Database, since: i64) -> Result<()> {
        let window = doc! { "$gt": DateTime::from_millis(since), "$lte": DateTime::MAX };
        let found: Vec<RoomOutline> =
            db.collection::<Room>().find_projected(doc! { "active": window }, RoomOutline::fields()).await?;
        let closed: Vec<RoomId> = found.iter().filter(|room| !room.open).map(|room| room.id).collect();
        if !closed.is_empty() {
            db.collection::<Room>()
                .spawn_update_many(doc! { "_id": { "$in": closed } }, doc! { "$unset": { "active": "" } });
        }
        {
            let mut recent = self.recent();
            let is_first = recent.looked.is_none();
            for room in found.iter().filter(|room| room.open) {
                recent.highest_number = recent.highest_number.max(room.no);
                // The hint of another instance was lost, or this instance is not told of its changes.
                if recent.insert(room.id, room.activity()) && !is_first {
                    self.changed.add(room.id);
                }
            }
        }
        self.store_trim(db);
        Ok(())
    }

    /// Builds the recent set from all open rooms and stores it, the newest first: an interruption leaves the head of
    /// the list.
    async fn fill(&self, db: &Database) -> Result<()> {
        let (begun, top) = (Instant::now(), Room::highest_number(db).await?);
        let version = self.recent().version;
        let (mut best, mut count) = (BTreeSet::new(), 0);
        let mut high = top;
        while high > 0 {
            let low = (high - FILL_WINDOW).max(0);
            let found = open_rooms(db, low, high).await?;
            high = low;
            count += found.len();
            for room in found {
                best.insert((room.activity(), room.id, room.active.is_some()));
                if best.len() > RECENT_ROOMS {
                    best.pop_first();
                }
            }
        }
        {
            let mut recent = self.recent();
            best.iter().for_each(|(active, room, _)| _ = recent.insert(*room, *active));
            recent.is_filled = true;
            // Rooms that left the set meanwhile raise the version.
            if count <= RECENT_ROOMS && recent.version == version {
                recent.complete_to = Some(top);
            }
        }
        let missing = best.into_iter().rev().filter(|(.., is_stored)| !is_stored).map(|(active, room, _)| {
            let stored = doc! { "$max": { "active": DateTime::from_millis(active) } };
            db.collection::<Room>().update(doc! { "_id": room, "open": true, "kind": null }, stored)
        });
        let stored: Vec<Result<bool>> = stream::iter(missing).buffered(CONCURRENT_WINDOWS).collect().await;
        let written = stored.len();
        stored.into_iter().collect::<Result<Vec<_>>>()?;
        if written > 0 {
            log::info!("room list filled: rooms={count} stored={written} ms={}", begun.elapsed().as_millis());
        }
        Ok(())
    }

    pub(super) fn store_trim(&self, db: &Database) {
        let trimmed = self.recent().trimmed.take();
        if let Some(active) = trimmed {
            let window = doc! { "$gt": DateTime::from_millis(0), "$lte": DateTime::from_millis(active) };
            db.collection::<Room>().spawn_update_many(doc! { "active": window }, doc! { "$unset": { "active": "" } });
        }
    }
}

pub(super) async fn open_rooms(db: &Database, low: i64, high: i64) -> Result<Vec<RoomOutline>> {
    let mut found: Vec<RoomOutline> =
        db.collection::<Room>().find_projected(window(low, high), RoomOutline::fields()).await?;
    found.retain(|room| room.open && room.kind.is_open());
    Ok(found)
}

pub(super) fn window(low: i64, high: i64) -> Document {
    doc! { "no": { "$gt": low, "$lte": high } }
}
