//! The gateway's "no" to a `connect`, and what a client may do about it (protocol.md §3.6).

use std::{fmt, time::Duration};

use openclaw_protocol::error::{ErrorShape, code, detail};

/// The gateway refused `connect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Code, message and details.
    pub error: ErrorShape,
    /// Code of the close frame that followed, when one came.
    pub close_code: Option<u16>,
    /// Its reason; cut to 120 bytes by the gateway, so never read an id from it.
    pub close_reason: String,
}

/// The device has to be approved first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingRefusal {
    /// What an approver names; absent when the gateway made no request.
    pub request_id: Option<String>,
    /// `not-paired`, `role-upgrade`, `scope-upgrade`, `metadata-upgrade`.
    pub reason: String,
    /// Whether the gateway says that approval may come by itself, so that trying again makes sense.
    pub retry: bool,
}

/// What to do after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// A person has to change something first.
    Never,
    /// It may go better, but hardly soon: once a minute (REL-031).
    Slowly,
    /// With the ordinary backoff, not before so long.
    After(Duration),
}

/// Longest wait that a gateway may impose (SEC-017).
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);

/// Detail codes after which a client stops (protocol.md §3.6, nodes.md §1.4), besides those that depend on more.
const FINAL_CODES: [&str; 15] = [
    "AUTH_TOKEN_MISSING",
    detail::AUTH_TOKEN_MISMATCH,
    "AUTH_DEVICE_TOKEN_MISMATCH",
    detail::AUTH_BOOTSTRAP_TOKEN_INVALID,
    "AUTH_PASSWORD_MISSING",
    "AUTH_PASSWORD_MISMATCH",
    "AUTH_SCOPE_MISMATCH",
    "AUTH_IDENTITY_HEADER_REQUIRED",
    "AUTH_VERIFIED_USER_REQUIRED",
    detail::CONTROL_UI_DEVICE_IDENTITY_REQUIRED,
    detail::DEVICE_IDENTITY_REQUIRED,
    "CONTROL_UI_BUILD_MISMATCH",
    "CLIENT_VERSION_MISMATCH",
    detail::PAIRING_REJECTED,
    detail::CONTROL_UI_ORIGIN_NOT_ALLOWED,
];

/// Advice of the gateway that a person has to act on.
const FINAL_STEPS: [&str; 3] = ["update_auth_configuration", "update_auth_credentials", "review_auth_configuration"];

impl Refusal {
    /// The pairing request that an approver has to decide, when that is the reason.
    pub fn pairing(&self) -> Option<PairingRefusal> {
        if self.error.code != code::NOT_PAIRED || self.error.detail_code() != Some(detail::PAIRING_REQUIRED) {
            return None;
        }
        Some(PairingRefusal {
            request_id: self.error.detail("requestId").filter(|id| is_request_id(id)).map(str::to_owned),
            reason: self.error.detail("reason").unwrap_or("not-paired").to_owned(),
            retry: self.pairing_may_come_by_itself(),
        })
    }

    fn pairing_may_come_by_itself(&self) -> bool {
        self.flag("pauseReconnect") == Some(false) || self.next_step() == Some("wait_then_retry")
    }

    /// What to do now. The one retry with a device token (SEC-019) is not part of it: [`crate::dial_with_retry`] has
    /// done it already.
    pub fn retry(&self) -> Retry {
        let asked = self.error.retry_after_ms.map(|ms| Duration::from_millis(ms).min(MAX_RETRY_AFTER));
        let soon = Retry::After(asked.unwrap_or_default());
        let code = self.error.detail_code().unwrap_or_default();
        match code {
            detail::PAIRING_REQUIRED if self.pairing_may_come_by_itself() => soon,
            detail::PAIRING_REQUIRED => Retry::Never,
            // The reference stops here. A lockout with an end is worth waiting for, above all for a node host that
            // nobody watches.
            detail::AUTH_RATE_LIMITED => asked.map_or(Retry::Never, Retry::After),
            _ if FINAL_CODES.contains(&code) => Retry::Never,
            _ if self.next_step().is_some_and(|step| FINAL_STEPS.contains(&step)) => Retry::Never,
            _ if asked.is_some() || self.error.retryable == Some(true) => soon,
            _ if self.error.code == code::UNAVAILABLE => soon,
            // An older or newer gateway, a wrong clock: only time or an update helps.
            _ => Retry::Slowly,
        }
    }

    /// Whether the client must not try again by itself.
    pub fn is_final(&self) -> bool {
        self.retry() == Retry::Never
    }

