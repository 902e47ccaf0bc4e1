//! Roles and scopes: what a connection may do, and which scope implies which.
//!
//! Implications are those of 2026.9 (protocol.md §2.3): `operator.admin` covers every `operator.*`, `operator.write`
//! covers reading and talking, everything else covers itself alone. 2026.3 knows fewer scopes and no contradiction.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a connection is to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Somebody who gives orders: a CLI, an app, the Control UI.
    Operator,
    /// A machine that offers commands.
    Node,
}

impl Role {
    /// The role of that wire name; `None` for anything but `operator` and `node`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "operator" => Some(Self::Operator),
            "node" => Some(Self::Node),
            _ => None,
        }
    }

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One permission of an operator, such as `operator.read`. Unknown names are kept: they cover only themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// Everything.
    pub const ADMIN: &'static str = "operator.admin";
    /// Seeing state.
    pub const READ: &'static str = "operator.read";
    /// Acting: sending, invoking.
    pub const WRITE: &'static str = "operator.write";
    /// Deciding exec approvals.
    pub const APPROVALS: &'static str = "operator.approvals";
    /// Deciding pairing requests.
    pub const PAIRING: &'static str = "operator.pairing";
    /// Answering questions of an agent (2026.9).
    pub const QUESTIONS: &'static str = "operator.questions";
    /// Talk mode (2026.9).
    pub const TALK: &'static str = "operator.talk";

    /// Takes the name as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The wire name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether holding `self` is enough where `wanted` is asked for.
    pub fn covers(&self, wanted: &str) -> bool {
        covers(&self.0, wanted)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn covers(held: &str, wanted: &str) -> bool {
    if held == wanted {
        return true;
    }
    match held {
        Scope::ADMIN => wanted.starts_with("operator."),
        Scope::WRITE => {
            matches!(wanted, Scope::READ | Scope::TALK | "operator.sessions.read" | "operator.sessions.write")
        }
        Scope::READ | "operator.sessions.write" => wanted == "operator.sessions.read",
        _ => false,
    }
}

/// A set of scopes, sorted by name as the wire wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// No scope at all.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// The scopes that the official CLI asks for, and that the owner of a gateway holds (protocol.md §3.2).
    pub fn owner() -> Self {
        [Scope::ADMIN, Scope::READ, Scope::WRITE, Scope::APPROVALS, Scope::PAIRING].into_iter().collect()
    }

    /// Whether any member covers `wanted`.
    pub fn covers(&self, wanted: &str) -> bool {
        self.0.iter().any(|held| held.covers(wanted))
    }

    /// Whether every scope of `wanted` is covered.
    pub fn covers_all(&self, wanted: &Self) -> bool {
        self.first_missing(wanted).is_none()
    }

    /// The first scope of `wanted` that no member covers, for the text `missing scope: …`.
    pub fn first_missing<'a>(&self, wanted: &'a Self) -> Option<&'a Scope> {
        wanted.0.iter().find(|scope| !self.covers(scope.as_str()))
    }

    /// The members of `self` that `limit` covers: what is left of a wish that may only narrow.
    #[must_use]
    pub fn limited_to(&self, limit: &Self) -> Self {
        self.0.iter().filter(|scope| limit.covers(scope.as_str())).cloned().collect()
    }

    /// The members of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.union(&other.0).cloned().collect()
    }

    /// Adds one scope.
    pub fn insert(&mut self, scope: Scope) {
        self.0.insert(scope);
    }

    /// Whether this very name is a member, without implications.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|scope| scope.as_str() == name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The members, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

impl<S: Into<String>> FromIterator<S> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(names.into_iter().map(Scope::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(held: &str, wanted: &str, expected: bool) {
        assert_eq!(Scope::new(held).covers(wanted), expected, "{held} covers {wanted}");
    }

    #[test]
    fn scopes_imply_what_the_reference_says_and_nothing_else() {
        check("operator.admin", "operator.anything.new", true);
        check("operator.admin", "node.run", false);
        check("operator.write", "operator.read", true);
        check("operator.write", "operator.pairing", false);
        check("operator.read", "operator.write", false);
        check("operator.read", "operator.sessions.read", true);
        check("operator.sessions.write", "operator.sessions.read", true);
        check("operator.unknown", "operator.unknown", true);
        check("operator.unknown", "operator.read", false);
    }

    #[test]
    fn limiting_never_adds() {
        let wish: ScopeSet = ["operator.admin", "operator.read"].into_iter().collect();
        let limit: ScopeSet = ["operator.write"].into_iter().collect();
        assert_eq!(wish.limited_to(&limit), ["operator.read"].into_iter().collect());
    }
}
