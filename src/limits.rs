//! Rate limits and socket limits, counted in memory by each instance.
//!
//! The crate `governor` does not fit: its keyed limiters have no bound in memory and cannot count a pending attempt.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::config;
use crate::error::{Error, Result};

/// Limits a table to 32,768 slots of 33 bytes: 1,056 KiB.
const MAX_KEYS: usize = 14_000;
const MINUTE: Duration = Duration::from_secs(60);
/// The `Retry-After` of a client with too many open sockets.
const SOCKET_RETRY: Duration = Duration::from_secs(30);

pub(crate) struct Limits {
    pub(crate) signups: Rate,
    pub(crate) rooms: Rate,
    pub(crate) chats: Rate,
    /// Edits and removals of chats, updates of rooms and profiles.
    pub(crate) edits: Rate,
    pub(crate) sockets: Arc<SocketLimits>,
}

impl Limits {
    pub(crate) fn new(rates: &config::Rates, sockets: config::Sockets) -> Self {
        Self {
            signups: Rate::new(rates.signups),
            rooms: Rate::new(rates.rooms),
            chats: Rate::new(rates.chats),
            edits: Rate::new(rates.edits),
            sockets: Arc::new(SocketLimits::new(sockets)),
        }
    }
}

/// A limit per minute for each user and each address.
pub(crate) struct Rate {
    /// 0 means no limit.
    max: u32,
    counts: SlidingCounts,
}

impl Rate {
    pub(crate) fn new(max: u32) -> Self {
        Self { max, counts: SlidingCounts::default() }
    }

    /// Counts one event of a user at an address. Counts nothing if either has reached the limit.
    pub(crate) fn check(&self, user: impl Hash, address: IpAddr) -> Result<()> {
        if self.max == 0 {
            return Ok(());
        }
        let keys = [self.counts.key(("user", user)), self.counts.key(network(address))];
        self.counts.take(&keys.map(|key| self.quota(key)))
    }

    /// Counts one event of a user whose address is unknown.
    pub(crate) fn check_user(&self, user: impl Hash) -> Result<()> {
        if self.max == 0 {
            return Ok(());
        }
        self.counts.take(&[self.quota(self.counts.key(("user", user)))])
    }

    pub(crate) fn check_address(&self, address: IpAddr) -> Result<()> {
        if self.max == 0 {
            return Ok(());
        }
        self.counts.take(&[self.quota(self.counts.key(network(address)))])
    }

