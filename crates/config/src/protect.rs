//! Keys that decide what others may do. Only an admin connection may change them, never a tool call of a model
//! (SEC-076).

use serde_json::Value;

use crate::{diff::changed_paths, key_path::KeyPath};

/// Protected places in lower case; `*` stands for any one step.
const PROTECTED: &[&str] = &[
    "gateway",
    "tools",
    "approvals",
    "secrets",
    "plugins",
    "hooks",
    "env",
    "commands",
    "nodehost",
    "auth",
    "$include",
    "agents.*.tools",
    "agents.*.*.tools",
    "agents.*.sandbox",
    "agents.*.*.sandbox",
    "agents.*.elevateddefault",
    "agents.*.workspace",
    "agents.*.*.workspace",
    "agents.*.clibackends",
    "agents.*.*.subagents",
    "skills.load",
    "skills.install",
    "browser.ssrfpolicy",
    "browser.evaluateenabled",
    "browser.executablepath",
    "browser.extraargs",
    "browser.nosandbox",
    "models.providers.*.baseurl",
    "channels.*.dmpolicy",
    "channels.*.grouppolicy",
    "channels.*.allowfrom",
    "channels.*.configwrites",
    "acp",
    "mcp",
];

/// The protected paths that differ between two configurations.
///
/// The values are compared, not the words of a request, so no spelling of a path (index, wildcard, quotes, case) gets
/// around it.
pub fn protected_changes(before: &Value, after: &Value) -> Vec<KeyPath> {
    let mut found = Vec::new();
    for path in changed_paths(before, after) {
        collect(&path, path.get(before), path.get(after), &mut found);
    }
    found
}

/// True if the path is protected, or lies below a protected one.
pub fn is_protected(path: &KeyPath) -> bool {
    let dotted = path.dotted().to_lowercase();
    let steps: Vec<&str> = dotted.split('.').map(str::trim).collect();
    steps.contains(&"$include")
        || PROTECTED.iter().any(|pattern| {
            let pattern: Vec<&str> = pattern.split('.').collect();
            steps.len() >= pattern.len() && pattern.iter().zip(&steps).all(|(want, step)| *want == "*" || want == step)
        })
}

/// Goes down both sides of a change, for a whole object or array may carry a protected key in or out.
fn collect(path: &KeyPath, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<KeyPath>) {
    if before == after {
        return;
    }
    if is_protected(path) {
        found.push(path.clone());
        return;
    }
    let keys = [before, after].into_iter().flatten().filter_map(Value::as_object).flat_map(|map| map.keys());
    let mut seen: Vec<&String> = Vec::new();
    for key in keys {
        if !seen.contains(&key) {
            seen.push(key);
            let child = |side: Option<&Value>| side.and_then(|value| value.get(key)).cloned();
            collect(&path.key(key), child(before).as_ref(), child(after).as_ref(), found);
        }
    }
    let items = |side: Option<&Value>| side.and_then(Value::as_array).cloned().unwrap_or_default();
    let (old, new) = (items(before), items(after));
    for index in 0..old.len().max(new.len()) {
        collect(&path.index(index), old.get(index), new.get(index), found);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::edit;

    fn base() -> Value {
        json!({
            "gateway": {"auth": {"token": "t"}},
            "agents": {"list": [{"id": "main", "name": "M", "tools": {"exec": {"security": "deny"}}}], "defaults": {"sandbox": {"mode": "all"}}},
            "messages": {"ackReaction": "x"},
        })
    }

    fn changes(after: &Value) -> Vec<String> {
        protected_changes(&base(), after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sec_076_a_protected_leaf_is_found_however_it_is_reached() {
        let mut after = base();
        edit::merge_patch(&mut after, &json!({"agents": {"list": [{"id": "main", "name": "N"}]}, "messages": null}))
            .unwrap();
        assert_eq!(changes(&after), Vec::<String>::new());
        for patch in [
            json!({"agents": {"list": [{"id": "main", "tools": {"exec": {"security": "full"}}}]}}),
            json!({"agents": {"list": []}}),
            json!({"agents": null}),
            json!({"agents": {"list": [{"id": "other", "sandbox": {"mode": "off"}}]}}),
            json!({"agents": {"defaults": {"sandbox": null}}}),
            json!({"gateway": {"auth": {"mode": "none"}}}),
            json!({"messages": {"$include": "x.json"}}),
        ] {
            let mut after = base();
            edit::merge_patch(&mut after, &patch).unwrap();
            assert!(!changes(&after).is_empty(), "{patch}");
        }
    }

    fn any_patch() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), Just(json!("full")), Just(json!("x")), Just(json!(1))];
        leaf.prop_recursive(4, 16, 3, |inner| {
            let key = prop_oneof![
                Just("agents"),
                Just("list"),
                Just("defaults"),
                Just("tools"),
                Just("exec"),
                Just("security"),
                Just("sandbox"),
                Just("mode"),
                Just("id"),
                Just("name"),
                Just("messages"),
                Just("gateway"),
                Just("auth"),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec((key.prop_map(str::to_owned), inner), 0..3)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn sec_076_no_sequence_of_admitted_patches_changes_a_protected_leaf(patches in prop::collection::vec(any_patch(), 1..6)) {
            let mut current = base();
            for patch in patches {
                let mut next = current.clone();
                if edit::merge_patch(&mut next, &patch).is_ok() && protected_changes(&current, &next).is_empty() {
                    current = next;
                }
            }
            prop_assert_eq!(current.pointer("/gateway/auth/token"), Some(&json!("t")));
            prop_assert_eq!(current.pointer("/agents/list/0/tools/exec/security"), Some(&json!("deny")));
            prop_assert_eq!(current.pointer("/agents/defaults/sandbox/mode"), Some(&json!("all")));
        }
    }
}
