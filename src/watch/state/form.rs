//! The form for publishing a message.

use bytes::Bytes;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::watch::state::edit::Edit;
use mqt_proto::{Message, Properties, Property, PropertyKind, QoS, TopicName};

/// The places of the form, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormField {
    /// The topic.
    Topic,
    /// The payload.
    #[default]
    Payload,
    /// The quality of service.
    QoS,
    /// The RETAIN flag.
    Retain,
}

/// What a payload is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormPayload {
    /// Typed text.
    Text(Edit),
    /// Bytes of a message that are no text.
    Bytes(Bytes),
}

/// A message that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishForm {
    /// Where typing goes.
    pub field: FormField,
    /// The topic.
    pub topic: Edit,
    /// The payload.
    pub payload: FormPayload,
    /// The quality of service.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// Properties of the message that it was begun from.
    pub properties: Properties,
    /// Why it cannot be sent.
    pub fault: Option<String>,
    /// Which of the messages sent before it shows; `None`: a new one.
    pub recalled: Option<usize>,
}

/// What a key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormOutcome {
    /// The form stays.
    Open,
    /// It is gone.
    Closed,
    /// This is to be sent.
    Send(Message),
    /// The message sent before, or after, the one that it shows.
    Recall {
        /// Before.
        older: bool,
    },
}

impl PublishForm {
    /// For a topic; with a message, its payload and flags too.
    #[must_use]
    pub fn new(topic: &str, message: Option<&Message>) -> Self {
        let mut form = Self {
            field: if topic.is_empty() { FormField::Topic } else { FormField::Payload },
            topic: Edit::new(topic),
            payload: FormPayload::Text(Edit::default()),
            qos: QoS::default(),
            retain: false,
            properties: Properties::new(),
            fault: None,
            recalled: None,
        };
        if let Some(message) = message {
            form.payload = match std::str::from_utf8(&message.payload) {
                Ok(text) => FormPayload::Text(Edit::new(text)),
                Err(_) => FormPayload::Bytes(message.payload.clone()),
            };
            (form.qos, form.retain) = (message.qos, message.retain);
            form.properties = message.properties.clone();
            // They belong to the delivery [MQTT-3.3.4-6], and to the connection.
            form.properties.remove(PropertyKind::SubscriptionIdentifier);
            form.properties.remove(PropertyKind::TopicAlias);
        }
        form
    }

    /// Puts pasted text in.
    pub fn paste(&mut self, text: &str) {
        match (self.field, &mut self.payload) {
            (FormField::Topic, _) => self.topic.insert(text.trim_end_matches(['\r', '\n'])),
            (FormField::Payload, FormPayload::Text(edit)) => {
                edit.insert(&text.replace("\r\n", "\n").replace('\r', "\n"))
            }
            (FormField::Payload, FormPayload::Bytes(_)) => self.payload = FormPayload::Text(Edit::new(text)),
            _ => {}
        }
    }

