//! What the handlers of signals look at, and calls during which a signal ends the process at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// What the handlers look at.
pub(super) struct Handlers {
    /// A signal ends the process at once.
    pub(super) deadly: Arc<AtomicBool>,
    /// The number of a signal that has arrived and that nobody has taken; 0 for none.
    pub(super) pending: Arc<AtomicUsize>,
    pub(super) state: Mutex<HandlerState>,
}

#[derive(Default)]
pub(super) struct HandlerState {
    /// A command listens.
    attended: bool,
    /// How many calls may block.
    blocking: usize,
    /// Signals with a handler.
    #[cfg(unix)]
    pub(super) taken_over: Vec<i32>,
}

pub(super) static HANDLERS: LazyLock<Handlers> = LazyLock::new(|| Handlers {
    deadly: Arc::new(AtomicBool::new(true)),
    pending: Arc::default(),
    state: Mutex::default(),
});

/// Says that signals are attended to from now on, or no longer.
pub fn attend(attended: bool) {
    change(|state| state.attended = attended);
    taken();
}

/// Says that a signal which has arrived was taken.
pub fn taken() {
    HANDLERS.pending.store(0, Ordering::SeqCst);
}

/// Changes the state, and tells the handlers. Returns whether signals were attended to before, by nobody interrupted.
fn change(change: impl FnOnce(&mut HandlerState)) -> bool {
    let mut state = HANDLERS.state.lock().unwrap_or_else(PoisonError::into_inner);
    let before = state.attended && state.blocking == 0;
    change(&mut state);
    HANDLERS.deadly.store(!state.attended || state.blocking > 0, Ordering::SeqCst);
    before
}

/// Calls something that may block for as long as it likes: until it returns, a signal ends the process at once.
pub fn interruptible<T>(call: impl FnOnce() -> T) -> T {
    let _guard = Blocking::enter();
    call()
}

struct Blocking;

impl Blocking {
    fn enter() -> Self {
        let attended = change(|state| state.blocking += 1);
        let pending = HANDLERS.pending.load(Ordering::SeqCst);
        if let (true, Ok(signal @ 1..)) = (attended, i32::try_from(pending)) {
            // It came while somebody attended, and that somebody is about to block.
            die(signal);
        }
        Self
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        change(|state| state.blocking = state.blocking.saturating_sub(1));
    }
}

/// Ends the process by a signal, so that a shell sees 128 and its number. The first process of a container, to which
/// no default action applies, exits with that status, and so does a process where there are no signals.
#[cfg_attr(
    not(unix),
    expect(clippy::exit, reason = "nothing is left to be done: it stands for the end by a signal")
)]
pub fn die(signal: i32) -> ! {
    #[cfg(unix)]
    {
        if !is_first_process() {
            // It fails for numbers that are not signals.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        signal_hook::low_level::exit(status(signal))
    }
    #[cfg(not(unix))]
    std::process::exit(status(signal))
}

/// Hands in a console event, under the number of the signal that it corresponds to: it ends the process at once
/// whenever nobody [attends](attend) to signals or a call may block.
#[cfg(not(unix))]
pub fn arrived(signal: i32) {
    if HANDLERS.deadly.load(Ordering::SeqCst) {
        die(signal);
    }
    HANDLERS.pending.store(usize::try_from(signal).unwrap_or_default(), Ordering::SeqCst);
}

#[cfg(unix)]
pub(super) fn is_first_process() -> bool {
    std::process::id() == 1
}

/// What a shell reports for the end by a signal.
pub(super) const fn status(signal: i32) -> i32 {
    128 + signal
}
