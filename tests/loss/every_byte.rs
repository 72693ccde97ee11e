//! L-04: a connection that is cut after each byte of its first 2,000, in either direction, on paused time.

use std::future::Future;
use std::time::Duration;

use mqt_proto::{QoS, Version};

use super::SEED;
use super::memory::{Broker, Script, options, payloads, publish_all, receive};

/// With the headers, 2,000 bytes of publishes.
const MESSAGES: usize = 18;
const BYTES: u64 = 2_000;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // Of paused time: nothing waits for it.
        tokio::time::timeout(Duration::from_secs(3600), test).await.expect("it does not end")
    })
}

fn cuts() -> impl Iterator<Item = Script> {
    let up = (1..=BYTES).map(|up| Script { up, ..Script::default() });
    up.chain((1..=BYTES).map(|down| Script { down, ..Script::default() }))
}

fn publishing(version: Version, qos: QoS, persistent: bool) {
    let sent = payloads(MESSAGES);
    let mut broken = 0;
    for script in cuts() {
        let broker = Broker::new(version, [script]);
        let success = run(async {
            let mut client = broker.client(options(version, persistent), SEED);
            publish_all(&mut client, qos, &sent).await.0
        });
        let memory = broker.memory.lock().unwrap();
        assert!(success, "{script:?}");
        let mut taken = memory.taken.clone();
        if qos == QoS::ExactlyOnce && persistent {
            assert_eq!(taken, sent, "{script:?}");
        }
        taken.sort();
        taken.dedup();
        assert_eq!(taken, sent, "{script:?}");
        broken += u32::from(memory.connections > 1);
    }
    assert!(broken > 2000, "only {broken} connections broke");
}

/// At QoS 0 a cut may cost messages, and then it is said.
#[test]
fn publishing_qos_0() {
    let sent = payloads(MESSAGES);
    for version in [Version::V311, Version::V5] {
        let mut unknown = 0;
        for script in cuts() {
            let broker = Broker::new(version, [script]);
            let (success, ledger) = run(async {
                let mut client = broker.client(options(version, false), SEED);
                let success = publish_all(&mut client, QoS::AtMostOnce, &sent).await.0;
                (success, client.session().ledger())
            });
            let memory = broker.memory.lock().unwrap();
            let missing = sent.iter().filter(|payload| !memory.taken.contains(payload)).count() as u64;
            assert!(missing <= ledger.unknown, "{script:?} {ledger:?}");
            assert_eq!(success, ledger.confirmed == MESSAGES as u64, "{script:?} {ledger:?}");
            unknown += u64::from(ledger.unknown > 0);
        }
        assert!(unknown > 1_500, "only {unknown} cuts were felt");
    }
}

#[test]
fn publishing_qos_1_clean_311() {
    publishing(Version::V311, QoS::AtLeastOnce, false);
}

#[test]
fn publishing_qos_1_persistent_5() {
    publishing(Version::V5, QoS::AtLeastOnce, true);
}

#[test]
fn publishing_qos_2_clean_5() {
    publishing(Version::V5, QoS::ExactlyOnce, false);
}

#[test]
fn publishing_qos_2_persistent_311() {
    publishing(Version::V311, QoS::ExactlyOnce, true);
}

fn receiving(version: Version, qos: QoS) {
    let sent = payloads(MESSAGES);
    for script in cuts() {
        let broker = Broker::new(version, [script]);
        broker.hold_for_subscriber(qos, &sent);
        let received = run(async {
            let mut client = broker.client(options(version, true), SEED);
            receive(&mut client, qos, MESSAGES).await
        });
        if qos == QoS::ExactlyOnce {
            assert_eq!(received, sent, "{script:?}");
        } else {
            let mut once = received.clone();
            once.sort();
            once.dedup();
            assert_eq!(once, sent, "{script:?}");
        }
    }
}

#[test]
fn receiving_qos_1_persistent_311() {
    receiving(Version::V311, QoS::AtLeastOnce);
}

#[test]
fn receiving_qos_1_persistent_5() {
    receiving(Version::V5, QoS::AtLeastOnce);
}

#[test]
fn receiving_qos_2_persistent_311() {
    receiving(Version::V311, QoS::ExactlyOnce);
}

#[test]
fn receiving_qos_2_persistent_5() {
    receiving(Version::V5, QoS::ExactlyOnce);
}
