//! What standard output may do: F-65 to F-67.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use nix::sys::signal::Signal;

use super::{CONNACK, grant, publish, subscribe, summary};
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::scripted::Scripted;
use crate::support::wait_until;
use crate::support::wire::{bytes, hex};

/// `mqt rr` at a port of this machine, at QoS 1.
fn request(port: u16) -> Mqt {
    Mqt::new(["rr", "-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-t", "ask", "-e", "back", "-m", "x", "-q", "1"])
}

/// Waits until nobody can read any more: a process that another test starts has every open end for a moment.
fn wait_until_unread(writer: &std::io::PipeWriter) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    wait_until("the pipe has no reader", || {
        let mut ends = [PollFd::new(writer.as_fd(), PollFlags::empty())];
        poll(&mut ends, PollTimeout::ZERO).unwrap();
        ends[0].revents().unwrap().intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
    });
}

/// F-65: `mqt sub | head -1`.
#[test]
fn f65_a_reader_that_goes_away_is_a_normal_end() {
    let listener = Scripted::listen();
    let (reader, writer) = std::io::pipe().unwrap();
    let watched = writer.try_clone().unwrap();
    let running = subscribe(listener.port()).args(["-t", "a", "-q", "1"]).stdout_to(writer).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "01");
    peer.send("32 (`a` 0001 00 'first')");
    let mut line = String::new();
    let mut reader = BufReader::new(reader);
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    peer.expect("40 02 0001");
    drop(reader);
    wait_until_unread(&watched);
    peer.send("32 (`a` 0002 00 'second')");
    // Not acknowledged: nobody has read it.
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stderr("");
}

/// F-65 and F-70: the shell's view, SIGPIPE ignored and not.
#[test]
fn f65_in_a_pipeline() {
    let broker = TestBroker::start();
    for text in ["one", "two", "three"] {
        publish(broker.port()).args(["-t", text, "-m", text, "-r"]).run().assert_code(0);
    }
    let program = env!("CARGO_BIN_EXE_mqt");
    for trap in ["", "trap '' PIPE;"] {
        // Retained messages come again and again until the pipe is closed.
        let script = format!(
            "{trap} set -o pipefail; '{program}' sub -h 127.0.0.1 -p {} -t '#' -F '%t %p {}' | head -c 5",
            broker.port(),
            "x".repeat(100_000),
        );
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout.len(), 5);
    }
}

/// F-66
#[cfg(target_os = "linux")]
#[test]
fn f66_a_full_disk_is_told_and_the_message_not_acknowledged() {
    let listener = Scripted::listen();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let running = subscribe(listener.port())
        .args(["-t", "a", "-q", "1", "-C", "3", "--summary=json"])
        .stdout_to(full)
        .start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "01");
    peer.send("32 (`a` 0001 00 'x')");
    peer.goodbye();
    drop(peer);
    let outcome = running.wait();
    outcome
        .assert_code(74)
        .assert_stderr_has("error[output]: write: No space left on device; 0 messages printed, 1 lost");
    let summary = summary(&outcome);
    assert_eq!(["received", "printed", "exit"].map(|name| summary[name].as_u64().unwrap()), [1, 0, 74]);
}

/// F-67: nobody reads for longer than the keep alive allows silence; then everything comes.
#[cfg(target_os = "linux")]
#[test]
fn f67_a_blocked_output_loses_nothing_and_keeps_the_connection() {
    const COUNT: usize = 20_000;
    for version in ["311", "5"] {
        let broker = TestBroker::start();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut running = subscribe(broker.port())
            .args(["-t", "a", "-q", "1", "-V", version, "-k", "1", "-C", &COUNT.to_string()])
            .args(["-d", "--summary=json"])
            .stdout_to(writer)
            .start();
        running.wait_for_stderr("< SUBACK");
        let lines: String = (0..COUNT).map(|number| format!("{number:064}\n")).collect();
        publish(broker.port()).args(["-t", "a", "-q", "1", "-l"]).stdin(lines.clone()).run().assert_code(0);
        // While nothing is read, the broker is still assured that somebody is there.
        for _ in 0..4 {
            running.wait_for_stderr("> PINGREQ");
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
        let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 40 * 1024, "{kilobytes} kB");
        let mut printed = String::new();
        reader.read_to_string(&mut printed).unwrap();
        assert!(printed == lines, "the output differs");
        let outcome = running.wait();
        let summary = summary(&outcome);
        assert_eq!(
            ["received", "printed", "reconnects", "exit"].map(|name| summary[name].as_u64().unwrap()),
            [COUNT as u64, COUNT as u64, 0, 0]
        );
    }
}

