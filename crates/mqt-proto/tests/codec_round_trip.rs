//! Whatever the codec writes it reads back, however the bytes are cut.

use bytes::{Buf, Bytes, BytesMut};
use mqt_proto::codec::{Decoder, Receiver, encode, publish_len};
use mqt_proto::{Packet, Version, WriteBuffer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::packets::{RECEIVERS, VERSIONS, packet};

const NO_LIMIT: u32 = u32::MAX;

fn encoded(packets: &[Packet], version: Version) -> Bytes {
    let mut out = WriteBuffer::new();
    for packet in packets {
        encode(packet, version, &mut out).unwrap_or_else(|error| panic!("{packet:?}: {error}"));
    }
    let len = out.len();
    out.copy_to_bytes(len)
}

/// Feeds pieces to a decoder as a connection does.
fn decoded<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    version: Version,
    receiver: Receiver,
) -> Vec<Packet> {
    let decoder = Decoder::new(receiver, version, NO_LIMIT);
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
            packets.push(packet);
        }
    }
    assert!(buffer.is_empty(), "{} bytes are left over", buffer.len());
    packets
}

fn any_version_and_receiver() -> impl Strategy<Value = (Version, Receiver)> {
    (proptest::sample::select(&VERSIONS[..]), proptest::sample::select(&RECEIVERS[..]))
}

fn packets() -> impl Strategy<Value = (Version, Receiver, Vec<Packet>)> {
    any_version_and_receiver().prop_flat_map(|(version, receiver)| {
        (Just(version), Just(receiver), vec(packet(version, receiver), 1..5))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn what_is_encoded_is_decoded((version, receiver, packets) in packets()) {
        let bytes = encoded(&packets, version);
        prop_assert_eq!(decoded([&*bytes], version, receiver), packets);
    }

    #[test]
    fn the_length_of_a_publish_is_known((version, _, packets) in packets()) {
        for packet in &packets {
            if let Packet::Publish(publish) = packet {
                prop_assert_eq!(publish_len(&publish.message, version), encoded(std::slice::from_ref(packet), version).len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(60) })]

    #[test]
    fn it_does_not_matter_where_the_stream_is_cut((version, receiver, packets) in packets()) {
        let bytes = encoded(&packets, version);
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            prop_assert_eq!(&decoded([head, tail], version, receiver), &packets);
        }
        prop_assert_eq!(decoded(bytes.chunks(1), version, receiver), packets);
    }
}
