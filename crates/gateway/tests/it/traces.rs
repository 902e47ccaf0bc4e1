//! No secret in what any part of the program traces, at its most talkative, nor in a file that is not for secrets
//! (SEC-132).

use std::{
    collections::BTreeSet,
    fmt::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use openclaw_protocol::setup_code::SetupCode;
use openclaw_testkit::{Device, TOKEN, TestGateway};
use serde_json::json;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Takes down every event and every span with all their fields, those of libraries too.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Down<'a>(&'a mut String);

impl Visit for Down<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut Down(&mut self.0.lock().unwrap()));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Down(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Down(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Everything that a pairing can go through, with every kind of secret; gives the secrets that were used.
async fn pair_in_every_way(gateway: &TestGateway) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut owner = gateway.owner_peer().await;
    let (_, local) = gateway.node_peer(&["system.run"], 3).await;
    let mut kept = BTreeSet::from([
        TOKEN.to_owned(),
        gateway.owner_secret().expose().to_owned(),
        owner.device_token(),
        local.device_token(),
    ]);
    let mut fleeting = BTreeSet::new();
    let stranger = Device::node(&["system.run"]);
    let no = gateway.knock(&stranger).from_elsewhere().open().await.err().unwrap();
    owner.call("device.pair.approve", json!({"requestId": no.error["details"]["requestId"]})).await.unwrap();
    let peer = gateway.knock(&stranger).from_elsewhere().open().await.unwrap();
    let old = peer.device_token();
    owner.call("device.token.rotate", json!({"deviceId": stranger.id(), "role": "node"})).await.unwrap();
    let again = gateway.knock(&stranger).from_elsewhere().device_token(&old).token(&old).open().await.unwrap();
    fleeting.insert(old);
    kept.insert(again.device_token());
    let invitation = owner.call("device.pair.setupCode", json!({"publicUrl": gateway.url()})).await.unwrap();
    let setup_code = invitation["setupCode"].as_str().unwrap().to_owned();
    let code = SetupCode::decode(&setup_code).unwrap().bootstrap_token;
    let invited = gateway.knock(&Device::node(&["system.run"])).from_elsewhere().bootstrap(&code).open().await.unwrap();
    kept.insert(invited.device_token());
    let guess = "a-guess-at-the-secret-0123456789".to_owned();
    for knock in [
        gateway.knock(&Device::operator(&["operator.read"])).token(&guess),
        gateway.knock(&Device::operator(&["operator.read"])).password(&guess).device_token(&guess),
        gateway.knock(&Device::operator(&["operator.read"])).from_elsewhere().bootstrap(&guess),
    ] {
        knock.open().await.err().expect("a guess opens nothing");
    }
    fleeting.extend([setup_code, code, guess]);
    (kept, fleeting)
}

fn files_under(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_under(&path, found) } else { found.push(path) }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[tokio::test]
async fn sec_132_nothing_that_is_traced_and_no_file_beside_the_stores_holds_a_secret() {
    let everything = Everything::default();
    let listening = tracing::subscriber::set_default(everything.clone());
    let mut gateway = TestGateway::start().await;
    let (kept, fleeting) = pair_in_every_way(&gateway).await;
    gateway.stop().await;
    drop(listening);
    let traced = everything.0.lock().unwrap().clone();
    assert!(traced.contains("listening on") && traced.contains("security audit"), "{traced}");
    for secret in kept.iter().chain(&fleeting) {
        assert!(!traced.contains(secret), "{secret} was traced");
    }
    let mut files = Vec::new();
    files_under(gateway.home.path(), &mut files);
    assert!(files.len() >= 4, "{files:?}");
    let config = gateway.paths().config_path;
    let database = openclaw_store::Store::path_in(&gateway.state_dir());
    let owner_secret =
        files.iter().filter(|path| holds(&std::fs::read(path).unwrap(), gateway.owner_secret().expose()));
    assert_eq!(owner_secret.count(), 1, "the owner's secret is in its own file alone");
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        for secret in &fleeting {
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
        let is_store = path.to_string_lossy().starts_with(&*database.to_string_lossy());
        for secret in kept.iter().filter(|secret| *secret != gateway.owner_secret().expose()) {
            let at_home =
                is_store || (*secret == TOKEN && path.to_string_lossy().starts_with(&*config.to_string_lossy()));
            assert!(at_home || !holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
}
