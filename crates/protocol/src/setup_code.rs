//! Setup codes: what an invitation hands over, as text, link or QR code (protocol.md §5.6, nodes.md §1.1).
//!
//! base64url without padding of a small JSON object. 2026.3 writes `{url, bootstrapToken}`, 2026.9 adds `urls`,
//! `expiresAtMs` and `tlsFingerprint`; ours adds the gateway's instance id, which others ignore.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Longest setup code that is read, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// Link form of a setup code.
pub const LINK_PREFIX: &str = "oc-pair://";

/// An invitation. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupCode {
    /// Where the gateway is: `ws://` or `wss://`.
    pub url: String,
    /// Further addresses, tried in order after the first; 2 to 8 with it, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Single-use credential; never the gateway's shared secret (SEC-041).
    pub bootstrap_token: String,
    /// When the token dies, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// SHA-256 of the gateway's certificate, hex, for `wss://` with an own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_fingerprint: Option<String>,
}

impl std::fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetupCode").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why a text is not a setup code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupCodeError {
    /// Empty, too long, or not base64url.
    #[error("this is not a setup code (it is not base64url text)")]
    NotBase64,
    /// Decoded, but not the object that it should be.
    #[error("this is not a setup code ({0})")]
    NotSetup(String),
    /// The address is no WebSocket address.
    #[error("the setup code names no ws:// or wss:// address")]
    NoAddress,
}

impl SetupCode {
    /// The text form.
    pub fn encode(&self) -> String {
        // Strings and integers always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the text form, also behind [`LINK_PREFIX`], with white space around it.
    ///
    /// # Errors
    /// [`SetupCodeError`]; never panics (fuzz target `setup_code`).
    pub fn decode(text: &str) -> Result<Self, SetupCodeError> {
        let text = text.trim();
        let text = text.strip_prefix(LINK_PREFIX).unwrap_or(text).trim_end_matches('=');
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(SetupCodeError::NotBase64);
        }
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return Err(SetupCodeError::NotBase64) };
        let code: Self = serde_json::from_slice(&bytes).map_err(|e| SetupCodeError::NotSetup(e.to_string()))?;
        let is_address = |url: &String| url.starts_with("ws://") || url.starts_with("wss://");
        if !is_address(&code.url) || !code.urls.iter().all(is_address) {
            return Err(SetupCodeError::NoAddress);
        }
        if code.bootstrap_token.is_empty() {
            return Err(SetupCodeError::NotSetup("the bootstrap token is empty".into()));
        }
        Ok(code)
    }

    /// Every address in the order in which it is to be tried, without repeats.
    pub fn candidates(&self) -> Vec<&str> {
        let mut all: Vec<&str> = vec![&self.url];
        for url in &self.urls {
            if !all.contains(&url.as_str()) {
                all.push(url);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_code_of_2026_3_is_read() {
        let text = URL_SAFE_NO_PAD.encode(r#"{"url":"wss://gw.example:18789","bootstrapToken":"abc"}"#);
        let code = SetupCode::decode(&format!(" {LINK_PREFIX}{text}\n")).unwrap();
        assert_eq!(code.candidates(), ["wss://gw.example:18789"]);
    }

    #[test]
    fn sec_132_the_token_does_not_show_in_debug_output() {
        let text = URL_SAFE_NO_PAD.encode(r#"{"url":"ws://a","bootstrapToken":"s3cret"}"#);
        assert!(!format!("{:?}", SetupCode::decode(&text).unwrap()).contains("s3cret"));
    }

    #[test]
    fn what_is_not_a_setup_code_is_refused_with_a_reason() {
        assert_eq!(SetupCode::decode("!!").unwrap_err(), SetupCodeError::NotBase64);
        let http = URL_SAFE_NO_PAD.encode(r#"{"url":"http://a","bootstrapToken":"x"}"#);
        assert_eq!(SetupCode::decode(&http).unwrap_err(), SetupCodeError::NoAddress);
    }

    proptest! {
        #[test]
        fn no_text_makes_decoding_panic(text in any::<String>()) {
            drop(SetupCode::decode(&text));
        }

        #[test]
        fn a_code_survives_the_round_trip(host in "[a-z]{1,20}", token in "[A-Za-z0-9_-]{1,50}", ms in any::<u64>()) {
            let code = SetupCode {
                url: format!("ws://{host}"),
                urls: vec![],
                bootstrap_token: token,
                expires_at_ms: Some(ms),
                tls_fingerprint: None,
            };
            prop_assert_eq!(SetupCode::decode(&code.encode()).unwrap(), code);
        }
    }
}
