//! X.509 certificates (RFC 5280, section 4.1), read as far as webpki does not: those of version 1, names in the
//! common name, kinds of keys that nobody here can use. Strict about DER; every signature is verified elsewhere.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;

use super::der::{self, Element, expect};

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 15];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 30];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 37];
const SERVER_AUTHENTICATION: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 1];

/// The parts of a certificate, as slices of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// 1, 2 or 3.
    pub(super) version: u8,
    /// What the signature is for.
    pub(super) to_be_signed: &'a [u8],
    /// The contents of the AlgorithmIdentifier of the signature.
    pub(super) signature_algorithm: &'a [u8],
    /// The signature itself.
    pub(super) signature: &'a [u8],
    /// The contents of the Name of the issuer.
    pub(super) issuer: &'a [u8],
    /// The contents of the Name of the subject.
    pub(super) subject: &'a [u8],
    validity: &'a [u8],
    /// SubjectPublicKeyInfo, with its tag and length.
    pub(super) public_key_info: &'a [u8],
    /// The contents of the AlgorithmIdentifier of the public key.
    pub(super) key_algorithm: &'a [u8],
    /// The public key itself.
    pub(super) key: &'a [u8],
    /// The contents of Extensions; empty if there are none.
    extensions: &'a [u8],
}

/// A name in a certificate.
#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    Dns(&'a [u8]),
    Address(&'a [u8]),
}

impl<'a> Certificate<'a> {
    /// `None`: this is not a certificate. The signature is not looked at.
    pub(super) fn read(der: &'a CertificateDer<'_>) -> Option<Self> {
        let certificate = der::only(der, der::SEQUENCE)?;
        let to_be_signed = der::element(certificate).filter(|element| element.tag == der::SEQUENCE)?;
        let (signature_algorithm, rest) = expect(to_be_signed.rest, der::SEQUENCE)?;
        let signature = der::whole_bytes(der::only(rest, der::BIT_STRING)?)?;

        let mut fields = to_be_signed.content;
        let mut version = 1;
        if let Some((explicit, rest)) = expect(fields, der::explicit(0)) {
            version = match der::only(explicit, der::INTEGER)? {
                [1] => 2,
                [2] => 3,
                _ => return None,
            };
            fields = rest;
        }
        let (_, rest) = expect(fields, der::INTEGER)?;
        // It is in there twice, once where it is signed.
        let (same_algorithm, rest) = expect(rest, der::SEQUENCE)?;
        if same_algorithm != signature_algorithm {
            return None;
        }
        let (issuer, rest) = expect(rest, der::SEQUENCE)?;
        let (validity, rest) = expect(rest, der::SEQUENCE)?;
        let (subject, rest) = expect(rest, der::SEQUENCE)?;
        let public_key_info = der::element(rest).filter(|element| element.tag == der::SEQUENCE)?;
        let (key_algorithm, key) = der::public_key(public_key_info.content)?;
        let mut rest = public_key_info.rest;
        // Unique identifiers, which nobody uses.
        for tag in [1, 2].map(der::implicit) {
            rest = expect(rest, tag).map_or(rest, |(_, rest)| rest);
        }
        let extensions = match rest {
            [] => &[],
            rest if version == 3 => der::only(der::only(rest, der::explicit(3))?, der::SEQUENCE)?,
            _ => return None,
        };
        Some(Self {
            version,
            to_be_signed: to_be_signed.whole,
            signature_algorithm,
            signature,
            issuer,
            subject,
            validity,
            public_key_info: public_key_info.whole,
            key_algorithm,
            key,
            extensions,
        })
    }

    /// The issuer as text, such as `CN=My CA, O=Home`. Raw: escape it before a terminal sees it.
    pub(super) fn issuer(&self) -> String {
        name(self.issuer)
    }

    /// The subject, like [`Self::issuer`].
    pub(super) fn subject(&self) -> String {
        name(self.subject)
    }

    /// From when to when it is valid, in seconds since 1970.
    pub(super) fn validity(&self) -> Option<(u64, u64)> {
        let not_before = der::element(self.validity)?;
        let not_after = der::element(not_before.rest).filter(|element| element.rest.is_empty())?;
        Some((der::time(&not_before)?, der::time(&not_after)?))
    }

    /// The value of an extension.
    fn extension(&self, identifier: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.extensions;
        while let Some((extension, after)) = expect(rest, der::SEQUENCE) {
            let (id, value) = expect(extension, der::OBJECT_IDENTIFIER)?;
            let value = expect(value, der::BOOLEAN).map_or(value, |(_critical, value)| value);
            if id == identifier {
                return der::only(value, der::OCTET_STRING);
            }
            rest = after;
        }
        None
    }

