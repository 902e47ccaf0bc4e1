//! The text of `identity/device.json` (cli.md §4.2), which official programs read and write too.

use openclaw_protocol::id::DeviceId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::key::{DeviceKey, KeyError};

/// The file's members. Read and written as a whole; reading and writing the file itself is the caller's.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    version: u32,
    device_id: String,
    public_key_pem: String,
    private_key_pem: Zeroizing<String>,
    created_at_ms: u64,
}

/// A key and when it was made.
#[derive(Clone, Debug)]
pub struct IdentityFile {
    pub key: DeviceKey,
    /// Milliseconds since the epoch.
    pub created_at_ms: u64,
}

/// Why the text is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// Not the JSON object that it should be.
    #[error("not an identity file: {0}")]
    Json(String),
    /// A version that is not known.
    #[error("identity file version {0} is not known")]
    Version(u32),
    /// The private key cannot be read.
    #[error("the private key cannot be read")]
    Key(#[source] KeyError),
}

impl IdentityFile {
    /// Reads the text. A wrong `deviceId` or public key is ignored: the private key decides, as in the original.
    ///
    /// # Errors
    /// [`IdentityFileError`]. The text of the key is in none of them.
    pub fn parse(text: &str) -> Result<Self, IdentityFileError> {
        let members: Members = serde_json::from_str(text)
            .map_err(|e| IdentityFileError::Json(format!("line {}, column {}", e.line(), e.column())))?;
        if members.version != 1 {
            return Err(IdentityFileError::Version(members.version));
        }
        let key = DeviceKey::from_pkcs8_pem(&members.private_key_pem).map_err(IdentityFileError::Key)?;
        Ok(Self { key, created_at_ms: members.created_at_ms })
    }

    /// The text to write: pretty JSON with a line end.
    ///
    /// # Errors
    /// [`IdentityFileError::Key`], which a key that exists does not cause.
    pub fn to_text(&self) -> Result<Zeroizing<String>, IdentityFileError> {
        let members = Members {
            version: 1,
            device_id: self.key.device_id().into(),
            public_key_pem: self.key.public().to_spki_pem().map_err(IdentityFileError::Key)?,
            private_key_pem: self.key.to_pkcs8_pem().map_err(IdentityFileError::Key)?,
            created_at_ms: self.created_at_ms,
        };
        let mut text = serde_json::to_string_pretty(&members).map_err(|e| IdentityFileError::Json(e.to_string()))?;
        text.push('\n');
        Ok(Zeroizing::new(text))
    }

    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        self.key.device_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_round_trip() {
        let identity = IdentityFile { key: DeviceKey::from_seed(&[9; 32]), created_at_ms: 7 };
        let again = IdentityFile::parse(&identity.to_text().unwrap()).unwrap();
        assert_eq!((again.device_id(), again.created_at_ms), (identity.device_id(), 7));
    }

    #[test]
    fn sec_132_errors_do_not_repeat_the_key() {
        let error = IdentityFile::parse(r#"{"version":1,"privateKeyPem":"s3cret"}"#).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
