//! Allowlist patterns (SEC-100; nodes.md §3.3).
//!
//! A pattern is a path in which `*` stands for anything within one folder, `**` for anything, `?` for one character
//! within one folder. It is compared with the real path of the program, never with the name that a caller used.

use std::path::Path;

use super::{platform, search::Program};

/// Whether the pattern allows this program. A bare name allows nothing; `*` alone allows every program.
pub fn allows(pattern: &str, program: &Program, home: &Path) -> bool {
    let pattern = pattern.trim();
    if pattern == "*" {
        return true;
    }
    if !pattern.contains(['/', '\\', '~']) {
        return false;
    }
    let Some(pattern) = expand_home(pattern, home) else { return false };
    let Some(real) = program.real.to_str() else { return false };
    if glob(&platform::comparable(&pattern), &platform::comparable(real)) {
        return true;
    }
    names_the_same_program(Path::new(&pattern), program)
}

/// A pattern without wildcards may name a link to the program. The link's own name has to be the one that was used:
/// programs with several names (busybox) decide by it what they do.
fn names_the_same_program(path: &Path, program: &Program) -> bool {
    let wild = path.to_str().is_none_or(|text| text.contains(['*', '?']));
    !wild
        && path.file_name() == program.found.file_name()
        && platform::real_path(path).is_ok_and(|real| real == program.real)
}

fn expand_home(pattern: &str, home: &Path) -> Option<String> {
    let Some(rest) = pattern.strip_prefix('~') else { return Some(pattern.to_owned()) };
    if !(rest.is_empty() || rest.starts_with(['/', '\\'])) {
        return None;
    }
    home.to_str().map(|home| format!("{home}{rest}"))
}

/// Whether the whole text fits the pattern. Costs at most pattern length × text length steps.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Token> = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    // reachable[n]: the tokens so far can cover the first n characters.
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for token in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut covering = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let before = at.checked_sub(1);
            let previous = before.and_then(|before| text.get(before)).copied();
            let came_from = before.and_then(|before| reachable.get(before)).copied().unwrap_or(false);
            *slot = match token {
                Token::Literal(c) => came_from && previous == Some(c),
                Token::One => came_from && previous.is_some_and(|c| c != '/'),
                Token::Within | Token::Anything => {
                    let crosses = token == Token::Within && previous == Some('/');
                    covering = (covering && !crosses) || reachable.get(at).copied().unwrap_or(false);
                    covering
                }
            };
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    One,
    Within,
    Anything,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        tokens.push(match c {
            '*' if characters.next_if_eq(&'*').is_some() => Token::Anything,
            '*' => Token::Within,
            '?' => Token::One,
            c => Token::Literal(c),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn at(path: &str) -> Program {
        Program { found: PathBuf::from(path), real: PathBuf::from(path) }
    }

    fn check(pattern: &str, path: &str, expected: bool) {
        assert_eq!(allows(pattern, &at(path), Path::new("/home/u")), expected, "{pattern} against {path}");
    }

    #[test]
    fn sec_100_patterns_match_whole_paths_and_wildcards_stay_in_their_folder() {
        check("/usr/bin/ls", "/usr/bin/ls", true);
        check("/usr/bin/ls", "/usr/bin/lsblk", false);
        check("/usr/bin/ls", "/x/usr/bin/ls", false);
        check("/usr/bin/*", "/usr/bin/ls", true);
        check("/usr/bin/*", "/usr/bin/a/ls", false);
        check("/usr/*", "/usr/bin/ls", false);
        check("/usr/**", "/usr/bin/ls", true);
        check("/usr/**/ls", "/usr/bin/ls", true);
        check("/usr/**/ls", "/usr/ls", false);
        check("/usr/bin/l?", "/usr/bin/ls", true);
        check("/usr/bin?ls", "/usr/bin/ls", false);
        check("/usr/bin/l??", "/usr/bin/ls", false);
        check("/usr/bin/***", "/usr/bin/a/b", true);
        check("/usr/bin/[l]s", "/usr/bin/ls", false);
        check("/usr/bin/[l]s", "/usr/bin/[l]s", true);
        check(" /usr/bin/ls ", "/usr/bin/ls", true);
    }

    #[test]
    fn sec_100_bare_names_never_match_and_a_star_always_does() {
        check("ls", "/usr/bin/ls", false);
        check("**", "/usr/bin/ls", false);
        check("?s", "/usr/bin/ls", false);
        check("", "/usr/bin/ls", false);
        check("*", "/usr/bin/ls", true);
    }

    #[test]
    fn the_home_folder_can_be_written_short() {
        check("~/bin/*", "/home/u/bin/tool", true);
        check("~/bin/*", "/home/v/bin/tool", false);
        check("~other/bin/*", "/home/other/bin/tool", false);
    }

    #[cfg(unix)]
    #[test]
    fn sec_106_case_and_look_alikes_are_different_on_unix() {
        check("/usr/bin/LS", "/usr/bin/ls", false);
        check("/usr/bin/ｌｓ", "/usr/bin/ls", false);
        check("/usr/bin/l\u{200B}s", "/usr/bin/ls", false);
    }

    #[cfg(unix)]
    #[test]
    fn sec_100_a_link_may_be_named_but_only_under_the_name_that_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let (many, ls, wget) = (home.join("many"), home.join("ls"), home.join("wget"));
        std::fs::File::create(&many).unwrap();
        std::os::unix::fs::symlink(&many, &ls).unwrap();
        std::os::unix::fs::symlink(&many, &wget).unwrap();
        let as_ls = Program { found: ls.clone(), real: many.clone() };
        let as_wget = Program { found: wget, real: many };
        assert!(allows(ls.to_str().unwrap(), &as_ls, &home));
        assert!(!allows(ls.to_str().unwrap(), &as_wget, &home));
    }

    /// The same by plain recursion, to compare with.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', '*', rest @ ..] => (0..=text.len()).any(|n| reference(rest, &text[n..])),
            ['*', rest @ ..] => {
                (0..=text.len()).take_while(|n| !text[..*n].contains(&'/')).any(|n| reference(rest, &text[n..]))
            }
            ['?', rest @ ..] => text.first().is_some_and(|c| *c != '/') && reference(rest, &text[1..]),
            [c, rest @ ..] => text.first() == Some(c) && reference(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn sec_100_the_matcher_agrees_with_its_definition(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,8}") {
            let letters = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern, &text), reference(&letters(&pattern), &letters(&text)));
        }

        #[test]
        fn sec_196_no_pattern_is_expensive(stars in 1_usize..200) {
            prop_assert!(!glob(&"*a".repeat(stars), &"a".repeat(stars.saturating_sub(1))));
        }
    }
}
