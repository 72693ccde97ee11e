//! `mqt rr`: which message is the answer; and `rr --serve`: commands that fail, and how the service ends.

use std::io::Read;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use tempfile::TempDir;

use crate::support::mqt::{Mqt, Running};
use crate::support::scripted::Scripted;
use crate::support::wire::{Wire, hex};

const MQT: &str = env!("CARGO_BIN_EXE_mqt");
const CONNACK_311: &str = "20 (00 00)";
const CONNACK: &str = "20 (00 00 00)";

fn ask(program: impl Into<PathBuf>, port: u16, line: &str) -> Mqt {
    let words: Vec<&str> = line.split(' ').collect();
    Mqt::program(program, words).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-W", "20"])
}

/// Takes the SUBSCRIBE of one filter, grants what it asks for, and returns its options.
#[track_caller]
fn grant(peer: &mut Wire, connack: &str) -> u8 {
    let subscribe = peer.packet();
    assert_eq!(subscribe[0], 0x82, "{}", hex(&subscribe));
    let options = *subscribe.last().unwrap();
    let properties = if connack == CONNACK { "00" } else { "" };
    peer.send(&format!("90 ({} {properties} {:02x})", hex(&subscribe[2..4]), options & 3));
    options
}

/// A service with its broker, which has granted the subscription.
fn serving(listener: &Scripted, args: &[&str], connack: &str) -> (Running, Wire) {
    let running =
        Mqt::new(["rr", "--serve", "-h", "127.0.0.1", "-p", &listener.port().to_string(), "-t", "ask"])
            .args(args)
            .start();
    let mut peer = listener.accept_and_say(connack);
    grant(&mut peer, connack);
    (running, peer)
}

/// A pipe with a name in a folder.
fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("open");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
    path
}

