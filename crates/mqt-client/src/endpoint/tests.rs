use super::*;

fn parts(text: &str) -> (Scheme, String, u16) {
    let endpoint: Endpoint = text.parse().unwrap();
    (endpoint.scheme(), endpoint.host().to_owned(), endpoint.port())
}

// F-09: every way to write an address.
#[test]
fn all_forms_are_read() {
    for (text, scheme, host, port) in [
        ("broker", Scheme::Mqtt, "broker", 1883),
        ("broker:1884", Scheme::Mqtt, "broker", 1884),
        ("10.0.0.1:65535", Scheme::Mqtt, "10.0.0.1", 65535),
        ("::1", Scheme::Mqtt, "::1", 1883),
        ("::1:1884", Scheme::Mqtt, "::1:1884", 1883),
        ("[::1]", Scheme::Mqtt, "::1", 1883),
        ("[::1]:1884", Scheme::Mqtt, "::1", 1884),
        ("fe80::1%eth0", Scheme::Mqtt, "fe80::1%eth0", 1883),
        ("mqtt://[fe80::1%25eth0]:1", Scheme::Mqtt, "fe80::1%eth0", 1),
        ("mqtt://[fe80::1%eth0]", Scheme::Mqtt, "fe80::1%eth0", 1883),
        ("MQTT://h", Scheme::Mqtt, "h", 1883),
        ("mqtts://h", Scheme::Mqtts, "h", 8883),
        ("tcp://h", Scheme::Mqtt, "h", 1883),
        ("mqtt+tcp://h:1", Scheme::Mqtt, "h", 1),
        ("ssl://h", Scheme::Mqtts, "h", 8883),
        ("TLS://h", Scheme::Mqtts, "h", 8883),
        ("mqtt+ssl://h", Scheme::Mqtts, "h", 8883),
        ("mqtt+tls://h", Scheme::Mqtts, "h", 8883),
        ("mqtts://::1", Scheme::Mqtts, "::1", 8883),
        ("ws://h", Scheme::Ws, "h", 80),
        ("wss://h", Scheme::Wss, "h", 443),
        ("wss://[2001:db8::1]:9001/x", Scheme::Wss, "2001:db8::1", 9001),
        ("mqtt://user@h:7", Scheme::Mqtt, "h", 7),
    ] {
        assert_eq!(parts(text), (scheme, host.to_owned(), port), "{text}");
    }
}

#[test]
fn wrong_forms_are_named() {
    let error = |text: &str| text.parse::<Endpoint>().unwrap_err().to_string();
    for (text, expected) in [
        ("", "the host is empty"),
        (":1883", "the host is empty"),
        ("mqtt://", "the host is empty"),
        ("mqtt:///topic", "the host is empty"),
        ("http://h", "unknown scheme \"http\"; expected mqtt://"),
        ("udp://h", "unknown scheme \"udp\""),
        ("fe80::1", "fe80::1 is link-local and needs the interface behind it, as in fe80::1%eth0"),
        ("ws://[fe80::1]:80", "fe80::1 is link-local"),
        ("u:secret://h", "unknown scheme; expected"),
        ("h:0", "the port 0 is not"),
        ("h:65536", "the port \"65536\" is not"),
        ("h:", "the port \"\" is not"),
        ("h:+1", "the port \"+1\" is not"),
        ("h:mqtt", "the port \"mqtt\" is not"),
        ("[::1", "expected an IPv6 address in brackets"),
        ("[::1]1883", "expected an IPv6 address in brackets"),
        ("[h]:1883", "expected an IPv6 address in brackets"),
        ("a:b:c", "\"a:b:c\" is not a host"),
        ("a b", "\"a b\" is not a host"),
        ("fe80::1%", "\"fe80::1%\" is not a host"),
        ("h/topic", "a path needs a scheme"),
        ("mqtt://h?x=1", "'?' has no meaning"),
        ("mqtt://h#x", "'#' has no meaning"),
        ("ws://h/mqtt#x", "'#' has no meaning"),
        ("ws://h/m q", "must be percent-escaped"),
        ("unix://relative", "expected an absolute path"),
        ("unix:///a%zz", "wrong percent escape in the path"),
        ("mqtt://%zz@h", "wrong percent escape in the user name"),
        ("mqtt://%ff@h", "wrong percent escape in the user name"),
        ("mqtt://u:100%@h", "wrong percent escape in the password"),
    ] {
        assert!(error(text).contains(expected), "{text}: {}", error(text));
    }
}

