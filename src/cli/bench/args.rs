//! What can be typed after `mqt bench`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args, Command, Subcommand};

use mqt_client::Endpoint;
use mqt_proto::QoS;

use super::super::connection::ConnectionArgs;
use super::super::values::{ColorChoice, TimeSpan, Window};
use super::condition::Condition;
use super::template::PayloadTemplate;
use super::values::{
    Arrival, BenchValueError, Factor, LoadRate, LoadStage, PayloadSize, Preset, RunId, Scenario, ShardChoice,
    Share, StartAt,
};

const EXAMPLES: &str = "\
Examples:
  Ten seconds at 1,000 messages per second, with a built-in broker:
    mqt bench --with-broker
  10,000 messages per second from 100 publishers to 100 subscribers, with a verdict:
    mqt bench e2e --publishers 100 -r 10k/s --fail-if 'p99>50ms' --fail-if 'loss>0'
  Find the highest rate at which the broker meets an objective:
    mqt bench --find-max --slo 'p99<50ms,loss=0' -r 1k/s
  10,000 connections, 500 per second, from two addresses:
    mqt bench connect --connections 10k --connect-rate 500 --bind 127.0.0.1,127.0.0.2
  A case of the Open MQTT Benchmark Suite at a tenth of its size:
    mqt bench --preset fan-out-5 --scale 0.1
  Write result files, and compare two of them:
    mqt bench --repeat 5 --json a.json --html a.html
    mqt bench compare a.json b.json
  Run on four machines, one shard on each, and merge the results:
    mqt bench --shard 0/4 --start-at 2026-01-31T12:00:00Z --json r0.json
    mqt bench merge r0.json r1.json r2.json r3.json
";

/// The options of `mqt bench`.
#[derive(Args, Debug, Clone)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands"
)]
pub struct BenchArgs {
    /// What to do with results that are there already.
    #[command(subcommand)]
    pub action: Option<BenchAction>,
    /// A run.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// What to do with results that are there already.
#[derive(Subcommand, Debug, Clone)]
pub enum BenchAction {
    /// Show what differs between two results
    ///
    /// The ranges of repeated runs show whether noise explains a difference: run both with --repeat 5 or
    /// more.
    #[command(after_help = "Examples:\n  mqt bench compare before.json after.json")]
    Compare(CompareArgs),
    /// Merge the results of all shards into one
    ///
    /// Histograms and counts are added up exactly. The files must be of one run: the same configuration,
    /// every shard once, started together.
    #[command(after_help = "Examples:\n  mqt bench merge r0.json r1.json --fail-if 'loss>0'")]
    Merge(MergeArgs),
}

/// The options of `mqt bench compare`.
#[derive(Args, Debug, Clone)]
pub struct CompareArgs {
    /// Compare this result
    ///
    /// A file written by --json.
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,

    /// Compare it with this result
    ///
    /// A file written by --json.
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,

    /// Use colours: auto, always or never [default: auto]
    ///
    /// auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<ColorChoice>,
}

/// The options of `mqt bench merge`.
#[derive(Args, Debug, Clone)]
pub struct MergeArgs {
    /// Merge these results
    ///
    /// Files written by --json, one per shard.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Where it goes.
    #[command(flatten)]
    pub output: OutputArgs,

    /// What decides the exit status.
    #[command(flatten)]
    pub verdict: VerdictArgs,

    /// Accept shards that started this far apart [default: 1s]
    ///
    /// Results that started further apart come from different runs, or from machines whose clocks differ.
    #[arg(long, value_name = "DURATION")]
    pub max_skew: Option<TimeSpan>,

