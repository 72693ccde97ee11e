//! The topics as a tree that is kept in order while it grows: what a row of the screen shows is found without
//! walking the topics.
//!
//! Siblings hang in a `treap` that counts visible rows.

mod treap;

use std::collections::HashMap;
use std::sync::Arc;

/// The place of a topic in the tree. The first is the root, which is no topic.
pub type NodeId = u32;

/// No node.
const NIL: NodeId = u32::MAX;
/// The node above all others.
pub const ROOT: NodeId = 0;
/// Levels below this stand together in one name: a topic may have 65,535 of them.
const MAX_DEPTH: usize = 48;
/// Rates fade with this time constant, in seconds.
pub const FADE: f64 = 5.0;
/// What a node takes besides its name, in bytes: itself, its places in two tables, and the allocations.
const NODE_COST: usize = 280;

/// What siblings are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// By name.
    #[default]
    Name,
    /// The busiest first.
    Rate,
    /// The last changed first.
    Change,
}

/// A level of a topic.
#[derive(Debug)]
pub struct TreeNode {
    path: Arc<str>,
    /// Where in the path the name of this level begins.
    name_at: usize,
    /// The node above.
    pub parent: NodeId,
    /// How many nodes are above it, the root not among them.
    pub depth: u16,
    left: NodeId,
    right: NodeId,
    up: NodeId,
    /// The root of the treap of its children.
    children: NodeId,
    /// The visible rows of the treap from here on down.
    sum: u32,
    /// Its visible rows: itself, and what is below it when it is open.
    rows: u32,
    /// Its place in an order other than that by name; the largest first, and by name where it is the same.
    key: f64,
    /// Whether its children show.
    pub open: bool,
    /// It is a topic: messages came to it and not only to topics below.
    pub is_topic: bool,
    matches: bool,
    moved: bool,
    /// Topics at and below it.
    pub topics: u32,
    /// Topics at and below it that the filter lets through.
    matching: u32,
    /// Retained messages at and below it, as far as is known.
    pub retained: u32,
    /// Messages at and below it.
    pub messages: u64,
    /// Bytes of payload at and below it.
    pub bytes: u64,
    /// When it came about, in microseconds.
    born: u64,
    /// When a message came last, in microseconds.
    pub changed: u64,
    rate: f64,
}