#[test]
fn user_info_is_unescaped_and_kept_apart() {
    let endpoint: Endpoint = "mqtt://us%40er:p%3a%2Fw%25%ff@h:1".parse().unwrap();
    assert_eq!(endpoint.user_name(), Some("us@er"));
    assert_eq!(endpoint.password().unwrap().expose(), b"p:/w%\xff");
    let endpoint: Endpoint = "mqtt://u:a:b@c@h".parse().unwrap();
    assert_eq!(endpoint.password().unwrap().expose(), b"a:b@c");
    let endpoint: Endpoint = "mqtt://u:@h".parse().unwrap();
    assert_eq!(endpoint.password().unwrap().expose(), b"");
    let endpoint: Endpoint = "mqtt://u@h".parse().unwrap();
    assert!(endpoint.password().is_none());
}

#[test]
fn a_password_never_shows() {
    let endpoint: Endpoint = "wss://us%40er:canary@h:1/p?token=canary".parse().unwrap();
    assert_eq!(endpoint.to_string(), "wss://us%40er:***@h:1/p?***");
    assert_eq!(format!("{endpoint:?}"), "Endpoint(wss://us%40er:***@h:1/p?***)");
    assert_eq!(endpoint.http_path(), "/p?token=canary");
    for text in
        ["mqtt://u:canary/y@h", "mqtt://u:can?ary@h", "u:canary://h", "mqtt://u:canary%@h", "u:canary@"]
    {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn display_reads_back() {
    for text in ["mqtt://h", "mqtts://[::1]:1", "ws://h/x/y", "unix:///run/b.sock", "mqtt://u@h:9/a/b?c/#"] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
    }
}

#[test]
fn paths_go_where_the_scheme_says() {
    let endpoint: Endpoint = "mqtt://h/a/%20/#".parse().unwrap();
    assert_eq!(endpoint.topic(), Some("a/%20/#"));
    let endpoint: Endpoint = "mqtt://h/".parse().unwrap();
    assert_eq!(endpoint.topic(), None);
    let endpoint: Endpoint = "ws://h".parse().unwrap();
    assert_eq!((endpoint.http_path(), endpoint.topic()), ("/mqtt", None));
    let endpoint: Endpoint = "ws://h/".parse().unwrap();
    assert_eq!(endpoint.http_path(), "/");
    let endpoint: Endpoint = "ws://h?x".parse().unwrap();
    assert_eq!(endpoint.http_path(), "/?x");
    let endpoint = Endpoint::with_topic_url("ws://u:100%@h//lead/#").unwrap();
    assert_eq!((endpoint.http_path(), endpoint.topic()), ("/mqtt", Some("/lead/#")));
    assert_eq!(endpoint.password().unwrap().expose(), b"100%");
    let endpoint: Endpoint = "unix:///tmp/a%20b".parse().unwrap();
    assert_eq!(endpoint.socket_path(), Path::new("/tmp/a b"));
}

#[test]
fn listening_takes_any_port_and_any_host() {
    let address = |text: &str| Endpoint::listening(text).unwrap().address();
    assert_eq!(address("mqtt://127.0.0.1:0"), "127.0.0.1:0");
    assert_eq!(address(":1884"), "*:1884");
    assert_eq!(address("mqtts://*"), "*:8883");
    assert!("mqtt://h:0".parse::<Endpoint>().is_err());
}

#[test]
fn setters_override() {
    let endpoint: Endpoint = "mqtt://h".parse().unwrap();
    let endpoint = endpoint.with_tls(true).unwrap();
    assert_eq!(endpoint.address(), "h:8883");
    let endpoint = endpoint.with_websocket(true).unwrap().with_port(9001).with_host("[::1]").unwrap();
    assert_eq!((endpoint.scheme(), endpoint.address()), (Scheme::Wss, "[::1]:9001".to_owned()));
    let endpoint = endpoint.with_http_path("x").unwrap();
    assert_eq!(endpoint.http_path(), "/x");
    assert_eq!(Endpoint::unix("/s").with_tls(true), Err(EndpointError::UnixLayer));
    assert_eq!(Endpoint::unix("/s").with_host("h").unwrap().scheme(), Scheme::Mqtt);
    assert!(endpoint.with_host("a:b").is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..proptest::test_runner::Config::with_cases(5_000) })]

    #[test]
    fn what_is_accepted_says_itself_again(text in "(mqtts?|wss?|unix|tcp|ssl|x)?(://)?[a-z0-9:@/%\\[\\].#?+$é ]{0,24}") {
        // What may be a secret is shown as `***`, so an address that has it cannot be read back.
        if let Ok(endpoint) = text.parse::<Endpoint>()
            && endpoint.password().is_none()
            && !text.contains('?')
        {
            proptest::prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint), "{:?}", text);
        }
    }
}
