//! Standard input that is closed, output that nobody reads any more, errors that nobody reads at all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::{MQT, Stage};
use crate::support::mqt::Mqt;
use crate::support::scripted::Scripted;
use crate::support::wait_until;

#[test]
fn a_closed_standard_input_is_no_message() {
    let stage = Stage::new();
    for (program, line) in [
        ("mqt", "pub -p PORT -t a -s"),
        ("mqt", "pub -p PORT -t a -s -r"),
        ("mqt", "pub -p PORT -t a -l"),
        ("mqt", "pub -p PORT -t a -0"),
        ("mqt", "pub -p PORT --json"),
        ("mqt", "rr -p PORT -t a -e b -s"),
        ("mosquitto_pub", "-p PORT -t a -s"),
        ("mosquitto_pub", "-p PORT -t a -l"),
    ] {
        let outcome = stage.call_after("exec <&-", program, line).run();
        outcome.assert_code(1);
        assert!(!outcome.stderr.is_empty(), "{outcome}");
    }
    // It is there, and empty.
    stage.call_after("exec < /dev/null", "mqt", "pub -p PORT -t a -l").run().assert_code(0);
    stage.call_after("exec < /dev/null", "mqt", "pub -p PORT -t a -s").run().assert_code(0);
    // Nobody asks for it.
    stage.call_after("exec <&-", "mqt", "pub -p PORT -t a -n").run().assert_code(0);
}

#[test]
fn a_message_is_given_once() {
    let stage = Stage::new();
    for line in ["-m a -m b", "-f x -f y", "-m a -n", "-m a -f x", "-n -s", "-l -m a"] {
        for (program, before) in [
            ("mqt", "pub -p PORT -t a "),
            ("mosquitto_pub", "-p PORT -t a "),
            ("mqt", "rr -p PORT -t a -e b "),
        ] {
            if program == "mqt" && before.starts_with("rr") && line.contains("-l") {
                continue;
            }
            let outcome = stage.call(program, &format!("{before}{line}")).run();
            outcome.assert_code(1);
            assert!(!outcome.stderr.is_empty(), "{outcome}");
        }
    }
    stage.call("mqt", "pub --json --replay a --replay b").run().assert_code(1);
}

#[test]
fn a_misspelt_variable_is_mentioned() {
    let stage = Stage::new();
    let publish = |name: &str| stage.call("mqt", "pub -p PORT -t a -m x").env(name, "x").run();
    publish("MQT_PASWORD")
        .assert_code(0)
        .assert_stderr_has("MQT_PASWORD is unknown; did you mean MQT_PASSWORD?");
    publish("MQT_TOPIC").assert_code(0).assert_stderr("");
    publish("MQT_OF_SOMEBODY_ELSE").assert_code(0).assert_stderr("");
    // The old programs know no variables.
    let old = stage.call("mosquitto_pub", "-p PORT -t a -m x").env("MQT_PASWORD", "x").run();
    old.assert_code(0).assert_stderr("");
}

/// `| head -n1`, `| grep -m1`: the reader has what it wants, and goes; no further message comes.
#[test]
fn a_reader_that_goes_ends_the_command_at_once() {
    let stage = Stage::new();
    stage.call("mqt", "pub -p PORT -t kept -m kept -r -q 1").run().assert_code(0);
    for (program, line) in [
        ("mqt", "sub -p PORT -t kept"),
        ("mqt", "sub -p PORT -t kept --json"),
        ("mqt", "sub -p PORT -t kept --buffer"),
        ("mqt", "sub -p PORT -t kept -C 5"),
        ("mqt", "sub -p PORT -t kept -q 1 -v"),
        ("mqt", "sub -p PORT -t kept --message-rate"),
        ("mqt", "watch --json --interval 10ms -p PORT"),
        // The second request is answered by nobody: the service is gone.
        ("mqt", "rr -p PORT -t kept -e kept -m kept -C 2 -W 1h --rate 0.01"),
        ("mosquitto_sub", "-p PORT -t kept"),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        let running = stage.call(program, line).stdout_to(writer).start();
        let mut first = String::new();
        BufReader::new(reader).read_line(&mut first).unwrap();
        assert!(!first.is_empty(), "{line}");
        running.wait_with_open_stdin().assert_code(0);
    }
}

