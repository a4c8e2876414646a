//! Warnings about the set-up that requests reveal. Each is logged once, because any client can cause it.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rocket::request::Request;
use tokio::task::spawn_blocking;

use super::{clip, unlisted_proxy};

const MAX_PEERS: usize = 16;
/// The files in `var` that `sarangbang check` reads: the site's and the image server's.
const FILES: [&str; 2] = ["unlisted-proxies", "unlisted-proxies-images"];

pub(crate) struct SetupWarnings {
    file: PathBuf,
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    has_warned_of_origin: AtomicBool,
}

impl SetupWarnings {
    pub(crate) fn for_site(var: &Path) -> Self {
        Self::new(var.join(FILES[0]))
    }

    pub(crate) fn for_image_server(var: &Path) -> Self {
        Self::new(var.join(FILES[1]))
    }

    fn new(file: PathBuf) -> Self {
        let _ = fs::remove_file(&file);
        Self { file, peers: Arc::default(), has_warned_of_origin: AtomicBool::new(false) }
    }

    pub(super) fn check_proxy(request: &Request<'_>) {
        if let Some(peer) = unlisted_proxy(request)
            && let Some(warnings) = request.rocket().state::<Self>()
        {
            warnings.warn_proxy(peer);
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
            let peers = peers.lock();
            let lines: String = peers.iter().map(|peer| format!("{peer}\n")).collect();
            if let Err(error) = fs::write(file, lines) {
                log::debug!("unlisted proxies not written: error={error}");
            }
        });
    }

    pub(crate) fn warn_origin(&self, origin: &str, host: &str) {
        if !self.has_warned_of_origin.swap(true, Ordering::Relaxed) {
            log::warn!(
                "form refused: origin={} host={}. If users reach the site at {0}, set site.url = \"{0}\".",
                clip(origin),
                clip(host)
            );
        }
    }
}

pub(crate) fn unlisted_proxies(var: &Path) -> Vec<String> {
    let files = FILES.map(|file| fs::read_to_string(var.join(file)).unwrap_or_default());
    let peers = files.iter().flat_map(|file| file.lines().filter_map(|line| line.parse().ok()).take(MAX_PEERS));
    peers.collect::<BTreeSet<_>>().into_iter().map(proxy_warning).collect()
}

fn proxy_warning(peer: IpAddr) -> String {
    format!(
        "Cannot trust X-Forwarded-For from {peer}: it is not in proxies. If it is your proxy, set proxies = \
         [\"{peer}\"]."
    )
}
