//! Connecting: who the node says it is, how it waits, how it comes back, how it ends.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_client::Endpoint;
use openclaw_identity::Secret;
use openclaw_node::{
    exec::{
        machine::Machine,
        policy::{Policy, Security},
    },
    host::{Ended, NodeError, NodeHost, NodeOptions, Report},
    status::{Link, NodeStatus},
};
use openclaw_protocol::clock::Clock;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::gateway::{Gateway, SOON};

/// A state directory and a machine for nodes.
pub(crate) struct Place {
    home: tempfile::TempDir,
}

/// A running node.
pub(crate) struct Node {
    pub(crate) reports: mpsc::Receiver<Report>,
    pub(crate) stop: CancellationToken,
    running: tokio::task::JoinHandle<Ended>,
    tasks: TaskTracker,
}

impl Place {
    pub(crate) fn new(security: Security) -> Self {
        let place = Self { home: tempfile::tempdir().unwrap() };
        let mut policy = Policy::load(&place.policy()).unwrap();
        policy.set_security(security).unwrap();
        policy.save(place.home.path()).unwrap();
        place
    }

    fn policy(&self) -> PathBuf {
        self.home.path().join("exec-approvals.json")
    }

    pub(crate) fn state_dir(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn options(&self, endpoint: Endpoint) -> NodeOptions {
        let variables = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let machine = Arc::new(Machine::new(variables, self.home.path(), &self.policy(), None));
        let mut options = NodeOptions::new(self.home.path().to_owned(), machine, endpoint);
        options.display_name = Some("Box".into());
        options
    }

    pub(crate) fn start(&self, endpoint: Endpoint) -> Node {
        Node::start(self.options(endpoint))
    }

    fn status(&self) -> NodeStatus {
        NodeStatus::read(self.state_dir(), &Clock::system()).unwrap()
    }
}

impl Node {
    pub(crate) fn start(options: NodeOptions) -> Self {
        let (sender, reports) = mpsc::channel(256);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (token, host) = (stop.clone(), NodeHost::new(options).unwrap());
        let running = tasks.spawn(host.run(token, move |report| sender.try_send(report).unwrap()));
        Self { reports, stop, running, tasks }
    }

    /// The next report that fits.
    pub(crate) async fn report<T>(&mut self, fits: impl Fn(Report) -> Option<T>) -> T {
        timeout(SOON, async {
            loop {
                if let Some(found) = fits(self.reports.recv().await.expect("the node ended")) {
                    return found;
                }
            }
        })
        .await
        .unwrap()
    }

    pub(crate) async fn ended(self) -> Ended {
        self.tasks.close();
        timeout(SOON, self.running).await.unwrap().unwrap()
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        assert!(matches!(self.ended().await, Ended::Stopped));
    }
}

#[tokio::test]
async fn a_node_says_who_it_is_and_what_it_offers() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Allowlist));
    let mut options = place.options(gateway.endpoint());
    options.purpose = Some("builds\nthings".into());
    options.credentials.token = Some(Secret::new("t0ken"));
    let mut node = Node::start(options);
    let mut peer = gateway.accept().await;
    let connect = &peer.connect;
    assert_eq!(
        (&connect["role"], &connect["minProtocol"], &connect["maxProtocol"]),
        (&"node".into(), &3.into(), &4.into())
    );
    assert_eq!(connect["client"]["id"], "node-host");
    assert_eq!(connect["client"]["mode"], "node");
    assert_eq!(connect["client"]["displayName"], "Box");
    assert_eq!(connect["client"]["version"], openclaw_protocol::version::RELEASE);
    assert!(connect["client"]["deviceFamily"].is_string());
    assert_eq!(connect["caps"], json!(["system", "openclaw.purpose:buildsthings", "openclaw.pairing-wait"]));
    let commands =
        ["system.execApprovals.get", "system.execApprovals.set", "system.run", "system.run.prepare", "system.which"];
    assert_eq!(connect["commands"], json!(commands));
    assert_eq!(connect["pathEnv"], "/usr/bin:/bin");
    assert_eq!(connect["auth"]["token"], "t0ken");
    let settings = place.status().settings.unwrap();
    assert_eq!(connect["client"]["instanceId"], settings.node_id);
    assert_eq!(settings.gateway.unwrap().port, gateway.endpoint().url.port());

    peer.hello(4, &json!({"role": "node", "scopes": []})).await;
    let connected = node.report(|report| if let Report::Connected(it) = report { Some(it) } else { None }).await;
    assert_eq!((connected.gateway_name.as_deref(), connected.protocol), (Some("Home"), 4));
    assert_eq!(connected.capabilities, ["system"]);
    assert_eq!(connected.device_id, peer.node_id());
    node.end().await;
    peer.gone().await;
}

