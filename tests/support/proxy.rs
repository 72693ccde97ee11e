//! A fault proxy: forwards connections to a broker, and breaks them by a plan or on command.
//!
//! It lives in a thread with a runtime of its own and ends when it is dropped.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use mqt_process::random::Random;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// What one direction may carry before its connection is recorded no further, in bytes.
const RECORDED: usize = 64 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the broker.
    Up,
    /// From the broker to the client.
    Down,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// RST to both ends.
    Reset,
    /// FIN to both ends.
    Close,
    /// Both sockets stay open and swallow what comes, until the client gives up.
    BlackHole,
    /// FIN to the client only; what it still sends arrives.
    HalfClose,
}

/// When and how one connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The direction whose bytes count.
    pub direction: Direction,
    /// Exactly so many bytes get through in it.
    pub after: u64,
    /// What happens then.
    pub fault: Fault,
}

/// How fast bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// At most so many bytes in a write.
    pub slice: usize,
    /// The pause after each write.
    pub delay: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { slice: 64 * 1024, delay: Duration::ZERO }
    }
}

/// The first bytes of one connection, in both directions.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// From the client.
    pub up: Vec<u8>,
    /// From the broker.
    pub down: Vec<u8>,
    /// Nothing more is recorded: both ends are done, or the connection was broken.
    pub ended: bool,
}

/// The proxy.
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: u16,
    /// A cut for each connection to come, the next one first. Connections beyond the plan are left alone.
    plan: Mutex<VecDeque<Cut>>,
    pace: Mutex<Pace>,
    records: Mutex<Vec<Record>>,
    cuts: AtomicUsize,
    /// The number of the command and the fault that every open connection is to have.
    command: watch::Sender<(u64, Fault)>,
    refusing: Mutex<bool>,
}

impl FaultProxy {
    /// Forwards to this port of 127.0.0.1.
    pub fn start(upstream: u16) -> Self {
        Self::with_plan(upstream, [])
    }

    /// Forwards, and breaks the first connections one after the other as planned.
    pub fn with_plan(upstream: u16, plan: impl IntoIterator<Item = Cut>) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            plan: Mutex::new(plan.into_iter().collect()),
            pace: Mutex::new(Pace::default()),
            records: Mutex::new(Vec::new()),
            cuts: AtomicUsize::new(0),
            command: watch::channel((0, Fault::Close)).0,
            refusing: Mutex::new(false),
        });
        let (stop, stopped) = oneshot::channel();
        let (ready, port) = mpsc::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                ready.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    // An error says that the test is over.
                    _ = stopped => {}
                    () = accept(listener, for_thread) => {}
                }
            });
        });
        Self { port: port.recv().unwrap(), shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks every connection that is open now.
    pub fn cut(&self, fault: Fault) {
        self.shared.command.send_modify(|(number, next)| {
            *number += 1;
            *next = fault;
        });
    }

    /// Resets new connections as soon as they are accepted, or forwards them again.
    pub fn refuse(&self, refusing: bool) {
        *self.shared.refusing.lock().unwrap() = refusing;
    }

    /// Sets the pace of connections to come.
    pub fn set_pace(&self, pace: Pace) {
        *self.shared.pace.lock().unwrap() = pace;
    }

    /// How many connections were broken, by plan or on command.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// The first bytes of each connection, in the order in which they were accepted.
    pub fn records(&self) -> Vec<Record> {
        self.shared.records.lock().unwrap().clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error says that its thread has panicked, which the join reports.
            let _ = stop.send(());
        }
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking(), "the proxy panicked");
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if *shared.refusing.lock().unwrap() {
            reset(&client);
            continue;
        }
        let number = {
            let mut records = shared.records.lock().unwrap();
            records.push(Record::default());
            records.len() - 1
        };
        let cut = shared.plan.lock().unwrap().pop_front();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { forward(client, number, cut, &shared).await });
    }
}

