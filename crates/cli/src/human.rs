//! Numbers, times and foreign text as people read them.

use std::fmt::Write;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago a moment was: `just now`, `5m ago`. A moment in the future is `just now`: clocks differ.
pub(crate) fn ago(now_ms: u64, then_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) {
        since if since < 5 * SECOND => "just now".to_owned(),
        since => format!("{} ago", duration(since)),
    }
}

/// A span in its largest unit: `850ms`, `12s`, `5m`, `3h`, `2d`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        _ if ms < SECOND => format!("{ms}ms"),
        _ if ms < MINUTE => format!("{}s", ms / SECOND),
        _ if ms < HOUR => format!("{}m", ms / MINUTE),
        _ if ms < DAY => format!("{}h", ms / HOUR),
        _ => format!("{}d", ms / DAY),
    }
}

/// Reads a span such as `90`, `90s`, `10m`, `2h`, `1d`; a bare number is in `bare` units of milliseconds.
pub(crate) fn parse_duration(text: &str, bare: u64) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.trim().parse().ok()?;
    let unit = match text.get(digits.len()..)? {
        "" => bare,
        "ms" => 1,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// One thing or several: `1 entry`, `2 entries`.
pub(crate) fn count_of(number: usize, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}

/// A text of others made fit for a terminal: on one line, without control and direction characters (SEC-130).
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            write!(clean, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default();
        } else {
            clean.push(c);
        }
    }
    clean
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A word for a shell: as it is when nothing in it means anything to one, else in single quotes.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Milliseconds since the epoch as `2026-11-22T06:56:00.490Z`.
pub(crate) fn utc(ms: u64) -> String {
    let (days, rest) = (ms / DAY, ms % DAY);
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / HOUR, rest % HOUR / MINUTE);
    let (second, milli) = (rest % MINUTE / SECOND, rest % SECOND);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar: years are counted from March,
/// so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_in_one_unit() {
        assert_eq!([1, 12_000, 300_000, 7_200_000, 200_000_000].map(duration), ["1ms", "12s", "5m", "2h", "2d"]);
        assert_eq!([ago(10_000, 9_000), ago(400_000, 100_000), ago(1, 5)], ["just now", "5m ago", "just now"]);
        assert_eq!(parse_duration("10m", 1), Some(600_000));
        assert_eq!(parse_duration("90", SECOND), Some(90_000));
        assert_eq!((parse_duration("x", 1), parse_duration("5w", 1), parse_duration("", 1)), (None, None, None));
    }

    #[test]
    fn sec_130_a_name_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}"), r"a\u{1b}[2Jb\u{202e}");
    }

    #[test]
    fn a_moment_is_written_as_the_original_writes_it() {
        assert_eq!(utc(1_795_330_560_490), "2026-11-22T06:56:00.490Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(shell_word("ws://127.0.0.1:1"), "ws://127.0.0.1:1");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
