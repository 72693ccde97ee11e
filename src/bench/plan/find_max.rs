//! The search for the highest rate that holds its objectives: first by doubling, then by bisection.

/// Two rates closer than this are the same: the search ends.
const CLOSE_ENOUGH: f64 = 1.05;
/// Lower rates are not tried, messages a second.
const LOWEST: f64 = 1.0;
/// More steps are not taken.
const STEPS: u32 = 40;

/// A search in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct RateSearch {
    /// The highest rate that has held.
    held: Option<f64>,
    /// The lowest rate that has not.
    failed: Option<f64>,
    next: f64,
    steps: u32,
}

impl RateSearch {
    /// Begins with a rate, messages a second.
    #[must_use]
    pub const fn new(first: f64) -> Self {
        Self { held: None, failed: None, next: first, steps: 0 }
    }

    /// The rate to try; `None` when the search is over.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let is_found = match (self.held, self.failed) {
            (Some(held), Some(failed)) => failed / held <= CLOSE_ENOUGH,
            (None, Some(failed)) => failed <= LOWEST,
            _ => false,
        };
        (!is_found && self.steps < STEPS).then_some(self.next)
    }

    /// The rate that was tried held its objectives, or did not.
    pub fn tell(&mut self, has_held: bool) {
        self.steps += 1;
        let rate = self.next;
        *(if has_held { &mut self.held } else { &mut self.failed }) = Some(rate);
        self.next = match (self.held, self.failed) {
            (Some(held), Some(failed)) => (held * failed).sqrt(),
            (Some(held), None) => held * 2.0,
            (None, Some(failed)) => (failed / 2.0).max(LOWEST),
            (None, None) => rate,
        };
        // Figures that can be read and typed again.
        let unit = 10_f64.powf(self.next.log10().floor() - 2.0);
        self.next = (self.next / unit).round() * unit;
    }

    /// The highest rate that has held; `None` while there is none.
    #[must_use]
    pub const fn highest(&self) -> Option<f64> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(first: f64, limit: f64) -> (Option<f64>, Vec<f64>) {
        let mut search = RateSearch::new(first);
        let mut tried = Vec::new();
        while let Some(rate) = search.rate() {
            tried.push(rate);
            search.tell(rate <= limit);
        }
        (search.highest(), tried)
    }

    #[test]
    fn the_highest_rate_is_found_within_a_twentieth() {
        for limit in [1.5, 17.0, 999.0, 1_000.0, 47_300.0, 3_141_592.0] {
            for first in [1.0, 1_000.0, 250_000.0] {
                let (highest, tried) = search(first, limit);
                let highest = highest.unwrap();
                assert!(highest <= limit && highest * 1.06 > limit, "{highest} of {limit} from {first}");
                assert!(tried.len() <= 30, "{tried:?}");
            }
        }
    }

    #[test]
    fn the_steps_are_those_of_doubling_and_bisection() {
        let (highest, tried) = search(1_000.0, 5_000.0);
        assert_eq!(tried, [1_000.0, 2_000.0, 4_000.0, 8_000.0, 5_660.0, 4_760.0, 5_190.0, 4_970.0]);
        assert_eq!(highest, Some(4_970.0));
    }

    #[test]
    fn a_search_without_success_and_one_without_limit_end() {
        let (highest, tried) = search(1_000.0, 0.0);
        assert_eq!((highest, tried.last()), (None, Some(&1.0)));
        assert_eq!(search(1_000.0, f64::INFINITY).1.len(), 40);
    }
}
