//! The reader of standard output, and when it is gone.

/// What a reader that goes changes: on Linux an error, elsewhere the end of writing.
#[cfg(target_os = "linux")]
const CHANGE: tokio::io::Interest = tokio::io::Interest::ERROR;
#[cfg(all(unix, not(target_os = "linux")))]
const CHANGE: tokio::io::Interest = tokio::io::Interest::WRITABLE;

/// Knows when nobody reads standard output any more: not at the next write, but at once.
#[derive(Debug)]
pub struct OutputReader {
    /// A duplicate of the descriptor, which is never written to.
    #[cfg(unix)]
    output: Option<tokio::net::unix::pipe::Sender>,
}

impl OutputReader {
    /// Of a pipe without a name, or a socket. Files, terminals and FIFOs, which may get another reader, are not
    /// watched. To be called on a runtime.
    #[must_use]
    pub fn of_stdout() -> Self {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd as _;

            let stdout = std::io::stdout();
            if !mqt_process::readiness::is_unnamed_pipe(&stdout) {
                return Self { output: None };
            }
            let output = stdout.as_fd().try_clone_to_owned().ok();
            Self {
                output: output
                    .and_then(|own| tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(own).ok()),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Waits until it is gone. Cancel-safe.
    pub async fn gone(&self) {
        #[cfg(unix)]
        if let Some(output) = &self.output {
            while let Ok(ready) = output.ready(CHANGE).await {
                if ready.is_write_closed() || ready.is_error() {
                    return;
                }
                // Only an attempt to write would take back that it is writable: here nothing is to be written.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
        std::future::pending().await
    }
}
