//! The fixed header, and the property list as such.

use super::*;

fn frame_len(version: Version, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    Decoder::new(Receiver::Client, version, NO_LIMIT).frame_len(bytes)
}

#[test]
fn the_remaining_length_at_its_borders() {
    // 2.1.4, table 2-4 of 3.1.1
    for (bytes, len) in [
        ("30 00", None),
        ("30 02", Some(4)),
        ("30 7F", Some(129)),
        ("30 8001", Some(131)),
        ("30 FF7F", Some(16_386)),
        ("30 808001", Some(16_388)),
        ("30 FFFF7F", Some(2_097_155)),
        ("30 80808001", Some(2_097_157)),
        ("30 FFFFFF7F", Some(268_435_460)),
    ] {
        for version in ALL {
            assert_eq!(frame_len(version, &notation::bytes(bytes)).ok().flatten(), len, "{bytes}");
        }
    }
    for bytes in ["", "30", "30 80", "30 FFFF", "30 FFFFFF"] {
        assert_eq!(frame_len(Version::V5, &notation::bytes(bytes)), Ok(None), "{bytes}");
    }
}

#[test]
fn a_fifth_length_byte_is_malformed_before_it_comes() {
    for version in ALL {
        let malformed = ReasonCode::MALFORMED_PACKET;
        refused(Receiver::Client, version, "30 FFFFFFFF", malformed, "more than four bytes");
        refused(Receiver::Client, version, "30 80808080 01", malformed, "more than four bytes");
    }
}

#[test]
fn the_shortest_length_is_asked_for_by_mqtt_5() {
    // 5:1.5.5-1
    for bytes in ["30 8500 0003 610062", "30 848000 00 00 00 00", "D0 8000"] {
        refused(Receiver::Client, Version::V5, bytes, ReasonCode::MALFORMED_PACKET, "MQTT-1.5.5-1");
    }
    let message = Message { topic: TopicName::new("a").unwrap(), ..Message::default() };
    let packet = Packet::Publish(Publish { dup: false, packet_id: None, message });
    means(Receiver::Client, Version::V311, "30 8300 0001 61", packet);
    // The same holds for the property length and for subscription identifiers.
    let malformed = ReasonCode::MALFORMED_PACKET;
    refused(Receiver::Client, Version::V5, "30 05 0001 61 8000", malformed, "MQTT-1.5.5-1");
    refused(Receiver::Client, Version::V5, "30 07 0001 61 03 0B 8100", malformed, "MQTT-1.5.5-1");
    refused(Receiver::Client, Version::V5, "30 09 0001 61 05 0B FFFFFFFF", malformed, "more than four");
}

#[test]
fn a_packet_over_the_maximum_is_refused_by_its_header() {
    let decoder = Decoder::new(Receiver::Client, Version::V5, 100);
    assert_eq!(decoder.frame_len(&bytes("30 62")), Ok(Some(100)));
    let error = decoder.decode(&mut BytesMut::from(&bytes("30 63")[..])).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { packet: "PUBLISH", size: 101, limit: 100 });
    assert_eq!(error.reason(), ReasonCode::PACKET_TOO_LARGE);
    let mut claim = BytesMut::from(&bytes("30 FFFFFF7F")[..]);
    let capacity = claim.capacity();
    assert_eq!(Decoder::new(Receiver::Client, Version::V5, NO_LIMIT).decode(&mut claim), Ok(None));
    assert_eq!(claim.capacity(), capacity, "memory was taken for bytes that are only announced");
}

#[test]
fn reserved_flags_of_every_type_are_malformed() {
    // 5:2.1.3-1 311:2.2.2-1 311:2.2.2-2 5:3.14.1-1 5:3.15.1-1 5:3.8.1-1 5:3.10.1-1 5:3.6.1-1
    for kind in (1_u8..=15).filter(|kind| *kind != 3) {
        let right = if matches!(kind, 6 | 8 | 10) { 0b0010 } else { 0 };
        let receiver = if matches!(kind, 1 | 8 | 10 | 12) { Receiver::Server } else { Receiver::Client };
        for flags in 0..=15 {
            let first = kind << 4 | flags;
            let result = decode(receiver, Version::V5, &[first]);
            if flags == right {
                assert_eq!(result, Ok(None), "{first:02X}");
            } else {
                assert_eq!(result.unwrap_err().reason(), ReasonCode::MALFORMED_PACKET, "{first:02X}");
            }
        }
    }
}

