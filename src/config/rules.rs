//! Which options go together: every rule that looks at more than one of them.

use crate::cli::connection::{ConnectionArgs, TlsArgs, WillArgs};
use crate::cli::property::{PlacedProperty, properties_of};
use crate::cli::values::RetainChoice;
use crate::cli::{BrokerArgs, PublishArgs, RequestArgs, SubscribeArgs};
use crate::error::Failure;
use mqt_client::{Endpoint, Scheme, VersionChoice};
use mqt_proto::{MAX_STRING_LENGTH, Place, PropertyKind, QoS, Version};

/// A rule: it is broken, what to say then, and what to type instead.
type Rule = (bool, &'static str, &'static str);

fn hold(rules: &[Rule]) -> Result<(), Failure> {
    match rules.iter().find(|(broken, _, _)| *broken) {
        Some((_, what, "")) => Err(Failure::usage(*what)),
        Some((_, what, hint)) => Err(Failure::usage(*what).hint(*hint)),
        None => Ok(()),
    }
}

/// What is in one layer: two places of the broker or two sources of a password in a layer are a mistake, in two
/// layers one wins.
pub(super) fn check_layer(args: &ConnectionArgs) -> Result<(), Failure> {
    let (server, tls, login) = (&args.server, &args.tls, &args.login);
    let layers = server.ws == Some(true) || tls.tls == Some(true);
    let sources = [
        login.password.is_some(),
        login.password_file.is_some(),
        login.password_command.is_some(),
        login.password_stdin == Some(true),
        login.password_prompt == Some(true),
    ];
    hold(&[
        (
            sources.iter().filter(|given| **given).count() > 1,
            "the password is given in more than one way",
            "use one of -P, --password-file, --password-command, --password-stdin, --password-prompt",
        ),
        (
            server.srv == Some(true)
                && (server.proxy.is_some() || server.unix.is_some() || server.port.is_some()),
            "--srv does not go with --port, --proxy and --unix: the records of the domain say host and port",
            "",
        ),
        (
            server.url.is_some() && (server.host.is_some() || server.port.is_some() || server.unix.is_some()),
            "--url does not go with --host, --port and --unix: the URL says it all",
            "write the port into the URL, as in mqtt://HOST:1884",
        ),
        (
            server.url.is_some() && (layers || server.ws_path.is_some()),
            "--url does not go with --tls, --ws and --ws-path: its scheme says it all",
            "write mqtts://HOST, ws://HOST/PATH or wss://HOST/PATH",
        ),
        (
            tls.no_tls == Some(true) && server.url.as_ref().is_some_and(|url| url.scheme().is_tls()),
            "--no-tls does not go with a URL that says TLS",
            "write mqtt://HOST or ws://HOST/PATH",
        ),
    ])
}

/// What mosquitto's TLS library has and ours has not.
pub(super) fn check_served(tls: &TlsArgs) -> Result<(), Failure> {
    const INSTEAD: &str = "give client and broker certificates (--cafile, --cert and --key), or pin the broker's \
                           self-signed one with --tls-pin";
    const KEY: &str = "export the key into a PEM file that only you can read, and name it with --key";
    let engine = tls.tls_engine.is_some() || tls.tls_engine_kpass_sha1.is_some();
    hold(&[
        (
            tls.psk.is_some() || tls.psk_identity.is_some(),
            "--psk is not available: the TLS library of mqt, rustls, has no pre-shared keys",
            INSTEAD,
        ),
        (engine, "--tls-engine is not available: the TLS library of mqt, rustls, has no engines", KEY),
        (
            tls.keyform.as_deref().is_some_and(|form| form == "engine"),
            "--keyform engine is not available: the TLS library of mqt, rustls, has no engines",
            KEY,
        ),
        (
            tls.keyform.as_deref().is_some_and(|form| !matches!(form, "pem" | "engine")),
            "--keyform is pem or engine",
            "",
        ),
    ])
    .map_err(|failure| {
        let text = if tls.keyform.as_deref().is_some_and(|form| !matches!(form, "pem" | "engine")) {
            "Error: Problem setting key form, it must be one of 'pem' or 'engine'.".to_owned()
        } else {
            format!("Error: {}.\nInstead: {}.", failure.what, failure.hints.join("; "))
        };
        failure.mosquitto_text(text)
    })
}

