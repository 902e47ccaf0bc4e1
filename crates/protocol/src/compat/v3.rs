//! What a 2026.3 peer expects where it differs from 2026.9 (protocol.md §§2.2, 7.3).

use serde_json::Value;

use crate::error::{ErrorShape, code, detail};

/// An error as a v3 peer knows it: there is no `FORBIDDEN`, and a missing scope carries no details.
#[must_use]
pub fn error(mut error: ErrorShape) -> ErrorShape {
    if error.code == code::FORBIDDEN {
        code::INVALID_REQUEST.clone_into(&mut error.code);
        if error.detail_code() == Some(detail::MISSING_SCOPE) {
            error.details = None;
        }
    }
    // v3 reports a node that went away without a node error (protocol.md §7.3).
    if let Some(command) = error.message.strip_prefix("DISCONNECTED: ").map(str::to_owned) {
        error.message = format!("Error: {command}");
        error.details = None;
    }
    error
}

/// An event's payload as a v3 peer knows it.
pub fn event_payload(event: &str, mut payload: Value) -> Value {
    let Some(members) = payload.as_object_mut() else { return payload };
    let expected = match event {
        "shutdown" => "restartExpectedMs",
        "node.invoke.request" => "paramsJSON",
        _ => return payload,
    };
    members.entry(expected).or_insert(Value::Null);
    payload
}

/// The platform name that 2026.3 clients use for a canonical one.
pub fn platform(canonical: &str) -> &str {
    match canonical {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_scope_is_an_invalid_request_in_v3() {
        let old = error(ErrorShape::missing_scope("operator.read"));
        assert_eq!((old.code.as_str(), old.message.as_str()), ("INVALID_REQUEST", "missing scope: operator.read"));
        assert_eq!(old.details, None);
    }

    #[test]
    fn members_that_v3_writes_as_null_are_there() {
        assert_eq!(
            event_payload("shutdown", json!({"reason": "x"})),
            json!({"reason": "x", "restartExpectedMs": null})
        );
        assert_eq!(event_payload("tick", json!({"ts": 1})), json!({"ts": 1}));
    }
}
