//! Who has a port.

use std::net::SocketAddr;

/// A process that listens where the gateway wants to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its command line, at most 200 characters.
    pub command: String,
}

/// What a holder is, for the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gateway,
    Tunnel,
    Other,
}

impl Holder {
    pub(super) fn kind(&self) -> Kind {
        let program = self.command.split(' ').next().unwrap_or_default();
        let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
        match name.trim_end_matches(".exe") {
            name if name.starts_with("openclaw") => Kind::Gateway,
            "ssh" | "sshd" | "autossh" => Kind::Tunnel,
            _ if self.command.contains("openclaw") => Kind::Gateway,
            _ => Kind::Other,
        }
    }
}

/// The process that listens on that port, where the system tells.
pub(super) fn of(address: SocketAddr) -> Option<Holder> {
    platform::of(address)
}

#[cfg(target_os = "linux")]
mod platform {
    use std::{fs, net::SocketAddr, path::Path};

    use super::Holder;

    /// State of a listening socket in the kernel's table.
    const LISTENING: &str = "0A";
    const MAX_COMMAND: usize = 200;

    pub(super) fn of(address: SocketAddr) -> Option<Holder> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
        let inodes: Vec<String> = tables.iter().flat_map(|table| listening(table, address.port())).collect();
        let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let pid = pids.into_iter().find(|pid| has_any(*pid, &links))?;
        Some(Holder { pid, command: command(pid) })
    }

    /// The inodes of sockets that listen on the port.
    fn listening(table: &str, port: u16) -> Vec<String> {
        let suffix = format!(":{port:04X}");
        let inode = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let listens = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == LISTENING;
            listens.then(|| columns.get(9).map(|&inode| inode.to_owned())).flatten()
        };
        table.lines().skip(1).filter_map(inode).collect()
    }

    fn has_any(pid: u32, links: &[String]) -> bool {
        let Ok(open) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")) else { return false };
        open.flatten().any(|entry| {
            fs::read_link(entry.path()).is_ok_and(|link| links.iter().any(|wanted| link.as_os_str() == wanted.as_str()))
        })
    }

    fn command(pid: u32) -> String {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
        // Command lines hold secrets now and then.
        let line = crate::log::redact(line.trim()).into_owned();
        line.chars().map(|c| if c.is_control() { '?' } else { c }).take(MAX_COMMAND).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_kernels_table_is_read_by_port_and_state() {
            let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                   0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
                   1: 0100007F:4965 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n";
            assert_eq!(listening(table, 0x4965), ["4711"]);
            assert!(listening(table, 80).is_empty());
        }
    }
}

/// Elsewhere only privileged tools tell; the port and the address have to do.
#[cfg(not(target_os = "linux"))]
mod platform {
    use std::net::SocketAddr;

    use super::Holder;

    pub(super) fn of(_: SocketAddr) -> Option<Holder> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_and_a_tunnel_are_told_from_others() {
        for (command, expected) in [
            ("openclaw-gateway", Kind::Gateway),
            ("/usr/bin/openclaw gateway run", Kind::Gateway),
            ("node /opt/openclaw/openclaw.mjs gateway run", Kind::Gateway),
            ("ssh -N -L 18789:127.0.0.1:18789 host", Kind::Tunnel),
            ("python3 -m http.server", Kind::Other),
        ] {
            assert_eq!(Holder { pid: 1, command: command.into() }.kind(), expected, "{command}");
        }
    }
}
