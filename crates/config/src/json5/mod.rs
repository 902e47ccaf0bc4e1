//! A JSON5 reader that remembers where everything stands.
//!
//! Why not a crate: a configuration file belongs to a person. To change one value and leave their comments, order and
//! quoting alone (REL-010), and to say file, line and column for a key that is syntactically fine but means nothing
//! (REL-009), the byte range of every key and value has to survive parsing. The `json5` crate deserialises into serde
//! and reports positions of syntax errors only; it serves as the second opinion in this module's property test.
//!
//! - [`parse`] reads text into a [`Document`] of spanned [`Node`]s.
//! - [`rewrite`] changes the text so that it means another value, touching only what differs.

mod document;
mod layout;
mod number;
mod parser;
mod plain;
mod strings;
#[cfg(test)]
mod tests;

pub use document::{Document, Duplicate, Kind, Location, Member, Node, Span};
pub use layout::{Rewritten, rewrite};
pub use parser::{MAX_DEPTH, ParseError, parse};
pub use plain::parse_str;
