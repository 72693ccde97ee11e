//! L-06: random faults on paused time. A success is never told with a message missing, and every run ends.

use std::time::Duration;

use mqt_client::Attempts;
use mqt_proto::{QoS, Version};

use super::memory::{Answer, Broker, Script, options, payloads, publish_all};
use crate::support::proxy::Seeded;

const SCHEDULES: u64 = 5_000;
const MESSAGES: usize = 40;

fn script(random: &mut Seeded, version: Version) -> Script {
    let one_in = |random: &mut Seeded, count| random.between(0, count) == 0;
    let pick = |random: &mut Seeded, from: &[u8]| from[random.between(0, from.len() as u64) as usize];
    let v5 = version == Version::V5;
    let mut script = Script {
        reachable: !one_in(random, 8),
        forgets: one_in(random, 6),
        silent: one_in(random, 4),
        swallows: if one_in(random, 4) { random.between(1, 2_000) as usize } else { 0 },
        window: if one_in(random, 3) { 1 } else { 5 },
        delay: Duration::from_millis(if one_in(random, 3) { random.between(0, 9_000) } else { 0 }),
        ..Script::default()
    };
    if one_in(random, 8) {
        // Banned, busy, unavailable, shutting down, quota; 3.1.1: unavailable, not authorized.
        let codes: &[u8] = if v5 { &[0x8A, 0x89, 0x88, 0x8B, 0x97] } else { &[3, 5] };
        script.answer = Answer::Refuse(pick(random, codes));
    } else if one_in(random, 12) {
        script.answer = Answer::Silence;
    }
    match random.between(0, 3) {
        0 => script.up = random.between(1, 4_000),
        1 => script.down = random.between(1, 200),
        _ => {}
    }
    if one_in(random, 3) {
        script.refuses = random.between(1, 25);
    }
    if one_in(random, 4) {
        let reasons = [0x8B, 0x89, 0x8E, 0x98, 0x93, 0x9C];
        script.disconnects = Some((random.between(1, 30), pick(random, &reasons)));
    }
    script
}

#[test]
fn success_is_never_told_with_a_message_missing() {
    let (mut successes, mut lost, mut refused) = (0, 0, 0);
    for seed in 0..SCHEDULES {
        let mut random = Seeded::new(seed);
        let version = [Version::V311, Version::V5][random.between(0, 2) as usize];
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let qos = levels[random.between(0, 3) as usize];
        let persistent = random.between(0, 2) == 0;
        let faults = random.between(0, 12);
        let scripts: Vec<Script> = (0..faults).map(|_| script(&mut random, version)).collect();
        let mut options = options(version, persistent);
        if random.between(0, 3) == 0 {
            options.first_connect = Attempts::AtMost(2);
            options.reconnect = Attempts::AtMost(3);
        }
        let sent = payloads(MESSAGES);
        let broker = Broker::new(version, scripts.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (success, result, ledger) = runtime.block_on(async {
            let mut client = broker.client(options, seed);
            let run = publish_all(&mut client, qos, &sent);
            let (success, result) = tokio::time::timeout(Duration::from_secs(24 * 3600), run)
                .await
                .unwrap_or_else(|_| panic!("schedule {seed} does not end: {scripts:#?}"));
            (success, result, client.session().ledger())
        });
        let memory = broker.memory.lock().unwrap();
        let missing = sent.iter().filter(|payload| !memory.taken.contains(payload)).count();
        let story = format!("schedule {seed}: {version} {qos:?} {scripts:#?} {ledger:?} {result:?}");
        if success {
            assert_eq!(missing, 0, "{story}");
        }
        // What did not arrive is not confirmed. At QoS 1 and 2 it is not unknown either, but refused or open.
        let unknown = if qos == QoS::AtMostOnce { ledger.unknown } else { 0 };
        assert!(
            missing as u64 <= ledger.refused + ledger.open() + unknown + (MESSAGES as u64 - ledger.asked),
            "{story}"
        );
        if result.is_ok() {
            assert_eq!(ledger.confirmed + ledger.refused + unknown, MESSAGES as u64, "{story}");
        }
        successes += u64::from(success);
        lost += u64::from(result.is_err());
        refused += u64::from(ledger.refused > 0);
    }
    // The faults are worth the name, and most runs survive them.
    assert!(successes > SCHEDULES / 3, "{successes} of {SCHEDULES} succeeded");
    assert!(lost > SCHEDULES / 10 && refused > SCHEDULES / 20, "{lost} lost, {refused} with refusals");
}
