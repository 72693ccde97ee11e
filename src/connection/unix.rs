//! Unix domain sockets.

use std::io;
use std::path::Path;

use super::error::ConnectError;
use super::transport::Stream;

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
