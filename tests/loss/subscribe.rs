//! L-02, L-05: `mqt sub` through cuts and kills, its standard output the judge.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use mqt_broker::BrokerOptions;
use mqt_client::Endpoint;
use nix::sys::signal::Signal;

use super::judge::{Account, LAST, publish};
use super::publish::summary;
use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;
use crate::support::proxy::{Direction, Fault, FaultProxy, Record, Seeded};
use crate::support::wait_until;

const MESSAGES: usize = 20_000;
const CUTS: usize = 10;

/// The packets in the first bytes of a connection: the first byte and the body of each, as far as they are whole.
fn packets(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [first, rest @ ..] = bytes {
        let size = rest.iter().take_while(|byte| **byte >= 128).count() + 1;
        let Some(length) = rest.get(..size) else { break };
        let length = length.iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 127));
        let Some(body) = rest.get(size..size + length) else { break };
        found.push((*first, body.to_vec()));
        bytes = &rest[size + length..];
    }
    found
}

/// Whether SUBACK has come down; nothing before it has such bytes, and the frames of WebSocket are not masked.
fn has_suback(record: &Record) -> bool {
    record.down.windows(2).any(|bytes| matches!(bytes, [0x90, 3 | 4]))
}

/// For each connection with a CONNACK: session present, and how many SUBSCRIBEs there were.
fn subscribes(records: &[Record]) -> Vec<(bool, usize)> {
    let connack = |record: &Record| packets(&record.down).first().map(|(_, body)| body[0] == 1);
    let count = |record: &Record| packets(&record.up).iter().filter(|(first, _)| *first == 0x82).count();
    records.iter().filter_map(|record| Some((connack(record)?, count(record)))).collect()
}

#[derive(Clone, Copy)]
struct Case {
    version: &'static str,
    qos: u8,
    websocket: bool,
}

impl Case {
    fn run(self, broker: &TestBroker) {
        let Self { version, qos, websocket } = self;
        let name = format!("{}-v{version}-q{qos}", if websocket { "ws" } else { "tcp" });
        let endpoint = &broker.endpoints()[usize::from(websocket)];
        let mut plan = Seeded::named(&name).plan(CUTS, 200, 50_000);
        // What goes up tells that CONNACK and SUBACK were read.
        (plan[0].direction, plan[0].after) = (Direction::Up, 2_000);
        for cut in &mut plan[1..] {
            // Here the messages come down, and the acknowledgements are small.
            if cut.direction == Direction::Up {
                cut.after /= 10;
            }
        }
        let proxy = FaultProxy::with_plan(endpoint.port(), plan);
        let scheme = if websocket { "ws" } else { "mqtt" };
        let level = qos.to_string();
        let session = |url: &str| {
            Mqt::new(["sub", "-L", url, "-t", &name, "-V", version, "-q", &level, "-c", "-i", &name])
        };
        // The session is set up first, so that no message is published before.
        session(&format!("mqtt://127.0.0.1:{}", broker.port())).arg("-E").run().assert_code(0);
        let mut running = session(&format!("{scheme}://127.0.0.1:{}", proxy.port()))
            .args(["-k", "2", "--summary=json"])
            .limit(Duration::from_secs(180))
            .start();
        let sent: Vec<String> = (0..MESSAGES).map(|number| format!("{name} {number}")).collect();
        wait_until("SUBACK", || proxy.records().first().is_some_and(has_suback));
        let publisher = format!("publisher-{name}");
        publish(broker.port(), &publisher, &name, qos, sent.iter().cloned().chain([LAST.to_owned()]));
        running.wait_for_stdout(LAST);
        running.signal(Signal::SIGINT);
        let outcome = running.wait();
        outcome.assert_code(0);
        assert_eq!(proxy.cuts(), CUTS, "{name}");
        let arrived: Vec<String> =
            outcome.stdout().lines().filter(|line| *line != LAST).map(str::to_owned).collect();
        let account = Account::of(&sent, &arrived);
        assert_eq!(account.missing, Vec::<String>::new(), "{name}");
        assert!(account.in_order, "{name}");
        if qos == 2 {
            assert_eq!(account.duplicates, 0, "{name}");
        }
        let summary = summary(&outcome);
        let printed = outcome.stdout().lines().count() as u64;
        assert_eq!(summary["printed"], printed, "{name}: {summary}");
        assert_eq!(summary["exit"], 0, "{name}: {summary}");
        if !websocket {
            let subscribes = subscribes(&proxy.records());
            assert_eq!(subscribes[0], (true, 1), "{name}: a new process says what it wants");
            assert!(subscribes[1..].iter().all(|found| *found == (true, 0)), "{name}: {subscribes:?}");
        }
    }
}

