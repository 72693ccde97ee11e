//! The installed programs and ours, with the same command line at the same broker: standard output, exit code,
//! and the packets in both directions are compared field by field. What differs is a [`Difference`] with a
//! reason, and says how what the real program does becomes what is right.
//!
//! With `DROPIN_PROGRAMS` set to a folder, the programs there are compared instead of ours, without any
//! difference: `/usr/bin` shows what is only chance.

mod cases;
mod differences;

use std::time::{Duration, Instant};

use super::packets::{Fields, decode, level};
use super::program::{Program, Programs};
use super::relay::Relay;
use super::stage::{Stage, Way};
use super::table::{run_all, words};
use crate::support::mosquitto::{Mosquitto, MosquittoOptions, Scheme, installed};
use crate::support::mqt::Mqt;
use crate::support::proxy::{Fault, FaultProxy};
use crate::support::wait_until;
use crate::support::wire::Wire;

/// Longer than any command line takes; only one that fails waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// The only login of a broker that wants one.
const LOGIN: (&str, &str) = ("ann", "right");

/// A command line, and what happens around it.
#[derive(Clone)]
struct Case {
    program: Program,
    line: String,
    way: Way,
    /// PUBLISH packets of QoS 1 or 2 in MQTT 5, sent before the program starts, see [`crate::support::wire::bytes`].
    before: &'static [&'static str],
    /// The same, sent after so many SUBACK and UNSUBACK packets.
    then: (usize, &'static [&'static str]),
    /// The connection is closed when the messages above are acknowledged, which wants QoS 1, and these follow when
    /// it is made again.
    again: &'static [&'static str],
    /// What answers the first message on the topic `q`.
    answer: Option<&'static str>,
    stdin: &'static str,
    file: Option<(&'static str, &'static str)>,
    env: Option<(&'static str, &'static str)>,
    login: bool,
    differences: Vec<&'static Difference>,
}

fn case(program: Program, line: impl Into<String>) -> Case {
    Case {
        program,
        line: line.into(),
        way: Way::Plain,
        before: &[],
        then: (1, &[]),
        again: &[],
        answer: None,
        stdin: "",
        file: None,
        env: None,
        login: false,
        differences: Vec::new(),
    }
}

impl Case {
    fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    fn before(mut self, packets: &'static [&'static str]) -> Self {
        self.before = packets;
        self
    }

    fn then(mut self, packets: &'static [&'static str]) -> Self {
        self.then.1 = packets;
        self
    }

    fn after_acks(mut self, count: usize) -> Self {
        self.then.0 = count;
        self
    }

    fn again(mut self, packets: &'static [&'static str]) -> Self {
        self.again = packets;
        self
    }

    fn answer(mut self, packet: &'static str) -> Self {
        self.answer = Some(packet);
        self
    }

    fn stdin(mut self, text: &'static str) -> Self {
        self.stdin = text;
        self
    }

    fn file(mut self, name: &'static str, content: &'static str) -> Self {
        self.file = Some((name, content));
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env = Some((name, value));
        self
    }

    fn login(mut self) -> Self {
        self.login = true;
        self
    }

    fn but(mut self, difference: &'static Difference) -> Self {
        self.differences.push(difference);
        self
    }
}

/// Where the real programs of version 2.0 differ from what is right, and why.
struct Difference {
    reason: &'static str,
    /// Turns what the real program did to what is right; it must change something.
    change: fn(&mut Seen),
    /// Leaves out of what ours did what cannot be told from what the real program did.
    change_ours: fn(&mut Seen),
}

/// What a program did, without what is another thing in each run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    stdout: String,
    exit: String,
    /// A connection each.
    connections: Vec<Connection>,
}

/// The packets of a connection. Acknowledgements of messages go by kind, since their order among others is a
/// matter of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Connection {
    sent: Vec<Fields>,
    sent_acks: Vec<Fields>,
    last_sent: &'static str,
    received: Vec<Fields>,
    received_acks: Vec<Fields>,
}

/// What was seen as lines, for a comparison that shows where.
fn lines(seen: &Seen) -> Vec<String> {
    let mut lines = vec![format!("exit: {}", seen.exit)];
    lines.extend(seen.stdout.split_inclusive("\\n").map(|line| format!("stdout: {line}")));
    for (number, connection) in seen.connections.iter().enumerate() {
        for (what, packets) in [
            ("sent", &connection.sent),
            ("sent", &connection.sent_acks),
            ("received", &connection.received),
            ("received", &connection.received_acks),
        ] {
            for packet in packets {
                let fields = packet.fields.iter().map(|(name, value)| {
                    format!("connection {number}: {what} {}: {name} = {value}", packet.packet)
                });
                lines.push(format!("connection {number}: {what} {}", packet.packet));
                lines.extend(fields);
            }
        }
        lines.push(format!("connection {number}: last {}", connection.last_sent));
    }
    lines
}

