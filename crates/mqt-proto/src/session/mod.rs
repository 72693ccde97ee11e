//! The sans-IO session of a client: every QoS flow, limit and timer of a client, without IO and clock.
//!
//! Packets and the time go in through [`Session::handle`] and [`Session::timeout`]; bytes to write come out
//! of [`Session::outbox`] and reports out of [`Session::take_event`]. A session lives across connections:
//! [`Session::connect`] begins one, [`Session::lost`] ends it, and whatever is not confirmed then is sent
//! again, with DUP and its identifier when the server kept the session, as new when it did not.

mod asking;
mod event;
mod handshake;
mod incoming;
mod keep_alive;
mod ledger;
mod limits;
mod outgoing;
mod publishing;
mod report;
mod series;
mod subscribing;
#[cfg(test)]
mod tests;
mod tolerance;

pub use asking::{Asked, REFUSED_BY_CLOSING};
pub use event::{Event, SessionError, UnknownWhy};
pub use keep_alive::KeepAlive;
pub use ledger::Ledger;
pub use limits::{Refusal, ServerLimits};
pub use series::Series;
pub use tolerance::Tolerated;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Buf;
use bytestring::ByteString;

use super::codec::{self, AckKind};
use super::packet::{Ack, Disconnect, Publish};
use super::{
    Packet, PacketId, Place, Properties, ReasonCode, Secret, Subscription, TopicFilter, TopicName, Version,
    Will, WriteBuffer,
};
use asking::Asking;
use incoming::{Incoming, PublishHandling};
use keep_alive::Due;
use outgoing::{FlowTable, Pending};

/// What a session needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// The client identifier; may be empty for 3.1.1 and 5 with a clean start.
    pub client_id: ByteString,
    /// Clean Start (5) or Clean Session (3.x), for the first connection. Later ones ask for the session
    /// to go on where the first did.
    pub clean_start: bool,
    /// Session expiry interval in seconds; 0 ends the session with the connection.
    pub session_expiry: u32,
    /// Keep alive in seconds; 0 is off.
    pub keep_alive: u16,
    /// The will.
    pub will: Option<Will>,
    /// Further CONNECT properties, in order. Receive maximum, maximum packet size and topic alias maximum are
    /// enforced as they are here.
    pub connect_properties: Properties,
    /// Properties of our DISCONNECT.
    pub disconnect_properties: Properties,
    /// How many QoS 1 and 2 publishes may be unacknowledged, at least 1.
    pub max_inflight: u16,
    /// How long the server may leave a request without an answer: PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK, and the
    /// PINGRESP that proves QoS 0 messages. The clock starts again with each byte of a request that the server takes and each
    /// answer that it gives. Zero: forever.
    pub ack_timeout: Duration,
    /// A server that closes the connection after our DISCONNECT proves with it that it has read everything before. It
    /// need not have: a proxy closes like this, too.
    pub close_proves: bool,
    /// Lower the QoS of a message to what the server supports instead of refusing it.
    pub downgrade_qos: bool,
    /// Report every packet as [`Event::Sent`] or [`Event::Received`].
    pub trace: bool,
    /// Keep the ticket of every QoS 1 and 2 publish that is confirmed for [`Session::take_confirmed`].
    pub report_confirmed: bool,
    /// Where packet identifiers begin when the server has a session that this process knows nothing of:
    /// the server may still hold identifiers of an earlier process.
    pub resumed_identifiers_from: u16,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            client_id: ByteString::new(),
            clean_start: true,
            session_expiry: 0,
            keep_alive: 60,
            will: None,
            connect_properties: Properties::new(),
            disconnect_properties: Properties::new(),
            max_inflight: 20,
            ack_timeout: Duration::ZERO,
            close_proves: false,
            downgrade_qos: false,
            trace: false,
            report_confirmed: false,
            resumed_identifiers_from: 0,
        }
    }
}

