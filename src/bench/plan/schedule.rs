//! When each message is meant to be sent: absolute times, decided before anything is sent.
//!
//! A time never depends on how long an earlier message took, so a broker that stalls meets the messages that
//! it made wait, and their waiting shows. The rate is that of all publishers together: publisher `p` of `n`
//! sends every `n`-th message.

use std::sync::Arc;
use std::time::Duration;

use mqt_process::random::Random;

/// A time with one total rate, or one that changes evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleStage {
    /// How long; [`Duration::MAX`] never ends.
    pub duration: Duration,
    /// Messages a second of all publishers together, at its beginning.
    pub from: f64,
    /// The same at its end.
    pub to: f64,
}

impl ScheduleStage {
    /// One rate from beginning to end.
    #[must_use]
    pub const fn constant(duration: Duration, rate: f64) -> Self {
        Self { duration, from: rate, to: rate }
    }
}

/// How messages are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// At even distances.
    #[default]
    Constant,
    /// As independent events: exponential gaps.
    Poisson,
}

/// Rates over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    segments: Vec<Segment>,
    end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    /// Nanoseconds from the start of the profile.
    start: f64,
    /// How many messages come before it.
    first: f64,
    /// Messages in it.
    messages: f64,
    /// Messages a nanosecond at its beginning.
    rate: f64,
    /// How much the rate changes in each nanosecond.
    slope: f64,
}

impl Segment {
    /// When its message `number`, counted from 0.0, is due, in nanoseconds from its beginning.
    fn time_of(&self, number: f64) -> f64 {
        // number = rate · t + slope · t² / 2, solved without subtracting near-equal numbers.
        let root = (self.rate * self.rate + 2.0 * self.slope * number).max(0.0).sqrt();
        if self.rate + root > 0.0 { 2.0 * number / (self.rate + root) } else { 0.0 }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Profile {
    /// The stages one after the other.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
    pub fn new(stages: &[ScheduleStage]) -> Self {
        let mut segments = Vec::with_capacity(stages.len());
        let mut end = 0_u64;
        let mut first = 0.0;
        for stage in stages {
            let length = nanoseconds(stage.duration);
            let (from, to) = (stage.from.max(0.0) / 1e9, stage.to.max(0.0) / 1e9);
            let nanoseconds = length as f64;
            let messages = f64::midpoint(from, to) * nanoseconds;
            let slope = if length == 0 { 0.0 } else { (to - from) / nanoseconds };
            segments.push(Segment { start: end as f64, first, messages, rate: from, slope });
            first += messages;
            end = end.saturating_add(length);
        }
        Self { segments, end }
    }

    /// How long it is, in nanoseconds.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end
    }

    /// How many messages it has in all.
    #[must_use]
    pub fn messages(&self) -> f64 {
        self.segments.last().map_or(0.0, |last| last.first + last.messages)
    }

    /// When message `number`, counted from 0.0, is due, in nanoseconds from the start; `None` after the end.
    /// `from` is the segment where the search begins, and is moved on.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and saturating at the end of time"
    )]
    fn time_of(&self, number: f64, from: &mut usize) -> Option<u64> {
        loop {
            let segment = self.segments.get(*from)?;
            // A product of rate and length need not be exact: what misses the next segment by a rounding
            // error belongs to it.
            if number < segment.first + segment.messages - 1e-6 {
                return Some((segment.start + segment.time_of(number - segment.first)).round() as u64);
            }
            *from += 1;
        }
    }
}

/// The intended times of one publisher, in nanoseconds from the start of the profile, ascending.
#[derive(Debug, Clone)]
pub struct Schedule {
    profile: Arc<Profile>,
    segment: usize,
    publishers: f64,
    /// Where the next message is among those of all publishers.
    position: f64,
    /// Exponential gaps, if any.
    random: Option<Random>,
    /// How many more there may be.
    left: u64,
}

/// The part of a total that one of many gets: they differ by at most one, and their sum is exact.
#[must_use]
pub fn share(total: u64, index: u32, of: u32) -> u64 {
    let (of, index) = (u64::from(of.max(1)), u64::from(index));
    total / of + u64::from(index < total % of)
}

impl Schedule {
    /// The times of publisher `index` of `publishers`, at most `limit` of them. `seed` drives Poisson gaps.
    #[must_use]
    pub fn new(
        profile: Arc<Profile>,
        arrivals: Arrivals,
        index: u32,
        publishers: u32,
        limit: u64,
        seed: u64,
    ) -> Self {
        let publishers = f64::from(publishers.max(1));
        let (position, random) = match arrivals {
            Arrivals::Constant => (f64::from(index), None),
            Arrivals::Poisson => {
                let mut random = Random::new(seed ^ (u64::from(index) << 32 | u64::from(index)));
                (random.exponential() * publishers, Some(random))
            }
        };
        Self { profile, segment: 0, publishers, position, random, left: limit }
    }
}

