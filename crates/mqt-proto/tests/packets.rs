//! Arbitrary packets that the standards allow, for the property tests of the codec.

use bytes::Bytes;
use bytestring::ByteString;
use mqt_proto::codec::Receiver;
use mqt_proto::packet::{Ack, Auth, ConnAck, Connect, Disconnect, Publish, SubAck, Subscribe, Unsubscribe};
use mqt_proto::{
    Message, Packet, PacketId, Place, Properties, Property, PropertyKind, QoS, ReasonCode, RetainHandling,
    Secret, Subscription, TopicFilter, TopicName, Version, Will,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::Union;

/// Every version.
pub const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];

/// Both receivers.
pub const RECEIVERS: [Receiver; 2] = [Receiver::Client, Receiver::Server];

/// Any packet that may be sent to the receiver in the version.
pub fn packet(version: Version, receiver: Receiver) -> BoxedStrategy<Packet> {
    let mut kinds = vec![
        publish(version, receiver).prop_map(Packet::Publish).boxed(),
        ack(version, Place::PubAck).prop_map(Packet::PubAck).boxed(),
        ack(version, Place::PubRec).prop_map(Packet::PubRec).boxed(),
        ack(version, Place::PubRel).prop_map(Packet::PubRel).boxed(),
        ack(version, Place::PubComp).prop_map(Packet::PubComp).boxed(),
    ];
    match receiver {
        Receiver::Client => kinds.extend([
            conn_ack(version).prop_map(Packet::ConnAck).boxed(),
            sub_ack(version, Place::SubAck).prop_map(Packet::SubAck).boxed(),
            sub_ack(version, Place::UnsubAck).prop_map(Packet::UnsubAck).boxed(),
            Just(Packet::PingResp).boxed(),
        ]),
        Receiver::Server => kinds.extend([
            connect(version).prop_map(|connect| Packet::Connect(Box::new(connect))).boxed(),
            subscribe(version).prop_map(Packet::Subscribe).boxed(),
            unsubscribe(version).prop_map(Packet::Unsubscribe).boxed(),
            Just(Packet::PingReq).boxed(),
        ]),
    }
    if version == Version::V5 || receiver == Receiver::Server {
        kinds.push(disconnect(version, receiver).prop_map(Packet::Disconnect).boxed());
    }
    if version == Version::V5 {
        kinds.push(auth().prop_map(Packet::Auth).boxed());
    }
    Union::new(kinds).boxed()
}

/// The reason codes that table 2-6 lists for a packet, or, for SUBACK of 3.x, its return codes.
pub fn reasons(version: Version, place: Place) -> &'static [u8] {
    if version != Version::V5 {
        return match place {
            Place::SubAck => &[0x00, 0x01, 0x02, 0x80],
            _ => &[0x00],
        };
    }
    match place {
        Place::ConnAck => &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
            0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
        ],
        Place::PubAck | Place::PubRec => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        Place::PubRel | Place::PubComp => &[0x00, 0x92],
        Place::SubAck => &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
        Place::UnsubAck => &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
        Place::Disconnect => &[
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
            0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
        ],
        Place::Auth => &[0x00, 0x18, 0x19],
        _ => &[],
    }
}

fn reason(version: Version, place: Place) -> impl Strategy<Value = ReasonCode> {
    select(reasons(version, place)).prop_map(ReasonCode)
}

fn text() -> impl Strategy<Value = ByteString> {
    prop_oneof![
        4 => "[a-z0-9/]{0,8}",
        3 => "[^\\x00]{0,6}",
        1 => (0_usize..400).prop_map(|len| "x".repeat(len)),
    ]
    .prop_map(ByteString::from)
}

fn binary() -> impl Strategy<Value = Bytes> {
    prop_oneof![4 => vec(any::<u8>(), 0..12), 1 => vec(any::<u8>(), 100..300)].prop_map(Bytes::from)
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    prop_oneof!["[a-z]{1,4}(/[a-z]{0,4}){0,3}", "[^\\x00+#]{1,8}", "[a-z]{120,140}"]
        .prop_map(|text| TopicName::new(text).unwrap())
}

fn topic_filter() -> impl Strategy<Value = TopicFilter> {
    prop_oneof![
        4 => "(\\+|[a-z]{1,3})(/(\\+|[a-z]{0,3})){0,3}(/#)?",
        1 => "\\$share/[a-z]{1,4}/[a-z+]/[^\\x00+#]{0,5}",
        1 => "#",
        2 => "[^\\x00+#]{1,8}",
    ]
    .prop_map(|text| TopicFilter::new(text).unwrap())
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    any::<PacketId>()
}

fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn property(kind: PropertyKind) -> BoxedStrategy<Property> {
    use Property as P;
    use PropertyKind as K;
    let flag = || 0_u8..=1;
    match kind {
        K::PayloadFormatIndicator => flag().prop_map(P::PayloadFormatIndicator).boxed(),
        K::MessageExpiryInterval => any::<u32>().prop_map(P::MessageExpiryInterval).boxed(),
        K::ContentType => text().prop_map(P::ContentType).boxed(),
        K::ResponseTopic => {
            topic_name().prop_map(|topic| P::ResponseTopic(topic.as_byte_string().clone())).boxed()
        }
        K::CorrelationData => binary().prop_map(P::CorrelationData).boxed(),
        K::SubscriptionIdentifier => {
            prop_oneof![1_u32..300, 1_u32..=268_435_455].prop_map(P::SubscriptionIdentifier).boxed()
        }
        K::SessionExpiryInterval => any::<u32>().prop_map(P::SessionExpiryInterval).boxed(),
        K::AssignedClientIdentifier => text().prop_map(P::AssignedClientIdentifier).boxed(),
        K::ServerKeepAlive => any::<u16>().prop_map(P::ServerKeepAlive).boxed(),
        K::AuthenticationMethod => text().prop_map(P::AuthenticationMethod).boxed(),
        K::AuthenticationData => binary().prop_map(P::AuthenticationData).boxed(),
        K::RequestProblemInformation => flag().prop_map(P::RequestProblemInformation).boxed(),
        K::WillDelayInterval => any::<u32>().prop_map(P::WillDelayInterval).boxed(),
        K::RequestResponseInformation => flag().prop_map(P::RequestResponseInformation).boxed(),
        K::ResponseInformation => text().prop_map(P::ResponseInformation).boxed(),
        K::ServerReference => text().prop_map(P::ServerReference).boxed(),
        K::ReasonString => text().prop_map(P::ReasonString).boxed(),
        K::ReceiveMaximum => (1_u16..).prop_map(P::ReceiveMaximum).boxed(),
        K::TopicAliasMaximum => any::<u16>().prop_map(P::TopicAliasMaximum).boxed(),
        K::TopicAlias => (1_u16..).prop_map(P::TopicAlias).boxed(),
        K::MaximumQoS => flag().prop_map(P::MaximumQoS).boxed(),
        K::RetainAvailable => flag().prop_map(P::RetainAvailable).boxed(),
        K::MaximumPacketSize => (1_u32..).prop_map(P::MaximumPacketSize).boxed(),
        K::WildcardSubscriptionAvailable => flag().prop_map(P::WildcardSubscriptionAvailable).boxed(),
        K::SubscriptionIdentifierAvailable => flag().prop_map(P::SubscriptionIdentifierAvailable).boxed(),
        K::SharedSubscriptionAvailable => flag().prop_map(P::SharedSubscriptionAvailable).boxed(),
        K::UserProperty => (text(), text()).prop_map(|(name, value)| P::UserProperty(name, value)).boxed(),
    }
}

/// Properties that may stand there, in any order; none at all for 3.x, and every other time for MQTT 5.
fn properties(version: Version, place: Place) -> BoxedStrategy<Properties> {
    if version != Version::V5 {
        return Just(Properties::new()).boxed();
    }
    let once: Vec<_> = PropertyKind::ALL
        .iter()
        .copied()
        .filter(|kind| kind.is_allowed_in(place) && !kind.is_repeatable_in(place))
        .collect();
    let repeatable: Vec<_> =
        PropertyKind::ALL.iter().copied().filter(|kind| kind.is_repeatable_in(place)).collect();
    let most = once.len();
    let some = (subsequence(once, 0..=most), vec(select(repeatable), 0..3))
        .prop_map(|(once, repeated)| [once, repeated].concat())
        .prop_shuffle()
        .prop_flat_map(|kinds| kinds.into_iter().map(property).collect::<Vec<_>>())
        .prop_map(Properties::from);
    prop_oneof![Just(Properties::new()), some].boxed()
}

fn message(version: Version, place: Place) -> impl Strategy<Value = Message> {
    (topic_name(), binary(), qos(), any::<bool>(), properties(version, place)).prop_map(
        |(topic, payload, qos, retain, properties)| Message { topic, payload, qos, retain, properties },
    )
}

