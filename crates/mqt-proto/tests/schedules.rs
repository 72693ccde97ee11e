//! Random schedules: a session against a model of a broker, with cuts at every byte, sessions kept and lost,
//! refusals, changing windows, and acknowledgements at random later times. The model judges: whatever the
//! ledger calls confirmed has arrived, in order, and at QoS 2 on a kept session once.
//!
//! The model reads what the session writes with the codec and writes its own packets by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use mqt_process::random::Random;
use mqt_proto::codec::{Decoder, Receiver};
use mqt_proto::session::{Credentials, Event, Session, SessionError, SessionOptions};
use mqt_proto::{Message, Packet, Property, QoS, ReasonCode, Subscription, TopicFilter, TopicName, Version};

const SCHEDULES: u64 = 3000;

trait Choices {
    fn one_in(&mut self, count: u64) -> bool;
    fn qos(&mut self) -> QoS;
}

impl Choices for Random {
    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn qos(&mut self) -> QoS {
        QoS::from_level(u8::try_from(self.below(3)).unwrap()).unwrap()
    }
}

/// What the broker sends and has no answer to.
struct Outgoing {
    id: u16,
    number: u32,
    qos: QoS,
    /// PUBREC came.
    released: bool,
}

/// What the broker keeps while no client is connected.
#[derive(Default)]
struct Kept {
    /// Messages that came on this session.
    seen: BTreeSet<u32>,
    /// QoS 2: identifiers between PUBLISH and PUBREL, with their messages.
    held: BTreeMap<u16, u32>,
    /// Messages whose PUBREL came.
    released: BTreeSet<u32>,
    subscribed: bool,
    queue: VecDeque<(u32, QoS)>,
    outgoing: Vec<Outgoing>,
    last_id: u16,
}

struct Broker {
    version: Version,
    /// QoS 2 counts as received at PUBREL, not at PUBLISH.
    at_pubrel: bool,
    /// One in so many publishes is refused (MQTT 5); 0 is none.
    refuses: u64,
    kept: Option<Kept>,
    /// Every message that was received, in order.
    judged: Vec<u32>,
    input: BytesMut,
    output: BytesMut,
    /// Of this connection: the last message, the open identifiers, the limit for both directions.
    last: u32,
    open: BTreeSet<u16>,
    window: usize,
    client_window: usize,
    subscribes: u32,
    online: bool,
    /// The session began with this connection.
    is_new: bool,
    sessions_lost: u64,
}

