//! Where everything is (cli.md §1.1, §1.3): home, state directory, configuration file, and the files beside it.

use std::path::{Path, PathBuf};

use crate::env::Env;

/// The name of the configuration file, and the older ones that are still read if they are there.
const CONFIG_NAMES: [&str; 4] = ["openclaw.json", "clawdbot.json", "moldbot.json", "moltbot.json"];

/// State directories of earlier names, used when the present one does not exist (2026.3.13).
const LEGACY_STATE_NAMES: [&str; 3] = [".clawdbot", ".moldbot", ".moltbot"];

/// The port of `--dev`, so that it never meets the everyday gateway.
pub const DEV_PORT: u16 = 19001;

/// What the root options `--profile` and `--dev` said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChoice {
    pub profile: Option<String>,
    pub dev: bool,
}

/// Why no paths could be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathsError {
    #[error("Invalid --profile (use letters, numbers, \"_\", \"-\" only)")]
    InvalidProfile { profile: String },
    #[error("Cannot combine --dev with --profile")]
    DevAndProfile,
    #[error("no home folder: set OPENCLAW_HOME or HOME")]
    NoHome,
}

/// The resolved places. All are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The home folder that everything hangs on; `OPENCLAW_HOME` replaces the user's own.
    pub home: PathBuf,
    /// `~/.openclaw` unless `OPENCLAW_STATE_DIR`, a profile or a legacy folder says otherwise.
    pub state_dir: PathBuf,
    /// `openclaw.json` in the state directory unless `OPENCLAW_CONFIG_PATH` says otherwise.
    pub config_path: PathBuf,
    /// The profile, if it is not the default one.
    pub profile: Option<String>,
    /// `--dev` was given: [`DEV_PORT`] applies unless `OPENCLAW_GATEWAY_PORT` is set.
    pub dev: bool,
}

impl Paths {
    /// Finds the places from the environment and the profile options. Looks for legacy names, changes nothing.
    ///
    /// # Errors
    /// A profile name with other characters than letters, digits, `_`, `-`; `--dev` with another profile; no home.
    pub fn resolve(env: &Env, choice: &ProfileChoice) -> Result<Self, PathsError> {
        let home = home(env)?;
        let profile = profile(env, choice)?;
        let explicit_state = env.trimmed("OPENCLAW_STATE_DIR").or_else(|| env.trimmed("CLAWDBOT_STATE_DIR"));
        let state_dir = match (&explicit_state, &profile) {
            (Some(dir), _) => expand(dir, &home),
            (None, Some(profile)) => home.join(format!(".openclaw-{profile}")),
            (None, None) => default_state_dir(&home),
        };
        let config_path = match env.trimmed("OPENCLAW_CONFIG_PATH").or_else(|| env.trimmed("CLAWDBOT_CONFIG_PATH")) {
            Some(path) => expand(&path, &home),
            None => config_in(&state_dir),
        };
        Ok(Self { home, state_dir, config_path, profile, dev: choice.dev })
    }

    /// Paths below one folder, for tests and tools that want nothing of the user's.
    pub fn under(home: &Path) -> Self {
        let state_dir = home.join(".openclaw");
        let config_path = state_dir.join("openclaw.json");
        Self { home: home.to_owned(), state_dir, config_path, profile: None, dev: false }
    }

    /// Keys and tokens of this user as an operator: `device.json`, `device-auth.json`.
    pub fn identity_dir(&self) -> PathBuf {
        self.state_dir.join("identity")
    }

    /// Settings of the node host.
    pub fn node_json(&self) -> PathBuf {
        self.state_dir.join("node.json")
    }

    /// The node host's exec policy. Follows the home folder, not the state directory (cli.md §4.3).
    pub fn exec_approvals_json(&self) -> PathBuf {
        self.home.join(".openclaw").join("exec-approvals.json")
    }

    /// Log files and the audit of configuration writes.
    pub fn logs_dir(&self) -> PathBuf {
        self.state_dir.join("logs")
    }

    /// One line of JSON per write of the configuration.
    pub fn config_audit_log(&self) -> PathBuf {
        self.logs_dir().join("config-audit.jsonl")
    }

