//! `system-event`: what a machine says about itself, in fields or in one line of text (protocol.md §8.1).

use openclaw_protocol::methods::core::{PresenceEntry, SystemEventParams};

use super::list::bounded;
use crate::rpc::error::RpcError;

/// Names and lists that are kept of one event.
const MAX_LIST: usize = 32;

/// The entry and the key that it goes under.
pub(super) fn entry(params: SystemEventParams, now_ms: u64) -> Result<(String, PresenceEntry), RpcError> {
    let text = bounded(params.text.trim());
    if text.is_empty() {
        return Err(RpcError::invalid("text required"));
    }
    let said = parse(&text);
    let or = |field: Option<String>, said: Option<String>| {
        field.map(|text| bounded(text.trim())).filter(|text| !text.is_empty()).or(said)
    };
    let list = |names: Option<Vec<String>>| {
        let names = names.unwrap_or_default().into_iter().take(MAX_LIST).map(|name| bounded(name.trim()));
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
    };
    let entry = PresenceEntry {
        host: or(params.host, said.host),
        ip: or(params.ip, said.ip),
        version: or(params.version, said.version),
        platform: or(params.platform, None),
        device_family: or(params.device_family, None),
        model_identifier: or(params.model_identifier, None),
        mode: or(params.mode, said.mode),
        last_input_seconds: params.last_input_seconds.or(said.last_input_seconds),
        reason: or(params.reason, said.reason),
        tags: list(params.tags),
        text: Some(text.clone()),
        ts: now_ms,
        device_id: or(params.device_id, None),
        roles: list(params.roles),
        scopes: list(params.scopes),
        instance_id: or(params.instance_id, None),
    };
    let key = entry.device_id.as_ref().or(entry.instance_id.as_ref()).or(entry.host.as_ref()).unwrap_or(&text);
    Ok((key.to_lowercase(), entry))
}

/// What one line of text says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    host: Option<String>,
    ip: Option<String>,
    version: Option<String>,
    last_input_seconds: Option<u64>,
    mode: Option<String>,
    reason: Option<String>,
}

/// Reads `Node: H (IP) · app V · last input Ns ago · mode M · reason R`; parts in any order, none needed but the first.
fn parse(text: &str) -> Said {
    let mut said = Said::default();
    let Some(rest) = text.strip_prefix("Node: ") else { return said };
    let mut parts = rest.split(" · ").map(str::trim);
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some(first) = parts.next() {
        match first.strip_suffix(')').and_then(|first| first.rsplit_once(" (")) {
            Some((host, ip)) => (said.host, said.ip) = (given(host), given(ip)),
            None => said.host = given(first),
        }
    }
    for part in parts {
        if let Some(version) = part.strip_prefix("app ") {
            said.version = given(version);
        } else if let Some(ago) = part.strip_prefix("last input ") {
            said.last_input_seconds = ago.strip_suffix("s ago").and_then(|seconds| seconds.parse().ok());
        } else if let Some(mode) = part.strip_prefix("mode ") {
            said.mode = given(mode);
        } else if let Some(reason) = part.strip_prefix("reason ") {
            said.reason = given(reason);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_the_usual_form_is_read_into_fields() {
        let said = parse("Node: desk (10.0.0.5) · app 2026.3.13 · last input 12s ago · mode local · reason launch");
        let expected = Said {
            host: Some("desk".into()),
            ip: Some("10.0.0.5".into()),
            version: Some("2026.3.13".into()),
            last_input_seconds: Some(12),
            mode: Some("local".into()),
            reason: Some("launch".into()),
        };
        assert_eq!(said, expected);
        assert_eq!(parse("Node: desk"), Said { host: Some("desk".into()), ..Said::default() });
        assert_eq!(parse("something else (10.0.0.5)"), Said::default());
    }

    #[test]
    fn fields_win_over_the_text_and_a_text_is_required() {
        let params = SystemEventParams { text: "Node: a (b)".into(), host: Some(" c ".into()), ..Default::default() };
        let (key, found) = entry(params, 7).unwrap();
        assert_eq!(
            (key.as_str(), found.host.as_deref(), found.ip.as_deref(), found.ts),
            ("c", Some("c"), Some("b"), 7)
        );
        let nothing = SystemEventParams { text: "  ".into(), ..Default::default() };
        assert_eq!(entry(nothing, 7).unwrap_err().0.message, "text required");
    }

    #[test]
    fn sec_130_a_told_text_is_bounded_and_has_no_control_characters() {
        let params = SystemEventParams { text: format!("a\u{1b}[31m{}", "x".repeat(10_000)), ..Default::default() };
        let text = entry(params, 7).unwrap().1.text.unwrap();
        assert!(text.chars().count() <= 300 && !text.contains('\u{1b}'));
    }
}
