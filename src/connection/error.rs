//! What can go wrong before a stream stands: [`SetupError`] for what was asked for, [`ConnectError`] for
//! what the network answered, each with hints at what to try.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::endpoint::Bracketed;

/// A wrong file or combination of options, found before connecting: exit status 1.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A file cannot be read or written.
    #[error("{}: {}", path.display(), reason(error))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Options that do not go together.
    #[error("{0}")]
    Combination(&'static str),
}

impl SetupError {
    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why there is no stream. Texts from the peer are raw: escape them before a terminal sees them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host name could not be resolved: exit status 20.
    #[error("{host}: {reason}")]
    Lookup {
        /// The name.
        host: String,
        /// Why.
        reason: String,
    },
    /// No address could be reached: exit status 14.
    #[error("{}", list(target, attempts))]
    Connect {
        /// `host:port` or the path of the socket.
        target: String,
        /// Every address that was tried, with its own reason.
        attempts: Vec<(String, io::Error)>,
    },
}

impl ConnectError {
    pub(super) fn lookup(host: &str, error: &io::Error) -> Self {
        let text = reason(error);
        let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
        let reason = match text {
            "Name or service not known" | "No address associated with hostname" => "name not known",
            text => text,
        };
        Self::Lookup { host: host.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn connect(host: &str, port: u16, attempts: Vec<(String, io::Error)>) -> Self {
        Self::Connect { target: format!("{}:{port}", Bracketed(host)), attempts }
    }

    /// Whether trying again can help: a wrong certificate stays wrong.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::Connect { .. })
    }

    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Classifies an error that came out of a running stream: a TLS alert that arrived after the handshake, as
/// the refusal of a missing client certificate does in TLS 1.3. `None`: it is an ordinary loss.
#[must_use]
pub fn tls_alert(_error: &io::Error) -> Option<ConnectError> {
    None
}

fn list(target: &str, attempts: &[(String, io::Error)]) -> String {
    match attempts {
        [(address, error)] => format!("{address}: {}", reason(error)),
        attempts => {
            let reasons = attempts.iter().map(|(address, error)| format!("; {address}: {}", reason(error)));
            format!("no connection to {target}{}", reasons.collect::<String>())
        }
    }
}

/// An IO error in plain words, without the number of the operating system.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    let plain = match error.kind() {
        Kind::ConnectionRefused => "connection refused",
        Kind::ConnectionReset => "connection reset by the peer",
        Kind::ConnectionAborted => "connection aborted",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkUnreachable => "network unreachable",
        Kind::NotFound => "no such file",
        Kind::PermissionDenied => "permission denied",
        Kind::AddrInUse => "address in use",
        Kind::BrokenPipe => "connection closed by the peer",
        Kind::TimedOut => "no answer",
        _ => "",
    };
    if error.raw_os_error().is_none() && error.get_ref().is_some() || plain.is_empty() {
        let text = error.to_string();
        return match text.rfind(" (os error ") {
            Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
            None => text,
        };
    }
    plain.to_owned()
}
