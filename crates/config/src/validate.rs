//! Checking a value against the schema, in the original's words (cli.md §3.6).
//!
//! Only a file that does not decode comes here: a good one never pays for it.

use serde_json::Value;

use crate::{
    cidr::Cidr,
    issue::{Issue, nearest},
    key_path::KeyPath,
};

/// Everything that is wrong with `value`, in the order of the file.
pub(crate) fn validate(value: &Value) -> Vec<Issue> {
    let mut issues = Vec::new();
    check(crate::schema::schema(), value, &KeyPath::root(), &mut issues);
    issues
}

fn check(schema: &Value, value: &Value, path: &KeyPath, issues: &mut Vec<Issue>) {
    if let Some(allowed) = closed_values(schema) {
        if !allowed.contains(value) {
            issues.push(Issue::not_allowed(path, allowed));
        }
        return;
    }
    if let Some(options) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        check_options(options, value, path, issues);
        return;
    }
    let expected = type_names(schema);
    if !expected.is_empty() && !expected.iter().any(|name| has_type(value, name)) {
        issues.push(Issue::at(path, type_message(&expected, value)));
        return;
    }
    match value {
        Value::Object(_) => check_object(schema, value, path, issues),
        Value::Array(items) => {
            if let Some(item_schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(item_schema, item, &path.index(index), issues);
                }
            }
        }
        Value::Number(number) => check_range(schema, number.as_f64().unwrap_or_default(), path, issues),
        Value::String(text) => check_text(schema, text, path, issues),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_object(schema: &Value, value: &Value, path: &KeyPath, issues: &mut Vec<Issue>) {
    let Some(map) = value.as_object() else { return };
    let known = schema.get("properties").and_then(Value::as_object);
    for (key, child) in map {
        if let Some(child_schema) = known.and_then(|known| known.get(key)) {
            check(child_schema, child, &path.key(key), issues);
            continue;
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {
                let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                issues.push(Issue::unknown_key(path, key, nearest(key, names)));
            }
            Some(any @ Value::Object(_)) => check(any, child, &path.key(key), issues),
            _ => {}
        }
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            let child = known.and_then(|known| known.get(name));
            let expected = child.map(type_names).unwrap_or_default();
            let expected = expected.first().copied().unwrap_or("value");
            issues.push(Issue::at(&path.key(name), format!("Invalid input: expected {expected}, received undefined")));
        }
    }
}

/// A value that may have one of several shapes: the issues of the shape that was meant, if that can be told.
fn check_options(options: &[Value], value: &Value, path: &KeyPath, issues: &mut Vec<Issue>) {
    let mut closest: Option<Vec<Issue>> = None;
    for option in options {
        let mut found = Vec::new();
        check(option, value, path, &mut found);
        if found.is_empty() {
            return;
        }
        let same_type = type_names(option).iter().any(|name| has_type(value, name));
        if same_type && is_meant(option, value) {
            closest = Some(found);
        }
    }
    let wanted: Vec<&str> = options.iter().flat_map(type_names).collect();
    issues.extend(closest.unwrap_or_else(|| match discriminators(options) {
        Some((key, allowed)) if value.is_object() => vec![Issue::not_allowed(&path.key(key), allowed)],
        _ => vec![Issue::at(path, type_message(&wanted, value))],
    }));
}

/// True unless the option has a constant key that the value has with something else.
fn is_meant(option: &Value, value: &Value) -> bool {
    let properties = option.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().all(|(key, child)| match child.get("const") {
        Some(constant) => value.get(key) == Some(constant),
        None => true,
    })
}

/// The key whose constant tells the options apart, and its values.
fn discriminators(options: &[Value]) -> Option<(&str, Vec<Value>)> {
    let mut name = None;
    let mut allowed = Vec::new();
    for option in options {
        let properties = option.get("properties").and_then(Value::as_object)?;
        let (key, constant) = properties.iter().find_map(|(key, child)| Some((key, child.get("const")?)))?;
        name = Some(key.as_str());
        allowed.push(constant.clone());
    }
    name.map(|name| (name, allowed))
}

/// The values of an enumeration, however the schema spells it.
fn closed_values(schema: &Value) -> Option<Vec<Value>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.clone());
    }
    if let Some(constant) = schema.get("const") {
        return Some(vec![constant.clone()]);
    }
    let options = schema.get("oneOf").and_then(Value::as_array)?;
    let mut all = Vec::new();
    for option in options {
        let closed = option.get("properties").is_none().then(|| closed_values(option)).flatten()?;
        all.extend(closed);
    }
    Some(all)
}

fn type_names(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Value::as_array)
            .map(|options| options.iter().flat_map(type_names).collect())
            .unwrap_or_default(),
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn type_message(expected: &[&str], value: &Value) -> String {
    let received = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut names: Vec<&str> = Vec::new();
    for name in expected {
        let name = match *name {
            "integer" if value.is_number() => "int",
            "integer" => "number",
            other => other,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("Invalid input: expected {}, received {received}", names.join(" or "))
}

fn check_range(schema: &Value, number: f64, path: &KeyPath, issues: &mut Vec<Issue>) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let widest = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(f64::from(u32::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        _ => None,
    };
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        issues.push(Issue::at(path, format!("Too small: expected number to be >={least}")));
    } else if let Some(most) = bound("maximum").or(widest).filter(|most| number > *most) {
        issues.push(Issue::at(path, format!("Too big: expected number to be <={most}")));
    }
}

fn check_text(schema: &Value, text: &str, path: &KeyPath, issues: &mut Vec<Issue>) {
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    if u64::try_from(text.chars().count()).unwrap_or(u64::MAX) < least {
        issues.push(Issue::at(path, format!("Too small: expected string to have >={least} characters")));
    } else if schema.get("format").is_some_and(|format| format == "cidr")
        && let Err(error) = text.parse::<Cidr>()
    {
        issues.push(Issue::at(path, format!("Invalid input: {error}")));
    }
}
