//! Messages that are published: written in the form, or such that clear retained ones.

use bytes::Bytes;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::output::units::Many;
use crate::watch::state::app::{App, Clearing, Effect, Gravity, LinkState, Mode};
use crate::watch::state::form::{FormOutcome, PublishForm};
use crate::watch::state::tree::ROOT;
use mqt_proto::{Message, Properties, QoS, TopicName};

/// This many messages that were sent can be recalled.
const SENT: usize = 50;

impl App {
    pub(crate) fn can_publish(&mut self) -> bool {
        let can = !matches!(self.link, LinkState::Replay { .. });
        if !can {
            self.tell(Gravity::Warning, "this is a recording: there is no broker to publish to");
        }
        can
    }

    pub(crate) fn begin_message(&mut self) {
        if !self.can_publish() {
            return;
        }
        let node = self.store.tree.node(self.selected);
        let message = self.shown().and_then(|kept| kept.to_message(node.path()));
        self.mode = Mode::Publish(Box::new(PublishForm::new(node.path(), message.as_ref())));
    }

    pub(crate) fn write_message(&mut self, mut form: Box<PublishForm>, key: KeyEvent) {
        match form.key(key) {
            FormOutcome::Open => self.mode = Mode::Publish(form),
            FormOutcome::Closed => {}
            FormOutcome::Send(message) => {
                self.tell(Gravity::Note, format!("publishing to {}", &*message.topic));
                self.sent.retain(|sent| *sent != message);
                self.sent.push_back(message.clone());
                if self.sent.len() > SENT {
                    self.sent.pop_front();
                }
                self.effects.push(Effect::Publish(message));
            }
            FormOutcome::Recall { older } => {
                let last = self.sent.len().checked_sub(1);
                let place = match (form.recalled, older) {
                    (None, true) => last,
                    (Some(place), true) => Some(place.saturating_sub(1)),
                    (Some(place), false) => Some(place + 1).filter(|place| Some(*place) <= last),
                    (None, false) => None,
                };
                if let Some(message) = place.and_then(|place| self.sent.get(place)) {
                    *form =
                        PublishForm { field: form.field, ..PublishForm::new(&message.topic, Some(message)) };
                    form.recalled = place;
                }
                self.mode = Mode::Publish(form);
            }
        }
    }

    pub(crate) fn begin_clearing(&mut self) {
        if !self.can_publish() {
            return;
        }
        let tree = &self.store.tree;
        let depth = tree.node(self.selected).depth;
        let mut topics = Vec::new();
        if self.selected != ROOT && tree.node(self.selected).retained > 0 {
            let mut at = Some(self.selected);
            while let Some(id) = at {
                if id != self.selected && tree.node(id).depth <= depth {
                    break;
                }
                if tree.is_shown(id) && self.store.topic(id).is_some_and(|topic| topic.retained) {
                    topics.push(id);
                }
                at = tree.after(id);
            }
        }
        if topics.is_empty() {
            self.tell(Gravity::Note, "there is no retained message here, as far as this client knows");
        } else {
            self.mode = Mode::Clear(Clearing { topics, top: 0 });
        }
    }

    pub(crate) fn confirm_clearing(&mut self, mut clearing: Clearing, key: KeyEvent) {
        let last = clearing.topics.len().saturating_sub(1);
        match key.code {
            KeyCode::Char('y') => {
                self.tell(
                    Gravity::Note,
                    format!("clearing {}", Many(clearing.topics.len() as u64, "retained message")),
                );
                for id in clearing.topics {
                    let topic = TopicName::new(self.store.tree.node(id).path().to_owned());
                    let Ok(topic) = topic else { continue };
                    self.store.cleared(id);
                    self.effects.push(Effect::Publish(Message {
                        topic,
                        payload: Bytes::new(),
                        qos: QoS::AtLeastOnce,
                        retain: true,
                        properties: Properties::new(),
                    }));
                }
                return;
            }
            KeyCode::Down | KeyCode::Char('j') => clearing.top = (clearing.top + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => clearing.top = clearing.top.saturating_sub(1),
            KeyCode::PageDown => clearing.top = (clearing.top + 10).min(last),
            KeyCode::PageUp => clearing.top = clearing.top.saturating_sub(10),
            _ => {
                self.tell(Gravity::Note, "nothing was cleared");
                return;
            }
        }
        self.mode = Mode::Clear(clearing);
    }
}
