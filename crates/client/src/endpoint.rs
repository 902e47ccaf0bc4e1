//! Where a gateway is: a strictly parsed address, and what follows from it for secrets (SEC-013, SEC-014).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use openclaw_identity::Fingerprint;

/// A gateway's address and, when its certificate is pinned, the pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub url: WsUrl,
    /// SHA-256 of the only certificate that is accepted. With a pin no authority is asked.
    pub pin: Option<Fingerprint>,
}

/// A `ws://` or `wss://` address without userinfo and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsUrl {
    tls: bool,
    host: Host,
    port: u16,
    path: String,
}

/// The host of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A DNS name, lowercase, without a trailing dot.
    Name(String),
    /// An address in its usual spelling.
    Ip(IpAddr),
}

/// Why an address is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It starts with something else.
    #[error("a gateway address starts with ws:// or wss://, \"{url}\" does not")]
    Scheme {
        /// The address, without what may be a secret.
        url: String,
    },
    /// It carries a user or a password, which could make another host look like this one.
    #[error("a gateway address has no user or password before the host")]
    UserInfo,
    /// It carries a fragment, which never travels.
    #[error("a gateway address has no part after a #")]
    Fragment,
    /// The host is neither a name nor an address in its usual spelling.
    #[error("\"{host}\" is neither a host name nor an IP address in its usual form")]
    Host {
        /// What stands there.
        host: String,
    },
    /// The port is no number from 1 to 65535.
    #[error("\"{port}\" is not a port number (1 to 65535)")]
    Port {
        /// What stands there.
        port: String,
    },
    /// The path has blanks, control or non-ASCII characters.
    #[error("the path of a gateway address has only printable ASCII characters")]
    Path,
    /// `ws://` to another machine (SEC-014).
    #[error(
        "cannot connect to \"{host}\" over plaintext ws://: secrets would be readable on the way; \
         use wss://, or reach it through a tunnel at a loopback address"
    )]
    Plaintext {
        /// The host.
        host: String,
    },
    /// A pin says something about a certificate, and `ws://` has none.
    #[error("a TLS fingerprint needs a wss:// address")]
    PinWithoutTls,
}

impl Endpoint {
    /// Reads an address. Without a port it is 80 for `ws`, 443 for `wss`, as everywhere.
    ///
    /// # Errors
    /// [`EndpointError`], which never repeats what stands before an `@` or after a `?`.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        WsUrl::parse(url).map(|url| Self { url, pin: None })
    }

    /// The same endpoint, accepted only with this certificate.
    #[must_use]
    pub fn with_pin(mut self, pin: Fingerprint) -> Self {
        self.pin = Some(pin);
        self
    }

    /// Whether it is on this machine: an address literal of 127.0.0.0/8, `::1`, either of them mapped to IPv6, or
    /// exactly the name `localhost` (SEC-013). `localhost` is never looked up, so no name server can move it.
    pub fn is_loopback(&self) -> bool {
        match &self.url.host {
            Host::Ip(ip) => ip.to_canonical().is_loopback(),
            Host::Name(name) => name == LOCALHOST,
        }
    }

    /// Whether secrets may travel there (SEC-014): TLS, or this machine, or, with `allow_private`
    /// (`OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1`), the literal of a private address. To be asked before any credential
    /// is loaded.
    ///
    /// # Errors
    /// [`EndpointError::Plaintext`], [`EndpointError::PinWithoutTls`].
    pub fn check_plaintext(&self, allow_private: bool) -> Result<(), EndpointError> {
        match (self.url.tls, &self.pin) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(EndpointError::PinWithoutTls),
            (false, None) if self.is_loopback() || (allow_private && self.is_private()) => Ok(()),
            (false, None) => Err(EndpointError::Plaintext { host: self.url.host.to_string() }),
        }
    }

    /// Whether a stored device token may be offered after a refusal: this machine, or a pinned certificate (SEC-019).
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_loopback() || (self.url.tls && self.pin.is_some())
    }

    fn is_private(&self) -> bool {
        match &self.url.host {
            Host::Ip(ip) => match ip.to_canonical() {
                IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || is_shared(ip),
                IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
            },
            Host::Name(_) => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// 100.64.0.0/10, which carriers and overlay networks use.
fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && second & 0b1100_0000 == 64
}

const LOCALHOST: &str = "localhost";
/// Longest DNS name.
const MAX_NAME_BYTES: usize = 253;

impl WsUrl {
    fn parse(url: &str) -> Result<Self, EndpointError> {
        let url = url.trim();
        let scheme_error = || EndpointError::Scheme { url: shown(url) };
        let (scheme, rest) = url.split_once("://").ok_or_else(scheme_error)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(scheme_error()),
        };
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '\\']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None if tls => 443,
            None => 80,
        };
        if path.contains('\\') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EndpointError::Path);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host: Host::parse(host)?, port, path })
    }

    /// Whether it is `wss://`.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, starting with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for WsUrl {
    /// The address without its query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        let path = self.path.split('?').next().filter(|path| *path != "/").unwrap_or_default();
        write!(f, "{scheme}://{}:{}{path}", self.host, self.port)
    }
}

