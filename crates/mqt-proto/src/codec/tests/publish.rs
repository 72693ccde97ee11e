//! PUBLISH (3.3).

use super::*;

fn message(topic: &str, payload: &'static str, qos: QoS) -> Message {
    let topic = if topic.is_empty() { TopicName::default() } else { TopicName::new(topic).unwrap() };
    Message { topic, payload: payload.into(), qos, ..Message::default() }
}

fn publish(packet_id: Option<u16>, message: Message) -> Packet {
    Packet::Publish(Publish { dup: false, packet_id: packet_id.map(id), message })
}

#[test]
fn qos_0_carries_no_packet_identifier() {
    // 311:2.3.1-5 5:2.2.1-2 311:3.3.1-2 5:3.3.1-2
    for receiver in [Receiver::Client, Receiver::Server] {
        let packet = publish(None, message("a/b", "hi", QoS::AtMostOnce));
        for version in OLD {
            same(receiver, version, "30 07 0003 612F62 6869", packet.clone());
        }
        same(receiver, Version::V5, "30 08 0003 612F62 00 6869", packet);
    }
}

#[test]
fn qos_1_and_2_with_dup_and_retain() {
    // 311:2.3.1-1 5:2.2.1-3 311:3.3.1-1 5:3.3.1-1
    for (first, qos) in [("3B", QoS::AtLeastOnce), ("3D", QoS::ExactlyOnce)] {
        let message = Message { retain: true, ..message("a/b", "hi", qos) };
        let packet = Packet::Publish(Publish { dup: true, packet_id: Some(id(0xFF0A)), message });
        for version in OLD {
            let bytes = format!("{first} 09 0003 612F62 FF0A 6869");
            same(Receiver::Client, version, &bytes, packet.clone());
            same(Receiver::Server, version, &bytes, packet.clone());
        }
        let bytes = format!("{first} 0A 0003 612F62 FF0A 00 6869");
        same(Receiver::Client, Version::V5, &bytes, packet.clone());
        same(Receiver::Server, Version::V5, &bytes, packet);
    }
}

#[test]
fn an_empty_payload_is_a_payload() {
    let packet = publish(None, message("a", "", QoS::AtMostOnce));
    same(Receiver::Client, Version::V311, "30 03 0001 61", packet.clone());
    same(Receiver::Client, Version::V5, "30 04 0001 61 00", packet);
}

#[test]
fn the_properties_of_publish() {
    // 5:3.3.2-19
    let properties = properties([
        Property::PayloadFormatIndicator(1),
        Property::MessageExpiryInterval(10),
        Property::ContentType("t".into()),
        Property::ResponseTopic("r/s".into()),
        Property::CorrelationData(Bytes::from_static(b"\0\xFF")),
        Property::TopicAlias(2),
        Property::UserProperty("k".into(), "v".into()),
        Property::UserProperty("k".into(), "".into()),
    ]);
    let message = Message { properties, ..message("a", "x", QoS::AtMostOnce) };
    same(
        Receiver::Server,
        Version::V5,
        "30 2B 0001 61 26 \
         01 01  02 0000000A  03 0001 74  08 0003 722F73  09 0002 00FF  23 0002 \
         26 0001 6B 0001 76  26 0001 6B 0000 \
         78",
        publish(None, message),
    );
}

#[test]
fn a_server_sends_every_matching_subscription_identifier_and_a_client_none() {
    // 5:3.3.4-6
    let properties =
        properties([Property::SubscriptionIdentifier(1), Property::SubscriptionIdentifier(268_435_455)]);
    let message = Message { properties, ..message("a", "", QoS::AtMostOnce) };
    let bytes = "30 0B 0001 61 07 0B 01 0B FFFFFF7F";
    same(Receiver::Client, Version::V5, bytes, publish(None, message));
    refused(Receiver::Server, Version::V5, bytes, ReasonCode::PROTOCOL_ERROR, "MQTT-3.3.4-6");
}

#[test]
fn an_alias_stands_for_the_topic_name_in_mqtt_5_only() {
    // 5:3.3.2-8 5:4.7.3-1 311:4.7.3-1
    let properties = properties([Property::TopicAlias(65_535)]);
    let message = Message { properties, ..message("", "x", QoS::AtMostOnce) };
    same(Receiver::Client, Version::V5, "30 07 0000 03 23 FFFF 78", publish(None, message));
    let topic_alias_invalid = ReasonCode::TOPIC_ALIAS_INVALID;
    refused(Receiver::Client, Version::V5, "30 07 0000 03 23 0000 78", topic_alias_invalid, "alias 0");
    refused(Receiver::Client, Version::V5, "30 04 0000 00 78", ReasonCode::PROTOCOL_ERROR, "empty");
    for version in OLD {
        refused(Receiver::Client, version, "30 03 0000 78", ReasonCode::PROTOCOL_ERROR, "empty");
    }
}

#[test]
fn qos_3_is_malformed_before_the_body_is_there() {
    // 311:3.3.1-4 5:3.3.1-4
    for version in ALL {
        refused(Receiver::Client, version, "36", ReasonCode::MALFORMED_PACKET, "MQTT-3.3.1-4");
        refused(Receiver::Server, version, "3F", ReasonCode::MALFORMED_PACKET, "MQTT-3.3.1-4");
    }
}

