//! Proxies: SOCKS5 and HTTP CONNECT.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;
use zeroize::Zeroizing;

use super::endpoint::{Authority, Bracketed, EndpointError};
use super::error::{ConnectError, ProxyFault, reason};
use super::stream::Stream;
use super::tcp::{self, TcpOptions};
use mqt_proto::Secret;

/// What the proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// `socks5h://`: SOCKS5, the proxy resolves the name.
    Socks5,
    /// `http://`: HTTP CONNECT.
    Http,
}

/// A proxy: `socks5h://[user[:password]@]host[:port]` (port 1080) or `http://…` (port 8080). `Display` and
/// `Debug` redact the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: ProxyKind,
    host: String,
    port: u16,
    user_name: Option<String>,
    password: Option<Secret>,
}

/// Why a text is not a proxy. No message repeats a user name or a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// Another scheme, or none.
    #[error("expected socks5h://[USER[:PASSWORD]@]HOST[:PORT] or http://[USER[:PASSWORD]@]HOST[:PORT]")]
    Form,
    /// A path behind the port.
    #[error("a proxy has no path")]
    Path,
    /// The host, the port or an escape is wrong.
    #[error("{0}")]
    Authority(EndpointError),
    /// SOCKS5 wants both or none, each of 1 to 255 bytes of UTF-8 (RFC 1929); HTTP cannot have `:` in the user
    /// name (RFC 7617).
    #[error("the user name or password does not fit the protocol of the proxy")]
    Credentials,
}

impl Proxy {
    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Opens a tunnel to `host`, whose name the proxy resolves. Also returns the address of the proxy.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        options: &TcpOptions,
    ) -> Result<(Stream, String), ConnectError> {
        let stream = match tcp::connect(&self.host, self.port, options).await {
            Ok(stream) => stream,
            Err(ConnectError::Connect { attempts, .. }) => {
                return Err(self.failed(ProxyFault::Unreachable { attempts }));
            }
            // Not the name of the broker, which is what a lookup is usually about.
            Err(ConnectError::Lookup { host, reason }) if host == self.host => {
                return Err(ConnectError::Lookup { host: format!("proxy {self}"), reason });
            }
            Err(error) => return Err(error),
        };
        let peer = stream.peer_addr().map_or_else(|_| self.to_string(), |peer| peer.to_string());
        let stream = match self.kind {
            ProxyKind::Socks5 => self.socks(stream, host, port).await?,
            ProxyKind::Http => self.http(stream, host, port).await?,
        };
        Ok((Box::new(stream), peer))
    }

    fn failed(&self, fault: ProxyFault) -> ConnectError {
        ConnectError::Proxy { proxy: self.to_string(), fault }
    }

    fn broken(&self, reason: impl Into<String>) -> ConnectError {
        self.failed(ProxyFault::Broken(reason.into()))
    }

    fn interrupted(&self, error: &io::Error) -> ConnectError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.broken("it closed the connection before it answered"),
            _ => self.broken(reason(error)),
        }
    }

    async fn socks(&self, stream: TcpStream, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let tunnel = match (&self.user_name, &self.password) {
            (Some(name), Some(password)) => {
                let password = str::from_utf8(password.expose()).unwrap_or_default();
                Socks5Stream::connect_with_password_and_socket(stream, (host, port), name, password).await
            }
            _ => Socks5Stream::connect_with_socket(stream, (host, port)).await,
        };
        let target = || format!("{}:{port}", Bracketed(host));
        let unreached = |why| ProxyFault::Target(format!("it cannot reach {}: {why}", target()));
        let fault = match tunnel {
            Ok(stream) => return Ok(stream.into_inner()),
            Err(SocksError::Io(error)) => return Err(self.interrupted(&error)),
            Err(SocksError::NoAcceptableAuthMethods) if self.user_name.is_some() => {
                ProxyFault::Login("it takes no user name and password")
            }
            Err(SocksError::NoAcceptableAuthMethods | SocksError::AuthorizationRequired) => {
                ProxyFault::Login("it wants a user name and password")
            }
            Err(SocksError::PasswordAuthFailure(_)) => {
                ProxyFault::Login("it refuses the user name or password")
            }
            Err(SocksError::ConnectionNotAllowedByRuleset) => {
                ProxyFault::Forbidden(format!("its rules do not allow {}", target()))
            }
            Err(SocksError::NetworkUnreachable) => unreached("network unreachable"),
            Err(SocksError::HostUnreachable) => unreached("host unreachable"),
            Err(SocksError::ConnectionRefused) => unreached("connection refused"),
            Err(SocksError::InvalidResponseVersion) => {
                ProxyFault::Broken("it does not speak SOCKS5".to_owned())
            }
            Err(error) => ProxyFault::Broken(error.to_string()),
        };
        Err(self.failed(fault))
    }

    /// RFC 9110, section 9.3.6.
    async fn http(&self, mut stream: TcpStream, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let target = format!("{}:{port}", Bracketed(host));
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if self.user_name.is_some() || self.password.is_some() {
            let mut credentials = Zeroizing::new(self.user_name.clone().unwrap_or_default().into_bytes());
            credentials.push(b':');
            credentials.extend_from_slice(self.password.as_ref().map(Secret::expose).unwrap_or_default());
            let credentials = Zeroizing::new(STANDARD.encode(&*credentials));
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&credentials);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| self.interrupted(&error))?;
        let mut answer = Vec::with_capacity(1024);
        let head = loop {
            match ResponseHead::read(&answer) {
                Ok(Some(head)) => break head,
                Ok(None) if answer.len() > MAX_HTTP_HEADER => {
                    return Err(self.broken("the header of its answer is too long"));
                }
                Ok(None) => {}
                Err(httparse::Error::TooManyHeaders) => {
                    return Err(self.broken("its answer has too many header fields"));
                }
                Err(_) => return Err(self.broken("it does not speak HTTP")),
            }
            match stream.read_buf(&mut answer).await {
                Ok(0) => return Err(self.interrupted(&io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(self.interrupted(&error)),
            }
        };
        let refused = || format!("it refuses: {head}");
        let fault = match head.status {
            // In every protocol above, the client speaks first.
            200..=299 if answer.len() > head.length => {
                ProxyFault::Broken("it sent bytes of its own into the tunnel".to_owned())
            }
            200..=299 => return Ok(stream),
            407 if self.user_name.is_none() && self.password.is_none() => {
                ProxyFault::Login("it wants a user name and password (407)")
            }
            407 => ProxyFault::Login("it refuses the user name or password (407)"),
            502..=504 => ProxyFault::Target(format!("it cannot reach {target}: {head}")),
            // These pass.
            408 | 429 => ProxyFault::Broken(refused()),
            400..=499 => ProxyFault::Forbidden(refused()),
            _ => ProxyFault::Broken(refused()),
        };
        Err(self.failed(fault))
    }
}

