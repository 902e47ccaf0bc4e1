//! REL-009: files broken by hand, and what a person reads about each.

use openclaw_config::{LoadError, load};

use crate::place::{Place, neutral};

/// A name and the file.
const BROKEN: &[(&str, &str)] = &[
    ("empty file", ""),
    ("only white space", " \n\t\n"),
    ("only a comment", "// later"),
    ("not closed", "{gateway: {port: 1}"),
    ("closed twice", "{gateway: {port: 1}}}"),
    ("missing comma", "{\n  gateway: {\n    port: 1\n    bind: 'lan'\n  }\n}"),
    ("missing colon", "{gateway {port: 1}}"),
    ("missing value", "{gateway: {port: }}"),
    ("bare word", "{gateway: {bind: lan}}"),
    ("unclosed string", "{gateway: {bind: 'lan}}"),
    ("string over a line", "{gateway: {bind: 'la\nn'}}"),
    ("unclosed comment", "{/* port: 1}"),
    ("address without quotes", "{gateway: {customBindHost: 10.0.0.1}}"),
    ("number with a unit", "{gateway: {handshakeTimeoutMs: 15s}}"),
    ("octal number", "{gateway: {port: 0123}}"),
    ("infinity", "{gateway: {port: Infinity}}"),
    ("not a number", "{gateway: {port: NaN}}"),
    ("bad escape", "{gateway: {customBindHost: '\\u12'}}"),
    ("yaml", "gateway:\n  port: 1\n"),
    ("toml", "[gateway]\nport = 1\n"),
    ("CRLF and an error in line 3", "{\r\n  gateway: {\r\n    port 1\r\n  }\r\n}\r\n"),
    ("byte order mark and an error", "\u{feff}{gateway 1}"),
    ("array for the root", "[]"),
    ("string for the root", "'gateway'"),
    ("null for the root", "null"),
    ("duplicate key", "{\n  gateway: {port: 1},\n  gateway: {port: 2}\n}"),
    ("duplicate key deeper", "{gateway: {port: 1, bind: 'lan', \"port\": 2}}"),
    ("unknown root key", "{gatway: {port: 1}}"),
    ("unknown root key, none alike", "{bogus: 1}"),
    ("unknown gateway key", "{\n  gateway: {\n    prot: 1\n  }\n}"),
    ("two unknown keys", "{gateway: {foo: 1, bar: 2}}"),
    ("unknown key in auth", "{gateway: {auth: {tokens: 'x'}}}"),
    ("unknown key in tls", "{gateway: {tls: {enable: true}}}"),
    ("unknown key in logging", "{logging: {Level: 'info'}}"),
    ("unknown key in tools.exec", "{tools: {exec: {securty: 'deny'}}}"),
    ("forbidden key", "{gateway: {\"__proto__\": {}}}"),
    ("port as text", "{gateway: {port: '18789'}}"),
    ("port with a fraction", "{gateway: {port: 1.5}}"),
    ("port zero", "{gateway: {port: 0}}"),
    ("port below zero", "{gateway: {port: -1}}"),
    ("port too big", "{gateway: {port: 65536}}"),
    ("port huge", "{gateway: {port: 99999999999999999999}}"),
    ("port null", "{gateway: {port: null}}"),
    ("port list", "{gateway: {port: [1]}}"),
    ("mode unknown", "{gateway: {mode: 'server'}}"),
    ("bind unknown", "{gateway: {bind: 'all'}}"),
    ("bind as an address", "{gateway: {bind: '192.168.1.5'}}"),
    ("bind in capitals", "{gateway: {bind: 'LAN'}}"),
    ("auth mode unknown", "{gateway: {auth: {mode: 'tokn'}}}"),
    ("auth as text", "{gateway: {auth: 'token'}}"),
    ("auth null", "{gateway: {auth: null}}"),
    ("token as a number", "{gateway: {auth: {token: 123456}}}"),
    ("token null", "{gateway: {auth: {token: null}}}"),
    ("secret reference without a provider", "{gateway: {auth: {token: {source: 'env', id: 'X'}}}}"),
    ("secret reference of an unknown source", "{gateway: {auth: {token: {source: 'vault', provider: 'x', id: 'X'}}}}"),
    ("rate limit zero", "{gateway: {auth: {rateLimit: {maxAttempts: 0}}}}"),
    ("rate limit as text", "{gateway: {auth: {rateLimit: {windowMs: '1m'}}}}"),
    ("trusted proxy without a header", "{gateway: {auth: {trustedProxy: {allowUsers: ['a']}}}}"),
    ("trusted proxy with an empty header", "{gateway: {auth: {trustedProxy: {userHeader: ''}}}}"),
    ("trusted proxies as text", "{gateway: {trustedProxies: '10.0.0.1'}}"),
    ("trusted proxy by name", "{gateway: {trustedProxies: ['10.0.0.1', 'proxy.local']}}"),
    ("prefix too long", "{gateway: {trustedProxies: ['10.0.0.0/33']}}"),
    ("auto-approve block broken", "{gateway: {nodes: {pairing: {autoApproveCidrs: ['10.0.0/8']}}}}"),
    ("denied commands as text", "{gateway: {nodes: {denyCommands: 'system.run'}}}"),
    ("denied command as a number", "{gateway: {nodes: {denyCommands: ['system.run', 5]}}}"),
    ("switch as text", "{gateway: {controlUi: {enabled: 'yes'}}}"),
    ("switch as a number", "{gateway: {tls: {enabled: 1}}}"),
    ("reload mode unknown", "{gateway: {reload: {mode: 'auto'}}}"),
    ("debounce below zero", "{gateway: {reload: {debounceMs: -5}}}"),
    ("header as a number", "{gateway: {http: {securityHeaders: {strictTransportSecurity: 5}}}}"),
    ("tailscale mode unknown", "{gateway: {tailscale: {mode: 'on'}}}"),
    ("transport unknown", "{gateway: {remote: {transport: 'tcp'}}}"),
    ("log level unknown", "{logging: {level: 'verbose'}}"),
    ("console style unknown", "{logging: {consoleStyle: 'color'}}"),
    ("redact patterns as text", "{logging: {redactPatterns: 'x'}}"),
    ("mdns mode unknown", "{discovery: {mdns: {mode: 'on'}}}"),
    ("canvas port too big", "{canvasHost: {port: 70000}}"),
    ("exec security unknown", "{tools: {exec: {security: 'allow'}}}"),
    ("exec ask unknown", "{tools: {exec: {ask: 'onmiss'}}}"),
    ("exec timeout as text", "{tools: {exec: {timeoutSec: '30'}}}"),
    ("variable as a number", "{env: {vars: {PORT: 5}}}"),
    ("provider of an unknown source", "{secrets: {providers: {x: {source: 'vault'}}}}"),
    ("provider without a path", "{secrets: {providers: {x: {source: 'file'}}}}"),
    ("provider with an unknown key", "{secrets: {providers: {x: {source: 'file', path: '/a', pth: 1}}}}"),
    ("update channel unknown", "{update: {channel: 'nightly'}}"),
    ("update delay too long", "{update: {auto: {stableDelayHours: 200}}}"),
    ("missing include", "{gateway: {$include: 'none.json'}}"),
    ("include of a number", "{gateway: {$include: 5}}"),
    ("include outside", "{gateway: {$include: '../../etc/passwd'}}"),
    ("include of itself", "{$include: './openclaw.json'}"),
    ("include with an empty name", "{$include: ''}"),
    ("everything at once", "{gateway: {port: 'x', bind: 'y', auth: {mode: 'z'}, foo: 1}, nope: 2}"),
];

