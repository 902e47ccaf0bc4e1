//! Events: their names, who receives them, what they carry (protocol.md §10). One file per family.
//!
//! Both dialects are gated as 2026.9 does: 2026.3 sends most events to everybody, nodes included, which SEC-077
//! forbids.

pub mod core;
pub mod device;
pub mod gateway;
mod kind;
pub mod node;

pub use kind::{EventKind, Gate};

use crate::scope::Scope;

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
