//! The options of `mqt sub`.

use std::num::NonZeroU64;

use clap::{ArgAction, Args, Command};

use mqt_proto::{QoS, TopicFilter};

use super::connection::ConnectionArgs;
use super::values::{ByteSize, Chance, Overflow, RetainChoice, SubscriptionId, TimeSpan, topic_parser};

const EXAMPLES: &str = "\
Examples:
  Start your own broker and show what arrives:
    mqt sub --with-broker -t 'mqtt/test/#' -v
  Show everything below home/ with its topic:
    mqt sub -h broker.example -t 'home/#' -v
  Read one value into a shell variable, waiting up to 2 s:
    state=$(mqt sub -t home/lamp -C 1 -W 2)
  Print everything about each message, one JSON object per line:
    mqt sub -t '#' --json | jq -r .topic
  Keep a session that misses nothing while disconnected:
    mqt sub -i logger -c -q 1 -t 'home/#' >> home.log
";

/// The options of `mqt sub`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Subscription")]
pub struct SubscribeArgs {
    /// Subscribe to these topic filters, as with -t
    ///
    /// Instead of -t: mqt sub 'home/#'.
    #[arg(value_name = "FILTER", conflicts_with = "topic", value_parser = topic_parser::<TopicFilter>())]
    pub filter_words: Vec<TopicFilter>,

    /// Subscribe to this topic filter; repeatable
    ///
    /// In a filter, + matches one level and a final # matches everything below. $share/NAME/FILTER shares
    /// the messages among all subscribers that use that name. Quote filters for the shell.
    #[arg(short = 't', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub topic: Vec<TopicFilter>,

    /// Discard messages whose topic matches this filter; repeatable
    ///
    /// They are received, but neither printed nor counted.
    #[arg(short = 'T', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub filter_out: Vec<TopicFilter>,

