//! The owner of stdout and stderr: data, status, warnings, hints, progress.
//!
//! stdout is data: help texts and lists through [`Ui::out`], messages through the [`Printer`]. stderr is
//! talk. Every text that goes to stderr is escaped here, whatever was done to it before, and is written
//! with one call; a stderr that is closed or full is no reason to stop.

mod errors;
mod live;
mod printer;
mod progress;
mod reader;
mod summary;
mod voice;

pub use live::LiveLine;
pub use printer::{Backlog, Flush, PrintError, PrintSink, Printed, Printer, PrinterLimits, PrinterOptions};
pub use progress::{Amount, Progress};
pub use reader::OutputReader;
pub use summary::Summary;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

use crate::config::{ColorChoice, SummaryFormat, UiSettings};
use crate::error::{Failure, Kind};
use crate::output::sanitize::{Keep, escape, escape_keeping};
use crate::output::{Presentation, Role, Style, Target};
use errors::Errors;
use mqt_process::readiness::PIECE;
use mqt_process::signal::interruptible;
use voice::{Voice, as_lines};

/// Talks to the person at the terminal, or to the log that stderr goes to. Cheap to clone.
#[derive(Clone)]
pub struct Ui {
    inner: Arc<Inner>,
}

struct Inner {
    program: &'static str,
    settings: UiSettings,
    voice: Voice,
    stdout: OutputStream,
    stderr: OutputStream,
    bar: Mutex<Option<ProgressBar>>,
    /// The last line, for [`Ui::close`].
    closing: Mutex<Option<String>>,
    /// What [`Ui::close`] waits for; `None` in tests.
    errors: Option<Errors>,
}

/// One of the two streams.
struct OutputStream {
    writer: Mutex<Box<dyn Write + Send>>,
    is_terminal: bool,
    style: Style,
}

impl OutputStream {
    fn new(writer: Box<dyn Write + Send>, is_terminal: bool, color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => None,
            ColorChoice::Always => Some(true),
            ColorChoice::Never => Some(false),
        };
        let style = Style::decide(choice, is_terminal, |name| std::env::var_os(name));
        Self { writer: Mutex::new(writer), is_terminal, style }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = lock(&self.writer);
        writer.write_all(bytes)?;
        writer.flush()
    }
}

/// Standard output. Where it takes no bytes, a signal ends the process at once.
struct Interruptible;

impl Write for Interruptible {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        unless_it_blocks(|| io::stdout().write(piece))
    }

    fn flush(&mut self) -> io::Result<()> {
        // The standard library keeps back what follows the last line feed.
        unless_it_blocks(|| io::stdout().flush())
    }
}

/// Writes a piece. Only where that may block, a signal is not attended to.
fn unless_it_blocks<T>(write: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    if mqt_process::readiness::takes_bytes(&io::stdout()) {
        return write();
    }
    interruptible(write)
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded stays whole when a holder panics: it is written to in single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text without its middle where it is too long to be read: what is wrong with a long value follows it.
fn shortened(text: &str) -> Cow<'_, str> {
    const EACH: usize = 1_000;
    let ends = |(head, _)| Some((head, text.char_indices().nth_back(EACH - 1)?.0));
    match text.char_indices().nth(EACH).and_then(ends) {
        Some((head, tail)) if tail > head => format!("{}…{}", &text[..head], &text[tail..]).into(),
        _ => text.into(),
    }
}

impl fmt::Debug for Ui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ui")
            .field("program", &self.inner.program)
            .field("settings", &self.inner.settings)
            .field("stdout_is_terminal", &self.inner.stdout.is_terminal)
            .field("stderr_is_terminal", &self.inner.stderr.is_terminal)
            .finish()
    }
}

