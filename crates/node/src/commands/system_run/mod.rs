//! `system.run`: runs a program (nodes.md §2.5).

mod command;

pub use command::Run;
