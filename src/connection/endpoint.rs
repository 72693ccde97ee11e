//! Where a broker is, or where to listen: [`Endpoint`], written as a URL or as a bare host.

use std::fmt::{self, Write as _};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::mqtt::Secret;

/// The HTTP path of MQTT over WebSocket where none is given.
const DEFAULT_HTTP_PATH: &str = "/mqtt";

/// What is spoken below MQTT. The scheme alone decides it; nothing ever falls back from TLS to plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `mqtt://`: TCP.
    Mqtt,
    /// `mqtts://`: TLS over TCP.
    Mqtts,
    /// `ws://`: WebSocket over TCP.
    Ws,
    /// `wss://`: WebSocket over TLS over TCP.
    Wss,
    /// `unix://`: a unix domain socket.
    Unix,
}

impl Scheme {
    /// The name before `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Unix => "unix",
        }
    }

    /// The port where none is given; 0 for [`Scheme::Unix`], which has none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Unix => 0,
        }
    }

    /// TLS is spoken.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// WebSocket is spoken.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    const fn network(tls: bool, websocket: bool) -> Self {
        match (tls, websocket) {
            (false, false) => Self::Mqtt,
            (true, false) => Self::Mqtts,
            (false, true) => Self::Ws,
            (true, true) => Self::Wss,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss, Self::Unix]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.name()))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is not an endpoint. No message repeats a user name or a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// The text before `://` is not one of ours.
    #[error("unknown scheme{found}; expected mqtt://, mqtts://, ws://, wss:// or unix://")]
    Scheme {
        /// ` "…"`, or empty where showing it could show a secret.
        found: String,
    },
    /// There is no host.
    #[error("the host is empty; expected host, host:port or mqtt://host:port")]
    EmptyHost,
    /// The host has characters that no host has.
    #[error("{found:?} is not a host name or address")]
    Host {
        /// The host.
        found: String,
    },
    /// A bare host with a path behind it.
    #[error("a path needs a scheme: mqtt://HOST/TOPIC, ws://HOST/PATH or unix:///PATH")]
    BarePath,
    /// The port is not a number from 1 to 65535.
    #[error("the port{found} is not a number from 1 to 65535")]
    Port {
        /// ` "…"`, or empty where showing it could show a secret.
        found: String,
    },
    /// An address in brackets that is not one, or text behind the bracket.
    #[error("expected an IPv6 address in brackets, as in [::1] or [::1]:1883")]
    Brackets,
    /// The authority is cut short by a character that must be escaped.
    #[error("'/', '?', '#', '@' and ':' in a user name or password are written %2F, %3F, %23, %40 and %3A")]
    Unescaped,
    /// `%` without two hexadecimal digits, or an escape that is not UTF-8 where text is needed.
    #[error("wrong percent escape in the {place}; a literal % is written %25")]
    Escape {
        /// Where.
        place: &'static str,
    },
    /// A query or fragment where there can be none.
    #[error("{found:?} has no meaning in this address")]
    Trailer {
        /// `?` or `#`.
        found: char,
    },
    /// A character in the HTTP path that must be escaped.
    #[error("the WebSocket path has a character that must be percent-escaped")]
    HttpPath,
    /// `unix://` without an absolute path.
    #[error("expected an absolute path: unix:///run/broker.sock")]
    UnixPath,
    /// User name and password on a unix socket URL, TLS or WebSocket over a unix socket.
    #[error("a unix socket is used as it is: no TLS, no WebSocket, no port")]
    UnixLayer,
}

/// How a text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// What a client connects to.
    Client,
    /// What a server listens on: port 0 is any free port, an empty host or `*` every address.
    Listen,
    /// `-L` of the mosquitto clients: the path is the topic whatever the scheme.
    TopicUrl,
}