    /// Whether the gateway invites to one more try with the stored device token (SEC-019).
    pub fn can_retry_with_device_token(&self) -> bool {
        self.error.detail_code() == Some(detail::AUTH_TOKEN_MISMATCH)
            && (self.flag("canRetryWithDeviceToken") == Some(true)
                || self.next_step() == Some("retry_with_device_token"))
    }

    /// Whether the gateway speaks only protocol 3 and found our range wrong (protocol.md §3.3).
    pub(crate) fn wants_protocol_3(&self) -> bool {
        self.error.message.contains("protocol mismatch") && self.number("expectedProtocol") == Some(3)
    }

    /// The protocol that a gateway names when versions do not match.
    pub(crate) fn expected_protocol(&self) -> Option<u64> {
        self.number("expectedProtocol")
    }

    fn next_step(&self) -> Option<&str> {
        self.error.detail("recommendedNextStep")
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.error.details.as_ref()?.get(name)?.as_bool()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.error.details.as_ref()?.get(name)?.as_u64()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refusal {}

/// Whether a text has the form of a request id, so that it may stand in a command that people copy.
fn is_request_id(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(code: &str, details: Value) -> Refusal {
        Refusal {
            error: ErrorShape::new(code, "m").with_details(details),
            close_code: Some(1008),
            close_reason: "m".into(),
        }
    }

    #[test]
    fn the_codes_of_the_reference_stop_a_client() {
        for code in FINAL_CODES {
            assert!(refusal("INVALID_REQUEST", json!({"code": code})).is_final(), "{code}");
        }
        assert!(refusal("NOT_PAIRED", json!({"code": "PAIRING_REQUIRED"})).is_final());
        let bad_setup = json!({"code": "AUTH_UNAUTHORIZED", "recommendedNextStep": "review_auth_configuration"});
        assert!(refusal("INVALID_REQUEST", bad_setup).is_final());
    }

    #[test]
    fn a_pairing_that_may_come_by_itself_is_tried_again() {
        let waiting = json!({
            "code": "PAIRING_REQUIRED", "requestId": "r-1", "reason": "role-upgrade",
            "recommendedNextStep": "wait_then_retry", "pauseReconnect": false,
        });
        let refused = refusal("NOT_PAIRED", waiting);
        let expected = PairingRefusal { request_id: Some("r-1".into()), reason: "role-upgrade".into(), retry: true };
        assert_eq!(refused.pairing(), Some(expected));
        assert_eq!(refused.retry(), Retry::After(Duration::ZERO));
    }

    #[test]
    fn a_request_id_that_could_harm_a_terminal_or_a_shell_is_not_passed_on() {
        for id in ["a; rm -rf ~", "\u{1b}[2J", "", "-x", &"a".repeat(129)] {
            let refused = refusal("NOT_PAIRED", json!({"code": "PAIRING_REQUIRED", "requestId": id}));
            assert_eq!(refused.pairing().unwrap().request_id, None, "{id:?}");
        }
    }

    #[test]
    fn sec_017_a_gateway_cannot_send_a_client_to_sleep_for_ever() {
        let mut busy = refusal("UNAVAILABLE", json!({"reason": "startup-sidecars"}));
        busy.error.retry_after_ms = Some(u64::MAX);
        assert_eq!(busy.retry(), Retry::After(MAX_RETRY_AFTER));
    }

    #[test]
    fn a_lockout_with_an_end_is_waited_for() {
        let mut limited = refusal("INVALID_REQUEST", json!({"code": "AUTH_RATE_LIMITED"}));
        assert_eq!(limited.retry(), Retry::Never);
        limited.error.retry_after_ms = Some(5_000);
        assert_eq!(limited.retry(), Retry::After(Duration::from_secs(5)));
    }

    #[test]
    fn what_only_an_update_can_fix_is_tried_slowly() {
        let refused = refusal("INVALID_REQUEST", json!({"code": "PROTOCOL_MISMATCH", "expectedProtocol": 9}));
        assert_eq!(refused.retry(), Retry::Slowly);
        assert!(!refused.wants_protocol_3());
    }

    #[test]
    fn details_of_any_shape_are_read_without_harm() {
        for details in [json!(null), json!([]), json!("x"), json!({"code": 5, "requestId": {}})] {
            let refused = refusal("NOT_PAIRED", details);
            assert_eq!(refused.pairing(), None);
            assert!(!refused.can_retry_with_device_token());
        }
    }
}
