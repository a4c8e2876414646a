use std::collections::HashSet;

use anyhow::Result;

use super::documents::StoredUser;
use super::export::{self, RoomExport};
use super::files::{CHATS, ROOMS, USERS};
use super::manifest::{BackupCounts, Manifest};
use super::pictures::Pictures;
use super::progress::Progress;
use super::validator::validate;
use super::writer::{BackupWriter, DocumentFile};
use crate::store::Database;

const USERS_PER_BATCH: usize = 100;

pub(super) async fn save(url: &str, pictures: &Pictures, mut writer: BackupWriter) -> Result<Manifest> {
    let db = export::open(url).await?;
    let (rooms, entries) = save_logs(&db, &mut writer).await?;
    let users = save_users(&db, pictures, &mut writer).await?;
    let backup = writer.finish(BackupCounts { users, rooms, entries })?;
    validate(&backup)?;
    backup.publish()
}

/// Saves the logs, then the rooms as they were at the heads of these logs. Returns the numbers of rooms and entries.
async fn save_logs(db: &Database, writer: &mut BackupWriter) -> Result<(u64, u64)> {
    let (mut rooms, expected) = export::room_exports(db).await?;
    let (mut file, mut progress) = (writer.documents(CHATS)?, Progress::new("log entries", expected.unsigned_abs()));
    for room in &mut rooms {
        save_entries(db, room, &mut file, &mut progress).await?;
    }
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
    writer.finish_file(file)?;
    let entries = progress.finish();

    let (mut file, mut progress) = (writer.documents(ROOMS)?, Progress::new("rooms", rooms.len() as u64));
    for room in &rooms {
        file.add(room.document())?;
        progress.add(1);
    }
    writer.finish_file(file)?;
    Ok((progress.finish(), entries))
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
