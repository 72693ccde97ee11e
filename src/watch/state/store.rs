//! What came in, within limits: the tree of topics and the last messages of each.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

use bytes::Bytes;

use crate::config::{Decode, WatchLimits};
use crate::watch::state::filter::Filter;
use crate::watch::state::tree::{NodeId, ROOT, SortOrder, TopicTree};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, Properties, QoS, TopicName};

/// What a kept message takes besides its payload and properties, in bytes: its places in two queues that are
/// half full at worst, and the allocation.
const MESSAGE_COST: usize = size_of::<KeptMessage>() * 3 / 2 + size_of::<(NodeId, u64)>() * 3 + 16;
/// What properties take besides the list and its texts: themselves, and three allocations.
const PROPERTIES_COST: usize = size_of::<Properties>() + 80;
/// What a topic takes besides its nodes in the tree.
const TOPIC_COST: usize = 160;

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// Its number, counting all messages from 1 on.
    pub number: u64,
    /// When it came, in microseconds.
    pub at: u64,
    /// From the message before it on this topic, in microseconds.
    pub since_last: Option<u64>,
    /// The payload, or the beginning of it.
    pub payload: Box<[u8]>,
    /// How long the payload is, in bytes.
    pub length: usize,
    /// The quality of service it came with.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// The DUP flag.
    pub dup: bool,
    /// Its properties, in order.
    pub properties: Option<Box<Properties>>,
}

impl KeptMessage {
    /// A copy that holds on to nothing of the buffer that the packet was read into.
    #[must_use]
    pub fn new(publish: &Publish, at: u64, at_most: usize) -> Self {
        let Message { payload, qos, retain, properties, .. } = &publish.message;
        let kept = payload.get(..at_most).unwrap_or(payload);
        Self {
            number: 0,
            at,
            since_last: None,
            payload: kept.into(),
            length: payload.len(),
            qos: *qos,
            retain: *retain,
            dup: publish.dup,
            properties: (!properties.is_empty()).then(|| Box::new(properties.detached())),
        }
    }

    /// Whether a part of the payload was not kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.payload.len() < self.length
    }

    /// The content type.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.properties.as_deref()?.content_type().map(|text| &**text)
    }

    /// How many bytes of memory it takes.
    #[must_use]
    pub fn cost(&self) -> usize {
        let properties = self.properties.as_deref().map_or(0, |list| PROPERTIES_COST + list.held_bytes());
        MESSAGE_COST + self.payload.len() + properties
    }

    /// The message as it can be published again; `None` when a part of it was not kept.
    #[must_use]
    pub fn to_message(&self, topic: &str) -> Option<Message> {
        (!self.is_cut()).then_some(())?;
        Some(Message {
            topic: TopicName::new(topic.to_owned()).ok()?,
            payload: Bytes::copy_from_slice(&self.payload),
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.as_deref().cloned().unwrap_or_default(),
        })
    }
}

/// What is known about a topic.
#[derive(Debug, Default)]
pub struct Topic {
    /// The last messages, the oldest first. Empty when there was no room for them.
    pub history: VecDeque<KeptMessage>,
    /// Messages of the topic.
    pub messages: u64,
    /// The broker has a retained message for it, as far as is known.
    pub retained: bool,
    /// How its payloads are to be read, where the user has said so.
    pub decode: Option<Decode>,
    last_at: Option<u64>,
}

impl Topic {
    /// The last message, where it is kept.
    #[must_use]
    pub fn last(&self) -> Option<&KeptMessage> {
        self.history.back()
    }

    /// The place of a message in the history.
    #[must_use]
    pub fn place_of(&self, number: u64) -> Option<usize> {
        let place = self.history.partition_point(|kept| kept.number < number);
        self.history.get(place).is_some_and(|kept| kept.number == number).then_some(place)
    }
}

