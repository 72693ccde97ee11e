//! A recording, message by message, when it is their time.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::commands::input::{Record, Records};
use crate::config;
use crate::connection::error::reason;
use crate::error::Failure;
use crate::mqtt::Message;
use crate::mqtt::packet::Publish;
use crate::output::json::{parse_message, recorded_time};

/// Opens a recording.
///
/// # Errors
/// There is no such file, or it cannot be read.
pub fn open(path: &Path) -> Result<Records, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {}", path.display(), reason(&error)))
            .keyword("file")
            .hint("a recording is made by mqt watch --record FILE or mqt sub --json > FILE")
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Failure::usage(format!("{}: it is a folder", path.display())).keyword("file"));
    }
    Ok(Records::read(file, b'\n'))
}

/// When the messages of a recording are due.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    speed: f64,
    /// The time of the first message in the recording, and when it was due here.
    first: Option<(SystemTime, Instant)>,
}

impl Pace {
    /// So much faster than it was recorded.
    #[must_use]
    pub fn new(speed: f64) -> Self {
        Self { speed, first: None }
    }

    /// How far into the recording a message is, and when it is due. One without a time is due with the one
    /// before it.
    pub fn due(&mut self, recorded: Option<SystemTime>, now: Instant) -> (Duration, Instant) {
        let Some(recorded) = recorded else { return (Duration::ZERO, now) };
        let (first, begin) = *self.first.get_or_insert((recorded, now));
        let into = recorded.duration_since(first).unwrap_or_default();
        // What is further away than a year never comes.
        let wait = Duration::try_from_secs_f64(into.as_secs_f64() / self.speed)
            .unwrap_or(Duration::MAX)
            .min(Duration::from_secs(31_536_000));
        (into, begin + wait)
    }

    /// The time of the first message in the recording.
    #[must_use]
    pub fn began(&self) -> Option<SystemTime> {
        self.first.map(|(recorded, _)| recorded)
    }
}

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
            records: open(&replay.file)?,
            pace: Pace::new(replay.speed),
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
    pub fn into(&self, now: Instant) -> Duration {
        match self.pace.first.filter(|_| !self.ended) {
            Some((_, begin)) => self.into.max(now.duration_since(begin).mul_f64(self.pace.speed)),
            None => self.into,
        }
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
