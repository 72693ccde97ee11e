//! The property list of a packet (2.2.2): read, checked, counted, written.

use super::super::{Place, Properties, Property, PropertyKind, PropertyValue, Version};
use super::primitive::{ByteCount, Reader, Sink, check_binary, check_text, varint_len};
use super::{DecodeError, EncodeError};

/// The most properties that one packet is taken with. The standard sets no limit, but five bytes on the wire
/// take more than seventy in memory.
pub const MAX_PROPERTIES: usize = 65_536;

/// Which kinds stood in a list already. Every identifier is below 64.
#[derive(Default)]
struct SeenKinds(u64);

impl SeenKinds {
    /// Whether the kind is new; from now on it is not.
    fn insert(&mut self, kind: PropertyKind) -> bool {
        let bit = 1_u64.wrapping_shl(kind as u32);
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }
}

/// Reads a property list with its length in front.
pub(super) fn read_properties(reader: &mut Reader, place: Place) -> Result<Properties, DecodeError> {
    let len = reader.varint()?;
    if len == 0 {
        return Ok(Properties::new());
    }
    let bytes = reader.take(usize::try_from(len).unwrap_or(usize::MAX))?;
    let mut reader = Reader::new(reader.packet(), bytes);
    let mut seen = SeenKinds::default();
    let mut properties = Properties::new();
    while !reader.is_empty() {
        // A variable byte integer, but every identifier that there is takes one byte.
        let id = reader.u8()?;
        let kind = PropertyKind::from_id(id)
            .ok_or_else(|| reader.malformed(format!("there is no property 0x{id:02X}"), "2.2.2.2"))?;
        if !kind.is_allowed_in(place) {
            let what = format!("the property {} is not allowed in {}", kind.name(), place.name());
            return Err(reader.malformed(what, "2.2.2.2"));
        }
        if !seen.insert(kind) && !kind.is_repeatable_in(place) {
            let what = format!("the property {} occurs twice", kind.name());
            return Err(reader.protocol(what, "2.2.2.2"));
        }
        if properties.len() >= MAX_PROPERTIES {
            return Err(DecodeError::TooManyProperties { packet: reader.packet(), limit: MAX_PROPERTIES });
        }
        let property = read_value(&mut reader, kind)?;
        if property == Property::TopicAlias(0) {
            return Err(DecodeError::TopicAliasZero);
        }
        if let Err(rule) = property.check_value() {
            return Err(reader.protocol(format!("the property {} {rule}", kind.name()), "2.2.2.2"));
        }
        properties.push(property);
    }
    Ok(properties)
}

fn read_value(reader: &mut Reader, kind: PropertyKind) -> Result<Property, DecodeError> {
    use Property as P;
    use PropertyKind as K;
    let name = kind.name();
    Ok(match kind {
        K::PayloadFormatIndicator => P::PayloadFormatIndicator(reader.u8()?),
        K::MessageExpiryInterval => P::MessageExpiryInterval(reader.u32()?),
        K::ContentType => P::ContentType(reader.text(name)?),
        K::ResponseTopic => P::ResponseTopic(reader.text(name)?),
        K::CorrelationData => P::CorrelationData(reader.binary()?),
        K::SubscriptionIdentifier => P::SubscriptionIdentifier(reader.varint()?),
        K::SessionExpiryInterval => P::SessionExpiryInterval(reader.u32()?),
        K::AssignedClientIdentifier => P::AssignedClientIdentifier(reader.text(name)?),
        K::ServerKeepAlive => P::ServerKeepAlive(reader.u16()?),
        K::AuthenticationMethod => P::AuthenticationMethod(reader.text(name)?),
        K::AuthenticationData => P::AuthenticationData(reader.binary()?),
        K::RequestProblemInformation => P::RequestProblemInformation(reader.u8()?),
        K::WillDelayInterval => P::WillDelayInterval(reader.u32()?),
        K::RequestResponseInformation => P::RequestResponseInformation(reader.u8()?),
        K::ResponseInformation => P::ResponseInformation(reader.text(name)?),
        K::ServerReference => P::ServerReference(reader.text(name)?),
        K::ReasonString => P::ReasonString(reader.text(name)?),
        K::ReceiveMaximum => P::ReceiveMaximum(reader.u16()?),
        K::TopicAliasMaximum => P::TopicAliasMaximum(reader.u16()?),
        K::TopicAlias => P::TopicAlias(reader.u16()?),
        K::MaximumQoS => P::MaximumQoS(reader.u8()?),
        K::RetainAvailable => P::RetainAvailable(reader.u8()?),
        K::MaximumPacketSize => P::MaximumPacketSize(reader.u32()?),
        K::WildcardSubscriptionAvailable => P::WildcardSubscriptionAvailable(reader.u8()?),
        K::SubscriptionIdentifierAvailable => P::SubscriptionIdentifierAvailable(reader.u8()?),
        K::SharedSubscriptionAvailable => P::SharedSubscriptionAvailable(reader.u8()?),
        K::UserProperty => P::UserProperty(reader.text(name)?, reader.text(name)?),
    })
}

