//! What is selected, in which order topics stand, and which of them show.

use crate::config::Decode;
use crate::watch::state::app::{App, Gravity};
use crate::watch::state::filter::{Filter, TopicSearch};
use crate::watch::state::layout::{Areas, Pane};
use crate::watch::state::tree::{NodeId, ROOT, SortOrder};

impl App {
    /// Keeps the selected topic in view, as far from the top as it was.
    pub(crate) fn settle_selection(&mut self, height: usize) {
        let tree = &self.store.tree;
        let rows = tree.rows();
        let mut row = None;
        if self.moved {
            // What the filter or a closed level hides gives way to what is above it.
            let mut at = self.selected;
            while at != ROOT && row.is_none() {
                row = tree.row_of(at);
                if row.is_none() {
                    at = tree.node(at).parent;
                } else {
                    self.selected = at;
                }
            }
        }
        let row = row.unwrap_or(0);
        if !self.moved || tree.row_of(self.selected).is_none() {
            self.selected = tree.at_row(row).unwrap_or(ROOT);
        }
        let height = height.max(1);
        self.offset = self.offset.min(height - 1);
        self.top = row.saturating_sub(self.offset).min(rows.saturating_sub(height));
        self.offset = row - self.top;
    }

    pub(crate) fn move_by(&mut self, rows: isize) {
        if self.pane == Pane::Detail {
            let topic = self.store.topic(self.selected);
            return self.detail.move_by(rows, topic);
        }
        let tree = &self.store.tree;
        let last = tree.rows().saturating_sub(1);
        let row = tree.row_of(self.selected).unwrap_or(0);
        let row = row.saturating_add_signed(rows).min(last);
        if let Some(id) = tree.at_row(row) {
            self.select(id);
        }
    }

    /// Selects a node, which is visible, and scrolls as little as is needed.
    pub(crate) fn select(&mut self, id: NodeId) {
        self.moved = true;
        if self.selected != id {
            self.selected = id;
            self.detail.turn_to_topic();
        }
        let height = usize::from(Areas::of(self.size, self.pane).tree.height).max(1);
        let row = self.store.tree.row_of(id).unwrap_or(0);
        self.offset = if row < self.top { 0 } else { (row - self.top).min(height - 1) };
    }

    pub(crate) fn turn_pane(&mut self) {
        self.pane = match self.pane {
            Pane::Topics => Pane::Detail,
            Pane::Detail => Pane::Topics,
        };
    }

    pub(crate) fn next_order(&mut self) {
        let (order, text) = match self.store.tree.order() {
            SortOrder::Name => (SortOrder::Rate, "sorted by rate"),
            SortOrder::Rate => (SortOrder::Change, "sorted by last change"),
            SortOrder::Change => (SortOrder::Name, "sorted by name"),
        };
        self.store.set_order(order);
        self.reordering = true;
        self.tell(Gravity::Note, text);
    }

    pub(crate) fn next_decode(&mut self) {
        let next = match self.decode_of(self.selected) {
            Decode::Auto => Decode::Json,
            Decode::Json => Decode::Text,
            Decode::Text => Decode::Hex,
            Decode::Hex => Decode::Msgpack,
            Decode::Msgpack => Decode::Cbor,
            Decode::Cbor => Decode::Auto,
        };
        self.store.set_decode(self.selected, (next != self.decode).then_some(next));
    }

    /// Has the chart show the field under the cursor, or the payload as a number.
    pub(crate) fn chart_field(&mut self) {
        let what = match self.detail.chart_field(self.pane == Pane::Detail) {
            Some(path) => format!("the chart shows {path}"),
            None => "the chart shows the payload as a number".to_owned(),
        };
        self.tell(Gravity::Note, what);
    }

    pub(crate) fn search_for(&mut self, text: &str) -> Result<(), String> {
        if !text.is_empty() {
            self.search = Some(TopicSearch::parse(text)?);
        }
        self.search_again(true);
        Ok(())
    }

    pub(crate) fn search_again(&mut self, forward: bool) {
        let Some(search) = &self.search else {
            return self.tell(Gravity::Note, "nothing to look for yet: / begins a search");
        };
        let tree = &self.store.tree;
        let mut at = self.selected;
        let mut found = None;
        // Once around, the selected one last.
        for _ in 0..tree.len() {
            let next = if forward { tree.after(at) } else { tree.before(at) };
            at = match next {
                Some(id) => id,
                None if forward => tree.after(ROOT).unwrap_or(ROOT),
                None => tree.last().unwrap_or(ROOT),
            };
            let node = tree.node(at);
            if at != ROOT && tree.is_shown(at) && node.is_topic && search.matches(node.path()) {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(id) => {
                self.store.tree.reveal(id);
                self.pane = Pane::Topics;
                self.select(id);
            }
            None => self.tell(Gravity::Warning, "no topic has that in it"),
        }
    }

    pub(crate) fn filter_by(&mut self, text: &str) -> Result<(), String> {
        self.store.set_filter(Filter::parse(text)?);
        Ok(())
    }
}
