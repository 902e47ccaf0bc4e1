//! What a command line really runs (SEC-102, SEC-103, SEC-106).
//!
//! Wrappers such as `nice` are taken off until a program, a shell or something undecidable is left. Only a chain that
//! is understood to the last option counts as understood: everything else is *opaque*, which an allowlist never
//! allows.

mod analyse;
mod interpreters;
mod shells;
mod wrappers;

pub use analyse::{Analysis, Kind, MAX_DEPTH, Opaque, analyse, base_name, has_hidden_characters, is_batch_file};
pub(crate) use interpreters::is_interpreter;
pub use interpreters::{Operand, operand};
pub use shells::{Inline, ShellUse, is_shell, shell_use};
