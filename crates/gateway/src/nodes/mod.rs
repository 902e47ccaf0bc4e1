//! Nodes: which are connected ([`registry`]), what they may offer ([`policy`]), calling them ([`invoke`]) once per key
//! ([`dedupe`]), and how they look to operators ([`view`]).

pub(crate) mod dedupe;
pub(crate) mod invoke;
pub(crate) mod policy;
pub(crate) mod registry;
pub(crate) mod view;
