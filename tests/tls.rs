//! TLS between our transport and our listener, and against peers that do not speak it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mqt_client::listen::{HandshakeError, ListenError, Listener, ServerTls};
use mqt_client::tls::speaks_tls;
use mqt_client::{
    ConnectError, Connected, Endpoint, SetupError, TlsFault, TlsOptions, TlsPin, TlsVersion, Transport,
    TransportOptions, stream_fault,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::certs::{Authority, Certs, Identity, params, pem};

struct Server {
    port: u16,
    task: JoinHandle<Result<(), HandshakeError>>,
}

/// Accepts one client and sends back what it sends.
async fn serve(tls: &ServerTls) -> Server {
    let listener =
        Listener::bind(&Endpoint::listening("mqtts://localhost:0").unwrap(), Some(tls)).await.unwrap();
    let port = listener.local_address().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap().handshake().await?;
        let mut bytes = [0; 64];
        while let Ok(len @ 1..) = stream.read(&mut bytes).await {
            stream.write_all(&bytes[..len]).await.unwrap();
            stream.flush().await.unwrap();
        }
        Ok(())
    });
    Server { port, task }
}

async fn serve_identity(certs: &Certs, identity: &Identity) -> Server {
    let cert = certs.write("other.crt", &identity.cert);
    let key = certs.write("other.key", &identity.key);
    serve(&ServerTls { cert, key, client_ca: None }).await
}

fn server_tls(certs: &Certs) -> ServerTls {
    ServerTls { cert: certs.server_cert.clone(), key: certs.server_key.clone(), client_ca: None }
}

fn trusting(ca: &Path) -> TlsOptions {
    TlsOptions { ca_file: Some(ca.to_owned()), ..TlsOptions::default() }
}

fn pinning(pin: TlsPin) -> TlsOptions {
    TlsOptions { pins: vec![pin], ..TlsOptions::default() }
}

fn transport(host: &str, port: u16, tls: TlsOptions) -> Result<Transport, SetupError> {
    let endpoint = Endpoint::default().with_tls(true).unwrap().with_host(host).unwrap().with_port(port);
    Transport::new(TransportOptions { endpoint, tls, ..TransportOptions::default() })
}

async fn connect(host: &str, port: u16, tls: TlsOptions) -> Result<Connected, ConnectError> {
    within(transport(host, port, tls).unwrap().connect()).await
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap()
}

async fn fault(host: &str, port: u16, tls: TlsOptions) -> TlsFault {
    match connect(host, port, tls).await {
        Err(ConnectError::Tls(fault)) => fault,
        outcome => panic!("{outcome:?}"),
    }
}

async fn assert_echo(mut connected: Connected) {
    connected.stream.write_all(b"ping").await.unwrap();
    connected.stream.flush().await.unwrap();
    let mut bytes = [0; 4];
    within(connected.stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"ping");
}

fn setup_error(tls: TlsOptions) -> SetupError {
    transport("localhost", 1, tls).unwrap_err()
}

// F-09: names and addresses are verified against the subjectAltName.
#[tokio::test]
async fn the_right_authority_is_trusted() {
    let certs = Certs::new();
    for host in ["localhost", "127.0.0.1", "::1"] {
        let server = serve(&server_tls(&certs)).await;
        assert_echo(connect(host, server.port, trusting(&certs.ca)).await.unwrap()).await;
    }
    let server = serve(&server_tls(&certs)).await;
    let tls = TlsOptions { version: TlsVersion::Tls13, ..trusting(&certs.ca) };
    assert_echo(connect("localhost", server.port, tls).await.unwrap()).await;
}

// F-82
#[tokio::test]
async fn an_unknown_authority_is_named() {
    let certs = Certs::new();
    let other = certs.write("other-ca.crt", &Authority::new("Other CA").pem());
    let server = serve(&server_tls(&certs)).await;
    let fault = fault("localhost", server.port, trusting(&other)).await;
    assert_eq!(
        fault.to_string(),
        "the server certificate of \"CN=broker\" is signed by \"CN=Test CA\", which is not trusted"
    );
    assert!(fault.hints().iter().any(|hint| hint.contains("--cafile")), "{:?}", fault.hints());
    assert!(matches!(server.task.await.unwrap(), Err(HandshakeError::Tls(_))));
}

