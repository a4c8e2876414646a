//! Limits on how often something may be done and how many sockets may be open. Counts are per instance, in memory.
//!
//! Own code instead of the crate `governor`: its keyed limiters keep a key until somebody sweeps them, so their memory
//! has no bound. They also cannot count an attempt that is still pending, which [`Counts::reserve`] has to.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config;
use crate::error::{Error, Result};

/// The most keys that one table holds: 32,768 slots of 33 bytes, so at most 1,056 KiB.
const MAX_KEYS: usize = 14_000;
/// The span that `rates` count in.
const MINUTE: Duration = Duration::from_secs(60);
/// When a client that has too many sockets open should try again.
const SOCKET_RETRY: Duration = Duration::from_secs(30);

/// The limits of the site.
pub struct Limits {
    /// Sign-ups.
    pub signups: Rate,
    /// Rooms created.
    pub rooms: Rate,
    /// Chats posted.
    pub chats: Rate,
    /// Edits and removals of chats, changes of rooms and of profiles.
    pub edits: Rate,
    /// Open sockets.
    pub sockets: Arc<Sockets>,
}

impl Limits {
    /// Takes the limits from the settings.
    pub(crate) fn new(rates: &config::Rates, sockets: config::Sockets) -> Self {
        Self {
            signups: Rate::new(rates.signups),
            rooms: Rate::new(rates.rooms),
            chats: Rate::new(rates.chats),
            edits: Rate::new(rates.edits),
            sockets: Arc::new(Sockets::new(sockets)),
        }
    }
}

/// A limit a minute, for each person and for each address.
pub struct Rate {
    /// 0 means no limit.
    max: u32,
    counts: SlidingCounts,
}

impl Rate {
    /// Allows so many a minute; 0 allows any number.
    pub fn new(times: u32) -> Self {
        Self { max: times, counts: SlidingCounts::default() }
    }

    /// Counts one for a person and for their address, unless either has used up the minute.
    ///
    /// # Errors
    /// `TooMany`, with the time until the minute is over. Then nothing is counted.
    pub fn check(&self, person: impl Hash, address: IpAddr) -> Result<()> {
        if self.max == 0 {
            return Ok(());
        }
        let keys = [self.counts.key(("person", person)), self.counts.key(network(address))];
        self.counts.take(&keys.map(|key| self.quota(key)))
    }

    /// Counts one for an address alone.
    ///
    /// # Errors
    /// As [`Rate::take`].
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        if self.max == 0 {
            return Ok(());
        }
        self.counts.take(&[self.quota(self.counts.key(network(address)))])
    }

    fn quota(&self, key: u64) -> Quota {
        Quota { key, times: self.max, span: MINUTE }
    }
}

/// How often something may happen for one key.
#[derive(Clone, Copy)]
pub(crate) struct Quota {
    /// From [`Counts::key`].
    pub(crate) key: u64,
    /// How often within [`Quota::span`].
    pub(crate) times: u32,
    /// Begins with the first event and is then over for all of them at once.
    pub(crate) span: Duration,
}

/// Events by key, in a table of at most [`KEYS`].
#[derive(Default)]
pub(crate) struct SlidingCounts {
    /// Locked for lines.
    table: Mutex<HashMap<u64, WindowCount>>,
    /// Its own for each table, so that nobody can choose keys that meet.
    hasher: RandomState,
}

struct WindowCount {
    /// When the span is over.
    until: Instant,
    /// Events within it.
    times: u32,
    /// Reservations that may become events.
    pending: u32,
}

impl SlidingCounts {
    /// Returns the key of anything.
    pub(crate) fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// Counts one event for each quota, if none of them is used up.
    ///
    /// # Errors
    /// `TooMany`, with the time until the last of the spans is over.
    pub(crate) fn take(&self, quotas: &[Quota]) -> Result<()> {
        let now = Instant::now();
        let mut table = self.table();
        is_free(&mut table, quotas, now)?;
        quotas.iter().for_each(|quota| entry(&mut table, quota, now).count(quota, now));
        Ok(())
    }

    /// Reserves one event of each quota. Answers `false` if those that are reserved may use one up.
    ///
    /// # Errors
    /// As [`Counts::take`].
    pub(crate) fn reserve(&self, quotas: &[Quota]) -> Result<bool> {
        let now = Instant::now();
        let mut table = self.table();
        let is_free = is_free(&mut table, quotas, now)?;
        if is_free {
            quotas.iter().for_each(|quota| entry(&mut table, quota, now).pending += 1);
        }
        Ok(is_free)
    }

