//! Reading the configuration (cli.md §3.1): text, includes, `env` section, `${VARIABLE}`, legacy keys, types.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    decode::{UnresolvedSecret, decode},
    env::{Env, parse_dotenv},
    include::{self, Included, Source},
    issue::{Issue, SourceLocation, Warning},
    json5::{self, Location},
    key_path::KeyPath,
    migrate::{LegacyIssue, migrate},
    paths::Paths,
    sections::Config,
    substitute,
};

/// A configuration file may be this large.
pub const MAX_BYTES: u64 = 8 << 20;

/// Variables that decide about the host and so come from the process alone, never from `.env` or the `env` section.
const HOST_ONLY: [&str; 4] = ["OPENCLAW_NIX_MODE", "OPENCLAW_CONFIG_READONLY", "OPENCLAW_HOME", "OPENCLAW_STATE_DIR"];

/// A configuration as it was at one moment. Never changes.
#[derive(Clone)]
pub struct Snapshot {
    pub path: PathBuf,
    /// False if there is no file, which is a valid, empty configuration.
    pub exists: bool,
    /// The text of the file.
    pub raw: String,
    /// SHA-256 of the bytes of the file, in hexadecimal: the `baseHash` of writes.
    pub hash: String,
    /// What the file itself says: `$include` and `${VARIABLE}` as they are written.
    pub parsed: Value,
    /// With includes merged, variables replaced and legacy keys moved. Holds secrets in the clear.
    pub resolved: Value,
    /// With types and defaults. With issues: what remains without the wrong parts, for diagnostic commands only.
    pub config: Arc<Config>,
    /// What makes it invalid.
    pub issues: Vec<Issue>,
    pub warnings: Vec<Warning>,
    /// Keys of earlier releases, already moved in `resolved`.
    pub legacy_issues: Vec<LegacyIssue>,
    /// Files that `$include` named.
    pub included_paths: Vec<PathBuf>,
    /// Secrets that are named but could not be had. An operator's command may not need them; a gateway refuses to
    /// start without those of `gateway.auth` ([`crate::start::check`]).
    pub unresolved_secrets: Vec<UnresolvedSecret>,
    /// The environment with the state directory's `.env` and the `env` section behind it.
    pub env: Env,
}

impl Snapshot {
    /// True if nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.issues.is_empty()
    }
}

impl fmt::Debug for Snapshot {
    /// Shows no value of the file: it holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("exists", &self.exists)
            .field("hash", &self.hash)
            .field("issues", &self.issues)
            .finish_non_exhaustive()
    }
}

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the config file {shown}: {source}")]
    Read {
        path: PathBuf,
        shown: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Invalid(#[from] InvalidConfig),
}

/// A file that says something wrong. `Display` is the block that every command prints (cli.md §3.6).
#[derive(Debug)]
pub struct InvalidConfig {
    pub path: PathBuf,
    /// The path with `~`.
    pub shown: String,
    pub issues: Vec<Issue>,
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config invalid\nFile: {}\nProblem:", self.shown)?;
        for issue in &self.issues {
            let shorter = |location: &SourceLocation| {
                let file = if location.file == self.path { PathBuf::from(&self.shown) } else { location.file.clone() };
                SourceLocation { file, ..location.clone() }
            };
            let issue = Issue { location: issue.location.as_ref().map(shorter), ..issue.clone() };
            write!(f, "\n  - {issue}")?;
        }
        write!(f, "\n\nRun: openclaw config validate")
    }
}

impl std::error::Error for InvalidConfig {}

/// Loads a configuration to run with.
///
/// # Errors
/// A file that cannot be read, or anything wrong in it: nothing is ever replaced by a default silently (REL-009).
pub fn load(paths: &Paths, env: &Env) -> Result<Snapshot, LoadError> {
    let snapshot = inspect(paths, env)?;
    if snapshot.is_valid() {
        return Ok(snapshot);
    }
    let shown = paths.display(&snapshot.path);
    Err(InvalidConfig { path: snapshot.path, shown, issues: snapshot.issues }.into())
}

/// Loads whatever there is, issues included: for `doctor`, `config.get` and commands that go on without.
///
/// # Errors
/// Only a file that cannot be read.
pub fn inspect(paths: &Paths, env: &Env) -> Result<Snapshot, LoadError> {
    let read =
        |source| LoadError::Read { path: paths.config_path.clone(), shown: paths.display(&paths.config_path), source };
    let bytes = match read_file(&paths.config_path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(read(error)),
    };
    Ok(evaluate(paths, env, bytes))
}

/// What a text would mean if it were the file.
pub fn preview(paths: &Paths, env: &Env, text: &str) -> Snapshot {
    evaluate(paths, env, Some(text.as_bytes().to_vec()))
}

/// SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or(0));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

