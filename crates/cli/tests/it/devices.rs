//! A second machine, played by a second home folder that can prove nothing: it waits until the owner decides.

use openclaw_client::{Caller, Credentials, DialOptions, Endpoint, dial};
use openclaw_identity::DeviceKey;
use openclaw_protocol::scope::Role;
use serde_json::Value;

use crate::world::{Gateway, Program, World};

/// A gateway's owner, and a stranger whose node waits.
struct Two {
    owner: World,
    stranger: World,
    gateway: Gateway,
}

impl Two {
    fn new() -> Self {
        let owner = World::new();
        let gateway = owner.gateway();
        Self { owner, stranger: World::new(), gateway }
    }

    /// The stranger's node, and what it says while it waits.
    #[track_caller]
    fn waiting(&self) -> (Program, Value) {
        let node =
            self.stranger.start(&["node", "run", "--json", "--url", &self.gateway.url, "--display-name", "Far Box"]);
        let waiting = serde_json::from_str(&node.wait_for_out("\"waiting\"")).unwrap();
        (node, waiting)
    }

    fn owner(&self, arguments: &[&str]) -> String {
        self.owner.run(arguments).ok()
    }
}

#[test]
fn p2_a_waiting_node_is_let_in_by_every_accepted_name() {
    type Selector = fn(&Value) -> String;
    let selectors: [(&str, Selector); 5] = [
        ("id", |waiting| waiting["requestId"].as_str().unwrap().to_owned()),
        ("prefix", |waiting| waiting["requestId"].as_str().unwrap()[..8].to_owned()),
        ("name", |_| "far box".to_owned()),
        ("code", |waiting| waiting["matchingCode"].as_str().unwrap().to_lowercase()),
        ("device", |waiting| waiting["deviceId"].as_str().unwrap().to_owned()),
    ];
    for (at, (what, selector)) in selectors.into_iter().enumerate() {
        let two = Two::new();
        let (node, waiting) = two.waiting();
        assert_eq!(waiting["gateway"]["instanceId"], two.gateway.instance_id.as_str());
        let family = if at % 2 == 0 { "devices" } else { "nodes" };
        let said = two.owner.run(&[family, "approve", &selector(&waiting)]);
        assert_eq!(said.code, 0, "{what}: {said:?}");
        node.wait_for_out("\"connected\"");
    }
}

