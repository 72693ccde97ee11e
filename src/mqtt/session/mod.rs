//! The sans-IO session of a client: every QoS flow, limit and timer of a client, without IO and clock.
//!
//! Packets and the time go in through [`Session::handle`] and [`Session::timeout`]; bytes to write come out
//! of [`Session::outbox`] and reports out of [`Session::take_event`]. A session lives across connections:
//! [`Session::connect`] begins one, [`Session::lost`] ends it, and whatever is not confirmed then is sent
//! again, with DUP and its identifier when the server kept the session, as new when it did not.

mod event;
mod incoming;
mod keep_alive;
mod ledger;
mod limits;
mod outgoing;
#[cfg(test)]
mod tests;

pub use event::{Event, SessionError};
pub use keep_alive::KeepAlive;
pub use ledger::Ledger;
pub use limits::{Refusal, ServerLimits};

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytestring::ByteString;

use super::codec::{self, AckKind};
use super::packet::{Ack, Auth, ConnAck, Connect, Disconnect, Publish, SubAck, Subscribe, Unsubscribe};
use super::{
    Message, Packet, PacketId, Properties, Property, QoS, ReasonCode, Secret, Subscription, TopicFilter,
    TopicName, Version, Will, WriteBuffer,
};
use incoming::{Arrival, Incoming};
use keep_alive::Due;
use outgoing::{Flow, FlowTable, Pending};

