use std::collections::{HashMap, HashSet};

use anyhow::{Result, anyhow, bail};
use bson::Document;

use super::documents::{RedactedChats, StoredUser, decode};
use super::files::{CHATS, ROOMS, USERS};
use super::manifest::BackupCounts;
use super::reader::Backup;
use crate::models::RoomId;
use crate::models::room::log::{Entry, EntryKind};
use crate::models::room::{Head, Room};

/// Checks the documents of a backup: rooms, then entries, then users.
#[derive(Default)]
pub(super) struct Validator {
    rooms: HashMap<RoomId, LogCheck>,
    name_keys: HashSet<String>,
    /// A backup may contain texts that were read before their removal.
    removed: HashSet<(RoomId, i64)>,
    logins: HashSet<String>,
    has_first_user: bool,
}

/// The check of one room's log.
struct LogCheck {
    is_open: bool,
    expected_head: Head,
    head: Head,
    redacted: RedactedChats,
}

/// Checks that a backup is complete and each log is contiguous.
pub(super) fn validate(backup: &Backup) -> Result<Validator> {
    let (mut validator, mut counts) = (Validator::default(), BackupCounts::default());
    for room in backup.documents(ROOMS)? {
        validator.add_room(&room?)?;
        counts.rooms += 1;
    }
    for entry in backup.documents(CHATS)? {
        validator.add_entry(&entry?)?;
        counts.entries += 1;
    }
    for user in backup.documents(USERS)? {
        validator.add_user(backup, StoredUser::new(user?)?)?;
        counts.users += 1;
    }
    validator.finish()?;
    if counts != backup.manifest.counts {
        bail!("Invalid backup: the numbers of documents differ from the manifest");
    }
    Ok(validator)
}

impl Validator {
    fn add_room(&mut self, document: &Document) -> Result<()> {
        let room: Room = decode(document)?;
        if room.no != self.rooms.len() as i64 + 1 {
            bail!("Invalid backup: room {} has number {}, out of sequence", room.id, room.no);
        }
        if room.open && room.reserved_key().is_some_and(|key| !self.name_keys.insert(key)) {
            bail!("Invalid backup: two rooms have the name \"{}\"", room.name.as_str());
        }
        let (head, redacted) = (Head::default(), RedactedChats::default());
        let log = LogCheck { is_open: room.open, expected_head: room.head_hint, head, redacted };
        if self.rooms.insert(room.id, log).is_some() {
            bail!("Invalid backup: room {} occurs twice", room.id);
        }
        Ok(())
    }

    fn add_entry(&mut self, document: &Document) -> Result<()> {
        let entry: Entry = decode(document)?;
        let room = entry.room();
        let log = self.rooms.get_mut(&room).ok_or_else(|| anyhow!("Invalid backup: entries of unknown room {room}"))?;
        let head = Head::from(&entry);
        let expected = (log.head.seq + 1, log.head.no + i64::from(entry.kind == EntryKind::Said));
        // A room that closed during the backup has lost the entries before the last one.
        if (head.seq, head.no) != expected && entry.kind != EntryKind::Closed {
            bail!("Invalid backup: in room {room} entry {} follows entry {}", entry.seq, log.head.seq);
        }
        log.head = head;
        log.redacted.record(&entry);
        if let (EntryKind::Removed, Some(of)) = (entry.kind, entry.of) {
            self.removed.insert((room, of));
        }
        Ok(())
    }

    fn add_user(&mut self, backup: &Backup, user: StoredUser) -> Result<()> {
        let StoredUser { id, picture, document } = user;
        if !self.logins.insert(document.get_str("login").unwrap_or_default().to_owned()) {
            bail!("Invalid backup: user {id} has the login of another user");
        }
        if document.contains_key("first") && std::mem::replace(&mut self.has_first_user, true) {
            bail!("Invalid backup: user {id} is a second first user");
        }
        if picture.is_some_and(|picture| !backup.has(&picture)) {
            bail!("Invalid backup: the picture of user {id} is missing");
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        for (room, log) in &self.rooms {
            let (head, expected) = (log.head, log.expected_head);
            if (head.seq, head.no, !head.closed) != (expected.seq, expected.no, log.is_open) {
                bail!("Invalid backup: the log of room {room} ends at {}, not at {}", head.seq, expected.seq);
            }
            if let Some(seq) = log.redacted.last().filter(|_| log.is_open) {
                bail!("Invalid backup: in room {room} chat {seq} has no text but was not removed");
            }
        }
        Ok(())
    }

    /// Returns an entry without the text of a removed chat. Drops all but the last entry of a closed room.
    pub(super) fn redact(&self, mut document: Document) -> Result<Option<Document>> {
        let entry: Entry = decode(&document)?;
        if entry.kind != EntryKind::Closed && self.rooms.get(&entry.room()).is_none_or(|log| !log.is_open) {
            return Ok(None);
        }
        if self.removed.contains(&(entry.room(), entry.target().unwrap_or(entry.seq))) {
            document.remove("text");
            document.remove("mentions");
        }
        Ok(Some(document))
    }
}
