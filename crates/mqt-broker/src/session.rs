//! What the broker knows of a client: its session, and the connection that the session may have.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytestring::ByteString;

use mqt_proto::{Message, PacketId, TopicFilter, TopicName, Version, Will, WriteBuffer};

use super::holdings::{Held, Holdings};
use super::outgoing::Outgoing;
use super::slab::{ConnectionId, SessionKey};
use super::topics::SUBSCRIPTION_COST;

/// What a session takes besides its client identifier, in bytes.
const SESSION_COST: usize = 2 * size_of::<BrokerSession>() + size_of::<Connection>() + 128;

/// What a topic alias takes besides its topic, in bytes.
const ALIAS_COST: usize = 2 * size_of::<(u16, TopicName)>() + 32;

/// Output is counted in steps of this many bytes: what is written at once never needs to be.
const OUTPUT_STEP: usize = 16 * 1024;

/// A session expiry interval that never passes (3.1.2.11.2), in seconds.
pub(crate) const NEVER: u32 = u32::MAX;

/// A will that is kept, with its own copy of every byte.
#[derive(Debug)]
pub(crate) struct KeptWill {
    /// What is to be published, the will delay interval among its properties.
    pub message: Message,
    _held: Held,
}

impl KeptWill {
    /// Keeps a will.
    pub(crate) fn new(will: &Will, holdings: &Holdings) -> Self {
        let message = will.message.detached();
        let held = holdings.hold(message.held_bytes());
        Self { message, _held: held }
    }

    /// The message, out of the sum.
    pub(crate) fn into_message(self) -> Message {
        self.message
    }
}

/// The session state of a client (4.1).
#[derive(Debug)]
pub(crate) struct BrokerSession {
    /// Whose it is.
    pub client_id: ByteString,
    /// The connection that it has now.
    pub connection: Option<ConnectionId>,
    /// How long it outlives its connection, in seconds; [`NEVER`]: forever.
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
    pub will: Option<(Instant, KeptWill)>,
    /// The session, and its subscriptions but for the nodes of their filters.
    held: Held,
}

impl BrokerSession {
    /// How many bytes a new session takes.
    pub(crate) fn cost(client_id: &str) -> usize {
        SESSION_COST + client_id.len()
    }

    /// How many bytes a subscription takes in a session.
    pub(crate) fn subscription_cost(filter: &TopicFilter) -> usize {
        SUBSCRIPTION_COST + filter.len()
    }

    /// A new session.
    pub(crate) fn new(client_id: ByteString, expiry: u32, holdings: &Holdings) -> Self {
        Self {
            held: holdings.hold(Self::cost(&client_id)),
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

    /// Remembers a subscription. Says whether it is new.
    pub(crate) fn add_subscription(&mut self, filter: TopicFilter) -> bool {
        let cost = Self::subscription_cost(&filter);
        let is_new = self.subscriptions.insert(filter);
        if is_new {
            self.held.add(cost);
        }
        is_new
    }

    /// Forgets a subscription. Says whether there was one.
    pub(crate) fn remove_subscription(&mut self, filter: &TopicFilter) -> bool {
        let existed = self.subscriptions.remove(filter);
        if existed {
            self.held.take(Self::subscription_cost(filter));
        }
        existed
    }
}

/// A connection whose CONNECT has come.
#[derive(Debug)]
pub(crate) struct Connection {
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
    pub will: Option<KeptWill>,
    /// One and a half times the keep alive; `None` when it is off.
    pub silence: Option<Duration>,
    /// When the client was last heard.
    pub heard_at: Instant,
    output_held: Held,
    aliases_held: Held,
}

impl Connection {
    /// A connection without limits, keep alive and will.
    pub(crate) fn new(
        session: Option<SessionKey>,
        client_id: ByteString,
        version: Version,
        now: Instant,
        holdings: &Holdings,
    ) -> Self {
        Self {
            output_held: holdings.hold(0),
            aliases_held: holdings.hold(0),
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

    /// Brings the sum up to date after the output has changed.
    pub(crate) fn count_output(&mut self) {
        let bytes = self.output.held_bytes();
        if bytes.abs_diff(self.output_held.bytes()) >= OUTPUT_STEP {
            self.output_held.set(bytes);
        }
    }

    /// How many more bytes an alias for this topic takes.
    pub(crate) fn alias_cost(topic: &str) -> usize {
        ALIAS_COST + topic.len()
    }

    /// Sets a topic alias; the topic has a text of its own.
    pub(crate) fn set_alias(&mut self, alias: u16, topic: TopicName) {
        self.aliases_held.add(Self::alias_cost(&topic));
        if let Some(old) = self.aliases.insert(alias, topic) {
            self.aliases_held.take(Self::alias_cost(&old));
        }
    }

    /// When the client must have been heard again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session?;
        self.heard_at.checked_add(self.silence?)
    }
}
