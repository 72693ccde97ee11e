//! Proxies: SOCKS5 and HTTP CONNECT.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::endpoint::{Authority, Bracketed, EndpointError};
use crate::mqtt::Secret;

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
    /// SOCKS5 counts both in one byte (RFC 1929), and HTTP cannot have `:` in the user name (RFC 7617).
    #[error("the user name or password does not fit the proxy's protocol")]
    Credentials,
}

impl Proxy {
    /// What it speaks.
    #[must_use]
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }
}

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
        let name = user_name.as_deref().unwrap_or_default();
        let password_len = password.as_ref().map_or(0, |password| password.expose().len());
        let fits = match kind {
            ProxyKind::Socks5 => {
                name.len() <= 255 && password_len <= 255 && (password_len == 0 || !name.is_empty())
            }
            ProxyKind::Http => !name.contains(':'),
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
