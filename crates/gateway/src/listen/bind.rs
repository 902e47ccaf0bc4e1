//! From a bind mode to bound sockets.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use openclaw_config::sections::gateway::{Bind, GatewaySection};
use tokio::net::TcpListener;
use tracing::debug;

use super::holder::{self, Holder};

/// Pause between two tries for a port that somebody else still has (REL-021).
const PORT_PAUSE: Duration = Duration::from_millis(500);
/// Tries for a port that is free for all addresses when any will do.
const ANY_PORT_TRIES: u32 = 16;

/// Why the gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error("{}", in_use(.address, .holder.as_ref()))]
    InUse {
        /// The address that was wanted.
        address: SocketAddr,
        /// Who has it, where the system tells.
        holder: Option<Holder>,
    },
    /// The address cannot be had for another reason.
    #[error("failed to bind gateway socket on {address}: {source}")]
    Bind {
        /// The address that was wanted.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// The block of cli.md §6.5.
fn in_use(address: &SocketAddr, holder: Option<&Holder>) -> String {
    let port = address.port();
    let Some(holder) = holder else {
        return format!("Port {port} is already in use.\nAnother process is listening on this port ({address}).");
    };
    let hint = match holder.kind() {
        holder::Kind::Gateway => {
            "Gateway already running locally. Stop it (openclaw gateway stop) or use a different port."
        }
        holder::Kind::Tunnel => {
            "SSH tunnel already bound to this port. Close the tunnel or use a different local port in -L."
        }
        holder::Kind::Other => "Another process is listening on this port.",
    };
    format!("Port {port} is already in use.\n- {holder} ({address})\n{hint}")
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    ip: IpAddr,
    /// Without it the gateway does not start; the others are taken where the machine has them.
    required: bool,
}

/// Binds what the configuration says, on `port`; 0 takes any that is free for all addresses. Whether the gateway may
/// listen there is checked before it serves anybody (`openclaw_config::start::check`, SEC-031).
///
/// # Errors
/// [`ListenError`]. Nothing stays bound then.
pub(crate) async fn bind(gateway: &GatewaySection, port: u16) -> Result<Vec<TcpListener>, ListenError> {
    bind_within(gateway, port, 1).await
}

/// The same with so many tries, half a second apart, for a port that somebody else still has.
async fn bind_within(gateway: &GatewaySection, port: u16, tries: u32) -> Result<Vec<TcpListener>, ListenError> {
    let mut left = tries;
    loop {
        left = left.saturating_sub(1);
        match bind_mode(gateway, port).await {
            Err(ListenError::InUse { address, .. }) if left > 0 => {
                debug!("{address} is taken; trying again");
                tokio::time::sleep(PORT_PAUSE).await;
            }
            Err(ListenError::InUse { address, .. }) => {
                return Err(ListenError::InUse { address, holder: holder::of(address) });
            }
            other => return other,
        }
    }
}

async fn bind_mode(gateway: &GatewaySection, port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let loopback = wanted(Bind::Loopback, None, None);
    match gateway.bind {
        Bind::Auto => match bind_all(&loopback, port).await {
            Err(ListenError::Bind { .. }) => bind_all(&wanted(Bind::Lan, None, None), port).await,
            bound => bound,
        },
        mode => bind_all(&wanted(mode, gateway.custom_bind_host.as_deref(), tailnet_address()), port).await,
    }
}

/// The addresses of a mode. Whatever a gateway listens on, programs of this machine find it on loopback (promise P1).
fn wanted(mode: Bind, custom: Option<&str>, tailnet: Option<IpAddr>) -> Vec<Wanted> {
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let only_loopback = [Wanted { ip: v4, required: true }, Wanted { ip: v6, required: false }];
    let chosen = match mode {
        Bind::Lan => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Bind::Custom => custom.and_then(|host| host.trim().parse().ok()),
        Bind::Tailnet => tailnet,
        Bind::Loopback | Bind::Auto => None,
    };
    match chosen {
        None => only_loopback.to_vec(),
        Some(ip) if ip.is_unspecified() || ip == v4 => vec![Wanted { ip, required: true }],
        Some(ip) => vec![Wanted { ip, required: true }, Wanted { ip: v4, required: false }],
    }
}

/// The first address of this machine in Tailscale's range, 100.64.0.0/10.
fn tailnet_address() -> Option<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| interface.ip()).find(is_tailnet)
}

fn is_tailnet(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets().first() == Some(&100) && ip.octets().get(1).is_some_and(|b| b & 0xc0 == 64))
}

async fn bind_all(wanted: &[Wanted], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let mut left = if port == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        left -= 1;
        match bind_once(wanted, port).await {
            // The port that the first address got is taken on the second: another one may be free on both.
            Err(ListenError::InUse { .. }) if left > 0 => {}
            other => return other,
        }
    }
}

