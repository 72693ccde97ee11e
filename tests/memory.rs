//! What the program keeps in memory under load stays within the bounds that it states: the most that it ever took,
//! as the system tells it, against the bound and what the program itself takes.
//!
//! Stated is one and a half times the bound, and [`PROGRAM`] for the program itself.
//!
//! The load is messages with many empty user properties: five bytes each on the wire, and about seventy in memory.

use std::fs::read_to_string;
use std::io::{PipeReader, pipe};

use crate::support::mqt::{Mqt, Running};
use crate::support::scripted::Scripted;
use crate::support::skip::skipped;
use crate::support::wire::{Wire, bytes};

/// The bound that is given, in MiB.
const BOUND: usize = 32;
/// The program itself as it is built for tests, its buffers, and what is read at once, in MiB.
const PROGRAM: usize = 32;

/// Starts it with the bound, its output going into a pipe that nobody reads.
fn start(command: &str, args: &[&str]) -> (Running, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let bound = format!("{BOUND}MiB");
    let mqt = Mqt::new([command, "--max-memory", &bound]).args(args).stdout_to(writer);
    (mqt.start(), reader)
}

/// The most memory that a process ever had, in MiB; `None` where the system does not tell.
fn most_memory(running: &Running) -> Option<usize> {
    let status = read_to_string(format!("/proc/{}/status", running.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024)
}

#[track_caller]
fn assert_bounded(what: &str, running: &Running) {
    let Some(most) = most_memory(running) else {
        return skipped("there is no /proc/PID/status here");
    };
    assert!(most <= BOUND * 3 / 2 + PROGRAM, "{what}: {most} MiB for a bound of {BOUND} MiB");
    // Else the load was none.
    assert!(most >= BOUND / 2, "{what}: {most} MiB only");
}

/// So many empty user properties.
fn properties(count: usize) -> String {
    "2600000000".repeat(count)
}

/// Sends a message that is larger than a pipe: from now on nothing more is written.
fn block(peer: &mut Wire) {
    peer.send_bytes(&bytes(&format!("30 (`t` () '{}')", "x".repeat(300_000))));
}

/// Lets a client subscribe.
fn grant(peer: &mut Wire) {
    let packet = peer.packet();
    assert_eq!(packet[0], 0x82, "not SUBSCRIBE");
    let id = format!("{:02x}{:02x}", packet[2], packet[3]);
    peer.send(&format!("90 ({id} () 01)"));
}

/// Waits until the client has taken all that was sent to it: it answers a PUBREL that it does not know.
fn wait_until_taken(peer: &mut Wire) {
    peer.send("62 (0009)");
    peer.expect("70 (0009 92)");
}

#[test]
fn sub_that_is_not_read_stops_reading_in_time() {
    let listener = Scripted::listen();
    let port = listener.port().to_string();
    let (mut running, _reader) = start("sub", &["-V", "5", "-p", &port, "-t", "t", "-k", "0"]);
    let mut peer = listener.accept_and_say("20 (00 00 ())");
    grant(&mut peer);
    block(&mut peer);
    let heavy = bytes(&format!("30 (`t` ({}) 'x')", properties(1_000))).repeat(2_000);
    // What the program does not take fails only when it is gone.
    let sending = std::thread::spawn(move || peer.try_send_bytes(&heavy));
    running.wait_for_stderr("slow-output");
    assert_bounded("sub, block", &running);
    drop(running);
    sending.join().unwrap();
}

#[test]
fn sub_that_is_not_read_keeps_nothing_of_what_it_drops() {
    for policy in ["drop-new", "drop-old"] {
        let listener = Scripted::listen();
        let port = listener.port().to_string();
        let (running, _reader) =
            start("sub", &["-V", "5", "-p", &port, "-t", "t", "-k", "0", "--overflow", policy]);
        let mut peer = listener.accept_and_say("20 (00 00 ())");
        grant(&mut peer);
        block(&mut peer);
        let heavy = bytes(&format!("30 (`t` ({}) 'x')", properties(1_000))).repeat(100);
        for _ in 0..20 {
            peer.send_bytes(&heavy);
        }
        let short = bytes("30 (`t` () '')").repeat(100_000);
        peer.send_bytes(&short);
        wait_until_taken(&mut peer);
        assert_bounded(policy, &running);
    }
}

#[test]
fn single_messages_do_not_keep_the_buffers_that_they_were_read_into() {
    let listener = Scripted::listen();
    let port = listener.port().to_string();
    let (running, _reader) = start("sub", &["-V", "5", "-p", &port, "-t", "t", "-k", "0"]);
    let mut peer = listener.accept_and_say("20 (00 00 ())");
    grant(&mut peer);
    // This lets it also read much at once from now on.
    block(&mut peer);
    for _ in 0..10_000 {
        peer.send("30 (`t` () 'x') 62 (0009)");
        peer.expect("70 (0009 92)");
    }
    assert_bounded("sub, single messages", &running);
}

#[test]
fn rr_that_is_not_read_stops_asking_and_reading_in_time() {
    let listener = Scripted::listen();
    let port = listener.port().to_string();
    let args = [
        "-V", "5", "-p", &port, "-t", "t", "-e", "r", "-n", "-k", "0", "--count", "100000", "--rate",
        "5000/s",
    ];
    let (mut running, _reader) = start("rr", &args);
    let mut peer = listener.accept_and_say("20 (00 00 ())");
    grant(&mut peer);
    let many = properties(1_000);
    let answering = std::thread::spawn(move || {
        // The first is larger than a pipe.
        let mut payload = "x".repeat(300_000);
        while let Some(packet) = peer.next_packet() {
            // PUBLISH of QoS 0 with the response topic `r` and the correlation data.
            let Some(at) =
                packet.windows(2).position(|two| two == [0x09, 0x00]).filter(|_| packet[0] == 0x30)
            else {
                continue;
            };
            let length = usize::from(packet[at + 2]);
            let data: String = packet[at..at + 3 + length].iter().map(|byte| format!("{byte:02x}")).collect();
            if !peer.try_send_bytes(&bytes(&format!("30 (`r` ({data} {many}) '{payload}')"))) {
                return;
            }
            payload.truncate(1);
        }
    });
    running.wait_for_stderr("slow-output");
    assert_bounded("rr", &running);
    drop(running);
    answering.join().unwrap();
}

#[test]
fn watch_keeps_within_its_memory() {
    let listener = Scripted::listen();
    let port = listener.port().to_string();
    let args = ["-V", "5", "-p", &port, "-t", "#", "-k", "0", "--json", "--interval", "1h"];
    let (running, _reader) = start("watch", &args);
    let mut peer = listener.accept_and_say("20 (00 00 ())");
    grant(&mut peer);
    let many = properties(1_000);
    for topic in 0..600 {
        peer.send(&format!("30 (`t/{topic}` ({many}) 'x')"));
    }
    let pair = "26 `a` `b`".repeat(100);
    for topic in 0..2_000 {
        peer.send(&format!("30 (`u/{topic}` ({pair}) 'x')"));
    }
    let short: Vec<u8> =
        (0..50_000).flat_map(|topic| bytes(&format!("30 (`v/{}` () 'x')", topic % 9_000))).collect();
    peer.send_bytes(&short);
    wait_until_taken(&mut peer);
    assert_bounded("watch", &running);
}

/// `mqt broker` with the bound, and its port.
fn broker() -> (Running, u16) {
    let mut running = Mqt::new(["broker", "--port", "0", "--max-memory", &format!("{BOUND}MiB")]).start();
    let line = running.wait_for_stdout("");
    let port = line.strip_prefix("mqtt://127.0.0.1:").expect(&line).parse().expect(&line);
    (running, port)
}

/// A client of MQTT 5, after its CONNACK.
fn connect(port: u16, connect: &str) -> Wire {
    let mut wire = Wire::connect(port);
    wire.send(connect);
    assert_eq!(wire.packet()[..4], [0x20, 6, 0, 0]);
    wire
}

/// Publishes what `packet` makes, with the packet identifier 1, until it is refused with quota exceeded.
fn publish_until_refused(wire: &mut Wire, packet: impl Fn(usize) -> String) {
    for number in 0..100_000 {
        wire.send_bytes(&bytes(&packet(number)));
        let answer = wire.packet();
        assert_eq!(answer[0], 0x40, "not PUBACK");
        if answer.get(4) == Some(&0x97) {
            return;
        }
    }
    panic!("nothing was refused");
}

#[test]
fn the_sessions_of_the_broker_keep_within_its_memory() {
    let (mut running, port) = broker();
    let mut away: Vec<Wire> = (0..5)
        .map(|number| {
            let mut wire = connect(port, &format!("10 (`MQTT` 05 02 0000 (11 ffffffff) `away{number}`)"));
            wire.send("82 (0001 () `t` 01)");
            wire.expect("90 (0001 () 01)");
            wire
        })
        .collect();
    away.truncate(2);
    let mut publisher = connect(port, "10 (`MQTT` 05 02 0000 () `p`)");
    let many = properties(1_000);
    publish_until_refused(&mut publisher, |_| format!("32 (`t` 0001 ({many}) 'x')"));
    let pair = "26 `a` `b`".repeat(10);
    for _ in 0..2_000 {
        publisher.send(&format!("32 (`t` 0001 ({pair}) 'x')"));
        publisher.packet();
    }
    running.wait_for_stderr("warning[memory]");
    assert_bounded("broker, queues", &running);
}

#[test]
fn the_retained_messages_of_the_broker_keep_within_its_memory() {
    let (running, port) = broker();
    let mut publisher = connect(port, "10 (`MQTT` 05 02 0000 () `p`)");
    let pair = "26 `a` `b`".repeat(10);
    publish_until_refused(&mut publisher, |number| format!("33 (`t/{number}` 0001 ({pair}) 'x')"));
    assert_bounded("broker, retained messages", &running);
}

#[test]
fn the_wills_of_the_broker_keep_within_its_memory() {
    let (running, port) = broker();
    let many = properties(10_000);
    let refused = (0..1_000).any(|number| {
        let mut wire = Wire::connect(port);
        wire.send(&format!(
            "10 (`MQTT` 05 06 0000 (11 00000e10) `w{number}` (18 00000e10 {many}) `w` `bye`)"
        ));
        let answer = wire.packet();
        assert_eq!(answer[0], 0x20, "not CONNACK");
        answer[3] == 0x97
    });
    assert!(refused, "no will was refused");
    assert_bounded("broker, wills", &running);
}

#[test]
fn packets_that_are_never_finished_keep_within_the_memory_of_the_broker() {
    let (mut running, port) = broker();
    let part = vec![b'x'; 1 << 20];
    let mut wires: Vec<Wire> = (0..12)
        .map(|number| {
            let mut wire = connect(port, &format!("10 (`MQTT` 05 02 0000 () `c{number}`)"));
            // A PUBLISH of 256 MiB.
            wire.send_bytes(&bytes("30 ffffff7f `t` 00"));
            wire
        })
        .collect();
    for _ in 0..8 {
        wires.retain_mut(|wire| wire.try_send_bytes(&part));
    }
    running.wait_for_stderr("warning[memory]");
    assert_bounded("broker, unfinished packets", &running);
    drop(wires);
    let mut wire = connect(port, "10 (`MQTT` 05 02 0000 () `last`)");
    wire.send("30 ffffff7f `t` 00");
    (0..BOUND + 2).for_each(|_| wire.send_bytes(&part));
    wire.expect("e0 (97)");
    assert_bounded("broker, one unfinished packet", &running);
}
