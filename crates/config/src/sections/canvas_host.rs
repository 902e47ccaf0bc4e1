//! `canvasHost`: the web pages of canvases.

use schemars::JsonSchema;
use serde::Deserialize;

use super::limits;

/// The web server for canvas pages, on the gateway's port below `/__openclaw__/` (cli.md §3.4).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CanvasHostSection {
    /// Whether canvas pages are served.
    pub enabled: bool,
    /// The folder with the pages. Without it, `canvas` in the state directory.
    pub root: Option<String>,
    /// A port of its own. Without it, the gateway's.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive_option")]
    pub port: Option<u16>,
    /// Whether an open page reloads when its file changes.
    pub live_reload: bool,
}

impl Default for CanvasHostSection {
    fn default() -> Self {
        Self { enabled: true, root: None, port: None, live_reload: true }
    }
}
