use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use crate::attachment::{Attachment, FileName};
use crate::models::room::Head;
use crate::models::values::{ChatText, Nonce};
use crate::models::{Mention, RoomId, UserId};
use crate::store::{StoredDocument, partial_index, partial_unique_index, unique_index};

/// Bytes of an entry in memory, without its text.
const ENTRY_OVERHEAD: usize = 320;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    Said,
    Edited,
    Removed,
    /// A person became a member.
    Joined,
    /// A person is no member any more. What follows is not for them.
    Left,
    /// The last entry of a log.
    Closed,
    /// Written by a later version. Readers count it and skip it.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    pub(super) room: RoomId,
    pub seq: i64,
    pub(crate) kind: EntryKind,
    /// On *said*: its number among the chats, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no: Option<i64>,
    /// On all other kinds: the number of chats before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "chats")]
    pub(super) chats_before: Option<i64>,
    /// On all kinds but *said*: the number of events since the last chat, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<i64>,
    /// On *edited* and *removed*: the `seq` of the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<i64>,
    /// On a superseded edit: the `seq` of the chat, instead of `of`. The index on `of` holds only each chat's last
    /// edit, so the cost of a page does not depend on the number of edits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<i64>,
    /// On *edited*: its number among the chat's edits, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "edits")]
    pub(super) edit_number: Option<i64>,
    pub(crate) author: UserId,
    /// On *joined* and *left*: whom the entry is about. The author added or removed them, or is the same person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<UserId>,
    /// On events that show as a line: their place among the events behind one chat. See [`EventPlace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<EventPlace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<Nonce>,
    /// On *said* and *edited*, until it is wiped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<ChatText>,
    /// Of the text, until it is wiped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<Mention>>,
    /// On *said*, and on *edited* those that remain. `None` without files, and once they are wiped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<Attachment>>,
    pub(crate) at: DateTime,
}

/// The chat before an event, and the number of the event behind that chat, in one number: so a page reads the events
/// of its chats as one window of an index, and at most [`EventPlace::MAX_LINES`] + 1 behind each chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EventPlace(i64);

impl EventPlace {
    /// Events shown behind one chat. One more stands for all others.
    pub(crate) const MAX_LINES: i64 = 20;
    const WIDTH: i64 = 32;

    /// Returns the place of event `number`, from 1, behind chat `no`. `None`: it is not shown.
    pub(super) fn new(no: i64, number: i64) -> Option<Self> {
        (1..=Self::MAX_LINES + 1).contains(&number).then_some(Self(no * Self::WIDTH + number))
    }

    /// Returns the first and the last place behind the chats of a range.
    pub(crate) fn window(first: i64, last: i64) -> (i64, i64) {
        (first * Self::WIDTH, last * Self::WIDTH + Self::WIDTH - 1)
    }

    /// Returns whether the event stands for itself and all later ones behind the same chat.
    pub(crate) fn is_beyond(self) -> bool {
        self.0 % Self::WIDTH > Self::MAX_LINES
    }
}

/// An edit or a removal, without its text.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct RevisionHeader {
    pub seq: i64,
    /// `None` on a superseded edit.
    pub(crate) of: Option<i64>,
    pub(crate) kind: EntryKind,
    /// `None` in data of version 0.1.
    #[serde(rename = "edits")]
    pub(crate) edit_number: Option<i64>,
    pub(crate) was: Option<i64>,
}

impl StoredDocument for Entry {
    const COLLECTION: &'static str = "chat";

    fn indexes() -> Vec<IndexModel> {
        vec![
            unique_index(doc! { "room": 1, "seq": 1 }),
            partial_index(doc! { "room": 1, "of": 1, "kind": 1, "seq": 1 }, "of"),
            partial_index(doc! { "room": 1, "was": 1, "seq": 1 }, "was"),
            partial_unique_index(doc! { "room": 1, "no": 1 }, "no"),
            partial_index(doc! { "room": 1, "place": 1 }, "place"),
            partial_unique_index(doc! { "room": 1, "author": 1, "nonce": 1 }, "nonce"),
        ]
    }
}

impl Entry {
    pub(super) fn bytes(&self) -> usize {
        let mentions = self.mentions.as_ref().map_or(0, |mentions| mentions.len() * size_of::<Mention>());
        ENTRY_OVERHEAD + self.text.as_ref().map_or(0, |text| text.as_str().len()) + mentions + self.file_bytes()
    }

    /// Returns about how many bytes the descriptions of the files occupy.
    pub(crate) fn file_bytes(&self) -> usize {
        self.files.iter().flatten().map(Attachment::approximate_size).sum()
    }

    /// Returns the names of the files that the entry has.
    pub(crate) fn file_names(&self) -> Vec<&FileName> {
        self.files.iter().flatten().map(|file| &file.path).collect()
    }

    pub(crate) fn nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }

    pub(crate) fn target(&self) -> Option<i64> {
        self.of.or(self.was)
    }

    pub fn room(&self) -> RoomId {
        self.room
    }
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            no: entry.no.or(entry.chats_before).unwrap_or_default(),
            at: Some(entry.at),
            events: entry.events.unwrap_or_default(),
            closed: entry.kind == EntryKind::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_the_lines_behind_its_chats_and_no_others() {
        let lines = |no| (0..40).filter_map(move |number| EventPlace::new(no, number));
        assert_eq!(lines(7).count() as i64, EventPlace::MAX_LINES + 1);
        assert_eq!(lines(7).filter(|place| place.is_beyond()).count(), 1, "one stands for all others");
        assert!(lines(7).is_sorted());
        let (first, last) = EventPlace::window(5, 8);
        for no in 0..12 {
            let is_inside = (5..=8).contains(&no);
            assert!(lines(no).all(|place| (first..=last).contains(&place.0) == is_inside), "{no}");
        }
    }
}
