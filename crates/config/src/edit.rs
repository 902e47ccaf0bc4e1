//! Changing a configuration value: one path, or a merge patch.

use serde_json::{Map, Value};

use crate::{
    include::INCLUDE_KEY,
    key_path::{KeyPath, Segment, is_forbidden},
};

/// Why a change cannot be made. Nothing has been changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("Config path not found: {path}")]
    NotFound { path: String },
    #[error("{path} holds no object, so it can have no key {key}")]
    NotAnObject { path: String, key: String },
    #[error("{path} has {length} entries, so there is no place for index {index}")]
    PastTheEnd { path: String, index: usize, length: usize },
    #[error("the root of the configuration must be an object")]
    Root,
    #[error("config.patch raw must be an object")]
    PatchNotAnObject,
    #[error("the key {key} is not allowed")]
    Forbidden { key: String },
    #[error("{path} comes from an included file; change it there, or take the $include out")]
    Included { path: String },
}

/// Puts a value at a path; makes the objects on the way. An array takes an index within it, or the next one.
///
/// # Errors
/// A scalar on the way, an index past the end, or anything but an object for the root.
pub fn set(root: &mut Value, path: &KeyPath, value: Value) -> Result<(), EditError> {
    check_keys(&value)?;
    let Some((last, parents)) = path.segments().split_last() else {
        if !value.is_object() {
            return Err(EditError::Root);
        }
        *root = value;
        return Ok(());
    };
    let mut place = root;
    let mut done = KeyPath::root();
    for (position, segment) in parents.iter().enumerate() {
        let next = path.segments().get(position + 1);
        place = enter(place, segment, next, &done)?;
        done = done.with(segment.clone());
    }
    match (place, last) {
        (Value::Object(map), Segment::Key(key)) => {
            map.insert(key.clone(), value);
        }
        (Value::Array(items), segment) => match segment.as_index() {
            Some(index) if index < items.len() => {
                if let Some(item) = items.get_mut(index) {
                    *item = value;
                }
            }
            Some(index) if index == items.len() => items.push(value),
            Some(index) => return Err(past_the_end(&done, index, items.len())),
            None => return Err(not_an_object(&done, segment)),
        },
        (_, segment) => return Err(not_an_object(&done, segment)),
    }
    Ok(())
}

/// Takes the value at a path out; an array closes the gap.
///
/// # Errors
/// A path that leads nowhere.
pub fn unset(root: &mut Value, path: &KeyPath) -> Result<Value, EditError> {
    let found = path.get(root).cloned().ok_or_else(|| EditError::NotFound { path: path.to_string() })?;
    crate::decode::remove(root, path.segments());
    Ok(found)
}

/// Applies a JSON merge patch (RFC 7396: objects merge, `null` deletes, everything else replaces), with one
/// addition of the original: an array whose elements all have an `id` is merged by it.
///
/// # Errors
/// A patch that is no object, or a forbidden key.
pub fn merge_patch(target: &mut Value, patch: &Value) -> Result<(), EditError> {
    if !patch.is_object() {
        return Err(EditError::PatchNotAnObject);
    }
    check_keys(patch)?;
    merge(target, patch);
    Ok(())
}

/// Turns a wanted configuration back into what the file should say (SEC-134).
///
/// `next` is written in terms of `resolved` (includes merged, variables replaced). Wherever it equals that, the file's
/// own text (`parsed`: `${VARIABLE}`, `$include`) stays; only what differs is taken over.
///
/// # Errors
/// A value from an included file that `next` no longer has: this file cannot take it away.
pub fn unresolve(next: &Value, parsed: &Value, resolved: &Value) -> Result<Value, EditError> {
    unresolve_at(next, Some(parsed), Some(resolved), &KeyPath::root())?
        .map_or_else(|| Ok(Value::Object(Map::new())), Ok)
}

/// Refuses keys that reach into the object machinery of JavaScript, at any depth.
pub(crate) fn check_keys(value: &Value) -> Result<(), EditError> {
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, child)| {
            if is_forbidden(key) { Err(EditError::Forbidden { key: key.clone() }) } else { check_keys(child) }
        }),
        Value::Array(items) => items.iter().try_for_each(check_keys),
        _ => Ok(()),
    }
}