/// User name and password for one connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// The user name.
    pub user_name: Option<ByteString>,
    /// The password.
    pub password: Option<Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Offline,
    /// CONNECT is out.
    Connecting,
    /// CONNACK is in.
    Connected,
    /// DISCONNECT is out: nothing is sent any more ([MQTT-3.14.4-1]).
    Closing,
}

/// A client's session.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    version: Version,
    phase: Phase,
    /// How many CONNACK packets accepted a connection.
    connections: u64,
    /// The last of them said that the server has a session.
    resumed: bool,
    limits: ServerLimits,
    keep_alive: KeepAlive,
    assigned_client_id: Option<ByteString>,
    outbox: WriteBuffer,
    events: VecDeque<Event>,
    /// Tickets that were confirmed, in the order of the answers.
    confirmed: VecDeque<u64>,
    ledger: Ledger,
    // Publishing.
    pending: VecDeque<Pending>,
    flows: FlowTable,
    /// Every flow before this number has been sent on this connection.
    resend: u64,
    /// QoS 1 and 2 publishes that are unacknowledged on this connection.
    inflight: usize,
    /// What is asked on this connection and not answered.
    asking: Asking,
    /// The last connection ended because the server broke the protocol.
    violated: bool,
    /// Faults of the server that were reported.
    tolerated: Vec<Tolerated>,
    /// QoS 0 messages since the server last proved that it had read everything before.
    unproved: u64,
    /// Of those, the ones that stood before the PINGREQ that is out.
    unproved_before_ping: u64,
    /// How many bytes will have left the outbox once the PINGREQ that waits in it is out.
    ping_ends_at: Option<u64>,
    aliases: HashMap<u16, TopicName>,
    // Subscribing.
    subscriptions: Vec<(Properties, Vec<Subscription>)>,
    /// How many of them the server's session has been asked for.
    subscribed: usize,
    /// Topic filters that the server has granted on this or an earlier connection.
    granted: HashSet<TopicFilter>,
    unsubscriptions: Vec<(Properties, Vec<TopicFilter>)>,
    incoming: Incoming,
}

fn violation(what: impl Into<String>) -> SessionError {
    SessionError::Violation { what: what.into(), reason: ReasonCode::PROTOCOL_ERROR }
}

fn increment(count: &mut u64) {
    *count = count.saturating_add(1);
}

impl Session {
    /// A session without a connection. `now` starts the timers.
    #[must_use]
    pub fn new(options: SessionOptions, now: Instant) -> Self {
        Self {
            keep_alive: KeepAlive::new(options.keep_alive, now),
            options,
            version: Version::V5,
            phase: Phase::Offline,
            connections: 0,
            resumed: false,
            limits: ServerLimits::unstated(),
            assigned_client_id: None,
            outbox: WriteBuffer::new(),
            events: VecDeque::new(),
            confirmed: VecDeque::new(),
            ledger: Ledger::default(),
            pending: VecDeque::new(),
            flows: FlowTable::default(),
            resend: 0,
            inflight: 0,
            asking: Asking::default(),
            violated: false,
            tolerated: Vec::new(),
            unproved: 0,
            unproved_before_ping: 0,
            ping_ends_at: None,
            aliases: HashMap::new(),
            subscriptions: Vec::new(),
            subscribed: 0,
            granted: HashSet::new(),
            unsubscriptions: Vec::new(),
            incoming: Incoming::default(),
        }
    }

    // ---- A connection begins and ends ----------------------------------------------------------------

    /// The client identifier in use: the one that the server assigned, where it did.
    #[must_use]
    pub fn client_id(&self) -> ByteString {
        self.assigned_client_id.clone().unwrap_or_else(|| self.options.client_id.clone())
    }

