// What each fuzz target does with a handful of bytes. The ordinary tests call the same functions for every committed
// file (crates/testkit/tests/it/corpora.rs), so a crash that was once found is looked for in every run.
//
// Each function asserts what must hold for any input, beyond not panicking.

use openclaw_identity::{ConnectPayload, PayloadVersion, PublicKey, verify_connect};
use openclaw_protocol::{connect::ConnectParams, frame, scope::Role, setup_code::SetupCode};
use serde_json::value::RawValue;

/// A frame that a stranger sends: it is refused, or it is a request that a server can route and answer.
pub(crate) fn frame(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(request) = frame::decode(text) {
        assert!(!request.id.is_empty() && !request.method.is_empty(), "a request without id or method was accepted");
        serde_json::from_str::<&RawValue>(request.params()).expect("the params of an accepted request are JSON");
        assert!(!frame::too_deep(text), "a request that nests too deeply was accepted");
    }
    // What a gateway sends is decoded by clients with the lenient reader.
    drop(serde_json::from_str::<frame::Incoming>(text));
}

/// The params of a connect: what is accepted means the same after being written and read again.
pub(crate) fn connect_params(data: &[u8]) {
    let Ok(mut params) = serde_json::from_slice::<ConnectParams>(data) else { return };
    // Free-form members may hold numbers that lose their last digit on the way; nobody reads them.
    (params.computer_use, params.worker_runs, params.model_catalog) = (None, None, None);
    let written = serde_json::to_value(&params).expect("accepted params can be written");
    let again: ConnectParams = serde_json::from_value(written.clone()).expect("written params are accepted");
    assert_eq!(serde_json::to_value(&again).expect("accepted params can be written"), written);
    assert_eq!(again.problem(), params.problem());
    let Some(auth) = &params.auth else { return };
    let debugged = format!("{auth:?}");
    let secrets = [&auth.token, &auth.password, &auth.bootstrap_token, &auth.device_token];
    for secret in secrets.into_iter().flatten().filter(|secret| secret.len() > 64) {
        assert!(!debugged.contains(secret.as_str()), "Debug shows a credential");
    }
}

/// A setup code that a person pastes: what is accepted is the same code after being written and read again.
pub(crate) fn setup_code(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(code) = SetupCode::decode(text) {
        let again = SetupCode::decode(&code.encode()).expect("our own code is accepted");
        assert_eq!(again.encode(), code.encode());
        assert!(!code.candidates().is_empty(), "a code without an address was accepted");
    }
}

/// A configuration file that a person edits: what is accepted is a JSON document.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(value) = openclaw_config::parse_str(text) {
        let written = serde_json::to_string(&value).expect("an accepted document can be written");
        let again = openclaw_config::parse_str(&written).expect("written JSON is JSON5");
        assert_eq!(again.is_object(), value.is_object());
    }
}

/// The text that a device signs: it is made for any accepted params, and no made-up signature fits it.
pub(crate) fn payload(data: &[u8]) {
    let Ok(params) = serde_json::from_slice::<ConnectParams>(data) else { return };
    let Some(proof) = &params.device else { return };
    for role in [Role::Operator, Role::Node] {
        let payload = ConnectPayload::of(&params, proof, role);
        assert!(payload.text(PayloadVersion::V3).starts_with("v3|"));
        assert!(payload.text(PayloadVersion::V2).starts_with("v2|"));
        if let Ok(key) = PublicKey::parse(&proof.public_key) {
            let verified = verify_connect(&params, proof, role, &key);
            // The one signature in the corpora that a real key made is over an operator's v3 text.
            assert!(verified.is_none() || (verified, role) == (Some(PayloadVersion::V3), Role::Operator));
        }
    }
}