/// What a proxy answers to CONNECT, up to the empty line.
struct ResponseHead {
    /// Of HTTP 1.
    minor_version: u8,
    status: u16,
    reason: String,
    /// How many bytes it has.
    length: usize,
}

impl ResponseHead {
    /// `None`: more of it has to come.
    fn read(answer: &[u8]) -> Result<Option<Self>, httparse::Error> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HTTP_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(answer)? else { return Ok(None) };
        Ok(Some(Self {
            minor_version: response.version.unwrap_or_default(),
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default().to_owned(),
            length,
        }))
    }
}

impl fmt::Display for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.reason.is_empty() { "" } else { " " };
        write!(f, "HTTP/1.{} {}{gap}{}", self.minor_version, self.status, self.reason)
    }
}

/// How many fields the header of an answer may have.
const MAX_HTTP_FIELDS: usize = 128;

/// How long the header of an answer may be, in bytes.
const MAX_HTTP_HEADER: usize = 16 * 1024;

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyError::Form)?;
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5h" => (ProxyKind::Socks5, 1080),
            "http" => (ProxyKind::Http, 8080),
            _ => return Err(ProxyError::Form),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(if rest.contains('@') {
                ProxyError::Authority(EndpointError::Unescaped)
            } else {
                ProxyError::Path
            });
        }
        let Authority { user_name, password, host, port } =
            Authority::read(rest, false).map_err(ProxyError::Authority)?;
        if host.is_empty() {
            return Err(ProxyError::Authority(EndpointError::EmptyHost));
        }
        if port == Some(0) {
            return Err(ProxyError::Authority(EndpointError::Port { found: " 0".to_owned() }));
        }
        let fits = match (kind, &user_name, &password) {
            (ProxyKind::Socks5, None, None) => true,
            (ProxyKind::Socks5, Some(name), Some(password)) => {
                let password = str::from_utf8(password.expose()).unwrap_or_default();
                (1..=255).contains(&name.len()) && (1..=255).contains(&password.len())
            }
            (ProxyKind::Socks5, _, _) => false,
            (ProxyKind::Http, name, _) => !name.as_deref().unwrap_or_default().contains(':'),
        };
        if !fits {
            return Err(ProxyError::Credentials);
        }
        Ok(Self { kind, host, port: port.unwrap_or(default_port), user_name, password })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ProxyKind::Socks5 => "socks5h://",
            ProxyKind::Http => "http://",
        })?;
        if self.user_name.is_some() || self.password.is_some() {
            f.write_str("***@")?;
        }
        write!(f, "{}:{}", Bracketed(&self.host), self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_redacted() {
        let show = |text: &str| text.parse::<Proxy>().map(|proxy| format!("{proxy} {proxy:?}"));
        assert_eq!(show("socks5h://p").unwrap(), "socks5h://p:1080 Proxy(socks5h://p:1080)");
        assert_eq!(show("HTTP://[::1]/").unwrap(), "http://[::1]:8080 Proxy(http://[::1]:8080)");
        let shown = show("socks5h://u:canary@p:9").unwrap();
        assert_eq!(shown, "socks5h://***@p:9 Proxy(socks5h://***@p:9)");
        for text in
            ["p", "socks5://p", "https://p", "http://", "http://p:0", "http://p/x", "http://u:can/ary@p"]
        {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("can"), "{text}: {error}");
        }
        assert_eq!("http://a%3Ab:c@p".parse::<Proxy>(), Err(ProxyError::Credentials));
        assert_eq!(format!("socks5h://{}@p", "u".repeat(256)).parse::<Proxy>(), Err(ProxyError::Credentials));
    }
}
