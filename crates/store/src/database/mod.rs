//! The one `SQLite` file: opening it, its schema, the single writer and the views that read.

mod open;
mod schema;
mod view;
mod writer;
mod written;

pub(crate) use open::{Opening, open_reader, prepare};
pub use view::{Step, StepHook};
pub(crate) use view::{Tx, View, json, milliseconds, optional_ms, to_json, unsigned};
pub(crate) use writer::{Durability, Writer};
pub use written::Written;
