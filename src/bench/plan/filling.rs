//! Fills the places of topic, payload and client identifier templates in.

use bytes::{BufMut, BytesMut};

use crate::cli::bench::{PayloadPiece, PayloadTemplate};
use mqt_process::random::Random;

/// What the places of a template are filled with.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{i}`
    pub index: u32,
    /// `{seq}`
    pub sequence: u64,
    /// `{client}`
    pub client: &'a str,
    /// `{now}`, in nanoseconds since 1970.
    pub now: u64,
    /// `{run}`
    pub run: u64,
}

/// Appends a template with its places filled in.
pub fn fill(template: &PayloadTemplate, values: Values<'_>, random: &mut Random, out: &mut BytesMut) {
    for piece in template.pieces() {
        match piece {
            PayloadPiece::Text(text) => out.put_slice(text.as_bytes()),
            PayloadPiece::Index => put_decimal(u64::from(values.index), out),
            PayloadPiece::Sequence => put_decimal(values.sequence, out),
            PayloadPiece::Client => out.put_slice(values.client.as_bytes()),
            PayloadPiece::Random(digits) => {
                let mut left = usize::from(digits.get());
                while left > 0 {
                    let taken = left.min(16);
                    put_hex(random.bits(), taken, out);
                    left -= taken;
                }
            }
            PayloadPiece::Now => put_decimal(values.now / 1_000_000, out),
            PayloadPiece::Run => put_hex(values.run, 16, out),
        }
    }
}

/// A template with its places filled in, as text.
#[must_use]
pub fn filled(template: &PayloadTemplate, values: Values<'_>, random: &mut Random) -> String {
    let mut out = BytesMut::new();
    fill(template, values, random, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn put_decimal(mut number: u64, out: &mut BytesMut) {
    let mut digits = [0_u8; 20];
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        length += 1;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Appends the lowest hexadecimal digits of a number, at most 16.
fn put_hex(number: u64, digits: usize, out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for place in (0..digits.min(16)).rev() {
        let digit = usize::try_from(number >> (4 * place) & 15).unwrap_or(0);
        out.put_u8(DIGITS.get(digit).copied().unwrap_or(b'0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> String {
        let values =
            Values { index: 3, sequence: u64::MAX, client: "c-3", now: 1_700_000_000_123_456_789, run: 0xab };
        filled(&text.parse().unwrap(), values, &mut Random::new(1))
    }

    #[test]
    fn places_are_filled_in() {
        assert_eq!(fill("a/{i}/{client}/x"), "a/3/c-3/x");
        assert_eq!(fill("{seq}|{now}|{run}"), "18446744073709551615|1700000000123|00000000000000ab");
        let text = fill("{rand:19}");
        assert_eq!(text.len(), 19);
        assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(fill("{rand:3}{rand:3}"), fill("{rand:3}").repeat(2));
        assert_eq!(fill("{\"n\":{i}}"), "{\"n\":3}");
    }
}