fn publish(version: Version, receiver: Receiver) -> impl Strategy<Value = Publish> {
    (message(version, Place::Publish), packet_id(), any::<bool>(), any::<bool>()).prop_map(
        move |(mut message, packet_id, dup, aliased)| {
            if receiver == Receiver::Server {
                message.properties.remove(PropertyKind::SubscriptionIdentifier);
            }
            if aliased && message.properties.contains(PropertyKind::TopicAlias) {
                message.topic = TopicName::default();
            }
            let packet_id = (message.qos != QoS::AtMostOnce).then_some(packet_id);
            Publish { dup: dup && packet_id.is_some(), packet_id, message }
        },
    )
}

fn ack(version: Version, place: Place) -> impl Strategy<Value = Ack> {
    (packet_id(), reason(version, place), properties(version, place))
        .prop_map(|(packet_id, reason, properties)| Ack { packet_id, reason, properties })
}

fn connect(version: Version) -> impl Strategy<Value = Connect> {
    let will = proptest::option::of(message(version, Place::Will).prop_map(|message| Will { message }));
    let user_name = proptest::option::of(text());
    let password = proptest::option::of(prop_oneof![
        text().prop_map(|text| Secret::from(&*text)),
        binary().prop_map(Secret::new)
    ]);
    let properties = properties(version, Place::Connect);
    (any::<bool>(), any::<u16>(), properties, text(), will, user_name, password).prop_map(
        move |(clean_start, keep_alive, mut properties, client_id, will, user_name, password)| {
            if !properties.contains(PropertyKind::AuthenticationMethod) {
                properties.remove(PropertyKind::AuthenticationData);
            }
            let password = password.filter(|_| version == Version::V5 || user_name.is_some());
            Connect { version, clean_start, keep_alive, properties, client_id, will, user_name, password }
        },
    )
}

fn conn_ack(version: Version) -> impl Strategy<Value = ConnAck> {
    let codes = if version == Version::V5 { reasons(version, Place::ConnAck) } else { &[0, 1, 2, 3, 4, 5] };
    (any::<bool>(), select(codes), properties(version, Place::ConnAck)).prop_map(
        move |(session_present, code, properties)| {
            let reason =
                if version == Version::V5 { ReasonCode(code) } else { ReasonCode::from_return_code(code) };
            let session_present = session_present && code == 0 && version != Version::V31;
            ConnAck { session_present, reason, code, properties }
        },
    )
}

fn subscription(version: Version) -> impl Strategy<Value = Subscription> {
    let handling = select(vec![RetainHandling::Always, RetainHandling::New, RetainHandling::Never]);
    (topic_filter(), qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(filter, qos, no_local, retain_as_published, retain_handling)| {
            if version != Version::V5 {
                return Subscription::new(filter, qos);
            }
            let no_local = no_local && filter.share().is_none();
            Subscription { filter, qos, no_local, retain_as_published, retain_handling }
        },
    )
}

fn subscribe(version: Version) -> impl Strategy<Value = Subscribe> {
    (packet_id(), properties(version, Place::Subscribe), vec(subscription(version), 1..4))
        .prop_map(|(packet_id, properties, subscriptions)| Subscribe { packet_id, properties, subscriptions })
}

fn unsubscribe(version: Version) -> impl Strategy<Value = Unsubscribe> {
    (packet_id(), properties(version, Place::Unsubscribe), vec(topic_filter(), 1..4))
        .prop_map(|(packet_id, properties, filters)| Unsubscribe { packet_id, properties, filters })
}

fn sub_ack(version: Version, place: Place) -> impl Strategy<Value = SubAck> {
    (packet_id(), properties(version, place), vec(reason(version, place), 1..5)).prop_map(
        move |(packet_id, properties, mut reasons)| {
            if version != Version::V5 && place == Place::UnsubAck {
                reasons.clear();
            }
            SubAck { packet_id, properties, reasons }
        },
    )
}

fn disconnect(version: Version, receiver: Receiver) -> impl Strategy<Value = Disconnect> {
    (reason(version, Place::Disconnect), properties(version, Place::Disconnect)).prop_map(
        move |(reason, mut properties)| {
            if receiver == Receiver::Client {
                properties.remove(PropertyKind::SessionExpiryInterval);
            }
            Disconnect { reason, properties }
        },
    )
}

fn auth() -> impl Strategy<Value = Auth> {
    (reason(Version::V5, Place::Auth), properties(Version::V5, Place::Auth), text()).prop_map(
        |(reason, mut properties, method)| {
            let is_plain_success = reason == ReasonCode::SUCCESS && properties.is_empty();
            if !is_plain_success && !properties.contains(PropertyKind::AuthenticationMethod) {
                properties.push(Property::AuthenticationMethod(method));
            }
            Auth { reason, properties }
        },
    )
}
