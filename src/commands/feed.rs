//! Where the messages of `mqt pub` come from: one payload a number of times, or records of standard input.

use std::collections::VecDeque;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::config::{Dialect, OnError, PublishSettings, Source};
use crate::error::{Failure, Kind};
use crate::output::json::{
    Found, InputFault, InputPlace, JsonMessage, JsonMessageError, parse_message, parse_recorded,
};
use crate::output::sanitize::escape;
use crate::ui::Amount;
use mqt_process::file;
use mqt_process::text_file::FileError;
use mqt_proto::session::Ledger;
use mqt_proto::{MAX_REMAINING_LENGTH, Message, Properties, Property, QoS, TopicName};

use super::input::{Record, Records, read_whole_in_thread};
use super::objects::{Fetch, Objects};
use super::publish::{file_payload, too_large};
use super::recording::{self, Pace};

/// What [`Feed::next`] has.
pub(super) enum Fetched<'a> {
    /// The next message.
    Message(&'a Message),
    /// A record that is no message; it is left out.
    Bad(Failure),
    /// Nothing now: see [`Feed::ready`] and [`Feed::is_at_end`].
    Nothing,
}

enum Origin {
    /// One payload, some more times.
    Repeated {
        payload: Bytes,
        left: u64,
        delay: Duration,
        not_before: Option<Instant>,
        /// A round begins when the one before is confirmed, a pause or not: as mosquitto_pub does it.
        stepwise: bool,
    },
    Stream {
        records: Records,
        kind: RecordKind,
    },
    Objects {
        objects: Box<Objects>,
        /// For a recording: when each message is due.
        timing: Option<Box<Timing>>,
    },
}

/// Holds a message back until it is due.
struct Timing {
    /// The recording.
    path: PathBuf,
    pace: Pace,
    held: Option<Held>,
}

/// A message of a recording.
struct Held {
    begins: InputPlace,
    message: JsonMessage,
    due: Instant,
}

impl Timing {
    /// Takes the message that is held, once it is due.
    fn take_due(&mut self) -> Option<(InputPlace, JsonMessage)> {
        let now = Instant::now();
        self.held.take_if(|held| held.due <= now).map(|held| (held.begins, held.message))
    }

    fn hold(&mut self, begins: InputPlace, recorded: SystemTime, message: JsonMessage) {
        let (_, due) = self.pace.due(recorded, Instant::now());
        self.held = Some(Held { begins, message, due });
    }
}

enum RecordKind {
    /// The record is the payload.
    Payload { crlf: bool },
    /// Topic, separator, payload.
    Split { separator: Bytes, crlf: bool },
}

/// The messages to publish.
pub(super) struct Feed {
    origin: Origin,
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
    /// Of objects: where they begin.
    lines: Lines,
    published: u64,
    stopped: bool,
    failure: Option<Failure>,
    input_size: Option<u64>,
    consumed: u64,
}

