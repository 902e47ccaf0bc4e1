//! The section itself.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sections::limits;

use super::{Auth, ControlUi, Http, Nodes, Reload, Remote, Tailscale, Tls};
use crate::cidr::Cidr;

/// The port of a gateway unless something says otherwise.
pub const DEFAULT_PORT: u16 = 18789;

/// The gateway: where it listens, whom it believes, what it serves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewaySection {
    /// `local` runs a gateway on this machine; `remote` makes this machine a client of another.
    pub mode: Option<GatewayMode>,
    /// One port for WebSocket, HTTP, Control UI and canvas.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub port: u16,
    /// Which addresses are listened on.
    pub bind: Bind,
    /// The IPv4 address for `bind: "custom"`.
    pub custom_bind_host: Option<String>,
    /// How clients prove themselves.
    pub auth: Auth,
    /// Proxies whose forwarded headers are believed: IP addresses or CIDR blocks.
    pub trusted_proxies: Vec<Cidr>,
    /// Uses X-Real-IP of a trusted proxy when X-Forwarded-For is missing.
    pub allow_real_ip_fallback: bool,
    /// The web interface.
    pub control_ui: ControlUi,
    /// Making the gateway reachable through Tailscale.
    pub tailscale: Tailscale,
    /// The gateway that this machine is a client of.
    pub remote: Remote,
    /// What happens when the configuration changes.
    pub reload: Reload,
    /// Encryption on the same port.
    pub tls: Tls,
    /// The HTTP interface.
    pub http: Http,
    /// Nodes: what they may do, how they pair.
    pub nodes: Nodes,
    /// How long a client may take for its handshake, in milliseconds. Without it, 15 seconds.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive_option")]
    pub handshake_timeout_ms: Option<u64>,
}

/// What this machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GatewayMode {
    /// It runs a gateway.
    Local,
    /// It is a client of one.
    Remote,
}

/// Which addresses are listened on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bind {
    /// Loopback if it can be had, else all.
    Auto,
    /// All addresses.
    Lan,
    /// Only this machine.
    #[default]
    Loopback,
    /// The address in `customBindHost`.
    Custom,
    /// The Tailscale address if there is one, else loopback.
    Tailnet,
}

impl Bind {
    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Lan => "lan",
            Self::Loopback => "loopback",
            Self::Custom => "custom",
            Self::Tailnet => "tailnet",
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl GatewaySection {
    /// True if the gateway may listen where other machines can reach it.
    pub fn reaches_beyond_loopback(&self) -> bool {
        match self.bind {
            Bind::Loopback => false,
            Bind::Custom => self
                .custom_bind_host
                .as_deref()
                .and_then(|host| host.trim().parse::<std::net::IpAddr>().ok())
                .is_none_or(|address| !address.is_loopback()),
            Bind::Auto | Bind::Lan | Bind::Tailnet => true,
        }
    }
}

impl Default for GatewaySection {
    fn default() -> Self {
        Self {
            mode: None,
            port: DEFAULT_PORT,
            bind: Bind::default(),
            custom_bind_host: None,
            auth: Auth::default(),
            trusted_proxies: Vec::new(),
            allow_real_ip_fallback: false,
            control_ui: ControlUi::default(),
            tailscale: Tailscale::default(),
            remote: Remote::default(),
            reload: Reload::default(),
            tls: Tls::default(),
            http: Http::default(),
            nodes: Nodes::default(),
            handshake_timeout_ms: None,
        }
    }
}
