//! The way to a broker, layer by layer: [`Transport`] turns options into streams.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::endpoint::{Endpoint, Scheme};
use super::error::{ConnectError, SetupError};
use super::proxy::Proxy;
use super::tcp::{self, Family, HEAD_START, TcpOptions};
use super::tls::TlsOptions;
use super::websocket::WsHeader;

/// Bytes both ways, whatever lies below.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// An open stream to a peer. Writes may be held back until they are flushed.
pub type Stream = Box<dyn ByteStream>;

/// How to reach a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportOptions {
    /// Where it is, and what is spoken below MQTT.
    pub endpoint: Endpoint,
    /// The local end: a name or an address.
    pub bind: Option<String>,
    /// Only addresses of this kind.
    pub family: Option<Family>,
    /// How long sent bytes may stay unacknowledged before TCP gives the connection up (Linux only):
    /// usually the keep alive.
    pub user_timeout: Option<Duration>,
    /// How long an address may try before the next one starts too.
    pub head_start: Duration,
    /// The proxy in between.
    pub proxy: Option<Proxy>,
    /// TLS; all at its default unless the endpoint's scheme has TLS.
    pub tls: TlsOptions,
    /// Further header fields of the WebSocket request; none unless the scheme has WebSocket.
    pub ws_headers: Vec<WsHeader>,
}

impl Default for TransportOptions {
    /// `mqtt://localhost`, directly.
    fn default() -> Self {
        Self {
            endpoint: Endpoint::default(),
            bind: None,
            family: None,
            user_timeout: None,
            head_start: HEAD_START,
            proxy: None,
            tls: TlsOptions::default(),
            ws_headers: Vec::new(),
        }
    }
}

/// Something in the set-up that works and should not stay so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupWarning {
    /// The stable word for `warning[…]`.
    pub keyword: &'static str,
    /// What and where.
    pub text: String,
}

/// A connection that stands.
pub struct Connected {
    /// The bytes of MQTT.
    pub stream: Stream,
    /// The address that answered: of the broker, or of the proxy on the way to it.
    pub peer: String,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Options made ready: files are read, so that every connect after that only needs the network.
#[derive(Debug, Clone)]
pub struct Transport {
    endpoint: Endpoint,
    tcp: TcpOptions,
    warnings: Vec<SetupWarning>,
}

impl Transport {
    /// Reads certificates and keys, if the endpoint needs any, and checks that the options fit each other.
    ///
    /// # Errors
    /// [`SetupError`]: a file is wrong, or an option means nothing for this endpoint.
    pub fn new(options: TransportOptions) -> Result<Self, SetupError> {
        if options.proxy.is_some() || !matches!(options.endpoint.scheme(), Scheme::Mqtt | Scheme::Unix) {
            return Err(SetupError::Combination("only mqtt:// and unix:// without a proxy are there yet"));
        }
        let TransportOptions { endpoint, bind, family, user_timeout, head_start, .. } = options;
        Ok(Self {
            endpoint,
            tcp: TcpOptions { bind, family, user_timeout, head_start },
            warnings: Vec::new(),
        })
    }

    /// What the user should hear about once.
    #[must_use]
    pub fn warnings(&self) -> &[SetupWarning] {
        &self.warnings
    }

    /// Where this leads.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Looks up, connects and shakes hands on every layer below MQTT. Sets no time limit of its own;
    /// dropping the future closes what was begun.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self) -> Result<Connected, ConnectError> {
        let (stream, peer): (Stream, String) = match self.endpoint.scheme() {
            Scheme::Unix => super::unix::connect(self.endpoint.socket_path()).await?,
            _ => {
                let stream = tcp::connect(self.endpoint.host(), self.endpoint.port(), &self.tcp).await?;
                let peer =
                    stream.peer_addr().map_or_else(|_| self.endpoint.address(), |peer| peer.to_string());
                (Box::new(stream), peer)
            }
        };
        Ok(Connected { stream, peer })
    }
}
