//! PEM files (RFC 7468): certificates and keys, with the line of whatever is wrong.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::certificate::Certificate;
use crate::connection::error::SetupError;
use crate::connection::transport::SetupWarning;
use crate::process::file;

/// One `-----BEGIN …-----` block.
struct Block {
    label: String,
    der: Zeroizing<Vec<u8>>,
    /// The line of its BEGIN, counted from 1.
    line: usize,
    /// It says `Proc-Type: 4,ENCRYPTED`.
    encrypted: bool,
}

impl Block {
    fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    match file::read(path) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(error) => Err(SetupError::File { path: path.to_owned(), error }),
    }
}

fn read_blocks(path: &Path) -> Result<Vec<Block>, SetupError> {
    blocks(&read_file(path)?).map_err(|(line, problem)| SetupError::Pem {
        path: path.to_owned(),
        line,
        problem,
    })
}

/// All blocks of a file; text around them is allowed, anything wrong inside of one is not.
fn blocks(bytes: &[u8]) -> Result<Vec<Block>, (usize, &'static str)> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, Zeroizing<String>)> = None;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = line.trim_ascii();
        let label = |marker: &[u8]| {
            let label = line.strip_prefix(marker)?.strip_suffix(b"-----")?;
            Some(String::from_utf8_lossy(label).into_owned())
        };
        match (label(b"-----BEGIN "), label(b"-----END "), open.take()) {
            (Some(label), _, None) => {
                let block = Block { label, der: Zeroizing::default(), line: number, encrypted: false };
                open = Some((block, Zeroizing::default()));
            }
            (Some(_), _, Some(_)) => return Err((number, "BEGIN inside of a block that has no END")),
            (None, Some(label), Some((mut block, text))) => {
                if label != block.label {
                    return Err((number, "END does not match BEGIN"));
                }
                if !block.encrypted {
                    let der = STANDARD.decode(text.as_bytes());
                    block.der =
                        Zeroizing::new(der.map_err(|_| (block.line, "the base64 of this block is wrong"))?);
                }
                blocks.push(block);
            }
            (None, Some(_), None) => return Err((number, "END without BEGIN")),
            (None, None, None) => {}
            (None, None, Some((mut block, mut text))) => {
                // RFC 1421 headers, which OpenSSL writes into old encrypted keys.
                if line.contains(&b':') || (block.encrypted && line.contains(&b',')) {
                    block.encrypted |= line.starts_with(b"Proc-Type") && line.ends_with(b"ENCRYPTED");
                } else if let Ok(line) = str::from_utf8(line)
                    && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
                {
                    text.push_str(line);
                } else {
                    return Err((number, "this is not base64"));
                }
                open = Some((block, text));
            }
        }
    }
    match open {
        Some((block, _)) => Err((block.line, "this block has no END")),
        None => Ok(blocks),
    }
}

/// The certificates to trust.
pub(super) struct Roots {
    store: RootCertStore,
    seen: HashSet<Vec<u8>>,
}

impl Roots {
    pub(super) fn new() -> Self {
        Self { store: RootCertStore::empty(), seen: HashSet::new() }
    }

    /// Adds every certificate of a file.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), SetupError> {
        let blocks = read_blocks(path)?;
        if !blocks.iter().any(Block::is_certificate) {
            return Err(SetupError::NoCertificate { path: path.to_owned() });
        }
        self.add(path, &blocks)
    }

    /// Adds every certificate of the PEM files in a folder, whatever their names are. Files without PEM
    /// blocks are passed over.
    pub(super) fn add_folder(&mut self, folder: &Path) -> Result<(), SetupError> {
        let failed = |error| SetupError::File { path: folder.to_owned(), error };
        for file in file::files_in(folder).map_err(failed)? {
            let bytes = read_file(&file)?;
            if memchr::memmem::find(&bytes, b"-----BEGIN ").is_some() {
                let blocks = blocks(&bytes).map_err(|(line, problem)| SetupError::Pem {
                    path: file.clone(),
                    line,
                    problem,
                })?;
                self.add(&file, &blocks)?;
            }
        }
        if self.store.is_empty() {
            return Err(SetupError::NoCertificate { path: folder.to_owned() });
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, blocks: &[Block]) -> Result<(), SetupError> {
        for block in blocks.iter().filter(|block| block.is_certificate()) {
            // Folders hold each certificate twice: by its own name and by its hash.
            if self.seen.insert(block.der.to_vec()) {
                self.store.add(CertificateDer::from(block.der.to_vec())).map_err(|error| {
                    let reason = error.to_string();
                    SetupError::Certificate { path: path.to_owned(), line: block.line, reason }
                })?;
            }
        }
        Ok(())
    }

    /// Adds what the system trusts.
    pub(super) fn add_system(&mut self) -> Result<(), SetupError> {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = self.store.add_parsable_certificates(found.certs);
        if added == 0 {
            let reasons = found.errors.iter().map(ToString::to_string).collect();
            return Err(SetupError::NoSystemRoots { reasons });
        }
        Ok(())
    }

    pub(super) fn into_store(self) -> Arc<RootCertStore> {
        Arc::new(self.store)
    }
}

