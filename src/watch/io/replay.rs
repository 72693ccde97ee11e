//! A recording, message by message, when it is their time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::commands::objects::{Fetch, Objects};
use crate::commands::recording::{self, ReplayPace};
use crate::config;
use crate::error::Failure;
use crate::output::json::{Found, InputPlace, JsonMessage, parse_recorded};
use crate::output::units::count_of;
use mqt_proto::Message;
use mqt_proto::packet::Publish;

/// A recording that is being shown.
pub struct ReplaySource {
    path: PathBuf,
    objects: Objects,
    pace: ReplayPace,
    next: Option<(Duration, Instant, Publish)>,
    /// How many lines were left out, because they cannot be replayed.
    skipped: u64,
    /// The first of them, and what is wrong with it.
    first_fault: Option<(InputPlace, String)>,
    /// Why it was not read to its end.
    failure: Option<Failure>,
    /// How many messages were read.
    read: u64,
    into: Duration,
    ended: bool,
}

impl ReplaySource {
    /// Opens a recording.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn open(replay: &config::Replay) -> Result<Self, Failure> {
        Ok(Self {
            path: replay.file.clone(),
            objects: recording::open(&replay.file)?,
            pace: ReplayPace::new(replay.speed.factor()),
            next: None,
            skipped: 0,
            first_fault: None,
            failure: None,
            read: 0,
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

    /// What was left out; `None` when every line was a message.
    #[must_use]
    pub fn skipped(&self) -> Option<String> {
        let (place, fault) = self.first_fault.as_ref()?;
        let count = count_of(self.skipped, "line");
        Some(format!("{count} of the recording left out; the first is {place}: {fault}"))
    }

    /// Why it was not read to its end.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether there was nothing to show, though there were lines.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.read == 0 && self.skipped > 0
    }

    /// Waits until a message is due, or the end. Cancel-safe.
    pub async fn ready(&mut self) {
        loop {
            if let Some((_, due, _)) = &self.next {
                return tokio::time::sleep_until(*due).await;
            }
            self.objects.ready().await;
            if !self.read() && self.objects.is_at_end() {
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
        while let Some(fetch) = self.objects.next(parse_recorded) {
            let (place, fault) = match fetch {
                Fetch::Found(Found { begins, object }) => match object {
                    Ok((recorded, JsonMessage { topic: Some(topic), payload, qos, retain, properties })) => {
                        let message = Message {
                            topic,
                            payload: payload.unwrap_or_default(),
                            qos: qos.unwrap_or_default(),
                            retain: retain.unwrap_or_default(),
                            properties,
                        };
                        let (into, due) = self.pace.due(recorded, Instant::now());
                        self.next = Some((into, due, Publish { message, ..Publish::default() }));
                        self.read += 1;
                        return true;
                    }
                    Ok(_) => (begins, "\"topic\" is missing".to_owned()),
                    Err(fault) => (begins, fault.to_string()),
                },
                Fetch::Failed(error) => {
                    self.failure = Some(recording::failed(&self.path, error));
                    continue;
                }
            };
            self.skipped += 1;
            self.first_fault.get_or_insert((place, fault));
        }
        false
    }
}
