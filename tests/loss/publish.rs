//! L-01: `mqt pub -l` through a proxy that cuts its connection ten times.

use std::thread;

use mqt_broker::BrokerOptions;
use mqt_client::Endpoint;
use serde_json::Value;

use super::judge::{Account, Judge, RUN_LIMIT};
use crate::support::broker::TestBroker;
use crate::support::mqt::{Mqt, Outcome};
use crate::support::proxy::{Direction, Fault, FaultProxy, Seeded};
use crate::support::wait_until;

const MESSAGES: usize = 20_000;
const CUTS: usize = 10;
/// How many may be unconfirmed at once: the default of `-M`.
const WINDOW: usize = 20;

/// The summary, the last line of standard error.
pub fn summary(outcome: &Outcome) -> Value {
    let line = outcome.stderr().lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: no summary\n{outcome}"))
}

#[derive(Clone, Copy)]
struct Case {
    version: &'static str,
    qos: u8,
    persistent: bool,
    websocket: bool,
}

impl Case {
    fn name(self) -> String {
        let Self { version, qos, persistent, websocket } = self;
        let session = if persistent { "persistent" } else { "clean" };
        format!("{}-v{version}-q{qos}-{session}", if websocket { "ws" } else { "tcp" })
    }

    fn run(self, broker: &TestBroker) {
        let name = self.name();
        let endpoint = &broker.endpoints()[usize::from(self.websocket)];
        let mut plan = Seeded::named(&name).plan(CUTS, 150, 50_000);
        // The first connect is not tried again: it has to succeed.
        (plan[0].direction, plan[0].after) = (Direction::Up, 2_000);
        for cut in &mut plan[1..] {
            // Acknowledgements are small.
            if cut.direction == Direction::Down {
                cut.after /= 10;
            }
        }
        let proxy = FaultProxy::with_plan(endpoint.port(), plan);
        let scheme = if self.websocket { "ws" } else { "mqtt" };
        let judge = Judge::start(broker.port(), &name);
        let sent: Vec<String> = (0..MESSAGES).map(|number| format!("{name} {number}")).collect();
        let url = format!("{scheme}://127.0.0.1:{}", proxy.port());
        let mut mqt = Mqt::new(["pub", "-L", &url, "-t", &name, "-l", "-V", self.version])
            .args(["-q", &self.qos.to_string(), "-k", "2", "--summary=json"])
            .stdin(sent.join("\n"))
            .limit(RUN_LIMIT);
        if self.persistent {
            mqt = mqt.args(["-c", "-i", &name]);
            if self.version == "5" {
                mqt = mqt.args(["-x", "never"]);
            }
        }
        let outcome = mqt.run();
        outcome.assert_code(0).assert_stdout("");
        assert_eq!(proxy.cuts(), CUTS, "{name}");
        let summary = summary(&outcome);
        let count = |name: &str| summary[name].as_u64().unwrap();
        assert_eq!(["asked", "sent", "confirmed"].map(count), [MESSAGES as u64; 3], "{name}: {summary}");
        assert_eq!(["denied", "unconfirmed", "exit"].map(count), [0; 3], "{name}: {summary}");
        assert!(count("reconnects") > 0, "{name}: {summary}");
        let account = Account::of(&sent, &judge.verdict());
        assert_eq!(account.missing, Vec::<String>::new(), "{name}");
        assert!(account.in_order, "{name}");
        // A slow machine may lose more connections than were cut.
        let cuts = CUTS.max(usize::try_from(count("reconnects")).unwrap());
        let allowed = if self.persistent && self.qos == 2 { 0 } else { WINDOW * cuts };
        assert!(account.duplicates <= allowed, "{name}: {} duplicates", account.duplicates);
    }
}

/// All kinds of one version and transport, at once: they wait for each other's black holes.
fn through_ten_cuts(version: &'static str, websocket: bool) {
    let listeners = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0"];
    let broker = TestBroker::start_with(BrokerOptions {
        listeners: listeners.map(|url| Endpoint::listening(url).unwrap()).to_vec(),
        ..BrokerOptions::default()
    });
    thread::scope(|scope| {
        for qos in [1, 2] {
            for persistent in [false, true] {
                let broker = &broker;
                scope.spawn(move || Case { version, qos, persistent, websocket }.run(broker));
            }
        }
    });
}

#[test]
fn nothing_is_missing_after_ten_cuts_311_tcp() {
    through_ten_cuts("311", false);
}

#[test]
fn nothing_is_missing_after_ten_cuts_5_tcp() {
    through_ten_cuts("5", false);
}

#[test]
fn nothing_is_missing_after_ten_cuts_311_websocket() {
    through_ten_cuts("311", true);
}

#[test]
fn nothing_is_missing_after_ten_cuts_5_websocket() {
    through_ten_cuts("5", true);
}

/// Brokers that go away for good: whatever is told, it is true.
#[test]
fn an_end_without_a_broker_tells_the_truth() {
    const LINES: usize = 3_000;
    let broker = TestBroker::start();
    let mut codes = Vec::new();
    for seed in 0..12 {
        let name = format!("gone-{seed}");
        let mut random = Seeded::named(&name);
        let qos = random.between(1, 3).to_string();
        let cuts = random.between(1, 4) as usize;
        let mut plan = random.plan(cuts, 500, 20_000);
        for cut in &mut plan {
            cut.direction = Direction::Up;
            // Black holes take their time, and are not what this is about.
            if cut.fault == Fault::BlackHole {
                cut.fault = Fault::Reset;
            }
        }
        let proxy = FaultProxy::with_plan(broker.port(), plan);
        let judge = Judge::start(broker.port(), &name);
        let sent: Vec<String> = (0..LINES).map(|number| format!("{name} {number}")).collect();
        let running =
            Mqt::new(["pub", "-h", "127.0.0.1", "-p", &proxy.port().to_string(), "-t", &name, "-l"])
                .args(["-q", &qos, "--retry=1", "--summary=json"])
                .stdin(sent.join("\n"))
                .start_with_stdin();
        wait_until("the cuts", || proxy.cuts() >= cuts);
        // It may be back already, and then it is done.
        proxy.refuse(true);
        let outcome = running.join().unwrap();
        let summary = summary(&outcome);
        let count = |name: &str| usize::try_from(summary[name].as_u64().unwrap()).unwrap();
        let account = Account::of(&sent, &judge.verdict());
        assert!(count("confirmed") <= LINES - account.missing.len(), "{}\n{outcome}", account.missing.len());
        assert_eq!(count("asked"), count("confirmed") + count("unconfirmed"), "{outcome}");
        match outcome.code() {
            Some(0) => assert_eq!((account.missing.len(), count("confirmed")), (0, LINES), "{outcome}"),
            code => assert!(matches!(code, Some(7 | 14)), "{outcome}"),
        }
        codes.push(outcome.code());
    }
    assert!(codes.iter().any(|code| *code != Some(0)), "{codes:?}");
}
