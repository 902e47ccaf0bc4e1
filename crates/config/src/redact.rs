//! Hiding secrets in what is shown, and putting them back in what is written (SEC-075).

use serde_json::{Map, Value, json};

use crate::{
    json5::{self, Kind, Node, Span},
    key_path::KeyPath,
    load::Snapshot,
    secret_ref::SecretRef,
    substitute,
};

/// Stands for a secret in everything that is shown. Written back, it means "as it was".
pub const MARKER: &str = "__OPENCLAW_REDACTED__";

/// Ends of key names (lower case, without `_` and `-`) whose values are secrets.
const SENSITIVE_ENDS: [&str; 16] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "privatekey",
    "accesskey",
    "secretkey",
    "authkey",
    "credential",
    "credentials",
    "authorization",
    "serviceaccount",
    "encryptkey",
    "sessionkey",
];

/// Keys of objects whose every text is taken for a secret: nobody can tell from a variable's or header's name.
const SENSITIVE_MAPS: [&str; 3] = ["env", "headers", "vars"];

/// A marker that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("{path} holds the redaction marker, but there is no value that it could stand for; write the value itself")]
    NothingToRestore { path: String },
    #[error("{path} holds the redaction marker inside other text; write the whole value")]
    InsideText { path: String },
}

/// True for keys whose values are secrets: `token`, `botToken`, `apiKey`, `OPENAI_API_KEY` and the like.
/// `maxTokens` and `tokenFile` are none.
pub fn is_sensitive_key(key: &str) -> bool {
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    SENSITIVE_ENDS.iter().any(|end| plain.ends_with(end))
}

/// The value with every secret replaced by [`MARKER`]. References to secrets (`{source, provider, id}`, `${NAME}`)
/// stay: they say where a secret is, not what it is.
pub fn redact(value: &Value) -> Value {
    redact_below(value, Reach::Keys)
}

/// The text of a file with every secret replaced. A text that does not parse is withheld as a whole, for nobody can
/// tell where its secrets are.
pub fn redact_text(text: &str) -> String {
    if text.trim().is_empty() {
        return text.to_owned();
    }
    let Ok(document) = json5::parse(text) else { return MARKER.to_owned() };
    let mut spans: Vec<Span> = Vec::new();
    let mut secrets: Vec<String> = Vec::new();
    collect(&document.root, Reach::Keys, &mut spans, &mut secrets);
    let mut shown = text.to_owned();
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    for span in spans {
        if shown.get(span.clone()).is_some() {
            shown.replace_range(span, &format!("\"{MARKER}\""));
        }
    }
    // The same secret may stand in a comment.
    secrets.retain(|secret| secret.len() >= 8);
    secrets.iter().fold(shown, |shown, secret| shown.replace(secret.as_str(), MARKER))
}

/// Puts the values of `current` in place of markers in `next`: at the same path, in arrays of objects at the same
/// `id`.
///
/// # Errors
/// A marker where `current` has nothing, or inside other text.
pub fn restore(next: &Value, current: &Value) -> Result<Value, RestoreError> {
    restore_at(next, Some(current), &KeyPath::root())
}

/// What `config.get` answers: the snapshot without secrets (protocol.md §8.4).
pub fn snapshot_json(snapshot: &Snapshot) -> Value {
    let config = redact(&snapshot.resolved);
    json!({
        "path": snapshot.path,
        "exists": snapshot.exists,
        "raw": redact_text(&snapshot.raw),
        "parsed": redact(&snapshot.parsed),
        "resolved": config,
        "valid": snapshot.is_valid(),
        "config": config,
        "hash": snapshot.hash,
        "issues": snapshot.issues,
        "warnings": snapshot.warnings,
        "legacyIssues": snapshot.legacy_issues,
        "includedPaths": snapshot.included_paths,
    })
}

/// What is a secret below a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// What a key's name says.
    Keys,
    /// Every text, and every number.
    All,
}

impl Reach {
    fn below(self, key: &str) -> Self {
        let map = SENSITIVE_MAPS.contains(&key);
        if self == Self::All || map || is_sensitive_key(key) { Self::All } else { Self::Keys }
    }
}

