//! Requests that a page of another site makes a browser send (SEC-024).

use hyper::{HeaderMap, Method, header::HOST};

/// Whether a request would change something and shows signs of another site. Decided before its body is read, also on
/// loopback and without authentication.
pub(super) fn is_forged(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    if text("sec-fetch-site").is_some_and(|site| matches!(site, "cross-site" | "same-site")) {
        return true;
    }
    text("origin").is_some_and(|origin| !is_own(origin, text(HOST.as_str()).unwrap_or_default()))
}

/// Whether the page is one of this very host and port.
fn is_own(origin: &str, host: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    !host.is_empty() && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(method: &Method, headers: &[(&'static str, &'static str)]) -> bool {
        let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_forged(method, &map)
    }

    #[test]
    fn sec_024_only_a_page_of_this_gateway_may_change_anything() {
        let host = ("host", "127.0.0.1:18789");
        for (headers, expected) in [
            (vec![host], false),
            (vec![host, ("origin", "http://127.0.0.1:18789")], false),
            (vec![host, ("origin", "http://127.0.0.1:8080")], true),
            (vec![host, ("origin", "https://evil.example")], true),
            (vec![host, ("origin", "null")], true),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("sec-fetch-site", "same-origin")], false),
            (vec![("origin", "http://")], true),
        ] {
            assert_eq!(forged(&Method::POST, &headers), expected, "{headers:?}");
            assert!(!forged(&Method::GET, &headers), "{headers:?}");
        }
    }
}
