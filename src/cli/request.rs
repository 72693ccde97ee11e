//! The options of `mqt rr`.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicFilter, TopicName};

use super::connection::ConnectionArgs;
use super::values::{ByteSize, RequestRate, RetainChoice, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Ask once and print the answer:
    mqt rr -t service/time -e service/time/reply -m now -W 2
  Answer requests with a command, in another terminal:
    mqt rr --serve -t 'service/#' --exec 'date -u +%FT%TZ'
  Measure response times: 1000 requests, 100 per second:
    mqt rr -t service/time -e reply/me -m now -C 1000 --rate 100/s --latency
";

/// The options of `mqt rr`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// Topic to send the request to; with --serve, the filter to answer requests from
    ///
    /// With --serve it may contain wildcards and be given several times.
    #[arg(short = 't', long, value_name = "TOPIC", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Topic for the response
    ///
    /// mqt subscribes to it and sends it as the response topic (MQTT 5). With MQTT 3 both sides have to agree on it.
    /// Without this option, MQTT 5 requests use mqt/rr/ followed by a random number.
    #[arg(short = 'e', long, value_name = "TOPIC", allow_hyphen_values = true,
          value_parser = topic_parser::<TopicName>())]
    pub response_topic: Option<TopicName>,

    /// Send this text
    ///
    /// It may be empty. Any bytes that an argument can hold are sent unchanged.
    #[arg(short = 'm', long, value_name = "TEXT", action = ArgAction::Append, allow_hyphen_values = true,
          group = "source")]
    pub message: Option<OsString>,

    /// Send the content of this file
    ///
    /// Byte for byte.
    #[arg(short = 'f', long, value_name = "FILE", action = ArgAction::Append, group = "source")]
    pub file: Option<PathBuf>,

    /// Send all of standard input
    ///
    /// Byte for byte, once it has ended.
    #[arg(short = 's', long, group = "source")]
    pub stdin_file: bool,

    /// Send an empty message
    ///
    /// When the topic alone is the question.
    #[arg(short = 'n', long, group = "source")]
    pub null_message: bool,

    /// QoS level of the request and the subscription: 0, 1 or 2 [default: 0]
    ///
    /// At 1 and 2 the broker confirms the request.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Skip retained messages
    ///
    /// With --serve: retained requests are not answered. Otherwise this is the default.
    #[arg(short = 'R', long)]
    pub no_retained: bool,

    /// Accept a retained message on the response topic as the answer
    ///
    /// By default retained messages are skipped, and MQTT 5 brokers are asked not to send them, because they are older
    /// than the request.
    #[arg(long, conflicts_with = "no_retained")]
    pub retained_answers: bool,

    /// Keep the retain flag as published
    ///
    /// Without this, brokers set it only on messages retained before the subscription. MQTT 5 only.
    #[arg(long)]
    pub retain_as_published: bool,

    /// When the broker sends retained messages: always, new or never [default: always]
    ///
    /// With --serve or --retained-answers. new: only for new subscriptions, useful with -c. MQTT 5 only.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub retain_handling: Option<RetainChoice>,

    /// Send this many requests [default: 1]
    ///
    /// Each is sent when the one before has been answered, unless --rate is given.
    #[arg(short = 'C', long, value_name = "N", allow_negative_numbers = true, help_heading = "Repetition")]
    pub count: Option<NonZeroU64>,

    /// Send requests at this rate
    ///
    /// For example 100/s, 30/m or 0.5 (per second), whether or not earlier ones have been answered. MQTT 5 matches
    /// responses by correlation data; with MQTT 3 the first response counts for the oldest request.
    #[arg(long, value_name = "RATE", requires = "count", help_heading = "Repetition")]
    pub rate: Option<RequestRate>,

    /// Print how long each answer took
    ///
    /// After the response, for example Latency: 0.8ms. With -C, a summary follows on standard error.
    #[arg(long, help_heading = "Repetition")]
    pub latency: bool,

    /// Wait this long for a response
    ///
    /// With -C, for each one. Exit status 27 if one is missing. Seconds, or a duration such as 500ms.
    #[arg(
        short = 'W',
        long,
        value_name = "DURATION",
        allow_negative_numbers = true,
        help_heading = "Repetition"
    )]
    pub timeout: Option<TimeSpan>,

    /// Answer requests instead of sending one
    ///
    /// With --exec. Runs until a signal arrives: no further command is started, running ones have 5 s to finish, and
    /// their responses are confirmed. A second signal kills the commands at once. Unanswered requests are counted, and the
    /// exit status is 30 unless the broker keeps them (-q 1 with -c and -i).
    #[arg(long, requires = "exec", help_heading = "Service",
          conflicts_with_all = ["message", "file", "stdin_file", "null_message", "retained_answers", "count", "rate",
                                "latency", "timeout", "no_newline", "verbose", "format"])]
    pub serve: bool,

    /// Run this command for each request and respond with its output
    ///
    /// It is run by the shell with the payload on standard input and these variables: MQT_TOPIC, MQT_QOS, MQT_RETAIN,
    /// MQT_RESPONSE_TOPIC, MQT_CORRELATION_DATA (hexadecimal), MQT_CONTENT_TYPE, and MQT_USER_PROPERTIES, a JSON array such as
    /// [{"site":"hall"}]. MQT_USER_SITE is the user property site; when two names map to the same variable, the second is
    /// in the array only. On Windows, where the shell is cmd.exe, a value that it would read as more than text is left out:
    /// one with & | < > ^ % ! ( ) or a quotation mark in it, and so MQT_USER_PROPERTIES.
    ///
    /// The response is what was printed by the time the command exits, at most 1 MiB, or as much as --max-message allows. On Unix
    /// all processes left in its process group are killed then, and also when mqt itself is killed; one that called
    /// setsid is not. The response goes to the request's response topic, or else to -e. A request without either runs the
    /// command and sends nothing. A command that fails sends nothing unless --on-failure is given. A request is acknowledged
    /// to the broker only after its command has exited.
    #[arg(long, value_name = "COMMAND", help_heading = "Service")]
    pub exec: Option<String>,

    /// Kill a command that takes longer than this [default: 30s]
    ///
    /// It is killed with everything it has started (on Unix), and counts as failed. 0 means no
    /// limit. Seconds, or a duration such as 500ms or 2m.
    #[arg(
        long,
        value_name = "DURATION",
        allow_negative_numbers = true,
        requires = "exec",
        help_heading = "Service"
    )]
    pub exec_timeout: Option<TimeSpan>,

    /// Respond with this text when the command fails
    ///
    /// It may be empty. With MQTT 5 the user property "error" says why. By default a failing command sends no response.
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        requires = "exec",
        help_heading = "Service"
    )]
    pub on_failure: Option<OsString>,

    /// Run at most this many commands at once [default: 4]
    ///
    /// Further requests wait.
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Service")]
    pub parallel: Option<NonZeroUsize>,

    /// Print the topic before the payload
    ///
    /// Topic, space, payload.
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,

    /// Print each answer in this format
    ///
    /// The same fields as mosquitto: see `mqt sub --help`.
    #[arg(short = 'F', long, value_name = "FORMAT", allow_hyphen_values = true, help_heading = "Output")]
    pub format: Option<String>,

    /// Indent JSON over several lines
    ///
    /// For %j and %J in -F.
    #[arg(long, requires = "format", help_heading = "Output")]
    pub pretty: bool,

    /// Do not print a line feed after each response
    ///
    /// The output is then exactly the payload.
    #[arg(short = 'N', long, help_heading = "Output")]
    pub no_newline: bool,

    /// Print control characters unescaped, even on a terminal
    ///
    /// By default they are escaped on a terminal, because a payload could control it. Pipes and files always get
    /// the exact bytes.
    #[arg(long, help_heading = "Output")]
    pub raw: bool,

    /// Memory for responses waiting to be printed [default: 64M]
    ///
    /// Messages with their properties, as held in memory; beyond it reading from the broker pauses. Bytes, or a
    /// number with k, M or G; at least 64k.
    #[arg(long, value_name = "SIZE", help_heading = "Output")]
    pub max_memory: Option<ByteSize>,

    /// The connection.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// `mqt rr` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    RequestArgs::augment_args(Command::new("rr"))
        .about("Send a request and print the answer, or answer requests")
        .long_about(
            "Publish a request and print what arrives on the response topic; or, with --serve, answer requests \
             with a command.\n\n\
             The exit status is 0 only when every request was answered; `mqt help exit-codes` lists the others.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt rr -t service/time -e reply/me -m now -W 2")
}
