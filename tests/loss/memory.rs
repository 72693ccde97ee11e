//! A broker in memory for one client, honest about what it took, on streams that break as a script says.
//! What it reads it decodes with the codec; what it writes is written by hand.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqt_client::{
    Attempts, Client, ClientError, ClientOptions, ConnectError, Connected, SessionChoices, Transport,
    VersionChoice,
};
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::Event;
use mqt_proto::{Message, Packet, PacketId, Properties, QoS, ReasonCode, Subscription, TopicFilter, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

/// What the answer to CONNECT is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accept,
    /// A reason code of MQTT 5, or a return code of 3.1.1.
    Refuse(u8),
    Silence,
}

/// What happens on one connection.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// There is somebody who accepts it.
    pub reachable: bool,
    pub answer: Answer,
    /// The session is gone.
    pub forgets: bool,
    /// The connection breaks when so many bytes came from the client.
    pub up: u64,
    /// The connection breaks when so many bytes went to the client.
    pub down: u64,
    /// It does not break then, but falls silent.
    pub silent: bool,
    /// A proxy takes so many bytes more then, which reach nobody, and closes in order.
    pub swallows: usize,
    /// How long every answer takes.
    pub delay: Duration,
    /// One in so many publishes is refused (MQTT 5); 0: none.
    pub refuses: u64,
    /// DISCONNECT with this reason code after so many publishes (MQTT 5).
    pub disconnects: Option<(u64, u8)>,
    /// Receive maximum (MQTT 5).
    pub window: u16,
}

impl Default for Script {
    /// Nothing goes wrong.
    fn default() -> Self {
        Self {
            reachable: true,
            answer: Answer::Accept,
            forgets: false,
            up: u64::MAX,
            down: u64::MAX,
            silent: false,
            swallows: 0,
            delay: Duration::ZERO,
            refuses: 0,
            disconnects: None,
            window: u16::MAX,
        }
    }
}

/// A message for the client, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub payload: Bytes,
    id: u16,
    sent: bool,
    released: bool,
    pub done: bool,
}

/// What the broker knows.
#[derive(Debug, Default)]
pub struct Memory {
    /// What it took, in order: the judge.
    pub taken: Vec<Bytes>,
    /// What it has for its subscriber.
    pub outgoing: Vec<Outgoing>,
    pub outgoing_qos: u8,
    /// QoS 2 identifiers between PUBLISH and PUBREL; `None`: there is no session.
    session: Option<BTreeSet<PacketId>>,
    subscribed: bool,
    publishes: u64,
    /// A script for each connection to come; beyond them nothing goes wrong.
    pub scripts: VecDeque<Script>,
    pub connections: u64,
}

/// The broker, to be shared.
#[derive(Clone)]
pub struct Broker {
    pub memory: Arc<Mutex<Memory>>,
    version: Version,
}

impl Broker {
    pub fn new(version: Version, scripts: impl IntoIterator<Item = Script>) -> Self {
        let memory = Memory { scripts: scripts.into_iter().collect(), ..Memory::default() };
        Self { memory: Arc::new(Mutex::new(memory)), version }
    }

    /// What it is to deliver.
    pub fn hold_for_subscriber(&self, qos: QoS, payloads: &[Bytes]) {
        let mut memory = self.memory.lock().unwrap();
        memory.outgoing_qos = qos as u8;
        memory.outgoing = payloads
            .iter()
            .zip(1..)
            .map(|(payload, id)| Outgoing {
                payload: payload.clone(),
                id,
                sent: false,
                released: false,
                done: false,
            })
            .collect();
    }

    /// A client of it.
    pub fn client(&self, options: ClientOptions, seed: u64) -> Client {
        let broker = self.clone();
        let transport = Transport::from_source(move || {
            let broker = broker.clone();
            Box::pin(async move {
                let script = {
                    let mut memory = broker.memory.lock().unwrap();
                    memory.connections += 1;
                    memory.scripts.pop_front().unwrap_or_default()
                };
                if !script.reachable {
                    let refused = io::ErrorKind::ConnectionRefused.into();
                    return Err(ConnectError::Connect {
                        target: "memory".to_owned(),
                        attempts: vec![("memory".to_owned(), refused)],
                    });
                }
                let (near, far) = tokio::io::duplex(1000);
                tokio::spawn(async move { broker.serve(far, script).await });
                Ok(Connected { stream: Box::new(near), peer: "memory".to_owned() })
            })
        });
        Client::over(transport, options, SessionChoices { seed, ..SessionChoices::default() })
    }

