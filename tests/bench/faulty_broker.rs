//! A broker for one test: routes QoS 0 and 1 publishes of MQTT 5 to every subscriber, and does to them what
//! the test says. Its bytes are written by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mqt_client::Endpoint;

/// Decides what becomes of a publish, by its number from 0 on: the bytes of the PUBLISHes to send instead,
/// and in which order.
pub type Meddle = Box<dyn FnMut(u64, Vec<u8>) -> Vec<Vec<u8>> + Send>;

/// What a PUBLISH at QoS 0 and without properties carries.
pub fn payload(publish: &[u8]) -> &[u8] {
    let start = if publish[1] < 128 { 2 } else { 3 };
    let topic = usize::from(publish[start]) << 8 | usize::from(publish[start + 1]);
    // The length of the properties is a byte.
    &publish[start + 2 + topic + 1..]
}

/// What becomes of a CONNECT, by its number from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    /// It is let in.
    Yes,
    /// CONNACK says that the server is busy, and the connection ends.
    Busy,
    /// Nothing is said.
    Silence,
}

/// The broker, on a free port of 127.0.0.1. Ends with the test.
pub struct FaultyBroker {
    endpoint: Endpoint,
    accepting: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    subscribers: Mutex<Vec<TcpStream>>,
    meddle: Mutex<(u64, Meddle)>,
    welcome: fn(u64) -> Welcome,
    /// The largest number of filters in a SUBSCRIBE, and how many there were in all of them.
    most_filters: AtomicU64,
    all_filters: AtomicU64,
    /// CONNECTs and DISCONNECTs.
    connects: AtomicU64,
    disconnects: AtomicU64,
    is_over: AtomicBool,
}

impl FaultyBroker {
    /// Begins to serve.
    pub fn start(meddle: Meddle) -> Self {
        Self::start_with(meddle, |_| Welcome::Yes)
    }

    /// Begins to serve, and lets in whom the function says.
    pub fn start_with(meddle: Meddle, welcome: fn(u64) -> Welcome) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            subscribers: Mutex::default(),
            meddle: Mutex::new((0, meddle)),
            welcome,
            most_filters: 0.into(),
            all_filters: 0.into(),
            connects: 0.into(),
            disconnects: 0.into(),
            is_over: false.into(),
        });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&serving);
                let stream = stream.unwrap();
                connections.push(std::thread::spawn(move || serve(stream, &shared)));
            }
            for connection in connections {
                connection.join().unwrap();
            }
        });
        let endpoint = format!("mqtt://127.0.0.1:{port}").parse().unwrap();
        Self { endpoint, accepting: Some(accepting), shared }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How many filters the largest SUBSCRIBE had, and how many all of them.
    pub fn filters(&self) -> (u64, u64) {
        (self.shared.most_filters.load(Ordering::SeqCst), self.shared.all_filters.load(Ordering::SeqCst))
    }

    /// How many CONNECTs came, and how many DISCONNECTs.
    pub fn connects_and_disconnects(&self) -> (u64, u64) {
        (self.shared.connects.load(Ordering::SeqCst), self.shared.disconnects.load(Ordering::SeqCst))
    }
}

impl Drop for FaultyBroker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.endpoint.port())));
        if let Some(accepting) = self.accepting.take() {
            let ended = accepting.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the broker panicked");
        }
    }
}

