//! `sarangbang backup` and `sarangbang restore`: a site as a folder of plain files, saved while the site runs.
//!
//! ```text
//! manifest.json   format, times, version, counts, and the SHA-256 of SHA256SUMS
//! SHA256SUMS      the checksums of the files below, for `sha256sum -c`
//! room.jsonl.gz   each collection as canonical MongoDB Extended JSON, one document per line
//! chat.jsonl.gz
//! user.jsonl.gz
//! membership.jsonl.gz
//! inbox.jsonl.gz
//! image/          the picture files
//! file/           the files of chats, hard links where the file system allows that
//! ```
//!
//! The backup validates all files before it writes the manifest. A folder without a manifest is not a backup.
//!
//! A backup shows the moment at which the last pass over the logs begins. It omits rooms created after its start. It reads
//! users last, so each author with an account is in it. A restore drops the texts of removed chats and the entries of
//! closed rooms, also those that were read before their removal. Sessions, jobs and the lease are not saved.
//!
//! It reads memberships after the logs: whoever has left does not come back. Whoever joined a closed room after that
//! moment is no member of it after a restore, and no position is beyond the last chat. If the owner of a closed room
//! is no member, the oldest member becomes the owner.
//!
//! It copies the files of chats after the logs. A file that was deleted meanwhile is left out.
//!
//! It reads inboxes before the last pass over the logs: no entry tells of a later chat.
//!
//! A restore validates the backup before it writes. No site starts on a partially restored database.

mod chat_files;
mod documents;
mod export;
mod files;
mod import;
mod manifest;
mod pictures;
mod progress;
mod reader;
mod restore;
mod save;
mod validator;
mod writer;

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::config::Settings;
use crate::process::Engine;
use pictures::Pictures;
use reader::Backup;
use validator::validate;
use writer::BackupWriter;

/// Saves the configured site in a new or empty folder. Returns a summary.
pub async fn backup(settings: &Settings, folder: &Path) -> Result<String> {
    let pictures = Pictures::new(settings)?;
    let (url, engine) = match &settings.database {
        Some(database) => (database.url.clone(), None),
        None => {
            let engine = Engine::attach(&settings.var).await?;
            (engine.url().to_owned(), Some(engine))
        }
    };
    let summary = async {
        let writer = BackupWriter::create(folder)?;
        let manifest = save::save(&url, &pictures, writer).await.map_err(|error| {
            let cause = format!("{error:#}");
            let cause = cause.trim_end_matches('.');
            anyhow!("Cannot complete the backup: {cause}. Delete {}.", folder.display())
        })?;
        Ok(format!("Saved the backup in {}. {manifest}", folder.display()))
    };
    let summary = summary.await;
    stop(engine).await;
    summary
}

/// Restores a backup into the configured database, which must be empty. Returns a summary.
///
/// After a failed import no site starts on the database until a restore completes.
pub async fn restore(settings: &Settings, folder: &Path) -> Result<String> {
    let pictures = Pictures::new(settings)?;
    let backup = Backup::open(folder)?;
    let validator = validate(&backup)?;
    let (url, engine) = match &settings.database {
        Some(database) => (database.url.clone(), None),
        None => {
            let engine = Engine::start(&settings.var).await?;
            (engine.url().to_owned(), Some(engine))
        }
    };
    let restored = restore::restore(&url, &pictures, &backup, &validator).await;
    stop(engine).await;
    restored?;
    let (manifest, images) = (&backup.manifest, settings.images.dir.display());
    Ok(format!("Restored the backup. {manifest} The pictures and files are in {images}. All users must sign in again."))
}

async fn stop(engine: Option<Engine>) {
    if let Some(engine) = engine {
        engine.stop().await;
    }
}
