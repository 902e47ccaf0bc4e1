//! All families together.

use super::{config, core, device, exec, gateway, logs, node, registry::Registry, skills, update};

/// Every method of this gateway.
pub(crate) fn all() -> Registry {
    let mut registry = Registry::default();
    config::register(&mut registry);
    core::register(&mut registry);
    device::register(&mut registry);
    exec::register(&mut registry);
    gateway::register(&mut registry);
    logs::register(&mut registry);
    node::register(&mut registry);
    skills::register(&mut registry);
    update::register(&mut registry);
    registry
}
