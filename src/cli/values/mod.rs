//! Value parsers: text as it is typed, in the environment or in a profile → values that cannot be wrong.
//!
//! Every type here and every foreign one that options use is [`FromStr`], so that clap, environment and
//! profile read a value in one and the same way.

mod from_settings;

pub use from_settings::{read_flag, read_list, read_value};

use std::ffi::OsString;
use std::num::{NonZeroU16, NonZeroU64, ParseIntError};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use thiserror::Error;

use mqt_client::{Attempts, Endpoint, EndpointError, TlsVersion, VersionChoice};
use mqt_proto::{RetainHandling, Secret, TopicError, Version};

/// Why a text is not the value that an option takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Neither a number of seconds nor a number with a unit.
    #[error("not a duration; write seconds, as in 5 or 0.5, or a unit, as in 250ms, 10s, 5m, 1h")]
    Duration,
    /// A session expiry interval outside of 0 to 4,294,967,295 seconds.
    #[error("not a session expiry; write seconds from 0 to 4294967295, a unit, as in 1h or 7d, or never")]
    Expiry,
    /// A keep alive outside of 0 to 65,535 seconds.
    #[error("not a keep alive; write whole seconds from 0 (off) to 65535, or a unit, as in 90s or 5m")]
    KeepAlive,
    /// Neither a number of bytes nor a number with a unit.
    #[error("not a size; write bytes, as in 2000000, or a unit, as in 64k, 16M, 1G (powers of 1024)")]
    Size,
    /// A packet size outside of 1 to 4,294,967,295 bytes.
    #[error("not a packet size; it is from 1 byte to 4294967295 bytes")]
    PacketSize,
    /// No known protocol version.
    #[error("not a protocol version; it is auto, 5, 3.1.1 or 3.1")]
    Version,
    /// No factor.
    #[error("not a speed; write a factor, as in 2x, 10x or 0.5x")]
    Speed,
    /// No number of tries.
    #[error("not a number of tries; write a number or forever")]
    Attempts,
    /// 0, where at least 1 is needed.
    #[error("not a number from 1 to 65535")]
    Window,
    /// A subscription identifier outside of its range (3.8.2.1.2).
    #[error("not a number from 1 to 268435455")]
    SubscriptionId,
    /// A share of messages outside of 0.1 to 100 percent.
    #[error("not a percentage from 0.1 to 100")]
    Chance,
    /// No rate.
    #[error("not a rate; write a number a second, as in 100 or 0.5, or a unit, as in 100/s, 30/m, 10/h")]
    Rate,
    /// An empty separator.
    #[error("the separator is empty; write at least one character, or \\t for a tab")]
    Separator,
    /// Neither true nor false.
    #[error("neither true nor false")]
    Flag,
}

/// A span of time: a number of seconds, or a number with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan(pub Duration);

impl FromStr for TimeSpan {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && let Ok(seconds) = text.parse::<f64>()
        {
            return Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| ValueError::Duration);
        }
        humantime::parse_duration(text).map(Self).map_err(|_| ValueError::Duration)
    }
}

/// Seconds, rounded up: a part of a second counts as one.
fn whole_seconds(span: TimeSpan) -> u64 {
    span.0.as_secs().saturating_add(u64::from(span.0.subsec_nanos() > 0))
}

/// A session expiry interval in seconds; 4,294,967,295 never expires (3.1.2.11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(pub u32);

impl Expiry {
    /// The session never expires.
    pub const NEVER: Self = Self(u32::MAX);
}

impl FromStr for Expiry {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "never" | "-1" | "∞") {
            return Ok(Self::NEVER);
        }
        let span: TimeSpan = text.parse().map_err(|_| ValueError::Expiry)?;
        u32::try_from(whole_seconds(span)).map(Self).map_err(|_| ValueError::Expiry)
    }
}

/// A keep alive in seconds; 0 is off (3.1.2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAliveSeconds(pub u16);

impl FromStr for KeepAliveSeconds {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: TimeSpan = text.parse().map_err(|_| ValueError::KeepAlive)?;
        u16::try_from(whole_seconds(span)).map(Self).map_err(|_| ValueError::KeepAlive)
    }
}

/// How many QoS 1 and 2 publishes may be unacknowledged: 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(pub NonZeroU16);

impl FromStr for Window {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ValueError::Window)
    }
}

/// A subscription identifier: 1 to 268,435,455 (3.8.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionId(pub u32);

