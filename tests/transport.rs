//! Plain transports and proxies: our transport against our listener, and against proxies that the test plays.

use std::time::Duration;

use mqt_client::listen::{ListenError, Listener};
use mqt_client::{ConnectError, Connected, Endpoint, Transport, TransportOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap()
}

fn to(url: &str) -> TransportOptions {
    TransportOptions { endpoint: url.parse().unwrap(), ..TransportOptions::default() }
}

fn through(proxy: &str, url: &str) -> TransportOptions {
    TransportOptions { proxy: Some(proxy.parse().unwrap()), ..to(url) }
}

async fn connect(options: TransportOptions) -> Result<Connected, ConnectError> {
    within(Transport::new(options).unwrap().connect()).await
}

/// Accepts one client and sends back four bytes.
fn echo_once(listener: Listener) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stream, peer) = listener.accept().await.unwrap().handshake().await.unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        peer
    })
}

async fn assert_echo(connected: &mut Connected) {
    connected.stream.write_all(b"ping").await.unwrap();
    connected.stream.flush().await.unwrap();
    let mut bytes = [0; 4];
    within(connected.stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"ping");
}

#[tokio::test]
async fn tcp_connects_under_every_name_of_this_machine() {
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let address = Endpoint::listening(&format!("mqtt://{host}:0")).unwrap();
        let listener = Listener::bind(&address, None).await.unwrap();
        let port = listener.local_address().port();
        let server = echo_once(listener);
        let mut connected = connect(to(&format!("mqtt://{host}:{port}"))).await.unwrap();
        assert!(connected.peer.ends_with(&format!(":{port}")), "{}", connected.peer);
        assert_echo(&mut connected).await;
        server.await.unwrap();
    }
}

#[tokio::test]
async fn localhost_listens_in_both_ip_versions() {
    for name in ["localhost", "*"] {
        let listener =
            Listener::bind(&Endpoint::listening(&format!("{name}:0")).unwrap(), None).await.unwrap();
        let port = listener.local_address().port();
        assert_ne!(port, 0);
        for host in ["127.0.0.1", "[::1]"] {
            let mut connected = connect(to(&format!("mqtt://{host}:{port}"))).await.unwrap();
            let incoming = listener.accept().await.unwrap();
            assert!(incoming.peer().starts_with(host), "{}", incoming.peer());
            let (mut stream, _) = incoming.handshake().await.unwrap();
            stream.write_all(b"x").await.unwrap();
            assert_eq!(within(connected.stream.read_u8()).await.unwrap(), b'x');
        }
    }
}

// F-01
#[tokio::test]
async fn a_refusal_names_every_address() {
    // Bound and not listening: nobody else can take the port, and nothing answers.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let error = connect(to(&format!("mqtt://127.0.0.1:{port}"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("127.0.0.1:{port}: connection refused"));
    let error = connect(to(&format!("mqtt://localhost:{port}"))).await.unwrap_err();
    let ConnectError::Connect { attempts, .. } = &error else { panic!("{error:?}") };
    assert_eq!(attempts.len(), 2, "{error}");
    assert!(error.to_string().starts_with(&format!("no connection to localhost:{port}; ")), "{error}");
}

