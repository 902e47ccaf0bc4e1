//! `gateway.controlUi`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The web interface.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "these are the original's keys, each a switch of its own")]
pub struct ControlUi {
    /// Whether it is served.
    pub enabled: bool,
    /// Below which path, for example `/openclaw`.
    pub base_path: String,
    /// A folder with other pages than the built-in ones.
    pub root: Option<String>,
    /// Origins of browsers that are not on this machine, for example `https://claw.example.org`.
    pub allowed_origins: Vec<String>,
    /// Break-glass: accepts any origin whose host is the Host header.
    pub dangerously_allow_host_header_origin_fallback: bool,
    /// Break-glass: lets local browsers in without a device key.
    pub allow_insecure_auth: bool,
    /// Break-glass: lets every browser in without a device key.
    pub dangerously_disable_device_auth: bool,
}

impl Default for ControlUi {
    fn default() -> Self {
        Self {
            enabled: true,
            base_path: String::new(),
            root: None,
            allowed_origins: Vec::new(),
            dangerously_allow_host_header_origin_fallback: false,
            allow_insecure_auth: false,
            dangerously_disable_device_auth: false,
        }
    }
}
