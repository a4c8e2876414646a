//! Deletes the files that nobody has. Crashes, replaced pictures and an unreachable site leave such files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::ImageServer;
use super::store::StoredItem;
use crate::attachment::FileNames;
use crate::internal_api::Outcome;

/// How often the sweep asks the site about every file again.
const FULL_SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The longest pause between two looks at new files.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The pause while the site does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// The most files in one question.
const MAX_BATCH: usize = 500;
/// The most new files that wait. The next full sweep finds the others.
const MAX_NEW: usize = 10_000;

/// New items, each with the time at which the site must know of it.
#[derive(Default)]
pub(super) struct NewItems(Mutex<BinaryHeap<Reverse<(Instant, StoredItem)>>>);

impl NewItems {
    pub(super) fn push(&self, item: StoredItem, left: Duration) {
        let mut items = self.0.lock();
        if items.len() < MAX_NEW {
            items.push(Reverse((Instant::now() + left, item)));
        }
    }

    /// Adds an item that was stored just now.
    pub(super) fn push_new(&self, item: StoredItem) {
        let age = item.min_age();
        self.push(item, age);
    }

    fn pop_due(&self) -> Vec<StoredItem> {
        let (mut items, mut due, now) = (self.0.lock(), Vec::new(), Instant::now());
        while due.len() < MAX_BATCH && items.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            due.extend(items.pop().map(|Reverse((_, item))| item));
        }
        due
    }

    fn next(&self) -> Option<Instant> {
        self.0.lock().peek().map(|Reverse((at, _))| *at)
    }
}

/// Sweeps all files at the start and every hour, and new files once they are old enough. Never returns.
pub(super) async fn sweep(server: Arc<ImageServer>) {
    let mut next_full_sweep = Instant::now();
    loop {
        if Instant::now() >= next_full_sweep {
            sweep_all(&server).await;
            next_full_sweep = Instant::now() + FULL_SWEEP_INTERVAL;
        }
        server.measure_space().await;
        loop {
            let due = server.new_items.pop_due();
            if due.is_empty() {
                break;
            }
            sweep_batch(&server, due).await;
        }
        let next = server.new_items.next().unwrap_or(next_full_sweep).min(Instant::now() + SWEEP_INTERVAL);
        sleep(next.saturating_duration_since(Instant::now()) + Duration::from_millis(100)).await;
    }
}

/// Reads the folder on a thread of its own, no faster than the site answers.
async fn sweep_all(server: &Arc<ImageServer>) {
    let (sender, mut batches) = mpsc::channel(1);
    let reader = Arc::clone(server);
    let scan = spawn_blocking(move || {
        let mut batch = Vec::new();
        let bytes = reader.store.visit(|item| {
            match reader.store.grace_left(&item) {
                Some(left) => reader.new_items.push(item, left),
                None => batch.push(item),
            }
            batch.len() < MAX_BATCH || sender.blocking_send(std::mem::take(&mut batch)).is_ok()
        });
        let _ = sender.blocking_send(batch);
        bytes
    });
    while let Some(batch) = batches.recv().await {
        sweep_batch(server, batch).await;
    }
    match scan.await {
        Ok(Ok(bytes)) => server.metrics.file_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX)),
        Ok(Err(error)) => log::error!("folder of files not read: error={error}"),
        Err(error) => log::error!("folder of files not read: error={error}"),
    }
}

/// Asks until the site answers, then deletes what is unused.
async fn sweep_batch(server: &ImageServer, batch: Vec<StoredItem>) {
    let (mut pictures, mut files) = (Vec::new(), FileNames::default());
    for item in batch {
        match item {
            StoredItem::Picture(name) => pictures.push(name),
            StoredItem::File(name) => files.files.push(name),
        }
    }
    if !files.files.is_empty() {
        let unused = loop {
            match server.site.unused_files(&files).await {
                Some(unused) => break unused,
                None => sleep(RETRY_DELAY).await,
            }
        };
        // The site must not name others.
        for name in unused.files.into_iter().filter(|name| files.files.contains(name)) {
            remove(server, StoredItem::File(name)).await;
        }
    }
    for name in pictures {
        let usage = loop {
            match server.site.is_picture_used(&name.path()).await {
                Outcome::Unavailable => sleep(RETRY_DELAY).await,
                usage => break usage,
            }
        };
        if usage == Outcome::No {
            remove(server, StoredItem::Picture(name)).await;
        }
    }
}

async fn remove(server: &ImageServer, item: StoredItem) {
    let removed = item.clone();
    match server.with_store(move |store| store.remove_aged(&removed)).await {
        Ok(None) => {}
        // It was stored again meanwhile.
        Ok(Some(left)) => server.new_items.push(item, left),
        Err(error) => log::error!("file not removed: error={error}"),
    }
}
