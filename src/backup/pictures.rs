use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use url::Url;

use crate::config::Settings;
use crate::file::write_atomically;
use crate::internal_api::ImageClient;
use crate::ticket::Secret;

/// The picture files, in the local folder of the image server or on a remote image server.
pub(super) struct Pictures {
    folder: PathBuf,
    url: Url,
    server: ImageClient,
}

impl Pictures {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let (folder, url) = (settings.images.dir.clone(), settings.images.internal_url.clone());
        // Reading a picture needs no ticket.
        let server = ImageClient::new(url.clone(), Secret::from_config("no ticket is signed")?)?;
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

    fn has_local_files(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut files| files.next().is_some())
    }
}

fn file_name(path: &str) -> &Path {
    Path::new(path.trim_start_matches("/image/"))
}
