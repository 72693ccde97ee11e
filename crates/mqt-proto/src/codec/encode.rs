//! Packets on the way out: checked first, then written.

use super::super::packet::{Ack, Auth, ConnAck, Disconnect, SubAck, Subscribe, Unsubscribe};
use super::super::{
    MAX_REMAINING_LENGTH, Message, Packet, PacketId, Place, PropertyKind, QoS, ReasonCode, RetainHandling,
    Subscription, Version, WriteBuffer,
};
use super::EncodeError;
use super::connect::{check_connect, put_connect};
use super::fixed_header::PacketType;
use super::listed::{is_listed, is_sub_ack_code};
use super::primitive::{ByteCount, Sink, varint_len};
use super::properties::{check_properties_of, properties_len, put_properties};

/// Appends a packet to `out`.
///
/// What a version does not have is an error where leaving it out would change the meaning (properties, a
/// reason, subscription options), and is left out where it would not: the session present flag of a 3.1
/// CONNACK, the reason codes of a 3.x UNSUBACK.
///
/// # Errors
/// What keeps the packet from being a correct one of that version; nothing was written then.
pub fn encode(packet: &Packet, version: Version, out: &mut WriteBuffer) -> Result<(), EncodeError> {
    match packet {
        Packet::Publish(publish) => {
            encode_publish(&publish.message, publish.dup, publish.packet_id, version, out)
        }
        Packet::PubAck(ack) => encode_ack_packet(AckKind::PubAck, ack, version, out),
        Packet::PubRec(ack) => encode_ack_packet(AckKind::PubRec, ack, version, out),
        Packet::PubRel(ack) => encode_ack_packet(AckKind::PubRel, ack, version, out),
        Packet::PubComp(ack) => encode_ack_packet(AckKind::PubComp, ack, version, out),
        Packet::Connect(connect) => {
            check_connect(connect, version)?;
            put_packet(PacketType::Connect, out, |sink| put_connect(connect, sink))
        }
        Packet::ConnAck(conn_ack) => encode_conn_ack(conn_ack, version, out),
        Packet::Subscribe(subscribe) => encode_subscribe(subscribe, version, out),
        Packet::SubAck(sub_ack) => encode_sub_ack(sub_ack, version, out),
        Packet::Unsubscribe(unsubscribe) => encode_unsubscribe(unsubscribe, version, out),
        Packet::UnsubAck(unsub_ack) => encode_unsub_ack(unsub_ack, version, out),
        Packet::PingReq => put_packet(PacketType::PingReq, out, |_| {}),
        Packet::PingResp => put_packet(PacketType::PingResp, out, |_| {}),
        Packet::Disconnect(disconnect) => encode_disconnect(disconnect, version, out),
        Packet::Auth(auth) => encode_auth(auth, version, out),
    }
}

/// Appends a PUBLISH to `out`, without allocating anything but room in `out`.
///
/// # Errors
/// What keeps it from being a correct PUBLISH; nothing was written then.
pub fn encode_publish(
    message: &Message,
    dup: bool,
    packet_id: Option<PacketId>,
    version: Version,
    out: &mut WriteBuffer,
) -> Result<(), EncodeError> {
    let invalid = |rule, clause| Err(EncodeError::Invalid { packet: "PUBLISH", rule, clause });
    if (message.qos == QoS::AtMostOnce) != packet_id.is_none() {
        return invalid("has a packet identifier exactly when its QoS is above 0", "MQTT-2.2.1-2");
    }
    if dup && message.qos == QoS::AtMostOnce {
        return invalid("has the DUP flag only when its QoS is above 0", "MQTT-3.3.1-2");
    }
    check_properties_of(version, &message.properties, Place::Publish)?;
    if message.topic.is_empty() && !message.properties.contains(PropertyKind::TopicAlias) {
        return invalid("has a topic name, or an alias that stands for one", "3.3.2.1");
    }
    let head_len = publish_head_len(message, version);
    let remaining = head_len.saturating_add(message.payload.len());
    check_size(PacketType::Publish, remaining)?;
    let first = PacketType::Publish.first_byte()
        | if dup { 0b1000 } else { 0 }
        | message.qos.level() << 1
        | u8::from(message.retain);
    // The payload makes its own room: a large one needs none.
    out.reserve(head_len.saturating_add(5));
    put_fixed_header(first, remaining, out);
    Sink::put_binary(out, message.topic.as_bytes());
    if let Some(packet_id) = packet_id {
        out.put_u16(packet_id.get());
    }
    if version == Version::V5 {
        put_properties(&message.properties, out);
    }
    out.put_bytes(&message.payload);
    Ok(())
}

