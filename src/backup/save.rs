use std::collections::HashSet;

use anyhow::Result;
use bson::DateTime;

use super::chat_files::ChatFiles;
use super::documents::{StoredUser, decode};
use super::export::{self, RoomExport};
use super::files::{CHATS, INBOXES, MEMBERSHIPS, ROOMS, USERS};
use super::manifest::{BackupCounts, Manifest};
use super::pictures::Pictures;
use super::progress::Progress;
use super::reader;
use super::validator::validate;
use super::writer::{BackupWriter, DocumentFile};
use crate::attachment::{AttachmentKind, FileVariant};
use crate::store::Database;

const USERS_PER_BATCH: usize = 100;
/// Users whose memberships or inboxes are read at once: each is in 2,000 rooms at most.
const MEMBERS_PER_BATCH: usize = 10;

/// What is saved of rooms and logs.
struct SavedLogs {
    rooms: Vec<RoomExport>,
    entries: u64,
    news: u64,
    /// When all logs had been read.
    moment: DateTime,
}

pub(super) async fn save(url: &str, pictures: &Pictures, mut writer: BackupWriter) -> Result<Manifest> {
    let db = export::open(url).await?;
    let logs = save_logs(&db, &mut writer).await?;
    save_files(pictures, &mut writer).await?;
    let memberships = save_memberships(&db, &logs, &mut writer).await?;
    let SavedLogs { rooms, entries, news, .. } = logs;
    let users = save_users(&db, pictures, &mut writer).await?;
    let backup = writer.finish(BackupCounts { users, rooms: rooms.len() as u64, entries, memberships, news })?;
    validate(&backup)?;
    backup.publish()
}

/// Saves the logs, then the rooms as they were at the heads of these logs.
async fn save_logs(db: &Database, writer: &mut BackupWriter) -> Result<SavedLogs> {
    let (mut rooms, expected) = export::room_exports(db).await?;
    let (mut file, mut progress) = (writer.documents(CHATS)?, Progress::new("log entries", expected.unsigned_abs()));
    for room in &mut rooms {
        save_entries(db, room, &mut file, &mut progress).await?;
    }
    let news = save_inboxes(db, writer).await?;
    // The first pass may take long. Later passes take moments, and repeat while a name has moved between two rooms.
    loop {
        for room in &mut rooms {
            save_entries(db, room, &mut file, &mut progress).await?;
        }
        let mut name_keys = HashSet::new();
        if rooms.iter().filter_map(RoomExport::name_key).all(|key| name_keys.insert(key)) {
            break;
        }
    }
    let moment = DateTime::now();
    writer.finish_file(file)?;
    let entries = progress.finish();

    let (mut file, mut progress) = (writer.documents(ROOMS)?, Progress::new("rooms", rooms.len() as u64));
    for room in &rooms {
        file.add(room.document())?;
        progress.add(1);
    }
    writer.finish_file(file)?;
    progress.finish();
    Ok(SavedLogs { rooms, entries, news, moment })
}

async fn save_entries(
    db: &Database,
    room: &mut RoomExport,
    file: &mut DocumentFile,
    progress: &mut Progress,
) -> Result<()> {
    room.read_new_entries(db, |entries| {
        progress.add(entries.len() as u64);
        entries.into_iter().try_for_each(|entry| file.add(entry))
    })
    .await
}

/// Saves the files that the saved logs name.
async fn save_files(pictures: &Pictures, writer: &mut BackupWriter) -> Result<()> {
    let mut files = ChatFiles::default();
    for entry in reader::documents(writer.folder(), CHATS)? {
        files.record(&decode(&entry?)?);
    }
    let mut progress = Progress::new("files of chats", files.files().count() as u64);
    for file in files.files() {
        let is_picture = file.kind == AttachmentKind::Picture;
        for is_small in [false, true].into_iter().filter(|is_small| is_picture || !is_small) {
            let variant = FileVariant { name: file.path.clone(), is_small };
            if !writer.add_file(&variant, async |to| pictures.copy_file(&variant, to).await).await? {
                log::warn!("file missing, not saved: name={variant}");
            }
        }
        progress.add(1);
    }
    progress.finish();
    Ok(())
}

/// Saves the inboxes of all users. Returns the number of their entries.
async fn save_inboxes(db: &Database, writer: &mut BackupWriter) -> Result<u64> {
    let users = export::all_user_ids(db).await?;
    let (mut file, mut progress) = (writer.documents(INBOXES)?, Progress::new("inbox entries", users.len() as u64));
    for users in users.chunks(MEMBERS_PER_BATCH) {
        let write = |entries: Vec<_>| {
            progress.add(entries.len() as u64);
            entries.into_iter().try_for_each(|entry| file.add(entry))
        };
        export::inboxes(db, users, write).await?;
    }
    writer.finish_file(file)?;
    Ok(progress.finish())
}

/// Saves the memberships in the saved rooms. Returns their number.
async fn save_memberships(db: &Database, logs: &SavedLogs, writer: &mut BackupWriter) -> Result<u64> {
    let rooms = logs.rooms.iter().filter_map(RoomExport::kind).collect();
    let users = export::all_user_ids(db).await?;
    let (mut file, mut progress) = (writer.documents(MEMBERSHIPS)?, Progress::new("memberships", users.len() as u64));
    for users in users.chunks(MEMBERS_PER_BATCH) {
        for membership in export::memberships(db, users, &rooms, logs.moment).await? {
            file.add(membership)?;
            progress.add(1);
        }
    }
    writer.finish_file(file)?;
    Ok(progress.finish())
}

/// Saves all users, each after their picture. Returns their number.
async fn save_users(db: &Database, pictures: &Pictures, writer: &mut BackupWriter) -> Result<u64> {
    let ids = export::all_user_ids(db).await?;
    let (mut file, mut progress) = (writer.documents(USERS)?, Progress::new("users", ids.len() as u64));
    for ids in ids.chunks(USERS_PER_BATCH) {
        for user in export::users(db, ids).await? {
            if let Some(user) = save_picture(db, pictures, writer, user).await? {
                file.add(user.document)?;
                progress.add(1);
            }
        }
    }
    writer.finish_file(file)?;
    Ok(progress.finish())
}

/// Saves a user's picture. Reads the user again if the file is gone, because the user may have changed or left.
async fn save_picture(
    db: &Database,
    pictures: &Pictures,
    writer: &mut BackupWriter,
    mut user: StoredUser,
) -> Result<Option<StoredUser>> {
    while let Some(picture) = user.picture.clone().filter(|picture| !writer.has(picture)) {
        let (large_path, small_path) = (picture.as_str(), picture.small());
        if let Some((large, small)) = pictures.read(large_path).await?.zip(pictures.read(&small_path).await?) {
            writer.add_picture(&small_path, &small)?;
            writer.add_picture(large_path, &large)?;
            continue;
        }
        let Some(mut now) = export::users(db, &[user.id]).await?.pop() else { return Ok(None) };
        if now.picture == user.picture {
            log::warn!("picture file missing, saved without it: user={}", user.id);
            now.document.remove("picture");
            now.picture = None;
        }
        user = now;
    }
    Ok(Some(user))
}
