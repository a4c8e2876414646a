//! The latest chats of a live room. A chat stands in it once, in its latest form, at the place of the
//! last entry about it: what was removed is never sent again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::cache::Budget;
use crate::views::chat::{Article, Feed, Fragment};

/// Chats at most.
const MAX_CHATS: usize = 256;
/// Bytes at most, about; but one chat always.
const MAX_BYTES: usize = 1 << 20;
/// Bytes at most, about, that go out at once; but one chat always.
const MAX_FRAGMENT_BYTES: usize = 64 << 10;
/// Fragments kept for the current end: readers stand at few different places.
const CACHED_FRAGMENTS: usize = 16;

/// The chats that the entries after `floor` are about.
pub(super) struct RecentChats {
    /// Whoever has seen all up to here is served from the ring.
    oldest: i64,
    upto: i64,
    closed: bool,
    articles: BTreeMap<i64, Arc<Article>>,
    /// Where a chat stands in `articles`.
    revisions: HashMap<i64, i64>,
    bytes: usize,
    /// Made for a cursor, for as long as the end stays.
    fragments: VecDeque<(i64, Arc<Fragment>)>,
    /// What its fragments are charged to; its articles are charged already.
    budget: Arc<Budget>,
    used: Instant,
}

/// What the ring has for a cursor.
pub(super) enum Catchup {
    /// Nothing is new.
    None,
    /// What is new, or the first of it.
    Fragment(Arc<Fragment>),
    /// The cursor is too old: the log has it.
    TooOld,
}

impl RecentChats {
    /// An empty ring at the end of a log, which may have ended.
    pub(super) fn new(upto: i64, closed: bool, budget: Arc<Budget>) -> Self {
        Self {
            oldest: upto,
            upto,
            closed,
            articles: BTreeMap::new(),
            revisions: HashMap::new(),
            bytes: 0,
            fragments: VecDeque::new(),
            budget,
            used: Instant::now(),
        }
    }

    /// Returns when it last took or handed out a chat; `None` when it is empty.
    pub(super) fn last_used(&self) -> Option<Instant> {
        (!self.articles.is_empty()).then_some(self.used)
    }

    /// How far it reaches.
    pub(super) fn upto(&self) -> i64 {
        self.upto
    }

    /// Takes what the next entries, up to `upto`, are about.
    pub(super) fn push(&mut self, articles: Vec<Arc<Article>>, upto: i64, closed: bool) {
        for article in articles {
            let (seq, rev) = (article.view.seq, article.view.rev);
            if let Some(old) = self.revisions.insert(seq, rev).and_then(|place| self.articles.remove(&place)) {
                self.bytes -= old.weight();
            }
            self.bytes += article.weight();
            self.articles.insert(rev, article);
        }
        self.upto = upto;
        self.used = Instant::now();
        self.closed |= closed;
        self.fragments.clear();
        while self.articles.len() > MAX_CHATS || (self.bytes > MAX_BYTES && self.articles.len() > 1) {
            let Some((rev, article)) = self.articles.pop_first() else { break };
            self.revisions.remove(&article.view.seq);
            self.bytes -= article.weight();
            self.oldest = rev;
        }
    }

    /// Forgets all chats; whoever is behind asks the log.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.upto, self.closed, Arc::clone(&self.budget));
    }

    /// What is new to whoever has seen all up to `seq`. That the room has ended is news to everybody.
    pub(super) fn after(&mut self, seq: i64) -> Catchup {
        if seq < self.oldest {
            return Catchup::TooOld;
        }
        if seq >= self.upto && !self.closed {
            return Catchup::None;
        }
        if let Some((_, fragment)) = self.fragments.iter().find(|(cursor, _)| *cursor == seq) {
            return Catchup::Fragment(Arc::clone(fragment));
        }
        let articles = self.articles.range(seq + 1..).map(|(_, article)| Arc::clone(article));
        let feed = take_batch(articles, self.upto, self.closed);
        let fragment = Arc::new(Fragment::new(feed).charged_to(&self.budget));
        self.used = Instant::now();
        self.fragments.truncate(CACHED_FRAGMENTS - 1);
        self.fragments.push_front((seq, Arc::clone(&fragment)));
        Catchup::Fragment(fragment)
    }
}