#[tokio::test]
async fn p2_a_node_in_the_waiting_room_is_usable_as_soon_as_it_is_approved() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let mut peer = gateway.accept().await;
    let key = openclaw_identity::DeviceKey::from_seed(&[1; 32]).public();
    let waiting = json!({"requestId": "r-1", "reason": "not-paired", "gatewayName": "Home", "instanceId": "g-1",
        "gatewayPublicKey": key.to_wire(), "expiresAtMs": 5, "approvalUrl": "http://x/a"});
    peer.event("pairing.waiting", waiting).await;
    let report = node.report(|report| if let Report::Waiting(it) = report { Some(it) } else { None }).await;
    assert!(report.is_kept && report.matching_code.is_some());
    assert_eq!((report.request_id.as_deref(), report.gateway_name.as_deref()), (Some("r-1"), Some("Home")));
    peer.hello(4, &json!({"role": "node", "scopes": []})).await;
    assert_eq!(peer.call("i1", "system.which", &json!({"bins": []})).await.unwrap(), json!({"bins": {}}));
    drop(peer);
    node.end().await;
}

#[tokio::test]
async fn a_rejected_node_ends_and_says_so() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let error = json!({"code": "NOT_PAIRED", "message": "pairing rejected", "details": {"code": "PAIRING_REJECTED"}});
    gateway.accept().await.refuse(error).await;
    node.report(|report| matches!(report, Report::Rejected { .. }).then_some(())).await;
    assert!(matches!(node.ended().await, Ended::Rejected(_)));
    let status = place.status();
    assert!(!status.is_running);
    assert_eq!(status.last.unwrap().link, Link::Ended);
}

#[tokio::test]
async fn a_gateway_that_cannot_keep_it_waiting_is_asked_again() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let error = json!({"code": "NOT_PAIRED", "message": "pairing required",
        "details": {"code": "PAIRING_REQUIRED", "requestId": "r-9", "reason": "not-paired"}});
    gateway.accept().await.refuse(error).await;
    let waiting = node.report(|report| if let Report::Waiting(it) = report { Some(it) } else { None }).await;
    assert_eq!((waiting.request_id.as_deref(), waiting.is_kept), (Some("r-9"), false));
    gateway.welcome(3).await;
    node.report(|report| matches!(report, Report::Connected(_)).then_some(())).await;
    node.end().await;
}

#[tokio::test]
async fn a_wrong_secret_ends_the_node() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut options = place.options(gateway.endpoint());
    options.credentials.token = Some(Secret::new("wrong"));
    let node = Node::start(options);
    let error =
        json!({"code": "INVALID_REQUEST", "message": "unauthorized", "details": {"code": "AUTH_TOKEN_MISMATCH"}});
    gateway.accept().await.refuse(error).await;
    assert!(matches!(node.ended().await, Ended::Refused(_)));
}

#[tokio::test]
async fn a_lost_connection_is_made_again_with_the_token_that_was_given() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let mut peer = gateway.accept().await;
    assert!(peer.connect.get("auth").is_none());
    peer.hello(4, &json!({"role": "node", "scopes": [], "deviceToken": "d3vice"})).await;
    let id = peer.node_id();
    node.report(|report| matches!(report, Report::Connected(_)).then_some(())).await;
    peer.close().await;
    node.report(|report| matches!(report, Report::Lost { .. }).then_some(())).await;
    let mut again = gateway.welcome(4).await;
    assert_eq!(again.connect["auth"]["token"], "d3vice");
    assert_eq!(again.node_id(), id);
    assert!(again.call("i", "system.which", &json!({"bins": []})).await.is_ok());
    drop(again);
    node.end().await;
}

