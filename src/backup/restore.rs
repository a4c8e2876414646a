//! Looking at a backup, and restoring it.

use std::iter;

use bson::Document;

use super::export::StoredUser;
use super::folder::{Backup, BackupCounts, CHATS, ROOMS, USERS};
use super::import::{BackupValidator, Restore};
use super::pictures::Pictures;
use super::progress::Progress;

/// Documents written at once: some 8 MB of text at most.
const BATCH: usize = 500;

/// Looks at all that a backup says: whether it is what its manifest tells, and each log whole.
pub(super) fn inspect(saved: &Backup) -> Result<BackupValidator, String> {
    let (mut inspection, mut counts) = (BackupValidator::default(), BackupCounts::default());
    for room in saved.lines(ROOMS)? {
        inspection.room(&room?)?;
        counts.rooms += 1;
    }
    for entry in saved.lines(CHATS)? {
        inspection.entry(&entry?)?;
        counts.entries += 1;
    }
    for user in saved.lines(USERS)? {
        let user = StoredUser::new(user?)?;
        inspection.person(&user.document)?;
        if user.picture.is_some_and(|picture| !saved.has(&picture)) {
            return Err(format!("The picture of user {} is not in the backup.", user.id));
        }
        counts.users += 1;
    }
    inspection.end()?;
    let manifest = &saved.manifest;
    match counts == (BackupCounts { users: manifest.users, rooms: manifest.rooms, entries: manifest.entries }) {
        true => Ok(inspection),
        false => Err("The backup does not hold as much as its manifest says.".into()),
    }
}

/// Writes it into an empty database, and the pictures into their folder.
pub(super) async fn restore(
    url: &str,
    pictures: &Pictures,
    saved: &Backup,
    inspection: &BackupValidator,
) -> Result<(), String> {
    let restore = Restore::begin(url).await?;
    let mut progress = Progress::of("users", saved.manifest.users);
    for users in batches(saved.lines(USERS)?) {
        progress.add(restore.people(users?).await?);
    }
    progress.end();

    let mut progress = Progress::of("log entries", saved.manifest.entries);
    let entries =
        saved.lines(CHATS)?.filter_map(|entry| entry.and_then(|entry| inspection.restored(entry)).transpose());
    for entries in batches(entries) {
        progress.add(restore.entries(entries?).await?);
    }
    progress.end();

    let mut progress = Progress::of("rooms", saved.manifest.rooms);
    for rooms in batches(saved.lines(ROOMS)?) {
        progress.add(restore.rooms(rooms?).await?);
    }
    progress.end();

    let mut progress = Progress::of("picture files", saved.pictures().count() as u64);
    for name in saved.pictures() {
        pictures.store(name, &saved.picture(name)?)?;
        progress.add(1);
    }
    progress.end();
    restore.finish().await
}

/// Documents in batches, up to the first that cannot be read.
fn batches(
    mut documents: impl Iterator<Item = Result<Document, String>>,
) -> impl Iterator<Item = Result<Vec<Document>, String>> {
    iter::from_fn(move || {
        let batch: Result<Vec<Document>, String> = documents.by_ref().take(BATCH).collect();
        batch.map(|batch| (!batch.is_empty()).then_some(batch)).transpose()
    })
}