    /// The connection is gone. What was on it without an outcome stays in the ledger; QoS 0 messages
    /// whose fate nobody can know leave it as unknown.
    pub fn lost(&mut self) {
        self.phase = Phase::Offline;
        self.outbox.clear();
        self.outbox.release();
        self.ping_ends_at = None;
        let count = std::mem::take(&mut self.unproved);
        self.unproved_before_ping = 0;
        self.unknown(count, UnknownWhy::Unproved);
        self.asking.connect();
    }

    /// The server closed the connection in answer to our DISCONNECT.
    pub fn closed_in_order(&mut self) {
        if self.options.close_proves {
            self.prove(self.unproved);
        }
        self.lost();
    }

    /// Sends a PINGREQ behind what was published at QoS 0, whose PINGRESP proves that the server has read it all. Does
    /// nothing when all is proved, or such a PINGREQ is out already.
    pub fn ask_for_proof(&mut self, now: Instant) {
        if self.phase == Phase::Connected && self.unproved > 0 && self.unproved_before_ping < self.unproved {
            self.ask_by_ping(now);
        }
    }

    /// Sends a PINGREQ whose answer is reported as [`Event::Probed`]: the server has come as far as everything that was sent
    /// before. Does nothing without a connection.
    pub fn probe(&mut self, now: Instant) {
        if self.phase == Phase::Connected {
            self.asking.probe = true;
            self.ask_by_ping(now);
        }
    }

    fn ask_by_ping(&mut self, now: Instant) {
        self.asked(self.is_answered());
        self.asking.proof = true;
        self.ping(now);
        self.asked(false);
    }

    /// Sends a PINGREQ.
    fn ping(&mut self, now: Instant) {
        self.keep_alive.ping(now);
        self.unproved_before_ping = self.unproved;
        let _ = self.send(Packet::PingReq);
        self.ping_ends_at = Some(self.outbox.end());
    }

    /// Writes DISCONNECT; nothing is sent after it. Does nothing without a connection. 3.x has no DISCONNECT
    /// but the one that discards the will: for any other reason nothing is written, and the end of the
    /// connection alone tells the server.
    pub fn disconnect(&mut self, reason: ReasonCode) {
        let properties = match (self.version, self.phase) {
            (_, Phase::Offline | Phase::Closing) => return,
            (Version::V5, Phase::Connected) => self.options.disconnect_properties.clone(),
            _ => Properties::new(),
        };
        // Without the properties where they do not fit: they are less than an end in order.
        if self.send(Packet::Disconnect(Disconnect { reason, properties })).is_err() {
            let _ = self.send(Packet::Disconnect(Disconnect { reason, properties: Properties::new() }));
        }
        self.phase = Phase::Closing;
    }

    // ---- What is safe ------------------------------------------------------------------------------------

    /// Acknowledges every delivery up to and including this number: they are safe now.
    pub fn acknowledge(&mut self, delivery: u64) {
        let online = self.phase == Phase::Connected;
        let (version, trace) = (self.version, self.options.trace);
        let (outbox, events) = (&mut self.outbox, &mut self.events);
        self.incoming.acknowledge(delivery, |kind, packet_id| {
            if online {
                codec::encode_ack(kind, packet_id, ReasonCode::SUCCESS, version, outbox);
                if trace {
                    events.push_back(Event::Sent(Box::new(ack_packet(kind, packet_id, ReasonCode::SUCCESS))));
                }
            }
        });
    }

    // ---- What comes in -------------------------------------------------------------------------------

    /// Takes a packet from the server.
    ///
    /// # Errors
    /// Why the connection has to end. Where the server is to be reported, DISCONNECT is already in the outbox.
    pub fn handle(&mut self, packet: Packet, now: Instant) -> Result<(), SessionError> {
        if self.options.trace {
            self.events.push_back(Event::Received(Box::new(packet.clone())));
        }
        let result = self.dispatch(packet, now);
        if let Err(error) = &result {
            self.tell(error);
        }
        result
    }