/// What could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Messages of topics beyond the limit: not shown at all.
    pub of_topics: u64,
    /// Messages that had to go from the history before their time.
    pub of_history: u64,
    /// Payloads of which only the beginning is kept.
    pub cut: u64,
    /// Messages that came while the screen was paused and for which there was no room.
    pub while_paused: u64,
}

/// The topics and their messages.
#[derive(Debug, Default)]
pub struct Store {
    /// The topics in order.
    pub tree: TopicTree,
    topics: HashMap<NodeId, Topic>,
    limits: WatchLimits,
    /// Kept messages, the oldest first; those that have left their topic's history are still in it.
    order: VecDeque<(NodeId, u64)>,
    kept: usize,
    cost: usize,
    numbers: u64,
    filter: Filter,
    /// The node from which on the filter has not been applied yet.
    unfiltered: Option<NodeId>,
    /// What could not be kept.
    pub dropped: Dropped,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(limits: WatchLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How much it keeps.
    #[must_use]
    pub fn limits(&self) -> &WatchLimits {
        &self.limits
    }

    /// What it takes, in bytes, about.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost + self.tree.cost()
    }

    /// What is known about a topic.
    #[must_use]
    pub fn topic(&self, id: NodeId) -> Option<&Topic> {
        self.topics.get(&id)
    }

    /// Topics and what is known about them, in no order.
    pub fn topics(&self) -> impl Iterator<Item = (NodeId, &Topic)> {
        self.topics.iter().map(|(id, topic)| (*id, topic))
    }

    /// Sets how the payloads of a topic are read.
    pub fn set_decode(&mut self, id: NodeId, decode: Option<Decode>) {
        if let Some(topic) = self.topics.get_mut(&id) {
            topic.decode = decode;
        }
    }

