//! The loop that prints tables.

use std::time::Duration;

use tokio::time::Instant;

use crate::commands::signals::{Signal, Signals};
use crate::commands::sleep_until;
use crate::error::Failure;
use crate::ui::OutputReader;
use crate::watch::BREATH;
use crate::watch::io::replay::ReplaySource;
use crate::watch::io::terminal::Screen;
use crate::watch::io::watcher::{Watcher, came_in, written};
use crate::watch::state::app::Action;
use crate::watch::view::summary;

/// How tables look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableForm {
    pub(crate) json: bool,
    pub(crate) top: Option<usize>,
    pub(crate) once: bool,
}

impl Watcher<'_> {
    /// Prints tables until a signal, the end of a recording, the first one is enough, or nobody reads them any more.
    pub(crate) async fn as_tables(
        &mut self,
        form: TableForm,
        interval: Duration,
        signals: &mut Signals,
    ) -> Result<Option<Signal>, Failure> {
        let mut due: Option<Instant> = None;
        let mut breath = Instant::now();
        let reader = OutputReader::of_stdout();
        loop {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if due.is_none() {
                due = self.since.map(|since| since + interval);
            }
            let ended = self.replay.as_ref().is_some_and(ReplaySource::is_at_end);
            let now = Instant::now();
            if ended || due.is_some_and(|due| now >= due) {
                let is_read = self.print(form)?;
                if form.once || ended || !is_read {
                    return Ok(None);
                }
                due = Some(due.map_or(now, |due| due + interval).max(now));
            }
            self.app.work();
            if breath.elapsed() >= BREATH {
                tokio::task::yield_now().await;
                breath = Instant::now();
            }
            tokio::select! {
                biased;
                signal = signals.next() => return Ok(Some(signal)),
                written = written(&mut self.recorder) => self.recorded(written),
                () = reader.gone() => return Ok(None),
                () = sleep_until(due), if due.is_some() => {}
                came = came_in(&mut self.client, &mut self.replay) => self.arrived(came),
            }
        }
    }

    /// Prints a table, and tells whether there is a reader.
    fn print(&mut self, form: TableForm) -> Result<bool, Failure> {
        const COLUMNS: usize = 120;
        let now = self.now();
        self.app.update(Action::Tick(now));
        let text = if form.json {
            let elapsed = self.since.map(|since| since.elapsed()).unwrap_or_default();
            summary::json(&mut self.app, form.top, elapsed)
        } else {
            let columns = if self.ui.stdout_is_terminal() { Screen::size().width.into() } else { COLUMNS };
            let mut text = summary::plain(&self.app, form.top, columns);
            if !form.once {
                text.push('\n');
            }
            text
        };
        self.ui.print(text.as_bytes())
    }
}
