//! The server side of the transports: listening, accepting, shaking hands.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

use super::endpoint::{Endpoint, Scheme};
use super::error::{ConnectError, SetupError};
use super::stream::Stream;
use super::tcp;
use super::tls::acceptor;
use super::transport::SetupWarning;

/// Where to listen; read it with [`Endpoint::listening`].
pub type ListenAddress = Endpoint;

/// The server's side of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The PEM file of the server certificate and its chain.
    pub cert: PathBuf,
    /// The PEM file of its private key.
    pub key: PathBuf,
    /// A PEM file of CA certificates. If given, a client must show a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// Why nothing is listening.
#[derive(Debug, Error)]
pub enum ListenError {
    /// A wrong file, or an address that cannot be had this way.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The address cannot be resolved.
    #[error(transparent)]
    Lookup(ConnectError),
    /// The operating system refuses.
    #[error("{address}: {}", super::error::reason(error))]
    Io {
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
}

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Why nothing could be accepted. The listener itself is still good: go on, after the pause if there is one.
#[derive(Debug, Error)]
#[error("{}", super::error::reason(error))]
pub struct AcceptError {
    /// What the operating system says.
    #[source]
    pub error: io::Error,
    /// `None`: only that one connection was lost, accept the next one. Otherwise something ran out, such as
    /// file descriptors, and trying at once would only spin.
    pub pause: Option<Duration>,
}

impl AcceptError {
    fn new(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let one_lost =
            matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted);
        Self { error, pause: (!one_lost).then_some(Duration::from_millis(100)) }
    }
}

/// Why an accepted connection did not become a stream.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The TLS handshake failed, or the client does not speak TLS.
    #[error("TLS handshake: {0}")]
    Tls(io::Error),
    /// The WebSocket handshake failed, or the client did not offer the subprotocol `mqtt`.
    #[error("WebSocket handshake: {0}")]
    WebSocket(String),
}

enum ListenSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(super::unix::UnixSocket),
}

impl ListenSocket {
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Stream, String)>> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = ready!(socket.poll_accept(context))?;
                // Only a connection that is gone already refuses this, and reading will say so.
                let _ = stream.set_nodelay(true);
                Poll::Ready(Ok((Box::new(stream), peer.to_string())))
            }
            #[cfg(unix)]
            Self::Unix(socket) => socket.poll_accept(context),
        }
    }
}

/// An open port or socket. The file of a unix socket is removed when it is dropped.
pub struct Listener {
    sockets: Vec<ListenSocket>,
    address: Endpoint,
    tls: Option<TlsAcceptor>,
    warnings: Vec<SetupWarning>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Begins to listen, on every address of the host; `*` is every address of this machine.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn bind(address: &ListenAddress, tls: Option<&ServerTls>) -> Result<Self, ListenError> {
        let mut warnings = Vec::new();
        let tls = match (address.scheme().is_tls(), tls) {
            (true, Some(tls)) => Some(acceptor(tls, &mut warnings)?),
            (true, None) => {
                return Err(
                    SetupError::Combination("listening with TLS needs a certificate and a key").into()
                );
            }
            (false, _) => None,
        };
        let mut address = address.clone();
        let sockets = match address.scheme() {
            Scheme::Unix => vec![bind_unix(&address)?],
            _ => {
                let (sockets, port) = bind_tcp(&address).await?;
                address = address.with_port(port);
                sockets.into_iter().map(ListenSocket::Tcp).collect()
            }
        };
        Ok(Self { sockets, address, tls, warnings })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn local_address(&self) -> &Endpoint {
        &self.address
    }

    /// What the user should hear about once.
    #[must_use]
    pub fn warnings(&self) -> &[SetupWarning] {
        &self.warnings
    }

    /// Waits for a connection. Cancel-safe.
    ///
    /// # Errors
    /// [`AcceptError`]; none of them ends the listener.
    pub async fn accept(&self) -> Result<IncomingConnection, AcceptError> {
        let accepted = poll_fn(|context| {
            let mut ready = self.sockets.iter().map(|socket| socket.poll_accept(context));
            ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        let (stream, peer) = accepted.await.map_err(AcceptError::new)?;
        let websocket = self.address.scheme().is_websocket();
        Ok(IncomingConnection { stream, peer, tls: self.tls.clone(), websocket })
    }
}

/// How often to look for a port that is free in both IP versions.
const PORT_ATTEMPTS: usize = 8;

async fn bind_tcp(address: &ListenAddress) -> Result<(Vec<TcpListener>, u16), ListenError> {
    let candidates = match address.host() {
        "*" => [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)]
            .map(|host| SocketAddr::new(host, address.port()))
            .to_vec(),
        host => tcp::lookup(host, address.port(), &tcp::TcpOptions::default())
            .await
            .map_err(ListenError::Lookup)?,
    };
    let mut attempts = 1;
    loop {
        match bind_candidates(&candidates) {
            // The port that was free in one IP version is not in the other.
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() == 0
                    && attempts < PORT_ATTEMPTS =>
            {
                attempts += 1;
            }
            outcome => {
                return outcome.map_err(|error| ListenError::Io { address: address.address(), error });
            }
        }
    }
}

/// Listens on all candidates under one port. A machine may lack one of the IP versions, but not both.
fn bind_candidates(candidates: &[SocketAddr]) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut sockets = Vec::new();
    let mut port = None;
    let mut lacking = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        let candidate = SocketAddr::new(candidate.ip(), port.unwrap_or(candidate.port()));
        match bind_one(candidate) {
            Ok(socket) => {
                port = Some(socket.local_addr()?.port());
                sockets.push(socket);
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) =>
            {
                return Err(error);
            }
            Err(error) => lacking = error,
        }
    }
    port.map(|port| (sockets, port)).ok_or(lacking)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.is_ipv6() {
        // Otherwise `::` would take the port of IPv4 too on some systems.
        socket2::SockRef::from(&socket).set_only_v6(true)?;
    }
    // On Windows this option would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(unix)]
fn bind_unix(address: &ListenAddress) -> Result<ListenSocket, ListenError> {
    let socket = super::unix::UnixSocket::bind(address.socket_path());
    socket.map(ListenSocket::Unix).map_err(|error| ListenError::Io { address: address.address(), error })
}

#[cfg(not(unix))]
fn bind_unix(_address: &ListenAddress) -> Result<ListenSocket, ListenError> {
    Err(SetupError::Combination("this system has no unix domain sockets").into())
}

/// A connection that was accepted and has not shaken hands.
pub struct IncomingConnection {
    stream: Stream,
    peer: String,
    tls: Option<TlsAcceptor>,
    websocket: bool,
}

impl fmt::Debug for IncomingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl IncomingConnection {
    /// The address of the peer; for a unix socket, the path of the socket.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Shakes hands on the layers below MQTT. Sets no time limit of its own.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub async fn handshake(self) -> Result<(Stream, String), HandshakeError> {
        let Self { mut stream, peer, tls, websocket } = self;
        if let Some(tls) = tls {
            stream = Box::new(tls.accept(stream).await.map_err(HandshakeError::Tls)?);
        }
        if websocket {
            let accepted = super::websocket::accept(stream).await;
            stream = accepted.map_err(|error| HandshakeError::WebSocket(error.to_string()))?;
        }
        Ok((stream, peer))
    }
}
