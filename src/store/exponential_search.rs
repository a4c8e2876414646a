//! Finds the last of things that are numbered without a gap, by exact keys only (galloping search).
//!
//! The cost grows with the logarithm of the distance from the hint, not with the length of the history.

use std::future::Future;

use crate::error::Result;

/// Returns the thing with the highest number above `from`, or `None` if `from` is the last number. `probe` reads a number.
pub(crate) async fn exponential_search<T, F>(from: i64, probe: impl Fn(i64) -> F) -> Result<Option<T>>
where
    F: Future<Output = Result<Option<T>>>,
{
    let (mut low, mut step, mut found) = (from, 1, None);
    let mut high = loop {
        match probe(low + step).await? {
            None => break low + step,
            there => (found, low, step) = (there, low + step, step * 2),
        }
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match probe(middle).await? {
            None => high = middle,
            there => (found, low) = (there, middle),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn finds_the_end_from_every_hint() {
        for top in 0..70_i64 {
            for from in 0..=top {
                let found = exponential_search(from, |n| async move { Ok((n <= top).then_some(n)) }).await.unwrap();
                assert_eq!(found, (from < top).then_some(top), "from {from}");
            }
        }
    }

    #[tokio::test]
    async fn asks_once_at_the_end_and_little_from_far() {
        let asked = Cell::new(0);
        let probe = |n| {
            asked.set(asked.get() + 1);
            async move { Ok((n <= 1_000_000).then_some(n)) }
        };
        assert_eq!(exponential_search(1_000_000, probe).await.unwrap(), None);
        assert_eq!(asked.replace(0), 1);
        assert_eq!(exponential_search(0, probe).await.unwrap(), Some(1_000_000));
        assert!(asked.get() <= 41, "asked {} times", asked.get());
    }
}
