//! What `scripts/compare-bench` measures `mqt bench` against: the ceiling of the machine, and a client of another
//! make.
//!
//! ```text
//! peer write PORT COUNT SIZE QOS    sends COUNT encoded messages in blocks of 64 KiB, with no session behind them
//! peer connect PORT COUNT           opens COUNT connections with rumqttc's clients, all at once
//! ```
//!
//! Both print the seconds that it took: `write` until the peer has read everything, `connect` from the first
//! connection to the last CONNACK.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::task::JoinSet;

/// The bytes of one write.
const BLOCK: usize = 64 * 1024;
/// A connection that takes longer counts as failed.
const LIMIT: Duration = Duration::from_secs(60);
const TOPIC: &[u8] = b"mqt/test/speed";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["write", port, count, size] => write(port, count, size),
        ["connect", port, count] => connect(port, count),
        _ => Err(invalid("usage: peer write PORT COUNT SIZE | connect PORT COUNT")),
    };
    match result.and_then(|seconds| writeln!(io::stdout(), "{seconds}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "peer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| invalid("a number is not a number, or too large"))
}

fn write(port: &str, count: &str, size: &str) -> io::Result<f64> {
    let (count, size): (usize, usize) = (number(count)?, number(size)?);
    let packet = publish(size)?;
    let per_block = (BLOCK / packet.len()).max(1);
    let block = packet.repeat(per_block);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, number(port)?))?;
    stream.set_nodelay(true)?;
    // CONNECT of MQTT 3.1.1 with the client identifier "p".
    stream.write_all(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 1, b'p'])?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    let begun = Instant::now();
    let mut left = count;
    while left > 0 {
        let now = left.min(per_block);
        stream.write_all(&block[..now * packet.len()])?;
        left -= now;
    }
    stream.write_all(&[0xE0, 0])?;
    // The peer closes when it has read the DISCONNECT.
    let _ = stream.read(&mut answer)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// A PUBLISH of QoS 0.
fn publish(size: usize) -> io::Result<Vec<u8>> {
    let mut remaining = 2 + TOPIC.len() + size;
    let mut packet = vec![0x30];
    while remaining > 0x7F {
        packet.push((remaining & 0x7F) as u8 | 0x80);
        remaining >>= 7;
    }
    packet.push(u8::try_from(remaining).map_err(|_| invalid("SIZE is too large"))?);
    packet.extend([0, TOPIC.len() as u8]);
    packet.extend(TOPIC);
    packet.extend(std::iter::repeat_n(b'x', size));
    Ok(packet)
}

fn connect(port: &str, count: &str) -> io::Result<f64> {
    let (port, count): (u16, usize) = (number(port)?, number(count)?);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let begun = Instant::now();
        let mut attempts = JoinSet::new();
        for client in 0..count {
            attempts.spawn(async move {
                let mut options = MqttOptions::new(format!("peer-{client}"), "127.0.0.1", port);
                options.set_keep_alive(Duration::from_secs(300));
                let (handle, mut events) = AsyncClient::new(options, 10);
                let accepted = tokio::time::timeout(LIMIT, async {
                    loop {
                        match events.poll().await {
                            Ok(Event::Incoming(Incoming::ConnAck(_))) => return Ok(()),
                            Ok(_) => {}
                            Err(error) => return Err(error.to_string()),
                        }
                    }
                });
                match accepted.await {
                    Ok(Ok(())) => Ok((handle, events)),
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err("no CONNACK in time".to_owned()),
                }
            });
        }
        // Held until all are there.
        let mut connections = Vec::with_capacity(count);
        while let Some(attempt) = attempts.join_next().await {
            connections.push(attempt.map_err(io::Error::other)?.map_err(io::Error::other)?);
        }
        Ok(begun.elapsed().as_secs_f64())
    })
}
