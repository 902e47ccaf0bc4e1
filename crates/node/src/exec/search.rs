//! Finding programs: the sanitised PATH, and the file that a name stands for.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::platform;

/// The folders that programs are looked up in. Relative and empty entries of PATH are dropped: they would make the
/// program depend on the folder that a caller chose.
#[derive(Clone, Debug)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
    text: OsString,
}

impl SearchPath {
    /// Reads a PATH; when nothing usable is in it, the system's default is taken.
    pub fn parse(path: Option<&OsStr>) -> Self {
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in path.map(env::split_paths).into_iter().flatten() {
            if folder.is_absolute() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        if folders.is_empty() {
            folders = env::split_paths(platform::DEFAULT_PATH).collect();
        }
        // Only a folder with a separator in its name cannot be joined, and splitting makes none.
        let text = env::join_paths(&folders).unwrap_or_else(|_| platform::DEFAULT_PATH.into());
        Self { folders, text }
    }

    /// Adds a folder that is searched last, unless it is there or cannot be written in a PATH.
    pub fn append(&mut self, folder: &Path) {
        if !folder.is_absolute() || self.folders.iter().any(|known| known == folder) {
            return;
        }
        if let Ok(text) = env::join_paths(self.folders.iter().map(PathBuf::as_path).chain([folder])) {
            self.folders.push(folder.to_owned());
            self.text = text;
        }
    }

    /// The value of PATH.
    pub fn text(&self) -> &OsStr {
        &self.text
    }

    /// The first existing file of that bare name. Executability is not asked for (nodes.md §2.3).
    pub fn which(&self, name: &str) -> Option<PathBuf> {
        if name.contains(['/', '\\', '\0']) || matches!(name, "" | "." | "..") {
            return None;
        }
        self.find(name, Path::is_file)
    }

    fn find(&self, name: &str, fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        self.folders.iter().find_map(|folder| {
            platform::program_names(name).into_iter().map(|name| folder.join(name)).find(|file| fits(file))
        })
    }

    /// The program that running `name` in the folder `cwd` would start; `None` when there is none.
    pub fn resolve(&self, name: &str, cwd: Option<&Path>) -> Option<Program> {
        if name.is_empty() || name.contains('\0') {
            return None;
        }
        let is_path = name.contains('/') || (cfg!(windows) && (name.contains('\\') || name.contains(':')));
        let found = if is_path {
            let path = platform::absolute(Path::new(name), cwd)?;
            platform::with_program_extension(path).into_iter().find(|file| platform::is_program(file))?
        } else {
            self.find(name, platform::is_program)?
        };
        let real = platform::real_path(&found).ok()?;
        Some(Program { found, real })
    }
}

/// A program on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where the look-up found it; an absolute path, possibly a symbolic link.
    pub found: PathBuf,
    /// The file itself: what allowlist entries match and what runs (SEC-100).
    pub real: PathBuf,
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(path: &Path) {
        std::fs::copy("/bin/sh", path).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn relative_and_empty_folders_are_not_searched() {
        let search = SearchPath::parse(Some("relative::.:/usr/bin:/bin:/usr/bin".as_ref()));
        assert_eq!(search.text(), "/usr/bin:/bin");
        assert_eq!(SearchPath::parse(Some("".as_ref())).text(), platform::DEFAULT_PATH);
        assert_eq!(SearchPath::parse(None).text(), platform::DEFAULT_PATH);
    }

    #[test]
    fn sec_100_a_link_is_followed_to_the_file_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let home = platform::real_path(folder.path()).unwrap();
        program(&home.join("real"));
        symlink(home.join("real"), home.join("link")).unwrap();
        let search = SearchPath::parse(Some(home.as_os_str()));
        let found = search.resolve("link", None).unwrap();
        assert_eq!(found, Program { found: home.join("link"), real: home.join("real") });
        assert_eq!(search.resolve("./link", Some(&home)).unwrap().real, home.join("real"));
        assert_eq!(search.resolve("missing", None), None);
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_program_but_which_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("data")).unwrap();
        let search = SearchPath::parse(Some(folder.path().as_os_str()));
        assert_eq!(search.resolve("data", None), None);
        assert_eq!(search.which("data"), Some(folder.path().join("data")));
    }

    #[test]
    fn which_takes_bare_names_only() {
        let search = SearchPath::parse(Some("/bin".as_ref()));
        for name in ["/bin/sh", "../bin/sh", "..", "", "a\\b", "a\0b"] {
            assert_eq!(search.which(name), None, "{name}");
        }
        assert!(search.which("sh").is_some());
    }
}
