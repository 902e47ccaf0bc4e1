//! From a resolved value to a typed [`Config`].
//!
//! A good file is decoded straight into its types. Only if that fails is the schema built and every issue collected.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    env::Env,
    issue::Issue,
    key_path::{KeyPath, Segment},
    paths::Paths,
    secret_ref::{SecretRef, SecretRefError},
    sections::{Config, opaque, secrets::SecretsSection},
    substitute,
    validate::validate,
};

/// The keys with a type of [`crate::secret::Secret`].
const SECRET_PATHS: [[&str; 3]; 4] = [
    ["gateway", "auth", "token"],
    ["gateway", "auth", "password"],
    ["gateway", "remote", "token"],
    ["gateway", "remote", "password"],
];

/// A secret that the file names but that could not be had. The decoded configuration lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedSecret {
    /// The key, for example `gateway.auth.token`.
    pub path: String,
    /// Why; names variables and files, never values.
    pub reason: SecretRefError,
}

/// The outcome.
pub(crate) struct Decoded {
    pub(crate) config: Config,
    pub(crate) issues: Vec<Issue>,
    pub(crate) unresolved: Vec<UnresolvedSecret>,
}

/// Decodes the configuration. With issues, the result is what remains when everything wrong is left out: fit for
/// diagnostic commands, not for a gateway.
pub(crate) fn decode(resolved: &Value, paths: &Paths, env: &Env) -> Decoded {
    let mut working = resolved.clone();
    let mut unresolved = Vec::new();
    resolve_secrets(&mut working, paths, env, &mut unresolved);
    let has_null = working.as_object().is_some_and(|map| {
        map.iter().any(|(key, value)| !opaque::below("").contains(&key.as_str()) && contains_null(value, key))
    });
    if !has_null && let Ok(config) = typed(&working) {
        return Decoded { config, issues: Vec::new(), unresolved };
    }
    let mut issues = validate(resolved);
    // From the back, so that an element taken out does not shift the ones still to be taken.
    for issue in issues.iter().rev() {
        remove(&mut working, issue.target.segments());
    }
    let config = typed(&working).unwrap_or_else(|(section, message)| {
        if issues.is_empty() {
            issues.push(Issue::at(&KeyPath::root().key(section), format!("Invalid input: {message}")));
        }
        Config::default()
    });
    Decoded { config, issues, unresolved }
}

/// Puts the secrets themselves in place of references to them.
fn resolve_secrets(working: &mut Value, paths: &Paths, env: &Env, unresolved: &mut Vec<UnresolvedSecret>) {
    let mut places: Option<SecretsSection> = None;
    for path in SECRET_PATHS {
        let pointer = format!("/{}", path.join("/"));
        let Some(value) = working.pointer(&pointer) else { continue };
        let found = match value {
            Value::String(text) => match substitute::first_variable(text) {
                Some(name) => Err(SecretRefError::UnsetVariable { name }),
                None => continue,
            },
            Value::Object(_) => {
                // An object of another shape does not decode, and the schema check says what it lacks.
                let Some(reference) = SecretRef::from_value(value) else { continue };
                let places = places.get_or_insert_with(|| {
                    working.get("secrets").and_then(|value| SecretsSection::deserialize(value).ok()).unwrap_or_default()
                });
                reference.resolve(places, paths, env)
            }
            _ => continue,
        };
        let place = working.pointer_mut(&pointer);
        match found {
            Ok(secret) => {
                if let Some(place) = place {
                    *place = Value::from(secret.expose());
                }
            }
            Err(reason) => {
                unresolved.push(UnresolvedSecret { path: path.join("."), reason });
                let steps: Vec<Segment> = path.iter().map(|key| Segment::Key((*key).to_owned())).collect();
                remove(working, &steps);
            }
        }
    }
}

/// Decodes every section; the error names the section.
fn typed(working: &Value) -> Result<Config, (String, String)> {
    let Some(root) = working.as_object() else {
        return Err((String::new(), "expected object".to_owned()));
    };
    let mut config = Config::default();
    for (key, value) in root {
        match key.as_str() {
            "gateway" => config.gateway = section(key, value)?,
            "logging" => config.logging = section(key, value)?,
            "nodeHost" => config.node_host = section(key, value)?,
            "tools" => config.tools = section(key, value)?,
            "canvasHost" => config.canvas_host = section(key, value)?,
            "discovery" => config.discovery = section(key, value)?,
            "meta" => config.meta = section(key, value)?,
            "env" => config.env = section(key, value)?,
            "secrets" => config.secrets = section(key, value)?,
            "update" => config.update = section(key, value)?,
            other if opaque::below("").contains(&other) => {
                config.other.insert(other.to_owned(), value.clone());
            }
            other => return Err((other.to_owned(), format!("Unrecognized key: \"{other}\""))),
        }
    }
    Ok(config)
}

fn section<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, (String, String)> {
    let decoded = if opaque::KEYS.iter().any(|(path, _)| path.split('.').next() == Some(name)) {
        let mut own = value.clone();
        strip_opaque(&mut own, name);
        T::deserialize(own)
    } else {
        T::deserialize(value)
    };
    decoded.map_err(|error| (name.to_owned(), error.to_string()))
}

/// Takes the keys without a type out of a section.
fn strip_opaque(section: &mut Value, name: &str) {
    for (path, keys) in opaque::KEYS {
        let mut steps = path.split('.');
        if steps.next() != Some(name) {
            continue;
        }
        let place = steps.try_fold(&mut *section, |value, step| value.get_mut(step));
        if let Some(Value::Object(map)) = place {
            for key in *keys {
                map.shift_remove(*key);
            }
        }
    }
}

/// True if a typed part of the section holds a `null`, which serde would take for "not there".
fn contains_null(value: &Value, path: &str) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(|item| contains_null(item, path)),
        Value::Object(map) => {
            let opaque = opaque::below(path);
            map.iter()
                .any(|(key, child)| !opaque.contains(&key.as_str()) && contains_null(child, &format!("{path}.{key}")))
        }
        _ => false,
    }
}

/// Takes a value out; nothing happens if it is not there.
pub(crate) fn remove(root: &mut Value, path: &[Segment]) {
    let Some((last, parents)) = path.split_last() else {
        *root = Value::Object(Map::new());
        return;
    };
    let parent = parents.iter().try_fold(root, |value, segment| match value {
        Value::Object(map) => match segment {
            Segment::Key(key) => map.get_mut(key),
            Segment::Index(_) => None,
        },
        Value::Array(items) => items.get_mut(segment.as_index()?),
        _ => None,
    });
    match (parent, last) {
        (Some(Value::Object(map)), Segment::Key(key)) => {
            map.shift_remove(key);
        }
        (Some(Value::Array(items)), segment) => {
            if let Some(index) = segment.as_index().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}
