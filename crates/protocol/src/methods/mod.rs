//! The shapes of every method, one file per family (the wire name up to the first dot).

pub mod config;
pub mod core;
pub mod device;
pub mod exec;
pub mod gateway;
pub mod logs;
pub mod node;
pub mod skills;
pub mod update;
