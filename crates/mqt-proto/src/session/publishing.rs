//! The sending half: the window, QoS 1 and 2 until they are complete, and what an earlier connection left
//! behind.

use std::borrow::Cow;
use std::time::Instant;

use bytestring::ByteString;

use super::outgoing::{Flow, FlowStage, Pending};
use super::{Event, Refusal, Session, SessionError, Tolerated, UnknownWhy, increment, violation};
use crate::codec::{self, AckKind, EncodeError};
use crate::packet::{Ack, Packet, Publish};
use crate::{MAX_REMAINING_LENGTH, Message, PacketId, QoS, ReasonCode, TopicName};

use super::Phase;

/// Beyond this many bytes in the outbox no further publish is wanted, in bytes.
pub(super) const OUTBOX_HIGH_WATER: usize = 256 * 1024;

impl Session {
    /// Enters a publish into the ledger and sends it as soon as the window and the connection allow.
    /// Returns its ticket: the number of publishes so far. Never refuses; a refusal comes as
    /// [`Event::Refused`]. Ask [`Self::wants_publish`] first to keep memory bounded.
    pub fn publish(&mut self, message: Message) -> u64 {
        self.enter(Cow::Owned(message))
    }

    /// [`Self::publish`] for a message that the caller goes on using: it is copied only when it has to be kept.
    pub fn publish_copy(&mut self, message: &Message) -> u64 {
        self.enter(Cow::Borrowed(message))
    }

    #[inline]
    fn enter(&mut self, message: Cow<'_, Message>) -> u64 {
        increment(&mut self.ledger.asked);
        let ticket = self.ledger.asked;
        if self.pending.is_empty() && self.may_send(message.qos) {
            self.transmit(ticket, message, false);
        } else {
            self.pending.push_back(Pending { ticket, message: message.into_owned(), again: false });
        }
        ticket
    }

    /// Whether another publish can be sent at once: connected, a free place in the window, room in the outbox.
    #[must_use]
    pub fn wants_publish(&self) -> bool {
        self.pending.is_empty() && self.outbox.len() < OUTBOX_HIGH_WATER && self.may_send(QoS::AtLeastOnce)
    }

    pub(super) fn may_send(&self, qos: QoS) -> bool {
        self.phase == Phase::Connected
            && self.resend >= self.flows.end()
            && (qos == QoS::AtMostOnce
                || (self.inflight < self.window()
                    && !self.flows.is_full()
                    && (!self.asking.isolated || self.is_answered())))
    }

    /// How many QoS 1 and 2 publishes are out on this connection and not complete.
    #[must_use]
    pub fn inflight(&self) -> usize {
        self.inflight
    }

    /// How many QoS 1 and 2 publishes may be out ([MQTT-4.9.0-1]).
    #[must_use]
    pub fn window(&self) -> usize {
        if self.asking.isolated {
            return 1;
        }
        self.options.max_inflight.min(self.limits.receive_maximum).max(1).into()
    }

    // ---- Answers -------------------------------------------------------------------------------------

