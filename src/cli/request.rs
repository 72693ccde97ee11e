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
  Answer requests by a command, in another terminal:
    mqt rr --serve -t 'service/#' --exec 'date -u +%FT%TZ'
  How long do answers take? 1000 requests, 100 a second:
    mqt rr -t service/time -e reply/me -m now -C 1000 --rate 100/s --latency
";

/// What was typed after `mqt rr`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// Publish the request to this topic; with --serve, answer what is published to this filter
    ///
    /// With --serve it may have wildcards and be given several times.
    #[arg(short = 't', long, value_name = "TOPIC", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Have the answer published to this topic
    ///
    /// It is subscribed to, and sent along as response topic (MQTT 5). With MQTT 3 both sides have to know it.
    /// Without it, MQTT 5 requests take a topic of their own: mqt/rr/ and a random number.
    #[arg(short = 'e', long, value_name = "TOPIC", allow_hyphen_values = true,
          value_parser = topic_parser::<TopicName>())]
    pub response_topic: Option<TopicName>,

    /// Send this text
    ///
    /// It may be empty. Any bytes that an argument can have are sent as they are.
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
    /// Byte for byte, after it has ended.
    #[arg(short = 's', long, group = "source")]
    pub stdin_file: bool,

    /// Send an empty message
    ///
    /// The topic alone is the question.
    #[arg(short = 'n', long, group = "source")]
    pub null_message: bool,

    /// Publish and subscribe at this quality of service: 0, 1 or 2 [default: 0]
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
    /// By default retained messages are skipped, and with MQTT 5 the broker is asked not to send them: they are older
    /// than the request.
    #[arg(long, conflicts_with = "no_retained")]
    pub retained_answers: bool,

    /// Keep the retain flag as it was published
    ///
    /// Otherwise brokers set it only on messages that were retained before the subscription. MQTT 5 only.
    #[arg(long)]
    pub retain_as_published: bool,

    /// Ask for retained messages always, for new subscriptions only, or never [default: always]
    ///
    /// With --serve or --retained-answers. The values are always, new and never; new is of use with -c. MQTT 5 only.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub retain_handling: Option<RetainChoice>,

    /// Send so many requests [default: 1]
    ///
    /// One after the other, each when the one before is answered, unless --rate says when.
    #[arg(short = 'C', long, value_name = "N", allow_negative_numbers = true, help_heading = "Repetition")]
    pub count: Option<NonZeroU64>,

    /// Send requests at this rate
    ///
    /// As in 100/s, 30/m or 0.5 (a second), whether or not those before are answered. MQTT 5 tells the
    /// answers apart by their correlation data; with MQTT 3 the first answer counts for the oldest request.
    #[arg(long, value_name = "RATE", requires = "count", help_heading = "Repetition")]
    pub rate: Option<RequestRate>,

    /// Print how long each answer took
    ///
    /// After the answer, as Latency: 0.8ms. With -C also a summary on standard error.
    #[arg(long, help_heading = "Repetition")]
    pub latency: bool,

    /// Wait so long for an answer
    ///
    /// With -C for each one. The exit status is 27 when one is missing. Seconds, or a number with a unit.
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
    /// By --exec. Runs until a signal arrives: then no further command starts, those that run have 5 s to finish, and
    /// their answers are confirmed. A second signal kills the commands at once. Requests left unanswered are counted, and the
    /// exit status is 30 unless the broker keeps them (-q 1 with -c and -i).
    #[arg(long, requires = "exec", help_heading = "Service",
          conflicts_with_all = ["message", "file", "stdin_file", "null_message", "retained_answers", "count", "rate",
                                "latency", "timeout", "no_newline", "verbose", "format"])]
    pub serve: bool,

    /// Run this command for each request, and answer with what it prints
    ///
    /// The shell runs it. Standard input is the payload; these variables are set: MQT_TOPIC, MQT_QOS, MQT_RETAIN,
    /// MQT_RESPONSE_TOPIC, MQT_CORRELATION_DATA (hexadecimal), MQT_CONTENT_TYPE, and MQT_USER_PROPERTIES, a JSON array such as
    /// [{"site":"hall"}]. MQT_USER_SITE is the user property site; a name that makes the same variable as another one is
    /// found in the array only.
    ///
    /// The answer is what was printed by the time the command exits, at most 1 MiB, or as much as --max-message allows. On unix
    /// all processes that it has left in its process group are killed then, and when mqt itself is killed; one that called
    /// setsid is not. The answer goes to the response topic of the request, else to -e. A request without either runs the
    /// command and sends nothing. A command that fails sends nothing unless --on-failure is given. A request is acknowledged
    /// to the broker only after its command has exited.
    #[arg(long, value_name = "COMMAND", help_heading = "Service")]
    pub exec: Option<String>,

    /// End a command that takes longer than this [default: 30s]
    ///
    /// It is killed with all that it has started (on unix), and counts as a command that fails. 0 lets it take as long as it
    /// wants. Seconds, or a number with a unit.
    #[arg(
        long,
        value_name = "DURATION",
        allow_negative_numbers = true,
        requires = "exec",
        help_heading = "Service"
    )]
    pub exec_timeout: Option<TimeSpan>,

    /// Answer with this text when the command fails
    ///
    /// It may be empty. With MQTT 5 the user property "error" says why. By default a command that fails sends no answer.
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        requires = "exec",
        help_heading = "Service"
    )]
    pub on_failure: Option<OsString>,

    /// Run at most so many commands at once [default: 4]
    ///
    /// Further requests wait, and the broker with them.
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Service")]
    pub parallel: Option<NonZeroUsize>,

    /// Print the topic before the payload
    ///
    /// Topic, space, payload.
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,

    /// Print each answer in this format
    ///
    /// The fields of mosquitto: see `mqt sub --help`.
    #[arg(short = 'F', long, value_name = "FORMAT", allow_hyphen_values = true, help_heading = "Output")]
    pub format: Option<String>,

    /// Indent JSON over several lines
    ///
    /// For %j and %J in -F.
    #[arg(long, requires = "format", help_heading = "Output")]
    pub pretty: bool,

    /// Print no line feed after an answer
    ///
    /// The output is then the payload byte for byte.
    #[arg(short = 'N', long, help_heading = "Output")]
    pub no_newline: bool,

    /// Print control characters as they are on a terminal too
    ///
    /// Otherwise a terminal gets them escaped, since a payload could drive it. A pipe or a file always gets
    /// the exact bytes.
    #[arg(long, help_heading = "Output")]
    pub raw: bool,

    /// Let answers of at most this much wait to be written [default: 64M]
    ///
    /// Messages with their properties, as they lie in memory; beyond it nothing is read from the broker. Bytes, or a
    /// number with k, M, G; 64k at least.
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
            "Publish a request and print what comes back on the response topic; or, with --serve, answer requests \
             by a command.\n\n\
             The exit status is 0 only when every request was answered; `mqt help exit-codes` lists the others.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt rr -t service/time -e reply/me -m now -W 2\n  mqt rr --help         everything, with more examples")
}