const ACKS: [&str; 4] = ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"];

impl Connection {
    fn read(up: &[u8], down: &[u8], process: u32) -> Self {
        let level = level(up);
        let mut sent = decode(up, None);
        let mut received = decode(down, level);
        let process = process.to_string();
        for packet in sent.iter_mut().chain(&mut received) {
            packet.set("client-id", |id| plain_id(&id.replace(&process, "PID")));
            packet.set("properties", plain_id);
        }
        let last_sent = sent.last().map_or("nothing", |packet| packet.packet);
        let split = |packets: Vec<Fields>| -> (Vec<Fields>, Vec<Fields>) {
            let (mut acks, others): (Vec<_>, Vec<_>) =
                packets.into_iter().partition(|packet| ACKS.contains(&packet.packet));
            acks.sort_by_key(|packet| packet.packet);
            (others, acks)
        };
        let (sent, sent_acks) = split(sent);
        let (received, received_acks) = split(received);
        Self { sent, sent_acks, last_sent, received, received_acks }
    }
}

/// Without what the broker or the program has made up: `auto-` and a UUID, `mosq-` and 18 letters.
fn plain_id(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = ["auto-", "mosq-"].iter().filter_map(|start| rest.find(start)).min() {
        let (before, id) = rest.split_at(at);
        let random = id[5..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(id.len() - 5);
        plain += before;
        plain += if random >= 18 { "SOME-ID" } else { &id[..5 + random] };
        rest = &id[5 + random..];
    }
    plain + rest
}

/// Digits of times as `9`: `2026-11-20T17:05:35.048150` and the like, and seconds since 1970.
fn plain_times(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, time) = rest.split_at(at);
        let end = time
            .char_indices()
            .find(|(_, c)| !c.is_ascii_digit() && !"-:.T".contains(*c))
            .map_or(time.len(), |(end, _)| end);
        let (time, after) = time.split_at(end);
        plain += before;
        if time.len() >= 10 {
            plain.extend(time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }));
        } else {
            plain += time;
        }
        rest = after;
    }
    plain + rest
}

impl Case {
    fn run(&self, stage: &Stage, programs: &Programs) -> Option<Seen> {
        let options = MosquittoOptions {
            users: if self.login { &[LOGIN] } else { &[] },
            ..MosquittoOptions::default()
        };
        let broker = Mosquitto::start_with(&options)?;
        let broker = broker.port(Scheme::Mqtt);
        let mut mqt = Mqt::program(programs.path(self.program), [""; 0]).limit(LIMIT);
        let dir = mqt.home().display().to_string();
        let recorder = FaultProxy::start(broker);
        let relay = stage.open(self.way, &dir, recorder.port());
        let port = relay.as_ref().map_or(recorder.port(), Relay::port);
        let fill = |text: &str| stage.fill(text, port, &dir);
        if let Some((name, content)) = self.file {
            mqt.home_file(name, fill(content));
        }
        if let Some((name, value)) = self.env {
            mqt = mqt.env(name, fill(value));
        }
        mqt = mqt.args(Stage::address(&self.line, self.way, port));
        mqt = mqt.args(words(&self.line).iter().map(|word| fill(word)));

        let publish = |packets: &[&str]| {
            if packets.is_empty() {
                return;
            }
            let mut other = other_client(broker);
            for packet in packets {
                other.send(packet);
                let answer = other.packet();
                if packet.starts_with("34") {
                    assert_eq!(answer[0], 0x50, "PUBREC");
                    other.send_bytes(&[0x62, 2, answer[2], answer[3]]);
                    assert_eq!(other.packet()[0], 0x70, "PUBCOMP");
                } else {
                    assert_eq!(answer[0], 0x40, "PUBACK");
                }
            }
        };
        publish(self.before);
        let answering = self.answer.map(|answer| {
            let mut other = other_client(broker);
            other.send("82 (0001 00 `q` 00)");
            assert_eq!(other.packet()[0], 0x90, "SUBACK");
            std::thread::spawn(move || {
                // The broker may end before a request comes.
                if other.next_packet().is_some() {
                    other.send(answer);
                }
            })
        });
        let mut running = mqt.start();
        let process = running.id();
        if !self.stdin.is_empty() {
            running.write_stdin(self.stdin);
        }
        running.close_stdin();
        let received = |connection: usize, kinds: &[&str]| {
            recorder.records().get(connection).map_or(0, |record| {
                let packets = decode(&record.down, level(&record.up));
                packets.iter().filter(|packet| kinds.contains(&packet.packet)).count()
            })
        };
        let wait_for = |connection: usize, kinds: &[&str], count: usize| {
            let started = Instant::now();
            // A program that has ended is found out below.
            wait_until("packets", || received(connection, kinds) >= count || started.elapsed() > LIMIT);
        };
        if !self.then.1.is_empty() {
            wait_for(0, &["SUBACK", "UNSUBACK"], self.then.0);
            publish(self.then.1);
        }
        if !self.again.is_empty() {
            wait_until("acknowledgements", || {
                let sent = decode(&recorder.records()[0].up, None);
                sent.iter().filter(|packet| packet.packet == "PUBACK").count() == self.then.1.len()
            });
            recorder.cut(Fault::Close);
            wait_for(1, &["SUBACK"], 1);
            publish(self.again);
        }
        let outcome = running.wait();
        drop(answering);
        wait_until("the end of the connections", || recorder.records().iter().all(|record| record.ended));
        let stdout = outcome.stdout.escape_ascii().to_string();
        Some(Seen {
            stdout: plain_id(&plain_times(&stdout).replace(&process.to_string(), "PID")),
            exit: outcome.code().map_or("a signal".to_owned(), |code| code.to_string()),
            connections: recorder
                .records()
                .iter()
                .map(|record| Connection::read(&record.up, &record.down, process))
                .collect(),
        })
    }

