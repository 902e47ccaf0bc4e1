//! The handle by which everybody but the actor uses a connection.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_protocol::{error::ErrorShape, frame::OutRequest, limits, method::Method};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    CloseInfo,
    pending::{Answer, Pending, Wanted},
};

/// Ids of our requests are this letter and a number.
pub(super) const ID_PREFIX: &str = "c";

/// A connection to a gateway. Cheap to clone; the connection ends with [`Connection::close`] or with its last clone.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    outbox: mpsc::Sender<Outgoing>,
}

/// Why a call has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The gateway answered with an error.
    #[error("{error}")]
    Refused {
        /// The method.
        method: String,
        /// Code, message and details.
        error: Box<ErrorShape>,
    },
    /// No answer came in time. The gateway may still be at it.
    #[error("gateway request timeout for {method}")]
    Timeout {
        /// The method.
        method: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection has ended.
    #[error("{0}")]
    Closed(CloseInfo),
    /// The request is larger than the gateway takes; it was not sent.
    #[error("the params of {method} are too large: {bytes} bytes, the gateway takes {max_bytes}")]
    TooLarge {
        /// The method.
        method: String,
        /// The frame's size.
        bytes: usize,
        /// The gateway's limit.
        max_bytes: usize,
    },
    /// The params are not JSON; nothing was sent.
    #[error("the params of {method} cannot be sent: {problem}")]
    Params {
        /// The method.
        method: String,
        /// What is wrong.
        problem: String,
    },
    /// The answer has another shape than this version expects.
    #[error("the answer to {method} is not understood: {problem}")]
    Reply {
        /// The method.
        method: String,
        /// What is wrong.
        problem: String,
    },
}

impl CallError {
    /// The gateway's error, when that is what happened.
    pub fn refused(&self) -> Option<&ErrorShape> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// A request that is ready to go.
struct Frame {
    number: u64,
    text: String,
}

/// A frame on its way out.
pub(super) struct Outgoing {
    pub(super) text: String,
    /// Given back when the frame has been written.
    pub(super) room: OwnedSemaphorePermit,
}

/// What the handles and the actor share.
pub(super) struct Shared {
    pub(super) pending: Pending,
    next_id: AtomicU64,
    /// Requests that may wait for answers at the same time; more wait for their turn.
    slots: Semaphore,
    /// Bytes that may wait to be written; more wait for their turn.
    room: Arc<Semaphore>,
    max_payload: usize,
    request_timeout: Duration,
    close: OnceLock<CloseInfo>,
    /// Somebody wants it to end.
    pub(super) stop: CancellationToken,
    /// It has ended.
    ended: CancellationToken,
}

impl Shared {
    pub(super) fn new(max_payload: usize, request_timeout: Duration) -> Self {
        Self {
            pending: Pending::default(),
            next_id: AtomicU64::new(1),
            slots: Semaphore::new(limits::MAX_IN_FLIGHT),
            room: Arc::new(Semaphore::new(limits::MAX_BUFFERED_BYTES)),
            max_payload,
            request_timeout,
            close: OnceLock::new(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Marks the connection as ended; only the first reason counts.
    pub(super) fn end(&self, close: CloseInfo) {
        self.close.get_or_init(|| close);
        self.room.close();
        self.slots.close();
        self.pending.close();
        self.ended.cancel();
    }

    fn close_info(&self) -> CloseInfo {
        self.close.get().cloned().unwrap_or_else(|| CloseInfo::lost("the connection is ending"))
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, outbox: mpsc::Sender<Outgoing>) -> Self {
        Self { shared, outbox }
    }

    /// Calls a method and waits for its answer, at most [`crate::DialOptions::request_timeout`] (30 s by default).
    ///
    /// Dropping the future abandons the answer, not the request.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<M: Method>(&self, params: M::Params) -> Result<M::Reply, CallError> {
        self.call_within::<M>(params, self.shared.request_timeout).await
    }

    /// The same with a deadline of its own.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_within<M: Method>(&self, params: M::Params, after: Duration) -> Result<M::Reply, CallError> {
        let raw = self.request(M::NAME, self.encode(M::NAME, &params)?, after, Wanted::First).await?;
        serde_json::from_str(raw.as_deref().map_or("null", RawValue::get))
            .map_err(|error| CallError::Reply { method: M::NAME.to_owned(), problem: error.to_string() })
    }

    /// Calls a method by its wire name. An absent payload is `null`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_raw(&self, method: &str, params: Value, after: Duration) -> Result<Value, CallError> {
        let raw = self.request(method, self.encode(method, &params)?, after, Wanted::First).await?;
        value_of(method, raw.as_deref())
    }

    /// Like [`Connection::call_raw`], but a first answer with the status `accepted` is not the end: the result of
    /// the work follows under the same id (protocol.md §2.1).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_raw_final(&self, method: &str, params: Value, after: Duration) -> Result<Value, CallError> {
        let raw = self.request(method, self.encode(method, &params)?, after, Wanted::Final).await?;
        value_of(method, raw.as_deref())
    }

    /// Whether it has not ended yet.
    pub fn is_open(&self) -> bool {
        !self.shared.ended.is_cancelled() && !self.shared.stop.is_cancelled()
    }

    /// Waits until it has ended and says how. Cancel safe.
    pub async fn closed(&self) -> CloseInfo {
        self.shared.ended.cancelled().await;
        self.shared.close_info()
    }

    /// Sends what is queued, says goodbye (1000), and waits until the socket is closed, about a second at most.
    pub async fn close(self) {
        self.shared.stop.cancel();
        self.shared.ended.cancelled().await;
    }

    async fn request(
        &self,
        method: &str,
        frame: Frame,
        after: Duration,
        wanted: Wanted,
    ) -> Result<Option<Box<RawValue>>, CallError> {
        let exchange = timeout(after, self.exchange(frame, wanted)).await;
        let answer =
            exchange.unwrap_or_else(|_elapsed| Err(CallError::Timeout { method: method.to_owned(), after }))?;
        answer.map_err(|error| CallError::Refused { method: method.to_owned(), error })
    }

    fn encode(&self, method: &str, params: &impl Serialize) -> Result<Frame, CallError> {
        let number = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let id = format!("{ID_PREFIX}{number}");
        let text = serde_json::to_string(&OutRequest::new(&id, method, params))
            .map_err(|error| CallError::Params { method: method.to_owned(), problem: error.to_string() })?;
        if text.len() > self.shared.max_payload {
            let (bytes, max_bytes) = (text.len(), self.shared.max_payload);
            return Err(CallError::TooLarge { method: method.to_owned(), bytes, max_bytes });
        }
        Ok(Frame { number, text })
    }

    async fn exchange(&self, Frame { number, text }: Frame, wanted: Wanted) -> Result<Answer, CallError> {
        let shared = &self.shared;
        let ended = || CallError::Closed(shared.close_info());
        let _slot = shared.slots.acquire().await.map_err(|_closed| ended())?;
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let room = shared.room.clone().acquire_many_owned(bytes).await.map_err(|_closed| ended())?;
        let (_place, answer) = shared.pending.wait(number, wanted).ok_or_else(ended)?;
        self.outbox.send(Outgoing { text, room }).await.map_err(|_closed| ended())?;
        answer.await.map_err(|_closed| ended())
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

fn value_of(method: &str, raw: Option<&RawValue>) -> Result<Value, CallError> {
    serde_json::from_str(raw.map_or("null", RawValue::get))
        .map_err(|error| CallError::Reply { method: method.to_owned(), problem: error.to_string() })
}
