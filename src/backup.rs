//! `sarangbang backup` and `sarangbang restore`: the users, rooms, chats and pictures of a site as a folder of plain
//! files, saved while the site runs and people write.
//!
//! ```text
//! manifest.json   the format's number, when, by which version, how many, and the SHA-256 of SHA256SUMS
//! SHA256SUMS      of each of the files below, as `sha256sum -c` reads it
//! room.jsonl.gz   the documents of the collections in canonical MongoDB Extended JSON, one a line
//! chat.jsonl.gz
//! user.jsonl.gz
//! image/          the pictures, under their names
//! ```
//!
//! The manifest is written last: a folder without one is no backup. Before that the backup is read as a restore would
//! read it, so what has a manifest can be restored.
//!
//! **When.** Logs are read to their ends, one after the other; then all of them are read on to where they end by then,
//! which takes moments, and whatever was removed or closed before that moment is not restored. A room made after the
//! start is not in it. People come after the chats, so whoever wrote and has an account is there.
//!
//! **What does not come back.** What a removed chat said is wiped when it is restored, also where it was read before
//! it was removed. Of a closed room its number and its last entry stay, as in the database. Who has left is not there.
//! Sessions, signals, the lease and what is left to do are not saved, and names are taken again by the rooms.
//!
//! **Half.** A restore looks at all of the backup before it writes anything. While it writes, a marker stands in the
//! database, on which no site starts; restoring once more begins anew.

mod export;
mod folder;
mod import;
mod pictures;
mod progress;
mod restore;
mod save;

use std::path::Path;

use crate::config::Settings;
use crate::process::Engine;
use folder::{Backup, BackupWriter};
use pictures::Pictures;

/// Saves the site that the settings lead to in a new or empty folder. Answers what was saved, in a sentence.
///
/// # Errors
/// A sentence for the person at the terminal. What the folder then holds has no manifest.
pub async fn backup(settings: &Settings, folder: &Path) -> Result<String, String> {
    let pictures = Pictures::of(settings)?;
    let (url, engine) = match &settings.database {
        Some(database) => (database.url.clone(), None),
        None => {
            let engine = Engine::attach(&settings.var).await.map_err(|error| format!("{error:#}"))?;
            (engine.url().to_owned(), Some(engine))
        }
    };
    let saved = async {
        let saving = BackupWriter::create(folder)?;
        let manifest = save::save(&url, &pictures, saving).await.map_err(|error| {
            format!("{error} What is in {} is not whole, and no backup: delete it.", folder.display())
        })?;
        Ok(format!("Saved in {}. {manifest}", folder.display()))
    };
    let saved = saved.await;
    end(engine).await;
    saved
}

/// Restores a backup into the empty database that the settings lead to. Answers what was restored, in a sentence.
///
/// # Errors
/// A sentence for the person at the terminal. Unless it speaks of the backup, the database says that it was restored
/// by half.
pub async fn restore(settings: &Settings, folder: &Path) -> Result<String, String> {
    let pictures = Pictures::of(settings)?;
    let saved = Backup::open(folder)?;
    let inspection = restore::inspect(&saved)?;
    let (url, engine) = match &settings.database {
        Some(database) => (database.url.clone(), None),
        None => {
            let engine = Engine::start(&settings.var).await.map_err(|error| format!("{error:#}"))?;
            (engine.url().to_owned(), Some(engine))
        }
    };
    let restored = restore::restore(&url, &pictures, &saved, &inspection).await;
    end(engine).await;
    let (manifest, images) = (&saved.manifest, settings.images.dir.display());
    restored.map(|()| format!("Restored, the pictures into {images} on this machine. {manifest} People sign in again."))
}

async fn end(engine: Option<Engine>) {
    if let Some(engine) = engine {
        engine.stop().await;
    }
}
