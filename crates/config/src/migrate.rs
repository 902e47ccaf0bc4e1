//! Keys of earlier releases, moved to where they belong now (cli.md §3.6).

use serde::Serialize;
use serde_json::{Map, Value};

/// A key that an earlier release wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacyIssue {
    pub path: String,
    pub message: String,
}

/// Moves legacy keys of the gateway in place, and says which. Loading does this in memory;
/// [`crate::change::Change::Migrate`] writes it down.
pub(crate) fn migrate(root: &mut Value) -> Vec<LegacyIssue> {
    let mut found = Vec::new();
    let Some(gateway) = root.get_mut("gateway").and_then(Value::as_object_mut) else { return found };
    if let Some(token) = gateway.shift_remove("token") {
        found.push(LegacyIssue {
            path: "gateway.token".to_owned(),
            message: "gateway.token is now gateway.auth.token (moved on load)".to_owned(),
        });
        let auth = gateway.entry("auth").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(auth) = auth {
            auth.entry("token").or_insert(token);
        }
    }
    if let Some(Value::String(bind)) = gateway.get_mut("bind")
        && let Some(mode) = bind_mode(bind)
    {
        found.push(LegacyIssue {
            path: "gateway.bind".to_owned(),
            message: format!("gateway.bind takes a mode instead of a host name; read as \"{mode}\""),
        });
        mode.clone_into(bind);
    }
    found
}

/// The mode that a host name in `gateway.bind` meant.
fn bind_mode(host: &str) -> Option<&'static str> {
    match host.trim().to_ascii_lowercase().as_str() {
        "0.0.0.0" | "::" | "[::]" | "*" => Some("lan"),
        "127.0.0.1" | "localhost" | "::1" | "[::1]" => Some("loopback"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut before: Value, after: &Value, moved: usize) {
        assert_eq!(migrate(&mut before).len(), moved);
        assert_eq!(before, *after);
    }

    #[test]
    fn legacy_keys_move_and_never_overwrite_the_present_ones() {
        check(json!({"gateway": {"token": "t"}}), &json!({"gateway": {"auth": {"token": "t"}}}), 1);
        check(
            json!({"gateway": {"token": "old", "auth": {"token": "new"}}}),
            &json!({"gateway": {"auth": {"token": "new"}}}),
            1,
        );
        check(json!({"gateway": {"bind": "0.0.0.0"}}), &json!({"gateway": {"bind": "lan"}}), 1);
        check(json!({"gateway": {"bind": "localhost"}}), &json!({"gateway": {"bind": "loopback"}}), 1);
        check(json!({"gateway": {"bind": "lan"}}), &json!({"gateway": {"bind": "lan"}}), 0);
        check(json!({"gateway": {"bind": "10.0.0.1"}}), &json!({"gateway": {"bind": "10.0.0.1"}}), 0);
        check(json!([]), &json!([]), 0);
    }
}
