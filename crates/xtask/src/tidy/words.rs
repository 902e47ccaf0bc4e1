//! Words that must not be committed: unfinished work, silenced tests, and addresses of somebody's machine.

use std::path::Path;

use super::run::Finding;
use crate::checkout;

/// Applies to Rust, scripts and documents alike.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX:")];
const RUST: [&str; 3] = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];
/// Folders that exist on one machine only.
const MACHINE: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "peers"), concat!("/tmp/", "brief")];

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if path.starts_with("fuzz/corpora/") || Path::new(path).extension() == Some("lock".as_ref()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut found = |word: &str, fix: &str| {
            findings.push(Finding::new(path, number + 1, format!("`{word}`: {fix}")));
        };
        for word in UNFINISHED.iter().filter(|word| contains_word(line, word)) {
            found(word, "finish it or write an issue");
        }
        for word in MACHINE.iter().filter(|word| line.contains(**word)) {
            found(word, "a path of one machine; take it from an argument or the environment");
        }
        if checkout::is_rust(path) {
            for word in RUST.iter().filter(|word| line.contains(**word)) {
                found(word, "assert what is true today instead");
            }
        }
        if path.ends_with("package-lock.json") && line.contains("\"resolved\"") {
            found(
                "resolved",
                "lock files name no registry: `npm install` with the .npmrc of this folder leaves it out",
            );
        }
    }
    findings
}

fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !is_letter(before) && !is_letter(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found_as_a_word_only() {
        let word = UNFINISHED[0];
        assert_eq!(check("README.md", &format!("one\n{word}: two")).len(), 1);
        assert!(check("README.md", &format!("{word}S are many")).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_file() {
        let path = MACHINE[0];
        assert_eq!(check("scripts/a.sh", &format!("cd {path}main")).len(), 1);
    }

    #[test]
    fn a_lock_file_that_names_a_registry_is_found() {
        assert_eq!(check("tests/interop/package-lock.json", "  \"resolved\": \"x\"").len(), 1);
        assert!(check("notes.json", "  \"resolved\": \"x\"").is_empty());
    }
}
