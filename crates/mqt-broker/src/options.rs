//! What the dev broker is to do: where it listens, whom it lets in, within which bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mqt_client::listen::{ListenAddress, ServerTls};
use mqt_proto::{Packet, ReasonCode, Version};

use super::password_file::PasswordFile;

/// The bounds that keep the memory of the broker bounded. The defaults are the documented ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerLimits {
    /// The largest packet to accept, in bytes; announced when it is smaller than what MQTT allows.
    pub max_packet_size: u32,
    /// How many QoS 2 publishes of one client may be open; announced when below 65,535.
    pub receive_maximum: u16,
    /// How many topic aliases a client may use. 0: none.
    pub topic_alias_maximum: u16,
    /// The longest session expiry interval, in seconds; 0xFFFF_FFFF: no limit.
    pub session_expiry: u32,
    /// How many QoS 1 and 2 messages are sent to a client before it acknowledges; a smaller receive
    /// maximum of the client wins.
    pub max_inflight: u16,
    /// How many messages wait for a client; further ones are dropped and counted.
    pub queue_messages: usize,
    /// How many bytes wait for a client, before the last message: topics, payloads, properties and what it takes
    /// to keep them ([`Message::held_bytes`](mqt_proto::Message::held_bytes)).
    pub queue_bytes: usize,
    /// How many encoded bytes wait for a client that reads slowly, besides those that are being written.
    /// Beyond it QoS 0 is dropped and counted, QoS 1 and 2 wait in the queue; at twice as much the broker
    /// stops reading from that client.
    pub output_bytes: usize,
    /// How many retained messages are kept.
    pub retained_messages: usize,
    /// How many bytes of retained messages are kept, counted as for the queues.
    pub retained_bytes: usize,
    /// How many bytes are held for all clients together: sessions with their queues and subscriptions, retained
    /// messages, wills, output that is not written, packets that are read in part. A message in several queues
    /// counts once. Beyond it nothing is added: messages are dropped or refused and further sessions and
    /// subscriptions refused as by the other bounds, and a connection that would need more for a packet is closed.
    pub memory: usize,
    /// How many subscriptions one session may have.
    pub subscriptions: usize,
    /// How many sessions there may be, connected or not.
    pub sessions: usize,
    /// How many connections each listener has at once; further ones are closed.
    pub connections: usize,
    /// Within this time a new connection must have shaken hands and sent its CONNECT.
    pub connect_timeout: Duration,
}

impl Default for BrokerLimits {
    fn default() -> Self {
        Self {
            max_packet_size: 268_435_460,
            receive_maximum: 65_535,
            topic_alias_maximum: 64,
            session_expiry: u32::MAX,
            max_inflight: 1024,
            queue_messages: 100_000,
            queue_bytes: 64 << 20,
            output_bytes: 8 << 20,
            retained_messages: 100_000,
            retained_bytes: 256 << 20,
            memory: 1 << 30,
            subscriptions: 10_000,
            sessions: 20_000,
            connections: 10_000,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Everything the dev broker needs to know before it starts.
#[derive(Clone, Default)]
pub struct BrokerOptions {
    /// Where to listen. Port 0 takes a free one.
    pub listeners: Vec<ListenAddress>,
    /// The certificate for `mqtts` and `wss` listeners.
    pub server_tls: Option<ServerTls>,
    /// The users; `None`: everybody is let in.
    pub password_file: Option<PasswordFile>,
    /// With a password file: let clients in that give no user name. Without one: listen on addresses that
    /// are not of this machine only, all the same.
    pub allow_anonymous: bool,
    /// The bounds.
    pub limits: BrokerLimits,
    /// Receives what happens.
    pub observer: Option<Observer>,
    /// Is called once, when [`BrokerLimits::memory`] has kept something out for the first time.
    pub on_full: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for BrokerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerOptions")
            .field("listeners", &self.listeners)
            .field("server_tls", &self.server_tls)
            .field("password_file", &self.password_file)
            .field("allow_anonymous", &self.allow_anonymous)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Is called for every [`Activity`], while the broker waits: it must be quick.
pub type Observer = Arc<dyn Fn(&Activity<'_>) + Send + Sync>;

/// Something that happened in the broker. Client identifiers, topics and addresses are as the client gave
/// them: escape them before a terminal sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity<'a> {
    /// A client was let in.
    Connected {
        /// Its client identifier.
        client_id: &'a str,
        /// Where it comes from.
        peer: &'a str,
        /// What it speaks.
        version: Version,
        /// Whether it found its session again.
        session_present: bool,
    },
    /// A client was not let in.
    Refused {
        /// Its client identifier, perhaps empty.
        client_id: &'a str,
        /// Where it comes from.
        peer: &'a str,
        /// Why.
        reason: ReasonCode,
    },
    /// A connection came to its end.
    Disconnected {
        /// Its client identifier.
        client_id: &'a str,
        /// Why; `None`: it was closed or broke off without a DISCONNECT.
        reason: Option<ReasonCode>,
    },
    /// A packet came from a client.
    Received {
        /// Its client identifier.
        client_id: &'a str,
        /// The packet.
        packet: &'a Packet,
    },
    /// A packet goes to a client.
    Sent {
        /// Its client identifier.
        client_id: &'a str,
        /// The packet.
        packet: &'a Packet,
    },
}
