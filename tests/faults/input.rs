//! What standard input may be: F-60 to F-63, and the other sources of messages.

use std::time::Duration;

use super::{CONNACK, CONNACK_311, assert_packets, publish, sent, subscribe, summary};
use crate::support::broker::TestBroker;
#[cfg(unix)]
use crate::support::mqt::Mqt;
use crate::support::proxy::Seeded;
use crate::support::scripted::Scripted;

/// The packets of `mqt pub` with these options and this standard input, MQTT 3.1.1.
#[track_caller]
fn assert_sends(options: &[&str], stdin: &[u8], expected: &[&str]) {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["-V", "311"]).args(options).stdin(stdin);
    assert_packets(&sent(mqt, &listener, CONNACK_311), expected);
}

#[test]
fn f60_lines() {
    let lines = &["30 (`a` 'x')", "30 (`a` 'y')"];
    assert_sends(&["-t", "a", "-l"], b"x\ny\n", lines);
    assert_sends(&["-t", "a", "-l"], b"x\ny", lines);
    assert_sends(&["-t", "a", "-l"], b"", &[]);
    assert_sends(&["-t", "a", "-l"], b"\n\nx\n\n", &["30 (`a`)", "30 (`a`)", "30 (`a` 'x')", "30 (`a`)"]);
}

#[test]
fn f61_bytes_are_bytes() {
    assert_sends(
        &["-t", "a", "-l"],
        b"bin\0ary\n\xFF\xFE\r\nz\0q",
        &["30 (`a` 'bin' 00 'ary')", "30 (`a` FF FE 0D)", "30 (`a` 'z' 00 'q')"],
    );
    assert_sends(
        &["-t", "a", "-l", "--crlf"],
        b"x\r\ny\r\r\nz\n\r\n",
        &["30 (`a` 'x')", "30 (`a` 'y' 0D)", "30 (`a` 'z')", "30 (`a`)"],
    );
    assert_sends(&["-t", "a", "-0"], b"x\ny\0\0z", &["30 (`a` 'x' 0A 'y')", "30 (`a`)", "30 (`a` 'z')"]);
    assert_sends(&["-t", "a", "-s"], b"x\n\0y\n", &["30 (`a` 'x' 0A 00 'y' 0A)"]);
    assert_sends(&["-t", "a", "-s"], b"", &["30 (`a`)"]);
}

/// F-61: ten thousand random payloads through both commands, byte for byte.
#[test]
fn f61_binary_payloads_come_out_as_they_went_in() {
    const COUNT: usize = 10_000;
    let broker = TestBroker::start();
    let mut random = Seeded::new(61);
    let mut input = Vec::new();
    for _ in 0..COUNT {
        // Of an empty payload nothing is printed.
        let length = random.between(1, 40);
        input.extend((0..length).map(|_| match random.between(0, 256) as u8 {
            b'\n' => b'\r',
            byte => byte,
        }));
        input.push(b'\n');
    }
    let mut running =
        subscribe(broker.port()).args(["-t", "a", "-q", "1", "-C", &COUNT.to_string(), "-d"]).start();
    running.wait_for_stderr("< SUBACK");
    publish(broker.port()).args(["-t", "a", "-q", "1", "-l"]).stdin(input.clone()).run().assert_code(0);
    let outcome = running.wait();
    assert!(outcome.code() == Some(0) && outcome.stdout == input, "the output differs");
}

/// F-62
#[test]
fn f62_a_line_of_100_mb() {
    const LENGTH: usize = 100_000_000;
    let listener = Scripted::listen();
    let mut input = vec![b'x'; LENGTH];
    input.extend(b"\nshort");
    let mqt = publish(listener.port()).args(["-t", "a", "-l", "-V", "311"]).stdin(input);
    let packets = sent(mqt, &listener, CONNACK_311);
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].len(), 1 + 4 + 3 + LENGTH);
    assert!(packets[0][8..].iter().all(|byte| *byte == b'x'));
    assert_packets(&packets[1..], &["30 (`a` 'short')"]);
}

