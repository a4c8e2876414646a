use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use crate::models::room::Head;
use crate::models::values::{ChatText, Nonce};
use crate::models::{RoomId, UserId};
use crate::store::{StoredDocument, partial_index, partial_unique_index, unique_index};

/// What an entry takes besides its text, in bytes.
const ENTRY_OVERHEAD: usize = 320;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    /// Somebody said something.
    Said,
    /// The chat `of` was given another text.
    Edited,
    /// The chat `of` was removed.
    Removed,
    /// The room was closed. The last entry, ever.
    Closed,
    /// Written by a later version: it counts, and says nothing.
    #[serde(other)]
    Unknown,
}

/// One entry of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    pub(super) room: RoomId,
    /// Its number in the log, from 1.
    pub seq: i64,
    /// What it says.
    pub(crate) kind: EntryKind,
    /// On *said*: its number among the chats, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no: Option<i64>,
    /// On all others: how many chats were said before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "chats")]
    pub(super) chats_before: Option<i64>,
    /// On *edited* and *removed*: the `seq` of the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<i64>,
    /// On an *edited* entry that a later edit supersedes: the `seq` of the chat, instead of `of`. Readers need the last
    /// edit only, so the index on `of` holds no others and a page costs the same however often its chats were edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<i64>,
    /// On *edited*: its number among the edits of the chat, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "edits")]
    pub(super) edit_number: Option<i64>,
    /// Who did it.
    pub(crate) author: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<Nonce>,
    /// On *said* and *edited*, until it is wiped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<ChatText>,
    /// When.
    pub(crate) at: DateTime,
}

/// An entry about a chat, without what it says.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct RevisionHeader {
    /// Its number in the log.
    pub seq: i64,
    /// The `seq` of the chat; none on a superseded edit.
    pub(crate) of: Option<i64>,
    /// What it says.
    pub(crate) kind: EntryKind,
    /// On *edited*: its number among the edits of the chat, unless an earlier version wrote it.
    pub(crate) edits: Option<i64>,
    /// The `seq` of the chat, on a superseded edit.
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
            partial_unique_index(doc! { "room": 1, "author": 1, "nonce": 1 }, "nonce"),
        ]
    }
}

impl Entry {
    /// Returns about how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        ENTRY_OVERHEAD + self.text.as_ref().map_or(0, |text| text.as_str().len())
    }

    /// Returns the `seq` of the chat that this entry edits or removes.
    pub(crate) fn target(&self) -> Option<i64> {
        self.of.or(self.was)
    }

    /// Where it was written.
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
            closed: entry.kind == EntryKind::Closed,
        }
    }
}
