//! The flows of a session, byte by byte.

use std::time::Instant;

use super::*;

#[test]
fn the_first_packet_is_connect() {
    // 311:3.1.0-1 5:3.1.0-1 5:3.1.2-1
    let now = Instant::now();
    let mut session =
        Session::new(SessionOptions { client_id: "a".into(), ..SessionOptions::default() }, now);
    session.connect(Version::V311, Credentials::default(), now).unwrap();
    let mut bytes = Vec::new();
    while let chunk @ [_, ..] = bytes::Buf::chunk(session.outbox()) {
        bytes.extend_from_slice(chunk);
        let count = chunk.len();
        bytes::Buf::advance(session.outbox(), count);
    }
    assert_eq!(bytes, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a");
}
