//! The counts of a run.

use std::fmt;

/// What a run did: printed as its last line on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Messages that were to be published.
    pub asked: u64,
    /// Messages that were written to a connection at least once.
    pub sent: u64,
    /// Messages that were confirmed: acknowledged at QoS 1 and 2, at QoS 0 proved to have been read.
    pub confirmed: u64,
    /// Messages and subscriptions that the broker refused.
    pub denied: u64,
    /// Messages whose fate is not known.
    pub unconfirmed: u64,
    /// QoS 2 messages that were published again in a new session, and may have arrived twice.
    pub repeated: u64,
    /// Messages that came in.
    pub received: u64,
    /// Messages that were written to stdout.
    pub printed: u64,
    /// Messages that came in again and were recognised.
    pub duplicates: u64,
    /// Messages that were dropped because stdout was too slow.
    pub dropped: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// The exit status.
    pub exit: u8,
    /// The word for it in the exit-status table, or the finer one of the failure.
    pub keyword: &'static str,
}

impl Summary {
    fn counts(&self) -> [(&'static str, u64); 11] {
        [
            ("asked", self.asked),
            ("sent", self.sent),
            ("confirmed", self.confirmed),
            ("denied", self.denied),
            ("unconfirmed", self.unconfirmed),
            ("repeated", self.repeated),
            ("received", self.received),
            ("printed", self.printed),
            ("duplicates", self.duplicates),
            ("dropped", self.dropped),
            ("reconnects", self.reconnects),
        ]
    }

    /// One JSON object on one line, without line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::from("{");
        for (name, count) in self.counts() {
            text.push_str(&format!("\"{name}\":{count},"));
        }
        // Keywords are lower-case words with hyphens: nothing to escape.
        text.push_str(&format!("\"exit\":{},\"keyword\":\"{}\"}}", self.exit, self.keyword));
        text
    }
}

impl fmt::Display for Summary {
    /// For people: the counts that are not 0, then the exit status.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unconfirmed > 0 {
            write!(f, "{} of {} not confirmed; ", self.unconfirmed, self.asked)?;
        }
        for (name, count) in self.counts() {
            if count > 0 && name != "unconfirmed" {
                write!(f, "{count} {name}, ")?;
            }
        }
        write!(f, "exit {} ({})", self.exit, self.keyword)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_one_object_with_every_count() {
        let summary = Summary {
            asked: 5,
            sent: 4,
            confirmed: 3,
            denied: 1,
            unconfirmed: 1,
            reconnects: 2,
            exit: 30,
            keyword: "partial",
            ..Summary::default()
        };
        assert_eq!(
            summary.to_json(),
            "{\"asked\":5,\"sent\":4,\"confirmed\":3,\"denied\":1,\"unconfirmed\":1,\"repeated\":0,\"received\":0,\"printed\":0,\
             \"duplicates\":0,\"dropped\":0,\"reconnects\":2,\"exit\":30,\"keyword\":\"partial\"}"
        );
        assert_eq!(
            summary.to_string(),
            "1 of 5 not confirmed; 5 asked, 4 sent, 3 confirmed, 1 denied, 2 reconnects, exit 30 (partial)"
        );
    }
}
