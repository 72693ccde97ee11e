//! Messages of other runs whose latency waits until the clock of their publisher is known.

use std::cell::RefCell;

use crate::bench::load::worker::Worker;
use crate::bench::plan::stamp::Stamp;
use crate::bench::result::recorder::{Recorder, micros};
use crate::bench::together::clocks::Ahead;

/// This many messages wait in a thread.
const MOST: usize = 1 << 18;

/// When a message came, and what its stamp says.
#[derive(Debug)]
struct Late {
    run: u32,
    delay: u32,
    intended: u64,
    came: u64,
    is_measured: bool,
}

/// Those of one thread.
#[derive(Debug, Default)]
pub(crate) struct Uncompared(RefCell<Vec<Late>>);

impl Uncompared {
    /// A message that came just now.
    pub fn add(&self, stamp: &Stamp, came: u64, is_measured: bool, recorder: &mut Recorder) {
        let mut waiting = self.0.borrow_mut();
        if waiting.len() < MOST {
            let Stamp { run, delay, intended, .. } = *stamp;
            waiting.push(Late { run, delay, intended, came, is_measured });
        } else {
            recorder.uncompared += u64::from(is_measured);
        }
    }

    /// Records those whose clock is known by now, or will never be; at the end, all of them.
    pub fn record(&self, worker: &Worker, is_end: bool) {
        let Some(clocks) = &worker.shared.clocks else { return };
        self.0.borrow_mut().retain(|late| {
            let ahead = match clocks.ahead(late.run) {
                Ahead::By(ahead) => ahead,
                Ahead::Asked if !is_end => return true,
                Ahead::Asked | Ahead::Unknown => 0,
            };
            let response = micros(worker.shared.clock.since(late.intended, late.came, ahead));
            let service = response.saturating_sub(late.delay.into());
            worker.recorder().latency(response, service, late.is_measured);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::stamp::StampPhase;

    #[test]
    fn what_has_no_place_to_wait_is_counted() {
        let stamp =
            Stamp { run: 1, publisher: 0, sequence: 0, intended: 5, phase: StampPhase::Measured, delay: 0 };
        let (uncompared, mut recorder) = (Uncompared::default(), Recorder::default());
        (0..MOST).for_each(|_| uncompared.add(&stamp, 9, true, &mut recorder));
        assert_eq!(recorder.uncompared, 0);
        for is_measured in [true, false] {
            uncompared.add(&stamp, 9, is_measured, &mut recorder);
        }
        assert_eq!((uncompared.0.borrow().len(), recorder.uncompared), (MOST, 1));
    }
}
