//! The methods that this gateway serves. [`registry`] is the mechanism; each other file is a family (the wire name up
//! to the first dot) whose first lines, `register`, are its table of contents. `core` has the names without a dot.

pub(crate) mod ctx;
pub(crate) mod dispatch;
pub(crate) mod error;
pub(crate) mod registry;

mod config;
mod core;
mod device;
mod exec;
mod gateway;
mod logs;
mod node;
mod skills;
mod table;
mod update;

pub(crate) use table::all;
