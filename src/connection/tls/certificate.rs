//! The parts of an X.509 certificate that messages and pins need (RFC 5280, section 4.1). Nothing here
//! decides on trust.

use rustls::pki_types::CertificateDer;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const EXPLICIT_VERSION: u8 = 0xA0;

/// Slices of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    /// SubjectPublicKeyInfo, with its tag and length.
    pub(super) public_key_info: &'a [u8],
    /// The contents of the AlgorithmIdentifier of the public key.
    pub(super) key_algorithm: &'a [u8],
    /// The public key itself.
    pub(super) key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None`: this is not a certificate. The signature is not looked at.
    pub(super) fn read(der: &'a CertificateDer<'_>) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (mut fields, _) = expect(certificate, SEQUENCE)?;
        if let Some((_, rest)) = expect(fields, EXPLICIT_VERSION) {
            fields = rest;
        }
        // Serial number, signature algorithm.
        let rest = element(element(fields)?.rest)?.rest;
        let (issuer, rest) = expect(rest, SEQUENCE)?;
        let (_, rest) = expect(rest, SEQUENCE)?;
        let (subject, rest) = expect(rest, SEQUENCE)?;
        let public_key_info = element(rest).filter(|element| element.tag == SEQUENCE)?;
        let (key_algorithm, rest) = expect(public_key_info.content, SEQUENCE)?;
        let (bits, _) = expect(rest, BIT_STRING)?;
        let (&0, key) = bits.split_first()? else { return None };
        Some(Self { issuer, subject, public_key_info: public_key_info.whole, key_algorithm, key })
    }

    /// The issuer as text, such as `CN=My CA, O=Home`. Raw: escape it before a terminal sees it.
    pub(super) fn issuer(&self) -> String {
        name(self.issuer)
    }

    /// The subject, like [`Self::issuer`].
    pub(super) fn subject(&self) -> String {
        name(self.subject)
    }
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
    rest: &'a [u8],
}

/// The element at the front (X.690, section 8.1); lengths up to 65535.
fn element(input: &[u8]) -> Option<Element<'_>> {
    let (&tag, after) = input.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match (first, after) {
        (0..=0x7F, _) => (usize::from(first), after),
        (0x81, [length, after @ ..]) => (usize::from(*length), after),
        (0x82, [high, low, after @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), after),
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(length)?;
    let whole = input.get(..input.len() - rest.len())?;
    Some(Element { tag, content, whole, rest })
}

fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(input).filter(|element| element.tag == tag).map(|element| (element.content, element.rest))
}

fn name(mut rest: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((mut attributes, after)) = expect(rest, SET) {
        while let Some((attribute, next)) = expect(attributes, SEQUENCE) {
            if let Some((identifier, value)) = expect(attribute, OBJECT_IDENTIFIER)
                && let Some(value) = element(value)
            {
                let key = match identifier {
                    [0x55, 4, 3] => "CN",
                    [0x55, 4, 6] => "C",
                    [0x55, 4, 7] => "L",
                    [0x55, 4, 8] => "ST",
                    [0x55, 4, 10] => "O",
                    [0x55, 4, 11] => "OU",
                    _ => "?",
                };
                parts.push(format!("{key}={}", String::from_utf8_lossy(value.content)));
            }
            attributes = next;
        }
        rest = after;
    }
    // The most telling part stands last in the certificate.
    parts.reverse();
    if parts.is_empty() { "no name".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_bounded() {
        assert!(element(&[]).is_none());
        assert!(element(&[0x30]).is_none());
        assert!(element(&[0x30, 2, 0]).is_none());
        assert!(element(&[0x30, 0x80]).is_none());
        assert!(element(&[0x30, 0x83, 0, 0, 0]).is_none());
        let found = element(&[0x30, 0x81, 1, 7, 9]).unwrap();
        assert_eq!((found.content, found.whole, found.rest), (&[7][..], &[0x30, 0x81, 1, 7][..], &[9][..]));
    }

    #[test]
    fn every_cut_of_a_certificate_is_refused_or_read_without_panic() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["h".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Broker");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Home");
        let der = params.self_signed(&key).unwrap().der().to_vec();
        for end in 0..der.len() {
            assert_eq!(Certificate::read(&CertificateDer::from(&der[..end])), None);
        }
        let der = CertificateDer::from(der);
        let certificate = Certificate::read(&der).unwrap();
        assert_eq!(certificate.subject(), certificate.issuer());
        assert!(certificate.subject().contains("CN=Broker"), "{}", certificate.subject());
        assert!(certificate.subject().contains("O=Home"));
        assert_eq!(certificate.public_key_info, rcgen::PublicKeyData::subject_public_key_info(&key));
    }
}
