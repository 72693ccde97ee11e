//! The table of options: argv in, then the bytes on the wire, standard output, standard error and exit code.
//!
//! With `DROPIN_PROGRAMS` set to a folder, the programs there are run instead of ours: `/usr/bin` shows which
//! rows the installed ones do not keep.

mod connection;
mod options;
mod publish;
mod request;
mod subscribe;

use std::time::Duration;

use nix::sys::signal::Signal;

use super::program::{Program, Programs};
use super::relay::Relay;
use super::stage::{Stage, Way};
use super::table::{message, run_all, words};
use crate::support::mqt::{Mqt, Outcome, Running};
use crate::support::proxy::FaultProxy;
use crate::support::scripted::Scripted;
use crate::support::wire::Wire;

/// Longer than any row takes; only a row that fails waits for it.
const LIMIT: Duration = Duration::from_secs(25);

/// CONNECT of pub and sub without options, and the answer that lets them in. Written out wherever anything in
/// it is another.
const IN: &str = "> 10 (`MQTT` 04 02 003C ``) < 20 02 00 00";
/// The same in MQTT 5.
const IN_5: &str = "> 10 (`MQTT` 05 02 003C (21 0014) ``) < 20 (00 00 00)";
/// The same for rr, which waits for one answer.
const IN_RR: &str = "> 10 (`MQTT` 05 02 003C (21 0001) ``) < 20 (00 00 00)";

/// What is expected of an output.
enum Expected {
    Exactly(Vec<u8>),
    /// Any run of digits is `9`.
    Shape(String),
    Has(&'static str),
}

/// A row of the table.
pub struct Row {
    program: Program,
    /// The command line, see [`words`]. Unless it names `{port}` itself, `-h 127.0.0.1 -p PORT` is before it.
    line: String,
    /// What is said, see [`steps`]; `None`: nobody may connect.
    wire: Option<String>,
    stdin: Option<&'static str>,
    files: Vec<(&'static str, Vec<u8>)>,
    env: Vec<(&'static str, &'static str)>,
    way: Way,
    stdout: Expected,
    stderr: Expected,
    code: i32,
    signal: Option<Signal>,
    /// What the proxy must have heard, or be in the TLS ClientHello, or a file must have.
    heard: Option<&'static str>,
    client_hello: Option<&'static [u8]>,
    from: Option<&'static str>,
    file_has: Option<(&'static str, &'static str)>,
}

/// A row that ends well and prints nothing.
fn row(program: Program, line: impl Into<String>) -> Row {
    Row {
        program,
        line: line.into(),
        wire: None,
        stdin: None,
        files: Vec::new(),
        env: Vec::new(),
        way: Way::Plain,
        stdout: Expected::Exactly(Vec::new()),
        stderr: Expected::Exactly(Vec::new()),
        code: 0,
        signal: None,
        heard: None,
        client_hello: None,
        from: None,
        file_has: None,
    }
}

impl Row {
    fn wire(mut self, wire: impl Into<String>) -> Self {
        self.wire = Some(wire.into());
        self
    }

    fn stdin(mut self, text: &'static str) -> Self {
        self.stdin = Some(text);
        self
    }

    /// A file below `{dir}`, which is the home folder, too.
    fn file(mut self, name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name, content.into()));
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    fn stdout(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdout = Expected::Exactly(bytes.into());
        self
    }

    fn stdout_shape(mut self, shape: impl Into<String>) -> Self {
        self.stdout = Expected::Shape(shape.into());
        self
    }

    fn stdout_has(mut self, text: &'static str) -> Self {
        self.stdout = Expected::Has(text);
        self
    }

    fn stderr(mut self, text: &'static str) -> Self {
        self.stderr = Expected::Exactly(text.into());
        self
    }

    fn stderr_has(mut self, text: &'static str) -> Self {
        self.stderr = Expected::Has(text);
        self
    }

    fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    fn signal(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// What the SOCKS5 proxy hears, see [`crate::support::wire::bytes`].
    fn heard(mut self, bytes: &'static str) -> Self {
        self.heard = Some(bytes);
        self
    }

    /// These bytes are in the TLS ClientHello.
    fn client_hello(mut self, bytes: &'static [u8]) -> Self {
        self.client_hello = Some(bytes);
        self
    }

    /// The client comes from this address.
    fn from(mut self, address: &'static str) -> Self {
        self.from = Some(address);
        self
    }

    /// Afterwards a file has this text in it.
    fn file_has(mut self, name: &'static str, text: &'static str) -> Self {
        self.file_has = Some((name, text));
        self
    }
}

/// The stage and the programs.
struct Runner {
    stage: Stage,
    programs: Programs,
}

impl Runner {
    fn run(&self, row: &Row) {
        let path = self.programs.path(row.program);
        let mut mqt = Mqt::program(path, [""; 0]).limit(LIMIT);
        for (name, content) in &row.files {
            mqt.home_file(name, content);
        }
        let dir = mqt.home().display().to_string();
        let peer = Scripted::listen();
        let relay = self.stage.open(row.way, &dir, peer.port());
        let port = relay.as_ref().map_or(peer.port(), Relay::port);
        // What a relay makes of TLS is no longer what the client said.
        let front = row.client_hello.map(|_| FaultProxy::start(port));
        let port = front.as_ref().map_or(port, FaultProxy::port);
        let fill = |text: &str| self.stage.fill(text, port, &dir);
        mqt = mqt.args(Stage::address(&row.line, row.way, port));
        mqt = mqt.args(words(&row.line).iter().map(|word| fill(word)));
        for (name, value) in &row.env {
            mqt = mqt.env(name, fill(value));
        }
        let mut running = mqt.start();
        if let Some(text) = row.stdin {
            // A program that does not read it has ended, which is told below.
            use std::io::Write as _;
            let written = running.take_stdin().unwrap().write_all(text.as_bytes());
            drop(written);
        }
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if let Some(wire) = &row.wire {
                play(&peer, wire, &mut running, row.from);
            }
        }));
        if let Err(panic) = played {
            panic!(
                "{}\n--- stdout so far:\n{}\n--- stderr so far:\n{}",
                message(&*panic),
                running.stdout_so_far().escape_ascii(),
                String::from_utf8_lossy(&running.stderr_so_far())
            );
        }
        let outcome = running.wait();
        assert!(row.wire.is_some() || peer.connections() == 0, "it connects\n{outcome}");
        check(row, &outcome, relay.as_ref());
        if let Some(part) = row.client_hello {
            let hello = &front.unwrap().records()[0].up;
            let found = hello.windows(part.len()).any(|window| window == part);
            assert!(found, "{part:x?} is not in {hello:x?}");
        }
        if let Some((name, text)) = row.file_has {
            let content = std::fs::read_to_string(outcome.home().join(name)).unwrap();
            assert!(content.contains(text), "{name}: {content:?}");
        }
    }
}

