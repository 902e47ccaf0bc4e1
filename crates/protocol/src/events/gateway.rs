//! `gateway.*` events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventKind, Gate};

/// The gateway stops taking work, or takes it again (v4).
pub const SUSPENSION: EventKind = EventKind::new("gateway.suspension", Gate::Everyone);

/// Payload of [`SUSPENSION`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Suspension {
    /// `accepting`, `preparing`, `draining` or `prepared`.
    pub phase: String,
}
