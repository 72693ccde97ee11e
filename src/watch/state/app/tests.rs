//! What keys do to the state, and what they ask of the rest.

use bytes::Bytes;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::{Decode, WatchLimits};
use crate::watch::fixture::{app, app_within, press, publish, receive, type_text};
use crate::watch::state::app::{Action, App, Effect, Gravity, LinkState, Mode};
use crate::watch::state::detail::Tab;
use crate::watch::state::layout::Pane;
use crate::watch::state::tree::ROOT;
use mqt_proto::QoS;

fn put(app: &mut App, topic: &str, payload: &str) {
    let at = app.now + 1_000;
    receive(app, at, topic, payload.as_bytes(), |_| {});
    app.prepare();
}

fn selected(app: &App) -> &str {
    app.store.tree.node(app.selected).path()
}

fn press_all(app: &mut App, keys: &str) {
    for key in keys.chars() {
        press(app, KeyCode::Char(key));
        app.prepare();
    }
}

fn control(app: &mut App, key: char) {
    app.update(Action::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL)));
}

fn find(app: &mut App, topic: &str) {
    press(app, KeyCode::Char('/'));
    type_text(app, topic);
    press(app, KeyCode::Enter);
    app.prepare();
}

/// A notice goes, and the frame without it is due, when nothing else changes.
#[test]
fn a_notice_goes_with_the_next_key_or_after_its_time() {
    let mut app = app();
    let text = |app: &App| app.notice.as_ref().map(|notice| notice.text.clone());
    press_all(&mut app, "//[a/");
    press(&mut app, KeyCode::Enter);
    assert!(text(&app).is_some_and(|text| text.contains("class")), "{:?}", text(&app));
    press(&mut app, KeyCode::Esc);
    assert_eq!(text(&app), None);
    for keys in ["y", "m", "n"] {
        press_all(&mut app, keys);
        assert!(text(&app).is_some(), "{keys}");
        press_all(&mut app, "1");
        assert_eq!(text(&app), None, "{keys}");
    }
    press_all(&mut app, "y");
    app.update(Action::Tick(7_999_999));
    assert!(text(&app).is_some() && !app.is_dirty());
    app.update(Action::Tick(11_000_000));
    assert!(text(&app).is_none() && app.is_dirty());
    // What nobody has asked for is not to be missed.
    app.update(Action::Notice(Gravity::Warning, "the recording has ended".to_owned()));
    press_all(&mut app, "1");
    assert!(text(&app).is_some());
    app.update(Action::Link(LinkState::Replay { ended: true }));
    app.update(Action::Notice(Gravity::Warning, "2 lines are no messages".to_owned()));
    press_all(&mut app, "1");
    assert_eq!(text(&app), None, "the time stands still");
    put(&mut app, "a", "x");
    press_all(&mut app, "c");
    assert!(text(&app).is_some_and(|text| text.starts_with("the chart shows")));
    press_all(&mut app, "1");
    assert_eq!(text(&app), None);
}

#[test]
fn an_old_message_says_so_and_a_comparison_begins_with_the_older_one() {
    let mut app = app();
    for payload in ["1", "2", "3"] {
        put(&mut app, "a", payload);
    }
    let head = |app: &App| app.detail.head.iter().map(|span| &*span.text).collect::<String>();
    assert!(!head(&app).contains("not the newest"), "{}", head(&app));
    press_all(&mut app, "2");
    press(&mut app, KeyCode::Tab);
    press_all(&mut app, "j1");
    assert!(head(&app).contains(" not the newest QoS 0"), "{}", head(&app));
    press_all(&mut app, "2");
    let times = |app: &mut App, keys: [&str; 2]| {
        for key in keys {
            press_all(app, key);
            press(app, KeyCode::Enter);
            app.prepare();
        }
        assert_eq!(app.detail.tab, Tab::Diff);
        let lines: Vec<String> = app.detail.lines.iter().map(|line| format!("{:?}", line.spans)).collect();
        (head(app), lines)
    };
    let down = times(&mut app, ["g", "G"]);
    assert!(down.0.contains("10:37:41.582 → 10:37:41.584"), "{}", down.0);
    press(&mut app, KeyCode::Esc);
    press(&mut app, KeyCode::Tab);
    press_all(&mut app, "2");
    assert_eq!(times(&mut app, ["G", "g"]), down);
}

