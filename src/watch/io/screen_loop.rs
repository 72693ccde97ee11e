//! The loop that uses the whole terminal.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ratatui::crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Size;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::commands::signals::{Signal, Signals};
use crate::error::{Failure, Kind};
use crate::output::clock::LocalClock;
use crate::output::units::Many;
use crate::watch::BREATH;
use crate::watch::io::terminal;
use crate::watch::io::terminal::{CLIPBOARD, Screen, TerminalSignal, TerminalSignals};
use crate::watch::io::watcher::{Watcher, came_in, written};
use crate::watch::state::app::{Action, Effect, Gravity};
use crate::watch::view::Theme;
use mqt_client::error::reason as io_reason;
use mqt_process::file;

/// Frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(33);
/// How often ages and rates are updated.
const TICK: Duration = Duration::from_secs(1);
/// The same while nothing comes in: an idle terminal is to cost nothing.
const QUIET_TICK: Duration = Duration::from_secs(3);

impl Watcher<'_> {
    /// Uses the whole terminal until the user or a signal ends it.
    pub(crate) async fn on_screen(
        &mut self,
        mouse: bool,
        signals: &mut Signals,
    ) -> Result<Option<Signal>, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Kind::Output, format!("the terminal cannot be used: {}", io_reason(&error)))
                .hint("--plain needs no terminal")
        };
        let theme = Theme { colored: self.ui.presentation(false, false).style.is_colored() };
        let mut terminal_signals = TerminalSignals::listen().map_err(failed)?;
        let (sender, mut inputs) = mpsc::channel(256);
        let mut screen = Screen::open(theme, mouse).map_err(failed)?;
        terminal::listen(sender).map_err(failed)?;
        self.app.mouse = mouse;
        self.app.update(Action::Resize(Screen::size()));
        let mut next_frame = Instant::now();
        let mut next_tick = Instant::now() + TICK;
        let mut breath = Instant::now();
        loop {
            // Without a connection that has ever been there is nothing to look at.
            if self.failure.is_some() && self.since.is_none() {
                drop(screen);
                return Err(self.failure.take().unwrap_or_else(|| Failure::new(Kind::Bug, "no failure")));
            }
            for effect in self.app.take_effects() {
                if effect == Effect::Quit {
                    return Ok(None);
                }
                self.act(effect, &mut screen).map_err(failed)?;
            }
            let now = Instant::now();
            if now >= next_tick {
                let time = self.now();
                self.app.update(Action::Tick(time));
                let quiet = self.app.quiet_for() >= QUIET_TICK;
                next_tick = now + if quiet { QUIET_TICK } else { TICK };
            }
            if self.app.is_dirty() && now >= next_frame && screen.is_idle() {
                let time = self.now();
                self.app.now = self.app.now.max(time);
                self.app.prepare();
                screen.draw(&self.app).map_err(failed)?;
                next_frame = Instant::now() + FRAME;
            }
            let has_work = self.app.has_work();
            if has_work {
                self.app.work();
            }
            if breath.elapsed() >= BREATH {
                tokio::task::yield_now().await;
                breath = Instant::now();
            }
            let wake = if self.app.is_dirty() { next_frame.min(next_tick) } else { next_tick };
            // A terminal that is busy is looked at again with the next frame.
            let wake = if screen.is_idle() { wake } else { wake.max(Instant::now() + FRAME / 4) };
            tokio::select! {
                biased;
                signal = signals.next() => return Ok(Some(signal)),
                signal = terminal_signals.next() => match signal {
                    TerminalSignal::Stop => screen.suspend().map_err(failed)?,
                    TerminalSignal::GoOn => screen.take_again().map_err(failed)?,
                },
                input = inputs.recv() => match input {
                    Some(input) => self.input(input),
                    // The terminal is gone.
                    None => return Ok(Some(Signal::Hangup)),
                },
                written = written(&mut self.recorder) => self.recorded(written),
                () = tokio::time::sleep_until(wake) => {}
                came = came_in(&mut self.client, &mut self.replay) => self.arrived(came),
                () = std::future::ready(()), if has_work => {}
            }
            if matches!(self.app.size, Size { width: 0, .. } | Size { height: 0, .. }) {
                self.app.update(Action::Resize(Screen::size()));
            }
        }
    }

    fn input(&mut self, input: Input) {
        let time = self.now();
        self.app.now = self.app.now.max(time);
        match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => self.app.update(Action::Key(key)),
            Input::Mouse(event) => self.app.update(Action::Mouse(event)),
            Input::Paste(text) => self.app.update(Action::Paste(text)),
            Input::Resize(width, height) => self.app.update(Action::Resize(Size::new(width, height))),
            Input::Key(_) | Input::FocusGained | Input::FocusLost => {}
        }
    }

    /// Does what the screen asks for.
    fn act(&mut self, effect: Effect, screen: &mut Screen) -> std::io::Result<()> {
        match effect {
            Effect::Quit => {}
            Effect::Suspend => screen.suspend()?,
            Effect::Redraw => {
                screen.redraw()?;
                self.app.update(Action::Resize(Screen::size()));
            }
            Effect::Mouse(mouse) => screen.listen_to_mouse(mouse),
            Effect::Copy(bytes) if bytes.len() > CLIPBOARD => {
                let text =
                    format!("{} bytes are too many for a clipboard: w writes them to a file", bytes.len());
                self.warn(text);
            }
            Effect::Copy(bytes) => screen.copy(&bytes),
            Effect::Write(path, bytes) => match write_new(&path, &bytes) {
                Ok(()) => {
                    let text = format!("{} written to {}", Many(bytes.len() as u64, "byte"), path.display());
                    self.tell(Gravity::Note, "write", text);
                }
                Err(error) => self.warn(format!("{}: {}", path.display(), io_reason(&error))),
            },
            Effect::Record => self.turn_recording(),
            Effect::Publish(message) => {
                if self.client.is_some() {
                    self.outgoing.push_back(message);
                    self.attend();
                } else {
                    self.warn("there is no connection: nothing was published".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Ends the recording, or begins one: in the file of `--record`, or in one with the time in its name.
    fn turn_recording(&mut self) {
        if self.replay.is_some() {
            return self.warn("this is a recording already".to_owned());
        }
        if let Some(recorder) = self.recorder.take() {
            // Nothing waits for the file any more: neither the broker for acknowledgements, nor reading.
            if let Some(client) = &mut self.client {
                client.session_mut().acknowledge(recorder.newest());
                client.set_reading(true);
            }
            self.app.update(Action::Recording(None));
            return self.tell(Gravity::Note, "record", "the recording has ended".to_owned());
        }
        let path = self.settings.record.clone().unwrap_or_else(|| {
            let mut name = Vec::new();
            LocalClock::default().at(SystemTime::now()).push_seconds(&mut name);
            // 2026-11-20T11:37:41+0100; a colon is not for every file system.
            let name = String::from_utf8_lossy(name.get(..19).unwrap_or_default()).replace(':', "");
            PathBuf::from(format!("mqt-{name}.jsonl"))
        });
        let text = format!("recording to {}", path.display());
        match self.record_to(path) {
            Ok(()) => self.tell(Gravity::Note, "record", text),
            Err(failure) => self.warn(failure.what),
        }
    }
}

/// A file that is there is not overwritten.
fn write_new(path: &Path, bytes: &Bytes) -> std::io::Result<()> {
    // What is new is a regular file.
    file::open_with(std::fs::OpenOptions::new().write(true).create_new(true), path)?.write_all(bytes)
}
