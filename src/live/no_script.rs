//! A room as one endless page, for browsers without script: chats are written as they are said, and the browser shows
//! what it has. What is on the page cannot be changed any more, so when a chat on it is edited or removed the page ends
//! and has itself loaded anew; it does so too when it has grown long, and after any break.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use jiff::civil::Date;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::feed::{Feed, FragmentStream};
use super::hub::Hub;
use super::presence::PresenceGuard;
use super::sessions::SessionGuard;
use crate::models::{Session, User};
use crate::views::Locale;
use crate::views::chat::{self, Fragment};

/// Between signs of life: proxies cut what is silent for a minute, and the page says so after two of them.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(20);
/// How long a page lasts, in time and in chats.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
const MAX_CHATS: usize = 300;
/// How long a reader may take nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The page's head has it loaded anew some seconds after it ended; this one, at once.
const RELOAD_NOW: &str = "<meta http-equiv=\"refresh\" content=\"0\">\n";

/// Who reads.
pub(crate) struct StreamReader {
    /// The person.
    pub(crate) user: User,
    /// Under which session.
    pub(crate) session: Session,
    /// In which language.
    pub locale: Locale,
    /// The day that the page has come to.
    pub(crate) day: Option<Date>,
    /// What every piece ends with.
    pub(crate) lost: String,
}

/// A page that is being written.
struct StreamingPage {
    /// Dropped first: who leaves last is not told to be here.
    _seat: PresenceGuard,
    fragments: FragmentStream,
    hub: Arc<Hub>,
    session_guard: SessionGuard,
    locale: Locale,
    day: Option<Date>,
    lost: String,
    session: Session,
    /// The chats from here to there are on the page.
    first: i64,
    upto: i64,
    chats: usize,
    ends_at: Instant,
}

/// The page, piece by piece: `head`, which shows chats from entry `first` to the feed's cursor, then what comes. Written
/// by a task of its own, which ends when nobody takes anything for [`STALL`].
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
        day: reading.day,
        lost: reading.lost,
        first,
        chats: 0,
        ends_at: Instant::now() + MAX_AGE,
    };
    let (pieces, written) = mpsc::channel(1);
    hub.spawn(async move {
        // The session may have ended between the look at its cookie and the hold on it.
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
    /// The next piece, and whether more can come.
    async fn next(&mut self) -> (String, bool) {
        tokio::select! {
            Some(fragment) = self.fragments.next() => self.write(&fragment),
            () = sleep(HEARTBEAT_INTERVAL) => (self.lost.clone(), true),
            () = sleep_until(self.ends_at) => (RELOAD_NOW.into(), false),
            () = self.session_guard.ended() => (RELOAD_NOW.into(), false),
            () = self.hub.shutdown() => (String::new(), false),
        }
    }

    fn write(&mut self, fragment: &Fragment) -> (String, bool) {
        let on_page = self.first..=self.upto;
        let changed = fragment.view.articles.iter().any(|article| on_page.contains(&article.view.seq));
        self.chats += fragment.view.articles.len();
        if changed || fragment.view.closed || self.chats > MAX_CHATS {
            return (RELOAD_NOW.into(), false);
        }
        self.upto = fragment.view.upto;
        // What became of chats that the page does not show is no news here.
        let articles: Vec<_> =
            fragment.view.articles.iter().filter(|article| article.view.seq >= self.first).cloned().collect();
        if articles.is_empty() {
            return (self.lost.clone(), true);
        }
        let feed = chat::Feed { articles, upto: self.upto, closed: false };
        match feed.element(&self.hub.views, self.locale, &mut self.day) {
            Ok(element) => (format!("{element}\n{}", self.lost), true),
            Err(error) => {
                log::error!("{error}");
                (RELOAD_NOW.into(), false)
            }
        }
    }
}
