//! Where messages go: retained, to subscribers, to share groups, into queues.

use std::time::Instant;

use mqt_proto::codec::{AckKind, encode_publish, publish_len};
use mqt_proto::packet::Publish;
use mqt_proto::{
    Message, Packet, PacketId, Property, PropertyKind, QoS, ReasonCode, Subscription, TopicFilter, Version,
};

use super::counters::Counters;
use super::options::{Activity, BrokerOptions};
use super::outgoing::{DeliveryTerms, QueuedDelivery};
use super::session::Connection;
use super::shared::Readiness;
use super::slab::{ConnectionId, GroupKey, SessionKey};
use super::state::{Broker, LARGEST_PACKET};
use super::stored::Routed;
use super::sys;
use super::topics::{Matches, TopicSubscriber};

/// A client with this many bytes waiting has fallen behind.
const LONG_OUTPUT: usize = 256 * 1024;

/// A payload of this many bytes or more is not copied into the output, see [`WriteBuffer::put_bytes`].
///
/// [`WriteBuffer::put_bytes`]: mqt_proto::WriteBuffer::put_bytes
const SHARED_PAYLOAD: usize = 16 * 1024;

/// How a PUBLISH goes out.
struct Sending {
    dup: bool,
    packet_id: Option<PacketId>,
}

const FIRST: Sending = Sending { dup: false, packet_id: None };

/// How many of those who subscribed to a message have it now, or had no use for it, and for how many there was
/// no room to keep it.
#[derive(Debug, Default)]
pub(super) struct Reached {
    taken: usize,
    refused: usize,
}

impl Reached {
    fn count(&mut self, outcome: RouteOutcome) {
        match outcome {
            RouteOutcome::Taken => self.taken += 1,
            RouteOutcome::Refused => self.refused += 1,
            RouteOutcome::NoMember => {}
        }
    }
}

/// What became of a message for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RouteOutcome {
    /// It was sent, or is kept for it; or it goes past it, which is no matter of room.
    Taken,
    /// A bound of what is kept does not let it in.
    Refused,
    /// No member of the share group can take it.
    NoMember,
}

impl Broker {
    /// Publishes a message of a session, a will too. The reason is the one for PUBACK or PUBREC.
    pub(super) fn publish(&mut self, publisher: SessionKey, message: Message, now: Instant) -> ReasonCode {
        if sys::is_reserved(&message.topic) {
            self.counters.publish_dropped += 1;
            return ReasonCode::NOT_AUTHORIZED;
        }
        let mut routed = Routed::new(message, now);
        if routed.retain && !self.retain(publisher, &mut routed) {
            self.counters.publish_dropped += 1;
            return ReasonCode::QUOTA_EXCEEDED;
        }
        match self.route(Some(publisher), &mut routed) {
            Reached { taken: 0, refused: 0 } => ReasonCode::NO_MATCHING_SUBSCRIBERS,
            // Nobody has it: the publisher may send it again.
            Reached { taken: 0, .. } => ReasonCode::QUOTA_EXCEEDED,
            _ => ReasonCode::SUCCESS,
        }
    }

    /// Keeps a message as the retained one of its topic, or clears it ([MQTT-3.3.1-5], [MQTT-3.3.1-6]).
    /// False: there is no more room.
    fn retain(&mut self, publisher: SessionKey, routed: &mut Routed) -> bool {
        if routed.message.payload.is_empty() {
            self.retained.clear(&routed.message.topic);
            return true;
        }
        let publisher = self.sessions.get(publisher).map(|session| session.client_id.clone());
        let publisher = publisher.unwrap_or_default();
        let before = self.retained.bytes();
        let (messages, bytes) = self.retained.size_with(&routed.message.topic, routed.cost(), &publisher);
        let limits = &self.options.limits;
        if messages > limits.retained_messages
            || bytes > limits.retained_bytes
            || bytes > before && !self.holdings.has_room(bytes - before)
        {
            return false;
        }
        self.retained.keep(routed.stored(&self.holdings), publisher);
        true
    }