impl Broker {
    fn send(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    fn ack(&mut self, kind: u8, id: u16, reason: u8) {
        let [high, low] = id.to_be_bytes();
        if reason == 0 {
            self.send(&[kind, 2, high, low]);
        } else {
            self.send(&[kind, 3, high, low, reason]);
        }
    }

    fn write_publish(&mut self, out: &Outgoing, dup: bool) {
        let [high, low] = out.id.to_be_bytes();
        let first = 0x30 | if dup { 8 } else { 0 } | (out.qos.level() << 1);
        let mut body = vec![0, 1, b'r'];
        if out.qos != QoS::AtMostOnce {
            body.extend([high, low]);
        }
        if self.version == Version::V5 {
            body.push(0);
        }
        body.extend(out.number.to_be_bytes());
        self.send(&[first, u8::try_from(body.len()).unwrap()]);
        self.send(&body);
    }

    /// Sends what is queued, as far as the client's window goes.
    fn deliver(&mut self) {
        let Some(mut kept) = self.kept.take() else { return };
        while self.online && kept.subscribed && kept.outgoing.len() < self.client_window {
            let Some((number, qos)) = kept.queue.pop_front() else { break };
            let mut out = Outgoing { id: 0, number, qos, released: false };
            if qos != QoS::AtMostOnce {
                loop {
                    kept.last_id = kept.last_id % 20 + 1;
                    if kept.outgoing.iter().all(|other| other.id != kept.last_id) {
                        break;
                    }
                }
                out.id = kept.last_id;
            }
            self.write_publish(&out, false);
            if qos != QoS::AtMostOnce {
                kept.outgoing.push(out);
            }
        }
        self.kept = Some(kept);
    }

    /// A connection stands: reads CONNECT and answers it.
    fn accept(&mut self, connect: &mqt_proto::packet::Connect, random: &mut Random) {
        if connect.clean_start || random.one_in(12) {
            self.sessions_lost += u64::from(self.kept.take().is_some());
        }
        let present = self.kept.is_some();
        self.is_new = !present;
        self.kept.get_or_insert_default();
        self.online = true;
        self.last = 0;
        self.open.clear();
        self.subscribes = 0;
        self.client_window = usize::from(connect.properties.receive_maximum().copied().unwrap_or(8));
        if self.version == Version::V5 {
            self.window = usize::try_from(random.below(6)).unwrap() + 1;
            let maximum = u8::try_from(self.window).unwrap();
            self.send(&[0x20, 6, u8::from(present), 0, 3, 0x21, 0, maximum]);
        } else {
            self.window = usize::MAX;
            self.send(&[0x20, 2, u8::from(present), 0]);
        }
        let outgoing = std::mem::take(&mut self.kept.as_mut().unwrap().outgoing);
        for out in &outgoing {
            if out.released {
                self.ack(0x62, out.id, 0);
            } else {
                self.write_publish(out, true);
            }
        }
        self.kept.as_mut().unwrap().outgoing = outgoing;
    }

    /// Takes one packet of the client. `safe` are the messages that the client's user has put away.
    fn take(&mut self, packet: Packet, safe: &BTreeSet<u32>, random: &mut Random) {
        match packet {
            Packet::Connect(connect) => self.accept(&connect, random),
            Packet::Publish(publish) => {
                let number = publish.message.payload.clone().get_u32();
                assert!(number > self.last, "message {number} after {}", self.last);
                self.last = number;
                let qos = publish.message.qos;
                let kept = self.kept.as_mut().unwrap();
                assert!(publish.dup || kept.seen.insert(number), "message {number} again without DUP");
                assert!(!kept.released.contains(&number), "PUBLISH {number} after its PUBREL");
                kept.seen.insert(number);
                let Some(id) = publish.packet_id.map(std::num::NonZero::get) else {
                    self.judged.push(number);
                    return;
                };
                let refused = self.refuses > 0 && random.one_in(self.refuses);
                let known = kept.held.contains_key(&id);
                self.open.insert(id);
                assert!(
                    self.open.len() <= self.window,
                    "{} in flight, {} allowed",
                    self.open.len(),
                    self.window
                );
                if qos == QoS::AtLeastOnce {
                    self.open.remove(&id);
                    if refused {
                        return self.ack(0x40, id, 0x97);
                    }
                    self.judged.push(number);
                    return self.ack(0x40, id, 0);
                }
                if known {
                    assert_eq!(self.kept.as_ref().unwrap().held[&id], number, "identifier {id} is in use");
                } else if refused {
                    self.open.remove(&id);
                    return self.ack(0x50, id, 0x97);
                } else {
                    self.kept.as_mut().unwrap().held.insert(id, number);
                    if !self.at_pubrel {
                        self.judged.push(number);
                    }
                }
                self.ack(0x50, id, 0);
            }
            Packet::PubRel(ack) => {
                let id = ack.packet_id.get();
                self.open.remove(&id);
                let kept = self.kept.as_mut().unwrap();
                if let Some(number) = kept.held.remove(&id) {
                    kept.released.insert(number);
                    if self.at_pubrel {
                        self.judged.push(number);
                    }
                }
                self.ack(0x70, id, 0);
            }
            Packet::PubAck(ack) => {
                let out = self.answered(ack.packet_id.get(), QoS::AtLeastOnce, false);
                assert!(safe.contains(&out.number), "{} is acknowledged and not safe", out.number);
            }
            Packet::PubRec(ack) => {
                let mut out = self.answered(ack.packet_id.get(), QoS::ExactlyOnce, false);
                assert!(safe.contains(&out.number), "{} is acknowledged and not safe", out.number);
                out.released = true;
                self.kept.as_mut().unwrap().outgoing.push(out);
                self.ack(0x62, ack.packet_id.get(), 0);
            }
            Packet::PubComp(ack) => {
                self.answered(ack.packet_id.get(), QoS::ExactlyOnce, true);
            }
            Packet::Subscribe(subscribe) => {
                self.subscribes += 1;
                assert_eq!(self.subscribes, 1, "SUBSCRIBE twice on one connection");
                self.kept.as_mut().unwrap().subscribed = true;
                let [high, low] = subscribe.packet_id.get().to_be_bytes();
                if self.version == Version::V5 {
                    self.send(&[0x90, 4, high, low, 0, 2]);
                } else {
                    self.send(&[0x90, 3, high, low, 2]);
                }
            }
            Packet::PingReq => self.send(&[0xD0, 0]),
            Packet::Disconnect(_) => {}
            other => panic!("a client sends {}", other.name()),
        }
    }

    fn answered(&mut self, id: u16, qos: QoS, released: bool) -> Outgoing {
        let outgoing = &mut self.kept.as_mut().unwrap().outgoing;
        let at = outgoing.iter().position(|out| out.id == id && out.qos == qos && out.released == released);
        outgoing.remove(at.unwrap_or_else(|| panic!("an answer to nothing: {id}")))
    }
}

struct World {
    random: Random,
    version: Version,
    clean: bool,
    session: Session,
    now: Instant,
    broker: Broker,
    connected: bool,
    input: BytesMut,
    /// Messages that this client was asked to publish, with their QoS.
    asked: BTreeMap<u32, QoS>,
    /// Messages that the broker was asked to deliver, and what became of them.
    offered: u32,
    /// Deliveries that the user has, in order, and up to which one they are put away.
    received: Vec<(u64, u32, QoS)>,
    safe: BTreeSet<u32>,
    acknowledged: usize,
    cuts: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let version = if random.one_in(2) { Version::V5 } else { Version::V311 };
        let clean = random.one_in(2);
        let now = Instant::now();
        let mut options = SessionOptions {
            client_id: "c".into(),
            clean_start: clean,
            session_expiry: if clean { 0 } else { 3600 },
            keep_alive: 30,
            max_inflight: u16::try_from(random.below(8)).unwrap() + 1,
            resumed_identifiers_from: u16::try_from(random.below(65_536)).unwrap(),
            ..SessionOptions::default()
        };
        if random.one_in(2) {
            options.connect_properties =
                vec![Property::ReceiveMaximum(u16::try_from(random.below(6)).unwrap() + 1)].into();
        }
        let mut session = Session::new(options, now);
        session.subscribe(
            vec![Subscription::new(TopicFilter::new("r").unwrap(), QoS::ExactlyOnce)],
            mqt_proto::Properties::new(),
        );
        let broker = Broker {
            version,
            at_pubrel: random.one_in(2),
            refuses: if version == Version::V5 && random.one_in(4) { 10 } else { 0 },
            kept: None,
            judged: Vec::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            last: 0,
            open: BTreeSet::new(),
            window: 0,
            client_window: 0,
            subscribes: 0,
            online: false,
            is_new: false,
            sessions_lost: 0,
        };
        Self {
            random,
            version,
            clean,
            session,
            now,
            broker,
            connected: false,
            input: BytesMut::new(),
            asked: BTreeMap::new(),
            offered: 0,
            received: Vec::new(),
            safe: BTreeSet::new(),
            acknowledged: 0,
            cuts: 0,
        }
    }

