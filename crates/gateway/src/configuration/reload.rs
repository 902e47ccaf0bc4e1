//! Noticing that the file changed, and acting on it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use openclaw_config::sections::gateway::ReloadMode;
use tracing::{info, warn};

use super::{Configuration, Reloaded};
use crate::{conn::close::Close, hub::Hub, restart};

/// The file is looked at so often. Polling works on network and container file systems too, where notices do not come;
/// with the debounce a rotated secret counts within a second (SEC-039).
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Whoever changes the secret over a connection that rests on it gets the answer before that is closed.
const ANSWER_TIME: Duration = Duration::from_millis(250);

/// What a change of a file shows in, without reading it: time, size, and the number that a rename changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

/// The stamps of every file that the configuration is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(Vec<(PathBuf, Stamp)>);

impl Seen {
    /// The configuration, what it includes, and the state directory's `.env`.
    pub(super) fn now(configuration: &Configuration) -> Self {
        let snapshot = configuration.snapshot();
        let paths = configuration.paths();
        let files = [paths.config_path.clone(), paths.state_dir.join(".env")];
        let files = files.into_iter().chain(snapshot.included_paths.iter().cloned());
        Self(files.map(|path| (path.clone(), stamp(&path))).collect())
    }
}

fn stamp(path: &Path) -> Stamp {
    fs::metadata(path).map_or_else(
        |_missing| Stamp::default(),
        |metadata| Stamp { modified: metadata.modified().ok(), size: metadata.len(), inode: inode(&metadata) },
    )
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Windows tells no such number by path; time and size have to do.
#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Follows the file until the gateway stops.
pub(crate) async fn watch(hub: Arc<Hub>) {
    // Nothing is taken for seen at first: the file may have changed between its load and this task's first turn.
    let mut seen = Seen::default();
    loop {
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        let now = Seen::now(&hub.configuration);
        if now == seen {
            continue;
        }
        let reload = &hub.configuration.snapshot().config.gateway.reload;
        let (mode, quiet) = (reload.mode, Duration::from_millis(reload.debounce_ms));
        seen = settle(&hub, now, quiet).await;
        if mode == ReloadMode::Off {
            info!("the config file changed; gateway.reload.mode is off, so that counts from the next start on");
            continue;
        }
        let read = tokio::task::spawn_blocking({
            let hub = Arc::clone(&hub);
            move || hub.configuration.reload()
        });
        if let Ok(reloaded) = read.await {
            apply(&hub, reloaded, mode, Duration::ZERO);
            seen = Seen::now(&hub.configuration);
        }
    }
}

/// Waits until the file was quiet for as long as the configuration wants.
async fn settle(hub: &Hub, mut seen: Seen, quiet: Duration) -> Seen {
    loop {
        tokio::time::sleep(quiet).await;
        let now = Seen::now(&hub.configuration);
        if now == seen {
            return now;
        }
        seen = now;
    }
}

/// Tells what happened, closes what rests on a secret that is gone, and asks for a restart where one is due: then the
/// answer has the reasons for it.
pub(crate) fn apply(hub: &Arc<Hub>, reloaded: Reloaded, mode: ReloadMode, delay: Duration) -> Option<String> {
    let reasons = match reloaded {
        Reloaded::Unchanged | Reloaded::Refused { first: false, .. } => return None,
        Reloaded::Refused { problem, first: true } => {
            warn!("config reload skipped ({problem}); the last good configuration stays in effect");
            return None;
        }
        Reloaded::RestartNeeded { reason } => reason.lines().next().unwrap_or_default().to_owned(),
        Reloaded::Applied { plan, next_start, secret_changed } => {
            if secret_changed {
                let hub = Arc::clone(hub);
                hub.clone().life.tasks.spawn(async move {
                    tokio::time::sleep(delay.min(ANSWER_TIME)).await;
                    close_what_rests_on_the_secret(&hub);
                });
            }
            let changed: Vec<String> = plan.changed.iter().map(ToString::to_string).collect();
            if !next_start.is_empty() {
                info!("config change counts from the next start on: {}", next_start.join(", "));
            }
            if plan.restart {
                plan.reasons.join(", ")
            } else {
                info!("config change applied: {}", changed.join(", "));
                if mode != ReloadMode::Restart {
                    return None;
                }
                changed.join(", ")
            }
        }
    };
    if matches!(mode, ReloadMode::Hot | ReloadMode::Off) {
        warn!("config reload requires gateway restart; hot mode ignoring ({reasons})");
        return None;
    }
    info!("config change requires gateway restart: {reasons}");
    restart::request(hub, "config change", delay);
    Some(reasons)
}

/// Ends the connections that nothing but the shared secret let in (SEC-039, SEC-060). A paired device keeps its own.
fn close_what_rests_on_the_secret(hub: &Hub) {
    let mut closed = 0;
    for session in hub.connections.all() {
        if session.device_id.is_none() && matches!(session.auth_method, "token" | "password") {
            session.outbox.close(Close::Removed("gateway auth changed"));
            closed += 1;
        }
    }
    info!(closed, "the gateway's secret changed; connections that rested on the old one: {closed}");
}
