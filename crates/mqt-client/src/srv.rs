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

use mqt_process::file;

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
/// The error code of a name that does not exist.
const NO_SUCH_NAME: u8 = 3;
/// How long a name may be, in bytes; a loop of compression is longer.
const LONGEST_NAME: usize = 255;
/// How many jumps of compression a name may have: as many as it can have labels.
const MOST_JUMPS: usize = 127;

/// The name servers that are asked for SRV records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// Those of `/etc/resolv.conf`.
    System,
    /// These, one after the other until one answers.
    These(Vec<SocketAddr>),
}

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

/// What is looked up for a domain.
pub(super) fn service_name(domain: &str, tls: bool) -> String {
    format!("{}._tcp.{domain}", if tls { "_secure-mqtt" } else { "_mqtt" })
}

/// Looks up the SRV records of a name, in the order in which they are to be tried.
pub(super) async fn lookup(name: &str, servers: &NameServers) -> Result<Vec<Service>, String> {
    let system;
    let servers = match servers {
        NameServers::These(servers) => servers,
        NameServers::System => {
            system = name_servers(&file::read_to_string("/etc/resolv.conf".as_ref()).unwrap_or_default());
            &system
        }
    };
    if servers.is_empty() {
        return Err(format!("{name}: no name server in /etc/resolv.conf to ask for the SRV record"));
    }
    let id = mqt_process::random::seed() as u16;
    let question = question(id, name).ok_or_else(|| format!("{name}: no domain name"))?;
    let mut reason = String::new();
    for server in servers {
        let why = match timeout(PATIENCE, ask(*server, &question)).await {
            Ok(Ok(answer)) => match read_answer(&answer) {
                Some(Ok(services)) if !services.is_empty() => {
                    return Ok(in_order(services, |most| {
                        mqt_process::random::seed() % (u64::from(most) + 1)
                    }));
                }
                Some(Ok(_) | Err(NO_SUCH_NAME)) => {
                    return Err(format!("{name}: there is no such SRV record"));
                }
                Some(Err(code)) => refusal(code),
                None => "its answer is no DNS message".to_owned(),
            },
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "it closed the connection before it answered".to_owned()
            }
            Ok(Err(error)) => super::error::reason(&error),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        // Another one may know.
        reason = format!("{server}: {why}");
    }
    Err(format!("{name}: {reason}"))
}

/// By priority, and those of one priority by chance, each with the share that its weight gives it (RFC 2782).
/// `random` returns a number from 0 to its argument.
fn in_order(mut services: Vec<Service>, mut random: impl FnMut(u32) -> u64) -> Vec<Service> {
    // Those without weight stand first, so that chance hits them only by 0.
    services.sort_by_key(|service| (service.priority, service.weight > 0));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(priority) = services.first().map(|service| service.priority) {
        let group = services.iter().take_while(|service| service.priority == priority);
        let chosen = random(group.clone().map(|service| u32::from(service.weight)).sum());
        let mut sum = 0;
        let place = group.clone().position(|service| {
            sum += u64::from(service.weight);
            sum >= chosen
        });
        ordered.push(services.remove(place.unwrap_or_default()));
    }
    ordered
}

fn refusal(code: u8) -> String {
    match code {
        2 => "the name server failed".to_owned(),
        5 => "the name server refuses".to_owned(),
        code => format!("the name server answers with error {code}"),
    }
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

/// Asks over UDP, and over TCP when the answer does not fit.
async fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await?;
    // Connected: nobody else's answers come in.
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or_default();
        // Anyone who forges an address has to know the question; the right answer may still come.
        if !answers(answer, question) {
            continue;
        }
        if u16_at(answer, 2).is_none_or(|flags| flags & TRUNCATED == 0) {
            return Ok(answer.to_vec());
        }
        break;
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    if !answers(&answer, question) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is to no question of ours"));
    }
    Ok(answer)
}

