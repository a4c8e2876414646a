//! Files that are complete whenever they exist: written under a temporary name, synced, then renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The extension of a file that is being written. A crash may leave such a file behind.
pub(crate) const PART: &str = "part";

/// A file under a temporary name. Dropping it removes it.
pub(crate) struct PartFile {
    pub(crate) file: File,
    path: PathBuf,
}

impl PartFile {
    /// Creates a file beside `path`, which it may replace later.
    pub(crate) fn create(path: &Path, mode: u32) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.display();
        let part = path.with_file_name(format!("{name}.{:016x}.{PART}", u64::from_ne_bytes(random)));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&part)?;
        Ok(Self { file, path: part })
    }

    /// Syncs the file and moves it to `path`, in place of the file of that name.
    pub(crate) fn rename(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        sync_folder(path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After a rename there is no such file.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a file and replaces the file of that name, if there is one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut part = PartFile::create(path, mode)?;
    part.file.write_all(bytes)?;
    part.rename(path)
}

/// Writes a file unless it exists, also if another process writes it at the same time.
pub(crate) fn create_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut part = PartFile::create(path, mode)?;
    part.file.write_all(bytes)?;
    part.file.sync_all()?;
    match fs::hard_link(&part.path, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked.and_then(|()| sync_folder(path)),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_write_replaces_the_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("port");
        write_atomically(&path, b"1", 0o600).unwrap();
        write_atomically(&path, b"2", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["port"]);
    }

    #[test]
    fn a_failed_write_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, b"x", 0o644).is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn only_the_first_of_two_creates_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_atomically(&path, b"first", 0o600).unwrap();
        create_atomically(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["secret"]);
    }
}
