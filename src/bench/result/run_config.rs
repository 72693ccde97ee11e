//! What a run was asked to do, as result files hold it: without secrets, and the same for all shards of it.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::cli::bench::{RunId, Scenario};
use crate::config::bench::{BenchSettings, ClientGroup, Load, LoadPayload};
use mqt_client::VersionChoice;

/// What was asked for. Two shards of one run, and two runs that can be compared, have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Where the brokers are, without passwords.
    pub brokers: Vec<String>,
    /// `auto`, `5`, `3.1.1` or `3.1`.
    pub mqtt_version: String,
    /// Seconds.
    pub keep_alive_s: u16,
    /// Whether sessions began empty.
    pub clean_start: bool,
    /// How many QoS 1 and 2 publishes of one connection could be unacknowledged.
    pub max_inflight: u16,
    /// The largest packet that clients took, in bytes; `None`: not known.
    #[serde(default)]
    pub max_packet_size: Option<u32>,
    /// Connections per second; `None`: as fast as the broker took them.
    pub connect_rate: Option<String>,
    /// Milliseconds.
    pub ramp_ms: u64,
    /// Milliseconds.
    pub warmup_ms: u64,
    /// Milliseconds; `None`: until `count` was reached.
    pub duration_ms: Option<u64>,
    /// Messages to send in the measured phase.
    pub count: Option<u64>,
    /// Milliseconds.
    pub drain_ms: u64,
    /// The share that dropped, in per cent, and how often, in milliseconds (`churn`, `storm`).
    pub churn: Option<(String, u64)>,
    /// Whether messages carried a stamp.
    pub stamp: bool,
    /// Whether the broker was the dev broker in the same process.
    pub own_broker: bool,
    /// The clients.
    pub groups: Vec<GroupConfig>,
}

/// Clients that did the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupConfig {
    /// Its name.
    pub name: String,
    /// What they did.
    pub scenario: Scenario,
    /// How many published, over all shards.
    pub publishers: u32,
    /// How many subscribed, over all shards.
    pub subscribers: u32,
    /// How many only held a connection, over all shards.
    pub connections: u32,
    /// Where they published.
    pub topics: Vec<String>,
    /// What they subscribed to; `None`: as the scenario has it.
    pub filters: Option<Vec<String>>,
    /// `64 bytes`, `16-1024 bytes`, a template, or `file NAME`.
    pub payload: String,
    /// Of the PUBLISH.
    pub qos: u8,
    /// Of the SUBSCRIBE.
    pub subscribe_qos: u8,
    /// The RETAIN flag.
    pub retain: bool,
    /// The pace.
    pub load: LoadConfig,
    /// How many different logins they had; 0: one for all.
    pub logins: usize,
}

/// The pace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LoadConfig {
    /// By an absolute schedule.
    Open {
        /// `constant` or `poisson`.
        arrival: crate::cli::bench::Arrival,
        /// Milliseconds (`None`: to the end) and messages per second.
        stages: Vec<(Option<u64>, crate::cli::bench::LoadRate)>,
    },
    /// As fast as the window allowed.
    Closed {
        /// Unconfirmed messages of one publisher.
        inflight: u16,
    },
    /// Nothing was published.
    None,
}

