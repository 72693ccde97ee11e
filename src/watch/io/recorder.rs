//! Writes messages to a file as they come, from a thread of its own.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Failure, Kind};
use crate::output::{Delivery, Json, Presentation};
use crate::ui::{PrintError, Printer, PrinterOptions, Sink, Ui};
use mqt_client::error::reason;
use mqt_process::file;

/// A file that messages are appended to.
pub struct Recorder {
    printer: Printer,
    /// After so many pushed messages are written, everything up to this delivery number is safe.
    unwritten: VecDeque<(u64, u64)>,
    pushed: u64,
}

impl Recorder {
    /// Opens the file, which is made where there is none. Also returns whether its last line had no line end, as a full
    /// disk leaves it: it has one now, lest the first record become a part of it.
    ///
    /// # Errors
    /// It cannot be opened for writing.
    pub fn open(path: &Path, ui: &Ui) -> Result<(Self, bool), Failure> {
        let failed = |error: io::Error| {
            Failure::new(Kind::Output, format!("{}: {}", path.display(), reason(&error))).keyword("record")
        };
        let mut file = file::open_with(OpenOptions::new().create(true).append(true), path).map_err(failed)?;
        let torn = is_torn(path, &file).map_err(failed)?;
        if torn {
            file.write_all(b"\n").map_err(failed)?;
        }
        let formatter = Json::new(&Presentation::default(), false);
        let options = PrinterOptions::default();
        let printer = Printer::start(Box::new(formatter), Sink::Writer(Box::new(file)), options, ui.clone())
            .map_err(failed)?;
        Ok((Self { printer, unwritten: VecDeque::new(), pushed: 0 }, torn))
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

/// Whether the file ends within a line. One that may be written and not read could: an empty line harms nobody.
fn is_torn(path: &Path, file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    let read = file::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)
    });
    Ok(read.is_err() || last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        for (content, torn) in [("", false), ("\n", false), ("{}\n", false), ("{}\n{\"a", true), ("{}", true)]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(is_torn(&path, &File::open(&path).unwrap()).unwrap(), torn, "{content:?}");
        }
        assert!(!is_torn(folder.path(), &File::open(folder.path()).unwrap()).unwrap());
    }
}