/// The connection options, all layers together.
pub(super) fn check_connection(args: &ConnectionArgs) -> Result<(), Failure> {
    let (server, tls, session, will) = (&args.server, &args.tls, &args.session, &args.will);
    let layers = server.ws == Some(true) || tls.tls == Some(true);
    let given = |kind| has(&session.property, Place::Connect, kind);
    let too_long = |text: Option<&String>| text.is_some_and(|text| text.len() > MAX_STRING_LENGTH);
    let has_nul = |text: Option<&String>| text.is_some_and(|text| text.contains('\0'));
    let never_found_again = session.id.as_deref().unwrap_or_default().is_empty();
    hold(&[
        (
            server.unix.is_some()
                && (server.host.is_some() || server.port.is_some() || layers || server.proxy.is_some()),
            "--unix does not go with --host, --port, --tls, --ws and --proxy",
            "",
        ),
        (
            server.ws_path.is_some()
                && server.ws != Some(true)
                && !server.url.as_ref().is_some_and(|url| url.scheme().is_websocket()),
            "--ws-path needs --ws",
            "or write the path into the URL, as in ws://HOST/PATH",
        ),
        (server.ipv4 == Some(true) && server.ipv6 == Some(true), "-4 does not go with -6", ""),
        (
            tls.key.is_some() && tls.key_command.is_some(),
            "--key does not go with --key-command: both are the private key",
            "",
        ),
        (
            tls.cert.is_some() != (tls.key.is_some() || tls.key_command.is_some()),
            "--cert and --key go together: one is missing",
            "the key can also come from --key-command",
        ),
        (
            tls.key_password_file.is_some() && tls.cert.is_none(),
            "--key-password-file needs --cert and --key",
            "",
        ),
        (session.id.is_some() && session.id_prefix.is_some(), "-i does not go with -I", ""),
        (
            session.disable_clean_session == Some(true) && never_found_again,
            "-c needs a client identifier: the broker finds the session again by it",
            "add -i NAME",
        ),
        (
            too_long(session.id.as_ref()) || has_nul(session.id.as_ref()),
            "the client identifier has more than 65535 bytes, or a NUL",
            "",
        ),
        (
            too_long(args.login.username.as_ref()) || has_nul(args.login.username.as_ref()),
            "the user name has more than 65535 bytes, or a NUL",
            "",
        ),
        (
            session.session_expiry.is_some() && given(PropertyKind::SessionExpiryInterval),
            "-x says the same as -D connect session-expiry-interval: give one of them",
            "",
        ),
        (
            session.max_message.is_some() && given(PropertyKind::MaximumPacketSize),
            "--max-message says the same as -D connect maximum-packet-size: give one of them",
            "",
        ),
        (
            given(PropertyKind::AuthenticationData) && !given(PropertyKind::AuthenticationMethod),
            "authentication-data needs authentication-method",
            "",
        ),
        (
            has(&session.property, Place::Disconnect, PropertyKind::SessionExpiryInterval)
                && session.session_expiry.is_none_or(|expiry| expiry.0 == 0)
                && session.disable_clean_session != Some(true)
                && !given(PropertyKind::SessionExpiryInterval),
            "a session that expires at once cannot be given another expiry at the end (MQTT-3.1.2-23)",
            "add -x",
        ),
        (
            will.will_topic.is_none() && will_is_mentioned(will, &session.property),
            "a will is given without a topic",
            "add --will-topic TOPIC",
        ),
    ])?;
    for place in [Place::Connect, Place::Disconnect, Place::Will] {
        properties_of(&session.property, place).map_err(|error| Failure::usage(format!("-D: {error}")))?;
    }
    Ok(())
}

fn will_is_mentioned(will: &WillArgs, properties: &[PlacedProperty]) -> bool {
    will.will_payload.is_some()
        || will.will_file.is_some()
        || will.will_qos.is_some()
        || will.will_retain == Some(true)
        || properties.iter().any(|item| item.place == Place::Will)
}

fn has(properties: &[PlacedProperty], place: Place, kind: PropertyKind) -> bool {
    properties.iter().any(|item| item.place == place && item.property.kind() == kind)
}

