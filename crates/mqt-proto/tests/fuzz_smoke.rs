//! A hundred thousand damaged packets: the decoder says what is wrong or takes a packet, and always ends.
//! The seed is fixed; the search without end is that of the fuzz targets.

use bytes::{Buf, BytesMut};
use mqt_process::random::Random;
use mqt_proto::codec::{Decoder, Receiver, encode, is_listed, is_sub_ack_code};
use mqt_proto::{Packet, Place, ReasonCode, Version, WriteBuffer};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::packets::{RECEIVERS, VERSIONS, packet};

/// How many damaged packets are decoded in total.
const DAMAGED: usize = 100_000;
/// How many whole packets they are made from, for each version and receiver.
const WHOLE: usize = 80;
/// Refuses what claims to be larger, so that claims are tried too.
const MAX_PACKET_SIZE: u32 = 1 << 20;

trait Damage {
    fn at(&mut self, bound: usize) -> usize;
    fn byte(&mut self) -> u8;
}

impl Damage for Random {
    /// Below `bound`, or 0.
    fn at(&mut self, bound: usize) -> usize {
        self.below(bound.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 12] = [0x00, 0x01, 0x02, 0x03, 0x0B, 0x23, 0x26, 0x7F, 0x80, 0x81, 0xC0, 0xFF];
        if self.at(2) == 0 { TELLING[self.at(TELLING.len())] } else { self.bits() as u8 }
    }
}

/// Damages a packet somewhere.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.at(bytes.len());
    match random.at(8) {
        0 => bytes[at] ^= 1 << random.at(8),
        1 => bytes[at] = random.byte(),
        2 => bytes.truncate(at + 1),
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.remove(at)),
        // A length or a number one off.
        5 => bytes[at] = bytes[at].wrapping_add(if random.at(2) == 0 { 1 } else { 0xFF }),
        // A piece twice.
        6 => {
            let end = (at + 1 + random.at(8)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let place = random.at(bytes.len());
            bytes.splice(place..place, piece);
        }
        _ => bytes.extend((0..random.at(6)).map(|_| random.byte()).collect::<Vec<_>>()),
    }
    if bytes.is_empty() {
        bytes.push(random.byte());
    }
}

/// Makes a one-byte Remaining Length right again, so that the damage reaches the body.
fn mend_length(bytes: &mut [u8]) {
    let len = bytes.len();
    if let [_, remaining, ..] = bytes
        && (2..130).contains(&len)
    {
        *remaining = (len - 2) as u8;
    }
}

/// A client reads reason codes of 0x80 and above that the standard does not list for the packet; nobody writes them.
fn is_unlisted_refusal(packet: &Packet, version: Version) -> bool {
    let unlisted = |place, reason: ReasonCode| reason.is_error() && !is_listed(place, reason);
    match packet {
        Packet::ConnAck(ack) => version == Version::V5 && unlisted(Place::ConnAck, ack.reason),
        Packet::PubAck(ack) => unlisted(Place::PubAck, ack.reason),
        Packet::PubRec(ack) => unlisted(Place::PubRec, ack.reason),
        Packet::PubRel(ack) => unlisted(Place::PubRel, ack.reason),
        Packet::PubComp(ack) => unlisted(Place::PubComp, ack.reason),
        Packet::SubAck(ack) if version == Version::V5 => {
            ack.reasons.iter().any(|reason| unlisted(Place::SubAck, *reason))
        }
        Packet::SubAck(ack) => ack.reasons.iter().any(|reason| !is_sub_ack_code(reason.0)),
        Packet::UnsubAck(ack) => ack.reasons.iter().any(|reason| unlisted(Place::UnsubAck, *reason)),
        Packet::Disconnect(disconnect) => unlisted(Place::Disconnect, disconnect.reason),
        // DUP at QoS 0 is read and not written.
        Packet::Publish(publish) => publish.dup && publish.packet_id.is_none(),
        _ => false,
    }
}

/// Whatever is taken can be encoded, and then means the same.
fn assert_can_be_said_again(packet: Packet, version: Version, receiver: Receiver) {
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        // The return codes that 3.x reserves are read as a refusal, but not written.
        Packet::ConnAck(conn_ack) if version != Version::V5 && conn_ack.code > 5 => return,
        _ if is_unlisted_refusal(&packet, version) => return,
        _ => version,
    };
    let mut out = WriteBuffer::new();
    encode(&packet, version, &mut out).unwrap_or_else(|error| panic!("{packet:?}: {error}"));
    let len = out.len();
    let mut again = BytesMut::from(&out.copy_to_bytes(len)[..]);
    assert_eq!(Decoder::new(receiver, version, u32::MAX).decode(&mut again), Ok(Some(packet)));
}