    /// The gateway's own certificate and key.
    pub fn tls_dir(&self) -> PathBuf {
        self.state_dir.join("gateway").join("tls")
    }

    /// Our database. The original keeps `state/openclaw.sqlite`; ours has a name of its own, so that both can live in
    /// one state directory.
    pub fn state_db(&self) -> PathBuf {
        self.state_dir.join("state").join("openclaw-rs.sqlite")
    }

    /// Credentials of channels; `OPENCLAW_OAUTH_DIR` replaces it.
    pub fn credentials_dir(&self, env: &Env) -> PathBuf {
        env.trimmed("OPENCLAW_OAUTH_DIR")
            .map_or_else(|| self.state_dir.join("credentials"), |dir| expand(&dir, &self.home))
    }

    /// What the canvas host serves unless `canvasHost.root` says otherwise.
    pub fn canvas_dir(&self) -> PathBuf {
        self.state_dir.join("canvas")
    }

    /// `OPENCLAW_GATEWAY_PORT` if it holds a port, else the port of `--dev`, else what the configuration says.
    pub fn gateway_port(&self, env: &Env, configured: u16) -> u16 {
        ["OPENCLAW_GATEWAY_PORT", "CLAWDBOT_GATEWAY_PORT"]
            .iter()
            .filter_map(|name| env.trimmed(name)?.parse().ok())
            .find(|port| *port > 0)
            .unwrap_or(if self.dev { DEV_PORT } else { configured })
    }

    /// A path as a person reads it: with `~` for the home folder.
    pub fn display(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Ok(rest) => Path::new("~").join(rest).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }

    /// A path that a setting names: `~` and relative paths as everywhere else.
    pub fn expand(&self, text: &str) -> PathBuf {
        expand(text, &self.home)
    }
}

fn home(env: &Env) -> Result<PathBuf, PathsError> {
    let user = ["HOME", "USERPROFILE"].iter().find_map(|name| env.trimmed(name)).map(PathBuf::from);
    let user = user.or_else(|| env.os_home());
    let home = match (env.trimmed("OPENCLAW_HOME"), user) {
        (Some(own), Some(user)) => expand(&own, &user),
        (Some(own), None) if !own.starts_with('~') => PathBuf::from(own),
        (None, Some(user)) => user,
        _ => return Err(PathsError::NoHome),
    };
    Ok(std::path::absolute(&home).unwrap_or(home))
}

fn profile(env: &Env, choice: &ProfileChoice) -> Result<Option<String>, PathsError> {
    let named = choice.profile.as_deref().map(str::trim);
    if choice.dev && named.is_some_and(|name| name != "dev") {
        return Err(PathsError::DevAndProfile);
    }
    let name = match named {
        Some(name) => Some(name.to_owned()),
        None if choice.dev => Some("dev".to_owned()),
        None => env.trimmed("OPENCLAW_PROFILE"),
    };
    match name {
        Some(name) if name.eq_ignore_ascii_case("default") => Ok(None),
        Some(name) if is_profile_name(&name) => Ok(Some(name)),
        Some(profile) => Err(PathsError::InvalidProfile { profile }),
        None => Ok(None),
    }
}

fn is_profile_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
}

fn default_state_dir(home: &Path) -> PathBuf {
    let present = home.join(".openclaw");
    if present.exists() {
        return present;
    }
    LEGACY_STATE_NAMES.iter().map(|name| home.join(name)).find(|legacy| legacy.is_dir()).unwrap_or(present)
}

fn config_in(state_dir: &Path) -> PathBuf {
    let present = state_dir.join("openclaw.json");
    CONFIG_NAMES.iter().map(|name| state_dir.join(name)).find(|path| path.exists()).unwrap_or(present)
}

