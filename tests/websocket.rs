//! MQTT over WebSocket: between our transport and our listener, and against peers written byte by byte.

use std::time::Duration;

use mqt_client::listen::{HandshakeError, Listener};
use mqt_client::{
    ConnectError, Connected, Endpoint, SetupError, Transport, TransportOptions, WsFault, stream_fault,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::certs::Certs;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap()
}

async fn connect(url: &str, headers: &[&str]) -> Result<Connected, ConnectError> {
    let options = TransportOptions {
        endpoint: url.parse().unwrap(),
        ws_headers: headers.iter().map(|header| header.parse().unwrap()).collect(),
        ..TransportOptions::default()
    };
    within(Transport::new(options).unwrap().connect()).await
}

/// Reads up to the end of an HTTP header.
async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        header.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(header).unwrap()
}

fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A server that takes one request, answers what `answer` makes of it, and hands the connection over.
async fn scripted(
    answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static,
) -> (u16, JoinHandle<(String, TcpStream)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_header(&mut stream).await;
        stream.write_all(&answer(&request)).await.unwrap();
        (request, stream)
    });
    (port, task)
}

fn agreement(request: &str) -> Vec<u8> {
    let accept = derive_accept_key(field(request, "Sec-WebSocket-Key").unwrap().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

async fn refusal(answer: impl Into<Vec<u8>>) -> WsFault {
    let answer = answer.into();
    let (port, task) = scripted(move |_| answer).await;
    let outcome = connect(&format!("ws://127.0.0.1:{port}"), &[]).await;
    drop(task.await.unwrap());
    match outcome {
        Err(ConnectError::WebSocket(fault)) => fault,
        outcome => panic!("{outcome:?}"),
    }
}

/// Reads one frame of a client: its first byte and its unmasked payload.
async fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = within(stream.read_u8()).await.unwrap();
    let len = match stream.read_u8().await.unwrap() {
        0xFE => u64::from(stream.read_u16().await.unwrap()),
        0xFF => stream.read_u64().await.unwrap(),
        len => {
            assert!(len & 0x80 != 0, "a client masks its frames");
            u64::from(len & 0x7F)
        }
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    within(stream.read_exact(&mut payload)).await.unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (first, payload)
}

/// A connected pair: our client and the raw server side.
async fn pair() -> (Connected, TcpStream) {
    let (port, task) = scripted(agreement).await;
    let connected = connect(&format!("ws://127.0.0.1:{port}"), &[]).await.unwrap();
    (connected, task.await.unwrap().1)
}

#[tokio::test]
async fn the_request_says_what_the_standard_wants() {
    // 5:6.0.0-3, 311:6.0.0-3
    let (port, task) = scripted(agreement).await;
    let url = format!("ws://u:canary@127.0.0.1:{port}/a%20b?c");
    connect(&url, &["X-Token: t", "X-Token: é"]).await.unwrap();
    let (request, _) = task.await.unwrap();
    assert!(request.starts_with("GET /a%20b?c HTTP/1.1\r\n"), "{request}");
    assert_eq!(field(&request, "Host"), Some(format!("127.0.0.1:{port}").as_str()));
    assert_eq!(field(&request, "Sec-WebSocket-Protocol"), Some("mqtt"));
    assert_eq!(field(&request, "Sec-WebSocket-Version"), Some("13"));
    assert_eq!(field(&request, "X-Token"), Some("t"));
    assert!(request.contains("x-token: é"), "{request}");
    assert!(!request.contains("canary"), "{request}");

    let (port, task) = scripted(agreement).await;
    connect(&format!("ws://127.0.0.1:{port}"), &["Host: other"]).await.unwrap();
    let (request, _) = task.await.unwrap();
    assert!(request.starts_with("GET /mqtt HTTP/1.1\r\n"), "{request}");
    assert_eq!(field(&request, "Host"), Some("other"));
    assert_eq!(request.to_lowercase().matches("host:").count(), 1);
}

#[tokio::test]
async fn a_refusal_keeps_status_body_and_location() {
    let body = "x".repeat(300);
    let fault = refusal(format!("HTTP/1.1 404 Not Found\r\nContent-Length: 300\r\n\r\n{body}")).await;
    let WsFault::Refused { status: 404, location: None, body } = &fault else { panic!("{fault:?}") };
    assert_eq!(body.len(), 200);
    assert_eq!(fault.to_string(), "the server refuses the WebSocket: HTTP status 404");

    let fault = refusal("HTTP/1.1 401 Unauthorized\r\n\r\n").await;
    assert!(fault.hints()[0].contains("--ws-header"), "{:?}", fault.hints());

    let fault = refusal("HTTP/1.1 302 Found\r\nLocation: https://else.example/\r\n\r\n").await;
    assert!(fault.hints()[0].contains("https://else.example/"), "{:?}", fault.hints());

    let fault = refusal("HTTP/1.1 200 OK\r\n\r\nhello").await;
    assert!(matches!(&fault, WsFault::Refused { status: 200, body, .. } if body == b"hello"), "{fault:?}");
}

// 5:6.0.0-3, 5:6.0.0-4, 311:6.0.0-3, 311:6.0.0-4: W-02
#[tokio::test]
async fn the_handshake_must_be_right() {
    for (from, to, expected) in [
        ("Sec-WebSocket-Protocol: mqtt\r\n", "", "does not speak the WebSocket subprotocol"),
        ("Protocol: mqtt\r\n", "Protocol: mqttv3.1\r\n", "does not speak the WebSocket subprotocol"),
        ("Accept: ", "Accept: x", "no WebSocket handshake"),
        ("Upgrade: websocket\r\n", "", "no WebSocket handshake"),
    ] {
        let (port, task) = scripted(move |request| {
            let answer = String::from_utf8(agreement(request)).unwrap();
            assert!(answer.contains(from));
            answer.replace(from, to).into_bytes()
        })
        .await;
        let error = connect(&format!("ws://127.0.0.1:{port}"), &[]).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        drop(task.await.unwrap());
    }
    assert_eq!(refusal("SSH-2.0-x\r\n\r\n").await, WsFault::Answer("not HTTP".to_owned()));
    let flood = format!("HTTP/1.1 101 x\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    assert!(matches!(refusal(flood).await, WsFault::Answer(_)));
}

/// A slow gateway is no attack: each byte of a legal answer comes by itself, and the first frame with the last.
#[tokio::test]
async fn a_handshake_may_come_byte_by_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let request = read_header(&mut stream).await;
        let padding = format!("X-Padding: {}\r\n\r\n", "x".repeat(1_000));
        let answer =
            String::from_utf8(agreement(&request)).unwrap().replace("\r\n\r\n", &format!("\r\n{padding}"));
        for byte in answer.as_bytes() {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.write_all(b"\x82\x02hi").await.unwrap();
        stream
    });
    let mut connected = connect(&format!("ws://127.0.0.1:{port}"), &[]).await.unwrap();
    let mut greeting = [0; 2];
    within(connected.stream.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"hi");
    drop(gateway.await.unwrap());
}

#[tokio::test]
async fn a_plain_mqtt_port_is_no_websocket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_header(&mut stream).await;
    });
    let error = connect(&format!("ws://127.0.0.1:{port}"), &[]).await.unwrap_err();
    assert!(error.to_string().contains("broke in the WebSocket handshake"), "{error}");
    assert_eq!(error.hints(), ["is this the WebSocket port of the broker?"]);
    task.await.unwrap();
}

