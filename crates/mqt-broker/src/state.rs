//! The core of the dev broker, without IO and without a clock: who is connected, from CONNECT to the end.
//!
//! Packets and the time go in; encoded packets wait in the output of each connection until
//! [`Broker::take_output`] fetches them. What packets do is in `receive`, where messages go in `route`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use mqt_process::random::Random;
use mqt_proto::codec::encode;
use mqt_proto::packet::{ConnAck, Connect, Disconnect};
use mqt_proto::{Packet, Property, PropertyKind, ReasonCode, Version, WriteBuffer};

use super::counters::{Counters, SYS_INTERVAL};
use super::holdings::Holdings;
use super::options::{Activity, BrokerOptions};
use super::retained::Retained;
use super::session::{BrokerSession, Connection, KeptWill, NEVER};
use super::shared::Groups;
use super::slab::{ConnectionId, SessionKey, Slab};
use super::topics::{Matches, SubscriptionTree};

/// The largest packet that MQTT allows, fixed header included, in bytes.
pub(crate) const LARGEST_PACKET: u32 = 268_435_460;

/// When there is no room in the memory, no more than this many bytes wait for a client that reads slowly.
const LEAST_OUTPUT: usize = 64 * 1024;

/// What a connection is to do after its output was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputFlow {
    /// False: write what is there, then close.
    pub is_open: bool,
    /// So much waits to be written that nothing more is to be read.
    pub is_congested: bool,
}

/// All state of the broker.
#[derive(Debug)]
pub struct Broker {
    pub(super) options: BrokerOptions,
    pub(super) sessions: Slab<SessionKey, BrokerSession>,
    pub(super) connections: Slab<ConnectionId, Connection>,
    pub(super) tree: SubscriptionTree,
    pub(super) groups: Groups,
    pub(super) retained: Retained,
    pub(super) holdings: Holdings,
    pub(super) counters: Counters,
    pub(super) started: Instant,
    /// What matched the topic of the last message; most messages have the topic of the one before.
    pub(super) matches: Matches,
    pub(super) matched_topic: String,
    clients: HashMap<ByteString, SessionKey>,
    woken: Vec<ConnectionId>,
    sys_at: Instant,
    next_tick: Instant,
    is_rescheduled: bool,
    told_full: bool,
    random: Random,
}

impl Broker {
    /// A broker without clients. `seed` goes into the client identifiers that it assigns.
    #[must_use]
    pub fn new(options: BrokerOptions, seed: u64, now: Instant) -> Self {
        let holdings = Holdings::new(options.limits.memory);
        Self {
            options,
            sessions: Slab::default(),
            connections: Slab::default(),
            tree: SubscriptionTree::new(&holdings),
            groups: Groups::default(),
            retained: Retained::new(&holdings),
            holdings,
            counters: Counters::default(),
            started: now,
            matches: Matches::default(),
            matched_topic: String::new(),
            clients: HashMap::new(),
            woken: Vec::new(),
            sys_at: now,
            next_tick: now,
            is_rescheduled: false,
            told_full: false,
            random: Random::new(seed),
        }
    }

    /// Goes on under other options; sessions and retained messages stay. For a broker that is restarted.
    pub(super) fn set_options(&mut self, options: BrokerOptions) {
        self.holdings.set_limit(options.limits.memory);
        self.told_full = false;
        self.options = options;
    }

    /// The sum of what is held, for what the connections hold themselves.
    pub(super) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Says once that the memory was full.
    pub(super) fn tell_full(&mut self) {
        if !self.told_full && self.holdings.was_short() {
            self.told_full = true;
            if let Some(on_full) = &self.options.on_full {
                on_full();
            }
        }
    }

    /// How many encoded bytes may wait for a client.
    pub(super) fn output_limit(&self) -> usize {
        let limit = self.options.limits.output_bytes;
        if limit <= LEAST_OUTPUT || self.holdings.has_room(0) { limit } else { LEAST_OUTPUT }
    }

    /// How many clients are connected.
    pub(super) fn connected(&self) -> usize {
        self.connections.iter().filter(|(_, connection)| connection.session.is_some()).count()
    }

