//! The matching code: the same few characters on the device's screen and on the approver's (promises P2, P9).

use sha2::{Digest, Sha256};

use crate::key::PublicKey;

/// Characters that are not mistaken for each other when read aloud or typed.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Code length: 8 characters of 5 bits are 40 bits, too many to search for a colliding key while a person waits.
const LENGTH: usize = 8;

/// The code of a pairing request, such as `7KQ2-M9XD`.
///
/// Both ends work it out by themselves from both public keys and the request id, so it differs when somebody stands
/// between them.
pub fn matching_code(gateway: &PublicKey, device: &PublicKey, request_id: &str) -> String {
    let digest = Sha256::new()
        .chain_update(b"openclaw-matching-code-v1\0")
        .chain_update(gateway.as_bytes())
        .chain_update(device.as_bytes())
        .chain_update(request_id.as_bytes())
        .finalize();
    let mut code = String::with_capacity(LENGTH + 1);
    for (at, byte) in digest.iter().take(LENGTH).enumerate() {
        if at == LENGTH / 2 {
            code.push('-');
        }
        code.push(ALPHABET.get(usize::from(byte % 32)).copied().map_or('?', char::from));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::DeviceKey;

    #[test]
    fn the_code_depends_on_both_keys_and_the_request() {
        let [a, b] = [[1; 32], [2; 32]].map(|seed| DeviceKey::from_seed(&seed).public());
        let code = matching_code(&a, &b, "r1");
        assert_eq!(code.len(), 9);
        assert_eq!(code, matching_code(&a, &b, "r1"));
        assert_ne!(code, matching_code(&b, &a, "r1"));
        assert_ne!(code, matching_code(&a, &b, "r2"));
    }
}
