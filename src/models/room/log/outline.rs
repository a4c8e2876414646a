//! The latest chats of a log without their texts, to count what somebody has not read.

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::{EntryKind, RoomLog, WINDOW_SIZE};
use crate::error::Result;
use crate::models::UserId;

/// The latest chats that an outline has. Who has missed more is told so.
pub(crate) const MAX_OUTLINED: i64 = 100;

/// The latest chats of a log that are not removed, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogOutline {
    /// The number of the last entry.
    pub(crate) upto: i64,
    /// The number of the last chat.
    pub(crate) last: i64,
    pub(crate) chats: Vec<ChatOutline>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChatOutline {
    pub(crate) seq: i64,
    pub(crate) no: i64,
    pub(crate) author: UserId,
}

/// What a reader has not read of a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnreadCount {
    /// At most [`MAX_OUTLINED`].
    pub(crate) chats: i64,
    pub(crate) mentions: i64,
}

impl LogOutline {
    /// Counts the chats of others behind number `read`.
    pub(crate) fn unread(&self, read: i64, reader: UserId) -> UnreadCount {
        let unread = self.chats.iter().rev().take_while(|chat| chat.no > read);
        let chats = unread.filter(|chat| chat.author != reader).count() as i64;
        // Older ones than these are not looked at.
        let is_beyond = self.last - read > MAX_OUTLINED;
        UnreadCount { chats: if is_beyond { MAX_OUTLINED } else { chats }, mentions: 0 }
    }

    pub(crate) fn approximate_size(&self) -> usize {
        size_of::<Self>() + self.chats.len() * size_of::<ChatOutline>()
    }

    fn bound(&mut self) {
        let first = self.last - MAX_OUTLINED;
        self.chats.retain(|chat| chat.no > first);
    }
}

impl RoomLog {
    /// Returns the outline of the log up to its head. `known` is an earlier one.
    pub(crate) async fn outline(self: &Arc<Self>, known: Option<&LogOutline>) -> Result<LogOutline> {
        if let Some(known) = known {
            let entries = self.read(known.upto).await?;
            if (entries.len() as i64) < WINDOW_SIZE {
                let mut outline = known.clone();
                for entry in entries {
                    outline.upto = entry.seq;
                    match (entry.kind, entry.no, entry.of) {
                        (EntryKind::Said, Some(no), _) => {
                            outline.last = no;
                            outline.chats.push(ChatOutline { seq: entry.seq, no, author: entry.author });
                        }
                        (EntryKind::Removed, _, Some(of)) => outline.chats.retain(|chat| chat.seq != of),
                        _ => {}
                    }
                }
                outline.bound();
                return Ok(outline);
            }
        }
        let head = self.current_head().await?;
        let window = doc! { "no": { "$gt": head.no - MAX_OUTLINED, "$lte": head.no } };
        let mut chats = if head.no > 0 { self.outlines(window).await? } else { Vec::new() };
        chats.sort_unstable_by_key(|chat| chat.no);
        if let (Some(first), Some(last)) = (chats.first(), chats.last()) {
            let revisions = self.revisions(doc! { "of": { "$gte": first.seq, "$lte": last.seq } }).await?;
            let removals = revisions.iter().filter(|revision| revision.kind == EntryKind::Removed);
            let removed: HashSet<i64> = removals.filter_map(|revision| revision.of).collect();
            chats.retain(|chat| !removed.contains(&chat.seq));
        }
        Ok(LogOutline { upto: head.seq, last: head.no, chats })
    }

    async fn outlines(&self, window: Document) -> Result<Vec<ChatOutline>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        let fields = doc! { "_id": 0, "seq": 1, "no": 1, "author": 1 };
        self.db.collection::<super::Entry>().find_projected(query, fields).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_chats_and_those_before_are_not_unread() {
        let [reader, other] = [UserId::new(), UserId::new()];
        let chat = |no: i64| ChatOutline { seq: no, no, author: if no % 2 == 0 { reader } else { other } };
        let mut outline = LogOutline { upto: 10, last: 10, chats: (1..=10).map(chat).collect() };
        let count = |outline: &LogOutline, read| outline.unread(read, reader).chats;
        assert_eq!((count(&outline, 0), count(&outline, 7), count(&outline, 9), count(&outline, 10)), (5, 1, 0, 0));
        // Removed.
        outline.chats.retain(|chat| chat.no != 9);
        assert_eq!((count(&outline, 0), count(&outline, 8)), (4, 0));
        outline.last = 150;
        assert_eq!(count(&outline, 10), MAX_OUTLINED);
    }
}