impl FromStr for SubscriptionId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .filter(|number| (1..=268_435_455).contains(number))
            .map(Self)
            .ok_or(ValueError::SubscriptionId)
    }
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenUrl(pub Endpoint);

impl FromStr for ListenUrl {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Endpoint::listening(text).map(Self)
    }
}

/// Why an argument is no topic name or topic filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicValueError {
    /// It breaks a rule of section 4.7.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// [MQTT-1.5.4-1]
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// What a value parser says; what the standard library says of numbers is not for people.
pub(super) fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    use std::num::IntErrorKind;
    match error.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::Zero) => "not a number from 1 on".to_owned(),
        Some(IntErrorKind::PosOverflow) => "the number is too large".to_owned(),
        Some(_) => "not a whole number".to_owned(),
        None => error.to_string().replace("..=", " to "),
    }
}

/// Takes any value for a secret: from here on it does not show.
pub(super) fn secret_parser() -> impl TypedValueParser<Value = Secret> {
    OsStringValueParser::new().map(|word: OsString| Secret::new(word.into_encoded_bytes()))
}

/// Reads a topic name or a topic filter.
pub(super) fn topic_parser<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = TopicError> + Clone + Send + Sync + 'static,
{
    OsStringValueParser::new().try_map(|word: OsString| -> Result<T, TopicValueError> {
        Ok(word.to_str().ok_or(TopicValueError::NotUtf8)?.parse()?)
    })
}

/// A number of bytes: plain, or with `k`, `M`, `G` (also `KiB`, `MiB`, `GiB`) as powers of 1024, or with
/// `kB`, `MB`, `GB` as powers of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor: u64 = match unit.trim_start() {
            "" | "B" => 1,
            "k" | "K" | "KiB" => 1 << 10,
            "M" | "MiB" => 1 << 20,
            "G" | "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(ValueError::Size),
        };
        let number: u64 = number.parse().map_err(|_| ValueError::Size)?;
        number.checked_mul(factor).map(Self).ok_or(ValueError::Size)
    }
}

/// A limit for whole packets: 1 to 4,294,967,295 bytes (3.1.2.11.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketSize(pub u32);

impl FromStr for PacketSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ByteSize(size) = text.parse()?;
        match u32::try_from(size) {
            Ok(size) if size > 0 => Ok(Self(size)),
            _ => Err(ValueError::PacketSize),
        }
    }
}

/// A protocol version as people write it: `5`, `3.1.1`, and mosquitto's `mqttv5`, `311`, `mqttv311`, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionName(pub VersionChoice);

impl FromStr for VersionName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let version = match text.to_ascii_lowercase().as_str() {
            "auto" => return Ok(Self(VersionChoice::Auto)),
            "5" | "5.0" | "mqttv5" => Version::V5,
            "3.1.1" | "311" | "mqttv311" | "4" => Version::V311,
            "3.1" | "31" | "mqttv31" | "3" => Version::V31,
            _ => return Err(ValueError::Version),
        };
        Ok(Self(VersionChoice::Only(version)))
    }
}

/// How much faster than it was recorded: `10`, `10x`, `0.5x`. In thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed(pub NonZeroU64);

impl Speed {
    /// As fast as it was recorded.
    pub const RECORDED: Self = Self(NonZeroU64::MIN.saturating_add(999));

    /// The factor.
    #[must_use]
    pub fn factor(self) -> f64 {
        self.0.get() as f64 / 1e3
    }
}

impl FromStr for Speed {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix(['x', 'X']).unwrap_or(text);
        let factor: f64 = number.parse().map_err(|_| ValueError::Speed)?;
        if !(1e-3..=1e6).contains(&factor) {
            return Err(ValueError::Speed);
        }
        NonZeroU64::new((factor * 1e3).round() as u64).map(Self).ok_or(ValueError::Speed)
    }
}

/// How often to try again: a number, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries(pub Attempts);

impl FromStr for Tries {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "forever" => Ok(Self(Attempts::Unlimited)),
            number => number.parse().map(|n| Self(Attempts::AtMost(n))).map_err(|_| ValueError::Attempts),
        }
    }
}

/// The value of an option that cannot be served here: that it is given is all that matters, and it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unserved;

