//! Limits on wrong passwords. Each instance counts for itself, in memory.
//!
//! | who tries | counted by | failures allowed |
//! |---|---|---|
//! | a browser that this account does not know | the network | 10 in 3 minutes |
//! | | the account and the network | 20 an hour |
//! | | the account, over all such browsers | 100 an hour |
//! | a browser that signed in to the account before | the account and the browser | 10 in 3 minutes |
//! | | the account, over all such browsers | 100 an hour |
//! | a signed-in session that proves its password | the session | 10 in 3 minutes |
//!
//! A stranger therefore uses up the first three only, and locks out neither a known browser nor a session.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::Result;
use crate::limits::{Quota, SlidingCounts, network};
use crate::models::values::Login;
use crate::models::{SessionId, UserId};
use crate::store::{Database, ModelState};

const SHORT_WINDOW: Duration = Duration::from_secs(180);
const LONG_WINDOW: Duration = Duration::from_secs(60 * 60);
/// In [`SHORT_WINDOW`].
const FAILURES_PER_CLIENT: u32 = 10;
/// In [`LONG_WINDOW`].
const FAILURES_PER_NETWORK: u32 = 20;
/// In [`LONG_WINDOW`], for unknown and for known browsers.
const FAILURES_PER_ACCOUNT: u32 = 100;

#[derive(Default)]
pub(crate) struct Throttle {
    failures: SlidingCounts,
    attempt_finished: Notify,
}

/// Counts as a failure until it has succeeded, so parallel attempts gain nothing.
pub(crate) struct Attempt<'a> {
    throttle: &'a Throttle,
    quotas: Vec<Quota>,
    /// The number of quotas that a success resets.
    reset_on_success: usize,
}

impl ModelState for Throttle {
    fn new(_: &Database) -> Self {
        Self::default()
    }
}

impl Throttle {
    /// Begins an attempt of an unknown browser. `login` is `None` if no account can have it.
    /// Fails with `RateLimited`.
    pub(crate) async fn begin_by_network(&self, login: Option<&Login>, address: IpAddr) -> Result<Attempt<'_>> {
        let network = network(address);
        let mut quotas = Vec::with_capacity(3);
        if let Some(login) = login {
            quotas.push(self.quota(("pair", login, network), FAILURES_PER_NETWORK, LONG_WINDOW));
            quotas.push(self.quota(("account", login), FAILURES_PER_ACCOUNT, LONG_WINDOW));
        }
        let own = quotas.len().min(1);
        quotas.push(self.quota(("network", network), FAILURES_PER_CLIENT, SHORT_WINDOW));
        self.begin(quotas, own).await
    }

    /// Begins an attempt of a browser that signed in to the account before.
    pub(crate) async fn begin_by_device(&self, user: UserId, device: &str) -> Result<Attempt<'_>> {
        let device = self.quota(("device", user, device), FAILURES_PER_CLIENT, SHORT_WINDOW);
        self.begin(vec![device, self.quota(("devices", user), FAILURES_PER_ACCOUNT, LONG_WINDOW)], 1).await
    }

    /// Begins an attempt of a signed-in user.
    pub(crate) async fn begin_by_session(&self, session: &SessionId) -> Result<Attempt<'_>> {
        self.begin(vec![self.quota(("session", session), FAILURES_PER_CLIENT, SHORT_WINDOW)], 1).await
    }

    fn quota(&self, key: impl std::hash::Hash, max: u32, span: Duration) -> Quota {
        Quota { key: self.failures.key(key), max, span }
    }

    /// Waits while pending attempts use up a quota.
    async fn begin(&self, quotas: Vec<Quota>, own: usize) -> Result<Attempt<'_>> {
        loop {
            let settled = self.attempt_finished.notified();
            if self.failures.reserve(&quotas)? {
                return Ok(Attempt { throttle: self, quotas, reset_on_success: own });
            }
            settled.await;
        }
    }
}

