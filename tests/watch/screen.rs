//! The real program in a terminal: what it shows, and how it leaves.

use nix::sys::signal::Signal;

use super::tty::Tty;
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::scripted::Scripted;
use crate::support::wait_until;
use crate::support::wire::Wire;

fn publish(broker: &TestBroker, args: &[&str]) {
    let port = broker.port().to_string();
    Mqt::new(["pub", "-p", &port]).args(args).run().assert_code(0);
}

fn watch(broker: &TestBroker, args: &[&str]) -> Tty {
    let port = broker.port().to_string();
    let mut all = vec!["watch", "-p", &port];
    all.extend(args);
    let tty = Tty::start(&all, 80, 24);
    tty.wait_for_text("MQTT 5");
    tty
}

#[test]
fn topics_are_opened_searched_filtered_paused_and_compared() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "home/kitchen/temp", "-m", r#"{"t":21.5,"ok":true}"#, "-r"]);
    publish(&broker, &["-t", "home/bath/hum", "-m", "40", "-r"]);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("▸ kitchen");
    tty.send("o");
    tty.wait_for_text("hum = 40");
    // Search.
    tty.send("/temp\r");
    tty.wait_for_text("\"t\": 21.5");
    // A change, and what it is.
    publish(&broker, &["-t", "home/kitchen/temp", "-m", r#"{"t":22.5,"ok":true}"#]);
    tty.wait_for_text("\"t\": 22.5");
    tty.send("3");
    tty.wait_for_text("21.5 → 22.5");
    // A pause, and what comes meanwhile.
    tty.send(" ");
    tty.wait_for_text("PAUSED, 0 new");
    publish(&broker, &["-t", "home/bath/hum", "-m", "41"]);
    let text = tty.wait_for_text("PAUSED, 1 new");
    assert!(text.contains("hum = 40"), "{text}");
    tty.send(" ");
    tty.wait_for_text("hum = 41");
    // A filter, and none.
    tty.send("fbath\r");
    let text = tty.wait_without("kitchen");
    assert!(text.contains("filter \"bath\": 1"), "{text}");
    tty.send("\x1b");
    tty.wait_for_text("kitchen");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

/// A screen of 100 columns at a broker that the test plays, subscribed.
fn watch_scripted() -> (Tty, Wire) {
    let scripted = Scripted::listen();
    let port = scripted.port().to_string();
    let tty = Tty::start(&["watch", "-p", &port, "-V", "5"], 100, 24);
    let mut wire = scripted.accept();
    assert_eq!(wire.packet()[0], 0x10);
    wire.send("20 03 00 00 00");
    let subscribe = wire.packet();
    let id = &subscribe[2..4];
    wire.send_bytes(&[0x90, 4, id[0], id[1], 0, 0]);
    (tty, wire)
}

#[test]
fn a_message_at_qos_0_is_proved_at_once() {
    let (mut tty, mut wire) = watch_scripted();
    tty.wait_for_text("waiting for messages");
    tty.send("p");
    tty.wait_for_text("Enter send");
    tty.send("lamp\ton\t0\r");
    assert_eq!(wire.packet(), [0x30, 9, 0, 4, b'l', b'a', b'm', b'p', 0, b'o', b'n']);
    wire.expect("C0 00");
    tty.wait_for_text("1 sent, 1 open");
    wire.send("D0 00");
    tty.wait_without("open");
    tty.wait_for_text("1 sent");
}

#[test]
fn what_is_cleared_is_confirmed_before_the_end() {
    let (mut tty, mut wire) = watch_scripted();
    for number in 0..30_u8 {
        // a/NN, retained.
        wire.send_bytes(&[0x31, 8, 0, 4, b'a', b'/', b'0' + number / 10, b'0' + number % 10, 0, b'x']);
    }
    tty.wait_for_text("30 topics");
    tty.send("D");
    tty.wait_for_text("clear these 30 retained messages?");
    tty.send("yq");
    // All of them come at once, and it does not end before they are confirmed.
    let cleared: Vec<Vec<u8>> = (0..30).map(|_| wire.packet()).collect();
    assert!(cleared.iter().all(|publish| publish[0] == 0x33), "{cleared:?}");
    tty.wait_for_text("30 published messages are not confirmed yet; Ctrl-C gives up");
    tty.assert_restored();
    for publish in &cleared[..29] {
        wire.send_bytes(&[0x40, 2, publish[8], publish[9]]);
    }
    // One is left: whoever does not want to wait is told so.
    wire.send("D0 00");
    tty.wait_for_text("1 published message is not confirmed yet");
    tty.signal(Signal::SIGINT);
    assert_eq!(tty.wait().code(), Some(30));
    tty.wait_for_text("error[partial]: 1 published message is not confirmed");
}

#[test]
fn a_thousand_retained_messages_are_cleared_though_it_is_left_at_once() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    let lines: String = (0..1_000).map(|number| format!("many/{number} x\n")).collect();
    Mqt::new(["pub", "-p", &port, "-r", "-q", "1", "-l", "--split-topic"]).stdin(lines).run().assert_code(0);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("1000 topics");
    tty.send("D");
    tty.wait_for_text("clear these 1000 retained messages?");
    tty.send("yq");
    assert_eq!(tty.wait().code(), Some(0));
    let left = Mqt::new(["sub", "-p", &port, "-t", "many/#", "--retained-only", "-W", "60"]).run();
    left.assert_code(0).assert_stdout("");
}

#[test]
fn messages_are_published_and_retained_ones_cleared() {
    let broker = TestBroker::start();
    let port = broker.port().to_string();
    // Wide enough for every figure of the first line.
    let mut tty = Tty::start(&["watch", "-p", &port], 120, 24);
    tty.wait_for_text("waiting for messages");
    tty.send("p");
    tty.wait_for_text("Enter send");
    tty.send("lamp/one\ton\t1\t \r");
    tty.wait_for_text("one = on");
    tty.wait_for_text("  1 sent  ");
    let sub = ["sub", "-p", &port, "-t", "lamp/#", "-C", "1", "-W", "10"];
    Mqt::new(sub).run().assert_code(0).assert_stdout("on\n");
    tty.wait_for("retained mark", |screen| screen.contents().contains(" R "));
    // Asked, and not wanted.
    tty.send("D");
    tty.wait_for_text("clear this retained message?");
    tty.send("n");
    tty.wait_for_text("nothing was cleared");
    tty.send("D");
    tty.wait_for_text("clear this retained message?");
    tty.send("y");
    tty.wait_for_text("  2 sent  ");
    Mqt::new(["sub", "-p", &port, "-t", "lamp/#", "-C", "1", "-W", "0.2"])
        .run()
        .assert_code(27)
        .assert_stdout("");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
}

#[test]
fn a_value_is_copied_and_written_and_everything_recorded() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "value", "-r"]);
    let mut tty = watch(&broker, &["--record", "all.jsonl"]);
    tty.wait_for_text("a = value");
    tty.send("y");
    tty.wait_for_text("clipboard");
    let osc52 = b"\x1b]52;c;dmFsdWU=\x07";
    wait_until("OSC 52", || tty.bytes().windows(osc52.len()).any(|part| part == osc52));
    tty.send("w\r");
    tty.wait_for_text("5 bytes written to a.payload");
    assert_eq!(std::fs::read(tty.home().join("a.payload")).unwrap(), b"value");
    tty.send("w\r");
    tty.wait_for_text("exists");
    assert!(tty.text().contains("REC"));
    let recorded = || std::fs::read_to_string(tty.home().join("all.jsonl")).unwrap();
    wait_until("a recorded line", || recorded().contains("\"topic\":\"a\""));
    tty.send("r");
    tty.wait_without("REC");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
}

