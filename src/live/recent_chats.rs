//! The latest chats and events of a live room, ordered by the last entry about each.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::cache::Budget;
use crate::views::chat::{ChatBatch, FeedItem, Fragment};

const MAX_CHATS: usize = 256;
/// Approximate, but always one chat.
const MAX_BYTES: usize = 1 << 20;
/// Approximate, but always one chat.
const MAX_FRAGMENT_BYTES: usize = 64 << 10;
/// Readers stand at few different cursors.
const CACHED_FRAGMENTS: usize = 16;

/// The events among the last entries, and the chats that these are about, each once, in its latest form. What was removed is never handed out
/// again.
pub(super) struct RecentChats {
    /// Readers with a cursor from here on are served from memory.
    oldest: i64,
    upto: i64,
    closed: bool,
    items: BTreeMap<i64, FeedItem>,
    /// The revision, which is the key in `items`, by chat.
    revisions: HashMap<i64, i64>,
    bytes: usize,
    /// Fragments by cursor, valid until the next push.
    fragments: VecDeque<(i64, Arc<Fragment>)>,
    /// Charged with the fragments. The items are charged already.
    budget: Arc<Budget>,
    used: Instant,
}

pub(super) enum NextFragment {
    UpToDate,
    /// The new chats, or the first of them.
    Ready(Arc<Fragment>),
    /// The reader has to read the log.
    TooOld,
}

impl RecentChats {
    pub(super) fn new(upto: i64, closed: bool, budget: Arc<Budget>) -> Self {
        Self {
            oldest: upto,
            upto,
            closed,
            items: BTreeMap::new(),
            revisions: HashMap::new(),
            bytes: 0,
            fragments: VecDeque::new(),
            budget,
            used: Instant::now(),
        }
    }

    /// `None` if it is empty.
    pub(super) fn last_used(&self) -> Option<Instant> {
        (!self.items.is_empty()).then_some(self.used)
    }

    pub(super) fn upto(&self) -> i64 {
        self.upto
    }

    /// Adds what the next entries, up to `upto`, are about.
    pub(super) fn push(&mut self, items: Vec<FeedItem>, upto: i64, closed: bool) {
        for item in items {
            let (seq, rev) = (item.seq(), item.rev());
            if let Some(old) = self.revisions.insert(seq, rev).and_then(|place| self.items.remove(&place)) {
                self.bytes -= old.approximate_size();
            }
            self.bytes += item.approximate_size();
            self.items.insert(rev, item);
        }
        self.upto = upto;
        self.used = Instant::now();
        self.closed |= closed;
        self.fragments.clear();
        while self.items.len() > MAX_CHATS || (self.bytes > MAX_BYTES && self.items.len() > 1) {
            let Some((rev, item)) = self.items.pop_first() else { break };
            self.revisions.remove(&item.seq());
            self.bytes -= item.approximate_size();
            self.oldest = rev;
        }
    }

    /// Drops all chats. Readers that are behind read the log.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.upto, self.closed, Arc::clone(&self.budget));
    }

    /// Returns what is new after `seq`. All readers get the end of the room.
    pub(super) fn after(&mut self, seq: i64) -> NextFragment {
        if seq < self.oldest {
            return NextFragment::TooOld;
        }
        if seq >= self.upto && !self.closed {
            return NextFragment::UpToDate;
        }
        if let Some((_, fragment)) = self.fragments.iter().find(|(cursor, _)| *cursor == seq) {
            return NextFragment::Ready(Arc::clone(fragment));
        }
        let items = self.items.range(seq + 1..).map(|(_, item)| item.clone());
        let feed = take_batch(items, self.upto, self.closed);
        let fragment = Arc::new(Fragment::new(feed).charged_to(&self.budget));
        self.used = Instant::now();
        self.fragments.truncate(CACHED_FRAGMENTS - 1);
        self.fragments.push_front((seq, Arc::clone(&fragment)));
        NextFragment::Ready(fragment)
    }
}