/// F-67: more than fits into the queue, at QoS 0: reading stops, and nothing is lost that the broker keeps.
#[test]
fn f67_a_full_queue_stops_reading() {
    let listener = Scripted::listen();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut running =
        subscribe(listener.port()).args(["-t", "a", "-k", "0", "-C", "200"]).stdout_to(writer).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    // 200 messages of a megabyte; the queue has room for 64.
    let payload = vec![b'x'; 1_000_000];
    let sender = std::thread::spawn(move || {
        let header = bytes("30 C4 84 3D `a` 00");
        for _ in 0..200 {
            peer.send_bytes(&header);
            peer.send_bytes(&payload);
        }
        peer
    });
    running.wait_for_stderr("warning[slow-output]");
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed).unwrap();
    assert_eq!(printed.len(), 200 * 1_000_001);
    let mut peer = sender.join().unwrap();
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn f67_overflow_exit_does_not_wait_for_the_reader() {
    let listener = Scripted::listen();
    let (reader, writer) = std::io::pipe().unwrap();
    let running = subscribe(listener.port())
        .args(["-t", "a", "-k", "0", "--overflow=exit"])
        .stdout_to(writer)
        .start_with_stdin();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    let payload = vec![b'x'; 1_000_000];
    let header = bytes("30 C4 84 3D `a` 00");
    // Until the other end is gone.
    while peer.try_send_bytes(&header) && peer.try_send_bytes(&payload) {}
    running.join().unwrap().assert_code(74).assert_stderr_has("error[slow-output]: ");
    drop(reader);
}

/// A reader that never comes back does not keep the second signal waiting, with or without a connection.
#[test]
fn f67_a_blocked_output_can_be_interrupted() {
    for lost in [false, true] {
        let listener = Scripted::listen();
        let (reader, writer) = std::io::pipe().unwrap();
        let mut running = subscribe(listener.port())
            .args(["-t", "a", "-k", "0", "-d", "--no-reconnect"])
            .stdout_to(writer)
            .start();
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "00");
        // More than a pipe has room for.
        peer.send_bytes(&bytes("30 C4 84 3D `a` 00"));
        peer.send_bytes(&vec![b'x'; 1_000_000]);
        running.wait_for_stderr("< PUBLISH");
        let peer = (!lost).then_some(peer);
        running.signal(Signal::SIGINT);
        let outcome = running.wait();
        drop(peer);
        match lost {
            true => outcome.assert_code(7),
            // What was taken and not printed is lost: that is no normal end.
            false => outcome.assert_signal(Signal::SIGINT),
        };
        drop(reader);
    }
}