#[test]
fn a_burst_of_keys_is_read_to_its_end() {
    let broker = TestBroker::start();
    let mut tty = watch(&broker, &[]);
    // More than one read takes; a paste into a terminal that does not bracket it comes like this.
    tty.send("j".repeat(3_000) + "/end of it");
    tty.wait_for_text("search: end of it");
    tty.send("\x1b");
    tty.wait_without("search: ");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

#[test]
fn what_a_terminal_sends_is_understood() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "x", "-r"]);
    publish(&broker, &["-t", "b", "-m", "value of b", "-r"]);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("b = value of b");
    // F1, and Esc, which begins the other keys too.
    tty.send("\x1bOP");
    tty.wait_for_text("Moving");
    tty.send("\x1b");
    tty.wait_without("Moving");
    // An arrow, and a button of the mouse on the name of a tab.
    tty.send("\x1b[B\x1b[<0;50;2M\x1b[<0;50;2m");
    let text = tty.wait_for_text("the only message");
    assert_eq!(text.matches("value of b").count(), 2, "{text}");
    // Pasted text is text, whatever is in it.
    tty.send("/\x1b[200~q\x1b[A\x03\x1b[201~");
    tty.wait_for_text("search: q");
    tty.send("\x1b");
    tty.wait_without("search: ");
    tty.send("\x03");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a/b", "-m", "x", "-r"]);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("b = x");
    tty.resize(200, 50);
    tty.wait_for("wide screen", |screen| screen.contents().contains("1 message"));
    tty.resize(40, 10);
    tty.wait_for("narrow screen", |screen| {
        screen.contents().contains("b = x") && !screen.contents().contains("History")
    });
    tty.resize(80, 24);
    tty.wait_for_text("History");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