#[test]
fn a_retained_message_is_not_an_answer() {
    let listener = Scripted::listen();
    // MQTT 3.1.1: the flag tells.
    let running = ask(MQT, listener.port(), "rr -t ask -e back -m x -V 311").start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    assert_eq!(grant(&mut peer, CONNACK_311), 0);
    peer.expect("30 (`ask` 'x')");
    peer.send("31 (`back` 'old') 30 (`back` 'new')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("new\n");

    // MQTT 5: the broker is told not to send any; one that does so nevertheless is not believed.
    let running = ask(MQT, listener.port(), "rr -t ask -e back -m x -V 5").start();
    let mut peer = listener.accept_and_say(CONNACK);
    assert_eq!(grant(&mut peer, CONNACK), 0x20);
    assert_eq!(peer.packet()[0], 0x30);
    peer.send("31 (`back` 00 'old') 30 (`back` 00 'new')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("new\n");

    // As it was published, an answer has the flag that its service gave it.
    let running = ask(MQT, listener.port(), "rr -t ask -e back -m x --retain-as-published").start();
    let mut peer = listener.accept_and_say(CONNACK);
    assert_eq!(grant(&mut peer, CONNACK), 0x28);
    assert_eq!(peer.packet()[0], 0x30);
    peer.send("31 (`back` 00 'new')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stdout("new\n");
}

#[test]
fn a_retained_message_is_an_answer_where_that_is_wanted() {
    let folder = TempDir::new().unwrap();
    let old = folder.path().join("mosquitto_rr");
    std::os::unix::fs::symlink(MQT, &old).unwrap();
    let listener = Scripted::listen();
    for (program, line) in [
        (Path::new(MQT), "rr --retained-answers -t ask -e back -m x -V 5"),
        // mosquitto's own takes it, -R or not.
        (&*old, "-t ask -e back -m x -V 5"),
    ] {
        let running = ask(program, listener.port(), line).start();
        let mut peer = listener.accept_and_say(CONNACK);
        assert_eq!(grant(&mut peer, CONNACK), 0);
        assert_eq!(peer.packet()[0], 0x30);
        peer.send("31 (`back` 00 'old')");
        peer.goodbye();
        drop(peer);
        running.wait().assert_code(0).assert_stdout("old\n");
    }
}

#[test]
fn retained_requests_are_left_out_where_that_is_wanted() {
    let listener = Scripted::listen();
    let (mut running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", "cat", "-q", "1", "-R", "-V", "311"], CONNACK_311);
    peer.send("33 (`ask` 0001 'old') 32 (`ask` 0002 'new')");
    peer.expect("40 02 0001 32 (`back` 0002 'new') 40 02 0002");
    peer.send("40 02 0002");
    running.signal(Signal::SIGTERM);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn a_command_that_fails_can_answer_too() {
    let listener = Scripted::listen();
    let (mut running, mut peer) =
        serving(&listener, &["--exec", "cat; exit 3", "--on-failure", "sorry", "-V", "5"], CONNACK);
    // With response topic and correlation data.
    peer.send("30 (`ask` (08 `back` 09 `id`) 'x')");
    peer.expect("30 (`back` (09 `id` 26 `error` `failed: exit status: 3`) 'sorry')");
    running.wait_for_stderr("failed: exit status: 3; the answer is that of --on-failure");
    running.signal(Signal::SIGTERM);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);

    // Without properties, and empty.
    let (mut running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", "exit 3", "--on-failure", "", "-V", "311"], CONNACK_311);
    peer.send("30 (`ask` 'x')");
    peer.expect("30 (`back`)");
    running.signal(Signal::SIGTERM);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

/// A place for one command: the others wait. The session is at its end with the connection, and so are they.
#[test]
fn requests_without_an_answer_are_counted_at_the_end() {
    let folder = TempDir::new().unwrap();
    let path = fifo(folder.path());
    let listener = Scripted::listen();
    for (kept, code) in [(&[][..], 30), (&["-c", "-i", "service"], 0)] {
        let command = format!("cat '{}'", path.display());
        let (mut running, mut peer) = serving(
            &listener,
            &[&["-e", "back", "--exec", &command, "--parallel", "1", "-q", "1", "-V", "311"], kept].concat(),
            CONNACK_311,
        );
        peer.send("32 (`ask` 0001 'a') 32 (`ask` 0002 'b') 32 (`ask` 0003 'c')");
        // Opens once the command reads: it runs, and the others, which came with it, wait.
        let mut begun = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        running.signal(Signal::SIGTERM);
        running.wait_for_stderr(
            "note[exec]: a command is still running, for 5s at most; another signal kills it at once",
        );
        std::io::Write::write_all(&mut begun, b"answer").unwrap();
        drop(begun);
        // The first is answered, confirmed and acknowledged, the others are not.
        peer.expect("32 (`back` 0002 'answer') 40 02 0001");
        peer.send("40 02 0002");
        peer.goodbye();
        drop(peer);
        let outcome = running.wait();
        outcome.assert_code(code);
        if code == 0 {
            outcome.assert_stderr_has("2 requests left unanswered; the broker keeps them in the session");
        } else {
            outcome.assert_stderr_has("error[unanswered]: 2 requests left unanswered");
        }
    }
}

#[test]
fn an_answer_that_is_not_confirmed_is_no_success() {
    let listener = Scripted::listen();
    let (mut running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", "cat", "-q", "1", "-V", "311"], CONNACK_311);
    peer.send("32 (`ask` 0001 'x')");
    peer.expect("32 (`back` 0002 'x') 40 02 0001");
    running.signal(Signal::SIGTERM);
    // After its time to be confirmed.
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(30).assert_stderr_has("error[partial]: 1 of 1 answer not confirmed");
}

#[test]
fn a_second_signal_kills_the_commands() {
    let folder = TempDir::new().unwrap();
    let path = fifo(folder.path());
    let listener = Scripted::listen();
    let command = format!("sleep 600 > '{}' & wait", path.display());
    let (mut running, mut peer) = serving(
        &listener,
        &["-e", "back", "--exec", &command, "--exec-timeout", "0", "-V", "311"],
        CONNACK_311,
    );
    peer.send("30 (`ask` 'x')");
    let mut begun = std::fs::File::open(&path).unwrap();
    running.signal(Signal::SIGINT);
    running.wait_for_stderr("note[exec]: a command is still running");
    running.signal(Signal::SIGINT);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(30).assert_stderr_has("1 request left unanswered");
    assert_eq!(begun.read(&mut [0]).unwrap(), 0);
}

/// As one that hangs, and may.
#[test]
fn a_command_has_its_time_after_the_signal_and_no_more() {
    let listener = Scripted::listen();
    let (mut running, mut peer) = serving(
        &listener,
        &["-e", "back", "--exec", "echo begun >&2; exec sleep 600", "--exec-timeout", "0", "-V", "311"],
        CONNACK_311,
    );
    peer.send("30 (`ask` 'x')");
    running.wait_for_stderr("begun");
    running.signal(Signal::SIGTERM);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(30).assert_stderr_has("1 request left unanswered");
}

/// Nothing of it can be done by mqt itself.
#[test]
fn commands_do_not_outlive_a_service_that_is_killed() {
    let folder = TempDir::new().unwrap();
    let path = fifo(folder.path());
    let listener = Scripted::listen();
    let command = format!("sleep 600 > '{}' & wait", path.display());
    let (mut running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", &command, "-V", "311"], CONNACK_311);
    peer.send("30 (`ask` 'x')");
    let mut begun = std::fs::File::open(&path).unwrap();
    running.signal(Signal::SIGKILL);
    assert_eq!(begun.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_answer_does_not_wait_for_what_the_command_leaves_behind() {
    let listener = Scripted::listen();
    let (running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", "sleep 600 & echo answered", "-V", "311"], CONNACK_311);
    peer.send("30 (`ask` 'x')");
    peer.expect("30 (`back` 'answered' 0a)");
    drop(running);
}

#[test]
fn a_refused_answer_is_no_success() {
    let listener = Scripted::listen();
    let (mut running, mut peer) =
        serving(&listener, &["-e", "back", "--exec", "cat", "-q", "1", "-V", "5"], CONNACK);
    peer.send("30 (`ask` 00 'x')");
    peer.expect("32 (`back` 0002 00 'x')");
    peer.send("40 (0002 87)");
    running.wait_for_stderr("error[denied]");
    running.signal(Signal::SIGTERM);
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(12);
}
