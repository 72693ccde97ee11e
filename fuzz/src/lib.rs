//! What the fuzz targets of the codec share.

use bytes::{Buf, BytesMut};
use mqt_proto::codec::{Decoder, Receiver, encode};
use mqt_proto::{Packet, Version, WriteBuffer};

/// Claims of more than this are refused, in bytes.
const MAX_PACKET_SIZE: u32 = 1 << 20;

/// Decodes a stream that arrives in two pieces. Every packet takes bytes; waiting takes none; and the cut
/// changes neither the packets nor whether they end in an error.
pub fn decode_stream(version: Version, receiver: Receiver, data: &[u8]) {
    let Some((&at, data)) = data.split_first() else { return };
    let (head, tail) = data.split_at(usize::from(at).min(data.len()));
    let whole = decode_pieces(version, receiver, &[data]);
    let cut = decode_pieces(version, receiver, &[head, tail]);
    assert_eq!(whole, cut);
}

fn decode_pieces(version: Version, receiver: Receiver, pieces: &[&[u8]]) -> (Vec<Packet>, bool) {
    let decoder = Decoder::new(receiver, version, MAX_PACKET_SIZE);
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match decoder.decode(&mut buffer) {
                Ok(Some(packet)) => {
                    assert!(buffer.len() < before);
                    packets.push(packet);
                }
                Ok(None) => {
                    assert_eq!(buffer.len(), before);
                    break;
                }
                Err(error) => {
                    assert!(error.reason().is_error());
                    return (packets, true);
                }
            }
        }
    }
    (packets, false)
}

/// Whatever is decoded can be encoded, and then means the same.
pub fn round_trip(version: Version, receiver: Receiver, data: &[u8]) {
    let Ok(Some(packet)) = Decoder::new(receiver, version, u32::MAX).decode(&mut BytesMut::from(data)) else {
        return;
    };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        // The return codes that 3.x reserves are read as a refusal, but not written.
        Packet::ConnAck(conn_ack) if version != Version::V5 && conn_ack.code > 5 => return,
        _ => version,
    };
    let mut out = WriteBuffer::new();
    encode(&packet, version, &mut out).expect("what was decoded can be encoded");
    let len = out.len();
    let mut bytes = BytesMut::from(&out.copy_to_bytes(len)[..]);
    assert_eq!(Decoder::new(receiver, version, u32::MAX).decode(&mut bytes), Ok(Some(packet)));
    assert!(bytes.is_empty());
}

/// Topic filters against topic names as section 4.7 reads, one level at a time.
pub fn matches_naively(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => matches_naively(filter, topic),
        ([wanted, filter @ ..], [level, topic @ ..]) => wanted == level && matches_naively(filter, topic),
        _ => false,
    }
}