/// What may be repeated of an address that could not be read.
fn shown(url: &str) -> String {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    match without_query.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => without_query.to_owned(),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), EndpointError> {
    let host_error = || EndpointError::Host { host: authority.to_owned() };
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or_else(host_error)? + 1;
        let (host, rest) = authority.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(host_error()),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(host_error()),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits_only { text.parse().ok().filter(|port| *port != 0) } else { None };
    port.ok_or_else(|| EndpointError::Port { port: text.to_owned() })
}

impl Host {
    fn parse(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError::Host { host: text.to_owned() };
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return inner.parse::<Ipv6Addr>().map(|ip| Self::Ip(ip.into())).map_err(|_not_an_address| error());
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label_is_fine = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // `127.1`, `0x7f.1` and `2130706433` are addresses to the system's resolver and names to a reader.
        let last = name.rsplit('.').next().unwrap_or_default();
        let number_in_disguise = last.starts_with(|first: char| first.is_ascii_digit())
            && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x"));
        if name.len() > MAX_NAME_BYTES || !name.split('.').all(label_is_fine) || number_in_disguise {
            return Err(error());
        }
        Ok(Self::Name(name))
    }

    /// The addresses of `localhost`, which are known without asking anybody.
    pub(crate) fn fixed_addresses(&self) -> Option<Vec<IpAddr>> {
        match self {
            Self::Ip(ip) => Some(vec![*ip]),
            Self::Name(name) if name == LOCALHOST => Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(url: &str) -> Result<bool, EndpointError> {
        Endpoint::parse(url).map(|endpoint| endpoint.is_loopback())
    }

    #[test]
    fn sec_013_loopback_is_decided_on_the_parsed_host() {
        for (url, expected) in [
            ("ws://127.0.0.1:18789", true),
            ("ws://127.255.3.9", true),
            ("ws://[::1]:1", true),
            ("ws://[::ffff:127.0.0.1]:1", true),
            ("ws://localhost:1", true),
            ("ws://LOCALHOST.:1", true),
            ("ws://127.0.0.1.evil.com:1", false),
            ("ws://127.evil.com:1", false),
            ("ws://localhost.evil.com:1", false),
            ("ws://evil-localhost:1", false),
            ("ws://[::ffff:10.0.0.1]:1", false),
            ("ws://[::2]:1", false),
            ("ws://0.0.0.0:1", false),
            ("ws://128.0.0.1:1", false),
        ] {
            assert_eq!(loopback(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn sec_013_disguised_addresses_are_not_read_at_all() {
        for host in
            ["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.01", "0x7f000001", "localhost..", "[::1", "::1"]
        {
            let url = format!("ws://{host}");
            assert!(
                matches!(loopback(&url), Err(EndpointError::Host { .. } | EndpointError::Port { .. })),
                "{url}: {:?}",
                loopback(&url)
            );
        }
        assert_eq!(loopback("ws://127.0.0.1@evil/"), Err(EndpointError::UserInfo));
        assert_eq!(loopback("ws://127.0.0.1:80@evil/"), Err(EndpointError::UserInfo));
        assert_eq!(loopback("ws://evil\\@127.0.0.1/"), Err(EndpointError::Path));
        assert_eq!(loopback("ws://127.0.0.1/#@evil"), Err(EndpointError::Fragment));
    }

    proptest::proptest! {
        #[test]
        fn sec_013_no_text_is_loopback_unless_an_independent_reading_agrees(text in "[0-9a-fx.:\\[\\]@localhost%]{1,24}") {
            let url = format!("ws://{text}/");
            if loopback(&url) == Ok(true) {
                let endpoint = Endpoint::parse(&url).unwrap();
                let host = endpoint.url.host().to_string();
                let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
                let agreed = literal.map_or(host == "localhost", |ip| match ip {
                    IpAddr::V4(ip) => ip.octets()[0] == 127,
                    IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST || ip.to_ipv4_mapped().is_some_and(|ip| ip.octets()[0] == 127),
                });
                proptest::prop_assert!(agreed, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_reading_an_address_panic(text in proptest::prelude::any::<String>()) {
            drop(Endpoint::parse(&text));
            drop(Endpoint::parse(&format!("wss://{text}")));
        }
    }

    #[test]
    fn sec_014_plaintext_leaves_this_machine_only_for_a_private_address_and_when_allowed() {
        for (url, by_default, when_allowed) in [
            ("wss://gateway.example", true, true),
            ("ws://127.0.0.1:1", true, true),
            ("ws://localhost:1", true, true),
            ("ws://192.168.7.7:1", false, true),
            ("ws://10.1.2.3:1", false, true),
            ("ws://172.16.0.1:1", false, true),
            ("ws://172.32.0.1:1", false, false),
            ("ws://169.254.1.1:1", false, true),
            ("ws://100.64.0.1:1", false, true),
            ("ws://100.128.0.1:1", false, false),
            ("ws://[fd00::1]:1", false, true),
            ("ws://[fe80::1]:1", false, true),
            ("ws://[::ffff:10.0.0.1]:1", false, true),
            ("ws://[2001:db8::1]:1", false, false),
            ("ws://203.0.113.9:1", false, false),
            ("ws://gateway.local:1", false, false),
            ("ws://10.0.0.1.evil.com:1", false, false),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.check_plaintext(false).is_ok(), by_default, "{url}");
            assert_eq!(endpoint.check_plaintext(true).is_ok(), when_allowed, "{url} when allowed");
        }
    }

    #[test]
    fn sec_019_only_this_machine_and_a_pinned_certificate_are_trusted() {
        let pin = Fingerprint::of_der(b"certificate");
        assert!(Endpoint::parse("ws://127.0.0.1").unwrap().is_trusted());
        assert!(Endpoint::parse("wss://gateway.example").unwrap().with_pin(pin.clone()).is_trusted());
        assert!(!Endpoint::parse("wss://gateway.example").unwrap().is_trusted());
        assert!(!Endpoint::parse("ws://10.0.0.1").unwrap().with_pin(pin).is_trusted());
    }

    #[test]
    fn a_pin_without_tls_is_an_error() {
        let endpoint = Endpoint::parse("ws://127.0.0.1").unwrap().with_pin(Fingerprint::of_der(b"x"));
        assert_eq!(endpoint.check_plaintext(true), Err(EndpointError::PinWithoutTls));
    }

    #[test]
    fn an_address_is_shown_without_its_query() {
        let endpoint = Endpoint::parse(" WSS://Gateway.Example./a/b?token=s3cret ").unwrap();
        assert_eq!(endpoint.to_string(), "wss://gateway.example:443/a/b");
        assert_eq!(endpoint.url.path(), "/a/b?token=s3cret");
        assert_eq!(Endpoint::parse("ws://[::1]").unwrap().to_string(), "ws://[::1]:80");
    }

    #[test]
    fn errors_say_what_is_wrong_and_repeat_no_secret() {
        let error = |url: &str| Endpoint::parse(url).unwrap_err().to_string();
        assert_eq!(error("http://h:1"), "a gateway address starts with ws:// or wss://, \"http://h:1\" does not");
        assert!(!error("https://user:s3cret@h/?token=s3cret").contains("s3cret"));
        assert_eq!(error("ws://h:0"), "\"0\" is not a port number (1 to 65535)");
        assert_eq!(error("ws://h:+80"), "\"+80\" is not a port number (1 to 65535)");
        assert_eq!(error("ws://"), "\"\" is neither a host name nor an IP address in its usual form");
    }
}
