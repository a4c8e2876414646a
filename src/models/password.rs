//! Hashing of passwords: argon2id with 19 MiB, 2 passes, 1 lane (OWASP's minimum), some 20 ms of one core.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, timeout};

use super::checked::Password;
use crate::error::{Error, Result};

/// How long a sign-in waits for its turn before it is told to come back.
const TURN: Duration = Duration::from_secs(20);

/// The hasher, with the gate before it.
pub(super) struct Passwords {
    /// One core is always left to the chat. Waited for in order.
    gate: Arc<Semaphore>,
    /// A hash of nobody's password: an unknown id costs the same time as a wrong password.
    decoy: String,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = [0; 16].map(|_: u8| ' ').iter().collect::<String>();
        Self {
            gate: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            decoy: hash(decoy.as_bytes()).unwrap_or_default(),
        }
    }

    /// The hash to keep.
    pub(super) async fn hash(&self, password: Password) -> Result<String> {
        self.in_turn(move || hash(password.as_bytes())).await?
    }

    /// Whether the password belongs to the kept hash; `None` takes the same time and is never right.
    pub(super) async fn verify(&self, password: Password, kept: Option<&str>) -> Result<bool> {
        let known = kept.is_some();
        let kept = kept.unwrap_or(&self.decoy).to_owned();
        let same = self
            .in_turn(move || {
                let kept = PasswordHash::new(&kept).map_err(internal)?;
                Ok::<_, Error>(hasher()?.verify_password(password.as_bytes(), &kept).is_ok())
            })
            .await??;
        Ok(same && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = timeout(TURN, Arc::clone(&self.gate).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::Unavailable("too many sign-ins at once".into()));
        };
        // The turn ends with the work, also when nobody waits for it any more.
        let work = move || (work(), drop(turn)).0;
        spawn_blocking(work).await.map_err(internal)
    }
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String> {
    Ok(hasher()?.hash_password(password).map_err(internal)?.to_string())
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
