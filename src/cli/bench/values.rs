//! Values of the options of `mqt bench`: scenarios, presets, rates, stages, sizes, shards, start times.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::super::values::{ByteSize, TimeSpan};

/// Why a text is not the value that an option of `mqt bench` takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BenchValueError {
    /// No number of things per time.
    #[error("not a rate; write messages a second, as in 500, 10k, 2.5M, or with a unit: 10k/s, 600/min")]
    Rate,
    /// Not `DURATION@RATE`.
    #[error("not a stage; write DURATION@RATE, as in 10s@1k ({0})")]
    Stage(String),
    /// Neither a size nor a range of sizes.
    #[error(
        "not a payload size; write bytes, as in 64 or 16k, or a range, as in 16-1024; the largest is 268435455"
    )]
    PayloadSize,
    /// Not `i/n`.
    #[error("not a shard; write INDEX/COUNT with the index from 0, as in 0/4 to 3/4, or /COUNT")]
    Shard,
    /// Not a number of clients.
    #[error("not a number of clients; write up to 100000000, or with k or M, as in 500, 10k, 1M")]
    Clients,
    /// Neither an address with a port nor a port.
    #[error("not an address; write ADDRESS:PORT, as in 0.0.0.0:9100, or a port on this machine")]
    MetricsAddress,
    /// No point in time.
    #[error("not a time; write it as 2026-01-31T12:00:00Z, or as seconds since 1970 behind an @")]
    StartAt,
    /// No share of a whole.
    #[error("not a share; write a percentage, as in 10%, or a fraction from 0 to 1, as in 0.1")]
    Share,
    /// A factor that is not above 0.
    #[error("not a factor above 0, as in 0.1 or 4")]
    Factor,
    /// An empty text.
    #[error("not a run id; it has 16 hexadecimal digits, or is any other text")]
    RunId,
}

/// What is put on the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Open connections and hold them
    Connect,
    /// Publish, and receive nothing
    Pub,
    /// Receive what others publish
    Sub,
    /// Publish and receive, with the latency of each delivery
    #[default]
    E2e,
    /// Many publishers, few subscribers: every subscriber gets everything
    FanIn,
    /// Few publishers, many subscribers: every subscriber gets everything
    FanOut,
    /// Pairs of one publisher and one subscriber
    P2p,
    /// Subscribers that share one subscription
    Shared,
    /// Have retained messages sent to new subscribers
    Retained,
    /// A share of the connections drops and returns, again and again
    Churn,
    /// All connections drop and return at once
    Storm,
}

impl Scenario {
    /// The name as it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Pub => "pub",
            Self::Sub => "sub",
            Self::E2e => "e2e",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
            Self::P2p => "p2p",
            Self::Shared => "shared",
            Self::Retained => "retained",
            Self::Churn => "churn",
            Self::Storm => "storm",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A case of the Open MQTT Benchmark Suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 10,000 connections, 100 a second
    #[value(name = "connect-10k")]
    Connect10k,
    /// 1,000,000 connections, 5,000 a second
    #[value(name = "connect-1m")]
    Connect1m,
    /// 1 publisher, 1,000 subscribers, 1,000 deliveries a second
    #[value(name = "fan-out-1")]
    FanOut1,
    /// 5 publishers, 1,000 subscribers, 250,000 deliveries a second
    #[value(name = "fan-out-5")]
    FanOut5,
    /// 1,000 pairs, 1,000 messages a second
    #[value(name = "p2p-1k")]
    P2p1k,
    /// 50,000 pairs, 50,000 messages a second
    #[value(name = "p2p-50k")]
    P2p50k,
    /// 1,000 publishers, 5 subscribers that share, 1,000 messages a second
    #[value(name = "shared-1k")]
    Shared1k,
    /// 50,000 publishers, 500 subscribers that share, 50,000 messages a second
    #[value(name = "shared-50k")]
    Shared50k,
}

/// When the messages of an open loop are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// At equal distances
    #[default]
    Constant,
    /// At random: exponentially distributed distances
    Poisson,
}

/// Things per second: finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoadRate(f64);

impl LoadRate {
    /// This many a second; `None` unless finite and above 0.
    #[must_use]
    pub fn per_second(rate: f64) -> Option<Self> {
        (rate.is_finite() && rate > 0.0).then_some(Self(rate))
    }

    /// Things per second.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

// Equality of finite numbers is total.
impl Eq for LoadRate {}

impl FromStr for LoadRate {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, per) = match text.split_once('/') {
            Some((number, unit)) => (number, unit.trim()),
            None => (text, "s"),
        };
        let seconds = match per {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => return Err(BenchValueError::Rate),
        };
        let number = number.trim();
        let (digits, factor) = match number.char_indices().next_back() {
            Some((at, 'k' | 'K')) => (number.split_at(at).0, 1e3),
            Some((at, 'M')) => (number.split_at(at).0, 1e6),
            _ => (number, 1.0),
        };
        let digits = digits.trim();
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(BenchValueError::Rate);
        }
        let value: f64 = digits.parse().map_err(|_| BenchValueError::Rate)?;
        Self::per_second(value * factor / seconds).ok_or(BenchValueError::Rate)
    }
}

