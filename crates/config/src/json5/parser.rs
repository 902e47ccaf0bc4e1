//! The reader: text to spanned nodes, with a message and a place for the first thing that is wrong.

use std::collections::HashMap;

use super::{
    document::{Document, Duplicate, Kind, Location, Member, Node, Span},
    number::{self, BadNumber},
    strings::{continues_identifier, ends_line, starts_identifier},
};
use crate::{key_path::Segment, redact::is_sensitive_key};

/// Objects and arrays may nest this deep; past it the file is refused, so that no input can exhaust the stack.
pub const MAX_DEPTH: usize = 128;

/// Text that is not JSON5.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (line {line}, column {column})")]
pub struct ParseError {
    /// What is wrong, in words.
    pub problem: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

/// Reads JSON5 text.
///
/// # Errors
/// The first syntax error, with line and column.
pub fn parse(text: &str) -> Result<Document, ParseError> {
    let mut parser = Parser { text, at: 0, path: Vec::new(), duplicates: Vec::new() };
    parser.skip_blank()?;
    if parser.rest().is_empty() {
        return Err(parser.error(parser.at, "the file is empty; write {} for a configuration without settings"));
    }
    let root = parser.value()?;
    parser.skip_blank()?;
    if !parser.rest().is_empty() {
        let found = parser.found();
        return Err(parser.error(parser.at, format!("expected the end of the file, found {found}")));
    }
    Ok(Document { root, duplicates: parser.duplicates })
}

pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Where the cursor is, for duplicates; also the measure of depth.
    path: Vec<Segment>,
    duplicates: Vec<Duplicate>,
}

impl Parser<'_> {
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    pub(super) fn error(&self, at: usize, problem: impl Into<String>) -> ParseError {
        let Location { line, column } = Location::of(self.text, at);
        ParseError { problem: problem.into(), line, column }
    }

    /// What stands at the cursor, for "expected X, found Y".
    fn found(&self) -> String {
        match self.peek() {
            None => "the end of the file".to_owned(),
            Some(_) if self.in_secret() => "something else".to_owned(),
            Some(letter) if starts_identifier(letter) || letter.is_ascii_digit() => {
                let word: String =
                    self.rest().chars().take_while(|next| continues_identifier(*next)).take(24).collect();
                format!("`{word}`")
            }
            Some(letter) if letter.is_control() => format!("a control character (U+{:04X})", u32::from(letter)),
            Some(letter) => format!("`{letter}`"),
        }
    }

    /// True while the value of a key that names a secret is read: no message may quote it.
    fn in_secret(&self) -> bool {
        matches!(self.path.last(), Some(Segment::Key(key)) if is_sensitive_key(key))
    }

    /// White space and comments.
    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            let rest = self.rest();
            let solid = rest.trim_start_matches(is_blank);
            self.at += rest.len() - solid.len();
            let rest = self.rest();
            if let Some(comment) = rest.strip_prefix("//") {
                self.at += 2 + comment.find(ends_line).unwrap_or(comment.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    return Err(self.error(self.at, "this comment is never closed"));
                };
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Result<Node, ParseError> {
        let start = self.at;
        let kind = match self.peek() {
            Some('{') => self.object()?,
            Some('[') => self.array()?,
            Some('"' | '\'') => Kind::String(self.string()?),
            Some(letter) if letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.') => self.number()?,
            Some(letter) if starts_identifier(letter) => self.word()?,
            _ => {
                let found = self.found();
                return Err(self.error(start, format!("expected a value, found {found}")));
            }
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn word(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        let found = self.found();
        match self.identifier()?.as_str() {
            "null" => Ok(Kind::Null),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            "Infinity" | "NaN" => Err(self.error(start, "JSON cannot hold Infinity or NaN")),
            _ => Err(self.error(start, format!("expected a value, found {found}; text needs quotes"))),
        }
    }

    fn number(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        let mut previous = ' ';
        while let Some(letter) = self.peek() {
            let signed = matches!(letter, '+' | '-') && (self.at == start || matches!(previous, 'e' | 'E'));
            if !(letter == '.' || signed || continues_identifier(letter)) {
                break;
            }
            previous = letter;
            self.bump();
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        number::read(digits).map(Kind::Number).map_err(|problem| match problem {
            BadNumber::Malformed if self.in_secret() => self.error(start, "this is no number; text needs quotes"),
            BadNumber::Malformed => self.error(start, format!("`{digits}` is no number; text needs quotes")),
            BadNumber::NotFinite => self.error(start, "JSON cannot hold Infinity or NaN"),
        })
    }

    fn descend(&mut self, segment: Segment, opened: usize) -> Result<(), ParseError> {
        if self.path.len() >= MAX_DEPTH {
            return Err(self.error(opened, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.path.push(segment);
        Ok(())
    }

    fn array(&mut self) -> Result<Kind, ParseError> {
        let opened = self.at;
        self.bump();
        let mut items = Vec::new();
        loop {
            self.skip_blank()?;
            if self.peek() == Some(']') {
                self.bump();
                return Ok(Kind::Array(items));
            }
            self.descend(Segment::Index(items.len()), opened)?;
            if self.peek().is_none() {
                return Err(self.error(opened, "this `[` is never closed"));
            }
            items.push(self.value()?);
            self.separator(opened, ']')?;
            self.path.pop();
        }
    }

    fn object(&mut self) -> Result<Kind, ParseError> {
        let opened = self.at;
        self.bump();
        let mut members: Vec<Member> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        loop {
            self.skip_blank()?;
            if self.peek() == Some('}') {
                self.bump();
                return Ok(Kind::Object(members));
            }
            let (key, key_span) = self.key(opened)?;
            self.skip_blank()?;
            if self.peek() != Some(':') {
                let found = self.found();
                return Err(self.error(self.at, format!("expected `:` after the key \"{key}\", found {found}")));
            }
            self.bump();
            self.skip_blank()?;
            self.descend(Segment::Key(key.clone()), opened)?;
            if let Some(first) = seen.insert(key.clone(), key_span.clone()) {
                self.duplicates.push(Duplicate { path: self.path.clone(), span: key_span.clone(), first });
            }
            let value = self.value()?;
            members.push(Member { key, key_span, value });
            self.separator(opened, '}')?;
            self.path.pop();
        }
    }

    fn key(&mut self, opened: usize) -> Result<(String, Span), ParseError> {
        let start = self.at;
        let key = match self.peek() {
            Some('"' | '\'') => self.string()?,
            Some(letter) if starts_identifier(letter) => self.identifier()?,
            None => return Err(self.error(opened, "this `{` is never closed")),
            Some(_) => {
                let found = self.found();
                return Err(self.error(start, format!("expected a key or `}}`, found {found}")));
            }
        };
        Ok((key, start..self.at))
    }

    /// After an element: a comma, or the closing bracket, which stays.
    fn separator(&mut self, opened: usize, close: char) -> Result<(), ParseError> {
        self.skip_blank()?;
        match self.peek() {
            Some(',') => {
                self.bump();
                Ok(())
            }
            Some(letter) if letter == close => Ok(()),
            None => {
                let open = if close == '}' { '{' } else { '[' };
                Err(self.error(opened, format!("this `{open}` is never closed")))
            }
            Some(_) => {
                let found = self.found();
                Err(self.error(self.at, format!("expected `,` or `{close}`, found {found}")))
            }
        }
    }
}

fn is_blank(letter: char) -> bool {
    letter == '\u{feff}' || (letter.is_whitespace() && letter != '\u{85}')
}
