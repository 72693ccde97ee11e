//! What a session still has to send: the queue, and the QoS 1 and 2 flows that are open (4.3, 4.4, 4.6).

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use bytestring::ByteString;

use mqt_proto::{Message, PacketId, QoS};

use super::holdings::{Held, Holdings};
use super::stored::Stored;

/// What a place in a queue takes, in bytes: of the places that a queue has, half may be empty.
const PLACE_COST: usize = 2 * size_of::<InFlight>() + size_of::<PacketId>() * 4;

/// How one subscriber receives a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeliveryTerms {
    /// The smaller of the published and the granted QoS ([MQTT-3.8.4-8]).
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// The identifiers of the subscriptions that match ([MQTT-3.3.4-3], [MQTT-3.3.4-4]).
    pub identifiers: Vec<u32>,
    /// The whole filter of the share group whose copy this is.
    pub group: Option<ByteString>,
}

/// A message for one session.
#[derive(Debug, Clone)]
pub(crate) struct QueuedDelivery {
    /// The message.
    pub stored: Arc<Stored>,
    /// How it is sent.
    pub terms: DeliveryTerms,
    /// Its place; the message is in the sum by itself.
    place: Held,
}

impl QueuedDelivery {
    /// How many bytes a delivery on these terms takes besides its message.
    pub(crate) fn place_cost(terms: &DeliveryTerms) -> usize {
        PLACE_COST + terms.identifiers.capacity() * size_of::<u32>()
    }

    /// A delivery on these terms.
    pub(crate) fn new(stored: Arc<Stored>, terms: DeliveryTerms, holdings: &Holdings) -> Self {
        let place = holdings.hold(Self::place_cost(&terms));
        Self { stored, terms, place }
    }

    /// The message and the terms; the place is free again.
    pub(crate) fn into_parts(self) -> (Arc<Stored>, DeliveryTerms) {
        (self.stored, self.terms)
    }

    /// How much memory it takes, its message included, in bytes.
    fn size(&self) -> usize {
        self.stored.size() + self.place.bytes()
    }

    /// The message as it is sent now, but for the subscription identifiers.
    pub(crate) fn to_message(&self, now: Instant) -> Message {
        let mut message = self.stored.to_message(now);
        message.qos = self.terms.qos;
        message.retain = self.terms.retain;
        message
    }
}

/// A PUBLISH that was sent and is not acknowledged.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Its packet identifier.
    pub packet_id: PacketId,
    /// What was sent.
    pub delivery: QueuedDelivery,
}

/// What an acknowledgement of the client meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// It moved its flow on.
    Done,
    /// No flow has this packet identifier.
    Unknown,
    /// The flow with this packet identifier has another QoS: a protocol error.
    WrongQoS,
}

/// The outgoing half of a session.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Sent on this connection, waiting for PUBACK or PUBREC, in the order sent.
    sent: VecDeque<InFlight>,
    /// PUBREC received, PUBREL sent or to be sent, in the order of the PUBRECs ([MQTT-4.6.0-4]).
    released: VecDeque<PacketId>,
    /// Sent on an earlier connection and to be sent again, in the original order ([MQTT-4.6.0-1]).
    resend: VecDeque<InFlight>,
    queue: VecDeque<QueuedDelivery>,
    queue_bytes: usize,
    used: HashSet<PacketId>,
    last_id: u16,
}

impl Outgoing {
    /// Whether another PUBLISH may be sent with this window (the client's receive maximum,
    /// [MQTT-3.3.4-9]). A PUBREL that waits for its PUBCOMP takes part of the window too.
    pub(crate) fn has_room(&self, window: u16) -> bool {
        self.sent.len() + self.released.len() < usize::from(window)
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.resend.is_empty() && self.queue.is_empty()
    }

    /// How many messages are kept: queued or in flight.
    pub(crate) fn len(&self) -> usize {
        self.sent.len() + self.resend.len() + self.queue.len()
    }

    /// How much memory the messages in the queue take, in bytes, each as if it were in no other queue.
    pub(crate) fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    /// How many messages wait in the queue.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Puts a message at the end of the queue.
    pub(crate) fn enqueue(&mut self, delivery: QueuedDelivery) {
        self.queue_bytes += delivery.size();
        self.queue.push_back(delivery);
    }