    /// Whether it may sign other certificates, as OpenSSL sees it: it says so, or it is a root from before there was
    /// a way to say so.
    pub(super) fn is_authority(&self) -> bool {
        if self.version < 3 {
            return self.issuer == self.subject;
        }
        match (self.extension(BASIC_CONSTRAINTS), self.extension(KEY_USAGE)) {
            (Some(constraints), _) => der::only(constraints, der::SEQUENCE)
                .and_then(|constraints| expect(constraints, der::BOOLEAN))
                .is_some_and(|(authority, _)| authority == [0xFF]),
            // Bit 5 is keyCertSign.
            (None, Some(usage)) => der::only(usage, der::BIT_STRING)
                .is_some_and(|bits| bits.get(1).is_some_and(|first| first & 0x04 != 0)),
            (None, None) => false,
        }
    }

    /// Whether it restricts the names of what it signs.
    pub(super) fn has_name_constraints(&self) -> bool {
        self.extension(NAME_CONSTRAINTS).is_some()
    }

    /// DNS names and addresses of the subjectAltName.
    fn alternative_names(&self) -> Vec<Name<'a>> {
        let names =
            self.extension(SUBJECT_ALTERNATIVE_NAME).and_then(|names| der::only(names, der::SEQUENCE));
        let mut rest = names.unwrap_or_default();
        let mut found = Vec::new();
        while let Some(Element { tag, content, rest: after, .. }) = der::element(rest) {
            match tag {
                0x82 => found.push(Name::Dns(content)),
                0x87 => found.push(Name::Address(content)),
                _ => {}
            }
            rest = after;
        }
        found
    }

    /// Whether it is for this host as OpenSSL and mosquitto see it: by an alternative name, where a DNS name may also
    /// be an address in words; by the first common name where no alternative DNS name is.
    pub(super) fn is_for(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        let names = self.alternative_names();
        let same_address = |bytes: &[u8]| match address {
            Some(IpAddr::V4(address)) => bytes == address.octets(),
            Some(IpAddr::V6(address)) => bytes == address.octets(),
            None => false,
        };
        names.iter().any(|name| match name {
            Name::Dns(pattern) => matches_host(pattern, host),
            Name::Address(bytes) => same_address(bytes),
        }) || self.common_name_counts()
            && common_name(self.subject).is_some_and(|pattern| matches_host(pattern, host))
    }

    /// Whether the common name is asked: no alternative DNS name is there.
    pub(super) fn common_name_counts(&self) -> bool {
        !self.alternative_names().iter().any(|name| matches!(name, Name::Dns(_)))
    }

    /// Whether a server may use it, by its extendedKeyUsage if it has one.
    pub(super) fn is_for_servers(&self) -> bool {
        let Some(purposes) = self.extension(EXTENDED_KEY_USAGE) else { return true };
        let mut rest = der::only(purposes, der::SEQUENCE).unwrap_or_default();
        while let Some((purpose, after)) = expect(rest, der::OBJECT_IDENTIFIER) {
            if purpose == SERVER_AUTHENTICATION {
                return true;
            }
            rest = after;
        }
        false
    }

    /// The alternative names as text. Raw, like [`Self::issuer`].
    pub(super) fn names(&self) -> Vec<String> {
        let text = |name: &Name<'_>| match name {
            Name::Dns(name) => String::from_utf8_lossy(name).into_owned(),
            Name::Address(bytes) => <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                .map_or_else(|_| "an address of a wrong length".to_owned(), |address| address.to_string()),
        };
        self.alternative_names().iter().map(text).collect()
    }

    /// The first common name. Raw, like [`Self::issuer`].
    pub(super) fn common_name(&self) -> Option<String> {
        common_name(self.subject).map(|name| String::from_utf8_lossy(name).into_owned())
    }
}