fn check(row: &Row, outcome: &Outcome, relay: Option<&Relay>) {
    match row.signal {
        Some(signal) => outcome.assert_signal(signal),
        None => outcome.assert_code(row.code),
    };
    for (name, output, expected) in
        [("stdout", &outcome.stdout, &row.stdout), ("stderr", &outcome.stderr, &row.stderr)]
    {
        let (shown, holds) = match expected {
            Expected::Exactly(bytes) => (bytes.escape_ascii().to_string(), output == bytes),
            Expected::Shape(text) => (text.clone(), shape(output) == *text),
            Expected::Has(text) => ((*text).to_owned(), String::from_utf8_lossy(output).contains(text)),
        };
        assert!(holds, "{name} is not {shown:?}\n{outcome}");
    }
    if let Some(bytes) = row.heard {
        let heard = relay.unwrap().heard();
        assert_eq!(
            crate::support::wire::hex(&heard),
            crate::support::wire::hex(&crate::support::wire::bytes(bytes))
        );
    }
}

/// The text with every run of digits as `9`.
fn shape(output: &[u8]) -> String {
    let mut shape = String::new();
    for c in String::from_utf8_lossy(output).chars() {
        match c {
            '0'..='9' if shape.ends_with('9') => {}
            '0'..='9' => shape.push('9'),
            c => shape.push(c),
        }
    }
    shape
}

/// One step of what is said on the wire.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    /// `> BYTES`: the program sends exactly these, see [`crate::support::wire::bytes`].
    Expect(&'a str),
    /// `< BYTES`: the peer sends these.
    Send(&'a str),
    /// `! WORD …`: anything else, see [`act`].
    Act(&'a str),
}

/// The steps of a dialogue: each begins with `>`, `<` or `!`, outside of quotes.
fn steps(text: &str) -> Vec<Step<'_>> {
    let mut starts = Vec::new();
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '`') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '>' | '<' | '!') => starts.push(at),
            _ => {}
        }
    }
    assert_eq!(quote, None, "quotes in {text}");
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let body = text[start + 1..end].trim();
            match &text[*start..=*start] {
                ">" => Step::Expect(body),
                "<" => Step::Send(body),
                _ => Step::Act(body),
            }
        })
        .collect()
}

/// Plays the peer. At the end of the dialogue the program must close the connection without another byte,
/// unless the peer has.
#[track_caller]
fn play(peer: &Scripted, wire: &str, running: &mut Running, from: Option<&str>) {
    let process = running.id().to_string();
    let mut connection: Option<Wire> = Some(peer.accept());
    if let (Some(from), Some(connection)) = (from, &connection) {
        assert_eq!(connection.peer_address().ip().to_string(), from);
    }
    for step in steps(wire) {
        match step {
            Step::Expect(bytes) => connection.as_mut().unwrap().expect(&bytes.replace("{pid}", &process)),
            Step::Send(bytes) => connection.as_mut().unwrap().send(bytes),
            Step::Act("close") => connection = None,
            Step::Act("reset") => connection.take().unwrap().reset(),
            Step::Act("accept") => connection = Some(peer.accept()),
            Step::Act("SIGINT") => running.signal(Signal::SIGINT),
            Step::Act("SIGTERM") => running.signal(Signal::SIGTERM),
            Step::Act("SIGALRM") => running.signal(Signal::SIGALRM),
            Step::Act("SIGHUP") => running.signal(Signal::SIGHUP),
            Step::Act("wait for the end") => return connection.unwrap().drain(),
            Step::Act("end of input") => running.close_stdin(),
            Step::Act(other) => match other.strip_prefix("line ") {
                Some(line) => running.write_stdin(format!("{line}\n")),
                None => panic!("unknown step {other:?}"),
            },
        }
    }
    if let Some(mut connection) = connection {
        connection.expect_close();
    }
}

fn all() -> Vec<Row> {
    [connection::rows(), publish::rows(), subscribe::rows(), request::rows()].into_iter().flatten().collect()
}

#[test]
fn every_row_holds() {
    let programs = std::env::var_os("DROPIN_PROGRAMS").map_or_else(Programs::ours, Programs::in_folder);
    let runner = Runner { stage: Stage::new(), programs };
    run_all(&all(), |row| format!("{} {}", row.program, row.line), |row| runner.run(row));
}

#[test]
fn steps_are_told_apart() {
    assert_eq!(
        steps("> 30 (`a>b` '<') < 40 02 0001 ! close"),
        [Step::Expect("30 (`a>b` '<')"), Step::Send("40 02 0001"), Step::Act("close")]
    );
}
