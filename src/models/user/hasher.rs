//! Password hashing: argon2id with 19 MiB, 2 passes, 1 lane (OWASP's minimum), about 20 ms of one core. Chats do not
//! wait for it.

use std::sync::Arc;
use std::thread;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::error::{Error, Result};
use crate::models::values::Password;
use crate::process::lower_thread_priority;
use crate::store::{Database, ModelState};

/// How long a request waits for its hash before it gets 503.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);
/// A further request gets 503 at once.
const MAX_WAITING: usize = 256;
const BUFFER_TTL: Duration = Duration::from_secs(10);
/// Blocks to allocate; only those written to become resident. glibc returns allocations above 32 MiB to the system
/// at once (mallopt(3), `M_MMAP_THRESHOLD`) and may keep smaller ones.
const BUFFER_BLOCKS: usize = (33 << 20) / Block::SIZE;
/// No password has this hash. With it an unknown id takes as long as a wrong password.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FyYW5nYmFuZy1kZWNveQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Each lane has a queue and a share of the permits, so that a flood in one does not delay the others.
#[derive(Clone, Copy)]
pub(crate) enum Lane {
    /// Signed-in users, and browsers that signed in to the account before.
    Known,
    Unknown,
    SignUp,
}

pub(crate) struct PasswordHasher {
    /// All cores but one, at least one. Served in order of arrival.
    permits: Arc<Semaphore>,
    lanes: [LaneQueue; 3],
    buffers: BufferPool,
}

struct LaneQueue {
    waiting: Semaphore,
    /// The lane's share of the permits. With one permit another lane's hash waits behind at most two.
    running: Arc<Semaphore>,
}

#[derive(Clone, Default)]
struct BufferPool(Arc<Mutex<Vec<IdleBuffer>>>);

struct IdleBuffer {
    blocks: Vec<Block>,
    since: Instant,
}

impl ModelState for PasswordHasher {
    fn new(_: &Database) -> Self {
        Self::with_default_permits()
    }
}

impl PasswordHasher {
    fn with_default_permits() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_turns(cores.saturating_sub(1).max(1))
    }

    fn with_turns(turns: usize) -> Self {
        // With several permits, one is kept free of unknown browsers and one of sign-ups.
        let lane = |turns: usize| LaneQueue {
            waiting: Semaphore::new(MAX_WAITING),
            running: Arc::new(Semaphore::new(turns.max(1))),
        };
        Self {
            permits: Arc::new(Semaphore::new(turns)),
            lanes: [lane(turns), lane(turns - 1), lane(turns - 1)],
            buffers: BufferPool::default(),
        }
    }

    /// Returns a PHC string.
    pub(crate) async fn hash(&self, lane: Lane, password: Password) -> Result<String> {
        self.run_limited(lane, move |memory| {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(internal)?;
            let params = params()?;
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).map_err(internal)?,
                salt: Some(Salt::new(&salt).map_err(internal)?),
                hash: Some(output(password.as_bytes(), &salt, params, memory)?),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Without a password or a hash it takes the same time and returns `false`.
    pub(crate) async fn verify(&self, lane: Lane, password: Option<Password>, kept: Option<&str>) -> Result<bool> {
        let known = password.is_some() && kept.is_some();
        let kept = kept.unwrap_or(DUMMY_HASH).to_owned();
        let same = self.run_limited(lane, move |memory| {
            let kept = PasswordHash::new(&kept).map_err(internal)?;
            let params = Params::try_from(&kept).map_err(internal)?;
            let salt = kept.salt.ok_or_else(|| internal("a kept hash has no salt"))?;
            let password = password.as_ref().map_or(&[][..], Password::as_bytes);
            Ok(kept.hash == Some(output(password, &salt, params, memory)?))
        });
        Ok(same.await? && known)
    }

    async fn run_limited<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let queue = &self.lanes[lane as usize];
        let Ok(place) = queue.waiting.try_acquire() else {
            return Err(Error::Unavailable("the queue for password hashes is full".into()));
        };
        let turn = timeout(QUEUE_TIMEOUT, async {
            let share = Arc::clone(&queue.running).acquire_owned().await;
            (share, Arc::clone(&self.permits).acquire_owned().await)
        });
        let Ok((Ok(share), Ok(gate))) = turn.await else {
            return Err(Error::Unavailable("no turn for a password hash in time".into()));
        };
        drop(place);
        let (memory, runtime) = (self.buffers.clone(), Handle::current());
        let work = move || {
            // The permit is held until the work ends, even if the caller is gone.
            let _turn = (share, gate);
            let mut blocks = memory.acquire();
            let done = work(&mut blocks);
            memory.release(blocks);
            runtime.spawn(async move {
                sleep(BUFFER_TTL).await;
                memory.free_idle();
            });
            done
        };
        // A thread of its own: the pool's threads must keep their priority.
        let (answer, answered) = oneshot::channel();
        let patient = move || {
            lower_thread_priority();
            let _ = answer.send(work());
        };
        thread::Builder::new().name("password".into()).spawn(patient).map_err(internal)?;
        answered.await.map_err(internal)?
    }
}

