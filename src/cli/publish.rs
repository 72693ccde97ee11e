//! The options of `mqt pub`.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicName};

use super::connection::ConnectionArgs;
use super::values::{OnError, Separator, Speed, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Publish a text:
    mqt pub -t mqtt/test/hello -m 'Hello World'
  Keep the message at the broker for later subscribers, confirmed:
    mqt pub -h broker.example -t home/lamp -m on -q 1 -r
  Publish each line as it comes:
    tail -f sensor.log | mqt pub -t home/log -l -q 1
  Publish what another mqt has received, topics and properties too:
    mqt sub -L mqtt://old.example -t '#' --json | mqt pub -L mqtt://new.example --json
  Publish a recording again, twice as fast:
    mqt pub --json --replay today.jsonl --speed 2x
  Clear a retained message:
    mqt pub -t home/lamp -n -r
";

/// What was typed after `mqt pub`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Message")]
pub struct PublishArgs {
    /// Publish to this topic, as with -t
    ///
    /// In place of -t: mqt pub TOPIC MESSAGE.
    #[arg(value_name = "TOPIC", conflicts_with_all = ["topic", "split_topic"], value_parser = topic_parser::<TopicName>())]
    pub topic_word: Option<TopicName>,

    /// Publish this text, as with -m
    ///
    /// A text of several words stands in quotes.
    #[arg(value_name = "MESSAGE", group = "source")]
    pub message_word: Option<OsString>,

    /// Publish to this topic; repeatable
    ///
    /// Each message goes to each topic. A topic has no wildcards.
    #[arg(short = 't', long, value_name = "TOPIC", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicName>())]
    pub topic: Vec<TopicName>,

    /// Publish this text
    ///
    /// It may be empty. Any bytes that an argument can have are sent as they are.
    #[arg(short = 'm', long, value_name = "TEXT", action = ArgAction::Append, allow_hyphen_values = true,
          group = "source")]
    pub message: Option<OsString>,

    /// Publish the content of this file as one message
    ///
    /// Byte for byte.
    #[arg(short = 'f', long, value_name = "FILE", action = ArgAction::Append, group = "source")]
    pub file: Option<PathBuf>,

    /// Publish all of standard input as one message
    ///
    /// Byte for byte, after it has ended.
    #[arg(short = 's', long, group = "source")]
    pub stdin_file: bool,

    /// Publish each line of standard input as a message
    ///
    /// As soon as the line is complete. The line feed is not part of the message; every other byte is, NUL
    /// and carriage return too. An empty line is an empty message, and a last line without line feed counts.
    /// When the broker is slow, reading waits.
    #[arg(short = 'l', long, group = "source")]
    pub stdin_line: bool,

    /// Publish each NUL-terminated record of standard input as a message
    ///
    /// As -l, with NUL in place of the line feed: for payloads with line feeds, as from find -print0.
    #[arg(short = '0', long, group = "source")]
    pub stdin_null: bool,

    /// Publish an empty message
    ///
    /// With -r it clears the retained message of the topic.
    #[arg(short = 'n', long, group = "source")]
    pub null_message: bool,

    /// Publish each JSON object on standard input
    ///
    /// One object a line, as `mqt sub --json` prints them, or over many lines, one behind another, or in arrays: topic, qos, retain,
    /// payload or payload_base64, properties. What an object lacks comes from -t, -q and -r. After a broken object
    /// --on-error=skip goes on at the next line on which one can begin.
    #[arg(long, group = "source")]
    pub json: bool,

    /// Publish the JSON objects in this file, each when it is its time
    ///
    /// With --json. A file of `mqt watch --record`, `mqt sub --json` or `mosquitto_sub -F %j`: the time from one message to
    /// the next is that of their tst, a date and time with its offset from UTC, or the seconds or milliseconds since 1970.
    /// A message without one is an error.
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub replay: Option<PathBuf>,

    /// Publish the recording so much faster [default: 1x]
    ///
    /// 10x is ten times as fast, 0.5x half as fast.
    #[arg(long, value_name = "FACTOR", requires = "replay")]
    pub speed: Option<Speed>,

    /// Split each line into topic, separator and payload
    ///
    /// With -l or -0, in place of -t. The separator is one space unless =SEP gives another; \t is a tab. The
    /// first one in the line counts, as in the output of `mqt sub -v`. A topic with a space or a payload with a line feed does not
    /// come back like this: --json takes what `mqt sub --json` prints.
    #[arg(long, value_name = "SEP", num_args = 0..=1, require_equals = true, default_missing_value = " ",
          conflicts_with_all = ["topic", "message", "file", "stdin_file", "null_message", "json"])]
    pub split_topic: Option<Separator>,

    /// Cut a carriage return off the end of each line
    ///
    /// With -l, for input with CR LF line ends.
    #[arg(long, conflicts_with_all = ["message", "file", "stdin_file", "null_message", "json", "stdin_null"])]
    pub crlf: bool,

    /// Publish at this quality of service: 0, 1 or 2 [default: 0]
    ///
    /// 0: sent once, never confirmed. 1: confirmed, may arrive more than once. 2: confirmed, arrives once.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Have the broker keep the message for later subscribers
    ///
    /// The last retained message of a topic is kept. See -n for how to clear it.
    #[arg(short = 'r', long)]
    pub retain: bool,

    /// Publish the message this many times [default: 1]
    ///
    /// With -m, -f, -s or -n.
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["stdin_line", "stdin_null", "json"])]
    pub repeat: Option<NonZeroU64>,

    /// Wait this long between two rounds of --repeat [default: 0]
    ///
    /// From the confirmation of one to the start of the next. Seconds, or a number with a unit.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, requires = "repeat")]
    pub repeat_delay: Option<TimeSpan>,

    /// Exit after this time, connecting included
    ///
    /// Seconds, or a number with a unit. Exit status 27; the summary says how many messages are not confirmed.
    #[arg(short = 'W', long, value_name = "DURATION", allow_negative_numbers = true)]
    pub timeout: Option<TimeSpan>,

    /// On input that cannot be published: stop or skip [default: stop]
    ///
    /// For -l, -0 and --json: a record that is not JSON, has no valid topic or is too large, and a message that the
    /// broker refuses by closing the connection. After skip the exit status still tells it.
    #[arg(long, value_name = "ACTION", hide_possible_values = true)]
    pub on_error: Option<OnError>,

    /// Lower the quality of service to what the broker supports
    ///
    /// Otherwise a broker that does not support the QoS is an error (exit status 24).
    #[arg(long)]
    pub downgrade_qos: bool,

    /// Fail when nobody has subscribed to the topic
    ///
    /// Only an MQTT 5 broker says so, and only at QoS 1 and 2. The exit status is 12.
    #[arg(long)]
    pub require_subscriber: bool,

    /// Start a dev broker and publish to it
    ///
    /// It lives as long as this command and listens at --host and --port [default: 127.0.0.1:1883]; port 0
    /// takes a free port. Variables and profiles do not say where.
    #[arg(long)]
    pub with_broker: bool,

    /// The connection.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// `mqt pub` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    PublishArgs::augment_args(Command::new("pub"))
        .about("Publish messages")
        .long_about(
            "Publish messages to an MQTT broker.\n\n\
             The exit status is 0 only when each message was confirmed at its quality of service; \
             `mqt help exit-codes` lists the others.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt pub -t mqtt/test/hello -m 'Hello World'\n  mqt pub --help        everything, with more examples")
}
