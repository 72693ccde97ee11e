//! A scripted MQTT peer for `scripts/compare-mosquitto`: so fast that only the client under measurement
//! limits the rate. It is no broker: it routes nothing and checks nothing.
//!
//! ```text
//! sink accept                       takes publishes of any QoS and answers each block of them with one write;
//!                                   leaves a connection that subscribes open and goes on with the next
//! sink deliver COUNT SIZE QOS       answers SUBSCRIBE, then sends COUNT messages of SIZE bytes at QoS 0 or 1
//! sink stall                        answers CONNECT and reads nothing more
//! ```
//!
//! The first line on stdout is the port on 127.0.0.1. After each connection follows one line with the number
//! of PUBLISH packets and of final acknowledgements (PUBACK, PUBREL) that were received. `--connections=N`
//! (1) and `--seconds=N` (120) bound its life. While it waits it spins for a while before it sleeps, since
//! waking up takes longer than answering.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The bytes that one read or write moves at most.
const BLOCK: usize = 256 * 1024;
/// So many fruitless rounds before each further one is preceded by a pause.
const SPINS: u32 = 5_000;
const PAUSE: Duration = Duration::from_micros(100);
/// Unacknowledged QoS 1 messages of `deliver`: all identifiers that there are.
const WINDOW: u64 = 65_535;
const TOPIC: &[u8] = b"mqt/test/speed";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Accept,
    Deliver { count: u64, size: usize, qos: u8 },
    Stall,
}

struct Options {
    mode: Mode,
    connections: u64,
    until: Instant,
}

