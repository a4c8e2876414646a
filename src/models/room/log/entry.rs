use mongodb::IndexModel;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use crate::models::room::Head;
use crate::models::values::{ChatText, Nonce};
use crate::models::{RoomId, UserId};
use crate::store::{StoredDocument, partial_index, partial_unique_index, unique_index};

/// Bytes of an entry in memory, without its text.
const ENTRY_OVERHEAD: usize = 320;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    Said,
    Edited,
    Removed,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<Nonce>,
    /// On *said* and *edited*, until it is wiped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<ChatText>,
    pub(crate) at: DateTime,
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
            partial_unique_index(doc! { "room": 1, "author": 1, "nonce": 1 }, "nonce"),
        ]
    }
}

impl Entry {
    pub(super) fn bytes(&self) -> usize {
        ENTRY_OVERHEAD + self.text.as_ref().map_or(0, |text| text.as_str().len())
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
            closed: entry.kind == EntryKind::Closed,
        }
    }
}
