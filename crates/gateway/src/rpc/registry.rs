//! Every method, with who may call it and what it does. Method list, scope check, schema and documentation come from
//! here and from nowhere else (SEC-070).

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::OnceLock};

use openclaw_protocol::{
    events,
    frame::schema_problem,
    method::Method,
    scope::{Role, ScopeSet},
};
use schemars::Schema;
use serde_json::{json, value::RawValue};

use super::{ctx::Ctx, error::RpcError};

/// What a handler answers.
pub(crate) type Answer<M> = Result<<M as Method>::Reply, RpcError>;
type Call = Box<dyn Fn(Ctx, &str) -> BoxedReply + Send + Sync>;
/// A running handler.
pub(crate) type BoxedReply = Pin<Box<dyn Future<Output = Result<Box<RawValue>, RpcError>> + Send>>;

/// Who may call a method.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Every connection, whatever its role and scopes.
    Anyone,
    /// Nodes only.
    Node,
    /// Operators who hold this scope.
    Scope(&'static str),
    /// Operators; the scope follows from the raw params.
    Dynamic(fn(&str) -> &'static str),
}

/// Why a call is refused before its params are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    Role(Role),
    MissingScope(&'static str),
    Unknown,
}

/// A registered method.
pub(crate) struct Entry {
    pub access: Access,
    pub params: fn() -> Schema,
    pub reply: fn() -> Schema,
    call: Call,
}

/// All registered methods by wire name.
#[derive(Default)]
pub(crate) struct Registry {
    entries: BTreeMap<&'static str, Entry>,
    features: OnceLock<Box<RawValue>>,
}

/// Implemented for every `async fn(Ctx, M::Params) -> Answer<M>`.
pub(crate) trait Handler<M: Method>: Clone + Send + Sync + 'static {
    type Running: Future<Output = Answer<M>> + Send;
    fn call(&self, ctx: Ctx, params: M::Params) -> Self::Running;
}

impl<M: Method, F, R> Handler<M> for F
where
    F: Fn(Ctx, M::Params) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer<M>> + Send,
{
    type Running = R;
    fn call(&self, ctx: Ctx, params: M::Params) -> R {
        self(ctx, params)
    }
}

impl Registry {
    /// Registers a method.
    ///
    /// # Panics
    /// When the name is taken, which every test of the gateway would see.
    pub(crate) fn on<M: Method>(&mut self, access: Access, handler: impl Handler<M>) {
        let call: Call = Box::new(move |ctx, raw| {
            let params = match serde_json::from_str::<M::Params>(raw) {
                Ok(params) => params,
                Err(error) => {
                    let message = format!("invalid {} params: {}", M::NAME, schema_problem(&error));
                    return Box::pin(std::future::ready(Err(RpcError::invalid(message))));
                }
            };
            let running = handler.call(ctx, params);
            Box::pin(async move {
                let reply = running.await?;
                serde_json::value::to_raw_value(&reply).map_err(|e| RpcError::internal(&e))
            })
        });
        let entry = Entry {
            access,
            params: || schemars::schema_for!(M::Params),
            reply: || schemars::schema_for!(M::Reply),
            call,
        };
        assert!(self.entries.insert(M::NAME, entry).is_none(), "{} is registered twice", M::NAME);
    }

    /// The registered names, sorted.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.entries.keys().copied().collect()
    }

    /// The registered methods.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (*name, entry))
    }

    /// `hello-ok.features`, serialised once: exactly the methods that are registered and the events that are sent.
    pub(crate) fn features(&self) -> &RawValue {
        self.features.get_or_init(|| {
            let events: Vec<&str> = events::ALL.iter().map(|event| event.name).collect();
            let features = json!({"methods": self.names(), "events": events});
            serde_json::value::to_raw_value(&features).unwrap_or_default()
        })
    }

    /// Role, then scope, then existence: the order of the reference (protocol.md §2.3).
    pub(crate) fn authorize(&self, method: &str, raw: &str, role: Role, scopes: &ScopeSet) -> Result<&Entry, Denied> {
        let entry = self.entries.get(method);
        match (role, entry.map(|entry| entry.access)) {
            (_, Some(Access::Anyone)) | (Role::Node, Some(Access::Node)) => {}
            (Role::Node, _) if is_foreign_node_method(method) => return Err(Denied::Unknown),
            (Role::Node, _) | (Role::Operator, Some(Access::Node)) => return Err(Denied::Role(role)),
            (Role::Operator, Some(Access::Scope(scope))) => require(scopes, scope)?,
            (Role::Operator, Some(Access::Dynamic(scope_of))) => require(scopes, scope_of(raw))?,
            // What is not in the table is for administrators only, who learn that it does not exist.
            (Role::Operator, None) => require(scopes, openclaw_protocol::scope::Scope::ADMIN)?,
        }
        entry.ok_or(Denied::Unknown)
    }
}

impl Entry {
    /// Decodes the params and starts the handler.
    pub(crate) fn call(&self, ctx: Ctx, raw: &str) -> BoxedReply {
        (self.call)(ctx, raw)
    }
}

fn require(scopes: &ScopeSet, scope: &'static str) -> Result<(), Denied> {
    if scopes.covers(scope) { Ok(()) } else { Err(Denied::MissingScope(scope)) }
}

/// Methods that nodes of either release call and that this gateway does not have. They are unknown rather than
/// forbidden: a node that tries them again must not be closed as a flood of unauthorized calls.
fn is_foreign_node_method(method: &str) -> bool {
    matches!(
        method,
        "node.pending.drain"
            | "node.pending.pull"
            | "node.pending.ack"
            | "node.canvas.capability.refresh"
            | "node.pluginSurface.refresh"
            | "node.pluginTools.update"
            | "node.skills.update"
            | "node.runnerInventory.update"
    )
}
