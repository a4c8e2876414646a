//! Events: entries that show as a line between the chats of a room.

use mongodb::bson::DateTime;

use super::UserId;
use super::room::log::{Entry, EntryKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub seq: i64,
    pub(crate) kind: EntryKind,
    /// The user who caused it.
    pub(crate) author: UserId,
    /// The user whom it is about.
    pub(crate) user: UserId,
    pub(crate) at: DateTime,
    /// Whether it stands for itself and all later ones behind the same chat.
    pub(crate) is_beyond: bool,
}

impl Event {
    /// Returns `None` for other entries, and for events that show no line.
    pub(super) fn from_entry(entry: &Entry) -> Option<Self> {
        let (EntryKind::Joined | EntryKind::Left, Some(place), Some(user)) = (entry.kind, entry.place, entry.user)
        else {
            return None;
        };
        Some(Self {
            seq: entry.seq,
            kind: entry.kind,
            author: entry.author,
            user,
            at: entry.at,
            is_beyond: place.is_beyond(),
        })
    }
}