/// Whether a message is an answer to this question: identifier and question are repeated in it. One that only refuses
/// may leave the question out.
fn answers(message: &[u8], question: &[u8]) -> bool {
    let repeats = |range: std::ops::Range<usize>| {
        matches!((message.get(range.clone()), question.get(range)), (Some(one), Some(other))
            if one.eq_ignore_ascii_case(other))
    };
    let is_refusal = u16_at(message, 2).is_some_and(|flags| flags & 0x0F != 0);
    let is_response = message.get(2).is_some_and(|flags| flags & 0x80 != 0);
    let asks = is_refusal && u16_at(message, 4) == Some(0) || repeats(4..6) && repeats(12..question.len());
    message.get(..2) == question.get(..2) && is_response && asks
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The services that a message names, or its error code; `None` when it is no DNS message.
fn read_answer(message: &[u8]) -> Option<Result<Vec<Service>, u8>> {
    let flags = u16_at(message, 2)?;
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
    let (mut bytes, mut jumps) = (1, 0);
    while bytes <= LONGEST_NAME && jumps <= MOST_JUMPS {
        match usize::from(*message.get(at)?) {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            length @ 1..=63 => {
                labels.push(std::str::from_utf8(message.get(at + 1..at + 1 + length)?).ok()?);
                at += 1 + length;
                bytes += 1 + length;
            }
            192.. => {
                end = end.or(Some(at + 2));
                at = usize::from(u16_at(message, at)? & 0x3FFF);
                jumps += 1;
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
        // example.org is at 12 + 6 + 5 = 23.
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
            read_answer(&answer([0, 7])),
            Some(Ok(vec![service(10, 5, 1883, "b2.example.org"), service(1, 0, 1884, "b1.example.org")]))
        );
        let mut refused = answer([0, 7]);
        refused[3] = 0x83;
        assert_eq!(read_answer(&refused), Some(Err(3)));
    }

    #[test]
    fn an_answer_repeats_the_question() {
        let asked = question(7, "_mqtt._tcp.example.org").unwrap();
        assert!(answers(&answer([0, 7]), &asked));
        assert!(answers(&answer([0, 7]).to_ascii_uppercase(), &asked), "names have no case");
        assert!(!answers(&answer([0, 8]), &asked), "another identifier");
        assert!(!answers(&asked, &asked), "a question");
        assert!(!answers(&answer([0, 7]), &question(7, "_mqtt._tcp.example.com").unwrap()));
        let bare = |code| [0, 7, 0x80, code, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(answers(&bare(2), &asked), "a failure without the question");
        assert!(!answers(&bare(0), &asked), "success without the question");
        assert!(!answers(&[0, 7], &asked));
    }

    #[test]
    fn a_message_that_is_cut_or_loops_is_none() {
        let whole = answer([0, 7]);
        for length in 0..whole.len() {
            assert_eq!(read_answer(&whole[..length]), None, "{length} bytes");
        }
        // The name of the first record, and then its target: pointing at itself, behind the end, at a label before
        // itself.
        let (name, target) = (12 + 28, 12 + 28 + 2 + 10 + 6 + 3);
        for place in [name, target] {
            for to in [place, 0x3FFF, place - 3] {
                let mut looping = whole.clone();
                looping[place] = 0xC0 | u8::try_from(to >> 8).unwrap();
                looping[place + 1] = u8::try_from(to & 0xFF).unwrap();
                assert_eq!(read_answer(&looping), None, "{place} to {to}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_message_is_read_to_an_end(
            changes in proptest::collection::vec((0..200_usize, proptest::num::u8::ANY), 0..8),
            more in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
        ) {
            let mut message = answer([0, 7]);
            message.extend(more);
            for (at, byte) in changes {
                let at = at % message.len();
                message[at] = byte;
            }
            if let Some(Ok(services)) = read_answer(&message) {
                proptest::prop_assert!(services.iter().all(|service| service.host.len() < LONGEST_NAME));
            }
        }
    }

    #[test]
    fn name_servers_are_those_of_the_file() {
        assert_eq!(
            name_servers("# x\nnameserver 10.0.0.1\nsearch a\nnameserver ::1\nnameserver x\n"),
            ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]
        );
    }

    #[test]
    fn the_order_is_that_of_priority_and_of_weight_by_chance() {
        let services = vec![
            service(2, 9, 1, "last"),
            service(1, 1, 2, "little"),
            service(1, 3, 3, "much"),
            service(1, 0, 4, "none"),
        ];
        let order = |chance: &[u64]| {
            let mut chance = chance.iter();
            let ordered = in_order(services.clone(), |most| (*chance.next().unwrap()).min(most.into()));
            ordered.into_iter().map(|service| service.host).collect::<Vec<_>>()
        };
        assert_eq!(order(&[0, 0, 0, 0]), ["none", "little", "much", "last"]);
        assert_eq!(order(&[1, 0, 0, 0]), ["little", "none", "much", "last"]);
        assert_eq!(order(&[2, 1, 0, 0]), ["much", "little", "none", "last"]);
        assert_eq!(order(&[4, 0, 1, 9]), ["much", "none", "little", "last"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up() {
        let silent =
            [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let addresses: Vec<_> = silent.iter().map(|server| server.local_addr().unwrap()).collect();
        let last = addresses[1];
        let begin = tokio::time::Instant::now();
        assert_eq!(
            lookup("_mqtt._tcp.example.org", &NameServers::These(addresses)).await,
            Err(format!("_mqtt._tcp.example.org: {last}: no answer within 3 s"))
        );
        assert_eq!(begin.elapsed(), 2 * PATIENCE);
    }

    #[tokio::test]
    async fn without_a_server_or_a_name_nothing_is_asked() {
        let none = lookup("_mqtt._tcp.a", &NameServers::These(Vec::new())).await.unwrap_err();
        assert!(none.starts_with("_mqtt._tcp.a: no name server"), "{none}");
        let nowhere = NameServers::These(vec!["127.0.0.1:1".parse().unwrap()]);
        assert_eq!(lookup("a..b", &nowhere).await, Err("a..b: no domain name".to_owned()));
    }
}
