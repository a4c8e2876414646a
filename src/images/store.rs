//! The folder of stored files: pictures of people and files of chats.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustix::fs::statvfs;

use crate::attachment::{FileName, FileVariant};
use crate::file::{PART, PartFile};
use crate::picture_path::PictureName;

/// The age before which the sweep leaves a person's picture: the site records a new one within seconds.
const MIN_PICTURE_AGE: Duration = Duration::from_secs(60);
/// The same for a file of a chat, which the site may append again after a crash.
const MIN_FILE_AGE: Duration = Duration::from_secs(10 * 60);
/// How long a file waits for its chat: as long as its receipt is valid, and the form with the receipt arrives. Its time
/// of modification is that much later.
const CHAT_WAIT: Duration = Duration::from_secs(90 * 60);
/// The age at which a partial file is abandoned: no upload pauses that long.
const MAX_PART_AGE: Duration = Duration::from_secs(10 * 60);
const MODE: u32 = 0o644;

/// What the store keeps under one name: a large file, and perhaps a small one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StoredItem {
    /// A picture of a person.
    Picture(PictureName),
    /// A file of a chat.
    File(FileName),
}

/// What a large file consists of.
pub(super) enum Content {
    Bytes(Vec<u8>),
    Received(PartFile),
}

pub(super) struct FileStore {
    folder: PathBuf,
    min_free_percent: u8,
    /// Serializes writes and removals.
    write_lock: Mutex<()>,
}

/// The space of the file system, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct DiskSpace {
    pub(super) free: u64,
    /// Whether uploads must not use more.
    pub(super) is_low: bool,
}

impl StoredItem {
    /// Parses the name of a large or a small file.
    fn parse(name: &str) -> Option<(Self, bool)> {
        if let Some(name) = PictureName::parse(name) {
            return Some((Self::Picture(name.large()), name.is_small()));
        }
        FileVariant::parse(name).map(|variant| (Self::File(variant.name), variant.is_small))
    }

    pub(super) fn file_name(&self, is_small: bool) -> String {
        match self {
            Self::Picture(name) if is_small => name.small().as_str().to_owned(),
            Self::Picture(name) => name.as_str().to_owned(),
            Self::File(name) => FileVariant { name: name.clone(), is_small }.to_string(),
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Picture(_) => Duration::ZERO,
            Self::File(_) => CHAT_WAIT,
        }
    }

    pub(super) fn min_age(&self) -> Duration {
        match self {
            Self::Picture(_) => MIN_PICTURE_AGE,
            Self::File(_) => MIN_FILE_AGE,
        }
    }
}

