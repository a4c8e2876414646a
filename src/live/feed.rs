//! One reader of a room: a cursor, from the ring where it reaches back that far, else from the log.
//! WebSocket, long poll, the page for browsers without script and reconnect are all this.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::recent_chats::Catchup;
use super::room::{CatchUp, LiveRoom};
use crate::error::{Error, Result};
use crate::views::chat::Fragment;

/// What a reader gets, one after the other.
pub(super) type FragmentStream = BoxStream<'static, Arc<Fragment>>;

/// The pause before a reader asks the log again when the database is away.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A reader of a room.
pub(crate) struct Feed {
    room: Arc<LiveRoom>,
    cursor: i64,
    upto: watch::Receiver<i64>,
    /// What is being read of the log behind the cursor.
    catch_up: Option<CatchUp>,
}

impl Feed {
    /// A reader who has seen all up to `since`, or begins now. Subscribed before anything is read.
    pub(super) async fn open(room: Arc<LiveRoom>, since: Option<i64>) -> Result<Self> {
        let hint = room.upto();
        let upto = room.recent().upto();
        let cursor = since.unwrap_or(upto);
        // The ring may be behind the log, never before it.
        if cursor > upto && !room.log.contains(cursor).await? {
            return Err(Error::CursorAhead);
        }
        Ok(Self { room, cursor, upto: hint, catch_up: None })
    }

    /// The room that is read.
    pub fn room(&self) -> &Arc<LiveRoom> {
        &self.room
    }

    /// How far this reader has seen.
    pub(crate) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// What is new, in one bounded fragment; waits for it. May be given up while it waits, nothing is lost. Behind the
    /// end of a closed room that is what it says, each time.
    ///
    /// # Errors
    /// The database's, where the log had to be asked.
    pub(crate) async fn next(&mut self) -> Result<Arc<Fragment>> {
        loop {
            self.upto.borrow_and_update();
            if let Some(fragment) = self.poll().await? {
                return Ok(fragment);
            }
            // The sender is in the room that we hold.
            let _ = self.upto.changed().await;
        }
    }

    /// All that is new from now on. While the database is away the log is asked again.
    pub(super) fn into_stream(self) -> FragmentStream {
        let news = stream::unfold(self, async |mut feed| {
            loop {
                match feed.next().await {
                    Ok(fragment) => return Some((fragment, feed)),
                    Err(error) => log::debug!("a feed waits for the database: {error}"),
                }
                sleep(RETRY_DELAY).await;
            }
        });
        news.boxed()
    }

    /// Whether there is more than this reader has seen, as far as this site knows.
    pub(super) fn has_more(&self) -> bool {
        *self.upto.borrow() > self.cursor
    }

    /// What is new by now, as far as it is in memory; where the reader is behind that, [`Feed::now`] asks the log.
    pub(super) fn poll_memory(&mut self) -> Catchup {
        let after = self.room.recent().after(self.cursor);
        match after {
            Catchup::Fragment(fragment) => self.advance(fragment).map_or(Catchup::None, Catchup::Fragment),
            other => other,
        }
    }

    /// What is new by now, if anything is. May be given up and asked again: what is being read goes on.
    ///
    /// # Errors
    /// As [`Feed::next`].
    pub(crate) async fn poll(&mut self) -> Result<Option<Arc<Fragment>>> {
        match self.poll_memory() {
            Catchup::None => return Ok(None),
            Catchup::Fragment(fragment) => return Ok(Some(fragment)),
            Catchup::TooOld => {}
        }
        // What came to its end while nobody asked may be old.
        self.catch_up.take_if(|reading| reading.peek().is_some());
        let reading = self.catch_up.get_or_insert_with(|| self.room.read_log(self.cursor)).clone();
        let read = reading.await;
        self.catch_up = None;
        Ok(self.advance(read.map_err(|error| Error::Unavailable(error.to_string()))?))
    }

    /// Moves the cursor behind a fragment; `None` where there is nothing in it.
    fn advance(&mut self, fragment: Arc<Fragment>) -> Option<Arc<Fragment>> {
        let is_news = fragment.view.upto > self.cursor || fragment.view.closed;
        self.cursor = self.cursor.max(fragment.view.upto);
        is_news.then_some(fragment)
    }
}