/// What tells the messages of a run from those of others, where it is not left to chance: the processes of one
/// run come to the same from what they have in common.
#[must_use]
pub fn run_id(settings: &BenchSettings) -> Option<RunId> {
    let derived = || {
        let (shard, start) = (settings.shard?, settings.start_at?);
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let config = serde_json::to_string(&RunConfig::new(settings)).ok()?;
        Some(RunId::of_text(&format!("{start}/{}/{config}", shard.count)))
    };
    settings.run_id.or_else(derived)
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl RunConfig {
    /// Of these settings. Text from them is kept as it was typed.
    #[must_use]
    pub fn new(settings: &BenchSettings) -> Self {
        let timing = &settings.timing;
        let churns =
            settings.groups.iter().any(|group| matches!(group.scenario, Scenario::Churn | Scenario::Storm));
        Self {
            brokers: settings.brokers.iter().map(|broker| broker.endpoint.to_string()).collect(),
            mqtt_version: match settings.client.version {
                VersionChoice::Auto => "auto".to_owned(),
                VersionChoice::Only(version) => version.to_string(),
            },
            keep_alive_s: settings.client.keep_alive,
            clean_start: settings.client.clean_start,
            max_inflight: settings.client.max_inflight,
            max_packet_size: Some(settings.client.max_packet_size),
            connect_rate: timing.connect_rate.map(|rate| rate.to_string()),
            ramp_ms: millis(timing.ramp),
            warmup_ms: millis(timing.warmup),
            duration_ms: timing.duration.map(millis),
            count: timing.count.map(std::num::NonZeroU64::get),
            drain_ms: millis(timing.drain),
            churn: churns
                .then(|| (format!("{}%", timing.churn_share.get() * 100.0), millis(timing.churn_every))),
            stamp: settings.stamp,
            own_broker: settings.with_broker.is_some(),
            groups: settings.groups.iter().map(GroupConfig::new).collect(),
        }
    }

    /// Whether the broker confirms publishes: every group that publishes does so at QoS 1 or 2.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.groups.iter().filter(|group| group.publishers > 0).all(|group| group.qos > 0)
    }

    /// Whether messages go from one process to another where the run has several, so that their latency goes by
    /// two clocks.
    #[must_use]
    pub fn crosses_processes(&self) -> bool {
        let in_pairs = |group: &GroupConfig| {
            matches!(group.scenario, Scenario::E2e | Scenario::P2p)
                && group.publishers == group.subscribers
                && group.filters.is_none()
        };
        self.groups.iter().any(|group| group.subscribers > 0 && !in_pairs(group))
    }

    /// Whether all messages come from elsewhere, with times of a clock that is not known.
    #[must_use]
    pub fn only_receives(&self) -> bool {
        self.groups.iter().all(|group| group.publishers == 0)
            && self.groups.iter().any(|group| group.subscribers > 0)
    }

    /// Whether anybody publishes as fast as the broker confirms.
    #[must_use]
    pub fn is_closed_loop(&self) -> bool {
        self.groups.iter().any(|group| matches!(group.load, LoadConfig::Closed { .. }))
    }

    /// Whether anybody publishes by a schedule.
    #[must_use]
    pub fn is_open_loop(&self) -> bool {
        self.groups.iter().any(|group| matches!(group.load, LoadConfig::Open { .. }))
    }
}

impl GroupConfig {
    fn new(group: &ClientGroup) -> Self {
        Self {
            name: group.name.clone(),
            scenario: group.scenario,
            publishers: group.publishers,
            subscribers: group.subscribers,
            connections: group.connections,
            topics: group.topics.iter().map(ToString::to_string).collect(),
            filters: group.filters.as_ref().map(|filters| filters.iter().map(ToString::to_string).collect()),
            payload: match &group.payload {
                LoadPayload::Size(size) if size.min == size.max => format!("{} bytes", size.min),
                LoadPayload::Size(size) => format!("{}-{} bytes", size.min, size.max),
                LoadPayload::Template(template) => template.to_string(),
                LoadPayload::File { path, content } => {
                    let name = path.file_name().unwrap_or_default();
                    format!("file {} ({} bytes)", name.to_string_lossy(), content.len())
                }
            },
            qos: group.qos.level(),
            subscribe_qos: group.subscribe_qos.level(),
            retain: group.retain,
            load: match &group.load {
                Load::Open { stages, arrival } => LoadConfig::Open {
                    arrival: *arrival,
                    stages: stages.iter().map(|stage| (stage.duration.map(millis), stage.rate)).collect(),
                },
                Load::Closed { inflight } => LoadConfig::Closed { inflight: *inflight },
                Load::None => LoadConfig::None,
            },
            logins: group.credentials.len(),
        }
    }
}
