//! CONNECT (3.1), in and out.

use super::super::packet::Connect;
use super::super::{Message, Place, Properties, PropertyKind, QoS, Secret, Version, Will};
use super::primitive::{Reader, Sink, check_binary, check_text};
use super::properties::{check_properties_of, put_properties, read_properties};
use super::{DecodeError, EncodeError};

const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// How much of an unknown protocol name an error keeps, in characters.
const NAME_SHOWN: usize = 16;

/// Reads the body of a CONNECT by the level that it names.
pub(super) fn read_connect(mut reader: Reader) -> Result<Connect, DecodeError> {
    let version = read_version(&mut reader)?;
    let flags = reader.u8()?;
    check_flags(flags, version, &reader)?;
    let keep_alive = reader.u16()?;
    let properties = read_properties_of(version, &mut reader, Place::Connect)?;
    if properties.contains(PropertyKind::AuthenticationData)
        && !properties.contains(PropertyKind::AuthenticationMethod)
    {
        return Err(reader.protocol("it has authentication data without a method", "3.1.2.11.10"));
    }
    let client_id = reader.text("client identifier")?;
    let will = if flags & WILL == 0 { None } else { Some(read_will(&mut reader, flags, version)?) };
    // For 3.1 a flag may be set without the field: the Remaining Length takes precedence (3.1: 3.1).
    let is_there =
        |flag: u8, reader: &Reader| flags & flag != 0 && !(version == Version::V31 && reader.is_empty());
    let user_name = if is_there(USER_NAME, &reader) { Some(reader.text("user name")?) } else { None };
    let password =
        if is_there(PASSWORD, &reader) { Some(Secret::new(reader.binary()?.to_vec())) } else { None };
    reader.finish()?;
    let clean_start = flags & CLEAN_START != 0;
    Ok(Connect { version, clean_start, keep_alive, properties, client_id, will, user_name, password })
}

fn read_version(reader: &mut Reader) -> Result<Version, DecodeError> {
    let name = reader.text("protocol name")?;
    let level = reader.u8()?;
    match (&*name, level) {
        ("MQIsdp", 3) => Ok(Version::V31),
        ("MQTT", 4) => Ok(Version::V311),
        ("MQTT", 5) => Ok(Version::V5),
        _ => Err(DecodeError::UnsupportedProtocol { name: name.chars().take(NAME_SHOWN).collect(), level }),
    }
}

fn check_flags(flags: u8, version: Version, reader: &Reader) -> Result<(), DecodeError> {
    if flags & 1 != 0 {
        return Err(reader.malformed("the reserved connect flag is set", "MQTT-3.1.2-3"));
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(reader.malformed("it has a will QoS or will retain without a will", "MQTT-3.1.2-11"));
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(reader.malformed("its will QoS is 3", "MQTT-3.1.2-12"));
    }
    if version != Version::V5 && flags & (USER_NAME | PASSWORD) == PASSWORD {
        return Err(reader.malformed("it has a password without a user name", "3.1.1: MQTT-3.1.2-22"));
    }
    Ok(())
}

fn read_properties_of(
    version: Version,
    reader: &mut Reader,
    place: Place,
) -> Result<Properties, DecodeError> {
    if version == Version::V5 { read_properties(reader, place) } else { Ok(Properties::new()) }
}

fn read_will(reader: &mut Reader, flags: u8, version: Version) -> Result<Will, DecodeError> {
    let properties = read_properties_of(version, reader, Place::Will)?;
    let topic = reader.topic_name("will topic")?;
    if topic.is_empty() {
        return Err(reader.malformed("its will topic is empty", "MQTT-4.7.3-1"));
    }
    let payload = reader.binary()?;
    let qos = QoS::from_level((flags & WILL_QOS) >> 3).unwrap_or_default();
    Ok(Will { message: Message { topic, payload, qos, retain: flags & WILL_RETAIN != 0, properties } })
}

/// Checks a CONNECT that is to be sent.
pub(super) fn check_connect(connect: &Connect, version: Version) -> Result<(), EncodeError> {
    if connect.version != version {
        let rule = "names the version of the connection";
        return Err(EncodeError::Invalid { packet: "CONNECT", rule, clause: "3.1.2.2" });
    }
    check_text("client identifier", &connect.client_id)?;
    check_properties_of(version, &connect.properties, Place::Connect)?;
    if connect.properties.contains(PropertyKind::AuthenticationData)
        && !connect.properties.contains(PropertyKind::AuthenticationMethod)
    {
        let rule = "has authentication data only with an authentication method";
        return Err(EncodeError::Invalid { packet: "CONNECT", rule, clause: "3.1.2.11.10" });
    }
    if let Some(Will { message }) = &connect.will {
        if message.topic.is_empty() {
            let rule = "has a will topic of at least one character";
            return Err(EncodeError::Invalid { packet: "CONNECT", rule, clause: "MQTT-4.7.3-1" });
        }
        check_binary("will payload", &message.payload)?;
        check_properties_of(version, &message.properties, Place::Will)?;
    }
    if let Some(user_name) = &connect.user_name {
        check_text("user name", user_name)?;
    }
    if let Some(password) = &connect.password {
        check_binary("password", password.expose())?;
        if version != Version::V5 && connect.user_name.is_none() {
            let rule = "has a password only with a user name";
            return Err(EncodeError::Invalid { packet: "CONNECT", rule, clause: "3.1.1: MQTT-3.1.2-22" });
        }
    }
    Ok(())
}

/// Writes the body of a CONNECT that was checked.
pub(super) fn put_connect(connect: &Connect, sink: &mut dyn Sink) {
    sink.put_binary(if connect.version == Version::V31 { b"MQIsdp" } else { b"MQTT" });
    sink.put_u8(connect.version.level());
    let mut flags = if connect.clean_start { CLEAN_START } else { 0 };
    if let Some(Will { message }) = &connect.will {
        flags |= WILL | message.qos.level() << 3 | if message.retain { WILL_RETAIN } else { 0 };
    }
    if connect.user_name.is_some() {
        flags |= USER_NAME;
    }
    if connect.password.is_some() {
        flags |= PASSWORD;
    }
    sink.put_u8(flags);
    sink.put_u16(connect.keep_alive);
    let is_v5 = connect.version == Version::V5;
    if is_v5 {
        put_properties(&connect.properties, sink);
    }
    // [MQTT-3.1.3-1] fixes the order.
    sink.put_binary(connect.client_id.as_bytes());
    if let Some(Will { message }) = &connect.will {
        if is_v5 {
            put_properties(&message.properties, sink);
        }
        sink.put_binary(message.topic.as_bytes());
        sink.put_binary(&message.payload);
    }
    if let Some(user_name) = &connect.user_name {
        sink.put_binary(user_name.as_bytes());
    }
    if let Some(password) = &connect.password {
        sink.put_binary(password.expose());
    }
}