    /// Takes a message in.
    pub fn add(&mut self, topic: &str, mut kept: KeptMessage) {
        let now = kept.at;
        let known = self.tree.find(topic).filter(|id| self.topics.contains_key(id));
        if known.is_none() && !self.has_room_for(topic) {
            self.dropped.of_topics += 1;
            return;
        }
        let Ok(id) = self.tree.insert(topic, now) else {
            self.dropped.of_topics += 1;
            return;
        };
        let is_new = self.tree.count(id, kept.length as u64, now);
        self.numbers += 1;
        kept.number = self.numbers;
        let entry = match self.topics.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.cost += TOPIC_COST;
                entry.insert(Topic::default())
            }
        };
        kept.since_last = entry.last_at.map(|last| now.saturating_sub(last));
        entry.last_at = Some(now);
        entry.messages += 1;
        let was_retained = entry.retained;
        // A message without the flag says nothing about the retained one: brokers clear it when they pass a
        // message on, unless they were asked not to.
        if kept.retain {
            entry.retained = kept.length > 0;
        }
        let is_retained = entry.retained;
        if is_new && !self.filter.is_empty() || self.filter.looks_at_payloads() {
            if self.unfiltered.is_none_or(|next| id < next) {
                let matches = self.filter.matches(topic, Some(&kept.payload));
                self.tree.set_match(id, matches);
            }
        } else if is_new {
            self.tree.set_match(id, true);
        }
        self.tree.set_retained(id, was_retained, is_retained);
        self.dropped.cut += u64::from(kept.is_cut());
        self.cost += kept.cost();
        self.kept += 1;
        self.order.push_back((id, kept.number));
        if let Some(entry) = self.topics.get_mut(&id) {
            entry.history.push_back(kept);
            if entry.history.len() > self.limits.history
                && let Some(oldest) = entry.history.pop_front()
            {
                self.cost -= oldest.cost();
                self.kept -= 1;
            }
        }
        self.make_room();
        if self.order.len() > 2 * self.kept + 1_024 {
            self.forget_gone();
        }
    }

    /// Notes that the broker was told to forget the retained message of a topic.
    pub fn cleared(&mut self, id: NodeId) {
        if let Some(topic) = self.topics.get_mut(&id) {
            let was = std::mem::replace(&mut topic.retained, false);
            self.tree.set_retained(id, was, false);
        }
    }

    /// Topics leave a quarter of the memory to the messages.
    fn has_room_for(&self, topic: &str) -> bool {
        let topics = self.tree.cost() + self.topics.len() * TOPIC_COST + TopicTree::cost_of(topic);
        self.topics.len() < self.limits.topics && topics < self.limits.memory / 4 * 3
    }

    /// Drops the oldest messages of all until the rest fits.
    fn make_room(&mut self) {
        while self.cost() > self.limits.memory {
            let Some((id, number)) = self.order.pop_front() else { return };
            let Some(topic) = self.topics.get_mut(&id) else { continue };
            if topic.history.front().is_some_and(|oldest| oldest.number == number)
                && let Some(oldest) = topic.history.pop_front()
            {
                self.cost -= oldest.cost();
                self.kept -= 1;
                self.dropped.of_history += 1;
            }
        }
    }

    /// Takes those that are gone out of the queue.
    fn forget_gone(&mut self) {
        let topics = &self.topics;
        self.order.retain(|(id, number)| {
            topics
                .get(id)
                .and_then(|topic| topic.history.front())
                .is_some_and(|oldest| oldest.number <= *number)
        });
    }

    /// The filter in force.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Filters again. What matches appears as [`Self::work`] finds it.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.tree.hide_all();
        self.unfiltered = Some(ROOT);
    }

    /// Whether [`Self::work`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.unfiltered.is_some()
    }

    /// Filters some more topics.
    pub fn work(&mut self, at_most: u32) {
        let Some(first) = self.unfiltered else { return };
        let end = (self.tree.len() as NodeId).min(first.saturating_add(at_most));
        let opens = !self.filter.is_empty();
        for id in first..end {
            let Some(topic) = self.topics.get(&id) else { continue };
            let payload = topic.last().map(|kept| &*kept.payload);
            if self.filter.matches(self.tree.node(id).path(), payload) {
                if opens {
                    self.tree.reveal(id);
                }
                self.tree.set_match(id, true);
            }
        }
        self.unfiltered = (end < self.tree.len() as NodeId).then_some(end);
    }

    /// Orders siblings again.
    pub fn set_order(&mut self, order: SortOrder) {
        self.tree.set_order(order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(topic: &str, payload: &[u8], retain: bool) -> Publish {
        let message = Message {
            topic: TopicName::new(topic.to_owned()).unwrap(),
            payload: Bytes::copy_from_slice(payload),
            retain,
            ..Message::default()
        };
        Publish { message, ..Publish::default() }
    }

    fn add(store: &mut Store, topic: &str, payload: &[u8], at: u64) {
        let kept = KeptMessage::new(&publish(topic, payload, false), at, store.limits().payload);
        store.add(topic, kept);
    }

    fn topic<'a>(store: &'a Store, topic: &str) -> &'a Topic {
        store.topic(store.tree.find(topic).unwrap()).unwrap()
    }

    #[test]
    fn the_history_of_a_topic_has_its_last_messages() {
        let mut store = Store::new(WatchLimits { history: 3, ..WatchLimits::default() });
        for at in 0..5 {
            add(&mut store, "a/b", &[b'0' + at as u8], at * 1_000);
        }
        let topic = topic(&store, "a/b");
        let payloads: Vec<&[u8]> = topic.history.iter().map(|kept| &*kept.payload).collect();
        assert_eq!(payloads, [b"2", b"3", b"4"]);
        assert_eq!(topic.messages, 5);
        assert_eq!(topic.last().unwrap().since_last, Some(1_000));
        assert_eq!(topic.place_of(4), Some(1));
        assert_eq!(topic.place_of(1), None);
        assert_eq!(store.dropped, Dropped::default());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let memory = 200_000;
        let mut store = Store::new(WatchLimits { memory, ..WatchLimits::default() });
        for at in 0..20_000_u64 {
            add(&mut store, &format!("t/{}", at % 50), &[0; 100], at);
            assert!(store.cost() <= memory, "{}", store.cost());
        }
        assert!(store.dropped.of_history > 10_000);
        assert!(store.order.len() <= 2 * store.kept + 1_024);
        let kept: usize = store.topics().map(|(_, topic)| topic.history.len()).sum();
        assert_eq!(kept, store.kept);
        let costs: usize = store.topics().flat_map(|(_, topic)| &topic.history).map(KeptMessage::cost).sum();
        assert_eq!(store.cost, costs + 50 * TOPIC_COST);
        // The newest are still there.
        assert_eq!(topic(&store, "t/49").last().unwrap().number, 20_000);
    }

    #[test]
    fn a_queue_of_messages_that_left_their_history_does_not_grow() {
        let mut store = Store::new(WatchLimits { history: 2, ..WatchLimits::default() });
        for at in 0..50_000 {
            add(&mut store, "one", b"x", at);
        }
        assert!(store.order.len() < 2_000, "{}", store.order.len());
    }

    #[test]
    fn topics_beyond_the_limits_are_counted() {
        let mut store = Store::new(WatchLimits { topics: 2, ..WatchLimits::default() });
        for name in ["a", "b", "c", "a", "c"] {
            add(&mut store, name, b"x", 0);
        }
        assert_eq!(store.dropped.of_topics, 2);
        assert_eq!(store.tree.node(ROOT).topics, 2);
        let mut store = Store::new(WatchLimits { memory: 100_000, ..WatchLimits::default() });
        for number in 0..10_000 {
            add(&mut store, &format!("{}/{number}", "x".repeat(1_000)), b"x", 0);
        }
        assert!(store.cost() < 100_000 && store.dropped.of_topics > 9_000);
    }

    #[test]
    fn long_payloads_are_cut_and_that_is_counted() {
        let mut store = Store::new(WatchLimits { payload: 10, ..WatchLimits::default() });
        add(&mut store, "a", &[7; 25], 0);
        let kept = topic(&store, "a").last().unwrap();
        assert_eq!((kept.payload.len(), kept.length, kept.is_cut()), (10, 25, true));
        assert!(kept.to_message("a").is_none());
        assert_eq!(store.dropped.cut, 1);
    }

    #[test]
    fn retained_messages_are_known_until_they_are_cleared() {
        let mut store = Store::new(WatchLimits::default());
        let put = |store: &mut Store, payload: &[u8], retain| {
            let kept = KeptMessage::new(&publish("a/b", payload, retain), 0, 100);
            store.add("a/b", kept);
        };
        put(&mut store, b"x", true);
        put(&mut store, b"live", false);
        assert_eq!(store.tree.node(ROOT).retained, 1);
        put(&mut store, b"", true);
        assert_eq!(store.tree.node(ROOT).retained, 0);
        put(&mut store, b"y", true);
        store.cleared(store.tree.find("a/b").unwrap());
        assert_eq!(store.tree.node(ROOT).retained, 0);
    }

    #[test]
    fn a_filter_is_applied_in_steps_and_to_what_comes() {
        let mut store = Store::new(WatchLimits::default());
        for number in 0..100 {
            add(&mut store, &format!("room/{number}/temp"), b"20", 0);
            add(&mut store, &format!("room/{number}/light"), b"on", 0);
        }
        assert_eq!(store.tree.matching(), 200);
        store.set_filter(Filter::parse("temp p:2").unwrap());
        let mut steps = 0;
        while store.has_work() {
            store.work(50);
            steps += 1;
        }
        assert!(steps > 4);
        assert_eq!(store.tree.matching(), 100);
        add(&mut store, "room/7/temp", b"31", 0);
        assert_eq!(store.tree.matching(), 99);
        add(&mut store, "room/new/temp", b"21", 0);
        assert_eq!(store.tree.matching(), 100);
        store.set_filter(Filter::default());
        store.work(u32::MAX);
        assert_eq!(store.tree.matching(), 201);
    }
}
