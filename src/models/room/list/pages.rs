//! The pages of the list: slices of the recent set, then windows of numbers.

use std::sync::Arc;

use super::refresh::{open_rooms, window};
use super::{LIST_AGE, RoomList};
use crate::error::Result;
use crate::models::Room;
use crate::store::Database;

/// Room numbers in the first window of a page. Windows grow where many rooms are closed.
const WINDOW: i64 = 128;
const MAX_WINDOW: i64 = 512;
/// Windows that one page reads at most. A page that needs more is short.
const MAX_WINDOWS: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListCursor {
    /// A page of the recent set, from 1.
    Page(usize),
    Below(i64),
    /// Rooms with larger numbers, nearest first.
    Above(i64),
}

#[derive(Debug)]
pub(crate) struct RoomListPage {
    pub(crate) rooms: Vec<Arc<Room>>,
    pub page: Option<usize>,
    pub(crate) previous: Option<ListCursor>,
    pub(crate) next: Option<ListCursor>,
}

impl RoomList {
    pub async fn page(&self, db: &Database, place: ListCursor, size: usize) -> Result<RoomListPage> {
        self.refresh(db, LIST_AGE).await?;
        match place {
            ListCursor::Page(page) => self.recent_page(db, page, size).await,
            ListCursor::Below(no) => self.page_below(db, no, size).await,
            ListCursor::Above(no) => self.page_above(db, no, size).await,
        }
    }

    async fn recent_page(&self, db: &Database, page: usize, size: usize) -> Result<RoomListPage> {
        let pages = || self.recent().order.len().div_ceil(size).max(1);
        let mut page = page.clamp(1, pages());
        let mut rooms = self.slice(db, (page - 1) * size, size, LIST_AGE).await?;
        if rooms.is_empty() && page > pages() {
            // Other instances closed the rooms of this page.
            page = pages();
            rooms = self.slice(db, (page - 1) * size, size, LIST_AGE).await?;
        }
        if rooms.is_empty() && self.has_tail(db).await? {
            return self.page_below(db, i64::MAX, size).await;
        }
        let next = match page < pages() {
            true => Some(ListCursor::Page(page + 1)),
            false if self.has_tail(db).await? => Some(ListCursor::Below(Room::highest_number(db).await? + 1)),
            false => None,
        };
        Ok(RoomListPage { rooms, page: Some(page), previous: (page > 1).then(|| ListCursor::Page(page - 1)), next })
    }

    async fn page_below(&self, db: &Database, below: i64, size: usize) -> Result<RoomListPage> {
        let top = Room::highest_number(db).await?;
        let (mut rooms, mut high, mut width) = (Vec::new(), below.min(top + 1) - 1, WINDOW);
        for _ in 0..MAX_WINDOWS {
            if high <= 0 || rooms.len() > size {
                break;
            }
            let low = (high - width).max(0);
            width = self.read_window(db, low, high, &mut rooms, width).await?;
            high = low;
        }
        let is_full = rooms.len() > size;
        rooms.truncate(size);
        let next = match rooms.last() {
            Some(last) if is_full => Some(ListCursor::Below(last.no)),
            // The page has read its maximum of windows.
            _ if high > 0 => Some(ListCursor::Below(high + 1)),
            _ => None,
        };
        let previous = if below > top { ListCursor::Page(usize::MAX) } else { ListCursor::Above(below - 1) };
        Ok(RoomListPage { rooms, page: None, previous: Some(self.resolved(previous, size)), next })
    }

    async fn page_above(&self, db: &Database, above: i64, size: usize) -> Result<RoomListPage> {
        let top = Room::highest_number(db).await?;
        let (mut rooms, mut low, mut width) = (Vec::new(), above.clamp(0, top), WINDOW);
        for _ in 0..MAX_WINDOWS {
            if low >= top || rooms.len() > size {
                break;
            }
            let high = (low + width).min(top);
            width = self.read_window(db, low, high, &mut rooms, width).await?;
            low = high;
        }
        rooms.sort_by_key(|room| room.no);
        let is_full = rooms.len() > size;
        rooms.truncate(size);
        let previous = match rooms.last() {
            Some(last) if is_full => ListCursor::Above(last.no),
            _ if low < top => ListCursor::Above(low),
            _ => ListCursor::Page(usize::MAX),
        };
        rooms.reverse();
        let next = Some(ListCursor::Below(rooms.last().map_or(above.saturating_add(1), |room| room.no)));
        Ok(RoomListPage { rooms, page: None, previous: Some(self.resolved(previous, size)), next })
    }

    /// Reads a window of the tail, newest room first. Returns the width of the next window.
    async fn read_window(
        &self,
        db: &Database,
        low: i64,
        high: i64,
        rooms: &mut Vec<Arc<Room>>,
        width: i64,
    ) -> Result<i64> {
        let mut found: Vec<Room> = db.collection::<Room>().find_many(window(low, high)).await?;
        found.retain(|room| room.open && room.kind.is_open());
        let width = next_width(width, found.is_empty());
        found.sort_by_key(|room| std::cmp::Reverse(room.no));
        let recent = self.recent();
        rooms.extend(found.into_iter().filter(|room| !recent.rooms.contains_key(&room.id)).map(Arc::new));
        Ok(width)
    }

    fn resolved(&self, place: ListCursor, size: usize) -> ListCursor {
        match place {
            ListCursor::Page(page) => ListCursor::Page(page.min(self.recent().order.len().div_ceil(size).max(1))),
            place => place,
        }
    }

    /// May be wrong after many rooms were closed.
    async fn has_tail(&self, db: &Database) -> Result<bool> {
        let complete_to = self.recent().complete_to;
        let Some(complete_to) = complete_to else { return Ok(true) };
        if db.members().is_sole_instance() {
            return Ok(false);
        }
        // Other instances may have created rooms.
        let (top, mut low, mut width) = (Room::highest_number(db).await?, complete_to, WINDOW);
        for _ in 0..MAX_WINDOWS {
            if low >= top {
                return Ok(false);
            }
            let high = (low + width).min(top);
            let found = open_rooms(db, low, high).await?;
            width = next_width(width, found.is_empty());
            let mut recent = self.recent();
            found.iter().for_each(|room| _ = recent.insert(room.id, room.activity()));
            if recent.complete_to.is_none() {
                return Ok(true);
            }
            recent.complete_to = Some(high);
            low = high;
        }
        // The page has read its maximum of windows.
        Ok(low < top)
    }
}

fn next_width(width: i64, is_empty: bool) -> i64 {
    if is_empty { (width * 2).min(MAX_WINDOW) } else { WINDOW }
}
