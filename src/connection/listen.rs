//! The server side of the transports: listening, accepting, shaking hands.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::endpoint::{Endpoint, Scheme};
use super::error::{ConnectError, SetupError};
use super::tcp;
use super::transport::Stream;

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
#[non_exhaustive]
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
#[non_exhaustive]
pub enum HandshakeError {
    /// The connection broke.
    #[error("{}", super::error::reason(.0))]
    Io(io::Error),
}

/// An open port or socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: Endpoint,
}

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn bind(address: &ListenAddress, tls: Option<&ServerTls>) -> Result<Self, ListenError> {
        if address.scheme() != Scheme::Mqtt || tls.is_some() {
            return Err(SetupError::Combination("only mqtt:// can be listened on").into());
        }
        let named = |error| ListenError::Io { address: address.address(), error };
        let socket = bind_tcp(address).await?;
        let port = socket.local_addr().map_err(named)?.port();
        Ok(Self { socket, address: address.clone().with_port(port) })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub const fn local_address(&self) -> &Endpoint {
        &self.address
    }

    /// Waits for a connection. Cancel-safe.
    ///
    /// # Errors
    /// [`AcceptError`]; none of them ends the listener.
    pub async fn accept(&self) -> Result<Incoming, AcceptError> {
        let (stream, peer) = self.socket.accept().await.map_err(AcceptError::new)?;
        // Only a connection that is gone already refuses this, and reading will say so.
        let _ = stream.set_nodelay(true);
        Ok(Incoming { stream, peer, scheme: self.address.scheme() })
    }
}

async fn bind_tcp(address: &ListenAddress) -> Result<TcpListener, ListenError> {
    let candidates = match address.host() {
        // One socket for both families where the system has IPv6, as `[::]` is not IPv6 only.
        "*" => vec![
            SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, address.port())),
            SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, address.port())),
        ],
        host => tcp::lookup(host, address.port(), None).await.map_err(ListenError::Lookup)?,
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        match bind_one(candidate, address.host() == "*") {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(ListenError::Io { address: address.address(), error: last })
}

fn bind_one(address: SocketAddr, both_families: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.is_ipv6() && both_families {
        socket2::SockRef::from(&socket).set_only_v6(false)?;
    }
    // On Windows this option would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection that was accepted and has not shaken hands.
#[derive(Debug)]
pub struct Incoming {
    stream: TcpStream,
    peer: SocketAddr,
    scheme: Scheme,
}

impl Incoming {
    /// The address of the peer.
    #[must_use]
    pub fn peer(&self) -> String {
        self.peer.to_string()
    }

    /// Shakes hands on the layers below MQTT. Sets no time limit of its own.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub async fn handshake(self) -> Result<(Stream, String), HandshakeError> {
        let peer = self.peer();
        let _ = self.scheme;
        Ok((Box::new(self.stream), peer))
    }
}