#[test]
fn the_selection_stays_on_its_topic_while_others_come() {
    let mut app = app();
    put(&mut app, "m", "1");
    assert_eq!(selected(&app), "m");
    put(&mut app, "b", "1");
    // Until somebody moves it, it is at the top.
    assert_eq!(selected(&app), "b");
    press_all(&mut app, "j");
    assert_eq!(selected(&app), "m");
    for topic in ["a", "c", "d", "z"] {
        put(&mut app, topic, "1");
    }
    assert_eq!(selected(&app), "m");
    press_all(&mut app, "G");
    assert_eq!(selected(&app), "z");
    press_all(&mut app, "g");
    assert_eq!(selected(&app), "a");
}

#[test]
fn levels_open_and_close() {
    let mut app = app();
    put(&mut app, "a/b/c", "1");
    put(&mut app, "a/d", "1");
    assert_eq!(app.store.tree.rows(), 3);
    press_all(&mut app, "h");
    assert_eq!(app.store.tree.rows(), 1);
    press_all(&mut app, "lll");
    assert_eq!((selected(&app), app.store.tree.rows()), ("a/b", 4));
    press_all(&mut app, "jhO");
    assert_eq!((selected(&app), app.store.tree.rows()), ("a", 1));
    press_all(&mut app, "o");
    assert_eq!(app.store.tree.rows(), 4);
}

#[test]
fn a_search_finds_topics_in_closed_levels_and_goes_around() {
    let mut app = app();
    for topic in ["home/kitchen/temp", "home/bath/temp", "garden/temp", "x"] {
        put(&mut app, topic, "1");
    }
    press_all(&mut app, "O");
    find(&mut app, "bath");
    assert_eq!(selected(&app), "home/bath/temp");
    find(&mut app, "/^home.*temp$/");
    assert_eq!(selected(&app), "home/kitchen/temp");
    press_all(&mut app, "n");
    assert_eq!(selected(&app), "home/bath/temp");
    press_all(&mut app, "N");
    assert_eq!(selected(&app), "home/kitchen/temp");
    find(&mut app, "nothing like it");
    assert!(app.notice.as_ref().unwrap().text.contains("no topic"));
    assert_eq!(selected(&app), "home/kitchen/temp");
    find(&mut app, "/(/");
    // What cannot be understood stays to be corrected.
    assert!(matches!(app.mode, Mode::Search(_)));
    press(&mut app, KeyCode::Esc);
    assert!(matches!(app.mode, Mode::Normal));
}

#[test]
fn a_filter_shows_what_matches_until_esc() {
    let mut app = app();
    for topic in ["home/kitchen/temp", "home/bath/hum", "garden/temp"] {
        put(&mut app, topic, "1");
    }
    press_all(&mut app, "Of");
    type_text(&mut app, "temp");
    press(&mut app, KeyCode::Enter);
    while app.has_work() {
        app.work();
    }
    app.prepare();
    assert_eq!(app.store.tree.matching(), 2);
    assert_eq!(app.store.tree.rows(), 5);
    put(&mut app, "new/temp", "1");
    put(&mut app, "new/hum", "1");
    assert_eq!(app.store.tree.matching(), 3);
    press(&mut app, KeyCode::Esc);
    while app.has_work() {
        app.work();
    }
    assert_eq!(app.store.tree.matching(), 5);
}

#[test]
fn a_pause_keeps_everything_as_it_is_and_loses_nothing() {
    let mut app = app();
    put(&mut app, "a", "1");
    press_all(&mut app, " ");
    for number in 0..5_000 {
        put(&mut app, &format!("b/{number}"), "2");
    }
    assert_eq!((app.pending(), app.store.tree.node(ROOT).messages), (5_000, 1));
    assert!(!app.has_work());
    press_all(&mut app, " ");
    // What comes before all of them are taken in stays behind them.
    put(&mut app, "a", "3");
    while app.has_work() {
        app.work();
    }
    assert_eq!((app.pending(), app.store.tree.node(ROOT).messages), (0, 5_002));
    let a = app.store.tree.find("a").unwrap();
    assert_eq!(&*app.store.topic(a).unwrap().last().unwrap().payload, b"3");
    assert_eq!(app.store.dropped.while_paused, 0);
}

