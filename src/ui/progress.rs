//! The progress bar of a run that knows how much it has to do.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;
use crate::output::units::{Rate, Size, Span};

/// How long a run may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the figures beside the bar change.
const EVERY: Duration = Duration::from_millis(100);

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This many messages.
    Messages(u64),
    /// This many bytes of input.
    Bytes(u64),
}

impl Amount {
    const fn number(self) -> u64 {
        match self {
            Self::Messages(number) | Self::Bytes(number) => number,
        }
    }

    /// What is beside the bar: `4.3 MB of 22.9 MB, 1.1 MB/s, 17 s left`.
    fn describe(self, done: u64, elapsed: Duration) -> String {
        let total = self.number();
        let per_second = done as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        let figures = match self {
            Self::Messages(_) => format!("{done} of {total}, {}", Rate(per_second)),
            Self::Bytes(_) => format!("{} of {}, {}/s", Size(done), Size(total), Size(per_second as u64)),
        };
        let left = total.saturating_sub(done) as f64 / per_second;
        match Duration::try_from_secs_f64(left.ceil()) {
            Ok(left) => format!("{figures}, {} left", Span(left)),
            // Nothing is done yet.
            Err(_) => figures,
        }
    }
}

/// Shows how much of a known amount is done. Dropping it takes the bar away.
#[derive(Debug)]
pub struct Progress {
    /// `None`: nobody is to see it.
    ui: Option<Ui>,
    total: Amount,
    started: Option<Instant>,
    bar: Option<ProgressBar>,
    described: Option<Instant>,
}

impl Progress {
    pub(super) const fn new(ui: Option<Ui>, total: Amount) -> Self {
        Self { ui, total, started: None, bar: None, described: None }
    }

    /// Says how much is done at this time; the first call starts the clock.
    pub fn update(&mut self, done: u64, now: Instant) {
        let Some(ui) = &self.ui else { return };
        let started = *self.started.get_or_insert(now);
        let elapsed = now.duration_since(started);
        if self.bar.is_none() && elapsed >= PATIENCE {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(self.total.number()), target);
            if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}") {
                bar.set_style(style);
            }
            ui.set_bar(Some(bar.clone()));
            self.bar = Some(bar);
        }
        let Some(bar) = self.bar.as_ref().filter(|_| ui.can_draw()) else { return };
        bar.set_position(done);
        if self.described.is_none_or(|last| now.duration_since(last) >= EVERY) {
            self.described = Some(now);
            bar.set_message(self.total.describe(done, elapsed));
        }
    }

    /// Whether the bar has appeared.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        self.bar.is_some()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(ui), Some(bar)) = (&self.ui, self.bar.take()) {
            ui.set_bar(None);
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_whole_run() {
        let seconds = Duration::from_secs;
        let bytes = Amount::Bytes(22_900_000);
        assert_eq!(bytes.describe(4_400_000, seconds(4)), "4.4 MB of 22.9 MB, 1.1 MB/s, 17 s left");
        assert_eq!(Amount::Messages(10).describe(5, seconds(10)), "5 of 10, 0.5/s, 10 s left");
        assert_eq!(Amount::Messages(10).describe(0, seconds(10)), "0 of 10, 0/s");
    }
}
