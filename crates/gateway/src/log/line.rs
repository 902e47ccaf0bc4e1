//! One event as one line of JSON: the members that the original's readers look at, and plain ones beside (cli.md §5.2).

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;

use super::time::{LocalTime, utc};

/// An event that is to be written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at_ms: u64,
    pub(super) level: Level,
    pub(super) subsystem: String,
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "0")]
    binding: &'a str,
    #[serde(rename = "1")]
    first: &'a str,
    #[serde(rename = "_meta")]
    meta: Meta<'a>,
    time: String,
    level: &'static str,
    subsystem: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    runtime: &'static str,
    hostname: &'a str,
    name: &'a str,
    date: String,
    log_level_id: u8,
    log_level_name: &'static str,
}

/// The original's number and name of a level, and the plain one.
fn level(level: Level) -> (u8, &'static str, &'static str) {
    match level {
        Level::TRACE => (1, "TRACE", "trace"),
        Level::DEBUG => (2, "DEBUG", "debug"),
        Level::INFO => (3, "INFO", "info"),
        Level::WARN => (4, "WARN", "warn"),
        Level::ERROR => (5, "ERROR", "error"),
    }
}

impl Entry {
    /// The line, with its line break.
    pub(super) fn to_line(&self, hostname: &str, zone: &LocalTime) -> String {
        let (log_level_id, log_level_name, level) = level(self.level);
        let binding = serde_json::json!({"subsystem": self.subsystem}).to_string();
        let line = Line {
            binding: &binding,
            first: &self.message,
            meta: Meta {
                runtime: "rust",
                hostname,
                name: &binding,
                date: utc(self.at_ms),
                log_level_id,
                log_level_name,
            },
            time: zone.iso(self.at_ms),
            level,
            subsystem: &self.subsystem,
            message: &self.message,
            fields: &self.fields,
        };
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_readers_of_the_original_look_at_and_plain_members() {
        let entry = Entry {
            at_ms: 1_795_330_563_964,
            level: Level::WARN,
            subsystem: "gateway/ws".into(),
            message: "slow".into(),
            fields: Map::from_iter([("conn.id".to_owned(), Value::from("c1"))]),
        };
        insta::assert_snapshot!(entry.to_line("vm", &LocalTime::utc()).trim_end(), @r#"{"0":"{\"subsystem\":\"gateway/ws\"}","1":"slow","_meta":{"runtime":"rust","hostname":"vm","name":"{\"subsystem\":\"gateway/ws\"}","date":"2026-11-22T06:56:03.964Z","logLevelId":4,"logLevelName":"WARN"},"time":"2026-11-22T06:56:03.964+00:00","level":"warn","subsystem":"gateway/ws","message":"slow","fields":{"conn.id":"c1"}}"#);
    }

    #[test]
    fn sec_130_one_event_is_one_line() {
        let message = "a\nb\r\u{1b}c".to_owned();
        let entry = Entry { at_ms: 0, level: Level::INFO, subsystem: "x".into(), message, fields: Map::new() };
        let line = entry.to_line("vm", &LocalTime::utc());
        assert_eq!(line.lines().count(), 1);
        assert!(!line.contains('\u{1b}') && !line.contains('\r'));
    }
}
