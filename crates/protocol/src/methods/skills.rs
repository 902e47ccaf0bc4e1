//! `skills.*`: what a node host asks about skills.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::{NoParams, method};

method! {
    /// Programs that the gateway's skills bring along; a node may allow them.
    Bins = "skills.bins": NoParams => BinsReply
}

/// Reply of [`Bins`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BinsReply {
    pub bins: Vec<String>,
}
