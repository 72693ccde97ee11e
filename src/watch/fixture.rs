//! A screen for tests: at a fixed time, without a terminal.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::WatchLimits;
use crate::output::clock::LocalClock;
use crate::watch::state::app::{Action, App, LinkState};
use mqt_proto::packet::Publish;
use mqt_proto::{Message, TopicName, Version};

/// An empty screen of a connected client, at 2026-11-20T10:37:41.581 UTC.
pub fn app() -> App {
    app_within(WatchLimits::default())
}

/// The same, within limits.
pub fn app_within(limits: WatchLimits) -> App {
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_171_061_581);
    let clock = LocalClock::in_zone(TimeZone::UTC);
    let mut app = App::new("mqtt://localhost:1883".to_owned(), limits, began, clock);
    app.update(Action::Link(LinkState::Online { version: Version::V5, resumed: false }));
    app
}

/// A message.
pub fn publish(topic: &str, payload: &[u8]) -> Publish {
    let message = Message {
        topic: TopicName::new(topic.to_owned()).unwrap(),
        payload: Bytes::copy_from_slice(payload),
        ..Message::default()
    };
    Publish { message, ..Publish::default() }
}

/// Has a message come in, changed as is asked for.
pub fn receive(app: &mut App, at: u64, topic: &str, payload: &[u8], change: impl Fn(&mut Publish)) {
    let mut publish = publish(topic, payload);
    change(&mut publish);
    app.receive(&publish, at);
}

/// Presses a key.
pub fn press(app: &mut App, code: KeyCode) {
    app.update(Action::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

/// Types a text.
pub fn type_text(app: &mut App, text: &str) {
    for character in text.chars() {
        press(app, KeyCode::Char(character));
    }
}