#[test]
fn rel_009_every_broken_file_is_refused_with_file_line_column_and_key() {
    let mut golden = String::new();
    for (name, text) in BROKEN {
        let place = Place::new(text);
        let Err(LoadError::Invalid(invalid)) = load(&place.paths, &place.env) else { panic!("{name}: loaded") };
        assert!(invalid.issues.iter().all(|issue| issue.location.is_some()), "{name}: {:?}", invalid.issues);
        let block = neutral(&invalid.to_string(), place.dir.path());
        let problems: Vec<&str> = block.lines().filter(|line| line.starts_with("  - ")).collect();
        golden.extend([name, "\n", &problems.join("\n"), "\n"]);
    }
    assert!(BROKEN.len() >= 60);
    insta::assert_snapshot!(golden);
}

#[test]
fn rel_009_the_block_names_the_file_and_the_command_that_repairs_it() {
    let place = Place::new("{\n  gateway: {bogus: 1}\n}\n");
    let block = load(&place.paths, &place.env).unwrap_err().to_string();
    insta::assert_snapshot!(block.replace('\\', "/"), @r#"
    Config invalid
    File: ~/.openclaw/openclaw.json
    Problem:
      - gateway: Unrecognized key: "bogus" at ~/.openclaw/openclaw.json:2:13

    Run: openclaw config validate
    "#);
}

#[test]
fn rel_009_a_file_that_is_no_text_or_no_file_is_refused() {
    let place = Place::empty(&[]);
    place.file(".openclaw/openclaw.json", b"{\n a: '\xff'}");
    let text = load(&place.paths, &place.env).unwrap_err().to_string();
    assert!(text.contains("the file is not UTF-8 text") && text.contains(":2:6"), "{text}");
    let place = Place::empty(&[]);
    std::fs::create_dir_all(&place.paths.config_path).unwrap();
    assert!(matches!(load(&place.paths, &place.env), Err(LoadError::Read { .. })));
}

#[test]
fn rel_009_what_is_wrong_never_shows_a_value_of_the_file() {
    let place = Place::new("{gateway: {auth: {token: ['hunter2'], mode: 'hunter2', password: {source: 'hunter2'}}}}");
    assert!(!load(&place.paths, &place.env).unwrap_err().to_string().contains("hunter2"));
    assert!(!format!("{:?}", place.snapshot()).contains("hunter2"));
}

#[test]
fn rel_009_a_syntax_error_in_a_secret_does_not_quote_it() {
    for text in
        ["{gateway: {auth: {token: hunter2}}}", "{password: 1hunter2}", "{apiKey: 'a' hunter2}", "{token: -hunter2}"]
    {
        let place = Place::new(text);
        let shown = load(&place.paths, &place.env).unwrap_err().to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_diagnostic_command_sees_what_is_left_without_the_wrong_parts() {
    let place =
        Place::new("{gateway: {port: 4000, bind: 'bogus', auth: {token: 'abc'}}, logging: {level: 'debug'}, nope: 1}");
    let snapshot = place.snapshot();
    assert_eq!(snapshot.issues.len(), 2);
    assert_eq!((snapshot.config.gateway.port, snapshot.config.gateway.bind.name()), (4000, "loopback"));
    assert!(snapshot.config.gateway.auth.token.as_ref().unwrap().matches("abc"));
}
