//! The pictures' files: two a picture, named by the hash of the larger one. Written to a temporary name, synced,
//! renamed; so a file with its name on is whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::compress::Small;

/// How long a file is left alone after it was written: the site may not know of it yet, but does within seconds.
const FRESH: Duration = Duration::from_secs(60);

/// The folder with the pictures.
pub(super) struct Store {
    folder: PathBuf,
    /// Held while files are written and while they are removed: a picture that comes again is not half removed.
    changing: Mutex<()>,
}

/// A picture's name: 64 hexadecimal digits and an ending. Never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(String);

impl Name {
    /// The name in a path's last segment; of the larger file, or of the smaller with `-small`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let stem = text.strip_suffix(".jpg")?;
        let hash = stem.strip_suffix("-small").unwrap_or(stem);
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| Self(text.to_owned()))
    }

    fn of(picture: &[u8]) -> Self {
        let hash: String = Sha256::digest(picture).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{hash}.jpg"))
    }

    /// Its path on the image server.
    pub(super) fn path(&self) -> String {
        format!("/image/{}", self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the larger file, whichever it was.
    fn large(self) -> Self {
        Self(self.0.replace("-small.jpg", ".jpg"))
    }

    fn small(&self) -> Self {
        Self(self.0.replace(".jpg", "-small.jpg"))
    }
}

impl Store {
    /// Opens the folder, and clears away what a crash has left half-written.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "part") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), changing: Mutex::default() })
    }

    /// Keeps a picture. The smaller file first: who finds the larger finds both.
    pub(super) fn keep(&self, picture: &Small) -> io::Result<Name> {
        let name = Name::of(&picture.large);
        let _changing = self.change();
        self.write(&name.small(), &picture.small)?;
        self.write(&name, &picture.large)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(name)
    }

    /// A picture's bytes.
    pub(super) fn read(&self, name: &Name) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name.as_str()))
    }

    /// Removes a picture, unless it was written just now.
    pub(super) fn remove(&self, name: &Name) -> io::Result<()> {
        let _changing = self.change();
        if self.freshness(name).is_some() {
            return Ok(());
        }
        for name in [name, &name.small()] {
            match fs::remove_file(self.folder.join(name.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The pictures that were not written just now, those among them of which a crash has left one file; and how long
    /// until the next of the others is that old.
    pub(super) fn settled(&self) -> io::Result<(BTreeSet<Name>, Option<Duration>)> {
        let (mut settled, mut next) = (BTreeSet::new(), None);
        for entry in fs::read_dir(&self.folder)? {
            let Some(name) = entry?.file_name().to_str().and_then(Name::parse) else { continue };
            let name = name.large();
            match self.freshness(&name) {
                None => drop(settled.insert(name)),
                Some(left) => next = Some(next.map_or(left, |next: Duration| next.min(left))),
            }
        }
        Ok((settled, next))
    }

    /// For how long a picture is still left alone.
    fn freshness(&self, name: &Name) -> Option<Duration> {
        let written = |name: &Name| fs::metadata(self.folder.join(name.as_str())).and_then(|file| file.modified()).ok();
        let written = written(name).max(written(&name.small()))?;
        FRESH.checked_sub(SystemTime::now().duration_since(written).unwrap_or_default())
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Written even where it is there already: that makes it fresh.
    fn write(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let part = self.folder.join(format!("{:016x}.part", u64::from_ne_bytes(random)));
        let mut file = File::create_new(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(part, self.folder.join(name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_hash_and_nothing_else() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(Name::parse(&format!("{hash}.jpg")).is_some());
        assert!(Name::parse(&format!("{hash}-small.jpg")).is_some());
        for other in ["", ".jpg", "../x.jpg", "/etc/passwd", &hash, &format!("{hash}.png"), &format!("../{hash}.jpg")] {
            assert!(Name::parse(other).is_none(), "{other}");
        }
        assert!(Name::parse(&format!("{}.jpg", hash.to_uppercase())).is_none());
        assert!(Name::parse(&format!("{hash}\0.jpg")).is_none());
    }
}
