//! The line of a run in progress: a bar and words that change, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Ui;

/// Steps of the bar.
const STEPS: u64 = 1_000;

/// A line at the bottom of the terminal that is written over and over. Dropping it takes it away.
#[derive(Debug)]
pub struct LiveLine {
    ui: Ui,
    bar: ProgressBar,
    is_known: Option<bool>,
}

impl LiveLine {
    pub(super) fn new(ui: Ui) -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        ui.set_bar(Some(bar.clone()));
        Self { ui, bar, is_known: None }
    }

    /// Writes the line: how much is done, from 0 to 1, if that is known, and words. They must be free of
    /// control characters.
    pub fn show(&mut self, done: Option<f64>, words: &str) {
        if !self.ui.can_draw() {
            return;
        }
        if self.is_known != Some(done.is_some()) {
            self.is_known = Some(done.is_some());
            let template = if done.is_some() { "{bar:10} {wide_msg}" } else { "{wide_msg}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_message(words.to_owned());
        if let Some(done) = done {
            self.bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
        }
        self.bar.tick();
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        self.ui.set_bar(None);
        self.bar.finish_and_clear();
    }
}
