//! Changing a text so that it means another value, one splice at a time.
//!
//! Every step parses the text, finds the first difference to the wanted value and splices just that, so spans are
//! never stale. A file has few differences, and a write has an fsync to wait for: simple beats clever here.

use serde::Serialize;
use serde_json::{Value, ser::PrettyFormatter};

use super::{
    document::{Kind, Member, Node, Span},
    parser::parse,
    strings::ends_line,
};

/// More differences than this are a new file; it is then written plainly.
const MAX_EDITS: usize = 256;

/// The outcome of [`rewrite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    pub text: String,
    /// False when comments and formatting could not be kept: the text is plain JSON then.
    pub kept_layout: bool,
}

/// A replacement of one byte range.
struct Splice(Span, String);

/// Changes `text` so that it parses to `next`, keeping comments, order and formatting of whatever stays.
///
/// What cannot be patched (text that does not parse, far too many differences) is written as plain JSON.
pub fn rewrite(text: &str, next: &Value) -> Rewritten {
    match keep_layout(text, next) {
        Some(text) => Rewritten { text, kept_layout: true },
        None => Rewritten { text: plain(next), kept_layout: false },
    }
}

fn keep_layout(text: &str, next: &Value) -> Option<String> {
    let mut current = text.to_owned();
    for _ in 0..MAX_EDITS {
        let document = parse(&current).ok()?;
        let page = Page::new(&current, &document.root);
        let Some(mut splices) = page.first_edit(&document.root, next) else {
            return (document.root.to_value() == *next).then_some(current);
        };
        splices.sort_by_key(|Splice(span, _)| std::cmp::Reverse(span.start));
        for Splice(span, replacement) in splices {
            current.get(span.clone())?;
            current.replace_range(span, &replacement);
        }
    }
    None
}

/// Plain JSON as the original writes it: two spaces, a newline at the end.
fn plain(next: &Value) -> String {
    let mut text = pretty(next, "  ");
    text.push('\n');
    text
}

fn pretty(value: &Value, step: &str) -> String {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(step.as_bytes()));
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_else(|_| value.to_string()),
        Err(_) => value.to_string(),
    }
}

/// A text with its habits.
struct Page<'t> {
    text: &'t str,
    newline: &'static str,
    step: String,
}

impl<'t> Page<'t> {
    fn new(text: &'t str, root: &Node) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut page = Self { text, newline, step: "  ".to_owned() };
        if let Kind::Object(members) = &root.kind
            && let Some(indent) = members.iter().find_map(|member| page.own_line_indent(member.key_span.start))
            && !indent.is_empty()
        {
            page.step = indent.to_owned();
        }
        page
    }

