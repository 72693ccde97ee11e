//! Everything that a connection is made from, after reading options, environment and profile.

use std::time::Duration;

use bytestring::ByteString;

use mqt_proto::{Properties, Version, Will};

use super::{PasswordSource, TransportOptions};

/// Which protocol version to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionChoice {
    /// MQTT 5 first; 3.1.1 on a new connection when the broker refuses or drops MQTT 5.
    #[default]
    Auto,
    /// This one and no other.
    Only(Version),
}

/// How often to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// At most this many further tries in a row without success.
    AtMost(u32),
    /// For ever.
    Unlimited,
}

/// How long to wait before a further try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReconnectPace {
    /// Longer and longer, with jitter.
    #[default]
    Growing,
    /// Always this long; and a broker that closes before CONNACK counts as one that comes back.
    Every(Duration),
}

/// What to do about a broker that closes the connection each time instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// After a few times the request counts as refused, and the client identifier as taken over.
    #[default]
    Limited,
    /// Try forever, and say what is going on.
    Endless,
    /// Try forever as the mosquitto clients do: everything at once, and without a word.
    Mosquitto,
}

/// Everything a client needs to know before it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// The way to the broker.
    pub transport: TransportOptions,
    /// The protocol version.
    pub version: VersionChoice,
    /// The client identifier. `None`: a random one, `mqt-` and 16 hexadecimal digits.
    pub client_id: Option<ByteString>,
    /// Clean Start (5) or Clean Session (3.x).
    pub clean_start: bool,
    /// Session expiry interval in seconds (MQTT 5; 0xFFFF_FFFF never expires).
    pub session_expiry: u32,
    /// Keep alive in seconds; 0 is off.
    pub keep_alive: u16,
    /// The user name.
    pub user_name: Option<ByteString>,
    /// The password.
    pub password: Option<PasswordSource>,
    /// The will.
    pub will: Option<Will>,
    /// Further CONNECT properties, in order. Session expiry, receive maximum and maximum packet size given
    /// here win over the fields of the same meaning.
    pub connect_properties: Properties,
    /// Properties of the DISCONNECT that this client sends.
    pub disconnect_properties: Properties,
    /// How many QoS 1 and 2 publishes may be unacknowledged, at least 1. A smaller receive maximum of the
    /// server wins (MQTT 5).
    pub max_inflight: u16,
    /// The largest packet to accept, in bytes.
    pub max_packet_size: u32,
    /// How long lookup, TCP, TLS, WebSocket and CONNACK together may take.
    pub connect_timeout: Duration,
    /// Tries after the first connect failed.
    pub first_connect: Attempts,
    /// Tries after an established connection was lost.
    pub reconnect: Attempts,
    /// The pauses between tries.
    pub pace: ReconnectPace,
    /// When a broker that closes each time has refused.
    pub patience: Patience,
    /// How long the broker may leave a request without an answer; zero: forever.
    pub ack_timeout: Duration,
}

impl ClientOptions {
    /// The largest packet that MQTT has: the largest remaining length, and its fixed header, in bytes.
    pub const LARGEST_PACKET: u32 = 268_435_460;
}

impl Default for ClientOptions {
    /// To `mqtt://localhost` with MQTT 5 or 3.1.1 and a clean session: keep alive 60 s, 20 messages in flight, 10 s to
    /// connect, 60 s for an answer. The first connect has one attempt; a connection that is lost is opened again.
    fn default() -> Self {
        Self {
            transport: TransportOptions::default(),
            version: VersionChoice::Auto,
            client_id: None,
            clean_start: true,
            session_expiry: 0,
            keep_alive: 60,
            user_name: None,
            password: None,
            will: None,
            connect_properties: Properties::new(),
            disconnect_properties: Properties::new(),
            max_inflight: 20,
            max_packet_size: Self::LARGEST_PACKET,
            connect_timeout: Duration::from_secs(10),
            first_connect: Attempts::AtMost(0),
            reconnect: Attempts::Unlimited,
            pace: ReconnectPace::default(),
            patience: Patience::default(),
            ack_timeout: Duration::from_secs(60),
        }
    }
}
