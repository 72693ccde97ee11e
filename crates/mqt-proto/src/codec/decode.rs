//! The bodies of received packets, CONNECT excepted.

use bytes::Bytes;

use super::super::packet::{Ack, Auth, ConnAck, Disconnect, Publish, SubAck, Subscribe, Unsubscribe};
use super::super::{
    Message, Packet, PacketId, Place, Properties, PropertyKind, QoS, ReasonCode, RetainHandling,
    Subscription, Version,
};
use super::connect::read_connect;
use super::fixed_header::{FixedHeader, PacketType};
use super::listed::{is_listed, is_sub_ack_code};
use super::primitive::Reader;
use super::properties::read_properties;
use super::{DecodeError, Decoder, Receiver};

/// An acknowledgement of four bytes, which is nearly every one, read without taking a share of `frame`.
/// `None` for everything else, be it right or wrong.
#[inline]
pub(super) fn short_ack(header: FixedHeader, frame: &[u8]) -> Option<Packet> {
    let make = match header.kind {
        PacketType::PubAck => Packet::PubAck,
        PacketType::PubRec => Packet::PubRec,
        PacketType::PubRel => Packet::PubRel,
        PacketType::PubComp => Packet::PubComp,
        _ => return None,
    };
    match (header.len, header.body_len, frame) {
        (2, 2, &[_, _, high, low, ..]) => {
            let packet_id = PacketId::new(u16::from_be_bytes([high, low]))?;
            Some(make(Ack::new(packet_id, ReasonCode::SUCCESS)))
        }
        _ => None,
    }
}