    /// Does what a key says.
    pub fn key(&mut self, key: KeyEvent) -> FormOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Esc => return FormOutcome::Closed,
            KeyCode::Char('c') if control => return FormOutcome::Closed,
            KeyCode::Char('p') if control => return FormOutcome::Recall { older: true },
            KeyCode::Char('n') if control => return FormOutcome::Recall { older: false },
            KeyCode::Char('x') if control => self.properties = Properties::new(),
            KeyCode::Enter if alt => self.line_feed(),
            // What Ctrl-J is without the terminal's raw mode, and what some terminals send for Alt-Enter.
            KeyCode::Char('j') if control => self.line_feed(),
            KeyCode::Enter => match self.message() {
                Ok(message) => return FormOutcome::Send(message),
                Err(why) => self.fault = Some(why),
            },
            KeyCode::Tab | KeyCode::Down => self.field = self.next(),
            KeyCode::BackTab | KeyCode::Up => self.field = self.previous(),
            _ => self.type_key(key),
        }
        FormOutcome::Open
    }

    fn line_feed(&mut self) {
        if let (FormField::Payload, FormPayload::Text(edit)) = (self.field, &mut self.payload) {
            edit.insert("\n");
        }
    }

    fn type_key(&mut self, key: KeyEvent) {
        self.fault = None;
        match self.field {
            FormField::Topic => {
                self.topic.key(key);
            }
            FormField::Payload => match &mut self.payload {
                FormPayload::Text(edit) => {
                    edit.key(key);
                }
                FormPayload::Bytes(_) => {
                    let mut edit = Edit::default();
                    if edit.key(key) {
                        self.payload = FormPayload::Text(edit);
                    }
                }
            },
            FormField::QoS => match key.code {
                KeyCode::Char(digit @ '0'..='2') => {
                    self.qos = QoS::from_level(digit as u8 - b'0').unwrap_or_default();
                }
                KeyCode::Char(' ') | KeyCode::Right => {
                    self.qos = QoS::from_level((self.qos.level() + 1) % 3).unwrap_or_default();
                }
                KeyCode::Left => {
                    self.qos = QoS::from_level((self.qos.level() + 2) % 3).unwrap_or_default();
                }
                _ => {}
            },
            FormField::Retain => {
                if matches!(key.code, KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right) {
                    self.retain = !self.retain;
                }
            }
        }
    }

    fn next(&self) -> FormField {
        match self.field {
            FormField::Topic => FormField::Payload,
            FormField::Payload => FormField::QoS,
            FormField::QoS => FormField::Retain,
            FormField::Retain => FormField::Topic,
        }
    }

    fn previous(&self) -> FormField {
        match self.field {
            FormField::Topic => FormField::Retain,
            FormField::Payload => FormField::Topic,
            FormField::QoS => FormField::Payload,
            FormField::Retain => FormField::QoS,
        }
    }

    fn message(&self) -> Result<Message, String> {
        let topic =
            TopicName::new(self.topic.text().to_owned()).map_err(|error| format!("the topic: {error}"))?;
        Ok(Message {
            topic,
            payload: match &self.payload {
                FormPayload::Text(edit) => Bytes::copy_from_slice(edit.text().as_bytes()),
                FormPayload::Bytes(bytes) => bytes.clone(),
            },
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.clone(),
        })
    }

    /// The names of the properties that go along.
    #[must_use]
    pub fn property_names(&self) -> Vec<&'static str> {
        self.properties.iter().map(|property: &Property| property.kind().name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(form: &mut PublishForm, code: KeyCode) -> FormOutcome {
        form.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_form_becomes_a_message() {
        let mut form = PublishForm::new("", None);
        for character in "a/b".chars() {
            press(&mut form, KeyCode::Char(character));
        }
        press(&mut form, KeyCode::Tab);
        form.paste("x\r\ny");
        press(&mut form, KeyCode::Down);
        press(&mut form, KeyCode::Char('1'));
        press(&mut form, KeyCode::Tab);
        press(&mut form, KeyCode::Char(' '));
        let FormOutcome::Send(message) = press(&mut form, KeyCode::Enter) else { panic!("{form:?}") };
        assert_eq!((&*message.topic, &*message.payload), ("a/b", &b"x\ny"[..]));
        assert_eq!((message.qos, message.retain), (QoS::AtLeastOnce, true));
    }

    #[test]
    fn a_wrong_topic_is_told_and_not_sent() {
        let mut form = PublishForm::new("a/#", None);
        assert_eq!(press(&mut form, KeyCode::Enter), FormOutcome::Open);
        assert!(form.fault.is_some());
        assert_eq!(press(&mut form, KeyCode::Esc), FormOutcome::Closed);
    }

    #[test]
    fn bytes_stay_as_they_are_until_something_is_typed() {
        let message = Message {
            topic: TopicName::new("a").unwrap(),
            payload: Bytes::from_static(b"\xff\x00"),
            properties: Properties::from(vec![
                Property::SubscriptionIdentifier(7),
                Property::ContentType("x".into()),
            ]),
            ..Message::default()
        };
        let mut form = PublishForm::new("a", Some(&message));
        assert_eq!(form.property_names(), ["content-type"]);
        let FormOutcome::Send(sent) = press(&mut form, KeyCode::Enter) else { panic!("{form:?}") };
        assert_eq!(&*sent.payload, b"\xff\x00");
        press(&mut form, KeyCode::Char('x'));
        assert_eq!(form.payload, FormPayload::Text(Edit::new("x")));
    }
}
