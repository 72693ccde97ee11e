//! The options of `mqt watch`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicFilter};

use super::connection::ConnectionArgs;
use super::values::{ByteSize, Decode, Speed, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Watch everything on the local broker, using the whole terminal:
    mqt watch
  Watch another broker: everything below home/, and the broker's own topics:
    mqt watch -h broker.example -t 'home/#' --sys
  Record to a file while watching:
    mqt watch --record today.jsonl
  Replay the file without a broker, ten times as fast:
    mqt watch --replay today.jsonl --speed 10x
  In a script, print the busiest topics of five seconds:
    mqt watch --once 5s --json | jq -r '.topics[0].topic'
";

/// The options of `mqt watch`.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Topics")]
pub struct WatchArgs {
    /// Watch this topic filter; repeatable [default: all topics]
    ///
    /// In a filter, + matches one level and a final # matches everything below. Quote filters for the shell.
    #[arg(short = 't', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Discard messages whose topic matches this filter; repeatable
    ///
    /// They are received, but neither shown, counted nor recorded.
    #[arg(short = 'T', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub filter_out: Vec<TopicFilter>,

    /// Also watch what the broker publishes about itself ($SYS/#)
    ///
    /// The filter # does not match topics that begin with $.
    #[arg(long)]
    pub sys: bool,

    /// Request this QoS level: 0, 1 or 2 [default: 0]
    ///
    /// At 1 and 2, a message is acknowledged once it is shown and, with --record, recorded.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Start a built-in development broker and watch it
    ///
    /// It runs as long as this command and listens on --host and --port [default: 127.0.0.1:1883]; port 0
    /// picks a free port. Variables and profiles do not change that.
    #[arg(long, conflicts_with = "replay")]
    pub with_broker: bool,

    /// Append each message to this file
    ///
    /// One JSON object per line, as `mqt sub --json` prints them; `mqt pub --json` reads them back. A last line that was cut off gets
    /// its line end first.
    #[arg(long, value_name = "FILE", help_heading = "Recording", conflicts_with = "replay")]
    pub record: Option<PathBuf>,

    /// Show a recording instead of a broker
    ///
    /// A file made by --record, `mqt sub --json` or `mosquitto_sub -F %j`, with its original timing. Lines without a time
    /// (tst) are skipped and counted.
    #[arg(long, value_name = "FILE", help_heading = "Recording")]
    pub replay: Option<PathBuf>,

    /// Replay at this multiple of the original speed [default: 1x]
    ///
    /// For example 10x, or 0.5x for half the speed.
    #[arg(long, value_name = "FACTOR", requires = "replay", help_heading = "Recording")]
    pub speed: Option<Speed>,

    /// Read payloads as auto, json, text, hex, msgpack or cbor [default: auto]
    ///
    /// auto uses the content type of a message. Without one, UTF-8 is text (a complete JSON object or array is
    /// formatted as JSON), and other bytes are shown in hexadecimal. The key v changes it for a topic.
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, help_heading = "Output")]
    pub decode: Option<Decode>,

    /// Print tables as plain lines instead of using the whole terminal
    ///
    /// One every --interval. Also used when standard output or input is not a terminal.
    #[arg(long, help_heading = "Output")]
    pub plain: bool,

    /// Print JSON objects, one per line, instead of using the whole terminal
    ///
    /// One every --interval: topics, counts, rates, last values. schema/watch.schema.json describes it.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print one table or object and exit [default: after --interval]
    ///
    /// After this long, counted from the subscription. Seconds, or a duration such as 500ms or 2m.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, help_heading = "Output")]
    pub once: Option<Option<TimeSpan>>,

    /// Print a table or object this often [default: 2s]
    ///
    /// With --plain, --json or --once. Seconds, or a duration such as 500ms or 2m.
    #[arg(long, value_name = "DURATION", help_heading = "Output")]
    pub interval: Option<TimeSpan>,

    /// Print at most this many topics, the busiest first [default: 20, with --json all]
    ///
    /// With --plain, --json or --once.
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub top: Option<NonZeroUsize>,

    /// Leave the mouse to the terminal
    ///
    /// The key m does the same while running. Otherwise most terminals select text while Shift is held.
    #[arg(long, help_heading = "Output")]
    pub no_mouse: bool,

    /// Keep at most this many topics [default: 200000]
    ///
    /// Messages on further topics are counted but not shown.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_topics: Option<NonZeroUsize>,

    /// Keep at most this many messages per topic [default: 100]
    ///
    /// Including the latest.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub history: Option<NonZeroUsize>,

    /// Keep at most this much of each payload [default: 64k]
    ///
    /// The rest is not shown; recordings have all of it. Bytes, or a number with k, M or G.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_payload: Option<ByteSize>,

    /// Keep at most this much in total [default: 144M]
    ///
    /// Topics and messages with their properties, as held in memory. The oldest messages are dropped first; topics take
    /// at most three quarters. What is dropped is counted on the screen. Bytes, or a number with k, M or G; at least
    /// 64k. --memory is the same.
    #[arg(long, alias = "memory", value_name = "SIZE", help_heading = "Limits")]
    pub max_memory: Option<ByteSize>,

    /// The connection.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// `mqt watch` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    WatchArgs::augment_args(Command::new("watch"))
        .about("Watch a broker live: topics, values, rates, history")
        .long_about(
            "Watch an MQTT broker live: a tree of topics with counts, rates and last values, and \
             for each topic its value, history, changes, chart, properties and statistics.\n\n\
             On a terminal it uses the whole screen; ? lists the keys and q quits. Elsewhere it prints \
             tables, or JSON with --json. It reconnects automatically.",
        )
        .after_long_help(EXAMPLES)
        .after_help(
            "Examples:\n  mqt watch -t 'home/#'\n  mqt watch --help      everything, with more examples",
        )
}
