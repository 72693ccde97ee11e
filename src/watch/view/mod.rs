//! Drawing: pure functions of the state into a buffer of cells.

mod chart;
mod dialog;
#[cfg(test)]
mod safety;
pub(crate) mod summary;
mod topics;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::output::units;
use crate::watch::cells::{TextRole, TextSpan, put, short, short_rate, width};
use crate::watch::state::app::{App, Gravity, LinkState, Mode};
use crate::watch::state::detail::Tab;
use crate::watch::state::edit::Edit;
use crate::watch::state::layout::{Areas, Pane, TAB_GAP};
use crate::watch::state::store::Dropped;
use crate::watch::state::tree::ROOT;

/// Colours by meaning. Nothing depends on colour alone.
///
/// They are of the fixed part of the palette, as light as is between black and white: what a terminal makes of its
/// first eight is seldom readable on a light and on a dark background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether there are colours.
    pub colored: bool,
}

const TEAL: Color = Color::Indexed(30);
const GREEN: Color = Color::Indexed(28);
const MAGENTA: Color = Color::Indexed(164);
const RED: Color = Color::Indexed(160);

impl Theme {
    /// How a piece of text looks.
    #[must_use]
    pub fn style(self, role: TextRole) -> Style {
        let style = Style::default();
        let plain = match role {
            TextRole::Plain | TextRole::Text | TextRole::Number => style,
            TextRole::Faint | TextRole::Removed => style.add_modifier(Modifier::DIM),
            TextRole::Strong | TextRole::Key | TextRole::Literal | TextRole::Added | TextRole::Changed => {
                style.add_modifier(Modifier::BOLD)
            }
            TextRole::Warning => style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        };
        if !self.colored {
            return plain;
        }
        match role {
            TextRole::Plain => style,
            TextRole::Faint => style.add_modifier(Modifier::DIM),
            TextRole::Strong => style.add_modifier(Modifier::BOLD),
            TextRole::Key => style.fg(TEAL),
            TextRole::Text | TextRole::Added => style.fg(GREEN),
            TextRole::Number | TextRole::Literal | TextRole::Changed => style.fg(MAGENTA),
            TextRole::Removed => style.fg(RED),
            TextRole::Warning => style.fg(RED).add_modifier(Modifier::BOLD),
        }
    }

    /// What is selected; in the half that has the keys it stands out more.
    #[must_use]
    pub fn selected(self, has_keys: bool) -> Modifier {
        if has_keys { Modifier::REVERSED } else { Modifier::UNDERLINED }
    }
}

/// Draws everything. The state has to be prepared.
pub fn draw(app: &App, theme: Theme, buffer: &mut Buffer) {
    let areas = Areas::of(app.size, app.pane);
    status(app, theme, areas.status, buffer);
    topics::draw(app, theme, areas, buffer);
    if areas.tree.width > 0 && areas.tabs.width > 0 {
        for y in areas.heads.y..areas.foot.y {
            put(buffer, areas.tabs.x - 1, y, 1, "│", theme.style(TextRole::Faint));
        }
    }
    detail(app, theme, areas, buffer);
    foot(app, theme, areas.foot, buffer);
    let body = Rect::new(0, areas.heads.y, app.size.width, areas.foot.y.saturating_sub(areas.heads.y));
    match &app.mode {
        Mode::Publish(form) => dialog::publish(app, form, theme, body, buffer),
        Mode::Clear(clearing) => dialog::clear(app, clearing, theme, body, buffer),
        Mode::Help(top) => dialog::help(*top, theme, body, buffer),
        Mode::Normal | Mode::Search(_) | Mode::Filter(_) | Mode::Write(_) => {}
    }
}

/// Draws pieces of text one after the other and returns the column behind them.
fn put_spans(buffer: &mut Buffer, x: u16, y: u16, columns: u16, spans: &[TextSpan], theme: Theme) -> u16 {
    let end = x + columns;
    let mut at = x;
    for span in spans {
        if at >= end {
            break;
        }
        at = put(buffer, at, y, end - at, &span.text, theme.style(span.role));
    }
    at
}

