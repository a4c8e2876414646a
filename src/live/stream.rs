//! A room as one endless page, for browsers without script: chats are written as they are said, and the browser shows
//! what it has. What is on the page cannot be changed any more, so when a chat on it is edited or removed the page ends
//! and has itself loaded anew; it does so too when it has grown long, and after any break.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep, sleep_until};

use super::feed::{Feed, News};
use super::hub::Hub;
use super::presence::Seat;
use super::sessions::Held;
use crate::models::{Session, User};
use crate::views::Locale;
use crate::views::chat::Fragment;

/// Between signs of life: proxies cut what is silent for a minute.
const BEAT: Duration = Duration::from_secs(20);
const SIGN_OF_LIFE: &str = "<!-- -->\n";
/// How long a page lasts, in time and in chats.
const LIFE: Duration = Duration::from_secs(15 * 60);
const CHATS: usize = 300;
/// The page's head has it loaded anew some seconds after it ended; this one, at once.
const ANEW: &str = "<meta http-equiv=\"refresh\" content=\"0\">\n";

/// Who reads.
pub struct Reading {
    /// The person.
    pub user: User,
    /// Under which session.
    pub session: Session,
    /// In which language.
    pub locale: Locale,
}

/// A page that is being written.
struct Page {
    news: News,
    hub: Arc<Hub>,
    held: Held,
    locale: Locale,
    _seat: Seat,
    /// The chats from here to there are on the page.
    first: i64,
    upto: i64,
    chats: usize,
    ends: Instant,
}

/// The page, piece by piece: `head`, which shows chats from entry `first` to the feed's cursor, then what comes.
pub fn page(head: String, feed: Feed, first: i64, reading: Reading, hub: Arc<Hub>) -> impl Stream<Item = String> {
    let page = Page {
        held: hub.sessions.hold(reading.session.id.clone()),
        _seat: feed.room().presence.join(&reading.user),
        upto: feed.cursor(),
        news: feed.news(),
        hub,
        locale: reading.locale,
        first,
        chats: 0,
        ends: Instant::now() + LIFE,
    };
    let pieces = stream::unfold(Some(page), async |page| {
        let mut page = page?;
        let (piece, goes_on) = page.next().await;
        Some((piece, goes_on.then_some(page)))
    });
    stream::once(async { head }).chain(pieces)
}

impl Page {
    /// The next piece, and whether more can come.
    async fn next(&mut self) -> (String, bool) {
        tokio::select! {
            Some(fragment) = self.news.next() => self.write(&fragment),
            () = sleep(BEAT) => (SIGN_OF_LIFE.into(), true),
            () = sleep_until(self.ends) => (ANEW.into(), false),
            () = self.held.ended() => (ANEW.into(), false),
            () = self.hub.stopping() => (String::new(), false),
        }
    }

    fn write(&mut self, fragment: &Fragment) -> (String, bool) {
        let on_page = self.first..=self.upto;
        let changed = fragment.view.articles.iter().any(|article| on_page.contains(&article.view.seq));
        self.chats += fragment.view.articles.len();
        if changed || fragment.view.closed || self.chats > CHATS {
            return (ANEW.into(), false);
        }
        self.upto = fragment.view.upto;
        match fragment.element(&self.hub.views, self.locale) {
            Ok(element) => (format!("{element}\n"), true),
            Err(error) => {
                log::error!("{error}");
                (ANEW.into(), false)
            }
        }
    }
}
