//! References to secrets that are kept elsewhere (cli.md §3.1).

use std::io::Read;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    env::Env,
    paths::Paths,
    platform,
    secret::Secret,
    sections::secrets::{FileMode, Provider, SecretsSection},
};

/// A file of secrets may be this large unless its provider says otherwise.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// What kind of place.
    pub source: SecretSource,
    /// Which of `secrets.providers`; `default` for the environment needs none.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_-]{0,63}$"))]
    pub provider: String,
    /// The name of the variable, the JSON pointer into the file (or `value`), or the key that the command is asked for.
    pub id: String,
}

/// The kinds of places that keep secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// An environment variable.
    Env,
    /// A file.
    File,
    /// A command that prints it.
    Exec,
}

/// Why a reference leads to no secret. No variant carries the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    #[error("`{id}` is not a valid id for a secret of source {source_name}")]
    Id { source_name: &'static str, id: String },
    #[error("secrets.providers.{provider} is not configured")]
    NoProvider { provider: String },
    #[error("secrets.providers.{provider} has source {found}, but the reference says {wanted}")]
    WrongSource { provider: String, wanted: &'static str, found: &'static str },
    #[error("environment variable {name} is not set")]
    UnsetVariable { name: String },
    #[error("secrets.providers.{provider}.allowlist does not allow the variable {name}")]
    NotAllowed { provider: String, name: String },
    #[error("{path}: {problem}")]
    File { path: String, problem: String },
    #[error("commands as a source of secrets are not run; put the secret into an environment variable or a file")]
    Exec,
}

impl SecretSource {
    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Exec => "exec",
        }
    }
}

impl SecretRef {
    /// Reads a value that has the shape of a reference. `None` for anything else.
    pub fn from_value(value: &Value) -> Option<Self> {
        value.is_object().then(|| Self::deserialize(value).ok()).flatten()
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// A malformed id, a provider that is missing or of another kind, or a secret that is not there.
    pub fn resolve(&self, secrets: &SecretsSection, paths: &Paths, env: &Env) -> Result<Secret, SecretRefError> {
        self.check_id()?;
        match (self.source, secrets.providers.get(&self.provider)) {
            (SecretSource::Exec, _) => Err(SecretRefError::Exec),
            (SecretSource::Env, None) => self.variable(&[], env),
            (SecretSource::Env, Some(Provider::Env { allowlist })) => self.variable(allowlist, env),
            (SecretSource::File, Some(Provider::File { path, mode, max_bytes, .. })) => {
                self.file(path, *mode, max_bytes.unwrap_or(MAX_FILE_BYTES), paths)
            }
            (SecretSource::File, None) => Err(SecretRefError::NoProvider { provider: self.provider.clone() }),
            (wanted, Some(other)) => Err(SecretRefError::WrongSource {
                provider: self.provider.clone(),
                wanted: wanted.name(),
                found: other.source().name(),
            }),
        }
    }

    fn check_id(&self) -> Result<(), SecretRefError> {
        let valid = match self.source {
            SecretSource::Env => is_variable_id(&self.id),
            SecretSource::File => self.id == "value" || self.id.starts_with('/'),
            SecretSource::Exec => is_command_id(&self.id),
        };
        if valid { Ok(()) } else { Err(SecretRefError::Id { source_name: self.source.name(), id: self.id.clone() }) }
    }

    fn variable(&self, allowlist: &[String], env: &Env) -> Result<Secret, SecretRefError> {
        if !allowlist.is_empty() && !allowlist.contains(&self.id) {
            return Err(SecretRefError::NotAllowed { provider: self.provider.clone(), name: self.id.clone() });
        }
        env.get(&self.id).map(Secret::new).ok_or_else(|| SecretRefError::UnsetVariable { name: self.id.clone() })
    }

    fn file(&self, path: &str, mode: FileMode, max_bytes: u64, paths: &Paths) -> Result<Secret, SecretRefError> {
        let file = paths.expand(path);
        let failed = |problem: String| SecretRefError::File { path: paths.display(&file), problem };
        let opened = std::fs::File::open(&file).map_err(|error| failed(error.to_string()))?;
        let metadata = opened.metadata().map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("is no regular file".to_owned()));
        }
        if platform::others_can_write(&metadata) {
            return Err(failed("other users may write to it; take that permission away (chmod go-w)".to_owned()));
        }
        let mut text = String::new();
        let read = opened.take(max_bytes + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        if u64::try_from(read).unwrap_or(u64::MAX) > max_bytes {
            return Err(failed(format!("is larger than {max_bytes} bytes")));
        }
        if mode == FileMode::SingleValue || self.id == "value" {
            let secret = Secret::new(text);
            return if secret.is_empty() { Err(failed("is empty".to_owned())) } else { Ok(secret) };
        }
        let value: Value = serde_json::from_str(&text).map_err(|error| failed(format!("is no JSON: {error}")))?;
        match value.pointer(&self.id) {
            Some(Value::String(secret)) if !secret.trim().is_empty() => Ok(Secret::new(secret.as_str())),
            _ => Err(failed(format!("has no text at {}", self.id))),
        }
    }
}

