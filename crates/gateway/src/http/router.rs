//! Which path is what. First match wins; what is not here is 404 (SEC-004).

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use hyper::{
    Method, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::{guard, headers, page, probes};
use crate::{auth::arrival::Arrival, hub::Hub};

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Live,
    Ready,
    Startup,
    Page,
}

/// The whole table. All of it is public, and all of it is `GET` and `HEAD` only.
fn route(path: &str) -> Option<Route> {
    Some(match path {
        "/health" | "/healthz" => Route::Live,
        "/ready" | "/readyz" => Route::Ready,
        "/startup" | "/startupz" => Route::Startup,
        "/" => Route::Page,
        _ => return None,
    })
}

/// Serves every request that is no WebSocket upgrade. The server puts the request's `Arrival` into its extensions.
pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new().fallback(answer).with_state(hub)
}

async fn answer(State(hub): State<Arc<Hub>>, Extension(arrival): Extension<Arrival>, request: Request) -> Response {
    let snapshot = hub.configuration.snapshot();
    let mut response = respond(&hub, &arrival, &request);
    let transport = snapshot.config.gateway.http.security_headers.strict_transport_security();
    headers::add(response.headers_mut(), transport);
    response
}

fn respond(hub: &Hub, arrival: &Arrival, request: &Request) -> Response {
    let (method, headers) = (request.method(), request.headers());
    if guard::is_forged(method, headers) {
        return plain(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Some(route) = route(request.uri().path()) else { return plain(StatusCode::NOT_FOUND, "Not Found") };
    if route == Route::Page && !hub.configuration.snapshot().config.gateway.control_ui.enabled {
        return plain(StatusCode::NOT_FOUND, "Not Found");
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return with(plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), ALLOW, "GET, HEAD");
    }
    match route {
        Route::Live => probe(StatusCode::OK, Body::from(probes::LIVE)),
        Route::Ready => json(probes::ready(hub, arrival, headers)),
        Route::Startup => json(probes::startup(hub, arrival, headers)),
        Route::Page => {
            let identity = &hub.identity;
            let page = page::page(&identity.name, &identity.instance_id, &identity.version);
            let response = with(Response::new(Body::from(page)), CONTENT_TYPE, HTML);
            let response = with(response, CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY);
            with(response, CACHE_CONTROL, "no-cache")
        }
    }
}

fn json((status, body): (StatusCode, Value)) -> Response {
    probe(status, Body::from(body.to_string()))
}

fn probe(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    with(with(response, CONTENT_TYPE, JSON), CACHE_CONTROL, "no-store")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, TEXT)
}

fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_004_the_public_addresses_are_these_and_no_others() {
        let known = ["/", "/health", "/healthz", "/ready", "/readyz", "/startup", "/startupz"];
        for path in known {
            assert!(route(path).is_some(), "{path}");
        }
        for path in
            ["/Health", "/health/", "//health", "/tools/invoke", "/v1/models", "/__openclaw__/canvas/", "/hooks/wake"]
        {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
