//! Where things are on the screen, for drawing and for the mouse.

use ratatui::layout::{Rect, Size};

use crate::watch::state::detail::Tab;

/// Which half of the screen the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The tree of topics.
    #[default]
    Topics,
    /// What is known about the selected topic.
    Detail,
}

/// A narrower terminal shows one half at a time.
const BOTH_HALVES: u16 = 72;

/// Where things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Areas {
    /// The status line.
    pub status: Rect,
    /// The heads of the columns of the tree.
    pub heads: Rect,
    /// The tree of topics.
    pub tree: Rect,
    /// The names of the tabs.
    pub tabs: Rect,
    /// The line above the detail.
    pub head: Rect,
    /// The detail.
    pub detail: Rect,
    /// The last line.
    pub foot: Rect,
}

impl Areas {
    /// For a terminal of this size.
    #[must_use]
    pub fn of(size: Size, pane: Pane) -> Self {
        let Size { width, height } = size;
        let body = height.saturating_sub(3);
        let (left, right) = if width >= BOTH_HALVES {
            let left = (width / 2).clamp(40, 110).min(width - 21);
            (Rect::new(0, 1, left, body + 1), Rect::new(left + 1, 1, width - left - 1, body + 1))
        } else {
            let whole = Rect::new(0, 1, width, body + 1);
            let none = Rect::new(0, 1, 0, 0);
            if pane == Pane::Topics { (whole, none) } else { (none, whole) }
        };
        let line = |area: Rect, row: u16| {
            Rect::new(area.x, area.y + row.min(area.height), area.width, u16::from(row < area.height))
        };
        let below = |area: Rect, row: u16| {
            let row = row.min(area.height);
            Rect::new(area.x, area.y + row, area.width, area.height - row)
        };
        Self {
            status: Rect::new(0, 0, width, height.min(1)),
            heads: line(left, 0),
            tree: below(left, 1),
            tabs: line(right, 0),
            head: line(right, 1),
            detail: below(right, 2),
            foot: Rect::new(0, height.saturating_sub(1), width, u16::from(height > 1)),
        }
    }
}

/// What is between the names of the tabs.
pub(crate) const TAB_GAP: u16 = 1;

/// The tab whose name is in this column.
#[must_use]
pub fn tab_at(area: Rect, column: u16) -> Option<Tab> {
    let mut at = area.x;
    for tab in Tab::ALL {
        let end = at + tab.name().len() as u16;
        if (at..end).contains(&column) {
            return Some(tab);
        }
        at = end + TAB_GAP;
    }
    None
}
