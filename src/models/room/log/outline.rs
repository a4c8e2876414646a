//! The latest chats of a log without their texts, to count what somebody has not read.

use std::sync::Arc;

use mongodb::bson::{Document, doc};
use serde::Deserialize;

use super::{Entry, EntryKind, RoomLog, WINDOW_SIZE};
use crate::error::Result;
use crate::models::UserId;
use crate::models::mention::Mention;

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
    #[serde(default)]
    mentions: Vec<Mention>,
}

/// An edit or a removal without its text.
#[derive(Deserialize)]
struct Revision {
    seq: i64,
    of: i64,
    kind: EntryKind,
    #[serde(default)]
    mentions: Vec<Mention>,
}

impl ChatOutline {
    /// Returns whether the chat mentions a reader, or everybody.
    fn mentions(&self, reader: UserId) -> bool {
        self.mentions.iter().any(|mention| mention.user.is_none_or(|user| user == reader))
    }
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
        let unread: Vec<&ChatOutline> = unread.filter(|chat| chat.author != reader).collect();
        let mentions = unread.iter().filter(|chat| chat.mentions(reader)).count() as i64;
        // Older ones than these are not looked at.
        let is_beyond = self.last - read > MAX_OUTLINED;
        UnreadCount { chats: if is_beyond { MAX_OUTLINED } else { unread.len() as i64 }, mentions }
    }

    pub(crate) fn approximate_size(&self) -> usize {
        let mentions: usize = self.chats.iter().map(|chat| chat.mentions.len()).sum();
        size_of::<Self>() + self.chats.len() * size_of::<ChatOutline>() + mentions * size_of::<Mention>()
    }

    /// Takes an entry behind the outline into account.
    fn apply(&mut self, entry: &Entry) {
        self.upto = entry.seq;
        let mentions = || entry.mentions.clone().unwrap_or_default();
        match (entry.kind, entry.no, entry.of) {
            (EntryKind::Said, Some(no), _) => {
                self.last = no;
                self.chats.push(ChatOutline { seq: entry.seq, no, author: entry.author, mentions: mentions() });
            }
            (EntryKind::Removed, _, Some(of)) => self.chats.retain(|chat| chat.seq != of),
            (EntryKind::Edited, _, Some(of)) => {
                if let Some(chat) = self.chats.iter_mut().find(|chat| chat.seq == of) {
                    chat.mentions = mentions();
                }
            }
            _ => {}
        }
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
                entries.iter().for_each(|entry| outline.apply(entry));
                outline.bound();
                return Ok(outline);
            }
        }
        let head = self.current_head().await?;
        let window = doc! { "no": { "$gt": head.no - MAX_OUTLINED, "$lte": head.no } };
        let mut chats = if head.no > 0 { self.outlines(window).await? } else { Vec::new() };
        chats.sort_unstable_by_key(|chat| chat.no);
        if let (Some(first), Some(last)) = (chats.first(), chats.last()) {
            let mut revisions = self.mention_revisions(first.seq, last.seq).await?;
            // The last edit of each chat wins.
            revisions.sort_unstable_by_key(|revision| revision.seq);
            for Revision { of, kind, mentions, .. } in revisions {
                match kind {
                    EntryKind::Removed => chats.retain(|chat| chat.seq != of),
                    EntryKind::Edited => {
                        if let Some(chat) = chats.iter_mut().find(|chat| chat.seq == of) {
                            chat.mentions = mentions;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(LogOutline { upto: head.seq, last: head.no, chats })
    }

    async fn outlines(&self, window: Document) -> Result<Vec<ChatOutline>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        let fields = doc! { "_id": 0, "seq": 1, "no": 1, "author": 1, "mentions": 1 };
        self.db.collection::<Entry>().find_projected(query, fields).await
    }

    async fn mention_revisions(&self, first: i64, last: i64) -> Result<Vec<Revision>> {
        let query = doc! { "room": self.room, "of": { "$gte": first, "$lte": last } };
        let fields = doc! { "_id": 0, "seq": 1, "of": 1, "kind": 1, "mentions": 1 };
        self.db.collection::<Entry>().find_projected(query, fields).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_chats_and_those_before_are_not_unread() {
        let [reader, other] = [UserId::new(), UserId::new()];
        let chat = |no: i64| ChatOutline {
            seq: no,
            no,
            author: if no % 2 == 0 { reader } else { other },
            mentions: Vec::new(),
        };
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