fn is_variable_id(id: &str) -> bool {
    let mut letters = id.chars();
    id.len() <= 128
        && letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

fn is_command_id(id: &str) -> bool {
    let mut letters = id.chars();
    id.len() <= 256
        && letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | ':' | '/' | '-'))
        && !id.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn reference(source: SecretSource, provider: &str, id: &str) -> SecretRef {
        SecretRef { source, provider: provider.into(), id: id.into() }
    }

    fn providers(value: &Value) -> SecretsSection {
        serde_json::from_value(json!({ "providers": value })).unwrap()
    }

    #[test]
    fn a_variable_is_found_and_an_allowlist_is_obeyed() {
        let paths = Paths::under(std::path::Path::new("/h"));
        let env = Env::from_pairs([("TOKEN", "t0k"), ("OTHER", "x")]);
        let secrets = providers(&json!({"default": {"source": "env", "allowlist": ["TOKEN"]}}));
        let get = |id| reference(SecretSource::Env, "default", id).resolve(&secrets, &paths, &env);
        assert!(get("TOKEN").unwrap().matches("t0k"));
        assert_eq!(
            get("OTHER").unwrap_err(),
            SecretRefError::NotAllowed { provider: "default".into(), name: "OTHER".into() }
        );
        assert_eq!(get("token").unwrap_err(), SecretRefError::Id { source_name: "env", id: "token".into() });
        let unset = reference(SecretSource::Env, "none", "NOPE").resolve(&secrets, &paths, &env);
        assert_eq!(unset.unwrap_err(), SecretRefError::UnsetVariable { name: "NOPE".into() });
    }

    #[test]
    fn a_file_gives_one_value_or_a_pointed_one_and_says_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = platform::create_private(&dir.path().join("s.json")).unwrap();
        file.write_all(br#"{"gw":{"token":"abc"},"n":1}"#).unwrap();
        let paths = Paths::under(dir.path());
        let secrets = providers(
            &json!({"f": {"source": "file", "path": "~/s.json"}, "s": {"source": "file", "path": "~/s.json", "mode": "singleValue"}, "none": {"source": "file", "path": "~/none"}, "small": {"source": "file", "path": "~/s.json", "maxBytes": 3}}),
        );
        let env = Env::from_pairs::<String, String>([]);
        let get = |provider, id| reference(SecretSource::File, provider, id).resolve(&secrets, &paths, &env);
        assert!(get("f", "/gw/token").unwrap().matches("abc"));
        assert!(get("s", "value").unwrap().expose().contains("token"));
        for (provider, id, said) in [
            ("f", "/n", "no text at /n"),
            ("none", "/a", "none: "),
            ("small", "/gw/token", "larger than 3"),
            ("gone", "/a", "not configured"),
            ("f", "x", "not a valid id"),
        ] {
            let error = get(provider, id).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_change_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        platform::create_private(&path).unwrap().write_all(b"abc").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let secrets = providers(&json!({"f": {"source": "file", "path": path, "mode": "singleValue"}}));
        let read = reference(SecretSource::File, "f", "value").resolve(
            &secrets,
            &Paths::under(dir.path()),
            &Env::from_pairs::<String, String>([]),
        );
        assert!(read.unwrap_err().to_string().contains("chmod go-w"));
    }

    #[test]
    fn a_command_is_parsed_but_never_run() {
        let secrets = providers(&json!({"op": {"source": "exec", "command": "/bin/op", "args": ["read"]}}));
        let paths = Paths::under(std::path::Path::new("/h"));
        let get = |id| {
            reference(SecretSource::Exec, "op", id).resolve(&secrets, &paths, &Env::from_pairs::<String, String>([]))
        };
        assert_eq!(get("a/b").unwrap_err(), SecretRefError::Exec);
        assert!(matches!(get("a/../b").unwrap_err(), SecretRefError::Id { .. }));
    }
}
