//! Masking secrets in text that goes to a log (SEC-132, cli.md §5.4).
//!
//! The last line of defence: code does not log secrets in the first place. What looks like one is masked even when it
//! is none, for a log loses less by a masked value than a person by a leaked one.

use std::borrow::Cow;

/// Stands for a secret.
pub(super) const MASK: &str = "***";

/// Names of values that are secrets, beside those that the configuration knows.
const MORE_NAMES: [&str; 8] =
    ["signature", "bootstraptoken", "setupcode", "passwd", "cookie", "bearer", "privatekey", "sharedkey"];
/// Beginnings of well-known kinds of keys.
const PREFIXES: [&str; 13] = [
    "sk-",
    "ghp_",
    "gho_",
    "github_pat_",
    "xoxb-",
    "xoxa-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "gsk_",
    "AIza",
    "npm_",
];
/// Shortest rest after a prefix that makes a key.
const MIN_KEY_REST: usize = 10;
/// Length of our own tokens in base64url; anything as long that looks random is taken for one.
const MIN_RANDOM: usize = 43;
/// Length of a generated `gateway.auth.token` in hexadecimal digits.
const HEX_TOKEN: usize = 48;
const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";

/// Whether a value of that name is a secret whatever it looks like.
pub(super) fn is_secret_name(name: &str) -> bool {
    if openclaw_config::redact::is_sensitive_key(name) {
        return true;
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    MORE_NAMES.iter().any(|end| plain.ends_with(end))
}

/// The text with everything that is or looks like a secret masked.
pub fn redact(text: &str) -> Cow<'_, str> {
    if text.len() < 3 {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let Some(rest) = text.get(at..) else {
            at += 1;
            continue;
        };
        match secret_at(text, at, rest) {
            Some(span) => {
                out.push_str(text.get(copied..span.start).unwrap_or_default());
                out.push_str(MASK);
                copied = span.end;
                at = span.end;
            }
            // A word is looked at as a whole: its inside begins nothing.
            None => at += word(rest).len().max(rest.chars().next().map_or(1, char::len_utf8)),
        }
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The secret that the text at `at` (the beginning of a word, or a character that belongs to none) leads to.
fn secret_at(text: &str, at: usize, rest: &str) -> Option<std::ops::Range<usize>> {
    if rest.starts_with(PEM_BEGIN) {
        let end = rest.find(PEM_END).and_then(|end| rest.get(end + PEM_END.len()..)?.find("-----").map(|n| (end, n)));
        let length = end.map_or(rest.len(), |(end, name)| end + PEM_END.len() + name + 5);
        return Some(at..at + length);
    }
    if let Some(authority) = rest.strip_prefix("://") {
        return password_in_url(authority).map(|span| at + 3 + span.start..at + 3 + span.end);
    }
    let word = word(rest);
    if word.is_empty() {
        return None;
    }
    if looks_random(word) || PREFIXES.iter().any(|prefix| is_key(word, prefix)) || is_bot_token(word, rest) {
        return Some(at..at + value_length(rest));
    }
    let after = at + word.len();
    let tail = rest.get(word.len()..).unwrap_or_default();
    if word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic") {
        return value_after(tail, &[' ']).map(|span| after + span.start..after + span.end);
    }
    if !is_secret_name(word) {
        return None;
    }
    let is_flag = text.get(..at).is_some_and(|before| before.ends_with("--")) || word.starts_with("--");
    let separators: &[char] = if is_flag { &['=', ' ', ':'] } else { &['=', ':'] };
    let span = value_after(tail, separators)?;
    let value = tail.get(span.clone()).unwrap_or_default();
    // `Authorization: Bearer x`: the scheme stays, what follows is looked at next.
    if value.eq_ignore_ascii_case("bearer") || value.eq_ignore_ascii_case("basic") || value == MASK {
        return None;
    }
    Some(after + span.start..after + span.end)
}

/// Letters, digits, `_` and `-`: names and tokens.
fn word(text: &str) -> &str {
    let end = text.bytes().position(|b| !is_word(b)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A value as it stands in assignments, JSON and command lines: up to a blank, a quote or a bracket.
fn value_length(text: &str) -> usize {
    text.find(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | ')' | ']' | '}' | '&' | '\\' | '<')
    })
    .unwrap_or(text.len())
}

/// The value behind `name`, its closing quote, a separator and an opening quote.
fn value_after(tail: &str, separators: &[char]) -> Option<std::ops::Range<usize>> {
    let skip = |from: usize, wanted: &dyn Fn(char) -> bool| {
        let rest = tail.get(from..).unwrap_or_default();
        from + rest.find(|c| !wanted(c)).unwrap_or(rest.len())
    };
    let is_quote = |c: char| matches!(c, '"' | '\'' | '\\' | '`');
    let mut start = skip(0, &is_quote);
    let blanks = skip(start, &|c| c == ' ');
    let separator = tail.get(blanks..)?.chars().next();
    if separator.is_some_and(|c| c != ' ' && separators.contains(&c)) {
        start = skip(blanks + 1, &|c| c == ' ');
    } else if separators.contains(&' ') && blanks > start {
        start = blanks;
    } else {
        return None;
    }
    start = skip(start, &is_quote);
    // A debug print of an optional secret.
    for wrapper in ["Some(", "Some(\""] {
        if tail.get(start..).is_some_and(|rest| rest.starts_with(wrapper)) {
            start = skip(start + "Some(".len(), &is_quote);
        }
    }
    let length = value_length(tail.get(start..)?);
    (length > 0).then(|| start..start + length)
}

/// As long as our tokens, and mixed as only random text is.
fn looks_random(word: &str) -> bool {
    if word.len() == HEX_TOKEN && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return true;
    }
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|b| kind(&b));
    word.len() >= MIN_RANDOM && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

