//! What precedes the two halves for a while: the form for a message, questions, the help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::watch::cells::{TextRole, put, width};
use crate::watch::state::app::{App, Clearing};
use crate::watch::state::form::{FormField, FormPayload, PublishForm};
use crate::watch::view::{Theme, hints, put_edit};

/// An empty box in the middle; returns what is inside of its border. Of the hints in its foot, which have two spaces
/// between them, those show that there is room for.
fn frame(title: &str, foot: &str, size: (u16, u16), theme: Theme, body: Rect, buffer: &mut Buffer) -> Rect {
    let (wide, tall) = (size.0.min(body.width), size.1.min(body.height));
    let area = Rect::new(body.x + (body.width - wide) / 2, body.y + (body.height - tall) / 2, wide, tall);
    if wide < 4 || tall < 3 {
        return Rect::new(area.x, area.y, 0, 0);
    }
    blank(area, buffer);
    let style = theme.style(TextRole::Plain);
    let inner = wide - 2;
    let line = "─".repeat(usize::from(inner));
    for (y, left, right) in [(area.top(), "┌", "┐"), (area.bottom() - 1, "└", "┘")] {
        put(buffer, area.x, y, 1, left, style);
        put(buffer, area.x + 1, y, inner, &line, style);
        put(buffer, area.right() - 1, y, 1, right, style);
    }
    for y in area.top() + 1..area.bottom() - 1 {
        put(buffer, area.x, y, 1, "│", style);
        put(buffer, area.right() - 1, y, 1, "│", style);
    }
    put(
        buffer,
        area.x + 2,
        area.y,
        inner.saturating_sub(2),
        &format!(" {title} "),
        theme.style(TextRole::Strong),
    );
    let room = inner.saturating_sub(2);
    let foot = hints(foot.split("  "), usize::from(room).saturating_sub(2));
    if !foot.is_empty() {
        let foot = format!(" {foot} ");
        put(buffer, area.x + 2, area.bottom() - 1, room, &foot, theme.style(TextRole::Faint));
    }
    Rect::new(area.x + 2, area.y + 1, wide.saturating_sub(4), tall - 2)
}

fn blank(area: Rect, buffer: &mut Buffer) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

pub(crate) fn publish(app: &App, form: &PublishForm, theme: Theme, body: Rect, buffer: &mut Buffer) {
    let foot = "Enter send  Esc close  Tab next  Alt-Enter new line  Ctrl-P sent before";
    let tall = body.height.min(18);
    let area = frame("publish", foot, (90, tall), theme, body, buffer);
    if area.height < 7 || area.width < 20 {
        return;
    }
    let label = |field: FormField| {
        let style = theme.style(TextRole::Key);
        if form.field == field { style.add_modifier(Modifier::REVERSED) } else { style }
    };
    let value_at = area.x + 10;
    let columns = area.width - 10;
    let topic_keys = form.field == FormField::Topic;
    put(buffer, area.x, area.y, 9, "topic", label(FormField::Topic));
    put_edit(buffer, value_at, area.y, columns, &form.topic, topic_keys, theme);
    put(buffer, area.x, area.y + 1, 9, "payload", label(FormField::Payload));
    let lines = area.height - 5;
    match &form.payload {
        FormPayload::Bytes(bytes) => {
            let text = format!("{} bytes that are no text, as they are; typing replaces them", bytes.len());
            put(buffer, value_at, area.y + 1, columns, &text, theme.style(TextRole::Faint));
        }
        FormPayload::Text(edit) => {
            // The lines around the cursor.
            let (before, after) = edit.split();
            let at = before.matches('\n').count();
            let text = format!("{before}\u{0}{after}");
            let first = at.saturating_sub(usize::from(lines) - 1);
            for (row, line) in text.split('\n').skip(first).take(usize::from(lines)).enumerate() {
                let y = area.y + 1 + row as u16;
                match line.split_once('\u{0}') {
                    Some((before, after)) => {
                        let edit = crate::watch::state::edit::Edit::at(before, after);
                        put_edit(
                            buffer,
                            value_at,
                            y,
                            columns,
                            &edit,
                            form.field == FormField::Payload,
                            theme,
                        );
                    }
                    None => {
                        put(buffer, value_at, y, columns, line, theme.style(TextRole::Plain));
                    }
                }
            }
        }
    }
    let y = area.bottom() - 4;
    put(buffer, area.x, y, 9, "QoS", label(FormField::QoS));
    put(buffer, value_at, y, columns, &form.qos.level().to_string(), theme.style(TextRole::Plain));
    put(buffer, area.x, y + 1, 9, "retain", label(FormField::Retain));
    let retain = if form.retain { "[x] the broker keeps it" } else { "[ ]" };
    put(buffer, value_at, y + 1, columns, retain, theme.style(TextRole::Plain));
    let names = form.property_names();
    if !names.is_empty() {
        let text = format!("with {} of the message (Ctrl-X: without)", names.join(", "));
        put(buffer, area.x, y + 2, area.width, &text, theme.style(TextRole::Faint));
    }
    if let Some(fault) = &form.fault {
        put(buffer, area.x, y + 3, area.width, fault, theme.style(TextRole::Warning));
    } else if let Some(place) = form.recalled {
        let text = format!("sent before: {} of {}", place + 1, app.sent.len());
        put(buffer, area.x, y + 3, area.width, &text, theme.style(TextRole::Faint));
    }
}