impl BufferPool {
    fn acquire(&self) -> Vec<Block> {
        self.buffers().pop().map_or_else(|| Vec::with_capacity(BUFFER_BLOCKS), |kept| kept.blocks)
    }

    fn release(&self, blocks: Vec<Block>) {
        self.buffers().push(IdleBuffer { blocks, since: Instant::now() });
    }

    fn free_idle(&self) {
        self.buffers().retain(|kept| kept.since.elapsed() < BUFFER_TTL);
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<IdleBuffer>> {
        self.0.lock()
    }
}

fn params() -> Result<Params> {
    Params::new(19 * 1024, 2, 1, None).map_err(internal)
}

fn output(password: &[u8], salt: &[u8], params: Params, memory: &mut Vec<Block>) -> Result<Output> {
    memory.resize(params.block_count().max(memory.len()), Block::default());
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    hasher.hash_password_into_with_memory(password, salt, &mut output, memory).map_err(internal)?;
    Output::new(&output).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use argon2::password_hash::PasswordVerifier;
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_belongs_to_its_hash_and_to_no_other() {
        let passwords = PasswordHasher::with_default_permits();
        let kept = passwords.hash(Lane::SignUp, password("correct horse")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let again = passwords.hash(Lane::SignUp, password("correct horse")).await.unwrap();
        assert_ne!(kept, again, "each has a salt of its own");
        assert!(passwords.verify(Lane::Unknown, Some(password("correct horse")), Some(&kept)).await.unwrap());
        assert!(!passwords.verify(Lane::Unknown, Some(password("battery staple")), Some(&kept)).await.unwrap());
        assert!(!passwords.verify(Lane::Unknown, Some(password("correct horse")), None).await.unwrap());
        assert!(!passwords.verify(Lane::Unknown, None, Some(&kept)).await.unwrap());
        // As anybody else would verify it.
        let parsed = PasswordHash::new(&kept).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
    }

    #[tokio::test]
    async fn the_same_memory_serves_one_turn_after_the_other_and_is_given_back() {
        let passwords = PasswordHasher::with_default_permits();
        for _ in 0..3 {
            passwords.hash(Lane::SignUp, password("password")).await.unwrap();
        }
        let sizes = || passwords.buffers.buffers().iter().map(|kept| kept.blocks.len()).collect::<Vec<_>>();
        assert_eq!(sizes(), [19 * 1024]);
        assert!(passwords.buffers.buffers()[0].blocks.capacity() * Block::SIZE > 32 << 20, "it is given back at once");
        tokio::time::pause();
        tokio::time::advance(BUFFER_TTL / 2).await;
        passwords.buffers.free_idle();
        assert_eq!(sizes(), [19 * 1024]);
        sleep(BUFFER_TTL * 2).await;
        assert!(sizes().is_empty());
    }
    #[tokio::test]
    async fn a_flood_in_one_lane_does_not_delay_the_others() {
        for turns in [1, 2] {
            let (passwords, done) = (PasswordHasher::with_turns(turns), Cell::new(0));
            let sign_up = |_| async {
                passwords.hash(Lane::SignUp, password("password")).await.unwrap();
                done.set(done.get() + 1);
            };
            let mut flood = pin!(join_all((0..MAX_WAITING).map(sign_up)));
            assert!(flood.as_mut().now_or_never().is_none(), "all of them wait");
            for lane in [Lane::Known, Lane::Unknown] {
                let before = done.get();
                tokio::select! {
                    _ = &mut flood => panic!("the flood was served first"),
                    right = passwords.verify(lane, Some(password("password")), None) => assert!(!right.unwrap()),
                }
                assert!(done.get() - before <= 3, "{} sign-ups were served first", done.get() - before);
            }
        }
    }

    #[tokio::test]
    async fn a_full_lane_refuses_at_once_and_the_others_go_on() {
        let passwords = PasswordHasher::with_turns(1);
        let mut waiting: Vec<_> =
            (0..=MAX_WAITING).map(|_| Box::pin(passwords.hash(Lane::SignUp, password("password")))).collect();
        assert!(waiting.iter_mut().all(|hash| hash.now_or_never().is_none()));
        let refused = passwords.hash(Lane::SignUp, password("password")).now_or_never();
        assert!(matches!(refused, Some(Err(Error::Unavailable(_)))));
        assert!(!passwords.verify(Lane::Known, Some(password("password")), None).await.unwrap());
    }
}
