//! The tree of topics: only the rows that show are looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::watch::cells::{TextRole, put, short, short_age, short_rate, width};
use crate::watch::state::app::App;
use crate::watch::state::detail::preview;
use crate::watch::state::layout::{Areas, Pane};
use crate::watch::state::tree::{NodeId, SortOrder};
use crate::watch::view::{Theme, plural, select};

/// The columns on the right: retained, messages, rate, age, with what is between them.
const RETAINED: u16 = 2;
const MESSAGES: u16 = 6;
const RATE: u16 = 7;
const AGE: u16 = 4;
const COLUMNS: u16 = RETAINED + MESSAGES + RATE + AGE;
/// The name keeps this many columns when the value is long.
const NAME: u16 = 12;
/// What is between a name and its value.
const BETWEEN: u16 = 3;

pub(crate) fn draw(app: &App, theme: Theme, areas: Areas, buffer: &mut Buffer) {
    let area = areas.tree;
    if area.width < COLUMNS + 4 {
        return;
    }
    heads(app, theme, areas.heads, buffer);
    for row in 0..area.height {
        let Some(id) = app.store.tree.at_row(app.top + usize::from(row)) else { break };
        let line = Rect::new(area.x, area.y + row, area.width, 1);
        topic(app, id, theme, line, buffer);
        if id == app.selected {
            select(buffer, line, theme.selected(app.pane == Pane::Topics));
        }
    }
}

fn heads(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let style = theme.style(TextRole::Faint);
    let order = match app.store.tree.order() {
        SortOrder::Name => "topic",
        SortOrder::Rate => "topic (by rate)",
        SortOrder::Change => "topic (by last change)",
    };
    let right = area.right() - COLUMNS;
    put(buffer, area.x + 1, area.y, right.saturating_sub(area.x + 1), order, style);
    right_aligned(buffer, right, area.y, RETAINED, "R", style);
    right_aligned(buffer, right + RETAINED, area.y, MESSAGES, "msgs", style);
    right_aligned(buffer, right + RETAINED + MESSAGES, area.y, RATE, "rate", style);
    right_aligned(buffer, right + RETAINED + MESSAGES + RATE, area.y, AGE, "age", style);
}

fn topic(app: &App, id: NodeId, theme: Theme, line: Rect, buffer: &mut Buffer) {
    let node = app.store.tree.node(id);
    let right = line.right() - COLUMNS;
    let indent = (2 * node.depth).min(line.width / 3);
    let marker = match (node.has_children(), node.open) {
        (false, _) => " ",
        (true, true) => "▾",
        (true, false) => "▸",
    };
    let mut x = line.x + indent;
    x = put(buffer, x, line.y, 1, marker, theme.style(TextRole::Faint)) + 1;
    let topic = app.store.topic(id);
    let room = right.saturating_sub(x);
    let value = match topic.and_then(|topic| topic.last()) {
        Some(kept) => Some((preview(kept, app.decode_of(id)), TextRole::Text)),
        None if topic.is_some() => Some(("(dropped)".to_owned(), TextRole::Faint)),
        None if !node.open => Some((plural(node.topics.into(), "topic"), TextRole::Faint)),
        None => None,
    };
    let name_role = match (is_mixed(node.name()), node.has_children()) {
        (true, _) => TextRole::Warning,
        (false, true) => TextRole::Strong,
        (false, false) => TextRole::Plain,
    };
    let for_name = match &value {
        // A long name leaves to the value what it needs, but no more than two fifths.
        Some((value, _)) => {
            let rest = room.saturating_sub(BETWEEN + 1 + (width(value) as u16).min(room));
            rest.max(room / 5 * 3).max(NAME).min(room)
        }
        None => room,
    };
    let name = if node.name().is_empty() { "(empty)" } else { node.name() };
    x = put(buffer, x, line.y, for_name, name, theme.style(name_role));
    if let Some((value, role)) = value {
        let between = if role == TextRole::Faint { "  " } else { " = " };
        x = put(buffer, x, line.y, right.saturating_sub(x), between, theme.style(TextRole::Faint));
        put(buffer, x, line.y, right.saturating_sub(x + 1), &value, theme.style(role));
    }
    let plain = theme.style(TextRole::Plain);
    let retained = match (topic.is_some_and(|topic| topic.retained), node.open, node.retained) {
        (true, ..) => "R",
        (false, false, 1..) => "r",
        _ => "",
    };
    right_aligned(buffer, right, line.y, RETAINED, retained, theme.style(TextRole::Key));
    right_aligned(buffer, right + RETAINED, line.y, MESSAGES, &short(node.messages), plain);
    let rate = short_rate(node.rate(app.now));
    right_aligned(buffer, right + RETAINED + MESSAGES, line.y, RATE, &rate, plain);
    let age = short_age(app.now.saturating_sub(node.changed));
    right_aligned(
        buffer,
        right + RETAINED + MESSAGES + RATE,
        line.y,
        AGE,
        &age,
        theme.style(TextRole::Faint),
    );
}

fn right_aligned(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    columns: u16,
    text: &str,
    style: ratatui::style::Style,
) {
    let wide = (text.chars().count() as u16).min(columns);
    put(buffer, x + columns - wide, y, wide, text, style);
}

/// Whether a name has letters of scripts that look alike: one topic could be taken for another.
fn is_mixed(name: &str) -> bool {
    let latin = name.chars().any(|c| c.is_ascii_alphabetic());
    // Greek, Cyrillic, Armenian, Cherokee, and the full-width and mathematical forms of Latin letters.
    let alike = |c: char| matches!(c, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}');
    latin && name.chars().any(alike)
}

#[cfg(test)]
mod tests {
    use super::is_mixed;

    #[test]
    fn names_that_can_be_taken_for_others_stand_out() {
        for (name, mixed) in [
            ("admin", false),
            ("аdmin", true),
            ("температура", false),
            ("температура1", false),
            ("Wärme", false),
        ] {
            assert_eq!(is_mixed(name), mixed, "{name}");
        }
    }
}