    /// Unsubscribe from this filter; repeatable
    ///
    /// After subscribing. For subscriptions kept in a session (-c).
    #[arg(short = 'U', long, value_name = "FILTER", action = ArgAction::Append, allow_hyphen_values = true,
          value_parser = topic_parser::<TopicFilter>())]
    pub unsubscribe: Vec<TopicFilter>,

    /// Request this QoS level: 0, 1 or 2 [default: 0]
    ///
    /// At 1 and 2, a message is acknowledged only after it has been written to standard output, so a full disk
    /// or a blocked pipe loses nothing.
    #[arg(short = 'q', long, value_name = "QOS", allow_negative_numbers = true)]
    pub qos: Option<QoS>,

    /// Skip retained messages
    ///
    /// Messages published before the subscription. MQTT 5 brokers are asked not to send them.
    #[arg(short = 'R', long, conflicts_with_all = ["retained_only", "remove_retained", "retain_handling"])]
    pub no_retained: bool,

    /// Print only retained messages, and exit once all of them have arrived
    ///
    /// Use QoS 0, the default: at QoS 1 and 2, brokers drop what exceeds their queue.
    #[arg(long)]
    pub retained_only: bool,

    /// Clear each retained message that arrives
    ///
    /// Publishes an empty message to its topic. Use it with --retained-only to clean up; the exit status is 0 only
    /// if the broker has confirmed that everything is cleared.
    #[arg(long)]
    pub remove_retained: bool,

    /// Keep the retain flag as published
    ///
    /// Without this, brokers set it only on messages retained before the subscription. MQTT 5 only.
    #[arg(long)]
    pub retain_as_published: bool,

    /// When the broker sends retained messages: always, new or never [default: always]
    ///
    /// new: only for new subscriptions, useful with -c. MQTT 5 only.
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub retain_handling: Option<RetainChoice>,

    /// Do not receive messages published by this client
    ///
    /// MQTT 5 only.
    #[arg(long)]
    pub no_local: bool,

    /// Set the subscription identifier
    ///
    /// 1 to 268435455. The broker adds it to every message that matches these subscriptions. MQTT 5 only.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub subscription_id: Option<SubscriptionId>,

    /// Fail if any subscription is refused or granted a lower QoS
    ///
    /// Without this, it is a warning as long as one subscription is granted. Exit status 12 or 24.
    #[arg(long)]
    pub strict: bool,

    /// Start a built-in development broker and subscribe to it
    ///
    /// It runs as long as this command and listens on --host and --port [default: 127.0.0.1:1883]; port 0
    /// picks a free port. Variables and profiles do not change that. The command to publish with is printed on
    /// stderr.
    #[arg(long)]
    pub with_broker: bool,

    /// Exit after receiving this many messages
    ///
    /// Messages that filters discard are not counted.
    #[arg(short = 'C', long, value_name = "N", allow_negative_numbers = true, help_heading = "End")]
    pub count: Option<NonZeroU64>,

    /// Exit after this long, connecting included
    ///
    /// Seconds, or a duration such as 500ms or 2m. Exit status 27.
    #[arg(short = 'W', long, value_name = "DURATION", allow_negative_numbers = true, help_heading = "End")]
    pub timeout: Option<TimeSpan>,

    /// Exit when no message has arrived for this long
    ///
    /// Counted from the subscription and again from each message. Exit status 27 if -C was not
    /// reached. Seconds, or a duration such as 500ms or 2m.
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, help_heading = "End")]
    pub idle: Option<TimeSpan>,

    /// Exit once the broker has acknowledged the subscriptions
    ///
    /// Useful with -c to create a session for later.
    #[arg(short = 'E', long, help_heading = "End")]
    pub exit_after_subscribe: bool,

    /// Print the topic before the payload
    ///
    /// Topic, space, payload: what `mqt pub --split-topic` reads. Use --json if topics contain spaces or payloads line feeds.
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,

    /// Print each message in this format
    ///
    /// The same fields as mosquitto. %t topic, %p payload, %x and %X payload in hexadecimal, %l its length, %q QoS,
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
    /// One per line, with time, topic, qos, retain, payload (payload_base64 if it is not UTF-8) and MQTT 5
    /// properties in order: nothing is lost, and `mqt pub --json` reads it back.
    #[arg(long, help_heading = "Output", conflicts_with_all = ["verbose", "no_newline"])]
    pub json: bool,

    /// Indent JSON over several lines
    ///
    /// With --json, or with %j and %J in -F. `mqt pub --json` reads this too.
    #[arg(long, help_heading = "Output")]
    pub pretty: bool,

    /// Print a random sample of the messages, in percent
    ///
    /// 0.1 to 100. The other messages are received and counted, but not printed.
    #[arg(long, value_name = "PERCENT", help_heading = "Output")]
    pub random_filter: Option<Chance>,

    /// Show one line per topic, updated in place
    ///
    /// On a terminal. The screen is cleared first, and each topic keeps its line.
    #[arg(short = 'w', long, help_heading = "Output",
          conflicts_with_all = ["json", "no_newline", "message_rate"])]
    pub watch: bool,

    /// Print a message count every second instead of the messages
    ///
    /// For example 250 msgs/s; seconds without messages are printed too. Every message that arrives is counted.
    #[arg(long, help_heading = "Output",
          conflicts_with_all = ["json", "verbose", "format", "no_newline", "count"])]
    pub message_rate: bool,

    /// Do not print a line feed after each message
    ///
    /// The output is then exactly the payloads, one after the other.
    #[arg(short = 'N', long, help_heading = "Output")]
    pub no_newline: bool,

    /// Print control characters unescaped, even on a terminal
    ///
    /// By default they are escaped on a terminal, because a payload could control it. Pipes and files always get
    /// the exact bytes.
    #[arg(long, help_heading = "Output")]
    pub raw: bool,

    /// Buffer output instead of writing each message at once
    ///
    /// Faster when writing to files.
    #[arg(long, help_heading = "Output")]
    pub buffer: bool,

    /// What to do when output is slower than the broker: block, drop-new, drop-old or exit [default: block]
    ///
    /// block stops reading from the broker. drop-new and drop-old drop QoS 0 messages; how many is
    /// printed at the end. QoS 1 and 2 messages are never dropped.
    #[arg(long, value_name = "POLICY", hide_possible_values = true, help_heading = "Output")]
    pub overflow: Option<Overflow>,

    /// Memory for messages waiting to be printed [default: 64M]
    ///
    /// Messages with their properties, as held in memory; beyond it --overflow applies. Bytes, or a number
    /// with k, M or G; at least 64k.
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
            "Subscribe to topics on an MQTT broker and print what arrives.\n\n\
             It runs until it is interrupted, or until -C, -W, --idle or -E stops it. `mqt help exit-codes` lists the \
             exit statuses.",
        )
        .after_long_help(EXAMPLES)
        .after_help("Examples:\n  mqt sub --with-broker -t 'mqtt/test/#' -v")
}