#[tokio::test]
async fn sec_010_a_token_is_not_sent_to_another_gateway() {
    let (first, second, place) = (Gateway::start().await, Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(first.endpoint());
    let mut peer = first.accept().await;
    peer.hello(4, &json!({"role": "node", "scopes": [], "deviceToken": "d3vice"})).await;
    node.report(|report| matches!(report, Report::Connected(_)).then_some(())).await;
    drop(peer);
    node.end().await;
    let node = place.start(second.endpoint());
    assert!(second.accept().await.connect.get("auth").is_none());
    node.end().await;
}

#[tokio::test]
async fn a_stale_token_is_forgotten_and_the_node_asks_without_it() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let mut peer = gateway.accept().await;
    peer.hello(4, &json!({"role": "node", "scopes": [], "deviceToken": "old"})).await;
    node.report(|report| matches!(report, Report::Connected(_)).then_some(())).await;
    peer.close().await;
    let error = json!({"code": "INVALID_REQUEST", "message": "device token mismatch", "details": {"code": "AUTH_DEVICE_TOKEN_MISMATCH"}});
    gateway.accept().await.refuse(error).await;
    assert!(gateway.accept().await.connect.get("auth").is_none());
    node.end().await;
}

#[tokio::test]
async fn sec_014_no_secret_is_read_for_a_gateway_that_would_get_it_in_plain_text() {
    let place = Place::new(Security::Full);
    let node = place.start(Endpoint::parse("ws://gateway.example:1").unwrap());
    let Ended::Refused(error) = node.ended().await else { panic!("it ended otherwise") };
    assert!(error.to_string().contains("plaintext"), "{error}");
}

#[tokio::test]
async fn one_state_directory_is_one_node_and_its_status_can_be_seen() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let peer = gateway.welcome(4).await;
    node.report(|report| matches!(report, Report::Connected(_)).then_some(())).await;
    let second = NodeHost::new(place.options(gateway.endpoint()));
    assert!(matches!(second, Err(NodeError::Running { .. })));
    let wanted = timeout(SOON, async {
        loop {
            let status = place.status();
            assert!(status.is_running);
            match status.last {
                Some(last) if last.link == Link::Connected => return last,
                _ => tokio::task::yield_now().await,
            }
        }
    });
    let last = wanted.await.unwrap();
    assert_eq!(
        (last.pid, last.device_id, last.gateway_name.as_deref()),
        (std::process::id(), peer.node_id(), Some("Home"))
    );
    drop(peer);
    node.end().await;
    let status = place.status();
    assert!(!status.is_running);
    assert_eq!(status.last.unwrap().link, Link::Ended);
}

#[tokio::test]
async fn only_the_chosen_commands_are_offered() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut options = place.options(gateway.endpoint());
    options.commands = Some(vec!["camera.snap".into()]);
    let error = NodeHost::new(options.clone()).unwrap_err().to_string();
    assert_eq!(error, "Node command allowlist retained no available commands. Unknown or unavailable ids: camera.snap");
    options.commands = Some(vec!["system.which".into(), "camera.snap".into()]);
    let mut node = Node::start(options);
    node.report(|report| matches!(report, Report::Notice(text) if text.contains("camera.snap")).then_some(())).await;
    let mut peer = gateway.welcome(4).await;
    assert_eq!(peer.connect["commands"], json!(["system.which"]));
    let refused = peer.call("i", "system.run", &json!({"command": ["ls"]})).await.unwrap_err();
    assert_eq!(refused, "UNAVAILABLE: command not supported");
    drop(peer);
    node.end().await;
}

#[tokio::test]
async fn a_decision_about_its_commands_is_reported_if_it_is_about_this_node() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let mut node = place.start(gateway.endpoint());
    let mut peer = gateway.welcome(4).await;
    peer.event("node.pair.resolved", json!({"requestId": "r", "nodeId": "other", "decision": "rejected", "ts": 1}))
        .await;
    let id = peer.node_id();
    peer.event("node.pair.resolved", json!({"requestId": "r", "nodeId": id, "decision": "approved", "ts": 1})).await;
    let decided = node
        .report(|report| if let Report::SurfaceDecided { decision } = report { Some(decision) } else { None })
        .await;
    assert_eq!(decided, "approved");
    drop(peer);
    node.end().await;
}

#[tokio::test]
async fn stopping_while_dialling_ends_at_once() {
    let (gateway, place) = (Gateway::start().await, Place::new(Security::Full));
    let node = place.start(gateway.endpoint());
    let peer = gateway.accept().await;
    node.end().await;
    drop(peer);
    assert!(timeout(std::time::Duration::from_millis(50), gateway.nobody()).await.is_err());
}
