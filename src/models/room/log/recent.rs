use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::Entry;
use crate::cache::{Budget, Charge};

/// Bounds of what readers near the head get without a query.
const CACHED_ENTRIES: usize = 256;
const CACHED_BYTES: usize = 256 << 10;

/// The last entries of a log, within the budget of all caches.
pub(super) struct RecentEntries {
    pub(super) entries: VecDeque<Arc<Entry>>,
    pub(super) charge: Charge,
    pub(super) used: Instant,
}

impl RecentEntries {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { entries: VecDeque::new(), charge: budget.charge(0), used: Instant::now() }
    }

    /// Adds the next entry. After a gap it starts over.
    pub(super) fn push(&mut self, entry: &Arc<Entry>) {
        match self.entries.back().map(|back| entry.seq - back.seq) {
            Some(..=0) => return,
            None | Some(1) => {}
            Some(_) => self.clear(),
        }
        self.entries.push_back(Arc::clone(entry));
        let mut bytes = self.charge.bytes() + entry.bytes();
        while self.entries.len() > CACHED_ENTRIES || (bytes > CACHED_BYTES && self.entries.len() > 1) {
            bytes -= self.entries.pop_front().map_or(0, |entry| entry.bytes());
        }
        self.charge.resize(bytes);
    }

    pub(super) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.charge.resize(0);
    }
}
