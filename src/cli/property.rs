//! `-D PACKET NAME VALUE` and `-D PACKET user-property KEY VALUE`: MQTT 5 properties.
//!
//! The number of words depends on the name, which clap cannot express: [`take`] cuts these options out of
//! the arguments before clap sees them.

use std::ffi::{OsStr, OsString};
use std::str::FromStr;

use bytes::Bytes;
use bytestring::ByteString;
use clap::Command;
use thiserror::Error;

use mqt_proto::property::ValueType;
use mqt_proto::{MAX_STRING_LENGTH, Place, Properties, Property, PropertyKind};

/// The packets that a client sends with properties of the user's choice.
pub const PLACES: &[Place] =
    &[Place::Connect, Place::Publish, Place::Subscribe, Place::Unsubscribe, Place::Disconnect, Place::Will];

/// A property, and where it is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedProperty {
    /// The packet, or the will.
    pub place: Place,
    /// Name and value.
    pub property: Property,
}

/// Why the words of a `-D` are no property.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PropertyError {
    /// Fewer words than needed.
    #[error("it takes PACKET NAME VALUE, or PACKET user-property KEY VALUE")]
    Words,
    /// More words than needed, in a profile.
    #[error("there are words left over after the value of {0}")]
    Rest(&'static str),
    /// No packet of the client has properties of the user's choice under this name.
    #[error("'{0}' is not a packet that takes properties; it is {known}", known = place_names())]
    Place(String),
    /// No such property.
    #[error("MQTT 5 has no property '{0}'{meant}", meant = similar(.0))]
    Name(String),
    /// The property does not belong into the packet.
    #[error("{name} does not go with {place}; {may}", may = allowed_places(*.name))]
    NotAllowed {
        /// The property.
        name: PropertyName,
        /// The packet.
        place: &'static str,
    },
    /// A number out of range, or no number.
    #[error("{name}: '{value}' is not a number from 0 to {most}")]
    Number {
        /// The property.
        name: &'static str,
        /// What was given.
        value: String,
        /// The greatest number.
        most: u64,
    },
    /// A value that this property may not have.
    #[error("{name}: {rule}")]
    Value {
        /// The property.
        name: &'static str,
        /// What it may be.
        rule: &'static str,
    },
    /// Given twice, where once is all.
    #[error("{name} is given twice for {place}; it is allowed there once")]
    Twice {
        /// The property.
        name: &'static str,
        /// The packet.
        place: &'static str,
    },
}

/// A property in an error, displayed by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyName(PropertyKind);

impl std::fmt::Display for PropertyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

fn place_names() -> String {
    PLACES.iter().map(|place| place.name()).collect::<Vec<_>>().join(", ")
}

fn allowed_places(name: PropertyName) -> String {
    let places: Vec<&str> = PLACES
        .iter()
        .filter(|place| name.0.is_allowed_from_client_in(**place))
        .map(|place| place.name())
        .collect();
    if places.is_empty() {
        "only brokers send it".to_owned()
    } else {
        format!("it goes with {}", places.join(", "))
    }
}