impl Ui {
    /// Over the process's stdout and stderr. `program` is the name that starts every line: `mqt`.
    #[must_use]
    pub fn new(program: &'static str, settings: UiSettings) -> Self {
        let (stdout_terminal, stderr_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let errors = Errors::of_process();
        Self::over(
            program,
            settings,
            OutputStream::new(Box::new(Interruptible), stdout_terminal, settings.color),
            OutputStream::new(Box::new(errors.clone()), stderr_terminal, settings.color),
            Some(errors),
        )
    }

    /// Over other writers, none of them a terminal: for tests.
    #[must_use]
    pub fn with_writers(
        program: &'static str,
        settings: UiSettings,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        Self::over(
            program,
            settings,
            OutputStream::new(stdout, false, settings.color),
            OutputStream::new(stderr, false, settings.color),
            None,
        )
    }

    fn over(
        program: &'static str,
        settings: UiSettings,
        stdout: OutputStream,
        stderr: OutputStream,
        errors: Option<Errors>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                program,
                voice: Voice::of(settings.dialect, program),
                settings,
                stdout,
                stderr,
                bar: Mutex::new(None),
                closing: Mutex::default(),
                errors,
            }),
        }
    }

    /// How it was told to talk.
    #[must_use]
    pub fn settings(&self) -> &UiSettings {
        &self.inner.settings
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        self.inner.stdout.is_terminal
    }

    /// Whether stderr is a terminal.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        self.inner.stderr.is_terminal
    }

    /// How messages on stdout look. `raw`: control characters as they are, on a terminal too.
    #[must_use]
    pub fn presentation(&self, newline: bool, raw: bool) -> Presentation {
        let stdout = &self.inner.stdout;
        let target = if stdout.is_terminal && !raw { Target::Terminal } else { Target::Pipe };
        let mosquitto_words = self.inner.settings.dialect.is_mosquitto();
        Presentation { target, newline, style: stdout.style.clone(), mosquitto_words }
    }

    /// Writes to stdout: help texts, lists. A closed pipe is a normal end and no error.
    ///
    /// # Errors
    /// A failure of kind [`Kind::Output`]: the device is full, or the like.
    pub fn out(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.print(bytes).map(|_| ())
    }

    /// Writes to stdout, and tells whether there is a reader: `false` once the pipe is closed.
    ///
    /// # Errors
    /// A failure of kind [`Kind::Output`]: the device is full, or the like.
    pub fn print(&self, bytes: &[u8]) -> Result<bool, Failure> {
        match self.inner.stdout.write(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::new(Kind::Output, format!("write: {}", printer::reason(&error)))),
        }
    }

    /// Prints a failure: `mqt: error[keyword]: what`, then its causes and hints. Under `--quiet` only what is wrong
    /// with the options, and the files that they name.
    pub fn failure(&self, failure: &Failure) {
        let Inner { voice, settings, stderr, .. } = &*self.inner;
        if !settings.quiet || voice.reports_when_quiet(failure) {
            self.talk(&voice.failure(failure, &stderr.style));
        }
    }

    /// Prints `mqt: warning[keyword]: text`. Not under `--quiet`.
    pub fn warning(&self, keyword: &str, text: &str) {
        self.say(self.inner.voice.warning(keyword, text, &self.inner.stderr.style));
    }

    /// Says what a formatter could not print.
    pub fn unprintable(&self, text: &str) {
        self.say(self.inner.voice.unprintable(text, &self.inner.stderr.style));
    }

    /// Prints `mqt: note[keyword]: text`. Not under `--quiet`, and not in the manner of a mosquitto client.
    pub fn note(&self, keyword: &str, text: &str) {
        self.say(self.inner.voice.note(keyword, text, &self.inner.stderr.style));
    }

    /// Prints a text of one or more lines as it is, but for control characters. Not under `--quiet`.
    pub fn status(&self, text: &str) {
        self.say(as_lines(text));
    }

    /// Prints lines, unless under `--quiet`.
    fn say(&self, lines: String) {
        if !self.inner.settings.quiet {
            self.talk(&lines);
        }
    }

    /// Prints what continues underneath, a packet for example; only under `--debug`.
    pub fn debug(&self, text: &str) {
        if self.inner.settings.debug {
            let style = &self.inner.stderr.style;
            self.talk(&format!("{}\n", style.paint(Role::Faint, &escape(text))));
        }
    }

    /// Prints lines about what continues underneath where the mosquitto clients do: on stdout.
    pub fn debug_among_messages(&self, lines: &str) {
        let shown =
            if self.inner.stdout.is_terminal { escape_keeping(lines, Keep::Lines) } else { lines.into() };
        // Anyone who prints messages finds out that nobody reads them.
        drop(self.print(shown.as_bytes()));
    }

    /// Whether [`debug`](Self::debug) prints anything: whoever has to work for the text asks first.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.inner.settings.debug
    }

    /// Keeps the closing line with the counts of the run until [`close`](Self::close). When no form of it was
    /// asked for, it is one for people, and only when something is left unconfirmed or a signal came, and not
    /// under `--quiet`.
    pub fn summary(&self, summary: &Summary) {
        let text = match self.inner.settings.summary {
            Some(SummaryFormat::Json) => format!("{}\n", summary.to_json()),
            None if self.inner.settings.quiet || !self.inner.voice.shows_progress() => return,
            // Anyone who interrupts a run wants to know how far it came.
            None if summary.unconfirmed == 0 && summary.exit < 128 => return,
            Some(SummaryFormat::Text) | None => format!("{}: {summary}\n", self.inner.program),
        };
        *lock(&self.inner.closing) = Some(text);
    }

    /// Prints the closing line, where there is one: nothing comes after it. Waits for a reader of standard error that
    /// is slow, but not for one that does not read.
    pub fn close(&self) {
        if let Some(text) = lock(&self.inner.closing).take() {
            self.talk(&text);
        }
        if let Some(errors) = &self.inner.errors {
            errors.finish();
        }
    }

    /// A progress bar for a known amount. It appears on a terminal only, not under `--quiet`,
    /// and only after a second.
    #[must_use]
    pub fn progress(&self, total: Amount) -> Progress {
        let Inner { stderr, settings, voice, .. } = &*self.inner;
        let wanted = stderr.is_terminal && !settings.quiet && voice.shows_progress();
        Progress::new(wanted.then(|| self.clone()), total)
    }

    /// A line that changes while something continues; `None` when stderr is no terminal, and under `--quiet`.
    #[must_use]
    pub fn live_line(&self) -> Option<LiveLine> {
        (self.inner.stderr.is_terminal && !self.inner.settings.quiet).then(|| LiveLine::new(self.clone()))
    }

    /// How text on stdout is coloured.
    #[must_use]
    pub fn style(&self) -> &Style {
        &self.inner.stdout.style
    }

    /// How many columns stdout has: those of the terminal, else 80.
    #[must_use]
    pub fn width(&self) -> usize {
        const USUAL: usize = 80;
        if !self.inner.stdout.is_terminal {
            return USUAL;
        }
        terminal_size::terminal_size().map_or(USUAL, |(width, _)| width.0.into())
    }

    /// One write to stderr, above the progress bar where there is one.
    fn talk(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let bar = lock(&self.inner.bar).clone();
        // Nobody is left to be told that stderr is closed or full.
        let write = || drop(self.inner.stderr.write(text.as_bytes()));
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Whether stderr takes what is drawn on it: a terminal that is stopped by Ctrl-S does not.
    fn can_draw(&self) -> bool {
        self.inner.errors.as_ref().is_none_or(Errors::is_ready)
    }

    fn set_bar(&self, bar: Option<ProgressBar>) {
        *lock(&self.inner.bar) = bar;
    }
}

#[cfg(test)]
mod tests;