    /// Use colours: auto, always or never [default: auto]
    ///
    /// auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<ColorChoice>,
}

/// Where results go, besides standard output.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Report")]
pub struct OutputArgs {
    /// Write the result to this file as JSON
    ///
    /// For compare, merge and other programs; its schema is schema/bench.schema.json. - is standard output,
    /// instead of the readable report. The file is written completely or not at all.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write per-second figures to this file as CSV
    ///
    /// One row a second: offered, sent, acknowledged and delivered messages, errors, connections, latencies.
    /// t_ms is in milliseconds from the start of the load, negative while connections are opened; phase is connect, warmup,
    /// measured, or other (late, duplicate, or foreign). The measured rows add up to the report.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write an HTML report with charts to this file
    ///
    /// A single self-contained file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What decides the exit status.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Verdict")]
pub struct VerdictArgs {
    /// Exit with status 9 if this condition is true; repeatable
    ///
    /// FIGURE<VALUE with <, <=, >, >=, = or !=. Figures: p50, p99, p99.9, max and the like of the response
    /// time (service.p99, connect.p99 and lag.p99 for other times), loss (a count, or in %), duplicates, reordered,
    /// errors, refused, disconnects, rate, sent-rate. For example 'p99>50ms', 'loss>0', 'rate<9500/s'.
    /// Separate several with commas. A figure with too few samples also fails.
    #[arg(long, value_name = "CONDITION", value_delimiter = ',', action = ArgAction::Append)]
    pub fail_if: Vec<Condition>,

    /// Exit with status 9 unless this condition is true; repeatable
    ///
    /// An objective, written as for --fail-if: 'p99<50ms,loss=0'. --find-max searches for the highest rate
    /// that meets all of them.
    #[arg(long, value_name = "CONDITION", value_delimiter = ',', action = ArgAction::Append)]
    pub slo: Vec<Condition>,
}

/// A run.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Clients")]
pub struct LoadArgs {
    /// Run this scenario [default: e2e]
    ///
    /// connect: open connections and hold them. pub: publish only. sub: receive what others publish, from a pub
    /// on another machine too, whose clock it asks for through the broker. e2e: publish and receive. fan-in:
    /// many publishers, each subscriber gets everything. fan-out: few publishers, many subscribers. p2p: pairs.
    /// shared: subscribers that share one subscription. retained: retained messages for new subscribers. churn: a
    /// share of the connections drops and reconnects. storm: all of them do so at once.
    #[arg(value_name = "SCENARIO", hide_possible_values = true)]
    pub scenario: Option<Scenario>,

    /// Run a case of the Open MQTT Benchmark Suite
    ///
    /// connect-10k, connect-1m, fan-out-1, fan-out-5, p2p-1k, p2p-50k, shared-1k or shared-50k: payloads of 16
    /// bytes, QoS 1, keepalive 300 s. Explicit options override it.
    #[arg(long, value_name = "NAME", hide_possible_values = true, conflicts_with_all = ["scenario", "groups"])]
    pub preset: Option<Preset>,

    /// Multiply clients and rates by this [default: 1]
    ///
    /// For a preset that is too large or too small; 0.1 is a tenth.
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<Factor>,

    /// Number of publishers [default: depends on the scenario]
    ///
    /// e2e and p2p 10, fan-in 100, shared 10, others 1. A number, optionally with k or M. Over all shards.
    #[arg(long, value_name = "N")]
    pub publishers: Option<ClientCount>,

    /// Number of subscribers [default: depends on the scenario]
    ///
    /// e2e and p2p as many as publishers, fan-out 100, retained 10, shared 2, others 1. Over all shards.
    #[arg(long, value_name = "N")]
    pub subscribers: Option<ClientCount>,

    /// Number of clients that only hold a connection [default: connect, churn and storm 100]
    ///
    /// Over all shards.
    #[arg(short = 'n', long, value_name = "N")]
    pub connections: Option<ClientCount>,

    /// Read groups of clients from this file
    ///
    /// TOML: tables of the array group, each with name, scenario, publishers, subscribers, connections, topic, filter,
    /// payload or size or file, qos, subscribe-qos, retain, rate or stages or inflight, arrival, share-name,
    /// credentials. Anything a group leaves out is taken from the options.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "publishers", "subscribers", "connections"])]
    pub groups: Option<PathBuf>,

    /// Log in with the users in this file, one after the other
    ///
    /// CSV: user name, password and, if there is a third column, the client identifier; a first line
    /// username,password is a heading.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,

    /// Spread the clients over this broker too; repeatable
    ///
    /// A URL. Instead of --url and --host, or in addition to them: client 0 connects to the first one, client 1 to
    /// the next. Several --bind addresses, separated by commas, are used in turn in the same way.
    #[arg(long, value_name = "URL", action = ArgAction::Append, conflicts_with = "with_broker")]
    pub broker: Vec<Endpoint>,

