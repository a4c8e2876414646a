//! How often signing in may fail: 10 times in 3 minutes a user and an address. Kept in memory, a site each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    failures: Mutex<HashMap<Key, Vec<Instant>>>,
}

/// A try that counts as failed until it has succeeded, so that many at once are no way around.
pub(super) struct Try<'a> {
    throttle: &'a Throttle,
    keys: [Key; 2],
    at: Instant,
}

impl Throttle {
    /// Begins a try.
    ///
    /// # Errors
    /// `TooMany`, with the time until the oldest failure of the window is forgotten.
    pub(super) fn try_as(&self, login: &Login, address: IpAddr) -> Result<Try<'_>> {
        let keys = [Key::User(login.clone()), Key::Address(network(address))];
        let at = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() > SWEEP {
            failures.retain(|_, tries| tries.last().is_some_and(|last| at.duration_since(*last) < WINDOW));
        }
        for key in &keys {
            let tries = failures.entry(key.clone()).or_default();
            tries.retain(|failed| at.duration_since(*failed) < WINDOW);
            if tries.len() >= FAILURES {
                return Err(Error::TooMany { retry_after: WINDOW - at.duration_since(tries[0]) });
            }
        }
        for key in &keys {
            failures.entry(key.clone()).or_default().push(at);
        }
        Ok(Try { throttle: self, keys, at })
    }
}

impl Try<'_> {
    /// Ends the try by what came of it: something, nothing, or an error, which was no try.
    pub(super) fn settle<T>(self, verified: Result<Option<T>>) -> Result<Option<T>> {
        let mut failures = self.throttle.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let [user, address] = &self.keys;
        match &verified {
            // The user's failures are forgotten, and this try at the address.
            Ok(Some(_)) => {
                failures.remove(user);
                self.forget(&mut failures, address);
            }
            Ok(None) => {}
            Err(_) => self.keys.iter().for_each(|key| self.forget(&mut failures, key)),
        }
        drop(failures);
        verified
    }

    fn forget(&self, failures: &mut HashMap<Key, Vec<Instant>>, key: &Key) {
        if let Some(tries) = failures.get_mut(key) {
            if let Some(this) = tries.iter().position(|at| *at == self.at) {
                tries.remove(this);
            }
            if tries.is_empty() {
                failures.remove(key);
            }
        }
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

    #[test]
    fn ten_failures_of_a_user_close_the_door_from_every_address() {
        let throttle = Throttle::default();
        for n in 0..10 {
            assert!(throttle.try_as(&login("gildong"), [10, 0, 0, n].into()).is_ok());
        }
        let refused = throttle.try_as(&login("gildong"), [10, 0, 0, 99].into());
        assert!(matches!(refused, Err(Error::TooMany { retry_after }) if retry_after <= WINDOW));
        assert!(throttle.try_as(&login("chunhyang"), [10, 0, 0, 99].into()).is_ok());
    }

    #[test]
    fn ten_failures_from_one_network_close_it_for_every_user() {
        let throttle = Throttle::default();
        for n in 0..10 {
            let address = format!("2001:db8::{n}").parse().unwrap();
            assert!(throttle.try_as(&login(&format!("user{n}")), address).is_ok());
        }
        assert!(throttle.try_as(&login("another"), "2001:db8::ffff".parse().unwrap()).is_err());
        assert!(throttle.try_as(&login("another"), "2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_right_password_forgets_the_users_failures_and_not_the_addresss() {
        let throttle = Throttle::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..9 {
            throttle.try_as(&login("gildong"), address).unwrap();
        }
        throttle.try_as(&login("gildong"), address).unwrap().settle(Ok(Some(()))).unwrap();
        throttle.try_as(&login("gildong"), address).unwrap();
        assert!(throttle.try_as(&login("gildong"), address).is_err());
        assert!(throttle.try_as(&login("gildong"), [10, 0, 0, 2].into()).is_ok());
    }

    #[test]
    fn a_try_that_did_not_happen_leaves_nothing() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            let attempt = throttle.try_as(&login("gildong"), [10, 0, 0, 1].into()).unwrap();
            attempt.settle::<()>(Err(Error::Unavailable("away".into()))).unwrap_err();
        }
        assert!(throttle.failures.lock().unwrap().is_empty());
    }
}
