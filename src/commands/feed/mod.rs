//! Where the messages of `mqt pub` come from: one payload a number of times, or records of standard input.

mod file;
mod object_source;
mod place;
mod record_source;
mod repeated;
mod stdin;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::config::{Dialect, MessageSource, OnError, PublishSettings};
use crate::error::{Failure, Kind};
use crate::output::json::{InputFault, InputPlace, JsonMessage, JsonMessageError};
use crate::output::sanitize::escape;
use crate::ui::Amount;
use mqt_proto::session::Ledger;
use mqt_proto::{MAX_REMAINING_LENGTH, Message, Properties, Property, QoS, TopicName};

use super::input::read_whole_in_thread;
use file::{file_payload, too_large};
use object_source::{Object, ObjectSource};
use place::LeftOut;
use record_source::{Content, RecordSource};
use repeated::Repeated;
use stdin::{Stdin, check_stdin, stdin_size, unread_stdin};

/// What [`Feed::next`] has.
pub(super) enum Fetched<'a> {
    /// The next message.
    Message(&'a Message),
    /// A record that is no message; it is left out.
    Bad(Failure),
    /// Nothing now: see [`Feed::ready`] and [`Feed::is_at_end`].
    Nothing,
}

enum FeedOrigin {
    Repeated(Repeated),
    Records(RecordSource),
    Objects(Box<ObjectSource>),
}

/// The messages to publish.
pub(super) struct Feed {
    origin: FeedOrigin,
    topics: Vec<TopicName>,
    qos: QoS,
    retain: bool,
    properties: Properties,
    on_error: OnError,
    /// The message that was fetched last. The next one of the same topic differs in its payload only.
    current: Message,
    /// The same payload for further topics.
    queued: VecDeque<Message>,
    left_out: LeftOut,
    published: u64,
    stopped: bool,
    failure: Option<Failure>,
    input_size: Option<u64>,
}

impl Feed {
    /// Opens the source; whatever can be read at once is read before anything is sent.
    pub async fn open(settings: &PublishSettings) -> Result<Self, Failure> {
        if settings.source.reads_stdin() {
            check_stdin()?;
        }
        let origin = match &settings.source {
            MessageSource::Message(_)
            | MessageSource::Null
            | MessageSource::File(_)
            | MessageSource::StdinWhole => {
                let payload = payload(&settings.source, settings.ui.dialect).await?;
                let stepwise = settings.ui.dialect.is_mosquitto();
                let repeated = Repeated::new(payload, settings.repeat.get(), settings.repeat_delay, stepwise);
                FeedOrigin::Repeated(repeated)
            }
            MessageSource::Lines { delimiter, crlf } => {
                FeedOrigin::Records(RecordSource::open(*delimiter, settings.split_topic.clone(), *crlf))
            }
            MessageSource::JsonLines => FeedOrigin::Objects(Box::new(ObjectSource::of_stdin())),
            MessageSource::Recording(replay) => {
                let source = ObjectSource::of_recording(&replay.file, replay.speed.factor())?;
                FeedOrigin::Objects(Box::new(source))
            }
        };
        let input_size = match (&origin, &settings.source) {
            (_, MessageSource::Recording(replay)) => {
                mqt_process::file::metadata(&replay.file).ok().map(|file| file.len())
            }
            (FeedOrigin::Records(_) | FeedOrigin::Objects(_), _) => stdin_size(),
            (FeedOrigin::Repeated(_), _) => None,
        };
        let current = Message {
            topic: settings.topics.first().cloned().unwrap_or_default(),
            payload: Bytes::new(),
            qos: settings.qos,
            retain: settings.retain,
            properties: settings.properties.clone(),
        };
        Ok(Self {
            origin,
            current,
            topics: settings.topics.clone(),
            qos: settings.qos,
            retain: settings.retain,
            properties: settings.properties.clone(),
            on_error: settings.on_error,
            queued: VecDeque::new(),
            left_out: LeftOut::default(),
            published: 0,
            stopped: false,
            failure: None,
            input_size,
        })
    }

