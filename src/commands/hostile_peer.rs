//! Brokers that send anything: streams within the process, each with a sequence of packets that are good, out of
//! place or damaged, cut anywhere, and an end of its own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use mqt_client::{Connected, Transport};

use mqt_process::random::Random;

/// Packets of a broker, for 5 and for 3.1.1.
const PACKETS: &[&[u8]] = &[
    // CONNACK: good, session present, refused, with a receive maximum of 1 and without retained messages.
    &[0x20, 3, 0, 0, 0],
    &[0x20, 2, 0, 0],
    &[0x20, 3, 1, 0, 0],
    &[0x20, 3, 0, 0x87, 0],
    &[0x20, 3, 0, 0x89, 0],
    &[0x20, 2, 0, 5],
    &[0x20, 8, 0, 0, 5, 0x21, 0, 1, 0x25, 0],
    &[0x20, 6, 0, 0, 3, 0x13, 0, 1],
    // DISCONNECT: server busy, quota, keep alive, take-over, normal, without a reason.
    &[0xE0, 1, 0x89],
    &[0xE0, 1, 0x97],
    &[0xE0, 2, 0x8D, 0],
    &[0xE0, 1, 0x8E],
    &[0xE0, 0],
    // AUTH.
    &[0xF0, 0],
    &[0xF0, 2, 0x18, 0],
    // Acknowledgements: good, refused, of what is not open, PUBREC and PUBREL and PUBCOMP.
    &[0x40, 2, 0, 1],
    &[0x40, 3, 0, 1, 0x87],
    &[0x40, 2, 0x12, 0x34],
    &[0x50, 2, 0, 1],
    &[0x62, 2, 0, 1],
    &[0x70, 2, 0, 1],
    // SUBACK: granted, refused, too many, of what is not open; UNSUBACK.
    &[0x90, 4, 0, 1, 0, 0],
    &[0x90, 3, 0, 1, 0],
    &[0x90, 4, 0, 1, 0, 0x87],
    &[0x90, 5, 0, 1, 0, 0, 0],
    &[0x90, 4, 0, 9, 0, 0],
    &[0xB0, 4, 0, 1, 0, 0],
    // PINGRESP, PINGREQ, SUBSCRIBE.
    &[0xD0, 0],
    &[0xC0, 0],
    &[0x82, 7, 0, 1, 0, 0, 1, b'a', 0],
    // PUBLISH: QoS 0, retained, 1, 2, with an alias that is unknown, with an empty topic, with a wildcard.
    &[0x30, 5, 0, 1, b'a', 0, b'x'],
    &[0x31, 5, 0, 1, b'a', 0, b'x'],
    &[0x32, 7, 0, 1, b'a', 0, 7, 0, b'x'],
    &[0x34, 7, 0, 1, b'a', 0, 8, 0, b'x'],
    &[0x3C, 7, 0, 1, b'a', 0, 8, 0, b'x'],
    &[0x30, 6, 0, 0, 3, 0x23, 0, 9],
    &[0x30, 3, 0, 0, 0],
    &[0x30, 5, 0, 1, b'#', 0, b'x'],
    // A claim of 256 MiB, and what is no packet.
    &[0x30, 0xFF, 0xFF, 0xFF, 0x7F],
    &[0x00, 0x00],
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
];

/// What is sent on one connection, in pieces, and whether the broker closes then or keeps silent.
struct Script {
    pieces: Vec<Vec<u8>>,
    closes: bool,
}

impl Script {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut pick = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
        let mut bytes = Vec::new();
        if pick(5) > 0 {
            bytes.extend(PACKETS[pick(2)]);
        }
        for _ in 0..pick(6) {
            let start = bytes.len();
            bytes.extend(PACKETS[pick(PACKETS.len())]);
            if pick(4) == 0 {
                let at = start + pick(bytes.len() - start);
                bytes[at] ^= 1 << pick(8);
            }
        }
        if pick(8) == 0 {
            bytes.truncate(pick(bytes.len() + 1));
        }
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            // Mostly all in one segment: what comes together is what is seldom seen.
            let length = if pick(3) > 0 { bytes.len() } else { 1 + pick(bytes.len()) };
            let rest = bytes.split_off(length);
            pieces.push(std::mem::replace(&mut bytes, rest));
        }
        Self { pieces, closes: pick(2) == 0 }
    }

    async fn play(self, mut stream: DuplexStream) {
        let mut heard = [0; 4096];
        // After CONNECT.
        if !matches!(stream.read(&mut heard).await, Ok(1..)) {
            return;
        }
        for piece in self.pieces {
            if stream.write_all(&piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        while !self.closes && matches!(stream.read(&mut heard).await, Ok(1..)) {}
    }
}

/// What clients did with their streams, over all of them.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many streams there were.
    pub streams: AtomicU64,
    /// How often they were read from.
    pub reads: AtomicU64,
    /// The most reads of one stream.
    pub most: AtomicU64,
}

/// Streams to such brokers, each with a sequence of its own, made from this seed on.
pub fn transport(seed: u64, seen: &Arc<Seen>) -> Transport {
    let seen = Arc::clone(seen);
    let next = AtomicU64::new(seed);
    Transport::from_source(move || {
        let script = Script::new(next.fetch_add(1, Ordering::Relaxed));
        seen.streams.fetch_add(1, Ordering::Relaxed);
        let stream = Counted { stream: None, reads: 0, seen: Arc::clone(&seen) };
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(script.play(theirs));
            let stream = Box::new(Counted { stream: Some(ours), ..stream });
            Ok(Connected { stream, peer: "hostile".to_owned() })
        })
    })
}

/// A stream that counts how often it is read from.
struct Counted {
    stream: Option<DuplexStream>,
    reads: u64,
    seen: Arc<Seen>,
}

impl Counted {
    fn stream(&mut self) -> Pin<&mut DuplexStream> {
        Pin::new(self.stream.as_mut().unwrap())
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads += 1;
        self.seen.reads.fetch_add(1, Ordering::Relaxed);
        self.seen.most.fetch_max(self.reads, Ordering::Relaxed);
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// Fails the process where something continues without an end: a task that spins cannot be stopped in another way.
pub fn within<T: Send + 'static>(limit: std::time::Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || sender.send(work()).is_ok());
    match receiver.recv_timeout(limit) {
        Ok(done) => done,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => unreachable!(),
        },
    }
}