// F-81
#[tokio::test]
async fn a_wrong_name_is_shown_with_the_right_ones() {
    let certs = Certs::new();
    let identity = certs.authority.issue(&params("broker", &["other.example", "10.1.2.3"]));
    let server = serve_identity(&certs, &identity).await;
    let fault = fault("localhost", server.port, trusting(&certs.ca)).await;
    assert_eq!(
        fault.to_string(),
        "the server certificate is not for \"localhost\"; it is for other.example, 10.1.2.3"
    );
    let server = serve_identity(&certs, &identity).await;
    let tls = TlsOptions { server_name: Some("other.example".to_owned()), ..trusting(&certs.ca) };
    assert_echo(connect("localhost", server.port, tls).await.unwrap()).await;
}

#[tokio::test]
async fn any_name_will_do_where_that_is_asked_for_but_not_any_authority() {
    let certs = Certs::new();
    let identity = certs.authority.issue(&params("broker", &["other.example"]));
    let server = serve_identity(&certs, &identity).await;
    let tls = TlsOptions { any_name: true, ..trusting(&certs.ca) };
    assert_echo(connect("localhost", server.port, tls).await.unwrap()).await;
    let others = Certs::new();
    let server = serve_identity(&certs, &identity).await;
    let tls = TlsOptions { any_name: true, ..trusting(&others.ca) };
    let fault = fault("localhost", server.port, tls).await;
    assert!(!fault.to_string().contains("is not for"), "{fault}");
}

// F-80
#[tokio::test]
async fn an_expired_certificate_is_dated() {
    let certs = Certs::new();
    let mut old = params("broker", &["localhost"]);
    old.not_before = rcgen::date_time_ymd(2020, 1, 1);
    old.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let server = serve_identity(&certs, &certs.authority.issue(&old)).await;
    let fault = fault("localhost", server.port, trusting(&certs.ca)).await;
    assert!(
        fault.to_string().starts_with("the server certificate expired 2021-01-01 00:00 UTC ("),
        "{fault}"
    );
}

#[tokio::test]
async fn a_certificate_of_the_future_asks_for_the_clock() {
    let certs = Certs::new();
    let mut new = params("broker", &["localhost"]);
    new.not_before = rcgen::date_time_ymd(3000, 1, 1);
    let server = serve_identity(&certs, &certs.authority.issue(&new)).await;
    let fault = fault("localhost", server.port, trusting(&certs.ca)).await;
    assert_eq!(fault.to_string(), "the server certificate is not valid before 3000-01-01 00:00 UTC");
    assert!(fault.hints()[0].contains("clock"), "{:?}", fault.hints());
}

// F-86
#[tokio::test]
async fn a_common_name_is_no_name() {
    let certs = Certs::new();
    let identity = certs.authority.issue(&params("localhost", &[]));
    let server = serve_identity(&certs, &identity).await;
    let fault = fault("localhost", server.port, trusting(&certs.ca)).await;
    assert!(fault.to_string().contains("no subjectAltName"), "{fault}");
    let pin = TlsPin::of(&identity.cert_der);
    assert!(
        fault.hints().iter().any(|hint| hint.contains(&format!("--tls-pin {pin}"))),
        "{:?}",
        fault.hints()
    );
}

// F-87, F-88: the certificates that need a pin, and what the pin does.
#[tokio::test]
async fn certificates_that_tls_refuses_can_be_pinned() {
    let certs = Certs::new();
    for (identity, expected) in [
        (Identity::version_1(&params("localhost", &[])), "X.509 version 1"),
        (Identity::self_signed(&params("localhost", &[])), "no subjectAltName"),
    ] {
        let own = certs.write("own.crt", &identity.cert);
        let server = serve_identity(&certs, &identity).await;
        let fault = fault("localhost", server.port, trusting(&own)).await;
        assert!(fault.to_string().contains(expected), "{fault}");

        for pinned in [&identity.cert_der, &identity.public_key_info] {
            let server = serve_identity(&certs, &identity).await;
            assert_echo(connect("localhost", server.port, pinning(TlsPin::of(pinned))).await.unwrap()).await;
        }
    }
}

