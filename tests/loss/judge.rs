//! The judge: a subscriber straight at the broker, over a connection that nobody touches, and a publisher of
//! the same kind. MQTT 3.1.1, its packets written by hand.

use std::collections::HashSet;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::wire::{Wire, bytes};

/// The payload that ends a run.
pub const LAST: &str = "last";

/// As long as one run may take, end to end.
pub const RUN_LIMIT: Duration = Duration::from_secs(180);

/// A connection with a clean session, CONNACK read.
pub fn connect(port: u16, client_id: &str) -> Wire {
    let mut wire = Wire::connect(port);
    wire.send(&format!("10 (`MQTT` 04 02 0000 `{client_id}`)"));
    wire.expect("20 02 0000");
    wire
}

/// Subscribes at QoS 1 and collects payloads.
pub struct Judge {
    port: u16,
    topic: String,
    thread: JoinHandle<Vec<String>>,
}

impl Judge {
    pub fn start(port: u16, topic: &str) -> Self {
        let mut wire = connect(port, &format!("judge-{topic}"));
        wire.send(&format!("82 (0001 `{topic}` 01)"));
        wire.expect("90 03 0001 01");
        // A client whose handshake fell into a black hole comes back after the connect timeout.
        wire.read_patience(RUN_LIMIT);
        let thread = std::thread::spawn(move || {
            let mut payloads = Vec::new();
            loop {
                let packet = wire.packet();
                assert_eq!(packet[0] & 0xF6, 0x32, "not a PUBLISH of QoS 1: {packet:02x?}");
                let length_bytes = packet[1..].iter().take_while(|byte| **byte >= 128).count() + 1;
                let body = &packet[1 + length_bytes..];
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let (id, payload) = body[2 + topic..].split_at(2);
                wire.send_bytes(&[0x40, 2, id[0], id[1]]);
                let payload = String::from_utf8(payload.to_vec()).unwrap();
                if payload == LAST {
                    return payloads;
                }
                payloads.push(payload);
            }
        });
        Self { port, topic: topic.to_owned(), thread }
    }

    /// What has arrived, now that all is said to be confirmed.
    pub fn verdict(self) -> Vec<String> {
        publish(self.port, &format!("end-{}", self.topic), &self.topic, 1, [LAST.to_owned()]);
        self.thread.join().unwrap()
    }
}

/// Publishes, a hundred at once, and returns when all are confirmed.
pub fn publish(port: u16, client_id: &str, topic: &str, qos: u8, payloads: impl IntoIterator<Item = String>) {
    let mut wire = connect(port, client_id);
    let payloads: Vec<String> = payloads.into_iter().collect();
    for batch in payloads.chunks(100) {
        let each = |head: &str, tail: &dyn Fn(usize) -> String| {
            let text: String = (0..batch.len()).map(|at| format!("{head}{}", tail(at))).collect();
            bytes(&text)
        };
        let first = if qos == 1 { "32" } else { "34" };
        wire.send_bytes(&each(first, &|at| format!("(`{topic}` {:04x} '{}')", at + 1, batch[at])));
        let id = |at: usize| format!("02 {:04x}", at + 1);
        if qos == 1 {
            assert_eq!(wire.receive(batch.len() * 4), each("40", &id));
        } else {
            assert_eq!(wire.receive(batch.len() * 4), each("50", &id));
            wire.send_bytes(&each("62", &id));
            assert_eq!(wire.receive(batch.len() * 4), each("70", &id));
        }
    }
    wire.send("E0 00");
    wire.expect_close();
}

/// What arrived against what was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    /// Payloads that never arrived.
    pub missing: Vec<String>,
    /// How many arrived that had arrived before.
    pub duplicates: usize,
    /// Whether the first arrivals came in the order of sending.
    pub in_order: bool,
}

impl Account {
    pub fn of(sent: &[String], arrived: &[String]) -> Self {
        let mut seen = HashSet::new();
        let first: Vec<&String> = arrived.iter().filter(|payload| seen.insert(payload.as_str())).collect();
        Self {
            missing: sent.iter().filter(|payload| !seen.contains(payload.as_str())).cloned().collect(),
            duplicates: arrived.len() - first.len(),
            in_order: first
                .iter()
                .map(|payload| payload.as_str())
                .eq(sent.iter().map(String::as_str).filter(|payload| seen.contains(payload))),
        }
    }
}

#[test]
fn the_judge_sees_what_is_missing_double_or_out_of_order() {
    let text = |payloads: &[&str]| payloads.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let sent = text(&["a", "b", "c"]);
    let account = |arrived: &[&str]| Account::of(&sent, &text(arrived));
    assert_eq!(account(&["a", "b", "a", "c"]), Account { missing: vec![], duplicates: 1, in_order: true });
    assert_eq!(account(&["b", "a"]), Account { missing: text(&["c"]), duplicates: 0, in_order: false });
}
