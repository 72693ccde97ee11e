//! Who is believed to be the broker: by the authorities, by pins, or anybody.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ServerCertVerifierBuilder, VerifierBuilderError, WebPkiServerVerifier, verify_server_name,
};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertRevocationListError, CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::algorithm::{signature_name, unusable_key};
use super::anchors::{Anchors, is_current};
use super::certificate::{self, Certificate};
use super::fault::{TlsFault, words};
use super::{TlsPin, der};
use crate::error::SetupError;

tokio::task_local! {
    /// Why the certificate of this handshake was rejected. The error of rustls has no room for it that leaves the
    /// alert to the peer alone.
    static REJECTION: RefCell<Option<TlsFault>>;
}

/// Shakes hands, and tells why the certificate was rejected if it was.
pub(super) async fn explained<F: Future>(handshake: F) -> (F::Output, Option<TlsFault>) {
    let explained = async {
        let outcome = handshake.await;
        (outcome, REJECTION.with(RefCell::take))
    };
    REJECTION.scope(RefCell::new(None), explained).await
}

fn reject(error: Error, fault: TlsFault) -> Error {
    // Outside of a handshake nobody asks.
    let _ = REJECTION.try_with(|rejection| rejection.replace(Some(fault)));
    error
}

/// What makes a server certificate good.
#[derive(Debug)]
enum Trust {
    Authorities(Box<Authorities>),
    /// The certificate or its key is one of these; that the peer holds the key is still verified.
    Pins(Vec<TlsPin>),
    /// Nothing: every certificate is good.
    Anybody,
}

/// Lists of revoked certificates, and the file that they are from.
pub(super) type Crl<'a> = (&'a Path, Vec<CertificateRevocationListDer<'static>>);

/// How strict to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checks {
    /// Any name will do.
    pub(super) any_name: bool,
    /// What OpenSSL accepts besides: names in the common name, version 1, a CA as server.
    pub(super) legacy: bool,
}

/// Verifiers that all have to agree. None where nobody may sign for others.
type Chain = Vec<Arc<WebPkiServerVerifier>>;

