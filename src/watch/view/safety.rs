//! A million hostile messages are drawn, all of them, and what would go to the terminal is held against a parser.

use std::collections::HashSet;
use std::num::NonZeroU16;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Size;

use crate::output::sanitize::escape;
use crate::watch::cells::char_width;
use crate::watch::fixture::{app, press, publish};
use crate::watch::hostile::{Acts, Hostile};
use crate::watch::io::terminal::{paint, push_changes};
use crate::watch::state::app::{Action, App, Gravity, Mode};
use crate::watch::state::detail::preview;
use crate::watch::state::layout::Areas;
use crate::watch::state::tree::NodeId;
use crate::watch::view::Theme;

/// How many messages, each with a topic of its own on its screen.
const MESSAGES: usize = 1_000_000;
/// A screen far higher than any, and of one half: a row costs as much as on a small one.
const SIZE: Size = Size { width: 50, height: 600 };
const THEME: Theme = Theme { colored: true };

/// A terminal that only looks at what it gets.
#[derive(Default)]
struct Terminal {
    last: Buffer,
    parser: vte::Parser,
    acts: Acts,
    bytes: Vec<u8>,
}

impl Terminal {
    fn draw(&mut self, app: &mut App) -> &Buffer {
        app.prepare();
        let next = paint(app, THEME);
        if self.last.area != next.area {
            self.last = Buffer::empty(next.area);
        }
        self.bytes.clear();
        push_changes(&self.last, &next, &mut self.bytes).unwrap();
        self.parser.advance(&mut self.acts, &self.bytes);
        self.last = next;
        &self.last
    }
}

#[test]
fn a_million_hostile_messages_drive_no_terminal() {
    // Each core has its share.
    let shares: Vec<_> = [0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d]
        .map(|seed| std::thread::spawn(move || draw_all(MESSAGES / 2, seed)))
        .into_iter()
        .map(|share| share.join().unwrap())
        .collect();
    assert_eq!(shares.iter().sum::<usize>(), MESSAGES);
}

/// Draws this many messages, a screen full at a time, and returns how many were found on a screen.
fn draw_all(count: usize, seed: u64) -> usize {
    let mut hostile = Hostile::new(seed);
    let mut terminal = Terminal::default();
    let mut drawn = 0;
    let mut screens = 0;
    while drawn < count {
        let mut app = app();
        app.update(Action::Resize(SIZE));
        let rows = usize::from(Areas::of(SIZE, app.pane).tree.height);
        let mut shown = HashSet::new();
        while drawn + shown.len() < count {
            let topic = hostile.topic();
            if app.store.tree.rows() + topic.split('/').count() > rows {
                break;
            }
            // One topic has one message on a screen.
            if app.store.tree.find(&topic).is_some_and(|id| shown.contains(&id)) {
                continue;
            }
            app.receive(&publish(&topic, &hostile.payload()), 1);
            let id = app.store.tree.find(&topic).unwrap();
            app.store.tree.reveal(id);
            shown.insert(id);
        }
        let buffer = terminal.draw(&mut app);
        for id in &shown {
            assert_drawn(&app, buffer, *id);
        }
        drawn += shown.len();
        screens += 1;
        if screens % 64 == 1 {
            look_around(&mut app, &mut terminal, &mut hostile);
        }
        assert_eq!(terminal.acts.strange, Vec::<String>::new());
    }
    assert!(terminal.acts.printed > 20 * count as u64, "{} characters", terminal.acts.printed);
    drawn
}

/// Fails unless the row of a topic shows the beginnings of its name and of its value.
fn assert_drawn(app: &App, buffer: &Buffer, id: NodeId) {
    let area = Areas::of(app.size, app.pane).tree;
    let node = app.store.tree.node(id);
    let row = app.store.tree.row_of(id).unwrap();
    assert!(row < usize::from(area.height));
    let y = area.y + row as u16;
    // Marks are left out: they come behind the character of a cell.
    let first = |x| buffer.cell((x, y)).and_then(|cell| cell.symbol().chars().next());
    let row: String = (area.left()..area.right()).filter_map(first).filter(|c| *c != ' ').collect();
    let beginning = |text: &str, columns: usize| {
        let mut used = 0;
        let fits = |c: &char| {
            used += char_width(*c);
            used <= columns
        };
        let text = escape(text);
        text.chars().take_while(fits).filter(|c| *c != ' ' && char_width(*c) > 0).collect::<String>()
    };
    let name = beginning(node.name(), 8);
    let (_, rest) = row.split_once(&name).unwrap_or_else(|| panic!("no {name:?} in {row:?}"));
    let payload = preview(app.store.topic(id).unwrap().last().unwrap(), app.decode_of(id));
    let payload = beginning(&payload, 2);
    assert!(rest.contains(&payload), "no {payload:?} in {row:?}");
}

/// Puts the messages of a screen into every other place that shows them.
fn look_around(app: &mut App, terminal: &mut Terminal, hostile: &mut Hostile) {
    let small = Size::new(80, 24);
    app.update(Action::Resize(small));
    for keys in
        ["\t1", "2", "3", "5", "6", "1v", "v", "v", "v", "v", "v", "\x1b?", "?f", "", "/", "p", "\t", "w"]
    {
        for key in keys.chars() {
            press(
                app,
                if key == '\t' {
                    KeyCode::Tab
                } else if key == '\x1b' {
                    KeyCode::Esc
                } else {
                    KeyCode::Char(key)
                },
            );
        }
        if !matches!(app.mode, Mode::Normal | Mode::Help(_)) {
            app.update(Action::Paste(hostile.topic()));
        }
        assert_shown(terminal.draw(app));
        if !matches!(app.mode, Mode::Normal) {
            press(app, KeyCode::Esc);
        }
    }
    app.update(Action::Notice(Gravity::Warning, hostile.topic()));
    assert_shown(terminal.draw(app));
}

/// Fails unless a terminal shows every cell where it was meant to be.
fn assert_shown(buffer: &Buffer) {
    let mut bytes = Vec::new();
    push_changes(&Buffer::empty(buffer.area), buffer, &mut bytes).unwrap();
    let columns = NonZeroU16::new(buffer.area.width).unwrap();
    let mut emulator = vt100::Parser::new(NonZeroU16::new(buffer.area.height).unwrap(), columns, 0);
    emulator.process(&bytes);
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let cell = emulator.screen().cell(y, x).unwrap();
            let meant = buffer.cell((x, y)).unwrap().symbol();
            let shown = if cell.has_contents() { cell.contents() } else { " " };
            assert!(cell.is_wide_continuation() || shown == meant, "{shown:?} and not {meant:?} at {x},{y}");
        }
    }
}

#[test]
fn what_drives_a_terminal_is_noticed() {
    for piece in [
        "\x1b]0;t\x07",
        "\x1b[2A",
        "\x1b[31h",
        "\x1bc",
        "\x1bP1q\x1b\\",
        "\u{9b}2J",
        "\r",
        "\u{202e}",
        "\u{200d}",
        "\u{e0041}",
        "\x1b[H\u{301}",
        "o\u{301}\u{301}\u{301}\u{301}\u{301}",
    ] {
        let mut acts = Acts::default();
        vte::Parser::new().advance(&mut acts, piece.as_bytes());
        assert!(!acts.strange.is_empty(), "{piece:?}");
    }
}
