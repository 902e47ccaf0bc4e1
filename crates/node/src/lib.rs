//! A node host: the commands it offers, exec policy, the invoke loop.

pub mod capability;
pub mod commands;
pub mod exec;
