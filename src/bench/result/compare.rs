//! What differs between two results, and whether noise explains it.

use serde_json::Value;

use crate::bench::result::histogram::{PERCENTILES, percentile_name};
use crate::bench::result::warning::cpu_percent;
use crate::bench::result::{ResultFile, RunResult};
use crate::output::units::{Count, Latency, Throughput};

/// Noise explains a difference unless chance alone would bring it about less often than this.
const SIGNIFICANCE: f64 = 0.05;

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Per second.
    Rate,
    /// Microseconds.
    Latency,
    /// A number of things.
    Count,
    /// Per cent.
    Percent,
}

impl Unit {
    /// The figure in words.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Rate => Throughput(value).to_string(),
            Self::Latency => Latency(value.round() as u64).to_string(),
            Self::Count => Count(value.round() as u64).to_string(),
            Self::Percent => format!("{value:.1} %"),
        }
    }
}

/// A figure over the runs of one result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The one in the middle; of an even number the lower one of both.
    pub median: f64,
    /// The largest.
    pub max: f64,
    /// How many runs have it.
    pub runs: usize,
}

impl Spread {
    /// Over these values; `None` when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            median: *sorted.get((sorted.len() - 1) / 2)?,
            max: *sorted.last()?,
            runs: sorted.len(),
        })
    }
}

/// What a difference is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// The figures are the same.
    Same,
    /// Chance brings about such a difference with this probability.
    Noise(f64),
    /// Chance hardly brings about such a difference; the second result is better.
    Better(f64),
    /// Chance hardly brings about such a difference; the second result is worse.
    Worse(f64),
    /// Too few runs to tell.
    FewRuns,
}

/// A figure of both results.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name, as in conditions.
    pub name: String,
    /// How it is written.
    pub unit: Unit,
    /// Over the runs of the first result.
    pub before: Spread,
    /// Over the runs of the second one.
    pub after: Spread,
    /// The change of the medians in per cent; `None`: from nothing.
    pub change: Option<f64>,
    /// What to think of it.
    pub judgement: Judgement,
}

/// A place where two configurations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path: `groups[0].qos`.
    pub place: String,
    /// The value of the first one, as JSON.
    pub before: String,
    /// That of the second one.
    pub after: String,
}

/// What makes another kind of run comes first; the last ones hardly change a figure.
const GRAVEST: [&str; 28] = [
    "groups",
    "scenario",
    "own_broker",
    "brokers",
    "mqtt_version",
    "publishers",
    "subscribers",
    "connections",
    "load",
    "payload",
    "qos",
    "subscribe_qos",
    "retain",
    "threads",
    "cores",
    "max_inflight",
    "max_packet_size",
    "topics",
    "filters",
    "logins",
    "stamp",
    "clean_start",
    "churn",
    "connect_rate",
    "duration_ms",
    "count",
    "warmup_ms",
    "ramp_ms",
];

impl Difference {
    /// Where it is among others: the gravest first.
    pub(crate) fn rank(&self) -> usize {
        let mut words = self.place.split(['.', '[', ']']);
        let first = words.next().unwrap_or_default();
        // Behind `groups[0].`
        let word = words.find(|word| word.parse::<u32>().is_err() && !word.is_empty()).unwrap_or(first);
        GRAVEST.iter().position(|known| *known == word).unwrap_or(GRAVEST.len())
    }
}

/// All places where two configurations differ, in the order of their fields.
pub(crate) fn differences<T: serde::Serialize>(left: &T, right: &T) -> Vec<Difference> {
    fn walk(place: &str, left: &Value, right: &Value, found: &mut Vec<Difference>) {
        match (left, right) {
            (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
                for (key, value) in left {
                    let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                    walk(&place, value, right.get(key).unwrap_or(&Value::Null), found);
                }
            }
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
                for (at, (left, right)) in left.iter().zip(right).enumerate() {
                    walk(&format!("{place}[{at}]"), left, right, found);
                }
            }
            _ if left == right => {}
            _ => found.push(Difference {
                place: place.to_owned(),
                before: left.to_string(),
                after: right.to_string(),
            }),
        }
    }
    let mut found = Vec::new();
    // A configuration always has its form in JSON.
    if let (Ok(left), Ok(right)) = (serde_json::to_value(left), serde_json::to_value(right)) {
        walk("", &left, &right, &mut found);
    }
    found
}

