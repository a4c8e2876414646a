use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use bson::Document;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::files::{CHECKSUMS, FILES, IMAGES, checksum, file_variant, hex, is_known_file, relative_path};
use super::manifest::Manifest;
use crate::attachment::{FileName, FileVariant};
use crate::picture_path::PicturePath;

/// A backup whose files match their checksums.
pub(super) struct Backup {
    folder: PathBuf,
    pub(super) manifest: Manifest,
    /// The names in `SHA256SUMS`.
    names: BTreeSet<String>,
}

impl Backup {
    pub(super) fn new(folder: PathBuf, manifest: Manifest, names: BTreeSet<String>) -> Self {
        Self { folder, manifest, names }
    }

    /// Opens a backup and verifies its checksums.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let checksums = folder.join(CHECKSUMS);
        let text = fs::read_to_string(&checksums).with_context(|| cannot_read(&checksums))?;
        if hex(&Sha256::digest(&text)) != manifest.sha256sums {
            return Err(damaged(&checksums));
        }
        let mut names = BTreeSet::new();
        for line in text.lines() {
            let (expected, name) =
                line.split_once("  ").filter(|(_, name)| is_known_file(name)).ok_or_else(|| damaged(&checksums))?;
            let path = folder.join(name);
            if checksum(&path)? != expected {
                return Err(damaged(&path));
            }
            names.insert(name.to_owned());
        }
        Ok(Self::new(folder.to_owned(), manifest, names))
    }

    /// Writes the manifest, which completes the backup.
    pub(super) fn publish(self) -> Result<Manifest> {
        self.manifest.write(&self.folder)?;
        Ok(self.manifest)
    }

    /// Returns the documents of a file in order.
    pub(super) fn documents(&self, name: &str) -> Result<impl Iterator<Item = Result<Document>>> {
        documents(&self.folder, name)
    }

    /// Returns the documents of a file that a backup of format 1 does not have.
    pub(super) fn new_documents(&self, name: &str) -> Result<impl Iterator<Item = Result<Document>>> {
        let documents = self.names.contains(name).then(|| self.documents(name)).transpose()?;
        Ok(documents.into_iter().flatten())
    }

    /// Returns the names of the picture files, two for each picture.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| name.strip_prefix(IMAGES)?.strip_prefix('/'))
    }

    /// Returns whether the backup has both files of a picture.
    pub(super) fn has(&self, picture: &PicturePath) -> bool {
        [picture.as_str(), &picture.small()].iter().all(|path| self.names.contains(relative_path(path)))
    }

    /// Returns the files of chats with their paths. A picture has a small version.
    pub(super) fn files(&self) -> impl Iterator<Item = (FileVariant, PathBuf)> {
        self.names.iter().filter_map(|name| Some((file_variant(name)?, self.folder.join(name))))
    }

    pub(super) fn has_file(&self, name: &FileName) -> bool {
        self.names.contains(&format!("{FILES}/{}", name.as_str()))
    }

    pub(super) fn picture(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(IMAGES).join(name);
        fs::read(&path).with_context(|| cannot_read(&path))
    }
}

/// Returns the documents of a file in order.
pub(super) fn documents(folder: &Path, name: &str) -> Result<impl Iterator<Item = Result<Document>> + use<>> {
    let path = folder.join(name);
    let file = File::open(&path).with_context(|| cannot_read(&path))?;
    let lines = BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines();
    Ok(lines.map(move |line| {
        let parse = || -> Result<Document> {
            let map: Map<String, Value> = serde_json::from_str(&line?)?;
            Ok(Document::try_from(map)?)
        };
        parse().with_context(|| cannot_read(&path))
    }))
}

fn cannot_read(path: &Path) -> String {
    format!("Cannot read {}", path.display())
}

fn damaged(path: &Path) -> Error {
    anyhow!("Cannot restore {}: its SHA-256 differs from the recorded one. Use an undamaged copy.", path.display())
}
