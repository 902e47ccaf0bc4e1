//! What every answer carries (protocol.md §1.6, SEC-026, SEC-182).

use hyper::{
    HeaderMap,
    header::{
        HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

/// Without a page of ours asking for them, a browser gives nothing away.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=()";

/// Adds them. There is deliberately no `Access-Control-Allow-Origin`: no page of another origin reads an answer.
pub(super) fn add(headers: &mut HeaderMap, strict_transport_security: Option<&str>) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    if let Some(value) = strict_transport_security.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, value);
    }
}
