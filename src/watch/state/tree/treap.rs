//! Siblings in a treap: a search tree by their place in the order, with random priorities that keep it shallow.
//!
//! Each of its nodes counts the visible rows below it, so that a row and the node in it are found by descending. A
//! change of one node changes the counts on the way to the root and nothing else.

use mqt_process::random::Random;
use std::cmp::Ordering;

use crate::watch::state::tree::{NIL, NodeId, ROOT, TopicTree};

impl TopicTree {
    /// The visible rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sum(self.node(ROOT).children) as usize
    }

    /// What is in a visible row.
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

    /// The row that a node is in, if it shows.
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

    /// The first or the last of a treap.
    pub(crate) fn edge(&self, mut at: NodeId, last: bool) -> Option<NodeId> {
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
    pub(crate) fn beside(&self, id: NodeId, before: bool) -> Option<NodeId> {
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

    pub(crate) fn sum(&self, id: NodeId) -> u32 {
        if id == NIL { 0 } else { self.node(id).sum }
    }

    /// Takes the change of a node's visible rows up to the root.
    pub(crate) fn recount(&mut self, id: NodeId) {
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

    /// Counts all visible rows again.
    pub(crate) fn recount_all(&mut self) {
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
        // Whatever the order is: while siblings are put into another one, some stand by their old keys.
        b.key.total_cmp(&a.key).then_with(|| a.name().cmp(b.name())).then(one.cmp(&other))
    }

    /// Hangs a node into the treap of its siblings.
    pub(crate) fn link(&mut self, id: NodeId) {
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
    pub(crate) fn unlink(&mut self, id: NodeId) {
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

/// Spread evenly, and always the same for a node.
fn priority(id: NodeId) -> u32 {
    (Random::new(id.into()).bits() >> 32) as u32
}