/// The next close of this socket sends RST.
fn reset(stream: &TcpStream) {
    // It fails only for a socket that is gone already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn forward(mut client: TcpStream, number: usize, cut: Option<Cut>, shared: &Shared) {
    let Ok(mut broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream)).await else {
        return reset(&client);
    };
    let mut commands = shared.command.subscribe();
    commands.mark_unchanged();
    let pace = *shared.pace.lock().unwrap();
    let limit = |direction| cut.filter(|cut| cut.direction == direction).map(|cut| cut.after);
    let fault = {
        for stream in [&client, &broker] {
            stream.set_nodelay(true).unwrap();
        }
        let (client_read, client_write) = client.split();
        let (broker_read, broker_write) = broker.split();
        let record = |direction, bytes: &[u8]| {
            let mut records = shared.records.lock().unwrap();
            let all = match direction {
                Direction::Up => &mut records[number].up,
                Direction::Down => &mut records[number].down,
            };
            let room = RECORDED.saturating_sub(all.len()).min(bytes.len());
            all.extend_from_slice(&bytes[..room]);
        };
        let up = pump(client_read, broker_write, limit(Direction::Up), pace, |bytes| {
            record(Direction::Up, bytes);
        });
        let down = pump(broker_read, client_write, limit(Direction::Down), pace, |bytes| {
            record(Direction::Down, bytes);
        });
        tokio::pin!(up, down);
        let (mut up_open, mut down_open) = (true, true);
        loop {
            if !up_open && !down_open {
                break None;
            }
            tokio::select! {
                biased;
                changed = commands.changed() => break changed.ok().map(|()| commands.borrow().1),
                at_limit = &mut up, if up_open => {
                    if at_limit {
                        break cut.map(|cut| cut.fault);
                    }
                    up_open = false;
                }
                at_limit = &mut down, if down_open => {
                    if at_limit {
                        break cut.map(|cut| cut.fault);
                    }
                    down_open = false;
                }
            }
        }
    };
    shared.records.lock().unwrap()[number].ended = true;
    let Some(fault) = fault else { return };
    shared.cuts.fetch_add(1, Ordering::SeqCst);
    match fault {
        Fault::Reset => {
            reset(&client);
            reset(&broker);
        }
        Fault::Close => {}
        Fault::BlackHole => {
            // What comes from the broker is not even read; its own keep alive finds that out.
            swallow(&mut client).await;
        }
        Fault::HalfClose => {
            // An error says that the client is gone already.
            let _ = client.shutdown().await;
            let _ = tokio::io::copy(&mut client, &mut broker).await;
        }
    }
}

/// Forwards until the limit (true), or until one end is gone (false): the other is told by FIN.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    limit: Option<u64>,
    pace: Pace,
    mut seen: impl FnMut(&[u8]),
) -> bool {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = from.read(&mut buffer[..room]).await.unwrap_or(0);
        if count == 0 {
            // An error says that the other end is gone, too.
            let _ = to.shutdown().await;
            return false;
        }
        seen(&buffer[..count]);
        for part in buffer[..count].chunks(pace.slice) {
            if to.write_all(part).await.is_err() {
                return false;
            }
            if !pace.delay.is_zero() {
                tokio::time::sleep(pace.delay).await;
            }
        }
        left -= count as u64;
    }
    true
}

async fn swallow(stream: &mut TcpStream) {
    let mut buffer = vec![0; 4096];
    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

/// A seeded source of numbers.
pub struct Seeded(Random);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A seed of its own for each name.
    pub fn named(name: &str) -> Self {
        Self::new(name.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
    }

    /// From `from` up to, but not including, `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from)
    }

    /// A plan of `count` cuts, one of them a black hole, each after `from` to `to` bytes.
    pub fn plan(&mut self, count: usize, from: u64, to: u64) -> Vec<Cut> {
        let hole = self.between(0, count as u64) as usize;
        (0..count)
            .map(|number| Cut {
                direction: if self.between(0, 4) == 0 { Direction::Down } else { Direction::Up },
                after: self.between(from, to),
                fault: match self.between(0, 3) {
                    _ if number == hole => Fault::BlackHole,
                    0 => Fault::Close,
                    1 => Fault::HalfClose,
                    _ => Fault::Reset,
                },
            })
            .collect()
    }
}
