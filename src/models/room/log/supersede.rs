//! Takes all but the last edit of a chat out of the index that readers use.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mongodb::bson::doc;

use super::{Entry, EntryKind, RoomLog};
use crate::error::Result;

const MAX_CHATS: usize = 256;

impl RoomLog {
    /// Marks superseded edits in a task of its own, unless one is running. Readers do not depend on it: they take
    /// the last edit. The next reader finds what a crash leaves.
    pub(crate) fn supersede(self: &Arc<Self>, chats: impl Iterator<Item = i64>) {
        let chats: Vec<i64> = chats.take(MAX_CHATS).collect();
        if chats.is_empty() || self.supersede_running.swap(true, Ordering::Relaxed) {
            return;
        }
        let log = Arc::clone(self);
        tokio::spawn(async move {
            for of in chats {
                if let Err(error) = log.supersede_edits(of).await {
                    log::debug!("room {}: superseded edits of chat {of} were not marked: {error}", log.room);
                    break;
                }
            }
            log.supersede_running.store(false, Ordering::Relaxed);
        });
    }

    async fn supersede_edits(&self, of: i64) -> Result<()> {
        let mut edits = self.revisions(doc! { "of": of }).await?;
        edits.retain(|edit| edit.kind == EntryKind::Edited);
        let last = edits.iter().map(|edit| edit.seq).max();
        let Some(last) = last.filter(|_| edits.len() > 1) else { return Ok(()) };
        let window = doc! { "room": self.room, "of": of, "kind": "edited", "seq": { "$lt": last } };
        let change = doc! { "$set": { "was": of }, "$unset": { "of": "" } };
        self.db.collection::<Entry>().update_many(window, change).await
    }
}
