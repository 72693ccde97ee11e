//! What the broker knows of a client: its session, and the connection that the session may have.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytestring::ByteString;

use crate::mqtt::{Message, PacketId, TopicFilter, TopicName, Version, Will, WriteBuffer};

use super::outgoing::Outgoing;
use super::topics::SessionKey;

/// The key of a connection.
pub type ConnectionId = usize;

/// A session expiry interval that never passes (3.1.2.11.2), in seconds.
pub const NEVER: u32 = u32::MAX;

/// The session state of a client (4.1).
#[derive(Debug)]
pub struct Session {
    /// Whose it is.
    pub client_id: ByteString,
    /// The connection that it has now.
    pub connection: Option<ConnectionId>,
    /// How long it outlives its connection, in seconds; [`NEVER`]: for ever.
    pub expiry: u32,
    /// When it ends, while it has no connection; `None`: never.
    pub ends_at: Option<Instant>,
    /// Its subscriptions.
    pub subscriptions: HashSet<TopicFilter>,
    /// What is to be sent to it.
    pub outgoing: Outgoing,
    /// The QoS 2 publishes that came from it and are not released.
    pub unreleased: HashSet<PacketId>,
    /// The will of its last connection, and when it is to be published.
    pub will: Option<(Instant, Message)>,
}

impl Session {
    /// A new session.
    pub fn new(client_id: ByteString, expiry: u32) -> Self {
        Self {
            client_id,
            connection: None,
            expiry,
            ends_at: None,
            subscriptions: HashSet::new(),
            outgoing: Outgoing::default(),
            unreleased: HashSet::new(),
            will: None,
        }
    }
}

/// A connection whose CONNECT has come.
#[derive(Debug)]
pub struct Connection {
    /// The session; `None` once the connection has come to its end in the protocol.
    pub session: Option<SessionKey>,
    /// Whose it is.
    pub client_id: ByteString,
    /// What it speaks.
    pub version: Version,
    /// Encoded packets that wait to be written.
    pub output: WriteBuffer,
    /// Whether it is on the list of connections that have something to write.
    pub is_woken: bool,
    /// The largest packet that the client takes, in bytes.
    pub max_packet_size: u32,
    /// How many QoS 1 and 2 messages may be unacknowledged.
    pub window: u16,
    /// Whether the CONNECT gave a session expiry interval above 0 ([MQTT-3.1.2-23], 3.14.2.2.2).
    pub may_expire_later: bool,
    /// Topic aliases that the client has set.
    pub aliases: HashMap<u16, TopicName>,
    /// The will.
    pub will: Option<Will>,
    /// One and a half times the keep alive; `None` when it is off.
    pub silence: Option<Duration>,
    /// When the client was last heard.
    pub heard_at: Instant,
}

impl Connection {
    /// A connection without limits, keep alive and will.
    pub fn new(session: Option<SessionKey>, client_id: ByteString, version: Version, now: Instant) -> Self {
        Self {
            session,
            client_id,
            version,
            output: WriteBuffer::new(),
            is_woken: false,
            max_packet_size: u32::MAX,
            window: u16::MAX,
            may_expire_later: false,
            aliases: HashMap::new(),
            will: None,
            silence: None,
            heard_at: now,
        }
    }

    /// When the client must have been heard again.
    pub fn deadline(&self) -> Option<Instant> {
        self.session?;
        self.heard_at.checked_add(self.silence?)
    }
}