#[tokio::test]
async fn a_taken_port_cannot_be_listened_on() {
    let first = Listener::bind(&Endpoint::listening("127.0.0.1:0").unwrap(), None).await.unwrap();
    let error = Listener::bind(first.local_address(), None).await.unwrap_err();
    assert!(matches!(error, ListenError::Io { .. }));
    let port = first.local_address().port();
    assert_eq!(error.to_string(), format!("127.0.0.1:{port}: address in use"));
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_connect_and_clean_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.sock");
    let url = format!("unix://{}", path.display().to_string().replace(' ', "%20"));
    let error = connect(to(&url)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no such file", path.display()));

    // A file that a killed server left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address: Endpoint = url.parse().unwrap();
    let listener = Listener::bind(&address, None).await.unwrap();
    let error = Listener::bind(&address, None).await.unwrap_err();
    assert!(error.to_string().ends_with("address in use"), "{error}");
    drop(listener);
    assert!(!path.exists());

    let listener = Listener::bind(&address, None).await.unwrap();
    let server = echo_once(listener);
    let mut connected = connect(to(&url)).await.unwrap();
    assert_eq!(connected.peer, path.display().to_string());
    assert_echo(&mut connected).await;
    server.await.unwrap();
    assert!(!path.exists());
}

/// A proxy that takes one connection and plays `script`: bytes that must come and bytes to send for them.
/// Then it hands the connection over.
async fn scripted(script: Vec<(Vec<u8>, Vec<u8>)>) -> (u16, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for (expected, answer) in script {
            let mut received = vec![0; expected.len()];
            within(stream.read_exact(&mut received)).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(&expected));
            stream.write_all(&answer).await.unwrap();
        }
        stream
    });
    (port, task)
}

async fn assert_tunnel(connected: &mut Connected, proxy: JoinHandle<TcpStream>) {
    let mut far = proxy.await.unwrap();
    connected.stream.write_all(b"up").await.unwrap();
    far.write_all(b"down").await.unwrap();
    let mut bytes = [0; 2];
    within(far.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"up");
    let mut bytes = [0; 4];
    within(connected.stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"down");
}

// RFC 1928, RFC 1929: the name goes to the proxy, nothing is looked up here.
#[tokio::test]
async fn socks5_tunnels_to_a_name() {
    let request = [&[5, 1, 0, 3, 14][..], b"broker.invalid", &[0x07, 0x5B]].concat();
    let granted = vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let (port, proxy) = scripted(vec![(vec![5, 1, 0], vec![5, 0]), (request, granted)]).await;
    let options = through(&format!("socks5h://127.0.0.1:{port}"), "mqtt://broker.invalid");
    let mut connected = connect(options).await.unwrap();
    assert_eq!(connected.peer, format!("127.0.0.1:{port}"));
    assert_tunnel(&mut connected, proxy).await;
}

#[tokio::test]
async fn socks5_logs_in() {
    let login = [&[1, 2][..], b"u:", &[3], b"p@w"].concat();
    let request = [&[5, 1, 0, 1, 10, 0, 0, 1][..], &[0x04, 0xD2]].concat();
    let granted = vec![5, 0, 0, 3, 1, b'x', 0, 0];
    let script = vec![(vec![5, 2, 0, 2], vec![5, 2]), (login.clone(), vec![1, 0]), (request, granted)];
    let (port, proxy) = scripted(script).await;
    let options = through(&format!("socks5h://u%3A:p%40w@127.0.0.1:{port}"), "mqtt://10.0.0.1:1234");
    assert_tunnel(&mut connect(options).await.unwrap(), proxy).await;

    let (port, proxy) = scripted(vec![(vec![5, 2, 0, 2], vec![5, 2]), (login, vec![1, 1])]).await;
    let options = through(&format!("socks5h://u%3A:p%40w@127.0.0.1:{port}"), "mqtt://10.0.0.1:1234");
    let error = connect(options).await.unwrap_err();
    let expected = format!("proxy socks5h://***@127.0.0.1:{port}: it refuses the user name or password");
    assert_eq!(error.to_string(), expected);
    drop(proxy.await.unwrap());
}