impl Feed {
    /// Opens the source; whatever can be read at once is read before anything is sent.
    pub async fn open(settings: &PublishSettings) -> Result<Self, Failure> {
        let repeated = |payload: Bytes| Origin::Repeated {
            payload,
            left: settings.repeat.get(),
            delay: settings.repeat_delay,
            not_before: None,
            stepwise: settings.ui.dialect.is_mosquitto(),
        };
        if settings.source.reads_stdin() {
            check_stdin()?;
        }
        let origin = match &settings.source {
            Source::Message(_) | Source::Null | Source::File(_) | Source::StdinWhole => {
                repeated(payload(&settings.source, settings.ui.dialect).await?)
            }
            Source::Lines { delimiter, crlf } => {
                let kind = match &settings.split_topic {
                    Some(separator) => RecordKind::Split { separator: separator.clone(), crlf: *crlf },
                    None => RecordKind::Payload { crlf: *crlf },
                };
                Origin::Stream { records: Records::read(Stdin, *delimiter), kind }
            }
            Source::JsonLines => Origin::Objects { objects: Box::new(Objects::read(Stdin)), timing: None },
            Source::Recording(replay) => Origin::Objects {
                objects: Box::new(recording::open(&replay.file)?),
                timing: Some(Box::new(Timing {
                    path: replay.file.clone(),
                    pace: Pace::new(replay.speed.factor()),
                    held: None,
                })),
            },
        };
        let input_size = match (&origin, &settings.source) {
            (_, Source::Recording(replay)) => file::metadata(&replay.file).ok().map(|file| file.len()),
            (Origin::Stream { .. } | Origin::Objects { .. }, _) => stdin_size(),
            (Origin::Repeated { .. }, _) => None,
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
            lines: Lines::default(),
            published: 0,
            stopped: false,
            failure: None,
            input_size,
            consumed: 0,
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
        let payload = match &mut self.origin {
            Origin::Repeated { left: 0, .. } => return Fetched::Nothing,
            Origin::Repeated { stepwise: true, .. } if !drained => return Fetched::Nothing,
            Origin::Repeated { payload, left, delay, not_before, .. } => {
                if !delay.is_zero() {
                    if !drained {
                        return Fetched::Nothing;
                    }
                    match not_before {
                        Some(time) if Instant::now() < *time => return Fetched::Nothing,
                        Some(_) => *not_before = None,
                        // The pause begins when the round before is confirmed.
                        None if self.published > 0 => {
                            *not_before = Some(Instant::now() + *delay);
                            return Fetched::Nothing;
                        }
                        None => {}
                    }
                }
                *left -= 1;
                payload.clone()
            }
            Origin::Objects { .. } => return self.next_object(),
            Origin::Stream { records, kind } => match records.next() {
                None => return Fetched::Nothing,
                Some(Record::Failed(error)) => return self.unread(unread_stdin(error)),
                Some(Record::TooLong) => {
                    let line = records.number();
                    return self.bad(too_long(format_args!("line {line}")));
                }
                Some(Record::Bytes(record)) => {
                    self.consumed += record.len() as u64 + 1;
                    match kind {
                        RecordKind::Payload { crlf } => without_cr(record, *crlf),
                        RecordKind::Split { separator, crlf } => {
                            let line = records.number();
                            let record = without_cr(record, *crlf);
                            return match split(&record, separator) {
                                Ok((topic, payload)) => {
                                    let message = self.message(topic, payload);
                                    self.fetched(message)
                                }
                                Err(failure) => self.bad(failure(line)),
                            };
                        }
                    }
                }
            },
        };
        self.for_each_topic(payload)
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

    fn next_object(&mut self) -> Fetched<'_> {
        let Origin::Objects { objects, timing } = &mut self.origin else { return Fetched::Nothing };
        let (begins, object) = loop {
            let found = match timing.as_mut() {
                None => match objects.next(parse_message) {
                    None => return Fetched::Nothing,
                    Some(Fetch::Failed(error)) => return self.unread(unread_stdin(error)),
                    Some(Fetch::Found(found)) => found,
                },
                Some(timing) if timing.held.is_some() => match timing.take_due() {
                    None => return Fetched::Nothing,
                    Some((begins, message)) => break (begins, Ok(message)),
                },
                Some(timing) => match objects.next(parse_recorded) {
                    None => return Fetched::Nothing,
                    Some(Fetch::Failed(error)) => {
                        let failure = recording::failed(&timing.path, error);
                        return self.unread(failure);
                    }
                    Some(Fetch::Found(Found { begins, object: Ok((recorded, message)) })) => {
                        timing.hold(begins, recorded, message);
                        continue;
                    }
                    Some(Fetch::Found(Found { begins, object: Err(fault) })) => break (begins, Err(fault)),
                },
            };
            break (found.begins, found.object);
        };
        self.consumed = objects.consumed();
        match object {
            Ok(message) => self.json(message, begins),
            Err(fault) => self.bad_json(&fault, begins),
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
        self.lines.add(self.published + 1, begins.line);
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
        // A message is told by where its object begins, others by counting.
        if !matches!(self.origin, Origin::Objects { .. }) {
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
        if let Origin::Objects { timing: Some(timing), .. } = &self.origin
            && let Some(held) = &timing.held
        {
            return tokio::time::sleep_until(held.due).await;
        }
        match &mut self.origin {
            Origin::Stream { records, .. } => records.ready().await,
            Origin::Objects { objects, .. } => objects.ready().await,
            Origin::Repeated { not_before: Some(time), .. } => tokio::time::sleep_until(*time).await,
            // Waits for the confirmation of the round before.
            Origin::Repeated { delay, stepwise, .. } if (*stepwise || !delay.is_zero()) && !drained => {
                std::future::pending().await
            }
            Origin::Repeated { .. } => {}
        }
    }

    /// Whether nothing is at hand, so that [`Self::ready`] may find the end of the input.
    pub fn may_end(&self) -> bool {
        self.queued.is_empty()
            && match &self.origin {
                Origin::Objects { timing: Some(timing), .. } if timing.held.is_some() => false,
                Origin::Objects { objects, .. } => objects.is_empty(),
                Origin::Stream { records, .. } => records.is_empty(),
                Origin::Repeated { .. } => false,
            }
    }

    /// Whether no message will come any more.
    pub fn is_at_end(&self) -> bool {
        self.queued.is_empty()
            && (self.stopped
                || match &self.origin {
                    Origin::Repeated { left, .. } => *left == 0,
                    Origin::Objects { timing: Some(timing), .. } if timing.held.is_some() => false,
                    Origin::Objects { objects, .. } => objects.is_at_end(),
                    Origin::Stream { records, .. } => records.is_at_end(),
                })
    }

    /// Whether there is more than one message to be expected.
    pub fn is_stream(&self) -> bool {
        self.topics.len() > 1
            || match &self.origin {
                Origin::Stream { .. } | Origin::Objects { .. } => true,
                Origin::Repeated { .. } => self.published > 1,
            }
    }

    /// How many records were read.
    pub fn records(&self) -> u64 {
        match &self.origin {
            Origin::Stream { records, .. } => records.number(),
            Origin::Objects { objects, .. } => objects.number(),
            Origin::Repeated { .. } => self.published,
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
        let topics = match &self.origin {
            Origin::Repeated { .. } => return None,
            Origin::Objects { .. } => return self.lines.of(ticket).map(|line| format!("line {line}")),
            Origin::Stream { kind: RecordKind::Payload { .. }, .. } => self.topics.len().max(1) as u64,
            Origin::Stream { kind: RecordKind::Split { .. }, .. } => 1,
        };
        let left_out = self.left_out.before(ticket);
        Some(format!("line {}", ticket.saturating_sub(1) / topics + 1 + left_out))
    }

    /// How much there will be, where that is known.
    pub fn expected(&self) -> Option<Amount> {
        match &self.origin {
            Origin::Repeated { left, .. } if *left > 1 => {
                Some(Amount::Messages(left.saturating_mul(self.topics.len().max(1) as u64)))
            }
            Origin::Repeated { .. } => None,
            Origin::Stream { .. } | Origin::Objects { .. } => self.input_size.map(Amount::Bytes),
        }
    }

    /// How far the work has come, in the unit of [`Self::expected`].
    pub fn position(&self, ledger: &Ledger) -> u64 {
        match &self.origin {
            Origin::Repeated { .. } => ledger.asked - ledger.open(),
            Origin::Stream { .. } | Origin::Objects { .. } => self.consumed,
        }
    }
}

/// The payload of a source that has one message; empty for the others.
pub(super) async fn payload(source: &Source, dialect: Dialect) -> Result<Bytes, Failure> {
    match source {
        Source::Message(payload) => Ok(payload.clone()),
        Source::File(path) => file_payload(path),
        Source::StdinWhole => {
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
        Source::Null | Source::Lines { .. } | Source::JsonLines | Source::Recording(_) => Ok(Bytes::new()),
    }
}

/// How many of the last publishes may still be refused: every packet identifier in use, and as many that wait.
const REFUSABLE: u64 = 2 * 65_535;

/// Which records were left out, as far as it matters for publishes that may still be refused.
#[derive(Debug, Default)]
struct LeftOut {
    /// The number of publishes before some records that were left out, and how many these are.
    runs: VecDeque<(u64, u64)>,
    /// Records that were left out before them.
    earlier: u64,
}

impl LeftOut {
    /// One more, after so many publishes.
    fn add(&mut self, published: u64) {
        match self.runs.back_mut() {
            Some((before, count)) if *before == published => *count += 1,
            _ => self.runs.push_back((published, 1)),
        }
        while let Some((before, count)) = self.runs.front()
            && before + REFUSABLE < published
        {
            self.earlier += count;
            self.runs.pop_front();
        }
    }

    /// How many were left out before the publish with this number, one of the last.
    fn before(&self, ticket: u64) -> u64 {
        let runs = self.runs.iter().take_while(|(before, _)| *before < ticket);
        self.earlier + runs.map(|(_, count)| count).sum::<u64>()
    }
}

/// The lines on which the objects of the last publishes begin, as far as these may still be refused. As many lines from
/// one to the next as before cost nothing.
#[derive(Debug, Default)]
struct Lines(VecDeque<Run>);

/// Publishes whose objects begin as many lines apart.
#[derive(Debug)]
struct Run {
    first: u64,
    line: u64,
    /// Lines from one to the next, once there is a second.
    step: Option<u64>,
}

impl Run {
    fn line(&self, ticket: u64) -> u64 {
        self.line + ticket.saturating_sub(self.first).saturating_mul(self.step.unwrap_or(0))
    }
}

impl Lines {
    /// The next publish.
    fn add(&mut self, ticket: u64, line: u64) {
        match self.0.back_mut() {
            Some(run) if run.step.is_none() => run.step = Some(line.saturating_sub(run.line)),
            Some(run) if run.line(ticket) == line => {}
            _ => self.0.push_back(Run { first: ticket, line, step: None }),
        }
        while self.0.get(1).is_some_and(|second| second.first + REFUSABLE < ticket) {
            self.0.pop_front();
        }
    }

    fn of(&self, ticket: u64) -> Option<u64> {
        let after = self.0.partition_point(|run| run.first <= ticket);
        self.0.get(after.checked_sub(1)?).map(|run| run.line(ticket))
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

fn without_cr(mut record: Bytes, crlf: bool) -> Bytes {
    if crlf && record.last() == Some(&b'\r') {
        record.truncate(record.len() - 1);
    }
    record
}

type BadLine = Box<dyn FnOnce(u64) -> Failure>;

fn split(record: &Bytes, separator: &Bytes) -> Result<(TopicName, Bytes), BadLine> {
    let Some(at) = memchr::memmem::find(record, separator) else {
        let separator = escape(&String::from_utf8_lossy(separator)).into_owned();
        return Err(Box::new(move |line| {
            Failure::usage(format!("line {line}: the separator \"{separator}\" is missing"))
                .keyword("split-topic")
                .hint("each line is topic, separator, payload")
        }));
    };
    let bad_topic = |why: String| -> BadLine {
        Box::new(move |line| Failure::usage(format!("line {line}: no topic name: {why}")).keyword("topic"))
    };
    let topic = bytestring::ByteString::try_from(record.slice(..at))
        .map_err(|_| bad_topic("it is not UTF-8".to_owned()))?;
    let topic = TopicName::new(topic).map_err(|error| bad_topic(error.to_string()))?;
    Ok((topic, record.slice(at + separator.len()..)))
}

/// Standard input, opened where it is read.
struct Stdin;

impl Read for Stdin {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        std::io::stdin().lock().read(space)
    }
}

/// Standard input cannot be read, or not to its end.
fn unread_stdin(error: std::io::Error) -> Failure {
    FileError::new("standard input".as_ref(), error).into()
}

/// Fails when standard input is closed: to end there would pass for an empty message, which clears what is retained.
///
/// The standard library has put /dev/null in the place of a descriptor that was closed, open for writing, too, as nobody
/// else opens a standard input that is meant to be read.
#[cfg(unix)]
fn check_stdin() -> Result<(), Failure> {
    if !mqt_process::descriptors::is_stdin_closed() {
        return Ok(());
    }
    Err(Failure::usage("standard input is closed")
        .keyword("file")
        .hint("-n publishes an empty message; a container needs -i (docker run -i) for standard input")
        .mosquitto_text("Error loading input from stdin."))
}

/// There is no telling here.
#[cfg(not(unix))]
fn check_stdin() -> Result<(), Failure> {
    Ok(())
}

/// The size of standard input when it is a file.
#[cfg(unix)]
fn stdin_size() -> Option<u64> {
    use std::os::fd::AsFd;
    let file = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// The size of standard input when it is a file.
#[cfg(not(unix))]
fn stdin_size() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_objects_are_kept_in_bounded_memory() {
        let mut lines = Lines::default();
        // A gap, several in a line, then five lines each.
        for (index, line) in [1, 2, 5, 5, 5, 6].into_iter().enumerate() {
            lines.add(index as u64 + 1, line);
        }
        let line = |ticket| 6 + 5 * (ticket - 6);
        for ticket in 7..1_000 {
            lines.add(ticket, line(ticket));
        }
        assert_eq!(
            (1..=7).map(|ticket| lines.of(ticket).unwrap()).collect::<Vec<_>>(),
            [1, 2, 5, 5, 5, 6, 11]
        );
        assert_eq!(lines.of(999), Some(line(999)));
        assert!(lines.0.len() < 6, "{lines:?}");
        assert_eq!(lines.of(0), None);
        // No two alike.
        for ticket in 1_000..500_000 {
            lines.add(ticket, ticket * ticket);
        }
        assert!(lines.0.len() as u64 <= REFUSABLE + 2);
        for ticket in [499_999, 499_998, 500_000 - REFUSABLE] {
            assert_eq!(lines.of(ticket), Some(ticket * ticket));
        }
    }

    #[test]
    fn records_that_were_left_out_are_counted_in_bounded_memory() {
        let mut left_out = LeftOut::default();
        // Two bad records before the first publish, one after each.
        left_out.add(0);
        left_out.add(0);
        assert_eq!(left_out.runs.len(), 1);
        for published in 1..1_000_000 {
            left_out.add(published);
            if published % 100_000 == 1 {
                assert_eq!(left_out.before(published), published + 1);
            }
        }
        assert_eq!(left_out.before(1_000_000), 1_000_001);
        assert_eq!(left_out.before(1_000_000 - REFUSABLE), 1_000_001 - REFUSABLE);
        assert!(left_out.runs.len() as u64 <= REFUSABLE + 1);
    }
}