fn chain_to(
    roots: RootCertStore,
    crls: Option<&[CertificateRevocationListDer<'static>]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Chain, VerifierBuilderError> {
    let roots = Arc::new(roots);
    let builder = || WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
    let builders = match crls {
        _ if roots.is_empty() => vec![],
        None => vec![builder()],
        // Every list is obeyed that says something about a certificate of the chain, and one has to be by the CA
        // that signed the server's.
        Some(crls) => {
            let builder = || builder().with_crls(crls.to_vec()).enforce_revocation_expiration();
            let chain = builder().allow_unknown_revocation_status();
            vec![chain, builder().only_check_end_entity_revocation()]
        }
    };
    builders.into_iter().map(ServerCertVerifierBuilder::build).collect()
}

/// A chain to an authority or the very certificate that was given; a current date and the right name.
#[derive(Debug)]
struct Authorities {
    anchors: Anchors,
    /// For all anchors.
    chain: Chain,
    /// Revocation is checked too, by these.
    crls: Option<Vec<CertificateRevocationListDer<'static>>>,
    provider: Arc<CryptoProvider>,
    checks: Checks,
}

impl Authorities {
    fn new(
        anchors: Anchors,
        crl: Option<Crl<'_>>,
        checks: Checks,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, SetupError> {
        let (path, crls) = crl.unzip();
        if anchors.authorities.is_empty() && crls.is_some() {
            return Err(SetupError::Combination(
                "--crl needs the certificate of the CA in --cafile or --capath",
            ));
        }
        let chain = chain_to(anchors.authorities.clone(), crls.as_deref(), provider);
        let chain = chain.map_err(|error| match (error, path) {
            (VerifierBuilderError::InvalidCrl(error), Some(path)) => {
                SetupError::Crl { path: path.to_owned(), reason: crl_reason(&error) }
            }
            (error, _) => SetupError::Tls(error.to_string()),
        })?;
        Ok(Self { anchors, chain, crls, provider: Arc::clone(provider), checks })
    }

    /// The chain to those authorities that are valid now. Clocks are set while a client runs, and certificates expire.
    fn chain_at(&self, now: UnixTime) -> Result<Cow<'_, Chain>, Error> {
        if self.anchors.current(now).count() == self.anchors.origins.len() {
            return Ok(Cow::Borrowed(&self.chain));
        }
        let roots = self.anchors.current(now).cloned().collect();
        chain_to(RootCertStore { roots }, self.crls.as_deref(), &self.provider)
            .map(Cow::Owned)
            .map_err(|error| Error::General(error.to_string()))
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Err(error) = self.by_chain(end_entity, intermediates, server_name, now) else { return Ok(()) };
        if is_wrong_name(&error) {
            let by_common_name = || {
                Certificate::read(end_entity).is_some_and(|own| self.is_for(&own, server_name, intermediates))
            };
            return if self.checks.any_name || by_common_name() { Ok(()) } else { Err(error) };
        }
        if is_about_revocation(&error) {
            return Err(error);
        }
        let Some(own) = Certificate::read(end_entity) else { return Err(error) };
        let trusted = self.anchors.given.contains(end_entity.as_ref());
        if !trusted {
            // Revocation is webpki's to check, and it does not read these.
            if !self.checks.legacy
                || self.crls.is_some()
                || !(own.version < 3 || is_authority_as_server(&error))
            {
                return Err(error);
            }
            self.verify_signature(&own, now)?;
            if !own.is_for_servers() {
                return Err(CertificateError::InvalidPurpose.into());
            }
        }
        is_current(Some(own.validity().ok_or(CertificateError::BadEncoding)?), now)?;
        if self.checks.any_name || self.is_for(&own, server_name, intermediates) {
            return Ok(());
        }
        match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => verify_server_name(&parsed, server_name),
            // It was not its age that spoke against it.
            Err(_) if self.checks.legacy => {
                let expected = server_name.to_owned();
                Err(CertificateError::NotValidForNameContext { expected, presented: Vec::new() }.into())
            }
            Err(_) => Err(error),
        }
    }

    /// By webpki. An error about the name comes last: everything else is in order then.
    fn by_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let chain = self.chain_at(now)?;
        if chain.is_empty() {
            ParsedCertificate::try_from(end_entity)?;
            return Err(CertificateError::UnknownIssuer.into());
        }
        let mut outcome = Ok(());
        for verifier in chain.iter() {
            match verifier.verify_server_cert(end_entity, intermediates, server_name, &[], now) {
                Err(error) if !is_wrong_name(&error) => return Err(error),
                result => outcome = result.map(|_| ()),
            }
        }
        outcome
    }

    /// Whether the certificate is for the host as OpenSSL sees it, if that counts.
    fn is_for(
        &self,
        own: &Certificate<'_>,
        server_name: &ServerName<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> bool {
        // webpki holds the common name against no constraint.
        self.checks.legacy && !self.is_constrained(own, intermediates) && own.is_for(&server_name.to_str())
    }

    /// Whether an authority that may have signed it is restricted to some names.
    fn is_constrained(&self, own: &Certificate<'_>, intermediates: &[CertificateDer<'_>]) -> bool {
        let read = |der| Certificate::read(der);
        let issuers: Vec<&[u8]> = intermediates
            .iter()
            .filter_map(read)
            .map(|intermediate| intermediate.issuer)
            .chain([own.issuer])
            .collect();
        let mut authorities = self.anchors.authorities.roots.iter();
        intermediates.iter().any(|der| read(der).is_none_or(|found| found.has_name_constraints()))
            || authorities.any(|authority| {
                authority.name_constraints.is_some() && issuers.contains(&authority.subject.as_ref())
            })
    }

    /// Verifies that an authority itself has signed the certificate.
    fn verify_signature(&self, own: &Certificate<'_>, now: UnixTime) -> Result<(), Error> {
        let mut error = CertificateError::UnknownIssuer;
        for authority in self.anchors.current(now) {
            let Some((key_algorithm, key)) = der::public_key(&authority.subject_public_key_info) else {
                continue;
            };
            // Constraints on names are webpki's to check.
            if authority.subject.as_ref() != own.issuer || authority.name_constraints.is_some() {
                continue;
            }
            let signed = self.provider.signature_verification_algorithms.all.iter().any(|algorithm| {
                algorithm.signature_alg_id().as_ref() == own.signature_algorithm
                    && algorithm.public_key_alg_id().as_ref() == key_algorithm
                    && algorithm.verify_signature(key, own.to_be_signed, own.signature).is_ok()
            });
            if signed {
                return Ok(());
            }
            error = CertificateError::BadSignature;
        }
        Err(error.into())
    }

    /// The sentence for a rejection.
    fn explain(
        &self,
        error: &Error,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
    ) -> TlsFault {
        let pin = TlsPin::of(end_entity);
        let own = Certificate::read(end_entity);
        let (subject, issuer) = own.as_ref().map(|own| (own.subject(), own.issuer())).unwrap_or_default();
        let error = match error {
            Error::InvalidCertificate(error) => error,
            Error::InvalidCertRevocationList(error) => {
                return TlsFault::UnusableCrl { issuer, reason: crl_reason(error) };
            }
            error => return TlsFault::Other(words(error)),
        };
        match error {
            CertificateError::NotValidForNameContext { expected, .. } => {
                let names = own.as_ref().map(Certificate::names).unwrap_or_default();
                let expected = expected.to_str().into_owned();
                if matches!(server_name, ServerName::IpAddress(_)) && names.contains(&expected) {
                    return TlsFault::DnsForAddress { address: expected, pin };
                }
                let common = own.as_ref().filter(|own| self.checks.legacy && own.common_name_counts());
                let common = common.and_then(Certificate::common_name);
                let presented: Vec<String> = names.into_iter().chain(common).collect();
                if presented.is_empty() {
                    return TlsFault::NoSubjectAltName { pin };
                }
                return TlsFault::WrongName { expected, presented, pin };
            }
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                if let Some(fault) = own.as_ref().and_then(|own| self.unusable_signer(own, intermediates)) {
                    return fault;
                }
            }
            CertificateError::UnknownIssuer
                if own.as_ref().is_some_and(|own| self.anchors.others.contains(own.issuer)) =>
            {
                return TlsFault::NotAnAuthority { issuer, pin };
            }
            // That it is of an old kind matters once somebody trusts it.
            CertificateError::Other(_)
                if own.as_ref().is_some_and(|own| own.issuer == own.subject)
                    && !self.anchors.given.contains(end_entity.as_ref()) =>
            {
                return TlsFault::UnknownIssuer { subject, issuer, pin };
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
                return TlsFault::UnsupportedSignature { what: signature_name(signature_algorithm_id) };
            }
            _ => {}
        }
        TlsFault::of_certificate(error.clone(), subject, issuer, pin)
    }

    /// The error, for its alert, and the sentence where an authority would vouch for the certificate at another time.
    fn outdated(
        &self,
        error: &Error,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<(Error, TlsFault)> {
        if !matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer)) {
            return None;
        }
        let chain = [end_entity].into_iter().chain(intermediates);
        let issuers: Vec<&[u8]> = chain.filter_map(Certificate::read).map(|signed| signed.issuer).collect();
        self.anchors.with_origins().find_map(|(authority, origin)| {
            let error = is_current(origin.validity, now).err()?;
            let subject = issuers.contains(&authority.subject.as_ref()).then_some(&authority.subject)?;
            let fault =
                TlsFault::of_outdated_issuer(&error, certificate::name(subject), origin.path.clone())?;
            Some((error.into(), fault))
        })
    }

    /// A signer of the chain whose key is of a kind that cannot be used.
    fn unusable_signer(
        &self,
        own: &Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Option<TlsFault> {
        let chain: Vec<Certificate<'_>> = intermediates.iter().filter_map(Certificate::read).collect();
        let fault = |subject: &[u8], what| TlsFault::UnsupportedKey {
            whose: format!("the CA {:?}", certificate::name(subject)),
            what,
        };
        let sent = chain.iter().find_map(|signer| {
            unusable_key(signer.key_algorithm, signer.key).map(|what| fault(signer.subject, what))
        });
        sent.or_else(|| {
            self.anchors.authorities.roots.iter().find_map(|authority| {
                let subject = authority.subject.as_ref();
                let signs = own.issuer == subject || chain.iter().any(|signed| signed.issuer == subject);
                let (algorithm, key) = der::public_key(&authority.subject_public_key_info)?;
                unusable_key(algorithm, key).filter(|_| signs).map(|what| fault(subject, what))
            })
        })
    }
}

