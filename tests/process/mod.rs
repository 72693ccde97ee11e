//! The contract of a process: every command, under each of its names, against each condition that its surroundings can
//! put it in. A row is a command, a module a group of conditions.

mod files;
mod limits;
mod signals;
mod streams;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::broker::TestBroker;
use crate::support::mqt::{Mqt, Running};

const MQT: &str = env!("CARGO_BIN_EXE_mqt");

/// A command that goes on until something ends it.
struct Row {
    /// `mqt`, or the name of a mosquitto client.
    program: &'static str,
    /// Its arguments; `PORT` stands for the port of a broker.
    line: &'static str,
    /// A line that says that it is at work.
    ready: Ready,
    /// What SIGINT and SIGTERM are to it.
    end: End,
}

#[derive(Clone, Copy)]
enum Ready {
    Stdout(&'static str),
    Stderr(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// What was asked for is not done: it dies by the signal.
    Died,
    /// The normal end of something that has no other.
    Normal,
    /// SIGINT is the normal end, as of the key q; SIGTERM is not.
    Left,
}

const ROWS: &[Row] = &[
    Row { program: "mqt", line: "pub -p PORT -t x -l -d", ready: Ready::Stderr("< CONNACK"), end: End::Died },
    Row { program: "mqt", line: "sub -p PORT -t x -d", ready: Ready::Stderr("< SUBACK"), end: End::Normal },
    Row {
        program: "mqt",
        line: "sub -p PORT -t x -C 9 -d",
        ready: Ready::Stderr("< SUBACK"),
        end: End::Died,
    },
    Row {
        program: "mqt",
        line: "rr -p PORT -t x -e y -m z -W 1h -d",
        ready: Ready::Stderr("< SUBACK"),
        end: End::Died,
    },
    Row {
        program: "mqt",
        line: "rr --serve --exec cat -p PORT -t x -d",
        ready: Ready::Stderr("< SUBACK"),
        end: End::Normal,
    },
    Row {
        program: "mqt",
        line: "watch --json --interval 100ms -p PORT",
        ready: Ready::Stdout("{"),
        end: End::Left,
    },
    Row {
        program: "mqt",
        line: "bench pub -p PORT --publishers 1 -r 10 --duration 1h --warmup 0 --openmetrics 127.0.0.1:0",
        ready: Ready::Stderr("metrics"),
        end: End::Died,
    },
    Row { program: "mqt", line: "broker -p 0", ready: Ready::Stderr("mqt pub"), end: End::Normal },
    Row {
        program: "mosquitto_pub",
        line: "-p PORT -t x -l -d",
        ready: Ready::Stdout("received CONNACK"),
        end: End::Died,
    },
    Row {
        program: "mosquitto_sub",
        line: "-p PORT -t x -d",
        ready: Ready::Stdout("received SUBACK"),
        end: End::Normal,
    },
    Row {
        program: "mosquitto_rr",
        line: "-p PORT -t x -e y -m z -d",
        ready: Ready::Stdout("received SUBACK"),
        end: End::Died,
    },
];

/// What the rows are run with.
struct Stage {
    broker: TestBroker,
    /// Links to the program under the old names.
    links: TempDir,
}

impl Stage {
    fn new() -> Self {
        let links = TempDir::new().unwrap();
        for name in ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"] {
            symlink(MQT, links.path().join(name)).unwrap();
        }
        Self { broker: TestBroker::start(), links }
    }

    fn program(&self, name: &str) -> PathBuf {
        if name == "mqt" { MQT.into() } else { self.links.path().join(name) }
    }

    /// The words of a row, the program first, for a shell that sets its stage.
    fn words(&self, program: &str, line: &str) -> Vec<String> {
        let port = self.broker.port().to_string();
        let words = line.split_whitespace().map(|word| word.replace("PORT", &port));
        std::iter::once(self.program(program).to_str().unwrap().to_owned()).chain(words).collect()
    }

    /// A command whose arguments are a line of words.
    fn call(&self, program: &str, line: &str) -> Mqt {
        let words = self.words(program, line);
        Mqt::program(&words[0], &words[1..])
    }

    /// A command that a shell starts after it has run `before`.
    fn call_after(&self, before: &str, program: &str, line: &str) -> Mqt {
        let script = format!("{before}; exec \"$@\"");
        Mqt::program("sh", ["-c", &script, "sh"]).args(self.words(program, line))
    }
}

impl Ready {
    #[track_caller]
    fn wait(self, running: &mut Running) {
        match self {
            Self::Stdout(text) => running.wait_for_stdout(text),
            Self::Stderr(text) => running.wait_for_stderr(text),
        };
    }
}
