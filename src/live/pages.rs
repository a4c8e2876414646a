//! Rendered pages of rooms, cached until the log grows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;

use super::chat_loader::ChatLoader;
use crate::cache::{Budget, Cache, Lookup};
use crate::error::{Error, Result};
use crate::models::chat::PageAnchor;
use crate::models::room::Head;
use crate::models::{Room, RoomId};
use crate::store::with_timeout;
use crate::views::chat::{ChatBatch, FeedItem, Fragment};

const MAX_AGE: Duration = Duration::from_secs(30);
/// Without the chats of a page, which are charged to the cache budget on their own.
const MAX_BYTES: usize = 1 << 20;

pub(crate) struct RenderedPage {
    pub(crate) fragment: Fragment,
    /// The head of the log, from which a live page continues.
    pub(crate) head: i64,
    /// The `before` of the previous page. `None` on the first one.
    pub before: Option<i64>,
    /// The number of the last chat. `None` if the page reaches to the head.
    pub(crate) after: Option<i64>,
}

pub(super) struct PageCache {
    cache: Arc<Cache<PageKey, CachedPage>>,
    /// Running reads, shared by concurrent requests.
    reads: Mutex<HashMap<(PageKey, PageVersion), WeakShared<PageRead>>>,
}

type PageKey = (RoomId, PageAnchor);

/// The number of the last entry and the version of names.
type PageVersion = (i64, u64);

type PageRead = BoxFuture<'static, Result<Arc<RenderedPage>, Arc<Error>>>;

#[derive(Clone)]
struct CachedPage {
    version: PageVersion,
    page: Arc<RenderedPage>,
}

impl PageCache {
    pub(super) fn new(budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { cache: Cache::new(budget, MAX_AGE, MAX_BYTES), reads: Mutex::default() })
    }

    /// Returns a page of a room. Concurrent callers share one read, which goes on if they give up.
    pub(super) async fn page(
        self: &Arc<Self>,
        loader: &Arc<ChatLoader>,
        room: &Room,
        anchor: PageAnchor,
    ) -> Result<Arc<RenderedPage>> {
        let names = loader.names_version();
        let head = room.log(&loader.db).current_head().await?;
        let anchor = anchor.clamped(head.no);
        let (key, version) = ((room.id, anchor), (head.seq, names));
        if let Some(page) = self.cached(key, version) {
            return Ok(page);
        }
        let read = self.shared_read(key, version, || {
            Arc::clone(self).read(Arc::clone(loader), room.clone(), anchor, head, version)
        });
        with_timeout(read).await?.map_err(|error| match &*error {
            Error::NotFound => Error::NotFound,
            error => Error::Unavailable(error.to_string()),
        })
    }

    async fn read(
        self: Arc<Self>,
        loader: Arc<ChatLoader>,
        room: Room,
        anchor: PageAnchor,
        head: Head,
        version: PageVersion,
    ) -> Result<Arc<RenderedPage>> {
        let cache_version = self.cache.version();
        let page = room.log(&loader.db).page(head, anchor, room.has_events()).await?;
        let items = loader.items(page.chats, page.events).await?;
        items.iter().for_each(FeedItem::prepare);
        let fragment = Fragment::new(ChatBatch { items, upto: page.upto, closed: false }).charged_to(loader.budget());
        let page = Arc::new(RenderedPage { fragment, head: head.seq, before: page.before, after: page.after });
        let cached = CachedPage { version, page: Arc::clone(&page) };
        self.cache.insert(cache_version, (room.id, anchor), cached, 0);
        Ok(page)
    }

    fn cached(&self, key: PageKey, version: PageVersion) -> Option<Arc<RenderedPage>> {
        match self.cache.get(&key) {
            Lookup::Hit(cached) if cached.version == version => Some(cached.page),
            _ => None,
        }
    }

    /// Returns the running read of a page, or starts one in a task of its own.
    fn shared_read<F>(&self, key: PageKey, version: PageVersion, read: impl FnOnce() -> F) -> Shared<PageRead>
    where
        F: Future<Output = Result<Arc<RenderedPage>>> + Send + 'static,
    {
        let mut reads = self.reads.lock();
        let running = reads.get(&(key, version)).and_then(WeakShared::upgrade);
        running.filter(|read| read.peek().is_none()).unwrap_or_else(|| {
            let task = tokio::spawn(read());
            let read =
                async { task.await.unwrap_or_else(|panic| Err(Error::Internal(panic.to_string()))).map_err(Arc::new) };
            let read = read.boxed().shared();
            reads.retain(|_, read| read.upgrade().is_some());
            reads.extend(read.downgrade().map(|weak| ((key, version), weak)));
            read
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use PageAnchor::{Around, Before, Latest};

    fn page() -> Arc<RenderedPage> {
        let feed = ChatBatch { items: Vec::new(), upto: 0, closed: false };
        Arc::new(RenderedPage { fragment: Fragment::new(feed), head: 0, before: None, after: None })
    }

    fn pages() -> (Arc<PageCache>, RoomId) {
        (PageCache::new(&Arc::default()), "0123456789abcdef01234567".parse().unwrap())
    }

    #[test]
    fn a_page_is_known_until_its_log_grows_or_a_name_changes() {
        let (pages, room) = pages();
        pages.cache.insert(pages.cache.version(), (room, Latest), CachedPage { version: (4, 1), page: page() }, 0);
        assert!(pages.cached((room, Latest), (4, 1)).is_some());
        for (anchor, made_of) in [(Latest, (5, 1)), (Latest, (4, 2)), (Before(9), (4, 1)), (Around(9), (4, 1))] {
            assert!(pages.cached((room, anchor), made_of).is_none());
        }
    }

    #[tokio::test]
    async fn everybody_who_asks_for_a_page_waits_for_one_reading_of_it() {
        let (pages, room) = pages();
        let (begun, (go, gone)) = (AtomicUsize::default(), tokio::sync::watch::channel(false));
        let read = || {
            begun.fetch_add(1, Ordering::Relaxed);
            let mut gone = gone.clone();
            async move {
                let _ = gone.wait_for(|gone| *gone).await;
                Ok(page())
            }
        };
        let readings: Vec<_> = (0..40).map(|_| pages.shared_read((room, Latest), (4, 1), read)).collect();
        let other = pages.shared_read((room, Latest), (5, 1), read);
        go.send_replace(true);
        assert!(join_all(readings).await.iter().all(Result::is_ok) && other.await.is_ok());
        assert_eq!(begun.into_inner(), 2);
    }
}
