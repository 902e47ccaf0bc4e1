//! Work that reads files.

use crate::capability::NodeFailure;

/// Does it where blocking is allowed (REL-054).
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeFailure> + Send + 'static,
) -> Result<T, NodeFailure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NodeFailure::unavailable(format!("the command broke: {error}"))))
}