#[test]
fn a_long_pause_drops_the_oldest_and_counts_them() {
    let mut app = app_within(WatchLimits { memory: 1_000_000, ..WatchLimits::default() });
    press_all(&mut app, " ");
    for _ in 0..10_000 {
        let at = app.now;
        receive(&mut app, at, "a", &[0; 100], |_| {});
    }
    assert!(app.memory() < 300_000);
    assert_eq!(app.store.dropped.while_paused + app.pending() as u64, 10_000);
    assert!(app.pending() > 500);
}

#[test]
fn the_history_keeps_its_cursor_and_compares_two() {
    let mut app = app();
    for value in ["one", "two", "three"] {
        put(&mut app, "a", value);
    }
    press_all(&mut app, "j2");
    press(&mut app, KeyCode::Tab);
    assert_eq!((app.pane, app.detail.tab), (Pane::Detail, Tab::History));
    app.prepare();
    press_all(&mut app, "j");
    let shown = |app: &App| {
        let topic = app.store.topic(app.selected).unwrap();
        String::from_utf8(app.detail.shown(topic).unwrap().payload.to_vec()).unwrap()
    };
    assert_eq!(shown(&app), "two");
    put(&mut app, "a", "four");
    assert_eq!((shown(&app).as_str(), app.detail.cursor), ("two", Some(2)));
    press(&mut app, KeyCode::Enter);
    app.prepare();
    press_all(&mut app, "j");
    press(&mut app, KeyCode::Enter);
    app.prepare();
    assert_eq!(app.detail.tab, Tab::Diff);
    let lines: Vec<String> =
        app.detail.lines.iter().map(crate::watch::state::document::DocumentLine::text).collect();
    assert_eq!(lines, ["- one", "+ two"]);
}

#[test]
fn the_decoder_of_a_topic_can_be_chosen() {
    let mut app = app();
    put(&mut app, "a", "21");
    press_all(&mut app, "v");
    assert_eq!(app.decode_of(app.selected), Decode::Json);
    press_all(&mut app, "vvvvv");
    assert_eq!(app.decode_of(app.selected), Decode::Auto);
}

#[test]
fn copying_and_writing_are_asked_for() {
    let mut app = app();
    put(&mut app, "a/..x y", "value");
    press_all(&mut app, "ljyY");
    assert_eq!(
        app.take_effects(),
        [Effect::Copy(Bytes::from_static(b"value")), Effect::Copy(Bytes::from_static(b"a/..x y"))]
    );
    press_all(&mut app, "w");
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.take_effects(), [Effect::Write("x_y.payload".into(), Bytes::from_static(b"value"))]);
    press_all(&mut app, "rq");
    control(&mut app, 'z');
    control(&mut app, 'c');
    assert_eq!(app.take_effects(), [Effect::Record, Effect::Quit, Effect::Suspend, Effect::Quit]);
}

