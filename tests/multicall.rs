//! Called by the names of mosquitto, through a link or a copy: the program behaves as those do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::scripted::{Reserved, Scripted};

const MQT: &str = env!("CARGO_BIN_EXE_mqt");

/// A link to the program under an old name, in a folder of its own.
fn linked(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    symlink(MQT, &path).unwrap();
    path
}

fn call(program: &Path, line: &str) -> Mqt {
    Mqt::program(program, line.split_whitespace())
}

#[test]
fn a_link_and_a_copy_are_the_old_program() {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("mosquitto_sub");
    fs::copy(MQT, &copy).unwrap();
    for (program, line) in [
        (linked(&folder, "mosquitto_pub"), "mosquitto_pub version 2.1.2"),
        (copy, "mosquitto_sub version 2.1.2"),
    ] {
        let outcome = call(&program, "--version").run();
        outcome.assert_code(1);
        assert!(outcome.stdout().starts_with(line), "{outcome}");
        let help = call(&program, "--help").run();
        help.assert_code(1);
        assert!(help.stdout().contains("Usage: mosquitto_") && help.stderr.is_empty(), "{help}");
    }
}

#[test]
fn wrong_usage_ends_as_the_old_program_does() {
    let folder = TempDir::new().unwrap();
    let publish = linked(&folder, "mosquitto_pub");
    let outcome = call(&publish, "-p").run();
    outcome.assert_code(1).assert_stdout("");
    assert_eq!(
        outcome.stderr(),
        "Error: -p argument given but no port specified.\n\n\nUse 'mosquitto_pub --help' to see usage.\n"
    );
    let outcome = call(&publish, "-t a").run();
    outcome.assert_code(1);
    assert_eq!(outcome.stderr(), "Error: Both topic and message must be supplied.\n");
    assert!(outcome.stdout().contains("Usage: mosquitto_pub"), "{outcome}");
}

#[test]
fn messages_go_from_one_old_program_to_the_other() {
    let broker = TestBroker::start();
    let port = broker.port();
    let folder = TempDir::new().unwrap();
    let (publish, subscribe) = (linked(&folder, "mosquitto_pub"), linked(&folder, "mosquitto_sub"));
    call(&publish, &format!("-p {port} -t keep/a -m 21.5 -r -q 1")).run().assert_code(0).assert_stdout("");
    call(&publish, &format!("-p {port} -t keep/b -n -q 2")).run().assert_code(0).assert_stdout("");
    call(&subscribe, &format!("-p {port} -t keep/# -v -C 1 -W 20"))
        .run()
        .assert_code(0)
        .assert_stdout("keep/a 21.5\n");
    let outcome = call(&subscribe, &format!("-p {port} -t nothing -W 1")).run();
    outcome.assert_code(27).assert_stdout("");
    assert_eq!(outcome.stderr(), "Timed out\n");
}

#[test]
fn an_unreachable_broker_is_status_1_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let port = crate::support::port::free_port();
    let outcome = call(&linked(&folder, "mosquitto_sub"), &format!("-p {port} -t a")).run();
    outcome.assert_code(1).assert_stdout("");
    assert_eq!(outcome.stderr(), "Error: Connection refused\n");
    let outcome = call(&linked(&folder, "mosquitto_pub"), &format!("-p {port} -t a -n --quiet")).run();
    outcome.assert_code(1);
    assert_eq!(outcome.stderr(), "");
}

#[test]
fn options_come_from_the_file_of_the_old_program_and_from_no_variable_of_ours() {
    let broker = TestBroker::start();
    let folder = TempDir::new().unwrap();
    let publish = linked(&folder, "mosquitto_pub");
    let run = call(&publish, "-t a -m x").env("MQT_PORT", "1").env("MQT_USERNAME", "nobody");
    run.home_file(".config/mosquitto_pub", format!("# where\n-p {}\n", broker.port()));
    run.run().assert_code(0);
    let run = call(&publish, "-t a -m x");
    let file =
        run.home_file("other", format!("-p {}\n-D publish user-property k some words\n", broker.port()));
    run.arg("-o").arg(file).run().assert_code(0);
    let outcome = call(&publish, "-t a -m x -o /nowhere/at-all").run();
    outcome.assert_code(1);
    outcome.assert_stderr_has("Error: Unable to open options file \"/nowhere/at-all\"");
}

