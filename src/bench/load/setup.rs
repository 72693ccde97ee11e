//! What is done before the load: limits, a first look at each broker, names looked up, passwords asked for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::bench::clock::TimeOfDay;
use crate::bench::load::limits;
use crate::bench::load::worker::PublishPace;
use crate::bench::plan::scenario::{ClientSpec, Plan, login_place};
use crate::bench::plan::schedule::{Profile, ScheduleStage};
use crate::bench::together::messenger;
use crate::cli::bench::{LoadRate, Scenario};
use crate::commands::failure::{from_client, from_connect, from_setup};
use crate::config::bench::{BenchSettings, ClientGroup, Load};
use crate::error::Failure;
use crate::output::units::Span;
use crate::ui::Ui;
use mqt_client::{
    Attempts, Client, PasswordSource, Scheme, SessionChoices, Transport, TransportOptions, VersionChoice,
};
use mqt_process::random;
use mqt_proto::session::Credentials;
use mqt_proto::{ReasonCode, Secret, Version};

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What the run takes from the system.
pub(crate) fn demand(settings: &BenchSettings, clients: usize) -> limits::Demand {
    let by_tcp = settings
        .brokers
        .iter()
        .filter(|broker| broker.proxy.is_none() && broker.endpoint.scheme() != Scheme::Unix);
    let binds = settings.brokers.iter().filter(|broker| broker.bind.is_some()).count();
    limits::Demand {
        connections: count(clients),
        sockets_each: if settings.with_broker.is_some() { 2 } else { 1 },
        destinations: count(by_tcp.count()),
        sources: count(settings.binds.len().max(binds.min(1))),
        is_local: settings.brokers.iter().all(|broker| broker.endpoint.is_local()),
    }
}

/// What the first look has shown.
pub(crate) struct Probed {
    /// The protocol version that all brokers speak.
    pub version: Version,
    /// The address of each broker that answered; `None`: it did not.
    pub peers: Vec<Option<String>>,
}

/// Connects once as the first client will: what is wrong with the options is found before the load, and
/// told as the other commands tell it. Of several brokers one that answers is enough: what becomes of the clients
/// of the others is a part of the result.
pub(crate) async fn probe(
    settings: &BenchSettings,
    plan: &Plan<'_>,
    spec: &ClientSpec,
    ui: &Ui,
) -> Result<Probed, Failure> {
    let mut version = match settings.client.version {
        VersionChoice::Auto => Version::V5,
        VersionChoice::Only(version) => version,
    };
    let mut peers = Vec::new();
    let mut failed: Option<Failure> = None;
    for transport in &settings.brokers {
        match look_at(settings, transport, plan, spec).await? {
            Ok((spoken, peer)) => {
                version = version.min(spoken);
                peers.push(Some(peer));
            }
            Err(failure) => {
                if settings.brokers.len() > 1 {
                    ui.warning(failure.keyword, &failure.what);
                }
                failed = Some(match failed {
                    Some(first) => first.graver(failure),
                    None => failure,
                });
                peers.push(None);
            }
        }
    }
    match failed {
        Some(failure) if peers.iter().all(Option::is_none) => Err(failure),
        _ => Ok(Probed { version, peers }),
    }
}

/// Connects to one broker: the version that it speaks and its address, or why there is no connection.
///
/// # Errors
/// The options are wrong.
async fn look_at(
    settings: &BenchSettings,
    transport: &TransportOptions,
    plan: &Plan<'_>,
    spec: &ClientSpec,
) -> Result<Result<(Version, String), Failure>, Failure> {
    let mut options = settings.client.clone();
    options.transport = transport.clone();
    let id = plan.client_id(spec);
    options.client_id = Some(id.as_str().into());
    // A broker that ends the first connection right behind CONNACK does not carry a load.
    options.reconnect = Attempts::AtMost(0);
    let login = plan.group(spec).and_then(|group| group.credentials.get(login_place(group, spec)?));
    if let Some(login) = login {
        options.user_name = Some(login.user_name.as_str().into());
        options.password = login.password.clone();
    }
    let choices = SessionChoices { seed: random::seed(), ..SessionChoices::default() };
    let mut client = Client::new(options, choices).map_err(|error| from_setup(&error))?;
    while !client.session().is_connected() {
        if let Err(error) = messenger::drive(&mut client).await {
            return Ok(Err(from_client(&error, &transport.endpoint, &id)));
        }
    }
    let found = (client.session().version(), client.peer().to_owned());
    client.close(ReasonCode::SUCCESS).await;
    Ok(Ok(found))
}

