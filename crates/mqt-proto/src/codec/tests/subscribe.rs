//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK.

use super::*;

#[test]
fn subscribe_of_every_version() {
    // 311:3.8.1-1 5:3.8.1-1 311:3.8.3-1 5:3.8.3-1
    let packet = Packet::Subscribe(Subscribe {
        packet_id: id(10),
        properties: Properties::new(),
        subscriptions: vec![
            Subscription::new(filter("a/b"), QoS::AtLeastOnce),
            Subscription::new(filter("c/#"), QoS::ExactlyOnce),
        ],
    });
    for version in OLD {
        same(Receiver::Server, version, "82 0E 000A 0003 612F62 01 0003 632F23 02", packet.clone());
    }
    same(Receiver::Server, Version::V5, "82 0F 000A 00 0003 612F62 01 0003 632F23 02", packet);
}

#[test]
fn the_subscription_options_of_mqtt_5() {
    let subscription = Subscription::new(filter("+"), QoS::AtMostOnce);
    let packet = Packet::Subscribe(Subscribe {
        packet_id: id(1),
        properties: properties([
            Property::SubscriptionIdentifier(128),
            Property::UserProperty("a".into(), "b".into()),
        ]),
        subscriptions: vec![
            Subscription { no_local: true, ..subscription.clone() },
            Subscription { retain_as_published: true, qos: QoS::ExactlyOnce, ..subscription.clone() },
            Subscription { retain_handling: RetainHandling::New, ..subscription.clone() },
            Subscription {
                retain_handling: RetainHandling::Never,
                filter: filter("$share/g/t"),
                ..subscription
            },
        ],
    });
    same(
        Receiver::Server,
        Version::V5,
        "82 26 0001 0A 0B 8001 26 0001 61 0001 62 \
         0001 2B 04  0001 2B 0A  0001 2B 10  000A 2473686172652F672F74 20",
        packet,
    );
}

#[test]
fn wrong_subscriptions_are_refused() {
    let (malformed, protocol) = (ReasonCode::MALFORMED_PACKET, ReasonCode::PROTOCOL_ERROR);
    let server = Receiver::Server;
    // 311:3.8.3-3 5:3.8.3-2
    refused(server, Version::V311, "82 02 0001", protocol, "no topic filter");
    refused(server, Version::V5, "82 03 0001 00", protocol, "no topic filter");
    // 311:2.3.1-1 5:2.2.1-3
    refused(server, Version::V311, "82 06 0000 0001 61 00", protocol, "identifier is 0");
    // 5:3.8.3-5 and 3-8.3-4 of 3.1.1: reserved bits
    refused(server, Version::V5, "82 07 0001 00 0001 61 40", malformed, "reserved bits");
    refused(server, Version::V5, "82 07 0001 00 0001 61 80", malformed, "reserved bits");
    refused(server, Version::V311, "82 06 0001 0001 61 04", malformed, "reserved bits");
    refused(server, Version::V5, "82 07 0001 00 0001 61 03", protocol, "QoS 3");
    refused(server, Version::V311, "82 06 0001 0001 61 03", protocol, "QoS 3");
    refused(server, Version::V5, "82 07 0001 00 0001 61 30", protocol, "retain handling");
    // 5:3.8.3-4
    refused(server, Version::V5, "82 10 0001 00 000A 2473686172652F672F74 04", protocol, "MQTT-3.8.3-4");
    // 5:3.8.2.1.2
    refused(server, Version::V5, "82 09 0001 02 0B 00 0001 61 00", protocol, "must not be 0");
    let twice = "82 0B 0001 04 0B 01 0B 02 0001 61 00";
    refused(server, Version::V5, twice, protocol, "occurs twice");
    // 311:4.7.1-2 311:4.7.1-3 5:4.7.1-1 5:4.7.1-2 5:4.8.2-1 5:4.8.2-2
    let invalid = ReasonCode::TOPIC_FILTER_INVALID;
    refused(server, Version::V5, "82 08 0001 00 0002 6123 00", invalid, "'#' must be the last");
    refused(server, Version::V311, "82 07 0001 0002 612B 00", invalid, "'+' must fill");
    refused(server, Version::V5, "82 0E 0001 00 0008 2473686172652F67 00", invalid, "$share");
    // 311:4.7.3-1 5:4.7.3-1
    refused(server, Version::V311, "82 05 0001 0000 00", invalid, "empty");
    // 311:1.5.3-1 5:1.5.4-1 311:1.5.3-2 5:1.5.4-2
    refused(server, Version::V311, "82 06 0001 0001 FF 00", malformed, "UTF-8");
    refused(server, Version::V311, "82 06 0001 0001 00 00", malformed, "U+0000");
    // a filter without options
    refused(server, Version::V311, "82 05 0001 0001 61", malformed, "ends in the middle");
    // 5:2.2.2-1: without a property length, the length of the filter is taken for it
    refused(server, Version::V5, "82 06 0001 0001 61 00", malformed, "ends in the middle");
}