    /// The next message, if there is one now. `drained`: everything before is confirmed.
    pub fn next(&mut self, drained: bool) -> Fetched<'_> {
        if let Some(message) = self.queued.pop_front() {
            return self.fetched(message);
        }
        if self.stopped {
            return Fetched::Nothing;
        }
        match &mut self.origin {
            FeedOrigin::Repeated(repeated) => match repeated.next(drained) {
                Some(payload) => self.for_each_topic(payload),
                None => Fetched::Nothing,
            },
            FeedOrigin::Records(records) => match records.next() {
                Some(Content::Payload(payload)) => self.for_each_topic(payload),
                Some(Content::Message(topic, payload)) => {
                    let message = self.message(topic, payload);
                    self.fetched(message)
                }
                Some(Content::Bad(failure)) => self.bad(failure),
                Some(Content::Unread(error)) => self.unread(unread_stdin(error)),
                None => Fetched::Nothing,
            },
            FeedOrigin::Objects(objects) => match objects.next() {
                Some(Object::Found(begins, Ok(message))) => self.json(message, begins),
                Some(Object::Found(begins, Err(fault))) => self.bad_json(&fault, begins),
                Some(Object::Unread(failure)) => self.unread(failure),
                None => Fetched::Nothing,
            },
        }
    }

    fn for_each_topic(&mut self, payload: Bytes) -> Fetched<'_> {
        match self.topics.as_slice() {
            [] => self.bad(Failure::usage("no topic is given").keyword("topic")),
            [_] => {
                self.published += 1;
                self.current.payload = payload;
                Fetched::Message(&self.current)
            }
            [first, further @ ..] => {
                let message = self.message(first.clone(), payload.clone());
                let further = further.iter().map(|topic| self.message(topic.clone(), payload.clone()));
                self.queued = further.collect();
                self.fetched(message)
            }
        }
    }

    /// The input cannot be read any further.
    fn unread(&mut self, failure: Failure) -> Fetched<'_> {
        self.stopped = true;
        self.failure = Some(failure);
        Fetched::Nothing
    }

    fn bad_json(&mut self, fault: &InputFault, begins: InputPlace) -> Fetched<'_> {
        if *fault == InputFault::Utf16 {
            // Nothing of it can be read, whatever --on-error says.
            self.stopped = true;
            self.failure = Some(
                Failure::usage("the input is UTF-16")
                    .keyword("json")
                    .hint("convert it: iconv -f UTF-16 -t UTF-8"),
            );
            return Fetched::Nothing;
        }
        let failure = Failure::usage(format!("{begins}: {}", escape(&fault.to_string()))).keyword("json");
        self.bad(match fault {
            InputFault::TooLong => too_long(begins),
            InputFault::Syntax { .. } if self.on_error == OnError::Stop => {
                failure.hint("jq -c . tells whether it is JSON, and prints one object a line")
            }
            InputFault::Message(JsonMessageError::NoTime) => {
                failure.hint("mqt pub --json < FILE publishes at once, without --replay")
            }
            InputFault::Syntax { .. } | InputFault::Message(_) | InputFault::Utf16 => failure,
        })
    }

    fn json(&mut self, json: JsonMessage, begins: InputPlace) -> Fetched<'_> {
        let topic = match (json.topic, self.topics.first()) {
            (Some(topic), _) => topic,
            (None, Some(topic)) => topic.clone(),
            (None, None) => {
                return self.bad(
                    Failure::usage(format!("{begins}: \"topic\" is missing, and -t gives none"))
                        .keyword("topic"),
                );
            }
        };
        if let FeedOrigin::Objects(objects) = &mut self.origin {
            objects.publishes(self.published + 1, begins);
        }
        let mut properties = self.properties.clone();
        for property in &json.properties {
            match property {
                Property::UserProperty(..) => properties.push(property.clone()),
                other => properties.set(other.clone()),
            }
        }
        let message = Message {
            topic,
            payload: json.payload.unwrap_or_default(),
            qos: json.qos.unwrap_or(self.qos),
            retain: json.retain.unwrap_or(self.retain),
            properties,
        };
        self.fetched(message)
    }

    fn message(&self, topic: TopicName, payload: Bytes) -> Message {
        Message { topic, payload, qos: self.qos, retain: self.retain, properties: self.properties.clone() }
    }

    fn fetched(&mut self, message: Message) -> Fetched<'_> {
        self.published += 1;
        self.current = message;
        Fetched::Message(&self.current)
    }

    fn bad(&mut self, failure: Failure) -> Fetched<'_> {
        // A message is identified by where its object begins, others by counting.
        if !matches!(self.origin, FeedOrigin::Objects(_)) {
            self.left_out.add(self.published);
        }
        match self.on_error {
            OnError::Stop => {
                self.stopped = true;
                self.failure = Some(failure.hint("--on-error=skip goes on with the next record"));
                Fetched::Nothing
            }
            OnError::Skip => Fetched::Bad(failure),
        }
    }

    /// Waits until [`Self::next`] may have something. Cancel-safe.
    pub async fn ready(&mut self, drained: bool) {
        match &mut self.origin {
            FeedOrigin::Repeated(repeated) => repeated.ready(drained).await,
            FeedOrigin::Records(records) => records.ready().await,
            FeedOrigin::Objects(objects) => objects.ready().await,
        }
    }

    /// Whether nothing is at hand, so that [`Self::ready`] may find the end of the input.
    pub fn may_end(&self) -> bool {
        self.queued.is_empty()
            && match &self.origin {
                FeedOrigin::Repeated(_) => false,
                FeedOrigin::Records(records) => records.is_empty(),
                FeedOrigin::Objects(objects) => objects.is_empty(),
            }
    }

    /// Whether no message will come any more.
    pub fn is_at_end(&self) -> bool {
        self.queued.is_empty()
            && (self.stopped
                || match &self.origin {
                    FeedOrigin::Repeated(repeated) => repeated.left() == 0,
                    FeedOrigin::Records(records) => records.is_at_end(),
                    FeedOrigin::Objects(objects) => objects.is_at_end(),
                })
    }

    /// Whether there is more than one message to be expected.
    pub fn is_stream(&self) -> bool {
        self.topics.len() > 1
            || match &self.origin {
                FeedOrigin::Records(_) | FeedOrigin::Objects(_) => true,
                FeedOrigin::Repeated(_) => self.published > 1,
            }
    }

    /// How many records were read.
    pub fn records(&self) -> u64 {
        match &self.origin {
            FeedOrigin::Repeated(_) => self.published,
            FeedOrigin::Records(records) => records.number(),
            FeedOrigin::Objects(objects) => objects.number(),
        }
    }

    /// Reads no further: a message that the broker refuses is the end.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.queued.clear();
    }

    /// Why reading ended early.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Where the input of a publish stood; `None` when there is no input to point at.
    pub fn place(&self, ticket: u64) -> Option<String> {
        let per_record = match &self.origin {
            FeedOrigin::Repeated(_) => return None,
            FeedOrigin::Objects(objects) => {
                return objects.line_of(ticket).map(|line| format!("line {line}"));
            }
            FeedOrigin::Records(records) => records.messages_per_record(self.topics.len()),
        };
        let left_out = self.left_out.before(ticket);
        Some(format!("line {}", ticket.saturating_sub(1) / per_record + 1 + left_out))
    }

    /// How much there will be, where that is known.
    pub fn expected(&self) -> Option<Amount> {
        match &self.origin {
            FeedOrigin::Repeated(repeated) if repeated.left() > 1 => {
                Some(Amount::Messages(repeated.left().saturating_mul(self.topics.len().max(1) as u64)))
            }
            FeedOrigin::Repeated(_) => None,
            FeedOrigin::Records(_) | FeedOrigin::Objects(_) => self.input_size.map(Amount::Bytes),
        }
    }

    /// How far the work has come, in the unit of [`Self::expected`].
    pub fn position(&self, ledger: &Ledger) -> u64 {
        match &self.origin {
            FeedOrigin::Repeated(_) => ledger.asked - ledger.open(),
            FeedOrigin::Records(records) => records.consumed(),
            FeedOrigin::Objects(objects) => objects.consumed(),
        }
    }
}