/// `; did you mean …?` when a known name contains what was typed, or begins alike.
fn similar(typed: &str) -> String {
    let typed = typed.to_ascii_lowercase().replace('_', "-");
    let alike = |known: &str| {
        let shared = known.bytes().zip(typed.bytes()).take_while(|(a, b)| a == b).count();
        (typed.len() >= 4 && known.contains(&typed)) || shared >= 5
    };
    PropertyKind::ALL
        .iter()
        .map(|kind| kind.name())
        .find(|known| alike(known))
        .map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

impl PlacedProperty {
    /// Reads the words after `-D`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(words: &[OsString]) -> Result<Self, PropertyError> {
        let read = Self::of_either_side(words)?;
        let kind = read.property.kind();
        if !kind.is_allowed_from_client_in(read.place) {
            return Err(PropertyError::NotAllowed { name: PropertyName(kind), place: read.place.name() });
        }
        Ok(read)
    }

    /// Reads the words after `-D`, and takes what may be in the packet whoever sends it.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_either_side(words: &[OsString]) -> Result<Self, PropertyError> {
        let [place, name, values @ ..] = words else { return Err(PropertyError::Words) };
        let place = place_of(place)?;
        let kind = kind_of(name)?;
        if !kind.is_allowed_in(place) {
            return Err(PropertyError::NotAllowed { name: PropertyName(kind), place: place.name() });
        }
        let property = match values {
            [value] if kind != PropertyKind::UserProperty => single(kind, value)?,
            [key, value] if kind == PropertyKind::UserProperty => {
                Property::UserProperty(text(kind, key)?, text(kind, value)?)
            }
            [] | [_] => return Err(PropertyError::Words),
            _ => return Err(PropertyError::Rest(kind.name())),
        };
        property
            .check_value()
            .map_err(|rule| PropertyError::Value { name: kind.name(), rule })
            .map(|()| Self { place, property })
    }
}

/// One text with spaces between the words, as in a profile; the last value reaches to the end.
impl FromStr for PlacedProperty {
    type Err = PropertyError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut words = line.trim_start().splitn(3, ' ');
        let (Some(place), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else {
            return Err(PropertyError::Words);
        };
        let mut all = vec![OsString::from(place), OsString::from(name)];
        if PropertyKind::from_name(name) == Some(PropertyKind::UserProperty) {
            let (key, value) = value.split_once(' ').ok_or(PropertyError::Words)?;
            all.extend([key.into(), value.into()]);
        } else {
            all.push(value.into());
        }
        Self::new(&all)
    }
}

fn place_of(word: &OsStr) -> Result<Place, PropertyError> {
    PLACES
        .iter()
        .copied()
        .find(|place| word.eq_ignore_ascii_case(place.name()))
        .ok_or_else(|| PropertyError::Place(word.to_string_lossy().into_owned()))
}

fn kind_of(word: &OsStr) -> Result<PropertyKind, PropertyError> {
    word.to_str()
        .and_then(PropertyKind::from_name)
        .ok_or_else(|| PropertyError::Name(word.to_string_lossy().into_owned()))
}

fn text(kind: PropertyKind, word: &OsStr) -> Result<ByteString, PropertyError> {
    let wrong = |rule| PropertyError::Value { name: kind.name(), rule };
    let text = word.to_str().ok_or_else(|| wrong("the value is not UTF-8"))?;
    if text.len() > MAX_STRING_LENGTH {
        return Err(wrong("the value is longer than 65535 bytes"));
    }
    Ok(ByteString::from(text))
}

fn binary(kind: PropertyKind, word: &OsStr) -> Result<Bytes, PropertyError> {
    let bytes = word.as_encoded_bytes();
    if bytes.len() > MAX_STRING_LENGTH {
        return Err(PropertyError::Value { name: kind.name(), rule: "the value is longer than 65535 bytes" });
    }
    Ok(Bytes::copy_from_slice(bytes))
}

fn number(kind: PropertyKind, word: &OsStr, most: u64) -> Result<u64, PropertyError> {
    word.to_str().and_then(|text| text.parse().ok()).filter(|number| *number <= most).ok_or_else(|| {
        PropertyError::Number { name: kind.name(), value: word.to_string_lossy().into_owned(), most }
    })
}

