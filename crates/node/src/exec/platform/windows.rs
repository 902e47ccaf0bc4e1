//! Windows.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, CreationFlags, JobObject};
use tokio::process::Command;
use windows::Win32::System::Threading::CREATE_NO_WINDOW;

use crate::exec::decode::CodePage;

/// PATH when the host has none.
pub(crate) const DEFAULT_PATH: &str = r"C:\Windows\System32;C:\Windows;C:\Windows\System32\WindowsPowerShell\v1.0";

/// Extensions of programs when PATHEXT is not set (nodes.md §2.3).
const DEFAULT_EXTENSIONS: &str = ".EXE;.CMD;.BAT;.COM";

/// Whether two names mean the same environment variable.
pub(crate) fn same_variable(left: &OsStr, right: &OsStr) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// The file names that a bare program name can have.
pub(crate) fn program_names(name: &str) -> Vec<String> {
    let extensions = std::env::var("PATHEXT").unwrap_or_else(|_| DEFAULT_EXTENSIONS.to_owned());
    let extensions: Vec<&str> = extensions.split(';').filter(|extension| extension.starts_with('.')).collect();
    let lower = name.to_ascii_lowercase();
    if extensions.iter().any(|extension| lower.ends_with(&extension.to_ascii_lowercase())) {
        return vec![name.to_owned()];
    }
    extensions.iter().map(|extension| format!("{name}{}", extension.to_ascii_lowercase())).collect()
}

/// The files that a path to a program can mean.
pub(crate) fn with_program_extension(path: PathBuf) -> Vec<PathBuf> {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return vec![path] };
    program_names(name).into_iter().map(|name| path.with_file_name(name)).collect()
}

/// Whether it is a file; Windows decides by the extension whether it can run.
pub(crate) fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// `path` seen from the folder `cwd` (ours when absent).
pub(crate) fn absolute(path: &Path, cwd: Option<&Path>) -> Option<PathBuf> {
    let joined = cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path));
    std::path::absolute(joined).ok()
}

/// The path without links, and without the prefix that `canonicalize` puts in front.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    Ok(real.to_str().and_then(plain).map_or(real.clone(), PathBuf::from))
}

fn plain(path: &str) -> Option<String> {
    let rest = path.strip_prefix(r"\\?\")?;
    Some(rest.strip_prefix(r"UNC\").map_or_else(|| rest.to_owned(), |share| format!(r"\\{share}")))
}

/// The form of a path that allowlist patterns are compared with: forward slashes, lower case.
pub(crate) fn comparable(path: &str) -> String {
    plain(path).unwrap_or_else(|| path.to_owned()).replace('\\', "/").to_lowercase()
}

/// Folders whose programs belong to the system.
pub(crate) const SYSTEM_FOLDERS: [&str; 2] = [r"C:\Windows\System32", r"C:\Windows"];

/// Windows has no cheap answer; links need a privilege there, so a linked folder is taken as one that can change.
pub(crate) fn can_write(_folder: &Path) -> bool {
    true
}

/// Programs see the path that they were started by; there is no second name on Windows.
pub(crate) fn set_own_name(_command: &mut Command, _name: &str) {}

/// The console's code page, asked once: `chcp` prints it as its last word in every language.
pub(crate) fn code_page() -> CodePage {
    let Ok(output) = std::process::Command::new(r"C:\Windows\System32\chcp.com").output() else {
        return CodePage::UTF_8;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let digits = text.rsplit(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty());
    CodePage::of_number(digits.and_then(|digits| digits.parse().ok()).unwrap_or(65001))
}

/// A program and everything that it started, in a job object.
pub(crate) struct Tree {
    child: Box<dyn ChildWrapper>,
    exited: bool,
    killed: bool,
}

impl Tree {
    /// Starts it, without a console window.
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        let mut command = CommandWrap::from(command);
        command.wrap(CreationFlags(CREATE_NO_WINDOW)).wrap(JobObject);
        Ok(Self { child: command.spawn()?, exited: false, killed: false })
    }

    /// The started program, for its pipes.
    pub(crate) fn child(&mut self) -> &mut dyn ChildWrapper {
        self.child.as_mut()
    }

    /// Waits for the first process only. Cancel safe.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.inner_mut().wait().await?;
        self.exited = true;
        Ok(status)
    }

    /// A job can only be ended, not asked.
    pub(crate) fn terminate(&mut self) {
        self.kill();
    }

    /// Ends all of them.
    pub(crate) fn kill(&mut self) {
        self.killed = true;
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the job has ended already");
        }
    }

    /// Whether something may be left to end.
    pub(crate) fn is_alive(&self) -> bool {
        !self.killed
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.exited {
            self.kill();
        }
    }
}
