//! Certificates to trust, and when.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::{TrustAnchor, UnixTime};
use rustls::{CertificateError, RootCertStore};

/// Certificates to trust.
#[derive(Debug)]
pub(super) struct Anchors {
    /// Those that may sign others.
    pub(super) authorities: RootCertStore,
    /// Of each authority, in the same order.
    pub(super) origins: Vec<AnchorOrigin>,
    /// All that were given, in full: each is trusted as the server's own.
    pub(super) given: HashSet<Vec<u8>>,
    /// The subjects of those that were given and may not sign others.
    pub(super) others: HashSet<Vec<u8>>,
}

/// What webpki does not keep of an authority.
#[derive(Debug)]
pub(super) struct AnchorOrigin {
    /// From when to when it is valid, in seconds since 1970; `None` where that cannot be read.
    pub(super) validity: Option<(u64, u64)>,
    /// The file that it is from; `None`: the system's store.
    pub(super) path: Option<PathBuf>,
}

impl Anchors {
    /// Each authority, with what webpki does not keep of it.
    pub(super) fn with_origins(&self) -> impl Iterator<Item = (&TrustAnchor<'static>, &AnchorOrigin)> {
        self.authorities.roots.iter().zip(&self.origins)
    }

    /// Those that vouch for others at this time. webpki does not look at the dates of an authority; OpenSSL does.
    pub(super) fn current(&self, now: UnixTime) -> impl Iterator<Item = &TrustAnchor<'static>> {
        self.with_origins()
            .filter(move |(_, origin)| is_current(origin.validity, now).is_ok())
            .map(|(authority, _)| authority)
    }
}

/// Holds the dates of a certificate, if it has any that can be read, against the clock.
pub(super) fn is_current(validity: Option<(u64, u64)>, now: UnixTime) -> Result<(), CertificateError> {
    let since = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    match validity {
        Some((not_before, _)) if now.as_secs() < not_before => {
            Err(CertificateError::NotValidYetContext { time: now, not_before: since(not_before) })
        }
        Some((_, not_after)) if now.as_secs() > not_after => {
            Err(CertificateError::ExpiredContext { time: now, not_after: since(not_after) })
        }
        _ => Ok(()),
    }
}
