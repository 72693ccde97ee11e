//! A pseudo-terminal with the program in it, and a parser that knows what the terminal shows.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(60);

fn some(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).unwrap()
}

struct Shared {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
}

/// The program in a terminal of its own. Killed when dropped.
pub struct Tty {
    child: Child,
    keys: File,
    /// Keeps the terminal open, and knows its settings.
    terminal: OwnedFd,
    before: Termios,
    shared: Arc<(Mutex<Shared>, Condvar)>,
    home: TempDir,
}

impl Tty {
    /// Starts `mqt` with these arguments in a terminal of this size.
    pub fn start<A: AsRef<std::ffi::OsStr>>(args: &[A], columns: u16, rows: u16) -> Self {
        Self::start_command(Command::new(env!("CARGO_BIN_EXE_mqt")).args(args), columns, rows)
    }

    /// Starts any program in a terminal of this size.
    pub fn start_command(command: &mut Command, columns: u16, rows: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let home = TempDir::new().unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command
            .env_clear()
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .env("TZ", "UTC")
            .current_dir(home.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let parser = vt100::Parser::new(some(rows), some(columns), 0);
        let shared =
            Arc::new((Mutex::new(Shared { parser, bytes: Vec::new(), ended: false }), Condvar::new()));
        let filled = Arc::clone(&shared);
        let mut output = File::from(pty.master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut block = vec![0; 64 * 1024];
            loop {
                let count = output.read(&mut block).unwrap_or(0);
                let mut shared = filled.0.lock().unwrap_or_else(PoisonError::into_inner);
                shared.parser.process(&block[..count]);
                shared.bytes.extend_from_slice(&block[..count]);
                shared.ended = count == 0;
                filled.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { child, keys: File::from(pty.master), terminal: pty.slave, before, shared, home }
    }

    /// The folder that the program runs in.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Types this.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) {
        self.keys.write_all(keys.as_ref()).unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the terminal shows.
    pub fn text(&self) -> String {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).parser.screen().contents()
    }

    /// All that was sent to the terminal.
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    /// Waits until this holds of the terminal, and says what it shows then.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mut holds: impl FnMut(&vt100::Screen) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let screen = shared.parser.screen();
            if holds(screen) {
                return screen.contents();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} on the screen:\n{}", screen.contents());
            shared = self.shared.1.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the terminal shows this text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) -> String {
        self.wait_for(&format!("{text:?}"), |screen| screen.contents().contains(text))
    }

    /// Waits until the terminal does not show this text any more.
    #[track_caller]
    pub fn wait_without(&self, text: &str) -> String {
        self.wait_for(&format!("screen without {text:?}"), |screen| !screen.contents().contains(text))
    }

    /// Changes the size of the terminal, and tells the program, which no shell does here.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.terminal, size).unwrap();
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.parser.screen_mut().set_size(some(rows), some(columns));
        drop(shared);
        self.signal(Signal::SIGWINCH);
    }

    /// Waits for the end of the program.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Fails unless the terminal is as it was before the program.
    #[track_caller]
    pub fn assert_restored(&self) {
        self.wait_for("restored terminal", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        assert_eq!(tcgetattr(&self.terminal).unwrap(), self.before, "the line settings of the terminal");
    }

    /// Whether the terminal has the settings that it had before the program.
    pub fn is_cooked(&self) -> bool {
        tcgetattr(&self.terminal).unwrap() == self.before
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
