//! Why a TLS connection was not made or broke, precisely, and what to try.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use thiserror::Error;

use super::TlsPin;

/// Why a TLS connection was not made or broke. Names out of certificates are raw: escape them before a
/// terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsFault {
    /// The server certificate has expired.
    #[error("the server certificate expired {} ({} ago)", date(*not_after), span(now.saturating_sub(*not_after)))]
    Expired {
        /// The end of its validity, in seconds since 1970.
        not_after: u64,
        /// The clock of this machine, in seconds since 1970.
        now: u64,
    },
    /// The server certificate is not valid yet.
    #[error("the server certificate is not valid before {}", date(*not_before))]
    NotYetValid {
        /// The begin of its validity, in seconds since 1970.
        not_before: u64,
        /// The clock of this machine, in seconds since 1970.
        now: u64,
    },
    /// The certificate of the CA has expired, so that it vouches for no server.
    #[error(
        "{}the certificate of the trusted CA {issuer:?} expired {} ({} ago)",
        in_file(path.as_deref()),
        date(*not_after),
        span(now.saturating_sub(*not_after))
    )]
    IssuerExpired {
        /// The file that it is in; `None`: the system's store.
        path: Option<PathBuf>,
        /// The CA.
        issuer: String,
        /// The end of its validity, in seconds since 1970.
        not_after: u64,
        /// The clock of this machine, in seconds since 1970.
        now: u64,
    },
    /// The certificate of the CA is not valid yet.
    #[error(
        "{}the certificate of the trusted CA {issuer:?} is not valid before {}",
        in_file(path.as_deref()),
        date(*not_before)
    )]
    IssuerNotYetValid {
        /// The file that it is in; `None`: the system's store.
        path: Option<PathBuf>,
        /// The CA.
        issuer: String,
        /// The begin of its validity, in seconds since 1970.
        not_before: u64,
        /// The clock of this machine, in seconds since 1970.
        now: u64,
    },
    /// The server certificate is for other names.
    #[error("the server certificate is not for {expected:?}; it is for {}", presented.join(", "))]
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names in the certificate.
        presented: Vec<String>,
        /// Its pin.
        pin: TlsPin,
    },
    /// The server certificate has a common name only.
    #[error("the server certificate has no subjectAltName, so it is for no name at all (RFC 6125)")]
    NoSubjectAltName {
        /// Its pin.
        pin: TlsPin,
    },
    /// Nobody who is trusted has signed the server certificate.
    #[error("the server certificate of {subject:?} is {}", signer(subject, issuer))]
    UnknownIssuer {
        /// Whose certificate it is.
        subject: String,
        /// Who signed it.
        issuer: String,
        /// Its pin.
        pin: TlsPin,
    },
    /// A CA of the name that the server certificate gives is trusted, and its key did not sign it.
    #[error(
        "the server certificate is not signed by the {issuer:?} that is trusted, but by another one of that name"
    )]
    OtherIssuer {
        /// Who is said to have signed it.
        issuer: String,
        /// Its pin.
        pin: TlsPin,
    },
    /// A CA certificate is used as the server certificate.
    #[error("the server uses a CA certificate as its own; TLS demands a separate server certificate")]
    CaUsedAsEndEntity {
        /// Its pin.
        pin: TlsPin,
    },
    /// An X.509 certificate of version 1 or 2.
    #[error("the server certificate is X.509 version 1; TLS demands version 3")]
    OldCertificate {
        /// Its pin.
        pin: TlsPin,
    },
    /// The server certificate names the address as if it were a DNS name.
    #[error(
        "the server certificate has {address} as a DNS name; to connect by address it needs an IP entry in its \
         subjectAltName"
    )]
    DnsForAddress {
        /// The address.
        address: String,
        /// Its pin.
        pin: TlsPin,
    },
    /// The certificate that signed the server's is given as trusted, and is not that of a CA.
    #[error("the server certificate is signed by {issuer:?}, whose own certificate is not that of a CA")]
    NotAnAuthority {
        /// Who signed it.
        issuer: String,
        /// Its pin.
        pin: TlsPin,
    },
    /// A key of a kind that cannot be used.
    #[error("{whose} has {what}, which mqt cannot verify")]
    UnsupportedKey {
        /// The owner: the server certificate, or a CA.
        whose: String,
        /// The kind of key.
        what: String,
    },
    /// A signature of a kind that cannot be used.
    #[error("the server certificate, or a CA's, is signed with {what}, which mqt cannot verify")]
    UnsupportedSignature {
        /// The algorithm.
        what: String,
    },
    /// The server does not prove that it has the key of its certificate.
    #[error("the broker's signature does not fit its certificate: it does not have the private key")]
    KeyNotHeld,
    /// The server certificate is for something else.
    #[error("the server certificate is not for a server (extendedKeyUsage: {presented})")]
    WrongPurpose {
        /// What it is for.
        presented: String,
        /// Its pin.
        pin: TlsPin,
    },
    /// The server certificate is revoked.
    #[error("the server certificate of {subject:?} has been revoked by {issuer:?}")]
    Revoked {
        /// Whose certificate it is.
        subject: String,
        /// Who signed it.
        issuer: String,
    },
    /// No list of revoked certificates is by the signer of the server certificate.
    #[error("there is no CRL of {issuer:?}, which signed the server certificate")]
    NoCrl {
        /// Who signed it.
        issuer: String,
    },
    /// The list of revoked certificates is too old.
    #[error("the CRL should have been replaced {} ({} ago)", date(*next_update), span(now.saturating_sub(*next_update)))]
    CrlExpired {
        /// When the next one was due, in seconds since 1970.
        next_update: u64,
        /// The clock of this machine, in seconds since 1970.
        now: u64,
    },
    /// The list of revoked certificates cannot be used.
    #[error("the CRL cannot be used for the certificates of {issuer:?}: {reason}")]
    UnusableCrl {
        /// Who signed the server certificate.
        issuer: String,
        /// Why.
        reason: String,
    },
    /// The server found nothing in what was offered that it can do.
    #[error(
        "the broker and mqt have no way of TLS in common: handshake_failure, before it showed a certificate"
    )]
    NothingInCommon,
    /// The server certificate has none of the pins.
    #[error("the server certificate does not match the pin; it has {certificate}")]
    PinMismatch {
        /// The pin of the certificate.
        certificate: TlsPin,
    },
    /// The broker wants a client certificate.
    #[error("the broker requires a client certificate")]
    ClientCertificateRequired,
    /// The broker does not like the client certificate.
    #[error("the broker rejects the client certificate: {0}")]
    ClientCertificateRejected(String),
    /// Any other alert.
    #[error("the broker ended the TLS connection: {0}")]
    Alert(String),
    /// The peer answered, and not in TLS.
    #[error("this port speaks plain {0}, not TLS")]
    PlainPeer(&'static str),
    /// The connection broke in the handshake.
    #[error("the connection broke in the TLS handshake: {0}")]
    Broken(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl TlsFault {
    /// Classifies what rustls or the network said. `answer`: the first bytes from the peer.
    pub(super) fn of_handshake(error: &io::Error, answer: &[u8]) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(message)) => match plain_protocol(answer) {
                Some(protocol) => Self::PlainPeer(protocol),
                None if *message == InvalidMessage::InvalidContentType => Self::PlainPeer("something"),
                None => Self::of_rustls(&rustls::Error::InvalidMessage(*message)),
            },
            Some(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure))
                if answer.first() == Some(&ALERT) =>
            {
                Self::NothingInCommon
            }
            Some(error) => Self::of_rustls(error),
            None => Self::Broken(match error.kind() {
                io::ErrorKind::UnexpectedEof => "closed by the peer".to_owned(),
                _ => crate::error::reason(error),
            }),
        }
    }

    /// Classifies an error of a running stream; `None`: it has nothing to do with TLS.
    pub(crate) fn of_stream(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).map(Self::of_rustls)
    }

    fn of_rustls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert),
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                Self::Other(format!("the server certificate is not usable: {}", words(&other.0)))
            }
            rustls::Error::InvalidCertificate(error) => {
                Self::Other(format!("the server certificate is not usable: {}", words(error)))
            }
            rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                Self::Alert("protocol_version".to_owned())
            }
            rustls::Error::PeerIncompatible(what) => {
                Self::Other(format!("the broker's TLS does not go with that of mqt: {}", words(what)))
            }
            rustls::Error::InvalidMessage(what) => {
                Self::Other(format!("the broker's TLS is wrong: {}", words(what)))
            }
            rustls::Error::PeerMisbehaved(what) => {
                Self::Other(format!("the broker breaks the rules of TLS: {}", words(what)))
            }
            rustls::Error::General(text) => Self::Other(format!("TLS: {text}")),
            error => Self::Other(format!("TLS: {}", words(error))),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as Alert;
        let text = alert_name(alert);
        match alert {
            Alert::CertificateRequired | Alert::NoCertificate => Self::ClientCertificateRequired,
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA => Self::ClientCertificateRejected(text),
            _ => Self::Alert(text),
        }
    }

    /// Words why an authority vouches for nobody, if it is for its dates.
    pub(super) fn of_outdated_issuer(
        error: &CertificateError,
        issuer: String,
        path: Option<PathBuf>,
    ) -> Option<Self> {
        match error {
            CertificateError::ExpiredContext { time, not_after } => Some(Self::IssuerExpired {
                path,
                issuer,
                not_after: not_after.as_secs(),
                now: time.as_secs(),
            }),
            CertificateError::NotValidYetContext { time, not_before } => Some(Self::IssuerNotYetValid {
                path,
                issuer,
                not_before: not_before.as_secs(),
                now: time.as_secs(),
            }),
            _ => None,
        }
    }

    /// Classifies the rejection of a server certificate, with what only the certificate can tell.
    pub(super) fn of_certificate(
        error: CertificateError,
        subject: String,
        issuer: String,
        pin: TlsPin,
    ) -> Self {
        match error {
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired { not_after: not_after.as_secs(), now: time.as_secs() }
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYetValid { not_before: not_before.as_secs(), now: time.as_secs() }
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer { subject, issuer, pin },
            // The names fit and the keys do not.
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                if subject == issuer {
                    Self::UnknownIssuer { subject, issuer, pin }
                } else {
                    Self::OtherIssuer { issuer, pin }
                }
            }
            CertificateError::Revoked => Self::Revoked { subject, issuer },
            CertificateError::UnknownRevocationStatus => Self::NoCrl { issuer },
            CertificateError::ExpiredRevocationListContext { time, next_update } => {
                Self::CrlExpired { next_update: next_update.as_secs(), now: time.as_secs() }
            }
            CertificateError::InvalidPurposeContext { presented, .. } => {
                let presented: Vec<String> = presented.iter().map(ToString::to_string).collect();
                Self::WrongPurpose { presented: presented.join(", "), pin }
            }
            CertificateError::InvalidPurpose => {
                Self::WrongPurpose { presented: "without serverAuth".to_owned(), pin }
            }
            CertificateError::BadEncoding => {
                Self::Other("what the server sends as its certificate is not one".to_owned())
            }
            // rustls passes these on as webpki names them.
            CertificateError::Other(other) => {
                let name = other.0.to_string();
                match name.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default() {
                    "CaUsedAsEndEntity" => Self::CaUsedAsEndEntity { pin },
                    "UnsupportedCertVersion" => Self::OldCertificate { pin },
                    "EndEntityUsedAsCa" => Self::NotAnAuthority { issuer, pin },
                    "NameConstraintViolation" => Self::Other(
                        "the server certificate has a name that its CA may not sign (name constraints)"
                            .to_owned(),
                    ),
                    "PathLenConstraintViolated" => Self::Other(
                        "more CAs stand between the server certificate and the trusted one than that allows"
                            .to_owned(),
                    ),
                    "UnsupportedCriticalExtension" => Self::Other(
                        "the server certificate, or a CA's, has a critical extension that mqt does not know"
                            .to_owned(),
                    ),
                    _ => Self::Other(format!("the server certificate is not usable: {}", words(&name))),
                }
            }
            error => Self::Other(format!("the server certificate is not usable: {}", words(&error))),
        }
    }

    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let clock = |now| format!("this machine's clock says {}; is that right?", date(now));
        let pin_it = |pin: &TlsPin| format!("if you know that this is your broker, pin it: --tls-pin {pin}");
        match self {
            Self::Expired { now, .. }
            | Self::NotYetValid { now, .. }
            | Self::IssuerNotYetValid { now, .. } => {
                vec![clock(*now)]
            }
            Self::IssuerExpired { path, now, .. } => {
                let newer = match path {
                    Some(_) => "get the current certificate of that CA, and give it with --cafile FILE",
                    None => "update the CA certificates of this system",
                };
                vec![newer.to_owned(), clock(*now)]
            }
            Self::WrongName { presented, pin, .. } => {
                let name = presented.first().map_or("", String::as_str);
                vec![format!("connect to the broker by one of these names, such as {name:?}"), pin_it(pin)]
            }
            Self::NoSubjectAltName { pin }
            | Self::CaUsedAsEndEntity { pin }
            | Self::OldCertificate { pin } => {
                vec![
                    "issue a new server certificate with its names as subjectAltName".to_owned(),
                    pin_it(pin),
                    "with your own CA in --cafile, --tls-legacy accepts it as mosquitto does".to_owned(),
                ]
            }
            Self::DnsForAddress { address, pin } => {
                vec![
                    format!("issue a new server certificate with subjectAltName IP:{address}"),
                    pin_it(pin),
                    "or accept it as mosquitto does: --tls-legacy".to_owned(),
                ]
            }
            Self::NotAnAuthority { pin, .. } => {
                vec![
                    "--cafile needs the certificate of the CA (basicConstraints CA:TRUE), not that of a server"
                        .to_owned(),
                    pin_it(pin),
                ]
            }
            Self::UnsupportedKey { .. } => {
                vec![
                    "keys that can be verified: RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, Ed25519"
                        .to_owned(),
                ]
            }
            Self::UnsupportedSignature { .. } => {
                vec!["sign it with SHA-256, SHA-384 or SHA-512".to_owned()]
            }
            Self::WrongPurpose { pin, .. } => {
                vec![
                    "is this a client certificate? the broker needs one with serverAuth, or without extendedKeyUsage"
                        .to_owned(),
                    pin_it(pin),
                ]
            }
            Self::NoCrl { .. } | Self::CrlExpired { .. } | Self::UnusableCrl { .. } => {
                vec!["get the current CRL of that CA and give it with --crl FILE".to_owned()]
            }
            Self::NothingInCommon => {
                vec![
                    "the key of the broker's certificate may be one that mqt cannot verify: Ed448, DSA, RSA-PSS, EC on \
                     another curve than P-256, P-384 and P-521"
                        .to_owned(),
                    "or the broker has no cipher suite with ECDHE and AES-GCM or ChaCha20, or none of --ciphers"
                        .to_owned(),
                ]
            }
            Self::UnknownIssuer { subject, issuer, pin } if subject == issuer => {
                vec!["trust the certificate itself: --cafile FILE".to_owned(), pin_it(pin)]
            }
            Self::UnknownIssuer { pin, .. } => {
                vec!["trust the CA that signed it: --cafile FILE".to_owned(), pin_it(pin)]
            }
            Self::OtherIssuer { pin, .. } => {
                vec![
                    "has the CA been regenerated since? --cafile needs its new certificate".to_owned(),
                    pin_it(pin),
                ]
            }
            Self::PinMismatch { .. } => {
                vec!["either the broker has a new certificate, or this is not your broker".to_owned()]
            }
            Self::ClientCertificateRequired => vec!["give one with --cert FILE --key FILE".to_owned()],
            Self::ClientCertificateRejected(_) => {
                vec!["check --cert: is it current, and signed by the CA that the broker trusts?".to_owned()]
            }
            Self::Alert(alert) if alert == "handshake_failure" => {
                vec!["the broker may require a client certificate: --cert FILE --key FILE".to_owned()]
            }
            Self::Alert(alert) if alert == "protocol_version" => {
                vec!["the broker speaks no TLS version that was offered; 1.2 is the oldest one".to_owned()]
            }
            Self::PlainPeer(_) | Self::Broken(_) => {
                vec!["is this the TLS port? plain MQTT is usually at 1883, TLS at 8883".to_owned()]
            }
            Self::Alert(_) | Self::Other(_) | Self::KeyNotHeld | Self::Revoked { .. } => Vec::new(),
        }
    }
}

