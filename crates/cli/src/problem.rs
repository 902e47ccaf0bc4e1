//! What a person reads when something failed: what happened, why, and the command that fixes it (promise P6).

use serde_json::{Map, Value, json};

use crate::exit::Exit;

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Problem>;

/// A failure, ready to be shown. Rendered once, in `launch.rs`.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    what: String,
    why: Vec<String>,
    fix: Vec<String>,
    kind: &'static str,
    code: Option<String>,
    details: Option<Value>,
    /// Further members of the JSON document, beside `error`.
    beside: Map<String, Value>,
    exit: Exit,
}

/// `error.type` of a failure that is none of the two below (2026.9).
const CLI_ERROR: &str = "cli_error";
/// `error.type` when no gateway could be reached.
pub(crate) const TRANSPORT_ERROR: &str = "gateway_transport_error";
/// `error.type` when a gateway answered with an error.
pub(crate) const REQUEST_ERROR: &str = "gateway_request_error";

impl Problem {
    /// A failure of which nothing more is known.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            what: what.into(),
            why: Vec::new(),
            fix: Vec::new(),
            kind: CLI_ERROR,
            code: None,
            details: None,
            beside: Map::new(),
            exit: Exit::Failure,
        }))
    }

    /// Adds a reason.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why.push(why.into());
        self
    }

    /// Adds the chain of causes of an error as reasons.
    pub(crate) fn causes(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !self.0.what.contains(&text) && !self.0.why.contains(&text) {
                self.0.why.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Adds the cause of an I/O error as the member `reason` of the JSON document.
    pub(crate) fn causes_of(self, error: &dyn std::error::Error) -> Self {
        let reason = error.to_string();
        self.beside("reason", reason)
    }

    /// Adds a way out; a command can be pasted as it stands.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.0.fix.push(fix.into());
        self
    }

    /// Says which kind of failure it is, for programs.
    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.0.kind = kind;
        self
    }

    /// Adds the gateway's code and details.
    pub(crate) fn with_code(mut self, code: &str, details: Option<Value>) -> Self {
        self.0.code = Some(code.to_owned());
        self.0.details = details;
        self
    }

    /// Adds a member beside `error` in the JSON document.
    pub(crate) fn beside(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.beside.insert(name.to_owned(), value.into());
        self
    }

    /// Ends the process with another code than 1.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> Exit {
        self.0.exit
    }

    /// The first line, without `error:`.
    pub(crate) fn what(&self) -> &str {
        &self.0.what
    }

    /// The reasons.
    pub(crate) fn reasons(&self) -> &[String] {
        &self.0.why
    }

    /// The ways out.
    pub(crate) fn fixes(&self) -> &[String] {
        &self.0.fix
    }

    /// The failure in a few lines for people, without colours.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}", self.0.what);
        for (label, lines) in [("why", &self.0.why), ("fix", &self.0.fix)] {
            for line in lines {
                for part in ["\n  ", label, ": ", &line.replace('\n', "\n       ")] {
                    text.push_str(part);
                }
            }
        }
        text
    }

    /// What a program reads about the failure.
    pub(crate) fn error_json(&self) -> Value {
        let mut error = Map::new();
        error.insert("type".into(), self.0.kind.into());
        error.insert("message".into(), self.0.what.clone().into());
        for (name, lines) in [("why", &self.0.why), ("fix", &self.0.fix)] {
            if !lines.is_empty() {
                error.insert(name.into(), lines.join("\n").into());
            }
        }
        if let Some(code) = &self.0.code {
            error.insert("code".into(), code.clone().into());
        }
        if let Some(details) = &self.0.details {
            error.insert("details".into(), details.clone());
        }
        error.into()
    }

    /// The failure as the one JSON document of a command with `--json`.
    pub(crate) fn json(&self) -> Value {
        let mut document = Map::new();
        document.insert("ok".into(), json!(false));
        document.insert("error".into(), self.error_json());
        document.extend(self.0.beside.clone());
        document.into()
    }
}

impl From<openclaw_store::files::FileError> for Problem {
    fn from(error: openclaw_store::files::FileError) -> Self {
        Self::new(error.to_string()).causes(&error)
    }
}

impl From<openclaw_store::StoreError> for Problem {
    fn from(error: openclaw_store::StoreError) -> Self {
        Self::new(error.to_string()).causes(&error)
    }
}

impl From<openclaw_config::LoadError> for Problem {
    fn from(error: openclaw_config::LoadError) -> Self {
        Self::new(error.to_string()).causes(&error).exit(Exit::Failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Problem {
        Problem::new("the gateway does not know this device yet")
            .why("request r-1 waits")
            .fix("openclaw devices approve r-1")
            .kind(REQUEST_ERROR)
            .with_code("NOT_PAIRED", Some(json!({"requestId": "r-1"})))
    }

    #[test]
    fn a_person_reads_what_why_and_the_command_that_fixes_it() {
        assert_eq!(
            refused().text(),
            "error: the gateway does not know this device yet\n  why: request r-1 waits\n  \
             fix: openclaw devices approve r-1"
        );
    }

    #[test]
    fn a_program_reads_one_document() {
        assert_eq!(
            refused().beside("gateway", json!({"url": "ws://a"})).json(),
            json!({
                "ok": false,
                "error": {
                    "type": "gateway_request_error",
                    "message": "the gateway does not know this device yet",
                    "why": "request r-1 waits",
                    "fix": "openclaw devices approve r-1",
                    "code": "NOT_PAIRED",
                    "details": {"requestId": "r-1"},
                },
                "gateway": {"url": "ws://a"},
            })
        );
    }
}
