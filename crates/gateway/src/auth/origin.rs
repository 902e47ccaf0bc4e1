//! Which pages may talk to the gateway (SEC-020, SEC-021; protocol.md §4.3).

use openclaw_protocol::connect::ConnectParams;

use super::arrival::{Arrival, is_loopback_host};
use crate::settings::Settings;

/// What the Origin header says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// No browser page: no Origin, and a client that needs none.
    None,
    /// A page that may connect.
    Allowed,
    /// The Control UI or web chat from a page that may connect: the only browser clients that pair silently (SEC-023).
    AllowedControlUi,
}

/// Why a page may not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginError {
    /// The client needs an origin and sent none, or `null`.
    Missing,
    /// The origin is not in the list.
    NotAllowed,
}

impl OriginError {
    /// The reference's text in `details.reason`.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "origin missing or invalid",
            Self::NotAllowed => "origin not allowed",
        }
    }
}

/// Whether these params come from the Control UI or web chat.
pub(crate) fn is_browser_client(params: &ConnectParams) -> bool {
    matches!(params.client.id.as_str(), "openclaw-control-ui" | "webchat-ui" | "webchat")
        || params.client.mode == "webchat"
}

/// Checks the Origin of a connection.
pub(crate) fn check(params: &ConnectParams, arrival: &Arrival, settings: &Settings) -> Result<Page, OriginError> {
    let browser_client = is_browser_client(params);
    let Some(origin) = &arrival.origin else {
        return if browser_client { Err(OriginError::Missing) } else { Ok(Page::None) };
    };
    if origin == "null" {
        return Err(OriginError::Missing);
    }
    let origin = origin.to_ascii_lowercase();
    let allowed = settings.allowed_origins().iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(&origin))
        || (arrival.direct_local && has_loopback_host(&origin))
        || (settings.host_header_origin_fallback() && same_host(&origin, arrival.host.as_deref()));
    match (allowed, browser_client) {
        (false, _) => Err(OriginError::NotAllowed),
        (true, true) => Ok(Page::AllowedControlUi),
        (true, false) => Ok(Page::Allowed),
    }
}

/// The list of allowed origins with this page's added, as JSON for a command line. `None` for what is no origin, and
/// for anything that a shell could read as more than a word: the text comes from a stranger.
pub(crate) fn widened(page: &str, settings: &Settings) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:/-_[]".contains(&byte);
    let page = page.to_ascii_lowercase();
    authority(&page).filter(|_| page.bytes().all(plain))?;
    let mut all = settings.allowed_origins().to_vec();
    if !all.contains(&page) {
        all.push(page);
    }
    serde_json::to_string(&all).ok().filter(|list| !list.contains('\''))
}

fn authority(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    (!rest.is_empty() && !rest.contains(['/', '@', '?', '#'])).then_some(rest)
}

fn has_loopback_host(origin: &str) -> bool {
    authority(origin).is_some_and(is_loopback_host)
}

fn same_host(origin: &str, host: Option<&str>) -> bool {
    matches!((authority(origin), host), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_a_shell_could_read_as_more_is_not_put_into_a_command() {
        let settings = Settings::for_tests();
        assert_eq!(widened("https://A.example:8443", &settings).as_deref(), Some("[\"https://a.example:8443\"]"));
        for page in ["null", "file://x", "https://a'; touch x; '", "https://a.example/$(id)", "https://a b"] {
            assert_eq!(widened(page, &settings), None, "{page}");
        }
    }

    #[test]
    fn sec_021_origins_are_compared_whole() {
        for (origin, expected) in [
            ("http://localhost:18789", true),
            ("http://127.0.0.1", true),
            ("https://[::1]:1", true),
            ("http://127.0.0.1.evil.com", false),
            ("http://localhost@evil.com", false),
            ("http://evil.com/localhost", false),
            ("file://localhost", false),
        ] {
            assert_eq!(has_loopback_host(origin), expected, "{origin}");
        }
    }
}
