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
  Retain a message for later subscribers, and confirm it:
    mqt pub -h broker.example -t home/lamp -m on -q 1 -r
  Publish each line as it arrives:
    tail -f sensor.log | mqt pub -t home/log -l -q 1
  Publish what another mqt has received, topics and properties too:
    mqt sub -L mqtt://old.example -t '#' --json | mqt pub -L mqtt://new.example --json
  Replay a recording at twice the speed:
    mqt pub --json --replay today.jsonl --speed 2x
  Clear a retained message:
    mqt pub -t home/lamp -n -r
";

/// The options of `mqt pub`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Message")]
pub struct PublishArgs {
    /// Publish to this topic, as with -t
    ///
    /// Instead of -t: mqt pub TOPIC MESSAGE.
    #[arg(value_name = "TOPIC", conflicts_with_all = ["topic", "split_topic"], value_parser = topic_parser::<TopicName>())]
    pub topic_word: Option<TopicName>,

    /// Publish this text, as with -m
    ///
    /// Quote a text of several words.
    #[arg(value_name = "MESSAGE", group = "source")]
    pub message_word: Option<OsString>,

    /// Publish to this topic; repeatable
    ///
    /// Each message is sent to every topic. Wildcards are not allowed.
    #[arg(short = 't', long, value_name = "TOPIC", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicName>())]
    pub topic: Vec<TopicName>,

    /// Publish this text
    ///
    /// It may be empty. Any bytes that an argument can hold are sent unchanged.
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
    /// Byte for byte, once it has ended.
    #[arg(short = 's', long, group = "source")]
    pub stdin_file: bool,

    /// Publish each line of standard input as a message
    ///
    /// Each is sent as soon as the line is complete. The line feed is not part of the message; every other byte is, NUL
    /// and carriage return included. An empty line is an empty message, and a last line without a line feed counts.
    /// When the broker is slow, reading pauses.
    #[arg(short = 'l', long, group = "source")]
    pub stdin_line: bool,

    /// Publish each NUL-terminated record of standard input as a message
    ///
    /// Like -l, with NUL instead of the line feed: for payloads that contain line feeds, and for find -print0.
    #[arg(short = '0', long, group = "source")]
    pub stdin_null: bool,

    /// Publish an empty message
    ///
    /// With -r this clears the retained message of the topic.
    #[arg(short = 'n', long, group = "source")]
    pub null_message: bool,

    /// Publish each JSON object on standard input
    ///
    /// One object per line, as `mqt sub --json` prints them, or spread over several lines, or in arrays: topic, qos, retain,
    /// payload or payload_base64, properties. Missing keys are taken from -t, -q and -r. After a broken object
    /// --on-error=skip continues at the next line that can begin one.
    #[arg(long, group = "source")]
    pub json: bool,

    /// Replay a recording with its original timing
    ///
    /// With --json. A file made by `mqt watch --record`, `mqt sub --json` or `mosquitto_sub -F %j`. The time between two
    /// messages comes from their tst: a date and time with its UTC offset, or seconds or milliseconds since 1970.
    /// A message without a tst is an error.
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub replay: Option<PathBuf>,

    /// Replay at this multiple of the original speed [default: 1x]
    ///
    /// For example 10x, or 0.5x for half the speed.
    #[arg(long, value_name = "FACTOR", requires = "replay")]
    pub speed: Option<Speed>,

    /// Split each line into topic, separator and payload
    ///
    /// With -l or -0, instead of -t. The separator is one space unless =SEP gives another; \t is a tab. The
    /// first one on the line counts, as in the output of `mqt sub -v`. Topics with spaces and payloads with line feeds do not
    /// survive this format: use --json with `mqt sub --json` instead.
    #[arg(long, value_name = "SEP", num_args = 0..=1, require_equals = true, default_missing_value = " ",
          conflicts_with_all = ["topic", "message", "file", "stdin_file", "null_message", "json"])]
    pub split_topic: Option<Separator>,

    /// Remove a carriage return from the end of each line
    ///
    /// With -l, for input with CR LF line endings. On Windows this is always done; -0 keeps every byte.
    #[arg(long, conflicts_with_all = ["message", "file", "stdin_file", "null_message", "json", "stdin_null"])]
    pub crlf: bool,

    /// QoS level of the messages: 0, 1 or 2 [default: 0]
    ///
    /// 0: sent once, never confirmed. 1: confirmed, may arrive more than once. 2: confirmed, arrives exactly once.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Retain the message on the broker
    ///
    /// Later subscribers receive the last retained message of a topic. -n -r clears it.
    #[arg(short = 'r', long)]
    pub retain: bool,

    /// Publish the message this many times [default: 1]
    ///
    /// With -m, -f, -s or -n.
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["stdin_line", "stdin_null", "json"])]
    pub repeat: Option<NonZeroU64>,

    /// Wait this long between two rounds of --repeat [default: 0]
    ///
    /// From the confirmation of one to the start of the next. Seconds, or a duration such as 500ms.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, requires = "repeat")]
    pub repeat_delay: Option<TimeSpan>,

    /// Exit after this long, connecting included
    ///
    /// Seconds, or a duration such as 500ms or 2m. Exit status 27; the summary says how many messages are unconfirmed.
    #[arg(short = 'W', long, value_name = "DURATION", allow_negative_numbers = true)]
    pub timeout: Option<TimeSpan>,

    /// What to do with input that cannot be published: stop or skip [default: stop]
    ///
    /// For -l, -0 and --json: a record that is not JSON, has no valid topic or is too large, or a message that the
    /// broker refuses by closing the connection. With skip the exit status still reports it.
    #[arg(long, value_name = "ACTION", hide_possible_values = true)]
    pub on_error: Option<OnError>,

    /// Lower the QoS to what the broker supports
    ///
    /// Without this, a broker that does not support the QoS is an error (exit status 24).
    #[arg(long)]
    pub downgrade_qos: bool,

    /// Fail if nobody has subscribed to the topic
    ///
    /// Only MQTT 5 brokers report this, and only at QoS 1 and 2. Exit status 12.
    #[arg(long)]
    pub require_subscriber: bool,

    /// Start a built-in development broker and publish to it
    ///
    /// It runs as long as this command and listens on --host and --port [default: 127.0.0.1:1883]; port 0
    /// picks a free port. Variables and profiles do not change that.
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
             The exit status is 0 only when every message was confirmed at its QoS level; \
             `mqt help exit-codes` lists the others.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt pub -t mqtt/test/hello -m 'Hello World'")
}
