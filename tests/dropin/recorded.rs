//! Faulty command lines and what the clients of mosquitto 2.1.2 said to them, recorded by running these: the exit
//! status and the first lines of both outputs are the same here. In every one of these lines the port is the second
//! word, and nobody listens there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::program::{PROGRAMS, Programs};
use super::table::run_side_by_side;
use crate::support::mqt::Mqt;
use crate::support::scripted::Reserved;

const RECORDED: &str = include_str!("mosquitto-2.1.2-usage.jsonl");

/// They compute more than they wait.
const SIDE_BY_SIDE: usize = 2;

#[derive(Deserialize)]
struct Line {
    program: String,
    argv: Vec<String>,
    status: i32,
    stderr_first_line: String,
    stdout_first_line: String,
}

/// Why something else is said than by mosquitto.
struct Reason {
    /// What mosquitto says first on standard error.
    theirs: &'static str,
    /// What is said here. The status and standard output are the same.
    ours: &'static str,
    why: &'static str,
}

const REASONS: &[Reason] = &[
    Reason {
        theirs: "Error: Bad file descriptor",
        ours: "Error: Connection refused",
        why: "the system's reason, which 2.1 loses; 2.0 tells it",
    },
    Reason {
        theirs: "Error: Bad file descriptor",
        ours: "Error in PUBLISH properties: topic-alias: must not be 0.",
        why: "it is known before connecting",
    },
    Reason {
        theirs: "Error: Bad file descriptor",
        ours: "Error: Unable to open options file \"/nope\": No such file or directory.",
        why: "the options in it are missing",
    },
    Reason {
        theirs: "Error: /tmp is not a file.Error: Unable to read file \"/tmp\": No such file or directory.",
        ours: "Error: Unable to read file \"/tmp\": Is a directory.",
        why: "theirs are two texts without a line end between them, and the second is wrong",
    },
];

#[test]
fn wrong_command_lines_are_answered_as_recorded() {
    let lines: Vec<Line> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 2_232, "{}", lines.len());
    let programs = Programs::ours();
    let nobody = Reserved::new();
    let port = nobody.port().to_string();
    let used = std::sync::Mutex::new(BTreeMap::new());
    run_side_by_side(
        SIDE_BY_SIDE,
        &lines,
        |line| format!("{} {}", line.program, line.argv.join(" ")),
        |line| {
            assert_eq!(line.argv.get(..2), Some(&["-p", "1"].map(str::to_owned)[..]));
            let program = PROGRAMS.into_iter().find(|program| program.name() == line.program).unwrap();
            let outcome = Mqt::program(programs.path(program), ["-p", &port]).args(&line.argv[2..]).run();
            let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
            outcome.assert_code(line.status);
            assert_eq!(first(outcome.stdout()), line.stdout_first_line, "{outcome}");
            let ours = first(outcome.stderr());
            if ours == line.stderr_first_line {
                return;
            }
            let reason = REASONS
                .iter()
                .find(|reason| (reason.theirs, reason.ours) == (&*line.stderr_first_line, &*ours))
                .unwrap_or_else(|| panic!("recorded: {}\n{outcome}", line.stderr_first_line));
            *used.lock().unwrap().entry(reason.why).or_insert(0) += 1;
        },
    );
    let used = used.into_inner().unwrap();
    for reason in REASONS {
        assert!(used.contains_key(reason.why), "no longer a difference: {}", reason.why);
    }
    assert!(used.values().sum::<usize>() < 20, "{used:?}");
}