fn redact_below(value: &Value, reach: Reach) -> Value {
    match value {
        Value::String(text) if is_secret_text(text, reach) => Value::from(MARKER),
        Value::Number(_) if reach == Reach::All => Value::from(MARKER),
        Value::Array(items) => Value::Array(items.iter().map(|item| redact_below(item, reach)).collect()),
        Value::Object(map) if SecretRef::from_value(value).is_none() => {
            let entries = map.iter().map(|(key, child)| (key.clone(), redact_below(child, child_reach(reach, key))));
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}

/// `env.shellEnv` holds switches and limits, no variables.
fn child_reach(reach: Reach, key: &str) -> Reach {
    if key == "shellEnv" { Reach::Keys } else { reach.below(key) }
}

fn is_secret_text(text: &str, reach: Reach) -> bool {
    if text.is_empty() || substitute::is_reference(text) {
        return false;
    }
    reach == Reach::All || has_password_in_url(text)
}

/// `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn collect(node: &Node, reach: Reach, spans: &mut Vec<Span>, secrets: &mut Vec<String>) {
    match &node.kind {
        Kind::String(text) if is_secret_text(text, reach) => {
            spans.push(node.span.clone());
            secrets.push(text.clone());
        }
        Kind::Number(number) if reach == Reach::All => {
            spans.push(node.span.clone());
            secrets.push(number.to_string());
        }
        Kind::Array(items) => items.iter().for_each(|item| collect(item, reach, spans, secrets)),
        Kind::Object(members) if SecretRef::from_value(&node.to_value()).is_none() => {
            for member in members {
                collect(&member.value, child_reach(reach, &member.key), spans, secrets);
            }
        }
        _ => {}
    }
}

fn restore_at(next: &Value, current: Option<&Value>, path: &KeyPath) -> Result<Value, RestoreError> {
    match next {
        Value::String(text) if text == MARKER => {
            current.cloned().ok_or_else(|| RestoreError::NothingToRestore { path: path.to_string() })
        }
        Value::String(text) if text.contains(MARKER) => Err(RestoreError::InsideText { path: path.to_string() }),
        Value::Object(map) => {
            let mut restored = Map::with_capacity(map.len());
            for (key, child) in map {
                let below = current.and_then(|value| value.get(key));
                restored.insert(key.clone(), restore_at(child, below, &path.key(key))?);
            }
            Ok(Value::Object(restored))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| restore_at(item, counterpart(item, index, current), &path.index(index)))
            .collect(),
        other => Ok(other.clone()),
    }
}

/// The element of the current array that `item` is about: the one with its `id`, else the one at its place.
fn counterpart<'v>(item: &Value, index: usize, current: Option<&'v Value>) -> Option<&'v Value> {
    let items = current?.as_array()?;
    match item.get("id") {
        Some(id) => items.iter().find(|candidate| candidate.get("id") == Some(id)),
        None => items.get(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_that_look_alike() {
        for key in [
            "token",
            "botToken",
            "apiKey",
            "OPENAI_API_KEY",
            "webhook_secret",
            "gatewayPassword",
            "private-key",
            "ownerDisplaySecret",
            "Authorization",
        ] {
            assert!(is_sensitive_key(key), "{key}");
        }
        for key in ["maxTokens", "tokenFile", "passwordFile", "contextTokens", "key", "secretsDir", "author", "monkey"]
        {
            assert!(!is_sensitive_key(key), "{key}");
        }
    }

    #[test]
    fn sec_075_secrets_become_markers_and_references_stay() {
        let shown = redact(&json!({
            "gateway": {"auth": {"token": "abc", "password": 123_456, "mode": "token"}, "port": 1},
            "models": {"providers": {"x": {"apiKey": {"source": "env", "provider": "default", "id": "K"}, "headers": {"X-Any": "abc"}}}},
            "env": {"vars": {"FOO": "abc"}, "BAR": "abc", "shellEnv": {"enabled": true, "timeoutMs": 5}},
            "hooks": {"token": "${HOOK}"},
            "browser": {"cdpUrl": "http://me:abc@host:1/x"},
            "list": [{"secret": ["abc", {"deep": "abc"}]}],
        }));
        assert!(!shown.to_string().contains("abc") && !shown.to_string().contains("123456"));
        assert_eq!(shown["models"]["providers"]["x"]["apiKey"]["id"], "K");
        assert_eq!(shown["hooks"]["token"], "${HOOK}");
        assert_eq!(shown["gateway"]["auth"]["mode"], "token");
        assert_eq!(shown["env"]["shellEnv"]["timeoutMs"], 5);
    }

    #[test]
    fn sec_075_the_text_of_a_file_is_shown_without_its_secrets_also_in_comments() {
        let text = "{ // was hunter2hunter2\n  gateway: {auth: {token: 'hunter2hunter2'}}, // keep\n}";
        let shown = redact_text(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("// keep"));
        assert_eq!(redact_text("{token: 'abc'"), MARKER);
    }

    #[test]
    fn sec_075_a_marker_written_back_keeps_the_secret() {
        let current = json!({"a": {"token": "${T}"}, "list": [{"id": "x", "apiKey": "1"}, {"id": "y", "apiKey": "2"}]});
        let next = json!({"a": {"token": MARKER, "mode": "m"}, "list": [{"id": "y", "apiKey": MARKER}]});
        let restored = restore(&next, &current).unwrap();
        assert_eq!(restored, json!({"a": {"token": "${T}", "mode": "m"}, "list": [{"id": "y", "apiKey": "2"}]}));
        assert_eq!(restore(&redact(&restored), &restored), Ok(restored));
    }

    #[test]
    fn sec_075_a_marker_that_stands_for_nothing_is_refused() {
        let refused =
            |next: Value| restore(&next, &json!({"a": 1, "list": [{"id": "x", "k": 1}]})).unwrap_err().to_string();
        assert!(refused(json!({"b": MARKER})).starts_with("b holds the redaction marker"));
        assert!(refused(json!({"a": format!("Bearer {MARKER}")})).contains("inside other text"));
        assert!(refused(json!({"list": [{"id": "z", "k": MARKER}]})).starts_with("list[0].k"));
    }
}
