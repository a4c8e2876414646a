//! Documents that were read a moment ago and stand in for the same question. Only while no other site writes: then
//! whatever changes one passes by here and has it forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

/// How long a document is kept: what somebody changes in the database by hand is seen after that.
const LIFE: Duration = Duration::from_secs(5);
/// Documents of one collection that are kept before all are forgotten.
const DOCUMENTS: usize = 4_096;

/// The documents of one collection by their key.
pub(super) struct Memo<T>(Mutex<Known<T>>);

struct Known<T> {
    documents: HashMap<String, (T, Instant)>,
    /// Counts what was forgotten, so that what was read before a change is not taken for new.
    version: u64,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::new(Known { documents: HashMap::new(), version: 0 }))
    }
}

impl<T: Clone> Memo<T> {
    /// The document of a key, or the version that one may be kept under which is read from now on.
    pub(super) fn recall(&self, key: &str) -> Result<T, u64> {
        let known = self.known();
        match known.documents.get(key) {
            Some((document, read)) if read.elapsed() < LIFE => Ok(document.clone()),
            _ => Err(known.version),
        }
    }

    /// Keeps a document, unless something was forgotten since `version`.
    pub(super) fn keep(&self, version: u64, key: String, document: T) {
        let mut known = self.known();
        if known.version != version {
            return;
        }
        if known.documents.len() >= DOCUMENTS {
            known.documents.clear();
        }
        known.documents.insert(key, (document, Instant::now()));
    }
}

impl<T> Memo<T> {
    /// Forgets the document of a key, which has changed; without a key all of them.
    pub(super) fn forget(&self, key: Option<&str>) {
        let mut known = self.known();
        known.version += 1;
        match key {
            Some(key) => drop(known.documents.remove(key)),
            None => known.documents.clear(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_document_is_recalled_until_something_changes_or_it_is_old() {
        let memo = Memo::default();
        let version = memo.recall("a").unwrap_err();
        memo.keep(version, "a".into(), 1);
        assert_eq!(memo.recall("a"), Ok(1));
        memo.forget(Some("b"));
        assert_eq!(memo.recall("a"), Ok(1));
        memo.forget(Some("a"));
        assert!(memo.recall("a").is_err());
        memo.keep(memo.recall("a").unwrap_err(), "a".into(), 2);
        assert_eq!(memo.recall("a"), Ok(2));
        tokio::time::advance(LIFE).await;
        assert!(memo.recall("a").is_err());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let memo = Memo::default();
        let version = memo.recall("a").unwrap_err();
        memo.forget(Some("b"));
        memo.keep(version, "a".into(), 1);
        assert!(memo.recall("a").is_err());
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let memo = Memo::default();
        for n in 0..=DOCUMENTS {
            memo.keep(0, n.to_string(), n);
            assert!(memo.known().documents.len() <= DOCUMENTS);
        }
        assert_eq!(memo.recall(&DOCUMENTS.to_string()), Ok(DOCUMENTS));
    }
}
