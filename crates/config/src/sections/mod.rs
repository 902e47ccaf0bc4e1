//! One file and one struct per section of `openclaw.json`; [`Config`] lists them.
//!
//! The doc comment of a field is its help text in `config.schema`. Keys that are known but belong to parts of the
//! program with types of their own stand in [`opaque::KEYS`].

pub mod canvas_host;
pub mod discovery;
pub mod env;
pub mod gateway;
mod limits;
pub mod logging;
pub mod meta;
pub mod node_host;
pub mod opaque;
pub mod root;
pub mod secrets;
pub mod tools;
pub mod update;

pub use root::Config;