impl FromStr for Unserved {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

/// A share of all messages, in tenths of a percent: 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(pub u16);

impl Chance {
    /// From 0.1 to 100 percent; further digits are cut off.
    #[must_use]
    pub fn from_percent(percent: f64) -> Option<Self> {
        let tenths = (percent * 10.0).floor();
        // Compared first: NaN and everything out of range is none.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 1000")]
        (1.0..=1000.0).contains(&tenths).then_some(Self(tenths as u16))
    }
}

impl FromStr for Chance {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| ValueError::Chance)?;
        Self::from_percent(percent).ok_or(ValueError::Chance)
    }
}

/// How often something is to happen: the time from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// More than 0.
    pub interval: Duration,
}

impl FromStr for RequestRate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, seconds) = match text.split_once('/') {
            None | Some((_, "s")) => (text.strip_suffix("/s").unwrap_or(text), 1.0),
            Some((number, "m" | "min")) => (number, 60.0),
            Some((number, "h")) => (number, 3600.0),
            Some(_) => return Err(ValueError::Rate),
        };
        let number: f64 = number.trim().parse().map_err(|_| ValueError::Rate)?;
        let interval = Duration::try_from_secs_f64(seconds / number).map_err(|_| ValueError::Rate)?;
        if interval.is_zero() { Err(ValueError::Rate) } else { Ok(Self { interval }) }
    }
}

/// What is between topic and payload in a line; `\t` is a tab and `\\` a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Separator(pub String);

impl FromStr for Separator {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ValueError::Separator);
        }
        // The second replacement cannot meet what the first one made: NUL cannot be in an argument.
        Ok(Self(text.replace("\\\\", "\0").replace("\\t", "\t").replace('\0', "\\")))
    }
}

/// Values to choose from by name; the first one is the default.
macro_rules! choices {
    ($($(#[$meta:meta])* $name:ident {
        $(#[$first_meta:meta])* $first:ident,
        $($(#[$variant_meta:meta])* $variant:ident,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
        pub enum $name {
            $(#[$first_meta])*
            #[default]
            $first,
            $($(#[$variant_meta])* $variant,)*
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as ValueEnum>::from_str(text, true).map_err(|_| {
                    let known = Self::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                    let names: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
                    format!("it is one of {}", names.join(", "))
                })
            }
        }
    )*};
}

choices! {
    /// When to use colours.
    ColorChoice {
        /// On a terminal, unless NO_COLOR is set
        Auto,
        /// Always
        Always,
        /// Never
        Never,
    }
    /// The form of the closing summary, on stderr.
    SummaryFormat {
        /// A line for people
        Text,
        /// One JSON object in one line
        Json,
    }
    /// What to do with an input record that cannot be published: not JSON, no topic, too long.
    OnError {
        /// Publish what came before it, report it and end
        Stop,
        /// Report it and go on; the exit status tells it in the end
        Skip,
    }
    /// How `mqt watch` reads payloads.
    Decode {
        /// By the content type; without one as text, or as bytes where they are no UTF-8
        Auto,
        /// JSON
        Json,
        /// Text
        Text,
        /// Bytes in hexadecimal
        Hex,
        /// MessagePack
        Msgpack,
        /// CBOR
        Cbor,
    }
    /// What to do when the reader of standard output is slower than the broker.
    Overflow {
        /// Stop reading from the broker
        Block,
        /// Drop QoS 0 messages as they come in
        DropNew,
        /// Drop the oldest waiting QoS 0 messages
        DropOld,
        /// Fail
        Exit,
    }
    /// The lowest TLS version to speak.
    TlsMinimum {
        /// TLS 1.2 or 1.3
        #[value(name = "tlsv1.2", alias = "1.2")]
        Tls12,
        /// TLS 1.3
        #[value(name = "tlsv1.3", alias = "1.3")]
        Tls13,
    }
    /// Which retained messages the broker sends when a subscription is made.
    RetainChoice {
        /// Each time it is made
        Always,
        /// Only when it is new
        New,
        /// Never
        Never,
    }
}

impl From<TlsMinimum> for TlsVersion {
    fn from(minimum: TlsMinimum) -> Self {
        match minimum {
            TlsMinimum::Tls12 => Self::Tls12,
            TlsMinimum::Tls13 => Self::Tls13,
        }
    }
}

impl From<RetainChoice> for RetainHandling {
    fn from(choice: RetainChoice) -> Self {
        match choice {
            RetainChoice::Always => Self::Always,
            RetainChoice::New => Self::New,
            RetainChoice::Never => Self::Never,
        }
    }
}

#[cfg(test)]
mod tests;
