//! Where this gateway can be reached: what it listens on, its certificate, and what of that other machines can use.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use openclaw_identity::Fingerprint;

use crate::budget::Budget;

/// Addresses that are offered to other machines at most.
const MAX_OFFERED: usize = 8;

/// What the gateway listens on.
pub(crate) struct Reach {
    addresses: Vec<SocketAddr>,
    tls: Encryption,
    budget: Budget,
}

/// Whether the port speaks TLS.
#[derive(Clone, Debug)]
pub(crate) enum Encryption {
    /// It does not.
    None,
    /// It takes both: other machines need encryption, programs of this machine do not.
    Offered(Fingerprint),
    /// `gateway.tls.enabled`: nothing else is taken.
    Required(Fingerprint),
}

impl Reach {
    pub(crate) fn new(addresses: Vec<SocketAddr>, tls: Encryption) -> Self {
        Self { addresses, tls, budget: Budget::default() }
    }

    /// The one port of all addresses.
    pub(crate) fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// SHA-256 of the certificate, when the port speaks TLS.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        match &self.tls {
            Encryption::None => None,
            Encryption::Offered(fingerprint) | Encryption::Required(fingerprint) => {
                Some(fingerprint.as_str().to_owned())
            }
        }
    }

    /// Whether the port takes nothing but TLS.
    pub(crate) fn requires_tls(&self) -> bool {
        matches!(self.tls, Encryption::Required(_))
    }

    /// Where a program on this machine reaches it: always a loopback address, whatever it listens on besides.
    pub(crate) fn local_url(&self) -> String {
        let scheme = if self.requires_tls() { "wss" } else { "ws" };
        let host = self.addresses.iter().map(SocketAddr::ip).find(|ip| ip.is_loopback() || ip.is_unspecified());
        let host = match host.or_else(|| self.addresses.first().map(SocketAddr::ip)) {
            Some(IpAddr::V6(ip)) if ip.is_loopback() => "[::1]".to_owned(),
            Some(ip) if ip.is_unspecified() || ip.is_loopback() => Ipv4Addr::LOCALHOST.to_string(),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(ip) => ip.to_string(),
            None => Ipv4Addr::LOCALHOST.to_string(),
        };
        format!("{scheme}://{host}:{}", self.port())
    }

    /// Addresses that other machines can use, private IPv4 first; none for a gateway that listens on loopback only.
    pub(crate) fn lan_addresses(&self) -> Vec<IpAddr> {
        let mut found: Vec<IpAddr> = Vec::new();
        for address in &self.addresses {
            if address.ip().is_unspecified() {
                let all = if_addrs::get_if_addrs().unwrap_or_default();
                found.extend(
                    all.into_iter()
                        .map(|interface| interface.ip())
                        .filter(|ip| ip.is_ipv4() == address.is_ipv4() || address.is_ipv6()),
                );
            } else {
                found.push(address.ip());
            }
        }
        found.retain(|ip| !ip.is_loopback() && !is_link_local(ip));
        found.sort_by_key(|ip| (ip.is_ipv6(), !is_private(ip)));
        found.dedup();
        found.truncate(MAX_OFFERED);
        found
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_private(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_gateway_offers_nothing_to_other_machines() {
        let reach = Reach::new(vec!["127.0.0.1:7".parse().unwrap(), "[::1]:7".parse().unwrap()], Encryption::None);
        assert!(reach.lan_addresses().is_empty());
        assert_eq!(reach.local_url(), "ws://127.0.0.1:7");
    }

    #[test]
    fn whatever_it_listens_on_a_local_program_uses_loopback() {
        let url = |address: &str| Reach::new(vec![address.parse().unwrap()], Encryption::None).local_url();
        assert_eq!(url("0.0.0.0:7"), "ws://127.0.0.1:7");
        assert_eq!(url("[::1]:7"), "ws://[::1]:7");
        assert_eq!(url("192.0.2.1:7"), "ws://192.0.2.1:7");
    }
}
