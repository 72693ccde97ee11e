//! SRV records (RFC 2782): where a domain says that its brokers are.
//!
//! The resolver of the system does not look them up, so this asks the name servers of `/etc/resolv.conf` itself, over
//! UDP, and over TCP when the answer does not fit.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// The port of name servers.
const PORT: u16 = 53;
/// How long one name server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The type SRV.
const SRV: u16 = 33;
/// The class IN.
const INTERNET: u16 = 1;
/// The truncation bit of a header.
const TRUNCATED: u16 = 0x0200;
/// How many names one may lead to by compression: more is a loop.
const MOST_POINTERS: usize = 64;

/// One record: a broker of the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// The lowest comes first.
    pub priority: u16,
    /// Of the same priority: how large its share is to be.
    pub weight: u16,
    pub port: u16,
    pub host: String,
}

/// Looks up `_mqtt._tcp.HOST`, with TLS `_secure-mqtt._tcp.HOST`. The best record comes first.
pub(super) async fn lookup(host: &str, tls: bool) -> Result<Vec<Service>, String> {
    let servers = name_servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    lookup_at(host, tls, &servers).await
}

async fn lookup_at(host: &str, tls: bool, servers: &[SocketAddr]) -> Result<Vec<Service>, String> {
    let name = format!("{}._tcp.{host}", if tls { "_secure-mqtt" } else { "_mqtt" });
    if servers.is_empty() {
        return Err(format!("{name}: no name server in /etc/resolv.conf to ask for the SRV record"));
    }
    let id = random_id();
    let question = question(id, &name).ok_or_else(|| format!("{name}: no domain name"))?;
    let mut reason = String::new();
    for server in servers {
        let answer = match timeout(PATIENCE, ask(*server, &question)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                reason = format!("{server}: {}", super::error::reason(&error));
                continue;
            }
            Err(_) => {
                reason = format!("{server}: no answer within {} s", PATIENCE.as_secs());
                continue;
            }
        };
        return match read_answer(&answer, id) {
            Some(Ok(mut services)) if !services.is_empty() => {
                services.sort_by_key(|service| (service.priority, std::cmp::Reverse(service.weight)));
                Ok(services)
            }
            Some(Ok(_)) => Err(format!("{name}: there is no such SRV record")),
            Some(Err(code)) => Err(format!("{name}: {}", refusal(code))),
            None => {
                reason = format!("{server}: its answer is no DNS message");
                continue;
            }
        };
    }
    Err(format!("{name}: {reason}"))
}

fn refusal(code: u8) -> String {
    match code {
        2 => "the name server failed".to_owned(),
        3 => "there is no such SRV record".to_owned(),
        5 => "the name server refuses".to_owned(),
        code => format!("the name server answers with error {code}"),
    }
}

fn random_id() -> u16 {
    use std::hash::{BuildHasher as _, Hasher as _};
    u16::try_from(std::hash::RandomState::new().build_hasher().finish() & 0xFFFF).unwrap_or_default()
}

/// The addresses behind `nameserver`.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next()).flatten()
        })
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, PORT))
        .collect()
}

/// A query for the SRV records of a name; `None` when that is no domain name.
fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    // Recursion desired, one question.
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend(SRV.to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    // A name has at most 255 bytes.
    (message.len() <= 12 + 255 + 4).then_some(message)
}

async fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await?;
    // Connected: nobody else's answers come in.
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    if u16_at(&answer, 2).is_none_or(|flags| flags & TRUNCATED == 0) {
        return Ok(answer);
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The services that a message names, or its error code; `None` when it is no answer to this question.
fn read_answer(message: &[u8], id: u16) -> Option<Result<Vec<Service>, u8>> {
    let flags = u16_at(message, 2)?;
    if u16_at(message, 0)? != id || flags & 0x8000 == 0 {
        return None;
    }
    let code = u8::try_from(flags & 0x0F).ok()?;
    if code != 0 {
        return Some(Err(code));
    }
    let (questions, answers) = (u16_at(message, 4)?, u16_at(message, 6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = read_name(message, at)?.1 + 4;
    }
    let mut services = Vec::new();
    for _ in 0..answers {
        at = read_name(message, at)?.1;
        let kind = u16_at(message, at)?;
        let length = usize::from(u16_at(message, at + 8)?);
        let data = at + 10;
        if kind == SRV {
            let (host, _) = read_name(message, data + 6)?;
            // A single dot: the service is decidedly not there.
            if !host.is_empty() {
                services.push(Service {
                    priority: u16_at(message, data)?,
                    weight: u16_at(message, data + 2)?,
                    port: u16_at(message, data + 4)?,
                    host,
                });
            }
        }
        at = data + length;
    }
    Some(Ok(services))
}

/// The name at a place, and the place behind it.
fn read_name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels: Vec<&str> = Vec::new();
    let (mut at, mut end) = (start, None);
    for _ in 0..MOST_POINTERS {
        match usize::from(*message.get(at)?) {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            length @ 1..=63 => {
                labels.push(std::str::from_utf8(message.get(at + 1..at + 1 + length)?).ok()?);
                at += 1 + length;
            }
            192.. => {
                end = end.or(Some(at + 2));
                at = usize::from(u16_at(message, at)? & 0x3FFF);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand from RFC 1035: two SRV records for `_mqtt._tcp.example.org`, the first with a compressed target.
    fn answer(id: [u8; 2]) -> Vec<u8> {
        let mut message = id.to_vec();
        message.extend([0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
        message.extend_from_slice(b"\x05_mqtt\x04_tcp\x07example\x03org\x00\x00\x21\x00\x01");
        // example.org stands at 12 + 6 + 5 = 23.
        message.extend_from_slice(
            b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x0b\x00\x0a\x00\x05\x07\x5b\x02b2\xc0\x17",
        );
        message.extend_from_slice(
            b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x0b\x00\x01\x00\x00\x07\x5c\x02b1\xc0\x17",
        );
        message
    }

    fn service(priority: u16, weight: u16, port: u16, host: &str) -> Service {
        Service { priority, weight, port, host: host.to_owned() }
    }

    #[test]
    fn a_question_is_a_name_in_labels() {
        assert_eq!(
            question(0x1234, "_mqtt._tcp.a.b"),
            Some(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05_mqtt\x04_tcp\x01a\x01b\x00\x00\x21\x00\x01".to_vec())
        );
        for name in ["a..b", "", &"x".repeat(64), &"abcdefgh.".repeat(40)] {
            assert_eq!(question(1, name), None, "{name}");
        }
    }

    #[test]
    fn an_answer_names_services() {
        assert_eq!(
            read_answer(&answer([0, 7]), 7),
            Some(Ok(vec![service(10, 5, 1883, "b2.example.org"), service(1, 0, 1884, "b1.example.org")]))
        );
        // Another question's.
        assert_eq!(read_answer(&answer([0, 8]), 7), None);
        let mut refused = answer([0, 7]);
        refused[3] = 0x83;
        assert_eq!(read_answer(&refused, 7), Some(Err(3)));
    }

    #[test]
    fn a_message_that_is_cut_or_loops_is_none() {
        let whole = answer([0, 7]);
        for length in 0..whole.len() {
            assert_eq!(read_answer(&whole[..length], 7), None, "{length} bytes");
        }
        let mut looping = whole;
        // The name of the first record points at itself.
        let at = 12 + 6 + 5 + 8 + 4 + 1 + 4;
        looping[at..at + 2].copy_from_slice(&[0xC0, u8::try_from(at).unwrap()]);
        assert_eq!(read_answer(&looping, 7), None);
    }

    #[test]
    fn name_servers_are_those_of_the_file() {
        assert_eq!(
            name_servers("# x\nnameserver 10.0.0.1\nsearch a\nnameserver ::1\nnameserver x\n"),
            ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]
        );
    }

    #[tokio::test]
    async fn the_best_record_comes_first() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serve = async {
            let mut question = [0; 512];
            let (length, from) = server.recv_from(&mut question).await.unwrap();
            assert!(question[..length].ends_with(b"\x05_mqtt\x04_tcp\x07example\x03org\x00\x00\x21\x00\x01"));
            server.send_to(&answer([question[0], question[1]]), from).await.unwrap();
        };
        let servers = [address];
        let (found, ()) = tokio::join!(lookup_at("example.org", false, &servers), serve);
        assert_eq!(
            found,
            Ok(vec![service(1, 0, 1884, "b1.example.org"), service(10, 5, 1883, "b2.example.org")])
        );
        assert!(
            lookup_at("example.org", true, &[]).await.unwrap_err().contains("_secure-mqtt._tcp.example.org")
        );
    }
}
