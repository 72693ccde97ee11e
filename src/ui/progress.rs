//! The progress bar of a run that knows how much it has to do.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;

/// How long a run may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows how many of a known number of messages are done. Dropping it takes the bar away.
#[derive(Debug)]
pub struct Progress {
    /// `None`: nobody is to see it.
    ui: Option<Ui>,
    total: u64,
    started: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) const fn new(ui: Option<Ui>, total: u64) -> Self {
        Self { ui, total, started: None, bar: None }
    }

    /// Says how many are done at this time; the first call starts the clock.
    pub fn update(&mut self, done: u64, now: Instant) {
        let Some(ui) = &self.ui else { return };
        let started = *self.started.get_or_insert(now);
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if now.duration_since(started) >= PATIENCE {
            let bar = ProgressBar::with_draw_target(Some(self.total), ProgressDrawTarget::stderr())
                .with_position(done)
                .with_elapsed(now.duration_since(started));
            if let Ok(style) =
                ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
            {
                bar.set_style(style);
            }
            ui.set_bar(Some(bar.clone()));
            self.bar = Some(bar);
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
