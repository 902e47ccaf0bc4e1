//! Keys that exist in the real program's schema (2026.3.13, and 2026.9.x as far as its documents name them) and have
//! no type here. They are kept as they are, so that a real file loads and goes back unchanged.

/// A parent in dots and the keys below it that hold anything.
pub const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "$schema",
            "wizard",
            "diagnostics",
            "cli",
            "browser",
            "ui",
            "auth",
            "acp",
            "models",
            "agents",
            "bindings",
            "broadcast",
            "audio",
            "media",
            "messages",
            "commands",
            "approvals",
            "session",
            "cron",
            "hooks",
            "web",
            "channels",
            "talk",
            "memory",
            "skills",
            "plugins",
            "mcp",
        ],
    ),
    (
        "gateway",
        &[
            "tools",
            "push",
            "channelHealthCheckMinutes",
            "channelStaleEventThresholdMinutes",
            "channelMaxRestartsPerHour",
            "webchat",
        ],
    ),
    ("gateway.http", &["endpoints"]),
    ("gateway.nodes.pairing", &["sshVerify"]),
    ("gateway.auth.trustedProxy", &["deviceAutoApprove"]),
    ("meta", &["migrations"]),
    (
        "tools",
        &[
            "profile",
            "allow",
            "alsoAllow",
            "deny",
            "byProvider",
            "web",
            "media",
            "links",
            "sessions",
            "loopDetection",
            "message",
            "agentToAgent",
            "elevated",
            "fs",
            "subagents",
            "sandbox",
            "sessions_spawn",
        ],
    ),
    ("tools.exec", &["safeBinProfiles", "applyPatch"]),
];

/// The keys below `parent` that hold anything.
pub fn below(parent: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(path, _)| *path == parent).map_or(&[], |(_, keys)| keys)
}
