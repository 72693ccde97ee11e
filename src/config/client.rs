//! From connection options to what a client is made from.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::cli::ColorChoice;
use crate::cli::connection::{ConnectionArgs, WillArgs};
use crate::cli::property::properties_of;
use crate::cli::values::{Expiry, PacketSize};
use crate::error::Failure;
use mqt_client::tls::mode_open_to_all;
use mqt_client::{
    Attempts, ClientOptions, Endpoint, EndpointError, Family, Patience, ReconnectPace, TlsOptions,
    TransportOptions, VersionChoice,
};
use mqt_process::file;
use mqt_process::text_file::FileError;
use mqt_proto::{MAX_STRING_LENGTH, Message, Place, Properties, Secret, Will};

use super::environment::Environment;
use super::settings::UiSettings;
use super::{SetupWarning, layer, login, profile, rules, suspicion};

/// The connection options of all layers.
pub(super) struct Merged {
    /// What was typed, the environment and the profile laid under it.
    pub args: ConnectionArgs,
    /// What was typed alone.
    pub typed: ConnectionArgs,
    /// The broker is started for this command.
    own_broker: bool,
    /// Environment or profile say something about where the broker is and who logs in.
    pub leads_elsewhere: bool,
    /// What is to be reported.
    pub warnings: Vec<SetupWarning>,
}

impl Merged {
    /// Holds rules of mqt. A mosquitto client has its own, which its words were held to when they were read.
    pub fn hold(&self, rules: impl FnOnce(&ConnectionArgs) -> Result<(), Failure>) -> Result<(), Failure> {
        if self.args.dialect.is_mosquitto() { Ok(()) } else { rules(&self.args) }
    }

    /// The topic name or topic filter that follows the host of the URL.
    pub fn topic_of_url<'a, T, E: fmt::Display>(
        &'a self,
        new: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        let topic = self.args.server.url.as_ref().and_then(Endpoint::topic).filter(|topic| !topic.is_empty());
        let wrong = |error: E| Failure::usage(format!("the topic in the URL: {error}")).keyword("topic");
        topic.map(new).transpose().map_err(wrong)
    }
}

/// Lays what was typed over environment and profile. With `own_broker` these say nothing about where the
/// broker is and who logs in: it is started for this command.
pub(super) fn merge(
    typed: ConnectionArgs,
    environment: &Environment<'_>,
    own_broker: bool,
) -> Result<Merged, Failure> {
    let note = |text: &String| SetupWarning { keyword: "options-file", text: text.clone() };
    let mut warnings: Vec<SetupWarning> = typed.notes.iter().map(note).collect();
    let told = !typed.dialect.is_mosquitto() && environment.stderr_is_terminal;
    if typed.login.password.is_some() && told {
        warnings.push(SetupWarning {
            keyword: "password",
            text: "other users can see the password of -P in the list of processes; \
                   --password-file, --password-command and MQT_PASSWORD are safer"
                .to_owned(),
        });
    }
    let (mut saved, warning) = profile::options(environment, typed.server.profile.as_deref())?;
    warnings.extend(warning);
    let (mut variables, misspelt) = layer::read_environment(environment)?;
    warnings.extend(misspelt);
    let leads_elsewhere = [&variables, &saved].iter().any(|lower| {
        let none = ConnectionArgs::default();
        (&lower.server, &lower.login, &lower.tls) != (&none.server, &none.login, &none.tls)
    });
    for lower in [&mut variables, &mut saved] {
        if own_broker {
            (lower.server, lower.login, lower.tls) = Default::default();
        }
    }
    // A mosquitto client has its own rules.
    let checked = match typed.dialect.tool() {
        None => &[(&typed, ""), (&variables, "variables MQT_…: "), (&saved, "profile: ")][..],
        Some(_) => &[],
    };
    for (one, place) in checked {
        rules::check_layer(one)
            .map_err(|failure| Failure { what: format!("{place}{}", failure.what), ..failure })?;
    }
    let args = layer::overlay(layer::overlay(typed.clone(), variables), saved);
    if told {
        warnings.extend(open_secret(&args));
    }
    Ok(Merged { args, typed, own_broker, leads_elsewhere, warnings })
}

/// A file with a password that everybody may read.
fn open_secret(args: &ConnectionArgs) -> Option<SetupWarning> {
    let files = [&args.login.password_file, &args.tls.key_password_file];
    files.into_iter().flatten().find_map(|path| {
        let mode = mode_open_to_all(path)?;
        let text =
            format!("{} is mode {mode:04o}: everybody on this machine can read the password", path.display());
        Some(SetupWarning { keyword: "password-perms", text })
    })
}

/// Whether environment or the default profile lead clients to another broker than the one of this machine.
pub(super) fn leads_elsewhere(environment: &Environment<'_>) -> Result<bool, Failure> {
    Ok(merge(ConnectionArgs::default(), environment, true)?.leads_elsewhere)
}

