//! `cargo xtask bench`: what an operation costs here, beside the floor of the stack and the official gateway.
//!
//! Wall times of a shared machine mean little; processor time, memory and ratios of one run mean something. So every
//! line is measured for all servers in one run, and the table shows ratios.

mod lines;
mod report;
mod run;
mod server;

pub(crate) use run::run;
