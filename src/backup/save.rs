//! Saving.

use std::collections::HashSet;

use super::export::{self, RoomExport, StoredUser};
use super::folder::{BackupCounts, BackupWriter, CHATS, DocumentFile, Manifest, ROOMS, USERS};
use super::pictures::Pictures;
use super::progress::Progress;
use super::restore::inspect;
use crate::store::Database;

/// People read at once.
const USERS_PER_BATCH: usize = 100;

pub(super) async fn save(url: &str, pictures: &Pictures, mut saving: BackupWriter) -> Result<Manifest, String> {
    let db = export::open(url).await?;
    let (rooms, entries) = logs(&db, &mut saving).await?;
    let users = people(&db, pictures, &mut saving).await?;
    let saved = saving.finish(BackupCounts { users, rooms, entries })?;
    inspect(&saved)?;
    saved.publish()
}

/// Saves the logs, then the rooms as they were at the ends of those.
async fn logs(db: &Database, saving: &mut BackupWriter) -> Result<(u64, u64), String> {
    let (mut rooms, about) = export::room_exports(db).await?;
    let (mut lines, mut progress) = (saving.documents(CHATS)?, Progress::of("log entries", about.unsigned_abs()));
    for room in &mut rooms {
        read_on(db, room, &mut lines, &mut progress).await?;
    }
    // That took a while. From here on it is a moment; and as often as it takes for no two rooms to have had one name in
    // turn.
    loop {
        for room in &mut rooms {
            read_on(db, room, &mut lines, &mut progress).await?;
        }
        let mut names = HashSet::new();
        if rooms.iter().filter_map(RoomExport::name).all(|name| names.insert(name)) {
            break;
        }
    }
    saving.finish_file(lines)?;
    let entries = progress.end();

    let (mut lines, mut progress) = (saving.documents(ROOMS)?, Progress::of("rooms", rooms.len() as u64));
    for room in &rooms {
        lines.add(room.room())?;
        progress.add(1);
    }
    saving.finish_file(lines)?;
    Ok((progress.end(), entries))
}

async fn read_on(
    db: &Database,
    room: &mut RoomExport,
    lines: &mut DocumentFile,
    progress: &mut Progress,
) -> Result<(), String> {
    room.read_new_entries(db, |entries| {
        progress.add(entries.len() as u64);
        entries.into_iter().try_for_each(|entry| lines.add(entry))
    })
    .await
}

/// Saves everybody, and their pictures before them.
async fn people(db: &Database, pictures: &Pictures, saving: &mut BackupWriter) -> Result<u64, String> {
    let ids = export::all_user_ids(db).await?;
    let (mut lines, mut progress) = (saving.documents(USERS)?, Progress::of("users", ids.len() as u64));
    for ids in ids.chunks(USERS_PER_BATCH) {
        for person in export::users(db, ids).await? {
            if let Some(person) = with_picture(db, pictures, saving, person).await? {
                lines.add(person.document)?;
                progress.add(1);
            }
        }
    }
    saving.finish_file(lines)?;
    Ok(progress.end())
}

/// Saves a person's picture. Where it is gone another one may have come in its place, or they have left.
async fn with_picture(
    db: &Database,
    pictures: &Pictures,
    saving: &mut BackupWriter,
    mut person: StoredUser,
) -> Result<Option<StoredUser>, String> {
    while let Some(picture) = person.picture.clone().filter(|picture| !saving.has(picture)) {
        let (large, small) = (picture.as_str(), picture.small());
        if let Some((large_one, small_one)) = pictures.read(large).await?.zip(pictures.read(&small).await?) {
            saving.add_picture(&small, &small_one)?;
            saving.add_picture(large, &large_one)?;
            continue;
        }
        let Some(mut now) = export::users(db, &[person.id]).await?.pop() else { return Ok(None) };
        if now.picture == person.picture {
            log::warn!("The picture of user {} is nowhere; one will be drawn.", person.id);
            now.document.remove("picture");
            now.picture = None;
        }
        person = now;
    }
    Ok(Some(person))
}
