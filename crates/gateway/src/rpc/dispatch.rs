//! From a message on the socket to the answer in the outbox.
//!
//! Each request is a task of its own: it may be slow without holding up its connection, and if it panics its caller
//! gets an error and everybody else stays connected (REL-052).

use std::{panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use openclaw_protocol::{
    compat,
    error::ErrorShape,
    frame::{self, FrameError, OutResponse, Request},
    limits::MAX_NAME_BYTES,
    version::Dialect,
};
use serde_json::value::RawValue;
use tracing::{debug, error, warn};

use super::{ctx::Ctx, registry::Denied};
use crate::{
    conn::{close::Close, session::Session},
    hub::Hub,
    text::for_log,
};

/// Takes one message of an established connection. Never waits.
pub(crate) fn accept(hub: &Arc<Hub>, session: &Arc<Session>, text: String) {
    let request = match frame::decode(&text) {
        Ok(request) => request,
        Err(FrameError::NotJson) => {
            return debug!(conn.id = %session.conn_id, "ignored a message that is not JSON");
        }
        Err(problem) => {
            let id = match &problem {
                FrameError::Invalid { id: Some(id), .. } if (1..=MAX_NAME_BYTES).contains(&id.len()) => id.clone(),
                _ => "invalid".to_owned(),
            };
            return refuse(session, &id, ErrorShape::invalid(format!("invalid request frame: {problem}")));
        }
    };
    drop(text);
    if request.method == "connect" {
        return refuse(session, &request.id, ErrorShape::invalid("connect is only valid as the first request"));
    }
    if let Err(denied) = hub.registry.authorize(&request.method, request.params(), session.role, &session.scopes) {
        return deny(session, &request, &denied);
    }
    session.reset_unauthorized();
    if hub.suspension.refuses(&request.method) {
        let text = format!("{} is not taken now: the gateway is being suspended", for_log(&request.method));
        return refuse(session, &request.id, ErrorShape::unavailable(text).retry_after(2_000));
    }
    let Some(place) = session.begin_request() else {
        let text = "too many requests are running on this connection";
        return refuse(session, &request.id, ErrorShape::unavailable(text).retry_after(100));
    };
    let ctx = Ctx { hub: Arc::clone(hub), session: Arc::clone(session) };
    hub.life.tasks.spawn(async move {
        run(ctx, request).await;
        drop(place);
    });
}

async fn run(ctx: Ctx, request: Request) {
    let session = Arc::clone(&ctx.session);
    let hub = Arc::clone(&ctx.hub);
    let raw = request.params();
    let Ok(entry) = hub.registry.authorize(&request.method, raw, session.role, &session.scopes) else { return };
    let outcome = AssertUnwindSafe(async { entry.call(ctx, raw).await }).catch_unwind().await;
    match outcome {
        Ok(Ok(reply)) => answer(&session, &request.id, &reply),
        Ok(Err(error)) => {
            debug!(conn.id = %session.conn_id, method = %request.method, code = %error.0.code, "{}", for_log(&error.0.message));
            refuse(&session, &request.id, error.0);
        }
        Err(_) => {
            error!(conn.id = %session.conn_id, method = %request.method, "a handler panicked; its caller got an error");
            refuse(
                &session,
                &request.id,
                ErrorShape::unavailable("the gateway failed on this request; its log says where"),
            );
        }
    }
    session.answered();
}

fn deny(session: &Arc<Session>, request: &Request, denied: &Denied) {
    let error = match denied {
        Denied::Role(role) => {
            refuse(session, &request.id, ErrorShape::invalid(format!("unauthorized role: {role}")));
            if session.count_unauthorized() {
                warn!(conn.id = %session.conn_id, "closed for repeated calls that its role forbids");
                session.outbox.close(Close::Flood("repeated unauthorized calls"));
            }
            return;
        }
        Denied::MissingScope(scope) => ErrorShape::missing_scope(scope),
        Denied::Unknown => ErrorShape::invalid(format!("unknown method: {}", request.method)),
    };
    session.reset_unauthorized();
    refuse(session, &request.id, error);
}

fn answer(session: &Session, id: &str, reply: &RawValue) {
    send(session, serde_json::to_vec(&OutResponse::ok(id, reply)));
}

/// Sends an error in the dialect of the peer.
pub(crate) fn refuse(session: &Session, id: &str, error: ErrorShape) {
    let error = match session.dialect {
        Dialect::V3 => compat::v3::error(error),
        Dialect::V4 => error,
    };
    send(session, serde_json::to_vec(&OutResponse::error(id, &error)));
}

fn send(session: &Session, frame: Result<Vec<u8>, serde_json::Error>) {
    match frame {
        Ok(frame) => drop(session.outbox.push(Bytes::from(frame))),
        Err(error) => warn!(conn.id = %session.conn_id, "an answer could not be serialised: {error}"),
    }
}
