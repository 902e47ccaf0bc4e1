//! What is remembered between two starts of a gateway or a node.
//!
//! - [`Store`]: one `SQLite` file with who is paired, who asks, which tokens are alive, invitations and the audit trail.
//!   Callers see no SQL, no paths and no JSON. A change is on the disk before it is acknowledged (REL-001).
//! - [`pairing`]: the types and the rules of what may be stored: attenuation, baselines, quotas, stable requests.
//! - [`files`]: what stays a file because people and the official programs edit or delete it.
//! - [`import`]: reading what an `OpenClaw` installation left (promise W2); its files are never written.
//!
//! There is no runtime in here: a change returns a [`Written`], which can be awaited or waited for.

mod audit;
mod database;
mod error;
pub mod files;
pub mod import;
mod meta;
pub mod pairing;
mod store;

pub use audit::AuditLine;
pub use database::{Step, StepHook, Written};
pub use error::StoreError;
pub use meta::GatewayMeta;
pub use store::{Opened, Store};
