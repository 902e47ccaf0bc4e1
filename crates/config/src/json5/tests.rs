use proptest::prelude::*;
use serde_json::{Value, json};

use super::{parse, parse_str, rewrite};

fn reads(text: &str, expected: &Value) {
    assert_eq!(parse_str(text).as_ref(), Ok(expected), "{text}");
}

fn refuses(text: &str, expected: &str) {
    match parse_str(text) {
        Ok(value) => panic!("{text} was read as {value}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

fn changes(text: &str, next: &Value, expected: &str) {
    let rewritten = rewrite(text, next);
    assert!(rewritten.kept_layout, "{text}");
    assert_eq!(rewritten.text, expected);
    assert_eq!(parse_str(&rewritten.text).as_ref(), Ok(next));
}

#[test]
fn json5_is_read_as_javascript_reads_it() {
    reads("{a: 1, 'b': \"2\", \"c\": [true, null,],}", &json!({"a": 1, "b": "2", "c": [true, null]}));
    reads("\u{feff}// start\r\n{ /* in */ port: 18789 // end\r\n}\r\n", &json!({"port": 18789}));
    reads("[0x10, -0x1, +3, .5, 5., 1e3, 18789.0, -0, 1.5e-3]", &json!([16, -1, 3, 0.5, 5, 1000, 18789, 0, 0.0015]));
    reads(
        r#"["\x41\u0042\n\'", 'a\
b', "\ud83e\udd9e", "\0"]"#,
        &json!(["AB\n'", "ab", "🦞", "\0"]),
    );
    reads("{$a_1: 1, ünïcode: 2, \\u0061: 3}", &json!({"$a_1": 1, "ünïcode": 2, "a": 3}));
    reads("18446744073709551615", &json!(u64::MAX));
    reads("null", &Value::Null);
}

#[test]
fn a_syntax_error_says_what_and_where() {
    refuses("", "the file is empty; write {} for a configuration without settings (line 1, column 1)");
    refuses("{\n  a: 1\n  b: 2\n}", "expected `,` or `}`, found `b` (line 3, column 3)");
    refuses("{\r\n  a 1}", "expected `:` after the key \"a\", found `1` (line 2, column 5)");
    refuses("{a: yes}", "expected a value, found `yes`; text needs quotes (line 1, column 5)");
    refuses("{a: 'x}", "this string is never closed (line 1, column 5)");
    refuses("{a: 'x\n'}", "this string is not closed at the end of its line (line 1, column 5)");
    refuses("{a: {b: 1}", "this `{` is never closed (line 1, column 1)");
    refuses("{a: [1, 2", "this `[` is never closed (line 1, column 5)");
    refuses("{a: 1} x", "expected the end of the file, found `x` (line 1, column 8)");
    refuses("/* x", "this comment is never closed (line 1, column 1)");
    refuses("{a: 012}", "`012` is no number; text needs quotes (line 1, column 5)");
    refuses("{a: 127.0.0.1}", "`127.0.0.1` is no number; text needs quotes (line 1, column 5)");
    refuses("{a: -Infinity}", "JSON cannot hold Infinity or NaN (line 1, column 5)");
    refuses("{a: 1e999}", "JSON cannot hold Infinity or NaN (line 1, column 5)");
    refuses("{a: '\\u12'}", "expected 4 hexadecimal digits (line 1, column 6)");
    refuses("{a: '\\ud800'}", "half of a surrogate pair is no character (line 1, column 6)");
    refuses("{,}", "expected a key or `}`, found `,` (line 1, column 2)");
    refuses("{a:}", "expected a value, found `}` (line 1, column 4)");
}

#[test]
fn deep_nesting_is_refused_before_it_can_exhaust_the_stack() {
    assert!(parse_str(&("[".repeat(120) + &"]".repeat(120))).is_ok());
    let error = parse_str(&"[".repeat(100_000)).unwrap_err();
    assert_eq!(error.problem, "nested deeper than 128 levels");
}

#[test]
fn a_key_that_stands_twice_is_reported_with_both_places() {
    let document = parse("{a: {b: 1, b: 2}, c: 3}").unwrap();
    assert_eq!(document.duplicates.len(), 1);
    assert_eq!((document.duplicates[0].first.clone(), document.duplicates[0].span.clone()), (5..6, 11..12));
    assert_eq!(document.root.to_value(), json!({"a": {"b": 2}, "c": 3}));
}

const FILE: &str = "// mine\n{\n  // the port\n  port: 1, // here\n  'auth': {\n    token: \"x\",\n  },\n}\n";

#[test]
fn rel_010_changing_a_value_leaves_every_other_byte() {
    changes(FILE, &json!({"port": 2, "auth": {"token": "x"}}), &FILE.replace("port: 1", "port: 2"));
    changes(FILE, &json!({"port": 1, "auth": {"token": "y"}}), &FILE.replace("\"x\"", "\"y\""));
}

#[test]
fn rel_010_a_new_key_is_written_as_its_neighbours_are() {
    changes(
        FILE,
        &json!({"port": 1, "auth": {"token": "x", "mode": "token"}}),
        &FILE.replace("\"x\",", "\"x\",\n    mode: \"token\","),
    );
    changes("{a: 1}", &json!({"a": 1, "b": {"c": []}}), "{a: 1, b: {\n  \"c\": []\n}}");
    changes("{}\n", &json!({"a": {"b": 1}}), "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n");
    changes("{\r\n\t\"a\": 1\r\n}\r\n", &json!({"a": 1, "b": 2}), "{\r\n\t\"a\": 1,\r\n\t\"b\": 2\r\n}\r\n");
    changes("{\n  a: 1 // last\n}", &json!({"a": 1, "x y": 2}), "{\n  a: 1, // last\n  \"x y\": 2\n}");
    changes("{ /* none */ }", &json!({"a": 1}), "{ /* none */\n  \"a\": 1\n}");
    changes("{\n  // none\n}", &json!({"a": 1}), "{\n  // none\n  \"a\": 1\n}");
    changes("{a: [1, 2]}", &json!({"a": [1, 2, 3]}), "{a: [1, 2, 3]}");
}

#[test]
fn rel_010_a_removed_key_takes_its_line_and_comma_but_no_comment() {
    changes(FILE, &json!({"port": 1}), "// mine\n{\n  // the port\n  port: 1, // here\n}\n");
    changes(FILE, &json!({"auth": {"token": "x"}}), &FILE.replace("port: 1, ", ""));
    changes("{a: 1, b: 2}", &json!({"a": 1}), "{a: 1}");
    changes("{a: 1, b: 2}", &json!({"b": 2}), "{b: 2}");
    changes("{\n  \"a\": 1,\n  \"b\": 2\n}\n", &json!({"a": 1}), "{\n  \"a\": 1\n}\n");
    changes("{\n  a: 1, // one\n  b: 2\n}\n", &json!({"a": 1}), "{\n  a: 1 // one\n}\n");
    changes("[\n  'a',\n  'b', // bee\n  'c'\n]", &json!(["b", "c"]), "[\n  'b', // bee\n  'c'\n]");
}

#[test]
fn text_that_cannot_be_patched_is_written_plainly() {
    let rewritten = rewrite("{oops", &json!({"a": 1}));
    assert_eq!((rewritten.text.as_str(), rewritten.kept_layout), ("{\n  \"a\": 1\n}\n", false));
}

/// Values as a configuration holds them.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_filter("whole numbers become integers", |n| n.fract() != 0.0).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c]|[ -~]{0,3}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _read = parse_str(&text).is_ok();
    }

    #[test]
    fn no_heap_of_json5_tokens_makes_the_reader_panic_or_disagree_with_the_json5_crate(
        text in "([{}\\[\\],:'\"\\\\a1.\\-+e/*\n ]|0x|//|/\\*|\\*/|true|null){0,24}"
    ) {
        if let (Ok(ours), Ok(theirs)) = (parse_str(&text), json5::from_str::<Value>(&text)) {
            let theirs = parse_str(&theirs.to_string()).unwrap();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn plain_json_is_read_back(value in any_value()) {
        prop_assert_eq!(parse_str(&value.to_string()), Ok(value.clone()));
        prop_assert_eq!(parse_str(&serde_json::to_string_pretty(&value).unwrap()), Ok(value));
    }

    #[test]
    fn rel_010_rewriting_always_reaches_the_wanted_value(from in any_value(), to in any_value()) {
        let text = serde_json::to_string_pretty(&from).unwrap();
        let rewritten = rewrite(&text, &to);
        prop_assert!(rewritten.kept_layout);
        prop_assert_eq!(parse_str(&rewritten.text), Ok(to));
    }
}
