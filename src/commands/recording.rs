//! Recordings: files of messages as JSON lines, and when each message in them is due.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::error::Failure;
use mqt_process::file;
use mqt_process::signal::interruptible;
use mqt_process::text_file::{FileError, Unmarked};

use super::objects::Objects;

/// Opens a recording.
///
/// # Errors
/// There is no such file, or it cannot be read.
pub fn open(path: &Path) -> Result<Objects, Failure> {
    let failed = |error| failed(path, error);
    let file = file::open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if kind.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    let mut text = Unmarked::new(file);
    // Of what may wait for its first byte, the thread that reads sees to the mark.
    if kind.is_file() {
        interruptible(|| text.begin()).map_err(failed)?;
    }
    Ok(Objects::read(text))
}

/// A recording that cannot be read, or not to its end.
pub fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::from(FileError::new(path, error))
        .hint("a recording is made by mqt watch --record FILE or mqt sub --json > FILE")
}

/// When the messages of a recording are due.
#[derive(Debug, Clone, Copy)]
pub struct ReplayPace {
    speed: f64,
    /// The time of the first message in the recording, and when it was due here.
    first: Option<(SystemTime, Instant)>,
}

impl ReplayPace {
    /// So much faster than it was recorded.
    #[must_use]
    pub fn new(speed: f64) -> Self {
        Self { speed, first: None }
    }

    /// How far into the recording a message of this time is, and when it is due.
    pub fn due(&mut self, recorded: SystemTime, now: Instant) -> (Duration, Instant) {
        let (first, begin) = *self.first.get_or_insert((recorded, now));
        let into = recorded.duration_since(first).unwrap_or_default();
        // What is further away than a year never comes.
        let wait = Duration::try_from_secs_f64(into.as_secs_f64() / self.speed)
            .unwrap_or(Duration::MAX)
            .min(Duration::from_secs(31_536_000));
        (into, begin + wait)
    }

    /// How far into the recording this moment is.
    #[must_use]
    pub fn position(&self, now: Instant) -> Duration {
        self.first.map_or(Duration::ZERO, |(_, begin)| {
            let factor = now.duration_since(begin).as_secs_f64() * self.speed;
            Duration::try_from_secs_f64(factor).unwrap_or(Duration::MAX)
        })
    }

    /// The time of the first message in the recording.
    #[must_use]
    pub fn began(&self) -> Option<SystemTime> {
        self.first.map(|(recorded, _)| recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_as_they_were_recorded_only_faster() {
        let now = Instant::now();
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let mut pace = ReplayPace::new(10.0);
        assert_eq!(pace.due(at(5_000), now), (Duration::ZERO, now));
        let later = now + Duration::from_millis(3);
        let due = now + Duration::from_millis(200);
        assert_eq!(pace.due(at(7_000), later), (Duration::from_secs(2), due));
        // The clock of the recorder was set back.
        assert_eq!(pace.due(at(1_000), later), (Duration::ZERO, now));
        assert_eq!(pace.position(now + Duration::from_secs(1)), Duration::from_secs(10));
        // Neither the end of time nor a slow replay of it is a panic.
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert!(ReplayPace::new(1e-3).due(far, now).1 >= now);
        let mut pace = ReplayPace::new(1e-3);
        pace.due(at(0), now);
        assert!(pace.due(far, now).1 > now);
    }
}