    fn publish(&mut self) {
        let number = u32::try_from(self.asked.len()).unwrap() + 1;
        let qos = self.random.qos();
        self.asked.insert(number, qos);
        self.session.publish(Message {
            topic: TopicName::new("t").unwrap(),
            payload: Bytes::copy_from_slice(&number.to_be_bytes()),
            qos,
            ..Message::default()
        });
    }

    fn connect(&mut self) {
        self.session.connect(self.version, Credentials::default(), self.now).unwrap();
        self.connected = true;
    }

    fn cut(&mut self) {
        // A session whose CONNACK nobody saw would be taken for the one that was lost before it: no client can
        // tell, so the model does not keep it.
        if self.broker.online && self.broker.is_new && !self.session.is_connected() {
            self.broker.kept = None;
        }
        self.session.lost();
        self.connected = false;
        self.broker.online = false;
        self.cuts += 1;
        self.input.clear();
        self.broker.input.clear();
        self.broker.output.clear();
    }

    /// Bytes from the client to the broker.
    fn upload(&mut self, count: usize) {
        let outbox = self.session.outbox();
        let count = count.min(outbox.chunk().len());
        self.broker.input.extend_from_slice(&outbox.chunk()[..count]);
        outbox.advance(count);
        self.session.bytes_sent(self.now);
        self.session.fill_outbox();
        let decoder = Decoder::new(Receiver::Server, self.version, 1_000_000);
        while let Some(packet) = decoder.decode(&mut self.broker.input).unwrap() {
            self.broker.take(packet, &self.safe, &mut self.random);
        }
    }

