//! What stays a file, because people and the official programs edit or delete it.
//!
//! Every file is written whole: a temporary one in the same folder, synced, renamed, the folder synced; mode 0600, in
//! folders of mode 0700 (REL-002, SEC-200). Members that are not known are kept and written back.

mod atomic;
mod ballast;
mod device_auth;
mod gateway_info;
mod identity;
mod lock;
mod mode;
mod network;
mod node_json;
mod owner;
mod text;

pub use atomic::{FileError, read_capped, remove, write_atomic};
pub(crate) use atomic::{create_private, has_sibling, rename, with_suffix};
pub(crate) use ballast::Ballast;
pub use device_auth::{DeviceAuth, Endpoint, StoredToken};
pub use gateway_info::GatewayInfo;
pub use identity::{DEVICE_IDENTITY, GATEWAY_IDENTITY, NODE_IDENTITY, identity, load_identity};
pub use lock::{Held, Holder, LockError, StateLock};
pub(crate) use mode::claim_dir;
pub use mode::create_private_dir;
pub(crate) use network::is_network_path;
pub use node_json::{NodeGateway, NodeJson};
pub use owner::owner_secret;
