//! The terminal: taken over, drawn on, and given back as it was, however the program ends.
//!
//! A thread writes to it, so that a terminal that takes no bytes never stops the connection; while it is busy no
//! further frame is made. Another thread waits for keys.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::crossterm::{cursor, event, queue};
use ratatui::layout::{Rect, Size};

use crate::watch::state::app::App;
use crate::watch::view;
use crate::watch::view::Theme;

/// Buttons and wheel, but not each movement; with coordinates of any size.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// At the end a terminal that takes no bytes is waited for this long.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// More than this is not given to the clipboard, in bytes: terminals take no more.
pub const CLIPBOARD: usize = 74_994;

/// Whether the terminal is taken over: for the panic hook.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// How many pieces the thread that writes has not written yet.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The terminal while it is taken over. Dropping it gives it back.
pub struct Screen {
    theme: Theme,
    mouse: bool,
    last: Buffer,
    bytes: Vec<u8>,
    writer: Option<Sender<Vec<u8>>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Standard input or output is no terminal, or a thread cannot be started.
    pub fn open(theme: Theme, mouse: bool) -> io::Result<Self> {
        let (writer, frames) = channel::<Vec<u8>>();
        let mut out = direct_stdout()?;
        std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            while let Ok(bytes) = frames.recv() {
                // A terminal that is gone is noticed by the signal that tells it.
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
                WAITING.fetch_sub(1, Ordering::SeqCst);
            }
        })?;
        give_back_on_panic();
        let mut screen =
            Self { theme, mouse, last: Buffer::default(), bytes: Vec::new(), writer: Some(writer) };
        screen.enter()?;
        Ok(screen)
    }

    /// The size of the terminal.
    #[must_use]
    pub fn size() -> Size {
        // What every terminal once had, for those that do not say.
        let (width, height) = size().unwrap_or((80, 24));
        if width == 0 || height == 0 { Size::new(80, 24) } else { Size::new(width, height) }
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        queue!(self.bytes, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.mouse {
            self.bytes.extend_from_slice(MOUSE_ON);
        }
        self.clear()
    }

    fn clear(&mut self) -> io::Result<()> {
        queue!(self.bytes, Clear(ClearType::All))?;
        self.last.reset();
        self.send();
        Ok(())
    }

    /// Gives the terminal back.
    fn leave(&mut self) {
        if !TAKEN.swap(false, Ordering::SeqCst) {
            return;
        }
        self.bytes.extend_from_slice(&farewell());
        self.send();
        wait_until_written();
        // Nothing can be done about a terminal that is gone.
        let _ = disable_raw_mode();
    }

    /// Gives the terminal back and stops this process, as Ctrl-Z does; continues when it is continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        #[cfg(unix)]
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.enter()
    }

    /// After the process was stopped by others: whoever stopped it has changed the terminal.
    ///
    /// # Errors
    /// It is no terminal any more.
    pub fn take_again(&mut self) -> io::Result<()> {
        disable_raw_mode()?;
        self.enter()
    }

    /// Draws everything again with the next frame.
    ///
    /// # Errors
    /// None that can happen: it is written to memory.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.clear()
    }

    /// Listens to the mouse, or leaves it to the terminal.
    pub fn listen_to_mouse(&mut self, mouse: bool) {
        self.mouse = mouse;
        self.bytes.extend_from_slice(if mouse { MOUSE_ON } else { MOUSE_OFF });
        self.send();
    }

    /// Asks the terminal to put this into the clipboard (OSC 52).
    pub fn copy(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(b"\x1b]52;c;");
        self.bytes.extend_from_slice(STANDARD.encode(content).as_bytes());
        self.bytes.push(0x07);
        self.send();
    }

    /// Whether the terminal has taken everything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        WAITING.load(Ordering::SeqCst) == 0
    }

    /// Draws what has changed since the last time, if something has.
    ///
    /// # Errors
    /// None that can happen: it is written to memory.
    pub fn draw(&mut self, app: &App) -> io::Result<()> {
        let area = Rect::new(0, 0, app.size.width, app.size.height);
        if self.last.area != area {
            self.last = Buffer::empty(area);
            queue!(self.bytes, Clear(ClearType::All))?;
        }
        let next = paint(app, self.theme);
        push_changes(&self.last, &next, &mut self.bytes)?;
        self.last = next;
        self.send();
        Ok(())
    }

    fn send(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        if let Some(writer) = &self.writer {
            WAITING.fetch_add(1, Ordering::SeqCst);
            if writer.send(std::mem::take(&mut self.bytes)).is_err() {
                WAITING.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

/// A frame.
#[must_use]
pub fn paint(app: &App, theme: Theme) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, app.size.width, app.size.height));
    view::draw(app, theme, &mut buffer);
    buffer
}

