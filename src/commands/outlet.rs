//! Where messages leave the program: a printer, and which deliveries may be acknowledged once it has written.

use std::collections::VecDeque;
use std::io;

use crate::error::{Failure, Kind};
use crate::output::{Delivery, Formatter};
use crate::ui::{PrintError, PrintSink, Printed, Printer, PrinterOptions, Ui};

/// A printer that remembers what it still has to write before a delivery is safe to acknowledge.
pub(crate) struct Outlet {
    printer: Printer,
    marks: Marks,
    /// The newest delivery that was pushed or left out.
    newest: u64,
    /// The printer was found full and has not caught up since: nothing more should be read.
    holds_back: bool,
}

impl Outlet {
    /// Starts a printer.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(
        formatter: Box<dyn Formatter>,
        sink: PrintSink,
        options: PrinterOptions,
        ui: &Ui,
    ) -> io::Result<Self> {
        let printer = Printer::start(formatter, sink, options, ui.clone())?;
        Ok(Self { printer, marks: Marks::default(), newest: 0, holds_back: false })
    }

    /// Starts a printer to standard output.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn stdout(formatter: Box<dyn Formatter>, options: PrinterOptions, ui: &Ui) -> Result<Self, Failure> {
        Self::start(formatter, PrintSink::Stdout, options, ui)
            .map_err(|error| Failure::new(Kind::Output, "standard output cannot be written").source(&error))
    }

    /// An empty batch with the space of one that was printed.
    pub fn batch(&self) -> Vec<Delivery> {
        self.printer.batch()
    }

    /// Prints messages. Every delivery up to `newest` is among them or was left out. Returns the delivery up to which all
    /// may be acknowledged at once, when nothing has to be written first.
    pub fn push(&mut self, messages: Vec<Delivery>, newest: u64) -> Option<u64> {
        self.newest = newest;
        let safe = self.marks.push(messages.len(), newest);
        if !messages.is_empty() {
            self.printer.push(messages);
        }
        safe
    }

    /// The newest delivery that was pushed or left out.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether everything that was pushed is written.
    pub fn is_written(&self) -> bool {
        self.marks.is_empty()
    }

    /// Waits until something is written, and returns the last delivery that is safe now. Cancel-safe.
    ///
    /// # Errors
    /// Nothing more can be written; then nothing more becomes safe.
    pub async fn written(&mut self) -> Result<Option<u64>, PrintError> {
        match self.printer.changed().await {
            Ok(count) => Ok(self.marks.written(count)),
            Err(error) => {
                self.marks.clear();
                Err(error)
            }
        }
    }

    /// Writes what lies in the buffer, without waiting for more.
    pub fn write_now(&self) {
        self.printer.write_now();
    }

    /// Whether the queue is full now.
    pub fn is_full(&self) -> bool {
        self.printer.is_full()
    }

    /// Whether the queue has become full just now. `true` once, until [`Self::has_caught_up`] is.
    pub fn has_filled_up(&mut self) -> bool {
        !self.holds_back && self.printer.is_full() && {
            self.holds_back = true;
            true
        }
    }

    /// Whether the queue that was full has room again just now. `true` once.
    pub fn has_caught_up(&mut self) -> bool {
        self.holds_back && !self.printer.is_full() && {
            self.holds_back = false;
            true
        }
    }

    /// Whether reading waits for the queue.
    pub fn holds_back(&self) -> bool {
        self.holds_back
    }

    /// Forgets that reading waits for the queue: nothing more is to be read anyway.
    pub fn read_no_more(&mut self) {
        self.holds_back = false;
    }

    /// Waits until everything is written; what is not safe by then stays unacknowledged.
    ///
    /// # Errors
    /// Nothing more can be written.
    pub async fn finish(&mut self) -> Result<(), PrintError> {
        self.marks.clear();
        self.printer.finish().await.map(drop)
    }

    /// What was printed and what was dropped.
    pub fn printed(&self) -> Printed {
        self.printer.printed()
    }
}

/// Which deliveries are safe, once how many messages are written.
#[derive(Debug, Default)]
struct Marks {
    /// After this many pushed messages are written, everything up to this delivery is safe.
    marks: VecDeque<(u64, u64)>,
    pushed: u64,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// `count` more messages were pushed, and every delivery up to this one is among them, or was left out. Returns
    /// what is safe at once.
    fn push(&mut self, count: usize, delivery: u64) -> Option<u64> {
        if count == 0 && self.marks.is_empty() {
            return Some(delivery);
        }
        self.pushed += count as u64;
        match self.marks.back_mut() {
            Some((pushed, last)) if *pushed == self.pushed => *last = delivery,
            _ => self.marks.push_back((self.pushed, delivery)),
        }
        None
    }

    /// `count` of the pushed messages are written. Returns the last delivery that is safe now.
    fn written(&mut self, count: u64) -> Option<u64> {
        let mut safe = None;
        while let Some((pushed, delivery)) = self.marks.front().copied()
            && pushed <= count
        {
            safe = Some(delivery);
            self.marks.pop_front();
        }
        safe
    }

    fn clear(&mut self) {
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_safe_after_what_came_before() {
        let mut marks = Marks::default();
        assert_eq!(marks.push(0, 1), Some(1), "nothing was printed before");
        assert_eq!(marks.push(2, 3), None);
        assert_eq!(marks.push(0, 5), None, "two are not written yet");
        assert_eq!(marks.push(1, 6), None);
        assert_eq!(marks.written(1), None);
        assert_eq!(marks.written(2), Some(5));
        assert!(!marks.is_empty());
        assert_eq!(marks.written(3), Some(6));
        assert!(marks.is_empty());
        assert_eq!(marks.push(0, 7), Some(7));
    }
}
