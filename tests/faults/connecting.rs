//! Connecting: F-01 to F-12.

use super::{CONNACK, CONNACK_311, grant, publish, subscribe};
use crate::support::mqt::{Mqt, Outcome};
use crate::support::scripted::{Reserved, Scripted};
use crate::support::wire::hex;

fn one_message(port: u16) -> Mqt {
    publish(port).args(["-t", "a", "-m", "x"])
}

fn everything(port: u16) -> Mqt {
    subscribe(port).args(["-t", "#"])
}

/// Both commands against a broker that does the same to each connection.
#[track_caller]
fn both(options: &[&str], mut broker: impl FnMut(&Scripted), mut check: impl FnMut(&Outcome, usize)) {
    for command in [one_message, everything] {
        let listener = Scripted::listen();
        let running = command(listener.port()).args(options).start();
        broker(&listener);
        check(&running.wait(), listener.connections());
    }
}

/// Like [`both`], for an answer to CONNECT after which the connection ends; there must be one CONNECT.
#[track_caller]
fn refused(options: &[&str], answer: &str, code: i32, error: &str) {
    both(
        options,
        |listener| drop(listener.accept_and_say(answer)),
        |outcome, connections| {
            outcome.assert_code(code).assert_stderr_has(error).assert_stdout("");
            assert_eq!(connections, 1, "{outcome}");
        },
    );
}

#[test]
fn f01_a_broker_that_is_down() {
    let port = Reserved::new();
    for command in [one_message, everything] {
        let error = format!(
            "mqt: error[connect]: 127.0.0.1:{}: connection refused\n  \
             hint: no broker listens there; `mqt broker` starts one on this machine\n",
            port.port()
        );
        command(port.port()).run().assert_code(14).assert_stderr(&error);
    }
}

#[test]
fn f01_retry_says_it_once_and_gives_up_after_so_many() {
    let port = Reserved::new();
    let outcome = one_message(port.port()).arg("--retry=3").run();
    outcome.assert_code(14).assert_stderr_has("error[connect]");
    assert_eq!(outcome.stderr().matches("warning[connect]").count(), 1, "{outcome}");
}

