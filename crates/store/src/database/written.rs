//! The answer to a change.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::error::StoreError;

/// A change that was handed to the writer. Await it, or [`wait`](Written::wait) for it where there is no runtime.
///
/// It is answered after the change is on the disk. Dropping it does not take the change back. Cancel-safe.
#[must_use = "whether the change was stored is known only when this is awaited"]
pub struct Written<T, E = StoreError>(State<T, E>);

enum State<T, E> {
    Known(Option<Result<T, E>>),
    Waiting(oneshot::Receiver<Result<T, E>>),
}

impl<T, E: From<StoreError>> Written<T, E> {
    pub(crate) fn known(answer: Result<T, E>) -> Self {
        Self(State::Known(Some(answer)))
    }

    pub(crate) fn waiting(answer: oneshot::Receiver<Result<T, E>>) -> Self {
        Self(State::Waiting(answer))
    }

    /// Blocks until the change is on the disk. Not for async code, where it panics.
    ///
    /// # Errors
    /// What the change itself reports, or why it could not be stored.
    pub fn wait(self) -> Result<T, E> {
        match self.0 {
            State::Known(answer) => answer.unwrap_or_else(|| Err(StoreError::Closed.into())),
            State::Waiting(answer) => answer.blocking_recv().unwrap_or_else(|_closed| Err(StoreError::Closed.into())),
        }
    }
}

// Nothing in it is pinned: the receiver is `Unpin`, and a known answer is moved out.
impl<T, E> Unpin for Written<T, E> {}

impl<T, E: From<StoreError>> Future for Written<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Known(answer) => Poll::Ready(answer.take().unwrap_or_else(|| Err(StoreError::Closed.into()))),
            State::Waiting(answer) => {
                Pin::new(answer).poll(ctx).map(|answer| answer.unwrap_or_else(|_closed| Err(StoreError::Closed.into())))
            }
        }
    }
}
