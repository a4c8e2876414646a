use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::compress::Thumbnails;
use crate::file::{PART, write_atomically};
use crate::picture_path::PictureName;

/// The age before which a file is never removed: the site records a new picture within seconds.
const MIN_AGE: Duration = Duration::from_secs(60);

/// The age at which a partial file is abandoned: no write takes that long.
const MAX_PART_AGE: Duration = Duration::from_secs(10 * 60);

/// The folder of pictures, with a large and a small file for each.
pub(super) struct FileStore {
    folder: PathBuf,
    /// Serializes writes and removals.
    write_lock: Mutex<()>,
}

impl FileStore {
    /// Opens the folder and removes the partial files of a crash.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), write_lock: Mutex::default() })
    }

    /// Writes the small file first, so that the large file implies both.
    pub(super) fn store(&self, picture: &Thumbnails) -> io::Result<PictureName> {
        let name = PictureName::of(&picture.large);
        let _guard = self.write_lock.lock();
        self.write(&name.small(), &picture.small)?;
        self.write(&name, &picture.large)?;
        Ok(name)
    }

    pub(super) fn read(&self, name: &PictureName) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name.as_str()))
    }

    /// Removes both files of a picture, unless they are younger than [`MIN_AGE`].
    pub(super) fn remove(&self, name: &PictureName) -> io::Result<()> {
        let _guard = self.write_lock.lock();
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

    /// Returns the pictures older than [`MIN_AGE`] without those in `known`, and the time until the next one is that old.
    ///
    /// A crash may have left only one file of a picture. Abandoned partial files are removed.
    pub(super) fn aged(&self, known: &BTreeSet<PictureName>) -> io::Result<(BTreeSet<PictureName>, Option<Duration>)> {
        let (mut aged, mut next) = (BTreeSet::new(), None);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(PictureName::parse) else {
                remove_abandoned(&entry.path());
                continue;
            };
            let name = name.large();
            if known.contains(&name) || aged.contains(&name) {
                continue;
            }
            match self.grace_left(&name) {
                None => drop(aged.insert(name)),
                Some(left) => next = Some(next.map_or(left, |next: Duration| next.min(left))),
            }
        }
        Ok((aged, next))
    }

    fn grace_left(&self, name: &PictureName) -> Option<Duration> {
        let modified =
            |name: &PictureName| fs::metadata(self.folder.join(name.as_str())).and_then(|file| file.modified()).ok();
        let modified = modified(name).max(modified(&name.small()))?;
        MIN_AGE.checked_sub(SystemTime::now().duration_since(modified).unwrap_or_default())
    }

    /// Writes a file atomically. Rewriting it resets its age.
    fn write(&self, name: &PictureName, bytes: &[u8]) -> io::Result<()> {
        write_atomically(&self.folder.join(name.as_str()), bytes, 0o644)
    }
}

fn remove_abandoned(path: &Path) {
    let is_part = path.extension().is_some_and(|extension| extension == PART);
    let modified = || fs::metadata(path).and_then(|file| file.modified()).ok();
    let is_old = |at: SystemTime| SystemTime::now().duration_since(at).is_ok_and(|age| age > MAX_PART_AGE);
    if is_part
        && modified().is_some_and(is_old)
        && let Err(error) = fs::remove_file(path)
    {
        log::warn!("partial file not removed: path={} error={error}", path.display());
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
        files.filter(|path| path.extension().is_some_and(|extension| extension == PART)).count()
    }

    #[test]
    fn a_write_that_fails_leaves_no_file() {
        let (folder, store) = store();
        let picture = Thumbnails { large: b"large".to_vec(), small: b"small".to_vec() };
        // A folder of the picture's name: the last step fails.
        fs::create_dir(folder.path().join(PictureName::of(&picture.large).as_str())).unwrap();
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
        let aged = |known: &BTreeSet<PictureName>| store.aged(known).unwrap().0;
        assert_eq!(aged(&BTreeSet::new()), BTreeSet::from([name.clone()]));
        assert_eq!(aged(&BTreeSet::from([name])), BTreeSet::new());
    }
}
