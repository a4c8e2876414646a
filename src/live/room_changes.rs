//! The latest changes of the room list, each room once, in the order in which they were published.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::cache::Budget;
use crate::models::RoomId;
use crate::views::PerLocale;
use crate::views::room::{RoomChange, RoomChanges};

/// Sockets that have missed more get the first rooms of the list.
const MAX_CHANGES: usize = 64;
/// Sockets stand at few different cursors.
const CACHED_FRAMES: usize = 8;

pub(super) type ChangesFrame = Arc<PerLocale<RoomChanges>>;

pub(super) struct RecentChanges {
    /// Differs by process, because numbers begin anew.
    run: u32,
    last: u64,
    /// Cursors from here on are served from memory.
    oldest: u64,
    changes: BTreeMap<u64, RoomChange>,
    /// The number of the last change by room.
    numbers: HashMap<RoomId, u64>,
    /// Frames by cursor, valid until the next change.
    frames: VecDeque<(u64, ChangesFrame)>,
    /// The first rooms of the list after a change, for older cursors.
    snapshot: Option<(u64, ChangesFrame)>,
    budget: Arc<Budget>,
}

impl RecentChanges {
    pub(super) fn new(run: u32, budget: &Arc<Budget>) -> Self {
        Self {
            run,
            last: 1,
            oldest: 1,
            changes: BTreeMap::new(),
            numbers: HashMap::new(),
            frames: VecDeque::new(),
            snapshot: None,
            budget: Arc::clone(budget),
        }
    }

    /// Returns the number of the last change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Returns a number as pages keep it.
    pub(super) fn cursor(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// Reads a page's cursor. One of another process is older than all changes.
    pub(super) fn number(&self, cursor: &str) -> u64 {
        let number = cursor.split_once('-').filter(|(run, _)| u32::from_str_radix(run, 16) == Ok(self.run));
        number.and_then(|(_, number)| number.parse().ok()).filter(|number| *number <= self.last).unwrap_or(0)
    }

    pub(super) fn push(&mut self, change: RoomChange) {
        self.last += 1;
        self.frames.clear();
        if let Some(before) = self.numbers.insert(change.room(), self.last) {
            self.changes.remove(&before);
        }
        self.changes.insert(self.last, change);
        while self.changes.len() > MAX_CHANGES {
            let Some((number, change)) = self.changes.pop_first() else { return };
            self.numbers.remove(&change.room());
            self.oldest = number;
        }
    }

    /// Forgets all changes. Every cursor is too old then.
    pub(super) fn clear(&mut self) {
        self.last += 1;
        self.oldest = self.last;
        self.changes.clear();
        self.numbers.clear();
        self.frames.clear();
        self.snapshot = None;
    }

    pub(super) fn is_recent(&self, room: RoomId) -> bool {
        self.numbers.contains_key(&room)
    }

    pub(super) fn is_closed(&self, room: RoomId) -> bool {
        let change = self.numbers.get(&room).and_then(|number| self.changes.get(number));
        matches!(change, Some(RoomChange::Closed(_)))
    }

    /// Returns whether sockets with too old cursors can be served.
    pub(super) fn has_snapshot(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|(number, _)| *number >= self.oldest)
    }

    /// Stores the first rooms of the list, read after change `number`. A change that was pushed and dropped since then
    /// must be no newer than they are.
    pub(super) fn set_snapshot(&mut self, number: u64, changes: Vec<RoomChange>) {
        let number = number.max(self.oldest);
        self.snapshot = Some((number, self.frame(number, changes, true)));
    }

    /// Returns the frames for a socket, and moves its position behind them. A position that is too old gets the snapshot
    /// and the changes after it, or `None` while there is no snapshot.
    pub(super) fn advance(&mut self, position: &mut u64) -> Option<Vec<ChangesFrame>> {
        let mut frames = Vec::new();
        if *position < self.oldest {
            let (number, frame) = self.snapshot.as_ref().filter(|(number, _)| *number >= self.oldest)?;
            frames.push(Arc::clone(frame));
            *position = *number;
        }
        if *position < self.last {
            frames.push(self.changes_after(*position));
            *position = self.last;
        }
        Some(frames)
    }