    async fn serve(self, mut stream: DuplexStream, script: Script) {
        let decoder = Decoder::new(Receiver::Server, self.version, 1 << 20);
        let mut input = BytesMut::new();
        let (mut up, mut down) = (script.up, script.down);
        let mut buffer = [0; 4096];
        'open: while up > 0 {
            let room = usize::try_from(up).unwrap_or(usize::MAX).min(buffer.len());
            let count = stream.read(&mut buffer[..room]).await.unwrap_or(0);
            if count == 0 {
                return;
            }
            up -= count as u64;
            input.extend_from_slice(&buffer[..count]);
            let mut output = Vec::new();
            let mut ends = false;
            while let Some(packet) = decoder.decode(&mut input).unwrap() {
                if !self.memory.lock().unwrap().take(packet, self.version, script, &mut output) {
                    ends = true;
                    break;
                }
            }
            tokio::time::sleep(script.delay).await;
            let room = usize::try_from(down).unwrap_or(usize::MAX).min(output.len());
            if stream.write_all(&output[..room]).await.is_err() || ends {
                break 'open;
            }
            down -= room as u64;
            if down == 0 {
                break;
            }
        }
        let mut swallowed = 0;
        while swallowed < script.swallows {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => swallowed += count,
            }
        }
        if script.silent {
            while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
        }
    }
}

impl Memory {
    /// Takes a packet; false when the broker ends the connection.
    fn take(&mut self, packet: Packet, version: Version, script: Script, output: &mut Vec<u8>) -> bool {
        let v5 = version == Version::V5;
        match packet {
            Packet::Connect(connect) => {
                let code = match script.answer {
                    Answer::Accept => 0,
                    Answer::Refuse(code) => code,
                    Answer::Silence => return true,
                };
                if code == 0 && (connect.clean_start || script.forgets) {
                    self.session = None;
                    self.subscribed = false;
                    for message in self.outgoing.iter_mut().filter(|message| !message.done) {
                        (message.sent, message.released) = (false, false);
                    }
                }
                let present = u8::from(code == 0 && self.session.is_some());
                if v5 {
                    let [high, low] = script.window.to_be_bytes();
                    output.extend([0x20, 6, present, code, 3, 0x21, high, low]);
                } else {
                    output.extend([0x20, 2, present, code]);
                }
                if code != 0 {
                    return false;
                }
                self.session.get_or_insert_default();
                for message in self.outgoing.iter().filter(|message| message.sent && !message.done) {
                    if message.released {
                        output.extend([0x62, 2, 0, message.id as u8]);
                    } else {
                        write_publish(message, self.outgoing_qos, true, v5, output);
                    }
                }
                self.deliver(v5, output);
            }
            Packet::Publish(publish) => {
                self.publishes += 1;
                let refused = v5 && script.refuses > 0 && self.publishes.is_multiple_of(script.refuses);
                let held = self.session.as_mut().unwrap();
                let Some(id) = publish.packet_id else {
                    self.taken.push(publish.message.payload);
                    return true;
                };
                let at_least_once = publish.message.qos == QoS::AtLeastOnce;
                let first = at_least_once || held.insert(id);
                if refused && first {
                    held.remove(&id);
                } else if first {
                    self.taken.push(publish.message.payload);
                }
                let [high, low] = id.get().to_be_bytes();
                let kind = if at_least_once { 0x40 } else { 0x50 };
                if refused && first {
                    output.extend([kind, 3, high, low, 0x87]);
                } else {
                    output.extend([kind, 2, high, low]);
                }
                if let Some((after, reason)) = script.disconnects
                    && v5
                    && self.publishes.is_multiple_of(after)
                {
                    output.extend([0xE0, 2, reason, 0]);
                    return false;
                }
            }
            Packet::PubRel(ack) => {
                let known = self.session.as_mut().unwrap().remove(&ack.packet_id);
                let [high, low] = ack.packet_id.get().to_be_bytes();
                match known || !v5 {
                    true => output.extend([0x70, 2, high, low]),
                    false => output.extend([0x70, 3, high, low, 0x92]),
                }
            }
            Packet::Subscribe(subscribe) => {
                self.subscribed = true;
                let [high, low] = subscribe.packet_id.get().to_be_bytes();
                match v5 {
                    true => output.extend([0x90, 4, high, low, 0, self.outgoing_qos]),
                    false => output.extend([0x90, 3, high, low, self.outgoing_qos]),
                }
                self.deliver(v5, output);
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                for message in &mut self.outgoing {
                    message.done |= message.id == ack.packet_id.get();
                }
                self.deliver(v5, output);
            }
            Packet::PubRec(ack) => {
                for message in self.outgoing.iter_mut().filter(|message| message.id == ack.packet_id.get()) {
                    message.released = true;
                    output.extend([0x62, 2, 0, message.id as u8]);
                }
            }
            Packet::PingReq => output.extend([0xD0, 0]),
            Packet::Disconnect(_) => return false,
            other => panic!("{} has no place here", other.name()),
        }
        true
    }

