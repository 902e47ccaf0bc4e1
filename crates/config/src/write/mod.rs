//! Putting a prepared change on the disk (REL-002, cli.md §3.2).
//!
//! The reader of the file sees the old text or the new one, whatever happens in between: the new text goes to a
//! temporary file of mode 0600 in the same folder, is synced, the old file gets a second name (`.bak`, the first of a
//! ring of five), and a rename puts the new one in place.

mod audit;
mod replace;
mod save;

pub use audit::{AuditContext, mask_arguments};
pub use replace::BACKUPS;
pub use save::{SaveError, Saved, check_base_hash, remove_stray_files, save};
