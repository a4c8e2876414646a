//! The latest chats of a live room. A chat stands in it once, in its latest form, at the place of the
//! last entry about it: what was removed is never sent again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::views::chat::{Article, Feed, Fragment};

/// Chats at most.
const CHATS: usize = 256;
/// Bytes at most, about; but one chat always.
const BYTES: usize = 1 << 20;
/// Fragments kept for the current end: readers stand at few different places.
const FRAGMENTS: usize = 16;

/// The chats that the entries after `floor` are about.
pub(super) struct Ring {
    /// Whoever has seen all up to here is served from the ring.
    floor: i64,
    upto: i64,
    closed: bool,
    articles: BTreeMap<i64, Arc<Article>>,
    /// Where a chat stands in `articles`.
    places: HashMap<i64, i64>,
    bytes: usize,
    /// Made for a cursor, for as long as the end stays.
    fragments: VecDeque<(i64, Arc<Fragment>)>,
}

/// What the ring has for a cursor.
pub(super) enum After {
    /// Nothing is new.
    Nothing,
    /// All that is new.
    News(Arc<Fragment>),
    /// The cursor is too old: the log has it.
    Behind,
}

impl Ring {
    /// An empty ring at the end of a log.
    pub(super) fn new(upto: i64) -> Self {
        Self {
            floor: upto,
            upto,
            closed: false,
            articles: BTreeMap::new(),
            places: HashMap::new(),
            bytes: 0,
            fragments: VecDeque::new(),
        }
    }

    /// How far it reaches.
    pub(super) fn upto(&self) -> i64 {
        self.upto
    }

    /// Takes what the next entries, up to `upto`, are about.
    pub(super) fn push(&mut self, articles: Vec<Arc<Article>>, upto: i64, closed: bool) {
        for article in articles {
            let (seq, rev) = (article.view.seq, article.view.rev);
            if let Some(old) = self.places.insert(seq, rev).and_then(|place| self.articles.remove(&place)) {
                self.bytes -= old.weight();
            }
            self.bytes += article.weight();
            self.articles.insert(rev, article);
        }
        self.upto = upto;
        self.closed |= closed;
        self.fragments.clear();
        while self.articles.len() > CHATS || (self.bytes > BYTES && self.articles.len() > 1) {
            let Some((rev, article)) = self.articles.pop_first() else { break };
            self.places.remove(&article.view.seq);
            self.bytes -= article.weight();
            self.floor = rev;
        }
    }

    /// What is new to whoever has seen all up to `seq`.
    pub(super) fn after(&mut self, seq: i64) -> After {
        if seq < self.floor {
            return After::Behind;
        }
        if seq >= self.upto {
            return After::Nothing;
        }
        if let Some((_, fragment)) = self.fragments.iter().find(|(cursor, _)| *cursor == seq) {
            return After::News(Arc::clone(fragment));
        }
        let mut articles: Vec<_> = self.articles.range(seq + 1..).map(|(_, article)| Arc::clone(article)).collect();
        articles.sort_unstable_by_key(|article| article.view.seq);
        let fragment = Arc::new(Fragment::new(Feed { articles, upto: self.upto, closed: self.closed }));
        self.fragments.truncate(FRAGMENTS - 1);
        self.fragments.push_front((seq, Arc::clone(&fragment)));
        After::News(fragment)
    }
}
