//! Certificate fingerprints, by which a client pins a gateway (SEC-015).

use std::fmt;

use sha2::{Digest, Sha256};

use crate::key::hex;

/// SHA-256 of a leaf certificate in DER form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

/// The text is no SHA-256 fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 fingerprint (64 hex digits, colons and a leading sha256: allowed)")]
pub struct FingerprintError;

impl Fingerprint {
    /// Of this certificate.
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(hex(&Sha256::digest(certificate)))
    }

    /// Reads hex; case, separators and a leading `sha256:` do not matter.
    ///
    /// # Errors
    /// [`FingerprintError`].
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("sha256:").unwrap_or(&text);
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let only_separators = text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | ' ' | '-'));
        if digits.len() == 64 && only_separators { Ok(Self(digits)) } else { Err(FingerprintError) }
    }

    /// 64 lowercase hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        let plain = Fingerprint::of_der(b"certificate");
        let colons: Vec<String> =
            plain.as_str().as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
        assert_eq!(Fingerprint::parse(&format!("SHA256:{}", colons.join(":"))), Ok(plain));
        assert_eq!(Fingerprint::parse("sha256:abc"), Err(FingerprintError));
    }
}
