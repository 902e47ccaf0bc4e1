//! Names and TCP. Both address families are raced, so that a dead IPv6 route costs 250 ms and not a minute (REL-037).

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Duration, sleep},
};

use crate::{DialError, DialOptions, WsUrl};

/// The next address is tried when the one before has not answered for so long (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
/// A name that has more addresses than this is not tried further.
const MAX_ADDRESSES: usize = 16;

/// The addresses of the host, families alternating, IPv6 first where a name server says so; never empty.
pub(crate) async fn resolve(url: &WsUrl, options: &DialOptions) -> Result<Vec<SocketAddr>, DialError> {
    if !options.addresses.is_empty() {
        return Ok(options.addresses.clone());
    }
    let port = url.port();
    if let Some(addresses) = url.host().fixed_addresses() {
        return Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
    }
    let host = url.host().to_string();
    let found = lookup_host((host.as_str(), port)).await.map(interleave);
    let no_address = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let found = found.and_then(|addresses| if addresses.is_empty() { Err(no_address()) } else { Ok(addresses) });
    found.map_err(|source| DialError::Resolve { host, source })
}

/// Alternates the families and keeps the order inside each.
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    let v4_first = matches!(seen.first().map(SocketAddr::ip), Some(IpAddr::V4(_)));
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        seen.into_iter().partition(|address| address.is_ipv4() == v4_first);
    let mut mixed = Vec::new();
    while mixed.len() < MAX_ADDRESSES && (!one.is_empty() || !other.is_empty()) {
        mixed.extend(one.pop_front());
        mixed.extend(other.pop_front());
    }
    mixed
}

/// Connects to whichever address answers first.
pub(crate) async fn connect(url: &WsUrl, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    match race(addresses).await {
        Ok(stream) => {
            // Small frames are the rule; waiting for more to send only adds latency. It is no reason to give up.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot switch off the delay of small packets");
            }
            Ok(stream)
        }
        Err(source) => Err(DialError::Unreachable { address: address_of(url), source }),
    }
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut running = FuturesUnordered::new();
    running.extend(waiting.next().map(TcpStream::connect));
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "no address to connect to");
    loop {
        tokio::select! {
            finished = running.next() => match finished {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => {
                    last_error = error;
                    running.extend(waiting.next().map(TcpStream::connect));
                }
                None => return Err(last_error),
            },
            () = sleep(STAGGER), if waiting.len() > 0 => running.extend(waiting.next().map(TcpStream::connect)),
        }
    }
}

/// Host and port, as they stand in errors.
pub(crate) fn address_of(url: &WsUrl) -> String {
    format!("{}:{}", url.host(), url.port())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate_and_doubles_go() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::1]:1", "1.0.0.1:1", "1.0.0.2:1", "1.0.0.3:1"]);
        let expected = addresses(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "1.0.0.3:1"]);
        assert_eq!(interleave(found), expected);
    }

    #[tokio::test]
    async fn rel_037_a_dead_first_address_does_not_hide_a_living_second_one() {
        let living = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let stream = race(&[closed, living.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living.local_addr().unwrap());
    }

    #[tokio::test]
    async fn localhost_is_never_looked_up() {
        let endpoint = crate::Endpoint::parse("ws://localhost:5").unwrap();
        assert_eq!(
            resolve(&endpoint.url, &DialOptions::default()).await.unwrap(),
            addresses(&["127.0.0.1:5", "[::1]:5"])
        );
    }
}