fn main() -> ExitCode {
    match options().and_then(|options| serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sink: {error}");
            ExitCode::FAILURE
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

fn options() -> io::Result<Options> {
    let (mut words, mut connections, mut seconds) = (Vec::new(), 1, 120);
    let number = |text: &str| text.parse().map_err(|_| invalid("a number is not a number"));
    for argument in std::env::args().skip(1) {
        if let Some(value) = argument.strip_prefix("--connections=") {
            connections = number(value)?;
        } else if let Some(value) = argument.strip_prefix("--seconds=") {
            seconds = number(value)?;
        } else {
            words.push(argument);
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mode = match words.as_slice() {
        ["accept"] => Mode::Accept,
        ["stall"] => Mode::Stall,
        ["deliver", count, size, qos @ ("0" | "1")] => Mode::Deliver {
            count: number(count)?,
            size: usize::try_from(number(size)?).map_err(|_| invalid("SIZE is too large"))?,
            qos: u8::from(*qos == "1"),
        },
        _ => return Err(invalid("usage: sink accept | deliver COUNT SIZE QOS | stall")),
    };
    Ok(Options { mode, connections, until: Instant::now() + Duration::from_secs(seconds) })
}

fn serve(options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    // Made before the port is told, so that nobody waits for it.
    let stock = Stock::new(options.mode)?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    // Open until the end, and not looked at again.
    let mut subscribers = Vec::new();
    for _ in 0..options.connections {
        let mut idle = Idle::new(options.until);
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => idle.wait()?,
                Err(error) => return Err(error),
            }
        };
        let mut peer = Peer::new(stream, options, &stock)?;
        let result = peer.run();
        writeln!(out, "publishes={} acknowledgements={}", peer.publishes, peer.acknowledgements)?;
        out.flush()?;
        match result {
            Err(error)
                if error.kind() != ErrorKind::ConnectionReset && error.kind() != ErrorKind::BrokenPipe =>
            {
                return Err(error);
            }
            _ => {}
        }
        if !peer.ended {
            subscribers.push(peer.stream);
        }
    }
    Ok(())
}

/// Encoded messages, of which any run can be written as it lies.
struct Stock {
    bytes: Vec<u8>,
    /// The same messages with the empty property list of MQTT 5.
    bytes_v5: Vec<u8>,
}

impl Stock {
    fn new(mode: Mode) -> io::Result<Self> {
        let Mode::Deliver { size, qos, .. } = mode else {
            return Ok(Self { bytes: Vec::new(), bytes_v5: Vec::new() });
        };
        let (mut bytes, mut bytes_v5) = (Vec::new(), Vec::new());
        for id in 1..=u16::MAX {
            put_publish(&mut bytes, id, size, qos, false)?;
            put_publish(&mut bytes_v5, id, size, qos, true)?;
        }
        Ok(Self { bytes, bytes_v5 })
    }

    fn of(&self, level: u8) -> &[u8] {
        if level >= 5 { &self.bytes_v5 } else { &self.bytes }
    }
}

fn put_publish(out: &mut Vec<u8>, id: u16, size: usize, qos: u8, v5: bool) -> io::Result<()> {
    let mut remaining = 2 + TOPIC.len() + 2 * usize::from(qos) + usize::from(v5) + size;
    out.push(0x30 | qos << 1);
    while remaining > 0x7F {
        out.push((remaining & 0x7F) as u8 | 0x80);
        remaining >>= 7;
    }
    out.push(u8::try_from(remaining).map_err(|_| invalid("SIZE is too large"))?);
    out.extend([0, TOPIC.len() as u8]);
    out.extend(TOPIC);
    if qos > 0 {
        out.extend(id.to_be_bytes());
    }
    if v5 {
        out.push(0);
    }
    out.extend(std::iter::repeat_n(b'x', size));
    Ok(())
}

/// Waits between fruitless rounds.
struct Idle {
    until: Instant,
    rounds: u32,
}

impl Idle {
    fn new(until: Instant) -> Self {
        Self { until, rounds: 0 }
    }

    fn wait(&mut self) -> io::Result<()> {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds < SPINS {
            std::thread::yield_now();
            return Ok(());
        }
        if Instant::now() >= self.until {
            return Err(ErrorKind::TimedOut.into());
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

/// One connection.
struct Peer<'a> {
    stream: TcpStream,
    options: &'a Options,
    stock: &'a Stock,
    /// The protocol level of CONNECT; 0 before it came.
    level: u8,
    subscribed: bool,
    ended: bool,
    input: Vec<u8>,
    /// How much of `input` is filled.
    filled: usize,
    answers: Vec<u8>,
    /// How much of `answers` is written.
    answered: usize,
    /// Bytes of the stock that are written.
    delivered: u64,
    publishes: u64,
    acknowledgements: u64,
}

impl<'a> Peer<'a> {
    fn new(stream: TcpStream, options: &'a Options, stock: &'a Stock) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            options,
            stock,
            level: 0,
            subscribed: false,
            ended: false,
            input: vec![0; BLOCK],
            filled: 0,
            answers: Vec::with_capacity(BLOCK),
            answered: 0,
            delivered: 0,
            publishes: 0,
            acknowledgements: 0,
        })
    }

    /// Until the client says goodbye or closes, or waits for messages that will not come.
    fn run(&mut self) -> io::Result<()> {
        let mut idle = Idle::new(self.options.until);
        let waits_in_vain =
            |peer: &Self| peer.options.mode == Mode::Accept && peer.subscribed && peer.answers.is_empty();
        while !self.ended && !waits_in_vain(self) {
            let stalled = self.options.mode == Mode::Stall && self.level != 0;
            let mut moved = !stalled && self.read()?;
            moved |= self.write()?;
            if moved {
                idle.rounds = 0;
            } else {
                idle.wait()?;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                self.filled += count;
                self.take_packets()?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Answers every whole packet in `input`.
    fn take_packets(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some((body, end)) = frame(&self.input[at..self.filled]) {
            let packet = &self.input[at..at + end];
            at += end;
            match packet[0] >> 4 {
                1 => {
                    // Protocol name with its length, then the level.
                    let name = usize::from(packet[body + 1]);
                    self.level = packet[body + 2 + name];
                    let answer: &[u8] = if self.level >= 5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
                    self.answers.extend(answer);
                }
                3 => {
                    self.publishes += 1;
                    let qos = packet[0] >> 1 & 3;
                    if qos > 0 {
                        let topic = usize::from(u16::from_be_bytes([packet[body], packet[body + 1]]));
                        let id = body + 2 + topic;
                        let kind = if qos == 1 { 0x40 } else { 0x50 };
                        self.answers.extend([kind, 2, packet[id], packet[id + 1]]);
                    }
                }
                4 => self.acknowledgements += 1,
                6 => {
                    self.acknowledgements += 1;
                    self.answers.extend([0x70, 2, packet[body], packet[body + 1]]);
                }
                8 => {
                    let (high, low) = (packet[body], packet[body + 1]);
                    let qos = match self.options.mode {
                        Mode::Deliver { qos, .. } => qos,
                        _ => 0,
                    };
                    if self.level >= 5 {
                        self.answers.extend([0x90, 4, high, low, 0, qos]);
                    } else {
                        self.answers.extend([0x90, 3, high, low, qos]);
                    }
                    self.subscribed = true;
                }
                12 => self.answers.extend([0xD0, 0]),
                14 => self.ended = true,
                _ => return Err(invalid("a packet that a sink does not know")),
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        if self.filled == self.input.len() {
            self.input.resize(self.filled * 2, 0);
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<bool> {
        let mut moved = false;
        while self.answered < self.answers.len() {
            match self.stream.write(&self.answers[self.answered..]) {
                Ok(count) => self.answered += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
                Err(error) => return Err(error),
            }
            moved = true;
        }
        self.answers.clear();
        self.answered = 0;
        if let Mode::Deliver { count, qos, .. } = self.options.mode
            && self.subscribed
        {
            moved |= self.deliver(count, qos)?;
        }
        Ok(moved)
    }

    /// Writes one block of messages, as far as the window goes.
    fn deliver(&mut self, count: u64, qos: u8) -> io::Result<bool> {
        let stock = self.stock.of(self.level);
        let packet = (stock.len() / usize::from(u16::MAX)) as u64;
        let allowed = if qos == 0 { count } else { count.min(self.acknowledgements + WINDOW) };
        let offset = (self.delivered % stock.len() as u64) as usize;
        let left = (allowed * packet - self.delivered).min(BLOCK as u64) as usize;
        let end = stock.len().min(offset + left);
        if end == offset {
            return Ok(false);
        }
        match self.stream.write(&stock[offset..end]) {
            Ok(count) => {
                self.delivered += count as u64;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where the body of the packet at the front begins and where it ends; `None` while it is not whole.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for at in 1..5 {
        let byte = *bytes.get(at)?;
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            let end = at + 1 + length;
            return (end <= bytes.len()).then_some((at + 1, end));
        }
    }
    None
}
