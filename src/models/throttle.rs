//! How often signing in may fail: 10 times in 3 minutes a user and an address. Kept in memory, a site each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::checked::Login;
use crate::error::{Error, Result};

const FAILURES: usize = 10;
const WINDOW: Duration = Duration::from_secs(180);
/// Above so many keys those that have expired are swept out.
const SWEEP: usize = 10_000;

/// What failures are counted by.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    User(Login),
    Address(IpAddr),
}

/// The failures of the last three minutes.
#[derive(Default)]
pub(super) struct Throttle {
    /// Written by every try; locked for lines.
    tries: Mutex<HashMap<Key, Tries>>,
    /// Wakes those who wait for a try under way.
    settled: Notify,
}

#[derive(Default)]
struct Tries {
    failed: Vec<Instant>,
    under_way: usize,
}

/// A try under way. Until it is settled it may yet fail, so as many at once as may fail are no way around.
pub(super) struct Try<'a> {
    throttle: &'a Throttle,
    /// The address first, then the user, if it can be one.
    keys: Vec<Key>,
}

impl Throttle {
    /// Begins a try; waits where those under way might close the door.
    ///
    /// # Errors
    /// `TooMany`, with the time until trying again makes sense.
    pub(super) async fn try_as(&self, login: Option<&Login>, address: IpAddr) -> Result<Try<'_>> {
        let mut keys = vec![Key::Address(network(address))];
        keys.extend(login.cloned().map(Key::User));
        loop {
            let settled = self.settled.notified();
            if self.begin(&keys)? {
                return Ok(Try { throttle: self, keys });
            }
            settled.await;
        }
    }

    /// Whether the try may begin now.
    fn begin(&self, keys: &[Key]) -> Result<bool> {
        let now = Instant::now();
        let mut all = self.tries();
        if all.len() > SWEEP {
            all.retain(|_, tries| tries.under_way > 0 || tries.failed.last().is_some_and(|last| now - *last < WINDOW));
        }
        let (mut may, mut closed) = (true, None);
        for key in keys {
            let Some(tries) = all.get_mut(key) else { continue };
            tries.failed.retain(|failed| now - *failed < WINDOW);
            if tries.failed.len() >= FAILURES {
                // The oldest failure is forgotten then; with both doors closed, the later one counts.
                closed = closed.max(Some(WINDOW - (now - tries.failed[0])));
            }
            may &= tries.failed.len() + tries.under_way < FAILURES;
        }
        if let Some(retry_after) = closed {
            return Err(Error::TooMany { retry_after });
        }
        if may {
            keys.iter().for_each(|key| all.entry(key.clone()).or_default().under_way += 1);
        }
        Ok(may)
    }

    fn tries(&self) -> MutexGuard<'_, HashMap<Key, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// Ends the try by what came of it: something, nothing, or an error, which was no try.
    pub(super) fn settle<T>(self, verified: Result<Option<T>>) -> Result<Option<T>> {
        let mut all = self.throttle.tries();
        match &verified {
            // The user's failures are forgotten; those at the address are not.
            Ok(Some(_)) => self.keys.iter().skip(1).for_each(|key| all.entry(key.clone()).or_default().failed.clear()),
            Ok(None) => {
                let now = Instant::now();
                self.keys.iter().for_each(|key| all.entry(key.clone()).or_default().failed.push(now));
            }
            Err(_) => {}
        }
        drop(all);
        verified
    }
}

impl Drop for Try<'_> {
    /// No longer under way, down to the key.
    fn drop(&mut self) {
        let mut all = self.throttle.tries();
        for key in &self.keys {
            if let Some(tries) = all.get_mut(key) {
                tries.under_way -= 1;
                if tries.under_way == 0 && tries.failed.is_empty() {
                    all.remove(key);
                }
            }
        }
        drop(all);
        self.throttle.settled.notify_waiters();
    }
}

/// One person's addresses: a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str) -> Login {
        Login::parse(name).unwrap()
    }

    async fn fail(throttle: &Throttle, name: &str, address: IpAddr) -> Result<()> {
        throttle.try_as(Some(&login(name)), address).await?.settle::<()>(Ok(None)).map(drop)
    }

    #[tokio::test]
    async fn ten_failures_of_a_user_close_the_door_from_every_address() {
        let throttle = Throttle::default();
        for n in 0..10 {
            fail(&throttle, "gildong", [10, 0, 0, n].into()).await.unwrap();
        }
        let refused = fail(&throttle, "gildong", [10, 0, 0, 99].into()).await;
        assert!(matches!(refused, Err(Error::TooMany { retry_after }) if retry_after <= WINDOW));
        fail(&throttle, "chunhyang", [10, 0, 0, 99].into()).await.unwrap();
    }

    #[tokio::test]
    async fn ten_failures_from_one_network_close_it_for_every_user() {
        let throttle = Throttle::default();
        for n in 0..10 {
            fail(&throttle, &format!("user{n}"), format!("2001:db8::{n}").parse().unwrap()).await.unwrap();
        }
        assert!(fail(&throttle, "another", "2001:db8::ffff".parse().unwrap()).await.is_err());
        fail(&throttle, "another", "2001:db8:0:1::1".parse().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_right_password_forgets_the_users_failures_and_not_the_addresss() {
        let throttle = Throttle::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..9 {
            fail(&throttle, "gildong", address).await.unwrap();
        }
        throttle.try_as(Some(&login("gildong")), address).await.unwrap().settle(Ok(Some(()))).unwrap();
        fail(&throttle, "gildong", address).await.unwrap();
        assert!(fail(&throttle, "gildong", address).await.is_err());
        fail(&throttle, "gildong", [10, 0, 0, 2].into()).await.unwrap();
    }

    #[tokio::test]
    async fn a_try_that_did_not_happen_leaves_nothing() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            let attempt = throttle.try_as(Some(&login("gildong")), [10, 0, 0, 1].into()).await.unwrap();
            attempt.settle::<()>(Err(Error::Unavailable("away".into()))).unwrap_err();
            drop(throttle.try_as(Some(&login("gildong")), [10, 0, 0, 1].into()).await.unwrap());
        }
        assert!(throttle.tries().is_empty());
    }

    #[tokio::test]
    async fn as_many_at_once_as_may_fail_and_the_next_one_waits_for_them() {
        let throttle = Throttle::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let mut under_way = Vec::new();
        for n in 0..10 {
            under_way.push(throttle.try_as(Some(&login(&format!("user{n}"))), address).await.unwrap());
        }
        let next = login("next");
        let waiting = throttle.try_as(Some(&next), address);
        let settle = async { under_way.into_iter().for_each(|attempt| drop(attempt.settle(Ok(Some(()))))) };
        let (next, ()) = tokio::join!(waiting, settle);
        assert!(next.is_ok(), "they were all right");
    }
}
