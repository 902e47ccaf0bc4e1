//! `logs.*`: reading the gateway's log file (protocol.md §8.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::method;

method! {
    /// The end of the log, or what was added since a cursor.
    Tail = "logs.tail": TailParams => TailReply
}

/// Params of [`Tail`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TailParams {
    /// Byte offset from an earlier reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Most lines to return, 1 to 5,000, default 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Most bytes to read, 1 to 1,000,000, default 250,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// Reply of [`Tail`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TailReply {
    pub file: String,
    /// To be passed next time.
    pub cursor: u64,
    pub size: u64,
    /// Each a JSON record.
    pub lines: Vec<String>,
    #[serde(default)]
    pub truncated: bool,
    /// The cursor did not fit the file any more (it was rotated, or too much was added).
    #[serde(default)]
    pub reset: bool,
}