/// TLS and WebSocket options that were typed need a transport that has them. In lower layers they may wait
/// for another broker.
pub(super) fn check_transport(
    typed: &ConnectionArgs,
    endpoint: &Endpoint,
    own_broker: bool,
) -> Result<(), Failure> {
    let tls = &typed.tls;
    let tls_typed = tls.cafile.is_some()
        || tls.capath.is_some()
        || tls.crl.is_some()
        || tls.tls_legacy == Some(true)
        || tls.cert.is_some()
        || !tls.tls_pin.is_empty()
        || tls.tls_use_os_certs == Some(true)
        || tls.tls_server_name.is_some()
        || tls.tls_alpn.is_some()
        || tls.tls_version.is_some()
        || tls.insecure == Some(true)
        || tls.ciphers.is_some()
        || tls.tls_keylog.is_some();
    hold(&[
        (
            endpoint.port() == 0 && endpoint.scheme() != Scheme::Unix && !own_broker,
            "a broker cannot be reached at port 0",
            "port 0 goes with --with-broker only",
        ),
        (
            tls_typed && tls.no_tls != Some(true) && !endpoint.scheme().is_tls(),
            "TLS options are given for a connection without TLS",
            "use an mqtts:// or wss:// URL, or --tls with --host",
        ),
        (
            !typed.server.ws_header.is_empty() && !endpoint.scheme().is_websocket(),
            "--ws-header is given for a connection without WebSocket",
            "use a ws:// or wss:// URL, or --ws with --host",
        ),
        (
            typed.server.proxy.is_some() && endpoint.scheme() == Scheme::Unix,
            "--proxy is given for a unix socket",
            "",
        ),
    ])
}

/// The version to speak when something is asked for that only MQTT 5 has, named `feature`.
pub(super) fn check_version(choice: VersionChoice, feature: Option<&str>) -> Result<VersionChoice, Failure> {
    match (choice, feature) {
        (_, None) => Ok(choice),
        (VersionChoice::Auto | VersionChoice::Only(Version::V5), Some(_)) => {
            Ok(VersionChoice::Only(Version::V5))
        }
        (VersionChoice::Only(version), Some(feature)) => {
            Err(Failure::usage(format!("{feature} needs MQTT 5, and -V says {version}"))
                .hint("leave -V out, or say -V 5"))
        }
    }
}

/// A password without a user name is MQTT 5's ([MQTT-3.1.2-22] of 3.1.1).
pub(super) fn check_password(version: VersionChoice, user: bool, password: bool) -> Result<(), Failure> {
    let old = matches!(version, VersionChoice::Only(Version::V31 | Version::V311));
    hold(&[(
        old && password && !user,
        "a password without a user name needs MQTT 5",
        "add -u NAME, or leave -V out",
    )])
}

/// Properties of packets that a command does not send.
fn check_places(properties: &[PlacedProperty], foreign: &[Place], command: &str) -> Result<(), Failure> {
    match properties.iter().find(|item| foreign.contains(&item.place)) {
        Some(item) => {
            Err(Failure::usage(format!("-D {} …: `{command}` sends no such packet", item.place.name())))
        }
        None => Ok(()),
    }
}

/// `mqt pub`, after the topic of the URL was added.
pub(super) fn check_publish(args: &PublishArgs, connection: &ConnectionArgs) -> Result<(), Failure> {
    let lines = args.stdin_line || args.stdin_null || args.split_topic.is_some();
    let stream = lines || args.json;
    let source =
        stream || args.message.is_some() || args.file.is_some() || args.stdin_file || args.null_message;
    let properties = &connection.session.property;
    check_places(properties, &[Place::Subscribe, Place::Unsubscribe], "mqt pub")?;
    hold(&[
        (args.replay.is_some() && !args.json, "--replay needs --json", ""),
        (
            !source,
            "nothing to publish is given",
            "add -m TEXT, -f FILE, -s (standard input), -l (each line of it) or -n (empty)",
        ),
        (
            args.topic.is_empty() && args.split_topic.is_none() && !args.json,
            "no topic is given",
            "add -t TOPIC",
        ),
        (
            args.split_topic.is_some() && !args.topic.is_empty(),
            "--split-topic does not go with a topic: each line has its own",
            "",
        ),
        (args.crlf && !lines, "--crlf needs -l", ""),
        (
            args.on_error.is_some() && !stream,
            "--on-error is for messages from standard input: -l, -0 and --json",
            "",
        ),
        (
            connection.login.password_stdin == Some(true)
                && (stream && args.replay.is_none() || args.stdin_file),
            "standard input cannot be the password and the messages at once",
            "use --password-file or --password-command",
        ),
        (
            args.require_subscriber && args.qos.unwrap_or_default() == QoS::AtMostOnce && !args.json,
            "--require-subscriber needs -q 1 or -q 2: at QoS 0 a broker says nothing",
            "",
        ),
        (
            has(properties, Place::Publish, PropertyKind::TopicAlias)
                && (args.topic.len() != 1 || args.json || args.split_topic.is_some()),
            "topic-alias stands for one topic, and there are several",
            "",
        ),
    ])
}