/// Reads a certificate chain and its private key and checks that they belong together.
pub(super) fn read_identity(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
    warnings: &mut Vec<SetupWarning>,
) -> Result<CertifiedKey, SetupError> {
    let blocks = read_blocks(cert)?;
    let chain: Vec<CertificateDer<'static>> = blocks
        .iter()
        .filter(|block| block.is_certificate())
        .map(|block| CertificateDer::from(block.der.to_vec()))
        .collect();
    let line = blocks.iter().find(|block| block.is_certificate()).map_or(1, |block| block.line);
    let Some(end_entity) = chain.first() else {
        return Err(SetupError::NoCertificate { path: cert.to_owned() });
    };
    let certificate = Certificate::read(end_entity).ok_or_else(|| SetupError::Certificate {
        path: cert.to_owned(),
        line,
        reason: "this is not an X.509 certificate".to_owned(),
    })?;
    let signing_key = provider.key_provider.load_private_key(read_key(key)?).map_err(|error| {
        let reason = match error {
            rustls::Error::General(reason) => reason,
            error => error.to_string(),
        };
        SetupError::Key { path: key.to_owned(), reason }
    })?;
    if signing_key.public_key().is_some_and(|public| public.as_ref() != certificate.public_key_info) {
        return Err(SetupError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() });
    }
    warnings.extend(open_to_all(key));
    Ok(CertifiedKey::new(chain, signing_key))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    for block in read_blocks(path)? {
        if block.encrypted || block.label == "ENCRYPTED PRIVATE KEY" {
            return Err(SetupError::EncryptedKey { path: path.to_owned() });
        }
        let der = block.der.to_vec();
        match block.label.as_str() {
            "PRIVATE KEY" => return Ok(PrivatePkcs8KeyDer::from(der).into()),
            "RSA PRIVATE KEY" => return Ok(PrivatePkcs1KeyDer::from(der).into()),
            "EC PRIVATE KEY" => return Ok(PrivateSec1KeyDer::from(der).into()),
            _ => {}
        }
    }
    Err(SetupError::NoKey { path: path.to_owned() })
}

#[cfg(unix)]
fn open_to_all(path: &Path) -> Option<SetupWarning> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then(|| SetupWarning {
        keyword: "key-perms",
        text: format!("{} is mode {mode:04o}: everybody on this machine can read the key", path.display()),
    })
}

#[cfg(not(unix))]
fn open_to_all(_path: &Path) -> Option<SetupWarning> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Vec<(String, Vec<u8>, usize, bool)>, (usize, &'static str)>;

    fn outcome(text: &str) -> Outcome {
        let blocks = blocks(text.as_bytes())?;
        Ok(blocks.into_iter().map(|b| (b.label, b.der.to_vec(), b.line, b.encrypted)).collect())
    }

    #[test]
    fn blocks_are_found_between_other_text() {
        let text = "subject=CN\r\n-----BEGIN A-----\r\nAQ\r\nID\r\n-----END A-----\r\n\n# x: y\n-----BEGIN B C-----\n-----END B C-----";
        assert_eq!(
            outcome(text).unwrap(),
            [("A".to_owned(), vec![1, 2, 3], 2, false), ("B C".to_owned(), vec![], 8, false)]
        );
        assert_eq!(outcome("").unwrap(), []);
    }

    #[test]
    fn old_encrypted_keys_are_recognised() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAQID\n-----END RSA PRIVATE KEY-----";
        assert!(outcome(text).unwrap()[0].3);
    }

    // F-89: whatever is wrong is named with its line.
    #[test]
    fn wrong_blocks_are_errors_with_their_line() {
        for (text, line) in [
            ("\n-----BEGIN A-----\nAQID\n", 2),
            ("-----BEGIN A-----\nAQID\n-----BEGIN A-----\n", 3),
            ("-----BEGIN A-----\nAQID\n-----END B-----\n", 3),
            ("-----END A-----\n", 1),
            ("-----BEGIN A-----\nAQID\n!!\n-----END A-----\n", 3),
            ("-----BEGIN A-----\nAQI\n-----END A-----\n", 1),
            ("-----BEGIN A-----\nA=QI\n-----END A-----\n", 1),
            ("-----BEGIN A-----\nAQ\u{e9}D\n-----END A-----\n", 2),
        ] {
            assert_eq!(outcome(text).unwrap_err().0, line, "{text:?}");
        }
    }
}
