//! The names of the files in a backup, and their checksums.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::attachment::FileVariant;
use crate::picture_path::PictureName;

pub(super) const CHECKSUMS: &str = "SHA256SUMS";
pub(super) const IMAGES: &str = "image";
/// Missing in format 2.
pub(super) const FILES: &str = "file";
pub(super) const ROOMS: &str = "room.jsonl.gz";
pub(super) const CHATS: &str = "chat.jsonl.gz";
pub(super) const USERS: &str = "user.jsonl.gz";
/// Missing in format 1.
pub(super) const MEMBERSHIPS: &str = "membership.jsonl.gz";
/// Missing in format 1.
pub(super) const INBOXES: &str = "inbox.jsonl.gz";

/// Converts a path on the image server to a path in the folder.
pub(super) fn relative_path(picture: &str) -> &str {
    picture.trim_start_matches('/')
}

/// Parses the path of a picture file in the folder.
pub(super) fn picture_name(path: &str) -> Option<PictureName> {
    PictureName::parse(path.strip_prefix(IMAGES)?.strip_prefix('/')?)
}

/// Parses the path of a chat's file in the folder.
pub(super) fn file_variant(path: &str) -> Option<FileVariant> {
    FileVariant::parse(path.strip_prefix(FILES)?.strip_prefix('/')?)
}

/// Checks a name from `SHA256SUMS`. No known name leads out of the folder.
pub(super) fn is_known_file(name: &str) -> bool {
    [ROOMS, CHATS, USERS, MEMBERSHIPS, INBOXES].contains(&name)
        || picture_name(name).is_some()
        || file_variant(name).is_some()
}

pub(super) fn checksum(path: &Path) -> Result<String> {
    let read = || {
        let mut hash = Sha256::new();
        let mut file = BufReader::with_capacity(64 << 10, File::open(path)?);
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(hex(&hash.finalize()));
            }
            hash.update(bytes);
            let count = bytes.len();
            file.consume(count);
        }
    };
    let checksum: std::io::Result<String> = read();
    checksum.with_context(|| format!("Cannot read {}", path.display()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
