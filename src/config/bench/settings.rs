//! What `mqt bench` is to do, after options, environment, profile, stage file and presets have been read.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::cli::bench::{
    Arrival, Condition, LoadRate, LoadStage, PayloadSize, PayloadTemplate, RunId, Scenario, Shard, Share,
};
use mqt_client::{ClientOptions, PasswordSource, TransportOptions};
use mqt_proto::{Properties, QoS};

use crate::config::settings::{BrokerSettings, UiSettings};

/// How the messages of a group of clients are paced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// Open loop: each message has an intended time, whatever the broker does.
    Open {
        /// One after the other, at least one. Rates are of the whole group, over all shards.
        stages: Vec<OpenStage>,
        /// The distances between intended times.
        arrival: Arrival,
    },
    /// Closed loop: a publisher sends the next message when fewer than this many of its own are unconfirmed.
    Closed {
        /// At least 1. At QoS 0, where nothing is confirmed: as fast as the connection takes it.
        inflight: u16,
    },
    /// The group publishes nothing.
    None,
}

/// A part of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenStage {
    /// How long it lasts; `None`: to the end.
    pub duration: Option<Duration>,
    /// Messages per second in total.
    pub rate: LoadRate,
}

impl From<LoadStage> for OpenStage {
    fn from(stage: LoadStage) -> Self {
        Self { duration: Some(stage.duration), rate: stage.rate }
    }
}

/// What the messages hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadPayload {
    /// Filler of this many bytes, the stamp at its beginning.
    Size(PayloadSize),
    /// A text with placeholders. It is shown as it is: the stamp follows it.
    Template(PayloadTemplate),
    /// The bytes of a file, the stamp behind them.
    File {
        /// Where they come from, for messages and reports.
        path: PathBuf,
        /// What it held.
        content: Bytes,
    },
}

/// A user name and where its password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user name.
    pub user_name: String,
    /// The password.
    pub password: Option<PasswordSource>,
    /// The client identifier that goes with it.
    pub client_id: Option<String>,
}

/// Clients that do the same. Numbers are totals over all shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGroup {
    /// Its name; `all` where there is only one.
    pub name: String,
    /// What its clients do.
    pub scenario: Scenario,
    /// How many publish.
    pub publishers: u32,
    /// How many subscribe.
    pub subscribers: u32,
    /// How many only hold a connection (`connect`, `churn`, `storm`).
    pub connections: u32,
    /// Where publishers publish to; `{i}` is the number of the publisher in its group. At least one;
    /// publisher `i` takes number `i` modulo their count.
    pub topics: Vec<PayloadTemplate>,
    /// What every subscriber subscribes to; `{i}` is the number of the subscriber. `None` in the scenarios
    /// `e2e`, `p2p` and `retained`: the topics are shared out to the subscribers, each publisher's to at
    /// least one of them; no topic changes from message to message then.
    pub filters: Option<Vec<PayloadTemplate>>,
    /// The name of the shared subscription (`shared`).
    pub share_name: Option<String>,
    /// What the messages hold.
    pub payload: LoadPayload,
    /// Of the PUBLISH.
    pub qos: QoS,
    /// Of the SUBSCRIBE.
    pub subscribe_qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// The pace.
    pub load: Load,
    /// Client `i` of the group logs in with number `i` modulo their count. Empty: as the other commands do.
    pub credentials: Vec<Credential>,
}

impl ClientGroup {
    /// How many clients it has.
    #[must_use]
    pub fn clients(&self) -> u64 {
        u64::from(self.publishers) + u64::from(self.subscribers) + u64::from(self.connections)
    }
}

/// When things happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadTiming {
    /// Connections per second; `None`: as fast as the broker takes them.
    pub connect_rate: Option<LoadRate>,
    /// The rate rises from 0 over this time, before the warm-up.
    pub ramp: Duration,
    /// Messages with an intended time within it are sent and counted apart.
    pub warmup: Duration,
    /// How long to measure; `None` only with `count`.
    pub duration: Option<Duration>,
    /// Messages to send in the measured phase, over all publishers and shards.
    pub count: Option<NonZeroU64>,
    /// How long to wait at the end for what is in flight.
    pub drain: Duration,
    /// How much of the connections drops (`churn`).
    pub churn_share: Share,
    /// How often it drops (`churn`, `storm`).
    pub churn_every: Duration,
}

/// Where results go, besides standard output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// The result file.
    pub json: Option<PathBuf>,
    /// A row for each second.
    pub csv: Option<PathBuf>,
    /// The page with charts.
    pub html: Option<PathBuf>,
    /// Serve metrics here while it runs; port 0 takes a free one.
    pub openmetrics: Option<SocketAddr>,
}

/// What decides the exit status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thresholds {
    /// Each of them must hold.
    pub slo: Vec<Condition>,
    /// None of them may hold.
    pub fail_if: Vec<Condition>,
}

impl Thresholds {
    /// Whether nothing is asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slo.is_empty() && self.fail_if.is_empty()
    }
}

/// What `mqt bench` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchSettings {
    /// What all connections have in common. Its transport is the first of `brokers`, without local address.
    pub client: ClientOptions,
    /// How to reach each broker, at least one; client number `i` of the run takes number `i` modulo their
    /// count.
    pub brokers: Vec<TransportOptions>,
    /// Local addresses to connect from, taken in turn; empty: the system chooses.
    pub binds: Vec<String>,
    /// Client identifiers; `{i}` is the number of the client in the whole run. With more than one client it
    /// is different for each.
    pub client_id: PayloadTemplate,
    /// The clients, at least one group.
    pub groups: Vec<ClientGroup>,
    /// PUBLISH properties, in order.
    pub publish_properties: Properties,
    /// SUBSCRIBE properties, in order.
    pub subscribe_properties: Properties,
    /// When things happen.
    pub timing: LoadTiming,
    /// Search for the highest rate that holds `thresholds.slo`.
    pub find_max: bool,
    /// What decides the exit status.
    pub thresholds: Thresholds,
    /// How often to run, at least once.
    pub repeat: NonZeroU32,
    /// The part of the run that is this process's; `None`: all of it.
    pub shard: Option<Shard>,
    /// When to start; `None`: at once.
    pub start_at: Option<SystemTime>,
    /// What tells the messages of this run from those of others; `None`: a random one.
    pub run_id: Option<RunId>,
    /// Messages carry the stamp that loss and latency are measured with.
    pub stamp: bool,
    /// How many threads; `None`: one for each core.
    pub threads: Option<NonZeroUsize>,
    /// Where results go.
    pub outputs: Outputs,
    /// Start this dev broker first: the endpoint of `client` and of the only one of `brokers` are to be
    /// replaced by its first listener.
    pub with_broker: Option<BrokerSettings>,
    /// How to talk.
    pub ui: UiSettings,
}

impl BenchSettings {
    /// How many clients there are, over all groups and shards.
    #[must_use]
    pub fn clients(&self) -> u64 {
        self.groups.iter().map(ClientGroup::clients).sum()
    }
}

/// What `mqt bench compare` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareSettings {
    /// A result file.
    pub before: PathBuf,
    /// The result file to compare with it.
    pub after: PathBuf,
    /// How to talk.
    pub ui: UiSettings,
}

/// What `mqt bench merge` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeSettings {
    /// Result files, one for each shard.
    pub files: Vec<PathBuf>,
    /// How far apart the shards may have started.
    pub max_skew: Duration,
    /// What decides the exit status.
    pub thresholds: Thresholds,
    /// Where the merged result goes.
    pub outputs: Outputs,
    /// How to talk.
    pub ui: UiSettings,
}
