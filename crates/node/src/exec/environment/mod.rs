//! The environment of a child (SEC-110, SEC-111, SEC-112; nodes.md §2.6).
//!
//! It is built up from an allowlist of names, never cut down from ours: what nobody thought of, such as the token of
//! a gateway or the key of a model provider, is not there. A caller's overrides come on top; a name that could change
//! which code runs is refused with an error, so that nobody believes it took effect.

mod basis;
mod names;
mod overrides;

pub use basis::Environment;
pub use overrides::{Overrides, RefusedOverrides, refused_names};

#[cfg(test)]
mod tests;
