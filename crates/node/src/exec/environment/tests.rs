use std::{collections::BTreeMap, ffi::OsString};

use proptest::prelude::*;

use super::{Environment, Overrides, names, refused_names};
use crate::exec::search::SearchPath;

fn one(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn basis(ours: &[(&str, &str)]) -> Environment {
    let ours = ours.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::new(ours, &SearchPath::parse(Some("/usr/bin:/bin".as_ref())))
}

fn value_of(environment: &[(OsString, OsString)], name: &str) -> Option<String> {
    let mut found = environment.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.to_string_lossy().into_owned());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// Every name of Appendix A, with an example for each group that is given by its beginning.
fn appendix_a() -> Vec<String> {
    let groups = names::ALWAYS_PREFIXES.iter().chain(&names::OVERRIDE_PREFIXES).map(|prefix| format!("{prefix}X"));
    let tools = ["CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", "CARGO_TARGET_A_RUNNER", "CARGO_TARGET_A_RUSTFLAGS"];
    let named = names::ALWAYS.iter().chain(&names::OVERRIDES).chain(&tools).map(|name| (*name).to_owned());
    named.chain(groups).chain(["PATH".to_owned(), "OPENCLAW_GATEWAY_TOKEN".to_owned()]).collect()
}

fn in_case(name: &str, pattern: u64) -> String {
    let lower = |at: usize| pattern >> (at % 64) & 1 == 1;
    name.char_indices().map(|(at, c)| if lower(at) { c.to_ascii_lowercase() } else { c }).collect()
}

#[test]
fn the_tables_are_sorted_so_that_look_ups_find_every_name() {
    assert!(names::ALWAYS.is_sorted());
    assert!(names::OVERRIDES.is_sorted());
    assert!(appendix_a().iter().all(|name| *name == name.to_ascii_uppercase()));
}

#[test]
fn sec_110_every_name_of_the_appendix_is_refused_by_name() {
    for name in appendix_a() {
        let refused = Overrides::check(one(&name, "x")).unwrap_err();
        assert_eq!(refused.blocked, [name]);
    }
}

#[test]
fn sec_110_names_that_are_not_portable_are_refused() {
    for name in ["", "1A", "A-B", "A=B", "A B", "Ä", "A\0", "A\n", "ＬＤ_PRELOAD"] {
        let refused = Overrides::check(one(name, "x")).unwrap_err();
        assert_eq!(refused.invalid, [name]);
    }
    assert_eq!(Overrides::check(one("A", "x\0y")).unwrap_err().invalid, ["A"]);
}

#[test]
fn a_refusal_names_all_that_is_wrong_in_the_words_of_the_reference() {
    let wanted = ["LD_PRELOAD", "path", "a-b", "FINE"].map(|name| (name.to_owned(), String::new())).into();
    assert_eq!(
        Overrides::check(wanted).unwrap_err().to_string(),
        "blocked override keys: LD_PRELOAD, path; invalid non-portable override keys: a-b"
    );
}

#[test]
fn sec_111_behind_a_shell_only_the_look_of_output_can_be_set() {
    let wanted = ["TERM", "LANG", "LC_ALL", "LC_ANYTHING", "NO_COLOR", "FOO", "CI"]
        .map(|name| (name.to_owned(), "x".to_owned()))
        .into();
    let left = Overrides::check(wanted).unwrap().behind_a_shell();
    assert_eq!(
        left.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["LANG", "LC_ALL", "LC_ANYTHING", "NO_COLOR", "TERM"]
    );
}

#[test]
fn sec_112_secrets_of_the_host_do_not_reach_a_child() {
    let ours = [
        ("HOME", "/home/u"),
        ("OPENCLAW_GATEWAY_TOKEN", "s3cret"),
        ("OPENCLAW_GATEWAY_PASSWORD", "s3cret"),
        ("ANTHROPIC_API_KEY", "s3cret"),
        ("OPENAI_API_KEY", "s3cret"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ("GITHUB_TOKEN", "s3cret"),
        ("DATABASE_URL", "s3cret"),
        ("SOMETHING_NEW", "s3cret"),
        ("LD_PRELOAD", "/x.so"),
        ("SHELL", "/bin/zsh"),
    ];
    let child = basis(&ours).child(&Overrides::default());
    assert!(child.iter().all(|(_, value)| value != "s3cret"));
    assert_eq!(value_of(&child, "HOME").as_deref(), Some("/home/u"));
    assert_eq!(value_of(&child, "LD_PRELOAD"), None);
    assert_eq!(value_of(&child, "SHELL"), None);
    assert_eq!(value_of(&child, "OPENCLAW_CLI").as_deref(), Some("1"));
    assert_eq!(value_of(&child, "PATH").as_deref(), Some("/usr/bin:/bin"));
}

#[test]
fn an_override_replaces_what_is_inherited() {
    let child = basis(&[("TERM", "xterm"), ("LANG", "C")]).child(&Overrides::check(one("TERM", "dumb")).unwrap());
    assert_eq!(value_of(&child, "TERM").as_deref(), Some("dumb"));
    assert_eq!(value_of(&child, "LANG").as_deref(), Some("C"));
}

proptest! {
    #[test]
    fn sec_110_case_does_not_hide_a_refused_name(index in any::<prop::sample::Index>(), pattern in any::<u64>()) {
        let all = appendix_a();
        let name = in_case(index.get::<String>(&all), pattern);
        prop_assert_eq!(&refused_names([&name]).blocked, std::slice::from_ref(&name));
    }

    #[test]
    fn sec_110_whatever_passes_the_check_is_no_refused_name(name in "[A-Za-z_]{1,12}", value in "[ -~]{0,8}") {
        if let Ok(passed) = Overrides::check(one(&name, &value)) {
            for (name, _) in basis(&[]).child(&passed) {
                let name = name.to_string_lossy().to_ascii_uppercase();
                prop_assert!(!names::is_always_refused(&name), "{}", name);
            }
        }
    }
}
