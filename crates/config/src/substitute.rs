//! `${VARIABLE}` in strings (cli.md §3.1).

use serde_json::Value;

use crate::{
    env::Env,
    issue::Warning,
    key_path::{KeyPath, Segment},
};

/// A piece of a string.
enum Piece<'t> {
    Text(&'t str),
    /// `${NAME}`, with its name.
    Variable(&'t str),
    /// `$${NAME}`, which stands for `${NAME}`.
    Escaped(&'t str),
}

/// Replaces every `${VARIABLE}` in every string below `value`. A variable that is unset or blank stays as it is
/// written, with a warning.
pub(crate) fn substitute(value: &mut Value, path: &mut Vec<Segment>, env: &Env, warnings: &mut Vec<Warning>) {
    match value {
        Value::String(text) => {
            if let Some(expanded) = expand(text, env, |name| {
                let path = KeyPath::from(path.clone()).to_string();
                let message =
                    format!("missing env var \"{name}\" at {path} — feature using this value will be unavailable");
                warnings.push(Warning { path, message });
            }) {
                *text = expanded;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(Segment::Index(index));
                substitute(item, path, env, warnings);
                path.pop();
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                path.push(Segment::Key(key.clone()));
                substitute(item, path, env, warnings);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The text with its variables replaced; `None` when there is nothing to replace.
pub(crate) fn expand(text: &str, env: &Env, mut missing: impl FnMut(&str)) -> Option<String> {
    if !text.contains("${") {
        return None;
    }
    let mut expanded = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(plain) => expanded.push_str(plain),
            Piece::Escaped(written) => expanded.push_str(written.get(1..).unwrap_or_default()),
            Piece::Variable(name) => {
                if let Some(found) = env.get(name) {
                    expanded.push_str(&found);
                } else {
                    missing(name);
                    expanded.extend(["${", name, "}"]);
                }
            }
        }
    }
    Some(expanded)
}

/// The first variable that a string names.
pub(crate) fn first_variable(text: &str) -> Option<String> {
    pieces(text).into_iter().find_map(|piece| match piece {
        Piece::Variable(name) => Some(name.to_owned()),
        _ => None,
    })
}

/// True if the whole string is one `${VARIABLE}`.
pub(crate) fn is_reference(text: &str) -> bool {
    matches!(pieces(text).as_slice(), [Piece::Variable(_)])
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, found) = rest.split_at(at);
        let Some(name) = variable_name(found) else {
            let (plain, after) = rest.split_at(at + 2);
            pieces.push(Piece::Text(plain));
            rest = after;
            continue;
        };
        let length = name.len() + 3;
        if let Some(plain) = before.strip_suffix('$') {
            pieces.push(Piece::Text(plain));
            pieces.push(Piece::Escaped(rest.get(at - 1..at + length).unwrap_or_default()));
        } else {
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            pieces.push(Piece::Variable(name));
        }
        rest = found.get(length..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The name in `${NAME}…`, if it is one: capitals, digits and underscores, no digit first.
fn variable_name(found: &str) -> Option<&str> {
    let (name, _) = found.strip_prefix("${")?.split_once('}')?;
    let valid = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    (!name.is_empty() && name.chars().all(valid) && !name.starts_with(|first: char| first.is_ascii_digit()))
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, missing: &[&str]) {
        let env = Env::from_pairs([("A", "1"), ("B_2", "two"), ("BLANK", " "), ("_X", "x")]);
        let mut seen = Vec::new();
        let found = expand(text, &env, |name| seen.push(name.to_owned())).unwrap_or_else(|| text.to_owned());
        assert_eq!(
            (found.as_str(), seen),
            (expected, missing.iter().map(|name| (*name).to_owned()).collect()),
            "{text}"
        );
    }

    #[test]
    fn variables_are_replaced_and_everything_else_is_left() {
        check("${A}", "1", &[]);
        check("x${A}y${B_2}z", "x1ytwoz", &[]);
        check("${_X}", "x", &[]);
        check("$${A}", "${A}", &[]);
        check("$$${A}", "$${A}", &[]);
        check("${NOPE}-${BLANK}", "${NOPE}-${BLANK}", &["NOPE", "BLANK"]);
        check("$A ${a} ${9A} ${} ${A", "$A ${a} ${9A} ${} ${A", &[]);
        check("${${A}}", "${1}", &[]);
        check("ü${A}ü", "ü1ü", &[]);
    }

    #[test]
    fn a_value_is_not_expanded_twice() {
        let env = Env::from_pairs([("A", "${B}"), ("B", "no")]);
        assert_eq!(expand("${A}", &env, |_| {}).unwrap(), "${B}");
    }
}