    /// Tells the server why the connection ends, in MQTT 5 and once it has accepted it (4.13).
    pub fn tell(&mut self, error: &SessionError) {
        if let Some(reason) = error.disconnect_reason()
            && self.version == Version::V5
            && self.phase == Phase::Connected
        {
            self.disconnect(reason);
        }
    }

    fn dispatch(&mut self, packet: Packet, now: Instant) -> Result<(), SessionError> {
        if self.phase == Phase::Connecting {
            return match packet {
                Packet::ConnAck(connack) => self.connack(connack, now),
                Packet::Auth(auth) => Err(self.auth(&auth)),
                other => Err(violation(format!("{} came before CONNACK", other.name()))),
            };
        }
        match packet {
            Packet::Publish(publish) => self.arrive(publish),
            Packet::PubAck(ack) => {
                self.check_listed(Place::PubAck, ack.reason);
                self.puback(&ack, now)
            }
            Packet::PubRec(ack) => {
                self.check_listed(Place::PubRec, ack.reason);
                self.pubrec(&ack, now)
            }
            Packet::PubRel(ack) => self.pubrel(&ack),
            Packet::PubComp(ack) => self.pubcomp(&ack, now),
            Packet::SubAck(suback) => self.suback(suback, now),
            Packet::UnsubAck(unsuback) => self.unsuback(unsuback, now),
            Packet::PingResp => {
                if self.keep_alive.pong() {
                    self.prove(self.unproved_before_ping);
                    if std::mem::take(&mut self.asking.proof) {
                        self.answered(now);
                    }
                    if std::mem::take(&mut self.asking.probe) {
                        self.events.push_back(Event::Probed);
                    }
                }
                Ok(())
            }
            Packet::Disconnect(disconnect) => Err(SessionError::Disconnected {
                reason: disconnect.reason,
                reason_string: disconnect.properties.reason_string().cloned(),
                server_reference: disconnect.properties.server_reference().cloned(),
            }),
            Packet::Auth(auth) => Err(self.auth(&auth)),
            other => Err(violation(format!("{} came, which has no place here", other.name()))),
        }
    }

    /// Says once that a refusal has a reason code which is not one of its packet.
    fn check_listed(&mut self, place: Place, reason: ReasonCode) {
        if reason.is_error() && !codec::is_listed(place, reason) {
            self.tolerate(Tolerated::UnlistedReasonCode);
        }
    }

    fn arrive(&mut self, mut publish: Publish) -> Result<(), SessionError> {
        if self.phase != Phase::Connected {
            return Ok(());
        }
        let arrival = self.incoming.arrive(&mut publish)?;
        if let Some(fault) = self.incoming.take_fault() {
            self.tolerate(fault);
        }
        match arrival {
            PublishHandling::Deliver(delivery) => self.events.push_back(Event::Message { publish, delivery }),
            PublishHandling::AcknowledgeAgain(packet_id) => {
                self.send_ack(AckKind::PubRec, packet_id, ReasonCode::SUCCESS)
            }
            PublishHandling::Ignore => {}
        }
        Ok(())
    }

    fn pubrel(&mut self, ack: &Ack) -> Result<(), SessionError> {
        let reason = if self.incoming.release(ack.packet_id)? {
            ReasonCode::SUCCESS
        } else {
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
        };
        self.send_ack(AckKind::PubComp, ack.packet_id, reason);
        Ok(())
    }

    // ---- Time ----------------------------------------------------------------------------------------

