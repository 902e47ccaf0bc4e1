//! What the first start of a gateway writes into the file (cli.md §2.1, §3.5).

use serde_json::{Value, json};

use crate::{
    change::{Change, ChangeError, Stamp, prepare},
    env::Env,
    load::{LoadError, Snapshot, load},
    paths::Paths,
    sections::gateway::AuthMode,
    write::{AuditContext, SaveError, Saved, save},
};

/// What [`ensure_gateway_defaults`] did.
#[derive(Debug)]
pub struct GatewayDefaults {
    /// The configuration to run with.
    pub snapshot: Snapshot,
    /// True if there was no token and one was written: say so once.
    pub generated_token: bool,
    /// Origins that were added for browsers on this machine, because the gateway listens beyond it.
    pub seeded_origins: Vec<String>,
    /// What was written; `None` when nothing was missing.
    pub saved: Option<Saved>,
}

/// Why a gateway cannot get its defaults.
#[derive(Debug, thiserror::Error)]
pub enum DefaultsError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(
        "Gateway start blocked: gateway.mode is remote, so this machine is a client of another gateway\nTo run one here: openclaw config set gateway.mode local"
    )]
    Remote,
}

/// Completes the file as `setup` and the first `run` of the original do: `gateway.mode = "local"`, a token where the
/// mode is token and there is none, loopback origins for a gateway that listens beyond loopback; in a new file also
/// the workspace and the defaults for commands. Legacy keys are written where they belong.
///
/// `new_token` is 48 hexadecimal digits from the system's random numbers; it is used only if a token is missing.
///
/// # Errors
/// An invalid file, `gateway.mode = "remote"`, a read-only or unwritable configuration.
pub fn ensure_gateway_defaults(
    paths: &Paths,
    env: &Env,
    new_token: &str,
    stamp: Stamp<'_>,
    argv: &[String],
) -> Result<GatewayDefaults, DefaultsError> {
    let snapshot = load(paths, env)?;
    let gateway = &snapshot.config.gateway;
    if gateway.mode == Some(crate::sections::gateway::GatewayMode::Remote) {
        return Err(DefaultsError::Remote);
    }
    let mut wish = json!({});
    if !snapshot.exists {
        merge(&mut wish, &first_file(paths));
    }
    if gateway.mode.is_none() {
        merge(&mut wish, &json!({"gateway": {"mode": "local"}}));
    }
    let auth = gateway.auth.resolve(&snapshot.env);
    let named = snapshot.unresolved_secrets.iter().any(|secret| secret.path == "gateway.auth.token");
    let generated_token = auth.mode == AuthMode::Token && auth.token.is_none() && !named;
    if generated_token {
        merge(&mut wish, &json!({"gateway": {"auth": {"mode": "token", "token": new_token}}}));
    }
    let mut seeded_origins = Vec::new();
    if gateway.reaches_beyond_loopback() && gateway.control_ui.enabled && gateway.control_ui.allowed_origins.is_empty()
    {
        let port = paths.gateway_port(&snapshot.env, gateway.port);
        seeded_origins = vec![format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")];
        merge(&mut wish, &json!({"gateway": {"controlUi": {"allowedOrigins": seeded_origins}}}));
    }
    if wish == json!({}) && snapshot.legacy_issues.is_empty() {
        return Ok(GatewayDefaults { snapshot, generated_token, seeded_origins, saved: None });
    }
    let prepared = prepare(paths, env, &snapshot, &Change::Patch(wish), stamp)?;
    let saved = save(paths, env, &snapshot, &prepared, AuditContext { argv, now_ms: stamp.now_ms })?;
    Ok(GatewayDefaults { snapshot: load(paths, env)?, generated_token, seeded_origins, saved: Some(saved) })
}

/// What `setup` puts into a new file.
fn first_file(paths: &Paths) -> Value {
    let folder = match &paths.profile {
        Some(profile) => format!("workspace-{profile}"),
        None => "workspace".to_owned(),
    };
    json!({
        "agents": {"defaults": {"workspace": paths.state_dir.join(folder)}},
        "commands": {"native": "auto", "nativeSkills": "auto", "restart": true, "ownerDisplay": "raw"},
    })
}

fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(map), Value::Object(more)) => {
            for (key, value) in more {
                merge(map.entry(key.clone()).or_insert_with(|| json!({})), value);
            }
        }
        (into, value) => *into = value.clone(),
    }
}