fn single(kind: PropertyKind, word: &OsStr) -> Result<Property, PropertyError> {
    let most = match kind.value_type() {
        ValueType::Flag => 1,
        ValueType::U16 => u64::from(u16::MAX),
        ValueType::U32 => u64::from(u32::MAX),
        ValueType::VarInt => 268_435_455,
        ValueType::Text | ValueType::Binary | ValueType::TextPair => 0,
    };
    // Each number was held against its range before it is narrowed.
    let u8_value = || number(kind, word, most).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
    let u16_value = || number(kind, word, most).map(|value| u16::try_from(value).unwrap_or(u16::MAX));
    let u32_value = || number(kind, word, most).map(|value| u32::try_from(value).unwrap_or(u32::MAX));
    Ok(match kind {
        PropertyKind::PayloadFormatIndicator => Property::PayloadFormatIndicator(u8_value()?),
        PropertyKind::MessageExpiryInterval => Property::MessageExpiryInterval(u32_value()?),
        PropertyKind::ContentType => Property::ContentType(text(kind, word)?),
        PropertyKind::ResponseTopic => Property::ResponseTopic(text(kind, word)?),
        PropertyKind::CorrelationData => Property::CorrelationData(binary(kind, word)?),
        PropertyKind::SubscriptionIdentifier => Property::SubscriptionIdentifier(u32_value()?),
        PropertyKind::SessionExpiryInterval => Property::SessionExpiryInterval(u32_value()?),
        PropertyKind::AuthenticationMethod => Property::AuthenticationMethod(text(kind, word)?),
        PropertyKind::AuthenticationData => Property::AuthenticationData(binary(kind, word)?),
        PropertyKind::RequestProblemInformation => Property::RequestProblemInformation(u8_value()?),
        PropertyKind::WillDelayInterval => Property::WillDelayInterval(u32_value()?),
        PropertyKind::RequestResponseInformation => Property::RequestResponseInformation(u8_value()?),
        PropertyKind::ServerReference => Property::ServerReference(text(kind, word)?),
        PropertyKind::ReasonString => Property::ReasonString(text(kind, word)?),
        PropertyKind::ReceiveMaximum => Property::ReceiveMaximum(u16_value()?),
        PropertyKind::TopicAliasMaximum => Property::TopicAliasMaximum(u16_value()?),
        PropertyKind::TopicAlias => Property::TopicAlias(u16_value()?),
        PropertyKind::MaximumPacketSize => Property::MaximumPacketSize(u32_value()?),
        PropertyKind::UserProperty => return Err(PropertyError::Words),
        // These go with CONNACK only and were refused above.
        PropertyKind::AssignedClientIdentifier
        | PropertyKind::ServerKeepAlive
        | PropertyKind::ResponseInformation
        | PropertyKind::MaximumQoS
        | PropertyKind::RetainAvailable
        | PropertyKind::WildcardSubscriptionAvailable
        | PropertyKind::SubscriptionIdentifierAvailable
        | PropertyKind::SharedSubscriptionAvailable => {
            return Err(PropertyError::NotAllowed { name: PropertyName(kind), place: "requests" });
        }
    })
}

/// The properties of one place, in order, each at most once where the standard says so.
///
/// # Errors
/// [`PropertyError::Twice`].
pub fn properties_of(list: &[PlacedProperty], place: Place) -> Result<Properties, PropertyError> {
    let mut properties = Properties::new();
    for item in list.iter().filter(|item| item.place == place) {
        let kind = item.property.kind();
        if properties.contains(kind) && kind != PropertyKind::UserProperty {
            return Err(PropertyError::Twice { name: kind.name(), place: place.name() });
        }
        properties.push(item.property.clone());
    }
    Ok(properties)
}

/// Cuts each `-D` and `--property` with its words out of the arguments.
///
/// # Errors
/// The first one that is no property.
pub fn take(command: &Command, args: &mut Vec<OsString>) -> Result<Vec<PlacedProperty>, PropertyError> {
    // Most command lines have none: this costs one pass over the words then.
    let may_be = |word: &OsString| {
        let bytes = word.as_encoded_bytes();
        bytes.starts_with(b"--property") || (bytes.starts_with(b"-") && bytes.contains(&b'D'))
    };
    if !args.iter().any(may_be) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut kept = Vec::with_capacity(args.len());
    let mut rest = std::mem::take(args).into_iter();
    while let Some(word) = rest.next() {
        match shape(command, &word) {
            WordShape::Plain => kept.push(word),
            WordShape::WithValue => {
                kept.push(word);
                kept.extend(rest.next());
            }
            WordShape::End => {
                kept.push(word);
                kept.extend(rest.by_ref());
            }
            WordShape::Property(flags) => {
                kept.extend(flags);
                let mut words: Vec<OsString> = rest.by_ref().take(2).collect();
                let pair = words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("user-property"));
                words.extend(rest.by_ref().take(if pair { 2 } else { 1 }));
                found.push(PlacedProperty::new(&words)?);
            }
        }
    }
    *args = kept;
    Ok(found)
}