    /// Start a built-in development broker and load-test it
    ///
    /// It runs as long as this command and shares the machine with the load: good for a first look, not for
    /// figures to quote. It listens on --host and --port [default: 127.0.0.1 and a free port].
    #[arg(long)]
    pub with_broker: bool,

    /// Publish to this topic; repeatable [default: mqt/bench/{run}/{i}]
    ///
    /// A template: {i} is the publisher's number, {seq} the message's, {client} the client identifier,
    /// {rand:8} eight random digits, {now} milliseconds since 1970, {run} the run ID. With several topics,
    /// publisher 0 uses the first one, publisher 1 the next.
    #[arg(short = 't', long, value_name = "TOPIC", action = ArgAction::Append, help_heading = "Message",
          allow_hyphen_values = true)]
    pub topic: Vec<PayloadTemplate>,

    /// Subscribe to this; repeatable [default: the publishers' topics]
    ///
    /// A template as for --topic; {i} is the subscriber's number.
    #[arg(long, value_name = "FILTER", action = ArgAction::Append, help_heading = "Message",
          allow_hyphen_values = true)]
    pub filter: Vec<PayloadTemplate>,

    /// Share the subscription under this name [default: mqt]
    ///
    /// For the scenario shared.
    #[arg(long, value_name = "NAME", help_heading = "Message")]
    pub share_name: Option<String>,

    /// Publish payloads of this size [default: 64]
    ///
    /// Bytes, such as 64 or 16k, or a range to draw from evenly: 16-1024. Sizes below that of the stamp are padded.
    #[arg(short = 's', long, value_name = "SIZE|MIN-MAX", help_heading = "Message", group = "content")]
    pub size: Option<PayloadSize>,

    /// Publish this text
    ///
    /// A template as for --topic; the stamp follows it.
    #[arg(
        short = 'm',
        long,
        value_name = "TEXT",
        help_heading = "Message",
        group = "content",
        allow_hyphen_values = true
    )]
    pub message: Option<PayloadTemplate>,

    /// Publish the content of this file
    ///
    /// Byte for byte; the stamp follows it.
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "Message", group = "content")]
    pub file: Option<PathBuf>,

    /// QoS level to publish with: 0, 1 or 2 [default: 1]
    ///
    /// At QoS 0 nothing is confirmed, and a closed loop is as fast as the connection.
    #[arg(short = 'q', long, value_name = "QOS", help_heading = "Message", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// QoS level to subscribe with: 0, 1 or 2 [default: same as --qos]
    ///
    /// Messages arrive with the lower of the two.
    #[arg(long, value_name = "QOS", help_heading = "Message", allow_negative_numbers = true)]
    pub subscribe_qos: Option<QoS>,

    /// Retain the last message of each topic
    ///
    /// The retained messages stay on the broker.
    #[arg(long, help_heading = "Message")]
    pub retain: bool,

    /// Leave the stamp out of the messages
    ///
    /// The stamp holds run, publisher, number and intended time: without it neither loss nor
    /// latency is measured.
    #[arg(long, help_heading = "Message")]
    pub no_stamp: bool,

    /// Publish at this total rate, whatever the broker does [default: 1k/s]
    ///
    /// An open loop: each message has an intended time on a fixed schedule, and the response time is measured
    /// from it. Messages per second, such as 500, 10k or 2.5M, or with a unit: 10k/s, 600/min.
    #[arg(short = 'r', long, value_name = "RATE", help_heading = "Load", conflicts_with_all = ["inflight", "stage"])]
    pub rate: Option<LoadRate>,

    /// Publish in stages, each with its own rate; repeatable
    ///
    /// DURATION@RATE: --stage 10s@1k --stage 30s@5k. Instead of --rate and --duration.
    #[arg(long, value_name = "DURATION@RATE", action = ArgAction::Append, help_heading = "Load",
          conflicts_with_all = ["inflight", "duration"])]
    pub stage: Vec<LoadStage>,

    /// Arrival process: constant or poisson [default: constant]
    ///
    /// constant: at equal intervals. poisson: at random, like independent senders.
    #[arg(
        long,
        value_name = "KIND",
        help_heading = "Load",
        hide_possible_values = true,
        conflicts_with = "inflight"
    )]
    pub arrival: Option<Arrival>,

    /// Publish while a publisher has fewer than this many unconfirmed messages
    ///
    /// A closed loop: the broker sets the pace, so its stalls do not show in the figures. For the
    /// highest throughput; see --find-max for a rate to rely on.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub inflight: Option<Window>,

    /// Open this many connections per second [default: as fast as the broker accepts them]
    ///
    /// In total, over all shards.
    #[arg(long, value_name = "RATE", help_heading = "Load")]
    pub connect_rate: Option<LoadRate>,

    /// Raise the rate from 0 over this time [default: 0]
    ///
    /// Before the warm-up; messages sent then are not counted.
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    pub ramp: Option<TimeSpan>,

    /// Warm-up time, excluded from the results [default: 1s]
    ///
    /// The messages are marked as belonging to the warm-up, so none of them is counted. 0 with
    /// --count and for connect, churn and storm unless given.
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    pub warmup: Option<TimeSpan>,

    /// Measure for this long [default: 10s, with a preset 60s, with --count unlimited]
    ///
    /// In the scenarios connect, churn and storm, connections are held for this long.
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    pub duration: Option<TimeSpan>,

    /// Measure this many messages
    ///
    /// Over all publishers and shards. With --duration, whichever comes first.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub count: Option<NonZeroU64>,

    /// Time to wait at the end for messages still in flight [default: 5s]
    ///
    /// The wait ends as soon as nothing is missing. Messages that have not arrived by then are lost.
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    pub drain: Option<TimeSpan>,

    /// Drop this share of the connections each time [default: 10%]
    ///
    /// For the scenario churn.
    #[arg(long, value_name = "SHARE", help_heading = "Load")]
    pub churn: Option<Share>,

    /// Drop connections this often [default: 1s, for storm 5s]
    ///
    /// For the scenarios churn and storm.
    #[arg(long, value_name = "DURATION", help_heading = "Load")]
    pub churn_every: Option<TimeSpan>,

    /// Search for the highest rate that holds --slo
    ///
    /// Starts at --rate, doubles it until an objective is missed, then halves the gap until it is below 5 %.
    /// Each step measures for --duration and is printed.
    #[arg(long, help_heading = "Load", requires = "slo",
          conflicts_with_all = ["inflight", "stage", "count", "repeat", "shard", "groups"])]
    pub find_max: bool,

    /// Run this many times [default: 1]
    ///
    /// The report shows each figure with its range, and compare can tell noise from a difference.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub repeat: Option<NonZeroU32>,

    /// Number of threads that drive the clients [default: one per core]
    ///
    /// Each has its share of the connections.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub threads: Option<NonZeroUsize>,

    /// Run as shard INDEX of COUNT, counted from 0
    ///
    /// Each shard has its share of clients and rate; `mqt bench merge` combines the results. All of them need
    /// the same options and the same --run-id or --start-at. The load begins when all of them are connected, by the clock
    /// of shard 0, which the others ask for through the broker. /COUNT takes the index from JOB_COMPLETION_INDEX, which
    /// Kubernetes sets.
    #[arg(long, value_name = "INDEX/COUNT", help_heading = "Many machines")]
    pub shard: Option<ShardChoice>,

    /// Start at this time
    ///
    /// 2026-01-31T12:00:00Z, or seconds since 1970 after an @; a time in the past is refused. The first connection is
    /// opened then, except for one that checks whether the broker is there.
    #[arg(long, value_name = "TIME", help_heading = "Many machines")]
    pub start_at: Option<StartAt>,

    /// Run ID that marks the messages [default: a random one]
    ///
    /// 16 hexadecimal digits, or any other text that they are derived from. With --shard the default is derived from
    /// --start-at and the other options.
    #[arg(long, value_name = "ID", help_heading = "Many machines")]
    pub run_id: Option<RunId>,

    /// Where results go.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Serve metrics on this address while running
    ///
    /// OpenMetrics over HTTP, for Prometheus and the like. ADDRESS:PORT, or a port on this machine; port 0
    /// picks a free one, which is printed.
    #[arg(long, value_name = "ADDRESS", help_heading = "Report")]
    pub openmetrics: Option<MetricsAddress>,

    /// What decides the exit status.
    #[command(flatten)]
    pub verdict: VerdictArgs,

    /// The connections.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// A number of clients: `500`, `10k`, `1M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCount(pub u32);

