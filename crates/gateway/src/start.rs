//! Starting a gateway: one owner per state directory, configuration, port, state; nothing is changed before the port
//! is ours (REL-020, REL-021).

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_config::{
    Config, Env, LoadError, Paths, Snapshot,
    change::Stamp,
    defaults::DefaultsError,
    ensure_gateway_defaults,
    sections::gateway::{AuthMode, Bind},
    start::StartRefusal,
};
use openclaw_identity::{RandomError, Secret, random_hex};
use openclaw_protocol::{clock::Clock, version::CONFIG_RELEASE};
use openclaw_store::{
    Store, StoreError,
    files::{FileError, GATEWAY_IDENTITY, GatewayInfo, Holder, LockError, StateLock, identity, owner_secret},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    auth::rate_limit::RateLimiter,
    configuration::{self, Configuration},
    health, http,
    hub::{Hub, Identity, Life},
    listen::{self, ListenError},
    original,
    presence::{self, Presence},
    reach::{Encryption, Reach},
    rpc,
    server::Server,
    shutdown, tick,
    tls::{self, TlsError},
};

/// How long a start waits for another gateway to give the state directory back.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How to start a gateway.
pub struct Options {
    pub paths: Paths,
    pub env: Env,
    /// What the command line says over the file.
    pub overrides: Overrides,
    pub clock: Clock,
    /// What clients are told as the gateway's version.
    pub version: String,
}

/// What the command line says over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// 0 takes any free port.
    pub port: Option<u16>,
    pub bind: Option<Bind>,
    pub auth: Option<AuthMode>,
    pub token: Option<openclaw_config::Secret>,
    pub password: Option<openclaw_config::Secret>,
}

/// Why a gateway did not start. Nothing was changed, except where a variant says so.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Lock(LockError),
    /// A Node.js gateway works on the same configuration.
    #[error("an original OpenClaw gateway (pid {pid}) runs on this configuration; end it first: openclaw gateway stop")]
    Original { pid: u32 },
    #[error(transparent)]
    Config(#[from] LoadError),
    /// The file could not be completed.
    #[error(transparent)]
    Defaults(#[from] DefaultsError),
    #[error(transparent)]
    Refused(#[from] StartRefusal),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The program ended while it started.
    #[error("the start was interrupted")]
    Interrupted,
}

/// How a gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// Somebody asked for a restart: start it again.
    Restart,
}

/// A running gateway. Dropping it does not stop it; [`Running::stop`] and [`Running::ended`] do.
pub struct Running {
    hub: Arc<Hub>,
    url: String,
    info: GatewayInfo,
    state_dir: PathBuf,
    lock: StateLock,
}

/// Starts a gateway.
///
/// # Errors
/// [`StartError`]; every text says what to do.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let Options { paths, env, overrides, clock, version } = options;
    let started = Instant::now();
    let holder = Holder { pid: std::process::id(), started_at_ms: clock.now_ms(), port: None, url: None };
    let mut lock = acquire(&paths, holder.clone()).await?;
    if let Some(original::Running { pid, .. }) =
        original::running(&paths.config_path, &std::env::temp_dir(), owner(&paths))
    {
        return Err(StartError::Original { pid });
    }
    // The token that a first start would write counts already when it is checked who could come in.
    let new_token = random_hex::<24>()?;
    let looked_at = look_at(&paths, &env, &overrides, &new_token)?;
    let port = listening_port(&paths, &overrides, &looked_at);
    let listeners = listen::bind(&looked_at.config.gateway, port).await?;
    let snapshot =
        configured(&paths, &env, &overrides, Stamp { version: CONFIG_RELEASE, now_ms: clock.now_ms() }, &new_token)?;
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let tls = encryption(&paths, &snapshot, &addresses)?;
    let reach = Reach::new(addresses, tls.as_ref().map_or(Encryption::None, |(_, reach)| reach.clone()));
    let hub = hub(Parts { paths, env, overrides, clock, version, snapshot, reach, started })?;
    let url = hub.reach.local_url();
    let info = GatewayInfo {
        pid: holder.pid,
        port: hub.reach.port(),
        url: url.clone(),
        instance_id: hub.identity.instance_id.clone(),
        name: hub.identity.name.clone(),
        version: hub.identity.version.clone(),
        started_at_ms: holder.started_at_ms,
        tls_fingerprint: hub.reach.fingerprint(),
    };
    let state_dir = hub.configuration.paths().state_dir.clone();
    lock.describe(&Holder { port: Some(info.port), url: Some(url.clone()), ..holder })?;
    info.write(&state_dir)?;
    serve(&hub, listeners, tls.map(|(acceptor, _)| acceptor));
    info!(
        gateway.instance = %hub.identity.instance_id, duration_ms = started.elapsed().as_millis(),
        "gateway {} listening on {url} (PID {})", hub.identity.name, info.pid
    );
    Ok(Running { hub, url, info, state_dir, lock })
}