impl TreeNode {
    /// Its topic.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last level of its topic.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.get(self.name_at..).unwrap_or_default()
    }

    /// Whether there is something below it.
    #[must_use]
    pub fn has_children(&self) -> bool {
        self.children != NIL
    }

    /// Messages a second at and below it, of the last seconds.
    #[must_use]
    pub fn rate(&self, now: u64) -> f64 {
        if self.messages == 0 {
            return 0.0;
        }
        let age = seconds(now.saturating_sub(self.born)).max(1.0);
        let faded = self.rate * (-seconds(now.saturating_sub(self.changed)) / FADE).exp();
        faded / (1.0 - (-age / FADE).exp())
    }

    fn count(&mut self, bytes: u64, now: u64) {
        let since = seconds(now.saturating_sub(self.changed));
        self.rate = self.rate.mul_add((-since / FADE).exp(), 1.0 / FADE);
        self.changed = now;
        self.messages += 1;
        self.bytes += bytes;
    }

    fn is_shown(&self) -> bool {
        self.matching > 0
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// There is no room for a further topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The tree of topics.
#[derive(Debug)]
pub struct TopicTree {
    nodes: Vec<TreeNode>,
    by_path: HashMap<Arc<str>, NodeId>,
    order: SortOrder,
    /// Nodes whose place in the order may have changed.
    moved: Vec<NodeId>,
    /// What the nodes take, in bytes.
    cost: usize,
}

impl Default for TopicTree {
    fn default() -> Self {
        let root = TreeNode {
            path: Arc::from(""),
            name_at: 0,
            parent: NIL,
            depth: 0,
            left: NIL,
            right: NIL,
            up: NIL,
            children: NIL,
            sum: 0,
            rows: 0,
            key: 0.0,
            open: true,
            is_topic: false,
            matches: false,
            moved: false,
            topics: 0,
            matching: 0,
            retained: 0,
            messages: 0,
            bytes: 0,
            born: 0,
            changed: 0,
            rate: 0.0,
        };
        Self {
            nodes: vec![root],
            by_path: HashMap::new(),
            order: SortOrder::Name,
            moved: Vec::new(),
            cost: NODE_COST,
        }
    }
}

impl TopicTree {
    /// How many nodes there are, the root among them. They are numbered from 0 on, parents before children.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing but the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &TreeNode {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut TreeNode {
        &mut self.nodes[id as usize]
    }

    /// What the tree takes, in bytes, about.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// What siblings are ordered by.
    #[must_use]
    pub fn order(&self) -> SortOrder {
        self.order
    }

    /// The node of a topic.
    #[must_use]
    pub fn find(&self, topic: &str) -> Option<NodeId> {
        self.by_path.get(topic).copied()
    }

    /// What a new topic would take, at most.
    #[must_use]
    pub fn cost_of(topic: &str) -> usize {
        let levels = topic.bytes().filter(|byte| *byte == b'/').count() + 1;
        levels.min(MAX_DEPTH) * (NODE_COST + topic.len())
    }

    /// The node of a topic, which is made where there is none.
    ///
    /// # Errors
    /// There would be more nodes than can be numbered.
    pub fn insert(&mut self, topic: &str, now: u64) -> Result<NodeId, Full> {
        if let Some(id) = self.find(topic) {
            return Ok(id);
        }
        if self.nodes.len() + MAX_DEPTH >= NIL as usize {
            return Err(Full);
        }
        let mut parent = ROOT;
        let mut name_at = 0;
        for depth in 0..MAX_DEPTH {
            let rest = topic.get(name_at..).unwrap_or_default();
            let end = match rest.find('/') {
                Some(length) if depth + 1 < MAX_DEPTH => name_at + length,
                _ => topic.len(),
            };
            let path = topic.get(..end).unwrap_or(topic);
            let id = match self.find(path) {
                Some(id) => id,
                None => self.add(parent, path, name_at, depth, now),
            };
            parent = id;
            if end == topic.len() {
                break;
            }
            name_at = end + 1;
        }
        Ok(parent)
    }

    fn add(&mut self, parent: NodeId, path: &str, name_at: usize, depth: usize, now: u64) -> NodeId {
        let id = self.nodes.len() as NodeId;
        let path: Arc<str> = Arc::from(path);
        self.cost += NODE_COST + path.len();
        self.by_path.insert(Arc::clone(&path), id);
        self.nodes.push(TreeNode {
            path,
            name_at,
            parent,
            depth: depth as u16,
            left: NIL,
            right: NIL,
            up: NIL,
            children: NIL,
            sum: 0,
            rows: 0,
            key: f64::NEG_INFINITY,
            open: depth == 0,
            is_topic: false,
            matches: false,
            moved: false,
            topics: 0,
            matching: 0,
            retained: 0,
            messages: 0,
            bytes: 0,
            born: now,
            changed: now,
            rate: 0.0,
        });
        self.link(id);
        id
    }

    /// Counts a message at a node and above it. Returns whether it is the first of its topic.
    pub fn count(&mut self, id: NodeId, bytes: u64, now: u64) -> bool {
        let is_new = !std::mem::replace(&mut self.node_mut(id).is_topic, true);
        let mut at = id;
        while at != NIL {
            let keeps_order = self.order == SortOrder::Name || at == ROOT;
            let node = self.node_mut(at);
            node.count(bytes, now);
            node.topics += u32::from(is_new);
            if !keeps_order && !node.moved {
                node.moved = true;
                self.moved.push(at);
            }
            at = self.node(at).parent;
        }
        is_new
    }

    /// Notes that a topic has a retained message, or has none any more.
    pub fn set_retained(&mut self, id: NodeId, was: bool, is: bool) {
        let mut at = id;
        while at != NIL && was != is {
            let node = self.node_mut(at);
            node.retained = if is { node.retained + 1 } else { node.retained.saturating_sub(1) };
            at = node.parent;
        }
    }

    /// Has the filter let a topic through, or hold it back.
    pub fn set_match(&mut self, id: NodeId, matches: bool) {
        if std::mem::replace(&mut self.node_mut(id).matches, matches) == matches {
            return;
        }
        let mut at = id;
        while at != NIL {
            let node = self.node_mut(at);
            node.matching = if matches { node.matching + 1 } else { node.matching.saturating_sub(1) };
            at = node.parent;
        }
        self.recount(id);
    }

    /// Holds every topic back; [`Self::set_match`] lets them through again one by one.
    pub fn hide_all(&mut self) {
        for node in &mut self.nodes {
            (node.matches, node.matching, node.rows, node.sum) = (false, 0, 0, 0);
        }
    }

    /// Whether the filter lets a node, or something below it, through.
    #[must_use]
    pub fn is_shown(&self, id: NodeId) -> bool {
        self.node(id).is_shown()
    }

    /// How many topics the filter lets through.
    #[must_use]
    pub fn matching(&self) -> u32 {
        self.node(ROOT).matching
    }

    /// Opens or closes a node.
    pub fn set_open(&mut self, id: NodeId, open: bool) {
        if id != ROOT && std::mem::replace(&mut self.node_mut(id).open, open) != open {
            self.recount(id);
        }
    }

    /// Opens what is above a node.
    pub fn reveal(&mut self, id: NodeId) {
        let mut at = self.node(id).parent;
        while at != NIL {
            self.set_open(at, true);
            at = self.node(at).parent;
        }
    }

    /// Opens or closes all nodes.
    pub fn set_open_all(&mut self, open: bool) {
        for node in self.nodes.iter_mut().skip(1) {
            node.open = open;
        }
        self.recount_all();
    }

    /// The node after this one from top to bottom, whether what is above it is open or not.
    #[must_use]
    pub fn after(&self, id: NodeId) -> Option<NodeId> {
        if let Some(child) = self.edge(self.node(id).children, false) {
            return Some(child);
        }
        let mut at = id;
        while at != ROOT {
            if let Some(next) = self.beside(at, false) {
                return Some(next);
            }
            at = self.node(at).parent;
        }
        None
    }

    /// The node before this one, whether what is above it is open or not.
    #[must_use]
    pub fn before(&self, id: NodeId) -> Option<NodeId> {
        if id == ROOT {
            return self.last();
        }
        match self.beside(id, true) {
            Some(sibling) => Some(self.deepest(sibling)),
            None => Some(self.node(id).parent).filter(|parent| *parent != ROOT),
        }
    }

    /// The node at the bottom.
    #[must_use]
    pub fn last(&self) -> Option<NodeId> {
        self.edge(self.node(ROOT).children, true).map(|last| self.deepest(last))
    }

    fn deepest(&self, mut id: NodeId) -> NodeId {
        while let Some(child) = self.edge(self.node(id).children, true) {
            id = child;
        }
        id
    }

    /// Has siblings put into another order by [`Self::settle`], all of them.
    pub fn set_order(&mut self, order: SortOrder) {
        self.order = order;
        for (id, node) in self.nodes.iter_mut().enumerate().skip(1) {
            if !std::mem::replace(&mut node.moved, true) {
                self.moved.push(id as NodeId);
            }
        }
    }

    /// Moves nodes to their new places, at most this many. Returns whether some are left.
    pub fn settle(&mut self, at_most: usize) -> bool {
        for _ in 0..at_most {
            let Some(id) = self.moved.pop() else { return false };
            self.unlink(id);
            let key = key(self.order, self.node(id));
            let node = self.node_mut(id);
            (node.key, node.moved) = (key, false);
            self.link(id);
        }
        !self.moved.is_empty()
    }
}

/// A node's place in an order other than that by name. That of the rate is its logarithm moved to a common
/// time: as long as no message comes it stays what it is, although all rates fade.
fn key(order: SortOrder, node: &TreeNode) -> f64 {
    match order {
        SortOrder::Name => f64::NEG_INFINITY,
        SortOrder::Rate if node.messages == 0 => f64::NEG_INFINITY,
        SortOrder::Rate => node.rate.ln() + seconds(node.changed) / FADE,
        SortOrder::Change => node.changed as f64,
    }
}

#[cfg(test)]
mod tests;
