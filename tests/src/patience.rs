//! How long the suites wait: until something is so, and never longer than [`PATIENCE`].

use std::future::Future;
use std::time::{Duration, Instant};

/// Far longer than anything takes on a slow machine that does other work besides.
pub const PATIENCE: Duration = Duration::from_mins(1);
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The outcome of something that must come to an end.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// Asks until there is an answer: for conditions of another process, which nothing announces.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
