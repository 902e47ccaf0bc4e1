//! From the open socket to hello-ok (protocol.md §3.1).
//!
//! 1. The challenge goes out at once: 2026.3 clients wait only two seconds for it.
//! 2. The first message has to be the request `connect`; nothing else runs before it is decided (SEC-032).
//! 3. Admission decides. Who has to wait for a person, and asked for it, goes to the waiting room.
//! 4. hello-ok, larger limits, and the connection's actor.

use std::{sync::Arc, time::Instant};

use openclaw_protocol::{
    connect::ConnectParams,
    frame::{self, FrameError, OutResponse, Request},
    id::ConnId,
    version::Dialect,
};
use tokio::time::timeout_at;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::{
    actor, challenge,
    close::Close,
    hello,
    socket::{Received, Socket},
    waiting,
};
use crate::{
    auth::{
        admission::{self, Admitted, Outcome},
        arrival::Arrival,
        origin,
        refusal::{About, Refusal},
    },
    budget::Place,
    hub::Hub,
    text::for_log,
};

/// Serves one WebSocket from its opening to its end.
/// `place` counts it as unproved until it is admitted.
pub(crate) async fn serve(
    hub: Arc<Hub>,
    mut socket: Socket,
    arrival: Arrival,
    accepted: Instant,
    place: Option<Place>,
) {
    let conn_id = ConnId::new(Uuid::new_v4().to_string());
    let (nonce, frame) = challenge::challenge(hub.clock.now_ms());
    if socket.send_all([frame]).await.is_err() {
        return;
    }
    let deadline = tokio::time::Instant::from_std(accepted + hub.settings().handshake_timeout());
    let first = tokio::select! {
        first = timeout_at(deadline, first_message(&mut socket)) => first,
        () = hub.life.stop.cancelled() => return socket.close(1012, "service restart").await,
    };
    let request = match first {
        Ok(Ok(request)) => request,
        Ok(Err(close)) => return end(socket, &close, Dialect::V4, &conn_id).await,
        Err(_) => return end(socket, &Close::HandshakeTimeout, Dialect::V4, &conn_id).await,
    };
    let context = Context { hub, conn_id, arrival, request_id: request.id.clone(), place };
    Box::pin(context.connect(socket, &request, &nonce)).await;
}

/// What a handshake knows about its connection.
pub(crate) struct Context {
    pub hub: Arc<Hub>,
    pub conn_id: ConnId,
    pub arrival: Arrival,
    pub request_id: String,
    /// Given back when the connection is admitted, or ends.
    place: Option<Place>,
}

impl Context {
    async fn connect(self, mut socket: Socket, request: &Request, nonce: &str) {
        if request.method != "connect" {
            let text = "invalid handshake: first request must be connect";
            let error = openclaw_protocol::error::ErrorShape::invalid(text);
            if self.send_error(&mut socket, &error).await {
                end(socket, &Close::NotConnect, Dialect::V4, &self.conn_id).await;
            }
            return;
        }
        let params = match decode(request) {
            Ok(params) => params,
            Err(problem) => return self.refuse(socket, None, Dialect::V4, &Refusal::Params(problem)).await,
        };
        let Some(dialect) = Dialect::negotiate(params.min_protocol, params.max_protocol) else {
            let (client_min, client_max) = (params.min_protocol, params.max_protocol);
            let refusal = Refusal::ProtocolMismatch { client_min, client_max };
            return self.refuse(socket, Some(&params), Dialect::V4, &refusal).await;
        };
        let outcome = Box::pin(admission::admit(&self, &params, dialect, nonce)).await;
        let admitted = match outcome {
            Outcome::Admitted(admitted) => admitted,
            Outcome::Refused(refusal) => return self.refuse(socket, Some(&params), dialect, &refusal).await,
            Outcome::Wait(wait) => match Box::pin(waiting::wait(&self, &mut socket, &params, dialect, wait)).await {
                waiting::End::Admitted(admitted) => admitted,
                waiting::End::Refused(refusal) => {
                    return self.refuse(socket, Some(&params), dialect, &refusal).await;
                }
                waiting::End::Closed(close) => return end(socket, &close, dialect, &self.conn_id).await,
            },
        };
        drop(params);
        Box::pin(self.run(socket, *admitted)).await;
    }

