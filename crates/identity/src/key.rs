//! Device keys.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use openclaw_protocol::id::DeviceId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why a key could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor base64 of 32 bytes.
    #[error("not an Ed25519 key")]
    NotAKey,
    /// 32 bytes that are no point of the curve, or one of small order.
    #[error("not a usable Ed25519 key")]
    WeakKey,
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

/// Fills an array from the operating system's generator.
///
/// # Errors
/// [`RandomError`] when there is none; nothing is guessed in that case.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(RandomError),
    }
}

/// A device's private key. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn generate() -> Result<Self, RandomError> {
        let seed = Zeroizing::new(random_bytes::<32>()?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key of that 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM, as `identity/device.json` holds it.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).or(Err(KeyError::NotAKey))
    }

    /// Writes a PKCS#8 PEM with Unix line ends.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`], which a key that exists does not cause.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).or(Err(KeyError::NotAKey))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        self.public().device_id()
    }

    /// Signs a text; the result is base64url without padding.
    pub fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.device_id().short())
    }
}

/// A device's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads base64url, standard base64 (padded or not) or an SPKI PEM.
    ///
    /// # Errors
    /// [`KeyError`]; keys of small order are refused.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = if text.contains("-----BEGIN") {
            VerifyingKey::from_public_key_pem(text.trim()).or(Err(KeyError::NotAKey))?
        } else {
            let raw: [u8; 32] = decode_base64(text).and_then(|b| b.try_into().ok()).ok_or(KeyError::NotAKey)?;
            VerifyingKey::from_bytes(&raw).or(Err(KeyError::WeakKey))?
        };
        if key.is_weak() { Err(KeyError::WeakKey) } else { Ok(Self(key)) }
    }

    /// The form on the wire: base64url without padding of the raw 32 bytes, 43 characters.
    pub fn to_wire(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// SPKI PEM, as `identity/device.json` holds it.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`], which a key that exists does not cause.
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).or(Err(KeyError::NotAKey))
    }

    /// The raw 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Lowercase hex SHA-256 of the raw bytes.
    pub fn device_id(&self) -> DeviceId {
        DeviceId::new(hex(&Sha256::digest(self.0.as_bytes())))
    }

    /// Whether `signature` (base64url or base64) is this key's over `text`, verified strictly.
    pub fn verifies(&self, text: &str, signature: &str) -> bool {
        let Some(Ok(signature)) = decode_base64(signature).map(|bytes| Signature::from_slice(&bytes)) else {
            return false;
        };
        self.0.verify_strict(text.as_bytes(), &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_wire())
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let unpadded = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(unpadded).ok().or_else(|| STANDARD.decode(text).ok()).or_else(|| {
        let padded = format!("{unpadded}{}", "=".repeat((4 - unpadded.len() % 4) % 4));
        STANDARD.decode(padded).ok()
    })
}

/// Lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pem_form() {
        let key = DeviceKey::generate().unwrap();
        let again = DeviceKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(key.device_id(), again.device_id());
        let public = PublicKey::parse(&key.public().to_spki_pem().unwrap()).unwrap();
        assert_eq!(public, key.public());
    }

    #[test]
    fn the_original_wrote_keys_that_we_read() {
        // A throw-away key in the form that Node.js 24 writes.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let key = DeviceKey::from_pkcs8_pem(pem).unwrap();
        assert_eq!(key.public().to_wire(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }

    #[test]
    fn sec_036_keys_of_small_order_are_refused() {
        let identity_point = URL_SAFE_NO_PAD.encode([&[1][..], &[0; 31]].concat());
        assert_eq!(PublicKey::parse(&identity_point).unwrap_err(), KeyError::WeakKey);
        assert_eq!(PublicKey::parse("short").unwrap_err(), KeyError::NotAKey);
    }

    #[test]
    fn standard_base64_is_accepted_too() {
        let key = DeviceKey::from_seed(&[7; 32]).public();
        assert_eq!(PublicKey::parse(&STANDARD.encode(key.as_bytes())).unwrap(), key);
    }

    #[test]
    fn sec_132_a_private_key_does_not_show_in_debug_output() {
        let key = DeviceKey::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("DeviceKey({})", key.device_id().short()));
    }
}
