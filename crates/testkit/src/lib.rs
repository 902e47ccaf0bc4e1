//! For tests only: a gateway on port 0 with temporary state ([`gateway`]), devices that dial it with our
//! own client ([`device`]), and, for frames that no client of ours would send, a bare wire ([`wire`]) with a door
//! knocker ([`knock`]) and a conversation ([`peer`]) on top, and a bare socket below ([`raw`]).

pub mod device;
pub mod gateway;
pub mod knock;
pub mod peer;
pub mod raw;
pub mod wire;

pub use device::Device;
pub use gateway::{TOKEN, TestGateway};
pub use knock::{Knock, Refused};
pub use peer::Peer;
pub use raw::RawSocket;
pub use wire::Wire;

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
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
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
