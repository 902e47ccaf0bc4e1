//! `gateway`: the listener and everything about reaching it (cli.md §3.3).

mod auth;
mod control_ui;
mod http;
mod nodes;
mod reload;
mod remote;
mod section;
mod tailscale;
mod tls;

pub use auth::{Auth, AuthMode, RateLimit, ResolvedAuth, TrustedProxy};
pub use control_ui::ControlUi;
pub use http::{Http, SecurityHeaders, StrictTransportSecurity};
pub use nodes::{BrowserRouting, NodeBrowser, NodeCommands, NodePairing, Nodes};
pub use reload::{Reload, ReloadMode};
pub use remote::{Remote, RemoteTransport};
pub use section::{Bind, DEFAULT_PORT, GatewayMode, GatewaySection};
pub use tailscale::{Tailscale, TailscaleMode};
pub use tls::Tls;
