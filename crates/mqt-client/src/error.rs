//! What can go wrong before a stream stands: [`SetupError`] for what was asked for, [`ConnectError`] for
//! what the network answered, each with hints at what to try.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::endpoint::Bracketed;
use super::tls::TlsFault;
use mqt_process::text_file::FileError;

pub use mqt_process::text_file::system_reason;

/// A wrong file or combination of options, found before connecting: exit status 1.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(FileError),
    /// A folder cannot be read, or a file cannot be written.
    #[error("{}: {}", path.display(), reason(error))]
    File {
        /// The file or folder.
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
    #[error("{}: {}", path.display(), contents.instead_of("certificate"))]
    NoCertificate {
        /// The file or folder.
        path: PathBuf,
        /// What is in it.
        contents: Contents,
    },
    /// A file has no private key in it.
    #[error("{}: {}", path.display(), contents.instead_of("private key"))]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is in it.
        contents: Contents,
    },
    /// A file has no list of revoked certificates in it.
    #[error("{}: {}", path.display(), contents.instead_of("CRL"))]
    NoCrl {
        /// The file.
        path: PathBuf,
        /// What is in it.
        contents: Contents,
    },
    /// A list of revoked certificates cannot be used.
    #[error("{}: the CRL is not usable: {reason}", path.display())]
    Crl {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The private key is encrypted, and there is no password.
    #[error("{}: the private key is encrypted", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is encrypted with another password.
    #[error("{}: the password does not open the private key", path.display())]
    KeyPassword {
        /// The file.
        path: PathBuf,
    },
    /// The private key is encrypted in a way that cannot be undone here.
    #[error("{}: the private key is encrypted with {what}, which mqt cannot open", path.display())]
    KeyEncryption {
        /// The file.
        path: PathBuf,
        /// The algorithm.
        what: String,
    },
    /// The private key cannot be used.
    #[error("{}: the private key is not usable: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The command for the private key gave none.
    #[error("the key command {0}")]
    KeyCommand(String),
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
            Self::NoCertificate { path, contents } => {
                let path = path.display();
                match contents {
                    Contents::DerCertificate => {
                        vec![format!("convert it: openssl x509 -inform der -in {path} -out cert.pem")]
                    }
                    Contents::Pkcs12 => vec![
                        format!("for --cert: openssl pkcs12 -in {path} -clcerts -nokeys -out client.crt"),
                        format!("for --cafile: openssl pkcs12 -in {path} -cacerts -nokeys -out ca.crt"),
                        format!("and the key: --key-command 'openssl pkcs12 -in {path} -nocerts -nodes'"),
                    ],
                    Contents::Key => vec!["have --cert and --key been swapped?".to_owned()],
                    _ => Vec::new(),
                }
            }
            Self::NoKey { path, contents } => match contents {
                Contents::Certificate => vec!["have --cert and --key been swapped?".to_owned()],
                Contents::DerKey => {
                    vec![format!(
                        "read it with --key-command 'openssl pkey -inform der -in {}'",
                        path.display()
                    )]
                }
                Contents::Pkcs12 => vec![format!(
                    "read it with --key-command 'openssl pkcs12 -in {} -nocerts -nodes'",
                    path.display()
                )],
                _ => Vec::new(),
            },
            Self::EncryptedKey { path } => vec![
                "give its password with --key-password-file FILE".to_owned(),
                format!("or have OpenSSL open it: --key-command 'openssl pkey -in {}'", path.display()),
            ],
            Self::KeyEncryption { path, .. } => {
                vec![format!("have OpenSSL open it: --key-command 'openssl pkey -in {}'", path.display())]
            }
            Self::KeyCommand(_) => vec![
                "run the command by hand: it has to print the private key (PEM) and exit with 0".to_owned(),
            ],
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

/// What a file holds, instead of what was wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Nothing.
    Empty,
    /// A certificate, PEM.
    Certificate,
    /// A certificate, DER.
    DerCertificate,
    /// A private key, PEM.
    Key,
    /// A private key, DER.
    DerKey,
    /// A public key, PEM.
    PublicKey,
    /// A request for a certificate, PEM.
    Request,
    /// A list of revoked certificates, PEM.
    Crl,
    /// PKCS#12.
    Pkcs12,
    /// A key store of Java.
    JavaKeyStore,
    /// Anything else.
    Other,
}

impl Contents {
    fn instead_of(self, wanted: &str) -> String {
        let found = match self {
            Self::Empty => return format!("the file is empty; a {wanted} in PEM form is wanted"),
            Self::Other => return format!("no PEM {wanted} in it"),
            Self::DerCertificate if wanted == "certificate" => return "this is DER, not PEM".to_owned(),
            Self::DerKey if wanted == "private key" => return "this is DER, not PEM".to_owned(),
            Self::Certificate | Self::DerCertificate => "a certificate",
            Self::Key | Self::DerKey => "a private key",
            Self::PublicKey => "a public key",
            Self::Request => "a request for a certificate",
            Self::Crl => "a CRL",
            Self::Pkcs12 => "a PKCS#12 file (.p12, .pfx)",
            Self::JavaKeyStore => "a Java key store",
        };
        format!("this is {found}, not a {wanted} in PEM form")
    }
}

/// Why there is no stream. Texts from the peer are raw: escape them before a terminal sees them.
#[derive(Debug, Error)]
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
    /// The private key that a command prints: exit status 1.
    #[error(transparent)]
    Key(SetupError),
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

/// What went wrong with a WebSocket. Also found inside of the IO errors of a running stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WsFault {
    /// The server answered the request with another status than 101.
    #[error("the server refuses the WebSocket: HTTP status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The field `Location`, raw.
        location: Option<String>,
        /// The first 200 bytes of the body that came along, raw.
        body: Vec<u8>,
    },
    /// The server did not agree to the subprotocol `mqtt`.
    #[error("the server does not speak the WebSocket subprotocol \"mqtt\"")]
    Subprotocol,
    /// The answer is no WebSocket handshake.
    #[error("the answer is no WebSocket handshake: {0}")]
    Answer(String),
    /// The connection broke in the handshake.
    #[error("the connection broke in the WebSocket handshake: {0}")]
    Broken(String),
    /// The peer sent a text frame \[MQTT-6.0.0-1\].
    #[error("text frame, where MQTT has binary frames only")]
    TextFrame,
    /// The peer broke the WebSocket protocol.
    #[error("WebSocket: {0}")]
    Protocol(String),
}

impl WsFault {
    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Refused { status: 300..=399, location: Some(location), .. } => {
                vec![format!("the server points to {location:?}; redirects are not followed")]
            }
            Self::Refused { status: 401 | 403 | 407, .. } => {
                vec!["if the server wants a token: --ws-header 'Authorization: Bearer TOKEN'".to_owned()]
            }
            Self::Refused { status: 404, .. } => {
                vec!["check the path; brokers mostly use /mqtt or /".to_owned()]
            }
            Self::Refused { .. } | Self::Answer(_) | Self::Broken(_) => {
                vec!["is this the WebSocket port of the broker?".to_owned()]
            }
            Self::Subprotocol | Self::TextFrame | Self::Protocol(_) => Vec::new(),
        }
    }
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
            Self::Key(_) => false,
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
            Self::Key(error) => error.hints(),
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
