//! Signals that end the process, and when they do so by themselves.
//!
//! A command that [listens](attend) gets a first signal as an event, finishes what it has begun and then
//! [dies](die) by it. Anyone who calls something that may block forever does so [interruptibly](interruptible): until the
//! call returns, a signal ends the process at once, as if nobody listened.
//!
//! A signal that was ignored when the program started stays ignored (`nohup`, `trap ''`, a job in the background of a
//! script): it is not taken over.
//!
//! Windows has no signals. Anyone who hears of a console event there (Ctrl-C, the window is closed) hands it in with
//! `arrived`, under the number that the signal has on unix, and the process exits with the status that a shell shows there.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::sync::{Arc, LazyLock, PoisonError};

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

#[cfg(not(unix))]
pub use super::handlers::arrived;
#[cfg(unix)]
use super::handlers::{HANDLERS, is_first_process, status};
pub use super::handlers::{attend, die, interruptible, taken};

/// The signals that are ignored, as Linux tells them: bit 0 is signal 1.
#[cfg(unix)]
static IGNORED: LazyLock<u64> = LazyLock::new(|| {
    let status = super::file::read_to_string("/proc/self/status".as_ref()).unwrap_or_default();
    ignored(&status)
});

#[cfg(unix)]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Whether a signal was ignored when the program started. Only Linux tells.
#[cfg(unix)]
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    let bit = u32::try_from(signal - 1).ok().and_then(|shift| 1_u64.checked_shl(shift));
    bit.is_some_and(|bit| *IGNORED & bit != 0)
}

/// Prepares the process, before anything else is done.
///
/// A file that reaches its size limit makes a write fail instead of ending the process. The first process of a
/// container, to which the system applies no default action, gets handlers that stand in for it.
pub fn prepare() {
    #[cfg(unix)]
    {
        // Where the system refuses a handler, the default action stays.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
        if is_first_process() {
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                let _ = take_over(signal);
            }
        }
    }
}

/// Installs the handler of a signal, which ends the process at once whenever nobody [attends](attend) to signals or
/// a call may block. Returns `false` for a signal that was ignored when the program started; it is left so.
///
/// # Errors
/// The system refuses the handler.
#[cfg(unix)]
pub fn take_over(signal: i32) -> io::Result<bool> {
    if is_ignored(signal) {
        return Ok(false);
    }
    let mut state = HANDLERS.state.lock().unwrap_or_else(PoisonError::into_inner);
    if !state.taken_over.contains(&signal) {
        let deadly = Arc::clone(&HANDLERS.deadly);
        // Actions run in the order of their registration.
        if is_first_process() {
            signal_hook::flag::register_conditional_shutdown(signal, status(signal), deadly)?;
        } else {
            signal_hook::flag::register_conditional_default(signal, deadly)?;
        }
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(&HANDLERS.pending), number)?;
        state.taken_over.push(signal);
    }
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\nSigCgt:\t00000001000004ec\n";
        assert_eq!(ignored(status), 0x1003);
        assert_eq!(ignored(""), 0);
        assert_eq!(ignored("SigIgn:\tx"), 0);
    }
}