/// F-67: of QoS 0 messages some are dropped and counted, none of QoS 1.
#[test]
fn f67_overflow_drops_qos_0_and_counts() {
    const COUNT: u64 = 200;
    for policy in ["drop-new", "drop-old"] {
        let listener = Scripted::listen();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let running = subscribe(listener.port())
            .args(["-t", "a", "-k", "0", "-q", "1", "--overflow", policy, "-F", "%q %p", "--summary=json"])
            .stdout_to(writer)
            .start();
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "01");
        let zero = bytes("30 C4 84 3D `a` 00");
        let payload = vec![b'x'; 1_000_000];
        for number in 1..=COUNT {
            peer.send_bytes(&zero);
            peer.send_bytes(&payload);
            if number.is_multiple_of(20) {
                peer.send(&format!("32 (`a` {number:04x} 00 'kept {number}')"));
            }
        }
        let read = std::thread::spawn(move || {
            let mut printed = String::new();
            reader.read_to_string(&mut printed).unwrap();
            printed
        });
        // Acknowledged is what was written.
        for number in (20..=COUNT).step_by(20) {
            peer.expect(&format!("40 02 {number:04x}"));
        }
        peer.send("E0 01 8E");
        drop(peer);
        let outcome = running.wait();
        outcome.assert_code(7);
        let printed = read.join().unwrap();
        let kept: Vec<&str> = printed.lines().filter(|line| line.starts_with('1')).collect();
        let expected: Vec<String> =
            (20..=COUNT).step_by(20).map(|number| format!("1 kept {number}")).collect();
        assert_eq!(kept, expected);
        let summary = summary(&outcome);
        let count = |name: &str| summary[name].as_u64().unwrap();
        assert!(count("dropped") > 0, "{summary}");
        assert_eq!(count("printed") + count("dropped"), COUNT + 10, "{summary}");
        assert_eq!(count("printed"), printed.lines().count() as u64, "{summary}");
    }
}

/// F-67 for `mqt rr`: an answer that nobody reads does not stop the connection, and is not acknowledged before it is
/// written.
#[test]
fn f67_a_blocked_output_does_not_stop_requests() {
    let listener = Scripted::listen();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = request(listener.port()).args(["-C", "2", "-k", "0"]).stdout_to(writer).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "01");
    for number in 1..=2 {
        let request = peer.packet();
        assert_eq!(request[0], 0x32, "no request: {}", hex(&request));
        // The packet identifier stands behind the topic.
        peer.send(&format!("40 02 {}", hex(&request[7..9])));
        // More than a pipe has room for.
        peer.send_bytes(&bytes(&format!("32 C9 84 3D `back` {number:04x} 00")));
        peer.send_bytes(&vec![b'x'; 1_000_000]);
    }
    let read = std::thread::spawn(move || {
        let mut printed = Vec::new();
        reader.read_to_end(&mut printed).unwrap();
        printed
    });
    peer.expect("40 02 0001");
    peer.expect("40 02 0002");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
    assert_eq!(read.join().unwrap().len(), 2 * 1_000_001);
}

#[test]
fn f67_a_blocked_answer_can_be_interrupted() {
    for lost in [false, true] {
        let listener = Scripted::listen();
        let (reader, writer) = std::io::pipe().unwrap();
        let mut running =
            request(listener.port()).args(["-k", "0", "-d", "--no-reconnect"]).stdout_to(writer).start();
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "01");
        let request = peer.packet();
        peer.send(&format!("40 02 {}", hex(&request[7..9])));
        peer.send_bytes(&bytes("32 C9 84 3D `back` 0001 00"));
        peer.send_bytes(&vec![b'x'; 1_000_000]);
        running.wait_for_stderr("< PUBLISH");
        let peer = (!lost).then_some(peer);
        running.signal(Signal::SIGINT);
        // Once the answer is there, the end of the connection changes nothing for it.
        running.wait().assert_signal(Signal::SIGINT);
        drop((peer, reader));
    }
}

/// F-65 and F-66 for `mqt rr`.
#[cfg(target_os = "linux")]
#[test]
fn f66_an_answer_that_cannot_be_written_is_not_acknowledged() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        wait_until_unread(&writer);
        writer.into()
    };
    let full = || File::options().write(true).open("/dev/full").unwrap().into();
    let outputs: [(&dyn Fn() -> std::process::Stdio, i32, &str); 2] = [
        (&closed, 0, ""),
        (&full, 74, "error[output]: write: No space left on device; 0 messages printed, 1 lost"),
    ];
    for (stdout, code, text) in outputs {
        let listener = Scripted::listen();
        let running = request(listener.port()).stdout_to(stdout()).start();
        let mut peer = listener.accept_and_say(CONNACK);
        grant(&mut peer, "01");
        let request = peer.packet();
        peer.send(&format!("40 02 {}", hex(&request[7..9])));
        peer.send("32 (`back` 0001 00 'x')");
        peer.goodbye();
        drop(peer);
        running.wait().assert_code(code).assert_stderr_has(text);
    }
}
