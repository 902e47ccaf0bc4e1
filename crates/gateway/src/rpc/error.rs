//! Errors of handlers: the caller gets a safe message, the log gets the cause.

use std::error::Error;

use openclaw_protocol::error::ErrorShape;
use openclaw_store::StoreError;
use serde_json::json;
use tracing::error;

/// What a caller is answered when a method fails.
#[derive(Clone, Debug)]
pub(crate) struct RpcError(pub ErrorShape);

impl RpcError {
    /// The request itself is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self(ErrorShape::invalid(message))
    }

    /// It cannot be done now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self(ErrorShape::unavailable(message))
    }

    /// The caller lacks a scope.
    pub(crate) fn missing_scope(scope: &str) -> Self {
        Self(ErrorShape::missing_scope(scope))
    }

    /// Our own fault: logged with its causes, told without them.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        error!("internal error: {}", chain(cause));
        Self(ErrorShape::unavailable("the gateway could not do it; its log says why (openclaw logs)"))
    }

    #[must_use]
    pub(crate) fn with_details(self, details: serde_json::Value) -> Self {
        Self(self.0.with_details(details))
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        error!("state: {}", chain(&error));
        let shape =
            ErrorShape::unavailable(format!("the gateway cannot use its state now: {error}. Nothing was changed"));
        Self(shape.retry_after(2_000).with_details(json!({"code": "STATE_UNAVAILABLE"})))
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