#[test]
fn the_flags_of_subscribe_and_unsubscribe_are_2() {
    // 311:3.8.1-1 5:3.8.1-1 311:3.10.1-1 5:3.10.1-1
    for version in [Version::V311, Version::V5] {
        for first in ["80", "8A", "83", "A0", "AA", "A3"] {
            refused(Receiver::Server, version, first, ReasonCode::MALFORMED_PACKET, "MQTT-2.1.3-1");
        }
    }
    // 3.1 sets DUP when it sends them again.
    let unsubscribe = Packet::Unsubscribe(Unsubscribe::new(id(1), vec![filter("a")]));
    means(Receiver::Server, Version::V31, "AA 05 0001 0001 61", unsubscribe);
    refused(Receiver::Server, Version::V31, "80", ReasonCode::MALFORMED_PACKET, "flags");
}

#[test]
fn sub_ack_of_every_version() {
    // 311:3.9.3-2 5:3.9.3-2
    let reasons = vec![ReasonCode(0), ReasonCode(1), ReasonCode(2), ReasonCode(0x80)];
    let packet = Packet::SubAck(SubAck { packet_id: id(10), properties: Properties::new(), reasons });
    for version in OLD {
        same(Receiver::Client, version, "90 06 000A 00010280", packet.clone());
        let protocol = ReasonCode::PROTOCOL_ERROR;
        let refusal =
            SubAck { packet_id: id(10), properties: Properties::new(), reasons: vec![ReasonCode(0x87)] };
        means(Receiver::Client, version, "90 03 000A 87", Packet::SubAck(refusal));
        refused(Receiver::Client, version, "90 03 000A 03", protocol, "0x03");
        refused(Receiver::Client, version, "90 02 000A", protocol, "no reason code");
    }
    same(Receiver::Client, Version::V5, "90 07 000A 00 00010280", packet);
    let reasons = vec![ReasonCode::NOT_AUTHORIZED, ReasonCode::QUOTA_EXCEEDED];
    let properties = properties([Property::ReasonString("no".into())]);
    let packet = Packet::SubAck(SubAck { packet_id: id(1), properties, reasons });
    same(Receiver::Client, Version::V5, "90 0A 0001 05 1F 0002 6E6F 8797", packet);
}

#[test]
fn unsubscribe_of_every_version() {
    // 311:3.10.1-1 5:3.10.1-1 311:3.10.3-1 311:3.10.3-2 5:3.10.3-1 5:3.10.3-2
    let mut unsubscribe = Unsubscribe::new(id(10), vec![filter("a/b"), filter("c")]);
    for version in OLD {
        let packet = Packet::Unsubscribe(unsubscribe.clone());
        same(Receiver::Server, version, "A2 0A 000A 0003 612F62 0001 63", packet);
        refused(Receiver::Server, version, "A2 02 000A", ReasonCode::PROTOCOL_ERROR, "no topic filter");
    }
    unsubscribe.properties = properties([Property::UserProperty("".into(), "x".into())]);
    same(
        Receiver::Server,
        Version::V5,
        "A2 11 000A 06 26 0000 0001 78 0003 612F62 0001 63",
        Packet::Unsubscribe(unsubscribe),
    );
    refused(Receiver::Server, Version::V5, "A2 03 000A 00", ReasonCode::PROTOCOL_ERROR, "no topic filter");
    refused(Receiver::Server, Version::V5, "A2 06 0000 00 0001 61", ReasonCode::PROTOCOL_ERROR, "is 0");
}

#[test]
fn unsub_ack_of_every_version() {
    let bare = SubAck { packet_id: id(10), properties: Properties::new(), reasons: Vec::new() };
    for version in OLD {
        same(Receiver::Client, version, "B0 02 000A", Packet::UnsubAck(bare.clone()));
        refused(Receiver::Client, version, "B0 03", ReasonCode::MALFORMED_PACKET, "cannot be 3");
    }
    let reasons = vec![ReasonCode::SUCCESS, ReasonCode::NO_SUBSCRIPTION_EXISTED];
    let with_reasons = Packet::UnsubAck(SubAck { reasons, ..bare });
    same(Receiver::Client, Version::V5, "B0 05 000A 00 0011", with_reasons.clone());
    assert_eq!(encoded(&with_reasons, Version::V311), Ok(bytes("B0 02 000A").into()));
    refused(Receiver::Client, Version::V5, "B0 03 000A 00", ReasonCode::PROTOCOL_ERROR, "no reason code");
}
