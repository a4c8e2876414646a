//! What a backup reads: documents as they are stored, so that what a later version wrote into them is kept.
//!
//! A log is read like a feed reads it: first its top, then windows up to that. What is read of it is what it was at one
//! moment, for entries never change. Two things are taken back from entries, though, and may be half gone when they are
//! read: the text of a removed chat, and all of a closed room. Both only after the entry that says so stands. So whoever
//! finds a text missing reads on until it finds that entry, and whoever finds entries missing finds the room closed.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, deserialize_from_document, doc};
use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};
use crate::models::room::log::{Entry, EntryKind};
use crate::models::room::{Head, Room};
use crate::models::values::PicturePath;
use crate::models::{RoomId, User, UserId};
use crate::store::{Database, RestoreMarker, database_error, exponential_search};

/// Entries read in one window: some 8 MB of text at most.
const WINDOW: i64 = 500;
/// Rooms read in one window.
const ROOMS: i64 = 100;
/// How long the database may be away: as long as an engine takes to be started again.
const MAX_OUTAGE: Duration = Duration::from_secs(60);
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A room that is being read: how far, and as what.
pub(super) struct RoomExport {
    id: RoomId,
    room: Document,
    name: String,
    is_open: bool,
    top: Head,
    redacted: RedactedChats,
}

/// The chats that were found without a text, whose removal is still to be found, by `seq`.
#[derive(Default)]
pub(super) struct RedactedChats(BTreeSet<i64>);

/// A user, as stored.
pub(super) struct StoredUser {
    /// Who.
    pub(super) id: UserId,
    /// Which picture the document names.
    pub(super) picture: Option<PicturePath>,
    /// The document.
    pub(super) document: Document,
}

impl StoredUser {
    /// # Errors
    /// A sentence: it cannot be read.
    pub(super) fn new(document: Document) -> Result<Self, String> {
        let User { id, picture, .. } = decode(&document)?;
        Ok(Self { id, picture, document })
    }
}

/// Connects for reading, and changes nothing.
///
/// # Errors
/// A sentence for the person at the terminal: the string cannot be read, nothing answers, or what is there was
/// restored by half.
pub(super) async fn open(url: &str) -> Result<Database, String> {
    let db = Database::connect(url).await?;
    RestoreMarker::ensure_absent(&db).await?;
    Ok(db)
}

/// All rooms that there are, none of them read yet, and how many entries their logs have, roughly.
///
/// # Errors
/// A sentence.
pub(super) async fn room_exports(db: &Database) -> Result<(Vec<RoomExport>, i64), String> {
    let (mut readings, mut entries, mut no) = (Vec::new(), 0, 0);
    loop {
        let window = || doc! { "no": { "$gt": no, "$lte": no + ROOMS } };
        let mut rooms: Vec<Document> =
            with_retries(|| db.collection::<Room>().find_projected(window(), doc! {})).await?;
        rooms.sort_by_key(|room| room.get_i64("no").unwrap_or_default());
        no += rooms.len() as i64;
        let is_last = (rooms.len() as i64) < ROOMS;
        for room in rooms {
            let (reading, last) = RoomExport::new(room)?;
            entries += last.seq;
            readings.push(reading);
        }
        if is_last {
            return Ok((readings, entries));
        }
    }
}

/// The ids of everybody who has an account.
///
/// # Errors
/// A sentence.
pub(super) async fn all_user_ids(db: &Database) -> Result<Vec<UserId>, String> {
    #[derive(serde::Deserialize)]
    struct Id {
        #[serde(rename = "_id")]
        id: UserId,
    }
    // Not asked at the desk: of very many it takes longer than anybody there waits.
    let all = db.collection::<User>().driver().clone_with_type::<Id>();
    let ids = async { all.find(doc! {}).projection(doc! { "_id": 1 }).await?.try_collect::<Vec<Id>>().await };
    Ok(ids.await.map_err(database_error)?.into_iter().map(|user| user.id).collect())
}

/// These people, without those who have left meanwhile.
///
/// # Errors
/// A sentence.
pub(super) async fn users(db: &Database, ids: &[UserId]) -> Result<Vec<StoredUser>, String> {
    let found: Vec<Document> =
        with_retries(|| db.collection::<User>().find_projected(doc! { "_id": { "$in": ids } }, doc! {})).await?;
    found.into_iter().map(StoredUser::new).collect()
}

impl RoomExport {
    fn new(room: Document) -> Result<(Self, Head), String> {
        let Room { id, name, open, head_hint: last, .. } = decode(&room)?;
        let (top, redacted) = (Head::default(), RedactedChats::default());
        Ok((Self { id, room, name: name.key(), is_open: open, top, redacted }, last))
    }