// 5:6.0.0-2, 311:6.0.0-2: packets and frames have nothing to do with each other. W-04
#[tokio::test]
async fn frames_are_only_bytes() {
    let (mut client, mut server) = pair().await;
    let suback = [0x90, 3, 0, 1, 0];
    let pingresp = [0xD0, 0];
    let stream = [&suback[..], &pingresp, &suback].concat();
    // A byte per frame, an empty frame, a fragmented message, all in one frame.
    for byte in &stream {
        server.write_all(&[0x82, 1, *byte]).await.unwrap();
    }
    server.write_all(&[0x82, 0]).await.unwrap();
    let (head, tail) = stream.split_at(7);
    server.write_all(&[&[0x02, 7], head, &[0x80, 5], tail].concat()).await.unwrap();
    server.write_all(&[&[0x82, 12], &stream[..]].concat()).await.unwrap();
    let mut received = vec![0; 36];
    within(client.stream.read_exact(&mut received)).await.unwrap();
    assert_eq!(received, stream.repeat(3));
}

#[tokio::test]
async fn what_is_written_between_two_flushes_is_one_frame() {
    let (mut client, mut server) = pair().await;
    for _ in 0..3 {
        client.stream.write_all(&[0xC0, 0]).await.unwrap();
    }
    let slices = [std::io::IoSlice::new(&[0xE0]), std::io::IoSlice::new(&[0])];
    assert_eq!(client.stream.write_vectored(&slices).await.unwrap(), 2);
    client.stream.flush().await.unwrap();
    // 5:6.0.0-1, 311:6.0.0-1: a binary frame.
    assert_eq!(read_frame(&mut server).await, (0x82, vec![0xC0, 0, 0xC0, 0, 0xC0, 0, 0xE0, 0]));
    client.stream.flush().await.unwrap();

    let large = vec![7; 300_000];
    let writer = async {
        client.stream.write_all(&large).await.unwrap();
        client.stream.flush().await.unwrap();
    };
    let reader = async {
        let mut received = Vec::new();
        while received.len() < large.len() {
            let (first, payload) = read_frame(&mut server).await;
            assert!(first == 0x82 && payload.len() <= 131_072, "{first} {}", payload.len());
            received.extend(payload);
        }
        received
    };
    let ((), received) = tokio::join!(writer, reader);
    assert_eq!(received, large);
}

