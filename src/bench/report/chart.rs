//! What charts in text and on pages are drawn from: bins of latencies, and the shape of a series.

use crate::bench::result::histogram::Histogram;

/// Latencies from `from_us` to below `to_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
    /// Where it begins, in microseconds.
    pub from_us: u64,
    /// Where it ends, in microseconds.
    pub to_us: u64,
    /// How many samples lie in it.
    pub count: u64,
}

/// At most `limit` bins that hold all samples. Bounds are 1, 2 and 5 times powers of ten, or finer where few
/// of these are needed.
#[must_use]
pub fn bins(histogram: &Histogram, limit: usize) -> Vec<Bin> {
    if histogram.is_empty() || limit == 0 {
        return Vec::new();
    }
    let steps: [&[u64]; 3] = [&[10, 12, 15, 20, 25, 30, 40, 50, 60, 80], &[10, 20, 50], &[10]];
    for step in steps {
        let bins = with_bounds(histogram, step);
        if bins.len() <= limit {
            return bins;
        }
    }
    let mut bins = with_bounds(histogram, &[10]);
    // The tail has the fewest samples: it is shown as one.
    while bins.len() > limit {
        let Some(last) = bins.pop() else { break };
        if let Some(before) = bins.last_mut() {
            (before.to_us, before.count) = (last.to_us, before.count + last.count);
        }
    }
    bins
}

/// Bounds are the steps (tenths of a decade's beginning) in each decade.
fn with_bounds(histogram: &Histogram, steps: &[u64]) -> Vec<Bin> {
    let mut bounds = vec![0];
    let mut decade = 1;
    while bounds.last().is_none_or(|last| *last <= histogram.max_us()) {
        for step in steps {
            let bound = decade * step / 10;
            if bounds.last().is_none_or(|last| *last < bound) {
                bounds.push(bound);
            }
        }
        decade *= 10;
    }
    let mut bins: Vec<Bin> = bounds
        .iter()
        .zip(bounds.iter().skip(1))
        .map(|(from, to)| Bin { from_us: *from, to_us: *to, count: 0 })
        .collect();
    for (value, count) in histogram.buckets() {
        let at = bins.partition_point(|bin| bin.to_us <= value);
        if let Some(bin) = bins.get_mut(at) {
            bin.count += count;
        }
    }
    let first = bins.iter().position(|bin| bin.count > 0).unwrap_or(0);
    let last = bins.iter().rposition(|bin| bin.count > 0).unwrap_or(0);
    bins.get(first..=last).unwrap_or_default().to_vec()
}

/// The values squeezed into at most `width` points; each is the mean of those that it stands for.
#[must_use]
pub fn squeeze(values: &[u64], width: usize) -> Vec<f64> {
    if values.is_empty() || width == 0 {
        return Vec::new();
    }
    let points = values.len().min(width);
    (0..points)
        .map(|point| {
            let (from, to) = (point * values.len() / points, (point + 1) * values.len() / points);
            let part = values.get(from..to).unwrap_or_default();
            part.iter().sum::<u64>() as f64 / part.len().max(1) as f64
        })
        .collect()
}

/// A line of eighth blocks, the highest value a full block, 0 a space.
#[must_use]
pub fn sparkline(values: &[f64]) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = values.iter().copied().fold(0.0, f64::max);
    values
        .iter()
        .map(|value| {
            let eighths = if highest > 0.0 { (value / highest * 8.0).round() as usize } else { 0 };
            // What is there at all shows.
            let eighths = if *value > 0.0 { eighths.max(1) } else { 0 };
            BLOCKS.get(eighths).copied().unwrap_or(' ')
        })
        .collect()
}

/// A bar of `part` (0 to 1) of `width` columns, in eighths of a column; what is there at all shows.
#[must_use]
pub fn bar(part: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let eighths = if part > 0.0 { eighths.max(1) } else { 0 };
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(samples: &[(u64, u64)]) -> Histogram {
        let mut histogram = Histogram::new();
        samples.iter().for_each(|(value, count)| histogram.record_n(*value, *count));
        histogram
    }

    #[test]
    fn bounds_are_round_and_empty_ends_are_left_out() {
        let bins = bins(&of(&[(150, 5), (450, 2)]), 12);
        assert_eq!(bins.first(), Some(&Bin { from_us: 150, to_us: 200, count: 5 }));
        assert_eq!(bins.last(), Some(&Bin { from_us: 400, to_us: 500, count: 2 }));
        assert_eq!(super::bins(&Histogram::new(), 12), []);
        assert_eq!(super::bins(&of(&[(0, 3)]), 12), [Bin { from_us: 0, to_us: 1, count: 3 }]);
    }

    #[test]
    fn a_series_is_squeezed_and_drawn() {
        assert_eq!(squeeze(&[1, 3, 5, 7], 2), [2.0, 6.0]);
        assert_eq!(squeeze(&[1, 2], 10), [1.0, 2.0]);
        assert_eq!(squeeze(&[], 10), Vec::<f64>::new());
        assert_eq!(sparkline(&[0.0, 0.001, 4.0, 8.0]), " ▁▄█");
        assert_eq!(sparkline(&[0.0, 0.0]), "  ");
        assert_eq!((bar(1.0, 3).as_str(), bar(0.5, 3).as_str(), bar(0.0, 3).as_str()), ("███", "█▌", ""));
        assert_eq!(bar(0.000_1, 3), "▏");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bins_hold_every_sample_and_join(
            samples in proptest::collection::vec((0_u64..4_000_000_000, 1_u64..1_000), 1..20),
            limit in 1_usize..16,
        ) {
            let histogram = of(&samples);
            let bins = bins(&histogram, limit);
            prop_assert!(!bins.is_empty() && bins.len() <= limit);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), histogram.count());
            for pair in bins.windows(2) {
                prop_assert_eq!(pair[0].to_us, pair[1].from_us);
            }
        }
    }
}
