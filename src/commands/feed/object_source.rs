//! JSON objects as messages: of standard input at once, of a recording each when it is due.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::time::Instant;

use super::place::Lines;
use super::stdin::{Stdin, unread_stdin};
use crate::commands::objects::{Fetch, Objects};
use crate::commands::recording::{self, ReplayPace};
use crate::error::Failure;
use crate::output::json::{Found, InputFault, InputPlace, JsonMessage, parse_message, parse_recorded};

/// What the next object is.
pub(super) enum Object {
    /// A message, or why it is none.
    Found(InputPlace, Result<JsonMessage, InputFault>),
    /// The input cannot be read any further.
    Unread(Failure),
}

/// JSON objects, one after the other.
pub(super) struct ObjectSource {
    objects: Objects,
    /// Of a recording.
    timing: Option<Timing>,
    /// Where the objects of the last publishes begin.
    lines: Lines,
}

/// Holds a message of a recording back until it is due.
struct Timing {
    path: PathBuf,
    pace: ReplayPace,
    held: Option<HeldMessage>,
}

struct HeldMessage {
    begins: InputPlace,
    message: JsonMessage,
    due: Instant,
}

impl Timing {
    /// Takes the message that is held, once it is due.
    fn take_due(&mut self) -> Option<HeldMessage> {
        let now = Instant::now();
        self.held.take_if(|held| held.due <= now)
    }

    fn hold(&mut self, begins: InputPlace, recorded: SystemTime, message: JsonMessage) {
        let (_, due) = self.pace.due(recorded, Instant::now());
        self.held = Some(HeldMessage { begins, message, due });
    }
}

impl ObjectSource {
    /// The objects of standard input.
    pub fn of_stdin() -> Self {
        Self { objects: Objects::read(Stdin), timing: None, lines: Lines::default() }
    }

    /// The messages of a recording, `speed` times as fast as they came.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn of_recording(path: &Path, speed: f64) -> Result<Self, Failure> {
        let timing = Timing { path: path.to_owned(), pace: ReplayPace::new(speed), held: None };
        Ok(Self { objects: recording::open(path)?, timing: Some(timing), lines: Lines::default() })
    }

    /// The next object, if there is one now.
    pub fn next(&mut self) -> Option<Object> {
        let Some(timing) = &mut self.timing else {
            return Some(match self.objects.next(parse_message)? {
                Fetch::Failed(error) => Object::Unread(unread_stdin(error)),
                Fetch::Found(Found { begins, object }) => Object::Found(begins, object),
            });
        };
        loop {
            if timing.held.is_some() {
                let held = timing.take_due()?;
                return Some(Object::Found(held.begins, Ok(held.message)));
            }
            match self.objects.next(parse_recorded)? {
                Fetch::Failed(error) => return Some(Object::Unread(recording::failed(&timing.path, error))),
                Fetch::Found(Found { begins, object: Ok((recorded, message)) }) => {
                    timing.hold(begins, recorded, message);
                }
                Fetch::Found(Found { begins, object: Err(fault) }) => {
                    return Some(Object::Found(begins, Err(fault)));
                }
            }
        }
    }

    /// Waits until [`Self::next`] may have something. Cancel-safe.
    pub async fn ready(&mut self) {
        match self.held() {
            Some(held) => tokio::time::sleep_until(held.due).await,
            None => self.objects.ready().await,
        }
    }

    fn held(&self) -> Option<&HeldMessage> {
        self.timing.as_ref()?.held.as_ref()
    }

    /// Whether nothing is at hand.
    pub fn is_empty(&self) -> bool {
        self.held().is_none() && self.objects.is_empty()
    }

    /// Whether no object will come any more.
    pub fn is_at_end(&self) -> bool {
        self.held().is_none() && self.objects.is_at_end()
    }

    /// How many objects were read.
    pub fn number(&self) -> u64 {
        self.objects.number()
    }

    /// How many bytes were read as objects.
    pub fn consumed(&self) -> u64 {
        self.objects.consumed()
    }

    /// The publish with this number comes from the object that begins there.
    pub fn publishes(&mut self, ticket: u64, begins: InputPlace) {
        self.lines.add(ticket, begins.line);
    }

    /// The line on which the object of one of the last publishes begins.
    pub fn line_of(&self, ticket: u64) -> Option<u64> {
        self.lines.of(ticket)
    }
}
