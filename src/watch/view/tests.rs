//! Every view as text, held against the files in `tests/watch/screens`.

use std::path::PathBuf;

use bytes::Bytes;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Size;

use crate::watch::fixture;
use crate::watch::fixture::{press, receive, type_text};
use crate::watch::state::app::Action;
use crate::watch::view::*;
use mqt_proto::{Property, QoS};

/// Set, it has the test write the files instead of comparing them.
const REFRESH: &str = "REFRESH_SCREENS";

fn screen(app: &mut App, size: Size) -> String {
    app.update(Action::Resize(size));
    app.prepare();
    let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
    terminal.draw(|frame| draw(app, Theme { colored: true }, frame.buffer_mut())).unwrap();
    let text = terminal.backend().to_string();
    let lines = text.lines().map(|line| line.trim_matches('"').trim_end());
    lines.map(|line| format!("{line}\n")).collect()
}

/// A house with everything that a view shows.
fn house() -> App {
    let mut app = fixture::app();
    receive(&mut app, 0, "home/kitchen/lamp", b"on", |publish| publish.message.retain = true);
    for (step, value) in [20.5, 21.0, 22.25, 21.75, 23.0, 22.5].into_iter().enumerate() {
        let payload = format!(
            r#"{{"t":{value},"unit":"C","ok":{},"tags":["a","b"],"at":{{"room":"kitchen","n":null}}}}"#,
            step % 2 == 0
        );
        receive(
            &mut app,
            1_000_000 * (1 + step as u64),
            "home/kitchen/temp",
            payload.as_bytes(),
            |publish| {
                publish.message.qos = QoS::AtLeastOnce;
                publish.message.properties = vec![
                    Property::ContentType("application/json".into()),
                    Property::MessageExpiryInterval(60),
                    Property::ResponseTopic("reply/here".into()),
                    Property::CorrelationData(Bytes::from_static(b"\x00\xff")),
                    Property::UserProperty("source".into(), "sensor \x1b[31m7".into()),
                ]
                .into();
            },
        );
    }
    receive(&mut app, 7_000_000, "home/wohnzimmer/温度", "22.5 °C 温かい".as_bytes(), |_| {});
    receive(&mut app, 7_100_000, "home/notes", b"first line\nsecond\tline\nthird \xe2\x80\xae line", |_| {});
    receive(&mut app, 7_200_000, "bin/raw", b"\x00\x01\xffABC\x1b[2J", |_| {});
    receive(
        &mut app,
        7_300_000,
        "bin/msgpack",
        b"\x82\xa1t\xcb\x40\x35\x80\0\0\0\0\0\xa1l\x93\x01\x02\xc0",
        |p| {
            p.message.properties = vec![Property::ContentType("application/msgpack".into())].into();
        },
    );
    receive(&mut app, 7_400_000, "bin/cbor", b"\xa2\x61t\xfb\x40\x35\x80\0\0\0\0\0\x61b\x42\x00\xff", |p| {
        p.message.properties = vec![Property::ContentType("application/cbor".into())].into();
    });
    receive(&mut app, 7_500_000, "\u{430}dmin/door", b"closed", |_| {});
    receive(
        &mut app,
        7_600_000,
        "o\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}ps/\x1b]0;x\x07",
        b"1",
        |_| {},
    );
    app.update(Action::Tick(9_000_000));
    app
}

fn select(app: &mut App, topic: &str) {
    press(app, KeyCode::Char('/'));
    type_text(app, topic);
    press(app, KeyCode::Enter);
    app.prepare();
    assert_eq!(app.store.tree.node(app.selected).path(), topic);
}

