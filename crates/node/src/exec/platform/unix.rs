//! Linux, macOS and their relatives.

use std::{
    ffi::OsStr,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Command;

use crate::exec::decode::CodePage;

/// PATH when the host has none (nodes.md §2.6).
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether two names mean the same environment variable.
pub(crate) fn same_variable(left: &OsStr, right: &OsStr) -> bool {
    left == right
}

/// The file names that a bare program name can have.
pub(crate) fn program_names(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

/// The files that a path to a program can mean.
pub(crate) fn with_program_extension(path: PathBuf) -> Vec<PathBuf> {
    vec![path]
}

/// Whether it is a file that somebody may execute.
pub(crate) fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `path` seen from the folder `cwd` (ours when absent).
pub(crate) fn absolute(path: &Path, cwd: Option<&Path>) -> Option<PathBuf> {
    let joined = cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path));
    std::path::absolute(joined).ok()
}

/// The path without symbolic links.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// The form of a path that allowlist patterns are compared with.
pub(crate) fn comparable(path: &str) -> String {
    path.to_owned()
}

/// Folders whose programs belong to the system. A wrapper or shell found elsewhere is a program like any other.
pub(crate) const SYSTEM_FOLDERS: [&str; 6] =
    ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/// Whether this process could replace entries of the folder: then a link in it proves nothing about tomorrow.
pub(crate) fn can_write(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Sets the name that the program sees as its own, which programs with several names decide by.
pub(crate) fn set_own_name(command: &mut Command, name: &str) {
    command.arg0(name);
}

/// Output of programs is UTF-8.
pub(crate) fn code_page() -> CodePage {
    CodePage::UTF_8
}

/// A program and everything that it started, in a session of its own: no terminal, one process group.
pub(crate) struct Tree {
    child: Box<dyn ChildWrapper>,
    group: Option<Pid>,
    reaped: bool,
}

impl Tree {
    /// Starts it.
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        let child = CommandWrap::from(command).wrap(ProcessSession).spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group, reaped: false })
    }

    /// The started program, for its pipes.
    pub(crate) fn child(&mut self) -> &mut dyn ChildWrapper {
        self.child.as_mut()
    }

    /// Waits for the first process only. Cancel safe.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        // The wrapper would wait for the whole group; a daemon left behind must not hold up the answer.
        let status = self.child.inner_mut().wait().await?;
        self.reaped = true;
        Ok(status)
    }

    /// Asks all of them to end.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends all of them.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Whether a process of the group is left. While one is, the system gives the group's number to nobody else.
    pub(crate) fn is_alive(&self) -> bool {
        self.group.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    fn signal(&mut self, signal: Signal) {
        let Some(group) = self.group else { return };
        if let Err(error) = kill_process_group(group, signal) {
            // The last process is gone: the number is free and is not ours any more (SEC-107).
            tracing::debug!(%error, "the process group has ended already");
            if self.reaped {
                self.group = None;
            }
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Dropped before its end: nobody waits for it any more.
        if !self.reaped {
            self.kill();
        }
    }
}