/// RFC 6125, 6.4.3: without regard to case; `*` alone is the first label of at least three.
fn matches_host(pattern: &[u8], host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    if host.is_empty() || !pattern.is_ascii() {
        return false;
    }
    match pattern.strip_prefix(b"*.") {
        Some(domain) => {
            let parent = host.iter().position(|byte| *byte == b'.').and_then(|dot| host.get(dot + 1..));
            domain.contains(&b'.')
                && !domain.contains(&b'*')
                && parent.is_some_and(|parent| parent.eq_ignore_ascii_case(domain))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// The first common name, in a form whose bytes are text.
fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let mut found = attributes(subject).into_iter().filter(|(identifier, _)| *identifier == COMMON_NAME);
    let (_, value) = found.next()?;
    // UTF8String, PrintableString, TeletexString, IA5String.
    matches!(value.tag, 0x0C | 0x13 | 0x14 | 0x16).then_some(value.content)
}

fn attributes(mut rest: &[u8]) -> Vec<(&[u8], Element<'_>)> {
    let mut found = Vec::new();
    while let Some((mut set, after)) = expect(rest, der::SET) {
        while let Some((attribute, next)) = expect(set, der::SEQUENCE) {
            if let Some((identifier, value)) = expect(attribute, der::OBJECT_IDENTIFIER)
                && let Some(value) = der::element(value)
            {
                found.push((identifier, value));
            }
            set = next;
        }
        rest = after;
    }
    found
}

/// A Name as text.
pub(super) fn name(name: &[u8]) -> String {
    let parts = attributes(name).into_iter().map(|(identifier, value)| {
        let key = match identifier {
            COMMON_NAME => "CN",
            [0x55, 4, 6] => "C",
            [0x55, 4, 7] => "L",
            [0x55, 4, 8] => "ST",
            [0x55, 4, 10] => "O",
            [0x55, 4, 11] => "OU",
            _ => "?",
        };
        format!("{key}={}", String::from_utf8_lossy(value.content))
    });
    // The most telling part is last in the certificate.
    let parts: Vec<String> = parts.rev().collect();
    if parts.is_empty() { "no name".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(params: &rcgen::CertificateParams) -> CertificateDer<'static> {
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn every_cut_of_a_certificate_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["h".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Broker");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Home");
        let der = params.self_signed(&key).unwrap().der().to_vec();
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&CertificateDer::from(&der[..end])), None);
        }
        let longer = [&der[..], &[0]].concat();
        assert_eq!(Certificate::read(&CertificateDer::from(longer)), None);
        let der = CertificateDer::from(der);
        let certificate = Certificate::read(&der).unwrap();
        assert_eq!((certificate.version, certificate.is_authority()), (3, false));
        assert_eq!(certificate.subject(), certificate.issuer());
        assert!(certificate.subject().contains("CN=Broker"), "{}", certificate.subject());
        assert!(certificate.subject().contains("O=Home"));
        assert_eq!(certificate.public_key_info, rcgen::PublicKeyData::subject_public_key_info(&key));
    }

    // Whatever a single damaged byte says, it is read or refused, without a panic.
    #[test]
    fn damaged_certificates_do_not_panic() {
        let mut params = rcgen::CertificateParams::new(vec!["h".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(1));
        let der = certificate(&params).to_vec();
        for at in 0..der.len() {
            for flip in [0x01, 0x02, 0x20, 0x80, 0xFF] {
                let mut damaged = der.clone();
                damaged[at] ^= flip;
                let damaged = CertificateDer::from(damaged);
                if let Some(read) = Certificate::read(&damaged) {
                    let _ = (read.is_for("h"), read.validity(), read.is_authority(), read.subject());
                }
            }
        }
    }

    #[test]
    fn names_are_compared_as_openssl_does() {
        let named = |common_name: &str, names: &[&str], host: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = rcgen::CertificateParams::new(names).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
            Certificate::read(&certificate(&params)).unwrap().is_for(host)
        };
        assert!(named("Localhost", &[], "localhost"));
        assert!(named("10.0.0.1", &[], "10.0.0.1"));
        assert!(named("*.example.org", &[], "a.example.org"));
        assert!(named("x", &["a.example", "10.0.0.1"], "10.0.0.1"));
        assert!(named("x", &["::1"], "::1"));
        assert!(named("a.example", &["10.0.0.1"], "a.example"), "an address is not a DNS name");
        for (common_name, names, host) in [
            ("a.example", &["b.example"][..], "a.example"),
            ("*.example", &[], "a.example"),
            ("*.example.org", &[], "a.b.example.org"),
            ("*.example.org", &[], "example.org"),
            ("*", &[], "a"),
            ("a*.example.org", &[], "ab.example.org"),
            ("", &[], "a"),
            ("localhost.example", &[], "localhost"),
            ("x", &["10.0.0.1"], "10.0.0.2"),
        ] {
            assert!(!named(common_name, names, host), "{common_name} {names:?} {host}");
        }
    }

    #[test]
    fn an_authority_says_that_it_is_one() {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
        for (is_ca, usages, expected) in [
            (IsCa::NoCa, vec![], false),
            (IsCa::ExplicitNoCa, vec![KeyUsagePurpose::KeyCertSign], false),
            (IsCa::NoCa, vec![KeyUsagePurpose::KeyCertSign], true),
            (IsCa::NoCa, vec![KeyUsagePurpose::DigitalSignature], false),
            (IsCa::Ca(BasicConstraints::Unconstrained), vec![], true),
        ] {
            let mut params = CertificateParams::default();
            params.is_ca = is_ca;
            params.key_usages.clone_from(&usages);
            let der = certificate(&params);
            assert_eq!(Certificate::read(&der).unwrap().is_authority(), expected, "{is_ca:?} {usages:?}");
        }
    }
}
