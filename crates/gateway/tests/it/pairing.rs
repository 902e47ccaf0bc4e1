//! Promises P1 to P5 and P8 through real sockets.

use std::time::Instant;

use openclaw_client::{Credentials, dial};
use openclaw_identity::Secret;
use openclaw_protocol::{
    id::DeviceId,
    method::NoParams,
    methods::{device, node},
    scope::Role,
};
use openclaw_testkit::{Device, TestGateway, eventually, within};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

const RUN: [&str; 2] = ["system.run", "system.which"];

fn owner_credentials(gateway: &TestGateway) -> Credentials {
    Credentials { token: Some(gateway.owner_secret()), ..Credentials::default() }
}

async fn nodes(gateway: &TestGateway) -> Vec<node::NodeSummary> {
    gateway.owner().await.connection.call::<node::List>(NoParams {}).await.unwrap().nodes
}

#[tokio::test]
async fn p1_on_one_machine_one_key_in_both_roles_needs_no_approval_in_either_order() {
    for node_first in [true, false] {
        let gateway = TestGateway::start().await;
        let node = Device::node(&RUN);
        let cli = node.as_other(&Device::operator(&["operator.admin", "operator.read", "operator.pairing"]));
        let order = if node_first { [&node, &cli] } else { [&cli, &node] };
        let mut open = Vec::new();
        for device in order {
            open.push(gateway.dial(device, &gateway.shared_token()).await.expect("no approval is needed"));
        }
        let nodes = nodes(&gateway).await;
        assert_eq!(nodes.len(), 1);
        assert!(nodes[0].connected);
        assert_eq!(nodes[0].commands, RUN.map(str::to_owned));
    }
}

#[tokio::test]
async fn p2_a_waiting_node_is_let_in_by_one_approval_without_a_restart() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let (endpoint, options) = gateway.elsewhere();
    let device = Device::node(&RUN).waiting();
    let (told, shown) = oneshot::channel();
    let caller = device.caller.clone();
    let dialing = TaskTracker::new().spawn(async move {
        let mut told = Some(told);
        dial(&endpoint, &caller, &Credentials::default(), &options, &mut |waiting| {
            if let Some(told) = told.take() {
                told.send(waiting.clone()).unwrap();
            }
        })
        .await
    });
    let waiting = within("the waiting room", shown).await.unwrap();
    let list = owner.connection.call::<device::PairList>(NoParams {}).await.unwrap();
    assert_eq!(list.pending.len(), 1);
    assert_eq!(list.pending[0].request_id, waiting.request_id);
    assert_eq!(list.pending[0].shown.commands, RUN.map(str::to_owned));
    let request_id = waiting.request_id.clone();
    let approved = Instant::now();
    owner.connection.call::<device::PairApprove>(device::PairDecideParams { request_id }).await.unwrap();
    let connected = within("hello-ok", dialing).await.unwrap().expect("the node comes in");
    eprintln!("approval to hello-ok: {:?}", approved.elapsed());
    assert!(connected.hello.auth.unwrap().device_token.is_some());
    let nodes = nodes(&gateway).await;
    assert!(nodes[0].connected && nodes[0].commands == RUN.map(str::to_owned));
}

#[tokio::test]
async fn p2_a_rejection_ends_a_waiting_node_with_a_clear_text() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let (endpoint, options) = gateway.elsewhere();
    let caller = Device::node(&RUN).waiting().caller;
    let dialing = TaskTracker::new()
        .spawn(async move { dial(&endpoint, &caller, &Credentials::default(), &options, &mut |_| {}).await });
    let request_id = eventually("a request", || async {
        let list = owner.connection.call::<node::PairList>(NoParams {}).await.unwrap();
        list.pending.first().map(|pending| pending.request.request_id.clone())
    })
    .await;
    owner.connection.call::<node::PairReject>(device::PairDecideParams { request_id }).await.unwrap();
    let error = within("the refusal", dialing).await.unwrap().unwrap_err();
    assert!(error.is_final(), "{error}");
    assert!(error.to_string().starts_with("pairing rejected"), "{error}");
}

#[tokio::test]
async fn p4_a_request_keeps_its_id_through_retries_and_a_restart() {
    let mut gateway = TestGateway::start().await;
    let device = Device::node(&RUN);
    let mut ids = Vec::new();
    for restart in [false, true, false] {
        if restart {
            gateway.restart().await;
        }
        let error = gateway.dial_from_elsewhere(&device, &Credentials::default()).await.unwrap_err();
        let pairing = error.refusal().and_then(openclaw_client::Refusal::pairing).expect("pairing required");
        ids.push(pairing.request_id.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn p5_a_stale_token_with_the_right_key_is_repaired_and_a_revoked_one_is_not() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let device = Device::node(&RUN);
    drop(gateway.dial(&device, &owner_credentials(&gateway)).await.expect("paired on this machine"));
    let stale = Credentials { device_token: Some(Secret::new("of another year")), ..Credentials::default() };
    let again = gateway.dial_from_elsewhere(&device, &stale).await.expect("the key is the identity");
    assert!(again.hello.auth.as_ref().unwrap().device_token.is_some());
    let params = device::TokenRevokeParams { device_id: device.id(), role: "node".into() };
    owner.connection.call::<device::TokenRevoke>(params).await.unwrap();
    let close = within("the live socket to close", again.connection.closed()).await;
    assert_eq!((close.code, close.reason.as_str()), (4001, "device token revoked"));
    let error = gateway.dial_from_elsewhere(&device, &stale).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().pairing().unwrap().reason, "role-upgrade");
}

#[tokio::test]
async fn p8_a_removed_device_is_disconnected_and_asks_anew() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let device = Device::node(&RUN);
    let connected = gateway.dial(&device, &owner_credentials(&gateway)).await.unwrap();
    let params = device::DeviceParams { device_id: device.id() };
    owner.connection.call::<device::PairRemove>(params).await.unwrap();
    let close = within("the live socket to close", connected.connection.closed()).await;
    assert_eq!((close.code, close.reason.as_str()), (4001, "device removed"));
    let error = gateway.dial_from_elsewhere(&device, &Credentials::default()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().pairing().unwrap().reason, "not-paired");
}

