//! What a device asks for, and comparing it with what it has.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_protocol::scope::{Role, ScopeSet};
use serde::{Deserialize, Serialize};

/// What a node offers: capability families, commands, and permissions that its operating system granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    pub caps: BTreeSet<String>,
    pub commands: BTreeSet<String>,
    /// Only what is true counts as granted.
    pub permissions: BTreeMap<String, bool>,
}

impl Surface {
    /// Whether everything in `other` is in `self` too.
    pub fn covers(&self, other: &Self) -> bool {
        other.caps.is_subset(&self.caps)
            && other.commands.is_subset(&self.commands)
            && other.granted().all(|name| self.permissions.get(name) == Some(&true))
    }

    /// Everything of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut permissions = self.permissions.clone();
        for (name, granted) in &other.permissions {
            *permissions.entry(name.clone()).or_default() |= granted;
        }
        Self { caps: &self.caps | &other.caps, commands: &self.commands | &other.commands, permissions }
    }

    /// What is in both: the live surface of a node is what it declares and what was approved (SEC-059).
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let permissions = self
            .permissions
            .iter()
            .map(|(name, granted)| (name.clone(), *granted && other.permissions.get(name) == Some(&true)))
            .collect();
        Self { caps: &self.caps & &other.caps, commands: &self.commands & &other.commands, permissions }
    }

    /// What is in `self` and not in `other`: what an approver has not seen yet.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let permissions = self
            .granted()
            .filter(|name| other.permissions.get(*name) != Some(&true))
            .map(|name| (name.to_owned(), true))
            .collect();
        Self { caps: &self.caps - &other.caps, commands: &self.commands - &other.commands, permissions }
    }

    /// Whether nothing is granted by it.
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty() && self.commands.is_empty() && self.granted().next().is_none()
    }

    fn granted(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str())
    }
}

/// Everything that a device asks for in one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub roles: BTreeSet<Role>,
    /// Scopes of the role operator.
    pub scopes: ScopeSet,
    /// The surface of the role node; `None` when the device said nothing about it.
    pub surface: Option<Surface>,
}

impl Wish {
    /// Whether whoever approves `self` has seen everything that `other` asks for.
    pub fn covers(&self, other: &Self) -> bool {
        other.roles.is_subset(&self.roles)
            && self.scopes.covers_all(&other.scopes)
            && match (&self.surface, &other.surface) {
                (_, None) => true,
                (Some(own), Some(other)) => own.covers(other),
                (None, Some(other)) => other.is_empty(),
            }
    }

    /// Everything of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            roles: &self.roles | &other.roles,
            scopes: self.scopes.union(&other.scopes),
            surface: match (&self.surface, &other.surface) {
                (Some(own), Some(other)) => Some(own.union(other)),
                (own, other) => own.clone().or_else(|| other.clone()),
            },
        }
    }

    /// What `self` asks for beyond `shown`: the text "what changed" of promise P4.
    #[must_use]
    pub fn minus(&self, shown: &Self) -> Self {
        let none = Surface::default();
        let surface = self.surface.as_ref().map(|own| own.minus(shown.surface.as_ref().unwrap_or(&none)));
        Self {
            roles: &self.roles - &shown.roles,
            scopes: self.scopes.iter().filter(|scope| !shown.scopes.covers(scope.as_str())).cloned().collect(),
            surface: surface.filter(|surface| !surface.is_empty()),
        }
    }

    /// How many names it holds, for the cap on what one request may grow to.
    pub(super) fn size(&self) -> usize {
        let surface = self.surface.as_ref();
        self.scopes.len() + surface.map_or(0, |s| s.caps.len() + s.commands.len() + s.permissions.len())
    }
}