/// The next packet: its first byte and what follows its length. `None`: closed.
pub fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    let mut take = |stream: &mut TcpStream| match stream.read_exact(&mut byte) {
        Ok(()) => Some(byte[0]),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => None,
        Err(error) => panic!("{error}"),
    };
    let first = take(stream)?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = take(stream)?;
        length |= usize::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    while let Some((first, body)) = packet(&mut stream) {
        match first >> 4 {
            // CONNACK: no session, success, no properties.
            1 => match (shared.welcome)(shared.connects.fetch_add(1, Ordering::SeqCst)) {
                Welcome::Yes => stream.write_all(&[0x20, 3, 0, 0, 0]).unwrap(),
                Welcome::Busy => {
                    stream.write_all(&[0x20, 3, 0, 0x89, 0]).unwrap();
                    return;
                }
                Welcome::Silence => {}
            },
            8 => subscribe(&body, &mut stream, shared),
            3 => publish(first, &body, &mut stream, shared),
            // PINGRESP
            12 => stream.write_all(&[0xD0, 0]).unwrap(),
            14 => {
                shared.disconnects.fetch_add(1, Ordering::SeqCst);
                let peer = stream.peer_addr().unwrap();
                let mut subscribers = shared.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
                subscribers.retain(|one| one.peer_addr().is_ok_and(|address| address != peer));
                return;
            }
            _ => panic!("packet {first:02x}"),
        }
    }
}

/// SUBACK: granted QoS 0 for each filter, but for those that begin with "refused": not authorized.
fn subscribe(body: &[u8], stream: &mut TcpStream, shared: &Shared) {
    assert_eq!(body[2], 0, "no properties");
    let (mut at, mut reasons) = (3, Vec::new());
    while at < body.len() {
        let length = usize::from(body[at]) << 8 | usize::from(body[at + 1]);
        reasons.push(if body[at + 2..].starts_with(b"refused") { 0x87 } else { 0 });
        at += 2 + length + 1;
    }
    let count = reasons.len() as u64;
    shared.most_filters.fetch_max(count, Ordering::SeqCst);
    shared.all_filters.fetch_add(count, Ordering::SeqCst);
    let peer = stream.peer_addr().unwrap();
    let mut subscribers = shared.subscribers.lock().unwrap();
    if reasons.contains(&0) && subscribers.iter().all(|one| one.peer_addr().ok() != Some(peer)) {
        subscribers.push(stream.try_clone().unwrap());
    }
    drop(subscribers);
    let length = reasons.len() + 3;
    let mut suback = vec![0x90];
    if length > 127 {
        suback.extend([(length & 127) as u8 | 128, (length >> 7) as u8]);
    } else {
        suback.push(length as u8);
    }
    suback.extend([body[0], body[1], 0]);
    suback.extend(reasons);
    stream.write_all(&suback).unwrap();
}

fn publish(first: u8, body: &[u8], stream: &mut TcpStream, shared: &Shared) {
    let topic_end = 2 + (usize::from(body[0]) << 8 | usize::from(body[1]));
    let mut rest = &body[topic_end..];
    let acknowledgement = (first & 0b110 != 0).then(|| {
        let id = [rest[0], rest[1]];
        rest = &rest[2..];
        [0x40, 2, id[0], id[1]]
    });
    if body[2..].starts_with(b"refused") {
        // PUBACK: not authorized.
        if let Some([_, _, high, low]) = acknowledgement {
            stream.write_all(&[0x40, 3, high, low, 0x87]).unwrap();
        }
        return;
    }
    // As QoS 0, without an identifier.
    let mut out = vec![0x30];
    let length = topic_end + rest.len();
    assert!(length < 16_384);
    if length > 127 {
        out.push((length & 127) as u8 | 128);
        out.push((length >> 7) as u8);
    } else {
        out.push(length as u8);
    }
    out.extend_from_slice(&body[..topic_end]);
    out.extend_from_slice(rest);
    let mut meddle = shared.meddle.lock().unwrap();
    let number = meddle.0;
    meddle.0 += 1;
    let sent = (meddle.1)(number, out);
    let mut subscribers = shared.subscribers.lock().unwrap();
    // Whoever was told to go may be gone.
    subscribers.retain_mut(|subscriber| subscriber.write_all(&sent.concat()).is_ok());
    drop(subscribers);
    drop(meddle);
    if let Some(bytes) = acknowledgement {
        stream.write_all(&bytes).unwrap();
    }
}
