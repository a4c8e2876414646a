//! `files`: how large the files of chats may be.

use anyhow::Result;
use rocket::data::ByteUnit;
use rocket::figment::Figment;

use super::{errors, required};

/// Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilesConfig {
    /// Of a picture, as it is sent.
    pub(crate) picture_bytes: u64,
    /// Of any other file.
    pub(crate) file_bytes: u64,
    /// Of all files of one person.
    pub(crate) user_bytes: u64,
    /// What uploads leave free on the disk, in percent.
    pub(crate) min_free_percent: u8,
}

impl FilesConfig {
    pub(super) fn read(figment: &Figment) -> Result<Self> {
        let bytes = |key| required::<ByteUnit>(figment, key).map(ByteUnit::as_u64);
        let min_free_percent = required(figment, "files.min_free_percent")?;
        if min_free_percent > 100 {
            return Err(errors::invalid_value(figment, "files.min_free_percent"));
        }
        Ok(Self {
            picture_bytes: bytes("files.picture_bytes")?,
            file_bytes: bytes("files.file_bytes")?,
            user_bytes: bytes("files.user_bytes")?,
            min_free_percent,
        })
    }
}