/// F-63: a broker that does not read, and a producer without an end: memory stays flat.
#[cfg(target_os = "linux")]
#[test]
fn f63_an_endless_producer_waits_for_the_broker() {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    for qos in ["0", "1"] {
        let listener = Scripted::listen();
        let mut running = publish(listener.port()).args(["-t", "a", "-l", "-k", "0", "-q", qos]).start();
        let mut stdin = running.take_stdin().unwrap();
        let fed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&fed);
        let producer = std::thread::spawn(move || {
            let lines = b"y\n".repeat(32 * 1024);
            // Ends when the program is gone.
            while stdin.write_all(&lines).is_ok() {
                counter.fetch_add(lines.len() as u64, Ordering::SeqCst);
            }
        });
        let peer = listener.accept_and_say(CONNACK);
        // Until no more is taken.
        let mut before = u64::MAX;
        while before != fed.load(Ordering::SeqCst) {
            before = fed.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(300));
        }
        assert!(before < 64 << 20, "{before} bytes were read");
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
        let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 30 * 1024, "{kilobytes} kB");
        drop(running);
        producer.join().unwrap();
        drop(peer);
    }
}

#[test]
fn topics_in_the_lines() {
    assert_sends(&["--split-topic", "-l"], b"a x y\nb/c \n", &["30 (`a` 'x y')", "30 (`b/c`)"]);
    assert_sends(&["--split-topic=\\t", "-l"], b"a b\tx\n", &["30 (`a b` 'x')"]);
    assert_sends(&["--split-topic=::", "-0"], b"a::x\n\0", &["30 (`a` 'x' 0A)"]);
}

#[test]
fn lines_without_a_topic_stop_or_are_skipped() {
    let broker = TestBroker::start();
    let run = |options: &[&str], stdin: &str| {
        publish(broker.port()).args(options).args(["-q", "1", "--summary=json"]).stdin(stdin).run()
    };
    let stopped = run(&["--split-topic", "-l"], "a 1\nnothing\na 2\n");
    stopped.assert_code(1).assert_stderr_has("error[split-topic]: line 2: ");
    assert_eq!(summary(&stopped)["confirmed"], 1, "{stopped}");
    let skipped = run(&["--split-topic", "-l", "--on-error=skip"], "a 1\nnothing\n# 3\na 2\n");
    skipped.assert_code(1).assert_stderr_has("line 2: ").assert_stderr_has("error[topic]: line 3: ");
    assert_eq!(summary(&skipped)["confirmed"], 2, "{skipped}");
    let json = run(&["--json"], "{\"topic\":\"a\",\"payload\":\"x\"}\nno JSON\n");
    json.assert_code(1).assert_stderr_has("error[json]: line 2: ");
    let no_topic = run(&["--json", "--on-error=skip"], "{\"payload\":\"x\"}\n{\"topic\":\"b\"}\n");
    no_topic.assert_code(1).assert_stderr_has("error[topic]: line 1: ");
    assert_eq!(summary(&no_topic)["confirmed"], 1, "{no_topic}");
}

#[test]
fn json_lines() {
    assert_sends(
        &["--json", "-t", "d", "-q", "0"],
        b"{\"topic\":\"a\",\"payload\":\"x\"}\n\
          \r\n\n\
          {\"payload\":\"y\",\"retain\":true}\n\
          {\"topic\":\"b\",\"payload_base64\":\"AP8=\"}",
        &["30 (`a` 'x')", "31 (`d` 'y')", "30 (`b` 00 FF)"],
    );
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["--json", "-V", "5"]).stdin(
        "{\"topic\":\"a\",\"payload\":\"x\",\"properties\":{\"content-type\":\"t\",\"user-properties\":[{\"k\":\"v\"}]}}",
    );
    assert_packets(&sent(mqt, &listener, CONNACK), &["30 (`a` (03 `t` 26 `k` `v`) 'x')"]);
}