fn is_wrong_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

fn is_about_revocation(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertRevocationList(_)
            | Error::InvalidCertificate(
                CertificateError::Revoked
                    | CertificateError::UnknownRevocationStatus
                    | CertificateError::ExpiredRevocationList
                    | CertificateError::ExpiredRevocationListContext { .. }
            )
    )
}

/// rustls passes this one on as webpki names it.
fn is_authority_as_server(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == "CaUsedAsEndEntity"
    )
}

/// Why a list of revoked certificates is useless.
fn crl_reason(error: &CertRevocationListError) -> String {
    match error {
        CertRevocationListError::BadSignature => "its signature is not by that CA".to_owned(),
        CertRevocationListError::IssuerInvalidForCrl => {
            "that CA may not sign it (keyUsage lacks cRLSign)".to_owned()
        }
        CertRevocationListError::UnsupportedCrlVersion => {
            "it is of version 1; RFC 5280 demands version 2, with a cRLNumber".to_owned()
        }
        CertRevocationListError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            format!("it is signed with {}", signature_name(signature_algorithm_id))
        }
        error => words(error),
    }
}

/// Verifies the certificate of a server and explains a rejection.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn authorities(
        anchors: Anchors,
        crl: Option<Crl<'_>>,
        checks: Checks,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, SetupError> {
        let authorities = Authorities::new(anchors, crl, checks, provider)?;
        Ok(Self::new(Trust::Authorities(Box::new(authorities)), provider))
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
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anybody => {}
            Trust::Pins(pins) => {
                let certificate = TlsPin::of(end_entity);
                let key = Certificate::read(end_entity).map(|parts| TlsPin::of(parts.public_key_info));
                if !pins.iter().any(|pin| *pin == certificate || Some(*pin) == key) {
                    let fault = TlsFault::PinMismatch { certificate };
                    return Err(reject(
                        CertificateError::Other(OtherError(Arc::new(fault.clone()))).into(),
                        fault,
                    ));
                }
            }
            Trust::Authorities(authorities) => {
                authorities.verify(end_entity, intermediates, server_name, now).map_err(|error| {
                    let outdated = authorities.outdated(&error, end_entity, intermediates, now);
                    let (error, fault) = outdated.unwrap_or_else(|| {
                        let fault = authorities.explain(&error, end_entity, intermediates, server_name);
                        (error, fault)
                    });
                    reject(error, fault)
                })?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Authorities { .. } | Trust::Pins(_) => self.verify_with_key(message, cert, dss),
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
            Trust::Authorities { .. } | Trust::Pins(_) => {
                // By the bare key, as the certificate may be of a version that rustls does not read.
                let parts = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
                let key = SubjectPublicKeyInfoDer::from(parts.public_key_info);
                verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
                    .map_err(|error| bad_signature(error, &parts))
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
            Err(bad_signature(CertificateError::BadSignature.into(), &parts))
        }
    }
}

/// The peer's signature in the handshake is not one by the key of its certificate, or by one that cannot be used.
fn bad_signature(error: Error, parts: &Certificate<'_>) -> Error {
    let fault = match unusable_key(parts.key_algorithm, parts.key) {
        Some(what) => TlsFault::UnsupportedKey { whose: "the server certificate".to_owned(), what },
        None => TlsFault::KeyNotHeld,
    };
    reject(error, fault)
}

#[cfg(test)]
mod tests;
