//! `openclaw.json`: where it is, what it says, what is wrong with it, and how to change it without breaking it.
//!
//! - [`Env`] and [`Paths`] find the files; [`load()`] gives an immutable [`Snapshot`] with a typed [`Config`].
//! - A file with anything wrong in it is refused with file, line, column and key (REL-009), never softened to defaults;
//!   [`inspect`] shows it all the same to commands that diagnose.
//! - [`change`] turns a wish into a new text that keeps comments, order and `${VARIABLE}` (REL-010, SEC-134);
//!   [`mod@write`] puts it on the disk atomically (REL-002).
//! - [`redact`] hides secrets, [`diff`] says what a change asks of a running gateway, [`schema`] describes every key,
//!   [`start`] says what a gateway must not start with (SEC-031).
//!
//! This crate opens no socket, needs no runtime, and reads no clock: time and randomness are arguments.

pub mod change;
mod cidr;
mod decode;
pub mod defaults;
pub mod diff;
pub mod edit;
pub mod env;
mod include;
pub mod issue;
pub mod json5;
pub mod key_path;
pub mod load;
mod migrate;
pub mod paths;
mod platform;
pub mod protect;
pub mod redact;
pub mod schema;
pub mod secret;
pub mod secret_ref;
pub mod sections;
pub mod start;
mod substitute;
mod validate;
pub mod write;

pub use cidr::{Cidr, CidrError};
pub use decode::UnresolvedSecret;
pub use defaults::ensure_gateway_defaults;
pub use env::Env;
pub use issue::{Issue, SourceLocation, Warning};
pub use json5::parse_str;
pub use key_path::KeyPath;
pub use load::{InvalidConfig, LoadError, Snapshot, inspect, load};
pub use migrate::LegacyIssue;
pub use paths::{Paths, PathsError, ProfileChoice};
pub use secret::Secret;
pub use sections::Config;
