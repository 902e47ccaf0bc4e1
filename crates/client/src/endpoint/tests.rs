use super::*;

fn loopback(url: &str) -> Result<bool, EndpointError> {
    Endpoint::parse(url).map(|endpoint| endpoint.is_loopback())
}

#[test]
fn sec_013_loopback_is_decided_on_the_parsed_host() {
    for (url, expected) in [
        ("ws://127.0.0.1:18789", true),
        ("ws://127.255.3.9", true),
        ("ws://[::1]:1", true),
        ("ws://[::ffff:127.0.0.1]:1", true),
        ("ws://localhost:1", true),
        ("ws://LOCALHOST.:1", true),
        ("ws://127.0.0.1.evil.com:1", false),
        ("ws://127.evil.com:1", false),
        ("ws://localhost.evil.com:1", false),
        ("ws://evil-localhost:1", false),
        ("ws://[::ffff:10.0.0.1]:1", false),
        ("ws://[::2]:1", false),
        ("ws://0.0.0.0:1", false),
        ("ws://128.0.0.1:1", false),
    ] {
        assert_eq!(loopback(url), Ok(expected), "{url}");
    }
}

#[test]
fn sec_013_disguised_addresses_are_not_read_at_all() {
    for host in
        ["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.01", "0x7f000001", "localhost..", "[::1", "::1"]
    {
        let url = format!("ws://{host}");
        assert!(
            matches!(loopback(&url), Err(EndpointError::Host { .. } | EndpointError::Port { .. })),
            "{url}: {:?}",
            loopback(&url)
        );
    }
    assert_eq!(loopback("ws://127.0.0.1@evil/"), Err(EndpointError::UserInfo));
    assert_eq!(loopback("ws://127.0.0.1:80@evil/"), Err(EndpointError::UserInfo));
    assert_eq!(loopback("ws://evil\\@127.0.0.1/"), Err(EndpointError::Path));
    assert_eq!(loopback("ws://127.0.0.1/#@evil"), Err(EndpointError::Fragment));
}

proptest::proptest! {
    #[test]
    fn sec_013_no_text_is_loopback_unless_an_independent_reading_agrees(text in "[0-9a-fx.:\\[\\]@localhost%]{1,24}") {
        let url = format!("ws://{text}/");
        if loopback(&url) == Ok(true) {
            let endpoint = Endpoint::parse(&url).unwrap();
            let host = endpoint.url.host().to_string();
            let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
            let agreed = literal.map_or(host == "localhost", |ip| match ip {
                IpAddr::V4(ip) => ip.octets()[0] == 127,
                IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST || ip.to_ipv4_mapped().is_some_and(|ip| ip.octets()[0] == 127),
            });
            proptest::prop_assert!(agreed, "{}", text);
        }
    }

    #[test]
    fn no_text_makes_reading_an_address_panic(text in proptest::prelude::any::<String>()) {
        drop(Endpoint::parse(&text));
        drop(Endpoint::parse(&format!("wss://{text}")));
    }
}

#[test]
fn sec_014_plaintext_leaves_this_machine_only_for_a_private_address_and_when_allowed() {
    for (url, by_default, when_allowed) in [
        ("wss://gateway.example", true, true),
        ("ws://127.0.0.1:1", true, true),
        ("ws://localhost:1", true, true),
        ("ws://192.168.7.7:1", false, true),
        ("ws://10.1.2.3:1", false, true),
        ("ws://172.16.0.1:1", false, true),
        ("ws://172.32.0.1:1", false, false),
        ("ws://169.254.1.1:1", false, true),
        ("ws://100.64.0.1:1", false, true),
        ("ws://100.128.0.1:1", false, false),
        ("ws://[fd00::1]:1", false, true),
        ("ws://[fe80::1]:1", false, true),
        ("ws://[::ffff:10.0.0.1]:1", false, true),
        ("ws://[2001:db8::1]:1", false, false),
        ("ws://203.0.113.9:1", false, false),
        ("ws://gateway.local:1", false, false),
        ("ws://10.0.0.1.evil.com:1", false, false),
    ] {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(endpoint.check_plaintext(false).is_ok(), by_default, "{url}");
        assert_eq!(endpoint.check_plaintext(true).is_ok(), when_allowed, "{url} when allowed");
    }
}

#[test]
fn sec_019_only_this_machine_and_a_pinned_certificate_are_trusted() {
    let pin = Fingerprint::of_der(b"certificate");
    assert!(Endpoint::parse("ws://127.0.0.1").unwrap().is_trusted());
    assert!(Endpoint::parse("wss://gateway.example").unwrap().with_pin(pin.clone()).is_trusted());
    assert!(!Endpoint::parse("wss://gateway.example").unwrap().is_trusted());
    assert!(!Endpoint::parse("ws://10.0.0.1").unwrap().with_pin(pin).is_trusted());
}

#[test]
fn a_pin_without_tls_is_an_error() {
    let endpoint = Endpoint::parse("ws://127.0.0.1").unwrap().with_pin(Fingerprint::of_der(b"x"));
    assert_eq!(endpoint.check_plaintext(true), Err(EndpointError::PinWithoutTls));
}

#[test]
fn an_address_is_shown_without_its_query() {
    let endpoint = Endpoint::parse(" WSS://Gateway.Example./a/b?token=s3cret ").unwrap();
    assert_eq!(endpoint.to_string(), "wss://gateway.example:443/a/b");
    assert_eq!(endpoint.url.path(), "/a/b?token=s3cret");
    assert_eq!(Endpoint::parse("ws://[::1]").unwrap().to_string(), "ws://[::1]:80");
}

#[test]
fn errors_say_what_is_wrong_and_repeat_no_secret() {
    let error = |url: &str| Endpoint::parse(url).unwrap_err().to_string();
    assert_eq!(error("http://h:1"), "a gateway address starts with ws:// or wss://, \"http://h:1\" does not");
    assert!(!error("https://user:s3cret@h/?token=s3cret").contains("s3cret"));
    assert_eq!(error("ws://h:0"), "\"0\" is not a port number (1 to 65535)");
    assert_eq!(error("ws://h:+80"), "\"+80\" is not a port number (1 to 65535)");
    assert_eq!(error("ws://"), "\"\" is neither a host name nor an IP address in its usual form");
}