#[test]
fn what_the_tls_library_has_not_is_told() {
    let folder = TempDir::new().unwrap();
    let publish = linked(&folder, "mosquitto_pub");
    for line in ["--psk 0102 --psk-identity me", "--cafile x --tls-engine pkcs11"] {
        let outcome = call(&publish, &format!("-t a -m x {line}")).run();
        outcome.assert_code(1).assert_stderr_has("is not available").assert_stderr_has("Instead: ");
        let own =
            call(Path::new(MQT), &format!("pub -t a -m x --tls {}", line.replace("--cafile x ", ""))).run();
        own.assert_code(1).assert_stderr_has("is not available").assert_stderr_has("hint: ");
    }
}

#[test]
fn mqt_reads_options_files_too() {
    let broker = TestBroker::start();
    let run = Mqt::new(["pub", "-q", "1", "-m", "x"]);
    let file = run.home_file("options", format!("# where\n-p {}\n-t from file\n-q 2\n", broker.port()));
    let outcome = run.arg("-d").arg("-o").arg(file).run();
    outcome.assert_code(0).assert_stderr_has("\"from file\", QoS 1");
    Mqt::new(["pub", "-t", "a", "-n", "-o", "/nowhere/at-all"])
        .run()
        .assert_code(1)
        .assert_stderr_has("error[file]: /nowhere/at-all: no such file");
}

/// A line without a value never takes the next line for it.
#[test]
fn a_wrong_line_of_an_options_file_is_named() {
    for (content, told) in [
        ("-t a\n-u\n-P secret\n", ", line 2: -u needs a value\n"),
        ("-t a\n-d yes\n", ", line 2: -d takes no value 'yes'\n"),
        ("-t a\n\n# x\n-q 3\n", ", line 4: --qos '3': "),
        ("-t a\n--bogus\n", ", line 2: unknown option '--bogus'\n"),
    ] {
        let run = Mqt::new(["sub", "-p", "1"]);
        let file = run.home_file("options", content);
        let outcome = run.arg("-o").arg(file).run();
        outcome.assert_code(1).assert_stderr_has(told).assert_stderr_lacks("secret");
    }
    let folder = TempDir::new().unwrap();
    let old = linked(&folder, "mosquitto_sub");
    for (content, fault, line) in [
        ("-t a\n-u\n-P secret\n", "Error: -u argument given but no username specified.\n", 2),
        ("\n # x\n", "Error: Unknown option '#'.\n", 2),
        ("-t\ta\n", "Error: Unknown option '-t\ta'.\n", 1),
        ("-t a\n-D connect user-property x\n", "Error: --property argument given but ", 2),
    ] {
        let run = call(&old, "-p 1");
        let file = run.home_file("options", content);
        let outcome = run.arg("-o").arg(&file).run();
        outcome.assert_code(1);
        let stderr = outcome.stderr();
        assert!(stderr.starts_with(fault), "{outcome}");
        let place = format!("\nIt is in line {line} of the options file {}.\n", file.display());
        assert!(stderr.ends_with(&place), "{outcome}");
    }
}

#[test]
fn quotes_in_an_options_file_are_part_of_the_value() {
    let broker = TestBroker::start();
    let run = Mqt::new(["pub", "-m", "x", "-d"]);
    let content = format!("\u{feff}-p\t{}\n  # where\n-t \"a b\"\n", broker.port());
    let file = run.home_file("options", content);
    let place =
        format!("mqt: warning[options-file]: {}, line 3: the quotes are part of the value\n", file.display());
    let outcome = run.arg("-o").arg(file).run();
    outcome.assert_code(0).assert_stderr_has(&place).assert_stderr_has("PUBLISH \"\"a b\"\",");
}

#[test]
fn the_old_programs_take_a_password_from_a_file_or_a_command() {
    let folder = TempDir::new().unwrap();
    for name in ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"] {
        let program = linked(&folder, name);
        let line = match name {
            "mosquitto_pub" => "-t a -n",
            "mosquitto_sub" => "-t a",
            _ => "-t a -e b -n",
        };
        for way in ["--password-file", "--password-command"] {
            let listener = Scripted::listen();
            let run = call(&program, &format!("-h 127.0.0.1 -p {} -V 311 -u me {line}", listener.port()));
            let file = run.home_file("password", "secret\n");
            let value = if way == "--password-file" { file.into_os_string() } else { "echo secret".into() };
            let running = run.arg(way).arg(value).start();
            let (mut peer, connect) = listener.accept_connect();
            assert!(connect.ends_with(b"\0\x02me\0\x06secret"), "{name} {way}: {connect:?}");
            peer.send("20 (00 05)");
            running.wait().assert_code(5);
        }
    }
}