    fn changes_after(&mut self, cursor: u64) -> ChangesFrame {
        if let Some((_, frame)) = self.frames.iter().find(|(known, _)| *known == cursor) {
            return Arc::clone(frame);
        }
        let changes = self.changes.range(cursor + 1..).map(|(_, change)| change.clone()).collect();
        let frame = self.frame(self.last, changes, false);
        self.frames.truncate(CACHED_FRAMES - 1);
        self.frames.push_front((cursor, Arc::clone(&frame)));
        frame
    }

    fn frame(&self, number: u64, changes: Vec<RoomChange>, is_snapshot: bool) -> ChangesFrame {
        let changes = RoomChanges { changes, upto: self.cursor(number), is_snapshot };
        Arc::new(PerLocale::new(changes).charged_to(&self.budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomId {
        format!("{number:024x}").parse().unwrap()
    }

    fn recent() -> RecentChanges {
        RecentChanges::new(7, &Arc::default())
    }

    /// The rooms that a socket gets; `None` if it waits for a snapshot.
    fn rooms(recent: &mut RecentChanges, mut cursor: u64) -> Option<Vec<RoomId>> {
        let frames = recent.advance(&mut cursor)?;
        assert_eq!(cursor, recent.last(), "nothing is left for a socket that is not woken again");
        Some(frames.iter().flat_map(|frame| frame.changes.iter().map(RoomChange::room)).collect())
    }

    #[test]
    fn a_socket_gets_each_room_that_changed_after_its_cursor_once() {
        let mut recent = recent();
        let start = recent.last();
        for number in [1, 2, 1] {
            recent.push(RoomChange::Closed(room(number)));
        }
        assert_eq!(rooms(&mut recent, start), Some(vec![room(2), room(1)]));
        assert_eq!(rooms(&mut recent, start + 2), Some(vec![room(1)]));
        let last = recent.last();
        assert_eq!(rooms(&mut recent, last), Some(vec![]));
    }

    #[test]
    fn sockets_at_one_cursor_share_one_frame() {
        let mut recent = recent();
        let start = recent.last();
        recent.push(RoomChange::Closed(room(1)));
        let [one, other] = [start, start].map(|mut cursor| recent.advance(&mut cursor).unwrap());
        assert!(one.len() == 1 && Arc::ptr_eq(&one[0], &other[0]));
    }

    #[test]
    fn it_is_bounded_and_a_socket_that_missed_more_gets_a_snapshot_and_what_changed_since() {
        let mut recent = recent();
        let start = recent.last();
        for number in 0..MAX_CHANGES * 3 {
            recent.push(RoomChange::Closed(room(number)));
        }
        assert_eq!((recent.changes.len(), recent.numbers.len()), (MAX_CHANGES, MAX_CHANGES));
        assert!(!recent.has_snapshot());
        assert_eq!(rooms(&mut recent, start), None);
        let read = recent.last();
        recent.set_snapshot(read, vec![RoomChange::Closed(room(9))]);
        recent.push(RoomChange::Closed(room(1_000)));
        assert_eq!(rooms(&mut recent, start), Some(vec![room(9), room(1_000)]));
        let kinds: Vec<bool> = recent.advance(&mut 0).unwrap().iter().map(|frame| frame.is_snapshot).collect();
        assert_eq!(kinds, [true, false]);
        recent.clear();
        assert_eq!(rooms(&mut recent, read), None);
    }

    #[test]
    fn more_changes_than_are_kept_leave_a_snapshot_valid_that_was_read_with_them() {
        let mut recent = recent();
        let read = recent.last();
        for number in 0..MAX_CHANGES * 2 {
            recent.push(RoomChange::Closed(room(number)));
        }
        recent.set_snapshot(read, vec![RoomChange::Closed(room(9))]);
        assert!(recent.has_snapshot());
        assert_eq!(rooms(&mut recent, 0).map(|rooms| rooms.len()), Some(1 + MAX_CHANGES));
    }

    #[test]
    fn a_cursor_of_another_process_or_of_no_process_is_older_than_all() {
        let mut recent = recent();
        recent.push(RoomChange::Closed(room(1)));
        assert_eq!(recent.number(&recent.cursor(recent.last())), recent.last());
        for cursor in ["", "-", "8-2", "7-", "7-x", "7-99", "7--1", "길-2", "7-99999999999999999999999"] {
            assert_eq!(recent.number(cursor), 0, "{cursor:?}");
        }
    }
}
