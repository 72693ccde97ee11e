//! The client's side of TLS.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, KeyLog};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::cipher;
use super::fault::TlsFault;
use super::key::{KeyFromCommand, read_identity};
use super::pem::{Roots, read_chain, read_crls};
use super::verify::{Checks, Verifier, explained};
use super::{TlsOptions, TlsVersion};
use crate::diary::Diary;
use crate::error::{ConnectError, SetupError};
use crate::stream::Stream;
use crate::transport::SetupWarning;
use mqt_process::file;

/// Options made ready to shake hands.
#[derive(Clone)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    /// Where the private key comes from a command, it is asked for once, for all clones.
    key: Option<Arc<(KeyFromCommand, OnceCell<Arc<ClientConfig>>)>>,
    server_name: ServerName<'static>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads all files. `host`: the name to verify unless the options have another one.
    pub(crate) fn new(
        options: &TlsOptions,
        host: &str,
        warnings: &mut Vec<SetupWarning>,
    ) -> Result<Self, SetupError> {
        let failed = |error: rustls::Error| SetupError::Tls(error.to_string());
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if let Some(names) = &options.ciphers {
            cipher::choose(names, &mut provider)?;
        }
        let provider = Arc::new(provider);
        let verifier = Arc::new(verifier(options, &provider)?);
        let versions: &[_] = match options.version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut from_command = None;
        let password = options.key_password.as_ref();
        let mut config = match (&options.cert, &options.key, &options.key_command) {
            (Some(cert), Some(key), None) => {
                let identity = read_identity(cert, key, password, &provider, warnings)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
            (Some(cert), None, Some(command)) => {
                from_command = Some(KeyFromCommand {
                    cert: cert.clone(),
                    chain: read_chain(cert)?,
                    command: command.clone(),
                    password: password.cloned(),
                    provider: Arc::clone(&provider),
                });
                builder.with_no_client_auth()
            }
            (None, None, None) => builder.with_no_client_auth(),
            _ => {
                return Err(SetupError::Combination(
                    "--cert goes with either --key or --key-command, and these with --cert",
                ));
            }
        };
        config.alpn_protocols.clone_from(&options.alpn);
        if let Some(path) = &options.key_log {
            config.key_log = Arc::new(KeyLogFile::open(path)?);
        }
        if options.insecure {
            warnings.push(SetupWarning {
                keyword: "insecure",
                text: "the broker's certificate is not checked: anybody on the way can read and change everything"
                    .to_owned(),
            });
        }
        let name = options.server_name.as_deref().unwrap_or(host);
        // The zone of an address means nothing to the peer.
        let bare = name.split_once('%').map_or(name, |(address, _)| address);
        let server_name = ServerName::try_from(bare.to_owned())
            .map_err(|_| SetupError::ServerName { name: name.to_owned() })?;
        let key = from_command.map(|key| Arc::new((key, OnceCell::new())));
        Ok(Self { config: Arc::new(config), key, server_name })
    }

    /// Runs the command for the private key, if there is one that has not told it yet: before the network is
    /// kept waiting.
    pub(crate) async fn prepare(&self) -> Result<(), SetupError> {
        self.ready().await.map(|_| ())
    }

    /// Whether the command for the private key has not told it yet.
    pub(crate) fn waits_for_key(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.1.initialized())
    }

    async fn ready(&self) -> Result<Arc<ClientConfig>, SetupError> {
        let Some(key) = &self.key else { return Ok(Arc::clone(&self.config)) };
        let (command, ready) = &**key;
        let ready = ready.get_or_try_init(|| async {
            let identity = command.ask().await?;
            let mut config = ClientConfig::clone(&self.config);
            config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
            Ok(Arc::new(config))
        });
        ready.await.map(Arc::clone)
    }

    pub(crate) async fn connect(&self, stream: Stream, diary: &Diary) -> Result<Stream, ConnectError> {
        let connector = TlsConnector::from(self.ready().await.map_err(ConnectError::Key)?);
        let stream = FirstBytes { stream, bytes: [0; 4], len: 0 };
        let connect = connector.connect(self.server_name.clone(), stream).into_fallible();
        match explained(connect).await {
            (Ok(stream), _) => {
                diary.note(|| agreed_on(stream.get_ref().1));
                Ok(Box::new(stream))
            }
            (Err(_), Some(fault)) => Err(fault.into()),
            (Err((error, stream)), None) => {
                let answer = stream.bytes.get(..stream.len).unwrap_or_default();
                Err(TlsFault::of_handshake(&error, answer).into())
            }
        }
    }
}

/// Version, cipher suite and the certificate of the server, in words.
fn agreed_on(session: &rustls::ClientConnection) -> String {
    let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let suite = session.negotiated_cipher_suite();
    let suite = suite.and_then(|suite| suite.suite().as_str()).unwrap_or("an unknown suite");
    let own = session.peer_certificates().and_then(<[_]>::first).and_then(Certificate::read);
    let certificate = own.map_or_else(String::new, |certificate| {
        format!(
            "; certificate \"{}\" of \"{}\" for {}",
            certificate.subject(),
            certificate.issuer(),
            certificate.names().join(", ")
        )
    });
    format!("{}, {suite}{certificate}", version.replace("v1_", " 1."))
}

fn verifier(
    options: &TlsOptions,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Verifier, SetupError> {
    let own_authorities = options.ca_file.is_some() || options.ca_path.is_some();
    if !options.pins.is_empty() {
        if options.insecure || own_authorities || options.use_os_certs || options.crl.is_some() {
            return Err(SetupError::Combination(
                "--tls-pin replaces every other trust: it goes with neither --insecure nor any CA option nor --crl",
            ));
        }
        return Ok(Verifier::pins(options.pins.clone(), provider));
    }
    let mut roots = Roots::new();
    if let Some(path) = &options.ca_file {
        roots.add_file(path)?;
    }
    if let Some(path) = &options.ca_path {
        roots.add_folder(path)?;
    }
    let crl = options.crl.as_deref().map(|path| Ok((path, read_crls(path)?))).transpose()?;
    if options.insecure {
        if crl.is_some() {
            return Err(SetupError::Combination("--insecure checks nothing, so --crl does not go with it"));
        }
        return Ok(Verifier::anybody(provider));
    }
    if options.use_os_certs || !own_authorities {
        roots.add_system()?;
    }
    let checks = Checks { any_name: options.any_name, legacy: options.legacy };
    Verifier::authorities(roots.into_anchors(), crl, checks, provider)
}

/// Keeps the first bytes that a peer sends, to tell what it speaks if it is not TLS.
struct FirstBytes {
    stream: Stream,
    bytes: [u8; 4],
    len: usize,
}

impl AsyncRead for FirstBytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        let this = &mut *self;
        if let Some(room) = this.bytes.get_mut(this.len..) {
            for (kept, byte) in room.iter_mut().zip(buffer.filled().iter().skip(before)) {
                *kept = *byte;
                this.len += 1;
            }
        }
        outcome
    }
}

impl AsyncWrite for FirstBytes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Appends the session secrets to a file, as NSS and Wireshark define it.
struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    fn open(path: &Path) -> Result<Self, SetupError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = file::open_with(&options, path)
            .map_err(|error| SetupError::File { path: path.to_owned(), error })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = format!("{label} ");
        for (bytes, end) in [(client_random, ' '), (secret, '\n')] {
            line.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
            line.push(end);
        }
        if let Ok(mut file) = self.0.lock() {
            // There is no way to report it, and the connection does not depend on it.
            let _ = file::write_all(&mut file, line.as_bytes());
        }
    }
}

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogFile")
    }
}