/// The length of the PUBLISH that [`encode_publish`] makes of a message, fixed header included, in bytes.
#[must_use]
pub fn publish_len(message: &Message, version: Version) -> usize {
    let remaining = publish_head_len(message, version).saturating_add(message.payload.len());
    remaining.saturating_add(varint_len(remaining)).saturating_add(1)
}

/// The length of what comes between fixed header and payload.
fn publish_head_len(message: &Message, version: Version) -> usize {
    let packet_id: usize = if message.qos == QoS::AtMostOnce { 0 } else { 2 };
    let properties = if version == Version::V5 { properties_len(&message.properties) } else { 0 };
    message.topic.len().saturating_add(2).saturating_add(packet_id).saturating_add(properties)
}

/// Which of the four acknowledgements (3.4 to 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AckKind {
    /// QoS 1, received.
    PubAck,
    /// QoS 2, received.
    PubRec,
    /// QoS 2, release.
    PubRel,
    /// QoS 2, complete.
    PubComp,
}

impl AckKind {
    const fn packet_type(self) -> PacketType {
        match self {
            Self::PubAck => PacketType::PubAck,
            Self::PubRec => PacketType::PubRec,
            Self::PubRel => PacketType::PubRel,
            Self::PubComp => PacketType::PubComp,
        }
    }

    const fn place(self) -> Place {
        match self {
            Self::PubAck => Place::PubAck,
            Self::PubRec => Place::PubRec,
            Self::PubRel => Place::PubRel,
            Self::PubComp => Place::PubComp,
        }
    }
}

/// Appends an acknowledgement without properties to `out`. 3.x has no reason, and MQTT 5 leaves out
/// success (3.4.2.1). The caller gives a reason that the standard lists for the packet.
pub fn encode_ack(
    kind: AckKind,
    packet_id: PacketId,
    reason: ReasonCode,
    version: Version,
    out: &mut WriteBuffer,
) {
    let first = kind.packet_type().first_byte();
    let [high, low] = packet_id.get().to_be_bytes();
    if version == Version::V5 && reason != ReasonCode::SUCCESS {
        out.put_slice(&[first, 3, high, low, reason.0]);
    } else {
        out.put_slice(&[first, 2, high, low]);
    }
}

fn encode_ack_packet(
    kind: AckKind,
    ack: &Ack,
    version: Version,
    out: &mut WriteBuffer,
) -> Result<(), EncodeError> {
    check_reason(kind.packet_type(), kind.place(), ack.reason, version)?;
    check_properties_of(version, &ack.properties, kind.place())?;
    if ack.properties.is_empty() {
        encode_ack(kind, ack.packet_id, ack.reason, version, out);
        return Ok(());
    }
    put_packet(kind.packet_type(), out, |sink| {
        sink.put_u16(ack.packet_id.get());
        sink.put_u8(ack.reason.0);
        put_properties(&ack.properties, sink);
    })
}

fn encode_conn_ack(conn_ack: &ConnAck, version: Version, out: &mut WriteBuffer) -> Result<(), EncodeError> {
    let invalid = |rule, clause| Err(EncodeError::Invalid { packet: "CONNACK", rule, clause });
    check_properties_of(version, &conn_ack.properties, Place::ConnAck)?;
    if version == Version::V5 {
        check_reason(PacketType::ConnAck, Place::ConnAck, conn_ack.reason, version)?;
        if conn_ack.code != conn_ack.reason.0 {
            return invalid("has its reason as its code", "3.2.2.2");
        }
    } else if conn_ack.code > 5 || conn_ack.reason != ReasonCode::from_return_code(conn_ack.code) {
        return invalid("has a return code of 0 to 5 that means the same as its reason", "3.1.1: 3.2.2.3");
    }
    if conn_ack.session_present && conn_ack.code != 0 {
        return invalid("says that a session is present only with code 0", "MQTT-3.2.2-6");
    }
    put_packet(PacketType::ConnAck, out, |sink| {
        sink.put_u8(u8::from(conn_ack.session_present && version != Version::V31));
        sink.put_u8(conn_ack.code);
        if version == Version::V5 {
            put_properties(&conn_ack.properties, sink);
        }
    })
}

