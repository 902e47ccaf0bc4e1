//! Names and gates.

use crate::scope::{Role, ScopeSet};

/// Who receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Every connection, nodes included.
    Everyone,
    /// Operators who hold this scope.
    Holders(&'static str),
    /// Only the connection that it is addressed to; carries no `seq`.
    Addressed,
}

/// One event: its name and its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The wire name.
    pub name: &'static str,
    /// Who receives it.
    pub gate: Gate,
    /// May be skipped for a client that reads too slowly (REL-034).
    pub droppable: bool,
}

impl EventKind {
    pub(super) const fn new(name: &'static str, gate: Gate) -> Self {
        Self { name, gate, droppable: false }
    }

    pub(super) const fn droppable(mut self) -> Self {
        self.droppable = true;
        self
    }

    /// Whether a connection of that role and those scopes receives it as a broadcast.
    pub fn reaches(&self, role: Role, scopes: &ScopeSet) -> bool {
        match self.gate {
            Gate::Everyone => true,
            Gate::Holders(scope) => role == Role::Operator && scopes.covers(scope),
            Gate::Addressed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{ALL, core, device},
        *,
    };
    use crate::scope::Scope;

    #[test]
    fn sec_077_nodes_get_no_broadcast_but_the_ones_for_everyone() {
        for event in ALL {
            assert_eq!(event.reaches(Role::Node, &ScopeSet::owner()), event.gate == Gate::Everyone, "{}", event.name);
        }
    }

    #[test]
    fn sec_077_pairing_events_need_the_pairing_scope() {
        let reader: ScopeSet = [Scope::READ].into_iter().collect();
        assert!(!device::PAIR_REQUESTED.reaches(Role::Operator, &reader));
        assert!(core::PRESENCE.reaches(Role::Operator, &reader));
    }
}
