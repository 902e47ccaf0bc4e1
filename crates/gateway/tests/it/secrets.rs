//! No secret in the log: everything that a pairing run uses is searched for in what it logged at its most talkative.

use std::path::Path;

use openclaw_client::Credentials;
use openclaw_gateway::log::{FileLayer, LogFile, LogOptions};
use openclaw_identity::Secret;
use openclaw_protocol::{clock::Clock, methods::device, setup_code::SetupCode};
use openclaw_testkit::{Device, TestGateway};
use tracing_subscriber::layer::SubscriberExt;

fn log_in(dir: &Path) -> LogFile {
    let options = LogOptions { file: None, dir: dir.to_owned(), max_file_bytes: 100 << 20, clock: Clock::system() };
    LogFile::start(options).unwrap()
}

#[tokio::test]
async fn sec_132_a_whole_pairing_run_leaves_no_secret_in_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_in(dir.path());
    let subscriber = tracing_subscriber::registry().with(FileLayer::new(&log));
    let listening = tracing::subscriber::set_default(subscriber);
    let gateway = TestGateway::start().await;
    let mut secrets = vec![openclaw_testkit::gateway::TOKEN.to_owned(), gateway.owner_secret().expose().to_owned()];
    let owner = gateway.owner().await;
    secrets.extend(owner.hello.auth.as_ref().and_then(|auth| auth.device_token.clone()));
    let node = gateway.dial(&Device::node(&["system.run"]), &gateway.shared_token()).await.unwrap();
    secrets.extend(node.hello.auth.as_ref().and_then(|auth| auth.device_token.clone()));
    let params = device::SetupCodeParams {
        public_url: Some(gateway.url()),
        bootstrap_profile: Some(device::InviteAccess::Node),
        ..device::SetupCodeParams::default()
    };
    let invitation = owner.connection.call::<device::PairSetupCode>(params).await.unwrap();
    let code = SetupCode::decode(&invitation.setup_code).unwrap();
    secrets.extend([invitation.setup_code, code.bootstrap_token.clone()]);
    let bootstrap = Credentials { bootstrap_token: Some(Secret::new(code.bootstrap_token)), ..Credentials::default() };
    let invited = gateway.dial_from_elsewhere(&Device::node(&["system.run"]), &bootstrap).await.unwrap();
    secrets.extend(invited.hello.auth.as_ref().and_then(|auth| auth.device_token.clone()));
    let wrong = "a-wrong-secret-that-somebody-tried-0123";
    secrets.push(wrong.to_owned());
    let guess = Credentials { token: Some(Secret::new(wrong)), ..Credentials::default() };
    let guessed = gateway.dial(&Device::operator(&["operator.read"]), &guess).await;
    assert!(guessed.is_err(), "a wrong secret opens nothing");
    tracing::info!("the run is over");
    drop(listening);
    log.close();
    let text = std::fs::read_to_string(log.path()).unwrap();
    assert!(text.contains("the run is over") && text.lines().count() > 5, "{text}");
    assert!(secrets.len() >= 7, "{}", secrets.len());
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the log");
    }
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["_meta"]["logLevelName"].is_string() && line["time"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn sec_130_what_strangers_send_stays_on_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_in(dir.path());
    let subscriber = tracing_subscriber::registry().with(FileLayer::new(&log));
    let listening = tracing::subscriber::set_default(subscriber);
    let gateway = TestGateway::start().await;
    let mut device = Device::operator(&["operator.read"]);
    device.caller.client.display_name = Some(format!("evil\r\n\u{1b}[31m\u{202e}{}", "x".repeat(10_000)));
    drop(gateway.dial(&device, &gateway.shared_token()).await);
    tracing::info!("the run is over");
    drop(listening);
    log.close();
    let text = std::fs::read_to_string(log.path()).unwrap();
    assert!(text.contains("the run is over"));
    for line in text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        assert!(!line.contains(['\u{1b}', '\u{202e}']) && line.len() < 10_000, "{line}");
    }
}
