//! Which reason codes a packet may carry (table 2-6).

use super::super::{Place, ReasonCode};

/// Whether the standard lists the reason code for the packet of MQTT 5.
pub const fn is_listed(place: Place, reason: ReasonCode) -> bool {
    match place {
        Place::ConnAck => {
            matches!(reason.0, 0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F)
        }
        Place::PubAck | Place::PubRec => {
            matches!(reason.0, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
        }
        Place::PubRel | Place::PubComp => matches!(reason.0, 0x00 | 0x92),
        Place::SubAck => matches!(
            reason.0,
            0x00 | 0x01 | 0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2
        ),
        Place::UnsubAck => matches!(reason.0, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91),
        Place::Disconnect => matches!(
            reason.0,
            0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2
        ),
        Place::Auth => matches!(reason.0, 0x00 | 0x18 | 0x19),
        Place::Connect | Place::Publish | Place::Will | Place::Subscribe | Place::Unsubscribe => false,
    }
}

/// Whether 3.x has the return code for SUBACK ([MQTT-3.9.3-2] of 3.1.1).
pub const fn is_sub_ack_code(code: u8) -> bool {
    matches!(code, 0x00 | 0x01 | 0x02 | 0x80)
}
