//! Signals: taken, ignored, repeated, and as the first process of a container.

#[cfg(target_os = "linux")]
use std::process::Command;

use nix::sys::signal::Signal;

use super::{End, MQT, ROWS, Row, Stage};
#[cfg(target_os = "linux")]
use crate::support::mqt::Running;
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::Scripted;
#[cfg(target_os = "linux")]
use crate::support::skip::skipped;
use crate::support::wait_until;

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The status that a shell reports.
fn status(outcome: &Outcome) -> i32 {
    outcome.code().unwrap_or_else(|| 128 + outcome.signal().unwrap())
}

/// What a shell is to report.
fn expected(row: &Row, signal: Signal) -> i32 {
    let normal = match row.end {
        End::Died => false,
        End::Normal => signal != Signal::SIGHUP || row.line.starts_with("broker"),
        End::Left => signal == Signal::SIGINT,
    };
    if normal { 0 } else { 128 + signal as i32 }
}

#[test]
fn a_signal_ends_every_command() {
    let stage = Stage::new();
    for row in ROWS {
        for signal in SIGNALS {
            let mut running = stage.call(row.program, row.line).start();
            row.ready.wait(&mut running);
            running.signal(signal);
            let outcome = running.wait_with_open_stdin();
            assert_eq!(status(&outcome), expected(row, signal), "{signal}\n{outcome}");
            if outcome.code() != Some(0) {
                outcome.assert_signal(signal);
            }
        }
    }
}

/// `nohup`, `trap ''`, and the background of a script.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let stage = Stage::new();
    for row in ROWS {
        for (name, ignored, other) in
            [("HUP", Signal::SIGHUP, Signal::SIGTERM), ("INT", Signal::SIGINT, Signal::SIGTERM)]
        {
            let mut running = stage.call_after(&format!("trap '' {name}"), row.program, row.line).start();
            row.ready.wait(&mut running);
            running.signal(ignored);
            // It is still ignored by the system, and no handler stands in its place.
            let mask = ignored_signals(running.id());
            assert!(mask & (1 << (ignored as i32 - 1)) != 0, "{} {}: {name}", row.program, row.line);
            running.signal(other);
            let outcome = running.wait_with_open_stdin();
            assert_eq!(status(&outcome), expected(row, other), "{name}\n{outcome}");
        }
    }
}

#[cfg(target_os = "linux")]
fn ignored_signals(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn the_first_process_of_a_container_exits_with_the_number_of_the_signal() {
    let unshare = ["-pf", "--kill-child"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        return skipped("unshare gives no process namespace");
    }
    let stage = Stage::new();
    let first = |words: Vec<String>| Mqt::program("unshare", unshare).args(words);
    for row in ROWS {
        for signal in SIGNALS {
            let mut running = first(stage.words(row.program, row.line)).start();
            row.ready.wait(&mut running);
            send(child_of(&running), signal);
            let outcome = running.wait_with_open_stdin();
            assert_eq!(status(&outcome), expected(row, signal), "{signal}\n{outcome}");
        }
    }
    // And where it waits for a file.
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let fifo = fifo.to_str().unwrap();
    for line in
        [format!("pub -p PORT -t x -f {fifo}"), format!("sub -p PORT -t x --password-file {fifo} -u u")]
    {
        let running = first(stage.words("mqt", &line)).start();
        let child = child_of(&running);
        super::files::wait_until_blocked(child, || true, &line);
        send(child, Signal::SIGTERM);
        let outcome = running.wait();
        assert_eq!(status(&outcome), 143, "{outcome}");
    }
}

/// The program that `unshare` has started, once there is one.
#[cfg(target_os = "linux")]
fn child_of(running: &Running) -> u32 {
    let path = format!("/proc/{0}/task/{0}/children", running.id());
    let mut child = None;
    wait_until("unshare has a child that runs mqt", || {
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        child = children.split_whitespace().next().and_then(|id| id.parse().ok());
        child.is_some_and(|id: u32| {
            let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            name.starts_with("mqt") || name.starts_with("mosquitto")
        })
    });
    child.unwrap()
}

#[cfg(target_os = "linux")]
fn send(id: u32, signal: Signal) {
    let id = nix::unistd::Pid::from_raw(i32::try_from(id).unwrap());
    nix::sys::signal::kill(id, signal).unwrap();
}

/// A broker that reads the DISCONNECT and does not close: the first signal waits for it, the second does not.
#[test]
fn a_second_signal_ends_what_is_ending() {
    for (line, greeting) in [
        ("sub -t a -V 311", "82 (0001 `a` 00)"),
        ("pub -t a -m x -q 1 -V 311", "32 (`a` 0001 'x')"),
        ("rr -t a -e b -m x -V 311 -W 1h", "82 (0001 `b` 00)"),
    ] {
        let listener = Scripted::listen();
        let mut running =
            Mqt::new(line.split(' ')).args(["-h", "127.0.0.1", "-p", &listener.port().to_string()]).start();
        let mut peer = listener.accept_and_say("20 02 00 00");
        peer.expect(greeting);
        // Two signals that come together are one: `timeout` sends its signal twice.
        wait_until("the end", || {
            running.signal(Signal::SIGTERM);
            !running.is_running()
        });
        running.wait().assert_signal(Signal::SIGTERM);
        drop(peer);
    }
}

/// `timeout` sends its signal to the process and to its group.
#[test]
fn a_signal_that_is_delivered_twice_is_one() {
    let stage = Stage::new();
    let mut running = stage.call("mqt", "sub -p PORT -t x -d").start();
    running.wait_for_stderr("< SUBACK");
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGTERM);
    running.wait().assert_code(0).assert_stderr_has("> DISCONNECT");
}

/// Nobody reads what it prints on standard output: a help text, a table, a list of addresses.
#[test]
fn a_blocked_output_is_interrupted() {
    for line in ["broker -p 0", "sub --help", "help exit-codes"] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        fill(&mut writer);
        let mut running = Mqt::program(MQT, line.split(' ')).stdout_to(writer).start();
        super::files::wait_until_blocked(running.id(), || running.is_running(), line);
        running.signal(Signal::SIGTERM);
        running.wait().assert_signal(Signal::SIGTERM);
        drop(reader);
    }
}

/// Fills a pipe to the last byte.
pub(super) fn fill(writer: &mut std::io::PipeWriter) {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::io::Write as _;
    let flags = OFlag::from_bits_retain(fcntl(&*writer, FcntlArg::F_GETFL).unwrap());
    fcntl(&*writer, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    for size in [4096, 1] {
        while writer.write(&vec![b'.'; size]).is_ok() {}
    }
    fcntl(&*writer, FcntlArg::F_SETFL(flags)).unwrap();
}
