//! `gateway.http`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The HTTP interface.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// Headers for browsers.
    pub security_headers: SecurityHeaders,
}

/// Headers for browsers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityHeaders {
    /// The value of Strict-Transport-Security, or false for none.
    pub strict_transport_security: Option<StrictTransportSecurity>,
}

/// The header's value, or a switch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StrictTransportSecurity {
    /// False sends none.
    Switch(bool),
    /// The value to send.
    Value(String),
}

impl SecurityHeaders {
    /// The header's value, if one is to be sent.
    pub fn strict_transport_security(&self) -> Option<&str> {
        match &self.strict_transport_security {
            Some(StrictTransportSecurity::Value(value)) if !value.trim().is_empty() => Some(value.trim()),
            _ => None,
        }
    }
}