#[tokio::test]
async fn p9_new_commands_ask_for_the_difference_while_the_rest_works() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let few = Device::node(&["system.which"]);
    drop(gateway.dial(&few, &owner_credentials(&gateway)).await.unwrap());
    let more = few.as_other(&Device::node(&RUN));
    let connected = gateway.dial_from_elsewhere(&more, &Credentials::default()).await.expect("the rest works");
    let seen = &nodes(&gateway).await[0];
    assert_eq!(seen.commands, ["system.which"]);
    assert_eq!(seen.approval.approval_state, node::ApprovalState::PendingReapproval);
    assert_eq!(seen.approval.pending_declared_commands, ["system.run"]);
    let request_id = seen.approval.pending_request_id.clone().unwrap();
    owner.connection.call::<node::PairApprove>(device::PairDecideParams { request_id }).await.unwrap();
    assert_eq!(nodes(&gateway).await[0].commands, RUN.map(str::to_owned));
    assert!(connected.connection.is_open());
}

#[tokio::test]
async fn p3_one_request_is_seen_and_decided_through_both_apis() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    for by_node_api in [true, false] {
        let device = Device::node(&RUN);
        gateway.dial_from_elsewhere(&device, &Credentials::default()).await.unwrap_err();
        let devices = owner.connection.call::<device::PairList>(NoParams {}).await.unwrap().pending;
        let nodes = owner.connection.call::<node::PairList>(NoParams {}).await.unwrap().pending;
        assert_eq!(devices[0].request_id, nodes[0].request.request_id);
        assert_eq!(devices[0].shown.matching_code, nodes[0].request.shown.matching_code);
        let by_code = device::PairDecideParams { request_id: devices[0].shown.matching_code.clone().unwrap() };
        if by_node_api {
            owner.connection.call::<node::PairApprove>(by_code).await.unwrap();
        } else {
            owner.connection.call::<device::PairApprove>(by_code).await.unwrap();
        }
        gateway.dial_from_elsewhere(&device, &Credentials::default()).await.expect("approved");
    }
}

#[tokio::test]
async fn p10_an_invitation_pairs_one_device_once() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let params = device::SetupCodeParams {
        public_url: Some(gateway.url()),
        bootstrap_profile: Some(device::InviteAccess::Node),
        ..device::SetupCodeParams::default()
    };
    let invitation = owner.connection.call::<device::PairSetupCode>(params).await.unwrap();
    let code = openclaw_protocol::setup_code::SetupCode::decode(&invitation.setup_code).unwrap();
    let credentials =
        Credentials { bootstrap_token: Some(Secret::new(code.bootstrap_token)), ..Credentials::default() };
    let invited = Device::node(&RUN);
    gateway.dial_from_elsewhere(&invited, &credentials).await.expect("paired by the invitation");
    let stranger = Device::node(&RUN);
    let error = gateway.dial_from_elsewhere(&stranger, &credentials).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().error.detail_code(), Some("AUTH_BOOTSTRAP_TOKEN_INVALID"));
    let status = device::SetupStatusParams { setup_id: invitation.setup_id };
    let status = owner.connection.call::<device::PairSetupStatus>(status).await.unwrap();
    assert_eq!(status.completion.map(|done| done.device_id), Some(invited.id()));
}

#[tokio::test]
async fn sec_060_a_rotated_shared_token_no_longer_lets_strangers_in() {
    let gateway = TestGateway::start().await;
    gateway.configure(&serde_json::json!({"gateway": {"auth": {"token": "another-token-9876543210fedcba98765"}}}));
    let old = gateway.shared_token();
    eventually("the old token to fail", || async {
        let error = Box::pin(gateway.dial(&Device::operator(&["operator.read"]), &old)).await.err()?;
        (error.refusal()?.error.detail_code() == Some("AUTH_TOKEN_MISMATCH")).then_some(())
    })
    .await;
    gateway.owner().await;
}

#[tokio::test]
async fn an_id_of_a_device_is_not_a_request_id() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let params = device::PairDecideParams { request_id: DeviceId::new("0".repeat(64)).to_string() };
    let error = owner.connection.call::<device::PairApprove>(params).await.unwrap_err();
    assert_eq!(error.refused().unwrap().message, "unknown requestId");
    assert_eq!(Role::Node.as_str(), "node");
}