fn encode_subscribe(
    subscribe: &Subscribe,
    version: Version,
    out: &mut WriteBuffer,
) -> Result<(), EncodeError> {
    check_properties_of(version, &subscribe.properties, Place::Subscribe)?;
    check_not_empty("SUBSCRIBE", &subscribe.subscriptions, "MQTT-3.8.3-2")?;
    for subscription in &subscribe.subscriptions {
        if subscription.no_local && subscription.filter.share().is_some() {
            return Err(EncodeError::Invalid {
                packet: "SUBSCRIBE",
                rule: "has no No Local on a shared subscription",
                clause: "MQTT-3.8.3-4",
            });
        }
        let is_plain = !subscription.no_local
            && !subscription.retain_as_published
            && subscription.retain_handling == RetainHandling::Always;
        if version != Version::V5 && !is_plain {
            return Err(EncodeError::NotInVersion { what: "subscription options but the QoS", version });
        }
    }
    put_packet(PacketType::Subscribe, out, |sink| {
        sink.put_u16(subscribe.packet_id.get());
        if version == Version::V5 {
            put_properties(&subscribe.properties, sink);
        }
        for subscription in &subscribe.subscriptions {
            sink.put_binary(subscription.filter.as_bytes());
            sink.put_u8(subscription_options(subscription));
        }
    })
}

/// The subscription options (3.8.3.1).
fn subscription_options(subscription: &Subscription) -> u8 {
    subscription.qos.level()
        | u8::from(subscription.no_local) << 2
        | u8::from(subscription.retain_as_published) << 3
        | (subscription.retain_handling as u8) << 4
}

fn encode_sub_ack(sub_ack: &SubAck, version: Version, out: &mut WriteBuffer) -> Result<(), EncodeError> {
    check_properties_of(version, &sub_ack.properties, Place::SubAck)?;
    check_not_empty("SUBACK", &sub_ack.reasons, "MQTT-3.8.4-6")?;
    for reason in &sub_ack.reasons {
        if version == Version::V5 {
            check_reason(PacketType::SubAck, Place::SubAck, *reason, version)?;
        } else if !is_sub_ack_code(reason.0) {
            return Err(EncodeError::Invalid {
                packet: "SUBACK",
                rule: "of 3.x has the codes 0x00, 0x01, 0x02 and 0x80 only",
                clause: "3.1.1: MQTT-3.9.3-2",
            });
        }
    }
    put_packet(PacketType::SubAck, out, |sink| {
        sink.put_u16(sub_ack.packet_id.get());
        if version == Version::V5 {
            put_properties(&sub_ack.properties, sink);
        }
        put_reasons(&sub_ack.reasons, sink);
    })
}

fn put_reasons(reasons: &[ReasonCode], sink: &mut dyn Sink) {
    for reason in reasons {
        sink.put_u8(reason.0);
    }
}

fn encode_unsubscribe(
    unsubscribe: &Unsubscribe,
    version: Version,
    out: &mut WriteBuffer,
) -> Result<(), EncodeError> {
    check_properties_of(version, &unsubscribe.properties, Place::Unsubscribe)?;
    check_not_empty("UNSUBSCRIBE", &unsubscribe.filters, "MQTT-3.10.3-2")?;
    put_packet(PacketType::Unsubscribe, out, |sink| {
        sink.put_u16(unsubscribe.packet_id.get());
        if version == Version::V5 {
            put_properties(&unsubscribe.properties, sink);
        }
        for filter in &unsubscribe.filters {
            sink.put_binary(filter.as_bytes());
        }
    })
}

