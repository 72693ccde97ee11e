//! Command line over environment over profile: reading a layer, and laying one over another.
//!
//! What belongs together is taken from one layer:
//! - A URL, a host or a socket in an upper layer hides the URL of a lower one with all that it says; a URL
//!   or a socket hides host, port and the like too.
//! - A port, TLS and WebSocket of an upper layer are laid onto the URL of a lower one. A socket, which has none
//!   of them, gives way.
//! - A source of a password hides every source below it.
//! - A user name hides the password that a lower layer gives for another user name.
//! - `--srv` hides what it does not go with, and the other way round.
//! - A source of a private key hides every source below it, with its password.
//! - `-i` hides `-I` and the other way round; so do `-4` and `-6`.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::cli::connection::{
    ConnectionArgs, LoginArgs, ServerArgs, SessionArgs, TalkArgs, TlsArgs, WillArgs,
};
use crate::cli::dialect::Dialect;
use crate::error::Failure;
use mqt_client::{Endpoint, Scheme};

use super::SetupWarning;
use super::environment::{self, Environment};

/// The port that means TLS when nothing else is said, as with mosquitto.
const TLS_PORT: u16 = 8883;

/// A value as a layer holds it, and where it stands: `MQT_PORT`, `config.toml:3: port`.
pub(super) struct FoundVariable {
    /// The value.
    pub value: toml::Value,
    /// For errors.
    pub origin: String,
}

/// Finds the value of an option by its long name.
type Find<'a> = dyn FnMut(&'static str) -> Option<Result<FoundVariable, Failure>> + 'a;

/// Reads the connection options that the environment sets: `MQT_` and the long name in capitals.
pub(super) fn read_environment(
    environment: &Environment<'_>,
) -> Result<(ConnectionArgs, Vec<SetupWarning>), Failure> {
    let names = (environment.names)();
    let mut known = vec!["MQT_PROFILE".to_owned()];
    let args = read(&mut |name| {
        let variable = variable_name(name);
        if !names.is_empty() {
            known.push(variable.clone());
        }
        let text = environment.text(&variable)?;
        Some(text.map(|text| FoundVariable { value: toml::Value::String(text), origin: variable }))
    })?;
    let warning = |(name, meant)| SetupWarning {
        keyword: "environment",
        text: format!("the variable {name} is unknown; did you mean {meant}?"),
    };
    let warnings = environment::misspelt(&names, &known).into_iter().map(warning).collect();
    Ok((args, warnings))
}

/// `ws-path` → `MQT_WS_PATH`
pub(super) fn variable_name(option: &str) -> String {
    format!("MQT_{}", option.to_ascii_uppercase().replace('-', "_"))
}

/// Reads every connection option that `find` knows.
pub(super) fn read(find: &mut Find<'_>) -> Result<ConnectionArgs, Failure> {
    Ok(ConnectionArgs {
        server: group(find)?,
        login: group(find)?,
        tls: group(find)?,
        session: group(find)?,
        will: group(find)?,
        talk: group(find)?,
        dialect: Dialect::default(),
        notes: Vec::new(),
    })
}

fn group<'de, T: Deserialize<'de>>(find: &mut Find<'_>) -> Result<T, Failure> {
    T::deserialize(OptionGroup { find }).map_err(|error| error.0)
}

/// A failure in flight through serde.
#[derive(Debug)]
struct Carried(Failure);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

impl serde::de::Error for Carried {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Failure::usage(message.to_string()))
    }
}

/// Asks for each field of a struct by name.
struct OptionGroup<'a, 'f> {
    find: &'a mut Find<'f>,
}

