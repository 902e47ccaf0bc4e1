//! What changed between two configurations, and what a running gateway has to do about it (cli.md §3.7).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::key_path::KeyPath;

/// How a change of a key takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadKind {
    /// The gateway restarts.
    Restart,
    /// A part of the gateway restarts.
    Hot,
    /// At once: the key is read when it is needed.
    None,
}

/// A part of the gateway that can be restarted alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HotAction {
    HealthMonitor,
    GmailWatcher,
    Hooks,
    Heartbeat,
    Cron,
    BrowserControl,
    /// One channel, by its id.
    Channel(String),
}

/// What a set of changes asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadPlan {
    /// Everything that changed.
    pub changed: Vec<KeyPath>,
    /// Whether the gateway has to restart.
    pub restart: bool,
    /// The paths that ask for it.
    pub reasons: Vec<String>,
    /// Parts to restart, each once. Moot when the whole gateway restarts.
    pub hot: Vec<HotAction>,
}

/// The rules in their order; the first whose prefix fits decides.
const RULES: &[(&str, Rule)] = &[
    ("gateway.remote", Rule::Nothing),
    ("gateway.reload", Rule::Nothing),
    ("gateway.channelHealthCheckMinutes", Rule::HealthMonitor),
    ("diagnostics.stuckSessionWarnMs", Rule::Nothing),
    ("hooks.gmail", Rule::Gmail),
    ("hooks", Rule::Hooks),
    ("agents.defaults.heartbeat", Rule::Heartbeat),
    ("agents.defaults.models", Rule::Heartbeat),
    ("agents.defaults.model", Rule::Heartbeat),
    ("models", Rule::Heartbeat),
    ("agent.heartbeat", Rule::Heartbeat),
    ("cron", Rule::Cron),
    ("browser", Rule::Browser),
    ("web", Rule::WhatsApp),
    ("meta", Rule::Nothing),
    ("identity", Rule::Nothing),
    ("wizard", Rule::Nothing),
    ("logging", Rule::Nothing),
    ("agents", Rule::Nothing),
    ("tools", Rule::Nothing),
    ("bindings", Rule::Nothing),
    ("audio", Rule::Nothing),
    ("agent", Rule::Nothing),
    ("routing", Rule::Nothing),
    ("messages", Rule::Nothing),
    ("session", Rule::Nothing),
    ("talk", Rule::Nothing),
    ("skills", Rule::Nothing),
    ("secrets", Rule::Nothing),
    ("ui", Rule::Nothing),
];

#[derive(Clone, Copy)]
enum Rule {
    Nothing,
    HealthMonitor,
    Gmail,
    Hooks,
    Heartbeat,
    Cron,
    Browser,
    WhatsApp,
}

/// The paths at which two configurations differ: objects key by key, anything else as a whole.
pub fn changed_paths(before: &Value, after: &Value) -> Vec<KeyPath> {
    let mut changed = Vec::new();
    compare(before, after, &KeyPath::root(), &mut changed);
    changed
}

/// What the change from one configuration to another asks for.
pub fn plan(before: &Value, after: &Value) -> ReloadPlan {
    let mut plan = ReloadPlan { changed: changed_paths(before, after), ..ReloadPlan::default() };
    for path in &plan.changed {
        let dotted = path.dotted();
        match actions(&dotted) {
            Some(actions) => {
                for action in actions {
                    if !plan.hot.contains(&action) {
                        plan.hot.push(action);
                    }
                }
            }
            None => plan.reasons.push(path.to_string()),
        }
    }
    plan.restart = !plan.reasons.is_empty();
    plan
}

/// How a change at this path (in dots) takes effect.
pub fn reload_kind(path: &str) -> ReloadKind {
    match actions(path) {
        None => ReloadKind::Restart,
        Some(actions) if actions.is_empty() => ReloadKind::None,
        Some(_) => ReloadKind::Hot,
    }
}