    /// Runs both and compares.
    fn compare(&self, stage: &Stage, theirs: &Programs, ours: &Programs) {
        let Some(mut right) = self.run(stage, theirs) else { return };
        let mut ours = self.run(stage, ours).unwrap();
        assert!(
            self.differences.is_empty() || right != ours,
            "no longer a difference: {}",
            self.differences.iter().map(|difference| difference.reason).collect::<Vec<_>>().join("; ")
        );
        for difference in &self.differences {
            let before = right.clone();
            (difference.change)(&mut right);
            assert_ne!(before, right, "no longer a difference: {}", difference.reason);
            (difference.change_ours)(&mut ours);
        }
        let [right, ours] = [lines(&right), lines(&ours)];
        let same = right.iter().zip(&ours).take_while(|(right, ours)| right == ours).count();
        assert!(
            right == ours,
            "theirs: {:?}\nours:   {:?}\n--- theirs:\n{}\n--- ours:\n{}",
            right.get(same),
            ours.get(same),
            right.join("\n"),
            ours.join("\n")
        );
    }
}

/// Another client of the broker, in MQTT 5.
fn other_client(broker: u16) -> Wire {
    let mut other = Wire::connect(broker);
    other.send("10 (`MQTT` 05 C2 003C 00 `` `ann` `right`)");
    assert_eq!(other.packet()[0], 0x20, "CONNACK");
    other
}

#[test]
fn the_programs_do_what_the_installed_ones_do() {
    let Some(theirs) = Programs::theirs() else { return };
    let ours = std::env::var_os("DROPIN_PROGRAMS").map_or_else(Programs::ours, Programs::in_folder);
    let stage = Stage::new();
    let mut cases = cases::all();
    if installed("openssl").is_none() {
        // Only it knows the names in a folder of CAs.
        cases.retain(|case| !case.line.contains("--capath"));
    }
    if std::env::var_os("DROPIN_PROGRAMS").is_some() {
        cases.iter_mut().for_each(|case| case.differences.clear());
    }
    run_all(
        &cases,
        |case| format!("{} {}", case.program, case.line),
        |case| case.compare(&stage, &theirs, &ours),
    );
}

#[test]
fn there_are_enough_command_lines() {
    let cases = cases::all();
    assert!(cases.len() >= 150, "{}", cases.len());
    let tls = cases.iter().filter(|case| case.way != Way::Plain).count();
    assert!(tls >= 20, "{tls}");
}

#[test]
fn what_is_made_up_is_left_out() {
    assert_eq!(plain_id("12:\"auto-8CE0A6D5-DC8C-4F65-A1D5-6B5F6B1F3C2A\" 21:5"), "12:\"SOME-ID\" 21:5");
    assert_eq!(plain_id("auto-matic"), "auto-matic");
    assert_eq!(plain_times("at 2026-11-20T17:05:35.048150Z+0000"), "at 9999-99-99T99:99:99.999999Z+0000");
    assert_eq!(plain_times("temperature 21.5"), "temperature 21.5");
}