// W-05: the limit of a frame is that of MQTT.
#[tokio::test]
async fn a_frame_may_be_as_large_as_a_packet() {
    let (client, mut server) = pair().await;
    let len: u64 = 17 * 1024 * 1024;
    let (mut read, _write) = tokio::io::split(client.stream);
    let writer = async {
        server.write_all(&[&[0x82, 127], &len.to_be_bytes()[..]].concat()).await.unwrap();
        let block = vec![7; 1024 * 1024];
        for _ in 0..17 {
            server.write_all(&block).await.unwrap();
        }
    };
    let reader = async {
        let mut buffer = vec![0; 64 * 1024];
        let mut received = 0;
        while received < len {
            let read = within(read.read(&mut buffer)).await.unwrap();
            assert!(read > 0);
            received += u64::try_from(read).unwrap();
        }
    };
    tokio::join!(writer, reader);

    server.write_all(&[&[0x82, 127], &(300_u64 << 20).to_be_bytes()[..]].concat()).await.unwrap();
    let error = within(read.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (mut client, mut server) = pair().await;
    server.write_all(&[0x89, 2, b'h', b'i', 0x82, 1, 9]).await.unwrap();
    assert_eq!(within(client.stream.read_u8()).await.unwrap(), 9);
    assert_eq!(read_frame(&mut server).await, (0x8A, b"hi".to_vec()));
}

// 5:6.0.0-1, 311:6.0.0-1: W-03
#[tokio::test]
async fn a_text_frame_is_an_error() {
    let (mut client, mut server) = pair().await;
    server.write_all(&[0x81, 2, b'h', b'i']).await.unwrap();
    let error = within(client.stream.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let fault = stream_fault(&error);
    assert!(matches!(fault, Some(ConnectError::WebSocket(WsFault::TextFrame))), "{fault:?}");
    assert!(error.to_string().starts_with("text frame"), "{error}");
}

#[tokio::test]
async fn broken_frames_are_errors() {
    for frame in [&[0x83, 0][..], &[0xF2, 0], &[0x82, 0x81, 1, 2, 3, 4, 5]] {
        let (mut client, mut server) = pair().await;
        server.write_all(frame).await.unwrap();
        let error = within(client.stream.read_u8()).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{frame:?} {error}");
    }
}

#[tokio::test]
async fn close_is_the_end_and_shutdown_is_close() {
    let (mut client, mut server) = pair().await;
    server.write_all(&[0x82, 1, 9, 0x88, 2, 0x03, 0xE8]).await.unwrap();
    let mut received = Vec::new();
    within(client.stream.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received, [9]);

    let (mut client, mut server) = pair().await;
    client.stream.write_all(&[0xE0, 0]).await.unwrap();
    within(client.stream.shutdown()).await.unwrap();
    assert_eq!(read_frame(&mut server).await, (0x82, vec![0xE0, 0]));
    assert_eq!(read_frame(&mut server).await, (0x88, vec![]));
    assert_eq!(within(server.read(&mut [0])).await.unwrap(), 0);

    // The end of the connection without Close is a loss.
    let (mut client, server) = pair().await;
    drop(server);
    let error = within(client.stream.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
}

/// Accepts one client and sends back what it sends.
async fn echo(listener: Listener) -> Result<(), HandshakeError> {
    let (mut stream, _) = listener.accept().await.unwrap().handshake().await?;
    let mut bytes = vec![0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut bytes).await {
        stream.write_all(&bytes[..len]).await.unwrap();
        stream.flush().await.unwrap();
    }
    Ok(())
}

#[tokio::test]
async fn our_listener_and_our_client_agree() {
    let certs = Certs::new();
    let tls = mqt_client::listen::ServerTls {
        cert: certs.server_cert.clone(),
        key: certs.server_key.clone(),
        client_ca: None,
    };
    for scheme in ["ws", "wss"] {
        let address = Endpoint::listening(&format!("{scheme}://localhost:0")).unwrap();
        let listener = Listener::bind(&address, (scheme == "wss").then_some(&tls)).await.unwrap();
        let mut options =
            TransportOptions { endpoint: listener.local_address().clone(), ..TransportOptions::default() };
        if scheme == "wss" {
            options.tls.ca_file = Some(certs.ca.clone());
        }
        let server = tokio::spawn(echo(listener));
        let mut connected = within(Transport::new(options).unwrap().connect()).await.unwrap();
        let sent: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let (mut read, mut write) = tokio::io::split(&mut connected.stream);
        let writer = async {
            write.write_all(&sent).await.unwrap();
            write.flush().await.unwrap();
        };
        let mut received = vec![0; sent.len()];
        let (_, ()) = within(async { tokio::join!(read.read_exact(&mut received), writer) }).await;
        assert_eq!(received, sent);
        within(connected.stream.shutdown()).await.unwrap();
        within(server).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn our_listener_wants_the_subprotocol() {
    for (protocol, status) in [
        ("", "400"),
        ("Sec-WebSocket-Protocol: mqttv3.1\r\n", "400"),
        ("Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n", "101"),
    ] {
        let listener = Listener::bind(&Endpoint::listening("ws://127.0.0.1:0").unwrap(), None).await.unwrap();
        let port = listener.local_address().port();
        let server = tokio::spawn(echo(listener));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!(
            "GET /any HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_header(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(field(&answer, "Sec-WebSocket-Protocol"), (status == "101").then_some("mqtt"));
        drop(stream);
        let outcome = within(server).await.unwrap();
        assert_eq!(outcome.is_ok(), status == "101", "{outcome:?}");
    }
}

#[test]
fn header_fields_need_a_websocket() {
    let options =
        TransportOptions { ws_headers: vec!["a: b".parse().unwrap()], ..TransportOptions::default() };
    let error = Transport::new(options).unwrap_err();
    assert!(matches!(error, SetupError::Combination(text) if text.contains("--ws-header")));
}
