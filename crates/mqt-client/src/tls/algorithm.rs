//! The algorithms of keys and signatures by name, to say which of them cannot be used here.

use super::der::{self, expect};

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];

/// The kinds of keys that are known, EC aside.
const KEYS: &[(&[u8], &str)] = &[
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10], "an RSA-PSS key"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 1], "a DSA key"),
    (&[0x2B, 0x65, 0x71], "an Ed448 key"),
    (&[0x2A, 0x81, 0x1C, 0xCF, 0x55, 1, 0x82, 0x2D], "an SM2 key"),
];
/// Ed25519, ML-DSA-44, ML-DSA-65 and ML-DSA-87.
const USABLE: &[&[u8]] = &[
    &[0x2B, 0x65, 0x70],
    &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17],
    &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18],
    &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19],
];

/// The curves of EC keys that can be used, and others that are found.
const USABLE_CURVES: &[&[u8]] =
    &[&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7], &[0x2B, 0x81, 4, 0, 0x22], &[0x2B, 0x81, 4, 0, 0x23]];
const OTHER_CURVES: &[(&[u8], &str)] = &[
    (&[0x2B, 0x81, 4, 0, 0x0A], "secp256k1"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 1], "P-192"),
    (&[0x2B, 0x81, 4, 0, 0x21], "P-224"),
    (&[0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7], "brainpoolP256r1"),
    (&[0x2B, 0x24, 3, 3, 2, 8, 1, 1, 11], "brainpoolP384r1"),
    (&[0x2B, 0x24, 3, 3, 2, 8, 1, 1, 13], "brainpoolP512r1"),
];

const SIGNATURES: &[(&[u8], &str)] = &[
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4], "MD5 with RSA"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5], "SHA-1 with RSA"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10], "RSA-PSS of a kind that is rare"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 14], "SHA-224 with RSA"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1], "SHA-1 with ECDSA"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 1], "SHA-224 with ECDSA"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x38, 4, 3], "SHA-1 with DSA"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2], "SHA-256 with DSA"),
    (&[0x2B, 0x65, 0x71], "Ed448"),
];

/// RSA keys of this many bits are verified.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

fn named(table: &[(&[u8], &'static str)], identifier: &[u8]) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == identifier).map(|(_, name)| *name)
}

/// What kind of key this is, if it is one whose signatures cannot be verified here. `algorithm` holds the contents of
/// its AlgorithmIdentifier.
pub(super) fn unusable_key(algorithm: &[u8], key: &[u8]) -> Option<String> {
    let (identifier, parameters) = expect(algorithm, der::OBJECT_IDENTIFIER)?;
    match identifier {
        RSA => {
            let bits = rsa_bits(key)?;
            (!RSA_BITS.contains(&bits)).then(|| format!("an RSA key of {bits} bits"))
        }
        EC => match der::only(parameters, der::OBJECT_IDENTIFIER) {
            Some(curve) if USABLE_CURVES.contains(&curve) => None,
            Some(curve) => Some(match named(OTHER_CURVES, curve) {
                Some(name) => format!("an EC key on the curve {name}"),
                None => format!("an EC key on the curve {}", der::dotted(curve)),
            }),
            None => Some("an EC key on a curve without a name".to_owned()),
        },
        usable if USABLE.contains(&usable) => None,
        other => Some(
            named(KEYS, other)
                .map_or_else(|| format!("a key of the kind {}", der::dotted(other)), str::to_owned),
        ),
    }
}

fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (modulus, _) = expect(der::only(key, der::SEQUENCE)?, der::INTEGER)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let first = modulus.first()?;
    Some(modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0))
}

/// The name of a signature algorithm. `algorithm` holds the contents of its AlgorithmIdentifier.
pub(super) fn signature_name(algorithm: &[u8]) -> String {
    match expect(algorithm, der::OBJECT_IDENTIFIER) {
        Some((identifier, _)) => named(SIGNATURES, identifier)
            .map_or_else(|| format!("the algorithm {}", der::dotted(identifier)), str::to_owned),
        None => "an unknown algorithm".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(bytes: usize, first: u8) -> Vec<u8> {
        let length = |tag: u8, len: usize| {
            let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
            if high == 0 { vec![tag, 0x81, low] } else { vec![tag, 0x82, high, low] }
        };
        let modulus = [&[0, first][..], &vec![1; bytes - 1]].concat();
        let integers = [length(der::INTEGER, modulus.len()), modulus, vec![2, 1, 3]].concat();
        [length(der::SEQUENCE, integers.len()), integers].concat()
    }

    #[test]
    fn keys_that_cannot_be_used_are_named() {
        let algorithm = |identifier: &[u8], parameters: &[u8]| {
            let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
            let mut bytes = [&[der::OBJECT_IDENTIFIER, length(identifier)], identifier].concat();
            if !parameters.is_empty() {
                bytes.extend([&[der::OBJECT_IDENTIFIER, length(parameters)], parameters].concat());
            }
            bytes
        };
        let curve = |curve: &[u8]| unusable_key(&algorithm(EC, curve), &[4]);
        for usable in USABLE_CURVES {
            assert_eq!(curve(usable), None);
        }
        assert_eq!(curve(&[0x2B, 0x81, 4, 0, 0x0A]).unwrap(), "an EC key on the curve secp256k1");
        assert_eq!(curve(&[0x2B, 1]).unwrap(), "an EC key on the curve 1.3.1");
        assert_eq!(unusable_key(&algorithm(USABLE[0], &[]), &[]), None);
        assert_eq!(unusable_key(&algorithm(&[0x2B, 0x65, 0x71], &[]), &[]).unwrap(), "an Ed448 key");
        assert_eq!(unusable_key(&algorithm(&[0x2B, 2], &[]), &[]).unwrap(), "a key of the kind 1.3.2");
        let rsa_algorithm = algorithm(RSA, &[]);
        for (bytes, first, expected) in [
            (128, 0xFF, Some("an RSA key of 1024 bits")),
            (256, 0x7F, Some("an RSA key of 2047 bits")),
            (256, 0x80, None),
            (1024, 0x80, None),
            (1025, 1, Some("an RSA key of 8193 bits")),
        ] {
            assert_eq!(unusable_key(&rsa_algorithm, &rsa(bytes, first)).as_deref(), expected);
        }
    }

    #[test]
    fn signatures_have_names() {
        assert_eq!(
            signature_name(&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5, 5, 0]),
            "SHA-1 with RSA"
        );
        assert_eq!(signature_name(&[6, 1, 0x2B]), "the algorithm 1.3");
        assert_eq!(signature_name(&[]), "an unknown algorithm");
    }
}