/// Two results side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Every figure that both have.
    pub rows: Vec<Row>,
    /// The places where what was run differs, the gravest first.
    pub config: Vec<Difference>,
}

/// Compares two results.
#[must_use]
pub fn compare(before: &ResultFile, after: &ResultFile) -> Comparison {
    let rows = figures()
        .into_iter()
        .filter_map(|figure| {
            let values = |file: &ResultFile| -> Vec<f64> {
                file.runs.iter().filter_map(|run| (figure.read)(run)).collect()
            };
            let (left, right) = (values(before), values(after));
            let (before, after) = (Spread::of(&left)?, Spread::of(&right)?);
            Some(Row {
                name: figure.name,
                unit: figure.unit,
                before,
                after,
                change: (before.median > 0.0).then(|| (after.median - before.median) * 100.0 / before.median),
                judgement: judge(&left, &right, figure.more_is_better),
            })
        })
        .collect();
    let config = before.runs.first().zip(after.runs.first()).map(|(before, after)| {
        let mut config = after.config.clone();
        if config.own_broker && before.config.own_broker {
            // Its port is whichever was free.
            config.brokers.clone_from(&before.config.brokers);
        }
        let mut found = differences(&before.config, &config);
        let (left, right) = (before.resources, after.resources);
        for (place, left, right) in
            [("threads", left.threads, right.threads), ("cores", left.cores, right.cores)]
        {
            if left != right {
                found.push(Difference {
                    place: place.to_owned(),
                    before: left.to_string(),
                    after: right.to_string(),
                });
            }
        }
        found.sort_by_key(Difference::rank);
        found
    });
    Comparison { rows, config: config.unwrap_or_default() }
}

/// Reads a figure from a run; `None` where the run does not have it.
type Reading = Box<dyn Fn(&RunResult) -> Option<f64>>;

struct Figure {
    name: String,
    unit: Unit,
    more_is_better: bool,
    read: Reading,
}

fn figures() -> Vec<Figure> {
    fn figure(
        name: impl Into<String>,
        unit: Unit,
        more_is_better: bool,
        read: impl Fn(&RunResult) -> Option<f64> + 'static,
    ) -> Figure {
        Figure { name: name.into(), unit, more_is_better, read: Box::new(read) }
    }
    let mut figures = vec![
        figure("rate", Unit::Rate, true, |run| (run.phases.measured_ms > 0).then(|| run.achieved_rate())),
        figure("sent-rate", Unit::Rate, true, |run| {
            (run.phases.measured_ms > 0).then(|| run.per_second(run.counts.sent_within))
        }),
    ];
    for percentile in PERCENTILES.into_iter().chain([100_000]) {
        figures.push(figure(percentile_name(percentile), Unit::Latency, false, move |run| {
            run.latency.response.percentile_us(percentile).map(|micros| micros as f64)
        }));
    }
    figures.extend([
        figure("service.p99", Unit::Latency, false, |run| {
            run.latency.service.percentile_us(99_000).map(|micros| micros as f64)
        }),
        figure("connect.p50", Unit::Latency, false, |run| {
            run.latency.connect.percentile_us(50_000).map(|micros| micros as f64)
        }),
        figure("loss", Unit::Count, false, |run| run.has_deliveries().then_some(run.counts.lost as f64)),
        figure("errors", Unit::Count, false, |run| Some(run.error_count() as f64)),
        figure("disconnects", Unit::Count, false, |run| Some(run.connects.lost as f64)),
        figure("generator CPU", Unit::Percent, false, |run| Some(cpu_percent(run))),
    ]);
    figures
}

