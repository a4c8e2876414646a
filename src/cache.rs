//! Caches with one shared budget in bytes.
//!
//! Each cache charges its entries to a [`Budget`], which evicts the least recently used caches. Entries also have a
//! maximum age, because a change notification may be lost.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval};

const DEFAULT_LIMIT: usize = 32 << 20;
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// The time after which an unused cache of one room is dropped.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// Freed bytes after which the allocator returns memory to the system.
const TRIM_STEP: usize = 8 << 20;
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The bytes of an entry besides its value: key, slot and times.
const ENTRY_OVERHEAD: usize = 160;

/// A cache that the budget can empty. Its methods never wait for a lock.
pub(crate) trait Evict: Send + Sync {
    /// Returns `None` if the cache is empty or locked.
    fn last_used(&self) -> Option<Instant>;
    fn evict(&self);
    fn expire(&self, now: Instant);
}

pub struct Budget {
    limit: AtomicUsize,
    used: AtomicUsize,
    /// The highest use since the allocator last returned memory to the system.
    peak: AtomicUsize,
    caches: Mutex<Vec<Weak<dyn Evict>>>,
    /// The time of an eviction that freed too little. Only one thread evicts at a time.
    evicting: Mutex<Option<Instant>>,
}

pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            limit: AtomicUsize::new(DEFAULT_LIMIT),
            used: AtomicUsize::default(),
            peak: AtomicUsize::default(),
            caches: Mutex::default(),
            evicting: Mutex::default(),
        }
    }
}

