//! Who speaks: device keys, the signature of a `connect`, secrets and how they are compared.
//!
//! The protocol, step by step (protocol.md §3.5):
//! 1. A device makes an Ed25519 key once. Its id is the lowercase hex SHA-256 of the raw public key.
//! 2. The gateway sends a nonce. The device signs a text that binds the nonce, its id, its role and scopes, the
//!    credential that it sends, and (since payload v3) its platform and device family: [`ConnectPayload`].
//! 3. The gateway derives the id from the key, compares it, then verifies the signature strictly: points of small
//!    order and non-canonical encodings are refused (SEC-036).
//! 4. Secrets are compared as digests, in constant time, by one function: [`secrets_equal`] (SEC-030).
//!
//! No files and no network are used here. This is the crate to audit.

mod connect;
mod file;
mod fingerprint;
mod key;
mod matching;
mod secret;

pub use connect::{ConnectPayload, PayloadVersion, sign_connect, verify_connect};
pub use file::{IdentityFile, IdentityFileError};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use key::{DeviceKey, KeyError, PublicKey, RandomError, random_bytes};
pub use matching::matching_code;
pub use secret::{Secret, random_hex, random_token, secrets_equal};
