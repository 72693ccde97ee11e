//! Conditions on a result: `p99<50ms`, `loss>0`, `rate>=9500/s`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::super::values::TimeSpan;
use super::values::LoadRate;

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConditionError {
    /// There is nothing to compare with.
    #[error(
        "'{0}' has no comparison; write METRIC<VALUE, as in p99<50ms or loss=0; < <= > >= = != are known"
    )]
    Operator(String),
    /// No such figure.
    #[error(
        "unknown figure '{0}'; there are p50, p99, p99.9 and the like, max (also as service.p99, connect.p99, \
         lag.p99), loss, duplicates, reordered, errors, refused, disconnects, rate and sent-rate"
    )]
    Metric(String),
    /// A latency without its unit, or another text.
    #[error("'{0}' is not a latency; write it with a unit, such as 500us, 50ms or 2s")]
    Latency(String),
    /// No number of messages and no percentage.
    #[error("'{0}' is neither a count nor a percentage, as in 0, 100 or 0.1%")]
    Count(String),
    /// No number of messages per second.
    #[error("'{0}' is not a rate; write messages per second, such as 500, 10k or 10k/s")]
    Rate(String),
}

/// Which of the latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatencyKind {
    /// From the intended time of sending to the arrival.
    Response,
    /// From the actual time of sending to the arrival.
    Service,
    /// From the start of a connect to its CONNACK.
    Connect,
    /// From the intended time of sending to the actual one.
    ScheduleLag,
}

/// A count of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountKind {
    /// Messages that were sent and never arrived; in per cent of those that should have arrived.
    Lost,
    /// Messages that arrived again.
    Duplicates,
    /// Messages that arrived behind a later one of the same publisher.
    OutOfOrder,
    /// Errors of all kinds.
    Errors,
    /// Publishes, subscriptions and connections that the broker refused.
    Refused,
    /// Connections that were lost.
    Disconnects,
}

/// A figure of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A percentile of a latency, in thousandths of a per cent: 99,900 is p99.9. 100,000 is the maximum.
    Percentile(LatencyKind, u32),
    /// A count.
    Count(CountKind),
    /// Messages delivered per second.
    Rate,
    /// Messages sent per second.
    SentRate,
}

/// The maximum as a percentile.
pub const MAXIMUM: u32 = 100_000;

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `=`
    Equal,
    /// `!=`
    Other,
}

impl Relation {
    /// Whether `left` compares to `right` like this.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left.total_cmp(&right).is_eq(),
            Self::Other => left.total_cmp(&right).is_ne(),
        }
    }
}

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Microseconds.
    Micros(f64),
    /// A number of things.
    Count(f64),
    /// A part of what should have been there, in per cent.
    Percent(f64),
    /// Things per second.
    PerSecond(f64),
}

impl Bound {
    /// The number alone.
    #[must_use]
    pub const fn value(self) -> f64 {
        match self {
            Self::Micros(value) | Self::Count(value) | Self::Percent(value) | Self::PerSecond(value) => value,
        }
    }
}

/// A comparison of a figure with a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The figure.
    pub metric: Metric,
    /// How it is compared.
    pub comparison: Relation,
    /// What it is compared with.
    pub bound: Bound,
    source: String,
}

// The numbers in it are finite: equality is total.
impl Eq for Condition {}

/// The two-character ones first: `<=` begins with `<`.
const COMPARISONS: &[(&str, Relation)] = &[
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("!=", Relation::Other),
    ("==", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::More),
    ("=", Relation::Equal),
];

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let at = text.find(['<', '>', '=', '!']).ok_or_else(|| ConditionError::Operator(text.to_owned()))?;
        let (name, rest) = text.split_at(at);
        let (sign, comparison) = COMPARISONS
            .iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or_else(|| ConditionError::Operator(text.to_owned()))?;
        let value = rest.split_at(sign.len()).1.trim();
        let metric: Metric = name.trim().parse()?;
        let bound = match metric {
            Metric::Percentile(..) => latency(value)?,
            Metric::Count(kind) => count(kind, value)?,
            Metric::Rate | Metric::SentRate => {
                let rate: LoadRate = value.parse().map_err(|_| ConditionError::Rate(value.to_owned()))?;
                Bound::PerSecond(rate.get())
            }
        };
        Ok(Self { metric, comparison: *comparison, bound, source: text.to_owned() })
    }
}

impl FromStr for Metric {
    type Err = ConditionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let unknown = || ConditionError::Metric(name.to_owned());
        let (kind, rest) = match name.split_once('.') {
            Some(("response", rest)) => (LatencyKind::Response, rest),
            Some(("service", rest)) => (LatencyKind::Service, rest),
            Some(("connect", rest)) => (LatencyKind::Connect, rest),
            Some(("lag", rest)) => (LatencyKind::ScheduleLag, rest),
            _ => (LatencyKind::Response, name),
        };
        if rest == "max" {
            return Ok(Self::Percentile(kind, MAXIMUM));
        }
        if let Some(digits) = rest.strip_prefix('p') {
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number(whole) || !is_number(fraction) || fraction.len() > 3 || whole.len() > 2 {
                return Err(unknown());
            }
            let number: u32 = format!("{whole}{fraction:0<3}").parse().map_err(|_| unknown())?;
            return if number > 0 { Ok(Self::Percentile(kind, number)) } else { Err(unknown()) };
        }
        match name {
            "loss" | "lost" => Ok(Self::Count(CountKind::Lost)),
            "duplicates" => Ok(Self::Count(CountKind::Duplicates)),
            "reordered" => Ok(Self::Count(CountKind::OutOfOrder)),
            "errors" => Ok(Self::Count(CountKind::Errors)),
            "refused" => Ok(Self::Count(CountKind::Refused)),
            "disconnects" => Ok(Self::Count(CountKind::Disconnects)),
            "rate" => Ok(Self::Rate),
            "sent-rate" => Ok(Self::SentRate),
            _ => Err(unknown()),
        }
    }
}

