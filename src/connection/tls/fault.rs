//! Why a TLS connection was not made or broke, precisely, and what to try.

use std::io;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use thiserror::Error;

use super::TlsPin;

/// Why a TLS connection was not made or broke. Names out of certificates are raw: escape them before a
/// terminal sees them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
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
                None => Self::Other(format!("the peer's TLS is wrong: {message:?}")),
            },
            Some(error) => Self::of_rustls(error),
            None => Self::Broken(match error.kind() {
                io::ErrorKind::UnexpectedEof => "closed by the peer".to_owned(),
                _ => crate::connection::error::reason(error),
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
                other.0.downcast_ref::<Self>().cloned().unwrap_or_else(|| {
                    Self::Other(format!("the server certificate is not usable: {}", other.0))
                })
            }
            rustls::Error::InvalidCertificate(error) => {
                Self::Other(format!("the server certificate is not usable: {error}"))
            }
            error => Self::Other(error.to_string()),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as Alert;
        let text = format!("{alert:?}");
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
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                Self::NoSubjectAltName { pin }
            }
            CertificateError::NotValidForNameContext { expected, presented } => Self::WrongName {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| bare_name(name)).collect(),
                pin,
            },
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
            // rustls passes these two on as webpki names them.
            CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
                Self::CaUsedAsEndEntity { pin }
            }
            CertificateError::Other(other) if other.0.to_string() == "UnsupportedCertVersion" => {
                Self::OldCertificate { pin }
            }
            error => Self::Other(format!("the server certificate is not usable: {error}")),
        }
    }

    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let pin_it = |pin: &TlsPin| format!("if you know that this is your broker, pin it: --tls-pin {pin}");
        match self {
            Self::Expired { now, .. } | Self::NotYetValid { now, .. } => {
                vec![format!("this machine's clock says {}; is that right?", date(*now))]
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
                ]
            }
            Self::UnknownIssuer { pin, .. } => {
                vec!["trust the CA that signed it: --cafile FILE".to_owned(), pin_it(pin)]
            }
            Self::OtherIssuer { pin, .. } => {
                vec!["was the CA made anew? --cafile needs its new certificate".to_owned(), pin_it(pin)]
            }
            Self::PinMismatch { .. } => {
                vec!["either the broker has a new certificate, or this is not your broker".to_owned()]
            }
            Self::ClientCertificateRequired => vec!["give one with --cert FILE --key FILE".to_owned()],
            Self::ClientCertificateRejected(_) => {
                vec!["check --cert: is it current, and signed by the CA that the broker trusts?".to_owned()]
            }
            Self::Alert(alert) if alert == "HandshakeFailure" => {
                vec!["the broker may require a client certificate: --cert FILE --key FILE".to_owned()]
            }
            Self::Alert(alert) if alert == "ProtocolVersion" => {
                vec!["the broker speaks no TLS version that was offered; 1.2 is the oldest one".to_owned()]
            }
            Self::PlainPeer(_) | Self::Broken(_) => {
                vec!["is this the TLS port? plain MQTT is usually at 1883, TLS at 8883".to_owned()]
            }
            Self::Alert(_) | Self::Other(_) => Vec::new(),
        }
    }
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

/// `DnsName("a.example")` → `a.example`.
fn bare_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

fn signer(subject: &str, issuer: &str) -> String {
    if subject == issuer {
        "self-signed and not trusted".to_owned()
    } else {
        format!("signed by {issuer:?}, which is not trusted")
    }
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
mod tests {
    use super::*;

    #[test]
    fn dates_and_spans_are_plain() {
        let fault = TlsFault::Expired { not_after: 1_609_459_200, now: 1_609_459_200 + 5 * 31_556_952 };
        assert_eq!(fault.to_string(), "the server certificate expired 2021-01-01 00:00 UTC (5 years ago)");
        assert_eq!(fault.hints(), ["this machine's clock says 2026-01-01 05:06 UTC; is that right?"]);
        for (seconds, text) in [
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7200, "2 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(date(u64::MAX), "18446744073709551615 s after 1970");
    }

    #[test]
    fn a_signer_of_the_same_name_and_another_key_is_told_apart() {
        let pin = TlsPin::of(b"certificate");
        let fault = |subject: &str, issuer: &str| {
            let (subject, issuer) = (subject.to_owned(), issuer.to_owned());
            TlsFault::of_certificate(CertificateError::BadSignature, subject, issuer, pin)
        };
        assert!(matches!(fault("CN=localhost", "CN=localhost"), TlsFault::UnknownIssuer { .. }));
        assert!(matches!(fault("CN=localhost", "CN=My CA"), TlsFault::OtherIssuer { .. }));
    }

    #[test]
    fn first_bytes_tell_the_protocol() {
        assert_eq!(plain_protocol(b"HTTP/1.1 400"), Some("HTTP"));
        assert_eq!(plain_protocol(&[0x20, 2, 0, 1]), Some("MQTT"));
        assert_eq!(plain_protocol(&[0x15, 3, 3]), None);
        assert!(speaks_tls(&[0x15, 3, 3, 0, 2, 2, 10]));
        assert!(!speaks_tls(&[0x20, 2, 0, 0]));
        assert_eq!(bare_name("DnsName(\"a.example\")"), "a.example");
        assert_eq!(bare_name("IpAddress(::1)"), "::1");
        assert_eq!(bare_name("x"), "x");
    }
}