fn status(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let root = app.store.tree.node(ROOT);
    let (link, role) = match &app.link {
        LinkState::Connecting => ("connecting".to_owned(), TextRole::Warning),
        LinkState::Online { version, resumed } => {
            let session = if *resumed { "kept session" } else { "new session" };
            (format!("MQTT {version}, {session}"), TextRole::Plain)
        }
        LinkState::Lost => ("NOT CONNECTED".to_owned(), TextRole::Warning),
        LinkState::Replay { ended: false } => ("replay".to_owned(), TextRole::Plain),
        LinkState::Replay { ended: true } => ("replay, at its end".to_owned(), TextRole::Plain),
    };
    let rate = |rate| match short_rate(rate) {
        text if text.is_empty() => "0".to_owned(),
        text => text,
    };
    let sent = match app.open_publishes() {
        0 => format!("{} sent", short(app.publishes())),
        open => format!("{} sent, {} open", short(app.publishes()), short(open)),
    };
    let mut figures = vec![
        format!("in {}", rate(root.rate(app.now))),
        format!("out {}", rate(app.publish_rate())),
        units::Size(app.memory() as u64).to_string(),
        plural(root.topics.into(), "topic"),
        plural(root.messages, "message"),
    ];
    if app.publishes() > 0 {
        figures.insert(3, sent);
    }
    // What there is no room for is left out, the last first; the source is what gives way.
    let mut room = usize::from(area.width);
    let mut parts = Vec::new();
    room = room.saturating_sub(width(&link) + 3 + SOURCE.min(width(&app.source)));
    for figure in figures {
        room = match room.checked_sub(figure.len() + 2) {
            Some(room) => room,
            None => break,
        };
        parts.push(TextSpan::plain(format!("  {figure}")));
    }
    let source = area.width.min((room + SOURCE.min(width(&app.source))) as u16);
    let at = put(buffer, area.x + 1, area.y, source, &app.source, theme.style(TextRole::Strong)) + 2;
    parts.insert(0, TextSpan::new(link, role));
    put_spans(buffer, at, area.y, area.right().saturating_sub(at), &parts, theme);
    for x in area.left()..area.right() {
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }
}

/// The name of what is watched keeps this many columns.
const SOURCE: usize = 24;

/// `1 topic`, `2 topics`.
fn plural(count: u64, what: &str) -> String {
    format!("{} {what}{}", short(count), if count == 1 { "" } else { "s" })
}

fn detail(app: &App, theme: Theme, areas: Areas, buffer: &mut Buffer) {
    let Areas { tabs, head, detail: area, .. } = areas;
    if tabs.width == 0 || tabs.height == 0 {
        return;
    }
    let has_keys = app.pane == Pane::Detail;
    let mut at = tabs.x;
    for tab in Tab::ALL {
        let style = if tab == app.detail.tab {
            theme.style(TextRole::Strong).add_modifier(theme.selected(has_keys))
        } else {
            theme.style(TextRole::Plain)
        };
        at = put(buffer, at, tabs.y, tabs.right().saturating_sub(at), tab.name(), style) + TAB_GAP;
    }
    let shown = app.detail.lines.len();
    let is_chart =
        app.detail.tab == Tab::Chart && !app.detail.series.points.is_empty() && app.detail.lines.is_empty();
    let place = match app.detail.total > shown && area.height > 0 && !is_chart {
        true => format!(" {}/{} ", app.detail.top + shown, app.detail.total),
        false => String::new(),
    };
    let wide = (place.len() as u16).min(head.width);
    if head.height > 0 {
        put_spans(buffer, head.x, head.y, head.width - wide, &app.detail.head, theme);
        put(buffer, head.right() - wide, head.y, wide, &place, theme.style(TextRole::Faint));
    }
    if is_chart {
        return chart::draw(&app.detail.series, theme, area, buffer);
    }
    for (row, line) in app.detail.lines.iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + row as u16;
        let indent = (2 * line.depth as u16).min(area.width / 2);
        put_spans(buffer, area.x + indent, y, area.width - indent, &line.spans, theme);
        if app.detail.cursor == Some(app.detail.top + row) && has_keys {
            select(buffer, Rect::new(area.x, y, area.width, 1), Modifier::REVERSED);
        }
    }
}

fn select(buffer: &mut Buffer, area: Rect, modifier: Modifier) {
    for x in area.left()..area.right() {
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            // What is dim or coloured could not be read in reverse.
            let style = if modifier == Modifier::REVERSED { Style::reset() } else { cell.style() };
            cell.set_style(style.add_modifier(modifier));
        }
    }
}