    fn quota(&self, key: u64) -> Quota {
        Quota { key, max: self.max, span: MINUTE }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Quota {
    pub(crate) key: u64,
    pub(crate) max: u32,
    /// Starts with the first event, and then resets all counts at once.
    pub(crate) span: Duration,
}

#[derive(Default)]
pub(crate) struct SlidingCounts {
    table: Mutex<HashMap<u64, WindowCount>>,
    /// A random seed for each table: clients cannot choose colliding keys.
    hasher: RandomState,
}

struct WindowCount {
    end: Instant,
    events: u32,
    /// The reservations that may become events.
    reserved: u32,
}

impl SlidingCounts {
    pub(crate) fn key(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }

    /// Counts one event in each quota. Counts nothing if one of them is used up.
    pub(crate) fn take(&self, quotas: &[Quota]) -> Result<()> {
        let now = Instant::now();
        let mut table = self.table();
        is_free(&mut table, quotas, now)?;
        quotas.iter().for_each(|quota| entry(&mut table, quota, now).count(quota, now));
        Ok(())
    }

    /// Reserves one event in each quota. Returns `false` if other reservations may use one up.
    pub(crate) fn reserve(&self, quotas: &[Quota]) -> Result<bool> {
        let now = Instant::now();
        let mut table = self.table();
        let is_free = is_free(&mut table, quotas, now)?;
        if is_free {
            quotas.iter().for_each(|quota| entry(&mut table, quota, now).reserved += 1);
        }
        Ok(is_free)
    }

    pub(crate) fn release(&self, quotas: &[Quota]) {
        let mut table = self.table();
        for quota in quotas {
            let Some(count) = table.get_mut(&quota.key) else { continue };
            count.reserved = count.reserved.saturating_sub(1);
            if count.reserved == 0 && count.events == 0 {
                table.remove(&quota.key);
            }
        }
    }

    /// Counts a reserved event. The caller still releases the reservation.
    pub(crate) fn count(&self, quotas: &[Quota]) {
        let now = Instant::now();
        let mut table = self.table();
        quotas.iter().for_each(|quota| entry(&mut table, quota, now).count(quota, now));
    }

    pub(crate) fn reset(&self, quota: &Quota) {
        if let Some(count) = self.table().get_mut(&quota.key) {
            count.events = 0;
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
        if self.events == 0 || self.end <= now {
            (self.events, self.end) = (0, now + quota.span);
        }
        self.events = self.events.saturating_add(1);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.reserved == 0 && (self.events == 0 || self.end <= now)
    }
}

/// Returns whether all quotas have room even if every reservation becomes an event.
fn is_free(table: &mut HashMap<u64, WindowCount>, quotas: &[Quota], now: Instant) -> Result<bool> {
    let (mut is_free, mut longest_wait) = (true, None);
    for quota in quotas {
        let Some(count) = table.get_mut(&quota.key) else { continue };
        if count.end <= now {
            count.events = 0;
        }
        if count.events >= quota.max {
            longest_wait = longest_wait.max(Some(count.end - now));
        }
        is_free &= count.events.saturating_add(count.reserved) < quota.max;
    }
    longest_wait.map_or(Ok(is_free), |retry_after| Err(Error::RateLimited { retry_after }))
}

fn entry<'a>(table: &'a mut HashMap<u64, WindowCount>, quota: &Quota, now: Instant) -> &'a mut WindowCount {
    if table.len() >= MAX_KEYS && !table.contains_key(&quota.key) {
        evict_half(table, now);
    }
    table.entry(quota.key).or_insert_with(|| WindowCount { end: now, events: 0, reserved: 0 })
}

/// Removes at least half of the keys: expired ones, then those with the fewest events.
///
/// A flood of new keys therefore does not reset a key near its limit. Reserved keys stay, in bounded number.
fn evict_half(table: &mut HashMap<u64, WindowCount>, now: Instant) {
    table.retain(|_, count| !count.is_over(now));
    let mut surplus = table.len().saturating_sub(MAX_KEYS / 2);
    if surplus == 0 {
        return;
    }
    let mut events: Vec<u32> = table.values().map(|count| count.events).collect();
    let threshold = *events.select_nth_unstable(surplus).1;
    for is_at_threshold in [false, true] {
        table.retain(|_, count| {
            let is_candidate = count.events < threshold || is_at_threshold && count.events == threshold;
            let is_removed = surplus > 0 && count.reserved == 0 && is_candidate;
            surplus -= usize::from(is_removed);
            !is_removed
        });
    }
}

/// Returns the network that shares one limit: an IPv4 address, or the /64 of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// The limits and counts of open sockets, by user and by address.
pub(crate) struct SocketLimits {
    limits: config::Sockets,
    open: Mutex<HashMap<u64, u32>>,
    hasher: RandomState,
}

pub struct SocketPermit {
    sockets: Arc<SocketLimits>,
    keys: [u64; 2],
}

impl SocketLimits {
    fn new(limits: config::Sockets) -> Self {
        Self { limits, open: Mutex::default(), hasher: RandomState::new() }
    }

    pub(crate) fn acquire(self: &Arc<Self>, user: impl Hash, address: IpAddr) -> Result<SocketPermit> {
        let keys = [self.hasher.hash_one(("user", user)), self.hasher.hash_one(network(address))];
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
    fn a_rate_limits_a_user_and_an_address_separately() {
        let rate = Rate::new(3);
        for n in 0..3 {
            rate.check("gildong", address(n)).unwrap();
        }
        assert!(refused(rate.check("gildong", address(9))), "the user has reached the limit");
        rate.check("chunhyang", address(9)).unwrap();
        for user in ["a", "b"] {
            rate.check(user, address(9)).unwrap();
        }
        assert!(refused(rate.check("c", address(9))), "the address has reached the limit");
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
        let quota = Quota { key: 1, max: 2, span: MINUTE };
        counts.take(&[quota]).unwrap();
        counts.take(&[quota]).unwrap();
        assert!(refused(counts.take(&[quota])));
        counts.table().get_mut(&1).unwrap().end = Instant::now();
        counts.take(&[quota]).unwrap();
        assert_eq!(counts.table()[&1].events, 1);
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
        let quota = |key| Quota { key, max: 1, span: MINUTE };
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
        let sockets = Arc::new(SocketLimits::new(config::Sockets { user: 2, address: 3 }));
        let mut open = vec![sockets.acquire("a", address(1)).unwrap(), sockets.acquire("a", address(2)).unwrap()];
        assert!(refused(sockets.acquire("a", address(3))));
        open.extend((0..2).map(|_| sockets.acquire("b", address(1)).unwrap()));
        assert!(refused(sockets.acquire("c", address(1))), "the address has three");
        open.clear();
        assert!(sockets.table().is_empty());
        sockets.acquire("a", address(1)).unwrap();
        let unlimited = Arc::new(SocketLimits::new(config::Sockets { user: 0, address: 0 }));
        let many: Vec<_> = (0..10_000).map(|_| unlimited.acquire("a", address(1)).unwrap()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
