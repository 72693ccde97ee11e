//! The core of the dev broker under a clock of the test: bytes written by hand in, exactly the expected out.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqt_broker::{Broker, BrokerOptions, ConnectionId, OutputFlow};
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::{Packet, Version, WriteBuffer};

use crate::support::wire::{bytes, hex};

/// The CONNACK of MQTT 5 for a new session: a topic alias maximum of 64 is announced.
pub const CONNACK_5: &str = "20 (00 00 (22 0040))";

/// The CONNACK of MQTT 5 for a session that was there.
pub const PRESENT_5: &str = "20 (01 00 (22 0040))";

/// The core and the time.
pub struct Core {
    pub broker: Broker,
    pub now: Instant,
}

/// A connection to the core.
#[derive(Clone, Copy)]
pub struct Client {
    id: ConnectionId,
    decoder: Decoder,
}

impl Core {
    pub fn new() -> Self {
        Self::with(BrokerOptions::default())
    }

    pub fn with(options: BrokerOptions) -> Self {
        let now = Instant::now();
        Self { broker: Broker::new(options, 1, now), now }
    }

    /// Sends a CONNECT; nothing is expected yet.
    pub fn connect(&mut self, connect: &str) -> Client {
        let mut decoder = Decoder::new(Receiver::Server, Version::V5, 1 << 20);
        let packet = decoder.decode(&mut BytesMut::from(&*bytes(connect))).unwrap().unwrap();
        let Packet::Connect(connect) = packet else { panic!("not a CONNECT: {packet:?}") };
        decoder.version = connect.version;
        Client { id: self.broker.connect(*connect, "test", self.now), decoder }
    }

    /// Sends a CONNECT and expects what comes back.
    pub fn open(&mut self, connect: &str, answer: &str) -> Client {
        let client = self.connect(connect);
        self.expect(client, answer);
        client
    }

    /// An MQTT 5 client with a clean start, without properties.
    pub fn open_5(&mut self, client_id: &str) -> Client {
        self.open(&format!("10 (`MQTT` 05 02 0000 () `{client_id}`)"), CONNACK_5)
    }

    /// An MQTT 3.1.1 client with a clean session.
    pub fn open_311(&mut self, client_id: &str) -> Client {
        self.open(&format!("10 (`MQTT` 04 02 0000 `{client_id}`)"), "20 (00 00)")
    }

    /// Sends packets.
    pub fn send(&mut self, client: Client, packets: &str) {
        let mut input = BytesMut::from(&*bytes(packets));
        while !input.is_empty() {
            match client.decoder.decode(&mut input) {
                Ok(Some(packet)) => self.broker.packet(client.id, packet, self.now),
                Ok(None) => panic!("an unfinished packet: {packets}"),
                Err(error) => return self.broker.disconnect(client.id, error.reason(), self.now),
            }
        }
    }

    /// Everything that the broker has to say to a client now, and whether the connection stays open.
    pub fn take(&mut self, client: Client) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        loop {
            let mut output = WriteBuffer::new();
            let flow = self.broker.take_output(client.id, &mut output, self.now);
            if output.is_empty() {
                return (all, flow.is_open);
            }
            while !output.is_empty() {
                use bytes::Buf;
                let chunk = output.chunk().to_vec();
                output.advance(chunk.len());
                all.extend(chunk);
            }
        }
    }

    /// What the connection is to do while `written` is still being written.
    pub fn flow(&mut self, client: Client, written: &mut WriteBuffer) -> OutputFlow {
        self.broker.take_output(client.id, written, self.now)
    }

    /// Bytes came from a client, no whole packet yet.
    pub fn heard(&mut self, client: Client, count: usize) {
        self.broker.heard(client.id, count, self.now);
    }

    /// The client gets exactly these packets, and its connection stays open.
    #[track_caller]
    pub fn expect(&mut self, client: Client, packets: &str) {
        let (received, is_open) = self.take(client);
        assert_eq!(hex(&received), hex(&bytes(packets)), "for {packets}");
        assert!(is_open, "closed after {packets}");
    }

    /// The client gets exactly these packets, and its connection is closed.
    #[track_caller]
    pub fn expect_end(&mut self, client: Client, packets: &str) {
        let (received, is_open) = self.take(client);
        assert_eq!(hex(&received), hex(&bytes(packets)), "for {packets}");
        assert!(!is_open, "open after {packets}");
        self.broker.closed(client.id, self.now);
    }

    /// Sends packets and expects what comes back to the same client.
    #[track_caller]
    pub fn exchange(&mut self, client: Client, packets: &str, answer: &str) {
        self.send(client, packets);
        self.expect(client, answer);
    }

    /// The connection breaks.
    pub fn cut(&mut self, client: Client) {
        self.broker.closed(client.id, self.now);
    }

    /// Lets time pass, waking the core as often as it wants to be woken.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.broker.next_tick() <= end {
            self.now = self.now.max(self.broker.next_tick());
            self.broker.tick(self.now);
        }
        self.now = end;
    }

    /// Lets seconds pass.
    pub fn wait_secs(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }
}
