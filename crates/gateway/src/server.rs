//! The one server: TCP, TLS where it is on, HTTP/1.1, and `WebSocket`, all on one port.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;
use tracing::{debug, warn};

use crate::{
    auth::arrival::Arrival,
    budget::Place,
    conn::{
        handshake,
        socket::Socket,
        upgrade::{self, Wish},
    },
    hub::Hub,
};

/// After an error of the listener, such as too many open files, the next try waits so long (REL-051).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Headers of a request together, in bytes (SEC-196).
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 100;
/// Longest path and query, in bytes.
const MAX_URL_BYTES: usize = 8 << 10;

/// What every connection is served with.
#[derive(Clone)]
pub(crate) struct Server {
    pub hub: Arc<Hub>,
    pub router: Router,
    pub tls: Option<TlsAcceptor>,
}

/// One accepted connection.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    local: SocketAddr,
    accepted: Instant,
}

impl Server {
    /// Accepts connections until the gateway stops.
    pub(crate) async fn listen(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.hub.life.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.take(stream, address),
                Err(error) => {
                    warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, address: SocketAddr) {
        let Some(place) = self.hub.reach.budget().take(address.ip()) else {
            return debug!("turned {address} away: too many unauthenticated sockets");
        };
        let Ok(local) = stream.local_addr() else { return };
        if let Err(error) = stream.set_nodelay(true) {
            debug!("{address}: {error}");
        }
        let peer = Peer { address, local, accepted: Instant::now() };
        let server = self.clone();
        self.hub.life.tasks.spawn(async move {
            let stop = server.hub.life.stop.clone();
            tokio::select! {
                ended = Box::pin(server.serve(stream, peer, place)) => {
                    if let Err(error) = ended {
                        debug!("{address}: {error}");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }

    async fn serve(self, stream: TcpStream, peer: Peer, place: Place) -> io::Result<()> {
        let limit = self.hub.settings().handshake_timeout();
        let required = self.hub.reach.requires_tls();
        match self.tls.clone() {
            None => self.http(stream, peer, place).await,
            Some(_)
                if !required && !timeout(limit, begins_tls(&stream)).await.or(Err(io::ErrorKind::TimedOut))?? =>
            {
                self.http(stream, peer, place).await
            }
            Some(tls) => {
                let stream = timeout(limit, tls.accept(stream)).await.or(Err(io::ErrorKind::TimedOut))??;
                self.http(stream, peer, place).await
            }
        }
    }

    async fn http<S>(self, stream: S, peer: Peer, place: Place) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limit = self.hub.settings().handshake_timeout();
        let place = Arc::new(std::sync::Mutex::new(Some(place)));
        let service = service_fn(move |request| {
            let (server, place) = (self.clone(), Arc::clone(&place));
            async move { Ok::<_, Infallible>(server.route(request, peer, &place).await) }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limit)
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await
            .map_err(io::Error::other)
    }

    async fn route(
        mut self,
        mut request: Request<Incoming>,
        peer: Peer,
        place: &std::sync::Mutex<Option<Place>>,
    ) -> Response<Body> {
        if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > MAX_URL_BYTES) {
            return refusal(StatusCode::URI_TOO_LONG, "the address is too long");
        }
        let arrival = Arrival::new(peer.address, peer.local, request.headers(), &self.hub.settings());
        match upgrade::wish(&request) {
            Wish::Bad(status, why) => refusal(status, why),
            Wish::Accept(accept) => {
                let upgraded = hyper::upgrade::on(&mut request);
                let place = place.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                let hub = Arc::clone(&self.hub);
                self.hub.life.tasks.spawn(async move {
                    match upgraded.await {
                        Ok(upgraded) => {
                            let socket = Socket::new(upgrade::transport(upgraded));
                            Box::pin(handshake::serve(hub, socket, arrival, peer.accepted, place)).await;
                        }
                        Err(error) => debug!("{}: the upgrade failed: {error}", peer.address),
                    }
                });
                upgrade::switching(&accept)
            }
            Wish::NoUpgrade => {
                request.extensions_mut().insert(arrival);
                match self.router.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        }
    }
}

/// Whether the peer's first byte is that of a TLS handshake record; no HTTP request begins so.
async fn begins_tls(stream: &TcpStream) -> io::Result<bool> {
    const HANDSHAKE_RECORD: u8 = 0x16;
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first == [HANDSHAKE_RECORD])
}

fn refusal(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(why));
    *response.status_mut() = status;
    response
}
