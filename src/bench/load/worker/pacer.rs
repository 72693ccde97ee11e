//! Wakes each client when its next message is due, to the microsecond where the system can.
//!
//! The timers of the runtime count in milliseconds, which is longer than a broker in the same rack takes to
//! answer. On Linux a timer of the kernel is used instead, one for each thread.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::task::{Context, Poll};

use crate::bench::clock::{Clock, RunTime};

/// The times at which clients of one thread want to be woken.
pub(crate) struct Pacer {
    clock: Clock,
    state: RefCell<PacerState>,
    timer: timer::Timer,
}

struct PacerState {
    /// When, and which client, soonest first.
    queue: BinaryHeap<Reverse<(RunTime, u32)>>,
    /// For each client, the time that it waits for; others of it in the queue are out of date.
    wanted: Vec<RunTime>,
    /// The time that the timer is set to.
    armed: RunTime,
}

impl Pacer {
    /// For this many clients.
    pub fn new(clock: Clock, clients: usize) -> io::Result<Self> {
        let state = PacerState {
            queue: BinaryHeap::new(),
            wanted: vec![RunTime::NEVER; clients],
            armed: RunTime::NEVER,
        };
        Ok(Self { clock, state: RefCell::new(state), timer: timer::Timer::new()? })
    }

    /// Wakes a client at this time instead of when it said before.
    pub fn wake_at(&self, client: u32, time: RunTime) {
        let state = &mut *self.state.borrow_mut();
        let Some(wanted) = usize::try_from(client).ok().and_then(|slot| state.wanted.get_mut(slot)) else {
            return;
        };
        if *wanted == time {
            return;
        }
        *wanted = time;
        state.queue.push(Reverse((time, client)));
        if time < state.armed {
            state.armed = time;
            self.timer.set(self.clock, time);
        }
    }

    /// Calls `wake` for each client whose time has come; never ready.
    pub fn poll(&self, cx: &mut Context<'_>, mut wake: impl FnMut(u32)) -> Poll<()> {
        loop {
            {
                let state = &mut *self.state.borrow_mut();
                let now = self.clock.now();
                while let Some(Reverse((time, client))) = state.queue.peek().copied() {
                    let wanted = usize::try_from(client).ok().and_then(|slot| state.wanted.get_mut(slot));
                    let is_current = wanted.as_ref().is_some_and(|wanted| **wanted == time);
                    if is_current && !time.has_come(now) {
                        break;
                    }
                    state.queue.pop();
                    if is_current && let Some(wanted) = wanted {
                        *wanted = RunTime::NEVER;
                        wake(client);
                    }
                }
                let next = state.queue.peek().map_or(RunTime::NEVER, |Reverse((time, _))| *time);
                if next != state.armed {
                    state.armed = next;
                    self.timer.set(self.clock, next);
                }
            }
            match self.timer.poll_expired(cx) {
                // It goes off once: even a clock that is not quite there yet needs it set again.
                Poll::Ready(()) => self.state.borrow_mut().armed = RunTime::NEVER,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    use crate::bench::clock::{Clock, RunTime};

    /// A timer of the kernel.
    pub(crate) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "its successor is unsafe; what speaks against it, a descriptor that changes, is not so here"
        )]
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
        }

        /// Sets it to a time, or to none.
        pub(crate) fn set(&self, clock: Clock, time: RunTime) {
            // Zero would switch it off: what is due already is due in a nanosecond.
            let left = time.known().map_or(0, |time| time.saturating_sub(clock.now()).max(1));
            let value = Timespec {
                tv_sec: i64::try_from(left / 1_000_000_000).unwrap_or(i64::MAX),
                #[expect(clippy::cast_possible_wrap, reason = "below a thousand million")]
                tv_nsec: (left % 1_000_000_000) as _,
            };
            let interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            // It fails for wrong arguments only.
            let _ = timerfd_settime(
                self.0.get_ref(),
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: interval, it_value: value },
            );
        }

        /// Ready when it has gone off since it was last asked.
        pub(crate) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
            match self.0.poll_read_ready(cx) {
                Poll::Ready(Ok(mut ready)) => {
                    // Setting it again makes it unreadable: there is nothing to read out.
                    ready.clear_ready();
                    Poll::Ready(())
                }
                _ => Poll::Pending,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::cell::RefCell;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use tokio::time::{Instant, Sleep, sleep_until};

    use crate::bench::clock::{Clock, RunTime};

    /// A timer of the runtime.
    pub(crate) struct Timer(RefCell<(Option<Pin<Box<Sleep>>>, Option<Waker>)>);

    impl Timer {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(RefCell::new((None, None))))
        }

        /// Sets it to a time, or to none.
        pub(crate) fn set(&self, clock: Clock, time: RunTime) {
            let (sleep, waker) = &mut *self.0.borrow_mut();
            let timer = |time| Box::pin(sleep_until(Instant::from_std(clock.instant(time))));
            *sleep = time.known().map(timer);
            // It has to be asked again.
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }

        /// Ready when it has gone off since it was last asked.
        pub(crate) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
            let (sleep, waker) = &mut *self.0.borrow_mut();
            *waker = Some(cx.waker().clone());
            let Some(timer) = sleep else { return Poll::Pending };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *sleep = None;
            Poll::Ready(())
        }
    }
}
