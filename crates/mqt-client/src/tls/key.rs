//! Private keys: reading them, opening those that are encrypted, and whether they fit a certificate.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::algorithm::unusable_key;
use super::certificate::Certificate;
use super::der::{self, expect};
use super::pem::{PemBlock, blocks_of, contents, read_chain, read_file};
use crate::error::SetupError;
use crate::transport::SetupWarning;
use mqt_process::file;
use mqt_proto::Secret;

/// Reads a certificate chain and its private key and checks that they belong together.
pub(super) fn read_identity(
    cert: &Path,
    key: &Path,
    password: Option<&Secret>,
    provider: &CryptoProvider,
    warnings: &mut Vec<SetupWarning>,
) -> Result<CertifiedKey, SetupError> {
    let chain = read_chain(cert)?;
    let identity = identity(cert, chain, key, &read_file(key)?, password, provider)?;
    if let Some(mode) = mode_open_to_all(key) {
        warnings.push(SetupWarning {
            keyword: "key-perms",
            text: format!("{} is mode {mode:04o}: everybody on this machine can read the key", key.display()),
        });
    }
    Ok(identity)
}

/// Joins a chain with the private key in these bytes. The paths are for errors.
pub(super) fn identity(
    cert: &Path,
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
    bytes: &[u8],
    password: Option<&Secret>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, SetupError> {
    let private = read_key(key, bytes, password)?;
    let unusable = unusable_private_key(&private);
    let signing_key = provider.key_provider.load_private_key(private).map_err(|error| {
        let reason = match (unusable, error) {
            (Some(what), _) => format!("it is {what}"),
            (None, rustls::Error::General(reason)) => reason,
            (None, error) => error.to_string(),
        };
        SetupError::Key { path: key.to_owned(), reason }
    })?;
    let own = chain.first().and_then(Certificate::read).map(|own| own.public_key_info);
    if signing_key.public_key().is_some_and(|public| Some(public.as_ref()) != own) {
        return Err(SetupError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() });
    }
    Ok(CertifiedKey::new(chain, signing_key))
}

fn read_key(
    path: &Path,
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, SetupError> {
    let blocks = blocks_of(path, bytes)?;
    for block in &blocks {
        if block.encrypted {
            let what = "the old encryption of PEM".to_owned();
            return Err(SetupError::KeyEncryption { path: path.to_owned(), what });
        }
        match block.label.as_str() {
            "ENCRYPTED PRIVATE KEY" => {
                let Some(password) = password else {
                    return Err(SetupError::EncryptedKey { path: path.to_owned() });
                };
                let path = path.to_owned();
                return match decrypt(&block.der, password.expose()) {
                    Ok(der) => Ok(PrivatePkcs8KeyDer::from(der).into()),
                    Err(NotOpened::Password) => Err(SetupError::KeyPassword { path }),
                    Err(NotOpened::Algorithm(what)) => Err(SetupError::KeyEncryption { path, what }),
                    Err(NotOpened::Damaged) => {
                        Err(SetupError::Key { path, reason: "it is damaged".to_owned() })
                    }
                };
            }
            label => {
                if let Some(key) = private_key(label, block.der.to_vec()) {
                    return Ok(key);
                }
            }
        }
    }
    Err(SetupError::NoKey { path: path.to_owned(), contents: contents(bytes, &blocks) })
}

fn private_key(label: &str, der: Vec<u8>) -> Option<PrivateKeyDer<'static>> {
    match label {
        "PRIVATE KEY" => Some(PrivatePkcs8KeyDer::from(der).into()),
        "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(der).into()),
        "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(der).into()),
        _ => None,
    }
}

/// The kind of a private key, if it is one that cannot be used.
fn unusable_private_key(key: &PrivateKeyDer<'_>) -> Option<String> {
    match key {
        PrivateKeyDer::Pkcs8(key) => {
            let (_version, rest) = expect(der::only(key.secret_pkcs8_der(), der::SEQUENCE)?, der::INTEGER)?;
            let (algorithm, rest) = expect(rest, der::SEQUENCE)?;
            let (inner, _attributes) = expect(rest, der::OCTET_STRING)?;
            unusable_key(algorithm, &public_part(inner).unwrap_or_default())
        }
        PrivateKeyDer::Pkcs1(key) => {
            const RSA: [u8; 11] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
            unusable_key(&RSA, &public_part(key.secret_pkcs1_der())?)
        }
        _ => None,
    }
}

