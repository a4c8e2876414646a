//! Documents as stored, including fields that only a later version knows.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use bson::{Document, deserialize_from_document};
use serde::de::DeserializeOwned;

use crate::models::room::log::{Entry, EntryKind};
use crate::models::{User, UserId};
use crate::picture_path::PicturePath;

pub(super) struct StoredUser {
    pub(super) id: UserId,
    pub(super) picture: Option<PicturePath>,
    pub(super) document: Document,
}

impl StoredUser {
    pub(super) fn new(document: Document) -> Result<Self> {
        let User { id, picture, .. } = decode(&document)?;
        Ok(Self { id, picture, document })
    }
}

/// The chats without a text whose removal has not been read yet, by `seq`.
#[derive(Default)]
pub(super) struct RedactedChats(BTreeSet<i64>);

impl RedactedChats {
    /// Records the next entry of a log.
    pub(super) fn record(&mut self, entry: &Entry) {
        match (entry.kind, entry.of) {
            (EntryKind::Said, _) if entry.text.is_none() => drop(self.0.insert(entry.seq)),
            (EntryKind::Edited, Some(of)) if entry.text.is_none() => drop(self.0.insert(of)),
            (EntryKind::Removed, Some(of)) => drop(self.0.remove(&of)),
            _ => {}
        }
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.0.last().copied()
    }
}

pub(super) fn decode<T: DeserializeOwned>(document: &Document) -> Result<T> {
    deserialize_from_document(document.clone()).with_context(|| {
        let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
        format!("Cannot decode the document {id}")
    })
}
