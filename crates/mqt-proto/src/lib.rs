//! The protocol: MQTT 3.1, 3.1.1 and 5 as values, packets, a codec and a sans-IO session.
//!
//! Nothing in here performs IO, reads a clock or knows tokio, clap or the terminal: packets and an
//! `Instant` go in, packets and events come out. That is what lets every flow, timer and limit be
//! tested without a socket, and one engine serve every command and the dev broker.

#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod codec;
pub mod message;
#[cfg(test)]
#[expect(unreachable_pub, reason = "tests outside of this crate use it, too")]
#[path = "../tests/notation.rs"]
mod notation;
pub mod packet;
pub mod property;
pub mod reason;
pub mod secret;
pub mod session;
pub mod topic;
pub mod write_buffer;

pub use message::{Message, RetainHandling, Subscription, Will};
pub use packet::Packet;
pub use property::{Place, Properties, Property, PropertyKind, PropertyValue};
pub use reason::ReasonCode;
pub use secret::Secret;
pub use topic::{ShareName, TopicError, TopicFilter, TopicName};
pub use write_buffer::WriteBuffer;

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// A packet identifier: 1 to 65,535, unique among the flows that are open in one direction (2.2.1).
pub type PacketId = NonZeroU16;

/// The largest value of the Remaining Length field, and so nearly the largest packet (2.1.4), in bytes.
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// The longest UTF-8 string or binary value that a two-byte length can carry (1.5.4, 1.5.6), in bytes.
pub const MAX_STRING_LENGTH: usize = 65_535;

/// The protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1: protocol name `MQTT`, level 4.
    V311,
    /// MQTT 5: protocol name `MQTT`, level 5.
    V5,
}

impl Version {
    /// The protocol level as it is in CONNECT.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

/// The quality of service of an application message (4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum QoS {
    /// 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// 1: acknowledged by PUBACK; may arrive more than once.
    AtLeastOnce = 1,
    /// 2: PUBREC, PUBREL, PUBCOMP; arrives once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The number on the wire.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The quality of service with this number; `None` for 3 and above.
    #[must_use]
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level())
    }
}

/// The text was not `0`, `1` or `2`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the quality of service is 0, 1 or 2")]
pub struct QoSError;

impl FromStr for QoS {
    type Err = QoSError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::from_level).ok_or(QoSError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_qualities_of_service_have_their_numbers_on_the_wire_and_in_text() {
        let versions = [Version::V31, Version::V311, Version::V5];
        assert_eq!(versions.map(Version::level), [3, 4, 5]);
        assert_eq!(versions.map(|version| version.to_string()), ["3.1", "3.1.1", "5"]);
        for (level, text) in [(0, "0"), (1, "1"), (2, "2")] {
            let qos = QoS::from_level(level).unwrap();
            assert_eq!((qos.level(), qos.to_string(), text.parse()), (level, text.to_owned(), Ok(qos)));
        }
        assert_eq!(QoS::from_level(3), None);
        for wrong in ["3", "-1", "", "one"] {
            assert_eq!(wrong.parse::<QoS>(), Err(QoSError));
        }
    }
}
