//! A home folder of its own for each test.

use std::{fs::File, io::Write, path::Path};

use openclaw_config::{
    Env, Paths, Snapshot,
    change::{Change, ChangeError, Prepared, Stamp, prepare},
    inspect,
    key_path::KeyPath,
    write::{AuditContext, SaveError, Saved, save},
};
use serde_json::Value;

pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) paths: Paths,
    pub(crate) env: Env,
}

pub(crate) const STAMP: Stamp<'static> = Stamp { version: "2026.3.13", now_ms: 1_795_329_698_116 };

impl Place {
    pub(crate) fn new(text: &str) -> Self {
        let place = Self::empty(&[]);
        place.file(".openclaw/openclaw.json", text);
        place
    }

    pub(crate) fn empty(env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        Self { paths, env: Env::from_pairs(env.iter().copied()), dir }
    }

    pub(crate) fn with_env(mut self, env: &[(&str, &str)]) -> Self {
        self.env = Env::from_pairs(env.iter().copied());
        self
    }

    /// Writes a file below the home folder.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_ref()).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.paths.config_path).unwrap()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        inspect(&self.paths, &self.env).unwrap()
    }

    pub(crate) fn prepare(&self, change: &Change) -> Result<Prepared, ChangeError> {
        prepare(&self.paths, &self.env, &self.snapshot(), change, STAMP)
    }

    pub(crate) fn save(&self, prepared: &Prepared, current: &Snapshot) -> Result<Saved, SaveError> {
        let argv = ["openclaw", "config", "set", "gateway.auth.token", "hunter2hunter2"].map(str::to_owned);
        save(&self.paths, &self.env, current, prepared, AuditContext { argv: &argv, now_ms: STAMP.now_ms })
    }

    /// `config set`, whole.
    pub(crate) fn set(&self, path: &str, value: Value) -> Result<Saved, String> {
        let change = Change::Set { path: KeyPath::parse(path).unwrap(), value };
        self.apply(&change)
    }

    pub(crate) fn apply(&self, change: &Change) -> Result<Saved, String> {
        let current = self.snapshot();
        let prepared = self.prepare(change).map_err(|error| error.to_string())?;
        self.save(&prepared, &current).map_err(|error| error.to_string())
    }
}

/// The text without the folder of this run, with slashes.
pub(crate) fn neutral(text: &str, dir: &Path) -> String {
    let canonical = dir.canonicalize().unwrap();
    text.replace(&canonical.display().to_string(), "HOME")
        .replace(&dir.display().to_string(), "HOME")
        .replace('\\', "/")
}
