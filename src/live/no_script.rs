//! A room as one endless page, for browsers without JavaScript.
//!
//! Chats are written as they are posted. Written HTML cannot change, so after an edit or removal of a chat on it the
//! page ends and reloads itself. It also reloads after a while and after a disconnect.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::feed::{Feed, FragmentStream};
use super::hub::Hub;
use super::presence::PresenceGuard;
use super::sessions::SessionGuard;
use crate::models::{Session, User};
use crate::views::Locale;
use crate::views::chat::{ChatBatch, Fragment, PageEnd};

/// Proxies cut connections that are silent for a minute.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(20);
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
const MAX_CHATS: usize = 300;
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The page's own head reloads some seconds after its end; this reloads at once.
const RELOAD_NOW: &str = "<meta http-equiv=\"refresh\" content=\"0\">\n";

pub(crate) struct StreamReader {
    pub(crate) user: User,
    pub(crate) session: Session,
    pub locale: Locale,
    /// The end of the page so far.
    pub(crate) end: PageEnd,
    /// The notice at the end of each chunk, which the next one hides.
    pub(crate) disconnected: String,
}

struct StreamingPage {
    /// Dropped first, so that a leaving reader is not counted.
    _seat: PresenceGuard,
    fragments: FragmentStream,
    hub: Arc<Hub>,
    session_guard: SessionGuard,
    locale: Locale,
    end: PageEnd,
    disconnected: String,
    session: Session,
    /// The entries on the page.
    first: i64,
    upto: i64,
    chats: usize,
    ends_at: Instant,
}

/// Streams a page: `head` with the chats from entry `first` to the feed's cursor, then new chunks. A task writes it
/// and ends when the client reads nothing for [`STALL_TIMEOUT`].
pub(crate) fn stream_page(
    head: String,
    feed: Feed,
    first: i64,
    reading: StreamReader,
    hub: Arc<Hub>,
) -> impl Stream<Item = String> {
    let mut page = StreamingPage {
        _seat: feed.room().presence.join(&reading.user),
        session_guard: hub.sessions.register(reading.session.id.clone()),
        session: reading.session,
        upto: feed.cursor(),
        fragments: feed.into_stream(),
        hub: Arc::clone(&hub),
        locale: reading.locale,
        end: reading.end,
        disconnected: reading.disconnected,
        first,
        chats: 0,
        ends_at: Instant::now() + MAX_AGE,
    };
    let (pieces, written) = mpsc::channel(1);
    hub.spawn(async move {
        // The session may have ended after its cookie was read.
        if let Ok(false) = page.session.is_open(&page.hub.db).await {
            return;
        }
        let mut goes_on = true;
        while goes_on {
            let next = tokio::select! {
                next = page.next() => next,
                () = pieces.closed() => return,
            };
            goes_on = next.1;
            match timeout(STALL_TIMEOUT, pieces.send(next.0)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return page.hub.db.metrics().slow_clients_dropped.inc(),
            }
        }
    });
    let pieces = stream::unfold(written, async |mut written| Some((written.recv().await?, written)));
    stream::once(async { head }).chain(pieces)
}

impl StreamingPage {
    /// Returns the next chunk and whether more may follow.
    async fn next(&mut self) -> (String, bool) {
        tokio::select! {
            fragment = self.fragments.next() => match fragment {
                Some(fragment) => self.write(&fragment),
                // The reader may not see the room any more.
                None => (RELOAD_NOW.into(), false),
            },
            () = sleep(HEARTBEAT_INTERVAL) => (self.disconnected.clone(), true),
            () = sleep_until(self.ends_at) => (RELOAD_NOW.into(), false),
            () = self.session_guard.ended() => (RELOAD_NOW.into(), false),
            () = self.hub.shutdown() => (String::new(), false),
        }
    }

    fn write(&mut self, fragment: &Fragment) -> (String, bool) {
        let on_page = self.first..=self.upto;
        let changed = fragment.items.iter().any(|item| on_page.contains(&item.seq()));
        self.chats += fragment.items.len();
        if changed || fragment.closed || self.chats > MAX_CHATS {
            return (RELOAD_NOW.into(), false);
        }
        self.upto = fragment.upto;
        // Revisions of chats that are not on the page are skipped.
        let items: Vec<_> = fragment.items.iter().filter(|item| item.seq() >= self.first).cloned().collect();
        if items.is_empty() {
            return (self.disconnected.clone(), true);
        }
        let batch = ChatBatch { items, upto: self.upto, closed: false };
        match batch.fragment(&self.hub.views, self.locale, &mut self.end) {
            Ok(element) => (format!("{element}\n{}", self.disconnected), true),
            Err(error) => {
                log::error!("{error}");
                (RELOAD_NOW.into(), false)
            }
        }
    }
}