    /// Reads on from where it stopped to where the log ends now, and gives the entries to `take`, in order. Of a closed
    /// room that is the last one only.
    ///
    /// # Errors
    /// A sentence; that of `take`.
    pub(super) async fn read_new_entries(
        &mut self,
        db: &Database,
        mut take: impl FnMut(Vec<Document>) -> Result<(), String>,
    ) -> Result<(), String> {
        'anew: loop {
            let missing = self.redacted.last();
            let end = self.refresh(db).await?;
            if !self.is_open {
                return self.read_end(db, end, take).await;
            }
            while self.top.seq < end.seq {
                let last = (self.top.seq + WINDOW).min(end.seq);
                let window = doc! { "room": self.id, "seq": { "$gt": self.top.seq, "$lte": last } };
                let entries = with_retries(|| db.collection::<Entry>().find_projected(window.clone(), doc! {})).await?;
                match self.record_window(entries, last)? {
                    Some(entries) => take(entries)?,
                    None if self.refresh(db).await?.closed => continue 'anew,
                    None => return Err(format!("Room {}: there is no entry {}.", self.id, self.top.seq + 1)),
                }
            }
            match self.redacted.last() {
                None => return Ok(()),
                Some(seq) if missing == Some(seq) => {
                    return Err(format!("Room {}: chat {seq} says nothing, and was not removed.", self.id));
                }
                Some(_) => {}
            }
        }
    }

    /// Gives the last entry of a closed room to `take`, unless it has it.
    async fn read_end(
        &mut self,
        db: &Database,
        end: Head,
        mut take: impl FnMut(Vec<Document>) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.top.seq < end.seq {
            let closed = doc! { "room": self.id, "seq": end.seq };
            take(with_retries(|| db.collection::<Entry>().find_projected(closed.clone(), doc! {})).await?)?;
            self.top = end;
        }
        Ok(())
    }

    /// The room as it was when this had read its last entry.
    pub(super) fn room(&self) -> Document {
        let mut room = self.room.clone();
        let mut last = doc! { "seq": self.top.seq, "no": self.top.no };
        if let Some(at) = self.top.at {
            last.insert("at", at);
        }
        room.insert("last", last);
        room.insert("open", self.is_open);
        room
    }

    /// The key of the name that it holds, unless it is closed.
    pub(super) fn name(&self) -> Option<&str> {
        self.is_open.then_some(&self.name)
    }

    /// Looks at the room as it is now, and for the end of its log.
    async fn refresh(&mut self, db: &Database) -> Result<Head, String> {
        let room: Vec<Document> =
            with_retries(|| db.collection::<Room>().find_projected(doc! { "_id": self.id }, doc! {})).await?;
        let room = room.into_iter().next().ok_or_else(|| format!("Room {} is gone.", self.id))?;
        let (now, hint) = Self::new(room)?;
        // Where a closed room was purged, the hint is at its end; else all that was read stands there yet.
        let from = hint.seq.max(self.top.seq);
        let entry = |seq| db.collection::<Entry>().find_one(doc! { "room": self.id, "seq": seq });
        let end = with_retries(|| async {
            match exponential_search(from, entry).await? {
                None if from > 0 => entry(from).await,
                found => Ok(found),
            }
        });
        let end = end.await?.as_ref().map(Head::from).unwrap_or_default();
        (self.room, self.name, self.is_open) = (now.room, now.name, now.is_open && !end.closed);
        Ok(end)
    }

    /// Takes note of a window of entries up to `last`, and answers them in order; nothing when some are not there.
    fn record_window(&mut self, mut entries: Vec<Document>, last: i64) -> Result<Option<Vec<Document>>, String> {
        let parse = |entries: &[Document]| entries.iter().map(decode::<Entry>).collect::<Result<Vec<_>, _>>();
        entries.sort_by_key(|entry| entry.get_i64("seq").unwrap_or_default());
        let read = parse(&entries)?;
        if !read.iter().map(|entry| entry.seq).eq(self.top.seq + 1..=last) {
            return Ok(None);
        }
        read.iter().for_each(|entry| self.redacted.record(entry));
        self.top = read.last().map_or(self.top, Head::from);
        Ok(Some(entries))
    }
}

impl RedactedChats {
    /// Takes note of the next entry of a log.
    pub(super) fn record(&mut self, entry: &Entry) {
        match (entry.kind, entry.of) {
            (EntryKind::Said, _) if entry.text.is_none() => drop(self.0.insert(entry.seq)),
            (EntryKind::Edited, Some(of)) if entry.text.is_none() => drop(self.0.insert(of)),
            (EntryKind::Removed, Some(of)) => drop(self.0.remove(&of)),
            _ => {}
        }
    }

    /// The last one that is left.
    pub(super) fn last(&self) -> Option<i64> {
        self.0.last().copied()
    }
}

/// A document as what it is.
pub(super) fn decode<T: serde::de::DeserializeOwned>(document: &Document) -> Result<T, String> {
    deserialize_from_document(document.clone()).map_err(|error| {
        format!(
            "The document {} cannot be read: {error}.",
            document.get("_id").map(ToString::to_string).unwrap_or_default()
        )
    })
}

/// Asks until there is an answer, also when the database is away for a while.
async fn with_retries<T, F: Future<Output = Result<T>>>(ask: impl Fn() -> F) -> Result<T, String> {
    let end = Instant::now() + MAX_OUTAGE;
    loop {
        match ask().await {
            Err(Error::Unavailable(_)) if Instant::now() < end => sleep(RETRY_DELAY).await,
            answer => return answer.map_err(|error| format!("The database cannot be used: {error}.")),
        }
    }
}
