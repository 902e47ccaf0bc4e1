//! The content of `exec-approvals.json` (nodes.md §3.1). Unknown members are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The agent that a request means when it names none.
pub const MAIN_AGENT: &str = "main";
/// The entry of `agents` that is valid for every agent.
pub const EVERY_AGENT: &str = "*";

/// How much may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Nothing.
    Deny,
    /// What an entry of the allowlist names.
    Allowlist,
    /// Everything.
    Full,
}

impl Security {
    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allowlist => "allowlist",
            Self::Full => "full",
        }
    }
}

/// When a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Never.
    Off,
    /// When the allowlist does not cover a command.
    OnMiss,
    /// For every command.
    Always,
}

impl Ask {
    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnMiss => "on-miss",
            Self::Always => "always",
        }
    }
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Always 1.
    pub version: u32,
    /// Where a companion app listens and its secret; never leaves this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<Map<String, Value>>,
    /// Valid where an agent says nothing.
    #[serde(default, deserialize_with = "null_is_default")]
    pub defaults: Rules,
    /// By agent id; `*` is valid for all.
    #[serde(default, deserialize_with = "null_is_default")]
    pub agents: BTreeMap<String, Agent>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Default for Document {
    fn default() -> Self {
        Self { version: 1, socket: None, defaults: Rules::default(), agents: BTreeMap::new(), rest: Map::new() }
    }
}

/// The settings that both the defaults and an agent have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// What happens when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_fallback: Option<Security>,
    /// Whether programs of skills are allowed without an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_allow_skills: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One agent. Members that are not the allowlist are read from the same object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    #[serde(default, deserialize_with = "entries", skip_serializing_if = "Vec::is_empty")]
    pub allowlist: Vec<Entry>,
    #[serde(flatten)]
    pub rules: Rules,
}

/// One line of an allowlist.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// A UUID.
    #[serde(default)]
    pub id: String,
    /// See [`crate::exec::pattern`].
    pub pattern: String,
    /// v4: a regular expression for the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arg_pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resolved_path: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Entry {
    /// An entry with a new id.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { id: new_id(), pattern: pattern.into(), ..Self::default() }
    }
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What is valid for one agent.
#[derive(Clone, Debug)]
pub(super) struct Effective<'a> {
    pub(super) security: Security,
    pub(super) ask: Ask,
    pub(super) allowlist: Vec<&'a Entry>,
}

