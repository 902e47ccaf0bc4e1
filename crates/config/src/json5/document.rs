//! What a parsed file is made of.

use std::ops::Range;

use serde_json::{Map, Number, Value};

use crate::key_path::Segment;

/// A byte range in the text.
pub type Span = Range<usize>;

/// A parsed file: the value and what was odd about it.
#[derive(Debug, Clone)]
pub struct Document {
    pub root: Node,
    /// Keys that stand more than once in one object, in the order of the file.
    pub duplicates: Vec<Duplicate>,
}

/// A key that its object already has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Where the object is, and the key.
    pub path: Vec<Segment>,
    /// The later occurrence, which JavaScript would let win.
    pub span: Span,
    /// The earlier one.
    pub first: Span,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

/// The value itself.
#[derive(Debug, Clone)]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Member {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// The plain value; of a key that stands twice, the last.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for member in members {
                    map.insert(member.key.clone(), member.value.to_value());
                }
                Value::Object(map)
            }
        }
    }

    /// The member with this key; of several, the last, which is the one that counts.
    pub fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Object(members) => members.iter().rev().find(|member| member.key == key),
            _ => None,
        }
    }

    /// The child that a segment names.
    pub fn child(&self, segment: &Segment) -> Option<&Self> {
        match (&self.kind, segment) {
            (Kind::Object(_), Segment::Key(key)) => self.member(key).map(|member| &member.value),
            (Kind::Array(items), segment) => items.get(segment.as_index()?),
            _ => None,
        }
    }

    /// Where `path` stands: the key for a member, the value for an element. And how many of its steps exist: where the
    /// path goes on, the place is that of the nearest parent.
    pub fn locate(&self, path: &[Segment]) -> (Span, usize) {
        let mut node = self;
        let mut span = self.span.clone();
        for (steps, segment) in path.iter().enumerate() {
            let Some(child) = node.child(segment) else { return (span, steps) };
            span = match segment {
                Segment::Key(key) => {
                    node.member(key).map_or_else(|| child.span.clone(), |found| found.key_span.clone())
                }
                Segment::Index(_) => child.span.clone(),
            };
            node = child;
        }
        (span, path.len())
    }
}

/// A place in a text as a person counts: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

impl Location {
    /// Where the byte `offset` of `text` is. A byte order mark counts as nothing; CRLF is one line end.
    pub fn of(text: &str, offset: usize) -> Self {
        let mut line = 1;
        let mut column = 1;
        let mut before = text.char_indices().take_while(|(at, _)| *at < offset).map(|(_, letter)| letter).peekable();
        while let Some(letter) = before.next() {
            match letter {
                '\r' if before.peek() == Some(&'\n') => {}
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                    line += 1;
                    column = 1;
                }
                '\u{feff}' => {}
                _ => column += 1,
            }
        }
        Self { line, column }
    }
}
