//! Frames: one JSON document per WebSocket message (protocol.md §2.1).
//!
//! Reading is strict (closed objects, bounded nesting) and cheap: params and payloads stay raw text until somebody
//! who knows their type asks for them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{error::ErrorShape, limits};

/// A request of the peer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(rename = "type")]
    kind: RequestKind,
    /// Chosen by the requester, echoed in the answer.
    pub id: String,
    /// The method's wire name.
    pub method: String,
    /// Raw params; absent means `{}`.
    #[serde(default)]
    pub params: Option<Box<RawValue>>,
    /// W3C trace context of a v4 peer. Accepted, not used.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// The user profile that a v4 peer believes to be. Accepted, not used: one gateway has one owner.
    #[serde(default, rename = "expectedProfileId")]
    pub expected_profile_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum RequestKind {
    #[serde(rename = "req")]
    Req,
}

impl Request {
    /// The raw params, `{}` when absent.
    pub fn params(&self) -> &str {
        self.params.as_ref().map_or("{}", |raw| raw.get())
    }
}

/// Why a message is not a request frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not JSON at all.
    #[error("not JSON")]
    NotJson,
    /// JSON nested deeper than [`limits::MAX_JSON_DEPTH`].
    #[error("nested deeper than {} levels", limits::MAX_JSON_DEPTH)]
    TooDeep,
    /// JSON of another shape. `id` is the request's id when one could be found.
    #[error("{problem}")]
    Invalid {
        /// The id to answer to.
        id: Option<String>,
        /// What is wrong, in the reference's wording.
        problem: String,
    },
}

/// Reads one message as a request frame.
///
/// # Errors
/// [`FrameError`]; never panics, whatever the bytes (fuzz target `frame`).
pub fn decode(text: &str) -> Result<Request, FrameError> {
    if too_deep(text) {
        return Err(FrameError::TooDeep);
    }
    match serde_json::from_str::<Request>(text) {
        Ok(request) => match problem_of(&request) {
            None => Ok(request),
            Some(problem) => Err(FrameError::Invalid { id: Some(request.id), problem }),
        },
        Err(error) => Err(diagnose(text, &error)),
    }
}

fn problem_of(request: &Request) -> Option<String> {
    let RequestKind::Req = request.kind;
    let short = |name: &str| format!("at /{name}: must NOT have fewer than 1 characters");
    let long = |name: &str| format!("at /{name}: must NOT have more than {} characters", limits::MAX_NAME_BYTES);
    if request.id.is_empty() {
        Some(short("id"))
    } else if request.method.is_empty() {
        Some(short("method"))
    } else if request.id.len() > limits::MAX_NAME_BYTES {
        Some(long("id"))
    } else if request.method.len() > limits::MAX_NAME_BYTES {
        Some(long("method"))
    } else {
        None
    }
}

fn diagnose(text: &str, error: &serde_json::Error) -> FrameError {
    #[derive(Deserialize)]
    struct Anything {
        id: Option<serde_json::Value>,
    }
    if serde_json::from_str::<&RawValue>(text).is_err() {
        return FrameError::NotJson;
    }
    let id = serde_json::from_str::<Anything>(text).ok().and_then(|found| found.id);
    let id = id.and_then(|id| id.as_str().map(str::to_owned)).filter(|id| !id.is_empty());
    FrameError::Invalid { id, problem: schema_problem(error) }
}

/// The text of a decoding error in the reference's wording, as far as clients look at it (protocol.md §2.1).
pub fn schema_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(head, _)| head);
    let quoted = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?.strip_prefix('`')?;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    };
    if let Some(name) = quoted("missing field ") {
        format!("must have required property '{name}'")
    } else if let Some(name) = quoted("unknown field ") {
        format!("at root: unexpected property '{name}'")
    } else {
        text.to_owned()
    }
}

/// Whether brackets nest deeper than [`limits::MAX_JSON_DEPTH`]; looks at bytes only, so it needs no stack.
pub fn too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::MAX_JSON_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A request to send.
#[derive(Debug, Serialize)]
pub struct OutRequest<'a, P: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    method: &'a str,
    params: P,
}

impl<'a, P: Serialize> OutRequest<'a, P> {
    /// A request frame.
    pub const fn new(id: &'a str, method: &'a str, params: P) -> Self {
        Self { kind: "req", id, method, params }
    }
}

/// A response to send.
#[derive(Debug, Serialize)]
pub struct OutResponse<'a, P: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorShape>,
}