    pub(super) fn puback(&mut self, ack: &Ack, now: Instant) -> Result<(), SessionError> {
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { message, .. }) if message.qos == QoS::AtLeastOnce => {
                self.answered(now);
                self.complete(ack);
                Ok(())
            }
            Some(Flow::Publish { stage: FlowStage::Published, .. }) => {
                self.answered(now);
                self.tolerate(Tolerated::PubAckForQoS2);
                self.delivered_once_or_more(ack);
                Ok(())
            }
            Some(_) => Err(violation(format!("PUBACK {} does not belong to a QoS 1 publish", ack.packet_id))),
            // Nothing is open under it: an answer to a publish of an earlier session.
            None => Ok(()),
        }
    }

    pub(super) fn pubrec(&mut self, ack: &Ack, now: Instant) -> Result<(), SessionError> {
        self.answered(now);
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { message, stage, .. }) if message.qos == QoS::ExactlyOnce => {
                let released = matches!(stage, FlowStage::Released { .. });
                if ack.reason.is_error() {
                    // [MQTT-4.3.3-4]: no PUBREL after an error. One that comes after PUBREL takes nothing back.
                    if !released {
                        self.complete(ack);
                    }
                    return Ok(());
                }
                if *stage == FlowStage::Waiting {
                    self.inflight = self.inflight.saturating_add(1);
                }
                if !released {
                    *stage =
                        FlowStage::Released { unmatched: ack.reason == ReasonCode::NO_MATCHING_SUBSCRIBERS };
                }
                self.send_ack(AckKind::PubRel, ack.packet_id, ReasonCode::SUCCESS);
                self.asked(false);
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

    pub(super) fn pubcomp(&mut self, ack: &Ack, now: Instant) -> Result<(), SessionError> {
        self.answered(now);
        match self.flows.get_mut(ack.packet_id) {
            Some(Flow::Publish { stage: FlowStage::Released { .. }, .. }) => {
                self.complete(ack);
                Ok(())
            }
            Some(_) => Err(violation(format!("PUBCOMP {} came before its PUBREL", ack.packet_id))),
            None => Ok(()),
        }
    }

    /// A QoS 2 publish was answered by PUBACK: it has arrived, but not by the flow that keeps it from arriving twice.
    fn delivered_once_or_more(&mut self, ack: &Ack) {
        if ack.reason.is_error() || self.options.downgrade_qos {
            return self.complete(ack);
        }
        let Some(Flow::Publish { ticket, message, .. }) = self.flows.get_mut(ack.packet_id) else { return };
        let (ticket, topic) = (*ticket, message.topic.as_byte_string().clone());
        self.refuse(ticket, topic, Refusal::AcknowledgedAtQoS1);
        self.finish_publish(ack.packet_id);
    }

    /// Ends a publish with the server's verdict and sends what waited for its place.
    fn complete(&mut self, ack: &Ack) {
        let Some(Flow::Publish { ticket, message, stage }) = self.flows.get_mut(ack.packet_id) else {
            return;
        };
        let stage = *stage;
        let (released, unmatched) = match stage {
            FlowStage::Released { unmatched } => (true, unmatched),
            FlowStage::Waiting | FlowStage::Published => {
                (false, ack.reason == ReasonCode::NO_MATCHING_SUBSCRIBERS)
            }
        };
        // PUBCOMP 0x92 after PUBREL: the server had completed it before the connection broke (4.3.3).
        let known = released && ack.reason == ReasonCode::PACKET_IDENTIFIER_NOT_FOUND;
        if ack.reason.is_error() && !known {
            let refusal = Refusal::Broker {
                reason: ack.reason,
                reason_string: ack.properties.reason_string().cloned(),
            };
            let (ticket, topic) = (*ticket, message.topic.as_byte_string().clone());
            self.refuse(ticket, topic, refusal);
        } else {
            if unmatched {
                increment(&mut self.ledger.unmatched);
            }
            increment(&mut self.ledger.confirmed);
            if self.options.report_confirmed {
                self.confirmed.push_back(*ticket);
            }
        }
        if stage == FlowStage::Waiting {
            self.inflight = self.inflight.saturating_add(1);
        }
        self.finish_publish(ack.packet_id);
    }

    /// Gives the place of a publish that was in flight to the next.
    fn finish_publish(&mut self, packet_id: PacketId) {
        self.flows.finish(packet_id);
        self.inflight = self.inflight.saturating_sub(1);
        self.pump_after_answer();
    }

    /// Sends what waited for an answer.
    #[inline]
    pub(super) fn pump_after_answer(&mut self) {
        if !self.pending.is_empty() || self.resend < self.flows.end() || self.asking.isolated {
            self.pump();
        }
    }

    /// After the server has broken the protocol nobody can say how far a QoS 2 publish has come: what may have
    /// arrived is not published a second time, but leaves the ledger as unknown. To be called before [`Self::lost`].
    pub fn give_up_exactly_once(&mut self) {
        let count = self.flows.finish_all(|flow| {
            matches!(flow, Flow::Publish { message, stage: FlowStage::Published, .. }
                if message.qos == QoS::ExactlyOnce)
        });
        self.unknown(count, UnknownWhy::Violation);
        self.violated = true;
    }

    /// Messages whose fate nobody can know leave the ledger.
    pub(super) fn unknown(&mut self, count: u64, why: UnknownWhy) {
        if count > 0 {
            self.ledger.unknown = self.ledger.unknown.saturating_add(count);
            self.events.push_back(Event::Unknown { count, why });
        }
    }

    /// QoS 0 messages that are proved to have been read.
    pub(super) fn prove(&mut self, count: u64) {
        self.ledger.confirmed = self.ledger.confirmed.saturating_add(count);
        self.unproved = self.unproved.saturating_sub(count);
        self.unproved_before_ping = self.unproved_before_ping.saturating_sub(count);
    }

    // ---- After a reconnect ---------------------------------------------------------------------------

    /// The server has kept its session: what is open continues ([MQTT-4.4.0-1]). Everything but PUBLISH is sent
    /// again here, since no full window may hold it up ([MQTT-4.9.0-3]); PUBLISH follows in [`Self::pump`].
    pub(super) fn resume(&mut self) {
        self.violated = false;
        self.inflight = 0;
        self.resend = 0;
        let one_by_one = self.asking.isolated;
        let mut number = 0;
        while let Some((at, packet_id, flow)) = self.flows.next_from(number) {
            number = at.saturating_add(1);
            let packet = match flow {
                // [MQTT-4.3.3-6]: after PUBREL never PUBLISH again.
                Flow::Publish { stage: FlowStage::Released { .. }, .. } => {
                    if !one_by_one {
                        self.release_again(packet_id);
                    }
                    continue;
                }
                Flow::Publish { stage, .. } => {
                    *stage = FlowStage::Waiting;
                    continue;
                }
                Flow::Done => continue,
                Flow::Subscribe(_) | Flow::Unsubscribe(_) if one_by_one => continue,
                Flow::Subscribe(request) => Packet::Subscribe(request.clone()),
                Flow::Unsubscribe(request) => Packet::Unsubscribe(request.clone()),
            };
            self.request_again(packet_id, packet);
        }
    }

    /// Sends PUBREL again.
    pub(super) fn release_again(&mut self, packet_id: PacketId) {
        self.asked(self.is_answered());
        self.inflight = self.inflight.saturating_add(1);
        increment(&mut self.ledger.resent);
        self.send_ack(AckKind::PubRel, packet_id, ReasonCode::SUCCESS);
        self.asked(false);
    }

    /// The server has no session: every publish without an outcome is published again, in order.
    pub(super) fn requeue(&mut self) {
        self.inflight = 0;
        let violated = std::mem::take(&mut self.violated);
        let mut unknown: u64 = 0;
        for flow in self.flows.take_all().into_iter().rev() {
            match flow {
                Flow::Publish { stage: FlowStage::Released { .. }, .. } if violated => {
                    unknown = unknown.saturating_add(1);
                }
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
        self.unknown(unknown, UnknownWhy::Violation);
    }

    /// Sends what may be sent: first what an earlier connection left behind, in the original order, then
    /// what waits.
    pub(super) fn pump(&mut self) {
        if self.asking.isolated {
            return self.pump_isolated();
        }
        if self.phase != Phase::Connected || !self.publish_again() {
            return;
        }
        while let Some(next) = self.pending.front() {
            if !self.may_send(next.message.qos) || self.outbox.len() >= OUTBOX_HIGH_WATER {
                return;
            }
            self.transmit_pending();
        }
    }

    /// Sends the first publish that waits.
    pub(super) fn transmit_pending(&mut self) {
        if let Some(Pending { ticket, message, again }) = self.pending.pop_front() {
            self.transmit(ticket, Cow::Owned(message), again);
        }
    }

    /// Sends what waits, as far as the window and the outbox allow; to be called after bytes were written.
    pub fn fill_outbox(&mut self) {
        if !self.pending.is_empty() {
            self.pump();
        }
    }

    /// Sends the publishes of an earlier connection again; false when the window is full before the last.
    fn publish_again(&mut self) -> bool {
        let window = self.window();
        while self.resend < self.flows.end() {
            let Some((number, packet_id, flow)) = self.flows.next_from(self.resend) else { break };
            if matches!(flow, Flow::Publish { stage: FlowStage::Waiting, .. }) {
                if self.inflight >= window {
                    return false;
                }
                self.publish_one_again(packet_id);
            }
            self.resend = number.saturating_add(1);
        }
        self.resend = self.flows.end();
        true
    }

    /// Sends a publish of an earlier connection again, with DUP.
    pub(super) fn publish_one_again(&mut self, packet_id: PacketId) {
        let Some(Flow::Publish { ticket, message, stage }) = self.flows.get_mut(packet_id) else { return };
        *stage = FlowStage::Published;
        let (ticket, message) = (*ticket, message.clone());
        self.asked(self.is_answered());
        self.inflight = self.inflight.saturating_add(1);
        increment(&mut self.ledger.resent);
        if let Err(refusal) = self.write_publish(&message, true, Some(packet_id)) {
            self.flows.finish(packet_id);
            self.inflight = self.inflight.saturating_sub(1);
            self.refuse(ticket, message.topic.as_byte_string().clone(), refusal);
        }
        self.asked(false);
    }

    // ---- On the wire ---------------------------------------------------------------------------------

    pub(super) fn refuse(&mut self, ticket: u64, topic: ByteString, refusal: Refusal) {
        increment(&mut self.ledger.refused);
        self.events.push_back(Event::Refused { ticket, topic, refusal });
    }

    /// Puts a new publish on the wire. [`Self::may_send`] has allowed it.
    #[inline]
    fn transmit(&mut self, ticket: u64, mut message: Cow<'_, Message>, again: bool) {
        if self.options.downgrade_qos && message.qos > self.limits.maximum_qos {
            message.to_mut().qos = self.limits.maximum_qos;
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
            if again && message.qos == QoS::ExactlyOnce {
                increment(&mut self.ledger.repeated);
            }
            self.asked(self.is_answered());
            self.inflight = self.inflight.saturating_add(1);
            let message = message.into_owned();
            self.flows.push(Flow::Publish { ticket, message, stage: FlowStage::Published });
        } else {
            increment(&mut self.unproved);
        }
        // Placeholders that the choice of the identifier made count as sent, too.
        self.resend = self.flows.end();
    }

    /// Writes PUBLISH; of a topic with an alias that the server knows only the alias (3.3.2.3.4).
    fn write_publish(
        &mut self,
        message: &Message,
        dup: bool,
        packet_id: Option<PacketId>,
    ) -> Result<(), Refusal> {
        self.limits.check(message, self.version)?;
        let alias = message.properties.topic_alias().copied();
        if let Some(alias) = alias
            && self.aliases.get(&alias) == Some(&message.topic)
        {
            let message = Message { topic: TopicName::default(), ..message.clone() };
            return self.encode_publish(&message, dup, packet_id);
        }
        self.encode_publish(message, dup, packet_id)?;
        if let Some(alias) = alias {
            self.aliases.insert(alias, message.topic.clone());
        }
        Ok(())
    }

    fn encode_publish(
        &mut self,
        message: &Message,
        dup: bool,
        packet_id: Option<PacketId>,
    ) -> Result<(), Refusal> {
        codec::encode_publish(message, dup, packet_id, self.version, &mut self.outbox).map_err(|error| {
            match error {
                EncodeError::PacketTooLarge { size, .. } => {
                    Refusal::TooLarge { size, allowed: MAX_REMAINING_LENGTH }
                }
                error => Refusal::Unencodable(error.to_string()),
            }
        })?;
        if self.options.trace {
            self.trace(Packet::Publish(Publish { dup, packet_id, message: message.clone() }));
        }
        Ok(())
    }
}