#[test]
fn nobody_takes_what_only_others_are_sent() {
    for version in ALL {
        for first in ["10", "82", "A2", "C0"] {
            let why = "must not be sent to a client";
            refused(Receiver::Client, version, first, ReasonCode::PROTOCOL_ERROR, why);
        }
        for first in ["20", "90", "B0", "D0"] {
            let why = "must not be sent to a server";
            refused(Receiver::Server, version, first, ReasonCode::PROTOCOL_ERROR, why);
        }
        for receiver in [Receiver::Client, Receiver::Server] {
            refused(receiver, version, "00", ReasonCode::MALFORMED_PACKET, "type is reserved");
        }
    }
}

#[test]
fn packets_follow_each_other() {
    let mut buffer = BytesMut::from(&bytes("D0 00 40 02 0001 30 03 0001 61 D0")[..]);
    let decoder = Decoder::new(Receiver::Client, Version::V311, NO_LIMIT);
    let mut names = Vec::new();
    while let Some(packet) = decoder.decode(&mut buffer).unwrap() {
        names.push(packet.name());
    }
    assert_eq!(names, ["PINGRESP", "PUBACK", "PUBLISH"]);
    assert_eq!(buffer, [0xD0][..]);
}

#[test]
fn a_property_stands_where_it_may_and_once() {
    // 5:2.2.2-2 5:1.5.7-1
    let (malformed, protocol) = (ReasonCode::MALFORMED_PACKET, ReasonCode::PROTOCOL_ERROR);
    let client = Receiver::Client;
    for (bytes, reason, why) in [
        ("30 07 0001 61 03 21 0001", malformed, "receive-maximum is not allowed in publish"),
        ("30 06 0001 61 02 00 01", malformed, "no property 0x00"),
        ("30 06 0001 61 02 2B 01", malformed, "no property 0x2B"),
        ("30 06 0001 61 02 81 01", malformed, "no property 0x81"),
        ("30 08 0001 61 04 01 01 01 01", protocol, "payload-format-indicator occurs twice"),
        ("30 06 0001 61 02 01 02", protocol, "must be 0 or 1"),
        // the list is shorter than its property: the rest of the property must not be taken from the payload
        ("30 09 0001 61 03 02 00000001", malformed, "ends in the middle"),
        // the list is longer than the packet
        ("30 06 0001 61 03 01 01", malformed, "ends in the middle"),
        ("30 0B 0001 61 07 26 0001 00 0001 62", malformed, "user-property contains U+0000"),
        ("30 0B 0001 61 07 26 0001 61 0001 FF", malformed, "user-property is not UTF-8"),
        // 5:2.2.2-1
        ("30 03 0001 61", malformed, "ends in the middle"),
        ("32 05 0001 61 0001", malformed, "ends in the middle"),
    ] {
        refused(client, Version::V5, bytes, reason, why);
    }
}

#[test]
fn the_number_of_properties_is_bounded() {
    let decode = |count: usize| {
        let mut packet = BytesMut::from(&bytes("30 8D8014 0001 61 858014")[..]);
        let list_len = count * 5;
        packet[1..4].copy_from_slice(&three_digits(list_len + 6));
        packet[7..10].copy_from_slice(&three_digits(list_len));
        packet.extend(bytes("26 0000 0000").repeat(count));
        Decoder::new(Receiver::Client, Version::V5, NO_LIMIT).decode(&mut packet)
    };
    assert!(matches!(decode(MAX_PROPERTIES), Ok(Some(Packet::Publish(_)))));
    let error = decode(MAX_PROPERTIES + 1).unwrap_err();
    assert_eq!(error, DecodeError::TooManyProperties { packet: "PUBLISH", limit: MAX_PROPERTIES });
    assert_eq!(error.reason(), ReasonCode::QUOTA_EXCEEDED);
}

fn three_digits(value: usize) -> [u8; 3] {
    [0x80 | (value & 0x7F) as u8, 0x80 | (value >> 7 & 0x7F) as u8, (value >> 14) as u8]
}