/// What a word of the command line is.
pub(super) enum WordShape {
    /// A flag, an option with its value attached, or no option.
    Plain,
    /// An option whose value is the next word.
    WithValue,
    /// `--`
    End,
    /// `-D` or `--property`, with the flags that precede the D in the same word.
    Property(Option<OsString>),
}

pub(super) fn shape(command: &Command, word: &OsStr) -> WordShape {
    let Some(text) = word.to_str() else { return WordShape::Plain };
    if text == "--" {
        return WordShape::End;
    }
    if let Some(long) = text.strip_prefix("--") {
        if long == "property" {
            return WordShape::Property(None);
        }
        let takes = command.get_arguments().any(|arg| {
            let named = arg.get_long() == Some(long)
                || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long));
            named && takes_next_word(arg)
        });
        return if takes { WordShape::WithValue } else { WordShape::Plain };
    }
    let Some(letters) = text.strip_prefix('-') else { return WordShape::Plain };
    for (at, letter) in letters.char_indices() {
        let last = at + letter.len_utf8() == letters.len();
        if letter == 'D' && last {
            let flags = letters.get(..at).filter(|flags| !flags.is_empty());
            return WordShape::Property(flags.map(|flags| format!("-{flags}").into()));
        }
        if command.get_arguments().any(|arg| arg.get_short() == Some(letter) && takes_next_word(arg)) {
            return if last { WordShape::WithValue } else { WordShape::Plain };
        }
    }
    WordShape::Plain
}

