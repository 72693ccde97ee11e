//! Where a broker is, or where to listen: [`Endpoint`], written as a URL or as a bare host.

mod reading;

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use mqt_proto::Secret;

pub(super) use reading::Authority;
use reading::{AddressReading, bracketed, checked_http_path, escape, plain_host, read};

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

    /// MQTT over TCP, with or without these layers.
    #[must_use]
    pub const fn network(tls: bool, websocket: bool) -> Self {
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

    /// The scheme that other tools call so.
    fn from_other_name(name: &str) -> Option<Self> {
        const TCP: &[&str] = &["tcp", "mqtt+tcp"];
        const TLS: &[&str] = &["ssl", "tls", "mqtt+ssl", "mqtt+tls"];
        let among = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if among(TCP) { Some(Self::Mqtt) } else { among(TLS).then_some(Self::Mqtts) }
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
    /// An address that only means something on one network.
    #[error("{found} is link-local and needs the interface behind it, as in {found}%eth0")]
    Scope {
        /// The address.
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

/// Where a broker is, or where to listen.
///
/// Read from `mqtt://` (port 1883), `mqtts://` (8883), `ws://` (80, path `/mqtt`), `wss://` (443) and
/// `unix:///path` (`tcp://`, `ssl://` and `tls://` of other tools are `mqtt://` and `mqtts://`), or from a bare `host`, `host:port`, `::1` or `[::1]:1883`, which count as `mqtt://`.
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
        read(text, AddressReading::Listen)
    }

    /// Reads `scheme://[user[:password]@]host[:port]/topic` as `-L` of the mosquitto clients does: what
    /// follows the first `/` is the topic for `ws://` and `wss://` too, unescaped, `?`, `#` and `+`
    /// included, and a `%` in user name or password that is no escape stands for itself.
    ///
    /// # Errors
    /// As `FromStr`. A missing topic is no error here; see [`Self::topic`].
    pub fn with_topic_url(text: &str) -> Result<Self, EndpointError> {
        read(text, AddressReading::TopicUrl)
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
    /// [`EndpointError::EmptyHost`], [`EndpointError::Host`], [`EndpointError::Scope`] or [`EndpointError::Brackets`].
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
        read(text, AddressReading::Client)
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

/// A host as it is in a URL.
pub(super) struct Bracketed<'a>(pub(super) &'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

#[cfg(test)]
mod tests;
