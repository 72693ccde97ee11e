//! Certificates made for one test: authorities, identities, and the usual set of PEM files.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PublicKeyData as _, SigningKey as _,
};
use tempfile::TempDir;

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::with(params(name, &[]))
    }

    /// One that is valid from the beginning of one year to that of another.
    pub fn dated(name: &str, from: i32, to: i32) -> Self {
        let mut params = params(name, &[]);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        Self::with(params)
    }

    fn with(mut params: CertificateParams) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A list of revoked certificates, PEM, valid from 2020 to this year.
    pub fn crl(&self, revoked: &[u64], until: i32) -> String {
        let revoked = revoked.iter().map(|serial| rcgen::RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// Signs a certificate for a new key.
    pub fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Identity::new(cert.der().to_vec(), &key)
    }
}

/// A certificate and its key.
pub struct Identity {
    /// PEM.
    pub cert: String,
    /// PEM, PKCS#8.
    pub key: String,
    pub cert_der: Vec<u8>,
    pub public_key_info: Vec<u8>,
}

impl Identity {
    fn new(cert_der: Vec<u8>, key: &KeyPair) -> Self {
        Self {
            cert: pem("CERTIFICATE", &cert_der),
            key: key.serialize_pem(),
            cert_der,
            public_key_info: key.subject_public_key_info(),
        }
    }

    /// Signed with its own key.
    pub fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::new(params.self_signed(&key).unwrap().der().to_vec(), &key)
    }

    /// Signed by an issuer that need not be an authority.
    pub fn signed_by(params: &CertificateParams, issuer: &CertifiedIssuer<'static, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::new(params.signed_by(&key, issuer).unwrap().der().to_vec(), &key)
    }

    /// Signed with its own key, and X.509 version 1: neither version nor extensions.
    pub fn version_1(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let version_3 = params.self_signed(&key).unwrap();
        let [to_be_signed, algorithm, _] = elements(contents(version_3.der())).try_into().unwrap();
        let mut fields = elements(contents(to_be_signed));
        // Version and extensions are [0] and [3].
        fields.retain(|field| field[0] != 0xA0 && field[0] != 0xA3);
        let to_be_signed = sequence(&fields.concat());
        let signature = [&[0], key.sign(&to_be_signed).unwrap().as_slice()].concat();
        let signature = [&[3, u8::try_from(signature.len()).unwrap()], signature.as_slice()].concat();
        Self::new(sequence(&[&to_be_signed, algorithm, &signature].concat()), &key)
    }
}

/// A subject with a common name and these alternative names.
pub fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// A CA, a server certificate for `localhost`, 127.0.0.1 and ::1, and a client certificate, as PEM files.
pub struct Certs {
    folder: TempDir,
    pub authority: Authority,
    pub server: Identity,
    pub ca: PathBuf,
    pub server_cert: PathBuf,
    pub server_key: PathBuf,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
}

impl Certs {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::new("Test CA");
        let server = authority.issue(&params("broker", &["localhost", "127.0.0.1", "::1"]));
        let mut client = params("client", &["client.example"]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = authority.issue(&client);
        let write = |name: &str, text: &str| write_private(&folder, name, text);
        Self {
            ca: write("ca.crt", &authority.pem()),
            server_cert: write("server.crt", &server.cert),
            server_key: write("server.key", &server.key),
            client_cert: write("client.crt", &client.cert),
            client_key: write("client.key", &client.key),
            authority,
            server,
            folder,
        }
    }

    /// Writes another file, which only the user can read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        write_private(&self.folder, name, text)
    }

    /// A path in the same folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn write_private(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The DER elements one after another, with their tags and lengths.
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while !der.is_empty() {
        let (header, len) = header_and_length(der);
        let (element, rest) = der.split_at(header + len);
        elements.push(element);
        der = rest;
    }
    elements
}

fn contents(element: &[u8]) -> &[u8] {
    &element[header_and_length(element).0..]
}

fn header_and_length(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        len => (2, usize::from(len)),
    }
}

fn sequence(contents: &[u8]) -> Vec<u8> {
    let len = u16::try_from(contents.len()).unwrap().to_be_bytes();
    // X.690 wants the shortest form of a length.
    match contents.len() {
        0..=127 => [&[0x30, len[1]], contents].concat(),
        128..=255 => [&[0x30, 0x81, len[1]], contents].concat(),
        _ => [&[0x30, 0x82, len[0], len[1]], contents].concat(),
    }
}
