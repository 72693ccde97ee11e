//! The way to a broker, layer by layer: [`Transport`] turns options into streams.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::diary::{Diary, Step};
use super::endpoint::{Endpoint, Scheme};
use super::error::{ConnectError, SetupError};
use super::proxy::Proxy;
use super::srv::{self, NameServers};
use super::stream::Stream;
use super::tcp::{self, Family, HEAD_START, PendingLookup, TcpOptions};
use super::tls::{TlsClient, TlsOptions};
use super::websocket::{self, WsHeader};

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
    /// Ask the domain that the host names for its brokers (SRV records), and connect to the best one.
    pub srv: Option<NameServers>,
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
            srv: None,
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

/// What becomes of an attempt to connect.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>;

/// Where streams come from instead of the network.
#[derive(Clone)]
struct AddressSource(Arc<dyn Fn() -> Connecting + Send + Sync>);

impl fmt::Debug for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// Options made ready: files are read, so that every connect after that only needs the network.
#[derive(Debug, Clone)]
pub struct Transport {
    source: Option<AddressSource>,
    endpoint: Endpoint,
    tcp: TcpOptions,
    proxy: Option<Proxy>,
    srv: Option<NameServers>,
    tls: Option<TlsClient>,
    ws_headers: Vec<WsHeader>,
    warnings: Vec<SetupWarning>,
}

impl Transport {
    /// Reads certificates and keys, if the endpoint needs any, and checks that the options fit each other.
    ///
    /// # Errors
    /// [`SetupError`]: a file is wrong, or an option means nothing for this endpoint.
    pub fn new(options: TransportOptions) -> Result<Self, SetupError> {
        let TransportOptions {
            endpoint,
            bind,
            family,
            user_timeout,
            head_start,
            proxy,
            srv,
            tls,
            ws_headers,
        } = options;
        let scheme = endpoint.scheme();
        if scheme == Scheme::Unix && (proxy.is_some() || bind.is_some() || family.is_some()) {
            return Err(SetupError::Combination(
                "a unix socket has no proxy, no local address and no IP version",
            ));
        }
        if !scheme.is_tls() && tls != TlsOptions::default() {
            return Err(SetupError::Combination(
                "the TLS options need an endpoint with TLS: mqtts:// or wss://",
            ));
        }
        if !scheme.is_websocket() && !ws_headers.is_empty() {
            return Err(SetupError::Combination("--ws-header needs a WebSocket endpoint: ws:// or wss://"));
        }
        let mut warnings = Vec::new();
        let tls =
            scheme.is_tls().then(|| TlsClient::new(&tls, endpoint.host(), &mut warnings)).transpose()?;
        let pending_lookup = PendingLookup::default();
        let tcp = TcpOptions {
            addresses: Vec::new(),
            bind,
            family,
            user_timeout,
            head_start,
            pending_lookup,
            diary: Diary::default(),
        };
        Ok(Self { source: None, endpoint, tcp, proxy, srv, tls, ws_headers, warnings })
    }

    /// Writes the steps of each connect down from now on, to be taken with [`Self::take_steps`].
    pub fn keep_diary(&mut self) {
        self.tcp.diary = Diary::kept();
    }

    /// The steps of connecting since they were last taken; none without [`Self::keep_diary`].
    #[must_use]
    pub fn take_steps(&self) -> Vec<Step> {
        self.tcp.diary.take()
    }

