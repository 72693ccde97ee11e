//! TLS: trust, certificates, pins.

mod algorithm;
mod anchors;
mod certificate;
mod cipher;
mod client;
mod der;
mod fault;
mod key;
mod pem;
mod server;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use thiserror::Error;

use mqt_proto::Secret;

pub(super) use client::TlsClient;
pub use fault::{TlsFault, speaks_tls};
pub use key::{is_encrypted_key, mode_open_to_all};
pub(super) use server::acceptor;

/// The oldest protocol version to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2 or newer.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// How TLS is done on the client's side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// A PEM file of CA certificates; only these and those of `ca_path` are trusted then.
    pub ca_file: Option<PathBuf>,
    /// A folder of PEM files of CA certificates.
    pub ca_path: Option<PathBuf>,
    /// Trust the system's CAs besides `ca_file` and `ca_path`.
    pub use_os_certs: bool,
    /// A file of lists of revoked certificates, PEM or DER.
    pub crl: Option<PathBuf>,
    /// The PEM file of the client certificate and its chain; needs `key` or `key_command`.
    pub cert: Option<PathBuf>,
    /// The PEM file of the client's private key; needs `cert`.
    pub key: Option<PathBuf>,
    /// The command that prints the client's private key (PEM), run by the shell at the first connect; instead of `key`.
    pub key_command: Option<String>,
    /// The password of the private key, if it is encrypted.
    pub key_password: Option<Secret>,
    /// The protocols to offer by ALPN, the preferred one first.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest protocol version to accept.
    pub version: TlsVersion,
    /// Verify nothing about the server. The caller says so to the user.
    pub insecure: bool,
    /// Verify the chain of certificates, but not that it is for this host.
    pub any_name: bool,
    /// Accept what OpenSSL does and RFC 5280 does not: the host in the common name, version 1, a CA as the server.
    pub legacy: bool,
    /// The names of the cipher suites to offer, separated by colons; all that there are without it.
    pub ciphers: Option<String>,
    /// Trust exactly the servers with one of these, whatever their chain and names are.
    pub pins: Vec<TlsPin>,
    /// Append the session secrets to this file, in the format of NSS.
    pub key_log: Option<PathBuf>,
    /// The name to send (SNI) and to verify instead of the host.
    pub server_name: Option<String>,
}

/// The SHA-256 of a server certificate (DER) or of its public key (SubjectPublicKeyInfo, DER).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsPin(pub [u8; 32]);

/// The text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected sha256: and 64 hexadecimal digits, with or without colons, or sha256: and base64 of 32 bytes"
)]
pub struct TlsPinError;

impl TlsPin {
    /// The pin of a certificate or of a SubjectPublicKeyInfo, both DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let mut digest = [0; 32];
        // rustls shows its hashes through the cipher suites only; this one is always SHA-256.
        if let Some(suite) = TLS13_AES_128_GCM_SHA256.tls13() {
            digest.copy_from_slice(suite.common.hash_provider.hash(der).as_ref());
        }
        Self(digest)
    }
}

impl FromStr for TlsPin {
    type Err = TlsPinError;

    /// Reads `sha256:HEX` (colons between bytes allowed), the whole line that `openssl x509 -fingerprint -sha256`
    /// prints, or `sha256:BASE64`, also written `sha256//BASE64` as curl does.
    fn from_str(text: &str) -> Result<Self, TlsPinError> {
        let openssl =
            || text.split_once(" Fingerprint=").filter(|(hash, _)| hash.eq_ignore_ascii_case("sha256"));
        let digest = text
            .strip_prefix("sha256:")
            .or_else(|| text.strip_prefix("sha256//"))
            .or_else(|| openssl().map(|(_, digest)| digest))
            .ok_or(TlsPinError)?;
        let digits: Option<Vec<u8>> = digest
            .bytes()
            .filter(|byte| *byte != b':')
            .map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let bytes = match digits {
            Some(digits) if digits.len() == 64 => digits
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
                .collect(),
            _ => STANDARD.decode(digest).or_else(|_| URL_SAFE.decode(digest)).map_err(|_| TlsPinError)?,
        };
        bytes.try_into().map(Self).map_err(|_| TlsPinError)
    }
}

impl fmt::Display for TlsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TlsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsPin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_sha256() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(TlsPin::of(b"").to_string(), empty);
    }

    #[test]
    fn pins_are_read_in_every_form() {
        let hex = "sha256:00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let pin: TlsPin = hex.parse().unwrap();
        assert_eq!(pin.to_string(), hex.to_lowercase());
        for text in [
            "sha256:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
            "sha256 Fingerprint=00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
            "sha256:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=",
            "sha256:ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8=",
            "sha256//ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=",
        ] {
            assert_eq!(text.parse(), Ok(pin), "{text}");
        }
        for text in ["", "sha256:", "sha256:00", "sha1:00", "sha256:ABEiM0RVZneImaq7zN3u", "sha256:é"] {
            assert_eq!(text.parse::<TlsPin>(), Err(TlsPinError), "{text}");
        }
    }
}