/// Beyond so many bytes in the outbox no further publish is wanted, in bytes.
const OUTBOX_HIGH_WATER: usize = 256 * 1024;

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
    /// enforced as they stand here.
    pub connect_properties: Properties,
    /// Properties of our DISCONNECT.
    pub disconnect_properties: Properties,
    /// How many QoS 1 and 2 publishes may be unacknowledged, at least 1.
    pub max_inflight: u16,
    /// Lower the QoS of a message to what the server supports instead of refusing it.
    pub downgrade_qos: bool,
    /// Report every packet as [`Event::Sent`] or [`Event::Received`].
    pub trace: bool,
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
            downgrade_qos: false,
            trace: false,
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
    ledger: Ledger,
    // Publishing.
    pending: VecDeque<Pending>,
    flows: FlowTable,
    /// The number of the flow that is to be sent again next.
    resend: u64,
    /// QoS 1 and 2 publishes that are unacknowledged on this connection.
    inflight: usize,
    /// QoS 0 messages since the server last proved that it had read everything before.
    unproved: u64,
    /// Of those, the ones that stood before the PINGREQ that is out.
    unproved_before_ping: u64,
    aliases: HashMap<u16, TopicName>,
    // Subscribing.
    subscriptions: Vec<(Properties, Vec<Subscription>)>,
    /// How many of them the server's session has been asked for.
    subscribed: usize,
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
            ledger: Ledger::default(),
            pending: VecDeque::new(),
            flows: FlowTable::default(),
            resend: 0,
            inflight: 0,
            unproved: 0,
            unproved_before_ping: 0,
            aliases: HashMap::new(),
            subscriptions: Vec::new(),
            subscribed: 0,
            unsubscriptions: Vec::new(),
            incoming: Incoming::default(),
        }
    }

    // ---- A connection begins and ends ----------------------------------------------------------------

    /// A network connection stands: writes CONNECT.
    ///
    /// # Errors
    /// When the options make no CONNECT of this version (a text that is too long, say).
    pub fn connect(
        &mut self,
        version: Version,
        credentials: Credentials,
        now: Instant,
    ) -> Result<(), codec::EncodeError> {
        self.version = version;
        self.outbox.clear();
        self.keep_alive = KeepAlive::new(self.options.keep_alive, now);
        let own = &self.options.connect_properties;
        self.incoming.connect(
            own.receive_maximum().copied().unwrap_or(u16::MAX),
            own.topic_alias_maximum().copied().unwrap_or(0),
        );
        let mut properties = Properties::new();
        if version == Version::V5 {
            properties = own.clone();
            if self.options.session_expiry > 0 && properties.session_expiry_interval().is_none() {
                properties.push(Property::SessionExpiryInterval(self.options.session_expiry));
            }
        }
        let mut will = self.options.will.clone();
        if let Some(will) = will.as_mut().filter(|_| version != Version::V5) {
            will.message.properties = Properties::new();
        }
        let connect = Connect {
            version,
            clean_start: self.clean_start(),
            keep_alive: self.options.keep_alive,
            properties,
            client_id: self.client_id(),
            will,
            user_name: credentials.user_name,
            password: credentials.password,
        };
        self.phase = Phase::Connecting;
        self.send(Packet::Connect(Box::new(connect)))
    }

    /// Whether CONNECT asks for a clean start. Once a session with an expiry is established, a reconnect
    /// continues it.
    fn clean_start(&self) -> bool {
        let expires_at_once = self.version == Version::V5
            && self.options.session_expiry == 0
            && self.options.connect_properties.session_expiry_interval().is_none_or(|seconds| *seconds == 0);
        let persistent = self.version == Version::V5 && !expires_at_once;
        self.options.clean_start && !(self.connections > 0 && persistent)
    }

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
        if self.unproved > 0 {
            let count = std::mem::take(&mut self.unproved);
            self.unproved_before_ping = 0;
            self.ledger.unknown = self.ledger.unknown.saturating_add(count);
            self.events.push_back(Event::Unknown { count });
        }
    }

    /// The server closed the connection in answer to our DISCONNECT, everything before it was read.
    pub fn closed_in_order(&mut self) {
        self.prove(self.unproved);
        self.phase = Phase::Offline;
    }

    /// Writes DISCONNECT; nothing is sent after it. Does nothing without a connection.
    pub fn disconnect(&mut self, reason: ReasonCode) {
        if !matches!(self.phase, Phase::Connecting | Phase::Connected) {
            return;
        }
        let properties = match (self.version, self.phase) {
            (Version::V5, Phase::Connected) => self.options.disconnect_properties.clone(),
            _ => Properties::new(),
        };
        // A DISCONNECT without properties and of a listed reason always encodes.
        if self.send(Packet::Disconnect(Disconnect { reason, properties })).is_err() {
            let _ = self.send(Packet::Disconnect(Disconnect { reason, properties: Properties::new() }));
        }
        self.phase = Phase::Closing;
    }

    // ---- Requests ------------------------------------------------------------------------------------

    /// Enters a publish into the ledger and sends it as soon as the window and the connection allow.
    /// Returns its ticket: the number of publishes so far. Never refuses; a refusal comes as
    /// [`Event::Refused`]. Ask [`Self::wants_publish`] first to keep memory bounded.
    pub fn publish(&mut self, message: Message) -> u64 {
        increment(&mut self.ledger.asked);
        let ticket = self.ledger.asked;
        if self.pending.is_empty() && self.may_send(message.qos) {
            self.transmit(ticket, message, false);
        } else {
            self.pending.push_back(Pending { ticket, message, again: false });
        }
        ticket
    }

    /// Whether another publish can be sent at once: connected, a free place in the window, room in the outbox.
    #[must_use]
    pub fn wants_publish(&self) -> bool {
        self.pending.is_empty() && self.outbox.len() < OUTBOX_HIGH_WATER && self.may_send(QoS::AtLeastOnce)
    }

    /// Subscribes now, and again whenever the server has lost the session.
    /// The answer comes as [`Event::Subscribed`].
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>, properties: Properties) {
        self.subscriptions.push((properties, subscriptions));
        if self.phase == Phase::Connected {
            self.send_subscriptions();
        }
    }

    /// Unsubscribes now, or after the next CONNACK. The answer comes as [`Event::Unsubscribed`].
    pub fn unsubscribe(&mut self, filters: Vec<TopicFilter>, properties: Properties) {
        if self.phase == Phase::Connected {
            self.send_unsubscribe(properties, filters);
        } else {
            self.unsubscriptions.push((properties, filters));
        }
    }

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
    /// Why the connection has to end. Where the server is to be told, DISCONNECT is in the outbox already.
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
            Packet::PubAck(ack) => self.puback(ack),
            Packet::PubRec(ack) => self.pubrec(ack),
            Packet::PubRel(ack) => self.pubrel(&ack),
            Packet::PubComp(ack) => self.pubcomp(ack),
            Packet::SubAck(suback) => self.suback(suback),
            Packet::UnsubAck(unsuback) => self.unsuback(unsuback),
            Packet::PingResp => {
                if self.keep_alive.pong() {
                    self.prove(self.unproved_before_ping);
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

    fn connack(&mut self, connack: ConnAck, now: Instant) -> Result<(), SessionError> {
        if connack.reason != ReasonCode::SUCCESS {
            return Err(SessionError::Refused {
                reason: connack.reason,
                code: connack.code,
                version: self.version,
                reason_string: connack.properties.reason_string().cloned(),
                server_reference: connack.properties.server_reference().cloned(),
            });
        }
        // From here on the server may be told about a violation.
        self.phase = Phase::Connected;
        if connack.session_present && self.clean_start() {
            // [MQTT-3.2.2-4]
            return Err(violation("CONNACK says session present after a clean start"));
        }
        self.limits = ServerLimits::from_connack(&connack.properties);
        if let Some(seconds) = connack.properties.server_keep_alive() {
            self.keep_alive = KeepAlive::new(*seconds, now);
        }
        if let Some(id) = connack.properties.assigned_client_identifier() {
            self.assigned_client_id = Some(id.clone());
        }
        self.aliases.clear();
        self.inflight = 0;
        let first = self.connections == 0;
        increment(&mut self.connections);
        self.resumed = connack.session_present;
        if connack.session_present {
            if first {
                self.flows.start_at(self.options.resumed_identifiers_from);
            }
            self.resend = self.flows.start();
            // The first connection of this process subscribes even so: what the session holds may be older
            // than what is asked for now.
            if first {
                self.subscribed = 0;
            }
        } else {
            // [MQTT-3.2.2-5]
            self.incoming.forget();
            self.requeue();
            self.subscribed = 0;
        }
        self.send_subscriptions();
        self.events.push_back(Event::Connected(Box::new(connack)));
        for (properties, filters) in std::mem::take(&mut self.unsubscriptions) {
            self.send_unsubscribe(properties, filters);
        }
        self.pump();
        Ok(())
    }

    /// The server has no session: every publish without an outcome is published anew, in order.
    fn requeue(&mut self) {
        for flow in self.flows.take_all().into_iter().rev() {
            match flow {
                Flow::Publish { ticket, message, .. } => {
                    self.pending.push_front(Pending { ticket, message, again: true });
                }
                Flow::Unsubscribe(request) => {
                    self.unsubscriptions.insert(0, (request.properties, request.filters));
                }
                Flow::Subscribe(_) | Flow::Done => {}
            }
        }
        self.resend = self.flows.end();
    }

    /// Sends the SUBSCRIBE packets that the server's session does not know of.
    fn send_subscriptions(&mut self) {
        let missing: Vec<_> = self.subscriptions.iter().skip(self.subscribed).cloned().collect();
        self.subscribed = self.subscriptions.len();
        for (properties, subscriptions) in missing {
            self.send_subscribe(properties, subscriptions);
        }
    }

    fn auth(&self, auth: &Auth) -> SessionError {
        if self.options.connect_properties.authentication_method().is_none() {
            return violation("AUTH came although no authentication method was offered");
        }
        SessionError::Authentication { method: auth.properties.authentication_method().cloned() }
    }

    fn arrive(&mut self, mut publish: Publish) -> Result<(), SessionError> {
        if self.phase != Phase::Connected {
            return Ok(());
        }
        match self.incoming.arrive(&mut publish)? {
            Arrival::Deliver(delivery) => self.events.push_back(Event::Message { publish, delivery }),
            Arrival::AcknowledgeAgain(packet_id) => {
                self.send_ack(AckKind::PubRec, packet_id, ReasonCode::SUCCESS)
            }
            Arrival::Ignore => {}
        }
        Ok(())
    }

    fn puback(&mut self, ack: Ack) -> Result<(), SessionError> {
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { message, .. }) if message.qos == QoS::AtLeastOnce => {
                self.complete(&ack);
                Ok(())
            }
            Some(_) => Err(violation(format!("PUBACK {} does not belong to a QoS 1 publish", ack.packet_id))),
            // Nothing is open under it: an answer to a publish of an earlier session.
            None => Ok(()),
        }
    }

    fn pubrec(&mut self, ack: Ack) -> Result<(), SessionError> {
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { message, released, .. }) if message.qos == QoS::ExactlyOnce => {
                if ack.reason.is_error() && !*released {
                    // [MQTT-4.3.3-4]: no PUBREL after an error.
                    self.complete(&ack);
                    return Ok(());
                }
                if ack.reason == ReasonCode::NO_MATCHING_SUBSCRIBERS && !*released {
                    increment(&mut self.ledger.unmatched);
                }
                *released = true;
                self.send_ack(AckKind::PubRel, ack.packet_id, ReasonCode::SUCCESS);
                Ok(())
            }
            Some(_) => Err(violation(format!("PUBREC {} does not belong to a QoS 2 publish", ack.packet_id))),
            None if ack.reason.is_error() => Ok(()),
            None => {
                self.send_ack(AckKind::PubRel, ack.packet_id, ReasonCode::PACKET_IDENTIFIER_NOT_FOUND);
                Ok(())
            }
        }
    }

    fn pubcomp(&mut self, ack: Ack) -> Result<(), SessionError> {
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { released: true, .. }) => {
                self.complete(&ack);
                Ok(())
            }
            Some(_) => Err(violation(format!("PUBCOMP {} came before its PUBREL", ack.packet_id))),
            None => Ok(()),
        }
    }

    /// Ends a publish with the server's verdict and sends what waited for its place.
    fn complete(&mut self, ack: &Ack) {
        let Some(Flow::Publish { ticket, message, released }) = self.flows.get_mut(ack.packet_id) else {
            return;
        };
        // PUBCOMP 0x92 after PUBREL: the server had completed it before the connection broke (4.3.3).
        let known = *released && ack.reason == ReasonCode::PACKET_IDENTIFIER_NOT_FOUND;
        if ack.reason.is_error() && !known {
            let event = Event::Refused {
                ticket: *ticket,
                topic: message.topic.as_byte_string().clone(),
                refusal: Refusal::Broker {
                    reason: ack.reason,
                    reason_string: ack.properties.reason_string().cloned(),
                },
            };
            self.events.push_back(event);
            increment(&mut self.ledger.refused);
        } else {
            if ack.reason == ReasonCode::NO_MATCHING_SUBSCRIBERS {
                increment(&mut self.ledger.unmatched);
            }
            increment(&mut self.ledger.confirmed);
        }
        self.flows.finish(ack.packet_id);
        self.inflight = self.inflight.saturating_sub(1);
        if !self.pending.is_empty() || self.resend < self.flows.end() {
            self.pump();
        }
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

    fn suback(&mut self, suback: SubAck) -> Result<(), SessionError> {
        let Some(Flow::Subscribe(request)) = self.flows.get_mut(suback.packet_id) else {
            return Err(violation(format!("SUBACK {} answers no SUBSCRIBE", suback.packet_id)));
        };
        if request.subscriptions.len() != suback.reasons.len() {
            // [MQTT-3.8.4-6]
            return Err(violation(format!(
                "SUBACK has {} reason codes for {} topic filters",
                suback.reasons.len(),
                request.subscriptions.len()
            )));
        }
        let subscriptions = std::mem::take(&mut request.subscriptions);
        self.flows.finish(suback.packet_id);
        self.events.push_back(Event::Subscribed {
            results: subscriptions.into_iter().zip(suback.reasons).collect(),
            reason_string: suback.properties.reason_string().cloned(),
        });
        Ok(())
    }

    fn unsuback(&mut self, unsuback: SubAck) -> Result<(), SessionError> {
        let Some(Flow::Unsubscribe(request)) = self.flows.get_mut(unsuback.packet_id) else {
            return Err(violation(format!("UNSUBACK {} answers no UNSUBSCRIBE", unsuback.packet_id)));
        };
        let filters = std::mem::take(&mut request.filters);
        let mut reasons = unsuback.reasons;
        if self.version == Version::V5 && reasons.len() != filters.len() {
            return Err(violation(format!(
                "UNSUBACK has {} reason codes for {} topic filters",
                reasons.len(),
                filters.len()
            )));
        }
        reasons.resize(filters.len(), ReasonCode::SUCCESS);
        self.flows.finish(unsuback.packet_id);
        self.events.push_back(Event::Unsubscribed { results: filters.into_iter().zip(reasons).collect() });
        Ok(())
    }

    // ---- Time ----------------------------------------------------------------------------------------

    /// When [`Self::timeout`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connected => self.keep_alive.deadline(),
            _ => None,
        }
    }

    /// Does what is due: PINGREQ, or the end of a connection whose server is silent.
    ///
    /// # Errors
    /// [`SessionError::Stalled`].
    pub fn timeout(&mut self, now: Instant) -> Result<(), SessionError> {
        if self.phase != Phase::Connected {
            return Ok(());
        }
        match self.keep_alive.due(now) {
            Due::Nothing => Ok(()),
            Due::Dead => Err(SessionError::Stalled { keep_alive: self.keep_alive.interval() }),
            Due::Ping => {
                self.keep_alive.ping(now);
                self.unproved_before_ping = self.unproved;
                let _ = self.send(Packet::PingReq);
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
    }

    /// Bytes were written to the connection.
    pub fn bytes_sent(&mut self, now: Instant) {
        self.keep_alive.sent(now);
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

    /// Whether there are reports.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn may_send(&self, qos: QoS) -> bool {
        self.phase == Phase::Connected
            && self.resend >= self.flows.end()
            && (qos == QoS::AtMostOnce || (self.inflight < self.window() && self.flows.next_id().is_some()))
    }

    /// How many QoS 1 and 2 publishes may be out ([MQTT-4.9.0-1]).
    fn window(&self) -> usize {
        self.options.max_inflight.min(self.limits.receive_maximum).max(1).into()
    }

    /// Sends what may be sent: first what an earlier connection left behind, in the original order, then
    /// what waits.
    fn pump(&mut self) {
        if self.phase != Phase::Connected {
            return;
        }
        while self.resend < self.flows.end() {
            if !self.send_again() {
                return;
            }
            self.resend = self.resend.saturating_add(1);
        }
        while let Some(next) = self.pending.front() {
            if !self.may_send(next.message.qos) || self.outbox.len() >= OUTBOX_HIGH_WATER {
                return;
            }
            if let Some(Pending { ticket, message, again }) = self.pending.pop_front() {
                self.transmit(ticket, message, again);
            }
        }
    }

    /// Sends what waits, as far as the window and the outbox allow; to be called after bytes were written.
    pub fn fill_outbox(&mut self) {
        if !self.pending.is_empty() {
            self.pump();
        }
    }

    /// Sends the flow at `resend` again; false when the window is full.
    fn send_again(&mut self) -> bool {
        let window = self.window();
        let Some((packet_id, flow)) = self.flows.get(self.resend) else { return true };
        match flow {
            Flow::Done => {}
            Flow::Publish { released: true, .. } => {
                // [MQTT-4.3.3-6]: after PUBREL never PUBLISH again.
                self.inflight = self.inflight.saturating_add(1);
                increment(&mut self.ledger.resent);
                self.send_ack(AckKind::PubRel, packet_id, ReasonCode::SUCCESS);
            }
            Flow::Publish { message, .. } => {
                if self.inflight >= window {
                    return false;
                }
                let message = message.clone();
                self.inflight = self.inflight.saturating_add(1);
                increment(&mut self.ledger.resent);
                if let Err(refusal) = self.write_publish(&message, true, Some(packet_id)) {
                    self.refuse_flow(packet_id, refusal);
                }
            }
            Flow::Subscribe(request) => {
                let packet = Packet::Subscribe(request.clone());
                let _ = self.send(packet);
            }
            Flow::Unsubscribe(request) => {
                let packet = Packet::Unsubscribe(request.clone());
                let _ = self.send(packet);
            }
        }
        true
    }

    /// A publish that the new connection's limits forbid.
    fn refuse_flow(&mut self, packet_id: PacketId, refusal: Refusal) {
        if let Some(Flow::Publish { ticket, message, .. }) = self.flows.get_mut(packet_id) {
            let (ticket, topic) = (*ticket, message.topic.as_byte_string().clone());
            self.flows.finish(packet_id);
            self.inflight = self.inflight.saturating_sub(1);
            self.refuse(ticket, topic, refusal);
        }
    }

    fn refuse(&mut self, ticket: u64, topic: ByteString, refusal: Refusal) {
        increment(&mut self.ledger.refused);
        self.events.push_back(Event::Refused { ticket, topic, refusal });
    }

    /// Puts a new publish on the wire.
    fn transmit(&mut self, ticket: u64, mut message: Message, again: bool) {
        if self.options.downgrade_qos {
            message.qos = message.qos.min(self.limits.maximum_qos);
        }
        let packet_id = match message.qos {
            QoS::AtMostOnce => None,
            _ => self.flows.next_id(),
        };
        if let Err(refusal) = self.write_publish(&message, false, packet_id) {
            self.refuse(ticket, message.topic.as_byte_string().clone(), refusal);
            return;
        }
        increment(if again { &mut self.ledger.resent } else { &mut self.ledger.sent });
        if packet_id.is_some() {
            self.inflight = self.inflight.saturating_add(1);
            self.flows.push(Flow::Publish { ticket, message, released: false });
            self.resend = self.flows.end();
        } else {
            increment(&mut self.unproved);
        }
    }

    fn write_publish(
        &mut self,
        message: &Message,
        dup: bool,
        packet_id: Option<PacketId>,
    ) -> Result<(), Refusal> {
        self.limits.check(message, self.version)?;
        let with_alias = match message.properties.topic_alias() {
            None => None,
            Some(alias) if self.aliases.get(alias) == Some(&message.topic) => {
                Some(Message { topic: TopicName::default(), ..message.clone() })
            }
            Some(alias) => {
                self.aliases.insert(*alias, message.topic.clone());
                None
            }
        };
        let message = with_alias.as_ref().unwrap_or(message);
        codec::encode_publish(message, dup, packet_id, self.version, &mut self.outbox)
            .map_err(|error| Refusal::Unencodable(error.to_string()))?;
        if self.options.trace {
            let publish = Publish { dup, packet_id, message: message.clone() };
            self.events.push_back(Event::Sent(Box::new(Packet::Publish(publish))));
        }
        Ok(())
    }

    fn send_subscribe(&mut self, properties: Properties, subscriptions: Vec<Subscription>) {
        let Some(packet_id) = self.flows.next_id() else { return };
        let properties = if self.version == Version::V5 { properties } else { Properties::new() };
        let request = Subscribe { packet_id, properties, subscriptions };
        if self.send(Packet::Subscribe(request.clone())).is_ok() {
            self.open_flow(Flow::Subscribe(request));
        }
    }

    fn send_unsubscribe(&mut self, properties: Properties, filters: Vec<TopicFilter>) {
        let Some(packet_id) = self.flows.next_id() else { return };
        let properties = if self.version == Version::V5 { properties } else { Properties::new() };
        let request = Unsubscribe { packet_id, properties, filters };
        if self.send(Packet::Unsubscribe(request.clone())).is_ok() {
            self.open_flow(Flow::Unsubscribe(request));
        }
    }

    /// Adds a flow that is on the wire already.
    fn open_flow(&mut self, flow: Flow) {
        let all_sent = self.resend >= self.flows.end();
        self.flows.push(flow);
        if all_sent {
            self.resend = self.flows.end();
        }
    }

    fn send_ack(&mut self, kind: AckKind, packet_id: PacketId, reason: ReasonCode) {
        if self.phase != Phase::Connected {
            return;
        }
        codec::encode_ack(kind, packet_id, reason, self.version, &mut self.outbox);
        if self.options.trace {
            self.events.push_back(Event::Sent(Box::new(ack_packet(kind, packet_id, reason))));
        }
    }

    fn send(&mut self, packet: Packet) -> Result<(), codec::EncodeError> {
        codec::encode(&packet, self.version, &mut self.outbox)?;
        if self.options.trace {
            self.events.push_back(Event::Sent(Box::new(packet)));
        }
        Ok(())
    }

    fn prove(&mut self, count: u64) {
        self.ledger.confirmed = self.ledger.confirmed.saturating_add(count);
        self.unproved = self.unproved.saturating_sub(count);
        self.unproved_before_ping = self.unproved_before_ping.saturating_sub(count);
    }

    // ---- Facts ---------------------------------------------------------------------------------------

    /// The counts of what this session publishes.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Whether every publish has its outcome, but for QoS 0 messages that only wait for the end of the
    /// connection as their proof.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty() && self.ledger.open() == self.unproved
    }

    /// Whether CONNACK is in and DISCONNECT is not out.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether a CONNACK was ever received.
    #[must_use]
    pub fn was_established(&self) -> bool {
        self.connections > 0
    }

    /// How many CONNACK packets accepted a connection.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// Whether the server continued its session at the last CONNACK.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The protocol version of the current or last connection.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the server allows.
    #[must_use]
    pub fn limits(&self) -> &ServerLimits {
        &self.limits
    }

    /// The keep alive in force; zero is off.
    #[must_use]
    pub fn keep_alive(&self) -> std::time::Duration {
        self.keep_alive.interval()
    }

    /// Deliveries that wait for [`Self::acknowledge`], QoS 1 and 2 only.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.incoming.unacknowledged()
    }

    /// How many messages were delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.incoming.delivered()
    }

    /// How many duplicates of QoS 2 messages were held back.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.incoming.duplicates
    }

    /// Answers that subscribes and unsubscribes still wait for.
    #[must_use]
    pub fn has_open_requests(&self) -> bool {
        self.flows.iter().any(|flow| matches!(flow, Flow::Subscribe(_) | Flow::Unsubscribe(_)))
    }
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