/// Modulus and exponent of an RSAPrivateKey (RFC 8017, A.1.2) as an RSAPublicKey.
fn public_part(key: &[u8]) -> Option<Vec<u8>> {
    let (_version, rest) = expect(der::only(key, der::SEQUENCE)?, der::INTEGER)?;
    let modulus = der::element(rest).filter(|element| element.tag == der::INTEGER)?;
    let [high, low] = u16::try_from(modulus.whole.len()).ok()?.to_be_bytes();
    let header = match modulus.whole.len() {
        0..=0x7F => vec![der::SEQUENCE, low],
        0x80..=0xFF => vec![der::SEQUENCE, 0x81, low],
        _ => vec![der::SEQUENCE, 0x82, high, low],
    };
    Some([&header, modulus.whole].concat())
}

/// Whether a file holds a private key that is encrypted: somebody has to be asked for its password.
#[must_use]
pub fn is_encrypted_key(path: &Path) -> bool {
    // What is not a file can be read once only.
    file::metadata(path).is_ok_and(|found| found.is_file())
        && read_file(path).and_then(|bytes| blocks_of(path, &bytes)).is_ok_and(|blocks: Vec<PemBlock>| {
            blocks.iter().any(|block| block.label == "ENCRYPTED PRIVATE KEY")
        })
}

/// The mode of a file that everybody on this machine may read.
#[cfg(unix)]
#[must_use]
pub fn mode_open_to_all(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = file::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then_some(mode)
}

/// The mode of a file that everybody on this machine may read: there are no modes here.
#[cfg(not(unix))]
#[must_use]
pub fn mode_open_to_all(_path: &Path) -> Option<u32> {
    None
}

/// Why an encrypted key stays closed.
#[derive(Debug, PartialEq, Eq)]
enum NotOpened {
    Password,
    Algorithm(String),
    Damaged,
}

/// PBES2 and PBKDF2 (RFC 8018, appendix A).
const PBES2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 12];
const SCRYPT: &[u8] = &[0x2B, 6, 1, 4, 1, 0xDA, 0x47, 4, 11];

/// More rounds than anybody uses would only look like a program that hangs.
const ROUNDS_AT_MOST: u32 = 20_000_000;

/// Triple DES, which openssl req encrypted keys with up to version 3.1. AWS-LC has it only with bindings that few systems
/// have.
const TRIPLE_DES: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 3, 7];

/// The ciphers by their identifiers, with the lengths of their keys.
const CIPHERS: &[(&[u8], &Algorithm, usize)] = &[
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42], &AES_256, 32),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22], &AES_192, 24),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2], &AES_128, 16),
];

/// Opens an EncryptedPrivateKeyInfo (RFC 5958, section 3) as OpenSSL writes it.
fn decrypt(der: &[u8], password: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let parts = read_encrypted(der).ok_or(NotOpened::Damaged)?;
    let (scheme, parameters) = parts.scheme;
    if scheme != PBES2 {
        return Err(NotOpened::Algorithm(format!("the scheme {}", der::dotted(scheme))));
    }
    let (derivation, encryption) = der::only(parameters, der::SEQUENCE)
        .and_then(|parameters| {
            let (derivation, rest) = expect(parameters, der::SEQUENCE)?;
            Some((algorithm(derivation)?, algorithm(der::only(rest, der::SEQUENCE)?)?))
        })
        .ok_or(NotOpened::Damaged)?;
    let cipher = CIPHERS.iter().find(|(identifier, ..)| *identifier == encryption.0);
    let Some((_, cipher, key_length)) = cipher else {
        return Err(NotOpened::Algorithm(match encryption.0 {
            TRIPLE_DES => "triple DES".to_owned(),
            other => format!("the cipher {}", der::dotted(other)),
        }));
    };
    let iv = der::only(encryption.1, der::OCTET_STRING).ok_or(NotOpened::Damaged)?;

    let mut key = Zeroizing::new(vec![0; *key_length]);
    derive(derivation, password, &mut key)?;

    let unbound = UnboundCipherKey::new(cipher, &key).map_err(|_| NotOpened::Damaged)?;
    let deciphering = PaddedBlockDecryptingKey::cbc_pkcs7(unbound).map_err(|_| NotOpened::Damaged)?;
    let context = FixedLength::<16>::try_from(iv).map_err(|_| NotOpened::Damaged)?;
    let context = DecryptionContext::Iv128(context);
    let mut bytes = Zeroizing::new(parts.encrypted.to_vec());
    // A wrong password leaves a wrong padding, or by chance what is not a key.
    let plain = deciphering.decrypt(&mut bytes, context).map_err(|_| NotOpened::Password)?;
    match der::only(plain, der::SEQUENCE) {
        Some(_) => Ok(plain.to_vec()),
        None => Err(NotOpened::Password),
    }
}