/// The payload of a source that has one message; empty for the others.
pub(super) async fn payload(source: &MessageSource, dialect: Dialect) -> Result<Bytes, Failure> {
    match source {
        MessageSource::Message(payload) => Ok(payload.clone()),
        MessageSource::File(path) => file_payload(path),
        MessageSource::StdinWhole => {
            check_stdin()?;
            let payload = read_whole_in_thread(Stdin)
                .await
                .map_err(|error| unread_stdin(error).mosquitto_text("Error loading input from stdin."))?;
            if payload.len() > MAX_REMAINING_LENGTH {
                return Err(too_large(payload.len() as u64, "standard input"));
            }
            if payload.is_empty() && dialect.is_mosquitto() {
                return Err(Failure::usage("standard input is empty")
                    .mosquitto_text("Error: Zero length input.\nError loading input from stdin."));
            }
            Ok(payload)
        }
        MessageSource::Null
        | MessageSource::Lines { .. }
        | MessageSource::JsonLines
        | MessageSource::Recording(_) => Ok(Bytes::new()),
    }
}

/// A record at this place is too long.
fn too_long(place: impl std::fmt::Display) -> Failure {
    Failure::new(
        Kind::TooLarge,
        format!("{place}: longer than {MAX_REMAINING_LENGTH} bytes, the most that MQTT carries"),
    )
    .keyword("line-too-long")
}
