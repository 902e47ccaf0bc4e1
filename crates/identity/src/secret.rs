//! Secrets: never printed, never compared by `==`.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::key::{RandomError, hex, random_bytes};

/// A text that must not leak: no `Display`, no `Serialize`, no `PartialEq`; `Debug` prints `[redacted]`; wiped from
/// memory when dropped.
///
/// ```compile_fail
/// let (a, b) = (openclaw_identity::Secret::new("x"), openclaw_identity::Secret::new("x"));
/// assert!(a == b); // sec_030: comparing goes through `is`
/// ```
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same secret, in constant time.
    pub fn is(&self, other: &str) -> bool {
        secrets_equal(&self.0, other)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Compares two secrets as SHA-256 digests in constant time, so that neither length nor content shows (SEC-030).
pub fn secrets_equal(left: &str, right: &str) -> bool {
    let (left, right) = (Sha256::digest(left.as_bytes()), Sha256::digest(right.as_bytes()));
    left.as_slice().ct_eq(right.as_slice()).into()
}

/// A token of 32 random bytes, base64url, 43 characters.
///
/// # Errors
/// [`RandomError`].
pub fn random_token() -> Result<Secret, RandomError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
}

/// `N` random bytes as lowercase hex; 24 bytes is the form of a generated `gateway.auth.token`.
///
/// # Errors
/// [`RandomError`].
pub fn random_hex<const N: usize>() -> Result<Secret, RandomError> {
    Ok(Secret::new(hex(&random_bytes::<N>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_030_secrets_are_compared_whole() {
        assert!(secrets_equal("same", "same"));
        assert!(!secrets_equal("same", "sam"));
        assert!(!secrets_equal("", "x"));
        assert!(Secret::new("a").is("a"));
    }

    #[test]
    fn sec_132_a_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "[redacted]");
    }

    #[test]
    fn sec_031_generated_tokens_have_at_least_192_bits() {
        assert_eq!(random_token().unwrap().expose().len(), 43);
        assert_eq!(random_hex::<24>().unwrap().expose().len(), 48);
        assert!(!random_token().unwrap().is(random_token().unwrap().expose()));
    }
}
