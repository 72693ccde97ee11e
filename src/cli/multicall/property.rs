//! `-D COMMAND NAME VALUE` in the words of the mosquitto clients.

use std::ffi::OsString;

use crate::cli::property::{PLACES, PlacedProperty, PropertyError};
use mqt_proto::property::ValueType;
use mqt_proto::{Place, PropertyKind};

use super::{CallFault, c_number};

/// Packets that are known and take nothing from the command line.
const UNSUPPORTED: &[Place] = &[
    Place::PubAck,
    Place::PubRec,
    Place::PubRel,
    Place::PubComp,
    Place::SubAck,
    Place::UnsubAck,
    Place::Auth,
];

/// Reads the words after `-D`. The inner fault is a value that no packet can carry: the clients come to it when they
/// build the packet, behind all other faults.
pub(super) fn read(mut words: Vec<OsString>) -> Result<Result<PlacedProperty, CallFault>, CallFault> {
    let lacking = || {
        CallFault::Spaced("Error: --property argument given but not enough arguments specified.".to_owned())
    };
    let [command, name, value, ..] = words.as_slice() else { return Err(lacking()) };
    let (command, name) = (command.to_string_lossy().into_owned(), name.to_string_lossy().into_owned());
    let Some(kind) = PropertyKind::from_name(&name) else {
        return Err(CallFault::Spaced(format!(
            "Error: Invalid property name {name} given in --property argument."
        )));
    };
    if kind == PropertyKind::UserProperty && words.len() < 4 {
        return Err(lacking());
    }
    let place_named =
        |places: &[Place]| places.iter().copied().find(|place| command.eq_ignore_ascii_case(place.name()));
    if place_named(UNSUPPORTED).is_some() {
        return Err(CallFault::Spaced(format!(
            "Error: {name} property not supported for {command} in --property argument."
        )));
    }
    if place_named(&[Place::ConnAck]).is_some() {
        return Err(CallFault::Silent);
    }
    let Some(place) = place_named(PLACES) else {
        return Err(CallFault::Spaced(format!(
            "Error: Invalid command {command} given in --property argument."
        )));
    };
    if (place, kind) == (Place::Publish, PropertyKind::SubscriptionIdentifier) {
        return Err(CallFault::Spaced(
            "Error: subscription-identifier property not supported for publish in --property argument."
                .to_owned(),
        ));
    }
    if !kind.is_allowed_in(place) {
        return Err(CallFault::Spaced(format!(
            "Error: {name} property not allowed for {command} in --property argument."
        )));
    }
    if let Some(most) = most(kind.value_type()) {
        let number = c_number::long(&value.to_string_lossy());
        if !(0..=most).contains(&number) {
            return Err(CallFault::Spaced(format!(
                "Error: Property value ({number}) out of range for property {name}."
            )));
        }
        if let Some(word) = words.get_mut(2) {
            *word = number.to_string().into();
        }
    }
    // mosquitto's clients send a server reference, too.
    Ok(PlacedProperty::of_either_side(&words).map_err(|error| unfit(place, &error)))
}

/// The greatest number that the clients take for such a property; for a flag it is the greatest byte.
const fn most(value: ValueType) -> Option<i64> {
    match value {
        ValueType::Flag => Some(u8::MAX as i64),
        ValueType::U16 => Some(u16::MAX as i64),
        ValueType::U32 | ValueType::VarInt => Some(u32::MAX as i64),
        ValueType::Text | ValueType::Binary | ValueType::TextPair => None,
    }
}

/// A property that no packet can carry in this way.
pub(super) fn unfit(place: Place, error: &PropertyError) -> CallFault {
    let packet = place.name().to_ascii_uppercase();
    CallFault::Plain(format!("Error in {packet} properties: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str) -> CallFault {
        read(line.split(' ').map(OsString::from).collect()).unwrap_err()
    }

    #[test]
    fn faults_are_told_in_the_words_of_the_clients() {
        for (line, text) in [
            ("publish content-type", "Error: --property argument given but not enough arguments specified."),
            (
                "connect user-property x",
                "Error: --property argument given but not enough arguments specified.",
            ),
            ("x content-type z", "Error: Invalid command x given in --property argument."),
            ("publish foo x", "Error: Invalid property name foo given in --property argument."),
            (
                "CONNECT content-type x",
                "Error: content-type property not allowed for CONNECT in --property argument.",
            ),
            (
                "puback reason-string x",
                "Error: reason-string property not supported for puback in --property argument.",
            ),
            (
                "publish subscription-identifier 1",
                "Error: subscription-identifier property not supported for publish in --property argument.",
            ),
            (
                "publish topic-alias 99999",
                "Error: Property value (99999) out of range for property topic-alias.",
            ),
            (
                "publish payload-format-indicator 300",
                "Error: Property value (300) out of range for property payload-format-indicator.",
            ),
        ] {
            assert_eq!(fault(line), CallFault::Spaced(text.to_owned()), "{line}");
        }
        assert_eq!(fault("connack reason-string x"), CallFault::Silent);
        for line in
            ["publish topic-alias 0", "publish payload-format-indicator 2", "publish response-topic a/#"]
        {
            let read = read(line.split(' ').map(OsString::from).collect());
            let Ok(Err(CallFault::Plain(text))) = read else { panic!("{line}: {read:?}") };
            assert!(text.starts_with("Error in PUBLISH properties: "), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let words = ["publish", "message-expiry-interval", "60s"].map(OsString::from).to_vec();
        assert_eq!(
            read(words).unwrap().map(|read| read.property),
            Ok(mqt_proto::Property::MessageExpiryInterval(60))
        );
    }
}
