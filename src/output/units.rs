//! Sizes, rates and durations for people.

use std::fmt;
use std::time::Duration;

/// A number of bytes: `512 B`, `2.0 MB`. Steps are 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// A number of things per second: `950/s`, `1.2 M/s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// A duration: `850 µs`, `250 ms`, `1.5 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A number of things per second, every digit of it: `9,987/s`, `2.5/s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throughput(pub f64);

/// A latency in microseconds, with three digits: `850 µs`, `1.09 ms`, `12.3 ms`, `1.50 s`, `120 s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency(pub u64);

/// A number of things: `999`, `10,000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

/// A number of things with their name, in the plural where there is not one: `1 message`, `2 messages`.
#[must_use]
pub fn count_of(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// A number of things with their name, and commas as [`Count`] has them: `1 message`, `10,000 messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Many(pub u64, pub &'static str);

/// The value scaled below 1,000 and the prefix for it; what would round up to 1,000 takes the next prefix.
fn scale(value: f64) -> (f64, &'static str) {
    let mut value = value;
    for prefix in ["", "k", "M", "G", "T"] {
        let limit = if prefix.is_empty() { 999.5 } else { 999.95 };
        if value < limit {
            return (value, prefix);
        }
        value /= 1_000.0;
    }
    (value, "P")
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000 {
            return write!(f, "{} B", self.0);
        }
        let (value, prefix) = scale(self.0 as f64);
        write!(f, "{value:.1} {prefix}B")
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match scale(self.0.max(0.0)) {
            (value, "") if value < 9.95 && value.fract() != 0.0 => write!(f, "{value:.1}/s"),
            (value, "") => write!(f, "{value:.0}/s"),
            (value, prefix) => write!(f, "{value:.1} {prefix}/s"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let pair = |f: &mut fmt::Formatter<'_>, many: u64, unit: &str, few: u64, small: &str| match few {
            0 => write!(f, "{many} {unit}"),
            _ => write!(f, "{many} {unit} {few} {small}"),
        };
        match seconds {
            0 if self.0.as_micros() < 1_000 => write!(f, "{} µs", self.0.as_micros()),
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 if self.0.subsec_millis() < 100 => write!(f, "{seconds} s"),
            1..60 => write!(f, "{seconds}.{} s", self.0.subsec_millis() / 100),
            60..3_600 => pair(f, seconds / 60, "min", seconds % 60, "s"),
            3_600..86_400 => pair(f, seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            _ => pair(f, seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
        }
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.max(0.0) {
            rate if rate < 9.95 && rate.fract() != 0.0 => write!(f, "{rate:.1}/s"),
            rate => write!(f, "{}/s", Count(rate.round() as u64)),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 as f64;
        let (value, unit) = match self.0 {
            0..1_000 => return write!(f, "{} µs", self.0),
            // What would round up to 1000 ms.
            1_000..999_500 => (micros / 1e3, "ms"),
            _ => (micros / 1e6, "s"),
        };
        let digits = match value {
            value if value < 9.995 => 2,
            value if value < 99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.digits$} {unit}")
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one) = *self;
        write!(f, "{} {one}{}", Count(count), if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let texts = [0, 1, 2, 1_000].map(|count| Many(count, "message").to_string());
        assert_eq!(texts, ["0 messages", "1 message", "2 messages", "1,000 messages"]);
    }

    #[test]
    fn latencies_have_three_digits() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (1_094, "1.09 ms"),
            (9_996, "10.0 ms"),
            (12_340, "12.3 ms"),
            (99_960, "100 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (1_500_000, "1.50 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(Latency(micros).to_string(), text);
        }
    }

    #[test]
    fn throughputs_keep_their_digits() {
        for (rate, text) in
            [(0.0, "0/s"), (2.5, "2.5/s"), (9.96, "10/s"), (9_987.4, "9,987/s"), (-1.0, "0/s")]
        {
            assert_eq!(Throughput(rate).to_string(), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Count(count).to_string(), text);
        }
        assert_eq!(format!("{:>7}", Count(1_000)), "  1,000");
    }

    #[test]
    fn one_thing_is_singular() {
        for (count, text) in
            [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (1_000, "1000 messages")]
        {
            assert_eq!(count_of(count, "message"), text);
        }
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (2_000_000, "2.0 MB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (268_435_455, "268.4 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn rates() {
        for (rate, text) in [
            (0.0, "0/s"),
            (0.5, "0.5/s"),
            (2.0, "2/s"),
            (950.4, "950/s"),
            (999.6, "1.0 k/s"),
            (1_234_567.0, "1.2 M/s"),
        ] {
            assert_eq!(Rate(rate).to_string(), text);
        }
    }

    #[test]
    fn spans() {
        for (millis, text) in [
            (0, "0 µs"),
            (250, "250 ms"),
            (1_000, "1 s"),
            (1_560, "1.5 s"),
            (60_000, "1 min"),
            (125_000, "2 min 5 s"),
            (12_000_000, "3 h 20 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
        }
        assert_eq!(Span(Duration::from_micros(850)).to_string(), "850 µs");
    }
}
