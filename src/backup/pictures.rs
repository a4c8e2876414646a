//! The pictures' files: in the folder of the image server, or asked of it where that is on another machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use crate::config::Settings;
use crate::file::write_atomically;
use crate::internal_api::ImageClient;
use crate::ticket::Secret;

/// Where the pictures are.
pub(super) struct Pictures {
    folder: PathBuf,
    address: Url,
    server: ImageClient,
}

impl Pictures {
    pub(super) fn of(settings: &Settings) -> Result<Self, String> {
        let (folder, address) = (settings.images.dir.clone(), settings.images.internal_url.clone());
        // Pictures are shown to everybody: nothing is signed.
        let secret = Secret::from_config("nothing is signed with this");
        let server = secret.and_then(|secret| ImageClient::new(address.clone(), secret));
        let server = server.map_err(|error| format!("{error:#}"))?;
        Ok(Self { folder, address, server })
    }

    /// A file, by its path on the image server; `None` when it is nowhere.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let here = self.folder.join(name(path));
        match fs::read(&here) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{} cannot be read: {error}.", here.display())),
        }
        match self.server.picture(path).await {
            Ok(picture) => Ok(picture),
            Err(_) if self.is_local() => Ok(None),
            Err(error) => Err(format!(
                "The pictures are neither in {} (images.dir), nor does an image server answer at {} \
                 (images.internal_url): {error}.",
                self.folder.display(),
                self.address
            )),
        }
    }

    /// Puts a file into the folder, unless it is there: its name says what is in it.
    pub(super) fn store(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.join(name);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)
            .and_then(|()| write_atomically(&path, bytes, 0o644))
            .map_err(|error| format!("{} cannot be written: {error}.", path.display()))
    }

    /// Whether the folder on this machine is the one.
    fn is_local(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|mut files| files.next().is_some())
    }
}

fn name(path: &str) -> &Path {
    Path::new(path.trim_start_matches("/image/"))
}
