//! What the operator should change in the set-up, as seen in requests. Each notice is logged once and is bounded:
//! anybody can send such a request.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rocket::request::Request;
use tokio::task::spawn_blocking;

use super::{clip, unlisted_proxy};

/// The most peers that are named.
const MAX_PEERS: usize = 16;
/// The files in `var` that name them for `sarangbang check`, one for each server.
const FILES: [&str; 2] = ["unlisted-proxies", "unlisted-proxies-images"];

/// The notices that were given since the start.
pub struct SetupWarnings {
    file: PathBuf,
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    origin: AtomicBool,
}

impl SetupWarnings {
    /// Starts the notices of the site without any. Those of the run before are forgotten.
    pub fn of_site(var: &Path) -> Self {
        Self::new(var.join(FILES[0]))
    }

    /// Starts the notices of the image server.
    pub fn of_images(var: &Path) -> Self {
        Self::new(var.join(FILES[1]))
    }

    fn new(file: PathBuf) -> Self {
        // Without the file there is nothing to forget.
        let _ = fs::remove_file(&file);
        Self { file, peers: Arc::default(), origin: AtomicBool::new(false) }
    }

    /// Names the peer of a request if it sends `X-Forwarded-For` and is not in `proxies`.
    pub(super) fn check_proxy(request: &Request<'_>) {
        if let Some(peer) = unlisted_proxy(request)
            && let Some(notices) = request.rocket().state::<Self>()
        {
            notices.warn_proxy(peer);
        }
    }

    fn warn_proxy(&self, peer: IpAddr) {
        let mut peers = self.peers.lock();
        if peers.len() >= MAX_PEERS || !peers.insert(peer) {
            return;
        }
        drop(peers);
        log::warn!("{}", proxy_warning(peer));
        let (file, peers) = (self.file.clone(), Arc::clone(&self.peers));
        spawn_blocking(move || {
            // Locked while it is written, so that a later peer is not lost.
            let peers = peers.lock();
            let lines: String = peers.iter().map(|peer| format!("{peer}\n")).collect();
            // A server without a folder of its own has the log only.
            if let Err(error) = fs::write(file, lines) {
                log::debug!("the peer is not named to `check`: {error}");
            }
        });
    }

    /// Says that forms of the site's own pages are refused, and what to set.
    pub fn warn_origin(&self, origin: &str, host: &str) {
        if !self.origin.swap(true, Ordering::Relaxed) {
            log::warn!(
                "A form from {} was refused, as the request names the host {}. If people reach the site at {0}, set \
                 site.url = \"{0}\". (Said once.)",
                clip(origin),
                clip(host)
            );
        }
    }
}

/// Returns the sentences about the peers that the running servers have named.
pub fn unlisted_proxies(var: &Path) -> Vec<String> {
    let files = FILES.map(|file| fs::read_to_string(var.join(file)).unwrap_or_default());
    let peers = files.iter().flat_map(|file| file.lines().filter_map(|line| line.parse().ok()).take(MAX_PEERS));
    peers.collect::<BTreeSet<_>>().into_iter().map(proxy_warning).collect()
}

fn proxy_warning(peer: IpAddr) -> String {
    format!(
        "{peer} sends X-Forwarded-For and is not in proxies, so the header is ignored. If it is your proxy, set \
         proxies = [\"{peer}\"]."
    )
}