/// Appends what turns one frame into the next: nothing when they are the same.
///
/// # Errors
/// None that can happen: it is written to memory.
pub fn push_changes(last: &Buffer, next: &Buffer, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut changes = last.diff_iter(next).peekable();
    if changes.peek().is_some() {
        CrosstermBackend::new(bytes).draw(changes)?;
    }
    Ok(())
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
        self.writer = None;
    }
}

/// Waits for a terminal that takes bytes, but not forever.
fn wait_until_written() {
    let until = Instant::now() + LAST_WORDS;
    while WAITING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What gives the terminal back.
fn farewell() -> Vec<u8> {
    let mut bytes = MOUSE_OFF.to_vec();
    // It is written to memory and cannot fail.
    let _ = queue!(bytes, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    bytes.extend_from_slice(b"\x1b[0m");
    bytes
}

/// Standard output without the lock and the line buffer of the standard library: a thread that hangs in it must
/// not keep the last words from being said.
#[cfg(unix)]
fn direct_stdout() -> io::Result<Box<dyn Write + Send>> {
    use std::os::fd::AsFd as _;
    Ok(Box::new(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

#[cfg(not(unix))]
fn direct_stdout() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(io::stdout()))
}

/// Has a panic give the terminal back before it is reported.
fn give_back_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if TAKEN.swap(false, Ordering::SeqCst) {
            wait_until_written();
            let _ = disable_raw_mode();
            let _ = direct_stdout().and_then(|mut out| out.write_all(&farewell()));
        }
        report(panic);
    }));
}

/// Waits for keys and the like in a thread of its own, until nobody takes them any more.
///
/// # Errors
/// The thread cannot be started.
pub fn listen(events: tokio::sync::mpsc::Sender<Event>) -> io::Result<()> {
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(event) = event::read() {
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Signals that are about the terminal.
#[cfg(unix)]
pub struct TerminalSignals {
    stop: Option<tokio::signal::unix::Signal>,
    go_on: tokio::signal::unix::Signal,
}

/// What is to be done about such a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has job control"))]
pub enum TerminalSignal {
    /// Give the terminal back and stop.
    Stop,
    /// Take the terminal over again.
    GoOn,
}

#[cfg(unix)]
impl TerminalSignals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        use signal_hook::consts::SIGTSTP;
        use tokio::signal::unix::{SignalKind, signal};
        // Anyone who starts it so that it is not stopped has a reason.
        let is_wanted = !mqt_process::signal::is_ignored(SIGTSTP);
        Ok(Self {
            stop: is_wanted.then(|| signal(SignalKind::from_raw(SIGTSTP))).transpose()?,
            go_on: signal(SignalKind::from_raw(signal_hook::consts::SIGCONT))?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> TerminalSignal {
        let stop = async {
            match &mut self.stop {
                Some(stop) => stop.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop => TerminalSignal::Stop,
            _ = self.go_on.recv() => TerminalSignal::GoOn,
        }
    }
}

/// There are none here.
#[cfg(not(unix))]
pub struct TerminalSignals;

#[cfg(not(unix))]
impl TerminalSignals {
    /// Begins to listen.
    ///
    /// # Errors
    /// None here.
    pub fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Never.
    pub async fn next(&mut self) -> TerminalSignal {
        std::future::pending().await
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use nix::pty::{Winsize, openpty};
    use nix::sys::termios::tcgetattr;

    use super::*;

    const ASKED: &str = "MQT_TEST_PANIC";

    /// The program of the next test, in a terminal.
    #[test]
    fn child_that_panics() {
        if std::env::var_os(ASKED).is_some() {
            let _screen = Screen::open(Theme { colored: true }, true).unwrap();
            panic!("a defect on the screen");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_reported() {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let (_, child) = concat!(module_path!(), "::child_that_panics").split_once("::").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--nocapture"])
            .env(ASKED, "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
        drop(pty.slave);
        let mut bytes = Vec::new();
        // The end of a terminal is an error.
        let _ = File::from(pty.master).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text:?}"));
        let entered = place("\x1b[?1049h");
        let left = place("\x1b[?1049l");
        assert!(entered < left && left < place("a defect on the screen"), "{text:?}");
        assert!(place("\x1b[?25l") < place("\x1b[?25h"));
        assert!(place("\x1b[?1000h") < place("\x1b[?1000l"));
    }
}