fn encode_unsub_ack(unsub_ack: &SubAck, version: Version, out: &mut WriteBuffer) -> Result<(), EncodeError> {
    check_properties_of(version, &unsub_ack.properties, Place::UnsubAck)?;
    if version == Version::V5 {
        check_not_empty("UNSUBACK", &unsub_ack.reasons, "MQTT-3.11.3-1")?;
        for reason in &unsub_ack.reasons {
            check_reason(PacketType::UnsubAck, Place::UnsubAck, *reason, version)?;
        }
    }
    put_packet(PacketType::UnsubAck, out, |sink| {
        sink.put_u16(unsub_ack.packet_id.get());
        if version == Version::V5 {
            put_properties(&unsub_ack.properties, sink);
            put_reasons(&unsub_ack.reasons, sink);
        }
    })
}

fn encode_disconnect(
    disconnect: &Disconnect,
    version: Version,
    out: &mut WriteBuffer,
) -> Result<(), EncodeError> {
    check_reason(PacketType::Disconnect, Place::Disconnect, disconnect.reason, version)?;
    check_properties_of(version, &disconnect.properties, Place::Disconnect)?;
    let has_properties = !disconnect.properties.is_empty();
    put_packet(PacketType::Disconnect, out, |sink| {
        if has_properties || disconnect.reason != ReasonCode::SUCCESS {
            sink.put_u8(disconnect.reason.0);
        }
        if has_properties {
            put_properties(&disconnect.properties, sink);
        }
    })
}

fn encode_auth(auth: &Auth, version: Version, out: &mut WriteBuffer) -> Result<(), EncodeError> {
    if version != Version::V5 {
        return Err(EncodeError::NotInVersion { what: "AUTH", version });
    }
    check_reason(PacketType::Auth, Place::Auth, auth.reason, version)?;
    check_properties_of(version, &auth.properties, Place::Auth)?;
    let is_plain_success = auth.reason == ReasonCode::SUCCESS && auth.properties.is_empty();
    if !is_plain_success && !auth.properties.contains(PropertyKind::AuthenticationMethod) {
        let rule = "has an authentication method";
        return Err(EncodeError::Invalid { packet: "AUTH", rule, clause: "3.15.2.2.2" });
    }
    put_packet(PacketType::Auth, out, |sink| {
        if !is_plain_success {
            sink.put_u8(auth.reason.0);
            put_properties(&auth.properties, sink);
        }
    })
}

fn check_reason(
    kind: PacketType,
    place: Place,
    reason: ReasonCode,
    version: Version,
) -> Result<(), EncodeError> {
    if version != Version::V5 {
        if reason == ReasonCode::SUCCESS {
            return Ok(());
        }
        return Err(EncodeError::NotInVersion { what: "reason codes but success here", version });
    }
    if is_listed(place, reason) {
        return Ok(());
    }
    let rule = "has a reason code that the standard lists for it";
    Err(EncodeError::Invalid { packet: kind.name(), rule, clause: "table 2-6" })
}

fn check_not_empty<T>(packet: &'static str, list: &[T], clause: &'static str) -> Result<(), EncodeError> {
    if list.is_empty() {
        return Err(EncodeError::Invalid { packet, rule: "has at least one entry", clause });
    }
    Ok(())
}

fn check_size(kind: PacketType, remaining: usize) -> Result<(), EncodeError> {
    if remaining > MAX_REMAINING_LENGTH {
        return Err(EncodeError::PacketTooLarge { packet: kind.name(), size: remaining });
    }
    Ok(())
}

/// Writes a packet whose body `put` writes: once to be counted, once for good.
fn put_packet(
    kind: PacketType,
    out: &mut WriteBuffer,
    put: impl Fn(&mut dyn Sink),
) -> Result<(), EncodeError> {
    let mut count = ByteCount::default();
    put(&mut count);
    check_size(kind, count.0)?;
    out.reserve(count.0.saturating_add(5));
    put_fixed_header(kind.first_byte(), count.0, out);
    put(out);
    Ok(())
}

/// Writes the first byte and the Remaining Length, which was checked to fit.
#[inline]
fn put_fixed_header(first: u8, remaining: usize, out: &mut WriteBuffer) {
    match u8::try_from(remaining) {
        Ok(short @ 0..=0x7F) => out.put_slice(&[first, short]),
        _ => {
            out.put_u8(first);
            Sink::put_varint(out, remaining);
        }
    }
}
