//! Wakes each client when its next message is due, to the microsecond where the system can.
//!
//! The timers of the runtime count in milliseconds, which is longer than a broker in the same rack takes to
//! answer. On Linux a timer of the kernel is used instead, one for each thread, elsewhere a thread that sleeps.

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
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use crate::bench::clock::{Clock, RunTime};

    /// How long the thread sleeps before it looks whether it was set to an earlier time.
    const NAP: Duration = Duration::from_millis(1);

    /// A thread that sleeps: on Windows the standard library takes a timer of high resolution for that, on macOS the
    /// clock of the kernel. The timers of the runtime, and every wait with a limit, are coarser there.
    pub(crate) struct Timer {
        wanted: Sender<Option<Instant>>,
        wake_up: Arc<Mutex<WakeUp>>,
    }

    /// What the thread and the one who waits tell each other.
    #[derive(Default)]
    struct WakeUp {
        has_expired: bool,
        waker: Option<Waker>,
    }

    impl Timer {
        pub(crate) fn new() -> io::Result<Self> {
            let (wanted, received) = channel();
            let wake_up = Arc::<Mutex<WakeUp>>::default();
            let told = Arc::clone(&wake_up);
            std::thread::Builder::new().name("pacer".into()).spawn(move || run(&received, &told))?;
            Ok(Self { wanted, wake_up })
        }

        /// Sets it to a time, or to none.
        pub(crate) fn set(&self, clock: Clock, time: RunTime) {
            // The thread lives as long as this. Should it go off for the time before, that wakes once too often.
            let _ = self.wanted.send(time.known().map(|time| clock.instant(time)));
        }

        /// Ready when it has gone off since it was last asked.
        pub(crate) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
            let mut wake_up = self.wake_up.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut wake_up.has_expired) {
                return Poll::Ready(());
            }
            wake_up.waker = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    /// Sleeps until each time that it is told, until nobody can tell it one any more.
    fn run(received: &Receiver<Option<Instant>>, told: &Mutex<WakeUp>) {
        let mut wanted: Option<Instant> = None;
        loop {
            let Some(time) = wanted else {
                match received.recv() {
                    Ok(time) => wanted = time,
                    Err(_) => return,
                }
                continue;
            };
            match received.try_recv() {
                // The last one counts.
                Ok(time) => {
                    wanted = time;
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            let left = time.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                std::thread::sleep(left.min(NAP));
                continue;
            }
            wanted = None;
            let mut wake_up = told.lock().unwrap_or_else(PoisonError::into_inner);
            wake_up.has_expired = true;
            if let Some(waker) = wake_up.waker.take() {
                waker.wake();
            }
        }
    }
}
