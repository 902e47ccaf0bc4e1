//! One step after another, each under its deadline.

use tokio::time::{Duration, timeout};

use super::{Socket, Stream, tcp, tls, upgrade};
use crate::{DialError, DialOptions, Endpoint, Phase};

/// Opens the WebSocket. No credential is known to this function.
pub(crate) async fn open(endpoint: &Endpoint, options: &DialOptions) -> Result<Socket, DialError> {
    endpoint.check_plaintext(options.allow_private_plaintext)?;
    let step = options.step_timeout;
    let addresses = within(Phase::Resolve, step, tcp::resolve(&endpoint.url, options)).await?;
    let tcp = within(Phase::Tcp, step, tcp::connect(&endpoint.url, &addresses)).await?;
    let stream = if endpoint.url.is_tls() {
        let trust = tls::Trust::of(endpoint, options);
        Stream::Tls(Box::new(within(Phase::Tls, step, tls::handshake(&endpoint.url, trust, tcp)).await?.stream))
    } else {
        Stream::Plain(tcp)
    };
    within(Phase::Upgrade, step, upgrade::upgrade(&endpoint.url, stream)).await
}

/// Runs one step under its deadline.
pub(crate) async fn within<T>(
    phase: Phase,
    after: Duration,
    step: impl Future<Output = Result<T, DialError>>,
) -> Result<T, DialError> {
    timeout(after, step).await.unwrap_or(Err(DialError::Timeout { phase, after }))
}
