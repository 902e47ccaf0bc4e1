//! Running programs for somebody else: what they are, whether they may, and how they are run.

pub mod analysis;
pub mod decode;
pub mod environment;
pub mod machine;
pub mod output;
pub mod pattern;
pub mod plan;
pub(crate) mod platform;
pub mod policy;
pub mod process;
pub mod search;
pub mod shell;
