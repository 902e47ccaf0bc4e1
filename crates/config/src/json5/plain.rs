//! Reading without positions.

use serde_json::Value;

use super::{ParseError, parse};

/// Reads JSON5 text into a plain value; a key that stands twice keeps its last value, as in JavaScript.
///
/// Accepts a byte order mark, CRLF, comments, trailing commas, unquoted keys, single quotes, hexadecimal numbers.
///
/// # Errors
/// The first syntax error, with line and column. `Infinity` and `NaN` are errors too: JSON cannot hold them.
pub fn parse_str(text: &str) -> Result<Value, ParseError> {
    parse(text).map(|document| document.root.to_value())
}
