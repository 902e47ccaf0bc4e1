//! Text that must not be shown: tokens and passwords of the configuration.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret_ref::SecretRef;

/// A secret of the configuration. `Debug` hides it, it cannot be serialised or compared with `==`, and its memory is
/// wiped when it is dropped. Blanks around it are not part of it (protocol.md §3.4).
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps the text without the blanks around it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = Zeroizing::new(text.into());
        Self(if text.trim().len() == text.len() { text } else { Zeroizing::new(text.trim().to_owned()) })
    }

    /// The plain text. Every caller is a place to look at when secrets leak.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True if nothing but blanks was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in a time that depends on the lengths only.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.trim().as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let reference = generator.subschema_for::<SecretRef>();
        json_schema!({
            "description": "A secret: plain text, ${VARIABLE}, or a reference to where it is kept.",
            "anyOf": [{"type": "string"}, reference]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_hidden_and_compared_whole() {
        let secret = Secret::new("  hunter2\n");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert!(secret.matches("hunter2 "));
        assert!(!secret.matches("hunter"));
        assert!(!secret.matches(""));
        assert_eq!(secret.expose(), "hunter2");
    }
}
