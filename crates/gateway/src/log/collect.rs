//! What an event says: its message, its values, and the values of the spans around it.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use super::redact::{MASK, is_secret_name, redact};

/// Characters of a message that are kept.
const MAX_MESSAGE: usize = 4_000;
/// Characters of a value that are kept (SEC-130).
const MAX_VALUE: usize = 300;
/// Values of one event that are kept, those of its spans included.
const MAX_FIELDS: usize = 32;

/// The message and the values, bounded, escaped and without secrets.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

/// Kept beside a span.
struct SpanFields(Map<String, Value>);

/// To be called by a layer's `on_new_span`.
pub(super) fn keep_span<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    let mut extensions = span.extensions_mut();
    if extensions.get_mut::<SpanFields>().is_some() {
        return;
    }
    let mut said = Said::default();
    attributes.record(&mut said);
    extensions.insert(SpanFields(said.fields));
}

/// To be called by a layer's `on_record`.
pub(super) fn keep_record<S>(id: &Id, values: &Record<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.span(id) else { return };
    let mut extensions = span.extensions_mut();
    if let Some(SpanFields(fields)) = extensions.get_mut() {
        let mut said = Said { fields: std::mem::take(fields), ..Said::default() };
        values.record(&mut said);
        *fields = said.fields;
    }
}

/// What the event says.
pub(super) fn event<S>(event: &Event<'_>, context: &Context<'_, S>) -> Said
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut said = Said::default();
    event.record(&mut said);
    for span in context.event_scope(event).into_iter().flatten() {
        if let Some(SpanFields(fields)) = span.extensions().get() {
            for (name, value) in fields {
                if said.fields.len() < MAX_FIELDS && !said.fields.contains_key(name) {
                    said.fields.insert(name.clone(), value.clone());
                }
            }
        }
    }
    said
}

impl Said {
    fn keep(&mut self, field: &Field, value: Value) {
        if self.fields.len() < MAX_FIELDS {
            let value = if is_secret_name(field.name()) { Value::from(MASK) } else { value };
            self.fields.insert(field.name().to_owned(), value);
        }
    }

    fn keep_text(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            self.message = safe(text, MAX_MESSAGE);
        } else {
            self.keep(field, Value::from(safe(text, MAX_VALUE)));
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep_text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, Value::from(value));
    }
}

/// Without secrets, on one line, without characters that steer a terminal or turn text around.
fn safe(text: &str, max_chars: usize) -> String {
    // Cut first: searching megabytes for secrets would hold the caller up. A secret at the cut is too short to use.
    let cut = text.char_indices().nth(max_chars).map(|(end, _)| end);
    let clean = redact(text.get(..cut.unwrap_or(text.len())).unwrap_or_default());
    let mut safe = String::with_capacity(clean.len());
    for c in clean.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    if cut.is_some() {
        safe.push('…');
    }
    safe
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_130_foreign_text_is_bounded_and_stays_on_one_line() {
        let text = safe("a\r\n\u{1b}[31m\u{202e}b", 300);
        assert_eq!(text, r"a\u{d}\u{a}\u{1b}[31m\u{202e}b");
        assert_eq!(safe(&"x".repeat(10_000), MAX_VALUE).chars().count(), MAX_VALUE + 1);
    }
}
