//! What is done before the load: limits, a first look at each broker, names looked up, passwords asked for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::cli::bench::{Rate, Scenario};
use crate::commands::failure::{from_client, from_connect, from_setup};
use crate::commands::random_seed;
use crate::config::bench::{BenchSettings, Group, Load};
use crate::connection::{
    Client, PasswordSource, Scheme, SessionChoices, Transport, TransportOptions, VersionChoice,
};
use crate::error::Failure;
use crate::mqtt::session::Credentials;
use crate::mqtt::{ReasonCode, Secret, Version};
use crate::ui::Ui;

use super::clock::TimeOfDay;
use super::limits;
use super::scenario::{Plan, Spec, login_place};
use super::schedule::{Profile, Stage};
use super::worker::Pace;

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What the run takes from the system.
pub(super) fn demand(settings: &BenchSettings, clients: usize) -> limits::Demand {
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
pub(super) struct Probed {
    /// The protocol version that all brokers speak.
    pub version: Version,
    /// The address of each broker that answered.
    pub peers: Vec<String>,
}

/// Connects once as the first client will: what is wrong with the options is found before the load, and
/// told as the other commands tell it.
pub(super) async fn probe(settings: &BenchSettings, plan: &Plan<'_>, spec: &Spec) -> Result<Probed, Failure> {
    let mut version = match settings.client.version {
        VersionChoice::Auto => Version::V5,
        VersionChoice::Only(version) => version,
    };
    let mut peers = Vec::new();
    let login = plan.group(spec).and_then(|group| group.credentials.get(login_place(group, spec)?));
    for transport in &settings.brokers {
        let mut options = settings.client.clone();
        options.transport = transport.clone();
        options.client_id = Some(plan.client_id(spec).into());
        if let Some(login) = login {
            options.user_name = Some(login.user_name.as_str().into());
            options.password = login.password.clone();
        }
        let endpoint = transport.endpoint.clone();
        let id = plan.client_id(spec);
        let choices = SessionChoices { seed: random_seed(), ..SessionChoices::default() };
        let mut client = Client::new(options, choices).map_err(|error| from_setup(&error))?;
        while !client.session_state().is_connected() {
            client.drive().await.map_err(|error| from_client(&error, &endpoint, &id))?;
            while client.take_notice().is_some() {}
        }
        version = version.min(client.session_state().version());
        peers.push(client.peer().to_owned());
        client.close(ReasonCode::SUCCESS).await;
    }
    Ok(Probed { version, peers })
}

/// The ways to the brokers, each from each local address, looked up once.
pub(super) async fn transports(
    settings: &BenchSettings,
    peers: &[String],
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
            transport.resolve().await.map_err(|error| from_connect(&error))?;
            transport.prefer(peer);
            transports.push(transport);
        }
    }
    Ok(transports)
}

/// The logins of all clients.
pub(super) struct Logins {
    pub own: Credentials,
    /// For each group its own, if it has some.
    pub groups: Vec<Vec<Credentials>>,
}

/// Every password, asked for once.
pub(super) async fn logins(settings: &BenchSettings) -> Result<Logins, Failure> {
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

/// Waits for a time of day.
///
/// # Errors
/// None.
pub(super) async fn wait_for(time: Option<SystemTime>, time_of_day: TimeOfDay) -> Result<(), Failure> {
    if let Some(left) = time.and_then(|time| time.duration_since(time_of_day()).ok()) {
        tokio::time::sleep(left).await;
    }
    Ok(())
}

/// The rates of a group over the run; `None` for groups that publish by no schedule.
pub(super) fn pace(settings: &BenchSettings, group: &Group) -> Option<Pace> {
    let Load::Open { stages, .. } = &group.load else { return None };
    if group.scenario == Scenario::Retained {
        return None;
    }
    let timing = &settings.timing;
    let first = stages.first().map_or(0.0, |stage| stage.rate.get());
    let before =
        [Stage { duration: timing.ramp, from: 0.0, to: first }, Stage::constant(timing.warmup, first)];
    let measured: Vec<Stage> = stages
        .iter()
        .map(|stage| Stage::constant(stage.duration.unwrap_or(Duration::MAX), Rate::get(stage.rate)))
        .collect();
    Some(Pace { before: Arc::new(Profile::new(&before)), measured: Arc::new(Profile::new(&measured)) })
}
