//! `$include`.

use serde_json::json;

use crate::place::{Place, neutral};

fn issue(place: &Place) -> String {
    let snapshot = place.snapshot();
    assert_eq!(snapshot.issues.len(), 1, "{:?}", snapshot.issues);
    neutral(&snapshot.issues[0].to_string(), place.dir.path())
}

#[test]
fn files_merge_below_the_keys_beside_them_and_arrays_add_up() {
    let place = Place::new("{gateway: {$include: ['a.json5', 'sub/b.json'], port: 3, trustedProxies: ['10.0.0.3']}}");
    place.file(".openclaw/a.json5", "{port: 1, bind: 'lan', trustedProxies: ['10.0.0.1'], auth: {token: 'one'}}");
    place.file(".openclaw/sub/b.json", "{\"auth\": {\"$include\": \"c.json\"}, \"trustedProxies\": [\"10.0.0.2\"]}");
    place.file(".openclaw/sub/c.json", "{\"token\": \"${T}\"}");
    let place = place.with_env(&[("T", "two")]);
    let snapshot = place.snapshot();
    assert!(snapshot.is_valid(), "{:?}", snapshot.issues);
    assert_eq!(
        snapshot.resolved,
        json!({"gateway": {"port": 3, "bind": "lan", "trustedProxies": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "auth": {"token": "two"}}})
    );
    assert_eq!(snapshot.included_paths.len(), 3);
    assert_eq!(snapshot.parsed["gateway"]["$include"], json!(["a.json5", "sub/b.json"]));
}

#[test]
fn an_error_in_an_included_file_names_that_file() {
    let place = Place::new("{gateway: {$include: 'a.json'}}");
    place.file(".openclaw/a.json", "{\n  port: 1,\n  bogus: 2\n}");
    assert_eq!(issue(&place), "gateway: Unrecognized key: \"bogus\" at HOME/.openclaw/a.json:3:3");
    place.file(".openclaw/a.json", "{\n  port 1}");
    assert_eq!(
        issue(&place),
        "gateway.$include: Include file HOME/.openclaw/a.json:2:8 is not valid JSON5: expected `:` after the key \"port\", found `1` at HOME/.openclaw/openclaw.json:1:22"
    );
}

#[test]
fn circles_and_depth_end() {
    let place = Place::new("{$include: 'a.json'}");
    place.file(".openclaw/a.json", "{$include: 'b.json'}");
    place.file(".openclaw/b.json", "{$include: 'a.json'}");
    assert!(issue(&place).contains(
        "Circular include detected: HOME/.openclaw/a.json -> HOME/.openclaw/b.json -> HOME/.openclaw/a.json"
    ));
    let place = Place::new("{$include: '0.json'}");
    for level in 0..12 {
        place.file(&format!(".openclaw/{level}.json"), format!("{{$include: '{}.json'}}", level + 1));
    }
    assert!(issue(&place).contains("Maximum include depth (10) exceeded at: 10.json"), "{}", issue(&place));
}

#[test]
fn a_file_may_not_be_too_large() {
    let place = Place::new("{gateway: {$include: 'a.json'}}");
    place.file(".openclaw/a.json", format!("{{}}{}", " ".repeat(2 << 20)));
    assert!(issue(&place).contains("is larger than 2097152 bytes"));
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_folder() {
    let place = Place::new("{gateway: {$include: 'link.json'}}");
    place.file("outside.json", "{port: 1}");
    std::os::unix::fs::symlink(place.dir.path().join("outside.json"), place.dir.path().join(".openclaw/link.json"))
        .unwrap();
    assert!(issue(&place).contains("resolves outside config directory (symlink)"));
    let place = Place::new("{gateway: {$include: 'hard.json'}}");
    place.file("outside.json", "{port: 1}");
    std::fs::hard_link(place.dir.path().join("outside.json"), place.dir.path().join(".openclaw/hard.json")).unwrap();
    assert!(issue(&place).contains("hard-linked"));
}

#[test]
fn keys_of_the_object_machinery_do_not_come_in_by_a_merge() {
    let place = Place::new("{messages: {$include: 'a.json', x: 1}}");
    place.file(".openclaw/a.json", "{a: 1, \"__proto__\": {polluted: true}}");
    assert_eq!(place.snapshot().resolved, json!({"messages": {"a": 1, "x": 1}}));
}
