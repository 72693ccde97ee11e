//! Runs the built `mqt` program in a pinned environment: own home folder, no variables of the caller,
//! 100 columns, no colours, UTC. Every run is bounded: past its limit it is killed and the test fails with
//! the command, its output and its status.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a run may take unless [`Mqt::limit`] says otherwise. Far above what any needs, so that a slow
/// machine does not fail a test.
const LIMIT: Duration = Duration::from_secs(60);

/// A run to be: arguments, environment, standard input.
pub struct Mqt {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    stdin_from: Option<Stdio>,
    stdout: Option<Stdio>,
    limit: Duration,
    home: TempDir,
}

impl Mqt {
    /// `mqt` with these arguments.
    pub fn new<I, S>(args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        Self::program(env!("CARGO_BIN_EXE_mqt"), args)
    }

    /// Another program with these arguments, in the same pinned environment.
    pub fn program<I, S>(program: impl Into<PathBuf>, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        Self {
            program: program.into(),
            args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            env: Vec::new(),
            stdin: None,
            stdin_from: None,
            stdout: None,
            limit: LIMIT,
            home: TempDir::new().unwrap(),
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The bytes that standard input has; none by default.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Standard input comes from there, and not from the test.
    pub fn stdin_from(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin_from = Some(stdin.into());
        self
    }

    /// Standard output goes there; the runner sees nothing of it.
    pub fn stdout_to(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = Some(stdout.into());
        self
    }

    /// Another time limit.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Writes a file below the home folder of this run, making the folders above it, and returns its path.
    pub fn home_file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The home folder of this run; it goes away with it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs to the end. Standard input ends after the given bytes.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let bytes = self.stdin.take();
        let mut running = self.start();
        let stdin = running.stdin.take();
        // A program that ends without reading all of its input closes the pipe: no failure here.
        let writer = thread::spawn(move || {
            if let (Some(mut stdin), Some(bytes)) = (stdin, bytes) {
                drop(stdin.write_all(&bytes));
            }
        });
        let outcome = running.wait();
        writer.join().unwrap();
        outcome
    }

    /// Runs to the end in a thread of its own, standard input as for [`Self::run`].
    pub fn start_with_stdin(self) -> thread::JoinHandle<Outcome> {
        thread::spawn(|| self.run())
    }

    /// Starts it and lets it run; standard input is open until [`Running::close_stdin`].
    #[track_caller]
    pub fn start(self) -> Running {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join(".config"))
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8");
        for kept in ["PATH", "LLVM_PROFILE_FILE", "SystemRoot", "TMPDIR", "TEMP"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stdin(self.stdin_from.unwrap_or_else(Stdio::piped))
            .stdout(self.stdout.unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.program.display()));
        // The ends of pipes that were given away must not stay open here.
        drop(command);
        let stdout = match child.stdout.take() {
            Some(pipe) => Stream::read(pipe),
            None => Stream::read(std::io::empty()),
        };
        let stderr = Stream::read(child.stderr.take().unwrap());
        let shown: Vec<String> = self.args.iter().map(|arg| shell_word(&arg.to_string_lossy())).collect();
        Running {
            command: format!("{} {}", self.program.file_name().unwrap().display(), shown.join(" ")),
            deadline: Instant::now() + self.limit,
            stdin: child.stdin.take(),
            child,
            stdout,
            stderr,
            home: Some(self.home),
        }
    }
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// What came out of one pipe so far, filled by its own thread.
struct Stream {
    shared: Arc<(Mutex<Received>, Condvar)>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    ended: bool,
    /// Up to where [`Running::wait_for_stdout`] and its like have looked.
    seen: usize,
}

impl Stream {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Received::default()), Condvar::new()));
        let filled = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut block = vec![0; 64 * 1024];
            loop {
                let count = pipe.read(&mut block).unwrap_or(0);
                let mut received = filled.0.lock().unwrap_or_else(PoisonError::into_inner);
                received.bytes.extend_from_slice(&block[..count]);
                received.ended = count == 0;
                filled.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    /// The next whole line that has `text` in it; lines before it are passed over.
    fn wait_for(&self, text: &str, deadline: Instant) -> Result<String, &'static str> {
        let mut received = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some(length) = received.bytes[received.seen..].iter().position(|byte| *byte == b'\n') {
                let start = received.seen;
                received.seen = start + length + 1;
                let line = String::from_utf8_lossy(&received.bytes[start..start + length]).into_owned();
                if line.contains(text) {
                    return Ok(line);
                }
            }
            if received.ended {
                return Err("the output ended");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("the time limit passed");
            }
            received = self.shared.1.wait_timeout(received, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A run that is going on. Killed when dropped.
pub struct Running {
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
    deadline: Instant,
    home: Option<TempDir>,
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line on standard output that has `text` in it and returns it, without its end.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, text: &str) -> String {
        match self.stdout.wait_for(text, self.deadline) {
            Ok(line) => line,
            Err(why) => self.fail(&format!("no line with {text:?} on stdout: {why}")),
        }
    }

    /// Waits for the next line on standard error that has `text` in it and returns it, without its end.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) -> String {
        match self.stderr.wait_for(text, self.deadline) {
            Ok(line) => line,
            Err(why) => self.fail(&format!("no line with {text:?} on stderr: {why}")),
        }
    }

    /// Writes to standard input.
    #[track_caller]
    pub fn write_stdin(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("standard input is closed");
        if let Err(error) = stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()) {
            self.fail(&format!("standard input takes no more: {error}"));
        }
    }

    /// Ends standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Takes standard input out, to write to it from another thread.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Sends a signal.
    #[cfg(unix)]
    #[track_caller]
    pub fn signal(&mut self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, signal).unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What has come out of standard output so far.
    pub fn stdout_so_far(&self) -> Vec<u8> {
        self.stdout.bytes()
    }

    /// What has come out of standard error so far.
    pub fn stderr_so_far(&self) -> Vec<u8> {
        self.stderr.bytes()
    }

    /// Ends standard input and waits for the end of the program.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        self.stdin = None;
        self.wait_with_open_stdin()
    }

    /// Waits for the end of the program, with standard input as it is.
    #[track_caller]
    pub fn wait_with_open_stdin(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= self.deadline {
                self.fail("it does not end");
            }
            thread::sleep(Duration::from_millis(2));
        };
        for stream in [&mut self.stdout, &mut self.stderr] {
            if let Some(thread) = stream.thread.take() {
                thread.join().unwrap();
            }
        }
        Outcome {
            command: self.command.clone(),
            status,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            home: self.home.take(),
        }
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        drop(self.child.kill());
        let status = self.child.wait().unwrap();
        let report = Outcome {
            command: self.command.clone(),
            status,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            home: None,
        };
        panic!("{what}\n{report}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a run ended. `Display` is the report that a failing test shows.
pub struct Outcome {
    command: String,
    status: ExitStatus,
    /// The bytes of standard output.
    pub stdout: Vec<u8>,
    /// The bytes of standard error.
    pub stderr: Vec<u8>,
    home: Option<TempDir>,
}

impl Outcome {
    /// Standard output as text.
    #[track_caller]
    pub fn stdout(&self) -> &str {
        self.text(&self.stdout)
    }

    /// Standard error as text.
    #[track_caller]
    pub fn stderr(&self) -> &str {
        self.text(&self.stderr)
    }

    #[track_caller]
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("output is not UTF-8\n{self}"))
    }

    /// The home folder that the run had; it goes away with this.
    #[track_caller]
    pub fn home(&self) -> &Path {
        self.home.as_ref().unwrap().path()
    }

    /// The exit status; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    #[cfg(unix)]
    pub fn signal(&self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.status)
    }

    /// Fails with the whole report unless the exit status is `code`.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "wrong exit status\n{self}");
        self
    }

    /// Fails with the whole report unless this signal ended it.
    #[cfg(unix)]
    #[track_caller]
    pub fn assert_signal(&self, signal: nix::sys::signal::Signal) -> &Self {
        assert_eq!(self.signal(), Some(signal as i32), "not ended by {signal}\n{self}");
        self
    }

    /// Fails with the whole report unless standard output is exactly this.
    #[track_caller]
    pub fn assert_stdout(&self, expected: impl AsRef<[u8]>) -> &Self {
        assert!(
            self.stdout == expected.as_ref(),
            "stdout is not {:?}\n{self}",
            String::from_utf8_lossy(expected.as_ref())
        );
        self
    }

    /// Fails with the whole report unless standard error is exactly this.
    #[track_caller]
    pub fn assert_stderr(&self, expected: &str) -> &Self {
        assert!(String::from_utf8_lossy(&self.stderr) == expected, "stderr is not {expected:?}\n{self}");
        self
    }

    /// Fails with the whole report unless standard error has this text in it.
    #[track_caller]
    pub fn assert_stderr_has(&self, text: &str) -> &Self {
        assert!(String::from_utf8_lossy(&self.stderr).contains(text), "no {text:?} on stderr\n{self}");
        self
    }

    /// Fails with the whole report if standard error has this text in it.
    #[track_caller]
    pub fn assert_stderr_lacks(&self, text: &str) -> &Self {
        assert!(!String::from_utf8_lossy(&self.stderr).contains(text), "{text:?} on stderr\n{self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- command: {}", self.command)?;
        writeln!(f, "--- {}", self.status)?;
        writeln!(f, "--- stdout:\n{}", self.stdout.escape_ascii().to_string().replace("\\n", "\n"))?;
        write!(f, "--- stderr:\n{}", String::from_utf8_lossy(&self.stderr))
    }
}
