//! The folder of a backup, being written or read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bson::{Bson, Document};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::file::write_atomically;
use crate::models::values::PicturePath;

/// The number of this format. One that is higher is not read.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const CHECKSUMS: &str = "SHA256SUMS";
const IMAGES: &str = "image";

/// The collections that are saved, by file.
pub(super) const ROOMS: &str = "room.jsonl.gz";
pub(super) const CHATS: &str = "chat.jsonl.gz";
pub(super) const USERS: &str = "user.jsonl.gz";

/// What a backup says of itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The version of the program that wrote it.
    sarangbang: String,
    /// RFC 3339.
    begun: String,
    ended: String,
    pub(super) users: u64,
    pub(super) rooms: u64,
    /// Entries of logs.
    pub(super) entries: u64,
    pub(super) pictures: u64,
    /// The SHA-256 of the file with those of the others.
    sha256sums: String,
}

impl Display for Manifest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, rooms, entries, pictures, .. } = self;
        write!(out, "Users: {users}; rooms: {rooms}; log entries: {entries}; pictures: {pictures}.")
    }
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BackupCounts {
    pub(super) users: u64,
    pub(super) rooms: u64,
    pub(super) entries: u64,
}

/// A backup being written: a folder and files that only this user opens.
pub(super) struct BackupWriter {
    path: PathBuf,
    begun: String,
    sums: BTreeMap<String, String>,
}

/// A file of documents being written, one a line.
pub(super) struct DocumentFile {
    name: &'static str,
    path: PathBuf,
    file: GzEncoder<BufWriter<File>>,
}

impl DocumentFile {
    pub(super) fn add(&mut self, document: Document) -> Result<(), String> {
        let line = Bson::Document(document).into_canonical_extjson().to_string();
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|error| unwritable(&self.path, error))
    }
}

impl BackupWriter {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let made = |error| format!("The folder {} cannot be made: {error}.", path.display());
        if fs::read_dir(path).is_ok_and(|mut there| there.next().is_some()) {
            return Err(format!(
                "There is something in {} already. Name a folder that is new or empty.",
                path.display()
            ));
        }
        DirBuilder::new()
            .recursive(true)
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
            .and_then(|()| DirBuilder::new().mode(0o700).create(path.join(IMAGES)))
            .map_err(made)?;
        Ok(Self { path: path.to_owned(), begun: now(), sums: BTreeMap::new() })
    }

    pub(super) fn documents(&self, name: &'static str) -> Result<DocumentFile, String> {
        let path = self.path.join(name);
        let file = create(&path).map_err(|error| unwritable(&path, error))?;
        Ok(DocumentFile { name, path, file: GzEncoder::new(BufWriter::new(file), Compression::default()) })
    }

    pub(super) fn finish_file(&mut self, lines: DocumentFile) -> Result<(), String> {
        let DocumentFile { name, path, file } = lines;
        let end = || file.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all();
        end().map_err(|error| unwritable(&path, error))?;
        self.sums.insert(name.to_owned(), sum(&path)?);
        Ok(())
    }

    /// Whether a picture is here already: several people may have the same.
    pub(super) fn has(&self, picture: &PicturePath) -> bool {
        self.sums.contains_key(relative_path(picture.as_str()))
    }

    /// Keeps a file of a picture, by its path on the image server.
    pub(super) fn add_picture(&mut self, picture: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.path.join(relative_path(picture));
        write(&path, bytes)?;
        self.sums.insert(relative_path(picture).to_owned(), hex(&Sha256::digest(bytes)));
        Ok(())
    }

    /// What is whole by now, to be looked at before it is called a backup.
    pub(super) fn finish(mut self, counts: BackupCounts) -> Result<Backup, String> {
        let sums: String = self.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        write(&self.path.join(CHECKSUMS), sums.as_bytes())?;
        for folder in [self.path.join(IMAGES), self.path.clone()] {
            File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(&folder, error))?;
        }
        let pictures = self.sums.keys().filter(|name| is_large(name)).count() as u64;
        let manifest = Manifest {
            format: FORMAT,
            sarangbang: env!("CARGO_PKG_VERSION").into(),
            begun: std::mem::take(&mut self.begun),
            ended: now(),
            users: counts.users,
            rooms: counts.rooms,
            entries: counts.entries,
            pictures,
            sha256sums: hex(&Sha256::digest(sums)),
        };
        Ok(Backup { path: self.path, manifest, names: self.sums.into_keys().collect() })
    }
}

