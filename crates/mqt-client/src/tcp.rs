//! TCP: name lookup, the race of the addresses (RFC 8305), socket options.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::diary::Diary;
use super::error::{ConnectError, reason};
use super::thread::in_thread;

/// How long an address may try before the next one starts too (RFC 8305, section 5).
pub const HEAD_START: Duration = Duration::from_millis(250);

/// Only addresses of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// The name that the resolver of the system is asked for, while it is.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingLookup(Arc<Mutex<Option<String>>>);

impl PendingLookup {
    /// Names what is looked up while it is.
    pub(super) async fn during<T>(&self, host: &str, lookup: impl Future<Output = T>) -> T {
        self.set(Some(host));
        let found = lookup.await;
        self.set(None);
        found
    }

    fn set(&self, host: Option<&str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = host.map(str::to_owned);
    }

    /// The name, unless no answer is waited for.
    pub(super) fn host(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How TCP connections are made.
#[derive(Debug, Clone, Default)]
pub(super) struct TcpOptions {
    /// The addresses of the host, where they are known already; otherwise it is looked up at each connect.
    pub(super) addresses: Vec<SocketAddr>,
    /// The local end: a name or an address.
    pub(super) bind: Option<String>,
    /// Only addresses of this kind.
    pub(super) family: Option<Family>,
    /// How long sent bytes may stay unacknowledged before the connection counts as lost (Linux).
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has such a limit"))]
    pub(super) user_timeout: Option<Duration>,
    /// The head start of each address before the next one.
    pub(super) head_start: Duration,
    /// What the resolver is asked for now.
    pub(super) pending_lookup: PendingLookup,
    /// The steps of connecting.
    pub(super) diary: Diary,
}

/// Connects to the first address of `host` that answers. Dropping the future closes what was begun.
pub(super) async fn connect(host: &str, port: u16, options: &TcpOptions) -> Result<TcpStream, ConnectError> {
    let local = match &options.bind {
        Some(bind) => Some(lookup(bind, 0, options).await?),
        None => None,
    };
    let found = match options.addresses.as_slice() {
        [] => lookup(host, port, options).await?,
        known => known.to_vec(),
    };
    let addresses = interleave(found);
    let attempt = async |address| {
        let outcome = connect_to(address, local.as_deref()).await;
        options.diary.note(|| match &outcome {
            Ok(_) => format!("TCP {address}: connected"),
            Err(error) => format!("TCP {address}: {}", reason(error)),
        });
        outcome
    };
    let stream = race(addresses, options.head_start, attempt)
        .await
        .map_err(|attempts| ConnectError::connect(host, port, attempts))?;
    let failed = |source| ConnectError::connect(host, port, vec![(host.to_owned(), source)]);
    stream.set_nodelay(true).map_err(failed)?;
    #[cfg(target_os = "linux")]
    if options.user_timeout.is_some() {
        socket2::SockRef::from(&stream).set_tcp_user_timeout(options.user_timeout).map_err(failed)?;
    }
    Ok(stream)
}

/// Asks the system, which blocks.
async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let name = (host.to_owned(), port);
    let call = move || std::net::ToSocketAddrs::to_socket_addrs(&name).map(Iterator::collect);
    in_thread("lookup", call).await.and_then(std::convert::identity)
}

/// The addresses of a name. Addresses and `localhost` need no resolver, so no thread is started for them.
pub(super) async fn lookup(
    host: &str,
    port: u16,
    options: &TcpOptions,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let family = options.family;
    let found = if let Ok(address) = host.parse::<IpAddr>() {
        vec![SocketAddr::new(address, port)]
    } else if host.eq_ignore_ascii_case("localhost") {
        [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
            .map(|address| SocketAddr::new(address, port))
            .to_vec()
    } else {
        match options.pending_lookup.during(host, resolve(host, port)).await {
            Ok(addresses) => {
                options.diary.note(|| format!("{host}: {} addresses", addresses.len()));
                addresses
            }
            Err(error) => return Err(ConnectError::lookup(host, &error)),
        }
    };
    let mut addresses: Vec<SocketAddr> = Vec::with_capacity(found.len());
    for address in found {
        if family.is_none_or(|family| family == Family::of(address.ip())) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        let reason = match family {
            Some(Family::V4) => "no IPv4 address",
            Some(Family::V6) => "no IPv6 address",
            None => "no address",
        };
        return Err(ConnectError::Lookup { host: host.to_owned(), reason: reason.to_owned() });
    }
    Ok(addresses)
}

/// Alternates between the families, beginning with that of the first address (RFC 8305, section 4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let mut other = other.into_iter();
    let mut mixed = Vec::with_capacity(one.len());
    for address in one {
        mixed.push(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

async fn connect_to(address: SocketAddr, local: Option<&[SocketAddr]>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(local) = local {
        let same_family = local.iter().find(|local| local.is_ipv4() == address.is_ipv4());
        let Some(local) = same_family else {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "the local address is of the other IP version",
            ));
        };
        socket.bind(*local).map_err(|error| {
            io::Error::new(error.kind(), format!("local address {}: {}", local.ip(), reason(&error)))
        })?;
    }
    let stream = socket.connect(address).await?;
    // A port of the ephemeral range without a listener can be given to this very socket.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

type Attempts = Vec<(String, io::Error)>;

/// Connects to all addresses, each one `head_start` after the one before or as soon as one failed; the
/// first to succeed wins and the others are dropped.
///
/// # Errors
/// Every address with its reason, in the order in which they failed.
async fn race<T, F, A>(addresses: Vec<SocketAddr>, head_start: Duration, connect: F) -> Result<T, Attempts>
where
    F: Fn(SocketAddr) -> A,
    A: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut running = Vec::new();
    let mut failed = Attempts::new();
    loop {
        if let Some(address) = waiting.next() {
            running.push((address, Box::pin(connect(address))));
        }
        if running.is_empty() {
            return Err(failed);
        }
        tokio::select! {
            (address, outcome) = first_finished(&mut running) => match outcome {
                Ok(won) => return Ok(won),
                Err(error) => failed.push((address.to_string(), error)),
            },
            () = sleep(head_start), if waiting.len() > 0 => {}
        }
    }
}

/// Waits until one of the attempts ends, and takes it out.
async fn first_finished<T, A: Future<Output = io::Result<T>>>(
    running: &mut Vec<(SocketAddr, Pin<Box<A>>)>,
) -> (SocketAddr, io::Result<T>) {
    poll_fn(|context| {
        for (index, (address, attempt)) in running.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = attempt.as_mut().poll(context) {
                let address = *address;
                running.remove(index);
                return Poll::Ready((address, outcome));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 1883))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, last], 1883))
    }

    #[test]
    fn families_alternate() {
        assert_eq!(interleave(vec![v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(interleave(vec![v4(1), v6(1), v6(2), v6(3)]), [v4(1), v6(1), v6(2), v6(3)]);
        assert_eq!(interleave(Vec::new()), []);
    }

    // F-10: the first address refuses; the second is tried at once.
    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_at_once() {
        let begin = Instant::now();
        let won = race(vec![v4(1), v4(2), v4(3)], HEAD_START, async |address| {
            if address == v4(1) { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
        });
        assert_eq!(won.await.unwrap(), v4(2));
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    // F-08: the first address is a black hole.
    #[tokio::test(start_paused = true)]
    async fn a_black_hole_costs_one_head_start() {
        let begin = Instant::now();
        let won = race(vec![v6(1), v4(1), v4(2)], HEAD_START, async |address| {
            if address.is_ipv6() {
                std::future::pending::<()>().await;
            }
            sleep(Duration::from_millis(10)).await;
            Ok(address)
        });
        assert_eq!(won.await.unwrap(), v4(1));
        assert_eq!(begin.elapsed(), HEAD_START + Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_still_wins_over_a_slower_second() {
        let won = race(vec![v6(1), v4(1)], HEAD_START, async |address| {
            sleep(Duration::from_millis(400)).await;
            Ok(address)
        });
        assert_eq!(won.await.unwrap(), v6(1));
    }

    #[tokio::test(start_paused = true)]
    async fn every_address_is_listed_with_its_own_reason() {
        let lost = race(vec![v6(1), v4(1)], HEAD_START, async |address| -> io::Result<()> {
            if address.is_ipv6() {
                sleep(Duration::from_secs(3)).await;
                Err(io::ErrorKind::HostUnreachable.into())
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        });
        let error = ConnectError::connect("h", 1883, lost.await.unwrap_err());
        assert_eq!(
            error.to_string(),
            "no connection to h:1883; 127.0.0.1:1883: connection refused; [::1]:1883: host unreachable"
        );
    }

    #[tokio::test]
    async fn localhost_and_addresses_need_no_resolver() {
        let only = |family| TcpOptions { family: Some(family), ..options() };
        assert_eq!(lookup("localhost", 1883, &options()).await.unwrap(), [v6(1), v4(1)]);
        assert_eq!(lookup("LOCALHOST", 1883, &only(Family::V4)).await.unwrap(), [v4(1)]);
        assert_eq!(lookup("::1", 1883, &options()).await.unwrap(), [v6(1)]);
        let error = lookup("127.0.0.1", 1, &only(Family::V6)).await.unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1: no IPv6 address");
    }

    fn options() -> TcpOptions {
        TcpOptions { head_start: HEAD_START, ..TcpOptions::default() }
    }

    // F-03: whoever runs out of time knows that it was the lookup.
    #[tokio::test]
    async fn a_lookup_is_pending_until_it_is_answered() {
        let options = options();
        let mut asked = Box::pin(lookup("host.invalid", 1883, &options));
        let first = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_pending())).await;
        assert!(first, "the resolver answers in no time");
        assert_eq!(options.pending_lookup.host().as_deref(), Some("host.invalid"));
        assert!(asked.await.is_err());
        assert_eq!(options.pending_lookup.host(), None);
    }

    #[tokio::test]
    async fn localhost_reaches_a_listener_of_the_second_family() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = TcpOptions { user_timeout: Some(Duration::from_secs(60)), ..options() };
        let stream = connect("localhost", port, &options).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(
            socket2::SockRef::from(&stream).tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(60))
        );
    }

    #[tokio::test]
    async fn the_local_end_is_bound() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = TcpOptions { bind: Some("127.0.0.1".to_owned()), ..options() };
        let stream = connect("127.0.0.1", port, &options).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), listener.local_addr().unwrap().ip());
        let options = TcpOptions { bind: Some("::1".to_owned()), ..options };
        let error = connect("127.0.0.1", port, &options).await.unwrap_err();
        assert!(error.to_string().contains("the other IP version"), "{error}");
    }

    // F-12: a socket that is its own peer is a refusal.
    #[tokio::test]
    async fn a_connection_to_itself_is_refused() {
        // A port that was free a moment ago; binding and connecting to it is TCP's simultaneous open.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let error = connect_to(address, Some(&[address])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
