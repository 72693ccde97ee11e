//! `mqt broker`: the dev broker from its settings to its end by a signal.

use std::io::ErrorKind;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::config::BrokerSettings;
use crate::error::{Failure, Kind};
use crate::output::sanitize::escape;
use crate::output::trace::{Direction, line};
use crate::ui::Ui;
use mqt_broker::{
    Activity, BrokerError, BrokerLimits, BrokerOptions, Observer, PasswordFile, PasswordFileError, Server,
};
use mqt_client::Endpoint;
use mqt_client::listen::ListenError;
use mqt_proto::Packet;

use super::failure::{from_connect, from_setup};
use super::run_to_end;
use super::signals::{Exit, Signals};

/// Serves until a signal comes. A second one ends it at once.
///
/// # Errors
/// The settings name what cannot be used: a file, an address.
pub fn run(settings: BrokerSettings, ui: &Ui) -> Result<Exit, Failure> {
    run_to_end(serve(settings, ui))
}

async fn serve(settings: BrokerSettings, ui: &Ui) -> Result<Exit, Failure> {
    let observer = (settings.verbose || settings.ui.debug).then(|| observer(settings.verbose, ui));
    let options = BrokerOptions { observer, on_full: Some(on_full(ui)), ..options(&settings)? };
    let server = Server::bind(options).await.map_err(|error| from_broker(&error))?;
    let mut signals = Signals::listen().map_err(|error| super::shortage(&error))?;
    let endpoints = server.endpoints();
    let lines: String = endpoints.iter().map(|endpoint| format!("{endpoint}\n")).collect();
    ui.out(lines.as_bytes())?;
    if let Some(first) = endpoints.first() {
        ui.status(&format!("mqt: dev broker on {first}, until Ctrl-C. In other terminals:"));
        let at = reaching(first, settings.clients_go_elsewhere);
        // cmd.exe knows no other quotes, and does not ask for any here; a unix shell expands nothing between these.
        let quote = if cfg!(windows) { '"' } else { '\'' };
        ui.status(&format!("  mqt sub{at} -t {quote}mqtt/test/#{quote} -v"));
        ui.status(&format!("  mqt pub{at} -t mqtt/test/hello -m \"Hello World\""));
    }
    let (stop, stopped) = oneshot::channel::<()>();
    // An error says that the sender is dropped, which is the signal.
    let running = server.run(async { drop(stopped.await) });
    tokio::pin!(running);
    tokio::select! {
        _ = &mut running => return Ok(Exit::Done),
        _ = signals.next() => {}
    }
    drop(stop);
    tokio::select! {
        _ = running => Ok(Exit::Done),
        signal = signals.next() => Ok(Exit::Signal(signal)),
    }
}

/// What a client types to reach an endpoint: nothing for the default one, unless it would go elsewhere.
pub(super) fn reaching(endpoint: &Endpoint, clients_go_elsewhere: bool) -> String {
    match (endpoint.scheme().name(), endpoint.host(), endpoint.port()) {
        ("mqtt", "localhost" | "127.0.0.1" | "::1", 1883) if !clients_go_elsewhere => String::new(),
        _ => format!(" --url {endpoint}"),
    }
}

/// The options of a broker that reports to nobody.
pub(crate) fn options(settings: &BrokerSettings) -> Result<BrokerOptions, Failure> {
    let password_file = settings.password_file.as_deref().map(PasswordFile::read).transpose();
    let usual = BrokerLimits::default();
    let limits = BrokerLimits {
        connections: usual.connections.max(settings.clients),
        sessions: usual.sessions.max(settings.clients),
        subscriptions: usual.subscriptions.max(settings.clients),
        memory: settings.max_memory.unwrap_or(usual.memory),
        // A packet cannot be larger than MQTT allows, which needs no announcement.
        max_packet_size: settings.max_message.unwrap_or(usual.max_packet_size).min(usual.max_packet_size),
        ..usual
    };
    Ok(BrokerOptions {
        limits,
        listeners: settings.listen.clone(),
        server_tls: settings.tls.clone(),
        password_file: password_file.map_err(|error| from_password_file(&error))?,
        allow_anonymous: settings.anonymous,
        ..BrokerOptions::default()
    })
}

fn from_password_file(error: &PasswordFileError) -> Failure {
    let keyword = match error {
        PasswordFileError::Read(_) => "file",
        PasswordFileError::Line { .. } => "config",
    };
    Failure::usage(escape(&error.to_string()))
        .keyword(keyword)
        .hint("it has a line NAME:PASSWORD for every user")
}

/// Why the broker does not start.
pub(super) fn from_broker(error: &BrokerError) -> Failure {
    match error {
        BrokerError::Listen(ListenError::Setup(error)) => from_setup(error),
        BrokerError::Listen(ListenError::Lookup(error)) => from_connect(error),
        BrokerError::Listen(ListenError::Io { error: reason, .. }) => {
            let failure = Failure::new(Kind::Connect, format!("cannot listen on {error}")).keyword("listen");
            match reason.kind() {
                ErrorKind::AddrInUse => {
                    failure.hint("is another broker running there? -p takes another port, -p 0 a free one")
                }
                ErrorKind::AddrNotAvailable => {
                    failure.hint("it is not an address of this machine; 0.0.0.0 means all of them")
                }
                ErrorKind::PermissionDenied => {
                    failure.hint("ports below 1024 are not for every user; -p takes another port")
                }
                _ => failure,
            }
        }
        BrokerError::Exposed { .. } => Failure::usage(error.to_string())
            .hint("--password-file FILE asks for passwords, --allow-anonymous lets everybody in"),
        error => Failure::usage(error.to_string()),
    }
}

/// Says on stderr that the memory is full.
fn on_full(ui: &Ui) -> Arc<dyn Fn() + Send + Sync> {
    let ui = ui.clone();
    Arc::new(move || {
        ui.warning(
            "memory",
            "the broker holds as much as it may (--max-memory): until there is room again, messages are dropped or \
             refused",
        );
    })
}

/// Reports on stderr what happens: who connects and leaves under `verbose`, all packets under `--debug`.
fn observer(is_verbose: bool, ui: &Ui) -> Observer {
    let ui = ui.clone();
    Arc::new(move |activity| {
        if ui.is_debug() {
            ui.debug(&describe(activity));
        } else if is_verbose && is_news(activity) {
            ui.status(&describe(activity));
        }
    })
}

fn is_news(activity: &Activity<'_>) -> bool {
    match activity {
        Activity::Received { packet, .. } => matches!(packet, Packet::Subscribe(_) | Packet::Unsubscribe(_)),
        Activity::Sent { .. } => false,
        _ => true,
    }
}

fn describe(activity: &Activity<'_>) -> String {
    match activity {
        Activity::Connected { client_id, peer, version, session_present } => {
            let session = if *session_present { ", its session goes on" } else { "" };
            format!("{client_id}: connected from {peer}, MQTT {version}{session}")
        }
        Activity::Refused { client_id, peer, reason } => {
            format!("{client_id}: refused, from {peer}: {reason}")
        }
        Activity::Disconnected { client_id, reason: Some(reason) } => {
            format!("{client_id}: disconnected: {reason}")
        }
        Activity::Disconnected { client_id, reason: None } => format!("{client_id}: connection closed"),
        Activity::Received { client_id, packet } => {
            format!("{client_id}: {}", line(Direction::Received, packet))
        }
        Activity::Sent { client_id, packet } => format!("{client_id}: {}", line(Direction::Sent, packet)),
    }
}
