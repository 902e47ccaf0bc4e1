//! Sizes: a file, a function, a struct and `main.rs` have limits; tables of contents have no code.

use super::{exceptions::Exceptions, run::Finding};
use crate::source::Source;

/// Lines of a file, its test modules not counted.
const FILE_LINES: usize = 600;
/// Lines of a test module that may stay in the file that it tests.
const TEST_LINES: usize = 250;
/// Lines of a function.
const FUNCTION_LINES: usize = 80;
/// Fields of a struct.
const STRUCT_FIELDS: usize = 15;
/// Lines of a `main.rs`.
const MAIN_LINES: usize = 60;

pub(super) fn check(path: &str, source: &Source, exceptions: &mut Exceptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut limit = |place: &str, line: usize, size: usize, ordinary: usize, what: &str, fix: &str| {
        let allowed = exceptions.limit(place, size, ordinary);
        if size > allowed {
            findings.push(Finding::new(path, line, format!("{size} {what}, allowed are {allowed}: {fix}")));
        }
    };
    if !holds_tests_only(path) {
        let lines = source.lines_without_tests();
        if path.ends_with("/main.rs") && !path.ends_with("/it/main.rs") {
            limit(path, 1, lines, main_lines(path), "lines in main.rs", "move what it does into modules");
        }
        limit(path, 1, lines, FILE_LINES, "lines without tests", "split the file by concept");
        limit(
            path,
            1,
            source.test_lines(),
            TEST_LINES,
            "lines of tests",
            "move them to a tests.rs in a folder of the module's name",
        );
        for function in source.functions() {
            let place = format!("{path}#{}", function.name);
            let what = format!("lines in fn {}", function.name);
            limit(&place, function.line, function.size, FUNCTION_LINES, &what, "split it");
        }
    }
    // The wire's shapes are not ours to split.
    let structs = if path.starts_with("crates/protocol/") { Vec::new() } else { source.structs() };
    for found in structs {
        let place = format!("{path}#{}", found.name);
        let what = format!("fields in struct {}", found.name);
        limit(&place, found.line, found.size, STRUCT_FIELDS, &what, "it is several concepts");
    }
    if is_table_of_contents(path) {
        for function in source.functions() {
            let text = format!("fn {} in a table of contents: move it to a module", function.name);
            findings.push(Finding::new(path, function.line, text));
        }
    }
    findings
}

/// The task list of xtask itself stands in its main.rs, usage text and all.
fn main_lines(path: &str) -> usize {
    if path == "crates/xtask/src/main.rs" { 2 * MAIN_LINES } else { MAIN_LINES }
}

fn is_table_of_contents(path: &str) -> bool {
    (path.ends_with("/mod.rs") || path.ends_with("/lib.rs")) && !path.contains("/tests/")
}

/// Files that hold nothing but tests are not limited: a table of cases may be long.
fn holds_tests_only(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str) -> Vec<String> {
        let mut exceptions = Exceptions::none();
        check(path, &Source::new(text), &mut exceptions).into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_long_function_is_found_and_a_long_test_is_not() {
        let body = "    step();\n".repeat(90);
        let function = format!("fn long() {{\n{body}}}\n");
        assert_eq!(check_text("src/a.rs", &function).len(), 1);
        assert!(check_text("src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{function}}}\n")).is_empty());
    }

    #[test]
    fn a_struct_of_sixteen_fields_is_found() {
        let fields = "    field: u8,\n".repeat(16);
        assert!(check_text("src/a.rs", &format!("struct Big {{\n{fields}}}\n")).concat().contains("16 fields"));
    }

    #[test]
    fn code_in_a_table_of_contents_is_found() {
        assert_eq!(check_text("src/a/mod.rs", "mod b;\n\nfn here() {}\n").len(), 1);
        assert!(check_text("src/a.rs", "fn here() {}\n").is_empty());
    }

    #[test]
    fn a_file_of_more_than_six_hundred_lines_is_found() {
        assert_eq!(check_text("src/a.rs", &"// line\n".repeat(601)).len(), 1);
        assert!(check_text("src/a/tests.rs", &"// line\n".repeat(601)).is_empty());
    }
}
