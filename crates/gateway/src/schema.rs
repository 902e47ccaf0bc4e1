//! What this gateway serves, as data: made from the registry, never the other way round.

use openclaw_protocol::{
    events::{self, Gate},
    scope::{Role, Scope, ScopeSet},
};
use serde_json::{Map, Value, json};

use crate::rpc::{
    self,
    registry::{Access, Denied, Registry},
};

/// Every method with its scope, role, params and reply, and every event with its gate, as JSON. Schemas are JSON Schema.
pub fn document() -> Value {
    let registry = rpc::all();
    let methods: Map<String, Value> = registry
        .entries()
        .map(|(name, entry)| {
            let (role, scope) = access(entry.access);
            let method = json!({
                "role": role, "scope": scope,
                "params": (entry.params)(), "reply": (entry.reply)(),
            });
            (name.to_owned(), method)
        })
        .collect();
    let events: Vec<Value> = events::ALL
        .iter()
        .map(|event| json!({"name": event.name, "to": gate(event.gate), "droppable": event.droppable}))
        .collect();
    json!({"methods": methods, "events": events})
}

/// Role and scope that a method asks for. A scope that follows from the params is `dynamic`.
fn access(access: Access) -> (&'static str, Option<&'static str>) {
    match access {
        Access::Anyone => ("any", None),
        Access::Node => ("node", None),
        Access::Scope(scope) => ("operator", Some(scope)),
        Access::Dynamic(_) => ("operator", Some("dynamic")),
    }
}

fn gate(gate: Gate) -> &'static str {
    match gate {
        Gate::Everyone => "everyone",
        Gate::Holders(scope) => scope,
        Gate::Addressed => "addressed",
    }
}

/// Who may call what: a line per method (per kind of params where the scope follows from them), a column per role and
/// scope. Asked of the very function that the dispatcher asks.
#[doc(hidden)]
pub fn access_table() -> String {
    let registry = rpc::all();
    let mut rows = vec![header("method")];
    for name in registry.names() {
        for (shown, raw) in variants(name) {
            let cells = columns().into_iter().map(|(_, role, scopes)| cell(&registry, name, &raw, role, &scopes));
            rows.push(std::iter::once(shown).chain(cells).collect());
        }
    }
    for name in ["no.such.method", "node.pending.drain"] {
        let cells = columns().into_iter().map(|(_, role, scopes)| cell(&registry, name, "{}", role, &scopes));
        rows.push(std::iter::once(format!("({name})")).chain(cells).collect());
    }
    aligned(&rows)
}

/// Who receives what as a broadcast, in the same form.
#[doc(hidden)]
pub fn event_table() -> String {
    let mut rows = vec![header("event")];
    for event in events::ALL {
        let cells = columns()
            .into_iter()
            .map(|(_, role, scopes)| if event.reaches(role, &scopes) { "yes" } else { "-" }.to_owned());
        let name =
            if event.gate == Gate::Addressed { format!("{} (addressed)", event.name) } else { event.name.to_owned() };
        rows.push(std::iter::once(name).chain(cells).collect());
    }
    aligned(&rows)
}

fn header(first: &str) -> Vec<String> {
    std::iter::once(first).chain(columns().iter().map(|(name, ..)| *name)).map(str::to_owned).collect()
}

/// Every role with every scope alone, and with all that the owner has. A node's scopes must count for nothing.
fn columns() -> Vec<(&'static str, Role, ScopeSet)> {
    let only = |scope: &str| [scope].into_iter().collect::<ScopeSet>();
    vec![
        ("node", Role::Node, ScopeSet::none()),
        ("node+owner", Role::Node, ScopeSet::owner()),
        ("none", Role::Operator, ScopeSet::none()),
        ("read", Role::Operator, only(Scope::READ)),
        ("write", Role::Operator, only(Scope::WRITE)),
        ("pairing", Role::Operator, only(Scope::PAIRING)),
        ("approvals", Role::Operator, only(Scope::APPROVALS)),
        ("questions", Role::Operator, only(Scope::QUESTIONS)),
        ("talk", Role::Operator, only(Scope::TALK)),
        ("unknown", Role::Operator, only("operator.of-another-release")),
        ("admin", Role::Operator, only(Scope::ADMIN)),
        ("owner", Role::Operator, ScopeSet::owner()),
    ]
}

/// Params that lead to different scopes.
fn variants(method: &str) -> Vec<(String, String)> {
    let plain = (method.to_owned(), "{}".to_owned());
    let with_command = |command: &str| {
        let raw = json!({"nodeId": "n", "command": command, "idempotencyKey": "k"}).to_string();
        (format!("{method} {command}"), raw)
    };
    match method {
        "node.invoke" => ["system.run", "browser.proxy", "fs.listDir"].map(with_command).to_vec(),
        _ => vec![plain],
    }
}

fn cell(registry: &Registry, method: &str, raw: &str, role: Role, scopes: &ScopeSet) -> String {
    match registry.authorize(method, raw, role, scopes) {
        Ok(_) => "yes".to_owned(),
        Err(Denied::Role(_)) => "role".to_owned(),
        Err(Denied::Unknown) => "unknown".to_owned(),
        Err(Denied::MissingScope(scope)) => {
            format!("-{}", scope.strip_prefix("operator.").unwrap_or(scope))
        }
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