    /// Gives a message to everyone who subscribed to it, once each, and says how many that were.
    pub(super) fn route(&mut self, publisher: Option<SessionKey>, routed: &mut Routed) -> Reached {
        if self.matched_topic != *routed.message.topic {
            self.tree.matches(&routed.message.topic, &mut self.matches);
            self.matched_topic.clear();
            self.matched_topic.push_str(&routed.message.topic);
        }
        let Matches { subscribers, groups } = std::mem::take(&mut self.matches);
        let mut reached = Reached::default();
        for theirs in subscribers.chunk_by(|one, other| one.session == other.session) {
            let wanted = |subscriber: &&TopicSubscriber| {
                !(subscriber.no_local && publisher == Some(subscriber.session))
            };
            if let Some((session, terms)) = merge(theirs.iter().filter(wanted), routed) {
                reached.count(self.deliver(session, routed, terms));
            }
        }
        for group in &groups {
            reached.count(self.deliver_to_one(*group, routed));
        }
        self.matches = Matches { subscribers, groups };
        reached
    }

    /// Forgets what matched the last topic, because subscriptions change.
    pub(super) fn forget_matches(&mut self) {
        self.matched_topic.clear();
    }

    fn deliver_to_one(&mut self, group: GroupKey, routed: &mut Routed) -> RouteOutcome {
        let output_limit = self.output_limit();
        let Self { groups, sessions, connections, options, .. } = self;
        let picked = groups.pick(group, |member| {
            let Some(session) = sessions.get(member.session) else { return Readiness::No };
            let qos = routed.qos.min(member.qos);
            let limits = &options.limits;
            let has_queue = session.outgoing.queue_len() < limits.queue_messages;
            match session.connection.and_then(|id| connections.get(id)) {
                Some(connection) if connection.output.len() < output_limit => {
                    if qos == QoS::AtMostOnce
                        || session.outgoing.is_idle() && session.outgoing.has_room(connection.window)
                    {
                        Readiness::Ready
                    } else if has_queue {
                        Readiness::Busy
                    } else {
                        Readiness::No
                    }
                }
                Some(_) if qos != QoS::AtMostOnce && has_queue => Readiness::Busy,
                None if qos != QoS::AtMostOnce && has_queue => Readiness::Away,
                _ => Readiness::No,
            }
        });
        let Some((member, name)) = picked else {
            self.counters.publish_dropped += 1;
            return RouteOutcome::NoMember;
        };
        match merge([&member], routed) {
            Some((session, mut terms)) => {
                terms.group = Some(name);
                self.deliver(session, routed, terms)
            }
            None => RouteOutcome::Taken,
        }
    }

    /// Gives messages of share groups to other members: the one they were meant for is gone.
    pub(super) fn redistribute(&mut self, deliveries: Vec<QueuedDelivery>, now: Instant) {
        for (stored, terms) in deliveries.into_iter().map(QueuedDelivery::into_parts) {
            let group = terms.group.as_ref().and_then(|name| self.groups.find(name));
            if let Some(group) = group
                && !stored.is_expired(now)
            {
                self.deliver_to_one(group, &mut Routed::again(&stored, now));
            }
        }
    }

    /// Sends the retained messages that a new subscription is owed (3.3.1.3).
    pub(super) fn replay(
        &mut self,
        key: SessionKey,
        subscription: &Subscription,
        identifier: u32,
        now: Instant,
    ) {
        let Some(client_id) = self.sessions.get(key).map(|session| session.client_id.clone()) else { return };
        for kept in self.retained.matching(&subscription.filter, now) {
            if subscription.no_local && kept.publisher == client_id {
                continue;
            }
            let mut routed = Routed::again(&kept.stored, now);
            let identifiers = if identifier == 0 { Vec::new() } else { vec![identifier] };
            let qos = routed.qos.min(subscription.qos);
            self.deliver(key, &mut routed, DeliveryTerms { qos, retain: true, identifiers, group: None });
        }
    }

    /// Takes a subscription out of the tree or its share group, and gives what waited for the share to others.
    pub(super) fn forget_subscription(&mut self, filter: &TopicFilter, key: SessionKey) {
        self.forget_matches();
        if filter.share().is_none() {
            self.tree.unsubscribe(filter, key);
        } else if let Some(group) = self.groups.leave(filter.as_byte_string(), key) {
            self.tree.remove_group(filter.matching_part(), group);
        }
    }