    /// hello-ok, then the actor, then good-bye.
    async fn run(self, mut socket: Socket, admitted: Admitted) {
        let Self { hub, conn_id, request_id, place, .. } = self;
        drop(place);
        let session = Arc::new(admitted.session);
        // Registered before hello-ok is on the wire, so that no event after it is missed; the outbox keeps the order.
        session.outbox.push(hello::hello(&hub, &session, &request_id, admitted.auth));
        drop(request_id);
        socket.raise_limit();
        let who = for_log(session.client.display_name.as_deref().unwrap_or(&session.client.id));
        info!(conn.id = %conn_id, role = %session.role, protocol = %session.dialect, "{who} connected as {}", session.role);
        let registration = hub.register(&session);
        admission::confirm(&hub, &session);
        let close = Box::pin(actor::run(&hub, &session, &mut socket)).await;
        // Before the closing handshake, which a peer can draw out: whoever waits for this one is answered now.
        drop(registration);
        actor::say_good_bye(&session, socket, &close).await;
        info!(conn.id = %conn_id, role = %session.role, "{who} disconnected: {}", close.why());
    }

    /// Sends the refusal, closes, and leaves a line in the log under the same request id (promise P6).
    async fn refuse(&self, mut socket: Socket, params: Option<&ConnectParams>, dialect: Dialect, refusal: &Refusal) {
        let about = self.about(params, dialect, refusal);
        let client = params.map(|params| &params.client);
        let rendered = refusal.render(&about);
        let code = rendered.error.detail_code().unwrap_or("-");
        let request = rendered.error.detail("requestId").unwrap_or("-");
        let from = self.arrival.client_ip;
        let who = for_log(client.map_or("", |client| client.display_name.as_deref().unwrap_or(&client.id)));
        warn!(
            conn.id = %self.conn_id, code, request.id = request, from = %from, origin = self.arrival.origin.as_deref().map(for_log),
            "refused {who} from {from}: {}{} (fix: {})", rendered.close_reason, refusal.cause().map(|cause| format!(" ({cause})")).unwrap_or_default(), rendered.fix
        );
        let error = match dialect {
            Dialect::V3 => openclaw_protocol::compat::v3::error(rendered.error),
            Dialect::V4 => rendered.error,
        };
        if self.send_error(&mut socket, &error).await {
            socket.close(rendered.close_code, &rendered.close_reason).await;
        }
    }

    /// Whom a refusal is about. The device is named only where its signature was verified before.
    fn about<'a>(&'a self, params: Option<&'a ConnectParams>, dialect: Dialect, refusal: &Refusal) -> About<'a> {
        let device = params.and_then(|params| params.device.as_ref()).filter(|_| refusal.knows_device());
        let auth = params.and_then(|params| params.auth.as_ref());
        let only_token =
            auth.is_some_and(|auth| auth.token.is_some() && auth.password.is_none() && auth.device_token.is_none());
        About {
            gateway_name: &self.hub.identity.name,
            instance_id: &self.hub.identity.instance_id,
            dialect,
            client: params.map(|params| &params.client),
            device_id: device.map(|device| device.id.as_str()),
            may_try_device_token: device.is_some() && only_token,
            direct_local: self.arrival.direct_local,
            wider_origins: self.arrival.origin.as_deref().and_then(|page| origin::widened(page, &self.hub.settings())),
        }
    }

    async fn send_error(&self, socket: &mut Socket, error: &openclaw_protocol::error::ErrorShape) -> bool {
        let frame = serde_json::to_vec(&OutResponse::error(&self.request_id, error)).unwrap_or_default();
        socket.send_all([frame.into()]).await.is_ok()
    }
}

async fn first_message(socket: &mut Socket) -> Result<Request, Close> {
    loop {
        match socket.receive().await {
            Received::Text(text) => {
                return match frame::decode(&text) {
                    Ok(request) => Ok(request),
                    Err(FrameError::NotJson) => Err(Close::NotJson),
                    Err(FrameError::TooDeep | FrameError::Invalid { .. }) => Err(Close::InvalidFrame),
                };
            }
            Received::Ping | Received::Pong => {}
            Received::TooLarge => return Err(Close::TooLarge),
            Received::Gone => return Err(Close::PeerGone),
        }
    }
}

fn decode(request: &Request) -> Result<ConnectParams, String> {
    let params: ConnectParams = serde_json::from_str(request.params()).map_err(|e| frame::schema_problem(&e))?;
    params.problem().map_or(Ok(params), Err)
}

async fn end(socket: Socket, close: &Close, dialect: Dialect, conn_id: &ConnId) {
    debug!(conn.id = %conn_id, "handshake ended: {}", close.why());
    if let Some((code, reason)) = close.frame(dialect) {
        socket.close(code, reason).await;
    }
}
