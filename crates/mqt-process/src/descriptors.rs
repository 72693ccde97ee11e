//! Whether there are file descriptors left.

use std::io;

/// Whether standard input was closed when the program started. The standard library has put /dev/null in its place,
/// open for reading and writing; `< /dev/null` is open for reading only.
#[cfg(unix)]
#[must_use]
pub fn is_stdin_closed() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let stdin = rustix::stdio::stdin();
    let can_write = rustix::fs::fcntl_getfl(stdin)
        .is_ok_and(|flags| flags & rustix::fs::OFlags::RWMODE == rustix::fs::OFlags::RDWR);
    let is_null = || {
        let null = super::file::metadata("/dev/null".as_ref()).ok()?;
        let found = std::fs::File::from(stdin.try_clone_to_owned().ok()?).metadata().ok()?;
        Some(null.dev() == found.dev() && null.ino() == found.ino())
    };
    can_write && is_null() == Some(true)
}

/// Fails when fewer than `count` further descriptors can be opened: for what cannot say so itself.
///
/// # Errors
/// The limit of the process or of the system is reached.
pub fn check(count: usize) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        // A pair of sockets meets the limit of the system, too; duplicates are cheap.
        let pair = std::os::unix::net::UnixStream::pair()?;
        let mut held = Vec::with_capacity(count);
        for _ in 2..count {
            held.push(pair.0.as_fd().try_clone_to_owned()?);
        }
    }
    #[cfg(not(unix))]
    let _ = count;
    Ok(())
}
