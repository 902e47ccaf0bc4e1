//! The configuration in effect, and whether another one may take its place.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use openclaw_config::{
    Config, Env, LoadError, Paths, Snapshot,
    diff::{self, ReloadPlan},
    sections::gateway::Bind,
    start::{self, StartRefusal},
};

use super::budget::WriteBudget;
use crate::settings::{AuthRule, Settings};

/// Keys that the original restarts for and that this gateway reads when it needs them.
const READ_WHEN_NEEDED: [&str; 10] = [
    "gateway.auth",
    "gateway.trustedProxies",
    "gateway.allowRealIpFallback",
    "gateway.controlUi",
    "gateway.nodes",
    "gateway.handshakeTimeoutMs",
    "gateway.http",
    "gateway.tls.certPath",
    "gateway.tls.keyPath",
    "env",
];
/// Keys that the original applies at once and that count here from the next start on, without a restart for them.
const READ_AT_START: [&str; 1] = ["logging"];

/// What the command line says over the file, put into every configuration that is loaded.
pub(crate) type Overrides = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// The current configuration and how it came to be.
pub(crate) struct Configuration {
    paths: Paths,
    env: Env,
    overrides: Option<Overrides>,
    /// Where the gateway listens: a new file does not move it before a restart.
    listening: (Bind, Option<String>),
    current: RwLock<Current>,
    /// Why the file on the disk is not what the gateway works with, if it is not.
    problem: Mutex<Option<String>>,
    /// Writes through `config.patch` and `config.apply` that v3 clients may still make (protocol.md §1.2).
    pub(crate) write_budget: WriteBudget,
}

#[derive(Clone)]
struct Current {
    snapshot: Arc<Snapshot>,
    settings: Arc<Settings>,
}

/// What reading the file again led to.
#[derive(Debug)]
pub(crate) enum Reloaded {
    /// The content is what it was.
    Unchanged,
    /// It is in effect, but for what the plan says needs a restart.
    Applied { plan: ReloadPlan, next_start: Vec<String>, secret_changed: bool },
    /// It is good, but must not count while the gateway listens where it does.
    RestartNeeded { reason: String },
    /// It is not taken. `first` is false when the same problem was reported before.
    Refused { problem: String, first: bool },
}

impl Configuration {
    /// Starts with a configuration that was checked by `openclaw_config::start::check`.
    pub(crate) fn new(paths: Paths, env: Env, snapshot: Snapshot) -> Self {
        let listening = (snapshot.config.gateway.bind, snapshot.config.gateway.custom_bind_host.clone());
        Self {
            paths,
            env,
            overrides: None,
            listening,
            current: RwLock::new(Current::of(snapshot)),
            problem: Mutex::default(),
            write_budget: WriteBudget::default(),
        }
    }

    /// The same, with what the command line says put into each later configuration too. `snapshot` already has it.
    #[must_use]
    pub(crate) fn with_overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = Some(overrides);
        self
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The environment of the process, without what the file adds to it.
    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// What decides about connections now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.read(|current| Arc::clone(&current.settings))
    }

    /// The whole configuration in effect.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.read(|current| Arc::clone(&current.snapshot))
    }

    /// Why the file on the disk is not in effect, if it is not.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a configuration into effect and says what changed.
    pub(crate) fn replace(&self, snapshot: Snapshot) -> ReloadPlan {
        let next = Current::of(snapshot);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let plan = diff::plan(&current.snapshot.resolved, &next.snapshot.resolved);
        *current = next;
        plan
    }

    /// Reads the file and puts it into effect if it may be.
    pub(crate) fn reload(&self) -> Reloaded {
        let mut next = match openclaw_config::load(&self.paths, &self.env) {
            Ok(next) => next,
            Err(error) => return self.refuse(problem_of(&error)),
        };
        let before = self.read(Clone::clone);
        if before.snapshot.exists && !next.exists {
            return self.refuse("config file not found".to_owned());
        }
        if let Some(overrides) = &self.overrides {
            overrides(Arc::make_mut(&mut next.config));
        }
        if let Err(refusal) = start::check(&next.config, &next.unresolved_secrets, &next.env) {
            return self.refuse(refusal.to_string());
        }
        if let Err(refusal) = self.check_where_it_listens(&next) {
            self.forget_problem();
            return Reloaded::RestartNeeded { reason: refusal.to_string() };
        }
        self.forget_problem();
        let secret_changed = {
            let settings = Settings::of(&next, &next.env);
            !same_secret(&before.settings.auth_rule(), &settings.auth_rule())
        };
        if before.snapshot.hash == next.hash && before.snapshot.resolved == next.resolved && !secret_changed {
            return Reloaded::Unchanged;
        }
        let mut plan = self.replace(next);
        let covered = |keys: &[&str], path: &str| keys.iter().any(|key| lies_below(path, key));
        plan.reasons.retain(|path| !covered(&READ_WHEN_NEEDED, path));
        plan.restart = !plan.reasons.is_empty();
        let changed = plan.changed.iter().map(ToString::to_string);
        let next_start = changed.filter(|path| covered(&READ_AT_START, path)).collect();
        Reloaded::Applied { plan, next_start, secret_changed }
    }

    /// Whether the secrets of `next` are enough for the addresses that the gateway listens on now (SEC-031).
    fn check_where_it_listens(&self, next: &Snapshot) -> Result<(), StartRefusal> {
        let mut config = Config::clone(&next.config);
        (config.gateway.bind, config.gateway.custom_bind_host) = self.listening.clone();
        start::check(&config, &next.unresolved_secrets, &next.env).map(drop)
    }

    fn refuse(&self, problem: String) -> Reloaded {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.as_ref() != Some(&problem);
        *known = Some(problem.clone());
        Reloaded::Refused { problem, first }
    }

    fn forget_problem(&self) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn read<T>(&self, take: impl FnOnce(&Current) -> T) -> T {
        take(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    fn of(snapshot: Snapshot) -> Self {
        let settings = Arc::new(Settings::of(&snapshot, &snapshot.env));
        Self { snapshot: Arc::new(snapshot), settings }
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration").field("path", &self.paths.config_path).finish_non_exhaustive()
    }
}

/// On one line, for the log and `status`.
fn problem_of(error: &LoadError) -> String {
    match error {
        LoadError::Invalid(invalid) => {
            let issues: Vec<String> = invalid.issues.iter().map(ToString::to_string).collect();
            format!("invalid config: {}", issues.join("; "))
        }
        error @ LoadError::Read { .. } => error.to_string(),
    }
}

fn lies_below(path: &str, key: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether what clients have to show is the same.
fn same_secret(before: &AuthRule, after: &AuthRule) -> bool {
    match (before, after) {
        (AuthRule::Open, AuthRule::Open) | (AuthRule::Proxy, AuthRule::Proxy) => true,
        (AuthRule::Token(before), AuthRule::Token(after)) | (AuthRule::Password(before), AuthRule::Password(after)) => {
            match (before, after) {
                (Some(before), Some(after)) => before.is(after.expose()),
                (None, None) => true,
                _ => false,
            }
        }
        _ => false,
    }
}
