//! Deletes the pictures that no user has. Crashes, replaced pictures and an unreachable site leave such files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ImageServer;
use crate::internal_api::Outcome;
use crate::picture_path::PictureName;

/// How often the sweep asks the site about every picture again.
const FULL_SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How often the sweep asks about new pictures.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The pause while the site does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Sweeps new pictures every minute and all pictures every hour. Never returns.
///
/// An upload becomes a candidate only after the site had the time to record it.
pub(super) async fn sweep(server: Arc<ImageServer>) {
    let (mut used, mut next_full_sweep) = (Arc::new(BTreeSet::new()), Instant::now() + FULL_SWEEP_INTERVAL);
    loop {
        if Instant::now() >= next_full_sweep {
            (used, next_full_sweep) = (Arc::default(), Instant::now() + FULL_SWEEP_INTERVAL);
        }
        let pause = sweep_once(&server, &mut used).await;
        sleep(pause + Duration::from_millis(100)).await;
    }
}

/// Deletes unused pictures, adds the others to `used`, and returns the pause until the next sweep.
async fn sweep_once(server: &ImageServer, used: &mut Arc<BTreeSet<PictureName>>) -> Duration {
    let known = Arc::clone(used);
    let candidates = server.with_store(move |store| store.aged(&known)).await;
    let (candidates, next) = candidates.unwrap_or_else(|error| {
        log::error!("folder of pictures not read: error={error}");
        Default::default()
    });
    for name in candidates {
        match server.site.is_picture_used(&name.path()).await {
            Outcome::Yes => drop(Arc::make_mut(used).insert(name)),
            Outcome::No => {
                if let Err(error) = server.with_store(move |store| store.remove(&name)).await {
                    log::error!("picture not removed: error={error}");
                }
            }
            Outcome::Unavailable => return RETRY_DELAY,
        }
    }
    next.map_or(SWEEP_INTERVAL, |next| next.min(SWEEP_INTERVAL))
}