/// The ways to the brokers, each from each local address, looked up once.
pub(crate) async fn transports(
    settings: &BenchSettings,
    peers: &[Option<String>],
    ui: &Ui,
) -> Result<Vec<Transport>, Failure> {
    let mut transports = Vec::new();
    for (broker, peer) in settings.brokers.iter().zip(peers) {
        let binds: Vec<Option<String>> = if settings.binds.is_empty() {
            vec![broker.bind.clone()]
        } else {
            settings.binds.iter().cloned().map(Some).collect()
        };
        for (bind, at) in binds.into_iter().zip(0..) {
            let options = TransportOptions { bind, ..broker.clone() };
            let mut transport = Transport::new(options).map_err(|error| from_setup(&error))?;
            if at == 0 {
                for warning in transport.warnings() {
                    ui.warning(warning.keyword, &warning.text);
                }
            }
            // A broker that does not answer may have no address either: its clients find out.
            if let Some(peer) = peer {
                transport.resolve().await.map_err(|error| from_connect(&error))?;
                transport.prefer(peer);
            }
            transports.push(transport);
        }
    }
    Ok(transports)
}

/// The logins of all clients.
pub(crate) struct Logins {
    pub own: Credentials,
    /// For each group its own, if it has some.
    pub groups: Vec<Vec<Credentials>>,
}

/// Every password, asked for once.
pub(crate) async fn logins(settings: &BenchSettings) -> Result<Logins, Failure> {
    async fn ask(
        source: Option<&PasswordSource>,
        settings: &BenchSettings,
    ) -> Result<Option<Secret>, Failure> {
        match source {
            None => Ok(None),
            Some(source) => source
                .clone()
                .ask(Instant::now() + settings.client.connect_timeout)
                .await
                .map(Some)
                .map_err(|error| from_client(&error, &settings.client.transport.endpoint, "")),
        }
    }
    let client = &settings.client;
    let own = Credentials {
        user_name: client.user_name.clone(),
        password: ask(client.password.as_ref(), settings).await?,
    };
    let mut groups = Vec::with_capacity(settings.groups.len());
    for group in &settings.groups {
        let mut logins = Vec::with_capacity(group.credentials.len());
        for login in &group.credentials {
            logins.push(Credentials {
                user_name: Some(login.user_name.as_str().into()),
                password: ask(login.password.as_ref(), settings).await?,
            });
        }
        groups.push(logins);
    }
    Ok(Logins { own, groups })
}

/// A start in the past is none: the other processes have begun without this one.
///
/// # Errors
/// It is in the past.
pub(crate) fn check_start(start: Option<SystemTime>, time_of_day: TimeOfDay) -> Result<(), Failure> {
    match start.map(|start| time_of_day().duration_since(start)) {
        Some(Ok(late)) if !late.is_zero() => {
            Err(Failure::usage(format!("--start-at: that was {} ago", Span(late)))
                .hint("it takes a time to come, the same for all shards: 2026-01-31T12:00:00Z"))
        }
        _ => Ok(()),
    }
}

/// Waits for a time of day.
///
/// # Errors
/// None.
pub(crate) async fn wait_for(time: Option<SystemTime>, time_of_day: TimeOfDay) -> Result<(), Failure> {
    if let Some(left) = time.and_then(|time| time.duration_since(time_of_day()).ok()) {
        tokio::time::sleep(left).await;
    }
    Ok(())
}

/// The rates of a group over the run; `None` for groups that publish by no schedule.
pub(crate) fn pace(settings: &BenchSettings, group: &ClientGroup) -> Option<PublishPace> {
    let Load::Open { stages, .. } = &group.load else { return None };
    if group.scenario == Scenario::Retained {
        return None;
    }
    let timing = &settings.timing;
    let first = stages.first().map_or(0.0, |stage| stage.rate.get());
    let before = [
        ScheduleStage { duration: timing.ramp, from: 0.0, to: first },
        ScheduleStage::constant(timing.warmup, first),
    ];
    let measured: Vec<ScheduleStage> = stages
        .iter()
        .map(|stage| {
            ScheduleStage::constant(stage.duration.unwrap_or(Duration::MAX), LoadRate::get(stage.rate))
        })
        .collect();
    Some(PublishPace { before: Arc::new(Profile::new(&before)), measured: Arc::new(Profile::new(&measured)) })
}
