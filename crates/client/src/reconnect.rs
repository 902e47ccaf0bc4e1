//! A connection that is kept: dials, hands the session over, and dials again when it is lost (REL-031). Used by the
//! node host and by `logs --follow`.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Backoff, CloseInfo, Connected, DialError, Retry};

/// How long a handler may take to end after it was told to stop.
const HANDLER_GRACE: Duration = Duration::from_secs(10);

/// Makes one connection. Implemented by closures too.
pub trait Dialer: Send {
    /// Dials once; usually [`crate::dial_with_retry`] with the newest credentials.
    fn dial(&mut self) -> impl Future<Output = Result<Connected, DialError>> + Send;
}

impl<F, D> Dialer for F
where
    F: FnMut() -> D + Send,
    D: Future<Output = Result<Connected, DialError>> + Send,
{
    fn dial(&mut self) -> impl Future<Output = Result<Connected, DialError>> + Send {
        self()
    }
}

/// What a session is used for.
pub trait SessionHandler: Send {
    /// Serves one session until its connection has ended (`events.next()` gives `None`) or there is nothing more to
    /// do. When the whole is stopped, the connection is closed and this has 10 s to return.
    fn session(&mut self, session: Connected) -> impl Future<Output = AfterSession> + Send;

    /// What to do after a failed dial: the default ends when [`DialError::is_final`], else follows
    /// [`crate::Refusal::retry`]. A node host without a waiting room overrides it to ask again and again until a
    /// person has approved it.
    fn failed(&mut self, error: &DialError) -> Retry {
        match error {
            DialError::Refused(refusal) => refusal.retry(),
            error if error.is_final() => Retry::Never,
            _ => Retry::After(Duration::ZERO),
        }
    }

    /// A dial failed and is repeated after `wait`; for people and logs.
    fn on_retry(&mut self, error: &DialError, wait: Duration) {
        tracing::debug!(wait_ms = wait.as_millis(), "dialling again after: {error}");
    }

    /// A session was lost and is replaced after `wait`; for people and logs.
    fn on_lost(&mut self, close: &CloseInfo, wait: Duration) {
        tracing::debug!(wait_ms = wait.as_millis(), "connecting again after: {close}");
    }
}

/// What a handler wants after a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterSession {
    /// Another one.
    Reconnect,
    /// No more.
    Finish,
}

/// Why a kept connection ended.
#[derive(Debug)]
pub enum Ended {
    /// The token was cancelled.
    Stopped,
    /// The handler had enough.
    Finished,
    /// Trying again cannot help.
    Refused(DialError),
}

/// Keeps a connection with a backoff of its own, see [`stay_connected_with`].
pub async fn stay_connected(dialer: impl Dialer, handler: impl SessionHandler, stop: CancellationToken) -> Ended {
    stay_connected_with(dialer, handler, Backoff::system(), stop).await
}

/// Dials, serves, and dials again until `stop` is cancelled, the handler has finished, or a refusal is final. A link
/// that held a minute resets the backoff; a restart of the gateway (1012) does not lengthen it.
pub async fn stay_connected_with(
    mut dialer: impl Dialer,
    mut handler: impl SessionHandler,
    mut backoff: Backoff,
    stop: CancellationToken,
) -> Ended {
    loop {
        let dialled = tokio::select! {
            biased;
            () = stop.cancelled() => return Ended::Stopped,
            dialled = dialer.dial() => dialled,
        };
        let wait = match dialled {
            Ok(connected) => match serve(connected, &mut handler, &mut backoff, &stop).await {
                Ok(wait) => wait,
                Err(ended) => return ended,
            },
            Err(error) => {
                let wait = match handler.failed(&error) {
                    Retry::Never => return Ended::Refused(error),
                    Retry::Slowly => backoff.slowly(),
                    Retry::After(at_least) => backoff.after_failure(at_least),
                };
                handler.on_retry(&error, wait);
                wait
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ended::Stopped,
            () = sleep(wait) => {}
        }
    }
}

/// Serves one session; the wait before the next one, or the end.
async fn serve(
    connected: Connected,
    handler: &mut impl SessionHandler,
    backoff: &mut Backoff,
    stop: &CancellationToken,
) -> Result<Duration, Ended> {
    let connection = connected.connection.clone();
    let since = Instant::now();
    let after = {
        let session = handler.session(connected);
        tokio::pin!(session);
        tokio::select! {
            biased;
            after = &mut session => after,
            () = stop.cancelled() => {
                let goodbye = async { tokio::join!(connection.clone().close(), &mut session) };
                if timeout(HANDLER_GRACE, goodbye).await.is_err() {
                    tracing::warn!("the session did not end in time and was dropped");
                }
                return Err(Ended::Stopped);
            }
        }
    };
    if after == AfterSession::Finish {
        connection.close().await;
        return Err(Ended::Finished);
    }
    connection.clone().close().await;
    let close = connection.closed().await;
    backoff.link_held(since.elapsed());
    let wait = if close.is_restart() {
        backoff.after_restart(close.back_after.unwrap_or_default())
    } else {
        backoff.after_failure(Duration::ZERO)
    };
    handler.on_lost(&close, wait);
    Ok(wait)
}