/// A backup, whole as far as its sums tell.
pub(super) struct Backup {
    path: PathBuf,
    pub(super) manifest: Manifest,
    /// Of the files, as the sums list them.
    names: BTreeSet<String>,
}

impl Backup {
    /// Opens a backup, and sees to it that its files are those that were written.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let manifest = manifest(path)?;
        let sums = path.join(CHECKSUMS);
        let text = fs::read_to_string(&sums).map_err(|error| unreadable(&sums, error))?;
        if hex(&Sha256::digest(&text)) != manifest.sha256sums {
            return Err(changed(&sums));
        }
        let mut names = BTreeSet::new();
        for line in text.lines() {
            let (sum_then, name) =
                line.split_once("  ").filter(|(_, name)| is_known_file(name)).ok_or_else(|| changed(&sums))?;
            if sum(&path.join(name))? != sum_then {
                return Err(changed(&path.join(name)));
            }
            names.insert(name.to_owned());
        }
        Ok(Self { path: path.to_owned(), manifest, names })
    }

    /// Calls it a backup.
    pub(super) fn publish(self) -> Result<Manifest, String> {
        let path = self.path.join(MANIFEST);
        let text = serde_json::to_string_pretty(&self.manifest).map_err(|error| unwritable(&path, error))?;
        write_atomically(&path, format!("{text}\n").as_bytes(), 0o600).map_err(|error| unwritable(&path, error))?;
        Ok(self.manifest)
    }

    /// The documents in a file, in order.
    pub(super) fn lines(&self, name: &str) -> Result<impl Iterator<Item = Result<Document, String>>, String> {
        let path = self.path.join(name);
        let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
        Ok(BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines().map(move |line| {
            let line = line.map_err(|error| unreadable(&path, error))?;
            let map: Map<String, Value> = serde_json::from_str(&line).map_err(|error| unreadable(&path, error))?;
            Document::try_from(map).map_err(|error| unreadable(&path, error))
        }))
    }

    /// The names of the pictures' files. Of each picture there are two.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| name.strip_prefix(IMAGES)?.strip_prefix('/'))
    }

    /// Whether both files of a picture are here.
    pub(super) fn has(&self, picture: &PicturePath) -> bool {
        [picture.as_str(), &picture.small()].iter().all(|path| self.names.contains(relative_path(path)))
    }

    pub(super) fn picture(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.path.join(IMAGES).join(name);
        fs::read(&path).map_err(|error| unreadable(&path, error))
    }
}

fn manifest(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join(MANIFEST);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!(
                "{} is no backup, or one that was interrupted: there is no {MANIFEST} in it.",
                folder.display()
            ));
        }
        text => text.map_err(|error| unreadable(&path, error))?,
    };
    let value: Value = serde_json::from_slice(&text).map_err(|error| unreadable(&path, error))?;
    match value["format"].as_u64() {
        Some(format) if format > u64::from(FORMAT) => Err(format!(
            "{} is a backup of format {format}, written by a later version; this one reads formats up to {FORMAT}.",
            folder.display()
        )),
        _ => serde_json::from_value(value).map_err(|error| unreadable(&path, error)),
    }
}

/// The path of a picture's file in the folder, from its path on the image server.
fn relative_path(picture: &str) -> &str {
    picture.trim_start_matches('/')
}

/// Whether a backup has such a file. Never a path out of its folder.
fn is_known_file(name: &str) -> bool {
    [ROOMS, CHATS, USERS].contains(&name) || is_large(name) || is_large(&name.replace("-small.jpg", ".jpg"))
}

fn is_large(name: &str) -> bool {
    PicturePath::parse(&format!("/{name}")).is_ok()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let write = || {
        let mut file = create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| unwritable(path, error))
}

fn sum(path: &Path) -> Result<String, String> {
    let mut hash = Sha256::new();
    let mut file = BufReader::with_capacity(64 << 10, File::open(path).map_err(|error| unreadable(path, error))?);
    loop {
        let bytes = file.fill_buf().map_err(|error| unreadable(path, error))?;
        match bytes.len() {
            0 => return Ok(hex(&hash.finalize())),
            count => {
                hash.update(bytes);
                file.consume(count);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now() -> String {
    bson::DateTime::now().try_to_rfc3339_string().unwrap_or_default()
}

fn changed(path: &Path) -> String {
    format!("{} is not as it was written, and nothing is restored: its SHA-256 is another.", path.display())
}

fn unwritable(path: &Path, error: impl Display) -> String {
    format!("{} cannot be written: {error}.", path.display())
}

fn unreadable(path: &Path, error: impl Display) -> String {
    format!("{} cannot be read: {error}.", path.display())
}
