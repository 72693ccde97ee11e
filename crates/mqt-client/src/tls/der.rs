//! The bits of DER (X.690) that certificates and keys need.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The tag `[number] EXPLICIT`.
pub(super) const fn explicit(number: u8) -> u8 {
    0xA0 | number
}

/// The tag `[number] IMPLICIT` of a primitive type.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// An element and what follows it.
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// The element at the front (X.690, sections 8.1 and 10.1); lengths up to 65535.
pub(super) fn element(input: &[u8]) -> Option<Element<'_>> {
    let (&tag, after) = input.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, after) = match (first, after) {
        (0..=0x7F, _) => (usize::from(first), after),
        (0x81, [length, after @ ..]) if *length >= 0x80 => (usize::from(*length), after),
        (0x82, [high, low, after @ ..]) if *high > 0 => {
            (usize::from(u16::from_be_bytes([*high, *low])), after)
        }
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(length)?;
    let whole = input.get(..input.len() - rest.len())?;
    Some(Element { tag, content, whole, rest })
}

/// The content of the element at the front, which has this tag, and what follows it.
pub(super) fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(input).filter(|element| element.tag == tag).map(|element| (element.content, element.rest))
}

/// The content of the one element that there is, which has this tag.
pub(super) fn only(input: &[u8], tag: u8) -> Option<&[u8]> {
    expect(input, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// The bytes of a BIT STRING that has no unused bits.
pub(super) fn whole_bytes(content: &[u8]) -> Option<&[u8]> {
    match content.split_first()? {
        (0, bytes) => Some(bytes),
        _ => None,
    }
}

/// The contents of a SubjectPublicKeyInfo: those of its AlgorithmIdentifier, and the key.
pub(super) fn public_key(info: &[u8]) -> Option<(&[u8], &[u8])> {
    let (algorithm, rest) = expect(info, SEQUENCE)?;
    Some((algorithm, whole_bytes(only(rest, BIT_STRING)?)?))
}

/// An INTEGER that is not negative and fits.
pub(super) fn number(content: &[u8]) -> Option<u32> {
    match content {
        [] => None,
        [first, ..] if *first >= 0x80 => None,
        bytes => bytes.iter().try_fold(0_u32, |sum, byte| {
            sum.checked_mul(256).and_then(|sum| sum.checked_add(u32::from(*byte)))
        }),
    }
}

/// UTCTime or GeneralizedTime in the forms of RFC 5280 (section 4.1.2.5), in seconds since 1970; 0 for what is before.
pub(super) fn time(element: &Element<'_>) -> Option<u64> {
    let digits = element.content.strip_suffix(b"Z")?;
    let two = |at: usize| match digits.get(at..at.checked_add(2)?)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok(),
        _ => None,
    };
    let (year, at) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = i16::from(two(0)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        (GENERALIZED_TIME, 14) => (i16::from(two(0)?) * 100 + i16::from(two(2)?), 4),
        _ => return None,
    };
    let time =
        DateTime::new(year, two(at)?, two(at + 2)?, two(at + 4)?, two(at + 6)?, two(at + 8)?, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(time).ok()?.as_second();
    Some(u64::try_from(seconds).unwrap_or(0))
}

/// An OBJECT IDENTIFIER in numbers with dots.
pub(super) fn dotted(content: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in content {
        arc = arc.checked_shl(7).unwrap_or(0) | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_bounded_and_of_one_form() {
        for wrong in [
            &[][..],
            &[0x30],
            &[0x30, 2, 0],
            &[0x30, 0x80],
            &[0x30, 0x83, 0, 0, 0],
            // Longer than need be: not DER.
            &[0x30, 0x81, 1, 7],
            &[0x30, 0x82, 0, 1, 7],
        ] {
            assert!(element(wrong).is_none(), "{wrong:?}");
        }
        let found = element(&[0x30, 1, 7, 9]).unwrap();
        assert_eq!((found.content, found.whole, found.rest), (&[7][..], &[0x30, 1, 7][..], &[9][..]));
        let long = [&[0x04, 0x81, 0x80][..], &[5; 0x80]].concat();
        assert_eq!(only(&long, OCTET_STRING).unwrap().len(), 0x80);
        assert!(only(&[0x04, 0, 0], OCTET_STRING).is_none());
        assert_eq!(whole_bytes(&[1, 2]), None);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let read = |tag, text: &str| time(&Element { tag, content: text.as_bytes(), whole: &[], rest: &[] });
        assert_eq!(read(UTC_TIME, "700101000001Z"), Some(1));
        assert_eq!(read(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(read(UTC_TIME, "500101000000Z"), Some(0));
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for (tag, text) in [
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "700101000001"),
            (UTC_TIME, "701301000001Z"),
            (UTC_TIME, "70010100000xZ"),
            (GENERALIZED_TIME, "700101000001Z"),
            (INTEGER, "700101000001Z"),
        ] {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }

    #[test]
    fn numbers_and_identifiers_are_read() {
        assert_eq!(number(&[8, 0]), Some(2048));
        assert_eq!(number(&[0, 0xFF, 0xFF, 0xFF, 0xFF]), Some(u32::MAX));
        assert_eq!((number(&[0x80]), number(&[]), number(&[1, 0, 0, 0, 0])), (None, None, None));
        assert_eq!(dotted(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 1]), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(dotted(&[]), "");
        assert!(!dotted(&[0xFF; 30]).contains('.'));
    }
}