/// Another connection would get the same answer.
#[test]
fn a_wrong_suback_is_the_end() {
    let folder = TempDir::new().unwrap();
    let old = linked(&folder, "mosquitto_sub");
    for (version, connack, suback) in [
        ("311", "20 (00 00)", "90 (0001 07)"),
        ("311", "20 (00 00)", "90 (0001)"),
        ("311", "20 (00 00)", "90 (0001 00 00)"),
        ("311", "20 (00 00)", "92 (0001 00)"),
        ("5", "20 (00 00 00)", "90 (0001 00 07)"),
        ("5", "20 (00 00 00)", "90 (0001 00 00 00)"),
    ] {
        let listener = Scripted::listen();
        let running = call(&old, &format!("-h 127.0.0.1 -p {} -t a -V {version}", listener.port())).start();
        let mut peer = listener.accept_and_say(connack);
        assert_eq!(peer.packet()[0], 0x82, "no SUBSCRIBE");
        peer.send(suback);
        let outcome = running.wait();
        outcome.assert_code(2).assert_stderr_has("Error: A network protocol error occurred");
        assert_eq!(listener.connections(), 1, "{suback}");
    }
}

#[test]
fn an_alarm_is_a_time_limit() {
    let broker = TestBroker::start();
    let folder = TempDir::new().unwrap();
    let mut running =
        call(&linked(&folder, "mosquitto_sub"), &format!("-p {} -t a -d", broker.port())).start();
    running.wait_for_stdout("received SUBACK");
    running.signal(nix::sys::signal::Signal::SIGALRM);
    let outcome = running.wait();
    outcome.assert_code(27).assert_stderr("Timed out\n");
    assert!(outcome.stdout().ends_with("Client null sending DISCONNECT\n"), "{outcome}");
}

#[test]
fn links_are_installed_and_removed() {
    let run = Mqt::new(["install-links"]);
    let dir = run.home().join("bin");
    let outcome = run.arg(&dir).run();
    outcome.assert_code(0);
    assert_eq!(outcome.stdout().lines().count(), 3, "{outcome}");
    let program = outcome.home().join("bin/mosquitto_rr");
    let version = call(&program, "--version").run();
    assert!(version.stdout().starts_with("mosquitto_rr version 2.1.2"), "{version}");
    let gone = Mqt::new(["install-links", "--remove"]).arg(outcome.home().join("bin")).run();
    gone.assert_code(0);
    assert!(!program.exists());
}

#[test]
fn a_request_is_answered_by_a_command() {
    let broker = TestBroker::start();
    let port = broker.port();
    let mut serving = Mqt::new(["rr", "--serve", "-p", &port.to_string(), "-t", "ask/#", "-q", "1"])
        .args(["--exec", "printf '%s:' \"$MQT_TOPIC\"; tr a-z A-Z", "-d"])
        .start();
    serving.wait_for_stderr("< SUBACK");
    for version in ["-V 5", "-V 311 -e ask-reply"] {
        let mut line = format!("rr -p {port} -t ask/a -m hello -W 20 {version}");
        if version == "-V 5" {
            call(Path::new(MQT), &line).run().assert_code(0).assert_stdout("ask/a:HELLO\n");
            line.push_str(" -C 5 --rate 100/s --latency");
            let outcome = call(Path::new(MQT), &line).run();
            outcome.assert_code(0).assert_stderr_has("latency: 5 answers, min ");
            assert_eq!(outcome.stdout().matches("ask/a:HELLO\nLatency: ").count(), 5, "{outcome}");
        }
    }
    let folder = TempDir::new().unwrap();
    let old = linked(&folder, "mosquitto_rr");
    call(&old, &format!("-p {port} -t ask/b -e back -m x -W 20"))
        .run()
        .assert_code(0)
        .assert_stdout("ask/b:X\n");
    let outcome = call(&old, &format!("-p {port} -t nobody -e back -m x -W 1")).run();
    outcome.assert_code(27).assert_stdout("");
    assert_eq!(outcome.stderr(), "Timed out\n");
    call(Path::new(MQT), &format!("rr -p {port} -t nobody -m x -W 0.1")).run().assert_code(27);
    drop(serving);
}

/// One place, and commands that never end: each is ended, and the next request gets the place.
#[test]
fn a_command_that_hangs_gives_its_place_back() {
    let broker = TestBroker::start();
    let port = broker.port();
    let mut serving = Mqt::new(["rr", "--serve", "-p", &port.to_string(), "-t", "ask/#", "-d"])
        .args(["--exec", "sleep 600", "--parallel", "1", "--exec-timeout", "100ms"])
        .start();
    serving.wait_for_stderr("< SUBACK");
    for topic in ["ask/a", "ask/b"] {
        call(Path::new(MQT), &format!("pub -p {port} -t {topic} -m x")).run().assert_code(0);
    }
    for topic in ["ask/a", "ask/b"] {
        serving.wait_for_stderr(&format!(
            "warning[exec]: the command for \"{topic}\" was killed: it took longer than 100ms (--exec-timeout); no \
             answer is sent"
        ));
    }
    drop(serving);
}