    fn slice(&self, span: Span) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }

    /// The white space that the line of `at` starts with.
    fn line_indent(&self, at: usize) -> &'t str {
        let line = self.slice(self.line_start(at)..at);
        line.get(..line.len() - line.trim_start().len()).unwrap_or_default()
    }

    /// The indent of what stands at `at`, if it is the first on its line.
    fn own_line_indent(&self, at: usize) -> Option<&'t str> {
        let before = self.slice(self.line_start(at)..at);
        (before.trim().is_empty() && self.line_start(at) > 0).then_some(before)
    }

    fn line_start(&self, at: usize) -> usize {
        self.slice(0..at).rfind(ends_line).map_or(0, |end| {
            let width = self.slice(end..at).chars().next().map_or(1, char::len_utf8);
            end + width
        })
    }

    /// A value as it would stand on a line indented by `indent`.
    fn format(&self, value: &Value, indent: &str) -> String {
        pretty(value, &self.step).replace('\n', &format!("{}{indent}", self.newline))
    }

    /// The splices of the first difference between `node` and `next`; `None` when there is none.
    fn first_edit(&self, node: &Node, next: &Value) -> Option<Vec<Splice>> {
        match (&node.kind, next) {
            (Kind::Object(members), Value::Object(wanted)) => {
                for (index, member) in members.iter().enumerate() {
                    let hidden = members.iter().skip(index + 1).any(|later| later.key == member.key);
                    match wanted.get(&member.key) {
                        None => return Some(self.remove(node, &entry_spans(node), index)),
                        Some(value) if !hidden => {
                            if let Some(edit) = self.first_edit(&member.value, value) {
                                return Some(edit);
                            }
                        }
                        Some(_) => {}
                    }
                }
                let (key, value) = wanted.iter().find(|(key, _)| node.member(key).is_none())?;
                let name = key_text(key, members, self.text);
                Some(self.append(node, |indent| format!("{name}: {}", self.format(value, indent))))
            }
            (Kind::Array(items), Value::Array(wanted)) => self.array_edit(node, items, wanted),
            _ if node.to_value() == *next => None,
            _ => {
                let indent = self.line_indent(node.span.start).to_owned();
                Some(vec![Splice(node.span.clone(), self.format(next, &indent))])
            }
        }
    }

    fn array_edit(&self, node: &Node, items: &[Node], wanted: &[Value]) -> Option<Vec<Splice>> {
        let differs = items.iter().zip(wanted).position(|(item, value)| item.to_value() != *value);
        let first = differs.unwrap_or_else(|| items.len().min(wanted.len()));
        if items.len() > wanted.len() {
            let tail_fits = items.iter().skip(first + items.len() - wanted.len()).map(Node::to_value);
            if differs.is_none() || tail_fits.eq(wanted.iter().skip(first).cloned()) {
                return Some(self.remove(node, &entry_spans(node), first));
            }
        }
        if let (Some(item), Some(value), true) = (items.get(first), wanted.get(first), differs.is_some()) {
            return self.first_edit(item, value);
        }
        let value = wanted.get(items.len())?;
        Some(self.append(node, |indent| self.format(value, indent)))
    }

    /// Puts a new entry at the end of an object or array.
    fn append(&self, node: &Node, entry: impl Fn(&str) -> String) -> Vec<Splice> {
        let spans = entry_spans(node);
        let inside = node.span.start + 1..node.span.end.saturating_sub(1);
        let inner = self.slice(inside.clone());
        let outer_indent = self.line_indent(node.span.start).to_owned();
        let deeper = format!("{outer_indent}{}", self.step);
        let solid_end = inside.start + inner.trim_end().len();
        let Some(last) = spans.last() else {
            let line = format!("{}{deeper}{}", self.newline, entry(&deeper));
            if inner.trim().is_empty() {
                return vec![Splice(inside, format!("{line}{}{outer_indent}", self.newline))];
            }
            if self.slice(solid_end..inside.end).contains(ends_line) {
                return vec![Splice(solid_end..solid_end, line)];
            }
            return vec![Splice(solid_end..inside.end, format!("{line}{}{outer_indent}", self.newline))];
        };
        let comma = self.comma_between(last.end, inside.end);
        if !inner.contains(ends_line) {
            return vec![match comma {
                Some(comma) => Splice(comma + 1..comma + 1, format!(" {},", entry(&outer_indent))),
                None => Splice(last.end..last.end, format!(", {}", entry(&outer_indent))),
            }];
        }
        let indent = self.own_line_indent(last.start).map_or(deeper, str::to_owned);
        let line = format!("{}{indent}{}", self.newline, entry(&indent));
        match comma {
            Some(_) => vec![Splice(solid_end..solid_end, format!("{line},"))],
            None if solid_end == last.end => vec![Splice(solid_end..solid_end, format!(",{line}"))],
            None => vec![Splice(last.end..last.end, ",".to_owned()), Splice(solid_end..solid_end, line)],
        }
    }

    /// Takes an entry out, with its comma, and with its line if nothing else stands on it. Comments stay.
    fn remove(&self, node: &Node, spans: &[Span], index: usize) -> Vec<Splice> {
        let Some(entry) = spans.get(index).cloned() else { return Vec::new() };
        let close = node.span.end.saturating_sub(1);
        let next_start = spans.get(index + 1).map_or(close, |next| next.start);
        if let Some(comma) = self.comma_between(entry.end, next_start) {
            if self.slice(entry.end..comma).trim().is_empty() {
                return vec![Splice(self.widen(entry.start..comma + 1), String::new())];
            }
            return vec![Splice(comma..comma + 1, String::new()), Splice(self.widen(entry), String::new())];
        }
        let previous_end = index.checked_sub(1).and_then(|before| spans.get(before)).map(|before| before.end);
        match previous_end.and_then(|end| self.comma_between(end, entry.start)) {
            Some(comma) if self.slice(comma + 1..entry.start).trim().is_empty() => {
                vec![Splice(comma..entry.end, String::new())]
            }
            Some(comma) => vec![Splice(comma..comma + 1, String::new()), Splice(self.widen(entry), String::new())],
            None => vec![Splice(self.widen(entry), String::new())],
        }
    }

    /// The whole line when the span is all that stands on it; otherwise the span and the blanks after it.
    fn widen(&self, span: Span) -> Span {
        let after = self.text.get(span.end..).unwrap_or_default();
        let blank = after.len() - after.trim_start_matches([' ', '\t']).len();
        let rest = after.get(blank..).unwrap_or_default();
        let line_end = ["\r\n", "\n", "\r"].iter().find(|end| rest.starts_with(**end));
        match (self.own_line_indent(span.start), line_end) {
            (Some(indent), Some(end)) => span.start - indent.len()..span.end + blank + end.len(),
            (None, Some(_)) => span,
            _ => span.start..span.end + blank,
        }
    }

    /// The comma outside comments between two entries.
    fn comma_between(&self, from: usize, to: usize) -> Option<usize> {
        let mut at = from;
        while at < to {
            let rest = self.slice(at..to);
            if rest.starts_with("//") {
                at += rest.find(ends_line)?;
            } else if rest.starts_with("/*") {
                at += rest.find("*/")? + 2;
            } else if rest.starts_with(',') {
                return Some(at);
            } else {
                at += rest.chars().next()?.len_utf8();
            }
        }
        None
    }
}

/// Where each entry stands, key included.
fn entry_spans(node: &Node) -> Vec<Span> {
    match &node.kind {
        Kind::Object(members) => members.iter().map(|member| member.key_span.start..member.value.span.end).collect(),
        Kind::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The key as its neighbours are written: without quotes only where all of them do without.
fn key_text(key: &str, siblings: &[Member], text: &str) -> String {
    let bare_neighbours = !siblings.is_empty()
        && siblings
            .iter()
            .all(|member| text.get(member.key_span.clone()).is_some_and(|written| !written.starts_with(['"', '\''])));
    let mut letters = key.chars();
    let simple = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if bare_neighbours && simple { key.to_owned() } else { Value::from(key).to_string() }
}