    /// Writes a step down that belongs to a connect.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.tcp.diary.note(text);
    }

    /// Takes its streams from a function: for streams within a process, as simulations have them.
    #[must_use]
    pub fn from_source(source: impl Fn() -> Connecting + Send + Sync + 'static) -> Self {
        Self {
            source: Some(AddressSource(Arc::new(source))),
            endpoint: Endpoint::default(),
            tcp: TcpOptions::default(),
            proxy: None,
            srv: None,
            tls: None,
            ws_headers: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Looks the host up now, so that no later connect has to. Does nothing where there is no host to look up
    /// here: a unix socket, a proxy.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn resolve(&mut self) -> Result<(), ConnectError> {
        if self.endpoint.scheme() != Scheme::Unix && self.proxy.is_none() && self.srv.is_none() {
            self.tcp.addresses = tcp::lookup(self.endpoint.host(), self.endpoint.port(), &self.tcp).await?;
        }
        Ok(())
    }

    /// Connects to the brokers that the domain names, the best first; the certificate is checked for the domain.
    async fn connect_to_service(
        &self,
        servers: &NameServers,
        tls: bool,
    ) -> Result<(Stream, String), ConnectError> {
        let domain = self.endpoint.host();
        let failed = |reason| ConnectError::Lookup { host: domain.to_owned(), reason };
        let name = srv::service_name(domain, tls);
        let services =
            self.tcp.pending_lookup.during(&name, srv::lookup(&name, servers)).await.map_err(failed)?;
        let mut outcome = Err(failed("there is no such SRV record".to_owned()));
        for service in services {
            outcome = tcp::connect(&service.host, service.port, &self.tcp).await;
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        let peer = stream.peer_addr().map_or_else(|_| domain.to_owned(), |peer| peer.to_string());
        Ok((Box::new(stream), peer))
    }

    /// Tries this address first, if it is one of those that [`Self::resolve`] has found: it has answered before.
    pub fn prefer(&mut self, peer: &str) {
        if let Some(place) = self.tcp.addresses.iter().position(|address| address.to_string() == peer) {
            self.tcp.addresses.swap(0, place);
        }
    }

    /// What the user should hear about once.
    #[must_use]
    pub fn warnings(&self) -> &[SetupWarning] {
        &self.warnings
    }

    /// The name that the resolver of the system is asked for at this moment.
    #[must_use]
    pub fn pending_lookup(&self) -> Option<String> {
        self.tcp.pending_lookup.host()
    }

    /// Whether the command for the private key has not told it yet.
    #[must_use]
    pub fn waits_for_key(&self) -> bool {
        self.tls.as_ref().is_some_and(TlsClient::waits_for_key)
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
        if let Some(AddressSource(source)) = &self.source {
            return source().await;
        }
        if let Some(tls) = &self.tls {
            tls.prepare().await.map_err(ConnectError::Key)?;
        }
        let endpoint = &self.endpoint;
        self.tcp.diary.begin();
        let (mut stream, peer): (Stream, String) = match (endpoint.scheme(), &self.proxy, &self.srv) {
            (Scheme::Unix, _, _) => super::unix::connect(endpoint.socket_path()).await?,
            (_, Some(proxy), _) => proxy.connect(endpoint.host(), endpoint.port(), &self.tcp).await?,
            (scheme, None, Some(servers)) => self.connect_to_service(servers, scheme.is_tls()).await?,
            (_, None, None) => {
                let stream = tcp::connect(endpoint.host(), endpoint.port(), &self.tcp).await?;
                let peer = stream.peer_addr().map_or_else(|_| endpoint.address(), |peer| peer.to_string());
                (Box::new(stream), peer)
            }
        };
        if let Some(tls) = &self.tls {
            stream = tls.connect(stream, &self.tcp.diary).await?;
        }
        if endpoint.scheme().is_websocket() {
            stream = websocket::connect(stream, endpoint, &self.ws_headers).await?;
            self.note(|| format!("WebSocket {}: agreed", endpoint.http_path()));
        }
        Ok(Connected { stream, peer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_that_has_answered_is_tried_first() {
        let mut transport = Transport::new(TransportOptions::default()).unwrap();
        transport.prefer("127.0.0.1:1883");
        transport.resolve().await.unwrap();
        let addresses = |transport: &Transport| {
            transport.tcp.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(addresses(&transport), ["[::1]:1883", "127.0.0.1:1883"]);
        transport.prefer("127.0.0.1:1883");
        assert_eq!(addresses(&transport), ["127.0.0.1:1883", "[::1]:1883"]);
        transport.prefer("192.0.2.1:1883");
        assert_eq!(addresses(&transport), ["127.0.0.1:1883", "[::1]:1883"]);
    }
}