    /// Gives reservations back.
    pub(crate) fn release(&self, quotas: &[Quota]) {
        let mut table = self.table();
        for quota in quotas {
            let Some(count) = table.get_mut(&quota.key) else { continue };
            count.pending = count.pending.saturating_sub(1);
            if count.pending == 0 && count.times == 0 {
                table.remove(&quota.key);
            }
        }
    }

    /// Counts an event that was reserved before. The reservation stays until it is released.
    pub(crate) fn count(&self, quotas: &[Quota]) {
        let now = Instant::now();
        let mut table = self.table();
        quotas.iter().for_each(|quota| entry(&mut table, quota, now).count(quota, now));
    }

    /// Forgets the events of a key.
    pub(crate) fn reset(&self, quota: &Quota) {
        if let Some(count) = self.table().get_mut(&quota.key) {
            count.times = 0;
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, WindowCount>> {
        self.table.lock()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.table().is_empty()
    }
}

impl WindowCount {
    fn count(&mut self, quota: &Quota, now: Instant) {
        if self.times == 0 || self.until <= now {
            (self.times, self.until) = (0, now + quota.span);
        }
        self.times = self.times.saturating_add(1);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.pending == 0 && (self.times == 0 || self.until <= now)
    }
}

/// Whether no quota can be used up, even if all that is reserved becomes an event.
fn is_free(table: &mut HashMap<u64, WindowCount>, quotas: &[Quota], now: Instant) -> Result<bool> {
    let (mut is_free, mut closed) = (true, None);
    for quota in quotas {
        let Some(count) = table.get_mut(&quota.key) else { continue };
        if count.until <= now {
            count.times = 0;
        }
        if count.times >= quota.times {
            closed = closed.max(Some(count.until - now));
        }
        is_free &= count.times.saturating_add(count.pending) < quota.times;
    }
    closed.map_or(Ok(is_free), |retry_after| Err(Error::RateLimited { retry_after }))
}

fn entry<'a>(table: &'a mut HashMap<u64, WindowCount>, quota: &Quota, now: Instant) -> &'a mut WindowCount {
    if table.len() >= MAX_KEYS && !table.contains_key(&quota.key) {
        evict_one(table, now);
    }
    table.entry(quota.key).or_insert_with(|| WindowCount { until: now, times: 0, pending: 0 })
}

/// Removes at least half of the keys: those whose span is over, then those with the fewest events. So a flood of new
/// keys does not reset one that is near its limit. Reserved keys stay; the hashing gate bounds their number.
fn evict_one(table: &mut HashMap<u64, WindowCount>, now: Instant) {
    table.retain(|_, count| !count.is_over(now));
    let mut surplus = table.len().saturating_sub(MAX_KEYS / 2);
    if surplus == 0 {
        return;
    }
    let mut times: Vec<u32> = table.values().map(|count| count.times).collect();
    let (_, middle, _) = times.select_nth_unstable(surplus);
    let middle = *middle;
    for is_below in [true, false] {
        table.retain(|_, count| {
            let goes =
                surplus > 0 && count.pending == 0 && (count.times < middle || !is_below && count.times == middle);
            surplus -= usize::from(goes);
            !goes
        });
    }
}

/// Returns the network that limits count an address as: the /64 of an IPv6 address, because one household has a whole /64, or
/// the IPv4 address itself.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// The open sockets, by person and by address.
pub struct Sockets {
    limits: config::Sockets,
    /// By the key of a person or of an address; a key goes with its last socket. Locked for lines.
    open: Mutex<HashMap<u64, u32>>,
    hasher: RandomState,
}

/// The place of one open socket. Dropping it frees the place.
pub struct SocketPermit {
    sockets: Arc<Sockets>,
    keys: [u64; 2],
}

impl Sockets {
    fn new(limits: config::Sockets) -> Self {
        Self { limits, open: Mutex::default(), hasher: RandomState::new() }
    }

