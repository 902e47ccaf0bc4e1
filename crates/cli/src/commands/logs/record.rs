//! One line of the log, for people and for programs.

use openclaw_protocol::methods::logs::TailReply;
use serde_json::{Map, Value, json};

use crate::{
    human::clean,
    ui::{Tone, Ui},
};

/// Prints replies of `logs.tail`.
#[derive(Debug)]
pub(super) struct Printer<'u> {
    ui: &'u Ui,
    plain: bool,
    local_time: bool,
    /// The file whose name stands on the screen.
    file: Option<String>,
}

/// What a line says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    time: String,
    level: String,
    subsystem: Option<String>,
    module: Option<String>,
    message: String,
}

impl<'u> Printer<'u> {
    pub(super) fn new(ui: &'u Ui, plain: bool, local_time: bool) -> Self {
        Self { ui, plain: plain || !ui.is_terminal(), local_time, file: None }
    }

    /// Prints what came, and what is missing.
    pub(super) fn reply(&mut self, reply: &TailReply) {
        if self.file.as_ref() != Some(&reply.file) {
            self.file = Some(reply.file.clone());
            if self.ui.is_json() {
                let size = reply.size;
                self.ui.json_line(&json!({"type": "meta", "file": reply.file, "cursor": reply.cursor, "size": size}));
            } else {
                self.ui.line(format!("Log file: {}", clean(&reply.file)));
            }
        }
        if reply.reset {
            self.notice("Log cursor reset (file rotated).");
        }
        if reply.truncated {
            self.notice("Log tail truncated (increase --max-bytes).");
        }
        for line in &reply.lines {
            self.line(line);
        }
    }

    /// Something about the log, not of it.
    pub(super) fn notice(&self, message: &str) {
        if self.ui.is_json() {
            self.ui.json_line(&json!({"type": "notice", "message": message}));
        } else {
            self.ui.note(message);
        }
    }

    fn line(&self, raw: &str) {
        let record = parse(raw);
        if self.ui.is_json() {
            self.ui.json_line(&document(record.as_ref(), raw));
            return;
        }
        let Some(record) = record else {
            self.ui.line(clean(raw));
            return;
        };
        let time = self.time(&record.time);
        let subsystem = record.subsystem.as_deref().or(record.module.as_deref()).map(clean).unwrap_or_default();
        let message = clean(&record.message);
        if self.plain {
            let space = if subsystem.is_empty() { "" } else { " " };
            self.ui.line(format!("{time} {}{space}{subsystem} {message}", clean(&record.level)));
            return;
        }
        let tone = match record.level.as_str() {
            "error" | "fatal" => Tone::Bad,
            "warn" => Tone::Warn,
            _ => Tone::Strong,
        };
        let level = self.ui.paint(tone, clean(&record.level));
        self.ui.line(format!(
            "{} {level} {} {message}",
            self.ui.paint(Tone::Faint, time),
            self.ui.paint(Tone::Faint, subsystem)
        ));
    }

    /// UTC as the log has it, or the time of this machine's zone; on a terminal only the clock.
    fn time(&self, time: &str) -> String {
        let shown = if self.local_time { time.to_owned() } else { to_utc(time).unwrap_or_else(|| time.to_owned()) };
        if self.plain { clean(&shown) } else { clean(shown.get(11..19).unwrap_or(&shown)) }
    }
}

/// `2026-11-22T07:56:00.490+01:00` as UTC; `None` for a text of another form.
fn to_utc(time: &str) -> Option<String> {
    if time.ends_with('Z') {
        return Some(time.to_owned());
    }
    let (stamp, offset) = time.split_at_checked(23)?;
    let (sign, hours, minutes) = (offset.get(..1)?, offset.get(1..3)?, offset.get(4..6)?);
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<u64>().ok();
    let days = days_of(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let ms =
        ((days * 24 + number(11, 13)?) * 60 + number(14, 16)?) * 60_000 + number(17, 19)? * 1_000 + number(20, 23)?;
    let shift = (hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?) * 60_000;
    let utc = match sign {
        "+" => ms.checked_sub(shift)?,
        "-" => ms.checked_add(shift)?,
        _ => return None,
    };
    Some(crate::human::utc(utc))
}

/// Days since 1970-01-01.
fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

/// Reads a line of the file (cli.md §5.2): the reference's shape, or ours with plain members.
fn parse(raw: &str) -> Option<Record> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let members = value.as_object()?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let meta = members.get("_meta").and_then(Value::as_object);
    let of_meta = |name: &str| meta.and_then(|meta| meta.get(name)).and_then(Value::as_str);
    let time = text("time").or_else(|| of_meta("date"))?.to_owned();
    let level = of_meta("logLevelName").or_else(|| text("level")).unwrap_or("info").to_ascii_lowercase();
    // The first argument names the subsystem when it is an object of that form, in JSON text.
    let head = text("0").and_then(|head| serde_json::from_str::<Map<String, Value>>(head).ok());
    let of_head = |name: &str| head.as_ref().and_then(|head| head.get(name)).and_then(Value::as_str).map(str::to_owned);
    let mut words: Vec<String> = Vec::new();
    for at in (0..10).map(|at| at.to_string()) {
        match members.get(&at) {
            Some(_) if at == "0" && head.is_some() => {}
            Some(Value::String(word)) => words.push(word.clone()),
            Some(other) => words.push(other.to_string()),
            None => {}
        }
    }
    let message = if words.is_empty() { text("message").unwrap_or_default().to_owned() } else { words.join(" ") };
    let subsystem = of_head("subsystem").or_else(|| text("subsystem").map(str::to_owned));
    Some(Record { time, level, subsystem, module: of_head("module"), message })
}

/// A line for programs (cli.md §2.11).
fn document(record: Option<&Record>, raw: &str) -> Value {
    let Some(record) = record else { return json!({"type": "raw", "raw": raw}) };
    let mut document = Map::new();
    document.insert("type".into(), "log".into());
    document.insert("time".into(), record.time.clone().into());
    document.insert("level".into(), record.level.clone().into());
    for (name, value) in [("subsystem", &record.subsystem), ("module", &record.module)] {
        if let Some(value) = value {
            document.insert(name.into(), value.clone().into());
        }
    }
    document.insert("message".into(), record.message.clone().into());
    document.insert("raw".into(), raw.into());
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"0":"{\"subsystem\":\"gateway/ws\"}","1":"client connected","_meta":{"date":"2026-11-22T06:56:00.490Z","logLevelName":"WARN"},"time":"2026-11-22T07:56:00.490+01:00"}"#;

    #[test]
    fn a_line_of_the_reference_is_read() {
        let record = parse(LINE).unwrap();
        assert_eq!(record.level, "warn");
        assert_eq!(record.subsystem.as_deref(), Some("gateway/ws"));
        assert_eq!(record.message, "client connected");
        assert_eq!(document(Some(&record), "x")["type"], "log");
        assert_eq!(document(parse("no json").as_ref(), "no json"), json!({"type": "raw", "raw": "no json"}));
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(to_utc("2026-11-22T07:56:00.490+01:00").as_deref(), Some("2026-11-22T06:56:00.490Z"));
        assert_eq!(to_utc("2026-12-31T23:30:00.001-02:30").as_deref(), Some("2027-01-01T02:00:00.001Z"));
        assert_eq!(to_utc("2024-02-29T00:00:00.000Z").as_deref(), Some("2024-02-29T00:00:00.000Z"));
        assert_eq!(to_utc("2024-03-01T00:30:00.000+01:00").as_deref(), Some("2024-02-29T23:30:00.000Z"));
        assert_eq!(to_utc("yesterday"), None);
    }
}
