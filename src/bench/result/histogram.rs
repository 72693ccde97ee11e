//! An exact, sparse picture of latencies: HdrHistogram with 3 significant digits, 1 µs to 1 h.

use std::fmt;

use serde::de::{self, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

/// The largest latency that is distinguished, in microseconds: 1 h. Longer ones count as this.
pub const LONGEST_US: u64 = 3_600_000_000;

const LOWEST_US: u64 = 1;
const DIGITS: u8 = 3;

/// How many samples must lie beyond a percentile so that it says something.
const SAMPLES_BEYOND: u64 = 10;

/// The percentiles of every report, in thousandths of a per cent.
pub const PERCENTILES: [u32; 5] = [50_000, 90_000, 99_000, 99_900, 99_990];

/// How many samples a percentile needs, given in thousandths of a per cent: 1,000 for p99.
#[must_use]
pub fn samples_needed(percentile: u32) -> u64 {
    match u64::from(100_000_u32.saturating_sub(percentile)) {
        0 => 1,
        beyond => (SAMPLES_BEYOND * 100_000).div_ceil(beyond),
    }
}

/// The name of a percentile in thousandths of a per cent: `p99.9`, and `max` for 100,000.
#[must_use]
pub fn percentile_name(percentile: u32) -> String {
    if percentile >= 100_000 {
        return "max".to_owned();
    }
    let text = format!("p{}.{:03}", percentile / 1_000, percentile % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Latencies in microseconds. Merging two histograms and merging their samples is the same, exactly.
#[derive(Clone, PartialEq)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Eq for Histogram {}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("min", &self.min_us())
            .field("max", &self.max_us())
            .finish()
    }
}

impl Histogram {
    /// Without samples. It takes about 190 KB, whatever is recorded.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "the bounds are constants that a test holds against the crate")]
    pub fn new() -> Self {
        Self(hdrhistogram::Histogram::new_with_bounds(LOWEST_US, LONGEST_US, DIGITS).unwrap())
    }

    /// Records a latency in microseconds. No allocation.
    pub fn record(&mut self, micros: u64) {
        self.record_n(micros, 1);
    }

    /// Records a latency in microseconds several times.
    pub fn record_n(&mut self, micros: u64, count: u64) {
        self.0.saturating_record_n(micros.min(LONGEST_US), count);
    }

    /// Adds the samples of another one.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in other.buckets() {
            self.record_n(value, count);
        }
    }

    /// Forgets all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shortest, within 0.1 %; 0 without samples.
    #[must_use]
    pub fn min_us(&self) -> u64 {
        self.0.min()
    }

    /// The longest, within 0.1 %; 0 without samples.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }

    /// The value that this part of the samples does not exceed, in microseconds, however few there are; 0
    /// without samples.
    #[must_use]
    pub fn quantile_us(&self, part: f64) -> u64 {
        self.0.value_at_quantile(part)
    }

    /// A percentile in thousandths of a per cent, in microseconds: `None` with too few samples for it.
    #[must_use]
    pub fn percentile_us(&self, percentile: u32) -> Option<u64> {
        if self.count() < samples_needed(percentile) {
            return None;
        }
        Some(if percentile >= 100_000 {
            self.max_us()
        } else {
            self.quantile_us(f64::from(percentile) / 100_000.0)
        })
    }

    /// The recorded values in ascending order, each the lowest of its bucket, with the number of samples.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0
            .iter_recorded()
            .map(|step| (self.0.lowest_equivalent(step.value_iterated_to()), step.count_at_value()))
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Histogram", 4)?;
        out.serialize_field("count", &self.count())?;
        out.serialize_field("min_us", &self.min_us())?;
        out.serialize_field("max_us", &self.max_us())?;
        out.serialize_field("buckets", &self.buckets().collect::<Vec<_>>())?;
        out.end()
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HistogramFields;

        impl<'de> Visitor<'de> for HistogramFields {
            type Value = Histogram;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a histogram: count and buckets")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Histogram, A::Error> {
                let mut histogram = Histogram::new();
                let mut count = None;
                let mut buckets = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "count" => count = Some(map.next_value::<u64>()?),
                        "buckets" => buckets = Some(map.next_value::<Vec<(u64, u64)>>()?),
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                let count = count.ok_or_else(|| A::Error::missing_field("count"))?;
                let buckets = buckets.ok_or_else(|| A::Error::missing_field("buckets"))?;
                let mut total: u64 = 0;
                for (value, samples) in buckets {
                    if value > LONGEST_US || samples == 0 {
                        return Err(A::Error::custom(format!("no bucket: {value} µs, {samples} samples")));
                    }
                    total = total
                        .checked_add(samples)
                        .ok_or_else(|| A::Error::custom("more samples than can be counted"))?;
                    histogram.record_n(value, samples);
                }
                if total != count {
                    return Err(A::Error::custom(format!(
                        "the buckets hold {total} samples, the count says {count}"
                    )));
                }
                Ok(histogram)
            }
        }

        deserializer.deserialize_map(HistogramFields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(samples: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        samples.iter().for_each(|sample| histogram.record(*sample));
        histogram
    }

    #[test]
    fn values_keep_three_digits_and_saturate_at_an_hour() {
        let histogram = of(&[0, 1, 1_999, 1_234_567, u64::MAX]);
        assert_eq!((histogram.count(), histogram.min_us()), (5, 0));
        assert!(histogram.max_us().abs_diff(LONGEST_US) <= LONGEST_US / 1_000);
        let kept: Vec<u64> = histogram.buckets().map(|(value, _)| value).collect();
        assert_eq!(kept[..3], [0, 1, 1_999]);
        assert!(kept[3].abs_diff(1_234_567) <= 1_234);
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        for (percentile, needed, name) in [
            (50_000, 20, "p50"),
            (90_000, 100, "p90"),
            (99_000, 1_000, "p99"),
            (99_900, 10_000, "p99.9"),
            (99_990, 100_000, "p99.99"),
            (100_000, 1, "max"),
            (99_999, 1_000_000, "p99.999"),
        ] {
            assert_eq!((samples_needed(percentile), percentile_name(percentile).as_str()), (needed, name));
        }
        let mut histogram = Histogram::new();
        histogram.record_n(100, 999);
        assert_eq!((histogram.percentile_us(99_000), histogram.percentile_us(90_000)), (None, Some(100)));
        histogram.record(200);
        assert_eq!(histogram.percentile_us(99_000), Some(100));
        assert_eq!(histogram.percentile_us(100_000), Some(200));
        assert_eq!(Histogram::new().percentile_us(100_000), None);
    }

    #[test]
    fn a_file_that_contradicts_itself_is_refused() {
        for (text, why) in [
            (r#"{"count":2,"buckets":[[5,1]]}"#, "the buckets hold 1 samples, the count says 2"),
            (r#"{"count":0,"buckets":[[5,0]]}"#, "no bucket"),
            (r#"{"count":1,"buckets":[[9999999999,1]]}"#, "no bucket"),
            (r#"{"buckets":[]}"#, "missing field `count`"),
            (r#"{"count":1,"buckets":[[1,18446744073709551615],[2,2]]}"#, "more samples than can be counted"),
            ("7", "a histogram"),
        ] {
            let error = serde_json::from_str::<Histogram>(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn merging_histograms_is_merging_samples(
            shards in proptest::collection::vec(
                proptest::collection::vec(0_u64..4_000_000_000, 0..40), 1..6)
        ) {
            let union = of(&shards.concat());
            let mut merged = Histogram::new();
            for shard in &shards {
                let text = serde_json::to_string(&of(shard)).unwrap();
                merged.merge(&serde_json::from_str(&text).unwrap());
            }
            prop_assert!(merged == union);
            prop_assert_eq!(serde_json::to_string(&merged).unwrap(), serde_json::to_string(&union).unwrap());
            for part in [0.0, 0.5, 0.99, 1.0] {
                prop_assert_eq!(merged.quantile_us(part), union.quantile_us(part));
            }
        }
    }
}