/// `mqt sub`, after the topic of the URL was added.
pub(super) fn check_subscribe(args: &SubscribeArgs, connection: &ConnectionArgs) -> Result<(), Failure> {
    let properties = &connection.session.property;
    check_places(properties, &[Place::Publish], "mqt sub")?;
    hold(&[
        (
            args.topic.is_empty() && args.unsubscribe.is_empty(),
            "no topic filter is given",
            "add -t FILTER; -t '#' is everything",
        ),
        (
            args.subscription_id.is_some()
                && has(properties, Place::Subscribe, PropertyKind::SubscriptionIdentifier),
            "--subscription-id says the same as -D subscribe subscription-identifier: give one of them",
            "",
        ),
        (
            args.no_local && args.topic.iter().any(|filter| filter.share().is_some()),
            "--no-local does not go with shared subscriptions (MQTT-3.8.3-4)",
            "",
        ),
        (args.pretty && !args.json && args.format.is_none(), "--pretty needs --json or -F", ""),
        (args.verbose && args.format.is_some(), "-v does not go with -F", "write %t into the format"),
        (
            args.exit_after_subscribe && (args.count.is_some() || args.idle.is_some()),
            "-E does not wait for messages: it does not go with -C and --idle",
            "",
        ),
    ])
}

/// `mqt rr`, after the topic of the URL was added.
pub(super) fn check_request(args: &RequestArgs, connection: &ConnectionArgs) -> Result<(), Failure> {
    let properties = &connection.session.property;
    check_places(properties, &[Place::Unsubscribe], "mqt rr")?;
    properties_of(properties, Place::Publish).map_err(|error| Failure::usage(format!("-D: {error}")))?;
    let source = args.message.is_some() || args.file.is_some() || args.stdin_file || args.null_message;
    let own = |kind| has(properties, Place::Publish, kind);
    let repeated = args.count.is_some_and(|count| count.get() > 1);
    // clap forgets what an option requires as soon as that does not go with a third one.
    hold(&[
        (args.exec.is_some() && !args.serve, "--exec needs --serve", ""),
        (args.parallel.is_some() && !args.serve, "--parallel needs --serve", ""),
        (
            !args.serve
                && !args.retained_answers
                && args.retain_handling.is_some_and(|choice| choice != RetainChoice::Never),
            "--retain-handling asks for retained messages, and a retained message is not an answer",
            "add --retained-answers, or leave --retain-handling out",
        ),
        (
            args.max_memory.is_some() && args.serve,
            "--max-memory is for answers that wait to be printed, and --serve prints none",
            "",
        ),
        (args.topic.is_empty(), "no topic is given", "add -t TOPIC"),
        (
            !args.serve && !source,
            "no request is given",
            "add -m TEXT, -f FILE, -s (standard input) or -n (empty)",
        ),
        (!args.serve && args.topic.len() > 1, "a request goes to one topic, and several are given", ""),
        (args.verbose && args.format.is_some(), "-v does not go with -F", "write %t into the format"),
        (own(PropertyKind::TopicAlias), "-D publish topic-alias: requests and answers carry their topic", ""),
        (
            args.serve && (own(PropertyKind::CorrelationData) || own(PropertyKind::ResponseTopic)),
            "an answer has the correlation data of its request, and goes to its response topic",
            "leave -D publish correlation-data and response-topic out",
        ),
        (
            repeated && own(PropertyKind::CorrelationData),
            "one correlation-data cannot tell several answers apart",
            "leave it out: each request gets its own",
        ),
        (
            connection.login.password_stdin == Some(true) && args.stdin_file,
            "standard input cannot be the password and the request at once",
            "use --password-file or --password-command",
        ),
    ])
}

/// The broker that `--with-broker` starts is on this machine and has no certificate.
pub(super) fn check_with_broker(endpoint: &Endpoint) -> Result<(), Failure> {
    hold(&[
        (
            endpoint.scheme().is_tls(),
            "--with-broker has no certificate: it does not go with TLS",
            "run `mqt broker --cert FILE --key FILE --tls-port PORT` beside it",
        ),
        (
            !endpoint.is_local(),
            "--with-broker starts a broker on this machine, and --host is another one",
            "leave one of them out",
        ),
    ])
}

/// `mqt broker`, with the listeners that it will have. That an open listener is guarded, the broker checks.
pub(super) fn check_broker(args: &BrokerArgs, listen: &[Endpoint]) -> Result<(), Failure> {
    let tls = listen.iter().any(|endpoint| endpoint.scheme().is_tls());
    hold(&[
        (tls && args.cert.is_none(), "a TLS listener needs --cert and --key", ""),
        (
            !tls && args.cert.is_some(),
            "--cert is given, and no listener has TLS",
            "add --tls-port PORT or --wss-port PORT",
        ),
    ])
}
