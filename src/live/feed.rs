//! A reader's cursor over a room: recent chats from memory, older ones from the log. WebSocket, long poll, stream
//! and reconnect all use it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::recent_chats::NextFragment;
use super::room::{LiveRoom, SharedLogRead};
use crate::error::{Error, Result};
use crate::models::{Room, UserId};
use crate::store::Database;
use crate::views::chat::Fragment;

pub(super) type FragmentStream = BoxStream<'static, Arc<Fragment>>;

pub(super) const RETRY_DELAY: Duration = Duration::from_millis(500);

pub(crate) struct Feed {
    room: Arc<LiveRoom>,
    db: Arc<Database>,
    reader: UserId,
    /// The revocations of the room that were considered when the reader was last checked.
    access_checked: u64,
    cursor: i64,
    upto: watch::Receiver<i64>,
    /// The log read that is running for this reader.
    catch_up: Option<SharedLogRead>,
}

impl Feed {
    /// Opens a feed after `since`, or at the head. Subscribes before it reads anything.
    /// Fails with `NotFound` if the reader may not see the room, `CursorAhead` if the log does not reach to `since`.
    pub(super) async fn open(
        room: Arc<LiveRoom>,
        db: &Arc<Database>,
        reader: UserId,
        since: Option<i64>,
    ) -> Result<Self> {
        let (hint, access_checked) = (room.upto(), room.access.generation());
        Room::ensure_readable_by(db, room.id, reader).await?;
        let upto = room.recent().upto();
        let cursor = since.unwrap_or(upto);
        // The recent chats may lag behind the log, never the other way round.
        if cursor > upto && !room.log.contains(cursor).await? {
            return Err(Error::CursorAhead);
        }
        Ok(Self { room, db: Arc::clone(db), reader, access_checked, cursor, upto: hint, catch_up: None })
    }

    pub fn room(&self) -> &Arc<LiveRoom> {
        &self.room
    }

    pub(crate) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits for the next fragment, of bounded size. Cancel-safe. After *closed* it returns at once, each time.
    pub(crate) async fn next(&mut self) -> Result<Arc<Fragment>> {
        loop {
            self.upto.borrow_and_update();
            if let Some(fragment) = self.poll().await? {
                return Ok(fragment);
            }
            // The sender lives in the room, which this feed holds.
            let _ = self.upto.changed().await;
        }
    }

    /// Returns all further fragments, until the reader may not see the room. Retries while the database is unavailable.
    pub(super) fn into_stream(self) -> FragmentStream {
        let news = stream::unfold(self, async |mut feed| {
            loop {
                match feed.next().await {
                    Ok(fragment) => return Some((fragment, feed)),
                    Err(Error::NotFound) => return None,
                    Err(error) => log::debug!("a feed waits for the database: {error}"),
                }
                sleep(RETRY_DELAY).await;
            }
        });
        news.boxed()
    }

    pub(super) fn has_more(&self) -> bool {
        *self.upto.borrow() > self.cursor
    }

    /// Returns the next fragment if it is in memory.
    pub(super) fn poll_memory(&mut self) -> NextFragment {
        let after = self.room.recent().after(self.cursor);
        if self.is_access_outdated() {
            // The check reads the database.
            return NextFragment::TooOld;
        }
        match after {
            NextFragment::Ready(fragment) => self.advance(fragment).map_or(NextFragment::UpToDate, NextFragment::Ready),
            other => other,
        }
    }

    /// Returns the next fragment if there is one. Cancel-safe: a running read goes on.
    /// Fails with `NotFound` once the reader may not see the room.
    pub(crate) async fn poll(&mut self) -> Result<Option<Arc<Fragment>>> {
        self.check_access().await?;
        match self.poll_memory() {
            NextFragment::UpToDate => return Ok(None),
            NextFragment::Ready(fragment) => return Ok(Some(fragment)),
            NextFragment::TooOld => {}
        }
        // A read that finished between two polls may be old.
        self.catch_up.take_if(|reading| reading.peek().is_some());
        let reading = self.catch_up.get_or_insert_with(|| self.room.read_log(self.cursor)).clone();
        let read = reading.await;
        // What was read may follow the end of a membership.
        self.check_access().await?;
        self.catch_up = None;
        Ok(self.advance(read.map_err(|error| Error::Unavailable(error.to_string()))?))
    }

    fn is_access_outdated(&self) -> bool {
        self.room.access.is_outdated(self.reader, self.access_checked)
    }

    async fn check_access(&mut self) -> Result<()> {
        if self.is_access_outdated() {
            let generation = self.room.access.generation();
            Room::ensure_readable_by(&self.db, self.room.id, self.reader).await?;
            self.access_checked = generation;
        }
        Ok(())
    }

    fn advance(&mut self, fragment: Arc<Fragment>) -> Option<Arc<Fragment>> {
        let is_news = fragment.upto > self.cursor || fragment.closed;
        self.cursor = self.cursor.max(fragment.upto);
        is_news.then_some(fragment)
    }
}