/// However the objects are laid out, as jq, editors and other programs write them.
#[test]
fn json_in_every_layout() {
    let packets = &["30 (`a` 'x')", "30 (`b` '{' 0A '}')"];
    for input in [
        "{\n  \"topic\": \"a\",\n  \"payload\": \"x\"\n}\n{\n  \"topic\": \"b\",\n  \"payload\": {\n}\n}\n",
        "[{\"topic\":\"a\",\"payload\":\"x\"},{\"topic\":\"b\",\"payload\":{\n}}]",
        "[\r\n  {\"topic\":\"a\",\"payload\":\"x\"},\r\n  {\"topic\":\"b\",\"payload\":{\n}}\r\n]\r\n",
        "{\"topic\":\"a\",\"payload\":\"x\"}{\"topic\":\"b\",\"payload\":\"{\\n}\"}",
        "\u{feff}{\"topic\":\"a\",\"payload\":\"x\"}\r\n\r\n{\"topic\":\"b\",\"payload\":\"{\\n\\u007d\"}\r\n",
    ] {
        assert_sends(&["--json"], input.as_bytes(), packets);
    }
}

#[test]
fn broken_json_is_told_with_its_place() {
    let broker = TestBroker::start();
    let run = |options: &[&str], stdin: &[u8]| {
        publish(broker.port())
            .args(["--json", "-q", "1", "--summary=json"])
            .args(options)
            .stdin(stdin.to_vec())
            .run()
    };
    let pretty =
        b"{\n  \"topic\": \"a\"\n}\n{\n  \"topic\": \"b\"\n  \"qos\": 1\n}\n{\n  \"topic\": \"c\"\n}\n";
    let place = "error[json]: line 4: not a JSON object: ',' or '}' expected at line 6, column 3";
    let stopped = run(&[], pretty);
    stopped.assert_code(1).assert_stderr_has(place).assert_stderr_has("jq -c .");
    assert_eq!(summary(&stopped)["confirmed"], 1, "{stopped}");
    let skipped = run(&["--on-error=skip"], pretty);
    skipped.assert_code(1).assert_stderr_has(place);
    assert_eq!(summary(&skipped)["confirmed"], 2, "{skipped}");
    // The input broke off.
    for torn in ["{\"topic\":\"a\"}{\"topic\":", "[{\"topic\":\"a\"}"] {
        let outcome = run(&[], torn.as_bytes());
        outcome.assert_code(1).assert_stderr_has("error[json]: line 1, column 1");
        assert_eq!(summary(&outcome)["confirmed"], 1, "{outcome}");
    }
    let utf16: Vec<u8> = "\u{feff}{\"topic\":\"a\"}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for options in [&[][..], &["--on-error=skip"]] {
        let outcome = run(options, &utf16);
        outcome.assert_code(1).assert_stderr_has("UTF-16").assert_stderr_has("iconv -f UTF-16 -t UTF-8");
        assert!(!outcome.stderr().contains("--on-error"), "{outcome}");
        assert_eq!(summary(&outcome)["sent"], 0, "{outcome}");
    }
}

/// Whatever `mqt sub --json` prints, `mqt pub --json` publishes.
#[test]
fn json_goes_from_one_broker_to_another() {
    let (old, new, newer) = (TestBroker::start(), TestBroker::start(), TestBroker::start());
    let seed = |topic: &str, options: &[&str]| {
        publish(old.port()).args(["-t", topic, "-r", "-q", "2"]).args(options).run().assert_code(0);
    };
    seed("text", &["-m", "plain \"text\"\n"]);
    seed("empty/é", &["-m", "\u{FEFF} "]);
    seed(
        "props",
        &["-m", "x", "-D", "publish", "user-property", "k", "v", "-D", "publish", "content-type", "t"],
    );
    let mut random = Seeded::new(1);
    let binary: Vec<u8> = (0..100).map(|_| random.between(0, 256) as u8).collect();
    publish(old.port()).args(["-t", "binary", "-r", "-s"]).stdin(binary).run().assert_code(0);
    let read = |broker: &TestBroker, format: &[&str]| {
        subscribe(broker.port())
            .args(["-t", "#", "-q", "2", "--retained-only", "-C", "4", "-W", "20"])
            .args(format)
            .run()
    };
    for (broker, options) in [(&new, &["--json"][..]), (&newer, &["--json", "--pretty"])] {
        let exported = read(&old, options);
        exported.assert_code(0);
        publish(broker.port()).arg("--json").stdin(exported.stdout.clone()).run().assert_code(0);
    }
    let lines = |broker: &TestBroker| {
        let outcome = read(broker, &["-F", "%t %q %r %l %x %D %P"]);
        outcome.assert_code(0);
        let mut lines: Vec<String> = outcome.stdout().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&old), lines(&new));
    assert_eq!(lines(&old), lines(&newer));
}

