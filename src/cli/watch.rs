//! The options of `mqt watch`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicFilter};

use super::connection::ConnectionArgs;
use super::values::{ByteSize, Decode, Speed, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Everything at the broker of this machine, on the whole terminal:
    mqt watch
  A broker elsewhere, what is below home/ and the broker's own topics:
    mqt watch -h broker.example -t 'home/#' --sys
  What goes on, into a file and onto the screen:
    mqt watch --record today.jsonl
  The same again without a broker, ten times as fast:
    mqt watch --replay today.jsonl --speed 10x
  In a script: the busiest topics of five seconds:
    mqt watch --once 5s --json | jq -r '.topics[0].topic'
";

/// What was typed after `mqt watch`.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Topics")]
pub struct WatchArgs {
    /// Watch this topic filter; repeatable [default: all topics]
    ///
    /// In a filter + stands for one level, and # at the end for all that follow. Quote it for the shell.
    #[arg(short = 't', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Leave out messages that match this filter; repeatable
    ///
    /// They are received, and neither shown, counted nor recorded.
    #[arg(short = 'T', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub filter_out: Vec<TopicFilter>,

    /// Watch what the broker says about itself, $SYS/#, too
    ///
    /// The filter # does not match topics that begin with $.
    #[arg(long)]
    pub sys: bool,

    /// Receive at most at this quality of service: 0, 1 or 2 [default: 0]
    ///
    /// A message of 1 and 2 is acknowledged once it is shown, and once it is recorded with --record.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Start a dev broker and watch it
    ///
    /// It lives as long as this command and listens at --host and --port [default: 127.0.0.1:1883]; port 0
    /// takes a free port. Variables and profiles do not say where.
    #[arg(long, conflicts_with = "replay")]
    pub with_broker: bool,

    /// Append each message to this file
    ///
    /// A JSON object a line, as `mqt sub --json` prints it; `mqt pub --json` reads it too. A last line that was cut off gets
    /// its line end first.
    #[arg(long, value_name = "FILE", help_heading = "Recording", conflicts_with = "replay")]
    pub record: Option<PathBuf>,

    /// Show a recording instead of a broker
    ///
    /// A file of --record, `mqt sub --json` or `mosquitto_sub -F %j`, with the timing of the recording. Lines without a time
    /// (tst) are skipped and counted.
    #[arg(long, value_name = "FILE", help_heading = "Recording")]
    pub replay: Option<PathBuf>,

    /// Show the recording so much faster [default: 1x]
    ///
    /// 10x is ten times as fast, 0.5x half as fast.
    #[arg(long, value_name = "FACTOR", requires = "replay", help_heading = "Recording")]
    pub speed: Option<Speed>,

    /// Read payloads as auto, json, text, hex, msgpack or cbor [default: auto]
    ///
    /// auto goes by the content type of a message. Without one, UTF-8 is text (a whole JSON object or array is
    /// laid out as such), and other bytes are shown in hexadecimal. The key v changes it for a topic.
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, help_heading = "Output")]
    pub decode: Option<Decode>,

    /// Print tables as plain lines instead of using the whole terminal
    ///
    /// One every --interval. This is also what happens when standard output or input is not a terminal.
    #[arg(long, help_heading = "Output")]
    pub plain: bool,

    /// Print JSON objects, one a line, instead of using the whole terminal
    ///
    /// One every --interval: topics, counts, rates, last values. schema/watch.schema.json describes it.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print one table or object and end [default: after --interval]
    ///
    /// After this time, counted from the subscription. Seconds, or a number with a unit.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, help_heading = "Output")]
    pub once: Option<Option<TimeSpan>>,

    /// Print a table or object this often [default: 2s]
    ///
    /// With --plain, --json or --once. Seconds, or a number with a unit.
    #[arg(long, value_name = "DURATION", help_heading = "Output")]
    pub interval: Option<TimeSpan>,

    /// Print at most this many topics, the busiest first [default: 20, with --json all]
    ///
    /// With --plain, --json or --once.
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub top: Option<NonZeroUsize>,

    /// Leave the mouse to the terminal
    ///
    /// The key m does the same while it runs. Without it, most terminals select text while Shift is held.
    #[arg(long, help_heading = "Output")]
    pub no_mouse: bool,

    /// Keep at most this many topics [default: 200000]
    ///
    /// Messages of further topics are counted and not shown.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_topics: Option<NonZeroUsize>,

    /// Keep at most this many messages of a topic [default: 100]
    ///
    /// The last one among them.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub history: Option<NonZeroUsize>,

    /// Keep at most this much of a payload [default: 64k]
    ///
    /// The rest of a longer one is not shown. Recordings have all of it. Bytes, or a number with k, M, G.
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_payload: Option<ByteSize>,

    /// Keep at most this much of everything together [default: 144M]
    ///
    /// Topics and messages with their properties, as they lie in memory. The oldest messages go first; topics take
    /// at most three quarters. What is dropped is counted on the screen. Bytes, or a number with k, M, G; 64k at
    /// least. --memory is the same.
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
        .about("See a broker live: topics, values, rates, history")
        .long_about(
            "See what goes on at an MQTT broker, live: a tree of topics with counts, rates and last values, and \
             for each topic its value, history, changes, chart, properties and statistics.\n\n\
             On a terminal it takes the whole screen; the key ? lists the keys, q ends it. Elsewhere it prints \
             tables, or JSON with --json. It reconnects by itself.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt watch -t 'home/#'\n  mqt watch --help      everything, with more examples")
}