#[tokio::test]
async fn socks5_refusals_are_told() {
    for (method, reply, expected) in [
        (0xFF, None, "it wants a user name and password"),
        (2, None, "it wants a user name and password"),
        (0, Some(1), "General SOCKS server failure"),
        (0, Some(2), "its rules do not allow h:1883"),
        (0, Some(3), "it cannot reach h:1883: network unreachable"),
        (0, Some(4), "it cannot reach h:1883: host unreachable"),
        (0, Some(5), "it cannot reach h:1883: connection refused"),
    ] {
        let mut script = vec![(vec![5, 1, 0], vec![5, method])];
        if let Some(reply) = reply {
            let request = [&[5, 1, 0, 3, 1, b'h'][..], &[0x07, 0x5B]].concat();
            script.push((request, vec![5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
        }
        let (port, proxy) = scripted(script).await;
        let error = connect(through(&format!("socks5h://127.0.0.1:{port}"), "mqtt://h")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { .. }), "{error:?}");
        assert!(error.to_string().ends_with(expected), "{error}");
        drop(proxy.await.unwrap());
    }
}

// RFC 9110, section 9.3.6
#[tokio::test]
async fn http_connect_tunnels() {
    let request = "CONNECT [2001:db8::1]:1883 HTTP/1.1\r\nHost: [2001:db8::1]:1883\r\n\
                   Proxy-Authorization: Basic dTpwOnc=\r\n\r\n";
    let answer = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    let (port, proxy) = scripted(vec![(request.into(), answer.into())]).await;
    let options = through(&format!("http://u:p%3Aw@127.0.0.1:{port}"), "mqtt://[2001:db8::1]");
    assert_tunnel(&mut connect(options).await.unwrap(), proxy).await;
}

#[tokio::test]
async fn http_refusals_are_told() {
    let request = "CONNECT h:1883 HTTP/1.1\r\nHost: h:1883\r\n\r\n";
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_owned(),
            "it wants a user name and password (407)",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n".to_owned(), "it refuses: HTTP/1.1 403 Forbidden"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n".to_owned(), "it cannot reach h:1883: HTTP/1.1 502 Bad Gateway"),
        ("HTTP/1.1 500 Oops\r\n\r\n".to_owned(), "it refuses: HTTP/1.1 500 Oops"),
        ("SSH-2.0-x\r\n\r\n".to_owned(), "it does not speak HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), "it sent bytes of its own into the tunnel"),
        (format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(20_000)), "the header of its answer is too long"),
        (String::new(), "it closed the connection before it answered"),
    ] {
        let (port, proxy) = scripted(vec![(request.into(), answer.into())]).await;
        let closing = tokio::spawn(async move {
            let mut stream = proxy.await.unwrap();
            stream.shutdown().await.unwrap();
            // The client is the one to hang up.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let error = connect(through(&format!("http://127.0.0.1:{port}"), "mqtt://h")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { .. }), "{error:?}");
        assert!(error.to_string().ends_with(expected), "{error}");
        within(closing).await.unwrap();
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let error = connect(through(&format!("http://u:canary@127.0.0.1:{port}"), "mqtt://h")).await.unwrap_err();
    let expected = format!("proxy http://***@127.0.0.1:{port}: 127.0.0.1:{port}: connection refused");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn tls_goes_through_a_proxy() {
    use crate::support::certs::Certs;
    use mqt_client::listen::ServerTls;

    let certs = Certs::new();
    let tls = ServerTls { cert: certs.server_cert.clone(), key: certs.server_key.clone(), client_ca: None };
    let address = Endpoint::listening("mqtts://127.0.0.1:0").unwrap();
    let listener = Listener::bind(&address, Some(&tls)).await.unwrap();
    let broker = listener.local_address().port();
    let server = echo_once(listener);
    let request = format!("CONNECT localhost:{broker} HTTP/1.1\r\nHost: localhost:{broker}\r\n\r\n");
    let (port, proxy) = scripted(vec![(request.into(), b"HTTP/1.1 200 OK\r\n\r\n".to_vec())]).await;
    let relay = tokio::spawn(async move {
        let mut near = proxy.await.unwrap();
        let mut far = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    let mut options = through(&format!("http://127.0.0.1:{port}"), &format!("mqtts://localhost:{broker}"));
    options.tls.ca_file = Some(certs.ca.clone());
    let mut connected = connect(options).await.unwrap();
    assert_echo(&mut connected).await;
    drop(connected);
    server.await.unwrap();
    within(relay).await.unwrap();
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_no_proxy() {
    assert!(Transport::new(through("http://p", "unix:///s")).is_err());
    let options = TransportOptions { bind: Some("127.0.0.1".to_owned()), ..to("unix:///s") };
    assert!(Transport::new(options).is_err());
}
