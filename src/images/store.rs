//! The pictures' files: two a picture, named by the hash of the larger one. Written to a temporary name, synced,
//! renamed; so a file with its name on is whole.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::compress::Thumbnails;
use crate::file::{PART, write_atomically};

/// How long a file is left alone after it was written: the site may not know of it yet, but does within seconds.
const MIN_AGE: Duration = Duration::from_secs(60);

/// How old a half-written file is before it is removed: longer than any write takes.
const MAX_PART_AGE: Duration = Duration::from_secs(10 * 60);

/// The folder with the pictures.
pub(super) struct FileStore {
    folder: PathBuf,
    /// Held while files are written and while they are removed: a picture that comes again is not half removed.
    changing: Mutex<()>,
}

/// A picture's name: 64 hexadecimal digits and an ending. Never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName(String);

impl FileName {
    /// The name in a path's last segment; of the larger file, or of the smaller with `-small`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let stem = text.strip_suffix(".jpg")?;
        let hash = stem.strip_suffix("-small").unwrap_or(stem);
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| Self(text.to_owned()))
    }

    fn hash(picture: &[u8]) -> Self {
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

impl FileStore {
    /// Opens the folder, and clears away what a crash has left half-written.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == PART) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), changing: Mutex::default() })
    }

    /// Keeps a picture. The smaller file first: who finds the larger finds both.
    pub(super) fn store(&self, picture: &Thumbnails) -> io::Result<FileName> {
        let name = FileName::hash(&picture.large);
        let _changing = self.lock();
        self.write(&name.small(), &picture.small)?;
        self.write(&name, &picture.large)?;
        Ok(name)
    }

    /// A picture's bytes.
    pub(super) fn read(&self, name: &FileName) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name.as_str()))
    }

    /// Removes a picture, unless it was written just now.
    pub(super) fn remove(&self, name: &FileName) -> io::Result<()> {
        let _changing = self.lock();
        if self.grace_left(name).is_some() {
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

    /// Returns the pictures that were not written just now, without those in `known`, and how long until the next one
    /// of the others is that old. A picture of which a crash has left one file counts. Half-written files are removed.
    pub(super) fn aged(&self, known: &BTreeSet<FileName>) -> io::Result<(BTreeSet<FileName>, Option<Duration>)> {
        let (mut settled, mut next) = (BTreeSet::new(), None);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(FileName::parse) else {
                remove_abandoned(&entry.path());
                continue;
            };
            let name = name.large();
            // Only a file that is not known is looked at.
            if known.contains(&name) || settled.contains(&name) {
                continue;
            }
            match self.grace_left(&name) {
                None => drop(settled.insert(name)),
                Some(left) => next = Some(next.map_or(left, |next: Duration| next.min(left))),
            }
        }
        Ok((settled, next))
    }

    /// For how long a picture is still left alone.
    fn grace_left(&self, name: &FileName) -> Option<Duration> {
        let written =
            |name: &FileName| fs::metadata(self.folder.join(name.as_str())).and_then(|file| file.modified()).ok();
        let written = written(name).max(written(&name.small()))?;
        MIN_AGE.checked_sub(SystemTime::now().duration_since(written).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock()
    }

    /// Writes a file even if it exists: that makes it fresh.
    fn write(&self, name: &FileName, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&self.folder.join(name.as_str()), bytes, 0o644)
    }
}

/// Removes a half-written file that nobody writes to any more.
fn remove_abandoned(path: &Path) {
    let is_part = path.extension().is_some_and(|ending| ending == PART);
    let modified = || fs::metadata(path).and_then(|file| file.modified()).ok();
    let is_old = |at: SystemTime| SystemTime::now().duration_since(at).is_ok_and(|age| age > MAX_PART_AGE);
    if is_part
        && modified().is_some_and(is_old)
        && let Err(error) = fs::remove_file(path)
    {
        log::warn!("half-written file not removed: path={} error={error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        (folder, store)
    }

    fn parts(folder: &Path) -> usize {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == PART)).count()
    }

    #[test]
    fn a_write_that_fails_leaves_no_file() {
        let (folder, store) = store();
        let picture = Thumbnails { large: b"large".to_vec(), small: b"small".to_vec() };
        // A folder of the picture's name: the last step fails.
        fs::create_dir(folder.path().join(FileName::hash(&picture.large).as_str())).unwrap();
        assert!(store.store(&picture).is_err());
        assert_eq!(parts(folder.path()), 0);
    }

    #[test]
    fn the_sweep_removes_a_half_written_file_once_nobody_writes_to_it() {
        let (folder, store) = store();
        let part = File::create(folder.path().join("0123456789abcdef.part")).unwrap();
        store.aged(&BTreeSet::new()).unwrap();
        assert_eq!(parts(folder.path()), 1);
        part.set_modified(SystemTime::now() - MAX_PART_AGE * 2).unwrap();
        store.aged(&BTreeSet::new()).unwrap();
        assert_eq!(parts(folder.path()), 0);
    }

    #[test]
    fn known_pictures_are_not_looked_at_again() {
        let (folder, store) = store();
        let name = store.store(&Thumbnails { large: b"large".to_vec(), small: b"small".to_vec() }).unwrap();
        for file in [name.as_str(), name.small().as_str()] {
            let file = File::options().write(true).open(folder.path().join(file)).unwrap();
            file.set_modified(SystemTime::now() - MIN_AGE * 2).unwrap();
        }
        let settled = |known: &BTreeSet<FileName>| store.aged(known).unwrap().0;
        assert_eq!(settled(&BTreeSet::new()), BTreeSet::from([name.clone()]));
        assert_eq!(settled(&BTreeSet::from([name])), BTreeSet::new());
    }

    #[test]
    fn a_name_is_a_hash_and_nothing_else() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(FileName::parse(&format!("{hash}.jpg")).is_some());
        assert!(FileName::parse(&format!("{hash}-small.jpg")).is_some());
        for other in ["", ".jpg", "../x.jpg", "/etc/passwd", &hash, &format!("{hash}.png"), &format!("../{hash}.jpg")] {
            assert!(FileName::parse(other).is_none(), "{other}");
        }
        assert!(FileName::parse(&format!("{}.jpg", hash.to_uppercase())).is_none());
        assert!(FileName::parse(&format!("{hash}\0.jpg")).is_none());
    }
}
