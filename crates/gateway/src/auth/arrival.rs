//! Where a connection comes from: the socket, the headers, and what follows from them (SEC-025, SEC-160, SEC-161).

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

use crate::settings::Settings;

/// Headers that only a proxy writes. From an untrusted peer they take locality away and never give any trust.
const PROXY_HEADERS: [&str; 4] = ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip"];
const PROXY_HEADER_PREFIXES: [&str; 3] = ["x-forwarded-", "cf-", "tailscale-"];
/// Longest header value that is kept for logs and decisions, in bytes (SEC-130).
const MAX_HEADER_TEXT: usize = 300;

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// The client's address: the peer, or what a trusted proxy says.
    pub client_ip: IpAddr,
    /// A direct connection from this machine: loopback at both ends, a loopback Host, no proxy header.
    /// Not yet a proof of anything: that takes a secret (promise P1).
    pub direct_local: bool,
    /// The page that a browser says it is on. `Origin: null` is kept as it is.
    pub origin: Option<String>,
    /// The Host header.
    pub host: Option<String>,
    /// Whether the peer is a configured proxy.
    pub from_trusted_proxy: bool,
    /// Whether any header says that a proxy stands between, trusted or not.
    pub behind_proxy: bool,
    /// The user that a trusted proxy vouches for, and whether the headers are as configured.
    pub proxy_user: Option<Result<String, ProxyUserError>>,
}

/// Why the identity headers of a trusted proxy do not count (protocol.md §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyUserError {
    /// A required header is missing; its name.
    MissingHeader(String),
    /// The user header is missing, empty or there twice.
    UserMissing,
    /// The user is not in the list.
    UserNotAllowed,
}

impl Arrival {
    /// Reads the socket's addresses and the upgrade request's headers.
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, headers: &HeaderMap, settings: &Settings) -> Self {
        let text = |name: &str| headers.get(name).map(|value| header_text(value.as_bytes()));
        let peer_ip = peer.ip().to_canonical();
        let from_trusted_proxy = settings.trusts_proxy(peer_ip);
        let has_proxy_header = headers.keys().any(|name| is_proxy_header(name.as_str()));
        let client_ip = if from_trusted_proxy { forwarded_ip(headers, settings, peer_ip) } else { peer_ip };
        let host = text("host");
        let direct_local = peer_ip.is_loopback()
            && local.ip().to_canonical().is_loopback()
            && !has_proxy_header
            && !from_trusted_proxy
            && host.as_deref().is_none_or(is_loopback_host);
        Self {
            peer,
            client_ip,
            direct_local,
            origin: text("origin").filter(|origin| !origin.is_empty()),
            host,
            from_trusted_proxy,
            behind_proxy: has_proxy_header || from_trusted_proxy,
            proxy_user: settings.trusted_proxy_auth().map(|rule| proxy_user(headers, rule)),
        }
    }

    /// The address to show and to store: none for a client on this machine, as in the reference.
    pub(crate) fn remote_ip(&self) -> Option<String> {
        (!self.direct_local).then(|| self.client_ip.to_string())
    }
}

fn is_proxy_header(name: &str) -> bool {
    PROXY_HEADERS.contains(&name) || PROXY_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn header_text(value: &[u8]) -> String {
    let cut = value.get(..MAX_HEADER_TEXT).unwrap_or(value);
    String::from_utf8_lossy(cut).trim().to_owned()
}

/// Whether a Host header names this machine by a loopback literal or `localhost`, with or without a port (SEC-013).
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let name = if let Some(rest) = host.strip_prefix('[') {
        rest.split_once(']').map_or("", |(inside, _)| inside)
    } else {
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => name,
            _ => host,
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Walks X-Forwarded-For from the right, skipping trusted hops; an invalid entry ends the walk (SEC-160).
fn forwarded_ip(headers: &HeaderMap, settings: &Settings, peer: IpAddr) -> IpAddr {
    let joined: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    let mut last = peer;
    let mut seen_any = false;
    for hop in joined.iter().flat_map(|line| line.split(',')).rev() {
        seen_any = true;
        let Ok(ip) = hop.trim().parse::<IpAddr>() else { return last };
        last = ip.to_canonical();
        if !settings.trusts_proxy(last) {
            return last;
        }
    }
    if !seen_any && settings.allows_real_ip() {
        let real = headers.get("x-real-ip").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
        return real.map_or(peer, |ip: IpAddr| ip.to_canonical());
    }
    last
}

fn proxy_user(headers: &HeaderMap, rule: &crate::settings::ProxyRule) -> Result<String, ProxyUserError> {
    if let Some(missing) = rule.required_headers.iter().find(|name| !headers.contains_key(name.as_str())) {
        return Err(ProxyUserError::MissingHeader(missing.clone()));
    }
    let mut values = headers.get_all(&rule.user_header).iter();
    let user = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        _ => "",
    };
    if user.is_empty() || user.contains(',') {
        return Err(ProxyUserError::UserMissing);
    }
    if !rule.allow_users.is_empty() && !rule.allow_users.iter().any(|allowed| allowed == user) {
        return Err(ProxyUserError::UserNotAllowed);
    }
    Ok(user.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local_flag(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let peer: SocketAddr = peer.parse().unwrap();
        let local = SocketAddr::new(peer.ip(), 18789);
        Arrival::new(peer, local, &map, &Settings::for_tests()).direct_local
    }

    #[test]
    fn sec_013_loopback_hosts_are_parsed_not_matched() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:18789", true),
            ("localhost.", true),
            ("127.0.0.1:18789", true),
            ("127.9.9.9", true),
            ("[::1]:18789", true),
            ("[::ffff:127.0.0.1]", true),
            ("127.0.0.1.evil.com", false),
            ("127.evil.com", false),
            ("0x7f.1", false),
            ("localhost.evil.com", false),
            ("rebind.example:18789", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_host(host), expected, "{host}");
        }
    }

    #[test]
    fn sec_025_a_foreign_host_header_makes_a_loopback_connection_remote() {
        assert!(local_flag("127.0.0.1:5000", &[("host", "127.0.0.1:18789")]));
        assert!(!local_flag("127.0.0.1:5000", &[("host", "rebind.example:18789")]));
        assert!(!local_flag("192.0.2.7:5000", &[("host", "127.0.0.1:18789")]));
    }

    #[test]
    fn sec_161_any_proxy_header_of_an_untrusted_peer_takes_locality_away() {
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "CF-Connecting-IP",
            "Tailscale-User-Login",
        ] {
            assert!(!local_flag("127.0.0.1:5000", &[("host", "localhost"), (name, "127.0.0.1")]), "{name}");
        }
    }

    #[test]
    fn sec_160_a_forwarded_loopback_address_never_makes_a_client_local() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "203.0.113.9, 127.0.0.1".parse().unwrap());
        let settings = Settings::for_tests().with_trusted_proxy("10.0.0.0/8");
        let local = "10.0.0.2:18789".parse().unwrap();
        let arrival = Arrival::new("10.0.0.1:5000".parse().unwrap(), local, &headers, &settings);
        assert_eq!(arrival.client_ip.to_string(), "127.0.0.1");
        assert!(!arrival.direct_local);
    }
}