impl fmt::Display for LoadRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// A part of the run with a rate of its own: `10s@1k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStage {
    /// How long it lasts.
    pub duration: Duration,
    /// Messages per second in total.
    pub rate: LoadRate,
}

impl FromStr for LoadStage {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| BenchValueError::Stage(why.to_owned());
        let (duration, rate) = text.split_once('@').ok_or_else(|| wrong("there is no @"))?;
        let TimeSpan(duration) =
            duration.parse().map_err(|_| wrong("the part before @ is not a duration"))?;
        let rate = rate.parse().map_err(|_| wrong("the part after @ is not a rate"))?;
        if duration.is_zero() {
            return Err(wrong("it lasts no time"));
        }
        Ok(Self { duration, rate })
    }
}

/// The size of a payload, or the bounds between which it is drawn evenly; bytes, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadSize {
    /// The smallest.
    pub min: u32,
    /// The largest.
    pub max: u32,
}

impl FromStr for PayloadSize {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = |text: &str| {
            let ByteSize(bytes) = text.trim().parse().map_err(|_| BenchValueError::PayloadSize)?;
            u32::try_from(bytes)
                .ok()
                .filter(|bytes| usize::try_from(*bytes).is_ok_and(|n| n <= mqt_proto::MAX_REMAINING_LENGTH))
                .ok_or(BenchValueError::PayloadSize)
        };
        let (min, max) = match text.split_once('-') {
            Some((min, max)) => (size(min)?, size(max)?),
            None => (size(text)?, size(text)?),
        };
        if min <= max { Ok(Self { min, max }) } else { Err(BenchValueError::PayloadSize) }
    }
}

/// One of several processes that make up a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0 to below `count`.
    pub index: u32,
    /// How many there are.
    pub count: NonZeroU32,
}

impl Shard {
    /// The part of `total` numbered things that is this shard's: as equal as whole numbers can be, in order.
    #[must_use]
    pub fn part_of(self, total: u32) -> std::ops::Range<u32> {
        let (index, count, total) = (u64::from(self.index), u64::from(self.count.get()), u64::from(total));
        let at = |index: u64| u32::try_from(total * index / count).unwrap_or(u32::MAX);
        at(index)..at(index + 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A shard as it is typed: `0/4`, or `/4` where the surroundings know the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardChoice {
    /// From 0 to below `count`; `None`: the surroundings know it.
    pub index: Option<u32>,
    /// How many there are.
    pub count: NonZeroU32,
}

impl ShardChoice {
    /// The shard, given what the surroundings say.
    ///
    /// # Errors
    /// There is no index, or it is not below the count.
    pub fn shard(self, index: Option<u32>) -> Result<Shard, BenchValueError> {
        match self.index.or(index) {
            Some(index) if index < self.count.get() => Ok(Shard { index, count: self.count }),
            _ => Err(BenchValueError::Shard),
        }
    }
}

impl FromStr for ShardChoice {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, count) = text.split_once('/').ok_or(BenchValueError::Shard)?;
        let index = match index.trim() {
            "" => None,
            index => Some(index.parse().map_err(|_| BenchValueError::Shard)?),
        };
        let choice = Self { index, count: count.trim().parse().map_err(|_| BenchValueError::Shard)? };
        // An index that is typed is checked now, one that is not where it is known.
        choice.shard(Some(0)).map(|_| choice)
    }
}

/// When several processes are to start together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartAt(pub SystemTime);

impl FromStr for StartAt {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let since_1970 = match text.strip_prefix('@') {
            Some(seconds) => {
                let TimeSpan(span) = seconds.parse().map_err(|_| BenchValueError::StartAt)?;
                span
            }
            None => {
                let moment: jiff::Timestamp = text.parse().map_err(|_| BenchValueError::StartAt)?;
                let nanos = u64::try_from(moment.as_nanosecond()).map_err(|_| BenchValueError::StartAt)?;
                Duration::from_nanos(nanos)
            }
        };
        SystemTime::UNIX_EPOCH.checked_add(since_1970).map(Self).ok_or(BenchValueError::StartAt)
    }
}

/// A part of a whole, above 0 and at most 1: `10%`, `0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(f64);

impl Share {
    /// A tenth.
    pub const TENTH: Self = Self(0.1);

    /// The fraction.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

// Equality of finite numbers is total.
impl Eq for Share {}

impl FromStr for Share {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, whole) = match text.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let value: f64 = digits.parse().map_err(|_| BenchValueError::Share)?;
        let share = value / whole;
        if share > 0.0 && share <= 1.0 { Ok(Self(share)) } else { Err(BenchValueError::Share) }
    }
}

/// What the clients and the rate of a preset are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor(pub f64);

impl FromStr for Factor {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(Self(factor)),
            _ => Err(BenchValueError::Factor),
        }
    }
}

