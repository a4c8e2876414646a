use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use url::Url;

use crate::attachment::FileVariant;
use crate::config::Settings;
use crate::file::{PART, write_atomically};
use crate::internal_api::ImageClient;
use crate::ticket::Secret;

/// The picture files and the files of chats, in the local folder of the image server or on a remote image server.
pub(super) struct Pictures {
    folder: PathBuf,
    url: Url,
    server: ImageClient,
}

impl Pictures {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let (folder, url) = (settings.images.dir.clone(), settings.images.internal_url.clone());
        let server = ImageClient::new(url.clone(), secret(settings)?)?;
        Ok(Self { folder, url, server })
    }

    /// Reads a file by its path on the image server. Returns `None` if there is no such file.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let file = self.folder.join(file_name(path));
        match fs::read(&file) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("Cannot read {}", file.display())),
        }
        match self.server.picture(path).await {
            Ok(picture) => Ok(picture),
            Err(_) if self.has_local_files() => Ok(None),
            Err(error) => bail!(
                "Cannot read pictures: {} (images.dir) has none, and {} (images.internal_url) does not answer: {error}. \
                 Correct one of the two settings.",
                self.folder.display(),
                self.url
            ),
        }
    }

    /// Writes a file into the local folder, unless it exists: equal names mean equal contents.
    pub(super) fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)
            .and_then(|()| write_atomically(&path, bytes, 0o644))
            .with_context(|| format!("Cannot write {}", path.display()))
    }

    /// Copies a file of a chat into a backup: as a hard link if possible. Returns `false` if there is no such file.
    pub(super) async fn copy_file(&self, variant: &FileVariant, to: &Path) -> Result<bool> {
        let from = self.folder.join(variant.to_string());
        if fs::hard_link(&from, to).is_ok() {
            return Ok(true);
        }
        match copy(&from, to, 0o600) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => {}
            Err(error) => return Err(error).with_context(|| format!("Cannot copy {}", from.display())),
        }
        match self.server.download(variant, to).await {
            Ok(is_found) => Ok(is_found),
            Err(_) if self.has_local_files() => Ok(false),
            Err(error) => bail!(
                "Cannot read files: {} (images.dir) has none, and {} (images.internal_url) does not send them: {error}. \
                 Correct one of the two settings, or images.secret.",
                self.folder.display(),
                self.url
            ),
        }
    }

    /// Copies a file of a chat from a backup into the local folder, unless it exists.
    pub(super) fn store_file(&self, variant: &FileVariant, from: &Path) -> Result<()> {
        let path = self.folder.join(variant.to_string());
        if path.exists() {
            return Ok(());
        }
        let part = path.with_extension(PART);
        fs::create_dir_all(&self.folder)
            .and_then(|()| copy(from, &part, 0o644))
            .and_then(|()| fs::rename(&part, &path))
            .with_context(|| format!("Cannot write {}", path.display()))
    }

    fn has_local_files(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut files| files.next().is_some())
    }
}

/// Copies a file without reading it into memory.
fn copy(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Returns the secret of the servers, as far as this machine knows it. Only files of chats on another machine need it.
fn secret(settings: &Settings) -> Result<Secret> {
    let path = settings.var.join("secret");
    match &settings.images.secret {
        Some(secret) => Secret::from_config(secret),
        None if path.exists() => Secret::load_or_create(&path),
        None => Secret::from_config("no ticket is signed"),
    }
}

fn file_name(path: &str) -> &Path {
    Path::new(path.trim_start_matches("/image/"))
}