pub(super) fn takes_next_word(arg: &clap::Arg) -> bool {
    arg.get_action().takes_values()
        && !arg.is_require_equals_set()
        && arg.get_num_args().is_none_or(|range| range.takes_values())
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn read(line: &str) -> Result<PlacedProperty, String> {
        PlacedProperty::new(&words(line)).map_err(|error| error.to_string())
    }

    fn publish(property: Property) -> Result<PlacedProperty, String> {
        Ok(PlacedProperty { place: Place::Publish, property })
    }

    #[test]
    fn properties_are_read_in_any_case() {
        assert_eq!(read("publish content-type a/b"), publish(Property::ContentType("a/b".into())));
        assert_eq!(read("PUBLISH Topic-Alias 7"), publish(Property::TopicAlias(7)));
        assert_eq!(
            read("publish user-property k v"),
            publish(Property::UserProperty("k".into(), "v".into()))
        );
        assert_eq!(
            read("will will-delay-interval 4294967295").map(|read| read.property),
            Ok(Property::WillDelayInterval(u32::MAX))
        );
    }

    #[test]
    fn each_kind_is_settable_exactly_where_the_standard_lets_a_client_set_it() {
        // 5:2.2.2-2
        for kind in PropertyKind::ALL {
            for place in PLACES {
                let value = match kind.value_type() {
                    ValueType::TextPair => "k v",
                    ValueType::Text | ValueType::Binary => "t",
                    _ => "1",
                };
                let got = read(&format!("{} {} {value}", place.name(), kind.name()));
                let only_from_servers = [
                    (Place::Publish, PropertyKind::SubscriptionIdentifier),
                    (Place::Disconnect, PropertyKind::ServerReference),
                ];
                let expected = kind.is_allowed_in(*place) && !only_from_servers.contains(&(*place, *kind));
                assert_eq!(got.is_ok(), expected, "{} {}: {got:?}", place.name(), kind.name());
                if let Ok(got) = got {
                    assert_eq!((got.place, got.property.kind()), (*place, *kind));
                }
            }
        }
    }

    #[test]
    fn wrong_properties_are_told_apart() {
        for (line, expected) in [
            ("publish content-type", "it takes PACKET NAME VALUE"),
            ("publish user-property k", "it takes PACKET NAME VALUE"),
            ("puback reason-string x", "'puback' is not a packet that takes properties"),
            ("publish contenttype x", "MQTT 5 has no property 'contenttype'; did you mean content-type?"),
            ("publish expiry x", "no property 'expiry'; did you mean message-expiry-interval?"),
            ("connect content-type x", "content-type does not go with connect; it goes with publish, will"),
            ("connect server-keep-alive 1", "only brokers send it"),
            (
                "disconnect server-reference x",
                "server-reference does not go with disconnect; only brokers send it",
            ),
            (
                "publish subscription-identifier 1",
                "subscription-identifier does not go with publish; it goes with subscribe",
            ),
            ("publish topic-alias x", "topic-alias: 'x' is not a number from 0 to 65535"),
            ("publish topic-alias 65536", "is not a number from 0 to 65535"),
            ("publish topic-alias 0", "topic-alias: must not be 0"),
            ("publish payload-format-indicator 2", "is not a number from 0 to 1"),
            ("publish response-topic a/#", "response-topic: must be a topic name"),
            ("connect maximum-packet-size 0", "maximum-packet-size: must not be 0"),
            ("publish content-type a b", "words left over after the value of content-type"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_property_in_a_profile_is_one_text() {
        let read = |line: &str| line.parse::<PlacedProperty>().map(|read| read.property);
        assert_eq!(
            read("connect user-property site Main hall"),
            Ok(Property::UserProperty("site".into(), "Main hall".into()))
        );
        assert_eq!(read("publish content-type text/plain"), Ok(Property::ContentType("text/plain".into())));
        assert_eq!(read("publish content-type"), Err(PropertyError::Words));
    }

    #[test]
    fn only_user_properties_may_stand_twice() {
        // 5:3.3.2-4 and its like
        let list: Vec<PlacedProperty> = ["publish user-property k v", "publish user-property k v"]
            .map(|line| line.parse().unwrap())
            .into();
        assert_eq!(properties_of(&list, Place::Publish).map(|list| list.len()), Ok(2));
        assert_eq!(properties_of(&list, Place::Will).map(|list| list.len()), Ok(0));
        let twice: Vec<PlacedProperty> =
            ["publish topic-alias 1", "publish topic-alias 2"].map(|line| line.parse().unwrap()).into();
        assert_eq!(
            properties_of(&twice, Place::Publish),
            Err(PropertyError::Twice { name: "topic-alias", place: "publish" })
        );
    }

    #[test]
    fn properties_are_cut_out_of_the_arguments_and_values_are_not_mistaken_for_them() {
        let command = Command::new("x")
            .arg(Arg::new("message").short('m').long("message"))
            .arg(Arg::new("debug").short('d').action(ArgAction::SetTrue))
            .arg(Arg::new("retry").long("retry").num_args(0..=1).require_equals(true));
        for (line, kept, count) in [
            ("-d -m x", "-d -m x", 0),
            ("-D publish topic-alias 1 -d", "-d", 1),
            ("--property publish user-property -D -x -m -D", "-m -D", 1),
            ("-m -D -D publish topic-alias 1", "-m -D", 1),
            ("--message --property -d", "--message --property -d", 0),
            ("--message=-D -D publish topic-alias 1", "--message=-D", 1),
            ("-dD publish topic-alias 1 -m y", "-d -m y", 1),
            ("-mD -d", "-mD -d", 0),
            ("--retry -D publish topic-alias 1", "--retry", 1),
            ("-- -D publish", "-- -D publish", 0),
        ] {
            let mut args = words(line);
            let found = take(&command, &mut args).unwrap();
            assert_eq!((args, found.len()), (words(kept), count), "{line}");
        }
        assert_eq!(take(&command, &mut words("-D publish")), Err(PropertyError::Words));
    }
}
