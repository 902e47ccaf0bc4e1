//! `logging`: what is written where, and what is hidden in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

/// Log levels and destinations (cli.md §3.4, §5).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct LoggingSection {
    /// What the log file records. `--log-level` and `OPENCLAW_LOG_LEVEL` win over it.
    pub level: LogLevel,
    /// The log file. Without it, a file per day in the folder for temporary files.
    pub file: Option<String>,
    /// Nothing more is written to a log file of this many bytes. Without it, 500 MiB.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive_option")]
    pub max_file_bytes: Option<u64>,
    /// What the console shows.
    pub console_level: LogLevel,
    /// How the console shows it. Without it, `pretty` on a terminal and `compact` elsewhere.
    pub console_style: Option<ConsoleStyle>,
    /// Whether secrets in logged tool calls are masked.
    pub redact_sensitive: RedactSensitive,
    /// More regular expressions for text to be masked.
    pub redact_patterns: Vec<String>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Silent,
    Fatal,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How the console looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleStyle {
    Pretty,
    Compact,
    Json,
}

/// What is masked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RedactSensitive {
    Off,
    #[default]
    Tools,
}
