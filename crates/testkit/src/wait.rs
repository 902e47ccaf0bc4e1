//! Waiting under a deadline.

use std::{future::Future, time::Duration};

/// Longest that a test waits for something that has to happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for something that has to happen, and fails the test with `what` when it does not.
///
/// # Panics
/// After [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(tokio::time::error::Elapsed { .. }) => panic!("waited {DEADLINE:?} for {what}"),
    }
}

/// Asks again and again, with a short pause, until `check` gives something.
///
/// # Panics
/// After [`DEADLINE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    within(what, async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
