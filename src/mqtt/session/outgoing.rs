//! What this client has asked of the server and not yet seen the end of: publishes, subscribes and
//! unsubscribes, in their original order ([MQTT-4.6.0-1]).

use std::collections::VecDeque;

use crate::mqtt::packet::{Subscribe, Unsubscribe};
use crate::mqtt::{Message, PacketId};

/// How many packet identifiers there are.
const IDENTIFIERS: u64 = 65_535;

/// A flow that holds a packet identifier.
#[derive(Debug)]
pub(super) enum Flow {
    /// A QoS 1 or 2 publish that is not complete.
    Publish {
        ticket: u64,
        message: Message,
        /// PUBREC came: only PUBREL may be sent from here on (4.3.3).
        released: bool,
    },
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    /// Complete; its identifier is free again when it reaches the front.
    Done,
}

/// A publish that has not been sent.
#[derive(Debug)]
pub(super) struct Pending {
    pub ticket: u64,
    pub message: Message,
    /// It was sent on a session that is gone.
    pub again: bool,
}

/// The open flows, oldest first. Identifiers are given out in a circle, so that the identifier of a flow
/// says where it stands: a look-up is arithmetic and a resend is a walk in the original order.
#[derive(Debug, Default)]
pub(super) struct FlowTable {
    flows: VecDeque<Flow>,
    /// How many flows came before the front.
    passed: u64,
    /// Where the circle begins.
    offset: u64,
}

impl FlowTable {
    /// Begins the circle behind another identifier. Only while the table is empty.
    pub fn start_at(&mut self, offset: u16) {
        if self.flows.is_empty() {
            self.offset = u64::from(offset);
            self.passed = 0;
        }
    }

    /// The number of the flow that comes next.
    pub fn end(&self) -> u64 {
        self.passed.saturating_add(u64::try_from(self.flows.len()).unwrap_or(u64::MAX))
    }

    /// The number of the oldest flow.
    pub fn start(&self) -> u64 {
        self.passed
    }

    fn id_of(&self, number: u64) -> Option<PacketId> {
        let position = self.offset.wrapping_add(number).checked_rem(IDENTIFIERS)?;
        PacketId::new(u16::try_from(position).ok()?.checked_add(1)?)
    }

    /// The identifier that [`Self::push`] gives next; `None` while every identifier is in use
    /// ([MQTT-2.2.1-3]).
    pub fn next_id(&self) -> Option<PacketId> {
        if u64::try_from(self.flows.len()).ok()? >= IDENTIFIERS {
            return None;
        }
        self.id_of(self.end())
    }

    /// Opens a flow under [`Self::next_id`].
    pub fn push(&mut self, flow: Flow) {
        self.flows.push_back(flow);
    }

    /// The flow with this identifier, unless it is complete.
    pub fn get_mut(&mut self, id: PacketId) -> Option<&mut Flow> {
        let first = self.offset.wrapping_add(self.passed).checked_rem(IDENTIFIERS)?;
        let position = u64::from(id.get()).checked_sub(1)?;
        let index = position.checked_add(IDENTIFIERS)?.checked_sub(first)?.checked_rem(IDENTIFIERS)?;
        let flow = self.flows.get_mut(usize::try_from(index).ok()?)?;
        (!matches!(flow, Flow::Done)).then_some(flow)
    }

    /// The flow with this number and its identifier.
    pub fn get(&self, number: u64) -> Option<(PacketId, &Flow)> {
        let index = usize::try_from(number.checked_sub(self.passed)?).ok()?;
        Some((self.id_of(number)?, self.flows.get(index)?))
    }

    /// Completes a flow.
    pub fn finish(&mut self, id: PacketId) {
        if let Some(flow) = self.get_mut(id) {
            *flow = Flow::Done;
        }
        while matches!(self.flows.front(), Some(Flow::Done)) {
            self.flows.pop_front();
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// Takes every flow out, oldest first: their identifiers mean nothing any more.
    pub fn take_all(&mut self) -> VecDeque<Flow> {
        self.passed = self.end();
        std::mem::take(&mut self.flows)
    }

    /// Each flow, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(ticket: u64) -> Flow {
        Flow::Publish { ticket, message: Message::default(), released: false }
    }

    #[test]
    fn identifiers_are_never_zero_and_never_in_use() {
        // 5:2.2.1-3 311:2.3.1-1
        let mut table = FlowTable::default();
        let mut stuck = None;
        for number in 0..200_000_u64 {
            let id = table.next_id().expect("an identifier is free");
            assert!(table.get_mut(id).is_none(), "{id} is in use");
            table.push(publish(number));
            if number == 150_000 {
                stuck = Some(id);
            } else {
                table.finish(id);
            }
        }
        let stuck = stuck.expect("the loop passed it");
        assert!(matches!(table.get_mut(stuck), Some(Flow::Publish { ticket: 150_000, .. })));
        while let Some(id) = table.next_id() {
            assert_ne!(id, stuck);
            table.push(publish(0));
        }
        assert_eq!(table.iter().count(), 65_535);
        table.finish(stuck);
        assert_eq!(table.next_id(), Some(stuck).and_then(|id| PacketId::new(id.get())));
    }

    #[test]
    fn numbers_and_identifiers_agree_after_the_wrap() {
        let mut table = FlowTable::default();
        table.start_at(65_533);
        let ids: Vec<u16> = (0..4)
            .map(|number| {
                let id = table.next_id().expect("an identifier is free");
                table.push(publish(number));
                id.get()
            })
            .collect();
        assert_eq!(ids, [65_534, 65_535, 1, 2]);
        assert_eq!(table.get(2).map(|(id, _)| id.get()), Some(1));
        assert!(matches!(table.get_mut(PacketId::MIN), Some(Flow::Publish { ticket: 2, .. })));
    }
}
