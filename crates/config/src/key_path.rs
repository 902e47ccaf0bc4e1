//! Paths into a configuration: `gateway.auth.token`, `agents.list[0].id`, `models["x.y"]`, `a\.b`.

use std::fmt;

use serde_json::Value;

/// Keys that reach into the object machinery of JavaScript. No path may name one, for the file is also read by the
/// Node.js program (SEC-076).
pub const FORBIDDEN_KEYS: [&str; 3] = ["__proto__", "prototype", "constructor"];

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// A member of an object; on an array, a key of digits is an index.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl Segment {
    /// The array index that this segment can stand for.
    pub fn as_index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            Self::Key(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) => key.parse().ok(),
            Self::Key(_) => None,
        }
    }
}

/// A path from the root of a configuration. The empty path is the root and is shown as `<root>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<Segment>);

/// Text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyPathError {
    #[error("the config path is empty")]
    Empty,
    #[error("the config path `{path}` has an empty part")]
    EmptyPart { path: String },
    #[error("the config path `{path}` has a `[` without its `]`")]
    Unclosed { path: String },
    #[error("`{found}` in the config path `{path}` is neither an index nor a quoted key")]
    Index { path: String, found: String },
    #[error("the config path `{path}` goes on after `]` without a dot")]
    AfterBracket { path: String },
    #[error("the config path `{path}` names `{key}`, which is not allowed")]
    Forbidden { path: String, key: String },
}

impl KeyPath {
    /// The root.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a path as the command line and the `config.*` methods write it (cli.md §2.14).
    ///
    /// # Errors
    /// An empty path or part, an unclosed bracket, an index that is none, or a forbidden key.
    pub fn parse(text: &str) -> Result<Self, KeyPathError> {
        let path = text.trim();
        if path.is_empty() {
            return Err(KeyPathError::Empty);
        }
        let mut reader = Reader { path, rest: path, segments: Vec::new() };
        reader.run()?;
        for segment in &reader.segments {
            if let Segment::Key(key) = segment
                && is_forbidden(key)
            {
                return Err(KeyPathError::Forbidden { path: path.to_owned(), key: key.clone() });
            }
        }
        Ok(Self(reader.segments))
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This path and one more key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// This path and an index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// This path and one more step.
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// This path followed by another.
    #[must_use]
    pub fn join(&self, more: &[Segment]) -> Self {
        Self(self.0.iter().chain(more).cloned().collect())
    }

    /// The steps below `prefix`, if this path is that or lies below it.
    pub fn strip_prefix(&self, prefix: &Self) -> Option<&[Segment]> {
        self.0.strip_prefix(prefix.0.as_slice())
    }

    /// The path in dots only, as the rules of reloading and protection name keys: `agents.list.0.id`.
    pub fn dotted(&self) -> String {
        let mut text = String::new();
        for segment in &self.0 {
            if !text.is_empty() {
                text.push('.');
            }
            match segment {
                Segment::Key(key) => text.push_str(key),
                Segment::Index(index) => text.push_str(&index.to_string()),
            }
        }
        text
    }

    /// The value that this path leads to.
    pub fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |value, segment| match value {
            Value::Object(map) => match segment {
                Segment::Key(key) => map.get(key),
                Segment::Index(_) => None,
            },
            Value::Array(items) => items.get(segment.as_index()?),
            _ => None,
        })
    }
}

impl From<Vec<Segment>> for KeyPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

/// True for the keys of [`FORBIDDEN_KEYS`], whatever blanks surround them.
pub fn is_forbidden(key: &str) -> bool {
    FORBIDDEN_KEYS.contains(&key.trim())
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("<root>");
        }
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                Segment::Key(key) => write!(f, "[{}]", Value::from(key.as_str()))?,
            }
        }
        Ok(())
    }
}

/// A key that needs neither quotes nor backslashes in a path.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.trim() == key && !key.contains(['.', '[', ']', '"', '\'', '\\', '\n', '\r'])
}