    /// Bytes from the broker to the client.
    fn download(&mut self, count: usize) {
        let count = count.min(self.broker.output.len());
        if count == 0 {
            return;
        }
        self.input.extend_from_slice(&self.broker.output.split_to(count));
        self.session.bytes_received(self.now);
        let decoder = Decoder::new(Receiver::Client, self.version, 1_000_000);
        while let Some(packet) = decoder.decode(&mut self.input).unwrap() {
            self.session.handle(packet, self.now).unwrap();
        }
    }

    /// The user takes reports, in order.
    fn look(&mut self, count: u64) {
        for _ in 0..count {
            match self.session.take_event() {
                Some(Event::Message { publish, delivery }) => {
                    let number = publish.message.payload.clone().get_u32();
                    assert_eq!(&*publish.message.topic, "r");
                    self.received.push((delivery, number, publish.message.qos));
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// The user has put messages away.
    fn acknowledge(&mut self, count: usize) {
        let upto = (self.acknowledged + count).min(self.received.len());
        for (_, number, _) in &self.received[self.acknowledged..upto] {
            self.safe.insert(*number);
        }
        self.acknowledged = upto;
        if let Some((delivery, _, _)) = upto.checked_sub(1).and_then(|last| self.received.get(last)) {
            self.session.acknowledge(*delivery);
        }
    }

    fn step(&mut self) {
        let size = if self.random.one_in(4) { 200 } else { 9 };
        let amount = usize::try_from(self.random.below(size)).unwrap();
        match self.random.below(20) {
            0..4 => self.publish(),
            4..8 => self.upload(amount),
            8..12 => self.download(amount),
            12..14 => {
                let count = self.random.below(6);
                self.look(count);
            }
            14..16 => self.acknowledge(amount % 4),
            16..18 => {
                if let Some(kept) = self.broker.kept.as_mut().filter(|kept| kept.subscribed) {
                    self.offered += 1;
                    kept.queue.push_back((self.offered, self.random.qos()));
                }
                self.broker.deliver();
            }
            18 => {
                self.now += Duration::from_secs(self.random.below(20));
                match self.session.timeout(self.now) {
                    Ok(()) => {}
                    Err(SessionError::Stalled { .. }) => self.cut(),
                    Err(other) => panic!("{other}"),
                }
            }
            _ if !self.connected => self.connect(),
            _ if self.random.one_in(3) => self.cut(),
            _ => {}
        }
        self.honest();
    }

    /// At any moment: no more is called confirmed than was received.
    fn honest(&self) {
        let ledger = self.session.ledger();
        let received: BTreeSet<_> = self.broker.judged.iter().collect();
        let received = u64::try_from(received.len()).unwrap();
        assert!(ledger.confirmed <= received, "{ledger:?}, the broker has {received}");
    }

    /// From here on nothing is cut: everything comes to its end.
    fn settle(&mut self) {
        if !self.connected {
            self.connect();
        }
        for _ in 0..10_000 {
            self.upload(usize::MAX);
            self.broker.deliver();
            self.download(usize::MAX);
            self.look(u64::MAX);
            self.acknowledge(usize::MAX / 2);
            let kept = self.broker.kept.as_ref().unwrap();
            let idle = self.session.outbox().is_empty() && self.broker.output.is_empty();
            if idle && self.session.is_drained() && kept.outgoing.is_empty() && kept.queue.is_empty() {
                break;
            }
        }
        assert!(self.session.is_drained(), "{:?} does not come to an end", self.session.ledger());
        self.session.disconnect(ReasonCode::SUCCESS);
        self.upload(usize::MAX);
        self.session.closed_in_order();
        self.honest();
    }

    fn judge(&self) {
        let ledger = self.session.ledger();
        let asked = u64::try_from(self.asked.len()).unwrap();
        assert_eq!((ledger.asked, ledger.open()), (asked, 0));
        assert_eq!(ledger.confirmed + ledger.refused + ledger.unknown, asked);
        let mut times: BTreeMap<u32, u64> = BTreeMap::new();
        let mut firsts = Vec::new();
        for number in &self.broker.judged {
            let count = times.entry(*number).or_default();
            *count += 1;
            if *count == 1 {
                firsts.push(*number);
            }
        }
        if ledger.refused == 0 {
            for (number, qos) in &self.asked {
                assert!(*qos == QoS::AtMostOnce || times.contains_key(number), "{number} is missing");
            }
        }
        for (number, count) in &times {
            let qos = self.asked[number];
            assert!(qos != QoS::AtMostOnce || *count == 1, "QoS 0 twice");
            assert!(*count <= self.cuts + 1, "{number} came {count} times over {} cuts", self.cuts);
            if qos == QoS::ExactlyOnce && !self.clean && self.broker.sessions_lost == 0 {
                assert_eq!(*count, 1, "QoS 2 message {number} on a kept session");
            }
        }
        if !self.clean && self.broker.sessions_lost == 0 && ledger.refused == 0 {
            for level in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                let order: Vec<_> = firsts.iter().filter(|number| self.asked[number] == level).collect();
                assert!(order.is_sorted(), "out of order: {order:?}");
            }
        }
        // The other direction.
        let mut seen: BTreeMap<u32, u64> = BTreeMap::new();
        let mut last = 0;
        for (delivery, number, qos) in &self.received {
            assert!(*delivery > last);
            last = *delivery;
            let count = seen.entry(*number).or_default();
            *count += 1;
            assert!(*qos == QoS::AtLeastOnce || *count == 1, "QoS {qos} message {number} came twice");
        }
        if !self.clean && self.broker.sessions_lost == 0 {
            let once: Vec<_> = self.received.iter().filter(|entry| entry.2 == QoS::ExactlyOnce).collect();
            assert!(once.is_sorted_by_key(|entry| entry.1), "QoS 2 out of order: {once:?}");
        }
        assert_eq!(self.acknowledged, self.received.len());
        assert_eq!(self.session.unacknowledged(), 0);
    }
}

#[test]
fn nothing_is_lost_or_called_confirmed_that_is_not() {
    let mut total = [0_u64; 5];
    for seed in 1..=SCHEDULES {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            let steps = 50 + world.random.below(250);
            for _ in 0..steps {
                world.step();
            }
            world.settle();
            world.judge();
            let ledger = world.session.ledger();
            [
                world.cuts,
                ledger.resent,
                ledger.refused,
                world.session.duplicates(),
                world.broker.sessions_lost,
            ]
        });
        match run {
            Ok(counts) => {
                for (sum, count) in total.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            Err(_) => panic!("schedule {seed}"),
        }
    }
    // The schedules reach what they are for.
    assert!(total.iter().all(|count| *count > 100), "{total:?}");
}

#[test]
fn a_cut_after_any_byte_loses_nothing() {
    let mut reached = 0;
    for cut_after in 0..2000 {
        let mut world = World::new(cut_after + 1);
        world.connect();
        for _ in 0..30 {
            world.publish();
        }
        // One byte up, one byte down, until so many have moved or nothing more does.
        let mut moved = 0;
        let mut idle = 0;
        while moved < cut_after && idle < 3 {
            idle += 1;
            for up in [true, false] {
                let waiting =
                    if up { world.session.outbox().remaining() } else { world.broker.output.remaining() };
                if waiting > 0 && moved < cut_after {
                    if up {
                        world.upload(1)
                    } else {
                        world.download(1)
                    }
                    moved += 1;
                    idle = 0;
                }
            }
            if moved % 40 == 0 {
                if let Some(kept) = world.broker.kept.as_mut().filter(|kept| kept.subscribed) {
                    world.offered += 1;
                    kept.queue.push_back((world.offered, QoS::ExactlyOnce));
                }
                world.broker.deliver();
            }
            world.look(1);
            world.acknowledge(usize::from(moved % 3 == 0));
        }
        reached += u64::from(moved == cut_after);
        world.cut();
        world.settle();
        world.judge();
    }
    assert!(reached > 800, "only {reached} of the cuts came before the end");
}