impl<'a, P: Serialize> OutResponse<'a, P> {
    /// A successful answer.
    pub const fn ok(id: &'a str, payload: P) -> Self {
        Self { kind: "res", id, ok: true, payload: Some(payload), error: None }
    }
}

impl<'a> OutResponse<'a, ()> {
    /// A refusal.
    pub const fn error(id: &'a str, error: &'a ErrorShape) -> Self {
        Self { kind: "res", id, ok: false, payload: None, error: Some(error) }
    }
}

/// An event to send.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutEvent<'a, P: Serialize> {
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'a str,
    payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_version: Option<StateVersion>,
}

impl<'a, P: Serialize> OutEvent<'a, P> {
    /// An event that is addressed to one peer: it carries no `seq`.
    pub const fn targeted(event: &'a str, payload: P) -> Self {
        Self { kind: "event", event, payload, seq: None, state_version: None }
    }

    /// A broadcast event with this connection's next number.
    pub const fn broadcast(event: &'a str, payload: P, seq: u64, state_version: Option<StateVersion>) -> Self {
        Self { kind: "event", event, payload, seq: Some(seq), state_version }
    }
}

/// Counters that tell a client whether its picture of presence and health is current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StateVersion {
    /// Grows with every change of presence.
    pub presence: u64,
    /// Grows with every new health snapshot.
    pub health: u64,
}

/// What a client receives. Lenient: members that a newer gateway adds are ignored.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub enum Incoming {
    /// An answer.
    #[serde(rename = "res")]
    Response(InResponse),
    /// An event.
    #[serde(rename = "event")]
    Event(InEvent),
    /// Anything else, ignored (SEC-017).
    #[serde(other)]
    Unknown,
}

/// An answer to one of our requests.
#[derive(Clone, Debug, Deserialize)]
pub struct InResponse {
    /// The request's id.
    pub id: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// The result.
    #[serde(default)]
    pub payload: Option<serde_json::Value>,
    /// The refusal.
    #[serde(default)]
    pub error: Option<ErrorShape>,
}

/// An event of the gateway.
#[derive(Clone, Debug, Deserialize)]
pub struct InEvent {
    /// Its name.
    pub event: String,
    /// Its content.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// Number of a broadcast; absent on targeted events.
    #[serde(default)]
    pub seq: Option<u64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read_and_its_params_stay_raw() {
        let request = decode(r#"{"type":"req","id":"1","method":"health","params":{"probe":true}}"#).unwrap();
        assert_eq!((request.id.as_str(), request.method.as_str()), ("1", "health"));
        assert_eq!(request.params(), r#"{"probe":true}"#);
    }

    #[test]
    fn absent_params_are_an_empty_object() {
        assert_eq!(decode(r#"{"type":"req","id":"1","method":"health"}"#).unwrap().params(), "{}");
    }

    fn problem(text: &str) -> String {
        decode(text).unwrap_err().to_string()
    }

    #[test]
    fn malformed_frames_say_what_is_wrong_in_the_wording_of_the_reference() {
        assert_eq!(problem("nope"), "not JSON");
        assert_eq!(problem(r#"{"type":"req","id":"1"}"#), "must have required property 'method'");
        let extra = r#"{"type":"req","id":"1","method":"m","foo":1}"#;
        assert_eq!(problem(extra), "at root: unexpected property 'foo'");
        assert_eq!(
            decode(extra).unwrap_err(),
            FrameError::Invalid { id: Some("1".into()), problem: "at root: unexpected property 'foo'".into() }
        );
        assert_eq!(problem(r#"{"type":"req","id":"","method":"m"}"#), "at /id: must NOT have fewer than 1 characters");
    }

    #[test]
    fn sec_192_deep_nesting_is_refused_without_recursion() {
        let bomb = "[".repeat(1 << 20);
        assert_eq!(decode(&bomb).unwrap_err(), FrameError::TooDeep);
        let brackets_in_text = format!(r#"{{"type":"req","id":"1","method":"m","params":"{}"}}"#, "[".repeat(500));
        assert!(decode(&brackets_in_text).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_decoding_panic(text in any::<String>()) {
            drop(decode(&text));
        }

        #[test]
        fn a_request_survives_the_round_trip(id in "[a-z0-9-]{1,36}", method in "[a-z.]{1,30}", n in any::<i64>()) {
            let text = serde_json::to_string(&OutRequest::new(&id, &method, serde_json::json!({"n": n}))).unwrap();
            let request = decode(&text).unwrap();
            prop_assert_eq!(request.id, id);
            prop_assert_eq!(request.method, method);
        }
    }
}
