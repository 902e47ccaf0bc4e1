//! Errors as they travel: a code, a message for people, details for programs.
//!
//! Codes are those of the reference (protocol.md §2.2). Messages keep the phrases that official clients search for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `error.code` of a response. The wire type is a free string, so codes of newer peers are kept as they are.
pub mod code {
    /// Bad params, unknown method, role refused, handshake refused.
    pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
    /// The gateway or a node cannot do it now.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// The device has to be paired first.
    pub const NOT_PAIRED: &str = "NOT_PAIRED";
    /// Known, but not permitted (v4; v3 says `INVALID_REQUEST`).
    pub const FORBIDDEN: &str = "FORBIDDEN";
}

/// `error.details.code` values, which programs decide by.
pub mod detail {
    pub const PAIRING_REQUIRED: &str = "PAIRING_REQUIRED";
    /// Ours: a person said no. A client ends instead of asking again.
    pub const PAIRING_REJECTED: &str = "PAIRING_REJECTED";
    /// Ours: too many requests wait already (SEC-056).
    pub const PAIRING_QUOTA: &str = "PAIRING_QUOTA";
    pub const MISSING_SCOPE: &str = "MISSING_SCOPE";
    pub const PROTOCOL_MISMATCH: &str = "PROTOCOL_MISMATCH";
    pub const DEVICE_IDENTITY_REQUIRED: &str = "DEVICE_IDENTITY_REQUIRED";
    pub const CONTROL_UI_DEVICE_IDENTITY_REQUIRED: &str = "CONTROL_UI_DEVICE_IDENTITY_REQUIRED";
    pub const CONTROL_UI_ORIGIN_NOT_ALLOWED: &str = "CONTROL_UI_ORIGIN_NOT_ALLOWED";
    pub const AUTH_TOKEN_MISMATCH: &str = "AUTH_TOKEN_MISMATCH";
    pub const AUTH_RATE_LIMITED: &str = "AUTH_RATE_LIMITED";
    pub const AUTH_BOOTSTRAP_TOKEN_INVALID: &str = "AUTH_BOOTSTRAP_TOKEN_INVALID";
}

/// The `error` member of a response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorShape {
    /// One of [`code`], or a code of a newer peer.
    pub code: String,
    /// One line for people, never empty.
    pub message: String,
    /// For programs; usually an object with a `code` of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ErrorShape {
    /// An error with a code and a message, nothing else.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), details: None, retryable: None, retry_after_ms: None }
    }

    /// The request itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_REQUEST, message)
    }

    /// It cannot be done now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(code::UNAVAILABLE, message)
    }

    /// The caller lacks `scope`. v3 peers get it as `INVALID_REQUEST` (see `compat::v3`).
    pub fn missing_scope(scope: &str) -> Self {
        Self::new(code::FORBIDDEN, format!("missing scope: {scope}"))
            .with_details(json!({"code": detail::MISSING_SCOPE, "missingScope": scope, "requiredScopes": [scope]}))
    }

    /// Adds details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Marks it as worth trying again after so many milliseconds.
    #[must_use]
    pub fn retry_after(mut self, after_ms: u64) -> Self {
        self.retryable = Some(true);
        self.retry_after_ms = Some(after_ms);
        self
    }

    /// `details.code`, when there is one.
    pub fn detail_code(&self) -> Option<&str> {
        self.detail("code")
    }

    /// A text member of `details`.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.as_ref()?.get(name)?.as_str()
    }
}

impl std::fmt::Display for ErrorShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorShape {}