    /// Sends a message to a session, or queues it.
    fn deliver(&mut self, key: SessionKey, routed: &mut Routed, terms: DeliveryTerms) -> RouteOutcome {
        let output_limit = self.output_limit();
        let Self { sessions, connections, options, counters, holdings, .. } = self;
        let limits = &options.limits;
        let Some(session) = sessions.get_mut(key) else { return RouteOutcome::Taken };
        let id = session.connection;
        let mut connection = id.and_then(|id| connections.get_mut(id));
        routed.message.qos = terms.qos;
        routed.message.retain = terms.retain;
        if terms.qos == QoS::AtMostOnce {
            // QoS 0 is not kept for a client that is away.
            let Some(connection) = connection else { return RouteOutcome::Taken };
            if connection.output.len() >= output_limit {
                counters.publish_dropped += 1;
                return RouteOutcome::Taken;
            }
            if connection.output.len() >= LONG_OUTPUT && routed.message.payload.len() >= SHARED_PAYLOAD {
                // It will wait, and must not keep the buffer alive that it was read into.
                routed.own_payload(holdings);
            }
            put_publish(connection, &mut routed.message, &terms, &FIRST, counters, options);
        } else {
            let outgoing = &mut session.outgoing;
            let has_room = holdings.has_room(routed.cost() + QueuedDelivery::place_cost(&terms));
            let ready = connection.take_if(|connection| {
                outgoing.is_idle()
                    && outgoing.has_room(connection.window)
                    && connection.output.len() < output_limit
            });
            if let Some(connection) = ready.filter(|_| has_room) {
                if !fits(connection, &mut routed.message, &terms) {
                    counters.publish_dropped += 1;
                    return RouteOutcome::Taken;
                }
                let delivery = QueuedDelivery::new(routed.stored(holdings), terms.clone(), holdings);
                let Some(packet_id) = outgoing.start(delivery) else { return RouteOutcome::Refused };
                let sending = Sending { dup: false, packet_id: Some(packet_id) };
                if routed.message.payload.len() >= SHARED_PAYLOAD {
                    routed.own_payload(holdings);
                }
                put_publish(connection, &mut routed.message, &terms, &sending, counters, options);
            } else {
                let is_full = !has_room
                    || outgoing.queue_len() >= limits.queue_messages
                    || outgoing.queue_bytes() >= limits.queue_bytes;
                if is_full {
                    counters.publish_dropped += 1;
                    return RouteOutcome::Refused;
                }
                outgoing.enqueue(QueuedDelivery::new(routed.stored(holdings), terms, holdings));
                return RouteOutcome::Taken;
            }
        }
        if let Some(id) = id {
            self.wake(id);
        }
        RouteOutcome::Taken
    }

    /// Takes a session up again on a new connection: PUBRELs first, then what was sent and not
    /// acknowledged, then the queue ([MQTT-4.4.0-1]).
    pub(super) fn resume(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get(key) else { return };
        let released: Vec<PacketId> = session.outgoing.released().collect();
        if let Some(id) = session.connection {
            for packet_id in released {
                self.acknowledge(id, AckKind::PubRel, packet_id, ReasonCode::SUCCESS);
            }
        }
        self.send_queued(key, now);
    }

    /// Sends from the queue as long as the window and the output of the connection have room.
    pub(super) fn send_queued(&mut self, key: SessionKey, now: Instant) {
        let output_limit = self.output_limit();
        let Self { sessions, connections, options, counters, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let outgoing = &mut session.outgoing;
        let Some(id) = session.connection else { return };
        let Some(connection) = connections.get_mut(id) else { return };
        if outgoing.is_idle() {
            return;
        }
        while outgoing.has_room(connection.window) && connection.output.len() < output_limit {
            let (delivery, sending) = if let Some(flow) = outgoing.resend() {
                (flow.delivery.clone(), Sending { dup: true, packet_id: Some(flow.packet_id) })
            } else if let Some(delivery) = outgoing.dequeue() {
                if delivery.stored.is_expired(now) {
                    continue;
                }
                if !fits(connection, &mut delivery.to_message(now), &delivery.terms) {
                    counters.publish_dropped += 1;
                    continue;
                }
                let Some(packet_id) = outgoing.start(delivery.clone()) else { break };
                (delivery, Sending { dup: false, packet_id: Some(packet_id) })
            } else {
                break;
            };
            let mut message = delivery.to_message(now);
            put_publish(connection, &mut message, &delivery.terms, &sending, counters, options);
        }
        self.wake(id);
    }
}

/// What several subscriptions of one session come to: the highest QoS ([MQTT-3.3.4-2]), RETAIN as published
/// if one of them asks for it ([MQTT-3.3.1-12], [MQTT-3.3.1-13]), all identifiers.
fn merge<'a>(
    subscribers: impl IntoIterator<Item = &'a TopicSubscriber>,
    routed: &Routed,
) -> Option<(SessionKey, DeliveryTerms)> {
    let mut merged: Option<(SessionKey, DeliveryTerms)> = None;
    for subscriber in subscribers {
        let (_, terms) = merged.get_or_insert_with(|| (subscriber.session, DeliveryTerms::default()));
        terms.qos = terms.qos.max(subscriber.qos.min(routed.qos));
        terms.retain |= subscriber.retain_as_published && routed.retain;
        if subscriber.identifier != 0 {
            terms.identifiers.push(subscriber.identifier);
        }
    }
    merged
}

