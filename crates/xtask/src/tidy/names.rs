//! Test names are sentences about behaviour.

use super::run::Finding;
use crate::source::Source;

/// `a_stale_token_is_repaired`: fewer words are a label, not a sentence.
const WORDS: usize = 3;

pub(super) fn check(path: &str, source: &Source) -> Vec<Finding> {
    let tests = source.tests();
    let bad = tests.iter().filter(|test| !is_sentence(&test.name));
    bad.map(|test| {
        let text = format!("test `{}` should be a sentence about behaviour, of {WORDS} words or more", test.name);
        Finding::new(path, test.line, text)
    })
    .collect()
}

fn is_sentence(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    // The number of a rule or promise is not part of the sentence: `sec_110_blocked_names_never_reach_the_child`.
    let sentence = match words.as_slice() {
        ["sec" | "rel", number, sentence @ ..] if number.bytes().all(|byte| byte.is_ascii_digit()) => sentence,
        words => words,
    };
    sentence.len() >= WORDS && sentence.first() != Some(&"test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_not_sentences() {
        for name in ["works", "parse_config", "test_that_it_works", "sec_001_fails"] {
            assert!(!is_sentence(name), "{name}");
        }
        for name in ["a_stale_token_is_repaired", "sec_110_blocked_names_never_reach_the_child"] {
            assert!(is_sentence(name), "{name}");
        }
    }
}