/// Returns the first of some chats, in order of their revisions, that fit into one fragment: at most [`AT_ONCE`] bytes,
/// but one chat always. `upto` and `closed` are true of all of them.
pub(super) fn take_batch(articles: impl Iterator<Item = Arc<Article>>, mut upto: i64, mut closed: bool) -> Feed {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for article in articles {
        bytes += article.weight();
        if bytes > MAX_FRAGMENT_BYTES && !part.is_empty() {
            // All entries up to here are about these chats, or about chats that come later in a newer form. A chat may
            // have a revision beyond `upto`.
            (upto, closed) = (upto.min(article.view.rev - 1), false);
            break;
        }
        part.push(article);
    }
    part.sort_unstable_by_key(|article| article.view.seq);
    Feed { articles: part, upto, closed }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;
    use crate::models;
    use crate::views::chat::Chat;

    fn article(seq: i64, rev: i64, text: &str) -> Arc<Article> {
        let chat = models::Chat {
            room: "0123456789abcdef01234567".parse().unwrap(),
            seq,
            no: seq,
            rev,
            author: "0123456789abcdef01234567".parse().unwrap(),
            text: text.into(),
            at: DateTime::now(),
            removed: text.is_empty(),
        };
        Arc::new(Article::new(Chat::new(chat, None)))
    }

    /// The seqs and revs that a reader gets; `None` when the log has to be asked.
    fn news(ring: &mut RecentChats, seq: i64) -> Option<Vec<(i64, i64)>> {
        match ring.after(seq) {
            Catchup::TooOld => None,
            Catchup::None => Some(Vec::new()),
            Catchup::Fragment(fragment) => {
                Some(fragment.view.articles.iter().map(|article| (article.view.seq, article.view.rev)).collect())
            }
        }
    }

    /// The seqs that a reader gets, fragment by fragment, until nothing is new.
    fn all_news(ring: &mut RecentChats, mut seq: i64) -> Vec<i64> {
        let mut seqs = Vec::new();
        while let Catchup::Fragment(fragment) = ring.after(seq) {
            let weight: usize = fragment.view.articles.iter().map(|article| article.weight()).sum();
            assert!(weight <= MAX_FRAGMENT_BYTES || fragment.view.articles.len() == 1, "{weight} bytes at once");
            assert!(fragment.view.upto > seq, "it goes on");
            seqs.extend(fragment.view.articles.iter().map(|article| article.view.seq));
            seq = fragment.view.upto;
        }
        seqs
    }

    #[test]
    fn a_reader_gets_what_came_after_its_cursor() {
        let mut ring = RecentChats::new(10, false, Arc::default());
        assert_eq!(news(&mut ring, 10), Some(vec![]));
        ring.push(vec![article(11, 11, "a"), article(12, 12, "b")], 12, false);
        assert_eq!(news(&mut ring, 10), Some(vec![(11, 11), (12, 12)]));
        assert_eq!(news(&mut ring, 11), Some(vec![(12, 12)]));
        assert_eq!(news(&mut ring, 12), Some(vec![]));
        assert_eq!(news(&mut ring, 9), None);
    }

    #[test]
    fn a_chat_stands_once_in_its_latest_form() {
        let mut ring = RecentChats::new(0, false, Arc::default());
        ring.push(vec![article(1, 1, "said"), article(2, 2, "other")], 2, false);
        ring.push(vec![article(1, 3, "")], 3, false);
        assert_eq!(news(&mut ring, 0), Some(vec![(1, 3), (2, 2)]), "what was removed is not sent again");
        assert_eq!(news(&mut ring, 2), Some(vec![(1, 3)]));
    }

    #[test]
    fn readers_at_one_cursor_share_one_fragment() {
        let mut ring = RecentChats::new(0, false, Arc::default());
        ring.push(vec![article(1, 1, "a")], 1, false);
        let (Catchup::Fragment(one), Catchup::Fragment(other)) = (ring.after(0), ring.after(0)) else {
            panic!("there is news")
        };
        assert!(Arc::ptr_eq(&one, &other));
        ring.push(vec![article(2, 2, "b")], 2, false);
        assert_eq!(news(&mut ring, 0), Some(vec![(1, 1), (2, 2)]));
    }

    #[test]
    fn no_fragment_reaches_beyond_what_the_ring_has_read() {
        let mut ring = RecentChats::new(0, false, Arc::default());
        // Entries 1 to 100 were read, and what later entries made of the chats among them.
        let chats = (1..=100).map(|seq| article(seq, if seq <= 60 { 300 + seq } else { seq }, "text"));
        ring.push(chats.collect(), 100, false);
        let mut seq = 0;
        while let Catchup::Fragment(fragment) = ring.after(seq) {
            seq = fragment.view.upto;
        }
        assert_eq!(seq, 100);
    }

    #[test]
    fn the_end_of_a_room_is_news_to_everybody() {
        let closed = |ring: &mut RecentChats, seq| matches!(ring.after(seq), Catchup::Fragment(fragment) if fragment.view.closed);
        let mut ring = RecentChats::new(3, true, Arc::default());
        assert!(closed(&mut ring, 3));
        let mut ring = RecentChats::new(3, false, Arc::default());
        ring.push(vec![article(4, 4, "last words")], 5, true);
        assert!(closed(&mut ring, 3) && closed(&mut ring, 5));
        ring.clear();
        assert!(closed(&mut ring, 5));
    }

    #[test]
    fn it_keeps_a_bounded_number_and_knows_how_far_it_reaches() {
        let mut ring = RecentChats::new(0, false, Arc::default());
        for seq in 1..=1_000 {
            ring.push(vec![article(seq, seq, "text")], seq, false);
        }
        let floor = 1_000 - MAX_CHATS as i64;
        assert_eq!(news(&mut ring, floor - 1), None);
        assert_eq!(all_news(&mut ring, floor), (floor + 1..=1_000).collect::<Vec<_>>());
        let long = "x".repeat(MAX_BYTES);
        ring.push(vec![article(1_001, 1_001, &long)], 1_001, false);
        assert_eq!(news(&mut ring, 1_000), Some(vec![(1_001, 1_001)]), "one chat always");
        assert_eq!(news(&mut ring, 999), None);
        assert_eq!((ring.articles.len(), ring.revisions.len()), (1, 1));
    }
}