fn judge(before: &[f64], after: &[f64], more_is_better: bool) -> Judgement {
    let (Some(left), Some(right)) = (Spread::of(before), Spread::of(after)) else {
        return Judgement::FewRuns;
    };
    if left.min.total_cmp(&right.min).is_eq()
        && left.max.total_cmp(&right.max).is_eq()
        && left.median.total_cmp(&right.median).is_eq()
    {
        return Judgement::Same;
    }
    // However clear the difference were, so few runs could not show it.
    if least_probability(before.len(), after.len()) > SIGNIFICANCE {
        return Judgement::FewRuns;
    }
    let (probability, after_is_higher) = rank_test(before, after);
    if probability > SIGNIFICANCE {
        Judgement::Noise(probability)
    } else if after_is_higher == more_is_better {
        Judgement::Better(probability)
    } else {
        Judgement::Worse(probability)
    }
}

/// The number of ways in which `n` values among `n + m` can win exactly `u` of their `n × m` duels, for each
/// `u`.
fn ways(n: usize, m: usize) -> Vec<f64> {
    let most = n * m;
    // The Gaussian binomial coefficient, factor by factor: those of m + 1 to m + n over those of 1 to n.
    let mut counts = vec![0.0; most + 1];
    if let Some(first) = counts.first_mut() {
        *first = 1.0;
    }
    for factor in 1..=n {
        let (times, over) = (m + factor, factor);
        for at in (times..=most).rev() {
            counts[at] -= counts[at - times];
        }
        for at in over..=most {
            counts[at] += counts[at - over];
        }
    }
    counts
}

fn least_probability(n: usize, m: usize) -> f64 {
    let total: f64 = ways(n, m).iter().sum();
    if total > 0.0 { 2.0 / total } else { 1.0 }
}