impl<'de> Deserializer<'de> for OptionGroup<'_, '_> {
    type Error = Carried;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Carried> {
        Err(serde::de::Error::custom("a group of options is a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Carried> {
        visitor.visit_map(LayerFields { find: self.find, names: fields.iter(), found: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct LayerFields<'a, 'f> {
    find: &'a mut Find<'f>,
    names: std::slice::Iter<'static, &'static str>,
    found: Option<FoundVariable>,
}

impl<'de> MapAccess<'de> for LayerFields<'_, '_> {
    type Error = Carried;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Carried> {
        for name in self.names.by_ref() {
            if let Some(found) = (self.find)(name) {
                self.found = Some(found.map_err(Carried)?);
                let name: StrDeserializer<'_, Carried> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Carried> {
        let Some(FoundVariable { value, origin }) = self.found.take() else {
            return Err(serde::de::Error::custom("a value without a name"));
        };
        seed.deserialize(value)
            .map_err(|error| Carried(Failure::usage(format!("{origin}: {}", error.message()))))
    }
}

/// Lays `upper` over `lower`.
pub(super) fn overlay(mut upper: ConnectionArgs, mut lower: ConnectionArgs) -> ConnectionArgs {
    let server = &upper.server;
    if server.url.is_some() || server.host.is_some() || server.unix.is_some() {
        lower.server.url = None;
        lower.server.unix = None;
    }
    if server.url.is_some() || server.unix.is_some() {
        let hidden = &mut lower.server;
        (hidden.host, hidden.port, hidden.ws, hidden.ws_path) = (None, None, None, None);
        (lower.tls.tls, lower.tls.no_tls) = (None, None);
    }
    if server.unix.is_some() {
        lower.server.proxy = None;
    }
    if server.unix.is_some() || server.port.is_some() || server.proxy.is_some() {
        lower.server.srv = None;
    }
    if server.srv == Some(true) {
        (lower.server.unix, lower.server.port, lower.server.proxy) = (None, None, None);
    }
    if upper.tls.tls == Some(true) {
        lower.tls.no_tls = None;
    }
    lay_onto_url(&mut upper, &mut lower);
    take_login_of_url(&mut upper);
    take_login_of_url(&mut lower);
    let others_password = lower.login.username.is_some()
        && upper.login.username.is_some()
        && upper.login.username != lower.login.username;
    if has_password(&upper.login) || others_password {
        lower.login = LoginArgs { username: lower.login.username, ..LoginArgs::default() };
    }
    if upper.tls.key.is_some() || upper.tls.key_command.is_some() {
        (lower.tls.key, lower.tls.key_command, lower.tls.key_password_file) = (None, None, None);
    }
    if upper.session.id.is_some() || upper.session.id_prefix.is_some() {
        lower.session.id = None;
        lower.session.id_prefix = None;
    }
    if upper.server.ipv4 == Some(true) || upper.server.ipv6 == Some(true) {
        lower.server.ipv4 = None;
        lower.server.ipv6 = None;
    }
    if upper.will.will_payload.is_some() || upper.will.will_file.is_some() {
        lower.will.will_payload = None;
        lower.will.will_file = None;
    }
    upper.or(lower)
}

/// What an upper layer says about port, TLS and WebSocket changes the URL of a lower one.
fn lay_onto_url(upper: &mut ConnectionArgs, lower: &mut ConnectionArgs) {
    let is_socket = |url: &Endpoint| url.scheme() == Scheme::Unix;
    let network = upper.server.port.is_some() || upper.server.ws == Some(true) || upper.tls.tls == Some(true);
    if network {
        lower.server.unix = None;
        lower.server.url = lower.server.url.take().filter(|url| !is_socket(url));
    }
    let Some(url) = lower.server.url.as_mut().filter(|url| !is_socket(url)) else { return };
    let tls = says_tls(upper).unwrap_or(url.scheme().is_tls());
    let websocket = upper.server.ws.take().unwrap_or(url.scheme().is_websocket());
    let laid = url.clone().with_scheme(Scheme::network(tls, websocket));
    *url = match upper.server.port.take() {
        Some(port) => laid.with_port(port),
        None => laid,
    };
    upper.tls.tls = None;
}

/// What a layer says about TLS, by itself or by what only TLS has.
pub(super) fn says_tls(args: &ConnectionArgs) -> Option<bool> {
    let tls = &args.tls;
    let asked_for = tls.cafile.is_some()
        || tls.capath.is_some()
        || tls.cert.is_some()
        || !tls.tls_pin.is_empty()
        || tls.tls_use_os_certs == Some(true)
        || args.server.port == Some(TLS_PORT);
    if tls.no_tls == Some(true) { Some(false) } else { tls.tls.or(asked_for.then_some(true)) }
}

/// User name and password of the URL count as given by its layer; its options win over them.
pub(super) fn take_login_of_url(args: &mut ConnectionArgs) {
    let Some(url) = &args.server.url else { return };
    let same_user = args.login.username.is_none() || args.login.username.as_deref() == url.user_name();
    if args.login.username.is_none() {
        args.login.username = url.user_name().map(str::to_owned);
    }
    if same_user
        && !has_password(&args.login)
        && let Some(password) = url.password()
    {
        args.login.password = Some(password.clone());
    }
}

/// Whether a source of a password is given.
pub(super) fn has_password(login: &LoginArgs) -> bool {
    login.password.is_some()
        || login.password_file.is_some()
        || login.password_command.is_some()
        || login.password_stdin == Some(true)
        || login.password_prompt == Some(true)
}

/// The value of the upper layer where there is one.
trait Or {
    fn or(self, lower: Self) -> Self;
}

impl<T> Or for Option<T> {
    fn or(self, lower: Self) -> Self {
        Self::or(self, lower)
    }
}

impl<T> Or for Vec<T> {
    fn or(self, lower: Self) -> Self {
        if self.is_empty() { lower } else { self }
    }
}

/// It is a matter of the command line.
impl Or for Dialect {
    fn or(self, _: Self) -> Self {
        self
    }
}

/// Field by field. A field that is not listed does not compile.
macro_rules! field_by_field {
    ($($group:ident { $($field:ident),* $(,)? })*) => {$(
        impl Or for $group {
            fn or(self, lower: Self) -> Self {
                Self { $($field: Or::or(self.$field, lower.$field),)* }
            }
        }
    )*};
}

field_by_field! {
    ConnectionArgs { server, login, tls, session, will, talk, dialect, notes }
    ServerArgs {
        url, host, port, unix, ws, ws_path, ws_header, proxy, bind, ipv4, ipv6, nodelay, srv, options_file, connect_timeout,
        ack_timeout, retry,
        no_reconnect, profile,
    }
    LoginArgs { username, password, password_file, password_stdin, password_command, password_prompt }
    TlsArgs {
        tls, cafile, capath, tls_use_os_certs, crl, tls_legacy, cert, key, key_command, key_password_file, tls_server_name, tls_pin, tls_alpn, tls_version,
        insecure, tls_keylog, no_tls, ciphers, psk, psk_identity, keyform, tls_engine, tls_engine_kpass_sha1,
    }
    SessionArgs {
        protocol_version, id, id_prefix, disable_clean_session, session_expiry, keepalive, max_inflight,
        max_message, property,
    }
    WillArgs { will_topic, will_payload, will_file, will_qos, will_retain }
    TalkArgs { debug, quiet, color, summary }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer as the environment would give it.
    fn layer(pairs: &[(&str, &str)]) -> ConnectionArgs {
        read(&mut |name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| {
                Ok(FoundVariable {
                    value: toml::Value::String((*value).to_owned()),
                    origin: variable_name(name),
                })
            })
        })
        .unwrap()
    }

    fn password(args: &ConnectionArgs) -> Option<&str> {
        args.login.password.as_ref().and_then(|password| str::from_utf8(password.expose()).ok())
    }

    #[test]
    fn every_connection_option_is_read_under_its_long_name() {
        let mut keys = Vec::new();
        read(&mut |name| {
            keys.push(name.to_owned());
            None
        })
        .unwrap();
        let mut options = crate::cli::tests::connection_option_names();
        // Typed only: which profile, and what is on this terminal's input.
        options.retain(|name| {
            !["profile", "options-file", "password-stdin", "password-prompt"].contains(&name.as_str())
        });
        for name in &mut options {
            // The short form of mosquitto is an alias of it.
            if name == "pw" {
                *name = "password".to_owned();
            }
        }
        keys.sort();
        options.sort();
        assert_eq!(keys, options);
    }

    #[test]
    fn an_upper_value_wins_and_a_lower_one_fills_the_gap() {
        let got = overlay(layer(&[("port", "1")]), layer(&[("port", "2"), ("keepalive", "7")]));
        assert_eq!(got.server.port, Some(1));
        assert_eq!(got.session.keepalive.map(|seconds| seconds.0), Some(7));
        let got = overlay(layer(&[("insecure", "false")]), layer(&[("insecure", "true")]));
        assert_eq!(got.tls.insecure, Some(false));
    }

    #[test]
    fn a_host_hides_the_url_below_with_its_login() {
        let got = overlay(layer(&[("host", "b")]), layer(&[("url", "mqtts://me:secret@a")]));
        assert_eq!(got.server.url, None);
        assert_eq!(got.server.host.as_deref(), Some("b"));
        assert_eq!((got.login.username.as_deref(), password(&got)), (None, None));
    }

    #[test]
    fn a_url_hides_host_port_and_transport_below() {
        let lower = layer(&[("host", "b"), ("port", "9"), ("ws", "1"), ("tls", "1"), ("cafile", "ca.pem")]);
        let got = overlay(layer(&[("url", "mqtt://a")]), lower);
        assert_eq!((got.server.host, got.server.port, got.server.ws, got.tls.tls), (None, None, None, None));
        assert!(got.tls.cafile.is_some());
    }

    #[test]
    fn an_upper_key_hides_every_source_of_a_key_below() {
        let lower = [("cert", "c"), ("key-command", "vault"), ("key-password-file", "f")];
        let got = overlay(layer(&[("cert", "d"), ("key", "k")]), layer(&lower));
        assert_eq!((got.tls.key_command, got.tls.key_password_file), (None, None));
        let got = overlay(layer(&[("cert", "d")]), layer(&lower));
        assert_eq!(got.tls.key_command.as_deref(), Some("vault"));
        let got = overlay(layer(&[("key-command", "vault")]), layer(&[("cert", "c"), ("key", "k")]));
        assert_eq!((got.tls.cert, got.tls.key), (Some("c".into()), None));
    }

    #[test]
    fn an_upper_host_keeps_the_lower_port() {
        let got = overlay(layer(&[("host", "a")]), layer(&[("host", "b"), ("port", "9")]));
        assert_eq!((got.server.host.as_deref(), got.server.port), (Some("a"), Some(9)));
    }

    #[test]
    fn port_and_layers_are_laid_onto_the_url_below() {
        for (upper, url, expected) in [
            (("port", "1884"), "mqtts://me@a:9", "mqtts://me@a:1884"),
            (("port", "8883"), "mqtt://a/topic", "mqtts://a:8883/topic"),
            (("tls", "true"), "mqtt://a", "mqtts://a"),
            (("tls", "false"), "wss://a/path", "ws://a/path"),
            (("no-tls", "true"), "mqtts://a", "mqtt://a"),
            (("ws", "true"), "mqtts://a", "wss://a"),
            (("cafile", "ca.pem"), "mqtt://a:9", "mqtts://a:9"),
            (("keepalive", "9"), "mqtts://a", "mqtts://a"),
            (("cafile", "ca.pem"), "unix:///s", "unix:///s"),
        ] {
            let got = overlay(layer(&[upper]), layer(&[("url", url)]));
            assert_eq!(got.server.url.map(|url| url.to_string()).as_deref(), Some(expected), "{upper:?}");
            assert_eq!((got.server.port, got.server.ws, got.tls.tls), (None, None, None), "{upper:?}");
        }
    }

    #[test]
    fn a_socket_gives_way_to_what_it_has_not() {
        for upper in [("port", "1884"), ("tls", "true"), ("ws", "true")] {
            let got = overlay(layer(&[upper]), layer(&[("url", "unix:///s")]));
            assert_eq!(got.server.url, None, "{upper:?}");
            assert_eq!(overlay(layer(&[upper]), layer(&[("unix", "/s")])).server.unix, None, "{upper:?}");
        }
        let got = overlay(layer(&[("unix", "/s")]), layer(&[("proxy", "socks5h://p"), ("srv", "true")]));
        assert_eq!((got.server.proxy, got.server.srv), (None, None));
    }

    #[test]
    fn records_of_a_domain_and_a_port_hide_each_other() {
        let got = overlay(layer(&[("srv", "true")]), layer(&[("port", "1"), ("proxy", "socks5h://p")]));
        assert_eq!((got.server.srv, got.server.port, got.server.proxy), (Some(true), None, None));
        let got = overlay(layer(&[("port", "1")]), layer(&[("srv", "true")]));
        assert_eq!((got.server.srv, got.server.port), (None, Some(1)));
    }

    #[test]
    fn a_password_source_hides_every_one_below() {
        let got = overlay(layer(&[("password-file", "f")]), layer(&[("password", "x")]));
        assert_eq!(password(&got), None);
        let got = overlay(layer(&[("password", "x")]), layer(&[("password-command", "c")]));
        assert_eq!((password(&got), got.login.password_command.as_deref()), (Some("x"), None));
    }

    #[test]
    fn a_password_goes_with_its_user_name_only() {
        let lower = layer(&[("username", "alice"), ("password", "hers")]);
        assert_eq!(password(&overlay(layer(&[("username", "bob")]), lower.clone())), None);
        assert_eq!(password(&overlay(layer(&[("username", "alice")]), lower)), Some("hers"));
        // The environment gives a password for whoever the command line names.
        let got = overlay(layer(&[("username", "bob")]), layer(&[("password", "p")]));
        assert_eq!(password(&got), Some("p"));
        let got = overlay(layer(&[("username", "bob")]), layer(&[("url", "mqtt://alice:hers@a")]));
        assert_eq!((got.login.username.as_deref(), password(&got)), (Some("bob"), None));
    }

    #[test]
    fn the_options_of_a_layer_win_over_its_url() {
        let mut args = layer(&[("url", "mqtt://alice:hers@a"), ("username", "bob"), ("password", "his")]);
        take_login_of_url(&mut args);
        assert_eq!((args.login.username.as_deref(), password(&args)), (Some("bob"), Some("his")));
    }

    #[test]
    fn identifiers_and_families_hide_each_other() {
        let got = overlay(layer(&[("id-prefix", "p")]), layer(&[("id", "a")]));
        assert_eq!((got.session.id, got.session.id_prefix.as_deref()), (None, Some("p")));
        let got = overlay(layer(&[("ipv6", "1")]), layer(&[("ipv4", "1")]));
        assert_eq!((got.server.ipv4, got.server.ipv6), (None, Some(true)));
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let variable = |name: &str| (name == "MQT_PORT").then(|| "x".into());
        let environment = Environment {
            variable: &variable,
            names: &Vec::new,
            config_dir: None,
            stderr_is_terminal: false,
            is_interactive: false,
            read_stdin: &|| Ok(Vec::new()),
            ask: &|_| Ok(String::new()),
            process_id: 1,
        };
        let failure = read_environment(&environment).unwrap_err();
        assert_eq!(failure.what, "MQT_PORT: 'x': not a whole number");
    }
}
