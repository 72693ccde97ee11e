//! What a session reports, and the ways in which a connection ends for a reason of the protocol.

use std::time::Duration;

use bytestring::ByteString;

use super::{Asked, Refusal, Tolerated};
use crate::codec::DecodeError;
use crate::packet::{ConnAck, Packet, Publish};
use crate::{ReasonCode, Subscription, TopicFilter, Version};

/// Something that the user of a session wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// CONNACK arrived and the session is usable.
    Connected(Box<ConnAck>),
    /// An application message. To be acknowledged with [`super::Session::acknowledge`] once it is safe.
    Message {
        /// The packet, its topic alias resolved.
        publish: Publish,
        /// Its number, counting every message that this session delivered from 1 on.
        delivery: u64,
    },
    /// SUBACK.
    Subscribed {
        /// What was asked for, with the broker's answer: the granted QoS or the refusal.
        results: Vec<(Subscription, ReasonCode)>,
        /// What the broker adds; not escaped.
        reason_string: Option<ByteString>,
    },
    /// UNSUBACK. The reason code is `SUCCESS` for 3.x.
    Unsubscribed {
        /// What was asked for, with the broker's answer.
        results: Vec<(TopicFilter, ReasonCode)>,
    },
    /// A publish that will not be confirmed; it has left the ledger as refused.
    Refused {
        /// Its number, counting publishes from 1 on.
        ticket: u64,
        /// Its topic name.
        topic: ByteString,
        /// Why.
        refusal: Refusal,
    },
    /// Publishes that left the ledger as unknown: nobody can know whether they arrived.
    Unknown {
        /// How many.
        count: u64,
        /// Why.
        why: UnknownWhy,
    },
    /// The server broke the protocol in a way that leaves every outcome clear. Only for the first fault of a kind.
    Tolerated(Tolerated),
    /// The answer to [`super::Session::probe`] is in.
    Probed,
    /// A packet that was put into the outgoing buffer; only when tracing.
    Sent(Box<Packet>),
    /// A packet that arrived; only when tracing.
    Received(Box<Packet>),
}

/// Why nobody can know whether a publish arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownWhy {
    /// It was sent at QoS 0, and the connection ended before the server proved that it had read so far.
    Unproved,
    /// It was open at QoS 2 when the server broke the protocol, and is not published a second time.
    Violation,
}

/// Why the protocol ends a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The peer sent bytes that are no MQTT packet.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// The peer sent a packet that has no place here.
    #[error("{what}")]
    Violation {
        /// What it did.
        what: String,
        /// What DISCONNECT says about it.
        reason: ReasonCode,
    },
    /// CONNACK refused the connection.
    #[error("the broker refused the connection: {reason}")]
    Refused {
        /// The reason; for 3.x the reason code of the same meaning.
        reason: ReasonCode,
        /// The byte on the wire.
        code: u8,
        /// The version that was tried.
        version: Version,
        /// What the broker adds; not escaped.
        reason_string: Option<ByteString>,
        /// Another server to use; not escaped.
        server_reference: Option<ByteString>,
    },
    /// The broker sent DISCONNECT.
    #[error("the broker ended the connection: {reason}")]
    Disconnected {
        /// The reason.
        reason: ReasonCode,
        /// What the broker adds; not escaped.
        reason_string: Option<ByteString>,
        /// Another server to use; not escaped.
        server_reference: Option<ByteString>,
    },
    /// The broker wants an authentication exchange that this client does not know.
    #[error("the broker asks for an authentication exchange ({})", method.as_deref().unwrap_or("no method"))]
    Authentication {
        /// The authentication method; not escaped.
        method: Option<ByteString>,
    },
    /// The peer was silent for too long.
    #[error("no answer within the keep alive of {} s", keep_alive.as_secs())]
    Stalled {
        /// The keep alive in force.
        keep_alive: Duration,
    },
    /// The peer answers PINGREQ or nothing at all, and left a request without its answer for too long.
    #[error("no answer to {} within {} s", asked.packet(), after.as_secs_f64())]
    Unanswered {
        /// The oldest such request.
        asked: Box<Asked>,
        /// [`super::SessionOptions::ack_timeout`].
        after: Duration,
    },
}

impl SessionError {
    /// The reason code for the DISCONNECT that tells the peer; `None` where none is sent.
    #[must_use]
    pub fn disconnect_reason(&self) -> Option<ReasonCode> {
        match self {
            Self::Malformed(error) => Some(error.reason()),
            Self::Violation { reason, .. } => Some(*reason),
            Self::Authentication { .. } => Some(ReasonCode::BAD_AUTHENTICATION_METHOD),
            Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::Stalled { .. }
            | Self::Unanswered { .. } => None,
        }
    }
}
