//! Whether an output takes bytes, and whether anybody is left to read them.

#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use rustix::event::{PollFd, PollFlags, poll};

/// This many bytes a pipe takes without blocking once it says that it takes any.
#[cfg(target_os = "linux")]
pub const PIECE: usize = 4096;
/// This many bytes a pipe takes without blocking once it says that it takes any.
#[cfg(not(target_os = "linux"))]
pub const PIECE: usize = 512;

/// Whether a write of up to [`PIECE`] bytes does not block. An output that has failed does not block either.
#[cfg(unix)]
#[must_use]
pub fn takes_bytes(output: &impl AsFd) -> bool {
    is_ready(output, Some(Duration::ZERO))
}

/// Waits until [`takes_bytes`] is true.
#[cfg(unix)]
pub fn wait_until_it_takes_bytes(output: &impl AsFd) {
    is_ready(output, None);
}

#[cfg(unix)]
fn is_ready(output: &impl AsFd, patience: Option<Duration>) -> bool {
    let limit = patience.and_then(|patience| rustix::event::Timespec::try_from(patience).ok());
    loop {
        let mut polled = [PollFd::new(output, PollFlags::OUT)];
        match poll(&mut polled, limit.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            // What cannot be asked is a file that never blocks for long.
            Err(_) => return true,
            Ok(ready) => return ready > 0,
        }
    }
}

/// Whether this is a pipe that nobody can open again by a name, so that a reader that is gone is gone for good. A named
/// FIFO gets the next reader when one opens it.
#[cfg(unix)]
#[must_use]
pub fn is_unnamed_pipe(output: &impl AsFd) -> bool {
    let Ok(found) = rustix::fs::fstat(output) else { return false };
    let kind = rustix::fs::FileType::from_raw_mode(found.st_mode);
    if kind == rustix::fs::FileType::Socket {
        return true;
    }
    // Elsewhere a FIFO cannot be told from a pipe.
    kind == rustix::fs::FileType::Fifo && (!cfg!(target_os = "linux") || is_on_pipefs(output))
}

#[cfg(target_os = "linux")]
fn is_on_pipefs(output: &impl AsFd) -> bool {
    const PIPEFS_MAGIC: u64 = 0x5049_5045;
    rustix::fs::fstatfs(output).is_ok_and(|system| u64::try_from(system.f_type) == Ok(PIPEFS_MAGIC))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_on_pipefs(_: &impl AsFd) -> bool {
    false
}
