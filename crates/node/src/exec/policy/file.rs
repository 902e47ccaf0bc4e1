//! The policy file on disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use openclaw_identity::{RandomError, random_token};
use openclaw_store::files::{FileError, write_atomic};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::digest::hex;

use super::document::{Ask, Document, EVERY_AGENT, Effective, Entry, Security};

/// A larger file is no policy that a person wrote.
const MAX_BYTES: u64 = 4 << 20;

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("cannot read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Save(#[from] FileError),
    #[error("cannot use the folder of {}", .path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder is a link to a place that does not belong to the home folder.
    #[error("{} is not written: its folder leads to {}, outside the home folder", .path.display(), .leads_to.display())]
    Outside { path: PathBuf, leads_to: PathBuf },
    /// Its text is no policy; everything is denied until a person repairs it or moves it away.
    #[error("{} is no policy: {problem}", .path.display())]
    Unreadable { path: PathBuf, problem: String },
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The policy as it was on disk at one moment.
#[derive(Clone, Debug)]
pub struct Policy {
    path: PathBuf,
    /// `None` when there is no file.
    text: Option<String>,
    document: Result<Document, String>,
}

/// What `system.execApprovals.get` shows: the policy without the companion's secret.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    pub path: String,
    pub exists: bool,
    pub hash: String,
    pub file: Value,
}