/// Reads the body that belongs to a fixed header; `body` is exactly as long as the header says.
#[inline]
pub(super) fn body(header: FixedHeader, body: Bytes, decoder: &Decoder) -> Result<Packet, DecodeError> {
    let reader = Reader::new(header.kind.name(), body);
    let version = decoder.version;
    Ok(match header.kind {
        PacketType::Publish => Packet::Publish(publish(reader, header.flags, decoder)?),
        PacketType::PubAck => Packet::PubAck(ack(reader, Place::PubAck, decoder)?),
        PacketType::PubRec => Packet::PubRec(ack(reader, Place::PubRec, decoder)?),
        PacketType::PubRel => Packet::PubRel(ack(reader, Place::PubRel, decoder)?),
        PacketType::PubComp => Packet::PubComp(ack(reader, Place::PubComp, decoder)?),
        PacketType::Connect => Packet::Connect(Box::new(read_connect(reader)?)),
        PacketType::ConnAck => Packet::ConnAck(conn_ack(reader, decoder)?),
        PacketType::Subscribe => Packet::Subscribe(subscribe(reader, version)?),
        PacketType::SubAck => Packet::SubAck(sub_ack(reader, decoder)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(unsubscribe(reader, version)?),
        PacketType::UnsubAck => Packet::UnsubAck(unsub_ack(reader, decoder)?),
        // The fixed header was refused if these had a body.
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(disconnect(reader, decoder)?),
        PacketType::Auth => Packet::Auth(auth(reader, decoder)?),
    })
}

/// PUBLISH (3.3). Its flags were checked with the fixed header.
#[inline]
fn publish(mut reader: Reader, flags: u8, decoder: &Decoder) -> Result<Publish, DecodeError> {
    let topic = reader.topic_name("topic name")?;
    let qos = QoS::from_level((flags & 0b0110) >> 1).unwrap_or_default();
    let packet_id = if qos == QoS::AtMostOnce { None } else { Some(reader.packet_id()?) };
    let properties = properties_of(decoder.version, &mut reader, Place::Publish)?;
    if topic.is_empty() && !properties.contains(PropertyKind::TopicAlias) {
        return Err(reader.protocol("its topic name is empty, and no alias stands for one", "3.3.2.1"));
    }
    if decoder.receiver == Receiver::Server && properties.contains(PropertyKind::SubscriptionIdentifier) {
        return Err(reader.protocol("a client sends a subscription identifier", "MQTT-3.3.4-6"));
    }
    let payload = reader.into_rest();
    Ok(Publish {
        dup: flags & 0b1000 != 0,
        packet_id,
        message: Message { topic, payload, qos, retain: flags & 1 != 0, properties },
    })
}

fn properties_of(version: Version, reader: &mut Reader, place: Place) -> Result<Properties, DecodeError> {
    if version == Version::V5 { read_properties(reader, place) } else { Ok(Properties::new()) }
}

/// Whether a reason code may be read there. A refusal is one to a client, whatever the number.
const fn is_acceptable(place: Place, reason: ReasonCode, decoder: &Decoder) -> bool {
    let is_refusal = reason.is_error() && !matches!(place, Place::Auth);
    is_listed(place, reason) || (matches!(decoder.receiver, Receiver::Client) && is_refusal)
}

fn reason(reader: &mut Reader, place: Place, decoder: &Decoder) -> Result<ReasonCode, DecodeError> {
    let reason = ReasonCode(reader.u8()?);
    if !is_acceptable(place, reason, decoder) {
        let what = format!("the reason code 0x{:02X} is not allowed in this packet", reason.0);
        return Err(reader.protocol(what, "table 2-6"));
    }
    Ok(reason)
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7), with the short forms of 3.4.2.1 and 3.4.2.2.1.
fn ack(mut reader: Reader, place: Place, decoder: &Decoder) -> Result<Ack, DecodeError> {
    let mut ack = Ack::new(reader.packet_id()?, ReasonCode::SUCCESS);
    if decoder.version == Version::V5 && !reader.is_empty() {
        ack.reason = reason(&mut reader, place, decoder)?;
        if !reader.is_empty() {
            ack.properties = read_properties(&mut reader, place)?;
        }
    }
    reader.finish()?;
    Ok(ack)
}

/// CONNACK (3.2).
fn conn_ack(mut reader: Reader, decoder: &Decoder) -> Result<ConnAck, DecodeError> {
    let version = decoder.version;
    let flags = reader.u8()?;
    // 3.1 does not use this byte and asks nothing of it.
    if flags > 1 && version != Version::V31 {
        return Err(reader.malformed("its reserved acknowledge flags are set", "MQTT-3.2.2-1"));
    }
    let session_present = flags == 1 && version != Version::V31;
    let code = reader.u8()?;
    let (reason, properties) = if version == Version::V5 {
        if reader.is_empty() {
            return Err(DecodeError::OldConnAck { code });
        }
        let reason = ReasonCode(code);
        if !is_acceptable(Place::ConnAck, reason, decoder) {
            let what = format!("the reason code 0x{code:02X} is not allowed in this packet");
            return Err(reader.protocol(what, "MQTT-3.2.2-8"));
        }
        (reason, read_properties(&mut reader, Place::ConnAck)?)
    } else {
        (ReasonCode::from_return_code(code), Properties::new())
    };
    if session_present && code != 0 {
        return Err(
            reader.protocol("it refuses the connection and says that a session is present", "MQTT-3.2.2-6")
        );
    }
    reader.finish()?;
    Ok(ConnAck { session_present, reason, code, properties })
}

/// SUBSCRIBE (3.8).
fn subscribe(mut reader: Reader, version: Version) -> Result<Subscribe, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = properties_of(version, &mut reader, Place::Subscribe)?;
    let mut subscriptions = Vec::new();
    while !reader.is_empty() {
        subscriptions.push(subscription(&mut reader, version)?);
    }
    if subscriptions.is_empty() {
        return Err(reader.protocol("it has no topic filter", "MQTT-3.8.3-2"));
    }
    Ok(Subscribe { packet_id, properties, subscriptions })
}

fn subscription(reader: &mut Reader, version: Version) -> Result<Subscription, DecodeError> {
    let filter = reader.topic_filter()?;
    let options = reader.u8()?;
    let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
    if options & reserved != 0 {
        return Err(reader.malformed("reserved bits of its subscription options are set", "MQTT-3.8.3-5"));
    }
    let qos =
        QoS::from_level(options & 0b11).ok_or_else(|| reader.protocol("it asks for QoS 3", "3.8.3.1"))?;
    let retain_handling = match options >> 4 {
        0 => RetainHandling::Always,
        1 => RetainHandling::New,
        2 => RetainHandling::Never,
        _ => return Err(reader.protocol("its retain handling is 3", "3.8.3.1")),
    };
    let no_local = options & 0b0100 != 0;
    if no_local && filter.share().is_some() {
        return Err(reader.protocol("No Local is set on a shared subscription", "MQTT-3.8.3-4"));
    }
    Ok(Subscription { filter, qos, no_local, retain_as_published: options & 0b1000 != 0, retain_handling })
}