/// Where a broker is, or where to listen.
///
/// Read from `mqtt://` (port 1883), `mqtts://` (8883), `ws://` (80, path `/mqtt`), `wss://` (443) and
/// `unix:///path`, or from a bare `host`, `host:port`, `::1` or `[::1]:1883`, which count as `mqtt://`.
/// An unbracketed text that is an IPv6 address as a whole is one, without a port.
///
/// `Display` and `Debug` show neither the password nor the query of a WebSocket path.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    http_path: Option<String>,
    socket_path: PathBuf,
    topic: Option<String>,
    user_name: Option<String>,
    password: Option<Secret>,
}

impl Default for Endpoint {
    /// `mqtt://localhost`.
    fn default() -> Self {
        Self {
            scheme: Scheme::Mqtt,
            host: "localhost".to_owned(),
            port: None,
            http_path: None,
            socket_path: PathBuf::new(),
            topic: None,
            user_name: None,
            password: None,
        }
    }
}

impl Endpoint {
    /// The endpoint of a unix domain socket.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { scheme: Scheme::Unix, host: String::new(), socket_path: path.into(), ..Self::default() }
    }

    /// Reads an address to listen on: as `FromStr`, but port 0 is any free port, and an empty host or `*`
    /// is every local address.
    ///
    /// # Errors
    /// As `FromStr`.
    pub fn listening(text: &str) -> Result<Self, EndpointError> {
        read(text, Reading::Listen)
    }

    /// Reads `scheme://[user[:password]@]host[:port]/topic` as `-L` of the mosquitto clients does: what
    /// follows the first `/` is the topic for `ws://` and `wss://` too, unescaped, `?`, `#` and `+`
    /// included, and a `%` in user name or password that is no escape stands for itself.
    ///
    /// # Errors
    /// As `FromStr`. A missing topic is no error here; see [`Self::topic`].
    pub fn with_topic_url(text: &str) -> Result<Self, EndpointError> {
        read(text, Reading::TopicUrl)
    }

    /// What is spoken.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host name or address without brackets; empty for a unix socket.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none was given; 0 for a unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// The port as it was given.
    #[must_use]
    pub const fn explicit_port(&self) -> Option<u16> {
        self.port
    }

    /// Path and query of the WebSocket request.
    #[must_use]
    pub fn http_path(&self) -> &str {
        self.http_path.as_deref().unwrap_or(DEFAULT_HTTP_PATH)
    }

    /// The file of the unix socket; empty for the others.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// The topic given as the path of `mqtt://` and `mqtts://`, or by [`Self::with_topic_url`].
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The user name, unescaped.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        self.user_name.as_deref()
    }

    /// The password, unescaped.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Another scheme; an explicit port stays. For a unix socket use [`Self::unix`].
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// TLS on or off.
    ///
    /// # Errors
    /// [`EndpointError::UnixLayer`] for TLS over a unix socket.
    pub fn with_tls(self, tls: bool) -> Result<Self, EndpointError> {
        let websocket = self.scheme.is_websocket();
        self.with_layers(tls, websocket)
    }

    /// WebSocket on or off.
    ///
    /// # Errors
    /// [`EndpointError::UnixLayer`] for WebSocket over a unix socket.
    pub fn with_websocket(self, websocket: bool) -> Result<Self, EndpointError> {
        let tls = self.scheme.is_tls();
        self.with_layers(tls, websocket)
    }

    fn with_layers(mut self, tls: bool, websocket: bool) -> Result<Self, EndpointError> {
        match self.scheme {
            Scheme::Unix if tls || websocket => return Err(EndpointError::UnixLayer),
            Scheme::Unix => {}
            _ => self.scheme = Scheme::network(tls, websocket),
        }
        Ok(self)
    }

    /// Another host: a name or an address, IPv6 with or without brackets, no port.
    ///
    /// # Errors
    /// [`EndpointError::EmptyHost`], [`EndpointError::Host`] or [`EndpointError::Brackets`].
    pub fn with_host(mut self, host: &str) -> Result<Self, EndpointError> {
        self.host = match host.strip_prefix('[') {
            Some(rest) => bracketed(rest.strip_suffix(']').ok_or(EndpointError::Brackets)?)?,
            None => plain_host(host)?,
        };
        if self.scheme == Scheme::Unix {
            self.scheme = Scheme::Mqtt;
        }
        Ok(self)
    }

    /// Another port. 0 is any free port when listening, and nothing that a client can reach.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Another path of the WebSocket request; a missing `/` at the front is added.
    ///
    /// # Errors
    /// [`EndpointError::HttpPath`] for characters that must be escaped.
    pub fn with_http_path(mut self, path: &str) -> Result<Self, EndpointError> {
        self.http_path = Some(checked_http_path(path)?);
        Ok(self)
    }

    /// Whether only programs on this machine can be or reach it: a loopback address, `localhost`, a unix socket.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::Unix
            || self.host().eq_ignore_ascii_case("localhost")
            || self.host().parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `host:port` with brackets where needed, or the path of the socket: for messages.
    #[must_use]
    pub fn address(&self) -> String {
        match self.scheme {
            Scheme::Unix => self.socket_path.display().to_string(),
            _ => format!("{}:{}", Bracketed(&self.host), self.port()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        read(text, Reading::Client)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if self.scheme == Scheme::Unix {
            return write!(f, "{}", self.socket_path.display());
        }
        if let Some(user_name) = &self.user_name {
            f.write_str(&escape(user_name))?;
        }
        if self.password.is_some() {
            f.write_str(":***")?;
        }
        if self.user_name.is_some() || self.password.is_some() {
            f.write_char('@')?;
        }
        write!(f, "{}", Bracketed(&self.host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match (&self.topic, &self.http_path) {
            (Some(topic), _) => write!(f, "/{topic}"),
            (None, Some(path)) if self.scheme.is_websocket() => match path.split_once('?') {
                Some((path, _)) => write!(f, "{path}?***"),
                None => f.write_str(path),
            },
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// A host as it stands in a URL.
pub(super) struct Bracketed<'a>(pub(super) &'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

fn read(text: &str, reading: Reading) -> Result<Endpoint, EndpointError> {
    let (scheme, rest) = match text.split_once("://") {
        Some((name, rest)) => (Scheme::from_name(name).ok_or_else(|| unknown_scheme(name))?, rest),
        None if text.contains('/') => return Err(EndpointError::BarePath),
        None => (Scheme::Mqtt, text),
    };
    if scheme == Scheme::Unix {
        return read_unix(rest);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = Authority::read(authority, reading == Reading::TopicUrl);
    // A secret with an unescaped `/` ends up as the port: it must not be shown.
    let authority =
        authority.map_err(|error| if path.contains('@') { EndpointError::Unescaped } else { error })?;
    let mut endpoint = Endpoint {
        scheme,
        host: authority.host,
        port: authority.port,
        user_name: authority.user_name,
        password: authority.password,
        ..Endpoint::default()
    };
    match reading {
        Reading::Listen if endpoint.host.is_empty() || endpoint.host == "*" => {
            "*".clone_into(&mut endpoint.host)
        }
        _ if endpoint.host.is_empty() => return Err(EndpointError::EmptyHost),
        Reading::Client | Reading::TopicUrl if endpoint.port == Some(0) => {
            return Err(EndpointError::Port { found: " 0".to_owned() });
        }
        _ => {}
    }
    match path.chars().next() {
        None => {}
        Some('/') if scheme.is_websocket() && reading != Reading::TopicUrl => {
            endpoint.http_path = Some(checked_http_path(path)?);
        }
        Some('/') => endpoint.topic = path.get(1..).filter(|topic| !topic.is_empty()).map(str::to_owned),
        Some('?') if scheme.is_websocket() && reading != Reading::TopicUrl => {
            endpoint.http_path = Some(checked_http_path(path)?);
        }
        Some(found) => return Err(EndpointError::Trailer { found }),
    }
    Ok(endpoint)
}

fn unknown_scheme(name: &str) -> EndpointError {
    let harmless = name.len() <= 20 && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    EndpointError::Scheme { found: if harmless { format!(" {name:?}") } else { String::new() } }
}

fn read_unix(path: &str) -> Result<Endpoint, EndpointError> {
    if !path.starts_with('/') {
        return Err(EndpointError::UnixPath);
    }
    let path = unescape(path, false).ok_or(EndpointError::Escape { place: "path" })?;
    let path = String::from_utf8(path).map_err(|_| EndpointError::Escape { place: "path" })?;
    Ok(Endpoint::unix(path))
}

/// `[user[:password]@]host[:port]`, also of a proxy.
pub(super) struct Authority {
    pub(super) user_name: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// `lenient`: a `%` that is no escape stands for itself.
    pub(super) fn read(text: &str, lenient: bool) -> Result<Self, EndpointError> {
        let (user_info, address) = match text.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, text),
        };
        let (user_name, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((name, password)) => (Some(name), Some(password)),
            None => (None, None),
        };
        let has_password = user_info.is_some_and(|info| info.contains(':'));
        let user_name = user_name
            .filter(|name| !name.is_empty())
            .map(|name| {
                let bytes = unescape(name, lenient)?;
                String::from_utf8(bytes).ok()
            })
            .map(|name| name.ok_or(EndpointError::Escape { place: "user name" }))
            .transpose()?;
        let password = password
            .filter(|_| has_password)
            .map(|password| unescape(password, lenient).ok_or(EndpointError::Escape { place: "password" }))
            .transpose()?
            .map(Secret::new);
        let (host, port) = host_and_port(address)?;
        Ok(Self { user_name, password, host, port })
    }
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(EndpointError::Brackets)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(read_port(port)?),
            None if port.is_empty() => None,
            None => return Err(EndpointError::Brackets),
        };
        return Ok((bracketed(host)?, port));
    }
    if text.is_empty() {
        return Ok((String::new(), None));
    }
    if text.matches(':').count() > 1 {
        return Ok((plain_host(text)?, None));
    }
    match text.split_once(':') {
        Some(("", port)) => Ok((String::new(), Some(read_port(port)?))),
        Some((host, port)) => Ok((plain_host(host)?, Some(read_port(port)?))),
        None => Ok((plain_host(text)?, None)),
    }
}

fn read_port(text: &str) -> Result<u16, EndpointError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { text.parse().ok() } else { None };
    port.ok_or_else(|| EndpointError::Port { found: format!(" {text:?}") })
}

fn bracketed(host: &str) -> Result<String, EndpointError> {
    // RFC 6874 writes the zone as %25; everybody else as %.
    let host = host.replacen("%25", "%", 1);
    if is_ipv6(&host) { Ok(host) } else { Err(EndpointError::Brackets) }
}

fn plain_host(host: &str) -> Result<String, EndpointError> {
    if host.is_empty() {
        return Err(EndpointError::EmptyHost);
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "[]@/?#\\<>^|\"`{}".contains(c);
    let fits = if host.contains(':') { is_ipv6(host) } else { !host.contains(forbidden) };
    if fits { Ok(host.to_owned()) } else { Err(EndpointError::Host { found: host.to_owned() }) }
}

/// An IPv6 address, with or without `%zone`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let zone_fits = !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    zone_fits && address.parse::<Ipv6Addr>().is_ok()
}

fn checked_http_path(path: &str) -> Result<String, EndpointError> {
    if path.contains('#') {
        return Err(EndpointError::Trailer { found: '#' });
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EndpointError::HttpPath);
    }
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// Percent-decodes; `None`: an escape is wrong.
fn unescape(text: &str, lenient: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match (byte, escaped) {
            (_, Some(escaped)) => {
                bytes.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'%', None) if !lenient => return None,
            (byte, None) => bytes.push(byte),
        }
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