impl Document {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// A text for people when it is no policy of version 1: then nothing may run.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut document: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if document.version != 1 {
            return Err(format!("version {} is not known, only 1 is", document.version));
        }
        // An older name of the main agent (nodes.md §3.1).
        if let Some(old) = document.agents.remove("default") {
            let main = document.agents.entry(MAIN_AGENT.to_owned()).or_default();
            main.allowlist.extend(old.allowlist);
            let Rules { security, ask, ask_fallback, auto_allow_skills, rest } = old.rules;
            main.rules.security = main.rules.security.or(security);
            main.rules.ask = main.rules.ask.or(ask);
            main.rules.ask_fallback = main.rules.ask_fallback.or(ask_fallback);
            main.rules.auto_allow_skills = main.rules.auto_allow_skills.or(auto_allow_skills);
            for (name, value) in rest {
                main.rules.rest.entry(name).or_insert(value);
            }
        }
        Ok(document)
    }

    /// The text of the file: pretty JSON with a line end.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The rules for an agent: its own, else those of `*`, else the defaults, else allowlist and on-miss.
    pub(super) fn effective(&self, agent: &str) -> Effective<'_> {
        let own = self.agents.get(agent).filter(|_| agent != EVERY_AGENT);
        let agents = [own, self.agents.get(EVERY_AGENT)];
        let rules: Vec<&Rules> = agents.iter().flatten().map(|agent| &agent.rules).chain([&self.defaults]).collect();
        let every = agents.iter().rev().flatten();
        Effective {
            security: rules.iter().find_map(|rules| rules.security).unwrap_or(Security::Allowlist),
            ask: rules.iter().find_map(|rules| rules.ask).unwrap_or(Ask::OnMiss),
            allowlist: every.flat_map(|agent| &agent.allowlist).collect(),
        }
    }
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Entries may be plain texts; entries without a pattern are dropped and missing ids are made.
fn entries<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Entry>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Object(Map<String, Value>),
    }
    let written: Option<Vec<Written>> = Option::deserialize(from)?;
    let mut entries = Vec::new();
    for entry in written.unwrap_or_default() {
        let mut entry = match entry {
            Written::Text(pattern) => Entry { pattern, ..Entry::default() },
            Written::Object(members) if members.get("pattern").is_none_or(|pattern| !pattern.is_string()) => continue,
            Written::Object(members) => {
                serde_json::from_value(Value::Object(members)).map_err(serde::de::Error::custom)?
            }
        };
        if entry.pattern.trim().is_empty() {
            continue;
        }
        if entry.id.is_empty() {
            entry.id = new_id();
        }
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
      "version": 1,
      "socket": {"path": "/home/u/.openclaw/exec-approvals.sock", "token": "t"},
      "defaults": {"security": "allowlist", "ask": "on-miss", "askFallback": "deny", "autoAllowSkills": false},
      "agents": {
        "main": {"security": "full", "ask": "off", "later": 1, "allowlist": [
          {"id": "a", "pattern": "/usr/bin/uname", "lastUsedAt": 1795330284553, "lastUsedCommand": "uname -a",
           "lastResolvedPath": "/usr/bin/uname", "source": "allow-always"}, "/bin/echo", {"id": "b"}, {"pattern": " "}]},
        "*": {"allowlist": [{"id": "c", "pattern": "/bin/ls"}]}
      },
      "future": {"x": true}
    }"#;

    #[test]
    fn the_official_format_is_read_and_unknown_members_are_kept() {
        let document = Document::parse(FILE).unwrap();
        let again: Value = serde_json::from_str(&document.to_text()).unwrap();
        assert_eq!(again["future"]["x"], true);
        assert_eq!(again["agents"]["main"]["later"], 1);
        assert_eq!(again["agents"]["main"]["allowlist"][0]["source"], "allow-always");
        assert_eq!(again["agents"]["main"]["allowlist"][0]["lastUsedAt"], 1_795_330_284_553_u64);
        assert_eq!(Document::parse(&document.to_text()).unwrap(), document);
        let patterns: Vec<_> = document.agents["main"].allowlist.iter().map(|entry| entry.pattern.as_str()).collect();
        assert_eq!(patterns, ["/usr/bin/uname", "/bin/echo"]);
        assert!(!document.agents["main"].allowlist[1].id.is_empty());
    }

    #[test]
    fn an_agent_comes_before_every_agent_and_that_before_the_defaults() {
        let document = Document::parse(FILE).unwrap();
        let main = document.effective("main");
        assert_eq!((main.security, main.ask), (Security::Full, Ask::Off));
        let patterns: Vec<_> = main.allowlist.iter().map(|entry| entry.pattern.as_str()).collect();
        assert_eq!(patterns, ["/bin/ls", "/usr/bin/uname", "/bin/echo"]);
        let other = document.effective("other");
        assert_eq!((other.security, other.ask, other.allowlist.len()), (Security::Allowlist, Ask::OnMiss, 1));
        assert_eq!(document.effective("*").allowlist.len(), 1);
    }

    #[test]
    fn without_a_word_the_allowlist_applies_and_is_empty() {
        let document = Document::parse(r#"{"version":1,"defaults":null,"agents":null}"#).unwrap();
        let effective = document.effective("main");
        assert_eq!((effective.security, effective.ask), (Security::Allowlist, Ask::OnMiss));
        assert!(effective.allowlist.is_empty());
    }

    #[test]
    fn the_older_name_of_the_main_agent_is_merged_into_it() {
        let text =
            r#"{"version":1,"agents":{"default":{"security":"deny","allowlist":["/a"]},"main":{"allowlist":["/b"]}}}"#;
        let document = Document::parse(text).unwrap();
        let main = document.effective("main");
        assert_eq!((main.security, main.allowlist.len()), (Security::Deny, 2));
    }

    #[test]
    fn sec_001_what_is_not_understood_is_no_policy() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"version":2}"#,
            r#"{"version":"1"}"#,
            r#"{"version":1,"defaults":{"security":"all"}}"#,
            r#"{"version":1,"defaults":{"ask":"sometimes"}}"#,
            r#"{"version":1,"agents":{"main":{"security":"FULL"}}}"#,
            r#"{"version":1,"agents":{"main":{"allowlist":{}}}}"#,
            r#"{"version":1,"agents":{"main":{"allowlist":[1]}}}"#,
            r#"{"version":1,"agents":[]}"#,
            r#"{"version":1}x"#,
        ] {
            assert!(Document::parse(text).is_err(), "{text}");
        }
    }
}
