use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bson::{Bson, Document};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::files::{CHECKSUMS, FILES, IMAGES, checksum, file_variant, hex, picture_name, relative_path};
use super::manifest::{BackupCounts, FORMAT, Manifest};
use super::reader::Backup;
use crate::attachment::FileVariant;
use crate::picture_path::PicturePath;

/// A backup that is being written. Only the operator's account can read its files.
pub(super) struct BackupWriter {
    folder: PathBuf,
    begun: String,
    checksums: BTreeMap<String, String>,
}

/// A file that is being written, with one document per line.
pub(super) struct DocumentFile {
    name: &'static str,
    path: PathBuf,
    file: GzEncoder<BufWriter<File>>,
}

impl DocumentFile {
    pub(super) fn add(&mut self, document: Document) -> Result<()> {
        let line = Bson::Document(document).into_canonical_extjson().to_string();
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.with_context(|| cannot_write(&self.path))
    }
}

impl BackupWriter {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("Cannot save a backup in {}: the folder is not empty. Name a new or empty folder.", folder.display());
        }
        DirBuilder::new()
            .recursive(true)
            .create(folder)
            .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
            .and_then(|()| DirBuilder::new().mode(0o700).create(folder.join(IMAGES)))
            .and_then(|()| DirBuilder::new().mode(0o700).create(folder.join(FILES)))
            .with_context(|| format!("Cannot create the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), begun: now(), checksums: BTreeMap::new() })
    }

    pub(super) fn documents(&self, name: &'static str) -> Result<DocumentFile> {
        let path = self.folder.join(name);
        let file = create(&path).with_context(|| cannot_write(&path))?;
        Ok(DocumentFile { name, path, file: GzEncoder::new(BufWriter::new(file), Compression::default()) })
    }

    pub(super) fn finish_file(&mut self, documents: DocumentFile) -> Result<()> {
        let DocumentFile { name, path, file } = documents;
        let finish = || file.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all();
        finish().with_context(|| cannot_write(&path))?;
        self.checksums.insert(name.to_owned(), checksum(&path)?);
        Ok(())
    }

    /// Returns whether a picture is already saved: several users may have the same picture.
    pub(super) fn has(&self, picture: &PicturePath) -> bool {
        self.checksums.contains_key(relative_path(picture.as_str()))
    }

    /// Adds a picture file by its path on the image server.
    pub(super) fn add_picture(&mut self, picture: &str, bytes: &[u8]) -> Result<()> {
        let name = relative_path(picture);
        write(&self.folder.join(name), bytes)?;
        self.checksums.insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        Ok(())
    }

    /// Returns the folder of the backup.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds a file of a chat that `copy` writes. Adds nothing if there is no such file.
    pub(super) async fn add_file(
        &mut self,
        variant: &FileVariant,
        copy: impl AsyncFnOnce(&Path) -> Result<bool>,
    ) -> Result<bool> {
        let name = format!("{FILES}/{variant}");
        let path = self.folder.join(&name);
        let is_copied = copy(&path).await?;
        if is_copied {
            self.checksums.insert(name, checksum(&path)?);
        }
        Ok(is_copied)
    }

    /// Completes the files except the manifest. The caller validates the backup before it publishes the manifest.
    pub(super) fn finish(self, counts: BackupCounts) -> Result<Backup> {
        let checksums: String = self.checksums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        write(&self.folder.join(CHECKSUMS), checksums.as_bytes())?;
        for folder in [self.folder.join(IMAGES), self.folder.join(FILES), self.folder.clone()] {
            File::open(&folder).and_then(|folder| folder.sync_all()).with_context(|| cannot_write(&folder))?;
        }
        let pictures = self.checksums.keys().filter_map(|name| picture_name(name)).filter(|name| !name.is_small());
        let files = self.checksums.keys().filter_map(|name| file_variant(name)).filter(|file| !file.is_small);
        let manifest = Manifest {
            format: FORMAT,
            sarangbang: env!("CARGO_PKG_VERSION").into(),
            begun: self.begun,
            ended: now(),
            counts,
            pictures: pictures.count() as u64,
            files: files.count() as u64,
            sha256sums: hex(&Sha256::digest(checksums)),
        };
        Ok(Backup::new(self.folder, manifest, self.checksums.into_keys().collect()))
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| cannot_write(path))
}

fn now() -> String {
    bson::DateTime::now().try_to_rfc3339_string().unwrap_or_default()
}

fn cannot_write(path: &Path) -> String {
    format!("Cannot write {}", path.display())
}