async fn bind_once(wanted: &[Wanted], port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let mut bound = Vec::new();
    let mut port = port;
    for Wanted { ip, required } in wanted {
        let address = SocketAddr::new(*ip, port);
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            // Also for an address that is not required: a stranger there would be taken for this gateway.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(ListenError::InUse { address, holder: None });
            }
            Err(error) if !required => {
                debug!("not listening on {address}: {error}");
                continue;
            }
            Err(source) => return Err(ListenError::Bind { address, source }),
        };
        let address = listener.local_addr().map_err(|source| ListenError::Bind { address, source })?;
        port = address.port();
        bound.push(listener);
    }
    Ok(bound)
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}: {}", self.pid, self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most tries for a port (REL-021).
    const PORT_TRIES: u32 = 20;

    fn port_of(bound: &[TcpListener]) -> u16 {
        bound[0].local_addr().unwrap().port()
    }

    fn ips(mode: Bind, custom: Option<&str>, tailnet: Option<&str>) -> Vec<(String, bool)> {
        let tailnet = tailnet.map(|ip| ip.parse().unwrap());
        wanted(mode, custom, tailnet).into_iter().map(|wanted| (wanted.ip.to_string(), wanted.required)).collect()
    }

    fn list(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
        expected.iter().map(|(ip, required)| ((*ip).to_owned(), *required)).collect()
    }

    #[test]
    fn every_mode_keeps_the_way_in_for_programs_of_this_machine() {
        let loopback = list(&[("127.0.0.1", true), ("::1", false)]);
        assert_eq!(ips(Bind::Loopback, None, None), loopback);
        assert_eq!(ips(Bind::Lan, None, None), list(&[("0.0.0.0", true)]));
        assert_eq!(ips(Bind::Tailnet, None, None), loopback);
        assert_eq!(ips(Bind::Tailnet, None, Some("100.100.1.2")), list(&[("100.100.1.2", true), ("127.0.0.1", false)]));
        assert_eq!(ips(Bind::Custom, Some(" 192.0.2.4 "), None), list(&[("192.0.2.4", true), ("127.0.0.1", false)]));
        assert_eq!(ips(Bind::Custom, Some("127.0.0.1"), None), list(&[("127.0.0.1", true)]));
    }

    #[test]
    fn the_tailnet_is_the_range_of_carrier_grade_addresses() {
        for (ip, expected) in
            [("100.64.0.1", true), ("100.127.255.255", true), ("100.128.0.1", false), ("10.0.0.1", false)]
        {
            assert_eq!(is_tailnet(&ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[tokio::test]
    async fn rel_021_any_port_is_the_same_port_on_both_loopback_addresses() {
        let bound = bind(&GatewaySection::default(), 0).await.unwrap();
        let addresses: Vec<SocketAddr> = bound.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let port = port_of(&bound);
        assert!(port != 0 && addresses.iter().all(|address| address.port() == port), "{addresses:?}");
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn rel_021_a_taken_port_is_an_error_that_names_who_has_it() {
        let held = bind(&GatewaySection::default(), 0).await.unwrap();
        let port = port_of(&held);
        let refused = bind(&GatewaySection::default(), port).await.unwrap_err();
        let ListenError::InUse { address, holder } = &refused else { panic!("{refused}") };
        assert_eq!(address.port(), port);
        if cfg!(target_os = "linux") {
            assert_eq!(holder.as_ref().map(|holder| holder.pid), Some(std::process::id()));
        }
        assert!(refused.to_string().starts_with(&format!("Port {port} is already in use.")));
    }

    #[tokio::test(start_paused = true)]
    async fn rel_021_waiting_for_the_port_ends_when_it_becomes_free() {
        let gateway = GatewaySection::default();
        let held = bind(&gateway, 0).await.unwrap();
        let port = port_of(&held);
        let waiting = bind_within(&gateway, port, PORT_TRIES);
        let freeing = async {
            tokio::time::sleep(PORT_PAUSE * 3).await;
            drop(held);
        };
        let (bound, ()) = tokio::join!(waiting, freeing);
        assert_eq!(port_of(&bound.unwrap()), port);
    }

    #[tokio::test(start_paused = true)]
    async fn rel_021_waiting_for_the_port_ends_after_ten_seconds() {
        let gateway = GatewaySection::default();
        let held = bind(&gateway, 0).await.unwrap();
        let started = tokio::time::Instant::now();
        let refused = bind_within(&gateway, port_of(&held), PORT_TRIES).await;
        assert!(matches!(refused, Err(ListenError::InUse { .. })));
        assert_eq!(started.elapsed(), PORT_PAUSE * (PORT_TRIES - 1));
    }
}
