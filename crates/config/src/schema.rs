//! The JSON Schema of the configuration, made from the section types; and what the UI shows beside each key.

use std::sync::OnceLock;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    diff::{ReloadKind, reload_kind},
    redact,
    sections::{
        canvas_host::CanvasHostSection, discovery::DiscoverySection, env::EnvSection, gateway::GatewaySection,
        logging::LoggingSection, meta::MetaSection, node_host::NodeHostSection, opaque, secrets::SecretsSection,
        tools::ToolsSection, update::UpdateSection,
    },
};

/// Paths longer than this are no paths (protocol.md §8.4).
const MAX_LOOKUP_LENGTH: usize = 1024;

/// What a form shows for a key (`uiHints` of `config.schema`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The value is a secret: shown as a marker, entered in a password field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// The answer of `config.schema.lookup`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lookup {
    pub path: String,
    pub schema: Value,
    pub reload_kind: ReloadKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint_path: Option<String>,
    pub children: Vec<Child>,
}

/// A key below the one looked up.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Child {
    pub key: String,
    pub path: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Value>,
    pub required: bool,
    pub has_children: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint_path: Option<String>,
}

/// The schema of the whole configuration (draft 07, without references, as the official UI expects it).
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(build)
}

/// What a form shows, by path; `*` stands for any name, `[]` for any element.
pub fn hints() -> &'static Map<String, Value> {
    static HINTS: OnceLock<Map<String, Value>> = OnceLock::new();
    HINTS.get_or_init(|| {
        let mut hints = Map::new();
        collect_hints(schema(), "", &mut hints);
        hints
    })
}

/// The part of the schema that a path leads to. `None` for a path that the schema does not have (the caller answers
/// `config schema path not found`).
pub fn lookup(path: &str) -> Option<Lookup> {
    if path.len() > MAX_LOOKUP_LENGTH {
        return None;
    }
    let steps = lookup_steps(path);
    let mut node = schema();
    for step in &steps {
        node = child_schema(node, step)?;
    }
    let shown = steps.join(".").replace(".[]", "[]");
    let required: Vec<&str> =
        node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut children: Vec<Child> = Vec::new();
    for (key, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        children.push(child_of(&shown, key, child, required.contains(&key.as_str())));
    }
    if let Some(any) = node.get("additionalProperties").filter(|any| any.is_object()) {
        children.push(child_of(&shown, "*", any, false));
    }
    if let Some(items) = node.get("items").filter(|items| items.is_object()) {
        children.push(child_of(&shown, "[]", items, false));
    }
    let hint = (!shown.is_empty()).then(|| hint(&shown, node));
    let hint_path = hint.as_ref().map(|_| shown.clone());
    Some(Lookup { reload_kind: reload_kind(&shown), path: shown, schema: shallow(node), hint, hint_path, children })
}

fn child_of(parent: &str, key: &str, node: &Value, required: bool) -> Child {
    let path = join(parent, key);
    let hint = hint(&path, node);
    Child {
        key: key.to_owned(),
        kind: node.get("type").cloned(),
        required,
        has_children: ["properties", "items"].iter().any(|name| node.get(*name).is_some())
            || node.get("additionalProperties").is_some_and(Value::is_object),
        hint: Some(hint),
        hint_path: Some(path.clone()),
        path,
    }
}

/// The schema of one level: what lies deeper is asked for by another look-up.
fn shallow(node: &Value) -> Value {
    let mut copy = node.clone();
    if let Value::Object(map) = &mut copy {
        map.shift_remove("properties");
        map.shift_remove("items");
        if map.get("additionalProperties").is_some_and(Value::is_object) {
            map.insert("additionalProperties".to_owned(), Value::Bool(true));
        }
    }
    copy
}

/// `a.b[0].c`, `a.b[].c` and `a.b.*.c` in steps; an index is any element.
fn lookup_steps(path: &str) -> Vec<String> {
    path.replace('[', ".[")
        .split('.')
        .map(str::trim)
        .filter(|step| !step.is_empty() && *step != "<root>")
        .map(|step| if step.starts_with('[') { "[]".to_owned() } else { step.to_owned() })
        .collect()
}

fn child_schema<'s>(node: &'s Value, step: &str) -> Option<&'s Value> {
    if (step == "[]" || step.bytes().all(|byte| byte.is_ascii_digit()))
        && let Some(items) = node.get("items")
    {
        return Some(items);
    }
    node.get("properties")
        .and_then(|properties| properties.get(step))
        .or_else(|| node.get("additionalProperties").filter(|any| any.is_object()))
}

fn join(parent: &str, key: &str) -> String {
    match (parent, key) {
        ("", _) => key.to_owned(),
        (_, "[]") => format!("{parent}[]"),
        _ => format!("{parent}.{key}"),
    }
}

fn collect_hints(node: &Value, path: &str, hints: &mut Map<String, Value>) {
    if !path.is_empty() {
        let hint = hint(path, node);
        hints.insert(path.to_owned(), json!(hint));
    }
    for (key, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        collect_hints(child, &join(path, key), hints);
    }
    if let Some(any) = node.get("additionalProperties").filter(|any| any.is_object()) {
        collect_hints(any, &join(path, "*"), hints);
    }
    if let Some(items) = node.get("items").filter(|items| items.is_object()) {
        collect_hints(items, &join(path, "[]"), hints);
    }
}

