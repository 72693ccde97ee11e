//! What each command is to do, after options, environment, profile and terminal have been read.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::cli::dialect::Dialect;
use crate::cli::values::{Chance, Speed};
use crate::cli::{ColorChoice, Decode, OnError, Overflow, SummaryFormat};
use mqt_client::ClientOptions;
use mqt_client::listen::{ListenAddress, ServerTls};
use mqt_proto::{Properties, QoS, Subscription, TopicFilter, TopicName};

/// How a command talks on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UiSettings {
    /// When to use colours.
    pub color: ColorChoice,
    /// No errors of the run, warnings, notes and progress: the exit status alone tells.
    pub quiet: bool,
    /// Show packets as they go by.
    pub debug: bool,
    /// Print a summary at the end; `None`: only when something is left unconfirmed.
    pub summary: Option<SummaryFormat>,
    /// In whose words.
    pub dialect: Dialect,
}

/// Where the payloads of `mqt pub` come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageSource {
    /// One message with these bytes (`-m`).
    Message(Bytes),
    /// One message with the bytes of this file (`-f`).
    File(PathBuf),
    /// One message with all of standard input (`-s`).
    StdinWhole,
    /// A message for each line of standard input (`-l`, `-0`).
    Lines {
        /// Ends a message and is not part of it: LF or NUL.
        delimiter: u8,
        /// Also cut one CR off the end of each line.
        crlf: bool,
    },
    /// A message for each JSON object on standard input (`--json`). Topic, QoS and retain that an object
    /// lacks come from the settings.
    JsonLines,
    /// The same from a file, each message when it is its time (`--replay`).
    Recording(Replay),
    /// One message with an empty payload (`-n`).
    Null,
}

impl MessageSource {
    /// Whether standard input is read.
    #[must_use]
    pub const fn reads_stdin(&self) -> bool {
        match self {
            Self::StdinWhole | Self::Lines { .. } | Self::JsonLines => true,
            Self::Message(_) | Self::File(_) | Self::Null | Self::Recording(_) => false,
        }
    }
}

/// What `mqt pub` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishSettings {
    /// The client.
    pub client: ClientOptions,
    /// Each message goes to each of them. Empty only with `split_topic`, [`MessageSource::JsonLines`] and [`MessageSource::Recording`], where
    /// the input names the topics.
    pub topics: Vec<TopicName>,
    /// Where the payloads come from.
    pub source: MessageSource,
    /// With [`MessageSource::Lines`]: each line is topic, this separator, payload. Not empty.
    pub split_topic: Option<Bytes>,
    /// The quality of service.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// PUBLISH properties, in order.
    pub properties: Properties,
    /// How often to publish the message; 1 for streams.
    pub repeat: NonZeroU64,
    /// The pause between two rounds of `repeat`, start to start not guaranteed: at least this long from the
    /// confirmation of one to the start of the next.
    pub repeat_delay: Duration,
    /// The command exits after this time.
    pub timeout: Option<Duration>,
    /// What to do with input that cannot be published.
    pub on_error: OnError,
    /// Lower the QoS to what the broker supports instead of failing.
    pub downgrade_qos: bool,
    /// Fail when the broker says that nobody has subscribed (0x10).
    pub require_subscriber: bool,
    /// Start this dev broker first and publish there: the endpoint of `client` is to be replaced by its
    /// first listener.
    pub with_broker: Option<BrokerSettings>,
    /// How to talk.
    pub ui: UiSettings,
}

/// Which messages to print, by their RETAIN flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainedChoice {
    /// All.
    #[default]
    All,
    /// Only those without the flag (`-R`).
    Hide,
    /// Only those with the flag (`--retained-only`); the command ends when all of them have come, that of mosquitto with the
    /// first message without it.
    Only,
}

/// How `mqt sub` prints a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OutputFormat {
    /// The payload.
    #[default]
    Payload,
    /// Topic, space, payload (`-v`).
    Verbose {
        /// An empty payload is `(null)`, as of a mosquitto client.
        null: bool,
    },
    /// mosquitto's format language (`-F`), unchecked.
    Template {
        /// The format as typed.
        format: String,
        /// Indent the JSON of `%j` and `%J`.
        pretty: bool,
    },
    /// One JSON object a message (`--json`).
    Json {
        /// Over several indented lines.
        pretty: bool,
    },
}

