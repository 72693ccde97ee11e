//! The subscription tree: which subscriptions match a topic name (4.7).
//!
//! The nodes lie side by side and refer to each other by number, so that neither matching nor dropping
//! recurses as deep as a topic has levels.

use std::collections::HashMap;

use mqt_proto::{QoS, Subscription};

use super::holdings::{Held, Holdings};
use super::slab::{GroupKey, NodeKey, SessionKey, Slab};

/// A topic filter may have this many levels; mosquitto has the same limit.
pub(crate) const MAX_FILTER_LEVELS: usize = 200;

/// What a node takes with its place among the children of another, in bytes.
pub(crate) const NODE_COST: usize = 2 * size_of::<Option<TopicNode>>() + 160;

/// What a subscription takes besides nodes and the text of its filter, in bytes: in its node, and in the list of
/// its session.
pub(crate) const SUBSCRIPTION_COST: usize = 4 * size_of::<TopicSubscriber>() + 96;

/// A subscription as routing needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicSubscriber {
    /// Whose it is.
    pub session: SessionKey,
    /// The granted QoS.
    pub qos: QoS,
    /// Nothing that this session published itself.
    pub no_local: bool,
    /// Keep the RETAIN flag as published.
    pub retain_as_published: bool,
    /// The subscription identifier; 0 is none.
    pub identifier: u32,
}

impl TopicSubscriber {
    /// The part of a subscription that routing needs.
    pub(crate) fn new(session: SessionKey, subscription: &Subscription, identifier: u32) -> Self {
        Self {
            session,
            qos: subscription.qos,
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
            identifier,
        }
    }
}

/// What matches a topic name.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// Ordinary subscriptions, those of one session side by side.
    pub subscribers: Vec<TopicSubscriber>,
    /// Share groups, each of which gets one copy.
    pub groups: Vec<GroupKey>,
}

#[derive(Debug, Default)]
struct TopicNode {
    children: HashMap<Box<str>, NodeKey>,
    single: Option<NodeKey>,
    multi: Option<NodeKey>,
    subscribers: Vec<TopicSubscriber>,
    groups: Vec<GroupKey>,
}

impl TopicNode {
    fn child(&self, level: &str) -> Option<NodeKey> {
        match level {
            "+" => self.single,
            "#" => self.multi,
            _ => self.children.get(level).copied(),
        }
    }

    fn set_child(&mut self, level: &str, child: NodeKey) {
        match level {
            "+" => self.single = Some(child),
            "#" => self.multi = Some(child),
            _ => {
                self.children.insert(level.into(), child);
            }
        }
    }