#[test]
fn dup_at_qos_0_is_malformed_to_a_server_and_without_meaning_to_a_client() {
    // 311:3.3.1-2 5:3.3.1-2
    for version in [Version::V311, Version::V5] {
        refused(Receiver::Server, version, "39", ReasonCode::MALFORMED_PACKET, "MQTT-3.3.1-2");
    }
    // A client takes the message, and its session says what is wrong with it.
    let packet =
        Packet::Publish(Publish { dup: true, packet_id: None, message: message("a", "", QoS::AtMostOnce) });
    means(Receiver::Client, Version::V31, "38 03 0001 61", packet.clone());
    means(Receiver::Client, Version::V311, "38 03 0001 61", packet);
}

#[test]
fn the_topic_name_is_a_topic_name() {
    // 311:3.3.2-1 5:3.3.2-1 311:3.3.2-2 5:3.3.2-2 311:4.7.1-1 5:4.7.0-1
    for version in ALL {
        let receiver = Receiver::Client;
        let malformed = ReasonCode::MALFORMED_PACKET;
        for wildcard in ["0003 612F23", "0003 612F2B", "0001 23"] {
            let bytes = format!("30 0{} {wildcard} 00", if wildcard.len() > 8 { 6 } else { 4 });
            refused(receiver, version, &bytes, ReasonCode::TOPIC_NAME_INVALID, "'+' or '#'");
        }
        // 311:1.5.3-1 5:1.5.4-1: a lone continuation byte, a surrogate, an overlong slash, a truncated one
        for text in ["0002 6180", "0003 EDA080", "0002 C0AF", "0002 61C3", "0004 F4908080"] {
            let bytes = format!("30 0{} {text} 00", (text.len() - 1) / 2 + 1);
            refused(receiver, version, &bytes, malformed, "MQTT-1.5.4-1");
        }
        // 311:1.5.3-2 5:1.5.4-2 311:4.7.3-2 5:4.7.3-2
        refused(receiver, version, "30 06 0003 610062 00", malformed, "MQTT-1.5.4-2");
    }
}

#[test]
fn a_byte_order_mark_stays() {
    // 311:1.5.3-3 5:1.5.4-3
    let packet = publish(None, message("\u{feff}a", "\u{feff}", QoS::AtMostOnce));
    same(Receiver::Client, Version::V311, "30 09 0004 EFBBBF61 EFBBBF", packet);
}

#[test]
fn the_response_topic_is_a_topic_name() {
    // 5:3.3.2-13 5:3.3.2-14
    let protocol = ReasonCode::PROTOCOL_ERROR;
    refused(Receiver::Client, Version::V5, "30 08 0001 61 04 08 0001 23", protocol, "response-topic");
    refused(Receiver::Client, Version::V5, "30 07 0001 61 03 08 0000", protocol, "response-topic");
    let malformed = ReasonCode::MALFORMED_PACKET;
    refused(Receiver::Client, Version::V5, "30 08 0001 61 04 08 0001 FF", malformed, "response-topic");
    refused(Receiver::Client, Version::V5, "30 08 0001 61 04 03 0001 FF", malformed, "content-type");
}

#[test]
fn the_longest_topic_name() {
    // 311:4.7.3-3 5:4.7.3-3
    let topic = "t".repeat(65_535);
    let mut bytes = vec![0x30, 0x82, 0x80, 0x04, 0xFF, 0xFF];
    bytes.extend(topic.as_bytes());
    bytes.push(b'x');
    let packet = publish(None, message(&topic, "x", QoS::AtMostOnce));
    assert_eq!(decode(Receiver::Client, Version::V311, &bytes), Ok(Some(packet.clone())));
    assert_eq!(encoded(&packet, Version::V311), Ok(bytes.into()));
}

#[test]
fn the_announced_length_is_the_encoded_length() {
    let content_type = properties([Property::ContentType("t".repeat(200).into())]);
    let zeros = Bytes::from(vec![0; 0x20_0000]);
    // Around the borders at which the Remaining Length takes one byte more (table 2.4 of 3.1.1).
    let lengths = [0x80, 0x4000, 0x20_0000].into_iter().flat_map(|border: usize| border - 16..border);
    for payload in lengths.map(|len| zeros.slice(..len)) {
        for (version, properties) in [
            (Version::V311, Properties::new()),
            (Version::V5, Properties::new()),
            (Version::V5, content_type.clone()),
        ] {
            for qos in [QoS::AtMostOnce, QoS::ExactlyOnce] {
                let payload = payload.clone();
                let message =
                    Message { payload, properties: properties.clone(), ..message("topic", "", qos) };
                let mut out = WriteBuffer::new();
                let packet_id = (qos != QoS::AtMostOnce).then(|| id(1));
                encode_publish(&message, false, packet_id, version, &mut out).unwrap();
                assert_eq!(publish_len(&message, version), out.len());
            }
        }
    }
}

#[test]
fn payload_and_topic_share_the_buffer() {
    let mut buffer = BytesMut::from(&bytes("30 07 0003 612F62 6869")[..]);
    let range = buffer.as_ptr_range();
    let packet = Decoder::new(Receiver::Client, Version::V311, NO_LIMIT).decode(&mut buffer);
    let Ok(Some(Packet::Publish(publish))) = packet else { panic!("{packet:?}") };
    assert!(range.contains(&publish.message.topic.as_ptr()));
    assert!(range.contains(&publish.message.payload.as_ptr()));
}