#[test]
fn each_payload_goes_to_each_topic() {
    assert_sends(&["-t", "a", "-t", "b", "-m", "x"], b"", &["30 (`a` 'x')", "30 (`b` 'x')"]);
    assert_sends(
        &["-t", "a", "-t", "b", "-l"],
        b"x\ny\n",
        &["30 (`a` 'x')", "30 (`b` 'x')", "30 (`a` 'y')", "30 (`b` 'y')"],
    );
}

#[test]
fn a_message_is_repeated() {
    let one = "30 (`a` 'x')";
    assert_sends(&["-t", "a", "-m", "x", "--repeat", "3"], b"", &[one; 3]);
    assert_sends(&["-t", "a", "-m", "x", "--repeat", "3", "--repeat-delay", "1ms"], b"", &[one; 3]);
    assert_sends(
        &["-t", "a", "-t", "b", "-n", "--repeat", "2", "--repeat-delay", "1ms"],
        b"",
        &["30 (`a`)", "30 (`b`)", "30 (`a`)", "30 (`b`)"],
    );
}

/// The pause is at least as long as asked for, from the confirmation on.
#[test]
fn the_pause_of_repeat_begins_with_the_confirmation() {
    let listener = Scripted::listen();
    let running = publish(listener.port())
        .args(["-t", "a", "-m", "x", "-q", "1", "-V", "311", "--repeat", "2", "--repeat-delay", "150ms"])
        .start();
    let mut peer = listener.accept_and_say(CONNACK_311);
    peer.expect("32 (`a` 0001 'x')");
    let confirmed = std::time::Instant::now();
    peer.send("40 02 0001");
    peer.expect("32 (`a` 0002 'x')");
    assert!(confirmed.elapsed() >= Duration::from_millis(150));
    peer.send("40 02 0002");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn a_file_is_one_message() {
    let listener = Scripted::listen();
    let mqt = publish(listener.port()).args(["-t", "a", "-V", "311", "-f"]);
    let path = mqt.home_file("payload", b"x\n\0\xFF");
    assert_packets(&sent(mqt.arg(path), &listener, CONNACK_311), &["30 (`a` 'x' 0A 00 FF)"]);
    let missing = publish(listener.port()).args(["-t", "a", "-f", "/nonexistent/file"]).run();
    missing.assert_code(1).assert_stderr_has("error[file]: /nonexistent/file: no such file");
    assert_eq!(listener.connections(), 1);
}

#[test]
fn arguments_may_be_any_bytes() {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let listener = Scripted::listen();
        let mqt: Mqt = publish(listener.port()).args(["-t", "a", "-V", "311", "-m"]);
        let mqt = mqt.arg(std::ffi::OsStr::from_bytes(b"-\xFF\xFE"));
        assert_packets(&sent(mqt, &listener, CONNACK_311), &["30 (`a` '-' FF FE)"]);
    }
}

/// F-64
#[cfg(unix)]
#[test]
fn f64_a_terminal_is_told_that_it_is_read() {
    use std::io::Write as _;

    for (source, message) in [("-l", "30 (`a` 'typed')"), ("-s", "30 (`a` 'typed' 0A)")] {
        let terminal = nix::pty::openpty(None, None).unwrap();
        let listener = Scripted::listen();
        let mut running = publish(listener.port())
            .args(["-t", "a", source, "-V", "311"])
            .stdin_from(std::fs::File::from(terminal.slave))
            .start();
        running.wait_for_stderr("mqt: note[stdin]: reading from the terminal");
        let mut keyboard = std::fs::File::from(terminal.master);
        // Ctrl-D at the beginning of a line ends the input.
        keyboard.write_all(b"typed\n\x04").unwrap();
        let mut peer = listener.accept_and_say(CONNACK_311);
        peer.expect(message);
        peer.goodbye();
        drop(peer);
        running.wait().assert_code(0);
    }
}