/// Runs something on a message as it goes to this connection: with the subscription identifiers for MQTT 5,
/// without properties for 3.x.
fn adapted<T>(
    version: Version,
    message: &mut Message,
    terms: &DeliveryTerms,
    run: impl FnOnce(&Message) -> T,
) -> T {
    if version != Version::V5 {
        let properties = std::mem::take(&mut message.properties);
        let result = run(message);
        message.properties = properties;
        return result;
    }
    for identifier in &terms.identifiers {
        message.properties.push(Property::SubscriptionIdentifier(*identifier));
    }
    let result = run(message);
    if !terms.identifiers.is_empty() {
        message.properties.remove(PropertyKind::SubscriptionIdentifier);
    }
    result
}

/// Whether the client takes a packet of this length ([MQTT-3.1.2-24]).
fn fits(connection: &Connection, message: &mut Message, terms: &DeliveryTerms) -> bool {
    connection.max_packet_size >= LARGEST_PACKET
        || adapted(connection.version, message, terms, |message| publish_len(message, connection.version))
            <= connection.max_packet_size as usize
}

/// Encodes a PUBLISH into the output of a connection. One that is too large is dropped and counts as
/// delivered ([MQTT-3.1.2-25]).
fn put_publish(
    connection: &mut Connection,
    message: &mut Message,
    terms: &DeliveryTerms,
    sending: &Sending,
    counters: &mut Counters,
    options: &BrokerOptions,
) {
    if !fits(connection, message, terms) {
        counters.publish_dropped += 1;
        return;
    }
    let (version, output) = (connection.version, &mut connection.output);
    let encoded = adapted(version, message, terms, |message| {
        encode_publish(message, sending.dup, sending.packet_id, version, output)
    });
    connection.count_output();
    if encoded.is_err() {
        counters.publish_dropped += 1;
        return;
    }
    counters.messages_sent += 1;
    counters.publish_sent += 1;
    counters.publish_bytes_sent += message.payload.len() as u64;
    if let Some(observer) = &options.observer {
        let message = adapted(version, message, terms, Message::clone);
        let Sending { dup, packet_id } = *sending;
        let packet = Packet::Publish(Publish { dup, packet_id, message });
        observer(&Activity::Sent { client_id: &connection.client_id, packet: &packet });
    }
}

impl Broker {
    /// Replaces a topic alias by the topic that it stands for (3.3.2.3.4).
    pub(super) fn resolve_alias(
        &mut self,
        id: ConnectionId,
        publish: &mut Publish,
    ) -> Result<(), ReasonCode> {
        let Some(alias) = publish.message.properties.topic_alias().copied() else { return Ok(()) };
        if alias == 0 || alias > self.options.limits.topic_alias_maximum {
            return Err(ReasonCode::TOPIC_ALIAS_INVALID);
        }
        let Some(connection) = self.connections.get_mut(id) else { return Ok(()) };
        if publish.message.topic.is_empty() {
            let topic = connection.aliases.get(&alias).ok_or(ReasonCode::PROTOCOL_ERROR)?;
            publish.message.topic = topic.clone();
        } else {
            if !self.holdings.has_room(Connection::alias_cost(&publish.message.topic)) {
                return Err(ReasonCode::QUOTA_EXCEEDED);
            }
            connection.set_alias(alias, super::stored::own_topic(&publish.message.topic));
        }
        Ok(())
    }
}
