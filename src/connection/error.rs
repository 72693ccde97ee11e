//! What can go wrong before a stream stands: [`SetupError`] for what was asked for, [`ConnectError`] for
//! what the network answered, each with hints at what to try.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::endpoint::Bracketed;
use super::tls::TlsFault;
use super::websocket::WsFault;

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
    /// A PEM block is broken.
    #[error("{}:{line}: {problem}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A certificate cannot be used.
    #[error("{}:{line}: the certificate that begins here is not usable: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The line of its BEGIN, counted from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// A file or folder has no certificate in it.
    #[error("{}: no PEM certificate in it", path.display())]
    NoCertificate {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file has no private key in it.
    #[error("{}: no PEM private key in it", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is encrypted.
    #[error("{}: the private key is encrypted, which mqt cannot read", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key cannot be used.
    #[error("{}: the private key is not usable: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The private key is another one than that of the certificate.
    #[error("the private key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    KeyMismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The name to verify is no name: neither DNS name nor address.
    #[error("{name:?} is neither a DNS name nor an address, so no certificate can be for it")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The system has no CA certificates: exit status 8, unlike the others.
    #[error("no system CA certificates found{}", reasons.iter().map(|reason| format!("; {reason}")).collect::<String>())]
    NoSystemRoots {
        /// What was tried.
        reasons: Vec<String>,
    },
    /// No such cipher suite.
    #[error("--ciphers: rustls has no cipher suite \"{name}\"; it has {known}")]
    Cipher {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// TLS cannot be set up this way.
    #[error("TLS: {0}")]
    Tls(String),
}

impl SetupError {
    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NoCertificate { path } if !crate::process::file::is_folder(path) => vec![format!(
                "if it is DER, convert it: openssl x509 -inform der -in {} -out ca.pem",
                path.display()
            )],
            Self::EncryptedKey { path } => vec![format!(
                "decrypt it into a file that only you can read: (umask 077; openssl pkey -in {} -out plain.key)",
                path.display()
            )],
            Self::NoSystemRoots { .. } => {
                vec!["name the CA with --cafile FILE, or install the package ca-certificates".to_owned()]
            }
            Self::ServerName { .. } => {
                vec!["name it with --tls-server-name, or pin it with --tls-pin".to_owned()]
            }
            _ => Vec::new(),
        }
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
    /// TLS: exit status 8.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The WebSocket handshake: exit status 14.
    #[error(transparent)]
    WebSocket(#[from] WsFault),
    /// The proxy cannot be reached, or leads nowhere: exit status 14.
    #[error("proxy {proxy}: {fault}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// Why.
        fault: ProxyFault,
    },
}

/// How a proxy fails. Texts are raw, as in [`ConnectError`].
#[derive(Debug, Error)]
pub enum ProxyFault {
    /// None of its addresses could be reached.
    #[error("{}", list("it", attempts))]
    Unreachable {
        /// Every address that was tried, with its own reason.
        attempts: Vec<(String, io::Error)>,
    },
    /// It wants a user name and password, or refuses them.
    #[error("{0}")]
    Login(&'static str),
    /// It is not allowed to lead to the broker.
    #[error("{0}")]
    Forbidden(String),
    /// It is willing and finds no way to the broker.
    #[error("{0}")]
    Target(String),
    /// It ends the conversation, is out of order, or speaks something else.
    #[error("{0}")]
    Broken(String),
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

    /// Whether trying again can help: a wrong certificate stays wrong, a server behind a gateway comes back.
    /// `established`: it has worked before, so that a gateway which knows no way to the server now may do so again.
    #[must_use]
    pub const fn is_transient(&self, established: bool) -> bool {
        match self {
            Self::Lookup { .. } | Self::Connect { .. } => true,
            Self::Proxy { fault, .. } => {
                established || !matches!(fault, ProxyFault::Login(_) | ProxyFault::Forbidden(_))
            }
            Self::Tls(fault) => matches!(fault, TlsFault::Broken(_)),
            Self::WebSocket(fault) => {
                established
                    || matches!(
                        fault,
                        WsFault::Refused { status: 408 | 425 | 429 | 500.., .. } | WsFault::Broken(_)
                    )
            }
        }
    }

    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Connect { attempts, .. }
                if attempts.iter().all(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused) =>
            {
                vec!["no broker listens there; `mqt broker` starts one on this machine".to_owned()]
            }
            Self::Lookup { .. } | Self::Connect { .. } => Vec::new(),
            Self::Tls(fault) => fault.hints(),
            Self::WebSocket(fault) => fault.hints(),
            Self::Proxy { fault: ProxyFault::Login(_), .. } => {
                vec!["user name and password of a proxy: --proxy SCHEME://USER:PASSWORD@HOST".to_owned()]
            }
            Self::Proxy { fault: ProxyFault::Target(_), .. } => {
                vec![
                    "the proxy looks up the host and connects to it: is it right as seen from there?"
                        .to_owned(),
                ]
            }
            Self::Proxy { .. } => Vec::new(),
        }
    }
}

/// Finds what TLS or WebSocket has to say in an error that came out of a running stream: a TLS alert that
/// arrived after the handshake, as the refusal of a missing client certificate does in TLS 1.3, or a frame that
/// MQTT forbids. `None`: it is an ordinary loss.
#[must_use]
pub fn stream_fault(error: &io::Error) -> Option<ConnectError> {
    let websocket = error.get_ref().and_then(|inner| inner.downcast_ref::<WsFault>());
    websocket
        .cloned()
        .map(ConnectError::WebSocket)
        .or_else(|| TlsFault::of_stream(error).map(ConnectError::Tls))
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
        return system_reason(error);
    }
    plain.to_owned()
}

/// An IO error in the words of the operating system, without its number.
#[must_use]
pub fn system_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}
