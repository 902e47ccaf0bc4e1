//! What a caller wants to add to a child's environment.

use std::{collections::BTreeMap, fmt};

use super::names;

/// So many overrides are taken; more is no environment but an attack on memory.
const MAX_OVERRIDES: usize = 256;

/// Behind a shell only these survive (SEC-111): they change how output looks, not which code runs.
const SHELL_SAFE: [&str; 5] = ["TERM", "LANG", "COLORTERM", "NO_COLOR", "FORCE_COLOR"];

/// Overrides that passed the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<String, String>);

/// Overrides that did not, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct RefusedOverrides {
    /// Names of Appendix A.
    pub blocked: Vec<String>,
    /// Names that are no portable names, and values with a NUL character.
    pub invalid: Vec<String>,
}

impl fmt::Display for RefusedOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.blocked.is_empty() {
            parts.push(format!("blocked override keys: {}", self.blocked.join(", ")));
        }
        if !self.invalid.is_empty() {
            parts.push(format!("invalid non-portable override keys: {}", self.invalid.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl Overrides {
    /// Checks every name and value.
    ///
    /// # Errors
    /// [`RefusedOverrides`] names all that are refused, so that a caller corrects them at once.
    pub fn check(wanted: BTreeMap<String, String>) -> Result<Self, RefusedOverrides> {
        let mut refused = refused_names(wanted.keys());
        for (name, value) in &wanted {
            if value.contains('\0') && !refused.invalid.contains(name) {
                refused.invalid.push(name.clone());
            }
        }
        if wanted.len() > MAX_OVERRIDES {
            refused.invalid.push(format!("({} keys, at most {MAX_OVERRIDES} are taken)", wanted.len()));
        }
        if refused == RefusedOverrides::default() { Ok(Self(wanted)) } else { Err(refused) }
    }

    /// What is left of them when a shell runs the command.
    #[must_use]
    pub fn behind_a_shell(mut self) -> Self {
        self.0.retain(|name, _| {
            let name = name.to_ascii_uppercase();
            SHELL_SAFE.contains(&name.as_str()) || name.starts_with("LC_")
        });
        self
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The names among these that a request may not set; also asked about assignments in front of a command
/// (`env NAME=value command`, SEC-102).
pub fn refused_names<'a>(wanted: impl IntoIterator<Item = &'a String>) -> RefusedOverrides {
    let mut refused = RefusedOverrides::default();
    for name in wanted {
        if !is_portable(name) {
            refused.invalid.push(name.clone());
        } else if names::is_refused_override(&name.to_ascii_uppercase()) {
            refused.blocked.push(name.clone());
        }
    }
    refused
}

fn is_portable(name: &str) -> bool {
    let parentheses = |c: char| cfg!(windows) && matches!(c, '(' | ')');
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || parentheses(c))
}
