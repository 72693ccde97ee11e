//! From text to an [`Endpoint`]: URLs, bare hosts, and their escapes.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use mqt_proto::Secret;

use super::{Endpoint, EndpointError, Scheme};

/// How a text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressReading {
    /// What a client connects to.
    Client,
    /// What a server listens on: port 0 is any free port, an empty host or `*` every address.
    Listen,
    /// `-L` of the mosquitto clients: the path is the topic whatever the scheme.
    TopicUrl,
}

pub(super) fn read(text: &str, reading: AddressReading) -> Result<Endpoint, EndpointError> {
    let (scheme, rest) = match text.split_once("://") {
        Some((name, rest)) => {
            // The mosquitto clients know only those of the standards.
            let other = || Scheme::from_other_name(name).filter(|_| reading != AddressReading::TopicUrl);
            (Scheme::from_name(name).or_else(other).ok_or_else(|| unknown_scheme(name))?, rest)
        }
        None if text.contains('/') => return Err(EndpointError::BarePath),
        None => (Scheme::Mqtt, text),
    };
    if scheme == Scheme::Unix {
        return read_unix(rest);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = Authority::read(authority, reading == AddressReading::TopicUrl);
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
        AddressReading::Listen if endpoint.host.is_empty() || endpoint.host == "*" => {
            "*".clone_into(&mut endpoint.host)
        }
        _ if endpoint.host.is_empty() => return Err(EndpointError::EmptyHost),
        AddressReading::Client | AddressReading::TopicUrl if endpoint.port == Some(0) => {
            return Err(EndpointError::Port { found: " 0".to_owned() });
        }
        _ => {}
    }
    match path.chars().next() {
        None => {}
        Some('/') if scheme.is_websocket() && reading != AddressReading::TopicUrl => {
            endpoint.http_path = Some(checked_http_path(path)?);
        }
        Some('/') => endpoint.topic = path.get(1..).filter(|topic| !topic.is_empty()).map(str::to_owned),
        Some('?') if scheme.is_websocket() && reading != AddressReading::TopicUrl => {
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
pub(crate) struct Authority {
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// `lenient`: a `%` that is no escape stands for itself.
    pub(crate) fn read(text: &str, lenient: bool) -> Result<Self, EndpointError> {
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

pub(super) fn bracketed(host: &str) -> Result<String, EndpointError> {
    // RFC 6874 writes the zone as %25; everybody else as %.
    let host = host.replacen("%25", "%", 1);
    if is_ipv6(&host) { with_scope(host) } else { Err(EndpointError::Brackets) }
}

/// A link-local address is one of each interface: it has to say of which (RFC 4007).
fn with_scope(address: String) -> Result<String, EndpointError> {
    let link_local = address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_unicast_link_local());
    if link_local { Err(EndpointError::Scope { found: address }) } else { Ok(address) }
}

pub(super) fn plain_host(host: &str) -> Result<String, EndpointError> {
    if host.is_empty() {
        return Err(EndpointError::EmptyHost);
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "[]@/?#\\<>^|\"`{}".contains(c);
    if is_ipv6(host) {
        return with_scope(host.to_owned());
    }
    let fits = !host.contains(forbidden) && !host.contains(':');
    if fits { Ok(host.to_owned()) } else { Err(EndpointError::Host { found: host.to_owned() }) }
}

/// An IPv6 address, with or without `%zone`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let zone_fits = !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    zone_fits && address.parse::<Ipv6Addr>().is_ok()
}

pub(super) fn checked_http_path(path: &str) -> Result<String, EndpointError> {
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

pub(super) fn escape(text: &str) -> String {
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