/// Three times as many as may wait.
#[test]
fn requests_beyond_the_places_wait_for_one() {
    const COUNT: usize = 300;
    let broker = TestBroker::start();
    let port = broker.port();
    let mut serving = Mqt::new(["rr", "--serve", "-p", &port.to_string(), "-t", "ask", "-e", "back", "-d"])
        .args(["--exec", "cat", "--parallel", "1"])
        .start();
    serving.wait_for_stderr("< SUBACK");
    let mut hearing = call(Path::new(MQT), &format!("sub -p {port} -t back -C {COUNT} -d")).start();
    hearing.wait_for_stderr("< SUBACK");
    let lines: String = (0..COUNT).map(|number| format!("{number}\n")).collect();
    call(Path::new(MQT), &format!("pub -p {port} -t ask -l")).stdin(lines.clone()).run().assert_code(0);
    hearing.wait().assert_code(0).assert_stdout(&lines);
    drop(serving);
}

/// The numbers of mosquitto's library for what a SOCKS5 proxy says.
#[test]
fn a_proxy_that_leads_nowhere_has_the_numbers_of_the_old_programs() {
    let folder = TempDir::new().unwrap();
    let old = linked(&folder, "mosquitto_sub");
    // The login; what the proxy hears, as a number of bytes, and says; the end.
    type Case = (&'static str, &'static [(usize, &'static str)], i32, &'static str);
    let cases: &[Case] = &[
        ("", &[(3, "05 FF")], 11, "Error: Authorisation failed: "),
        ("u:p@", &[(4, "05 02"), (5, "01 01")], 11, "Error: Authorisation failed: "),
        ("", &[(3, "05 00"), (10, "05 02 00 01 00000000 0000")], 11, "Error: Authorisation failed: "),
        (
            "",
            &[(3, "05 00"), (10, "05 03 00 01 00000000 0000")],
            4,
            "Error: The client is not currently connected: ",
        ),
        (
            "",
            &[(3, "05 00"), (10, "05 05 00 01 00000000 0000")],
            4,
            "Error: The client is not currently connected: ",
        ),
        ("", &[(3, "05 00"), (10, "05 01 00 01 00000000 0000")], 16, "Error: Proxy error: "),
        ("", &[(3, "")], 16, "Error: Proxy error: "),
    ];
    for (login, script, code, text) in cases {
        let listener = Scripted::listen();
        let address = format!("socks5h://{login}127.0.0.1:{}", listener.port());
        let running = call(&old, &format!("-h 127.0.0.1 -t a --proxy {address}")).start();
        let mut peer = listener.accept();
        for (count, answer) in *script {
            peer.receive(*count);
            peer.send(answer);
        }
        drop(peer);
        running.wait().assert_code(*code).assert_stderr_has(text);
    }
    let reserved = Reserved::new();
    call(&old, &format!("-t a --proxy socks5h://127.0.0.1:{}", reserved.port()))
        .run()
        .assert_code(1)
        .assert_stderr("Error: Connection refused\n");
    call(&old, "-t a --proxy socks5h://nobody.invalid")
        .run()
        .assert_code(1)
        .assert_stderr("Unable to connect (Lookup error).\n");
}

/// What ends an old program at once says no goodbye, so that the broker publishes the will.
#[test]
fn a_signal_leaves_the_will_to_the_broker() {
    use nix::sys::signal::Signal::{SIGHUP, SIGTERM};
    let folder = TempDir::new().unwrap();
    for (name, line, signal, subscribes) in [
        ("mosquitto_pub", "-l", SIGTERM, false),
        ("mosquitto_rr", "-e back -m x", SIGTERM, true),
        ("mosquitto_sub", "", SIGHUP, true),
    ] {
        let listener = Scripted::listen();
        let line = format!("-V 311 -h 127.0.0.1 -p {} -t a --will-topic w {line}", listener.port());
        let mut running = call(&linked(&folder, name), &line).start();
        let mut peer = listener.accept_and_say("20 (00 00)");
        if subscribes {
            assert_eq!(peer.packet()[0], 0x82, "no SUBSCRIBE");
        }
        running.signal(signal);
        assert_eq!(peer.next_packet(), None, "{name}");
        running.wait().assert_signal(signal);
    }
}
