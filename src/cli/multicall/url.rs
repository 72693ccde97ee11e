//! `-L` and `--proxy` in the words of the mosquitto clients.

use crate::cli::connection::ConnectionArgs;
use mqt_client::{Endpoint, EndpointError, Proxy, Scheme};

use super::CallFault;

/// Reads `-L scheme://[user[:password]@]host[:port]/topic` into host, port and login, and returns the topic. What the
/// clients do not read, addresses in brackets and percent escapes in the login, is read too.
pub(super) fn read(text: &str, connection: &mut ConnectionArgs) -> Result<String, CallFault> {
    let endpoint = Endpoint::with_topic_url(text).map_err(|error| match error {
        EndpointError::Scheme { .. } | EndpointError::BarePath => {
            CallFault::Spaced("Error: Unsupported URL scheme.".to_owned())
        }
        error => CallFault::Plain(format!("Error: Invalid URL for -L argument specified - {error}.")),
    })?;
    if !text.contains("://") || endpoint.scheme() == Scheme::Unix {
        return Err(CallFault::Spaced("Error: Unsupported URL scheme.".to_owned()));
    }
    let Some(topic) = endpoint.topic() else {
        return Err(CallFault::Plain(
            "Error: Invalid URL for -L argument specified - topic missing.".to_owned(),
        ));
    };
    let topic = topic.to_owned();
    let tls = endpoint.scheme().is_tls();
    // WebSocket has no ports of its own here.
    let default = if tls { Scheme::Mqtts.default_port() } else { Scheme::Mqtt.default_port() };
    connection.server.host = Some(endpoint.host().to_owned());
    connection.server.port = Some(endpoint.explicit_port().unwrap_or(default));
    if endpoint.scheme().is_websocket() {
        connection.server.ws = Some(true);
    }
    if tls {
        connection.tls.tls_use_os_certs = Some(true);
    }
    if let Some(name) = endpoint.user_name() {
        connection.login.username = Some(name.to_owned());
    }
    if let Some(password) = endpoint.password() {
        // A password of a URL that is not UTF-8 has no other way in either.
        connection.login.password = Some(password.clone());
        (connection.login.password_file, connection.login.password_command) = (None, None);
    }
    Ok(topic)
}

/// Reads `--proxy socks5h://[user[:password]@]host[:port]`.
pub(super) fn proxy(text: &str) -> Result<Proxy, CallFault> {
    let Some(rest) = text.strip_prefix("socks5h://") else {
        return Err(CallFault::Plain(format!("Error: Unsupported proxy protocol: {}", without_login(text))));
    };
    let authority = rest.rsplit_once('@').map_or(rest, |(_, authority)| authority);
    if let Some((_, port)) = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'))
        && !(1..=65_535).contains(&super::c_number::int(port))
    {
        return Err(CallFault::Plain(format!("Error: Invalid proxy port {}", super::c_number::int(port))));
    }
    text.parse().map_err(|_| CallFault::Plain("Error: Invalid proxy.".to_owned()))
}

/// A URL without what could be a password.
fn without_login(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    scheme + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_host_port_login_and_topic() {
        for (text, host, port, topic, tls, ws) in [
            ("mqtt://h/t", "h", 1883, "t", None, None),
            ("MQTTS://h/t", "h", 8883, "t", Some(true), None),
            ("ws://h/t/u?x#+", "h", 1883, "t/u?x#+", None, Some(true)),
            ("wss://h:1/t", "h", 1, "t", Some(true), Some(true)),
            ("mqtt://[::1]:99//lead", "::1", 99, "/lead", None, None),
        ] {
            let mut connection = ConnectionArgs::default();
            assert_eq!(read(text, &mut connection), Ok(topic.to_owned()), "{text}");
            let server = &connection.server;
            assert_eq!((server.host.as_deref(), server.port), (Some(host), Some(port)), "{text}");
            assert_eq!((connection.tls.tls_use_os_certs, server.ws), (tls, ws), "{text}");
        }
        let mut connection = ConnectionArgs::default();
        read("mqtt://me:p%40ss@h/t", &mut connection).unwrap();
        assert_eq!(connection.login.username.as_deref(), Some("me"));
        assert_eq!(connection.login.password, Some("p@ss".into()));
    }

    #[test]
    fn other_urls_are_refused() {
        for text in ["foo", "http://h/t", "unix:///s", "tcp://h/t", "ssl://h/t"] {
            assert_eq!(
                read(text, &mut ConnectionArgs::default()),
                Err(CallFault::Spaced("Error: Unsupported URL scheme.".to_owned())),
                "{text}"
            );
        }
        assert_eq!(
            read("mqtt://x", &mut ConnectionArgs::default()),
            Err(CallFault::Plain("Error: Invalid URL for -L argument specified - topic missing.".to_owned()))
        );
    }

    #[test]
    fn proxies_are_socks_and_have_a_port() {
        assert!(proxy("socks5h://me:pw@h:1080").is_ok());
        assert_eq!(
            proxy("http://h"),
            Err(CallFault::Plain("Error: Unsupported proxy protocol: http://h".to_owned()))
        );
        // A password is not repeated.
        for text in ["http://me:s@cret@h:1", "me:s@cret@h:1"] {
            let Err(CallFault::Plain(told)) = proxy(text) else { panic!("{text}") };
            assert!(told.ends_with("h:1") && !told.contains("cret"), "{told}");
        }
        assert_eq!(proxy("socks5h://"), Err(CallFault::Plain("Error: Invalid proxy.".to_owned())));
        assert_eq!(proxy("socks5h://h:0"), Err(CallFault::Plain("Error: Invalid proxy port 0".to_owned())));
    }
}
