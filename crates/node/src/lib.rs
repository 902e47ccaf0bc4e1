//! A node host: what a gateway can have done on this machine, and who decides about it.
//!
//! - [`capability`]: what a command is; [`commands`] has one file for each.
//! - [`exec`]: running programs for somebody else: the owner's policy, the analysis of command lines, environments,
//!   process trees. The part to audit.
//! - [`host`]: the node's identity, its connection, and the invokes that come over it.
//! - [`status`]: what a host leaves on disk for `openclaw node status`.

pub mod capability;
pub mod commands;
mod digest;
pub mod exec;
pub mod host;
pub mod status;