    /// Takes the next queued message.
    pub(crate) fn dequeue(&mut self) -> Option<QueuedDelivery> {
        let delivery = self.queue.pop_front()?;
        self.queue_bytes -= delivery.size();
        Some(delivery)
    }

    /// Opens a flow under a packet identifier that no other flow uses. `None` when all are in use.
    pub(crate) fn start(&mut self, delivery: QueuedDelivery) -> Option<PacketId> {
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.wrapping_add(1);
            if let Some(packet_id) = NonZeroU16::new(self.last_id)
                && self.used.insert(packet_id)
            {
                self.sent.push_back(InFlight { packet_id, delivery });
                return Some(packet_id);
            }
        }
        None
    }

    /// Takes the next PUBLISH that is to be sent again and counts it as sent.
    pub(crate) fn resend(&mut self) -> Option<&InFlight> {
        let next = self.resend.pop_front()?;
        self.sent.push_back(next);
        self.sent.back()
    }

    /// The packet identifiers whose PUBREL is to be sent again, in order.
    pub(crate) fn released(&self) -> impl Iterator<Item = PacketId> {
        self.released.iter().copied()
    }

    /// PUBACK.
    pub(crate) fn acknowledge(&mut self, packet_id: PacketId) -> Acknowledged {
        self.finish(packet_id, QoS::AtLeastOnce)
    }

    /// PUBREC with a reason below 0x80: the message is the client's now ([MQTT-4.3.3-4]).
    pub(crate) fn receive(&mut self, packet_id: PacketId) -> Acknowledged {
        if self.released.contains(&packet_id) {
            return Acknowledged::Done;
        }
        let result = self.finish(packet_id, QoS::ExactlyOnce);
        if result == Acknowledged::Done {
            self.used.insert(packet_id);
            self.released.push_back(packet_id);
        }
        result
    }

    /// PUBREC with a reason of 0x80 or above: the flow is over ([MQTT-4.4.0-2]).
    pub(crate) fn refuse(&mut self, packet_id: PacketId) -> Acknowledged {
        self.finish(packet_id, QoS::ExactlyOnce)
    }

    /// PUBCOMP.
    pub(crate) fn complete(&mut self, packet_id: PacketId) -> Acknowledged {
        match self.released.iter().position(|id| *id == packet_id) {
            Some(place) => {
                self.released.remove(place);
                self.used.remove(&packet_id);
                Acknowledged::Done
            }
            None if self.used.contains(&packet_id) => Acknowledged::WrongQoS,
            None => Acknowledged::Unknown,
        }
    }

    /// Ends the first half of a flow. Clients acknowledge in order, so the search ends at once.
    fn finish(&mut self, packet_id: PacketId, qos: QoS) -> Acknowledged {
        for list in [&mut self.sent, &mut self.resend] {
            if let Some(place) = list.iter().position(|flow| flow.packet_id == packet_id) {
                if list.get(place).is_some_and(|flow| flow.delivery.terms.qos != qos) {
                    return Acknowledged::WrongQoS;
                }
                list.remove(place);
                self.used.remove(&packet_id);
                return Acknowledged::Done;
            }
        }
        if self.released.contains(&packet_id) { Acknowledged::WrongQoS } else { Acknowledged::Unknown }
    }

    /// The connection is gone: what it carried and was not acknowledged is to be sent again, in order.
    pub(crate) fn interrupt(&mut self) {
        while let Some(flow) = self.sent.pop_back() {
            self.resend.push_front(flow);
        }
    }

    /// Takes the queued messages of a share group (of any, when `name` is `None`) out, for another member.
    pub(crate) fn take_shared(&mut self, name: Option<&ByteString>) -> Vec<QueuedDelivery> {
        let is_theirs = |delivery: &QueuedDelivery| match (name, &delivery.terms.group) {
            (Some(name), Some(group)) => name == group,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !self.queue.iter().any(is_theirs) {
            return Vec::new();
        }
        let (theirs, kept): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(is_theirs);
        self.queue_bytes -= theirs.iter().map(QueuedDelivery::size).sum::<usize>();
        self.queue = kept.into();
        theirs
    }

    /// Everything of share groups that another member may still get when the session ends: what is queued,
    /// and QoS 1 in flight. A QoS 2 message in flight goes to nobody else ([MQTT-4.8.2-5]).
    pub(crate) fn into_shared(mut self) -> Vec<QueuedDelivery> {
        self.interrupt();
        let in_flight = std::mem::take(&mut self.resend).into_iter().map(|flow| flow.delivery);
        let mut shared: Vec<_> = in_flight
            .filter(|delivery| delivery.terms.group.is_some() && delivery.terms.qos == QoS::AtLeastOnce)
            .collect();
        shared.extend(self.take_shared(None));
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Routed;
    use super::*;

    fn delivery(payload: &'static str, qos: QoS) -> QueuedDelivery {
        let message =
            Message { topic: "t".parse().unwrap(), payload: payload.into(), qos, ..Message::default() };
        let holdings = Holdings::new(usize::MAX);
        let stored = Routed::new(message, Instant::now()).stored(&holdings);
        QueuedDelivery::new(stored, DeliveryTerms { qos, ..DeliveryTerms::default() }, &holdings)
    }

    fn id(value: u16) -> PacketId {
        NonZeroU16::new(value).unwrap()
    }

    #[test]
    fn packet_identifiers_in_use_are_not_given_out_again() {
        // 311:2.3.1-2 311:2.3.1-4 5:2.2.1-4 5:4.3.2-1 5:4.3.3-1
        let mut outgoing = Outgoing::default();
        let one = delivery("1", QoS::ExactlyOnce);
        assert_eq!(outgoing.start(one.clone()), Some(id(1)));
        assert_eq!(outgoing.receive(id(1)), Acknowledged::Done);
        for expected in 2..=65_535 {
            assert_eq!(outgoing.start(one.clone()), Some(id(expected)));
        }
        assert_eq!(outgoing.start(one.clone()), None, "all are in use, 1 by its PUBREL");
        assert_eq!(outgoing.complete(id(1)), Acknowledged::Done);
        assert_eq!(outgoing.start(one), Some(id(1)));
    }

    #[test]
    fn two_interruptions_in_a_row_keep_the_order() {
        // 311:4.6.0-1 5:4.6.0-1
        let mut outgoing = Outgoing::default();
        for payload in ["a", "b", "c"] {
            outgoing.start(delivery(payload, QoS::AtLeastOnce));
        }
        outgoing.interrupt();
        assert_eq!(outgoing.resend().unwrap().packet_id, id(1));
        outgoing.interrupt();
        let again: Vec<u16> =
            std::iter::from_fn(|| outgoing.resend().map(|flow| flow.packet_id.get())).collect();
        assert_eq!(again, [1, 2, 3]);
    }

    #[test]
    fn acknowledgements_of_the_wrong_kind_are_told_apart() {
        let mut outgoing = Outgoing::default();
        outgoing.start(delivery("a", QoS::AtLeastOnce));
        outgoing.start(delivery("b", QoS::ExactlyOnce));
        assert_eq!(outgoing.receive(id(1)), Acknowledged::WrongQoS);
        assert_eq!(outgoing.acknowledge(id(2)), Acknowledged::WrongQoS);
        assert_eq!(outgoing.complete(id(2)), Acknowledged::WrongQoS, "PUBCOMP before PUBREC");
        assert_eq!(outgoing.acknowledge(id(9)), Acknowledged::Unknown);
        assert_eq!(outgoing.receive(id(2)), Acknowledged::Done);
        assert_eq!(outgoing.receive(id(2)), Acknowledged::Done, "a PUBREC that is repeated");
        assert_eq!(outgoing.acknowledge(id(2)), Acknowledged::WrongQoS);
        assert_eq!(outgoing.complete(id(2)), Acknowledged::Done);
        assert_eq!(outgoing.complete(id(2)), Acknowledged::Unknown);
    }

    #[test]
    fn the_window_counts_releases_too() {
        // 5:3.3.4-9
        let mut outgoing = Outgoing::default();
        outgoing.start(delivery("a", QoS::ExactlyOnce));
        assert!(!outgoing.has_room(1));
        outgoing.receive(id(1));
        assert!(!outgoing.has_room(1));
        outgoing.complete(id(1));
        assert!(outgoing.has_room(1));
    }
}
