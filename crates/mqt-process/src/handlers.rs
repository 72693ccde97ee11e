//! What the handlers of signals look at, and calls during which a signal ends the process at once.

#[cfg(unix)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(unix)]
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// What the handlers look at.
#[cfg(unix)]
pub(super) struct Handlers {
    /// A signal ends the process at once.
    pub(super) deadly: Arc<AtomicBool>,
    /// The number of a signal that has arrived and that nobody has taken; 0 for none.
    pub(super) pending: Arc<AtomicUsize>,
    pub(super) state: Mutex<HandlerState>,
}

#[cfg(unix)]
#[derive(Default)]
pub(super) struct HandlerState {
    /// A command listens.
    attended: bool,
    /// How many calls may block.
    blocking: usize,
    /// Signals with a handler.
    pub(super) taken_over: Vec<i32>,
}

#[cfg(unix)]
pub(super) static HANDLERS: LazyLock<Handlers> = LazyLock::new(|| Handlers {
    deadly: Arc::new(AtomicBool::new(true)),
    pending: Arc::default(),
    state: Mutex::default(),
});

/// Says that signals are attended to from now on, or no longer.
#[cfg(unix)]
pub fn attend(attended: bool) {
    change(|state| state.attended = attended);
    taken();
}

/// Says that a signal which has arrived was taken.
#[cfg(unix)]
pub fn taken() {
    HANDLERS.pending.store(0, Ordering::SeqCst);
}

/// Changes the state, and tells the handlers. Returns whether signals were attended to before, by nobody interrupted.
#[cfg(unix)]
fn change(change: impl FnOnce(&mut HandlerState)) -> bool {
    let mut state = HANDLERS.state.lock().unwrap_or_else(PoisonError::into_inner);
    let before = state.attended && state.blocking == 0;
    change(&mut state);
    HANDLERS.deadly.store(!state.attended || state.blocking > 0, Ordering::SeqCst);
    before
}

/// Calls something that may block for as long as it likes: until it returns, a signal ends the process at once.
pub fn interruptible<T>(call: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    let _guard = Blocking::enter();
    call()
}

#[cfg(unix)]
struct Blocking;

#[cfg(unix)]
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

#[cfg(unix)]
impl Drop for Blocking {
    fn drop(&mut self) {
        change(|state| state.blocking = state.blocking.saturating_sub(1));
    }
}

/// Ends the process by a signal, so that a shell sees 128 and its number. The first process of a container, to which
/// no default action applies, exits with that status.
#[cfg(unix)]
pub fn die(signal: i32) -> ! {
    if !is_first_process() {
        // It fails for numbers that are not signals.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    signal_hook::low_level::exit(status(signal))
}

#[cfg(unix)]
pub(super) fn is_first_process() -> bool {
    std::process::id() == 1
}

/// What a shell reports for the end by a signal.
#[cfg(unix)]
pub(super) const fn status(signal: i32) -> i32 {
    128 + signal
}
