//! Unix domain sockets.

use std::io;
use std::path::Path;
#[cfg(unix)]
use std::{
    path::PathBuf,
    task::{Context, Poll, ready},
};

use super::error::ConnectError;
use super::stream::Stream;

/// Connects to the socket at `path`.
#[cfg(unix)]
pub(super) async fn connect(path: &Path) -> Result<(Stream, String), ConnectError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok((Box::new(stream), path.display().to_string())),
        Err(error) => Err(failed(path, error)),
    }
}

/// This system has no unix domain sockets that tokio can use.
#[cfg(not(unix))]
pub(super) async fn connect(path: &Path) -> Result<(Stream, String), ConnectError> {
    Err(failed(path, io::Error::new(io::ErrorKind::Unsupported, "this system has no unix domain sockets")))
}

fn failed(path: &Path, error: io::Error) -> ConnectError {
    let target = path.display().to_string();
    ConnectError::Connect { attempts: vec![(target.clone(), error)], target }
}

/// A socket to accept connections from; its file goes with it.
#[cfg(unix)]
pub(super) struct UnixSocket {
    listener: tokio::net::UnixListener,
    path: PathBuf,
}

#[cfg(unix)]
impl UnixSocket {
    /// Listens at `path`. A socket file that nobody listens on any more is replaced.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt as _;

        let listener = match tokio::net::UnixListener::bind(path) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && mqt_process::file::metadata(path)?.file_type().is_socket()
                    && std::os::unix::net::UnixStream::connect(path)
                        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) =>
            {
                std::fs::remove_file(path)?;
                tokio::net::UnixListener::bind(path)?
            }
            outcome => outcome?,
        };
        Ok(Self { listener, path: path.to_owned() })
    }

    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Stream, String)>> {
        let (stream, _) = ready!(self.listener.poll_accept(context))?;
        Poll::Ready(Ok((Box::new(stream), self.path.display().to_string())))
    }
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        // It may be gone already, which is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}
