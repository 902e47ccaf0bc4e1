//! What is wrong on this machine: configuration, state directory, node, policy.

use std::path::Path;

use openclaw_node::{
    exec::policy::{MAIN_AGENT, Policy},
    status::NodeStatus,
};

use super::command::Check;
use crate::{connect::short, context::Context, here, human::clean, machine::mode_of};

pub(super) fn checks(ctx: &Context) -> Vec<Check> {
    let mut checks = vec![config(ctx)];
    checks.extend(state(ctx));
    checks.push(gateway(ctx));
    checks.extend(node(ctx));
    checks
}

fn config(ctx: &Context) -> Check {
    let shown = ctx.paths.display(&ctx.paths.config_path);
    match ctx.inspected() {
        Err(problem) => Check::fail("config", problem.what(), None),
        Ok(snapshot) if !snapshot.exists => Check::ok("config", format!("{shown} is not there; defaults apply")),
        Ok(snapshot) => match snapshot.issues.first() {
            None => Check::ok("config", format!("{shown} is valid")),
            Some(issue) => Check::fail("config", format!("{shown}: {issue}"), Some(ctx.command("config validate"))),
        },
    }
}

fn state(ctx: &Context) -> Vec<Check> {
    let dir = &ctx.paths.state_dir;
    let shown = ctx.paths.display(dir);
    if !dir.exists() {
        return vec![Check::ok("state", format!("{shown} is not there yet; the first start makes it"))];
    }
    let mut checks = Vec::new();
    let private = [(dir.clone(), 0o700), (ctx.paths.identity_dir(), 0o700), (dir.join("owner.key"), 0o600)];
    for (path, wanted) in private.iter().filter(|(path, _)| path.exists()) {
        if let Some(mode) = mode_of(path)
            && mode & 0o077 != 0
        {
            checks.push(open_to_others(ctx, path, mode, *wanted));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok("state", format!("{shown} is there, for this user only")));
    }
    checks
}

fn open_to_others(ctx: &Context, path: &Path, mode: u32, wanted: u32) -> Check {
    let text = format!("{} can be used by other users (mode {mode:o})", ctx.paths.display(path));
    let shown = path.display().to_string();
    Check::warn("state.mode", text, format!("chmod {wanted:o} {}", crate::human::shell_word(&shown)))
}

fn gateway(ctx: &Context) -> Check {
    match here::look(ctx) {
        Ok(here::Here::Gateway(info)) => Check::ok(
            "gateway.here",
            format!("{} ({}) runs here, pid {}, {}", clean(&info.name), short(&info.instance_id), info.pid, info.url),
        ),
        Ok(here::Here::Silent(held)) => Check::warn("gateway.here", held.to_string(), ctx.command("logs --plain")),
        Ok(here::Here::Nothing) => Check::ok("gateway.here", "no gateway runs for this state directory"),
        Err(problem) => Check::fail("gateway.here", problem.what(), None),
    }
}

fn node(ctx: &Context) -> Vec<Check> {
    let status = match NodeStatus::read(&ctx.paths.state_dir, &ctx.clock) {
        Ok(status) => status,
        Err(error) => return vec![Check::fail("node.here", error.to_string(), None)],
    };
    if status.identity.is_none() {
        return Vec::new();
    }
    let mut checks = Vec::new();
    let last = status.last.as_ref();
    checks.push(match (status.is_running, last) {
        (true, Some(last)) => {
            Check::ok("node.here", format!("a node runs here, pid {}, for {}", last.pid, clean(&last.url)))
        }
        (true, None) => Check::ok("node.here", "a node runs here"),
        (false, _) => Check::ok("node.here", "this machine is a node that does not run now"),
    });
    if let (true, Some(last)) = (status.is_running, last)
        && let Ok(here::Here::Gateway(info)) = here::look(ctx)
        && last.instance_id.as_ref().is_some_and(|instance| instance != &info.instance_id)
    {
        checks.push(Check::warn(
            "node.gateway",
            format!("the node is connected to another gateway ({}) than the one that runs here", clean(&last.url)),
            ctx.command(&format!("node run --url {}", info.url)),
        ));
    }
    let policy = Policy::load(&ctx.paths.exec_approvals_json()).and_then(|policy| policy.security(MAIN_AGENT));
    checks.push(match policy {
        Ok(security) => Check::ok("node.policy", format!("{}: what may run on this machine", security.as_str())),
        Err(error) => Check::fail("node.policy", format!("{error}; nothing may run"), None),
    });
    checks
}