/// Everything that a hub is made of.
struct Parts {
    paths: Paths,
    env: Env,
    overrides: Overrides,
    clock: Clock,
    version: String,
    snapshot: Snapshot,
    reach: Reach,
    started: Instant,
}

fn hub(parts: Parts) -> Result<Arc<Hub>, StartError> {
    let Parts { paths, env, overrides, clock, version, snapshot, reach, started } = parts;
    let now_ms = clock.now_ms();
    let store = Store::open(&paths.state_dir, now_ms)?;
    if let Some(imported) = &store.opened().imported {
        info!("took over {} paired devices from {}", imported.devices, imported.sources.join(", "));
        for skipped in &imported.skipped {
            warn!("not taken over: {skipped}");
        }
    }
    let key = identity(&paths.state_dir.join(GATEWAY_IDENTITY), now_ms)?.key;
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let own = Presence::own_entry(&name, None, &version, std::env::consts::OS, now_ms);
    let identity = Identity {
        instance_id: store.gateway_meta().instance_id.clone(),
        owner_secret: owner_secret(&paths.state_dir, now_ms)?,
        name,
        key,
        version,
        boot_id: Uuid::new_v4().to_string(),
    };
    let life =
        Life { tasks: TaskTracker::new(), stop: CancellationToken::new(), restart: CancellationToken::new(), started };
    let apply = move |config: &mut Config| overrides.apply(config);
    Ok(Arc::new(Hub {
        identity,
        life,
        clock,
        store,
        configuration: Configuration::new(paths, env, snapshot).with_overrides(Arc::new(apply)),
        registry: rpc::all(),
        connections: crate::conn::directory::Directory::default(),
        nodes: crate::nodes::registry::Nodes::default(),
        dedupe: crate::nodes::dedupe::Dedupe::default(),
        waiters: crate::pairing::waiters::Waiters::default(),
        presence: Presence::new(own),
        health: health::Health::new(),
        limiter: RateLimiter::new(),
        suspension: crate::suspension::Suspension::new(),
        reach,
    }))
}

async fn acquire(paths: &Paths, holder: Holder) -> Result<StateLock, StartError> {
    let state_dir = paths.state_dir.clone();
    let acquired = tokio::task::spawn_blocking(move || StateLock::acquire(&state_dir, &holder, LOCK_WAIT)).await;
    acquired.or(Err(StartError::Interrupted))?.map_err(StartError::Lock)
}

/// The user who owns the state directory, after whom the original names its folder of locks.
#[cfg(unix)]
fn owner(paths: &Paths) -> Option<u32> {
    std::fs::metadata(&paths.state_dir).ok().map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata))
}

/// The original names no user in its folder of locks on Windows.
#[cfg(not(unix))]
const fn owner(_: &Paths) -> Option<u32> {
    None
}

fn listening_port(paths: &Paths, overrides: &Overrides, snapshot: &Snapshot) -> u16 {
    overrides.port.unwrap_or_else(|| paths.gateway_port(&snapshot.env, snapshot.config.gateway.port))
}

/// TLS where the configuration wants it, and beside plain text where other machines can reach the gateway: they must not
/// send secrets in the clear (SEC-014), and an invitation that pins the certificate works without any setting.
fn encryption(
    paths: &Paths,
    snapshot: &Snapshot,
    addresses: &[SocketAddr],
) -> Result<Option<(TlsAcceptor, Encryption)>, StartError> {
    let gateway = &snapshot.config.gateway;
    if let Some(tls) = tls::acceptor(paths, gateway, addresses)? {
        return Ok(Some((tls.acceptor, Encryption::Required(tls.fingerprint))));
    }
    if addresses.iter().all(|address| address.ip().is_loopback()) {
        return Ok(None);
    }
    let mut offered = gateway.clone();
    offered.tls.enabled = true;
    match tls::acceptor(paths, &offered, addresses) {
        Ok(tls) => Ok(tls.map(|tls| (tls.acceptor, Encryption::Offered(tls.fingerprint)))),
        Err(error) => {
            warn!("other machines get no encryption: {error}");
            Ok(None)
        }
    }
}

