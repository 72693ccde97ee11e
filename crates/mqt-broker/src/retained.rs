//! Retained messages: the last one of each topic (3.3.1.3).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use bytestring::ByteString;

use mqt_proto::TopicFilter;

use super::holdings::{Held, Holdings};
use super::stored::Stored;

/// What a place in the store takes, in bytes: the nodes of the tree are half empty at worst.
const PLACE_COST: usize = 2 * (size_of::<ByteString>() + size_of::<KeptRetained>());

/// The store of retained messages, ordered by topic, so that a filter needs only look at the topics that
/// share its part before the first wildcard.
#[derive(Debug)]
pub(crate) struct Retained {
    messages: BTreeMap<ByteString, KeptRetained>,
    bytes: usize,
    /// The places; the messages are in the sum by themselves.
    places: Held,
}

/// A retained message and the client that published it.
#[derive(Debug, Clone)]
pub(crate) struct KeptRetained {
    /// The message.
    pub stored: Arc<Stored>,
    /// The client identifier of the publisher; empty for the broker itself.
    pub publisher: ByteString,
}

impl KeptRetained {
    /// What its place takes, in bytes.
    fn place_cost(&self) -> usize {
        PLACE_COST + self.publisher.len()
    }

    /// What it takes together, in bytes.
    fn size(&self) -> usize {
        self.stored.size() + self.place_cost()
    }
}

impl Retained {
    /// An empty store.
    pub(crate) fn new(holdings: &Holdings) -> Self {
        Self { messages: BTreeMap::new(), bytes: 0, places: holdings.hold(0) }
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How much memory all of it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the store would hold with a message that takes `size` bytes instead of the one of its topic:
    /// messages and bytes.
    pub(crate) fn size_with(&self, topic: &str, size: usize, publisher: &str) -> (usize, usize) {
        let bytes = self.bytes + size + PLACE_COST + publisher.len();
        match self.messages.get(topic) {
            Some(old) => (self.messages.len(), bytes - old.size()),
            None => (self.messages.len() + 1, bytes),
        }
    }

    /// Keeps a message instead of the one of its topic ([MQTT-3.3.1-5]).
    pub(crate) fn keep(&mut self, stored: Arc<Stored>, publisher: ByteString) {
        self.clear(&stored.message().topic);
        let kept = KeptRetained { stored, publisher };
        self.bytes += kept.size();
        self.places.add(kept.place_cost());
        self.messages.insert(kept.stored.message().topic.as_byte_string().clone(), kept);
    }

    /// The payload of a topic.
    pub(crate) fn payload(&self, topic: &str) -> Option<&[u8]> {
        self.messages.get(topic).map(|kept| &*kept.stored.message().payload)
    }

    /// Forgets the message of a topic ([MQTT-3.3.1-6]).
    pub(crate) fn clear(&mut self, topic: &str) {
        if let Some(old) = self.messages.remove(topic) {
            self.bytes -= old.size();
            self.places.take(old.place_cost());
        }
    }

    /// The messages that match a filter and have not expired, by topic.
    pub(crate) fn matching(&self, filter: &TopicFilter, now: Instant) -> Vec<KeptRetained> {
        let pattern = filter.matching_part();
        let literal = pattern.find(['+', '#']).map_or(pattern, |end| pattern.get(..end).unwrap_or(pattern));
        // `a/#` also matches `a`, which precedes `a/`.
        let prefix = literal.strip_suffix('/').filter(|_| pattern.ends_with('#')).unwrap_or(literal);
        self.messages
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(topic, _)| topic.starts_with(prefix))
            .filter(|(topic, kept)| filter.matches(topic) && !kept.stored.is_expired(now))
            .map(|(_, kept)| kept.clone())
            .collect()
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        let (bytes, places) = (&mut self.bytes, &mut self.places);
        self.messages.retain(|_, kept| {
            let keep = !kept.stored.is_expired(now);
            if !keep {
                *bytes -= kept.size();
                places.take(kept.place_cost());
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Routed;
    use super::*;
    use mqt_proto::{Message, Property};

    fn stored(holdings: &Holdings, topic: &str, payload: &'static [u8], now: Instant) -> Arc<Stored> {
        let mut message = Message { topic: topic.parse().unwrap(), retain: true, ..Message::default() };
        message.payload = payload.into();
        message.properties.push(Property::MessageExpiryInterval(payload.len() as u32));
        Routed::new(message, now).stored(holdings)
    }

    #[test]
    fn a_filter_finds_what_it_matches_and_nothing_else() {
        let now = Instant::now();
        let holdings = Holdings::new(usize::MAX);
        let mut retained = Retained::new(&holdings);
        let topics = ["a", "a/b", "a/b/c", "a0", "ab", "b", "$SYS/x", "/", "a/"];
        for topic in topics {
            retained.keep(stored(&holdings, topic, b"12345", now), ByteString::new());
        }
        for filter in ["#", "a/#", "a", "+", "a/+", "a/b", "$SYS/#", "/+", "+/b/#", "x/#", "a/b/#"] {
            let filter: TopicFilter = filter.parse().unwrap();
            let mut expected: Vec<&str> =
                topics.iter().copied().filter(|topic| filter.matches(topic)).collect();
            expected.sort_unstable();
            let found = retained.matching(&filter, now);
            let found: Vec<&str> = found.iter().map(|kept| &*kept.stored.message().topic).collect();
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[test]
    fn the_store_knows_its_size_and_forgets_what_expired() {
        // 5:3.3.2-5
        let now = Instant::now();
        let holdings = Holdings::new(usize::MAX);
        let mut retained = Retained::new(&holdings);
        retained.keep(stored(&holdings, "a", b"1", now), ByteString::new());
        retained.keep(stored(&holdings, "a", b"22", now), ByteString::new());
        retained.keep(stored(&holdings, "b", b"333", now), ByteString::new());
        assert_eq!((retained.len(), retained.bytes()), (2, holdings.bytes()));
        assert!(holdings.bytes() > 2 + 5, "{}", holdings.bytes());
        let (with, without) = (retained.size_with("a", 10, "x"), retained.size_with("c", 10, "x"));
        assert_eq!((with.0, without.0), (2, 3));
        assert_eq!(without.1, retained.bytes() + PLACE_COST + 11);
        assert!(with.1 < without.1);
        let later = now + std::time::Duration::from_secs(2);
        assert_eq!(retained.matching(&"#".parse().unwrap(), later).len(), 1);
        retained.expire(later);
        assert_eq!((retained.len(), retained.bytes()), (1, holdings.bytes()));
        retained.clear("b");
        assert_eq!((retained.len(), retained.bytes(), holdings.bytes()), (0, 0, 0));
    }
}