    /// Sends what may be sent: four messages at once.
    fn deliver(&mut self, v5: bool, output: &mut Vec<u8>) {
        let open = self.outgoing.iter().filter(|message| message.sent && !message.done).count();
        if !self.subscribed {
            return;
        }
        let qos = self.outgoing_qos;
        for message in self.outgoing.iter_mut().filter(|message| !message.sent).take(4 - open.min(4)) {
            message.sent = true;
            write_publish(message, qos, false, v5, output);
        }
    }
}

fn write_publish(message: &Outgoing, qos: u8, dup: bool, v5: bool, output: &mut Vec<u8>) {
    let length = 2 + 1 + 2 + usize::from(v5) + message.payload.len();
    output.extend([0x30 | qos << 1 | u8::from(dup) << 3, u8::try_from(length).unwrap()]);
    output.extend([0, 1, b't', 0, message.id as u8]);
    output.extend(v5.then_some(0));
    output.extend_from_slice(&message.payload);
}

/// Options of a client that tries for ever.
pub fn options(version: Version, persistent: bool) -> ClientOptions {
    ClientOptions {
        version: VersionChoice::Only(version),
        client_id: persistent.then(|| "kept".into()),
        clean_start: !persistent,
        session_expiry: if persistent { u32::MAX } else { 0 },
        keep_alive: 4,
        max_inflight: 5,
        max_packet_size: 1 << 20,
        first_connect: Attempts::Unlimited,
        ack_timeout: Duration::ZERO,
        ..ClientOptions::default()
    }
}

pub fn payloads(count: usize) -> Vec<Bytes> {
    (0..count).map(|number| format!("{number:0>100}").into()).collect()
}

/// Publishes as the command does. Whether it may call that a success, and why there is no connection.
pub async fn publish_all(
    client: &mut Client,
    qos: QoS,
    payloads: &[Bytes],
) -> (bool, Result<(), ClientError>) {
    let mut waiting = payloads.iter();
    let mut result = Ok(());
    loop {
        while client.take_notice().is_some() || client.session_mut().take_event().is_some() {}
        while client.session_mut().wants_publish()
            && let Some(payload) = waiting.next()
        {
            let topic = mqt_proto::TopicName::new("t").unwrap();
            client.session_mut().publish(Message {
                topic,
                payload: payload.clone(),
                qos,
                ..Message::default()
            });
        }
        let session = client.session();
        if waiting.len() == 0 && session.is_drained() && session.was_established() {
            if session.unproved() == 0 {
                client.close(ReasonCode::SUCCESS).await;
                break;
            }
            client.session_mut().ask_for_proof(Instant::now().into_std());
        }
        if let Err(error) = client.drive().await {
            result = Err(error);
            break;
        }
    }
    let confirmed = client.session().ledger().confirmed == payloads.len() as u64;
    (confirmed && result.is_ok(), result)
}

/// Receives so many different messages, acknowledging each; all that came, in order.
pub async fn receive(client: &mut Client, qos: QoS, count: usize) -> Vec<Bytes> {
    let filter = TopicFilter::new("t").unwrap();
    client.session_mut().subscribe(vec![Subscription::new(filter, qos)], Properties::new());
    let mut received = Vec::new();
    let mut different = BTreeSet::new();
    while different.len() < count {
        client.drive().await.unwrap();
        while client.take_notice().is_some() {}
        while let Some(event) = client.session_mut().take_event() {
            if let Event::Message { publish, delivery } = event {
                different.insert(publish.message.payload.clone());
                received.push(publish.message.payload);
                client.session_mut().acknowledge(delivery);
            }
        }
    }
    received
}
