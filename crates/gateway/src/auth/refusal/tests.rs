use super::*;

fn about(dialect: Dialect) -> About<'static> {
    About {
        gateway_name: "studio",
        instance_id: "0b9e4d55-9a0e-4f1f-8c2b-7d107f3c1a52",
        dialect,
        client: None,
        device_id: Some("8e04aeb8"),
        may_try_device_token: true,
        direct_local: false,
        wider_origins: None,
    }
}

fn every_refusal() -> Vec<Refusal> {
    let request_id = RequestId::new("7f3c1a52-0b9e-4d55-9a0e-3f1f6c2b7d10");
    let mut all = vec![
        Refusal::ProtocolMismatch { client_min: 1, client_max: 2 },
        Refusal::Params("must have required property 'client'".into()),
        Refusal::Role,
        Refusal::Origin(OriginError::Missing),
        Refusal::Origin(OriginError::NotAllowed),
        Refusal::DeviceRequired { control_ui: true },
        Refusal::DeviceRequired { control_ui: false },
        Refusal::Rejected { request_id: request_id.clone() },
        Refusal::Quota,
        Refusal::State("disk".into()),
    ];
    all.extend(
        [
            DeviceProblem::PublicKey,
            DeviceProblem::IdMismatch,
            DeviceProblem::SignatureExpired { skew_ms: 300_000 },
            DeviceProblem::NonceMissing,
            DeviceProblem::NonceMismatch,
            DeviceProblem::Signature,
        ]
        .map(Refusal::Device),
    );
    all.extend(
        [
            AuthFailure::TokenMissing,
            AuthFailure::TokenMismatch,
            AuthFailure::TokenNotConfigured,
            AuthFailure::PasswordMissing,
            AuthFailure::PasswordMismatch,
            AuthFailure::PasswordNotConfigured,
            AuthFailure::BootstrapInvalid,
            AuthFailure::RateLimited { retry_after_ms: 300_000 },
            AuthFailure::Proxy(ProxyFailure::NotConfigured),
            AuthFailure::Proxy(ProxyFailure::UntrustedSource),
        ]
        .map(Refusal::Unauthorized),
    );
    for reason in
        [Reason::NotPaired, Reason::RoleUpgrade, Reason::ScopeUpgrade, Reason::MetadataUpgrade, Reason::SurfaceUpgrade]
    {
        all.push(Refusal::Pairing(Box::new(PairingNeeded {
            request_id: request_id.clone(),
            reason,
            role: Role::Node,
            scopes: ScopeSet::none(),
            approved_roles: vec![],
            approved_scopes: ScopeSet::none(),
            matching_code: "7KQ2-M9XD".into(),
        })));
    }
    all
}

#[test]
fn p6_every_refusal_names_its_cause_the_gateway_and_the_fix() {
    for dialect in [Dialect::V3, Dialect::V4] {
        for refusal in every_refusal() {
            let Rendered { error, close_reason, fix, .. } = refusal.render(&about(dialect));
            assert!(!fix.is_empty() && error.message.contains(&fix), "{refusal:?}");
            assert!(error.message.contains("studio") && error.message.contains("0b9e4d55"), "{refusal:?}");
            assert_eq!(error.detail("fix"), Some(fix.as_str()), "{refusal:?}");
            assert_eq!(error.details.unwrap()["gateway"]["name"], "studio", "{refusal:?}");
            assert!(!close_reason.is_empty() && close_reason.len() <= 120, "{refusal:?}");
        }
    }
}

#[test]
fn phrases_that_official_clients_search_for_are_kept() {
    for (refusal, phrase) in every_refusal().into_iter().filter_map(|refusal| {
        let phrase = match &refusal {
            Refusal::Pairing(_) => "pairing required",
            Refusal::ProtocolMismatch { .. } => "protocol mismatch",
            Refusal::Unauthorized(_) => "unauthorized",
            _ => return None,
        };
        Some((refusal, phrase))
    }) {
        for dialect in [Dialect::V3, Dialect::V4] {
            let rendered = refusal.render(&about(dialect));
            assert!(
                rendered.error.message.starts_with(phrase) && rendered.close_reason.starts_with(phrase),
                "{refusal:?}"
            );
        }
    }
}