impl Budget {
    pub(crate) fn set_limit(&self, bytes: u64) {
        self.limit.store(usize::try_from(bytes).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Charges bytes. The caller must call [`Budget::relieve`] once it holds no lock.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        let mut charge = Charge { budget: Arc::clone(self), bytes: 0 };
        charge.resize(bytes);
        charge
    }

    /// Evicts if the use exceeds the limit.
    ///
    /// Call it without a lock: dropping an evicted room or log locks the tables of rooms and logs.
    pub(crate) fn relieve(&self) {
        if self.used() > self.limit.load(Ordering::Relaxed) {
            self.evict();
        }
    }

    pub(crate) fn register(&self, cache: Weak<dyn Evict>) {
        self.caches.lock().push(cache);
    }

    /// Drops old entries periodically. Never returns.
    pub async fn sweep(self: Arc<Self>) {
        let mut ticks = interval(SWEEP_INTERVAL);
        loop {
            let now = ticks.tick().await;
            self.caches.lock().retain(|cache| cache.strong_count() > 0);
            self.live_caches().iter().for_each(|cache| cache.expire(now));
            self.trim().await;
        }
    }

    async fn trim(&self) {
        let used = self.used();
        if self.peak.load(Ordering::Relaxed).saturating_sub(used) >= TRIM_STEP {
            self.peak.store(used, Ordering::Relaxed);
            if let Err(panic) = spawn_blocking(sarangbang_allocator::trim).await {
                log::error!("memory not returned to the system: error={panic}");
            }
        }
    }

    fn live_caches(&self) -> Vec<Arc<dyn Evict>> {
        self.caches.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Empties the least recently used caches until an eighth of the budget is free.
    fn evict(&self) {
        let Some(mut last_failure) = self.evicting.try_lock() else { return };
        if last_failure.is_some_and(|failure| failure.elapsed() < RETRY_DELAY) {
            return;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        let target = limit - limit / 8;
        let mut caches: Vec<_> =
            self.live_caches().into_iter().filter_map(|cache| Some((cache.last_used()?, cache))).collect();
        caches.sort_by_key(|(used, _)| *used);
        for (_, cache) in caches {
            if self.used() <= target {
                break;
            }
            cache.evict();
        }
        *last_failure = (self.used() > target).then(Instant::now);
    }
}

impl Charge {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn resize(&mut self, bytes: usize) {
        let used = &self.budget.used;
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let total = used.fetch_add(more, Ordering::Relaxed) + more;
            self.budget.peak.fetch_max(total, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup<V> {
    Hit(V),
    /// A value read from now on may be inserted with this version.
    Miss(Version),
}

/// The number of invalidations so far. It prevents inserting a value that was read before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(u64);

/// A map with a maximum age and a maximum size in bytes.
pub(crate) struct Cache<K, V> {
    state: Mutex<CacheState<K, V>>,
    budget: Arc<Budget>,
    max_age: Duration,
    max_bytes: usize,
    version: AtomicU64,
    /// Pending changes block all inserts.
    pending_changes: AtomicUsize,
}

struct CacheState<K, V> {
    entries: HashMap<K, CacheEntry<V>>,
    charge: Charge,
    last_used: Instant,
}

struct CacheEntry<V> {
    value: V,
    bytes: usize,
    inserted: Instant,
    last_used: Instant,
}

/// A pending change of the source of a cache. Dropping it ends the change.
pub(crate) struct ChangeGuard<K: Eq + Hash, V> {
    cache: Arc<Cache<K, V>>,
    key: Option<K>,
}

impl<K: Eq + Hash + Clone + Send + 'static, V: Clone + Send + 'static> Cache<K, V> {
    pub(crate) fn new(budget: &Arc<Budget>, max_age: Duration, max_bytes: usize) -> Arc<Self> {
        let state = CacheState { entries: HashMap::new(), charge: budget.charge(0), last_used: Instant::now() };
        let (version, pending_changes) = (AtomicU64::default(), AtomicUsize::default());
        let (state, budget) = (Mutex::new(state), Arc::clone(budget));
        let cache = Arc::new(Self { state, budget, max_age, max_bytes, version, pending_changes });
        let weak: Weak<dyn Evict> = Arc::downgrade(&(Arc::clone(&cache) as Arc<dyn Evict>));
        cache.budget.register(weak);
        cache
    }

    pub(crate) fn get(&self, key: &K) -> Lookup<V> {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.last_used = now;
        match state.entries.get_mut(key) {
            Some(stored) if now - stored.inserted < self.max_age => {
                stored.last_used = now;
                Lookup::Hit(stored.value.clone())
            }
            _ => Lookup::Miss(self.version()),
        }
    }

    /// Returns the version for a value that the caller reads afterwards.
    pub(crate) fn version(&self) -> Version {
        Version(self.version.load(Ordering::Acquire))
    }

    /// Inserts a value unless the cache was invalidated after `version`.
    pub(crate) fn insert(&self, version: Version, key: K, value: V, bytes: usize) {
        let mut state = self.state.lock();
        if self.version() == version && self.pending_changes.load(Ordering::Acquire) == 0 {
            self.store(&mut state, key, value, bytes);
        }
        drop(state);
        self.budget.relieve();
    }

    /// Inserts a value if there is none or `is_better` prefers it to the stored one. Returns whether it did.
    pub(crate) fn insert_if(&self, key: K, value: V, bytes: usize, is_better: impl FnOnce(&V) -> bool) -> bool {
        let mut state = self.state.lock();
        let is_accepted = state.entries.get(&key).is_none_or(|stored| is_better(&stored.value));
        if is_accepted {
            self.store(&mut state, key, value, bytes);
        }
        drop(state);
        self.budget.relieve();
        is_accepted
    }

    pub(crate) fn renew(&self, version: Version, key: &K) {
        let mut state = self.state.lock();
        if self.version() == version
            && let Some(stored) = state.entries.get_mut(key)
        {
            stored.inserted = Instant::now();
        }
    }

    fn store(&self, state: &mut CacheState<K, V>, key: K, value: V, bytes: usize) {
        let (now, bytes) = (Instant::now(), bytes + ENTRY_OVERHEAD);
        if bytes > self.max_bytes {
            return;
        }
        let stored = CacheEntry { value, bytes, inserted: now, last_used: now };
        let replaced = state.entries.insert(key, stored).map_or(0, |replaced| replaced.bytes);
        let total = state.charge.bytes() - replaced + bytes;
        state.charge.resize(total);
        if total > self.max_bytes {
            state.evict(self.max_bytes / 2);
        }
    }

    /// Drops the value of a key, or all values without a key.
    pub(crate) fn invalidate(&self, key: Option<&K>) {
        let mut state = self.state.lock();
        self.version.fetch_add(1, Ordering::AcqRel);
        state.remove(key);
    }

    /// Invalidates a key, or all keys, now and again at the end of the change.
    pub(crate) fn change(self: &Arc<Self>, key: Option<K>) -> ChangeGuard<K, V> {
        self.pending_changes.fetch_add(1, Ordering::AcqRel);
        self.invalidate(key.as_ref());
        ChangeGuard { cache: Arc::clone(self), key }
    }

    /// Returns the entries that are older than `age` and were used within `recently`.
    pub(crate) fn older_than(&self, age: Duration, recently: Duration) -> Vec<(K, V)> {
        let now = Instant::now();
        let state = self.state.lock();
        let is_due = |stored: &CacheEntry<V>| now - stored.inserted >= age && now - stored.last_used < recently;
        let old = state.entries.iter().filter(|(_, stored)| is_due(stored));
        old.map(|(key, stored)| (key.clone(), stored.value.clone())).collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().entries.len()
    }
}

impl<K: Eq + Hash, V> Drop for ChangeGuard<K, V> {
    fn drop(&mut self) {
        let mut state = self.cache.state.lock();
        self.cache.version.fetch_add(1, Ordering::AcqRel);
        state.remove(self.key.as_ref());
        self.cache.pending_changes.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<K: Eq + Hash, V> CacheState<K, V> {
    fn remove(&mut self, key: Option<&K>) {
        let Some(key) = key else {
            self.entries.clear();
            return self.charge.resize(0);
        };
        if let Some(stored) = self.entries.remove(key) {
            self.charge.resize(self.charge.bytes() - stored.bytes);
        }
    }

    /// Drops the least recently used entries until at most `bytes` remain.
    fn evict(&mut self, bytes: usize) {
        let mut uses: Vec<(Instant, usize)> =
            self.entries.values().map(|stored| (stored.last_used, stored.bytes)).collect();
        uses.sort_unstable_by(|first, second| second.cmp(first));
        let mut total = 0;
        let oldest = uses.iter().find(|(_, size)| {
            total += size;
            total > bytes
        });
        let Some((oldest, _)) = oldest.copied() else { return };
        self.entries.retain(|_, stored| stored.last_used > oldest);
        self.charge.resize(self.entries.values().map(|stored| stored.bytes).sum());
    }
}

impl<K: Eq + Hash + Send + 'static, V: Send + 'static> Evict for Cache<K, V> {
    fn last_used(&self) -> Option<Instant> {
        let state = self.state.try_lock()?;
        (!state.entries.is_empty()).then_some(state.last_used)
    }

    fn evict(&self) {
        if let Some(mut state) = self.state.try_lock() {
            let half = state.charge.bytes() / 2;
            state.evict(half);
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut state) = self.state.try_lock() {
            state.entries.retain(|_, stored| now.saturating_duration_since(stored.inserted) < self.max_age);
            let bytes = state.entries.values().map(|stored| stored.bytes).sum();
            state.charge.resize(bytes);
            if state.entries.is_empty() {
                state.entries.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    fn cache(budget: &Arc<Budget>) -> Arc<Cache<u32, u32>> {
        Cache::new(budget, AGE, usize::MAX)
    }

    fn miss(cache: &Cache<u32, u32>, key: u32) -> Version {
        match cache.get(&key) {
            Lookup::Miss(version) => version,
            Lookup::Hit(value) => panic!("found {value}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_found_until_it_is_invalidated_or_too_old() {
        let cache = cache(&Arc::default());
        cache.insert(miss(&cache, 1), 1, 10, 100);
        assert_eq!(cache.get(&1), Lookup::Hit(10));
        cache.invalidate(Some(&2));
        assert_eq!(cache.get(&1), Lookup::Hit(10));
        cache.invalidate(Some(&1));
        cache.insert(miss(&cache, 1), 1, 11, 100);
        assert_eq!(cache.get(&1), Lookup::Hit(11));
        tokio::time::advance(AGE).await;
        miss(&cache, 1);
    }

    #[test]
    fn a_value_read_before_or_during_a_change_is_not_inserted() {
        let cache = cache(&Arc::default());
        let version = miss(&cache, 1);
        cache.invalidate(Some(&2));
        cache.insert(version, 1, 10, 100);
        miss(&cache, 1);
        let change = cache.change(Some(1));
        cache.insert(miss(&cache, 1), 1, 10, 100);
        let during = miss(&cache, 1);
        drop(change);
        cache.insert(during, 1, 10, 100);
        cache.insert(miss(&cache, 1), 1, 11, 100);
        assert_eq!(cache.get(&1), Lookup::Hit(11));
    }

    #[tokio::test(start_paused = true)]
    async fn all_caches_together_stay_within_the_budget_and_the_idle_one_pays() {
        let budget = Arc::new(Budget::default());
        budget.set_limit(100_000);
        let (idle, busy) = (cache(&budget), cache(&budget));
        for key in 0..40 {
            idle.insert(miss(&idle, key), key, key, 1_000);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        for key in 0..60 {
            busy.insert(miss(&busy, key), key, key, 1_000);
            assert!(budget.used() <= 100_000, "{} bytes", budget.used());
        }
        assert_eq!(busy.len(), 60);
        assert!(idle.len() < 40);
        let held = budget.charge(70_000);
        budget.relieve();
        assert!(busy.len() < 60);
        drop((idle, busy, held));
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_are_too_old_give_their_bytes_back() {
        let budget = Arc::new(Budget::default());
        let cache = cache(&budget);
        cache.insert(miss(&cache, 1), 1, 10, 1_000);
        tokio::spawn(Arc::clone(&budget).sweep());
        assert!(budget.used() > 1_000);
        tokio::time::sleep(AGE + SWEEP_INTERVAL).await;
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_cache_keeps_its_own_limit_by_dropping_what_was_used_least_recently() {
        let cache: Arc<Cache<u32, u32>> = Cache::new(&Arc::default(), AGE, 10_000);
        for key in 0..100 {
            tokio::time::advance(Duration::from_millis(1)).await;
            cache.insert(miss(&cache, key), key, key, 500);
            assert!(cache.state.lock().charge.bytes() <= 10_000);
        }
        assert_eq!(cache.get(&99), Lookup::Hit(99));
        miss(&cache, 0);
    }
}
