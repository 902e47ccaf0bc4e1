//! `update`: looking for new releases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

/// Looking for new releases (cli.md §3.4).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateSection {
    /// Which releases are meant.
    pub channel: Option<UpdateChannel>,
    /// Whether the gateway looks when it starts.
    pub check_on_start: bool,
    /// Installing them without being asked.
    pub auto: AutoUpdate,
}

/// Which releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpdateChannel {
    Stable,
    Beta,
    Dev,
}

/// Installing releases without being asked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoUpdate {
    /// Whether that happens.
    pub enabled: bool,
    /// Hours to wait after a stable release.
    #[schemars(range(min = 0, max = 168))]
    #[serde(deserialize_with = "limits::at_most::<_, 168>")]
    pub stable_delay_hours: Option<f64>,
    /// More hours, by chance, so that not all install at once.
    #[schemars(range(min = 0, max = 168))]
    #[serde(deserialize_with = "limits::at_most::<_, 168>")]
    pub stable_jitter_hours: Option<f64>,
    /// Hours between looks for a beta release.
    #[schemars(range(min = 0, max = 24))]
    #[serde(deserialize_with = "limits::at_most::<_, 24>")]
    pub beta_check_interval_hours: Option<f64>,
}

impl Default for UpdateSection {
    fn default() -> Self {
        Self { channel: None, check_on_start: true, auto: AutoUpdate::default() }
    }
}
