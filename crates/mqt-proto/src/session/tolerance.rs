//! Which faults of a server end the connection, and which are lived with.
//!
//! Strictness that costs messages is a defect. A fault is *fatal* when the outcome of a message would be ambiguous or the
//! stream may be out of step; it is *tolerated* when the outcome is clear all the same: one warning, and back-pressure where the
//! server sends too much. Every check of an incoming packet is a row here:
//!
//! | what the server does | verdict | why |
//! | --- | --- | --- |
//! | bytes that are no packet: reserved type, length, flags, text that is not UTF-8, U+0000 | fatal | the stream may be out of step ([MQTT-4.8.0-1], 4.13) |
//! | a packet larger than the maximum told to it | fatal | reading it is what the limit is there to avoid |
//! | a property that is unknown, twice, out of place, or of a forbidden value | fatal | the packet means two things |
//! | QoS 3, a wildcard or no topic in PUBLISH | fatal | there is no such message |
//! | a topic alias above the maximum, or one that was never set | fatal | the topic is not known |
//! | DUP at QoS 0 ([MQTT-3.3.1-2]) | tolerated | the message is clear; there is nothing to recognise |
//! | more messages than the receive maximum ([MQTT-3.3.4-9]) | tolerated | each is clear; nothing more is read until they are safe |
//! | PUBACK for a QoS 2 publish | tolerated | it was delivered at QoS 1, and counts as that |
//! | PUBREC for a QoS 1 publish, PUBCOMP before PUBREL, PUBACK after PUBREC | fatal | nobody can say how far the flow has come |
//! | PUBREL before our PUBREC | fatal | the message may not be safe yet |
//! | an acknowledgement for an unknown identifier | tolerated | an answer to an earlier session; nothing waits for it |
//! | SUBACK or UNSUBACK that nothing was asked for | tolerated | nothing waits for it |
//! | SUBACK or UNSUBACK with another number of codes than filters | fatal | the codes belong to no filter |
//! | a reason code that the packet does not list, 0x80 or above | tolerated | refused is refused |
//! | such a code below 0x80 | fatal | it may mean anything |
//! | session present after a clean start ([MQTT-3.2.2-4]), or with a refusal | fatal | the two sides hold different sessions |
//! | a packet before CONNACK, a second CONNACK, a packet that only a client sends | fatal | the stream is out of step |
//! | an authentication method that was not offered | fatal | it cannot be answered |

use super::{Event, Session};

/// A fault of the server that leaves every outcome clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Tolerated {
    /// [MQTT-3.3.4-9]
    #[error(
        "the broker sends more unacknowledged messages than the receive maximum allows; nothing more is read until they are written"
    )]
    ReceiveMaximumExceeded,
    /// 4.3.3: PUBREC is the answer.
    #[error("the broker answers a QoS 2 publish with PUBACK: it is delivered at QoS 1, at least once")]
    PubAckForQoS2,
    /// 3.9.2, 3.11.2: the identifier is that of a SUBSCRIBE or UNSUBSCRIBE.
    #[error("the broker answers a SUBSCRIBE or UNSUBSCRIBE that was never sent")]
    AnswerToNothing,
    /// Table 2-6; 3.1.1: [MQTT-3.9.3-2].
    #[error("the broker refuses with a reason code that the standard does not list for the packet")]
    UnlistedReasonCode,
    /// [MQTT-3.3.1-2]
    #[error("the broker marks a QoS 0 message as a duplicate, which only QoS 1 and 2 know")]
    DupAtQoS0,
}

impl Session {
    /// Reports a fault once.
    #[cold]
    pub(super) fn tolerate(&mut self, fault: Tolerated) {
        if !self.tolerated.contains(&fault) {
            self.tolerated.push(fault);
            self.events.push_back(Event::Tolerated(fault));
        }
    }
}