/// The value that a step leads to, made if it is not there yet.
fn enter<'v>(
    place: &'v mut Value,
    segment: &Segment,
    next: Option<&Segment>,
    done: &KeyPath,
) -> Result<&'v mut Value, EditError> {
    let empty = || match next {
        Some(Segment::Index(_)) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    };
    match place {
        Value::Object(map) => match segment {
            Segment::Key(key) => Ok(map.entry(key.clone()).or_insert_with(empty)),
            Segment::Index(_) => Err(not_an_object(done, segment)),
        },
        Value::Array(items) => {
            let index = segment.as_index().ok_or_else(|| not_an_object(done, segment))?;
            let length = items.len();
            if index == length {
                items.push(empty());
            }
            items.get_mut(index).ok_or_else(|| past_the_end(done, index, length))
        }
        _ => Err(not_an_object(done, segment)),
    }
}

fn not_an_object(path: &KeyPath, segment: &Segment) -> EditError {
    let key = match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => format!("[{index}]"),
    };
    EditError::NotAnObject { path: path.to_string(), key }
}

fn past_the_end(path: &KeyPath, index: usize, length: usize) -> EditError {
    EditError::PastTheEnd { path: path.to_string(), index, length }
}

fn merge(target: &mut Value, patch: &Value) {
    match (&mut *target, patch) {
        (Value::Object(map), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    map.shift_remove(key);
                } else {
                    merge(map.entry(key.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (Value::Array(items), Value::Array(changes)) if all_have_ids(items) && all_have_ids(changes) => {
            for change in changes {
                match items.iter_mut().find(|item| item.get("id") == change.get("id")) {
                    Some(item) => merge(item, change),
                    None => items.push(without_nulls(change)),
                }
            }
        }
        _ => *target = without_nulls(patch),
    }
}

fn all_have_ids(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get("id").is_some_and(Value::is_string))
}

/// A patch as a value: what it deletes is not there.
fn without_nulls(patch: &Value) -> Value {
    match patch {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// What the file should hold at a path; `None` when it should hold nothing, for an include provides it.
fn unresolve_at(
    next: &Value,
    parsed: Option<&Value>,
    resolved: Option<&Value>,
    path: &KeyPath,
) -> Result<Option<Value>, EditError> {
    if Some(next) == resolved {
        return Ok(parsed.cloned());
    }
    let (Some(own), Some(seen)) = (parsed, resolved) else { return Ok(Some(next.clone())) };
    match (next, own, seen) {
        (Value::Object(wanted), Value::Object(own), Value::Object(seen)) => {
            let keeps_include = own.contains_key(INCLUDE_KEY) && !wanted.contains_key(INCLUDE_KEY);
            let mut file = Map::new();
            // The file's own order first, so that a rewrite moves nothing.
            let ordered = own.keys().filter(|key| wanted.contains_key(*key));
            for key in ordered.chain(wanted.keys().filter(|key| !own.contains_key(*key))) {
                let value = wanted.get(key).unwrap_or(&Value::Null);
                if let Some(value) = unresolve_at(value, own.get(key), seen.get(key), &path.key(key))? {
                    file.insert(key.clone(), value);
                }
            }
            if keeps_include {
                let gone = seen.keys().find(|key| !wanted.contains_key(*key) && !own.contains_key(*key));
                if let Some(key) = gone {
                    return Err(EditError::Included { path: path.key(key).to_string() });
                }
                if let Some(include) = own.get(INCLUDE_KEY) {
                    file.insert(INCLUDE_KEY.to_owned(), include.clone());
                }
            }
            Ok(Some(Value::Object(file)))
        }
        (Value::Array(wanted), Value::Array(own), Value::Array(seen)) if own.len() == seen.len() => {
            let mut items = Vec::with_capacity(wanted.len());
            for (index, item) in wanted.iter().enumerate() {
                let at = match item.get("id") {
                    Some(id) => seen.iter().position(|candidate| candidate.get("id") == Some(id)),
                    None => seen.iter().position(|candidate| candidate == item).or(Some(index)),
                };
                let (own, seen) = (at.and_then(|at| own.get(at)), at.and_then(|at| seen.get(at)));
                items.push(unresolve_at(item, own, seen, &path.index(index))?.unwrap_or_else(|| item.clone()));
            }
            Ok(Some(Value::Array(items)))
        }
        _ => Ok(Some(next.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn setting(mut root: Value, path: &str, value: Value) -> Result<Value, EditError> {
        set(&mut root, &KeyPath::parse(path).unwrap(), value).map(|()| root)
    }

    #[test]
    fn setting_makes_parents_and_keeps_the_rest() {
        assert_eq!(setting(json!({"a": 1}), "b.c[0].d", json!(2)), Ok(json!({"a": 1, "b": {"c": [{"d": 2}]}})));
        assert_eq!(setting(json!({"a": [1, 2]}), "a[1]", json!(3)), Ok(json!({"a": [1, 3]})));
        assert_eq!(setting(json!({"a": [1, 2]}), "a.2", json!(3)), Ok(json!({"a": [1, 2, 3]})));
        assert_eq!(setting(json!({}), r#"models["x.y"]"#, json!(1)), Ok(json!({"models": {"x.y": 1}})));
    }

    #[test]
    fn setting_never_destroys_what_is_in_the_way() {
        let refused = |root, path| setting(root, path, json!(1)).unwrap_err().to_string();
        assert_eq!(refused(json!({"a": 5}), "a.b"), "a holds no object, so it can have no key b");
        assert_eq!(refused(json!({"a": {"b": "x"}}), "a.b.c.d"), "a.b holds no object, so it can have no key c");
        assert_eq!(refused(json!({"a": [1]}), "a[5]"), "a has 1 entries, so there is no place for index 5");
        assert_eq!(refused(json!({"a": [1]}), "a.x"), "a holds no object, so it can have no key x");
        assert_eq!(refused(json!({"a": {}}), "a[0]"), "a holds no object, so it can have no key [0]");
        assert_eq!(
            setting(json!({}), "a", json!({"x": [{"__proto__": 1}]})),
            Err(EditError::Forbidden { key: "__proto__".into() })
        );
    }

    #[test]
    fn unsetting_keeps_the_order_of_the_rest() {
        let mut root = json!({"a": 1, "b": {"c": [1, 2, 3]}, "d": 4});
        assert_eq!(unset(&mut root, &KeyPath::parse("b.c[1]").unwrap()), Ok(json!(2)));
        assert_eq!(unset(&mut root, &KeyPath::parse("a").unwrap()), Ok(json!(1)));
        assert_eq!(root.to_string(), r#"{"b":{"c":[1,3]},"d":4}"#);
        let missing = unset(&mut root, &KeyPath::parse("b.x").unwrap()).unwrap_err();
        assert_eq!(missing.to_string(), "Config path not found: b.x");
    }

    #[test]
    fn a_merge_patch_follows_rfc_7396_and_merges_arrays_by_id() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "list": [{"id": "x", "k": 1}, {"id": "y"}], "plain": [1, 2]});
        let patch = json!({"a": {"b": null, "d": {"e": null, "f": 1}}, "list": [{"id": "x", "k": 2}, {"id": "z"}], "plain": [3]});
        merge_patch(&mut target, &patch).unwrap();
        assert_eq!(
            target,
            json!({"a": {"c": 2, "d": {"f": 1}}, "list": [{"id": "x", "k": 2}, {"id": "y"}, {"id": "z"}], "plain": [3]})
        );
        assert_eq!(merge_patch(&mut target, &json!([])), Err(EditError::PatchNotAnObject));
        assert!(merge_patch(&mut target, &json!({"constructor": {}})).is_err());
    }

    #[test]
    fn sec_134_what_did_not_change_keeps_the_text_of_the_file() {
        let parsed = json!({"a": "${A}", "b": {"c": "x${A}"}, "list": ["${A}", "k"]});
        let resolved = json!({"a": "1", "b": {"c": "x1"}, "list": ["1", "k"]});
        let next = json!({"b": {"c": "x1", "d": 2}, "a": "1", "list": ["1", "k", "new"]});
        let file = unresolve(&next, &parsed, &resolved).unwrap();
        assert_eq!(file.to_string(), r#"{"a":"${A}","b":{"c":"x${A}","d":2},"list":["${A}","k","new"]}"#);
        let changed = unresolve(&json!({"a": "2"}), &parsed, &resolved).unwrap();
        assert_eq!(changed, json!({"a": "2"}));
    }

    #[test]
    fn sec_134_an_include_stays_an_include_and_what_it_gives_cannot_be_taken_away_here() {
        let parsed = json!({"gateway": {"$include": "g.json", "port": 1}});
        let resolved = json!({"gateway": {"bind": "lan", "port": 1}});
        let next = json!({"gateway": {"bind": "lan", "port": 2}});
        assert_eq!(unresolve(&next, &parsed, &resolved), Ok(json!({"gateway": {"port": 2, "$include": "g.json"}})));
        let gone = unresolve(&json!({"gateway": {"port": 1}}), &parsed, &resolved);
        assert_eq!(gone, Err(EditError::Included { path: "gateway.bind".into() }));
    }
}
