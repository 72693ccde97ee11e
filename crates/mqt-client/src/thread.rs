//! Calls that block, beside the loop.

use std::io;

/// Makes a call in a thread of its own and waits for what it returns. Dropping the future leaves the thread behind. The
/// pool of the runtime would panic where no thread can be started.
///
/// # Errors
/// The thread cannot be started, or has panicked.
pub async fn in_thread<T: Send + 'static>(
    name: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, answer) = tokio::sync::oneshot::channel();
    // Nobody may wait for it any more.
    std::thread::Builder::new().name(name.to_owned()).spawn(move || drop(sender.send(call())))?;
    answer.await.map_err(|_| io::Error::other(format!("the thread {name} has died")))
}
