//! What the node host knows about the machine it runs on. Made once at the start.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{decode::CodePage, environment::Environment, platform, search::SearchPath};

/// The machine as commands see it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The owner's home folder, for `~` in patterns.
    pub home: PathBuf,
    /// The owner's policy, `exec-approvals.json`.
    pub policy_path: PathBuf,
    /// Where programs are looked up.
    pub search: SearchPath,
    /// What children inherit.
    pub environment: Environment,
    /// How output that is not UTF-8 is read.
    pub code_page: CodePage,
}

impl Machine {
    /// Looks at the environment `variables`, which are this process's except in tests. `own_folder` is the folder of
    /// our own program: it is searched last, so that commands of the node find `openclaw` (nodes.md §2.6).
    pub fn new(
        variables: Vec<(OsString, OsString)>,
        home: &Path,
        policy_path: &Path,
        own_folder: Option<&Path>,
    ) -> Self {
        let path = variables.iter().find(|(name, _)| platform::same_variable(name, OsStr::new("PATH")));
        let mut search = SearchPath::parse(path.map(|(_, value)| value.as_os_str()));
        if let Some(folder) = own_folder {
            search.append(folder);
        }
        let environment = Environment::new(variables, &search);
        Self {
            home: home.to_owned(),
            policy_path: policy_path.to_owned(),
            search,
            environment,
            code_page: platform::code_page(),
        }
    }
}