/// The parts to restart; `None` for the whole gateway.
fn actions(path: &str) -> Option<Vec<HotAction>> {
    if let Some(id) = path.strip_prefix("channels.").and_then(|rest| rest.split(['.', '[']).next())
        && !matches!(id, "" | "defaults" | "modelByChannel")
    {
        return Some(vec![HotAction::Channel(id.to_owned())]);
    }
    let (_, rule) = RULES.iter().find(|(prefix, _)| covers(prefix, path))?;
    Some(match rule {
        Rule::Nothing => Vec::new(),
        Rule::HealthMonitor => vec![HotAction::HealthMonitor],
        Rule::Gmail => vec![HotAction::GmailWatcher, HotAction::Hooks],
        Rule::Hooks => vec![HotAction::Hooks],
        Rule::Heartbeat => vec![HotAction::Heartbeat],
        Rule::Cron => vec![HotAction::Cron],
        Rule::Browser => vec![HotAction::BrowserControl],
        Rule::WhatsApp => vec![HotAction::Channel("whatsapp".to_owned())],
    })
}

/// True if `path` is `prefix` or lies below it.
pub(crate) fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn compare(before: &Value, after: &Value, path: &KeyPath, changed: &mut Vec<KeyPath>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for key in union(old, new) {
                match (old.get(key), new.get(key)) {
                    (Some(left), Some(right)) => compare(left, right, &path.key(key), changed),
                    _ => changed.push(path.key(key)),
                }
            }
        }
        _ if before == after => {}
        _ => changed.push(path.clone()),
    }
}

fn union<'m>(old: &'m Map<String, Value>, new: &'m Map<String, Value>) -> impl Iterator<Item = &'m String> {
    old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, expected: ReloadKind) {
        assert_eq!(reload_kind(path), expected, "{path}");
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        check("gateway.remote.url", ReloadKind::None);
        check("gateway.reload", ReloadKind::None);
        check("gateway.port", ReloadKind::Restart);
        check("gateway.remoteish", ReloadKind::Restart);
        check("gateway.channelHealthCheckMinutes", ReloadKind::Hot);
        check("hooks.token", ReloadKind::Hot);
        check("agents.defaults.models", ReloadKind::Hot);
        check("agents.defaults.workspace", ReloadKind::None);
        check("channels.telegram.botToken", ReloadKind::Hot);
        check("channels.defaults.groupPolicy", ReloadKind::Restart);
        check("channels", ReloadKind::Restart);
        check("plugins.enabled", ReloadKind::Restart);
        check("env.vars.X", ReloadKind::Restart);
        check("logging.level", ReloadKind::None);
        check("update.channel", ReloadKind::Restart);
        check("", ReloadKind::Restart);
    }

    #[test]
    fn a_plan_names_every_change_and_each_part_once() {
        let plan = plan(
            &json!({"gateway": {"port": 1, "reload": {"mode": "hot"}}, "hooks": {"a": 1}, "list": [1]}),
            &json!({"gateway": {"port": 2}, "hooks": {"a": 2, "gmail": {}}, "list": [1], "logging": {}}),
        );
        let shown: Vec<String> = plan.changed.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["gateway.port", "gateway.reload", "hooks.a", "hooks.gmail", "logging"]);
        assert_eq!((plan.restart, plan.reasons), (true, vec!["gateway.port".to_owned()]));
        assert_eq!(plan.hot, [HotAction::Hooks, HotAction::GmailWatcher]);
    }

    #[test]
    fn equal_configurations_ask_for_nothing() {
        let value = json!({"a": [{"b": 1}], "c": null});
        assert_eq!(plan(&value, &value), ReloadPlan::default());
    }

    #[test]
    fn a_changed_array_is_one_change() {
        let shown: Vec<String> =
            changed_paths(&json!({"a": [1, 2]}), &json!({"a": [1, 3]})).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a"]);
    }
}