    /// Bytes were read from a client: it is alive, even if they are only part of a long packet.
    pub fn heard(&mut self, id: ConnectionId, bytes: usize, now: Instant) {
        self.count_received(bytes);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.heard_at = now;
        }
    }

    /// Counts bytes that came before a connection was let in.
    pub fn count_received(&mut self, bytes: usize) {
        self.counters.bytes_received += bytes as u64;
    }

    /// The first packet of a connection. The answer is in its output, a refusal too; `peer` is for
    /// [`Activity`] only.
    pub fn connect(&mut self, connect: Connect, peer: &str, now: Instant) -> ConnectionId {
        self.counters.messages_received += 1;
        let version = connect.version;
        let client_id = ByteString::from(&*connect.client_id);
        if self.options.observer.is_some() {
            let packet = Packet::Connect(Box::new(connect.clone()));
            self.observe(|| Activity::Received { client_id: &client_id, packet: &packet });
        }
        match self.admit(&connect) {
            Ok(()) => self.accept(connect, client_id, peer, now),
            Err(reason) => {
                self.observe(|| Activity::Refused { client_id: &client_id, peer, reason });
                let id = self.connections.insert(Connection::new(
                    None,
                    client_id.clone(),
                    version,
                    now,
                    &self.holdings,
                ));
                self.send(id, &refusal(reason, version));
                self.wake(id);
                id
            }
        }
    }

    /// Who is let in ([MQTT-3.1.4-2]).
    fn admit(&self, connect: &Connect) -> Result<(), ReasonCode> {
        if connect.properties.contains(PropertyKind::AuthenticationMethod) {
            return Err(ReasonCode::BAD_AUTHENTICATION_METHOD);
        }
        let is_nameless = connect.client_id.is_empty();
        // 3.1 has no empty client identifiers; 3.1.1 only with a clean session ([MQTT-3.1.3-8]).
        if is_nameless
            && (connect.version == Version::V31 || connect.version == Version::V311 && !connect.clean_start)
        {
            return Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
        }
        if let Some(users) = &self.options.password_file {
            match (&connect.user_name, &connect.password) {
                (None, _) if self.options.allow_anonymous => {}
                (None, _) => return Err(ReasonCode::NOT_AUTHORIZED),
                (Some(user), password) => {
                    let password = password.as_ref().map_or(&b""[..], |password| password.expose());
                    if !users.accepts(user, password) {
                        return Err(ReasonCode::BAD_USER_NAME_OR_PASSWORD);
                    }
                }
            }
        }
        let is_known = self.clients.contains_key(&connect.client_id);
        if !is_known && self.sessions.len() >= self.options.limits.sessions {
            return Err(ReasonCode::QUOTA_EXCEEDED);
        }
        let will = connect.will.as_ref().map_or(0, |will| will.message.held_bytes());
        let cost = will + if is_known { 0 } else { BrokerSession::cost(&connect.client_id) };
        // Anyone who comes back to its session for what waits there is let in also when there is no room.
        if cost != 0 && !self.holdings.has_room(cost) {
            return Err(ReasonCode::QUOTA_EXCEEDED);
        }
        Ok(())
    }

    fn accept(&mut self, connect: Connect, given: ByteString, peer: &str, now: Instant) -> ConnectionId {
        let version = connect.version;
        let client_id = if given.is_empty() { self.assign_client_id() } else { given.clone() };
        if let Some(old) = self.session_of(&client_id).and_then(|(_, session)| session.connection) {
            self.disconnect(old, ReasonCode::SESSION_TAKEN_OVER, now);
        }
        let mut present = self.session_of(&client_id).map(|(key, _)| key);
        if connect.clean_start
            && let Some(key) = present.take()
        {
            self.end_session(key, now);
        }
        let limits = &self.options.limits;
        let asked = match version {
            Version::V5 => connect.properties.session_expiry_interval().copied().unwrap_or(0),
            Version::V31 | Version::V311 if connect.clean_start => 0,
            Version::V31 | Version::V311 => NEVER,
        };
        let expiry = asked.min(limits.session_expiry);
        let key = present.unwrap_or_else(|| {
            let key = self.sessions.insert(BrokerSession::new(client_id.clone(), expiry, &self.holdings));
            self.clients.insert(client_id.clone(), key);
            key
        });
        let mut connection = Connection::new(Some(key), client_id.clone(), version, now, &self.holdings);
        connection.window = limits.max_inflight.max(1);
        connection.may_expire_later = asked != 0;
        connection.will = connect.will.as_ref().map(|will| KeptWill::new(will, &self.holdings));
        connection.silence =
            (connect.keep_alive != 0).then(|| Duration::from_millis(u64::from(connect.keep_alive) * 1500));
        if let Some(receive_maximum) = connect.properties.receive_maximum() {
            connection.window = connection.window.min((*receive_maximum).max(1));
        }
        if let Some(size) = connect.properties.maximum_packet_size() {
            connection.max_packet_size = *size;
        }
        let deadline = connection.deadline();
        let mut answer = ConnAck { session_present: present.is_some(), ..ConnAck::default() };
        if version == Version::V5 {
            let mut add = |property| answer.properties.push(property);
            if expiry != asked {
                add(Property::SessionExpiryInterval(expiry));
            }
            if limits.receive_maximum != u16::MAX {
                add(Property::ReceiveMaximum(limits.receive_maximum));
            }
            if limits.max_packet_size < LARGEST_PACKET {
                add(Property::MaximumPacketSize(limits.max_packet_size));
            }
            if given.is_empty() {
                add(Property::AssignedClientIdentifier(client_id.clone()));
            }
            if limits.topic_alias_maximum != 0 {
                add(Property::TopicAliasMaximum(limits.topic_alias_maximum));
            }
        }
        let id = self.connections.insert(connection);
        if let Some(session) = self.sessions.get_mut(key) {
            session.connection = Some(id);
            session.expiry = expiry;
            session.ends_at = None;
            // [MQTT-3.1.3-9]
            session.will = None;
        }
        self.counters.clients_maximum = self.counters.clients_maximum.max(self.connected());
        let session_present = present.is_some();
        self.observe(|| Activity::Connected { client_id: &client_id, peer, version, session_present });
        if !self.send(id, &Packet::ConnAck(answer)) {
            // The client takes no packet as large as this CONNACK.
            self.detach(id, true, now);
            return id;
        }
        if let Some(deadline) = deadline {
            self.schedule(deadline);
        }
        self.resume(key, now);
        id
    }

    fn session_of(&self, client_id: &ByteString) -> Option<(SessionKey, &BrokerSession)> {
        let key = self.clients.get(client_id).copied()?;
        self.sessions.get(key).map(|session| (key, session))
    }

    /// A client identifier that nobody has ([MQTT-3.2.2-16]).
    fn assign_client_id(&mut self) -> ByteString {
        loop {
            let client_id = ByteString::from(format!("auto-{:016x}", self.random.bits()));
            if !self.clients.contains_key(&client_id) {
                return client_id;
            }
        }
    }

    /// The connection is closed: without a DISCONNECT the will is published ([MQTT-3.1.2-8]). The id must
    /// not be used again.
    pub fn closed(&mut self, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.connections.get(id)
            && connection.session.is_some()
        {
            self.observe(|| Activity::Disconnected { client_id: &connection.client_id, reason: None });
            self.detach(id, true, now);
        }
        self.connections.remove(id);
    }

    /// Ends a connection from this side, with a DISCONNECT where the version has one ([MQTT-4.13.1-1]).
    pub fn disconnect(&mut self, id: ConnectionId, reason: ReasonCode, now: Instant) {
        self.say_goodbye(id, reason);
        self.detach(id, true, now);
    }

    fn say_goodbye(&mut self, id: ConnectionId, reason: ReasonCode) {
        let Some(connection) = self.connections.get(id) else { return };
        if connection.session.is_none() {
            return;
        }
        self.observe(|| Activity::Disconnected { client_id: &connection.client_id, reason: Some(reason) });
        if connection.version == Version::V5 {
            self.send(id, &Packet::Disconnect(Disconnect { reason, ..Disconnect::default() }));
        }
    }

    /// Parts a connection from its session. What is in its output is still written.
    pub(super) fn detach(&mut self, id: ConnectionId, publish_will: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Some(key) = connection.session.take() else { return };
        let will = connection.will.take().filter(|_| publish_will);
        self.wake(id);
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.connection = None;
        session.outgoing.interrupt();
        if let Some(will) = will {
            self.leave_will(key, will, now);
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        match session.expiry {
            0 => self.end_session(key, now),
            NEVER => self.hand_on(key, now),
            seconds => {
                session.ends_at = now.checked_add(Duration::from_secs(u64::from(seconds)));
                if let Some(at) = session.ends_at {
                    self.schedule(at);
                }
                self.hand_on(key, now);
            }
        }
    }

    /// Publishes a will, or keeps it until its delay has passed.
    fn leave_will(&mut self, key: SessionKey, mut will: KeptWill, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let delay = will.message.properties.will_delay_interval().copied().unwrap_or(0);
        will.message.properties.remove(PropertyKind::WillDelayInterval);
        match now.checked_add(Duration::from_secs(u64::from(delay))) {
            Some(at) if delay != 0 && session.expiry != 0 => {
                session.will = Some((at, will));
                self.schedule(at);
            }
            _ => self.publish_will(key, will, now),
        }
    }

    /// Publishes a will, which then is no longer held as such: where it is to be kept, it has room.
    fn publish_will(&mut self, key: SessionKey, will: KeptWill, now: Instant) {
        let message = will.into_message();
        self.publish(key, message, now);
    }

    /// Gives what waits for a member of a share group to another one.
    fn hand_on(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let shared = session.outgoing.take_shared(None);
        self.redistribute(shared, now);
    }

    /// Ends a session: its will, if it still waits, is published, its subscriptions go.
    fn end_session(&mut self, key: SessionKey, now: Instant) {
        if let Some((_, will)) = self.sessions.get_mut(key).and_then(|session| session.will.take()) {
            self.publish_will(key, will, now);
        }
        let Some(session) = self.sessions.remove(key) else { return };
        self.clients.remove(&session.client_id);
        for filter in &session.subscriptions {
            self.forget_subscription(filter, key);
        }
        self.redistribute(session.outgoing.into_shared(), now);
    }

    /// Does what is due: keep alives, wills, the end of sessions, `$SYS`.
    pub fn tick(&mut self, now: Instant) {
        let silent: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.deadline().is_some_and(|at| at <= now))
            .map(|(id, _)| id)
            .collect();
        for id in silent {
            self.disconnect(id, ReasonCode::KEEP_ALIVE_TIMEOUT, now);
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let wills: Vec<SessionKey> = self
            .sessions
            .iter()
            .filter(|(_, session)| is_due(session.will.as_ref().map(|(at, _)| *at)))
            .map(|(key, _)| key)
            .collect();
        for key in wills {
            if let Some((_, will)) = self.sessions.get_mut(key).and_then(|session| session.will.take()) {
                self.publish_will(key, will, now);
            }
        }
        let ended: Vec<SessionKey> =
            self.sessions.iter().filter(|(_, session)| is_due(session.ends_at)).map(|(key, _)| key).collect();
        for key in ended {
            self.counters.clients_expired += 1;
            self.end_session(key, now);
        }
        if self.sys_at <= now {
            self.retained.expire(now);
            self.publish_sys(now);
            self.sys_at = now + SYS_INTERVAL;
        }
        let connections = self.connections.iter().filter_map(|(_, connection)| connection.deadline());
        let sessions = self.sessions.iter().flat_map(|(_, session)| {
            session.ends_at.into_iter().chain(session.will.as_ref().map(|(at, _)| *at))
        });
        self.next_tick = connections.chain(sessions).fold(self.sys_at, Instant::min);
        self.is_rescheduled = false;
    }

    /// When [`Self::tick`] is to be called next.
    #[must_use]
    pub fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Whether [`Self::next_tick`] has come nearer since this was last asked.
    pub fn take_rescheduled(&mut self) -> bool {
        std::mem::take(&mut self.is_rescheduled)
    }

    fn schedule(&mut self, at: Instant) {
        if at < self.next_tick {
            self.next_tick = at;
            self.is_rescheduled = true;
        }
    }

    /// Ends every connection because the broker stops. The wills go to sessions that outlive it.
    pub fn shut_down(&mut self, now: Instant) {
        let ids: Vec<ConnectionId> = self.connections.iter().map(|(id, _)| id).collect();
        let mut wills = Vec::new();
        for id in &ids {
            self.say_goodbye(*id, ReasonCode::SERVER_SHUTTING_DOWN);
            if let Some(connection) = self.connections.get_mut(*id)
                && let (Some(key), Some(will)) = (connection.session, connection.will.take())
            {
                wills.push((key, will));
            }
            if let Some(session) = self.connections.get(*id).and_then(|connection| connection.session)
                && let Some(session) = self.sessions.get_mut(session)
            {
                session.connection = None;
                session.outgoing.interrupt();
            }
        }
        for (key, will) in wills {
            self.leave_will(key, will, now);
        }
        for id in ids {
            self.detach(id, false, now);
        }
    }

    /// The connections that have got something to write since this was last asked.
    pub fn take_woken(&mut self, woken: &mut Vec<ConnectionId>) {
        woken.append(&mut self.woken);
    }

    /// Fetches what a connection is to write. `output` must be empty; its memory is used for what comes next.
    pub fn take_output(&mut self, id: ConnectionId, output: &mut WriteBuffer, now: Instant) -> OutputFlow {
        let Some(connection) = self.connections.get_mut(id) else {
            return OutputFlow { is_open: false, is_congested: false };
        };
        connection.is_woken = false;
        if output.is_empty() {
            std::mem::swap(&mut connection.output, output);
            connection.count_output();
            self.counters.bytes_sent += output.len() as u64;
            if let Some(key) = connection.session {
                self.send_queued(key, now);
            }
        }
        let output_limit = self.output_limit();
        let Some(connection) = self.connections.get(id) else {
            return OutputFlow { is_open: false, is_congested: false };
        };
        OutputFlow {
            is_open: connection.session.is_some() || !connection.output.is_empty(),
            is_congested: connection.output.len() >= output_limit.saturating_mul(2),
        }
    }

    pub(super) fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.is_woken
        {
            connection.is_woken = true;
            self.woken.push(id);
        }
    }

    /// Encodes a packet for a connection. False: it is larger than the client takes and was not sent
    /// ([MQTT-3.1.2-24]).
    pub(super) fn send(&mut self, id: ConnectionId, packet: &Packet) -> bool {
        let Some(connection) = self.connections.get_mut(id) else { return false };
        let mut encoded = WriteBuffer::new();
        if encode(packet, connection.version, &mut encoded).is_err()
            || encoded.len() > connection.max_packet_size as usize
        {
            return false;
        }
        let length = encoded.len();
        connection.output.put_bytes(&bytes::Buf::copy_to_bytes(&mut encoded, length));
        connection.count_output();
        self.counters.messages_sent += 1;
        if let (Some(observer), Some(connection)) = (&self.options.observer, self.connections.get(id)) {
            observer(&Activity::Sent { client_id: &connection.client_id, packet });
        }
        self.wake(id);
        true
    }

    pub(super) fn observe<'a>(&self, activity: impl FnOnce() -> Activity<'a>) {
        if let Some(observer) = &self.options.observer {
            observer(&activity());
        }
    }
}

/// A CONNACK that refuses, with the return code that says the same in 3.x.
fn refusal(reason: ReasonCode, version: Version) -> Packet {
    let code = match (version, reason) {
        (Version::V5, reason) => reason.0,
        (_, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION) => 1,
        (_, ReasonCode::CLIENT_IDENTIFIER_NOT_VALID) => 2,
        (_, ReasonCode::BAD_USER_NAME_OR_PASSWORD) => 4,
        (_, ReasonCode::NOT_AUTHORIZED) => 5,
        (_, _) => 3,
    };
    let reason = if version == Version::V5 { reason } else { ReasonCode::from_return_code(code) };
    Packet::ConnAck(ConnAck { reason, code, ..ConnAck::default() })
}