/// Returns the first items by revision that fit into one fragment: at most [`MAX_FRAGMENT_BYTES`], but at least one.
/// `upto` and `closed` hold for all of them.
pub(super) fn take_batch(items: impl Iterator<Item = FeedItem>, mut upto: i64, mut closed: bool) -> ChatBatch {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for item in items {
        bytes += item.approximate_size();
        if bytes > MAX_FRAGMENT_BYTES && !part.is_empty() {
            // Stop before this item's revision. A chat may carry a newer revision than `upto`.
            (upto, closed) = (upto.min(item.rev() - 1), false);
            break;
        }
        part.push(item);
    }
    part.sort_unstable_by_key(FeedItem::seq);
    ChatBatch { items: part, upto, closed }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;
    use crate::models;
    use crate::models::room::log::EntryKind;
    use crate::views::chat::{Article, ChatView};
    use crate::views::event::{EventLine, EventNames, EventView};

    fn article(seq: i64, rev: i64, text: &str) -> FeedItem {
        let chat = models::Chat {
            room: "0123456789abcdef01234567".parse().unwrap(),
            seq,
            no: seq,
            rev,
            author: "0123456789abcdef01234567".parse().unwrap(),
            text: text.into(),
            mentions: Vec::new(),
            files: Vec::new(),
            at: DateTime::now(),
            removed: text.is_empty(),
        };
        FeedItem::Chat(Arc::new(Article::new(ChatView::new(chat, None))))
    }

    /// The seqs and revs that a reader gets; `None` when the log has to be asked.
    fn updates(recent: &mut RecentChats, seq: i64) -> Option<Vec<(i64, i64)>> {
        match recent.after(seq) {
            NextFragment::TooOld => None,
            NextFragment::UpToDate => Some(Vec::new()),
            NextFragment::Ready(fragment) => Some(fragment.items.iter().map(|item| (item.seq(), item.rev())).collect()),
        }
    }

    /// The seqs that a reader gets, fragment by fragment, until nothing is new.
    fn all_updates(recent: &mut RecentChats, mut seq: i64) -> Vec<i64> {
        let mut seqs = Vec::new();
        while let NextFragment::Ready(fragment) = recent.after(seq) {
            let weight: usize = fragment.items.iter().map(FeedItem::approximate_size).sum();
            assert!(weight <= MAX_FRAGMENT_BYTES || fragment.items.len() == 1, "{weight} bytes at once");
            assert!(fragment.upto > seq, "it goes on");
            seqs.extend(fragment.items.iter().map(FeedItem::seq));
            seq = fragment.upto;
        }
        seqs
    }

    #[test]
    fn a_reader_gets_what_came_after_its_cursor() {
        let mut recent = RecentChats::new(10, false, Arc::default());
        assert_eq!(updates(&mut recent, 10), Some(vec![]));
        recent.push(vec![article(11, 11, "a"), article(12, 12, "b")], 12, false);
        assert_eq!(updates(&mut recent, 10), Some(vec![(11, 11), (12, 12)]));
        assert_eq!(updates(&mut recent, 11), Some(vec![(12, 12)]));
        assert_eq!(updates(&mut recent, 12), Some(vec![]));
        assert_eq!(updates(&mut recent, 9), None);
    }

    #[test]
    fn a_chat_stands_once_in_its_latest_form() {
        let mut recent = RecentChats::new(0, false, Arc::default());
        recent.push(vec![article(1, 1, "said"), article(2, 2, "other")], 2, false);
        recent.push(vec![article(1, 3, "")], 3, false);
        assert_eq!(updates(&mut recent, 0), Some(vec![(1, 3), (2, 2)]), "what was removed is not sent again");
        assert_eq!(updates(&mut recent, 2), Some(vec![(1, 3)]));
    }

    #[test]
    fn an_event_travels_among_the_chats_and_without_any() {
        let event = |seq| {
            let user = "0123456789abcdef01234567".parse().unwrap();
            let (kind, at) = (EntryKind::Joined, DateTime::now());
            let event = models::Event { seq, kind, author: user, user, at, is_beyond: false };
            let names = EventNames { user: None, author: None };
            FeedItem::Event(Arc::new(EventLine::new(EventView::new(&event, names))))
        };
        let mut recent = RecentChats::new(0, false, Arc::default());
        recent.push(vec![article(1, 1, "a"), event(2)], 2, false);
        recent.push(vec![article(3, 3, "b"), event(4)], 4, false);
        assert_eq!(updates(&mut recent, 0), Some(vec![(1, 1), (2, 2), (3, 3), (4, 4)]));
        assert_eq!(updates(&mut recent, 3), Some(vec![(4, 4)]));
    }

    #[test]
    fn readers_at_one_cursor_share_one_fragment() {
        let mut recent = RecentChats::new(0, false, Arc::default());
        recent.push(vec![article(1, 1, "a")], 1, false);
        let (NextFragment::Ready(one), NextFragment::Ready(other)) = (recent.after(0), recent.after(0)) else {
            panic!("there is updates")
        };
        assert!(Arc::ptr_eq(&one, &other));
        recent.push(vec![article(2, 2, "b")], 2, false);
        assert_eq!(updates(&mut recent, 0), Some(vec![(1, 1), (2, 2)]));
    }

    #[test]
    fn no_fragment_reaches_beyond_what_the_ring_has_read() {
        let mut recent = RecentChats::new(0, false, Arc::default());
        // Entries 1 to 100 were read, and what later entries made of the chats among them.
        let chats = (1..=100).map(|seq| article(seq, if seq <= 60 { 300 + seq } else { seq }, "text"));
        recent.push(chats.collect(), 100, false);
        let mut seq = 0;
        while let NextFragment::Ready(fragment) = recent.after(seq) {
            seq = fragment.upto;
        }
        assert_eq!(seq, 100);
    }

    #[test]
    fn the_end_of_a_room_is_news_to_everybody() {
        let closed = |recent: &mut RecentChats, seq| matches!(recent.after(seq), NextFragment::Ready(fragment) if fragment.closed);
        let mut recent = RecentChats::new(3, true, Arc::default());
        assert!(closed(&mut recent, 3));
        let mut recent = RecentChats::new(3, false, Arc::default());
        recent.push(vec![article(4, 4, "last words")], 5, true);
        assert!(closed(&mut recent, 3) && closed(&mut recent, 5));
        recent.clear();
        assert!(closed(&mut recent, 5));
    }

    #[test]
    fn it_keeps_a_bounded_number_and_knows_how_far_it_reaches() {
        let mut recent = RecentChats::new(0, false, Arc::default());
        for seq in 1..=1_000 {
            recent.push(vec![article(seq, seq, "text")], seq, false);
        }
        let floor = 1_000 - MAX_CHATS as i64;
        assert_eq!(updates(&mut recent, floor - 1), None);
        assert_eq!(all_updates(&mut recent, floor), (floor + 1..=1_000).collect::<Vec<_>>());
        let long = "x".repeat(MAX_BYTES);
        recent.push(vec![article(1_001, 1_001, &long)], 1_001, false);
        assert_eq!(updates(&mut recent, 1_000), Some(vec![(1_001, 1_001)]), "one chat always");
        assert_eq!(updates(&mut recent, 999), None);
        assert_eq!((recent.items.len(), recent.revisions.len()), (1, 1));
    }
}