/// `~` and `~/x` become the home folder; what is relative hangs on the working directory.
fn expand(text: &str, home: &Path) -> PathBuf {
    let path = match text.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with(['/', '\\']) => home.join(rest.trim_start_matches(['/', '\\'])),
        _ => PathBuf::from(text),
    };
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(home: &Path, more: &[(&str, &str)], profile: Option<&str>, dev: bool) -> Result<Paths, PathsError> {
        let home = home.display().to_string();
        let pairs = more.iter().copied().chain([("HOME", home.as_str())]);
        Paths::resolve(&Env::from_pairs(pairs), &ProfileChoice { profile: profile.map(str::to_owned), dev })
    }

    #[test]
    fn without_variables_everything_is_below_the_home_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(resolve(dir.path(), &[], None, false), Ok(Paths::under(dir.path())));
    }

    #[test]
    fn openclaw_home_replaces_the_home_and_a_tilde_in_it_means_the_users() {
        let dir = tempfile::tempdir().unwrap();
        let paths = resolve(dir.path(), &[("OPENCLAW_HOME", "~/claw")], None, false).unwrap();
        assert_eq!(paths.home, dir.path().join("claw"));
        assert_eq!(paths.state_dir, dir.path().join("claw/.openclaw"));
    }

    #[test]
    fn a_legacy_state_directory_and_config_name_are_used_only_while_the_present_ones_are_absent() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".clawdbot")).unwrap();
        std::fs::File::create(dir.path().join(".clawdbot/clawdbot.json")).unwrap();
        let paths = resolve(dir.path(), &[], None, false).unwrap();
        assert_eq!(paths.config_path, dir.path().join(".clawdbot/clawdbot.json"));
        std::fs::create_dir(dir.path().join(".openclaw")).unwrap();
        assert_eq!(
            resolve(dir.path(), &[], None, false).unwrap().config_path,
            dir.path().join(".openclaw/openclaw.json")
        );
    }

    #[test]
    fn a_profile_names_its_own_state_directory_unless_a_variable_does() {
        let dir = tempfile::tempdir().unwrap();
        let state =
            |more: &[(&str, &str)], profile, dev| resolve(dir.path(), more, profile, dev).map(|paths| paths.state_dir);
        assert_eq!(state(&[], Some("work"), false), Ok(dir.path().join(".openclaw-work")));
        assert_eq!(state(&[], None, true), Ok(dir.path().join(".openclaw-dev")));
        assert_eq!(state(&[], Some("default"), false), Ok(dir.path().join(".openclaw")));
        assert_eq!(state(&[("OPENCLAW_PROFILE", "env")], None, false), Ok(dir.path().join(".openclaw-env")));
        let own = dir.path().join("own");
        assert_eq!(state(&[("OPENCLAW_STATE_DIR", own.to_str().unwrap())], Some("work"), false), Ok(own));
        assert_eq!(state(&[], Some("a/b"), false), Err(PathsError::InvalidProfile { profile: "a/b".into() }));
        assert_eq!(state(&[], Some("work"), true), Err(PathsError::DevAndProfile));
    }

    #[test]
    fn the_exec_policy_follows_the_home_folder_and_not_the_state_directory() {
        let dir = tempfile::tempdir().unwrap();
        let paths = resolve(dir.path(), &[("OPENCLAW_STATE_DIR", "~/elsewhere")], None, false).unwrap();
        assert_eq!(paths.exec_approvals_json(), dir.path().join(".openclaw/exec-approvals.json"));
        assert_eq!(paths.node_json(), dir.path().join("elsewhere/node.json"));
    }

    #[test]
    fn the_port_variable_beats_dev_which_beats_the_file() {
        let mut paths = Paths::under(Path::new("/h"));
        let set = Env::from_pairs([("OPENCLAW_GATEWAY_PORT", " 4000 ")]);
        let bad = Env::from_pairs([("OPENCLAW_GATEWAY_PORT", "0")]);
        assert_eq!((paths.gateway_port(&set, 1), paths.gateway_port(&bad, 1)), (4000, 1));
        paths.dev = true;
        assert_eq!((paths.gateway_port(&set, 1), paths.gateway_port(&bad, 1)), (4000, DEV_PORT));
    }

    #[test]
    fn a_shown_path_has_a_tilde_for_the_home_folder() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert_eq!(paths.display(&paths.config_path).replace('\\', "/"), "~/.openclaw/openclaw.json");
        assert_eq!(paths.display(dir.path()), "~");
    }
}
