//! Is it alive, is it ready, has it started (protocol.md §1.6, REL-061).

use hyper::{HeaderMap, StatusCode, header::AUTHORIZATION};
use openclaw_protocol::connect::ConnectAuth;
use serde_json::{Value, json};

use crate::{
    auth::{
        arrival::Arrival,
        credentials::{self, Method, Proof},
    },
    hub::Hub,
};

/// `/health`: touches nothing.
pub(super) const LIVE: &str = r#"{"ok":true,"status":"live"}"#;

/// `/ready`: whether it takes work. Why not is told only to those who may know.
pub(super) fn ready(hub: &Hub, arrival: &Arrival, headers: &HeaderMap) -> (StatusCode, Value) {
    let failing = failing(hub);
    let ready = failing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({"ready": ready});
    if sees_details(hub, arrival, headers)
        && let Some(members) = body.as_object_mut()
    {
        members.insert("failing".into(), json!(failing));
        members.insert("uptimeMs".into(), json!(uptime_ms(hub)));
    }
    (status, body)
}

/// `/startup`: who can ask has a gateway that has started.
pub(super) fn startup(hub: &Hub, arrival: &Arrival, headers: &HeaderMap) -> (StatusCode, Value) {
    let mut body = json!({"ok": true, "status": "started"});
    if sees_details(hub, arrival, headers)
        && let Some(members) = body.as_object_mut()
    {
        members.insert("version".into(), json!(hub.identity.version));
        members.insert("uptimeMs".into(), json!(uptime_ms(hub)));
    }
    (StatusCode::OK, body)
}

/// What keeps it from taking work.
fn failing(hub: &Hub) -> Vec<&'static str> {
    let mut failing = Vec::new();
    if hub.life.stop.is_cancelled() {
        failing.push("shutdown");
    }
    if hub.suspension.phase() != "accepting" {
        failing.push("suspension");
    }
    failing
}

/// A program on this machine, or a bearer of the gateway's secret. Headers of a proxy prove nothing here (SEC-040).
fn sees_details(hub: &Hub, arrival: &Arrival, headers: &HeaderMap) -> bool {
    if arrival.direct_local {
        return true;
    }
    let Some(bearer) = bearer(headers) else { return false };
    let auth =
        ConnectAuth { token: Some(bearer.to_owned()), password: Some(bearer.to_owned()), ..ConnectAuth::default() };
    let proof = credentials::check(Some(&auth), arrival, &hub.settings(), &hub.identity.owner_secret, &hub.limiter);
    matches!(proof, Proof::Owner(_) | Proof::Shared(Method::Token | Method::Password))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !secret.trim().is_empty()).then(|| secret.trim())
}

fn uptime_ms(hub: &Hub) -> u64 {
    u64::try_from(hub.life.started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
