//! Query timeouts. All queries of one request share one budget, so its page answers 503 within 2 s.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::error::{Error, Result};

/// How long the queries of one request wait in all; outside a request, how long each one waits.
pub(crate) const QUERY_TIMEOUT: Duration = Duration::from_millis(1_500);

tokio::task_local! {
    /// What is left of the budget of the current request.
    static REMAINING: Cell<Duration>;
}

/// Runs a request whose queries share one [`QUERY_TIMEOUT`].
pub(crate) async fn with_shared_budget<T>(request: impl Future<Output = T>) -> T {
    REMAINING.scope(Cell::new(QUERY_TIMEOUT), request).await
}

/// Fails with `Unavailable` on a timeout.
pub(crate) async fn with_timeout<T>(query: impl Future<Output = T>) -> Result<T> {
    let (remaining, begun) = (REMAINING.try_with(Cell::get).unwrap_or(QUERY_TIMEOUT), Instant::now());
    let result = timeout(remaining, query).await;
    // Outside a request there is no budget.
    let _ = REMAINING.try_with(|all| all.set(remaining.saturating_sub(begun.elapsed())));
    result.map_err(|_| Error::Unavailable("the database did not answer in time".into()))
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn queries_of_one_request_share_one_timeout() {
        let query = || with_timeout(sleep(Duration::from_secs(3_600)));
        let begun = Instant::now();
        with_shared_budget(async {
            for _ in 0..4 {
                assert!(query().await.is_err());
            }
        })
        .await;
        assert!(begun.elapsed() < QUERY_TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
        assert!(with_timeout(async {}).await.is_ok());
    }
}
