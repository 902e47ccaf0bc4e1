//! The lock of an original (Node.js) gateway on the same configuration (REL-022, cli.md §6.6).
//!
//! Two gateways of different make must not work on one state directory. The original's lock is a file in the system's
//! folder for temporary files, named after the configuration file, with the holder's pid and start time in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ring::digest;
use serde::Deserialize;

/// An original gateway that runs on this configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub pid: u32,
    pub lock: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    pid: u32,
    /// Field 22 of `/proc/PID/stat`, by which a pid that was given out again is noticed.
    #[serde(default)]
    start_time: Option<u64>,
}

/// The original gateway that holds this configuration, if one does and lives.
pub(crate) fn running(config_path: &Path, temporary: &Path, uid: Option<u32>) -> Option<Running> {
    let digest = digest::digest(&digest::SHA256, config_path.to_string_lossy().as_bytes());
    let name = first_four(digest.as_ref());
    let folder = uid.map_or_else(|| "openclaw".to_owned(), |uid| format!("openclaw-{uid}"));
    let lock = temporary.join(folder).join(format!("gateway.{name}.lock"));
    let text = fs::read_to_string(&lock).ok()?;
    let Lock { pid, start_time } = serde_json::from_str(&text).ok()?;
    is_alive(pid, start_time).then_some(Running { pid, lock })
}

/// The first four bytes as hex, by which the original names its lock.
fn first_four(digest: &[u8]) -> String {
    let four = digest.first_chunk::<4>().copied().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(four))
}

/// Whether that process lives and is the one that started then. Only Linux tells by files; elsewhere the port decides.
fn is_alive(pid: u32, start_time: Option<u64>) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The program's name stands in parentheses and may hold spaces; field 3 follows the last of them.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let started = after_name.split_whitespace().nth(19).and_then(|field| field.parse::<u64>().ok());
    match (start_time, started) {
        (Some(noted), Some(found)) => noted == found,
        _ => true,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn rel_022_the_lock_of_an_original_gateway_counts_while_its_holder_lives() {
        let temporary = tempfile::tempdir().unwrap();
        let config = Path::new("/home/u/.openclaw/openclaw.json");
        let folder = temporary.path().join("openclaw-1000");
        fs::create_dir(&folder).unwrap();
        let digest = digest::digest(&digest::SHA256, config.to_str().unwrap().as_bytes());
        let name = first_four(digest.as_ref());
        let lock = folder.join(format!("gateway.{name}.lock"));
        let found = |text: String| {
            openclaw_store::files::write_atomic(&lock, text.as_bytes()).unwrap();
            running(config, temporary.path(), Some(1000)).map(|running| running.pid)
        };
        let own = std::process::id();
        assert_eq!(found(format!(r#"{{"pid":{own},"createdAt":"x","configPath":"y"}}"#)), Some(own));
        assert_eq!(found(format!(r#"{{"pid":{own},"startTime":1}}"#)), None);
        assert_eq!(found(r#"{"pid":4294967294}"#.to_owned()), None);
        assert_eq!(found("torn".to_owned()), None);
    }
}
