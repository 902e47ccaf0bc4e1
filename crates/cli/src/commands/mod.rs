//! One file or folder per command, as the command tree has it.

pub(crate) mod approvals;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod qr;
pub(crate) mod status;
pub(crate) mod up;
