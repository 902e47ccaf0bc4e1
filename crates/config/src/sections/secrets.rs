//! `secrets`: the places that secret references lead to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

use crate::secret_ref::SecretSource;

/// Where references to secrets lead (cli.md §3.1).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretsSection {
    /// Places by name.
    pub providers: BTreeMap<String, Provider>,
    /// Which provider the short form of a reference means.
    pub defaults: ProviderDefaults,
    /// Limits for fetching many secrets at once.
    pub resolution: ResolutionLimits,
}

/// A place that keeps secrets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "source", rename_all = "lowercase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Provider {
    /// Environment variables.
    Env {
        /// Only these may be read; empty means all.
        #[serde(default)]
        allowlist: Vec<String>,
    },
    /// A file.
    File {
        /// The file; `~` is the home folder.
        path: String,
        /// What is in it.
        #[serde(default)]
        mode: FileMode,
        /// How long reading may take, in milliseconds.
        timeout_ms: Option<u64>,
        /// How large it may be; 1 MiB without it.
        max_bytes: Option<u64>,
    },
    /// A command.
    Exec(Box<ExecProvider>),
}

/// What is in a file of secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileMode {
    /// JSON, which the reference points into.
    #[default]
    Json,
    /// One secret and nothing else.
    SingleValue,
}

/// A command that is asked for secrets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecProvider {
    /// The program, by its absolute path.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// How long it may run, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How long it may print nothing, in milliseconds.
    pub no_output_timeout_ms: Option<u64>,
    /// How much it may print.
    pub max_output_bytes: Option<u64>,
    /// Whether it must answer in JSON.
    pub json_only: Option<bool>,
    /// Variables that it is given.
    pub env: BTreeMap<String, String>,
    /// Variables of the gateway that it is given too.
    pub pass_env: Vec<String>,
    /// Folders that the program may be in.
    pub trusted_dirs: Vec<String>,
    /// Allows a program that other users may change.
    pub allow_insecure_path: bool,
    /// Allows a program behind a symbolic link.
    pub allow_symlink_command: bool,
}

/// Which provider the short form `${NAME}` of a reference means.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderDefaults {
    /// For environment variables.
    pub env: Option<String>,
    /// For files.
    pub file: Option<String>,
    /// For commands.
    pub exec: Option<String>,
}

/// Limits for fetching many secrets at once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolutionLimits {
    /// Providers asked at the same time.
    #[schemars(range(min = 1, max = 16))]
    #[serde(deserialize_with = "limits::count_at_most::<_, 16>")]
    pub max_provider_concurrency: Option<u32>,
    /// References per provider.
    #[schemars(range(min = 1, max = 4096))]
    #[serde(deserialize_with = "limits::count_at_most::<_, 4096>")]
    pub max_refs_per_provider: Option<u32>,
    /// Bytes per answer.
    #[schemars(range(min = 1, max = 5_242_880))]
    #[serde(deserialize_with = "limits::count_at_most::<_, 5_242_880>")]
    pub max_batch_bytes: Option<u32>,
}

impl Provider {
    /// What kind of place it is.
    pub const fn source(&self) -> SecretSource {
        match self {
            Self::Env { .. } => SecretSource::Env,
            Self::File { .. } => SecretSource::File,
            Self::Exec(_) => SecretSource::Exec,
        }
    }
}
