//! Records of standard input, each a payload, or topic and payload.

use bytes::Bytes;

use super::stdin::Stdin;
use super::too_long;
use crate::commands::input::{Record, Records};
use crate::error::Failure;
use crate::output::sanitize::escape;
use mqt_proto::TopicName;

/// What the next record holds.
pub(super) enum Content {
    /// A payload, for each of the topics.
    Payload(Bytes),
    /// A payload for a topic of its own.
    Message(TopicName, Bytes),
    /// It is not a message.
    Bad(Failure),
    /// The input cannot be read any further.
    Unread(std::io::Error),
}

/// Records, and what each of them is.
pub(super) struct RecordSource {
    records: Records,
    /// What is between topic and payload; `None` where a record is a payload.
    separator: Option<Bytes>,
    /// A carriage return at the end of a record belongs to the line end.
    crlf: bool,
    /// How many bytes were read as records.
    consumed: u64,
}

impl RecordSource {
    /// Reads standard input in a thread of its own.
    pub fn open(delimiter: u8, separator: Option<Bytes>, crlf: bool) -> Self {
        Self { records: Records::read(Stdin, delimiter), separator, crlf, consumed: 0 }
    }

    /// The next record, if there is one now.
    pub fn next(&mut self) -> Option<Content> {
        Some(match self.records.next()? {
            Record::Failed(error) => Content::Unread(error),
            Record::TooLong => Content::Bad(too_long(format_args!("line {}", self.records.number()))),
            Record::Bytes(record) => {
                self.consumed += record.len() as u64 + 1;
                let record = without_cr(record, self.crlf);
                match &self.separator {
                    None => Content::Payload(record),
                    Some(separator) => split(&record, separator, self.records.number()),
                }
            }
        })
    }

    /// Waits until [`Self::next`] may have something. Cancel-safe.
    pub async fn ready(&mut self) {
        self.records.ready().await;
    }

    /// Whether nothing is at hand.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether no record will come any more.
    pub fn is_at_end(&self) -> bool {
        self.records.is_at_end()
    }

    /// How many records were read.
    pub fn number(&self) -> u64 {
        self.records.number()
    }

    /// How many bytes were read as records.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// How many messages a record becomes, with this many topics.
    pub fn messages_per_record(&self, topics: usize) -> u64 {
        if self.separator.is_some() { 1 } else { topics.max(1) as u64 }
    }
}

fn without_cr(mut record: Bytes, crlf: bool) -> Bytes {
    if crlf && record.last() == Some(&b'\r') {
        record.truncate(record.len() - 1);
    }
    record
}

fn split(record: &Bytes, separator: &Bytes, line: u64) -> Content {
    let Some(at) = memchr::memmem::find(record, separator) else {
        let separator = escape(&String::from_utf8_lossy(separator)).into_owned();
        return Content::Bad(
            Failure::usage(format!("line {line}: the separator \"{separator}\" is missing"))
                .keyword("split-topic")
                .hint("each line is topic, separator, payload"),
        );
    };
    let topic = bytestring::ByteString::try_from(record.slice(..at))
        .map_err(|_| "it is not UTF-8".to_owned())
        .and_then(|topic| TopicName::new(topic).map_err(|error| error.to_string()));
    match topic {
        Ok(topic) => Content::Message(topic, record.slice(at + separator.len()..)),
        Err(why) => Content::Bad(
            Failure::usage(format!("line {line}: not a valid topic name: {why}")).keyword("topic"),
        ),
    }
}