/// What is dropped, in words; empty when nothing is.
fn dropped(dropped: &Dropped) -> String {
    let parts = [
        (dropped.of_topics, "of more topics"),
        (dropped.of_history, "old"),
        (dropped.while_paused, "while paused"),
        (dropped.cut, "cut"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", short(*count)))
        .collect();
    if said.is_empty() { String::new() } else { format!("dropped: {}", said.join(", ")) }
}

/// What keys do, those that are needed most first; what there is no room for is left out.
const HINTS: [&str; 8] =
    ["? help", "q quit", "tab pane", "/ search", "f filter", "space pause", "s sort", "p publish"];

/// As many of the hints as there is room for.
fn hints<'a>(hints: impl IntoIterator<Item = &'a str>, columns: usize) -> String {
    let mut text = String::new();
    for hint in hints {
        let gap = if text.is_empty() { "" } else { "  " };
        if text.len() + gap.len() + hint.len() > columns {
            break;
        }
        text.push_str(gap);
        text.push_str(hint);
    }
    text
}

fn foot(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    match &app.mode {
        Mode::Search(edit) => return prompt("search: ", edit, app, theme, area, buffer),
        Mode::Filter(edit) => return prompt("filter: ", edit, app, theme, area, buffer),
        Mode::Write(edit) => return prompt("write to file: ", edit, app, theme, area, buffer),
        Mode::Normal | Mode::Publish(_) | Mode::Clear(_) | Mode::Help(_) => {}
    }
    let mut parts = Vec::new();
    if app.paused {
        parts.push(TextSpan::new(format!("PAUSED, {} new", short(app.pending() as u64)), TextRole::Warning));
    }
    if app.recording.is_some() {
        parts.push(TextSpan::new("REC", TextRole::Warning));
    }
    if !app.store.filter().is_empty() {
        let count = app.store.tree.matching();
        parts
            .push(TextSpan::new(format!("filter \"{}\": {count}", app.store.filter().text()), TextRole::Key));
    }
    let lost = dropped(&app.store.dropped);
    if !lost.is_empty() {
        parts.push(TextSpan::new(lost, TextRole::Warning));
    }
    match &app.notice {
        Some(notice) => {
            let role = if notice.gravity == Gravity::Warning { TextRole::Warning } else { TextRole::Plain };
            parts.insert(0, TextSpan::new(notice.text.clone(), role));
        }
        None => {
            let used: usize = parts.iter().map(|part| width(&part.text) + 2).sum();
            parts.push(TextSpan::new(
                hints(HINTS, usize::from(area.width).saturating_sub(used)),
                TextRole::Faint,
            ));
        }
    }
    let mut at = area.x;
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            at = put(buffer, at, area.y, area.right().saturating_sub(at), "  ", Style::default());
        }
        at = put(buffer, at, area.y, area.right().saturating_sub(at), &part.text, theme.style(part.role));
    }
}

fn prompt(name: &str, edit: &Edit, app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut at = put(buffer, area.x, area.y, area.width, name, theme.style(TextRole::Strong));
    at = put_edit(buffer, at, area.y, area.right().saturating_sub(at), edit, true, theme);
    if let Some(notice) = &app.notice {
        let role = if notice.gravity == Gravity::Warning { TextRole::Warning } else { TextRole::Faint };
        put(buffer, at + 2, area.y, area.right().saturating_sub(at + 2), &notice.text, theme.style(role));
    }
}

/// A text that is being typed, in one line, the end of a long one. With the keys it has a cursor.
fn put_edit(
    buffer: &mut Buffer,
    x: u16,
    y: u16,
    columns: u16,
    edit: &Edit,
    has_keys: bool,
    theme: Theme,
) -> u16 {
    let (before, after) = edit.split();
    let room = usize::from(columns).saturating_sub(3);
    let mut start = 0;
    while width(&before[start..]) > room {
        start += before[start..].chars().next().map_or(1, char::len_utf8);
    }
    let plain = theme.style(TextRole::Plain);
    let mut at = put(buffer, x, y, columns, &before[start..], plain);
    let end = x + columns;
    let mut rest = after.chars();
    if has_keys {
        let under = rest.next().map_or_else(|| " ".to_owned(), String::from);
        at = put(buffer, at, y, end.saturating_sub(at), &under, plain.add_modifier(Modifier::REVERSED));
    }
    put(buffer, at, y, end.saturating_sub(at), rest.as_str(), plain)
}

#[cfg(test)]
mod tests;
