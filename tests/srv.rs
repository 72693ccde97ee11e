//! SRV records from a name server that follows a script, and connections to the brokers that they name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mqt_client::{ConnectError, Connected, NameServers, Transport, TransportOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

/// Longer than anything takes; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(20);

const OK: [u8; 2] = [0x81, 0x80];
const TRUNCATED: [u8; 2] = [0x83, 0x80];
const FAILED: [u8; 2] = [0x81, 0x82];
const NO_SUCH_NAME: [u8; 2] = [0x81, 0x83];
const REFUSED: [u8; 2] = [0x81, 0x85];

/// What a name server says to each question over UDP, packet by packet, and over TCP.
type Says = fn(&[u8], u16) -> Vec<Vec<u8>>;

/// A name server on this machine, over UDP and TCP at one port.
struct NameServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// `port` is handed to the answers, for the record that is to lead somewhere.
    async fn start(port: u16, over_udp: Says, over_tcp: Says) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            // The same number may be taken there.
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut question = [0; 512];
            loop {
                let (length, from) = udp.recv_from(&mut question).await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                for packet in over_udp(&question[..length], port) {
                    udp.send_to(&packet, from).await.unwrap();
                }
            }
        });
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut question = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut question).await.unwrap();
                for packet in over_tcp(&question, port) {
                    stream.write_all(&packet).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    /// Over UDP only.
    async fn over_udp(port: u16, says: Says) -> Self {
        Self::start(port, says, |_, _| Vec::new()).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An answer to a question: flags and records.
fn answer(question: &[u8], flags: [u8; 2], records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let header = [&question[..2], &flags, &[0, 1], &count, &[0; 4]].concat();
    [header, question[12..].to_vec(), records.concat()].concat()
}

/// A record for the name in the question.
fn record(priority: u16, weight: u16, port: u16, host: &str) -> Vec<u8> {
    let mut target: Vec<u8> = Vec::new();
    for label in host.split('.').filter(|label| !label.is_empty()) {
        target.push(u8::try_from(label.len()).unwrap());
        target.extend(label.bytes());
    }
    target.push(0);
    raw_record(&[&[priority, weight, port].map(u16::to_be_bytes).concat()[..], &target].concat())
}

/// The same with any data.
fn raw_record(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c", &length[..], data].concat()
}

/// The length before a message over TCP.
fn framed(message: Vec<u8>) -> Vec<u8> {
    [u16::try_from(message.len()).unwrap().to_be_bytes().to_vec(), message].concat()
}

async fn connect(url: &str, servers: &[&NameServer]) -> Result<Connected, ConnectError> {
    let addresses = servers.iter().map(|server| server.address).collect();
    let options = TransportOptions {
        endpoint: url.parse().unwrap(),
        srv: Some(NameServers::These(addresses)),
        ..TransportOptions::default()
    };
    tokio::time::timeout(DEADLINE, Transport::new(options).unwrap().connect()).await.unwrap()
}

/// Why the domain `d.test` leads nowhere.
async fn fault(servers: &[&NameServer]) -> String {
    match connect("mqtt://d.test", servers).await.unwrap_err() {
        ConnectError::Lookup { host, reason } if host == "d.test" => reason,
        other => panic!("no failed lookup: {other:?}"),
    }
}

/// What was said of the only server.
async fn only_fault(says: Says) -> String {
    let server = NameServer::over_udp(0, says).await;
    fault(&[&server]).await.replace(&server.address.to_string(), "SERVER")
}

async fn broker() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The first by priority does not listen, and the next one does.
#[tokio::test]
async fn brokers_are_tried_in_the_order_of_the_records() {
    let (_broker, address) = broker().await;
    let server = NameServer::over_udp(address.port(), |question, port| {
        assert!(question.ends_with(b"\x05_mqtt\x04_tcp\x01d\x04test\x00\x00\x21\x00\x01"));
        // Nobody is at port 1.
        let records = [
            record(30, 65535, 1, "127.0.0.1"),
            record(20, 0, port, "127.0.0.1"),
            record(10, 1, 1, "127.0.0.1"),
            record(10, 0, 1, "127.0.0.1"),
        ];
        vec![answer(question, OK, &records)]
    })
    .await;
    let connected = connect("mqtt://d.test", &[&server]).await.unwrap();
    assert_eq!(connected.peer, address.to_string());
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn when_no_broker_listens_the_last_one_is_named() {
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = reserved.local_addr().unwrap().port();
    let server = NameServer::over_udp(port, |question, port| {
        vec![answer(question, OK, &[record(1, 1, port, "localhost"), record(2, 1, port, "127.0.0.1")])]
    })
    .await;
    let error = connect("mqtt://d.test", &[&server]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("127.0.0.1:{port}: connection refused"));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_comes_over_tcp() {
    let (_broker, address) = broker().await;
    let server = NameServer::start(
        address.port(),
        |question, _| vec![answer(question, TRUNCATED, &[])],
        |question, port| {
            // More than a packet has room for, in two pieces.
            let mut records: Vec<_> = (0..60).map(|number| record(9, number, 1, "127.0.0.1")).collect();
            records.push(record(1, 1, port, "127.0.0.1"));
            let mut message = framed(answer(question, OK, &records));
            let rest = message.split_off(100);
            vec![message, rest]
        },
    )
    .await;
    let connected = connect("mqtt://d.test", &[&server]).await.unwrap();
    assert_eq!(connected.peer, address.to_string());
}

#[tokio::test]
async fn tcp_may_end_early_or_say_anything() {
    for (over_tcp, why) in [
        ((|_, _| Vec::new()) as Says, "it closed the connection before it answered"),
        (
            |question, _| vec![framed(answer(question, OK, &[]))[..20].to_vec()],
            "it closed the connection before it answered",
        ),
        (|_, _| vec![framed(vec![0xFF; 40])], "its answer is to no question of ours"),
        (|_, _| vec![framed(Vec::new())], "its answer is to no question of ours"),
    ] {
        let server =
            NameServer::start(0, |question, _| vec![answer(question, TRUNCATED, &[])], over_tcp).await;
        assert_eq!(fault(&[&server]).await, format!("_mqtt._tcp.d.test: {}: {why}", server.address));
    }
}

/// The answer of one server counts for all.
#[tokio::test]
async fn a_domain_without_brokers_is_told() {
    for says in [
        (|question, _| vec![answer(question, NO_SUCH_NAME, &[])]) as Says,
        |question, _| vec![answer(question, OK, &[])],
        // A single dot: decidedly no broker.
        |question, _| vec![answer(question, OK, &[record(0, 0, 0, "")])],
    ] {
        let servers = [NameServer::over_udp(0, says).await, NameServer::over_udp(0, says).await];
        let reason = fault(&[&servers[0], &servers[1]]).await;
        assert_eq!(reason, "_mqtt._tcp.d.test: there is no such SRV record");
        assert_eq!(servers[1].asked(), 0);
    }
    let server = NameServer::over_udp(0, |question, _| vec![answer(question, NO_SUCH_NAME, &[])]).await;
    let error = connect("mqtts://d.test", &[&server]).await.unwrap_err();
    assert_eq!(error.to_string(), "d.test: _secure-mqtt._tcp.d.test: there is no such SRV record");
}

#[tokio::test]
async fn a_server_that_fails_leaves_it_to_the_next() {
    let (_broker, address) = broker().await;
    let good: Says = |question, port| vec![answer(question, OK, &[record(1, 1, port, "127.0.0.1")])];
    for (says, why) in [
        ((|question, _| vec![answer(question, FAILED, &[])]) as Says, "the name server failed"),
        (|question, _| vec![answer(question, REFUSED, &[])], "the name server refuses"),
        (|question, _| vec![answer(question, [0x81, 0x84], &[])], "the name server answers with error 4"),
    ] {
        let bad = NameServer::over_udp(0, says).await;
        let next = NameServer::over_udp(address.port(), good).await;
        assert_eq!(connect("mqtt://d.test", &[&bad, &next]).await.unwrap().peer, address.to_string());
        assert_eq!((bad.asked(), next.asked()), (1, 1));
        assert_eq!(fault(&[&bad]).await, format!("_mqtt._tcp.d.test: {}: {why}", bad.address));
    }
}

/// What others send in between is no answer: another identifier, another question, a question, too little.
#[tokio::test]
async fn forged_answers_are_passed_over() {
    let (_broker, address) = broker().await;
    let server = NameServer::over_udp(address.port(), |question, port| {
        let forged = answer(question, OK, &[record(1, 1, 1, "127.0.0.1")]);
        let mut other_id = forged.clone();
        other_id[0] ^= 1;
        let mut other_name = forged.clone();
        other_name[13] = b'x';
        let good = answer(question, OK, &[record(1, 1, port, "127.0.0.1")]);
        vec![other_id, other_name, question.to_vec(), question[..2].to_vec(), Vec::new(), good]
    })
    .await;
    assert_eq!(connect("mqtt://d.test", &[&server]).await.unwrap().peer, address.to_string());
}

#[tokio::test]
async fn hostile_answers_end_the_lookup() {
    for says in [
        // A target that is compressed into itself, and one into the next one and back.
        (|question, _| {
            let at = u8::try_from(question.len() + 12 + 6).unwrap();
            vec![answer(question, OK, &[raw_record(&[0, 1, 0, 1, 0, 1, 0xC0, at])])]
        }) as Says,
        |question, _| {
            let at = u8::try_from(question.len() + 12 + 6).unwrap();
            vec![answer(question, OK, &[raw_record(&[0, 1, 0, 1, 0, 1, 0xC0, at + 2, 0xC0, at])])]
        },
        // Labels without an end, over the same bytes again and again.
        |question, _| {
            let at = u8::try_from(question.len() + 12 + 6).unwrap();
            vec![answer(question, OK, &[raw_record(&[0, 1, 0, 1, 0, 1, 1, b'a', 0xC0, at])])]
        },
        // More records than there are, a record that reaches beyond the message, a label of a kind that is not.
        |question, _| {
            let mut message = answer(question, OK, &[record(1, 1, 1, "127.0.0.1")]);
            message[7] = 0xFF;
            vec![message]
        },
        |question, _| {
            let mut message = answer(question, OK, &[record(1, 1, 1, "127.0.0.1")]);
            let length = question.len() + 10;
            message[length] = 0xFF;
            message.truncate(length + 8);
            vec![message]
        },
        |question, _| vec![answer(question, OK, &[raw_record(&[0, 1, 0, 1, 0, 1, 0x80, 0])])],
        // A name that is no text.
        |question, _| vec![answer(question, OK, &[raw_record(&[0, 1, 0, 1, 0, 1, 1, 0xFF, 0])])],
    ] {
        assert_eq!(only_fault(says).await, "_mqtt._tcp.d.test: SERVER: its answer is no DNS message");
    }
}