/// What the client is made from. `mqtt5_only` names an option of the command that only MQTT 5 has.
pub(super) fn resolve(
    merged: &Merged,
    environment: &Environment<'_>,
    mqtt5_only: Option<&str>,
) -> Result<ClientOptions, Failure> {
    let args = &merged.args;
    rules::check_served(&args.tls)?;
    merged.hold(rules::check_connection)?;
    let endpoint = endpoint(args)?;
    merged.hold(|_| rules::check_transport(&merged.typed, &endpoint, merged.own_broker))?;
    let session = &args.session;
    let choice = session.protocol_version.map_or(VersionChoice::Auto, |version| version.0);
    let feature = if session.property.is_empty() { mqtt5_only } else { Some("a property (-D)") };
    let feature = session.session_expiry.map(|_| "a session expiry (-x)").or(feature);
    let mut version = rules::check_version(choice, feature)?;
    let has_password = layer::has_password(&args.login);
    rules::check_password(version, args.login.username.is_some(), has_password)?;
    if has_password && args.login.username.is_none() {
        version = rules::check_version(version, Some("a password without a user name"))?;
    }
    let persistent = session.disable_clean_session == Some(true);
    let expiry = session.session_expiry.unwrap_or(if persistent { Expiry::NEVER } else { Expiry(0) });
    let usual = ClientOptions::default();
    let keep_alive = session.keepalive.map_or(usual.keep_alive, |seconds| seconds.0);
    let retry = args.server.retry.map(|tries| tries.0);
    let key_password =
        if endpoint.scheme().is_tls() { login::key_password(&args.tls, environment)? } else { None };
    Ok(ClientOptions {
        transport: transport(args, endpoint, keep_alive, key_password),
        version,
        client_id: match (&session.id, &session.id_prefix) {
            (Some(id), _) => Some(id.as_str().into()),
            (None, Some(prefix)) => Some(format!("{prefix}{}", environment.process_id).into()),
            (None, None) => None,
        },
        clean_start: !persistent,
        session_expiry: expiry.0,
        keep_alive,
        user_name: args.login.username.as_deref().map(Into::into),
        password: login::password(&args.login, environment)?,
        will: will(&args.will, properties(args, Place::Will)?)?,
        connect_properties: properties(args, Place::Connect)?,
        disconnect_properties: properties(args, Place::Disconnect)?,
        max_inflight: session.max_inflight.map_or(usual.max_inflight, |window| window.0.get()),
        max_packet_size: session.max_message.map_or(usual.max_packet_size, |PacketSize(size)| size),
        connect_timeout: args.server.connect_timeout.map_or(usual.connect_timeout, |span| span.0),
        ack_timeout: args.server.ack_timeout.map_or(usual.ack_timeout, |span| span.0),
        patience: match retry {
            Some(Attempts::Unlimited) => Patience::Endless,
            _ => Patience::Limited,
        },
        first_connect: retry.unwrap_or(Attempts::AtMost(0)),
        reconnect: if args.server.no_reconnect == Some(true) {
            Attempts::AtMost(0)
        } else {
            retry.unwrap_or(Attempts::Unlimited)
        },
        pace: ReconnectPace::default(),
    })
}

/// The properties of one packet, as they were typed.
pub(super) fn properties(args: &ConnectionArgs, place: Place) -> Result<Properties, Failure> {
    properties_of(&args.session.property, place).map_err(|error| Failure::usage(format!("-D: {error}")))
}

/// Where the broker is: the URL, or host, port and layers.
fn endpoint(args: &ConnectionArgs) -> Result<Endpoint, Failure> {
    let server = &args.server;
    let wrong = |option: &str, error: &EndpointError| {
        let failure = Failure::usage(format!("{option}: {error}"));
        failure.mosquitto_text(match error {
            // What the system says of a connect to it.
            EndpointError::Scope { .. } => "Error: Invalid argument",
            _ => "Unable to connect (Lookup error).",
        })
    };
    if let Some(url) = &server.url {
        return match &server.ws_path {
            Some(path) => url.clone().with_http_path(path).map_err(|error| wrong("--ws-path", &error)),
            None => Ok(url.clone()),
        };
    }
    if let Some(path) = &server.unix {
        return Ok(Endpoint::unix(path));
    }
    let mut endpoint = Endpoint::default();
    if let Some(host) = &server.host {
        endpoint = endpoint.with_host(host).map_err(|error| {
            if let Some((scheme, rest)) = host.split_once("://") {
                // The rest may hold a password.
                let rest = if rest.contains('@') { "…" } else { rest };
                return Failure::usage("--host is a name or an address, and a URL is given with -L")
                    .hint(format!("write -L {scheme}://{rest}"))
                    .mosquitto_text("Unable to connect (Lookup error).");
            }
            let failure = wrong("--host", &error);
            match host.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => {
                    failure.hint(format!("write -h {name} -p {port}"))
                }
                _ => failure,
            }
        })?;
    }
    if let Some(port) = server.port {
        endpoint = endpoint.with_port(port);
    }
    let websocket = server.ws == Some(true);
    endpoint = endpoint.with_websocket(websocket).map_err(|error| wrong("--ws", &error))?;
    let tls = layer::says_tls(args).unwrap_or(false);
    endpoint = endpoint.with_tls(tls).map_err(|error| wrong("--tls", &error))?;
    if let Some(path) = &server.ws_path {
        endpoint = endpoint.with_http_path(path).map_err(|error| wrong("--ws-path", &error))?;
    }
    Ok(endpoint)
}