fn through_ten_cuts(version: &'static str) {
    let listeners = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0"];
    let broker = TestBroker::start_with(BrokerOptions {
        listeners: listeners.map(|url| Endpoint::listening(url).unwrap()).to_vec(),
        ..BrokerOptions::default()
    });
    thread::scope(|scope| {
        for qos in [1, 2] {
            for websocket in [false, true] {
                let broker = &broker;
                scope.spawn(move || Case { version, qos, websocket }.run(broker));
            }
        }
    });
}

#[test]
fn nothing_received_is_missing_after_ten_cuts_311() {
    through_ten_cuts("311");
}

#[test]
fn nothing_received_is_missing_after_ten_cuts_5() {
    through_ten_cuts("5");
}

/// L-02, and the duty of RELIABILITY to subscribe again after a reconnect without a session.
#[test]
fn a_session_that_is_gone_is_subscribed_once_a_connection() {
    for version in ["311", "5"] {
        let broker = TestBroker::start();
        let proxy = FaultProxy::start(broker.port());
        let port = proxy.port().to_string();
        let mut running =
            Mqt::new(["sub", "-h", "127.0.0.1", "-p", &port, "-t", "t", "-q", "1", "-V", version]).start();
        for round in 0..4 {
            // Published until it arrives: nobody else can tell when the subscription is made.
            let text = format!("round {round}");
            wait_until(&text, || {
                publish(broker.port(), "publisher", "t", 1, [text.clone()]);
                String::from_utf8_lossy(&running.stdout_so_far()).contains(&text)
            });
            proxy.cut([Fault::Reset, Fault::Close][round % 2]);
        }
        running.signal(Signal::SIGINT);
        running.wait().assert_code(0).assert_stderr_has("note[back]");
        let subscribes = subscribes(&proxy.records());
        assert!(subscribes.len() >= 4, "{subscribes:?}");
        assert!(subscribes.iter().take(4).all(|found| *found == (false, 1)), "{subscribes:?}");
    }
}

/// L-05: what was acknowledged is written, wherever the process is killed: to a file, or into a pipe that
/// nobody has read any further.
fn killed_at_random_points(qos: u8) {
    const ROUNDS: usize = 16;
    const PER_ROUND: usize = 200;
    let broker = TestBroker::start();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("received");
    File::create(&path).unwrap();
    let append = || OpenOptions::new().append(true).open(&path).unwrap();
    let port = broker.port().to_string();
    let level = qos.to_string();
    let subscriber =
        || Mqt::new(["sub", "-h", "127.0.0.1", "-p", &port, "-t", "t", "-c", "-i", "victim", "-q", &level]);
    subscriber().arg("-E").run().assert_code(0);
    let mut seeded = Seeded::new(5 + u64::from(qos));
    for round in 0..ROUNDS {
        let batch = (0..PER_ROUND).map(|number| format!("<{:06}>{:990}", round * PER_ROUND + number, ""));
        publish(broker.port(), "publisher", "t", qos, batch);
        // What one round leaves is there for the next.
        let portion = seeded.between(0, 1000 * PER_ROUND as u64 / 2);
        if round % 2 == 0 {
            let size = || std::fs::metadata(&path).unwrap().len();
            let enough = size() + portion;
            let mut victim = subscriber().stdout_to(append()).start();
            wait_until("a portion in the file", || size() >= enough);
            victim.signal(Signal::SIGKILL);
            victim.wait().assert_signal(Signal::SIGKILL);
        } else {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let mut victim = subscriber().stdout_to(writer).start();
            let mut received = vec![0; usize::try_from(portion).unwrap()];
            reader.read_exact(&mut received).unwrap();
            victim.signal(Signal::SIGKILL);
            victim.wait().assert_signal(Signal::SIGKILL);
            reader.read_to_end(&mut received).unwrap();
            append().write_all(&received).unwrap();
        }
    }
    publish(broker.port(), "publisher", "t", qos, [LAST.to_owned()]);
    let mut rest = subscriber().stdout_to(append()).start();
    let received = || std::fs::read_to_string(&path).unwrap();
    wait_until("the last message", || received().ends_with("last\n"));
    rest.signal(Signal::SIGTERM);
    rest.wait().assert_code(0);
    let received = received();
    let numbers: HashSet<&str> =
        received.split('<').filter_map(|text| text.get(..7)?.strip_suffix('>')).collect();
    let missing: Vec<usize> =
        (0..ROUNDS * PER_ROUND).filter(|number| !numbers.contains(format!("{number:06}").as_str())).collect();
    assert!(missing.is_empty(), "acknowledged and not written: {missing:?}");
}

#[test]
fn what_was_acknowledged_is_written_even_if_killed_qos_1() {
    killed_at_random_points(1);
}

#[test]
fn what_was_acknowledged_is_written_even_if_killed_qos_2() {
    killed_at_random_points(2);
}