/// What `mqt sub` makes of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// A record for each.
    #[default]
    Records,
    /// A line for each topic on the screen (`-w`).
    Watch,
    /// Their number in each second (`--message-rate`).
    Rate,
}

/// What `mqt sub` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeSettings {
    /// The client.
    pub client: ClientOptions,
    /// The subscriptions, at least one unless `unsubscribe` has one.
    pub subscriptions: Vec<Subscription>,
    /// SUBSCRIBE properties, the subscription identifier among them.
    pub subscribe_properties: Properties,
    /// Filters to unsubscribe from after subscribing.
    pub unsubscribe: Vec<TopicFilter>,
    /// UNSUBSCRIBE properties.
    pub unsubscribe_properties: Properties,
    /// Messages that match one of these are neither printed nor counted.
    pub filter_out: Vec<TopicFilter>,
    /// End after this many messages.
    pub count: Option<NonZeroU64>,
    /// End after this time, from the start of the command; a failure of kind `Timeout` unless `count` was met.
    pub timeout: Option<Duration>,
    /// End when no message came for this long.
    pub idle: Option<Duration>,
    /// End as soon as the subscriptions are acknowledged (`-E`).
    pub exit_after_subscribe: bool,
    /// Which messages to print, by their RETAIN flag.
    pub retained: RetainedChoice,
    /// Clear each retained message that comes in.
    pub remove_retained: bool,
    /// Fail when one subscription is refused or granted with less than what was asked for.
    pub strict: bool,
    /// Start this dev broker first and subscribe there: the endpoint of `client` is to be replaced by its
    /// first listener.
    pub with_broker: Option<BrokerSettings>,
    /// How to print a message.
    pub output: OutputFormat,
    /// Print this share of the messages only.
    pub random_filter: Option<Chance>,
    /// What is printed at all.
    pub view: View,
    /// Whether a line feed follows each message.
    pub newline: bool,
    /// Print control characters as they are, on a terminal too.
    pub raw: bool,
    /// Do not flush after each message.
    pub buffer: bool,
    /// What to do when standard output is too slow.
    pub overflow: Overflow,
    /// Bytes of messages that wait to be written, at most; `None`: the usual.
    pub max_memory: Option<usize>,
    /// How to talk.
    pub ui: UiSettings,
}

/// What `mqt rr` is to do: one of two things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestWork {
    /// Send requests.
    Ask(Box<RequestSettings>),
    /// Answer them (`--serve`).
    Serve(Box<ServeSettings>),
}

impl RequestWork {
    /// How to talk.
    #[must_use]
    pub const fn ui(&self) -> UiSettings {
        match self {
            Self::Ask(settings) => settings.ui,
            Self::Serve(settings) => settings.ui,
        }
    }
}

/// How to send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSettings {
    /// The client.
    pub client: ClientOptions,
    /// Where requests go.
    pub topic: TopicName,
    /// Where the payload comes from: no stream.
    pub source: MessageSource,
    /// To the response topic.
    pub subscription: Subscription,
    /// SUBSCRIBE properties.
    pub subscribe_properties: Properties,
    /// The quality of service of the requests.
    pub qos: QoS,
    /// PUBLISH properties, in order; the response topic among them unless the version is 3.
    pub properties: Properties,
    /// The response topic was made up for this run, and only MQTT 5 can tell the responder about it.
    pub made_up_topic: bool,
    /// A retained message is no answer.
    pub hide_retained: bool,
    /// How many requests.
    pub count: NonZeroU64,
    /// From one request to the next; without it each waits for the answer to the one before.
    pub interval: Option<Duration>,
    /// How long to wait for an answer.
    pub timeout: Option<Duration>,
    /// Print how long each answer took.
    pub latency: bool,
    /// How to print an answer.
    pub output: OutputFormat,
    /// Whether a line feed follows each answer.
    pub newline: bool,
    /// Print control characters as they are, on a terminal too.
    pub raw: bool,
    /// Bytes of answers that wait to be written, at most; `None`: the usual.
    pub max_memory: Option<usize>,
    /// How to talk.
    pub ui: UiSettings,
}

