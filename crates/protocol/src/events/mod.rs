//! Events: their names, who receives them, what they carry (protocol.md §10). One file per family.
//!
//! Both dialects are gated as 2026.9 does: 2026.3 sends most events to everybody, nodes included, which SEC-077
//! forbids.

pub mod core;
pub mod device;
pub mod gateway;
pub mod node;

use crate::scope::{Role, Scope, ScopeSet};

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
    const fn new(name: &'static str, gate: Gate) -> Self {
        Self { name, gate, droppable: false }
    }

    const fn droppable(mut self) -> Self {
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

/// Every event that this gateway sends, in the order of `features.events`.
pub const ALL: [EventKind; 16] = [
    core::CONNECT_CHALLENGE,
    core::PAIRING_WAITING,
    core::PRESENCE,
    core::TICK,
    core::SHUTDOWN,
    core::HEALTH,
    node::PAIR_REQUESTED,
    node::PAIR_RESOLVED,
    node::INVOKE_REQUEST,
    node::INVOKE_INPUT,
    node::INVOKE_CANCEL,
    node::INVOKE_PROGRESS,
    device::PAIR_REQUESTED,
    device::PAIR_RESOLVED,
    device::PAIR_CHANGED,
    gateway::SUSPENSION,
];

const PAIRING: Gate = Gate::Holders(Scope::PAIRING);
const READ: Gate = Gate::Holders(Scope::READ);

#[cfg(test)]
mod tests {
    use super::*;

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
