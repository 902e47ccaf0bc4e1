//! The device behind a connection: its key and its signature (SEC-036, protocol.md §3.5).

use openclaw_identity::{PublicKey, verify_connect};
use openclaw_protocol::{
    connect::{ConnectParams, DeviceProof},
    id::DeviceId,
    limits::SIGNATURE_SKEW_MS,
    scope::Role,
};

/// A device that proved to hold its key.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedDevice {
    pub id: DeviceId,
    pub key: PublicKey,
}

/// What is wrong with a device's proof, checked in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceProblem {
    PublicKey,
    IdMismatch,
    /// The device's clock differs by so many milliseconds (REL-024).
    SignatureExpired {
        skew_ms: u64,
    },
    NonceMissing,
    NonceMismatch,
    Signature,
}

impl DeviceProblem {
    /// Message and close reason, `details.code`, `details.reason`: the reference's.
    pub(crate) const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::PublicKey => ("device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key"),
            Self::IdMismatch => ("device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch"),
            Self::SignatureExpired { .. } => {
                ("device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale")
            }
            Self::NonceMissing => ("device nonce required", "DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing"),
            Self::NonceMismatch => ("device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch"),
            Self::Signature => ("device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID", "device-signature"),
        }
    }
}

/// Verifies a device's proof against this connection's nonce.
pub(crate) fn verify(
    params: &ConnectParams,
    proof: &DeviceProof,
    role: Role,
    nonce: &str,
    now_ms: u64,
) -> Result<VerifiedDevice, DeviceProblem> {
    let key = PublicKey::parse(&proof.public_key);
    let id = match &key {
        Ok(key) => key.device_id(),
        // The reference derives the id first, so a key that is none shows as an id that does not match.
        Err(_) if proof.id.len() != 64 => return Err(DeviceProblem::IdMismatch),
        Err(_) => return Err(DeviceProblem::PublicKey),
    };
    let Ok(key) = key else { return Err(DeviceProblem::PublicKey) };
    if id.as_str() != proof.id {
        return Err(DeviceProblem::IdMismatch);
    }
    let skew_ms = now_ms.abs_diff(proof.signed_at);
    if skew_ms > SIGNATURE_SKEW_MS {
        return Err(DeviceProblem::SignatureExpired { skew_ms });
    }
    if proof.nonce.trim().is_empty() {
        return Err(DeviceProblem::NonceMissing);
    }
    if proof.nonce != nonce {
        return Err(DeviceProblem::NonceMismatch);
    }
    if verify_connect(params, proof, role, &key).is_none() {
        return Err(DeviceProblem::Signature);
    }
    Ok(VerifiedDevice { id, key })
}

#[cfg(test)]
mod tests {
    use openclaw_identity::{DeviceKey, sign_connect};

    use super::*;

    const NOW: u64 = 1_000_000;

    fn signed() -> ConnectParams {
        let mut params = ConnectParams { min_protocol: 3, max_protocol: 4, ..ConnectParams::default() };
        sign_connect(&mut params, &DeviceKey::from_seed(&[5; 32]), Role::Node, "nonce", NOW);
        params
    }

    fn check(change: impl FnOnce(&mut DeviceProof), expected: Option<DeviceProblem>) {
        let params = signed();
        let mut proof = params.device.clone().unwrap();
        change(&mut proof);
        assert_eq!(verify(&params, &proof, Role::Node, "nonce", NOW).err(), expected);
    }

    #[test]
    fn sec_036_each_field_of_the_proof_has_its_own_refusal() {
        check(|_| {}, None);
        check(|p| p.id.replace_range(0..1, "z"), Some(DeviceProblem::IdMismatch));
        check(|p| p.public_key = "x".into(), Some(DeviceProblem::PublicKey));
        check(|p| p.signed_at = NOW - 120_001, Some(DeviceProblem::SignatureExpired { skew_ms: 120_001 }));
        check(|p| p.nonce = "  ".into(), Some(DeviceProblem::NonceMissing));
        check(|p| p.nonce = "captured".into(), Some(DeviceProblem::NonceMismatch));
        check(|p| p.signature = "AAAA".into(), Some(DeviceProblem::Signature));
    }
}
