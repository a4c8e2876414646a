//! The files of chats, as entries of logs name them. The site keeps a row for each.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use bson::{Document, serialize_to_document};

use crate::attachment::Attachment;
use crate::models::file::{StoredFile, charged_bytes};
use crate::models::room::log::{Entry, EntryKind};
use crate::models::values::Nonce;
use crate::models::{RoomId, UserId};

/// The chats that have files, by room and `seq`.
#[derive(Default)]
pub(super) struct ChatFiles(HashMap<RoomId, BTreeMap<i64, FilesOfChat>>);

struct FilesOfChat {
    author: UserId,
    nonce: Nonce,
    files: Vec<Attachment>,
}

impl ChatFiles {
    /// Records the next entry of a log.
    pub(super) fn record(&mut self, entry: &Entry) {
        match (entry.kind, entry.target()) {
            (EntryKind::Said, _) => {
                if let (Some(files), Some(nonce)) = (&entry.files, entry.nonce()) {
                    let chat = FilesOfChat { author: entry.author, nonce: nonce.clone(), files: files.clone() };
                    self.0.entry(entry.room()).or_default().insert(entry.seq, chat);
                }
            }
            (EntryKind::Edited, Some(of)) => {
                if let Some(chat) = self.0.get_mut(&entry.room()).and_then(|room| room.get_mut(&of)) {
                    let kept = entry.file_names();
                    chat.files.retain(|file| kept.contains(&&file.path));
                }
            }
            (EntryKind::Removed, Some(of)) => {
                self.0.get_mut(&entry.room()).and_then(|room| room.remove(&of));
            }
            (EntryKind::Closed, _) => drop(self.0.remove(&entry.room())),
            _ => {}
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &Attachment> {
        self.0.values().flat_map(BTreeMap::values).flat_map(|chat| &chat.files)
    }

    /// Returns the rows of the files that `is_kept` has.
    pub(super) fn rows(&self, is_kept: impl Fn(&Attachment) -> bool) -> impl Iterator<Item = Result<Document>> {
        let chats = self.0.iter().flat_map(|(room, chats)| chats.iter().map(move |(seq, chat)| ((*room, *seq), chat)));
        let rows = chats.flat_map(|(place, chat)| chat.files.iter().map(move |file| (place, chat, file)));
        rows.filter(move |(_, _, file)| is_kept(file)).map(|(place, chat, file)| {
            Ok(serialize_to_document(&StoredFile::of_chat(place, (chat.author, &chat.nonce), file))?)
        })
    }

    /// Returns what the files that `is_kept` has take of each author's quota.
    pub(super) fn bytes(&self, is_kept: impl Fn(&Attachment) -> bool) -> HashMap<UserId, i64> {
        let mut bytes = HashMap::new();
        for chat in self.0.values().flat_map(BTreeMap::values) {
            *bytes.entry(chat.author).or_default() +=
                chat.files.iter().filter(|file| is_kept(file)).map(charged_bytes).sum::<i64>();
        }
        bytes
    }
}
