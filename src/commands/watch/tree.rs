//! The topics as a tree that is kept in order while it grows: what a row of the screen shows is found without
//! walking the topics.
//!
//! Siblings hang in a treap: a search tree by their place in the order, with random priorities that keep it
//! shallow. Each of its nodes counts the visible rows below it, so that a row and the topic in it are found by
//! descending. A change of one topic changes the counts on the way to the root and nothing else.

use std::cmp::Ordering;
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
const FADE: f64 = 5.0;
/// What a node takes besides its name, in bytes: itself, its places in two tables, and the allocations.
const NODE_COST: usize = 280;

/// What siblings are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
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
pub struct Node {
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
    /// Its place in an order other than that by name; the largest first.
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

impl Node {
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
pub struct Tree {
    nodes: Vec<Node>,
    by_path: HashMap<Arc<str>, NodeId>,
    order: Order,
    /// Nodes whose place in the order may have changed.
    moved: Vec<NodeId>,
    /// What the nodes take, in bytes.
    cost: usize,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node {
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
            order: Order::Name,
            moved: Vec::new(),
            cost: NODE_COST,
        }
    }
}

impl Tree {
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
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// What the tree takes, in bytes, about.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// What siblings are ordered by.
    #[must_use]
    pub fn order(&self) -> Order {
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
        self.nodes.push(Node {
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
            let keeps_order = self.order == Order::Name || at == ROOT;
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

    /// The visible rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sum(self.node(ROOT).children) as usize
    }

    /// What stands in a visible row.
    #[must_use]
    pub fn at_row(&self, row: usize) -> Option<NodeId> {
        let mut row = u32::try_from(row).ok()?;
        let mut at = self.node(ROOT).children;
        while at != NIL {
            let node = self.node(at);
            let before = self.sum(node.left);
            if row < before {
                at = node.left;
                continue;
            }
            row -= before;
            if row >= node.rows {
                row -= node.rows;
                at = node.right;
            } else if row == 0 {
                return Some(at);
            } else {
                row -= 1;
                at = node.children;
            }
        }
        None
    }

    /// The row that a node stands in, if it shows.
    #[must_use]
    pub fn row_of(&self, id: NodeId) -> Option<usize> {
        if id == ROOT || !self.node(id).is_shown() {
            return None;
        }
        let mut row = 0;
        let mut at = id;
        loop {
            row += self.sum(self.node(at).left);
            let mut below = at;
            loop {
                let up = self.node(below).up;
                if up == NIL {
                    break;
                }
                if self.node(up).right == below {
                    row += self.sum(self.node(up).left) + self.node(up).rows;
                }
                below = up;
            }
            let parent = self.node(at).parent;
            if parent == ROOT {
                return usize::try_from(row).ok();
            }
            if parent == NIL || !self.node(parent).open {
                return None;
            }
            row += 1;
            at = parent;
        }
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

    /// The first or the last of a treap.
    fn edge(&self, mut at: NodeId, last: bool) -> Option<NodeId> {
        if at == NIL {
            return None;
        }
        loop {
            let next = if last { self.node(at).right } else { self.node(at).left };
            if next == NIL {
                return Some(at);
            }
            at = next;
        }
    }

    /// The sibling before or after.
    fn beside(&self, id: NodeId, before: bool) -> Option<NodeId> {
        let node = self.node(id);
        let inner = if before { node.left } else { node.right };
        if inner != NIL {
            return self.edge(inner, before);
        }
        let mut at = id;
        loop {
            let up = self.node(at).up;
            if up == NIL {
                return None;
            }
            let outer = if before { self.node(up).right } else { self.node(up).left };
            if outer == at {
                return Some(up);
            }
            at = up;
        }
    }

    /// Puts siblings into another order.
    pub fn set_order(&mut self, order: Order) {
        self.order = order;
        self.moved.clear();
        for id in 0..self.nodes.len() {
            self.nodes[id].key = key(order, &self.nodes[id]);
            self.nodes[id].moved = false;
            (self.nodes[id].left, self.nodes[id].right, self.nodes[id].up) = (NIL, NIL, NIL);
            self.nodes[id].children = NIL;
            self.nodes[id].sum = self.nodes[id].rows;
        }
        for id in 1..self.nodes.len() {
            self.link(id as NodeId);
        }
    }

    /// Moves nodes to their new places, at most so many. Returns whether some are left.
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

    fn sum(&self, id: NodeId) -> u32 {
        if id == NIL { 0 } else { self.node(id).sum }
    }

    /// Takes the change of a node's visible rows up to the root.
    fn recount(&mut self, id: NodeId) {
        let mut at = id;
        while at != ROOT && at != NIL {
            let rows = self.rows_of(at);
            let before = std::mem::replace(&mut self.node_mut(at).rows, rows);
            if rows == before && at != id {
                return;
            }
            let mut up = at;
            while up != NIL {
                let node = self.node_mut(up);
                node.sum = node.sum + rows - before;
                up = node.up;
            }
            at = self.node(at).parent;
        }
    }

    fn rows_of(&self, id: NodeId) -> u32 {
        let node = self.node(id);
        match (node.is_shown(), node.open) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 1 + self.sum(node.children),
        }
    }

    /// Counts all visible rows anew.
    fn recount_all(&mut self) {
        // Children have larger numbers than their parents.
        for id in (0..self.nodes.len() as NodeId).rev() {
            self.sum_up(self.node(id).children);
            let rows = self.rows_of(id);
            self.node_mut(id).rows = rows;
        }
    }

    fn sum_up(&mut self, id: NodeId) -> u32 {
        if id == NIL {
            return 0;
        }
        let (left, right) = (self.node(id).left, self.node(id).right);
        let sum = self.sum_up(left) + self.node(id).rows + self.sum_up(right);
        self.node_mut(id).sum = sum;
        sum
    }

    fn compare(&self, one: NodeId, other: NodeId) -> Ordering {
        let (a, b) = (self.node(one), self.node(other));
        match self.order {
            Order::Name => a.name().cmp(b.name()).then(one.cmp(&other)),
            Order::Rate | Order::Change => b.key.total_cmp(&a.key).then(one.cmp(&other)),
        }
    }

    /// Hangs a node into the treap of its siblings.
    fn link(&mut self, id: NodeId) {
        let parent = self.node(id).parent;
        let rows = self.node(id).rows;
        let node = self.node_mut(id);
        (node.left, node.right, node.up, node.sum) = (NIL, NIL, NIL, rows);
        let mut at = self.node(parent).children;
        if at == NIL {
            self.node_mut(parent).children = id;
            return;
        }
        loop {
            self.node_mut(at).sum += rows;
            let is_before = self.compare(id, at) == Ordering::Less;
            let next = if is_before { self.node(at).left } else { self.node(at).right };
            if next == NIL {
                let above = self.node_mut(at);
                if is_before {
                    above.left = id;
                } else {
                    above.right = id;
                }
                self.node_mut(id).up = at;
                break;
            }
            at = next;
        }
        while self.node(id).up != NIL && priority(id) > priority(self.node(id).up) {
            self.rotate_up(id);
        }
    }

    /// Takes a node out of the treap of its siblings.
    fn unlink(&mut self, id: NodeId) {
        loop {
            let (left, right) = (self.node(id).left, self.node(id).right);
            match (left, right) {
                (NIL, NIL) => break,
                (child, NIL) | (NIL, child) => self.rotate_up(child),
                (left, right) if priority(left) > priority(right) => self.rotate_up(left),
                (_, right) => self.rotate_up(right),
            }
        }
        let rows = self.node(id).rows;
        let mut up = self.node(id).up;
        if up == NIL {
            let parent = self.node(id).parent;
            self.node_mut(parent).children = NIL;
            return;
        }
        let above = self.node_mut(up);
        if above.left == id {
            above.left = NIL;
        } else {
            above.right = NIL;
        }
        while up != NIL {
            let node = self.node_mut(up);
            node.sum -= rows;
            up = node.up;
        }
    }

    /// Swaps a node with the one above it in the treap.
    fn rotate_up(&mut self, id: NodeId) {
        let up = self.node(id).up;
        let above = self.node(up).up;
        let was_left = self.node(up).left == id;
        let inner = if was_left { self.node(id).right } else { self.node(id).left };
        if inner != NIL {
            self.node_mut(inner).up = up;
        }
        let upper = self.node_mut(up);
        if was_left {
            upper.left = inner;
        } else {
            upper.right = inner;
        }
        upper.up = id;
        let lower = self.node_mut(id);
        if was_left {
            lower.right = up;
        } else {
            lower.left = up;
        }
        lower.up = above;
        if above == NIL {
            let parent = self.node(id).parent;
            self.node_mut(parent).children = id;
        } else if self.node(above).left == up {
            self.node_mut(above).left = id;
        } else {
            self.node_mut(above).right = id;
        }
        for id in [up, id] {
            let node = self.node(id);
            let sum = node.rows + self.sum(node.left) + self.sum(node.right);
            self.node_mut(id).sum = sum;
        }
    }
}

/// A node's place in an order other than that by name. That of the rate is its logarithm moved to a common
/// time: as long as no message comes it stays what it is, although all rates fade.
fn key(order: Order, node: &Node) -> f64 {
    match order {
        Order::Name => 0.0,
        Order::Rate if node.messages == 0 => f64::NEG_INFINITY,
        Order::Rate => node.rate.ln() + seconds(node.changed) / FADE,
        Order::Change => node.changed as f64,
    }
}

/// Spread evenly, and always the same for a node.
fn priority(id: NodeId) -> u32 {
    let mut hash = u64::from(id).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(topics: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for topic in topics {
            let id = tree.insert(topic, 0).unwrap();
            tree.count(id, 1, 0);
            tree.set_match(id, true);
        }
        tree
    }

    fn shown(tree: &Tree) -> Vec<&str> {
        let rows: Vec<NodeId> = (0..tree.rows()).map(|row| tree.at_row(row).unwrap()).collect();
        for (row, id) in rows.iter().enumerate() {
            assert_eq!(tree.row_of(*id), Some(row), "{}", tree.node(*id).path());
        }
        assert_eq!(tree.at_row(tree.rows()), None);
        rows.iter().map(|id| tree.node(*id).path()).collect()
    }

    #[test]
    fn rows_follow_what_is_open() {
        let mut tree = tree(&["b/x/1", "a", "b/y", "b/x/2"]);
        assert_eq!(shown(&tree), ["a", "b", "b/x", "b/y"]);
        let x = tree.find("b/x").unwrap();
        tree.set_open(x, true);
        assert_eq!(shown(&tree), ["a", "b", "b/x", "b/x/1", "b/x/2", "b/y"]);
        tree.set_open_all(false);
        assert_eq!(shown(&tree), ["a", "b"]);
        assert_eq!(tree.row_of(x), None);
        tree.reveal(tree.find("b/x/2").unwrap());
        assert_eq!(shown(&tree), ["a", "b", "b/x", "b/x/1", "b/x/2", "b/y"]);
        tree.set_open_all(true);
        assert_eq!(tree.rows(), 6);
    }

    #[test]
    fn empty_levels_are_levels() {
        let mut tree = tree(&["/a", "a//b", "/", "//"]);
        tree.set_open_all(true);
        let paths = shown(&tree);
        assert_eq!(paths.len(), 7, "{paths:?}");
        for topic in ["/a", "a//b", "/", "//"] {
            assert_eq!(tree.node(tree.find(topic).unwrap()).path(), topic);
            assert_eq!(tree.insert(topic, 0), Ok(tree.find(topic).unwrap()));
        }
        assert_eq!(tree.node(ROOT).topics, 4);
        assert_eq!(tree.len(), 8);
    }

    #[test]
    fn a_filter_hides_topics_and_what_is_above_them() {
        let mut tree = tree(&["a/1", "a/2", "b/1"]);
        tree.set_match(tree.find("b/1").unwrap(), false);
        assert_eq!(shown(&tree), ["a", "a/1", "a/2"]);
        tree.hide_all();
        assert!(shown(&tree).is_empty());
        tree.set_match(tree.find("a/2").unwrap(), true);
        assert_eq!(shown(&tree), ["a", "a/2"]);
        assert_eq!(tree.matching(), 1);
    }

    #[test]
    fn orders_by_rate_and_change() {
        let mut tree = tree(&["a", "b", "c"]);
        tree.set_order(Order::Change);
        for (topic, now) in [("c", 10), ("a", 20), ("b", 30), ("b", 31)] {
            tree.count(tree.find(topic).unwrap(), 1, now);
        }
        while tree.settle(1) {}
        assert_eq!(shown(&tree), ["b", "a", "c"]);
        tree.set_order(Order::Rate);
        for now in 0..50 {
            tree.count(tree.find("c").unwrap(), 1, 1_000_000 + now);
        }
        assert!(!tree.settle(10));
        assert_eq!(shown(&tree), ["c", "b", "a"]);
        tree.set_order(Order::Name);
        assert_eq!(shown(&tree), ["a", "b", "c"]);
    }

    #[test]
    fn rates_are_right_from_the_first_second_on_and_fade() {
        let mut tree = tree(&[]);
        let id = tree.insert("a/b", 0).unwrap();
        for step in 0..400 {
            tree.count(id, 10, step * 10_000);
        }
        let now = 4_000_000;
        let rate = tree.node(ROOT).rate(now);
        assert!((90.0..110.0).contains(&rate), "{rate}");
        assert!(tree.node(id).rate(now + 60_000_000) < 0.1);
        assert_eq!((tree.node(ROOT).messages, tree.node(ROOT).bytes), (400, 4_000));
    }

    #[test]
    fn a_topic_of_slashes_makes_few_nodes() {
        let mut tree = Tree::default();
        let topic = "/".repeat(65_535);
        let id = tree.insert(&topic, 0).unwrap();
        assert_eq!(tree.node(id).path(), topic);
        assert!(tree.len() <= MAX_DEPTH + 1);
    }

    #[test]
    fn random_changes_keep_the_rows_as_a_plain_walk_counts_them() {
        let mut tree = Tree::default();
        let mut state = 7_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut most = 0;
        for step in 0..6_000_u64 {
            most = most.max(tree.rows());
            match next(10) {
                0..5 => {
                    let topic = format!("{}/{}/{}", next(8), next(12), next(5));
                    let id = tree.insert(&topic, step).unwrap();
                    tree.count(id, 1, step);
                    tree.set_match(id, next(4) != 0);
                }
                5..7 => {
                    let id = next(tree.len() as u64) as NodeId;
                    let open = next(2) == 0;
                    tree.set_open(id, open);
                }
                7 => {
                    tree.settle(20);
                }
                8 if next(50) == 0 => {
                    tree.set_order([Order::Name, Order::Rate, Order::Change][next(3) as usize])
                }
                _ if next(100) == 0 => tree.set_open_all(next(2) == 0),
                _ => {}
            }
            if step % 50 == 0 {
                assert_eq!(shown(&tree), walk(&tree));
            }
        }
        assert!(most > 100, "{most}");
    }

    fn walk(tree: &Tree) -> Vec<&str> {
        let mut paths = Vec::new();
        let mut at = tree.after(ROOT);
        let mut backwards = Vec::new();
        while let Some(id) = at {
            backwards.push(id);
            let mut above = tree.node(id).parent;
            let mut hidden = !tree.node(id).is_shown();
            while above != ROOT {
                hidden |= !tree.node(above).open;
                above = tree.node(above).parent;
            }
            if !hidden {
                paths.push(tree.node(id).path());
            }
            at = tree.after(id);
        }
        let mut at = tree.last();
        while let Some(id) = at {
            assert_eq!(backwards.pop(), Some(id));
            at = tree.before(id);
        }
        assert!(backwards.is_empty());
        paths
    }
}