#[test]
fn every_end_gives_the_terminal_back() {
    let broker = TestBroker::start();
    for (signal, code) in [(Signal::SIGTERM, None), (Signal::SIGHUP, None), (Signal::SIGINT, Some(0))] {
        let mut tty = watch(&broker, &[]);
        assert!(!tty.is_cooked());
        tty.signal(signal);
        let status = tty.wait();
        assert_eq!(status.code(), code, "{signal}");
        tty.assert_restored();
    }
    let mut tty = watch(&broker, &[]);
    tty.send("\x03");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

#[test]
fn a_failure_is_told_after_the_terminal_is_given_back() {
    let mut tty = Tty::start(&["watch", "-p", "1"], 80, 24);
    assert_eq!(tty.wait().code(), Some(14));
    tty.wait_for_text("error[connect]");
    tty.assert_restored();
}

#[test]
fn ctrl_z_stops_it_and_it_comes_back() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "x", "-r"]);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("a = x");
    for stop in [true, false] {
        if stop {
            tty.send("\x1a");
        } else {
            tty.signal(Signal::SIGTSTP);
        }
        let id = nix::unistd::Pid::from_raw(i32::try_from(tty.id()).unwrap());
        let status = waitpid(id, Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
        tty.assert_restored();
        tty.signal(Signal::SIGCONT);
        tty.wait_for("screen that is back", |screen| {
            screen.alternate_screen() && screen.contents().contains("a = x")
        });
        assert!(!tty.is_cooked());
    }
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
    tty.assert_restored();
}

#[test]
fn a_lost_connection_is_told_and_the_screen_keeps_its_content() {
    let mut broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "x", "-r"]);
    let mut tty = watch(&broker, &[]);
    tty.wait_for_text("a = x");
    broker.stop();
    let text = tty.wait_for_text("NOT CONNECTED");
    assert!(text.contains("a = x"), "{text}");
    broker.restart();
    tty.wait_for_text("MQTT 5");
    publish(&broker, &["-t", "a", "-m", "y"]);
    tty.wait_for_text("a = y");
    tty.send("q");
    assert_eq!(tty.wait().code(), Some(0));
}

#[test]
fn without_colour_no_colour_is_sent() {
    let broker = TestBroker::start();
    publish(&broker, &["-t", "a", "-m", "{\"b\":1}", "-r"]);
    let mut tty = watch(&broker, &["--color", "never"]);
    tty.wait_for_text("\"b\": 1");
    tty.send("q");
    tty.wait();
    let bytes = String::from_utf8(tty.bytes()).unwrap();
    // Select Graphic Rendition: 39 and 49 say "no colour".
    let mut colours = bytes.split("\x1b[").filter_map(|part| part.split_once('m').map(|(codes, _)| codes));
    assert!(!colours.any(|codes| codes.starts_with("38;") || codes.starts_with("48;")), "{bytes:?}");
}
