//! From typed lines, variables and profiles to settings: what wins, what goes together, what the defaults are.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use super::*;
use crate::cli::{Request, parse};
use mqt_client::{Attempts, ClientOptions, Endpoint, Family, PasswordSource, TlsVersion, VersionChoice};
use mqt_proto::{PropertyKind, QoS, RetainHandling, Version};

/// What a test's process is surrounded by.
#[derive(Default)]
struct Around {
    variables: Vec<(&'static str, &'static str)>,
    profile: Option<&'static str>,
    terminal: bool,
    stdin: &'static str,
}

enum Settings {
    Publish(Resolved<PublishSettings>),
    Subscribe(Resolved<SubscribeSettings>),
    Request(Resolved<RequestWork>),
    Broker(BrokerSettings),
}

/// Resolves a line; `_` in a word stands for a space.
fn resolve(line: &str, around: &Around) -> Result<Settings, Failure> {
    let dir = tempfile::tempdir().unwrap();
    if let Some(text) = around.profile {
        fs::create_dir(dir.path().join("mqt")).unwrap();
        fs::write(dir.path().join("mqt/config.toml"), text).unwrap();
    }
    let environment = Environment {
        variable: &|name| {
            around.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        },
        names: &Vec::new,
        config_dir: Some(dir.path().to_owned()),
        stderr_is_terminal: around.terminal,
        is_interactive: false,
        read_stdin: &|| Ok(around.stdin.into()),
        ask: &|prompt| Ok(format!("answer to {prompt}")),
        process_id: 42,
    };
    match parse(line.split(' ').map(|word| OsString::from(word.replace('_', " "))))? {
        Request::Publish(args) => publish(*args, &environment).map(Settings::Publish),
        Request::Subscribe(args) => subscribe(*args, &environment).map(Settings::Subscribe),
        Request::Request(args) => request(*args, &environment).map(Settings::Request),
        Request::Broker(args) => broker(*args, &environment).map(Settings::Broker),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn pub_settings(line: &str, around: &Around) -> PublishSettings {
    match resolve(&format!("mqt pub {line}"), around) {
        Ok(Settings::Publish(resolved)) => resolved.settings,
        Ok(_) => panic!("{line} is no publish"),
        Err(failure) => panic!("{line}: {failure}"),
    }
}

#[track_caller]
fn sub_settings(line: &str) -> SubscribeSettings {
    match resolve(&format!("mqt sub {line}"), &Around::default()) {
        Ok(Settings::Subscribe(resolved)) => resolved.settings,
        Ok(_) => panic!("{line} is no subscribe"),
        Err(failure) => panic!("{line}: {failure}"),
    }
}

#[track_caller]
fn broker_settings(line: &str) -> BrokerSettings {
    match resolve(line, &Around::default()) {
        Ok(Settings::Broker(settings)) => settings,
        Ok(_) => panic!("{line} is no broker"),
        Err(failure) => panic!("{line}: {failure}"),
    }
}

/// The client of `mqt pub -t a -n` and more.
#[track_caller]
fn client(more: &str) -> ClientOptions {
    client_in(more, &Around::default())
}

#[track_caller]
fn client_in(more: &str, around: &Around) -> ClientOptions {
    pub_settings(format!("-t a -n {more}").trim_end(), around).client
}

#[track_caller]
fn endpoint(more: &str) -> String {
    client(more).transport.endpoint.to_string()
}

fn password(client: &ClientOptions) -> Option<&[u8]> {
    match client.password.as_ref()? {
        PasswordSource::Fixed(secret) => Some(secret.expose()),
        PasswordSource::Command(_) | PasswordSource::File(_) => None,
    }
}

#[test]
fn the_defaults_are_those_of_the_help() {
    let client = client("");
    assert_eq!(client.transport.endpoint, Endpoint::default());
    assert_eq!((client.version, client.client_id), (VersionChoice::Auto, None));
    assert_eq!((client.clean_start, client.session_expiry, client.keep_alive), (true, 0, 60));
    assert_eq!((client.max_inflight, client.max_packet_size), (20, 268_435_460));
    assert_eq!(client.connect_timeout, Duration::from_secs(10));
    assert_eq!((client.first_connect, client.reconnect), (Attempts::AtMost(0), Attempts::Unlimited));
    assert_eq!((client.user_name, client.password, client.will), (None, None, None));
    let settings = pub_settings("-t a -n", &Around::default());
    assert_eq!((settings.qos, settings.retain, settings.repeat.get()), (QoS::AtMostOnce, false, 1));
    let settings = sub_settings("-t a");
    assert_eq!(
        (settings.output, settings.newline, settings.overflow),
        (OutputFormat::Payload, true, Overflow::Block)
    );
}

#[test]
fn a_broker_is_named_by_url_or_by_host_and_port() {
    for (more, expected) in [
        ("-h b", "mqtt://b"),
        ("-h ::1 -p 1884", "mqtt://[::1]:1884"),
        ("-L mqtts://b:8884", "mqtts://b:8884"),
        ("-L ws://b:8080/path", "ws://b:8080/path"),
        ("--unix /run/b.sock", "unix:///run/b.sock"),
        ("-h b --tls", "mqtts://b"),
        ("-h b --ws", "ws://b"),
        ("-h b --ws --tls --ws-path /x", "wss://b/x"),
        ("-h b --cafile ca.pem", "mqtts://b"),
        ("-h b --capath certs", "mqtts://b"),
        ("-h b --cert c.pem --key k.pem", "mqtts://b"),
        ("-h b --tls-use-os-certs", "mqtts://b"),
        ("-h b -p 8883", "mqtts://b:8883"),
    ] {
        assert_eq!(endpoint(more), expected, "{more}");
    }
}

#[test]
fn tls_and_transport_options_reach_the_transport() {
    let line = "--tls --cafile ca --capath dir --tls-use-os-certs --cert c --key k --tls-alpn mqtt \
                --crl revoked --tls-legacy --tls-version tlsv1.3 --tls-server-name n --insecure --tls-keylog log -A 127.0.0.1 -6 \
                --proxy socks5h://p -k 10"
        .replace("                ", "");
    let transport = client(&line).transport;
    let tls = transport.tls;
    assert_eq!(tls.ca_file.as_deref(), Some("ca".as_ref()));
    assert_eq!(tls.ca_path.as_deref(), Some("dir".as_ref()));
    assert_eq!((tls.cert.as_deref(), tls.key.as_deref()), (Some("c".as_ref()), Some("k".as_ref())));
    assert_eq!((tls.crl.as_deref(), tls.legacy), (Some("revoked".as_ref()), true));
    assert_eq!(client("--tls --cert c --key-command k").transport.tls.key_command.as_deref(), Some("k"));
    assert_eq!((tls.alpn, tls.version), (vec![b"mqtt".to_vec()], TlsVersion::Tls13));
    assert_eq!((tls.server_name.as_deref(), tls.insecure, tls.use_os_certs), (Some("n"), true, true));
    assert_eq!(tls.key_log.as_deref(), Some("log".as_ref()));
    assert_eq!((transport.bind.as_deref(), transport.family), (Some("127.0.0.1"), Some(Family::V6)));
    assert_eq!(transport.proxy.map(|proxy| proxy.to_string()).as_deref(), Some("socks5h://p:1080"));
    assert_eq!(transport.user_timeout, Some(Duration::from_secs(10)));
    let headers = client("-L ws://b --ws-header A:_b --ws-header C:_d").transport.ws_headers;
    assert_eq!(headers.len(), 2);
}

#[test]
fn session_options_reach_the_client() {
    let client_id = |more| client(more).client_id.map(|id| id.to_string());
    assert_eq!(client_id("-i me"), Some("me".to_owned()));
    assert_eq!(client_id("-I me-"), Some("me-42".to_owned()));
    let persistent = client("-i me -c");
    assert_eq!((persistent.clean_start, persistent.session_expiry), (false, u32::MAX));
    assert_eq!(persistent.version, VersionChoice::Auto);
    let expiring = client("-i me -c -x 1h -k 0 -M 5 --max-message 1k --connect-timeout 500ms");
    assert_eq!((expiring.session_expiry, expiring.keep_alive), (3600, 0));
    assert_eq!((expiring.max_inflight, expiring.max_packet_size), (5, 1024));
    assert_eq!(expiring.connect_timeout, Duration::from_millis(500));
    assert_eq!(expiring.transport.user_timeout, None);
}

#[test]
fn tries_hold_for_first_connect_and_reconnect() {
    let tries = |more| {
        let client = client(more);
        (client.first_connect, client.reconnect)
    };
    let (none, two, endless) = (Attempts::AtMost(0), Attempts::AtMost(2), Attempts::Unlimited);
    assert_eq!(tries("--retry"), (endless, endless));
    assert_eq!(tries("--retry=2"), (two, two));
    assert_eq!(tries("--no-reconnect"), (none, none));
    assert_eq!(tries("--retry=2 --no-reconnect"), (two, none));
}

#[test]
fn what_only_mqtt_5_has_makes_the_version_5() {
    let five = VersionChoice::Only(Version::V5);
    for more in ["-x 5", "-D publish topic-alias 1", "-P secret", "-q 1 --require-subscriber", "-V 5"] {
        assert_eq!(client(more).version, five, "{more}");
    }
    for more in ["--no-local", "--retain-as-published", "--retain-handling new", "--subscription-id 3"] {
        assert_eq!(sub_settings(&format!("-t a {more}")).client.version, five, "{more}");
    }
    assert_eq!(sub_settings("-t a -R").client.version, VersionChoice::Auto);
    assert_eq!(client("-V 311 -u me -P secret").version, VersionChoice::Only(Version::V311));
}

#[test]
fn properties_reach_their_packets() {
    let settings = pub_settings(
        "-t a -n -D connect user-property a b -D publish content-type x -D publish user-property k v \
         -D disconnect reason-string bye -D will will-delay-interval 5 --will-topic w --will-payload gone \
         --will-qos 1 --will-retain"
            .replace("         ", "")
            .as_str(),
        &Around::default(),
    );
    assert_eq!((settings.properties.len(), settings.client.connect_properties.len()), (2, 1));
    assert!(settings.client.disconnect_properties.contains(PropertyKind::ReasonString));
    let will = settings.client.will.unwrap().message;
    assert_eq!(
        (&*will.topic, &*will.payload, will.qos, will.retain),
        ("w", &b"gone"[..], QoS::AtLeastOnce, true)
    );
    assert_eq!(will.properties.will_delay_interval(), Some(&5));
    let settings = sub_settings(
        "-t a -U b -D subscribe user-property k v -D unsubscribe user-property k v --subscription-id 7",
    );
    assert_eq!(settings.subscribe_properties.subscription_identifier(), Some(&7));
    assert_eq!((settings.subscribe_properties.len(), settings.unsubscribe_properties.len()), (2, 1));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_profile() {
    let around = Around {
        variables: vec![("MQT_HOST", "variable"), ("MQT_KEEPALIVE", "20")],
        profile: Some(
            "[profile.default]\nhost = \"profile\"\nkeepalive = 30\nid = \"me\"\nmax-inflight = 3\n",
        ),
        ..Around::default()
    };
    let got = client_in("-h flag", &around);
    assert_eq!(got.transport.endpoint.host(), "flag");
    assert_eq!((got.keep_alive, got.client_id.as_deref(), got.max_inflight), (20, Some("me"), 3));
    assert_eq!(client_in("", &around).transport.endpoint.host(), "variable");
}

#[test]
fn a_named_profile_takes_the_place_of_the_default_one() {
    const TEXT: &str =
        "[profile.default]\nhost = \"a\"\n[profile.b]\nhost = \"b\"\n[profile.c]\nhost = \"c\"\n";
    let around = |variables| Around { variables, profile: Some(TEXT), ..Around::default() };
    let host = |more: &str, around: &Around| client_in(more, around).transport.endpoint.host().to_owned();
    assert_eq!(host("", &around(vec![])), "a");
    assert_eq!(host("--profile b", &around(vec![("MQT_PROFILE", "c")])), "b");
    assert_eq!(host("", &around(vec![("MQT_PROFILE", "c")])), "c");
    let failure = resolve("mqt pub -t a -n --profile x", &around(vec![])).err().unwrap();
    assert_eq!(failure.keyword, "config");
}

#[test]
fn options_are_laid_onto_the_url_of_a_lower_layer() {
    let profile = |text| Around { profile: Some(text), ..Around::default() };
    let plain = profile("[profile.default]\nurl = \"mqtt://me:secret@b:1883\"\n");
    let variable = Around { variables: vec![("MQT_URL", "mqtt://me:secret@b:1883")], ..Around::default() };
    for around in [&plain, &variable] {
        for (more, expected) in [
            ("-p 1884", "mqtt://me:***@b:1884"),
            ("-p 1884 --tls", "mqtts://me:***@b:1884"),
            ("--cafile ca.pem", "mqtts://me:***@b:1883"),
            ("--ws --ws-path /x", "ws://me:***@b:1883/x"),
            ("-h c", "mqtt://c"),
            ("-h c -p 1884", "mqtt://c:1884"),
            ("--unix /s", "unix:///s"),
            ("-L mqtts://c", "mqtts://c"),
        ] {
            assert_eq!(client_in(more, around).transport.endpoint.to_string(), expected, "{more}");
        }
        let got = client_in("-p 1884", around);
        assert_eq!((got.user_name.as_deref(), password(&got)), (Some("me"), Some(&b"secret"[..])));
    }
    let three = Around { variables: vec![("MQT_TLS", "true")], ..plain };
    assert_eq!(client_in("-p 1", &three).transport.endpoint.to_string(), "mqtts://me:***@b:1");
}

#[test]
fn a_host_with_a_port_leads_to_p() {
    let hints = |line| resolve(line, &Around::default()).err().unwrap().hints;
    assert_eq!(hints("mqt pub -t a -n -h localhost:1884"), ["write -h localhost -p 1884"]);
    assert!(hints("mqt pub -t a -n -h localhost:x").is_empty());
}

#[test]
fn what_contradicts_itself_in_one_layer_is_an_error_that_names_it() {
    let variables =
        Around { variables: vec![("MQT_URL", "mqtt://b"), ("MQT_PORT", "1")], ..Around::default() };
    let profile =
        Around { profile: Some("[profile.default]\nurl = \"mqtt://b\"\nport = 1\n"), ..Around::default() };
    for (around, place) in [(&variables, "variables MQT_…: --url"), (&profile, "profile: --url")] {
        let failure = resolve("mqt pub -t a -n", around).err().unwrap();
        assert!(failure.what.starts_with(&format!("{place} does not go with --host, --port")), "{failure}");
    }
    let url = Around { variables: vec![("MQT_URL", "mqtt://b")], ..Around::default() };
    let failure = resolve("mqt pub -t a -n -S -p 1", &url).err().unwrap();
    assert!(failure.what.starts_with("--srv does not go with --port"), "{failure}");
}

#[test]
fn an_empty_variable_is_no_variable() {
    let around = Around { variables: vec![("MQT_URL", ""), ("MQT_PORT", "")], ..Around::default() };
    assert_eq!(client_in("", &around).transport.endpoint, Endpoint::default());
}

#[test]
fn passwords_come_from_where_they_are_said_to() {
    let around = Around {
        variables: vec![("MQT_PASSWORD", "variable")],
        stdin: "stdin\n",
        terminal: true,
        profile: None,
    };
    let get = |more| client_in(&format!("-u me {more}"), &around);
    assert_eq!(password(&get("")), Some(&b"variable"[..]));
    assert_eq!(password(&get("-P flag")), Some(&b"flag"[..]));
    assert_eq!(password(&get("--password-stdin")), Some(&b"stdin"[..]));
    assert_eq!(password(&get("--password-prompt")), Some(&b"answer to Password: "[..]));
    assert_eq!(
        get("--password-command token_--new").password,
        Some(PasswordSource::Command("token --new".to_owned()))
    );
    // The URL is typed, so its password is too.
    assert_eq!(password(&client_in("-L mqtt://url:secret@b", &around)), Some(&b"secret"[..]));
}

#[test]
fn odd_topics_are_told_of_on_a_terminal() {
    let told = |line: &str, terminal: bool| {
        let around = Around { terminal, ..Around::default() };
        match resolve(line, &around).unwrap() {
            Settings::Publish(resolved) => resolved.warnings,
            Settings::Subscribe(resolved) => resolved.warnings,
            _ => panic!("{line}"),
        }
    };
    for (line, text) in [
        ("mqt sub /#", "write '$SYS/#'"),
        ("mqt sub -t a/*", "* is not an MQTT wildcard"),
        ("mqt pub -t 'a' -m x", "the quotes are part of the topic; write a"),
    ] {
        let warnings = told(line, true);
        assert!(
            matches!(&warnings[..], [one] if one.keyword == "topic" && one.text.contains(text)),
            "{line}"
        );
        assert_eq!(told(line, false), [], "{line}");
    }
    assert_eq!(told("mqt sub a/#", true), []);
}

#[test]
fn a_url_in_place_of_a_host_leads_to_the_option_for_it() {
    for (host, hint) in [("ws://h/x", "write -L ws://h/x"), ("mqtt://me:secret@h", "write -L mqtt://…")] {
        let Err(failure) = resolve(&format!("mqt sub -t a -h {host}"), &Around::default()) else {
            panic!("{host}");
        };
        assert_eq!(failure.what, "--host is a name or an address, and a URL is given with -L");
        assert_eq!(failure.hints, [hint]);
    }
    let Err(failure) = resolve("mqt sub -t a -h fe80::1", &Around::default()) else { panic!("taken") };
    assert_eq!(
        failure.what,
        "--host: fe80::1 is link-local and needs the interface behind it, as in fe80::1%eth0"
    );
    assert_eq!(failure.hints, [""; 0]);
}

#[test]
fn the_password_of_a_url_belongs_to_its_user_name() {
    let none = Around::default();
    let got = client_in("-L mqtt://url:secret@b", &none);
    assert_eq!((got.user_name.as_deref(), password(&got)), (Some("url"), Some(&b"secret"[..])));
    let got = client_in("-L mqtt://url:secret@b -u me -P other", &none);
    assert_eq!((got.user_name.as_deref(), password(&got)), (Some("me"), Some(&b"other"[..])));
    let got = client_in("-L mqtt://url:secret@b -u me", &none);
    assert_eq!((got.user_name.as_deref(), password(&got)), (Some("me"), None));
}

#[test]
fn a_typed_password_is_warned_about_on_a_terminal_only() {
    for (terminal, expected) in [(true, 1), (false, 0)] {
        let around = Around { terminal, ..Around::default() };
        match resolve("mqt pub -t a -n -u me -P x", &around) {
            Ok(Settings::Publish(resolved)) => assert_eq!(resolved.warnings.len(), expected),
            _ => panic!("no settings"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_password_file_for_everybody_is_warned_about_once_on_a_terminal() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let line = format!(
        "mqt pub -t a -n -u me --password-file {path} --tls --cert c --key k --key-password-file {path}"
    );
    for (mode, terminal, expected) in [(0o644, true, 1), (0o640, true, 0), (0o644, false, 0)] {
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let around = Around { terminal, ..Around::default() };
        let Ok(Settings::Publish(resolved)) = resolve(&line, &around) else { panic!("no settings") };
        assert_eq!(resolved.warnings.len(), expected, "{mode:o} {:?}", resolved.warnings);
        for warning in resolved.warnings {
            assert_eq!(warning.keyword, "password-perms");
            assert!(warning.text.contains("is mode 0644: everybody on this machine"), "{}", warning.text);
        }
    }
}

#[test]
fn the_password_of_a_key_is_asked_for_where_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, label: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n")).unwrap();
        path.display().to_string()
    };
    let encrypted = write("encrypted", "ENCRYPTED PRIVATE KEY");
    let plain = write("plain", "PRIVATE KEY");
    let password = folder.path().join("password");
    fs::write(&password, "secret\r\n").unwrap();
    let get = |terminal, more: &str| {
        let around = Around { terminal, ..Around::default() };
        let tls = client_in(&format!("--tls --cert c {more}"), &around).transport.tls;
        tls.key_password.map(|password| String::from_utf8(password.expose().to_vec()).unwrap())
    };
    let asked = format!("answer to Password of {encrypted}: ");
    assert_eq!(get(true, &format!("--key {encrypted}")), Some(asked));
    assert_eq!(get(false, &format!("--key {encrypted}")), None);
    assert_eq!(get(true, &format!("--key {plain}")), None);
    let file = format!("--key-password-file {}", password.display());
    assert_eq!(get(true, &format!("--key {encrypted} {file}")).as_deref(), Some("secret"));
    assert_eq!(get(false, &format!("--key-command x {file}")).as_deref(), Some("secret"));
}

#[test]
fn control_characters_in_topics_are_warned_about() {
    match resolve("mqt sub -t a\u{7}b", &Around::default()) {
        Ok(Settings::Subscribe(resolved)) => {
            assert_eq!(resolved.warnings.len(), 1);
            assert!(!resolved.warnings[0].text.contains('\u{7}'));
        }
        _ => panic!("no settings"),
    }
}

#[test]
fn each_source_of_messages_has_its_option() {
    let source = |line: &str| pub_settings(line, &Around::default()).source;
    assert_eq!(source("-t a -m x"), MessageSource::Message("x".into()));
    assert_eq!(source("-t a -f x"), MessageSource::File("x".into()));
    assert_eq!(source("-t a -s"), MessageSource::StdinWhole);
    let crlf = cfg!(windows);
    assert_eq!(source("-t a -l"), MessageSource::Lines { delimiter: b'\n', crlf });
    assert_eq!(source("-t a -l --crlf"), MessageSource::Lines { delimiter: b'\n', crlf: true });
    assert_eq!(source("-t a -0"), MessageSource::Lines { delimiter: 0, crlf: false });
    assert_eq!(source("--split-topic"), MessageSource::Lines { delimiter: b'\n', crlf });
    assert_eq!(source("--json"), MessageSource::JsonLines);
    assert_eq!(source("-t a -n"), MessageSource::Null);
}

#[test]
fn the_path_of_a_url_is_a_topic() {
    let settings = pub_settings("-L mqtt://b/home/lamp -n", &Around::default());
    assert_eq!(settings.topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["home/lamp"]);
    let settings = sub_settings("-L mqtt://b/home/lamp -t x/#");
    assert_eq!(settings.subscriptions.len(), 2);
}

#[test]
fn subscriptions_carry_their_options() {
    let settings = sub_settings("-t a -t b -q 2 --no-local --retain-as-published --retain-handling new");
    for subscription in &settings.subscriptions {
        assert_eq!(subscription.qos, QoS::ExactlyOnce);
        assert!(subscription.no_local && subscription.retain_as_published);
        assert_eq!(subscription.retain_handling, RetainHandling::New);
    }
    let settings = sub_settings("-t a -R");
    assert_eq!(settings.subscriptions[0].retain_handling, RetainHandling::Never);
    assert_eq!(settings.retained, RetainedChoice::Hide);
    let settings = sub_settings("-t a -C 3 -W 2 --idle 500ms --strict --raw --buffer --overflow drop-old -N");
    assert_eq!(settings.count.map(std::num::NonZero::get), Some(3));
    assert_eq!(
        (settings.timeout, settings.idle),
        (Some(Duration::from_secs(2)), Some(Duration::from_millis(500)))
    );
    assert!(settings.strict && settings.raw && settings.buffer && !settings.newline);
    assert_eq!(settings.overflow, Overflow::DropOld);
    assert_eq!(settings.max_memory, None);
    assert_eq!(sub_settings("-t a --max-memory 16MiB").max_memory, Some(16 << 20));
    assert_eq!(sub_settings("-t a --max-memory 0").max_memory, Some(64 << 10), "less is of no use");
    assert_eq!(sub_settings("-t a -v").output, OutputFormat::Verbose { null: false });
    assert_eq!(sub_settings("-t a --json --pretty").output, OutputFormat::Json { pretty: true });
    assert_eq!(
        sub_settings("-t a -F %p").output,
        OutputFormat::Template { format: "%p".to_owned(), pretty: false }
    );
}

#[test]
fn a_broker_beside_the_command_hears_where_the_client_connects() {
    let around = Around {
        variables: vec![("MQT_URL", "mqtts://prod.example"), ("MQT_PASSWORD", "secret")],
        ..Around::default()
    };
    let listens = |line: &str| {
        let settings = pub_settings(&format!("-t a -n --with-broker {line}"), &around);
        assert_eq!(settings.client.password, None);
        assert!(settings.with_broker.as_ref().unwrap().clients_go_elsewhere);
        let listen = settings.with_broker.unwrap().listen;
        listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listens("-d"), "mqtt://127.0.0.1");
    assert_eq!(listens("-p 0"), "mqtt://127.0.0.1:0");
    assert_eq!(listens("-h ::1 -p 1884"), "mqtt://[::1]:1884");
    assert_eq!(listens("-L ws://127.0.0.1:8080"), "ws://127.0.0.1:8080");
}

#[test]
fn who_is_told_what_to_type_is_told_the_address_when_variables_or_a_profile_lead_elsewhere() {
    let told = |around: &Around| {
        let beside = pub_settings("-t a -n --with-broker", around).with_broker.unwrap().clients_go_elsewhere;
        let Ok(Settings::Broker(alone)) = resolve("mqt broker", around) else { panic!("no broker") };
        assert_eq!(alone.clients_go_elsewhere, beside);
        beside
    };
    assert!(!told(&Around::default()));
    assert!(!told(&Around { variables: vec![("MQT_ID", "me")], ..Around::default() }));
    assert!(told(&Around { variables: vec![("MQT_HOST", "prod.example")], ..Around::default() }));
    assert!(told(&Around { variables: vec![("MQT_TLS", "true")], ..Around::default() }));
    assert!(told(&Around { profile: Some("[profile.default]\nport = 1884\n"), ..Around::default() }));
}

#[test]
fn a_broker_listens_where_it_is_told_and_on_this_machine_by_itself() {
    let listens = |line: &str| {
        let listen = broker_settings(line).listen;
        listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listens("mqt broker"), "mqtt://127.0.0.1:1883");
    assert_eq!(listens("mqt broker -p 0 --ws-port 0"), "mqtt://127.0.0.1:0 ws://127.0.0.1:0");
    assert_eq!(listens("mqt broker --listen ws://127.0.0.1:0"), "ws://127.0.0.1:0");
    assert_eq!(listens("mqt broker --unix /run/b.sock"), "unix:///run/b.sock");
    assert_eq!(
        listens("mqt broker -p 1 --tls-port 2 --wss-port 3 --cert c --key k"),
        "mqtt://127.0.0.1:1 mqtts://127.0.0.1:2 wss://127.0.0.1:3"
    );
    let open = broker_settings("mqt broker --bind 0.0.0.0 --password-file users");
    assert!(!open.anonymous && open.password_file.is_some());
    assert!(broker_settings("mqt broker --bind :: --allow-anonymous").anonymous);
}

#[test]
fn a_command_has_a_time_limit_unless_it_is_0() {
    for (line, limit) in [
        ("", Some(Duration::from_secs(30))),
        (" --exec-timeout 2m", Some(Duration::from_secs(120))),
        (" --exec-timeout 0", None),
    ] {
        let resolved = resolve(&format!("mqt rr -t a --serve --exec x{line}"), &Around::default());
        let Ok(Settings::Request(Resolved { settings: RequestWork::Serve(settings), .. })) = resolved else {
            panic!("{line} serves nothing")
        };
        assert_eq!(settings.command_timeout, limit, "{line}");
    }
}

#[test]
fn a_request_has_a_response_topic_of_its_own_unless_one_is_given() {
    let asked = |line: &str| match resolve(format!("mqt rr -t a -n {line}").trim_end(), &Around::default()) {
        Ok(Settings::Request(resolved)) => match resolved.settings {
            RequestWork::Ask(settings) => *settings,
            RequestWork::Serve(_) => panic!("{line} serves"),
        },
        Ok(_) => panic!("{line} is no request"),
        Err(failure) => panic!("{line}: {failure}"),
    };
    let own = asked("");
    assert_eq!(own.client.version, VersionChoice::Only(Version::V5));
    let topic = own.properties.response_topic().unwrap();
    assert!(topic.starts_with("mqt/rr/") && **topic == *own.subscription.filter, "{topic}");
    assert_ne!(asked("").subscription.filter, own.subscription.filter);
    let given = asked("-e b -q 1 -R");
    assert_eq!(given.client.version, VersionChoice::Auto);
    assert_eq!((&*given.subscription.filter, given.subscription.qos), ("b", QoS::AtLeastOnce));
    assert_eq!(given.subscription.retain_handling, RetainHandling::Never);
    let wild = resolve("mqt rr -t a/# -n", &Around::default());
    assert!(wild.is_err_and(|failure| failure.keyword == "topic"));
    let old = asked("-e b -V 3.1.1 -R");
    assert!(old.properties.is_empty());
    // MQTT 3 cannot be asked for that.
    assert_eq!(old.subscription.retain_handling, RetainHandling::Always);
    assert!(old.hide_retained);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    for (line, expected) in [
        ("pub -t a -n -L mqtt://b -h c", "--url does not go with --host"),
        ("pub -t a -n -L mqtt://b -p 1", "--url does not go with --host, --port"),
        ("pub -t a -n -L mqtt://b --tls", "--url does not go with --tls"),
        ("rr -n", "no topic is given"),
        ("rr -t a", "no request is given"),
        ("rr -t a -t b -n", "a request goes to one topic"),
        ("rr -t a -n -V 3.1.1", "a request without a response topic (-e) needs MQTT 5"),
        ("rr -t a -n -e b -D publish response-topic c", "the response topic is given twice"),
        ("rr -t a -n -C 2 -D publish correlation-data c", "one correlation-data cannot tell"),
        (
            "rr -t a --serve --exec x -D publish correlation-data c",
            "an answer has the correlation data of its",
        ),
        ("rr -t a -n -v -F x", "-v does not go with -F"),
        ("pub -t a -n -S -p 1", "--srv does not go with --port"),
        ("pub -t a -n -L mqtts://b --no-tls", "--no-tls does not go with a URL that says TLS"),
        ("pub -t a -n --tls --psk 00", "--psk is not available"),
        ("pub -t a -n --tls --keyform der", "--keyform is pem or engine"),
        ("pub -t a -n -L mqtt://b --ws", "--url does not go with --tls, --ws"),
        ("pub -t a -n --unix /s -p 1", "--unix does not go with"),
        ("pub -t a -n --ws-path /x", "--ws-path needs --ws"),
        ("pub -t a -n -p 0", "a broker cannot be reached at port 0"),
        ("pub -t a -n -4 -6", "does not go with --ipv6"),
        ("pub -t a -n --cert c", "--cert and --key go together"),
        ("pub -t a -n -i a -I b", "does not go with"),
        ("pub -t a -n -c", "-c needs a client identifier"),
        ("pub -t a -n -c -I x", "-c needs a client identifier"),
        ("pub -t a -n -x 5 -D connect session-expiry-interval 5", "-x says the same"),
        ("pub -t a -n --max-message 5 -D connect maximum-packet-size 5", "--max-message says the same"),
        ("pub -t a -n -D connect authentication-data x", "needs authentication-method"),
        ("pub -t a -n -D disconnect session-expiry-interval 5", "cannot be given another expiry"),
        ("pub -t a -n --will-payload x", "a will is given without a topic"),
        ("pub -t a -n -D will content-type x", "a will is given without a topic"),
        (
            "pub -t a -n -D connect receive-maximum 1 -D connect receive-maximum 2",
            "is given twice for connect",
        ),
        ("pub -t a -n -D publish topic-alias 1 -D publish topic-alias 2", "is given twice for publish"),
        ("pub -t a -n -D subscribe user-property a b", "`mqt pub` sends no such packet"),
        ("sub -t a -D publish user-property a b", "`mqt sub` sends no such packet"),
        ("pub -t a -n -L mqtt://b --cafile x", "TLS options are given for a connection without TLS"),
        ("pub -t a -n --insecure", "TLS options are given for a connection without TLS"),
        ("pub -t a -n --ws-header A:b", "--ws-header is given for a connection without WebSocket"),
        ("pub -t a -n -L unix:///s --proxy http://p", "--proxy is given for a unix socket"),
        ("pub -t a -n -V 3.1.1 -x 5", "a session expiry (-x) needs MQTT 5, and -V says 3.1.1"),
        ("pub -t a -n -V 31 -D publish topic-alias 1", "a property (-D) needs MQTT 5, and -V says 3.1"),
        ("sub -t a -V 311 --no-local", "--no-local needs MQTT 5"),
        ("pub -t a -n -V 3.1.1 -P x", "a password without a user name needs MQTT 5"),
        ("pub -t a -n -P x --password-file y", "the password is given in more than one way"),
        ("pub -t a", "nothing to publish is given"),
        ("pub -n", "no topic is given"),
        ("pub -L mqtt://b/t -l --split-topic", "--split-topic does not go with a topic"),
        ("pub -t a -m x --crlf", "does not go with"),
        ("pub -t a -m x --on-error skip", "--on-error is for messages from standard input"),
        ("pub -t a -l --password-stdin", "standard input cannot be the password and the messages"),
        ("pub -t a -n --require-subscriber", "--require-subscriber needs -q 1 or -q 2"),
        ("pub -t a -t b -n -D publish topic-alias 1", "topic-alias stands for one topic"),
        ("pub -t a -l --repeat 2", "does not go with"),
        ("pub -t a -n --repeat-delay 2", "--repeat is missing"),
        ("pub -t a -m x --replay f", "--replay needs --json"),
        ("pub -t a --replay f", "--replay needs --json"),
        ("rr -t a -m x --exec c", "--exec needs --serve"),
        ("rr -t a --exec c", "--exec needs --serve"),
        ("rr -t a -m x --exec c --exec-timeout 1", "--exec needs --serve"),
        ("rr -t a -m x --exec-timeout 1", "--exec is missing"),
        ("rr -t a -m x --parallel 2", "--parallel needs --serve"),
        ("rr -t a -m x --on-failure y", "--exec is missing"),
        ("rr -t a --serve --exec c --retained-answers", "--serve does not go with --retained-answers"),
        ("rr -t a -m x -R --retained-answers", "does not go with"),
        ("rr -t a -m x --retain-handling new", "a retained message is not an answer"),
        ("rr -t a --serve --exec c --max-memory 1M", "--max-memory is for answers that wait to be printed"),
        ("rr -t a --serve --exec c -m x", "--serve does not go with --message"),
        ("rr -t a --serve --exec c -s", "--serve does not go with --stdin-file"),
        ("pub -t a -n --with-broker -h prod.example", "--with-broker starts a broker on this machine"),
        ("pub -t a -n --with-broker --tls", "--with-broker has no certificate"),
        ("sub", "no topic filter is given"),
        (
            "sub -t a --subscription-id 1 -D subscribe subscription-identifier 2",
            "--subscription-id says the same",
        ),
        ("sub -t $share/g/a --no-local", "--no-local does not go with shared subscriptions"),
        ("sub -t a --pretty", "--pretty needs --json or -F"),
        ("sub -t a -v -F %p", "-v does not go with -F"),
        ("sub -t a -E -C 1", "-E does not wait for messages"),
        ("sub -t a -R --retained-only", "does not go with"),
        ("broker --tls-port 1", "--cert is missing"),
        ("broker --listen mqtts://127.0.0.1:1", "a TLS listener needs --cert and --key"),
        ("broker --cert c --key k", "no listener has TLS"),
    ] {
        let failure = resolve(&format!("mqt {line}"), &Around::default())
            .err()
            .unwrap_or_else(|| panic!("{line} is fine"));
        assert!(failure.what.contains(expected), "{line}: {}", failure.what);
        assert_eq!((failure.kind.code(), failure.keyword), (1, "usage"), "{line}");
    }
}

#[test]
fn options_of_a_profile_wait_for_a_connection_that_has_them() {
    let around = Around {
        profile: Some("[profile.default]\ncafile = \"ca.pem\"\nws-header = \"A: b\"\n"),
        ..Around::default()
    };
    let got = client_in("-L mqtt://b", &around).transport;
    assert_eq!((got.tls.ca_file, got.ws_headers.len()), (None, 0));
    assert!(client_in("-L mqtts://b", &around).transport.tls.ca_file.is_some());
}

#[test]
fn secrets_do_not_show_in_settings() {
    let line = "mqt pub -t a -n -u me -P hunter2 -L ws://b --ws-header A:_hunter2 --proxy http://u:hunter2@p";
    let around = Around { variables: vec![("MQT_PASSWORD", "hunter2")], ..Around::default() };
    match resolve(line, &around) {
        Ok(Settings::Publish(resolved)) => assert!(!format!("{resolved:?}").contains("hunter2")),
        _ => panic!("no settings"),
    }
}