/// The file as it is, before anything is written.
fn look_at(paths: &Paths, env: &Env, overrides: &Overrides, new_token: &Secret) -> Result<Snapshot, StartError> {
    let mut snapshot = openclaw_config::load(paths, env)?;
    let resolved = snapshot.config.gateway.auth.resolve(&snapshot.env);
    let config = Arc::make_mut(&mut snapshot.config);
    if resolved.mode == AuthMode::Token && resolved.token.is_none() {
        config.gateway.auth.token = Some(openclaw_config::Secret::new(new_token.expose()));
    }
    overrides.apply(config);
    Ok(snapshot)
}

/// The configuration to run with: what a first start lacks is written to the file, then the command line comes over it.
fn configured(
    paths: &Paths,
    env: &Env,
    overrides: &Overrides,
    stamp: Stamp<'_>,
    new_token: &Secret,
) -> Result<Snapshot, StartError> {
    let arguments: Vec<String> = std::env::args().collect();
    let done = ensure_gateway_defaults(paths, env, new_token.expose(), stamp, &arguments)?;
    if done.generated_token {
        info!("auth token was missing. Generated a new token and saved it to config (gateway.auth.token).");
    }
    let mut snapshot = done.snapshot;
    overrides.apply(Arc::make_mut(&mut snapshot.config));
    openclaw_config::start::check(&snapshot.config, &snapshot.unresolved_secrets, &snapshot.env)?;
    for warning in &snapshot.warnings {
        warn!("config {}: {}", warning.path, warning.message);
    }
    Ok(snapshot)
}

fn serve(hub: &Arc<Hub>, listeners: Vec<TcpListener>, tls: Option<TlsAcceptor>) {
    let server = Server { hub: Arc::clone(hub), router: http::router(Arc::clone(hub)), tls };
    for listener in listeners {
        hub.life.tasks.spawn(server.clone().listen(listener));
    }
    hub.life.tasks.spawn(tick::tick_loop(Arc::clone(hub)));
    hub.life.tasks.spawn(health::refresh_loop(Arc::clone(hub)));
    hub.life.tasks.spawn(presence::broadcast_loop(Arc::clone(hub)));
    hub.life.tasks.spawn(configuration::watch(Arc::clone(hub)));
}

impl Overrides {
    fn apply(&self, config: &mut Config) {
        let gateway = &mut config.gateway;
        if let Some(port) = self.port {
            gateway.port = port;
        }
        if let Some(bind) = self.bind {
            gateway.bind = bind;
        }
        if let Some(token) = &self.token {
            gateway.auth.token = Some(token.clone());
        }
        if let Some(password) = &self.password {
            gateway.auth.password = Some(password.clone());
        }
        // A secret on the command line is the one that is meant, unless a mode is named too.
        let implied = match (&self.token, &self.password) {
            (Some(_), None) => Some(AuthMode::Token),
            (None, Some(_)) => Some(AuthMode::Password),
            _ => None,
        };
        if let Some(mode) = self.auth.or(implied) {
            gateway.auth.mode = Some(mode);
        }
    }
}

impl Running {
    /// Where a program on this machine reaches it, such as `ws://127.0.0.1:18789`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The one port.
    pub fn port(&self) -> u16 {
        self.info.port
    }

    /// Everything it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.hub.reach.addresses()
    }

    /// Addresses that other machines can use; none on loopback.
    pub fn lan_addresses(&self) -> Vec<std::net::IpAddr> {
        self.hub.reach.lan_addresses()
    }

    /// As people know it.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// Stable over restarts.
    pub fn instance_id(&self) -> &str {
        &self.info.instance_id
    }

    /// SHA-256 of its certificate, when it speaks TLS.
    pub fn fingerprint(&self) -> Option<&str> {
        self.info.tls_fingerprint.as_deref()
    }

    /// Tells it to stop; [`Running::ended`] waits for it.
    pub fn stop(&self) {
        self.hub.life.stop.cancel();
    }

    /// Resolves when it was told to stop or to restart, before it has ended.
    pub async fn stopping(&self) {
        self.hub.life.stop.cancelled().await;
    }

    /// Waits until it ends, closes everything in order, and gives the state directory back.
    pub async fn ended(self) -> Ended {
        let Self { hub, info, state_dir, lock, .. } = self;
        hub.life.stop.cancelled().await;
        shutdown::shut_down(&hub).await;
        let restart = hub.life.restart.is_cancelled();
        drop(hub);
        if let Err(error) = info.withdraw(&state_dir) {
            warn!("{error}");
        }
        drop(lock);
        if restart { Ended::Restart } else { Ended::Stopped }
    }
}
