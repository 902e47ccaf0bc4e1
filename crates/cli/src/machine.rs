//! What the operating system says about this machine and its processes.

/// The machine's name.
pub(crate) fn host_name() -> Option<String> {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    (!name.is_empty()).then_some(name)
}

pub(crate) use system::{ask_to_stop, mode_of};

#[cfg(unix)]
mod system {
    use std::{os::unix::fs::MetadataExt, path::Path};

    use rustix::process::{Pid, Signal, kill_process};

    /// Asks a process to end in order.
    ///
    /// # Errors
    /// Why it could not be asked.
    pub(crate) fn ask_to_stop(pid: u32) -> Result<(), String> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("that is no process id")?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())
    }

    /// The permission bits of a file or folder, where the system has them.
    pub(crate) fn mode_of(path: &Path) -> Option<u32> {
        path.metadata().ok().map(|metadata| metadata.mode() & 0o777)
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::Path;

    /// Asks a process to end in order.
    ///
    /// # Errors
    /// Always here: this system has no such signal for a process of another console.
    pub(crate) fn ask_to_stop(_pid: u32) -> Result<(), String> {
        Err("this system cannot ask a program in another window to end".to_owned())
    }

    /// The permission bits of a file or folder, where the system has them.
    pub(crate) fn mode_of(_path: &Path) -> Option<u32> {
        None
    }
}
