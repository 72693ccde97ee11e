use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::super::pem::Roots;
use super::*;

/// Noon of a day in the middle of a year, roughly.
fn middle_of(year: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_556_952 + 15_778_476))
}

/// A verifier that trusts a CA of the years 2020 to 2029, and a certificate of the years 2000 to 2999 by it.
fn trusting_a_dated_authority(folder: &Path) -> (Verifier, CertificateDer<'static>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["broker".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(3000, 1, 1);
    let own = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
    let path = folder.join("ca.crt");
    std::fs::write(&path, authority.pem()).unwrap();
    let mut roots = Roots::new();
    roots.add_file(&path).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let checks = Checks { any_name: false, legacy: false };
    (Verifier::authorities(roots.into_anchors(), None, checks, &provider).unwrap(), own.der().clone())
}

/// Clocks are set, and certificates expire, while a client runs.
#[tokio::test]
async fn the_dates_of_an_authority_count_at_each_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let (verifier, own) = trusting_a_dated_authority(folder.path());
    let name = ServerName::try_from("broker").unwrap();
    for (year, why) in [
        (2010, Some("is not valid before 2020-01-01")),
        (2025, None),
        (2040, Some("expired 2030-01-01")),
        (2025, None),
    ] {
        let handshake = async { verifier.verify_server_cert(&own, &[], &name, &[], middle_of(year)) };
        let (outcome, fault) = explained(handshake).await;
        assert_eq!(outcome.is_ok(), why.is_none(), "{year}: {outcome:?}");
        assert_eq!(fault.is_some(), why.is_some(), "{year}");
        let text = fault.map(|fault| fault.to_string()).unwrap_or_default();
        assert!(text.contains(why.unwrap_or_default()), "{year}: {text}");
    }
}