type View = (&'static str, fn(&mut App));

const VIEWS: &[View] = &[
    ("start", |app| *app = fixture::app()),
    ("tree", |_| {}),
    ("tree-closed", |app| press(app, KeyCode::Char('O'))),
    ("value-json", |app| select(app, "home/kitchen/temp")),
    ("value-text", |app| select(app, "home/notes")),
    ("value-hex", |app| select(app, "bin/raw")),
    ("value-msgpack", |app| select(app, "bin/msgpack")),
    ("value-cbor", |app| select(app, "bin/cbor")),
    ("value-not-json", |app| {
        select(app, "home/notes");
        press(app, KeyCode::Char('v'));
    }),
    ("history", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Char('2'));
        press(app, KeyCode::Tab);
        app.prepare();
        press(app, KeyCode::Down);
        press(app, KeyCode::Enter);
    }),
    ("diff", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Char('3'));
    }),
    ("chart", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Tab);
        app.prepare();
        press(app, KeyCode::Down);
        press(app, KeyCode::Char('c'));
    }),
    ("properties", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Char('5'));
    }),
    ("stats", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Char('6'));
    }),
    ("search", |app| {
        press(app, KeyCode::Char('/'));
        type_text(app, "kitch");
    }),
    ("filter", |app| {
        press(app, KeyCode::Char('f'));
        type_text(app, "home p:2");
        press(app, KeyCode::Enter);
        app.work();
    }),
    ("paused", |app| {
        press(app, KeyCode::Char(' '));
        receive(app, 9_500_000, "home/new", b"1", |_| {});
    }),
    ("publish", |app| {
        select(app, "home/kitchen/temp");
        press(app, KeyCode::Char('p'));
    }),
    ("clear", |app| {
        select(app, "home/kitchen/lamp");
        press(app, KeyCode::Left);
        app.prepare();
        press(app, KeyCode::Delete);
    }),
    ("write", |app| {
        select(app, "bin/raw");
        press(app, KeyCode::Char('w'));
    }),
    ("help", |app| press(app, KeyCode::Char('?'))),
    ("lost", |app| {
        app.update(Action::Link(LinkState::Lost));
        let text = "mqtt://localhost: the connection was lost; trying again in 1 s";
        app.update(Action::Notice(Gravity::Warning, text.to_owned()));
    }),
    ("dropped", |app| {
        *app = fixture::app_within(crate::config::WatchLimits {
            topics: 2,
            payload: 10,
            memory: 4_000,
            ..crate::config::WatchLimits::default()
        });
        for step in 0..30 {
            receive(app, step, ["a", "b", "c"][step as usize % 3], &[b'x'; 100], |_| {});
        }
    }),
];