fn is_key(word: &str, prefix: &str) -> bool {
    word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= MIN_KEY_REST)
}

/// `123456:AA…`, with or without `bot` before it.
fn is_bot_token(word: &str, rest: &str) -> bool {
    let digits = word.strip_prefix("bot").unwrap_or(word);
    if digits.len() < 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    rest.get(word.len()..).and_then(|tail| tail.strip_prefix(':')).is_some_and(|tail| self::word(tail).len() >= 20)
}

/// The password in `user:password@host`.
fn password_in_url(authority: &str) -> Option<std::ops::Range<usize>> {
    let end =
        authority.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"')).unwrap_or(authority.len());
    let at = authority.get(..end)?.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    (at > colon + 1).then_some(colon + 1..at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "qF8h2JkLm0PzXw9TtR4sVbN6yQeC1uDa7iGo3lKfHxM";

    #[test]
    fn sec_132_secrets_are_masked_in_every_form_in_which_they_are_written() {
        for (text, expected) in [
            ("token=hunter2 rest", "token=*** rest"),
            ("OPENAI_API_KEY=abc", "OPENAI_API_KEY=***"),
            (r#"{"token":"hunter2","port":1}"#, r#"{"token":"***","port":1}"#),
            (r#"{\"password\":\"hunter2\"}"#, r#"{\"password\":\"***\"}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("authorization: Basic dXNlcg==", "authorization: Basic ***"),
            ("openclaw --token hunter2 --port 1", "openclaw --token *** --port 1"),
            ("--password=hunter2", "--password=***"),
            ("key sk-abcdefghijklmnop end", "key *** end"),
            ("http://me:hunter2@host/x", "http://me:***@host/x"),
            ("https://api.telegram.org/bot123456789:AAabcdefghijklmnopqrstu/getMe", "https://api.telegram.org/***"),
            ("?token=hunter2&x=1", "?token=***&x=1"),
            ("bootstrapToken: hunter2", "bootstrapToken: ***"),
            ("setupCode = hunter2", "setupCode = ***"),
            ("a -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b", "a *** b"),
            ("password: Some(\"hunter2\")", "password: Some(\"***\")"),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
        assert_eq!(redact(&format!("the token {TOKEN}, said")), "the token ***, said");
        assert_eq!(redact(&"0123456789abcdef".repeat(3)), MASK);
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "listening on ws://127.0.0.1:18789, ws://[::1]:18789 (PID 12568)",
            "unauthorized: gateway token mismatch (set gateway.remote.token to match gateway.auth.token)",
            "device 8f7affa895365d2c3aa8cfb1e0be0e0dc43782ea677575b89a92904b08d53fb7 approved",
            "request 57dcafd0-cad4-4152-897d-c0d7a3c1fce2 waits",
            "auth token was missing. Generated a new token and saved it to config (gateway.auth.token).",
            "maxTokens=5",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_masking_panic_and_masking_twice_changes_nothing_more(text in any::<String>()) {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once).into_owned(), once);
        }

        #[test]
        fn sec_132_a_token_never_survives_wherever_it_stands(
            before in "[a-z ]{0,10}[=: \"(]", after in "[ ,\")]?", token in "[A-Za-z0-9_-]{40}[A-Z][a-z][0-9]"
        ) {
            let shown = redact(&format!("{before}{token}{after}")).into_owned();
            prop_assert!(!shown.contains(&token), "{}", shown);
        }
    }
}
