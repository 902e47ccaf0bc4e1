//! One line per write in `logs/config-audit.jsonl` (cli.md §3.2), without secrets.

use std::{io, io::Write, path::Path};

use serde_json::{Value, json};

use crate::{change::iso_time, json5, paths::Paths, platform, redact};

/// Who wrote, for the audit line.
#[derive(Debug, Clone, Copy)]
pub struct AuditContext<'a> {
    /// The arguments of the process; secrets among them are masked.
    pub argv: &'a [String],
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// What an audit line says about the file.
pub(super) struct Written<'a> {
    pub(super) path: &'a Path,
    pub(super) existed: bool,
    pub(super) previous_hash: &'a str,
    pub(super) next_hash: &'a str,
    pub(super) previous_text: &'a str,
    pub(super) next_text: &'a str,
    pub(super) changed: usize,
    pub(super) previous: &'a Value,
    pub(super) next: &'a Value,
}

/// Appends the line.
pub(super) fn append(paths: &Paths, context: AuditContext<'_>, written: &Written<'_>) -> io::Result<()> {
    platform::create_private_dir(&paths.logs_dir())?;
    let mode = |value: &Value| value.pointer("/gateway/mode").cloned().unwrap_or(Value::Null);
    let line = json!({
        "ts": iso_time(context.now_ms),
        "source": "config-io",
        "event": "config.write",
        "configPath": written.path,
        "pid": std::process::id(),
        "ppid": platform::parent_id(),
        "cwd": std::env::current_dir().ok(),
        "argv": mask_arguments(context.argv),
        "execArgv": [],
        "watchMode": false,
        "watchSession": null,
        "watchCommand": null,
        "existsBefore": written.existed,
        "previousHash": if written.existed { Value::from(written.previous_hash) } else { Value::Null },
        "nextHash": written.next_hash,
        "previousBytes": if written.existed { Value::from(written.previous_text.len()) } else { Value::Null },
        "nextBytes": written.next_text.len(),
        "changedPathCount": written.changed,
        "hasMetaBefore": written.previous.get("meta").is_some(),
        "hasMetaAfter": written.next.get("meta").is_some(),
        "gatewayModeBefore": mode(written.previous),
        "gatewayModeAfter": mode(written.next),
        "suspicious": suspicious(written),
        "result": "rename",
    });
    let mut file = platform::append_private(&paths.config_audit_log())?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// What a person looking for a mistake wants to see first.
fn suspicious(written: &Written<'_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    if written.existed && written.next_text.len() * 2 < written.previous_text.len() {
        found.push("size-drop");
    }
    if written.previous.pointer("/gateway/mode").is_some() && written.next.pointer("/gateway/mode").is_none() {
        found.push("gateway-mode-removed");
    }
    if written.previous.get("meta").is_some() && written.next.get("meta").is_none() {
        found.push("meta-removed");
    }
    found
}

/// The arguments of a command line with every secret replaced by the redaction marker: values of `--token` and the
/// like, the value after a config path that names a secret, secrets inside JSON, passwords inside URLs.
pub fn mask_arguments(argv: &[String]) -> Vec<String> {
    let mut masked = Vec::with_capacity(argv.len());
    let mut previous = "";
    for argument in argv {
        masked.push(mask(previous, argument));
        previous = argument;
    }
    masked
}

fn mask(previous: &str, argument: &str) -> String {
    if names_secret(previous) && !argument.starts_with("--") {
        return redact::MARKER.to_owned();
    }
    if let Some((name, _)) = argument.split_once('=')
        && names_secret(name)
    {
        return format!("{name}={}", redact::MARKER);
    }
    match json5::parse_str(argument) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => redact::redact(&value).to_string(),
        _ => match redact::redact(&Value::from(argument)) {
            Value::String(text) => text,
            other => other.to_string(),
        },
    }
}

/// True for `--token`, `gateway.auth.token`, `env.vars.X`, `a["token"]`.
fn names_secret(argument: &str) -> bool {
    let path = argument.trim_start_matches('-').trim_end_matches(['"', '\'', ']']);
    let below_env = path.starts_with("env.") && !path.starts_with("env.shellEnv");
    below_env || path.rsplit(['.', '"', '\'', '[']).next().is_some_and(redact::is_sensitive_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_arguments_are_masked_wherever_they_stand() {
        let check = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|argument| (*argument).to_owned()).collect();
            let masked = mask_arguments(&argv).join(" ");
            assert!(!masked.contains("hunter2"), "{masked}");
            assert!(masked.contains(redact::MARKER), "{masked}");
        };
        check(&["openclaw", "config", "set", "gateway.auth.token", "hunter2"]);
        check(&["config", "set", "a[\"botToken\"]", "hunter2"]);
        check(&["config", "set", "env.vars.FOO", "hunter2"]);
        check(&["gateway", "--token", "hunter2"]);
        check(&["gateway", "--password=hunter2"]);
        check(&["config", "set", "gateway.auth", "{token: 'hunter2'}"]);
        check(&["config", "set", "browser.cdpUrl", "http://me:hunter2@host/"]);
        check(&["OPENCLAW_GATEWAY_TOKEN=hunter2", "x"]);
    }

    #[test]
    fn other_arguments_stay_readable() {
        let argv = ["openclaw", "config", "set", "gateway.port", "18790", "--json"].map(str::to_owned);
        assert_eq!(mask_arguments(&argv), argv);
    }
}
