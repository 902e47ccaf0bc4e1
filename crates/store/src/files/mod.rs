//! What stays a file, because people and the official programs edit or delete it.
//!
//! Every file is written whole: a temporary one in the same folder, synced, renamed, the folder synced; mode 0600, in
//! folders of mode 0700 (REL-002, SEC-200). Members that are not known are kept and written back.

mod atomic;
mod ballast;
mod mode;
mod network;

pub use atomic::{FileError, read_capped, remove, write_atomic};
pub(crate) use atomic::{create_private, has_sibling, rename, with_suffix};
pub(crate) use ballast::Ballast;
pub use mode::create_private_dir;
pub(crate) use network::is_network_path;