/// Decodes until the end, an error, or what is there no longer suffices. Returns the number of packets taken
/// and whether it ended with an error.
fn decode_all(bytes: &[u8], version: Version, receiver: Receiver) -> (usize, bool) {
    let decoder = Decoder::new(receiver, version, MAX_PACKET_SIZE);
    let mut buffer = BytesMut::from(bytes);
    let mut taken = 0;
    loop {
        let before = buffer.len();
        match decoder.decode(&mut buffer) {
            Ok(Some(packet)) => {
                assert!(buffer.len() < before, "a packet of no bytes from {bytes:02X?}");
                taken += 1;
                assert_can_be_said_again(packet, version, receiver);
            }
            Ok(None) => {
                assert_eq!(buffer.len(), before, "bytes vanished from {bytes:02X?}");
                return (taken, false);
            }
            Err(error) => {
                assert!(error.reason().is_error());
                assert!(!error.to_string().is_empty());
                return (taken, true);
            }
        }
    }
}

#[test]
fn damaged_packets_end_in_packets_or_errors() {
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let mut random = Random::new(0x6D71_7474);
    let mut whole = Vec::new();
    for version in VERSIONS {
        for receiver in RECEIVERS {
            let strategy = packet(version, receiver);
            for _ in 0..WHOLE {
                let packet = strategy.new_tree(&mut runner).unwrap().current();
                let mut out = WriteBuffer::new();
                encode(&packet, version, &mut out).unwrap();
                let len = out.len();
                whole.push((version, receiver, out.copy_to_bytes(len)));
            }
        }
    }
    let (mut taken, mut refused) = (0, 0);
    for round in 0..DAMAGED {
        let (version, receiver, bytes) = &whole[round % whole.len()];
        let mut bytes = bytes.to_vec();
        for _ in 0..=random.at(3) {
            damage(&mut bytes, &mut random);
        }
        if random.at(2) == 0 {
            mend_length(&mut bytes);
        }
        // Now and then the bytes come to the wrong end or in the wrong version.
        let version = if random.at(16) == 0 { VERSIONS[random.at(3)] } else { *version };
        let receiver = if random.at(16) == 0 { RECEIVERS[random.at(2)] } else { *receiver };
        let (packets, is_error) = decode_all(&bytes, version, receiver);
        taken += packets;
        refused += usize::from(is_error);
    }
    // Otherwise the damage never reaches far enough, or is none.
    assert!(taken > DAMAGED / 10, "only {taken} packets were taken");
    assert!(refused > DAMAGED / 4, "only {refused} packets were refused");
}

#[test]
fn random_bytes_end_in_packets_or_errors() {
    let mut random = Random::new(0x7474_716D);
    for _ in 0..DAMAGED / 10 {
        let bytes: Vec<u8> = (0..random.at(40)).map(|_| random.byte()).collect();
        for version in VERSIONS {
            for receiver in RECEIVERS {
                decode_all(&bytes, version, receiver);
            }
        }
    }
}

#[test]
fn the_cost_of_a_packet_grows_with_its_length_only() {
    // A megabyte of the smallest subscriptions, topic filters and codes: the number of steps is the test,
    // because a quadratic decoder would not end.
    let body = |unit: &[u8]| unit.repeat((1 << 20) / unit.len());
    for (first, head, unit, receiver) in [
        (0x82, &[0, 1][..], &[0, 1, b'#', 0][..], Receiver::Server),
        (0xA2, &[0, 1], &[0, 1, b'#'], Receiver::Server),
        (0x90, &[0, 1], &[0], Receiver::Client),
    ] {
        let body = [head, &body(unit)].concat();
        let len = body.len();
        let digits = [len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8];
        let mut buffer = BytesMut::from(&[&[first], &digits[..], &body].concat()[..]);
        let packet = Decoder::new(receiver, Version::V311, u32::MAX).decode(&mut buffer);
        assert!(matches!(packet, Ok(Some(_))), "{packet:?}");
    }
}
