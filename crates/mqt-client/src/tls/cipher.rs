//! Cipher suites by name: as the standards write them, and as OpenSSL does.

use rustls::CipherSuite;
use rustls::crypto::CryptoProvider;

use crate::error::SetupError;

/// The suites that there are, by OpenSSL's names.
const OPENSSL: &[(&str, CipherSuite)] = &[
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

fn suite(name: &str) -> Option<CipherSuite> {
    OPENSSL.iter().find_map(|(openssl, suite)| {
        let standard = format!("{suite:?}");
        (name.eq_ignore_ascii_case(openssl) || name.eq_ignore_ascii_case(&standard)).then_some(*suite)
    })
}

/// Leaves only the suites with these names, in this order. Names of TLS 1.2 say nothing about TLS 1.3, and the other
/// way round: a version without a name in the list keeps all of its suites, as with OpenSSL.
pub(super) fn choose(names: &str, provider: &mut CryptoProvider) -> Result<(), SetupError> {
    let mut wanted = Vec::new();
    for name in names.split([':', ',', ' ']).filter(|name| !name.is_empty()) {
        wanted.push(suite(name).ok_or_else(|| SetupError::Cipher { name: name.to_owned(), known: known() })?);
    }
    if wanted.is_empty() {
        return Err(SetupError::Cipher { name: names.to_owned(), known: known() });
    }
    let offered = std::mem::take(&mut provider.cipher_suites);
    let is_tls13 = |suite: CipherSuite| format!("{suite:?}").starts_with("TLS13_");
    let named: Vec<_> = wanted
        .iter()
        .filter_map(|suite| offered.iter().find(|offered| offered.suite() == *suite))
        .copied()
        .collect();
    let unnamed = offered
        .iter()
        .filter(|suite| !wanted.iter().any(|wanted| is_tls13(*wanted) == is_tls13(suite.suite())))
        .copied();
    provider.cipher_suites = named.into_iter().chain(unnamed).collect();
    Ok(())
}

fn known() -> String {
    OPENSSL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &str) -> Result<Vec<CipherSuite>, String> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        choose(names, &mut provider).map_err(|error| error.to_string())?;
        Ok(provider.cipher_suites.iter().map(rustls::SupportedCipherSuite::suite).collect())
    }

    #[test]
    fn every_suite_of_the_library_has_a_name() {
        for offered in rustls::crypto::aws_lc_rs::default_provider().cipher_suites {
            assert!(OPENSSL.iter().any(|(_, suite)| *suite == offered.suite()), "{offered:?}");
        }
        assert_eq!(OPENSSL.len(), rustls::crypto::aws_lc_rs::default_provider().cipher_suites.len());
    }

    #[test]
    fn a_version_without_a_name_keeps_its_suites() {
        let got = chosen("ECDHE-RSA-AES256-GCM-SHA384:tls_ecdhe_rsa_with_aes_128_gcm_sha256").unwrap();
        assert_eq!(
            got[..2],
            [
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            ]
        );
        assert_eq!(got.len(), 2 + 3, "{got:?}");
        assert_eq!(chosen("TLS_AES_128_GCM_SHA256").unwrap().len(), 1 + 6);
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_are_known() {
        for names in ["HIGH:!aNULL", "", "DHE-RSA-AES256-SHA"] {
            let text = chosen(names).unwrap_err();
            assert!(text.contains("ECDHE-RSA-AES256-GCM-SHA384"), "{names}: {text}");
        }
    }
}