/// What the messages of a run carry so that they can be told from those of another one: 64 bits, written as 16
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunId(pub u64);

impl FromStr for RunId {
    type Err = BenchValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(BenchValueError::RunId);
        }
        let is_number = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_number);
        Ok(number.map_or_else(|| Self::of_text(text), Self))
    }
}

impl RunId {
    /// The number of a text: the same on every machine (FNV-1a).
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        Self(text.bytes().fold(0xCBF2_9CE4_8422_2325, add))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_prefixes_and_units() {
        for (text, expected) in [
            ("500", Some(500.0)),
            ("10k", Some(10_000.0)),
            ("10k/s", Some(10_000.0)),
            ("2.5M/s", Some(2_500_000.0)),
            ("600/min", Some(10.0)),
            ("7200/h", Some(2.0)),
            ("0.5", Some(0.5)),
            ("0", None),
            ("-1", None),
            ("k", None),
            ("", None),
            ("10k/day", None),
            ("inf", None),
            ("nan", None),
            ("1e999", None),
            ("10kk", None),
        ] {
            assert_eq!(text.parse().ok().map(LoadRate::get), expected, "{text}");
        }
    }

    #[test]
    fn stages_say_what_is_wrong_with_them() {
        let stage: LoadStage = "10s@1k".parse().unwrap();
        assert_eq!((stage.duration, stage.rate.get()), (Duration::from_secs(10), 1_000.0));
        for (text, why) in [
            ("10s", "no @"),
            ("x@1k", "not a duration"),
            ("10s@x", "not a rate"),
            ("0s@1k", "lasts no time"),
            ("10s@", "not a rate"),
        ] {
            let error = text.parse::<LoadStage>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn payload_sizes_are_one_number_or_two() {
        assert_eq!("64".parse(), Ok(PayloadSize { min: 64, max: 64 }));
        assert_eq!("16-1024".parse(), Ok(PayloadSize { min: 16, max: 1_024 }));
        assert_eq!("1k-2k".parse(), Ok(PayloadSize { min: 1_024, max: 2_048 }));
        for bad in ["", "-", "9-8", "x", "1-", "-1", "300M", "268435456"] {
            assert_eq!(bad.parse::<PayloadSize>(), Err(BenchValueError::PayloadSize), "{bad}");
        }
    }

    #[test]
    fn the_parts_of_all_shards_are_the_whole() {
        let shard = |text: &str| text.parse::<ShardChoice>().and_then(|choice| choice.shard(None));
        for count in 1..9 {
            let mut next = 0;
            for index in 0..count {
                let part = shard(&format!("{index}/{count}")).unwrap().part_of(10);
                assert_eq!(part.start, next);
                assert!([10 / count, 10 / count + 1].contains(&(part.end - part.start)));
                next = part.end;
            }
            assert_eq!(next, 10);
        }
        for bad in ["", "1", "1/1", "4/4", "0/0", "-1/2", "a/b", "/", "/0", "/4"] {
            assert_eq!(shard(bad), Err(BenchValueError::Shard), "{bad}");
        }
        let choice: ShardChoice = "/4".parse().unwrap();
        assert_eq!(choice.shard(Some(3)).map(|shard| shard.to_string()), Ok("3/4".to_owned()));
        assert_eq!(choice.shard(Some(4)), Err(BenchValueError::Shard));
    }

    #[test]
    fn start_times_are_written_in_two_ways() {
        let at = |seconds| Ok(StartAt(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
        assert_eq!("@1700000000".parse(), at(1_700_000_000));
        assert_eq!("2023-11-14T22:13:20Z".parse(), at(1_700_000_000));
        assert_eq!("2023-11-14T23:13:20+01:00".parse(), at(1_700_000_000));
        for bad in ["", "@", "noon", "@-1", "2023-11-14", "1700000000", "@1e300"] {
            assert_eq!(bad.parse::<StartAt>(), Err(BenchValueError::StartAt), "{bad}");
        }
    }

    #[test]
    fn shares_factors_and_run_ids() {
        assert_eq!("10%".parse().map(Share::get), Ok(0.1));
        assert_eq!("1".parse().map(Share::get), Ok(1.0));
        assert!(["0", "101%", "2", "x", "-1%", "nan"].iter().all(|text| text.parse::<Share>().is_err()));
        assert_eq!("0.1".parse(), Ok(Factor(0.1)));
        assert!(["0", "-1", "inf", ""].iter().all(|text| text.parse::<Factor>().is_err()));
        assert_eq!("00000000000000ff".parse(), Ok(RunId(255)));
        assert_eq!(RunId(255).to_string(), "00000000000000ff");
        // Of another text it is made: that of "foobar" is in the description of FNV-1a.
        assert_eq!("foobar".parse(), Ok(RunId(0x8594_4171_F739_67E8)));
        assert_ne!("+0000000000000ff".parse(), Ok(RunId(255)));
        assert_eq!("".parse::<RunId>(), Err(BenchValueError::RunId));
    }
}
