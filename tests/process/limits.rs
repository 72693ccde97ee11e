//! What runs out: descriptors, threads, the size of a file.

use super::{ROWS, Stage};
use crate::support::mqt::Outcome;

/// Commands that end by themselves.
const SHORT: &[(&str, &str)] = &[
    ("mqt", "pub -p PORT -h 127.0.0.1 -t a -m x -q 1"),
    ("mqt", "pub -p PORT -h localhost -t a -l"),
    ("mqt", "pub -p PORT -t a -s"),
    ("mqt", "sub -p PORT -t kept -C 1"),
    ("mqt", "sub -p PORT -t kept -C 1 --with-broker -W 1"),
    ("mqt", "rr -p PORT -t kept -e kept -m x"),
    ("mqt", "rr --serve --exec cat -p PORT -t a -i same"),
    ("mqt", "watch --json --once --interval 10ms -p PORT"),
    ("mqt", "bench pub -p PORT --publishers 2 -r 10 --duration 100ms --warmup 0"),
    ("mqt", "bench e2e -p PORT -r 10 --duration 100ms --warmup 0 --threads 2"),
    ("mosquitto_pub", "-p PORT -t a -m x -q 1"),
    ("mosquitto_sub", "-p PORT -t kept -C 1"),
    ("mosquitto_rr", "-p PORT -t kept -e kept -m x"),
];

/// Nothing that the surroundings lack is a defect of the program.
#[track_caller]
fn assert_is_named(outcome: &Outcome, condition: &str) {
    let code = outcome.code();
    assert!(code.is_some_and(|code| code != 70 && code != 101 && code < 128), "{condition}\n{outcome}");
    outcome.assert_stderr_lacks("defect").assert_stderr_lacks("panicked");
    if code != Some(0) {
        assert!(!outcome.stderr.is_empty(), "{condition}: it says nothing\n{outcome}");
    }
}

#[test]
fn too_few_descriptors_are_named() {
    let stage = Stage::new();
    stage.call("mqt", "pub -p PORT -t kept -m kept -r -q 1").run().assert_code(0);
    for (program, line) in SHORT.iter().filter(|(_, line)| !line.contains("--serve")) {
        // With fewer the program itself is not loaded.
        for count in 4..=20 {
            let before = format!("ulimit -n {count}");
            let outcome = stage.call_after(&before, program, line).stdin("x\n").run();
            assert_is_named(&outcome, &before);
        }
    }
    for row in ROWS.iter().filter(|row| row.line.starts_with("broker")) {
        for count in 4..=20 {
            let before = format!("ulimit -n {count}");
            let mut running = stage.call_after(&before, row.program, row.line).start();
            crate::support::wait_until("it runs or has ended", || {
                !running.is_running() || String::from_utf8_lossy(&running.stderr_so_far()).contains("mqt pub")
            });
            if running.is_running() {
                running.signal(nix::sys::signal::Signal::SIGTERM);
            }
            assert_is_named(&running.wait(), &before);
        }
    }
}

/// A stack that no address space has room for.
#[test]
fn a_thread_that_cannot_be_started_is_named() {
    let stage = Stage::new();
    stage.call("mqt", "pub -p PORT -t kept -m kept -r -q 1").run().assert_code(0);
    let lookups = [("mqt", "pub -h host.invalid -t a -m x"), ("mosquitto_sub", "-h host.invalid -t a")];
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let login = format!("pub -p PORT -t a -m x -u u --password-file {}", secret.to_str().unwrap());
    let short = SHORT.iter().filter(|(_, line)| !line.contains("--serve"));
    for (program, line) in short.chain(&lookups).chain(&[("mqt", login.as_str())]) {
        let outcome = stage.call(program, line).env("RUST_MIN_STACK", "900000000000000").stdin("x\n").run();
        assert_is_named(&outcome, "no threads");
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_output_error() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let payload = folder.path().join("payload");
    std::fs::write(&payload, vec![b'x'; 10_000]).unwrap();
    let publish = format!("pub -p PORT -t kept -r -q 1 -f {}", payload.to_str().unwrap());
    stage.call("mqt", &publish).run().assert_code(0);
    let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
    for (program, line, redirected) in [
        ("mqt", "sub -p PORT -t kept -C 1".to_owned(), true),
        ("mqt", format!("rr -p PORT -t a -e a -f {payload}"), true),
        ("mqt", "sub --help".to_owned(), true),
        (
            "mqt",
            format!("bench pub -p PORT --publishers 1 -r 10 --duration 100ms --warmup 0 --html {file}"),
            false,
        ),
        ("mosquitto_sub", "-p PORT -t kept -C 1".to_owned(), true),
        ("mosquitto_rr", format!("-p PORT -t a -e a -f {payload}"), true),
    ] {
        let redirect = if redirected { format!("; exec > '{file}'") } else { String::new() };
        let outcome = stage.call_after(&format!("ulimit -f 1{redirect}"), program, &line).run();
        outcome.assert_code(74);
    }
}