/// A FIFO gets another reader.
#[test]
fn a_fifo_that_one_reader_leaves_is_not_the_end() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let opened = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::File::open(fifo).unwrap()
    });
    let writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    let mut running = stage.call("mqt", "sub -p PORT -t a -C 1 -d").stdout_to(writer).start();
    running.wait_for_stderr("< SUBACK");
    drop(opened.join().unwrap());
    let second = std::thread::spawn(move || std::fs::read_to_string(fifo).unwrap());
    // The second one is there once it blocks no more.
    let opened_again = std::fs::OpenOptions::new().write(true).open(folder.path().join("fifo")).unwrap();
    stage.call("mqt", "pub -p PORT -t a -m there -q 1").run().assert_code(0);
    running.wait().assert_code(0);
    drop(opened_again);
    assert_eq!(second.join().unwrap(), "there\n");
}

/// A process whose errors nobody reads, which the runner would do; it ends with the test.
struct Bounded(Child);

impl Drop for Bounded {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A pipe for errors that nobody reads stops nobody.
#[test]
fn errors_that_nobody_reads_stop_nothing() {
    let broker = Command::new(MQT)
        .args(["broker", "-v", "-p", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut bounded = Bounded(broker);
    let broker = &mut bounded.0;
    let mut line = String::new();
    BufReader::new(broker.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    // Far more lines than a pipe has room for.
    for number in 0..2_000_u32 {
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let id = format!("a-client-with-a-name-{number:080}");
        let mut connect = vec![0x10, 12 + u8::try_from(id.len()).unwrap(), 0, 4];
        connect.extend_from_slice(b"MQTT\x04\x02\0\x3c\0");
        connect.push(u8::try_from(id.len()).unwrap());
        connect.extend_from_slice(id.as_bytes());
        client.write_all(&connect).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut connack = [0; 4];
        client.read_exact(&mut connack).unwrap();
        assert_eq!(connack, [0x20, 2, 0, 0], "client {number}");
    }
    // Whoever comes later reads on, and learns that something is missing.
    let mut stderr = broker.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let id = nix::unistd::Pid::from_raw(i32::try_from(broker.id()).unwrap());
    nix::sys::signal::kill(id, Signal::SIGTERM).unwrap();
    assert!(broker.wait().unwrap().success());
    let text = reading.join().unwrap();
    assert!(text.contains("0000: connected"), "the first is missing");
    assert!(
        text.contains("lines are missing here: nobody was reading"),
        "nothing is said of what is missing"
    );
}

/// Neither does a publisher that warns, or fails, wait for a reader of its errors.
#[test]
fn a_command_ends_though_nobody_reads_its_errors() {
    for (line, code) in [("pub -h 127.0.0.1 -p 1 -t a -m x", 14), ("pub", 1), ("sub -p", 1)] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        super::signals::fill(&mut writer);
        let child = Command::new(MQT)
            .args(line.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writer)
            .spawn()
            .unwrap();
        let mut child = Bounded(child);
        let mut status = None;
        wait_until(line, || {
            status = child.0.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(code), "{line}");
        drop(reader);
    }
}

/// Whatever a subscriber says that it has received, it has printed.
#[test]
fn a_signal_leaves_nothing_unwritten_that_was_received() {
    for options in [&["--buffer"][..], &[]] {
        let listener = Scripted::listen();
        let mut running = Mqt::new(["sub", "-t", "a", "-V", "311", "--summary=json", "-h", "127.0.0.1"])
            .args(["-p", &listener.port().to_string()])
            .args(options)
            .start();
        let mut peer = listener.accept_and_say("20 02 00 00");
        peer.expect("82 (0001 `a` 00)");
        peer.send("90 03 0001 00");
        // A stream without a gap, until the other end is gone.
        let block = b"\x30\x08\0\x01a12345".repeat(1_000);
        let sending = std::thread::spawn(move || while peer.try_send_bytes(&block) {});
        running.wait_for_stdout("12345");
        running.signal(Signal::SIGINT);
        let outcome = running.wait();
        sending.join().unwrap();
        outcome.assert_code(0);
        // Before it, there may be a warning that the test reads too slowly.
        let last = outcome.stderr().lines().last().unwrap_or_default();
        let summary: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(summary["received"], summary["printed"], "{}", outcome.stderr());
        let lines = outcome.stdout.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(summary["printed"], lines);
    }
}