pub(crate) fn clear(app: &App, clearing: &Clearing, theme: Theme, body: Rect, buffer: &mut Buffer) {
    let count = clearing.topics.len();
    let title = match count {
        1 => "clear this retained message?".to_owned(),
        _ => format!("clear these {count} retained messages?"),
    };
    let tall = (count as u16).saturating_add(2).min(body.height.saturating_sub(2)).max(3);
    let area = frame(&title, "y clear  any other key: no", (76, tall), theme, body, buffer);
    for (row, id) in clearing.topics.iter().skip(clearing.top).take(usize::from(area.height)).enumerate() {
        let topic = app.store.tree.node(*id).path();
        put(buffer, area.x, area.y + row as u16, area.width, topic, theme.style(TextRole::Plain));
    }
}

/// The keys: a group's name, or a key and what it does.
const HELP: &[(&str, &str)] = &[
    ("Moving", ""),
    ("up down, j k", "to the next topic, or line"),
    ("PgUp PgDn, g G", "by a page, to the end"),
    ("left right, h l", "close or open a level; on the right: turn to a tab"),
    ("Enter", "open or close; on a topic: go to its detail"),
    ("o  O", "open all, close all"),
    ("Tab", "the other half"),
    ("1-6, [ ]", "value, history, diff, chart, properties, stats"),
    ("mouse", "click, wheel; m leaves it to the terminal"),
    ("Finding", ""),
    ("/  n N", "search topics for a word or /regex/; next, previous"),
    (
        "f",
        "filter; all words must match: a part of the topic, /regex/, a topic filter with + or #; of the payload: \
         p:word, p:/regex/",
    ),
    ("Esc", "no filter; the newest message again"),
    ("s", "sort by name, rate, last change"),
    ("space", "pause, and go on"),
    ("Values", ""),
    ("v", "read this topic as JSON, text, hex, MessagePack, CBOR"),
    ("Enter in History", "mark a message; on a second one: compare the two"),
    ("c", "chart the payload, or the field under the cursor"),
    ("y  Y", "copy the payload, the topic"),
    ("w", "write the payload to a file"),
    ("The broker", ""),
    ("p", "publish, beginning with the selected message"),
    ("Delete, D", "clear retained messages of this topic and below"),
    ("r", "record to a file, on and off"),
    ("This program", ""),
    ("Ctrl-L  Ctrl-Z", "redraw, suspend"),
    ("q, Ctrl-C", "quit"),
];

pub(crate) fn help(top: usize, theme: Theme, body: Rect, buffer: &mut Buffer) {
    const WIDE: u16 = 78;
    const NARROW: u16 = 50;
    let names = HELP.iter().filter(|(_, text)| !text.is_empty()).map(|(key, _)| width(key)).max();
    // Where it is narrow, what a key does is below it.
    let is_narrow = body.width < NARROW;
    let names = if is_narrow { 0 } else { names.unwrap_or(0) as u16 + 2 };
    let columns = WIDE.min(body.width).saturating_sub(names + 5);
    let lines: Vec<(&str, String)> = HELP
        .iter()
        .flat_map(|(key, text)| {
            let below = is_narrow && !text.is_empty();
            let first = below.then(|| (*key, String::new()));
            first.into_iter().chain(help_lines(if below { "" } else { key }, text, columns))
        })
        .collect();
    let tall = (lines.len() as u16 + 2).min(body.height);
    let area = if body.height > 3 {
        frame("keys", "up down: more  any other key: close", (WIDE, tall), theme, body, buffer)
    } else {
        blank(body, buffer);
        body
    };
    let top = top.min(lines.len().saturating_sub(usize::from(area.height)));
    for (row, (key, text)) in lines.iter().skip(top).take(usize::from(area.height)).enumerate() {
        let y = area.y + row as u16;
        if text.is_empty() {
            put(buffer, area.x, y, area.width, key, theme.style(TextRole::Strong));
        } else {
            put(buffer, area.x + 1, y, names, key, theme.style(TextRole::Key));
            put(buffer, area.x + 1 + names, y, columns, text, theme.style(TextRole::Plain));
        }
    }
}

/// What a key does, broken between words.
fn help_lines<'a>(key: &'a str, text: &str, columns: u16) -> Vec<(&'a str, String)> {
    let mut lines = vec![(key, String::new())];
    for word in text.split(' ') {
        let is_full = lines.last().is_some_and(|(_, line)| {
            !line.is_empty() && width(line) + 1 + width(word) > usize::from(columns)
        });
        if is_full {
            lines.push(("", String::new()));
        }
        if let Some((_, line)) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