struct Reader<'t> {
    path: &'t str,
    rest: &'t str,
    segments: Vec<Segment>,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), KeyPathError> {
        loop {
            if self.rest.starts_with('[') {
                self.bracket()?;
            } else {
                self.word()?;
            }
            if self.rest.is_empty() {
                return Ok(());
            }
            if let Some(after) = self.rest.strip_prefix('.') {
                self.rest = after;
                if after.is_empty() || after.starts_with('[') {
                    return Err(KeyPathError::EmptyPart { path: self.path.to_owned() });
                }
            } else if !self.rest.starts_with('[') {
                return Err(KeyPathError::AfterBracket { path: self.path.to_owned() });
            }
        }
    }

    /// A key up to the next dot or bracket; a backslash takes the next character as it is.
    fn word(&mut self) -> Result<(), KeyPathError> {
        let mut key = String::new();
        let mut letters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => key.push(letters.next().map_or('\\', |(_, next)| next)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                other => key.push(other),
            }
        }
        if key.trim().is_empty() {
            return Err(KeyPathError::EmptyPart { path: self.path.to_owned() });
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.segments.push(Segment::Key(key));
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), KeyPathError> {
        let inner = self.rest.get(1..).unwrap_or_default();
        if inner.starts_with(['"', '\'']) {
            return self.quoted(inner);
        }
        let Some((found, rest)) = inner.split_once(']') else {
            return Err(KeyPathError::Unclosed { path: self.path.to_owned() });
        };
        let segment = match found.trim() {
            "" => return Err(KeyPathError::EmptyPart { path: self.path.to_owned() }),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Segment::Index),
            _ => None,
        };
        let Some(segment) = segment else {
            return Err(KeyPathError::Index { path: self.path.to_owned(), found: found.to_owned() });
        };
        self.segments.push(segment);
        self.rest = rest;
        Ok(())
    }

    /// `"key"]` or `'key']`, with JSON escapes.
    fn quoted(&mut self, inner: &str) -> Result<(), KeyPathError> {
        let unclosed = || KeyPathError::Unclosed { path: self.path.to_owned() };
        let quote = inner.chars().next().unwrap_or('"');
        let mut escaped = false;
        let end = inner
            .char_indices()
            .skip(1)
            .find(|(_, letter)| {
                let closes = !escaped && *letter == quote;
                escaped = !escaped && *letter == '\\';
                closes
            })
            .map(|(at, _)| at + quote.len_utf8())
            .ok_or_else(unclosed)?;
        let literal = inner.get(..end).unwrap_or_default();
        let after = inner.get(end..).unwrap_or_default().trim_start();
        let rest_length = after.strip_prefix(']').ok_or_else(unclosed)?.len();
        match crate::json5::parse_str(literal) {
            Ok(Value::String(key)) => self.segments.push(Segment::Key(key)),
            _ => return Err(KeyPathError::Index { path: self.path.to_owned(), found: literal.to_owned() }),
        }
        self.rest = self.rest.get(self.rest.len() - rest_length..).unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, shown: &str) {
        assert_eq!(KeyPath::parse(text).map(|path| path.to_string()), Ok(shown.to_owned()), "{text}");
    }

    #[test]
    fn every_form_of_a_path_is_read() {
        check("gateway.auth.token", "gateway.auth.token");
        check("agents.list[0].id", "agents.list[0].id");
        check(r#"models["x.y"].id"#, r#"models["x.y"].id"#);
        check("models['x.y']", r#"models["x.y"]"#);
        check(r"env.a\.b", r#"env["a.b"]"#);
        check("a[0][1]", "a[0][1]");
        check("[0].a", "[0].a");
        check(" gateway.port ", "gateway.port");
        check(r#"a["say \"hi\""]"#, r#"a["say \"hi\""]"#);
    }

    #[test]
    fn a_malformed_path_is_refused() {
        for text in
            ["", " ", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[0]b", "a.[0]", "a[\"x\"", "a[\"x"]
        {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sec_076_paths_into_the_object_machinery_are_refused_in_every_spelling() {
        for key in FORBIDDEN_KEYS {
            for text in [
                key.to_owned(),
                format!("a.{key}.b"),
                format!("a[\"{key}\"]"),
                format!("a['{key}']"),
                format!("a.\\{key}"),
                format!("a. {key} .b"),
            ] {
                assert!(matches!(KeyPath::parse(&text), Err(KeyPathError::Forbidden { .. })), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_path_parsing_panic(text in any::<String>()) {
            let _parsed = KeyPath::parse(&text).is_ok();
        }

        #[test]
        fn a_path_survives_being_shown_and_read_again(
            keys in prop::collection::vec(prop_oneof![
                "[^\\s].{0,8}".prop_map(Segment::Key),
                (0..99_usize).prop_map(Segment::Index),
            ], 1..5)
        ) {
            let path = KeyPath::from(keys);
            let fine = path.segments().iter().all(|segment| !matches!(segment, Segment::Key(key) if is_forbidden(key)));
            prop_assume!(fine);
            prop_assert_eq!(KeyPath::parse(&path.to_string()), Ok(path));
        }
    }
}
