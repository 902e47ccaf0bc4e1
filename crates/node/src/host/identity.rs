//! Who this node is (promise P8).
//!
//! `node.json` names the node; its key lies beside, in a file named after the node's id. So a deleted `node.json`, or
//! another `--node-id`, is another node with another key and a request of its own. A `node.json` of the official
//! program has no such key: that node keeps using the key of the machine, `identity/device.json`, and stays paired.

use std::path::{Path, PathBuf};

use openclaw_client::Endpoint;
use openclaw_identity::{DeviceKey, IdentityFile};
use openclaw_protocol::id::DeviceId;
use openclaw_store::files::{self, DEVICE_IDENTITY, DeviceAuth, FileError, NodeGateway, NodeJson};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::digest::hex;

/// Our member of node.json: whose key the node uses, [`OWN`] or [`SHARED`].
const MEMBER: &str = "identity";
const OWN: &str = "own";
const SHARED: &str = "device";
/// Our member of node.json's gateway: the path of its address, as 2026.9 has it.
const CONTEXT_PATH: &str = "contextPath";

/// A node's identity as it is stored.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// Of `node.json`; sent as `client.instanceId`.
    pub node_id: String,
    /// Shown to people.
    pub display_name: Option<String>,
    /// The key. Its device id is the node's id on the wire.
    pub key: DeviceKey,
    /// Whether it is the key of the machine's operator, taken over from the official program.
    pub is_shared: bool,
    auth_path: PathBuf,
}

/// Where node.json is.
pub(crate) fn node_json_path(state_dir: &Path) -> PathBuf {
    state_dir.join("node.json")
}

impl NodeIdentity {
    /// The node's id on the wire.
    pub fn device_id(&self) -> DeviceId {
        self.key.device_id()
    }

    /// Where its device tokens are kept: beside its key, or with the machine's when it uses that key.
    pub(crate) fn tokens(&self) -> DeviceAuth {
        DeviceAuth::at(self.auth_path.clone(), self.device_id())
    }

    /// The stored identity, if there is one. Makes and changes nothing.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn stored(state_dir: &Path, now_ms: u64) -> Result<Option<Self>, FileError> {
        let Some(node) = NodeJson::read(&node_json_path(state_dir), now_ms)? else { return Ok(None) };
        let place = Place::of(state_dir, &node);
        let key = files::load_identity(&place.key, now_ms)?;
        Ok(key.map(|file| place.identity(&node, file)))
    }
}

/// Which files belong to a node.
struct Place {
    key: PathBuf,
    auth: PathBuf,
    is_shared: bool,
}

impl Place {
    fn of(state_dir: &Path, node: &NodeJson) -> Self {
        let digest = Sha256::digest(node.node_id.as_bytes());
        let short = hex(digest.get(..8).unwrap_or(&digest));
        let folder = state_dir.join("identity");
        let (key, shared) = (folder.join(format!("node-{short}.json")), state_dir.join(DEVICE_IDENTITY));
        let is_shared = match node.rest.get(MEMBER).and_then(Value::as_str) {
            Some(SHARED) => true,
            Some(_) => false,
            None => !key.exists() && shared.exists(),
        };
        if is_shared {
            return Self { key: shared, auth: folder.join("device-auth.json"), is_shared };
        }
        Self { key, auth: folder.join(format!("node-{short}-auth.json")), is_shared }
    }

    fn identity(self, node: &NodeJson, file: IdentityFile) -> NodeIdentity {
        NodeIdentity {
            node_id: node.node_id.clone(),
            display_name: node.display_name.clone(),
            key: file.key,
            is_shared: self.is_shared,
            auth_path: self.auth,
        }
    }
}

/// What the host wants node.json to say.
pub(super) struct Wish<'a> {
    pub(super) node_id: Option<&'a str>,
    pub(super) display_name: Option<&'a str>,
    pub(super) endpoint: &'a Endpoint,
}

/// Reads or makes the identity and writes node.json with the effective values. `notice` is told what was moved aside.
///
/// # Errors
/// [`FileError`]; nothing is half written.
pub(super) fn open(
    state_dir: &Path,
    wish: &Wish<'_>,
    now_ms: u64,
    notice: &mut dyn FnMut(String),
) -> Result<NodeIdentity, FileError> {
    let path = node_json_path(state_dir);
    let stored = match NodeJson::read(&path, now_ms) {
        Err(aside @ FileError::SetAside { .. }) => {
            notice(format!("{aside}; this is a new node now"));
            None
        }
        other => other?,
    };
    let is_new = stored.is_none();
    let mut node = stored.unwrap_or_default();
    if is_new {
        node.rest.insert(MEMBER.to_owned(), OWN.into());
    }
    if let Some(wanted) = wish.node_id.map(str::trim).filter(|wanted| !wanted.is_empty())
        && wanted != node.node_id
    {
        wanted.clone_into(&mut node.node_id);
        node.rest.insert(MEMBER.to_owned(), OWN.into());
    }
    let place = Place::of(state_dir, &node);
    node.rest.insert(MEMBER.to_owned(), if place.is_shared { SHARED } else { OWN }.into());
    if let Some(name) = wish.display_name.map(str::trim).filter(|name| !name.is_empty()) {
        node.display_name = Some(name.to_owned());
    }
    if node.display_name.is_none() {
        node.display_name = machine_name();
    }
    node.gateway = Some(gateway(wish.endpoint, node.gateway.take()));
    let file = files::identity(&place.key, now_ms)?;
    node.write(&path)?;
    Ok(place.identity(&node, file))
}