/// Checks properties for a version and a place.
pub(super) fn check_properties_of(
    version: Version,
    properties: &Properties,
    place: Place,
) -> Result<(), EncodeError> {
    if properties.is_empty() {
        return Ok(());
    }
    if version != Version::V5 {
        return Err(EncodeError::NotInVersion { what: "properties", version });
    }
    check_properties(properties, place)
}

/// Checks that every property is allowed there, as often as it occurs, with the value that it has.
pub(super) fn check_properties(properties: &Properties, place: Place) -> Result<(), EncodeError> {
    let mut seen = SeenKinds::default();
    for property in properties {
        let kind = property.kind();
        if !kind.is_allowed_in(place) {
            return Err(EncodeError::PropertyNotAllowed { property: kind, place: place.name() });
        }
        if !seen.insert(kind) && !kind.is_repeatable_in(place) {
            return Err(EncodeError::PropertyTwice { property: kind, place: place.name() });
        }
        if let Err(rule) = property.check_value() {
            return Err(EncodeError::PropertyValue { property: kind, rule });
        }
        match property.value() {
            PropertyValue::Text(text) => check_text(kind.name(), text)?,
            PropertyValue::Binary(bytes) => check_binary(kind.name(), bytes)?,
            PropertyValue::TextPair(name, text) => {
                check_text(kind.name(), name)?;
                check_text(kind.name(), text)?;
            }
            PropertyValue::Flag(_)
            | PropertyValue::U16(_)
            | PropertyValue::U32(_)
            | PropertyValue::VarInt(_) => {}
        }
    }
    Ok(())
}

/// The length of the list without its length in front, in bytes.
fn list_len(properties: &Properties) -> usize {
    let mut count = ByteCount::default();
    for property in properties {
        put_property(property, &mut count);
    }
    count.0
}

/// The length of the list with its length in front, in bytes.
pub(super) fn properties_len(properties: &Properties) -> usize {
    if properties.is_empty() {
        return 1;
    }
    let len = list_len(properties);
    len.saturating_add(varint_len(len))
}

/// Writes the list with its length in front.
pub(super) fn put_properties(properties: &Properties, sink: &mut (impl Sink + ?Sized)) {
    if properties.is_empty() {
        sink.put_u8(0);
        return;
    }
    sink.put_varint(list_len(properties));
    for property in properties {
        put_property(property, sink);
    }
}

fn put_property(property: &Property, sink: &mut (impl Sink + ?Sized)) {
    sink.put_u8(property.kind() as u8);
    match property.value() {
        PropertyValue::Flag(value) => sink.put_u8(value),
        PropertyValue::U16(value) => sink.put_u16(value),
        PropertyValue::U32(value) => sink.put_u32(value),
        PropertyValue::VarInt(value) => sink.put_varint(usize::try_from(value).unwrap_or(usize::MAX)),
        PropertyValue::Text(text) => sink.put_binary(text.as_bytes()),
        PropertyValue::Binary(bytes) => sink.put_binary(bytes),
        PropertyValue::TextPair(name, text) => {
            sink.put_binary(name.as_bytes());
            sink.put_binary(text.as_bytes());
        }
    }
}
