//! The options of `mqt sub`.

use std::num::NonZeroU64;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicFilter};

use super::connection::ConnectionArgs;
use super::values::{ByteSize, Chance, Overflow, RetainChoice, SubscriptionId, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Start a broker of your own and show what arrives:
    mqt sub --with-broker -t 'mqtt/test/#' -v
  Show everything below home/ with its topic:
    mqt sub -h broker.example -t 'home/#' -v
  One value into a shell variable, waiting at most 2 seconds:
    state=$(mqt sub -t home/lamp -C 1 -W 2)
  Everything about each message, one JSON object a line:
    mqt sub -t '#' --json | jq -r .topic
  A session that misses nothing while it is away:
    mqt sub -i logger -c -q 1 -t 'home/#' >> home.log
";

/// What was typed after `mqt sub`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Subscription")]
pub struct SubscribeArgs {
    /// Subscribe to these topic filters, as with -t
    ///
    /// In place of -t: mqt sub 'home/#'.
    #[arg(value_name = "FILTER", conflicts_with = "topic", value_parser = topic_parser::<TopicFilter>())]
    pub filter_words: Vec<TopicFilter>,

    /// Subscribe to this topic filter; repeatable
    ///
    /// In a filter + stands for one level, and # at the end for all that follow. $share/NAME/FILTER shares
    /// the messages between all subscribers with that name. Quote it for the shell.
    #[arg(short = 't', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Leave out messages that match this filter; repeatable
    ///
    /// They are received, and neither printed nor counted.
    #[arg(short = 'T', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub filter_out: Vec<TopicFilter>,

    /// Unsubscribe from this filter; repeatable
    ///
    /// After subscribing. For subscriptions that a session of -c has kept.
    #[arg(short = 'U', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub unsubscribe: Vec<TopicFilter>,

    /// Receive at most at this quality of service: 0, 1 or 2 [default: 0]
    ///
    /// At 1 and 2 a message is acknowledged after it was written to standard output: none is lost to a full
    /// or blocked output.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Leave out retained messages
    ///
    /// Those that were published before. MQTT 5 brokers are asked not to send them.
    #[arg(short = 'R', long, conflicts_with_all = ["retained_only", "remove_retained", "retain_handling"])]
    pub no_retained: bool,

    /// Print retained messages only, and exit once all of them have arrived
    ///
    /// Use QoS 0, the default: at QoS 1 and 2 brokers drop what exceeds their queue.
    #[arg(long)]
    pub retained_only: bool,

    /// Clear each retained message that arrives
    ///
    /// By publishing an empty one to its topic. Together with --retained-only it cleans up, and the exit status is 0 only
    /// when the broker has confirmed that everything is cleared.
    #[arg(long)]
    pub remove_retained: bool,

    /// Keep the retain flag as it was published
    ///
    /// Otherwise brokers set it only on messages that were retained before the subscription. MQTT 5 only.
    #[arg(long)]
    pub retain_as_published: bool,

    /// Ask for retained messages always, for new subscriptions only, or never [default: always]
    ///
    /// The values are always, new and never; new is of use with -c. MQTT 5 only.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub retain_handling: Option<RetainChoice>,

    /// Leave out what this client publishes itself
    ///
    /// For clients that share their identifier's session with a publisher. MQTT 5 only.
    #[arg(long)]
    pub no_local: bool,

    /// Have messages marked with this number
    ///
    /// 1 to 268435455. It comes back as a property of each message of these subscriptions. MQTT 5 only.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub subscription_id: Option<SubscriptionId>,

    /// Fail when one subscription is refused or gets a lower QoS
    ///
    /// Otherwise this is a warning as long as one subscription was granted. Exit status 12 or 24.
    #[arg(long)]
    pub strict: bool,

    /// Start a dev broker and subscribe to it
    ///
    /// It lives as long as this command and listens at --host and --port [default: 127.0.0.1:1883]; port 0
    /// takes a free port. Variables and profiles do not say where. The command to publish with is printed on
    /// stderr.
    #[arg(long)]
    pub with_broker: bool,

    /// End after this many messages
    ///
    /// Only printed ones count.
    #[arg(short = 'C', long, value_name = "N", allow_negative_numbers = true, help_heading = "End")]
    pub count: Option<NonZeroU64>,

    /// End after this time
    ///
    /// Counted from the start, the connect included. The exit status is 27. Seconds, or a number with a unit.
    #[arg(short = 'W', long, value_name = "DURATION", allow_negative_numbers = true, help_heading = "End")]
    pub timeout: Option<TimeSpan>,

    /// End when no message came for this long
    ///
    /// Counted from the subscription, and from each message on. The exit status is 27 when -C was not
    /// reached. Seconds, or a number with a unit.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, help_heading = "End")]
    pub idle: Option<TimeSpan>,

    /// End as soon as the broker has acknowledged the subscriptions
    ///
    /// With -c, to set a session up for later.
    #[arg(short = 'E', long, help_heading = "End")]
    pub exit_after_subscribe: bool,

    /// Print the topic before the payload
    ///
    /// Topic, space, payload: what `mqt pub --split-topic` reads. Use --json where topics have spaces or payloads line feeds.
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,

    /// Print each message in this format
    ///
    /// The fields of mosquitto. %t topic, %p payload, %x and %X payload in hexadecimal, %l its length, %q QoS,
    /// %r retain, %m packet identifier, %I local time, %U seconds since 1970, %j and %J JSON, %f and %d payload as
    /// float of 4 and 8 bytes. MQTT 5: %A topic alias, %C content type, %D correlation data, %E expiry interval,
    /// %F payload format indicator, %P user properties, %R response topic, %S subscription identifier. Between %
    /// and the letter: - left, 0 zeros, width, .precision. @Y-@m-@d @H:@M:@S local time as in strftime, \n \t
    /// \0 \\ as in C, %% and @@ the characters themselves. A line feed follows unless -N is given.
    #[arg(
        short = 'F',
        long,
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "json",
        help_heading = "Output"
    )]
    pub format: Option<String>,

    /// Print each message as a JSON object
    ///
    /// One a line, with time, topic, qos, retain, payload (payload_base64 when it is not UTF-8) and MQTT 5
    /// properties in order: nothing is lost, and `mqt pub --json` reads it.
    #[arg(long, help_heading = "Output", conflicts_with_all = ["verbose", "no_newline"])]
    pub json: bool,

    /// Indent JSON over several lines
    ///
    /// With --json, or %j and %J in -F. `mqt pub --json` reads it, too.
    #[arg(long, help_heading = "Output")]
    pub pretty: bool,

    /// Print this percentage of the messages, chosen by chance
    ///
    /// 0.1 to 100. The others are received and counted, and not printed.
    #[arg(long, value_name = "PERCENT", help_heading = "Output")]
    pub random_filter: Option<Chance>,

    /// Show one line a topic, with its latest message
    ///
    /// On a terminal: the screen is cleared first, and each topic keeps its line.
    #[arg(short = 'w', long, help_heading = "Output",
          conflicts_with_all = ["json", "no_newline", "message_rate"])]
    pub watch: bool,

    /// Print the number of messages of each second instead of the messages
    ///
    /// As in 250 msgs/s, and 0 too. Every message that arrives counts.
    #[arg(long, help_heading = "Output",
          conflicts_with_all = ["json", "verbose", "format", "no_newline", "count"])]
    pub message_rate: bool,

    /// Print no line feed after a message
    ///
    /// The output is then the payloads byte for byte, one after the other.
    #[arg(short = 'N', long, help_heading = "Output")]
    pub no_newline: bool,

    /// Print control characters as they are on a terminal too
    ///
    /// Otherwise a terminal gets them escaped, since a payload could drive it. A pipe or a file always gets
    /// the exact bytes.
    #[arg(long, help_heading = "Output")]
    pub raw: bool,

    /// Write in large blocks
    ///
    /// Otherwise each message is written out at once. Faster, for files.
    #[arg(long, help_heading = "Output")]
    pub buffer: bool,

    /// When the output is slower than the broker: block, drop-new, drop-old or exit [default: block]
    ///
    /// block stops reading from the broker. drop-new and drop-old drop QoS 0 messages, and their number is
    /// printed at the end. Messages of QoS 1 and 2 are never dropped.
    #[arg(long, value_name = "POLICY", hide_possible_values = true, help_heading = "Output")]
    pub overflow: Option<Overflow>,

    /// Let at most this much wait to be written [default: 64M]
    ///
    /// Messages with their properties, as they lie in memory; then --overflow says what happens. Bytes, or a number
    /// with k, M, G; 64k at least.
    #[arg(long, value_name = "SIZE", help_heading = "Output")]
    pub max_memory: Option<ByteSize>,

    /// The connection.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// `mqt sub` as a clap command.
pub(super) fn command() -> Command {
    // The texts come last: clap takes the comment of the struct for them.
    SubscribeArgs::augment_args(Command::new("sub"))
        .about("Subscribe and print messages")
        .long_about(
            "Subscribe to topics at an MQTT broker and print what arrives.\n\n\
             It runs until it is interrupted, or ends by -C, -W, --idle or -E. `mqt help exit-codes` lists the \
             exit statuses.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt sub --with-broker -t 'mqtt/test/#' -v\n  mqt sub --help        everything, with more examples")
}
