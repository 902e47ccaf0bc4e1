//! The whole configuration.

use serde_json::{Map, Value};

use super::{
    canvas_host::CanvasHostSection, discovery::DiscoverySection, env::EnvSection, gateway::GatewaySection,
    logging::LoggingSection, meta::MetaSection, node_host::NodeHostSection, secrets::SecretsSection,
    tools::ToolsSection, update::UpdateSection,
};

/// A decoded configuration, with defaults filled in. A subsystem is given its section, never this.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub gateway: GatewaySection,
    pub logging: LoggingSection,
    pub node_host: NodeHostSection,
    pub tools: ToolsSection,
    pub canvas_host: CanvasHostSection,
    pub discovery: DiscoverySection,
    pub meta: MetaSection,
    pub env: EnvSection,
    pub secrets: SecretsSection,
    pub update: UpdateSection,
    /// Sections that other parts of the program give a type: `agents`, `channels`, `models` and so on, as they stand.
    pub other: Map<String, Value>,
}
