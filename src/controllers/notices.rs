//! What the operator should change in the set-up, as seen in requests. Each notice is logged once and is bounded:
//! anybody can send such a request.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

use crate::http::clip;

/// The most peers that are named.
const PEERS: usize = 16;
/// The file in `var` that names them for `sarangbang check`.
const FILE: &str = "unlisted-proxies";

/// The notices that were given since the start.
pub struct Notices {
    var: PathBuf,
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    origin: AtomicBool,
}

impl Notices {
    /// Starts without notices. Those of the run before are forgotten.
    pub fn new(var: &Path) -> Self {
        // Without the file there is nothing to forget.
        let _ = fs::remove_file(var.join(FILE));
        Self { var: var.to_owned(), peers: Arc::default(), origin: AtomicBool::new(false) }
    }

    /// Names a peer that sends `X-Forwarded-For` and is not in `proxies`.
    pub(super) fn name_proxy(&self, peer: IpAddr) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS || !peers.insert(peer) {
            return;
        }
        drop(peers);
        log::warn!("{}", unlisted(peer));
        let (var, peers) = (self.var.clone(), Arc::clone(&self.peers));
        spawn_blocking(move || {
            // Locked while it is written, so that a later peer is not lost.
            let peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
            let lines: String = peers.iter().map(|peer| format!("{peer}\n")).collect();
            // A site without a folder of its own has the log only.
            if let Err(error) = fs::write(var.join(FILE), lines) {
                log::debug!("the peer is not named to `check`: {error}");
            }
        });
    }

    /// Says that forms of the site's own pages are refused, and what to set.
    pub(super) fn name_origin(&self, origin: &str, host: &str) {
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

/// Returns the sentences about the peers that a running site has named.
pub fn unlisted_proxies(var: &Path) -> Vec<String> {
    let lines = fs::read_to_string(var.join(FILE)).unwrap_or_default();
    lines.lines().filter_map(|line| line.parse().ok()).take(PEERS).map(unlisted).collect()
}

fn unlisted(peer: IpAddr) -> String {
    format!(
        "{peer} sends X-Forwarded-For and is not in proxies, so the header is ignored. If it is your proxy, set \
         proxies = [\"{peer}\"]."
    )
}
