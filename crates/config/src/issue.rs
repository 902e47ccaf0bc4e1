//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::key_path::KeyPath;

/// Something that makes a configuration invalid. As JSON it is `{path, message, allowedValues?}` (cli.md §3.6) with
/// our `location` and `suggestion` beside.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// The key, `<root>` for the file as a whole.
    pub path: String,
    /// What is wrong. Never contains a value of the file, for that may be a secret.
    pub message: String,
    /// What a closed value may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_values: Option<Vec<Value>>,
    /// Where it stands in the file, or in the included one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<SourceLocation>,
    /// The known name that an unknown one resembles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The value that is wrong: the same as `path`, or the unknown key below it.
    #[serde(skip)]
    pub(crate) target: KeyPath,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceLocation {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Something that does not make a configuration invalid but that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub path: String,
    pub message: String,
}

impl Issue {
    /// An issue with the value at `path`.
    pub(crate) fn at(path: &KeyPath, message: impl Into<String>) -> Self {
        Self {
            path: path.to_string(),
            message: message.into(),
            allowed_values: None,
            location: None,
            suggestion: None,
            target: path.clone(),
        }
    }

    /// A key that nobody reads.
    pub(crate) fn unknown_key(parent: &KeyPath, key: &str, suggestion: Option<String>) -> Self {
        let message = format!("Unrecognized key: {}", Value::from(key));
        Self { suggestion, target: parent.key(key), ..Self::at(parent, message) }
    }

    /// A value outside a closed set.
    pub(crate) fn not_allowed(path: &KeyPath, allowed: Vec<Value>) -> Self {
        let listed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let message = format!("Invalid input (allowed: {})", listed.join(", "));
        Self { allowed_values: Some(allowed), ..Self::at(path, message) }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if let Some(name) = &self.suggestion {
            write!(f, " (did you mean \"{name}\"?)")?;
        }
        if let Some(SourceLocation { file, line, column }) = &self.location {
            write!(f, " at {}:{line}:{column}", file.display())?;
        }
        Ok(())
    }
}

/// The known name that `word` most resembles, if it resembles one.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let lower = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&lower, &name.to_lowercase()), name))
        .filter(|(far, _)| *far <= limit)
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name.to_owned())
}

/// How many letters have to be changed, added, taken away or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let change = at(&last, column) + usize::from(letter != *other);
            let mut best = change.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = column > 0 && previous == Some(*other) && right.get(column - 1) == Some(&letter);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["bind", "port", "customBindHost", "trustedProxies"];
        let check =
            |word: &str, expected: Option<&str>| assert_eq!(nearest(word, known).as_deref(), expected, "{word}");
        check("prot", Some("port"));
        check("bnd", Some("bind"));
        check("custombindhost", Some("customBindHost"));
        check("trustedProxy", Some("trustedProxies"));
        check("bogus", None);
    }
}