impl FromStr for ClientCount {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, factor) = match text.char_indices().next_back() {
            Some((at, 'k' | 'K')) => (text.split_at(at).0, 1_000),
            Some((at, 'M')) => (text.split_at(at).0, 1_000_000),
            _ => (text, 1),
        };
        let count = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(factor));
        count.filter(|count| *count <= MOST_CLIENTS).map(Self).ok_or(BenchValueError::Clients)
    }
}

/// More clients than any machine or cluster that this runs on.
const MOST_CLIENTS: u32 = 100_000_000;

/// Where metrics are served: an address and a port, or a port on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsAddress(pub SocketAddr);

impl FromStr for MetricsAddress {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = || text.parse().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        text.parse().or_else(|_| port()).map(Self).map_err(|_| BenchValueError::MetricsAddress)
    }
}

/// `mqt bench` as a clap command.
pub(in crate::cli) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    BenchArgs::augment_args(Command::new("bench"))
        .about("Load-test a broker")
        .long_about(
            "Load-test an MQTT broker: measure how much it carries and how late messages arrive.\n\n\
             Latency is measured from the time at which a message was due, so stalls of the broker show. \
             Each percentile is printed with its number of samples, and omitted when there are too few. Anything \
             that makes the result unreliable is reported first. Without options: 10 publishers, 10 subscribers, 1,000 \
             messages per second, 10 seconds, on localhost.\n\n\
             The exit status is that of the verdict (--slo, --fail-if); without one, that of the first connection \
             that failed.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt bench --with-broker")
        .mut_arg("bind", |arg| {
            arg.value_name("ADDRESS,…").help("Connect from these local addresses in turn").long_help(
                "Connect from these local addresses in turn.\n\nNames or addresses of this machine, \
                 separated by commas. Each has its own ports: about 28,000 connections to one broker.",
            )
        })
        .mut_arg("id", |arg| {
            arg.value_name("TEMPLATE")
                .help("Use client identifiers of this form [default: mqt-{run}-{i}]")
                .long_help(
                    "Use client identifiers of this form [default: mqt-{run}-{i}].\n\n{i} is the number of the \
                     client in the whole run, {run} the last 8 digits of the run id: servers need not take more than 23 \
                     characters.",
                )
        })
        .mut_arg("id_prefix", |arg| {
            arg.help("Use this, the process number and the number of the client as client identifier")
        })
        .mut_arg("max_inflight", |arg| {
            arg.help("Have at most this many QoS 1 and 2 messages on the way [default: 65535]").long_help(
                "Have at most this many QoS 1 and 2 messages of a client on the way [default: 65535].\n\nA smaller \
                 limit of the broker wins (receive maximum, MQTT 5). It bounds an open loop too: what is due \
                 waits, and the response time counts on.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_clients_have_prefixes() {
        for (text, expected) in
            [("0", Some(0)), ("500", Some(500)), ("10k", Some(10_000)), ("1M", Some(1_000_000))]
        {
            assert_eq!(text.parse().ok().map(|ClientCount(n)| n), expected);
        }
        for bad in ["", "k", "-1", "1G", "101M", "4294967296", "4294968k"] {
            assert_eq!(bad.parse::<ClientCount>(), Err(BenchValueError::Clients), "{bad}");
        }
    }

    #[test]
    fn metrics_are_served_on_this_machine_unless_an_address_is_given() {
        let address = |text: &str| text.parse().map(|MetricsAddress(address)| address.to_string());
        assert_eq!(address("9100"), Ok("127.0.0.1:9100".to_owned()));
        assert_eq!(address("0.0.0.0:0"), Ok("0.0.0.0:0".to_owned()));
        assert_eq!(address("[::1]:9"), Ok("[::1]:9".to_owned()));
        assert!(address("x").is_err() && address("65536").is_err());
    }
}