/// The rank test of Mann, Whitney and Wilcoxon, exact and two-sided: how likely chance alone is to separate
/// two samples at least so clearly, and whether the second one is the higher one. Ties count as half.
fn rank_test(before: &[f64], after: &[f64]) -> (f64, bool) {
    let mut wins = 0.0;
    for left in before {
        for right in after {
            wins += match right.total_cmp(left) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    let duels = (before.len() * after.len()) as f64;
    let extreme = f64::min(wins, duels - wins);
    let counts = ways(before.len(), after.len());
    let total: f64 = counts.iter().sum();
    let tail: f64 =
        counts.iter().enumerate().filter(|(u, _)| (*u as f64) <= extreme).map(|(_, ways)| ways).sum();
    ((2.0 * tail / total).min(1.0), wins * 2.0 > duels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::tests::run;

    #[test]
    fn the_ways_are_those_of_the_tables() {
        assert_eq!(ways(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(ways(5, 5).iter().sum::<f64>(), 252.0);
        assert_eq!(ways(3, 4).iter().sum::<f64>(), 35.0);
        assert!((least_probability(5, 5) - 2.0 / 252.0).abs() < 1e-12);
        // Two-sided at 5 % and 5 values each, the tables have U = 2 as the critical value.
        let p = |u: usize| 2.0 * ways(5, 5)[..=u].iter().sum::<f64>() / 252.0;
        assert!(p(2) <= 0.05 && p(3) > 0.05);
    }

    #[test]
    fn noise_explains_overlapping_runs_and_not_separate_ones() {
        let low = [1.0, 2.0, 3.0, 4.0, 5.0];
        let high = [6.0, 7.0, 8.0, 9.0, 10.0];
        let mixed = [2.5, 3.5, 1.5, 6.0, 0.5];
        assert!(matches!(judge(&low, &high, true), Judgement::Better(p) if p < 0.01));
        assert!(matches!(judge(&low, &high, false), Judgement::Worse(_)));
        assert!(matches!(judge(&high, &low, false), Judgement::Better(_)));
        assert!(matches!(judge(&low, &mixed, true), Judgement::Noise(p) if p > 0.3));
        assert_eq!(judge(&low, &low, true), Judgement::Same);
        assert_eq!(judge(&low[..3], &high[..3], true), Judgement::FewRuns);
        assert_eq!(judge(&[1.0], &[2.0], true), Judgement::FewRuns);
        // Ties all over are no difference.
        assert!(matches!(judge(&[0.0; 5], &[0.0, 0.0, 0.0, 0.0, 1.0], false), Judgement::Noise(_)));
    }

    #[test]
    fn figures_that_only_one_result_has_are_left_out() {
        let file = |runs| ResultFile::new(vec![run(); runs]);
        let names =
            |comparison: &Comparison| comparison.rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        let same = compare(&file(5), &file(5));
        assert!(same.rows.iter().all(|row| row.judgement == Judgement::Same));
        assert_eq!(same.config, []);
        assert_eq!(
            names(&same),
            [
                "rate",
                "sent-rate",
                "p50",
                "p90",
                "p99",
                "p99.9",
                "max",
                "service.p99",
                "connect.p50",
                "loss",
                "errors",
                "disconnects",
                "generator CPU"
            ]
        );
        let mut other = file(1);
        other.runs[0].latency.response.clear();
        other.runs[0].config.groups[0].qos = 0;
        let comparison = compare(&file(5), &other);
        assert!(!names(&comparison).contains(&"p50".to_owned()));
        assert_eq!(comparison.config[0].place, "groups[0].qos");
    }

    #[test]
    fn dev_brokers_differ_by_their_ports_and_nothing_else() {
        let at = |port: u16, own_broker: bool| {
            let mut file = ResultFile::new(vec![run()]);
            let config = &mut file.runs[0].config;
            (config.brokers, config.own_broker) = (vec![format!("mqtt://127.0.0.1:{port}")], own_broker);
            file
        };
        assert_eq!(compare(&at(1, true), &at(2, true)).config, []);
        assert_eq!(compare(&at(1, false), &at(2, false)).config[0].place, "brokers[0]");
        assert!(!compare(&at(1, true), &at(2, false)).config.is_empty());
    }

    #[test]
    fn all_that_differs_is_named_the_gravest_first() {
        let mut other = run();
        (other.config.drain_ms, other.config.max_packet_size) = (1, Some(7));
        other.config.groups[0].scenario = crate::cli::bench::Scenario::Pub;
        other.config.groups[0].subscribers = 0;
        other.resources.threads = 1;
        let comparison = compare(&ResultFile::new(vec![run()]), &ResultFile::new(vec![other]));
        let places: Vec<&str> = comparison.config.iter().map(|one| one.place.as_str()).collect();
        let expected =
            ["groups[0].scenario", "groups[0].subscribers", "threads", "max_packet_size", "drain_ms"];
        assert_eq!(places, expected);
        // Another number of groups is one difference.
        let mut other = run();
        other.config.groups.push(other.config.groups[0].clone());
        let comparison = compare(&ResultFile::new(vec![run()]), &ResultFile::new(vec![other]));
        assert_eq!((comparison.config.len(), comparison.config[0].place.as_str()), (1, "groups"));
    }

    #[test]
    fn the_change_is_that_of_the_medians() {
        let mut slow = run();
        slow.counts.delivered_within = 5_000;
        let comparison = compare(&ResultFile::new(vec![run()]), &ResultFile::new(vec![slow]));
        let rate = &comparison.rows[0];
        assert_eq!((rate.change, rate.judgement), (Some(-50.0), Judgement::FewRuns));
        assert_eq!((rate.unit.show(rate.after.median), rate.before.runs), ("500/s".to_owned(), 1));
    }
}