impl Policy {
    /// Reads the file; a missing one is an empty policy.
    ///
    /// # Errors
    /// [`PolicyError::Read`] when the file is there and cannot be read. A text that is no policy is no error here: such
    /// a policy denies everything.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let failed = |source| PolicyError::Read { path: path.to_owned(), source };
        let text = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
            Ok(meta) if meta.len() > MAX_BYTES => return Err(failed(io::ErrorKind::FileTooLarge.into())),
            Ok(_) => Some(fs::read(path).map_err(failed)?),
        };
        let (text, document) = match text.map(String::from_utf8) {
            None => (None, Ok(Document::default())),
            Some(Ok(text)) => {
                let document = Document::parse(&text);
                (Some(text), document)
            }
            Some(Err(error)) => {
                let problem = "it is not UTF-8".to_owned();
                (Some(String::from_utf8_lossy(error.as_bytes()).into_owned()), Err(problem))
            }
        };
        Ok(Self { path: path.to_owned(), text, document })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// Lowercase hex SHA-256 of the file's text, of the empty text when there is none.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text.as_deref().unwrap_or_default().as_bytes()))
    }

    /// The content.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn document(&self) -> Result<&Document, PolicyError> {
        self.document.as_ref().map_err(|problem| self.unreadable(problem))
    }

    fn document_mut(&mut self) -> Result<&mut Document, PolicyError> {
        match &mut self.document {
            Ok(document) => Ok(document),
            Err(problem) => Err(PolicyError::Unreadable { path: self.path.clone(), problem: problem.clone() }),
        }
    }

    fn unreadable(&self, problem: &str) -> PolicyError {
        PolicyError::Unreadable { path: self.path.clone(), problem: problem.to_owned() }
    }

    pub(super) fn effective(&self, agent: &str) -> Result<Effective<'_>, PolicyError> {
        Ok(self.document()?.effective(agent))
    }

    /// What is valid for an agent: security, and how many entries its allowlist has.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn security(&self, agent: &str) -> Result<Security, PolicyError> {
        Ok(self.effective(agent)?.security)
    }

    /// Security and ask of an agent.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn in_effect(&self, agent: &str) -> Result<(Security, Ask), PolicyError> {
        let effective = self.effective(agent)?;
        Ok((effective.security, effective.ask))
    }

    /// Adds an entry for an agent, or for all of them; does nothing when the pattern is there already. [`Self::save`]
    /// makes it last.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn allow(&mut self, agent: Option<&str>, pattern: &str) -> Result<bool, PolicyError> {
        let agent = agent.unwrap_or(EVERY_AGENT).to_owned();
        let entry = self.document_mut()?.agents.entry(agent).or_default();
        let is_new = !entry.allowlist.iter().any(|known| known.pattern == pattern && known.arg_pattern.is_none());
        if is_new {
            entry.allowlist.push(Entry::new(pattern));
        }
        Ok(is_new)
    }

    /// Takes entries with this pattern away, of one agent or of all of them; says how many.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn disallow(&mut self, agent: Option<&str>, pattern: &str) -> Result<usize, PolicyError> {
        let mut removed = 0;
        for (name, entries) in &mut self.document_mut()?.agents {
            if agent.is_none_or(|agent| agent == name) {
                let before = entries.allowlist.len();
                entries.allowlist.retain(|entry| entry.pattern != pattern);
                removed += before - entries.allowlist.len();
            }
        }
        Ok(removed)
    }

    /// Sets the security of every agent that has none of its own; returns the agents that have.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`].
    pub fn set_security(&mut self, security: Security) -> Result<Vec<String>, PolicyError> {
        let document = self.document_mut()?;
        document.defaults.security = Some(security);
        let own = document.agents.iter().filter(|(_, agent)| agent.rules.security.is_some_and(|own| own != security));
        Ok(own.map(|(name, _)| name.clone()).collect())
    }

    /// Writes the policy, with a companion's socket as the reference makes it. The folder must not lead out of `home`
    /// by a link (SEC-098).
    ///
    /// # Errors
    /// [`PolicyError`]; the file on disk is then as it was.
    pub fn save(&mut self, home: &Path) -> Result<(), PolicyError> {
        let socket = self.new_socket()?;
        let document = self.document_mut()?;
        document.socket.get_or_insert(socket);
        let text = document.to_text();
        self.check_folder(home)?;
        write_atomic(&self.path, text.as_bytes())?;
        self.text = Some(text);
        Ok(())
    }

    fn new_socket(&self) -> Result<serde_json::Map<String, Value>, PolicyError> {
        let token = random_token()?;
        let path = self.path.with_extension("sock");
        let members = [("path", path.to_string_lossy().into_owned()), ("token", token.expose().to_owned())];
        Ok(members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect())
    }

    fn check_folder(&self, home: &Path) -> Result<(), PolicyError> {
        let path = || self.path.clone();
        let folder = self.path.parent().unwrap_or(home);
        match (folder.canonicalize(), home.canonicalize()) {
            (Ok(real), Ok(home)) if real.starts_with(&home) => Ok(()),
            (Ok(leads_to), Ok(_)) => Err(PolicyError::Outside { path: path(), leads_to }),
            // A folder that is not there yet is made, below a home that is there.
            (Err(error), Ok(_)) if error.kind() == io::ErrorKind::NotFound && folder.starts_with(home) => Ok(()),
            (Err(source), _) | (_, Err(source)) => Err(PolicyError::Folder { path: path(), source }),
        }
    }

    /// The policy as others see it. The file is made if there is none, as the reference does.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn snapshot(&mut self, home: &Path) -> Result<Snapshot, PolicyError> {
        if self.text.is_none() {
            self.save(home)?;
        }
        let mut shown = self.document()?.clone();
        if let Some(socket) = &mut shown.socket {
            socket.remove("token");
        }
        let file = serde_json::to_value(&shown).map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(Snapshot { path: self.path.to_string_lossy().into_owned(), exists: true, hash: self.hash(), file })
    }

    /// Replaces everything but the companion's socket, which stays as it is on this machine (SEC-086).
    pub fn replace(&mut self, mut document: Document) {
        document.socket = self.document.as_ref().ok().and_then(|current| current.socket.clone());
        self.document = Ok(document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".openclaw").join("exec-approvals.json");
        fs::create_dir(home.path().join(".openclaw")).unwrap();
        (home, path)
    }

    fn write(path: &Path, text: &str) {
        write_atomic(path, text.as_bytes()).unwrap();
    }

    #[test]
    fn without_a_file_nothing_is_allowed_and_nothing_is_written() {
        let (_home, path) = place();
        let policy = Policy::load(&path).unwrap();
        assert_eq!(policy.security("main").unwrap(), Security::Allowlist);
        assert!(!policy.exists() && !path.exists());
        assert_eq!(policy.hash(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_is_allowed_and_set_is_there_after_a_restart() {
        let (home, path) = place();
        let mut policy = Policy::load(&path).unwrap();
        assert!(policy.allow(None, "/bin/ls").unwrap());
        assert!(!policy.allow(None, "/bin/ls").unwrap());
        assert!(policy.allow(Some("main"), "/bin/cat").unwrap());
        policy.set_security(Security::Deny).unwrap();
        policy.save(home.path()).unwrap();
        let mut again = Policy::load(&path).unwrap();
        assert_eq!(again.hash(), policy.hash());
        assert_eq!(again.security("main").unwrap(), Security::Deny);
        assert_eq!(again.effective("main").unwrap().allowlist.len(), 2);
        assert_eq!(again.disallow(None, "/bin/ls").unwrap(), 1);
        assert_eq!(again.effective("main").unwrap().allowlist.len(), 1);
    }

    #[test]
    fn agents_with_a_security_of_their_own_are_named() {
        let (_home, path) = place();
        write(&path, r#"{"version":1,"agents":{"main":{"security":"deny"},"b":{}}}"#);
        assert_eq!(Policy::load(&path).unwrap().set_security(Security::Full).unwrap(), ["main"]);
    }

    #[test]
    fn sec_098_a_file_that_is_no_policy_is_an_error_and_stays_untouched() {
        let (home, path) = place();
        for text in ["{", "\u{feff}{}", r#"{"version":7}"#] {
            write(&path, text);
            let mut policy = Policy::load(&path).unwrap();
            assert!(matches!(policy.security("main"), Err(PolicyError::Unreadable { .. })));
            assert!(policy.allow(None, "/bin/ls").is_err());
            assert!(policy.save(home.path()).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn sec_098_a_folder_that_leads_out_of_the_home_is_not_written_to() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), home.path().join(".openclaw")).unwrap();
        let mut policy = Policy::load(&home.path().join(".openclaw/exec-approvals.json")).unwrap();
        let error = policy.save(home.path()).unwrap_err().to_string();
        assert!(error.contains("outside the home folder"), "{error}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn sec_086_the_companions_secret_is_not_shown_and_cannot_be_replaced() {
        let (home, path) = place();
        let mut policy = Policy::load(&path).unwrap();
        let snapshot = policy.snapshot(home.path()).unwrap();
        assert!(snapshot.file["socket"].get("token").is_none());
        assert_eq!(snapshot.hash, Policy::load(&path).unwrap().hash());
        let secret = policy.document().unwrap().socket.clone().unwrap();
        let foreign = r#"{"version":1,"socket":{"path":"/tmp/evil.sock","token":"mine"}}"#;
        policy.replace(Document::parse(foreign).unwrap());
        policy.save(home.path()).unwrap();
        assert_eq!(Policy::load(&path).unwrap().document().unwrap().socket, Some(secret));
    }
}