fn latency(text: &str) -> Result<Bound, ConditionError> {
    let wrong = || ConditionError::Latency(text.to_owned());
    // A bare number could be meant as milliseconds: the unit must be there.
    if !text.ends_with(|character: char| character.is_ascii_alphabetic()) {
        return Err(wrong());
    }
    let span = match text.strip_suffix("ms").and_then(|digits| digits.trim_end().parse::<f64>().ok()) {
        Some(millis) => std::time::Duration::try_from_secs_f64(millis / 1e3).map_err(|_| wrong())?,
        None => {
            let TimeSpan(span) = text.parse().map_err(|_| wrong())?;
            span
        }
    };
    Ok(Bound::Micros(span.as_secs_f64() * 1e6))
}

fn count(kind: CountKind, text: &str) -> Result<Bound, ConditionError> {
    let wrong = || ConditionError::Count(text.to_owned());
    let number = |digits: &str| digits.trim_end().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    match text.strip_suffix('%') {
        Some(digits) if kind == CountKind::Lost => number(digits).map(Bound::Percent).ok_or_else(wrong),
        Some(_) => Err(wrong()),
        None => text.parse::<u64>().map(|n| Bound::Count(n as f64)).map_err(|_| wrong()),
    }
}

impl fmt::Display for Condition {
    /// As it was typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn condition(text: &str) -> (Metric, Relation, Bound) {
        let condition: Condition = text.parse().unwrap();
        assert_eq!(condition.to_string(), text.trim());
        (condition.metric, condition.comparison, condition.bound)
    }

    #[test]
    fn latencies_counts_and_rates_are_understood() {
        use LatencyKind::{Connect, Response, ScheduleLag, Service};
        use Relation::{AtLeast, AtMost, Equal, Less, More, Other};
        for (text, metric, comparison, bound) in [
            ("p99<50ms", Metric::Percentile(Response, 99_000), Less, Bound::Micros(50_000.0)),
            ("p99.9 <= 1.5ms", Metric::Percentile(Response, 99_900), AtMost, Bound::Micros(1_500.0)),
            ("p99.99>2s", Metric::Percentile(Response, 99_990), More, Bound::Micros(2_000_000.0)),
            ("max<500us", Metric::Percentile(Response, MAXIMUM), Less, Bound::Micros(500.0)),
            ("service.p50<1ms", Metric::Percentile(Service, 50_000), Less, Bound::Micros(1_000.0)),
            ("connect.max<1s", Metric::Percentile(Connect, MAXIMUM), Less, Bound::Micros(1_000_000.0)),
            ("lag.p99.9>1ms", Metric::Percentile(ScheduleLag, 99_900), More, Bound::Micros(1_000.0)),
            ("loss=0", Metric::Count(CountKind::Lost), Equal, Bound::Count(0.0)),
            ("loss > 0.1%", Metric::Count(CountKind::Lost), More, Bound::Percent(0.1)),
            ("duplicates!=0", Metric::Count(CountKind::Duplicates), Other, Bound::Count(0.0)),
            ("disconnects>3", Metric::Count(CountKind::Disconnects), More, Bound::Count(3.0)),
            ("rate>=9.5k/s", Metric::Rate, AtLeast, Bound::PerSecond(9_500.0)),
            (" sent-rate>10 ", Metric::SentRate, More, Bound::PerSecond(10.0)),
        ] {
            assert_eq!(condition(text), (metric, comparison, bound), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "no comparison"),
            ("p99", "no comparison"),
            ("p99!5ms", "no comparison"),
            ("<5ms", "unknown figure ''"),
            ("p<5ms", "unknown figure 'p'"),
            ("p0<5ms", "unknown figure 'p0'"),
            ("p100<5ms", "unknown figure 'p100'"),
            ("p99.9999<5ms", "unknown figure"),
            ("latency<5ms", "unknown figure 'latency'"),
            ("service.loss=0", "unknown figure 'service.loss'"),
            ("p99<50", "'50' is not a latency"),
            ("p99<", "'' is not a latency"),
            ("p99<fast", "not a latency"),
            ("p99<-1ms", "not a latency"),
            ("loss=x", "neither a count nor a percentage"),
            ("errors>1%", "neither a count"),
            ("loss>-1", "neither a count"),
            ("loss>nan%", "neither a count"),
            ("rate>fast", "not a rate"),
        ] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn comparisons_compare() {
        for (sign, results) in [
            (Relation::Less, [true, false, false]),
            (Relation::AtMost, [true, true, false]),
            (Relation::More, [false, false, true]),
            (Relation::AtLeast, [false, true, true]),
            (Relation::Equal, [false, true, false]),
            (Relation::Other, [true, false, true]),
        ] {
            assert_eq!([1.0, 2.0, 3.0].map(|left| sign.holds(left, 2.0)), results, "{sign:?}");
        }
    }
}
