//! One reader of a room: a cursor, from the ring where it reaches back that far, else from the log.
//! WebSocket, long poll, the page for browsers without script and reconnect are all this.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::ring::After;
use super::room::{CatchUp, LiveRoom};
use crate::error::{Error, Result};
use crate::views::chat::Fragment;

/// What a reader gets, one after the other.
pub(super) type News = BoxStream<'static, Arc<Fragment>>;

/// The pause before a reader asks the log again when the database is away.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// A reader of a room.
pub struct Feed {
    room: Arc<LiveRoom>,
    cursor: i64,
    hint: watch::Receiver<i64>,
    /// What is being read of the log behind the cursor.
    reading: Option<CatchUp>,
}

impl Feed {
    /// A reader who has seen all up to `since`, or begins now. Subscribed before anything is read.
    pub(super) async fn open(room: Arc<LiveRoom>, since: Option<i64>) -> Result<Self> {
        let hint = room.upto();
        let upto = room.ring().upto();
        let cursor = since.unwrap_or(upto);
        // The ring may be behind the log, never before it.
        if cursor > upto && !room.log.reaches(cursor).await? {
            return Err(Error::Beyond);
        }
        Ok(Self { room, cursor, hint, reading: None })
    }

    /// The room that is read.
    pub fn room(&self) -> &Arc<LiveRoom> {
        &self.room
    }

    /// How far this reader has seen.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// What is new, in one bounded fragment; waits for it. May be given up while it waits, nothing is lost. Behind the
    /// end of a closed room that is what it says, each time.
    ///
    /// # Errors
    /// The database's, where the log had to be asked.
    pub async fn next(&mut self) -> Result<Arc<Fragment>> {
        loop {
            self.hint.borrow_and_update();
            if let Some(fragment) = self.now().await? {
                return Ok(fragment);
            }
            // The sender is in the room that we hold.
            let _ = self.hint.changed().await;
        }
    }

    /// All that is new from now on. While the database is away the log is asked again.
    pub(super) fn news(self) -> News {
        let news = stream::unfold(self, async |mut feed| {
            loop {
                match feed.next().await {
                    Ok(fragment) => return Some((fragment, feed)),
                    Err(error) => log::debug!("a feed waits for the database: {error}"),
                }
                sleep(AGAIN).await;
            }
        });
        news.boxed()
    }

    /// Whether there is more than this reader has seen, as far as this site knows.
    pub(super) fn is_behind(&self) -> bool {
        *self.hint.borrow() > self.cursor
    }

    /// What is new by now, as far as it is in memory; where the reader is behind that, [`Feed::now`] asks the log.
    pub(super) fn at_hand(&mut self) -> After {
        let after = self.room.ring().after(self.cursor);
        match after {
            After::News(fragment) => self.pass(fragment).map_or(After::Nothing, After::News),
            other => other,
        }
    }

    /// What is new by now, if anything is. May be given up and asked again: what is being read goes on.
    ///
    /// # Errors
    /// As [`Feed::next`].
    pub async fn now(&mut self) -> Result<Option<Arc<Fragment>>> {
        match self.at_hand() {
            After::Nothing => return Ok(None),
            After::News(fragment) => return Ok(Some(fragment)),
            After::Behind => {}
        }
        // What came to its end while nobody asked may be old.
        self.reading.take_if(|reading| reading.peek().is_some());
        let reading = self.reading.get_or_insert_with(|| self.room.read_log(self.cursor)).clone();
        let read = reading.await;
        self.reading = None;
        Ok(self.pass(read.map_err(|error| Error::Unavailable(error.to_string()))?))
    }

    /// Moves the cursor behind a fragment; `None` where there is nothing in it.
    fn pass(&mut self, fragment: Arc<Fragment>) -> Option<Arc<Fragment>> {
        let is_news = fragment.upto > self.cursor || fragment.closed;
        self.cursor = self.cursor.max(fragment.upto);
        is_news.then_some(fragment)
    }
}