    fn forget_child(&mut self, level: &str) {
        match level {
            "+" => self.single = None,
            "#" => self.multi = None,
            _ => {
                self.children.remove(level);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.single.is_none()
            && self.multi.is_none()
            && self.subscribers.is_empty()
            && self.groups.is_empty()
    }
}

/// All subscriptions, by the levels of their filters.
#[derive(Debug)]
pub(crate) struct SubscriptionTree {
    nodes: Slab<NodeKey, TopicNode>,
    root: NodeKey,
    held: Held,
}

impl SubscriptionTree {
    /// A tree without subscriptions.
    pub(crate) fn new(holdings: &Holdings) -> Self {
        let mut nodes = Slab::default();
        let root = nodes.insert(TopicNode::default());
        Self { nodes, root, held: holdings.hold(0) }
    }

    /// Adds a subscription or replaces the one that the session has on this filter. Says whether it is new.
    pub(crate) fn subscribe(&mut self, filter: &str, subscriber: TopicSubscriber) -> bool {
        let Some(node) = self.node(filter) else { return false };
        match node.subscribers.iter_mut().find(|old| old.session == subscriber.session) {
            Some(old) => {
                *old = subscriber;
                false
            }
            None => {
                node.subscribers.push(subscriber);
                true
            }
        }
    }

    /// Takes the subscription of a session away.
    pub(crate) fn unsubscribe(&mut self, filter: &str, session: SessionKey) {
        self.change(filter, |node| node.subscribers.retain(|subscriber| subscriber.session != session));
    }

    /// Adds a share group.
    pub(crate) fn add_group(&mut self, filter: &str, group: GroupKey) {
        if let Some(node) = self.node(filter) {
            node.groups.push(group);
        }
    }

    /// Takes a share group away.
    pub(crate) fn remove_group(&mut self, filter: &str, group: GroupKey) {
        self.change(filter, |node| node.groups.retain(|other| *other != group));
    }

    /// The node of a filter, made if need be.
    fn node(&mut self, filter: &str) -> Option<&mut TopicNode> {
        let mut at = self.root;
        for level in filter.split('/') {
            at = match self.nodes.get(at)?.child(level) {
                Some(child) => child,
                None => {
                    let child = self.nodes.insert(TopicNode::default());
                    self.nodes.get_mut(at)?.set_child(level, child);
                    self.held.add(NODE_COST + level.len());
                    child
                }
            };
        }
        self.nodes.get_mut(at)
    }

    /// Changes the node of a filter and removes the nodes that are empty then.
    fn change(&mut self, filter: &str, change: impl FnOnce(&mut TopicNode)) {
        let mut path = Vec::new();
        let mut at = self.root;
        for level in filter.split('/') {
            path.push((at, level));
            match self.nodes.get(at).and_then(|node| node.child(level)) {
                Some(child) => at = child,
                None => return,
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            change(node);
        }
        while let Some((parent, level)) = path.pop() {
            if !self.nodes.get(at).is_some_and(TopicNode::is_empty) {
                return;
            }
            self.nodes.remove(at);
            self.held.take(NODE_COST + level.len());
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.forget_child(level);
            }
            at = parent;
        }
    }

    /// Collects what matches a topic name. A wildcard at the first level does not match a topic that
    /// starts with `$` ([MQTT-4.7.2-1]).
    pub(crate) fn matches(&self, topic: &str, matches: &mut Matches) {
        matches.subscribers.clear();
        matches.groups.clear();
        let mut here = vec![self.root];
        let mut below = Vec::new();
        let mut wildcards = !topic.starts_with('$');
        for level in topic.split('/') {
            for node in here.drain(..).filter_map(|node| self.nodes.get(node)) {
                if wildcards {
                    self.collect(node.multi, matches);
                    below.extend(node.single);
                }
                below.extend(node.children.get(level));
            }
            if below.is_empty() {
                break;
            }
            std::mem::swap(&mut here, &mut below);
            wildcards = true;
        }
        for node in here {
            self.collect(Some(node), matches);
            self.collect(self.nodes.get(node).and_then(|node| node.multi), matches);
        }
        matches.subscribers.sort_by_key(|subscriber| subscriber.session);
    }

    fn collect(&self, node: Option<NodeKey>, matches: &mut Matches) {
        if let Some(node) = node.and_then(|node| self.nodes.get(node)) {
            matches.subscribers.extend_from_slice(&node.subscribers);
            matches.groups.extend_from_slice(&node.groups);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Key as _;
    use mqt_proto::TopicFilter;

    fn subscriber(session: usize, filter: &str) -> TopicSubscriber {
        TopicSubscriber::new(
            SessionKey::from_number(session),
            &Subscription::new(filter.parse().unwrap(), QoS::AtMostOnce),
            0,
        )
    }

    fn sessions(tree: &SubscriptionTree, topic: &str) -> Vec<usize> {
        let mut matches = Matches::default();
        tree.matches(topic, &mut matches);
        matches.subscribers.iter().map(|subscriber| subscriber.session.number()).collect()
    }

    #[test]
    fn the_tree_agrees_with_the_filters_themselves() {
        // 311:4.7.2-1 5:4.7.2-1 311:4.7.3-4 5:4.7.3-4
        let filters = [
            "#", "+", "+/+", "/+", "a", "a/#", "a/+", "a/b", "a/+/c", "$SYS/#", "$SYS/+", "+/a", "a//b", "/",
        ];
        let topics = [
            "a", "a/b", "a/b/c", "/", "/a", "$SYS", "$SYS/a", "$SYS/a/b", "a//b", "b", "b/a", "$a/a", "A",
            "a/",
        ];
        let mut tree = SubscriptionTree::new(&Holdings::new(usize::MAX));
        for (session, filter) in filters.iter().enumerate() {
            assert!(tree.subscribe(filter, subscriber(session, filter)));
        }
        for topic in topics {
            let expected: Vec<_> = (0..filters.len())
                .filter(|index| TopicFilter::new(filters[*index]).unwrap().matches(topic))
                .collect();
            assert_eq!(sessions(&tree, topic), expected, "{topic}");
        }
    }

    #[test]
    fn a_filter_that_is_left_leaves_nothing_behind() {
        let mut tree = SubscriptionTree::new(&Holdings::new(usize::MAX));
        let filters = ["a/b/c", "a/+/#", "a", "$SYS/#", "a/b"];
        for filter in filters {
            tree.subscribe(filter, subscriber(1, filter));
            assert!(!tree.subscribe(filter, subscriber(1, filter)), "{filter} is not new the second time");
        }
        let group = GroupKey::from_number(7);
        tree.add_group("a/b/c", group);
        for filter in filters {
            tree.unsubscribe(filter, SessionKey::from_number(1));
        }
        assert!(sessions(&tree, "a/b/c").is_empty());
        tree.unsubscribe("x/y", SessionKey::from_number(1));
        tree.remove_group("a/b/c", group);
        assert_eq!((tree.nodes.len(), tree.held.bytes()), (1, 0), "only the root is left");
    }

    #[test]
    fn a_topic_of_65536_levels_is_matched_without_recursion() {
        let topic = "/".repeat(65_535);
        let mut tree = SubscriptionTree::new(&Holdings::new(usize::MAX));
        tree.subscribe(&topic, subscriber(1, &topic));
        tree.subscribe("#", subscriber(2, "#"));
        assert_eq!(sessions(&tree, &topic), [1, 2]);
    }
}
