use std::collections::HashSet;
use std::iter;

use anyhow::Result;
use bson::Document;

use super::files::{CHATS, INBOXES, MEMBERSHIPS, ROOMS, USERS};
use super::import::Import;
use super::pictures::Pictures;
use super::progress::Progress;
use super::reader::Backup;
use super::validator::Validator;
use crate::attachment::FileName;

/// Documents per insert: about 8 MB of text at most.
const BATCH: usize = 500;

/// Writes a valid backup into an empty database, and its pictures into their folder.
pub(super) async fn restore(url: &str, pictures: &Pictures, backup: &Backup, validator: &Validator) -> Result<()> {
    let import = Import::begin(url).await?;
    let mut progress = Progress::new("users", backup.manifest.counts.users);
    let users = backup.documents(USERS)?.map(|user| user.and_then(|user| validator.with_counts(user)));
    for users in batches(users) {
        progress.add(import.insert_users(users?).await?);
    }
    progress.finish();

    let mut progress = Progress::new("log entries", backup.manifest.counts.entries);
    let entries =
        backup.documents(CHATS)?.filter_map(|entry| entry.and_then(|entry| validator.redact(entry)).transpose());
    for entries in batches(entries) {
        progress.add(import.insert_entries(entries?).await?);
    }
    progress.finish();

    for rows in batches(validator.files.rows(|file| backup.has_file(&file.path))) {
        import.insert_files(rows?).await?;
    }

    let mut progress = Progress::new("rooms", backup.manifest.counts.rooms);
    let rooms = backup.documents(ROOMS)?.map(|room| room.and_then(|room| validator.with_owner(room)));
    for rooms in batches(rooms) {
        progress.add(import.insert_rooms(rooms?).await?);
    }
    progress.finish();

    let mut progress = Progress::new("memberships", backup.manifest.counts.memberships);
    let memberships = backup.new_documents(MEMBERSHIPS)?;
    let memberships = memberships.filter_map(|row| row.and_then(|row| validator.admit(row)).transpose());
    for memberships in batches(memberships) {
        progress.add(import.insert_memberships(memberships?).await?);
    }
    progress.finish();

    let mut progress = Progress::new("inbox entries", backup.manifest.counts.news);
    let news = backup.new_documents(INBOXES)?;
    let news = news.filter_map(|entry| entry.and_then(|entry| validator.admit_news(entry)).transpose());
    for news in batches(news) {
        progress.add(import.insert_inbox_entries(news?).await?);
    }
    progress.finish();

    let mut progress = Progress::new("picture files", backup.pictures().count() as u64);
    for name in backup.pictures() {
        pictures.store(name, &backup.picture(name)?)?;
        progress.add(1);
    }
    progress.finish();
    let kept: HashSet<&FileName> = validator.files.files().map(|file| &file.path).collect();
    let mut progress = Progress::new("files of chats", backup.manifest.files);
    for (variant, path) in backup.files().filter(|(variant, _)| kept.contains(&variant.name)) {
        pictures.store_file(&variant, &path)?;
        progress.add(u64::from(!variant.is_small));
    }
    progress.finish();
    import.finish().await
}

/// Groups documents up to the first error.
fn batches(mut documents: impl Iterator<Item = Result<Document>>) -> impl Iterator<Item = Result<Vec<Document>>> {
    iter::from_fn(move || {
        let batch: Result<Vec<Document>> = documents.by_ref().take(BATCH).collect();
        batch.map(|batch| (!batch.is_empty()).then_some(batch)).transpose()
    })
}
