//! PEM files (RFC 7468): certificates and keys, with the line of whatever is wrong.

use std::collections::HashSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{CertificateError, RootCertStore};
use zeroize::Zeroizing;

use super::anchors::{AnchorOrigin, Anchors};
use super::certificate::Certificate;
use super::der;
use super::fault::words;
use crate::error::{Contents, SetupError};
use mqt_process::{file, text_file};

/// One `-----BEGIN …-----` block.
pub(super) struct PemBlock {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
    /// The line of its BEGIN, counted from 1.
    line: usize,
    /// It says `Proc-Type: 4,ENCRYPTED`; `der` is empty then.
    pub(super) encrypted: bool,
}

impl PemBlock {
    fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }
}

pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    text_file::read(path, text_file::CONFIGURATION).map(Zeroizing::new).map_err(SetupError::Read)
}

/// The blocks of a file that was read.
pub(super) fn blocks_of(path: &Path, bytes: &[u8]) -> Result<Vec<PemBlock>, SetupError> {
    blocks(bytes).map_err(|(line, problem)| SetupError::Pem { path: path.to_owned(), line, problem })
}

/// All blocks of a file; text around them is allowed, anything wrong inside of one is not.
fn blocks(bytes: &[u8]) -> Result<Vec<PemBlock>, (usize, &'static str)> {
    let mut blocks = Vec::new();
    let mut open: Option<(PemBlock, Zeroizing<String>)> = None;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = line.trim_ascii();
        let label = |marker: &[u8]| {
            let label = line.strip_prefix(marker)?.strip_suffix(b"-----")?;
            Some(String::from_utf8_lossy(label).into_owned())
        };
        match (label(b"-----BEGIN "), label(b"-----END "), open.take()) {
            (Some(label), _, None) => {
                let block = PemBlock { label, der: Zeroizing::default(), line: number, encrypted: false };
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

/// What a file without the wanted block holds.
pub(super) fn contents(bytes: &[u8], blocks: &[PemBlock]) -> Contents {
    if let Some(block) = blocks.first() {
        return match block.label.as_str() {
            _ if block.is_certificate() => Contents::Certificate,
            label if label.ends_with("PRIVATE KEY") => Contents::Key,
            label if label.ends_with("PUBLIC KEY") => Contents::PublicKey,
            label if label.ends_with("CERTIFICATE REQUEST") => Contents::Request,
            "X509 CRL" => Contents::Crl,
            _ => Contents::Other,
        };
    }
    let sequence = |bytes| {
        der::only(bytes, der::SEQUENCE).or_else(|| {
            // PKCS#12 files may be too long for a reader of certificates, or of BER.
            Some(bytes).filter(|bytes: &&[u8]| bytes.first() == Some(&der::SEQUENCE))
        })
    };
    match bytes {
        bytes if bytes.trim_ascii().is_empty() => Contents::Empty,
        [0xFE, 0xED, 0xFE, 0xED, ..] => Contents::JavaKeyStore,
        bytes if Certificate::read(&CertificateDer::from(bytes)).is_some() => Contents::DerCertificate,
        bytes if sequence(bytes).is_some() => {
            // Its version is 3, and that of a private key 0 or 1.
            let front = bytes.get(..8).unwrap_or(bytes);
            let version = |number: u8| front.windows(3).any(|three| three == [der::INTEGER, 1, number]);
            if version(3) {
                Contents::Pkcs12
            } else if version(0) || version(1) {
                Contents::DerKey
            } else {
                Contents::Other
            }
        }
        _ => Contents::Other,
    }
}

/// The certificates to trust.
pub(super) struct Roots {
    authorities: RootCertStore,
    /// Of each authority, in the same order.
    origins: Vec<AnchorOrigin>,
    given: HashSet<Vec<u8>>,
    /// Those that were given and may not sign others.
    others: Vec<CertificateDer<'static>>,
}

impl Roots {
    pub(super) fn new() -> Self {
        Self {
            authorities: RootCertStore::empty(),
            origins: Vec::new(),
            given: HashSet::new(),
            others: Vec::new(),
        }
    }

    /// Adds every certificate of a file.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), SetupError> {
        let bytes = read_file(path)?;
        let blocks = blocks_of(path, &bytes)?;
        if !blocks.iter().any(PemBlock::is_certificate) {
            let contents = contents(&bytes, &blocks);
            return Err(SetupError::NoCertificate { path: path.to_owned(), contents });
        }
        self.add(path, &blocks)
    }

    /// Adds every certificate of the PEM files in a folder, whatever their names are. Files without PEM
    /// blocks are passed over.
    pub(super) fn add_folder(&mut self, folder: &Path) -> Result<(), SetupError> {
        let failed = |error| SetupError::File { path: folder.to_owned(), error };
        for file in file::files_in(folder).map_err(failed)? {
            let bytes = match read_file(&file) {
                // No certificate, whatever it is.
                Err(SetupError::Read(error)) if error.system().is_none() => continue,
                read => read?,
            };
            if memchr::memmem::find(&bytes, b"-----BEGIN ").is_some() {
                self.add(&file, &blocks_of(&file, &bytes)?)?;
            }
        }
        if self.given.is_empty() {
            return Err(SetupError::NoCertificate { path: folder.to_owned(), contents: Contents::Other });
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, blocks: &[PemBlock]) -> Result<(), SetupError> {
        for block in blocks.iter().filter(|block| block.is_certificate()) {
            // Folders hold each certificate twice: by its own name and by its hash.
            if !self.given.insert(block.der.to_vec()) {
                continue;
            }
            let der = CertificateDer::from(block.der.to_vec());
            match Certificate::read(&der) {
                // The certificate of a server vouches for itself and for no other.
                Some(own) if !own.is_authority() => self.others.push(der),
                _ => self.add_authority(der, Some(path)).map_err(|error| {
                    let reason = match error {
                        rustls::Error::InvalidCertificate(CertificateError::BadEncoding) => {
                            "it is damaged".to_owned()
                        }
                        rustls::Error::InvalidCertificate(error) => words(&error),
                        error => words(&error),
                    };
                    SetupError::Certificate { path: path.to_owned(), line: block.line, reason }
                })?,
            }
        }
        Ok(())
    }

    /// `path`: the file that it is from; `None`: the system's store.
    fn add_authority(
        &mut self,
        der: CertificateDer<'static>,
        path: Option<&Path>,
    ) -> Result<(), rustls::Error> {
        let validity = Certificate::read(&der).and_then(|own| own.validity());
        self.authorities.add(der)?;
        self.origins.push(AnchorOrigin { validity, path: path.map(Path::to_owned) });
        Ok(())
    }

    /// Adds what the system trusts.
    pub(super) fn add_system(&mut self) -> Result<(), SetupError> {
        let found = rustls_native_certs::load_native_certs();
        let before = self.origins.len();
        for der in found.certs {
            // Stores have certificates that webpki cannot read; the others do.
            let _ = self.add_authority(der, None);
        }
        if self.origins.len() == before {
            let reasons = found.errors.iter().map(ToString::to_string).collect();
            return Err(SetupError::NoSystemRoots { reasons });
        }
        Ok(())
    }

    /// All of them, for the certificates of clients: webpki takes each for an authority.
    pub(super) fn into_store(mut self) -> Result<RootCertStore, rustls::Error> {
        for der in self.others {
            self.authorities.add(der)?;
        }
        Ok(self.authorities)
    }

    pub(super) fn into_anchors(self) -> Anchors {
        let subjects = self.others.iter().filter_map(Certificate::read).map(|own| own.subject.to_vec());
        let others = subjects.collect();
        Anchors { authorities: self.authorities, origins: self.origins, given: self.given, others }
    }
}

/// Reads a certificate and its chain.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let bytes = read_file(path)?;
    let blocks = blocks_of(path, &bytes)?;
    let certificates: Vec<&PemBlock> = blocks.iter().filter(|block| block.is_certificate()).collect();
    let Some(first) = certificates.first() else {
        let contents = contents(&bytes, &blocks);
        return Err(SetupError::NoCertificate { path: path.to_owned(), contents });
    };
    let line = first.line;
    let chain: Vec<_> =
        certificates.into_iter().map(|block| CertificateDer::from(block.der.to_vec())).collect();
    if chain.first().is_none_or(|own| Certificate::read(own).is_none()) {
        return Err(SetupError::Certificate {
            path: path.to_owned(),
            line,
            reason: "it is damaged".to_owned(),
        });
    }
    Ok(chain)
}

/// Reads lists of revoked certificates, PEM or DER.
pub(super) fn read_crls(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, SetupError> {
    // Authorities have revoked hundreds of thousands.
    let bytes = text_file::read(path, text_file::DATA).map_err(SetupError::Read)?;
    let blocks = blocks_of(path, &bytes)?;
    let crls: Vec<Vec<u8>> =
        blocks.iter().filter(|block| block.label == "X509 CRL").map(|block| block.der.to_vec()).collect();
    let crls = match contents(&bytes, &blocks) {
        Contents::Other if blocks.is_empty() && bytes.first() == Some(&der::SEQUENCE) => vec![bytes.to_vec()],
        contents if crls.is_empty() => {
            return Err(SetupError::NoCrl { path: path.to_owned(), contents });
        }
        _ => crls,
    };
    Ok(crls.into_iter().map(CertificateRevocationListDer::from).collect())
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