/// How to answer requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    /// The client.
    pub client: ClientOptions,
    /// Where requests come from, at least one.
    pub subscriptions: Vec<Subscription>,
    /// SUBSCRIBE properties.
    pub subscribe_properties: Properties,
    /// What the shell runs for each request.
    pub command: String,
    /// How long it may take.
    pub command_timeout: Option<Duration>,
    /// How many bytes it may print.
    pub largest_answer: usize,
    /// What the answer is when it fails; without it none is sent.
    pub on_failure: Option<Bytes>,
    /// A retained message is no request.
    pub hide_retained: bool,
    /// How many commands run at once.
    pub parallel: NonZeroUsize,
    /// Where answers go to for requests that do not say.
    pub response_topic: Option<TopicName>,
    /// The quality of service of the answers.
    pub qos: QoS,
    /// PUBLISH properties of the answers.
    pub properties: Properties,
    /// How to talk.
    pub ui: UiSettings,
}

/// How much `mqt watch` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchLimits {
    /// Topics.
    pub topics: usize,
    /// Messages of a topic, the last among them.
    pub history: usize,
    /// Bytes of a payload; the rest of a longer one is not kept.
    pub payload: usize,
    /// Bytes that everything together takes.
    pub memory: usize,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self { topics: 200_000, history: 100, payload: 64 * 1024, memory: 144 * 1024 * 1024 }
    }
}

/// How `mqt watch` shows what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    /// On the whole terminal.
    Screen {
        /// Listen to the mouse.
        mouse: bool,
    },
    /// As tables on standard output.
    Table {
        /// As JSON objects, one a line.
        json: bool,
        /// From one to the next.
        interval: Duration,
        /// End after the first.
        once: bool,
        /// At most this many topics, the busiest; `None`: all.
        top: Option<usize>,
    },
}

/// A recording to show or to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The file, JSON lines as `mqt sub --json` prints them.
    pub file: PathBuf,
    /// How much faster than it was recorded.
    pub speed: Speed,
}

/// What `mqt watch` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// The client.
    pub client: ClientOptions,
    /// What to watch, at least one.
    pub filters: Vec<TopicFilter>,
    /// Messages that match one of these are not shown.
    pub filter_out: Vec<TopicFilter>,
    /// The quality of service to subscribe with.
    pub qos: QoS,
    /// SUBSCRIBE properties.
    pub subscribe_properties: Properties,
    /// Start this dev broker first: the endpoint of `client` is to be replaced by its first listener.
    pub with_broker: Option<BrokerSettings>,
    /// Append each message to this file as a JSON line.
    pub record: Option<PathBuf>,
    /// Show this recording; there is no connection then.
    pub replay: Option<Replay>,
    /// How to read payloads.
    pub decode: Decode,
    /// How to show it all.
    pub mode: WatchMode,
    /// How much to keep.
    pub limits: WatchLimits,
    /// How to talk.
    pub ui: UiSettings,
}

/// What the dev broker is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Where to listen, at least one. Port 0 takes a free one.
    pub listen: Vec<ListenAddress>,
    /// For the `mqtts://` and `wss://` listeners: there exactly when there is one.
    pub tls: Option<ServerTls>,
    /// User names and passwords, `NAME:PASSWORD` a line; without it everybody is let in.
    pub password_file: Option<PathBuf>,
    /// With a password file: let clients in that give no user name. Without one: listen on addresses that
    /// are not of this machine only, all the same.
    pub anonymous: bool,
    /// Say who connects, subscribes and leaves.
    pub verbose: bool,
    /// Bytes held for all clients together, at most.
    pub max_memory: Option<usize>,
    /// The largest packet to accept, in bytes.
    pub max_message: Option<u32>,
    /// How many clients are known to come, where that is more than it usually lets in.
    pub clients: usize,
    /// Variables or a profile lead clients to another broker, or there in another way: who is told what to
    /// type has to be told the address too.
    pub clients_go_elsewhere: bool,
    /// How to talk.
    pub ui: UiSettings,
}
