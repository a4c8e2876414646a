//! Pages of rooms. One that was read is kept, with what was rendered of it, until its log has grown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hub::Hub;
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::views::chat::{Feed, Fragment};

/// Pages that are kept, some hundred KiB each, before all are forgotten.
const PAGES: usize = 32;

/// A page of a room.
pub struct Page {
    /// Its chats.
    pub fragment: Fragment,
    /// What to ask `before` for the page before this one; `None` on the first.
    pub before: Option<i64>,
}

/// The pages that are kept; locked for lines.
#[derive(Default)]
pub(super) struct Pages(Mutex<HashMap<Place, Known>>);

/// A room, and which page of it.
type Place = (RoomId, Option<i64>);

struct Known {
    /// What it was made of: the log up to an entry, and the names of a version.
    made_of: (i64, u64),
    page: Arc<Page>,
}

impl Hub {
    /// A room's latest page, or the one before chat number `before`.
    ///
    /// # Errors
    /// `NotFound` when the room has been closed; the database's.
    pub async fn page(&self, room: &Room, before: Option<i64>) -> Result<Arc<Page>> {
        let log = room.log(&self.db);
        let (version, top) = (self.version(), log.end().await?);
        let (place, made_of) = ((room.id, before), (top.seq, version));
        if let Some(page) = self.pages.known(place, made_of) {
            return Ok(page);
        }
        let page = log.page(top, before).await?;
        let feed = Feed { articles: self.articles(page.chats).await?, upto: page.upto, closed: false };
        let page = Arc::new(Page { fragment: Fragment::new(feed), before: page.before });
        self.pages.keep(place, Known { made_of, page: Arc::clone(&page) });
        Ok(page)
    }
}

impl Pages {
    fn known(&self, place: Place, made_of: (i64, u64)) -> Option<Arc<Page>> {
        self.all().get(&place).filter(|known| known.made_of == made_of).map(|known| Arc::clone(&known.page))
    }

    fn keep(&self, place: Place, known: Known) {
        let mut all = self.all();
        if all.len() >= PAGES && !all.contains_key(&place) {
            all.clear();
        }
        all.insert(place, known);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Place, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(made_of: (i64, u64)) -> Known {
        let feed = Feed { articles: Vec::new(), upto: made_of.0, closed: false };
        Known { made_of, page: Arc::new(Page { fragment: Fragment::new(feed), before: None }) }
    }

    #[test]
    fn a_page_is_known_until_its_log_grows_or_a_name_changes() {
        let (pages, room) = (Pages::default(), "0123456789abcdef01234567".parse().unwrap());
        pages.keep((room, None), known((4, 1)));
        assert!(pages.known((room, None), (4, 1)).is_some());
        for (before, made_of) in [(None, (5, 1)), (None, (4, 2)), (Some(9), (4, 1))] {
            assert!(pages.known((room, before), made_of).is_none());
        }
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let (pages, room) = (Pages::default(), "0123456789abcdef01234567".parse().unwrap());
        for before in 0..=PAGES as i64 {
            pages.keep((room, Some(before)), known((4, 1)));
            assert!(pages.all().len() <= PAGES);
        }
    }
}
