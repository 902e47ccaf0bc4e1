//! The part of the program that speaks, in the words of the original: `gateway/ws`, `gateway/reload`, `node` ….

/// The subsystem of a module.
pub(super) fn of(target: &str) -> &str {
    let mut segments = target.split("::");
    let (package, module) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    match (package, module) {
        ("openclaw_gateway", "conn" | "auth" | "rpc") => "gateway/ws",
        ("openclaw_gateway", "configuration") => "gateway/reload",
        ("openclaw_gateway", "pairing") => "gateway/pairing",
        ("openclaw_gateway", "nodes") => "gateway/nodes",
        ("openclaw_gateway", "http") => "gateway/http",
        ("openclaw_gateway", "tls") => "gateway/tls",
        ("openclaw_gateway", _) => "gateway",
        ("openclaw", _) => "cli",
        (package, _) => package.strip_prefix("openclaw_").unwrap_or(package),
    }
}

/// The same for the console: without a leading `gateway` when more follows (cli.md §5.5).
pub(super) fn short(subsystem: &str) -> &str {
    subsystem.strip_prefix("gateway/").unwrap_or(subsystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_speak_as_the_subsystems_of_the_original() {
        for (target, expected, console) in [
            ("openclaw_gateway", "gateway", "gateway"),
            ("openclaw_gateway::server", "gateway", "gateway"),
            ("openclaw_gateway::conn::handshake", "gateway/ws", "ws"),
            ("openclaw_gateway::configuration::reload", "gateway/reload", "reload"),
            ("openclaw_store::database::writer", "store", "store"),
            ("openclaw_node::host", "node", "node"),
            ("openclaw::commands", "cli", "cli"),
            ("rustls::conn", "rustls", "rustls"),
        ] {
            assert_eq!((of(target), short(of(target))), (expected, console), "{target}");
        }
    }
}
