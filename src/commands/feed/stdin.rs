//! Standard input as a source of messages.

use std::io::Read;

use crate::error::Failure;
use mqt_process::text_file::FileError;

/// Standard input, opened where it is read.
pub(super) struct Stdin;

impl Read for Stdin {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        std::io::stdin().lock().read(space)
    }
}

/// Standard input cannot be read, or not to its end.
pub(super) fn unread_stdin(error: std::io::Error) -> Failure {
    FileError::new("standard input".as_ref(), error).into()
}

/// Fails when standard input is closed: to end there would pass for an empty message, which clears what is retained.
///
/// The standard library has put /dev/null in the place of a descriptor that was closed, open for writing, too, as nobody
/// else opens a standard input that is meant to be read.
#[cfg(unix)]
pub(super) fn check_stdin() -> Result<(), Failure> {
    if !mqt_process::descriptors::is_stdin_closed() {
        return Ok(());
    }
    Err(Failure::usage("standard input is closed")
        .keyword("file")
        .hint("-n publishes an empty message; a container needs -i (docker run -i) for standard input")
        .mosquitto_text("Error loading input from stdin."))
}

/// There is no telling here.
#[cfg(not(unix))]
pub(super) fn check_stdin() -> Result<(), Failure> {
    Ok(())
}

/// The size of standard input when it is a file.
#[cfg(unix)]
pub(super) fn stdin_size() -> Option<u64> {
    use std::os::fd::AsFd;
    let file = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// The size of standard input when it is a file.
#[cfg(not(unix))]
pub(super) fn stdin_size() -> Option<u64> {
    None
}