/// The content type of a record with an alert.
const ALERT: u8 = 0x15;

/// The first name in the debug text of a library, in words: `UnsupportedCriticalExtension(…)` becomes `unsupported
/// critical extension`.
pub(super) fn words(what: &impl std::fmt::Debug) -> String {
    let text = format!("{what:?}");
    let text = text.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let name = text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    spaced(name, ' ')
}

/// An alert by its name in the standard (RFC 8446, section 6).
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::Unknown(number) => format!("alert {number}"),
        alert => spaced(&format!("{alert:?}"), '_'),
    }
}

/// `CamelCase` in small letters, with something in between.
fn spaced(name: &str, between: char) -> String {
    let mut spaced = String::new();
    let mut before = false;
    for letter in name.chars() {
        if letter.is_uppercase() && before {
            spaced.push(between);
        }
        before = !letter.is_uppercase();
        spaced.extend(letter.to_lowercase());
    }
    spaced
}

/// What a peer speaks that does not speak TLS, by the first bytes that it sent.
fn plain_protocol(answer: &[u8]) -> Option<&'static str> {
    match answer {
        [b'H', b'T', b'T', b'P', ..] => Some("HTTP"),
        // CONNACK and DISCONNECT, the only packets that a server can answer nonsense with.
        [0x20 | 0xE0, ..] => Some("MQTT"),
        _ => None,
    }
}

/// Whether the first bytes that came instead of a CONNACK are a TLS alert or handshake record.
#[must_use]
pub fn speaks_tls(answer: &[u8]) -> bool {
    matches!(answer, [0x15 | 0x16, 3, 0..=4, ..])
}

fn signer(subject: &str, issuer: &str) -> String {
    if subject == issuer {
        "self-signed and not trusted".to_owned()
    } else {
        format!("signed by {issuer:?}, which is not trusted")
    }
}

fn in_file(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{}: ", path.display()))
}

fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(
        || format!("{seconds} s after 1970"),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3600, "hour"),
        172_800..63_072_000 => (seconds / 86_400, "day"),
        _ => (seconds / 31_556_952, "year"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