impl Iterator for Schedule {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let time = self.profile.time_of(self.position, &mut self.segment)?;
        self.position += self.publishers * self.random.as_mut().map_or(1.0, Random::exponential);
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(stages: &[(u64, f64)]) -> Arc<Profile> {
        let stages: Vec<ScheduleStage> = stages
            .iter()
            .map(|(millis, rate)| ScheduleStage::constant(Duration::from_millis(*millis), *rate))
            .collect();
        Arc::new(Profile::new(&stages))
    }

    fn all(profile: &Arc<Profile>, arrivals: Arrivals, publishers: u32, limit: u64) -> Vec<u64> {
        let mut times: Vec<u64> = (0..publishers)
            .flat_map(|index| {
                Schedule::new(
                    Arc::clone(profile),
                    arrivals,
                    index,
                    publishers,
                    share(limit, index, publishers),
                    7,
                )
            })
            .collect();
        times.sort_unstable();
        times
    }

    #[test]
    fn a_constant_rate_has_even_distances_over_all_publishers() {
        let times = all(&profile(&[(1000, 1000.0)]), Arrivals::Constant, 3, u64::MAX);
        let expected: Vec<u64> = (0..1000).map(|number| number * 1_000_000).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn stages_follow_each_other_and_a_pause_is_a_stage() {
        let times = all(&profile(&[(10, 200.0), (5, 0.0), (10, 400.0)]), Arrivals::Constant, 2, u64::MAX);
        assert_eq!(
            times,
            [0, 5, 15, 17, 20, 22].map(|ms: u64| match ms {
                17 => 17_500_000,
                22 => 22_500_000,
                ms => ms * 1_000_000,
            })
        );
    }

    #[test]
    fn fractions_of_a_message_a_second_are_no_whole_ones() {
        assert_eq!(all(&profile(&[(4000, 0.5)]), Arrivals::Constant, 1, u64::MAX), [0, 2_000_000_000]);
    }

    #[test]
    fn a_rate_that_rises_evenly_has_its_messages_at_square_roots() {
        let stage = ScheduleStage { duration: Duration::from_secs(1), from: 0.0, to: 200.0 };
        let times = all(&Arc::new(Profile::new(&[stage])), Arrivals::Constant, 4, u64::MAX);
        assert_eq!(times.len(), 100);
        assert_eq!((times[0], times[1], times[25], times[81]), (0, 100_000_000, 500_000_000, 900_000_000));
        let falling = ScheduleStage { from: 200.0, to: 0.0, ..stage };
        let times = all(&Arc::new(Profile::new(&[falling])), Arrivals::Constant, 1, u64::MAX);
        assert_eq!((times.len(), times[19]), (100, 100_000_000));
    }

    #[test]
    fn poisson_has_the_rate_and_the_spread_of_independent_events() {
        let times = all(&profile(&[(10_000, 2000.0), (10_000, 6000.0)]), Arrivals::Poisson, 10, u64::MAX);
        let early = times.iter().filter(|time| **time < 10_000_000_000).count();
        // Four standard deviations.
        assert!((early as f64 - 20_000.0).abs() < 566.0, "{early}");
        assert!(((times.len() - early) as f64 - 60_000.0).abs() < 980.0, "{}", times.len());
        // In windows of 10 ms of the first half: mean 20, and variance as large as the mean.
        let mut windows = vec![0.0_f64; 1000];
        for time in &times[..early] {
            windows[usize::try_from(*time / 10_000_000).unwrap()] += 1.0;
        }
        let variance = windows.iter().map(|count| (count - 20.0).powi(2)).sum::<f64>() / 1000.0;
        assert!((16.0..24.0).contains(&variance), "{variance}");
    }

    proptest! {
        #[test]
        fn every_publisher_gets_its_part_and_time_never_goes_back(
            stages in prop::collection::vec((1_u64..500, 0.0_f64..5000.0), 1..5),
            publishers in 1_u32..20,
            limit in 0_u64..2000,
            poisson: bool,
        ) {
            let profile = profile(&stages);
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let mut counts = Vec::new();
            for index in 0..publishers {
                let own = share(limit, index, publishers);
                let times: Vec<u64> =
                    Schedule::new(Arc::clone(&profile), arrivals, index, publishers, own, 3).collect();
                prop_assert!(times.is_sorted());
                prop_assert!(times.iter().all(|time| *time <= profile.length()));
                prop_assert!(times.len() as u64 <= own);
                counts.push(times.len() as u64);
            }
            let total: u64 = counts.iter().sum();
            if !poisson {
                let expected = (profile.messages() - 1e-6).ceil().min(limit as f64);
                prop_assert!((total as f64 - expected).abs() <= 1.0, "{total} of {expected}");
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            }
            prop_assert_eq!((0..publishers).map(|index| share(limit, index, publishers)).sum::<u64>(), limit);
        }
    }
}
