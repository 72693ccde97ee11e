//! Writes messages to a file as they come, from a thread of its own.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::path::Path;

use crate::connection::error::reason;
use crate::error::{Failure, Kind};
use crate::output::{Delivery, Json, Presentation};
use crate::ui::{PrintError, Printer, PrinterOptions, Sink, Ui};

/// A file that messages are appended to.
pub struct Recorder {
    printer: Printer,
    /// After so many pushed messages are written, everything up to this delivery number is safe.
    unwritten: VecDeque<(u64, u64)>,
    pushed: u64,
}

impl Recorder {
    /// Opens the file, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be opened for writing.
    pub fn open(path: &Path, ui: &Ui) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Kind::Output, format!("{}: {}", path.display(), reason(&error))).keyword("record")
        };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        let formatter = Json::new(&Presentation::default(), false);
        let options = PrinterOptions::default();
        let printer = Printer::start(Box::new(formatter), Sink::Writer(Box::new(file)), options, ui.clone())
            .map_err(failed)?;
        Ok(Self { printer, unwritten: VecDeque::new(), pushed: 0 })
    }

    /// Has messages written; `delivery` is the number of the last of them.
    pub fn push(&mut self, messages: Vec<Delivery>, delivery: u64) {
        self.pushed += messages.len() as u64;
        self.printer.push(messages);
        match self.unwritten.back_mut() {
            Some((pushed, last)) if *pushed == self.pushed => *last = delivery,
            _ => self.unwritten.push_back((self.pushed, delivery)),
        }
    }

    /// Whether nothing more is to be read until something is written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.printer.is_full()
    }

    /// Whether everything is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Waits until something was written, and says up to which delivery all is. Cancel-safe.
    ///
    /// # Errors
    /// Nothing more can be written.
    pub async fn written(&mut self) -> Result<Option<u64>, PrintError> {
        let count = self.printer.changed().await?;
        let mut safe = None;
        while let Some((pushed, delivery)) = self.unwritten.front().copied()
            && pushed <= count
        {
            safe = Some(delivery);
            self.unwritten.pop_front();
        }
        Ok(safe)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// Nothing more can be written.
    pub async fn finish(&mut self) -> Result<(), PrintError> {
        self.unwritten.clear();
        self.printer.finish().await.map(drop)
    }
}
