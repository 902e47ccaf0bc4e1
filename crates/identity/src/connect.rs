//! The text that a device signs when it connects.

use openclaw_protocol::{
    connect::{ConnectParams, DeviceProof},
    scope::Role,
};

use crate::key::{DeviceKey, PublicKey};

/// Which text was signed. v2 leaves platform and device family out; both releases accept both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadVersion {
    /// Nine fields.
    V2,
    /// Eleven fields.
    V3,
}

/// What goes into the signed text. Fields are joined by `|` without escaping.
#[derive(Clone, Copy, Debug)]
pub struct ConnectPayload<'a> {
    pub device_id: &'a str,
    pub client_id: &'a str,
    pub client_mode: &'a str,
    /// The effective role.
    pub role: Role,
    /// In the order of the request.
    pub scopes: &'a [String],
    pub signed_at_ms: u64,
    /// The credential that is sent, see `ConnectAuth::signed_token`.
    pub token: &'a str,
    pub nonce: &'a str,
    pub platform: &'a str,
    pub device_family: &'a str,
}

impl<'a> ConnectPayload<'a> {
    /// The payload of these params with this proof.
    pub fn of(params: &'a ConnectParams, proof: &'a DeviceProof, role: Role) -> Self {
        Self {
            device_id: &proof.id,
            client_id: &params.client.id,
            client_mode: &params.client.mode,
            role,
            scopes: &params.scopes,
            signed_at_ms: proof.signed_at,
            token: params.auth.as_ref().map_or("", |auth| auth.signed_token()),
            nonce: &proof.nonce,
            platform: &params.client.platform,
            device_family: params.client.device_family.as_deref().unwrap_or_default(),
        }
    }

    /// The text of that version.
    pub fn text(&self, version: PayloadVersion) -> String {
        let Self { device_id, client_id, client_mode, role, signed_at_ms, token, nonce, .. } = self;
        let scopes = self.scopes.join(",");
        let common = format!("{device_id}|{client_id}|{client_mode}|{role}|{scopes}|{signed_at_ms}|{token}|{nonce}");
        match version {
            PayloadVersion::V2 => format!("v2|{common}"),
            PayloadVersion::V3 => {
                let plain = |text: &str| text.trim().to_ascii_lowercase();
                format!("v3|{common}|{}|{}", plain(self.platform), plain(self.device_family))
            }
        }
    }
}

/// Signs `params` for this challenge and puts the proof into them.
pub fn sign_connect(params: &mut ConnectParams, key: &DeviceKey, role: Role, nonce: &str, signed_at_ms: u64) {
    let mut proof = DeviceProof {
        id: key.device_id().into(),
        public_key: key.public().to_wire(),
        signature: String::new(),
        signed_at: signed_at_ms,
        nonce: nonce.to_owned(),
    };
    let text = ConnectPayload::of(params, &proof, role).text(PayloadVersion::V3);
    proof.signature = key.sign(&text);
    params.device = Some(proof);
}

/// Which of the two texts the signature is over; `None` when it is over neither.
pub fn verify_connect(
    params: &ConnectParams,
    proof: &DeviceProof,
    role: Role,
    key: &PublicKey,
) -> Option<PayloadVersion> {
    let payload = ConnectPayload::of(params, proof, role);
    [PayloadVersion::V3, PayloadVersion::V2]
        .into_iter()
        .find(|version| key.verifies(&payload.text(*version), &proof.signature))
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::connect::{ClientInfo, ConnectAuth};
    use proptest::prelude::*;

    use super::*;

    fn params() -> ConnectParams {
        ConnectParams {
            min_protocol: 3,
            max_protocol: 3,
            client: ClientInfo {
                id: "cli".into(),
                version: "2026.3.13".into(),
                platform: "linux".into(),
                mode: "cli".into(),
                ..ClientInfo::default()
            },
            scopes: ["admin", "read", "write", "approvals", "pairing"].map(|s| format!("operator.{s}")).to_vec(),
            auth: Some(ConnectAuth { token: Some("t0ken".into()), ..ConnectAuth::default() }),
            ..ConnectParams::default()
        }
    }

    #[test]
    fn the_vector_that_a_real_gateway_accepted_verifies() {
        let mut params = params();
        let proof = DeviceProof {
            id: "8e04aeb836ae70322640bbed20e01b880fb80c28bbc132409d4229929ce92aca".into(),
            public_key: "A1xWS7jLj6vL99sbZ62GMJa67gblhNr3MDJUi77V1yY".into(),
            signature: "_TSoyKZONeRkCTY4q_HhHk9YloTgofe9H7fOa7AU-DQOiqqwg_tkjeV1HlG2m7AqqpiX79d-OoGjrNga14yCBw".into(),
            signed_at: 1_795_329_842_366,
            nonce: "6200fc9c-c288-44a8-a0b7-51123237de2b".into(),
        };
        let key = PublicKey::parse(&proof.public_key).unwrap();
        assert_eq!(key.device_id().as_str(), proof.id);
        assert_eq!(verify_connect(&params, &proof, Role::Operator, &key), Some(PayloadVersion::V3));
        params.client.platform = "darwin".into();
        assert_eq!(verify_connect(&params, &proof, Role::Operator, &key), None);
    }

    #[test]
    fn sec_036_every_signed_field_matters() {
        let key = DeviceKey::from_seed(&[3; 32]);
        let mut signed = params();
        sign_connect(&mut signed, &key, Role::Operator, "nonce", 5);
        let proof = signed.device.clone().unwrap();
        let verify = |params: &ConnectParams, proof: &DeviceProof, role| {
            verify_connect(params, proof, role, &key.public()).is_some()
        };
        assert!(verify(&signed, &proof, Role::Operator));
        assert!(!verify(&signed, &proof, Role::Node));
        let changes: [fn(&mut ConnectParams, &mut DeviceProof); 7] = [
            |p, _| p.client.id = "node-host".into(),
            |p, _| p.client.mode = "ui".into(),
            |p, _| p.scopes.truncate(1),
            |p, _| p.auth = None,
            |p, _| p.client.device_family = Some("Mac".into()),
            |_, d| d.nonce = "other".into(),
            |_, d| d.signed_at += 1,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let (mut params, mut proof) = (signed.clone(), proof.clone());
            change(&mut params, &mut proof);
            assert!(!verify(&params, &proof, Role::Operator), "change {at}");
        }
    }

    #[test]
    fn a_v2_signature_is_accepted_and_told_apart() {
        let key = DeviceKey::from_seed(&[3; 32]);
        let mut params = params();
        sign_connect(&mut params, &key, Role::Operator, "nonce", 5);
        let mut proof = params.device.clone().unwrap();
        proof.signature = key.sign(&ConnectPayload::of(&params, &proof, Role::Operator).text(PayloadVersion::V2));
        assert_eq!(verify_connect(&params, &proof, Role::Operator, &key.public()), Some(PayloadVersion::V2));
    }

    proptest! {
        #[test]
        fn no_signature_text_makes_verifying_panic(signature in any::<String>(), key in any::<String>()) {
            let proof = DeviceProof { signature, ..DeviceProof::default() };
            let own = DeviceKey::from_seed(&[1; 32]).public();
            prop_assert!(verify_connect(&params(), &proof, Role::Node, &own).is_none());
            prop_assert!(PublicKey::parse(&key).is_err() || key.len() >= 43);
        }
    }
}