fn gateway(endpoint: &Endpoint, stored: Option<NodeGateway>) -> NodeGateway {
    let mut rest = stored.map(|stored| stored.rest).unwrap_or_default();
    // A query may hold a secret and is not kept.
    match endpoint.url.path().split('?').next().unwrap_or_default() {
        "" | "/" => drop(rest.remove(CONTEXT_PATH)),
        path => drop(rest.insert(CONTEXT_PATH.to_owned(), path.into())),
    }
    NodeGateway {
        host: endpoint.url.host().to_string(),
        port: endpoint.url.port(),
        tls: endpoint.url.is_tls(),
        tls_fingerprint: endpoint.pin.as_ref().map(|pin| pin.as_str().to_owned()),
        rest,
    }
}

fn machine_name() -> Option<String> {
    let name = gethostname::gethostname().to_string_lossy().trim().to_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct State(tempfile::TempDir);

    impl State {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn open(&self, node_id: Option<&str>) -> NodeIdentity {
            let endpoint = Endpoint::parse("ws://127.0.0.1:18789").unwrap();
            let wish = Wish { node_id, display_name: None, endpoint: &endpoint };
            open(self.0.path(), &wish, 1, &mut |_| {}).unwrap()
        }

        fn node_json(&self) -> Value {
            serde_json::from_slice(&std::fs::read(node_json_path(self.0.path())).unwrap()).unwrap()
        }

        fn official(&self) -> DeviceId {
            let file = files::identity(&self.0.path().join(DEVICE_IDENTITY), 1).unwrap();
            let text = r#"{"version":1,"nodeId":"n-1","displayName":"vm","gateway":{"host":"h","port":1,"tls":false},"token":"t"}"#;
            files::write_atomic(&node_json_path(self.0.path()), text.as_bytes()).unwrap();
            file.device_id()
        }
    }

    #[test]
    fn p8_a_node_keeps_its_key_and_its_own_key_is_not_the_operators() {
        let state = State::new();
        let operator = files::identity(&state.0.path().join(DEVICE_IDENTITY), 1).unwrap().device_id();
        let first = state.open(None);
        assert!(!first.is_shared);
        assert_ne!(first.device_id(), operator);
        assert_eq!(state.open(None).device_id(), first.device_id());
        assert_eq!(NodeIdentity::stored(state.0.path(), 1).unwrap().unwrap().device_id(), first.device_id());
    }

    #[test]
    fn p8_deleting_node_json_gives_a_new_node() {
        let state = State::new();
        let first = state.open(None);
        std::fs::remove_file(node_json_path(state.0.path())).unwrap();
        let second = state.open(None);
        assert_ne!(second.device_id(), first.device_id());
        assert_ne!(second.node_id, first.node_id);
    }

    #[test]
    fn p8_another_node_id_is_another_node_and_the_old_one_comes_back_by_its_id() {
        let state = State::new();
        let first = state.open(Some("one"));
        let second = state.open(Some("two"));
        assert_ne!(first.device_id(), second.device_id());
        assert_eq!(state.open(Some("one")).device_id(), first.device_id());
        assert_eq!(state.open(None).node_id, "one");
    }

    #[test]
    fn p8_a_node_of_the_official_program_keeps_its_key_and_its_members() {
        let state = State::new();
        let device = state.official();
        let node = state.open(None);
        assert!(node.is_shared);
        assert_eq!((node.device_id(), node.node_id.as_str()), (device.clone(), "n-1"));
        let written = state.node_json();
        assert_eq!(
            (&written["token"], &written["identity"], &written["displayName"]),
            (&"t".into(), &"device".into(), &"vm".into())
        );
        assert_eq!(written["gateway"], serde_json::json!({"host": "127.0.0.1", "port": 18789, "tls": false}));
        assert_eq!(state.open(None).device_id(), device);
        assert_ne!(state.open(Some("n-2")).device_id(), device);
    }

    #[test]
    fn a_node_json_that_cannot_be_read_is_kept_aside_and_said() {
        let state = State::new();
        files::write_atomic(&node_json_path(state.0.path()), b"{").unwrap();
        let endpoint = Endpoint::parse("wss://gw.example/ctx").unwrap();
        let mut notices = Vec::new();
        let wish = Wish { node_id: None, display_name: Some("Box"), endpoint: &endpoint };
        let node = open(state.0.path(), &wish, 7, &mut |text| notices.push(text)).unwrap();
        assert_eq!(notices.len(), 1);
        assert_eq!(node.display_name.as_deref(), Some("Box"));
        assert_eq!(state.node_json()["gateway"]["contextPath"], "/ctx");
        assert!(
            std::fs::read_dir(state.0.path()).unwrap().any(|f| f
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("corrupt"))
        );
    }
}
