//! What the packets of a client do.

use std::time::Instant;

use bytestring::ByteString;

use mqt_proto::codec::{AckKind, encode_ack};
use mqt_proto::packet::{Ack, Disconnect, Publish, SubAck, Subscribe, Unsubscribe};
use mqt_proto::{Packet, PacketId, QoS, ReasonCode, RetainHandling, Subscription, TopicFilter, Version};

use super::options::Activity;
use super::outgoing::Acknowledged;
use super::session::BrokerSession;
use super::slab::{ConnectionId, SessionKey};
use super::state::Broker;
use super::topics::{MAX_FILTER_LEVELS, NODE_COST, TopicSubscriber};

impl Broker {
    /// A packet after the CONNECT. A packet for a connection that has come to its end is ignored.
    pub fn packet(&mut self, id: ConnectionId, packet: Packet, now: Instant) {
        let Some(key) = self.connections.get(id).and_then(|connection| connection.session) else { return };
        self.counters.messages_received += 1;
        if let (Some(observer), Some(connection)) = (&self.options.observer, self.connections.get(id)) {
            observer(&Activity::Received { client_id: &connection.client_id, packet: &packet });
        }
        let outcome = match packet {
            Packet::Publish(publish) => self.receive_publish(id, key, publish, now),
            Packet::PubAck(ack) => self.receive_ack(id, key, AckKind::PubAck, &ack, now),
            Packet::PubRec(ack) => self.receive_ack(id, key, AckKind::PubRec, &ack, now),
            Packet::PubRel(ack) => {
                self.receive_release(id, key, ack.packet_id);
                Ok(())
            }
            Packet::PubComp(ack) => self.receive_ack(id, key, AckKind::PubComp, &ack, now),
            Packet::Subscribe(subscribe) => self.receive_subscribe(id, key, subscribe, now),
            Packet::Unsubscribe(unsubscribe) => {
                self.receive_unsubscribe(id, key, unsubscribe, now);
                Ok(())
            }
            Packet::PingReq => {
                self.send(id, &Packet::PingResp);
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.receive_disconnect(id, key, &disconnect, now),
            // A second CONNECT ([MQTT-3.1.0-2]), AUTH without an authentication method in CONNECT, and what
            // only a server sends.
            Packet::Connect(_)
            | Packet::Auth(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => Err(ReasonCode::PROTOCOL_ERROR),
        };
        if let Err(reason) = outcome {
            self.disconnect(id, reason, now);
        }
    }

    fn receive_publish(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        mut publish: Publish,
        now: Instant,
    ) -> Result<(), ReasonCode> {
        self.counters.publish_received += 1;
        self.counters.publish_bytes_received += publish.message.payload.len() as u64;
        self.resolve_alias(id, &mut publish)?;
        let Publish { packet_id, message, .. } = publish;
        match (message.qos, packet_id) {
            (QoS::AtMostOnce, _) => {
                self.publish(key, message, now);
            }
            (QoS::AtLeastOnce, Some(packet_id)) => {
                let reason = self.publish(key, message, now);
                self.acknowledge(id, AckKind::PubAck, packet_id, reason);
            }
            (QoS::ExactlyOnce, Some(packet_id)) => {
                let is_v5 =
                    self.connections.get(id).is_some_and(|connection| connection.version == Version::V5);
                let Some(session) = self.sessions.get(key) else { return Ok(()) };
                let mut reason = ReasonCode::SUCCESS;
                // [MQTT-4.3.3-10]
                if !session.unreleased.contains(&packet_id) {
                    let limit = usize::from(self.options.limits.receive_maximum);
                    if is_v5 && session.unreleased.len() >= limit {
                        return Err(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED);
                    }
                    reason = self.publish(key, message, now);
                    if !(reason.is_error() && is_v5)
                        && let Some(session) = self.sessions.get_mut(key)
                    {
                        session.unreleased.insert(packet_id);
                    }
                }
                self.acknowledge(id, AckKind::PubRec, packet_id, reason);
            }
            (_, None) => return Err(ReasonCode::PROTOCOL_ERROR),
        }
        Ok(())
    }

    fn receive_release(&mut self, id: ConnectionId, key: SessionKey, packet_id: PacketId) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let reason = match session.unreleased.remove(&packet_id) {
            true => ReasonCode::SUCCESS,
            false => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
        };
        self.acknowledge(id, AckKind::PubComp, packet_id, reason);
    }

    /// PUBACK, PUBREC and PUBCOMP for what was sent to the client. An acknowledgement of something unknown
    /// is passed over; one of the wrong kind is a protocol error.
    fn receive_ack(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        kind: AckKind,
        ack: &Ack,
        now: Instant,
    ) -> Result<(), ReasonCode> {
        let Some(session) = self.sessions.get_mut(key) else { return Ok(()) };
        let outgoing = &mut session.outgoing;
        let acknowledged = match kind {
            AckKind::PubAck => outgoing.acknowledge(ack.packet_id),
            AckKind::PubRec if ack.reason.is_error() => outgoing.refuse(ack.packet_id),
            AckKind::PubRec => outgoing.receive(ack.packet_id),
            AckKind::PubRel | AckKind::PubComp => outgoing.complete(ack.packet_id),
        };
        match acknowledged {
            Acknowledged::WrongQoS => return Err(ReasonCode::PROTOCOL_ERROR),
            Acknowledged::Done if kind == AckKind::PubRec && !ack.reason.is_error() => {
                self.acknowledge(id, AckKind::PubRel, ack.packet_id, ReasonCode::SUCCESS);
            }
            Acknowledged::Unknown if kind == AckKind::PubRec && !ack.reason.is_error() => {
                self.acknowledge(id, AckKind::PubRel, ack.packet_id, ReasonCode::PACKET_IDENTIFIER_NOT_FOUND);
            }
            Acknowledged::Done | Acknowledged::Unknown => {}
        }
        self.send_queued(key, now);
        Ok(())
    }

    fn receive_subscribe(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        subscribe: Subscribe,
        now: Instant,
    ) -> Result<(), ReasonCode> {
        let identifier = subscribe.properties.subscription_identifier().copied().unwrap_or(0);
        let mut reasons = Vec::with_capacity(subscribe.subscriptions.len());
        let mut owed: Vec<Subscription> = Vec::new();
        for subscription in subscribe.subscriptions {
            let granted = self.subscribe(key, &subscription, identifier);
            reasons.push(granted.map_or_else(|reason| reason, |_| ReasonCode(subscription.qos.level())));
            let is_new = granted.unwrap_or(false);
            let is_owed = granted.is_ok()
                && subscription.filter.share().is_none()
                && match subscription.retain_handling {
                    RetainHandling::Always => true,
                    RetainHandling::New => is_new,
                    RetainHandling::Never => false,
                };
            if is_owed {
                owed.push(subscription);
            }
        }
        self.answer(id, subscribe.packet_id, reasons, Packet::SubAck);
        for subscription in &owed {
            self.replay(key, subscription, identifier, now);
        }
        Ok(())
    }

    /// Makes or replaces a subscription and says whether it is new ([MQTT-3.8.4-3]).
    fn subscribe(
        &mut self,
        key: SessionKey,
        subscription: &Subscription,
        identifier: u32,
    ) -> Result<bool, ReasonCode> {
        let limit = self.options.limits.subscriptions;
        let session = self.sessions.get_mut(key).ok_or(ReasonCode::UNSPECIFIED_ERROR)?;
        // A copy of its own, for the packet shares the buffer that it was read into.
        let filter = TopicFilter::new(ByteString::from(&*subscription.filter))
            .map_err(|_| ReasonCode::TOPIC_FILTER_INVALID)?;
        if filter.matching_part().split('/').count() > MAX_FILTER_LEVELS {
            return Err(ReasonCode::TOPIC_FILTER_INVALID);
        }
        if !session.subscriptions.contains(&filter) {
            let levels = filter.split('/').count();
            let cost = BrokerSession::subscription_cost(&filter) + levels * NODE_COST + filter.len();
            if session.subscriptions.len() >= limit || !self.holdings.has_room(cost) {
                return Err(ReasonCode::QUOTA_EXCEEDED);
            }
        }
        session.add_subscription(filter.clone());
        self.forget_matches();
        let subscriber = TopicSubscriber::new(key, subscription, identifier);
        if filter.share().is_none() {
            return Ok(self.tree.subscribe(&filter, subscriber));
        }
        let joined = self.groups.join(filter.as_byte_string(), subscriber);
        if joined.is_new_group {
            self.tree.add_group(filter.matching_part(), joined.group);
        }
        Ok(joined.is_new_member)
    }

    fn receive_unsubscribe(&mut self, id: ConnectionId, key: SessionKey, packet: Unsubscribe, now: Instant) {
        let mut reasons = Vec::with_capacity(packet.filters.len());
        for filter in &packet.filters {
            let Some(session) = self.sessions.get_mut(key) else { return };
            if !session.remove_subscription(filter) {
                reasons.push(ReasonCode::NO_SUBSCRIPTION_EXISTED);
                continue;
            }
            let shared = match filter.share() {
                Some(_) => session.outgoing.take_shared(Some(filter.as_byte_string())),
                None => Vec::new(),
            };
            self.forget_subscription(filter, key);
            self.redistribute(shared, now);
            reasons.push(ReasonCode::SUCCESS);
        }
        self.answer(id, packet.packet_id, reasons, Packet::UnsubAck);
    }

    /// SUBACK or UNSUBACK: one reason a filter, in order ([MQTT-3.9.3-1], [MQTT-3.11.3-1]).
    fn answer(
        &mut self,
        id: ConnectionId,
        packet_id: PacketId,
        mut reasons: Vec<ReasonCode>,
        packet: fn(SubAck) -> Packet,
    ) {
        if self.connections.get(id).is_some_and(|connection| connection.version != Version::V5) {
            for reason in reasons.iter_mut().filter(|reason| reason.is_error()) {
                *reason = ReasonCode::UNSPECIFIED_ERROR;
            }
        }
        self.send(id, &packet(SubAck { packet_id, properties: Default::default(), reasons }));
    }

    fn receive_disconnect(
        &mut self,
        id: ConnectionId,
        key: SessionKey,
        disconnect: &Disconnect,
        now: Instant,
    ) -> Result<(), ReasonCode> {
        let Some(connection) = self.connections.get(id) else { return Ok(()) };
        if let Some(expiry) = disconnect.properties.session_expiry_interval() {
            // 3.14.2.2.2
            if *expiry != 0 && !connection.may_expire_later {
                return Err(ReasonCode::PROTOCOL_ERROR);
            }
            if let Some(session) = self.sessions.get_mut(key) {
                session.expiry = (*expiry).min(self.options.limits.session_expiry);
            }
        }
        let reason = disconnect.reason;
        self.observe(|| Activity::Disconnected { client_id: &connection.client_id, reason: Some(reason) });
        // [MQTT-3.14.4-3]
        self.detach(id, reason != ReasonCode::SUCCESS, now);
        Ok(())
    }

    /// Sends an acknowledgement.
    pub(super) fn acknowledge(
        &mut self,
        id: ConnectionId,
        kind: AckKind,
        packet_id: PacketId,
        reason: ReasonCode,
    ) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        encode_ack(kind, packet_id, reason, connection.version, &mut connection.output);
        connection.count_output();
        self.counters.messages_sent += 1;
        if let (Some(observer), Some(connection)) = (&self.options.observer, self.connections.get(id)) {
            let ack = Ack::new(packet_id, reason);
            let packet = match kind {
                AckKind::PubAck => Packet::PubAck(ack),
                AckKind::PubRec => Packet::PubRec(ack),
                AckKind::PubRel => Packet::PubRel(ack),
                AckKind::PubComp => Packet::PubComp(ack),
            };
            observer(&Activity::Sent { client_id: &connection.client_id, packet: &packet });
        }
        self.wake(id);
    }
}