/// The way to one broker.
pub(super) fn transport(
    args: &ConnectionArgs,
    endpoint: Endpoint,
    keep_alive: u16,
    key_password: Option<Secret>,
) -> TransportOptions {
    let server = &args.server;
    let scheme = endpoint.scheme();
    let own_rules = !args.dialect.is_mosquitto();
    TransportOptions {
        // The mosquitto clients take a local address with a unix socket, which has none.
        bind: server.bind.clone().filter(|_| own_rules || scheme != mqt_client::Scheme::Unix),
        family: match (server.ipv4, server.ipv6) {
            (Some(true), _) => Some(Family::V4),
            (_, Some(true)) => Some(Family::V6),
            _ => None,
        },
        srv: (server.srv == Some(true) && scheme != mqt_client::Scheme::Unix)
            .then_some(mqt_client::NameServers::System),
        user_timeout: (keep_alive > 0).then(|| Duration::from_secs(keep_alive.into())),
        proxy: server.proxy.clone().filter(|_| scheme != mqt_client::Scheme::Unix),
        tls: if scheme.is_tls() { tls(args, key_password) } else { TlsOptions::default() },
        ws_headers: if scheme.is_websocket() { server.ws_header.clone() } else { Vec::new() },
        endpoint,
        ..TransportOptions::default()
    }
}

fn tls(args: &ConnectionArgs, key_password: Option<Secret>) -> TlsOptions {
    let mosquitto = args.dialect.is_mosquitto();
    let args = &args.tls;
    let insecure = args.insecure == Some(true);
    TlsOptions {
        ca_file: args.cafile.clone(),
        ca_path: args.capath.clone(),
        use_os_certs: args.tls_use_os_certs == Some(true),
        crl: args.crl.clone(),
        cert: args.cert.clone(),
        key: args.key.clone(),
        key_command: args.key_command.clone(),
        key_password,
        alpn: args.tls_alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect(),
        version: args.tls_version.unwrap_or_default().into(),
        insecure: insecure && !mosquitto,
        any_name: insecure && mosquitto,
        legacy: mosquitto || args.tls_legacy == Some(true),
        ciphers: args.ciphers.clone(),
        pins: args.tls_pin.clone(),
        key_log: args.tls_keylog.clone(),
        server_name: args.tls_server_name.clone(),
    }
}

fn will(args: &WillArgs, properties: Properties) -> Result<Option<Will>, Failure> {
    let Some(topic) = args.will_topic.clone() else { return Ok(None) };
    let payload = match (&args.will_payload, &args.will_file) {
        (Some(text), _) => Bytes::copy_from_slice(text.as_encoded_bytes()),
        (None, Some(path)) => read_will(path)?,
        (None, None) => Bytes::new(),
    };
    if payload.len() > MAX_STRING_LENGTH {
        let what = format!("the payload of the will has {} bytes", payload.len());
        return Err(Failure::usage(what).hint("a will has at most 65535"));
    }
    let qos = args.will_qos.unwrap_or_default();
    let retain = args.will_retain == Some(true);
    Ok(Some(Will { message: Message { topic, payload, qos, retain, properties } }))
}

fn read_will(path: &Path) -> Result<Bytes, Failure> {
    file::read(path).map(Bytes::from).map_err(|error| FileError::new(path, error).into())
}

/// How to talk.
pub(super) fn ui(args: &ConnectionArgs) -> UiSettings {
    let dialect = args.dialect;
    let color = if dialect.is_mosquitto() { ColorChoice::Never } else { args.talk.color.unwrap_or_default() };
    let args = &args.talk;
    UiSettings {
        color,
        dialect,
        quiet: args.quiet == Some(true),
        debug: args.debug == Some(true),
        summary: args.summary,
    }
}

/// The standard advises against control characters in topics; they are sent all the same.
pub(super) fn warn_of_topics<'a>(
    topics: impl IntoIterator<Item = &'a str>,
    merged: &Merged,
    environment: &Environment<'_>,
    warnings: &mut Vec<SetupWarning>,
) {
    let told = !merged.args.dialect.is_mosquitto() && environment.stderr_is_terminal;
    let topics: Vec<&str> = topics.into_iter().collect();
    if let Some(topic) = topics.iter().find(|topic| topic.chars().any(char::is_control)) {
        let text = format!("the topic {topic:?} has control characters, which brokers may refuse");
        warnings.push(SetupWarning { keyword: "topic", text });
    }
    let odd = topics.into_iter().filter(|_| told).filter_map(suspicion::suspect);
    warnings.extend(odd.map(|text| SetupWarning { keyword: "topic", text }));
}
