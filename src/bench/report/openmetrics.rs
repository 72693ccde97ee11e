//! Metrics of a run in progress, for Prometheus and the like: the OpenMetrics text, and a listener that
//! hands it out.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::bench::result::snapshot::Snapshot;

/// What every answer is.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest request that is read.
const LONGEST_REQUEST: usize = 8 * 1024;

/// The metrics of a snapshot.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let (totals, second) = (&snapshot.totals, &snapshot.second);
    let mut text = String::new();
    for (name, help, value) in [
        ("offered", "Messages that had an intended time.", totals.offered),
        ("sent", "Messages written to a connection.", totals.sent),
        ("confirmed", "Messages confirmed by the broker.", totals.acked),
        ("delivered", "Messages that came in.", totals.delivered),
        ("errors", "Errors of all kinds.", totals.errors),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "# TYPE mqt_bench_{name} counter\n# HELP mqt_bench_{name} {help}\nmqt_bench_{name}_total {value}\n"
        );
    }
    for (name, help, value) in [
        ("connections", "Open connections.", snapshot.connections as f64),
        ("connections_asked", "Connections that there are to be.", snapshot.connections_asked as f64),
        ("last_second_sent", "Messages sent in the last second.", second.sent as f64),
        ("last_second_delivered", "Messages that came in in the last second.", second.delivered as f64),
        ("phase_done_ratio", "How much of this part of the run is done.", snapshot.done().unwrap_or(0.0)),
    ] {
        let _ = write!(
            text,
            "# TYPE mqt_bench_{name} gauge\n# HELP mqt_bench_{name} {help}\nmqt_bench_{name} {value}\n"
        );
    }
    for (name, micros) in [("p50", second.p50_us), ("p99", second.p99_us), ("max", second.max_us)] {
        let name = format!("mqt_bench_last_second_response_{name}_seconds");
        let _ = write!(
            text,
            "# TYPE {name} gauge\n# UNIT {name} seconds\n# HELP {name} Response time of what came in in the \
             last second.\n{name} {}\n",
            micros as f64 / 1e6
        );
    }
    text.push_str("# EOF\n");
    text
}

/// Hands metrics out until it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    shared: Arc<SharedMetrics>,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct SharedMetrics {
    text: Mutex<String>,
    ends: AtomicBool,
}

impl MetricsServer {
    /// Listens at the address and answers from a thread of its own.
    ///
    /// # Errors
    /// The address cannot be listened at, or there is no thread to be had.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(SharedMetrics {
            text: Mutex::new(render(&Snapshot::default())),
            ..SharedMetrics::default()
        });
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if served.ends.load(Ordering::Acquire) {
                    return;
                }
                // A client that goes away or asks for nothing is its own affair.
                if let Ok(stream) = stream {
                    drop(answer(stream, &served));
                }
            }
        })?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is handed out from now on.
    pub fn set(&self, snapshot: &Snapshot) {
        let text = render(snapshot);
        *self.shared.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        let mut reachable = self.address;
        if reachable.ip().is_unspecified() {
            reachable.set_ip(match reachable {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        // The thread waits for a connection: this is the last one. Without it the thread ends with the process.
        if TcpStream::connect_timeout(&reachable, PATIENCE).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

fn answer(mut stream: TcpStream, shared: &SharedMetrics) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = read_request(&mut stream)? else { return Ok(()) };
    let line = request.lines().next().unwrap_or_default();
    let (status, body) = match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["GET", "/metrics" | "/", _] => {
            ("200 OK", shared.text.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }
        ["GET", ..] => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    };
    let kind = if status.starts_with("200") { CONTENT_TYPE } else { "text/plain; charset=utf-8" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// The head of a request; `None` when the client sends nothing that ends.
fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut block = [0; 1_024];
    while request.len() < LONGEST_REQUEST {
        let count = match stream.read(&mut block) {
            Ok(count) => count,
            // A signal ends a read that has a time limit.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if count == 0 {
            return Ok(None);
        }
        request.extend_from_slice(block.get(..count).unwrap_or_default());
        if request.windows(4).any(|window| window == b"\r\n\r\n") {
            return Ok(Some(String::from_utf8_lossy(&request).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::result::tests::run;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot { connections: 20, connections_asked: 20, ..Snapshot::default() };
        run().series.iter().for_each(|second| snapshot.add(second));
        snapshot
    }

    fn request(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn every_sample_belongs_to_a_declared_metric() {
        let text = render(&snapshot());
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
        let declared: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|rest| rest.split_once(' ').unwrap())
            .collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let known = declared.iter().any(|(family, kind)| match *kind {
                "counter" => name == format!("{family}_total"),
                _ => name == *family,
            });
            assert!(known, "{line}");
        }
        for unit in text.lines().filter_map(|line| line.strip_prefix("# UNIT ")) {
            let (name, unit) = unit.split_once(' ').unwrap();
            assert!(name.ends_with(&format!("_{unit}")), "{name}");
        }
        for line in ["mqt_bench_delivered_total 11000", "mqt_bench_last_second_response_p99_seconds 0.00109"]
        {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }

    #[test]
    fn the_listener_answers_what_is_asked_and_survives_what_is_not() {
        let server = MetricsServer::start("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.address();
        assert!(request(address, "GET /metrics HTTP/1.1\r\n\r\n").contains("mqt_bench_sent_total 0\n"));
        server.set(&snapshot());
        // Somebody who connects and leaves, and somebody who sends no request.
        drop(TcpStream::connect(address).unwrap());
        assert_eq!(request(address, &"x".repeat(LONGEST_REQUEST)), "");
        let answer = request(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(CONTENT_TYPE), "{answer}");
        assert!(answer.contains("mqt_bench_sent_total 11000\n") && answer.ends_with("# EOF\n"), "{answer}");
        assert!(request(address, "GET /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(request(address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
