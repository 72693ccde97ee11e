//! SUBSCRIBE and UNSUBSCRIBE, their answers, and what is subscribed again when the server has lost the
//! session.

use std::time::Instant;

use super::outgoing::Flow;
use super::{Event, Phase, Session, SessionError, Tolerated, violation};
use crate::codec;
use crate::packet::{Packet, SubAck, Subscribe, Unsubscribe};
use crate::{
    PacketId, Place, Properties, PropertyKind, ReasonCode, RetainHandling, Subscription, TopicFilter, Version,
};

/// Why a request without a packet identifier cannot be sent.
const NO_IDENTIFIER: &str = "every packet identifier is in use";

impl Session {
    /// Subscribes now, and again whenever the server has lost the session.
    ///
    /// The answers come as [`Event::Subscribed`]: one for the SUBACK, and one before it for topic filters that
    /// were not sent because the server has said that it does not support them, or because they make no
    /// SUBSCRIBE of this version.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>, properties: Properties) {
        self.subscriptions.push((properties, subscriptions));
        if self.phase == Phase::Connected {
            self.send_requests();
        }
    }

    /// Subscribes to everything again, which brings the retained messages once more. The answers come as
    /// [`Event::Subscribed`].
    pub fn subscribe_again(&mut self) {
        self.subscribed = 0;
        if self.phase == Phase::Connected {
            self.send_requests();
        }
    }

    /// Unsubscribes now, or after the next CONNACK, and forgets what [`Self::subscribe`] was told about these
    /// filters. The answer comes as [`Event::Unsubscribed`].
    pub fn unsubscribe(&mut self, filters: Vec<TopicFilter>, properties: Properties) {
        self.forget_subscriptions(&filters);
        self.unsubscriptions.push((properties, filters));
        if self.phase == Phase::Connected {
            self.send_requests();
        }
    }

    /// Takes topic filters out of what is subscribed again, and returns what was asked for them.
    pub(super) fn forget_subscriptions(&mut self, filters: &[TopicFilter]) -> Vec<Subscription> {
        let mut forgotten = Vec::new();
        let mut index: usize = 0;
        let mut sent = self.subscribed;
        self.subscriptions.retain_mut(|(_, subscriptions)| {
            forgotten.extend(subscriptions.extract_if(.., |one| filters.contains(&one.filter)));
            if subscriptions.is_empty() && index < self.subscribed {
                sent = sent.saturating_sub(1);
            }
            index = index.saturating_add(1);
            !subscriptions.is_empty()
        });
        self.subscribed = sent;
        forgotten
    }

    /// Whether a SUBSCRIBE waits for its answer.
    #[must_use]
    pub fn is_subscribing(&self) -> bool {
        self.flows.iter().any(|flow| matches!(flow, Flow::Subscribe(_)))
    }

    /// Sends the SUBSCRIBE packets that the server's session does not know of, then every UNSUBSCRIBE that
    /// waits.
    pub(super) fn send_requests(&mut self) {
        if self.asking.isolated {
            return self.pump_isolated();
        }
        let missing: Vec<_> = self.subscriptions.iter().skip(self.subscribed).cloned().collect();
        self.subscribed = self.subscriptions.len();
        for (properties, subscriptions) in missing {
            self.send_subscribe(properties, subscriptions);
        }
        for (properties, filters) in std::mem::take(&mut self.unsubscriptions) {
            self.send_unsubscribe(properties, filters);
        }
    }

    pub(super) fn send_subscribe(&mut self, properties: Properties, subscriptions: Vec<Subscription>) {
        let with_identifier = properties.contains(PropertyKind::SubscriptionIdentifier);
        let mut subscriptions = subscriptions;
        if self.version != Version::V5 {
            // 3.x cannot be asked to keep retained messages back: the caller leaves them out.
            for subscription in &mut subscriptions {
                if subscription.retain_handling == RetainHandling::Never {
                    subscription.retain_handling = RetainHandling::Always;
                }
                // Nor can it keep back what this client publishes itself: the caller knows its own.
                subscription.no_local = false;
            }
        }
        let mut unsupported = Vec::new();
        subscriptions.retain(|subscription| {
            let refusal = self.limits.check_subscription(&subscription.filter, with_identifier);
            if let Some(reason) = refusal {
                unsupported.push((subscription.clone(), reason));
            }
            refusal.is_none()
        });
        if !unsupported.is_empty() {
            self.events.push_back(Event::Subscribed {
                results: unsupported,
                reason_string: Some("not sent: the broker has said so in its CONNACK".into()),
            });
            if subscriptions.is_empty() {
                return;
            }
        }
        let Some(packet_id) = self.flows.next_id() else {
            return self.subscribe_failed(subscriptions, NO_IDENTIFIER);
        };
        let properties = if self.version == Version::V5 { properties } else { Properties::new() };
        let request = Subscribe { packet_id, properties, subscriptions };
        match self.send(Packet::Subscribe(request.clone())) {
            Ok(()) => self.open_flow(Flow::Subscribe(request)),
            Err(why) => self.subscribe_failed(request.subscriptions, &why),
        }
    }

    pub(super) fn send_unsubscribe(&mut self, properties: Properties, filters: Vec<TopicFilter>) {
        let Some(packet_id) = self.flows.next_id() else { return self.unsubscribe_failed(filters) };
        let properties = if self.version == Version::V5 { properties } else { Properties::new() };
        let request = Unsubscribe { packet_id, properties, filters };
        match self.send(Packet::Unsubscribe(request.clone())) {
            Ok(()) => self.open_flow(Flow::Unsubscribe(request)),
            Err(_) => self.unsubscribe_failed(request.filters),
        }
    }

    /// Adds a flow that is on the wire already.
    fn open_flow(&mut self, flow: Flow) {
        let all_sent = self.resend >= self.flows.end();
        self.flows.push(flow);
        self.request_sent();
        if all_sent {
            self.resend = self.flows.end();
        }
    }

    /// A SUBSCRIBE or UNSUBSCRIBE is in the outbox.
    pub(super) fn request_sent(&mut self) {
        self.asked(self.is_answered());
        self.asking.requests = self.asking.requests.saturating_add(1);
    }

    /// A SUBSCRIBE or UNSUBSCRIBE was answered.
    fn request_answered(&mut self, packet_id: PacketId, now: Instant) {
        self.flows.finish(packet_id);
        self.asking.requests = self.asking.requests.saturating_sub(1);
        self.answered(now);
    }

    /// Sends a SUBSCRIBE or UNSUBSCRIBE of an earlier connection again.
    pub(super) fn request_again(&mut self, packet_id: PacketId, packet: Packet) {
        match self.send(packet) {
            Ok(()) => self.request_sent(),
            Err(why) => self.give_up(packet_id, &why),
        }
    }

    /// A SUBSCRIBE that cannot be sent is answered here, so that nobody waits for it.
    fn subscribe_failed(&mut self, subscriptions: Vec<Subscription>, why: &str) {
        let reason = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
        self.events.push_back(Event::Subscribed {
            results: subscriptions.into_iter().map(|subscription| (subscription, reason)).collect(),
            reason_string: Some(format!("not sent: {why}").into()),
        });
    }

    pub(super) fn unsubscribe_failed(&mut self, filters: Vec<TopicFilter>) {
        let reason = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
        self.events.push_back(Event::Unsubscribed {
            results: filters.into_iter().map(|filter| (filter, reason)).collect(),
        });
    }

    /// Ends a request of an earlier connection that cannot be sent on this one.
    pub(super) fn give_up(&mut self, packet_id: PacketId, why: &str) {
        match self.flows.get_mut(packet_id) {
            Some(Flow::Subscribe(request)) => {
                let subscriptions = std::mem::take(&mut request.subscriptions);
                self.subscribe_failed(subscriptions, why);
            }
            Some(Flow::Unsubscribe(request)) => {
                let filters = std::mem::take(&mut request.filters);
                self.unsubscribe_failed(filters);
            }
            _ => return,
        }
        self.flows.finish(packet_id);
    }

    pub(super) fn suback(&mut self, suback: SubAck, now: Instant) -> Result<(), SessionError> {
        let is_listed = |reason: &ReasonCode| match self.version {
            Version::V5 => codec::is_listed(Place::SubAck, *reason),
            Version::V31 | Version::V311 => codec::is_sub_ack_code(reason.0),
        };
        if !suback.reasons.iter().all(is_listed) {
            self.tolerate(Tolerated::UnlistedReasonCode);
        }
        let Some(Flow::Subscribe(request)) = self.flows.get_mut(suback.packet_id) else {
            self.tolerate(Tolerated::AnswerToNothing);
            return Ok(());
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
        self.request_answered(suback.packet_id, now);
        let answers = subscriptions.iter().zip(&suback.reasons);
        let granted = answers.filter(|(_, reason)| !reason.is_error());
        self.granted.extend(granted.map(|(subscription, _)| subscription.filter.clone()));
        self.events.push_back(Event::Subscribed {
            results: subscriptions.into_iter().zip(suback.reasons).collect(),
            reason_string: suback.properties.reason_string().cloned(),
        });
        self.pump_after_answer();
        Ok(())
    }

    pub(super) fn unsuback(&mut self, unsuback: SubAck, now: Instant) -> Result<(), SessionError> {
        let Some(Flow::Unsubscribe(request)) = self.flows.get_mut(unsuback.packet_id) else {
            self.tolerate(Tolerated::AnswerToNothing);
            return Ok(());
        };
        let mut reasons = unsuback.reasons;
        if self.version == Version::V5 && reasons.len() != request.filters.len() {
            return Err(violation(format!(
                "UNSUBACK has {} reason codes for {} topic filters",
                reasons.len(),
                request.filters.len()
            )));
        }
        let filters = std::mem::take(&mut request.filters);
        reasons.resize(filters.len(), ReasonCode::SUCCESS);
        self.request_answered(unsuback.packet_id, now);
        self.events.push_back(Event::Unsubscribed { results: filters.into_iter().zip(reasons).collect() });
        self.pump_after_answer();
        Ok(())
    }
}