impl Attempt<'_> {
    /// Finishes with a success, a failure (`None`) or an error, which counts as neither.
    pub(crate) fn finish<T>(self, verified: Result<Option<T>>) -> Result<Option<T>> {
        let failures = &self.throttle.failures;
        match &verified {
            Ok(Some(_)) => self.quotas.iter().take(self.reset_on_success).for_each(|quota| failures.reset(quota)),
            Ok(None) => failures.count(&self.quotas),
            Err(_) => {}
        }
        verified
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.throttle.failures.release(&self.quotas);
        self.throttle.attempt_finished.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn login(name: &str) -> Login {
        Login::parse(name).unwrap()
    }

    fn address(n: usize) -> IpAddr {
        IpAddr::from(u32::try_from(n).unwrap().to_be_bytes())
    }

    async fn fail(throttle: &Throttle, name: &str, address: IpAddr) -> Result<()> {
        throttle.begin_by_network(Some(&login(name)), address).await?.finish::<()>(Ok(None)).map(drop)
    }

    fn is_refused<T>(result: &Result<T>, within: Duration) -> bool {
        matches!(result, Err(Error::RateLimited { retry_after }) if *retry_after <= within)
    }

    #[tokio::test]
    async fn ten_failures_of_one_network_close_it_for_every_account_and_no_other_network() {
        let throttle = Throttle::default();
        for n in 0..10 {
            fail(&throttle, &format!("user{n}"), format!("2001:db8::{n}").parse().unwrap()).await.unwrap();
        }
        assert!(is_refused(&fail(&throttle, "another", "2001:db8::ffff".parse().unwrap()).await, SHORT_WINDOW));
        fail(&throttle, "user0", "2001:db8:0:1::1".parse().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_stranger_locks_nobody_else_out_of_an_account() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            fail(&throttle, "gildong", address(1)).await.unwrap();
        }
        assert!(is_refused(&fail(&throttle, "gildong", address(1)).await, SHORT_WINDOW));
        fail(&throttle, "gildong", address(2)).await.unwrap();
    }

    #[tokio::test]
    async fn guesses_from_many_networks_are_bounded_and_reach_neither_known_browsers_nor_sessions() {
        let throttle = Throttle::default();
        let mut guesses = 0;
        for n in 0..1_000 {
            guesses += usize::from(fail(&throttle, "gildong", address(n)).await.is_ok());
        }
        assert_eq!(guesses, 100);
        assert!(is_refused(&fail(&throttle, "gildong", address(5_000)).await, LONG_WINDOW));
        fail(&throttle, "chunhyang", address(5_000)).await.unwrap();
        let user = UserId::new();
        for _ in 0..10 {
            throttle.begin_by_device(user, "phone").await.unwrap().finish::<()>(Ok(None)).unwrap();
        }
        assert!(is_refused(&throttle.begin_by_device(user, "phone").await, SHORT_WINDOW));
        throttle.begin_by_device(user, "desk").await.unwrap();
        throttle.begin_by_device(UserId::new(), "phone").await.unwrap();
    }

    #[tokio::test]
    async fn known_browsers_share_a_bound_too() {
        let (throttle, user) = (Throttle::default(), UserId::new());
        let mut guesses = 0;
        for n in 0..1_000 {
            if let Ok(attempt) = throttle.begin_by_device(user, &n.to_string()).await {
                attempt.finish::<()>(Ok(None)).unwrap();
                guesses += 1;
            }
        }
        assert_eq!(guesses, 100);
        fail(&throttle, "gildong", address(1)).await.unwrap();
    }

    #[tokio::test]
    async fn a_success_resets_its_own_network_and_account_and_nothing_else() {
        let throttle = Throttle::default();
        let succeed = async |n: usize| {
            throttle.begin_by_network(Some(&login("gildong")), address(n)).await.unwrap().finish(Ok(Some(()))).unwrap();
        };
        for _ in 0..9 {
            fail(&throttle, "gildong", address(1)).await.unwrap();
        }
        succeed(1).await;
        fail(&throttle, "gildong", address(1)).await.unwrap();
        assert!(fail(&throttle, "gildong", address(1)).await.is_err(), "the network has ten");
        for n in 2..92 {
            fail(&throttle, "gildong", address(n)).await.unwrap();
        }
        assert!(fail(&throttle, "gildong", address(500)).await.is_err(), "the account has a hundred");
    }

    #[tokio::test]
    async fn an_error_counts_as_no_attempt() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            let attempt = throttle.begin_by_network(Some(&login("gildong")), address(1)).await.unwrap();
            attempt.finish::<()>(Err(Error::Unavailable("away".into()))).unwrap_err();
            drop(throttle.begin_by_network(Some(&login("gildong")), address(1)).await.unwrap());
        }
        assert!(throttle.failures.is_empty());
    }

    #[tokio::test]
    async fn as_many_are_pending_as_may_fail_and_the_next_one_waits() {
        let throttle = Throttle::default();
        let mut pending = Vec::new();
        for n in 0..10 {
            pending.push(throttle.begin_by_network(Some(&login(&format!("user{n}"))), address(1)).await.unwrap());
        }
        let next = login("next");
        let waiting = throttle.begin_by_network(Some(&next), address(1));
        let settle = async { pending.into_iter().for_each(|attempt| drop(attempt.finish(Ok(Some(()))))) };
        let (next, ()) = tokio::join!(waiting, settle);
        assert!(next.is_ok(), "all of them were right");
    }
}
