//! A line of the screen for each topic (`-w`): whatever the form of a record, it is put where its topic stands.

use std::collections::HashMap;

use super::{Delivery, Formatter};
use mqt_proto::TopicName;

/// Clears the screen and goes to its first line.
const CLEAR: &[u8] = b"\x1b[2J\x1b[1;1H";
/// Clears the rest of a line.
const CLEAR_LINE: &[u8] = b"\x1b[K";

/// Puts the records of another formatter on a line for each topic, from the second line of the screen on.
pub struct Watch {
    records: Box<dyn Formatter>,
    lines: HashMap<TopicName, usize>,
    /// Clear what an earlier record has left behind on its line.
    tidy: bool,
    record: Vec<u8>,
}

impl Watch {
    /// Over this formatter. Without `tidy` nothing is cleared, as mosquitto has it: a short record leaves the end of
    /// a longer one.
    #[must_use]
    pub fn new(records: Box<dyn Formatter>, tidy: bool) -> Self {
        Self { records, lines: HashMap::new(), tidy, record: Vec::new() }
    }

    /// What is printed before the first record.
    #[must_use]
    pub fn head(broker: &str) -> Vec<u8> {
        let mut head = CLEAR.to_vec();
        head.extend_from_slice(format!("Broker: {broker}\n").as_bytes());
        head
    }
}

impl Formatter for Watch {
    fn format(&mut self, delivery: &Delivery, out: &mut Vec<u8>) {
        let next = self.lines.len() + 2;
        let topic = &delivery.publish.message.topic;
        let line = *self.lines.entry(topic.clone()).or_insert(next);
        self.record.clear();
        self.records.format(delivery, &mut self.record);
        out.extend_from_slice(format!("\x1b[{line};1H").as_bytes());
        if self.tidy {
            // Whatever follows the first line would be on the lines of other topics.
            let end = memchr::memchr(b'\n', &self.record).unwrap_or(self.record.len());
            out.extend_from_slice(self.record.get(..end).unwrap_or_default());
            out.extend_from_slice(CLEAR_LINE);
        } else {
            out.extend_from_slice(&self.record);
        }
        let last = self.lines.len() + 1;
        out.extend_from_slice(format!("\x1b[{last};1H\n").as_bytes());
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.records.take_warnings()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{delivery, record};
    use super::super::{Presentation, Text};
    use super::*;

    fn watch(tidy: bool) -> Watch {
        Watch::new(Box::new(Text::verbose(&Presentation::default())), tidy)
    }

    #[test]
    fn each_topic_keeps_its_line() {
        let mut watch = watch(false);
        assert_eq!(record(&mut watch, &delivery("a", b"1")), b"\x1b[2;1Ha 1\n\x1b[2;1H\n");
        assert_eq!(record(&mut watch, &delivery("b", b"2")), b"\x1b[3;1Hb 2\n\x1b[3;1H\n");
        assert_eq!(record(&mut watch, &delivery("a", b"3")), b"\x1b[2;1Ha 3\n\x1b[3;1H\n");
        assert_eq!(Watch::head("h"), b"\x1b[2J\x1b[1;1HBroker: h\n");
    }

    #[test]
    fn a_tidy_line_is_one_line_with_nothing_behind_it() {
        let mut watch = watch(true);
        assert_eq!(record(&mut watch, &delivery("a", b"1\n2")), b"\x1b[2;1Ha 1\x1b[K\x1b[2;1H\n");
    }
}
