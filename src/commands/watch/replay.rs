//! A recording, message by message, when it is their time.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::commands::input::{Record, Records};
use crate::commands::recording::{self, Pace};
use crate::config;
use crate::error::Failure;
use crate::mqtt::Message;
use crate::mqtt::packet::Publish;
use crate::output::json::{parse_message, recorded_time};

/// A recording that is being shown.
pub struct Replay {
    records: Records,
    pace: Pace,
    next: Option<(Duration, Instant, Publish)>,
    /// Lines that are no messages.
    pub skipped: u64,
    into: Duration,
    ended: bool,
}

impl Replay {
    /// Opens a recording.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn open(replay: &config::Replay) -> Result<Self, Failure> {
        Ok(Self {
            records: recording::open(&replay.file)?,
            pace: Pace::new(replay.speed.factor()),
            next: None,
            skipped: 0,
            into: Duration::ZERO,
            ended: false,
        })
    }

    /// The time of the first message, once it is known.
    #[must_use]
    pub fn began(&self) -> Option<SystemTime> {
        self.pace.began()
    }

    /// Whether all has been taken.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.ended
    }

    /// How far into the recording it is: its clock.
    #[must_use]
    pub fn position(&self, now: Instant) -> Duration {
        if self.ended { self.into } else { self.into.max(self.pace.position(now)) }
    }

    /// Waits until a message is due, or the end. Cancel-safe.
    pub async fn ready(&mut self) {
        loop {
            if let Some((_, due, _)) = &self.next {
                return tokio::time::sleep_until(*due).await;
            }
            self.records.ready().await;
            if !self.read() && self.records.is_at_end() {
                self.ended = true;
                return;
            }
        }
    }

    /// Takes the next message that is due, with its time from the beginning of the recording.
    pub fn take(&mut self, now: Instant) -> Option<(Duration, Publish)> {
        if self.next.is_none() {
            self.read();
        }
        let (into, _, publish) = self.next.take_if(|(_, due, _)| *due <= now)?;
        self.into = self.into.max(into);
        Some((self.into, publish))
    }

    /// Reads the next message, if one is there.
    fn read(&mut self) -> bool {
        while let Some(record) = self.records.next() {
            let Record::Bytes(line) = record else {
                self.skipped += 1;
                continue;
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            match parse_message(&line) {
                Ok(parsed) => {
                    let Some(topic) = parsed.topic else {
                        self.skipped += 1;
                        continue;
                    };
                    let message = Message {
                        topic,
                        payload: parsed.payload.unwrap_or_else(Bytes::new),
                        qos: parsed.qos.unwrap_or_default(),
                        retain: parsed.retain.unwrap_or_default(),
                        properties: parsed.properties,
                    };
                    let (into, due) = self.pace.due(recorded_time(&line), Instant::now());
                    self.next = Some((into, due, Publish { message, ..Publish::default() }));
                    return true;
                }
                Err(_) => self.skipped += 1,
            }
        }
        false
    }
}