/// SUBACK (3.9).
fn sub_ack(mut reader: Reader, decoder: &Decoder) -> Result<SubAck, DecodeError> {
    let version = decoder.version;
    let packet_id = reader.packet_id()?;
    let properties = properties_of(version, &mut reader, Place::SubAck)?;
    let reasons = if version == Version::V5 {
        reasons(reader, |code| is_acceptable(Place::SubAck, ReasonCode(code), decoder), "MQTT-3.9.3-2")?
    } else {
        reasons(reader, |code| is_sub_ack_code(code) || code > 0x80, "3.1.1: MQTT-3.9.3-2")?
    };
    Ok(SubAck { packet_id, properties, reasons })
}

/// UNSUBACK (3.11); in 3.x it is without reason codes.
fn unsub_ack(mut reader: Reader, decoder: &Decoder) -> Result<SubAck, DecodeError> {
    let version = decoder.version;
    let packet_id = reader.packet_id()?;
    if version != Version::V5 {
        reader.finish()?;
        return Ok(SubAck { packet_id, properties: Properties::new(), reasons: Vec::new() });
    }
    let properties = read_properties(&mut reader, Place::UnsubAck)?;
    let is_acceptable = |code| is_acceptable(Place::UnsubAck, ReasonCode(code), decoder);
    let reasons = reasons(reader, is_acceptable, "MQTT-3.11.3-2")?;
    Ok(SubAck { packet_id, properties, reasons })
}

/// The payload of SUBACK and UNSUBACK: a code for each of the topic filters, of which there is at least one.
fn reasons(
    reader: Reader,
    is_listed: impl Fn(u8) -> bool,
    clause: &'static str,
) -> Result<Vec<ReasonCode>, DecodeError> {
    let codes = reader.rest();
    if codes.is_empty() {
        return Err(reader.protocol("it has no reason code", clause));
    }
    if let Some(code) = codes.iter().find(|code| !is_listed(**code)) {
        return Err(reader.protocol(format!("the code 0x{code:02X} is not allowed in this packet"), clause));
    }
    Ok(codes.iter().copied().map(ReasonCode).collect())
}

/// UNSUBSCRIBE (3.10).
fn unsubscribe(mut reader: Reader, version: Version) -> Result<Unsubscribe, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = properties_of(version, &mut reader, Place::Unsubscribe)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.topic_filter()?);
    }
    if filters.is_empty() {
        return Err(reader.protocol("it has no topic filter", "MQTT-3.10.3-2"));
    }
    Ok(Unsubscribe { packet_id, properties, filters })
}

/// DISCONNECT (3.14), with the short forms of 3.14.2.1 and 3.14.2.2.1. That of 3.x has no body.
fn disconnect(mut reader: Reader, decoder: &Decoder) -> Result<Disconnect, DecodeError> {
    let mut disconnect = Disconnect::default();
    if !reader.is_empty() {
        disconnect.reason = reason(&mut reader, Place::Disconnect, decoder)?;
    }
    if !reader.is_empty() {
        disconnect.properties = read_properties(&mut reader, Place::Disconnect)?;
    }
    if decoder.receiver == Receiver::Client
        && disconnect.properties.contains(PropertyKind::SessionExpiryInterval)
    {
        return Err(reader.protocol("a server sends a session expiry interval", "MQTT-3.14.2-2"));
    }
    reader.finish()?;
    Ok(disconnect)
}

/// AUTH (3.15), with the short form of 3.15.2.1: success without properties.
fn auth(mut reader: Reader, decoder: &Decoder) -> Result<Auth, DecodeError> {
    if reader.is_empty() {
        return Ok(Auth::default());
    }
    let reason = reason(&mut reader, Place::Auth, decoder)?;
    let properties = read_properties(&mut reader, Place::Auth)?;
    let is_plain_success = reason == ReasonCode::SUCCESS && properties.is_empty();
    if !is_plain_success && !properties.contains(PropertyKind::AuthenticationMethod) {
        return Err(reader.protocol("it has no authentication method", "3.15.2.2.2"));
    }
    reader.finish()?;
    Ok(Auth { reason, properties })
}