#[test]
fn every_view_looks_as_it_should() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/watch/screens");
    let mut wrong = Vec::new();
    for (name, set_up) in VIEWS {
        for size in [Size::new(80, 24), Size::new(200, 50)] {
            let mut app = house();
            app.update(Action::Resize(size));
            app.prepare();
            set_up(&mut app);
            let text = screen(&mut app, size);
            let file = folder.join(format!("{name}-{}x{}.txt", size.width, size.height));
            if std::env::var_os(REFRESH).is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, &text).unwrap();
            }
            if std::fs::read_to_string(&file).ok().as_ref() != Some(&text) {
                wrong.push(format!("{}:\n{text}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{REFRESH}=1 writes them again", wrong.join("\n"));
}

#[test]
fn a_narrow_terminal_shows_one_half_at_a_time_and_a_tiny_one_does_no_harm() {
    let mut app = house();
    let tree = screen(&mut app, Size::new(40, 12));
    assert!(tree.contains("kitchen") && !tree.contains("History"), "{tree}");
    press(&mut app, KeyCode::Tab);
    let detail = screen(&mut app, Size::new(40, 12));
    assert!(detail.contains("History") && !detail.contains("kitchen "), "{detail}");
    for (_, set_up) in VIEWS {
        let mut app = house();
        set_up(&mut app);
        for (width, height) in [(1, 1), (2, 2), (5, 3), (10, 4), (19, 5), (61, 6), (80, 1), (3, 50), (200, 2)]
        {
            screen(&mut app, Size::new(width, height));
        }
    }
}

#[test]
fn what_does_not_fit_is_left_out_or_wrapped() {
    let mut app = house();
    press(&mut app, KeyCode::Char('p'));
    let text = screen(&mut app, Size::new(60, 24));
    assert!(text.contains("Esc close") && text.contains("Alt-Enter new line ─"), "{text}");
    let mut app = house();
    press(&mut app, KeyCode::Char('?'));
    let text = screen(&mut app, Size::new(15, 4));
    assert!(text.contains("up down, j k"), "{text}");
    let text = screen(&mut app, Size::new(40, 24));
    assert!(text.contains("│  to the next topic, or line"), "{text}");
    let mut app = house();
    select(&mut app, "home/notes");
    press(&mut app, KeyCode::Char('c'));
    let text = screen(&mut app, Size::new(80, 24));
    assert!(text.contains("│put the cursor on a field of the value\n"), "{text}");
}

#[test]
fn without_colours_nothing_is_coloured_and_everything_is_told() {
    let mut app = house();
    select(&mut app, "home/kitchen/temp");
    press(&mut app, KeyCode::Char('3'));
    app.prepare();
    for colored in [false, true] {
        let buffer = crate::watch::io::terminal::paint(&app, Theme { colored });
        let coloured = buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(coloured, colored);
        // Which row is selected is told by reverse video, not by a colour.
        assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
    }
}

#[test]
fn colours_can_be_read_on_light_and_on_dark_backgrounds() {
    // Luminance and contrast as the Web Content Accessibility Guidelines define them; text needs 3 at least where
    // it is not all that matters.
    let luminance = |[red, green, blue]: [f64; 3]| {
        let linear = |part: f64| if part <= 0.04 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        linear(red).mul_add(0.2126, linear(green).mul_add(0.7152, linear(blue) * 0.0722))
    };
    let theme = Theme { colored: true };
    let mut colours = 0;
    for role in [
        TextRole::Plain,
        TextRole::Faint,
        TextRole::Strong,
        TextRole::Key,
        TextRole::Text,
        TextRole::Number,
        TextRole::Literal,
        TextRole::Added,
        TextRole::Removed,
        TextRole::Changed,
        TextRole::Warning,
    ] {
        let style = theme.style(role);
        assert_eq!(style.bg, None);
        let Some(colour) = style.fg else { continue };
        // The colour cube: six steps of each part.
        let Color::Indexed(index @ 16..=231) = colour else { panic!("{role:?}: {colour:?}") };
        let step = |place: u8| match (index - 16) / place % 6 {
            0 => 0.0,
            step => (55.0 + 40.0 * f64::from(step)) / 255.0,
        };
        let light = luminance([step(36), step(6), step(1)]);
        let (on_white, on_black) = (1.05 / (light + 0.05), (light + 0.05) / 0.05);
        assert!(on_white.min(on_black) > 3.5, "{role:?}: {on_white:.1} on white, {on_black:.1} on black");
        colours += 1;
    }
    assert_eq!(colours, 8);
}

#[test]
fn the_mouse_selects_and_scrolls() {
    let mut app = house();
    let size = Size::new(80, 24);
    screen(&mut app, size);
    let click = |app: &mut App, column, row, kind| {
        app.update(Action::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        app.prepare();
    };
    let left = MouseEventKind::Down(MouseButton::Left);
    click(&mut app, 5, 4, left);
    let first = app.selected;
    assert_eq!(app.store.tree.row_of(first), Some(2));
    click(&mut app, 5, 4, MouseEventKind::ScrollDown);
    assert_eq!(app.store.tree.row_of(app.selected), Some(5));
    click(&mut app, 50, 1, left);
    assert_eq!(app.detail.tab, Tab::History);
    click(&mut app, 50, 10, left);
    assert_eq!(app.pane, Pane::Detail);
    // A second click closes a level, a third one opens it again.
    click(&mut app, 2, 2, left);
    let open = app.store.tree.node(app.selected).open;
    click(&mut app, 2, 2, left);
    assert_eq!(app.store.tree.node(app.selected).open, !open);
}

#[test]
fn a_frame_costs_what_the_screen_shows_and_not_what_there_is() {
    // The rows are asked for one by one: as many as the screen has, wherever it stands.
    let mut app = fixture::app();
    for number in 0..20_000 {
        receive(&mut app, number, &format!("many/{number:05}"), b"1", |_| {});
    }
    press(&mut app, KeyCode::Char('G'));
    let text = screen(&mut app, Size::new(80, 24));
    assert!(text.contains("19999"), "{text}");
    press(&mut app, KeyCode::Home);
    let text = screen(&mut app, Size::new(80, 24));
    assert!(text.contains("00019") && !text.contains("00022"), "{text}");
}

#[test]
fn nothing_is_sent_to_the_terminal_when_nothing_has_changed() {
    let mut app = house();
    app.update(Action::Resize(Size::new(80, 24)));
    app.prepare();
    let theme = Theme { colored: true };
    let paint = crate::watch::io::terminal::paint;
    let first = paint(&app, theme);
    let mut bytes = Vec::new();
    crate::watch::io::terminal::push_changes(&first, &paint(&app, theme), &mut bytes).unwrap();
    assert!(bytes.is_empty());
    let key = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::NONE);
    app.update(Action::Key(key));
    app.prepare();
    crate::watch::io::terminal::push_changes(&first, &paint(&app, theme), &mut bytes).unwrap();
    assert!(!bytes.is_empty());
}
