//! The manifest of a backup.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file::write_atomically;

/// The version of the format. A higher version is not readable.
///
/// Format 3 has the files of chats.
/// Format 2 has memberships, inboxes and kinds of rooms. Version 0.1, which reads format 1, would open closed rooms to all.
pub(super) const FORMAT: u32 = 3;
const FILE: &str = "manifest.json";

#[derive(Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The version of the program.
    pub(super) sarangbang: String,
    /// RFC 3339, like `ended`.
    pub(super) begun: String,
    pub(super) ended: String,
    #[serde(flatten)]
    pub(super) counts: BackupCounts,
    pub(super) pictures: u64,
    /// Files of chats.
    #[serde(default)]
    pub(super) files: u64,
    /// The SHA-256 of `SHA256SUMS`.
    pub(super) sha256sums: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackupCounts {
    pub(super) users: u64,
    pub(super) rooms: u64,
    /// Log entries.
    pub(super) entries: u64,
    #[serde(default)]
    pub(super) memberships: u64,
    /// Entries of inboxes.
    #[serde(default)]
    pub(super) news: u64,
}

impl Manifest {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "Cannot read a backup in {}: there is no {FILE}. The folder is not a backup, or the backup is incomplete.",
                folder.display()
            ),
            bytes => bytes.with_context(|| format!("Cannot read {}", path.display()))?,
        };
        let parse = || format!("Cannot parse {}", path.display());
        let value: Value = serde_json::from_slice(&bytes).with_context(parse)?;
        match value["format"].as_u64() {
            Some(format) if format > u64::from(FORMAT) => bail!(
                "Cannot read {}: it has format {format}, and this version reads formats up to {FORMAT}. Install a later \
                 version of Sarangbang.",
                path.display()
            ),
            _ => serde_json::from_value(value).with_context(parse),
        }
    }

    /// Writes the manifest. This makes the folder a complete backup.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self)?;
        write_atomically(&path, format!("{text}\n").as_bytes(), 0o600)
            .with_context(|| format!("Cannot write {}", path.display()))
    }
}

impl Display for Manifest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BackupCounts { users, rooms, entries, memberships, news } = self.counts;
        write!(
            out,
            "Users: {users}; rooms: {rooms}; log entries: {entries}; memberships: {memberships}; inbox entries: {news}; "
        )?;
        write!(out, "files of chats: {}; pictures: {}.", self.files, self.pictures)
    }
}
