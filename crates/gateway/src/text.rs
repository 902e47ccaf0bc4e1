//! Text of others in our logs: bounded, on one line, without control characters (SEC-130).

/// Characters of foreign text that a log line keeps.
const MAX_CHARS: usize = 300;

/// Makes a foreign text fit for a log line: control, bidirectional and invisible characters are shown as `\u{…}`.
pub(crate) fn for_log(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_CHARS));
    for c in text.chars().take(MAX_CHARS) {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        safe.push('…');
    }
    safe
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{00ad}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_130_foreign_text_stays_on_one_line_without_escape_sequences() {
        let safe = for_log("a\r\nb\u{1b}[31m\u{202e}c");
        assert_eq!(safe, r"a\u{d}\u{a}b\u{1b}[31m\u{202e}c");
        assert!(for_log(&"x".repeat(10_000)).chars().count() <= 301);
    }
}
