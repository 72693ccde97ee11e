//! Who is believed to be the broker: by the authorities, by pins, or anybody.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::TlsPin;
use super::certificate::Certificate;
use super::fault::TlsFault;
use crate::connection::error::SetupError;

/// What makes a server certificate good.
#[derive(Debug)]
enum Trust {
    /// A chain to one of these authorities, a current date and the right name, unless any name will do.
    Authorities { inner: Arc<WebPkiServerVerifier>, any_name: bool },
    /// The certificate or its key is one of these; that the peer holds the key is still verified.
    Pins(Vec<TlsPin>),
    /// Nothing: every certificate is good.
    Anybody,
}

/// Verifies the certificate of a server and explains a rejection.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn authorities(
        roots: Arc<RootCertStore>,
        any_name: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, SetupError> {
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
        let inner = inner.map_err(|error| SetupError::Tls(error.to_string()))?;
        Ok(Self::new(Trust::Authorities { inner, any_name }, provider))
    }

    pub(super) fn pins(pins: Vec<TlsPin>, provider: &CryptoProvider) -> Self {
        Self::new(Trust::Pins(pins), provider)
    }

    pub(super) fn anybody(provider: &CryptoProvider) -> Self {
        Self::new(Trust::Anybody, provider)
    }

    fn new(trust: Trust, provider: &CryptoProvider) -> Self {
        Self { trust, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::Pins(pins) => {
                let certificate = TlsPin::of(end_entity);
                let key = Certificate::read(end_entity).map(|parts| TlsPin::of(parts.public_key_info));
                if pins.iter().any(|pin| *pin == certificate || Some(*pin) == key) {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(rejected(TlsFault::PinMismatch { certificate }))
                }
            }
            Trust::Authorities { inner, any_name } => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .or_else(|error| match error {
                    // The name comes last: everything else is in order.
                    Error::InvalidCertificate(
                        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                    ) if *any_name => Ok(ServerCertVerified::assertion()),
                    error => Err(error),
                })
                .map_err(|error| match error {
                    Error::InvalidCertificate(error) => {
                        let parts = Certificate::read(end_entity);
                        let (subject, issuer) =
                            parts.map(|parts| (parts.subject(), parts.issuer())).unwrap_or_default();
                        rejected(TlsFault::of_certificate(error, subject, issuer, TlsPin::of(end_entity)))
                    }
                    error => error,
                }),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Authorities { .. } => verify_tls12_signature(message, cert, dss, &self.algorithms),
            Trust::Pins(_) => self.verify_with_key(message, cert, dss),
            Trust::Anybody => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Authorities { .. } => verify_tls13_signature(message, cert, dss, &self.algorithms),
            Trust::Pins(_) => {
                // By the bare key, as the certificate may be of a version that rustls does not read.
                let parts = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
                let key = SubjectPublicKeyInfoDer::from(parts.public_key_info);
                verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
            }
            Trust::Anybody => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    /// rustls verifies with a bare key in TLS 1.3 only; this is the same for TLS 1.2.
    fn verify_with_key(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let parts = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
        let candidates = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
        let valid = candidates
            .flat_map(|(_, algorithms)| algorithms.iter())
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == parts.key_algorithm)
            .any(|algorithm| algorithm.verify_signature(parts.key, message, dss.signature()).is_ok());
        if valid {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

/// rustls has no room for an explanation but this one; the alert for the peer becomes
/// `certificate_unknown`.
fn rejected(fault: TlsFault) -> Error {
    CertificateError::Other(OtherError(Arc::new(fault))).into()
}
