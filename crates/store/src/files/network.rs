//! Whether a path lies on a network file system, where `SQLite`'s WAL is unsafe (REL-003).

use std::path::Path;

/// Types of `/proc/self/mountinfo` that are shared between machines.
#[cfg(target_os = "linux")]
const NETWORK: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs"];

/// Whether the file system is one of those. Where it cannot be told, the answer is no.
#[cfg(target_os = "linux")]
pub(crate) fn is_network_path(path: &Path) -> bool {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return false };
    let path = std::fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    network_type(&mounts, &path)
}

/// The mount with the longest path that `path` lies under decides; of equal ones the last, which hides the others.
#[cfg(target_os = "linux")]
fn network_type(mounts: &str, path: &Path) -> bool {
    let under = mounts.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        path.starts_with(&point).then(|| (point.len(), file_system.split(' ').next().unwrap_or_default()))
    });
    under.max_by_key(|(length, _)| *length).is_some_and(|(_, kind)| NETWORK.contains(&kind))
}

/// Elsewhere a share is refused by `SQLite` itself when it cannot share memory.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_network_path(_path: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn rel_003_the_innermost_mount_decides() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / /home rw - nfs4 server:/ rw\n\
                      3 2 8:2 / /home/me/my\\040disk rw - ext4 /dev/sdb rw\n";
        assert!(!network_type(mounts, Path::new("/var/state")));
        assert!(network_type(mounts, Path::new("/home/me/.openclaw")));
        assert!(!network_type(mounts, Path::new("/home/me/my disk/state")));
    }
}
