use std::collections::{HashMap, HashSet};

use anyhow::{Result, anyhow, bail};
use bson::{DateTime, Document};

use super::chat_files::ChatFiles;
use super::documents::{RedactedChats, StoredUser, decode};
use super::files::{CHATS, INBOXES, MEMBERSHIPS, ROOMS, USERS};
use super::manifest::BackupCounts;
use super::reader::Backup;
use crate::models::inbox::InboxEntry;
use crate::models::room::log::{Entry, EntryKind};
use crate::models::room::membership::Membership;
use crate::models::room::{Head, Room, RoomKind};
use crate::models::{RoomId, User, UserId};

/// Checks the documents of a backup: rooms, then entries, then users, memberships and inboxes.
#[derive(Default)]
pub(super) struct Validator {
    rooms: HashMap<RoomId, RoomCheck>,
    name_keys: HashSet<String>,
    /// A backup may contain texts that were read before their removal.
    removed: HashSet<(RoomId, i64)>,
    logins: HashSet<String>,
    has_first_user: bool,
    users: HashSet<UserId>,
    memberships: HashSet<(RoomId, UserId)>,
    /// The last entry of each inbox.
    inbox_heads: HashMap<UserId, i64>,
    pub(super) files: ChatFiles,
    /// What the files of each user occupy.
    bytes: HashMap<UserId, i64>,
}

/// The check of one room, its log and its members.
struct RoomCheck {
    is_open: bool,
    /// The first member, of those who have an account.
    oldest: Option<(DateTime, UserId)>,
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
    for membership in backup.new_documents(MEMBERSHIPS)? {
        validator.add_membership(&membership?)?;
        counts.memberships += 1;
    }
    for entry in backup.new_documents(INBOXES)? {
        validator.add_news(&entry?)?;
        counts.news += 1;
    }
    validator.finish()?;
    validator.bytes = validator.files.bytes(|file| backup.has_file(&file.path));
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
        let check = RoomCheck { is_open: room.open, oldest: None, expected_head: room.head_hint, head, redacted };
        if self.rooms.insert(room.id, check).is_some() {
            bail!("Invalid backup: room {} occurs twice", room.id);
        }
        Ok(())
    }

    fn add_entry(&mut self, document: &Document) -> Result<()> {
        let entry: Entry = decode(document)?;
        let room = entry.room();
        let check =
            self.rooms.get_mut(&room).ok_or_else(|| anyhow!("Invalid backup: entries of unknown room {room}"))?;
        let head = Head::from(&entry);
        let expected = (check.head.seq + 1, check.head.no + i64::from(entry.kind == EntryKind::Said));
        // A room that closed during the backup has lost the entries before the last one.
        if (head.seq, head.no) != expected && entry.kind != EntryKind::Closed {
            bail!("Invalid backup: in room {room} entry {} follows entry {}", entry.seq, check.head.seq);
        }
        check.head = head;
        check.redacted.record(&entry);
        self.files.record(&entry);
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
        self.users.insert(id);
        Ok(())
    }

    fn add_membership(&mut self, document: &Document) -> Result<()> {
        let Membership { room, user, joined, .. } = decode(document)?;
        if document.get("_id") != Membership::key(room, user).get("_id") {
            bail!("Invalid backup: the membership of user {user} in room {room} has the id of another one");
        }
        if !self.memberships.insert((room, user)) {
            bail!("Invalid backup: the membership of user {user} in room {room} occurs twice");
        }
        let Some(check) = self.rooms.get_mut(&room) else {
            bail!("Invalid backup: a membership of unknown room {room}");
        };
        if self.users.contains(&user) && check.oldest.is_none_or(|oldest| (joined, user) < oldest) {
            check.oldest = Some((joined, user));
        }
        Ok(())
    }

    fn add_news(&mut self, document: &Document) -> Result<()> {
        let InboxEntry { user, no, .. } = decode(document)?;
        let head = self.inbox_heads.entry(user).or_default();
        if no != *head + 1 {
            bail!("Invalid backup: in the inbox of user {user} entry {no} follows entry {head}");
        }
        *head = no;
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        for (room, check) in &self.rooms {
            let (head, expected) = (check.head, check.expected_head);
            if (head.seq, head.no, !head.closed) != (expected.seq, expected.no, check.is_open) {
                bail!("Invalid backup: the log of room {room} ends at {}, not at {}", head.seq, expected.seq);
            }
            if let Some(seq) = check.redacted.last().filter(|_| check.is_open) {
                bail!("Invalid backup: in room {room} chat {seq} has no text but was not removed");
            }
        }
        Ok(())
    }

    /// Returns a room whose owner is a member, if it is closed and has members.
    pub(super) fn with_owner(&self, mut document: Document) -> Result<Document> {
        let room: Room = decode(&document)?;
        let has_owner = self.users.contains(&room.owner) && self.memberships.contains(&(room.id, room.owner));
        let oldest = self.rooms.get(&room.id).and_then(|check| check.oldest);
        if let Some((_, oldest)) = oldest.filter(|_| room.kind == RoomKind::Closed && !has_owner) {
            document.insert("owner", oldest);
        }
        Ok(document)
    }

    /// Returns a membership with a position that is not beyond the log. Drops it if the room is closed or the account is
    /// deleted.
    pub(super) fn admit(&self, mut document: Document) -> Result<Option<Document>> {
        let Membership { room, user, read, .. } = decode(&document)?;
        let Some(check) = self.rooms.get(&room).filter(|check| check.is_open && self.users.contains(&user)) else {
            return Ok(None);
        };
        document.insert("read", read.min(check.expected_head.no));
        Ok(Some(document))
    }

    /// Returns a user with a position that is not beyond the inbox, and with the bytes of the saved files.
    pub(super) fn with_counts(&self, mut document: Document) -> Result<Document> {
        let User { id, inbox_read, .. } = decode(&document)?;
        let head = self.inbox_heads.get(&id).copied().unwrap_or_default();
        if inbox_read > head {
            document.insert("inboxRead", head);
        }
        document.insert("bytes", self.bytes.get(&id).copied().unwrap_or_default());
        Ok(document)
    }

    /// Drops entries of inboxes whose account is deleted.
    pub(super) fn admit_news(&self, document: Document) -> Result<Option<Document>> {
        let InboxEntry { user, .. } = decode(&document)?;
        Ok(Some(document).filter(|_| self.users.contains(&user)))
    }

    /// Returns an entry without the text of a removed chat. Drops all but the last entry of a closed room.
    pub(super) fn redact(&self, mut document: Document) -> Result<Option<Document>> {
        let entry: Entry = decode(&document)?;
        if entry.kind != EntryKind::Closed && self.rooms.get(&entry.room()).is_none_or(|check| !check.is_open) {
            return Ok(None);
        }
        if self.removed.contains(&(entry.room(), entry.target().unwrap_or(entry.seq))) {
            document.remove("text");
            document.remove("mentions");
            document.remove("files");
        }
        Ok(Some(document))
    }
}