#[test]
fn a_message_is_published_from_the_selected_one_and_recalled() {
    let mut app = app();
    receive(&mut app, 1, "a/b", b"on", |publish| {
        publish.message.retain = true;
        publish.message.qos = QoS::AtLeastOnce;
    });
    app.prepare();
    find(&mut app, "a/b");
    press_all(&mut app, "p");
    press(&mut app, KeyCode::Char('!'));
    press(&mut app, KeyCode::Enter);
    let effects = app.take_effects();
    let [Effect::Publish(message)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((&*message.topic, &*message.payload), ("a/b", &b"on!"[..]));
    assert_eq!((message.qos, message.retain), (QoS::AtLeastOnce, true));
    press_all(&mut app, "p");
    control(&mut app, 'u');
    control(&mut app, 'p');
    let Mode::Publish(form) = &app.mode else { panic!("no form") };
    assert_eq!(form.recalled, Some(0));
    press(&mut app, KeyCode::Esc);
    assert!(matches!(app.mode, Mode::Normal));
    assert!(app.take_effects().is_empty());
}

#[test]
fn clearing_lists_the_topics_and_asks_first() {
    let mut app = app();
    for (topic, retain) in [("a/1", true), ("a/2", false), ("a/3/x", true), ("b", true)] {
        receive(&mut app, 1, topic, b"x", |publish| publish.message.retain = retain);
    }
    app.prepare();
    press(&mut app, KeyCode::Delete);
    let Mode::Clear(clearing) = &app.mode else { panic!("not asked") };
    let topics: Vec<&str> = clearing.topics.iter().map(|id| app.store.tree.node(*id).path()).collect();
    assert_eq!(topics, ["a/1", "a/3/x"]);
    press(&mut app, KeyCode::Char('n'));
    assert!(app.take_effects().is_empty());
    press(&mut app, KeyCode::Delete);
    press(&mut app, KeyCode::Char('y'));
    let effects = app.take_effects();
    assert_eq!(effects.len(), 2);
    for effect in effects {
        let Effect::Publish(message) = effect else { panic!("{effect:?}") };
        assert!(message.retain && message.payload.is_empty() && message.topic.starts_with("a/"));
    }
    assert_eq!(app.store.tree.node(ROOT).retained, 1);
    press(&mut app, KeyCode::Delete);
    assert!(matches!(app.mode, Mode::Normal));
}

#[test]
fn a_recording_cannot_be_published_to() {
    let mut app = app();
    app.update(Action::Link(LinkState::Replay { ended: false }));
    put(&mut app, "a", "1");
    press_all(&mut app, "p");
    press(&mut app, KeyCode::Delete);
    assert!(matches!(app.mode, Mode::Normal) && app.take_effects().is_empty());
}

#[test]
fn what_is_left_out_is_not_taken_in() {
    let mut app = app();
    app.leave_out(vec!["x/#".parse().unwrap()]);
    assert!(!app.receive(&publish("x/y", b""), 1));
    assert!(app.receive(&publish("y", b""), 1));
    assert_eq!(app.store.tree.node(ROOT).topics, 1);
}

#[test]
fn time_alone_changes_the_screen_only_where_something_is_shown() {
    let mut app = app();
    app.prepare();
    app.update(Action::Tick(1_000_000));
    assert!(!app.is_dirty());
    put(&mut app, "a", "1");
    app.update(Action::Tick(2_000_000));
    assert!(app.is_dirty());
    app.prepare();
    press_all(&mut app, " ");
    app.update(Action::Tick(3_000_000));
    assert!(!app.is_dirty());
}

#[test]
fn pasted_text_goes_where_typing_goes() {
    let mut app = app();
    app.update(Action::Paste("q".to_owned()));
    assert!(app.take_effects().is_empty());
    press_all(&mut app, "/");
    app.update(Action::Paste("abc\nq".to_owned()));
    let Mode::Search(edit) = &app.mode else { panic!("no search") };
    assert_eq!(edit.text(), "abc");
}

#[test]
fn sorting_by_rate_moves_topics_in_steps() {
    let mut app = app();
    for topic in ["a", "b", "c"] {
        put(&mut app, topic, "1");
    }
    press_all(&mut app, "s");
    for _ in 0..20 {
        put(&mut app, "c", "1");
    }
    app.update(Action::Tick(app.now + 2_000_000));
    while app.has_work() {
        app.work();
    }
    assert_eq!(app.store.tree.at_row(0), app.store.tree.find("c"));
}

#[test]
fn another_order_of_many_topics_comes_in_pieces() {
    let mut app = app();
    for number in 0..5_000 {
        receive(&mut app, number, &format!("{number:04}"), b"1", |_| {});
    }
    // By rate, by change, by name again.
    for first in ["", "4999", "0000"] {
        press(&mut app, KeyCode::Char('s'));
        app.work();
        assert!(app.has_work());
        while app.has_work() {
            app.work();
        }
        let path = app.store.tree.at_row(0).map(|id| app.store.tree.node(id).path());
        assert!(path.is_some_and(|path| path.ends_with(first)), "{path:?}");
    }
}

#[test]
fn what_is_published_has_a_rate_and_waits_for_its_confirmation() {
    let mut app = app();
    app.update(Action::Published { asked: 10, confirmed: 7 });
    assert_eq!((app.publish_rate(), app.open_publishes()), (2.0, 3));
    app.update(Action::Published { asked: 10, confirmed: 10 });
    assert_eq!((app.publish_rate(), app.open_publishes()), (2.0, 0));
    app.update(Action::Tick(60_000_000));
    assert!(app.publish_rate() < 0.01);
}