// The certificate that was given is trusted for itself, whatever it says about CAs, but not for other names, and one
// that is not a CA's vouches for no other.
#[tokio::test]
async fn a_certificate_that_was_given_is_trusted_as_the_servers_own() {
    let certs = Certs::new();
    let mut authority = params("localhost", &["localhost"]);
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    for params in [params("localhost", &["localhost"]), authority] {
        let identity = Identity::self_signed(&params);
        let own = certs.write("own.crt", &identity.cert);
        let server = serve_identity(&certs, &identity).await;
        assert_echo(connect("localhost", server.port, trusting(&own)).await.unwrap()).await;
        let folder = TlsOptions { ca_path: Some(certs.path("own")), ..TlsOptions::default() };
        std::fs::create_dir_all(certs.path("own")).unwrap();
        std::fs::write(certs.path("own").join("own.crt"), &identity.cert).unwrap();
        let server = serve_identity(&certs, &identity).await;
        assert_echo(connect("localhost", server.port, folder).await.unwrap()).await;
        let server = serve_identity(&certs, &identity).await;
        let fault = fault("127.0.0.1", server.port, trusting(&own)).await;
        assert_eq!(fault.to_string(), "the server certificate is not for \"127.0.0.1\"; it is for localhost");
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertifiedIssuer::self_signed(params("Server", &["localhost"]), key).unwrap();
    let own = certs.write("own.crt", &server.pem());
    let signed = Identity::signed_by(&params("x", &["localhost"]), &server);
    let listening = serve_identity(&certs, &signed).await;
    let fault = fault("localhost", listening.port, trusting(&own)).await;
    assert_eq!(
        fault.to_string(),
        "the server certificate is signed by \"CN=Server\", whose own certificate is not that of a CA"
    );
}

// As OpenSSL sees it, the common name is one.
#[tokio::test]
async fn an_old_certificate_for_another_name_is_refused_for_its_name() {
    let certs = Certs::new();
    let old = Identity::version_1(&params("other.example", &[]));
    let own = certs.write("own.crt", &old.cert);
    let common = certs.authority.issue(&params("other.example", &[]));
    for (identity, ca) in [(&old, &own), (&common, &certs.ca)] {
        let server = serve_identity(&certs, identity).await;
        let fault = fault("localhost", server.port, TlsOptions { legacy: true, ..trusting(ca) }).await;
        assert_eq!(
            fault.to_string(),
            "the server certificate is not for \"localhost\"; it is for other.example"
        );
        let Err(HandshakeError::Tls(error)) = server.task.await.unwrap() else { panic!("no alert") };
        assert!(error.to_string().contains("BadCertificate"), "{error}");
    }
}

// RFC 8446, 6.2; what mosquitto's clients send for a wrong name.
#[tokio::test]
async fn the_alert_says_what_is_wrong_with_the_certificate() {
    let certs = Certs::new();
    let mut old = params("broker", &["localhost"]);
    old.not_before = rcgen::date_time_ymd(2020, 1, 1);
    old.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let other = certs.write("other-ca.crt", &Authority::new("Other CA").pem());
    let twin = certs.write("twin-ca.crt", &Authority::new("Test CA").pem());
    for (params, ca, alert) in [
        (params("broker", &["other.example"]), &certs.ca, rustls::AlertDescription::BadCertificate),
        (params("localhost", &[]), &certs.ca, rustls::AlertDescription::BadCertificate),
        (old, &certs.ca, rustls::AlertDescription::CertificateExpired),
        (params("broker", &["localhost"]), &other, rustls::AlertDescription::UnknownCA),
        (params("broker", &["localhost"]), &twin, rustls::AlertDescription::DecryptError),
    ] {
        let server = serve_identity(&certs, &certs.authority.issue(&params)).await;
        fault("localhost", server.port, trusting(ca)).await;
        let Err(HandshakeError::Tls(error)) = server.task.await.unwrap() else { panic!("{alert:?}") };
        let received = error.get_ref().unwrap().downcast_ref::<rustls::Error>().unwrap();
        assert_eq!(*received, rustls::Error::AlertReceived(alert));
    }
    for (from, to) in [(2020, 2021), (2999, 3000)] {
        let authority = Authority::dated("Dated CA", from, to);
        let ca = certs.write("dated-ca.crt", &authority.pem());
        let server = serve_identity(&certs, &authority.issue(&params("broker", &["localhost"]))).await;
        let text = fault("localhost", server.port, trusting(&ca)).await.to_string();
        assert!(text.starts_with(&format!("{}: the certificate of the trusted CA", ca.display())), "{text}");
        let Err(HandshakeError::Tls(error)) = server.task.await.unwrap() else { panic!("no alert") };
        let received = error.get_ref().unwrap().downcast_ref::<rustls::Error>().unwrap();
        let expired = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateExpired);
        assert_eq!(*received, expired, "{from}");
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused() {
    let certs = Certs::new();
    let server = serve(&server_tls(&certs)).await;
    let fault = fault("localhost", server.port, pinning(TlsPin::of(b"another"))).await;
    assert_eq!(fault, TlsFault::PinMismatch { certificate: TlsPin::of(&certs.server.cert_der) });
}

/// A server that shows the certificate of `identity` and signs with the key of `signer`.
async fn serve_rustls(
    identity: &Identity,
    signer: &Identity,
    version: &'static rustls::SupportedProtocolVersion,
) -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ServerConfig, crypto::aws_lc_rs};

    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(signer.key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let identity = CertifiedKey::new(vec![CertificateDer::from(identity.cert_der.clone())], key);
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            stream.write_all(b"ping").await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    port
}

// A pin replaces chain and name, not the proof that the peer has the key.
#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    use rustls::version::{TLS12, TLS13};
    let identity = Identity::version_1(&params("localhost", &[]));
    let thief = Identity::self_signed(&params("localhost", &[]));
    for version in [&TLS12, &TLS13] {
        let tls = pinning(TlsPin::of(&identity.cert_der));
        let port = serve_rustls(&identity, &identity, version).await;
        let mut connected = connect("127.0.0.1", port, tls.clone()).await.unwrap();
        let mut bytes = [0; 4];
        connected.stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");

        let port = serve_rustls(&identity, &thief, version).await;
        let fault = fault("127.0.0.1", port, tls).await;
        assert!(
            fault.to_string().contains("BadSignature") || fault.to_string().contains("signature"),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn tls_1_2_is_refused_when_only_1_3_will_do() {
    let certs = Certs::new();
    let port = serve_rustls(&certs.server, &certs.server, &rustls::version::TLS12).await;
    let tls = TlsOptions { version: TlsVersion::Tls13, ..trusting(&certs.ca) };
    let fault = fault("127.0.0.1", port, tls).await;
    assert_eq!(fault, TlsFault::Alert("protocol_version".to_owned()));
    assert!(!fault.hints().is_empty());
}

// F-95
#[tokio::test]
async fn insecure_trusts_anybody() {
    let certs = Certs::new();
    for identity in
        [Identity::version_1(&params("x", &[])), certs.authority.issue(&params("x", &["x.example"]))]
    {
        let server = serve_identity(&certs, &identity).await;
        let tls = TlsOptions { insecure: true, ..TlsOptions::default() };
        assert_echo(connect("localhost", server.port, tls.clone()).await.unwrap()).await;
        let endpoint = "mqtts://localhost".parse().unwrap();
        let transport =
            Transport::new(TransportOptions { endpoint, tls, ..TransportOptions::default() }).unwrap();
        let keywords: Vec<_> = transport.warnings().iter().map(|warning| warning.keyword).collect();
        assert_eq!(keywords, ["insecure"]);
    }
}

// F-83
#[tokio::test]
async fn a_client_certificate_can_be_required() {
    let certs = Certs::new();
    let tls = ServerTls { client_ca: Some(certs.ca.clone()), ..server_tls(&certs) };
    let server = serve(&tls).await;
    let client = TlsOptions {
        cert: Some(certs.client_cert.clone()),
        key: Some(certs.client_key.clone()),
        ..trusting(&certs.ca)
    };
    assert_echo(connect("localhost", server.port, client).await.unwrap()).await;

    let server = serve(&tls).await;
    let mut connected = connect("localhost", server.port, trusting(&certs.ca)).await.unwrap();
    let error = within(connected.stream.read_u8()).await.unwrap_err();
    let alert = stream_fault(&error).unwrap();
    assert!(matches!(alert, ConnectError::Tls(TlsFault::ClientCertificateRequired)), "{alert}");
    assert!(alert.hints()[0].contains("--cert"));
    assert!(stream_fault(&std::io::ErrorKind::ConnectionReset.into()).is_none());
}

// F-84
#[tokio::test]
async fn a_plain_port_is_recognised() {
    for (answer, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "this port speaks plain HTTP, not TLS"),
        (&[0x20, 2, 0, 1], "this port speaks plain MQTT, not TLS"),
        (&[0xE0, 0], "this port speaks plain MQTT, not TLS"),
        (b"SSH-2.0-x\r\n", "this port speaks plain something, not TLS"),
        (b"", "the connection broke in the TLS handshake: closed by the peer"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            // Unread bytes would turn the end into a reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let tls = TlsOptions { insecure: true, ..TlsOptions::default() };
        let fault = fault("127.0.0.1", port, tls).await;
        assert_eq!(fault.to_string(), expected);
        assert_eq!(fault.hints(), ["is this the TLS port? plain MQTT is usually at 1883, TLS at 8883"]);
        within(peer).await.unwrap();
    }
}

// F-85
#[tokio::test]
async fn a_plain_client_gets_an_alert_from_a_tls_port() {
    let certs = Certs::new();
    let server = serve(&server_tls(&certs)).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    stream.write_all(&[0x10, 0x0C, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 0]).await.unwrap();
    let mut answer = [0; 7];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert!(speaks_tls(&answer), "{answer:?}");
    assert!(matches!(server.task.await.unwrap(), Err(HandshakeError::Tls(_))));
}

// F-89
#[test]
fn wrong_ca_files_are_named_with_their_line() {
    let certs = Certs::new();
    let good = certs.authority.pem();
    let good_lines = good.lines().count();
    let error = |name: &str, text: &str| {
        let path = certs.write(name, text);
        setup_error(trusting(&path)).to_string().replace(&path.display().to_string(), name)
    };
    assert_eq!(
        error("a.pem", &format!("{good}-----BEGIN CERTIFICATE-----\nx%\n")),
        format!("a.pem:{}: this is not base64", good_lines + 2)
    );
    let broken = format!("{good}{}", pem("CERTIFICATE", &[0x30, 3, 1, 2, 3]));
    let text = error("b.pem", &broken);
    assert!(
        text.starts_with(&format!(
            "b.pem:{}: the certificate that begins here is not usable",
            good_lines + 1
        )),
        "{text}"
    );
    assert_eq!(error("c.pem", "nothing"), "c.pem: no PEM certificate in it");
    // As PowerShell writes it.
    let path = certs.write("d.pem", &format!("\u{feff}{good}"));
    assert!(transport("localhost", 1, trusting(&path)).is_ok());
    let error = setup_error(trusting(&certs.path("missing.pem")));
    assert!(error.to_string().ends_with("missing.pem: no such file"), "{error}");
}

#[tokio::test]
async fn a_folder_of_authorities_is_trusted() {
    let certs = Certs::new();
    let folder = certs.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let tls = TlsOptions { ca_path: Some(folder.clone()), ..TlsOptions::default() };
    let error = setup_error(tls.clone());
    assert!(error.to_string().ends_with("folder: no PEM certificate in it"), "{error}");
    std::fs::write(folder.join("README"), "nothing").unwrap();
    std::fs::write(folder.join("0a1b2c3d.0"), certs.authority.pem()).unwrap();
    std::fs::write(folder.join("same.pem"), certs.authority.pem()).unwrap();
    let server = serve(&server_tls(&certs)).await;
    assert_echo(connect("localhost", server.port, tls.clone()).await.unwrap()).await;
    std::fs::write(folder.join("broken.pem"), "\n-----BEGIN CERTIFICATE-----\n").unwrap();
    let error = setup_error(tls);
    assert!(error.to_string().ends_with("broken.pem:2: this block has no END"), "{error}");
}

// F-90, F-92
#[test]
fn wrong_keys_are_named() {
    let certs = Certs::new();
    let with_key = |key: &Path| {
        setup_error(TlsOptions {
            cert: Some(certs.client_cert.clone()),
            key: Some(key.to_owned()),
            ..trusting(&certs.ca)
        })
    };
    let error = with_key(&certs.server_key).to_string();
    assert!(error.contains("server.key does not belong to the certificate in"), "{error}");
    assert!(error.ends_with("client.crt"), "{error}");
    let encrypted = certs.write("encrypted.key", &pem("ENCRYPTED PRIVATE KEY", &[0x30, 0]));
    let error = with_key(&encrypted);
    assert!(error.to_string().contains("is encrypted"), "{error}");
    assert!(error.hints()[0].contains("--key-password-file"), "{:?}", error.hints());
    assert!(error.hints()[1].contains("--key-command 'openssl pkey -in"), "{:?}", error.hints());
    let error = with_key(&certs.ca);
    assert!(
        error.to_string().ends_with("ca.crt: this is a certificate, not a private key in PEM form"),
        "{error}"
    );
    let garbage = certs.write("garbage.key", &pem("PRIVATE KEY", &[0x30, 0]));
    let error = with_key(&garbage);
    assert!(error.to_string().contains("garbage.key: the private key is not usable"), "{error}");
    let error = setup_error(TlsOptions { cert: Some(certs.client_cert.clone()), ..trusting(&certs.ca) });
    assert!(error.to_string().contains("--cert goes with either --key or --key-command"), "{error}");
}

// F-91
#[cfg(unix)]
#[test]
fn a_key_that_everybody_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let certs = Certs::new();
    let tls = TlsOptions {
        cert: Some(certs.client_cert.clone()),
        key: Some(certs.client_key.clone()),
        ..trusting(&certs.ca)
    };
    assert!(transport("localhost", 1, tls.clone()).unwrap().warnings().is_empty());
    std::fs::set_permissions(&certs.client_key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let transport = transport("localhost", 1, tls).unwrap();
    let [warning] = transport.warnings() else { panic!("{:?}", transport.warnings()) };
    assert_eq!(warning.keyword, "key-perms");
    assert!(warning.text.contains("client.key is mode 0644"), "{}", warning.text);
}

#[test]
fn options_that_would_be_ignored_are_refused() {
    let certs = Certs::new();
    let plain = TransportOptions { tls: trusting(&certs.ca), ..TransportOptions::default() };
    let error = Transport::new(plain).unwrap_err();
    assert!(error.to_string().contains("need an endpoint with TLS"), "{error}");
    let tls = TlsOptions { pins: vec![TlsPin::of(b"")], ..trusting(&certs.ca) };
    assert!(setup_error(tls).to_string().contains("--tls-pin replaces"));
    let tls = TlsOptions { server_name: Some("a b".to_owned()), ..trusting(&certs.ca) };
    assert!(setup_error(tls).to_string().contains("\"a b\" is neither a DNS name nor an address"));
}

#[tokio::test]
async fn the_key_log_is_written() {
    let certs = Certs::new();
    let log = certs.path("keys.log");
    let tls = TlsOptions { key_log: Some(log.clone()), ..trusting(&certs.ca) };
    let server = serve(&server_tls(&certs)).await;
    assert_echo(connect("localhost", server.port, tls).await.unwrap()).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let line = text.lines().find(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).unwrap();
    let [_, random, secret] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    assert!(random.len() == 64 && secret.len() >= 64, "{line}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn listening_with_tls_needs_a_good_certificate() {
    let certs = Certs::new();
    let address = Endpoint::listening("mqtts://127.0.0.1:0").unwrap();
    let error = Listener::bind(&address, None).await.unwrap_err();
    assert!(matches!(error, ListenError::Setup(SetupError::Combination(_))), "{error}");
    let tls = ServerTls { key: certs.client_key.clone(), ..server_tls(&certs) };
    let error = Listener::bind(&address, Some(&tls)).await.unwrap_err();
    assert!(matches!(error, ListenError::Setup(SetupError::KeyMismatch { .. })), "{error}");
}

fn serial(mut params: rcgen::CertificateParams, serial: u64) -> rcgen::CertificateParams {
    params.serial_number = Some(serial.into());
    params
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let certs = Certs::new();
    let good = certs.authority.issue(&serial(params("good", &["localhost"]), 4));
    let revoked = certs.authority.issue(&serial(params("revoked", &["localhost"]), 5));
    let crl = certs.write("crl.pem", &certs.authority.crl(&[5], 3000));
    let with = |crl: &Path| TlsOptions { crl: Some(crl.to_owned()), ..trusting(&certs.ca) };

    let server = serve_identity(&certs, &good).await;
    assert_echo(connect("localhost", server.port, with(&crl)).await.unwrap()).await;
    let der = certs.path("crl.der");
    let text = std::fs::read_to_string(&crl).unwrap();
    std::fs::write(
        &der,
        rustls::pki_types::pem::PemObject::from_pem_slice(text.as_bytes())
            .map(|crl: rustls::pki_types::CertificateRevocationListDer<'_>| crl.to_vec())
            .unwrap(),
    )
    .unwrap();
    for crl in [&crl, &der] {
        for tls in [with(crl), TlsOptions { legacy: true, any_name: true, ..with(crl) }] {
            let server = serve_identity(&certs, &revoked).await;
            let fault = fault("localhost", server.port, tls).await;
            assert_eq!(
                fault.to_string(),
                "the server certificate of \"CN=revoked\" has been revoked by \"CN=Test CA\""
            );
            let Err(HandshakeError::Tls(error)) = server.task.await.unwrap() else { panic!() };
            assert!(error.to_string().contains("CertificateRevoked"), "{error}");
        }
    }
    // Without the list it is good.
    let server = serve_identity(&certs, &revoked).await;
    assert_echo(connect("localhost", server.port, trusting(&certs.ca)).await.unwrap()).await;
}

// What cannot be looked up in a list counts as revoked.
#[tokio::test]
async fn a_list_that_says_nothing_about_the_certificate_is_not_enough() {
    let certs = Certs::new();
    let other = Authority::new("Other CA");
    let twin = Authority::new("Test CA");
    let identity = certs.authority.issue(&params("x", &["localhost"]));
    let old = Identity::version_1(&params("localhost", &[]));
    for (crl, expected) in [
        (other.crl(&[], 3000), "there is no CRL of \"CN=Test CA\", which signed the server certificate"),
        (certs.authority.crl(&[], 2021), "the CRL should have been replaced 2021-01-01 00:00 UTC ("),
        (
            twin.crl(&[], 3000),
            "the CRL cannot be used for the certificates of \"CN=Test CA\": its signature is not by that CA",
        ),
    ] {
        let crl = certs.write("crl.pem", &crl);
        let tls = TlsOptions { crl: Some(crl), legacy: true, any_name: true, ..trusting(&certs.ca) };
        let server = serve_identity(&certs, &identity).await;
        let fault = fault("localhost", server.port, tls.clone()).await;
        assert!(fault.to_string().starts_with(expected), "{fault}");
        assert!(fault.hints()[0].contains("--crl"), "{:?}", fault.hints());
        // Nobody can look a certificate of version 1 up.
        let server = serve_identity(&certs, &old).await;
        assert!(connect("localhost", server.port, tls).await.is_err());
    }
}

#[test]
fn wrong_crl_files_are_named() {
    let certs = Certs::new();
    let error = |text: &str| {
        let crl = certs.write("crl", text);
        setup_error(TlsOptions { crl: Some(crl), ..trusting(&certs.ca) }).to_string()
    };
    assert!(error("").ends_with("crl: the file is empty; a CRL in PEM form is wanted"), "{}", error(""));
    let certificate = error(&certs.authority.pem());
    assert!(certificate.ends_with("crl: this is a certificate, not a CRL in PEM form"), "{certificate}");
    let damaged = error(&pem("X509 CRL", &[0x30, 0]));
    assert!(damaged.contains("crl: the CRL is not usable: "), "{damaged}");
    let crl = certs.write("crl", &certs.authority.crl(&[], 3000));
    for tls in [
        TlsOptions { crl: Some(crl.clone()), ..pinning(TlsPin::of(b"")) },
        TlsOptions { crl: Some(crl.clone()), insecure: true, ..TlsOptions::default() },
    ] {
        assert!(matches!(setup_error(tls), SetupError::Combination(_)));
    }
    let leaf = certs.write("leaf.crt", &Identity::self_signed(&params("x", &["localhost"])).cert);
    let tls = TlsOptions { crl: Some(crl), ..trusting(&leaf) };
    assert!(setup_error(tls).to_string().contains("--crl needs the certificate of the CA"));
}

#[test]
fn a_file_of_another_kind_is_called_what_it_is() {
    let certs = Certs::new();
    let with = |name: &str, bytes: &[u8]| {
        let path = certs.path(name);
        std::fs::write(&path, bytes).unwrap();
        let ca = setup_error(trusting(&path));
        let key = setup_error(TlsOptions {
            cert: Some(certs.client_cert.clone()),
            key: Some(path.clone()),
            ..trusting(&certs.ca)
        });
        let cert = setup_error(TlsOptions {
            cert: Some(path.clone()),
            key: Some(certs.client_key.clone()),
            ..trusting(&certs.ca)
        });
        assert_eq!(ca.to_string(), cert.to_string());
        [ca, key].map(|error| {
            let text = error.to_string();
            (text.rsplit_once(": ").unwrap().1.to_owned(), error.hints().concat())
        })
    };
    let swapped = setup_error(trusting(&certs.client_key));
    assert!(
        swapped.to_string().ends_with("client.key: this is a private key, not a certificate in PEM form"),
        "{swapped}"
    );
    assert_eq!(swapped.hints(), ["have --cert and --key been swapped?"]);
    let [ca, key] = with("empty", b"\n");
    assert_eq!(ca.0, "the file is empty; a certificate in PEM form is wanted");
    assert_eq!(key.0, "the file is empty; a private key in PEM form is wanted");
    let [ca, key] = with("client.p12", &[0x30, 0x82, 0x0A, 0x37, 2, 1, 3, 0x30, 0x82, 9, 0xFD]);
    assert_eq!(ca.0, "this is a PKCS#12 file (.p12, .pfx), not a certificate in PEM form");
    assert!(ca.1.contains("openssl pkcs12 -in ") && key.1.contains("--key-command 'openssl pkcs12 -in "));
    let [ca, key] = with("ca.der", &certs.server.cert_der);
    assert_eq!(ca.0, "this is DER, not PEM");
    assert!(ca.1.contains("openssl x509 -inform der -in "), "{}", ca.1);
    assert_eq!(key.0, "this is a certificate, not a private key in PEM form");
    let [ca, _] = with("utf16.pem", b"\xFF\xFE-\0-\0");
    assert_eq!(ca.0, "UTF-16 text; save it as UTF-8");
    let [ca, _] = with("store.jks", &[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2]);
    assert_eq!(ca.0, "this is a Java key store, not a certificate in PEM form");
    let [ca, _] = with("request.pem", pem("CERTIFICATE REQUEST", &[0x30, 0]).as_bytes());
    assert_eq!(ca.0, "this is a request for a certificate, not a certificate in PEM form");
}

// A broker that has no TLS in common with us ends the handshake before it shows a certificate; one that asks for a
// client certificate does so after it.
#[tokio::test]
async fn an_alert_before_any_answer_is_not_about_client_certificates() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let tls = TlsOptions { insecure: true, ..TlsOptions::default() };
    let fault = fault("127.0.0.1", port, tls).await;
    assert_eq!(fault, TlsFault::NothingInCommon);
    assert!(!fault.hints().concat().contains("client certificate"), "{:?}", fault.hints());
    within(peer).await.unwrap();
}

// As AWS IoT does for a wrong ALPN protocol or client identifier.
#[cfg(unix)]
#[tokio::test]
async fn a_broker_that_closes_after_the_handshake_is_not_asked_for_tls() {
    let certs = Certs::new();
    let address = Endpoint::listening("mqtts://127.0.0.1:0").unwrap();
    let listener = Listener::bind(&address, Some(&server_tls(&certs))).await.unwrap();
    let port = listener.local_address().port();
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap().handshake().await.unwrap();
        // CONNECT, so that the end is no reset.
        let _ = stream.read(&mut [0; 1000]).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let run = crate::support::mqt::Mqt::new(["pub", "-V", "5", "-h", "127.0.0.1", "-t", "a", "-n", "-p"])
        .args([&port.to_string(), "--cafile", certs.ca.to_str().unwrap()]);
    let outcome = tokio::task::spawn_blocking(|| run.run()).await.unwrap();
    within(peer).await.unwrap();
    outcome.assert_code(7).assert_stderr_has("closed before CONNACK").assert_stderr_lacks("may expect TLS");
    for text in ["--tls-alpn mqtt", "x-amzn-mqtt-ca", "--cert", "-i"] {
        outcome.assert_stderr_has(text);
    }
}
