//! What the tests are made of: sites, people, pages.

pub mod browser;
pub mod database_proxy;
pub mod devtools;
pub mod files;
pub mod images;
pub mod nginx;
pub mod page;
pub mod page_gallery;
pub mod pausing_proxy;
pub mod person;
pub mod process;
pub mod proxy;
pub mod random;
pub mod rewriting_proxy;
pub mod site;

use std::future::Future;
use std::time::Duration;

/// How long anything may take before a test gives up. Generous: nothing here is about speed.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What comes of a future, or a failed test that says what it waited for.
pub async fn within_timeout<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TEST_TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s for {what}", TEST_TIMEOUT.as_secs()),
    }
}

/// Asks again until the answer is there.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    within_timeout(what, async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
