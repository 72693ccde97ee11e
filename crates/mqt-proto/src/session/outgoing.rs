//! What this client has asked of the server and not yet seen the end of: publishes, subscribes and
//! unsubscribes, in their original order ([MQTT-4.6.0-1]).

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::packet::{Subscribe, Unsubscribe};
use crate::{Message, PacketId};

/// How many packet identifiers there are.
const IDENTIFIERS: u64 = 65_535;

/// How far a QoS 1 or 2 publish has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowStage {
    /// It was sent on an earlier connection, and is not yet on this one.
    Waiting,
    /// PUBLISH is out on this connection.
    Published,
    /// PUBREC came: only PUBREL may be sent from here on (4.3.3).
    Released {
        /// PUBREC said that nobody has subscribed to it.
        unmatched: bool,
    },
}

/// A flow that holds a packet identifier.
#[derive(Debug)]
pub(super) enum Flow {
    /// A QoS 1 or 2 publish that is not complete.
    Publish {
        ticket: u64,
        message: Message,
        stage: FlowStage,
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
///
/// A flow that is still open when the circle comes round to it is put aside, so that one answer that never
/// comes does not keep every other identifier from being used again.
#[derive(Debug, Default)]
pub(super) struct FlowTable {
    flows: VecDeque<Flow>,
    /// How many flows came before the front.
    passed: u64,
    /// Where the circle begins.
    offset: u64,
    /// Flows that the circle has overtaken, by number, and where their identifiers lead.
    aside: BTreeMap<u64, Flow>,
    aside_ids: HashMap<PacketId, u64>,
    /// How many flows are open.
    open: usize,
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl FlowTable {
    /// Begins the circle behind another identifier. Only while the table is empty.
    pub(super) fn start_at(&mut self, offset: u16) {
        if self.open == 0 && self.flows.is_empty() {
            self.offset = u64::from(offset);
            self.passed = 0;
        }
    }

    /// The number of the flow that comes next.
    pub(super) fn end(&self) -> u64 {
        self.passed.saturating_add(count(self.flows.len()))
    }

    fn id_of(&self, number: u64) -> Option<PacketId> {
        let position = self.offset.wrapping_add(number).checked_rem(IDENTIFIERS)?;
        PacketId::new(u16::try_from(position).ok()?.checked_add(1)?)
    }

    /// Whether every identifier is in use.
    pub(super) fn is_full(&self) -> bool {
        count(self.open) >= IDENTIFIERS
    }

    /// The identifier that [`Self::push`] gives next; `None` while every identifier is in use
    /// ([MQTT-2.2.1-3]).
    pub(super) fn next_id(&mut self) -> Option<PacketId> {
        if self.is_full() {
            return None;
        }
        loop {
            if count(self.flows.len()) >= IDENTIFIERS {
                self.put_aside();
            }
            let id = self.id_of(self.end())?;
            if self.aside.is_empty() || !self.aside_ids.contains_key(&id) {
                return Some(id);
            }
            self.flows.push_back(Flow::Done);
            self.drop_done();
        }
    }

    fn put_aside(&mut self) {
        let number = self.passed;
        if let (Some(id), Some(oldest)) = (self.id_of(number), self.flows.pop_front()) {
            self.aside.insert(number, oldest);
            self.aside_ids.insert(id, number);
            self.passed = number.saturating_add(1);
        }
        self.drop_done();
    }

    /// Opens a flow under [`Self::next_id`].
    pub(super) fn push(&mut self, flow: Flow) {
        self.flows.push_back(flow);
        self.open = self.open.saturating_add(1);
    }

    fn slot(&mut self, id: PacketId) -> Option<&mut Flow> {
        let first = self.offset.wrapping_add(self.passed).checked_rem(IDENTIFIERS)?;
        let position = u64::from(id.get()).checked_sub(1)?;
        let index = position.checked_add(IDENTIFIERS)?.checked_sub(first)?.checked_rem(IDENTIFIERS)?;
        self.flows.get_mut(usize::try_from(index).ok()?)
    }

    /// The flow with this identifier, unless it is complete.
    pub(super) fn get_mut(&mut self, id: PacketId) -> Option<&mut Flow> {
        if !self.aside.is_empty()
            && let Some(number) = self.aside_ids.get(&id)
        {
            return self.aside.get_mut(number);
        }
        self.slot(id).filter(|flow| !matches!(flow, Flow::Done))
    }

    /// The first open flow from this number on, with its number and identifier.
    pub(super) fn next_from(&mut self, number: u64) -> Option<(u64, PacketId, &mut Flow)> {
        if let Some((&aside, _)) = self.aside.range(number..).next() {
            return Some((aside, self.id_of(aside)?, self.aside.get_mut(&aside)?));
        }
        let skipped = usize::try_from(number.saturating_sub(self.passed)).ok()?;
        let index = skipped
            .checked_add(self.flows.iter().skip(skipped).position(|flow| !matches!(flow, Flow::Done))?)?;
        let number = self.passed.checked_add(count(index))?;
        let id = self.id_of(number)?;
        self.flows.get_mut(index).map(|flow| (number, id, flow))
    }

    /// Completes a flow.
    pub(super) fn finish(&mut self, id: PacketId) {
        if !self.aside.is_empty()
            && let Some(number) = self.aside_ids.remove(&id)
        {
            self.aside.remove(&number);
            self.open = self.open.saturating_sub(1);
            return;
        }
        if let Some(flow) = self.slot(id).filter(|flow| !matches!(flow, Flow::Done)) {
            *flow = Flow::Done;
            self.open = self.open.saturating_sub(1);
        }
        self.drop_done();
    }

    fn drop_done(&mut self) {
        while matches!(self.flows.front(), Some(Flow::Done)) {
            self.flows.pop_front();
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// Takes every flow out, oldest first: their identifiers mean nothing any more.
    pub(super) fn take_all(&mut self) -> Vec<Flow> {
        self.passed = self.end();
        self.open = 0;
        self.aside_ids.clear();
        std::mem::take(&mut self.aside).into_values().chain(self.flows.drain(..)).collect()
    }

    /// Each flow, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.aside.values().chain(&self.flows)
    }

    /// Each flow with its number, oldest first.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Flow)> {
        let passed = self.passed;
        let aside = self.aside.iter().map(|(number, flow)| (*number, flow));
        aside.chain(
            self.flows
                .iter()
                .enumerate()
                .map(move |(index, flow)| (passed.saturating_add(count(index)), flow)),
        )
    }

    /// The identifier of the first flow that fits.
    pub(super) fn find(&self, fits: impl Fn(&Flow) -> bool) -> Option<PacketId> {
        let (number, _) = self.numbered().find(|(_, flow)| fits(flow))?;
        self.id_of(number)
    }

    /// Completes every flow that fits, and returns how many those were.
    pub(super) fn finish_all(&mut self, fits: impl Fn(&Flow) -> bool) -> u64 {
        let fitting = self.numbered().filter(|(_, flow)| fits(flow));
        let fitting: Vec<_> = fitting.filter_map(|(number, _)| self.id_of(number)).collect();
        for id in &fitting {
            self.finish(*id);
        }
        count(fitting.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(ticket: u64) -> Flow {
        Flow::Publish { ticket, message: Message::default(), stage: FlowStage::Published }
    }

    fn ticket(flow: Option<&mut Flow>) -> Option<u64> {
        match flow {
            Some(Flow::Publish { ticket, .. }) => Some(*ticket),
            _ => None,
        }
    }

    #[test]
    fn identifiers_are_never_zero_and_never_in_use() {
        // 5:2.2.1-3 311:2.3.1-1 311:2.3.1-2 5:4.3.2-1 5:4.3.3-1
        let mut table = FlowTable::default();
        let mut stuck = Vec::new();
        for number in 0..400_000_u64 {
            let id = table.next_id().expect("an identifier is free");
            assert!(table.get_mut(id).is_none(), "{id} is in use");
            table.push(publish(number));
            // Two answers never come; they do not keep the others from going round the circle.
            if number == 150_000 || number == 150_007 {
                stuck.push(id);
            } else {
                table.finish(id);
            }
        }
        assert_eq!(ticket(table.get_mut(stuck[0])), Some(150_000));
        assert_eq!(ticket(table.get_mut(stuck[1])), Some(150_007));
        assert_eq!(ticket(table.next_from(0).map(|(_, _, flow)| flow)), Some(150_000), "oldest first");
        table.finish(stuck[0]);
        assert!(table.get_mut(stuck[0]).is_none());
        while let Some(id) = table.next_id() {
            assert_ne!(id, stuck[1]);
            table.push(publish(0));
        }
        assert!(table.is_full());
        assert_eq!(table.iter().filter(|flow| !matches!(flow, Flow::Done)).count(), 65_535);
        table.finish(stuck[1]);
        assert_eq!(table.next_id(), Some(stuck[1]), "the only one that is free");
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
        assert_eq!(table.next_from(2).map(|(number, id, _)| (number, id.get())), Some((2, 1)));
        assert_eq!(ticket(table.get_mut(PacketId::MIN)), Some(2));
    }
}
