//! How long whoever asks waits for the database. What one request asks shares one patience, so that its page answers
//! 503 within 2 s however many questions it has; what is asked outside of a request is patient each time.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::error::{Error, Result};

/// How long one request, or one question outside of any, waits for the database in all.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_millis(1_500);

tokio::task_local! {
    /// What is left of a request's patience.
    static REMAINING: Cell<Duration>;
}

/// Runs a request: all of its questions together wait no longer than one.
pub async fn with_shared_budget<T>(request: impl Future<Output = T>) -> T {
    REMAINING.scope(Cell::new(QUERY_TIMEOUT), request).await
}

/// The answer, or `Unavailable` when patience ends before it comes.
///
/// # Errors
/// `Unavailable`.
pub async fn with_timeout<T>(question: impl Future<Output = T>) -> Result<T> {
    let (left, asked) = (REMAINING.try_with(Cell::get).unwrap_or(QUERY_TIMEOUT), Instant::now());
    let answer = timeout(left, question).await;
    // Outside of a request there is nothing to take it from.
    let _ = REMAINING.try_with(|all| all.set(left.saturating_sub(asked.elapsed())));
    answer.map_err(|_| Error::Unavailable("the database did not answer in time".into()))
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_requests_questions_share_one_patience() {
        let question = || with_timeout(sleep(Duration::from_secs(3_600)));
        let begun = Instant::now();
        with_shared_budget(async {
            for _ in 0..4 {
                assert!(question().await.is_err());
            }
        })
        .await;
        assert!(begun.elapsed() < QUERY_TIMEOUT + Duration::from_millis(100), "{:?}", begun.elapsed());
        assert!(with_timeout(async {}).await.is_ok());
    }
}
