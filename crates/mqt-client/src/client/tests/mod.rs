//! A client against scripted brokers, on paused time: hours take no time, and every moment is exact.

mod alive;
mod closing;
mod connecting;
mod lasting;
#[expect(dead_code, unreachable_pub, reason = "other tests use all of it")]
#[path = "../../../../mqt-proto/tests/notation.rs"]
mod notation;
mod progress;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use notation::bytes;

use super::super::Attempts;
use super::*;
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::{Event, SessionError};
use mqt_proto::{Message, Packet, Properties, QoS, Subscription, TopicFilter, TopicName};

const CONNACK: &str = "20 03 00 00 00";

fn options() -> ClientOptions {
    ClientOptions {
        version: VersionChoice::Only(Version::V5),
        client_id: Some("c".into()),
        keep_alive: 10,
        ack_timeout: Duration::ZERO,
        ..ClientOptions::default()
    }
}

/// Where the streams of a client end.
struct Broker {
    streams: mpsc::UnboundedReceiver<DuplexStream>,
    connects: Arc<AtomicUsize>,
}

/// One connection at the broker's end.
struct Peer {
    stream: DuplexStream,
    input: BytesMut,
    version: Version,
}

impl Broker {
    async fn accept(&mut self) -> Peer {
        let stream = self.streams.recv().await.unwrap();
        Peer { stream, input: BytesMut::new(), version: Version::V5 }
    }

    /// The next connection, its CONNECT taken and answered.
    async fn accept_with(&mut self, connack: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.connect().await;
        peer.send(connack).await;
        peer
    }

    fn connects(&self) -> usize {
        self.connects.load(Ordering::Relaxed)
    }
}

impl Peer {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(&bytes(text)).await.unwrap();
    }

    /// The next packet, or `None` at the end.
    async fn packet(&mut self) -> Option<Packet> {
        let decoder = Decoder::new(Receiver::Server, self.version, ClientOptions::LARGEST_PACKET);
        loop {
            if let Some(packet) = decoder.decode(&mut self.input).unwrap() {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// CONNECT, and the version that it names.
    async fn connect(&mut self) -> Version {
        let Some(Packet::Connect(connect)) = self.packet().await else { panic!("no CONNECT") };
        self.version = connect.version;
        connect.version
    }

    /// The names of the packets up to the end.
    async fn rest(&mut self) -> Vec<&'static str> {
        let mut names = Vec::new();
        while let Some(packet) = self.packet().await {
            names.push(packet.name());
        }
        names
    }
}

fn client_with(options: ClientOptions, buffer: usize) -> (Client, Broker) {
    client_over(options, choices(), buffer)
}

fn choices() -> SessionChoices {
    SessionChoices { seed: 7, ..SessionChoices::default() }
}

fn client_over(options: ClientOptions, choices: SessionChoices, buffer: usize) -> (Client, Broker) {
    let (sender, streams) = mpsc::unbounded_channel();
    let connects = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connects);
    let transport = Transport::from_source(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(buffer);
        let sent = sender.send(far);
        Box::pin(async move {
            match sent {
                Ok(()) => Ok(Connected { stream: Box::new(near), peer: "test".into() }),
                Err(_) => std::future::pending().await,
            }
        })
    });
    (Client::over(transport, options, choices), Broker { streams, connects })
}

fn client(options: ClientOptions) -> (Client, Broker) {
    client_with(options, 64 * 1024)
}

/// What a client went through, until it ended or the script of the broker was over.
#[derive(Default)]
struct Story {
    notices: Vec<Notice>,
    events: Vec<Event>,
    end: Option<ClientError>,
}

impl Story {
    fn take(&mut self, client: &mut Client) {
        self.notices.extend(std::iter::from_fn(|| client.take_notice()));
        self.events.extend(std::iter::from_fn(|| client.session_mut().take_event()));
    }

    fn payloads(&self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Message { publish, .. } => Some(text(&publish.message.payload)),
                _ => None,
            })
            .collect()
    }

    fn fallbacks(&self) -> usize {
        self.notices.iter().filter(|notice| matches!(notice, Notice::Fallback { .. })).count()
    }
}

/// Drives the client while the broker plays its script, and afterwards until nothing more is there to see.
async fn play<T>(client: &mut Client, script: impl Future<Output = T>) -> (Story, T) {
    let mut story = Story::default();
    let mut script = std::pin::pin!(script);
    let result = loop {
        tokio::select! {
            biased;
            driven = client.drive() => {
                story.take(client);
                if let Err(error) = driven {
                    story.end = Some(error);
                    break script.await;
                }
            }
            result = &mut script => break result,
        }
    };
    if story.end.is_none() {
        // What the last bytes of the script bring, without letting time go by.
        for _ in 0..10 {
            tokio::task::yield_now().await;
            let driven = poll_fn(|cx| Poll::Ready(client.poll_drive(cx))).await;
            story.take(client);
            if let Poll::Ready(Err(error)) = driven {
                story.end = Some(error);
                break;
            }
        }
    }
    (story, result)
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

fn message(qos: QoS, payload: Vec<u8>) -> Message {
    Message { topic: TopicName::new("t").unwrap(), payload: payload.into(), qos, ..Message::default() }
}
