//! `env`: variables for the gateway that the process environment does not have.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Variables that are set unless the process environment has them; also written flat, as `env.NAME`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvSection {
    /// Variables by name.
    pub vars: BTreeMap<String, String>,
    /// Taking missing API keys from the login shell.
    pub shell_env: ShellEnv,
    /// Variables written directly below `env`.
    #[serde(flatten)]
    pub flat: BTreeMap<String, String>,
}

/// Taking missing API keys from the login shell.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ShellEnv {
    /// Whether the login shell is asked.
    pub enabled: bool,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for ShellEnv {
    fn default() -> Self {
        Self { enabled: false, timeout_ms: 15_000 }
    }
}
