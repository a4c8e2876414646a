//! What the tests are made of: sites, people, pages.

pub mod browser;
pub mod database_proxy;
pub mod devtools;
pub mod images;
pub mod nginx;
pub mod page;
pub mod person;
pub mod process;
pub mod proxy;
pub mod random;
pub mod rewriting_proxy;
pub mod site;
pub mod strait;
pub mod tour;

use std::future::Future;
use std::time::Duration;

/// How long anything may take before a test gives up. Generous: nothing here is about speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of a future, or a failed test that says what it waited for.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}

/// Asks again until the answer is there.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