/// Derives a key from the password by PBKDF2-params.
fn derive(derivation: (&[u8], &[u8]), password: &[u8], key: &mut [u8]) -> Result<(), NotOpened> {
    let (function, parameters) = derivation;
    match function {
        PBKDF2 => {}
        SCRYPT => return Err(NotOpened::Algorithm("scrypt".to_owned())),
        other => return Err(NotOpened::Algorithm(format!("the key derivation {}", der::dotted(other)))),
    }
    let (salt, rounds, pseudorandom) = der::only(parameters, der::SEQUENCE)
        .and_then(|parameters| {
            let (salt, rest) = expect(parameters, der::OCTET_STRING)?;
            let (rounds, rest) = expect(rest, der::INTEGER)?;
            // The length of the key, which the cipher says too.
            let rest = expect(rest, der::INTEGER).map_or(rest, |(_, rest)| rest);
            let pseudorandom = match rest {
                [] => HMAC_SHA1,
                rest => algorithm(der::only(rest, der::SEQUENCE)?)?.0,
            };
            Some((salt, der::number(rounds)?, pseudorandom))
        })
        .ok_or(NotOpened::Damaged)?;
    let rounds = std::num::NonZeroU32::new(rounds)
        .filter(|rounds| rounds.get() <= ROUNDS_AT_MOST)
        .ok_or_else(|| NotOpened::Algorithm(format!("{rounds} rounds")))?;
    let pseudorandom = match pseudorandom {
        HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 9] => pbkdf2::PBKDF2_HMAC_SHA256,
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 10] => pbkdf2::PBKDF2_HMAC_SHA384,
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 11] => pbkdf2::PBKDF2_HMAC_SHA512,
        other => return Err(NotOpened::Algorithm(format!("the key derivation {}", der::dotted(other)))),
    };
    pbkdf2::derive(pseudorandom, rounds, salt, password, key);
    Ok(())
}

const HMAC_SHA1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 7];

struct Encrypted<'a> {
    /// Identifier and parameters.
    scheme: (&'a [u8], &'a [u8]),
    encrypted: &'a [u8],
}

fn read_encrypted(der: &[u8]) -> Option<Encrypted<'_>> {
    let (scheme, rest) = expect(der::only(der, der::SEQUENCE)?, der::SEQUENCE)?;
    Some(Encrypted { scheme: algorithm(scheme)?, encrypted: der::only(rest, der::OCTET_STRING)? })
}

/// Identifier and parameters of an AlgorithmIdentifier.
fn algorithm(content: &[u8]) -> Option<(&[u8], &[u8])> {
    expect(content, der::OBJECT_IDENTIFIER)
}

/// The chain of a certificate whose key a command will print.
#[derive(Debug)]
pub(super) struct KeyFromCommand {
    pub(super) cert: std::path::PathBuf,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) command: String,
    pub(super) password: Option<Secret>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl KeyFromCommand {
    /// Runs the command. Dropping the future ends it.
    pub(super) async fn ask(&self) -> Result<CertifiedKey, SetupError> {
        let output = crate::password::output_of(&self.command).await;
        let output = Zeroizing::new(output.map_err(SetupError::KeyCommand)?);
        let name = Path::new("--key-command");
        identity(&self.cert, self.chain.clone(), name, &output, self.password.as_ref(), &self.provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_encrypted_key_is_damaged() {
        for der in [&[][..], &[0x30, 0], &[0x30, 2, 0x30, 0], &[0x30, 4, 0x30, 0, 4, 0]] {
            assert_eq!(decrypt(der, b"x"), Err(NotOpened::Damaged), "{der:?}");
        }
        let other = [0x30, 9, 0x30, 4, 6, 2, 0x2A, 3, 4, 1, 0];
        assert_eq!(decrypt(&other, b"x"), Err(NotOpened::Algorithm("the scheme 1.2.3".to_owned())));
    }
}