impl FileStore {
    /// Opens the folder and removes the partial files of a crash.
    pub(super) fn open(folder: &Path, min_free_percent: u8) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.to_owned(), min_free_percent, write_lock: Mutex::default() })
    }

    /// Creates the file for an upload.
    pub(super) fn begin(&self) -> io::Result<PartFile> {
        PartFile::create(&self.folder.join("upload"), MODE)
    }

    pub(super) fn space(&self) -> io::Result<DiskSpace> {
        let disk = statvfs(&self.folder)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let is_low = disk.f_bavail.saturating_mul(100) < disk.f_blocks.saturating_mul(self.min_free_percent.into());
        Ok(DiskSpace { free, is_low })
    }

    /// Stores an item and returns its bytes. A file waits for its chat.
    ///
    /// Writes the small file first, so that the large file implies both.
    pub(super) fn store(&self, item: &StoredItem, content: Content, small: Option<&[u8]>) -> io::Result<u64> {
        let modified = SystemTime::now() + item.wait();
        let part = |bytes: &[u8]| {
            let mut part = self.begin()?;
            part.file.write_all(bytes).map(|()| part)
        };
        let large = match content {
            Content::Bytes(bytes) => part(&bytes)?,
            Content::Received(part) => part,
        };
        let small = small.map(part).transpose()?;
        let parts: Vec<(PartFile, bool)> =
            small.into_iter().map(|small| (small, true)).chain([(large, false)]).collect();
        let mut stored = 0;
        for (part, _) in &parts {
            part.file.set_modified(modified)?;
            stored += part.file.metadata()?.len();
            // Not under the lock: a large file may take seconds.
            part.file.sync_all()?;
        }
        let _guard = self.write_lock.lock();
        for (part, is_small) in parts {
            part.rename(&self.folder.join(item.file_name(is_small)))?;
        }
        Ok(stored)
    }

    pub(super) fn open_file(&self, item: &StoredItem, is_small: bool) -> io::Result<File> {
        File::open(self.folder.join(item.file_name(is_small)))
    }

    /// Removes both files of an item.
    pub(super) fn remove(&self, item: &StoredItem) -> io::Result<()> {
        let _guard = self.write_lock.lock();
        self.remove_files(item)
    }

    /// Removes an item, or returns how long the sweep must still leave it.
    pub(super) fn remove_aged(&self, item: &StoredItem) -> io::Result<Option<Duration>> {
        let _guard = self.write_lock.lock();
        match self.grace_left(item) {
            None => self.remove_files(item).map(|()| None),
            left => Ok(left),
        }
    }

    fn remove_files(&self, item: &StoredItem) -> io::Result<()> {
        for is_small in [false, true] {
            match fs::remove_file(self.folder.join(item.file_name(is_small))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls `visit` with each item until it returns false. Returns the bytes of all files. Removes abandoned partial files.
    pub(super) fn visit(&self, mut visit: impl FnMut(StoredItem) -> bool) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some((item, is_small)) = entry.file_name().to_str().and_then(StoredItem::parse) else {
                remove_abandoned(&entry.path());
                continue;
            };
            bytes += entry.metadata().map_or(0, |file| file.len());
            // A crash may have left only the small file.
            let is_second = is_small && self.folder.join(item.file_name(false)).exists();
            if !is_second && !visit(item) {
                break;
            }
        }
        Ok(bytes)
    }

    /// Returns how long the sweep must still leave an item.
    pub(super) fn grace_left(&self, item: &StoredItem) -> Option<Duration> {
        let modified =
            |is_small| fs::metadata(self.folder.join(item.file_name(is_small))).and_then(|file| file.modified()).ok();
        let end = modified(false).max(modified(true))? + item.min_age();
        end.duration_since(SystemTime::now()).ok().filter(|left| !left.is_zero())
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
    use super::*;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path(), 0).unwrap();
        (folder, store)
    }

    fn picture() -> StoredItem {
        StoredItem::Picture(PictureName::of(b"large"))
    }

    fn file() -> StoredItem {
        StoredItem::File(FileName::new("room", "nonce", 1, &[0; 32]))
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn visited(store: &FileStore) -> Vec<StoredItem> {
        let mut items = Vec::new();
        store
            .visit(|item| {
                items.push(item);
                true
            })
            .unwrap();
        items
    }

    #[test]
    fn a_write_that_fails_leaves_no_file() {
        let (folder, store) = store();
        // A folder of the picture's name: the last step fails.
        fs::create_dir(folder.path().join(file().file_name(false))).unwrap();
        assert!(store.store(&file(), Content::Bytes(b"large".to_vec()), None).is_err());
        drop(store.begin().unwrap());
        assert_eq!(names(folder.path()), [file().file_name(false)]);
    }

    #[test]
    fn an_item_is_visited_once_and_removed_with_both_its_files() {
        let (folder, store) = store();
        for item in [picture(), file()] {
            let stored = store.store(&item, Content::Bytes(b"large".to_vec()), Some(b"small!"));
            assert_eq!(stored.unwrap(), 11);
        }
        assert_eq!(visited(&store).len(), 2);
        // A crash may leave the small one only.
        fs::remove_file(folder.path().join(file().file_name(false))).unwrap();
        assert!(visited(&store).contains(&file()));
        store.remove(&file()).unwrap();
        store.remove(&picture()).unwrap();
        store.remove(&picture()).unwrap();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_waits_for_its_chat_is_left_alone_longer() {
        let (_folder, store) = store();
        let left = |item| {
            store.store(&item, Content::Bytes(b"large".to_vec()), None).unwrap();
            assert!(store.remove_aged(&item).unwrap().is_some());
            store.grace_left(&item).unwrap()
        };
        let within = |left: Duration, whole: Duration| left <= whole && left + Duration::from_secs(30) > whole;
        assert!(within(left(picture()), MIN_PICTURE_AGE));
        assert!(within(left(file()), CHAT_WAIT + MIN_FILE_AGE));
        let aged = store.open_file(&file(), false).unwrap();
        aged.set_modified(SystemTime::now() - MIN_FILE_AGE).unwrap();
        assert_eq!(store.remove_aged(&file()).unwrap(), None);
        assert_eq!(visited(&store), [picture()]);
    }

    #[test]
    fn an_abandoned_partial_file_goes_once_nobody_writes_to_it() {
        let (folder, store) = store();
        let part = store.begin().unwrap();
        visited(&store);
        assert_eq!(names(folder.path()).len(), 1);
        part.file.set_modified(SystemTime::now() - MAX_PART_AGE * 2).unwrap();
        visited(&store);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn uploads_stop_while_the_disk_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let is_low = |percent| FileStore::open(folder.path(), percent).unwrap().space().unwrap().is_low;
        assert!(!is_low(0));
        assert!(is_low(100));
    }
}