fn hint(path: &str, node: &Value) -> Hint {
    let key = path.rsplit('.').next().unwrap_or(path);
    Hint {
        label: label(key),
        help: node.get("description").and_then(Value::as_str).map(|text| text.replace('\n', " ")),
        sensitive: redact::is_sensitive_key(key.trim_end_matches("[]")),
    }
}

/// `customBindHost` becomes "Custom Bind Host".
fn label(key: &str) -> String {
    let mut text = String::new();
    for (position, letter) in key.chars().enumerate() {
        if position == 0 {
            text.extend(letter.to_uppercase());
        } else {
            if letter.is_uppercase() {
                text.push(' ');
            }
            text.push(letter);
        }
    }
    text
}

fn build() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    add("$schema", json!({"type": "string", "description": "Where editors find a schema for this file."}));
    add("gateway", section::<GatewaySection>(&mut generator));
    add("logging", section::<LoggingSection>(&mut generator));
    add("nodeHost", section::<NodeHostSection>(&mut generator));
    add("canvasHost", section::<CanvasHostSection>(&mut generator));
    add("discovery", section::<DiscoverySection>(&mut generator));
    add("tools", section::<ToolsSection>(&mut generator));
    add("env", section::<EnvSection>(&mut generator));
    add("secrets", section::<SecretsSection>(&mut generator));
    add("update", section::<UpdateSection>(&mut generator));
    add("meta", section::<MetaSection>(&mut generator));
    let mut root = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "OpenClawConfig",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    for (parent, keys) in opaque::KEYS {
        let mut steps = parent.split('.').filter(|step| !step.is_empty());
        let place = steps.try_fold(&mut root, |node, step| node.get_mut("properties")?.get_mut(step));
        if let Some(Value::Object(known)) = place.and_then(|node| node.get_mut("properties")) {
            for key in *keys {
                known.entry(*key).or_insert_with(|| json!({}));
            }
        }
    }
    root
}

fn section<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let mut schema = generator.subschema_for::<T>().to_value();
    without_null(&mut schema);
    schema
}

/// An optional key is absent or has its type: `null` is a value of no key (as in the original).
fn without_null(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if let Some(Value::Array(kinds)) = map.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [only] = kinds.as_slice() {
                let only = only.clone();
                map.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(values)) = map.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        if map.get("default").is_some_and(Value::is_null) {
            map.shift_remove("default");
        }
        if let Some(Value::Array(options)) = map.get_mut("anyOf") {
            options.retain(|option| option.get("type") != Some(&json!("null")));
            if let [Value::Object(only)] = options.as_slice() {
                let only = only.clone();
                map.shift_remove("anyOf");
                for (key, value) in only {
                    map.entry(key).or_insert(value);
                }
            }
        }
        map.values_mut().for_each(without_null);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(without_null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_our_sections_has_a_help_text() {
        let bare: Vec<&String> = hints()
            .iter()
            .filter(|(path, hint)| {
                let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
                let key = path.rsplit('.').next().unwrap();
                let generated = path.ends_with("[]") || key == "*" || path.starts_with("secrets.providers.*");
                !generated && !opaque::below(parent).contains(&key) && hint.get("help").is_none()
            })
            .map(|(path, _)| path)
            .collect();
        assert_eq!(bare, Vec::<&String>::new());
    }

    #[test]
    fn a_look_up_shows_one_level_with_hints_and_how_a_change_applies() {
        let found = lookup("gateway.auth").unwrap();
        assert_eq!(found.path, "gateway.auth");
        let token = found.children.iter().find(|child| child.key == "token").unwrap();
        assert!(token.hint.as_ref().unwrap().sensitive && !token.required);
        assert!(found.children.iter().find(|child| child.key == "rateLimit").unwrap().has_children);
        assert!(found.schema.get("properties").is_none());
        assert_eq!(found.reload_kind, ReloadKind::Restart);
        assert_eq!(lookup("logging.level").unwrap().reload_kind, ReloadKind::None);
    }

    #[test]
    fn indexes_and_wildcards_lead_to_the_element() {
        assert_eq!(lookup("gateway.trustedProxies[0]").unwrap().path, "gateway.trustedProxies[]");
        assert_eq!(lookup("gateway.trustedProxies[]").unwrap().schema.get("format").unwrap(), "cidr");
        assert!(lookup("secrets.providers.*").is_some());
        assert!(lookup("env.vars.MY_NAME").is_some());
        assert!(lookup("").is_some_and(|root| root.children.len() > 30));
        for unknown in ["gateway.bogus", "nope", "gateway.port.x", &"a".repeat(2000)] {
            assert!(lookup(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn defaults_and_closed_values_are_in_the_schema() {
        let at = |path: &str| lookup(path).unwrap().schema;
        assert_eq!(at("gateway.port").get("default"), Some(&json!(18789)));
        assert_eq!(at("gateway.bind").get("default"), Some(&json!("loopback")));
        assert!(at("gateway.auth.mode").to_string().contains("trusted-proxy"));
    }
}
