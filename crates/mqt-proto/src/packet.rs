//! The control packets (section 3), the same for every protocol version.
//!
//! A field that a version does not have is left at its empty value: properties are empty for 3.x, and
//! the reason code of a 3.x acknowledgement is [`ReasonCode::SUCCESS`].

use bytes::Bytes;
use bytestring::ByteString;

use super::{Message, PacketId, Properties, ReasonCode, Secret, Subscription, TopicFilter, Version, Will};

/// A control packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// 1: the client opens the session.
    Connect(Box<Connect>),
    /// 2: the server's answer to CONNECT.
    ConnAck(ConnAck),
    /// 3: an application message.
    Publish(Publish),
    /// 4: QoS 1, received.
    PubAck(Ack),
    /// 5: QoS 2, received.
    PubRec(Ack),
    /// 6: QoS 2, release.
    PubRel(Ack),
    /// 7: QoS 2, complete.
    PubComp(Ack),
    /// 8
    Subscribe(Subscribe),
    /// 9
    SubAck(SubAck),
    /// 10
    Unsubscribe(Unsubscribe),
    /// 11
    UnsubAck(SubAck),
    /// 12
    PingReq,
    /// 13
    PingResp,
    /// 14
    Disconnect(Disconnect),
    /// 15: MQTT 5 extended authentication.
    Auth(Auth),
}

impl Packet {
    /// The name of the packet as the standard writes it: `CONNECT`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::ConnAck(_) => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::PubAck(_) => "PUBACK",
            Self::PubRec(_) => "PUBREC",
            Self::PubRel(_) => "PUBREL",
            Self::PubComp(_) => "PUBCOMP",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::SubAck(_) => "SUBACK",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::UnsubAck(_) => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect(_) => "DISCONNECT",
            Self::Auth(_) => "AUTH",
        }
    }
}

/// CONNECT (3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Decides the protocol name and level.
    pub version: Version,
    /// Clean Start (5), Clean Session (3.x).
    pub clean_start: bool,
    /// Keep alive in seconds; 0 is off.
    pub keep_alive: u16,
    /// CONNECT properties; empty for 3.x.
    pub properties: Properties,
    /// May be empty, except for 3.1.
    pub client_id: ByteString,
    /// The will, its properties inside its message.
    pub will: Option<Will>,
    /// An empty user name is not the same as none.
    pub user_name: Option<ByteString>,
    /// An empty password is not the same as none.
    pub password: Option<Secret>,
}

/// CONNACK (3.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnAck {
    /// The server has a session for this client.
    pub session_present: bool,
    /// The reason; for 3.x the reason code that means the same as the return code.
    pub reason: ReasonCode,
    /// The byte on the wire: the reason code for 5, the return code for 3.x.
    pub code: u8,
    /// CONNACK properties; empty for 3.x.
    pub properties: Properties,
}

/// PUBLISH (3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    /// The DUP flag (3.3.1.1).
    pub dup: bool,
    /// Present exactly when the QoS is above 0.
    pub packet_id: Option<PacketId>,
    /// Topic, payload, QoS, retain, properties. The topic is empty exactly when only an alias names it.
    pub message: Message,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which flow it belongs to.
    pub packet_id: PacketId,
    /// SUCCESS for 3.x.
    pub reason: ReasonCode,
    /// Reason string and user properties.
    pub properties: Properties,
}

impl Ack {
    /// An acknowledgement without properties.
    #[must_use]
    pub fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self { packet_id, reason, properties: Properties::default() }
    }
}

/// SUBSCRIBE (3.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Repeated by the SUBACK.
    pub packet_id: PacketId,
    /// Subscription identifier and user properties.
    pub properties: Properties,
    /// At least one.
    pub subscriptions: Vec<Subscription>,
}

/// SUBACK (3.9) and UNSUBACK (3.11; without reason codes in 3.x).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// That of the SUBSCRIBE or UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Reason string and user properties.
    pub properties: Properties,
    /// One per topic filter, in order. The 3.x failure code is 0x80.
    pub reasons: Vec<ReasonCode>,
}

/// UNSUBSCRIBE (3.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Repeated by the UNSUBACK.
    pub packet_id: PacketId,
    /// User properties.
    pub properties: Properties,
    /// At least one.
    pub filters: Vec<TopicFilter>,
}

/// DISCONNECT (3.14). 3.x has neither reason nor properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disconnect {
    /// `SUCCESS` is a normal end, which discards the will.
    pub reason: ReasonCode,
    /// Session expiry, reason string, server reference, user properties.
    pub properties: Properties,
}

/// AUTH (3.15), MQTT 5 only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// SUCCESS, CONTINUE_AUTHENTICATION or RE_AUTHENTICATE.
    pub reason: ReasonCode,
    /// Method, data, reason string, user properties.
    pub properties: Properties,
}

impl Auth {
    /// The authentication data, if there is any.
    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        self.properties.authentication_data()
    }
}

impl Unsubscribe {
    /// An UNSUBSCRIBE without properties.
    #[must_use]
    pub fn new(packet_id: PacketId, filters: Vec<TopicFilter>) -> Self {
        Self { packet_id, properties: Properties::default(), filters }
    }
}
