//! Which node is meant: by id, address, name or the start of an id (nodes.md §6.1).

use openclaw_protocol::methods::node::NodeSummary;

use crate::{human::clean, problem::Problem};

/// Shorter starts of an id are not looked at.
const MIN_PREFIX: usize = 6;

/// The node that a person named; without a name, the only connected one.
pub(crate) fn choose<'n>(nodes: &'n [NodeSummary], query: Option<&str>) -> Result<&'n NodeSummary, Problem> {
    let Some(query) = query.map(str::trim).filter(|query| !query.is_empty()) else { return only(nodes) };
    let exact: Vec<_> = nodes.iter().filter(|node| node.node_id == query).collect();
    let ways: [Vec<&NodeSummary>; 4] = [
        exact,
        nodes.iter().filter(|node| node.remote_ip.as_deref() == Some(query)).collect(),
        nodes.iter().filter(|node| has_name(node, query)).collect(),
        nodes
            .iter()
            .filter(|node| query.len() >= MIN_PREFIX && node.node_id.starts_with(&query.to_lowercase()))
            .collect(),
    ];
    for matches in ways {
        let connected: Vec<_> = matches.iter().copied().filter(|node| node.connected).collect();
        match (connected.as_slice(), matches.as_slice()) {
            ([one], _) | (_, [one]) => return Ok(one),
            (_, []) => {}
            _ => {
                let names = listed(matches.iter().copied());
                return Err(Problem::new(format!("ambiguous node: {} (matches: {names})", clean(query)))
                    .fix("name it by its id: openclaw nodes status"));
            }
        }
    }
    let known = listed(nodes.iter());
    let suffix = if known.is_empty() { String::new() } else { format!(" (known: {known})") };
    Err(Problem::new(format!("unknown node: {}{suffix}", clean(query))).fix(if nodes.is_empty() {
        "openclaw node run (on the machine that shall be a node)"
    } else {
        "openclaw nodes status"
    }))
}

fn only(nodes: &[NodeSummary]) -> Result<&NodeSummary, Problem> {
    let connected: Vec<_> = nodes.iter().filter(|node| node.connected).collect();
    match connected.as_slice() {
        [one] => Ok(one),
        [] => Err(Problem::new("node required")
            .why(if nodes.is_empty() {
                "no node is paired".to_owned()
            } else {
                format!("none is connected of: {}", listed(nodes.iter()))
            })
            .fix("openclaw node run (on the machine that shall be a node)")),
        several => Err(Problem::new("node required")
            .why(format!("several are connected: {}", listed(several.iter().copied())))
            .fix(format!(
                "add: --node {}",
                several.first().map_or_else(String::new, |node| crate::human::shell_word(&clean(label(node))))
            ))),
    }
}

/// How people call a node.
pub(crate) fn label(node: &NodeSummary) -> &str {
    node.display_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&node.node_id)
}

fn listed<'n>(nodes: impl Iterator<Item = &'n NodeSummary>) -> String {
    nodes.map(|node| clean(label(node))).collect::<Vec<_>>().join(", ")
}

fn has_name(node: &NodeSummary, query: &str) -> bool {
    let wanted = normalised(query);
    !wanted.is_empty() && node.display_name.as_deref().is_some_and(|name| normalised(name) == wanted)
}

/// Lower case, everything that is no letter or digit as one hyphen, as the reference compares names.
fn normalised(name: &str) -> String {
    let mut text = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_alphanumeric() {
            text.push(c);
        } else if !text.ends_with('-') {
            text.push('-');
        }
    }
    text.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, name: &str, ip: Option<&str>, connected: bool) -> NodeSummary {
        NodeSummary {
            node_id: id.to_owned(),
            display_name: Some(name.to_owned()),
            remote_ip: ip.map(str::to_owned),
            connected,
            ..NodeSummary::default()
        }
    }

    fn nodes() -> Vec<NodeSummary> {
        vec![
            node("aaaaaaaa1", "Build Box", Some("10.0.0.1"), true),
            node("aaaaaaaa2", "build_box", Some("10.0.0.2"), false),
            node("bbbbbbbb1", "Pi", None, false),
            node("bbbbbbbb2", "pi", None, false),
        ]
    }

    fn chosen(query: Option<&str>) -> String {
        match choose(&nodes(), query) {
            Ok(node) => node.node_id.clone(),
            Err(problem) => problem.what().to_owned(),
        }
    }

    #[test]
    fn a_node_is_found_by_id_address_name_and_the_start_of_its_id() {
        assert_eq!(chosen(Some("aaaaaaaa2")), "aaaaaaaa2");
        assert_eq!(chosen(Some("10.0.0.2")), "aaaaaaaa2");
        assert_eq!(chosen(Some("BUILD box")), "aaaaaaaa1", "the connected one of two");
        assert_eq!(chosen(Some("aaaaaa")), "aaaaaaaa1");
        assert_eq!(chosen(None), "aaaaaaaa1", "the only connected one");
    }

    #[test]
    fn a_name_that_does_not_decide_says_what_there_is() {
        assert_eq!(chosen(Some("pi")), "ambiguous node: pi (matches: Pi, pi)");
        assert_eq!(chosen(Some("aaaaa")), "unknown node: aaaaa (known: Build Box, build_box, Pi, pi)");
        assert_eq!(choose(&[], Some("x")).unwrap_err().what(), "unknown node: x");
        assert_eq!(choose(&[], None).unwrap_err().what(), "node required");
    }
}