fn evaluate(paths: &Paths, env: &Env, bytes: Option<Vec<u8>>) -> Snapshot {
    let env = with_dotenv(paths, env);
    let exists = bytes.is_some();
    let bytes = bytes.unwrap_or_default();
    let hash = hash(&bytes);
    let (raw, parsed, included) = match read_text(paths, bytes, exists) {
        Ok(read) => read,
        Err((raw, issue)) => return broken(paths, env, raw, hash, *issue),
    };
    let Included { value: mut resolved, sources, mut issues } = included;
    let legacy_issues = migrate(&mut resolved);
    let (env, env_warnings) = with_env_section(env, &resolved);
    let mut warnings = env_warnings;
    substitute::substitute(&mut resolved, &mut Vec::new(), &env, &mut warnings);
    let decoded = decode(&resolved, paths, &env);
    issues.extend(decoded.issues);
    for issue in &mut issues {
        if issue.location.is_none() {
            issue.location = include::locate(&sources, &issue.target);
        }
    }
    warnings.extend(
        legacy_issues.iter().map(|legacy| Warning { path: legacy.path.clone(), message: legacy.message.clone() }),
    );
    Snapshot {
        path: paths.config_path.clone(),
        exists,
        raw,
        hash,
        parsed,
        resolved,
        config: Arc::new(decoded.config),
        issues,
        warnings,
        legacy_issues,
        included_paths: sources.into_iter().skip(1).map(|Source { file, .. }| file).collect(),
        unresolved_secrets: decoded.unresolved,
        env,
    }
}

type ReadText = (String, Value, Included);

/// Text, parsed value and merged value; or the text as far as it is text, and what is wrong with it.
fn read_text(paths: &Paths, bytes: Vec<u8>, exists: bool) -> Result<ReadText, (String, Box<Issue>)> {
    let place = |line, column| Some(SourceLocation { file: paths.config_path.clone(), line, column });
    let root = KeyPath::root();
    let raw = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let raw = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let Location { line, column } = Location::of(&raw, valid);
        let issue = Issue { location: place(line, column), ..Issue::at(&root, "the file is not UTF-8 text") };
        (raw, Box::new(issue))
    })?;
    if !exists {
        let value = Value::Object(Map::new());
        return Ok((raw, value.clone(), Included { value, sources: Vec::new(), issues: Vec::new() }));
    }
    match json5::parse(&raw) {
        Ok(document) => {
            let parsed = document.root.to_value();
            let included = include::resolve(&paths.config_path, raw.clone(), document);
            Ok((raw, parsed, included))
        }
        Err(error) => {
            let message = format!("JSON5 parse failed: {}", error.problem);
            let issue = Issue { location: place(error.line, error.column), ..Issue::at(&root, message) };
            Err((raw, Box::new(issue)))
        }
    }
}

/// A file of which nothing can be used.
fn broken(paths: &Paths, env: Env, raw: String, hash: String, issue: Issue) -> Snapshot {
    let empty = Value::Object(Map::new());
    Snapshot {
        path: paths.config_path.clone(),
        exists: true,
        raw,
        hash,
        parsed: empty.clone(),
        resolved: empty,
        config: Arc::default(),
        issues: vec![issue],
        warnings: Vec::new(),
        legacy_issues: Vec::new(),
        included_paths: Vec::new(),
        unresolved_secrets: Vec::new(),
        env,
    }
}

/// Adds `.env` of the state directory. A `.env` of the working directory is not read: whoever wrote the workspace must
/// not steer the gateway (SEC-113).
fn with_dotenv(paths: &Paths, env: &Env) -> Env {
    let Ok(bytes) = read_file(&paths.state_dir.join(".env")) else { return env.clone() };
    let mut variables = parse_dotenv(&String::from_utf8_lossy(&bytes));
    variables.retain(|name, _| !HOST_ONLY.contains(&name.as_str()));
    if variables.is_empty() { env.clone() } else { env.clone().with_layer(variables) }
}

/// Adds the variables of the `env` section: `env.vars.NAME` and `env.NAME`.
fn with_env_section(env: Env, resolved: &Value) -> (Env, Vec<Warning>) {
    let mut variables = HashMap::new();
    let mut warnings = Vec::new();
    let Some(section) = resolved.get("env").and_then(Value::as_object) else { return (env, warnings) };
    let vars = section.get("vars").and_then(Value::as_object);
    for (name, value) in section.iter().chain(vars.into_iter().flatten()) {
        let Some(text) = value.as_str() else { continue };
        if HOST_ONLY.contains(&name.as_str()) {
            let path = format!("env.{name}");
            let message = format!("{name} is only read from the environment of the process");
            warnings.push(Warning { path, message });
            continue;
        }
        let mut complete = true;
        let expanded = substitute::expand(text, &env, |_| complete = false);
        if complete {
            variables.insert(name.clone(), expanded.unwrap_or_else(|| text.to_owned()));
        }
    }
    (if variables.is_empty() { env } else { env.with_layer(variables) }, warnings)
}
