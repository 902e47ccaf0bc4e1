//! Strings and identifiers of JSON5.

use super::parser::{ParseError, Parser};

/// Characters that end a line; inside a string only the last two may stand unescaped.
pub(super) const fn ends_line(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// May start an unquoted key.
pub(super) fn starts_identifier(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '$' | '_' | '\\')
}

/// May stand inside an unquoted key.
pub(super) fn continues_identifier(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '$' | '_' | '\\' | '\u{200c}' | '\u{200d}')
}

impl Parser<'_> {
    /// A quoted string; the cursor stands on the quote.
    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        let opened = self.at();
        let quote = self.bump().unwrap_or('"');
        let mut text = String::new();
        loop {
            let at = self.at();
            match self.bump() {
                None => return Err(self.error(opened, "this string is never closed")),
                Some(letter) if letter == quote => return Ok(text),
                Some('\n' | '\r') => {
                    return Err(self.error(opened, "this string is not closed at the end of its line"));
                }
                Some('\\') => self.escape(at, &mut text)?,
                Some(letter) => text.push(letter),
            }
        }
    }

    /// What follows a backslash in a string; `at` is the backslash.
    fn escape(&mut self, at: usize, text: &mut String) -> Result<(), ParseError> {
        let Some(letter) = self.bump() else {
            return Err(self.error(at, "this string is never closed"));
        };
        match letter {
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\u{b}'),
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => text.push('\0'),
            '0'..='9' => return Err(self.error(at, "a backslash before a digit means nothing in JSON5")),
            'x' => {
                let code = self.hex_digits(at, 2)?;
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'u' => text.push(self.unicode_escape(at)?),
            '\r' => {
                if self.peek() == Some('\n') {
                    self.bump();
                }
            }
            other if ends_line(other) => {}
            other => text.push(other),
        }
        Ok(())
    }

    /// The four digits after `\u`, and of a surrogate pair its other half.
    fn unicode_escape(&mut self, at: usize) -> Result<char, ParseError> {
        let first = self.hex_digits(at, 4)?;
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.bump();
            self.bump();
            let second = self.hex_digits(at, 4)?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or_else(|| self.error(at, "this is no character"));
            }
        }
        char::from_u32(first).ok_or_else(|| self.error(at, "half of a surrogate pair is no character"))
    }

    fn hex_digits(&mut self, at: usize, count: usize) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..count {
            let digit = self.bump().and_then(|letter| letter.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error(at, format!("expected {count} hexadecimal digits")))?;
        }
        Ok(code)
    }

    /// An unquoted key; the cursor stands on its first character.
    pub(super) fn identifier(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            let at = self.at();
            if !continues_identifier(letter) {
                break;
            }
            self.bump();
            if letter != '\\' {
                name.push(letter);
                continue;
            }
            if self.bump() != Some('u') {
                return Err(self.error(at, "only \\uXXXX may stand after a backslash in an unquoted key"));
            }
            let escaped = self.unicode_escape(at)?;
            let fits = if name.is_empty() { starts_identifier(escaped) } else { continues_identifier(escaped) };
            if !fits || escaped == '\\' {
                return Err(self.error(at, "this character needs quotes around the key"));
            }
            name.push(escaped);
        }
        Ok(name)
    }
}