    /// When [`Self::timeout`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected => match (self.keep_alive.deadline(), self.answer_due()) {
                (Some(alive), Some(answer)) => Some(alive.min(answer)),
                (alive, answer) => alive.or(answer),
            },
            _ => None,
        }
    }

    /// Does what is due: PINGREQ, or the end of a connection whose server is silent or does not answer.
    ///
    /// # Errors
    /// [`SessionError::Stalled`] and [`SessionError::Unanswered`].
    pub fn timeout(&mut self, now: Instant) -> Result<(), SessionError> {
        if self.phase != Phase::Connected {
            return Ok(());
        }
        if self.answer_due().is_some_and(|due| now >= due) {
            return Err(self.no_answer());
        }
        match self.keep_alive.due(now) {
            Due::Nothing => Ok(()),
            Due::Dead => Err(SessionError::Stalled { keep_alive: self.keep_alive.interval() }),
            Due::Ping => {
                self.ping(now);
                Ok(())
            }
        }
    }

    /// Bytes were read from the connection.
    pub fn bytes_received(&mut self, now: Instant) {
        self.keep_alive.received(now);
    }

    /// The caller does not read: silence of the server means nothing for now.
    pub fn not_reading(&mut self, now: Instant) {
        self.keep_alive.unread(now);
        self.answers_unread(now);
    }

    /// Whether more may be read: a server that goes beyond the receive maximum waits until what it has sent is safe.
    #[must_use]
    pub fn wants_reading(&self) -> bool {
        !self.incoming.is_overrun()
    }

    /// Bytes were written to the connection.
    pub fn bytes_sent(&mut self, now: Instant) {
        self.keep_alive.sent(now);
        self.requests_taken(now);
        if let Some(end) = self.ping_ends_at {
            // A PINGREQ behind a large publish on a slow link: nobody can answer it yet.
            self.keep_alive.ping_waits(now);
            if self.outbox.taken() >= end {
                self.ping_ends_at = None;
            }
        }
    }

    // ---- What goes out -------------------------------------------------------------------------------

    /// The bytes to write. Written bytes are taken off with `advance`.
    pub fn outbox(&mut self) -> &mut WriteBuffer {
        &mut self.outbox
    }

    /// The oldest report.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next ticket of a QoS 1 or 2 publish that was confirmed, with [`SessionOptions::report_confirmed`].
    pub fn take_confirmed(&mut self) -> Option<u64> {
        self.confirmed.pop_front()
    }

    /// Whether there are reports.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn send_ack(&mut self, kind: AckKind, packet_id: PacketId, reason: ReasonCode) {
        if self.phase != Phase::Connected {
            return;
        }
        codec::encode_ack(kind, packet_id, reason, self.version, &mut self.outbox);
        if self.options.trace {
            self.trace(ack_packet(kind, packet_id, reason));
        }
    }

    /// Writes a packet that is no PUBLISH and no acknowledgement.
    ///
    /// # Errors
    /// Why it cannot be sent, in words; nothing was written.
    fn send(&mut self, packet: Packet) -> Result<(), String> {
        let mut bytes = WriteBuffer::new();
        codec::encode(&packet, self.version, &mut bytes).map_err(|error| error.to_string())?;
        let allowed = match self.phase {
            Phase::Connected => self.limits.maximum_packet_size,
            _ => usize::MAX,
        };
        // [MQTT-3.2.2-15]
        if bytes.len() > allowed {
            return Err(format!("the packet has {} bytes, the broker allows {allowed}", bytes.len()));
        }
        while !bytes.is_empty() {
            let chunk = bytes.chunk();
            self.outbox.put_slice(chunk);
            let length = chunk.len();
            bytes.advance(length);
        }
        self.trace(packet);
        Ok(())
    }

    fn trace(&mut self, packet: Packet) {
        if self.options.trace {
            self.events.push_back(Event::Sent(Box::new(packet)));
        }
    }

    // ---- Facts ---------------------------------------------------------------------------------------
}

fn ack_packet(kind: AckKind, packet_id: PacketId, reason: ReasonCode) -> Packet {
    let ack = Ack::new(packet_id, reason);
    match kind {
        AckKind::PubAck => Packet::PubAck(ack),
        AckKind::PubRec => Packet::PubRec(ack),
        AckKind::PubRel => Packet::PubRel(ack),
        AckKind::PubComp => Packet::PubComp(ack),
    }
}