#[test]
fn p2_latest_works_while_one_device_waits_and_lists_them_when_several_do() {
    let two = Two::new();
    let (_node, first) = two.waiting();
    let other = World::new();
    let second = other.start(&["node", "run", "--json", "--url", &two.gateway.url, "--display-name", "Other Box"]);
    second.wait_for_out("\"waiting\"");
    let said = two.owner.run(&["devices", "approve", "--latest"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("requests of more than one device wait"), "{said:?}");
    assert!(said.err.contains("Far Box") && said.err.contains("Other Box"), "{said:?}");
    // The printed fix is the fix.
    assert_eq!(two.owner.paste(&said.fix()).code, 0);
    assert!(two.owner(&["nodes", "approve", "--latest"]).contains("requestId"));
    assert_eq!(two.owner(&["nodes", "pending"]), "No pending pairing requests.\n");
    assert_ne!(first["requestId"], Value::Null);
}

#[test]
fn p2_a_rejection_ends_the_node_with_1_and_says_why() {
    let two = Two::new();
    let (mut node, waiting) = two.waiting();
    let said = two.owner(&["devices", "reject", waiting["requestId"].as_str().unwrap()]);
    assert_eq!(said, format!("Rejected {}\n", waiting["deviceId"].as_str().unwrap()));
    assert_eq!(node.end(), 1);
    let last = node.out();
    assert!(last.contains("pairing rejected"), "{last}");
}

#[test]
fn p2_the_box_says_where_who_and_how() {
    let two = Two::new();
    let node = two.stranger.start(&["node", "run", "--url", &two.gateway.url, "--display-name", "Far Box"]);
    node.wait_for_out("expires");
    let codes: Vec<String> = two.owner.run(&["devices", "list", "--json"]).json()["pending"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["matchingCode"].as_str().unwrap().to_owned())
        .collect();
    let text = crate::world::settled(&node.out(), &two.stranger);
    assert!(text.contains(&codes[0]), "the same code on both screens");
    insta::assert_snapshot!(text.replace(&codes[0], "[CODE]"), @r"
    Waiting for approval
      gateway   [HOST] ([SHORT]) at ws://127.0.0.1:[PORT]
      device    Far Box ([SHORT])
      code      [CODE]   the approver sees the same
      request   [UUID] (not-paired)
      approve   openclaw devices approve [UUID]   on the gateway's machine
      expires   in 5 min without this program; Ctrl-C gives up
    ");
}

#[test]
fn p3_one_inbox_in_every_view() {
    let two = Two::new();
    let (_node, waiting) = two.waiting();
    let id = waiting["requestId"].as_str().unwrap();
    for view in [&["devices", "list"][..], &["nodes", "list"], &["nodes", "pending"], &["status"]] {
        let shown = two.owner(view);
        assert!(shown.contains(id) && shown.contains("Far Box"), "{view:?}: {shown}");
        assert!(shown.contains("can run anything: "), "{view:?}: {shown}");
    }
    let shown = crate::world::settled(&two.owner(&["devices", "list"]), &two.owner);
    let pending = shown.split("Pending (1)").nth(1).unwrap();
    let code = waiting["matchingCode"].as_str().unwrap();
    insta::assert_snapshot!(pending.replace(code, "[ CODE  ]"));
}

#[test]
fn p4_a_retry_keeps_the_id_and_a_restart_keeps_the_request() {
    let two = Two::new();
    let (node, first) = two.waiting();
    drop(node);
    let (node, second) = two.waiting();
    assert_eq!(first["requestId"], second["requestId"]);
    drop(node);
    two.gateway.stop();
    let waiting = two.owner.run(&["devices", "list", "--json"]);
    assert_eq!(waiting.json()["pending"][0]["requestId"], first["requestId"]);
}

#[test]
fn p5_the_owner_decides_also_while_the_gateway_is_down() {
    let two = Two::new();
    let (node, waiting) = two.waiting();
    drop(node);
    let Two { owner, stranger, gateway } = two;
    let url = gateway.url.clone();
    let port = gateway.port().to_owned();
    gateway.stop();
    let said = owner.run(&["devices", "list"]);
    assert_eq!(said.err, "No gateway runs here; working on its state directly.\n");
    assert!(said.out.contains(waiting["matchingCode"].as_str().unwrap()), "{said:?}");
    let said = owner.run(&["devices", "approve", waiting["matchingCode"].as_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with(&format!("Approved {}", waiting["deviceId"].as_str().unwrap())), "{said:?}");
    let gateway = owner.start(&["gateway", "run", "--json", "--port", &port]);
    gateway.wait_for_out("\"listening\"");
    let node = stranger.start(&["node", "run", "--json", "--url", &url]);
    node.wait_for_out("\"connected\"");
    drop((node, gateway));
    let removed = owner.run(&["devices", "remove", "Far Box"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(owner.run(&["devices", "remove", "Far Box"]).code, 1);
}

#[test]
fn p8_another_node_id_is_a_fresh_request() {
    let two = Two::new();
    let (node, first) = two.waiting();
    drop(node);
    let node = two.stranger.start(&["node", "run", "--json", "--url", &two.gateway.url, "--node-id", "new"]);
    let second: Value = serde_json::from_str(&node.wait_for_out("\"waiting\"")).unwrap();
    assert_ne!(first["deviceId"], second["deviceId"]);
    assert_ne!(first["requestId"], second["requestId"]);
}

#[test]
fn p9_the_purpose_is_shown_to_the_approver() {
    let two = Two::new();
    let arguments = ["node", "run", "--json", "--url", &two.gateway.url, "--purpose", "prints photos"];
    let node = two.stranger.start(&arguments);
    node.wait_for_out("\"waiting\"");
    assert!(two.owner(&["devices", "list"]).contains("purpose: prints photos"));
}

#[test]
fn p10_an_invitation_lets_one_device_in_and_no_second_one() {
    let two = Two::new();
    let invited = two.owner.run(&["devices", "invite", "--json", "--url", &two.gateway.url]).json();
    let code = invited["setupCode"].as_str().unwrap();
    assert_eq!(invited["link"], format!("oc-pair://{code}"));
    assert_eq!(invited["command"], format!("openclaw node run --pair {code}"));
    assert_eq!(invited["access"], "node");
    let node = two.stranger.start(&["node", "run", "--json", "--pair", &format!("oc-pair://{code}")]);
    node.wait_for_out("\"connected\"");
    let nodes = two.owner.run(&["nodes", "status", "--json"]).json();
    assert_eq!(nodes["nodes"][0]["approvalState"], "approved");
    let other = World::new();
    let mut second = other.start(&["node", "run", "--pair", code]);
    assert_eq!(second.end(), 1, "{}", second.out());
    let said = second.err();
    assert!(said.contains("error: unauthorized") && said.contains("fix: "), "{said}");
    // Started again with the same code, the first one is simply there.
    drop(node);
    let node = two.stranger.start(&["node", "run", "--json", "--pair-if-needed", code]);
    node.wait_for_out("\"connected\"");
}

#[test]
fn p10_an_invitation_is_a_picture_a_link_and_a_command() {
    let two = Two::new();
    let shown = two.owner(&["devices", "invite", "--url", "wss://gw.example:443", "--ttl", "90s", "--operator"]);
    assert!(
        shown.contains('█') && shown.contains("oc-pair://") && shown.contains("openclaw node run --pair "),
        "{shown}"
    );
    assert!(shown.contains("node and operator, without administration"), "{shown}");
    let plain = two.owner(&["devices", "invite", "--url", "wss://gw.example:443", "--no-qr"]);
    assert!(!plain.contains('█'), "{plain}");
    let said = two.owner.run(&["devices", "invite", "--ttl", "1h"]);
    assert!(said.code == 1 && said.err.contains("ten minutes at most"), "{said:?}");
    let official = two.owner.run(&["qr", "--json", "--url", "wss://gw.example:443"]).json();
    let mut members: Vec<&String> = official.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["auth", "gatewayUrl", "setupCode", "urlSource"]);
    let only = two.owner(&["qr", "--setup-code-only", "--url", "wss://gw.example:443"]);
    assert_eq!(only.trim().lines().count(), 1);
}

#[test]
fn an_operator_on_another_machine_waits_and_is_let_in() {
    let two = Two::new();
    let call = two.stranger.start(&["nodes", "status", "--url", &two.gateway.url]);
    call.wait_for_err("Waiting for approval");
    two.owner(&["devices", "approve", "--latest"]);
    let mut call = call;
    assert_eq!(call.end(), 0, "{}", call.err());
    // From now on the stored token is enough.
    let said = two.stranger.run(&["nodes", "status", "--json", "--url", &two.gateway.url]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn an_operator_that_does_not_wait_is_told_the_command_that_lets_it_in() {
    let two = Two::new();
    let said = two.stranger.run(&["nodes", "status", "--no-wait", "--url", &two.gateway.url]);
    assert_eq!(said.code, 1);
    let fix = said.fix();
    let command = fix.strip_suffix("   (on the gateway's machine)").unwrap();
    assert_eq!(two.owner.paste(command).code, 0, "{said:?}");
    assert_eq!(two.stranger.run(&["nodes", "status", "--no-wait", "--url", &two.gateway.url]).code, 0);
    let said = World::new().run(&["health", "--json", "--url", &two.gateway.url]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json()["error"]["code"], "NOT_PAIRED");
}

#[test]
fn paired_devices_are_renamed_revoked_and_removed() {
    let two = Two::new();
    let (node, waiting) = two.waiting();
    two.owner(&["devices", "approve", "--latest"]);
    node.wait_for_out("\"connected\"");
    let id = waiting["deviceId"].as_str().unwrap();
    assert_eq!(
        two.owner(&["devices", "rename", "--device", "Far Box", "--name", "Cellar"]),
        format!("Renamed {id} to Cellar\n")
    );
    assert!(two.owner(&["nodes", "status"]).contains("Cellar"));
    let revoked = two.owner.run(&["devices", "revoke", "--device", id, "--role", "node"]);
    assert_eq!((revoked.code, &revoked.json()["role"]), (0, &"node".into()));
    two.owner.until(&["nodes", "status", "--json"], |nodes| nodes["nodes"][0]["connected"] != true);
    assert_eq!(two.owner(&["devices", "remove", id]), format!("Removed {id}\n"));
    let said = two.owner.run(&["devices", "remove", id]);
    assert!(said.code == 1 && said.err.contains("unknown deviceId"), "{said:?}");
}

#[test]
fn the_pairing_table_is_not_cleared_by_accident() {
    let two = Two::new();
    let (_node, _) = two.waiting();
    let said = two.owner.run(&["devices", "clear", "--pending"]);
    assert!(said.code == 1 && said.err.contains("Refusing to clear pairing table without --yes"), "{said:?}");
    let cleared = two.owner.paste(&said.fix());
    assert_eq!(cleared.code, 0, "{cleared:?}");
    assert!(cleared.out.contains("Rejected 1 pending request(s)"), "{cleared:?}");
    let said = two.owner.run(&["devices", "approve", "--latest"]);
    assert!(said.code == 1 && said.err.contains("No pending device pairing requests to approve"), "{said:?}");
    let said = two.owner.run(&["devices", "approve", "nobody"]);
    assert!(said.code == 1 && said.err.contains("unknown requestId"), "{said:?}");
}

/// A device that asks as an operator for these scopes; the id of its request.
fn ask(url: &str, key: &DeviceKey, scopes: &[&str]) -> String {
    let mut caller = Caller::new("cli", "cli", Role::Operator);
    caller.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    caller.key = Some(key.clone());
    let endpoint = Endpoint::parse(url).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (credentials, options) = (Credentials::default(), DialOptions::default());
    let refused = runtime.block_on(dial(&endpoint, &caller, &credentials, &options, &mut |_| {})).unwrap_err();
    refused.refusal().unwrap().pairing().unwrap().request_id.unwrap()
}

#[test]
fn sec_055_what_was_added_after_a_request_was_shown_is_not_granted_unseen() {
    let two = Two::new();
    let key = DeviceKey::from_seed(&[7; 32]);
    let shown = ask(&two.gateway.url, &key, &["operator.read"]);
    two.owner(&["devices", "list"]);
    let widened = ask(&two.gateway.url, &key, &["operator.read", "operator.admin"]);
    assert_ne!(shown, widened);
    for family in ["devices", "nodes"] {
        let said = two.owner.run(&[family, "approve", &shown]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("the device asks for more since this request was shown"), "{said:?}");
        assert!(said.err.contains("added: scope operator.admin"), "{said:?}");
        assert_eq!(said.fix(), format!("openclaw {family} approve {widened}"));
        let paired = two.owner.run(&["devices", "list", "--json"]).json();
        let known = key.device_id();
        assert!(paired["paired"].as_array().unwrap().iter().all(|device| device["deviceId"] != known.as_str()));
    }
    // Whoever says yes to the difference grants all of it.
    assert!(two.owner(&["devices", "approve", &shown, "--yes"]).starts_with("Approved "));
}