#[test]
fn f01_retry_goes_on_until_there_is_a_broker() {
    let port = Reserved::new();
    let mut running = one_message(port.port()).arg("--retry").start();
    running.wait_for_stderr("warning[connect]");
    let listener = port.listen();
    let mut peer = listener.accept_and_say(CONNACK);
    peer.expect("30 (`a` 00 'x')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn f02_a_name_that_nobody_knows() {
    for command in ["pub", "sub"] {
        let mut mqt = Mqt::new([command, "-h", "nobody.invalid", "-t", "a"]);
        if command == "pub" {
            mqt = mqt.arg("-n");
        }
        mqt.run().assert_code(20).assert_stderr_has("mqt: error[lookup]: nobody.invalid: ");
    }
}

#[test]
fn f04_no_connack() {
    both(
        &["--connect-timeout", "300ms"],
        |listener| listener.accept_connect().0.expect_close(),
        |outcome, _| {
            outcome.assert_code(27).assert_stderr_has("error[connack]: ").assert_stderr_has("within 0.3 s");
        },
    );
}

#[test]
fn f05_closed_after_connect() {
    refused(&["-V", "5"], "", 7, "error[connect]: ");
    refused(&["-V", "311"], "", 7, "closed before CONNACK");
}

#[test]
fn f05_auto_tries_the_older_version_before_it_gives_up() {
    both(
        &[],
        |listener| {
            assert_eq!(listener.accept_connect().1[8], 5);
            assert_eq!(listener.accept_connect().1[8], 4);
        },
        |outcome, connections| {
            outcome.assert_code(7).assert_stderr_has("note[version]").assert_stderr_has("error[connect]");
            assert_eq!(connections, 2);
        },
    );
}

#[test]
fn f05_retry_survives_it() {
    let listener = Scripted::listen();
    let running = one_message(listener.port()).args(["--retry", "-V", "5"]).start();
    drop(listener.accept_connect());
    let mut peer = listener.accept_and_say(CONNACK);
    peer.expect("30 (`a` 00 'x')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0);
}

#[test]
fn f06_a_refused_login_is_never_tried_again() {
    for options in [&["-V", "311"][..], &["-V", "311", "--retry"]] {
        refused(options, "20 (00 04)", 4, "error[login]: ");
        refused(options, "20 (00 05)", 5, "error[auth]: ");
    }
    for options in [&[][..], &["--retry"]] {
        refused(options, "20 (00 86 00)", 4, "bad user name or password (0x86)");
        // The reason string has an escape character in it.
        refused(options, "20 (00 87 (1F 0004 'go' 1B '!'))", 5, "not authorized (0x87) \"go\\x1b!\"");
        refused(options, "20 (00 8A 00)", 5, "error[auth]: ");
        refused(options, "20 (00 8C 00)", 5, "error[auth]: ");
    }
}

#[test]
fn f06_a_login_that_is_refused_at_a_reconnect_is_the_end() {
    let listener = Scripted::listen();
    let running = everything(listener.port()).arg("--retry").start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    drop(peer);
    drop(listener.accept_and_say("20 (00 86 00)"));
    running.wait().assert_code(4).assert_stderr_has("warning[lost]").assert_stderr_has("error[login]");
    assert_eq!(listener.connections(), 2);
}

#[test]
fn f07_another_version_of_the_protocol() {
    refused(&["-V", "5"], "20 (00 01)", 2, "error[version]: ");
    refused(&["-V", "5"], CONNACK_311, 2, "-V 3.1.1");
    refused(&["-V", "5"], "20 (00 84 00)", 2, "error[version]: ");
    refused(&["-V", "311"], "20 (00 01)", 2, "error[version]: ");
    refused(&["-V", "31"], "20 (00 01)", 2, "error[version]: ");
}

#[test]
fn f07_auto_speaks_311_when_the_broker_does_not_know_5() {
    for answer in ["20 (00 84 00)", "20 (00 01)", "20 (00 00)", ""] {
        let listener = Scripted::listen();
        let running = one_message(listener.port()).start();
        drop(listener.accept_and_say(answer));
        let mut peer = listener.accept_and_say(CONNACK_311);
        peer.expect("30 (`a` 'x')");
        peer.goodbye();
        drop(peer);
        running.wait().assert_code(0).assert_stderr_has("note[version]: the broker did not take MQTT 5");
    }
}

#[test]
fn other_refusals_have_their_status() {
    refused(&["-V", "311"], "20 (00 02)", 2, "error[client-id]: ");
    refused(&["-V", "311"], "20 (00 03)", 3, "error[unavailable]: ");
    for reason in ["88", "89", "97", "9F"] {
        refused(&[], &format!("20 (00 {reason} 00)"), 3, "error[unavailable]: ");
    }
    refused(&[], "20 (00 85 00)", 2, "error[client-id]: ");
    refused(&[], "20 (00 95 00)", 25, "error[too-large]: ");
    refused(&[], "20 (00 9B 00)", 24, "error[unsupported]: ");
}

#[test]
fn a_busy_broker_is_tried_again_with_retry() {
    let listener = Scripted::listen();
    let running = one_message(listener.port()).arg("--retry").start();
    drop(listener.accept_and_say("20 (00 89 00)"));
    let mut peer = listener.accept_and_say(CONNACK);
    peer.expect("30 (`a` 00 'x')");
    peer.goodbye();
    drop(peer);
    running.wait().assert_code(0).assert_stderr_has("server busy (0x89)");
}

#[test]
fn f11_a_takeover_is_the_end() {
    let listener = Scripted::listen();
    let running = everything(listener.port()).args(["--retry", "-i", "mine"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    grant(&mut peer, "00");
    peer.send("E0 01 8E");
    drop(peer);
    let outcome = running.wait();
    outcome.assert_code(7).assert_stderr_has("error[takeover]: another client uses the client id \"mine\"");
    assert_eq!(listener.connections(), 1);
}

#[test]
fn f11_losses_right_after_connack_are_suspicious_for_a_given_id() {
    for (id, suspicious) in [(&["-i", "mine"][..], true), (&[], false)] {
        let listener = Scripted::listen();
        let mut running = everything(listener.port()).args(["-V", "311"]).args(id).start();
        for _ in 0..3 {
            let mut peer = listener.accept_and_say(CONNACK_311);
            let subscribe = peer.packet();
            peer.send(&format!("90 ({} 00)", hex(&subscribe[2..4])));
        }
        if suspicious {
            running.wait_for_stderr("warning[takeover?]: ");
        }
        let mut peer = listener.accept_and_say(CONNACK_311);
        peer.packet();
        assert!(running.is_running());
        assert_eq!(String::from_utf8_lossy(&running.stderr_so_far()).contains("takeover"), suspicious);
    }
}

// F-85
#[test]
fn a_port_that_speaks_http() {
    refused(
        &["-V", "5"],
        "'HTTP/1.1 400 Bad Request' 0D 0A 0D 0A",
        7,
        "this port speaks HTTP, not plain MQTT",
    );
    // In version auto, too: it is not the version that is wrong.
    refused(&[], "15 03 01 00 02 02 46", 7, "this port speaks TLS, not plain MQTT");
}

/// F-93: a system without certificates.
#[cfg(target_os = "linux")]
#[test]
fn f93_no_system_certificates() {
    for command in ["pub", "sub"] {
        let mut mqt = Mqt::new([command, "-L", "mqtts://127.0.0.1:1", "-t", "a"]);
        if command == "pub" {
            mqt = mqt.arg("-n");
        }
        let folder = mqt.home().to_owned();
        let outcome = mqt.env("SSL_CERT_DIR", &folder).env("SSL_CERT_FILE", folder.join("none")).run();
        outcome.assert_code(8).assert_stderr_has("mqt: error[tls]: no system CA certificates found");
        outcome.assert_stderr_has("--cafile");
    }
}

/// What a proxy hears, as a number of bytes, and says; then it closes.
type Script = &'static [(usize, &'static str)];

/// `CONNECT broker.invalid:1883 HTTP/1.1`, with `Host`.
const HTTP_CONNECT: usize = 67;

/// A proxy that keeps from the broker: asked once where that stays so, and as often as `--retry` says where it may pass.
#[test]
fn a_proxy_that_leads_nowhere() {
    let cases: &[(&str, Script, usize, &str)] = &[
        ("socks5h://", &[(3, "05 FF")], 1, "it wants a user name and password"),
        ("socks5h://u:p@", &[(4, "05 FF")], 1, "it takes no user name and password"),
        ("socks5h://u:p@", &[(4, "05 02"), (5, "01 01")], 1, "it refuses the user name or password"),
        (
            "socks5h://",
            &[(3, "05 00"), (21, "05 02 00 01 00000000 0000")],
            1,
            "its rules do not allow broker.invalid:1883",
        ),
        (
            "socks5h://",
            &[(3, "05 00"), (21, "05 05 00 01 00000000 0000")],
            2,
            "it cannot reach broker.invalid:1883: connection refused",
        ),
        ("socks5h://", &[(3, "05 00"), (21, "")], 2, "it closed the connection before it answered"),
        ("socks5h://", &[(3, "'HTTP/1.1 400 No'")], 2, "it does not speak SOCKS5"),
        (
            "http://",
            &[(HTTP_CONNECT, "'HTTP/1.1 407 Who' 0D0A0D0A")],
            1,
            "it wants a user name and password (407)",
        ),
        ("http://", &[(HTTP_CONNECT, "'HTTP/1.1 403 No' 0D0A0D0A")], 1, "it refuses: HTTP/1.1 403 No"),
        (
            "http://",
            &[(HTTP_CONNECT, "'HTTP/1.1 503 Later' 0D0A0D0A")],
            2,
            "it cannot reach broker.invalid:1883: HTTP/1.1 503 Later",
        ),
    ];
    for (proxy, script, attempts, error) in cases {
        let listener = Scripted::listen();
        let shown = proxy.replace("u:p", "***");
        let running = Mqt::new(["pub", "-h", "broker.invalid", "-t", "a", "-n", "--retry=1", "--proxy"])
            .arg(format!("{proxy}127.0.0.1:{}", listener.port()))
            .start();
        for _ in 0..*attempts {
            let mut peer = listener.accept();
            for (count, answer) in *script {
                peer.receive(*count);
                peer.send(answer);
            }
        }
        let outcome = running.wait();
        let error = format!("mqt: error[proxy]: proxy {shown}127.0.0.1:{}: {error}\n", listener.port());
        outcome.assert_code(14).assert_stderr_has(&error);
        let is_login = error.contains("password");
        assert_eq!(outcome.stderr().contains("--proxy SCHEME://USER:PASSWORD@HOST"), is_login, "{outcome}");
        assert_eq!(listener.connections(), *attempts, "{outcome}");
    }
}

#[test]
fn a_proxy_that_is_not_there() {
    let reserved = Reserved::new();
    let port = reserved.port();
    for (proxy, code, error) in [
        (
            format!("socks5h://127.0.0.1:{port}"),
            14,
            format!(
                "mqt: error[connect]: proxy socks5h://127.0.0.1:{port}: 127.0.0.1:{port}: connection refused\n"
            ),
        ),
        (
            "http://u:canary@nobody.invalid".to_owned(),
            20,
            "mqt: error[lookup]: proxy http://***@nobody.invalid:8080: ".to_owned(),
        ),
    ] {
        everything(1).args(["--proxy", &proxy]).run().assert_code(code).assert_stderr_has(&error);
    }
}

#[test]
fn debug_shows_the_way_to_the_broker() {
    let listener = Scripted::listen();
    let running = publish(listener.port()).args(["-t", "a", "-m", "x", "-d", "-V", "5"]).start();
    let mut peer = listener.accept_and_say(CONNACK);
    peer.expect("30 (`a` 00 'x')");
    peer.goodbye();
    drop(peer);
    let outcome = running.wait();
    let address = format!("127.0.0.1:{}", listener.port());
    outcome.assert_code(0).assert_stderr_has(&format!(" ms  TCP {address}: connected"));
    outcome.assert_stderr_has(" ms  MQTT 5: CONNACK");
}

#[test]
fn a_password_file_is_read_at_each_connect() {
    let listener = Scripted::listen();
    let mqt = subscribe(listener.port()).args(["-t", "a", "-u", "me", "-V", "311"]);
    let file = mqt.home_file("password", "old\n");
    let mut running = mqt.args(["--password-file", file.to_str().unwrap()]).start();
    let (mut peer, connect) = listener.accept_connect();
    assert!(connect.ends_with(b"\x00\x03old"), "{}", hex(&connect));
    peer.send(CONNACK_311);
    let request = peer.packet();
    peer.send(&format!("90 ({} 00)", hex(&request[2..4])));
    std::fs::write(&file, "new\n").unwrap();
    drop(peer);
    let (_peer, connect) = listener.accept_connect();
    assert!(connect.ends_with(b"\x00\x03new"), "{}", hex(&connect));
    assert!(running.is_running());
}