    /// Takes a place for a socket of a person at an address.
    ///
    /// # Errors
    /// `TooMany` when either has as many as they may.
    pub fn acquire(self: &Arc<Self>, person: impl Hash, address: IpAddr) -> Result<SocketPermit> {
        let keys = [self.hasher.hash_one(("person", person)), self.hasher.hash_one(network(address))];
        let limits = [self.limits.user, self.limits.address];
        let mut open = self.table();
        let is_full = |(key, limit): (&u64, u32)| limit > 0 && open.get(key).is_some_and(|count| *count >= limit);
        if keys.iter().zip(limits).any(is_full) {
            return Err(Error::RateLimited { retry_after: SOCKET_RETRY });
        }
        keys.iter().for_each(|key| *open.entry(*key).or_default() += 1);
        Ok(SocketPermit { sockets: Arc::clone(self), keys })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.open.lock()
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut open = self.sockets.table();
        for key in self.keys {
            if let Some(count) = open.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    fn refused<T>(result: Result<T>) -> bool {
        matches!(result, Err(Error::RateLimited { retry_after }) if retry_after <= MINUTE)
    }

    #[test]
    fn a_rate_limits_a_person_and_an_address_each_on_its_own() {
        let rate = Rate::new(3);
        for n in 0..3 {
            rate.check("gildong", address(n)).unwrap();
        }
        assert!(refused(rate.check("gildong", address(9))), "the person has used up the minute");
        rate.check("chunhyang", address(9)).unwrap();
        for person in ["a", "b"] {
            rate.check(person, address(9)).unwrap();
        }
        assert!(refused(rate.check("c", address(9))), "the address has used it up");
        assert!(refused(rate.check_address(address(9))));
        rate.check("c", address(10)).unwrap();
    }

    #[test]
    fn addresses_of_one_household_count_as_one() {
        let rate = Rate::new(1);
        rate.check_address("2001:db8::1".parse().unwrap()).unwrap();
        assert!(refused(rate.check_address("2001:db8::2".parse().unwrap())));
        rate.check_address("2001:db8:0:1::1".parse().unwrap()).unwrap();
        rate.check_address("10.0.0.1".parse().unwrap()).unwrap();
        assert!(refused(rate.check_address("::ffff:10.0.0.1".parse().unwrap())));
    }

    #[test]
    fn zero_is_no_limit() {
        let rate = Rate::new(0);
        for _ in 0..10_000 {
            rate.check("gildong", address(1)).unwrap();
        }
        assert!(rate.counts.is_empty());
    }

    #[test]
    fn a_refused_event_counts_for_nobody() {
        let rate = Rate::new(2);
        rate.check("gildong", address(1)).unwrap();
        rate.check("gildong", address(1)).unwrap();
        for _ in 0..10 {
            assert!(refused(rate.check("gildong", address(2))));
        }
        rate.check("chunhyang", address(2)).unwrap();
        rate.check("chunhyang", address(2)).unwrap();
    }

    #[test]
    fn a_span_ends_and_another_begins() {
        let counts = SlidingCounts::default();
        let quota = Quota { key: 1, times: 2, span: MINUTE };
        counts.take(&[quota]).unwrap();
        counts.take(&[quota]).unwrap();
        assert!(refused(counts.take(&[quota])));
        counts.table().get_mut(&1).unwrap().until = Instant::now();
        counts.take(&[quota]).unwrap();
        assert_eq!(counts.table()[&1].times, 1);
    }

    #[test]
    fn a_flood_of_keys_is_bounded_in_bytes_and_resets_nobody_near_a_limit() {
        let rate = Rate::new(3);
        for _ in 0..3 {
            rate.check("gildong", address(0)).unwrap();
        }
        for n in 1..200_000 {
            rate.check_address(address(n)).unwrap();
            assert!(rate.counts.table().len() <= MAX_KEYS);
        }
        assert!(refused(rate.check("gildong", address(0))));
        // A slot is a key, a count and a byte of the table's own; a table fills 7 of 8 slots.
        assert_eq!(size_of::<(u64, WindowCount)>() + 1, 33);
        assert!(rate.counts.table().capacity() <= 32_768 / 8 * 7);
    }

    #[test]
    fn what_is_reserved_is_neither_removed_nor_free() {
        let counts = SlidingCounts::default();
        let quota = |key| Quota { key, times: 1, span: MINUTE };
        assert!(counts.reserve(&[quota(0)]).unwrap());
        for key in 1..100_000 {
            counts.take(&[quota(key)]).unwrap();
        }
        assert!(!counts.reserve(&[quota(0)]).unwrap());
        counts.release(&[quota(0)]);
        assert!(counts.reserve(&[quota(0)]).unwrap());
    }

    #[test]
    fn a_socket_has_its_place_until_it_is_dropped() {
        let sockets = Arc::new(Sockets::new(config::Sockets { user: 2, address: 3 }));
        let mut open = vec![sockets.acquire("a", address(1)).unwrap(), sockets.acquire("a", address(2)).unwrap()];
        assert!(refused(sockets.acquire("a", address(3))));
        open.extend((0..2).map(|_| sockets.acquire("b", address(1)).unwrap()));
        assert!(refused(sockets.acquire("c", address(1))), "the address has three");
        open.clear();
        assert!(sockets.table().is_empty());
        sockets.acquire("a", address(1)).unwrap();
        let unlimited = Arc::new(Sockets::new(config::Sockets { user: 0, address: 0 }));
        let many: Vec<_> = (0..10_000).map(|_| unlimited.acquire("a", address(1)).unwrap()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
