//! `gateway.tls`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Encryption on the gateway's port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Whether the port speaks TLS.
    pub enabled: bool,
    /// Makes a certificate of its own when there is none.
    pub auto_generate: bool,
    /// The certificate. Without it, `gateway/tls/gateway-cert.pem` in the state directory.
    pub cert_path: Option<String>,
    /// Its key. Without it, `gateway/tls/gateway-key.pem` in the state directory.
    pub key_path: Option<String>,
    /// Certificates that clients must be signed by.
    pub ca_path: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { enabled: false, auto_generate: true, cert_path: None, key_path: None, ca_path: None }
    }
}
